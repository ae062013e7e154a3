-- The tables and the views over them belong to the user: ordinary objects, made by this function, which CREATE EXTENSION calls unless a dump brings them.
CREATE FUNCTION @extschema@.install_campaign_tables() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $install$
BEGIN
IF to_regclass('@extschema@.campaign_tables_version') IS NOT NULL THEN
	PERFORM @extschema@._check_campaign_tables();
ELSE
