-- The promise: triggers on the five tables that a batch writes fire as they do for a user's INSERT and UPDATE, although
-- no statement of SQL writes the rows: BEFORE and AFTER, ROW and STATEMENT, with transition tables, of columns,
-- deferred. An error of one timer's row is a failed attempt of that timer alone. Each part attaches triggers, runs
-- START_CAMPAIGN timers and rolls everything back.

BEGIN;
SELECT plan(67);
\ir lib/errors.psql
\ir lib/batches.psql
SELECT pg_temp.add_campaigns(1);
SELECT pg_temp.run_timers();
SELECT is(pg_temp.rows_written(), 'log 1, executions 1, metrics 2',
	'a batch writes one log row, one execution and two metrics with nothing attached');
DELETE FROM campaigns;
SAVEPOINT attached;

---- BEFORE ROW triggers that change the row.

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
SELECT pg_temp.add_campaigns(3);
SELECT is(pg_temp.run_timers(), 3::bigint, 'three timers are attempted with a BEFORE ROW trigger on every table');
SELECT is((SELECT count(*) FROM campaigns WHERE status = 'RUNNING' AND metadata ? 'changed'), 3::bigint,
	'a BEFORE ROW trigger changes the campaigns that move');
SELECT is((SELECT count(*) FROM campaign_timers WHERE status = 'COMPLETED' AND payload @> '{"changed": true, "policy": true}'), 3::bigint,
	'a BEFORE ROW trigger changes the timers that are completed');
SELECT is((SELECT count(*) FROM campaign_state_log WHERE trigger_event = 'changed'), 6::bigint,
	'a BEFORE ROW trigger changes the log rows');
SELECT is((SELECT count(*) FROM timer_executions WHERE result = '{"from": "CREATED", "to": "RUNNING", "changed": true}'), 3::bigint,
	'a BEFORE ROW trigger changes the executions');
SELECT is((SELECT count(*) FROM campaign_metrics WHERE attributes ? 'changed'), 6::bigint,
	'a BEFORE ROW trigger changes the metrics');
ROLLBACK TO attached;

---- BEFORE ROW triggers that suppress the row. A state change or a completion that does not take place is a failed
---- attempt; a row of history may be missing.

CREATE TRIGGER suppress BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (NEW.metadata -> 'number' = '2') EXECUTE FUNCTION own.suppress();
SELECT pg_temp.add_campaigns(3);
SELECT is(pg_temp.run_timers(), 3::bigint,
	'three timers are attempted while a trigger suppresses the update of the second campaign');
SELECT is(pg_temp.states(), ARRAY['RUNNING COMPLETED', 'CREATED FAILED', 'RUNNING COMPLETED'],
	'the timer whose campaign was not updated is FAILED, and no other');
SELECT is(pg_temp.attempt_errors(), ARRAY['09000: the state of a campaign was not changed by its START_CAMPAIGN timer'],
	'its execution says that the state was not changed');
ROLLBACK TO attached;

CREATE TRIGGER suppress BEFORE UPDATE ON campaign_timers FOR EACH ROW
	WHEN (NEW.status = 'COMPLETED' AND NEW.payload ? 'stay') EXECUTE FUNCTION own.suppress();
SELECT pg_temp.add_campaigns(2);
UPDATE campaign_timers AS t SET payload = t.payload || '{"stay": true}'
FROM campaigns AS c
WHERE c.id = t.campaign_id AND c.metadata -> 'number' = '1';
SELECT is(pg_temp.run_timers(), 2::bigint,
	'two timers are attempted while a trigger suppresses the update of the first timer');
SELECT is(pg_temp.states(), ARRAY['CREATED FAILED', 'RUNNING COMPLETED'],
	'the timer that was not updated is FAILED, and its campaign has not moved');
SELECT is(pg_temp.attempt_errors(), ARRAY['09000: a timer was not completed'],
	'its execution says that the timer was not completed');
ROLLBACK TO attached;

CREATE TRIGGER suppress BEFORE INSERT ON campaign_state_log FOR EACH ROW EXECUTE FUNCTION own.suppress();
CREATE TRIGGER suppress BEFORE INSERT ON timer_executions FOR EACH ROW EXECUTE FUNCTION own.suppress();
CREATE TRIGGER suppress BEFORE INSERT ON campaign_metrics FOR EACH ROW WHEN (NEW.metric_type = 'STATE_TRANSITION_TIME') EXECUTE FUNCTION own.suppress();
SELECT pg_temp.add_campaigns(3);
SELECT is(pg_temp.run_timers(), 3::bigint, 'three timers are attempted while triggers suppress history');
SELECT is(pg_temp.states(), ARRAY['RUNNING COMPLETED', 'RUNNING COMPLETED', 'RUNNING COMPLETED'],
	'campaigns move without the history that is suppressed');
SELECT is(pg_temp.rows_written(), 'log 0, executions 0, metrics 3',
	'suppressed log rows, executions and metrics are not written');
ROLLBACK TO attached;

---- BEFORE triggers that write the row, or another one of the batch: the server refuses that in an UPDATE, with the
---- same message.

CREATE FUNCTION own.meddle() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	IF NEW.metadata -> 'number' = '1' AND NEW.status = 'RUNNING' THEN
		UPDATE campaigns SET metadata = metadata || '{"meddled": true}' WHERE id = NEW.id;
	END IF;
	RETURN NEW;
END
$$;
CREATE TRIGGER meddle BEFORE UPDATE OF status ON campaigns FOR EACH ROW EXECUTE FUNCTION own.meddle();
SELECT pg_temp.add_campaigns(2);
SELECT is(pg_temp.run_timers(), 2::bigint, 'two timers are attempted while a BEFORE ROW trigger updates its own row');
SELECT is(pg_temp.states(), ARRAY['CREATED FAILED', 'RUNNING COMPLETED'],
	'the timer whose campaign the trigger has updated is FAILED, and no other');
SELECT is(pg_temp.attempt_errors(), ARRAY['27000: tuple to be updated was already modified by an operation triggered by the current command'],
	'its execution has the error that an UPDATE would raise');
ROLLBACK TO attached;

CREATE FUNCTION own.meddle() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	UPDATE campaigns SET metadata = metadata || '{"meddled": true}' WHERE status = 'CREATED';
	RETURN NULL;
END
$$;
CREATE TRIGGER meddle BEFORE UPDATE OF status ON campaigns FOR EACH STATEMENT EXECUTE FUNCTION own.meddle();
SELECT pg_temp.add_campaigns(1);
SELECT is(pg_temp.run_timers(), 1::bigint,
	'one timer is attempted while a BEFORE STATEMENT trigger updates the campaign that is to move');
SELECT is(pg_temp.states(), ARRAY['CREATED FAILED'],
	'the timer whose campaign was updated before the statement is FAILED');
SELECT is(pg_temp.attempt_errors(), ARRAY['27000: tuple to be updated was already modified by an operation triggered by the current command'],
	'its execution has the error that an UPDATE would raise');
ROLLBACK TO attached;

---- AFTER ROW triggers that write the same rows again.

CREATE FUNCTION own.again() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	UPDATE campaigns SET metadata = metadata || '{"again": true}' WHERE id = NEW.id;
	RETURN NULL;
END
$$;
CREATE TRIGGER again AFTER UPDATE OF status ON campaigns FOR EACH ROW EXECUTE FUNCTION own.again();
SELECT pg_temp.add_campaigns(3);
SELECT is(pg_temp.run_timers(), 3::bigint,
	'three timers are attempted while an AFTER ROW trigger updates the campaign again');
SELECT is((SELECT count(*) FROM campaigns WHERE status = 'RUNNING' AND metadata ? 'again'), 3::bigint,
	'the state change and the trigger''s update of the campaign are both there');
SELECT is(pg_temp.rows_written(), 'log 3, executions 3, metrics 6',
	'the history is complete beside the trigger''s update');
ROLLBACK TO attached;

CREATE FUNCTION own.again() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	UPDATE campaigns SET status = 'CLOSED' WHERE id = NEW.id;
	RETURN NULL;
END
$$;
CREATE TRIGGER again AFTER UPDATE ON campaigns FOR EACH ROW WHEN (NEW.status = 'RUNNING') EXECUTE FUNCTION own.again();
SELECT pg_temp.add_campaigns(2);
SELECT is(pg_temp.run_timers(), 2::bigint, 'two timers are attempted while an AFTER ROW trigger moves the campaign on');
SELECT is(pg_temp.states(), ARRAY['CLOSED COMPLETED', 'CLOSED COMPLETED'],
	'each campaign is in the state that the trigger has moved it to');
SELECT is((SELECT array_agg(l.from_state || ' ' || l.to_state ORDER BY l.created_at, l.id) FROM campaign_state_log AS l JOIN campaigns AS c ON c.id = l.campaign_id WHERE c.metadata -> 'number' = '1'
	AND l.from_state IS NOT NULL), ARRAY['CREATED RUNNING', 'RUNNING CLOSED'], 'the state changes of the timer and of the trigger are both logged, in order');
SELECT is((SELECT array_agg(t.timer_type || ' ' || t.status ORDER BY t.timer_type) FROM campaign_timers AS t JOIN campaigns AS c ON c.id = t.campaign_id WHERE c.metadata -> 'number' = '1'),
	ARRAY['CLOSE_CAMPAIGN CANCELLED', 'EXPIRE_CAMPAIGN PENDING', 'REWARD_REMINDER PENDING', 'START_CAMPAIGN COMPLETED'], 'the campaign has the timers of the state that the trigger has moved it to');
ROLLBACK TO attached;

CREATE FUNCTION own.again() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	UPDATE campaign_timers SET payload = payload || '{"again": true}' WHERE id = NEW.id;
	RETURN NULL;
END
$$;
CREATE TRIGGER again AFTER UPDATE ON campaign_timers FOR EACH ROW WHEN (NEW.status = 'COMPLETED' AND OLD.status <> NEW.status) EXECUTE FUNCTION own.again();
SELECT pg_temp.add_campaigns(3);
SELECT is(pg_temp.run_timers(), 3::bigint,
	'three timers are attempted while an AFTER ROW trigger updates the timer again');
SELECT is((SELECT count(*) FROM timer_executions AS x JOIN campaign_timers AS t ON t.id = x.timer_id WHERE t.payload ? 'again' AND x.status = 'COMPLETED'), 3::bigint,
	'each timer that was updated again has its execution');
ROLLBACK TO attached;

CREATE FUNCTION own.again() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	UPDATE campaign_timers SET payload = payload || '{"again": true}' WHERE campaign_id = NEW.id;
	RETURN NULL;
END
$$;
CREATE TRIGGER again AFTER UPDATE OF status ON campaigns FOR EACH ROW EXECUTE FUNCTION own.again();
SELECT pg_temp.add_campaigns(3);
SELECT is(pg_temp.run_timers(), 3::bigint,
	'three timers are attempted while a trigger on campaigns updates the timers');
SELECT is((SELECT count(*) FROM campaign_timers WHERE status = 'COMPLETED' AND payload ? 'again'), 3::bigint,
	'the timer that the trigger on campaigns has updated is COMPLETED');
ROLLBACK TO attached;

-- A timer that is deleted during the batch has moved its campaign, which has the timers of its new state.
CREATE FUNCTION own.again() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	DELETE FROM campaign_timers WHERE campaign_id = NEW.id AND NEW.metadata -> 'number' = '1';
	RETURN NULL;
END
$$;
CREATE TRIGGER again AFTER UPDATE OF status ON campaigns FOR EACH ROW EXECUTE FUNCTION own.again();
SELECT pg_temp.add_campaigns(2);
SELECT is(pg_temp.run_timers(), 2::bigint,
	'two timers are attempted while a trigger on campaigns deletes the timers of one');
SELECT is(pg_temp.states(), ARRAY['RUNNING', 'RUNNING COMPLETED'], 'the campaign whose timers were deleted has moved');
SELECT is((SELECT array_agg(t.timer_type || ' ' || t.status ORDER BY t.timer_type) FROM campaign_timers AS t JOIN campaigns AS c ON c.id = t.campaign_id WHERE c.metadata -> 'number' = '1'),
	ARRAY['CLOSE_CAMPAIGN PENDING', 'EXPIRE_CAMPAIGN PENDING'], 'the campaign whose timers were deleted has the timers of its new state');
SELECT is(pg_temp.rows_written(), 'log 2, executions 1, metrics 2',
	'a deleted timer leaves a log row and no execution');
DELETE FROM campaigns;
SELECT pg_temp.add_campaigns(1);
SELECT is(pg_temp.run_timers(), 1::bigint, 'one timer is attempted in a batch whose only timer is deleted');
SELECT is((SELECT array_agg(t.timer_type || ' ' || t.status ORDER BY t.timer_type) FROM campaign_timers AS t), ARRAY['CLOSE_CAMPAIGN PENDING', 'EXPIRE_CAMPAIGN PENDING'],
	'the only campaign of the batch has the timers of its new state');
ROLLBACK TO attached;

CREATE FUNCTION own.again() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	DELETE FROM campaign_timers WHERE id = NEW.id AND NEW.payload ? 'die';
	RETURN NULL;
END
$$;
CREATE TRIGGER again AFTER UPDATE ON campaign_timers FOR EACH ROW WHEN (NEW.status = 'COMPLETED') EXECUTE FUNCTION own.again();
SELECT pg_temp.add_campaigns(2);
UPDATE campaign_timers SET payload = payload || '{"die": true}' WHERE timer_type = 'START_CAMPAIGN' AND campaign_id = (SELECT id FROM campaigns WHERE metadata -> 'number' = '2');
SELECT is(pg_temp.run_timers(), 2::bigint, 'two timers are attempted while an AFTER ROW trigger deletes one of them');
SELECT is(pg_temp.states(), ARRAY['RUNNING COMPLETED', 'CREATED FAILED'],
	'the timer that was deleted after its update is FAILED, and no other');
SELECT matches((pg_temp.attempt_errors())[1], '^23503: insert or update on table "timer_executions" violates foreign key constraint "timer_executions_timer_id_fkey"$',
	'its execution has the error of the foreign key of timer_executions');
ROLLBACK TO attached;

CREATE FUNCTION own.again() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	DELETE FROM campaigns WHERE id = NEW.id AND NEW.metadata -> 'number' = '2';
	RETURN NULL;
END
$$;
CREATE TRIGGER again AFTER UPDATE OF status ON campaigns FOR EACH ROW EXECUTE FUNCTION own.again();
SELECT pg_temp.add_campaigns(3);
SELECT is(pg_temp.run_timers(), 3::bigint,
	'three timers are attempted while an AFTER ROW trigger deletes one campaign');
SELECT is(pg_temp.states(), ARRAY['RUNNING COMPLETED', 'CREATED FAILED', 'RUNNING COMPLETED'],
	'the timer whose campaign was deleted is FAILED, and no other');
SELECT matches((pg_temp.attempt_errors())[1], '^23503: insert or update on table "campaign_state_log_',
	'its execution has the error of the foreign key of campaign_state_log');
ROLLBACK TO attached;

-- A trigger that rolls a subtransaction back in the midst of the writing.
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
SELECT pg_temp.add_campaigns(3);
SELECT own.take_seen();
SELECT is(pg_temp.run_timers(), 3::bigint,
	'three timers are attempted while triggers roll back subtransactions of their own');
SELECT is(pg_temp.states(), ARRAY['RUNNING COMPLETED', 'RUNNING COMPLETED', 'RUNNING COMPLETED'],
	'campaigns have moved in spite of the subtransactions rolled back');
SELECT is(pg_temp.rows_written(), 'log 3, executions 3, metrics 6',
	'the history is complete in spite of the subtransactions rolled back');
SELECT is(own.take_seen(), NULL, 'nothing of the subtransactions rolled back is left');
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
SELECT pg_temp.add_campaigns(3);
SELECT own.take_seen();
SELECT is(pg_temp.run_timers(), 3::bigint, 'three timers are attempted with transition tables on every table');
SELECT is(own.take_seen(), ARRAY['campaign_state_log: 3 of RUNNING', 'campaigns: 3 CREATED to RUNNING', 'campaign_timers: 3 PENDING to COMPLETED', 'timer_executions: 3 of COMPLETED',
	'campaign_metrics: 6 of STATE_TRANSITION_TIME, TIMER_EXECUTION_TIME'], 'each statement trigger fires once, and its transition table has all rows');
SELECT is((SELECT array_agg(status) FROM campaigns), ARRAY['RUNNING', 'RUNNING', 'RUNNING']::varchar[],
	'campaigns move under statement triggers');
ROLLBACK TO attached;

-- Triggers of several kinds in the list of triggers: each calls its own function.
CREATE FUNCTION own.other() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	INSERT INTO own.seen (what) VALUES ('other ' || TG_NAME);
	RETURN NULL;
END
$$;
CREATE TRIGGER a BEFORE INSERT ON campaign_metrics FOR EACH STATEMENT EXECUTE FUNCTION own.record();
CREATE TRIGGER b AFTER INSERT ON campaign_metrics FOR EACH ROW EXECUTE FUNCTION own.other();
CREATE TRIGGER c AFTER INSERT ON campaign_metrics FOR EACH STATEMENT EXECUTE FUNCTION own.record();
CREATE TRIGGER d AFTER INSERT ON campaign_metrics FOR EACH ROW EXECUTE FUNCTION own.other();
CREATE TRIGGER a BEFORE INSERT ON timer_executions FOR EACH STATEMENT EXECUTE FUNCTION own.record();
CREATE TRIGGER b AFTER INSERT ON timer_executions FOR EACH ROW EXECUTE FUNCTION own.other();
CREATE TRIGGER a BEFORE INSERT ON campaign_state_log FOR EACH STATEMENT EXECUTE FUNCTION own.record();
CREATE TRIGGER b AFTER INSERT ON campaign_state_log FOR EACH ROW EXECUTE FUNCTION own.other();
SELECT pg_temp.add_campaigns(1);
SELECT own.take_seen();
SELECT is(pg_temp.run_timers(), 1::bigint, 'one timer is attempted with triggers of several kinds on one table');
SELECT is(own.take_seen(), ARRAY['a BEFORE INSERT campaign_state_log', 'other b', 'a BEFORE INSERT timer_executions', 'other b',
	'a BEFORE INSERT campaign_metrics', 'other b', 'other d', 'other b', 'other d', 'c AFTER INSERT campaign_metrics'], 'each trigger calls its own function, in the order of its kind and name');
ROLLBACK TO attached;

-- UPDATE OF triggers.
CREATE TRIGGER of_status BEFORE UPDATE OF status ON campaigns FOR EACH ROW EXECUTE FUNCTION own.record();
CREATE TRIGGER of_start BEFORE UPDATE OF start_time ON campaigns FOR EACH ROW EXECUTE FUNCTION own.record();
CREATE TRIGGER of_metadata BEFORE UPDATE OF metadata ON campaigns FOR EACH ROW EXECUTE FUNCTION own.record();
CREATE TRIGGER of_status AFTER UPDATE OF status ON campaign_timers FOR EACH STATEMENT EXECUTE FUNCTION own.record();
CREATE TRIGGER of_executed AFTER UPDATE OF executed_at ON campaign_timers FOR EACH ROW EXECUTE FUNCTION own.record();
CREATE TRIGGER of_payload AFTER UPDATE OF payload, scheduled_at ON campaign_timers FOR EACH STATEMENT EXECUTE FUNCTION own.record();
SELECT pg_temp.add_campaigns(1);
SELECT own.take_seen();
SELECT is(pg_temp.run_timers(), 1::bigint, 'one timer is attempted with UPDATE OF triggers');
SELECT is(own.take_seen(), ARRAY['of_status BEFORE UPDATE campaigns', 'of_executed AFTER UPDATE campaign_timers', 'of_status AFTER UPDATE campaign_timers'],
	'UPDATE OF triggers fire for the columns that are set');
DELETE FROM campaigns;
SELECT create_campaign(24, NULL) AS c \gset
SELECT schedule_timer(:'c', 'START_CAMPAIGN', now());
SELECT own.take_seen();
SELECT is(pg_temp.run_timers(), 1::bigint, 'one timer starts a campaign without a start_time');
SELECT is(own.take_seen(), ARRAY['of_start BEFORE UPDATE campaigns', 'of_status BEFORE UPDATE campaigns', 'of_executed AFTER UPDATE campaign_timers', 'of_status AFTER UPDATE campaign_timers'],
	'an UPDATE OF start_time trigger fires for it');
ROLLBACK TO attached;

-- Deferred constraint triggers.
SELECT coalesce(max(inhrelid::regclass::text) FILTER (WHERE inhrelid::regclass::text = 'campaign_state_log_' || to_char(now() AT TIME ZONE 'UTC', '"y"YYYY"m"MM')), 'campaign_state_log_default') AS month
FROM pg_inherits WHERE inhparent = 'campaign_state_log'::regclass \gset
CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON campaigns DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION own.record();
CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON campaign_timers DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION own.record();
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON campaign_state_log DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION own.record();
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON timer_executions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION own.record();
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON campaign_metrics DEFERRABLE INITIALLY IMMEDIATE FOR EACH ROW EXECUTE FUNCTION own.record();
SELECT pg_temp.add_campaigns(1);
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
SELECT own.take_seen();
SELECT is(pg_temp.run_timers(), 1::bigint, 'one timer is attempted with constraint triggers');
SELECT is(own.take_seen(), NULL, 'deferred constraint triggers have not fired after the batch');
SET CONSTRAINTS ALL IMMEDIATE;
SELECT is(own.take_seen(), ARRAY['late AFTER UPDATE campaigns', 'late AFTER INSERT ' || :'month', 'late AFTER UPDATE campaign_timers', 'late AFTER INSERT timer_executions',
	'late AFTER INSERT campaign_metrics', 'late AFTER INSERT campaign_metrics'], 'deferred constraint triggers fire when constraints are due, in the order of the writing');
ROLLBACK TO attached;

---- Tables that a trigger rewrites during the batch, with other rows under the tids that the batch knows.

CREATE FUNCTION own.rewrite() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	CLUSTER campaigns USING campaigns_pkey;
	RETURN NULL;
END
$$;
CREATE FUNCTION pg_temp.number(n integer) RETURNS uuid LANGUAGE sql AS $$
	SELECT format('00000000-0000-4000-8000-%s', lpad(n::text, 12, '0'))::uuid
$$;
SELECT pg_temp.add_campaigns(1000);
DELETE FROM campaigns;
SELECT create_campaign(24, now(), id => pg_temp.number(20 - g.n)) FROM generate_series(1, 10) AS g (n);
SELECT pg_temp.run_timers();
SELECT create_campaign(24, now(), id => pg_temp.number(g.n)) FROM generate_series(1, 9) AS g (n);
UPDATE campaign_timers SET scheduled_at = now() WHERE timer_type = 'CLOSE_CAMPAIGN' AND campaign_id >= pg_temp.number(10);
CREATE TRIGGER rewrite AFTER UPDATE ON campaign_timers FOR EACH STATEMENT EXECUTE FUNCTION own.rewrite();
SELECT is(pg_temp.run_timers(), 19::bigint, '19 timers are attempted while a trigger on timers rewrites campaigns');
SELECT is(pg_temp.attempt_errors(), NULL, 'no attempt fails when campaigns are rewritten during the batch');
SELECT results_eq($$
	SELECT c.status::text, t.timer_type::text, count(*)
	FROM campaigns AS c JOIN campaign_timers AS t ON t.campaign_id = c.id AND t.status = 'PENDING'
	GROUP BY 1, 2 ORDER BY 1, 2$$,
	$$VALUES ('CLOSED', 'EXPIRE_CAMPAIGN', 10::bigint), ('CLOSED', 'REWARD_REMINDER', 10), ('RUNNING', 'CLOSE_CAMPAIGN', 9), ('RUNNING', 'EXPIRE_CAMPAIGN', 9)$$,
	'each campaign that was rewritten has the timers of its own state');
ROLLBACK TO attached;

CREATE FUNCTION own.rewrite() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	CLUSTER campaign_timers USING campaign_timers_pkey;
	RETURN NULL;
END
$$;
CREATE TRIGGER rewrite AFTER UPDATE ON campaigns FOR EACH STATEMENT EXECUTE FUNCTION own.rewrite();
SELECT pg_temp.add_campaigns(1000);
DELETE FROM campaigns;
SELECT pg_temp.add_campaigns(3);
SELECT is(pg_temp.run_timers(), 3::bigint, 'three timers are attempted while a trigger on campaigns rewrites timers');
SELECT is(pg_temp.states(), ARRAY['RUNNING COMPLETED', 'RUNNING COMPLETED', 'RUNNING COMPLETED'],
	'timers that were rewritten during the batch are COMPLETED');
SELECT is(pg_temp.rows_written(), 'log 3, executions 3, metrics 6',
	'the history is complete after the timers were rewritten');
ROLLBACK TO attached;

SELECT * FROM finish();
ROLLBACK;
