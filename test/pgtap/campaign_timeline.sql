-- campaign_timeline() shows one campaign's life in order, past and planned, archive included.

BEGIN;
SELECT no_plan();
\ir lib/errors.psql

SELECT date_trunc('hour', now()) + interval '3 hours' AS start \gset
SELECT create_campaign(24, :'start', metadata => '{"a": 1}') AS c \gset
SELECT create_campaign(24, :'start') AS other \gset

SELECT results_eq(format('SELECT kind, name, status, at >= now() FROM campaign_timeline(%L)', :'c'),
	$$VALUES ('state', 'CREATED', 'ENTERED', true), ('timer', 'START_CAMPAIGN', 'PENDING', true), ('timer', 'CLOSE_CAMPAIGN', 'PENDING', true), ('timer', 'EXPIRE_CAMPAIGN', 'PENDING', true)$$,
	'a new campaign: its creation, and the timers that are planned');
SELECT results_eq(format($$SELECT name, at, detail ->> 'to', detail -> 'payload' FROM campaign_timeline(%L) WHERE kind = 'timer'$$, :'c'),
	format($$VALUES ('START_CAMPAIGN', %1$L::timestamptz, 'RUNNING', '{"policy": true}'::jsonb), ('CLOSE_CAMPAIGN', %1$L::timestamptz + interval '24 hours', NULL, '{"policy": true}'),
		('EXPIRE_CAMPAIGN', %1$L::timestamptz + interval '26 hours', NULL, '{"policy": true}')$$, :'start'),
	'planned timers stand at their time, with where they would move the campaign from here');
SELECT campaign_lifecycle_internal._run_due_timers(:'start', 10) AS run \gset
SELECT record_metric(:'c', 'ENGAGEMENT_COUNT', 7, '{"page": "x"}') AS m \gset
SELECT set_eq(format($$SELECT kind, name, status FROM campaign_timeline(%L)$$, :'c'),
	$$VALUES ('state', 'CREATED', 'ENTERED'), ('timer', 'START_CAMPAIGN', 'COMPLETED'), ('execution', 'START_CAMPAIGN', 'COMPLETED'), ('state', 'RUNNING', 'ENTERED'),
		('metric', 'TIMER_EXECUTION_TIME', NULL), ('metric', 'STATE_TRANSITION_TIME', NULL), ('metric', 'ENGAGEMENT_COUNT', NULL),
		('timer', 'CLOSE_CAMPAIGN', 'PENDING'), ('timer', 'EXPIRE_CAMPAIGN', 'PENDING')$$, 'campaign_timeline() shows states, executions, metrics and timers');
SELECT results_eq(format('SELECT at FROM campaign_timeline(%L)', :'c'), format('SELECT at FROM campaign_timeline(%L) ORDER BY at', :'c'),
	'campaign_timeline() is in the order of time');
SELECT is(detail - 'metadata', '{"from": "CREATED", "trigger_event": "START_CAMPAIGN"}', 'the detail of a state says from which state and by which event') FROM campaign_timeline(:'c') WHERE name = 'RUNNING';
SELECT is(detail ->> 'result', '{"to": "RUNNING", "from": "CREATED"}', 'the detail of an execution has its result') FROM campaign_timeline(:'c') WHERE kind = 'execution';
SELECT is(detail, '{"value": 7.0000, "attributes": {"page": "x"}}', 'the detail of a metric has value and attributes') FROM campaign_timeline(:'c') WHERE name = 'ENGAGEMENT_COUNT';
SELECT ok((SELECT count(*) FROM campaign_timeline(:'c')) = (SELECT count(*) FROM campaign_state_log WHERE campaign_id = :'c')
	+ (SELECT count(*) FROM campaign_timers WHERE campaign_id = :'c') + (SELECT count(*) FROM campaign_metrics WHERE campaign_id = :'c')
	+ (SELECT count(*) FROM timer_executions AS e JOIN campaign_timers AS t ON t.id = e.timer_id WHERE t.campaign_id = :'c'), 'campaign_timeline() shows each row of the campaign once, and of no other campaign');

-- Archived history is part of it, and is all that is left of a deleted campaign.
INSERT INTO campaign_state_log_archive SELECT * FROM campaign_state_log WHERE campaign_id = :'c' AND to_state = 'CREATED';
DELETE FROM campaign_state_log WHERE campaign_id = :'c' AND to_state = 'CREATED';
SELECT results_eq(format($$SELECT name FROM campaign_timeline(%L) WHERE kind = 'state' ORDER BY at$$, :'c'), $$VALUES ('CREATED'), ('RUNNING')$$,
	'the archive is read as the log is');
DELETE FROM campaigns WHERE id = :'c';
SELECT results_eq(format('SELECT kind, name FROM campaign_timeline(%L)', :'c'), $$VALUES ('state', 'CREATED')$$,
	'campaign_timeline() shows archived rows of a campaign that was deleted');

SELECT is(pg_temp.error_of('SELECT * FROM campaign_timeline(NULL)'), '22004: campaign_id must not be null',
	'campaign_timeline() refuses NULL');
SELECT is(pg_temp.error_of('SELECT * FROM campaign_timeline(''00000000-0000-0000-0000-000000000000'')'), 'P0002: campaign not found: 00000000-0000-0000-0000-000000000000',
	'campaign_timeline() of an unknown campaign raises P0002');
-- A campaign without a single row of history is known all the same.
SET LOCAL session_replication_role = replica;
INSERT INTO campaigns (id, status, duration_hours) VALUES ('00000000-0000-0000-0000-000000000001', 'CREATED', 1);
SET LOCAL session_replication_role = origin;
SELECT is_empty('SELECT * FROM campaign_timeline(''00000000-0000-0000-0000-000000000001'')',
	'a campaign of which nothing is told');

SELECT * FROM finish();
ROLLBACK;
