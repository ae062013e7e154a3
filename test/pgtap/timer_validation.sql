-- A timer is refused for an expired campaign, and more than a minute in the past (docs/specification.md, "Timer
-- Validation"), but only while it would still wait, so that history can be imported. The specification's messages keep
-- their text and SQLSTATE; constraint name and hint are added.

BEGIN;
SELECT plan(39);
\ir lib/errors.psql

SELECT has_function('validate_timer_schedule', ARRAY[]::name[]);
SELECT function_returns('validate_timer_schedule', ARRAY[]::name[], 'trigger');
SELECT function_lang_is('validate_timer_schedule', ARRAY[]::name[], 'c');
SELECT is(tgfoid::regproc::text, 'validate_timer_schedule', 'the trigger validate_timer_scheduling calls validate_timer_schedule()') FROM pg_trigger
WHERE tgrelid = 'campaign_timers'::regclass AND tgname = 'validate_timer_scheduling';
SELECT matches(pg_get_triggerdef(t.oid), 'BEFORE INSERT ON public.campaign_timers FOR EACH ROW', 'the trigger fires before each inserted row') FROM pg_trigger AS t
WHERE tgrelid = 'campaign_timers'::regclass AND tgname = 'validate_timer_scheduling';

INSERT INTO campaigns (id, status, duration_hours)
SELECT v.id::uuid, v.status, 1
FROM (VALUES ('11111111-1111-4111-8111-111111111111', 'CREATED'), ('22222222-2222-4222-8222-222222222222', 'RUNNING'), ('33333333-3333-4333-8333-333333333333', 'CLOSED'),
	('44444444-4444-4444-8444-444444444444', 'REWARD_CLAIM'), ('55555555-5555-4555-8555-555555555555', 'EXPIRED')) AS v (id, status);
CREATE FUNCTION pg_temp.timer(campaign text, at text, status text DEFAULT 'PENDING') RETURNS text LANGUAGE sql AS $$
	SELECT format('INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at, status) VALUES ((%L || substr(''%s-%s-4%s-8%s-%s'', 2))::uuid, ''EXPIRE_CAMPAIGN'', %s, %L)',
		campaign, repeat(campaign, 8), repeat(campaign, 4), repeat(campaign, 3), repeat(campaign, 3), repeat(campaign, 12), at, status)
$$;

-- For expired campaigns
SELECT is(pg_temp.error_of(pg_temp.timer(c, 'now() + interval ''1 hour''')), NULL, 'a timer for campaign ' || c) FROM unnest(ARRAY['1', '2', '3', '4']) AS c;
SELECT is(pg_temp.error_of(pg_temp.timer('5', 'now() + interval ''1 hour''', s)),
	'P0001: Cannot schedule timer for expired campaign: 55555555-5555-4555-8555-555555555555', 'no ' || s || ' timer for an expired campaign')
FROM unnest(ARRAY['PENDING', 'RUNNING', 'FAILED']) AS s;
SELECT is(pg_temp.violation_of(pg_temp.timer('5', 'now()')), 'P0001 validate_timer_scheduling',
	'the error for an expired campaign has a constraint name');
SELECT isnt(pg_temp.hint_of(pg_temp.timer('5', 'now()')), '', 'the error for an expired campaign has a hint');
SELECT is(pg_temp.error_of(pg_temp.timer('5', 'now() - interval ''1 year''', s)), NULL, 'a timer that is ' || s || ' is history, also of an expired campaign')
FROM unnest(ARRAY['COMPLETED', 'CANCELLED']) AS s;

-- In the past, with a minute of tolerance
DELETE FROM campaign_timers;
SELECT is(pg_temp.error_of(pg_temp.timer('1', 'now() - interval ''1 minute''')), NULL,
	'a time up to a minute in the past is tolerated');
DELETE FROM campaign_timers;
SELECT is(pg_temp.error_of(pg_temp.timer('1', 'now() - interval ''1 minute 0.000001 seconds''', s)),
	'P0001: Cannot schedule timer in the past: ' || now() - interval '1 minute 0.000001 seconds', 'a microsecond more is not, ' || s)
FROM unnest(ARRAY['PENDING', 'RUNNING', 'FAILED']) AS s;
SELECT is(pg_temp.violation_of(pg_temp.timer('1', 'now() - interval ''1 hour''')), 'P0001 validate_timer_scheduling',
	'the error for a time in the past has a constraint name');
SELECT isnt(pg_temp.hint_of(pg_temp.timer('1', 'now() - interval ''1 hour''')), '',
	'the error for a time in the past has a hint');
SELECT is(pg_temp.error_of(pg_temp.timer('1', 'now() - interval ''10 years''', s)), NULL, 'a timer of long ago that is ' || s || ' can be imported')
FROM unnest(ARRAY['COMPLETED', 'CANCELLED']) AS s;
SELECT is((pg_temp.diagnostics(pg_temp.timer('1', quote_literal('-infinity')))).code, '22008',
	'-infinity as time is out of range');

-- A dead letter waits no more than a cancelled timer does.
CREATE FUNCTION pg_temp.failed(campaign uuid, retries integer) RETURNS text LANGUAGE sql AS $$
	SELECT format('INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at, status, retry_count) VALUES (%L, ''EXPIRE_CAMPAIGN'', now() - interval ''1 year'', ''FAILED'', %s)',
		campaign, retries)
$$;
SELECT is((pg_temp.diagnostics(pg_temp.failed(c::uuid, 4))).code, 'P0001', 'FAILED with an attempt left still waits') FROM unnest(ARRAY['11111111-1111-4111-8111-111111111111', '55555555-5555-4555-8555-555555555555']) AS c;
SELECT is(pg_temp.error_of(pg_temp.failed(c::uuid, 5)), NULL, 'FAILED with none is history') FROM unnest(ARRAY['11111111-1111-4111-8111-111111111111', '55555555-5555-4555-8555-555555555555']) AS c;

-- Beyond all calendars
SELECT is((pg_temp.diagnostics(pg_temp.timer('1', quote_literal(t)))).code, '22008', t || ' is out of range')
FROM unnest(ARRAY['infinity', '10000-01-01 00:00+00', '200000-01-01 00:00+00']) AS t;
SELECT isnt(pg_temp.hint_of(pg_temp.timer('1', quote_literal('infinity'))), '', 'the error for infinity has a hint');
SELECT is(pg_temp.error_of(pg_temp.timer('1', quote_literal('9999-12-31 23:59:59.999999+00'))), NULL,
	'the last microsecond of 9999 can be scheduled');

-- The check is of the row as it is inserted; later updates are plain.
DELETE FROM campaign_timers;
INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) VALUES ('22222222-2222-4222-8222-222222222222', 'CLOSE_CAMPAIGN', now() + interval '1 hour');
SELECT is(pg_temp.error_of('UPDATE campaign_timers SET scheduled_at = now() - interval ''1 day'''), NULL,
	'an UPDATE may move a timer anywhere');
-- Several rows: the bad one stops the statement, nothing remains.
DELETE FROM campaign_timers;
SELECT is((pg_temp.diagnostics($$INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) VALUES
	('22222222-2222-4222-8222-222222222222', 'CLOSE_CAMPAIGN', now()), ('22222222-2222-4222-8222-222222222222', 'EXPIRE_CAMPAIGN', now() - interval '1 day')$$)).code,
	'P0001', 'an INSERT of two timers fails for one of them');
SELECT is((SELECT count(*) FROM campaign_timers), 0::bigint, 'the failed INSERT leaves no timer');
-- An unknown campaign is the foreign key's to refuse.
SELECT is((pg_temp.diagnostics($$INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) VALUES ('66666666-6666-4666-8666-666666666666', 'CLOSE_CAMPAIGN', now())$$)).code,
	'23503', 'a timer for no campaign at all');
-- A terminal state is one without an outgoing row, not a name.
INSERT INTO campaign_state_transitions (from_state, to_state) VALUES ('EXPIRED', 'CREATED');
SELECT is(pg_temp.error_of(pg_temp.timer('5', 'now() + interval ''1 hour''')), NULL,
	'when the machine lets EXPIRED go on, its timers are taken');

SELECT * FROM finish();
ROLLBACK;
