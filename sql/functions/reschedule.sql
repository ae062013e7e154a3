-- New times of a campaign. The timers that a policy made follow, and those set by hand stay.

-- A time can still change while the state has a timer that counts from it.
CREATE FUNCTION campaign_lifecycle_internal._check_can_reschedule(state text, has_start boolean) RETURNS void
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF has_start AND NOT EXISTS (SELECT FROM ONLY @extschema@.campaign_timer_policies AS p
		WHERE p.state = $1 AND p.anchor = 'start_time') THEN
		RAISE EXCEPTION 'start_time of a campaign in state % cannot change', state
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'It has started already; duration_hours can change until it closes.';
	END IF;
	IF NOT EXISTS (SELECT FROM ONLY @extschema@.campaign_timer_policies AS p
		WHERE p.state = $1 AND p.anchor IN ('start_time', 'end_time')) THEN
		RAISE EXCEPTION 'a campaign in state % cannot be rescheduled', state
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'Its times have passed; reschedule_timer() moves a single timer.';
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._check_can_reschedule(text, boolean) IS
	'Raises 55000 unless the times of a campaign in this state can change. has_start: whether its start is to change.';

CREATE FUNCTION campaign_lifecycle_internal._move_campaign(operation text, campaign_id uuid, state text,
	start_time timestamp with time zone, duration_hours integer) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
#variable_conflict use_variable
DECLARE
	before constant jsonb := campaign_lifecycle_internal._campaign_plan(campaign_id);
	kept record;
BEGIN
	UPDATE ONLY @extschema@.campaigns AS c
	SET start_time = coalesce(_move_campaign.start_time, c.start_time),
		duration_hours = coalesce(_move_campaign.duration_hours, c.duration_hours)
	WHERE c.id = campaign_id;
	PERFORM campaign_lifecycle_internal._apply_policies(ARRAY[campaign_id],
		ARRAY[campaign_lifecycle_internal._entered_at(campaign_id, state)], clock_timestamp());
	PERFORM campaign_lifecycle_internal._record_campaign_change(operation, campaign_id, before);
	FOR kept IN
		SELECT t.id, t.timer_type, t.scheduled_at
		FROM ONLY @extschema@.campaign_timers AS t
		JOIN ONLY @extschema@.campaign_timer_policies AS p ON p.state = state AND p.timer_type = t.timer_type
			AND p.anchor IN ('start_time', 'end_time')
		WHERE t.campaign_id = _move_campaign.campaign_id AND t.status IN ('PENDING', 'FAILED')
			AND NOT t.payload ? 'policy'
		ORDER BY t.scheduled_at, t.id
	LOOP
		RAISE NOTICE 'timer % was set by hand and stays at %', kept.timer_type, kept.scheduled_at
			USING HINT = format('To move it: SELECT reschedule_timer(%L, time);', kept.id);
	END LOOP;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._move_campaign(text, uuid, text, timestamptz, integer) IS
	'Gives a campaign that is locked new times, and moves the timers that a policy made. NULL leaves a value as it is.';

CREATE FUNCTION @extschema@.reschedule_campaign(campaign_id uuid, start_time timestamp with time zone DEFAULT NULL,
	duration_hours integer DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
#variable_conflict use_variable
DECLARE
	state text;
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	PERFORM campaign_lifecycle_internal._check_given('campaign_id', campaign_id IS NOT NULL);
	IF start_time IS NULL AND duration_hours IS NULL THEN
		RAISE EXCEPTION 'nothing to reschedule: neither start_time nor duration_hours is given'
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Give one of them, or both.';
	END IF;
	PERFORM campaign_lifecycle_internal._check_duration(duration_hours);
	PERFORM campaign_lifecycle_internal._check_start_time(start_time);
	state := campaign_lifecycle_internal._lock_campaign(campaign_id);
	PERFORM campaign_lifecycle_internal._check_can_reschedule(state, start_time IS NOT NULL);
	PERFORM campaign_lifecycle_internal._move_campaign('reschedule_campaign', campaign_id, state, start_time,
		duration_hours);
END
$$;
COMMENT ON FUNCTION @extschema@.reschedule_campaign(uuid, timestamptz, integer) IS
	'Gives a campaign new times and moves the timers that a policy made: before its start both, while it runs the '
	'duration only. A NOTICE names timers that stay because they were set by hand. Errors: 22004, 22008, 22023, P0002; '
	'55000 when the state does not allow it. Since 1.0.';

CREATE FUNCTION @extschema@.extend_campaign(campaign_id uuid, by_hours integer) RETURNS timestamp with time zone
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
#variable_conflict use_variable
DECLARE
	state text;
	hours bigint;
	new_end timestamptz;
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	PERFORM campaign_lifecycle_internal._check_given('campaign_id', campaign_id IS NOT NULL);
	PERFORM campaign_lifecycle_internal._check_given('by_hours', by_hours IS NOT NULL);
	state := campaign_lifecycle_internal._lock_campaign(campaign_id);
	PERFORM campaign_lifecycle_internal._check_can_reschedule(state, false);
	SELECT c.duration_hours + by_hours::bigint INTO hours FROM ONLY @extschema@.campaigns AS c WHERE c.id = campaign_id;
	PERFORM campaign_lifecycle_internal._check_duration(greatest(least(hours, 2147483647), -2147483648)::integer);
	SELECT c.start_time + hours * interval '1 hour' INTO new_end FROM ONLY @extschema@.campaigns AS c
	WHERE c.id = campaign_id;
	IF by_hours < 0 AND new_end < clock_timestamp() THEN
		RAISE EXCEPTION 'campaign end_time would be in the past: %', new_end
			USING ERRCODE = 'datetime_field_overflow',
				HINT = 'transition_campaign() closes a campaign now, and cancel_campaign() ends it.';
	END IF;
	PERFORM campaign_lifecycle_internal._move_campaign('extend_campaign', campaign_id, state, NULL::timestamptz,
		hours::integer);
	RETURN (SELECT c.end_time FROM ONLY @extschema@.campaigns AS c WHERE c.id = campaign_id);
END
$$;
COMMENT ON FUNCTION @extschema@.extend_campaign(uuid, integer) IS
	'Lets a campaign that has not closed end so many hours later, or earlier if negative, and moves the timers that a '
	'policy made. Returns the new end_time, NULL while start_time is unknown. A NOTICE names timers that stay because '
	'they were set by hand. Errors: 22004, 22023 for a duration out of range, P0002; 22008 for an end in the past; 55000 '
	'when the state does not allow it. Since 1.2.';
