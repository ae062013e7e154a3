-- The end follows from start and duration, one timer of a type waits, and a campaign moves along the state machine only
-- (docs/specification.md, "Business Rule Constraints"). end_time is filled in and follows, it needs a start, and only a
-- changed status is checked.

BEGIN;
SELECT plan(80);
\ir lib/errors.psql

---- calculated_end_time

INSERT INTO campaigns (id, status, duration_hours, start_time) VALUES ('11111111-1111-4111-8111-111111111111', 'CREATED', 24, '2026-05-01 10:00+00');
SELECT is(end_time, '2026-05-02 10:00+00', 'end_time is filled in from start_time and duration_hours') FROM campaigns;
UPDATE campaigns SET duration_hours = 48;
SELECT is(end_time, '2026-05-03 10:00+00', 'end_time follows a new duration') FROM campaigns;
UPDATE campaigns SET start_time = '2026-06-01 10:00+00';
SELECT is(end_time, '2026-06-03 10:00+00', 'end_time follows a new start') FROM campaigns;
UPDATE campaigns SET start_time = '2026-07-01 10:00+00', duration_hours = 1;
SELECT is(end_time, '2026-07-01 11:00+00', 'end_time follows a new start and duration') FROM campaigns;
UPDATE campaigns SET start_time = '2026-08-01 10:00+00', end_time = '2026-08-01 11:00+00';
SELECT is(end_time, '2026-08-01 11:00+00', 'the right end may be given') FROM campaigns;
SELECT is(pg_temp.violation_of($$UPDATE campaigns SET end_time = end_time + interval '1 second'$$), '23514 calculated_end_time',
	'an UPDATE with a wrong end_time is refused');
SELECT is(pg_temp.violation_of($$UPDATE campaigns SET start_time = '2026-09-01 10:00+00', end_time = '2026-09-01 12:00+00'$$), '23514 calculated_end_time',
	'an UPDATE with a new start and a wrong end_time is refused');
SELECT is(pg_temp.violation_of($$INSERT INTO campaigns (status, duration_hours, start_time, end_time) VALUES ('CREATED', 2, '2026-05-01 10:00+00', '2026-05-01 11:00+00')$$),
	'23514 calculated_end_time', 'an INSERT with a wrong end_time is refused');
SELECT is(pg_temp.violation_of($$INSERT INTO campaigns (status, duration_hours, start_time, end_time) VALUES ('CREATED', 2, '2026-05-01 10:00+00', '2026-05-01 12:00+00')$$),
	NULL, 'the specification''s own INSERT, with its end, is taken');
SELECT is(end_time, '2026-08-01 11:00+00', 'refused statements change nothing') FROM campaigns WHERE id = '11111111-1111-4111-8111-111111111111';
UPDATE campaigns SET start_time = NULL WHERE id = '11111111-1111-4111-8111-111111111111';
SELECT is(end_time, NULL, 'end_time is NULL without a start_time') FROM campaigns WHERE id = '11111111-1111-4111-8111-111111111111';
SELECT is(pg_temp.violation_of($$INSERT INTO campaigns (status, duration_hours, end_time) VALUES ('CREATED', 2, '2026-05-01 12:00+00')$$), '23514 end_time_needs_start_time',
	'an end without a start is refused');
SELECT is((pg_temp.diagnostics($$INSERT INTO campaigns (status, duration_hours, start_time, end_time) VALUES ('CREATED', 2, '2026-05-01 10:00+00', 'infinity')$$)).code,
	'23514', 'an INSERT with an infinite end_time is refused');
SELECT is((pg_temp.diagnostics(format('INSERT INTO campaigns (status, duration_hours, start_time) VALUES (''CREATED'', 2, %L)', t))).code, '22008', 'a start at ' || t || ' is out of range')
FROM unnest(ARRAY['infinity', '-infinity', '200000-01-01 00:00+00', '10000-01-01 00:00+00', '1969-12-31 23:59:59+00']) AS t;
SELECT is((pg_temp.diagnostics($$UPDATE campaigns SET start_time = 'infinity'$$)).code, '22008',
	'an UPDATE to an infinite start is out of range');

-- Hours are hours, whatever the clocks do.
DELETE FROM campaigns;
SET LOCAL timezone = 'Europe/Lisbon';
INSERT INTO campaigns (status, duration_hours, start_time) VALUES ('CREATED', 24, '2026-10-24 12:00+01');
SELECT is(end_time AT TIME ZONE 'UTC', '2026-10-25 11:00',
	'24 hours over the end of summer time are 24 hours') FROM campaigns;
SET LOCAL timezone = 'Australia/Lord_Howe';
UPDATE campaigns SET metadata = '{"checked": "again"}';
SELECT is(end_time AT TIME ZONE 'UTC', '2026-10-25 11:00',
	'the row passes its checks in another time zone') FROM campaigns;
SET LOCAL timezone = 'UTC';

---- unique_active_timer_per_type

SELECT is(pg_get_indexdef('unique_active_timer_per_type'::regclass),
	'CREATE UNIQUE INDEX unique_active_timer_per_type ON public.campaign_timers USING btree (campaign_id, timer_type) '
	|| 'WHERE ((status)::text = ANY ((ARRAY[''PENDING''::character varying, ''RUNNING''::character varying])::text[]))', 'unique_active_timer_per_type');
DELETE FROM campaigns;
INSERT INTO campaigns (id, status, duration_hours) VALUES ('11111111-1111-4111-8111-111111111111', 'RUNNING', 24), ('22222222-2222-4222-8222-222222222222', 'RUNNING', 24);
-- Two timers of one type, one status beside another: which pairs may stand together.
CREATE FUNCTION pg_temp.beside(first text, second text, retries integer DEFAULT 0) RETURNS text LANGUAGE sql AS $$
	SELECT (pg_temp.diagnostics(format('DELETE FROM campaign_timers; INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at, status, retry_count) VALUES
		(''11111111-1111-4111-8111-111111111111'', ''CLOSE_CAMPAIGN'', now(), %L, %s), (''11111111-1111-4111-8111-111111111111'', ''CLOSE_CAMPAIGN'', now(), %L, 0)',
		first, retries, second))).code
$$;
SELECT is(pg_temp.beside(a, b), '23505', a || ' beside ' || b) FROM unnest(ARRAY['PENDING', 'RUNNING']) AS a, unnest(ARRAY['PENDING', 'RUNNING']) AS b;
SELECT is(pg_temp.beside(a, b), NULL, a || ' beside ' || b) FROM unnest(ARRAY['COMPLETED', 'CANCELLED']) AS a, unnest(ARRAY['PENDING', 'RUNNING', 'COMPLETED', 'CANCELLED', 'FAILED']) AS b;
SELECT is(pg_temp.beside('FAILED', b, 4), '23505', 'FAILED with an attempt left beside ' || b) FROM unnest(ARRAY['PENDING', 'RUNNING', 'FAILED']) AS b;
SELECT is(pg_temp.beside('FAILED', b, 5), NULL, 'a dead one beside ' || b) FROM unnest(ARRAY['PENDING', 'RUNNING', 'FAILED']) AS b;
DELETE FROM campaign_timers;
INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) VALUES ('11111111-1111-4111-8111-111111111111', 'CLOSE_CAMPAIGN', now() + interval '1 hour');
SELECT is(pg_temp.violation_of($$INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) VALUES ('11111111-1111-4111-8111-111111111111', 'CLOSE_CAMPAIGN', now())$$),
	'23505 unique_active_timer_per_type', 'the specification''s index is the one that speaks');
SELECT is(pg_temp.error_of($$INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) VALUES ('11111111-1111-4111-8111-111111111111', 'EXPIRE_CAMPAIGN', now()),
	('22222222-2222-4222-8222-222222222222', 'CLOSE_CAMPAIGN', now())$$), NULL, 'another type, or another campaign, is free');

---- validate_state_transition

SELECT has_function('validate_state_transition', ARRAY[]::name[]);
SELECT function_returns('validate_state_transition', ARRAY[]::name[], 'trigger');
SELECT is(tgfoid::regproc::text, 'validate_state_transition', 'the trigger validate_campaign_state_transition calls validate_state_transition()') FROM pg_trigger
WHERE tgrelid = 'campaigns'::regclass AND tgname = 'validate_campaign_state_transition';
SELECT matches(pg_get_triggerdef(t.oid), 'BEFORE UPDATE ON public.campaigns FOR EACH ROW', 'the trigger fires before each updated row') FROM pg_trigger AS t
WHERE tgrelid = 'campaigns'::regclass AND tgname = 'validate_campaign_state_transition';

-- Every pair of states, by plain UPDATE: the six of the specification, the five that change nothing, and no other.
DELETE FROM campaigns;
CREATE FUNCTION pg_temp.try(from_state text, to_state text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	outcome text;
BEGIN
	INSERT INTO campaigns (id, status, duration_hours) VALUES ('11111111-1111-4111-8111-111111111111', from_state, 1);
	outcome := coalesce(pg_temp.error_of(format('UPDATE campaigns SET status = %L', to_state)), 'moves');
	IF (outcome = 'moves') <> (SELECT c.status = to_state FROM campaigns AS c) AND from_state <> to_state THEN
		outcome := 'the row says otherwise';
	END IF;
	DELETE FROM campaigns;
	RETURN outcome;
END
$$;
SELECT is(pg_temp.try(a, b),
	CASE WHEN (a, b) IN (('CREATED', 'RUNNING'), ('RUNNING', 'CLOSED'), ('CLOSED', 'REWARD_CLAIM'), ('REWARD_CLAIM', 'EXPIRED'), ('RUNNING', 'EXPIRED'), ('CLOSED', 'EXPIRED')) OR a = b
		THEN 'moves' ELSE format('P0001: Invalid state transition from %s to %s', a, b) END, a || ' to ' || b)
FROM unnest(ARRAY['CREATED', 'RUNNING', 'CLOSED', 'REWARD_CLAIM', 'EXPIRED']) AS a, unnest(ARRAY['CREATED', 'RUNNING', 'CLOSED', 'REWARD_CLAIM', 'EXPIRED']) AS b;
INSERT INTO campaigns (id, status, duration_hours) VALUES ('11111111-1111-4111-8111-111111111111', 'RUNNING', 1);
SELECT is(pg_temp.violation_of('UPDATE campaigns SET status = ''CREATED'''), 'P0001 valid_state_transition',
	'an illegal transition has a constraint name');
SELECT is(pg_temp.hint_of('UPDATE campaigns SET status = ''CREATED'''), 'From RUNNING a campaign can change to CLOSED, EXPIRED.',
	'the hint names the legal transitions');
UPDATE campaigns SET status = 'EXPIRED';
SELECT is(pg_temp.hint_of('UPDATE campaigns SET status = ''CREATED'''), 'EXPIRED is a terminal state.',
	'the hint of a terminal state says that it is one');
-- A transition that was legal in a subtransaction is illegal when that was rolled back.
CREATE FUNCTION pg_temp.undone(campaign uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	BEGIN
		INSERT INTO campaign_state_transitions (from_state, to_state) VALUES ('CREATED', 'CLOSED');
		UPDATE campaigns SET status = 'CLOSED', duration_hours = -1 WHERE id = campaign;
	EXCEPTION WHEN check_violation THEN
		NULL;
	END;
	UPDATE campaigns SET status = 'CLOSED' WHERE id = campaign;
	RETURN 'it has moved';
EXCEPTION WHEN raise_exception THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN hint;
END
$$;
INSERT INTO campaigns (status, duration_hours) VALUES ('CREATED', 1) RETURNING id AS undone \gset
SELECT is(pg_temp.undone(:'undone'), 'From CREATED a campaign can change to RUNNING.',
	'a transition that was added and undone');
DELETE FROM campaigns WHERE id = :'undone';
SELECT is((pg_temp.diagnostics('UPDATE campaigns SET status = ''DELETED''')).code, 'P0001',
	'an unknown status is no transition');

-- One bad row of many stops the statement.
DELETE FROM campaigns;
INSERT INTO campaigns (status, duration_hours) VALUES ('CREATED', 1), ('CREATED', 1), ('CLOSED', 1);
SELECT is(pg_temp.error_of('UPDATE campaigns SET status = ''RUNNING'''), 'P0001: Invalid state transition from CLOSED to RUNNING',
	'an UPDATE of three rows fails for one illegal transition');
SELECT is((SELECT array_agg(status ORDER BY status) FROM campaigns), ARRAY['CLOSED', 'CREATED', 'CREATED']::varchar[],
	'the failed UPDATE leaves all three rows as they were');

SELECT * FROM finish();
ROLLBACK;
