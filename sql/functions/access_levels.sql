-- Levels of access: which functions each may execute. Public functions, and exactly the internal ones that these call.
--
-- writer and operator include reader, and neither includes the other. Levels of a role add up. The level owner is for
-- the role that owns the tables: what the worker calls.

CREATE FUNCTION campaign_lifecycle_internal._campaign_functions(access text) RETURNS SETOF regprocedure
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT p.oid::regprocedure
	FROM (VALUES
		('reader', '{
			campaign_health,campaign_timeline,_campaign_health,_campaign_relation_names,_campaign_relations,_check_as_of,
			_check_given,_cron_field,_health_as_owner,_health_maintenance,_health_processes,_health_server,_health_tables,
			_health_timers,_library_version,_next_cron_time,_overdue_holder,_row_holder,_table_health,_unknown_campaign,
			_workers}'::name[]),
		('writer', '{
			cancel_campaign,cancel_timer,create_campaign,record_metric,reschedule_campaign,reschedule_timer,retry_timer,
			schedule_campaign_timers,schedule_timer,transition_campaign,_apply_policies,_change_campaign_state,
			_check_duration,_check_given,_check_object,_check_schedule,_check_start_time,_check_text,_check_timer_type,
			_entered_at,_lock_campaign,_lock_timer,_policy_changes,_unknown_campaign,_uuid_v7}'),
		('operator', '{
			archive_old_state_logs,backfill_column,cleanup_timer_executions,create_monthly_partitions,pause_timers,
			register_handler,resume_timers,retry_timer,run_due_timers,unregister_handler,_backfill_check,_backfill_done,
			_backfill_has_waited,_backfill_hold,_backfill_key,_backfill_lock,_backfill_lock_timeout,_backfill_next,
			_backfill_parts,_backfill_report,_backfill_start,_backfill_trial,_backfill_try,_check_as_of,_check_given,
			_check_handler,_check_timer_type,_cutoff,_in_transaction_block,_is_campaign_owner,_lock_timer,_run_due_timers,
			_run_maintenance_as_owner,_short_lock_timeout,_wake}'),
		('owner', '{
			archive_old_state_logs,cleanup_timer_executions,create_monthly_partitions,fill_campaign_end_time,
			log_campaign_state_change,register_handler,unregister_handler,update_updated_at_column,validate_state_transition,
			validate_timer_handler,validate_timer_policy,validate_timer_schedule,_apply_timers,_archive_partition,
			_archive_partition_with_retry,_archive_step,_campaign_relation_names,_campaign_relations,_check_as_of,
			_check_given,_check_handler,_check_max_rows,_check_timer_type,_claim_batch,_claim_single_timer,
			_cleanup_finished_timers,_cleanup_metrics,_complete_single_timer,_copy_log_columns_to_archive,
			_create_month_partition,_create_month_partition_with_retry,_cron_field,_cutoff,_default_partition,
			_due_maintenance,_fail_single_timer,_fail_timer,_find_handler,_handler_of,_health_maintenance,_health_tables,
			_health_timers,_install_campaign_triggers,_is_campaign_owner,_is_run_by_live_process,_lock_single_timer,
			_maintenance_commands,_maintenance_failed,_missing_log_months,_months_of_rows,_move_log_rows,_next_cron_time,
			_next_due,_notify,_overdue_holder,_partitions,_postpone_timers,_record_handler,_recover_lost,_refresh_if_changed,
			_release_single_timer,_remove_executions,_remove_metrics,_remove_timers,_reset_constraints,_retry_maintenance_at,
			_row_holder,_run_maintenance_as_owner,_run_maintenance_step,_run_with_retry,_set_cron_database,_short_lock_timeout,
			_single_timer_due,_start_single_timer,_table_health,_upgrade_campaign_tables,_uuid_v7,_wake,_wake_worker}'))
			AS l (access, names)
	JOIN pg_proc AS p ON p.pronamespace IN ('@extschema@'::regnamespace, 'campaign_lifecycle_internal'::regnamespace)
		AND p.proname = ANY (l.names)
	-- The schema may hold a function of another owner with the same name.
	JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
		AND d.refclassid = 'pg_extension'::regclass
	JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'campaign_lifecycle'
	WHERE l.access = $1 OR (l.access = 'reader' AND $1 IN ('writer', 'operator'))
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._campaign_functions(text) IS
	'The functions that a level of access may execute: reader, writer, operator, or owner, what the worker calls as the '
	'owner of the tables.';
