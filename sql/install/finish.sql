-- Make the tables and activate this database: the last step of CREATE EXTENSION.
--
-- A script of pg_dump sets row_security to off and brings the tables itself. Then the script makes none, and the
-- database stays paused. It also stays paused where the tables are there with rows, which may be those of a copy.

DO $install$
BEGIN
	IF pg_catalog.current_setting('row_security')::pg_catalog.bool THEN
		IF campaign_lifecycle_internal._install_campaign_tables(true) THEN
			RAISE WARNING 'campaign_lifecycle adopted tables with campaigns: timers are paused'
				USING HINT = 'If this is the database that is to work from now on, call resume_timers().';
		ELSE
			PERFORM campaign_lifecycle_internal._make_own();
		END IF;
		INSERT INTO @extschema@.campaign_clean_run (since) VALUES (pg_catalog.now());
	ELSE
		RAISE NOTICE 'campaign_lifecycle made no tables, since row_security is off as in a restore of a dump'
			USING HINT = 'If this is no restore, call install_campaign_tables().';
	END IF;
	IF pg_catalog.strpos(pg_catalog.current_setting('shared_preload_libraries'), 'campaign_lifecycle') = 0 THEN
		RAISE WARNING 'campaign_lifecycle is not in shared_preload_libraries: no worker executes timers'
			USING HINT = 'Add it to shared_preload_libraries and restart the server, or call run_due_timers() regularly, for '
				'instance from pg_cron.';
	END IF;
END
$install$;
