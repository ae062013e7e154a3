-- A change of the tables holds from the next batch on, whatever the session has cached. Constraints, WHEN conditions of
-- triggers, and the functions and domains that they name are added, replaced under the same name, renamed and dropped,
-- by this session and by another one. Each step starts one campaign, so one batch, and asserts its outcome.

CREATE EXTENSION dblink SCHEMA tap;
SELECT plan(61);
\ir lib/errors.psql
SET client_min_messages = warning;

CREATE SCHEMA own;
CREATE TABLE own.seen (n integer GENERATED ALWAYS AS IDENTITY, what text NOT NULL);
CREATE FUNCTION own.witness() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	INSERT INTO own.seen (what) VALUES (TG_NAME);
	RETURN NEW;
END
$$;
-- 'started', or what the attempt failed with; then what the triggers called witness have seen. Leaves nothing behind.
CREATE FUNCTION pg_temp.outcome() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	outcome text;
BEGIN
	DELETE FROM own.seen;
	PERFORM create_campaign(24, now());
	DELETE FROM own.seen;
	PERFORM run_due_timers(1);
	SELECT concat_ws(', ',
		coalesce((SELECT x.error_message FROM timer_executions AS x WHERE x.status = 'FAILED'), (SELECT 'started' FROM campaigns WHERE status = 'RUNNING')),
		(SELECT string_agg(s.what, ', ' ORDER BY s.n) FROM own.seen AS s)) INTO outcome;
	DELETE FROM campaigns;
	RETURN outcome;
END
$$;
CREATE FUNCTION pg_temp.violates(relation text, name text) RETURNS text LANGUAGE sql AS $$
	SELECT format('23514: new row for relation "%s" violates check constraint "%s"', relation, name)
$$;
CREATE FUNCTION pg_temp.kept(OUT contexts bigint, OUT bytes bigint) LANGUAGE sql AS $$
	SELECT count(*), sum(total_bytes) FROM pg_backend_memory_contexts WHERE name = 'campaign_lifecycle expressions'
$$;

BEGIN;
SELECT is(pg_temp.outcome(), 'started', 'a first batch starts its campaign');
SELECT is(pg_temp.outcome(), 'started', 'a second batch starts its campaign');
SAVEPOINT learnt;

---- CHECK constraints, of the tables whose rows change, and of those that rows are added to.

ALTER TABLE campaigns ADD CONSTRAINT own CHECK (status <> 'RUNNING');
SELECT is(pg_temp.outcome(), pg_temp.violates('campaigns', 'own'), 'a CHECK added to campaigns fails the next batch');
ALTER TABLE campaigns RENAME CONSTRAINT own TO a;
SELECT is(pg_temp.outcome(), pg_temp.violates('campaigns', 'a'),
	'a CHECK renamed so that it is the first fails the next batch under its new name');
ALTER TABLE campaigns DROP CONSTRAINT a, ADD CONSTRAINT a CHECK (status <> 'EXPIRED');
SELECT is(pg_temp.outcome(), 'started', 'a CHECK replaced by one that holds is followed');
ALTER TABLE campaigns DROP CONSTRAINT a, ADD CONSTRAINT a CHECK (status <> 'RUNNING') NOT VALID;
SELECT is(pg_temp.outcome(), pg_temp.violates('campaigns', 'a'),
	'a CHECK replaced by one that does not hold is followed, although NOT VALID');
ALTER TABLE campaigns DROP CONSTRAINT valid_duration, ADD CONSTRAINT valid_duration CHECK (status <> 'RUNNING'), DROP CONSTRAINT a;
SELECT is(pg_temp.outcome(), pg_temp.violates('campaigns', 'valid_duration'),
	'a CHECK of the extension that was replaced is followed');
ALTER TABLE campaigns DROP CONSTRAINT valid_duration;
SELECT is(pg_temp.outcome(), 'started', 'a CHECK of the extension that was dropped is not followed');
ROLLBACK TO learnt;
SELECT is(pg_temp.outcome(), 'started', 'changes of constraints that were rolled back are not followed');

ALTER TABLE campaign_metrics ADD CONSTRAINT own CHECK (metric_type <> 'STATE_TRANSITION_TIME');
SELECT is(pg_temp.outcome(), pg_temp.violates('campaign_metrics', 'own'),
	'a CHECK added to metrics fails the next batch');
ALTER TABLE campaign_metrics DROP CONSTRAINT own, ADD CONSTRAINT own CHECK (metric_type <> 'OWN');
SELECT is(pg_temp.outcome(), 'started', 'a CHECK of metrics replaced by one that holds is followed');
ALTER TABLE campaign_metrics DROP CONSTRAINT own, ADD CONSTRAINT own CHECK (value < 0);
SELECT is(pg_temp.outcome(), pg_temp.violates('campaign_metrics', 'own'),
	'a CHECK of metrics replaced by one that does not hold is followed');
ALTER TABLE campaign_metrics DROP CONSTRAINT own;
SELECT is(pg_temp.outcome(), 'started', 'a CHECK of metrics that was dropped is not followed');
ALTER TABLE timer_executions ADD CONSTRAINT own CHECK (result -> 'to' <> '"RUNNING"');
SELECT is(pg_temp.outcome(), pg_temp.violates('timer_executions', 'own'),
	'a CHECK added to executions fails the next batch');
ALTER TABLE timer_executions DROP CONSTRAINT own;
SELECT is(pg_temp.outcome(), 'started', 'a CHECK of executions that was dropped is not followed');

SELECT create_campaign(24, now()) AS c \gset
SELECT DISTINCT tableoid::regclass AS part FROM campaign_state_log \gset
DELETE FROM campaigns;
ALTER TABLE campaign_state_log ADD CONSTRAINT own CHECK (to_state <> 'RUNNING');
SELECT is(pg_temp.outcome(), pg_temp.violates(:'part', 'own'),
	'a CHECK added to the log fails the next batch in its partition');
ALTER TABLE campaign_state_log DROP CONSTRAINT own;
SELECT is(pg_temp.outcome(), 'started', 'a CHECK of the log that was dropped is not followed');
ALTER TABLE :part ADD CONSTRAINT own CHECK (from_state <> 'CREATED');
SELECT is(pg_temp.outcome(), pg_temp.violates(:'part', 'own'),
	'a CHECK added to one partition of the log fails the next batch');
ROLLBACK TO learnt;
SELECT is(pg_temp.outcome(), 'started', 'a CHECK of a partition that was rolled back is not followed');

-- A column that a constraint names gets another type.
ALTER TABLE campaign_metrics ADD COLUMN own integer NOT NULL DEFAULT 7, ADD CONSTRAINT own CHECK (own > 10 OR own < 8);
SELECT is(pg_temp.outcome(), 'started', 'a CHECK on an integer column holds for seven');
ALTER TABLE campaign_metrics ALTER COLUMN own DROP DEFAULT, ALTER COLUMN own TYPE numeric(3, 1), ALTER COLUMN own SET DEFAULT 8.5;
SELECT is(pg_temp.outcome(), pg_temp.violates('campaign_metrics', 'own'),
	'the CHECK fails for eight and a half after the column became numeric');
ROLLBACK TO learnt;

---- Functions and domains that they name.

CREATE FUNCTION own.answer() RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN true; END';
CREATE FUNCTION own.asks() RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT own.answer()';
CREATE FUNCTION own.may_be(state text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$SELECT state <> 'EXPIRED'$$;
SAVEPOINT functions;
ALTER TABLE campaigns ADD CONSTRAINT own CHECK (status = 'CREATED' OR own.answer());
SELECT is(pg_temp.outcome(), 'started', 'a CHECK that calls an immutable function holds');
CREATE OR REPLACE FUNCTION own.answer() RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN false; END';
SELECT is(pg_temp.outcome(), pg_temp.violates('campaigns', 'own'),
	'the function replaced by one that returns false fails the next batch');
ROLLBACK TO functions;
ALTER TABLE campaign_metrics ADD CONSTRAINT own CHECK (own.asks());
SELECT is(pg_temp.outcome(), 'started', 'a CHECK that calls an SQL function, which calls another, holds');
CREATE OR REPLACE FUNCTION own.answer() RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN false; END';
SELECT is(pg_temp.outcome(), pg_temp.violates('campaign_metrics', 'own'),
	'the inner function replaced by one that returns false fails the next batch');
ROLLBACK TO functions;
ALTER TABLE campaigns ADD CONSTRAINT own CHECK (own.may_be(status));
SELECT is(pg_temp.outcome(), 'started', 'a CHECK that calls an SQL function holds');
CREATE OR REPLACE FUNCTION own.may_be(state text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$SELECT state <> 'RUNNING'$$;
SELECT is(pg_temp.outcome(), pg_temp.violates('campaigns', 'own'),
	'the SQL function replaced by one that returns false fails the next batch');
ROLLBACK TO functions;
CREATE OPERATOR own.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq);
ALTER TABLE campaigns ADD CONSTRAINT own CHECK (NOT status OPERATOR(own.===) 'RUNNING'::text);
SELECT is(pg_temp.outcome(), pg_temp.violates('campaigns', 'own'),
	'a CHECK by an operator of the user''s fails the next batch');
ROLLBACK TO functions;
CREATE DOMAIN own.state AS text;
ALTER TABLE campaigns ADD CONSTRAINT own CHECK (status::own.state IS NOT NULL);
SELECT is(pg_temp.outcome(), 'started', 'a CHECK that casts to a domain without constraints holds');
ALTER DOMAIN own.state ADD CONSTRAINT never CHECK (VALUE <> 'RUNNING');
SELECT is(pg_temp.outcome(), '23514: value for domain own.state violates check constraint "never"',
	'a constraint added to the domain fails the next batch');
ALTER DOMAIN own.state DROP CONSTRAINT never;
SELECT is(pg_temp.outcome(), 'started', 'a constraint dropped from the domain is not followed');
ROLLBACK TO functions;

-- An expression that cannot be planned.
ALTER TABLE campaign_metrics ADD CONSTRAINT own CHECK (1 / 0 > value) NOT VALID;
SELECT is(pg_temp.outcome(), '22012: division by zero', 'a CHECK that raises an error fails the batch');
SELECT is(pg_temp.outcome(), '22012: division by zero', 'a CHECK that raises an error fails the batch each time');
ALTER TABLE campaign_metrics DROP CONSTRAINT own;
SELECT is(pg_temp.outcome(), 'started', 'a CHECK that raises an error is not followed when it was dropped');
ROLLBACK TO functions;

---- Conditions of triggers.

CREATE TRIGGER before BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (OLD.status = 'CREATED' AND NEW.status = 'RUNNING') EXECUTE FUNCTION own.witness();
SELECT is(pg_temp.outcome(), 'started, before', 'a trigger whose WHEN is true fires');
CREATE OR REPLACE TRIGGER before BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (OLD.status = 'RUNNING' AND NEW.status = 'CREATED') EXECUTE FUNCTION own.witness();
SELECT is(pg_temp.outcome(), 'started', 'a trigger replaced by one whose WHEN is false does not fire');
CREATE OR REPLACE TRIGGER before BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION own.witness();
SELECT is(pg_temp.outcome(), 'started, before', 'a trigger replaced by one whose WHEN is true again fires');
CREATE OR REPLACE TRIGGER before BEFORE UPDATE ON campaigns FOR EACH ROW EXECUTE FUNCTION own.witness();
SELECT is(pg_temp.outcome(), 'started, before', 'a trigger replaced by one without WHEN fires');
CREATE OR REPLACE TRIGGER before BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (false) EXECUTE FUNCTION own.witness();
SELECT is(pg_temp.outcome(), 'started', 'a trigger replaced by one with WHEN (false) does not fire');
CREATE OR REPLACE TRIGGER before BEFORE UPDATE OF status ON campaigns FOR EACH ROW WHEN (true) EXECUTE FUNCTION own.witness();
SELECT is(pg_temp.outcome(), 'started, before', 'a trigger replaced by one with WHEN (true) fires');
CREATE TRIGGER zero BEFORE UPDATE OF metadata ON campaigns FOR EACH ROW WHEN (1 / 0 > 0) EXECUTE FUNCTION own.witness();
CREATE TRIGGER zero_inserted BEFORE UPDATE ON campaigns FOR EACH STATEMENT WHEN (true) EXECUTE FUNCTION own.witness();
SELECT is(pg_temp.outcome(), 'started, zero_inserted, before',
	'the WHEN of a trigger of another column is not evaluated');
ALTER TABLE campaigns DISABLE TRIGGER before;
SELECT is(pg_temp.outcome(), 'started, zero_inserted', 'a disabled trigger does not fire');
ROLLBACK TO functions;
CREATE TRIGGER "after" AFTER INSERT ON campaign_metrics FOR EACH ROW WHEN (NEW.metric_type = 'STATE_TRANSITION_TIME') EXECUTE FUNCTION own.witness();
CREATE TRIGGER logged AFTER INSERT ON campaign_state_log FOR EACH ROW WHEN (NEW.to_state = 'RUNNING') EXECUTE FUNCTION own.witness();
SELECT is(pg_temp.outcome(), 'started, logged, after',
	'AFTER ROW triggers whose WHEN is true fire, one of them on partitions');
CREATE OR REPLACE TRIGGER "after" AFTER INSERT ON campaign_metrics FOR EACH ROW WHEN (NEW.metric_type = 'OWN') EXECUTE FUNCTION own.witness();
DROP TRIGGER logged ON campaign_state_log;
CREATE TRIGGER logged AFTER INSERT ON campaign_state_log FOR EACH ROW WHEN (NEW.to_state = 'CLOSED') EXECUTE FUNCTION own.witness();
SELECT is(pg_temp.outcome(), 'started', 'AFTER ROW triggers replaced by ones whose WHEN is false do not fire');
ROLLBACK TO functions;
CREATE TRIGGER before BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (own.answer()) EXECUTE FUNCTION own.witness();
CREATE TRIGGER "after" AFTER UPDATE ON campaigns FOR EACH ROW WHEN (NOT own.may_be(NEW.status)) EXECUTE FUNCTION own.witness();
SELECT is(pg_temp.outcome(), 'started, before', 'a trigger fires whose WHEN calls a function that returns true');
CREATE OR REPLACE FUNCTION own.answer() RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN false; END';
CREATE OR REPLACE FUNCTION own.may_be(state text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$SELECT state <> 'RUNNING'$$;
SELECT is(pg_temp.outcome(), 'started, after', 'triggers follow the functions in their WHEN that were replaced');
ROLLBACK TO functions;
-- The same words, once a constraint and once a condition, of a row that is old and of one that is new.
ALTER TABLE campaigns ADD CONSTRAINT own CHECK (true);
CREATE TRIGGER a BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (true) EXECUTE FUNCTION own.witness();
CREATE TRIGGER b BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (OLD.status = 'RUNNING') EXECUTE FUNCTION own.witness();
CREATE TRIGGER c BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (NEW.status = 'RUNNING') EXECUTE FUNCTION own.witness();
SELECT is(pg_temp.outcome(), 'started, a, c', 'constraints and WHEN conditions of the same text are told apart');
SELECT is(pg_temp.outcome(), 'started, a, c',
	'constraints and WHEN conditions of the same text are told apart in a second batch');
ROLLBACK TO functions;

-- A trigger changes a table that the batch is yet to write.
CREATE FUNCTION own.alter() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	ALTER TABLE campaign_metrics ADD CONSTRAINT own CHECK (metric_type <> 'STATE_TRANSITION_TIME');
	RETURN NULL;
END
$$;
CREATE TRIGGER alter AFTER UPDATE ON campaigns FOR EACH STATEMENT EXECUTE FUNCTION own.alter();
SELECT is(pg_temp.outcome(), pg_temp.violates('campaign_metrics', 'own'),
	'a CHECK that a trigger adds in the midst of a batch fails it');
DROP TRIGGER alter ON campaigns;
SELECT is(pg_temp.outcome(), 'started', 'a CHECK that was added in a failed batch is undone with it');
ROLLBACK TO learnt;

---- Many changes, and many tables: the session does not grow.

CREATE FUNCTION pg_temp.change_often(times integer) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	outcomes text[];
BEGIN
	FOR i IN 1 .. times LOOP
		EXECUTE format('ALTER TABLE campaigns DROP CONSTRAINT IF EXISTS own, ADD CONSTRAINT own CHECK (duration_hours <> %s)', i + 1000);
		EXECUTE format('CREATE OR REPLACE TRIGGER own BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (NEW.duration_hours = %s) EXECUTE FUNCTION own.witness()', i + 1000);
		outcomes := outcomes || pg_temp.outcome();
	END LOOP;
	RETURN ARRAY(SELECT DISTINCT unnest(outcomes));
END
$$;
SELECT is(pg_temp.change_often(150), ARRAY['started'],
	'150 changes of a constraint and a condition leave each batch started');
SELECT cmp_ok((SELECT bytes FROM pg_temp.kept()), '<', 1000000::bigint,
	'expressions of 150 changes are not kept in memory');
ALTER TABLE campaigns DROP CONSTRAINT own, ADD CONSTRAINT own CHECK (status <> 'RUNNING');
SELECT is(pg_temp.outcome(), pg_temp.violates('campaigns', 'own'), 'the next change of the constraint is followed');
ROLLBACK TO learnt;
ALTER TABLE campaign_metrics RENAME TO whole;
CREATE TABLE campaign_metrics (LIKE whole INCLUDING ALL EXCLUDING INDEXES) PARTITION BY HASH (id);
SELECT format('CREATE TABLE own.part%s PARTITION OF campaign_metrics FOR VALUES WITH (MODULUS 100, REMAINDER %s)', g.n, g.n) FROM generate_series(0, 99) AS g (n) \gexec
CREATE TRIGGER own AFTER INSERT ON campaign_metrics FOR EACH ROW WHEN (NEW.metric_type = 'OWN') EXECUTE FUNCTION own.witness();
SELECT count(create_campaign(24, now())) AS made FROM generate_series(1, 300) \gset
SELECT is(run_due_timers(), 300::bigint, '300 timers are attempted with a hundred partitions of metrics');
SELECT is((SELECT count(*) FROM timer_executions WHERE status = 'FAILED'), 0::bigint,
	'no attempt fails with a hundred partitions');
SELECT is((SELECT count(DISTINCT tableoid) FROM campaign_metrics) > 90, true, 'more than 90 partitions have rows');
SELECT cmp_ok((SELECT contexts FROM pg_temp.kept()), '<=', 40::bigint, 'expressions of at most 40 partitions are kept');
ROLLBACK;

---- A function that one of our own statements calls renames the schema and calls us again, which is refused.

BEGIN;
SELECT create_campaign(24, now()) AS campaign \gset
CREATE ROLE onlooker;
GRANT USAGE ON SCHEMA tap, own, campaign_lifecycle_internal TO onlooker;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO onlooker;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public, campaign_lifecycle_internal TO onlooker;
CREATE FUNCTION own.rename_and_look() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	IF to_regnamespace('renamed') IS NULL THEN
		ALTER SCHEMA public RENAME TO renamed;
		BEGIN
			PERFORM campaign_lifecycle_internal._next_due(now());
		EXCEPTION WHEN object_not_in_prerequisite_state THEN
			NULL; -- The functions name the schema as it was.
		END;
	END IF;
	RETURN true;
END
$$;
ALTER TABLE campaigns ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON campaigns USING (own.rename_and_look());
SET LOCAL ROLE onlooker;
SELECT throws_ok(format('SELECT * FROM campaign_lifecycle_internal._policy_changes(ARRAY[%L::uuid], ARRAY[now()], now())', :'campaign'), '42P01', NULL, 'a statement raises an error when a row-level security policy renames the schema');
ROLLBACK;

---- Another session's changes. Nothing of this one is committed, so that it holds no lock.

SELECT dblink_connect('other', format('host=%s port=%s dbname=%s', split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database())) AS connected \gset
SELECT dblink_exec('other', 'ALTER TABLE campaigns ADD CONSTRAINT own CHECK (status <> ''RUNNING'')') AS done \gset
BEGIN;
SELECT is(pg_temp.outcome(), pg_temp.violates('campaigns', 'own'),
	'a CHECK that another session adds fails the next batch');
ROLLBACK;
SELECT dblink_exec('other', 'ALTER TABLE campaigns DROP CONSTRAINT own, ADD CONSTRAINT own CHECK (status <> ''EXPIRED'')') AS done \gset
SELECT dblink_exec('other', 'CREATE TRIGGER own BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (NEW.status = ''RUNNING'') EXECUTE FUNCTION own.witness()') AS done \gset
BEGIN;
SELECT is(pg_temp.outcome(), 'started, own', 'replaces it, and creates a trigger');
ROLLBACK;
SELECT dblink_exec('other', 'CREATE OR REPLACE TRIGGER own BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (NEW.status = ''EXPIRED'') EXECUTE FUNCTION own.witness()') AS done \gset
-- Not rolled back, because pgTAP's own count would be gone with it.
SELECT is(pg_temp.outcome(), 'started', 'a trigger that another session replaces is followed');

SELECT * FROM finish();
