-- Make the triggers that are missing: all of them for CREATE EXTENSION, also over tables that it adopts, and the new
-- ones for an update. Each trigger depends on the extension, so that DROP EXTENSION drops it and leaves the table.

CREATE FUNCTION campaign_lifecycle_internal._install_campaign_triggers() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $install$
DECLARE
	relation text;
	name text;
	definition text;
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
		('campaign_timers', 'wake_worker_on_insert',
			'AFTER INSERT ON @extschema@.campaign_timers
				FOR EACH ROW WHEN (NEW.status IN (''PENDING'', ''FAILED'')) EXECUTE FUNCTION @extschema@._wake_worker()'),
		('campaign_timers', 'wake_worker_on_update',
			'AFTER UPDATE ON @extschema@.campaign_timers
				FOR EACH ROW WHEN (NEW.status IN (''PENDING'', ''FAILED'')
					AND (OLD.status IS DISTINCT FROM NEW.status OR OLD.scheduled_at IS DISTINCT FROM NEW.scheduled_at))
				EXECUTE FUNCTION @extschema@._wake_worker()'),
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
