-- The README's first campaign, lived through in one transaction with the time given, so that nothing waits: what a user sees at each step.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS campaign_lifecycle;
RESET client_min_messages;
\set SHOW_CONTEXT never
-- pg_regress chooses styles and a time zone, not the same ones in every version.
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET timezone = 'UTC';

BEGIN;
SELECT create_campaign(48, now() + interval '1 hour', metadata => '{"name": "summer sale"}') AS id \gset
SELECT status, metadata, start_time - now() AS starts_in, extract(epoch FROM end_time - start_time) / 3600 = 48 AS for_two_days FROM campaigns WHERE id = :'id';
SELECT timer_type, (extract(epoch FROM scheduled_at - now()) / 3600)::integer AS hours FROM schedule_campaign_timers(:'id');

SELECT campaign_lifecycle_internal._run_due_timers(now() + interval '59 minutes', 1000) AS too_soon;
SELECT campaign_lifecycle_internal._run_due_timers(now() + interval '1 hour', 1000) AS starts;
SELECT campaign_lifecycle_internal._run_due_timers(now() + interval '49 hours', 1000) AS closes;
SELECT campaign_lifecycle_internal._run_due_timers(now() + interval '49 hours 5 minutes', 1000) AS opens_claim;
SELECT campaign_lifecycle_internal._run_due_timers(now() + interval '49 hours 5 minutes' + interval '144 hours', 1000) AS reminds;
SELECT campaign_lifecycle_internal._run_due_timers(now() + interval '49 hours 5 minutes' + interval '168 hours', 1000) AS expires;

SELECT from_state, to_state, trigger_event FROM campaign_state_log WHERE campaign_id = :'id' ORDER BY created_at, id;
SELECT t.timer_type, t.status, t.retry_count, e.status AS attempt, e.result
FROM campaign_timers AS t LEFT JOIN timer_executions AS e ON e.timer_id = t.id
WHERE t.campaign_id = :'id' ORDER BY t.executed_at, t.scheduled_at, t.timer_type;
SELECT metric_type, count(*) FROM campaign_metrics WHERE campaign_id = :'id' GROUP BY metric_type ORDER BY metric_type;
ROLLBACK;

-- The tasks of the README
BEGIN;
SELECT create_campaign(48, now() + interval '1 hour') AS id \gset
SELECT reschedule_campaign(:'id', start_time => '2100-01-01 09:00+00', duration_hours => 24);
SELECT start_time AT TIME ZONE 'UTC' AS start, end_time AT TIME ZONE 'UTC' AS ends FROM campaigns WHERE id = :'id';
SELECT timer_type, scheduled_at AT TIME ZONE 'UTC' AS at FROM schedule_campaign_timers(:'id');
SELECT transition_campaign(:'id', 'RUNNING', 'LAUNCH') AS came_from;
SELECT transition_campaign(:'id', 'CLOSED', 'SOLD_OUT') AS came_from;
SELECT cancel_campaign(:'id', 'wrong price');
SELECT from_state, to_state, trigger_event, metadata ->> 'reason' AS reason FROM campaign_state_log WHERE campaign_id = :'id' ORDER BY created_at, id;
SELECT timer_type, status FROM campaign_timers WHERE campaign_id = :'id' ORDER BY timer_type;
ROLLBACK;

BEGIN;
SELECT create_campaign(48, '2100-01-01 09:00+00') AS id \gset
INSERT INTO campaign_state_transitions (from_state, to_state, timer_type) VALUES ('CREATED', 'EXPIRED', 'EXPIRE_CAMPAIGN');
SELECT cancel_campaign(:'id');
SELECT status FROM campaigns WHERE id = :'id';
ROLLBACK;

BEGIN;
INSERT INTO campaigns (id, status, duration_hours, start_time) VALUES ('11111111-1111-4111-8111-111111111111', 'RUNNING', 24, '2100-01-01 09:00+00');
SET LOCAL campaign_lifecycle.changed_by = 'ana@example.org';
SET LOCAL campaign_lifecycle.trigger_event = 'BUDGET_SPENT';
UPDATE campaigns SET status = 'CLOSED';
SELECT to_state, trigger_event, replace(metadata ->> 'changed_by', session_user, 'the session user') AS changed_by FROM campaign_state_log ORDER BY created_at, id;
ROLLBACK;
