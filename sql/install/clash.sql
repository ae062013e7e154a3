-- Refuse a schema that holds objects of our names, before anything is made in it. The hint offers another schema.

DO $clash$
DECLARE
	clash text;
BEGIN
	SELECT pg_catalog.format('function %s', p.oid::pg_catalog.regprocedure)
	INTO clash
	FROM pg_catalog.pg_proc AS p
	WHERE p.pronamespace = '@extschema@'::pg_catalog.regnamespace
		AND p.proname IN ('update_updated_at_column', 'log_campaign_state_change', 'validate_timer_schedule',
			'validate_state_transition', 'create_monthly_partitions', 'archive_old_state_logs', 'cleanup_timer_executions',
			'create_campaign', 'install_campaign_tables')
	ORDER BY p.proname
	LIMIT 1;
	IF clash IS NULL AND pg_catalog.to_regclass('@extschema@.campaign_tables_version') IS NULL
		AND pg_catalog.current_setting('row_security')::pg_catalog.bool THEN
		SELECT pg_catalog.format('relation %s', r.name)
		INTO clash
		FROM campaign_lifecycle_internal._campaign_relation_names() AS r
		WHERE NOT r.is_member AND pg_catalog.to_regclass(pg_catalog.format('@extschema@.%I', r.name)) IS NOT NULL
		ORDER BY r.lock_order
		LIMIT 1;
	END IF;
	IF clash IS NOT NULL THEN
		RAISE EXCEPTION 'schema "%" already holds an object that campaign_lifecycle would make: %',
			pg_catalog.replace('@extschema@', '"', ''), clash
			USING ERRCODE = 'duplicate_object',
				HINT = 'Nothing was changed. Install into a schema of its own: '
					'CREATE SCHEMA lifecycle; CREATE EXTENSION campaign_lifecycle SCHEMA lifecycle;';
	END IF;
END
$clash$;
