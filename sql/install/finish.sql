-- Make the tables and activate this database: the last step of CREATE EXTENSION.
--
-- A script of pg_dump sets row_security to off and brings the tables itself. Then the script makes none, and the
-- database stays paused.

DO $install$
BEGIN
	IF pg_catalog.current_setting('row_security')::pg_catalog.bool THEN
		PERFORM @extschema@.install_campaign_tables();
		INSERT INTO @extschema@.campaign_activation (database_oid)
			SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database();
		INSERT INTO @extschema@.campaign_clean_run (since) VALUES (pg_catalog.now());
	ELSE
		RAISE NOTICE 'campaign_lifecycle made no tables, since row_security is off as in a restore of a dump'
			USING HINT = 'If this is no restore, call install_campaign_tables() and resume_timers().';
	END IF;
	IF pg_catalog.strpos(pg_catalog.current_setting('shared_preload_libraries'), 'campaign_lifecycle') = 0 THEN
		RAISE WARNING 'campaign_lifecycle is not in shared_preload_libraries: no worker executes timers'
			USING HINT = 'Add it to shared_preload_libraries and restart the server, or call run_due_timers() regularly, for '
				'instance from pg_cron.';
	END IF;
END
$install$;
