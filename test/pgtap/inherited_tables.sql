-- A child of one of our tables is the user's: its rows are not ours. A due timer in it moves nothing and is not tried
-- again and again, and no function counts, changes or removes its rows. Deferrable constraints of the user's on our
-- tables break no function.

BEGIN;
SELECT plan(33);
\ir lib/errors.psql

SELECT create_campaign(24, '2036-03-01 12:00:00+00') AS c \gset
CREATE TABLE more_timers () INHERITS (campaign_timers);
CREATE TABLE more_campaigns () INHERITS (campaigns);
CREATE TABLE more_executions () INHERITS (timer_executions);
CREATE TABLE more_metrics () INHERITS (campaign_metrics);
CREATE TABLE more_transitions () INHERITS (campaign_state_transitions);
CREATE TABLE more_policies () INHERITS (campaign_timer_policies);
CREATE TABLE more_handlers () INHERITS (campaign_timer_handlers);
CREATE TABLE more_jobs () INHERITS (campaign_maintenance_jobs);
CREATE TABLE more_activation () INHERITS (campaign_activation);

INSERT INTO more_timers (id, campaign_id, timer_type, status, scheduled_at) VALUES
	('00000000-0000-7000-8000-00000000a001', :'c', 'START_CAMPAIGN', 'PENDING', '2036-02-28 12:00:00+00'),
	('00000000-0000-7000-8000-00000000a002', :'c', 'START_CAMPAIGN', 'FAILED', '2036-02-28 12:00:00+00');
INSERT INTO more_campaigns (id, status, duration_hours) VALUES ('00000000-0000-7000-8000-00000000b001', 'CREATED', 1);
SELECT is(campaign_lifecycle_internal._run_due_timers('2036-02-28 12:30:00+00', 10), 0::bigint, 'a due timer of a child is not attempted');
SELECT is((SELECT status FROM ONLY campaigns), 'CREATED', 'it moves no campaign');
SELECT is((SELECT count(*) FROM timer_executions), 0::bigint, 'it has no execution');
SELECT is(campaign_lifecycle_internal._run_due_timers('2036-03-01 12:00:00+00', 10), 1::bigint, 'a timer of ours is attempted beside it');
SELECT is((SELECT status FROM ONLY campaigns), 'RUNNING', 'and moves the campaign');
SELECT is((SELECT array_agg(status ORDER BY id) FROM ONLY more_timers), '{PENDING,FAILED}', 'the rows of the child stay as they are');
SELECT is((SELECT count(*) FROM campaign_timeline(:'c') AS t WHERE t.name = 'START_CAMPAIGN' AND t.kind = 'timer'), 1::bigint, 'the timeline has the timer of ours');
SELECT is((SELECT count(*) FROM _runnable_timers WHERE id::text LIKE '%a00_'), 0::bigint, 'no timer of a child is runnable');
SELECT is((SELECT count(*) FROM upcoming_timers WHERE timer_id::text LIKE '%a00_'), 0::bigint, 'none is upcoming');
SELECT is((SELECT value FROM campaign_lifecycle_internal._campaign_health('2036-02-28 12:50:00+00') WHERE check_name = 'overdue_timers'), '0', 'health counts none');
SELECT is((SELECT count(*) FROM dead_timers), 0::bigint, 'none is dead');

---- functions of the API

SELECT is(pg_temp.error_of($$ SELECT cancel_timer('00000000-0000-7000-8000-00000000a001') $$), 'P0002: timer not found: 00000000-0000-7000-8000-00000000a001', 'cancel_timer() does not find it');
SELECT is(pg_temp.error_of($$ SELECT schedule_campaign_timers('00000000-0000-7000-8000-00000000b001') $$), 'P0002: campaign not found: 00000000-0000-7000-8000-00000000b001', 'no function finds a campaign of a child');
SELECT lives_ok(format('SELECT reschedule_campaign(%L, duration_hours => 48)', :'c'), 'reschedule_campaign() works beside it');
SELECT is((SELECT array_agg(status ORDER BY id) FROM ONLY more_timers), '{PENDING,FAILED}', 'and leaves the rows of the child');

---- the lifecycle

INSERT INTO more_transitions (from_state, to_state, timer_type, priority) VALUES ('CLOSED', 'CREATED', NULL, 1);
SELECT is(pg_temp.error_of(format($$ UPDATE campaigns SET status = 'CREATED' WHERE id = %L $$, :'c')), 'P0001: Invalid state transition from RUNNING to CREATED', 'a transition of a child allows nothing');
INSERT INTO more_policies (state, timer_type, anchor, delay) VALUES ('CREATED', 'REWARD_REMINDER', 'entered', '1 hour');
SELECT create_campaign(24, now() + interval '1 day') AS d \gset
SELECT is((SELECT count(*) FROM ONLY campaign_timers WHERE campaign_id = :'d'), 3::bigint, 'a policy of a child makes no timer');
CREATE FUNCTION f(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{"called": true}'::jsonb $$;
INSERT INTO more_handlers (timer_type, handler, handler_owner) VALUES ('START_CAMPAIGN', 'f(uuid,uuid,jsonb)', current_user);
SELECT is((SELECT handler FROM campaign_lifecycle_internal._handler_of((SELECT t.id FROM ONLY campaign_timers AS t WHERE t.timer_type = 'START_CAMPAIGN' LIMIT 1), now())), NULL::oid, 'a handler of a child is none');
INSERT INTO more_jobs (job, schedule, enabled, failures, retention) VALUES ('cleanup-metrics', '@daily', true, 7, '1 year');
SELECT is((SELECT status FROM campaign_health() WHERE check_name = 'maintenance'), 'ok', 'a job of a child does not fail');
INSERT INTO more_activation (database_oid, paused) SELECT oid, true FROM pg_database WHERE datname = current_database();
SELECT is((SELECT value FROM campaign_health() WHERE check_name = 'activation'), 'active', 'a pause in a child is none');

---- cleanup

INSERT INTO more_executions (timer_id, status, started_at, completed_at, execution_time_ms) SELECT t.id, 'COMPLETED', '2020-01-01', '2020-01-01', 1 FROM ONLY campaign_timers AS t LIMIT 1;
INSERT INTO more_metrics (campaign_id, metric_type, value, recorded_at) VALUES (:'c', 'PARTICIPANT_COUNT', 1, '2020-01-01');
SELECT is(cleanup_timer_executions('1 year'), 0::bigint, 'cleanup_timer_executions() removes nothing of a child');
SELECT is(campaign_lifecycle_internal._cleanup_metrics('1 year', now()), 0::bigint, 'nor does the cleanup of metrics');
SELECT is((SELECT count(*) FROM more_executions) + (SELECT count(*) FROM more_metrics), 2::bigint, 'the rows are there');

---- deferrable constraints of the user's

ALTER TABLE campaigns ADD CONSTRAINT own_campaigns UNIQUE (id, status) DEFERRABLE;
ALTER TABLE campaign_timers ADD CONSTRAINT own_timers UNIQUE (campaign_id, timer_type, scheduled_at, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE campaign_timers ADD CONSTRAINT own_exclusion EXCLUDE USING btree (id WITH =) DEFERRABLE;
ALTER TABLE campaign_metrics ADD CONSTRAINT own_metrics UNIQUE (id, campaign_id) DEFERRABLE;
ALTER TABLE timer_executions ADD CONSTRAINT own_executions UNIQUE (id, timer_id) DEFERRABLE;
ALTER TABLE campaign_timer_handlers ADD CONSTRAINT own_handlers UNIQUE (handler, timer_type) DEFERRABLE;
ALTER TABLE campaign_activation ADD CONSTRAINT own_activation UNIQUE (database_oid, paused) DEFERRABLE;
SELECT lives_ok($$ SELECT create_campaign(24, '2036-05-01 12:00:00+00', id => '00000000-0000-7000-8000-00000000c001') $$, 'create_campaign() takes deferrable constraints');
SELECT is((SELECT count(*) FROM campaign_timers WHERE campaign_id = '00000000-0000-7000-8000-00000000c001'), 3::bigint, 'the campaign has its timers');
SELECT lives_ok($$ SELECT schedule_timer('00000000-0000-7000-8000-00000000c001', 'REWARD_REMINDER', now(), id => '00000000-0000-7000-8000-00000000d001') $$, 'schedule_timer() takes them');
SELECT is(pg_temp.violation_of($$ SELECT schedule_timer('00000000-0000-7000-8000-00000000c001', 'REWARD_REMINDER', now()) $$), '23505 unique_active_timer_per_type', 'it still refuses a second timer of a type');
SELECT is(pg_temp.violation_of($$ SELECT cancel_timer('00000000-0000-7000-8000-00000000d001'); SELECT schedule_timer('00000000-0000-7000-8000-00000000c001', 'REWARD_REMINDER', now(), id => '00000000-0000-7000-8000-00000000d001') $$), '23505 campaign_timers_pkey', 'and an id that is there');
SELECT lives_ok($$ SELECT record_metric('00000000-0000-7000-8000-00000000c001', 'PARTICIPANT_COUNT', 1) $$, 'record_metric() takes them');
SELECT lives_ok($$ SELECT register_handler('EXPIRE_CAMPAIGN', 'f(uuid,uuid,jsonb)'); SELECT register_handler('EXPIRE_CAMPAIGN', 'f(uuid,uuid,jsonb)') $$, 'register_handler() takes them');
SELECT lives_ok($$ SELECT pause_timers(); SELECT resume_timers() $$, 'pause_timers() and resume_timers() take them');
SELECT unregister_handler('EXPIRE_CAMPAIGN');
SELECT cmp_ok(campaign_lifecycle_internal._run_due_timers('2036-05-01 12:00:00+00', 100), '>=', 1::bigint, 'timers are executed beside them');
SELECT is((SELECT status FROM campaigns WHERE id = '00000000-0000-7000-8000-00000000c001'), 'RUNNING', 'and move the campaign');

SELECT * FROM finish();
ROLLBACK;
