-- Checks of campaign_health() that read the campaign tables, as their owner or as the caller.

CREATE FUNCTION campaign_lifecycle_internal._health_state_machine()
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	transitions boolean;
	policies boolean;
BEGIN
	IF NOT has_table_privilege('@extschema@.campaign_state_transitions', 'SELECT')
		OR NOT has_table_privilege('@extschema@.campaign_timer_policies', 'SELECT') THEN
		RETURN QUERY SELECT 'state_machine', 'ok', 'unknown', 'rows',
			'unknown: this role may not read campaign_state_transitions and campaign_timer_policies.';
		RETURN;
	END IF;
	transitions := EXISTS (SELECT FROM ONLY @extschema@.campaign_state_transitions);
	policies := EXISTS (SELECT FROM ONLY @extschema@.campaign_timer_policies);
	RETURN QUERY SELECT 'state_machine',
		CASE WHEN NOT transitions THEN 'critical' WHEN NOT policies THEN 'warning' ELSE 'ok' END,
		CASE WHEN transitions AND policies THEN 'rows' ELSE 'empty' END, 'rows',
		CASE WHEN transitions AND policies THEN 'There are state transitions and timer policies.'
			ELSE format('%s is empty, as in a schema-only copy or after TRUNCATE: install_campaign_tables() puts the default '
				'rows back.', CASE WHEN transitions THEN 'campaign_timer_policies' ELSE 'campaign_state_transitions' END) END;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._health_state_machine() IS
	'The check state_machine of campaign_health().';

CREATE FUNCTION campaign_lifecycle_internal._health_error(part text, sqlstate text, message text)
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT 'health', 'critical', sqlstate, 'no error',
		format('The checks of the %s raise an error, so they say nothing: %s', part, message)
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._health_error(text, text, text) IS
	'The row of campaign_health() in place of checks that raise an error.';

CREATE FUNCTION campaign_lifecycle_internal._health_tables_version()
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	functions_version text;
	tables_version text;
	found_text text;
BEGIN
	SELECT e.extversion INTO functions_version FROM pg_extension AS e WHERE e.extname = 'campaign_lifecycle';
	IF has_table_privilege('@extschema@.campaign_tables_version', 'SELECT') THEN
		SELECT v.version INTO tables_version FROM ONLY @extschema@.campaign_tables_version AS v
			ORDER BY v.version = functions_version DESC LIMIT 1;
	ELSE
		tables_version := functions_version;
		found_text := 'unknown: this role may not read campaign_tables_version.';
	END IF;
	RETURN QUERY SELECT 'tables_version',
		CASE WHEN tables_version = functions_version THEN 'ok' ELSE 'critical' END, coalesce(tables_version, 'none'),
			functions_version,
		CASE WHEN found_text IS NOT NULL THEN found_text
			WHEN tables_version = functions_version THEN 'The tables are of the version of the functions.'
			WHEN tables_version IS NULL THEN 'campaign_tables_version is empty, as in a schema-only copy: '
				'install_campaign_tables() puts the missing default rows back.'
			ELSE format('The tables are of version %s, the functions of version %s, as after restoring an older dump: call '
				'upgrade_campaign_tables(), then resume_timers().',
				coalesce(tables_version, 'unknown'), functions_version) END;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._health_tables_version() IS
	'The check tables_version of campaign_health().';

CREATE FUNCTION campaign_lifecycle_internal._health_privileges()
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	found_text text;
	owner_is_superuser boolean;
	n bigint;
BEGIN
	SELECT string_agg(format('%s owns %s', o.owner, o.relations), '; ' ORDER BY o.owner), count(*)
	INTO found_text, n
	FROM (
		SELECT c.relowner::regrole::text AS owner, string_agg(r.relation::text, ', ' ORDER BY r.lock_order) AS relations
		FROM campaign_lifecycle_internal._campaign_relations() AS r
		JOIN pg_class AS c ON c.oid = r.relation
		WHERE NOT r.is_member
		GROUP BY c.relowner) AS o;
	RETURN QUERY SELECT 'table_owner',
		CASE WHEN n = 1 THEN 'ok' ELSE 'critical' END, n::text, '1',
		CASE WHEN n = 1 THEN 'All tables have one owner, as whom the worker writes.'
			ELSE format('The worker writes as one role, but %s. Call set_campaign_owner(role) to give all of them to one.',
				left(found_text, 1000)) END;

	-- A role with TRIGGER on a table can run code with the privileges of roles that write it. The worker writes as the
	-- tables' owner.
	SELECT string_agg(DISTINCT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END, ', '),
		count(DISTINCT a.grantee), bool_or(o.rolsuper)
	INTO found_text, n, owner_is_superuser
	FROM campaign_lifecycle_internal._campaign_relations() AS r
	JOIN pg_class AS c ON c.oid = r.relation
	JOIN pg_roles AS o ON o.oid = c.relowner
	CROSS JOIN LATERAL aclexplode(c.relacl) AS a
	WHERE c.relkind IN ('r', 'p') AND a.privilege_type = 'TRIGGER' AND a.grantee <> c.relowner
		AND NOT coalesce((SELECT g.rolsuper FROM pg_roles AS g WHERE g.oid = a.grantee), false);
	RETURN QUERY SELECT 'trigger_privilege',
		CASE WHEN n > 0 AND owner_is_superuser THEN 'critical' WHEN n > 0 THEN 'warning' ELSE 'ok' END, n::text, '0',
		CASE WHEN n = 0 THEN 'Nobody but the owner may add triggers to the tables.'
			WHEN owner_is_superuser THEN format('%s may add triggers to tables of a superuser, which then run as that '
				'superuser: REVOKE TRIGGER, and give the tables to a plain role by set_campaign_owner(role).', found_text)
			ELSE format('%s may add triggers to the tables, which then run as the tables'' owner: REVOKE TRIGGER unless that '
				'is meant.', found_text) END;

	SELECT string_agg(r.relation::text, ', ' ORDER BY r.lock_order), count(*)
	INTO found_text, n
	FROM campaign_lifecycle_internal._campaign_relations() AS r
	JOIN pg_class AS c ON c.oid = r.relation
	JOIN pg_roles AS o ON o.oid = c.relowner
	WHERE c.relrowsecurity AND c.relforcerowsecurity AND NOT (o.rolsuper OR o.rolbypassrls);
	RETURN QUERY SELECT 'row_security',
		CASE WHEN n = 0 THEN 'ok' ELSE 'critical' END, n::text, '0',
		CASE WHEN n = 0 THEN 'Row level security does not stand between the worker and the tables.'
			ELSE format('Row level security is forced upon the owner of %s, so the worker''s statements fail: ALTER TABLE ... '
				'NO FORCE ROW LEVEL SECURITY.', found_text) END;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._health_privileges() IS
	'The checks table_owner, trigger_privilege and row_security of campaign_health().';

CREATE FUNCTION campaign_lifecycle_internal._health_search_path()
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	found_text text;
	n bigint;
BEGIN
	-- The superuser's triggers, defaults and checks would call what others create in these schemas. A name in quotes may
	-- hold a comma, so that the list cannot be split by commas alone.
	SELECT string_agg(DISTINCT format('%s on schema %I', g.role, s.nspname), ', '),
		count(DISTINCT (g.role, s.nspname))
	INTO found_text, n
	FROM pg_class AS c
	JOIN pg_roles AS o ON o.oid = c.relowner
	JOIN regexp_matches(coalesce(current_setting('campaign_lifecycle.search_path', true), '"$user", public'),
		'"((?:[^"]|"")*)"|([^",[:space:]]+)', 'g') AS p (name) ON true
	JOIN pg_namespace AS s ON s.nspname = CASE WHEN coalesce(p.name[1], p.name[2]) = '$user' THEN o.rolname
		ELSE coalesce(replace(p.name[1], '""', '"'), lower(p.name[2])) END
	CROSS JOIN LATERAL (
		SELECT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE r.oid::regrole::text END AS role
		FROM aclexplode(coalesce(s.nspacl, acldefault('n', s.nspowner))) AS a
		LEFT JOIN pg_roles AS r ON r.oid = CASE WHEN a.grantee = 'pg_database_owner'::regrole
			THEN (SELECT d.datdba FROM pg_database AS d WHERE d.datname = current_database()) ELSE a.grantee END
		WHERE a.privilege_type = 'CREATE' AND r.rolsuper IS NOT TRUE) AS g
	WHERE c.oid = '@extschema@.campaign_timers'::regclass AND o.rolsuper;
	RETURN QUERY SELECT 'search_path',
		CASE WHEN n = 0 THEN 'ok' ELSE 'critical' END, n::text, '0',
		CASE WHEN n = 0 THEN 'No other role chooses what triggers, defaults and checks of a superuser''s tables call.'
			ELSE format('A superuser owns the tables, and its triggers, defaults and checks find names under '
				'campaign_lifecycle.search_path, where others may create objects: CREATE for %s. Give the tables to a plain role '
				'by set_campaign_owner(role), or REVOKE CREATE.', left(found_text, 1000)) END;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._health_search_path() IS 'The check search_path of campaign_health().';

CREATE FUNCTION campaign_lifecycle_internal._health_triggers()
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	found_text text;
	n bigint;
BEGIN
	SELECT string_agg(format('%s on %s', t.tgname, t.tgrelid::regclass), ', ' ORDER BY t.tgname), count(*)
	INTO found_text, n
	FROM pg_trigger AS t
	WHERE t.tgrelid IN ('@extschema@.campaigns'::regclass, '@extschema@.campaign_timers'::regclass) AND NOT t.tgisinternal
		AND t.tgfoid IN (SELECT p.oid FROM pg_proc AS p WHERE p.pronamespace = '@extschema@'::regnamespace
			AND p.proname IN ('update_updated_at_column',
			'log_campaign_state_change', 'validate_timer_schedule', 'validate_state_transition', 'fill_campaign_end_time',
				'protect_columns', '_wake_worker'))
		AND t.tgenabled <> CASE WHEN t.tgname LIKE 'wake\_worker\_%' THEN 'A' ELSE 'O' END::"char";
	RETURN QUERY SELECT 'triggers',
		CASE WHEN n = 0 THEN 'ok' ELSE 'warning' END, n::text, '0',
		CASE WHEN n = 0 THEN 'The triggers of the tables are enabled as they were made.'
			ELSE format('Disabled, or not in the mode they were made in: %s. resume_timers() restores the wake-up; ALTER TABLE '
				'... ENABLE TRIGGER the others.', found_text) END;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._health_triggers() IS 'The check triggers of campaign_health().';

CREATE FUNCTION campaign_lifecycle_internal._health_partitions(as_of timestamp with time zone)
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, MDY' AS $$
DECLARE
	ahead integer := -1;
	wanted integer := 2;
	month timestamptz := date_trunc('month', as_of);
	n bigint;
BEGIN
	IF coalesce(has_table_privilege(to_regclass('@extschema@.campaign_maintenance_jobs'), 'SELECT'), false) THEN
		SELECT least(wanted, min(j.months_ahead)) INTO wanted FROM ONLY @extschema@.campaign_maintenance_jobs AS j;
	END IF;
	-- Months from this one on that have a partition without a gap; bounds are read in UTC.
	WHILE EXISTS (
		SELECT
		FROM pg_inherits AS i
		JOIN pg_class AS c ON c.oid = i.inhrelid
		CROSS JOIN LATERAL (SELECT pg_get_expr(c.relpartbound, c.oid) AS bound) AS b
		WHERE i.inhparent = '@extschema@.campaign_state_log'::regclass AND b.bound <> 'DEFAULT'
			AND coalesce(substring(b.bound FROM 'FROM \(''([^'']+)''\)')::timestamptz, '-infinity') <= month
			AND coalesce(substring(b.bound FROM 'TO \(''([^'']+)''\)')::timestamptz, 'infinity') >= month + interval '1 month')
				AND ahead < 1200
	LOOP
		ahead := ahead + 1;
		month := month + interval '1 month';
	END LOOP;
	RETURN QUERY SELECT 'partitions_ahead',
		CASE WHEN ahead >= wanted THEN 'ok' WHEN ahead >= 1 THEN 'warning' ELSE 'critical' END, greatest(ahead, 0)::text,
			wanted::text,
		CASE WHEN ahead >= wanted THEN 'The log has its partitions for the months ahead.'
			ELSE CASE WHEN ahead < 0 THEN 'This month has no partition of its own'
				ELSE format('Months ahead of this one that have a partition: %s', ahead) END
				|| '; what has none goes into the default partition. Call create_monthly_partitions(); if it fails, its error '
					'says why. The worker does so by itself while it runs.' END;

	IF to_regclass('@extschema@.campaign_state_log_default') IS NULL THEN
		RETURN QUERY SELECT 'default_partition', 'warning', 'missing', '0',
			'campaign_state_log_default is missing: a state change in a month without a partition is refused.';
		RETURN;
	ELSIF NOT has_table_privilege('@extschema@.campaign_state_log_default', 'SELECT') THEN
		RETURN QUERY SELECT 'default_partition', 'ok', 'unknown', '0',
			'unknown: this role may not read campaign_state_log_default.';
		RETURN;
	END IF;
	SELECT count(*) INTO n FROM (SELECT FROM @extschema@.campaign_state_log_default AS l LIMIT 1001) AS l;
	RETURN QUERY SELECT 'default_partition',
		CASE WHEN n = 0 THEN 'ok' ELSE 'warning' END, CASE WHEN n > 1000 THEN 'over 1000' ELSE n::text END, '0',
		CASE WHEN n = 0 THEN 'No log row is without a month.'
			ELSE 'Log rows of months without a partition wait in campaign_state_log_default: create_monthly_partitions() makes '
			'the months and moves them.' END;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._health_partitions(timestamptz) IS
	'The checks partitions_ahead and default_partition of campaign_health().';

CREATE FUNCTION campaign_lifecycle_internal._table_health(as_of timestamp with time zone)
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	BEGIN
		RETURN QUERY SELECT * FROM campaign_lifecycle_internal._health_tables_version();
		RETURN QUERY SELECT * FROM campaign_lifecycle_internal._health_state_machine();
		RETURN QUERY SELECT * FROM campaign_lifecycle_internal._health_privileges();
		RETURN QUERY SELECT * FROM campaign_lifecycle_internal._health_search_path();
		RETURN QUERY SELECT * FROM campaign_lifecycle_internal._health_triggers();
		RETURN QUERY SELECT * FROM campaign_lifecycle_internal._health_partitions(as_of);
	EXCEPTION WHEN OTHERS THEN
		RETURN QUERY SELECT * FROM campaign_lifecycle_internal._health_error('tables', SQLSTATE, SQLERRM);
	END;
	BEGIN
		RETURN QUERY SELECT * FROM campaign_lifecycle_internal._health_timers(as_of);
		RETURN QUERY SELECT * FROM campaign_lifecycle_internal._health_executions(as_of);
		RETURN QUERY SELECT * FROM campaign_lifecycle_internal._health_missing_timers(as_of);
	EXCEPTION WHEN OTHERS THEN
		RETURN QUERY SELECT * FROM campaign_lifecycle_internal._health_error('timers', SQLSTATE, SQLERRM);
	END;
	BEGIN
		RETURN QUERY SELECT * FROM campaign_lifecycle_internal._health_maintenance(as_of);
	EXCEPTION WHEN OTHERS THEN
		RETURN QUERY SELECT * FROM campaign_lifecycle_internal._health_error('maintenance', SQLSTATE, SQLERRM);
	END;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._table_health(timestamptz) IS
	'The checks of campaign_health() that read the campaign tables.';

CREATE FUNCTION campaign_lifecycle_internal._health_as_owner(as_of timestamp with time zone, OUT check_name text,
	OUT status text, OUT value text, OUT threshold text,
		OUT detail text) RETURNS SETOF record
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_health_as_owner';
COMMENT ON FUNCTION campaign_lifecycle_internal._health_as_owner(timestamptz) IS
	'_table_health() for a superuser, with the rights of the tables'' owner.';
