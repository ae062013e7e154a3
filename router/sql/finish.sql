-- Contents for dumps, and no function for PUBLIC. The script makes no rows, so that a restore brings the map as it was.

SELECT pg_catalog.pg_extension_config_dump('campaign_router_internal.nodes', '');
SELECT pg_catalog.pg_extension_config_dump('campaign_router_internal.map_version', '');
SELECT pg_catalog.pg_extension_config_dump('campaign_router_internal.slots', '');
SELECT pg_catalog.pg_extension_config_dump('campaign_router_internal.options', '');

DO $revoke$
DECLARE
	member regprocedure;
BEGIN
	FOR member IN
		SELECT d.objid::regprocedure
		FROM pg_depend AS d
		JOIN pg_extension AS e ON e.oid = d.refobjid
		WHERE d.refclassid = 'pg_extension'::regclass AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
			AND e.extname = 'campaign_lifecycle_router'
	LOOP
		EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', member);
	END LOOP;
END
$revoke$;
