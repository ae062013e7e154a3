-- The verbs. Each touches one campaign in one transaction and can be called with ids that the caller chose; each runs with the caller's rights and does
-- nothing that the caller could not do by plain DML. Rows are locked in one order: timer, campaign, history.

CREATE FUNCTION @extschema@._check_given(what text, given boolean) RETURNS void
	LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF NOT coalesce(given, false) THEN
		RAISE EXCEPTION '% must not be null', what USING ERRCODE = 'null_value_not_allowed', HINT = 'Give a value, or leave the argument out where it has a default.';
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._check_given(text, boolean) IS 'Raises 22004 unless the argument was given.';

CREATE FUNCTION @extschema@._check_object(what text, value jsonb) RETURNS void
	LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM @extschema@._check_given(what, value IS NOT NULL);
	IF jsonb_typeof(value) <> 'object' THEN
		RAISE EXCEPTION '% must be a JSON object, not %', what, jsonb_typeof(value)
			USING ERRCODE = 'invalid_parameter_value', HINT = format('For instance ''{"key": "value"}'' or %L.', '{}');
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._check_object(text, jsonb) IS 'Raises 22004 for NULL and 22023 for JSON that is no object.';

CREATE FUNCTION @extschema@._check_text(what text, value text) RETURNS void
	LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF length(value) > 10000 THEN
		RAISE EXCEPTION '% is too long: % characters', what, length(value)
			USING ERRCODE = 'string_data_right_truncation', HINT = 'At most 10000 characters; longer text belongs into a table of the application''s own.';
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._check_text(text, text) IS 'Raises 22001 for a text of more than 10000 characters.';

CREATE FUNCTION @extschema@._check_duration(duration_hours integer) RETURNS void
	LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF duration_hours NOT BETWEEN 1 AND 876600 THEN
		RAISE EXCEPTION 'campaign duration out of range: % hours', duration_hours
			USING ERRCODE = 'invalid_parameter_value', HINT = 'A campaign lasts from 1 to 876600 hours (100 years).';
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._check_duration(integer) IS 'Raises 22023 for a duration that is not between 1 hour and 100 years.';

CREATE FUNCTION @extschema@._check_start_time(start_time timestamp with time zone) RETURNS void
	LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF start_time < '1970-01-01 00:00:00+00' OR start_time >= '10000-01-01 00:00:00+00' THEN
		RAISE EXCEPTION 'campaign start_time out of range: %', start_time
			USING ERRCODE = 'datetime_field_overflow', HINT = 'A campaign starts between the years 1970 and 9999.';
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._check_start_time(timestamptz) IS 'Raises 22008 for a start that is not between the years 1970 and 9999.';

CREATE FUNCTION @extschema@._check_timer_type(timer_type text) RETURNS void
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	types text;
BEGIN
	PERFORM @extschema@._check_given('timer_type', timer_type IS NOT NULL);
	IF EXISTS (SELECT FROM @extschema@.campaign_state_transitions AS m WHERE m.timer_type = $1) THEN
		RETURN;
	END IF;
	-- The CHECK constraint is where the types stand.
	SELECT string_agg(t.type, ', ' ORDER BY t.type)
	INTO types
	FROM pg_constraint AS k
	CROSS JOIN LATERAL (SELECT m[1] AS type FROM regexp_matches(pg_get_constraintdef(k.oid), '''([A-Z_]+)''', 'g') AS m) AS t
	WHERE k.conrelid = '@extschema@.campaign_timers'::regclass AND k.conname = 'valid_timer_type';
	IF NOT timer_type = ANY (string_to_array(types, ', ')) THEN
		RAISE EXCEPTION 'unknown timer type: %', left(timer_type, 100)
			USING ERRCODE = 'invalid_parameter_value', HINT = format('Timer types are %s.', types);
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._check_timer_type(text) IS 'Raises 22004 for NULL and 22023 for a type that the CHECK constraint of campaign_timers does not list.';

CREATE FUNCTION @extschema@._unknown_campaign(campaign_id uuid) RETURNS void
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RAISE EXCEPTION 'campaign not found: %', campaign_id
		USING ERRCODE = 'no_data_found', HINT = 'It may have been deleted, or row level security hides it from you.';
END
$$;
COMMENT ON FUNCTION @extschema@._unknown_campaign(uuid) IS 'Raises P0002.';

-- The timers first, then the campaign, as the worker does; and the timers in the order in which they fire, for the worker takes the first of a campaign:
-- whoever has to wait for it holds no other yet, which the worker may be about to move.
CREATE FUNCTION @extschema@._lock_campaign(campaign_id uuid) RETURNS text
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	state text;
BEGIN
	PERFORM
	FROM @extschema@.campaign_timers AS t
	WHERE t.campaign_id = $1 AND t.status IN ('PENDING', 'RUNNING', 'FAILED')
	ORDER BY t.scheduled_at, (SELECT min(m.priority) FROM @extschema@.campaign_state_transitions AS m WHERE m.timer_type = t.timer_type), t.id
	FOR NO KEY UPDATE OF t;
	SELECT c.status INTO state FROM @extschema@.campaigns AS c WHERE c.id = $1 FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		PERFORM @extschema@._unknown_campaign($1);
	END IF;
	RETURN state;
END
$$;
COMMENT ON FUNCTION @extschema@._lock_campaign(uuid) IS 'Locks a campaign with its timers for a verb and returns its state; P0002 when there is none.';

-- When a campaign entered the state it is in: its last log row, or its creation where the log does not tell.
CREATE FUNCTION @extschema@._entered_at(campaign_id uuid, state text) RETURNS timestamp with time zone
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN coalesce(
		(SELECT max(l.created_at) FROM @extschema@.campaign_state_log AS l WHERE l.campaign_id = $1 AND l.to_state = $2),
		(SELECT c.created_at FROM @extschema@.campaigns AS c WHERE c.id = $1));
END
$$;
COMMENT ON FUNCTION @extschema@._entered_at(uuid, text) IS 'When the campaign entered this state.';

CREATE FUNCTION @extschema@.create_campaign(duration_hours integer, start_time timestamp with time zone DEFAULT now(), auto_close boolean DEFAULT true,
		rewards_enabled boolean DEFAULT true, metadata jsonb DEFAULT '{}', id uuid DEFAULT NULL) RETURNS uuid
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	first_state text;
	campaign_id uuid;
	entered timestamptz;
BEGIN
	PERFORM @extschema@._check_given('duration_hours', duration_hours IS NOT NULL);
	PERFORM @extschema@._check_given('auto_close', auto_close IS NOT NULL);
	PERFORM @extschema@._check_given('rewards_enabled', rewards_enabled IS NOT NULL);
	PERFORM @extschema@._check_object('metadata', metadata);
	PERFORM @extschema@._check_duration(duration_hours);
	PERFORM @extschema@._check_start_time(start_time);

	-- The state that nothing leads to; where a row that was added leads back into it, the one that waits for the start.
	SELECT m.from_state
	INTO first_state
	FROM (
		SELECT t.from_state, t.priority,
			EXISTS (SELECT FROM @extschema@.campaign_state_transitions AS i WHERE i.to_state = t.from_state) AS is_entered,
			EXISTS (SELECT FROM @extschema@.campaign_timer_policies AS p
				WHERE p.state = t.from_state AND p.timer_type = t.timer_type AND p.anchor = 'start_time') AS waits_for_start
		FROM @extschema@.campaign_state_transitions AS t) AS m
	WHERE NOT m.is_entered OR m.waits_for_start
	ORDER BY m.is_entered, m.priority, m.from_state
	LIMIT 1;
	IF first_state IS NULL THEN
		RAISE EXCEPTION 'no first state: every state of campaign_state_transitions can be entered from another'
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Delete the row that leads back into the first state.';
	END IF;

	INSERT INTO @extschema@.campaigns AS c (id, status, metadata, start_time, duration_hours, auto_close, rewards_enabled)
	VALUES (coalesce(id, @extschema@._uuid_v7()), first_state, metadata, start_time, duration_hours, auto_close, rewards_enabled)
	ON CONFLICT ON CONSTRAINT campaigns_pkey DO NOTHING
	RETURNING c.id, c.created_at INTO campaign_id, entered;
	IF campaign_id IS NULL AND EXISTS (SELECT FROM @extschema@.campaigns AS c WHERE c.id = create_campaign.id) THEN
		RAISE EXCEPTION 'campaign already exists: %', id
			USING ERRCODE = 'unique_violation', CONSTRAINT = 'campaigns_pkey', HINT = 'Choose another id, or leave it out.';
	ELSIF campaign_id IS NULL THEN
		RAISE EXCEPTION 'the campaign was not made'
			USING ERRCODE = 'triggered_action_exception', HINT = 'A trigger on campaigns has suppressed the insert.';
	END IF;
	PERFORM @extschema@._apply_policies(ARRAY[campaign_id], ARRAY[entered], clock_timestamp());
	RETURN campaign_id;
END
$$;
COMMENT ON FUNCTION @extschema@.create_campaign(integer, timestamptz, boolean, boolean, jsonb, uuid) IS
	'A campaign in the first state with the timers its policy wants. duration_hours: 1 to 876600; start_time: NULL until known; id: chosen by the caller, else a time-ordered UUID. Returns the id. Errors: 22004, 22008, 22023; 23505 when the id exists; 55000 when campaign_state_transitions has no first state. Since 1.0.';

CREATE FUNCTION @extschema@.schedule_campaign_timers(campaign_id uuid) RETURNS TABLE (timer_id uuid, timer_type text, scheduled_at timestamp with time zone)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	state text;
BEGIN
	PERFORM @extschema@._check_given('campaign_id', campaign_id IS NOT NULL);
	state := @extschema@._lock_campaign(campaign_id);
	PERFORM @extschema@._apply_policies(ARRAY[campaign_id], ARRAY[@extschema@._entered_at(campaign_id, state)], clock_timestamp());
	RETURN QUERY
		SELECT t.id, t.timer_type::text, t.scheduled_at
		FROM @extschema@.campaign_timers AS t
		WHERE t.campaign_id = schedule_campaign_timers.campaign_id
			AND (t.status IN ('PENDING', 'RUNNING')
				OR (t.status = 'FAILED' AND t.retry_count < coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5')::integer))
		ORDER BY t.scheduled_at, t.id;
END
$$;
COMMENT ON FUNCTION @extschema@.schedule_campaign_timers(uuid) IS
	'Applies the policy for the state the campaign is in, as on entering it; returns the timers that wait now. Timers set by hand stay. Errors: 22004, P0002. Since 1.0.';

CREATE FUNCTION @extschema@.reschedule_campaign(campaign_id uuid, start_time timestamp with time zone DEFAULT NULL, duration_hours integer DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	state text;
BEGIN
	PERFORM @extschema@._check_given('campaign_id', campaign_id IS NOT NULL);
	IF start_time IS NULL AND duration_hours IS NULL THEN
		RAISE EXCEPTION 'nothing to reschedule: neither start_time nor duration_hours is given'
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Give one of them, or both.';
	END IF;
	PERFORM @extschema@._check_duration(duration_hours);
	PERFORM @extschema@._check_start_time(start_time);
	state := @extschema@._lock_campaign(campaign_id);
	-- A time can still change while the state has a timer that counts from it.
	IF start_time IS NOT NULL AND NOT EXISTS (SELECT FROM @extschema@.campaign_timer_policies AS p WHERE p.state = state AND p.anchor = 'start_time') THEN
		RAISE EXCEPTION 'start_time of a campaign in state % cannot change', state
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'It has started already; duration_hours can change until it closes.';
	END IF;
	IF NOT EXISTS (SELECT FROM @extschema@.campaign_timer_policies AS p WHERE p.state = state AND p.anchor IN ('start_time', 'end_time')) THEN
		RAISE EXCEPTION 'a campaign in state % cannot be rescheduled', state
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Its times have passed; reschedule_timer() moves a single timer.';
	END IF;
	UPDATE @extschema@.campaigns AS c
	SET start_time = coalesce(reschedule_campaign.start_time, c.start_time), duration_hours = coalesce(reschedule_campaign.duration_hours, c.duration_hours)
	WHERE c.id = campaign_id;
	PERFORM @extschema@._apply_policies(ARRAY[campaign_id], ARRAY[@extschema@._entered_at(campaign_id, state)], clock_timestamp());
END
$$;
COMMENT ON FUNCTION @extschema@.reschedule_campaign(uuid, timestamptz, integer) IS
	'Gives a campaign new times and moves the timers that a policy made: before its start both, while it runs the duration only. Errors: 22004, 22008, 22023, P0002; 55000 when the state does not allow it. Since 1.0.';

CREATE FUNCTION @extschema@._move_campaign(campaign_id uuid, to_state text, trigger_event text, metadata jsonb) RETURNS text
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	event_before constant text := coalesce(current_setting('campaign_lifecycle.trigger_event', true), '');
	metadata_before constant text := coalesce(current_setting('campaign_lifecycle._log_metadata', true), '');
	from_state text;
	entered timestamptz;
	moved boolean;
BEGIN
	from_state := @extschema@._lock_campaign(campaign_id);
	IF from_state = to_state THEN
		RAISE EXCEPTION 'Invalid state transition from % to %', from_state, to_state
			USING CONSTRAINT = 'valid_state_transition', HINT = 'The campaign is in that state already.';
	END IF;
	PERFORM set_config('campaign_lifecycle.trigger_event', trigger_event, true);
	PERFORM set_config('campaign_lifecycle._log_metadata', metadata::text, true);
	-- A move by the timer type that waits for the start, of a campaign with no start_time, is its start.
	UPDATE @extschema@.campaigns AS c
	SET status = to_state,
		start_time = CASE WHEN c.start_time IS NULL AND EXISTS (
				SELECT FROM @extschema@.campaign_state_transitions AS m
				JOIN @extschema@.campaign_timer_policies AS p ON p.state = m.from_state AND p.timer_type = m.timer_type AND p.anchor = 'start_time'
				WHERE m.from_state = c.status AND m.to_state = _move_campaign.to_state)
			THEN clock_timestamp() ELSE c.start_time END
	WHERE c.id = campaign_id
	RETURNING c.updated_at INTO entered;
	moved := FOUND;
	PERFORM set_config('campaign_lifecycle.trigger_event', event_before, true);
	PERFORM set_config('campaign_lifecycle._log_metadata', metadata_before, true);
	IF NOT moved THEN
		RAISE EXCEPTION 'campaign % was not moved', campaign_id
			USING ERRCODE = 'triggered_action_exception', HINT = 'A trigger on campaigns has suppressed the update, or row level security refuses it.';
	END IF;
	-- The stamp that the log shows, so that schedule_campaign_timers() later finds the timers at the right time.
	PERFORM @extschema@._apply_policies(ARRAY[campaign_id], ARRAY[entered], clock_timestamp());
	RETURN from_state;
END
$$;
COMMENT ON FUNCTION @extschema@._move_campaign(uuid, text, text, jsonb) IS 'A move by hand, its log row and the policy of the new state; returns the state it came from.';

CREATE FUNCTION @extschema@.transition_campaign(campaign_id uuid, to_state text, trigger_event text DEFAULT 'MANUAL', metadata jsonb DEFAULT '{}') RETURNS text
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM @extschema@._check_given('campaign_id', campaign_id IS NOT NULL);
	PERFORM @extschema@._check_given('to_state', to_state IS NOT NULL);
	PERFORM @extschema@._check_given('trigger_event', trigger_event IS NOT NULL);
	PERFORM @extschema@._check_text('trigger_event', trigger_event);
	PERFORM @extschema@._check_object('metadata', metadata);
	IF NOT EXISTS (SELECT FROM @extschema@.campaign_state_transitions AS m WHERE to_state IN (m.from_state, m.to_state)) THEN
		RAISE EXCEPTION 'unknown state: %', left(to_state, 100)
			USING ERRCODE = 'invalid_parameter_value',
				HINT = (SELECT format('States are %s.', string_agg(DISTINCT s.state, ', ' ORDER BY s.state))
					FROM @extschema@.campaign_state_transitions AS m CROSS JOIN LATERAL (VALUES (m.from_state), (m.to_state)) AS s (state));
	END IF;
	RETURN @extschema@._move_campaign(campaign_id, to_state, trigger_event, metadata);
END
$$;
COMMENT ON FUNCTION @extschema@.transition_campaign(uuid, text, text, jsonb) IS
	'Moves a campaign by hand, with the timers of the new state. trigger_event: what the log shows as the cause (cut to 50 characters there, whole in its metadata; at most 10000); metadata: added to the log row, its changed_by counts as the setting would. Returns the state it came from. Errors: 22001, 22004, 22023, P0002; P0001 when the transition is not allowed. Since 1.0.';

CREATE FUNCTION @extschema@.cancel_campaign(campaign_id uuid, reason text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	state text;
	target text;
BEGIN
	PERFORM @extschema@._check_given('campaign_id', campaign_id IS NOT NULL);
	PERFORM @extschema@._check_text('reason', reason);
	state := @extschema@._lock_campaign(campaign_id);
	SELECT m.to_state
	INTO target
	FROM @extschema@.campaign_state_transitions AS m
	WHERE m.from_state = state AND NOT EXISTS (SELECT FROM @extschema@.campaign_state_transitions AS o WHERE o.from_state = m.to_state)
	ORDER BY m.priority
	LIMIT 1;
	IF target IS NULL THEN
		RAISE EXCEPTION 'a campaign in state % cannot be cancelled', state
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = coalesce(
					(SELECT format('To allow it: INSERT INTO %s (from_state, to_state, timer_type, priority) VALUES (%L, %L, %L, %s);',
							'@extschema@.campaign_state_transitions'::regclass, state, m.to_state, m.timer_type, m.priority)
						FROM @extschema@.campaign_state_transitions AS m
						WHERE NOT EXISTS (SELECT FROM @extschema@.campaign_state_transitions AS o WHERE o.from_state = m.to_state) AND m.to_state <> state
						ORDER BY m.priority
						LIMIT 1),
					'It is over already.');
	END IF;
	PERFORM @extschema@._move_campaign(campaign_id, target, 'CANCELLED', CASE WHEN reason IS NULL THEN '{}' ELSE jsonb_build_object('reason', reason) END);
END
$$;
COMMENT ON FUNCTION @extschema@.cancel_campaign(uuid, text) IS
	'Ends a campaign at once where the machine allows it: a move to the terminal state with event CANCELLED; its waiting timers become CANCELLED. reason (at most 10000 characters) goes into the log row. Errors: 22001, 22004, P0002; 55000 with the row to add when the state does not allow it. Since 1.0.';

CREATE FUNCTION @extschema@._check_schedule(scheduled_at timestamp with time zone) RETURNS void
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM @extschema@._check_given('scheduled_at', scheduled_at IS NOT NULL);
	IF scheduled_at >= '10000-01-01 00:00:00+00' OR scheduled_at = '-infinity' THEN
		RAISE EXCEPTION 'timer schedule out of range: %', scheduled_at
			USING ERRCODE = 'datetime_field_overflow', HINT = 'Times up to the year 9999 can be scheduled.';
	END IF;
	IF scheduled_at < now() - interval '1 minute' THEN
		RAISE EXCEPTION 'Cannot schedule timer in the past: %', scheduled_at
			USING CONSTRAINT = 'validate_timer_scheduling', HINT = 'Up to one minute in the past is tolerated; now() makes the timer due at once.';
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._check_schedule(timestamptz) IS 'Raises 22004 for NULL, 22008 beyond the year 9999, P0001 for over a minute in the past.';

CREATE FUNCTION @extschema@.schedule_timer(campaign_id uuid, timer_type text, scheduled_at timestamp with time zone, payload jsonb DEFAULT '{}', id uuid DEFAULT NULL) RETURNS uuid
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	existing record;
	new_id uuid;
BEGIN
	PERFORM @extschema@._check_given('campaign_id', campaign_id IS NOT NULL);
	PERFORM @extschema@._check_timer_type(timer_type);
	PERFORM @extschema@._check_schedule(scheduled_at);
	PERFORM @extschema@._check_object('payload', payload);
	SELECT t.id, t.status
	INTO existing
	FROM @extschema@.campaign_timers AS t
	WHERE t.campaign_id = campaign_id AND t.timer_type = timer_type AND (t.status IN ('PENDING', 'RUNNING') OR (t.status = 'FAILED' AND t.retry_count < 5))
	FOR NO KEY UPDATE;
	IF existing.status = 'FAILED' THEN
		IF EXISTS (SELECT FROM @extschema@.campaigns AS c WHERE c.id = campaign_id
				AND NOT EXISTS (SELECT FROM @extschema@.campaign_state_transitions AS m WHERE m.from_state = c.status)) THEN
			RAISE EXCEPTION 'Cannot schedule timer for expired campaign: %', campaign_id
				USING CONSTRAINT = 'validate_timer_scheduling', HINT = 'A campaign in a state without outgoing transitions gets no more timers.';
		END IF;
		UPDATE @extschema@.campaign_timers AS t
		SET status = 'PENDING', retry_count = 0, scheduled_at = schedule_timer.scheduled_at, payload = schedule_timer.payload
		WHERE t.id = existing.id;
		RETURN existing.id;
	ELSIF existing.id IS NOT NULL THEN
		RAISE EXCEPTION 'campaign % already has a waiting % timer: %', campaign_id, timer_type, existing.id
			USING ERRCODE = 'unique_violation', CONSTRAINT = 'unique_active_timer_per_type', HINT = 'reschedule_timer() moves it, cancel_timer() ends it.';
	END IF;
	IF NOT EXISTS (SELECT FROM @extschema@.campaigns AS c WHERE c.id = campaign_id) THEN
		PERFORM @extschema@._unknown_campaign(campaign_id);
	END IF;
	-- Another session may be scheduling the same: what the index then says after a wait would have no hint.
	INSERT INTO @extschema@.campaign_timers AS t (id, campaign_id, timer_type, scheduled_at, payload)
	VALUES (coalesce(id, @extschema@._uuid_v7()), campaign_id, timer_type, scheduled_at, payload)
	ON CONFLICT DO NOTHING
	RETURNING t.id INTO new_id;
	IF new_id IS NULL AND EXISTS (SELECT FROM @extschema@.campaign_timers AS t WHERE t.id = schedule_timer.id) THEN
		RAISE EXCEPTION 'timer already exists: %', id
			USING ERRCODE = 'unique_violation', CONSTRAINT = 'campaign_timers_pkey', HINT = 'Choose another id, or leave it out.';
	ELSIF new_id IS NULL THEN
		RAISE EXCEPTION 'campaign % already has a waiting % timer', campaign_id, timer_type
			USING ERRCODE = 'unique_violation', CONSTRAINT = 'unique_active_timer_per_type', HINT = 'reschedule_timer() moves it, cancel_timer() ends it.';
	END IF;
	RETURN new_id;
END
$$;
COMMENT ON FUNCTION @extschema@.schedule_timer(uuid, text, timestamptz, jsonb, uuid) IS
	'One timer, by hand; no policy moves it. While one of the type waits as FAILED that row is revived at the new time and its id returned. payload: a JSON object. Errors: 22004, 22008, 22023, P0002; P0001 for the past or an expired campaign; 23505 while one of the type is PENDING. Since 1.0.';

-- Locks a timer for a verb; a campaign_id given must be the timer's.
CREATE FUNCTION @extschema@._lock_timer(timer_id uuid, campaign_id uuid, allowed text[], verb text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	status text;
	timer_type text;
	owner_id uuid;
BEGIN
	PERFORM @extschema@._check_given('timer_id', timer_id IS NOT NULL);
	SELECT t.status, t.timer_type, t.campaign_id
	INTO status, timer_type, owner_id
	FROM @extschema@.campaign_timers AS t
	WHERE t.id = timer_id
	FOR NO KEY UPDATE;
	IF NOT FOUND OR owner_id <> campaign_id THEN
		RAISE EXCEPTION 'timer not found: %', CASE WHEN campaign_id IS NULL THEN timer_id::text ELSE format('%s of campaign %s', timer_id, campaign_id) END
			USING ERRCODE = 'no_data_found', HINT = 'It may have been deleted with its campaign, or belong to another one.';
	END IF;
	IF NOT status = ANY (allowed) THEN
		RAISE EXCEPTION 'a % timer cannot be %', status, verb
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = format('Only a timer that is %s can.', array_to_string(allowed, ' or '));
	END IF;
	IF verb <> 'cancelled' AND EXISTS (
		SELECT FROM @extschema@.campaign_timers AS t
		WHERE t.campaign_id = owner_id AND t.timer_type = timer_type AND t.id <> timer_id
			AND (t.status IN ('PENDING', 'RUNNING') OR (t.status = 'FAILED' AND t.retry_count < 5))
	) THEN
		RAISE EXCEPTION 'another % timer waits already for campaign %', timer_type, owner_id
			USING ERRCODE = 'unique_violation', CONSTRAINT = 'unique_waiting_timer_per_type', HINT = 'reschedule_timer() or cancel_timer() that one.';
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._lock_timer(uuid, uuid, text[], text) IS 'Locks a timer for a verb: 22004, P0002, 55000 unless its status is one of those allowed, 23505 where another of its type waits.';

CREATE FUNCTION @extschema@.reschedule_timer(timer_id uuid, scheduled_at timestamp with time zone, campaign_id uuid DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM @extschema@._check_schedule(scheduled_at);
	PERFORM @extschema@._lock_timer(timer_id, campaign_id, '{PENDING,FAILED}'::text[], 'rescheduled');
	UPDATE @extschema@.campaign_timers AS t
	SET status = 'PENDING', retry_count = 0, scheduled_at = reschedule_timer.scheduled_at,
		payload = CASE WHEN jsonb_typeof(t.payload) IN ('object', 'array') THEN t.payload - 'policy' ELSE t.payload END
	WHERE t.id = timer_id;
END
$$;
COMMENT ON FUNCTION @extschema@.reschedule_timer(uuid, timestamptz, uuid) IS
	'Moves a timer that is PENDING or FAILED; from then on it is one set by hand, with all its attempts. Errors: 22004, 22008, P0002; P0001 for the past; 23505 when another of the type waits; 55000 in another status. Since 1.0.';

CREATE FUNCTION @extschema@.cancel_timer(timer_id uuid, reason text DEFAULT NULL, campaign_id uuid DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM @extschema@._check_text('reason', reason);
	PERFORM @extschema@._lock_timer(timer_id, campaign_id, '{PENDING,FAILED}'::text[], 'cancelled');
	UPDATE @extschema@.campaign_timers AS t
	SET status = 'CANCELLED',
		-- Plain SQL may have put a payload there that is no object.
		payload = CASE WHEN reason IS NULL THEN t.payload
			ELSE CASE WHEN jsonb_typeof(t.payload) = 'object' THEN t.payload ELSE jsonb_build_object('payload', t.payload) END || jsonb_build_object('cancel_reason', reason) END
	WHERE t.id = timer_id;
END
$$;
COMMENT ON FUNCTION @extschema@.cancel_timer(uuid, text, uuid) IS
	'Cancels a timer that is PENDING or FAILED; reason (at most 10000 characters) is kept in its payload as cancel_reason. Errors: 22001, 22004, P0002; 55000 in another status. Since 1.0.';

CREATE FUNCTION @extschema@.retry_timer(timer_id uuid, campaign_id uuid DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM @extschema@._lock_timer(timer_id, campaign_id, '{FAILED}'::text[], 'retried');
	UPDATE @extschema@.campaign_timers AS t
	SET status = 'PENDING', retry_count = 0, scheduled_at = clock_timestamp()
	WHERE t.id = timer_id;
END
$$;
COMMENT ON FUNCTION @extschema@.retry_timer(uuid, uuid) IS
	'Revives a FAILED timer, dead or not: PENDING, with all its attempts, due now. Errors: 22004, P0002; 23505 when another of the type waits; 55000 in another status. Since 1.0.';

CREATE FUNCTION @extschema@.record_metric(campaign_id uuid, metric_type text, value numeric, attributes jsonb DEFAULT '{}', id uuid DEFAULT NULL) RETURNS uuid
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	new_id uuid;
BEGIN
	PERFORM @extschema@._check_given('campaign_id', campaign_id IS NOT NULL);
	PERFORM @extschema@._check_given('metric_type', metric_type IS NOT NULL);
	PERFORM @extschema@._check_given('value', value IS NOT NULL);
	PERFORM @extschema@._check_object('attributes', attributes);
	IF metric_type NOT IN ('ENGAGEMENT_COUNT', 'PARTICIPANT_COUNT', 'REWARD_CLAIMED', 'TIMER_EXECUTION_TIME', 'STATE_TRANSITION_TIME') THEN
		RAISE EXCEPTION 'unknown metric type: %', left(metric_type, 100)
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Metric types are ENGAGEMENT_COUNT, PARTICIPANT_COUNT, REWARD_CLAIMED, TIMER_EXECUTION_TIME and STATE_TRANSITION_TIME.';
	END IF;
	IF NOT coalesce(abs(round(value, 4)) < 100000000000, false) THEN
		RAISE EXCEPTION 'metric value out of range: %', left(value::text, 100)
			USING ERRCODE = 'numeric_value_out_of_range', HINT = 'A value has at most 11 digits before and 4 after the point.';
	END IF;
	IF NOT EXISTS (SELECT FROM @extschema@.campaigns AS c WHERE c.id = campaign_id) THEN
		PERFORM @extschema@._unknown_campaign(campaign_id);
	END IF;
	INSERT INTO @extschema@.campaign_metrics AS m (id, campaign_id, metric_type, value, attributes)
	VALUES (coalesce(id, @extschema@._uuid_v7()), campaign_id, metric_type, value, attributes)
	ON CONFLICT ON CONSTRAINT campaign_metrics_pkey DO NOTHING
	RETURNING m.id INTO new_id;
	IF new_id IS NULL AND EXISTS (SELECT FROM @extschema@.campaign_metrics AS m WHERE m.id = record_metric.id) THEN
		RAISE EXCEPTION 'metric already exists: %', id
			USING ERRCODE = 'unique_violation', CONSTRAINT = 'campaign_metrics_pkey', HINT = 'Choose another id, or leave it out.';
	END IF;
	RETURN new_id;
END
$$;
COMMENT ON FUNCTION @extschema@.record_metric(uuid, text, numeric, jsonb, uuid) IS
	'One metric of a campaign; returns its id. value: up to 11 digits before and 4 after the point. Errors: 22003, 22004, 22023, P0002; 23505 when the id exists. Since 1.0.';

CREATE FUNCTION @extschema@.run_due_timers(max_timers integer DEFAULT 1000) RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM @extschema@._check_given('max_timers', max_timers IS NOT NULL);
	IF max_timers < 0 THEN
		RAISE EXCEPTION 'max_timers must not be negative: %', max_timers
			USING ERRCODE = 'invalid_parameter_value', HINT = 'It is the most timers that are attempted; the default is 1000.';
	END IF;
	RETURN @extschema@._run_due_timers(clock_timestamp(), max_timers);
END
$$;
COMMENT ON FUNCTION @extschema@.run_due_timers(integer) IS
	'Does what the worker does, now, in the caller''s transaction, follow-up timers that fall due included, up to max_timers attempts; returns the number attempted. For tests, for servers without the preload, from pg_cron. Errors: 22004, 22023; 25001 unless READ COMMITTED; 55000 while paused, and in a handler. Since 1.0.';

CREATE FUNCTION @extschema@.pause_timers() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	INSERT INTO @extschema@.campaign_activation AS a (database_oid, paused)
	SELECT d.oid, true FROM pg_database AS d WHERE d.datname = current_database()
	ON CONFLICT (database_oid) DO UPDATE SET paused = true, changed_at = now() WHERE NOT a.paused;
	PERFORM @extschema@._wake();
END
$$;
COMMENT ON FUNCTION @extschema@.pause_timers() IS
	'From the commit on no timer of this database fires, persistently; a batch that runs ends. resume_timers() ends the pause. Since 1.0.';

CREATE FUNCTION @extschema@.resume_timers() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	owned boolean;
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		RAISE EXCEPTION 'the campaign tables are missing'
			USING ERRCODE = 'undefined_table', HINT = 'install_campaign_tables() makes them.';
	END IF;
	-- pg_restore --disable-triggers leaves ENABLE ALWAYS as plain ENABLE.
	SELECT pg_has_role(c.relowner, 'USAGE') INTO owned FROM pg_class AS c WHERE c.oid = '@extschema@.campaign_timers'::regclass;
	IF owned AND EXISTS (SELECT FROM pg_trigger AS t
			WHERE t.tgrelid = '@extschema@.campaign_timers'::regclass AND t.tgname IN ('wake_worker_on_insert', 'wake_worker_on_update') AND t.tgenabled <> 'A') THEN
		ALTER TABLE @extschema@.campaign_timers ENABLE ALWAYS TRIGGER wake_worker_on_insert;
		ALTER TABLE @extschema@.campaign_timers ENABLE ALWAYS TRIGGER wake_worker_on_update;
	END IF;
	INSERT INTO @extschema@.campaign_activation AS a (database_oid)
	SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()
	ON CONFLICT (database_oid) DO UPDATE SET paused = false, changed_at = now() WHERE a.paused;
	INSERT INTO @extschema@.campaign_clean_run (since)
	SELECT now() WHERE NOT EXISTS (SELECT FROM @extschema@.campaign_clean_run);
	PERFORM @extschema@._wake();
END
$$;
COMMENT ON FUNCTION @extschema@.resume_timers() IS
	'Timers of this database fire from the commit on: ends pause_timers(), and starts a restored or cloned database, which begins paused. Since 1.0.';
