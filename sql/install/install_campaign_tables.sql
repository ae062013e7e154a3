-- Make the tables and the views over them. They are ordinary objects of the user, no members of the extension. CREATE
-- EXTENSION calls this function unless a dump brings the tables. The build replaces the marked line by the files of
-- sql/tables and sql/views that sql/order.mk lists.

CREATE FUNCTION @extschema@.install_campaign_tables() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $install$
BEGIN
	IF to_regclass('@extschema@.campaign_tables_version') IS NOT NULL THEN
		PERFORM campaign_lifecycle_internal._check_campaign_tables();
	ELSE
--@tables
		PERFORM @extschema@.create_monthly_partitions(3, now());
	END IF;
	PERFORM @extschema@.upgrade_campaign_tables();
END
$install$;
COMMENT ON FUNCTION @extschema@.install_campaign_tables() IS
	'Makes the campaign tables, their triggers and the views over them, or adopts those that an earlier CREATE '
	'EXTENSION left. CREATE EXTENSION calls it; call it yourself where a NOTICE said so. Errors, and then nothing is '
	'made: 42P07 where other relations have these names or the tables are not in our shape; 42501 for tables of another '
	'owner. Since 1.0.';
