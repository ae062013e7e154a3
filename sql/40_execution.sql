-- What happens when timers are due: claimed as a batch, applied as sets, a failing one recorded alone. The worker and run_due_timers() call these, each
-- batch in one transaction, as the owner of the tables. The time is an argument everywhere (as_of); the moves themselves are stamped by the clock.
--
-- A claim takes at most one timer of a campaign, its first: so a set statement meets each campaign once, and one campaign's timers run in order across
-- batches and workers. Plans are pinned by the SET clauses, for the claim must cost the same with ten or ten million rows, statistics or none.

CREATE FUNCTION @extschema@._claim_timers(as_of timestamp with time zone, since timestamp with time zone, max_timers integer,
		only_timers uuid[] DEFAULT NULL, OUT timer_ids uuid[], OUT claimed_to timestamp with time zone)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_sort = off
	SET enable_incremental_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	attempts integer := coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5');
	handled text[] := ARRAY(SELECT h.timer_type FROM @extschema@.campaign_timer_handlers AS h);
	pending_ids uuid[];
	pending_to timestamptz;
BEGIN
	IF only_timers IS NOT NULL THEN
		SELECT array_agg(q.id)
		INTO timer_ids
		FROM (
			SELECT r.id
			FROM @extschema@._runnable_timers AS r
			WHERE r.id = ANY (only_timers) AND (r.status = 'PENDING' OR (r.status = 'FAILED' AND r.retry_count < attempts)) AND r.scheduled_at <= as_of
			FOR NO KEY UPDATE OF r SKIP LOCKED) AS q;
		claimed_to := since;
		RETURN;
	END IF;

	-- Those that wait for their next attempt, by their own small index; dead letters are not in it.
	SELECT array_agg(q.id), max(q.scheduled_at)
	INTO timer_ids, claimed_to
	FROM (
		SELECT r.id, r.scheduled_at
		FROM @extschema@._runnable_timers AS r
		WHERE r.status = 'FAILED' AND r.retry_count < 5 AND r.retry_count < attempts AND r.scheduled_at >= since AND r.scheduled_at <= as_of
			AND r.timer_type <> ALL (handled)
			-- One that has taken its worker along goes the marked way (41_handlers). (IS TRUE: found by timer_id, not among all attempts that ever failed.)
			AND NOT EXISTS (SELECT FROM @extschema@.timer_executions AS x WHERE x.timer_id = r.id AND (x.status = 'FAILED') IS TRUE AND x.error_message LIKE '57P02: %' OFFSET 0)
		ORDER BY r.scheduled_at, r.retry_count
		LIMIT max_timers
		FOR NO KEY UPDATE OF r SKIP LOCKED) AS q;
	IF cardinality(timer_ids) >= max_timers THEN
		claimed_to := since;
		RETURN;
	END IF;

	-- Read from where the last claim ended to as_of, and no further: neither over dead letters nor over what waits for later. The array says "= 'PENDING'" in
	-- such a way that the order is idx_campaign_timers_processing's alone, and so is the plan. (A row comparison would not end the scan at as_of.)
	SELECT array_agg(q.id), max(q.scheduled_at)
	INTO pending_ids, pending_to
	FROM (
		SELECT r.id, r.scheduled_at
		FROM @extschema@._runnable_timers AS r
		WHERE r.status = ANY (ARRAY['PENDING', 'PENDING']) AND r.scheduled_at >= since AND r.scheduled_at <= as_of
			AND r.timer_type <> ALL (handled)
		ORDER BY r.status, r.scheduled_at
		LIMIT max_timers - coalesce(cardinality(timer_ids), 0)
		FOR NO KEY UPDATE OF r SKIP LOCKED) AS q;
	timer_ids := timer_ids || pending_ids;
	claimed_to := CASE WHEN cardinality(timer_ids) >= max_timers THEN pending_to ELSE as_of END;
END
$$;
COMMENT ON FUNCTION @extschema@._claim_timers(timestamptz, timestamptz, integer, uuid[]) IS
	'Locks up to max_timers due timers scheduled since a time (or those of only_timers) with their campaigns, at most one a campaign, skipping what is locked. Returns their ids (NULL: none) and how far the past is claimed.';

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
CREATE FUNCTION @extschema@._apply_policies(campaign_ids uuid[], entered_at timestamp with time zone[], as_of timestamp with time zone) RETURNS timestamp with time zone
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	other_flags boolean := EXISTS (SELECT FROM @extschema@.campaign_timer_policies AS p WHERE p.only_when NOT IN ('auto_close', 'rewards_enabled'));
	moving_states text[] := ARRAY(SELECT DISTINCT m.from_state FROM @extschema@.campaign_state_transitions AS m);
	lowest timestamptz;
BEGIN
	WITH entry AS MATERIALIZED (
		SELECT c.id, c.status AS state, c.start_time, c.end_time, e.entered, c.auto_close, c.rewards_enabled,
			CASE WHEN other_flags THEN to_jsonb(c) END AS flags, c.status <> ALL (moving_states) AS terminal
		FROM unnest(campaign_ids, entered_at) AS e (campaign_id, entered)
		JOIN @extschema@.campaigns AS c ON c.id = e.campaign_id
	),
	-- Read once, not once a timer.
	policy AS MATERIALIZED (
		SELECT p.*
		FROM @extschema@.campaign_timer_policies AS p
		WHERE p.state = ANY (ARRAY(SELECT DISTINCT e.state FROM entry AS e WHERE NOT e.terminal))
	),
	waiting AS MATERIALIZED (
		SELECT e.*, t.id AS timer_id, t.timer_type, t.status, t.scheduled_at, t.by_policy
		FROM entry AS e
		CROSS JOIN LATERAL (
			SELECT t.id, t.timer_type, t.status, t.scheduled_at, t.payload ? 'policy' AS by_policy
			FROM @extschema@.campaign_timers AS t
			WHERE t.campaign_id = e.id AND (t.status IN ('PENDING', 'RUNNING') OR (t.status = 'FAILED' AND t.retry_count < 5))
			OFFSET 0) AS t
	),
	changed AS (
		UPDATE @extschema@.campaign_timers AS t
		SET status = CASE WHEN w.at IS NULL THEN 'CANCELLED' ELSE 'PENDING' END,
			scheduled_at = CASE WHEN w.at IS NULL THEN t.scheduled_at ELSE greatest(w.at, as_of) END,
			retry_count = CASE WHEN w.at IS NULL THEN t.retry_count ELSE 0 END
		FROM (
			SELECT w.timer_id, w.id, w.at
			FROM (
				SELECT w.*, p.state IS NOT NULL AS has_policy,
					p.delay + CASE p.anchor WHEN 'start_time' THEN w.start_time WHEN 'end_time' THEN w.end_time ELSE w.entered END AS at,
					CASE p.only_when WHEN 'auto_close' THEN w.auto_close WHEN 'rewards_enabled' THEN w.rewards_enabled
						ELSE p.only_when IS NULL OR coalesce((w.flags ->> p.only_when)::boolean, false) END AS wanted
				FROM waiting AS w
				LEFT JOIN policy AS p ON p.state = w.state AND p.timer_type = w.timer_type AND NOT w.terminal
				WHERE w.status <> 'RUNNING' AND (w.by_policy OR w.terminal)
				OFFSET 0) AS w
			WHERE CASE
				WHEN w.terminal THEN true
				WHEN NOT w.has_policy
					THEN NOT EXISTS (SELECT FROM @extschema@.campaign_state_transitions AS m WHERE m.from_state = w.state AND m.timer_type = w.timer_type OFFSET 0)
				-- One at the right time is not rewritten; of what is due at once any past time is right.
				ELSE w.wanted AND w.at IS NOT NULL AND w.at <> w.scheduled_at
					AND NOT (w.at <= as_of AND (w.scheduled_at <= as_of OR w.status = 'FAILED'))
				END
			OFFSET 0
		) AS w
		WHERE t.id = w.timer_id AND t.campaign_id = w.id AND t.status IN ('PENDING', 'FAILED')
	),
	added AS (
		INSERT INTO @extschema@.campaign_timers (campaign_id, timer_type, scheduled_at, payload)
		SELECT a.id, a.timer_type, greatest(a.at, as_of), '{"policy": true}'
		FROM (
			SELECT e.id, p.timer_type,
				p.delay + CASE p.anchor WHEN 'start_time' THEN e.start_time WHEN 'end_time' THEN e.end_time ELSE e.entered END AS at
			FROM entry AS e
			JOIN policy AS p ON p.state = e.state
			WHERE NOT e.terminal
				AND CASE p.only_when WHEN 'auto_close' THEN e.auto_close WHEN 'rewards_enabled' THEN e.rewards_enabled
					ELSE p.only_when IS NULL OR coalesce((e.flags ->> p.only_when)::boolean, false) END
			OFFSET 0) AS a
		-- Hashed once; there are no NULLs in it.
		WHERE a.at IS NOT NULL AND (a.id, a.timer_type) NOT IN (SELECT w.id, w.timer_type FROM waiting AS w)
		ORDER BY a.id, greatest(a.at, as_of)
		-- A timer of the type set by hand at this very moment satisfies the policy.
		ON CONFLICT DO NOTHING
	)
	SELECT min(w.scheduled_at)
	INTO lowest
	FROM waiting AS w
	WHERE w.scheduled_at <= as_of;
	RETURN lowest;
END
$$;
COMMENT ON FUNCTION @extschema@._apply_policies(uuid[], timestamptz[], timestamptz) IS
	'Gives campaigns the timers that the policy of their present state wants, moves and cancels those that a policy made, cancels all in a terminal state. Returns the earliest due timer that waited before, or NULL.';

CREATE FUNCTION @extschema@._apply_timers(timer_ids uuid[], as_of timestamp with time zone) RETURNS timestamp with time zone
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	began constant timestamptz := clock_timestamp();
	other_flags boolean := EXISTS (SELECT FROM @extschema@.campaign_timer_policies AS p WHERE p.only_when NOT IN ('auto_close', 'rewards_enabled'));
	event_before text := coalesce(current_setting('campaign_lifecycle.trigger_event', true), '');
	timers uuid[];            -- the batch, column by column
	campaigns uuid[];
	types text[];
	times timestamptz[];
	targets text[];
	outcomes text[];          -- move, event, off, late, early
	results jsonb[];
	unstarted boolean[];
	type text;
	moving uuid[];
	moving_to text[];
	starting uuid[];
	moved bigint;
	n bigint;
	done_at timestamptz;
	each_ms numeric;
	i integer;
	lowest timestamptz;
BEGIN
	SELECT array_agg(d.id), array_agg(d.campaign_id), array_agg(d.timer_type), array_agg(d.scheduled_at), array_agg(d.to_state), array_agg(d.outcome),
		array_agg(CASE d.outcome
			WHEN 'move' THEN jsonb_build_object('from', d.from_state, 'to', d.to_state)
			WHEN 'event' THEN jsonb_build_object('event', d.timer_type)
			WHEN 'off' THEN jsonb_build_object('skipped', true, 'reason', format('%s is off', d.only_when))
			WHEN 'late' THEN jsonb_build_object('skipped', true, 'reason', format('too late in state %s', d.from_state)) END),
		array_agg(d.unstarted)
	INTO timers, campaigns, types, times, targets, outcomes, results, unstarted
	FROM (
		SELECT t.id, t.campaign_id, t.timer_type, t.scheduled_at, c.status AS from_state, m.to_state, p.only_when,
			c.start_time IS NULL AND p.anchor = 'start_time' AS unstarted,
			CASE
				WHEN p.only_when IS NOT NULL AND t.payload ? 'policy'
					AND NOT CASE p.only_when WHEN 'auto_close' THEN c.auto_close WHEN 'rewards_enabled' THEN c.rewards_enabled
						ELSE coalesce((CASE WHEN other_flags THEN to_jsonb(c) END ->> p.only_when)::boolean, false) END
					THEN 'off'
				WHEN m.to_state IS NOT NULL THEN 'move'
				-- A policy that counts from entering the state means an event of this state. One that counts from start or end may have set the timer ahead, for a
				-- later state in which it moves the campaign; unless each such state gives the type a time that counts from elsewhere.
				WHEN p.anchor = 'entered' THEN 'event'
				WHEN @extschema@._can_still_apply(c.status::text, t.timer_type::text) AND (p.anchor IS NULL OR EXISTS (
						SELECT
						FROM @extschema@.campaign_state_transitions AS a
						LEFT JOIN @extschema@.campaign_timer_policies AS q ON q.state = a.from_state AND q.timer_type = a.timer_type
						WHERE a.timer_type = t.timer_type AND (q.anchor IS NULL OR q.anchor = p.anchor)))
					THEN 'early'
				WHEN p.anchor IS NOT NULL THEN 'event'
				ELSE 'late' END AS outcome
		FROM unnest(timer_ids) AS u (id)
		JOIN @extschema@.campaign_timers AS t ON t.id = u.id
		JOIN @extschema@.campaigns AS c ON c.id = t.campaign_id
		LEFT JOIN @extschema@.campaign_state_transitions AS m ON m.from_state = c.status AND m.timer_type = t.timer_type
		LEFT JOIN @extschema@.campaign_timer_policies AS p ON p.state = c.status AND p.timer_type = t.timer_type
		ORDER BY t.campaign_id) AS d;

	IF 'move' = ANY (outcomes) THEN
		-- One statement a timer type, for the log takes the event from the setting.
		FOR type, moving, moving_to, starting IN
			SELECT u.timer_type, array_agg(u.campaign_id), array_agg(u.to_state), array_agg(u.campaign_id) FILTER (WHERE u.unstarted)
			FROM unnest(types, campaigns, targets, outcomes, unstarted) AS u (timer_type, campaign_id, to_state, outcome, unstarted)
			WHERE u.outcome = 'move'
			GROUP BY u.timer_type
		LOOP
			PERFORM set_config('campaign_lifecycle.trigger_event', type, true);
			IF starting IS NULL THEN
				UPDATE @extschema@.campaigns AS c
				SET status = u.to_state
				FROM unnest(moving, moving_to) AS u (id, to_state)
				WHERE c.id = u.id;
			ELSE
				UPDATE @extschema@.campaigns AS c
				SET status = u.to_state, start_time = CASE WHEN c.id = ANY (starting) THEN as_of ELSE c.start_time END
				FROM unnest(moving, moving_to) AS u (id, to_state)
				WHERE c.id = u.id;
			END IF;
			GET DIAGNOSTICS moved = ROW_COUNT;
			IF moved <> cardinality(moving) THEN
				RAISE EXCEPTION 'a campaign was not moved by its % timer', type
					USING ERRCODE = 'triggered_action_exception', HINT = 'A trigger on campaigns has suppressed the update.';
			END IF;
		END LOOP;
		PERFORM set_config('campaign_lifecycle.trigger_event', event_before, true);
	END IF;

	done_at := as_of + (clock_timestamp() - began);
	UPDATE @extschema@.campaign_timers AS t
	SET status = 'COMPLETED', executed_at = done_at
	FROM unnest(timers, outcomes) AS u (id, outcome)
	WHERE t.id = u.id AND u.outcome <> 'early';
	GET DIAGNOSTICS n = ROW_COUNT;

	IF n > 0 THEN
		IF 'move' = ANY (outcomes) THEN
			lowest := @extschema@._apply_policies(
				ARRAY(SELECT u.id FROM unnest(campaigns, outcomes) AS u (id, outcome) WHERE u.outcome = 'move'),
				ARRAY(SELECT as_of FROM unnest(outcomes) AS u (outcome) WHERE u.outcome = 'move'),
				as_of);
		END IF;

		each_ms := EXTRACT(epoch FROM clock_timestamp() - began) * 1000 / n;
		-- A marked attempt, always alone, has its row already.
		IF cardinality(timers) = 1 THEN
			UPDATE @extschema@.timer_executions AS x
			SET status = 'COMPLETED', result = results[1], completed_at = greatest(done_at, x.started_at), execution_time_ms = each_ms
			WHERE x.timer_id = timers[1] AND x.status = 'STARTED';
		END IF;
		IF cardinality(timers) > 1 OR NOT FOUND THEN
			INSERT INTO @extschema@.timer_executions (id, timer_id, status, result, started_at, completed_at, execution_time_ms)
			SELECT @extschema@._uuid_v7(), u.id, 'COMPLETED', u.result, as_of, done_at, each_ms
			FROM unnest(timers, outcomes, results) AS u (id, outcome, result)
			WHERE u.outcome <> 'early';
		END IF;
		IF coalesce(current_setting('campaign_lifecycle.record_metrics', true), 'on')::boolean THEN
			INSERT INTO @extschema@.campaign_metrics (id, campaign_id, metric_type, value, recorded_at)
			SELECT @extschema@._uuid_v7(), u.campaign_id, m.type,
				CASE m.type WHEN 'STATE_TRANSITION_TIME' THEN least(EXTRACT(epoch FROM done_at - u.scheduled_at) * 1000, 99999999999) ELSE each_ms END, done_at
			FROM unnest(campaigns, times, outcomes) AS u (campaign_id, scheduled_at, outcome)
			JOIN (VALUES ('TIMER_EXECUTION_TIME'), ('STATE_TRANSITION_TIME')) AS m (type) ON u.outcome = 'move' OR m.type = 'TIMER_EXECUTION_TIME'
			WHERE u.outcome <> 'early';
		END IF;
		IF coalesce(current_setting('campaign_lifecycle.notify_events', true), '') <> '' THEN
			PERFORM @extschema@._notify(e.event, array_agg(u.campaign_id), array_agg(u.id), array_agg(u.timer_type))
			FROM unnest(timers, campaigns, types, outcomes) AS u (id, campaign_id, timer_type, outcome)
			JOIN (VALUES ('timer.executed', NULL), ('reward.reminder', 'event')) AS e (event, outcome) ON e.outcome = u.outcome OR e.outcome IS NULL
			WHERE u.outcome <> 'early'
			GROUP BY e.event;
		END IF;
	END IF;

	IF n < cardinality(timers) THEN
		FOR i IN SELECT g.i FROM generate_subscripts(outcomes, 1) AS g (i) WHERE outcomes[g.i] = 'early' LOOP
			-- Put off while another timer of the campaign waits for its next attempt, and that is no attempt: until right after that one, for whichever
			-- comes first stands in the way of those after it. Otherwise a failed attempt.
			UPDATE @extschema@.campaign_timers AS t
			SET status = 'PENDING', scheduled_at = w.at + interval '1 microsecond'
			FROM (
				SELECT min(o.scheduled_at) AS at
				FROM @extschema@.campaign_timers AS o
				WHERE o.campaign_id = campaigns[i] AND o.id <> timers[i] AND o.status = 'FAILED'
					AND o.retry_count < coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5')::integer) AS w
			WHERE t.id = timers[i] AND w.at IS NOT NULL;
			IF NOT FOUND THEN
				PERFORM @extschema@._fail_timer(timers[i], as_of, '55000',
					format('too early: a campaign in state %s does not move by %s yet', (SELECT c.status FROM @extschema@.campaigns AS c WHERE c.id = campaigns[i]), types[i]));
			END IF;
		END LOOP;
	END IF;
	RETURN lowest;
END
$$;
COMMENT ON FUNCTION @extschema@._apply_timers(uuid[], timestamptz) IS
	'Carries out claimed timers, at most one a campaign, in sets: moves, completion, log, policies, executions, metrics. Returns the earliest timer of the campaigns moved that was due as well, or NULL.';

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
		execution_time_ms = greatest(EXTRACT(epoch FROM clock_timestamp() - x.started_at) * 1000, 0)
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
