-- The extension goes into any schema the user names, also one that must be quoted; several in one server, each in a database of its own. Nothing it does
-- depends on the search_path of who does it.
CREATE DATABASE campaigns_of_my_schema;
\c campaigns_of_my_schema
\set SHOW_CONTEXT never
CREATE EXTENSION campaign_lifecycle SCHEMA "My Schema";
CREATE SCHEMA "My Schema";
CREATE EXTENSION campaign_lifecycle SCHEMA "My Schema";
SELECT n.nspname AS schema, count(*) FILTER (WHERE c.relname IN ('campaigns', 'campaign_timers', 'campaign_state_log', 'campaign_metrics', 'timer_executions')) AS tables
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relname LIKE '%campaign%' OR c.relname = 'timer_executions' GROUP BY 1;

BEGIN;
SET LOCAL search_path = '';
SELECT "My Schema".create_campaign(1, pg_catalog.now() + interval '1 hour') AS id \gset
SELECT campaign_lifecycle_internal._run_due_timers(pg_catalog.now() + interval '1 hour', 10) AS starts;
SELECT campaign_lifecycle_internal._run_due_timers(pg_catalog.now() + interval '2 hours', 10) AS closes;
SELECT "My Schema".transition_campaign(:'id', 'REWARD_CLAIM');
SELECT "My Schema".cancel_campaign(:'id', 'over');
SELECT from_state, to_state, trigger_event FROM "My Schema".campaign_state_log ORDER BY created_at, id;
SELECT timer_type, status FROM "My Schema".campaign_timers ORDER BY timer_type, status;
-- The hint names the table where it is.
SELECT "My Schema".create_campaign(1, pg_catalog.now() + interval '1 hour') AS id \gset
SELECT "My Schema".cancel_campaign(:'id');
ROLLBACK;

-- Objects of the same names earlier on the path are not taken for ours.
CREATE TABLE public.campaigns (trap text);
CREATE TABLE public.campaign_timers (trap text);
CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT timestamptz '1970-01-01' $$;
BEGIN;
SET LOCAL search_path = public, "My Schema", pg_catalog;
SELECT create_campaign(1, pg_catalog.now()) AS id \gset
SELECT run_due_timers();
SELECT status FROM "My Schema".campaigns;
ROLLBACK;

-- It does not move afterwards, for its functions name their schema; its data stay where they are.
ALTER EXTENSION campaign_lifecycle SET SCHEMA public;
DROP EXTENSION campaign_lifecycle;
SELECT count(*) AS tables_left FROM pg_tables WHERE schemaname = 'My Schema' AND tablename IN ('campaigns', 'campaign_timers', 'campaign_state_log', 'campaign_metrics', 'timer_executions');
\c contrib_regression
DROP DATABASE campaigns_of_my_schema;
