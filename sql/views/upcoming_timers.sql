-- Which timers are executed next, and why each waits.

CREATE VIEW @extschema@.upcoming_timers WITH (security_invoker = true) AS
	-- Merge two index scans: timers that wait for their time, and for their next attempt. Other columns are looked up for
	-- fetched rows only. With a join, the planner would sort all rows and not stop at a LIMIT.
	SELECT w.scheduled_at, w.timer_type, w.campaign_id, w.id AS timer_id, w.status, w.retry_count, w.campaign_status,
		w.scheduled_at <= now() AS due,
		greatest(now() - w.scheduled_at, interval '0') AS lateness,
		CASE
			-- The bookkeeping belongs to the extension; a view that named it would keep DROP EXTENSION from working.
			WHEN (SELECT to_regclass('@extschema@.campaign_activation') IS NULL) THEN 'not installed'
			WHEN (SELECT coalesce(current_setting('campaign_lifecycle.enabled', true), 'on') = 'off') THEN 'disabled'
			WHEN (SELECT CASE WHEN has_table_privilege(to_regclass('@extschema@.campaign_activation'), 'SELECT')
					THEN query_to_xml('SELECT 1 AS active FROM ONLY @extschema@.campaign_activation AS a '
						'JOIN pg_catalog.pg_database AS d ON d.oid OPERATOR(pg_catalog.=) a.database_oid
						WHERE NOT a.paused AND d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()',
						true, false, '')::text NOT LIKE '%active%' END) THEN 'paused'
			WHEN w.scheduled_at > now() AND w.payload #> '{postponed,until}' IS NOT NULL THEN 'too early: waits for state '
				|| coalesce((SELECT string_agg(s.state, ' or ' ORDER BY s.n)
					FROM jsonb_array_elements_text(CASE WHEN jsonb_typeof(w.payload #> '{postponed,until}') = 'array'
						THEN w.payload #> '{postponed,until}' ELSE '[]' END) WITH ORDINALITY AS s (state, n)), '')
			WHEN w.scheduled_at > now() AND w.status = 'FAILED' THEN 'waits for its next attempt'
			WHEN w.scheduled_at > now() THEN 'waits for its time'
			WHEN w.blocker IS NOT NULL THEN 'waits for an earlier timer'
			ELSE 'due' END AS waits_because,
		w.blocker AS waits_for_timer
	FROM (
		SELECT u.*,
			(SELECT c.status FROM ONLY @extschema@.campaigns AS c WHERE c.id = u.campaign_id) AS campaign_status,
			(SELECT e.id
				FROM (SELECT t.id, t.timer_type, t.status, t.scheduled_at, t.retry_count FROM ONLY @extschema@.campaign_timers AS t
					WHERE t.campaign_id = u.campaign_id OFFSET 0) AS e
				WHERE e.id <> u.id
					AND (e.status = 'RUNNING'
						OR ((e.status = 'PENDING'
								OR (e.status = 'FAILED' AND e.retry_count < coalesce(current_setting('campaign_lifecycle.max_attempts', true),
									'@attempt_limit@')::integer))
							AND (e.scheduled_at < u.scheduled_at
								OR (e.scheduled_at = u.scheduled_at
									AND (coalesce((SELECT min(m.priority) FROM ONLY @extschema@.campaign_state_transitions AS m
										WHERE m.timer_type = e.timer_type), 2147483647), e.id)
										< (coalesce((SELECT min(m.priority) FROM ONLY @extschema@.campaign_state_transitions AS m
											WHERE m.timer_type = u.timer_type), 2147483647), u.id)))))
				ORDER BY e.status <> 'RUNNING', e.scheduled_at, e.id
				LIMIT 1) AS blocker
		FROM (
			(SELECT t.id, t.campaign_id, t.timer_type, t.status, t.scheduled_at, t.retry_count, t.payload
				FROM ONLY @extschema@.campaign_timers AS t
				WHERE t.status = 'PENDING'
				ORDER BY t.scheduled_at)
			UNION ALL
			(SELECT t.id, t.campaign_id, t.timer_type, t.status, t.scheduled_at, t.retry_count, t.payload
				FROM ONLY @extschema@.campaign_timers AS t
				WHERE t.status = 'FAILED' AND t.retry_count < @attempt_limit@
					AND t.retry_count < coalesce(current_setting('campaign_lifecycle.max_attempts', true), '@attempt_limit@')::integer
				ORDER BY t.scheduled_at)) AS u) AS w
	ORDER BY w.scheduled_at;
COMMENT ON VIEW @extschema@.upcoming_timers IS
	'The next timers over all campaigns, earliest first, and why each was not executed yet. Read it with LIMIT, or with a '
	'condition on scheduled_at: then it costs the same with millions of timers. Since 1.1.';
COMMENT ON COLUMN @extschema@.upcoming_timers.scheduled_at IS
	'When it is due; of a failed one, when it is tried again.';
COMMENT ON COLUMN @extschema@.upcoming_timers.lateness IS 'How long it has been due; 0 before its time.';
COMMENT ON COLUMN @extschema@.upcoming_timers.waits_because IS
	'due: is executed at once, or waits for a lock; waits for its time; too early: waits for state ...: was postponed; '
	'waits for its next attempt; waits for an earlier timer; paused: pause_timers(), or a restored copy '
	'(resume_timers()); disabled: campaign_lifecycle.enabled is off; not installed.';
COMMENT ON COLUMN @extschema@.upcoming_timers.waits_for_timer IS
	'The first timer of its campaign that must be done before this one.';
