-- campaign_health() raises no error, whatever the tables hold and whatever is missing. It says what it found instead.

BEGIN;
SELECT plan(21);

CREATE FUNCTION pg_temp.health(name text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(h.status || ': ' || h.value || ': ' || h.detail, '; ') FROM campaign_health() AS h WHERE h.check_name = name
$$;
CREATE ROLE health_reader NOLOGIN;
SELECT grant_campaign_access('health_reader', 'reader');
GRANT USAGE ON SCHEMA tap TO PUBLIC;

---- a schedule of 1.1 in a paused database

SELECT pause_timers();
ALTER TABLE campaign_maintenance_jobs DROP CONSTRAINT valid_schedule;
UPDATE campaign_maintenance_jobs SET schedule = '0 22-6 * * *', last_run = now() WHERE job = 'archive-state-logs';
SELECT lives_ok('SELECT * FROM campaign_health()', 'a schedule that the parser refuses raises nothing');
SELECT matches(pg_temp.health('upkeep'), '^warning: 1: archive-state-logs has no valid schedule \(0 22-6', 'the check upkeep shows it');
SELECT is(pg_temp.health('health'), NULL, 'every check says something');
SET LOCAL ROLE health_reader;
SELECT matches(pg_temp.health('upkeep'), 'archive-state-logs has no valid schedule', 'a reader sees the same');
RESET ROLE;
UPDATE campaign_maintenance_jobs SET schedule = '@daily', last_run = v.last_run FROM (VALUES ('archive-state-logs', 'infinity'::timestamptz), ('cleanup-timer-executions', '-infinity'), ('refresh-active-campaigns', '9950-01-01')) AS v (job, last_run)
	WHERE v.job = campaign_maintenance_jobs.job;
SELECT matches(pg_temp.health('upkeep'), 'archive-state-logs has run at infinity', 'a last_run without end is shown');
SELECT lives_ok('SELECT * FROM campaign_health()', 'times of no end raise nothing');
SELECT lives_ok('SELECT campaign_lifecycle_internal._due_maintenance(now(), NULL)', 'nor do they keep the worker from its jobs');
UPDATE campaign_maintenance_jobs SET last_run = NULL;
UPDATE campaign_activation SET changed_at = 'infinity';
SELECT matches(pg_temp.health('activation'), '^warning: paused: Paused by pause_timers\(\): no timer', 'a pause without a time is shown');
UPDATE campaign_activation SET changed_at = '-infinity';
SELECT matches(pg_temp.health('activation'), '^warning: paused', 'so is one since ever');

---- executions at impossible times

SELECT create_campaign(24) AS c \gset
SELECT id AS t FROM campaign_timers WHERE timer_type = 'START_CAMPAIGN' \gset
SET LOCAL session_replication_role = replica;
UPDATE campaign_timers SET status = 'COMPLETED', executed_at = 'infinity' WHERE id = :'t';
RESET session_replication_role;
INSERT INTO timer_executions (timer_id, status, started_at, completed_at, execution_time_ms) VALUES (:'t', 'COMPLETED', now(), now(), 0);
SELECT matches(pg_temp.health('lateness'), '^ok: none', 'an execution without end has no lateness');
SELECT is(pg_temp.health('health'), NULL, 'every check says something about it');

---- tables that are missing or of another shape

SAVEPOINT missing;
DROP TABLE campaign_state_log_default;
SELECT matches(pg_temp.health('default_partition'), '^warning: missing', 'a default partition that is gone is shown');
ROLLBACK TO missing;
DROP TABLE campaign_tables_version;
SELECT matches(pg_temp.health('health'), '^critical: 42P01: The checks of the tables raise an error.*campaign_tables_version', 'a table that is gone is shown');
SELECT matches(pg_temp.health('overdue_timers'), '^ok', 'and the other checks go on');
ROLLBACK TO missing;
DROP VIEW _runnable_timers CASCADE;
SELECT matches(pg_temp.health('health'), '^critical: 42P01: The checks of the timers raise an error', 'so is a view');
ROLLBACK TO missing;
DROP TABLE campaign_maintenance_jobs;
SELECT matches(pg_temp.health('upkeep'), '^ok: unknown', 'a table of jobs that is gone');
SELECT is(pg_temp.health('health'), NULL, 'is no error');
ROLLBACK TO missing;
ALTER TABLE timer_executions RENAME COLUMN started_at TO begun_at;
SELECT matches(pg_temp.health('health'), '^critical: 42703', 'a column that is gone is shown');
SET LOCAL ROLE health_reader;
SELECT matches(pg_temp.health('health'), '^critical: 42703', 'to a reader too');
RESET ROLE;
ROLLBACK TO missing;
ALTER TABLE campaign_activation RENAME COLUMN paused TO halted;
SELECT matches(pg_temp.health('health'), '^critical: 42703: The checks of the processes', 'so is one of the bookkeeping');
SELECT matches(pg_temp.health('vacuum'), '^ok', 'and the checks of the server go on');

SELECT * FROM finish();
ROLLBACK;
