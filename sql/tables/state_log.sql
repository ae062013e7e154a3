-- The log of state changes, partitioned by month, and its archive.
--
-- A primary key of a partitioned table contains the partition key. The default partition accepts rows of any month, so
-- that no log row is ever refused.

CREATE TABLE @extschema@.campaign_state_log (
	id uuid NOT NULL DEFAULT @uuid_v7@,
	campaign_id uuid NOT NULL REFERENCES @extschema@.campaigns (id) ON DELETE CASCADE,
	from_state varchar(20),
	to_state varchar(20) NOT NULL,
	trigger_event varchar(50) NOT NULL,
	metadata jsonb NOT NULL DEFAULT '{}',
	created_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	PRIMARY KEY (id, created_at),
	CONSTRAINT valid_from_state CHECK (from_state IN ('CREATED', 'RUNNING', 'CLOSED', 'REWARD_CLAIM', 'EXPIRED')),
	CONSTRAINT valid_to_state CHECK (to_state IN ('CREATED', 'RUNNING', 'CLOSED', 'REWARD_CLAIM', 'EXPIRED')),
	CONSTRAINT valid_state_transition CHECK (from_state <> to_state OR from_state IS NULL)
) PARTITION BY RANGE (created_at);
CREATE INDEX idx_campaign_state_log_campaign_id ON @extschema@.campaign_state_log (campaign_id);
CREATE INDEX idx_campaign_state_log_created_at ON @extschema@.campaign_state_log (created_at);
CREATE INDEX idx_campaign_state_log_trigger_event ON @extschema@.campaign_state_log (trigger_event);

CREATE TABLE @extschema@.campaign_state_log_default PARTITION OF @extschema@.campaign_state_log DEFAULT;

COMMENT ON TABLE @extschema@.campaign_state_log IS
	'Every state a campaign has entered, its creation included; (created_at, id) is the order in which it happened. '
	'Partitioned by month, in UTC.';
COMMENT ON COLUMN @extschema@.campaign_state_log.from_state IS 'The state it came from; NULL for its creation.';
COMMENT ON COLUMN @extschema@.campaign_state_log.trigger_event IS
	'The cause of the state change: the timer''s type, the setting campaign_lifecycle.trigger_event, the key of that '
	'name in the campaign''s metadata, or UNKNOWN; cut to 50 characters, whole in metadata.';
COMMENT ON COLUMN @extschema@.campaign_state_log.metadata IS
	'previous_updated_at, new_updated_at, changed_by and session_user, and what transition_campaign() was given.';
COMMENT ON COLUMN @extschema@.campaign_state_log.created_at IS
	'When it happened: the campaign''s updated_at at the state change.';
COMMENT ON TABLE @extschema@.campaign_state_log_default IS
	'Log rows of months that have no partition yet; create_monthly_partitions() moves them.';

CREATE TABLE @extschema@.campaign_state_log_archive (
	id uuid NOT NULL,
	campaign_id uuid NOT NULL,
	from_state varchar(20),
	to_state varchar(20) NOT NULL,
	trigger_event varchar(50) NOT NULL,
	metadata jsonb NOT NULL DEFAULT '{}',
	created_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	PRIMARY KEY (id, created_at),
	CONSTRAINT valid_from_state CHECK (from_state IN ('CREATED', 'RUNNING', 'CLOSED', 'REWARD_CLAIM', 'EXPIRED')),
	CONSTRAINT valid_to_state CHECK (to_state IN ('CREATED', 'RUNNING', 'CLOSED', 'REWARD_CLAIM', 'EXPIRED')),
	CONSTRAINT valid_state_transition CHECK (from_state <> to_state OR from_state IS NULL)
) PARTITION BY RANGE (created_at);
CREATE INDEX idx_campaign_state_log_archive_campaign_id ON @extschema@.campaign_state_log_archive (campaign_id);
CREATE INDEX idx_campaign_state_log_archive_created_at ON @extschema@.campaign_state_log_archive (created_at);
CREATE INDEX idx_campaign_state_log_archive_trigger_event ON @extschema@.campaign_state_log_archive (trigger_event);

CREATE TABLE @extschema@.campaign_state_log_archive_default PARTITION OF @extschema@.campaign_state_log_archive DEFAULT;

COMMENT ON TABLE @extschema@.campaign_state_log_archive IS
	'Log rows older than a year, moved here by archive_old_state_logs(). No foreign key: deleting a campaign does not '
	'erase its archived history.';
COMMENT ON TABLE @extschema@.campaign_state_log_archive_default IS
	'The part of the current cut-off month that is already archived.';
