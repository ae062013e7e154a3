-- Months of the log are made ahead, in UTC, under the specification's names; rows that fell into the default partition
-- move into their months; objects that a user added to the log are on every month; a time that no month can hold breaks
-- nothing (docs/specification.md, "Partitioning Strategy").

BEGIN;
SELECT plan(52);
\ir lib/errors.psql

CREATE FUNCTION pg_temp.month_name(month timestamptz, archive boolean DEFAULT false) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN archive THEN 'campaign_state_log_archive' ELSE 'campaign_state_log' END || to_char(month AT TIME ZONE 'UTC', '"_y"YYYY"m"MM')
$$;
CREATE FUNCTION pg_temp.bounds(relation text) RETURNS text LANGUAGE sql SET timezone = 'UTC' SET datestyle = 'ISO' AS $$
	SELECT pg_get_expr(c.relpartbound, c.oid) FROM pg_class AS c WHERE c.oid = relation::regclass
$$;
CREATE FUNCTION pg_temp.rows_in(relation text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM ONLY %s', relation::regclass) INTO n;
	RETURN n;
END
$$;

---- what CREATE EXTENSION makes

SELECT is((SELECT relkind FROM pg_class WHERE oid = 'campaign_state_log'::regclass), 'p'::"char",
	'campaign_state_log is a partitioned table');
SELECT is(pg_get_partkeydef('campaign_state_log'::regclass), 'RANGE (created_at)',
	'campaign_state_log is partitioned by range of created_at');
SELECT has_table(pg_temp.month_name(now() + make_interval(months => m)), format('month %s from now is there', m)) FROM generate_series(0, 3) AS m;
SELECT is((SELECT count(*) FROM pg_inherits WHERE inhparent = 'campaign_state_log'::regclass), 5::bigint,
	'these and the default partition, no more');
SELECT is(pg_temp.bounds('campaign_state_log_default'), 'DEFAULT', 'campaign_state_log has a default partition');
SELECT is((SELECT count(*) FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e' AND objid IN (SELECT inhrelid FROM pg_inherits)), 0::bigint,
	'partitions are the user''s, not members of the extension');
SELECT has_function('create_monthly_partitions', ARRAY['integer', 'timestamp with time zone']);
SELECT function_returns('create_monthly_partitions', ARRAY['integer', 'timestamp with time zone'], 'integer');

SELECT create_campaign(24) AS campaign \gset
SELECT is((SELECT tableoid::regclass::text FROM campaign_state_log WHERE campaign_id = :'campaign'), pg_temp.month_name(now()),
	'a move is logged in its month');

---- months ahead

SELECT is(create_monthly_partitions(), 0, 'create_monthly_partitions() makes nothing in a new database');
SELECT is(create_monthly_partitions(5), 2, 'create_monthly_partitions(5) makes two months');
SELECT is(create_monthly_partitions(5), 0, 'create_monthly_partitions(5) makes nothing the second time');
SELECT is(create_monthly_partitions(0, '2031-02-10 00:00:00+00'), 1,
	'create_monthly_partitions() makes the month of the time given');
SELECT is(pg_temp.bounds('campaign_state_log_y2031m02'), 'FOR VALUES FROM (''2031-02-01 00:00:00+00'') TO (''2031-03-01 00:00:00+00'')',
	'from its first instant to the next month''s');
SET LOCAL timezone = 'America/New_York';
SELECT is(create_monthly_partitions(0, '2032-01-01 02:00:00+00'), 1, 'still December where the session is');
SELECT is(pg_temp.bounds('campaign_state_log_y2032m01'), 'FOR VALUES FROM (''2032-01-01 00:00:00+00'') TO (''2032-02-01 00:00:00+00'')',
	'months are bounded in UTC');
SELECT is(current_setting('TimeZone'), 'America/New_York',
	'create_monthly_partitions() keeps the time zone of the session');
SET LOCAL timezone = 'Pacific/Kiritimati';
SET LOCAL datestyle = 'German';
SELECT is(create_monthly_partitions(1, '2032-01-31 23:59:59.999999+00'), 1,
	'wherever that is, and however it writes dates');
SELECT is(pg_temp.bounds('campaign_state_log_y2032m02'), 'FOR VALUES FROM (''2032-02-01 00:00:00+00'') TO (''2032-03-01 00:00:00+00'')',
	'months follow one another without a gap');
RESET timezone;
RESET datestyle;

---- rows of months that had no partition

SET LOCAL session_replication_role = replica;
CREATE TABLE public.given AS
	SELECT gen_random_uuid() AS id, t.at::timestamptz AS created_at
	FROM (SELECT '2020-01-31 23:59:59.999999+00' UNION ALL SELECT '2020-02-01 00:00:00+00' UNION ALL SELECT '2020-02-29 12:00:00+00' UNION ALL SELECT '2021-07-15 00:00:00+00') AS t (at);
CREATE TABLE public.weird AS
	SELECT gen_random_uuid() AS id, t.at::timestamptz AS created_at
	FROM unnest(ARRAY['infinity', '-infinity', '0044-03-15 00:00:00+00 BC', '12026-01-01 00:00:00+00', '2099-01-01 00:00:00+00']) AS t (at);
INSERT INTO campaign_state_log (id, campaign_id, to_state, trigger_event, created_at)
	SELECT g.id, :'campaign', 'CREATED', 'TEST', g.created_at FROM (TABLE given UNION ALL TABLE weird) AS g;
SET LOCAL session_replication_role = origin;
SELECT is(pg_temp.rows_in('campaign_state_log_default'), 9::bigint,
	'rows of other months are in the default partition');

ALTER TABLE campaign_state_log ADD COLUMN note text DEFAULT 'none' CHECK (note <> '');
ALTER TABLE campaign_state_log ADD COLUMN shout text GENERATED ALWAYS AS (upper(note)) STORED;
ALTER TABLE campaign_state_log ADD CONSTRAINT young CHECK (created_at > '2021-01-01 00:00:00+00') NOT VALID;
CREATE INDEX of_the_user ON campaign_state_log (note);
CREATE FUNCTION pg_temp.refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'nothing is deleted from the log'; END$$;
CREATE TRIGGER keep_all BEFORE DELETE ON campaign_state_log FOR EACH ROW EXECUTE FUNCTION pg_temp.refuse();
ALTER TABLE campaign_state_log_default ENABLE ALWAYS TRIGGER keep_all;
SELECT is(create_monthly_partitions(), 3, 'a month for each that rows need');
SELECT results_eq('SELECT l.tableoid::regclass::text COLLATE "C", l.id, l.created_at, l.note, l.shout FROM campaign_state_log AS l JOIN given USING (id) ORDER BY l.created_at',
	'SELECT pg_temp.month_name(g.created_at) COLLATE "C", g.id, g.created_at, ''none''::text, ''NONE''::text FROM given AS g ORDER BY g.created_at',
	'each row moves from the default partition into its month, with the user''s columns');
SELECT results_eq('SELECT id FROM campaign_state_log_default ORDER BY id', 'SELECT id FROM weird ORDER BY id',
	'rows that no month can hold stay in the default partition');
SELECT is((SELECT count(*) FROM campaign_state_log AS l), 10::bigint, 'no row is lost or doubled');
SELECT is((SELECT tgenabled FROM pg_trigger WHERE tgrelid = 'campaign_state_log_default'::regclass AND tgname = 'keep_all'), 'A'::"char",
	'a user''s trigger did not see them move, and is as it was');
SELECT has_trigger('campaign_state_log_y2020m01', 'keep_all', 'a trigger of the user''s on the log is on new months too');
SELECT is((SELECT count(*) FROM pg_index AS i WHERE i.indrelid = 'campaign_state_log_y2020m01'::regclass), 5::bigint,
	'new months have all indexes of the log');
SELECT is(pg_temp.violation_of(format('INSERT INTO campaign_state_log (campaign_id, to_state, trigger_event, created_at, note) VALUES (%L, %L, %L, %L, %L)',
	:'campaign', 'RUNNING', 'TEST', '2021-07-01', '')), '23514 campaign_state_log_note_check', 'new months have the CHECKs of the log');
SELECT is((pg_temp.diagnostics(format('INSERT INTO campaign_state_log (campaign_id, to_state, trigger_event, created_at) VALUES (%L, %L, %L, %L)',
	gen_random_uuid(), 'RUNNING', 'TEST', '2021-07-01'))).code, '23503', 'new months have the foreign key of the log');
SELECT is((SELECT convalidated FROM pg_constraint WHERE conrelid = 'campaign_state_log_y2020m01'::regclass AND conname = 'young'), false,
	'a check that is NOT VALID stays so');
SELECT is((SELECT array_agg(DISTINCT c.relowner) FROM pg_class AS c WHERE c.oid IN (SELECT relid FROM pg_partition_tree('campaign_state_log'))),
	(SELECT ARRAY[c.relowner] FROM pg_class AS c WHERE c.oid = 'campaign_state_log'::regclass), 'all partitions have the owner of the log');
SELECT is(create_monthly_partitions(), 0, 'create_monthly_partitions() makes nothing when all months are there');

---- when the future comes

SELECT is(create_monthly_partitions(0, '2099-01-05 00:00:00+00'), 1,
	'the month of a row from the future is made in its time');
SELECT is(pg_temp.rows_in('campaign_state_log_y2099m01'), 1::bigint, 'a month far ahead has the row of its time');

---- other hands

CREATE TABLE campaign_state_log_h2041 PARTITION OF campaign_state_log FOR VALUES FROM ('2041-01-01 00:00:00+00') TO ('2041-06-15 00:00:00+00');
SELECT is(create_monthly_partitions(0, '2041-03-01 00:00:00+00'), 0,
	'a month that a partition of the user''s covers is left alone');
SELECT is(create_monthly_partitions(2, '2041-04-01 00:00:00+00'), 0, 'one of which it has a part, too');
SELECT is(create_monthly_partitions(1, '2041-06-01 00:00:00+00'), 1,
	'create_monthly_partitions() makes the next month');
CREATE TABLE campaign_state_log_y2042m01 (n integer);
SELECT is(create_monthly_partitions(0, '2042-01-01 00:00:00+00'), 1,
	'create_monthly_partitions() makes a month whose name is taken');
SELECT has_table('campaign_state_log_y2042m01_2', 'the month whose name is taken gets a number');

CREATE ROLE maintenance_owner;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO maintenance_owner;
SELECT set_campaign_owner('maintenance_owner');
SELECT create_monthly_partitions(0, '2043-01-01 00:00:00+00') AS by_superuser \gset
SELECT is((SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'campaign_state_log_y2043m01'::regclass), 'maintenance_owner'::name,
	'a month that a superuser makes belongs to the owner of the log');
SET LOCAL ROLE maintenance_owner;
SELECT create_monthly_partitions(1, '2043-01-01 00:00:00+00') AS by_owner \gset
RESET ROLE;
SELECT is(:by_owner, 1, 'a plain role that owns the tables can do it');
CREATE ROLE maintenance_stranger;
SELECT is(has_function_privilege('maintenance_stranger', 'create_monthly_partitions(integer, timestamptz)', 'EXECUTE'), false,
	'another role may not call create_monthly_partitions()');

---- errors

SELECT is(pg_temp.error_of('SELECT create_monthly_partitions(-1)'), '22023: months_ahead out of range: -1',
	'create_monthly_partitions() refuses a negative number');
SELECT is(pg_temp.error_of('SELECT create_monthly_partitions(121)'), '22023: months_ahead out of range: 121',
	'create_monthly_partitions() refuses more than ten years');
SELECT is(pg_temp.error_of('SELECT create_monthly_partitions(NULL)'), '22004: months_ahead must not be null',
	'create_monthly_partitions() refuses NULL as number');
SELECT is(pg_temp.error_of('SELECT create_monthly_partitions(3, NULL)'), '22004: as_of must not be null',
	'create_monthly_partitions() refuses NULL as time');
SELECT is(pg_temp.error_of('SELECT create_monthly_partitions(3, ''infinity'')'), '22008: as_of out of range: infinity',
	'create_monthly_partitions() refuses infinity as time');
SELECT is(pg_temp.error_of('SELECT create_monthly_partitions(3, ''9950-01-01 00:00:00+00'')'), '22008: as_of out of range: 9950-01-01 00:00:00+00',
	'create_monthly_partitions() refuses a time near the year 10000');
SELECT isnt(pg_temp.hint_of('SELECT create_monthly_partitions(-1)'), '', 'the error of a negative number has a hint');

SELECT * FROM finish();
ROLLBACK;
