-- A partition is as accessible as its parent. pg_dump reads each partition by name, with the privileges of its caller.
-- So a role that may read the log but not its newest month cannot make a backup.

CREATE FUNCTION campaign_lifecycle_internal._table_grants(table_name regclass)
	RETURNS TABLE (grantee text, privilege text, column_name name, with_grant_option boolean)
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END, g.privilege, g.column_name,
		bool_or(g.is_grantable)
	FROM (
		SELECT a.grantee, a.privilege_type AS privilege, NULL::name AS column_name, a.is_grantable, c.relowner
		FROM pg_class AS c
		CROSS JOIN LATERAL aclexplode(c.relacl) AS a
		WHERE c.oid = table_name
		UNION ALL
		SELECT a.grantee, a.privilege_type, t.attname, a.is_grantable, c.relowner
		FROM pg_class AS c
		JOIN pg_attribute AS t ON t.attrelid = c.oid AND t.attnum > 0 AND NOT t.attisdropped
		CROSS JOIN LATERAL aclexplode(t.attacl) AS a
		WHERE c.oid = table_name) AS g
	WHERE g.grantee <> g.relowner
		-- A privilege of a role that was dropped by force says nothing.
		AND (g.grantee = 0 OR EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = g.grantee))
	GROUP BY g.grantee, g.privilege, g.column_name
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._table_grants(regclass) IS
	'The privileges of others than its owner on a table, or on a column.';

CREATE FUNCTION campaign_lifecycle_internal._copy_grants(parent regclass, part regclass, former regclass DEFAULT NULL)
	RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	change text;
BEGIN
	FOR change IN
		SELECT format('REVOKE %s%s ON TABLE %s FROM %s CASCADE', f.privilege, ' (' || quote_ident(f.column_name) || ')', part,
			f.grantee)
		FROM campaign_lifecycle_internal._table_grants(former) AS f
		WHERE NOT EXISTS (SELECT FROM campaign_lifecycle_internal._table_grants(parent) AS p
			WHERE (p.grantee, p.privilege) = (f.grantee, f.privilege) AND p.column_name IS NOT DISTINCT FROM f.column_name)
		UNION ALL
		SELECT format('GRANT %s%s ON TABLE %s TO %s%s', p.privilege, ' (' || quote_ident(p.column_name) || ')', part,
			p.grantee, CASE WHEN p.with_grant_option THEN ' WITH GRANT OPTION' END)
		FROM campaign_lifecycle_internal._table_grants(parent) AS p
		WHERE NOT EXISTS (SELECT FROM campaign_lifecycle_internal._table_grants(part) AS h
			WHERE (h.grantee, h.privilege) = (p.grantee, p.privilege) AND h.column_name IS NOT DISTINCT FROM p.column_name
				AND (h.with_grant_option OR NOT p.with_grant_option))
		UNION ALL
		-- Policies of the parent hold for what goes through the parent. A role with a privilege on the partition must not
		-- read there what they hide.
		SELECT format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', part)
		FROM pg_class AS c
		WHERE c.oid = parent AND c.relrowsecurity
			AND NOT EXISTS (SELECT FROM pg_class AS h WHERE h.oid = part AND h.relrowsecurity)
	LOOP
		EXECUTE change;
	END LOOP;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._copy_grants(regclass, regclass, regclass) IS
	'Gives a partition the grants of its parent, those on columns too. former: the table that it was a partition of, '
	'whose other grants are taken from it. Where the parent has row-level security, the partition gets it too.';

CREATE FUNCTION campaign_lifecycle_internal._copy_readers(known regclass, added regclass) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	reader record;
BEGIN
	FOR reader IN
		SELECT g.grantee FROM campaign_lifecycle_internal._table_grants(known) AS g
		WHERE g.privilege = 'SELECT' AND g.column_name IS NULL
		ORDER BY g.grantee
	LOOP
		EXECUTE format('GRANT SELECT ON TABLE %s TO %s', added, reader.grantee);
	END LOOP;
	IF (SELECT c.relrowsecurity FROM pg_class AS c WHERE c.oid = known) THEN
		EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', added);
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._copy_readers(regclass, regclass) IS
	'Lets the roles that may read a table read one that an update has added. Where the first has row-level security, the '
	'second gets it too, and shows nothing until it has a policy.';
