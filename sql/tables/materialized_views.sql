-- The materialized views, which the maintenance refreshes.

CREATE MATERIALIZED VIEW @extschema@.mv_active_campaigns AS
	SELECT c.status,
		count(*) AS campaign_count,
		avg(c.duration_hours) AS avg_duration,
		min(c.created_at) AS oldest_campaign,
		max(c.created_at) AS newest_campaign,
		count(c.duration_hours) AS duration_count,
		sum(c.duration_hours) AS duration_sum
	FROM @extschema@.campaigns AS c
	WHERE c.status IN ('CREATED', 'RUNNING', 'REWARD_CLAIM')
	GROUP BY c.status;
CREATE UNIQUE INDEX idx_mv_active_campaigns_status ON @extschema@.mv_active_campaigns (status);
COMMENT ON MATERIALIZED VIEW @extschema@.mv_active_campaigns IS
	'Campaigns by state, as of the last refresh; the worker refreshes it every five minutes if it has changed. '
	'duration_count and duration_sum add up over servers, averages do not.';

CREATE MATERIALIZED VIEW @extschema@.mv_pending_timers AS
	SELECT t.timer_type,
		count(*) AS timer_count,
		min(t.scheduled_at) AS next_execution,
		avg(t.retry_count) AS avg_retries,
		count(t.retry_count) AS retries_count,
		sum(t.retry_count) AS retries_sum
	FROM @extschema@.campaign_timers AS t
	WHERE t.status = 'PENDING' AND t.scheduled_at <= now() + interval '1 hour'
	GROUP BY t.timer_type;
CREATE UNIQUE INDEX idx_mv_pending_timers_timer_type ON @extschema@.mv_pending_timers (timer_type);
COMMENT ON MATERIALIZED VIEW @extschema@.mv_pending_timers IS
	'Timers due within the hour by type, as of the last refresh; the worker refreshes it every minute if it has '
	'changed. retries_count and retries_sum add up over servers, averages do not.';
