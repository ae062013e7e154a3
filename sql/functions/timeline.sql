-- The timeline of one campaign: state changes, attempts, metrics, plans and their changes. It reads by the indexes on
-- campaign_id and timer_id, whatever the statistics say. It reads the log and its archive in one snapshot, so that a
-- month that moves between them appears once.

CREATE FUNCTION @extschema@.campaign_timeline(campaign_id uuid) RETURNS TABLE (at timestamp with time zone, kind text,
	name text, status text, detail jsonb)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	PERFORM campaign_lifecycle_internal._check_given('campaign_id', $1 IS NOT NULL);
	RETURN QUERY
		SELECT r.at, r.kind, r.name, r.status, r.detail
		FROM (
			SELECT l.created_at, 1, l.id, 'state', l.to_state::text, 'ENTERED',
				jsonb_strip_nulls(jsonb_build_object('from', l.from_state, 'trigger_event', l.trigger_event))
					|| jsonb_build_object('metadata', l.metadata)
			FROM (
				SELECT a.id, a.from_state, a.to_state, a.trigger_event, a.metadata, a.created_at
				FROM @extschema@.campaign_state_log AS a WHERE a.campaign_id = $1
				UNION ALL
				SELECT a.id, a.from_state, a.to_state, a.trigger_event, a.metadata, a.created_at
				FROM @extschema@.campaign_state_log_archive AS a WHERE a.campaign_id = $1) AS l
			UNION ALL
			SELECT t.scheduled_at, 2, t.id, 'timer', t.timer_type::text, t.status::text,
				jsonb_strip_nulls(jsonb_build_object('timer_id', t.id, 'executed_at', t.executed_at, 'retry_count',
					nullif(t.retry_count, 0), 'to',
					-- Where it would move the campaign from the state the campaign is in now.
					CASE WHEN t.status IN ('PENDING', 'RUNNING', 'FAILED') THEN (
						SELECT m.to_state
						FROM ONLY @extschema@.campaigns AS c
						JOIN ONLY @extschema@.campaign_state_transitions AS m ON m.from_state = c.status AND m.timer_type = t.timer_type
						WHERE c.id = $1) END))
					|| jsonb_build_object('payload', t.payload)
			FROM ONLY @extschema@.campaign_timers AS t
			WHERE t.campaign_id = $1
			UNION ALL
			SELECT e.started_at, 3, e.id, 'execution', t.timer_type::text, e.status::text,
				jsonb_strip_nulls(jsonb_build_object('timer_id', t.id, 'completed_at', e.completed_at, 'execution_time_ms',
					e.execution_time_ms,
					'error_message', e.error_message)) || jsonb_build_object('result', e.result)
			FROM ONLY @extschema@.campaign_timers AS t
			JOIN ONLY @extschema@.timer_executions AS e ON e.timer_id = t.id
			WHERE t.campaign_id = $1
			UNION ALL
			SELECT m.recorded_at, 4, m.id, 'metric', m.metric_type::text, NULL,
				jsonb_build_object('value', m.value, 'attributes', m.attributes)
			FROM ONLY @extschema@.campaign_metrics AS m
			WHERE m.campaign_id = $1
			UNION ALL
			SELECT h.at, 5, h.id, 'change', h.name, NULL, h.detail
			FROM campaign_lifecycle_internal._timeline_of_changes($1) AS h) AS r (at, source, id, kind, name, status, detail)
		ORDER BY r.at, r.source, r.id;
	IF NOT FOUND AND NOT EXISTS (SELECT FROM ONLY @extschema@.campaigns AS c WHERE c.id = $1) THEN
		PERFORM campaign_lifecycle_internal._unknown_campaign($1);
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_timeline(uuid) IS
	'A campaign''s life in order, past and planned, archived history included, also of a campaign that was deleted '
	'since. kind: state (name: the state entered; detail: from, trigger_event, metadata), timer (at scheduled_at; '
	'status as in campaign_timers; detail: timer_id, executed_at, retry_count, to, payload), execution (at started_at; '
	'detail: timer_id, completed_at, execution_time_ms, result, error_message), metric (detail: value, attributes; no '
	'status), change (name: the function; detail: timer_id, timer_type, changed_by, session_user, before, after; no '
	'status). Waiting timers stand in the future. Errors: 22004; P0002 for a campaign of which nothing is known. Since '
	'1.1.';
