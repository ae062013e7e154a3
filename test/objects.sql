-- Every object of a schema and of the extension, one line each, so that two databases can be compared: down to comments, privileges and what belongs to the
-- extension. \set schema first. Names do not depend on the search_path. Of attribute options, those that the server's own build may put on every column do not count.
SET search_path = pg_catalog;
CREATE FUNCTION pg_temp.acl(acl aclitem[]) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(format('%s=%s%s/%s', CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END, a.privilege_type,
		CASE WHEN a.is_grantable THEN '*' END, a.grantor::regrole), ' ' ORDER BY a.grantee::regrole::text COLLATE "C", a.privilege_type COLLATE "C", a.grantor::regrole::text COLLATE "C"), '')
	FROM aclexplode(acl) AS a $$;
CREATE FUNCTION pg_temp.tied(class regclass, object oid, kind "char") RETURNS text LANGUAGE sql AS $$
	SELECT coalesce((SELECT CASE kind WHEN 'e' THEN 'member' ELSE 'tied' END FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'campaign_lifecycle'
		WHERE d.refclassid = 'pg_extension'::regclass AND d.classid = class AND d.objid = object AND d.deptype = kind LIMIT 1), '') $$;
WITH lines (line) AS (
	SELECT format('extension %s version %s schema %s owner %s relocatable %s config %s comment %s', e.extname, e.extversion, e.extnamespace::regnamespace, e.extowner::regrole,
		e.extrelocatable, e.extconfig, obj_description(e.oid, 'pg_extension'))
	FROM pg_extension AS e WHERE e.extname = 'campaign_lifecycle'
	UNION ALL
	SELECT format('member %s', pg_describe_object(d.classid, d.objid, d.objsubid))
	FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'campaign_lifecycle'
	WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
	UNION ALL
	SELECT format('function %s %s owner %s support %s acl %s initially %s comment %s %s', p.oid::regprocedure, pg_get_functiondef(p.oid), p.proowner::regrole, p.prosupport,
		pg_temp.acl(coalesce(p.proacl, acldefault('f', p.proowner))),
		(SELECT pg_temp.acl(i.initprivs) FROM pg_init_privs AS i WHERE i.classoid = 'pg_proc'::regclass AND i.objoid = p.oid),
		obj_description(p.oid, 'pg_proc'), pg_temp.tied('pg_proc', p.oid, 'e'))
	FROM pg_proc AS p WHERE p.pronamespace IN (quote_ident(:'schema')::regnamespace, 'campaign_lifecycle_internal'::regnamespace) AND p.prokind IN ('f', 'p')
	UNION ALL
	SELECT format('relation %s kind %s persistence %s owner %s acl %s initially %s options %s security %s %s identity %s partition %s by %s bound %s populated %s method %s tablespace %s definition %s comment %s %s%s',
		c.oid::regclass, c.relkind, c.relpersistence, c.relowner::regrole, pg_temp.acl(c.relacl),
		(SELECT pg_temp.acl(i.initprivs) FROM pg_init_privs AS i WHERE i.classoid = 'pg_class'::regclass AND i.objoid = c.oid AND i.objsubid = 0),
		c.reloptions, c.relrowsecurity, c.relforcerowsecurity, c.relreplident, c.relispartition, pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid), c.relispopulated,
		(SELECT m.amname FROM pg_am AS m WHERE m.oid = c.relam), c.reltablespace, CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
		obj_description(c.oid, 'pg_class'), pg_temp.tied('pg_class', c.oid, 'e'), pg_temp.tied('pg_class', c.oid, 'x'))
	FROM pg_class AS c WHERE c.relnamespace = quote_ident(:'schema')::regnamespace AND c.relkind <> 't'
	UNION ALL
	SELECT format('column %s %s %s: %s %s%s default %s generated %s%s storage %s %s statistics %s options %s acl %s inherited %s %s comment %s', c.oid::regclass,
		row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), a.attname, format_type(a.atttypid, a.atttypmod), a.attcollation::regcollation, CASE WHEN a.attnotnull THEN ' NOT NULL' END,
		pg_get_expr(d.adbin, d.adrelid), a.attgenerated, a.attidentity, a.attstorage, a.attcompression, a.attstattarget,
		(SELECT string_agg(o.option, ' ' ORDER BY o.option) FROM unnest(a.attoptions) AS o (option) WHERE o.option NOT LIKE 'pg\_attver=%'),
		pg_temp.acl(a.attacl), a.attislocal, a.attinhcount, col_description(c.oid, a.attnum))
	FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
	WHERE c.relnamespace = quote_ident(:'schema')::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
	UNION ALL
	SELECT format('constraint %s on %s: %s validated %s local %s inherited %s from %s comment %s', k.conname, k.conrelid::regclass, pg_get_constraintdef(k.oid), k.convalidated,
		k.conislocal, k.coninhcount, (SELECT p.conrelid::regclass FROM pg_constraint AS p WHERE p.oid = k.conparentid), obj_description(k.oid, 'pg_constraint'))
	FROM pg_constraint AS k WHERE k.connamespace = quote_ident(:'schema')::regnamespace
	UNION ALL
	SELECT format('index %s parent %s valid %s ready %s clustered %s identity %s: %s comment %s', x.indexrelid::regclass, i.inhparent::regclass, x.indisvalid, x.indisready, x.indisclustered,
		x.indisreplident, pg_get_indexdef(x.indexrelid), obj_description(x.indexrelid, 'pg_class'))
	FROM pg_index AS x JOIN pg_class AS c ON c.oid = x.indrelid AND c.relnamespace = quote_ident(:'schema')::regnamespace AND c.relkind <> 't'
	LEFT JOIN pg_inherits AS i ON i.inhrelid = x.indexrelid
	UNION ALL
	SELECT format('trigger %s on %s: %s enabled %s inherited %s comment %s %s', t.tgname, t.tgrelid::regclass, pg_get_triggerdef(t.oid), t.tgenabled, t.tgparentid <> 0,
		obj_description(t.oid, 'pg_trigger'), pg_temp.tied('pg_trigger', t.oid, 'x'))
	FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid AND c.relnamespace = quote_ident(:'schema')::regnamespace
	WHERE NOT t.tgisinternal
	UNION ALL
	SELECT format('triggers of foreign keys on %s: %s %s', t.tgrelid::regclass, count(*), t.tgenabled)
	FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid AND c.relnamespace = quote_ident(:'schema')::regnamespace
	WHERE t.tgisinternal
	GROUP BY t.tgrelid, t.tgenabled
	UNION ALL
	SELECT format('policy %s on %s: %s %s %s', p.polname, p.polrelid::regclass, p.polcmd, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
	FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid AND c.relnamespace = quote_ident(:'schema')::regnamespace
	UNION ALL
	SELECT format('statistics %s', pg_get_statisticsobjdef(s.oid)) FROM pg_statistic_ext AS s WHERE s.stxnamespace = quote_ident(:'schema')::regnamespace
	UNION ALL
	SELECT format('type %s', t.oid::regtype) FROM pg_type AS t WHERE t.typnamespace = quote_ident(:'schema')::regnamespace AND t.typrelid = 0 AND t.typelem = 0
	UNION ALL
	SELECT format('schema %s owner %s acl %s initially %s comment %s %s', n.nspname, n.nspowner::regrole, pg_temp.acl(n.nspacl),
		(SELECT pg_temp.acl(i.initprivs) FROM pg_init_privs AS i WHERE i.classoid = 'pg_namespace'::regclass AND i.objoid = n.oid),
		CASE WHEN n.nspname <> :'schema' THEN obj_description(n.oid, 'pg_namespace') END, pg_temp.tied('pg_namespace', n.oid, 'e'))
	FROM pg_namespace AS n WHERE n.nspname IN (:'schema', 'campaign_lifecycle_internal'))
SELECT regexp_replace(l.line, '\s+', ' ', 'g') FROM lines AS l ORDER BY l.line COLLATE "C";
