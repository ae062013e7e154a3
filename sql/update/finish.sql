-- Bring the tables up to date, where there are any, and give back what depends on the functions that were made anew.

DO $update$
BEGIN
	IF to_regclass('@extschema@.campaign_tables_version') IS NOT NULL THEN
		PERFORM @extschema@.upgrade_campaign_tables();
	END IF;
END
$update$;

-- A role that may resume timers may write the new column.
DO $grant$
DECLARE
	item record;
BEGIN
	FOR item IN
		SELECT DISTINCT a.grantee::regrole AS role
		FROM pg_attribute AS c
		CROSS JOIN LATERAL aclexplode(c.attacl) AS a
		WHERE c.attrelid = '@extschema@.campaign_activation'::regclass AND c.attname = 'paused' AND a.grantee <> 0
			AND a.privilege_type = 'UPDATE'
	LOOP
		PERFORM campaign_lifecycle_internal._run_outside_script(format(
			'GRANT INSERT (tables_id), UPDATE (tables_id) ON TABLE %s TO %s', '@extschema@.campaign_activation'::regclass,
			item.role));
	END LOOP;
END
$grant$;

-- A role that may execute a level's function has that level, and needs the internal functions that the level calls now.
DO $grant$
DECLARE
	item record;
BEGIN
	FOR item IN
		SELECT DISTINCT a.grantee::regrole AS role, f.routine
		FROM (VALUES
			('reader', '@extschema@.campaign_health()'::regprocedure),
			('writer', '@extschema@.schedule_campaign_timers(uuid)'),
			('operator', '@extschema@.pause_timers()')) AS l (access, known_by)
		JOIN pg_proc AS p ON p.oid = l.known_by
		CROSS JOIN LATERAL aclexplode(p.proacl) AS a
		CROSS JOIN LATERAL campaign_lifecycle_internal._campaign_functions(l.access) AS f (routine)
		WHERE a.grantee NOT IN (0, p.proowner) AND a.privilege_type = 'EXECUTE'
	LOOP
		IF NOT has_schema_privilege(item.role, 'campaign_lifecycle_internal', 'USAGE') THEN
			PERFORM campaign_lifecycle_internal._run_outside_script(
				format('GRANT USAGE ON SCHEMA campaign_lifecycle_internal TO %s', item.role));
		END IF;
		IF NOT has_function_privilege(item.role, item.routine, 'EXECUTE') THEN
			PERFORM campaign_lifecycle_internal._run_outside_script(
				format('GRANT EXECUTE ON ROUTINE %s TO %s', item.routine, item.role));
		END IF;
	END LOOP;
END
$grant$;

DO $grant$
DECLARE
	runner regrole;
BEGIN
	FOREACH runner IN ARRAY current_setting('campaign_lifecycle_update.runners')::regrole[] LOOP
		PERFORM campaign_lifecycle_internal._run_outside_script(format(
			'GRANT EXECUTE ON FUNCTION @extschema@.run_due_timers(integer, timestamptz) TO %s', runner));
	END LOOP;
END
$grant$;

-- The jobs that pg_cron runs call functions by name, and some of these were in the extension's schema.
DO $cron$
DECLARE
	has_old_jobs boolean := false;
BEGIN
	IF EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron') THEN
		EXECUTE 'SELECT EXISTS (
				SELECT FROM cron.job AS c
				WHERE c.database = current_database() AND c.jobname IN (''refresh-active-campaigns'', ''refresh-pending-timers'',
						''cleanup-finished-timers'', ''cleanup-metrics'')
					AND c.command ~ ''\._(refresh_if_changed|cleanup_finished_timers|cleanup_metrics)\('')'
			INTO has_old_jobs;
	END IF;
	IF has_old_jobs THEN
		PERFORM @extschema@.schedule_maintenance();
	END IF;
EXCEPTION WHEN OTHERS THEN
	RAISE WARNING 'the maintenance jobs of pg_cron call functions of campaign_lifecycle 1.1: %', SQLERRM
		USING HINT = 'Call schedule_maintenance() again.';
END
$cron$;
