-- pg_cron instead of the worker. It lives in one database of the server; its jobs run as the role that owns the tables.

-- Every argument is written with its type, so that no overload in the schema fits a call better than our function.
CREATE FUNCTION campaign_lifecycle_internal._maintenance_commands() RETURNS TABLE (job text, schedule text,
	command text)
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT j.job, j.schedule, 'SELECT ' || CASE j.job
			WHEN 'create-monthly-partitions' THEN
				'@extschema@.' || format('create_monthly_partitions(%s, pg_catalog.now())', j.months_ahead)
			WHEN 'refresh-active-campaigns' THEN
				format('campaign_lifecycle_internal._refresh_if_changed(%L::pg_catalog.regclass)',
					'@extschema@.mv_active_campaigns')
			WHEN 'refresh-pending-timers' THEN
				format('campaign_lifecycle_internal._refresh_if_changed(%L::pg_catalog.regclass)', '@extschema@.mv_pending_timers')
			WHEN 'archive-state-logs' THEN
				'@extschema@.' || format('archive_old_state_logs(%L::pg_catalog.interval, pg_catalog.now())', j.retention)
			WHEN 'cleanup-timer-executions' THEN
				'@extschema@.' || format('cleanup_timer_executions(%L::pg_catalog.interval, pg_catalog.now(), '
					'NULL::pg_catalog.int8)',
					j.retention)
			WHEN 'cleanup-campaign-changes' THEN
				'@extschema@.' || format('cleanup_campaign_changes(%L::pg_catalog.interval, pg_catalog.now(), '
					'NULL::pg_catalog.int8)',
					j.retention)
			WHEN 'cleanup-finished-timers' THEN
				format('campaign_lifecycle_internal._cleanup_finished_timers(%L::pg_catalog.interval, pg_catalog.now())',
					j.retention)
			WHEN 'cleanup-metrics' THEN
				format('campaign_lifecycle_internal._cleanup_metrics(%L::pg_catalog.interval, pg_catalog.now())', j.retention) END
					|| ';'
	FROM ONLY @extschema@.campaign_maintenance_jobs AS j
	WHERE j.enabled
	ORDER BY j.job
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._maintenance_commands() IS 'The enabled jobs as pg_cron runs them.';

CREATE FUNCTION campaign_lifecycle_internal._maintenance_commands_as_owner(OUT job text, OUT schedule text,
	OUT command text) RETURNS SETOF record
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_maintenance_as_owner';
COMMENT ON FUNCTION campaign_lifecycle_internal._maintenance_commands_as_owner() IS
	'_maintenance_commands() with the rights of the tables'' owner. Errors: 42501 for who has not these rights.';

CREATE FUNCTION campaign_lifecycle_internal._set_cron_database(cron_database oid) RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
#variable_conflict use_variable
DECLARE
	n bigint;
BEGIN
	UPDATE ONLY @extschema@.campaign_maintenance_jobs AS j SET cron_database = cron_database
		WHERE j.cron_database IS DISTINCT
		FROM cron_database;
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN n;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._set_cron_database(oid) IS
	'Writes down whose pg_cron runs the jobs, NULL: the worker does. Returns how many jobs that changes.';

-- pg_cron's tables are written as the caller, and the campaign tables as their owner. Neither gets the privileges of
-- the other. The names of the jobs are constants, because the tables' owner could write others into the table.
CREATE FUNCTION campaign_lifecycle_internal._unschedule_jobs() RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	n bigint;
BEGIN
	-- By number: a name is looked up among the jobs of the current user only.
	EXECUTE 'SELECT count(cron.unschedule(c.jobid)) FROM cron.job AS c
		WHERE c.database = current_database() AND c.jobname IN (''create-monthly-partitions'', ''refresh-active-campaigns'',
				''refresh-pending-timers'',
				''archive-state-logs'', ''cleanup-timer-executions'', ''cleanup-campaign-changes'',
				''cleanup-finished-timers'', ''cleanup-metrics'')
			AND c.username IN (current_user, pg_get_userbyid((
				SELECT t.relowner FROM pg_class AS t WHERE t.oid = ''@extschema@.campaign_timers''::regclass)))'
		INTO n;
	RETURN n;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._unschedule_jobs() IS
	'Removes this database''s jobs from pg_cron; returns how many there were.';

CREATE FUNCTION @extschema@.schedule_maintenance() RETURNS boolean
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
DECLARE
	home text := current_setting('cron.database_name', true);
	here constant boolean := EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron');
	owner record;
	job record;
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	IF NOT here AND home IS NULL THEN
		RAISE NOTICE 'pg_cron is not loaded on this server: the worker goes on doing the maintenance'
			USING HINT = 'To use it, add pg_cron to shared_preload_libraries, restart, and CREATE EXTENSION pg_cron in the '
				'database that cron.database_name names.';
		RETURN false;
	ELSIF NOT here AND home = current_database() THEN
		RAISE NOTICE 'the extension pg_cron is not installed in this database: the worker goes on doing the maintenance'
			USING HINT = 'CREATE EXTENSION pg_cron; and call schedule_maintenance() again.';
		RETURN false;
	END IF;

	SELECT r.rolname AS name, r.rolcanlogin AS can_login
	INTO owner
	FROM pg_class AS c JOIN pg_roles AS r ON r.oid = c.relowner
	WHERE c.oid = '@extschema@.campaign_timers'::regclass;
	IF NOT owner.can_login THEN
		RAISE EXCEPTION 'pg_cron cannot run jobs as role %, which owns the campaign tables and may not log in',
			quote_ident(owner.name)
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'Leave maintenance to the worker, or ALTER ROLE ... LOGIN.';
	END IF;
	IF NOT here THEN
		RAISE NOTICE 'pg_cron works in database %: the worker goes on doing the maintenance of this one', quote_ident(home)
			USING HINT = format(E'To hand it over, run in database %I:\n%s\nand in this one, as %I:\nUPDATE %s SET enabled = '
				'false;', home,
				(SELECT string_agg(format('SELECT cron.schedule_in_database(%L, %L, %L, %L, %L);', c.job || '-'
					|| current_database(), c.schedule, c.command,
						current_database(), owner.name), E'\n')
					FROM campaign_lifecycle_internal._maintenance_commands_as_owner() AS c),
				owner.name, '@extschema@.campaign_maintenance_jobs');
		RETURN false;
	END IF;
	PERFORM campaign_lifecycle_internal._unschedule_jobs();
	FOR job IN SELECT c.job, c.schedule, c.command
		FROM campaign_lifecycle_internal._maintenance_commands_as_owner() AS c LOOP
		IF owner.name = current_user THEN
			EXECUTE 'SELECT cron.schedule($1, $2, $3)' USING job.job, job.schedule, job.command;
		ELSE
			EXECUTE 'SELECT cron.schedule_in_database($1, $2, $3, $4, $5)' USING job.job, job.schedule, job.command,
				current_database()::text, owner.name::text;
		END IF;
	END LOOP;
	PERFORM campaign_lifecycle_internal._run_maintenance_as_owner('set_cron_database', NULL::timestamptz, NULL::interval,
		(SELECT d.oid::bigint FROM pg_database AS d WHERE d.datname = current_database()));
	RETURN true;
END
$$;
COMMENT ON FUNCTION @extschema@.schedule_maintenance() IS
	'Hands the maintenance to pg_cron: in its own database schedules the enabled rows of campaign_maintenance_jobs '
	'under their names, as the owner of the tables, and the worker leaves them alone; call it again after editing the '
	'table, and after set_campaign_owner(). Elsewhere returns false and says in a hint what to call where; the worker '
	'goes on. Returns true if scheduled. Reads and writes the table as its owner, pg_cron''s as the caller. Errors: '
	'42501, 55000 when the owner of the tables may not log in; those of pg_cron. Since 1.1.';

CREATE FUNCTION @extschema@.unschedule_maintenance() RETURNS boolean
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
DECLARE
	removed bigint := 0;
	taken bigint;
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	IF EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron') THEN
		removed := campaign_lifecycle_internal._unschedule_jobs();
	END IF;
	taken := campaign_lifecycle_internal._run_maintenance_as_owner('set_cron_database', NULL::timestamptz, NULL::interval,
		NULL::bigint);
	RETURN removed > 0 OR taken > 0;
END
$$;
COMMENT ON FUNCTION @extschema@.unschedule_maintenance() IS
	'Takes the maintenance back from pg_cron: removes this database''s jobs there, and the worker does them again. '
	'Returns whether there was anything to take back. Reads and writes the table as its owner, pg_cron''s as the '
	'caller. Errors: 42501. Since 1.1.';
