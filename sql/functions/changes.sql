-- The history of plans. Each function of the API that changes a plan describes it before and after, and leaves a row in
-- campaign_changes. A call that changes nothing leaves none.

CREATE FUNCTION campaign_lifecycle_internal._campaign_plan(campaign_id uuid) RETURNS jsonb
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
	SELECT jsonb_build_object('start_time', c.start_time, 'end_time', c.end_time, 'duration_hours', c.duration_hours)
	FROM ONLY @extschema@.campaigns AS c
	WHERE c.id = $1
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._campaign_plan(uuid) IS
	'The times of a campaign, as campaign_changes has them.';

CREATE FUNCTION campaign_lifecycle_internal._timer_plan(timer_id uuid) RETURNS jsonb
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
	SELECT jsonb_build_object('status', t.status, 'scheduled_at', t.scheduled_at, 'retry_count', t.retry_count,
		'payload', t.payload)
	FROM ONLY @extschema@.campaign_timers AS t
	WHERE t.id = $1
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._timer_plan(uuid) IS 'The plan of a timer, as campaign_changes has it.';

CREATE FUNCTION campaign_lifecycle_internal._record_change(operation text, campaign_id uuid, timer_id uuid,
	timer_type text, before jsonb, after jsonb) RETURNS void
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_record_change';
COMMENT ON FUNCTION campaign_lifecycle_internal._record_change(text, uuid, uuid, text, jsonb, jsonb) IS
	'Writes a row of campaign_changes as the owner of the table, with the author and the user of the session. Writes '
	'none for equal plans, nor beside tables of 1.1.';

CREATE FUNCTION campaign_lifecycle_internal._record_campaign_change(operation text, campaign_id uuid, before jsonb)
	RETURNS void
	LANGUAGE sql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
	SELECT campaign_lifecycle_internal._record_change($1, $2, NULL::uuid, NULL::text, $3,
		campaign_lifecycle_internal._campaign_plan($2))
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._record_campaign_change(text, uuid, jsonb) IS
	'Writes down that a function has changed the times of a campaign.';

CREATE FUNCTION campaign_lifecycle_internal._record_timer_change(operation text, timer_id uuid, before jsonb)
	RETURNS void
	LANGUAGE sql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
	SELECT campaign_lifecycle_internal._record_change($1, t.campaign_id, t.id, t.timer_type::text, $3,
		campaign_lifecycle_internal._timer_plan($2))
	FROM ONLY @extschema@.campaign_timers AS t
	WHERE t.id = $2
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._record_timer_change(text, uuid, jsonb) IS
	'Writes down that a function has changed the plan of a timer.';

CREATE FUNCTION campaign_lifecycle_internal._timeline_of_changes(campaign_id uuid, OUT at timestamp with time zone,
	OUT id uuid, OUT name text, OUT detail jsonb) RETURNS SETOF record
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
BEGIN
	IF to_regclass('@extschema@.campaign_changes') IS NULL THEN
		RETURN;
	END IF;
	RETURN QUERY
		SELECT h.changed_at, h.id, h.operation::text,
			jsonb_strip_nulls(jsonb_build_object('timer_id', h.timer_id, 'timer_type', h.timer_type))
				|| jsonb_build_object('changed_by', h.changed_by, 'session_user', h.session_role, 'before', h.before,
					'after', h.after)
		FROM ONLY @extschema@.campaign_changes AS h
		WHERE h.campaign_id = $1;
END
$$;
COMMENT ON FUNCTION
	campaign_lifecycle_internal._timeline_of_changes(uuid, OUT timestamptz, OUT uuid, OUT text, OUT jsonb) IS
	'The changes of plan of a campaign, for its timeline. Tables of 1.1 have none.';
