-- The promise: privileges, row-level security and rules act on what a batch writes as docs/reference.md says. The owner
-- of the tables needs privileges on the columns that are written. Forced row-level security stops all timers, except on
-- the log, which is written by SQL; rules apply to the log only. Each part changes privileges, policies or rules, runs
-- START_CAMPAIGN timers and rolls everything back.

BEGIN;
SELECT plan(18);
\ir lib/errors.psql
\ir lib/batches.psql
SELECT pg_temp.add_campaigns(1);
SELECT pg_temp.run_timers();
SELECT is(pg_temp.rows_written(), 'log 1, executions 1, metrics 2',
	'a batch writes one log row, one execution and two metrics with nothing attached');
DELETE FROM campaigns;
SAVEPOINT attached;

---- Rules do not apply to a batch, because no statement writes its rows. The log is written by SQL when it has a rule.

CREATE RULE away AS ON INSERT TO campaign_metrics DO INSTEAD NOTHING;
CREATE RULE also AS ON INSERT TO campaign_state_log DO ALSO INSERT INTO own.seen (what) VALUES (NEW.to_state);
SELECT pg_temp.add_campaigns(1);
CREATE RULE away AS ON UPDATE TO campaigns DO INSTEAD NOTHING;
SELECT own.take_seen();
SELECT is(pg_temp.run_timers(), 1::bigint, 'one timer is attempted with rules on campaigns, metrics and log');
SELECT is(pg_temp.states(), ARRAY['RUNNING COMPLETED'], 'the rule on campaigns does not apply to a batch');
SELECT is(pg_temp.rows_written(), 'log 1, executions 1, metrics 2', 'the rule on metrics does not apply to a batch');
SELECT is(own.take_seen(), ARRAY['RUNNING'], 'the rule on the log applies to a batch');
ROLLBACK TO attached;

---- Privileges and policies. The tables belong to a plain role here.

CREATE ROLE row_policies_owner;
SELECT set_campaign_owner('row_policies_owner');
GRANT USAGE, CREATE ON SCHEMA public, own, tap TO row_policies_owner;
GRANT ALL ON own.seen TO row_policies_owner;
SAVEPOINT owned;
SELECT pg_temp.add_campaigns(1);
SELECT is(pg_temp.run_timers(), 1::bigint, 'one timer is attempted while a plain role owns the tables');
SELECT is(pg_temp.states(), ARRAY['RUNNING COMPLETED'], 'the campaign runs while a plain role owns the tables');
ROLLBACK TO owned;

CREATE FUNCTION pg_temp.forced(relation text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	refused text;
BEGIN
	EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', relation);
	EXECUTE format('CREATE POLICY everything ON %I USING (true) WITH CHECK (true)', relation);
	BEGIN
		PERFORM pg_temp.run_timers();
	EXCEPTION WHEN insufficient_privilege THEN
		refused := SQLERRM;
	END;
	EXECUTE format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY', relation);
	RETURN concat_ws('; ', (pg_temp.states())[1], pg_temp.rows_written(), (pg_temp.attempt_errors())[1], refused);
END
$$;
SELECT pg_temp.add_campaigns(1);
SAVEPOINT forced;
SELECT is(pg_temp.forced('campaigns'), 'CREATED PENDING; log 0, executions 0, metrics 0; row-level security is forced on table "campaigns"',
	'row-level security forced on campaigns is an error, and no attempt');
ROLLBACK TO forced;
SELECT is(pg_temp.forced('campaign_timers'), 'CREATED PENDING; log 0, executions 0, metrics 0; row-level security is forced on table "campaign_timers"',
	'row-level security forced on campaign_timers is an error, and no attempt');
ROLLBACK TO forced;
SELECT is(pg_temp.forced('campaign_metrics'), 'CREATED PENDING; log 0, executions 0, metrics 0; row-level security is forced on table "campaign_metrics"',
	'row-level security forced on campaign_metrics is an error, and no attempt');
ROLLBACK TO forced;
SELECT is(pg_temp.forced('timer_executions'), 'CREATED PENDING; log 0, executions 0, metrics 0; row-level security is forced on table "timer_executions"',
	'row-level security forced on timer_executions is an error, and no attempt');
ROLLBACK TO forced;
SELECT is(pg_temp.forced('campaign_state_log'), 'RUNNING COMPLETED; log 1, executions 1, metrics 2',
	'a policy forced on the log that allows the row lets the timer complete');
ROLLBACK TO forced;
CREATE POLICY nothing ON campaign_state_log AS RESTRICTIVE FOR INSERT WITH CHECK (false);
SELECT is(pg_temp.forced('campaign_state_log'), 'CREATED FAILED; log 0, executions 1, metrics 0; 42501: new row violates row-level security policy "nothing" for table "campaign_state_log"',
	'a policy forced on the log that refuses the row fails the timer');
ROLLBACK TO owned;

-- An owner that has revoked its own privileges.
SELECT pg_temp.add_campaigns(1);
REVOKE INSERT ON campaign_metrics FROM row_policies_owner;
SELECT is(pg_temp.run_timers(), 1::bigint, 'one timer is attempted while the owner may not insert metrics');
SELECT is(pg_temp.states(), ARRAY['CREATED FAILED'], 'the timer is FAILED, and its campaign has not moved');
SELECT is(pg_temp.attempt_errors(), ARRAY['42501: permission denied for table campaign_metrics'],
	'its execution has the permission error');
ROLLBACK TO owned;
SELECT pg_temp.add_campaigns(1);
REVOKE INSERT ON campaign_metrics FROM row_policies_owner;
GRANT INSERT (id, campaign_id, metric_type, value, recorded_at) ON campaign_metrics TO row_policies_owner;
SELECT is(pg_temp.run_timers(), 1::bigint, 'one timer is attempted while the owner may insert five columns of metrics');
SELECT is(pg_temp.states(), ARRAY['RUNNING COMPLETED'], 'privileges on the columns that are inserted are enough');
ROLLBACK TO attached;

SELECT * FROM finish();
ROLLBACK;
