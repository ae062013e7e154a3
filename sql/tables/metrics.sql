-- Metrics. docs/specification.md, "campaign_metrics".

CREATE TABLE @extschema@.campaign_metrics (
	id uuid DEFAULT @uuid_v7@ PRIMARY KEY,
	campaign_id uuid NOT NULL REFERENCES @extschema@.campaigns (id) ON DELETE CASCADE,
	metric_type varchar(50) NOT NULL,
	value decimal(15, 4) NOT NULL,
	attributes jsonb NOT NULL DEFAULT '{}',
	recorded_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	CONSTRAINT valid_metric_type CHECK (metric_type IN (
		'ENGAGEMENT_COUNT', 'PARTICIPANT_COUNT', 'REWARD_CLAIMED', 'TIMER_EXECUTION_TIME', 'STATE_TRANSITION_TIME'))
);
CREATE INDEX idx_campaign_metrics_campaign_id ON @extschema@.campaign_metrics (campaign_id);
CREATE INDEX idx_campaign_metrics_type ON @extschema@.campaign_metrics (metric_type);
CREATE INDEX idx_campaign_metrics_recorded_at ON @extschema@.campaign_metrics (recorded_at);
CREATE INDEX idx_campaign_metrics_analytics ON @extschema@.campaign_metrics (campaign_id, metric_type, recorded_at);

COMMENT ON TABLE @extschema@.campaign_metrics IS
	'Metrics of campaigns: the application''s own counts, and times that the worker records.';
COMMENT ON COLUMN @extschema@.campaign_metrics.metric_type IS
	'ENGAGEMENT_COUNT, PARTICIPANT_COUNT, REWARD_CLAIMED: the application''s. TIMER_EXECUTION_TIME: milliseconds an '
	'executed timer took (of a batch, its time divided by its timers). STATE_TRANSITION_TIME: milliseconds from '
	'scheduled_at to the state change.';
COMMENT ON CONSTRAINT valid_metric_type ON @extschema@.campaign_metrics IS
	'Metric types are ENGAGEMENT_COUNT, PARTICIPANT_COUNT and REWARD_CLAIMED. The worker records TIMER_EXECUTION_TIME '
	'and STATE_TRANSITION_TIME.';
