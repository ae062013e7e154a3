-- Each check of campaign_health() is ok on a healthy database, and says what is wrong, how badly, and what to do when
-- it is not. The time is given to campaign_lifecycle_internal._campaign_health(as_of), which campaign_health() calls with the clock, so nothing
-- waits. test/t/051_health.pl has the checks that need other processes.

BEGIN;
SELECT no_plan();
\ir lib/errors.psql

-- The result of one check as 'status: value'.
CREATE FUNCTION pg_temp.health(name text, as_of timestamptz DEFAULT now()) RETURNS text LANGUAGE sql AS $$
	SELECT h.status || ': ' || h.value FROM campaign_lifecycle_internal._campaign_health(as_of) AS h WHERE h.check_name = name
$$;
CREATE FUNCTION pg_temp.detail(name text, as_of timestamptz DEFAULT now()) RETURNS text LANGUAGE sql AS $$
	SELECT h.detail FROM campaign_lifecycle_internal._campaign_health(as_of) AS h WHERE h.check_name = name
$$;
SELECT create_monthly_partitions() AS made \gset

SELECT results_eq('SELECT check_name FROM campaign_health()', $$VALUES ('preload'), ('launcher'), ('worker'), ('activation'), ('tables_version'), ('state_machine'), ('table_owner'), ('trigger_privilege'),
	('row_security'), ('search_path'), ('triggers'), ('partitions_ahead'), ('default_partition'), ('overdue_timers'), ('dead_letters'), ('failure_rate'), ('lateness'), ('missing_timers'), ('rescheduled_campaigns'), ('maintenance'), ('oldest_snapshot'), ('vacuum')$$,
	'a row a check, in order');
SELECT is_empty('SELECT * FROM campaign_health() WHERE status NOT IN (''ok'', ''warning'', ''critical'') OR value IS NULL OR threshold IS NULL OR detail IS NULL OR detail = ''''',
	'every row of campaign_health() is complete');
SELECT is_empty('SELECT * FROM campaign_health() WHERE check_name NOT IN (''worker'', ''oldest_snapshot'') AND status <> ''ok''',
	'every check of a new database is ok, except worker and oldest_snapshot');

---- Paused, restored, and the version of the tables.

SELECT pause_timers();
SELECT is(pg_temp.health('activation'), 'warning: paused', 'activation is a warning while paused');
SELECT matches(pg_temp.detail('activation'), 'resume_timers\(\)', 'the detail of activation names resume_timers()');
DELETE FROM campaign_activation;
SELECT is(pg_temp.health('activation'), 'warning: copy', 'activation is a warning in a restored dump');
SELECT matches(pg_temp.detail('activation'), 'restored dump.*resume_timers\(\)',
	'the detail of activation names the restored dump and resume_timers()');
INSERT INTO campaign_activation (database_oid) VALUES (1);
SELECT is(pg_temp.health('activation'), 'warning: copy', 'a database made from a template: a foreign row');
SELECT matches(pg_temp.detail('activation'), 'copy of another database',
	'the detail of activation names a copy of another database');
SELECT resume_timers();
SELECT is(pg_temp.health('activation'), 'ok: active', 'activation is ok after resume_timers()');
UPDATE campaign_tables_version SET version = '0.9';
SELECT is(pg_temp.health('tables_version'), 'critical: 0.9',
	'tables_version is critical when tables are older than functions');
SELECT matches(pg_temp.detail('tables_version'), 'upgrade_campaign_tables\(\)',
	'the detail of tables_version names upgrade_campaign_tables()');
UPDATE campaign_tables_version SET version = (SELECT extversion FROM pg_extension WHERE extname = 'campaign_lifecycle');

---- Owners of the tables.

CREATE ROLE health_owner NOLOGIN;
CREATE ROLE health_other NOLOGIN;
GRANT TRIGGER ON campaigns TO health_other;
SELECT is(pg_temp.health('trigger_privilege'), 'critical: 1',
	'a superuser owns the tables and another role holds TRIGGER');
SELECT matches(pg_temp.detail('trigger_privilege'), 'health_other.*set_campaign_owner', 'says who, and what to do');
ALTER TABLE campaign_metrics OWNER TO health_owner;
SELECT is(pg_temp.health('table_owner'), 'critical: 2', 'table_owner is critical when tables have two owners');
SELECT matches(pg_temp.detail('table_owner'), 'health_owner owns public\.campaign_metrics.*set_campaign_owner',
	'the detail of table_owner says which role owns which table');
SELECT set_campaign_owner('health_owner') AS given \gset
SELECT is(pg_temp.health('table_owner'), 'ok: 1', 'table_owner is ok after set_campaign_owner()');
SELECT is(left(pg_temp.health('trigger_privilege'), 8), CASE WHEN has_table_privilege('health_other', 'campaigns', 'TRIGGER') THEN 'warning:' ELSE 'ok: 0' END,
	'trigger_privilege is a warning when another role than a plain owner has TRIGGER');
REVOKE TRIGGER ON campaigns FROM health_other;
SELECT is(pg_temp.health('trigger_privilege'), 'ok: 0', 'trigger_privilege is ok after REVOKE');
GRANT TRIGGER ON campaign_activation TO health_other;
SELECT is(pg_temp.health('trigger_privilege'), 'critical: 1',
	'on what belongs to the extension, and so to a superuser, it is critical as well');
REVOKE TRIGGER ON campaign_activation FROM health_other;
ALTER TABLE campaigns ENABLE ROW LEVEL SECURITY;
SELECT is(pg_temp.health('row_security'), 'ok: 0', 'row level security does not bind the owner');
ALTER TABLE campaigns FORCE ROW LEVEL SECURITY;
SELECT is(pg_temp.health('row_security'), 'critical: 1', 'row_security is critical when it is forced');
ALTER TABLE campaigns NO FORCE ROW LEVEL SECURITY;
GRANT CREATE ON SCHEMA public TO health_other;
SELECT is(pg_temp.health('search_path'), 'ok: 0',
	'search_path is ok where a plain role owns the tables, although others may create objects in a schema of it');
SELECT set_campaign_owner(current_user::regrole);
SELECT is(pg_temp.health('search_path'), 'critical: 1', 'search_path is critical where a superuser owns the tables');
SELECT matches(pg_temp.detail('search_path'), 'CREATE for health_other on schema public', 'it names the role and the schema');
REVOKE CREATE ON SCHEMA public FROM health_other;
SELECT is(pg_temp.health('search_path'), 'ok: 0', 'search_path is ok after REVOKE');
GRANT CREATE ON SCHEMA public TO PUBLIC;
SELECT matches(pg_temp.detail('search_path'), 'CREATE for PUBLIC on schema public', 'CREATE for PUBLIC counts');
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
SELECT format('CREATE SCHEMA %I AUTHORIZATION health_other', current_user) \gexec
SELECT is(pg_temp.health('search_path'), 'critical: 1', 'the schema of the owner''s name counts as "$user"');
SELECT format('DROP SCHEMA %I', current_user) \gexec
SELECT set_campaign_owner('health_owner');
ALTER TABLE campaigns DISABLE TRIGGER validate_campaign_state_transition;
SELECT is(pg_temp.health('triggers'), 'warning: 1', 'a trigger of ours is disabled');
ALTER TABLE campaigns ENABLE TRIGGER validate_campaign_state_transition;
ALTER TABLE campaign_timers ENABLE TRIGGER wake_worker_on_insert;
SELECT matches(pg_temp.detail('triggers'), 'wake_worker_on_insert.*resume_timers',
	'the wake-up lost its mode, as after --disable-triggers');
SELECT resume_timers();
SELECT is(pg_temp.health('triggers'), 'ok: 0', 'triggers is ok after resume_timers()');

---- Partitions.

SELECT is(pg_temp.health('partitions_ahead'), 'ok: 3', 'partitions_ahead is ok with three months');
SET LOCAL timezone = 'Pacific/Auckland';
SELECT is(pg_temp.health('partitions_ahead'), 'ok: 3', 'partitions_ahead counts months in UTC');
RESET timezone;
SELECT is(pg_temp.health('partitions_ahead', now() + interval '1 month'), 'ok: 2',
	'partitions_ahead is ok a month later, with two months');
SELECT is(pg_temp.health('partitions_ahead', now() + interval '2 months'), 'warning: 1',
	'partitions_ahead is a warning with one month left');
SELECT is(pg_temp.health('partitions_ahead', now() + interval '3 months'), 'critical: 0',
	'partitions_ahead is critical with no month left');
SELECT matches(pg_temp.detail('partitions_ahead', now() + interval '4 months'), 'create_monthly_partitions\(\)',
	'the detail of partitions_ahead names create_monthly_partitions()');
SET LOCAL session_replication_role = replica;
INSERT INTO campaign_state_log (campaign_id, to_state, trigger_event, created_at) VALUES (gen_random_uuid(), 'CREATED', 'x', now() + interval '10 years');
SELECT is(pg_temp.health('default_partition'), 'warning: 1', 'a row in the default partition');
DELETE FROM campaign_state_log_default;
SET LOCAL session_replication_role = origin;

---- Timers.

SELECT create_campaign(24, now()) AS c \gset
SELECT create_campaign(24, now()) AS d \gset
SELECT is(pg_temp.health('overdue_timers', now() + interval '59 seconds'), 'ok: 0', 'a minute is granted');
SELECT is(pg_temp.health('overdue_timers', now() + interval '2 minutes'), 'warning: 2',
	'overdue_timers is a warning after a minute, and does not count timers behind overdue ones');
SELECT is(pg_temp.health('overdue_timers', now() + interval '12 minutes'), 'critical: 2',
	'overdue_timers is critical after ten minutes');
SELECT pause_timers();
SELECT is(pg_temp.health('overdue_timers', now() + interval '12 minutes'), 'warning: 2',
	'while paused that is no wonder');
SELECT resume_timers();
UPDATE campaign_timers SET status = 'FAILED', retry_count = 1 WHERE campaign_id = :'c' AND timer_type = 'START_CAMPAIGN';
SELECT is(pg_temp.health('overdue_timers', now() + interval '12 minutes'), 'critical: 2',
	'one that waits for its next attempt counts when that is due');
SELECT campaign_lifecycle_internal._run_due_timers(now() + interval '12 minutes', 10) AS run \gset
SELECT is(pg_temp.health('overdue_timers', now() + interval '12 minutes'), 'ok: 0',
	'overdue_timers is ok after the timers were executed');
SELECT matches(pg_temp.health('lateness', now() + interval '13 minutes'), '^critical: median 7[12]\d\.\d+ s, worst 7[12]\d',
	'lateness is critical for timers executed twelve minutes late');
SELECT is(pg_temp.health('lateness', now() + interval '2 hours'), 'ok: none', 'an hour later that is history');
SELECT is(pg_temp.health('failure_rate', now() + interval '13 minutes'), 'ok: 0 of 2',
	'failure_rate is ok when no attempt has failed');
INSERT INTO timer_executions (timer_id, status, error_message, started_at, completed_at)
	SELECT t.id, 'FAILED', 'P0001: x', now(), now() FROM campaign_timers AS t WHERE t.campaign_id = :'d' AND t.timer_type = 'CLOSE_CAMPAIGN';
SELECT is(pg_temp.health('failure_rate', now() + interval '13 minutes'), 'warning: 1 of 3',
	'of a few attempts one failed');
INSERT INTO timer_executions (timer_id, status, error_message, started_at, completed_at)
	SELECT t.id, 'FAILED', 'P0001: x', now(), now() FROM campaign_timers AS t, generate_series(1, 17) WHERE t.campaign_id = :'d' AND t.timer_type = 'CLOSE_CAMPAIGN';
SELECT is(pg_temp.health('failure_rate', now() + interval '13 minutes'), 'critical: 18 of 20',
	'failure_rate is critical when 18 of 20 attempts have failed');
SELECT is(pg_temp.health('dead_letters'), 'ok: 0', 'dead_letters is ok without a dead letter');
UPDATE campaign_timers SET status = 'FAILED', retry_count = 5 WHERE campaign_id = :'d' AND timer_type = 'CLOSE_CAMPAIGN';
SELECT is(pg_temp.health('dead_letters'), 'warning: 1', 'dead_letters is a warning with one dead letter');
SELECT matches(pg_temp.detail('dead_letters'), 'dead_timers.*retry_timer\(\)', 'says where to look and what to do');

---- Maintenance.

UPDATE campaign_maintenance_jobs SET last_run = now(), last_outcome = 'ok', failures = 0;
SELECT is(pg_temp.health('maintenance'), 'ok: 0', 'maintenance is ok when every job has run');
SELECT matches(pg_temp.health('maintenance', now() + interval '2 days'), '^warning: [23]',
	'maintenance is a warning when jobs have not run for two days');
SELECT matches(pg_temp.detail('maintenance', now() + interval '2 days'), 'refresh-pending-timers has not run since',
	'the detail of maintenance names the job that has not run');
SELECT matches(pg_temp.health('maintenance', now() + interval '4 days'), '^critical',
	'maintenance is critical when jobs have not run for four days');
UPDATE campaign_maintenance_jobs SET failures = 2, last_outcome = 'failed', last_error = '55P03: canceling' WHERE job = 'archive-state-logs';
SELECT is(pg_temp.health('maintenance'), 'warning: 1', 'maintenance is a warning when a job fails');
SELECT matches(pg_temp.detail('maintenance'), 'archive-state-logs has failed 2 times in a row \(55P03: canceling\)',
	'the detail of maintenance has the error of the job');
UPDATE campaign_maintenance_jobs SET enabled = false WHERE job = 'archive-state-logs';
SELECT is(pg_temp.health('maintenance'), 'ok: 0', 'a job that is switched off is not missed');
UPDATE campaign_maintenance_jobs SET cron_database = (SELECT oid FROM pg_database WHERE datname = current_database());
SELECT matches(pg_temp.detail('maintenance', now() + interval '4 days'), 'cron\.job_run_details',
	'the detail of maintenance points to the log of pg_cron');

---- A role that may only read gets an answer to everything, and writes nothing.

CREATE ROLE health_reader NOLOGIN;
SELECT grant_campaign_access('health_reader', 'reader') AS granted \gset
SET LOCAL ROLE health_reader;
SELECT count(*) AS checks, count(*) FILTER (WHERE value = 'unknown') AS unknown, max(detail) FILTER (WHERE check_name = 'oldest_snapshot') AS snapshot FROM campaign_health() \gset
RESET ROLE;
SELECT is(:checks, 22, 'a reader sees all 22 checks');
SELECT is(:unknown, 0, 'no value that comes from the campaign tables is unknown to a reader');
SELECT matches(:'snapshot'::text, 'unknown; members of pg_read_all_stats see them', 'other sessions are unknown to it');
REVOKE ALL ON campaign_activation, campaign_tables_version, campaign_maintenance_jobs, campaign_state_log_default FROM health_reader;
REVOKE ALL ON FUNCTION campaign_lifecycle_internal._workers() FROM health_reader;
SET LOCAL ROLE health_reader;
SELECT string_agg(check_name, ' ' ORDER BY check_name) AS hidden FROM campaign_health() WHERE detail LIKE 'unknown: %' \gset
RESET ROLE;
SELECT is(:'hidden'::text, 'activation default_partition launcher maintenance preload tables_version worker',
	'values that a role may not see are unknown, without an error');

SELECT * FROM finish();
ROLLBACK;
