-- Comments on the extension's own tables. An update runs them, too.

COMMENT ON TABLE @extschema@.campaign_activation IS
	'Says that timers are executed in this database: a row with this database''s own oid that is not paused. Dumps do '
	'not carry it and a database made from a template holds a foreign oid, so every copy starts paused. Written by '
	'pause_timers() and resume_timers().';

COMMENT ON TABLE @extschema@.campaign_clean_run IS
	'Holds one row while the server has not crashed. Crash recovery empties it, as it does every unlogged table. Then '
	'the timers that were at work run alone, one by one, so that one that crashes the server is found.';
