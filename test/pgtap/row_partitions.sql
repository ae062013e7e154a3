-- The promise: a batch writes into partitions of the user's as a user's INSERT would: by hash, in columns of another
-- order, in a foreign table, with the triggers, indexes and foreign keys of each partition. A row without a partition
-- is a failed attempt of its timer alone. Each part makes partitions, runs START_CAMPAIGN timers and rolls everything
-- back.

CREATE EXTENSION amcheck SCHEMA tap;
CREATE EXTENSION postgres_fdw SCHEMA tap;
CREATE TABLE far_metrics (LIKE campaign_metrics);

BEGIN;
SELECT plan(30);
\ir lib/errors.psql
\ir lib/batches.psql

CREATE FUNCTION own.partition(name text, key text, parts integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('ALTER TABLE public.%I RENAME TO whole', name);
	EXECUTE format('CREATE TABLE public.%I (LIKE public.whole INCLUDING ALL EXCLUDING INDEXES) PARTITION BY HASH (%I)', name, key);
	EXECUTE 'DROP TABLE public.whole CASCADE';
	FOR i IN 0..parts - 1 LOOP
		EXECUTE format('CREATE TABLE public.%1$I (gone integer, LIKE public.%2$I INCLUDING ALL)', name || i, name);
		EXECUTE format('ALTER TABLE public.%I DROP COLUMN gone', name || i);
		EXECUTE format('ALTER TABLE public.%1$I ATTACH PARTITION public.%2$I FOR VALUES WITH (MODULUS %3$s, REMAINDER %4$s)', name, name || i, parts, i);
	END LOOP;
END
$$;
SELECT pg_temp.add_campaigns(1);
SELECT pg_temp.run_timers();
SELECT is(pg_temp.rows_written(), 'log 1, executions 1, metrics 2',
	'a batch writes one log row, one execution and two metrics with nothing attached');
DELETE FROM campaigns;
SAVEPOINT attached;

---- Partitions that a user has made, to which rows go by turns.

SELECT own.partition('campaign_metrics', 'campaign_id', 3), own.partition('timer_executions', 'timer_id', 3);
ALTER TABLE campaign_metrics ADD FOREIGN KEY (campaign_id) REFERENCES campaigns ON DELETE CASCADE;
ALTER TABLE timer_executions ADD FOREIGN KEY (timer_id) REFERENCES campaign_timers ON DELETE CASCADE;
CREATE FUNCTION own.inserted() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	INSERT INTO own.seen (what) SELECT format('%s: %s rows of %s', TG_TABLE_NAME, count(*), count(DISTINCT n.id)) FROM new_rows AS n;
	RETURN NULL;
END
$$;
CREATE TRIGGER inserted AFTER INSERT ON campaign_metrics REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION own.inserted();
CREATE TRIGGER inserted AFTER INSERT ON timer_executions REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION own.inserted();
CREATE TRIGGER before BEFORE INSERT ON campaign_metrics2 FOR EACH ROW EXECUTE FUNCTION own.record();
CREATE INDEX i1 ON campaign_metrics (metric_type);
CREATE INDEX i2 ON timer_executions (status, timer_id);
SELECT pg_temp.add_campaigns(30);
SELECT is(pg_temp.run_timers(), 30::bigint, '30 timers are attempted with partitioned metrics and executions');
SELECT is(pg_temp.rows_written(), 'log 30, executions 30, metrics 60',
	'every log row, execution and metric is written');
SELECT is((SELECT count(DISTINCT tableoid) FROM campaign_metrics) + (SELECT count(DISTINCT tableoid) FROM timer_executions), 6::bigint,
	'each of six partitions has rows');
SELECT is((SELECT count(*) FROM campaign_metrics AS m JOIN campaigns AS c ON c.id = m.campaign_id WHERE m.value >= 0 AND m.attributes = '{}' AND m.recorded_at >= now()), 60::bigint,
	'each metric in a partition has its values');
SELECT is((SELECT count(*) FROM timer_executions AS x JOIN campaign_timers AS t ON t.id = x.timer_id WHERE x.status = 'COMPLETED' AND x.result ->> 'to' = 'RUNNING'), 30::bigint,
	'each execution in a partition has its values');
SELECT is((SELECT array_agg(what ORDER BY n) FROM own.seen WHERE what ~ 'rows of'), ARRAY['timer_executions: 30 rows of 30', 'campaign_metrics: 60 rows of 60'],
	'transition tables have the rows of all partitions');
SELECT is((SELECT count(*) FROM own.seen WHERE what ~ 'before'), (SELECT count(*) FROM campaign_metrics2),
	'a trigger of one partition fires for the rows of that partition');
SELECT is(pg_temp.error_of(format('SELECT bt_index_check(%L, true)', i.indexrelid::regclass)), NULL, i.indexrelid::regclass || ' holds every row')
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE c.relkind = 'i' AND i.indrelid::regclass::text ~ '^(campaign_metrics|timer_executions)\d$'
ORDER BY i.indexrelid::regclass::text;
ROLLBACK TO attached;

-- Each row's key is checked, also in a partition that rows come back to.
SELECT own.partition('campaign_metrics', 'metric_type', 2);
ALTER TABLE campaign_metrics ADD FOREIGN KEY (campaign_id) REFERENCES campaigns ON DELETE CASCADE;
CREATE FUNCTION own.again() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	DELETE FROM campaigns WHERE metadata ? 'die';
	RETURN NULL;
END
$$;
CREATE TRIGGER again AFTER INSERT ON timer_executions FOR EACH ROW WHEN (NEW.status = 'COMPLETED') EXECUTE FUNCTION own.again();
SELECT create_campaign(24, now(), metadata => CASE g.n WHEN 4 THEN '{"die": true}' ELSE '{}' END::jsonb) FROM generate_series(1, 5) AS g (n);
SELECT ok((SELECT satisfies_hash_partition('campaign_metrics'::regclass, 2, 0, 'TIMER_EXECUTION_TIME'::varchar)
	<> satisfies_hash_partition('campaign_metrics'::regclass, 2, 0, 'STATE_TRANSITION_TIME'::varchar)), 'the two metrics of a timer go to different partitions');
SELECT cmp_ok(pg_temp.run_timers(), '>=', 4::bigint,
	'at least four of five timers are attempted while a trigger deletes the fourth campaign');
SELECT is((SELECT count(*) FROM campaign_metrics AS m WHERE NOT EXISTS (SELECT FROM campaigns AS c WHERE c.id = m.campaign_id)), 0::bigint,
	'no metric of the deleted campaign is left');
SELECT is((SELECT array_agg(c.status) FROM campaigns AS c), array_fill('RUNNING'::varchar, ARRAY[4]),
	'the four other campaigns have moved');
ROLLBACK TO attached;

-- A foreign table as a partition. Its server is this database, in a session of its own.
SELECT own.partition('campaign_metrics', 'campaign_id', 2);
ALTER TABLE campaign_metrics DETACH PARTITION campaign_metrics1;
SELECT format('CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, port %L, dbname %L)',
	split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database()) \gexec
CREATE USER MAPPING FOR CURRENT_USER SERVER far;
CREATE FOREIGN TABLE near_metrics PARTITION OF campaign_metrics FOR VALUES WITH (MODULUS 2, REMAINDER 1) SERVER far OPTIONS (schema_name 'public', table_name 'far_metrics');
CREATE TRIGGER after AFTER INSERT ON campaign_metrics FOR EACH ROW EXECUTE FUNCTION own.record();
SELECT pg_temp.add_campaigns(20);
SELECT own.take_seen();
SELECT is(pg_temp.run_timers(), 20::bigint, '20 timers are attempted with a foreign table as partition of metrics');
SELECT is(pg_temp.attempt_errors(), NULL, 'no attempt fails with a foreign table as partition');
SELECT is((SELECT count(*) FROM campaign_metrics), 40::bigint,
	'40 metrics are written with a foreign table as partition');
SELECT ok((SELECT count(*) BETWEEN 2 AND 38 FROM near_metrics), 'the foreign table has a part of the metrics');
SELECT is(cardinality(own.take_seen()), 40, 'AFTER ROW triggers fire for the metrics of both partitions');
ROLLBACK TO attached;

-- A log without a partition for the month.
ALTER TABLE campaign_state_log DETACH PARTITION campaign_state_log_default;
SELECT format('ALTER TABLE campaign_state_log DETACH PARTITION %s', inhrelid::regclass) FROM pg_inherits WHERE inhparent = 'campaign_state_log'::regclass \gexec
CREATE TABLE early_log PARTITION OF campaign_state_log FOR VALUES FROM ('1990-01-01') TO ('1990-02-01');
ALTER TABLE campaigns DISABLE TRIGGER log_campaign_creation;
SELECT pg_temp.add_campaigns(1);
SELECT is(pg_temp.run_timers(), 1::bigint, 'one timer is attempted with a log that has no partition for this month');
SELECT is(pg_temp.states(), ARRAY['CREATED FAILED'], 'the timer is FAILED when the log has no partition');
SELECT is(pg_temp.attempt_errors(), ARRAY['23514: no partition of relation "campaign_state_log" found for row'],
	'its execution says that no partition was found');
ROLLBACK TO attached;

-- A table that is itself a partition.
CREATE TABLE own.all_executions (LIKE timer_executions INCLUDING ALL EXCLUDING INDEXES) PARTITION BY LIST (status);
ALTER TABLE own.all_executions ATTACH PARTITION timer_executions FOR VALUES IN ('FAILED', 'STARTED');
SELECT pg_temp.add_campaigns(1);
SELECT is(pg_temp.run_timers(), 1::bigint,
	'one timer is attempted while timer_executions is a partition without COMPLETED');
SELECT is(pg_temp.attempt_errors(), ARRAY['23514: new row for relation "timer_executions" violates partition constraint'],
	'the partition constraint of timer_executions fails the attempt');
ROLLBACK TO attached;
CREATE TABLE own.all_timers (LIKE campaign_timers INCLUDING ALL EXCLUDING INDEXES) PARTITION BY LIST (status);
ALTER TABLE own.all_timers ATTACH PARTITION campaign_timers FOR VALUES IN ('PENDING', 'FAILED', 'CANCELLED');
SELECT pg_temp.add_campaigns(1);
SELECT is(pg_temp.run_timers(), 1::bigint,
	'one timer is attempted while campaign_timers is a partition without COMPLETED');
SELECT is(pg_temp.attempt_errors(), ARRAY['23514: new row for relation "campaign_timers" violates partition constraint'],
	'the partition constraint of campaign_timers fails the attempt');
ROLLBACK TO attached;

SELECT * FROM finish();
ROLLBACK;
DROP TABLE far_metrics;
