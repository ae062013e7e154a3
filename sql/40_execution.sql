-- What happens when timers are due: claimed as a batch, applied as sets, a failing one recorded alone. The worker and run_due_timers() call these, each
-- batch in one transaction, as the owner of the tables. The time is an argument everywhere (as_of); the moves themselves are stamped by the clock.
--
-- A claim takes at most one timer of a campaign, its first: so a set statement meets each campaign once, and one campaign's timers run in order across
-- batches and workers. Plans are pinned by the SET clauses, for the claim must cost the same with ten or ten million rows, statistics or none.

CREATE FUNCTION @extschema@._claim_batch(as_of timestamp with time zone, since timestamp with time zone, max_timers integer, only_timers uuid[] DEFAULT NULL)
	RETURNS TABLE (timer_id uuid, place tid, campaign_id uuid, campaign_place tid, timer_type text, state text, scheduled_at timestamp with time zone, by_policy boolean,
		retried boolean)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_sort = off
	SET enable_incremental_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	attempts integer := coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5');
	handled text[] := ARRAY(SELECT h.timer_type FROM @extschema@.campaign_timer_handlers AS h);
	claimed integer;
BEGIN
	IF only_timers IS NOT NULL THEN
		RETURN QUERY
		SELECT r.id, r.place, r.campaign_id, r.campaign_place, r.timer_type::text, r.state::text, r.scheduled_at, r.by_policy, r.status = 'FAILED'
		FROM @extschema@._runnable_timers AS r
		WHERE r.id = ANY (only_timers) AND (r.status = 'PENDING' OR (r.status = 'FAILED' AND r.retry_count < attempts)) AND r.scheduled_at <= as_of
		FOR NO KEY UPDATE OF r SKIP LOCKED;
		RETURN;
	END IF;

	-- Those that wait for their next attempt, by their own small index; dead letters are not in it.
	RETURN QUERY
	SELECT r.id, r.place, r.campaign_id, r.campaign_place, r.timer_type::text, r.state::text, r.scheduled_at, r.by_policy, true
	FROM @extschema@._runnable_timers AS r
	WHERE r.status = 'FAILED' AND r.retry_count < 5 AND r.retry_count < attempts AND r.scheduled_at >= since AND r.scheduled_at <= as_of
		AND r.timer_type <> ALL (handled)
		-- One that has taken its worker along goes the marked way (41_handlers). (IS TRUE: found by timer_id, not among all attempts that ever failed.)
		AND NOT EXISTS (SELECT FROM @extschema@.timer_executions AS x WHERE x.timer_id = r.id AND (x.status = 'FAILED') IS TRUE AND x.error_message LIKE '57P02: %' OFFSET 0)
	ORDER BY r.scheduled_at, r.retry_count
	LIMIT max_timers
	FOR NO KEY UPDATE OF r SKIP LOCKED;
	GET DIAGNOSTICS claimed = ROW_COUNT;
	IF claimed >= max_timers THEN
		RETURN;
	END IF;

	-- Read from where the last claim ended to as_of, and no further: neither over dead letters nor over what waits for later. The array says "= 'PENDING'" in
	-- such a way that the order is idx_campaign_timers_processing's alone, and so is the plan. (A row comparison would not end the scan at as_of.)
	RETURN QUERY
	SELECT r.id, r.place, r.campaign_id, r.campaign_place, r.timer_type::text, r.state::text, r.scheduled_at, r.by_policy, false
	FROM @extschema@._runnable_timers AS r
	WHERE r.status = ANY (ARRAY['PENDING', 'PENDING']) AND r.scheduled_at >= since AND r.scheduled_at <= as_of
		AND r.timer_type <> ALL (handled)
	ORDER BY r.status, r.scheduled_at
	LIMIT max_timers - claimed
	FOR NO KEY UPDATE OF r SKIP LOCKED;
END
$$;
COMMENT ON FUNCTION @extschema@._claim_batch(timestamptz, timestamptz, integer, uuid[]) IS
	'Locks up to max_timers due timers scheduled since a time (or those of only_timers) with their campaigns, at most one a campaign, skipping what is locked. Returns them, those tried before first, with where both rows are.';

CREATE FUNCTION @extschema@._next_due(since timestamp with time zone) RETURNS timestamp with time zone
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_incremental_sort = off SET jit = off
	SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	attempts integer := coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5');
BEGIN
	RETURN least(
		(SELECT t.scheduled_at
			FROM @extschema@.campaign_timers AS t
			WHERE t.status IN ('PENDING', 'FAILED') AND (t.status, t.scheduled_at) >= ('PENDING', since) AND (t.status, t.scheduled_at) <= ('PENDING', 'infinity')
			ORDER BY t.status, t.scheduled_at
			LIMIT 1),
		(SELECT t.scheduled_at
			FROM @extschema@.campaign_timers AS t
			WHERE t.status = 'FAILED' AND t.retry_count < 5 AND t.retry_count < attempts AND t.scheduled_at >= since
			ORDER BY t.scheduled_at, t.retry_count
			LIMIT 1));
END
$$;
COMMENT ON FUNCTION @extschema@._next_due(timestamptz) IS 'The least scheduled_at, not before since, of the timers that wait; NULL if none does.';

CREATE FUNCTION @extschema@._can_still_apply(state text, type text) RETURNS boolean
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	WITH RECURSIVE ahead (state) AS (
		SELECT $1
		UNION
		SELECT m.to_state FROM ahead AS a JOIN @extschema@.campaign_state_transitions AS m ON m.from_state = a.state)
	SELECT EXISTS (SELECT FROM ahead AS a JOIN @extschema@.campaign_state_transitions AS m ON m.from_state = a.state AND m.timer_type = $2)
$$;
COMMENT ON FUNCTION @extschema@._can_still_apply(text, text) IS 'Whether a campaign in this state, or in one it can still reach, moves by a timer of this type.';

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

-- What a batch does is asked once for each pair of state and type in it, not once a timer; src/apply.cpp writes what these say.
-- (PL/pgSQL, since servers before 18 plan the body of a function in SQL anew for every call.)
CREATE FUNCTION @extschema@._timer_rules(states text[], types text[])
	RETURNS TABLE (to_state text, only_when text, starts boolean, early boolean, reminds boolean, result jsonb, result_off jsonb)
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT d.to_state::text, d.only_when::text, d.anchor = 'start_time', d.outcome = 'early', d.outcome = 'event',
		CASE d.outcome
			WHEN 'move' THEN jsonb_build_object('from', d.state, 'to', d.to_state)
			WHEN 'event' THEN jsonb_build_object('event', d.type)
			WHEN 'late' THEN jsonb_build_object('skipped', true, 'reason', format('too late in state %s', d.state)) END,
		jsonb_build_object('skipped', true, 'reason', format('%s is off', d.only_when))
	FROM (
		SELECT u.n, u.state, u.type, m.to_state, p.only_when, p.anchor,
			CASE
				WHEN m.to_state IS NOT NULL THEN 'move'
				-- A policy that counts from entering the state means an event of this state. One that counts from start or end may have set the timer ahead, for a
				-- later state in which it moves the campaign; unless each such state gives the type a time that counts from elsewhere.
				WHEN p.anchor = 'entered' THEN 'event'
				WHEN @extschema@._can_still_apply(u.state, u.type) AND (p.anchor IS NULL OR EXISTS (
						SELECT
						FROM @extschema@.campaign_state_transitions AS a
						LEFT JOIN @extschema@.campaign_timer_policies AS q ON q.state = a.from_state AND q.timer_type = a.timer_type
						WHERE a.timer_type = u.type AND (q.anchor IS NULL OR q.anchor = p.anchor)))
					THEN 'early'
				WHEN p.anchor IS NOT NULL THEN 'event'
				ELSE 'late' END AS outcome
		FROM ROWS FROM (unnest(states), unnest(types)) WITH ORDINALITY AS u (state, type, n)
		LEFT JOIN @extschema@.campaign_state_transitions AS m ON m.from_state = u.state AND m.timer_type = u.type
		LEFT JOIN @extschema@.campaign_timer_policies AS p ON p.state = u.state AND p.timer_type = u.type) AS d
	ORDER BY d.n;
END
$$;
COMMENT ON FUNCTION @extschema@._timer_rules(text[], text[]) IS
	'For each pair of a campaign''s state and a due timer''s type: the state it moves to, if any; the boolean column of campaigns that switches a policy''s timer off; whether it sets a start_time that is missing; whether it comes too early; whether it is a reminder; what the execution''s result says of it, and what if it is switched off.';

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
