-- Setting a timer by hand concerns the other timers of its campaign. Timers of policies that would make it too late
-- move behind it. Notices tell the user about a timer of which nothing can come.

-- A timer that another transaction has locked is being executed or moved. The state that follows applies the policies
-- again. Waiting for it would let a new timer wait for a handler, and could deadlock.
CREATE FUNCTION campaign_lifecycle_internal._move_behind_timer(campaign_id uuid, timer_type text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
#variable_conflict use_variable
DECLARE
	change record;
BEGIN
	FOR change IN
		SELECT p.timer_id, p.timer_type, p.at
		FROM ONLY @extschema@.campaigns AS c
		CROSS JOIN LATERAL campaign_lifecycle_internal._policy_changes(ARRAY[c.id],
			ARRAY[campaign_lifecycle_internal._entered_at(c.id, c.status)], clock_timestamp()) AS p
		WHERE c.id = campaign_id AND p.timer_id IS NOT NULL AND p.at IS NOT NULL AND p.behind IS NOT NULL
	LOOP
		UPDATE ONLY @extschema@.campaign_timers AS t
		SET status = 'PENDING', retry_count = 0, scheduled_at = change.at
		FROM (SELECT l.id FROM ONLY @extschema@.campaign_timers AS l
			WHERE l.id = change.timer_id AND l.status IN ('PENDING', 'FAILED')
			FOR NO KEY UPDATE SKIP LOCKED) AS l
		WHERE t.id = l.id;
		IF FOUND THEN
			RAISE NOTICE 'the % timer of campaign % moves to %', change.timer_type, campaign_id, change.at
				USING HINT = format('A policy has set it. It comes after the %s timer, which would be too late otherwise.',
					timer_type);
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._move_behind_timer(uuid, text) IS
	'Moves timers of policies so that they do not make a timer of this type, set by hand, too late. A NOTICE names '
	'each.';

-- The plan: the states that the campaign enters by the timers that wait, each at its time. Timers of policies that
-- these states will bring are not in it.
CREATE FUNCTION campaign_lifecycle_internal._notice_plan(timer_id uuid) RETURNS void
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	timer record;
	acting text[];
	state text;
	state_then text;
	next_state text;
	other record;
BEGIN
	SELECT t.id, t.campaign_id, t.timer_type, t.scheduled_at, c.status AS state
	INTO timer
	FROM ONLY @extschema@.campaign_timers AS t
	JOIN ONLY @extschema@.campaigns AS c ON c.id = t.campaign_id
	WHERE t.id = timer_id;
	acting := campaign_lifecycle_internal._acting_states(timer.timer_type);
	state := timer.state;
	FOR other IN
		SELECT t.timer_type, t.scheduled_at
		FROM ONLY @extschema@.campaign_timers AS t
		WHERE t.campaign_id = timer.campaign_id AND t.id <> timer_id AND (t.status IN ('PENDING', 'RUNNING')
			OR (t.status = 'FAILED' AND t.retry_count < coalesce(current_setting('campaign_lifecycle.max_attempts', true),
				'@attempt_limit@')::integer))
		ORDER BY t.scheduled_at, (SELECT min(m.priority) FROM ONLY @extschema@.campaign_state_transitions AS m
			WHERE m.timer_type = t.timer_type), t.id
	LOOP
		IF other.scheduled_at > timer.scheduled_at AND state_then IS NULL THEN
			state_then := state;
			-- It acts before the campaign goes on.
			EXIT WHEN state_then = ANY (acting);
		END IF;
		next_state := (SELECT m.to_state FROM ONLY @extschema@.campaign_state_transitions AS m
			WHERE m.from_state = state AND m.timer_type = other.timer_type);
		CONTINUE WHEN next_state IS NULL;
		state := next_state;
		IF EXISTS (SELECT FROM ONLY @extschema@.campaign_timer_policies AS p WHERE p.state = state
				AND p.timer_type = timer.timer_type)
			AND NOT EXISTS (SELECT FROM ONLY @extschema@.campaign_timer_policies AS p WHERE p.state = timer.state
				AND p.timer_type = timer.timer_type) THEN
			RAISE NOTICE 'the % timer of campaign % takes the place of the one that state % brings', timer.timer_type,
				timer.campaign_id, state
				USING HINT = format('The campaign enters %s at %s. No policy sets a timer of a type that waits.', state,
					other.scheduled_at);
			EXIT WHEN state_then IS NOT NULL;
		END IF;
	END LOOP;
	state_then := coalesce(state_then, state);
	IF NOT state_then = ANY (acting) THEN
		RAISE NOTICE 'the % timer of campaign % does nothing in state %, in which the campaign will then be',
			timer.timer_type, timer.campaign_id, state_then
			USING HINT = CASE WHEN acting = '{}'
				THEN 'No row of campaign_state_transitions or campaign_timer_policies has its type.'
				ELSE format('It acts in %s.', array_to_string(acting, ', ')) END;
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._notice_plan(uuid) IS
	'Raises a NOTICE where a timer does nothing in the state in which its campaign will then be, by the timers that '
	'wait, and where it takes the place of the timer of a policy.';
