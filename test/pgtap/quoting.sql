-- A name that others may choose is never read as SQL, and a text never as a name. Columns, constraints, triggers,
-- partitions, a role, a schema, a function, events and payloads have names that end a quotation and call loot.spring().
-- Then comes every function that builds statements out of names: grants, owner, months, archive, backfill, handlers,
-- health. All of it works, and loot.spring() is never called.

BEGIN;
SELECT plan(24);
\ir lib/errors.psql

CREATE SCHEMA loot;
CREATE TABLE loot.notes (what text);
CREATE FUNCTION loot.spring() RETURNS boolean LANGUAGE sql AS $$ INSERT INTO loot.notes VALUES ('sprung') RETURNING true $$;
GRANT ALL ON SCHEMA loot TO PUBLIC;
GRANT ALL ON loot.notes TO PUBLIC;
GRANT USAGE ON SCHEMA tap TO PUBLIC;
-- In names, up to 63 bytes of them; in texts.
\set evil 'a"; SELECT loot.spring(); -- \' %I %s $$ $1'
\set evil_text '\'; SELECT loot.spring(); -- " %I %s $$ $1 \\'
SELECT format('%I', :'evil') AS name, format('%I', :'evil' || ' 2') AS name2 \gset

CREATE ROLE :name NOLOGIN;
CREATE ROLE :name2 NOLOGIN;
CREATE SCHEMA :name AUTHORIZATION :name;
ALTER TABLE campaigns ADD COLUMN :name text;
ALTER TABLE campaign_timers ADD COLUMN :name text;
ALTER TABLE campaign_metrics ADD COLUMN :name text;
ALTER TABLE campaign_state_log ADD COLUMN :name text DEFAULT :'evil_text';
ALTER TABLE campaign_state_log ADD CONSTRAINT :name CHECK (:name <> 'x') NOT VALID;
CREATE FUNCTION :name.act(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb LANGUAGE sql SET search_path = pg_catalog AS 'SELECT payload -> ''text''';
SELECT format('ALTER FUNCTION %I.act(uuid, uuid, jsonb) RENAME TO %I', :'evil', :'evil') \gexec
SELECT format('ALTER FUNCTION %I.%I(uuid, uuid, jsonb) OWNER TO %I', :'evil', :'evil', :'evil') \gexec
CREATE FUNCTION loot.nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN coalesce(NEW, OLD); END $$;
CREATE TRIGGER :name BEFORE DELETE ON campaign_state_log_default FOR EACH ROW EXECUTE FUNCTION loot.nothing();

--
-- Rights
--
SELECT lives_ok(format('SELECT grant_campaign_access(%L, %L)', :'name', l), 'granted: ' || l) FROM unnest('{writer,operator}'::text[]) AS l;
SELECT ok(has_column_privilege(:'evil', 'campaigns', :'evil', 'UPDATE'),
	'grant_campaign_access() grants UPDATE on a column of that name');
SELECT lives_ok(format('SELECT set_campaign_owner(%L)', :'name2'), 'set_campaign_owner() takes a role of that name');
SELECT is(pg_get_userbyid(relowner), (:'evil' || ' 2')::name, 'the role of that name owns the tables') FROM pg_class WHERE oid = 'campaigns'::regclass;
SELECT throws_ok(format('SELECT grant_campaign_access(%L, %L)', :'name', :'evil_text'), '22023', NULL,
	'grant_campaign_access() refuses the text as level');

--
-- A life
--
SET LOCAL ROLE :name;
SELECT tap.lives_ok(format('SELECT register_handler(''START_CAMPAIGN'', %L)', format('%I.%I(uuid, uuid, jsonb)', :'evil', :'evil')),
	'register_handler() takes a function of that name');
SELECT create_campaign(24, metadata => jsonb_build_object(:'evil_text'::text, :'evil_text'::text)) AS id \gset
UPDATE campaign_timers SET payload = payload || jsonb_build_object('text', :'evil_text'::text) WHERE campaign_id = :'id' AND timer_type = 'START_CAMPAIGN';
SELECT tap.is(run_due_timers(), 1::bigint, 'a timer is attempted with a handler of that name');
SELECT tap.is(transition_campaign(:'id', 'CLOSED', :'evil_text', jsonb_build_object('changed_by', :'evil_text'::text)), 'RUNNING',
	'a move with such an event');
SELECT tap.throws_ok(format('SELECT transition_campaign(%L, %L)', :'id', :'evil_text'), NULL, NULL,
	'transition_campaign() refuses the text as state');
SELECT tap.throws_ok(format('SELECT schedule_timer(%L, %L, now())', :'id', :'evil_text'), '22023', NULL,
	'schedule_timer() refuses the text as timer type');
SET LOCAL campaign_lifecycle.trigger_event = :'evil_text';
UPDATE campaigns SET status = 'REWARD_CLAIM' WHERE id = :'id';
RESET ROLE;
SELECT is((SELECT count(*) FROM campaign_state_log WHERE trigger_event = left(:'evil_text', 50)), 2::bigint,
	'the log has the events as they were given');
SELECT is((SELECT result ->> 'handler' FROM timer_executions), :'evil_text',
	'the execution keeps the text that the handler returned');

--
-- Maintenance
--
INSERT INTO campaign_state_log (campaign_id, to_state, trigger_event, created_at) SELECT :'id', 'CREATED', 'OLD', now() - interval '20 months';
INSERT INTO campaign_state_log (campaign_id, to_state, trigger_event, created_at) SELECT :'id', 'CREATED', 'OLD', now() - interval '30 months';
SELECT set_config('loot.lower', (date_trunc('month', now() AT TIME ZONE 'UTC') - interval '40 months')::text || '+00', true), set_config('loot.upper', (date_trunc('month', now() AT TIME ZONE 'UTC') - interval '39 months')::text || '+00', true);
SELECT format('CREATE TABLE %I PARTITION OF campaign_state_log FOR VALUES FROM (%L) TO (%L)', :'evil' || ' part', current_setting('loot.lower'), current_setting('loot.upper')) \gexec
SELECT format('ALTER TABLE %I OWNER TO %s', :'evil' || ' part', :'name2') \gexec
SELECT format('CREATE INDEX %I ON %I (%I)', :'evil' || ' index', :'evil' || ' part', :'evil') \gexec
SELECT cmp_ok(create_monthly_partitions(5), '>=', 1,
	'create_monthly_partitions() makes months of a log with columns of that name');
SELECT is(archive_old_state_logs('1 year'), 2::bigint,
	'archive_old_state_logs() archives months of a log with columns of that name');
SELECT is((SELECT array_agg(DISTINCT a.val) FROM (SELECT to_jsonb(l) ->> :'evil' AS val FROM campaign_state_log_archive AS l) AS a), ARRAY[:'evil_text'],
	'archived rows keep the column of that name');
SELECT is((SELECT count(*) FROM campaign_lifecycle_internal._partitions('campaign_state_log_archive') AS p WHERE p.lower_bound = current_setting('loot.lower')::timestamptz), 1::bigint,
	'a partition of that name is in the archive');
SELECT is(cleanup_timer_executions('0', now() + interval '1 minute'), 1::bigint,
	'cleanup_timer_executions() removes executions with columns of that name');
SELECT throws_ok(format('UPDATE campaign_maintenance_jobs SET schedule = %L', :'evil_text'), '23514', NULL,
	'the text is refused as a schedule');
SELECT is(pg_temp.error_of(format('SELECT campaign_lifecycle_internal._next_cron_time(%L, now())', :'evil_text')), '22023: invalid cron schedule: "' || :'evil_text' || '"',
	'is one or is none');
SELECT throws_ok(format('SELECT campaign_lifecycle_internal._run_maintenance_as_owner(%L, NULL, NULL, NULL)', :'evil_text'), '22023', NULL,
	'the text is refused as a maintenance job');
SELECT ok((SELECT count(*) FROM campaign_health()) > 10, 'campaign_health() runs with objects of that name');
SELECT lives_ok(format('SELECT revoke_campaign_access(%L)', :'name'),
	'revoke_campaign_access() takes a role of that name');

SELECT is_empty('SELECT * FROM loot.notes', 'nothing of it was read as SQL');
SELECT * FROM finish();
ROLLBACK;
