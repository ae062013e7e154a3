-- Levels of access on the router: which functions and views each may use. They are those of campaign_lifecycle. On a
-- node a call may do what the user may as whom it connects there.

CREATE FUNCTION campaign_router_internal._access_functions(access text) RETURNS SETOF regprocedure
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT p.oid::regprocedure
	FROM (VALUES
@levels@
		('reader', '{campaign_health,campaign_home,get_campaign,new_campaign_id}'),
		('writer', '{create_campaigns}')) AS l (access, names)
	JOIN pg_proc AS p ON p.proname = ANY (l.names::name[]) AND p.pronamespace = '@extschema@'::regnamespace
	JOIN pg_depend AS d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
	JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'campaign_lifecycle_router'
	WHERE l.access = $1 OR (l.access = 'reader' AND $1 IN ('writer', 'operator'))
	UNION
	-- The functions of the views, because the server asks the user of a view for them.
	SELECT p.oid::regprocedure
	FROM pg_proc AS p
	WHERE p.pronamespace = 'campaign_router_internal'::regnamespace
		AND (p.proname = '_campaign_nodes' OR p.proname LIKE '\_all\_%')
$$;
COMMENT ON FUNCTION campaign_router_internal._access_functions(text) IS
	'The functions that a level of access may execute: reader, writer or operator.';

CREATE FUNCTION campaign_router_internal._access_views() RETURNS SETOF regclass
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT c.oid::regclass
	FROM pg_class AS c
	JOIN pg_depend AS d ON d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e'
	JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'campaign_lifecycle_router'
	WHERE c.relkind = 'v' AND c.relnamespace = '@extschema@'::regnamespace
$$;
COMMENT ON FUNCTION campaign_router_internal._access_views() IS 'The views of the router.';

CREATE FUNCTION campaign_router_internal._check_access_change(role regrole) RETURNS void
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	keeper constant oid := (SELECT e.extowner FROM pg_extension AS e WHERE e.extname = 'campaign_lifecycle_router');
BEGIN
	IF role IS NULL THEN
		RAISE EXCEPTION 'role must not be null' USING ERRCODE = 'null_value_not_allowed',
			HINT = 'Give the name of a role, for instance ''app''.';
	ELSIF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = role) THEN
		RAISE EXCEPTION 'role does not exist: %', role
			USING ERRCODE = 'undefined_object', HINT = 'Give the name of a role; nothing can be granted to PUBLIC.';
	ELSIF NOT pg_has_role(keeper, 'USAGE') THEN
		RAISE EXCEPTION 'permission denied to change who may use campaigns'
			USING ERRCODE = 'insufficient_privilege', HINT = format('Call it as a superuser, or with the rights of %s.',
				keeper::regrole);
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_router_internal._check_access_change(regrole) IS
	'Raises 22004 for NULL, 42704 for no role, 42501 unless the caller has the rights of the owner of the extension.';

CREATE FUNCTION @extschema@.grant_campaign_access(role regrole, access text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	item record;
BEGIN
	PERFORM campaign_router_internal._check_access_change(role);
	IF access IS NULL OR access NOT IN ('reader', 'writer', 'operator') THEN
		RAISE EXCEPTION 'unknown access level: %', coalesce(left(access, 100), 'NULL')
			USING ERRCODE = CASE WHEN access IS NULL THEN 'null_value_not_allowed' ELSE 'invalid_parameter_value' END,
				HINT = 'Levels are reader, writer and operator.';
	END IF;
	EXECUTE format('GRANT USAGE ON SCHEMA %s, campaign_router_internal TO %s', '@extschema@'::regnamespace, role);
	FOR item IN SELECT f.routine FROM campaign_router_internal._access_functions(access) AS f (routine) LOOP
		EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', item.routine, role);
	END LOOP;
	FOR item IN SELECT v.view FROM campaign_router_internal._access_views() AS v (view) LOOP
		EXECUTE format('GRANT SELECT ON TABLE %s TO %s', item.view, role);
	END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.grant_campaign_access(regrole, text) IS
	'Gives a role access on this router: reader, writer or operator, as grant_campaign_access() of campaign_lifecycle has '
	'them. Each node gives access by itself to the user as whom the role connects there. Errors: 22004, 22023 for another '
	'level, 42704; 42501 unless called with the rights of the owner of the extension. Since 1.2.';

CREATE FUNCTION @extschema@.revoke_campaign_access(role regrole) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	item record;
BEGIN
	PERFORM campaign_router_internal._check_access_change(role);
	FOR item IN
		SELECT p.oid::regprocedure AS routine
		FROM pg_proc AS p
		JOIN pg_depend AS d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
		JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'campaign_lifecycle_router'
		WHERE p.proowner <> role AND EXISTS (SELECT FROM aclexplode(p.proacl) AS a WHERE a.grantee = role)
	LOOP
		EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %s', item.routine, role);
	END LOOP;
	FOR item IN SELECT v.view FROM campaign_router_internal._access_views() AS v (view) LOOP
		EXECUTE format('REVOKE ALL ON TABLE %s FROM %s', item.view, role);
	END LOOP;
	EXECUTE format('REVOKE ALL ON SCHEMA %s, campaign_router_internal FROM %s', '@extschema@'::regnamespace, role);
END
$$;
COMMENT ON FUNCTION @extschema@.revoke_campaign_access(regrole) IS
	'Takes from a role what grant_campaign_access() granted it on this router. Errors: 22004, 42501, 42704. Since 1.2.';
