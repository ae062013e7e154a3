-- Keep the row of another server out of campaign_activation. A publication FOR ALL TABLES has this table, too, and the
-- databases of two servers often have the same oid. An update runs this as well.

CREATE FUNCTION campaign_lifecycle_internal._ignore_replicated_row() RETURNS trigger
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._ignore_replicated_row() IS
	'BEFORE trigger of campaign_activation: suppresses what logical replication applies.';

CREATE TRIGGER ignore_replicated_row BEFORE INSERT OR UPDATE OR DELETE ON @extschema@.campaign_activation
	FOR EACH ROW EXECUTE FUNCTION campaign_lifecycle_internal._ignore_replicated_row();
ALTER TABLE @extschema@.campaign_activation ENABLE REPLICA TRIGGER ignore_replicated_row;
