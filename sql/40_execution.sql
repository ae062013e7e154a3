-- What happens when timers are due: claimed as a batch, applied as sets, a failing one recorded alone. The worker and run_due_timers() do this in C++, each
-- batch in one transaction, as the owner of the tables; these are its parts. The time is an argument everywhere (as_of); the moves themselves are stamped by
-- the clock.
--
-- A claim takes at most one timer of a campaign, its first: so a set statement meets each campaign once, and one campaign's timers run in order across
-- batches and workers. The plans of its statements are pinned (src/statements.cpp), for the claim must cost the same with ten or ten million rows, statistics
-- or none.

CREATE FUNCTION @extschema@._claim_batch(as_of timestamp with time zone, since timestamp with time zone, max_timers integer, only_timers uuid[] DEFAULT NULL)
	RETURNS TABLE (timer_id uuid, place tid, campaign_id uuid, campaign_place tid, timer_type text, state text, scheduled_at timestamp with time zone, by_policy boolean,
		retried boolean)
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_claim_batch';
COMMENT ON FUNCTION @extschema@._claim_batch(timestamptz, timestamptz, integer, uuid[]) IS
	'Locks up to max_timers due timers scheduled since a time (or those of only_timers) with their campaigns, at most one a campaign, skipping what is locked. Returns them, those tried before first, with where both rows are.';

CREATE FUNCTION @extschema@._next_due(since timestamp with time zone) RETURNS timestamp with time zone
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_next_due';
COMMENT ON FUNCTION @extschema@._next_due(timestamptz) IS 'The least scheduled_at, not before since, of the timers that wait; NULL if none does.';

CREATE FUNCTION @extschema@._notify(event text, campaign_ids uuid[], timer_ids uuid[], timer_types text[]) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF event = ANY (string_to_array(replace(coalesce(current_setting('campaign_lifecycle.notify_events', true), ''), ' ', ''), ',')) THEN
		PERFORM pg_notify('campaign_lifecycle', jsonb_build_object('event', event, 'campaign_id', u.campaign_id, 'timer_id', u.timer_id, 'timer_type', u.timer_type)::text)
		FROM unnest(campaign_ids, timer_ids, timer_types) AS u (campaign_id, timer_id, timer_type);
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._notify(text, uuid[], uuid[], text[]) IS 'Sends the event on channel campaign_lifecycle for each timer, if campaign_lifecycle.notify_events names it.';

-- Entering a state: which timers a campaign gets, keeps, moves and loses. Timers set by hand stay where the user put them.
CREATE FUNCTION @extschema@._policy_changes(campaign_ids uuid[], entered_at timestamp with time zone[], as_of timestamp with time zone,
		OUT timer_ids uuid[], OUT timer_campaigns uuid[], OUT times timestamp with time zone[],
		OUT new_campaigns uuid[], OUT new_types text[], OUT new_times timestamp with time zone[], OUT lowest timestamp with time zone)
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_policy_changes';
COMMENT ON FUNCTION @extschema@._policy_changes(uuid[], timestamptz[], timestamptz) IS
	'What is to be written so that campaigns have the timers that the policy of their present state wants: timers to move, or to cancel (without a time), and new ones. And the earliest due timer that waited before, or NULL.';

CREATE FUNCTION @extschema@._write_policy_changes(timer_ids uuid[], timer_campaigns uuid[], times timestamp with time zone[],
		new_campaigns uuid[], new_types text[], new_times timestamp with time zone[]) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
	IF timer_ids IS NOT NULL THEN
		UPDATE @extschema@.campaign_timers AS t
		SET status = CASE WHEN w.at IS NULL THEN 'CANCELLED' ELSE 'PENDING' END,
			scheduled_at = coalesce(w.at, t.scheduled_at),
			retry_count = CASE WHEN w.at IS NULL THEN t.retry_count ELSE 0 END
		FROM unnest(timer_ids, timer_campaigns, times) AS w (id, campaign_id, at)
		-- (IS TRUE: each by an index of its own ids, also in a plan made while the table was empty, and not through all that wait.)
		WHERE t.id = w.id AND t.campaign_id = w.campaign_id AND (t.status IN ('PENDING', 'FAILED')) IS TRUE;
	END IF;
	IF new_campaigns IS NOT NULL THEN
		INSERT INTO @extschema@.campaign_timers (campaign_id, timer_type, scheduled_at, payload)
		-- (A batch may have waited, or the clock been set, since the times were found: further in the past than this no timer is accepted.)
		SELECT a.id, a.timer_type, greatest(a.at, now() - interval '1 minute'), '{"policy": true}'
		FROM unnest(new_campaigns, new_types, new_times) AS a (id, timer_type, at)
		ORDER BY a.id, a.at
		-- A timer of the type set by hand at this very moment satisfies the policy.
		ON CONFLICT DO NOTHING;
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._write_policy_changes(uuid[], uuid[], timestamptz[], uuid[], text[], timestamptz[]) IS 'Writes what _policy_changes() returns.';

CREATE FUNCTION @extschema@._apply_policies(campaign_ids uuid[], entered_at timestamp with time zone[], as_of timestamp with time zone) RETURNS timestamp with time zone
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	changes record;
BEGIN
	changes := @extschema@._policy_changes(campaign_ids, entered_at, as_of);
	PERFORM @extschema@._write_policy_changes(changes.timer_ids, changes.timer_campaigns, changes.times, changes.new_campaigns, changes.new_types, changes.new_times);
	RETURN changes.lowest;
END
$$;
COMMENT ON FUNCTION @extschema@._apply_policies(uuid[], timestamptz[], timestamptz) IS
	'Gives campaigns the timers that the policy of their present state wants, moves and cancels those that a policy made, cancels all in a terminal state. Returns the earliest due timer that waited before, or NULL.';

CREATE FUNCTION @extschema@._put_off_timers(timer_ids uuid[], as_of timestamp with time zone) RETURNS integer
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	attempts integer := coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5');
	early record;
	put_off integer := 0;
BEGIN
	FOR early IN
		SELECT t.id, t.campaign_id, t.timer_type, c.status AS state
		FROM unnest(timer_ids) AS u (id)
		JOIN @extschema@.campaign_timers AS t ON t.id = u.id
		JOIN @extschema@.campaigns AS c ON c.id = t.campaign_id
	LOOP
		-- Put off while another timer of the campaign waits for its next attempt, and that is no attempt: until right after that one, for whichever
		-- comes first stands in the way of those after it. Otherwise a failed attempt.
		UPDATE @extschema@.campaign_timers AS t
		SET status = 'PENDING', scheduled_at = w.at + interval '1 microsecond'
		FROM (
			SELECT min(o.scheduled_at) AS at
			FROM @extschema@.campaign_timers AS o
			WHERE o.campaign_id = early.campaign_id AND o.id <> early.id AND o.status = 'FAILED' AND o.retry_count < attempts) AS w
		WHERE t.id = early.id AND w.at IS NOT NULL;
		IF FOUND THEN
			put_off := put_off + 1;
		ELSE
			PERFORM @extschema@._fail_timer(early.id, as_of, '55000',
				format('too early: a campaign in state %s does not move by %s yet', early.state, early.timer_type));
		END IF;
	END LOOP;
	RETURN put_off;
END
$$;
COMMENT ON FUNCTION @extschema@._put_off_timers(uuid[], timestamptz) IS
	'Timers that came too early: until another of their campaign, which waits for its next attempt, is done; or a failed attempt. Returns how many were put off.';

CREATE FUNCTION @extschema@._apply_timers(timer_ids uuid[], as_of timestamp with time zone) RETURNS timestamp with time zone
	LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', '_apply_timers';
COMMENT ON FUNCTION @extschema@._apply_timers(uuid[], timestamptz) IS
	'Carries out those of these timers that can be claimed now, in sets: moves, completion, log, policies, executions, metrics. Returns the earliest timer of the campaigns moved that was due as well, or NULL.';

CREATE FUNCTION @extschema@._fail_timer(timer_id uuid, as_of timestamp with time zone, sqlstate text, message text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	attempts integer := coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5');
	base interval := coalesce(current_setting('campaign_lifecycle.retry_base_delay', true), '1min');
	jitter float8 := coalesce(current_setting('campaign_lifecycle.retry_jitter', true), '0.1');
	failed record;
BEGIN
	UPDATE @extschema@.campaign_timers AS t
	SET status = 'FAILED', retry_count = least(t.retry_count + 1, 5),
		scheduled_at = CASE WHEN t.retry_count + 1 >= attempts THEN t.scheduled_at
			ELSE as_of + base * (power(2, t.retry_count) * (1 + jitter * (2 * random() - 1))) END
	-- What failed was rolled back, and with it the lock: somebody may have given the timer another time since.
	WHERE t.id = timer_id AND (t.status = 'RUNNING' OR (t.scheduled_at <= as_of AND (t.status = 'PENDING' OR (t.status = 'FAILED' AND t.retry_count < 5))))
	RETURNING t.campaign_id, t.timer_type, t.retry_count INTO failed;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	UPDATE @extschema@.timer_executions AS x
	SET status = 'FAILED', error_message = left(sqlstate || ': ' || message, 8000), completed_at = greatest(clock_timestamp(), x.started_at),
		-- One that was lost may have begun long ago: before an outage, or in a backup.
		execution_time_ms = least(greatest(EXTRACT(epoch FROM clock_timestamp() - x.started_at) * 1000, 0), 2147483647)
	WHERE x.timer_id = _fail_timer.timer_id AND x.status = 'STARTED';
	IF NOT FOUND THEN
		INSERT INTO @extschema@.timer_executions (timer_id, status, error_message, started_at, completed_at, execution_time_ms)
		VALUES (timer_id, 'FAILED', left(sqlstate || ': ' || message, 8000), as_of, as_of, 0);
	END IF;
	PERFORM @extschema@._notify(CASE WHEN failed.retry_count >= attempts THEN 'timer.failed' ELSE 'timer.retry_scheduled' END,
		ARRAY[failed.campaign_id], ARRAY[timer_id], ARRAY[failed.timer_type::text]);
END
$$;
COMMENT ON FUNCTION @extschema@._fail_timer(uuid, timestamptz, text, text) IS
	'Records a failed attempt: FAILED, one retry more, due again after the backoff (base doubled each time, with jitter), its execution row with the error. At max_attempts it stays FAILED: a dead letter.';

CREATE FUNCTION @extschema@._uuid_v7() RETURNS uuid
	LANGUAGE c VOLATILE PARALLEL SAFE AS 'MODULE_PATHNAME', '_uuid_v7';
COMMENT ON FUNCTION @extschema@._uuid_v7() IS 'A UUID of version 7, each greater than the one before in this process.';

CREATE FUNCTION @extschema@._wake() RETURNS void
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_wake';
COMMENT ON FUNCTION @extschema@._wake() IS 'The commit of this transaction wakes the launcher and this database''s workers.';

CREATE FUNCTION @extschema@._run_due_timers(as_of timestamp with time zone, max_timers integer) RETURNS bigint
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_run_due_timers';
COMMENT ON FUNCTION @extschema@._run_due_timers(timestamptz, integer) IS 'run_due_timers() at a given time.';
