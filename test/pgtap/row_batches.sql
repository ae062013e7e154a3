-- The promise: one batch carries out timers of several kinds, with plans made for empty tables and under any planner
-- settings; it writes no large value again, refuses times beyond the year 9999, needs a replica identity where an
-- UPDATE needs one, and keeps no memory.

BEGIN;
SELECT plan(19);
\ir lib/errors.psql
\ir lib/batches.psql

---- Several kinds of timers in one batch, with plans that are made for empty tables, then under other planner settings:
---- each campaign gets the timers of its own new state. This part comes first, because the session keeps its plans.

CREATE FUNCTION pg_temp.revised() RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	later constant timestamptz := now() + interval '24 hours 1 minute';
BEGIN
	PERFORM create_campaign(24, now(), id => gen_random_uuid()) FROM generate_series(1, 20);
	PERFORM run_due_timers();
	PERFORM create_campaign(24, now() + interval '24 hours', id => gen_random_uuid()) FROM generate_series(1, 20);
	UPDATE campaign_timers SET scheduled_at = scheduled_at + interval '1 hour' WHERE timer_type = 'EXPIRE_CAMPAIGN';
	PERFORM campaign_lifecycle_internal._run_due_timers(later, 40);
	RETURN (
		SELECT array_agg(DISTINCT format('%s %s %s', c.status, t.timer_type, t.scheduled_at - CASE t.timer_type WHEN 'CLOSE_CAMPAIGN' THEN c.end_time ELSE later END))
		FROM campaigns AS c JOIN campaign_timers AS t ON t.campaign_id = c.id
		WHERE t.status = 'PENDING');
END
$$;
SELECT ARRAY['CLOSED EXPIRE_CAMPAIGN 2 days', 'CLOSED REWARD_REMINDER 00:05:00', 'RUNNING CLOSE_CAMPAIGN 00:00:00', 'RUNNING EXPIRE_CAMPAIGN 1 day 01:59:00'] AS right \gset
SELECT is(pg_temp.revised(), :'right',
	'each of 40 campaigns that start or close in one batch has the timers of its new state');
DELETE FROM campaigns;
DISCARD PLANS;
SET LOCAL enable_nestloop = off;
SET LOCAL enable_indexscan = off;
SET LOCAL enable_tidscan = off;
SELECT is(pg_temp.revised(), :'right', 'each of them has the same timers under other planner settings');
RESET enable_nestloop;
RESET enable_indexscan;
RESET enable_tidscan;
DISCARD PLANS;
DELETE FROM campaigns;

---- Nothing attached, for comparison with the other files.

SELECT pg_temp.add_campaigns(3);
SELECT is(pg_temp.run_timers(), 3::bigint, 'three timers are attempted with nothing attached');
SELECT is(pg_temp.states(), ARRAY['RUNNING COMPLETED', 'RUNNING COMPLETED', 'RUNNING COMPLETED'],
	'three campaigns run, and their timers are COMPLETED');
SELECT is(pg_temp.rows_written(), 'log 3, executions 3, metrics 6',
	'each state change has one log row, one execution and two metrics');
DELETE FROM campaigns;

SAVEPOINT attached;

---- A time beyond the year 9999 is refused in a batch, too.

INSERT INTO campaigns (status, start_time, duration_hours) VALUES ('CREATED', '9999-12-31 22:00+00', 1) RETURNING id AS c \gset
SELECT schedule_timer(:'c', 'START_CAMPAIGN', now());
SELECT is(pg_temp.run_timers(), 1::bigint, 'one timer is attempted whose campaign would expire in the year 10000');
SELECT is(pg_temp.attempt_errors(), ARRAY['22008: timer schedule out of range: 10000-01-01 01:00:00+00'],
	'a timer in the year 10000 fails the attempt');
ROLLBACK TO attached;

---- Large values stay in the TOAST table.

SELECT pg_temp.add_campaigns(2);
UPDATE campaigns SET metadata = metadata || jsonb_build_object('large', (SELECT string_agg(md5(g::text), '') FROM generate_series(1, 20000) AS g));
SELECT md5(string_agg(metadata::text, '' ORDER BY id)) AS before, pg_relation_size(c.reltoastrelid) AS toast FROM campaigns, pg_class AS c WHERE c.oid = 'campaigns'::regclass GROUP BY 2 \gset
SELECT cmp_ok(:toast, '>', 1000000, 'large metadata is stored in the TOAST table');
SELECT is(pg_temp.run_timers(), 2::bigint, 'two campaigns with large metadata start');
SELECT is(md5(string_agg(metadata::text, '' ORDER BY id)), :'before',
	'large metadata is unchanged after the state change') FROM campaigns;
SELECT is(pg_relation_size(reltoastrelid), :'toast'::bigint, 'large metadata is not written again to the TOAST table') FROM pg_class WHERE oid = 'campaigns'::regclass;
SELECT is(pg_temp.states(), ARRAY['RUNNING COMPLETED', 'RUNNING COMPLETED'], 'campaigns with large metadata run');
ROLLBACK TO attached;

---- An UPDATE that subscribers could not apply.

SET LOCAL client_min_messages = error; -- wal_level may be insufficient
CREATE PUBLICATION row_batches FOR TABLE campaigns, campaign_metrics;
SET LOCAL client_min_messages = warning;
ALTER TABLE campaigns REPLICA IDENTITY NOTHING;
SELECT pg_temp.add_campaigns(1);
SELECT is(pg_temp.run_timers(), 1::bigint,
	'one timer is attempted while campaigns are published without a replica identity');
SELECT is(pg_temp.attempt_errors(), ARRAY['55000: cannot update table "campaigns" because it does not have a replica identity and publishes updates'],
	'the missing replica identity fails the update of the campaign');
ALTER TABLE campaigns REPLICA IDENTITY DEFAULT;
DELETE FROM campaigns;
ALTER TABLE campaign_metrics REPLICA IDENTITY NOTHING;
SELECT pg_temp.add_campaigns(1);
SELECT is(pg_temp.run_timers(), 1::bigint,
	'one timer is attempted while metrics are published without a replica identity');
SELECT is(pg_temp.attempt_errors(), NULL, 'no attempt fails, because rows are only inserted into metrics');
ROLLBACK TO attached;

---- A batch keeps no memory.

CREATE FUNCTION own.measure() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	INSERT INTO own.seen (what) SELECT sum(used_bytes) FROM pg_backend_memory_contexts;
	RETURN NULL;
END
$$;
CREATE TRIGGER measure AFTER UPDATE OF status ON campaigns FOR EACH STATEMENT EXECUTE FUNCTION own.measure();
SELECT count(pg_temp.add_campaigns(1000)) FROM generate_series(1, 4);
SELECT is(run_due_timers(5000), 4000::bigint, '4,000 timers are executed in four batches');
SELECT own.take_seen() AS used \gset
SELECT is(cardinality(:'used'::bigint[]), 4, 'the memory was measured in each of four batches');
SELECT cmp_ok((:'used'::bigint[])[4] - (:'used'::bigint[])[2], '<', 1000000::bigint,
	'the fourth uses no more memory than the second');
ROLLBACK TO attached;

SELECT * FROM finish();
ROLLBACK;
