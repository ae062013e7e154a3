-- The retry of timers: a failed attempt is due again after a backoff, until no attempt is left and the timer is dead.

CREATE FUNCTION campaign_lifecycle_internal._fail_timer(timer_id uuid, as_of timestamp with time zone, sqlstate text,
	message text, worker_lost boolean) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
#variable_conflict use_variable
DECLARE
	attempts integer := coalesce(current_setting('campaign_lifecycle.max_attempts', true), '@attempt_limit@');
	base interval := coalesce(current_setting('campaign_lifecycle.retry_base_delay', true), '1min');
	jitter float8 := coalesce(current_setting('campaign_lifecycle.retry_jitter', true), '0.1');
	result constant jsonb := CASE WHEN worker_lost THEN '{"worker_lost": true}' END;
	failed record;
	execution_id uuid;
BEGIN
	UPDATE ONLY @extschema@.campaign_timers AS t
	SET status = 'FAILED', retry_count = least(t.retry_count + 1, @attempt_limit@),
		scheduled_at = CASE WHEN t.retry_count + 1 >= attempts THEN t.scheduled_at
			ELSE as_of + base * (power(2, t.retry_count) * (1 + jitter * (2 * random() - 1))) END
	-- The rollback has released the lock. Another session may have rescheduled the timer since.
	WHERE t.id = timer_id AND (t.status = 'RUNNING' OR (t.scheduled_at <= as_of
		AND (t.status = 'PENDING' OR (t.status = 'FAILED' AND t.retry_count < @attempt_limit@))))
	RETURNING t.retry_count INTO failed;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	WITH ended AS (
		UPDATE ONLY @extschema@.timer_executions AS x
		SET status = 'FAILED', error_message = left(sqlstate || ': ' || message, 8000), result = result,
			completed_at = greatest(clock_timestamp(), x.started_at),
			-- An attempt of a lost process may have begun before an outage, or in a backup.
			execution_time_ms = least(greatest(EXTRACT(epoch FROM clock_timestamp() - x.started_at) * 1000, 0), 2147483647)
		WHERE x.timer_id = _fail_timer.timer_id AND x.status = 'STARTED'
		RETURNING x.id)
	SELECT e.id INTO execution_id FROM ended AS e LIMIT 1;
	IF NOT FOUND THEN
		INSERT INTO @extschema@.timer_executions AS x
			(timer_id, status, error_message, result, started_at, completed_at, execution_time_ms)
		VALUES (timer_id, 'FAILED', left(sqlstate || ': ' || message, 8000), result, as_of, as_of, 0)
		RETURNING x.id INTO execution_id;
	END IF;
	PERFORM campaign_lifecycle_internal._notify_failed(CASE WHEN failed.retry_count >= attempts THEN 'timer.failed'
		ELSE 'timer.retry_scheduled' END, execution_id);
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
	'Gives a FAILED timer of this type that has no attempt left by max_attempts the retry_count of a dead one. '
	'Otherwise indexes would take it for one that waits.';
