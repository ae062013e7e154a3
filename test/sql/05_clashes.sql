-- A schema that already holds an application's own objects: an error that says which, a hint where to go, and nothing changed. Nothing is ever replaced.
CREATE DATABASE campaigns_of_another;
\c campaigns_of_another
\set SHOW_CONTEXT never
CREATE FUNCTION shape() RETURNS text LANGUAGE sql AS $$
	SELECT (SELECT string_agg(relname, ' ' ORDER BY relname COLLATE "C") FROM pg_class WHERE relnamespace = 'public'::regnamespace)
		|| ' | ' || (SELECT string_agg(proname || ':' || md5(prosrc), ' ' ORDER BY proname COLLATE "C") FROM pg_proc WHERE pronamespace = 'public'::regnamespace)
		|| ' | ' || coalesce((SELECT string_agg(extname, ' ') FROM pg_extension WHERE extname LIKE 'campaign%'), 'no extension')
$$;

-- An application's table of that name
CREATE TABLE campaigns (id serial PRIMARY KEY, title text);
INSERT INTO campaigns (title) VALUES ('mine');
SELECT shape() AS before \gset
CREATE EXTENSION campaign_lifecycle;
\echo :LAST_ERROR_SQLSTATE
SELECT shape() = :'before' AS unchanged, (SELECT title FROM campaigns) AS title;

-- A view, a sequence or a materialized view of that name
ALTER TABLE campaigns RENAME TO my_campaigns;
CREATE VIEW timer_executions AS SELECT 1 AS one;
CREATE EXTENSION campaign_lifecycle;
\echo :LAST_ERROR_SQLSTATE
DROP VIEW timer_executions;
CREATE SEQUENCE campaign_metrics;
CREATE EXTENSION campaign_lifecycle;
DROP SEQUENCE campaign_metrics;

-- Its function update_updated_at_column, which half the world has
CREATE FUNCTION update_updated_at_column() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at = now(); RETURN NEW; END $$;
SELECT shape() AS before \gset
CREATE EXTENSION campaign_lifecycle;
\echo :LAST_ERROR_SQLSTATE
SELECT shape() = :'before' AS unchanged;
-- One with arguments as well: the name is what a reader would mistake.
DROP FUNCTION update_updated_at_column();
CREATE FUNCTION create_campaign(title text) RETURNS void LANGUAGE sql AS '';
CREATE EXTENSION campaign_lifecycle;

-- The hint's way: a schema of its own, beside all that.
CREATE FUNCTION update_updated_at_column() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
ALTER TABLE my_campaigns RENAME TO campaigns;
CREATE SCHEMA lifecycle;
CREATE EXTENSION campaign_lifecycle SCHEMA lifecycle;
SELECT count(*) AS ours FROM lifecycle.campaigns;
SELECT title AS theirs FROM public.campaigns;
DROP EXTENSION campaign_lifecycle;
SET client_min_messages = warning;
DROP SCHEMA lifecycle CASCADE;
RESET client_min_messages;

-- In a schema that must be quoted the clash is found as well.
CREATE SCHEMA "My Schema";
CREATE TABLE "My Schema".campaign_timers (id integer);
CREATE EXTENSION campaign_lifecycle SCHEMA "My Schema";

\c contrib_regression
DROP DATABASE campaigns_of_another;
