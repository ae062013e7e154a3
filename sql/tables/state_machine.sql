-- The state machine and the timer policies, as data. No code lists states, timer types or delays.

CREATE TABLE @extschema@.campaign_state_transitions (
	from_state varchar(20) NOT NULL,
	to_state varchar(20) NOT NULL,
	timer_type varchar(50),
	priority integer NOT NULL DEFAULT 100,
	CONSTRAINT campaign_state_transitions_pkey PRIMARY KEY (from_state, to_state),
	CONSTRAINT unique_timer_per_from_state UNIQUE (from_state, timer_type),
	CONSTRAINT valid_from_state CHECK (from_state IN ('CREATED', 'RUNNING', 'CLOSED', 'REWARD_CLAIM', 'EXPIRED')),
	CONSTRAINT valid_to_state CHECK (to_state IN ('CREATED', 'RUNNING', 'CLOSED', 'REWARD_CLAIM', 'EXPIRED')),
	CONSTRAINT valid_timer_type CHECK (timer_type IN ('START_CAMPAIGN', 'CLOSE_CAMPAIGN', 'EXPIRE_CAMPAIGN',
		'REWARD_REMINDER')),
	CONSTRAINT valid_state_change CHECK (from_state <> to_state)
);
COMMENT ON CONSTRAINT valid_from_state ON @extschema@.campaign_state_transitions IS
	'States are in upper case, and constraint valid_status of campaigns lists them.';
COMMENT ON CONSTRAINT valid_to_state ON @extschema@.campaign_state_transitions IS
	'States are in upper case, and constraint valid_status of campaigns lists them.';
COMMENT ON CONSTRAINT valid_timer_type ON @extschema@.campaign_state_transitions IS
	'Timer types are in upper case, and constraint valid_timer_type of campaign_timers lists them. NULL: by hand only.';
COMMENT ON CONSTRAINT valid_state_change ON @extschema@.campaign_state_transitions IS
	'A transition leads from one state to another one.';
COMMENT ON TABLE @extschema@.campaign_state_transitions IS
	'The legal state changes and the timer type that makes each. A state without an outgoing row is terminal. '
	'Administrators may add rows, for instance CREATED to EXPIRED, so that a campaign can be cancelled before it starts.';
COMMENT ON COLUMN @extschema@.campaign_state_transitions.from_state IS 'The state the campaign is in.';
COMMENT ON COLUMN @extschema@.campaign_state_transitions.to_state IS 'The state it moves to.';
COMMENT ON COLUMN @extschema@.campaign_state_transitions.timer_type IS
	'The timer type that makes this state change when due; NULL: by hand only.';
COMMENT ON COLUMN @extschema@.campaign_state_transitions.priority IS
	'Of one campaign''s timers due at the same instant the lower priority goes first.';

CREATE TABLE @extschema@.campaign_timer_policies (
	state varchar(20) NOT NULL,
	timer_type varchar(50) NOT NULL,
	anchor varchar(20) NOT NULL,
	delay interval NOT NULL DEFAULT '0',
	only_when name,
	CONSTRAINT campaign_timer_policies_pkey PRIMARY KEY (state, timer_type),
	CONSTRAINT valid_state CHECK (state IN ('CREATED', 'RUNNING', 'CLOSED', 'REWARD_CLAIM', 'EXPIRED')),
	CONSTRAINT valid_timer_type CHECK (timer_type IN ('START_CAMPAIGN', 'CLOSE_CAMPAIGN', 'EXPIRE_CAMPAIGN',
		'REWARD_REMINDER')),
	CONSTRAINT valid_anchor CHECK (anchor IN ('start_time', 'end_time', 'entered')),
	CONSTRAINT valid_delay CHECK (
		EXTRACT(year FROM delay) = 0 AND EXTRACT(month FROM delay) = 0 AND EXTRACT(day FROM delay) = 0
		AND delay BETWEEN interval '-876600 hours' AND interval '876600 hours')
);
COMMENT ON CONSTRAINT valid_state ON @extschema@.campaign_timer_policies IS
	'States are in upper case, and constraint valid_status of campaigns lists them.';
COMMENT ON CONSTRAINT valid_timer_type ON @extschema@.campaign_timer_policies IS
	'Timer types are in upper case, and constraint valid_timer_type of campaign_timers lists them.';
COMMENT ON CONSTRAINT valid_anchor ON @extschema@.campaign_timer_policies IS
	'The delay counts from start_time, end_time or entered.';
COMMENT ON CONSTRAINT valid_delay ON @extschema@.campaign_timer_policies IS
	'A delay is at most 876600 hours (100 years), to either side.';
COMMENT ON TABLE @extschema@.campaign_timer_policies IS
	'The timers a campaign gets on entering a state. Edit delays, add and delete rows; timers that already wait move '
	'when their campaign next enters a state, or by schedule_campaign_timers().';
COMMENT ON COLUMN @extschema@.campaign_timer_policies.state IS 'The state entered.';
COMMENT ON COLUMN @extschema@.campaign_timer_policies.timer_type IS 'The timer the campaign gets.';
COMMENT ON COLUMN @extschema@.campaign_timer_policies.anchor IS
	'The time that the delay counts from: the campaign''s start_time or end_time, or entered, the time of the state '
	'change.';
COMMENT ON COLUMN @extschema@.campaign_timer_policies.delay IS
	'Added to the anchor. Days are kept as 24 hours each, since a day is not 24 hours when clocks change; months and '
	'years are refused. Negative only before start_time or end_time.';
COMMENT ON COLUMN @extschema@.campaign_timer_policies.only_when IS
	'A boolean column of campaigns that must be true, or NULL.';
