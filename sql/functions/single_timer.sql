-- Timers that run alone, because the attempt may take long or end its process.
--
-- A first transaction sets the timer to RUNNING with a STARTED execution, under a session lock that shows whether its
-- process lives. A second one makes the state change and calls the handler. After an error a third one records the
-- failed attempt. A RUNNING timer whose process is gone is a failed attempt as well.

-- A session lock tells whether the process that runs a timer alone lives. The lock outlives transactions.
CREATE FUNCTION campaign_lifecycle_internal._is_run_by_live_process(timer_id uuid) RETURNS boolean
	LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', '_is_marked_by_process';
COMMENT ON FUNCTION campaign_lifecycle_internal._is_run_by_live_process(uuid) IS
	'Whether the process that runs this timer alone still lives.';

CREATE FUNCTION campaign_lifecycle_internal._single_timer_due(as_of timestamp with time zone,
	since timestamp with time zone) RETURNS boolean
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_marked_due';
COMMENT ON FUNCTION campaign_lifecycle_internal._single_timer_due(timestamptz, timestamptz) IS
	'Whether there may be due timers that run alone, because some type has a handler or a timer has lost its worker '
	'before.';

-- Lock the first due timer that runs alone. A timer behind an unfinished one of its campaign is not considered.
CREATE FUNCTION campaign_lifecycle_internal._claim_single_timer(as_of timestamp with time zone,
	since timestamp with time zone, everything boolean,
		passed uuid[] DEFAULT '{}') RETURNS uuid
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
		SET enable_sort = off
	SET enable_incremental_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	attempts integer := coalesce(current_setting('campaign_lifecycle.max_attempts', true), '@attempt_limit@');
	handled text[] := ARRAY(SELECT h.timer_type FROM ONLY @extschema@.campaign_timer_handlers AS h);
	first_id uuid;
	first_at timestamptz;
	next_id uuid;
	next_at timestamptz;
BEGIN
	SELECT r.id, r.scheduled_at
	INTO first_id, first_at
	FROM @extschema@._runnable_timers AS r
	WHERE r.status = 'FAILED' AND r.retry_count < @attempt_limit@ AND r.retry_count < attempts AND r.scheduled_at >= since
		AND r.scheduled_at <= as_of
		AND r.id <> ALL (passed)
		AND (everything OR r.timer_type = ANY (handled)
			OR EXISTS (SELECT FROM ONLY @extschema@.timer_executions AS x
				WHERE x.timer_id = r.id AND (x.status = 'FAILED') IS TRUE
				AND x.result::jsonb ? 'worker_lost' OFFSET 0))
	ORDER BY r.scheduled_at, r.retry_count
	LIMIT 1
	FOR NO KEY UPDATE OF r SKIP LOCKED;
	IF everything OR handled <> '{}' THEN
		SELECT r.id, r.scheduled_at
		INTO next_id, next_at
		FROM @extschema@._runnable_timers AS r
		-- Two equal elements, so that the order of the index is the order of the query, as in the claim.
		WHERE r.status = ANY (ARRAY['PENDING', 'PENDING']) AND r.scheduled_at >= since
			AND r.scheduled_at <= least(as_of, first_at)
			AND r.id <> ALL (passed)
			AND (everything OR r.timer_type = ANY (handled))
		ORDER BY r.status, r.scheduled_at
		LIMIT 1
		FOR NO KEY UPDATE OF r SKIP LOCKED;
	END IF;
	RETURN coalesce(next_id, first_id);
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._claim_single_timer(timestamptz, timestamptz, boolean, uuid[]) IS
	'Locks the first due timer scheduled since a time that has a handler or has lost its worker before. Takes any timer '
	'if everything is true. Leaves out those passed over. Returns its id, or NULL.';

-- Lock one timer and its campaign. A timer that is no longer RUNNING was recovered by another process.
CREATE FUNCTION campaign_lifecycle_internal._lock_single_timer(timer_id uuid, marked boolean)
	RETURNS TABLE (id uuid, tid tid, campaign_id uuid, campaign_tid tid, timer_type text, state text,
		scheduled_at timestamp with time zone, by_policy boolean,
		retried boolean)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	SELECT t.id, t.ctid, t.campaign_id, t.timer_type, t.scheduled_at, t.payload ? 'policy', t.retry_count > 0
	INTO id, tid, campaign_id, timer_type, scheduled_at, by_policy, retried
	FROM ONLY @extschema@.campaign_timers AS t
	WHERE t.id = $1 AND (t.status = 'RUNNING' OR NOT marked)
	FOR NO KEY UPDATE;
	IF FOUND THEN
		RETURN QUERY
		SELECT _lock_single_timer.id, _lock_single_timer.tid, c.id, c.ctid, _lock_single_timer.timer_type, c.status::text,
			_lock_single_timer.scheduled_at, _lock_single_timer.by_policy, _lock_single_timer.retried
		FROM ONLY @extschema@.campaigns AS c
		WHERE c.id = _lock_single_timer.campaign_id
		FOR NO KEY UPDATE;
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._lock_single_timer(uuid, boolean) IS
	'Locks one timer and its campaign, and returns it as _claim_batch() does.';

CREATE FUNCTION campaign_lifecycle_internal._complete_single_timer(timer_id uuid, result jsonb,
	done_at timestamp with time zone, took_ms integer) RETURNS boolean
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
#variable_conflict use_variable
BEGIN
	UPDATE ONLY @extschema@.timer_executions AS x
	SET status = 'COMPLETED', result = result, completed_at = greatest(done_at, x.started_at), execution_time_ms = took_ms
	WHERE x.timer_id = timer_id AND x.status = 'STARTED';
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._complete_single_timer(uuid, jsonb, timestamptz, integer) IS
	'Sets the STARTED execution of a timer to COMPLETED. Returns whether there was one.';

CREATE FUNCTION campaign_lifecycle_internal._fail_single_timer(timer_id uuid, as_of timestamp with time zone,
	sqlstate text, message text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
#variable_conflict use_variable
BEGIN
	PERFORM FROM ONLY @extschema@.campaign_timers AS t WHERE t.id = timer_id AND t.status = 'RUNNING' FOR NO KEY UPDATE;
	IF FOUND THEN
		PERFORM campaign_lifecycle_internal._fail_timer(timer_id, as_of, sqlstate, message, false);
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._fail_single_timer(uuid, timestamptz, text, text) IS
	'Records a failed attempt as _fail_timer() does, if the timer is still RUNNING.';

CREATE FUNCTION campaign_lifecycle_internal._release_single_timer(timer_id uuid) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
#variable_conflict use_variable
BEGIN
	UPDATE ONLY @extschema@.campaign_timers AS t
	SET status = CASE WHEN t.retry_count > 0 THEN 'FAILED' ELSE 'PENDING' END
	WHERE t.id = timer_id AND t.status = 'RUNNING';
	DELETE FROM ONLY @extschema@.timer_executions AS x WHERE x.timer_id = _release_single_timer.timer_id
		AND x.status = 'STARTED';
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._release_single_timer(uuid) IS
	'Lets a RUNNING timer wait as before. This is no attempt.';

CREATE FUNCTION campaign_lifecycle_internal._recover_lost(as_of timestamp with time zone) RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
DECLARE
	timer_id uuid;
	lost bigint := 0;
BEGIN
	FOR timer_id IN
		SELECT t.id FROM ONLY @extschema@.campaign_timers AS t WHERE t.status = 'RUNNING'
			ORDER BY t.id FOR NO KEY UPDATE SKIP LOCKED
	LOOP
		IF NOT campaign_lifecycle_internal._is_run_by_live_process(timer_id) THEN
			PERFORM campaign_lifecycle_internal._fail_timer(timer_id, as_of, '57P02',
				'the worker was lost while it ran this timer', true);
			lost := lost + 1;
		END IF;
	END LOOP;
	RETURN lost;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._recover_lost(timestamptz) IS
	'Records a failed attempt for each RUNNING timer whose process is gone. Returns how many.';
