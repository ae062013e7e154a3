-- Checks of campaign_health() that read timers, executions and maintenance jobs, as their owner or as the caller.

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
BEGIN
	IF coalesce(current_setting('campaign_lifecycle.enabled', true), 'on') = 'off' THEN
		paused := true;
	ELSIF coalesce(has_table_privilege('@extschema@.campaign_activation', 'SELECT'), false) THEN
		paused := campaign_lifecycle_internal._activation_state() <> 'active';
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
		FROM ONLY @extschema@.campaign_timers AS t
		WHERE t.status IN ('PENDING', 'FAILED') AND t.status = 'FAILED' AND t.retry_count >= attempts
		LIMIT 1001) AS q;
	RETURN QUERY SELECT 'dead_letters',
		CASE WHEN n = 0 THEN 'ok' WHEN n < 100 THEN 'warning' ELSE 'critical' END, CASE WHEN n > 1000 THEN 'over 1000'
			ELSE n::text END, '0; critical: 100',
		CASE WHEN n = 0 THEN 'No timer is dead.'
			ELSE 'Timers have failed at every attempt: dead_timers shows each with its last error. Remove the cause, then '
				'retry_timer(), or cancel_timer().' END;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._health_timers(timestamptz) IS
	'The checks overdue_timers and dead_letters of campaign_health().';

CREATE FUNCTION campaign_lifecycle_internal._health_executions(as_of timestamp with time zone)
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
		SET enable_sort = off
	SET enable_incremental_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	attempted bigint;
	failed bigint;
	worst interval;
	median interval;
BEGIN
	-- The newest attempts of the last hour, 10,000 at most.
	SELECT count(*), count(*) FILTER (WHERE q.status = 'FAILED')
	INTO attempted, failed
	FROM (
		SELECT e.status
		FROM ONLY @extschema@.timer_executions AS e
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
			FROM ONLY @extschema@.timer_executions AS e
			WHERE e.started_at > as_of - interval '1 hour' AND e.started_at <= as_of
			ORDER BY e.started_at DESC
			LIMIT 1000) AS e
		JOIN ONLY @extschema@.campaign_timers AS t ON t.id = e.timer_id
		WHERE t.status = 'COMPLETED' AND isfinite(t.executed_at) AND isfinite(t.scheduled_at)) AS q;
	RETURN QUERY SELECT 'lateness',
		CASE WHEN median IS NULL OR median < interval '1 minute' THEN 'ok' WHEN median < interval '10 minutes' THEN 'warning'
			ELSE 'critical' END,
		CASE WHEN median IS NULL THEN 'none'
			ELSE format('median %s s, worst %s s', round(EXTRACT(epoch FROM median)::numeric, 3),
				round(EXTRACT(epoch FROM worst)::numeric, 3)) END,
		'median 60 s; critical: 600 s',
		CASE WHEN median IS NULL THEN 'No timer was executed within the last hour.'
			WHEN median < interval '1 minute' THEN 'From scheduled_at to execution, of the newest 1000 within the last hour.'
			ELSE 'Timers are executed late: the worker was away, is catching up, or is too slow; raise '
				'campaign_lifecycle.workers or campaign_lifecycle.batch_size if that lasts.' END;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._health_executions(timestamptz) IS
	'The checks failure_rate and lateness of campaign_health().';

CREATE FUNCTION campaign_lifecycle_internal._health_maintenance(as_of timestamp with time zone)
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	earliest constant timestamptz := as_of - interval '50 years';
	latest constant timestamptz := as_of + interval '50 years';
	this_database oid;
	active_since timestamptz;
	by_cron bigint;
	problems text[];
	n bigint;
	severe bigint;
BEGIN
	IF NOT coalesce(has_table_privilege(to_regclass('@extschema@.campaign_maintenance_jobs'), 'SELECT'), false)
		OR NOT has_function_privilege('campaign_lifecycle_internal._next_cron_time(text, timestamptz)', 'EXECUTE') THEN
		RETURN QUERY SELECT 'maintenance', 'ok', 'unknown', '0',
			'unknown: this role may not read campaign_maintenance_jobs, or the table is missing.';
		RETURN;
	END IF;
	SELECT d.oid INTO this_database FROM pg_database AS d WHERE d.datname = current_database();
	IF has_table_privilege('@extschema@.campaign_activation', 'SELECT') THEN
		SELECT a.changed_at INTO active_since FROM ONLY @extschema@.campaign_activation AS a
			WHERE a.database_oid = this_database AND NOT a.paused;
	END IF;
	SELECT count(*) INTO by_cron FROM ONLY @extschema@.campaign_maintenance_jobs AS j WHERE j.enabled
		AND j.cron_database = this_database;

	-- A run that finds nothing to do is recorded once a day. Hence a day and an hour of grace. pg_cron keeps its own log.
	SELECT count(*), count(*) FILTER (WHERE q.severe),
		(array_agg(format('%s %s', q.job, q.problem) ORDER BY q.severe DESC, q.job))[1:5]
	INTO n, severe, problems
	FROM (
		SELECT j.job,
			CASE WHEN NOT campaign_lifecycle_internal._is_cron_schedule(j.schedule)
					THEN format('has no valid schedule (%s)', left(j.schedule, 100))
				WHEN j.failures > 0 THEN format('has failed %s times in a row (%s)', j.failures, left(j.last_error, 200))
				WHEN j.last_run IS NULL THEN 'has never run'
				WHEN j.last_outcome = 'running' AND j.last_run < as_of - interval '1 hour'
					THEN format('stands still since %s', j.last_run)
				WHEN j.last_run NOT BETWEEN earliest AND latest THEN format('has run at %s', j.last_run)
				WHEN campaign_lifecycle_internal._next_cron_time(j.schedule, j.last_run) < as_of - interval '25 hours'
					THEN format('has not run since %s', j.last_run) END AS problem,
			j.failures >= 5 OR j.last_run < as_of - interval '3 days' AS severe
		FROM ONLY @extschema@.campaign_maintenance_jobs AS j
		WHERE j.enabled AND j.cron_database IS DISTINCT FROM this_database
			AND CASE WHEN NOT campaign_lifecycle_internal._is_cron_schedule(j.schedule)
						OR j.last_run NOT BETWEEN earliest AND latest THEN true
				WHEN j.last_run IS NULL THEN j.failures > 0 OR active_since < as_of - interval '1 hour'
				ELSE j.failures > 0
					OR (j.last_outcome = 'running' AND j.last_run < as_of - interval '1 hour')
					OR campaign_lifecycle_internal._next_cron_time(j.schedule, j.last_run) < as_of - interval '25 hours' END) AS q;
	RETURN QUERY SELECT 'maintenance',
		CASE WHEN n = 0 THEN 'ok' WHEN severe > 0 THEN 'critical' ELSE 'warning' END, n::text, '0 jobs late or failing',
		CASE WHEN n > 0 THEN array_to_string(problems, '; ')
			|| '. See worker, and campaign_maintenance_jobs for each job; the functions of the jobs can be called by hand.'
			WHEN by_cron > 0 THEN format('pg_cron runs %s jobs: cron.job_run_details tells of them.', by_cron)
			ELSE 'Maintenance is done in time.' END;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._health_maintenance(timestamptz) IS
	'The check maintenance of campaign_health().';
