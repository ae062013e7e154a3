-- A policy's timer does not overtake one set by hand. Setting a timer by hand tells what it means, in notices.

BEGIN;
SELECT plan(26);
\ir lib/errors.psql
\ir lib/campaigns.psql
SELECT date_trunc('hour', now()) + interval '3 hours' AS start \gset

---- A close put off keeps its EXPIRE two hours behind.

SELECT create_campaign(24, :'start') AS c \gset
SELECT transition_campaign(:'c', 'RUNNING');
SELECT reschedule_timer(pg_temp.timer_of(:'c', 'CLOSE_CAMPAIGN'), :'start'::timestamptz + interval '48 hours');
SELECT is(pg_temp.waiting(:'c', :'start'), ARRAY['CLOSE_CAMPAIGN +48:00:00 by hand', 'EXPIRE_CAMPAIGN +50:00:00'], 'reschedule_timer() moves the EXPIRE of the policy');
SELECT count(*) FROM schedule_campaign_timers(:'c');
SELECT is(pg_temp.waiting(:'c', :'start'), ARRAY['CLOSE_CAMPAIGN +48:00:00 by hand', 'EXPIRE_CAMPAIGN +50:00:00'], 'schedule_campaign_timers() leaves it there');
SELECT reschedule_campaign(:'c', duration_hours => 30);
SELECT is(pg_temp.waiting(:'c', :'start'), ARRAY['CLOSE_CAMPAIGN +48:00:00 by hand', 'EXPIRE_CAMPAIGN +50:00:00'], 'so does reschedule_campaign()');
SELECT reschedule_timer(pg_temp.timer_of(:'c', 'CLOSE_CAMPAIGN'), :'start'::timestamptz + interval '31 hours');
SELECT is(pg_temp.waiting(:'c', :'start'), ARRAY['CLOSE_CAMPAIGN +31:00:00 by hand', 'EXPIRE_CAMPAIGN +32:00:00'], 'an EXPIRE that overtakes nothing is at the time of its policy');
SELECT is(campaign_lifecycle_internal._run_due_timers(:'start'::timestamptz + interval '31 hours', 10), 1::bigint, 'CLOSE is executed first');
SELECT is(status, 'CLOSED', 'the campaign is closed') FROM campaigns WHERE id = :'c';

-- Before the start, and over it.
SELECT create_campaign(24, :'start') AS c \gset
SELECT reschedule_timer(pg_temp.timer_of(:'c', 'CLOSE_CAMPAIGN'), :'start'::timestamptz + interval '48 hours');
SELECT is(pg_temp.waiting(:'c', :'start'), ARRAY['CLOSE_CAMPAIGN +48:00:00 by hand', 'EXPIRE_CAMPAIGN +50:00:00', 'START_CAMPAIGN +00:00:00'], 'the EXPIRE of a campaign before its start moves');
SELECT is(campaign_lifecycle_internal._run_due_timers(:'start', 10), 1::bigint, 'a batch starts the campaign');
SELECT is(pg_temp.waiting(:'c', :'start'), ARRAY['CLOSE_CAMPAIGN +48:00:00 by hand', 'EXPIRE_CAMPAIGN +50:00:00'], 'the batch leaves it there');

-- A plain INSERT is a timer by hand, which the next state respects, and both writers do.
SELECT create_campaign(24, :'start') AS by_sql, create_campaign(24, :'start') AS by_batch \gset
DELETE FROM campaign_timers WHERE campaign_id IN (:'by_sql', :'by_batch') AND timer_type <> 'START_CAMPAIGN';
INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at)
SELECT c, 'CLOSE_CAMPAIGN', :'start'::timestamptz + interval '100 hours' FROM unnest(ARRAY[:'by_sql', :'by_batch']::uuid[]) AS c;
SELECT transition_campaign(:'by_sql', 'RUNNING');
SELECT is(pg_temp.waiting(:'by_sql', :'start'), ARRAY['CLOSE_CAMPAIGN +100:00:00 by hand', 'EXPIRE_CAMPAIGN +102:00:00'], 'a new timer is put behind it by SQL');
SELECT is(campaign_lifecycle_internal._run_due_timers(:'start', 10), 1::bigint, 'the other is started by a batch');
SELECT is(pg_temp.waiting(:'by_batch', :'start'), ARRAY['CLOSE_CAMPAIGN +100:00:00 by hand', 'EXPIRE_CAMPAIGN +102:00:00'], 'a new timer is put behind it by a batch');

-- A reminder for tomorrow, in CLOSED.
SELECT create_campaign(24, :'start') AS c \gset
SELECT transition_campaign(:'c', s) FROM unnest(ARRAY['RUNNING', 'CLOSED']) AS s;
SELECT reschedule_timer(pg_temp.timer_of(:'c', 'REWARD_REMINDER'), pg_temp.entered(:'c') + interval '60 hours');
SELECT is(pg_temp.waiting(:'c', pg_temp.entered(:'c')), ARRAY['EXPIRE_CAMPAIGN +107:55:00', 'REWARD_REMINDER +60:00:00 by hand'],
	'a claim that opens later keeps its EXPIRE as far behind');
-- Where a type has no policy of its own, right behind.
SELECT create_campaign(24, :'start') AS c \gset
SELECT transition_campaign(:'c', 'RUNNING');
SELECT schedule_timer(:'c', 'REWARD_REMINDER', :'start'::timestamptz + interval '30 hours');
SELECT is(pg_temp.waiting(:'c', :'start'), ARRAY['CLOSE_CAMPAIGN +24:00:00', 'EXPIRE_CAMPAIGN +30:00:00.000001', 'REWARD_REMINDER +30:00:00 by hand'],
	'EXPIRE comes right behind a reminder that is due after it');

-- The campaign that has to close while its EXPIRE is long due.
SELECT create_campaign(1, now() - interval '3 hours') AS c \gset
SELECT transition_campaign(:'c', 'RUNNING');
SELECT reschedule_timer(pg_temp.timer_of(:'c', 'CLOSE_CAMPAIGN'), now() + interval '15 seconds');
SELECT campaign_lifecycle_internal._run_due_timers(now() + interval '14 seconds', 10) AS attempted \gset
SELECT is(:attempted, 0, 'nothing is due before the CLOSE');
SELECT campaign_lifecycle_internal._run_due_timers(now() + interval '15 seconds', 10);
SELECT is(status, 'CLOSED', 'the campaign is closed, and has its claim') FROM campaigns WHERE id = :'c';

-- The backstop is there where auto_close is on.
SELECT create_campaign(1, now() - interval '1 minute', auto_close => false) AS c \gset
SELECT run_due_timers();
SELECT is(pg_temp.timers(:'c'), ARRAY['START_CAMPAIGN COMPLETED 0'], 'a campaign that does not close by itself does not expire by itself');

-- Nothing else is touched: neither a policy's timer that overtakes nothing, nor one that is missing.
SELECT create_campaign(24, :'start') AS c \gset
SELECT transition_campaign(:'c', 'RUNNING');
DELETE FROM campaign_timers WHERE campaign_id = :'c' AND timer_type = 'CLOSE_CAMPAIGN';
UPDATE campaign_timers SET scheduled_at = :'start'::timestamptz + interval '90 hours' WHERE campaign_id = :'c' AND timer_type = 'EXPIRE_CAMPAIGN';
SELECT schedule_timer(:'c', 'START_CAMPAIGN', :'start'::timestamptz + interval '80 hours');
SELECT is(pg_temp.waiting(:'c', :'start'), ARRAY['EXPIRE_CAMPAIGN +90:00:00', 'START_CAMPAIGN +80:00:00 by hand'], 'schedule_timer() sets no missing timer');

---- Notices. A function catches none, so they are looked for in the plan.

CREATE FUNCTION pg_temp.acting(type text) RETURNS text[] LANGUAGE sql AS $$ SELECT campaign_lifecycle_internal._acting_states(type) $$;
SELECT is(pg_temp.acting('REWARD_REMINDER'), ARRAY['CLOSED', 'REWARD_CLAIM'], 'a reminder acts where it opens the claim, and as an event');
SELECT is(pg_temp.acting('START_CAMPAIGN'), ARRAY['CREATED'], 'START acts in CREATED');
SELECT is(pg_temp.acting('CLOSE_CAMPAIGN'), ARRAY['RUNNING'], 'CLOSE acts in RUNNING, though CREATED sets one ahead');
SELECT is(pg_temp.acting('EXPIRE_CAMPAIGN'), ARRAY['CLOSED', 'REWARD_CLAIM', 'RUNNING'], 'EXPIRE acts in three states');
SELECT is(pg_temp.acting('NO_SUCH_TYPE'), '{}', 'an unknown type acts nowhere');
INSERT INTO campaign_timer_policies (state, timer_type, anchor, delay) VALUES ('CREATED', 'REWARD_REMINDER', 'start_time', '-1 hour');
SELECT is(pg_temp.acting('REWARD_REMINDER'), ARRAY['CLOSED', 'CREATED', 'REWARD_CLAIM'], 'a policy of the user''s adds a state');
DELETE FROM campaign_timer_policies WHERE state = 'CREATED' AND timer_type = 'REWARD_REMINDER';
SELECT is((SELECT count(*) FROM pg_depend AS d JOIN pg_trigger AS g ON g.oid = d.objid WHERE d.classid = 'pg_trigger'::regclass
	AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'x' AND g.tgname = 'mark_timer_cancelled_by_hand'), 1::bigint,
	'the trigger that marks cancelled timers depends on the extension');
SELECT is(current_setting('campaign_lifecycle._by_policy', true), '', 'the setting of policies is not left behind');

SELECT * FROM finish();
ROLLBACK;
