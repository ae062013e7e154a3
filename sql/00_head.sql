-- campaign_lifecycle: head of the install script. Runs first, before any object of ours exists: finds what would clash and says where else to go,
-- then makes the bookkeeping that belongs to the extension itself and that no dump carries.

\echo Use "CREATE EXTENSION campaign_lifecycle" to load this file. \quit

-- The server runs this script with the extension's schema first, where others may have put functions and operators that fit better than the server's own.
SET LOCAL search_path = pg_catalog, pg_temp;

DO $clash$
DECLARE
	clash text;
BEGIN
	SELECT pg_catalog.format('function %s', p.oid::pg_catalog.regprocedure)
	INTO clash
	FROM pg_catalog.pg_proc AS p
	WHERE p.pronamespace = '@extschema@'::pg_catalog.regnamespace
		AND p.proname IN ('update_updated_at_column', 'log_campaign_state_change', 'validate_timer_schedule', 'validate_state_transition',
			'create_monthly_partitions', 'archive_old_state_logs', 'cleanup_timer_executions', 'create_campaign', 'install_campaign_tables')
	ORDER BY p.proname
	LIMIT 1;
	IF clash IS NULL AND pg_catalog.to_regclass('@extschema@.campaign_tables_version') IS NULL
		AND pg_catalog.current_setting('row_security')::pg_catalog.bool THEN
		SELECT pg_catalog.format('relation %s', r.name)
		INTO clash
		FROM pg_catalog.unnest(ARRAY['campaigns', 'campaign_timers', 'campaign_state_log', 'campaign_metrics', 'timer_executions',
			'campaign_state_transitions', 'campaign_timer_policies', 'campaign_timer_handlers', 'campaign_state_log_archive', 'campaign_maintenance_jobs',
			'mv_active_campaigns', 'mv_pending_timers']) AS r (name)
		WHERE pg_catalog.to_regclass('@extschema@.' || r.name) IS NOT NULL
		LIMIT 1;
	END IF;
	IF clash IS NOT NULL THEN
		RAISE EXCEPTION 'schema "%" already holds an object that campaign_lifecycle would make: %', pg_catalog.replace('@extschema@', '"', ''), clash
			USING ERRCODE = 'duplicate_object',
				HINT = 'Nothing was changed. Install into a schema of its own: CREATE SCHEMA lifecycle; CREATE EXTENSION campaign_lifecycle SCHEMA lifecycle;';
	END IF;
END
$clash$;

CREATE TABLE @extschema@.campaign_activation (
	database_oid oid PRIMARY KEY,
	paused boolean NOT NULL DEFAULT false,
	changed_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE @extschema@.campaign_activation IS
	'Says that timers fire in this database: a row with this database''s own oid that is not paused. Dumps do not carry it and a database made from a template holds a foreign oid, so every copy starts paused. Written by pause_timers() and resume_timers().';

CREATE UNLOGGED TABLE @extschema@.campaign_clean_run (
	since timestamp with time zone NOT NULL
);
COMMENT ON TABLE @extschema@.campaign_clean_run IS
	'Holds one row while the server has not crashed. Crash recovery empties it, as it does every unlogged table; then the timers that were due run marked and one by one, so that one that brings the server down is found.';
