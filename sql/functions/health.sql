-- campaign_health(): one row a check, with what to do.
--
-- It costs the same with millions of rows: counts end at a limit and read an index. Internal functions take the time as
-- an argument. A role that may only read gets an answer, too: the detail says "unknown" where the role may not see it.

CREATE FUNCTION campaign_lifecycle_internal._library_version() RETURNS text
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_library_version';
COMMENT ON FUNCTION campaign_lifecycle_internal._library_version() IS
	'The version of the library that this session has loaded.';

CREATE FUNCTION campaign_lifecycle_internal._health_launcher()
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	visible constant boolean := has_function_privilege('campaign_lifecycle_internal._workers()', 'EXECUTE');
	enabled constant boolean := coalesce(current_setting('campaign_lifecycle.enabled', true), 'on') <> 'off';
	launcher text;
	standby boolean;
BEGIN
	IF visible THEN
		SELECT w.state INTO launcher FROM campaign_lifecycle_internal._workers() AS w WHERE w.database_oid IS NULL;
	END IF;
	standby := coalesce(launcher = 'standby', false);
	RETURN QUERY SELECT 'preload',
		CASE WHEN launcher = 'not preloaded' THEN 'critical' ELSE 'ok' END,
		CASE WHEN NOT visible THEN 'unknown' WHEN launcher = 'not preloaded' THEN 'no' ELSE 'yes' END, 'yes',
		CASE WHEN NOT visible THEN 'unknown: this role may not execute _workers(); grant_campaign_access(role, ''reader'') '
			'allows it.'
			WHEN launcher = 'not preloaded' THEN 'No worker executes timers. Add campaign_lifecycle to '
				'shared_preload_libraries and restart the server, or call run_due_timers() regularly, for instance from pg_cron.'
			ELSE 'The library is preloaded.' END;
	RETURN QUERY SELECT 'launcher',
		CASE WHEN launcher IN ('not preloaded', 'launcher missing') THEN 'critical' WHEN NOT enabled THEN 'warning'
			ELSE 'ok' END,
		CASE WHEN NOT visible THEN 'unknown' WHEN standby THEN launcher WHEN NOT enabled THEN 'disabled' ELSE launcher END,
			'running',
		CASE WHEN NOT visible THEN 'unknown: this role may not execute _workers().'
			WHEN launcher = 'not preloaded' THEN 'See preload.'
			WHEN standby THEN 'This server is a standby: it executes no timers, its primary does. It begins when it is '
				'promoted.' || CASE WHEN enabled THEN '' ELSE ' campaign_lifecycle.enabled is off here: then it will not.' END
			WHEN launcher = 'launcher missing' THEN 'The launcher did not start, or does not stay: raise max_worker_processes '
				'and restart the server; the server log says why.'
			WHEN NOT enabled THEN 'campaign_lifecycle.enabled is off: no timer of any database is executed. Set it to on in '
				'postgresql.conf and reload.'
			ELSE 'The launcher runs.' END;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._health_launcher() IS
	'The checks preload and launcher of campaign_health().';

CREATE FUNCTION campaign_lifecycle_internal._health_activation(as_of timestamp with time zone)
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	this_database oid;
	own record;
	activation text;
BEGIN
	SELECT d.oid INTO this_database FROM pg_database AS d WHERE d.datname = current_database();
	IF NOT coalesce(has_table_privilege('@extschema@.campaign_activation', 'SELECT'), false) THEN
		RETURN QUERY SELECT 'activation', 'ok', 'unknown', 'active', 'unknown: this role may not read campaign_activation.';
		RETURN;
	END IF;
	SELECT a.changed_at INTO own FROM ONLY @extschema@.campaign_activation AS a WHERE a.database_oid = this_database;
	activation := campaign_lifecycle_internal._activation_state();
	RETURN QUERY SELECT 'activation',
		CASE WHEN activation = 'active' THEN 'ok' ELSE 'warning' END,
		CASE WHEN activation IN ('active', 'paused') THEN activation ELSE 'copy' END, 'active',
		CASE activation
			WHEN 'active' THEN format('Timers are executed since %s.', own.changed_at)
			WHEN 'paused' THEN format('Paused by pause_timers()%s: no timer is executed until resume_timers().',
				CASE WHEN isfinite(own.changed_at)
					THEN format(' %s ago', date_trunc('second', greatest(as_of - own.changed_at, interval '0'))) END)
			ELSE format('This database %s and is therefore paused: no timer is executed. If it is the one that is to work '
				'from now on, call resume_timers().', CASE activation WHEN 'cloned' THEN 'is a copy of another database'
					WHEN 'loaded' THEN 'has rows that were loaded from another database'
					ELSE 'is a restored dump, or has tables that CREATE EXTENSION adopted with their rows,' END) END;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._health_activation(timestamptz) IS
	'The check activation of campaign_health().';

CREATE FUNCTION campaign_lifecycle_internal._health_snapshot(as_of timestamp with time zone)
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	sees_all constant boolean := pg_has_role('pg_read_all_stats', 'USAGE');
	holder record;
BEGIN
	SELECT h.who, h.since, h.age, h.remedy
	INTO holder
	FROM (
		SELECT format('process %s (user %s, application %s, %s)', a.pid, a.usename, quote_literal(a.application_name),
			a.state) AS who,
			a.xact_start AS since, greatest(age(a.backend_xmin), age(a.backend_xid)) AS age,
				format('SELECT pg_terminate_backend(%s)', a.pid) AS remedy
		FROM pg_stat_activity AS a
		WHERE a.pid <> pg_backend_pid() AND (a.datname = current_database() OR a.backend_type = 'walsender')
			AND (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL) AND a.backend_type NOT IN ('autovacuum worker',
				'campaign_lifecycle worker')
		UNION ALL
		SELECT format('replication slot %s (%s)', quote_ident(s.slot_name), CASE WHEN s.active THEN 'active'
			ELSE 'nobody reads it' END),
			NULL, greatest(age(s.xmin), age(s.catalog_xmin)), format('SELECT pg_drop_replication_slot(%L)', s.slot_name)
		FROM pg_replication_slots AS s
		WHERE s.xmin IS NOT NULL OR (s.catalog_xmin IS NOT NULL AND s.database = current_database())
		UNION ALL
		SELECT format('prepared transaction %s (user %s)', quote_literal(p.gid), p.owner), p.prepared, age(p.transaction),
			format('ROLLBACK PREPARED %L', p.gid)
		FROM pg_prepared_xacts AS p
		WHERE p.database = current_database()) AS h
	ORDER BY (h.since < as_of - interval '1 hour') DESC NULLS LAST, h.age DESC
	LIMIT 1;
	RETURN QUERY SELECT 'oldest_snapshot',
		CASE WHEN holder.who IS NULL THEN 'ok'
			WHEN holder.since < as_of - interval '24 hours' OR holder.age > 500000000 THEN 'critical'
			WHEN holder.since < as_of - interval '1 hour' OR holder.age > 50000000 THEN 'warning'
			ELSE 'ok' END,
		CASE WHEN holder.who IS NULL THEN 'none'
			ELSE format('%s transactions%s', holder.age,
				coalesce(', ' || date_trunc('second', greatest(as_of - holder.since, interval '0'))::text, '')) END,
		'1 hour or 50000000 transactions; critical: 24 hours or 500000000',
		CASE WHEN holder.who IS NULL THEN 'Nothing holds back vacuum.'
			ELSE format('Held back by %s: vacuum removes nothing newer. If it is not needed: %s.', holder.who, holder.remedy) END
			|| CASE WHEN sees_all THEN '' ELSE ' Other sessions: unknown; members of pg_read_all_stats see them.' END;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._health_snapshot(timestamptz) IS
	'The check oldest_snapshot of campaign_health().';

CREATE FUNCTION campaign_lifecycle_internal._health_vacuum()
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	worst record;
BEGIN
	SELECT r.relation, coalesce(pg_stat_get_dead_tuples(r.relation), 0) AS dead,
		coalesce(pg_stat_get_live_tuples(r.relation), 0) AS live
	INTO worst
	FROM campaign_lifecycle_internal._campaign_relations() AS r
	JOIN pg_class AS c ON c.oid = r.relation
	WHERE c.relkind IN ('r', 'm')
	ORDER BY coalesce(pg_stat_get_dead_tuples(r.relation), 0) > greatest(100000,
		0.5 * coalesce(pg_stat_get_live_tuples(r.relation), 0)) DESC,
		coalesce(pg_stat_get_dead_tuples(r.relation), 0) DESC
	LIMIT 1;
	RETURN QUERY SELECT 'vacuum',
		CASE WHEN worst.dead > greatest(1000000, 3 * worst.live) THEN 'critical'
			WHEN worst.dead > greatest(100000, 0.5 * worst.live) THEN 'warning' ELSE 'ok' END,
		format('%s dead rows, %s live', worst.dead, worst.live),
			'100000 and half of the live rows; critical: 1000000 and three times the live rows',
		CASE WHEN worst.dead > greatest(100000, 0.5 * worst.live)
			THEN format('%s needs VACUUM: see oldest_snapshot first, then whether autovacuum runs and gets through '
				'(autovacuum_vacuum_cost_limit).', worst.relation)
			ELSE format('Most in %s.', worst.relation) END;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._health_vacuum() IS 'The check vacuum of campaign_health().';

CREATE FUNCTION campaign_lifecycle_internal._campaign_health(as_of timestamp with time zone)
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	owner regrole;
	installed text;
	renamed constant text := campaign_lifecycle_internal._renamed_schema();
BEGIN
	IF renamed IS NOT NULL THEN
		RETURN QUERY SELECT 'schema', 'critical', renamed, '@extschema@',
			format('No timer is executed, because the schema was renamed and the functions name it as it was. Rename it back, '
				'or run DROP EXTENSION campaign_lifecycle; CREATE EXTENSION campaign_lifecycle SCHEMA %s; which adopts the '
				'tables, then grant_campaign_access() and resume_timers().', renamed);
		RETURN;
	END IF;
	BEGIN
		RETURN QUERY SELECT * FROM campaign_lifecycle_internal._health_launcher();
		RETURN QUERY SELECT * FROM campaign_lifecycle_internal._health_worker(as_of);
		RETURN QUERY SELECT * FROM campaign_lifecycle_internal._health_activation(as_of);
	EXCEPTION WHEN OTHERS THEN
		RETURN QUERY SELECT * FROM campaign_lifecycle_internal._health_error('processes', SQLSTATE, SQLERRM);
	END;
	SELECT e.extversion INTO installed FROM pg_extension AS e WHERE e.extname = 'campaign_lifecycle';
	IF installed <> campaign_lifecycle_internal._library_version() THEN
		RETURN QUERY SELECT 'extension_version', 'critical', installed, campaign_lifecycle_internal._library_version(),
			'No timer is executed, because the library is of another version. Run ALTER EXTENSION campaign_lifecycle UPDATE. If '
				'that changes nothing, restart the server.';
		RETURN;
	END IF;
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		RETURN QUERY SELECT 'tables_version', 'critical', 'none', installed,
			'The campaign tables are missing: install_campaign_tables() makes them, unless a restore that brings them is still '
				'running.';
		RETURN;
	END IF;
	-- A view that the owner has put in a table's place would run its functions as a superuser who reads it.
	SELECT c.relowner INTO owner FROM pg_class AS c WHERE c.oid = '@extschema@.campaign_timers'::regclass;
	IF NOT has_function_privilege(owner, 'campaign_lifecycle_internal._table_health(timestamptz)', 'EXECUTE') THEN
		RETURN QUERY SELECT 'table_owner', 'critical', owner::text, 'the role of set_campaign_owner()',
			format('The owner of the tables may not execute what the worker calls, so no timer is executed: SELECT '
				'set_campaign_owner(%L);', owner);
	ELSE
		BEGIN
			IF (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) THEN
				RETURN QUERY SELECT * FROM campaign_lifecycle_internal._health_as_owner(as_of);
			ELSE
				RETURN QUERY SELECT * FROM campaign_lifecycle_internal._table_health(as_of);
			END IF;
		EXCEPTION WHEN OTHERS THEN
			RETURN QUERY SELECT * FROM campaign_lifecycle_internal._health_error('tables and timers', SQLSTATE, SQLERRM);
		END;
	END IF;
	BEGIN
		RETURN QUERY SELECT * FROM campaign_lifecycle_internal._health_snapshot(as_of);
		RETURN QUERY SELECT * FROM campaign_lifecycle_internal._health_vacuum();
	EXCEPTION WHEN OTHERS THEN
		RETURN QUERY SELECT * FROM campaign_lifecycle_internal._health_error('server', SQLSTATE, SQLERRM);
	END;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._campaign_health(timestamptz) IS 'campaign_health() at a given time.';

CREATE FUNCTION @extschema@.campaign_health() RETURNS TABLE (check_name text, status text, value text, threshold text,
	detail text)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN QUERY SELECT * FROM campaign_lifecycle_internal._campaign_health(clock_timestamp());
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_health() IS
	'Is all well? One row a check: status ok, warning or critical; value as found; threshold from which it is no longer '
	'ok; detail: what it means and what to do, or "unknown" where the caller may not see it. Checks: preload, launcher, '
	'worker, activation, extension_version, tables_version, state_machine, table_owner, trigger_privilege, row_security, '
	'search_path, triggers, partitions_ahead, default_partition, overdue_timers, dead_letters, failure_rate, lateness, '
	'missing_timers, rescheduled_campaigns, maintenance, oldest_snapshot, vacuum. Cheap with millions of rows. Since 1.1.';
