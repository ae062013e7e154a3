-- Make the relations that the script has made the user's: ordinary objects, no members of the extension.

DO $release$
DECLARE
	relation record;
BEGIN
	FOR relation IN
		SELECT c.oid::pg_catalog.regclass AS name, CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
			ELSE 'TABLE' END AS kind
		FROM pg_catalog.pg_depend AS d
		JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
		JOIN pg_catalog.pg_class AS c ON c.oid = d.objid
		WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
			AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
			AND d.deptype = 'e' AND e.extname = 'campaign_lifecycle'
			AND c.relname NOT IN (SELECT r.name FROM campaign_lifecycle_internal._campaign_relation_names() AS r
				WHERE r.is_member)
	LOOP
		EXECUTE pg_catalog.format('ALTER EXTENSION campaign_lifecycle DROP %s %s', relation.kind, relation.name);
	END LOOP;
END
$release$;
