-- Checks of campaign_health() that read the campaign tables, as their owner or as the caller.

CREATE FUNCTION campaign_lifecycle_internal._health_tables(as_of timestamp with time zone)
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, MDY' AS $$
DECLARE
	functions_version text;
	tables_version text;
	found_text text;
	owner_is_superuser boolean;
	ahead integer := -1;
	wanted integer := 2;
	month timestamptz := date_trunc('month', as_of);
	n bigint;
BEGIN
	SELECT e.extversion INTO functions_version FROM pg_extension AS e WHERE e.extname = 'campaign_lifecycle';
	IF has_table_privilege('@extschema@.campaign_tables_version', 'SELECT') THEN
		SELECT v.version INTO tables_version FROM @extschema@.campaign_tables_version AS v;
	ELSE
		tables_version := functions_version;
		found_text := 'unknown: this role may not read campaign_tables_version.';
	END IF;
	RETURN QUERY SELECT 'tables_version',
		CASE WHEN tables_version = functions_version THEN 'ok' ELSE 'critical' END, coalesce(tables_version, 'none'),
			functions_version,
		CASE WHEN found_text IS NOT NULL THEN found_text
			WHEN tables_version = functions_version THEN 'The tables are of the version of the functions.'
			ELSE format('The tables are of version %s, the functions of version %s, as after restoring an older dump: call '
				'upgrade_campaign_tables(), then resume_timers().',
				coalesce(tables_version, 'unknown'), functions_version) END;

	SELECT string_agg(format('%s owns %s', o.owner, o.relations), '; ' ORDER BY o.owner), count(*)
	INTO found_text, n
	FROM (
		SELECT c.relowner::regrole::text AS owner, string_agg(r.relation::text, ', ' ORDER BY r.lock_order) AS relations
		FROM campaign_lifecycle_internal._campaign_relations() AS r
		JOIN pg_class AS c ON c.oid = r.relation
		WHERE NOT r.is_member
		GROUP BY c.relowner) AS o;
	RETURN QUERY SELECT 'table_owner',
		CASE WHEN n = 1 THEN 'ok' ELSE 'critical' END, n::text, '1',
		CASE WHEN n = 1 THEN 'All tables have one owner, as whom the worker writes.'
			ELSE format('The worker writes as one role, but %s. Call set_campaign_owner(role) to give all of them to one.',
				left(found_text, 1000)) END;

	-- A role with TRIGGER on a table can run code with the privileges of roles that write it. The worker writes as the
	-- tables' owner.
	SELECT string_agg(DISTINCT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END, ', '),
		count(DISTINCT a.grantee), bool_or(o.rolsuper)
	INTO found_text, n, owner_is_superuser
	FROM campaign_lifecycle_internal._campaign_relations() AS r
	JOIN pg_class AS c ON c.oid = r.relation
	JOIN pg_roles AS o ON o.oid = c.relowner
	CROSS JOIN LATERAL aclexplode(c.relacl) AS a
	WHERE c.relkind IN ('r', 'p') AND a.privilege_type = 'TRIGGER' AND a.grantee <> c.relowner
		AND NOT coalesce((SELECT g.rolsuper FROM pg_roles AS g WHERE g.oid = a.grantee), false);
	RETURN QUERY SELECT 'trigger_privilege',
		CASE WHEN n > 0 AND owner_is_superuser THEN 'critical' WHEN n > 0 THEN 'warning' ELSE 'ok' END, n::text, '0',
		CASE WHEN n = 0 THEN 'Nobody but the owner may add triggers to the tables.'
			WHEN owner_is_superuser THEN format('%s may add triggers to tables of a superuser, which then run as that '
				'superuser: REVOKE TRIGGER, and give the tables to a plain role by set_campaign_owner(role).', found_text)
			ELSE format('%s may add triggers to the tables, which then run as the tables'' owner: REVOKE TRIGGER unless that '
				'is meant.', found_text) END;

	SELECT string_agg(r.relation::text, ', ' ORDER BY r.lock_order), count(*)
	INTO found_text, n
	FROM campaign_lifecycle_internal._campaign_relations() AS r
	JOIN pg_class AS c ON c.oid = r.relation
	JOIN pg_roles AS o ON o.oid = c.relowner
	WHERE c.relrowsecurity AND c.relforcerowsecurity AND NOT (o.rolsuper OR o.rolbypassrls);
	RETURN QUERY SELECT 'row_security',
		CASE WHEN n = 0 THEN 'ok' ELSE 'critical' END, n::text, '0',
		CASE WHEN n = 0 THEN 'Row level security does not stand between the worker and the tables.'
			ELSE format('Row level security is forced upon the owner of %s, so the worker''s statements fail: ALTER TABLE ... '
				'NO FORCE ROW LEVEL SECURITY.', found_text) END;

	SELECT string_agg(format('%s on %s', t.tgname, t.tgrelid::regclass), ', ' ORDER BY t.tgname), count(*)
	INTO found_text, n
	FROM pg_trigger AS t
	WHERE t.tgrelid IN ('@extschema@.campaigns'::regclass, '@extschema@.campaign_timers'::regclass) AND NOT t.tgisinternal
		AND t.tgfoid IN (SELECT p.oid FROM pg_proc AS p WHERE p.pronamespace = '@extschema@'::regnamespace
			AND p.proname IN ('update_updated_at_column',
			'log_campaign_state_change', 'validate_timer_schedule', 'validate_state_transition', 'fill_campaign_end_time',
				'_wake_worker'))
		AND t.tgenabled <> CASE WHEN t.tgname LIKE 'wake\_worker\_%' THEN 'A' ELSE 'O' END::"char";
	RETURN QUERY SELECT 'triggers',
		CASE WHEN n = 0 THEN 'ok' ELSE 'warning' END, n::text, '0',
		CASE WHEN n = 0 THEN 'The triggers of the tables are enabled as they were made.'
			ELSE format('Disabled, or not in the mode they were made in: %s. resume_timers() restores the wake-up; ALTER TABLE '
				'... ENABLE TRIGGER the others.', found_text) END;

	IF coalesce(has_table_privilege(to_regclass('@extschema@.campaign_maintenance_jobs'), 'SELECT'), false) THEN
		SELECT least(wanted, min(j.months_ahead)) INTO wanted FROM @extschema@.campaign_maintenance_jobs AS j;
	END IF;
	-- Months from this one on that have a partition without a gap; bounds are read in UTC.
	WHILE EXISTS (
		SELECT
		FROM pg_inherits AS i
		JOIN pg_class AS c ON c.oid = i.inhrelid
		CROSS JOIN LATERAL (SELECT pg_get_expr(c.relpartbound, c.oid) AS bound) AS b
		WHERE i.inhparent = '@extschema@.campaign_state_log'::regclass AND b.bound <> 'DEFAULT'
			AND coalesce(substring(b.bound FROM 'FROM \(''([^'']+)''\)')::timestamptz, '-infinity') <= month
			AND coalesce(substring(b.bound FROM 'TO \(''([^'']+)''\)')::timestamptz, 'infinity') >= month + interval '1 month')
				AND ahead < 1200
	LOOP
		ahead := ahead + 1;
		month := month + interval '1 month';
	END LOOP;
	RETURN QUERY SELECT 'partitions_ahead',
		CASE WHEN ahead >= wanted THEN 'ok' WHEN ahead >= 1 THEN 'warning' ELSE 'critical' END, greatest(ahead, 0)::text,
			wanted::text,
		CASE WHEN ahead >= wanted THEN 'The log has its partitions for the months ahead.'
			ELSE CASE WHEN ahead < 0 THEN 'This month has no partition of its own'
				ELSE format('Months ahead of this one that have a partition: %s', ahead) END
				|| '; what has none goes into the default partition. Call create_monthly_partitions(); if it fails, its error '
					'says why. The worker does so by itself while it runs.' END;

	IF NOT has_table_privilege('@extschema@.campaign_state_log_default', 'SELECT') THEN
		RETURN QUERY SELECT 'default_partition', 'ok', 'unknown', '0',
			'unknown: this role may not read campaign_state_log_default.';
		RETURN;
	END IF;
	SELECT count(*) INTO n FROM (SELECT FROM @extschema@.campaign_state_log_default AS l LIMIT 1001) AS l;
	RETURN QUERY SELECT 'default_partition',
		CASE WHEN n = 0 THEN 'ok' ELSE 'warning' END, CASE WHEN n > 1000 THEN 'over 1000' ELSE n::text END, '0',
		CASE WHEN n = 0 THEN 'No log row is without a month.'
			ELSE 'Log rows of months without a partition wait in campaign_state_log_default: create_monthly_partitions() makes '
			'the months and moves them.' END;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._health_tables(timestamptz) IS
	'The checks tables_version, table_owner, trigger_privilege, row_security, triggers, partitions_ahead and '
	'default_partition of campaign_health().';

CREATE FUNCTION campaign_lifecycle_internal._health_timers(as_of timestamp with time zone)
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
		SET enable_sort = off
	SET enable_incremental_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	attempts constant integer := coalesce(current_setting('campaign_lifecycle.max_attempts', true), '@attempt_limit@');
	paused boolean := false;
	n bigint;
	oldest timestamptz;
	attempted bigint;
	failed bigint;
	worst interval;
	median interval;
BEGIN
	IF coalesce(current_setting('campaign_lifecycle.enabled', true), 'on') = 'off' THEN
		paused := true;
	ELSIF coalesce(has_table_privilege('@extschema@.campaign_activation', 'SELECT'), false) THEN
		paused := NOT EXISTS (SELECT FROM @extschema@.campaign_activation AS a JOIN pg_database AS d ON d.oid = a.database_oid
			WHERE d.datname = current_database() AND NOT a.paused);
	END IF;

	-- A timer that waits for an earlier one of its campaign is not counted.
	SELECT count(*), min(q.scheduled_at)
	INTO n, oldest
	FROM (
		SELECT q.scheduled_at FROM (
			SELECT r.scheduled_at
			FROM @extschema@._runnable_timers AS r
			WHERE r.status = 'PENDING' AND r.scheduled_at <= as_of - interval '1 minute'
			ORDER BY r.scheduled_at
			LIMIT 1001) AS q
		UNION ALL
		SELECT q.scheduled_at FROM (
			SELECT r.scheduled_at
			FROM @extschema@._runnable_timers AS r
			WHERE r.status = 'FAILED' AND r.retry_count < @attempt_limit@ AND r.retry_count < attempts
				AND r.scheduled_at <= as_of - interval '1 minute'
			ORDER BY r.scheduled_at, r.retry_count
			LIMIT 1001) AS q) AS q;
	RETURN QUERY SELECT 'overdue_timers',
		CASE WHEN n = 0 THEN 'ok' WHEN paused OR oldest >= as_of - interval '10 minutes' THEN 'warning' ELSE 'critical' END,
		CASE WHEN n > 1000 THEN 'over 1000' ELSE n::text END, '0 due for a minute; critical: for 10 minutes',
		CASE WHEN n = 0 THEN 'No timer is overdue.'
			WHEN paused THEN format('The oldest is due since %s; this database is paused: see activation and launcher.', oldest)
			ELSE format('The oldest is due since %s. ', oldest)
				|| coalesce(campaign_lifecycle_internal._overdue_holder(as_of), 'See worker; upcoming_timers shows which wait and '
					'why; if the worker runs, it is too slow: campaign_workers shows its batches.') END;

	SELECT count(*)
	INTO n
	FROM (
		SELECT
		FROM @extschema@.campaign_timers AS t
		WHERE t.status IN ('PENDING', 'FAILED') AND t.status = 'FAILED' AND t.retry_count >= attempts
		LIMIT 1001) AS q;
	RETURN QUERY SELECT 'dead_letters',
		CASE WHEN n = 0 THEN 'ok' WHEN n < 100 THEN 'warning' ELSE 'critical' END, CASE WHEN n > 1000 THEN 'over 1000'
			ELSE n::text END, '0; critical: 100',
		CASE WHEN n = 0 THEN 'No timer is dead.'
			ELSE 'Timers have failed at every attempt: dead_timers shows each with its last error. Remove the cause, then '
				'retry_timer(), or cancel_timer().' END;

	-- The newest attempts of the last hour, 10,000 at most.
	SELECT count(*), count(*) FILTER (WHERE q.status = 'FAILED')
	INTO attempted, failed
	FROM (
		SELECT e.status
		FROM @extschema@.timer_executions AS e
		WHERE e.started_at > as_of - interval '1 hour' AND e.started_at <= as_of
		ORDER BY e.started_at DESC
		LIMIT 10000) AS q;
	RETURN QUERY SELECT 'failure_rate',
		CASE WHEN failed = 0 OR failed < 0.05 * attempted THEN 'ok' WHEN failed < 0.25 * attempted OR attempted < 20
			THEN 'warning' ELSE 'critical' END,
		format('%s of %s', failed, attempted), '5%; critical: 25%',
		CASE WHEN attempted = 0 THEN 'No attempt within the last hour.'
			WHEN failed = 0 THEN 'No attempt of the last hour failed.'
			ELSE 'Attempts of the last hour that failed (the newest 10000): failed_timers and dead_timers show the errors.' END;

	SELECT max(q.lateness), percentile_cont(0.5) WITHIN GROUP (ORDER BY q.lateness)
	INTO worst, median
	FROM (
		SELECT t.executed_at - t.scheduled_at AS lateness
		FROM (
			SELECT e.timer_id
			FROM @extschema@.timer_executions AS e
			WHERE e.started_at > as_of - interval '1 hour' AND e.started_at <= as_of
			ORDER BY e.started_at DESC
			LIMIT 1000) AS e
		JOIN @extschema@.campaign_timers AS t ON t.id = e.timer_id
		WHERE t.status = 'COMPLETED') AS q;
	RETURN QUERY SELECT 'lateness',
		CASE WHEN median IS NULL OR median < interval '1 minute' THEN 'ok' WHEN median < interval '10 minutes' THEN 'warning'
			ELSE 'critical' END,
		CASE WHEN median IS NULL THEN 'none'
			ELSE format('median %s s, worst %s s', round(EXTRACT(epoch FROM median)::numeric, 3),
				round(EXTRACT(epoch FROM worst)::numeric, 3)) END,
		'median 60 s; critical: 600 s',
		CASE WHEN median IS NULL THEN 'No timer was executed within the last hour.'
			WHEN median < interval '1 minute' THEN 'From scheduled_at to execution, of the newest 1000 within the last hour.'
			ELSE 'Timers fire late: the worker was away, is catching up, or is too slow; raise campaign_lifecycle.workers or '
				'campaign_lifecycle.batch_size if that lasts.' END;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._health_timers(timestamptz) IS
	'The checks overdue_timers, dead_letters, failure_rate and lateness of campaign_health().';

CREATE FUNCTION campaign_lifecycle_internal._health_maintenance(as_of timestamp with time zone)
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	this_database oid;
	active_since timestamptz;
	by_cron bigint;
	problems text[];
	n bigint;
	severe bigint;
BEGIN
	IF NOT coalesce(has_table_privilege(to_regclass('@extschema@.campaign_maintenance_jobs'), 'SELECT'), false)
		OR NOT has_function_privilege('campaign_lifecycle_internal._next_cron_time(text, timestamptz)', 'EXECUTE') THEN
		RETURN QUERY SELECT 'upkeep', 'ok', 'unknown', '0',
			'unknown: this role may not read campaign_maintenance_jobs, or the table is missing.';
		RETURN;
	END IF;
	SELECT d.oid INTO this_database FROM pg_database AS d WHERE d.datname = current_database();
	IF has_table_privilege('@extschema@.campaign_activation', 'SELECT') THEN
		SELECT a.changed_at INTO active_since FROM @extschema@.campaign_activation AS a WHERE a.database_oid = this_database
			AND NOT a.paused;
	END IF;
	SELECT count(*) INTO by_cron FROM @extschema@.campaign_maintenance_jobs AS j WHERE j.enabled
		AND j.cron_database = this_database;

	-- A run that finds nothing to do is recorded once a day. Hence a day and an hour of grace. pg_cron keeps its own log.
	SELECT count(*), count(*) FILTER (WHERE q.severe),
		(array_agg(format('%s %s', q.job, q.problem) ORDER BY q.severe DESC, q.job))[1:5]
	INTO n, severe, problems
	FROM (
		SELECT j.job,
			CASE WHEN j.failures > 0 THEN format('has failed %s times in a row (%s)', j.failures, left(j.last_error, 200))
				WHEN j.last_run IS NULL THEN 'has never run'
				WHEN j.last_outcome = 'running' AND j.last_run < as_of - interval '1 hour'
					THEN format('stands still since %s', j.last_run)
				WHEN campaign_lifecycle_internal._next_cron_time(j.schedule, j.last_run) < as_of - interval '25 hours'
					THEN format('has not run since %s', j.last_run) END AS problem,
			j.failures >= 5 OR j.last_run < as_of - interval '3 days' AS severe
		FROM @extschema@.campaign_maintenance_jobs AS j
		WHERE j.enabled AND j.cron_database IS DISTINCT FROM this_database
			AND CASE WHEN j.last_run IS NULL THEN j.failures > 0 OR active_since < as_of - interval '1 hour'
				ELSE j.failures > 0
					OR (j.last_outcome = 'running' AND j.last_run < as_of - interval '1 hour')
					OR campaign_lifecycle_internal._next_cron_time(j.schedule, j.last_run) < as_of - interval '25 hours' END) AS q;
	RETURN QUERY SELECT 'upkeep',
		CASE WHEN n = 0 THEN 'ok' WHEN severe > 0 THEN 'critical' ELSE 'warning' END, n::text, '0 jobs late or failing',
		CASE WHEN n > 0 THEN array_to_string(problems, '; ')
			|| '. See worker, and campaign_maintenance_jobs for each job; the functions of the jobs can be called by hand.'
			WHEN by_cron > 0 THEN format('pg_cron runs %s jobs: cron.job_run_details tells of them.', by_cron)
			ELSE 'The upkeep is done in time.' END;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._health_maintenance(timestamptz) IS
	'The check upkeep of campaign_health().';

CREATE FUNCTION campaign_lifecycle_internal._table_health(as_of timestamp with time zone)
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN QUERY SELECT * FROM campaign_lifecycle_internal._health_tables(as_of);
	RETURN QUERY SELECT * FROM campaign_lifecycle_internal._health_timers(as_of);
	RETURN QUERY SELECT * FROM campaign_lifecycle_internal._health_maintenance(as_of);
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._table_health(timestamptz) IS
	'The checks of campaign_health() that read the campaign tables.';

CREATE FUNCTION campaign_lifecycle_internal._health_as_owner(as_of timestamp with time zone, OUT check_name text,
	OUT status text, OUT value text, OUT threshold text,
		OUT detail text) RETURNS SETOF record
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_health_as_owner';
COMMENT ON FUNCTION campaign_lifecycle_internal._health_as_owner(timestamptz) IS
	'_table_health() for a superuser, with the rights of the tables'' owner.';
