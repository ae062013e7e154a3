-- Every error of the API functions and of plain DML has its message, SQLSTATE, hint and constraint, and a refused statement changes nothing.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS campaign_lifecycle;
RESET client_min_messages;
\set SHOW_CONTEXT never
-- pg_regress chooses styles and a time zone, not the same ones in every version.
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET timezone = 'UTC';

BEGIN;
CREATE FUNCTION pg_temp.told(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	code text;
	message text;
	hint text;
	name text;
BEGIN
	EXECUTE statement;
	RETURN left(statement, 150) || E'\n  no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT, name = CONSTRAINT_NAME;
	-- Times of this run and ids that the database has chosen are not for comparing.
	message := regexp_replace(regexp_replace(message, '\y20[2-9]\d-\d\d-\d\d \S+', '<time>'), '\y01[0-9a-f]{6}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}', '<id>', 'g');
	RETURN left(statement, 150) || E'\n  ' || code || coalesce(' [' || nullif(name, '') || ']', '') || ': ' || message || coalesce(E'\n  HINT: ' || nullif(hint, ''), '');
END
$$;
SELECT create_campaign(24, '2100-01-01 09:00+00', id => ('11111111-1111-4111-8111-11111111111' || n)::uuid) FROM generate_series(1, 5) AS n \g /dev/null
SELECT transition_campaign(('11111111-1111-4111-8111-11111111111' || n)::uuid, s)
FROM (VALUES (2, 1, 'RUNNING'), (3, 2, 'RUNNING'), (3, 3, 'CLOSED'), (4, 4, 'RUNNING'), (4, 5, 'CLOSED'), (4, 6, 'REWARD_CLAIM'), (5, 7, 'RUNNING'), (5, 8, 'EXPIRED')) AS v (n, step, s) \g /dev/null
-- A timer of each status, with known ids.
INSERT INTO campaigns (id, status, duration_hours) VALUES ('22222222-2222-4222-8222-222222222222', 'RUNNING', 24);
INSERT INTO campaign_timers (id, campaign_id, timer_type, scheduled_at, status, retry_count) VALUES
	('33333333-3333-4333-8333-333333333331', '22222222-2222-4222-8222-222222222222', 'CLOSE_CAMPAIGN', '2100-01-01 09:00+00', 'PENDING', 0),
	('33333333-3333-4333-8333-333333333332', '22222222-2222-4222-8222-222222222222', 'EXPIRE_CAMPAIGN', '2100-01-01 09:00+00', 'RUNNING', 0),
	('33333333-3333-4333-8333-333333333333', '22222222-2222-4222-8222-222222222222', 'START_CAMPAIGN', '2100-01-01 09:00+00', 'COMPLETED', 0),
	('33333333-3333-4333-8333-333333333334', '22222222-2222-4222-8222-222222222222', 'CLOSE_CAMPAIGN', '2100-01-01 09:00+00', 'FAILED', 5),
	('33333333-3333-4333-8333-333333333335', '22222222-2222-4222-8222-222222222222', 'REWARD_REMINDER', '2100-01-01 09:00+00', 'CANCELLED', 0);
INSERT INTO campaign_metrics (id, campaign_id, metric_type, value) VALUES ('44444444-4444-4444-8444-444444444441', '22222222-2222-4222-8222-222222222222', 'REWARD_CLAIMED', 1);
CREATE FUNCTION pg_temp.everything() RETURNS text LANGUAGE sql AS $$
	SELECT md5((SELECT string_agg(x::text, '|' ORDER BY x.id) FROM campaigns AS x) || (SELECT string_agg(x::text, '|' ORDER BY x.id) FROM campaign_timers AS x)
		|| (SELECT string_agg(x::text, '|' ORDER BY x.id) FROM campaign_state_log AS x) || (SELECT count(*) FROM campaign_metrics) || (SELECT count(*) FROM timer_executions)
		|| (SELECT string_agg(x::text, '|' ORDER BY x.*) FROM campaign_state_transitions AS x) || (SELECT string_agg(x::text, '|' ORDER BY x.state, x.timer_type) FROM campaign_timer_policies AS x))
$$;
SELECT pg_temp.everything() AS before \gset
\pset format unaligned
\pset tuples_only on

-- create_campaign
SELECT pg_temp.told(s) FROM (VALUES
	(1, 'SELECT create_campaign(NULL)'), (2, 'SELECT create_campaign(0)'), (3, 'SELECT create_campaign(-5)'), (4, 'SELECT create_campaign(876601)'),
	(5, 'SELECT create_campaign(1, ''infinity'')'), (6, 'SELECT create_campaign(1, ''-infinity'')'), (7, 'SELECT create_campaign(1, ''200000-01-01 00:00+00'')'),
	(8, 'SELECT create_campaign(1, ''1066-10-14 00:00+00'')'), (9, 'SELECT create_campaign(876600, ''9999-01-01 00:00+00'')'), (10, 'SELECT create_campaign(1, auto_close => NULL)'),
	(11, 'SELECT create_campaign(1, rewards_enabled => NULL)'), (12, 'SELECT create_campaign(1, metadata => NULL)'), (13, 'SELECT create_campaign(1, metadata => ''[1, 2]'')'),
	(14, 'SELECT create_campaign(1, metadata => ''"text"'')'), (15, 'SELECT create_campaign(1, id => ''11111111-1111-4111-8111-111111111111'')')) AS v (n, s) ORDER BY n;

-- schedule_campaign_timers, reschedule_campaign
SELECT pg_temp.told(s) FROM (VALUES
	(1, 'SELECT schedule_campaign_timers(NULL)'), (2, 'SELECT schedule_campaign_timers(''99999999-9999-4999-8999-999999999999'')'),
	(3, 'SELECT reschedule_campaign(NULL, now())'), (4, 'SELECT reschedule_campaign(''99999999-9999-4999-8999-999999999999'', now())'),
	(5, 'SELECT reschedule_campaign(''11111111-1111-4111-8111-111111111111'')'), (6, 'SELECT reschedule_campaign(''11111111-1111-4111-8111-111111111111'', duration_hours => 0)'),
	(7, 'SELECT reschedule_campaign(''11111111-1111-4111-8111-111111111111'', ''infinity'')'), (8, 'SELECT reschedule_campaign(''11111111-1111-4111-8111-111111111112'', now())'),
	(9, 'SELECT reschedule_campaign(''11111111-1111-4111-8111-111111111113'', duration_hours => 5)'), (10, 'SELECT reschedule_campaign(''11111111-1111-4111-8111-111111111114'', now(), 5)'),
	(11, 'SELECT reschedule_campaign(''11111111-1111-4111-8111-111111111115'', duration_hours => 5)')) AS v (n, s) ORDER BY n;

-- transition_campaign, cancel_campaign
SELECT pg_temp.told(s) FROM (VALUES
	(1, 'SELECT transition_campaign(NULL, ''RUNNING'')'), (2, 'SELECT transition_campaign(''99999999-9999-4999-8999-999999999999'', ''RUNNING'')'),
	(3, 'SELECT transition_campaign(''11111111-1111-4111-8111-111111111111'', NULL)'), (4, 'SELECT transition_campaign(''11111111-1111-4111-8111-111111111111'', ''PAUSED'')'),
	(5, 'SELECT transition_campaign(''11111111-1111-4111-8111-111111111111'', ''CLOSED'')'), (6, 'SELECT transition_campaign(''11111111-1111-4111-8111-111111111111'', ''CREATED'')'),
	(7, 'SELECT transition_campaign(''11111111-1111-4111-8111-111111111115'', ''RUNNING'')'), (8, 'SELECT transition_campaign(''11111111-1111-4111-8111-111111111111'', ''RUNNING'', NULL)'),
	(9, 'SELECT transition_campaign(''11111111-1111-4111-8111-111111111111'', ''RUNNING'', repeat(''x'', 10001))'),
	(10, 'SELECT transition_campaign(''11111111-1111-4111-8111-111111111111'', ''RUNNING'', metadata => NULL)'),
	(11, 'SELECT transition_campaign(''11111111-1111-4111-8111-111111111111'', ''RUNNING'', metadata => ''17'')'),
	(12, 'SELECT cancel_campaign(NULL)'), (13, 'SELECT cancel_campaign(''99999999-9999-4999-8999-999999999999'')'), (14, 'SELECT cancel_campaign(''11111111-1111-4111-8111-111111111111'')'),
	(15, 'SELECT cancel_campaign(''11111111-1111-4111-8111-111111111115'')'), (16, 'SELECT cancel_campaign(''11111111-1111-4111-8111-111111111112'', repeat(''x'', 10001))')) AS v (n, s) ORDER BY n;

-- schedule_timer, reschedule_timer, cancel_timer, retry_timer
SELECT pg_temp.told(s) FROM (VALUES
	(1, 'SELECT schedule_timer(NULL, ''CLOSE_CAMPAIGN'', now())'), (2, 'SELECT schedule_timer(''99999999-9999-4999-8999-999999999999'', ''CLOSE_CAMPAIGN'', now())'),
	(3, 'SELECT schedule_timer(''11111111-1111-4111-8111-111111111112'', NULL, now())'), (4, 'SELECT schedule_timer(''11111111-1111-4111-8111-111111111112'', ''NAG'', now())'),
	(5, 'SELECT schedule_timer(''11111111-1111-4111-8111-111111111112'', ''START_CAMPAIGN'', NULL)'), (6, 'SELECT schedule_timer(''11111111-1111-4111-8111-111111111112'', ''START_CAMPAIGN'', ''infinity'')'),
	(7, 'SELECT schedule_timer(''11111111-1111-4111-8111-111111111112'', ''START_CAMPAIGN'', ''200000-01-01 00:00+00'')'),
	(8, 'SELECT schedule_timer(''11111111-1111-4111-8111-111111111112'', ''START_CAMPAIGN'', ''1999-12-31 23:59+00'')'),
	(9, 'SELECT schedule_timer(''11111111-1111-4111-8111-111111111112'', ''START_CAMPAIGN'', now() - interval ''61 seconds'')'),
	(10, 'SELECT schedule_timer(''11111111-1111-4111-8111-111111111112'', ''START_CAMPAIGN'', now(), NULL)'), (11, 'SELECT schedule_timer(''11111111-1111-4111-8111-111111111112'', ''START_CAMPAIGN'', now(), ''[]'')'),
	(12, 'SELECT schedule_timer(''22222222-2222-4222-8222-222222222222'', ''CLOSE_CAMPAIGN'', now())'), (13, 'SELECT schedule_timer(''11111111-1111-4111-8111-111111111115'', ''CLOSE_CAMPAIGN'', now())'),
	(14, 'SELECT schedule_timer(''11111111-1111-4111-8111-111111111112'', ''START_CAMPAIGN'', now(), id => ''33333333-3333-4333-8333-333333333331'')'),
	(15, 'SELECT reschedule_timer(NULL, now())'), (16, 'SELECT reschedule_timer(''99999999-9999-4999-8999-999999999999'', now())'), (17, 'SELECT reschedule_timer(''33333333-3333-4333-8333-333333333331'', NULL)'),
	(18, 'SELECT reschedule_timer(''33333333-3333-4333-8333-333333333331'', ''infinity'')'), (19, 'SELECT reschedule_timer(''33333333-3333-4333-8333-333333333331'', ''1999-12-31 23:59+00'')'),
	(20, 'SELECT reschedule_timer(''33333333-3333-4333-8333-333333333331'', now(), ''11111111-1111-4111-8111-111111111111'')'),
	(21, 'SELECT reschedule_timer(''33333333-3333-4333-8333-333333333332'', now())'), (22, 'SELECT reschedule_timer(''33333333-3333-4333-8333-333333333333'', now())'),
	(23, 'SELECT reschedule_timer(''33333333-3333-4333-8333-333333333334'', now())'), (24, 'SELECT reschedule_timer(''33333333-3333-4333-8333-333333333335'', now())'),
	(25, 'SELECT cancel_timer(NULL)'), (26, 'SELECT cancel_timer(''99999999-9999-4999-8999-999999999999'')'), (27, 'SELECT cancel_timer(''33333333-3333-4333-8333-333333333332'')'),
	(28, 'SELECT cancel_timer(''33333333-3333-4333-8333-333333333333'')'), (29, 'SELECT cancel_timer(''33333333-3333-4333-8333-333333333331'', repeat(''x'', 10001))'),
	(30, 'SELECT retry_timer(NULL)'), (31, 'SELECT retry_timer(''99999999-9999-4999-8999-999999999999'')'), (32, 'SELECT retry_timer(''33333333-3333-4333-8333-333333333331'')'),
	(33, 'SELECT retry_timer(''33333333-3333-4333-8333-333333333334'')'), (34, 'SELECT retry_timer(''33333333-3333-4333-8333-333333333335'')')) AS v (n, s) ORDER BY n;

-- record_metric, run_due_timers
SELECT pg_temp.told(s) FROM (VALUES
	(1, 'SELECT record_metric(NULL, ''REWARD_CLAIMED'', 1)'), (2, 'SELECT record_metric(''99999999-9999-4999-8999-999999999999'', ''REWARD_CLAIMED'', 1)'),
	(3, 'SELECT record_metric(''11111111-1111-4111-8111-111111111111'', NULL, 1)'), (4, 'SELECT record_metric(''11111111-1111-4111-8111-111111111111'', ''CLICKS'', 1)'),
	(5, 'SELECT record_metric(''11111111-1111-4111-8111-111111111111'', ''REWARD_CLAIMED'', NULL)'), (6, 'SELECT record_metric(''11111111-1111-4111-8111-111111111111'', ''REWARD_CLAIMED'', 100000000000)'),
	(7, 'SELECT record_metric(''11111111-1111-4111-8111-111111111111'', ''REWARD_CLAIMED'', ''NaN'')'), (8, 'SELECT record_metric(''11111111-1111-4111-8111-111111111111'', ''REWARD_CLAIMED'', 1, ''[]'')'),
	(9, 'SELECT record_metric(''11111111-1111-4111-8111-111111111111'', ''REWARD_CLAIMED'', 1, NULL)'), (10, 'SELECT run_due_timers(NULL)'), (11, 'SELECT run_due_timers(-1)'),
	(12, 'SELECT record_metric(''11111111-1111-4111-8111-111111111111'', ''REWARD_CLAIMED'', 1, id => ''44444444-4444-4444-8444-444444444441'')')) AS v (n, s) ORDER BY n;

-- Plain DML
SELECT pg_temp.told(s) FROM (VALUES
	(1, 'UPDATE campaigns SET status = ''CLOSED'' WHERE id = ''11111111-1111-4111-8111-111111111111'''), (2, 'UPDATE campaigns SET status = ''CREATED'' WHERE id = ''11111111-1111-4111-8111-111111111115'''),
	(3, 'UPDATE campaigns SET status = ''PAUSED'' WHERE id = ''11111111-1111-4111-8111-111111111111'''),
	(4, 'UPDATE campaigns SET start_time = ''infinity'' WHERE id = ''11111111-1111-4111-8111-111111111111'''), (5, 'UPDATE campaigns SET duration_hours = 0 WHERE id = ''11111111-1111-4111-8111-111111111111'''),
	(6, 'UPDATE campaigns SET end_time = start_time - interval ''1 hour'' WHERE id = ''11111111-1111-4111-8111-111111111111'''),
	(7, 'INSERT INTO campaigns (status, duration_hours) VALUES (''DRAFT'', 1)'), (8, 'INSERT INTO campaigns (status, duration_hours) VALUES (''CREATED'', 900000)'),
	(9, 'INSERT INTO campaigns (status, duration_hours, end_time) VALUES (''CREATED'', 1, now())'),
	(10, 'INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) VALUES (''11111111-1111-4111-8111-111111111115'', ''CLOSE_CAMPAIGN'', now())'),
	(11, 'INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) VALUES (''11111111-1111-4111-8111-111111111112'', ''START_CAMPAIGN'', ''2001-01-01 00:00+00'')'),
	(12, 'INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) VALUES (''11111111-1111-4111-8111-111111111112'', ''START_CAMPAIGN'', ''infinity'')'),
	(13, 'INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) VALUES (''22222222-2222-4222-8222-222222222222'', ''CLOSE_CAMPAIGN'', now())'),
	(14, 'INSERT INTO campaign_state_transitions (from_state, to_state, timer_type) VALUES (''CREATED'', ''CLOSED'', ''START_CAMPAIGN'')'),
	(15, 'UPDATE campaign_timer_policies SET delay = ''2 months'' WHERE state = ''CLOSED'''),
	(16, 'UPDATE campaign_timers SET scheduled_at = ''infinity'' WHERE id = ''33333333-3333-4333-8333-333333333331'''),
	(17, 'UPDATE campaign_timers SET scheduled_at = ''-infinity'' WHERE id = ''33333333-3333-4333-8333-333333333331'''),
	(18, 'UPDATE campaign_timers SET scheduled_at = ''200000-01-01 00:00+00'' WHERE id = ''33333333-3333-4333-8333-333333333331''')) AS v (n, s) ORDER BY n;

\pset tuples_only off
\pset format aligned
SELECT pg_temp.everything() = :'before' AS nothing_has_changed;
ROLLBACK;

-- As a user sees it at the prompt.
SELECT create_campaign(0);
SELECT transition_campaign('99999999-9999-4999-8999-999999999999', 'RUNNING');

-- Timers run in READ COMMITTED only, and not while paused.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT run_due_timers();
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT run_due_timers();
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN;
SELECT pause_timers();
SELECT run_due_timers();
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
SELECT run_due_timers();
