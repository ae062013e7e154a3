-- The schema of the specification as it stands, plpgsql triggers and row-level log included. The ways by hand use it, which the
-- extension is compared with. It is corrected only where it does not run: ids have defaults (its log trigger inserts without one), the log is partitioned with a primary key
-- that holds the partition key, and an unchanged status passes validate_state_transition. Archive, partitions and views are not on the measured path.

CREATE TABLE campaigns (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	status varchar(20) NOT NULL,
	metadata jsonb NOT NULL DEFAULT '{}',
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now(),
	start_time timestamptz,
	end_time timestamptz,
	duration_hours integer NOT NULL,
	auto_close boolean NOT NULL DEFAULT true,
	rewards_enabled boolean NOT NULL DEFAULT true,
	CONSTRAINT valid_status CHECK (status IN ('CREATED', 'RUNNING', 'CLOSED', 'REWARD_CLAIM', 'EXPIRED')),
	CONSTRAINT valid_duration CHECK (duration_hours > 0),
	CONSTRAINT valid_time_range CHECK (end_time IS NULL OR end_time > start_time),
	CONSTRAINT calculated_end_time CHECK (end_time IS NULL OR end_time = start_time + (duration_hours * interval '1 hour'))
);
CREATE INDEX idx_campaigns_status ON campaigns (status);
CREATE INDEX idx_campaigns_start_time ON campaigns (start_time);
CREATE INDEX idx_campaigns_end_time ON campaigns (end_time);
CREATE INDEX idx_campaigns_created_at ON campaigns (created_at);

CREATE TABLE campaign_timers (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	campaign_id uuid NOT NULL REFERENCES campaigns (id) ON DELETE CASCADE,
	timer_type varchar(50) NOT NULL,
	status varchar(20) NOT NULL DEFAULT 'PENDING',
	scheduled_at timestamptz NOT NULL,
	executed_at timestamptz,
	payload jsonb NOT NULL DEFAULT '{}',
	retry_count integer NOT NULL DEFAULT 0,
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now(),
	CONSTRAINT valid_timer_type CHECK (timer_type IN ('START_CAMPAIGN', 'CLOSE_CAMPAIGN', 'EXPIRE_CAMPAIGN', 'REWARD_REMINDER')),
	CONSTRAINT valid_timer_status CHECK (status IN ('PENDING', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED')),
	CONSTRAINT valid_retry_count CHECK (retry_count >= 0 AND retry_count <= 5)
);
CREATE INDEX idx_campaign_timers_campaign_id ON campaign_timers (campaign_id);
CREATE INDEX idx_campaign_timers_status ON campaign_timers (status);
CREATE INDEX idx_campaign_timers_scheduled_at ON campaign_timers (scheduled_at);
CREATE INDEX idx_campaign_timers_timer_type ON campaign_timers (timer_type);
CREATE INDEX idx_campaign_timers_processing ON campaign_timers (status, scheduled_at) WHERE status IN ('PENDING', 'FAILED');
CREATE UNIQUE INDEX unique_active_timer_per_type ON campaign_timers (campaign_id, timer_type) WHERE status IN ('PENDING', 'RUNNING');

CREATE TABLE campaign_state_log (
	id uuid NOT NULL DEFAULT gen_random_uuid(),
	campaign_id uuid NOT NULL REFERENCES campaigns (id) ON DELETE CASCADE,
	from_state varchar(20),
	to_state varchar(20) NOT NULL,
	trigger_event varchar(50) NOT NULL,
	metadata jsonb NOT NULL DEFAULT '{}',
	created_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (id, created_at),
	CONSTRAINT valid_from_state CHECK (from_state IN ('CREATED', 'RUNNING', 'CLOSED', 'REWARD_CLAIM', 'EXPIRED')),
	CONSTRAINT valid_to_state CHECK (to_state IN ('CREATED', 'RUNNING', 'CLOSED', 'REWARD_CLAIM', 'EXPIRED')),
	CONSTRAINT valid_state_transition CHECK (from_state != to_state OR from_state IS NULL)
) PARTITION BY RANGE (created_at);
CREATE INDEX idx_campaign_state_log_campaign_id ON campaign_state_log (campaign_id);
CREATE INDEX idx_campaign_state_log_created_at ON campaign_state_log (created_at);
CREATE INDEX idx_campaign_state_log_trigger_event ON campaign_state_log (trigger_event);
CREATE TABLE campaign_state_log_default PARTITION OF campaign_state_log DEFAULT;

CREATE TABLE campaign_metrics (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	campaign_id uuid NOT NULL REFERENCES campaigns (id) ON DELETE CASCADE,
	metric_type varchar(50) NOT NULL,
	value decimal(15, 4) NOT NULL,
	attributes jsonb NOT NULL DEFAULT '{}',
	recorded_at timestamptz NOT NULL DEFAULT now(),
	CONSTRAINT valid_metric_type CHECK (metric_type IN (
		'ENGAGEMENT_COUNT', 'PARTICIPANT_COUNT', 'REWARD_CLAIMED', 'TIMER_EXECUTION_TIME', 'STATE_TRANSITION_TIME'))
);
CREATE INDEX idx_campaign_metrics_campaign_id ON campaign_metrics (campaign_id);
CREATE INDEX idx_campaign_metrics_type ON campaign_metrics (metric_type);
CREATE INDEX idx_campaign_metrics_recorded_at ON campaign_metrics (recorded_at);
CREATE INDEX idx_campaign_metrics_analytics ON campaign_metrics (campaign_id, metric_type, recorded_at);

CREATE TABLE timer_executions (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	timer_id uuid NOT NULL REFERENCES campaign_timers (id) ON DELETE CASCADE,
	status varchar(20) NOT NULL DEFAULT 'STARTED',
	result jsonb,
	error_message text,
	started_at timestamptz NOT NULL DEFAULT now(),
	completed_at timestamptz,
	execution_time_ms integer,
	CONSTRAINT valid_execution_status CHECK (status IN ('STARTED', 'COMPLETED', 'FAILED')),
	CONSTRAINT valid_execution_time CHECK (execution_time_ms IS NULL OR execution_time_ms >= 0),
	CONSTRAINT valid_completion CHECK (
		(status = 'COMPLETED' AND completed_at IS NOT NULL)
		OR (status = 'FAILED' AND completed_at IS NOT NULL)
		OR (status = 'STARTED' AND completed_at IS NULL))
);
CREATE INDEX idx_timer_executions_timer_id ON timer_executions (timer_id);
CREATE INDEX idx_timer_executions_status ON timer_executions (status);
CREATE INDEX idx_timer_executions_started_at ON timer_executions (started_at);

CREATE FUNCTION update_updated_at_column() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.updated_at = NOW();
	RETURN NEW;
END;
$$;
CREATE TRIGGER update_campaigns_updated_at BEFORE UPDATE ON campaigns
	FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
CREATE TRIGGER update_campaign_timers_updated_at BEFORE UPDATE ON campaign_timers
	FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE FUNCTION log_campaign_state_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF (OLD.status IS DISTINCT FROM NEW.status) THEN
		INSERT INTO campaign_state_log (campaign_id, from_state, to_state, trigger_event, metadata)
		VALUES (NEW.id, OLD.status, NEW.status, COALESCE(NEW.metadata->>'trigger_event', 'UNKNOWN'),
			jsonb_build_object('previous_updated_at', OLD.updated_at, 'new_updated_at', NEW.updated_at,
				'changed_by', NEW.metadata->>'changed_by'));
	END IF;
	RETURN NEW;
END;
$$;
CREATE TRIGGER log_campaign_state_changes AFTER UPDATE ON campaigns
	FOR EACH ROW EXECUTE FUNCTION log_campaign_state_change();

CREATE FUNCTION validate_timer_schedule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF EXISTS (SELECT 1 FROM campaigns WHERE id = NEW.campaign_id AND status = 'EXPIRED') THEN
		RAISE EXCEPTION 'Cannot schedule timer for expired campaign: %', NEW.campaign_id;
	END IF;
	IF NEW.scheduled_at < (NOW() - INTERVAL '1 minute') THEN
		RAISE EXCEPTION 'Cannot schedule timer in the past: %', NEW.scheduled_at;
	END IF;
	RETURN NEW;
END;
$$;
CREATE TRIGGER validate_timer_scheduling BEFORE INSERT ON campaign_timers
	FOR EACH ROW EXECUTE FUNCTION validate_timer_schedule();

CREATE FUNCTION validate_state_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF OLD.status IS NOT DISTINCT FROM NEW.status THEN
		RETURN NEW;
	END IF;
	IF (OLD.status, NEW.status) NOT IN (
		('CREATED', 'RUNNING'), ('RUNNING', 'CLOSED'), ('CLOSED', 'REWARD_CLAIM'),
		('REWARD_CLAIM', 'EXPIRED'), ('RUNNING', 'EXPIRED'), ('CLOSED', 'EXPIRED')) THEN
		RAISE EXCEPTION 'Invalid state transition from % to %', OLD.status, NEW.status;
	END IF;
	RETURN NEW;
END;
$$;
CREATE TRIGGER validate_campaign_state_transition BEFORE UPDATE ON campaigns
	FOR EACH ROW EXECUTE FUNCTION validate_state_transition();
