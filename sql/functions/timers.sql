-- Functions of the API for one timer. They lock the timer before its campaign, as the worker does.

-- Deferrable constraints of the user's cannot be arbiters, so the arbiters are named.
CREATE FUNCTION campaign_lifecycle_internal._insert_timer(id uuid, campaign_id uuid, timer_type text,
	scheduled_at timestamp with time zone, payload jsonb) RETURNS uuid
	LANGUAGE sql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
	INSERT INTO @extschema@.campaign_timers AS t (id, campaign_id, timer_type, scheduled_at, payload)
	VALUES ($1, $2, $3, $4, $5)
	ON CONFLICT (campaign_id, timer_type) WHERE status IN ('PENDING', 'RUNNING') DO NOTHING
	RETURNING t.id
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._insert_timer(uuid, uuid, text, timestamptz, jsonb) IS
	'Inserts a timer, and returns its id, or NULL if one of the type waits.';

CREATE FUNCTION campaign_lifecycle_internal._revive_timer(timer_id uuid, scheduled_at timestamp with time zone,
	payload jsonb) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
#variable_conflict use_variable
DECLARE
	before constant jsonb := campaign_lifecycle_internal._timer_plan(timer_id);
BEGIN
	UPDATE ONLY @extschema@.campaign_timers AS t
	SET status = 'PENDING', retry_count = 0, scheduled_at = _revive_timer.scheduled_at, payload = _revive_timer.payload
	WHERE t.id = timer_id;
	PERFORM campaign_lifecycle_internal._record_timer_change('schedule_timer', timer_id, before);
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._revive_timer(uuid, timestamptz, jsonb) IS
	'Gives a FAILED timer another time and payload, with all its attempts.';

CREATE FUNCTION @extschema@.schedule_timer(campaign_id uuid, timer_type text, scheduled_at timestamp with time zone,
	payload jsonb DEFAULT '{}', id uuid DEFAULT NULL) RETURNS uuid
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
#variable_conflict use_variable
DECLARE
	attempts constant integer := coalesce(current_setting('campaign_lifecycle.max_attempts', true), '@attempt_limit@');
	existing record;
	new_id uuid;
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	PERFORM campaign_lifecycle_internal._check_given('campaign_id', campaign_id IS NOT NULL);
	PERFORM campaign_lifecycle_internal._check_timer_type(timer_type);
	PERFORM campaign_lifecycle_internal._check_schedule(scheduled_at);
	PERFORM campaign_lifecycle_internal._check_object('payload', payload);
	SELECT t.id, t.status INTO existing
	FROM ONLY @extschema@.campaign_timers AS t
	WHERE t.campaign_id = campaign_id AND t.timer_type = timer_type AND (t.status IN ('PENDING', 'RUNNING')
		OR (t.status = 'FAILED' AND t.retry_count < attempts))
	FOR NO KEY UPDATE;
	IF existing.status = 'FAILED' THEN
		IF EXISTS (SELECT FROM ONLY @extschema@.campaigns AS c WHERE c.id = campaign_id
				AND NOT EXISTS (SELECT FROM ONLY @extschema@.campaign_state_transitions AS m WHERE m.from_state = c.status)) THEN
			RAISE EXCEPTION 'Cannot schedule timer for expired campaign: %', campaign_id
				USING CONSTRAINT = 'validate_timer_scheduling',
					HINT = 'A campaign in a state without outgoing transitions gets no more timers.';
		END IF;
		PERFORM campaign_lifecycle_internal._revive_timer(existing.id, scheduled_at, payload);
		PERFORM campaign_lifecycle_internal._move_behind_timer(campaign_id, timer_type);
		PERFORM campaign_lifecycle_internal._notice_plan(existing.id);
		RETURN existing.id;
	ELSIF existing.id IS NOT NULL THEN
		RAISE EXCEPTION 'campaign % already has a waiting % timer: %', campaign_id, timer_type, existing.id
			USING ERRCODE = 'unique_violation', CONSTRAINT = 'unique_active_timer_per_type',
				HINT = 'reschedule_timer() moves it, cancel_timer() ends it.';
	END IF;
	IF NOT EXISTS (SELECT FROM ONLY @extschema@.campaigns AS c WHERE c.id = campaign_id) THEN
		PERFORM campaign_lifecycle_internal._unknown_campaign(campaign_id);
	END IF;
	IF EXISTS (SELECT FROM ONLY @extschema@.campaign_timers AS t WHERE t.id = schedule_timer.id) THEN
		RAISE EXCEPTION 'timer already exists: %', id
			USING ERRCODE = 'unique_violation', CONSTRAINT = 'campaign_timers_pkey',
				HINT = 'Choose another id, or leave it out.';
	END IF;
	-- Another session may be scheduling the same: what the index then says after a wait would have no hint.
	new_id := campaign_lifecycle_internal._insert_timer(coalesce(id, campaign_lifecycle_internal._uuid_v7()),
		campaign_id, timer_type, scheduled_at, payload);
	IF new_id IS NULL THEN
		RAISE EXCEPTION 'campaign % already has a waiting % timer', campaign_id, timer_type
			USING ERRCODE = 'unique_violation', CONSTRAINT = 'unique_active_timer_per_type',
				HINT = 'reschedule_timer() moves it, cancel_timer() ends it.';
	END IF;
	PERFORM campaign_lifecycle_internal._record_timer_change('schedule_timer', new_id, NULL::jsonb);
	PERFORM campaign_lifecycle_internal._move_behind_timer(campaign_id, timer_type);
	PERFORM campaign_lifecycle_internal._notice_plan(new_id);
	RETURN new_id;
END
$$;
COMMENT ON FUNCTION @extschema@.schedule_timer(uuid, text, timestamptz, jsonb, uuid) IS
	'One timer, by hand; no policy moves it, and timers of policies that would make it too late move behind it, with a '
	'NOTICE. Another NOTICE says where nothing can come of it. While one of the type waits as FAILED that row is revived '
	'at the new time and its id returned. payload: a JSON object. Errors: 22004, 22008, 22023, P0002; P0001 for the past '
	'or an expired campaign; 23505 while one of the type is PENDING. Since 1.0.';

-- Lock a timer for a function of the API. A campaign_id that is given must be the timer's.
CREATE FUNCTION campaign_lifecycle_internal._lock_timer(timer_id uuid, campaign_id uuid, allowed text[], purpose text)
	RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
#variable_conflict use_variable
DECLARE
	status text;
	timer_type text;
	owner_id uuid;
BEGIN
	PERFORM campaign_lifecycle_internal._check_given('timer_id', timer_id IS NOT NULL);
	SELECT t.status, t.timer_type, t.campaign_id
	INTO status, timer_type, owner_id
	FROM ONLY @extschema@.campaign_timers AS t
	WHERE t.id = timer_id
	FOR NO KEY UPDATE;
	IF NOT FOUND OR owner_id <> campaign_id THEN
		RAISE EXCEPTION 'timer not found: %', CASE WHEN campaign_id IS NULL THEN timer_id::text
			ELSE format('%s of campaign %s', timer_id, campaign_id) END
			USING ERRCODE = 'no_data_found', HINT = 'It may have been deleted with its campaign, or belong to another one.';
	END IF;
	IF NOT status = ANY (allowed) THEN
		RAISE EXCEPTION 'a % timer cannot be %', status, purpose
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = format('Only a timer that is %s can.',
				array_to_string(allowed, ' or '));
	END IF;
	IF purpose = 'cancelled' THEN
		RETURN;
	END IF;
	PERFORM campaign_lifecycle_internal._bury_dead_timers(owner_id, timer_type);
	IF EXISTS (
		SELECT FROM ONLY @extschema@.campaign_timers AS t
		WHERE t.campaign_id = owner_id AND t.timer_type = timer_type AND t.id <> timer_id
			AND (t.status IN ('PENDING', 'RUNNING') OR (t.status = 'FAILED' AND t.retry_count < @attempt_limit@))
	) THEN
		RAISE EXCEPTION 'another % timer waits already for campaign %', timer_type, owner_id
			USING ERRCODE = 'unique_violation', CONSTRAINT = 'unique_waiting_timer_per_type',
				HINT = 'reschedule_timer() or cancel_timer() that one.';
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._lock_timer(uuid, uuid, text[], text) IS
	'Locks a timer: 22004, P0002, 55000 unless its status is one of those allowed, 23505 where another of its type '
	'waits.';

CREATE FUNCTION @extschema@.reschedule_timer(timer_id uuid, scheduled_at timestamp with time zone,
	campaign_id uuid DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
#variable_conflict use_variable
DECLARE
	before jsonb;
	moved record;
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	PERFORM campaign_lifecycle_internal._check_schedule(scheduled_at);
	PERFORM campaign_lifecycle_internal._lock_timer(timer_id, campaign_id, '{PENDING,FAILED}'::text[], 'rescheduled');
	before := campaign_lifecycle_internal._timer_plan(timer_id);
	UPDATE ONLY @extschema@.campaign_timers AS t
	SET status = 'PENDING', retry_count = 0, scheduled_at = reschedule_timer.scheduled_at,
		payload = CASE WHEN jsonb_typeof(t.payload) IN ('object', 'array') THEN t.payload - '{policy,postponed}'::text[]
			ELSE t.payload END
	WHERE t.id = timer_id
	RETURNING t.campaign_id, t.timer_type INTO moved;
	PERFORM campaign_lifecycle_internal._record_timer_change('reschedule_timer', timer_id, before);
	PERFORM campaign_lifecycle_internal._move_behind_timer(moved.campaign_id, moved.timer_type);
	PERFORM campaign_lifecycle_internal._notice_plan(timer_id);
END
$$;
COMMENT ON FUNCTION @extschema@.reschedule_timer(uuid, timestamptz, uuid) IS
	'Moves a timer that is PENDING or FAILED; from then on it is one set by hand, with all its attempts; other timers '
	'move behind it and notices are raised as by schedule_timer(). Errors: 22004, '
	'22008, P0002; P0001 for the past; 23505 when another of the type waits; 55000 in another status. Since 1.0.';

CREATE FUNCTION @extschema@.cancel_timer(timer_id uuid, reason text DEFAULT NULL, campaign_id uuid DEFAULT NULL)
	RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
#variable_conflict use_variable
DECLARE
	before jsonb;
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	PERFORM campaign_lifecycle_internal._check_text('reason', reason);
	PERFORM campaign_lifecycle_internal._lock_timer(timer_id, campaign_id, '{PENDING,FAILED}'::text[], 'cancelled');
	before := campaign_lifecycle_internal._timer_plan(timer_id);
	UPDATE ONLY @extschema@.campaign_timers AS t
	SET status = 'CANCELLED',
		-- Plain SQL may have put a payload there that is no object.
		payload = CASE WHEN reason IS NULL THEN t.payload
			ELSE CASE WHEN jsonb_typeof(t.payload) = 'object' THEN t.payload ELSE jsonb_build_object('payload', t.payload) END
				|| jsonb_build_object('cancel_reason', reason) END
	WHERE t.id = timer_id;
	PERFORM campaign_lifecycle_internal._record_timer_change('cancel_timer', timer_id, before);
END
$$;
COMMENT ON FUNCTION @extschema@.cancel_timer(uuid, text, uuid) IS
	'Cancels a timer that is PENDING or FAILED; reason (at most 10000 characters) is kept in its payload as '
	'cancel_reason. Errors: 22001, 22004, P0002; 55000 in another status. Since 1.0.';

-- The first attempt tells when a timer was due at first, because scheduled_at is the time of its last one. Timers that
-- were attempted at the same time, in one call of run_due_timers(), are in the order of their priorities.
CREATE FUNCTION campaign_lifecycle_internal._retry_time(timer_id uuid) RETURNS timestamp with time zone
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
	WITH timers AS (
		SELECT o.id, o.scheduled_at,
			row_number() OVER (ORDER BY coalesce((SELECT min(x.started_at) FROM ONLY @extschema@.timer_executions AS x
					WHERE x.timer_id = o.id), o.scheduled_at),
				(SELECT min(m.priority) FROM ONLY @extschema@.campaign_state_transitions AS m WHERE m.timer_type = o.timer_type),
				o.id) AS n
		FROM ONLY @extschema@.campaign_timers AS t
		JOIN ONLY @extschema@.campaign_timers AS o ON o.campaign_id = t.campaign_id
		WHERE t.id = $1 AND (o.id = $1 OR o.status = 'PENDING'))
	SELECT least(clock_timestamp(), min(l.scheduled_at) - interval '1 microsecond')
	FROM timers AS r
	LEFT JOIN timers AS l ON l.n > r.n
	WHERE r.id = $1
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._retry_time(uuid) IS
	'When a timer that is retried is due: now, or just before the first waiting timer of its campaign that was due after '
	'it at first.';

CREATE FUNCTION @extschema@.retry_timer(timer_id uuid, campaign_id uuid DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
#variable_conflict use_variable
DECLARE
	before jsonb;
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	PERFORM campaign_lifecycle_internal._lock_timer(timer_id, campaign_id, '{FAILED}'::text[], 'retried');
	before := campaign_lifecycle_internal._timer_plan(timer_id);
	UPDATE ONLY @extschema@.campaign_timers AS t
	SET status = 'PENDING', retry_count = 0, scheduled_at = campaign_lifecycle_internal._retry_time(timer_id)
	WHERE t.id = timer_id;
	PERFORM campaign_lifecycle_internal._record_timer_change('retry_timer', timer_id, before);
END
$$;
COMMENT ON FUNCTION @extschema@.retry_timer(uuid, uuid) IS
	'Revives a FAILED timer, dead or not: PENDING, with all its attempts, due now, before those timers of its campaign '
	'that were due after it at first. Errors: 22004, P0002; 23505 when '
	'another of the type waits; 55000 in another status. Since 1.0.';
