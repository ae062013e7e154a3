-- The table timer_executions has the columns, defaults, checks, foreign key and indexes of docs/specification.md. A
-- finished execution has an end.

BEGIN;
SELECT plan(48);
\ir lib/errors.psql

SELECT has_table('timer_executions');
SELECT columns_are('timer_executions', ARRAY['id', 'timer_id', 'status', 'result', 'error_message', 'started_at', 'completed_at', 'execution_time_ms']);
SELECT col_is_pk('timer_executions', 'id');
SELECT col_type_is('timer_executions', 'id', 'uuid');
SELECT col_type_is('timer_executions', 'timer_id', 'uuid');
SELECT col_type_is('timer_executions', 'status', 'character varying(20)');
SELECT col_type_is('timer_executions', 'result', 'jsonb');
SELECT col_type_is('timer_executions', 'error_message', 'text');
SELECT col_type_is('timer_executions', 'started_at', 'timestamp with time zone');
SELECT col_type_is('timer_executions', 'completed_at', 'timestamp with time zone');
SELECT col_type_is('timer_executions', 'execution_time_ms', 'integer');
SELECT col_not_null('timer_executions', c) FROM unnest(ARRAY['id', 'timer_id', 'status', 'started_at']::name[]) AS c;
SELECT col_is_null('timer_executions', c) FROM unnest(ARRAY['result', 'error_message', 'completed_at', 'execution_time_ms']::name[]) AS c;

INSERT INTO campaigns (id, status, duration_hours) VALUES ('11111111-1111-4111-8111-111111111111', 'RUNNING', 24);
INSERT INTO campaign_timers (id, campaign_id, timer_type, scheduled_at)
VALUES ('22222222-2222-4222-8222-222222222222', '11111111-1111-4111-8111-111111111111', 'CLOSE_CAMPAIGN', now() + interval '1 hour');
INSERT INTO timer_executions (timer_id) VALUES ('22222222-2222-4222-8222-222222222222');
SELECT is(status, 'STARTED', 'an execution is STARTED by default') FROM timer_executions;
SELECT is(started_at, now(), 'started_at is now() by default') FROM timer_executions;
SELECT is(result, NULL, 'an execution has no result at first') FROM timer_executions;
SELECT is(completed_at, NULL, 'an execution has no end at first') FROM timer_executions;
SELECT is(substr(id::text, 15, 1), '7', 'the default id is a UUID of version 7') FROM timer_executions;

CREATE FUNCTION pg_temp.insert_with(status text, completed_at timestamptz, execution_time_ms integer) RETURNS text LANGUAGE sql AS $$
	SELECT format('INSERT INTO timer_executions (timer_id, status, completed_at, execution_time_ms) VALUES (''22222222-2222-4222-8222-222222222222'', %L, %L, %L)',
		status, completed_at, execution_time_ms)
$$;
SELECT is(pg_temp.violation_of(pg_temp.insert_with('STARTED', NULL, NULL)), NULL, 'STARTED is valid without an end');
SELECT is(pg_temp.violation_of(pg_temp.insert_with('STARTED', now(), NULL)), '23514 valid_completion',
	'STARTED with an end is refused');
SELECT is(pg_temp.violation_of(pg_temp.insert_with('COMPLETED', now(), 1)), NULL, 'COMPLETED is valid with an end');
SELECT is(pg_temp.violation_of(pg_temp.insert_with('COMPLETED', NULL, 1)), '23514 valid_completion',
	'COMPLETED without an end is refused');
SELECT is(pg_temp.violation_of(pg_temp.insert_with('FAILED', now(), 1)), NULL, 'FAILED is valid with an end');
SELECT is(pg_temp.violation_of(pg_temp.insert_with('FAILED', NULL, 1)), '23514 valid_completion',
	'FAILED without an end is refused');
SELECT is(pg_temp.violation_of(pg_temp.insert_with('FAILED', now(), 0)), NULL, 'no time at all is a time');
SELECT is(pg_temp.violation_of(pg_temp.insert_with('FAILED', now(), NULL)), NULL, 'NULL as execution time is valid');
SELECT is(pg_temp.violation_of(pg_temp.insert_with('FAILED', now(), -1)), '23514 valid_execution_time',
	'a negative execution time is refused');
-- An unknown status violates two checks; the first by name is reported.
SELECT is(pg_temp.violation_of(pg_temp.insert_with(s, now(), 1)), '23514 valid_completion', s || ' is refused') FROM unnest(ARRAY['RUNNING', 'DONE', 'completed']) AS s;
ALTER TABLE timer_executions DROP CONSTRAINT valid_completion;
SELECT is(pg_temp.violation_of(pg_temp.insert_with(s, now(), 1)), '23514 valid_execution_status', s || ' is refused by its own check as well')
FROM unnest(ARRAY['RUNNING', 'DONE', 'completed']) AS s;
SELECT matches(pg_temp.error_of('INSERT INTO timer_executions (timer_id, started_at) VALUES (''22222222-2222-4222-8222-222222222222'', NULL)'), '^23502: null value in column "started_at"',
	'started_at must not be NULL');
SELECT matches(pg_temp.error_of('INSERT INTO timer_executions DEFAULT VALUES'), '^23502: null value in column "timer_id"',
	'timer_id must be given');

SELECT fk_ok('timer_executions', 'timer_id', 'campaign_timers', 'id');
SELECT is((SELECT confdeltype FROM pg_constraint WHERE conrelid = 'timer_executions'::regclass AND contype = 'f'), 'c',
	'the foreign key of timer_executions is ON DELETE CASCADE');
SELECT is(pg_temp.violation_of($$INSERT INTO timer_executions (timer_id) VALUES ('33333333-3333-4333-8333-333333333333')$$), '23503 timer_executions_timer_id_fkey',
	'an execution needs its timer');
DELETE FROM campaigns;
SELECT is((SELECT count(*) FROM timer_executions), 0::bigint,
	'executions go with their timer, and that with its campaign');

SELECT is(pg_get_indexdef(i::regclass), format('CREATE INDEX %s ON public.timer_executions USING btree (%s)', i, c), i)
FROM (VALUES ('idx_timer_executions_timer_id', 'timer_id'), ('idx_timer_executions_status', 'status'), ('idx_timer_executions_started_at', 'started_at')) AS v (i, c);

SELECT * FROM finish();
ROLLBACK;
