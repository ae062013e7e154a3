-- The promise: a name that others may choose is never read as SQL, and a text never as a name.
-- The steps: columns, constraints, triggers, partitions, a role, a schema, a function, events and payloads with names that end a quotation and call
-- loot.spring(); then everything that builds statements out of names: grants, the owner, months, archive, backfill, handlers, health. The sign of
-- success: all of it works, and loot.spring() is never called.

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
SELECT ok(has_column_privilege(:'evil', 'campaigns', :'evil', 'UPDATE'), 'its column as well');
SELECT lives_ok(format('SELECT set_campaign_owner(%L)', :'name2'), 'a new owner');
SELECT is(pg_get_userbyid(relowner), (:'evil' || ' 2')::name, 'who owns the tables') FROM pg_class WHERE oid = 'campaigns'::regclass;
SELECT throws_ok(format('SELECT grant_campaign_access(%L, %L)', :'name', :'evil_text'), '22023', NULL, 'an access level');

--
-- A life
--
SET LOCAL ROLE :name;
SELECT tap.lives_ok(format('SELECT register_handler(''START_CAMPAIGN'', %L)', format('%I.%I(uuid, uuid, jsonb)', :'evil', :'evil')), 'a handler');
SELECT create_campaign(24, metadata => jsonb_build_object(:'evil_text'::text, :'evil_text'::text)) AS id \gset
UPDATE campaign_timers SET payload = payload || jsonb_build_object('text', :'evil_text'::text) WHERE campaign_id = :'id' AND timer_type = 'START_CAMPAIGN';
SELECT tap.is(run_due_timers(), 1::bigint, 'is called');
SELECT tap.is(transition_campaign(:'id', 'CLOSED', :'evil_text', jsonb_build_object('changed_by', :'evil_text'::text)), 'RUNNING', 'a move with such an event');
SELECT tap.throws_ok(format('SELECT transition_campaign(%L, %L)', :'id', :'evil_text'), NULL, NULL, 'no state');
SELECT tap.throws_ok(format('SELECT schedule_timer(%L, %L, now())', :'id', :'evil_text'), '22023', NULL, 'no timer type');
SET LOCAL campaign_lifecycle.trigger_event = :'evil_text';
UPDATE campaigns SET status = 'REWARD_CLAIM' WHERE id = :'id';
RESET ROLE;
SELECT is((SELECT count(*) FROM campaign_state_log WHERE trigger_event = left(:'evil_text', 50)), 2::bigint, 'the log has the events as they were given');
SELECT is((SELECT result ->> 'handler' FROM timer_executions), :'evil_text', 'and the execution what the handler returned');

--
-- Upkeep
--
INSERT INTO campaign_state_log (campaign_id, to_state, trigger_event, created_at) SELECT :'id', 'CREATED', 'OLD', now() - interval '20 months';
INSERT INTO campaign_state_log (campaign_id, to_state, trigger_event, created_at) SELECT :'id', 'CREATED', 'OLD', now() - interval '30 months';
SELECT set_config('loot.lower', (date_trunc('month', now() AT TIME ZONE 'UTC') - interval '40 months')::text || '+00', true), set_config('loot.upper', (date_trunc('month', now() AT TIME ZONE 'UTC') - interval '39 months')::text || '+00', true);
SELECT format('CREATE TABLE %I PARTITION OF campaign_state_log FOR VALUES FROM (%L) TO (%L)', :'evil' || ' part', current_setting('loot.lower'), current_setting('loot.upper')) \gexec
SELECT format('ALTER TABLE %I OWNER TO %s', :'evil' || ' part', :'name2') \gexec
SELECT format('CREATE INDEX %I ON %I (%I)', :'evil' || ' index', :'evil' || ' part', :'evil') \gexec
SELECT cmp_ok(create_monthly_partitions(5), '>=', 1, 'months are made');
SELECT is(archive_old_state_logs('1 year'), 2::bigint, 'old ones are archived');
SELECT is((SELECT array_agg(DISTINCT a.val) FROM (SELECT to_jsonb(l) ->> :'evil' AS val FROM campaign_state_log_archive AS l) AS a), ARRAY[:'evil_text'], 'with the column');
SELECT is((SELECT count(*) FROM campaign_lifecycle_internal._partitions('campaign_state_log_archive') AS p WHERE p.lower_bound = current_setting('loot.lower')::timestamptz), 1::bigint, 'and so is a partition of such a name');
SELECT is(cleanup_timer_executions('0', now() + interval '1 minute'), 1::bigint, 'executions are removed');
SELECT throws_ok(format('UPDATE campaign_maintenance_jobs SET schedule = %L', :'evil_text'), '23514', NULL, 'a schedule');
SELECT is(pg_temp.error_of(format('SELECT campaign_lifecycle_internal._next_cron_time(%L, now())', :'evil_text')), '22023: invalid cron schedule: "' || :'evil_text' || '"', 'is one or is none');
SELECT throws_ok(format('SELECT campaign_lifecycle_internal._run_maintenance_as_owner(%L, NULL, NULL, NULL)', :'evil_text'), '22023', NULL, 'and so is a verb');
SELECT ok((SELECT count(*) FROM campaign_health()) > 10, 'health');
SELECT lives_ok(format('SELECT revoke_campaign_access(%L)', :'name'), 'revoked');

SELECT is_empty('SELECT * FROM loot.notes', 'nothing of it was read as SQL');
SELECT * FROM finish();
ROLLBACK;
