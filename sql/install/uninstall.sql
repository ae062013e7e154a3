-- Remove the data. DROP EXTENSION leaves the tables, so that no command about functions removes rows.

CREATE FUNCTION campaign_lifecycle_internal._dependents() RETURNS text
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	WITH ours (relation, row_type) AS (
		SELECT r.relation::oid, c.reltype FROM campaign_lifecycle_internal._campaign_relations() AS r
		JOIN pg_class AS c ON c.oid = r.relation)
	SELECT string_agg(DISTINCT CASE WHEN w.oid IS NOT NULL THEN pg_describe_object('pg_class'::regclass, w.ev_class, 0)
		ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END, ', ')
	FROM pg_depend AS d
	LEFT JOIN pg_rewrite AS w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
	LEFT JOIN pg_constraint AS k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
	LEFT JOIN pg_trigger AS g ON d.classid = 'pg_trigger'::regclass AND g.oid = d.objid
	WHERE d.deptype = 'n'
		AND ((d.refclassid = 'pg_class'::regclass AND d.refobjid IN (SELECT o.relation FROM ours AS o))
			OR (d.refclassid = 'pg_type'::regclass AND d.refobjid IN (SELECT t.oid FROM ours AS o
				JOIN pg_type AS t ON o.row_type IN (t.oid, t.typelem) AND o.row_type <> 0)))
		AND NOT EXISTS (SELECT FROM ours AS o WHERE o.relation IN (w.ev_class, k.conrelid, g.tgrelid)
			OR (d.classid = 'pg_class'::regclass AND d.objid = o.relation))
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._dependents() IS
	'The objects of the user that depend on the campaign tables, such as a view.';

CREATE FUNCTION @extschema@.uninstall_campaign_tables() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	forbidden regclass;
	item record;
	message text;
	detail text;
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		PERFORM campaign_lifecycle_internal._check_schema();
		RAISE EXCEPTION 'the campaign tables are missing'
			USING ERRCODE = 'undefined_table', HINT = 'There is nothing to remove; install_campaign_tables() makes them.';
	END IF;
	-- A caller without these privileges may not even call the function that lists the relations.
	SELECT c.oid
	INTO forbidden
	FROM pg_class AS c
	WHERE c.oid = '@extschema@.campaign_timers'::regclass AND NOT pg_has_role(c.relowner, 'USAGE');
	IF forbidden IS NULL THEN
		SELECT r.relation
		INTO forbidden
		FROM campaign_lifecycle_internal._campaign_relations() AS r
		JOIN pg_class AS c ON c.oid = r.relation
		WHERE NOT pg_has_role(c.relowner, 'USAGE')
		LIMIT 1;
	END IF;
	IF forbidden IS NOT NULL THEN
		RAISE EXCEPTION 'permission denied to remove the campaign tables'
			USING ERRCODE = 'insufficient_privilege',
				HINT = format('Call it as a superuser, or with the rights of the owner of %s.', forbidden);
	END IF;
	-- Lock the extension before any table, as the worker does. No worker is inside a batch from here on.
	ALTER FUNCTION campaign_lifecycle_internal._uuid_v7() NO DEPENDS ON EXTENSION campaign_lifecycle;
	BEGIN
		-- No CASCADE: objects of the user that depend on the tables are an error. Views are dropped before tables.
		FOR item IN
			SELECT k.kind, string_agg(r.relation::text, ', ' ORDER BY r.lock_order) AS relations
			FROM campaign_lifecycle_internal._campaign_relations() AS r
			JOIN pg_class AS c ON c.oid = r.relation
			JOIN (VALUES ('v', 1, 'VIEW'), ('m', 2, 'MATERIALIZED VIEW'), ('r', 3, 'TABLE'), ('p', 3, 'TABLE')) AS k (relkind,
				step, kind) ON k.relkind = c.relkind::text
			WHERE NOT r.is_member AND NOT c.relispartition
			GROUP BY k.step, k.kind
			ORDER BY k.step
		LOOP
			EXECUTE format('DROP %s %s', item.kind, item.relations);
		END LOOP;
	EXCEPTION WHEN dependent_objects_still_exist THEN
		-- The hint of the server names CASCADE, which this function has not.
		GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
		RAISE EXCEPTION '%', message
			USING ERRCODE = 'dependent_objects_still_exist', DETAIL = detail,
				HINT = format('Drop or change first what depends on the tables: %s. Nothing was removed.',
					campaign_lifecycle_internal._dependents());
	END;
	PERFORM campaign_lifecycle_internal._wake();
END
$$;
COMMENT ON FUNCTION @extschema@.uninstall_campaign_tables() IS
	'Removes the campaign tables with all their data, and the views over them; the functions stay until DROP EXTENSION, '
	'and install_campaign_tables() makes new tables. Errors, and then nothing is removed: 42P01 without tables; 42501 '
	'unless called with the rights of the owners of the tables and of the extension; 2BP01 while objects of the '
	'user''s, such as a view, depend on them. Since 1.1.';
