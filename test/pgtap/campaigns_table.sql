-- The table campaigns has the columns, defaults, checks and indexes of docs/specification.md, each tried with values on
-- both sides of its edge. The statements are plain DML with unqualified names, as a user would type them.

BEGIN;
SELECT plan(74);
\ir lib/errors.psql

SELECT has_table('campaigns');
SELECT columns_are('campaigns', ARRAY['id', 'status', 'metadata', 'created_at', 'updated_at', 'start_time', 'end_time', 'duration_hours',
	'auto_close', 'rewards_enabled']);
SELECT col_is_pk('campaigns', 'id');

SELECT col_type_is('campaigns', 'id', 'uuid');
SELECT col_type_is('campaigns', 'status', 'character varying(20)');
SELECT col_type_is('campaigns', 'metadata', 'jsonb');
SELECT col_type_is('campaigns', 'created_at', 'timestamp with time zone');
SELECT col_type_is('campaigns', 'updated_at', 'timestamp with time zone');
SELECT col_type_is('campaigns', 'start_time', 'timestamp with time zone');
SELECT col_type_is('campaigns', 'end_time', 'timestamp with time zone');
SELECT col_type_is('campaigns', 'duration_hours', 'integer');
SELECT col_type_is('campaigns', 'auto_close', 'boolean');
SELECT col_type_is('campaigns', 'rewards_enabled', 'boolean');

SELECT col_not_null('campaigns', c) FROM unnest(ARRAY['id', 'status', 'metadata', 'created_at', 'updated_at', 'duration_hours', 'auto_close',
	'rewards_enabled']::name[]) AS c;
SELECT col_is_null('campaigns', 'start_time');
SELECT col_is_null('campaigns', 'end_time');
SELECT col_hasnt_default('campaigns', 'status');
SELECT col_hasnt_default('campaigns', 'duration_hours');
SELECT col_hasnt_default('campaigns', 'start_time');
SELECT col_hasnt_default('campaigns', 'end_time');

-- Defaults by what they give. An INSERT of the specification's own two mandatory columns is enough.
INSERT INTO campaigns (status, duration_hours) VALUES ('CREATED', 24);
SELECT is(metadata, '{}', 'metadata is {} by default') FROM campaigns;
SELECT is(created_at, now(), 'created_at is now() by default') FROM campaigns;
SELECT is(updated_at, now(), 'updated_at is now() by default') FROM campaigns;
SELECT is(auto_close, true, 'auto_close is true by default') FROM campaigns;
SELECT is(rewards_enabled, true, 'rewards_enabled is true by default') FROM campaigns;
SELECT is(start_time, NULL, 'start_time is NULL by default') FROM campaigns;
SELECT is(end_time, NULL, 'end_time is NULL without a start_time') FROM campaigns;
SELECT is(substr(id::text, 15, 1), '7', 'the default id is a UUID of version 7') FROM campaigns;
SELECT matches(substr(id::text, 20, 1), '[89ab]', 'of the variant of RFC 9562') FROM campaigns;
SELECT ok(abs(('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint - extract(epoch FROM clock_timestamp()) * 1000) < 60000,
	'the default id begins with the milliseconds of the clock') FROM campaigns;
DELETE FROM campaigns;

-- Chosen ids, as the specification's own applications give them.
INSERT INTO campaigns (id, status, duration_hours) VALUES ('11111111-1111-4111-8111-111111111111', 'CREATED', 1);
SELECT is(count(*), 1::bigint, 'an INSERT may give an id') FROM campaigns WHERE id = '11111111-1111-4111-8111-111111111111';
SELECT is(pg_temp.violation_of($$INSERT INTO campaigns (id, status, duration_hours) VALUES ('11111111-1111-4111-8111-111111111111', 'CREATED', 1)$$),
	'23505 campaigns_pkey', 'an id that is there is refused');
DELETE FROM campaigns;

-- Ids made at different milliseconds sort by time.
CREATE TEMPORARY TABLE made (n serial, id uuid);
DO $$
BEGIN
	FOR i IN 1 .. 20 LOOP
		WITH c AS (INSERT INTO campaigns (status, duration_hours) VALUES ('CREATED', 1) RETURNING id)
		INSERT INTO made (id) SELECT c.id FROM c;
		PERFORM pg_sleep(0.002);
	END LOOP;
END
$$;
SELECT is((SELECT array_agg(n ORDER BY id) FROM made), (SELECT array_agg(n ORDER BY n) FROM made),
	'ids sort by the time at which they were made');
DELETE FROM campaigns;

-- NULL where a value must be.
SELECT is(pg_temp.error_of($$INSERT INTO campaigns (duration_hours) VALUES (1); UPDATE campaigns SET status = NULL$$),
	'23502: null value in column "status" of relation "campaigns" violates not-null constraint', 'status must not be NULL');
SELECT is(pg_temp.error_of($$INSERT INTO campaigns (status) VALUES ('CREATED')$$),
	'23502: null value in column "duration_hours" of relation "campaigns" violates not-null constraint', 'duration_hours must be given');
SELECT is(pg_temp.error_of(format('INSERT INTO campaigns (status, duration_hours, %I) VALUES (''CREATED'', 1, NULL)', c)),
	format('23502: null value in column "%s" of relation "campaigns" violates not-null constraint', c), c || ' must not be NULL')
FROM unnest(ARRAY['id', 'metadata', 'created_at', 'updated_at', 'auto_close', 'rewards_enabled']) AS c;

-- valid_status
SELECT is(pg_temp.violation_of(format('INSERT INTO campaigns (status, duration_hours) VALUES (%L, 1)', s)), NULL, s || ' is a status')
FROM unnest(ARRAY['CREATED', 'RUNNING', 'CLOSED', 'REWARD_CLAIM', 'EXPIRED']) AS s;
SELECT is(pg_temp.violation_of(format('INSERT INTO campaigns (status, duration_hours) VALUES (%L, 1)', s)), '23514 valid_status', quote_literal(s) || ' is refused')
FROM unnest(ARRAY['created', 'DELETED', '', 'CREATED ', 'PENDING']) AS s;
SELECT is(pg_temp.error_of($$INSERT INTO campaigns (status, duration_hours) VALUES (repeat('X', 21), 1)$$),
	'22001: value too long for type character varying(20)', 'a status has at most 20 characters');

-- valid_duration, and the upper bound (100 years)
SELECT is(pg_temp.violation_of($$INSERT INTO campaigns (status, duration_hours) VALUES ('CREATED', 1)$$), NULL,
	'a duration of one hour is valid');
SELECT is(pg_temp.violation_of($$INSERT INTO campaigns (status, duration_hours) VALUES ('CREATED', 0)$$), '23514 valid_duration',
	'a duration of zero is refused');
SELECT is(pg_temp.violation_of($$INSERT INTO campaigns (status, duration_hours) VALUES ('CREATED', -1)$$), '23514 valid_duration',
	'a negative duration is refused');
SELECT is(pg_temp.violation_of($$INSERT INTO campaigns (status, duration_hours) VALUES ('CREATED', 876600)$$), NULL,
	'100 years are a duration');
SELECT is(pg_temp.violation_of($$INSERT INTO campaigns (status, duration_hours) VALUES ('CREATED', 876601)$$), '23514 valid_duration_limit',
	'a duration of an hour over 100 years is refused');

-- valid_time_range: the end comes after the start
SELECT isnt(pg_temp.violation_of($$INSERT INTO campaigns (status, duration_hours, start_time, end_time)
	VALUES ('CREATED', 1, '2026-01-01 10:00+00', '2026-01-01 10:00+00')$$), NULL, 'an end at the start is refused');
SELECT isnt(pg_temp.violation_of($$INSERT INTO campaigns (status, duration_hours, start_time, end_time)
	VALUES ('CREATED', 1, '2026-01-01 10:00+00', '2026-01-01 09:00+00')$$), NULL, 'an end before the start is refused');
SELECT is((SELECT array_agg(conname ORDER BY conname) FROM pg_constraint WHERE conrelid = 'campaigns'::regclass AND contype = 'c' AND convalidated
	AND conname IN ('valid_status', 'valid_duration', 'valid_time_range', 'calculated_end_time')),
	ARRAY['calculated_end_time', 'valid_duration', 'valid_status', 'valid_time_range']::name[], 'the specification''s checks have their names');
-- Which of two checks complains is the server's choice; this one alone:
ALTER TABLE campaigns DROP CONSTRAINT calculated_end_time;
SELECT is(pg_temp.violation_of($$INSERT INTO campaigns (status, duration_hours, start_time, end_time)
	VALUES ('CREATED', 1, '2026-01-01 10:00+00', '2026-01-01 10:00+00')$$), '23514 valid_time_range', 'valid_time_range refuses an end_time equal to the start_time');
SELECT is(pg_temp.violation_of($$INSERT INTO campaigns (status, duration_hours, start_time, end_time)
	VALUES ('CREATED', 1, '2026-01-01 10:00+00', '2026-01-01 10:00:00.000001+00')$$), NULL, 'valid_time_range takes an end_time a microsecond later');

-- Indexes: columns, not unique, no predicate.
SELECT is(pg_get_indexdef('idx_campaigns_status'::regclass), 'CREATE INDEX idx_campaigns_status ON public.campaigns USING btree (status)',
	'idx_campaigns_status');
SELECT is(pg_get_indexdef('idx_campaigns_start_time'::regclass), 'CREATE INDEX idx_campaigns_start_time ON public.campaigns USING btree (start_time)',
	'idx_campaigns_start_time');
SELECT is(pg_get_indexdef('idx_campaigns_end_time'::regclass), 'CREATE INDEX idx_campaigns_end_time ON public.campaigns USING btree (end_time)',
	'idx_campaigns_end_time');
SELECT is(pg_get_indexdef('idx_campaigns_created_at'::regclass), 'CREATE INDEX idx_campaigns_created_at ON public.campaigns USING btree (created_at)',
	'idx_campaigns_created_at');

SELECT isnt(obj_description('campaigns'::regclass), NULL, 'the table is explained by a comment');

SELECT * FROM finish();
ROLLBACK;
