END IF;
PERFORM @extschema@.upgrade_campaign_tables();
END
$install$;
COMMENT ON FUNCTION @extschema@.install_campaign_tables() IS
	'Makes the campaign tables, their triggers and the views over them, or adopts those that an earlier CREATE EXTENSION left. CREATE EXTENSION calls it; call it yourself where a NOTICE said so. A clash with other objects: 42710; tables of another owner: 42501.';
