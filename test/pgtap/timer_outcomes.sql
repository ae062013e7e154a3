-- A timer that is due completes, is skipped, fails or waits. Each outcome of docs/reference.md is tried, and the order
-- of one campaign's timers, failed attempts with their backoff, dead letters and their revival. The time is given to
-- campaign_lifecycle_internal._run_due_timers(as_of, max_timers), which run_due_timers() calls with the clock, so nothing waits.

BEGIN;
SELECT plan(125);
\ir lib/errors.psql
\ir lib/campaigns.psql

SELECT date_trunc('hour', now()) + interval '3 hours' AS start \gset

---- The campaign moves.

SELECT create_campaign(24, :'start') AS c \gset
SELECT pg_temp.timer_of(:'c', 'START_CAMPAIGN') AS t \gset
SELECT is(campaign_lifecycle_internal._run_due_timers(:'start'::timestamptz - interval '1 microsecond', 10), 0::bigint,
	'a microsecond early nothing is due');
SELECT is(campaign_lifecycle_internal._run_due_timers(:'start', 10), 1::bigint, 'on time one timer is attempted');
SELECT is(status, 'RUNNING', 'a START_CAMPAIGN timer that is due moves its campaign to RUNNING') FROM campaigns;
SELECT is(status, 'COMPLETED', 'the timer that moved its campaign is COMPLETED') FROM campaign_timers WHERE id = :'t';
SELECT ok(executed_at BETWEEN :'start' AND :'start'::timestamptz + interval '10 seconds', 'executed_at is when it was carried out') FROM campaign_timers WHERE id = :'t';
SELECT is(scheduled_at, :'start', 'scheduled_at is when it was to be') FROM campaign_timers WHERE id = :'t';
SELECT is(pg_temp.attempts(:'t'), ARRAY['COMPLETED {"to": "RUNNING", "from": "CREATED"}'],
	'the timer has one execution, with the states in its result');
SELECT ok(started_at = :'start' AND completed_at >= started_at AND execution_time_ms BETWEEN 0 AND 10000 AND error_message IS NULL,
	'the execution has its times and no error') FROM timer_executions;
SELECT is(pg_temp.history(:'c'), ARRAY['CREATED by CREATED', 'RUNNING by START_CAMPAIGN'],
	'the log names the timer type');
SELECT results_eq('SELECT metric_type::text FROM campaign_metrics ORDER BY 1', $$VALUES ('STATE_TRANSITION_TIME'), ('TIMER_EXECUTION_TIME')$$,
	'a move writes two metrics');
SELECT ok(value BETWEEN 0 AND 10000, metric_type || ' in milliseconds') FROM campaign_metrics;
SELECT is(current_setting('campaign_lifecycle.trigger_event', true), '',
	'the transaction''s settings are as they were');
SELECT is(campaign_lifecycle_internal._run_due_timers(:'start', 10), 0::bigint, 'a timer that is COMPLETED is not attempted again');

---- A whole life, each step when it is due, with its log.

SELECT is(campaign_lifecycle_internal._run_due_timers(:'start'::timestamptz + interval '24 hours', 10), 1::bigint,
	'CLOSE_CAMPAIGN is attempted at the end of the campaign');
SELECT :'start'::timestamptz + interval '24 hours' AS closed \gset
SELECT is(campaign_lifecycle_internal._run_due_timers(:'closed'::timestamptz + interval '4 minutes 59 seconds', 10), 0::bigint,
	'no timer is due for five minutes after closing');
SELECT is(campaign_lifecycle_internal._run_due_timers(:'closed'::timestamptz + interval '5 minutes', 10), 1::bigint,
	'REWARD_REMINDER is attempted five minutes after closing');
SELECT is(status, 'REWARD_CLAIM', 'REWARD_REMINDER moves a CLOSED campaign to REWARD_CLAIM') FROM campaigns;
SELECT :'closed'::timestamptz + interval '5 minutes' AS claim \gset
-- A reminder: an event, no move.
SELECT pg_temp.timer_of(:'c', 'REWARD_REMINDER') AS completed_one \gset
SELECT id AS t FROM campaign_timers WHERE campaign_id = :'c' AND timer_type = 'REWARD_REMINDER' AND status = 'PENDING' \gset
DELETE FROM campaign_metrics;
SELECT updated_at AS before FROM campaigns \gset
SELECT is(campaign_lifecycle_internal._run_due_timers(:'claim'::timestamptz + interval '144 hours', 10), 1::bigint,
	'REWARD_REMINDER is attempted 144 hours later in REWARD_CLAIM');
SELECT is(pg_temp.attempts(:'t'), ARRAY['COMPLETED {"event": "REWARD_REMINDER"}'],
	'REWARD_REMINDER in REWARD_CLAIM is an event');
SELECT is(status || ' ' || (updated_at = :'before'), 'REWARD_CLAIM true',
	'the event neither moves nor updates the campaign') FROM campaigns;
SELECT is((SELECT array_agg(metric_type) FROM campaign_metrics), ARRAY['TIMER_EXECUTION_TIME']::varchar[],
	'the event writes one metric');
SELECT is(campaign_lifecycle_internal._run_due_timers(:'claim'::timestamptz + interval '168 hours', 10), 1::bigint,
	'EXPIRE a week after the claim opened');
SELECT is(pg_temp.history(:'c'), ARRAY['CREATED by CREATED', 'RUNNING by START_CAMPAIGN', 'CLOSED by CLOSE_CAMPAIGN', 'REWARD_CLAIM by REWARD_REMINDER', 'EXPIRED by EXPIRE_CAMPAIGN'],
	'the log of a whole life has five rows, in order');
SELECT is(pg_temp.timers(:'c'), ARRAY['CLOSE_CAMPAIGN COMPLETED 0', 'EXPIRE_CAMPAIGN COMPLETED 0', 'REWARD_REMINDER COMPLETED 0', 'REWARD_REMINDER COMPLETED 0', 'START_CAMPAIGN COMPLETED 0'],
	'no timer waits, none was made in vain');
SELECT is((SELECT count(*) FROM timer_executions), 5::bigint, 'each of five attempts has one execution');
SELECT is(campaign_lifecycle_internal._run_due_timers('9999-12-31', 1000), 0::bigint, 'no timer of an EXPIRED campaign is due');

---- Reminders of the user's own, before the start and before the end: events as well, though the type moves the
---- campaign in a later state.

DELETE FROM campaigns;
SAVEPOINT reminders;
INSERT INTO campaign_timer_policies (state, timer_type, anchor, delay) VALUES ('CREATED', 'REWARD_REMINDER', 'start_time', '-1 hour'), ('RUNNING', 'REWARD_REMINDER', 'end_time', '-2 hours');
SELECT create_campaign(24, :'start') AS c \gset
SELECT is(campaign_lifecycle_internal._run_due_timers(:'start'::timestamptz + interval '22 hours', 10), 3::bigint,
	'a reminder, the start, a reminder');
SELECT results_eq('SELECT e.result FROM timer_executions AS e ORDER BY e.id',
	$$VALUES ('{"event": "REWARD_REMINDER"}'::jsonb), ('{"to": "RUNNING", "from": "CREATED"}'), ('{"event": "REWARD_REMINDER"}')$$, 'an hour before the start, two before the end');
SELECT is(campaign_lifecycle_internal._run_due_timers(:'start'::timestamptz + interval '24 hours 5 minutes', 10), 1::bigint,
	'CLOSE_CAMPAIGN is attempted with a reminder of the same type to come');
SELECT is(campaign_lifecycle_internal._run_due_timers(:'start'::timestamptz + interval '24 hours 10 minutes', 10), 1::bigint,
	'REWARD_REMINDER is attempted in CLOSED');
SELECT is(status, 'REWARD_CLAIM', 'REWARD_REMINDER opens the claim') FROM campaigns;
ROLLBACK TO reminders;

---- However late: after an outage a campaign walks every state it should have.

-- By policy: three hours past its end, the claim window is whole.
DELETE FROM campaigns;
SELECT create_campaign(24, :'start') AS c \gset
SELECT :'start'::timestamptz + interval '27 hours' AS late \gset
SELECT is(campaign_lifecycle_internal._run_due_timers(:'late', 10), 2::bigint, 'START and CLOSE, in one call');
SELECT is(pg_temp.history(:'c'), ARRAY['CREATED by CREATED', 'RUNNING by START_CAMPAIGN', 'CLOSED by CLOSE_CAMPAIGN'],
	'overdue timers of one campaign are executed in order');
SELECT results_eq(format('SELECT timer_type::text, scheduled_at FROM campaign_timers WHERE status = ''PENDING'' ORDER BY 1'),
	format('VALUES (''EXPIRE_CAMPAIGN'', timestamptz %L), (''REWARD_REMINDER'', timestamptz %L)', :'late'::timestamptz + interval '48 hours', :'late'::timestamptz + interval '5 minutes'),
	'the next timers count from the time of the state change');
-- By hand: START, CLOSE, EXPIRE all overdue.
DELETE FROM campaigns;
SELECT create_campaign(24, NULL) AS c \gset
SELECT schedule_timer(:'c', 'EXPIRE_CAMPAIGN', :'start'::timestamptz + interval '3 seconds'), schedule_timer(:'c', 'CLOSE_CAMPAIGN', :'start'::timestamptz + interval '2 seconds'),
	schedule_timer(:'c', 'START_CAMPAIGN', :'start'::timestamptz + interval '1 second');
SELECT is(campaign_lifecycle_internal._run_due_timers(:'late', 1000), 3::bigint, 'three timers set by hand are attempted in one call');
SELECT is(pg_temp.history(:'c'), ARRAY['CREATED by CREATED', 'RUNNING by START_CAMPAIGN', 'CLOSED by CLOSE_CAMPAIGN', 'EXPIRED by EXPIRE_CAMPAIGN'],
	'timers set by hand are executed in the order of their times');
-- At the same instant the lower priority number goes first.
SELECT create_campaign(24, NULL) AS c \gset
SELECT schedule_timer(:'c', 'EXPIRE_CAMPAIGN', :'start'), schedule_timer(:'c', 'CLOSE_CAMPAIGN', :'start'), schedule_timer(:'c', 'START_CAMPAIGN', :'start');
SELECT is(campaign_lifecycle_internal._run_due_timers(:'late', 1000), 3::bigint, 'three timers at the same instant');
SELECT is(pg_temp.history(:'c'), ARRAY['CREATED by CREATED', 'RUNNING by START_CAMPAIGN', 'CLOSED by CLOSE_CAMPAIGN', 'EXPIRED by EXPIRE_CAMPAIGN'],
	'timers due at the same time are executed by priority');
SAVEPOINT priority;
UPDATE campaign_state_transitions SET priority = 1 WHERE timer_type = 'EXPIRE_CAMPAIGN';
SELECT create_campaign(24, NULL) AS c \gset
SELECT transition_campaign(:'c', 'RUNNING');
UPDATE campaign_timers SET status = 'CANCELLED' WHERE campaign_id = :'c';
SELECT schedule_timer(:'c', 'EXPIRE_CAMPAIGN', :'start'), schedule_timer(:'c', 'CLOSE_CAMPAIGN', :'start');
SELECT is(campaign_lifecycle_internal._run_due_timers(:'late', 1000), 1::bigint,
	'EXPIRE_CAMPAIGN with a lower priority number is the only timer attempted');
SELECT is(pg_temp.history(:'c'), ARRAY['CREATED by CREATED', 'RUNNING by MANUAL', 'EXPIRED by EXPIRE_CAMPAIGN'],
	'CLOSE_CAMPAIGN does not move a campaign that EXPIRE_CAMPAIGN has ended');
ROLLBACK TO priority;

---- Too late, or switched off: COMPLETED as skipped, nothing else changes.

DELETE FROM campaigns;
SELECT create_campaign(24, :'start') AS c \gset
SELECT transition_campaign(:'c', 'RUNNING');
SELECT schedule_timer(:'c', 'START_CAMPAIGN', :'start') AS t \gset
SELECT updated_at AS before FROM campaigns \gset
SELECT is(campaign_lifecycle_internal._run_due_timers(:'start', 10), 1::bigint, 'START of a campaign that runs');
SELECT is(pg_temp.timers(:'c') @> ARRAY['START_CAMPAIGN COMPLETED 0'], true,
	'a timer that comes too late is COMPLETED');
SELECT is(result, '{"skipped": true, "reason": "too late in state RUNNING"}', 'the execution of a timer that comes too late says that it was skipped, and why') FROM timer_executions WHERE timer_id = :'t';
SELECT is(status || ' ' || (updated_at = :'before'), 'RUNNING true',
	'a skipped timer leaves its campaign as it was') FROM campaigns;
-- The timer after a skipped one runs in the same call.
SELECT schedule_timer(:'c', 'START_CAMPAIGN', :'start') AS t \gset
SELECT is(campaign_lifecycle_internal._run_due_timers(:'start'::timestamptz + interval '24 hours 1 minute', 10), 2::bigint,
	'one too late, and CLOSE behind it');
SELECT is(status, 'CLOSED', 'START_CAMPAIGN and CLOSE_CAMPAIGN are executed in one call') FROM campaigns;
-- Switched off after the policy had made it.
DELETE FROM campaigns;
SELECT create_campaign(24, :'start') AS c \gset
SELECT transition_campaign(:'c', 'RUNNING');
UPDATE campaigns SET auto_close = false WHERE id = :'c';
SELECT pg_temp.timer_of(:'c', 'CLOSE_CAMPAIGN') AS t \gset
SELECT is(campaign_lifecycle_internal._run_due_timers(:'start'::timestamptz + interval '24 hours', 10), 1::bigint,
	'CLOSE of a campaign that is not to close by itself');
SELECT is(result, '{"skipped": true, "reason": "auto_close is off"}', 'CLOSE_CAMPAIGN is skipped while auto_close is off') FROM timer_executions WHERE timer_id = :'t';
SELECT is(status, 'RUNNING', 'a campaign with auto_close off runs on') FROM campaigns WHERE id = :'c';
SELECT is((SELECT count(*) FROM campaign_metrics WHERE campaign_id = :'c' AND metric_type = 'STATE_TRANSITION_TIME'), 0::bigint,
	'a skipped timer writes no metric of a move');
-- One set by hand moves it all the same.
SELECT schedule_timer(:'c', 'CLOSE_CAMPAIGN', :'start'::timestamptz + interval '25 hours');
SELECT is(campaign_lifecycle_internal._run_due_timers(:'start'::timestamptz + interval '25 hours', 10), 1::bigint,
	'CLOSE_CAMPAIGN set by hand is attempted while auto_close is off');
SELECT is(status, 'CLOSED', 'CLOSE_CAMPAIGN set by hand closes the campaign while auto_close is off') FROM campaigns WHERE id = :'c';
-- A reminder that is switched off is none.
SELECT create_campaign(24, :'start') AS c \gset
SELECT transition_campaign(:'c', s) FROM unnest(ARRAY['RUNNING', 'CLOSED', 'REWARD_CLAIM']) AS s;
UPDATE campaigns SET rewards_enabled = false WHERE id = :'c';
SELECT is(campaign_lifecycle_internal._run_due_timers(now() + interval '145 hours', 100) >= 1, true,
	'REWARD_REMINDER is attempted while rewards_enabled is off');
SELECT is(result, '{"skipped": true, "reason": "rewards_enabled is off"}', 'REWARD_REMINDER is skipped while rewards_enabled is off') FROM timer_executions AS e JOIN campaign_timers AS t ON t.id = e.timer_id
WHERE t.campaign_id = :'c' AND t.timer_type = 'REWARD_REMINDER';
-- A timer that slipped in while its campaign expired.
DELETE FROM campaigns;
SELECT create_campaign(24, :'start') AS c \gset
SELECT schedule_timer(:'c', 'REWARD_REMINDER', :'start');
ALTER TABLE campaigns DISABLE TRIGGER validate_campaign_state_transition;
ALTER TABLE campaigns DISABLE TRIGGER log_campaign_state_changes;
UPDATE campaigns SET status = 'EXPIRED';
ALTER TABLE campaigns ENABLE TRIGGER validate_campaign_state_transition;
ALTER TABLE campaigns ENABLE TRIGGER log_campaign_state_changes;
SELECT is(campaign_lifecycle_internal._run_due_timers(:'start', 10), 2::bigint, 'two timers of an EXPIRED campaign are attempted');
SELECT is((SELECT array_agg(DISTINCT e.result ->> 'reason') FROM timer_executions AS e), ARRAY['too late in state EXPIRED'],
	'timers of an EXPIRED campaign are skipped as too late');

---- Too early

-- While an earlier timer of the campaign is unfinished: put off, no attempt.
DELETE FROM campaigns;
SELECT create_campaign(24, NULL) AS c \gset
INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at, status, retry_count) VALUES (:'c', 'START_CAMPAIGN', :'start'::timestamptz + interval '1 hour', 'FAILED', 1);
SELECT schedule_timer(:'c', 'CLOSE_CAMPAIGN', :'start') AS t \gset
SELECT campaign_lifecycle_internal._run_due_timers(:'start'::timestamptz + interval '1 minute', 1000) AS attempted \gset
SELECT is(pg_temp.timers(:'c'), ARRAY['CLOSE_CAMPAIGN PENDING 0', 'START_CAMPAIGN FAILED 1'],
	'CLOSE is put off while START waits for its next attempt');
SELECT is(pg_temp.attempts(:'t'), NULL, 'a timer that waits behind an earlier one has no execution');
SELECT is(:attempted, 0, 'a timer that waits behind an earlier one is not counted as attempted');
SELECT is(campaign_lifecycle_internal._run_due_timers(:'start'::timestamptz + interval '1 hour 1 minute', 1000), 2::bigint,
	'once START is done CLOSE follows');
SELECT is(pg_temp.history(:'c'), ARRAY['CREATED by CREATED', 'RUNNING by START_CAMPAIGN', 'CLOSED by CLOSE_CAMPAIGN'],
	'the timers of that campaign are executed in order');
-- Exactly at the time given, where the claim looks again.
DELETE FROM campaigns;
SELECT create_campaign(24, NULL) AS c \gset
INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at, status, retry_count) VALUES (:'c', 'START_CAMPAIGN', :'start'::timestamptz + interval '1 hour', 'FAILED', 1);
SELECT schedule_timer(:'c', 'CLOSE_CAMPAIGN', :'start') AS t \gset
SELECT is(campaign_lifecycle_internal._run_due_timers(:'start', 1000), 0::bigint, 'one put off that is due at this very instant');
SELECT is(pg_temp.attempts(:'t'), NULL, 'a timer that is not due has no execution');
-- Otherwise: postponed for an hour, no attempt.
DELETE FROM campaigns;
SELECT create_campaign(24, NULL) AS c \gset
SELECT schedule_timer(:'c', 'CLOSE_CAMPAIGN', :'start') AS t \gset
SELECT is(campaign_lifecycle_internal._run_due_timers(:'start', 1000), 0::bigint, 'CLOSE of a campaign that nothing starts is not attempted');
SELECT is(pg_temp.waiting(:'c', :'start'), ARRAY['CLOSE_CAMPAIGN +01:00:00 by hand'],
	'a timer that comes too early is postponed for an hour');
SELECT is(pg_temp.timers(:'c') || pg_temp.attempts(:'t'), ARRAY['CLOSE_CAMPAIGN PENDING 0'],
	'a timer that comes too early has no execution');

---- Any other error: a failed attempt of that one timer.

DELETE FROM campaigns;
CREATE FUNCTION fail_some() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.metadata ? 'fail' AND NEW.status <> OLD.status THEN
		RAISE EXCEPTION 'no luck with %', NEW.metadata ->> 'fail' USING ERRCODE = NEW.metadata ->> 'code';
	END IF;
	RETURN NEW;
END
$$;
CREATE TRIGGER fail_some AFTER UPDATE ON campaigns FOR EACH ROW EXECUTE FUNCTION fail_some();
SELECT create_campaign(24, :'start', metadata => CASE WHEN n % 20 = 0 THEN jsonb_build_object('fail', n, 'code', 'P0001') ELSE '{}' END) FROM generate_series(1, 200) AS n;
SELECT is(campaign_lifecycle_internal._run_due_timers(:'start', 1000), 200::bigint, 'two hundred timers, ten of which fail');
SELECT results_eq('SELECT status::text, count(*) FROM campaigns GROUP BY 1 ORDER BY 1', $$VALUES ('CREATED', 10::bigint), ('RUNNING', 190)$$,
	'190 of 200 campaigns move beside ten whose trigger raises');
SELECT results_eq($$SELECT status::text, retry_count, count(*) FROM campaign_timers WHERE timer_type = 'START_CAMPAIGN' GROUP BY 1, 2 ORDER BY 1$$,
	$$VALUES ('COMPLETED', 0, 190::bigint), ('FAILED', 1, 10)$$, 'ten are FAILED, one attempt each');
SELECT is((SELECT count(*) FROM timer_executions AS e JOIN campaign_timers AS t ON t.id = e.timer_id JOIN campaigns AS c ON c.id = t.campaign_id
		WHERE e.status = 'FAILED' AND e.error_message = 'P0001: no luck with ' || (c.metadata ->> 'fail') AND e.completed_at IS NOT NULL AND e.result IS NULL), 10::bigint,
	'ten executions keep SQLSTATE and message of the error');
SELECT is((SELECT count(*) FROM timer_executions), 200::bigint, 'each of 200 attempts has one execution');
SELECT is((SELECT count(*) FROM campaign_state_log WHERE to_state = 'RUNNING'), 190::bigint,
	'each of 190 moves has one log row');
SELECT is((SELECT count(*) FROM campaign_metrics AS m JOIN campaigns AS c ON c.id = m.campaign_id WHERE c.metadata ? 'fail'), 0::bigint,
	'no metric of a failed attempt');

-- The backoff: a minute with jitter of a tenth, doubled each time; the fifth failure is the last.
SELECT ok(bool_and(scheduled_at BETWEEN :'start'::timestamptz + interval '54 seconds' AND :'start'::timestamptz + interval '66 seconds'),
	'the first backoff is a minute, give or take a tenth')
FROM campaign_timers WHERE status = 'FAILED';
SELECT cmp_ok(count(DISTINCT scheduled_at), '>', 5::bigint, 'the next attempts are spread by retry_jitter') FROM campaign_timers WHERE status = 'FAILED';
SELECT is(campaign_lifecycle_internal._run_due_timers(:'start'::timestamptz + interval '53 seconds', 1000), 0::bigint,
	'no failed timer is attempted before its backoff is over');
DO $$
DECLARE
	late timestamptz := now();
	reality interval[];
BEGIN
	DELETE FROM campaigns WHERE status <> 'CREATED';
	FOR n IN 2 .. 5 LOOP
		SELECT max(t.scheduled_at) INTO late FROM campaign_timers AS t WHERE t.status = 'FAILED';
		PERFORM campaign_lifecycle_internal._run_due_timers(late, 1000);
		IF n < 5 AND EXISTS (SELECT FROM campaign_timers AS t WHERE t.status = 'FAILED'
				AND (t.retry_count <> n OR t.scheduled_at - late NOT BETWEEN interval '54 seconds' * 2 ^ (n - 1) AND interval '66 seconds' * 2 ^ (n - 1))) THEN
			RAISE EXCEPTION 'wrong backoff after attempt %: %', n, (SELECT array_agg(t.scheduled_at - late) FROM campaign_timers AS t WHERE t.status = 'FAILED');
		END IF;
	END LOOP;
END
$$;
SELECT pass('the backoff is two, four and eight minutes after the next attempts');
SELECT is((SELECT array_agg(DISTINCT status || ' ' || retry_count) FROM campaign_timers WHERE timer_type = 'START_CAMPAIGN'), ARRAY['FAILED 5'],
	'after five failures they stay FAILED');
SELECT is((SELECT count(*) FROM timer_executions), 50::bigint, 'each of ten dead letters has five executions');
SELECT is((SELECT count(*) FROM campaign_timers AS t WHERE t.timer_type = 'START_CAMPAIGN' AND t.id IN (SELECT d.id FROM campaign_timers AS d WHERE d.status = 'FAILED' AND d.retry_count = 5)), 10::bigint,
	'ten timers are dead letters');
SELECT is((SELECT count(*) FROM timer_executions AS e JOIN campaign_timers AS t ON t.id = e.timer_id WHERE t.timer_type = 'START_CAMPAIGN'
		AND e.started_at > :'start'::timestamptz + interval '30 hours'), 0::bigint, 'dead letters are not attempted again');
-- CLOSE and EXPIRE do not wait for a dead START, and are postponed by themselves.
DELETE FROM campaigns WHERE id NOT IN (SELECT id FROM campaigns ORDER BY id LIMIT 1);
SELECT id AS c FROM campaigns \gset
SELECT campaign_lifecycle_internal._run_due_timers(:'start'::timestamptz + interval '24 hours', 1000);
SELECT is(pg_temp.timers(:'c'), ARRAY['CLOSE_CAMPAIGN PENDING 0', 'EXPIRE_CAMPAIGN PENDING 0', 'START_CAMPAIGN FAILED 5'],
	'a dead letter holds up nothing');

-- So may plain SQL, which leaves the count of failures as it is: the timer is tried, and if it fails it is dead again,
-- with its execution.
SELECT id AS t FROM campaign_timers WHERE timer_type = 'START_CAMPAIGN' \gset
SAVEPOINT revived;
UPDATE campaign_timers SET status = 'PENDING', scheduled_at = now() WHERE id = :'t';
SELECT is(campaign_lifecycle_internal._run_due_timers(now(), 1000), 1::bigint, 'a dead letter that plain SQL makes PENDING is attempted');
SELECT is(pg_temp.timers(:'c') @> ARRAY['START_CAMPAIGN FAILED 5'], true,
	'a dead letter with one attempt more fails and is dead again');
SELECT is((SELECT count(*) FROM timer_executions WHERE timer_id = :'t'), 6::bigint,
	'the dead letter has one execution more');
ROLLBACK TO revived;
-- A failure is that of the timer which was due: one that was moved to a later time since is left alone.
UPDATE campaign_timers SET status = 'PENDING', retry_count = 0, scheduled_at = now() + interval '1 hour' WHERE id = :'t';
SELECT campaign_lifecycle_internal._fail_timer(:'t', now(), 'P0001', 'no luck', false);
SELECT is(pg_temp.timers(:'c') @> ARRAY['START_CAMPAIGN PENDING 0'], true,
	'a timer that was rescheduled meanwhile has not failed');
ROLLBACK TO revived;

-- retry_timer() revives it.
UPDATE campaigns SET metadata = '{}';
UPDATE campaign_timers SET status = 'CANCELLED' WHERE timer_type <> 'START_CAMPAIGN';
SELECT id AS t FROM campaign_timers WHERE timer_type = 'START_CAMPAIGN' \gset
SELECT retry_timer(:'t');
SELECT ok(status = 'PENDING' AND retry_count = 0 AND scheduled_at BETWEEN now() AND clock_timestamp(), 'revived: PENDING, all attempts, due now') FROM campaign_timers WHERE id = :'t';
SELECT is(campaign_lifecycle_internal._run_due_timers(clock_timestamp(), 10), 1::bigint, 'a dead letter that was revived is attempted');
SELECT is(status, 'RUNNING', 'a dead letter that was revived moves its campaign') FROM campaigns;
SELECT is((SELECT count(*) FROM timer_executions WHERE timer_id = :'t'), 6::bigint,
	'after five failures a sixth attempt');

-- schedule_timer() while one of the type waits.
DELETE FROM campaigns;
SELECT create_campaign(24, NULL) AS c \gset
SELECT schedule_timer(:'c', 'START_CAMPAIGN', :'start', '{"n": 1}') AS t \gset
SELECT is(pg_temp.error_of(format('SELECT schedule_timer(%L, ''START_CAMPAIGN'', %L)', :'c', :'start')),
	format('23505: campaign %s already has a waiting START_CAMPAIGN timer: %s', :'c', :'t'), 'schedule_timer() refuses a second PENDING timer of a type');
SELECT matches(pg_temp.hint_of(format('SELECT schedule_timer(%L, ''START_CAMPAIGN'', %L)', :'c', :'start')), 'reschedule_timer\(\)',
	'the hint of schedule_timer() names reschedule_timer()');
UPDATE campaign_timers SET status = 'FAILED', retry_count = 4, scheduled_at = now() + interval '1 day' WHERE id = :'t';
SELECT is(pg_temp.violation_of(format('INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) VALUES (%L, ''START_CAMPAIGN'', now())', :'c')),
	'23505 unique_waiting_timer_per_type', 'a plain INSERT beside a FAILED one with attempts left is refused at once');
SELECT is(schedule_timer(:'c', 'START_CAMPAIGN', :'start', '{"n": 2}'), :'t'::uuid,
	'schedule_timer() revives a FAILED timer of the type');
SELECT is(status || ' ' || retry_count || ' ' || payload || ' ' || (scheduled_at = :'start'), 'PENDING 0 {"n": 2} true', 'the revived timer has the new time and payload, and all its attempts') FROM campaign_timers WHERE id = :'t';
UPDATE campaign_timers SET status = 'FAILED', retry_count = 5 WHERE id = :'t';
SELECT isnt(schedule_timer(:'c', 'START_CAMPAIGN', :'start'), :'t'::uuid, 'beside a dead one it makes a new one');
SELECT is(pg_temp.timers(:'c'), ARRAY['START_CAMPAIGN FAILED 5', 'START_CAMPAIGN PENDING 0'],
	'schedule_timer() leaves a dead letter beside the new timer');
SELECT is((pg_temp.diagnostics(format('SELECT retry_timer(%L)', :'t'))).code, '23505',
	'retry_timer() refuses a dead letter beside a waiting timer');

---- A constraint of the user's own fails like a trigger.

DELETE FROM campaigns;
ALTER TABLE campaigns ADD CONSTRAINT no_running CHECK (status <> 'RUNNING' OR metadata ? 'allowed');
SELECT create_campaign(24, :'start') AS c1, create_campaign(24, :'start', metadata => '{"allowed": 1}') AS c2 \gset
SELECT is(campaign_lifecycle_internal._run_due_timers(:'start', 10), 2::bigint, 'one that violates a constraint, one that does not');
SELECT matches((pg_temp.attempts(pg_temp.timer_of(:'c1', 'START_CAMPAIGN')))[1], '^FAILED 23514: .*no_running',
	'a CHECK fails the timer whose campaign violates it');
SELECT is(status, 'RUNNING', 'the other campaign runs beside the violated CHECK') FROM campaigns WHERE id = :'c2';
ALTER TABLE campaigns DROP CONSTRAINT no_running;
-- A trigger that suppresses the update is an error too, not a silent loss.
CREATE FUNCTION suppress() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN CASE WHEN NEW.metadata ? 'suppress' THEN NULL ELSE NEW END; END $$;
CREATE TRIGGER suppress BEFORE UPDATE ON campaigns FOR EACH ROW EXECUTE FUNCTION suppress();
SELECT create_campaign(24, :'start', metadata => '{"suppress": 1}') AS c1, create_campaign(24, :'start') AS c2 \gset
SELECT is(campaign_lifecycle_internal._run_due_timers(:'start', 10), 2::bigint, 'one whose update is suppressed, one whose is not');
SELECT matches((pg_temp.attempts(pg_temp.timer_of(:'c1', 'START_CAMPAIGN')))[1], '^FAILED 09000: the state of a campaign was not changed',
	'a trigger that suppresses the move fails the timer');
SELECT is(status, 'RUNNING', 'the other campaign runs beside the suppressed move') FROM campaigns WHERE id = :'c2';
DROP TRIGGER suppress ON campaigns;

---- Errors that say nothing about the timer: released and tried again soon, not an attempt.

DELETE FROM campaigns;
SELECT create_campaign(24, :'start', metadata => jsonb_build_object('fail', code, 'code', code)) FROM unnest(ARRAY['40001', '40P01', '55P03', '53100', '53200']) AS code;
SELECT create_campaign(24, :'start') AS c \gset
SELECT campaign_lifecycle_internal._run_due_timers(:'start', 1000);
SELECT is(status, 'RUNNING', 'a timer beside them is carried out') FROM campaigns WHERE id = :'c';
SELECT is(t.status || ' ' || t.retry_count || ' ' || (t.scheduled_at = :'start'), 'PENDING 0 true', (c.metadata ->> 'code') || ' leaves the timer as it is')
FROM campaigns AS c JOIN campaign_timers AS t ON t.campaign_id = c.id AND t.timer_type = 'START_CAMPAIGN' WHERE c.metadata ? 'code' ORDER BY c.metadata ->> 'code';
SELECT is((SELECT count(*) FROM timer_executions WHERE status <> 'COMPLETED'), 0::bigint,
	'errors that are no attempts leave no execution');
UPDATE campaigns SET metadata = '{}' WHERE metadata ? 'code';
SELECT campaign_lifecycle_internal._run_due_timers(:'start', 1000);
SELECT is((SELECT count(*) FROM campaigns WHERE status = 'RUNNING'), 6::bigint,
	'timers whose errors have passed are executed by the next call');
-- Cancelled by an administrator: in a client's session that is for the client.
SELECT create_campaign(24, :'start', metadata => '{"fail": 1, "code": "57014"}') AS c \gset
SELECT is((pg_temp.diagnostics(format('SELECT campaign_lifecycle_internal._run_due_timers(%L, 1000)', :'start'))).code, '57014',
	'a cancelled query is the client''s');
SELECT is(pg_temp.timers(:'c') @> ARRAY['START_CAMPAIGN PENDING 0'], true,
	'a cancel of the session leaves the timer PENDING');

---- max_timers

DELETE FROM campaigns;
SELECT create_campaign(24, :'start'::timestamptz + n * interval '1 second') FROM generate_series(1, 10) AS n;
SELECT is(campaign_lifecycle_internal._run_due_timers(:'late', 3), 3::bigint, 'run_due_timers() attempts at most as many timers as asked for');
SELECT is((SELECT array_agg(extract(epoch FROM start_time - :'start')::integer ORDER BY start_time) FROM campaigns WHERE status <> 'CREATED'), ARRAY[1, 2, 3],
	'run_due_timers() attempts the earliest timers first');
SELECT is(campaign_lifecycle_internal._run_due_timers(:'late', 0), 0::bigint, 'none when none is asked for');
SELECT is((pg_temp.diagnostics(format('SELECT campaign_lifecycle_internal._run_due_timers(%L, -1)', :'late'))).code, '22023',
	'a negative number of timers is refused with 22023');
SELECT is((pg_temp.diagnostics(format('SELECT campaign_lifecycle_internal._run_due_timers(%L, NULL)', :'late'))).code, '22004',
	'NULL as number of timers is refused with 22004');
SELECT is(campaign_lifecycle_internal._run_due_timers(:'late', 1000), 17::bigint, 'the next call attempts the rest, with the timers that follow');
SELECT results_eq('SELECT status::text, count(*) FROM campaigns GROUP BY 1', $$VALUES ('CLOSED', 10::bigint)$$,
	'all ten campaigns are CLOSED');

---- Paused

SELECT pause_timers();
SELECT is(pg_temp.error_of('SELECT run_due_timers()'), '55000: the timers of this database are paused',
	'run_due_timers() raises 55000 while timers are paused');
SELECT matches(pg_temp.hint_of('SELECT run_due_timers()'), 'resume_timers\(\)', 'its hint names resume_timers()');
SELECT resume_timers();
SELECT is(run_due_timers(), 0::bigint, 'run_due_timers() runs after resume_timers()');

SELECT * FROM finish();
ROLLBACK;
