-- Campaigns. docs/specification.md, "campaigns".
--
-- The default of an id uses built-in functions only. With a function of the extension in a default, DROP EXTENSION
-- would need CASCADE.

CREATE TABLE @extschema@.campaigns (
	id uuid DEFAULT @uuid_v7@ PRIMARY KEY,
	status varchar(20) NOT NULL,
	metadata jsonb NOT NULL DEFAULT '{}',
	created_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	updated_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	start_time timestamp with time zone,
	end_time timestamp with time zone,
	duration_hours integer NOT NULL,
	auto_close boolean NOT NULL DEFAULT true,
	rewards_enabled boolean NOT NULL DEFAULT true,
	CONSTRAINT valid_status CHECK (status IN ('CREATED', 'RUNNING', 'CLOSED', 'REWARD_CLAIM', 'EXPIRED')),
	CONSTRAINT valid_duration CHECK (duration_hours > 0),
	CONSTRAINT valid_duration_limit CHECK (duration_hours <= 876600),
	CONSTRAINT valid_time_range CHECK (end_time IS NULL OR end_time > start_time),
	CONSTRAINT calculated_end_time CHECK (end_time IS NULL
		OR end_time = start_time + (duration_hours * interval '1 hour')),
	CONSTRAINT end_time_needs_start_time CHECK (end_time IS NULL OR start_time IS NOT NULL)
);
CREATE INDEX idx_campaigns_status ON @extschema@.campaigns (status);
CREATE INDEX idx_campaigns_start_time ON @extschema@.campaigns (start_time);
CREATE INDEX idx_campaigns_end_time ON @extschema@.campaigns (end_time);
CREATE INDEX idx_campaigns_created_at ON @extschema@.campaigns (created_at);

-- The comments on constraints are hints: explain_check_violation() shows them where a row is refused.
COMMENT ON CONSTRAINT valid_status ON @extschema@.campaigns IS
	'States are in upper case, as campaign_state_transitions has them. A new campaign without a status gets the first.';
COMMENT ON CONSTRAINT valid_duration ON @extschema@.campaigns IS
	'duration_hours is from 1 to 876600 (100 years).';
COMMENT ON CONSTRAINT valid_duration_limit ON @extschema@.campaigns IS
	'duration_hours is from 1 to 876600 (100 years).';
COMMENT ON CONSTRAINT valid_time_range ON @extschema@.campaigns IS
	'end_time is after start_time. Leave it out: it is start_time plus duration_hours.';
COMMENT ON CONSTRAINT calculated_end_time ON @extschema@.campaigns IS
	'end_time is start_time plus duration_hours. Leave it out, and change duration_hours instead.';
COMMENT ON CONSTRAINT end_time_needs_start_time ON @extschema@.campaigns IS
	'Give start_time and duration_hours, and leave end_time out.';
COMMENT ON TABLE @extschema@.campaigns IS
	'A campaign and the state it is in. For every writer, the state changes along campaign_state_transitions only.';
COMMENT ON COLUMN @extschema@.campaigns.id IS 'A time-ordered UUID (version 7) unless the writer chooses one.';
COMMENT ON COLUMN @extschema@.campaigns.status IS 'The campaign''s state.';
COMMENT ON COLUMN @extschema@.campaigns.metadata IS
	'The application''s own; its keys trigger_event and changed_by name the cause of a state change when the same '
	'statement sets them.';
COMMENT ON COLUMN @extschema@.campaigns.updated_at IS
	'Stamped by every update with the clock, always later than it was.';
COMMENT ON COLUMN @extschema@.campaigns.start_time IS 'When the campaign is to start; NULL until known.';
COMMENT ON COLUMN @extschema@.campaigns.end_time IS
	'start_time plus duration_hours; filled in, and kept right when either changes.';
COMMENT ON COLUMN @extschema@.campaigns.duration_hours IS
	'Hours from start_time to end_time; from 1 to 876600 (100 years).';
COMMENT ON COLUMN @extschema@.campaigns.auto_close IS 'Whether the campaign closes at end_time by itself.';
COMMENT ON COLUMN @extschema@.campaigns.rewards_enabled IS
	'Whether a reward claim opens after the campaign has closed.';
