-- The triggers of the tables. Each depends on the extension, so that DROP EXTENSION takes it along and leaves the table. A function of its own, since
-- CREATE EXTENSION over tables that were left makes only these again.
CREATE FUNCTION @extschema@._install_campaign_triggers() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $install$
BEGIN

CREATE TRIGGER fill_campaign_end_time_on_insert BEFORE INSERT ON @extschema@.campaigns
	FOR EACH ROW EXECUTE FUNCTION @extschema@.fill_campaign_end_time();
CREATE TRIGGER fill_campaign_end_time_on_update BEFORE UPDATE OF start_time, end_time, duration_hours ON @extschema@.campaigns
	FOR EACH ROW WHEN (OLD.start_time IS DISTINCT FROM NEW.start_time OR OLD.duration_hours IS DISTINCT FROM NEW.duration_hours OR OLD.end_time IS DISTINCT FROM NEW.end_time)
	EXECUTE FUNCTION @extschema@.fill_campaign_end_time();
CREATE TRIGGER update_campaigns_updated_at BEFORE UPDATE ON @extschema@.campaigns
	FOR EACH ROW EXECUTE FUNCTION @extschema@.update_updated_at_column();
CREATE TRIGGER validate_campaign_state_transition BEFORE UPDATE ON @extschema@.campaigns
	FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
	EXECUTE FUNCTION @extschema@.validate_state_transition();
CREATE TRIGGER log_campaign_creation AFTER INSERT ON @extschema@.campaigns
	FOR EACH ROW EXECUTE FUNCTION @extschema@.log_campaign_state_change();
CREATE TRIGGER log_campaign_creation_flush AFTER INSERT ON @extschema@.campaigns
	FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.log_campaign_state_change();
CREATE TRIGGER log_campaign_state_changes AFTER UPDATE ON @extschema@.campaigns
	FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
	EXECUTE FUNCTION @extschema@.log_campaign_state_change();
CREATE TRIGGER log_campaign_state_changes_flush AFTER UPDATE ON @extschema@.campaigns
	FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.log_campaign_state_change();

CREATE TRIGGER update_campaign_timers_updated_at BEFORE UPDATE ON @extschema@.campaign_timers
	FOR EACH ROW EXECUTE FUNCTION @extschema@.update_updated_at_column();
CREATE TRIGGER validate_timer_scheduling BEFORE INSERT ON @extschema@.campaign_timers
	FOR EACH ROW WHEN (NEW.status IN ('PENDING', 'RUNNING') OR (NEW.status = 'FAILED' AND NEW.retry_count < 5))
	EXECUTE FUNCTION @extschema@.validate_timer_schedule();
CREATE TRIGGER wake_worker_on_insert AFTER INSERT ON @extschema@.campaign_timers
	FOR EACH ROW WHEN (NEW.status IN ('PENDING', 'FAILED'))
	EXECUTE FUNCTION @extschema@._wake_worker();
CREATE TRIGGER wake_worker_on_update AFTER UPDATE ON @extschema@.campaign_timers
	FOR EACH ROW WHEN (NEW.status IN ('PENDING', 'FAILED') AND (OLD.status IS DISTINCT FROM NEW.status OR OLD.scheduled_at IS DISTINCT FROM NEW.scheduled_at))
	EXECUTE FUNCTION @extschema@._wake_worker();
CREATE TRIGGER validate_timer_handler AFTER INSERT OR UPDATE ON @extschema@.campaign_timer_handlers
	FOR EACH ROW EXECUTE FUNCTION @extschema@.validate_timer_handler();
-- Also what logical replication applies is to wake the worker; it invents nothing.
ALTER TABLE @extschema@.campaign_timers ENABLE ALWAYS TRIGGER wake_worker_on_insert;
ALTER TABLE @extschema@.campaign_timers ENABLE ALWAYS TRIGGER wake_worker_on_update;

ALTER TRIGGER fill_campaign_end_time_on_insert ON @extschema@.campaigns DEPENDS ON EXTENSION campaign_lifecycle;
ALTER TRIGGER fill_campaign_end_time_on_update ON @extschema@.campaigns DEPENDS ON EXTENSION campaign_lifecycle;
ALTER TRIGGER update_campaigns_updated_at ON @extschema@.campaigns DEPENDS ON EXTENSION campaign_lifecycle;
ALTER TRIGGER validate_campaign_state_transition ON @extschema@.campaigns DEPENDS ON EXTENSION campaign_lifecycle;
ALTER TRIGGER log_campaign_creation ON @extschema@.campaigns DEPENDS ON EXTENSION campaign_lifecycle;
ALTER TRIGGER log_campaign_creation_flush ON @extschema@.campaigns DEPENDS ON EXTENSION campaign_lifecycle;
ALTER TRIGGER log_campaign_state_changes ON @extschema@.campaigns DEPENDS ON EXTENSION campaign_lifecycle;
ALTER TRIGGER log_campaign_state_changes_flush ON @extschema@.campaigns DEPENDS ON EXTENSION campaign_lifecycle;
ALTER TRIGGER update_campaign_timers_updated_at ON @extschema@.campaign_timers DEPENDS ON EXTENSION campaign_lifecycle;
ALTER TRIGGER validate_timer_scheduling ON @extschema@.campaign_timers DEPENDS ON EXTENSION campaign_lifecycle;
ALTER TRIGGER wake_worker_on_insert ON @extschema@.campaign_timers DEPENDS ON EXTENSION campaign_lifecycle;
ALTER TRIGGER wake_worker_on_update ON @extschema@.campaign_timers DEPENDS ON EXTENSION campaign_lifecycle;
ALTER TRIGGER validate_timer_handler ON @extschema@.campaign_timer_handlers DEPENDS ON EXTENSION campaign_lifecycle;
END
$install$;
COMMENT ON FUNCTION @extschema@._install_campaign_triggers() IS 'Makes the triggers of the campaign tables and ties them to the extension.';
