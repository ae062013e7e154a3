-- The extension's own two tables. They are members of the extension, so that no dump carries them.
--
-- campaign_clean_run has no key. It is unlogged, so no publication has it, and the worker reads it without SQL.

CREATE TABLE @extschema@.campaign_activation (
	database_oid oid PRIMARY KEY,
	paused boolean NOT NULL DEFAULT false,
	changed_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	tables_id uuid
);

CREATE UNLOGGED TABLE @extschema@.campaign_clean_run (
	since timestamp with time zone NOT NULL
);
