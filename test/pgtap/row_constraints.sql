-- The promise: constraints and indexes of the user's hold for the rows that a batch writes as for a user's own: CHECK,
-- UNIQUE, EXCLUDE, deferred ones, and indexes of every kind, in which amcheck finds every row. A violation is a failed
-- attempt of that timer alone. Each part adds constraints or indexes, runs START_CAMPAIGN timers and rolls everything
-- back.

CREATE EXTENSION amcheck SCHEMA tap;

BEGIN;
SELECT plan(60);
\ir lib/errors.psql
\ir lib/batches.psql
SELECT pg_temp.add_campaigns(1);
SELECT pg_temp.run_timers();
SELECT is(pg_temp.rows_written(), 'log 1, executions 1, metrics 2',
	'a batch writes one log row, one execution and two metrics with nothing attached');
DELETE FROM campaigns;
SAVEPOINT attached;

---- Constraints that a user has added.

ALTER TABLE campaigns ADD CONSTRAINT has_budget CHECK (status = 'CREATED' OR metadata ? 'budget');
SELECT pg_temp.add_campaigns(3);
UPDATE campaigns SET metadata = metadata || '{"budget": 1}' WHERE metadata -> 'number' <> '2';
SELECT is(pg_temp.run_timers(), 3::bigint, 'three timers are attempted with a CHECK on campaigns');
SELECT is(pg_temp.states(), ARRAY['RUNNING COMPLETED', 'CREATED FAILED', 'RUNNING COMPLETED'],
	'the timer whose campaign violates the CHECK is FAILED, and no other');
SELECT is(pg_temp.attempt_errors(), ARRAY['23514: new row for relation "campaigns" violates check constraint "has_budget"'],
	'its execution has the check violation');
ROLLBACK TO attached;

CREATE UNIQUE INDEX one_runs ON campaigns (status) WHERE status = 'RUNNING';
SELECT pg_temp.add_campaigns(3);
SELECT is(pg_temp.run_timers(), 3::bigint, 'three timers are attempted with a unique index that lets one campaign run');
SELECT is((SELECT array_agg(c.status ORDER BY c.status) FROM campaigns AS c), ARRAY['CREATED', 'CREATED', 'RUNNING']::varchar[],
	'the unique index lets one campaign run');
SELECT is(pg_temp.attempt_errors(), array_fill('23505: duplicate key value violates unique constraint "one_runs"'::text, ARRAY[2]),
	'the two other timers fail with the unique violation');
ROLLBACK TO attached;

ALTER TABLE timer_executions ADD CONSTRAINT one_success EXCLUDE USING btree (status WITH =) WHERE (status = 'COMPLETED');
SELECT pg_temp.add_campaigns(3);
SELECT is(pg_temp.run_timers(), 3::bigint,
	'three timers are attempted with an exclusion constraint between executions');
SELECT is((SELECT array_agg(c.status ORDER BY c.status) FROM campaigns AS c), ARRAY['CREATED', 'CREATED', 'RUNNING']::varchar[],
	'the exclusion constraint lets one campaign run');
SELECT is(pg_temp.attempt_errors(), array_fill('23P01: conflicting key value violates exclusion constraint "one_success"'::text, ARRAY[2]),
	'the two other timers fail with the exclusion violation');
ROLLBACK TO attached;

ALTER TABLE campaign_metrics ADD CONSTRAINT one_of_a_type UNIQUE (metric_type) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE campaigns ADD CONSTRAINT one_runs UNIQUE (status) DEFERRABLE INITIALLY DEFERRED;
SELECT pg_temp.add_campaigns(1);
SELECT is(pg_temp.run_timers(), 1::bigint, 'one timer is attempted with deferred unique constraints');
SELECT is(pg_temp.deferred_violation(), NULL, 'deferred unique constraints hold when they are due');
ROLLBACK TO attached;
ALTER TABLE campaign_metrics ADD CONSTRAINT one_of_a_type UNIQUE (metric_type) DEFERRABLE INITIALLY DEFERRED;
SELECT pg_temp.add_campaigns(2);
SELECT is(pg_temp.run_timers(), 2::bigint, 'two timers are attempted with a deferred unique constraint on metrics');
SELECT matches(pg_temp.deferred_violation(), '^23505: .*"one_of_a_type"',
	'the violation between inserted rows is raised when the constraint is due');
ROLLBACK TO attached;
ALTER TABLE campaigns ADD CONSTRAINT one_runs UNIQUE (status) DEFERRABLE INITIALLY DEFERRED;
SELECT create_campaign(24, now());
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
SELECT create_campaign(24, now());
SELECT is(pg_temp.run_timers(), 2::bigint, 'two timers are attempted with a deferred unique constraint on campaigns');
SELECT matches(pg_temp.deferred_violation(), '^23505: .*"one_runs"',
	'the violation between updated rows is raised when the constraint is due');
ROLLBACK TO attached;

---- Indexes: partial ones, of expressions, other kinds. Rows are found through them, and amcheck finds every row.

CREATE INDEX i1 ON campaigns (lower(status)) WHERE status = 'RUNNING';
CREATE INDEX i2 ON campaigns USING brin (updated_at);
CREATE INDEX i3 ON campaigns USING gin (metadata);
CREATE INDEX i4 ON campaign_timers ((payload ->> 'policy'), status) INCLUDE (executed_at);
CREATE INDEX i5 ON campaign_timers USING hash (status);
CREATE INDEX i6 ON campaign_state_log ((from_state || to_state)) WHERE from_state IS NOT NULL;
CREATE INDEX i7 ON timer_executions ((result ->> 'to')) WHERE status = 'COMPLETED';
CREATE INDEX i8 ON timer_executions USING gin (result);
CREATE INDEX i9 ON campaign_metrics (round(value)) WHERE metric_type = 'STATE_TRANSITION_TIME';
SELECT pg_temp.add_campaigns(50);
SELECT is(pg_temp.run_timers(), 50::bigint, '50 timers are attempted with indexes of many kinds');
SET LOCAL enable_seqscan = off;
SELECT is((SELECT count(*) FROM campaigns WHERE lower(status) = 'running' AND status = 'RUNNING'), 50::bigint,
	'campaigns are found by a partial index of an expression');
SELECT is((SELECT count(*) FROM campaigns WHERE updated_at > now()), 50::bigint, 'campaigns are found by BRIN');
SELECT is((SELECT count(*) FROM campaigns WHERE metadata @> '{"number": 7}'), 1::bigint, 'campaigns are found by GIN');
SELECT is((SELECT count(*) FROM campaign_timers WHERE payload ->> 'policy' = 'true' AND status = 'COMPLETED'), 50::bigint,
	'timers are found by an index of an expression');
SELECT is((SELECT count(*) FROM campaign_timers WHERE status = 'COMPLETED'), 50::bigint,
	'timers are found by a hash index');
SELECT is((SELECT count(*) FROM campaign_state_log WHERE from_state || to_state = 'CREATEDRUNNING' AND from_state IS NOT NULL), 50::bigint,
	'log rows are found by a partial index of an expression');
SELECT is((SELECT count(*) FROM timer_executions WHERE result ->> 'to' = 'RUNNING' AND status = 'COMPLETED'), 50::bigint,
	'executions are found by a partial index of an expression');
SELECT is((SELECT count(*) FROM timer_executions WHERE result @> '{"to": "RUNNING"}'), 50::bigint,
	'executions are found by GIN');
SELECT is((SELECT count(*) FROM campaign_metrics WHERE round(value) >= 0 AND metric_type = 'STATE_TRANSITION_TIME'), 50::bigint,
	'metrics are found by a partial index of an expression');
SELECT is((SELECT count(*) FROM campaigns WHERE status = 'RUNNING'), 50::bigint,
	'campaigns are found by the index of their status');
RESET enable_seqscan;
SELECT is(pg_temp.error_of(format('SELECT bt_index_check(%L, true)', i.indexrelid::regclass)), NULL, i.indexrelid::regclass || ' holds every row')
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_am AS a ON a.oid = c.relam
WHERE c.relkind = 'i' AND a.amname = 'btree' AND i.indrelid = ANY ('{campaigns,campaign_timers,timer_executions,campaign_metrics,campaign_state_log_default}'::regclass[])
ORDER BY i.indexrelid::regclass::text;
ROLLBACK TO attached;

SELECT * FROM finish();
ROLLBACK;
