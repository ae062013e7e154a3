-- The two writers of policy changes: functions of the API write in SQL as their caller, batches in C++ as the tables' owner.
-- They write the same timers, except at the two edges that sql/functions/timer_policies.sql names.

BEGIN;
SELECT plan(11);
SELECT pause_timers();
INSERT INTO campaign_activation (database_oid, paused) SELECT oid, false FROM pg_database WHERE datname = current_database()
	ON CONFLICT (database_oid) DO UPDATE SET paused = false;

CREATE FUNCTION pg_temp.waiting(campaign uuid) RETURNS TABLE (timer_type text, after interval, by_policy boolean) LANGUAGE sql AS $$
	SELECT t.timer_type, t.scheduled_at - (SELECT max(l.created_at) FROM campaign_state_log AS l WHERE l.campaign_id = campaign), t.payload ? 'policy'
	FROM campaign_timers AS t WHERE t.campaign_id = campaign AND t.status = 'PENDING' $$;

--
-- The same timers
--
SELECT create_campaign(1, now() - interval '30 minutes', id => '00000000-0000-7000-8000-0000000000a1') AS by_sql,
	create_campaign(1, now() - interval '30 minutes', id => '00000000-0000-7000-8000-0000000000a2') AS by_batch \gset
SELECT transition_campaign(id, 'RUNNING') FROM campaigns WHERE id IN (:'by_sql', :'by_batch');
SELECT transition_campaign(:'by_sql', 'CLOSED');
UPDATE campaign_timers SET scheduled_at = now() WHERE campaign_id = :'by_batch' AND timer_type = 'CLOSE_CAMPAIGN' AND status = 'PENDING';
SELECT is(campaign_lifecycle_internal._run_due_timers(now(), 1), 1::bigint, 'a batch closes the campaign');
SELECT is((SELECT status FROM campaigns WHERE id = :'by_batch'), 'CLOSED', 'the batch has changed the state');
SELECT set_eq(format('SELECT timer_type, by_policy, round(EXTRACT(epoch FROM after) / 60) FROM pg_temp.waiting(%L)', :'by_batch'),
	format('SELECT timer_type, by_policy, round(EXTRACT(epoch FROM after) / 60) FROM pg_temp.waiting(%L)', :'by_sql'),
	'both writers give a closed campaign the same timers');

--
-- A timer of the type that is set by hand at the same moment
--
CREATE FUNCTION pg_temp.set_by_hand() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO public.campaign_timers (campaign_id, timer_type, scheduled_at) VALUES (NEW.campaign_id, NEW.timer_type, now() + interval '10 days');
		RETURN NEW;
	END $$;
CREATE TRIGGER set_by_hand BEFORE INSERT ON campaign_timers FOR EACH ROW
	WHEN (NEW.timer_type = 'REWARD_REMINDER' AND NEW.payload ? 'policy') EXECUTE FUNCTION pg_temp.set_by_hand();
SELECT create_campaign(1, now() - interval '30 minutes', id => '00000000-0000-7000-8000-0000000000b1') AS by_sql,
	create_campaign(1, now() - interval '30 minutes', id => '00000000-0000-7000-8000-0000000000b2') AS by_batch \gset
SELECT transition_campaign(id, 'RUNNING') FROM campaigns WHERE id IN (:'by_sql', :'by_batch');
SELECT transition_campaign(:'by_sql', 'CLOSED');
SELECT is((SELECT array_agg(by_policy) FROM pg_temp.waiting(:'by_sql') WHERE timer_type = 'REWARD_REMINDER'), '{f}', 'SQL leaves out the timer of the policy, and the one set by hand stays');
UPDATE campaign_timers SET scheduled_at = now() WHERE campaign_id = :'by_batch' AND timer_type = 'CLOSE_CAMPAIGN' AND status = 'PENDING';
SELECT is(campaign_lifecycle_internal._run_due_timers(now(), 1), 1::bigint, 'a batch tries the timer');
SELECT matches((SELECT x.error_message FROM timer_executions AS x JOIN campaign_timers AS t ON t.id = x.timer_id WHERE t.campaign_id = :'by_batch' AND x.status = 'FAILED'),
	'^23505: ', 'a batch fails at the conflict and records it for this timer');
DROP TRIGGER set_by_hand ON campaign_timers;
SELECT schedule_timer(:'by_batch', 'REWARD_REMINDER', now() + interval '10 days');
SELECT is(campaign_lifecycle_internal._run_due_timers(now() + interval '10 minutes', 1), 1::bigint, 'a batch tries again');
SELECT is((SELECT array_agg(by_policy) FROM pg_temp.waiting(:'by_batch') WHERE timer_type = 'REWARD_REMINDER'), '{f}', 'and then finds the timer set by hand');

--
-- A time in the past once it is written
--
INSERT INTO campaigns (id, status, duration_hours, start_time) VALUES ('00000000-0000-7000-8000-0000000000c1', 'CREATED', 48, now() - interval '1 day');
SELECT campaign_lifecycle_internal._apply_policies('{00000000-0000-7000-8000-0000000000c1}', ARRAY[now()], now() - interval '1 hour');
SELECT is((SELECT scheduled_at FROM campaign_timers WHERE campaign_id = '00000000-0000-7000-8000-0000000000c1' AND timer_type = 'START_CAMPAIGN'),
	now() - interval '1 minute', 'SQL moves the time to a minute ago');
INSERT INTO campaigns (id, status, duration_hours, start_time) VALUES ('00000000-0000-7000-8000-0000000000c2', 'RUNNING', 48, now() - interval '1 day');
INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) VALUES ('00000000-0000-7000-8000-0000000000c2', 'CLOSE_CAMPAIGN', now());
UPDATE campaign_timers SET scheduled_at = now() - interval '2 hours' WHERE campaign_id = '00000000-0000-7000-8000-0000000000c2';
SELECT is(campaign_lifecycle_internal._run_due_timers(now() - interval '1 hour', 1), 1::bigint, 'a batch of an hour ago closes a campaign');
SELECT is((SELECT scheduled_at FROM campaign_timers WHERE campaign_id = '00000000-0000-7000-8000-0000000000c2' AND timer_type = 'REWARD_REMINDER'),
	now() - interval '55 minutes', 'a batch writes the time of the policy');

SELECT * FROM finish();
ROLLBACK;
