-- Timers. docs/specification.md, "campaign_timers".
--
-- Two indexes are ours. unique_waiting_timer_per_type also counts a timer that waits for its next attempt. The claim
-- reads idx_campaign_timers_retry, because that index has no dead timers.

CREATE TABLE @extschema@.campaign_timers (
	id uuid DEFAULT @uuid_v7@ PRIMARY KEY,
	campaign_id uuid NOT NULL REFERENCES @extschema@.campaigns (id) ON DELETE CASCADE,
	timer_type varchar(50) NOT NULL,
	status varchar(20) NOT NULL DEFAULT 'PENDING',
	scheduled_at timestamp with time zone NOT NULL,
	executed_at timestamp with time zone,
	payload jsonb NOT NULL DEFAULT '{}',
	retry_count integer NOT NULL DEFAULT 0,
	created_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	updated_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	CONSTRAINT valid_timer_type CHECK (timer_type IN ('START_CAMPAIGN', 'CLOSE_CAMPAIGN', 'EXPIRE_CAMPAIGN',
		'REWARD_REMINDER')),
	CONSTRAINT valid_timer_status CHECK (status IN ('PENDING', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED')),
	CONSTRAINT valid_retry_count CHECK (retry_count >= 0 AND retry_count <= @attempt_limit@)
);
CREATE INDEX idx_campaign_timers_campaign_id ON @extschema@.campaign_timers (campaign_id);
CREATE INDEX idx_campaign_timers_status ON @extschema@.campaign_timers (status);
CREATE INDEX idx_campaign_timers_scheduled_at ON @extschema@.campaign_timers (scheduled_at);
CREATE INDEX idx_campaign_timers_timer_type ON @extschema@.campaign_timers (timer_type);
CREATE INDEX idx_campaign_timers_processing ON @extschema@.campaign_timers (status, scheduled_at)
	WHERE status IN ('PENDING', 'FAILED');
CREATE UNIQUE INDEX unique_active_timer_per_type ON @extschema@.campaign_timers (campaign_id, timer_type)
	WHERE status IN ('PENDING', 'RUNNING');
CREATE UNIQUE INDEX unique_waiting_timer_per_type ON @extschema@.campaign_timers (campaign_id, timer_type)
	WHERE status IN ('PENDING', 'RUNNING') OR (status = 'FAILED' AND retry_count < @attempt_limit@);
CREATE INDEX idx_campaign_timers_retry ON @extschema@.campaign_timers (scheduled_at, retry_count)
	WHERE status = 'FAILED' AND retry_count < @attempt_limit@;

COMMENT ON CONSTRAINT valid_timer_type ON @extschema@.campaign_timers IS
	'Timer types are in upper case, as campaign_state_transitions has them.';
COMMENT ON CONSTRAINT valid_timer_status ON @extschema@.campaign_timers IS
	'A timer is PENDING, RUNNING, COMPLETED, FAILED or CANCELLED. A new one is PENDING if no status is given.';
COMMENT ON CONSTRAINT valid_retry_count ON @extschema@.campaign_timers IS
	'retry_count is from 0 to @attempt_limit@. retry_timer() gives a timer all its attempts again.';
COMMENT ON TABLE @extschema@.campaign_timers IS
	'Timers: which state change or event a campaign gets, and when. A timer is due when scheduled_at has come and it '
	'waits (PENDING, or FAILED with attempts left).';
COMMENT ON COLUMN @extschema@.campaign_timers.timer_type IS
	'The type; what a timer of it does when due, is in campaign_state_transitions and campaign_timer_policies.';
COMMENT ON COLUMN @extschema@.campaign_timers.status IS
	'PENDING, RUNNING (an attempt with a handler), COMPLETED, FAILED (waits for its next attempt, or dead when none is '
	'left), CANCELLED.';
COMMENT ON COLUMN @extschema@.campaign_timers.scheduled_at IS
	'When it is due; after a failed attempt, when it is tried again.';
COMMENT ON COLUMN @extschema@.campaign_timers.executed_at IS
	'When it was carried out; minus scheduled_at: its lateness.';
COMMENT ON COLUMN @extschema@.campaign_timers.payload IS
	'The application''s own; the key "policy" marks a timer that a policy made and may move, "postponed" one that came '
	'too early, with the states for which it waits.';
COMMENT ON COLUMN @extschema@.campaign_timers.retry_count IS
	'Failed attempts so far; @attempt_limit@ once another timer has taken the place of a dead one.';
COMMENT ON INDEX @extschema@.unique_waiting_timer_per_type IS
	'One timer of a type waits at a time, those that wait for their next attempt included.';
COMMENT ON INDEX @extschema@.idx_campaign_timers_retry IS
	'The claim reads failed timers that have attempts left by this index. It has no dead timers.';
