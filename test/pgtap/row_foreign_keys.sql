-- The promise: foreign keys hold for the rows that a batch writes, although those of the extension are checked without
-- a query: keys of the user's, keys that a trigger changes, deferred and disabled ones, another primary key. A
-- violation is a failed attempt of that timer alone. Each part changes keys, runs START_CAMPAIGN timers and rolls
-- everything back.

BEGIN;
SELECT plan(17);
\ir lib/errors.psql
\ir lib/batches.psql
SELECT pg_temp.add_campaigns(1);
SELECT pg_temp.run_timers();
SELECT is(pg_temp.rows_written(), 'log 1, executions 1, metrics 2',
	'a batch writes one log row, one execution and two metrics with nothing attached');
DELETE FROM campaigns;
SAVEPOINT attached;

---- Foreign keys.

CREATE TABLE own.kinds (kind varchar(50) PRIMARY KEY);
INSERT INTO own.kinds VALUES ('TIMER_EXECUTION_TIME'), ('STATE_TRANSITION_TIME');
ALTER TABLE campaign_metrics ADD CONSTRAINT known_kind FOREIGN KEY (metric_type) REFERENCES own.kinds;
SELECT pg_temp.add_campaigns(2);
SELECT is(pg_temp.run_timers(), 2::bigint, 'two timers are attempted with a foreign key of the user''s');
SELECT is(pg_temp.attempt_errors(), NULL, 'no attempt fails when the foreign key holds');
DELETE FROM campaigns;
DELETE FROM own.kinds WHERE kind = 'STATE_TRANSITION_TIME';
SELECT pg_temp.add_campaigns(1);
SELECT is(pg_temp.run_timers(), 1::bigint, 'one timer is attempted with a foreign key that its metric violates');
SELECT is(pg_temp.attempt_errors(), ARRAY['23503: insert or update on table "campaign_metrics" violates foreign key constraint "known_kind"'],
	'a violated foreign key of the user''s fails the attempt');
ROLLBACK TO attached;

-- A key that a trigger has changed is checked.
CREATE FUNCTION own.redirect() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	IF (SELECT c.metadata -> 'number' = '1' FROM campaigns AS c WHERE c.id = NEW.campaign_id) THEN
		NEW.campaign_id := '99999999-9999-4999-8999-999999999999';
	END IF;
	RETURN NEW;
END
$$;
CREATE TRIGGER redirect BEFORE INSERT ON campaign_metrics FOR EACH ROW EXECUTE FUNCTION own.redirect();
SELECT pg_temp.add_campaigns(2);
SELECT is(pg_temp.run_timers(), 2::bigint,
	'two timers are attempted while a BEFORE ROW trigger changes the key of a metric');
SELECT is(pg_temp.states(), ARRAY['CREATED FAILED', 'RUNNING COMPLETED'],
	'the timer whose metric refers to no campaign is FAILED, and no other');
SELECT is(pg_temp.attempt_errors(), ARRAY['23503: insert or update on table "campaign_metrics" violates foreign key constraint "campaign_metrics_campaign_id_fkey"'],
	'its execution has the error of the foreign key of campaign_metrics');
SELECT is((SELECT count(*) FROM campaign_metrics AS m WHERE NOT EXISTS (SELECT FROM campaigns AS c WHERE c.id = m.campaign_id)), 0::bigint,
	'no metric refers to a campaign that is not there');
ROLLBACK TO attached;

-- The extension's own key, made deferrable. The row that it refers to may come back until the key is due.
ALTER TABLE timer_executions DROP CONSTRAINT timer_executions_timer_id_fkey;
ALTER TABLE timer_executions ADD CONSTRAINT late_key FOREIGN KEY (timer_id) REFERENCES campaign_timers DEFERRABLE INITIALLY DEFERRED;
CREATE FUNCTION own.again() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	DELETE FROM campaign_timers WHERE id = NEW.id;
	RETURN NULL;
END
$$;
CREATE TRIGGER again AFTER UPDATE ON campaign_timers FOR EACH ROW WHEN (NEW.status = 'COMPLETED') EXECUTE FUNCTION own.again();
SELECT pg_temp.add_campaigns(1);
SELECT is(pg_temp.run_timers(), 1::bigint,
	'one timer is attempted with a deferred foreign key while a trigger deletes the timer');
SELECT is(pg_temp.rows_written(), 'log 1, executions 1, metrics 2',
	'the history is written before a deferred foreign key is due');
SELECT matches(pg_temp.deferred_violation(), '^23503: .*"late_key"',
	'the violation is raised when the foreign key is due');
ROLLBACK TO attached;

-- The extension's own key, disabled.
ALTER TABLE timer_executions DISABLE TRIGGER ALL;
CREATE FUNCTION own.again() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	DELETE FROM campaign_timers WHERE id = NEW.id;
	RETURN NULL;
END
$$;
CREATE TRIGGER again AFTER UPDATE ON campaign_timers FOR EACH ROW WHEN (NEW.status = 'COMPLETED') EXECUTE FUNCTION own.again();
SELECT pg_temp.add_campaigns(1);
SELECT is(pg_temp.run_timers(), 1::bigint, 'one timer is attempted with a foreign key whose triggers are disabled');
SELECT is(pg_temp.rows_written(), 'log 1, executions 1, metrics 2',
	'a foreign key whose triggers are disabled checks nothing');
ROLLBACK TO attached;

-- Another primary key. A row that a trigger has updated is found all the same.
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
SELECT is(pg_temp.run_timers(), 1::bigint,
	'one timer is attempted with another primary key of campaigns while a trigger updates the campaign');
SELECT is(pg_temp.attempt_errors(), NULL,
	'a campaign with another primary key is found after a trigger has updated it');
SELECT is(pg_temp.rows_written(), 'log 1, executions 1, metrics 2', 'the history is complete with another primary key');
ROLLBACK TO attached;

SELECT * FROM finish();
ROLLBACK;
