-- Each monitoring query is a view with the specification's columns first, and with its rule or the corrected one
-- (docs/specification.md, "Monitoring Queries"). dead_timers and upcoming_timers are views of the extension's own.
-- Times are set on the rows, so nothing waits.

BEGIN;
SELECT no_plan();
\ir lib/errors.psql
\ir lib/campaigns.psql

---- Columns: the specification's, in its order, first.

SELECT is((SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute AS a WHERE a.attrelid = v.name::regclass AND a.attnum BETWEEN 1 AND cardinality(v.columns)),
	v.columns, v.name || ' begins with the specification''s columns')
FROM (VALUES
	('stuck_timers', '{timer_type,stuck_count,oldest_stuck}'::text[]),
	('failed_timers', '{campaign_id,timer_type,retry_count,scheduled_at,updated_at}'),
	('campaign_state_distribution', '{status,count,percentage}'),
	('timer_execution_stats', '{timer_type,executions,avg_ms,max_ms,failures}'),
	('campaign_table_sizes', '{schemaname,tablename,attname,n_distinct,correlation}')) AS v (name, columns);
SELECT ok('security_invoker=true' = ANY (c.reloptions), c.relname || ' shows what the reader may see')
FROM pg_class AS c
WHERE c.relname IN ('stuck_timers', 'failed_timers', 'dead_timers', 'campaign_state_distribution', 'timer_execution_stats', 'campaign_table_sizes', 'upcoming_timers', 'backfill_progress');
SELECT ok(obj_description(c.oid) LIKE '%Since 1.1.', c.relname || ' has a comment')
FROM pg_class AS c
WHERE c.relname IN ('stuck_timers', 'failed_timers', 'dead_timers', 'campaign_state_distribution', 'timer_execution_stats', 'campaign_table_sizes', 'upcoming_timers',
	'backfill_progress', 'campaign_workers');
SELECT is_empty($$
	SELECT c.relname, p.proname
	FROM pg_depend AS d
	JOIN pg_rewrite AS r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
	JOIN pg_class AS c ON c.oid = r.ev_class
	JOIN pg_proc AS p ON p.oid = d.refobjid AND d.refclassid = 'pg_proc'::regclass
	JOIN pg_depend AS e ON e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e'
	WHERE c.relnamespace = 'public'::regnamespace AND c.relname <> 'campaign_workers'
	$$, 'no view but campaign_workers calls a function of ours, so DROP EXTENSION needs no CASCADE');

---- Everything empty.

SELECT is_empty('SELECT * FROM ' || v.name, v.name || ' is empty at first')
FROM (VALUES ('stuck_timers'), ('failed_timers'), ('dead_timers'), ('campaign_state_distribution'), ('upcoming_timers'), ('backfill_progress')) AS v (name);
SELECT results_eq('SELECT timer_type::text, executions, avg_ms, max_ms, failures, measured, total_ms FROM timer_execution_stats ORDER BY 1',
	$$VALUES ('CLOSE_CAMPAIGN', 0::bigint, NULL::numeric, NULL::integer, 0::bigint, 0::bigint, 0::bigint), ('EXPIRE_CAMPAIGN', 0, NULL, NULL, 0, 0, 0),
		('REWARD_REMINDER', 0, NULL, NULL, 0, 0, 0), ('START_CAMPAIGN', 0, NULL, NULL, 0, 0, 0)$$, 'timer_execution_stats lists the idle types');

---- Three campaigns.

SELECT create_campaign(24, now() + interval '1 hour') AS a \gset
SELECT create_campaign(24, now() + interval '2 hours') AS b \gset
SELECT create_campaign(24, now() + interval '3 hours') AS c \gset
SELECT transition_campaign(:'c', 'RUNNING') AS moved_from \gset
ALTER TABLE campaign_timers DISABLE TRIGGER update_campaign_timers_updated_at;

SELECT results_eq('SELECT status::text, count, percentage FROM campaign_state_distribution',
	$$VALUES ('CREATED', 2::bigint, 66.67), ('RUNNING', 1, 33.33)$$, 'campaign_state_distribution: counts and percentages, most first');

---- stuck_timers: PENDING and due for more than ten minutes.

UPDATE campaign_timers SET scheduled_at = now() - interval '10 minutes' WHERE id = pg_temp.timer_of(:'a', 'START_CAMPAIGN');
SELECT is_empty('SELECT * FROM stuck_timers', 'ten minutes are not more than ten minutes');
UPDATE campaign_timers SET scheduled_at = now() - interval '11 minutes' WHERE id = pg_temp.timer_of(:'a', 'START_CAMPAIGN');
UPDATE campaign_timers SET scheduled_at = now() - interval '15 minutes' WHERE id = pg_temp.timer_of(:'b', 'START_CAMPAIGN');
SELECT results_eq('SELECT timer_type::text, stuck_count, oldest_stuck, total_lateness, avg_lateness, max_lateness FROM stuck_timers',
	$$VALUES ('START_CAMPAIGN', 2::bigint, now() - interval '15 minutes', interval '26 minutes', interval '13 minutes', interval '15 minutes')$$,
	'a timer due for more than ten minutes is stuck; count and sum stand beside the average');

---- failed_timers: attempts left, and five minutes since the last.

UPDATE campaign_timers SET status = 'FAILED', retry_count = 2, scheduled_at = now() + interval '1 minute', updated_at = now() - interval '4 minutes' WHERE id = pg_temp.timer_of(:'b', 'START_CAMPAIGN');
SELECT is_empty('SELECT * FROM failed_timers', 'one that failed four minutes ago is left to the worker');
INSERT INTO timer_executions (timer_id, status, error_message, started_at, completed_at, execution_time_ms) VALUES
	(pg_temp.timer_of(:'b', 'START_CAMPAIGN'), 'FAILED', '23514: first', now() - interval '10 minutes', now() - interval '10 minutes', 3),
	(pg_temp.timer_of(:'b', 'START_CAMPAIGN'), 'FAILED', '23514: second', now() - interval '6 minutes', now() - interval '6 minutes', 5);
UPDATE campaign_timers SET updated_at = now() - interval '6 minutes' WHERE id = pg_temp.timer_of(:'b', 'START_CAMPAIGN');
SELECT results_eq('SELECT campaign_id, timer_type::text, retry_count, attempts_left, last_error, timer_id FROM failed_timers',
	format('SELECT %L::uuid, %L, 2, 3, %L, %L::uuid', :'b', 'START_CAMPAIGN', '23514: second', pg_temp.timer_of(:'b', 'START_CAMPAIGN')),
	'failed_timers: with its last error and the attempts it has left');
SELECT is_empty('SELECT * FROM dead_timers', 'a timer with attempts left is not in dead_timers');
UPDATE campaign_timers SET retry_count = 5 WHERE id = pg_temp.timer_of(:'b', 'START_CAMPAIGN');
SELECT is_empty('SELECT * FROM failed_timers', 'without an attempt left it is not a failed one that waits');
SELECT results_eq('SELECT campaign_id, timer_type::text, retry_count, last_error, campaign_status::text FROM dead_timers',
	format('SELECT %L::uuid, %L, 5, %L, %L', :'b', 'START_CAMPAIGN', '23514: second', 'CREATED'), 'dead_timers shows the dead letter with its last error');

---- timer_execution_stats: of the last 24 hours.

INSERT INTO timer_executions (timer_id, status, result, started_at, completed_at, execution_time_ms) VALUES
	(pg_temp.timer_of(:'c', 'CLOSE_CAMPAIGN'), 'COMPLETED', '{"from": "RUNNING", "to": "CLOSED"}', now() - interval '23 hours', now(), 20),
	(pg_temp.timer_of(:'c', 'CLOSE_CAMPAIGN'), 'COMPLETED', '{"skipped": true, "reason": "x"}', now() - interval '1 hour', now(), 10),
	(pg_temp.timer_of(:'c', 'CLOSE_CAMPAIGN'), 'COMPLETED', '{}', now() - interval '25 hours', now(), 1000);
INSERT INTO timer_executions (timer_id, status, started_at) VALUES (pg_temp.timer_of(:'c', 'CLOSE_CAMPAIGN'), 'STARTED', now());
SELECT results_eq('SELECT timer_type::text, executions, avg_ms, max_ms, failures, skipped, measured, total_ms FROM timer_execution_stats ORDER BY 1',
	$$VALUES ('CLOSE_CAMPAIGN', 3::bigint, 15::numeric, 20, 0::bigint, 1::bigint, 2::bigint, 30::bigint), ('EXPIRE_CAMPAIGN', 0, NULL, NULL, 0, 0, 0, 0),
		('REWARD_REMINDER', 0, NULL, NULL, 0, 0, 0, 0), ('START_CAMPAIGN', 2, 4, 5, 2, 0, 2, 8)$$, 'timer_execution_stats: every type, of the last 24 hours');
DELETE FROM campaign_timer_policies;
DELETE FROM campaign_state_transitions WHERE timer_type <> 'EXPIRE_CAMPAIGN';
SELECT set_eq('SELECT timer_type::text FROM timer_execution_stats', $$VALUES ('CLOSE_CAMPAIGN'), ('EXPIRE_CAMPAIGN'), ('START_CAMPAIGN')$$,
	'the types are those of the machine, the policies and the timers there are');

---- upcoming_timers.

DELETE FROM timer_executions;
DELETE FROM campaigns;
INSERT INTO campaign_state_transitions VALUES ('CREATED', 'RUNNING', 'START_CAMPAIGN', 10), ('RUNNING', 'CLOSED', 'CLOSE_CAMPAIGN', 20);
INSERT INTO campaigns (id, status, duration_hours) VALUES ('00000000-0000-7000-8000-00000000000a', 'CREATED', 1), ('00000000-0000-7000-8000-00000000000b', 'CREATED', 1);
INSERT INTO campaign_timers (id, campaign_id, timer_type, scheduled_at) VALUES
	('00000000-0000-7000-8000-0000000000a1', '00000000-0000-7000-8000-00000000000a', 'START_CAMPAIGN', now()),
	('00000000-0000-7000-8000-0000000000a2', '00000000-0000-7000-8000-00000000000a', 'CLOSE_CAMPAIGN', now()),
	('00000000-0000-7000-8000-0000000000a3', '00000000-0000-7000-8000-00000000000a', 'EXPIRE_CAMPAIGN', now() + interval '2 hours'),
	('00000000-0000-7000-8000-0000000000b1', '00000000-0000-7000-8000-00000000000b', 'START_CAMPAIGN', now() + interval '1 hour'),
	('00000000-0000-7000-8000-0000000000b2', '00000000-0000-7000-8000-00000000000b', 'CLOSE_CAMPAIGN', now() + interval '3 hours');
UPDATE campaign_timers SET scheduled_at = now() - interval '1 minute' WHERE id = '00000000-0000-7000-8000-0000000000a1';
UPDATE campaign_timers SET status = 'FAILED', retry_count = 1 WHERE id = '00000000-0000-7000-8000-0000000000b1';
SELECT results_eq('SELECT right(timer_id::text, 2), status::text, due, lateness, waits_because, right(waits_for_timer::text, 2), campaign_status::text FROM upcoming_timers',
	$$VALUES ('a1', 'PENDING', true, interval '1 minute', 'due', NULL, 'CREATED'), ('a2', 'PENDING', true, '0', 'waits for an earlier timer', 'a1', 'CREATED'),
		('b1', 'FAILED', false, '0', 'waits for its next attempt', NULL, 'CREATED'), ('a3', 'PENDING', false, '0', 'waits for its time', 'a1', 'CREATED'),
		('b2', 'PENDING', false, '0', 'waits for its time', 'b1', 'CREATED')$$,
	'upcoming_timers: what is executed next, over all campaigns, in order, with lateness and why not yet');
UPDATE campaign_timers SET scheduled_at = now() - interval '1 minute' WHERE id = '00000000-0000-7000-8000-0000000000a2';
SELECT results_eq($$SELECT right(timer_id::text, 2), waits_because FROM upcoming_timers WHERE due ORDER BY 1$$,
	$$VALUES ('a1', 'due'), ('a2', 'waits for an earlier timer')$$, 'of two at the same instant the one of lower priority waits for none');
SELECT pause_timers();
SELECT is((SELECT array_agg(DISTINCT waits_because) FROM upcoming_timers), '{paused}',
	'upcoming_timers says that timers are paused');
SELECT resume_timers();
DELETE FROM campaign_activation;
SELECT is((SELECT array_agg(DISTINCT waits_because) FROM upcoming_timers), '{paused}',
	'upcoming_timers says that timers of a restored copy are paused');
SELECT resume_timers();
UPDATE campaign_timers SET status = 'FAILED', retry_count = 5 WHERE id = '00000000-0000-7000-8000-0000000000b1';
UPDATE campaign_timers SET status = 'CANCELLED' WHERE id = '00000000-0000-7000-8000-0000000000a1';
UPDATE campaign_timers SET status = 'COMPLETED' WHERE id = '00000000-0000-7000-8000-0000000000a2';
SELECT results_eq('SELECT right(timer_id::text, 2) FROM upcoming_timers', $$VALUES ('a3'), ('b2')$$,
	'neither dead nor finished timers are among them');
-- Cheap with LIMIT: no sort of what waits. The rows give the planner a choice.
INSERT INTO campaigns (status, duration_hours) SELECT 'CREATED', 1 FROM generate_series(1, 5000);
INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) SELECT id, 'START_CAMPAIGN', now() + random() * interval '1 day' FROM campaigns WHERE id::text NOT LIKE '00000000%';
ANALYZE campaigns;
ANALYZE campaign_timers;
CREATE FUNCTION pg_temp.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query; END $$;
SELECT matches((SELECT string_agg(p, E'\n') FROM pg_temp.plan('SELECT * FROM upcoming_timers LIMIT 10') AS p),
	'Merge Append\n[^\n]*Sort Key[^\n]*\n[^\n]*Subquery Scan[^\n]*\n[^\n]*Index Scan using idx_campaign_timers_processing', 'the PENDING ones come from their index in order');

---- campaign_table_sizes: real sizes, partitions summed, all tables.

SELECT set_has('SELECT tablename::text FROM campaign_table_sizes',
	$$VALUES ('campaigns'), ('campaign_timers'), ('campaign_state_log'), ('campaign_state_log_archive'), ('campaign_metrics'), ('timer_executions')$$,
	'every table of the specification, timer_executions included');
SELECT is_empty($$SELECT tablename FROM campaign_table_sizes GROUP BY 1 HAVING count(*) > 1$$,
	'campaign_table_sizes has one row for each table');
SELECT is_empty($$SELECT tablename FROM campaign_table_sizes WHERE tablename ~ '_y\d{4}m\d\d$|_default$'$$,
	'campaign_table_sizes sums partitions and does not list them');
SELECT results_eq('SELECT total_bytes FROM campaign_table_sizes WHERE tablename = ''campaign_timers''', 'SELECT pg_total_relation_size(''campaign_timers'')',
	'campaign_table_sizes shows the size of campaign_timers as the server does');
SELECT is_empty('SELECT * FROM campaign_table_sizes WHERE heap_bytes + index_bytes + toast_bytes <> total_bytes',
	'heap, indexes and toast make up the whole');
SELECT results_eq('SELECT total_bytes, partitions FROM campaign_table_sizes WHERE tablename = ''campaign_state_log''',
	'SELECT sum(pg_total_relation_size(relid))::bigint, count(*)::integer - 1 FROM pg_partition_tree(''campaign_state_log'')', 'of a partitioned table, of all partitions');
SELECT ok(attname @> '{status}' AND cardinality(attname) = cardinality(n_distinct) AND cardinality(attname) = cardinality(correlation),
	'the columns with their statistics, as the specification had them') FROM campaign_table_sizes WHERE tablename = 'campaigns';

SELECT * FROM finish();
ROLLBACK;
