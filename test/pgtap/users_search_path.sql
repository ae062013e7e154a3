-- Triggers, defaults and checks of users resolve names as in a plain statement: under the caller's search_path where a
-- function of the API writes, and under campaign_lifecycle.search_path, here "$user", public, where one writes as the
-- owner of the tables. test/t/065_search_path.pl has the worker, and other values of the setting.
--
-- Schemas here_a and here_b each hold a table audit_log and a function mark(). The triggers, a default and a check name
-- them without a schema, so that the rows tell which schema was found.

BEGIN;
SELECT * FROM no_plan();
\ir lib/errors.psql
SET LOCAL client_min_messages = warning;

CREATE ROLE path_owner NOLOGIN;
CREATE ROLE path_writer NOLOGIN;
CREATE SCHEMA here_a;
CREATE SCHEMA here_b;
CREATE TABLE public.audit_log (source text, operation text, who text);
CREATE TABLE here_a.audit_log (LIKE public.audit_log);
CREATE TABLE here_b.audit_log (LIKE public.audit_log);
-- mark() is inlined into statements, mark_all() runs as a function.
CREATE FUNCTION public.mark() RETURNS text LANGUAGE sql STABLE AS 'SELECT ''public''::text';
CREATE FUNCTION here_a.mark() RETURNS text LANGUAGE sql STABLE AS 'SELECT ''here_a''::text';
CREATE FUNCTION here_b.mark() RETURNS text LANGUAGE sql STABLE AS 'SELECT ''here_b''::text';
CREATE FUNCTION public.default_mark() RETURNS text LANGUAGE sql STABLE AS $$ SELECT mark() $$;
CREATE FUNCTION public.is_fine(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN mark() IS NOT NULL; END $$;
CREATE FUNCTION public.audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO audit_log VALUES (regexp_replace(TG_TABLE_NAME, '_y\d+m\d+$', ''), TG_OP, current_user);
	RETURN NULL;
END
$$;
SELECT grant_campaign_access('path_writer', 'writer'), grant_campaign_access('path_writer', 'operator');
SELECT set_campaign_owner('path_owner');
GRANT USAGE ON SCHEMA tap, here_a, here_b TO PUBLIC;
GRANT SELECT, INSERT ON public.audit_log, here_a.audit_log, here_b.audit_log TO PUBLIC;

-- The column names the schema that its default has found.
ALTER TABLE campaigns ADD COLUMN made_in text DEFAULT public.default_mark();
ALTER TABLE campaign_timers ADD COLUMN made_in text DEFAULT public.default_mark() CHECK (public.is_fine(made_in));
SELECT format('CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION public.audit()',
		t.name)
FROM unnest('{campaigns,campaign_timers,timer_executions,campaign_metrics,campaign_state_log,campaign_maintenance_jobs,campaign_timer_handlers}'::text[])
	AS t (name)
\gexec

-- What triggers have recorded in a schema since the last call.
CREATE FUNCTION pg_temp.audited(in_schema text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text;
BEGIN
	EXECUTE format('SELECT string_agg(DISTINCT source || '' '' || operation || '' '' || who, '', '' ORDER BY source || '' '' || operation || '' '' || who) FROM %I.audit_log', in_schema)
		INTO found;
	EXECUTE format('TRUNCATE %I.audit_log', in_schema);
	RETURN found;
END
$$;

---- Functions of the API: the caller's search_path.

SET LOCAL ROLE path_writer;
SET LOCAL search_path = here_a, public, tap;
SELECT create_campaign(48, now(), id => '00000000-0000-0000-0000-00000000000a') AS campaign \gset
RESET ROLE;
SELECT is(pg_temp.audited('here_a'), 'campaign_timers INSERT path_writer, campaigns INSERT path_writer',
	'triggers of create_campaign() find the table of the caller''s search_path');
-- The log is written as its owner, so the caller does not choose what its trigger finds.
SELECT is(pg_temp.audited('public'), 'campaign_state_log INSERT path_owner',
	'a trigger on the log finds the table of the setting');
SELECT is(made_in, 'here_a', 'the default of campaigns finds the caller''s function') FROM campaigns WHERE id = :'campaign';
SELECT is(made_in, 'here_a', 'the default of campaign_timers finds the caller''s function')
	FROM campaign_timers WHERE campaign_id = :'campaign' LIMIT 1;

-- Every other function that writes as its caller. The plans of the first calls must not serve the second schema.
SET LOCAL ROLE path_writer;
SET LOCAL search_path = here_a, public, tap;
SELECT count(create_campaign(48, now() + interval '1 hour')) FROM generate_series(1, 10);
SET LOCAL search_path = here_b, public, tap;
SELECT create_campaign(48, now() + interval '1 hour') AS second \gset
SELECT transition_campaign(:'second', 'RUNNING') IS NOT NULL;
SELECT schedule_timer(:'second', 'REWARD_REMINDER', now() + interval '1 hour') AS timer \gset
SELECT reschedule_timer(:'timer', now() + interval '2 hours');
SELECT cancel_timer(:'timer');
SELECT reschedule_campaign(:'second', duration_hours => 72);
SELECT count(*) FROM schedule_campaign_timers(:'second');
SELECT record_metric(:'second', 'ENGAGEMENT_COUNT', 1) IS NOT NULL;
SELECT cancel_campaign(:'second', 'no more');
RESET ROLE;
SELECT is((SELECT string_agg(DISTINCT made_in, ',') FROM campaign_timers WHERE campaign_id = :'second'), 'here_b',
	'a default that was planned for another search_path is planned anew');
SELECT is((SELECT made_in FROM campaigns WHERE id = :'second'), 'here_b',
	'the same for campaigns');
SELECT is(pg_temp.audited('here_b'),
	'campaign_metrics INSERT path_writer, campaign_timers INSERT path_writer, campaign_timers UPDATE path_writer, campaigns INSERT path_writer, campaigns UPDATE path_writer',
	'triggers of the other functions find the table of the caller''s search_path');
SELECT pg_temp.audited('here_a'), pg_temp.audited('public');

-- A function of the user with a search_path of its own is a caller like any other.
CREATE FUNCTION public.create_in_b() RETURNS uuid LANGUAGE sql SECURITY DEFINER SET search_path = here_b, pg_temp
	AS $$ SELECT public.create_campaign(48) $$;
SET LOCAL ROLE path_writer;
SET LOCAL search_path = here_a, public, tap;
-- The hidden setting of a session changes nothing.
SET LOCAL campaign_lifecycle._users_path = caller;
SELECT public.create_in_b() IS NOT NULL;
RESET campaign_lifecycle._users_path;
RESET ROLE;
SELECT ok(pg_temp.audited('here_b') LIKE '%campaigns INSERT%', 'the search_path of a function that calls the API counts');
SELECT is(pg_temp.audited('here_a'), NULL, 'the search_path of its caller does not');

-- Under a path without the names, the error is the one of a plain statement.
SET LOCAL search_path = public, tap;
ALTER TABLE public.audit_log RENAME TO audit_log_away;
SET LOCAL ROLE path_writer;
SELECT is(pg_temp.error_of('SELECT create_campaign(48)'), '42P01: relation "audit_log" does not exist',
	'a name that the caller''s search_path does not have is an error');
RESET ROLE;
ALTER TABLE public.audit_log_away RENAME TO audit_log;

---- A row-level security policy whose function names a function without a schema.

SET LOCAL search_path = public, tap;
CREATE FUNCTION public.may_see() RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN mark() IS NOT NULL; END $$;
ALTER TABLE campaigns ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_rows ON campaigns USING (public.may_see());
SET LOCAL ROLE path_writer;
SELECT is(pg_temp.error_of(format('SELECT reschedule_campaign(%L, duration_hours => 48)', :'campaign')), NULL,
	'a policy resolves names as in a plain statement');
RESET ROLE;
ALTER TABLE campaigns DISABLE ROW LEVEL SECURITY;

---- As the owner of the tables: the setting, whoever calls.

CREATE FUNCTION pg_temp.do_as(role name, path text, command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('search_path', path, true);
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE command;
	RESET ROLE;
	SET LOCAL search_path = public, tap;
	RETURN concat_ws('; ', pg_temp.audited('public'), 'here_a: ' || pg_temp.audited('here_a'));
END
$$;
SELECT pg_temp.audited('public'), pg_temp.audited('here_a'), pg_temp.audited('here_b');
-- The owner itself calls in a session whose search_path somebody has set for it, as a job of pg_cron does.
SELECT is(pg_temp.do_as(r.role, 'here_a, public, tap', 'SELECT run_due_timers()'), r.audited,
	'triggers of run_due_timers() find the table of the setting, called by ' || r.role)
FROM (VALUES ('path_writer', 'campaign_metrics INSERT path_owner, campaign_state_log INSERT path_owner, '
	'campaign_timers UPDATE path_owner, campaigns UPDATE path_owner, timer_executions INSERT path_owner')) AS r (role, audited);
SELECT is(status, 'RUNNING', 'the campaign has started') FROM campaigns WHERE id = :'campaign';

CREATE FUNCTION pg_temp.add_old_rows() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL search_path = public, tap;
	INSERT INTO timer_executions (timer_id, status, started_at, completed_at)
		SELECT t.id, 'COMPLETED', now() - interval '2 years', now() - interval '2 years' FROM campaign_timers AS t LIMIT 3;
	INSERT INTO campaign_metrics (campaign_id, metric_type, value, recorded_at)
		SELECT c.id, 'ENGAGEMENT_COUNT', 1, now() - interval '2 years' FROM campaigns AS c LIMIT 3;
	PERFORM pg_temp.audited('public'), pg_temp.audited('here_a');
END
$$;
SELECT pg_temp.add_old_rows();
SELECT is(pg_temp.do_as('path_writer', 'here_a, public, tap', 'SELECT cleanup_timer_executions()'), 'timer_executions DELETE path_owner',
	'a DELETE trigger in cleanup_timer_executions() finds the table of the setting');
SELECT pg_temp.add_old_rows();
SELECT is(pg_temp.do_as('path_owner', 'here_a, public, tap', 'SELECT public.cleanup_timer_executions(max_rows => 2)'),
	'timer_executions DELETE path_owner', 'the same if the owner calls');
SELECT is(pg_temp.do_as(current_user, 'here_a, public, tap', 'SELECT public.cleanup_timer_executions(max_rows => 2)'),
	'timer_executions DELETE path_owner', 'the same if a superuser calls');
SELECT is(pg_temp.do_as('path_owner', 'here_a, public, tap',
		'SELECT campaign_lifecycle_internal._cleanup_metrics(''1 year'', pg_catalog.now())'), 'campaign_metrics DELETE path_owner',
	'the same for a job as pg_cron runs it');
SELECT pg_temp.add_old_rows();
SELECT is(pg_temp.do_as('path_owner', 'here_a, public, tap',
		$$SELECT campaign_lifecycle_internal._run_maintenance_step('cleanup-timer-executions', pg_catalog.now())$$),
	'campaign_maintenance_jobs UPDATE path_owner, timer_executions DELETE path_owner', 'the same for a step of the worker');

-- A failed attempt is recorded by other statements.
CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused by %', mark(); END $$;
CREATE TRIGGER refuse BEFORE UPDATE OF status ON campaigns FOR EACH ROW WHEN (NEW.status = 'CLOSED') EXECUTE FUNCTION public.refuse();
UPDATE campaign_timers SET scheduled_at = now() WHERE campaign_id = :'campaign' AND timer_type = 'CLOSE_CAMPAIGN';
SELECT pg_temp.audited('public'), pg_temp.audited('here_a');
SELECT is(pg_temp.do_as('path_writer', 'here_a, public, tap', 'SELECT run_due_timers()'),
	'campaign_timers UPDATE path_owner, timer_executions INSERT path_owner',
	'triggers on the record of a failed attempt find the table of the setting');
SELECT is((SELECT string_agg(DISTINCT error_message, ',') FROM timer_executions WHERE status = 'FAILED'), 'P0001: refused by public',
	'the trigger that failed saw the setting');
DROP TRIGGER refuse ON campaigns;
DELETE FROM campaign_timers WHERE campaign_id = :'campaign';
SELECT schedule_timer(:'campaign', 'CLOSE_CAMPAIGN', now());
SELECT pg_temp.audited('public'), pg_temp.audited('here_a');
SELECT is(pg_temp.do_as('path_writer', 'here_a, public, tap', 'SELECT run_due_timers()'),
	'campaign_metrics INSERT path_owner, campaign_state_log INSERT path_owner, campaign_timers INSERT path_owner, '
	'campaign_timers UPDATE path_owner, campaigns UPDATE path_owner, timer_executions INSERT path_owner',
	'a batch that makes timers finds the table of the setting');
SELECT is((SELECT string_agg(DISTINCT made_in, ',') FROM campaign_timers WHERE campaign_id = :'campaign' AND status = 'PENDING'),
	'public', 'a default evaluated for run_due_timers() finds the function of the setting');

-- Deferred triggers of the caller fire before run_due_timers() acts as the owner, under the caller's search_path.
CREATE TABLE public.mine (n integer);
GRANT INSERT ON public.mine TO path_writer;
CREATE CONSTRAINT TRIGGER audit AFTER INSERT ON public.mine DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.audit();
SELECT is(pg_temp.do_as('path_writer', 'here_a, public, tap', 'INSERT INTO mine VALUES (1); SELECT run_due_timers()'),
	'here_a: mine INSERT path_writer', 'a deferred trigger of the caller finds the table of the caller''s search_path');

---- The settings.

SELECT is(pg_temp.error_of('ALTER ROLE path_owner SET campaign_lifecycle.search_path = here_a'),
	'55P02: parameter "campaign_lifecycle.search_path" cannot be changed now', 'ALTER ROLE SET campaign_lifecycle.search_path is refused');
SELECT is(pg_temp.error_of('SET campaign_lifecycle.search_path = here_a'),
	'55P02: parameter "campaign_lifecycle.search_path" cannot be changed now', 'so is SET');

---- A handler is kept with its schema, which the caller's search_path would let it be written without.

GRANT CREATE ON SCHEMA here_a TO path_owner;
SET LOCAL ROLE path_owner;
SET LOCAL search_path = here_a, public, tap;
CREATE FUNCTION here_a.handle(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb LANGUAGE sql SET search_path = pg_catalog AS 'SELECT NULL::jsonb';
SELECT register_handler('EXPIRE_CAMPAIGN', 'handle(uuid,uuid,jsonb)');
RESET ROLE;
SELECT is((SELECT h.handler FROM campaign_timer_handlers AS h WHERE h.timer_type = 'EXPIRE_CAMPAIGN'), 'here_a.handle(uuid,uuid,jsonb)', 'a handler is kept with its schema');

---- Every function that writes the tables, or calls one that does, says under which search_path users' code runs.

SET LOCAL search_path = pg_catalog, tap;
CREATE TEMPORARY VIEW own_functions AS
	SELECT p.oid, p.proname::text AS name, p.prosrc AS text,
		(SELECT split_part(c.setting, '=', 2) FROM unnest(p.proconfig) AS c (setting) WHERE c.setting LIKE 'campaign\_lifecycle.\_users\_path=%') AS choice
	FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
	WHERE l.lanname IN ('sql', 'plpgsql') AND p.prokind = 'f' AND p.prorettype <> 'trigger'::regtype
		AND EXISTS (SELECT FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid
			WHERE d.objid = p.oid AND d.deptype = 'e' AND e.extname = 'campaign_lifecycle');
SELECT is((SELECT string_agg(f.name, ', ' ORDER BY f.name) FROM own_functions AS f
		WHERE f.choice IS NULL AND f.text ~ '(INSERT INTO|UPDATE|DELETE FROM) (public\.|%)' AND f.text !~ '(GRANT|HINT|by hand).*(INSERT|UPDATE|DELETE)'),
	NULL, 'each function that writes has the setting');
SELECT is((SELECT string_agg(DISTINCT f.name, ', ') FROM own_functions AS f
		JOIN own_functions AS called ON called.choice = 'caller' AND f.text ~ ('\.' || called.name || '\(')
		WHERE f.choice IS DISTINCT FROM 'caller'),
	NULL, 'each function that calls one that writes as its caller passes the caller''s search_path on');
SELECT * FROM finish();
ROLLBACK;
