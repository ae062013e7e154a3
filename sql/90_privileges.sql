-- Who may do what. PUBLIC may do nothing (99_install revokes every function by name). Three levels are granted to roles; the tables themselves can be given
-- to a plain role, as whom the worker then writes. All of it is ordinary privileges on tables and functions: \dp and \df+ show them, pg_dump keeps them.
--
-- writer and operator both include reader, and neither the other: whoever is on call need not be able to create campaigns. Granted levels add up.

-- In the order in which locks are taken. Our relations only: the schema may hold the user's own.
CREATE FUNCTION @extschema@._campaign_relations() RETURNS TABLE (relation regclass, is_member boolean, place bigint)
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	WITH named (relation, is_member, place) AS (
		SELECT c.oid, r.is_member, row_number() OVER (ORDER BY r.place)
		FROM (VALUES
			(1, 'campaign_timers', false), (2, 'campaigns', false), (3, 'campaign_state_log', false), (4, 'campaign_state_log_archive', false),
			(5, 'campaign_metrics', false), (6, 'timer_executions', false), (7, 'campaign_state_transitions', false), (8, 'campaign_timer_policies', false),
			(9, 'campaign_timer_handlers', false), (10, 'campaign_maintenance_jobs', false), (11, 'campaign_tables_version', false),
			(12, '_runnable_timers', false), (13, 'stuck_timers', false), (14, 'failed_timers', false), (15, 'dead_timers', false), (16, 'upcoming_timers', false),
			(17, 'campaign_state_distribution', false), (18, 'timer_execution_stats', false), (19, 'campaign_table_sizes', false),
			(20, 'mv_active_campaigns', false), (21, 'mv_pending_timers', false), (25, 'campaign_backfills', false), (26, 'backfill_progress', false),
			(22, 'campaign_activation', true), (23, 'campaign_clean_run', true), (24, 'campaign_workers', true)) AS r (place, name, is_member)
		JOIN pg_class AS c ON c.relnamespace = '@extschema@'::regnamespace AND c.relname = r.name)
	SELECT n.relation::regclass, n.is_member, n.place FROM named AS n
	UNION ALL
	SELECT p.relid, n.is_member, n.place
	FROM named AS n
	JOIN pg_class AS c ON c.oid = n.relation AND c.relkind = 'p'
	CROSS JOIN LATERAL pg_partition_tree(n.relation) AS p
	WHERE p.relid <> n.relation
	ORDER BY 3, 1
$$;
COMMENT ON FUNCTION @extschema@._campaign_relations() IS
	'The tables, partitions, views and materialized views of the extension that exist, in the order in which they are locked, and whether each is a member of the extension.';

-- Each level with the verbs and exactly the internal functions that these call; owner is for the role that owns the tables: what the worker calls.
CREATE FUNCTION @extschema@._campaign_functions(access text) RETURNS SETOF regprocedure
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT p.oid::regprocedure
	FROM (VALUES
		('reader', '{campaign_timeline,campaign_health,_workers,_campaign_health,_health_processes,_health_as_owner,_table_health,_health_tables,_health_timers,_health_upkeep,_health_server,
			_campaign_relations,_next_cron_time,_cron_field,_check_as_of,_check_given,_unknown_campaign}'::name[]),
		('writer', '{create_campaign,schedule_campaign_timers,reschedule_campaign,transition_campaign,cancel_campaign,schedule_timer,reschedule_timer,cancel_timer,
			retry_timer,record_metric,_check_given,_check_object,_check_text,_check_duration,_check_start_time,_check_timer_type,_check_schedule,_unknown_campaign,
			_entered_at,_lock_campaign,_move_campaign,_lock_timer,_apply_policies,_policy_changes,_write_policy_changes,_uuid_v7}'),
		('operator', '{pause_timers,resume_timers,_wake,retry_timer,_lock_timer,_check_given,run_due_timers,_run_due_timers,
			register_handler,unregister_handler,_check_handler,_check_timer_type,
			create_monthly_partitions,archive_old_state_logs,cleanup_timer_executions,_is_campaign_owner,_upkeep_as_owner,_cutoff,_check_as_of,
			backfill_column,_in_transaction_block,_backfill_check,_backfill_trial,_backfill_try,_backfill_parts,_backfill_start,_backfill_lock,_backfill_next,_backfill_key,
			_backfill_done,_backfill_report,_backfill_hold,_backfill_lock_timeout,_backfill_has_waited,_short_lock_timeout}'),
		('owner', '{_apply_timers,_archive_partition,_archive_partition_patiently,_archive_step,_bring_up_campaign_tables,_campaign_relations,_check_as_of,_check_given,
			_check_handler,_check_max_rows,_check_timer_type,_claim_batch,_claim_marked,_cleanup_finished_timers,_cleanup_metrics,_complete_marked,_cron_field,_cutoff,_default_partition,_due_upkeep,
			_fail_marked,_fail_timer,_find_handler,_follow_log_columns,_handler_of,_health_tables,_health_timers,_health_upkeep,_in_use,_install_campaign_triggers,_is_campaign_owner,_is_marked_by_process,_lock_marked,_maintenance_commands,_make_month,
			_make_month_patiently,_marked_due,_missing_log_months,_months_of_rows,_move_log_rows,_next_cron_time,_next_due,_notify,_partitions,_put_off_timers,
			_record_handler,_recover_lost,_refresh_if_changed,_release_marked,_remove_executions,_remove_metrics,_remove_timers,_reset_constraints,
			_retry_upkeep_at,_run_upkeep_step,_set_cron_database,_short_lock_timeout,_start_marked,_table_health,_upkeep_as_owner,_upkeep_failed,_uuid_v7,_wake,
			_wake_worker,archive_old_state_logs,cleanup_timer_executions,create_monthly_partitions,fill_campaign_end_time,log_campaign_state_change,
			register_handler,unregister_handler,update_updated_at_column,validate_state_transition,validate_timer_handler,validate_timer_policy,validate_timer_schedule}')) AS l (access, names)
	JOIN pg_proc AS p ON p.pronamespace = '@extschema@'::regnamespace AND p.proname = ANY (l.names)
	-- A function of this name that somebody else has put here is none of ours.
	JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
	JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'campaign_lifecycle'
	WHERE l.access = $1 OR (l.access = 'reader' AND $1 IN ('writer', 'operator'))
$$;
COMMENT ON FUNCTION @extschema@._campaign_functions(text) IS
	'The functions that a level of access may execute: reader, writer, operator, or owner, what the worker calls as the owner of the tables.';

CREATE FUNCTION @extschema@._check_access_change(role regrole) RETURNS void
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	keeper oid;
	forbidden oid;
BEGIN
	IF role IS NULL THEN
		RAISE EXCEPTION 'role must not be null' USING ERRCODE = 'null_value_not_allowed', HINT = 'Give the name of a role, for instance ''app''.';
	END IF;
	IF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = role) THEN
		RAISE EXCEPTION 'role does not exist: %', role
			USING ERRCODE = 'undefined_object', HINT = 'Give the name of a role; nothing can be granted to PUBLIC.';
	END IF;
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		RAISE EXCEPTION 'the campaign tables are missing'
			USING ERRCODE = 'undefined_table', HINT = 'install_campaign_tables() makes them.';
	END IF;
	SELECT e.extowner INTO keeper FROM pg_extension AS e WHERE e.extname = 'campaign_lifecycle';
	SELECT o.owner
	INTO forbidden
	FROM (SELECT keeper UNION SELECT c.relowner FROM @extschema@._campaign_relations() AS r JOIN pg_class AS c ON c.oid = r.relation) AS o (owner)
	WHERE NOT pg_has_role(o.owner, 'USAGE')
	LIMIT 1;
	IF forbidden IS NOT NULL THEN
		RAISE EXCEPTION 'permission denied to change who may use campaigns'
			USING ERRCODE = 'insufficient_privilege', HINT = format('Call it as a superuser, or with the rights of %s.', forbidden::regrole);
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._check_access_change(regrole) IS
	'Raises 22004 for NULL, 42704 for no role, 42P01 without tables, and 42501 unless the caller has the rights of the owners of the extension and of the tables.';

CREATE FUNCTION @extschema@.grant_campaign_access(role regrole, access text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	item record;
BEGIN
	PERFORM @extschema@._check_access_change(role);
	IF access IS NULL OR access NOT IN ('reader', 'writer', 'operator') THEN
		RAISE EXCEPTION 'unknown access level: %', coalesce(left(access, 100), 'NULL')
			USING ERRCODE = CASE WHEN access IS NULL THEN 'null_value_not_allowed' ELSE 'invalid_parameter_value' END,
				HINT = 'Levels are reader, writer and operator.';
	END IF;
	EXECUTE format('GRANT USAGE ON SCHEMA %s TO %s', '@extschema@'::regnamespace, role);
	FOR item IN SELECT f.routine FROM @extschema@._campaign_functions(access) AS f (routine) LOOP
		EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %s', item.routine, role);
	END LOOP;
	-- The owner has every right on a table; a grant to the owner would only be something to lose.
	FOR item IN
		SELECT r.relation FROM @extschema@._campaign_relations() AS r JOIN pg_class AS c ON c.oid = r.relation WHERE c.relowner <> role
	LOOP
		EXECUTE format('GRANT SELECT ON TABLE %s TO %s', item.relation, role);
	END LOOP;
	-- By column, and the user's own columns with them. What the tables stamp and count themselves is nobody's to write.
	FOR item IN
		SELECT g.privilege, c.oid::regclass AS relation, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
		FROM (VALUES
			('writer', 'INSERT', 'campaigns', '{created_at,updated_at}'::name[]),
			('writer', 'UPDATE', 'campaigns', '{id,created_at,updated_at}'),
			('writer', 'INSERT', 'campaign_timers', '{executed_at,retry_count,created_at,updated_at}'),
			('writer', 'UPDATE', 'campaign_timers', '{id,campaign_id,timer_type,executed_at,created_at,updated_at}'),
			('writer', 'INSERT', 'campaign_metrics', '{}')) AS g (access, privilege, relation, withheld)
		JOIN pg_class AS c ON c.relnamespace = '@extschema@'::regnamespace AND c.relname = g.relation
		JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> ALL (g.withheld)
		WHERE g.access = access AND c.relowner <> role
		GROUP BY g.privilege, c.oid
	LOOP
		EXECUTE format('GRANT %s (%s) ON TABLE %s TO %s', item.privilege, item.columns, item.relation, role);
	END LOOP;
	IF access = 'operator' THEN
		EXECUTE format('GRANT UPDATE (status, scheduled_at, retry_count) ON TABLE %s TO %s', '@extschema@.campaign_timers'::regclass, role);
		EXECUTE format('GRANT INSERT (database_oid, paused), UPDATE (paused, changed_at) ON TABLE %s TO %s', '@extschema@.campaign_activation'::regclass, role);
		EXECUTE format('GRANT INSERT (timer_type, handler, handler_owner, timeout), UPDATE (handler, timeout, registered_at), DELETE ON TABLE %s TO %s',
			'@extschema@.campaign_timer_handlers'::regclass, role);
		EXECUTE format('GRANT INSERT (since) ON TABLE %s TO %s', '@extschema@.campaign_clean_run'::regclass, role);
		IF EXISTS (SELECT FROM pg_class AS c WHERE c.oid = to_regclass('@extschema@.campaign_backfills') AND c.relowner <> role) THEN
			EXECUTE format('GRANT INSERT, UPDATE, DELETE ON TABLE %s TO %s', '@extschema@.campaign_backfills'::regclass, role);
		END IF;
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.grant_campaign_access(regrole, text) IS
	'Gives a role access. reader: SELECT on all tables and views, and the monitoring functions. writer: reader, the verbs that create, move, schedule and cancel, and INSERT and UPDATE by column on campaigns and campaign_timers, INSERT on campaign_metrics; no DELETE, TRUNCATE, TRIGGER or REFERENCES, and nothing on the log and the executions. operator: reader, pause, resume, retry, run_due_timers(), the upkeep, and handlers of its own. Levels add up; call it again after adding a column or updating the extension. Errors: 22004, 22023 for another level, 42704; 42501 unless called with the rights of the owners of the extension and the tables. Since 1.1.';

CREATE FUNCTION @extschema@.revoke_campaign_access(role regrole) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	item record;
BEGIN
	PERFORM @extschema@._check_access_change(role);
	SELECT r.relation
	INTO item
	FROM @extschema@._campaign_relations() AS r
	JOIN pg_class AS c ON c.oid = r.relation
	WHERE c.relowner = role
	LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'role % owns %', role, item.relation
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'set_campaign_owner() gives the tables to another role, and takes all access from this one.';
	END IF;
	FOR item IN SELECT r.relation FROM @extschema@._campaign_relations() AS r LOOP
		EXECUTE format('REVOKE ALL ON TABLE %s FROM %s', item.relation, role);
	END LOOP;
	PERFORM @extschema@._revoke_campaign_functions(role);
END
$$;
COMMENT ON FUNCTION @extschema@.revoke_campaign_access(regrole) IS
	'Takes from a role whatever grant_campaign_access() or anyone else granted it on the tables, views and functions of the extension and on its schema. What it has through other roles stays. Errors: 22004, 42501, 42704; 55000 when it owns the tables. Since 1.1.';

CREATE FUNCTION @extschema@._revoke_campaign_functions(role regrole) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	item record;
BEGIN
	FOR item IN
		SELECT p.oid::regprocedure AS routine
		FROM pg_depend AS d
		JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'campaign_lifecycle'
		JOIN pg_proc AS p ON p.oid = d.objid
		WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND p.proowner <> role
			AND EXISTS (SELECT FROM aclexplode(p.proacl) AS a WHERE a.grantee = role)
	LOOP
		EXECUTE format('REVOKE ALL ON ROUTINE %s FROM %s', item.routine, role);
	END LOOP;
	IF NOT EXISTS (SELECT FROM pg_namespace AS n WHERE n.oid = '@extschema@'::regnamespace AND n.nspowner = role) THEN
		EXECUTE format('REVOKE ALL ON SCHEMA %s FROM %s', '@extschema@'::regnamespace, role);
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._revoke_campaign_functions(regrole) IS 'Takes from a role what it was granted on the functions of the extension and on its schema.';

CREATE FUNCTION @extschema@.set_campaign_owner(role regrole) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	former oid[];
	item record;
BEGIN
	PERFORM @extschema@._check_access_change(role);
	SELECT array_agg(DISTINCT c.relowner)
	INTO former
	FROM @extschema@._campaign_relations() AS r
	JOIN pg_class AS c ON c.oid = r.relation
	WHERE NOT r.is_member AND c.relowner <> role;
	-- Upkeep makes partitions in the schema.
	EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %s TO %s', '@extschema@'::regnamespace, role);
	FOR item IN SELECT r.relation FROM @extschema@._campaign_relations() AS r WHERE NOT r.is_member LOOP
		EXECUTE format('ALTER TABLE %s OWNER TO %s', item.relation, role);
	END LOOP;
	FOR item IN SELECT f.owner::regrole AS role FROM unnest(former) AS f (owner) LOOP
		IF NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = '@extschema@.campaign_activation'::regclass AND c.relowner = item.role) THEN
			EXECUTE format('REVOKE ALL ON TABLE %s FROM %s', '@extschema@.campaign_activation'::regclass, item.role);
		END IF;
		PERFORM @extschema@._revoke_campaign_functions(item.role);
	END LOOP;
	PERFORM @extschema@._grant_campaign_owner();
	PERFORM @extschema@._wake();
END
$$;
COMMENT ON FUNCTION @extschema@.set_campaign_owner(regrole) IS
	'Gives every table, partition, view and materialized view of the extension to one role, as whom the worker then writes, with the rights that it needs: USAGE and CREATE on the schema (the upkeep makes partitions) and EXECUTE on what the worker calls. Best a role without LOGIN and without members. The former owner keeps nothing. Errors: 22004, 42501, 42704. Since 1.1.';

CREATE FUNCTION @extschema@._grant_campaign_owner() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	owner regrole;
	item record;
BEGIN
	SELECT c.relowner INTO owner FROM pg_class AS c WHERE c.oid = '@extschema@.campaign_timers'::regclass;
	-- Upkeep makes partitions in the schema.
	IF NOT has_schema_privilege(owner, '@extschema@'::regnamespace, 'USAGE') OR NOT has_schema_privilege(owner, '@extschema@'::regnamespace, 'CREATE') THEN
		EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %s TO %s', '@extschema@'::regnamespace, owner);
	END IF;
	IF NOT has_table_privilege(owner, '@extschema@.campaign_activation', 'SELECT') THEN
		EXECUTE format('GRANT SELECT ON TABLE %s TO %s', '@extschema@.campaign_activation'::regclass, owner);
	END IF;
	FOR item IN
		SELECT f.routine
		FROM @extschema@._campaign_functions('owner') AS f (routine)
		WHERE NOT has_function_privilege(owner, f.routine, 'EXECUTE')
	LOOP
		EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %s', item.routine, owner);
	END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@._grant_campaign_owner() IS
	'Gives the owner of the tables what the worker needs: EXECUTE on what it calls, USAGE and CREATE on the schema; also after an update, which brings new functions.';
