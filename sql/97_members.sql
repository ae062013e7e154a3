-- The end of every script: nobody but the owner may call anything until it is granted, and the relations that were made are the user's from here on.

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

DO $release$
DECLARE
	relation record;
BEGIN
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
END
$release$;
