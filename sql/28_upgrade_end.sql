END IF;
PERFORM @extschema@._install_campaign_triggers();
UPDATE @extschema@.campaign_tables_version AS v SET version = wanted WHERE v.version IS DISTINCT FROM wanted;
END
$upgrade$;
COMMENT ON FUNCTION @extschema@._bring_up_campaign_tables() IS 'upgrade_campaign_tables() as the owner of the tables.';

-- Triggers that others have put on the tables run as whoever writes them: not as the superuser who updates the extension.
CREATE FUNCTION @extschema@.upgrade_campaign_tables() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL OR to_regclass('@extschema@.campaign_tables_version') IS NULL THEN
		RAISE EXCEPTION 'the campaign tables are missing'
			USING ERRCODE = 'undefined_table', HINT = 'install_campaign_tables() makes them.';
	END IF;
	-- Before any table, as the worker does: none is at work from here on.
	ALTER FUNCTION @extschema@._uuid_v7() NO DEPENDS ON EXTENSION campaign_lifecycle;
	IF @extschema@._is_campaign_owner() THEN
		PERFORM @extschema@._bring_up_campaign_tables();
	ELSE
		PERFORM @extschema@._grant_campaign_owner();
		PERFORM @extschema@._upkeep_as_owner('upgrade_campaign_tables', NULL::timestamptz, NULL::interval, NULL::bigint);
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.upgrade_campaign_tables() IS
	'Brings tables of an earlier version, restored or adopted, up to this one; timers stay paused until then. Does nothing to tables that are. May be run any number of times. Errors: 42P01 without tables, 55000 for tables of a later version. Since 1.1.';
