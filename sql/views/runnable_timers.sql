-- Timers that can run now. Views over tables are ordinary objects, as tables are. They call no function of the
-- extension, so that DROP EXTENSION needs no CASCADE.

-- Timers of a campaign run one after another. A timer is runnable when no earlier one of its campaign waits or runs.
-- Ties are resolved by priority, then by id.
CREATE VIEW @extschema@._runnable_timers WITH (security_invoker = true) AS
	SELECT t.id, t.campaign_id, t.timer_type, t.status, t.scheduled_at, t.retry_count,
		t.ctid AS tid, c.ctid AS campaign_tid, c.status AS state, t.payload ? 'policy' AS by_policy
	FROM ONLY @extschema@.campaign_timers AS t
	JOIN ONLY @extschema@.campaigns AS c ON c.id = t.campaign_id
	WHERE NOT EXISTS (
		SELECT FROM ONLY @extschema@.campaign_timers AS e
		-- The same words as in unique_waiting_timer_per_type, so that its index is used, which holds no finished timer.
		WHERE e.campaign_id = t.campaign_id AND (e.status IN ('PENDING', 'RUNNING')
			OR (e.status = 'FAILED' AND e.retry_count < @attempt_limit@))
			AND e.id <> t.id
			AND (e.status = 'RUNNING'
				OR ((e.status = 'PENDING' OR e.retry_count < coalesce(current_setting('campaign_lifecycle.max_attempts', true),
					'@attempt_limit@')::integer)
					AND (e.scheduled_at < t.scheduled_at
						OR (e.scheduled_at = t.scheduled_at
							AND (coalesce((SELECT min(m.priority) FROM ONLY @extschema@.campaign_state_transitions AS m
								WHERE m.timer_type = e.timer_type), 2147483647), e.id)
								< (coalesce((SELECT min(m.priority) FROM ONLY @extschema@.campaign_state_transitions AS m
									WHERE m.timer_type = t.timer_type), 2147483647), t.id)))))
		OFFSET 0);
COMMENT ON VIEW @extschema@._runnable_timers IS
	'Timers with no earlier unfinished timer of their campaign; what the claim locks, with the campaign.';
