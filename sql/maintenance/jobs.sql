-- The maintenance jobs as the worker runs them: which are due, one step of one, a failure.

CREATE FUNCTION campaign_lifecycle_internal._retry_maintenance_at(failures integer, last_run timestamp with time zone,
	as_of timestamp with time zone) RETURNS timestamp with time zone
	LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT least(coalesce(last_run, as_of), as_of) + least(interval '10 seconds' * power(2, least(failures, 20) - 1),
		interval '1 hour')
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._retry_maintenance_at(integer, timestamptz, timestamptz) IS
	'When a job that has failed is tried again: after 10 seconds, doubled with each failure, at most an hour.';

CREATE FUNCTION campaign_lifecycle_internal._due_maintenance(as_of timestamp with time zone,
	since timestamp with time zone, OUT jobs text[], OUT next_at timestamp with time zone)
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	job record;
	at timestamptz;
	later timestamptz;
BEGIN
	-- The worker passes as since the as_of of its last complete round, NULL or -infinity at first. A round is this call
	-- and _run_maintenance_step() for each job, in order, in transactions of their own, until it returns false or fails.
	-- After a failure the worker calls _maintenance_failed(). The next round is at next_at, or after naptime if it is
	-- NULL.
	IF to_regclass('@extschema@.campaign_maintenance_jobs') IS NULL THEN
		RETURN;
	END IF;
	since := nullif(since, '-infinity');
	FOR job IN
		SELECT j.job, j.schedule, j.months_ahead, j.last_run, j.last_outcome, j.failures
		FROM ONLY @extschema@.campaign_maintenance_jobs AS j
		WHERE j.enabled AND j.cron_database IS DISTINCT FROM (SELECT d.oid FROM pg_database AS d
			WHERE d.datname = current_database())
		-- Months first, then the short ones.
		ORDER BY array_position(ARRAY['create-monthly-partitions', 'refresh-pending-timers', 'refresh-active-campaigns',
			'archive-state-logs'], j.job), j.job
	LOOP
		BEGIN
			later := campaign_lifecycle_internal._next_cron_time(job.schedule, as_of);
			at := CASE
				WHEN job.failures > 0 THEN NULL
				WHEN job.last_outcome = 'running' THEN as_of
				WHEN job.last_run IS NULL AND since IS NULL THEN as_of
				ELSE campaign_lifecycle_internal._next_cron_time(job.schedule, least(greatest(job.last_run, since), as_of)) END;
			IF job.job = 'create-monthly-partitions' AND job.failures = 0 THEN
				IF at > as_of AND EXISTS (SELECT FROM campaign_lifecycle_internal._missing_log_months(job.months_ahead, as_of)) THEN
					at := as_of;
				END IF;
				later := least(later, as_of + interval '1 hour');
			END IF;
		EXCEPTION WHEN invalid_parameter_value OR datetime_field_overflow THEN
			-- The schedule or last_run is invalid. The run fails and records that, or mends last_run.
			later := NULL;
			at := as_of;
		END;
		IF job.failures > 0 THEN
			at := campaign_lifecycle_internal._retry_maintenance_at(job.failures, job.last_run, as_of);
		END IF;
		IF at <= as_of THEN
			jobs := jobs || job.job::text;
			next_at := least(next_at, later);
		ELSE
			next_at := least(next_at, at);
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION
	campaign_lifecycle_internal._due_maintenance(timestamptz, timestamptz, OUT text[], OUT timestamptz) IS
	'Which jobs are due at as_of (NULL: none), and when to ask again. since: as_of of the last complete round, NULL for '
	'none; times missed before it are not caught up, those missed while no worker ran are, once. Reads only.';

CREATE FUNCTION campaign_lifecycle_internal._cleanup_step(job text, cutoff timestamp with time zone,
	since timestamp with time zone, max_rows bigint, OUT removed bigint, OUT reached timestamp with time zone)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF job = 'cleanup-timer-executions' THEN
		SELECT r.* INTO removed, reached FROM campaign_lifecycle_internal._remove_executions(since, cutoff, max_rows) AS r;
	ELSIF job = 'cleanup-finished-timers' THEN
		SELECT r.* INTO removed, reached FROM campaign_lifecycle_internal._remove_timers(since, cutoff, max_rows) AS r;
	ELSIF job = 'cleanup-campaign-changes' THEN
		SELECT r.* INTO removed, reached FROM campaign_lifecycle_internal._remove_changes(since, cutoff, max_rows) AS r;
	ELSIF job = 'cleanup-metrics' THEN
		SELECT r.* INTO removed, reached FROM campaign_lifecycle_internal._remove_metrics(since, cutoff, max_rows) AS r;
	ELSE
		removed := 0;
		reached := since;
	END IF;
END
$$;
COMMENT ON FUNCTION
	campaign_lifecycle_internal._cleanup_step(text, timestamptz, timestamptz, bigint, OUT bigint, OUT timestamptz) IS
	'Removes up to max_rows rows from before the cut-off, for one of the jobs that clean up; another job removes none. '
	'Returns how many, and the time that it has reached.';

CREATE FUNCTION campaign_lifecycle_internal._create_next_month(months_ahead integer, as_of timestamp with time zone,
		OUT created bigint, OUT more boolean)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
DECLARE
	next_month timestamptz;
BEGIN
	SELECT m.month INTO next_month FROM campaign_lifecycle_internal._missing_log_months(months_ahead, as_of)
		AS m (month) LIMIT 1;
	created := (next_month IS NOT NULL AND campaign_lifecycle_internal._create_month_partition(
		'@extschema@.campaign_state_log'::regclass, next_month, NULL::regclass) IS NOT NULL)::integer;
	more := EXISTS (SELECT FROM campaign_lifecycle_internal._missing_log_months(months_ahead, as_of));
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._create_next_month(integer, timestamptz) IS
	'Makes the first missing month of the log. Returns how many were made, 0 or 1, and whether one is missing still.';

CREATE FUNCTION campaign_lifecycle_internal._run_maintenance_step(job text, as_of timestamp with time zone)
	RETURNS boolean
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
#variable_conflict use_column
DECLARE
	row record;
	began timestamptz := clock_timestamp();
	batch bigint := 5000;
	done bigint := 0;
	reached timestamptz;
	cutoff timestamptz;
	more boolean := false;
BEGIN
	-- A session that changes privileges or the owner is done within moments.
	IF NOT campaign_lifecycle_internal._share_access(false) THEN
		RETURN NULL;
	END IF;
	SELECT j.* INTO row FROM ONLY @extschema@.campaign_maintenance_jobs AS j WHERE j.job = $1 AND j.enabled;
	-- An advisory lock writes nothing. If another session holds it, that session does the job.
	IF NOT FOUND OR NOT pg_try_advisory_xact_lock(hashtextextended('campaign_lifecycle maintenance ' || $1,
		'@extschema@.campaign_maintenance_jobs'::regclass::bigint)) THEN
		RETURN false;
	END IF;
	PERFORM campaign_lifecycle_internal._next_cron_time(row.schedule, as_of);
	reached := CASE WHEN row.last_outcome = 'running' THEN row.reached END;

	IF $1 = 'create-monthly-partitions' THEN
		SELECT m.created, m.more INTO done, more
		FROM campaign_lifecycle_internal._create_next_month(row.months_ahead, as_of) AS m;
	ELSIF $1 = 'refresh-active-campaigns' THEN
		done := campaign_lifecycle_internal._refresh_if_changed(to_regclass('@extschema@.mv_active_campaigns'))::integer;
	ELSIF $1 = 'refresh-pending-timers' THEN
		done := campaign_lifecycle_internal._refresh_if_changed(to_regclass('@extschema@.mv_pending_timers'))::integer;
	ELSE
		cutoff := campaign_lifecycle_internal._cutoff(row.retention, as_of);
		reached := coalesce(reached, '-infinity');
		IF $1 = 'archive-state-logs' THEN
			SELECT s.moved, s.more INTO done, more FROM campaign_lifecycle_internal._archive_step(cutoff, batch, 1) AS s;
		ELSE
			SELECT c.removed, c.reached, c.removed >= batch INTO done, reached, more
			FROM campaign_lifecycle_internal._cleanup_step($1, cutoff, reached, batch) AS c;
		END IF;
	END IF;

	-- A run that found nothing to do is recorded once a day, because an idle database is to write nothing.
	IF more OR done > 0 OR row.last_outcome IS DISTINCT FROM 'ok' OR row.last_run < as_of - interval '1 day' THEN
		UPDATE ONLY @extschema@.campaign_maintenance_jobs AS j
		SET last_run = as_of,
			last_outcome = CASE WHEN more THEN 'running' ELSE 'ok' END,
			last_count = done + CASE WHEN row.last_outcome = 'running' THEN j.last_count ELSE 0 END,
			last_duration = (clock_timestamp() - began) + CASE WHEN row.last_outcome = 'running' THEN j.last_duration
				ELSE interval '0' END,
			reached = CASE WHEN more THEN reached END, failures = 0, last_error = NULL
		WHERE j.job = $1;
	END IF;
	RETURN more;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._run_maintenance_step(text, timestamptz) IS
	'One step of a job: a month, a batch of rows, a refresh. Returns whether to call it again at once; NULL: call it '
	'again soon, because another session changes privileges. Writes nothing when there is nothing to do, except once a '
	'day.';

CREATE FUNCTION campaign_lifecycle_internal._make_month_while_paused(as_of timestamp with time zone) RETURNS boolean
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	ahead integer;
	month timestamptz;
BEGIN
	SELECT j.months_ahead INTO ahead FROM ONLY @extschema@.campaign_maintenance_jobs AS j
	WHERE j.job = 'create-monthly-partitions' AND j.enabled
		AND j.cron_database IS DISTINCT FROM (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database());
	SELECT m.month INTO month FROM campaign_lifecycle_internal._missing_log_months(ahead, as_of) AS m (month) LIMIT 1;
	IF month IS NULL THEN
		RETURN false;
	END IF;
	PERFORM campaign_lifecycle_internal._create_month_partition('@extschema@.campaign_state_log'::regclass, month,
		NULL::regclass);
	RETURN EXISTS (SELECT FROM campaign_lifecycle_internal._missing_log_months(ahead, as_of));
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._make_month_while_paused(timestamptz) IS
	'Makes one missing month of the log in a database whose timers are paused, and records nothing. Returns whether '
	'more are missing.';

CREATE FUNCTION campaign_lifecycle_internal._maintenance_failed(job text, as_of timestamp with time zone, sqlstate text,
	message text) RETURNS void
	LANGUAGE sql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
	UPDATE ONLY @extschema@.campaign_maintenance_jobs AS j
	SET last_run = $2, last_outcome = 'failed', last_error = left($3 || ': ' || $4, 8000), failures = j.failures + 1,
		reached = NULL
	WHERE j.job = $1
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._maintenance_failed(text, timestamptz, text, text) IS
	'Records that a step has failed; the job is tried again after 10 seconds, doubled with each failure, at most an '
	'hour.';
