-- The last step of CREATE EXTENSION: the tables, the activation of this database, and nothing of it while a dump is restored, which brings the tables
-- itself and starts paused. pg_dump's scripts set row_security to off; that is how they are told.

DO $revoke$
DECLARE
	member regprocedure;
BEGIN
	FOR member IN
		SELECT d.objid::regprocedure
		FROM pg_catalog.pg_depend AS d
		JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
		JOIN pg_catalog.pg_proc AS p ON p.oid = d.objid
		WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
			AND d.deptype = 'e' AND e.extname = 'campaign_lifecycle'
			-- Only where PUBLIC has any: a change made here counts as part of the extension, and with it every grant of the user's on that function, which
			-- pg_dump would then leave out.
			AND EXISTS (SELECT FROM pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) AS a WHERE a.grantee = 0)
	LOOP
		EXECUTE pg_catalog.format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', member);
	END LOOP;
END
$revoke$;

DO $install$
DECLARE
	relation record;
BEGIN
	IF pg_catalog.current_setting('row_security')::pg_catalog.bool THEN
		PERFORM @extschema@.install_campaign_tables();
		INSERT INTO @extschema@.campaign_activation (database_oid)
			SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database();
		INSERT INTO @extschema@.campaign_clean_run (since) VALUES (pg_catalog.now());
		-- Ordinary objects of the user from here on: a dump brings them with the user's columns, indexes and triggers.
		FOR relation IN
			SELECT c.oid::pg_catalog.regclass AS name, CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END AS kind
			FROM pg_catalog.pg_depend AS d
			JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
			JOIN pg_catalog.pg_class AS c ON c.oid = d.objid
			WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
				AND d.deptype = 'e' AND e.extname = 'campaign_lifecycle'
				AND c.relname NOT IN ('campaign_activation', 'campaign_clean_run', 'campaign_workers')
		LOOP
			EXECUTE pg_catalog.format('ALTER EXTENSION campaign_lifecycle DROP %s %s', relation.kind, relation.name);
		END LOOP;
	ELSE
		RAISE NOTICE 'campaign_lifecycle made no tables, since row_security is off as in a restore of a dump'
			USING HINT = 'If this is no restore, call install_campaign_tables() and resume_timers().';
	END IF;
	IF pg_catalog.strpos(pg_catalog.current_setting('shared_preload_libraries'), 'campaign_lifecycle') = 0 THEN
		RAISE WARNING 'campaign_lifecycle is not in shared_preload_libraries: timers do not fire by themselves'
			USING HINT = 'Add it to shared_preload_libraries and restart the server, or call run_due_timers() regularly, for instance from pg_cron.';
	END IF;
END
$install$;
