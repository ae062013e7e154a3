-- Functions of the API for one campaign.
--
-- Each works on one campaign in one transaction, accepts ids that the caller has chosen, and runs with the caller's
-- privileges: it does nothing that the caller could not do by plain DML. Rows are locked in one order: timers,
-- campaign, history.

-- Lock the timers in the order of execution, then the campaign, as the worker does. The worker locks the first timer of
-- a campaign. A session that waits for the worker holds no other timer of the campaign yet. So the two cannot
-- deadlock.
CREATE FUNCTION campaign_lifecycle_internal._lock_campaign(campaign_id uuid) RETURNS text
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
DECLARE
	state text;
BEGIN
	PERFORM
	FROM ONLY @extschema@.campaign_timers AS t
	WHERE t.campaign_id = $1 AND t.status IN ('PENDING', 'RUNNING', 'FAILED')
	ORDER BY t.scheduled_at, (SELECT min(m.priority) FROM ONLY @extschema@.campaign_state_transitions AS m
		WHERE m.timer_type = t.timer_type), t.id
	FOR NO KEY UPDATE OF t;
	SELECT c.status INTO state FROM ONLY @extschema@.campaigns AS c WHERE c.id = $1 FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		PERFORM campaign_lifecycle_internal._unknown_campaign($1);
	END IF;
	RETURN state;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._lock_campaign(uuid) IS
	'Locks a campaign with its timers and returns its state. Raises P0002 when there is none.';

-- Return when a campaign entered its state, from its last log row. Without one, return its creation.
CREATE FUNCTION campaign_lifecycle_internal._entered_at(campaign_id uuid, state text) RETURNS timestamp with time zone
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
BEGIN
	RETURN coalesce(
		(SELECT max(l.created_at) FROM @extschema@.campaign_state_log AS l WHERE l.campaign_id = $1 AND l.to_state = $2),
		(SELECT c.created_at FROM ONLY @extschema@.campaigns AS c WHERE c.id = $1));
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._entered_at(uuid, text) IS 'When the campaign entered this state.';

CREATE FUNCTION campaign_lifecycle_internal._first_state() RETURNS text
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	first_state text;
BEGIN
	-- The first state is the one that no transition enters. If an added row leads back into it, it is the one with a
	-- policy that counts from start_time.
	SELECT m.from_state
	INTO first_state
	FROM (
		SELECT t.from_state, t.priority,
			EXISTS (SELECT FROM ONLY @extschema@.campaign_state_transitions AS i WHERE i.to_state = t.from_state) AS is_entered,
			EXISTS (SELECT FROM ONLY @extschema@.campaign_timer_policies AS p
				WHERE p.state = t.from_state AND p.timer_type = t.timer_type AND p.anchor = 'start_time') AS waits_for_start
		FROM ONLY @extschema@.campaign_state_transitions AS t) AS m
	WHERE NOT m.is_entered OR m.waits_for_start
	ORDER BY m.is_entered, m.priority, m.from_state
	LIMIT 1;
	IF first_state IS NULL AND NOT EXISTS (SELECT FROM ONLY @extschema@.campaign_state_transitions) THEN
		RAISE EXCEPTION 'no first state: campaign_state_transitions is empty'
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'install_campaign_tables() puts the default rows back.';
	ELSIF first_state IS NULL THEN
		RAISE EXCEPTION 'no first state: every state of campaign_state_transitions can be entered from another'
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Delete the row that leads back into the first state.';
	END IF;
	RETURN first_state;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._first_state() IS
	'The state in which a campaign begins, by the state machine. Raises 55000 when there is none.';

CREATE FUNCTION @extschema@.create_campaign(duration_hours integer, start_time timestamp with time zone DEFAULT now(),
	auto_close boolean DEFAULT true,
		rewards_enabled boolean DEFAULT true, metadata jsonb DEFAULT '{}', id uuid DEFAULT NULL) RETURNS uuid
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
#variable_conflict use_variable
DECLARE
	first_state text;
	campaign_id uuid;
	entered timestamptz;
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	PERFORM campaign_lifecycle_internal._check_given('duration_hours', duration_hours IS NOT NULL);
	PERFORM campaign_lifecycle_internal._check_given('auto_close', auto_close IS NOT NULL);
	PERFORM campaign_lifecycle_internal._check_given('rewards_enabled', rewards_enabled IS NOT NULL);
	PERFORM campaign_lifecycle_internal._check_object('metadata', metadata);
	PERFORM campaign_lifecycle_internal._check_duration(duration_hours);
	PERFORM campaign_lifecycle_internal._check_start_time(start_time);

	first_state := campaign_lifecycle_internal._first_state();

	INSERT INTO @extschema@.campaigns AS c (id, status, metadata, start_time, duration_hours, auto_close, rewards_enabled)
	VALUES (coalesce(id, campaign_lifecycle_internal._uuid_v7()), first_state, metadata, start_time, duration_hours,
		auto_close, rewards_enabled)
	ON CONFLICT ON CONSTRAINT campaigns_pkey DO NOTHING
	RETURNING c.id, c.created_at INTO campaign_id, entered;
	IF campaign_id IS NULL AND EXISTS (SELECT FROM ONLY @extschema@.campaigns AS c WHERE c.id = create_campaign.id) THEN
		RAISE EXCEPTION 'campaign already exists: %', id
			USING ERRCODE = 'unique_violation', CONSTRAINT = 'campaigns_pkey', HINT = 'Choose another id, or leave it out.';
	ELSIF campaign_id IS NULL THEN
		RAISE EXCEPTION 'the campaign was not made'
			USING ERRCODE = 'triggered_action_exception', HINT = 'A trigger on campaigns has suppressed the insert.';
	END IF;
	PERFORM campaign_lifecycle_internal._apply_policies(ARRAY[campaign_id], ARRAY[entered], clock_timestamp());
	RETURN campaign_id;
END
$$;
COMMENT ON FUNCTION @extschema@.create_campaign(integer, timestamptz, boolean, boolean, jsonb, uuid) IS
	'A campaign in the first state with the timers its policy wants. duration_hours: 1 to 876600; start_time: NULL '
	'until known; id: chosen by the caller, else a time-ordered UUID. Returns the id. Errors: 22004, 22008, 22023; '
	'23505 when the id exists; 55000 when campaign_state_transitions has no first state. Since 1.0.';

CREATE FUNCTION @extschema@.schedule_campaign_timers(campaign_id uuid)
	RETURNS TABLE (timer_id uuid, timer_type text, scheduled_at timestamp with time zone)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
#variable_conflict use_variable
DECLARE
	state text;
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	PERFORM campaign_lifecycle_internal._check_given('campaign_id', campaign_id IS NOT NULL);
	state := campaign_lifecycle_internal._lock_campaign(campaign_id);
	PERFORM campaign_lifecycle_internal._apply_policies(ARRAY[campaign_id],
		ARRAY[campaign_lifecycle_internal._entered_at(campaign_id, state)], clock_timestamp());
	RETURN QUERY
		SELECT t.id, t.timer_type::text, t.scheduled_at
		FROM ONLY @extschema@.campaign_timers AS t
		WHERE t.campaign_id = schedule_campaign_timers.campaign_id
			AND (t.status IN ('PENDING', 'RUNNING')
				OR (t.status = 'FAILED' AND t.retry_count < coalesce(current_setting('campaign_lifecycle.max_attempts', true),
					'@attempt_limit@')::integer))
		ORDER BY t.scheduled_at, t.id;
END
$$;
COMMENT ON FUNCTION @extschema@.schedule_campaign_timers(uuid) IS
	'Applies the policy for the state the campaign is in, as on entering it; returns the timers that wait now. Timers '
	'set by hand stay. Errors: 22004, P0002. Since 1.0.';

CREATE FUNCTION campaign_lifecycle_internal._transition_hint(from_state text, to_state text) RETURNS text
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	possible text;
BEGIN
	SELECT string_agg(m.to_state, ', ' ORDER BY m.priority, m.to_state)
	INTO possible
	FROM ONLY @extschema@.campaign_state_transitions AS m
	WHERE m.from_state = $1;
	IF possible IS NULL THEN
		RETURN format('%s is a terminal state.', $1);
	END IF;
	RETURN format('From %s a campaign can change to %s. To allow it by hand: INSERT INTO %s (from_state, to_state) VALUES '
		'(%L, %L);', $1, possible, '@extschema@.campaign_state_transitions'::regclass, $1, $2);
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._transition_hint(text, text) IS
	'The hint of a transition that is not allowed: those that are, and the row to add.';

CREATE FUNCTION campaign_lifecycle_internal._change_campaign_state(campaign_id uuid, to_state text, trigger_event text,
	metadata jsonb) RETURNS text
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
#variable_conflict use_variable
DECLARE
	event_before constant text := coalesce(current_setting('campaign_lifecycle.trigger_event', true), '');
	metadata_before constant text := coalesce(current_setting('campaign_lifecycle._log_metadata', true), '');
	from_state text;
	entered timestamptz;
	moved boolean;
BEGIN
	from_state := campaign_lifecycle_internal._lock_campaign(campaign_id);
	IF from_state = to_state THEN
		RAISE EXCEPTION 'Invalid state transition from % to %', from_state, to_state
			USING CONSTRAINT = 'valid_state_transition', HINT = 'The campaign is in that state already.';
	END IF;
	IF NOT EXISTS (SELECT FROM ONLY @extschema@.campaign_state_transitions AS m
		WHERE m.from_state = from_state AND m.to_state = to_state) THEN
		RAISE EXCEPTION 'Invalid state transition from % to %', from_state, to_state
			USING CONSTRAINT = 'valid_state_transition',
				HINT = campaign_lifecycle_internal._transition_hint(from_state, to_state);
	END IF;
	PERFORM set_config('campaign_lifecycle.trigger_event', trigger_event, true);
	PERFORM set_config('campaign_lifecycle._log_metadata', metadata::text, true);
	-- A campaign without start_time starts when it takes the transition whose timer counts from start_time.
	UPDATE ONLY @extschema@.campaigns AS c
	SET status = to_state,
		start_time = CASE WHEN c.start_time IS NULL AND EXISTS (
				SELECT FROM ONLY @extschema@.campaign_state_transitions AS m
				JOIN ONLY @extschema@.campaign_timer_policies AS p ON p.state = m.from_state AND p.timer_type = m.timer_type
					AND p.anchor = 'start_time'
				WHERE m.from_state = c.status AND m.to_state = _change_campaign_state.to_state)
			THEN clock_timestamp() ELSE c.start_time END
	WHERE c.id = campaign_id
	RETURNING c.updated_at INTO entered;
	moved := FOUND;
	PERFORM set_config('campaign_lifecycle.trigger_event', event_before, true);
	PERFORM set_config('campaign_lifecycle._log_metadata', metadata_before, true);
	IF NOT moved THEN
		RAISE EXCEPTION 'the state of campaign % was not changed', campaign_id
			USING ERRCODE = 'triggered_action_exception',
				HINT = 'A trigger on campaigns has suppressed the update, or row level security refuses it.';
	END IF;
	-- The stamp that the log shows, so that schedule_campaign_timers() later finds the timers at the right time.
	PERFORM campaign_lifecycle_internal._apply_policies(ARRAY[campaign_id], ARRAY[entered], clock_timestamp());
	RETURN from_state;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._change_campaign_state(uuid, text, text, jsonb) IS
	'Changes the state by hand, writes the log row and applies the policies of the new state. Returns the former state.';

CREATE FUNCTION @extschema@.transition_campaign(campaign_id uuid, to_state text, trigger_event text DEFAULT 'MANUAL',
	metadata jsonb DEFAULT '{}') RETURNS text
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
#variable_conflict use_variable
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	PERFORM campaign_lifecycle_internal._check_given('campaign_id', campaign_id IS NOT NULL);
	PERFORM campaign_lifecycle_internal._check_given('to_state', to_state IS NOT NULL);
	PERFORM campaign_lifecycle_internal._check_given('trigger_event', trigger_event IS NOT NULL);
	PERFORM campaign_lifecycle_internal._check_text('trigger_event', trigger_event);
	PERFORM campaign_lifecycle_internal._check_object('metadata', metadata);
	IF NOT EXISTS (SELECT FROM ONLY @extschema@.campaign_state_transitions AS m
		WHERE to_state IN (m.from_state, m.to_state)) THEN
		RAISE EXCEPTION 'unknown state: %', left(to_state, 100)
			USING ERRCODE = 'invalid_parameter_value',
				HINT = (SELECT format('States are %s.', string_agg(DISTINCT s.state, ', ' ORDER BY s.state))
					FROM ONLY @extschema@.campaign_state_transitions AS m CROSS JOIN LATERAL (VALUES (m.from_state),
						(m.to_state)) AS s (state));
	END IF;
	RETURN campaign_lifecycle_internal._change_campaign_state(campaign_id, to_state, trigger_event, metadata);
END
$$;
COMMENT ON FUNCTION @extschema@.transition_campaign(uuid, text, text, jsonb) IS
	'Changes the state of a campaign by hand, and applies the policies of the new state. trigger_event: what the log '
	'shows as the cause (cut to 50 characters there, whole in its metadata; at most 10000); metadata: added to the log '
	'row, its changed_by counts as the setting would. Returns the state it came from. Errors: 22001, 22004, 22023, '
	'P0002; P0001 when the transition is not allowed. Since 1.0.';

CREATE FUNCTION @extschema@.cancel_campaign(campaign_id uuid, reason text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
#variable_conflict use_variable
DECLARE
	state text;
	target text;
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	PERFORM campaign_lifecycle_internal._check_given('campaign_id', campaign_id IS NOT NULL);
	PERFORM campaign_lifecycle_internal._check_text('reason', reason);
	state := campaign_lifecycle_internal._lock_campaign(campaign_id);
	SELECT m.to_state
	INTO target
	FROM ONLY @extschema@.campaign_state_transitions AS m
	WHERE m.from_state = state AND NOT EXISTS (SELECT FROM ONLY @extschema@.campaign_state_transitions AS o
		WHERE o.from_state = m.to_state)
	ORDER BY m.priority
	LIMIT 1;
	IF target IS NULL THEN
		RAISE EXCEPTION 'a campaign in state % cannot be cancelled', state
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = coalesce(
					(SELECT format('To allow it: INSERT INTO %s (from_state, to_state, timer_type, priority) VALUES (%L, %L, %L, %s);',
							'@extschema@.campaign_state_transitions'::regclass, state, m.to_state, m.timer_type, m.priority)
						FROM ONLY @extschema@.campaign_state_transitions AS m
						WHERE NOT EXISTS (SELECT FROM ONLY @extschema@.campaign_state_transitions AS o WHERE o.from_state = m.to_state)
							AND m.to_state <> state
						ORDER BY m.priority
						LIMIT 1),
					'It is over already.');
	END IF;
	PERFORM campaign_lifecycle_internal._change_campaign_state(campaign_id, target, 'CANCELLED', CASE WHEN reason IS NULL
		THEN '{}' ELSE jsonb_build_object('reason', reason) END);
END
$$;
COMMENT ON FUNCTION @extschema@.cancel_campaign(uuid, text) IS
	'Ends a campaign at once where the machine allows it: a change to the terminal state with event CANCELLED; its '
	'waiting timers become CANCELLED. reason (at most 10000 characters) goes into the log row. Errors: 22001, 22004, '
	'P0002; 55000 with the row to add when the state does not allow it. Since 1.0.';
