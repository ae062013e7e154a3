END IF;
PERFORM @extschema@.upgrade_campaign_tables();
END
$install$;
COMMENT ON FUNCTION @extschema@.install_campaign_tables() IS
	'Makes the campaign tables, their triggers and the views over them, or adopts those that an earlier CREATE EXTENSION left. CREATE EXTENSION calls it; call it yourself where a NOTICE said so. Errors, and then nothing is made: 42P07 where other relations have these names or the tables are not in our shape; 42501 for tables of another owner. Since 1.0.';
