-- Take every function from PUBLIC, so that only the owner may call one until it is granted.

DO $revoke$
DECLARE
	member regprocedure;
BEGIN
	FOR member IN
		SELECT d.objid::regprocedure
		FROM pg_catalog.pg_depend AS d
		JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
		JOIN pg_catalog.pg_proc AS p ON p.oid = d.objid
		WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
			AND d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
			AND d.deptype = 'e' AND e.extname = 'campaign_lifecycle'
			-- Only where PUBLIC has any. A change made here makes every grant on that function a part of the extension, and
			-- pg_dump would leave it out.
			AND EXISTS (SELECT FROM pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) AS a
				WHERE a.grantee = 0)
	LOOP
		EXECUTE pg_catalog.format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', member);
	END LOOP;
END
$revoke$;
