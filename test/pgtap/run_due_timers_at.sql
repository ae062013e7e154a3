-- run_due_timers(max_timers, as_of) runs timers as if the clock showed another time: a whole life in one transaction.
-- Stamps, log, executions and policies have that time.

BEGIN;
SELECT * FROM no_plan();
\ir lib/errors.psql
\ir lib/campaigns.psql
SET LOCAL client_min_messages = warning;

SELECT create_campaign(24, '2090-01-01 00:00:00+00') AS c \gset
SELECT matches(pg_temp.error_of($$SELECT run_due_timers(10, '2090-01-01 00:00:00+00')$$), '^55000: timers cannot be run at a given time while the worker is active',
	'a given time is refused while the worker is active');
SELECT matches(pg_temp.hint_of($$SELECT run_due_timers(10, '2090-01-01 00:00:00+00')$$), 'pause_timers\(\)', 'the hint names pause_timers()');
SELECT pause_timers();

SELECT is(run_due_timers(10, '2089-12-31 23:59:59+00'), 0::bigint, 'no timer is due before its time');
SELECT is(run_due_timers(10, '2090-01-01 00:00:00+00'), 1::bigint, 'the campaign starts');
SELECT row_eq(format('SELECT status::text, updated_at FROM campaigns WHERE id = %L', :'c'), ROW('RUNNING'::text, '2090-01-01 00:00:00+00'::timestamptz),
	'updated_at is the given time');
SELECT is(pg_temp.entered(:'c'), '2090-01-01 00:00:00+00', 'so is the time of the log');
SELECT row_eq(format($$SELECT x.started_at, x.completed_at - x.started_at < interval '1 minute', t.executed_at = x.completed_at FROM campaign_timers AS t JOIN timer_executions AS x ON x.timer_id = t.id WHERE t.campaign_id = %L$$, :'c'),
	ROW('2090-01-01 00:00:00+00'::timestamptz, true, true), 'and that of the execution');
SELECT is(run_due_timers(10, '2090-01-02 01:00:00+00'), 1::bigint, 'an hour late it closes');
SELECT is(pg_temp.waiting(:'c', '2090-01-02 01:00:00+00'), '{"EXPIRE_CAMPAIGN +48:00:00","REWARD_REMINDER +00:05:00"}',
	'policies count from the given time');
SELECT is(run_due_timers(10, '2090-01-02 01:05:00+00'), 1::bigint, 'the claim opens');
SELECT is(run_due_timers(10, '2090-01-08 01:05:00+00'), 1::bigint, 'a reminder comes');
SELECT is(run_due_timers(10, '2090-01-09 01:05:00+00'), 1::bigint, 'the campaign expires');
SELECT is(pg_temp.history(:'c'), '{"CREATED by CREATED","RUNNING by START_CAMPAIGN","CLOSED by CLOSE_CAMPAIGN","REWARD_CLAIM by REWARD_REMINDER","EXPIRED by EXPIRE_CAMPAIGN"}',
	'a whole life in one transaction, in the order of the log');
SELECT is((SELECT max(recorded_at) - min(recorded_at) > interval '8 days' FROM campaign_metrics WHERE campaign_id = :'c'), true, 'metrics have the given times');

-- Late: it walks every state that is due.
SELECT create_campaign(24, '2091-01-01 00:00:00+00') AS late \gset
SELECT is(run_due_timers(10, '2091-01-05 00:00:00+00'), 2::bigint, 'an outage of four days: both timers');
SELECT is((SELECT array_agg(to_state::text ORDER BY created_at, id) FROM campaign_state_log WHERE campaign_id = :'late'), '{CREATED,RUNNING,CLOSED}', 'each state is logged in order');

-- A failed attempt, and its retry.
DELETE FROM campaigns;
CREATE FUNCTION pg_temp.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (NEW.metadata ? 'refused') EXECUTE FUNCTION pg_temp.refuse();
SELECT create_campaign(24, '2092-01-01 00:00:00+00', metadata => '{"refused": true}') AS bad \gset
SELECT is(run_due_timers(10, '2092-01-01 00:00:00+00'), 1::bigint, 'an attempt fails');
SELECT ok(scheduled_at BETWEEN '2092-01-01 00:00:50+00' AND '2092-01-01 00:01:10+00', 'its retry is due a minute after the given time')
FROM campaign_timers WHERE campaign_id = :'bad' AND status = 'FAILED';
SELECT is((SELECT completed_at FROM timer_executions WHERE status = 'FAILED'), '2092-01-01 00:00:00+00', 'the failed execution has the given time');
SELECT is(pg_temp.error_of('SELECT run_due_timers(1, now())'), NULL, 'the present time can be given, too');

-- Afterwards stamps are of the clock again.
SELECT create_campaign(24, now() + interval '1 day') AS now \gset
UPDATE campaigns SET metadata = '{"a": 1}' WHERE id = :'now';
SELECT ok(updated_at BETWEEN now() AND clock_timestamp(), 'afterwards updated_at is of the clock') FROM campaigns WHERE id = :'now';

SELECT is(pg_temp.error_of('SELECT run_due_timers(NULL, now())'), '22004: max_timers must not be null', 'and no number');
SELECT is(pg_temp.error_of('SELECT run_due_timers(-1, now())'), '22023: max_timers must not be negative: -1', 'a number is not negative');
SELECT is(pg_temp.error_of($$SELECT run_due_timers(10, 'infinity')$$), '22008: as_of out of range: infinity', 'a time is finite');

-- Who may give a time.
CREATE ROLE at_operator NOLOGIN;
CREATE ROLE at_owner NOLOGIN;
SELECT grant_campaign_access('at_operator', 'operator'), set_campaign_owner('at_owner');
GRANT USAGE ON SCHEMA tap TO PUBLIC;
SET LOCAL ROLE at_operator;
SELECT is(pg_temp.error_of('SELECT run_due_timers(10, now())'), '42501: permission denied to run timers at a given time', 'not an operator');
SELECT is(pg_temp.error_of('SET LOCAL campaign_lifecycle._as_of = 1'), '42501: permission denied to set parameter "campaign_lifecycle._as_of"', 'nor by the hidden setting');
SET LOCAL ROLE at_owner;
SELECT is(pg_temp.error_of('SELECT run_due_timers(10, now())'), NULL, 'the owner of the tables may');
RESET ROLE;
SELECT resume_timers();
SET LOCAL ROLE at_operator;
SELECT is(pg_temp.error_of($$SELECT campaign_lifecycle_internal._run_due_timers(now() + interval '1 year', 10)$$), '42501: permission denied to run timers at a given time',
	'an operator gives no later time to the internal function');
SELECT is(pg_temp.error_of('SELECT run_due_timers(0)'), NULL, 'run_due_timers() is as before');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
