-- The relations of the extension, listed once: their names, what each is, and what adoption asks of a table. The schema
-- may hold relations of the user's own. The order is that in which transactions lock them.

CREATE FUNCTION campaign_lifecycle_internal._campaign_relation_names()
	RETURNS TABLE (lock_order integer, name text, relkind text, is_member boolean, columns name[])
	LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
	VALUES
		(1, 'campaign_timers', 'r', false, '{id,campaign_id,timer_type,status,scheduled_at,executed_at,payload,retry_count,
			created_at,updated_at}'::name[]),
		(2, 'campaigns', 'r', false, '{id,status,metadata,created_at,updated_at,start_time,end_time,duration_hours,auto_close,
			rewards_enabled}'),
		(3, 'campaign_state_log', 'p', false, '{id,campaign_id,from_state,to_state,trigger_event,metadata,created_at}'),
		(4, 'campaign_state_log_archive', 'p', false,
			'{id,campaign_id,from_state,to_state,trigger_event,metadata,created_at}'),
		(5, 'campaign_metrics', 'r', false, '{id,campaign_id,metric_type,value,attributes,recorded_at}'),
		(6, 'timer_executions', 'r', false, '{id,timer_id,status,result,error_message,started_at,completed_at,
			execution_time_ms}'),
		(7, 'campaign_state_transitions', 'r', false, '{from_state,to_state,timer_type,priority}'),
		(8, 'campaign_timer_policies', 'r', false, '{state,timer_type,anchor,delay,only_when}'),
		(9, 'campaign_timer_handlers', 'r', false, '{timer_type,handler,handler_owner,timeout,registered_at}'),
		(10, 'campaign_maintenance_jobs', 'r', false, '{job,schedule,enabled,retention,months_ahead,last_run,last_duration,
			last_outcome,last_error,last_count,failures,reached,cron_database}'),
		(11, 'campaign_tables_version', 'r', false, '{version}'),
		(12, '_runnable_timers', 'v', false, NULL),
		(13, 'stuck_timers', 'v', false, NULL),
		(14, 'failed_timers', 'v', false, NULL),
		(15, 'dead_timers', 'v', false, NULL),
		(16, 'upcoming_timers', 'v', false, NULL),
		(17, 'campaign_state_distribution', 'v', false, NULL),
		(18, 'timer_execution_stats', 'v', false, NULL),
		(19, 'campaign_table_sizes', 'v', false, NULL),
		(20, 'mv_active_campaigns', 'm', false, NULL),
		(21, 'mv_pending_timers', 'm', false, NULL),
		(22, 'campaign_activation', 'r', true, NULL),
		(23, 'campaign_clean_run', 'r', true, NULL),
		(24, 'campaign_workers', 'v', true, NULL),
		(25, 'campaign_backfills', 'r', false, '{relation,column_name,value_expression,run,run_by,started_at,updated_at,
			finished_at,estimated_rows,rows_seen,rows_changed,batches,part,key_columns,reached,up_to,pass}'),
		(26, 'backfill_progress', 'v', false, NULL),
		-- Tables of 1.1 are adopted without it.
		(27, 'campaign_changes', 'r', false, NULL)
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._campaign_relation_names() IS
	'The relations of the extension by name: lock order, kind as in pg_class, whether it is a member of the extension, '
	'and the columns that a table must have to be adopted.';

CREATE FUNCTION campaign_lifecycle_internal._campaign_relations()
	RETURNS TABLE (relation regclass, is_member boolean, lock_order bigint)
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	WITH named (relation, is_member, lock_order) AS (
		SELECT c.oid, r.is_member, row_number() OVER (ORDER BY r.lock_order)
		FROM campaign_lifecycle_internal._campaign_relation_names() AS r
		JOIN pg_class AS c ON c.relnamespace = '@extschema@'::regnamespace AND c.relname = r.name)
	SELECT n.relation::regclass, n.is_member, n.lock_order FROM named AS n
	UNION ALL
	SELECT p.relid, n.is_member, n.lock_order
	FROM named AS n
	JOIN pg_class AS c ON c.oid = n.relation AND c.relkind = 'p'
	CROSS JOIN LATERAL pg_partition_tree(n.relation) AS p
	WHERE p.relid <> n.relation
	ORDER BY 3, 1
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._campaign_relations() IS
	'The tables, partitions, views and materialized views of the extension that exist, in the order of locking. Says '
	'whether each is a member of the extension.';
