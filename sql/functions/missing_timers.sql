-- Campaigns that a policy would give timers and that have none: plain INSERT and UPDATE set no timers. Health counts
-- them, and schedule_missing_timers() gives them their timers.
--
-- A campaign has none if no timer of it waits, and a policy of its state has a time for a type that it lacks. It lacks
-- a type of which it has had no timer since it entered the state. A timer that was cancelled by hand or is dead is not
-- missing.

CREATE FUNCTION campaign_lifecycle_internal._missing_timers(campaign_ids uuid[])
		RETURNS TABLE (campaign_id uuid, entered_at timestamp with time zone, due timestamp with time zone)
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
	SET jit = off SET plan_cache_mode = force_custom_plan AS $$
BEGIN
	RETURN QUERY
		WITH idle AS MATERIALIZED (
			SELECT c.id, c.status, c.start_time, c.end_time, c.created_at, to_jsonb(c) AS whole
			FROM ONLY @extschema@.campaigns AS c
			WHERE (campaign_ids IS NULL OR c.id = ANY (campaign_ids))
				AND c.status IN (SELECT p.state FROM ONLY @extschema@.campaign_timer_policies AS p)
				-- IS TRUE keeps a plan that was made without statistics from reading all that wait by the index on status.
				AND NOT EXISTS (SELECT FROM ONLY @extschema@.campaign_timers AS t WHERE t.campaign_id = c.id
					AND (t.status IN ('PENDING', 'RUNNING') OR (t.status = 'FAILED' AND t.retry_count < @attempt_limit@)) IS TRUE)),
		wanted AS MATERIALIZED (
			SELECT i.id, p.timer_type, e.entered_at, d.due
			FROM idle AS i
			JOIN ONLY @extschema@.campaign_timer_policies AS p ON p.state = i.status
			CROSS JOIN LATERAL (
				SELECT coalesce(max(l.created_at), i.created_at) AS entered_at
				FROM @extschema@.campaign_state_log AS l
				WHERE l.campaign_id = i.id AND (l.to_state = i.status) IS TRUE) AS e
			CROSS JOIN LATERAL (
				SELECT p.delay + CASE p.anchor WHEN 'start_time' THEN i.start_time WHEN 'end_time' THEN i.end_time
					ELSE e.entered_at END AS due) AS d
			WHERE d.due IS NOT NULL AND (p.only_when IS NULL OR (i.whole ->> p.only_when) = 'true')
				AND EXISTS (SELECT FROM ONLY @extschema@.campaign_state_transitions AS m WHERE m.from_state = i.status))
		SELECT w.id, min(w.entered_at), min(w.due)
		FROM wanted AS w
		WHERE NOT EXISTS (SELECT FROM ONLY @extschema@.campaign_timers AS t
			WHERE t.campaign_id = w.id AND (t.timer_type = w.timer_type) IS TRUE AND t.updated_at >= w.entered_at)
		GROUP BY w.id
		ORDER BY min(w.due), w.id;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._missing_timers(uuid[]) IS
	'Those of these campaigns, or of all if NULL, that a policy would give timers and that have none, earliest first: '
	'when each entered its state, and when its first timer would be due.';

-- A set is fast. If one of its campaigns raises an error, each has its turn alone, and those that raise one are named.
CREATE FUNCTION campaign_lifecycle_internal._schedule_missing(campaign_ids uuid[],
		entered_at timestamp with time zone[])
	RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
BEGIN
	PERFORM campaign_lifecycle_internal._apply_policies(campaign_ids, entered_at, clock_timestamp());
EXCEPTION WHEN OTHERS THEN
	IF cardinality(campaign_ids) = 1 THEN
		RAISE WARNING 'campaign % got no timers: %', campaign_ids[1], SQLERRM
			USING ERRCODE = SQLSTATE, HINT = 'Others go on. Remove the cause, and call schedule_missing_timers() again.';
		RETURN;
	END IF;
	FOR i IN 1 .. cardinality(campaign_ids) LOOP
		PERFORM campaign_lifecycle_internal._schedule_missing(campaign_ids[i:i], entered_at[i:i]);
	END LOOP;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._schedule_missing(uuid[], timestamptz[]) IS
	'Gives campaigns the timers of their states. An error of one is a WARNING.';

CREATE FUNCTION @extschema@.schedule_missing_timers(max_campaigns integer DEFAULT 1000) RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
	SET jit = off AS $$
DECLARE
	ids uuid[];
	entered timestamptz[];
	chunk uuid[];
	chunk_entered timestamptz[];
	next integer := 1;
	taken integer;
	given bigint := 0;
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	PERFORM campaign_lifecycle_internal._check_given('max_campaigns', max_campaigns IS NOT NULL);
	IF max_campaigns < 0 THEN
		RAISE EXCEPTION 'max_campaigns must not be negative: %', max_campaigns
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the number of campaigns to work on in this call.';
	END IF;
	SELECT array_agg(m.campaign_id ORDER BY m.due, m.campaign_id), array_agg(m.entered_at ORDER BY m.due, m.campaign_id)
	INTO ids, entered
	FROM campaign_lifecycle_internal._missing_timers(NULL) AS m;
	WHILE given < max_campaigns AND next <= cardinality(ids) LOOP
		taken := least(100, max_campaigns - given);
		chunk := ids[next:next + taken - 1];
		chunk_entered := entered[next:next + taken - 1];
		next := next + taken;
		-- A campaign that another session has locked is left to the next call.
		SELECT array_agg(c.id ORDER BY u.n), array_agg(u.entered ORDER BY u.n)
		INTO chunk, chunk_entered
		FROM unnest(chunk, chunk_entered) WITH ORDINALITY AS u (id, entered, n)
		JOIN (SELECT c.id FROM ONLY @extschema@.campaigns AS c WHERE c.id = ANY (chunk) FOR NO KEY UPDATE SKIP LOCKED) AS c
			ON c.id = u.id;
		CONTINUE WHEN chunk IS NULL;
		PERFORM campaign_lifecycle_internal._schedule_missing(chunk, chunk_entered);
		given := given + (SELECT count(DISTINCT t.campaign_id) FROM ONLY @extschema@.campaign_timers AS t
			WHERE t.campaign_id = ANY (chunk) AND (t.status = 'PENDING') IS TRUE);
	END LOOP;
	IF cardinality(ids) > given THEN
		RAISE NOTICE 'campaigns that were given timers: %, that are left: %', given, cardinality(ids) - given
			USING HINT = 'Call schedule_missing_timers() again.';
	END IF;
	RETURN given;
END
$$;
COMMENT ON FUNCTION @extschema@.schedule_missing_timers(integer) IS
	'Does what schedule_campaign_timers() does, for campaigns that a policy would give timers and that have none. '
	'Overdue ones come first, at most max_campaigns. Returns how many were given some. A NOTICE says how many are left. '
	'Call it again until it returns 0. Errors: 22004, 22023. Since 1.2.';

-- This looks at campaigns of each state by its index, at those whose start or end was last, and at the newest ones. It
-- takes at most 5000 of each.
CREATE FUNCTION campaign_lifecycle_internal._health_missing_timers(as_of timestamp with time zone)
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
	SET enable_sort = off SET enable_incremental_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	looked_at uuid[];
	n bigint;
	overdue bigint;
	since timestamptz;
	first_ids text;
BEGIN
	SELECT array_agg(DISTINCT q.id)
	INTO looked_at
	FROM (
		SELECT q.id
		FROM (SELECT DISTINCT p.state FROM ONLY @extschema@.campaign_timer_policies AS p) AS s
		CROSS JOIN LATERAL (SELECT c.id FROM ONLY @extschema@.campaigns AS c WHERE c.status = s.state LIMIT 5000) AS q
		UNION ALL
		(SELECT c.id FROM ONLY @extschema@.campaigns AS c WHERE c.start_time <= as_of ORDER BY c.start_time DESC LIMIT 5000)
		UNION ALL
		(SELECT c.id FROM ONLY @extschema@.campaigns AS c WHERE c.end_time <= as_of ORDER BY c.end_time DESC LIMIT 5000)
		UNION ALL
		(SELECT c.id FROM ONLY @extschema@.campaigns AS c ORDER BY c.created_at DESC LIMIT 5000)) AS q;
	SELECT count(*), count(*) FILTER (WHERE m.due < as_of - interval '1 minute'), min(m.due),
		array_to_string((array_agg(format('%s (%s)', m.campaign_id, m.due) ORDER BY m.due, m.campaign_id))[1:5], ', ')
	INTO n, overdue, since, first_ids
	FROM campaign_lifecycle_internal._missing_timers(coalesce(looked_at, '{}')) AS m;
	RETURN QUERY SELECT 'missing_timers',
		CASE WHEN n = 0 THEN 'ok' WHEN since < as_of - interval '10 minutes' THEN 'critical' ELSE 'warning' END,
		format('%s, %s overdue', n, overdue), '0; critical: overdue for 10 minutes',
		CASE WHEN n = 0 THEN format('No campaign is without timers, of %s looked at.', coalesce(cardinality(looked_at), 0))
			ELSE format('Campaigns without the timers of their state, of %s looked at; plain INSERT and UPDATE set none. The '
				'first, with the time of their first timer: %s. SELECT schedule_missing_timers(); until it returns 0.',
				cardinality(looked_at), first_ids) END;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._health_missing_timers(timestamptz) IS
	'The check missing_timers of campaign_health().';

CREATE FUNCTION campaign_lifecycle_internal._health_rescheduled_campaigns(as_of timestamp with time zone)
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
	SET enable_sort = off SET enable_incremental_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	n bigint;
	first_ids text;
BEGIN
	-- A campaign that was written after its timer, whose time is now another one. A timer that follows one set by hand, or
	-- that waits for one that has failed, may stand at another time. Up to a minute is what a form rounds.
	SELECT count(*), array_to_string((array_agg(DISTINCT q.campaign_id::text))[1:5], ', ')
	INTO n, first_ids
	FROM (
		SELECT t.campaign_id
		FROM (
			SELECT t.campaign_id, t.timer_type, t.scheduled_at, t.updated_at
			FROM ONLY @extschema@.campaign_timers AS t
			WHERE t.status IN ('PENDING', 'FAILED') AND t.status = 'PENDING' AND t.payload ? 'policy' AND t.retry_count = 0
			ORDER BY t.scheduled_at
			LIMIT 5000) AS t
		JOIN ONLY @extschema@.campaigns AS c ON c.id = t.campaign_id AND c.updated_at > t.updated_at
		JOIN ONLY @extschema@.campaign_timer_policies AS p ON p.state = c.status AND p.timer_type = t.timer_type
			AND p.anchor IN ('start_time', 'end_time')
		CROSS JOIN LATERAL (
			SELECT p.delay + CASE p.anchor WHEN 'start_time' THEN c.start_time ELSE c.end_time END AS at) AS w
		WHERE abs(EXTRACT(epoch FROM greatest(w.at, as_of) - greatest(t.scheduled_at, as_of))) > 60
			AND NOT EXISTS (SELECT FROM ONLY @extschema@.campaign_timers AS o WHERE o.campaign_id = t.campaign_id
				AND (o.status = 'FAILED' OR (o.status = 'PENDING' AND NOT o.payload ? 'policy')))
		LIMIT 1001) AS q;
	RETURN QUERY SELECT 'rescheduled_campaigns',
		CASE WHEN n = 0 THEN 'ok' ELSE 'warning' END, CASE WHEN n > 1000 THEN 'over 1000' ELSE n::text END, '0',
		CASE WHEN n = 0 THEN 'The next timers stand at the times of their campaigns.'
			ELSE format('Timers stand at a former time, because a plain UPDATE has changed start_time or duration_hours: of '
				'campaigns %s. SELECT schedule_campaign_timers(id); reschedule_campaign() changes both.',
				first_ids) END;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._health_rescheduled_campaigns(timestamptz) IS
	'The check rescheduled_campaigns of campaign_health().';
