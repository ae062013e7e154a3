-- Levels of access: which functions each may execute. Public functions, and exactly the internal ones that these call.
--
-- writer and operator include reader, and neither includes the other. Levels of a role add up. The level owner is for
-- the role that owns the tables: what the worker calls.

CREATE FUNCTION campaign_lifecycle_internal._campaign_functions(access text) RETURNS SETOF regprocedure
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT p.oid::regprocedure FROM (VALUES
		('reader', '{
			campaign_events_since,campaign_health,campaign_timeline,current_event_id,_activation_state,
			_campaign_health,_campaign_relation_names,_campaign_relations,_check_as_of,_check_given,_check_schema,
			_cron_field,_cron_fields,_event_horizon,_events_after,
			_health_activation,_health_as_owner,_health_error,_health_executions,_health_launcher,
			_health_maintenance,_health_missing_timers,_health_partitions,_health_privileges,
			_health_rescheduled_campaigns,_health_search_path,_health_snapshot,_health_state_machine,
			_health_tables_version,_health_timers,_health_triggers,_health_vacuum,_health_worker,_is_cron_schedule,
			_library_version,_missing_timers,_next_cron_time,_overdue_holder,_parse_event_id,_raise_no_tables,
			_renamed_schema,_row_holder,_table_health,_timeline_of_changes,_turn_health,_turns,
			_unknown_campaign,_workers}'::name[]),
		('writer', '{
			cancel_campaign,cancel_timer,create_campaign,extend_campaign,record_metric,reschedule_campaign,
			reschedule_timer,retry_timer,schedule_campaign_timers,schedule_missing_timers,schedule_timer,
			transition_campaign,_acting_states,_apply_policies,_bury_dead_timers,_campaign_plan,
			_change_campaign_state,_check_can_reschedule,_check_duration,_check_given,_check_object,
			_check_schedule,_check_start_time,_check_text,_check_timer_type,_entered_at,_first_state,
			_insert_timer,_listed_names,_lock_campaign,_lock_timer,_move_behind_timer,_move_campaign,_name_lists,
			_notice_plan,_policy_changes,_record_campaign_change,_record_change,_record_timer_change,_retry_time,
			_revive_timer,_schedule_missing,_timer_plan,_transition_hint,_unknown_campaign,_uuid_v7}'),
		('operator', '{
			archive_old_state_logs,backfill_column,cleanup_campaign_changes,cleanup_timer_executions,
			create_monthly_partitions,pause_timers,register_handler,resume_timers,retry_timer,run_due_timers,
			unregister_handler,_backfill_check,_backfill_check_column,_backfill_check_run,_backfill_done,
			_backfill_has_waited,_backfill_hold,_backfill_key,_backfill_lock,_backfill_lock_timeout,_backfill_next,
			_backfill_next_by_blocks,_backfill_next_by_key,_backfill_parts,_backfill_report,_backfill_start,
			_backfill_trial,_backfill_try,_bury_dead_timers,_check_as_of,_check_given,_check_handler,
			_check_timer_type,_cutoff,_in_transaction_block,_is_campaign_owner,_listed_names,_lock_timer,
			_make_own,_name_lists,_record_change,_record_timer_change,_retry_time,_run_due_timers,
			_run_due_timers_at,_run_maintenance_as_owner,_short_lock_timeout,_tables_id,_timer_plan,_wake}'),
		('owner', '{
			add_campaign_state,add_timer_type,archive_old_state_logs,cleanup_campaign_changes,
			cleanup_timer_executions,create_monthly_partitions,drop_campaign_state,drop_timer_type,
			explain_check_violation,fill_campaign_end_time,fill_timer_policy_delay,log_campaign_state_change,
			mark_cancelled_timer,protect_columns,register_handler,renew_campaign_tables_id,run_due_timers,
			stamp_handler_owner,unregister_handler,update_updated_at_column,validate_state_transition,
			validate_timer_handler,validate_timer_policy,validate_timer_schedule,validate_timer_status,
			_acting_states,_activation_state,_add_campaign_changes,_add_name,_apply_timers,_archive_partition,
			_archive_partition_with_retry,_archive_step,_begin_name_change,_campaign_relation_names,
			_campaign_relations,_change_check_list,_change_lists,_change_names,_change_names_as_owner,_change_trigger_list,
			_check_as_of,_check_given,_check_handler,_check_max_rows,_check_schema,_check_timer_type,
			_check_unused,_claim_batch,_claim_single_timer,_cleanup_finished_timers,_cleanup_metrics,_cleanup_step,
			_complete_single_timer,_copy_grants,_copy_log_columns_to_archive,_copy_readers,_create_month_partition,
			_create_month_partition_with_retry,_create_month_table,_create_next_month,_cron_field,_cron_fields,
			_cutoff,_default_partition,_drop_name,_due_maintenance,_event_id,_fail_single_timer,_fail_timer,
			_find_handler,_first_state,_fit_to_archive,_handler_of,_has_column,_health_error,_health_executions,
			_health_maintenance,_health_missing_timers,_health_partitions,_health_privileges,
			_health_rescheduled_campaigns,_health_search_path,_health_state_machine,_health_tables_version,
			_health_timers,_health_triggers,_insert_default_rows,_install_campaign_triggers,_is_campaign_owner,
			_is_cron_schedule,_is_listed_everywhere,_is_run_by_live_process,_is_searched_quickly,_listed_names,
			_lock_access,_lock_single_timer,_maintenance_commands,_maintenance_failed,_make_month_while_paused,
			_mend_schedule,_mend_schedules,_missing_log_months,_missing_timers,_months_of_rows,_move_log_rows,
			_name_list_tables,_name_lists,_next_cron_time,_next_due,_next_month_to_archive,_notifies,
			_notify_completed,_notify_failed,_overdue_holder,_partitions,_postpone_timers,_raise_no_tables,
			_record_handler,_recover_lost,_refresh_if_changed,_release_single_timer,_remove_changes,
			_remove_executions,_remove_metrics,_remove_name,_remove_timers,_renamed_schema,_renew_tables_id,
			_reset_constraints,_retry_maintenance_at,_row_holder,_run_due_timers,_run_due_timers_at,
			_run_maintenance_as_owner,_run_maintenance_step,_run_outside_script,_run_with_retry,_set_cron_database,
			_share_access,_short_lock_timeout,_single_timer_due,_table_grants,_table_health,
			_upgrade_campaign_tables,_uuid_v7,_validate_for_archive,_wake,_wake_worker}')) AS l (access, names)
	JOIN pg_proc AS p ON p.proname = ANY (l.names)
		AND p.pronamespace IN ('@extschema@'::regnamespace, 'campaign_lifecycle_internal'::regnamespace)
	-- The schema may hold a function of another owner with the same name.
	JOIN pg_depend AS d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
	JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'campaign_lifecycle'
	WHERE l.access = $1 OR (l.access = 'reader' AND $1 IN ('writer', 'operator'))
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._campaign_functions(text) IS
	'The functions that a level of access may execute: reader, writer, operator, or owner, what the worker calls as the '
	'owner of the tables.';
