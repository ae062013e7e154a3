-- Return one row for each invariant of the campaign tables that is broken: its name, how often, an example. The
-- invariants hold at any moment, whatever was killed, lost or raced. The query is one statement, so it has one snapshot
-- and may run while workers and clients write. Names are unqualified: set search_path to the extension's schema.
--
-- Tests keep to these conditions: history is not deleted or imported, campaign_lifecycle.record_metrics stays as it is,
-- and no transition that was used is removed. A timer committed at the very moment in which its campaign expired may
-- wait in a terminal state until it is due; a test that provokes this leaves waiting_in_terminal_state out.

WITH
entered AS MATERIALIZED (
	SELECT l.campaign_id, l.id, l.from_state, l.to_state, l.trigger_event, l.created_at,
		row_number() OVER w AS step,
		lag(l.to_state) OVER w AS state_before,
		lag(l.created_at) OVER w AS time_before,
		lead(l.id) OVER w IS NULL AS is_last
	FROM (
		SELECT campaign_id, id, from_state, to_state, trigger_event, created_at FROM campaign_state_log
		UNION ALL
		SELECT campaign_id, id, from_state, to_state, trigger_event, created_at FROM campaign_state_log_archive
	) AS l
	WINDOW w AS (PARTITION BY l.campaign_id ORDER BY l.created_at, l.id)
),
attempts AS MATERIALIZED (
	SELECT x.timer_id,
		count(*) FILTER (WHERE x.status = 'COMPLETED') AS completed,
		count(*) FILTER (WHERE x.status = 'FAILED') AS failed,
		count(*) FILTER (WHERE x.status = 'STARTED') AS started,
		count(*) FILTER (WHERE x.status = 'COMPLETED' AND x.result ? 'to') AS moved
	FROM timer_executions AS x
	GROUP BY x.timer_id
),
timers AS MATERIALIZED (
	SELECT t.id, t.campaign_id, t.timer_type, t.status, t.scheduled_at, t.executed_at, t.retry_count,
		coalesce(a.completed, 0) AS completed, coalesce(a.failed, 0) AS failed, coalesce(a.started, 0) AS started, coalesce(a.moved, 0) AS moved,
		t.status IN ('PENDING', 'RUNNING') OR (t.status = 'FAILED' AND t.retry_count < current_setting('campaign_lifecycle.max_attempts')::integer) AS waits
	FROM campaign_timers AS t
	LEFT JOIN attempts AS a ON a.timer_id = t.id
),
broken (name, example) AS (
	-- The log of a campaign is a chain, from its creation to the state it is in.
	SELECT 'campaign_without_history', c.id::text
	FROM campaigns AS c
	WHERE NOT EXISTS (SELECT FROM entered AS e WHERE e.campaign_id = c.id)
	UNION ALL
	SELECT 'history_begins_with_creation', format('%s from %s', e.campaign_id, e.from_state)
	FROM entered AS e
	WHERE (e.step = 1) <> (e.from_state IS NULL)
	UNION ALL
	SELECT 'history_is_a_chain', format('%s: %s, then from %s', e.campaign_id, e.state_before, e.from_state)
	FROM entered AS e
	WHERE e.step > 1 AND e.from_state IS DISTINCT FROM e.state_before
	UNION ALL
	SELECT 'history_has_an_order', format('%s at %s', e.campaign_id, e.created_at)
	FROM entered AS e
	WHERE e.created_at <= e.time_before
	UNION ALL
	SELECT 'history_ends_in_present_state', format('%s is %s, logged %s', c.id, c.status, e.to_state)
	FROM entered AS e
	JOIN campaigns AS c ON c.id = e.campaign_id
	WHERE e.is_last AND (e.to_state <> c.status OR e.created_at > c.updated_at)
	UNION ALL
	SELECT 'step_is_legal', format('%s: %s to %s', e.campaign_id, e.from_state, e.to_state)
	FROM entered AS e
	WHERE e.from_state IS NOT NULL
		AND NOT EXISTS (SELECT FROM campaign_state_transitions AS m WHERE m.from_state = e.from_state AND m.to_state = e.to_state)

	-- Nothing lost, nothing twice: each move by a timer has one log row, each such log row one executed timer.
	UNION ALL
	SELECT 'move_is_logged_once', format('%s: %s to %s by %s, logged %s, executed %s', campaign_id, from_state, to_state, timer_type, coalesce(l.n, 0), coalesce(x.n, 0))
	FROM (
		SELECT e.campaign_id, e.from_state::text, e.to_state::text, e.trigger_event::text AS timer_type, count(*) AS n
		FROM entered AS e
		WHERE e.from_state IS NOT NULL AND e.trigger_event IN (SELECT m.timer_type FROM campaign_state_transitions AS m)
		GROUP BY 1, 2, 3, 4
	) AS l
	FULL JOIN (
		SELECT t.campaign_id, x.result ->> 'from' AS from_state, x.result ->> 'to' AS to_state, t.timer_type::text, count(*) AS n
		FROM timer_executions AS x
		JOIN campaign_timers AS t ON t.id = x.timer_id
		WHERE x.status = 'COMPLETED' AND x.result ? 'to'
		GROUP BY 1, 2, 3, 4
	) AS x USING (campaign_id, from_state, to_state, timer_type)
	WHERE l.n IS DISTINCT FROM x.n
	UNION ALL
	SELECT 'completed_once', format('%s %s: %s completed', t.id, t.status, t.completed)
	FROM timers AS t
	WHERE t.completed <> (t.status = 'COMPLETED')::integer
	UNION ALL
	SELECT 'completed_has_its_time', format('%s %s executed_at %s', t.id, t.status, t.executed_at)
	FROM timers AS t
	WHERE (t.status = 'COMPLETED') <> (t.executed_at IS NOT NULL)
	UNION ALL
	SELECT 'never_early', format('%s: due %s, executed %s', t.id, t.scheduled_at, t.executed_at)
	FROM timers AS t
	WHERE t.executed_at < t.scheduled_at
	UNION ALL
	SELECT 'one_waits_of_a_type', format('%s: %s %s', t.campaign_id, count(*), t.timer_type)
	FROM timers AS t
	WHERE t.waits
	GROUP BY t.campaign_id, t.timer_type
	HAVING count(*) > 1
	UNION ALL
	SELECT 'waiting_in_terminal_state', format('%s %s of %s', t.timer_type, t.status, c.id)
	FROM timers AS t
	JOIN campaigns AS c ON c.id = t.campaign_id
	WHERE t.waits AND NOT EXISTS (SELECT FROM campaign_state_transitions AS m WHERE m.from_state = c.status)

	-- Attempts. A revived timer (retry_timer, a policy) counts from zero again, so there may be more failed attempts than it counts.
	UNION ALL
	SELECT 'failed_attempts_are_kept', format('%s %s: retry_count %s, %s failed', t.id, t.status, t.retry_count, t.failed)
	FROM timers AS t
	WHERE t.retry_count > t.failed
		OR (t.status = 'FAILED' AND t.retry_count = 0)
		OR (t.status = 'PENDING' AND t.retry_count > 0)
	UNION ALL
	SELECT 'error_is_kept', format('%s: %s', x.timer_id, x.error_message)
	FROM timer_executions AS x
	WHERE (x.status = 'FAILED') <> (coalesce(x.error_message, '') ~ '^[0-9A-Z]{5}: ')
	UNION ALL
	SELECT 'started_means_running', format('%s %s: %s started', t.id, t.status, t.started)
	FROM timers AS t
	WHERE t.started <> (t.status = 'RUNNING')::integer
	UNION ALL
	SELECT 'attempt_ends_after_it_began', x.id::text
	FROM timer_executions AS x
	WHERE x.completed_at < x.started_at

	-- Metrics: one a successful execution, one more a state change. Applications may record these types too, and then there are more.
	UNION ALL
	SELECT 'execution_is_measured', format('%s: %s executed and %s measured, %s moved and %s measured', campaign_id, coalesce(t.completed, 0),
		coalesce(m.executions, 0), coalesce(t.moved, 0), coalesce(m.moves, 0))
	FROM (
		SELECT t.campaign_id, sum(t.completed) AS completed, sum(t.moved) AS moved
		FROM timers AS t
		GROUP BY t.campaign_id
	) AS t
	FULL JOIN (
		SELECT m.campaign_id, count(*) FILTER (WHERE m.metric_type = 'TIMER_EXECUTION_TIME') AS executions,
			count(*) FILTER (WHERE m.metric_type = 'STATE_TRANSITION_TIME') AS moves
		FROM campaign_metrics AS m
		WHERE m.metric_type IN ('TIMER_EXECUTION_TIME', 'STATE_TRANSITION_TIME')
		GROUP BY m.campaign_id
	) AS m USING (campaign_id)
	WHERE current_setting('campaign_lifecycle.record_metrics')::boolean
		AND (coalesce(t.completed, 0) <> coalesce(m.executions, 0) OR coalesce(t.moved, 0) <> coalesce(m.moves, 0))
)
SELECT b.name, count(*) AS count, min(b.example) AS example
FROM broken AS b
GROUP BY b.name
ORDER BY b.name;
