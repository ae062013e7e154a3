-- Attempts at timers. docs/specification.md, "timer_executions".

CREATE TABLE @extschema@.timer_executions (
	id uuid DEFAULT @uuid_v7@ PRIMARY KEY,
	timer_id uuid NOT NULL REFERENCES @extschema@.campaign_timers (id) ON DELETE CASCADE,
	status varchar(20) NOT NULL DEFAULT 'STARTED',
	result jsonb,
	error_message text,
	started_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	completed_at timestamp with time zone,
	execution_time_ms integer,
	CONSTRAINT valid_execution_status CHECK (status IN ('STARTED', 'COMPLETED', 'FAILED')),
	CONSTRAINT valid_execution_time CHECK (execution_time_ms IS NULL OR execution_time_ms >= 0),
	CONSTRAINT valid_completion CHECK (
		(status = 'COMPLETED' AND completed_at IS NOT NULL)
		OR (status = 'FAILED' AND completed_at IS NOT NULL)
		OR (status = 'STARTED' AND completed_at IS NULL))
);
CREATE INDEX idx_timer_executions_timer_id ON @extschema@.timer_executions (timer_id);
CREATE INDEX idx_timer_executions_status ON @extschema@.timer_executions (status);
CREATE INDEX idx_timer_executions_started_at ON @extschema@.timer_executions (started_at);

COMMENT ON TABLE @extschema@.timer_executions IS 'Every attempt at a timer, one row each.';
COMMENT ON COLUMN @extschema@.timer_executions.result IS
	'{"from", "to"} of a state change, {"event"} of a reminder, {"skipped": true, "reason"} when there was nothing to '
	'do; with a handler also its own result under "handler". Of a failed attempt {"worker_lost": true} when its process '
	'ended, else NULL.';
COMMENT ON COLUMN @extschema@.timer_executions.error_message IS 'Of a failed attempt: SQLSTATE: message.';
COMMENT ON COLUMN @extschema@.timer_executions.execution_time_ms IS
	'Milliseconds; of a batch, its time divided by its timers.';

CREATE INDEX idx_timer_executions_completed_at ON @extschema@.timer_executions (completed_at)
	WHERE status = 'COMPLETED';
COMMENT ON INDEX @extschema@.idx_timer_executions_completed_at IS
	'The cleanup reads the oldest executions by this index. It has no failed ones, which stay.';
