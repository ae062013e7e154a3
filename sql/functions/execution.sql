-- Execution of due timers: parts that the batch calls.
--
-- The worker and run_due_timers() claim a batch, apply it as a set, and record a failing timer alone (src/timer/). A
-- batch is one transaction of the worker, as the owner of the tables. Internal functions take the time as an argument,
-- as_of. State changes are stamped by the clock.
--
-- A claim takes at most one timer of a campaign, its first. Thus a batch updates each campaign once, and the timers of
-- one campaign run in order across batches and workers. The plans of the claim are pinned in C++. A claim costs
-- the same with ten rows or ten million, with statistics or without.

CREATE FUNCTION campaign_lifecycle_internal._uuid_v7() RETURNS uuid
	LANGUAGE c VOLATILE PARALLEL SAFE AS 'MODULE_PATHNAME', '_uuid_v7';
COMMENT ON FUNCTION campaign_lifecycle_internal._uuid_v7() IS
	'A UUID of version 7, each greater than the one before in this process.';

CREATE FUNCTION campaign_lifecycle_internal._claim_batch(as_of timestamp with time zone, since timestamp with time zone,
	max_timers integer, only_timers uuid[] DEFAULT NULL)
	RETURNS TABLE (timer_id uuid, tid tid, campaign_id uuid, campaign_tid tid, timer_type text, state text,
		scheduled_at timestamp with time zone, by_policy boolean,
		retried boolean)
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_claim_batch';
COMMENT ON FUNCTION campaign_lifecycle_internal._claim_batch(timestamptz, timestamptz, integer, uuid[]) IS
	'Locks up to max_timers due timers scheduled since a time (or those of only_timers) with their campaigns. Takes at '
	'most one of a campaign, and skips locked rows. Returns them, those tried before first, with where both rows are.';

CREATE FUNCTION campaign_lifecycle_internal._next_due(since timestamp with time zone) RETURNS timestamp with time zone
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_next_due';
COMMENT ON FUNCTION campaign_lifecycle_internal._next_due(timestamptz) IS
	'The least scheduled_at, not before since, of the timers that wait; NULL if none does.';

CREATE FUNCTION campaign_lifecycle_internal._notify(event text, campaign_ids uuid[], timer_ids uuid[],
	timer_types text[]) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF event = ANY (string_to_array(replace(coalesce(current_setting('campaign_lifecycle.notify_events', true), ''), ' ',
		''), ',')) THEN
		PERFORM pg_notify('campaign_lifecycle', jsonb_build_object('event', event, 'campaign_id', u.campaign_id, 'timer_id',
			u.timer_id, 'timer_type', u.timer_type)::text)
		FROM unnest(campaign_ids, timer_ids, timer_types) AS u (campaign_id, timer_id, timer_type);
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._notify(text, uuid[], uuid[], text[]) IS
	'Sends the event on channel campaign_lifecycle for each timer, if campaign_lifecycle.notify_events names it.';

CREATE FUNCTION campaign_lifecycle_internal._apply_timers(timer_ids uuid[], as_of timestamp with time zone)
	RETURNS timestamp with time zone
	LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', '_apply_timers';
COMMENT ON FUNCTION campaign_lifecycle_internal._apply_timers(uuid[], timestamptz) IS
	'Executes those of these timers that can be claimed now, in sets: state changes, completion, log, policies, '
	'executions, metrics. Returns the earliest due timer of the changed campaigns, or NULL.';

CREATE FUNCTION campaign_lifecycle_internal._fail_timer(timer_id uuid, as_of timestamp with time zone, sqlstate text,
	message text,
		worker_lost boolean) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
#variable_conflict use_variable
DECLARE
	attempts integer := coalesce(current_setting('campaign_lifecycle.max_attempts', true), '@attempt_limit@');
	base interval := coalesce(current_setting('campaign_lifecycle.retry_base_delay', true), '1min');
	jitter float8 := coalesce(current_setting('campaign_lifecycle.retry_jitter', true), '0.1');
	result constant jsonb := CASE WHEN worker_lost THEN '{"worker_lost": true}' END;
	failed record;
BEGIN
	UPDATE ONLY @extschema@.campaign_timers AS t
	SET status = 'FAILED', retry_count = least(t.retry_count + 1, @attempt_limit@),
		scheduled_at = CASE WHEN t.retry_count + 1 >= attempts THEN t.scheduled_at
			ELSE as_of + base * (power(2, t.retry_count) * (1 + jitter * (2 * random() - 1))) END
	-- The rollback has released the lock. Another session may have rescheduled the timer since.
	WHERE t.id = timer_id AND (t.status = 'RUNNING' OR (t.scheduled_at <= as_of
		AND (t.status = 'PENDING' OR (t.status = 'FAILED' AND t.retry_count < @attempt_limit@))))
	RETURNING t.campaign_id, t.timer_type, t.retry_count INTO failed;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	UPDATE ONLY @extschema@.timer_executions AS x
	SET status = 'FAILED', error_message = left(sqlstate || ': ' || message, 8000), result = result,
		completed_at = greatest(clock_timestamp(), x.started_at),
		-- An attempt of a lost process may have begun before an outage, or in a backup.
		execution_time_ms = least(greatest(EXTRACT(epoch FROM clock_timestamp() - x.started_at) * 1000, 0), 2147483647)
	WHERE x.timer_id = _fail_timer.timer_id AND x.status = 'STARTED';
	IF NOT FOUND THEN
		INSERT INTO @extschema@.timer_executions
			(timer_id, status, error_message, result, started_at, completed_at, execution_time_ms)
		VALUES (timer_id, 'FAILED', left(sqlstate || ': ' || message, 8000), result, as_of, as_of, 0);
	END IF;
	PERFORM campaign_lifecycle_internal._notify(CASE WHEN failed.retry_count >= attempts THEN 'timer.failed'
		ELSE 'timer.retry_scheduled' END,
		ARRAY[failed.campaign_id], ARRAY[timer_id], ARRAY[failed.timer_type::text]);
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._fail_timer(uuid, timestamptz, text, text, boolean) IS
	'Records a failed attempt: FAILED, one retry more, due again after the backoff (base doubled each time, with '
	'jitter), its execution row with the error. At max_attempts it stays FAILED: a dead letter.';

-- Indexes cannot read a setting. With max_attempts below its limit they take a dead timer for one that waits, until it
-- has the greatest retry_count. That is written only where another timer of the type takes its place. So a dead timer
-- keeps the number of its attempts, and has attempts left again where max_attempts is raised.
CREATE FUNCTION campaign_lifecycle_internal._bury_dead_timers(campaign_id uuid, timer_type text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
#variable_conflict use_variable
DECLARE
	attempts constant integer := coalesce(current_setting('campaign_lifecycle.max_attempts', true), '@attempt_limit@');
BEGIN
	IF attempts < @attempt_limit@ THEN
		UPDATE ONLY @extschema@.campaign_timers AS t
		SET retry_count = @attempt_limit@
		WHERE t.campaign_id = campaign_id AND t.timer_type = timer_type AND t.status = 'FAILED' AND t.retry_count >= attempts
			AND t.retry_count < @attempt_limit@;
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._bury_dead_timers(uuid, text) IS
	'Gives a FAILED timer of this type that has no attempt left by max_attempts the retry_count of a dead one, so that '
	'indexes do not take it for one that waits.';
