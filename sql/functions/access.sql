-- Who may do what. PUBLIC may do nothing: install/revoke_public.sql takes every function from it. Three levels are
-- granted to roles. The tables themselves can be given to a plain role, as whom the worker then writes. All of it is
-- ordinary privileges on tables, functions and schemas: \dp, \df+ and \dn+ show them, and pg_dump keeps them.

CREATE FUNCTION campaign_lifecycle_internal._check_access_change(role regrole) RETURNS void
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	keeper oid;
	forbidden oid;
BEGIN
	IF role IS NULL THEN
		RAISE EXCEPTION 'role must not be null' USING ERRCODE = 'null_value_not_allowed',
			HINT = 'Give the name of a role, for instance ''app''.';
	END IF;
	IF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = role) THEN
		RAISE EXCEPTION 'role does not exist: %', role
			USING ERRCODE = 'undefined_object', HINT = 'Give the name of a role; nothing can be granted to PUBLIC.';
	END IF;
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	SELECT e.extowner INTO keeper FROM pg_extension AS e WHERE e.extname = 'campaign_lifecycle';
	SELECT o.owner
	INTO forbidden
	FROM (SELECT keeper UNION SELECT c.relowner FROM campaign_lifecycle_internal._campaign_relations() AS r
		JOIN pg_class AS c ON c.oid = r.relation) AS o (owner)
	WHERE NOT pg_has_role(o.owner, 'USAGE')
	LIMIT 1;
	IF forbidden IS NOT NULL THEN
		RAISE EXCEPTION 'permission denied to change who may use campaigns'
			USING ERRCODE = 'insufficient_privilege', HINT = format('Call it as a superuser, or with the rights of %s.',
				forbidden::regrole);
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._check_access_change(regrole) IS
	'Raises 22004 for NULL, 42704 for no role, 42P01 without tables. Raises 42501 unless the caller has the rights of '
	'the owners of the extension and of the tables.';

CREATE FUNCTION campaign_lifecycle_internal._campaign_sequences()
	RETURNS TABLE (sequence regclass, table_name name, owner oid)
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT s.oid::regclass, c.relname, s.relowner
	FROM campaign_lifecycle_internal._campaign_relations() AS r
	JOIN pg_class AS c ON c.oid = r.relation
	JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.refobjsubid > 0
		AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
	JOIN pg_class AS s ON s.oid = d.objid AND s.relkind = 'S'
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._campaign_sequences() IS
	'The sequences of serial and identity columns that users have added to the tables.';

CREATE FUNCTION @extschema@.grant_campaign_access(role regrole, access text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	item record;
BEGIN
	PERFORM campaign_lifecycle_internal._lock_access();
	PERFORM campaign_lifecycle_internal._check_access_change(role);
	IF access IS NULL OR access NOT IN ('reader', 'writer', 'operator') THEN
		RAISE EXCEPTION 'unknown access level: %', coalesce(left(access, 100), 'NULL')
			USING ERRCODE = CASE WHEN access IS NULL THEN 'null_value_not_allowed' ELSE 'invalid_parameter_value' END,
				HINT = 'Levels are reader, writer and operator.';
	END IF;
	EXECUTE format('GRANT USAGE ON SCHEMA %s, campaign_lifecycle_internal TO %s', '@extschema@'::regnamespace, role);
	FOR item IN SELECT f.routine FROM campaign_lifecycle_internal._campaign_functions(access) AS f (routine) LOOP
		EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %s', item.routine, role);
	END LOOP;
	-- The owner has every privilege on a table. With a grant to the owner, a REVOKE could take privileges away.
	FOR item IN
		SELECT r.relation FROM campaign_lifecycle_internal._campaign_relations() AS r JOIN pg_class AS c ON c.oid = r.relation
			WHERE c.relowner <> role
	LOOP
		EXECUTE format('GRANT SELECT ON TABLE %s TO %s', item.relation, role);
	END LOOP;
	-- pg_dump reads sequences, and an INSERT takes a number from the default of a column.
	FOR item IN
		SELECT s.sequence, string_agg(g.privilege, ', ') AS privileges
		FROM campaign_lifecycle_internal._campaign_sequences() AS s
		CROSS JOIN (VALUES
			('SELECT', NULL::text, NULL::name[]),
			('USAGE', 'writer', '{campaigns,campaign_timers,campaign_metrics}'),
			('USAGE', 'operator', '{campaign_timer_handlers,campaign_backfills}')) AS g (privilege, access, tables)
		WHERE s.owner <> role AND (g.access IS NULL OR (g.access = access AND s.table_name = ANY (g.tables)))
		GROUP BY s.sequence
	LOOP
		EXECUTE format('GRANT %s ON SEQUENCE %s TO %s', item.privileges, item.sequence, role);
	END LOOP;
	-- By column, the user's own columns included. A writer may name every column, as object-relational mappers do. The
	-- triggers of protect_columns() decide what a role without the privilege on the whole table may write there.
	FOR item IN
		SELECT g.privilege, c.oid::regclass AS relation, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
		FROM (VALUES
			('writer', 'INSERT', 'campaigns'),
			('writer', 'UPDATE', 'campaigns'),
			('writer', 'INSERT', 'campaign_timers'),
			('writer', 'UPDATE', 'campaign_timers'),
			('writer', 'INSERT', 'campaign_metrics')) AS g (access, privilege, relation)
		JOIN pg_class AS c ON c.relnamespace = '@extschema@'::regnamespace AND c.relname = g.relation
		JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE g.access = access AND c.relowner <> role
		GROUP BY g.privilege, c.oid
	LOOP
		EXECUTE format('GRANT %s (%s) ON TABLE %s TO %s', item.privilege, item.columns, item.relation, role);
	END LOOP;
	IF access = 'operator' THEN
		EXECUTE format('GRANT UPDATE (status, scheduled_at, retry_count) ON TABLE %s TO %s',
			'@extschema@.campaign_timers'::regclass, role);
		EXECUTE format('GRANT INSERT (database_oid, paused, tables_id), UPDATE (paused, changed_at, tables_id) '
			'ON TABLE %s TO %s',
			'@extschema@.campaign_activation'::regclass, role);
		EXECUTE format('GRANT INSERT (timer_type, handler, handler_owner, timeout), UPDATE (handler, timeout, '
			'registered_at), DELETE ON TABLE %s TO %s',
			'@extschema@.campaign_timer_handlers'::regclass, role);
		EXECUTE format('GRANT INSERT (since) ON TABLE %s TO %s', '@extschema@.campaign_clean_run'::regclass, role);
		IF EXISTS (SELECT FROM pg_class AS c WHERE c.oid = to_regclass('@extschema@.campaign_backfills')
			AND c.relowner <> role) THEN
			EXECUTE format('GRANT INSERT, UPDATE, DELETE ON TABLE %s TO %s', '@extschema@.campaign_backfills'::regclass, role);
		END IF;
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.grant_campaign_access(regrole, text) IS
	'Gives a role access. reader: SELECT on all tables, views and sequences, and the monitoring functions. writer: '
	'reader, the functions that create, schedule and cancel, and that change states, and INSERT and UPDATE by column on '
	'campaigns and campaign_timers, INSERT on campaign_metrics, with the sequences of their columns; no DELETE, '
	'TRUNCATE, TRIGGER or REFERENCES, and nothing on the log and the executions. operator: reader, pause, resume, '
	'retry, run_due_timers(), the maintenance, and handlers of its own. Levels add up; call it again after adding a '
	'column or updating the extension. Errors: 22004, 22023 for another level, 42704; 42501 unless called with the '
	'rights of the owners of the extension and the tables. Since 1.1.';

CREATE FUNCTION campaign_lifecycle_internal._revoke_campaign_functions(role regrole) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	item record;
BEGIN
	FOR item IN
		SELECT p.oid::regprocedure AS routine
		FROM pg_depend AS d
		JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'campaign_lifecycle'
		JOIN pg_proc AS p ON p.oid = d.objid
		WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
			AND p.proowner <> role
			AND EXISTS (SELECT FROM aclexplode(p.proacl) AS a WHERE a.grantee = role)
	LOOP
		EXECUTE format('REVOKE ALL ON ROUTINE %s FROM %s', item.routine, role);
	END LOOP;
	IF NOT EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = 'campaign_lifecycle_internal'
		AND n.nspowner = role) THEN
		EXECUTE format('REVOKE ALL ON SCHEMA campaign_lifecycle_internal FROM %s', role);
	END IF;
	IF NOT EXISTS (SELECT FROM pg_namespace AS n WHERE n.oid = '@extschema@'::regnamespace AND n.nspowner = role) THEN
		EXECUTE format('REVOKE ALL ON SCHEMA %s FROM %s', '@extschema@'::regnamespace, role);
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._revoke_campaign_functions(regrole) IS
	'Takes from a role what it was granted on the functions of the extension and on its schema.';

CREATE FUNCTION @extschema@.revoke_campaign_access(role regrole) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	item record;
BEGIN
	PERFORM campaign_lifecycle_internal._lock_access();
	PERFORM campaign_lifecycle_internal._check_access_change(role);
	SELECT r.relation
	INTO item
	FROM campaign_lifecycle_internal._campaign_relations() AS r
	JOIN pg_class AS c ON c.oid = r.relation
	WHERE c.relowner = role
	LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'role % owns %', role, item.relation
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'set_campaign_owner() gives the tables to another role, and takes all access from this one.';
	END IF;
	FOR item IN SELECT r.relation FROM campaign_lifecycle_internal._campaign_relations() AS r LOOP
		EXECUTE format('REVOKE ALL ON TABLE %s FROM %s', item.relation, role);
	END LOOP;
	FOR item IN SELECT s.sequence FROM campaign_lifecycle_internal._campaign_sequences() AS s LOOP
		EXECUTE format('REVOKE ALL ON SEQUENCE %s FROM %s', item.sequence, role);
	END LOOP;
	PERFORM campaign_lifecycle_internal._revoke_campaign_functions(role);
END
$$;
COMMENT ON FUNCTION @extschema@.revoke_campaign_access(regrole) IS
	'Takes from a role whatever grant_campaign_access() or anyone else granted it on the tables, views and functions of '
	'the extension and on its schema. Privileges through other roles stay. Errors: 22004, 42501, 42704; 55000 when it '
	'owns the tables. Since 1.1.';

CREATE FUNCTION campaign_lifecycle_internal._run_outside_script(statement text) RETURNS void
	LANGUAGE c STRICT VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', '_run_outside_script';
COMMENT ON FUNCTION campaign_lifecycle_internal._run_outside_script(text) IS
	'Runs a utility statement with the caller''s privileges as if no script of the extension were running. A privilege '
	'that a script grants counts as part of the extension, and pg_dump would leave it out; a script replaces no view that '
	'is not part of it.';

CREATE FUNCTION campaign_lifecycle_internal._grant_campaign_owner() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	owner regrole;
	item record;
BEGIN
	SELECT c.relowner INTO owner FROM pg_class AS c WHERE c.oid = '@extschema@.campaign_timers'::regclass;
	-- The maintenance makes partitions in the schema.
	IF NOT has_schema_privilege(owner, '@extschema@'::regnamespace, 'USAGE')
		OR NOT has_schema_privilege(owner, '@extschema@'::regnamespace, 'CREATE') THEN
		PERFORM campaign_lifecycle_internal._run_outside_script(
			format('GRANT USAGE, CREATE ON SCHEMA %s TO %s', '@extschema@'::regnamespace, owner));
	END IF;
	IF NOT has_schema_privilege(owner, 'campaign_lifecycle_internal', 'USAGE') THEN
		PERFORM campaign_lifecycle_internal._run_outside_script(
			format('GRANT USAGE ON SCHEMA campaign_lifecycle_internal TO %s', owner));
	END IF;
	IF NOT has_table_privilege(owner, '@extschema@.campaign_activation', 'SELECT') THEN
		PERFORM campaign_lifecycle_internal._run_outside_script(
			format('GRANT SELECT ON TABLE %s TO %s', '@extschema@.campaign_activation'::regclass, owner));
	END IF;
	FOR item IN
		SELECT f.routine
		FROM campaign_lifecycle_internal._campaign_functions('owner') AS f (routine)
		WHERE NOT has_function_privilege(owner, f.routine, 'EXECUTE')
	LOOP
		PERFORM campaign_lifecycle_internal._run_outside_script(
			format('GRANT EXECUTE ON ROUTINE %s TO %s', item.routine, owner));
	END LOOP;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._grant_campaign_owner() IS
	'Gives the owner of the tables what the worker needs: EXECUTE on what it calls, USAGE and CREATE on the schema; '
	'also after an update, which brings new functions.';

CREATE FUNCTION @extschema@.set_campaign_owner(role regrole) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	former oid[];
	item record;
BEGIN
	PERFORM campaign_lifecycle_internal._lock_access();
	PERFORM campaign_lifecycle_internal._check_access_change(role);
	SELECT array_agg(DISTINCT c.relowner)
	INTO former
	FROM campaign_lifecycle_internal._campaign_relations() AS r
	JOIN pg_class AS c ON c.oid = r.relation
	WHERE NOT r.is_member AND c.relowner <> role;
	-- The maintenance makes partitions in the schema.
	EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %s TO %s', '@extschema@'::regnamespace, role);
	FOR item IN SELECT r.relation FROM campaign_lifecycle_internal._campaign_relations() AS r WHERE NOT r.is_member LOOP
		EXECUTE format('ALTER TABLE %s OWNER TO %s', item.relation, role);
	END LOOP;
	FOR item IN SELECT f.owner::regrole AS role FROM unnest(former) AS f (owner) LOOP
		IF NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = '@extschema@.campaign_activation'::regclass
			AND c.relowner = item.role) THEN
			EXECUTE format('REVOKE ALL ON TABLE %s FROM %s', '@extschema@.campaign_activation'::regclass, item.role);
		END IF;
		PERFORM campaign_lifecycle_internal._revoke_campaign_functions(item.role);
	END LOOP;
	PERFORM campaign_lifecycle_internal._grant_campaign_owner();
	PERFORM campaign_lifecycle_internal._wake();
END
$$;
COMMENT ON FUNCTION @extschema@.set_campaign_owner(regrole) IS
	'Gives every table, partition, view and materialized view of the extension to one role. The worker then writes as '
	'this role. It gets the privileges that it needs: USAGE and CREATE on the schema, because the maintenance makes '
	'partitions, and EXECUTE on what the worker calls. Best a role without LOGIN and without members. The former owner '
	'keeps nothing. Errors: 22004, 42501, 42704. Since 1.1.';
