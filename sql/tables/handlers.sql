-- Which functions run with timers.

CREATE TABLE @extschema@.campaign_timer_handlers (
	timer_type varchar(50) NOT NULL,
	handler text NOT NULL,
	handler_owner name NOT NULL,
	timeout interval,
	registered_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	handler_owner_oid oid,
	CONSTRAINT campaign_timer_handlers_pkey PRIMARY KEY (timer_type),
	CONSTRAINT valid_timer_type CHECK (timer_type IN ('START_CAMPAIGN', 'CLOSE_CAMPAIGN', 'EXPIRE_CAMPAIGN',
		'REWARD_REMINDER')),
	CONSTRAINT valid_timeout CHECK (timeout > interval '0')
);
COMMENT ON TABLE @extschema@.campaign_timer_handlers IS
	'The user functions that run with timers, one a type; written by register_handler() and unregister_handler(). Kept '
	'as text, since pg_upgrade refuses columns of type regprocedure.';
COMMENT ON CONSTRAINT valid_timer_type ON @extschema@.campaign_timer_handlers IS
	'Timer types are in upper case, and constraint valid_timer_type of campaign_timers lists them.';
COMMENT ON CONSTRAINT valid_timeout ON @extschema@.campaign_timer_handlers IS
	'timeout is longer than zero, or NULL for campaign_lifecycle.handler_timeout.';
COMMENT ON COLUMN @extschema@.campaign_timer_handlers.handler_owner IS
	'The role that registered the handler and owned it then.';
COMMENT ON COLUMN @extschema@.campaign_timer_handlers.handler_owner_oid IS
	'Its oid, so that the handler stays when the role is renamed. In a copy on another server the name counts.';
