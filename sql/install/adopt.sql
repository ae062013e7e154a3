-- CREATE EXTENSION over tables that DROP EXTENSION left: take them over only if they are ours.

CREATE FUNCTION campaign_lifecycle_internal._check_campaign_tables(adopts boolean) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	stranger text;
	missing text;
BEGIN
	SELECT format('%s owned by %s', c.oid::regclass, quote_ident(pg_get_userbyid(c.relowner)))
	INTO stranger
	FROM pg_class AS c
	WHERE c.relnamespace = '@extschema@'::regnamespace
		AND c.relname IN (SELECT r.name FROM campaign_lifecycle_internal._campaign_relation_names() AS r
			WHERE NOT r.is_member)
		AND c.relowner <> (SELECT u.oid FROM pg_roles AS u WHERE u.rolname = current_user)
		AND NOT (SELECT u.rolsuper FROM pg_roles AS u WHERE u.oid = c.relowner)
		-- set_campaign_owner() has given the tables to this role.
		AND (adopts OR NOT has_function_privilege(c.relowner, 'campaign_lifecycle_internal._upgrade_campaign_tables()',
			'EXECUTE'))
	LIMIT 1;
	IF stranger IS NOT NULL THEN
		RAISE EXCEPTION 'campaign tables in schema "%" belong to another role: %', replace('@extschema@', '"', ''), stranger
			USING ERRCODE = 'insufficient_privilege',
				HINT = 'If you trust that role, make the tables yours (ALTER TABLE ... OWNER TO CURRENT_USER) and give them back '
					'with set_campaign_owner(); otherwise install into another schema: CREATE EXTENSION campaign_lifecycle SCHEMA '
					'other;';
	END IF;

	SELECT w.name || '.' || w.attribute
	INTO missing
	FROM (
		SELECT r.name, r.relkind, a.attribute
		FROM campaign_lifecycle_internal._campaign_relation_names() AS r
		CROSS JOIN LATERAL unnest(r.columns) AS a (attribute)) AS w
	WHERE NOT EXISTS (
		SELECT FROM pg_class AS c JOIN pg_attribute AS f ON f.attrelid = c.oid
		WHERE c.relnamespace = '@extschema@'::regnamespace AND c.relname = w.name AND c.relkind::text = w.relkind
			AND f.attname = w.attribute AND NOT f.attisdropped)
	LIMIT 1;
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION 'tables in schema "%" are not those of campaign_lifecycle: % is missing',
			replace('@extschema@', '"', ''), missing
			USING ERRCODE = 'duplicate_table',
				HINT = 'Nothing was changed. Install into another schema: CREATE EXTENSION campaign_lifecycle SCHEMA other;';
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._check_campaign_tables(boolean) IS
	'Raises unless the campaign tables found belong to the current user or a superuser, or, unless CREATE EXTENSION '
	'adopts them, to the role of set_campaign_owner() (42501), and have the shape of ours (42P07).';
