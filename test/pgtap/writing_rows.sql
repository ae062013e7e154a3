-- The promise: what a batch writes is written as SQL would write it, although no statement of SQL writes it. Whatever users attach to the five tables that a
-- batch writes (triggers of every kind, columns, constraints, indexes, partitions, foreign keys, rules, policies) acts as it does for their own INSERTs and
-- UPDATEs; what one timer's row raises is a failed attempt of that timer alone. Each part attaches something, runs START_CAMPAIGN timers and takes it all back.

CREATE EXTENSION amcheck SCHEMA tap;
CREATE EXTENSION postgres_fdw SCHEMA tap;
CREATE TABLE far_metrics (LIKE campaign_metrics);

BEGIN;
SELECT plan(259);
\ir lib/errors.psql
SET LOCAL client_min_messages = warning;

CREATE SCHEMA own;
CREATE TABLE own.seen (n integer GENERATED ALWAYS AS IDENTITY, what text NOT NULL);
CREATE FUNCTION own.take() RETURNS text[] LANGUAGE sql AS $$
	WITH taken AS (DELETE FROM own.seen RETURNING *) SELECT array_agg(t.what ORDER BY t.n) FROM taken AS t
$$;
-- 'TRIGGER WHEN OPERATION table'
CREATE FUNCTION own.witness() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	INSERT INTO own.seen (what) VALUES (concat_ws(' ', TG_NAME, TG_WHEN, TG_OP, TG_TABLE_NAME));
	RETURN CASE WHEN TG_LEVEL = 'ROW' THEN NEW END;
END
$$;
CREATE FUNCTION own.suppress() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	RETURN NULL;
END
$$;
-- So many campaigns that are to start now.
CREATE FUNCTION pg_temp.campaigns(count integer) RETURNS void LANGUAGE sql AS $$
	SELECT create_campaign(24, now(), metadata => jsonb_build_object('number', g.n)) FROM generate_series(1, count) AS g (n)
$$;
CREATE FUNCTION pg_temp.start() RETURNS bigint LANGUAGE sql AS $$
	SELECT run_due_timers()
$$;
-- How campaigns and timers stand, and how much the history holds.
CREATE FUNCTION pg_temp.states() RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(concat_ws(' ', c.status, t.status) ORDER BY c.metadata -> 'number')
	FROM campaigns AS c LEFT JOIN campaign_timers AS t ON t.campaign_id = c.id AND t.timer_type = 'START_CAMPAIGN'
$$;
CREATE FUNCTION pg_temp.written() RETURNS text LANGUAGE sql AS $$
	SELECT format('log %s, executions %s, metrics %s',
		(SELECT count(*) FROM campaign_state_log WHERE from_state IS NOT NULL), (SELECT count(*) FROM timer_executions), (SELECT count(*) FROM campaign_metrics))
$$;
CREATE FUNCTION pg_temp.errors() RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(x.error_message ORDER BY x.error_message) FROM timer_executions AS x WHERE x.status = 'FAILED'
$$;

-- What a commit would raise, which leaves everything as it is.
CREATE FUNCTION pg_temp.violated() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	SET CONSTRAINTS ALL IMMEDIATE;
	RAISE EXCEPTION USING ERRCODE = 'UN001';
EXCEPTION
	WHEN SQLSTATE 'UN001' THEN RETURN NULL;
	WHEN OTHERS THEN RETURN SQLSTATE || ': ' || SQLERRM;
END
$$;
-- The table anew, in so many partitions, whose columns lie in another order. Without its keys.
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

---- Several kinds of timers in one batch, by plans that are made for empty tables, then with the planner's settings turned round: each campaign gets the timers
---- of its own new state. The first of all, for plans are kept.

CREATE FUNCTION pg_temp.revised() RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	later constant timestamptz := now() + interval '24 hours 1 minute';
BEGIN
	PERFORM create_campaign(24, now(), id => gen_random_uuid()) FROM generate_series(1, 20);
	PERFORM run_due_timers();
	PERFORM create_campaign(24, now() + interval '24 hours', id => gen_random_uuid()) FROM generate_series(1, 20);
	UPDATE campaign_timers SET scheduled_at = scheduled_at + interval '1 hour' WHERE timer_type = 'EXPIRE_CAMPAIGN';
	PERFORM campaign_lifecycle_internal._run_due_timers(later, 40);
	RETURN (
		SELECT array_agg(DISTINCT format('%s %s %s', c.status, t.timer_type, t.scheduled_at - CASE t.timer_type WHEN 'CLOSE_CAMPAIGN' THEN c.end_time ELSE later END))
		FROM campaigns AS c JOIN campaign_timers AS t ON t.campaign_id = c.id
		WHERE t.status = 'PENDING');
END
$$;
SELECT ARRAY['CLOSED EXPIRE_CAMPAIGN 2 days', 'CLOSED REWARD_REMINDER 00:05:00', 'RUNNING CLOSE_CAMPAIGN 00:00:00', 'RUNNING EXPIRE_CAMPAIGN 1 day 01:59:00'] AS right \gset
SELECT is(pg_temp.revised(), :'right', 'twenty campaigns close and twenty start');
DELETE FROM campaigns;
DISCARD PLANS;
SET LOCAL enable_nestloop = off;
SET LOCAL enable_indexscan = off;
SET LOCAL enable_tidscan = off;
SELECT is(pg_temp.revised(), :'right', 'also with the planner''s settings turned round');
RESET enable_nestloop;
RESET enable_indexscan;
RESET enable_tidscan;
DISCARD PLANS;
DELETE FROM campaigns;

---- Nothing attached: what the rest is compared with.

SELECT pg_temp.campaigns(3);
SELECT is(pg_temp.start(), 3::bigint, 'three campaigns start');
SELECT is(pg_temp.states(), ARRAY['RUNNING COMPLETED', 'RUNNING COMPLETED', 'RUNNING COMPLETED'], 'all of them');
SELECT is(pg_temp.written(), 'log 3, executions 3, metrics 6', 'with a row of log and execution each, and two metrics');
DELETE FROM campaigns;
SAVEPOINT attached;

---- Row triggers BEFORE that change the row.

CREATE FUNCTION own.change() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	CASE TG_TABLE_NAME
		WHEN 'campaigns' THEN NEW.metadata := NEW.metadata || '{"changed": true}';
		WHEN 'campaign_timers' THEN NEW.payload := NEW.payload || '{"changed": true}';
		WHEN 'timer_executions' THEN NEW.result := NEW.result || '{"changed": true}';
		WHEN 'campaign_metrics' THEN NEW.attributes := '{"changed": true}';
		ELSE NEW.trigger_event := 'changed';
	END CASE;
	RETURN NEW;
END
$$;
CREATE TRIGGER change BEFORE UPDATE ON campaigns FOR EACH ROW EXECUTE FUNCTION own.change();
CREATE TRIGGER change BEFORE UPDATE ON campaign_timers FOR EACH ROW EXECUTE FUNCTION own.change();
CREATE TRIGGER change BEFORE INSERT ON campaign_state_log FOR EACH ROW EXECUTE FUNCTION own.change();
CREATE TRIGGER change BEFORE INSERT ON timer_executions FOR EACH ROW EXECUTE FUNCTION own.change();
CREATE TRIGGER change BEFORE INSERT ON campaign_metrics FOR EACH ROW EXECUTE FUNCTION own.change();
SELECT pg_temp.campaigns(3);
SELECT is(pg_temp.start(), 3::bigint, 'row triggers BEFORE on every table');
SELECT is((SELECT count(*) FROM campaigns WHERE status = 'RUNNING' AND metadata ? 'changed'), 3::bigint, 'have changed campaigns');
SELECT is((SELECT count(*) FROM campaign_timers WHERE status = 'COMPLETED' AND payload @> '{"changed": true, "policy": true}'), 3::bigint, 'timers');
SELECT is((SELECT count(*) FROM campaign_state_log WHERE trigger_event = 'changed'), 6::bigint, 'log');
SELECT is((SELECT count(*) FROM timer_executions WHERE result = '{"from": "CREATED", "to": "RUNNING", "changed": true}'), 3::bigint, 'executions');
SELECT is((SELECT count(*) FROM campaign_metrics WHERE attributes ? 'changed'), 6::bigint, 'and metrics');
ROLLBACK TO attached;

---- Row triggers BEFORE that suppress the row. A move or a completion that does not take place is a failed attempt; a row of history is the user's affair.

CREATE TRIGGER suppress BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (NEW.metadata -> 'number' = '2') EXECUTE FUNCTION own.suppress();
SELECT pg_temp.campaigns(3);
SELECT is(pg_temp.start(), 3::bigint, 'the second campaign''s update is suppressed');
SELECT is(pg_temp.states(), ARRAY['RUNNING COMPLETED', 'CREATED FAILED', 'RUNNING COMPLETED'], 'its timer has failed alone');
SELECT is(pg_temp.errors(), ARRAY['09000: a campaign was not moved by its START_CAMPAIGN timer'], 'and says why');
ROLLBACK TO attached;

CREATE TRIGGER suppress BEFORE UPDATE ON campaign_timers FOR EACH ROW
	WHEN (NEW.status = 'COMPLETED' AND NEW.payload ? 'stay') EXECUTE FUNCTION own.suppress();
SELECT pg_temp.campaigns(2);
UPDATE campaign_timers AS t SET payload = t.payload || '{"stay": true}'
FROM campaigns AS c
WHERE c.id = t.campaign_id AND c.metadata -> 'number' = '1';
SELECT is(pg_temp.start(), 2::bigint, 'the first timer''s update is suppressed');
SELECT is(pg_temp.states(), ARRAY['CREATED FAILED', 'RUNNING COMPLETED'], 'it has failed alone, and its campaign has not moved');
SELECT is(pg_temp.errors(), ARRAY['09000: a timer was not completed'], 'and says why');
ROLLBACK TO attached;

CREATE TRIGGER suppress BEFORE INSERT ON campaign_state_log FOR EACH ROW EXECUTE FUNCTION own.suppress();
CREATE TRIGGER suppress BEFORE INSERT ON timer_executions FOR EACH ROW EXECUTE FUNCTION own.suppress();
CREATE TRIGGER suppress BEFORE INSERT ON campaign_metrics FOR EACH ROW WHEN (NEW.metric_type = 'STATE_TRANSITION_TIME') EXECUTE FUNCTION own.suppress();
SELECT pg_temp.campaigns(3);
SELECT is(pg_temp.start(), 3::bigint, 'history is suppressed');
SELECT is(pg_temp.states(), ARRAY['RUNNING COMPLETED', 'RUNNING COMPLETED', 'RUNNING COMPLETED'], 'campaigns move all the same');
SELECT is(pg_temp.written(), 'log 0, executions 0, metrics 3', 'and what was suppressed is not there');
ROLLBACK TO attached;

---- Row triggers BEFORE that write the row, or another of the batch, themselves: the server refuses that in an UPDATE, in these words.

CREATE FUNCTION own.meddle() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	IF NEW.metadata -> 'number' = '1' AND NEW.status = 'RUNNING' THEN
		UPDATE campaigns SET metadata = metadata || '{"meddled": true}' WHERE id = NEW.id;
	END IF;
	RETURN NEW;
END
$$;
CREATE TRIGGER meddle BEFORE UPDATE OF status ON campaigns FOR EACH ROW EXECUTE FUNCTION own.meddle();
SELECT pg_temp.campaigns(2);
SELECT is(pg_temp.start(), 2::bigint, 'a row trigger BEFORE updates its own row');
SELECT is(pg_temp.states(), ARRAY['CREATED FAILED', 'RUNNING COMPLETED'], 'that timer has failed alone');
SELECT is(pg_temp.errors(), ARRAY['27000: tuple to be updated was already modified by an operation triggered by the current command'], 'as an UPDATE would have');
ROLLBACK TO attached;

CREATE FUNCTION own.meddle() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	UPDATE campaigns SET metadata = metadata || '{"meddled": true}' WHERE status = 'CREATED';
	RETURN NULL;
END
$$;
CREATE TRIGGER meddle BEFORE UPDATE OF status ON campaigns FOR EACH STATEMENT EXECUTE FUNCTION own.meddle();
SELECT pg_temp.campaigns(1);
SELECT is(pg_temp.start(), 1::bigint, 'a statement trigger BEFORE updates the row that is to move');
SELECT is(pg_temp.states(), ARRAY['CREATED FAILED'], 'that fails');
SELECT is(pg_temp.errors(), ARRAY['27000: tuple to be updated was already modified by an operation triggered by the current command'], 'as an UPDATE would have');
ROLLBACK TO attached;

---- Row triggers AFTER that write the same rows again.

CREATE FUNCTION own.again() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	UPDATE campaigns SET metadata = metadata || '{"again": true}' WHERE id = NEW.id;
	RETURN NULL;
END
$$;
CREATE TRIGGER again AFTER UPDATE OF status ON campaigns FOR EACH ROW EXECUTE FUNCTION own.again();
SELECT pg_temp.campaigns(3);
SELECT is(pg_temp.start(), 3::bigint, 'a row trigger AFTER updates its campaign again');
SELECT is((SELECT count(*) FROM campaigns WHERE status = 'RUNNING' AND metadata ? 'again'), 3::bigint, 'both updates are there');
SELECT is(pg_temp.written(), 'log 3, executions 3, metrics 6', 'and the history');
ROLLBACK TO attached;

CREATE FUNCTION own.again() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	UPDATE campaigns SET status = 'CLOSED' WHERE id = NEW.id;
	RETURN NULL;
END
$$;
CREATE TRIGGER again AFTER UPDATE ON campaigns FOR EACH ROW WHEN (NEW.status = 'RUNNING') EXECUTE FUNCTION own.again();
SELECT pg_temp.campaigns(2);
SELECT is(pg_temp.start(), 2::bigint, 'a row trigger AFTER moves its campaign on');
SELECT is(pg_temp.states(), ARRAY['CLOSED COMPLETED', 'CLOSED COMPLETED'], 'there it is');
SELECT is((SELECT array_agg(l.from_state || ' ' || l.to_state ORDER BY l.created_at, l.id) FROM campaign_state_log AS l JOIN campaigns AS c ON c.id = l.campaign_id WHERE c.metadata -> 'number' = '1'
	AND l.from_state IS NOT NULL), ARRAY['CREATED RUNNING', 'RUNNING CLOSED'], 'both moves are logged');
SELECT is((SELECT array_agg(t.timer_type || ' ' || t.status ORDER BY t.timer_type) FROM campaign_timers AS t JOIN campaigns AS c ON c.id = t.campaign_id WHERE c.metadata -> 'number' = '1'),
	ARRAY['CLOSE_CAMPAIGN CANCELLED', 'EXPIRE_CAMPAIGN PENDING', 'REWARD_REMINDER PENDING', 'START_CAMPAIGN COMPLETED'], 'and the timers are those of the state it is in');
ROLLBACK TO attached;

CREATE FUNCTION own.again() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	UPDATE campaign_timers SET payload = payload || '{"again": true}' WHERE id = NEW.id;
	RETURN NULL;
END
$$;
CREATE TRIGGER again AFTER UPDATE ON campaign_timers FOR EACH ROW WHEN (NEW.status = 'COMPLETED' AND OLD.status <> NEW.status) EXECUTE FUNCTION own.again();
SELECT pg_temp.campaigns(3);
SELECT is(pg_temp.start(), 3::bigint, 'a row trigger AFTER updates its timer again');
SELECT is((SELECT count(*) FROM timer_executions AS x JOIN campaign_timers AS t ON t.id = x.timer_id WHERE t.payload ? 'again' AND x.status = 'COMPLETED'), 3::bigint, 'its execution refers to it');
ROLLBACK TO attached;

CREATE FUNCTION own.again() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	UPDATE campaign_timers SET payload = payload || '{"again": true}' WHERE campaign_id = NEW.id;
	RETURN NULL;
END
$$;
CREATE TRIGGER again AFTER UPDATE OF status ON campaigns FOR EACH ROW EXECUTE FUNCTION own.again();
SELECT pg_temp.campaigns(3);
SELECT is(pg_temp.start(), 3::bigint, 'a row trigger AFTER of campaigns updates the timer that has moved it');
SELECT is((SELECT count(*) FROM campaign_timers WHERE status = 'COMPLETED' AND payload ? 'again'), 3::bigint, 'which is completed all the same');
ROLLBACK TO attached;

-- A timer that is deleted meanwhile has moved its campaign: that has the timers of its new state.
CREATE FUNCTION own.again() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	DELETE FROM campaign_timers WHERE campaign_id = NEW.id AND NEW.metadata -> 'number' = '1';
	RETURN NULL;
END
$$;
CREATE TRIGGER again AFTER UPDATE OF status ON campaigns FOR EACH ROW EXECUTE FUNCTION own.again();
SELECT pg_temp.campaigns(2);
SELECT is(pg_temp.start(), 2::bigint, 'a row trigger AFTER of campaigns deletes the timers of one');
SELECT is(pg_temp.states(), ARRAY['RUNNING', 'RUNNING COMPLETED'], 'it has moved');
SELECT is((SELECT array_agg(t.timer_type || ' ' || t.status ORDER BY t.timer_type) FROM campaign_timers AS t JOIN campaigns AS c ON c.id = t.campaign_id WHERE c.metadata -> 'number' = '1'),
	ARRAY['CLOSE_CAMPAIGN PENDING', 'EXPIRE_CAMPAIGN PENDING'], 'and has the timers of its new state');
SELECT is(pg_temp.written(), 'log 2, executions 1, metrics 2', 'an execution needs its timer, the log does not');
DELETE FROM campaigns;
SELECT pg_temp.campaigns(1);
SELECT is(pg_temp.start(), 1::bigint, 'also in a batch of that one');
SELECT is((SELECT array_agg(t.timer_type || ' ' || t.status ORDER BY t.timer_type) FROM campaign_timers AS t), ARRAY['CLOSE_CAMPAIGN PENDING', 'EXPIRE_CAMPAIGN PENDING'], 'it has them');
ROLLBACK TO attached;

CREATE FUNCTION own.again() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	DELETE FROM campaign_timers WHERE id = NEW.id AND NEW.payload ? 'die';
	RETURN NULL;
END
$$;
CREATE TRIGGER again AFTER UPDATE ON campaign_timers FOR EACH ROW WHEN (NEW.status = 'COMPLETED') EXECUTE FUNCTION own.again();
SELECT pg_temp.campaigns(2);
UPDATE campaign_timers SET payload = payload || '{"die": true}' WHERE timer_type = 'START_CAMPAIGN' AND campaign_id = (SELECT id FROM campaigns WHERE metadata -> 'number' = '2');
SELECT is(pg_temp.start(), 2::bigint, 'a row trigger AFTER deletes its timer');
SELECT is(pg_temp.states(), ARRAY['RUNNING COMPLETED', 'CREATED FAILED'], 'its execution has nothing to refer to, which is that timer''s failure');
SELECT matches((pg_temp.errors())[1], '^23503: insert or update on table "timer_executions" violates foreign key constraint "timer_executions_timer_id_fkey"$', 'in the words of the constraint');
ROLLBACK TO attached;

CREATE FUNCTION own.again() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	DELETE FROM campaigns WHERE id = NEW.id AND NEW.metadata -> 'number' = '2';
	RETURN NULL;
END
$$;
CREATE TRIGGER again AFTER UPDATE OF status ON campaigns FOR EACH ROW EXECUTE FUNCTION own.again();
SELECT pg_temp.campaigns(3);
SELECT is(pg_temp.start(), 3::bigint, 'a row trigger AFTER deletes its campaign');
SELECT is(pg_temp.states(), ARRAY['RUNNING COMPLETED', 'CREATED FAILED', 'RUNNING COMPLETED'], 'its log has nothing to refer to, which is that timer''s failure');
SELECT matches((pg_temp.errors())[1], '^23503: insert or update on table "campaign_state_log_', 'as the foreign key says');
ROLLBACK TO attached;

-- A trigger that undoes what it has begun, in the midst of the writing.
CREATE FUNCTION own.stumble() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	BEGIN
		INSERT INTO own.seen (what) VALUES (TG_TABLE_NAME);
		UPDATE campaigns SET metadata = '{}' WHERE status = 'CREATED' AND id <> NEW.id;
		PERFORM 1 / 0;
	EXCEPTION WHEN division_by_zero THEN
		NULL;
	END;
	RETURN NEW;
END
$$;
CREATE TRIGGER stumble BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION own.stumble();
CREATE TRIGGER stumble BEFORE INSERT ON timer_executions FOR EACH ROW EXECUTE FUNCTION own.stumble();
CREATE TRIGGER stumble AFTER INSERT ON campaign_metrics FOR EACH ROW EXECUTE FUNCTION own.stumble();
SELECT pg_temp.campaigns(3);
SELECT own.take();
SELECT is(pg_temp.start(), 3::bigint, 'triggers that undo what they have begun');
SELECT is(pg_temp.states(), ARRAY['RUNNING COMPLETED', 'RUNNING COMPLETED', 'RUNNING COMPLETED'], 'undo that alone');
SELECT is(pg_temp.written(), 'log 3, executions 3, metrics 6', 'all is written');
SELECT is(own.take(), NULL, 'and nothing of theirs');
ROLLBACK TO attached;

---- Statement triggers, with the rows as they were and as they are.

CREATE FUNCTION own.updated() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	INSERT INTO own.seen (what)
	SELECT format('%s: %s %s to %s', TG_TABLE_NAME, count(*), min(o.status), min(n.status)) FROM old_rows AS o JOIN new_rows AS n USING (id);
	RETURN NULL;
END
$$;
CREATE FUNCTION own.inserted() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	INSERT INTO own.seen (what)
	SELECT format('%s: %s of %s', TG_TABLE_NAME, count(*), string_agg(DISTINCT coalesce(to_jsonb(n) ->> 'to_state', to_jsonb(n) ->> 'status', to_jsonb(n) ->> 'metric_type'), ', '))
	FROM new_rows AS n;
	RETURN NULL;
END
$$;
CREATE TRIGGER updated AFTER UPDATE ON campaigns REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION own.updated();
CREATE TRIGGER updated AFTER UPDATE ON campaign_timers REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION own.updated();
CREATE TRIGGER inserted AFTER INSERT ON campaign_state_log REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION own.inserted();
CREATE TRIGGER inserted AFTER INSERT ON timer_executions REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION own.inserted();
CREATE TRIGGER inserted AFTER INSERT ON campaign_metrics REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION own.inserted();
SELECT pg_temp.campaigns(3);
SELECT own.take();
SELECT is(pg_temp.start(), 3::bigint, 'statement triggers with transition tables on every table');
SELECT is(own.take(), ARRAY['campaign_state_log: 3 of RUNNING', 'campaigns: 3 CREATED to RUNNING', 'campaign_timers: 3 PENDING to COMPLETED', 'timer_executions: 3 of COMPLETED',
	'campaign_metrics: 6 of STATE_TRANSITION_TIME, TIMER_EXECUTION_TIME'], 'each has fired once, with all rows');
SELECT is((SELECT array_agg(status) FROM campaigns), ARRAY['RUNNING', 'RUNNING', 'RUNNING']::varchar[], 'and the campaigns have moved');
ROLLBACK TO attached;

-- A trigger of one kind is not taken for its neighbour in the list of triggers: each calls its own function.
CREATE FUNCTION own.other() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	INSERT INTO own.seen (what) VALUES ('other ' || TG_NAME);
	RETURN NULL;
END
$$;
CREATE TRIGGER a BEFORE INSERT ON campaign_metrics FOR EACH STATEMENT EXECUTE FUNCTION own.witness();
CREATE TRIGGER b AFTER INSERT ON campaign_metrics FOR EACH ROW EXECUTE FUNCTION own.other();
CREATE TRIGGER c AFTER INSERT ON campaign_metrics FOR EACH STATEMENT EXECUTE FUNCTION own.witness();
CREATE TRIGGER d AFTER INSERT ON campaign_metrics FOR EACH ROW EXECUTE FUNCTION own.other();
CREATE TRIGGER a BEFORE INSERT ON timer_executions FOR EACH STATEMENT EXECUTE FUNCTION own.witness();
CREATE TRIGGER b AFTER INSERT ON timer_executions FOR EACH ROW EXECUTE FUNCTION own.other();
CREATE TRIGGER a BEFORE INSERT ON campaign_state_log FOR EACH STATEMENT EXECUTE FUNCTION own.witness();
CREATE TRIGGER b AFTER INSERT ON campaign_state_log FOR EACH ROW EXECUTE FUNCTION own.other();
SELECT pg_temp.campaigns(1);
SELECT own.take();
SELECT is(pg_temp.start(), 1::bigint, 'triggers of several kinds on one table');
SELECT is(own.take(), ARRAY['a BEFORE INSERT campaign_state_log', 'other b', 'a BEFORE INSERT timer_executions', 'other b',
	'a BEFORE INSERT campaign_metrics', 'other b', 'other d', 'other b', 'other d', 'c AFTER INSERT campaign_metrics'], 'each calls its own function, in order');
ROLLBACK TO attached;

-- Of columns.
CREATE TRIGGER of_status BEFORE UPDATE OF status ON campaigns FOR EACH ROW EXECUTE FUNCTION own.witness();
CREATE TRIGGER of_start BEFORE UPDATE OF start_time ON campaigns FOR EACH ROW EXECUTE FUNCTION own.witness();
CREATE TRIGGER of_metadata BEFORE UPDATE OF metadata ON campaigns FOR EACH ROW EXECUTE FUNCTION own.witness();
CREATE TRIGGER of_status AFTER UPDATE OF status ON campaign_timers FOR EACH STATEMENT EXECUTE FUNCTION own.witness();
CREATE TRIGGER of_executed AFTER UPDATE OF executed_at ON campaign_timers FOR EACH ROW EXECUTE FUNCTION own.witness();
CREATE TRIGGER of_payload AFTER UPDATE OF payload, scheduled_at ON campaign_timers FOR EACH STATEMENT EXECUTE FUNCTION own.witness();
SELECT pg_temp.campaigns(1);
SELECT own.take();
SELECT is(pg_temp.start(), 1::bigint, 'triggers of columns');
SELECT is(own.take(), ARRAY['of_status BEFORE UPDATE campaigns', 'of_executed AFTER UPDATE campaign_timers', 'of_status AFTER UPDATE campaign_timers'], 'fire for those that are set');
DELETE FROM campaigns;
SELECT create_campaign(24, NULL) AS c \gset
SELECT schedule_timer(:'c', 'START_CAMPAIGN', now());
SELECT own.take();
SELECT is(pg_temp.start(), 1::bigint, 'a start without a start_time');
SELECT is(own.take(), ARRAY['of_start BEFORE UPDATE campaigns', 'of_status BEFORE UPDATE campaigns', 'of_executed AFTER UPDATE campaign_timers', 'of_status AFTER UPDATE campaign_timers'],
	'sets that as well');
ROLLBACK TO attached;

-- Put off to the commit.
SELECT coalesce(max(inhrelid::regclass::text) FILTER (WHERE inhrelid::regclass::text = 'campaign_state_log_' || to_char(now() AT TIME ZONE 'UTC', '"y"YYYY"m"MM')), 'campaign_state_log_default') AS month
FROM pg_inherits WHERE inhparent = 'campaign_state_log'::regclass \gset
CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON campaigns DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION own.witness();
CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON campaign_timers DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION own.witness();
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON campaign_state_log DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION own.witness();
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON timer_executions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION own.witness();
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON campaign_metrics DEFERRABLE INITIALLY IMMEDIATE FOR EACH ROW EXECUTE FUNCTION own.witness();
SELECT pg_temp.campaigns(1);
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
SELECT own.take();
SELECT is(pg_temp.start(), 1::bigint, 'constraint triggers');
SELECT is(own.take(), NULL, 'that are deferred have not fired');
SET CONSTRAINTS ALL IMMEDIATE;
SELECT is(own.take(), ARRAY['late AFTER UPDATE campaigns', 'late AFTER INSERT ' || :'month', 'late AFTER UPDATE campaign_timers', 'late AFTER INSERT timer_executions',
	'late AFTER INSERT campaign_metrics', 'late AFTER INSERT campaign_metrics'], 'they fire when constraints are due, in the order of the writing');
ROLLBACK TO attached;

---- Columns of the user's own.

CREATE SEQUENCE own.numbers;
ALTER TABLE campaigns ADD COLUMN shout text GENERATED ALWAYS AS (status || '!') STORED;
ALTER TABLE campaign_timers ADD COLUMN lateness interval GENERATED ALWAYS AS (executed_at - scheduled_at) STORED;
ALTER TABLE campaign_state_log ADD COLUMN shout text GENERATED ALWAYS AS (to_state || '!') STORED, ADD COLUMN gone text;
ALTER TABLE campaign_state_log DROP COLUMN gone, ADD COLUMN region text NOT NULL DEFAULT 'north';
ALTER TABLE timer_executions ADD COLUMN gone text;
ALTER TABLE timer_executions DROP COLUMN gone, ADD COLUMN place bigint GENERATED BY DEFAULT AS IDENTITY, ADD COLUMN random uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
	ADD COLUMN number bigint DEFAULT nextval('own.numbers'), ADD COLUMN ok boolean GENERATED ALWAYS AS (status = 'COMPLETED') STORED;
ALTER TABLE campaign_metrics ADD COLUMN doubled numeric GENERATED ALWAYS AS (value * 2) STORED, ADD COLUMN since timestamptz DEFAULT now(),
	ADD COLUMN place bigint GENERATED ALWAYS AS IDENTITY;
SELECT pg_temp.campaigns(3);
SELECT is(pg_temp.start(), 3::bigint, 'generated columns, identity, defaults, columns come and gone');
SELECT is((SELECT array_agg(DISTINCT shout) FROM campaigns), ARRAY['RUNNING!'], 'of campaigns');
SELECT is((SELECT count(*) FROM campaign_timers WHERE lateness = executed_at - scheduled_at), 3::bigint, 'of timers');
SELECT is((SELECT array_agg(shout || ' ' || region) FROM campaign_state_log WHERE from_state IS NOT NULL), ARRAY['RUNNING! north', 'RUNNING! north', 'RUNNING! north'],
	'of the log');
SELECT is((SELECT array_agg(place || ' ' || number || ' ' || ok || ' ' || status ORDER BY place) FROM timer_executions), ARRAY['1 1 true COMPLETED', '2 2 true COMPLETED', '3 3 true COMPLETED'],
	'of executions');
SELECT is((SELECT count(*) FROM campaign_metrics WHERE doubled = value * 2 AND since = now() AND place BETWEEN 1 AND 6), 6::bigint, 'of metrics');
ROLLBACK TO attached;

-- A generated column that hangs on what the update sets, where nothing else would compute it: no trigger BEFORE.
DROP TRIGGER update_campaign_timers_updated_at ON campaign_timers;
DROP TRIGGER validate_timer_rescheduling ON campaign_timers;
ALTER TABLE campaign_timers ADD COLUMN shout text GENERATED ALWAYS AS (status || '!') STORED, ADD COLUMN quiet text GENERATED ALWAYS AS (lower(timer_type)) STORED;
CREATE TRIGGER of_shout AFTER UPDATE OF shout ON campaign_timers FOR EACH ROW EXECUTE FUNCTION own.witness();
CREATE TRIGGER of_quiet AFTER UPDATE OF quiet ON campaign_timers FOR EACH ROW EXECUTE FUNCTION own.witness();
SELECT pg_temp.campaigns(1);
SELECT own.take();
SELECT is(pg_temp.start(), 1::bigint, 'generated columns without a row trigger BEFORE');
SELECT is((SELECT shout || ' ' || quiet FROM campaign_timers WHERE timer_type = 'START_CAMPAIGN'), 'COMPLETED! start_campaign', 'are computed');
SELECT is(own.take(), ARRAY['of_shout AFTER UPDATE campaign_timers'], 'and triggers of them fire');
ROLLBACK TO attached;

-- Default values that are computed from the rows before.
ALTER TABLE timer_executions ADD COLUMN place bigint UNIQUE;
CREATE FUNCTION own.next_place() RETURNS bigint LANGUAGE sql VOLATILE AS $$ SELECT coalesce(max(x.place), 0) + 1 FROM public.timer_executions AS x $$;
ALTER TABLE timer_executions ALTER COLUMN place SET DEFAULT own.next_place();
SELECT pg_temp.campaigns(3);
SELECT is(pg_temp.start(), 3::bigint, 'a default that reads the table');
SELECT is((SELECT array_agg(place ORDER BY place) FROM timer_executions), ARRAY[1, 2, 3]::bigint[], 'sees the rows before its own');
ROLLBACK TO attached;

-- Types: what SQL would have cast, rounded or refused.
DROP VIEW failed_timers, dead_timers, timer_execution_stats;
ALTER TABLE campaign_metrics ALTER COLUMN value TYPE numeric(12, 0);
ALTER TABLE timer_executions ALTER COLUMN execution_time_ms TYPE double precision, ALTER COLUMN result TYPE json, ALTER COLUMN completed_at TYPE timestamptz(0);
ALTER TABLE campaign_state_log ALTER COLUMN metadata DROP DEFAULT, ALTER COLUMN metadata TYPE json;
SELECT pg_temp.campaigns(1);
SELECT is(pg_temp.start(), 1::bigint, 'columns of other types and with other limits');
SELECT is(pg_temp.errors(), NULL, 'no failure');
SELECT is((SELECT count(*) FROM campaign_metrics WHERE scale(value) = 0), 2::bigint, 'numbers are rounded');
SELECT is((SELECT pg_typeof(execution_time_ms)::text || ' ' || result || ' ' || (completed_at = date_trunc('second', completed_at)) FROM timer_executions),
	'double precision {"to": "RUNNING", "from": "CREATED"} true', 'values are cast, times rounded');
ROLLBACK TO attached;

ALTER TABLE campaign_state_log ALTER COLUMN trigger_event TYPE varchar(10);
SELECT pg_temp.campaigns(1);
SELECT is(pg_temp.start(), 1::bigint, 'a column too short for the event');
SELECT is(pg_temp.errors(), ARRAY['22001: value too long for type character varying(10)'], 'refuses it');
ROLLBACK TO attached;

CREATE DOMAIN own.word AS varchar(20) CHECK (VALUE <> 'COMPLETED');
CREATE DOMAIN own.given AS text NOT NULL;
SAVEPOINT domains;
DROP VIEW failed_timers, dead_timers, timer_execution_stats;
ALTER TABLE timer_executions ALTER COLUMN status TYPE own.word;
SELECT pg_temp.campaigns(1);
SELECT is(pg_temp.start(), 1::bigint, 'a domain');
SELECT is(pg_temp.errors(), ARRAY['23514: value for domain own.word violates check constraint "word_check"'], 'is checked');
ROLLBACK TO domains;
ALTER TABLE campaign_metrics ADD COLUMN note own.given;
SELECT pg_temp.campaigns(1);
SELECT is(pg_temp.start(), 1::bigint, 'a domain that must be given');
SELECT is(pg_temp.errors(), ARRAY['23502: domain own.given does not allow null values'], 'is missed');
ROLLBACK TO attached;

-- NOT NULL for one of them.
ALTER TABLE campaign_metrics ADD COLUMN owner text NOT NULL;
CREATE FUNCTION own.fill_in() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	NEW.owner := (SELECT c.metadata ->> 'owner' FROM campaigns AS c WHERE c.id = NEW.campaign_id);
	RETURN NEW;
END
$$;
CREATE TRIGGER fill_in BEFORE INSERT ON campaign_metrics FOR EACH ROW EXECUTE FUNCTION own.fill_in();
SELECT pg_temp.campaigns(4);
UPDATE campaigns SET metadata = metadata || '{"owner": "me"}' WHERE metadata -> 'number' <> '3';
SELECT is(pg_temp.start(), 4::bigint, 'a column that is NOT NULL');
SELECT is(pg_temp.states(), ARRAY['RUNNING COMPLETED', 'RUNNING COMPLETED', 'CREATED FAILED', 'RUNNING COMPLETED'], 'fails the timer for which it would be NULL, alone');
SELECT is(pg_temp.errors(), ARRAY['23502: null value in column "owner" of relation "campaign_metrics" violates not-null constraint'], 'and says why');
ROLLBACK TO attached;

---- Constraints of the user's own.

ALTER TABLE campaigns ADD CONSTRAINT has_budget CHECK (status = 'CREATED' OR metadata ? 'budget');
SELECT pg_temp.campaigns(3);
UPDATE campaigns SET metadata = metadata || '{"budget": 1}' WHERE metadata -> 'number' <> '2';
SELECT is(pg_temp.start(), 3::bigint, 'a CHECK on campaigns');
SELECT is(pg_temp.states(), ARRAY['RUNNING COMPLETED', 'CREATED FAILED', 'RUNNING COMPLETED'], 'fails the timer whose campaign violates it, alone');
SELECT is(pg_temp.errors(), ARRAY['23514: new row for relation "campaigns" violates check constraint "has_budget"'], 'and says why');
ROLLBACK TO attached;

CREATE UNIQUE INDEX one_runs ON campaigns (status) WHERE status = 'RUNNING';
SELECT pg_temp.campaigns(3);
SELECT is(pg_temp.start(), 3::bigint, 'a unique index that lets one campaign run');
SELECT is((SELECT array_agg(c.status ORDER BY c.status) FROM campaigns AS c), ARRAY['CREATED', 'CREATED', 'RUNNING']::varchar[], 'lets one run');
SELECT is(pg_temp.errors(), array_fill('23505: duplicate key value violates unique constraint "one_runs"'::text, ARRAY[2]), 'and fails the others');
ROLLBACK TO attached;

ALTER TABLE timer_executions ADD CONSTRAINT one_success EXCLUDE USING btree (status WITH =) WHERE (status = 'COMPLETED');
SELECT pg_temp.campaigns(3);
SELECT is(pg_temp.start(), 3::bigint, 'an exclusion constraint between the rows of one batch');
SELECT is((SELECT array_agg(c.status ORDER BY c.status) FROM campaigns AS c), ARRAY['CREATED', 'CREATED', 'RUNNING']::varchar[], 'lets one through');
SELECT is(pg_temp.errors(), array_fill('23P01: conflicting key value violates exclusion constraint "one_success"'::text, ARRAY[2]), 'and fails the others');
ROLLBACK TO attached;

ALTER TABLE campaign_metrics ADD CONSTRAINT one_of_a_type UNIQUE (metric_type) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE campaigns ADD CONSTRAINT one_runs UNIQUE (status) DEFERRABLE INITIALLY DEFERRED;
SELECT pg_temp.campaigns(1);
SELECT is(pg_temp.start(), 1::bigint, 'deferrable unique constraints that hold');
SELECT is(pg_temp.violated(), NULL, 'hold when they are due');
ROLLBACK TO attached;
ALTER TABLE campaign_metrics ADD CONSTRAINT one_of_a_type UNIQUE (metric_type) DEFERRABLE INITIALLY DEFERRED;
SELECT pg_temp.campaigns(2);
SELECT is(pg_temp.start(), 2::bigint, 'one that does not');
SELECT matches(pg_temp.violated(), '^23505: .*"one_of_a_type"', 'is found out when it is due');
ROLLBACK TO attached;
ALTER TABLE campaigns ADD CONSTRAINT one_runs UNIQUE (status) DEFERRABLE INITIALLY DEFERRED;
SELECT create_campaign(24, now());
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
SELECT create_campaign(24, now());
SELECT is(pg_temp.start(), 2::bigint, 'one of the rows that are updated');
SELECT matches(pg_temp.violated(), '^23505: .*"one_runs"', 'as well');
ROLLBACK TO attached;

---- Indexes: partial ones, of expressions, other kinds; the rows are found through them, and amcheck finds nothing amiss.

CREATE INDEX i1 ON campaigns (lower(status)) WHERE status = 'RUNNING';
CREATE INDEX i2 ON campaigns USING brin (updated_at);
CREATE INDEX i3 ON campaigns USING gin (metadata);
CREATE INDEX i4 ON campaign_timers ((payload ->> 'policy'), status) INCLUDE (executed_at);
CREATE INDEX i5 ON campaign_timers USING hash (status);
CREATE INDEX i6 ON campaign_state_log ((from_state || to_state)) WHERE from_state IS NOT NULL;
CREATE INDEX i7 ON timer_executions ((result ->> 'to')) WHERE status = 'COMPLETED';
CREATE INDEX i8 ON timer_executions USING gin (result);
CREATE INDEX i9 ON campaign_metrics (round(value)) WHERE metric_type = 'STATE_TRANSITION_TIME';
SELECT pg_temp.campaigns(50);
SELECT is(pg_temp.start(), 50::bigint, 'indexes of many kinds');
SET LOCAL enable_seqscan = off;
SELECT is((SELECT count(*) FROM campaigns WHERE lower(status) = 'running' AND status = 'RUNNING'), 50::bigint, 'campaigns by a partial index of an expression');
SELECT is((SELECT count(*) FROM campaigns WHERE updated_at > now()), 50::bigint, 'by BRIN');
SELECT is((SELECT count(*) FROM campaigns WHERE metadata @> '{"number": 7}'), 1::bigint, 'by GIN');
SELECT is((SELECT count(*) FROM campaign_timers WHERE payload ->> 'policy' = 'true' AND status = 'COMPLETED'), 50::bigint, 'timers by an expression');
SELECT is((SELECT count(*) FROM campaign_timers WHERE status = 'COMPLETED'), 50::bigint, 'by hash');
SELECT is((SELECT count(*) FROM campaign_state_log WHERE from_state || to_state = 'CREATEDRUNNING' AND from_state IS NOT NULL), 50::bigint, 'log rows');
SELECT is((SELECT count(*) FROM timer_executions WHERE result ->> 'to' = 'RUNNING' AND status = 'COMPLETED'), 50::bigint, 'executions by an expression');
SELECT is((SELECT count(*) FROM timer_executions WHERE result @> '{"to": "RUNNING"}'), 50::bigint, 'by GIN');
SELECT is((SELECT count(*) FROM campaign_metrics WHERE round(value) >= 0 AND metric_type = 'STATE_TRANSITION_TIME'), 50::bigint, 'metrics');
SELECT is((SELECT count(*) FROM campaigns WHERE status = 'RUNNING'), 50::bigint, 'and by the index of the status');
RESET enable_seqscan;
SELECT is(pg_temp.error_of(format('SELECT bt_index_check(%L, true)', i.indexrelid::regclass)), NULL, i.indexrelid::regclass || ' holds every row')
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_am AS a ON a.oid = c.relam
WHERE c.relkind = 'i' AND a.amname = 'btree' AND i.indrelid = ANY ('{campaigns,campaign_timers,timer_executions,campaign_metrics,campaign_state_log_default}'::regclass[])
ORDER BY i.indexrelid::regclass::text;
ROLLBACK TO attached;

---- Partitions of the user's own, with rows that go to them by turns.

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
CREATE TRIGGER before BEFORE INSERT ON campaign_metrics2 FOR EACH ROW EXECUTE FUNCTION own.witness();
CREATE INDEX i1 ON campaign_metrics (metric_type);
CREATE INDEX i2 ON timer_executions (status, timer_id);
SELECT pg_temp.campaigns(30);
SELECT is(pg_temp.start(), 30::bigint, 'metrics and executions are partitioned');
SELECT is(pg_temp.written(), 'log 30, executions 30, metrics 60', 'all rows are there');
SELECT is((SELECT count(DISTINCT tableoid) FROM campaign_metrics) + (SELECT count(DISTINCT tableoid) FROM timer_executions), 6::bigint, 'in every partition');
SELECT is((SELECT count(*) FROM campaign_metrics AS m JOIN campaigns AS c ON c.id = m.campaign_id WHERE m.value >= 0 AND m.attributes = '{}' AND m.recorded_at >= now()), 60::bigint, 'with their values');
SELECT is((SELECT count(*) FROM timer_executions AS x JOIN campaign_timers AS t ON t.id = x.timer_id WHERE x.status = 'COMPLETED' AND x.result ->> 'to' = 'RUNNING'), 30::bigint, 'those of executions too');
SELECT is((SELECT array_agg(what ORDER BY n) FROM own.seen WHERE what ~ 'rows of'), ARRAY['timer_executions: 30 rows of 30', 'campaign_metrics: 60 rows of 60'], 'transition tables hold them all');
SELECT is((SELECT count(*) FROM own.seen WHERE what ~ 'before'), (SELECT count(*) FROM campaign_metrics2), 'a partition''s trigger has seen that partition''s rows');
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
	<> satisfies_hash_partition('campaign_metrics'::regclass, 2, 0, 'STATE_TRANSITION_TIME'::varchar)), 'metrics go to two partitions by turns');
SELECT cmp_ok(pg_temp.start(), '>=', 4::bigint, 'and a trigger deletes the fourth of five campaigns before its metrics are written');
SELECT is((SELECT count(*) FROM campaign_metrics AS m WHERE NOT EXISTS (SELECT FROM campaigns AS c WHERE c.id = m.campaign_id)), 0::bigint, 'no metric is an orphan');
SELECT is((SELECT array_agg(c.status) FROM campaigns AS c), array_fill('RUNNING'::varchar, ARRAY[4]), 'the others have moved');
ROLLBACK TO attached;

-- One that is far away: here in this database, by a session of its own.
SELECT own.partition('campaign_metrics', 'campaign_id', 2);
ALTER TABLE campaign_metrics DETACH PARTITION campaign_metrics1;
SELECT format('CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, port %L, dbname %L)',
	split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database()) \gexec
CREATE USER MAPPING FOR CURRENT_USER SERVER far;
CREATE FOREIGN TABLE near_metrics PARTITION OF campaign_metrics FOR VALUES WITH (MODULUS 2, REMAINDER 1) SERVER far OPTIONS (schema_name 'public', table_name 'far_metrics');
CREATE TRIGGER after AFTER INSERT ON campaign_metrics FOR EACH ROW EXECUTE FUNCTION own.witness();
SELECT pg_temp.campaigns(20);
SELECT own.take();
SELECT is(pg_temp.start(), 20::bigint, 'a partition of metrics is a foreign table');
SELECT is(pg_temp.errors(), NULL, 'to which nothing fails');
SELECT is((SELECT count(*) FROM campaign_metrics), 40::bigint, 'all metrics are there');
SELECT ok((SELECT count(*) BETWEEN 2 AND 38 FROM near_metrics), 'there and here');
SELECT is(cardinality(own.take()), 40, 'with their triggers');
ROLLBACK TO attached;

-- A log without a partition for the month.
ALTER TABLE campaign_state_log DETACH PARTITION campaign_state_log_default;
SELECT format('ALTER TABLE campaign_state_log DETACH PARTITION %s', inhrelid::regclass) FROM pg_inherits WHERE inhparent = 'campaign_state_log'::regclass \gexec
CREATE TABLE early_log PARTITION OF campaign_state_log FOR VALUES FROM ('1990-01-01') TO ('1990-02-01');
ALTER TABLE campaigns DISABLE TRIGGER log_campaign_creation;
SELECT pg_temp.campaigns(1);
SELECT is(pg_temp.start(), 1::bigint, 'a log without a partition for this month');
SELECT is(pg_temp.states(), ARRAY['CREATED FAILED'], 'fails the move');
SELECT is(pg_temp.errors(), ARRAY['23514: no partition of relation "campaign_state_log" found for row'], 'and says why');
ROLLBACK TO attached;

-- A table that is itself a partition.
CREATE TABLE own.all_executions (LIKE timer_executions INCLUDING ALL EXCLUDING INDEXES) PARTITION BY LIST (status);
ALTER TABLE own.all_executions ATTACH PARTITION timer_executions FOR VALUES IN ('FAILED', 'STARTED');
SELECT pg_temp.campaigns(1);
SELECT is(pg_temp.start(), 1::bigint, 'executions are a partition that takes no success');
SELECT is(pg_temp.errors(), ARRAY['23514: new row for relation "timer_executions" violates partition constraint'], 'and takes none');
ROLLBACK TO attached;
CREATE TABLE own.all_timers (LIKE campaign_timers INCLUDING ALL EXCLUDING INDEXES) PARTITION BY LIST (status);
ALTER TABLE own.all_timers ATTACH PARTITION campaign_timers FOR VALUES IN ('PENDING', 'FAILED', 'CANCELLED');
SELECT pg_temp.campaigns(1);
SELECT is(pg_temp.start(), 1::bigint, 'timers are a partition of those that are not completed');
SELECT is(pg_temp.errors(), ARRAY['23514: new row for relation "campaign_timers" violates partition constraint'], 'and none is');
ROLLBACK TO attached;

---- Foreign keys.

CREATE TABLE own.kinds (kind varchar(50) PRIMARY KEY);
INSERT INTO own.kinds VALUES ('TIMER_EXECUTION_TIME'), ('STATE_TRANSITION_TIME');
ALTER TABLE campaign_metrics ADD CONSTRAINT known_kind FOREIGN KEY (metric_type) REFERENCES own.kinds;
SELECT pg_temp.campaigns(2);
SELECT is(pg_temp.start(), 2::bigint, 'a foreign key of the user''s that holds');
SELECT is(pg_temp.errors(), NULL, 'holds');
DELETE FROM campaigns;
DELETE FROM own.kinds WHERE kind = 'STATE_TRANSITION_TIME';
SELECT pg_temp.campaigns(1);
SELECT is(pg_temp.start(), 1::bigint, 'one that does not');
SELECT is(pg_temp.errors(), ARRAY['23503: insert or update on table "campaign_metrics" violates foreign key constraint "known_kind"'], 'fails the attempt');
ROLLBACK TO attached;

-- What a trigger makes of a key is checked like any.
CREATE FUNCTION own.redirect() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	IF (SELECT c.metadata -> 'number' = '1' FROM campaigns AS c WHERE c.id = NEW.campaign_id) THEN
		NEW.campaign_id := '99999999-9999-4999-8999-999999999999';
	END IF;
	RETURN NEW;
END
$$;
CREATE TRIGGER redirect BEFORE INSERT ON campaign_metrics FOR EACH ROW EXECUTE FUNCTION own.redirect();
SELECT pg_temp.campaigns(2);
SELECT is(pg_temp.start(), 2::bigint, 'a row trigger BEFORE sends a metric to a campaign that is none');
SELECT is(pg_temp.states(), ARRAY['CREATED FAILED', 'RUNNING COMPLETED'], 'which fails that timer');
SELECT is(pg_temp.errors(), ARRAY['23503: insert or update on table "campaign_metrics" violates foreign key constraint "campaign_metrics_campaign_id_fkey"'], 'as the foreign key says');
SELECT is((SELECT count(*) FROM campaign_metrics AS m WHERE NOT EXISTS (SELECT FROM campaigns AS c WHERE c.id = m.campaign_id)), 0::bigint, 'no metric is an orphan');
ROLLBACK TO attached;

-- Ours, made deferrable: until it is due, who is referred to may come back.
ALTER TABLE timer_executions DROP CONSTRAINT timer_executions_timer_id_fkey;
ALTER TABLE timer_executions ADD CONSTRAINT late_key FOREIGN KEY (timer_id) REFERENCES campaign_timers DEFERRABLE INITIALLY DEFERRED;
CREATE FUNCTION own.again() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	DELETE FROM campaign_timers WHERE id = NEW.id;
	RETURN NULL;
END
$$;
CREATE TRIGGER again AFTER UPDATE ON campaign_timers FOR EACH ROW WHEN (NEW.status = 'COMPLETED') EXECUTE FUNCTION own.again();
SELECT pg_temp.campaigns(1);
SELECT is(pg_temp.start(), 1::bigint, 'a deferred foreign key, and a trigger that deletes what it refers to');
SELECT is(pg_temp.written(), 'log 1, executions 1, metrics 2', 'all is written');
SELECT matches(pg_temp.violated(), '^23503: .*"late_key"', 'and found out when it is due');
ROLLBACK TO attached;

-- Ours, switched off.
ALTER TABLE timer_executions DISABLE TRIGGER ALL;
CREATE FUNCTION own.again() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	DELETE FROM campaign_timers WHERE id = NEW.id;
	RETURN NULL;
END
$$;
CREATE TRIGGER again AFTER UPDATE ON campaign_timers FOR EACH ROW WHEN (NEW.status = 'COMPLETED') EXECUTE FUNCTION own.again();
SELECT pg_temp.campaigns(1);
SELECT is(pg_temp.start(), 1::bigint, 'a foreign key whose triggers are disabled');
SELECT is(pg_temp.written(), 'log 1, executions 1, metrics 2', 'checks nothing');
ROLLBACK TO attached;

-- Another key than ours: rows that a trigger has moved are found nevertheless.
ALTER TABLE campaigns ADD COLUMN tenant integer NOT NULL DEFAULT 1, ADD CONSTRAINT campaigns_id UNIQUE (id);
ALTER TABLE campaign_timers DROP CONSTRAINT campaign_timers_campaign_id_fkey;
ALTER TABLE campaign_metrics DROP CONSTRAINT campaign_metrics_campaign_id_fkey;
ALTER TABLE campaign_state_log DROP CONSTRAINT campaign_state_log_campaign_id_fkey;
ALTER TABLE campaigns DROP CONSTRAINT campaigns_pkey CASCADE;
ALTER TABLE campaigns ADD PRIMARY KEY (created_at, tenant) INCLUDE (id);
ALTER TABLE campaign_timers ADD FOREIGN KEY (campaign_id) REFERENCES campaigns (id) ON DELETE CASCADE;
ALTER TABLE campaign_metrics ADD FOREIGN KEY (campaign_id) REFERENCES campaigns (id) ON DELETE CASCADE;
CREATE FUNCTION own.again() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	UPDATE campaigns SET metadata = metadata || '{"again": true}' WHERE id = NEW.campaign_id;
	RETURN NULL;
END
$$;
CREATE TRIGGER again AFTER UPDATE ON campaign_timers FOR EACH ROW WHEN (NEW.status = 'COMPLETED') EXECUTE FUNCTION own.again();
SELECT create_campaign(24, now()) AS c \gset
SELECT is(pg_temp.start(), 1::bigint, 'the primary key of campaigns is another, and a trigger moves the campaign');
SELECT is(pg_temp.errors(), NULL, 'it is found');
SELECT is(pg_temp.written(), 'log 1, executions 1, metrics 2', 'and all is written');
ROLLBACK TO attached;

---- Tables that a trigger puts into other files meanwhile, with other rows in the places that the batch knows.

CREATE FUNCTION own.rewrite() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	CLUSTER campaigns USING campaigns_pkey;
	RETURN NULL;
END
$$;
CREATE FUNCTION pg_temp.number(n integer) RETURNS uuid LANGUAGE sql AS $$
	SELECT format('00000000-0000-4000-8000-%s', lpad(n::text, 12, '0'))::uuid
$$;
SELECT pg_temp.campaigns(1000);
DELETE FROM campaigns;
SELECT create_campaign(24, now(), id => pg_temp.number(20 - g.n)) FROM generate_series(1, 10) AS g (n);
SELECT pg_temp.start();
SELECT create_campaign(24, now(), id => pg_temp.number(g.n)) FROM generate_series(1, 9) AS g (n);
UPDATE campaign_timers SET scheduled_at = now() WHERE timer_type = 'CLOSE_CAMPAIGN' AND campaign_id >= pg_temp.number(10);
CREATE TRIGGER rewrite AFTER UPDATE ON campaign_timers FOR EACH STATEMENT EXECUTE FUNCTION own.rewrite();
SELECT is(pg_temp.start(), 19::bigint, 'a trigger on timers rewrites campaigns');
SELECT is(pg_temp.errors(), NULL, 'they are found');
SELECT results_eq($$
	SELECT c.status::text, t.timer_type::text, count(*)
	FROM campaigns AS c JOIN campaign_timers AS t ON t.campaign_id = c.id AND t.status = 'PENDING'
	GROUP BY 1, 2 ORDER BY 1, 2$$,
	$$VALUES ('CLOSED', 'EXPIRE_CAMPAIGN', 10::bigint), ('CLOSED', 'REWARD_REMINDER', 10), ('RUNNING', 'CLOSE_CAMPAIGN', 9), ('RUNNING', 'EXPIRE_CAMPAIGN', 9)$$,
	'and each has the timers of its own state');
ROLLBACK TO attached;

CREATE FUNCTION own.rewrite() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	CLUSTER campaign_timers USING campaign_timers_pkey;
	RETURN NULL;
END
$$;
CREATE TRIGGER rewrite AFTER UPDATE ON campaigns FOR EACH STATEMENT EXECUTE FUNCTION own.rewrite();
SELECT pg_temp.campaigns(1000);
DELETE FROM campaigns;
SELECT pg_temp.campaigns(3);
SELECT is(pg_temp.start(), 3::bigint, 'one on campaigns rewrites timers');
SELECT is(pg_temp.states(), ARRAY['RUNNING COMPLETED', 'RUNNING COMPLETED', 'RUNNING COMPLETED'], 'they are found as well');
SELECT is(pg_temp.written(), 'log 3, executions 3, metrics 6', 'and all is written');
ROLLBACK TO attached;

---- What our columns no longer promise: NOT NULL, or their types. No NULL is taken for a value.

ALTER TABLE campaigns ALTER COLUMN status DROP NOT NULL;
SELECT pg_temp.campaigns(2);
UPDATE campaigns SET status = NULL WHERE metadata -> 'number' = '1';
SELECT is(pg_temp.start(), 2::bigint, 'a campaign in no state');
SELECT is(pg_temp.states(), ARRAY['COMPLETED', 'RUNNING COMPLETED'], 'is not moved');
SELECT is((SELECT x.result ->> 'skipped' FROM timer_executions AS x WHERE x.result ->> 'reason' LIKE 'too late in state %'), 'true', 'for it its timer is too late');
SELECT is(pg_temp.error_of(format('SELECT schedule_campaign_timers(%L)', (SELECT id FROM campaigns WHERE status IS NULL))), NULL, 'it has no timers to be scheduled');
DELETE FROM campaigns;
CREATE FUNCTION own.again() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	UPDATE campaigns SET status = NULL WHERE id = NEW.id;
	RETURN NULL;
END
$$;
CREATE TRIGGER again AFTER UPDATE OF status ON campaigns FOR EACH ROW WHEN (NEW.status = 'RUNNING') EXECUTE FUNCTION own.again();
SELECT pg_temp.campaigns(1);
SELECT is(pg_temp.start(), 1::bigint, 'a row trigger AFTER takes the state away');
SELECT is(pg_temp.states(), ARRAY['COMPLETED'], 'it is gone');
SELECT is((SELECT count(*) FROM campaign_timers WHERE status = 'PENDING'), 0::bigint, 'and nothing waits, as in a state that no way leads out of');
ROLLBACK TO attached;

ALTER TABLE campaign_timers ALTER COLUMN timer_type DROP NOT NULL, ALTER COLUMN payload DROP NOT NULL;
SELECT pg_temp.campaigns(2);
UPDATE campaign_timers SET timer_type = NULL WHERE campaign_id = (SELECT id FROM campaigns WHERE metadata -> 'number' = '1');
SELECT is(pg_temp.start(), 2::bigint, 'a timer of no type');
SELECT is((SELECT array_agg(status ORDER BY metadata -> 'number') FROM campaigns), ARRAY['CREATED', 'RUNNING']::varchar[], 'moves nothing');
DELETE FROM campaigns;
CREATE FUNCTION own.handle(campaign uuid, timer uuid, payload jsonb) RETURNS jsonb LANGUAGE sql SET search_path = public AS $$
	SELECT jsonb_build_object('payload', payload)
$$;
SELECT register_handler('START_CAMPAIGN', 'own.handle(uuid,uuid,jsonb)');
SELECT pg_temp.campaigns(1);
UPDATE campaign_timers SET payload = NULL;
SELECT is(pg_temp.start(), 1::bigint, 'a timer without a payload, whose type has a handler');
SELECT is((SELECT result -> 'handler' FROM timer_executions WHERE result ? 'handler'), '{"payload": {}}', 'which is given an empty one');
ROLLBACK TO attached;

ALTER TABLE timer_executions DROP CONSTRAINT timer_executions_timer_id_fkey;
ALTER TABLE campaign_timers DROP CONSTRAINT campaign_timers_pkey, ALTER COLUMN id DROP NOT NULL;
SELECT pg_temp.campaigns(2);
UPDATE campaign_timers SET id = NULL WHERE campaign_id = (SELECT id FROM campaigns WHERE metadata -> 'number' = '1');
SELECT is(pg_temp.start(), 1::bigint, 'a timer without an id');
SELECT is(pg_temp.states(), ARRAY['CREATED PENDING', 'RUNNING COMPLETED'], 'is not claimed');
SELECT is(pg_temp.error_of(format('SELECT schedule_campaign_timers(%L)', (SELECT id FROM campaigns WHERE status = 'CREATED'))), NULL, 'and not rescheduled');
ROLLBACK TO attached;

ALTER TABLE campaign_timer_policies DROP CONSTRAINT campaign_timer_policies_pkey, ALTER COLUMN delay DROP NOT NULL, ALTER COLUMN timer_type DROP NOT NULL, ALTER COLUMN state DROP NOT NULL;
ALTER TABLE campaign_state_transitions DROP CONSTRAINT campaign_state_transitions_pkey, ALTER COLUMN from_state DROP NOT NULL;
INSERT INTO campaign_timer_policies (state, timer_type, anchor, delay) VALUES ('RUNNING', 'REWARD_REMINDER', 'entered', NULL), ('RUNNING', NULL, 'entered', '0'), (NULL, 'REWARD_REMINDER', 'entered', '0');
INSERT INTO campaign_state_transitions (from_state, to_state, timer_type) VALUES (NULL, 'RUNNING', 'START_CAMPAIGN');
SELECT pg_temp.campaigns(1);
SELECT is(pg_temp.start(), 1::bigint, 'policies without a state, a type or a delay, a way from nowhere');
SELECT is((SELECT array_agg(timer_type ORDER BY timer_type) FROM campaign_timers WHERE status = 'PENDING'), ARRAY['CLOSE_CAMPAIGN', 'EXPIRE_CAMPAIGN']::varchar[], 'are none');
ROLLBACK TO attached;

ALTER TABLE campaign_timer_policies DROP CONSTRAINT valid_delay, ALTER COLUMN delay DROP DEFAULT, ALTER COLUMN delay TYPE integer USING 60;
SELECT matches(pg_temp.error_of('SELECT create_campaign(24, now())'), 'cannot cast type integer to interval', 'a delay that is a number is refused');
ROLLBACK TO attached;

-- The table's triggers and views have to go for that.
SELECT format('DROP TRIGGER %I ON campaign_timers', tgname) FROM pg_trigger WHERE tgrelid = 'campaign_timers'::regclass AND NOT tgisinternal \gexec
SELECT pg_get_viewdef('_runnable_timers'::regclass) AS runnable \gset
DROP VIEW _runnable_timers, stuck_timers, failed_timers, dead_timers, upcoming_timers CASCADE;
DROP MATERIALIZED VIEW mv_pending_timers CASCADE;
SAVEPOINT bare;
ALTER TABLE campaign_timers ALTER COLUMN status TYPE char(20);
CREATE VIEW _runnable_timers AS :runnable
SELECT pg_temp.campaigns(1);
SELECT is(pg_temp.start(), 1::bigint, 'the status of timers is of another type');
SELECT is(pg_temp.errors(), NULL, 'which is as good as long as none is to be revised');
DELETE FROM campaigns;
SELECT pg_temp.campaigns(1);
UPDATE campaign_timers SET scheduled_at = scheduled_at + interval '1 hour' WHERE timer_type = 'CLOSE_CAMPAIGN';
SELECT is(pg_temp.start(), 1::bigint, 'one that is to be');
SELECT is(pg_temp.errors(), ARRAY['42804: column "status" of table "campaign_timers" is not of type text'], 'fails the move');
ROLLBACK TO bare;
ALTER TABLE campaign_timers ALTER COLUMN retry_count TYPE bigint;
CREATE VIEW _runnable_timers AS :runnable
SELECT pg_temp.campaigns(1);
SELECT is(pg_temp.start(), 1::bigint, 'the attempts are counted by a larger number');
UPDATE campaign_timers SET scheduled_at = CASE timer_type WHEN 'CLOSE_CAMPAIGN' THEN scheduled_at ELSE now() END, retry_count = 3 WHERE status = 'PENDING';
SELECT is(pg_temp.start(), 1::bigint, 'a campaign expires');
SELECT is((SELECT status || ' ' || retry_count || ' ' || (scheduled_at > now()) FROM campaign_timers WHERE timer_type = 'CLOSE_CAMPAIGN'), 'CANCELLED 3 true', 'what is cancelled keeps count and time');
ROLLBACK TO attached;

---- A time beyond those that are kept is refused in a batch, too.

INSERT INTO campaigns (status, start_time, duration_hours) VALUES ('CREATED', '9999-12-31 22:00+00', 1) RETURNING id AS c \gset
SELECT schedule_timer(:'c', 'START_CAMPAIGN', now());
SELECT is(pg_temp.start(), 1::bigint, 'a start whose campaign would expire in the year 10000');
SELECT is(pg_temp.errors(), ARRAY['22008: timer schedule out of range: 10000-01-01 01:00:00+00'], 'fails');
ROLLBACK TO attached;

---- Large values stay where they are.

SELECT pg_temp.campaigns(2);
UPDATE campaigns SET metadata = metadata || jsonb_build_object('large', (SELECT string_agg(md5(g::text), '') FROM generate_series(1, 20000) AS g));
SELECT md5(string_agg(metadata::text, '' ORDER BY id)) AS before, pg_relation_size(c.reltoastrelid) AS toast FROM campaigns, pg_class AS c WHERE c.oid = 'campaigns'::regclass GROUP BY 2 \gset
SELECT cmp_ok(:toast, '>', 1000000, 'large metadata is stored apart');
SELECT is(pg_temp.start(), 2::bigint, 'campaigns with large metadata start');
SELECT is(md5(string_agg(metadata::text, '' ORDER BY id)), :'before', 'which is unchanged') FROM campaigns;
SELECT is(pg_relation_size(reltoastrelid), :'toast'::bigint, 'and not written again') FROM pg_class WHERE oid = 'campaigns'::regclass;
SELECT is(pg_temp.states(), ARRAY['RUNNING COMPLETED', 'RUNNING COMPLETED'], 'they run');
ROLLBACK TO attached;

---- A row that subscribers could not find.

SET LOCAL client_min_messages = error; -- wal_level may be insufficient
CREATE PUBLICATION writing_rows FOR TABLE campaigns, campaign_metrics;
SET LOCAL client_min_messages = warning;
ALTER TABLE campaigns REPLICA IDENTITY NOTHING;
SELECT pg_temp.campaigns(1);
SELECT is(pg_temp.start(), 1::bigint, 'campaigns are published without a replica identity');
SELECT is(pg_temp.errors(), ARRAY['55000: cannot update table "campaigns" because it does not have a replica identity and publishes updates'], 'and cannot be updated');
ALTER TABLE campaigns REPLICA IDENTITY DEFAULT;
DELETE FROM campaigns;
ALTER TABLE campaign_metrics REPLICA IDENTITY NOTHING;
SELECT pg_temp.campaigns(1);
SELECT is(pg_temp.start(), 1::bigint, 'metrics are published without one');
SELECT is(pg_temp.errors(), NULL, 'and can be inserted');
ROLLBACK TO attached;

---- Rules: the worker's writing is no statement, so they do not apply to it; but the log is written by SQL, as by anybody, when it has one.

CREATE RULE away AS ON INSERT TO campaign_metrics DO INSTEAD NOTHING;
CREATE RULE also AS ON INSERT TO campaign_state_log DO ALSO INSERT INTO own.seen (what) VALUES (NEW.to_state);
SELECT pg_temp.campaigns(1);
CREATE RULE away AS ON UPDATE TO campaigns DO INSTEAD NOTHING;
SELECT own.take();
SELECT is(pg_temp.start(), 1::bigint, 'rules on campaigns, metrics and log');
SELECT is(pg_temp.states(), ARRAY['RUNNING COMPLETED'], 'that of campaigns has not applied');
SELECT is(pg_temp.written(), 'log 1, executions 1, metrics 2', 'nor that of metrics');
SELECT is(own.take(), ARRAY['RUNNING'], 'that of the log has');
ROLLBACK TO attached;

---- Rights and policies. The tables belong to a plain role here.

CREATE ROLE writing_rows_owner;
SELECT set_campaign_owner('writing_rows_owner');
GRANT USAGE, CREATE ON SCHEMA public, own, tap TO writing_rows_owner;
GRANT ALL ON own.seen TO writing_rows_owner;
SAVEPOINT owned;
SELECT pg_temp.campaigns(1);
SELECT is(pg_temp.start(), 1::bigint, 'a plain role owns the tables');
SELECT is(pg_temp.states(), ARRAY['RUNNING COMPLETED'], 'and all is well');
ROLLBACK TO owned;

CREATE FUNCTION pg_temp.forced(relation text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	refused text;
BEGIN
	EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', relation);
	EXECUTE format('CREATE POLICY everything ON %I USING (true) WITH CHECK (true)', relation);
	BEGIN
		PERFORM pg_temp.start();
	EXCEPTION WHEN insufficient_privilege THEN
		refused := SQLERRM;
	END;
	EXECUTE format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY', relation);
	RETURN concat_ws('; ', (pg_temp.states())[1], pg_temp.written(), (pg_temp.errors())[1], refused);
END
$$;
SELECT pg_temp.campaigns(1);
SAVEPOINT forced;
SELECT is(pg_temp.forced('campaigns'), 'CREATED PENDING; log 0, executions 0, metrics 0; row-level security is forced on table "campaigns"', 'forced on campaigns: an error, and no attempt of the timer''s');
ROLLBACK TO forced;
SELECT is(pg_temp.forced('campaign_timers'), 'CREATED PENDING; log 0, executions 0, metrics 0; row-level security is forced on table "campaign_timers"', 'on timers');
ROLLBACK TO forced;
SELECT is(pg_temp.forced('campaign_metrics'), 'CREATED PENDING; log 0, executions 0, metrics 0; row-level security is forced on table "campaign_metrics"', 'on metrics');
ROLLBACK TO forced;
SELECT is(pg_temp.forced('timer_executions'), 'CREATED PENDING; log 0, executions 0, metrics 0; row-level security is forced on table "timer_executions"', 'on executions');
ROLLBACK TO forced;
SELECT is(pg_temp.forced('campaign_state_log'), 'RUNNING COMPLETED; log 1, executions 1, metrics 2', 'on the log: SQL writes it, and its policy applies');
ROLLBACK TO forced;
CREATE POLICY nothing ON campaign_state_log AS RESTRICTIVE FOR INSERT WITH CHECK (false);
SELECT is(pg_temp.forced('campaign_state_log'), 'CREATED FAILED; log 0, executions 1, metrics 0; 42501: new row violates row-level security policy "nothing" for table "campaign_state_log"',
	'also one that refuses');
ROLLBACK TO owned;

-- An owner who has taken its own rights away.
SELECT pg_temp.campaigns(1);
REVOKE INSERT ON campaign_metrics FROM writing_rows_owner;
SELECT is(pg_temp.start(), 1::bigint, 'the owner may not insert metrics');
SELECT is(pg_temp.states(), ARRAY['CREATED FAILED'], 'nothing is half done');
SELECT is(pg_temp.errors(), ARRAY['42501: permission denied for table campaign_metrics'], 'and it says why');
ROLLBACK TO owned;
SELECT pg_temp.campaigns(1);
REVOKE INSERT ON campaign_metrics FROM writing_rows_owner;
GRANT INSERT (id, campaign_id, metric_type, value, recorded_at) ON campaign_metrics TO writing_rows_owner;
SELECT is(pg_temp.start(), 1::bigint, 'the owner may insert what is to be inserted');
SELECT is(pg_temp.states(), ARRAY['RUNNING COMPLETED'], 'which is enough');
ROLLBACK TO attached;

---- What a policy is switched by.

CREATE DOMAIN own.switch AS boolean;
ALTER TABLE campaigns ADD COLUMN vip boolean NOT NULL DEFAULT true, ADD COLUMN extra own.switch NOT NULL DEFAULT true;
INSERT INTO campaign_timer_policies (state, timer_type, anchor, delay, only_when) VALUES ('CREATED', 'REWARD_REMINDER', 'entered', '0', 'extra');
SELECT pg_temp.campaigns(1);
SELECT is((SELECT array_agg(status) FROM campaign_timers WHERE timer_type = 'REWARD_REMINDER'), ARRAY['PENDING']::varchar[], 'a switch of a domain over boolean');
UPDATE campaign_timers SET scheduled_at = scheduled_at + interval '1 day' WHERE timer_type = 'START_CAMPAIGN';
SELECT is(pg_temp.start(), 1::bigint, 'that is on');
SELECT is((SELECT array_agg(result) FROM timer_executions), ARRAY['{"event": "REWARD_REMINDER"}']::jsonb[], 'is on when the timer is due');
ROLLBACK TO attached;
ALTER TABLE campaigns ADD COLUMN vip boolean NOT NULL DEFAULT true;
INSERT INTO campaign_timer_policies (state, timer_type, anchor, delay, only_when) VALUES ('CREATED', 'REWARD_REMINDER', 'entered', '0', 'vip');
SELECT pg_temp.campaigns(1);
UPDATE campaign_timers SET scheduled_at = scheduled_at + interval '1 day' WHERE timer_type = 'START_CAMPAIGN';
ALTER TABLE campaigns DROP COLUMN vip;
SELECT is(pg_temp.start(), 1::bigint, 'a switch that has been removed since');
SELECT is((SELECT array_agg(result) FROM timer_executions), ARRAY['{"skipped": true, "reason": "vip is off"}']::jsonb[], 'is off');
ROLLBACK TO attached;

---- What a batch reads and makes goes with it.

CREATE FUNCTION own.measure() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	INSERT INTO own.seen (what) SELECT sum(used_bytes) FROM pg_backend_memory_contexts;
	RETURN NULL;
END
$$;
CREATE TRIGGER measure AFTER UPDATE OF status ON campaigns FOR EACH STATEMENT EXECUTE FUNCTION own.measure();
SELECT count(pg_temp.campaigns(1000)) FROM generate_series(1, 4);
SELECT is(run_due_timers(5000), 4000::bigint, 'four batches');
SELECT own.take() AS used \gset
SELECT is(cardinality(:'used'::bigint[]), 4, 'each measured');
SELECT cmp_ok((:'used'::bigint[])[4] - (:'used'::bigint[])[2], '<', 1000000::bigint, 'the fourth uses no more memory than the second');
ROLLBACK TO attached;

SELECT * FROM finish();
ROLLBACK;
DROP TABLE far_metrics;
