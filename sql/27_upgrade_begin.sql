-- Tables of an earlier version: those of an ALTER EXTENSION UPDATE, of a dump that an older version made, or left by DROP EXTENSION. Each step brings them
-- one version on, with the same text that a new installation runs.
CREATE FUNCTION @extschema@._bring_up_campaign_tables() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $upgrade$
DECLARE
	wanted constant text := (SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'campaign_lifecycle');
	present text;
BEGIN
SELECT v.version INTO present FROM @extschema@.campaign_tables_version AS v FOR UPDATE;
IF present IS DISTINCT FROM wanted AND present IS DISTINCT FROM '1.0' THEN
	RAISE EXCEPTION 'campaign tables of version % cannot be brought to version %', coalesce(present, 'unknown'), wanted
		USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Install a version of campaign_lifecycle that is not older than the tables.';
END IF;
IF present = '1.0' THEN
DROP VIEW @extschema@._runnable_timers;
