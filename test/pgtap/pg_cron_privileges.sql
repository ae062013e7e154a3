-- A superuser that hands maintenance to pg_cron, or takes it back, runs no code of the owner of the tables or of a role
-- with TRIGGER. The jobs of pg_cron call functions of the extension, as the owner of the tables, whatever functions
-- others have put into the schema. There are hostile triggers, a view in the table's place, and overloads of every
-- function that a job calls; each records the role that it runs as. Then a superuser calls the two functions, and the
-- commands of the jobs run as the owner and as a superuser. Only the owner is recorded.

BEGIN;
SELECT plan(29);
\ir lib/errors.psql

CREATE EXTENSION pg_cron;
CREATE ROLE cron_owner LOGIN;
CREATE ROLE cron_mallory NOLOGIN;
CREATE ROLE cron_operator NOLOGIN;
SELECT set_campaign_owner('cron_owner');
SELECT grant_campaign_access('cron_operator', 'operator');
CREATE SCHEMA loot;
GRANT ALL ON SCHEMA loot, public TO cron_owner, cron_mallory;
CREATE TABLE loot.notes (what text, who name);
GRANT ALL ON loot.notes TO PUBLIC;
GRANT USAGE ON SCHEMA tap TO PUBLIC;
GRANT TRIGGER ON ALL TABLES IN SCHEMA public TO cron_mallory;
SET LOCAL ROLE cron_mallory;
CREATE FUNCTION loot.note(what text) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog AS $$ BEGIN INSERT INTO loot.notes VALUES (what, current_user); RETURN true; END $$;
CREATE FUNCTION loot.spring() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM loot.note(TG_TABLE_NAME); RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END; END $$;
CREATE TRIGGER hostile BEFORE INSERT OR UPDATE OR DELETE ON campaign_maintenance_jobs FOR EACH ROW EXECUTE FUNCTION loot.spring();
CREATE CONSTRAINT TRIGGER hostile_later AFTER INSERT OR UPDATE ON campaign_maintenance_jobs DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION loot.spring();
CREATE TRIGGER hostile BEFORE DELETE ON campaign_timers FOR EACH ROW EXECUTE FUNCTION loot.spring();
CREATE TRIGGER hostile BEFORE DELETE ON campaign_metrics FOR EACH ROW EXECUTE FUNCTION loot.spring();
CREATE TRIGGER hostile BEFORE DELETE ON timer_executions FOR EACH ROW EXECUTE FUNCTION loot.spring();
-- Each fits a call with untyped or left out arguments better than ours.
CREATE FUNCTION public._refresh_if_changed(text) RETURNS boolean LANGUAGE sql AS $$ SELECT loot.note('overload _refresh_if_changed(text)') $$;
CREATE FUNCTION public.create_monthly_partitions() RETURNS boolean LANGUAGE sql AS $$ SELECT loot.note('overload create_monthly_partitions()') $$;
CREATE FUNCTION public.create_monthly_partitions(integer) RETURNS boolean LANGUAGE sql AS $$ SELECT loot.note('overload create_monthly_partitions(integer)') $$;
CREATE FUNCTION public.archive_old_state_logs() RETURNS boolean LANGUAGE sql AS $$ SELECT loot.note('overload archive_old_state_logs()') $$;
CREATE FUNCTION public.archive_old_state_logs(text) RETURNS boolean LANGUAGE sql AS $$ SELECT loot.note('overload archive_old_state_logs(text)') $$;
CREATE FUNCTION public.cleanup_timer_executions() RETURNS boolean LANGUAGE sql AS $$ SELECT loot.note('overload cleanup_timer_executions()') $$;
CREATE FUNCTION public.cleanup_timer_executions(text) RETURNS boolean LANGUAGE sql AS $$ SELECT loot.note('overload cleanup_timer_executions(text)') $$;
CREATE FUNCTION public._cleanup_finished_timers(text) RETURNS boolean LANGUAGE sql AS $$ SELECT loot.note('overload _cleanup_finished_timers(text)') $$;
CREATE FUNCTION public._cleanup_metrics(text) RETURNS boolean LANGUAGE sql AS $$ SELECT loot.note('overload _cleanup_metrics(text)') $$;
CREATE FUNCTION loot.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT CASE WHEN loot.note('now() of another schema') THEN pg_catalog.now() END $$;
CREATE DOMAIN loot.interval AS text CHECK (loot.note('type interval of another schema'));
CREATE DOMAIN loot.regclass AS text CHECK (loot.note('type regclass of another schema'));
RESET ROLE;
SELECT ok(public.archive_old_state_logs('1 year'), 'an untyped call takes the overload');
UPDATE campaign_maintenance_jobs SET enabled = true;
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
SELECT set_eq('SELECT who FROM loot.notes', ARRAY[current_user::name],
	'plain SQL of a superuser runs them as a superuser');
DELETE FROM loot.notes;

--
-- The two functions
--
SELECT is(schedule_maintenance(), true, 'a superuser hands maintenance to pg_cron');
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
SELECT set_eq('SELECT what, who FROM loot.notes', $$VALUES ('campaign_maintenance_jobs', 'cron_owner'::name)$$,
	'triggers on the jobs ran as the owner of the tables');
SELECT is((SELECT array_agg(DISTINCT (j.username, j.active)::text) FROM cron.job AS j), '{"(cron_owner,t)"}',
	'the jobs of pg_cron belong to the owner of the tables');
SELECT is((SELECT count(*) FROM campaign_maintenance_jobs AS j JOIN pg_database AS d ON d.oid = j.cron_database AND d.datname = current_database()), 8::bigint,
	'campaign_maintenance_jobs says that pg_cron runs eight jobs');
SELECT is(unschedule_maintenance(), true, 'unschedule_maintenance() of the superuser takes the jobs back');
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
SELECT set_eq('SELECT who FROM loot.notes', '{cron_owner}'::name[],
	'code of the owner runs as the owner in unschedule_maintenance()');
SELECT is((SELECT count(*) FROM campaign_maintenance_jobs WHERE cron_database IS NOT NULL), 0::bigint,
	'campaign_maintenance_jobs says that pg_cron runs no job');
SELECT is((SELECT count(*) FROM cron.job), 0::bigint, 'no job is left in pg_cron');

-- Not through the back door of those who may have other maintenance done.
SET LOCAL ROLE cron_operator;
SELECT tap.is(pg_temp.error_of($$SELECT campaign_lifecycle_internal._run_maintenance_as_owner('set_cron_database', NULL, NULL, 1)$$), '42501: permission denied for maintenance function "set_cron_database"',
	'an operator cannot take maintenance from the worker');
SELECT tap.is(pg_temp.error_of(format('SELECT campaign_lifecycle_internal._run_maintenance_as_owner(%L, now(), ''0'', NULL)', v)), format('42501: permission denied for maintenance function "%s"', v), 'nor ask for ' || v)
FROM unnest('{upgrade_campaign_tables,cleanup_finished_timers,cleanup_metrics,refresh_if_changed,nonsense}'::text[]) AS v;
SELECT tap.is(campaign_lifecycle_internal._run_maintenance_as_owner('cleanup_timer_executions', now(), '1 year', 1), 0::bigint,
	'an operator can call maintenance as the owner');
RESET ROLE;

-- A view in the table's place, and names that are none of ours.
DELETE FROM loot.notes;
SELECT cron.schedule('nightly-report', '0 3 * * *', 'SELECT 1');
SELECT schedule_maintenance();
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
DELETE FROM loot.notes;
SET LOCAL ROLE cron_owner;
ALTER TABLE campaign_maintenance_jobs RENAME TO real_jobs;
ALTER TABLE real_jobs DROP CONSTRAINT valid_job;
INSERT INTO real_jobs (job, schedule) VALUES ('nightly-report', '* * * * *');
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
CREATE VIEW campaign_maintenance_jobs AS SELECT * FROM real_jobs AS j WHERE loot.note('view');
DELETE FROM loot.notes;
RESET ROLE;
SELECT isnt(pg_temp.error_of('SELECT schedule_maintenance()'), NULL, 'a job that we do not know is an error');
SELECT is(unschedule_maintenance(), true, 'a view where the table was');
SELECT set_eq('SELECT who FROM loot.notes', '{cron_owner}'::name[], 'runs as the owner of the tables');
SELECT is((SELECT array_agg(jobname) FROM cron.job), '{nightly-report}',
	'a superuser''s own job is not taken along, whatever name the table holds');
SET LOCAL ROLE cron_owner;
DELETE FROM real_jobs WHERE job = 'nightly-report';
DROP VIEW campaign_maintenance_jobs;
ALTER TABLE real_jobs RENAME TO campaign_maintenance_jobs;
RESET ROLE;

--
-- The jobs
--
SELECT schedule_maintenance();
SET CONSTRAINTS ALL IMMEDIATE;
CREATE TEMPORARY TABLE commands AS SELECT j.jobname, j.command FROM cron.job AS j WHERE j.jobname <> 'nightly-report';
GRANT SELECT ON commands TO cron_owner;
CREATE FUNCTION pg_temp.furnish() RETURNS void LANGUAGE plpgsql SET search_path = public, pg_catalog AS $$
BEGIN
	WITH c AS (INSERT INTO campaigns (status, duration_hours) VALUES ('RUNNING', 1) RETURNING id),
		t AS (INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at, status, updated_at)
			SELECT c.id, 'EXPIRE_CAMPAIGN', now() - interval '2 years', 'CANCELLED', now() - interval '2 years' FROM c RETURNING id),
		m AS (INSERT INTO campaign_metrics (campaign_id, metric_type, value, recorded_at) SELECT c.id, 'REWARD_CLAIMED', 1, now() - interval '2 years' FROM c)
	INSERT INTO timer_executions (timer_id, status, started_at, completed_at) SELECT t.id, 'COMPLETED', now() - interval '2 years', now() - interval '2 years' FROM t;
END
$$;
CREATE FUNCTION pg_temp.run_jobs() RETURNS void LANGUAGE plpgsql SET search_path = loot, pg_catalog, public AS $$
DECLARE
	job record;
BEGIN
	FOR job IN SELECT c.command FROM pg_temp.commands AS c ORDER BY c.jobname LOOP
		EXECUTE job.command;
	END LOOP;
END
$$;
SELECT pg_temp.furnish();
DELETE FROM loot.notes;
SET LOCAL ROLE cron_owner;
SELECT tap.lives_ok('SELECT pg_temp.run_jobs()', 'every job runs as the owner of the tables');
RESET ROLE;
SELECT set_eq('SELECT what, who FROM loot.notes', $$SELECT w, 'cron_owner'::name FROM unnest('{campaign_timers,campaign_metrics,timer_executions}'::text[]) AS w$$,
	'the jobs call the functions of the extension under any search_path');
SELECT is((SELECT count(*) FROM campaign_metrics WHERE recorded_at < now() - interval '1 year'), 0::bigint,
	'the jobs of the owner remove old metrics');
-- Scheduled when the tables were a superuser's, who has given them away since.
SELECT pg_temp.furnish();
DELETE FROM loot.notes;
SELECT lives_ok('SELECT pg_temp.run_jobs()', 'the jobs run in the name of a superuser');
SELECT set_eq('SELECT what, who FROM loot.notes', $$SELECT w, 'cron_owner'::name FROM unnest('{campaign_timers,campaign_metrics,timer_executions}'::text[]) AS w$$,
	'the jobs in the name of a superuser run code of the owner as the owner');
SELECT is((SELECT count(*) FROM campaign_metrics WHERE recorded_at < now() - interval '1 year'), 0::bigint,
	'the jobs in the name of a superuser remove old metrics');
DROP MATERIALIZED VIEW mv_active_campaigns;
SET LOCAL ROLE cron_owner;
CREATE MATERIALIZED VIEW mv_active_campaigns AS SELECT 1 AS n WHERE loot.note('materialized view');
RESET ROLE;
DELETE FROM loot.notes;
SELECT lives_ok('SELECT campaign_lifecycle_internal._refresh_if_changed(''public.mv_active_campaigns''::regclass)',
	'a materialized view of the owner''s');
SELECT set_eq('SELECT DISTINCT who FROM loot.notes', '{cron_owner}'::name[],
	'is compared and refreshed as the owner, whoever asks');

SELECT * FROM finish();
ROLLBACK;
