-- updated_at is set by the clock and is always later than before (docs/specification.md, "Auto-Update Timestamps"). So
-- several moves of one transaction, a transaction that began earlier, and a clock set back all keep their order.

BEGIN;
SELECT plan(24);
\ir lib/errors.psql

SELECT has_function('update_updated_at_column', ARRAY[]::name[]);
SELECT function_returns('update_updated_at_column', ARRAY[]::name[], 'trigger');
SELECT is(pg_get_triggerdef(t.oid), 'CREATE TRIGGER update_campaigns_updated_at BEFORE UPDATE ON public.campaigns FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()',
	'campaigns has the specification''s trigger')
FROM pg_trigger AS t WHERE t.tgrelid = 'campaigns'::regclass AND t.tgname = 'update_campaigns_updated_at';
SELECT is(pg_get_triggerdef(t.oid),
	'CREATE TRIGGER update_campaign_timers_updated_at BEFORE UPDATE ON public.campaign_timers FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()',
	'campaign_timers has the specification''s trigger')
FROM pg_trigger AS t WHERE t.tgrelid = 'campaign_timers'::regclass AND t.tgname = 'update_campaign_timers_updated_at';
SELECT is((SELECT array_agg(t.tgname ORDER BY t.tgname) FROM pg_trigger AS t
		WHERE t.tgrelid IN ('campaigns'::regclass, 'campaign_timers'::regclass) AND NOT t.tgisinternal
			AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_trigger'::regclass AND d.objid = t.oid AND d.deptype = 'x')),
	NULL, 'every trigger goes with the extension and leaves its table');

-- The clock, not the transaction's time.
INSERT INTO campaigns (id, status, duration_hours) VALUES ('11111111-1111-4111-8111-111111111111', 'CREATED', 24);
SELECT is(updated_at, now(), 'an INSERT sets updated_at to now()') FROM campaigns;
UPDATE campaigns SET metadata = '{"a": 1}';
SELECT ok(updated_at > now() AND updated_at <= clock_timestamp(),
	'an UPDATE sets updated_at to the clock') FROM campaigns;
SELECT updated_at AS first FROM campaigns \gset
UPDATE campaigns SET metadata = metadata;
SELECT ok(updated_at > :'first', 'an UPDATE that changes nothing sets updated_at') FROM campaigns;
UPDATE campaigns SET updated_at = '2000-01-01 00:00+00';
SELECT ok(updated_at > :'first', 'an UPDATE overrides the updated_at that it is given') FROM campaigns;
SELECT is(created_at, now(), 'an UPDATE leaves created_at as it was') FROM campaigns;

-- A thousand updates in a row: each later than the one before.
DO $$
DECLARE
	before timestamptz;
	after timestamptz;
BEGIN
	FOR i IN 1 .. 1000 LOOP
		SELECT c.updated_at INTO before FROM campaigns AS c;
		UPDATE campaigns SET auto_close = auto_close RETURNING updated_at INTO after;
		IF after <= before THEN
			RAISE EXCEPTION 'not later: % after %', after, before;
		END IF;
	END LOOP;
END
$$;
SELECT pass('a thousand updates in a row are in order');

-- A clock set back, seen as a stamp of the future.
INSERT INTO campaigns (id, status, duration_hours, updated_at) VALUES ('22222222-2222-4222-8222-222222222222', 'CREATED', 24, '2999-01-01 00:00+00');
UPDATE campaigns SET auto_close = false WHERE id = '22222222-2222-4222-8222-222222222222';
SELECT is(updated_at, '2999-01-01 00:00:00.000001+00', 'a microsecond later when the clock is behind') FROM campaigns WHERE id = '22222222-2222-4222-8222-222222222222';
UPDATE campaigns SET status = 'RUNNING' WHERE id = '22222222-2222-4222-8222-222222222222';
SELECT is(updated_at, '2999-01-01 00:00:00.000002+00', 'the next update is a microsecond later again') FROM campaigns WHERE id = '22222222-2222-4222-8222-222222222222';
INSERT INTO campaigns (id, status, duration_hours, updated_at) VALUES ('33333333-3333-4333-8333-333333333333', 'CREATED', 24, 'infinity');
UPDATE campaigns SET auto_close = false WHERE id = '33333333-3333-4333-8333-333333333333';
SELECT ok(updated_at <= clock_timestamp(), 'from infinity back to the clock') FROM campaigns WHERE id = '33333333-3333-4333-8333-333333333333';

-- Timers
INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) VALUES ('11111111-1111-4111-8111-111111111111', 'START_CAMPAIGN', now() + interval '1 hour');
SELECT is(updated_at, now(), 'a timer''s INSERT takes the default') FROM campaign_timers;
UPDATE campaign_timers SET payload = '{"a": 1}';
SELECT ok(updated_at > now() AND updated_at <= clock_timestamp(),
	'an UPDATE of a timer sets updated_at to the clock') FROM campaign_timers;

-- Any table with updated_at can use it, wherever the column stands, dropped columns before it included.
CREATE TABLE gone_by (a integer, b text, updated_at timestamptz, c text);
ALTER TABLE gone_by DROP COLUMN a;
CREATE TRIGGER stamp BEFORE UPDATE ON gone_by FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
INSERT INTO gone_by (b, c) VALUES ('b', 'c');
UPDATE gone_by SET c = 'd';
SELECT ok(updated_at > now(), 'a user''s table is stamped, also where updated_at was NULL') FROM gone_by;
SELECT is(b || c, 'bd', 'the other columns of the user''s table are as the statement says') FROM gone_by;

-- Misuse
SELECT is((pg_temp.diagnostics('SELECT update_updated_at_column()')).code, '39P01',
	'update_updated_at_column() refuses a direct call');
CREATE TABLE misused (id integer, updated_at timestamptz);
CREATE FUNCTION pg_temp.misuse(kind text) RETURNS text LANGUAGE sql AS $$
	SELECT format('CREATE TRIGGER misuse %s EXECUTE FUNCTION update_updated_at_column(); INSERT INTO misused VALUES (1); UPDATE misused SET id = 2', kind)
$$;
SELECT is((pg_temp.diagnostics(pg_temp.misuse(kind))).code, '39P01', 'update_updated_at_column() refuses ' || kind)
FROM unnest(ARRAY['AFTER UPDATE ON misused FOR EACH ROW', 'BEFORE INSERT ON misused FOR EACH ROW', 'BEFORE UPDATE ON misused FOR EACH STATEMENT']) AS kind;
CREATE TABLE without (id integer);
SELECT is(pg_temp.error_of($$CREATE TRIGGER stamp BEFORE UPDATE ON without FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
	INSERT INTO without VALUES (1); UPDATE without SET id = 2$$), '42703: table "without" has no column "updated_at"', 'a table without updated_at');
CREATE TABLE otherwise (id integer, updated_at text);
SELECT is((pg_temp.diagnostics($$CREATE TRIGGER stamp BEFORE UPDATE ON otherwise FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
	INSERT INTO otherwise VALUES (1); UPDATE otherwise SET id = 2$$)).code, '42804', 'a table where updated_at is text');

SELECT * FROM finish();
ROLLBACK;
