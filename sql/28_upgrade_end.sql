END IF;
PERFORM @extschema@._install_campaign_triggers();
UPDATE @extschema@.campaign_tables_version AS v SET version = wanted WHERE v.version IS DISTINCT FROM wanted;
END
$upgrade$;
COMMENT ON FUNCTION @extschema@.upgrade_campaign_tables() IS
	'Brings tables of an earlier version, restored or adopted, up to this one; timers stay paused until then. Does nothing to tables that are. May be run any number of times. Errors: 42P01 without tables, 55000 for tables of a later version. Since 1.1.';
