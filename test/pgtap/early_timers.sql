-- A timer that comes too early is postponed, which is no attempt. It is due as soon as its campaign enters a state in which it
-- acts. A policy's timer whose policy is gone is skipped.

BEGIN;
SELECT plan(29);
\ir lib/errors.psql
\ir lib/campaigns.psql
SELECT date_trunc('hour', now()) + interval '3 hours' AS start \gset

---- Where no timer waits: an hour, again and again.

SELECT create_campaign(24, NULL) AS c \gset
SELECT schedule_timer(:'c', 'CLOSE_CAMPAIGN', :'start', '{"mine": 1}') AS t \gset
SELECT is(campaign_lifecycle_internal._run_due_timers(:'start', 10), 0::bigint, 'a timer that comes too early is not attempted');
SELECT is(pg_temp.waiting(:'c', :'start'), ARRAY['CLOSE_CAMPAIGN +01:00:00 by hand'], 'it is postponed for an hour');
SELECT is(campaign_lifecycle_internal._run_due_timers(:'start'::timestamptz + interval '1 hour', 10), 0::bigint, 'nor is it an hour later');
SELECT is(pg_temp.waiting(:'c', :'start'), ARRAY['CLOSE_CAMPAIGN +02:00:00 by hand'], 'it is postponed again');
SELECT is(pg_temp.attempts(:'t'), NULL, 'it has no execution');
SELECT is(payload - 'postponed', '{"mine": 1}', 'its payload is kept') FROM campaign_timers WHERE id = :'t';
SELECT is((payload #>> '{postponed,since}')::timestamptz, :'start', 'since it was due at first') FROM campaign_timers WHERE id = :'t';
SELECT is(waits_because, 'too early: waits for state RUNNING', 'upcoming_timers names the state for which it waits') FROM upcoming_timers WHERE timer_id = :'t';
-- Due at once when the campaign enters the state.
SELECT transition_campaign(:'c', 'RUNNING');
SELECT ok(scheduled_at BETWEEN now() AND clock_timestamp(), 'in RUNNING it is due at once') FROM campaign_timers WHERE id = :'t';
SELECT is(run_due_timers(), 1::bigint, 'it is executed');
SELECT is(status, 'CLOSED', 'and closes the campaign') FROM campaigns WHERE id = :'c';

-- The same in a batch.
SELECT create_campaign(24, NULL) AS c \gset
SELECT schedule_timer(:'c', 'CLOSE_CAMPAIGN', :'start') AS t \gset
SELECT campaign_lifecycle_internal._run_due_timers(:'start', 10);
SELECT schedule_timer(:'c', 'START_CAMPAIGN', :'start'::timestamptz + interval '10 minutes');
SELECT is(campaign_lifecycle_internal._run_due_timers(:'start'::timestamptz + interval '10 minutes', 10), 2::bigint, 'START, and the CLOSE that has waited for it');
SELECT is(pg_temp.history(:'c'), ARRAY['CREATED by CREATED', 'RUNNING by START_CAMPAIGN', 'CLOSED by CLOSE_CAMPAIGN'], 'in this order');

---- Right after the next waiting timer.

SELECT create_campaign(24, NULL) AS c \gset
SELECT schedule_timer(:'c', 'CLOSE_CAMPAIGN', :'start') AS t \gset
SELECT schedule_timer(:'c', 'START_CAMPAIGN', :'start'::timestamptz + interval '5 hours');
SELECT campaign_lifecycle_internal._run_due_timers(:'start', 10);
SELECT is(pg_temp.waiting(:'c', :'start'), ARRAY['CLOSE_CAMPAIGN +05:00:00.000001 by hand', 'START_CAMPAIGN +05:00:00 by hand'], 'right after START');
SELECT reschedule_timer(:'t', :'start'::timestamptz + interval '6 hours');
SELECT is(payload, '{}', 'reschedule_timer() takes the mark away') FROM campaign_timers WHERE id = :'t';
-- After one that is due too.
DELETE FROM campaigns;
SELECT create_campaign(24, NULL) AS c \gset
SELECT schedule_timer(:'c', 'CLOSE_CAMPAIGN', :'start'), schedule_timer(:'c', 'START_CAMPAIGN', :'start'::timestamptz + interval '1 hour');
SELECT is(campaign_lifecycle_internal._run_due_timers(:'start'::timestamptz + interval '2 hours', 10), 2::bigint, 'both are overdue, in the wrong order');
SELECT is(pg_temp.history(:'c'), ARRAY['CREATED by CREATED', 'RUNNING by START_CAMPAIGN', 'CLOSED by CLOSE_CAMPAIGN'], 'the campaign is started and closed');
-- Two that are early do not wait for each other.
SELECT create_campaign(24, NULL) AS c \gset
SELECT schedule_timer(:'c', 'CLOSE_CAMPAIGN', :'start'), schedule_timer(:'c', 'EXPIRE_CAMPAIGN', :'start'::timestamptz + interval '1 hour');
SELECT is(campaign_lifecycle_internal._run_due_timers(:'start'::timestamptz + interval '2 hours', 10), 0::bigint, 'two that come too early are not attempted');
SELECT is(pg_temp.waiting(:'c', :'start'), ARRAY['CLOSE_CAMPAIGN +03:00:00 by hand', 'EXPIRE_CAMPAIGN +03:00:00.000001 by hand'], 'they are postponed in their order');

---- Cancelled when the campaign ends.

SELECT create_campaign(24, :'start') AS c \gset
SELECT transition_campaign(:'c', 'RUNNING');
SELECT schedule_timer(:'c', 'REWARD_REMINDER', now()) AS t \gset
SELECT is(run_due_timers(), 0::bigint, 'a reminder of a running campaign is not attempted');
SELECT is(status || ' ' || (payload #>> '{postponed,until}'), 'PENDING ["CLOSED", "REWARD_CLAIM"]', 'it waits for two states') FROM campaign_timers WHERE id = :'t';
SELECT is(waits_because, 'too early: waits for state CLOSED or REWARD_CLAIM', 'as upcoming_timers says') FROM upcoming_timers WHERE timer_id = :'t';
SELECT transition_campaign(:'c', 'EXPIRED');
SELECT is(status, 'CANCELLED', 'it is cancelled when the campaign ends') FROM campaign_timers WHERE id = :'t';

---- A policy's timer whose policy is gone, or switched off.

INSERT INTO campaign_timer_policies (state, timer_type, anchor, delay) VALUES ('CREATED', 'REWARD_REMINDER', 'start_time', '-1 hour');
SELECT create_campaign(24, :'start') AS c \gset
DELETE FROM campaign_timer_policies WHERE state = 'CREATED' AND timer_type = 'REWARD_REMINDER';
SELECT is(campaign_lifecycle_internal._run_due_timers(:'start'::timestamptz - interval '1 hour', 10), 1::bigint, 'a timer whose policy was deleted is attempted');
SELECT is(pg_temp.attempts(pg_temp.timer_of(:'c', 'REWARD_REMINDER')),
	ARRAY['COMPLETED {"reason": "no policy sets REWARD_REMINDER up to state CREATED", "skipped": true}'], 'it is skipped, and says why');
SELECT create_campaign(24, :'start', rewards_enabled => false) AS c \gset
SELECT transition_campaign(:'c', 'RUNNING');
DELETE FROM campaign_timer_policies WHERE timer_type = 'CLOSE_CAMPAIGN';
SELECT is(campaign_lifecycle_internal._run_due_timers(:'start'::timestamptz + interval '24 hours', 1), 1::bigint, 'a CLOSE without a policy is attempted');
SELECT is(status, 'RUNNING', 'it closes nothing') FROM campaigns WHERE id = :'c';
-- A timer that an earlier state has set and this one can use is not without a policy.
DELETE FROM campaign_timer_policies WHERE state = 'CLOSED' AND timer_type = 'EXPIRE_CAMPAIGN';
SELECT transition_campaign(:'c', 'CLOSED');
SELECT campaign_lifecycle_internal._run_due_timers(:'start'::timestamptz + interval '26 hours', 10);
SELECT is(status, 'EXPIRED', 'the EXPIRE of RUNNING ends the campaign in CLOSED') FROM campaigns WHERE id = :'c';
-- By hand it acts without a policy.
SELECT create_campaign(24, :'start') AS c \gset
SELECT transition_campaign(:'c', 'RUNNING');
SELECT schedule_timer(:'c', 'CLOSE_CAMPAIGN', :'start');
SELECT campaign_lifecycle_internal._run_due_timers(:'start', 10);
SELECT is(status, 'CLOSED', 'a CLOSE set by hand needs no policy') FROM campaigns WHERE id = :'c';

SELECT * FROM finish();
ROLLBACK;
