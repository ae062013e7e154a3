-- Make the triggers that are missing: all of them for CREATE EXTENSION, also over tables that it adopts, and the new
-- ones for an update. Each trigger depends on the extension, so that DROP EXTENSION drops it and leaves the table.

CREATE FUNCTION campaign_lifecycle_internal._install_campaign_triggers() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $install$
DECLARE
	relation text;
	name text;
	definition text;
	-- A condition repeats the list of a constraint, so that the function is called for rows that violate it only.
	states constant text := (SELECT coalesce(string_agg(quote_literal(n.name), ', ' ORDER BY n.place), 'NULL')
		FROM unnest(campaign_lifecycle_internal._listed_names('state')) WITH ORDINALITY AS n (name, place));
	types constant text := (SELECT coalesce(string_agg(quote_literal(n.name), ', ' ORDER BY n.place), 'NULL')
		FROM unnest(campaign_lifecycle_internal._listed_names('timer type')) WITH ORDINALITY AS n (name, place));
BEGIN
	FOR relation, name, definition IN VALUES
		('campaigns', 'fill_campaign_end_time_on_insert',
			'BEFORE INSERT ON @extschema@.campaigns
				FOR EACH ROW EXECUTE FUNCTION @extschema@.fill_campaign_end_time()'),
		('campaigns', 'fill_campaign_end_time_on_update',
			'BEFORE UPDATE OF start_time, end_time, duration_hours ON @extschema@.campaigns
				FOR EACH ROW WHEN (OLD.start_time IS DISTINCT FROM NEW.start_time
					OR OLD.duration_hours IS DISTINCT FROM NEW.duration_hours OR OLD.end_time IS DISTINCT FROM NEW.end_time)
				EXECUTE FUNCTION @extschema@.fill_campaign_end_time()'),
		('campaigns', 'explain_invalid_campaign',
			'BEFORE INSERT ON @extschema@.campaigns
				FOR EACH ROW WHEN (NEW.status NOT IN (' || states || '))
				EXECUTE FUNCTION @extschema@.explain_check_violation(''valid_status'')'),
		-- The end_time is filled in by then, because triggers fire in the order of their names.
		('campaigns', 'fill_campaign_end_time_then_explain',
			'BEFORE INSERT OR UPDATE OF end_time, duration_hours ON @extschema@.campaigns
				FOR EACH ROW WHEN (NEW.duration_hours NOT BETWEEN 1 AND 876600
					OR NEW.end_time IS DISTINCT FROM NEW.start_time + NEW.duration_hours * interval ''1 hour'')
				EXECUTE FUNCTION @extschema@.explain_check_violation(''valid_duration'', ''valid_duration_limit'',
					''calculated_end_time'', ''valid_time_range'', ''end_time_needs_start_time'')'),
		-- No WHEN and no column is named here, because a user can then change the type of the columns.
		('campaigns', 'protect_new_campaign',
			'BEFORE INSERT ON @extschema@.campaigns
				FOR EACH ROW EXECUTE FUNCTION @extschema@.protect_columns()'),
		('campaigns', 'protect_campaign',
			'BEFORE UPDATE ON @extschema@.campaigns
				FOR EACH ROW EXECUTE FUNCTION @extschema@.protect_columns(''id'')'),
		('campaigns', 'update_campaigns_updated_at',
			'BEFORE UPDATE ON @extschema@.campaigns
				FOR EACH ROW EXECUTE FUNCTION @extschema@.update_updated_at_column()'),
		('campaigns', 'validate_campaign_state_transition',
			'BEFORE UPDATE ON @extschema@.campaigns
				FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
				EXECUTE FUNCTION @extschema@.validate_state_transition()'),
		('campaigns', 'log_campaign_creation',
			'AFTER INSERT ON @extschema@.campaigns
				FOR EACH ROW EXECUTE FUNCTION @extschema@.log_campaign_state_change()'),
		('campaigns', 'log_campaign_creation_flush',
			'AFTER INSERT ON @extschema@.campaigns
				FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.log_campaign_state_change()'),
		('campaigns', 'log_campaign_state_changes',
			'AFTER UPDATE ON @extschema@.campaigns
				FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
				EXECUTE FUNCTION @extschema@.log_campaign_state_change()'),
		('campaigns', 'log_campaign_state_changes_flush',
			'AFTER UPDATE ON @extschema@.campaigns
				FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.log_campaign_state_change()'),
		('campaign_timers', 'explain_new_timer',
			'BEFORE INSERT ON @extschema@.campaign_timers
				FOR EACH ROW WHEN (NEW.timer_type NOT IN (' || types || ')
					OR NEW.status NOT IN (''PENDING'', ''RUNNING'', ''COMPLETED'', ''FAILED'', ''CANCELLED'')
					OR NEW.retry_count NOT BETWEEN 0 AND @attempt_limit@)
				EXECUTE FUNCTION @extschema@.explain_check_violation(''valid_timer_type'', ''valid_timer_status'',
					''valid_retry_count'')'),
		('campaign_timers', 'explain_changed_timer',
			'BEFORE UPDATE OF timer_type, status, retry_count ON @extschema@.campaign_timers
				FOR EACH ROW WHEN ((NEW.timer_type <> OLD.timer_type OR NEW.status <> OLD.status
						OR NEW.retry_count <> OLD.retry_count)
					AND (NEW.timer_type NOT IN (' || types || ')
						OR NEW.status NOT IN (''PENDING'', ''RUNNING'', ''COMPLETED'', ''FAILED'', ''CANCELLED'')
						OR NEW.retry_count NOT BETWEEN 0 AND @attempt_limit@))
				EXECUTE FUNCTION @extschema@.explain_check_violation(''valid_timer_type'', ''valid_timer_status'',
					''valid_retry_count'')'),
		('campaign_timers', 'protect_new_timer',
			'BEFORE INSERT ON @extschema@.campaign_timers
				FOR EACH ROW EXECUTE FUNCTION @extschema@.protect_columns(''executed_at'')'),
		('campaign_timers', 'protect_timer',
			'BEFORE UPDATE ON @extschema@.campaign_timers
				FOR EACH ROW EXECUTE FUNCTION @extschema@.protect_columns(''id'', ''campaign_id'', ''timer_type'',
					''executed_at'')'),
		('campaign_metrics', 'explain_invalid_metric',
			'BEFORE INSERT OR UPDATE OF metric_type ON @extschema@.campaign_metrics
				FOR EACH ROW WHEN (NEW.metric_type NOT IN (''TIMER_EXECUTION_TIME'', ''STATE_TRANSITION_TIME'',
					''ENGAGEMENT_COUNT'', ''PARTICIPANT_COUNT'', ''REWARD_CLAIMED''))
				EXECUTE FUNCTION @extschema@.explain_check_violation(''valid_metric_type'')'),
		('campaign_timers', 'update_campaign_timers_updated_at',
			'BEFORE UPDATE ON @extschema@.campaign_timers
				FOR EACH ROW EXECUTE FUNCTION @extschema@.update_updated_at_column()'),
		('campaign_timers', 'validate_timer_scheduling',
			'BEFORE INSERT ON @extschema@.campaign_timers
				FOR EACH ROW WHEN (NEW.status IN (''PENDING'', ''RUNNING'')
					OR (NEW.status = ''FAILED'' AND NEW.retry_count < @attempt_limit@))
				EXECUTE FUNCTION @extschema@.validate_timer_schedule()'),
		('campaign_timers', 'validate_timer_rescheduling',
			'BEFORE UPDATE ON @extschema@.campaign_timers
				FOR EACH ROW WHEN ((NEW.scheduled_at >= ''@time_limit@'' OR NEW.scheduled_at = ''-infinity'')
					AND NEW.scheduled_at <> OLD.scheduled_at)
				EXECUTE FUNCTION @extschema@.validate_timer_schedule()'),
		('campaign_timers', 'mark_timer_cancelled_by_hand',
			'BEFORE UPDATE ON @extschema@.campaign_timers
				FOR EACH ROW WHEN (NEW.status = ''CANCELLED'' AND OLD.status <> ''CANCELLED''
					AND pg_catalog.current_setting(''campaign_lifecycle._by_policy'', true) IS DISTINCT FROM ''on'')
				EXECUTE FUNCTION @extschema@.mark_cancelled_timer()'),
		('campaign_timers', 'validate_timer_status_change',
			'BEFORE UPDATE ON @extschema@.campaign_timers
				FOR EACH ROW WHEN (OLD.status IN (''COMPLETED'', ''CANCELLED'')
					AND NEW.status NOT IN (''COMPLETED'', ''CANCELLED''))
				EXECUTE FUNCTION @extschema@.validate_timer_status()'),
		('campaign_timers', 'wake_worker_on_insert',
			'AFTER INSERT ON @extschema@.campaign_timers
				FOR EACH ROW WHEN (NEW.status IN (''PENDING'', ''FAILED'')) EXECUTE FUNCTION @extschema@._wake_worker()'),
		('campaign_timers', 'wake_worker_on_update',
			'AFTER UPDATE ON @extschema@.campaign_timers
				FOR EACH ROW WHEN (NEW.status IN (''PENDING'', ''FAILED'')
					AND (OLD.status IS DISTINCT FROM NEW.status OR OLD.scheduled_at IS DISTINCT FROM NEW.scheduled_at))
				EXECUTE FUNCTION @extschema@._wake_worker()'),
		('campaign_state_transitions', 'explain_invalid_transition',
			'BEFORE INSERT OR UPDATE ON @extschema@.campaign_state_transitions
				FOR EACH ROW EXECUTE FUNCTION @extschema@.explain_check_violation(''valid_from_state'', ''valid_to_state'',
					''valid_timer_type'', ''valid_state_change'')'),
		('campaign_timer_policies', 'explain_invalid_policy',
			'BEFORE INSERT OR UPDATE ON @extschema@.campaign_timer_policies
				FOR EACH ROW EXECUTE FUNCTION @extschema@.explain_check_violation(''valid_state'', ''valid_timer_type'',
					''valid_anchor'')'),
		('campaign_timer_policies', 'fill_timer_policy_delay',
			'BEFORE INSERT OR UPDATE ON @extschema@.campaign_timer_policies
				FOR EACH ROW EXECUTE FUNCTION @extschema@.fill_timer_policy_delay()'),
		('campaign_timer_policies', 'fill_timer_policy_delay_then_explain',
			'BEFORE INSERT OR UPDATE ON @extschema@.campaign_timer_policies
				FOR EACH ROW EXECUTE FUNCTION @extschema@.explain_check_violation(''valid_delay'')'),
		('campaign_maintenance_jobs', 'explain_invalid_job',
			'BEFORE INSERT OR UPDATE OF job, schedule, retention, months_ahead ON @extschema@.campaign_maintenance_jobs
				FOR EACH ROW EXECUTE FUNCTION @extschema@.explain_check_violation(''valid_job'', ''valid_schedule'',
					''valid_retention'', ''valid_months_ahead'')'),
		('campaign_timer_handlers', 'explain_invalid_handler',
			'BEFORE INSERT OR UPDATE ON @extschema@.campaign_timer_handlers
				FOR EACH ROW EXECUTE FUNCTION @extschema@.explain_check_violation(''valid_timer_type'', ''valid_timeout'')'),
		('campaign_tables_version', 'renew_campaign_tables_id',
			'AFTER TRUNCATE ON @extschema@.campaign_tables_version
				FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.renew_campaign_tables_id()'),
		('campaign_timer_policies', 'validate_timer_policy',
			'AFTER INSERT OR UPDATE OF only_when ON @extschema@.campaign_timer_policies
				FOR EACH ROW WHEN (NEW.only_when IS NOT NULL) EXECUTE FUNCTION @extschema@.validate_timer_policy()'),
		('campaign_timer_handlers', 'stamp_handler_owner',
			'BEFORE INSERT OR UPDATE ON @extschema@.campaign_timer_handlers
				FOR EACH ROW EXECUTE FUNCTION @extschema@.stamp_handler_owner()'),
		('campaign_timer_handlers', 'validate_timer_handler',
			'AFTER INSERT OR UPDATE ON @extschema@.campaign_timer_handlers
				FOR EACH ROW EXECUTE FUNCTION @extschema@.validate_timer_handler()')
	LOOP
		CONTINUE WHEN EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = to_regclass('@extschema@.' || relation)
			AND t.tgname = name);
		EXECUTE format('CREATE TRIGGER %I %s', name, definition);
		EXECUTE format('ALTER TRIGGER %I ON @extschema@.%I DEPENDS ON EXTENSION campaign_lifecycle', name, relation);
		-- Rows that logical replication applies wake the worker, too. This trigger writes nothing.
		IF name IN ('wake_worker_on_insert', 'wake_worker_on_update') THEN
			EXECUTE format('ALTER TABLE @extschema@.%I ENABLE ALWAYS TRIGGER %I', relation, name);
		END IF;
	END LOOP;
END
$install$;
COMMENT ON FUNCTION campaign_lifecycle_internal._install_campaign_triggers() IS
	'Makes the triggers of the campaign tables that are missing, and ties them to the extension.';
