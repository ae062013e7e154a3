-- Changes of plan. The update makes this table in databases of 1.1.
--
-- timer_id has no foreign key: the cleanup of finished timers leaves the history of their plan.

CREATE TABLE @extschema@.campaign_changes (
	id uuid DEFAULT @uuid_v7@ PRIMARY KEY,
	campaign_id uuid NOT NULL REFERENCES @extschema@.campaigns (id) ON DELETE CASCADE,
	timer_id uuid,
	timer_type varchar(50),
	operation varchar(50) NOT NULL,
	changed_by text NOT NULL,
	session_role text NOT NULL,
	before jsonb,
	after jsonb NOT NULL,
	changed_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now()
);
CREATE INDEX idx_campaign_changes_campaign_id ON @extschema@.campaign_changes (campaign_id);
CREATE INDEX idx_campaign_changes_changed_at ON @extschema@.campaign_changes (changed_at);

COMMENT ON TABLE @extschema@.campaign_changes IS
	'Changes of plan that functions of the API have made: who, when, what was and what is. Plain INSERT and UPDATE '
	'leave no row here. Since 1.2.';
COMMENT ON COLUMN @extschema@.campaign_changes.timer_id IS
	'The timer that was changed; NULL for times of the campaign.';
COMMENT ON COLUMN @extschema@.campaign_changes.timer_type IS 'The type of that timer.';
COMMENT ON COLUMN @extschema@.campaign_changes.operation IS 'The function that was called.';
COMMENT ON COLUMN @extschema@.campaign_changes.changed_by IS
	'The author, as the log has it: the setting campaign_lifecycle.changed_by, or the user of the session.';
COMMENT ON COLUMN @extschema@.campaign_changes.session_role IS 'The user of the session.';
COMMENT ON COLUMN @extschema@.campaign_changes.before IS
	'The plan that was: start_time, end_time and duration_hours of a campaign, or status, scheduled_at, retry_count and '
	'payload of a timer; NULL for a new timer.';
COMMENT ON COLUMN @extschema@.campaign_changes.after IS 'The plan that is, with the same keys.';
COMMENT ON COLUMN @extschema@.campaign_changes.changed_at IS 'When the function did it.';
