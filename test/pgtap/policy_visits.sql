-- A policy gives a visit of a state its timer once. A timer that was executed since the state was entered, or cancelled by a
-- user, is not made again. A new visit gets its timers again.

BEGIN;
SELECT plan(25);
\ir lib/errors.psql
\ir lib/campaigns.psql
SELECT date_trunc('hour', now()) + interval '3 hours' AS start \gset
-- The types that schedule_campaign_timers() returns.
CREATE FUNCTION pg_temp.scheduled(campaign uuid) RETURNS text[] LANGUAGE sql AS $$
	SELECT coalesce(array_agg(s.timer_type ORDER BY s.timer_type), '{}') FROM schedule_campaign_timers(campaign) AS s
$$;

---- Executed in this visit.

UPDATE campaign_timer_policies SET delay = '0' WHERE timer_type = 'REWARD_REMINDER';
SELECT create_campaign(24, :'start') AS c \gset
SELECT transition_campaign(:'c', s) FROM unnest(ARRAY['RUNNING', 'CLOSED']) AS s;
SELECT is(run_due_timers(), 2::bigint, 'one reminder opens the claim, the next is an event');
SELECT is(status, 'REWARD_CLAIM', 'the claim is open') FROM campaigns WHERE id = :'c';
SELECT is(pg_temp.scheduled(:'c'), ARRAY['EXPIRE_CAMPAIGN'], 'schedule_campaign_timers() does not make the event again');
UPDATE campaign_timer_policies SET delay = '2 hours' WHERE timer_type = 'REWARD_REMINDER';
SELECT is(pg_temp.scheduled(:'c'), ARRAY['EXPIRE_CAMPAIGN'], 'nor with a changed policy');

-- The timer that has moved the campaign into the state does not count.
SELECT create_campaign(24, :'start') AS c \gset
SELECT transition_campaign(:'c', s) FROM unnest(ARRAY['RUNNING', 'CLOSED']) AS s;
UPDATE campaign_timers SET scheduled_at = now() WHERE campaign_id = :'c' AND timer_type = 'REWARD_REMINDER';
SELECT is(run_due_timers(), 1::bigint, 'a reminder opens the claim');
SELECT is(pg_temp.scheduled(:'c'), ARRAY['EXPIRE_CAMPAIGN', 'REWARD_REMINDER'], 'the claim has a reminder of its own');
UPDATE campaign_timers SET payload = payload WHERE campaign_id = :'c';
DELETE FROM campaign_timers WHERE campaign_id = :'c' AND status = 'PENDING';
SELECT is(pg_temp.scheduled(:'c'), ARRAY['EXPIRE_CAMPAIGN', 'REWARD_REMINDER'], 'which is made again where it was deleted');

-- By reschedule_campaign() in RUNNING.
INSERT INTO campaign_timer_policies (state, timer_type, anchor, delay) VALUES ('RUNNING', 'REWARD_REMINDER', 'entered', '0');
SELECT create_campaign(24, :'start') AS c \gset
SELECT transition_campaign(:'c', 'RUNNING');
SELECT is(run_due_timers(), 1::bigint, 'a reminder of a running campaign');
SELECT reschedule_campaign(:'c', duration_hours => 48);
SELECT is(pg_temp.waiting(:'c', :'start'), ARRAY['CLOSE_CAMPAIGN +48:00:00', 'EXPIRE_CAMPAIGN +50:00:00'], 'reschedule_campaign() does not make it again');

-- Also where the clock was set back meanwhile: since the campaign was created, and since it has entered its state.
SET LOCAL session_replication_role = replica;
UPDATE campaign_timers SET created_at = created_at - interval '1 hour', updated_at = updated_at - interval '1 hour' WHERE campaign_id = :'c' AND timer_type = 'REWARD_REMINDER';
RESET session_replication_role;
SELECT is(pg_temp.scheduled(:'c'), ARRAY['CLOSE_CAMPAIGN', 'EXPIRE_CAMPAIGN'], 'one that ended before its campaign was created is not made again');
SELECT create_campaign(24, :'start') AS c \gset
SELECT transition_campaign(:'c', 'RUNNING');
SELECT is(run_due_timers(), 1::bigint, 'a reminder of another running campaign');
SET LOCAL session_replication_role = replica;
UPDATE campaign_state_log SET created_at = created_at + interval '1 hour' WHERE campaign_id = :'c';
RESET session_replication_role;
SELECT is(pg_temp.scheduled(:'c'), ARRAY['CLOSE_CAMPAIGN', 'EXPIRE_CAMPAIGN'], 'one that ended before its state was entered, by the log, is not made again');

-- One that was skipped because its switch was off has done nothing.
SELECT create_campaign(1, now() - interval '1 minute') AS c \gset
SELECT transition_campaign(:'c', 'RUNNING');
UPDATE campaigns SET auto_close = false WHERE id = :'c';
UPDATE campaign_timers SET scheduled_at = now() WHERE campaign_id = :'c' AND timer_type = 'CLOSE_CAMPAIGN';
SELECT is(run_due_timers(), 2::bigint, 'a reminder, and a CLOSE that is skipped');
UPDATE campaigns SET auto_close = true WHERE id = :'c';
SELECT is(pg_temp.scheduled(:'c'), ARRAY['CLOSE_CAMPAIGN', 'EXPIRE_CAMPAIGN'], 'a skipped timer is made again once its switch is on');

---- Cancelled by a user in this visit.

SELECT create_campaign(24, :'start') AS c \gset
SELECT cancel_timer(pg_temp.timer_of(:'c', 'CLOSE_CAMPAIGN'));
UPDATE campaign_timers SET status = 'CANCELLED' WHERE campaign_id = :'c' AND timer_type = 'EXPIRE_CAMPAIGN';
SELECT is(pg_temp.scheduled(:'c'), ARRAY['START_CAMPAIGN'], 'what cancel_timer() or plain SQL has cancelled stays cancelled');
SELECT reschedule_campaign(:'c', :'start'::timestamptz + interval '1 hour');
SELECT is(pg_temp.waiting(:'c', :'start'), ARRAY['START_CAMPAIGN +01:00:00'], 'reschedule_campaign() makes none again either');
SELECT is((SELECT array_agg(DISTINCT payload::text) FROM campaign_timers WHERE campaign_id = :'c' AND status = 'CANCELLED'), ARRAY['{}'], 'they have no mark of a policy');
SELECT schedule_timer(:'c', 'CLOSE_CAMPAIGN', :'start'::timestamptz + interval '9 hours');
SELECT is(pg_temp.waiting(:'c', :'start'), ARRAY['CLOSE_CAMPAIGN +09:00:00 by hand', 'START_CAMPAIGN +01:00:00'], 'schedule_timer() sets one by hand');
SELECT transition_campaign(:'c', 'RUNNING');
SELECT is(pg_temp.waiting(:'c', :'start') @> ARRAY['EXPIRE_CAMPAIGN +27:00:00'], true, 'a new visit gets its timers again');

-- A dead letter that a user clears away wants none.
SELECT create_campaign(24, :'start') AS c \gset
UPDATE campaign_timers SET status = 'FAILED', retry_count = 5 WHERE campaign_id = :'c' AND timer_type = 'START_CAMPAIGN';
SELECT cancel_timer(pg_temp.timer_of(:'c', 'START_CAMPAIGN'));
SELECT is(pg_temp.scheduled(:'c'), ARRAY['CLOSE_CAMPAIGN', 'EXPIRE_CAMPAIGN', 'START_CAMPAIGN'], 'a policy makes a timer for a dead one that was cancelled');

---- Cancelled by a policy.

SELECT create_campaign(24, :'start') AS c \gset
SELECT transition_campaign(:'c', 'RUNNING');
SELECT is(payload, '{"policy": true}', 'a timer that a policy cancels keeps its mark') FROM campaign_timers WHERE campaign_id = :'c' AND status = 'CANCELLED';
DELETE FROM campaign_timer_policies WHERE state = 'RUNNING' AND timer_type = 'REWARD_REMINDER';
SELECT is(pg_temp.scheduled(:'c'), ARRAY['CLOSE_CAMPAIGN', 'EXPIRE_CAMPAIGN'], 'a deleted policy cancels its timer');
INSERT INTO campaign_timer_policies (state, timer_type, anchor, delay) VALUES ('RUNNING', 'REWARD_REMINDER', 'entered', '1 hour');
SELECT is(pg_temp.scheduled(:'c'), ARRAY['CLOSE_CAMPAIGN', 'EXPIRE_CAMPAIGN', 'REWARD_REMINDER'], 'which comes back with its policy');

---- Back into a state.

INSERT INTO campaign_state_transitions (from_state, to_state) VALUES ('CLOSED', 'RUNNING');
SELECT cancel_timer(t.id) FROM campaign_timers AS t WHERE t.campaign_id = :'c' AND t.status = 'PENDING';
SELECT is(pg_temp.scheduled(:'c'), '{}', 'all timers of a running campaign are cancelled');
SELECT transition_campaign(:'c', s) FROM unnest(ARRAY['CLOSED', 'RUNNING']) AS s;
SELECT is(pg_temp.scheduled(:'c'), ARRAY['CLOSE_CAMPAIGN', 'EXPIRE_CAMPAIGN', 'REWARD_REMINDER'], 'back in the state it has them again');

SELECT * FROM finish();
ROLLBACK;
