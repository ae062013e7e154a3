-- The extension's own two tables. They are members of the extension, so that no dump carries them.

CREATE TABLE @extschema@.campaign_activation (
	database_oid oid PRIMARY KEY,
	paused boolean NOT NULL DEFAULT false,
	changed_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE @extschema@.campaign_activation IS
	'Says that timers fire in this database: a row with this database''s own oid that is not paused. Dumps do not carry '
	'it and a database made from a template holds a foreign oid, so every copy starts paused. Written by pause_timers() '
	'and resume_timers().';

CREATE UNLOGGED TABLE @extschema@.campaign_clean_run (
	since timestamp with time zone NOT NULL
);
COMMENT ON TABLE @extschema@.campaign_clean_run IS
	'Holds one row while the server has not crashed. Crash recovery empties it, as it does every unlogged table; then '
	'the timers that were due run marked and one by one, so that one that brings the server down is found.';
