-- From 1.0: the functions stand above, as a new installation has them; now the tables, where there are any.
DROP FUNCTION @extschema@._claim_timers(timestamptz, timestamptz, integer, uuid[]);
DROP FUNCTION @extschema@._can_still_apply(text, text);

DO $upgrade$
BEGIN
	IF pg_catalog.to_regclass('@extschema@.campaign_tables_version') IS NOT NULL THEN
		PERFORM @extschema@.upgrade_campaign_tables();
	END IF;
END
$upgrade$;
