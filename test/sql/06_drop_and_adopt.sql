-- DROP EXTENSION needs no CASCADE, takes the triggers with it and leaves the data; CREATE EXTENSION adopts the tables it finds, when they are its own.
CREATE DATABASE campaigns_left_behind;
\c campaigns_left_behind
\set SHOW_CONTEXT never
CREATE EXTENSION campaign_lifecycle;
SELECT create_campaign(24, '2100-01-01 09:00+00', id => '11111111-1111-4111-8111-111111111111');
SELECT transition_campaign('11111111-1111-4111-8111-111111111111', 'RUNNING');
-- Changes that a user has made to the tables stay as well.
ALTER TABLE campaigns ADD COLUMN budget numeric;
CREATE INDEX by_budget ON campaigns (budget);
INSERT INTO campaign_state_transitions (from_state, to_state, timer_type) VALUES ('CREATED', 'EXPIRED', 'EXPIRE_CAMPAIGN');
UPDATE campaign_timer_policies SET delay = '72 hours' WHERE state = 'CLOSED' AND timer_type = 'EXPIRE_CAMPAIGN';

DROP EXTENSION campaign_lifecycle;
SELECT status, budget FROM campaigns;
SELECT from_state, to_state, trigger_event FROM campaign_state_log ORDER BY created_at, id;
SELECT timer_type, status FROM campaign_timers ORDER BY timer_type;
SELECT count(*) AS triggers_left FROM pg_trigger WHERE NOT tgisinternal;
SELECT count(*) AS functions_left FROM pg_proc WHERE pronamespace = 'public'::regnamespace;
-- Without the extension they are plain tables: no check against the machine, no log.
INSERT INTO campaigns (id, status, duration_hours) VALUES ('22222222-2222-4222-8222-222222222222', 'CREATED', 1);
UPDATE campaigns SET status = 'CLOSED' WHERE id = '22222222-2222-4222-8222-222222222222';
SELECT count(*) AS logged FROM campaign_state_log WHERE campaign_id = '22222222-2222-4222-8222-222222222222';
DELETE FROM campaigns WHERE id = '22222222-2222-4222-8222-222222222222';

CREATE EXTENSION campaign_lifecycle;
SELECT count(*) AS campaigns FROM campaigns;
SELECT count(*) AS transitions FROM campaign_state_transitions;
SELECT extract(epoch FROM delay)::integer / 3600 AS hours FROM campaign_timer_policies WHERE state = 'CLOSED' AND timer_type = 'EXPIRE_CAMPAIGN';
SELECT transition_campaign('11111111-1111-4111-8111-111111111111', 'CLOSED') AS came_from;
SELECT from_state, to_state, trigger_event FROM campaign_state_log ORDER BY created_at, id;
SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal AND tgrelid IN ('campaigns'::regclass, 'campaign_timers'::regclass) AND tgname LIKE 'wake%' ORDER BY 1;
UPDATE campaigns SET status = 'CREATED';
-- Any number of times.
DROP EXTENSION campaign_lifecycle;
CREATE EXTENSION campaign_lifecycle;
SELECT count(*) AS campaigns FROM campaigns;
DROP EXTENSION campaign_lifecycle;

-- Tables of a stranger are not taken over: a trigger on them would run as whoever adopts them.
CREATE ROLE campaign_stranger;
ALTER TABLE campaign_timers OWNER TO campaign_stranger;
CREATE EXTENSION campaign_lifecycle;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE campaign_timers OWNER TO CURRENT_USER;

-- Nor tables that are no longer in our shape.
ALTER TABLE campaign_timers RENAME COLUMN retry_count TO tries;
CREATE EXTENSION campaign_lifecycle;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE campaign_timers RENAME COLUMN tries TO retry_count;
ALTER TABLE timer_executions RENAME TO executions;
CREATE EXTENSION campaign_lifecycle;
ALTER TABLE executions RENAME TO timer_executions;
CREATE EXTENSION campaign_lifecycle;

-- An ordinary role may not drop it, nor remove the data.
GRANT EXECUTE ON FUNCTION uninstall_campaign_tables(), campaign_lifecycle_internal._campaign_relations() TO campaign_stranger;
SET ROLE campaign_stranger;
DROP EXTENSION campaign_lifecycle;
SELECT uninstall_campaign_tables();
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;

-- The data is removed by one call only; all of it, or nothing where something of the user's stands on it.
CREATE TABLE campaign_budgets AS SELECT 'mine' AS budget;
CREATE VIEW running AS SELECT id FROM campaigns WHERE status = 'RUNNING';
\set VERBOSITY terse
SELECT uninstall_campaign_tables();
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
SELECT count(*) AS campaigns FROM campaigns;
DROP VIEW running;
SELECT uninstall_campaign_tables();
SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') ORDER BY 1;
SELECT uninstall_campaign_tables();
SELECT run_due_timers();
SELECT check_name, status, value FROM campaign_health() WHERE check_name = 'tables_version';
-- And made anew.
SELECT install_campaign_tables();
SELECT count(*) AS campaigns FROM campaigns;
BEGIN;
SELECT create_campaign(24, now() - interval '1 minute') IS NOT NULL AS made;
SELECT run_due_timers();
COMMIT;
SELECT uninstall_campaign_tables();
DROP EXTENSION campaign_lifecycle;
SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace;

\c contrib_regression
DROP DATABASE campaigns_left_behind;
DROP ROLE campaign_stranger;
