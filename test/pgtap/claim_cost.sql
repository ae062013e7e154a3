-- A claim or a batch reads no more when many timers wait for later, are dead or have failed, with statistics or
-- without. The cost is counted in buffers, because time depends on the machine. A row comparison as upper bound does
-- not end an index scan: a claim that used one read the entries of all timers that wait, and of the dead letters before
-- them.

BEGIN;
SELECT plan(14);

CREATE FUNCTION pg_temp.buffers(statement text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	-- The first time reads catalogs too.
	EXECUTE statement;
	EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT json) ' || statement INTO plan;
	RETURN (plan -> 0 -> 'Plan' ->> 'Shared Hit Blocks')::integer + (plan -> 0 -> 'Plan' ->> 'Shared Read Blocks')::integer;
END
$$;
CREATE FUNCTION pg_temp.costs(kind text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	what text;
	statement text;
BEGIN
	FOR what, statement IN VALUES
		('a claim', $q$SELECT campaign_lifecycle_internal._claim_batch(now(), '-infinity', 1000)$q$),
		('looking for the next', $q$SELECT campaign_lifecycle_internal._next_due('-infinity')$q$),
		('looking for a marked one', $q$SELECT campaign_lifecycle_internal._single_timer_due(now(), '-infinity')$q$),
		('a claim of any one that goes the marked way', $q$SELECT campaign_lifecycle_internal._claim_single_timer(now(), '-infinity', true)$q$)
	LOOP
		RETURN NEXT cmp_ok(pg_temp.buffers(statement), '<', 60, format('%s among many %s', what, kind));
	END LOOP;
END
$$;

-- One campaign starts and closes, by plans that are made while the tables are empty.
CREATE FUNCTION pg_temp.buffers_of_batches() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	PERFORM create_campaign(1, now());
	EXECUTE $q$EXPLAIN (ANALYZE, BUFFERS, FORMAT json) SELECT campaign_lifecycle_internal._run_due_timers(now() + interval '1 hour', 10)$q$ INTO plan;
	RETURN (plan -> 0 -> 'Plan' ->> 'Shared Hit Blocks')::integer;
END
$$;
SELECT is(pg_temp.buffers_of_batches() > 0, true, 'batches for the first campaign of all read buffers');

INSERT INTO campaigns (id, status, start_time, duration_hours)
	SELECT md5(i::text)::uuid, 'RUNNING', now(), 24 FROM generate_series(1, 30000) AS i;
INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at)
	SELECT id, 'CLOSE_CAMPAIGN', now() + interval '1 day' + random() * interval '1 day' FROM campaigns;
SELECT pg_temp.costs('that wait for later, without statistics');

INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at, status, retry_count)
	SELECT id, 'EXPIRE_CAMPAIGN', now() - interval '1 day' - random() * interval '1 day', 'FAILED', 5 FROM campaigns;
INSERT INTO timer_executions (timer_id, status, error_message, completed_at)
	SELECT id, 'FAILED', 'P0001: no', now() FROM campaign_timers WHERE status = 'FAILED';
SELECT pg_temp.costs('that wait and many dead letters, without statistics');

SELECT cmp_ok(pg_temp.buffers_of_batches(), '<', 1500, 'batches among many that wait, by plans made for empty tables');

ANALYZE campaigns, campaign_timers, timer_executions;
SELECT pg_temp.costs('that wait and many dead letters, with statistics');

SELECT * FROM finish();
ROLLBACK;
