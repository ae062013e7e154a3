-- A column is added without downtime and its old rows are filled in batches by backfill_column(), on the campaign
-- tables and on others (docs/specification.md, "Migration Strategy"). The test runs outside of a transaction, because
-- each batch commits; the database is dropped afterwards. test/t/050_backfill.pl has crashes and concurrent sessions.

SELECT no_plan();
\ir lib/errors.psql
SET client_min_messages = warning;

---- The specification's own example.

SELECT count(create_campaign(24, now() + interval '1 day')) FROM generate_series(1, 250) \g /dev/null
ALTER TABLE campaigns ADD COLUMN new_feature_flag boolean DEFAULT false;
ALTER TABLE campaigns ALTER COLUMN new_feature_flag SET DEFAULT true;
SELECT is((SELECT count(*) FROM campaigns WHERE new_feature_flag IS NULL), 0::bigint,
	'once the default is set no row is NULL, which is what the specification''s loop looks for');
SELECT count(*) AS log_rows FROM campaign_state_log \gset
CALL backfill_column('campaigns', 'new_feature_flag', 'true', 100, '0');
SELECT is((SELECT count(*) FROM campaigns WHERE new_feature_flag), 250::bigint,
	'every row that was there has the value');
SELECT is(b.*::text, format('(public.campaigns,new_feature_flag,finished,250,250,100,3,%s,true)', current_user),
	'campaign_backfills has the progress of the finished run')
FROM (SELECT relation, column_name, state, rows_seen, rows_changed, percentage, batches, run_by, value_expression FROM backfill_progress) AS b;
SELECT is((SELECT count(*) FROM campaign_state_log), :log_rows::bigint, 'the state log says nothing of it');
SELECT max(updated_at) AS stamp FROM campaigns \gset
CALL backfill_column('campaigns', 'new_feature_flag', 'true', 100, '0');
SELECT is((SELECT max(updated_at) FROM campaigns), :'stamp'::timestamptz, 'a second backfill writes no row');
SELECT is(rows_seen || ' ' || rows_changed, '250 0',
	'the record of the second backfill has 250 rows seen and none changed') FROM backfill_progress;

---- Any table, with or without a key.

CREATE SCHEMA "My Schema";
CREATE TABLE "My Schema"."Odd, table" ("Key 1" text, "key""2" date, "the value" numeric(6, 2), j json, PRIMARY KEY ("Key 1", "key""2"));
INSERT INTO "My Schema"."Odd, table" SELECT chr(97 + g % 26), date '2000-01-01' + g, NULL, NULL FROM generate_series(1, 1000) AS g;
SET datestyle = 'SQL, DMY';
CALL backfill_column('"My Schema"."Odd, table"', 'the value', '("key""2" - date ''2000-01-01'') / 3.0', 64, '0');
RESET datestyle;
SELECT is((SELECT count(*) FROM "My Schema"."Odd, table" WHERE "the value" = round(("key""2" - date '2000-01-01') / 3.0, 2)), 1000::bigint,
	'a composite key, odd names, another DateStyle');
CALL backfill_column('"My Schema"."Odd, table"', 'the value', '("key""2" - date ''2000-01-01'') / 3.0', 64, '0');
SELECT is(rows_changed, 0::bigint, 'a value is compared as the column keeps it') FROM backfill_progress WHERE column_name = 'the value';
CALL backfill_column('"My Schema"."Odd, table"', 'j', 'json_build_object(''k'', "Odd, table"."Key 1") -- with a comment', 500, '0');
SELECT is((SELECT count(*) FROM "My Schema"."Odd, table" WHERE j ->> 'k' = "Key 1"), 1000::bigint,
	'a type without equality, a comment, the table''s name in the expression');

CREATE TABLE counted (id integer PRIMARY KEY, n integer NOT NULL DEFAULT 0);
INSERT INTO counted SELECT g FROM generate_series(1, 1000) AS g;
CALL backfill_column('counted', 'n', 'n + 1', 7, '0');
SELECT results_eq('SELECT n, count(*) FROM counted GROUP BY n', 'VALUES (1, 1000::bigint)',
	'a backfill by a key changes each row once, also by an expression that would never end');

CREATE TABLE heap (a integer, b text);
INSERT INTO heap SELECT g, NULL FROM generate_series(1, 5000) AS g;
CALL backfill_column('heap', 'b', 'md5(a::text)', 100, '0');
SELECT is((SELECT count(*) FROM heap WHERE b = md5(a::text)), 5000::bigint, 'a backfill fills a table without a key');
SELECT ok(batches > 10 AND rows_changed = 5000, 'a backfill without a key works in batches of about the size asked for') FROM backfill_progress WHERE relation = 'public.heap';
INSERT INTO heap VALUES (0, NULL), (0, 'mine');
CALL backfill_column('heap', 'b', 'coalesce(b, gen_random_uuid()::text)', 100, '0');
SELECT results_eq('SELECT count(*) FILTER (WHERE b = md5(a::text)), count(*) FILTER (WHERE b = ''mine''), count(b) FROM heap', 'VALUES (5000::bigint, 1::bigint, 5002::bigint)',
	'coalesce() leaves filled rows alone');
CREATE TABLE empty (a integer);
CALL backfill_column('empty', 'a', '1');
SELECT is(state || ' ' || rows_seen, 'finished 0', 'a backfill of an empty table finishes') FROM backfill_progress WHERE relation = 'public.empty';

CREATE TABLE months (id bigint, at date, v integer, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE months_1 PARTITION OF months FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE months_default PARTITION OF months DEFAULT;
INSERT INTO months SELECT g, date '2026-01-01' + g % 60 FROM generate_series(1, 500) AS g;
CALL backfill_column('months', 'v', 'id * 2', 50, '0');
SELECT is((SELECT count(*) FROM months WHERE v = id * 2), 500::bigint, 'a partitioned table with a key');
CREATE TABLE keyless (id bigint, at date, v integer) PARTITION BY RANGE (at);
CREATE TABLE keyless_1 PARTITION OF keyless FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE keyless_default PARTITION OF keyless DEFAULT;
ALTER TABLE keyless_1 ADD PRIMARY KEY (id);
INSERT INTO keyless SELECT * FROM months;
CALL backfill_column('keyless', 'v', '-1', 50, '0');
SELECT is((SELECT count(*) FROM keyless WHERE v = -1), 500::bigint,
	'a partitioned table without one: each partition by its own key, or by blocks');
CREATE TABLE child () INHERITS (counted);
INSERT INTO child SELECT g, 5 FROM generate_series(1, 100) AS g;
CALL backfill_column('counted', 'n', '9', 33, '0');
SELECT is((SELECT count(*) FROM counted WHERE n = 9), 1100::bigint,
	'a backfill changes the rows of inheritance children');
CREATE DOMAIN percent AS integer CHECK (VALUE BETWEEN 0 AND 100);
CREATE TABLE typed (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), at timestamptz(0), p percent, tags text[], c char(5));
INSERT INTO typed SELECT FROM generate_series(1, 50);
CALL backfill_column('typed', 'at', '''2026-01-01 00:00:00.4+00''', 10, '0');
CALL backfill_column('typed', 'p', '7', 10, '0');
CALL backfill_column('typed', 'tags', 'ARRAY[id::text]', 10, '0');
CALL backfill_column('typed', 'c', '''ab''', 10, '0');
CALL backfill_column('typed', 'c', '''ab''', 10, '0');
SELECT is((SELECT count(*) FROM typed WHERE at = '2026-01-01 00:00:00+00' AND p = 7 AND tags[1] = id::text AND c = 'ab'), 50::bigint,
	'timestamps with precision, domains, arrays, padded text');
SELECT is(rows_changed, 0::bigint, 'padded text, again: no row is written') FROM backfill_progress WHERE column_name = 'c';

-- The caller's search_path is the expression's, and nothing else's.
CREATE SCHEMA planted;
CREATE FUNCTION planted.tenfold(integer) RETURNS integer LANGUAGE sql AS 'SELECT $1 * 10';
CREATE FUNCTION planted.trap(anyelement, anyelement) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'planted'; END $$;
CREATE FUNCTION planted.trap(bigint, integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'planted'; END $$;
CREATE OPERATOR planted.= (FUNCTION = planted.trap, LEFTARG = anyelement, RIGHTARG = anyelement);
CREATE OPERATOR planted.<> (FUNCTION = planted.trap, LEFTARG = anyelement, RIGHTARG = anyelement);
CREATE OPERATOR planted.> (FUNCTION = planted.trap, LEFTARG = anyelement, RIGHTARG = anyelement);
CREATE OPERATOR planted.> (FUNCTION = planted.trap, LEFTARG = bigint, RIGHTARG = integer);
CREATE FUNCTION planted.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'planted'; END $$;
CREATE FUNCTION planted.pg_sleep(float8) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'planted'; END $$;
SET search_path = planted, pg_catalog, public;
CALL public.backfill_column('public.counted', 'n', 'tenfold(id)', 100, '1 millisecond');
CALL public.backfill_column('public.heap', 'b', '''x''', 1000, '1 millisecond');
RESET search_path;
SELECT is((SELECT count(*) FROM counted WHERE n = id * 10), 1100::bigint,
	'operators and functions planted in the search_path are not ours to call, those of the expression are');

---- Calls that are refused before anything is changed.

SELECT is(left(pg_temp.error_of(c.call), length(c.error)), c.error, c.call)
FROM (VALUES
	('CALL backfill_column(NULL, ''n'', ''1'')', '22004: table_name must not be null'),
	('CALL backfill_column(''counted'', NULL, ''1'')', '22004: column_name must not be null'),
	('CALL backfill_column(''counted'', ''n'', NULL)', '22004: value_expression must not be null'),
	('CALL backfill_column(''counted'', ''n'', ''1'', NULL)', '22004: batch_size must not be null'),
	('CALL backfill_column(''counted'', ''n'', ''1'', 1, NULL)', '22004: pause must not be null'),
	('CALL backfill_column(''counted'', ''n'', ''1'', 0)', '22023: batch_size out of range: 0'),
	('CALL backfill_column(''counted'', ''n'', ''1'', -5)', '22023: batch_size out of range: -5'),
	('CALL backfill_column(''counted'', ''n'', ''1'', 1000001)', '22023: batch_size out of range: 1000001'),
	('CALL backfill_column(''counted'', ''n'', ''1'', 1, ''-1 second'')', '22023: pause out of range'),
	('CALL backfill_column(''counted'', ''n'', ''1'', 1, ''2 hours'')', '22023: pause out of range'),
	('CALL backfill_column(''nowhere'', ''n'', ''1'')', '42P01: relation "nowhere" does not exist'),
	('CALL backfill_column(1, ''n'', ''1'')', '42P01: table not found: 1'),
	('CALL backfill_column(''stuck_timers'', ''timer_type'', ''1'')', '42809: public.stuck_timers is not a table'),
	('CALL backfill_column(''counted'', ''nothing'', ''1'')', '42703: table public.counted has no column nothing'),
	('CALL backfill_column(''counted'', ''xmin'', ''1'')', '42P10: xmin is a system column')) AS c (call, error);
SELECT is(pg_temp.hint_of('CALL backfill_column(''counted'', ''nothing'', ''1'')'), 'Columns are id, n.',
	'the hint for an unknown column names the columns');
CREATE TABLE generated (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, twice integer GENERATED ALWAYS AS (1 + 1) STORED);
SELECT is(left(pg_temp.error_of('CALL backfill_column(''generated'', ''twice'', ''1'')'), 6), '428C9:',
	'a backfill refuses a generated column');
SELECT is(left(pg_temp.error_of('CALL backfill_column(''generated'', ''id'', ''1'')'), 6), '428C9:',
	'a backfill refuses an identity column');
CREATE FUNCTION pg_temp.backfills() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CALL backfill_column('counted', 'n', '1'); END $$;
\set ON_ERROR_STOP 0
\set VERBOSITY sqlstate
SELECT pg_temp.backfills();
\set refused :SQLSTATE
SELECT is(:'refused'::text, '2D000', 'a backfill refuses to run in a function');
BEGIN;
CALL backfill_column('counted', 'n', '1');
\set refused :SQLSTATE
ROLLBACK;
SELECT is(:'refused'::text, '25001', 'a backfill refuses to run in a transaction block');
-- Of the expression: CALL by itself, since in a function it could not commit anyway.
CALL backfill_column('counted', 'n', 'nothing + 1');
\set refused :SQLSTATE
SELECT is(:'refused'::text, '42703', 'an unknown column in the expression');
CALL backfill_column('counted', 'n', '1 +');
\set refused :SQLSTATE
SELECT is(:'refused'::text, '42601', 'a syntax error in the expression is refused');
CALL backfill_column('counted', 'n', '1) WHERE (true');
\set refused :SQLSTATE
SELECT is(:'refused'::text, '42601', 'more than one expression is refused');
CALL backfill_column('counted', 'n', ' ');
\set refused :SQLSTATE
SELECT is(:'refused'::text, '42601', 'an empty expression is refused');
CALL backfill_column('counted', 'n', 'now()');
\set refused :SQLSTATE
SELECT is(:'refused'::text, '42846', 'an expression of another type is refused');
CALL backfill_column('counted', 'n', 'sum(n)');
\set refused :SQLSTATE
SELECT is(:'refused'::text, '42803', 'an aggregate as expression is refused');
CALL backfill_column('heap', 'a', 'a + 1');
\set refused :SQLSTATE
SELECT is(:'refused'::text, '22023', 'without a key, an expression that would go on for ever');
CALL backfill_column('counted', 'n', '1 / (id - 500)', 100, '0');
\set refused :SQLSTATE
SELECT is(:'refused'::text, '22012', 'an error on a row ends the backfill');
SELECT is(state || ' ' || (rows_seen > 0), 'stopped true', 'the run that an error has ended is recorded as stopped') FROM backfill_progress WHERE relation = 'public.counted';
CREATE ROLE backfill_caller NOLOGIN;
GRANT USAGE ON SCHEMA public TO backfill_caller;
SET ROLE backfill_caller;
CALL backfill_column('counted', 'n', '1');
\set refused :SQLSTATE
RESET ROLE;
SELECT is(:'refused'::text, '42501', 'a role without a grant may not call backfill_column()');
SELECT grant_campaign_access('backfill_caller', 'operator') AS granted \gset
SET ROLE backfill_caller;
CALL backfill_column('counted', 'n', '1');
\set refused :SQLSTATE
RESET ROLE;
SELECT is(:'refused'::text, '42501',
	'a role that may call backfill_column() has no other privilege on the table than before');
GRANT SELECT, UPDATE ON heap TO backfill_caller;
SET ROLE backfill_caller;
CALL backfill_column('heap', 'b', 'current_user');
RESET ROLE;
SELECT is((SELECT array_agg(DISTINCT b) FROM heap), '{backfill_caller}', 'the expression runs as its caller');

SELECT * FROM finish();
