-- Every API function for the life of a campaign has the signature, defaults, return type, effect and errors of
-- docs/reference.md. The functions of monitoring, maintenance, handlers and access have files of their own.

BEGIN;
SELECT plan(251);
\ir lib/errors.psql

---- Signatures

CREATE TEMPORARY TABLE promised (name text, arguments text, result text);
INSERT INTO promised VALUES
	('create_campaign', 'duration_hours integer, start_time timestamp with time zone DEFAULT now(), auto_close boolean DEFAULT true, rewards_enabled boolean DEFAULT true, metadata jsonb DEFAULT ''{}''::jsonb, id uuid DEFAULT NULL::uuid', 'uuid'),
	('schedule_campaign_timers', 'campaign_id uuid', 'TABLE(timer_id uuid, timer_type text, scheduled_at timestamp with time zone)'),
	('reschedule_campaign', 'campaign_id uuid, start_time timestamp with time zone DEFAULT NULL::timestamp with time zone, duration_hours integer DEFAULT NULL::integer', 'void'),
	('transition_campaign', 'campaign_id uuid, to_state text, trigger_event text DEFAULT ''MANUAL''::text, metadata jsonb DEFAULT ''{}''::jsonb', 'text'),
	('cancel_campaign', 'campaign_id uuid, reason text DEFAULT NULL::text', 'void'),
	('schedule_timer', 'campaign_id uuid, timer_type text, scheduled_at timestamp with time zone, payload jsonb DEFAULT ''{}''::jsonb, id uuid DEFAULT NULL::uuid', 'uuid'),
	('reschedule_timer', 'timer_id uuid, scheduled_at timestamp with time zone, campaign_id uuid DEFAULT NULL::uuid', 'void'),
	('cancel_timer', 'timer_id uuid, reason text DEFAULT NULL::text, campaign_id uuid DEFAULT NULL::uuid', 'void'),
	('retry_timer', 'timer_id uuid, campaign_id uuid DEFAULT NULL::uuid', 'void'),
	('record_metric', 'campaign_id uuid, metric_type text, value numeric, attributes jsonb DEFAULT ''{}''::jsonb, id uuid DEFAULT NULL::uuid', 'uuid'),
	('run_due_timers', 'max_timers integer DEFAULT 1000, as_of timestamp with time zone DEFAULT NULL::timestamp with time zone', 'bigint'),
	('pause_timers', '', 'void'),
	('resume_timers', '', 'void'),
	('install_campaign_tables', '', 'void');
SELECT is(
	(SELECT array_agg(pg_get_function_arguments(f.oid) || ' -> ' || pg_get_function_result(f.oid)) FROM pg_proc AS f WHERE f.pronamespace = 'public'::regnamespace AND f.proname = p.name),
	ARRAY[p.arguments || ' -> ' || p.result], p.name || '()')
FROM promised AS p;
SELECT ok(f.prosecdef = false, f.proname || '() runs with the rights of its caller') FROM pg_proc AS f JOIN promised AS p ON p.name = f.proname WHERE f.pronamespace = 'public'::regnamespace;
SELECT ok(NOT has_function_privilege('pg_monitor', f.oid, 'EXECUTE'), f.proname || '() is not for PUBLIC') FROM pg_proc AS f JOIN promised AS p ON p.name = f.proname WHERE f.pronamespace = 'public'::regnamespace;
SELECT matches(obj_description(f.oid, 'pg_proc'), 'Since 1\.0\.', f.proname || '() says since when it is there') FROM pg_proc AS f JOIN promised AS p ON p.name = f.proname WHERE f.pronamespace = 'public'::regnamespace;
SELECT ok(coalesce(f.proconfig, '{}') @> ARRAY['search_path=pg_catalog, pg_temp'], f.proname || '() has its own search_path') FROM pg_proc AS f JOIN promised AS p ON p.name = f.proname WHERE f.pronamespace = 'public'::regnamespace;
SELECT is((SELECT array_agg(f.oid::regprocedure::text) FROM pg_proc AS f JOIN pg_depend AS d ON d.objid = f.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
		JOIN pg_extension AS x ON x.oid = d.refobjid AND x.extname = 'campaign_lifecycle' WHERE obj_description(f.oid, 'pg_proc') IS NULL), NULL, 'every function of the extension has a comment');

SELECT '00000000-0000-4000-8000-000000000000'::uuid AS nobody, date_trunc('hour', now()) + interval '3 hours' AS start \gset

---- create_campaign

SELECT create_campaign(24) AS c \gset
SELECT results_eq(format('SELECT status::text, metadata, start_time, end_time, duration_hours, auto_close, rewards_enabled FROM campaigns WHERE id = %L', :'c'),
	$$SELECT 'CREATED', '{}'::jsonb, now(), now() + interval '24 hours', 24, true, true$$, 'create_campaign(24) makes a campaign that starts now');
SELECT is(substr(:'c'::text, 15, 1), '7', 'create_campaign() gives the campaign an id of UUID version 7');
SELECT is(create_campaign(duration_hours => 2, start_time => :'start', auto_close => false, rewards_enabled => false, metadata => '{"name": "spring"}', id => '11111111-1111-4111-8111-111111111111'),
	'11111111-1111-4111-8111-111111111111', 'create_campaign() returns the id given');
SELECT results_eq($$SELECT status::text, metadata, start_time, end_time, duration_hours, auto_close, rewards_enabled FROM campaigns WHERE id = '11111111-1111-4111-8111-111111111111'$$,
	format('SELECT ''CREATED'', ''{"name": "spring"}''::jsonb, timestamptz %L, timestamptz %L, 2, false, false', :'start', :'start'::timestamptz + interval '2 hours'), 'create_campaign() takes every argument by name');
SELECT is((SELECT count(*) FROM (SELECT create_campaign(1) FROM generate_series(1, 1000)) AS x (id)), 1000::bigint,
	'create_campaign() makes 1,000 campaigns in one statement');
DELETE FROM campaigns WHERE id NOT IN (:'c', '11111111-1111-4111-8111-111111111111');

SELECT is((pg_temp.diagnostics(statement)).code, code, statement)
FROM (VALUES
	('SELECT create_campaign(NULL)', '22004'),
	('SELECT create_campaign(1, auto_close => NULL)', '22004'),
	('SELECT create_campaign(1, rewards_enabled => NULL)', '22004'),
	('SELECT create_campaign(1, metadata => NULL)', '22004'),
	('SELECT create_campaign(0)', '22023'),
	('SELECT create_campaign(-1)', '22023'),
	('SELECT create_campaign(876601)', '22023'),
	('SELECT create_campaign(2147483647)', '22023'),
	('SELECT create_campaign(1, ''infinity'')', '22008'),
	('SELECT create_campaign(1, ''-infinity'')', '22008'),
	('SELECT create_campaign(1, ''200000-01-01'')', '22008'),
	('SELECT create_campaign(1, ''1969-12-31 23:59:59+00'')', '22008'),
	('SELECT create_campaign(1, metadata => ''[]'')', '22023'),
	('SELECT create_campaign(1, metadata => ''"text"'')', '22023'),
	('SELECT create_campaign(1, metadata => ''17'')', '22023'),
	('SELECT create_campaign(1, metadata => ''null'')', '22023'),
	('SELECT create_campaign(1, id => ''11111111-1111-4111-8111-111111111111'')', '23505'),
	-- Its timers would lie beyond the year 9999.
	('SELECT create_campaign(876600, ''9999-12-31 23:59:59+00'')', '22008'),
	('SELECT create_campaign(876600)', NULL)) AS v (statement, code);
SELECT is((SELECT count(*) FROM campaigns), 3::bigint, 'a refused create_campaign() leaves no campaign');
DELETE FROM campaigns;

---- schedule_campaign_timers

INSERT INTO campaigns (id, status, duration_hours, start_time) VALUES ('11111111-1111-4111-8111-111111111111', 'CREATED', 24, :'start');
SELECT results_eq($$SELECT timer_type, scheduled_at FROM schedule_campaign_timers('11111111-1111-4111-8111-111111111111')$$,
	format('VALUES (''START_CAMPAIGN'', timestamptz %L), (''CLOSE_CAMPAIGN'', %L), (''EXPIRE_CAMPAIGN'', %L)', :'start', :'start'::timestamptz + interval '24 hours', :'start'::timestamptz + interval '26 hours'),
	'the timers that wait now, by time');
SELECT is((SELECT array_agg(timer_id ORDER BY timer_id) FROM schedule_campaign_timers('11111111-1111-4111-8111-111111111111')), (SELECT array_agg(id ORDER BY id) FROM campaign_timers),
	'schedule_campaign_timers() again returns the same timers');
SELECT is((SELECT count(*) FROM campaign_timers), 3::bigint, 'schedule_campaign_timers() again makes no other timer');
SELECT is(pg_temp.error_of(format('SELECT schedule_campaign_timers(%L)', :'nobody')), 'P0002: campaign not found: ' || :'nobody',
	'schedule_campaign_timers() of an unknown campaign raises P0002');
SELECT is((pg_temp.diagnostics('SELECT schedule_campaign_timers(NULL)')).code, '22004',
	'schedule_campaign_timers(NULL) raises 22004');
UPDATE campaigns SET status = 'RUNNING';
UPDATE campaigns SET status = 'EXPIRED';
SELECT is((SELECT count(*) FROM schedule_campaign_timers('11111111-1111-4111-8111-111111111111')), 0::bigint,
	'of an expired one: none waits');
SELECT is((SELECT array_agg(DISTINCT status) FROM campaign_timers), ARRAY['CANCELLED']::varchar[],
	'those that plain DML left are cancelled');
DELETE FROM campaigns;

---- reschedule_campaign

SELECT create_campaign(24, :'start') AS c \gset
SELECT reschedule_campaign(:'c', :'start'::timestamptz + interval '1 day');
SELECT is(start_time, :'start'::timestamptz + interval '1 day',
	'reschedule_campaign() sets a new start') FROM campaigns;
SELECT reschedule_campaign(:'c', duration_hours => 48);
SELECT is(end_time, :'start'::timestamptz + interval '1 day 48 hours',
	'reschedule_campaign() sets a new duration') FROM campaigns;
SELECT reschedule_campaign(:'c', :'start', 1);
SELECT is((SELECT array_agg(scheduled_at ORDER BY scheduled_at) FROM campaign_timers WHERE status = 'PENDING'),
	ARRAY[:'start'::timestamptz, :'start'::timestamptz + interval '1 hour', :'start'::timestamptz + interval '3 hours'], 'both, and the timers with them');
SELECT transition_campaign(:'c', 'RUNNING');
SELECT is((pg_temp.diagnostics(format('SELECT reschedule_campaign(%L, %L)', :'c', :'start'))).code, '55000',
	'reschedule_campaign() refuses a new start of a RUNNING campaign');
SELECT is((pg_temp.diagnostics(format('SELECT reschedule_campaign(%L, %L, 5)', :'c', :'start'))).code, '55000',
	'reschedule_campaign() refuses start and duration of a RUNNING campaign');
SELECT reschedule_campaign(:'c', duration_hours => 5);
SELECT is((SELECT scheduled_at FROM campaign_timers WHERE status = 'PENDING' AND timer_type = 'CLOSE_CAMPAIGN'), :'start'::timestamptz + interval '5 hours',
	'reschedule_campaign() moves CLOSE_CAMPAIGN of a RUNNING campaign by its duration');
SELECT transition_campaign(:'c', 'CLOSED');
SELECT is((pg_temp.diagnostics(format('SELECT reschedule_campaign(%L, duration_hours => 5)', :'c'))).code, '55000',
	'reschedule_campaign() refuses a CLOSED campaign');
SELECT is(end_time, :'start'::timestamptz + interval '5 hours',
	'a refused reschedule_campaign() changes nothing') FROM campaigns;
SELECT is((pg_temp.diagnostics(statement)).code, code, statement)
FROM (VALUES
	(format('SELECT reschedule_campaign(%L)', :'c'), '22004'),
	('SELECT reschedule_campaign(NULL, now())', '22004'),
	(format('SELECT reschedule_campaign(%L, now())', :'nobody'), 'P0002'),
	(format('SELECT reschedule_campaign(%L, duration_hours => 0)', :'c'), '22023'),
	(format('SELECT reschedule_campaign(%L, ''infinity'')', :'c'), '22008')) AS v (statement, code);
DELETE FROM campaigns;

---- transition_campaign

SELECT create_campaign(24, :'start') AS c \gset
SELECT is(transition_campaign(:'c', 'RUNNING', 'LAUNCH', '{"ticket": 7, "changed_by": "anna", "session_user": "nobody", "new_updated_at": "never"}'), 'CREATED',
	'returns the state it came from');
SELECT results_eq('SELECT trigger_event::text, metadata -> ''ticket'', metadata ->> ''changed_by'', metadata ->> ''session_user'', (metadata ->> ''new_updated_at'')::timestamptz = created_at
		FROM campaign_state_log WHERE to_state = ''RUNNING''',
	format('VALUES (''LAUNCH'', ''7''::jsonb, ''anna'', %L, true)', session_user), 'metadata go into the log row, where what the log knows itself cannot be forged');
SELECT is(transition_campaign(:'c', 'CLOSED'), 'RUNNING', 'transition_campaign() takes no event');
SELECT is(trigger_event, 'MANUAL', 'the event of a move without one is MANUAL') FROM campaign_state_log WHERE to_state = 'CLOSED';
SELECT is(metadata ->> 'changed_by', session_user::text, 'metadata of one move do not stick to the next') FROM campaign_state_log WHERE to_state = 'CLOSED';
SET LOCAL campaign_lifecycle.trigger_event = 'OUTER';
SET LOCAL campaign_lifecycle.changed_by = 'setting';
SELECT is(transition_campaign(:'c', 'REWARD_CLAIM', 'INNER', '{"changed_by": "argument"}'), 'CLOSED',
	'transition_campaign() moves while changed_by and trigger_event are set');
SELECT is(trigger_event || ' ' || (metadata ->> 'changed_by'), 'INNER setting', 'the argument goes before trigger_event, changed_by before the argument') FROM campaign_state_log WHERE to_state = 'REWARD_CLAIM';
SELECT is(current_setting('campaign_lifecycle.trigger_event'), 'OUTER', 'the setting is what it was');
SET LOCAL campaign_lifecycle.trigger_event = '';
SET LOCAL campaign_lifecycle.changed_by = '';
SELECT is(transition_campaign(:'c', 'EXPIRED', repeat('é', 51)), 'REWARD_CLAIM',
	'transition_campaign() takes an event of 51 characters');
SELECT is(trigger_event || '|' || length(metadata ->> 'trigger_event'), repeat('é', 50) || '|51', 'cut in its column, whole in metadata') FROM campaign_state_log WHERE to_state = 'EXPIRED';
SELECT create_campaign(24, :'start') AS c \gset
SELECT is(pg_temp.error_of(format('SELECT transition_campaign(%L, ''CLOSED'')', :'c')), 'P0001: Invalid state transition from CREATED to CLOSED',
	'a move that is not allowed');
SELECT is(pg_temp.violation_of(format('SELECT transition_campaign(%L, ''CLOSED'')', :'c')), 'P0001 valid_state_transition',
	'an illegal move has a constraint name');
SELECT is(pg_temp.error_of(format('SELECT transition_campaign(%L, ''CREATED'')', :'c')), 'P0001: Invalid state transition from CREATED to CREATED',
	'transition_campaign() refuses the state that the campaign is in');
SELECT is((pg_temp.diagnostics(statement)).code, code, left(statement, 100))
FROM (VALUES
	('SELECT transition_campaign(NULL, ''RUNNING'')', '22004'),
	(format('SELECT transition_campaign(%L, NULL)', :'c'), '22004'),
	(format('SELECT transition_campaign(%L, ''RUNNING'', NULL)', :'c'), '22004'),
	(format('SELECT transition_campaign(%L, ''RUNNING'', metadata => NULL)', :'c'), '22004'),
	(format('SELECT transition_campaign(%L, ''RUNNING'', metadata => ''[]'')', :'c'), '22023'),
	(format('SELECT transition_campaign(%L, ''PAUSED'')', :'c'), '22023'),
	(format('SELECT transition_campaign(%L, repeat(''x'', 100000))', :'c'), '22023'),
	(format('SELECT transition_campaign(%L, ''RUNNING'', repeat(''x'', 10001))', :'c'), '22001'),
	(format('SELECT transition_campaign(%L, ''RUNNING'')', :'nobody'), 'P0002')) AS v (statement, code);
SELECT is(status, 'CREATED', 'a refused transition_campaign() moves no campaign') FROM campaigns WHERE id = :'c';
SELECT is((SELECT count(*) FROM campaign_timers WHERE campaign_id = :'c' AND status = 'PENDING'), 3::bigint,
	'a refused transition_campaign() touches no timer');
DELETE FROM campaigns;

---- cancel_campaign

SELECT create_campaign(24, :'start') AS c \gset
SELECT is(pg_temp.error_of(format('SELECT cancel_campaign(%L)', :'c')), '55000: a campaign in state CREATED cannot be cancelled',
	'CREATED');
SELECT is(pg_temp.hint_of(format('SELECT cancel_campaign(%L)', :'c')),
	'To allow it: INSERT INTO public.campaign_state_transitions (from_state, to_state, timer_type, priority) VALUES (''CREATED'', ''EXPIRED'', ''EXPIRE_CAMPAIGN'', 40);', 'with the row to add');
SAVEPOINT hint;
SELECT regexp_replace(pg_temp.hint_of(format('SELECT cancel_campaign(%L)', :'c')), '^To allow it: ', '') AS advice \gset
:advice
SELECT is(pg_temp.error_of(format('SELECT cancel_campaign(%L)', :'c')), NULL,
	'the hint of cancel_campaign() in CREATED works as it stands');
ROLLBACK TO hint;
SELECT transition_campaign(:'c', s), create_campaign(24, :'start', id => ('22222222-2222-4222-8222-22222222222' || n)::uuid) FROM (VALUES (1, 'RUNNING'), (2, 'CLOSED'), (3, 'REWARD_CLAIM')) AS v (n, s);
SELECT cancel_campaign(:'c', 'too many complaints');
SELECT is(status, 'EXPIRED', 'cancel_campaign() expires a campaign in REWARD_CLAIM') FROM campaigns WHERE id = :'c';
SELECT is(trigger_event || ' ' || (metadata ->> 'reason'), 'CANCELLED too many complaints', 'cancel_campaign() logs the event CANCELLED and the reason') FROM campaign_state_log WHERE to_state = 'EXPIRED';
SELECT is((SELECT array_agg(DISTINCT status) FROM campaign_timers WHERE campaign_id = :'c'), ARRAY['CANCELLED']::varchar[],
	'cancel_campaign() cancels all timers of the campaign');
SELECT transition_campaign('22222222-2222-4222-8222-222222222221', 'RUNNING');
SELECT cancel_campaign('22222222-2222-4222-8222-222222222221');
SELECT is(status, 'EXPIRED', 'cancel_campaign() expires a RUNNING campaign') FROM campaigns WHERE id = '22222222-2222-4222-8222-222222222221';
SELECT is(metadata ? 'reason', false, 'cancel_campaign() without a reason logs no reason') FROM campaign_state_log WHERE campaign_id = '22222222-2222-4222-8222-222222222221' AND to_state = 'EXPIRED';
SELECT transition_campaign('22222222-2222-4222-8222-222222222222', s) FROM unnest(ARRAY['RUNNING', 'CLOSED']) AS s;
SELECT cancel_campaign('22222222-2222-4222-8222-222222222222');
SELECT is(status, 'EXPIRED', 'cancel_campaign() expires a CLOSED campaign') FROM campaigns WHERE id = '22222222-2222-4222-8222-222222222222';
SELECT is((pg_temp.diagnostics(statement)).code, code, left(statement, 100))
FROM (VALUES
	(format('SELECT cancel_campaign(%L)', :'c'), '55000'),
	('SELECT cancel_campaign(NULL)', '22004'),
	(format('SELECT cancel_campaign(%L)', :'nobody'), 'P0002'),
	('SELECT cancel_campaign(''22222222-2222-4222-8222-222222222223'', repeat(''x'', 10001))', '22001')) AS v (statement, code);
DELETE FROM campaigns;

---- schedule_timer

SELECT create_campaign(24, NULL) AS c \gset
SELECT is(schedule_timer(:'c', 'START_CAMPAIGN', :'start', '{"a": 1}', '33333333-3333-4333-8333-333333333333'), '33333333-3333-4333-8333-333333333333',
	'schedule_timer() returns the id given');
SELECT results_eq('SELECT campaign_id, timer_type::text, status::text, scheduled_at, payload, retry_count FROM campaign_timers',
	format('SELECT %L::uuid, ''START_CAMPAIGN'', ''PENDING'', timestamptz %L, ''{"a": 1}''::jsonb, 0', :'c', :'start'), 'schedule_timer() makes the timer as asked for');
SELECT is(payload, '{}', 'schedule_timer() gives an empty payload by default') FROM campaign_timers WHERE id = schedule_timer(:'c', 'CLOSE_CAMPAIGN', :'start');
SELECT is((SELECT count(*) FROM campaign_timers WHERE timer_type = 'CLOSE_CAMPAIGN'), 1::bigint, 'schedule_timer() has made one CLOSE_CAMPAIGN timer') ;
SELECT is((pg_temp.diagnostics(statement)).code, code, left(statement, 100))
FROM (VALUES
	(format('SELECT schedule_timer(NULL, ''EXPIRE_CAMPAIGN'', now())'), '22004'),
	(format('SELECT schedule_timer(%L, NULL, now())', :'c'), '22004'),
	(format('SELECT schedule_timer(%L, ''EXPIRE_CAMPAIGN'', NULL)', :'c'), '22004'),
	(format('SELECT schedule_timer(%L, ''EXPIRE_CAMPAIGN'', now(), NULL)', :'c'), '22004'),
	(format('SELECT schedule_timer(%L, ''EXPIRE_CAMPAIGN'', now(), ''[1]'')', :'c'), '22023'),
	(format('SELECT schedule_timer(%L, ''NAG'', now())', :'c'), '22023'),
	(format('SELECT schedule_timer(%L, repeat(''x'', 100000), now())', :'c'), '22023'),
	(format('SELECT schedule_timer(%L, ''EXPIRE_CAMPAIGN'', ''infinity'')', :'c'), '22008'),
	(format('SELECT schedule_timer(%L, ''EXPIRE_CAMPAIGN'', ''-infinity'')', :'c'), '22008'),
	(format('SELECT schedule_timer(%L, ''EXPIRE_CAMPAIGN'', ''200000-01-01'')', :'c'), '22008'),
	(format('SELECT schedule_timer(%L, ''EXPIRE_CAMPAIGN'', now() - interval ''61 seconds'')', :'c'), 'P0001'),
	(format('SELECT schedule_timer(%L, ''EXPIRE_CAMPAIGN'', now())', :'nobody'), 'P0002'),
	(format('SELECT schedule_timer(%L, ''START_CAMPAIGN'', now())', :'c'), '23505'),
	(format('SELECT schedule_timer(%L, ''EXPIRE_CAMPAIGN'', now(), id => ''33333333-3333-4333-8333-333333333333'')', :'c'), '23505')) AS v (statement, code);
SELECT is((SELECT count(*) FROM campaign_timers), 2::bigint, 'a refused schedule_timer() leaves no timer');
SELECT is(pg_temp.hint_of(format('SELECT schedule_timer(%L, ''NAG'', now())', :'c')), 'Timer types are CLOSE_CAMPAIGN, EXPIRE_CAMPAIGN, REWARD_REMINDER, START_CAMPAIGN.',
	'the hint of schedule_timer() names the timer types');
SELECT transition_campaign(:'c', 'RUNNING'), transition_campaign(:'c', 'EXPIRED');
SELECT is(pg_temp.error_of(format('SELECT schedule_timer(%L, ''EXPIRE_CAMPAIGN'', now())', :'c')), 'P0001: Cannot schedule timer for expired campaign: ' || :'c',
	'an expired campaign');
DELETE FROM campaigns;

---- reschedule_timer, cancel_timer, retry_timer

SELECT create_campaign(24, :'start') AS c, create_campaign(24, :'start') AS other \gset
SELECT id AS t FROM campaign_timers WHERE campaign_id = :'c' AND timer_type = 'START_CAMPAIGN' \gset
SELECT reschedule_timer(:'t', :'start'::timestamptz + interval '1 hour');
SELECT results_eq(format('SELECT status::text, scheduled_at, payload FROM campaign_timers WHERE id = %L', :'t'),
	format('SELECT ''PENDING'', timestamptz %L, ''{}''::jsonb', :'start'::timestamptz + interval '1 hour'), 'reschedule_timer() moves it, and it is one set by hand');
UPDATE campaign_timers SET status = 'FAILED', retry_count = 3 WHERE id = :'t';
SELECT reschedule_timer(:'t', :'start', :'c');
SELECT is(status || ' ' || retry_count, 'PENDING 0', 'retry_timer() gives a FAILED timer all attempts again') FROM campaign_timers WHERE id = :'t';
SELECT is(pg_temp.error_of(format('SELECT retry_timer(%L)', :'t')), '55000: a PENDING timer cannot be retried',
	'retry_timer() refuses a PENDING timer');
UPDATE campaign_timers SET status = 'FAILED', retry_count = 5 WHERE id = :'t';
SELECT retry_timer(:'t', :'c');
SELECT is(status || ' ' || retry_count || ' ' || (scheduled_at <= clock_timestamp()), 'PENDING 0 true', 'retry_timer() makes a dead letter PENDING and due now') FROM campaign_timers WHERE id = :'t';
SELECT cancel_timer(:'t', 'not needed', :'c');
SELECT is(status || ' ' || payload, 'CANCELLED {"cancel_reason": "not needed"}', 'cancel_timer() keeps the reason') FROM campaign_timers WHERE id = :'t';
SELECT is(pg_temp.error_of(format('SELECT cancel_timer(%L)', :'t')), '55000: a CANCELLED timer cannot be cancelled',
	'cancel_timer() refuses a CANCELLED timer');
SELECT is((pg_temp.diagnostics(format('SELECT reschedule_timer(%L, now())', :'t'))).code, '55000',
	'reschedule_timer() refuses a CANCELLED timer');
SELECT is((pg_temp.diagnostics(format('SELECT retry_timer(%L)', :'t'))).code, '55000',
	'retry_timer() refuses a CANCELLED timer');
SELECT id AS t FROM campaign_timers WHERE campaign_id = :'c' AND timer_type = 'CLOSE_CAMPAIGN' \gset
UPDATE campaign_timers SET status = 'FAILED', retry_count = 5 WHERE id = :'t';
SELECT cancel_timer(:'t');
SELECT is(status || ' ' || payload, 'CANCELLED {"policy": true}', 'cancel_timer() cancels a dead letter, without a reason') FROM campaign_timers WHERE id = :'t';
SELECT id AS t FROM campaign_timers WHERE campaign_id = :'c' AND timer_type = 'EXPIRE_CAMPAIGN' \gset
SELECT is((pg_temp.diagnostics(statement)).code, code, left(statement, 100))
FROM (VALUES
	('SELECT reschedule_timer(NULL, now())', '22004'), ('SELECT cancel_timer(NULL)', '22004'), ('SELECT retry_timer(NULL)', '22004'),
	(format('SELECT reschedule_timer(%L, now())', :'nobody'), 'P0002'), (format('SELECT cancel_timer(%L)', :'nobody'), 'P0002'), (format('SELECT retry_timer(%L)', :'nobody'), 'P0002'),
	(format('SELECT reschedule_timer(%L, now(), %L)', :'t', :'other'), 'P0002'), (format('SELECT cancel_timer(%L, NULL, %L)', :'t', :'other'), 'P0002'),
	(format('SELECT retry_timer(%L, %L)', :'t', :'other'), 'P0002'),
	(format('SELECT reschedule_timer(%L, NULL)', :'t'), '22004'),
	(format('SELECT reschedule_timer(%L, ''infinity'')', :'t'), '22008'),
	(format('SELECT reschedule_timer(%L, now() - interval ''61 seconds'')', :'t'), 'P0001'),
	(format('SELECT cancel_timer(%L, repeat(''x'', 10001))', :'t'), '22001')) AS v (statement, code);
SELECT is(status || ' ' || (scheduled_at = :'start'::timestamptz + interval '26 hours'), 'PENDING true', 'refused calls leave the timer as it was') FROM campaign_timers WHERE id = :'t';
SELECT is((pg_temp.diagnostics(format('SELECT %s(%L%s)', f, t.id, CASE f WHEN 'reschedule_timer' THEN ', now()' ELSE '' END))).code, '55000', f || '() of a ' || t.status || ' timer')
FROM unnest(ARRAY['reschedule_timer', 'cancel_timer', 'retry_timer']) AS f,
	LATERAL (SELECT t.id, t.status FROM campaign_timers AS t WHERE t.campaign_id = :'c' AND t.status = 'CANCELLED' LIMIT 1) AS t;
UPDATE campaign_timers SET status = 'RUNNING' WHERE id = :'t';
SELECT is((pg_temp.diagnostics(format('SELECT cancel_timer(%L)', :'t'))).code, '55000',
	'cancel_timer() refuses a RUNNING timer');
UPDATE campaign_timers SET status = 'COMPLETED' WHERE id = :'t';
SELECT is((pg_temp.diagnostics(format('SELECT reschedule_timer(%L, now())', :'t'))).code, '55000',
	'reschedule_timer() refuses a COMPLETED timer');
DELETE FROM campaigns;

---- record_metric

SELECT create_campaign(24) AS c \gset
SELECT is(record_metric(:'c', 'REWARD_CLAIMED', 12.5, '{"region": "north"}', '44444444-4444-4444-8444-444444444444'), '44444444-4444-4444-8444-444444444444',
	'record_metric() returns the id given');
SELECT results_eq('SELECT campaign_id, metric_type::text, value, attributes, recorded_at FROM campaign_metrics',
	format('SELECT %L::uuid, ''REWARD_CLAIMED'', 12.5, ''{"region": "north"}''::jsonb, now()', :'c'), 'record_metric() writes the metric as given');
SELECT is((pg_temp.diagnostics(statement)).code, code, left(statement, 100))
FROM (VALUES
	(format('SELECT record_metric(NULL, ''REWARD_CLAIMED'', 1)'), '22004'), (format('SELECT record_metric(%L, NULL, 1)', :'c'), '22004'),
	(format('SELECT record_metric(%L, ''REWARD_CLAIMED'', NULL)', :'c'), '22004'), (format('SELECT record_metric(%L, ''REWARD_CLAIMED'', 1, NULL)', :'c'), '22004'),
	(format('SELECT record_metric(%L, ''CLICKS'', 1)', :'c'), '22023'), (format('SELECT record_metric(%L, ''REWARD_CLAIMED'', 1, ''[]'')', :'c'), '22023'),
	(format('SELECT record_metric(%L, ''REWARD_CLAIMED'', 100000000000)', :'c'), '22003'), (format('SELECT record_metric(%L, ''REWARD_CLAIMED'', 99999999999.99995)', :'c'), '22003'),
	(format('SELECT record_metric(%L, ''REWARD_CLAIMED'', ''NaN'')', :'c'), '22003'), (format('SELECT record_metric(%L, ''REWARD_CLAIMED'', ''Infinity'')', :'c'), '22003'),
	(format('SELECT record_metric(%L, ''REWARD_CLAIMED'', 1)', :'nobody'), 'P0002'),
	(format('SELECT record_metric(%L, ''REWARD_CLAIMED'', 1, id => ''44444444-4444-4444-8444-444444444444'')', :'c'), '23505'),
	(format('SELECT record_metric(%L, ''REWARD_CLAIMED'', -99999999999.9999)', :'c'), NULL)) AS v (statement, code);
SELECT is((SELECT count(*) FROM campaign_metrics), 2::bigint, 'a refused record_metric() leaves no metric');

---- run_due_timers, pause_timers, resume_timers

SELECT is(run_due_timers(), 1::bigint, 'run_due_timers() does now what the worker would do');
SELECT is(status, 'RUNNING', 'the campaign that was to start now runs') FROM campaigns WHERE id = :'c';
SELECT is((pg_temp.diagnostics(statement)).code, code, statement) FROM (VALUES ('SELECT run_due_timers(NULL)', '22004'), ('SELECT run_due_timers(-1)', '22023')) AS v (statement, code);
SELECT pause_timers(), pause_timers();
SELECT is((pg_temp.diagnostics('SELECT run_due_timers()')).code, '55000',
	'paused, paused again: run_due_timers() is refused');
SELECT resume_timers(), resume_timers();
SELECT is((pg_temp.diagnostics('SELECT run_due_timers()')).code, NULL,
	'run_due_timers() runs after resume_timers() was called twice');
SELECT is(pg_temp.error_of('SELECT install_campaign_tables()'), NULL,
	'install_campaign_tables() where they are: nothing to do');

---- Every error but the server's own has a hint.

SELECT isnt(pg_temp.hint_of(statement), '', 'a hint for ' || left(statement, 80))
FROM (VALUES ('SELECT create_campaign(0)'), ('SELECT create_campaign(NULL)'), ('SELECT create_campaign(1, ''infinity'')'), ('SELECT create_campaign(1, metadata => ''[]'')'),
	(format('SELECT schedule_campaign_timers(%L)', :'nobody')), (format('SELECT reschedule_campaign(%L)', :'c')), (format('SELECT reschedule_campaign(%L, now())', :'c')),
	(format('SELECT transition_campaign(%L, ''PAUSED'')', :'c')), (format('SELECT transition_campaign(%L, ''CREATED'')', :'c')),
	(format('SELECT transition_campaign(%L, ''RUNNING'', repeat(''x'', 10001))', :'c')), (format('SELECT schedule_timer(%L, ''NAG'', now())', :'c')),
	(format('SELECT schedule_timer(%L, ''CLOSE_CAMPAIGN'', now())', :'c')), (format('SELECT schedule_timer(%L, ''REWARD_REMINDER'', ''infinity'')', :'c')),
	(format('SELECT schedule_timer(%L, ''REWARD_REMINDER'', ''2001-01-01'')', :'c')), (format('SELECT cancel_timer(%L)', :'nobody')),
	(format('SELECT retry_timer(id) FROM campaign_timers WHERE status = ''PENDING'' LIMIT 1')), (format('SELECT record_metric(%L, ''CLICKS'', 1)', :'c')),
	(format('SELECT record_metric(%L, ''REWARD_CLAIMED'', ''NaN'')', :'c')), (format('SELECT run_due_timers(NULL)')), (format('SELECT run_due_timers(-1)')),
	('UPDATE campaigns SET start_time = ''infinity''')) AS v (statement);

---- Rows that plain SQL or an administrator may have written before

SELECT create_campaign(24, :'start') AS c \gset
INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at, payload) VALUES (:'c', 'REWARD_REMINDER', :'start', '[1, "policy"]') RETURNING id AS t \gset
SELECT reschedule_timer(:'t', :'start');
SELECT is(payload, '[1]', 'reschedule_timer() takes a payload that is an array') FROM campaign_timers WHERE id = :'t';
SELECT cancel_timer(:'t', 'no');
SELECT is(payload, '{"payload": [1], "cancel_reason": "no"}', 'cancel_timer() keeps an array payload beside the reason') FROM campaign_timers WHERE id = :'t';
INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at, payload) VALUES (:'c', 'REWARD_REMINDER', :'start', '17') RETURNING id AS t \gset
SELECT is(pg_temp.error_of(format('SELECT reschedule_timer(%L, %L)', :'t', :'start')), NULL,
	'a timer whose payload is a number can be cancelled');
SAVEPOINT back;
INSERT INTO campaign_state_transitions (from_state, to_state) VALUES ('RUNNING', 'CREATED'), ('EXPIRED', 'CREATED');
SELECT create_campaign(1) AS c \gset
SELECT is(status, 'CREATED', 'a campaign begins in CREATED although transitions lead back into it') FROM campaigns WHERE id = :'c';
DELETE FROM campaign_timer_policies WHERE anchor = 'start_time';
SELECT is((pg_temp.diagnostics('SELECT create_campaign(1)')).code, '55000', 'unless nothing tells it from others');
ROLLBACK TO back;
CREATE FUNCTION pg_temp.suppress() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER suppress BEFORE INSERT ON campaigns FOR EACH ROW EXECUTE FUNCTION pg_temp.suppress();
SELECT is((pg_temp.diagnostics('SELECT create_campaign(1)')).code, '09000',
	'a trigger that suppresses the insert is an error, not a campaign that is NULL');
ROLLBACK TO back;
DELETE FROM campaigns;

SELECT * FROM finish();
ROLLBACK;
