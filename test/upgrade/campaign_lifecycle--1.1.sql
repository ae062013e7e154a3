-- campaign_lifecycle: head of the install script. Runs first, before any object of ours exists: finds what would clash and says where else to go,
-- then makes the bookkeeping that belongs to the extension itself and that no dump carries.

\echo Use "CREATE EXTENSION campaign_lifecycle" to load this file. \quit

-- The server runs this script with the extension's schema first, where others may have put functions and operators that fit better than the server's own.
SET LOCAL search_path = pg_catalog, pg_temp;

DO $clash$
DECLARE
	clash text;
BEGIN
	SELECT pg_catalog.format('function %s', p.oid::pg_catalog.regprocedure)
	INTO clash
	FROM pg_catalog.pg_proc AS p
	WHERE p.pronamespace = '@extschema@'::pg_catalog.regnamespace
		AND p.proname IN ('update_updated_at_column', 'log_campaign_state_change', 'validate_timer_schedule', 'validate_state_transition',
			'create_monthly_partitions', 'archive_old_state_logs', 'cleanup_timer_executions', 'create_campaign', 'install_campaign_tables')
	ORDER BY p.proname
	LIMIT 1;
	IF clash IS NULL AND pg_catalog.to_regclass('@extschema@.campaign_tables_version') IS NULL
		AND pg_catalog.current_setting('row_security')::pg_catalog.bool THEN
		SELECT pg_catalog.format('relation %s', r.name)
		INTO clash
		FROM pg_catalog.unnest(ARRAY['campaigns', 'campaign_timers', 'campaign_state_log', 'campaign_metrics', 'timer_executions',
			'campaign_state_transitions', 'campaign_timer_policies', 'campaign_timer_handlers', 'campaign_state_log_archive', 'campaign_maintenance_jobs',
			'mv_active_campaigns', 'mv_pending_timers']) AS r (name)
		WHERE pg_catalog.to_regclass('@extschema@.' || r.name) IS NOT NULL
		LIMIT 1;
	END IF;
	IF clash IS NOT NULL THEN
		RAISE EXCEPTION 'schema "%" already holds an object that campaign_lifecycle would make: %', pg_catalog.replace('@extschema@', '"', ''), clash
			USING ERRCODE = 'duplicate_object',
				HINT = 'Nothing was changed. Install into a schema of its own: CREATE SCHEMA lifecycle; CREATE EXTENSION campaign_lifecycle SCHEMA lifecycle;';
	END IF;
END
$clash$;

CREATE TABLE @extschema@.campaign_activation (
	database_oid oid PRIMARY KEY,
	paused boolean NOT NULL DEFAULT false,
	changed_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE @extschema@.campaign_activation IS
	'Says that timers fire in this database: a row with this database''s own oid that is not paused. Dumps do not carry it and a database made from a template holds a foreign oid, so every copy starts paused. Written by pause_timers() and resume_timers().';

CREATE UNLOGGED TABLE @extschema@.campaign_clean_run (
	since timestamp with time zone NOT NULL
);
COMMENT ON TABLE @extschema@.campaign_clean_run IS
	'Holds one row while the server has not crashed. Crash recovery empties it, as it does every unlogged table; then the timers that were due run marked and one by one, so that one that brings the server down is found.';
-- CREATE EXTENSION over tables that DROP EXTENSION left: taken over only when they are really ours.

CREATE FUNCTION @extschema@._check_campaign_tables() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	stranger text;
	missing text;
BEGIN
	SELECT format('%s owned by %s', c.oid::regclass, quote_ident(pg_get_userbyid(c.relowner)))
	INTO stranger
	FROM pg_class AS c
	WHERE c.relnamespace = '@extschema@'::regnamespace
		AND c.relname IN ('campaigns', 'campaign_timers', 'campaign_state_log', 'campaign_metrics', 'timer_executions', 'campaign_state_transitions',
			'campaign_timer_policies', 'campaign_timer_handlers', 'campaign_tables_version', 'campaign_state_log_archive')
		AND c.relowner <> (SELECT u.oid FROM pg_roles AS u WHERE u.rolname = current_user)
		AND NOT (SELECT u.rolsuper FROM pg_roles AS u WHERE u.oid = c.relowner)
	LIMIT 1;
	IF stranger IS NOT NULL THEN
		RAISE EXCEPTION 'campaign tables in schema "%" belong to another role: %', replace('@extschema@', '"', ''), stranger
			USING ERRCODE = 'insufficient_privilege',
				HINT = 'If you trust that role, make the tables yours (ALTER TABLE ... OWNER TO CURRENT_USER) and give them back with set_campaign_owner(); otherwise install into another schema: CREATE EXTENSION campaign_lifecycle SCHEMA other;';
	END IF;

	SELECT w.name || '.' || w.attribute
	INTO missing
	FROM (VALUES
		('campaigns', 'r', '{id,status,metadata,created_at,updated_at,start_time,end_time,duration_hours,auto_close,rewards_enabled}'::name[]),
		('campaign_timers', 'r', '{id,campaign_id,timer_type,status,scheduled_at,executed_at,payload,retry_count,created_at,updated_at}'),
		('campaign_state_log', 'p', '{id,campaign_id,from_state,to_state,trigger_event,metadata,created_at}'),
		('campaign_state_log_archive', 'p', '{id,campaign_id,from_state,to_state,trigger_event,metadata,created_at}'),
		('campaign_metrics', 'r', '{id,campaign_id,metric_type,value,attributes,recorded_at}'),
		('timer_executions', 'r', '{id,timer_id,status,result,error_message,started_at,completed_at,execution_time_ms}'),
		('campaign_state_transitions', 'r', '{from_state,to_state,timer_type,priority}'),
		('campaign_timer_policies', 'r', '{state,timer_type,anchor,delay,only_when}'),
		('campaign_timer_handlers', 'r', '{timer_type,handler,handler_owner,timeout,registered_at}'),
		('campaign_tables_version', 'r', '{version}')) AS t (name, kind, attributes),
		unnest(t.attributes) AS a (attribute),
		LATERAL (SELECT t.name, a.attribute) AS w
	WHERE NOT EXISTS (
		SELECT FROM pg_class AS c JOIN pg_attribute AS f ON f.attrelid = c.oid
		WHERE c.relnamespace = '@extschema@'::regnamespace AND c.relname = t.name AND c.relkind = t.kind::"char"
			AND f.attname = a.attribute AND NOT f.attisdropped)
	LIMIT 1;
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION 'tables in schema "%" are not those of campaign_lifecycle: % is missing', replace('@extschema@', '"', ''), missing
			USING ERRCODE = 'duplicate_table',
				HINT = 'Nothing was changed. Install into another schema: CREATE EXTENSION campaign_lifecycle SCHEMA other;';
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._check_campaign_tables() IS 'Raises unless the campaign tables found belong to the current user or a superuser (42501) and have the shape of ours (42P07).';
-- Trigger functions: what holds whoever writes. Those on the hot path are C++ (src/triggers.cpp, src/transition.cpp, src/schedule.cpp, src/wake.cpp): stamps,
-- the checks of a move and of a timer's time, the log, the wake-up. They set no search_path, which would cost every row: they qualify each name and operator.

CREATE FUNCTION @extschema@.update_updated_at_column() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'update_updated_at_column';
COMMENT ON FUNCTION @extschema@.update_updated_at_column() IS
	'BEFORE UPDATE row trigger for any table with updated_at: stamps it with the clock, always later than it was, also when the clock was set back. Since 1.0.';

CREATE FUNCTION @extschema@.log_campaign_state_change() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'log_campaign_state_change';
COMMENT ON FUNCTION @extschema@.log_campaign_state_change() IS
	'Writes campaign_state_log: its row triggers remember the moves of a statement, its statement triggers write them as one set, with the rights of the log''s owner. Since 1.0.';

CREATE FUNCTION @extschema@._wake_worker() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', '_wake_worker';
COMMENT ON FUNCTION @extschema@._wake_worker() IS 'Remembers the earliest timer that this transaction writes; its commit wakes the worker if that is earlier than what the worker waits for.';

CREATE FUNCTION @extschema@.validate_timer_schedule() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'validate_timer_schedule';
COMMENT ON FUNCTION @extschema@.validate_timer_schedule() IS
	'BEFORE INSERT trigger of campaign_timers, for timers that still wait: refuses one for a campaign in a terminal state or over a minute in the past (P0001), or beyond the year 9999 (22008); that also BEFORE UPDATE. Since 1.0.';

CREATE FUNCTION @extschema@.validate_state_transition() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'validate_state_transition';
COMMENT ON FUNCTION @extschema@.validate_state_transition() IS
	'BEFORE UPDATE trigger of campaigns: a changed status must be a row of campaign_state_transitions (P0001). Since 1.0.';

CREATE FUNCTION @extschema@.fill_campaign_end_time() RETURNS trigger
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF NEW.start_time < '1970-01-01 00:00:00+00' OR NEW.start_time >= '10000-01-01 00:00:00+00' THEN
		RAISE EXCEPTION 'campaign start_time out of range: %', NEW.start_time
			USING ERRCODE = 'datetime_field_overflow', HINT = 'A campaign starts between the years 1970 and 9999.';
	END IF;
	IF TG_OP = 'INSERT' THEN
		IF NEW.end_time IS NULL THEN
			NEW.end_time := NEW.start_time + NEW.duration_hours * interval '1 hour';
		END IF;
	ELSIF NEW.end_time IS NOT DISTINCT FROM OLD.end_time THEN
		NEW.end_time := NEW.start_time + NEW.duration_hours * interval '1 hour';
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.fill_campaign_end_time() IS
	'BEFORE trigger of campaigns: fills in end_time from start_time and duration_hours when it is not given, and lets it follow when they change; start_time out of range: 22008. Since 1.0.';

-- AFTER, so that it sees what any other trigger has made of the row. A dump makes it after the data, and the data after campaigns.
CREATE FUNCTION @extschema@.validate_timer_policy() RETURNS trigger
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	found_type oid;
BEGIN
	SELECT coalesce(nullif(t.typbasetype, 0), t.oid)
	INTO found_type
	FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
	WHERE a.attrelid = '@extschema@.campaigns'::regclass AND a.attname = NEW.only_when AND a.attnum > 0 AND NOT a.attisdropped;
	IF found_type IS DISTINCT FROM 'boolean'::regtype THEN
		RAISE EXCEPTION '%', CASE WHEN found_type IS NULL THEN format('campaigns has no column %I', NEW.only_when)
				ELSE format('column %I of campaigns is not boolean', NEW.only_when) END
			USING ERRCODE = CASE WHEN found_type IS NULL THEN 'undefined_column' ELSE 'invalid_parameter_value' END,
				COLUMN = NEW.only_when,
				HINT = 'only_when names a boolean column of campaigns that must be true for the timer to be made, or is NULL. Add the column first.';
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.validate_timer_policy() IS
	'AFTER trigger of campaign_timer_policies: only_when must be a column of campaigns (42703) of type boolean (22023). Since 1.1.';
-- The tables and the views over them belong to the user: ordinary objects, made by this function, which CREATE EXTENSION calls unless a dump brings them.
CREATE FUNCTION @extschema@.install_campaign_tables() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $install$
BEGIN
IF to_regclass('@extschema@.campaign_tables_version') IS NOT NULL THEN
	PERFORM @extschema@._check_campaign_tables();
ELSE
-- The state machine and the policy, as data. Everything else reads these two tables; no code lists states, timer types or delays. Body of install_campaign_tables().

CREATE TABLE @extschema@.campaign_tables_version (
	version text NOT NULL
);
COMMENT ON TABLE @extschema@.campaign_tables_version IS
	'The version of campaign_lifecycle whose tables these are. Dumps carry it, so that old tables under new functions are noticed; upgrade_campaign_tables() brings them up.';
INSERT INTO @extschema@.campaign_tables_version (version)
	SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'campaign_lifecycle';

CREATE TABLE @extschema@.campaign_state_transitions (
	from_state varchar(20) NOT NULL,
	to_state varchar(20) NOT NULL,
	timer_type varchar(50),
	priority integer NOT NULL DEFAULT 100,
	CONSTRAINT campaign_state_transitions_pkey PRIMARY KEY (from_state, to_state),
	CONSTRAINT unique_timer_per_from_state UNIQUE (from_state, timer_type),
	CONSTRAINT valid_from_state CHECK (from_state IN ('CREATED', 'RUNNING', 'CLOSED', 'REWARD_CLAIM', 'EXPIRED')),
	CONSTRAINT valid_to_state CHECK (to_state IN ('CREATED', 'RUNNING', 'CLOSED', 'REWARD_CLAIM', 'EXPIRED')),
	CONSTRAINT valid_timer_type CHECK (timer_type IN ('START_CAMPAIGN', 'CLOSE_CAMPAIGN', 'EXPIRE_CAMPAIGN', 'REWARD_REMINDER')),
	CONSTRAINT valid_state_change CHECK (from_state <> to_state)
);
COMMENT ON TABLE @extschema@.campaign_state_transitions IS
	'The legal moves of a campaign and the timer type that makes each. A state without an outgoing row is terminal. Administrators may add rows, for instance CREATED to EXPIRED, so that a campaign can be cancelled before it starts.';
COMMENT ON COLUMN @extschema@.campaign_state_transitions.from_state IS 'The state the campaign is in.';
COMMENT ON COLUMN @extschema@.campaign_state_transitions.to_state IS 'The state it moves to.';
COMMENT ON COLUMN @extschema@.campaign_state_transitions.timer_type IS 'The timer type that makes this move when due; NULL: by hand only.';
COMMENT ON COLUMN @extschema@.campaign_state_transitions.priority IS 'Of one campaign''s timers due at the same instant the lower priority goes first.';
INSERT INTO @extschema@.campaign_state_transitions (from_state, to_state, timer_type, priority) VALUES
	('CREATED', 'RUNNING', 'START_CAMPAIGN', 10),
	('RUNNING', 'CLOSED', 'CLOSE_CAMPAIGN', 20),
	('CLOSED', 'REWARD_CLAIM', 'REWARD_REMINDER', 30),
	('RUNNING', 'EXPIRED', 'EXPIRE_CAMPAIGN', 40),
	('CLOSED', 'EXPIRED', 'EXPIRE_CAMPAIGN', 40),
	('REWARD_CLAIM', 'EXPIRED', 'EXPIRE_CAMPAIGN', 40);

CREATE TABLE @extschema@.campaign_timer_policies (
	state varchar(20) NOT NULL,
	timer_type varchar(50) NOT NULL,
	anchor varchar(20) NOT NULL,
	delay interval NOT NULL DEFAULT '0',
	only_when name,
	CONSTRAINT campaign_timer_policies_pkey PRIMARY KEY (state, timer_type),
	CONSTRAINT valid_state CHECK (state IN ('CREATED', 'RUNNING', 'CLOSED', 'REWARD_CLAIM', 'EXPIRED')),
	CONSTRAINT valid_timer_type CHECK (timer_type IN ('START_CAMPAIGN', 'CLOSE_CAMPAIGN', 'EXPIRE_CAMPAIGN', 'REWARD_REMINDER')),
	CONSTRAINT valid_anchor CHECK (anchor IN ('start_time', 'end_time', 'entered')),
	CONSTRAINT valid_delay CHECK (
		EXTRACT(year FROM delay) = 0 AND EXTRACT(month FROM delay) = 0 AND EXTRACT(day FROM delay) = 0
		AND delay BETWEEN interval '-876600 hours' AND interval '876600 hours')
);
COMMENT ON TABLE @extschema@.campaign_timer_policies IS
	'The timers a campaign gets on entering a state. Edit delays, add and delete rows; timers that already wait move when their campaign next enters a state, or by schedule_campaign_timers().';
COMMENT ON COLUMN @extschema@.campaign_timer_policies.state IS 'The state entered.';
COMMENT ON COLUMN @extschema@.campaign_timer_policies.timer_type IS 'The timer the campaign gets.';
COMMENT ON COLUMN @extschema@.campaign_timer_policies.anchor IS 'What the delay counts from: the campaign''s start_time or end_time, or entered, the actual time of the move.';
COMMENT ON COLUMN @extschema@.campaign_timer_policies.delay IS 'Added to the anchor; in hours, minutes and seconds, since a day is not 24 hours when clocks change.';
COMMENT ON COLUMN @extschema@.campaign_timer_policies.only_when IS 'A boolean column of campaigns that must be true, or NULL.';
INSERT INTO @extschema@.campaign_timer_policies (state, timer_type, anchor, delay, only_when) VALUES
	('CREATED', 'START_CAMPAIGN', 'start_time', '0', NULL),
	('CREATED', 'CLOSE_CAMPAIGN', 'end_time', '0', 'auto_close'),
	('CREATED', 'EXPIRE_CAMPAIGN', 'end_time', '2 hours', NULL),
	('RUNNING', 'CLOSE_CAMPAIGN', 'end_time', '0', 'auto_close'),
	('RUNNING', 'EXPIRE_CAMPAIGN', 'end_time', '2 hours', NULL),
	('CLOSED', 'REWARD_REMINDER', 'entered', '5 minutes', 'rewards_enabled'),
	('CLOSED', 'EXPIRE_CAMPAIGN', 'entered', '48 hours', NULL),
	('REWARD_CLAIM', 'REWARD_REMINDER', 'entered', '144 hours', 'rewards_enabled'),
	('REWARD_CLAIM', 'EXPIRE_CAMPAIGN', 'entered', '168 hours', NULL);

CREATE TABLE @extschema@.campaign_timer_handlers (
	timer_type varchar(50) NOT NULL,
	handler text NOT NULL,
	handler_owner name NOT NULL,
	timeout interval,
	registered_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	CONSTRAINT campaign_timer_handlers_pkey PRIMARY KEY (timer_type),
	CONSTRAINT valid_timer_type CHECK (timer_type IN ('START_CAMPAIGN', 'CLOSE_CAMPAIGN', 'EXPIRE_CAMPAIGN', 'REWARD_REMINDER')),
	CONSTRAINT valid_timeout CHECK (timeout > interval '0')
);
COMMENT ON TABLE @extschema@.campaign_timer_handlers IS
	'The user functions that run with timers, one a type; written by register_handler() and unregister_handler(). Kept as text, since pg_upgrade refuses columns of type regprocedure.';
-- Campaigns. The chapter "campaigns Table" and "Business Rule Constraints" of the specification. Body of install_campaign_tables().
-- The default of an id uses built-in functions only: a default that calls a member function would make DROP EXTENSION need CASCADE.

CREATE TABLE @extschema@.campaigns (
	id uuid DEFAULT pg_catalog.encode(pg_catalog.set_bit(pg_catalog.set_bit(pg_catalog.overlay(pg_catalog.uuid_send(pg_catalog.gen_random_uuid()),
		pg_catalog.substring(pg_catalog.int8send(pg_catalog.floor(EXTRACT(epoch FROM pg_catalog.clock_timestamp()) * 1000)::bigint), 3), 1, 6), 52, 1), 53, 1), 'hex')::uuid
		PRIMARY KEY,
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
	CONSTRAINT calculated_end_time CHECK (end_time IS NULL OR end_time = start_time + (duration_hours * interval '1 hour')),
	CONSTRAINT end_time_needs_start_time CHECK (end_time IS NULL OR start_time IS NOT NULL)
);
CREATE INDEX idx_campaigns_status ON @extschema@.campaigns (status);
CREATE INDEX idx_campaigns_start_time ON @extschema@.campaigns (start_time);
CREATE INDEX idx_campaigns_end_time ON @extschema@.campaigns (end_time);
CREATE INDEX idx_campaigns_created_at ON @extschema@.campaigns (created_at);

COMMENT ON TABLE @extschema@.campaigns IS 'A campaign and the state it is in. The state changes along campaign_state_transitions only, whoever writes.';
COMMENT ON COLUMN @extschema@.campaigns.id IS 'A time-ordered UUID (version 7) unless the writer chooses one.';
COMMENT ON COLUMN @extschema@.campaigns.status IS 'The campaign''s state.';
COMMENT ON COLUMN @extschema@.campaigns.metadata IS 'The application''s own; its keys trigger_event and changed_by name the cause of a move when the same statement sets them.';
COMMENT ON COLUMN @extschema@.campaigns.updated_at IS 'Stamped by every update with the clock, always later than it was.';
COMMENT ON COLUMN @extschema@.campaigns.start_time IS 'When the campaign is to start; NULL until known.';
COMMENT ON COLUMN @extschema@.campaigns.end_time IS 'start_time plus duration_hours; filled in, and kept right when either changes.';
COMMENT ON COLUMN @extschema@.campaigns.duration_hours IS 'Hours from start_time to end_time; from 1 to 876600 (100 years).';
COMMENT ON COLUMN @extschema@.campaigns.auto_close IS 'Whether the campaign closes at end_time by itself.';
COMMENT ON COLUMN @extschema@.campaigns.rewards_enabled IS 'Whether a reward claim opens after the campaign has closed.';
-- Timers. The chapter "campaign_timers Table" of the specification, and two indexes of ours: one that makes "one waiting timer of a type" hold also for
-- a timer that waits for its next attempt, one by which the claim finds those without reading dead letters. Body of install_campaign_tables().

CREATE TABLE @extschema@.campaign_timers (
	id uuid DEFAULT pg_catalog.encode(pg_catalog.set_bit(pg_catalog.set_bit(pg_catalog.overlay(pg_catalog.uuid_send(pg_catalog.gen_random_uuid()),
		pg_catalog.substring(pg_catalog.int8send(pg_catalog.floor(EXTRACT(epoch FROM pg_catalog.clock_timestamp()) * 1000)::bigint), 3), 1, 6), 52, 1), 53, 1), 'hex')::uuid
		PRIMARY KEY,
	campaign_id uuid NOT NULL REFERENCES @extschema@.campaigns (id) ON DELETE CASCADE,
	timer_type varchar(50) NOT NULL,
	status varchar(20) NOT NULL DEFAULT 'PENDING',
	scheduled_at timestamp with time zone NOT NULL,
	executed_at timestamp with time zone,
	payload jsonb NOT NULL DEFAULT '{}',
	retry_count integer NOT NULL DEFAULT 0,
	created_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	updated_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	CONSTRAINT valid_timer_type CHECK (timer_type IN ('START_CAMPAIGN', 'CLOSE_CAMPAIGN', 'EXPIRE_CAMPAIGN', 'REWARD_REMINDER')),
	CONSTRAINT valid_timer_status CHECK (status IN ('PENDING', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED')),
	CONSTRAINT valid_retry_count CHECK (retry_count >= 0 AND retry_count <= 5)
);
CREATE INDEX idx_campaign_timers_campaign_id ON @extschema@.campaign_timers (campaign_id);
CREATE INDEX idx_campaign_timers_status ON @extschema@.campaign_timers (status);
CREATE INDEX idx_campaign_timers_scheduled_at ON @extschema@.campaign_timers (scheduled_at);
CREATE INDEX idx_campaign_timers_timer_type ON @extschema@.campaign_timers (timer_type);
CREATE INDEX idx_campaign_timers_processing ON @extschema@.campaign_timers (status, scheduled_at) WHERE status IN ('PENDING', 'FAILED');
CREATE UNIQUE INDEX unique_active_timer_per_type ON @extschema@.campaign_timers (campaign_id, timer_type) WHERE status IN ('PENDING', 'RUNNING');
CREATE UNIQUE INDEX unique_waiting_timer_per_type ON @extschema@.campaign_timers (campaign_id, timer_type)
	WHERE status IN ('PENDING', 'RUNNING') OR (status = 'FAILED' AND retry_count < 5);
CREATE INDEX idx_campaign_timers_retry ON @extschema@.campaign_timers (scheduled_at, retry_count) WHERE status = 'FAILED' AND retry_count < 5;

COMMENT ON TABLE @extschema@.campaign_timers IS 'What is to happen to a campaign, and when. A timer is due when scheduled_at has come and it waits (PENDING, or FAILED with attempts left).';
COMMENT ON COLUMN @extschema@.campaign_timers.timer_type IS 'What it does when due: see campaign_state_transitions and campaign_timer_policies.';
COMMENT ON COLUMN @extschema@.campaign_timers.status IS 'PENDING, RUNNING (an attempt with a handler), COMPLETED, FAILED (waits for its next attempt, or dead when none is left), CANCELLED.';
COMMENT ON COLUMN @extschema@.campaign_timers.scheduled_at IS 'When it is due; after a failed attempt, when it is tried again.';
COMMENT ON COLUMN @extschema@.campaign_timers.executed_at IS 'When it was carried out; minus scheduled_at: its lateness.';
COMMENT ON COLUMN @extschema@.campaign_timers.payload IS 'The application''s own; the key "policy" marks a timer that a policy made and may move.';
COMMENT ON COLUMN @extschema@.campaign_timers.retry_count IS 'Failed attempts so far.';
COMMENT ON INDEX @extschema@.unique_waiting_timer_per_type IS 'One timer of a type waits at a time, those that wait for their next attempt included.';
COMMENT ON INDEX @extschema@.idx_campaign_timers_retry IS 'By which the claim finds failed timers that have attempts left, and no dead ones.';
-- The history of states, partitioned by month, and its archive. A primary key of a partitioned table holds the partition key; the default partition
-- means that no log row is ever refused. Body of install_campaign_tables().

CREATE TABLE @extschema@.campaign_state_log (
	id uuid NOT NULL DEFAULT pg_catalog.encode(pg_catalog.set_bit(pg_catalog.set_bit(pg_catalog.overlay(pg_catalog.uuid_send(pg_catalog.gen_random_uuid()),
		pg_catalog.substring(pg_catalog.int8send(pg_catalog.floor(EXTRACT(epoch FROM pg_catalog.clock_timestamp()) * 1000)::bigint), 3), 1, 6), 52, 1), 53, 1), 'hex')::uuid,
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

COMMENT ON TABLE @extschema@.campaign_state_log IS 'Every state a campaign has entered, its creation included; (created_at, id) is the order in which it happened. Partitioned by month, in UTC.';
COMMENT ON COLUMN @extschema@.campaign_state_log.from_state IS 'The state it came from; NULL for its creation.';
COMMENT ON COLUMN @extschema@.campaign_state_log.trigger_event IS 'What caused the move: the timer''s type, the setting campaign_lifecycle.trigger_event, the key of that name in the campaign''s metadata, or UNKNOWN; cut to 50 characters, whole in metadata.';
COMMENT ON COLUMN @extschema@.campaign_state_log.metadata IS 'previous_updated_at, new_updated_at, changed_by and session_user, and what transition_campaign() was given.';
COMMENT ON COLUMN @extschema@.campaign_state_log.created_at IS 'When it happened: the campaign''s updated_at at the move.';
COMMENT ON TABLE @extschema@.campaign_state_log_default IS 'Log rows of months that have no partition yet; create_monthly_partitions() moves them.';

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

COMMENT ON TABLE @extschema@.campaign_state_log_archive IS 'Log rows older than a year, moved here by archive_old_state_logs(). No foreign key: deleting a campaign does not erase its archived history.';
COMMENT ON TABLE @extschema@.campaign_state_log_archive_default IS 'The part of the current cut-off month that is already archived.';
-- Metrics. The chapter "campaign_metrics Table" of the specification. Body of install_campaign_tables().

CREATE TABLE @extschema@.campaign_metrics (
	id uuid DEFAULT pg_catalog.encode(pg_catalog.set_bit(pg_catalog.set_bit(pg_catalog.overlay(pg_catalog.uuid_send(pg_catalog.gen_random_uuid()),
		pg_catalog.substring(pg_catalog.int8send(pg_catalog.floor(EXTRACT(epoch FROM pg_catalog.clock_timestamp()) * 1000)::bigint), 3), 1, 6), 52, 1), 53, 1), 'hex')::uuid
		PRIMARY KEY,
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

COMMENT ON TABLE @extschema@.campaign_metrics IS 'What was measured of a campaign: the application''s own counts, and what the worker records.';
COMMENT ON COLUMN @extschema@.campaign_metrics.metric_type IS
	'ENGAGEMENT_COUNT, PARTICIPANT_COUNT, REWARD_CLAIMED: the application''s. TIMER_EXECUTION_TIME: milliseconds an executed timer took (of a batch, its time divided by its timers). STATE_TRANSITION_TIME: milliseconds from scheduled_at to the move.';
-- Attempts. The chapter "timer_executions Table" of the specification. Body of install_campaign_tables().

CREATE TABLE @extschema@.timer_executions (
	id uuid DEFAULT pg_catalog.encode(pg_catalog.set_bit(pg_catalog.set_bit(pg_catalog.overlay(pg_catalog.uuid_send(pg_catalog.gen_random_uuid()),
		pg_catalog.substring(pg_catalog.int8send(pg_catalog.floor(EXTRACT(epoch FROM pg_catalog.clock_timestamp()) * 1000)::bigint), 3), 1, 6), 52, 1), 53, 1), 'hex')::uuid
		PRIMARY KEY,
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
	'{"from", "to"} of a move, {"event"} of a reminder, {"skipped": true, "reason"} when there was nothing to do; with a handler also its own result under "handler".';
COMMENT ON COLUMN @extschema@.timer_executions.error_message IS 'Of a failed attempt: SQLSTATE: message.';
COMMENT ON COLUMN @extschema@.timer_executions.execution_time_ms IS 'Milliseconds; of a batch, its time divided by its timers.';
-- How far each backfill has come. Body of install_campaign_tables(), and of upgrade_campaign_tables() for tables older than 1.1.

CREATE TABLE @extschema@.campaign_backfills (
	relation text NOT NULL,
	column_name name NOT NULL,
	value_expression text NOT NULL,
	run uuid NOT NULL,
	run_by name NOT NULL,
	started_at timestamp with time zone NOT NULL,
	updated_at timestamp with time zone NOT NULL,
	finished_at timestamp with time zone,
	estimated_rows bigint,
	rows_seen bigint NOT NULL DEFAULT 0,
	rows_changed bigint NOT NULL DEFAULT 0,
	batches bigint NOT NULL DEFAULT 0,
	part text,
	key_columns text,
	reached text[],
	up_to text[],
	pass integer NOT NULL DEFAULT 1,
	CONSTRAINT campaign_backfills_pkey PRIMARY KEY (relation, column_name)
) WITH (fillfactor = 50);
COMMENT ON TABLE @extschema@.campaign_backfills IS
	'The last backfill of each column, written by backfill_column() with every batch; an unfinished one is where the next call goes on. backfill_progress shows it. Deleting a row forgets the run: the next call begins anew. Since 1.1.';
COMMENT ON COLUMN @extschema@.campaign_backfills.relation IS 'The table, with its schema.';
COMMENT ON COLUMN @extschema@.campaign_backfills.run IS 'The call that works on it; another call puts its own here and takes over.';
COMMENT ON COLUMN @extschema@.campaign_backfills.estimated_rows IS 'Rows of the table when the run began, as the statistics had it; NULL before the first ANALYZE.';
COMMENT ON COLUMN @extschema@.campaign_backfills.rows_seen IS 'Rows walked over.';
COMMENT ON COLUMN @extschema@.campaign_backfills.rows_changed IS 'Rows that had another value and got the new one.';
COMMENT ON COLUMN @extschema@.campaign_backfills.part IS 'The table or partition being walked.';
COMMENT ON COLUMN @extschema@.campaign_backfills.key_columns IS 'The unique key that is walked; NULL: block by block.';
COMMENT ON COLUMN @extschema@.campaign_backfills.reached IS 'The key, or the block, that the last batch ended with.';
COMMENT ON COLUMN @extschema@.campaign_backfills.up_to IS 'The key, or the block, that the walk ends with: the last one there was when it began.';
COMMENT ON COLUMN @extschema@.campaign_backfills.pass IS 'Of a walk by blocks, which rows can cross: how many times it has begun.';
-- What upkeep works on: its jobs as data, the materialized views, the first months of the log. Body of install_campaign_tables().

CREATE TABLE @extschema@.campaign_maintenance_jobs (
	job text NOT NULL,
	schedule text NOT NULL,
	enabled boolean NOT NULL DEFAULT true,
	retention interval,
	months_ahead integer,
	last_run timestamp with time zone,
	last_duration interval,
	last_outcome text,
	last_error text,
	last_count bigint,
	failures integer NOT NULL DEFAULT 0,
	reached timestamp with time zone,
	cron_database oid,
	CONSTRAINT campaign_maintenance_jobs_pkey PRIMARY KEY (job),
	CONSTRAINT valid_job CHECK (job IN ('create-monthly-partitions', 'refresh-active-campaigns', 'refresh-pending-timers', 'archive-state-logs',
		'cleanup-timer-executions', 'cleanup-finished-timers', 'cleanup-metrics')),
	-- By built-in functions only, for the table outlives the extension; _next_cron_time() also sees a range from high to low.
	CONSTRAINT valid_schedule CHECK (
		schedule ~* '^\s*@(hourly|daily|midnight|weekly|monthly|yearly|annually)\s*$'
		OR (cardinality(regexp_split_to_array(btrim(schedule), '[ \t]+')) = 5 AND schedule !~ ',(\s|$)'
			AND split_part(regexp_replace(btrim(schedule), '[ \t]+', ' ', 'g'), ' ', 1) ~ '^((([0-5]?\d)(-([0-5]?\d))?|\*)(/0*[1-9]\d*)?(,|$))+$'
			AND split_part(regexp_replace(btrim(schedule), '[ \t]+', ' ', 'g'), ' ', 2) ~ '^((([01]?\d|2[0-3])(-([01]?\d|2[0-3]))?|\*)(/0*[1-9]\d*)?(,|$))+$'
			AND split_part(regexp_replace(btrim(schedule), '[ \t]+', ' ', 'g'), ' ', 3) ~ '^(((0?[1-9]|[12]\d|3[01])(-(0?[1-9]|[12]\d|3[01]))?|\*)(/0*[1-9]\d*)?(,|$))+$'
			AND split_part(regexp_replace(btrim(schedule), '[ \t]+', ' ', 'g'), ' ', 4) ~* '^(((0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(-(0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))?|\*)(/0*[1-9]\d*)?(,|$))+$'
			AND split_part(regexp_replace(btrim(schedule), '[ \t]+', ' ', 'g'), ' ', 5) ~* '^(((0?[0-7]|sun|mon|tue|wed|thu|fri|sat)(-(0?[0-7]|sun|mon|tue|wed|thu|fri|sat))?|\*)(/0*[1-9]\d*)?(,|$))+$')),
	CONSTRAINT valid_retention CHECK (CASE
		WHEN job IN ('archive-state-logs', 'cleanup-timer-executions', 'cleanup-finished-timers', 'cleanup-metrics') THEN retention IS NOT NULL AND retention >= interval '0'
		ELSE retention IS NULL END),
	CONSTRAINT valid_months_ahead CHECK (CASE
		WHEN job = 'create-monthly-partitions' THEN months_ahead IS NOT NULL AND months_ahead BETWEEN 0 AND 120
		ELSE months_ahead IS NULL END),
	CONSTRAINT valid_last_outcome CHECK (last_outcome IN ('ok', 'running', 'failed'))
);
COMMENT ON TABLE @extschema@.campaign_maintenance_jobs IS
	'What the worker does as time passes. Edit schedule, enabled, retention and months_ahead; the rest says how it went. Times missed while no worker ran are caught up by one run; one job''s failure stops no other.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.job IS 'Its name, also in pg_cron.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.schedule IS
	'A cron schedule in UTC: minute, hour, day of month, month, day of week; or @hourly and the like. Months are made when they are missing, whatever the schedule says.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.enabled IS 'Whether it runs at all.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.retention IS 'The age from which on rows are archived or removed.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.months_ahead IS 'How many months after the present one have their partition.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.last_run IS 'When it last did something or failed; a run that found nothing to do is written down once a day.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.last_duration IS 'The time its steps took.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.last_outcome IS 'ok, failed, or running: more steps follow, also after a crash.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.last_error IS 'Of a failure: SQLSTATE: message.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.last_count IS 'Partitions made, rows moved or removed, views refreshed.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.failures IS 'Failures in a row; the next try is 10 seconds after the first, then twice as long each time, at most an hour. Set to 0 to try at once.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.reached IS 'Where the next step of a running job begins.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.cron_database IS
	'The oid of the database whose pg_cron runs the job: if that is this one, the worker leaves it alone. Written by schedule_maintenance() and unschedule_maintenance(). A restored copy has another oid.';
INSERT INTO @extschema@.campaign_maintenance_jobs (job, schedule, enabled, retention, months_ahead) VALUES
	('create-monthly-partitions', '0 0 1 * *', true, NULL, 3),
	('refresh-active-campaigns', '*/5 * * * *', true, NULL, NULL),
	('refresh-pending-timers', '* * * * *', true, NULL, NULL),
	('archive-state-logs', '0 2 1 * *', true, '1 year', NULL),
	('cleanup-timer-executions', '0 3 * * 0', true, '6 months', NULL),
	('cleanup-finished-timers', '30 3 * * 0', false, '1 year', NULL),
	('cleanup-metrics', '0 4 * * 0', false, '1 year', NULL);

CREATE INDEX idx_timer_executions_completed_at ON @extschema@.timer_executions (completed_at) WHERE status = 'COMPLETED';
COMMENT ON INDEX @extschema@.idx_timer_executions_completed_at IS 'By which the cleanup finds the oldest, without passing the failed ones that stay.';

CREATE MATERIALIZED VIEW @extschema@.mv_active_campaigns AS
	SELECT c.status,
		count(*) AS campaign_count,
		avg(c.duration_hours) AS avg_duration,
		min(c.created_at) AS oldest_campaign,
		max(c.created_at) AS newest_campaign,
		count(c.duration_hours) AS duration_count,
		sum(c.duration_hours) AS duration_sum
	FROM @extschema@.campaigns AS c
	WHERE c.status IN ('CREATED', 'RUNNING', 'REWARD_CLAIM')
	GROUP BY c.status;
CREATE UNIQUE INDEX idx_mv_active_campaigns_status ON @extschema@.mv_active_campaigns (status);
COMMENT ON MATERIALIZED VIEW @extschema@.mv_active_campaigns IS 'Campaigns by state, as of the last refresh; the worker refreshes it every five minutes if it has changed. duration_count and duration_sum add up over servers, averages do not.';

CREATE MATERIALIZED VIEW @extschema@.mv_pending_timers AS
	SELECT t.timer_type,
		count(*) AS timer_count,
		min(t.scheduled_at) AS next_execution,
		avg(t.retry_count) AS avg_retries,
		count(t.retry_count) AS retries_count,
		sum(t.retry_count) AS retries_sum
	FROM @extschema@.campaign_timers AS t
	WHERE t.status = 'PENDING' AND t.scheduled_at <= now() + interval '1 hour'
	GROUP BY t.timer_type;
CREATE UNIQUE INDEX idx_mv_pending_timers_timer_type ON @extschema@.mv_pending_timers (timer_type);
COMMENT ON MATERIALIZED VIEW @extschema@.mv_pending_timers IS 'Timers due within the hour by type, as of the last refresh; the worker refreshes it every minute if it has changed. retries_count and retries_sum add up over servers, averages do not.';

PERFORM @extschema@.create_monthly_partitions(3, now());
-- Views over the tables, ordinary objects as those are; they call no function of ours, so that DROP EXTENSION needs no CASCADE. Body of install_campaign_tables().

-- A campaign's timers run one after another: a timer is runnable when no earlier one of its campaign waits or runs. Ties go by priority, then id.
CREATE VIEW @extschema@._runnable_timers WITH (security_invoker = true) AS
	SELECT t.id, t.campaign_id, t.timer_type, t.status, t.scheduled_at, t.retry_count,
		t.ctid AS place, c.ctid AS campaign_place, c.status AS state, t.payload ? 'policy' AS by_policy
	FROM @extschema@.campaign_timers AS t
	JOIN @extschema@.campaigns AS c ON c.id = t.campaign_id
	WHERE NOT EXISTS (
		SELECT FROM @extschema@.campaign_timers AS e
		-- In these words, for so unique_waiting_timer_per_type says it, which holds no finished timer.
		WHERE e.campaign_id = t.campaign_id AND (e.status IN ('PENDING', 'RUNNING') OR (e.status = 'FAILED' AND e.retry_count < 5))
			AND e.id <> t.id
			AND (e.status = 'RUNNING'
				OR ((e.status = 'PENDING' OR e.retry_count < coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5')::integer)
					AND (e.scheduled_at < t.scheduled_at
						OR (e.scheduled_at = t.scheduled_at
							AND (coalesce((SELECT min(m.priority) FROM @extschema@.campaign_state_transitions AS m WHERE m.timer_type = e.timer_type), 2147483647), e.id)
								< (coalesce((SELECT min(m.priority) FROM @extschema@.campaign_state_transitions AS m WHERE m.timer_type = t.timer_type), 2147483647), t.id)))))
		OFFSET 0);
COMMENT ON VIEW @extschema@._runnable_timers IS 'Timers with no earlier unfinished timer of their campaign; what the claim locks, with the campaign.';
-- The specification's monitoring queries as views, its columns first and ours after, and two more: what is dead, what fires next. Ordinary views over the
-- tables that call built-in functions only. Every average has its count and its sum beside it, so that the rows of several servers can be added up.
-- Body of install_campaign_tables(), and of upgrade_campaign_tables() for tables older than 1.1.

CREATE VIEW @extschema@.stuck_timers WITH (security_invoker = true) AS
	SELECT t.timer_type, count(*) AS stuck_count, min(t.scheduled_at) AS oldest_stuck,
		sum(now() - t.scheduled_at) AS total_lateness, avg(now() - t.scheduled_at) AS avg_lateness, max(now() - t.scheduled_at) AS max_lateness
	FROM @extschema@.campaign_timers AS t
	WHERE t.status = 'PENDING' AND t.scheduled_at < now() - interval '10 minutes'
	GROUP BY t.timer_type;
COMMENT ON VIEW @extschema@.stuck_timers IS
	'Timers that should have fired more than 10 minutes ago and were not even tried, by type; empty while a worker runs. upcoming_timers tells why each waits. Since 1.1.';
COMMENT ON COLUMN @extschema@.stuck_timers.total_lateness IS 'Sum of the lateness of the stuck timers; avg_lateness is this divided by stuck_count.';

CREATE VIEW @extschema@.failed_timers WITH (security_invoker = true) AS
	SELECT t.campaign_id, t.timer_type, t.retry_count, t.scheduled_at, t.updated_at, t.id AS timer_id,
		coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5')::integer - t.retry_count AS attempts_left,
		(SELECT (array_agg(e.error_message ORDER BY e.started_at DESC, e.id DESC))[1]
			FROM @extschema@.timer_executions AS e WHERE e.timer_id = t.id AND e.status = 'FAILED') AS last_error
	FROM @extschema@.campaign_timers AS t
	WHERE t.status = 'FAILED' AND t.retry_count < 5
		AND t.retry_count < coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5')::integer
		AND t.updated_at < now() - interval '5 minutes';
COMMENT ON VIEW @extschema@.failed_timers IS
	'Timers whose last attempt failed more than 5 minutes ago and that have attempts left: scheduled_at says when each is tried again. Those without an attempt left are in dead_timers. Since 1.1.';

CREATE VIEW @extschema@.dead_timers WITH (security_invoker = true) AS
	SELECT t.campaign_id, t.timer_type, t.retry_count, t.scheduled_at, t.updated_at, t.id AS timer_id, c.status AS campaign_status,
		(SELECT (array_agg(e.error_message ORDER BY e.started_at DESC, e.id DESC))[1]
			FROM @extschema@.timer_executions AS e WHERE e.timer_id = t.id AND e.status = 'FAILED') AS last_error
	FROM @extschema@.campaign_timers AS t
	JOIN @extschema@.campaigns AS c ON c.id = t.campaign_id
	WHERE t.status = 'FAILED' AND t.retry_count >= least(5, coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5')::integer);
COMMENT ON VIEW @extschema@.dead_timers IS
	'Dead letters: timers that failed at every attempt, with the last error as SQLSTATE: message. retry_timer() revives one, cancel_timer() ends it. Since 1.1.';
COMMENT ON COLUMN @extschema@.dead_timers.scheduled_at IS 'When the last attempt was due.';
COMMENT ON COLUMN @extschema@.dead_timers.updated_at IS 'When it failed for the last time.';

CREATE VIEW @extschema@.campaign_state_distribution WITH (security_invoker = true) AS
	SELECT c.status, count(*) AS count, round(count(*) * 100.0 / sum(count(*)) OVER (), 2) AS percentage
	FROM @extschema@.campaigns AS c
	GROUP BY c.status
	ORDER BY count(*) DESC, c.status;
COMMENT ON VIEW @extschema@.campaign_state_distribution IS 'Campaigns by state, most first; percentage of all campaigns, two decimals. Reads the whole table or its index on status. Since 1.1.';

CREATE VIEW @extschema@.timer_execution_stats WITH (security_invoker = true) AS
	-- The types are those of the machine and the policies, and any that a timer has: one index probe a type, however many timers there are.
	WITH RECURSIVE used (timer_type) AS (
		(SELECT t.timer_type FROM @extschema@.campaign_timers AS t ORDER BY t.timer_type LIMIT 1)
		UNION ALL
		SELECT (SELECT t.timer_type FROM @extschema@.campaign_timers AS t WHERE t.timer_type > u.timer_type ORDER BY t.timer_type LIMIT 1)
		FROM used AS u
		WHERE u.timer_type IS NOT NULL),
	types AS (
		SELECT m.timer_type FROM @extschema@.campaign_state_transitions AS m WHERE m.timer_type IS NOT NULL
		UNION
		SELECT p.timer_type FROM @extschema@.campaign_timer_policies AS p
		UNION
		SELECT u.timer_type FROM used AS u WHERE u.timer_type IS NOT NULL),
	executed AS (
		SELECT t.timer_type, count(*) AS executions, sum(e.execution_time_ms) AS total_ms, count(e.execution_time_ms) AS measured, max(e.execution_time_ms) AS max_ms,
			count(*) FILTER (WHERE e.status = 'FAILED') AS failures,
			count(*) FILTER (WHERE e.result ? 'skipped') AS skipped
		FROM @extschema@.timer_executions AS e
		JOIN @extschema@.campaign_timers AS t ON t.id = e.timer_id
		WHERE e.started_at > now() - interval '24 hours'
		GROUP BY t.timer_type)
	SELECT y.timer_type, coalesce(x.executions, 0) AS executions, round(x.total_ms::numeric / nullif(x.measured, 0)) AS avg_ms, x.max_ms,
		coalesce(x.failures, 0) AS failures,
		coalesce(x.skipped, 0) AS skipped, coalesce(x.measured, 0) AS measured, coalesce(x.total_ms, 0) AS total_ms
	FROM types AS y
	LEFT JOIN executed AS x ON x.timer_type = y.timer_type
	ORDER BY avg_ms DESC NULLS LAST, y.timer_type;
COMMENT ON VIEW @extschema@.timer_execution_stats IS
	'Attempts of the last 24 hours by timer type, the idle types included; times in milliseconds. avg_ms is total_ms divided by measured, the attempts whose time is known. Since 1.1.';
COMMENT ON COLUMN @extschema@.timer_execution_stats.failures IS 'Failed attempts.';
COMMENT ON COLUMN @extschema@.timer_execution_stats.skipped IS 'Attempts that found nothing to do: too late, or switched off.';

CREATE VIEW @extschema@.campaign_table_sizes WITH (security_invoker = true) AS
	-- The tables of the specification's pattern, timer_executions and the materialized views; a partitioned one is one row, the sum of its partitions.
	SELECT n.nspname AS schemaname, c.relname AS tablename,
		s.attname, s.n_distinct, s.correlation,
		sum(p.rows)::bigint AS live_rows, sum(p.dead_rows)::bigint AS dead_rows,
		sum(p.heap_bytes)::bigint AS heap_bytes, sum(p.index_bytes)::bigint AS index_bytes, sum(p.toast_bytes)::bigint AS toast_bytes,
		sum(p.total_bytes)::bigint AS total_bytes,
		count(*) FILTER (WHERE p.is_partition)::integer AS partitions,
		max(p.last_vacuum) AS last_vacuum, max(p.last_analyze) AS last_analyze
	FROM pg_class AS c
	JOIN pg_namespace AS n ON n.oid = c.relnamespace
	CROSS JOIN LATERAL (
		SELECT t.relid <> c.oid AS is_partition,
			coalesce(pg_stat_get_live_tuples(t.relid), 0) AS rows, coalesce(pg_stat_get_dead_tuples(t.relid), 0) AS dead_rows,
			coalesce(pg_relation_size(t.relid) + pg_relation_size(t.relid, 'fsm') + pg_relation_size(t.relid, 'vm'), 0) AS heap_bytes,
			coalesce(pg_indexes_size(t.relid), 0) AS index_bytes,
			coalesce(pg_table_size(t.relid) - pg_relation_size(t.relid) - pg_relation_size(t.relid, 'fsm') - pg_relation_size(t.relid, 'vm')
				- pg_relation_size(t.relid, 'init'), 0) AS toast_bytes,
			coalesce(pg_total_relation_size(t.relid), 0) AS total_bytes,
			greatest(pg_stat_get_last_vacuum_time(t.relid), pg_stat_get_last_autovacuum_time(t.relid)) AS last_vacuum,
			greatest(pg_stat_get_last_analyze_time(t.relid), pg_stat_get_last_autoanalyze_time(t.relid)) AS last_analyze
		FROM (SELECT c.oid AS relid WHERE c.relkind <> 'p' UNION SELECT i.relid FROM pg_partition_tree(c.oid) AS i WHERE c.relkind = 'p') AS t) AS p
	LEFT JOIN LATERAL (
		SELECT array_agg(a.attname ORDER BY a.attname) AS attname, array_agg(a.n_distinct ORDER BY a.attname) AS n_distinct,
			array_agg(a.correlation ORDER BY a.attname) AS correlation
		FROM pg_stats AS a
		WHERE a.schemaname = n.nspname AND a.tablename = c.relname AND NOT (a.inherited AND c.relkind <> 'p')) AS s ON true
	WHERE c.relnamespace = (SELECT t.relnamespace FROM pg_class AS t WHERE t.oid = '@extschema@.campaigns'::regclass)
		AND c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition
		AND (c.relname LIKE 'campaign%' OR c.relname IN ('timer_executions', 'mv_active_campaigns', 'mv_pending_timers'))
	GROUP BY n.nspname, c.relname, s.attname, s.n_distinct, s.correlation
	ORDER BY c.relname;
COMMENT ON VIEW @extschema@.campaign_table_sizes IS
	'Real sizes in bytes of the campaign tables, one row a table, partitions summed; rows and dead rows as the statistics know them. total_bytes is heap, indexes and toast. Since 1.1.';
COMMENT ON COLUMN @extschema@.campaign_table_sizes.attname IS 'The columns that have planner statistics and may be read, by name; NULL before the first ANALYZE.';
COMMENT ON COLUMN @extschema@.campaign_table_sizes.n_distinct IS 'Of each column of attname, as in pg_stats.';
COMMENT ON COLUMN @extschema@.campaign_table_sizes.correlation IS 'Of each column of attname, as in pg_stats.';
COMMENT ON COLUMN @extschema@.campaign_table_sizes.dead_rows IS 'Row versions that vacuum has yet to remove.';
COMMENT ON COLUMN @extschema@.campaign_table_sizes.partitions IS 'Partitions summed; 0 for a plain table.';

CREATE VIEW @extschema@.upcoming_timers WITH (security_invoker = true) AS
	-- Two index scans merged: what waits for its time, what waits for its next attempt. Everything else is looked up for the rows that are fetched only;
	-- hence no join anywhere: with one, the planner would no longer know that a LIMIT is near, and sort.
	SELECT w.scheduled_at, w.timer_type, w.campaign_id, w.id AS timer_id, w.status, w.retry_count, w.campaign_status,
		w.scheduled_at <= now() AS due,
		greatest(now() - w.scheduled_at, interval '0') AS lateness,
		CASE
			-- The bookkeeping belongs to the extension; a view that named it would keep DROP EXTENSION from working.
			WHEN (SELECT to_regclass('@extschema@.campaign_activation') IS NULL) THEN 'not installed'
			WHEN (SELECT coalesce(current_setting('campaign_lifecycle.enabled', true), 'on') = 'off') THEN 'disabled'
			WHEN (SELECT CASE WHEN has_table_privilege(to_regclass('@extschema@.campaign_activation'), 'SELECT')
					THEN query_to_xml('SELECT 1 AS active FROM @extschema@.campaign_activation AS a JOIN pg_catalog.pg_database AS d ON d.oid OPERATOR(pg_catalog.=) a.database_oid
						WHERE NOT a.paused AND d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()', true, false, '')::text NOT LIKE '%active%' END) THEN 'paused'
			WHEN w.scheduled_at > now() AND w.status = 'FAILED' THEN 'waits for its next attempt'
			WHEN w.scheduled_at > now() THEN 'waits for its time'
			WHEN w.blocker IS NOT NULL THEN 'waits for an earlier timer'
			ELSE 'due' END AS waits_because,
		w.blocker AS waits_for_timer
	FROM (
		SELECT u.*,
			(SELECT c.status FROM @extschema@.campaigns AS c WHERE c.id = u.campaign_id) AS campaign_status,
			(SELECT e.id
				FROM (SELECT t.id, t.timer_type, t.status, t.scheduled_at, t.retry_count FROM @extschema@.campaign_timers AS t WHERE t.campaign_id = u.campaign_id OFFSET 0) AS e
				WHERE e.id <> u.id
					AND (e.status = 'RUNNING'
						OR ((e.status = 'PENDING'
								OR (e.status = 'FAILED' AND e.retry_count < coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5')::integer))
							AND (e.scheduled_at < u.scheduled_at
								OR (e.scheduled_at = u.scheduled_at
									AND (coalesce((SELECT min(m.priority) FROM @extschema@.campaign_state_transitions AS m WHERE m.timer_type = e.timer_type), 2147483647), e.id)
										< (coalesce((SELECT min(m.priority) FROM @extschema@.campaign_state_transitions AS m WHERE m.timer_type = u.timer_type), 2147483647), u.id)))))
				ORDER BY e.status <> 'RUNNING', e.scheduled_at, e.id
				LIMIT 1) AS blocker
		FROM (
			(SELECT t.id, t.campaign_id, t.timer_type, t.status, t.scheduled_at, t.retry_count
				FROM @extschema@.campaign_timers AS t
				WHERE t.status = 'PENDING'
				ORDER BY t.scheduled_at)
			UNION ALL
			(SELECT t.id, t.campaign_id, t.timer_type, t.status, t.scheduled_at, t.retry_count
				FROM @extschema@.campaign_timers AS t
				WHERE t.status = 'FAILED' AND t.retry_count < 5
					AND t.retry_count < coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5')::integer
				ORDER BY t.scheduled_at)) AS u) AS w
	ORDER BY w.scheduled_at;
COMMENT ON VIEW @extschema@.upcoming_timers IS
	'What fires next, over all campaigns, earliest first, and why each has not fired yet. Read it with LIMIT, or with a condition on scheduled_at: then it costs the same with millions of timers. Since 1.1.';
COMMENT ON COLUMN @extschema@.upcoming_timers.scheduled_at IS 'When it is due; of a failed one, when it is tried again.';
COMMENT ON COLUMN @extschema@.upcoming_timers.lateness IS 'How long it has been due; 0 before its time.';
COMMENT ON COLUMN @extschema@.upcoming_timers.waits_because IS
	'due (fires at once, or waits for a lock), waits for its time, waits for its next attempt, waits for an earlier timer, paused (pause_timers(), or a restored copy: resume_timers()), disabled (campaign_lifecycle.enabled is off), not installed.';
COMMENT ON COLUMN @extschema@.upcoming_timers.waits_for_timer IS 'The first timer of its campaign that must be done before this one.';

CREATE VIEW @extschema@.backfill_progress WITH (security_invoker = true) AS
	SELECT b.relation, b.column_name,
		CASE WHEN b.finished_at IS NOT NULL THEN 'finished' WHEN l.pid IS NOT NULL THEN 'running' ELSE 'stopped' END AS state,
		b.rows_seen, b.rows_changed, b.estimated_rows,
		CASE WHEN b.finished_at IS NOT NULL THEN 100 WHEN b.estimated_rows > 0 THEN least(round(b.rows_seen * 100.0 / b.estimated_rows, 1), 99.9) END AS percentage,
		b.batches, b.started_at, b.updated_at, b.finished_at, b.run_by, l.pid, b.value_expression
	FROM @extschema@.campaign_backfills AS b
	LEFT JOIN pg_locks AS l ON l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND b.finished_at IS NULL
		AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
		AND (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended('campaign_lifecycle backfill ' || b.relation || ' ' || b.column_name, 0);
COMMENT ON VIEW @extschema@.backfill_progress IS
	'Each column''s last backfill, while it runs and afterwards: state running (pid says where), stopped (by an error or a crash; the same CALL goes on from there) or finished. Since 1.1.';
COMMENT ON COLUMN @extschema@.backfill_progress.percentage IS 'rows_seen of estimated_rows; NULL while that is unknown.';
END IF;
PERFORM @extschema@.upgrade_campaign_tables();
END
$install$;
COMMENT ON FUNCTION @extschema@.install_campaign_tables() IS
	'Makes the campaign tables, their triggers and the views over them, or adopts those that an earlier CREATE EXTENSION left. CREATE EXTENSION calls it; call it yourself where a NOTICE said so. Errors, and then nothing is made: 42P07 where other relations have these names or the tables are not in our shape; 42501 for tables of another owner. Since 1.0.';
-- Tables of an earlier version: those of an ALTER EXTENSION UPDATE, of a dump that an older version made, or left by DROP EXTENSION. Each step brings them
-- one version on, with the same text that a new installation runs.
CREATE FUNCTION @extschema@._bring_up_campaign_tables() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $upgrade$
DECLARE
	wanted constant text := (SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'campaign_lifecycle');
	present text;
BEGIN
SELECT v.version INTO present FROM @extschema@.campaign_tables_version AS v FOR UPDATE;
IF present IS DISTINCT FROM wanted AND present IS DISTINCT FROM '1.0' THEN
	RAISE EXCEPTION 'campaign tables of version % cannot be brought to version %', coalesce(present, 'unknown'), wanted
		USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Install a version of campaign_lifecycle that is not older than the tables.';
END IF;
IF present = '1.0' THEN
DROP VIEW @extschema@._runnable_timers;
-- How far each backfill has come. Body of install_campaign_tables(), and of upgrade_campaign_tables() for tables older than 1.1.

CREATE TABLE @extschema@.campaign_backfills (
	relation text NOT NULL,
	column_name name NOT NULL,
	value_expression text NOT NULL,
	run uuid NOT NULL,
	run_by name NOT NULL,
	started_at timestamp with time zone NOT NULL,
	updated_at timestamp with time zone NOT NULL,
	finished_at timestamp with time zone,
	estimated_rows bigint,
	rows_seen bigint NOT NULL DEFAULT 0,
	rows_changed bigint NOT NULL DEFAULT 0,
	batches bigint NOT NULL DEFAULT 0,
	part text,
	key_columns text,
	reached text[],
	up_to text[],
	pass integer NOT NULL DEFAULT 1,
	CONSTRAINT campaign_backfills_pkey PRIMARY KEY (relation, column_name)
) WITH (fillfactor = 50);
COMMENT ON TABLE @extschema@.campaign_backfills IS
	'The last backfill of each column, written by backfill_column() with every batch; an unfinished one is where the next call goes on. backfill_progress shows it. Deleting a row forgets the run: the next call begins anew. Since 1.1.';
COMMENT ON COLUMN @extschema@.campaign_backfills.relation IS 'The table, with its schema.';
COMMENT ON COLUMN @extschema@.campaign_backfills.run IS 'The call that works on it; another call puts its own here and takes over.';
COMMENT ON COLUMN @extschema@.campaign_backfills.estimated_rows IS 'Rows of the table when the run began, as the statistics had it; NULL before the first ANALYZE.';
COMMENT ON COLUMN @extschema@.campaign_backfills.rows_seen IS 'Rows walked over.';
COMMENT ON COLUMN @extschema@.campaign_backfills.rows_changed IS 'Rows that had another value and got the new one.';
COMMENT ON COLUMN @extschema@.campaign_backfills.part IS 'The table or partition being walked.';
COMMENT ON COLUMN @extschema@.campaign_backfills.key_columns IS 'The unique key that is walked; NULL: block by block.';
COMMENT ON COLUMN @extschema@.campaign_backfills.reached IS 'The key, or the block, that the last batch ended with.';
COMMENT ON COLUMN @extschema@.campaign_backfills.up_to IS 'The key, or the block, that the walk ends with: the last one there was when it began.';
COMMENT ON COLUMN @extschema@.campaign_backfills.pass IS 'Of a walk by blocks, which rows can cross: how many times it has begun.';
-- What upkeep works on: its jobs as data, the materialized views, the first months of the log. Body of install_campaign_tables().

CREATE TABLE @extschema@.campaign_maintenance_jobs (
	job text NOT NULL,
	schedule text NOT NULL,
	enabled boolean NOT NULL DEFAULT true,
	retention interval,
	months_ahead integer,
	last_run timestamp with time zone,
	last_duration interval,
	last_outcome text,
	last_error text,
	last_count bigint,
	failures integer NOT NULL DEFAULT 0,
	reached timestamp with time zone,
	cron_database oid,
	CONSTRAINT campaign_maintenance_jobs_pkey PRIMARY KEY (job),
	CONSTRAINT valid_job CHECK (job IN ('create-monthly-partitions', 'refresh-active-campaigns', 'refresh-pending-timers', 'archive-state-logs',
		'cleanup-timer-executions', 'cleanup-finished-timers', 'cleanup-metrics')),
	-- By built-in functions only, for the table outlives the extension; _next_cron_time() also sees a range from high to low.
	CONSTRAINT valid_schedule CHECK (
		schedule ~* '^\s*@(hourly|daily|midnight|weekly|monthly|yearly|annually)\s*$'
		OR (cardinality(regexp_split_to_array(btrim(schedule), '[ \t]+')) = 5 AND schedule !~ ',(\s|$)'
			AND split_part(regexp_replace(btrim(schedule), '[ \t]+', ' ', 'g'), ' ', 1) ~ '^((([0-5]?\d)(-([0-5]?\d))?|\*)(/0*[1-9]\d*)?(,|$))+$'
			AND split_part(regexp_replace(btrim(schedule), '[ \t]+', ' ', 'g'), ' ', 2) ~ '^((([01]?\d|2[0-3])(-([01]?\d|2[0-3]))?|\*)(/0*[1-9]\d*)?(,|$))+$'
			AND split_part(regexp_replace(btrim(schedule), '[ \t]+', ' ', 'g'), ' ', 3) ~ '^(((0?[1-9]|[12]\d|3[01])(-(0?[1-9]|[12]\d|3[01]))?|\*)(/0*[1-9]\d*)?(,|$))+$'
			AND split_part(regexp_replace(btrim(schedule), '[ \t]+', ' ', 'g'), ' ', 4) ~* '^(((0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(-(0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))?|\*)(/0*[1-9]\d*)?(,|$))+$'
			AND split_part(regexp_replace(btrim(schedule), '[ \t]+', ' ', 'g'), ' ', 5) ~* '^(((0?[0-7]|sun|mon|tue|wed|thu|fri|sat)(-(0?[0-7]|sun|mon|tue|wed|thu|fri|sat))?|\*)(/0*[1-9]\d*)?(,|$))+$')),
	CONSTRAINT valid_retention CHECK (CASE
		WHEN job IN ('archive-state-logs', 'cleanup-timer-executions', 'cleanup-finished-timers', 'cleanup-metrics') THEN retention IS NOT NULL AND retention >= interval '0'
		ELSE retention IS NULL END),
	CONSTRAINT valid_months_ahead CHECK (CASE
		WHEN job = 'create-monthly-partitions' THEN months_ahead IS NOT NULL AND months_ahead BETWEEN 0 AND 120
		ELSE months_ahead IS NULL END),
	CONSTRAINT valid_last_outcome CHECK (last_outcome IN ('ok', 'running', 'failed'))
);
COMMENT ON TABLE @extschema@.campaign_maintenance_jobs IS
	'What the worker does as time passes. Edit schedule, enabled, retention and months_ahead; the rest says how it went. Times missed while no worker ran are caught up by one run; one job''s failure stops no other.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.job IS 'Its name, also in pg_cron.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.schedule IS
	'A cron schedule in UTC: minute, hour, day of month, month, day of week; or @hourly and the like. Months are made when they are missing, whatever the schedule says.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.enabled IS 'Whether it runs at all.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.retention IS 'The age from which on rows are archived or removed.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.months_ahead IS 'How many months after the present one have their partition.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.last_run IS 'When it last did something or failed; a run that found nothing to do is written down once a day.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.last_duration IS 'The time its steps took.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.last_outcome IS 'ok, failed, or running: more steps follow, also after a crash.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.last_error IS 'Of a failure: SQLSTATE: message.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.last_count IS 'Partitions made, rows moved or removed, views refreshed.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.failures IS 'Failures in a row; the next try is 10 seconds after the first, then twice as long each time, at most an hour. Set to 0 to try at once.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.reached IS 'Where the next step of a running job begins.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.cron_database IS
	'The oid of the database whose pg_cron runs the job: if that is this one, the worker leaves it alone. Written by schedule_maintenance() and unschedule_maintenance(). A restored copy has another oid.';
INSERT INTO @extschema@.campaign_maintenance_jobs (job, schedule, enabled, retention, months_ahead) VALUES
	('create-monthly-partitions', '0 0 1 * *', true, NULL, 3),
	('refresh-active-campaigns', '*/5 * * * *', true, NULL, NULL),
	('refresh-pending-timers', '* * * * *', true, NULL, NULL),
	('archive-state-logs', '0 2 1 * *', true, '1 year', NULL),
	('cleanup-timer-executions', '0 3 * * 0', true, '6 months', NULL),
	('cleanup-finished-timers', '30 3 * * 0', false, '1 year', NULL),
	('cleanup-metrics', '0 4 * * 0', false, '1 year', NULL);

CREATE INDEX idx_timer_executions_completed_at ON @extschema@.timer_executions (completed_at) WHERE status = 'COMPLETED';
COMMENT ON INDEX @extschema@.idx_timer_executions_completed_at IS 'By which the cleanup finds the oldest, without passing the failed ones that stay.';

CREATE MATERIALIZED VIEW @extschema@.mv_active_campaigns AS
	SELECT c.status,
		count(*) AS campaign_count,
		avg(c.duration_hours) AS avg_duration,
		min(c.created_at) AS oldest_campaign,
		max(c.created_at) AS newest_campaign,
		count(c.duration_hours) AS duration_count,
		sum(c.duration_hours) AS duration_sum
	FROM @extschema@.campaigns AS c
	WHERE c.status IN ('CREATED', 'RUNNING', 'REWARD_CLAIM')
	GROUP BY c.status;
CREATE UNIQUE INDEX idx_mv_active_campaigns_status ON @extschema@.mv_active_campaigns (status);
COMMENT ON MATERIALIZED VIEW @extschema@.mv_active_campaigns IS 'Campaigns by state, as of the last refresh; the worker refreshes it every five minutes if it has changed. duration_count and duration_sum add up over servers, averages do not.';

CREATE MATERIALIZED VIEW @extschema@.mv_pending_timers AS
	SELECT t.timer_type,
		count(*) AS timer_count,
		min(t.scheduled_at) AS next_execution,
		avg(t.retry_count) AS avg_retries,
		count(t.retry_count) AS retries_count,
		sum(t.retry_count) AS retries_sum
	FROM @extschema@.campaign_timers AS t
	WHERE t.status = 'PENDING' AND t.scheduled_at <= now() + interval '1 hour'
	GROUP BY t.timer_type;
CREATE UNIQUE INDEX idx_mv_pending_timers_timer_type ON @extschema@.mv_pending_timers (timer_type);
COMMENT ON MATERIALIZED VIEW @extschema@.mv_pending_timers IS 'Timers due within the hour by type, as of the last refresh; the worker refreshes it every minute if it has changed. retries_count and retries_sum add up over servers, averages do not.';

PERFORM @extschema@.create_monthly_partitions(3, now());
-- Views over the tables, ordinary objects as those are; they call no function of ours, so that DROP EXTENSION needs no CASCADE. Body of install_campaign_tables().

-- A campaign's timers run one after another: a timer is runnable when no earlier one of its campaign waits or runs. Ties go by priority, then id.
CREATE VIEW @extschema@._runnable_timers WITH (security_invoker = true) AS
	SELECT t.id, t.campaign_id, t.timer_type, t.status, t.scheduled_at, t.retry_count,
		t.ctid AS place, c.ctid AS campaign_place, c.status AS state, t.payload ? 'policy' AS by_policy
	FROM @extschema@.campaign_timers AS t
	JOIN @extschema@.campaigns AS c ON c.id = t.campaign_id
	WHERE NOT EXISTS (
		SELECT FROM @extschema@.campaign_timers AS e
		-- In these words, for so unique_waiting_timer_per_type says it, which holds no finished timer.
		WHERE e.campaign_id = t.campaign_id AND (e.status IN ('PENDING', 'RUNNING') OR (e.status = 'FAILED' AND e.retry_count < 5))
			AND e.id <> t.id
			AND (e.status = 'RUNNING'
				OR ((e.status = 'PENDING' OR e.retry_count < coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5')::integer)
					AND (e.scheduled_at < t.scheduled_at
						OR (e.scheduled_at = t.scheduled_at
							AND (coalesce((SELECT min(m.priority) FROM @extschema@.campaign_state_transitions AS m WHERE m.timer_type = e.timer_type), 2147483647), e.id)
								< (coalesce((SELECT min(m.priority) FROM @extschema@.campaign_state_transitions AS m WHERE m.timer_type = t.timer_type), 2147483647), t.id)))))
		OFFSET 0);
COMMENT ON VIEW @extschema@._runnable_timers IS 'Timers with no earlier unfinished timer of their campaign; what the claim locks, with the campaign.';
-- The specification's monitoring queries as views, its columns first and ours after, and two more: what is dead, what fires next. Ordinary views over the
-- tables that call built-in functions only. Every average has its count and its sum beside it, so that the rows of several servers can be added up.
-- Body of install_campaign_tables(), and of upgrade_campaign_tables() for tables older than 1.1.

CREATE VIEW @extschema@.stuck_timers WITH (security_invoker = true) AS
	SELECT t.timer_type, count(*) AS stuck_count, min(t.scheduled_at) AS oldest_stuck,
		sum(now() - t.scheduled_at) AS total_lateness, avg(now() - t.scheduled_at) AS avg_lateness, max(now() - t.scheduled_at) AS max_lateness
	FROM @extschema@.campaign_timers AS t
	WHERE t.status = 'PENDING' AND t.scheduled_at < now() - interval '10 minutes'
	GROUP BY t.timer_type;
COMMENT ON VIEW @extschema@.stuck_timers IS
	'Timers that should have fired more than 10 minutes ago and were not even tried, by type; empty while a worker runs. upcoming_timers tells why each waits. Since 1.1.';
COMMENT ON COLUMN @extschema@.stuck_timers.total_lateness IS 'Sum of the lateness of the stuck timers; avg_lateness is this divided by stuck_count.';

CREATE VIEW @extschema@.failed_timers WITH (security_invoker = true) AS
	SELECT t.campaign_id, t.timer_type, t.retry_count, t.scheduled_at, t.updated_at, t.id AS timer_id,
		coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5')::integer - t.retry_count AS attempts_left,
		(SELECT (array_agg(e.error_message ORDER BY e.started_at DESC, e.id DESC))[1]
			FROM @extschema@.timer_executions AS e WHERE e.timer_id = t.id AND e.status = 'FAILED') AS last_error
	FROM @extschema@.campaign_timers AS t
	WHERE t.status = 'FAILED' AND t.retry_count < 5
		AND t.retry_count < coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5')::integer
		AND t.updated_at < now() - interval '5 minutes';
COMMENT ON VIEW @extschema@.failed_timers IS
	'Timers whose last attempt failed more than 5 minutes ago and that have attempts left: scheduled_at says when each is tried again. Those without an attempt left are in dead_timers. Since 1.1.';

CREATE VIEW @extschema@.dead_timers WITH (security_invoker = true) AS
	SELECT t.campaign_id, t.timer_type, t.retry_count, t.scheduled_at, t.updated_at, t.id AS timer_id, c.status AS campaign_status,
		(SELECT (array_agg(e.error_message ORDER BY e.started_at DESC, e.id DESC))[1]
			FROM @extschema@.timer_executions AS e WHERE e.timer_id = t.id AND e.status = 'FAILED') AS last_error
	FROM @extschema@.campaign_timers AS t
	JOIN @extschema@.campaigns AS c ON c.id = t.campaign_id
	WHERE t.status = 'FAILED' AND t.retry_count >= least(5, coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5')::integer);
COMMENT ON VIEW @extschema@.dead_timers IS
	'Dead letters: timers that failed at every attempt, with the last error as SQLSTATE: message. retry_timer() revives one, cancel_timer() ends it. Since 1.1.';
COMMENT ON COLUMN @extschema@.dead_timers.scheduled_at IS 'When the last attempt was due.';
COMMENT ON COLUMN @extschema@.dead_timers.updated_at IS 'When it failed for the last time.';

CREATE VIEW @extschema@.campaign_state_distribution WITH (security_invoker = true) AS
	SELECT c.status, count(*) AS count, round(count(*) * 100.0 / sum(count(*)) OVER (), 2) AS percentage
	FROM @extschema@.campaigns AS c
	GROUP BY c.status
	ORDER BY count(*) DESC, c.status;
COMMENT ON VIEW @extschema@.campaign_state_distribution IS 'Campaigns by state, most first; percentage of all campaigns, two decimals. Reads the whole table or its index on status. Since 1.1.';

CREATE VIEW @extschema@.timer_execution_stats WITH (security_invoker = true) AS
	-- The types are those of the machine and the policies, and any that a timer has: one index probe a type, however many timers there are.
	WITH RECURSIVE used (timer_type) AS (
		(SELECT t.timer_type FROM @extschema@.campaign_timers AS t ORDER BY t.timer_type LIMIT 1)
		UNION ALL
		SELECT (SELECT t.timer_type FROM @extschema@.campaign_timers AS t WHERE t.timer_type > u.timer_type ORDER BY t.timer_type LIMIT 1)
		FROM used AS u
		WHERE u.timer_type IS NOT NULL),
	types AS (
		SELECT m.timer_type FROM @extschema@.campaign_state_transitions AS m WHERE m.timer_type IS NOT NULL
		UNION
		SELECT p.timer_type FROM @extschema@.campaign_timer_policies AS p
		UNION
		SELECT u.timer_type FROM used AS u WHERE u.timer_type IS NOT NULL),
	executed AS (
		SELECT t.timer_type, count(*) AS executions, sum(e.execution_time_ms) AS total_ms, count(e.execution_time_ms) AS measured, max(e.execution_time_ms) AS max_ms,
			count(*) FILTER (WHERE e.status = 'FAILED') AS failures,
			count(*) FILTER (WHERE e.result ? 'skipped') AS skipped
		FROM @extschema@.timer_executions AS e
		JOIN @extschema@.campaign_timers AS t ON t.id = e.timer_id
		WHERE e.started_at > now() - interval '24 hours'
		GROUP BY t.timer_type)
	SELECT y.timer_type, coalesce(x.executions, 0) AS executions, round(x.total_ms::numeric / nullif(x.measured, 0)) AS avg_ms, x.max_ms,
		coalesce(x.failures, 0) AS failures,
		coalesce(x.skipped, 0) AS skipped, coalesce(x.measured, 0) AS measured, coalesce(x.total_ms, 0) AS total_ms
	FROM types AS y
	LEFT JOIN executed AS x ON x.timer_type = y.timer_type
	ORDER BY avg_ms DESC NULLS LAST, y.timer_type;
COMMENT ON VIEW @extschema@.timer_execution_stats IS
	'Attempts of the last 24 hours by timer type, the idle types included; times in milliseconds. avg_ms is total_ms divided by measured, the attempts whose time is known. Since 1.1.';
COMMENT ON COLUMN @extschema@.timer_execution_stats.failures IS 'Failed attempts.';
COMMENT ON COLUMN @extschema@.timer_execution_stats.skipped IS 'Attempts that found nothing to do: too late, or switched off.';

CREATE VIEW @extschema@.campaign_table_sizes WITH (security_invoker = true) AS
	-- The tables of the specification's pattern, timer_executions and the materialized views; a partitioned one is one row, the sum of its partitions.
	SELECT n.nspname AS schemaname, c.relname AS tablename,
		s.attname, s.n_distinct, s.correlation,
		sum(p.rows)::bigint AS live_rows, sum(p.dead_rows)::bigint AS dead_rows,
		sum(p.heap_bytes)::bigint AS heap_bytes, sum(p.index_bytes)::bigint AS index_bytes, sum(p.toast_bytes)::bigint AS toast_bytes,
		sum(p.total_bytes)::bigint AS total_bytes,
		count(*) FILTER (WHERE p.is_partition)::integer AS partitions,
		max(p.last_vacuum) AS last_vacuum, max(p.last_analyze) AS last_analyze
	FROM pg_class AS c
	JOIN pg_namespace AS n ON n.oid = c.relnamespace
	CROSS JOIN LATERAL (
		SELECT t.relid <> c.oid AS is_partition,
			coalesce(pg_stat_get_live_tuples(t.relid), 0) AS rows, coalesce(pg_stat_get_dead_tuples(t.relid), 0) AS dead_rows,
			coalesce(pg_relation_size(t.relid) + pg_relation_size(t.relid, 'fsm') + pg_relation_size(t.relid, 'vm'), 0) AS heap_bytes,
			coalesce(pg_indexes_size(t.relid), 0) AS index_bytes,
			coalesce(pg_table_size(t.relid) - pg_relation_size(t.relid) - pg_relation_size(t.relid, 'fsm') - pg_relation_size(t.relid, 'vm')
				- pg_relation_size(t.relid, 'init'), 0) AS toast_bytes,
			coalesce(pg_total_relation_size(t.relid), 0) AS total_bytes,
			greatest(pg_stat_get_last_vacuum_time(t.relid), pg_stat_get_last_autovacuum_time(t.relid)) AS last_vacuum,
			greatest(pg_stat_get_last_analyze_time(t.relid), pg_stat_get_last_autoanalyze_time(t.relid)) AS last_analyze
		FROM (SELECT c.oid AS relid WHERE c.relkind <> 'p' UNION SELECT i.relid FROM pg_partition_tree(c.oid) AS i WHERE c.relkind = 'p') AS t) AS p
	LEFT JOIN LATERAL (
		SELECT array_agg(a.attname ORDER BY a.attname) AS attname, array_agg(a.n_distinct ORDER BY a.attname) AS n_distinct,
			array_agg(a.correlation ORDER BY a.attname) AS correlation
		FROM pg_stats AS a
		WHERE a.schemaname = n.nspname AND a.tablename = c.relname AND NOT (a.inherited AND c.relkind <> 'p')) AS s ON true
	WHERE c.relnamespace = (SELECT t.relnamespace FROM pg_class AS t WHERE t.oid = '@extschema@.campaigns'::regclass)
		AND c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition
		AND (c.relname LIKE 'campaign%' OR c.relname IN ('timer_executions', 'mv_active_campaigns', 'mv_pending_timers'))
	GROUP BY n.nspname, c.relname, s.attname, s.n_distinct, s.correlation
	ORDER BY c.relname;
COMMENT ON VIEW @extschema@.campaign_table_sizes IS
	'Real sizes in bytes of the campaign tables, one row a table, partitions summed; rows and dead rows as the statistics know them. total_bytes is heap, indexes and toast. Since 1.1.';
COMMENT ON COLUMN @extschema@.campaign_table_sizes.attname IS 'The columns that have planner statistics and may be read, by name; NULL before the first ANALYZE.';
COMMENT ON COLUMN @extschema@.campaign_table_sizes.n_distinct IS 'Of each column of attname, as in pg_stats.';
COMMENT ON COLUMN @extschema@.campaign_table_sizes.correlation IS 'Of each column of attname, as in pg_stats.';
COMMENT ON COLUMN @extschema@.campaign_table_sizes.dead_rows IS 'Row versions that vacuum has yet to remove.';
COMMENT ON COLUMN @extschema@.campaign_table_sizes.partitions IS 'Partitions summed; 0 for a plain table.';

CREATE VIEW @extschema@.upcoming_timers WITH (security_invoker = true) AS
	-- Two index scans merged: what waits for its time, what waits for its next attempt. Everything else is looked up for the rows that are fetched only;
	-- hence no join anywhere: with one, the planner would no longer know that a LIMIT is near, and sort.
	SELECT w.scheduled_at, w.timer_type, w.campaign_id, w.id AS timer_id, w.status, w.retry_count, w.campaign_status,
		w.scheduled_at <= now() AS due,
		greatest(now() - w.scheduled_at, interval '0') AS lateness,
		CASE
			-- The bookkeeping belongs to the extension; a view that named it would keep DROP EXTENSION from working.
			WHEN (SELECT to_regclass('@extschema@.campaign_activation') IS NULL) THEN 'not installed'
			WHEN (SELECT coalesce(current_setting('campaign_lifecycle.enabled', true), 'on') = 'off') THEN 'disabled'
			WHEN (SELECT CASE WHEN has_table_privilege(to_regclass('@extschema@.campaign_activation'), 'SELECT')
					THEN query_to_xml('SELECT 1 AS active FROM @extschema@.campaign_activation AS a JOIN pg_catalog.pg_database AS d ON d.oid OPERATOR(pg_catalog.=) a.database_oid
						WHERE NOT a.paused AND d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()', true, false, '')::text NOT LIKE '%active%' END) THEN 'paused'
			WHEN w.scheduled_at > now() AND w.status = 'FAILED' THEN 'waits for its next attempt'
			WHEN w.scheduled_at > now() THEN 'waits for its time'
			WHEN w.blocker IS NOT NULL THEN 'waits for an earlier timer'
			ELSE 'due' END AS waits_because,
		w.blocker AS waits_for_timer
	FROM (
		SELECT u.*,
			(SELECT c.status FROM @extschema@.campaigns AS c WHERE c.id = u.campaign_id) AS campaign_status,
			(SELECT e.id
				FROM (SELECT t.id, t.timer_type, t.status, t.scheduled_at, t.retry_count FROM @extschema@.campaign_timers AS t WHERE t.campaign_id = u.campaign_id OFFSET 0) AS e
				WHERE e.id <> u.id
					AND (e.status = 'RUNNING'
						OR ((e.status = 'PENDING'
								OR (e.status = 'FAILED' AND e.retry_count < coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5')::integer))
							AND (e.scheduled_at < u.scheduled_at
								OR (e.scheduled_at = u.scheduled_at
									AND (coalesce((SELECT min(m.priority) FROM @extschema@.campaign_state_transitions AS m WHERE m.timer_type = e.timer_type), 2147483647), e.id)
										< (coalesce((SELECT min(m.priority) FROM @extschema@.campaign_state_transitions AS m WHERE m.timer_type = u.timer_type), 2147483647), u.id)))))
				ORDER BY e.status <> 'RUNNING', e.scheduled_at, e.id
				LIMIT 1) AS blocker
		FROM (
			(SELECT t.id, t.campaign_id, t.timer_type, t.status, t.scheduled_at, t.retry_count
				FROM @extschema@.campaign_timers AS t
				WHERE t.status = 'PENDING'
				ORDER BY t.scheduled_at)
			UNION ALL
			(SELECT t.id, t.campaign_id, t.timer_type, t.status, t.scheduled_at, t.retry_count
				FROM @extschema@.campaign_timers AS t
				WHERE t.status = 'FAILED' AND t.retry_count < 5
					AND t.retry_count < coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5')::integer
				ORDER BY t.scheduled_at)) AS u) AS w
	ORDER BY w.scheduled_at;
COMMENT ON VIEW @extschema@.upcoming_timers IS
	'What fires next, over all campaigns, earliest first, and why each has not fired yet. Read it with LIMIT, or with a condition on scheduled_at: then it costs the same with millions of timers. Since 1.1.';
COMMENT ON COLUMN @extschema@.upcoming_timers.scheduled_at IS 'When it is due; of a failed one, when it is tried again.';
COMMENT ON COLUMN @extschema@.upcoming_timers.lateness IS 'How long it has been due; 0 before its time.';
COMMENT ON COLUMN @extschema@.upcoming_timers.waits_because IS
	'due (fires at once, or waits for a lock), waits for its time, waits for its next attempt, waits for an earlier timer, paused (pause_timers(), or a restored copy: resume_timers()), disabled (campaign_lifecycle.enabled is off), not installed.';
COMMENT ON COLUMN @extschema@.upcoming_timers.waits_for_timer IS 'The first timer of its campaign that must be done before this one.';

CREATE VIEW @extschema@.backfill_progress WITH (security_invoker = true) AS
	SELECT b.relation, b.column_name,
		CASE WHEN b.finished_at IS NOT NULL THEN 'finished' WHEN l.pid IS NOT NULL THEN 'running' ELSE 'stopped' END AS state,
		b.rows_seen, b.rows_changed, b.estimated_rows,
		CASE WHEN b.finished_at IS NOT NULL THEN 100 WHEN b.estimated_rows > 0 THEN least(round(b.rows_seen * 100.0 / b.estimated_rows, 1), 99.9) END AS percentage,
		b.batches, b.started_at, b.updated_at, b.finished_at, b.run_by, l.pid, b.value_expression
	FROM @extschema@.campaign_backfills AS b
	LEFT JOIN pg_locks AS l ON l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND b.finished_at IS NULL
		AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
		AND (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended('campaign_lifecycle backfill ' || b.relation || ' ' || b.column_name, 0);
COMMENT ON VIEW @extschema@.backfill_progress IS
	'Each column''s last backfill, while it runs and afterwards: state running (pid says where), stopped (by an error or a crash; the same CALL goes on from there) or finished. Since 1.1.';
COMMENT ON COLUMN @extschema@.backfill_progress.percentage IS 'rows_seen of estimated_rows; NULL while that is unknown.';
END IF;
PERFORM @extschema@._install_campaign_triggers();
UPDATE @extschema@.campaign_tables_version AS v SET version = wanted WHERE v.version IS DISTINCT FROM wanted;
END
$upgrade$;
COMMENT ON FUNCTION @extschema@._bring_up_campaign_tables() IS 'upgrade_campaign_tables() as the owner of the tables.';

-- Triggers that others have put on the tables run as whoever writes them: not as the superuser who updates the extension.
CREATE FUNCTION @extschema@.upgrade_campaign_tables() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL OR to_regclass('@extschema@.campaign_tables_version') IS NULL THEN
		RAISE EXCEPTION 'the campaign tables are missing'
			USING ERRCODE = 'undefined_table', HINT = 'install_campaign_tables() makes them.';
	END IF;
	-- Before any table, as the worker does: none is at work from here on.
	ALTER FUNCTION @extschema@._uuid_v7() NO DEPENDS ON EXTENSION campaign_lifecycle;
	IF @extschema@._is_campaign_owner() THEN
		PERFORM @extschema@._bring_up_campaign_tables();
	ELSE
		PERFORM @extschema@._grant_campaign_owner();
		PERFORM @extschema@._upkeep_as_owner('upgrade_campaign_tables', NULL::timestamptz, NULL::interval, NULL::bigint);
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.upgrade_campaign_tables() IS
	'Brings tables of an earlier version, restored or adopted, up to this one; timers stay paused until then. Does nothing to tables that are. May be run any number of times. Errors: 42P01 without tables, 55000 for tables of a later version. Since 1.1.';
-- The only thing that removes the data: DROP EXTENSION leaves the tables, so that nobody loses them by a command about functions.
CREATE FUNCTION @extschema@.uninstall_campaign_tables() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	forbidden regclass;
	item record;
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		RAISE EXCEPTION 'the campaign tables are missing'
			USING ERRCODE = 'undefined_table', HINT = 'There is nothing to remove; install_campaign_tables() makes them.';
	END IF;
	SELECT r.relation
	INTO forbidden
	FROM @extschema@._campaign_relations() AS r
	JOIN pg_class AS c ON c.oid = r.relation
	WHERE NOT pg_has_role(c.relowner, 'USAGE')
	LIMIT 1;
	IF forbidden IS NOT NULL THEN
		RAISE EXCEPTION 'permission denied to remove the campaign tables'
			USING ERRCODE = 'insufficient_privilege', HINT = format('Call it as a superuser, or with the rights of the owner of %s.', forbidden);
	END IF;
	-- Before any table, as the worker does: none is at work from here on.
	ALTER FUNCTION @extschema@._uuid_v7() NO DEPENDS ON EXTENSION campaign_lifecycle;
	-- Without CASCADE: what a user has built on them stops it. Partitions go with their tables, views before what they show.
	FOR item IN
		SELECT k.kind, string_agg(r.relation::text, ', ' ORDER BY r.place) AS relations
		FROM @extschema@._campaign_relations() AS r
		JOIN pg_class AS c ON c.oid = r.relation
		JOIN (VALUES ('v', 1, 'VIEW'), ('m', 2, 'MATERIALIZED VIEW'), ('r', 3, 'TABLE'), ('p', 3, 'TABLE')) AS k (relkind, step, kind) ON k.relkind = c.relkind::text
		WHERE NOT r.is_member AND NOT c.relispartition
		GROUP BY k.step, k.kind
		ORDER BY k.step
	LOOP
		EXECUTE format('DROP %s %s', item.kind, item.relations);
	END LOOP;
	PERFORM @extschema@._wake();
END
$$;
COMMENT ON FUNCTION @extschema@.uninstall_campaign_tables() IS
	'Removes the campaign tables with all their data, and the views over them; the functions stay until DROP EXTENSION, and install_campaign_tables() makes new tables. Errors, and then nothing is removed: 42P01 without tables; 42501 unless called with the rights of the owners of the tables and of the extension; 2BP01 while objects of the user''s, such as a view, depend on them. Since 1.1.';
-- The triggers of the tables, each made where it is missing: all of them by CREATE EXTENSION, also over tables that were left, the new ones by an upgrade.
-- Each depends on the extension, so that DROP EXTENSION takes it along and leaves the table.

CREATE FUNCTION @extschema@._install_campaign_triggers() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $install$
DECLARE
	relation text;
	name text;
	definition text;
BEGIN
	FOR relation, name, definition IN VALUES
		('campaigns', 'fill_campaign_end_time_on_insert',
			'BEFORE INSERT ON @extschema@.campaigns
				FOR EACH ROW EXECUTE FUNCTION @extschema@.fill_campaign_end_time()'),
		('campaigns', 'fill_campaign_end_time_on_update',
			'BEFORE UPDATE OF start_time, end_time, duration_hours ON @extschema@.campaigns
				FOR EACH ROW WHEN (OLD.start_time IS DISTINCT FROM NEW.start_time OR OLD.duration_hours IS DISTINCT FROM NEW.duration_hours OR OLD.end_time IS DISTINCT FROM NEW.end_time)
				EXECUTE FUNCTION @extschema@.fill_campaign_end_time()'),
		('campaigns', 'update_campaigns_updated_at',
			'BEFORE UPDATE ON @extschema@.campaigns
				FOR EACH ROW EXECUTE FUNCTION @extschema@.update_updated_at_column()'),
		('campaigns', 'validate_campaign_state_transition',
			'BEFORE UPDATE ON @extschema@.campaigns
				FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION @extschema@.validate_state_transition()'),
		('campaigns', 'log_campaign_creation',
			'AFTER INSERT ON @extschema@.campaigns
				FOR EACH ROW EXECUTE FUNCTION @extschema@.log_campaign_state_change()'),
		('campaigns', 'log_campaign_creation_flush',
			'AFTER INSERT ON @extschema@.campaigns
				FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.log_campaign_state_change()'),
		('campaigns', 'log_campaign_state_changes',
			'AFTER UPDATE ON @extschema@.campaigns
				FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION @extschema@.log_campaign_state_change()'),
		('campaigns', 'log_campaign_state_changes_flush',
			'AFTER UPDATE ON @extschema@.campaigns
				FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.log_campaign_state_change()'),
		('campaign_timers', 'update_campaign_timers_updated_at',
			'BEFORE UPDATE ON @extschema@.campaign_timers
				FOR EACH ROW EXECUTE FUNCTION @extschema@.update_updated_at_column()'),
		('campaign_timers', 'validate_timer_scheduling',
			'BEFORE INSERT ON @extschema@.campaign_timers
				FOR EACH ROW WHEN (NEW.status IN (''PENDING'', ''RUNNING'') OR (NEW.status = ''FAILED'' AND NEW.retry_count < 5))
				EXECUTE FUNCTION @extschema@.validate_timer_schedule()'),
		('campaign_timers', 'validate_timer_rescheduling',
			'BEFORE UPDATE ON @extschema@.campaign_timers
				FOR EACH ROW WHEN ((NEW.scheduled_at >= ''10000-01-01 00:00:00+00'' OR NEW.scheduled_at = ''-infinity'') AND NEW.scheduled_at <> OLD.scheduled_at)
				EXECUTE FUNCTION @extschema@.validate_timer_schedule()'),
		('campaign_timers', 'wake_worker_on_insert',
			'AFTER INSERT ON @extschema@.campaign_timers
				FOR EACH ROW WHEN (NEW.status IN (''PENDING'', ''FAILED'')) EXECUTE FUNCTION @extschema@._wake_worker()'),
		('campaign_timers', 'wake_worker_on_update',
			'AFTER UPDATE ON @extschema@.campaign_timers
				FOR EACH ROW WHEN (NEW.status IN (''PENDING'', ''FAILED'') AND (OLD.status IS DISTINCT FROM NEW.status OR OLD.scheduled_at IS DISTINCT FROM NEW.scheduled_at))
				EXECUTE FUNCTION @extschema@._wake_worker()'),
		('campaign_timer_policies', 'validate_timer_policy',
			'AFTER INSERT OR UPDATE OF only_when ON @extschema@.campaign_timer_policies
				FOR EACH ROW WHEN (NEW.only_when IS NOT NULL) EXECUTE FUNCTION @extschema@.validate_timer_policy()'),
		('campaign_timer_handlers', 'validate_timer_handler',
			'AFTER INSERT OR UPDATE ON @extschema@.campaign_timer_handlers
				FOR EACH ROW EXECUTE FUNCTION @extschema@.validate_timer_handler()')
	LOOP
		CONTINUE WHEN EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = to_regclass('@extschema@.' || relation) AND t.tgname = name);
		EXECUTE format('CREATE TRIGGER %I %s', name, definition);
		EXECUTE format('ALTER TRIGGER %I ON @extschema@.%I DEPENDS ON EXTENSION campaign_lifecycle', name, relation);
		-- Also what logical replication applies is to wake the worker; it invents nothing.
		IF name IN ('wake_worker_on_insert', 'wake_worker_on_update') THEN
			EXECUTE format('ALTER TABLE @extschema@.%I ENABLE ALWAYS TRIGGER %I', relation, name);
		END IF;
	END LOOP;
END
$install$;
COMMENT ON FUNCTION @extschema@._install_campaign_triggers() IS 'Makes the triggers of the campaign tables that are missing, and ties them to the extension.';
-- The verbs. Each touches one campaign in one transaction and can be called with ids that the caller chose; each runs with the caller's rights and does
-- nothing that the caller could not do by plain DML. Rows are locked in one order: timer, campaign, history.

CREATE FUNCTION @extschema@._check_given(what text, given boolean) RETURNS void
	LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF NOT coalesce(given, false) THEN
		RAISE EXCEPTION '% must not be null', what USING ERRCODE = 'null_value_not_allowed', HINT = 'Give a value, or leave the argument out where it has a default.';
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._check_given(text, boolean) IS 'Raises 22004 unless the argument was given.';

CREATE FUNCTION @extschema@._check_object(what text, value jsonb) RETURNS void
	LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM @extschema@._check_given(what, value IS NOT NULL);
	IF jsonb_typeof(value) <> 'object' THEN
		RAISE EXCEPTION '% must be a JSON object, not %', what, jsonb_typeof(value)
			USING ERRCODE = 'invalid_parameter_value', HINT = format('For instance ''{"key": "value"}'' or %L.', '{}');
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._check_object(text, jsonb) IS 'Raises 22004 for NULL and 22023 for JSON that is no object.';

CREATE FUNCTION @extschema@._check_text(what text, value text) RETURNS void
	LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF length(value) > 10000 THEN
		RAISE EXCEPTION '% is too long: % characters', what, length(value)
			USING ERRCODE = 'string_data_right_truncation', HINT = 'At most 10000 characters; longer text belongs into a table of the application''s own.';
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._check_text(text, text) IS 'Raises 22001 for a text of more than 10000 characters.';

CREATE FUNCTION @extschema@._check_duration(duration_hours integer) RETURNS void
	LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF duration_hours NOT BETWEEN 1 AND 876600 THEN
		RAISE EXCEPTION 'campaign duration out of range: % hours', duration_hours
			USING ERRCODE = 'invalid_parameter_value', HINT = 'A campaign lasts from 1 to 876600 hours (100 years).';
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._check_duration(integer) IS 'Raises 22023 for a duration that is not between 1 hour and 100 years.';

CREATE FUNCTION @extschema@._check_start_time(start_time timestamp with time zone) RETURNS void
	LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF start_time < '1970-01-01 00:00:00+00' OR start_time >= '10000-01-01 00:00:00+00' THEN
		RAISE EXCEPTION 'campaign start_time out of range: %', start_time
			USING ERRCODE = 'datetime_field_overflow', HINT = 'A campaign starts between the years 1970 and 9999.';
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._check_start_time(timestamptz) IS 'Raises 22008 for a start that is not between the years 1970 and 9999.';

CREATE FUNCTION @extschema@._check_timer_type(timer_type text) RETURNS void
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	types text;
BEGIN
	PERFORM @extschema@._check_given('timer_type', timer_type IS NOT NULL);
	IF EXISTS (SELECT FROM @extschema@.campaign_state_transitions AS m WHERE m.timer_type = $1) THEN
		RETURN;
	END IF;
	-- The CHECK constraint is where the types stand.
	SELECT string_agg(t.type, ', ' ORDER BY t.type)
	INTO types
	FROM pg_constraint AS k
	CROSS JOIN LATERAL (SELECT m[1] AS type FROM regexp_matches(pg_get_constraintdef(k.oid), '''([A-Z_]+)''', 'g') AS m) AS t
	WHERE k.conrelid = '@extschema@.campaign_timers'::regclass AND k.conname = 'valid_timer_type';
	IF NOT timer_type = ANY (string_to_array(types, ', ')) THEN
		RAISE EXCEPTION 'unknown timer type: %', left(timer_type, 100)
			USING ERRCODE = 'invalid_parameter_value', HINT = format('Timer types are %s.', types);
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._check_timer_type(text) IS 'Raises 22004 for NULL and 22023 for a type that the CHECK constraint of campaign_timers does not list.';

CREATE FUNCTION @extschema@._unknown_campaign(campaign_id uuid) RETURNS void
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RAISE EXCEPTION 'campaign not found: %', campaign_id
		USING ERRCODE = 'no_data_found', HINT = 'It may have been deleted, or row level security hides it from you.';
END
$$;
COMMENT ON FUNCTION @extschema@._unknown_campaign(uuid) IS 'Raises P0002.';

-- The timers first, then the campaign, as the worker does; and the timers in the order in which they fire, for the worker takes the first of a campaign:
-- whoever has to wait for it holds no other yet, which the worker may be about to move.
CREATE FUNCTION @extschema@._lock_campaign(campaign_id uuid) RETURNS text
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	state text;
BEGIN
	PERFORM
	FROM @extschema@.campaign_timers AS t
	WHERE t.campaign_id = $1 AND t.status IN ('PENDING', 'RUNNING', 'FAILED')
	ORDER BY t.scheduled_at, (SELECT min(m.priority) FROM @extschema@.campaign_state_transitions AS m WHERE m.timer_type = t.timer_type), t.id
	FOR NO KEY UPDATE OF t;
	SELECT c.status INTO state FROM @extschema@.campaigns AS c WHERE c.id = $1 FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		PERFORM @extschema@._unknown_campaign($1);
	END IF;
	RETURN state;
END
$$;
COMMENT ON FUNCTION @extschema@._lock_campaign(uuid) IS 'Locks a campaign with its timers for a verb and returns its state; P0002 when there is none.';

-- When a campaign entered the state it is in: its last log row, or its creation where the log does not tell.
CREATE FUNCTION @extschema@._entered_at(campaign_id uuid, state text) RETURNS timestamp with time zone
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN coalesce(
		(SELECT max(l.created_at) FROM @extschema@.campaign_state_log AS l WHERE l.campaign_id = $1 AND l.to_state = $2),
		(SELECT c.created_at FROM @extschema@.campaigns AS c WHERE c.id = $1));
END
$$;
COMMENT ON FUNCTION @extschema@._entered_at(uuid, text) IS 'When the campaign entered this state.';

CREATE FUNCTION @extschema@.create_campaign(duration_hours integer, start_time timestamp with time zone DEFAULT now(), auto_close boolean DEFAULT true,
		rewards_enabled boolean DEFAULT true, metadata jsonb DEFAULT '{}', id uuid DEFAULT NULL) RETURNS uuid
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	first_state text;
	campaign_id uuid;
	entered timestamptz;
BEGIN
	PERFORM @extschema@._check_given('duration_hours', duration_hours IS NOT NULL);
	PERFORM @extschema@._check_given('auto_close', auto_close IS NOT NULL);
	PERFORM @extschema@._check_given('rewards_enabled', rewards_enabled IS NOT NULL);
	PERFORM @extschema@._check_object('metadata', metadata);
	PERFORM @extschema@._check_duration(duration_hours);
	PERFORM @extschema@._check_start_time(start_time);

	-- The state that nothing leads to; where a row that was added leads back into it, the one that waits for the start.
	SELECT m.from_state
	INTO first_state
	FROM (
		SELECT t.from_state, t.priority,
			EXISTS (SELECT FROM @extschema@.campaign_state_transitions AS i WHERE i.to_state = t.from_state) AS is_entered,
			EXISTS (SELECT FROM @extschema@.campaign_timer_policies AS p
				WHERE p.state = t.from_state AND p.timer_type = t.timer_type AND p.anchor = 'start_time') AS waits_for_start
		FROM @extschema@.campaign_state_transitions AS t) AS m
	WHERE NOT m.is_entered OR m.waits_for_start
	ORDER BY m.is_entered, m.priority, m.from_state
	LIMIT 1;
	IF first_state IS NULL THEN
		RAISE EXCEPTION 'no first state: every state of campaign_state_transitions can be entered from another'
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Delete the row that leads back into the first state.';
	END IF;

	INSERT INTO @extschema@.campaigns AS c (id, status, metadata, start_time, duration_hours, auto_close, rewards_enabled)
	VALUES (coalesce(id, @extschema@._uuid_v7()), first_state, metadata, start_time, duration_hours, auto_close, rewards_enabled)
	ON CONFLICT ON CONSTRAINT campaigns_pkey DO NOTHING
	RETURNING c.id, c.created_at INTO campaign_id, entered;
	IF campaign_id IS NULL AND EXISTS (SELECT FROM @extschema@.campaigns AS c WHERE c.id = create_campaign.id) THEN
		RAISE EXCEPTION 'campaign already exists: %', id
			USING ERRCODE = 'unique_violation', CONSTRAINT = 'campaigns_pkey', HINT = 'Choose another id, or leave it out.';
	ELSIF campaign_id IS NULL THEN
		RAISE EXCEPTION 'the campaign was not made'
			USING ERRCODE = 'triggered_action_exception', HINT = 'A trigger on campaigns has suppressed the insert.';
	END IF;
	PERFORM @extschema@._apply_policies(ARRAY[campaign_id], ARRAY[entered], clock_timestamp());
	RETURN campaign_id;
END
$$;
COMMENT ON FUNCTION @extschema@.create_campaign(integer, timestamptz, boolean, boolean, jsonb, uuid) IS
	'A campaign in the first state with the timers its policy wants. duration_hours: 1 to 876600; start_time: NULL until known; id: chosen by the caller, else a time-ordered UUID. Returns the id. Errors: 22004, 22008, 22023; 23505 when the id exists; 55000 when campaign_state_transitions has no first state. Since 1.0.';

CREATE FUNCTION @extschema@.schedule_campaign_timers(campaign_id uuid) RETURNS TABLE (timer_id uuid, timer_type text, scheduled_at timestamp with time zone)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	state text;
BEGIN
	PERFORM @extschema@._check_given('campaign_id', campaign_id IS NOT NULL);
	state := @extschema@._lock_campaign(campaign_id);
	PERFORM @extschema@._apply_policies(ARRAY[campaign_id], ARRAY[@extschema@._entered_at(campaign_id, state)], clock_timestamp());
	RETURN QUERY
		SELECT t.id, t.timer_type::text, t.scheduled_at
		FROM @extschema@.campaign_timers AS t
		WHERE t.campaign_id = schedule_campaign_timers.campaign_id
			AND (t.status IN ('PENDING', 'RUNNING')
				OR (t.status = 'FAILED' AND t.retry_count < coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5')::integer))
		ORDER BY t.scheduled_at, t.id;
END
$$;
COMMENT ON FUNCTION @extschema@.schedule_campaign_timers(uuid) IS
	'Applies the policy for the state the campaign is in, as on entering it; returns the timers that wait now. Timers set by hand stay. Errors: 22004, P0002. Since 1.0.';

CREATE FUNCTION @extschema@.reschedule_campaign(campaign_id uuid, start_time timestamp with time zone DEFAULT NULL, duration_hours integer DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	state text;
BEGIN
	PERFORM @extschema@._check_given('campaign_id', campaign_id IS NOT NULL);
	IF start_time IS NULL AND duration_hours IS NULL THEN
		RAISE EXCEPTION 'nothing to reschedule: neither start_time nor duration_hours is given'
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Give one of them, or both.';
	END IF;
	PERFORM @extschema@._check_duration(duration_hours);
	PERFORM @extschema@._check_start_time(start_time);
	state := @extschema@._lock_campaign(campaign_id);
	-- A time can still change while the state has a timer that counts from it.
	IF start_time IS NOT NULL AND NOT EXISTS (SELECT FROM @extschema@.campaign_timer_policies AS p WHERE p.state = state AND p.anchor = 'start_time') THEN
		RAISE EXCEPTION 'start_time of a campaign in state % cannot change', state
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'It has started already; duration_hours can change until it closes.';
	END IF;
	IF NOT EXISTS (SELECT FROM @extschema@.campaign_timer_policies AS p WHERE p.state = state AND p.anchor IN ('start_time', 'end_time')) THEN
		RAISE EXCEPTION 'a campaign in state % cannot be rescheduled', state
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Its times have passed; reschedule_timer() moves a single timer.';
	END IF;
	UPDATE @extschema@.campaigns AS c
	SET start_time = coalesce(reschedule_campaign.start_time, c.start_time), duration_hours = coalesce(reschedule_campaign.duration_hours, c.duration_hours)
	WHERE c.id = campaign_id;
	PERFORM @extschema@._apply_policies(ARRAY[campaign_id], ARRAY[@extschema@._entered_at(campaign_id, state)], clock_timestamp());
END
$$;
COMMENT ON FUNCTION @extschema@.reschedule_campaign(uuid, timestamptz, integer) IS
	'Gives a campaign new times and moves the timers that a policy made: before its start both, while it runs the duration only. Errors: 22004, 22008, 22023, P0002; 55000 when the state does not allow it. Since 1.0.';

CREATE FUNCTION @extschema@._move_campaign(campaign_id uuid, to_state text, trigger_event text, metadata jsonb) RETURNS text
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	event_before constant text := coalesce(current_setting('campaign_lifecycle.trigger_event', true), '');
	metadata_before constant text := coalesce(current_setting('campaign_lifecycle._log_metadata', true), '');
	from_state text;
	entered timestamptz;
	moved boolean;
BEGIN
	from_state := @extschema@._lock_campaign(campaign_id);
	IF from_state = to_state THEN
		RAISE EXCEPTION 'Invalid state transition from % to %', from_state, to_state
			USING CONSTRAINT = 'valid_state_transition', HINT = 'The campaign is in that state already.';
	END IF;
	PERFORM set_config('campaign_lifecycle.trigger_event', trigger_event, true);
	PERFORM set_config('campaign_lifecycle._log_metadata', metadata::text, true);
	-- A move by the timer type that waits for the start, of a campaign with no start_time, is its start.
	UPDATE @extschema@.campaigns AS c
	SET status = to_state,
		start_time = CASE WHEN c.start_time IS NULL AND EXISTS (
				SELECT FROM @extschema@.campaign_state_transitions AS m
				JOIN @extschema@.campaign_timer_policies AS p ON p.state = m.from_state AND p.timer_type = m.timer_type AND p.anchor = 'start_time'
				WHERE m.from_state = c.status AND m.to_state = _move_campaign.to_state)
			THEN clock_timestamp() ELSE c.start_time END
	WHERE c.id = campaign_id
	RETURNING c.updated_at INTO entered;
	moved := FOUND;
	PERFORM set_config('campaign_lifecycle.trigger_event', event_before, true);
	PERFORM set_config('campaign_lifecycle._log_metadata', metadata_before, true);
	IF NOT moved THEN
		RAISE EXCEPTION 'campaign % was not moved', campaign_id
			USING ERRCODE = 'triggered_action_exception', HINT = 'A trigger on campaigns has suppressed the update, or row level security refuses it.';
	END IF;
	-- The stamp that the log shows, so that schedule_campaign_timers() later finds the timers at the right time.
	PERFORM @extschema@._apply_policies(ARRAY[campaign_id], ARRAY[entered], clock_timestamp());
	RETURN from_state;
END
$$;
COMMENT ON FUNCTION @extschema@._move_campaign(uuid, text, text, jsonb) IS 'A move by hand, its log row and the policy of the new state; returns the state it came from.';

CREATE FUNCTION @extschema@.transition_campaign(campaign_id uuid, to_state text, trigger_event text DEFAULT 'MANUAL', metadata jsonb DEFAULT '{}') RETURNS text
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM @extschema@._check_given('campaign_id', campaign_id IS NOT NULL);
	PERFORM @extschema@._check_given('to_state', to_state IS NOT NULL);
	PERFORM @extschema@._check_given('trigger_event', trigger_event IS NOT NULL);
	PERFORM @extschema@._check_text('trigger_event', trigger_event);
	PERFORM @extschema@._check_object('metadata', metadata);
	IF NOT EXISTS (SELECT FROM @extschema@.campaign_state_transitions AS m WHERE to_state IN (m.from_state, m.to_state)) THEN
		RAISE EXCEPTION 'unknown state: %', left(to_state, 100)
			USING ERRCODE = 'invalid_parameter_value',
				HINT = (SELECT format('States are %s.', string_agg(DISTINCT s.state, ', ' ORDER BY s.state))
					FROM @extschema@.campaign_state_transitions AS m CROSS JOIN LATERAL (VALUES (m.from_state), (m.to_state)) AS s (state));
	END IF;
	RETURN @extschema@._move_campaign(campaign_id, to_state, trigger_event, metadata);
END
$$;
COMMENT ON FUNCTION @extschema@.transition_campaign(uuid, text, text, jsonb) IS
	'Moves a campaign by hand, with the timers of the new state. trigger_event: what the log shows as the cause (cut to 50 characters there, whole in its metadata; at most 10000); metadata: added to the log row, its changed_by counts as the setting would. Returns the state it came from. Errors: 22001, 22004, 22023, P0002; P0001 when the transition is not allowed. Since 1.0.';

CREATE FUNCTION @extschema@.cancel_campaign(campaign_id uuid, reason text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	state text;
	target text;
BEGIN
	PERFORM @extschema@._check_given('campaign_id', campaign_id IS NOT NULL);
	PERFORM @extschema@._check_text('reason', reason);
	state := @extschema@._lock_campaign(campaign_id);
	SELECT m.to_state
	INTO target
	FROM @extschema@.campaign_state_transitions AS m
	WHERE m.from_state = state AND NOT EXISTS (SELECT FROM @extschema@.campaign_state_transitions AS o WHERE o.from_state = m.to_state)
	ORDER BY m.priority
	LIMIT 1;
	IF target IS NULL THEN
		RAISE EXCEPTION 'a campaign in state % cannot be cancelled', state
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = coalesce(
					(SELECT format('To allow it: INSERT INTO %s (from_state, to_state, timer_type, priority) VALUES (%L, %L, %L, %s);',
							'@extschema@.campaign_state_transitions'::regclass, state, m.to_state, m.timer_type, m.priority)
						FROM @extschema@.campaign_state_transitions AS m
						WHERE NOT EXISTS (SELECT FROM @extschema@.campaign_state_transitions AS o WHERE o.from_state = m.to_state) AND m.to_state <> state
						ORDER BY m.priority
						LIMIT 1),
					'It is over already.');
	END IF;
	PERFORM @extschema@._move_campaign(campaign_id, target, 'CANCELLED', CASE WHEN reason IS NULL THEN '{}' ELSE jsonb_build_object('reason', reason) END);
END
$$;
COMMENT ON FUNCTION @extschema@.cancel_campaign(uuid, text) IS
	'Ends a campaign at once where the machine allows it: a move to the terminal state with event CANCELLED; its waiting timers become CANCELLED. reason (at most 10000 characters) goes into the log row. Errors: 22001, 22004, P0002; 55000 with the row to add when the state does not allow it. Since 1.0.';

CREATE FUNCTION @extschema@._check_schedule(scheduled_at timestamp with time zone) RETURNS void
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM @extschema@._check_given('scheduled_at', scheduled_at IS NOT NULL);
	IF scheduled_at >= '10000-01-01 00:00:00+00' OR scheduled_at = '-infinity' THEN
		RAISE EXCEPTION 'timer schedule out of range: %', scheduled_at
			USING ERRCODE = 'datetime_field_overflow', HINT = 'Times up to the year 9999 can be scheduled.';
	END IF;
	IF scheduled_at < now() - interval '1 minute' THEN
		RAISE EXCEPTION 'Cannot schedule timer in the past: %', scheduled_at
			USING CONSTRAINT = 'validate_timer_scheduling', HINT = 'Up to one minute in the past is tolerated; now() makes the timer due at once.';
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._check_schedule(timestamptz) IS 'Raises 22004 for NULL, 22008 beyond the year 9999, P0001 for over a minute in the past.';

CREATE FUNCTION @extschema@.schedule_timer(campaign_id uuid, timer_type text, scheduled_at timestamp with time zone, payload jsonb DEFAULT '{}', id uuid DEFAULT NULL) RETURNS uuid
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	existing record;
	new_id uuid;
BEGIN
	PERFORM @extschema@._check_given('campaign_id', campaign_id IS NOT NULL);
	PERFORM @extschema@._check_timer_type(timer_type);
	PERFORM @extschema@._check_schedule(scheduled_at);
	PERFORM @extschema@._check_object('payload', payload);
	SELECT t.id, t.status
	INTO existing
	FROM @extschema@.campaign_timers AS t
	WHERE t.campaign_id = campaign_id AND t.timer_type = timer_type AND (t.status IN ('PENDING', 'RUNNING') OR (t.status = 'FAILED' AND t.retry_count < 5))
	FOR NO KEY UPDATE;
	IF existing.status = 'FAILED' THEN
		IF EXISTS (SELECT FROM @extschema@.campaigns AS c WHERE c.id = campaign_id
				AND NOT EXISTS (SELECT FROM @extschema@.campaign_state_transitions AS m WHERE m.from_state = c.status)) THEN
			RAISE EXCEPTION 'Cannot schedule timer for expired campaign: %', campaign_id
				USING CONSTRAINT = 'validate_timer_scheduling', HINT = 'A campaign in a state without outgoing transitions gets no more timers.';
		END IF;
		UPDATE @extschema@.campaign_timers AS t
		SET status = 'PENDING', retry_count = 0, scheduled_at = schedule_timer.scheduled_at, payload = schedule_timer.payload
		WHERE t.id = existing.id;
		RETURN existing.id;
	ELSIF existing.id IS NOT NULL THEN
		RAISE EXCEPTION 'campaign % already has a waiting % timer: %', campaign_id, timer_type, existing.id
			USING ERRCODE = 'unique_violation', CONSTRAINT = 'unique_active_timer_per_type', HINT = 'reschedule_timer() moves it, cancel_timer() ends it.';
	END IF;
	IF NOT EXISTS (SELECT FROM @extschema@.campaigns AS c WHERE c.id = campaign_id) THEN
		PERFORM @extschema@._unknown_campaign(campaign_id);
	END IF;
	-- Another session may be scheduling the same: what the index then says after a wait would have no hint.
	INSERT INTO @extschema@.campaign_timers AS t (id, campaign_id, timer_type, scheduled_at, payload)
	VALUES (coalesce(id, @extschema@._uuid_v7()), campaign_id, timer_type, scheduled_at, payload)
	ON CONFLICT DO NOTHING
	RETURNING t.id INTO new_id;
	IF new_id IS NULL AND EXISTS (SELECT FROM @extschema@.campaign_timers AS t WHERE t.id = schedule_timer.id) THEN
		RAISE EXCEPTION 'timer already exists: %', id
			USING ERRCODE = 'unique_violation', CONSTRAINT = 'campaign_timers_pkey', HINT = 'Choose another id, or leave it out.';
	ELSIF new_id IS NULL THEN
		RAISE EXCEPTION 'campaign % already has a waiting % timer', campaign_id, timer_type
			USING ERRCODE = 'unique_violation', CONSTRAINT = 'unique_active_timer_per_type', HINT = 'reschedule_timer() moves it, cancel_timer() ends it.';
	END IF;
	RETURN new_id;
END
$$;
COMMENT ON FUNCTION @extschema@.schedule_timer(uuid, text, timestamptz, jsonb, uuid) IS
	'One timer, by hand; no policy moves it. While one of the type waits as FAILED that row is revived at the new time and its id returned. payload: a JSON object. Errors: 22004, 22008, 22023, P0002; P0001 for the past or an expired campaign; 23505 while one of the type is PENDING. Since 1.0.';

-- Locks a timer for a verb; a campaign_id given must be the timer's.
CREATE FUNCTION @extschema@._lock_timer(timer_id uuid, campaign_id uuid, allowed text[], verb text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	status text;
	timer_type text;
	owner_id uuid;
BEGIN
	PERFORM @extschema@._check_given('timer_id', timer_id IS NOT NULL);
	SELECT t.status, t.timer_type, t.campaign_id
	INTO status, timer_type, owner_id
	FROM @extschema@.campaign_timers AS t
	WHERE t.id = timer_id
	FOR NO KEY UPDATE;
	IF NOT FOUND OR owner_id <> campaign_id THEN
		RAISE EXCEPTION 'timer not found: %', CASE WHEN campaign_id IS NULL THEN timer_id::text ELSE format('%s of campaign %s', timer_id, campaign_id) END
			USING ERRCODE = 'no_data_found', HINT = 'It may have been deleted with its campaign, or belong to another one.';
	END IF;
	IF NOT status = ANY (allowed) THEN
		RAISE EXCEPTION 'a % timer cannot be %', status, verb
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = format('Only a timer that is %s can.', array_to_string(allowed, ' or '));
	END IF;
	IF verb <> 'cancelled' AND EXISTS (
		SELECT FROM @extschema@.campaign_timers AS t
		WHERE t.campaign_id = owner_id AND t.timer_type = timer_type AND t.id <> timer_id
			AND (t.status IN ('PENDING', 'RUNNING') OR (t.status = 'FAILED' AND t.retry_count < 5))
	) THEN
		RAISE EXCEPTION 'another % timer waits already for campaign %', timer_type, owner_id
			USING ERRCODE = 'unique_violation', CONSTRAINT = 'unique_waiting_timer_per_type', HINT = 'reschedule_timer() or cancel_timer() that one.';
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._lock_timer(uuid, uuid, text[], text) IS 'Locks a timer for a verb: 22004, P0002, 55000 unless its status is one of those allowed, 23505 where another of its type waits.';

CREATE FUNCTION @extschema@.reschedule_timer(timer_id uuid, scheduled_at timestamp with time zone, campaign_id uuid DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM @extschema@._check_schedule(scheduled_at);
	PERFORM @extschema@._lock_timer(timer_id, campaign_id, '{PENDING,FAILED}'::text[], 'rescheduled');
	UPDATE @extschema@.campaign_timers AS t
	SET status = 'PENDING', retry_count = 0, scheduled_at = reschedule_timer.scheduled_at,
		payload = CASE WHEN jsonb_typeof(t.payload) IN ('object', 'array') THEN t.payload - 'policy' ELSE t.payload END
	WHERE t.id = timer_id;
END
$$;
COMMENT ON FUNCTION @extschema@.reschedule_timer(uuid, timestamptz, uuid) IS
	'Moves a timer that is PENDING or FAILED; from then on it is one set by hand, with all its attempts. Errors: 22004, 22008, P0002; P0001 for the past; 23505 when another of the type waits; 55000 in another status. Since 1.0.';

CREATE FUNCTION @extschema@.cancel_timer(timer_id uuid, reason text DEFAULT NULL, campaign_id uuid DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM @extschema@._check_text('reason', reason);
	PERFORM @extschema@._lock_timer(timer_id, campaign_id, '{PENDING,FAILED}'::text[], 'cancelled');
	UPDATE @extschema@.campaign_timers AS t
	SET status = 'CANCELLED',
		-- Plain SQL may have put a payload there that is no object.
		payload = CASE WHEN reason IS NULL THEN t.payload
			ELSE CASE WHEN jsonb_typeof(t.payload) = 'object' THEN t.payload ELSE jsonb_build_object('payload', t.payload) END || jsonb_build_object('cancel_reason', reason) END
	WHERE t.id = timer_id;
END
$$;
COMMENT ON FUNCTION @extschema@.cancel_timer(uuid, text, uuid) IS
	'Cancels a timer that is PENDING or FAILED; reason (at most 10000 characters) is kept in its payload as cancel_reason. Errors: 22001, 22004, P0002; 55000 in another status. Since 1.0.';

CREATE FUNCTION @extschema@.retry_timer(timer_id uuid, campaign_id uuid DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM @extschema@._lock_timer(timer_id, campaign_id, '{FAILED}'::text[], 'retried');
	UPDATE @extschema@.campaign_timers AS t
	SET status = 'PENDING', retry_count = 0, scheduled_at = clock_timestamp()
	WHERE t.id = timer_id;
END
$$;
COMMENT ON FUNCTION @extschema@.retry_timer(uuid, uuid) IS
	'Revives a FAILED timer, dead or not: PENDING, with all its attempts, due now. Errors: 22004, P0002; 23505 when another of the type waits; 55000 in another status. Since 1.0.';

CREATE FUNCTION @extschema@.record_metric(campaign_id uuid, metric_type text, value numeric, attributes jsonb DEFAULT '{}', id uuid DEFAULT NULL) RETURNS uuid
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	new_id uuid;
BEGIN
	PERFORM @extschema@._check_given('campaign_id', campaign_id IS NOT NULL);
	PERFORM @extschema@._check_given('metric_type', metric_type IS NOT NULL);
	PERFORM @extschema@._check_given('value', value IS NOT NULL);
	PERFORM @extschema@._check_object('attributes', attributes);
	IF metric_type NOT IN ('ENGAGEMENT_COUNT', 'PARTICIPANT_COUNT', 'REWARD_CLAIMED', 'TIMER_EXECUTION_TIME', 'STATE_TRANSITION_TIME') THEN
		RAISE EXCEPTION 'unknown metric type: %', left(metric_type, 100)
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Metric types are ENGAGEMENT_COUNT, PARTICIPANT_COUNT, REWARD_CLAIMED, TIMER_EXECUTION_TIME and STATE_TRANSITION_TIME.';
	END IF;
	IF NOT coalesce(abs(round(value, 4)) < 100000000000, false) THEN
		RAISE EXCEPTION 'metric value out of range: %', left(value::text, 100)
			USING ERRCODE = 'numeric_value_out_of_range', HINT = 'A value has at most 11 digits before and 4 after the point.';
	END IF;
	IF NOT EXISTS (SELECT FROM @extschema@.campaigns AS c WHERE c.id = campaign_id) THEN
		PERFORM @extschema@._unknown_campaign(campaign_id);
	END IF;
	INSERT INTO @extschema@.campaign_metrics AS m (id, campaign_id, metric_type, value, attributes)
	VALUES (coalesce(id, @extschema@._uuid_v7()), campaign_id, metric_type, value, attributes)
	ON CONFLICT ON CONSTRAINT campaign_metrics_pkey DO NOTHING
	RETURNING m.id INTO new_id;
	IF new_id IS NULL AND EXISTS (SELECT FROM @extschema@.campaign_metrics AS m WHERE m.id = record_metric.id) THEN
		RAISE EXCEPTION 'metric already exists: %', id
			USING ERRCODE = 'unique_violation', CONSTRAINT = 'campaign_metrics_pkey', HINT = 'Choose another id, or leave it out.';
	END IF;
	RETURN new_id;
END
$$;
COMMENT ON FUNCTION @extschema@.record_metric(uuid, text, numeric, jsonb, uuid) IS
	'One metric of a campaign; returns its id. value: up to 11 digits before and 4 after the point. Errors: 22003, 22004, 22023, P0002; 23505 when the id exists. Since 1.0.';

CREATE FUNCTION @extschema@.run_due_timers(max_timers integer DEFAULT 1000) RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM @extschema@._check_given('max_timers', max_timers IS NOT NULL);
	IF max_timers < 0 THEN
		RAISE EXCEPTION 'max_timers must not be negative: %', max_timers
			USING ERRCODE = 'invalid_parameter_value', HINT = 'It is the most timers that are attempted; the default is 1000.';
	END IF;
	RETURN @extschema@._run_due_timers(clock_timestamp(), max_timers);
END
$$;
COMMENT ON FUNCTION @extschema@.run_due_timers(integer) IS
	'Does what the worker does, now, in the caller''s transaction, follow-up timers that fall due included, up to max_timers attempts; returns the number attempted. For tests, for servers without the preload, from pg_cron. Errors: 22004, 22023; 25001 unless READ COMMITTED; 55000 while paused, and in a handler. Since 1.0.';

CREATE FUNCTION @extschema@.pause_timers() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	INSERT INTO @extschema@.campaign_activation AS a (database_oid, paused)
	SELECT d.oid, true FROM pg_database AS d WHERE d.datname = current_database()
	ON CONFLICT (database_oid) DO UPDATE SET paused = true, changed_at = now() WHERE NOT a.paused;
	PERFORM @extschema@._wake();
END
$$;
COMMENT ON FUNCTION @extschema@.pause_timers() IS
	'From the commit on no timer of this database fires, persistently; a batch that runs ends. resume_timers() ends the pause. Since 1.0.';

CREATE FUNCTION @extschema@.resume_timers() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	owned boolean;
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		RAISE EXCEPTION 'the campaign tables are missing'
			USING ERRCODE = 'undefined_table', HINT = 'install_campaign_tables() makes them.';
	END IF;
	-- pg_restore --disable-triggers leaves ENABLE ALWAYS as plain ENABLE.
	SELECT pg_has_role(c.relowner, 'USAGE') INTO owned FROM pg_class AS c WHERE c.oid = '@extschema@.campaign_timers'::regclass;
	IF owned AND EXISTS (SELECT FROM pg_trigger AS t
			WHERE t.tgrelid = '@extschema@.campaign_timers'::regclass AND t.tgname IN ('wake_worker_on_insert', 'wake_worker_on_update') AND t.tgenabled <> 'A') THEN
		ALTER TABLE @extschema@.campaign_timers ENABLE ALWAYS TRIGGER wake_worker_on_insert;
		ALTER TABLE @extschema@.campaign_timers ENABLE ALWAYS TRIGGER wake_worker_on_update;
	END IF;
	INSERT INTO @extschema@.campaign_activation AS a (database_oid)
	SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()
	ON CONFLICT (database_oid) DO UPDATE SET paused = false, changed_at = now() WHERE a.paused;
	INSERT INTO @extschema@.campaign_clean_run (since)
	SELECT now() WHERE NOT EXISTS (SELECT FROM @extschema@.campaign_clean_run);
	PERFORM @extschema@._wake();
END
$$;
COMMENT ON FUNCTION @extschema@.resume_timers() IS
	'Timers of this database fire from the commit on: ends pause_timers(), and starts a restored or cloned database, which begins paused. Since 1.0.';
-- What happens when timers are due: claimed as a batch, applied as sets, a failing one recorded alone. The worker and run_due_timers() do this in C++, each
-- batch in one transaction, as the owner of the tables; these are its parts. The time is an argument everywhere (as_of); the moves themselves are stamped by
-- the clock.
--
-- A claim takes at most one timer of a campaign, its first: so a set statement meets each campaign once, and one campaign's timers run in order across
-- batches and workers. The plans of its statements are pinned (src/statements.cpp), for the claim must cost the same with ten or ten million rows, statistics
-- or none.

CREATE FUNCTION @extschema@._claim_batch(as_of timestamp with time zone, since timestamp with time zone, max_timers integer, only_timers uuid[] DEFAULT NULL)
	RETURNS TABLE (timer_id uuid, place tid, campaign_id uuid, campaign_place tid, timer_type text, state text, scheduled_at timestamp with time zone, by_policy boolean,
		retried boolean)
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_claim_batch';
COMMENT ON FUNCTION @extschema@._claim_batch(timestamptz, timestamptz, integer, uuid[]) IS
	'Locks up to max_timers due timers scheduled since a time (or those of only_timers) with their campaigns, at most one a campaign, skipping what is locked. Returns them, those tried before first, with where both rows are.';

CREATE FUNCTION @extschema@._next_due(since timestamp with time zone) RETURNS timestamp with time zone
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_next_due';
COMMENT ON FUNCTION @extschema@._next_due(timestamptz) IS 'The least scheduled_at, not before since, of the timers that wait; NULL if none does.';

CREATE FUNCTION @extschema@._notify(event text, campaign_ids uuid[], timer_ids uuid[], timer_types text[]) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF event = ANY (string_to_array(replace(coalesce(current_setting('campaign_lifecycle.notify_events', true), ''), ' ', ''), ',')) THEN
		PERFORM pg_notify('campaign_lifecycle', jsonb_build_object('event', event, 'campaign_id', u.campaign_id, 'timer_id', u.timer_id, 'timer_type', u.timer_type)::text)
		FROM unnest(campaign_ids, timer_ids, timer_types) AS u (campaign_id, timer_id, timer_type);
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._notify(text, uuid[], uuid[], text[]) IS 'Sends the event on channel campaign_lifecycle for each timer, if campaign_lifecycle.notify_events names it.';

-- Entering a state: which timers a campaign gets, keeps, moves and loses. Timers set by hand stay where the user put them.
CREATE FUNCTION @extschema@._policy_changes(campaign_ids uuid[], entered_at timestamp with time zone[], as_of timestamp with time zone,
		OUT timer_ids uuid[], OUT timer_campaigns uuid[], OUT times timestamp with time zone[],
		OUT new_campaigns uuid[], OUT new_types text[], OUT new_times timestamp with time zone[], OUT lowest timestamp with time zone)
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_policy_changes';
COMMENT ON FUNCTION @extschema@._policy_changes(uuid[], timestamptz[], timestamptz) IS
	'What is to be written so that campaigns have the timers that the policy of their present state wants: timers to move, or to cancel (without a time), and new ones. And the earliest due timer that waited before, or NULL.';

CREATE FUNCTION @extschema@._write_policy_changes(timer_ids uuid[], timer_campaigns uuid[], times timestamp with time zone[],
		new_campaigns uuid[], new_types text[], new_times timestamp with time zone[]) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
	IF timer_ids IS NOT NULL THEN
		UPDATE @extschema@.campaign_timers AS t
		SET status = CASE WHEN w.at IS NULL THEN 'CANCELLED' ELSE 'PENDING' END,
			scheduled_at = coalesce(w.at, t.scheduled_at),
			retry_count = CASE WHEN w.at IS NULL THEN t.retry_count ELSE 0 END
		FROM unnest(timer_ids, timer_campaigns, times) AS w (id, campaign_id, at)
		-- (IS TRUE: each by an index of its own ids, also in a plan made while the table was empty, and not through all that wait.)
		WHERE t.id = w.id AND t.campaign_id = w.campaign_id AND (t.status IN ('PENDING', 'FAILED')) IS TRUE;
	END IF;
	IF new_campaigns IS NOT NULL THEN
		INSERT INTO @extschema@.campaign_timers (campaign_id, timer_type, scheduled_at, payload)
		-- (A batch may have waited, or the clock been set, since the times were found: further in the past than this no timer is accepted.)
		SELECT a.id, a.timer_type, greatest(a.at, now() - interval '1 minute'), '{"policy": true}'
		FROM unnest(new_campaigns, new_types, new_times) AS a (id, timer_type, at)
		ORDER BY a.id, a.at
		-- A timer of the type set by hand at this very moment satisfies the policy.
		ON CONFLICT DO NOTHING;
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._write_policy_changes(uuid[], uuid[], timestamptz[], uuid[], text[], timestamptz[]) IS 'Writes what _policy_changes() returns.';

CREATE FUNCTION @extschema@._apply_policies(campaign_ids uuid[], entered_at timestamp with time zone[], as_of timestamp with time zone) RETURNS timestamp with time zone
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	changes record;
BEGIN
	changes := @extschema@._policy_changes(campaign_ids, entered_at, as_of);
	PERFORM @extschema@._write_policy_changes(changes.timer_ids, changes.timer_campaigns, changes.times, changes.new_campaigns, changes.new_types, changes.new_times);
	RETURN changes.lowest;
END
$$;
COMMENT ON FUNCTION @extschema@._apply_policies(uuid[], timestamptz[], timestamptz) IS
	'Gives campaigns the timers that the policy of their present state wants, moves and cancels those that a policy made, cancels all in a terminal state. Returns the earliest due timer that waited before, or NULL.';

CREATE FUNCTION @extschema@._put_off_timers(timer_ids uuid[], as_of timestamp with time zone) RETURNS integer
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	attempts integer := coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5');
	early record;
	put_off integer := 0;
BEGIN
	FOR early IN
		SELECT t.id, t.campaign_id, t.timer_type, c.status AS state
		FROM unnest(timer_ids) AS u (id)
		JOIN @extschema@.campaign_timers AS t ON t.id = u.id
		JOIN @extschema@.campaigns AS c ON c.id = t.campaign_id
	LOOP
		-- Put off while another timer of the campaign waits for its next attempt, and that is no attempt: until right after that one, for whichever
		-- comes first stands in the way of those after it. Otherwise a failed attempt.
		UPDATE @extschema@.campaign_timers AS t
		SET status = 'PENDING', scheduled_at = w.at + interval '1 microsecond'
		FROM (
			SELECT min(o.scheduled_at) AS at
			FROM @extschema@.campaign_timers AS o
			WHERE o.campaign_id = early.campaign_id AND o.id <> early.id AND o.status = 'FAILED' AND o.retry_count < attempts) AS w
		WHERE t.id = early.id AND w.at IS NOT NULL;
		IF FOUND THEN
			put_off := put_off + 1;
		ELSE
			PERFORM @extschema@._fail_timer(early.id, as_of, '55000',
				format('too early: a campaign in state %s does not move by %s yet', early.state, early.timer_type));
		END IF;
	END LOOP;
	RETURN put_off;
END
$$;
COMMENT ON FUNCTION @extschema@._put_off_timers(uuid[], timestamptz) IS
	'Timers that came too early: until another of their campaign, which waits for its next attempt, is done; or a failed attempt. Returns how many were put off.';

CREATE FUNCTION @extschema@._apply_timers(timer_ids uuid[], as_of timestamp with time zone) RETURNS timestamp with time zone
	LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', '_apply_timers';
COMMENT ON FUNCTION @extschema@._apply_timers(uuid[], timestamptz) IS
	'Carries out those of these timers that can be claimed now, in sets: moves, completion, log, policies, executions, metrics. Returns the earliest timer of the campaigns moved that was due as well, or NULL.';

CREATE FUNCTION @extschema@._fail_timer(timer_id uuid, as_of timestamp with time zone, sqlstate text, message text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	attempts integer := coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5');
	base interval := coalesce(current_setting('campaign_lifecycle.retry_base_delay', true), '1min');
	jitter float8 := coalesce(current_setting('campaign_lifecycle.retry_jitter', true), '0.1');
	failed record;
BEGIN
	UPDATE @extschema@.campaign_timers AS t
	SET status = 'FAILED', retry_count = least(t.retry_count + 1, 5),
		scheduled_at = CASE WHEN t.retry_count + 1 >= attempts THEN t.scheduled_at
			ELSE as_of + base * (power(2, t.retry_count) * (1 + jitter * (2 * random() - 1))) END
	-- What failed was rolled back, and with it the lock: somebody may have given the timer another time since.
	WHERE t.id = timer_id AND (t.status = 'RUNNING' OR (t.scheduled_at <= as_of AND (t.status = 'PENDING' OR (t.status = 'FAILED' AND t.retry_count < 5))))
	RETURNING t.campaign_id, t.timer_type, t.retry_count INTO failed;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	UPDATE @extschema@.timer_executions AS x
	SET status = 'FAILED', error_message = left(sqlstate || ': ' || message, 8000), completed_at = greatest(clock_timestamp(), x.started_at),
		-- One that was lost may have begun long ago: before an outage, or in a backup.
		execution_time_ms = least(greatest(EXTRACT(epoch FROM clock_timestamp() - x.started_at) * 1000, 0), 2147483647)
	WHERE x.timer_id = _fail_timer.timer_id AND x.status = 'STARTED';
	IF NOT FOUND THEN
		INSERT INTO @extschema@.timer_executions (timer_id, status, error_message, started_at, completed_at, execution_time_ms)
		VALUES (timer_id, 'FAILED', left(sqlstate || ': ' || message, 8000), as_of, as_of, 0);
	END IF;
	PERFORM @extschema@._notify(CASE WHEN failed.retry_count >= attempts THEN 'timer.failed' ELSE 'timer.retry_scheduled' END,
		ARRAY[failed.campaign_id], ARRAY[timer_id], ARRAY[failed.timer_type::text]);
END
$$;
COMMENT ON FUNCTION @extschema@._fail_timer(uuid, timestamptz, text, text) IS
	'Records a failed attempt: FAILED, one retry more, due again after the backoff (base doubled each time, with jitter), its execution row with the error. At max_attempts it stays FAILED: a dead letter.';

CREATE FUNCTION @extschema@._uuid_v7() RETURNS uuid
	LANGUAGE c VOLATILE PARALLEL SAFE AS 'MODULE_PATHNAME', '_uuid_v7';
COMMENT ON FUNCTION @extschema@._uuid_v7() IS 'A UUID of version 7, each greater than the one before in this process.';

CREATE FUNCTION @extschema@._wake() RETURNS void
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_wake';
COMMENT ON FUNCTION @extschema@._wake() IS 'The commit of this transaction wakes the launcher and this database''s workers.';

CREATE FUNCTION @extschema@._run_due_timers(as_of timestamp with time zone, max_timers integer) RETURNS bigint
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_run_due_timers';
COMMENT ON FUNCTION @extschema@._run_due_timers(timestamptz, integer) IS 'run_due_timers() at a given time.';
-- Handlers: functions of the user's own that run with a timer, after its move, in its transaction, with the rights of the role that registered them. And the
-- marked way, for attempts that may take long or die: first RUNNING and a STARTED execution row in a transaction of their own, under a lock of the process
-- that tells whether it still lives; then the move and the handler; then, after an error, the failed attempt. A mark whose process is gone is a failed
-- attempt as well. After a crash of the server the timers that were due then go this way too, one by one, so that the one that caused it is found.

CREATE FUNCTION @extschema@._check_handler(handler regprocedure, handler_owner name) RETURNS void
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	known record;
BEGIN
	SELECT p.proowner, p.pronamespace, p.prokind = 'f' AND NOT p.proretset AND p.prorettype = 'jsonb'::regtype
			AND p.pronargs = 3 AND p.proargtypes[0] = 'uuid'::regtype AND p.proargtypes[1] = 'uuid'::regtype AND p.proargtypes[2] = 'jsonb'::regtype AS is_handler
	INTO known
	FROM pg_proc AS p
	WHERE p.oid = handler;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'handler does not exist: %', handler::oid
			USING ERRCODE = 'undefined_function', HINT = 'Register a function f(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb.';
	ELSIF NOT known.is_handler THEN
		RAISE EXCEPTION 'function % is no handler', handler
			USING ERRCODE = 'invalid_function_definition', HINT = 'A handler is a function f(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb.';
	ELSIF pg_get_userbyid(known.proowner) <> handler_owner THEN
		RAISE EXCEPTION 'function % belongs to %, not to %', handler, known.proowner::regrole, quote_ident(handler_owner)
			USING ERRCODE = 'insufficient_privilege', HINT = 'Whoever owns a handler registers it, and it runs with that role''s rights.';
	ELSIF known.pronamespace IN (SELECT n.oid FROM pg_namespace AS n WHERE n.nspname LIKE 'pg\_temp\_%') THEN
		RAISE EXCEPTION 'function % is temporary', handler
			USING ERRCODE = 'invalid_function_definition', HINT = 'A handler must outlive the session that registers it.';
	ELSIF NOT has_function_privilege(known.proowner, handler, 'EXECUTE') OR NOT has_schema_privilege(known.proowner, known.pronamespace, 'USAGE') THEN
		RAISE EXCEPTION 'permission denied for handler %', handler
			USING ERRCODE = 'insufficient_privilege', HINT = format('%s needs EXECUTE on the function and USAGE on its schema.', known.proowner::regrole);
	ELSIF (SELECT r.rolsuper FROM pg_roles AS r WHERE r.oid = known.proowner)
		AND NOT (SELECT r.rolsuper FROM pg_class AS c JOIN pg_roles AS r ON r.oid = c.relowner WHERE c.oid = '@extschema@.campaign_timer_handlers'::regclass) THEN
		-- The owner of the tables writes the rows that say what runs, and with which arguments.
		RAISE EXCEPTION 'handler % belongs to a superuser, and the campaign tables do not', handler
			USING ERRCODE = 'insufficient_privilege', HINT = 'Give the function to a plain role, and register it as that role.';
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._check_handler(regprocedure, name) IS
	'Raises 42883 unless the function exists, 42P13 unless it is a handler, 42501 unless it belongs to this role, who may execute it.';

-- Who calls a handler need not be able to use its schema, as to_regprocedure() would ask of them.
CREATE FUNCTION @extschema@._find_handler(handler text) RETURNS regprocedure
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT p.oid::regprocedure
	FROM parse_ident(left(handler, -length('(uuid,uuid,jsonb)'))) AS named (parts)
	JOIN pg_namespace AS n ON n.nspname = named.parts[1]
	JOIN pg_proc AS p ON p.pronamespace = n.oid AND p.proname = named.parts[2]
		AND (p.pronargs, p.proargtypes[0], p.proargtypes[1], p.proargtypes[2]) = (3, 'uuid'::regtype, 'uuid'::regtype, 'jsonb'::regtype)
	WHERE handler LIKE '%(uuid,uuid,jsonb)'
$$;
COMMENT ON FUNCTION @extschema@._find_handler(text) IS 'The function of this name, as register_handler() wrote it: schema.name(uuid,uuid,jsonb); NULL for none. Errors: 22023 when it is no name.';

CREATE FUNCTION @extschema@.register_handler(timer_type text, handler regprocedure, timeout interval DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	other record;
BEGIN
	PERFORM @extschema@._check_timer_type(timer_type);
	PERFORM @extschema@._check_given('handler', handler IS NOT NULL);
	IF timeout <= interval '0' OR timeout > interval '24 hours' THEN
		RAISE EXCEPTION 'handler timeout out of range: %', timeout
			USING ERRCODE = 'invalid_parameter_value', HINT = 'More than 0, up to 24 hours; NULL: the setting campaign_lifecycle.handler_timeout.';
	END IF;
	PERFORM @extschema@._check_handler(handler, current_user);
	INSERT INTO @extschema@.campaign_timer_handlers AS h (timer_type, handler, handler_owner, timeout)
	VALUES (timer_type, handler::text, current_user, timeout)
	ON CONFLICT ON CONSTRAINT campaign_timer_handlers_pkey DO UPDATE
		SET handler = excluded.handler, timeout = excluded.timeout, registered_at = now()
		WHERE h.handler_owner = current_user;
	IF NOT FOUND THEN
		SELECT h.handler, h.handler_owner INTO other FROM @extschema@.campaign_timer_handlers AS h WHERE h.timer_type = register_handler.timer_type;
		RAISE EXCEPTION '% timers have a handler already: %, of %', timer_type, other.handler, quote_ident(other.handler_owner)
			USING ERRCODE = 'unique_violation', CONSTRAINT = 'campaign_timer_handlers_pkey', HINT = 'unregister_handler() that one first.';
	END IF;
	IF NOT EXISTS (SELECT FROM pg_proc AS p CROSS JOIN unnest(p.proconfig) AS c (setting) WHERE p.oid = handler AND c.setting LIKE 'search\_path=%') THEN
		RAISE NOTICE 'handler % has no search_path of its own and will run with pg_catalog, pg_temp', handler
			USING HINT = format('ALTER FUNCTION %s SET search_path = ..., or write every name in it with its schema.', handler);
	END IF;
	PERFORM @extschema@._wake();
END
$$;
COMMENT ON FUNCTION @extschema@.register_handler(text, regprocedure, interval) IS
	'From now on timers of this type call the function after their move, in its transaction: f(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb, owned by the caller and run with the caller''s rights. Not called on a skip; what it returns stands in the execution''s result under "handler". An error, or more time than timeout (up to 24 hours; NULL: campaign_lifecycle.handler_timeout), undoes the move and is a failed attempt. One a type; registered again it is replaced. Errors: 22004, 22023, 42P13, 42501, 42883; 23505 while another role has one. Since 1.1.';

CREATE FUNCTION @extschema@.unregister_handler(timer_type text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM @extschema@._check_timer_type(timer_type);
	DELETE FROM @extschema@.campaign_timer_handlers AS h WHERE h.timer_type = timer_type;
	IF NOT FOUND THEN
		RAISE EXCEPTION '% timers have no handler', timer_type
			USING ERRCODE = 'no_data_found', HINT = 'campaign_timer_handlers lists them.';
	END IF;
	PERFORM @extschema@._wake();
END
$$;
COMMENT ON FUNCTION @extschema@.unregister_handler(text) IS
	'Timers of this type call no function any more; one that runs ends. Errors: 22004, 22023; P0002 when there is none. Since 1.1.';

-- Whatever a role may write in campaign_timer_handlers: never a handler that would run with the rights of somebody else. AFTER, so that it sees what any
-- other trigger has made of the row.
CREATE FUNCTION @extschema@.validate_timer_handler() RETURNS trigger
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = NEW.handler_owner AND pg_has_role(r.oid, 'USAGE')) THEN
		RAISE EXCEPTION 'permission denied to register a handler of %', quote_ident(NEW.handler_owner)
			USING ERRCODE = 'insufficient_privilege', HINT = 'Call register_handler() as the role that owns the function.';
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.validate_timer_handler() IS
	'AFTER trigger of campaign_timer_handlers: a handler can be registered only by who has the rights of its owner (42501). Since 1.1.';

-- The lock under which a marked timer runs belongs to the process, not to a transaction.
CREATE FUNCTION @extschema@._is_marked_by_process(timer_id uuid) RETURNS boolean
	LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', '_is_marked_by_process';
COMMENT ON FUNCTION @extschema@._is_marked_by_process(uuid) IS 'Whether the process that marked this timer still lives.';

CREATE FUNCTION @extschema@._marked_due(as_of timestamp with time zone, since timestamp with time zone) RETURNS boolean
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_marked_due';
COMMENT ON FUNCTION @extschema@._marked_due(timestamptz, timestamptz) IS 'Whether there may be due timers that go the marked way: some type has a handler, or a timer has lost its worker before.';

-- Claims the first due timer that goes the marked way. One that would only be put off is left alone.
CREATE FUNCTION @extschema@._claim_marked(as_of timestamp with time zone, since timestamp with time zone, everything boolean,
		passed uuid[] DEFAULT '{}') RETURNS uuid
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_sort = off
	SET enable_incremental_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	attempts integer := coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5');
	handled text[] := ARRAY(SELECT h.timer_type FROM @extschema@.campaign_timer_handlers AS h);
	first_id uuid;
	first_at timestamptz;
	next_id uuid;
	next_at timestamptz;
BEGIN
	SELECT r.id, r.scheduled_at
	INTO first_id, first_at
	FROM @extschema@._runnable_timers AS r
	WHERE r.status = 'FAILED' AND r.retry_count < 5 AND r.retry_count < attempts AND r.scheduled_at >= since AND r.scheduled_at <= as_of
		AND r.id <> ALL (passed)
		AND (everything OR r.timer_type = ANY (handled)
			OR EXISTS (SELECT FROM @extschema@.timer_executions AS x WHERE x.timer_id = r.id AND (x.status = 'FAILED') IS TRUE AND x.error_message LIKE '57P02: %' OFFSET 0))
	ORDER BY r.scheduled_at, r.retry_count
	LIMIT 1
	FOR NO KEY UPDATE OF r SKIP LOCKED;
	IF everything OR handled <> '{}' THEN
		SELECT r.id, r.scheduled_at
		INTO next_id, next_at
		FROM @extschema@._runnable_timers AS r
		-- As _claim_timers() does.
		WHERE r.status = ANY (ARRAY['PENDING', 'PENDING']) AND r.scheduled_at >= since AND r.scheduled_at <= least(as_of, first_at)
			AND r.id <> ALL (passed)
			AND (everything OR r.timer_type = ANY (handled))
		ORDER BY r.status, r.scheduled_at
		LIMIT 1
		FOR NO KEY UPDATE OF r SKIP LOCKED;
	END IF;
	RETURN coalesce(next_id, first_id);
END
$$;
COMMENT ON FUNCTION @extschema@._claim_marked(timestamptz, timestamptz, boolean, uuid[]) IS
	'Locks the first due timer scheduled since a time that has a handler or has lost its worker before, or any, but for those passed over; returns its id, NULL for none.';

CREATE FUNCTION @extschema@._start_marked(as_of timestamp with time zone, due_by timestamp with time zone, since timestamp with time zone, everything boolean,
		passed uuid[] DEFAULT '{}') RETURNS uuid
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	timer_id constant uuid := @extschema@._claim_marked(due_by, since, everything, passed);
BEGIN
	IF timer_id IS NOT NULL THEN
		UPDATE @extschema@.campaign_timers AS t SET status = 'RUNNING' WHERE t.id = timer_id;
		INSERT INTO @extschema@.timer_executions (id, timer_id, status, started_at) VALUES (@extschema@._uuid_v7(), timer_id, 'STARTED', as_of);
	END IF;
	RETURN timer_id;
END
$$;
COMMENT ON FUNCTION @extschema@._start_marked(timestamptz, timestamptz, timestamptz, boolean, uuid[]) IS 'As _claim_marked() for timers due by a time, and marks the timer: RUNNING, with an execution STARTED at as_of.';

-- A timer that is not marked any more has been seen to by somebody else.
CREATE FUNCTION @extschema@._lock_marked(timer_id uuid, marked boolean)
	RETURNS TABLE (id uuid, place tid, campaign_id uuid, campaign_place tid, timer_type text, state text, scheduled_at timestamp with time zone, by_policy boolean,
		retried boolean)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	SELECT t.id, t.ctid, t.campaign_id, t.timer_type, t.scheduled_at, t.payload ? 'policy', t.retry_count > 0
	INTO id, place, campaign_id, timer_type, scheduled_at, by_policy, retried
	FROM @extschema@.campaign_timers AS t
	WHERE t.id = $1 AND (t.status = 'RUNNING' OR NOT marked)
	FOR NO KEY UPDATE;
	IF FOUND THEN
		RETURN QUERY
		SELECT _lock_marked.id, _lock_marked.place, c.id, c.ctid, _lock_marked.timer_type, c.status::text, _lock_marked.scheduled_at, _lock_marked.by_policy, _lock_marked.retried
		FROM @extschema@.campaigns AS c
		WHERE c.id = _lock_marked.campaign_id
		FOR NO KEY UPDATE;
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._lock_marked(uuid, boolean) IS 'Locks one timer, marked or claimed alone, and its campaign, and returns it as _claim_batch() does.';

CREATE FUNCTION @extschema@._complete_marked(timer_id uuid, result jsonb, done_at timestamp with time zone, took_ms integer) RETURNS boolean
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	UPDATE @extschema@.timer_executions AS x
	SET status = 'COMPLETED', result = result, completed_at = greatest(done_at, x.started_at), execution_time_ms = took_ms
	WHERE x.timer_id = timer_id AND x.status = 'STARTED';
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION @extschema@._complete_marked(uuid, jsonb, timestamptz, integer) IS 'The execution of a marked timer is there already and becomes COMPLETED. Returns whether it was there.';

-- After the move. A timer that came too early, or was skipped, calls nothing.
CREATE FUNCTION @extschema@._handler_of(timer_id uuid, as_of timestamp with time zone,
		OUT handler oid, OUT handler_owner oid, OUT timeout_ms integer, OUT campaign_id uuid, OUT payload jsonb)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	timer record;
	registered record;
BEGIN
	SELECT t.status, t.campaign_id, t.timer_type, t.payload INTO timer FROM @extschema@.campaign_timers AS t WHERE t.id = timer_id;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	IF timer.status <> 'COMPLETED' THEN
		-- Put off, which is no attempt; or failed, and then the row is no longer STARTED.
		DELETE FROM @extschema@.timer_executions AS x WHERE x.timer_id = _handler_of.timer_id AND x.status = 'STARTED';
		RETURN;
	END IF;
	IF EXISTS (SELECT FROM @extschema@.timer_executions AS x
			WHERE x.timer_id = _handler_of.timer_id AND x.status = 'COMPLETED' AND x.started_at = as_of AND x.result ? 'skipped') THEN
		RETURN;
	END IF;
	SELECT h.handler, h.handler_owner, h.timeout INTO registered FROM @extschema@.campaign_timer_handlers AS h WHERE h.timer_type = timer.timer_type;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	handler := @extschema@._find_handler(registered.handler);
	IF handler IS NULL THEN
		RAISE EXCEPTION 'handler does not exist: %', registered.handler
			USING ERRCODE = 'undefined_function', HINT = 'Create it again, or unregister_handler().';
	END IF;
	PERFORM @extschema@._check_handler(handler::regprocedure, registered.handler_owner);
	handler_owner := (SELECT p.proowner FROM pg_proc AS p WHERE p.oid = handler);
	timeout_ms := EXTRACT(epoch FROM coalesce(registered.timeout, coalesce(current_setting('campaign_lifecycle.handler_timeout', true), '30s')::interval)) * 1000;
	campaign_id := timer.campaign_id;
	payload := timer.payload;
END
$$;
COMMENT ON FUNCTION @extschema@._handler_of(uuid, timestamptz) IS
	'Which handler is to be called for a timer that has just run alone, if any: its oid, owner, timeout in milliseconds and arguments. Raises when the handler registered cannot be called: 42883, 42P13, 42501.';

CREATE FUNCTION @extschema@._record_handler(timer_id uuid, as_of timestamp with time zone, handled jsonb) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	attempt record;
	done_at constant timestamptz := clock_timestamp();
	-- (The clock may be set meanwhile.)
	took constant numeric := least(greatest(EXTRACT(epoch FROM done_at - as_of) * 1000, 0), 2147483647);
BEGIN
	SELECT x.id, x.completed_at, t.campaign_id
	INTO attempt
	FROM @extschema@.timer_executions AS x
	JOIN @extschema@.campaign_timers AS t ON t.id = x.timer_id
	WHERE x.timer_id = timer_id AND x.status = 'COMPLETED' AND x.started_at = as_of
	ORDER BY x.completed_at DESC
	LIMIT 1;
	UPDATE @extschema@.timer_executions AS x
	SET result = x.result || jsonb_build_object('handler', handled), completed_at = greatest(done_at, x.started_at), execution_time_ms = took
	WHERE x.id = attempt.id;
	UPDATE @extschema@.campaign_metrics AS m
	SET value = took
	WHERE m.campaign_id = attempt.campaign_id AND m.metric_type = 'TIMER_EXECUTION_TIME' AND m.recorded_at = attempt.completed_at;
END
$$;
COMMENT ON FUNCTION @extschema@._record_handler(uuid, timestamptz, jsonb) IS 'Adds what the handler returned and the time it took to the execution of this attempt, and to its metric.';

CREATE FUNCTION @extschema@._fail_marked(timer_id uuid, as_of timestamp with time zone, sqlstate text, message text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM FROM @extschema@.campaign_timers AS t WHERE t.id = timer_id AND t.status = 'RUNNING' FOR NO KEY UPDATE;
	IF FOUND THEN
		PERFORM @extschema@._fail_timer(timer_id, as_of, sqlstate, message);
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._fail_marked(uuid, timestamptz, text, text) IS 'As _fail_timer(), for a timer that is still marked.';

CREATE FUNCTION @extschema@._release_marked(timer_id uuid) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	UPDATE @extschema@.campaign_timers AS t
	SET status = CASE WHEN t.retry_count > 0 THEN 'FAILED' ELSE 'PENDING' END
	WHERE t.id = timer_id AND t.status = 'RUNNING';
	DELETE FROM @extschema@.timer_executions AS x WHERE x.timer_id = _release_marked.timer_id AND x.status = 'STARTED';
END
$$;
COMMENT ON FUNCTION @extschema@._release_marked(uuid) IS 'Takes a mark back: the timer waits as before, and nothing counts as an attempt.';

CREATE FUNCTION @extschema@._recover_lost(as_of timestamp with time zone) RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	timer_id uuid;
	lost bigint := 0;
BEGIN
	FOR timer_id IN
		SELECT t.id FROM @extschema@.campaign_timers AS t WHERE t.status = 'RUNNING' ORDER BY t.id FOR NO KEY UPDATE SKIP LOCKED
	LOOP
		IF NOT @extschema@._is_marked_by_process(timer_id) THEN
			PERFORM @extschema@._fail_timer(timer_id, as_of, '57P02', 'the worker was lost while it ran this timer');
			lost := lost + 1;
		END IF;
	END LOOP;
	RETURN lost;
END
$$;
COMMENT ON FUNCTION @extschema@._recover_lost(timestamptz) IS 'Timers marked RUNNING whose process is gone: a failed attempt each. Returns how many.';

-- Deferrable constraints as they are declared. After SET CONSTRAINTS ALL IMMEDIATE, which is the only way to fire what has been deferred so far.
CREATE FUNCTION @extschema@._reset_constraints() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	immediate text;
BEGIN
	SELECT string_agg(DISTINCT format('%I.%I', n.nspname, k.conname), ', ')
	INTO immediate
	FROM pg_constraint AS k
	JOIN pg_namespace AS n ON n.oid = k.connamespace
	WHERE k.condeferrable AND NOT k.condeferred AND has_schema_privilege(n.oid, 'USAGE');
	SET CONSTRAINTS ALL DEFERRED;
	IF immediate IS NOT NULL THEN
		EXECUTE 'SET CONSTRAINTS ' || immediate || ' IMMEDIATE';
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._reset_constraints() IS 'Lets every deferrable constraint be checked when it says, for the rest of the transaction.';
-- What time does to the data: months of the log are made ahead and archived when old, old executions are removed, materialized views follow. Everything
-- takes the time as an argument and may be stopped and repeated at any point. What changes tables first takes all its locks, campaigns before the log,
-- each for a moment only and less than deadlock_timeout: waiting for long would hold up everyone who comes after, and in a deadlock we give way.
--
-- The worker's way: _due_upkeep() once a minute, _run_upkeep_step() for each job it names until that returns false, a transaction each, and
-- _upkeep_failed() in a new transaction after an error. All of it runs as the owner of the tables. Bounds of months are UTC, whatever the TimeZone.

-- Partitions and materialized views are their owner's to make. Whoever may call the verbs below has them done with the owner's rights.
CREATE FUNCTION @extschema@._is_campaign_owner() RETURNS boolean
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT pg_get_userbyid(c.relowner) = current_user FROM pg_class AS c WHERE c.oid = '@extschema@.campaign_timers'::regclass
$$;
COMMENT ON FUNCTION @extschema@._is_campaign_owner() IS 'Whether the current user is the role that owns the tables.';

CREATE FUNCTION @extschema@._upkeep_as_owner(verb text, as_of timestamp with time zone, older_than interval, quantity bigint) RETURNS bigint
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_upkeep_as_owner';
COMMENT ON FUNCTION @extschema@._upkeep_as_owner(text, timestamptz, interval, bigint) IS
	'Does a piece of upkeep as the owner of the tables: create_monthly_partitions, archive_old_state_logs or cleanup_timer_executions for whoever may call it, with its months or rows as the quantity; all else for who has the rights of the owner. Errors: 22004, 22023 for what is none, 42501.';

CREATE FUNCTION @extschema@._check_as_of(as_of timestamp with time zone) RETURNS void
	LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM @extschema@._check_given('as_of', as_of IS NOT NULL);
	IF NOT isfinite(as_of) OR as_of >= '9900-01-01 00:00:00+00' OR as_of < '0100-01-01 00:00:00+00' THEN
		RAISE EXCEPTION 'as_of out of range: %', as_of
			USING ERRCODE = 'datetime_field_overflow', HINT = 'Leave it out for the present time.';
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._check_as_of(timestamptz) IS 'Raises 22004 for NULL and 22008 for a time with which no months can be counted.';

CREATE FUNCTION @extschema@._cutoff(older_than interval, as_of timestamp with time zone) RETURNS timestamp with time zone
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM @extschema@._check_given('older_than', older_than IS NOT NULL);
	PERFORM @extschema@._check_as_of(as_of);
	IF older_than < interval '0' THEN
		RAISE EXCEPTION 'older_than must not be negative: %', older_than
			USING ERRCODE = 'invalid_parameter_value', HINT = 'An age, for instance ''1 year''.';
	END IF;
	RETURN (as_of AT TIME ZONE 'UTC' - older_than) AT TIME ZONE 'UTC';
END
$$;
COMMENT ON FUNCTION @extschema@._cutoff(interval, timestamptz) IS 'as_of minus an age, counted in UTC. Raises 22004 and 22023.';

CREATE FUNCTION @extschema@._check_max_rows(max_rows bigint) RETURNS void
	LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF max_rows < 0 THEN
		RAISE EXCEPTION 'max_rows must not be negative: %', max_rows
			USING ERRCODE = 'invalid_parameter_value', HINT = 'NULL removes all that are old enough.';
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._check_max_rows(bigint) IS 'Raises 22023 for a negative number of rows.';

-- Partitions: what there is, and what is missing.

CREATE FUNCTION @extschema@._partitions(parent regclass) RETURNS TABLE (part regclass, lower_bound timestamp with time zone, upper_bound timestamp with time zone)
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, MDY' AS $$
	SELECT i.inhrelid::regclass,
		coalesce(substring(b.bound FROM 'FROM \(''([^'']+)''\)')::timestamptz, '-infinity'),
		coalesce(substring(b.bound FROM 'TO \(''([^'']+)''\)')::timestamptz, 'infinity')
	FROM pg_inherits AS i
	JOIN pg_class AS c ON c.oid = i.inhrelid
	CROSS JOIN LATERAL (SELECT pg_get_expr(c.relpartbound, c.oid) AS bound) AS b
	WHERE i.inhparent = parent AND b.bound <> 'DEFAULT'
	ORDER BY 2
$$;
COMMENT ON FUNCTION @extschema@._partitions(regclass) IS 'The partitions of a table partitioned by time, its default one apart, with their bounds (infinite for MINVALUE and MAXVALUE), the oldest first.';

CREATE FUNCTION @extschema@._default_partition(parent regclass) RETURNS regclass
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT nullif(p.partdefid, 0)::regclass FROM pg_partitioned_table AS p WHERE p.partrelid = parent
$$;
COMMENT ON FUNCTION @extschema@._default_partition(regclass) IS 'The default partition of a partitioned table, or NULL.';

CREATE FUNCTION @extschema@._months_of_rows(holder regclass, horizon timestamp with time zone) RETURNS SETOF timestamp with time zone
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
	at timestamptz := '0001-01-01 00:00:00+00';
BEGIN
	-- From month to month by the index on created_at, however many rows a month has.
	WHILE holder IS NOT NULL LOOP
		EXECUTE format('SELECT min(created_at) FROM %s WHERE created_at >= $1 AND created_at < $2', holder) INTO at USING at, horizon;
		EXIT WHEN at IS NULL;
		at := date_trunc('month', at);
		RETURN NEXT at;
		at := at + interval '1 month';
	END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@._months_of_rows(regclass, timestamptz) IS 'The months, by their first instant in UTC, of which a table has rows created before the horizon.';

CREATE FUNCTION @extschema@._missing_log_months(months_ahead integer, as_of timestamp with time zone) RETURNS SETOF timestamp with time zone
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
	SELECT m.month
	FROM (
		SELECT g.month FROM generate_series(date_trunc('month', as_of), date_trunc('month', as_of) + make_interval(months => months_ahead), interval '1 month') AS g (month)
		UNION
		-- Rows of a month that the archive has already are for archive_old_state_logs() to move.
		SELECT r.month
		FROM @extschema@._months_of_rows(@extschema@._default_partition('@extschema@.campaign_state_log'::regclass),
			date_trunc('month', as_of) + make_interval(months => months_ahead + 1)) AS r (month)
		WHERE NOT EXISTS (
			SELECT FROM @extschema@._partitions('@extschema@.campaign_state_log_archive'::regclass) AS a
			WHERE a.lower_bound < r.month + interval '1 month' AND a.upper_bound > r.month)) AS m
	WHERE NOT EXISTS (
		SELECT FROM @extschema@._partitions('@extschema@.campaign_state_log'::regclass) AS p
		WHERE p.lower_bound < m.month + interval '1 month' AND p.upper_bound > m.month)
	ORDER BY m.month
$$;
COMMENT ON FUNCTION @extschema@._missing_log_months(integer, timestamptz) IS
	'The months that create_monthly_partitions() would make now: this month, those ahead, and those of rows in the default partition, unless some partition has a part of it.';

-- Locks are tried for a moment; whoever calls tries again. Below deadlock_timeout, so that in a deadlock ours is the transaction that gives way.
CREATE FUNCTION @extschema@._short_lock_timeout() RETURNS text
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT greatest(1, least(200, s.setting::integer / 2)) || 'ms' FROM pg_settings AS s WHERE s.name = 'deadlock_timeout'
$$;
COMMENT ON FUNCTION @extschema@._short_lock_timeout() IS 'The lock_timeout under which upkeep changes tables.';

CREATE FUNCTION @extschema@._move_log_rows(source regclass, target regclass, lower_bound timestamp with time zone, upper_bound timestamp with time zone,
		max_rows bigint DEFAULT NULL) RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	columns text;
	last_one timestamptz := 'infinity';
	found_any boolean;
	silenced record;
	n bigint;
BEGIN
	EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE created_at >= $1 AND created_at < $2)', source) INTO found_any USING lower_bound, upper_bound;
	IF NOT found_any THEN
		RETURN 0;
	END IF;
	IF max_rows IS NOT NULL THEN
		EXECUTE format('SELECT created_at FROM %s WHERE created_at >= $1 AND created_at < $2 ORDER BY created_at OFFSET $3 LIMIT 1', source)
			INTO last_one USING lower_bound, upper_bound, max_rows - 1;
	END IF;
	SELECT string_agg(quote_ident(t.attname), ', ' ORDER BY t.attnum)
	INTO columns
	FROM pg_attribute AS t
	JOIN pg_attribute AS s ON s.attrelid = source AND s.attname = t.attname AND s.attnum > 0 AND NOT s.attisdropped
	WHERE t.attrelid = target AND t.attnum > 0 AND NOT t.attisdropped AND t.attgenerated = '';

	-- A row that moves is not deleted: a user's triggers that watch or forbid deletion from the log do not see it.
	FOR silenced IN
		SELECT format('ALTER TABLE %s DISABLE TRIGGER %I', source, g.tgname) AS off,
			format('ALTER TABLE %s ENABLE %s TRIGGER %I', source, CASE g.tgenabled WHEN 'A' THEN 'ALWAYS' WHEN 'R' THEN 'REPLICA' ELSE '' END, g.tgname) AS back
		FROM pg_trigger AS g
		WHERE g.tgrelid = source AND NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgtype & 8 <> 0
	LOOP
		EXECUTE silenced.off;
		n := @extschema@._move_log_rows(source, target, lower_bound, upper_bound, max_rows);
		EXECUTE silenced.back;
		RETURN n;
	END LOOP;

	EXECUTE format('WITH moved AS (DELETE FROM %1$s WHERE created_at >= $1 AND created_at < $2 AND created_at <= $3 RETURNING %3$s)
			INSERT INTO %2$s (%3$s) OVERRIDING SYSTEM VALUE SELECT %3$s FROM moved', source, target, columns)
		USING lower_bound, upper_bound, coalesce(last_one, 'infinity');
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN n;
END
$$;
COMMENT ON FUNCTION @extschema@._move_log_rows(regclass, regclass, timestamptz, timestamptz, bigint) IS
	'Moves log rows created within the bounds from one table to another, the oldest first, at least max_rows if there are as many (rows of one instant stay together). Returns how many.';

CREATE FUNCTION @extschema@._make_month(parent regclass, month timestamp with time zone, also_from regclass DEFAULT NULL) RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, MDY' SET lock_timeout = '200ms' AS $$
DECLARE
	next_month timestamptz := month + interval '1 month';
	holder regclass := @extschema@._default_partition(parent);
	model record;
	part regclass;
	part_name text;
	suffix text := '';
	unproven record;
	put_back text[] := '{}';
	change text;
	moved bigint := 0;
BEGIN
	PERFORM set_config('lock_timeout', @extschema@._short_lock_timeout(), true);
	-- In the order in which writers lock: campaigns, then the log.
	IF EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = parent AND k.contype = 'f' AND k.confrelid = '@extschema@.campaigns'::regclass) THEN
		LOCK TABLE ONLY @extschema@.campaigns IN SHARE ROW EXCLUSIVE MODE;
	END IF;
	EXECUTE format('LOCK TABLE ONLY %s IN SHARE UPDATE EXCLUSIVE MODE', parent);
	IF EXISTS (SELECT FROM @extschema@._partitions(parent) AS p WHERE p.lower_bound < next_month AND p.upper_bound > month) THEN
		RETURN NULL;
	END IF;
	IF holder IS NOT NULL THEN
		EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', holder);
	END IF;

	SELECT c.relname, n.nspname, pg_get_userbyid(c.relowner) AS owner, s.spcname
	INTO model
	FROM pg_class AS c
	JOIN pg_namespace AS n ON n.oid = c.relnamespace
	LEFT JOIN pg_tablespace AS s ON s.oid = c.reltablespace
	WHERE c.oid = parent;
	LOOP
		part_name := model.relname || to_char(month, '"_y"YYYY"m"MM') || suffix;
		EXIT WHEN to_regclass(format('%I.%I', model.nspname, part_name)) IS NULL;
		suffix := '_' || coalesce(nullif(substr(suffix, 2), '')::integer + 1, 2);
	END LOOP;
	EXECUTE format('CREATE TABLE %I.%I (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING STORAGE INCLUDING COMPRESSION)%s',
		model.nspname, part_name, parent, ' TABLESPACE ' || quote_ident(model.spcname));
	part := to_regclass(format('%I.%I', model.nspname, part_name));
	IF model.owner <> current_user THEN
		EXECUTE format('ALTER TABLE %s OWNER TO %I', part, model.owner);
	END IF;

	-- A constraint that is NOT VALID on the parent must not refuse old rows here.
	FOR unproven IN
		SELECT k.conname AS name, pg_get_constraintdef(k.oid) AS definition
		FROM pg_constraint AS k
		WHERE k.conrelid = parent AND k.contype = 'c' AND NOT k.convalidated
	LOOP
		EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', part, unproven.name);
		put_back := put_back || format('ALTER TABLE %s ADD CONSTRAINT %I %s', part, unproven.name, unproven.definition);
	END LOOP;
	IF holder IS NOT NULL THEN
		PERFORM @extschema@._move_log_rows(holder, part, month, next_month, NULL::bigint);
	END IF;
	IF also_from IS NOT NULL THEN
		moved := @extschema@._move_log_rows(also_from, part, month, next_month, NULL::bigint);
	END IF;
	FOREACH change IN ARRAY put_back LOOP
		EXECUTE change;
	END LOOP;
	-- Proves to ATTACH what it would scan the table for, here and once more when the month enters the archive.
	EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I CHECK (created_at >= %L AND created_at < %L)', part, 'valid_month', month, next_month);
	EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)', parent, part, month, next_month);
	RETURN moved;
END
$$;
COMMENT ON FUNCTION @extschema@._make_month(regclass, timestamptz, regclass) IS
	'Makes one month''s partition of the log or the archive, with the month''s rows from its default partition and from another table; returns the number of the latter, NULL if a partition has the month already. Errors: 55P03 when the tables are in use.';

CREATE FUNCTION @extschema@._in_use(what text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RAISE EXCEPTION 'could not lock the campaign tables to %', what
		USING ERRCODE = 'lock_not_available', HINT = 'A long transaction uses them; nothing of this step was changed. Try again when it has ended: see pg_stat_activity for the oldest xact_start.';
END
$$;
COMMENT ON FUNCTION @extschema@._in_use(text) IS 'Raises 55P03.';

CREATE FUNCTION @extschema@._make_month_patiently(parent regclass, month timestamp with time zone, also_from regclass, attempts integer) RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	FOR attempt IN 1 .. attempts LOOP
		BEGIN
			RETURN @extschema@._make_month(parent, month, also_from);
		EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
			IF attempt = attempts THEN
				PERFORM @extschema@._in_use(format('make the month %s', to_char(month AT TIME ZONE 'UTC', 'YYYY-MM')));
			END IF;
		END;
		PERFORM pg_sleep(0.05 + random() * 0.2);
	END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@._make_month_patiently(regclass, timestamptz, regclass, integer) IS '_make_month(), tried so many times.';

CREATE FUNCTION @extschema@.create_monthly_partitions(months_ahead integer DEFAULT 3, as_of timestamp with time zone DEFAULT now()) RETURNS integer
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	month timestamptz;
	made integer := 0;
BEGIN
	IF NOT @extschema@._is_campaign_owner() THEN
		RETURN @extschema@._upkeep_as_owner('create_monthly_partitions', as_of, NULL::interval, months_ahead::bigint);
	END IF;
	PERFORM @extschema@._check_given('months_ahead', months_ahead IS NOT NULL);
	PERFORM @extschema@._check_as_of(as_of);
	IF months_ahead NOT BETWEEN 0 AND 120 THEN
		RAISE EXCEPTION 'months_ahead out of range: %', months_ahead
			USING ERRCODE = 'invalid_parameter_value', HINT = 'From 0, the present month only, to 120.';
	END IF;
	FOR month IN SELECT m.month FROM @extschema@._missing_log_months(months_ahead, as_of) AS m (month) LOOP
		IF @extschema@._make_month_patiently('@extschema@.campaign_state_log'::regclass, month, NULL::regclass, 40) IS NOT NULL THEN
			made := made + 1;
		END IF;
	END LOOP;
	RETURN made;
END
$$;
COMMENT ON FUNCTION @extschema@.create_monthly_partitions(integer, timestamptz) IS
	'Makes the partitions of campaign_state_log for the month of as_of (UTC) and so many months ahead (0 to 120), and for every month up to there of which the default partition has rows, which move into it. Rows created later than that, or before the year 1, stay there. The worker does this by itself. Returns the number made. Errors: 22004, 22008, 22023; 55P03 when a long transaction uses the tables. Since 1.1.';

-- The archive.

CREATE FUNCTION @extschema@._follow_log_columns() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	wanted record;
BEGIN
	FOR wanted IN
		SELECT l.attname, format_type(l.atttypid, l.atttypmod) AS type, format_type(a.atttypid, a.atttypmod) AS type_there,
			' COLLATE ' || quote_ident(n.nspname) || '.' || quote_ident(o.collname) AS collation,
			CASE l.attgenerated WHEN 's' THEN format(' GENERATED ALWAYS AS (%s) STORED', pg_get_expr(d.adbin, d.adrelid)) END AS generated
		FROM pg_attribute AS l
		JOIN pg_type AS t ON t.oid = l.atttypid
		LEFT JOIN pg_attribute AS a ON a.attrelid = '@extschema@.campaign_state_log_archive'::regclass AND a.attname = l.attname AND NOT a.attisdropped
		LEFT JOIN pg_attrdef AS d ON d.adrelid = l.attrelid AND d.adnum = l.attnum
		LEFT JOIN pg_collation AS o ON o.oid = l.attcollation AND l.attcollation <> t.typcollation
		LEFT JOIN pg_namespace AS n ON n.oid = o.collnamespace
		WHERE l.attrelid = '@extschema@.campaign_state_log'::regclass AND l.attnum > 0 AND NOT l.attisdropped
			AND (a.attname IS NULL OR (a.atttypid, a.atttypmod) IS DISTINCT FROM (l.atttypid, l.atttypmod))
		ORDER BY l.attnum
	LOOP
		IF wanted.type_there IS NOT NULL THEN
			RAISE EXCEPTION 'column % is % in campaign_state_log and % in campaign_state_log_archive', quote_ident(wanted.attname), wanted.type, wanted.type_there
				USING ERRCODE = 'datatype_mismatch',
					HINT = format('ALTER TABLE %s ALTER COLUMN %I TYPE %s;', '@extschema@.campaign_state_log_archive'::regclass, wanted.attname, wanted.type);
		END IF;
		EXECUTE format('ALTER TABLE @extschema@.campaign_state_log_archive ADD COLUMN %I %s%s%s', wanted.attname, wanted.type, wanted.collation, wanted.generated);
	END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@._follow_log_columns() IS 'Gives the archive the columns that a user has added to the log. Raises 42804 where a column''s type differs.';

CREATE FUNCTION @extschema@._archive_partition(part regclass, lower_bound timestamp with time zone, upper_bound timestamp with time zone) RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, MDY' SET lock_timeout = '200ms' AS $$
DECLARE
	log_default regclass := @extschema@._default_partition('@extschema@.campaign_state_log'::regclass);
	archive_default regclass := @extschema@._default_partition('@extschema@.campaign_state_log_archive'::regclass);
	bounds text;
	new_name text;
	change text;
	n bigint;
BEGIN
	PERFORM set_config('lock_timeout', @extschema@._short_lock_timeout(), true);
	LOCK TABLE ONLY @extschema@.campaign_state_log IN SHARE UPDATE EXCLUSIVE MODE;
	SELECT pg_get_expr(c.relpartbound, c.oid)
	INTO bounds
	FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
	WHERE i.inhparent = '@extschema@.campaign_state_log'::regclass AND i.inhrelid = part;
	IF NOT FOUND THEN
		RETURN 0;
	END IF;

	-- What takes time by the number of rows happens while readers and writers of everything else go on.
	EXECUTE format('LOCK TABLE %s IN SHARE MODE', part);
	EXECUTE format('SELECT count(*) FROM %s', part) INTO n;
	IF NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = part AND k.conname = 'valid_month' AND k.convalidated) THEN
		SELECT concat_ws(' AND ', 'created_at >= ' || quote_literal(nullif(lower_bound, '-infinity')), 'created_at < ' || quote_literal(nullif(upper_bound, 'infinity')))
		INTO change;
		EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I CHECK (%s)', part, 'valid_month', change);
	END IF;

	-- DROP CONSTRAINT will want campaigns for itself; from here on it takes milliseconds.
	LOCK TABLE ONLY @extschema@.campaigns IN ACCESS EXCLUSIVE MODE;
	LOCK TABLE ONLY @extschema@.campaign_state_log IN ACCESS EXCLUSIVE MODE;
	IF log_default IS NOT NULL THEN
		EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', log_default);
	END IF;
	EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', part);
	LOCK TABLE ONLY @extschema@.campaign_state_log_archive IN SHARE UPDATE EXCLUSIVE MODE;
	IF archive_default IS NOT NULL THEN
		EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', archive_default);
	END IF;
	PERFORM @extschema@._follow_log_columns();
	EXECUTE format('ALTER TABLE @extschema@.campaign_state_log DETACH PARTITION %s', part);

	-- The archive outlives what it tells of: no foreign key. Then what the archive asks of its partitions and this table lacks.
	FOR change IN
		SELECT format('DROP CONSTRAINT %I', k.conname) FROM pg_constraint AS k WHERE k.conrelid = part AND k.contype = 'f'
		UNION ALL
		SELECT format('ADD COLUMN %I %s', a.attname, format_type(a.atttypid, a.atttypmod))
		FROM pg_attribute AS a
		WHERE a.attrelid = '@extschema@.campaign_state_log_archive'::regclass AND a.attnum > 0 AND NOT a.attisdropped
			AND NOT EXISTS (SELECT FROM pg_attribute AS p WHERE p.attrelid = part AND p.attname = a.attname AND NOT p.attisdropped)
		UNION ALL
		SELECT format('ADD CONSTRAINT %I %s', k.conname, pg_get_constraintdef(k.oid))
		FROM pg_constraint AS k
		WHERE k.conrelid = '@extschema@.campaign_state_log_archive'::regclass AND k.contype = 'c'
			AND NOT EXISTS (SELECT FROM pg_constraint AS p WHERE p.conrelid = part AND p.contype = 'c' AND p.conname = k.conname)
	LOOP
		EXECUTE format('ALTER TABLE %s %s', part, change);
	END LOOP;
	SELECT regexp_replace(c.relname, '^campaign_state_log_(archive_)?', 'campaign_state_log_archive_')
	INTO new_name
	FROM pg_class AS c
	WHERE c.oid = part AND c.relnamespace = '@extschema@'::regnamespace AND c.relname ~ '^campaign_state_log_(?!archive_)';
	IF new_name IS NOT NULL AND to_regclass(format('@extschema@.%I', new_name)) IS NULL THEN
		EXECUTE format('ALTER TABLE %s RENAME TO %I', part, new_name);
	END IF;
	IF archive_default IS NOT NULL THEN
		PERFORM @extschema@._move_log_rows(archive_default, part, lower_bound, upper_bound, NULL::bigint);
	END IF;
	EXECUTE format('ALTER TABLE @extschema@.campaign_state_log_archive ATTACH PARTITION %s %s', part, bounds);
	RETURN n;
END
$$;
COMMENT ON FUNCTION @extschema@._archive_partition(regclass, timestamptz, timestamptz) IS
	'Takes one partition from the log to the archive as it is, under the name campaign_state_log_archive_..., its foreign keys dropped; rows of its months from the archive''s default join it. Returns its rows as they were in the log. Errors: 55P03 when the tables are in use.';

CREATE FUNCTION @extschema@._archive_partition_patiently(part regclass, lower_bound timestamp with time zone, upper_bound timestamp with time zone, attempts integer) RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	FOR attempt IN 1 .. attempts LOOP
		BEGIN
			RETURN @extschema@._archive_partition(part, lower_bound, upper_bound);
		EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
			IF attempt = attempts THEN
				PERFORM @extschema@._in_use(format('archive %s', part));
			END IF;
		END;
		PERFORM pg_sleep(0.05 + random() * 0.2);
	END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@._archive_partition_patiently(regclass, timestamptz, timestamptz, integer) IS '_archive_partition(), tried so many times.';

CREATE FUNCTION @extschema@._archive_step(cutoff timestamp with time zone, max_rows bigint, attempts integer, OUT moved bigint, OUT more boolean)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
	log_default regclass := @extschema@._default_partition('@extschema@.campaign_state_log'::regclass);
	piece record;
BEGIN
	-- A partition that is old as a whole, unless the archive has some of its time already: those go by rows.
	SELECT p.part, p.lower_bound, p.upper_bound
	INTO piece
	FROM @extschema@._partitions('@extschema@.campaign_state_log'::regclass) AS p
	WHERE p.upper_bound <= cutoff
		AND NOT EXISTS (
			SELECT FROM @extschema@._partitions('@extschema@.campaign_state_log_archive'::regclass) AS a
			WHERE a.lower_bound < p.upper_bound AND a.upper_bound > p.lower_bound)
	ORDER BY p.lower_bound
	LIMIT 1;
	IF FOUND THEN
		moved := @extschema@._archive_partition_patiently(piece.part, piece.lower_bound, piece.upper_bound, attempts);
		more := true;
		RETURN;
	END IF;

	-- Whole months of which either default partition has rows: each gets its partition in the archive.
	SELECT r.month
	INTO piece
	FROM (
		SELECT l.month FROM @extschema@._months_of_rows(log_default, date_trunc('month', cutoff)) AS l (month)
		UNION
		SELECT a.month
		FROM @extschema@._months_of_rows(@extschema@._default_partition('@extschema@.campaign_state_log_archive'::regclass), date_trunc('month', cutoff)) AS a (month)) AS r
	WHERE NOT EXISTS (
			SELECT FROM @extschema@._partitions('@extschema@.campaign_state_log_archive'::regclass) AS a
			WHERE a.lower_bound < r.month + interval '1 month' AND a.upper_bound > r.month)
		AND NOT EXISTS (
			SELECT FROM @extschema@._partitions('@extschema@.campaign_state_log'::regclass) AS p
			WHERE p.lower_bound < r.month + interval '1 month' AND p.upper_bound > r.month)
	ORDER BY r.month
	LIMIT 1;
	IF FOUND THEN
		PERFORM @extschema@._follow_log_columns();
		moved := coalesce(@extschema@._make_month_patiently('@extschema@.campaign_state_log_archive'::regclass, piece.month, log_default, attempts), 0);
		more := true;
		RETURN;
	END IF;

	-- The rest by rows: the part of the month that the cut-off is in, late rows of archived months, rows before the year 1.
	FOR piece IN
		SELECT p.part FROM @extschema@._partitions('@extschema@.campaign_state_log'::regclass) AS p WHERE p.lower_bound < cutoff
		UNION ALL
		SELECT log_default WHERE log_default IS NOT NULL
	LOOP
		EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE created_at < $1)', piece.part) INTO more USING cutoff;
		IF more THEN
			PERFORM @extschema@._follow_log_columns();
			moved := @extschema@._move_log_rows(piece.part, '@extschema@.campaign_state_log_archive'::regclass, '-infinity'::timestamptz, cutoff, max_rows);
			RETURN;
		END IF;
	END LOOP;
	moved := 0;
	more := false;
END
$$;
COMMENT ON FUNCTION @extschema@._archive_step(timestamptz, bigint, integer, OUT bigint, OUT boolean) IS
	'One step of archiving what is older than the cut-off: a whole partition, or about max_rows rows. Returns the rows that left the log, and whether to call it again.';

CREATE FUNCTION @extschema@.archive_old_state_logs(older_than interval DEFAULT '1 year', as_of timestamp with time zone DEFAULT now()) RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	cutoff timestamptz := @extschema@._cutoff(older_than, as_of);
	archived bigint := 0;
	step record;
BEGIN
	IF NOT @extschema@._is_campaign_owner() THEN
		RETURN @extschema@._upkeep_as_owner('archive_old_state_logs', as_of, older_than, NULL::bigint);
	END IF;
	LOOP
		SELECT s.moved, s.more INTO step FROM @extschema@._archive_step(cutoff, NULL::bigint, 40) AS s;
		archived := archived + step.moved;
		EXIT WHEN NOT step.more;
	END LOOP;
	RAISE NOTICE 'Archived % old state log records', archived;
	RETURN archived;
END
$$;
COMMENT ON FUNCTION @extschema@.archive_old_state_logs(interval, timestamptz) IS
	'Moves log rows created before as_of minus older_than into campaign_state_log_archive: whole months by detaching and attaching their partition, which becomes campaign_state_log_archive_y2025m10 and so on, the part of the cut-off''s month by rows. Columns added to the log are added to the archive. May be stopped and repeated at any point. Returns the number of rows. Errors: 22004, 22008, 22023; 42804 when a column''s type differs; 55P03 when a long transaction uses the tables. Since 1.1.';

-- Removing what is old, in batches by an index, each starting where the one before ended: what it removed is still in the way while any old snapshot lives.

CREATE FUNCTION @extschema@._remove_executions(since timestamp with time zone, cutoff timestamp with time zone, max_rows bigint, OUT removed bigint, OUT reached timestamp with time zone)
	LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
	WITH gone AS (
		DELETE FROM @extschema@.timer_executions AS e
		WHERE e.status = 'COMPLETED' AND e.completed_at < cutoff
			AND e.id = ANY (ARRAY(
				SELECT x.id
				FROM @extschema@.timer_executions AS x
				WHERE x.status = 'COMPLETED' AND x.completed_at >= since AND x.completed_at < cutoff
				ORDER BY x.completed_at
				LIMIT max_rows))
		RETURNING e.completed_at)
	SELECT count(*), coalesce(max(g.completed_at), since) FROM gone AS g
$$;
COMMENT ON FUNCTION @extschema@._remove_executions(timestamptz, timestamptz, bigint, OUT bigint, OUT timestamptz) IS 'Removes up to max_rows completed executions, the oldest first.';

CREATE FUNCTION @extschema@._remove_timers(since timestamp with time zone, cutoff timestamp with time zone, max_rows bigint, OUT removed bigint, OUT reached timestamp with time zone)
	LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
	WITH gone AS (
		DELETE FROM @extschema@.campaign_timers AS t
		WHERE t.status IN ('COMPLETED', 'CANCELLED') AND t.updated_at < cutoff
			AND t.id = ANY (ARRAY(
				SELECT x.id
				FROM @extschema@.campaign_timers AS x
				WHERE x.status IN ('COMPLETED', 'CANCELLED') AND x.updated_at < cutoff AND x.scheduled_at >= since AND x.scheduled_at < cutoff
				ORDER BY x.scheduled_at
				LIMIT max_rows))
		RETURNING t.scheduled_at)
	SELECT count(*), coalesce(max(g.scheduled_at), since) FROM gone AS g
$$;
COMMENT ON FUNCTION @extschema@._remove_timers(timestamptz, timestamptz, bigint, OUT bigint, OUT timestamptz) IS
	'Removes up to max_rows timers, with their executions, that are COMPLETED or CANCELLED and were both due and last changed before the cut-off, the oldest first.';

CREATE FUNCTION @extschema@._remove_metrics(since timestamp with time zone, cutoff timestamp with time zone, max_rows bigint, OUT removed bigint, OUT reached timestamp with time zone)
	LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
	WITH gone AS (
		DELETE FROM @extschema@.campaign_metrics AS m
		WHERE m.recorded_at < cutoff
			AND m.id = ANY (ARRAY(
				SELECT x.id
				FROM @extschema@.campaign_metrics AS x
				WHERE x.recorded_at >= since AND x.recorded_at < cutoff
				ORDER BY x.recorded_at
				LIMIT max_rows))
		RETURNING m.recorded_at)
	SELECT count(*), coalesce(max(g.recorded_at), since) FROM gone AS g
$$;
COMMENT ON FUNCTION @extschema@._remove_metrics(timestamptz, timestamptz, bigint, OUT bigint, OUT timestamptz) IS 'Removes up to max_rows metrics, the oldest first.';

CREATE FUNCTION @extschema@.cleanup_timer_executions(older_than interval DEFAULT '6 months', as_of timestamp with time zone DEFAULT now(), max_rows bigint DEFAULT NULL) RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	cutoff timestamptz := @extschema@._cutoff(older_than, as_of);
	n bigint;
BEGIN
	IF NOT @extschema@._is_campaign_owner() THEN
		RETURN @extschema@._upkeep_as_owner('cleanup_timer_executions', as_of, older_than, max_rows);
	END IF;
	PERFORM @extschema@._check_max_rows(max_rows);
	IF max_rows IS NULL THEN
		DELETE FROM @extschema@.timer_executions AS e WHERE e.status = 'COMPLETED' AND e.completed_at < cutoff;
		GET DIAGNOSTICS n = ROW_COUNT;
	ELSE
		SELECT r.removed INTO n FROM @extschema@._remove_executions('-infinity'::timestamptz, cutoff, max_rows) AS r;
	END IF;
	RAISE NOTICE 'Cleaned up % old timer execution records', n;
	RETURN n;
END
$$;
COMMENT ON FUNCTION @extschema@.cleanup_timer_executions(interval, timestamptz, bigint) IS
	'Removes executions COMPLETED before as_of minus older_than, at most max_rows of them, the oldest first; NULL: all. The worker does this by itself in batches. Returns the number removed. Errors: 22004, 22008, 22023. Since 1.1.';

-- What pg_cron calls: by an owner of the tables that is one no more, or by a superuser who scheduled a job in his own name, as well.
CREATE FUNCTION @extschema@._cleanup_finished_timers(older_than interval, as_of timestamp with time zone DEFAULT now()) RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF NOT @extschema@._is_campaign_owner() THEN
		RETURN @extschema@._upkeep_as_owner('cleanup_finished_timers', as_of, older_than, NULL::bigint);
	END IF;
	RETURN (SELECT r.removed FROM @extschema@._remove_timers('-infinity'::timestamptz, @extschema@._cutoff(older_than, as_of), NULL::bigint) AS r);
END
$$;
COMMENT ON FUNCTION @extschema@._cleanup_finished_timers(interval, timestamptz) IS 'The job cleanup-finished-timers, for pg_cron.';

CREATE FUNCTION @extschema@._cleanup_metrics(older_than interval, as_of timestamp with time zone DEFAULT now()) RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF NOT @extschema@._is_campaign_owner() THEN
		RETURN @extschema@._upkeep_as_owner('cleanup_metrics', as_of, older_than, NULL::bigint);
	END IF;
	RETURN (SELECT r.removed FROM @extschema@._remove_metrics('-infinity'::timestamptz, @extschema@._cutoff(older_than, as_of), NULL::bigint) AS r);
END
$$;
COMMENT ON FUNCTION @extschema@._cleanup_metrics(interval, timestamptz) IS 'The job cleanup-metrics, for pg_cron.';

CREATE FUNCTION @extschema@._refresh_if_changed(view regclass) RETURNS boolean
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	populated boolean;
	changed boolean := true;
BEGIN
	IF NOT @extschema@._is_campaign_owner() THEN
		RETURN @extschema@._upkeep_as_owner('refresh_if_changed', NULL::timestamptz, NULL::interval, view::oid::bigint) > 0;
	END IF;
	SELECT c.relispopulated INTO populated FROM pg_class AS c WHERE c.oid = view AND c.relkind = 'm';
	IF populated IS NULL THEN
		RETURN false;
	END IF;
	IF populated THEN
		-- As its definition stands, which may be the user's. What it would hold is computed once.
		EXECUTE format('WITH wanted AS MATERIALIZED (%2$s)
				SELECT EXISTS ((TABLE wanted EXCEPT ALL TABLE %1$s) UNION ALL (TABLE %1$s EXCEPT ALL TABLE wanted))', view, rtrim(pg_get_viewdef(view), '; '))
			INTO changed;
	END IF;
	IF changed THEN
		-- CONCURRENTLY wants a temporary table and a unique index.
		EXECUTE format('REFRESH MATERIALIZED VIEW %s %s', CASE WHEN populated
				AND has_database_privilege(current_database(), 'TEMP')
				AND EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = view AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL)
			THEN 'CONCURRENTLY' ELSE '' END, view);
	END IF;
	RETURN changed;
END
$$;
COMMENT ON FUNCTION @extschema@._refresh_if_changed(regclass) IS
	'Refreshes a materialized view, without locking readers out, if it differs from what it would hold now; returns whether it did. Writes nothing otherwise.';

-- Schedules. Times are UTC, as for pg_cron.

CREATE FUNCTION @extschema@._cron_field(field text, lowest integer, highest integer, names text[]) RETURNS integer[]
	LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	item text;
	part text[];
	first_value integer;
	last_value integer;
	hits integer[] := '{}';
BEGIN
	FOREACH item IN ARRAY string_to_array(lower(field), ',') LOOP
		part := regexp_match(item, '^(?:(\*)|([a-z]{3}|\d{1,2})(?:-([a-z]{3}|\d{1,2}))?)(?:/(\d{1,4}))?$');
		IF part IS NULL OR part[4]::integer = 0 THEN
			RETURN NULL;
		END IF;
		first_value := CASE WHEN part[1] = '*' THEN lowest WHEN part[2] ~ '\d' THEN part[2]::integer ELSE array_position(names, part[2]) - 1 + lowest END;
		last_value := CASE WHEN part[1] = '*' THEN highest WHEN part[3] ~ '\d' THEN part[3]::integer
			WHEN part[3] IS NOT NULL THEN array_position(names, part[3]) - 1 + lowest
			-- 5/15 is 5-59/15
			WHEN part[4] IS NOT NULL THEN highest ELSE first_value END;
		IF first_value < lowest OR last_value > highest OR first_value > last_value OR first_value IS NULL OR last_value IS NULL THEN
			RETURN NULL;
		END IF;
		hits := hits || ARRAY(SELECT g.n FROM generate_series(first_value, last_value, coalesce(part[4]::integer, 1)) AS g (n));
	END LOOP;
	RETURN nullif(ARRAY(SELECT DISTINCT h.n FROM unnest(hits) AS h (n) ORDER BY h.n), '{}');
END
$$;
COMMENT ON FUNCTION @extschema@._cron_field(text, integer, integer, text[]) IS 'The numbers that one field of a cron schedule stands for, in order; NULL if it is none.';

CREATE FUNCTION @extschema@._next_cron_time(schedule text, after timestamp with time zone) RETURNS timestamp with time zone
	LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	field text[];
	minutes integer[];
	hours integer[];
	days integer[];
	months integer[];
	weekdays integer[];
	either boolean;
	on_day boolean;
	on_weekday boolean;
	start_at timestamp;
	day timestamp;
	h integer;
	m integer;
BEGIN
	PERFORM @extschema@._check_given('schedule', schedule IS NOT NULL);
	PERFORM @extschema@._check_as_of(after);
	field := regexp_split_to_array(CASE lower(btrim(schedule, E' \t'))
			WHEN '@hourly' THEN '0 * * * *' WHEN '@daily' THEN '0 0 * * *' WHEN '@midnight' THEN '0 0 * * *' WHEN '@weekly' THEN '0 0 * * 0'
			WHEN '@monthly' THEN '0 0 1 * *' WHEN '@yearly' THEN '0 0 1 1 *' WHEN '@annually' THEN '0 0 1 1 *'
			ELSE btrim(schedule, E' \t') END, '[ \t]+');
	IF cardinality(field) = 5 THEN
		minutes := @extschema@._cron_field(field[1], 0, 59, '{}'::text[]);
		hours := @extschema@._cron_field(field[2], 0, 23, '{}'::text[]);
		days := @extschema@._cron_field(field[3], 1, 31, '{}'::text[]);
		months := @extschema@._cron_field(field[4], 1, 12, '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}'::text[]);
		weekdays := @extschema@._cron_field(field[5], 0, 7, '{sun,mon,tue,wed,thu,fri,sat}'::text[]);
	END IF;
	IF minutes IS NULL OR hours IS NULL OR days IS NULL OR months IS NULL OR weekdays IS NULL THEN
		RAISE EXCEPTION 'invalid cron schedule: "%"', left(schedule, 100)
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Five fields: minute, hour, day of month, month, day of week (0 or 7 is Sunday), each *, a number, a range 1-5, a step */15, or a list of these, in UTC; or @hourly, @daily, @weekly, @monthly, @yearly.';
	END IF;
	-- cron's rule: where both kinds of day are restricted, either will do.
	either := left(field[3], 1) <> '*' AND left(field[5], 1) <> '*';

	start_at := date_trunc('minute', after AT TIME ZONE 'UTC') + interval '1 minute';
	day := date_trunc('day', start_at);
	-- A 29th of February on a given weekday may be 40 years away.
	WHILE day < start_at + interval '41 years' LOOP
		IF NOT EXTRACT(month FROM day)::integer = ANY (months) THEN
			day := date_trunc('month', day) + interval '1 month';
			CONTINUE;
		END IF;
		on_day := EXTRACT(day FROM day)::integer = ANY (days);
		on_weekday := EXTRACT(dow FROM day)::integer = ANY (weekdays) OR EXTRACT(isodow FROM day)::integer = ANY (weekdays);
		IF (on_day AND on_weekday) OR (either AND (on_day OR on_weekday)) THEN
			FOREACH h IN ARRAY hours LOOP
				CONTINUE WHEN day + make_interval(hours => h + 1) <= start_at;
				FOREACH m IN ARRAY minutes LOOP
					IF day + make_interval(hours => h, mins => m) >= start_at THEN
						RETURN (day + make_interval(hours => h, mins => m)) AT TIME ZONE 'UTC';
					END IF;
				END LOOP;
			END LOOP;
		END IF;
		day := day + interval '1 day';
	END LOOP;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@._next_cron_time(text, timestamptz) IS
	'The first time after the given one at which a cron schedule fires, in UTC; NULL if it never does. Raises 22023 for what is no schedule.';

-- The worker's part.

CREATE FUNCTION @extschema@._retry_upkeep_at(failures integer, last_run timestamp with time zone, as_of timestamp with time zone) RETURNS timestamp with time zone
	LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT least(coalesce(last_run, as_of), as_of) + least(interval '10 seconds' * power(2, least(failures, 20) - 1), interval '1 hour')
$$;
COMMENT ON FUNCTION @extschema@._retry_upkeep_at(integer, timestamptz, timestamptz) IS 'When a job that has failed is tried again: after 10 seconds, doubled with each failure, at most an hour.';

CREATE FUNCTION @extschema@._due_upkeep(as_of timestamp with time zone, since timestamp with time zone, OUT jobs text[], OUT next_at timestamp with time zone)
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	job record;
	at timestamptz;
	later timestamptz;
BEGIN
	-- What the worker passes: since is the as_of of its last complete round, which it keeps in memory, NULL or -infinity at first. A round is this call, then for each
	-- of jobs, in order, _run_upkeep_step(job, as_of) in a transaction of its own until it returns false or fails, then _upkeep_failed() if it failed.
	-- The next round is at next_at (NULL: none is planned; look again after naptime).
	IF to_regclass('@extschema@.campaign_maintenance_jobs') IS NULL THEN
		RETURN;
	END IF;
	since := nullif(since, '-infinity');
	FOR job IN
		SELECT j.job, j.schedule, j.months_ahead, j.last_run, j.last_outcome, j.failures
		FROM @extschema@.campaign_maintenance_jobs AS j
		WHERE j.enabled AND j.cron_database IS DISTINCT FROM (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
		-- Months first, then the short ones.
		ORDER BY array_position(ARRAY['create-monthly-partitions', 'refresh-pending-timers', 'refresh-active-campaigns', 'archive-state-logs'], j.job), j.job
	LOOP
		BEGIN
			later := @extschema@._next_cron_time(job.schedule, as_of);
			at := CASE
				WHEN job.failures > 0 THEN NULL
				WHEN job.last_outcome = 'running' THEN as_of
				WHEN job.last_run IS NULL AND since IS NULL THEN as_of
				ELSE @extschema@._next_cron_time(job.schedule, least(greatest(job.last_run, since), as_of)) END;
			IF job.job = 'create-monthly-partitions' AND job.failures = 0 THEN
				IF at > as_of AND EXISTS (SELECT FROM @extschema@._missing_log_months(job.months_ahead, as_of)) THEN
					at := as_of;
				END IF;
				later := least(later, as_of + interval '1 hour');
			END IF;
		EXCEPTION WHEN invalid_parameter_value THEN
			-- No schedule: running it will say so.
			later := NULL;
			at := as_of;
		END;
		IF job.failures > 0 THEN
			at := @extschema@._retry_upkeep_at(job.failures, job.last_run, as_of);
		END IF;
		IF at <= as_of THEN
			jobs := jobs || job.job::text;
			next_at := least(next_at, later);
		ELSE
			next_at := least(next_at, at);
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@._due_upkeep(timestamptz, timestamptz, OUT text[], OUT timestamptz) IS
	'Which jobs are due at as_of (NULL: none), and when to ask again. since: as_of of the last complete round, NULL for none; times missed before it are not caught up, those missed while no worker ran are, once. Reads only.';

CREATE FUNCTION @extschema@._run_upkeep_step(job text, as_of timestamp with time zone) RETURNS boolean
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	row record;
	began timestamptz := clock_timestamp();
	batch bigint := 5000;
	month timestamptz;
	done bigint := 0;
	reached timestamptz;
	cutoff timestamptz;
	more boolean := false;
BEGIN
	SELECT j.* INTO row FROM @extschema@.campaign_maintenance_jobs AS j WHERE j.job = $1 AND j.enabled;
	-- A lock that writes nothing: whoever else is at this job does it.
	IF NOT FOUND OR NOT pg_try_advisory_xact_lock(hashtextextended('campaign_lifecycle upkeep ' || $1, '@extschema@.campaign_maintenance_jobs'::regclass::bigint)) THEN
		RETURN false;
	END IF;
	PERFORM @extschema@._next_cron_time(row.schedule, as_of);
	reached := CASE WHEN row.last_outcome = 'running' THEN row.reached END;

	IF $1 = 'create-monthly-partitions' THEN
		SELECT m.month INTO month FROM @extschema@._missing_log_months(row.months_ahead, as_of) AS m (month) LIMIT 1;
		IF FOUND THEN
			done := (@extschema@._make_month('@extschema@.campaign_state_log'::regclass, month, NULL::regclass) IS NOT NULL)::integer;
			more := EXISTS (SELECT FROM @extschema@._missing_log_months(row.months_ahead, as_of));
		END IF;
	ELSIF $1 = 'refresh-active-campaigns' THEN
		done := @extschema@._refresh_if_changed(to_regclass('@extschema@.mv_active_campaigns'))::integer;
	ELSIF $1 = 'refresh-pending-timers' THEN
		done := @extschema@._refresh_if_changed(to_regclass('@extschema@.mv_pending_timers'))::integer;
	ELSE
		cutoff := @extschema@._cutoff(row.retention, as_of);
		reached := coalesce(reached, '-infinity');
		IF $1 = 'archive-state-logs' THEN
			SELECT s.moved, s.more INTO done, more FROM @extschema@._archive_step(cutoff, batch, 1) AS s;
		ELSIF $1 = 'cleanup-timer-executions' THEN
			SELECT r.removed, r.reached INTO done, reached FROM @extschema@._remove_executions(reached, cutoff, batch) AS r;
			more := done >= batch;
		ELSIF $1 = 'cleanup-finished-timers' THEN
			SELECT r.removed, r.reached INTO done, reached FROM @extschema@._remove_timers(reached, cutoff, batch) AS r;
			more := done >= batch;
		ELSIF $1 = 'cleanup-metrics' THEN
			SELECT r.removed, r.reached INTO done, reached FROM @extschema@._remove_metrics(reached, cutoff, batch) AS r;
			more := done >= batch;
		END IF;
	END IF;

	-- A run that found nothing to do is written down once a day, for an idle database writes nothing.
	IF more OR done > 0 OR row.last_outcome IS DISTINCT FROM 'ok' OR row.last_run < as_of - interval '1 day' THEN
		UPDATE @extschema@.campaign_maintenance_jobs AS j
		SET last_run = as_of,
			last_outcome = CASE WHEN more THEN 'running' ELSE 'ok' END,
			last_error = NULL,
			last_count = done + CASE WHEN row.last_outcome = 'running' THEN j.last_count ELSE 0 END,
			last_duration = (clock_timestamp() - began) + CASE WHEN row.last_outcome = 'running' THEN j.last_duration ELSE interval '0' END,
			reached = CASE WHEN more THEN reached END,
			failures = 0
		WHERE j.job = $1;
	END IF;
	RETURN more;
END
$$;
COMMENT ON FUNCTION @extschema@._run_upkeep_step(text, timestamptz) IS
	'One step of a job: a month, a batch of rows, a refresh. Returns whether to call it again at once. Writes nothing when there is nothing to do, but for once a day.';

CREATE FUNCTION @extschema@._upkeep_failed(job text, as_of timestamp with time zone, sqlstate text, message text) RETURNS void
	LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
	UPDATE @extschema@.campaign_maintenance_jobs AS j
	SET last_run = $2, last_outcome = 'failed', last_error = left($3 || ': ' || $4, 8000), failures = j.failures + 1, reached = NULL
	WHERE j.job = $1
$$;
COMMENT ON FUNCTION @extschema@._upkeep_failed(text, timestamptz, text, text) IS 'Records that a step has failed; the job is tried again after 10 seconds, doubled with each failure, at most an hour.';

-- pg_cron instead of the worker. It lives in one database of the server; its jobs run as the role that owns the tables.

-- Every argument with its type: an overload that somebody has put into the schema fits none of these calls as well as ours do.
CREATE FUNCTION @extschema@._maintenance_commands() RETURNS TABLE (job text, schedule text, command text)
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT j.job, j.schedule, 'SELECT ' || regexp_replace('@extschema@.'::text, '^pg_catalog\.', '') || CASE j.job
			WHEN 'create-monthly-partitions' THEN format('create_monthly_partitions(%s, pg_catalog.now())', j.months_ahead)
			WHEN 'refresh-active-campaigns' THEN format('_refresh_if_changed(%L::pg_catalog.regclass)', '@extschema@.mv_active_campaigns')
			WHEN 'refresh-pending-timers' THEN format('_refresh_if_changed(%L::pg_catalog.regclass)', '@extschema@.mv_pending_timers')
			WHEN 'archive-state-logs' THEN format('archive_old_state_logs(%L::pg_catalog.interval, pg_catalog.now())', j.retention)
			WHEN 'cleanup-timer-executions' THEN format('cleanup_timer_executions(%L::pg_catalog.interval, pg_catalog.now(), NULL::pg_catalog.int8)', j.retention)
			WHEN 'cleanup-finished-timers' THEN format('_cleanup_finished_timers(%L::pg_catalog.interval, pg_catalog.now())', j.retention)
			WHEN 'cleanup-metrics' THEN format('_cleanup_metrics(%L::pg_catalog.interval, pg_catalog.now())', j.retention) END || ';'
	FROM @extschema@.campaign_maintenance_jobs AS j
	WHERE j.enabled
	ORDER BY j.job
$$;
COMMENT ON FUNCTION @extschema@._maintenance_commands() IS 'The enabled jobs as pg_cron runs them.';

CREATE FUNCTION @extschema@._maintenance_as_owner(OUT job text, OUT schedule text, OUT command text) RETURNS SETOF record
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_maintenance_as_owner';
COMMENT ON FUNCTION @extschema@._maintenance_as_owner() IS '_maintenance_commands() with the rights of the tables'' owner. Errors: 42501 for who has not these rights.';

CREATE FUNCTION @extschema@._set_cron_database(cron_database oid) RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	n bigint;
BEGIN
	UPDATE @extschema@.campaign_maintenance_jobs AS j SET cron_database = cron_database WHERE j.cron_database IS DISTINCT FROM cron_database;
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN n;
END
$$;
COMMENT ON FUNCTION @extschema@._set_cron_database(oid) IS 'Writes down whose pg_cron runs the jobs, NULL: the worker does. Returns how many jobs that changes.';

-- pg_cron's tables are written as whoever calls, the campaign tables are read and written as their owner: neither gets the other's rights. The names are
-- written out, since what the table holds is its owner's to say.
CREATE FUNCTION @extschema@._unschedule_jobs() RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	n bigint;
BEGIN
	-- By number: a name is looked up among the jobs of the current user only.
	EXECUTE 'SELECT count(cron.unschedule(c.jobid)) FROM cron.job AS c
		WHERE c.database = current_database() AND c.jobname IN (''create-monthly-partitions'', ''refresh-active-campaigns'', ''refresh-pending-timers'',
				''archive-state-logs'', ''cleanup-timer-executions'', ''cleanup-finished-timers'', ''cleanup-metrics'')
			AND c.username IN (current_user, pg_get_userbyid((SELECT t.relowner FROM pg_class AS t WHERE t.oid = ''@extschema@.campaign_timers''::regclass)))'
		INTO n;
	RETURN n;
END
$$;
COMMENT ON FUNCTION @extschema@._unschedule_jobs() IS 'Removes this database''s jobs from pg_cron; returns how many there were.';

CREATE FUNCTION @extschema@.schedule_maintenance() RETURNS boolean
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	home text := current_setting('cron.database_name', true);
	here constant boolean := EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron');
	owner record;
	job record;
BEGIN
	IF NOT here AND home IS NULL THEN
		RAISE NOTICE 'pg_cron is not loaded on this server: the worker goes on doing the upkeep'
			USING HINT = 'To use it, add pg_cron to shared_preload_libraries, restart, and CREATE EXTENSION pg_cron in the database that cron.database_name names.';
		RETURN false;
	ELSIF NOT here AND home = current_database() THEN
		RAISE NOTICE 'the extension pg_cron is not installed in this database: the worker goes on doing the upkeep'
			USING HINT = 'CREATE EXTENSION pg_cron; and call schedule_maintenance() again.';
		RETURN false;
	END IF;

	SELECT r.rolname AS name, r.rolcanlogin AS can_login
	INTO owner
	FROM pg_class AS c JOIN pg_roles AS r ON r.oid = c.relowner
	WHERE c.oid = '@extschema@.campaign_timers'::regclass;
	IF NOT owner.can_login THEN
		RAISE EXCEPTION 'pg_cron cannot run jobs as role %, which owns the campaign tables and may not log in', quote_ident(owner.name)
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Leave the upkeep to the worker, or ALTER ROLE ... LOGIN.';
	END IF;
	IF NOT here THEN
		RAISE NOTICE 'pg_cron works in database %: the worker goes on doing the upkeep of this one', quote_ident(home)
			USING HINT = format(E'To hand it over, run in database %I:\n%s\nand in this one, as %I:\nUPDATE %s SET enabled = false;', home,
				(SELECT string_agg(format('SELECT cron.schedule_in_database(%L, %L, %L, %L, %L);', c.job || '-' || current_database(), c.schedule, c.command,
						current_database(), owner.name), E'\n')
					FROM @extschema@._maintenance_as_owner() AS c),
				owner.name, '@extschema@.campaign_maintenance_jobs');
		RETURN false;
	END IF;
	PERFORM @extschema@._unschedule_jobs();
	FOR job IN SELECT c.job, c.schedule, c.command FROM @extschema@._maintenance_as_owner() AS c LOOP
		IF owner.name = current_user THEN
			EXECUTE 'SELECT cron.schedule($1, $2, $3)' USING job.job, job.schedule, job.command;
		ELSE
			EXECUTE 'SELECT cron.schedule_in_database($1, $2, $3, $4, $5)' USING job.job, job.schedule, job.command, current_database()::text, owner.name::text;
		END IF;
	END LOOP;
	PERFORM @extschema@._upkeep_as_owner('set_cron_database', NULL::timestamptz, NULL::interval,
		(SELECT d.oid::bigint FROM pg_database AS d WHERE d.datname = current_database()));
	RETURN true;
END
$$;
COMMENT ON FUNCTION @extschema@.schedule_maintenance() IS
	'Hands the upkeep to pg_cron: in its own database schedules the enabled rows of campaign_maintenance_jobs under their names, as the owner of the tables, and the worker leaves them alone; call it again after editing the table, and after set_campaign_owner(). Elsewhere returns false and says in a hint what to call where; the worker goes on. Returns true if scheduled. Reads and writes the table as its owner, pg_cron''s as the caller. Errors: 42501, 55000 when the owner of the tables may not log in; those of pg_cron. Since 1.1.';

CREATE FUNCTION @extschema@.unschedule_maintenance() RETURNS boolean
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	removed bigint := 0;
	taken bigint;
BEGIN
	IF EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron') THEN
		removed := @extschema@._unschedule_jobs();
	END IF;
	taken := @extschema@._upkeep_as_owner('set_cron_database', NULL::timestamptz, NULL::interval, NULL::bigint);
	RETURN removed > 0 OR taken > 0;
END
$$;
COMMENT ON FUNCTION @extschema@.unschedule_maintenance() IS
	'Takes the upkeep back from pg_cron: removes this database''s jobs there, and the worker does them again. Returns whether there was anything to take back. Reads and writes the table as its owner, pg_cron''s as the caller. Errors: 42501. Since 1.1.';
-- The specification's batched backfill, for any table: each batch a transaction of its own with its progress in it, so that a run that was stopped, by an
-- error or a crash, goes on where it was and meets no row twice.
--
-- Which rows: every row that is there when the run begins, once; it is written if its value differs from what value_expression says of it, to the last bit.
-- (The specification asked for rows whose value is NULL, and there are none once the column has a default.) Rows written meanwhile are met as they then are.
--
-- How: along a unique key, from its first value to the last there was. A table without one is walked by blocks. A row that is updated meanwhile can cross
-- that walk, so it is repeated until one look at the whole table finds no row that differs; which needs an expression that leaves a filled row alone.
--
-- backfill_column() commits, so it can have no SET clause, and runs the caller's own text under the caller's search_path: every name and operator in it is
-- qualified. All else is in functions that have theirs. Nothing of it runs with other rights than the caller's; no text of campaign_backfills is ever run.

CREATE FUNCTION @extschema@._in_transaction_block() RETURNS boolean
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_in_transaction_block';
COMMENT ON FUNCTION @extschema@._in_transaction_block() IS 'Whether BEGIN, or several statements sent as one, have begun a transaction that nobody but the client may end.';

CREATE FUNCTION @extschema@._backfill_lock(relation text, column_name name) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	key constant bigint := hashtextextended('campaign_lifecycle backfill ' || relation || ' ' || column_name, 0);
BEGIN
	-- Of the transaction, taken again in each: nothing is left behind by an error, whatever pool the session belongs to.
	IF NOT pg_try_advisory_xact_lock(key) THEN
		RAISE EXCEPTION 'a backfill of %.% is running', relation, quote_ident(column_name)
			USING ERRCODE = 'object_in_use',
				HINT = (SELECT format('Process %s runs it; backfill_progress shows how far it is.', string_agg(l.pid::text, ', '))
					FROM pg_locks AS l
					WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND (l.classid::bigint << 32 | l.objid::bigint) = key);
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._backfill_lock(text, name) IS 'Raises 55006 where another transaction is at this backfill.';

CREATE FUNCTION @extschema@._backfill_parts(table_name regclass, column_name name,
		OUT part regclass, OUT part_name text, OUT target text, OUT target_name text, OUT key_columns text, OUT keys text[], OUT types text[], OUT operator_schema text)
		RETURNS SETOF record
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	WITH RECURSIVE tree (oid) AS (
		SELECT $1::oid
		UNION
		SELECT i.inhrelid FROM tree AS t JOIN pg_inherits AS i ON i.inhparent = t.oid),
	keyed AS (
		SELECT c.oid, c.relkind, format('%I.%I', n.nspname, c.relname) AS name, quote_ident(c.relname) AS short_name, k.*
		FROM tree AS t
		JOIN pg_class AS c ON c.oid = t.oid
		JOIN pg_namespace AS n ON n.oid = c.relnamespace
		-- A key that orders rows by the default order of their types, and does not hold the column that changes.
		LEFT JOIN LATERAL (
			SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY p.place) AS key_columns,
				array_agg(quote_ident(a.attname) ORDER BY p.place) AS keys,
				array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY p.place) AS types,
				min(quote_ident(s.nspname)) AS operator_schema
			FROM pg_index AS x
			CROSS JOIN LATERAL unnest(x.indkey::smallint[], x.indclass::oid[], x.indcollation::oid[], x.indoption::smallint[])
				WITH ORDINALITY AS p (attnum, opclass, collation_, option, place)
			JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = p.attnum AND p.place <= x.indnkeyatts
			JOIN pg_opclass AS o ON o.oid = p.opclass
			JOIN pg_amop AS m ON m.amopfamily = o.opcfamily AND m.amoplefttype = o.opcintype AND m.amoprighttype = o.opcintype AND m.amopstrategy = 5
			JOIN pg_operator AS g ON g.oid = m.amopopr
			JOIN pg_namespace AS s ON s.oid = g.oprnamespace
			WHERE x.indrelid = c.oid AND x.indisunique AND x.indimmediate AND x.indisvalid AND x.indpred IS NULL AND x.indexprs IS NULL
				AND NOT EXISTS (SELECT FROM pg_attribute AS f WHERE f.attrelid = c.oid AND f.attname = $2 AND f.attnum = ANY (x.indkey::smallint[]))
			GROUP BY x.indexrelid, x.indisprimary, x.indnkeyatts
			HAVING count(*) = x.indnkeyatts AND bool_and(a.attnotnull AND o.opcdefault AND p.option = 0 AND p.collation_ = a.attcollation AND g.oprname = '>')
				AND count(DISTINCT s.oid) = 1
			ORDER BY x.indisprimary DESC, x.indnkeyatts, x.indexrelid
			LIMIT 1) AS k ON true)
	-- A partitioned table with a key is walked as one; otherwise each table of the tree by itself.
	SELECT k.oid::regclass, k.name, CASE WHEN k.relkind = 'p' THEN k.name ELSE 'ONLY ' || k.name END, k.short_name, k.key_columns, k.keys, k.types, k.operator_schema
	FROM keyed AS k
	WHERE CASE WHEN (SELECT r.relkind = 'p' AND r.keys IS NOT NULL FROM keyed AS r WHERE r.oid = $1) THEN k.oid = $1 ELSE k.relkind <> 'p' END
	ORDER BY k.name COLLATE "C"
$$;
COMMENT ON FUNCTION @extschema@._backfill_parts(regclass, name) IS
	'What a backfill walks: the table, or its partitions and children, each with the key it can be walked by (NULL: by blocks), ready for SQL text.';

CREATE FUNCTION @extschema@._backfill_check(table_name regclass, column_name name, value_expression text, batch_size integer, pause interval) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	target record;
	attribute record;
	odd text;
BEGIN
	PERFORM @extschema@._check_given('table_name', table_name IS NOT NULL);
	PERFORM @extschema@._check_given('column_name', column_name IS NOT NULL);
	PERFORM @extschema@._check_given('value_expression', value_expression IS NOT NULL);
	PERFORM @extschema@._check_given('batch_size', batch_size IS NOT NULL);
	PERFORM @extschema@._check_given('pause', pause IS NOT NULL);
	IF batch_size NOT BETWEEN 1 AND 1000000 THEN
		RAISE EXCEPTION 'batch_size out of range: %', batch_size
			USING ERRCODE = 'invalid_parameter_value', HINT = 'From 1 to 1000000 rows; 1000 keeps each transaction short.';
	END IF;
	IF pause < interval '0' OR pause > interval '1 hour' THEN
		RAISE EXCEPTION 'pause out of range: %', pause
			USING ERRCODE = 'invalid_parameter_value', HINT = 'From no time to 1 hour between two batches.';
	END IF;
	IF to_regclass('@extschema@.campaign_backfills') IS NULL THEN
		RAISE EXCEPTION 'table campaign_backfills is missing'
			USING ERRCODE = 'undefined_table', HINT = 'upgrade_campaign_tables() makes what tables of an older version lack.';
	END IF;
	-- What others have attached to campaign_backfills runs as whoever writes it.
	IF (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) AND NOT (
			SELECT r.rolsuper FROM pg_class AS c JOIN pg_roles AS r ON r.oid = c.relowner WHERE c.oid = '@extschema@.campaign_backfills'::regclass) THEN
		RAISE EXCEPTION 'a superuser cannot run a backfill while campaign_backfills belongs to a plain role'
			USING ERRCODE = 'insufficient_privilege', HINT = 'Log in as a role that may update the table and has access as an operator: grant_campaign_access(role, ''operator'').';
	END IF;
	SELECT c.relkind, format('%I.%I', n.nspname, c.relname) AS name
	INTO target
	FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
	WHERE c.oid = table_name;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'table not found: %', table_name
			USING ERRCODE = 'undefined_table', HINT = 'Give its name, with the schema where it is not in the search_path.';
	END IF;
	IF target.relkind NOT IN ('r', 'p') THEN
		RAISE EXCEPTION '% is not a table', target.name
			USING ERRCODE = 'wrong_object_type', HINT = 'A backfill updates an ordinary or a partitioned table.';
	END IF;
	SELECT p.part_name INTO odd FROM @extschema@._backfill_parts(table_name, column_name) AS p JOIN pg_class AS c ON c.oid = p.part WHERE c.relkind NOT IN ('r', 'p') LIMIT 1;
	IF odd IS NOT NULL THEN
		RAISE EXCEPTION 'a part of % is a foreign table: %', target.name, odd
			USING ERRCODE = 'wrong_object_type', HINT = 'Backfill it where it is.';
	END IF;
	SELECT a.attnum, a.attgenerated, a.attidentity
	INTO attribute
	FROM pg_attribute AS a
	WHERE a.attrelid = table_name AND a.attname = column_name AND NOT a.attisdropped;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'table % has no column %', target.name, quote_ident(column_name)
			USING ERRCODE = 'undefined_column', HINT = format('Columns are %s.',
				(SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute AS a WHERE a.attrelid = table_name AND a.attnum > 0 AND NOT a.attisdropped));
	END IF;
	IF attribute.attnum < 0 THEN
		RAISE EXCEPTION '% is a system column', quote_ident(column_name)
			USING ERRCODE = 'invalid_column_reference', HINT = 'Only columns of the table''s own can be written.';
	END IF;
	IF attribute.attgenerated <> '' OR attribute.attidentity = 'a' THEN
		RAISE EXCEPTION 'column % of % is generated', quote_ident(column_name), target.name
			USING ERRCODE = 'generated_always', HINT = 'The server fills it in by itself.';
	END IF;
	IF @extschema@._in_transaction_block() THEN
		RAISE EXCEPTION 'backfill_column() cannot run in a transaction block, since it commits each batch'
			USING ERRCODE = 'active_sql_transaction', HINT = 'CALL it as a statement of its own, outside BEGIN ... COMMIT, with autocommit on.';
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._backfill_check(regclass, name, text, integer, interval) IS
	'Raises what is wrong with the arguments of backfill_column(), its expression apart: 22004, 22023, 25001, 42501, 428C9, 42703, 42809, 42P01, 42P10.';

CREATE FUNCTION @extschema@._backfill_trial(table_name regclass, column_name name, value_expression text) RETURNS text
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF value_expression !~ '\S' THEN
		RAISE EXCEPTION 'value_expression is empty'
			USING ERRCODE = 'syntax_error', HINT = 'An SQL expression over the columns of a row, for instance ''true'' or ''lower(name)''.';
	END IF;
	RETURN (SELECT format(E'EXPLAIN UPDATE %s SET %I = (%s\n) WHERE ROW(%s.%I)::pg_catalog.record OPERATOR(pg_catalog.*<>) ROW((%s\n)::%s)::pg_catalog.record',
			p.target, column_name, value_expression, p.target_name, column_name, value_expression, format_type(a.atttypid, a.atttypmod))
		FROM @extschema@._backfill_parts(table_name, column_name) AS p
		JOIN pg_attribute AS a ON a.attrelid = p.part AND a.attname = column_name
		ORDER BY p.part_name COLLATE "C"
		LIMIT 1);
END
$$;
COMMENT ON FUNCTION @extschema@._backfill_trial(regclass, name, text) IS 'A statement that fails as the backfill would, by syntax, names, types or privileges, and does nothing.';

-- Under the caller's search_path, as the backfill itself: hence no SET clause, and everything qualified.
CREATE FUNCTION @extschema@._backfill_try(trial text) RETURNS void
	LANGUAGE plpgsql AS $$
DECLARE
	problem pg_catalog.text;
	detail pg_catalog.text;
	hint pg_catalog.text;
	state pg_catalog.text;
BEGIN
	EXECUTE trial;
EXCEPTION
	WHEN insufficient_privilege OR query_canceled OR lock_not_available THEN
		RAISE;
	WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, state = RETURNED_SQLSTATE;
		hint := pg_catalog.ltrim(pg_catalog.concat(hint, ' It is an SQL expression over the columns of a row that gives a value of the column''s type, for instance ''true'' or ''lower(name)''. Nothing was changed.'));
		IF pg_catalog.length(detail) OPERATOR(pg_catalog.>) 0 THEN
			RAISE EXCEPTION 'value_expression does not work: %', problem USING ERRCODE = state, DETAIL = detail, HINT = hint;
		END IF;
		RAISE EXCEPTION 'value_expression does not work: %', problem USING ERRCODE = state, HINT = hint;
END
$$;
COMMENT ON FUNCTION @extschema@._backfill_try(text) IS 'Tries a statement under the caller''s search_path and says of its error that it is the expression''s.';

CREATE FUNCTION @extschema@._backfill_start(table_name regclass, column_name name, value_expression text) RETURNS uuid
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	relation text := (SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = table_name);
	run uuid := gen_random_uuid();
	earlier record;
BEGIN
	PERFORM @extschema@._backfill_lock(relation, column_name);
	SELECT b.* INTO earlier FROM @extschema@.campaign_backfills AS b WHERE b.relation = relation AND b.column_name = column_name FOR UPDATE;
	IF earlier.relation IS NOT NULL AND earlier.finished_at IS NULL AND earlier.value_expression = value_expression THEN
		UPDATE @extschema@.campaign_backfills AS b
		SET run = run, run_by = current_user, updated_at = clock_timestamp()
		WHERE b.relation = relation AND b.column_name = column_name;
		RAISE NOTICE 'backfill of %.% goes on: % rows seen, % changed so far', relation, quote_ident(column_name), earlier.rows_seen, earlier.rows_changed;
		RETURN run;
	END IF;
	IF earlier.finished_at IS NULL AND earlier.value_expression <> value_expression THEN
		RAISE NOTICE 'backfill of %.% begins anew: an unfinished run had another value_expression', relation, quote_ident(column_name);
	END IF;
	INSERT INTO @extschema@.campaign_backfills AS b (relation, column_name, value_expression, run, run_by, started_at, updated_at, estimated_rows)
	VALUES (relation, column_name, value_expression, run, current_user, clock_timestamp(), clock_timestamp(),
		(SELECT CASE WHEN min(c.reltuples) >= 0 THEN sum(c.reltuples) END
			FROM pg_class AS c
			WHERE c.relkind = 'r' AND c.oid IN (
				WITH RECURSIVE tree (oid) AS (SELECT table_name::oid UNION SELECT i.inhrelid FROM tree AS t JOIN pg_inherits AS i ON i.inhparent = t.oid)
				SELECT t.oid FROM tree AS t)))
	ON CONFLICT ON CONSTRAINT campaign_backfills_pkey DO UPDATE
	SET value_expression = excluded.value_expression, run = excluded.run, run_by = excluded.run_by, started_at = excluded.started_at,
		updated_at = excluded.updated_at, finished_at = NULL, estimated_rows = excluded.estimated_rows, rows_seen = 0, rows_changed = 0, batches = 0,
		part = NULL, key_columns = NULL, reached = NULL, up_to = NULL, pass = 1;
	RETURN run;
END
$$;
COMMENT ON FUNCTION @extschema@._backfill_start(regclass, name, text) IS 'Begins a run, or takes up the unfinished one of the same expression; its id.';

CREATE FUNCTION @extschema@._backfill_next(run uuid, table_name regclass, value_expression text, batch_size integer,
		OUT statement text, OUT verifies boolean, OUT part text, OUT key_columns text, OUT reached text[], OUT up_to text[], OUT pass integer, OUT seen bigint)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres' SET extra_float_digits = 1
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off AS $$
#variable_conflict use_variable
DECLARE
	progress record;
	p record;
	selection text;       -- the key columns as texts
	place text;           -- the row's key
	last_block bigint;
	blocks bigint;
	differs text;
	within text;
BEGIN
	SELECT b.* INTO progress FROM @extschema@.campaign_backfills AS b WHERE b.run = run;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'another call has taken over this backfill'
			USING ERRCODE = 'object_in_use', HINT = 'backfill_progress shows it; call again when it has stopped.';
	END IF;
	PERFORM @extschema@._backfill_lock(progress.relation, progress.column_name);
	SELECT b.* INTO progress FROM @extschema@.campaign_backfills AS b WHERE b.run = run FOR UPDATE;
	reached := progress.reached;
	up_to := progress.up_to;
	pass := progress.pass;
	IF NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = table_name AND a.attname = progress.column_name AND NOT a.attisdropped) THEN
		RAISE EXCEPTION 'column %.% is no longer there', progress.relation, quote_ident(progress.column_name)
			USING ERRCODE = 'undefined_column', HINT = 'It was dropped or renamed while its backfill ran.';
	END IF;

	FOR p IN
		SELECT q.*, format_type(a.atttypid, a.atttypmod) AS column_type
		FROM @extschema@._backfill_parts(table_name, progress.column_name) AS q
		JOIN pg_attribute AS a ON a.attrelid = q.part AND a.attname = progress.column_name
		WHERE progress.part IS NULL OR q.part_name COLLATE "C" >= progress.part
		ORDER BY q.part_name COLLATE "C"
	LOOP
		IF p.part_name = progress.part THEN
			IF p.key_columns IS DISTINCT FROM progress.key_columns THEN
				RAISE EXCEPTION 'the key of % has changed since this backfill began', p.part_name
					USING ERRCODE = 'object_not_in_prerequisite_state',
						HINT = format('To begin anew: DELETE FROM %s WHERE relation = %L AND column_name = %L;', '@extschema@.campaign_backfills'::regclass, progress.relation, progress.column_name);
			END IF;
		ELSE
			reached := NULL;
			up_to := NULL;
			pass := 1;
		END IF;
		part := p.part_name;
		key_columns := p.key_columns;
		differs := format(E'ROW(%1$s.%2$I)::pg_catalog.record OPERATOR(pg_catalog.*<>) ROW((%3$s\n)::%4$s)::pg_catalog.record',
			p.target_name, progress.column_name, value_expression, p.column_type);

		IF p.keys IS NOT NULL THEN
			SELECT format('ROW(%s)', string_agg(p.target_name || '.' || k.key, ', ' ORDER BY k.i)), format('ARRAY[%s]', string_agg(k.key || '::pg_catalog.text', ', ' ORDER BY k.i))
			INTO place, selection
			FROM unnest(p.keys) WITH ORDINALITY AS k (key, i);
			IF up_to IS NULL THEN
				EXECUTE format('SELECT %s FROM %s ORDER BY %s LIMIT 1', selection, p.target,
					(SELECT string_agg(k.key || ' DESC', ', ' ORDER BY k.i) FROM unnest(p.keys) WITH ORDINALITY AS k (key, i))) INTO up_to;
				CONTINUE WHEN up_to IS NULL;
			END IF;
			within := format('%s OPERATOR(%s.<=) %s', place, p.operator_schema, @extschema@._backfill_key(up_to, p.types));
			IF reached IS NOT NULL THEN
				within := format('%s OPERATOR(%s.>) %s AND %s', place, p.operator_schema, @extschema@._backfill_key(reached, p.types), within);
			END IF;
			EXECUTE format('WITH picked AS MATERIALIZED (SELECT %1$s FROM %2$s WHERE %3$s ORDER BY %1$s LIMIT %4$s)
					SELECT (SELECT count(*) FROM picked), (SELECT %5$s FROM picked ORDER BY %6$s LIMIT 1)',
				p.key_columns, p.target, within, batch_size, selection,
				(SELECT string_agg(k.key || ' DESC', ', ' ORDER BY k.i) FROM unnest(p.keys) WITH ORDINALITY AS k (key, i)))
			INTO seen, reached;
			CONTINUE WHEN seen = 0;
			within := format('%s AND %s OPERATOR(%s.<=) %s', within, place, p.operator_schema, @extschema@._backfill_key(reached, p.types));
			verifies := false;
			statement := format(E'WITH changed AS (UPDATE %s SET %I = (%s\n) WHERE %s AND %s RETURNING 1) SELECT pg_catalog.count(*), 0::pg_catalog.int8 FROM changed',
				p.target, progress.column_name, value_expression, within, differs);
			RETURN;
		END IF;

		-- By blocks; up_to is the block after the last.
		IF up_to IS NULL THEN
			up_to := ARRAY[pg_relation_size(p.part) / current_setting('block_size')::bigint];
			reached := '{0}';
			pass := coalesce(pass, 1);
		END IF;
		last_block := up_to[1];
		IF reached[1]::bigint >= last_block THEN
			-- One look at the whole, in one snapshot; nothing was found before in this pass that is not written.
			seen := 0;
			verifies := true;
			statement := format('SELECT pg_catalog.count(*), 0::pg_catalog.int8 FROM (SELECT FROM %s WHERE %s LIMIT 1000) AS rest', p.target, differs);
			CONTINUE WHEN pass < 0;
			RETURN;
		END IF;
		-- As many blocks as hold about a batch of rows, by the statistics, or by what 100 rows a block would make; fewer where they turn out to hold more.
		SELECT greatest(1, least(100000, batch_size / greatest(1, CASE WHEN c.reltuples > 0 AND c.relpages > 0 THEN c.reltuples / c.relpages ELSE 100 END)))::bigint
		INTO blocks
		FROM pg_class AS c
		WHERE c.oid = p.part;
		LOOP
			within := format('%1$s.ctid OPERATOR(pg_catalog.>=) ''(%2$s,0)''::pg_catalog.tid AND %1$s.ctid OPERATOR(pg_catalog.<) ''(%3$s,0)''::pg_catalog.tid',
				p.target_name, reached[1]::bigint, least(reached[1]::bigint + blocks, last_block));
			EXECUTE format('SELECT count(*) FROM %s WHERE %s', p.target, within) INTO seen;
			EXIT WHEN blocks = 1 OR seen <= 2 * batch_size;
			blocks := greatest(1, blocks * batch_size / seen);
		END LOOP;
		reached := ARRAY[least(reached[1]::bigint + blocks, last_block)];
		verifies := false;
		statement := format(E'WITH changed AS (UPDATE %1$s SET %2$I = (%3$s\n) WHERE %4$s AND %5$s RETURNING %5$s AS again)
				SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE again) FROM changed',
			p.target, progress.column_name, value_expression, within, differs);
		RETURN;
	END LOOP;
	statement := NULL;
END
$$;
COMMENT ON FUNCTION @extschema@._backfill_next(uuid, regclass, text, integer) IS
	'The next batch of a run: the statement that the caller is to run, and the progress that its success means; statement NULL: there is none left. Raises 55006 where another call has the run.';

CREATE FUNCTION @extschema@._backfill_key(key text[], types text[]) RETURNS text
	LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT format('ROW(%s)', string_agg(format('%L::%s', k.value, k.type), ', ' ORDER BY k.i)) FROM unnest(key, types) WITH ORDINALITY AS k (value, type, i)
$$;
COMMENT ON FUNCTION @extschema@._backfill_key(text[], text[]) IS 'A key as SQL text.';

CREATE FUNCTION @extschema@._backfill_done(run uuid, verifies boolean, part text, key_columns text, reached text[], up_to text[], pass integer, seen bigint,
		changed bigint, again bigint) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	IF again > 0 THEN
		RAISE EXCEPTION 'value_expression gives another value for a row that it has filled'
			USING ERRCODE = 'invalid_parameter_value',
				DETAIL = format('%s has no unique key to walk by, so rows may be met more than once.', part),
				HINT = 'Let the expression leave a filled row as it is, for instance coalesce(column, value), or give the table a primary key. A trigger that changes the value has the same effect.';
	END IF;
	IF verifies AND changed > 0 AND pass >= 10 THEN
		RAISE WARNING '% rows of % still differ after % passes', CASE WHEN changed >= 1000 THEN '1000 or more' ELSE changed::text END, part, pass
			USING HINT = 'Something goes on writing other values into them, or a trigger refuses the new one.';
	END IF;
	UPDATE @extschema@.campaign_backfills AS b
	SET part = part, key_columns = key_columns,
		-- A part walked by blocks is done when verified: a pass below 0 says so, and is where the next begins otherwise.
		reached = CASE WHEN verifies AND changed > 0 AND pass < 10 THEN NULL ELSE reached END,
		up_to = CASE WHEN verifies AND changed > 0 AND pass < 10 THEN NULL ELSE up_to END,
		pass = CASE WHEN NOT verifies THEN pass WHEN changed > 0 AND pass < 10 THEN pass + 1 ELSE - pass END,
		rows_seen = b.rows_seen + CASE WHEN pass = 1 THEN seen ELSE 0 END,
		rows_changed = b.rows_changed + CASE WHEN verifies THEN 0 ELSE changed END,
		batches = b.batches + CASE WHEN verifies THEN 0 ELSE 1 END, updated_at = clock_timestamp()
	WHERE b.run = run;
END
$$;
COMMENT ON FUNCTION @extschema@._backfill_done(uuid, boolean, text, text, text[], text[], integer, bigint, bigint, bigint) IS
	'Records the progress of a batch, in its transaction. Raises 22023 for an expression that would fill a row for ever.';

CREATE FUNCTION @extschema@._backfill_report(run uuid, finished boolean) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	progress record;
BEGIN
	UPDATE @extschema@.campaign_backfills AS b
	SET finished_at = CASE WHEN finished THEN clock_timestamp() END
	WHERE b.run = run
	RETURNING b.relation, b.column_name, b.rows_seen, b.rows_changed, b.estimated_rows, b.batches INTO progress;
	RAISE NOTICE 'backfill of %.%: % rows seen%, % changed in % batches%', progress.relation, quote_ident(progress.column_name), progress.rows_seen,
		CASE WHEN finished THEN '' ELSE coalesce(format(' of about %s', nullif(progress.estimated_rows, 0)), '') END, progress.rows_changed, progress.batches,
		CASE WHEN finished THEN ', finished' ELSE '' END;
END
$$;
COMMENT ON FUNCTION @extschema@._backfill_report(uuid, boolean) IS 'Says how far a run has come, and records its end.';

CREATE FUNCTION @extschema@._backfill_lock_timeout() RETURNS text
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT least(nullif(s.setting::integer, 0), replace(@extschema@._short_lock_timeout(), 'ms', '')::integer) || 'ms' FROM pg_settings AS s WHERE s.name = 'lock_timeout'
$$;
COMMENT ON FUNCTION @extschema@._backfill_lock_timeout() IS 'The lock_timeout of a batch: below deadlock_timeout, and no longer than the caller''s.';

CREATE FUNCTION @extschema@._backfill_has_waited(since timestamp with time zone) RETURNS boolean
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT s.setting::integer BETWEEN 1 AND 1000 * EXTRACT(epoch FROM clock_timestamp() - since) FROM pg_settings AS s WHERE s.name = 'lock_timeout'
$$;
COMMENT ON FUNCTION @extschema@._backfill_has_waited(timestamptz) IS 'Whether the caller''s lock_timeout, if there is one, has passed since then.';

CREATE PROCEDURE @extschema@.backfill_column(table_name regclass, column_name name, value_expression text, batch_size integer DEFAULT 1000,
		pause interval DEFAULT '100 milliseconds')
	LANGUAGE plpgsql AS $$
DECLARE
	run pg_catalog.uuid;
	step pg_catalog.record;
	changed bigint;
	again bigint;
	lock_timeout constant pg_catalog.text := pg_catalog.current_setting('lock_timeout');
	tries integer := 0;
	since timestamp with time zone;
	rest double precision;
	told timestamp with time zone;
BEGIN
	PERFORM @extschema@._backfill_check(table_name, column_name, value_expression, batch_size, pause);
	PERFORM @extschema@._backfill_try(@extschema@._backfill_trial(table_name, column_name, value_expression));
	run := @extschema@._backfill_start(table_name, column_name, value_expression);
	-- Each transaction READ COMMITTED, said before anything else in it: a batch waits for a row that somebody has locked and then takes it as it is.
	COMMIT;
	SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
	told := pg_catalog.clock_timestamp();
	LOOP
		SELECT * INTO step FROM @extschema@._backfill_next(run, table_name, value_expression, batch_size);
		EXIT WHEN step.statement IS NULL;
		since := CASE WHEN tries OPERATOR(pg_catalog.=) 0 THEN pg_catalog.clock_timestamp() ELSE since END;
		-- Whoever locks the same rows in another order is to win, and soon: in less than deadlock_timeout the batch gives back what it has locked, and begins again.
		BEGIN
			PERFORM pg_catalog.set_config('lock_timeout', @extschema@._backfill_lock_timeout(), true);
			EXECUTE step.statement INTO changed, again;
			tries := 0;
		EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
			IF @extschema@._backfill_has_waited(since) THEN
				RAISE;
			END IF;
			tries := LEAST(tries OPERATOR(pg_catalog.+) 1, 5);
		END;
		-- Deferred triggers run at COMMIT, with the caller's.
		IF tries OPERATOR(pg_catalog.=) 0 THEN
			PERFORM pg_catalog.set_config('lock_timeout', lock_timeout, true);
			PERFORM @extschema@._backfill_done(run, step.verifies, step.part, step.key_columns, step.reached, step.up_to, step.pass, step.seen, changed, again);
		END IF;
		IF pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) told OPERATOR(pg_catalog.>) '5 seconds'::pg_catalog.interval THEN
			PERFORM @extschema@._backfill_report(run, false);
			told := pg_catalog.clock_timestamp();
		END IF;
		COMMIT;
		SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
		-- In short transactions, so that a long pause holds back no vacuum; each with the lock, so that nobody takes over.
		rest := CASE
			WHEN tries OPERATOR(pg_catalog.>) 0 THEN 0.05 OPERATOR(pg_catalog.*) pg_catalog.power(2, tries)
			WHEN changed OPERATOR(pg_catalog.>) 0 THEN pg_catalog.date_part('epoch', pause)
			ELSE 0 END;
		WHILE rest OPERATOR(pg_catalog.>) 0 LOOP
			PERFORM @extschema@._backfill_hold(run);
			PERFORM pg_catalog.pg_sleep(LEAST(rest, 1::pg_catalog.float8));
			rest := rest OPERATOR(pg_catalog.-) 1::pg_catalog.float8;
			COMMIT;
			SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
		END LOOP;
	END LOOP;
	PERFORM @extschema@._backfill_report(run, true);
END
$$;
COMMENT ON PROCEDURE @extschema@.backfill_column(regclass, name, text, integer, interval) IS
	'Gives every row that is there when it begins the value of an expression, in batches that are committed one by one. table_name: any ordinary or partitioned table; column_name: its column; value_expression: an SQL expression over the columns of the row, for instance ''true'', ''lower(name)'' or, to leave filled rows alone, ''coalesce(flag, true)''; only rows whose value differs from it are written. batch_size: rows a transaction, 1 to 1000000 (without a unique key: about that many, in whole blocks); pause: between two batches that changed rows, up to 1 hour. Runs with the caller''s rights, under the caller''s search_path, timeouts and triggers. In a deadlock it is the batch that gives way, and is tried again. Stopped by an error or a crash, the same CALL goes on from the last batch and meets no row twice; backfill_progress and NOTICEs show how far it is. Errors, before anything is changed: 22004, 22023, 25001 in a transaction block (2D000 in a function), 42501 for a superuser while campaign_backfills belongs to a plain role, 42P01, 42703, 42809, 428C9, and those of the expression; 55006 while another call works on the column. Since 1.1.';

CREATE FUNCTION @extschema@._backfill_hold(run uuid) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM @extschema@._backfill_lock(b.relation, b.column_name) FROM @extschema@.campaign_backfills AS b WHERE b.run = run;
END
$$;
COMMENT ON FUNCTION @extschema@._backfill_hold(uuid) IS 'Takes the lock of a run for this transaction.';
-- Is all well, and if not, what to do? One row a check, cheap with millions of rows: what is counted is counted up to a limit, by an index. The time is an
-- argument inside (as_of). A role that may only read gets an answer too; what it may not see is 'unknown' in the detail.

CREATE FUNCTION @extschema@._health_processes(as_of timestamp with time zone)
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	visible constant boolean := has_function_privilege('@extschema@._workers()', 'EXECUTE');
	enabled constant boolean := coalesce(current_setting('campaign_lifecycle.enabled', true), 'on') <> 'off';
	this_database oid;
	launcher text;
	states text[] := '{}';
	last_error text;
	own record;
	foreign_row boolean := false;
BEGIN
	SELECT d.oid INTO this_database FROM pg_database AS d WHERE d.datname = current_database();
	IF visible THEN
		SELECT w.state INTO launcher FROM @extschema@._workers() AS w WHERE w.database_oid IS NULL;
		SELECT coalesce(array_agg(w.state ORDER BY w.worker_number), '{}'), (array_agg(w.last_error ORDER BY w.worker_number) FILTER (WHERE w.last_error IS NOT NULL))[1]
		INTO states, last_error
		FROM @extschema@._workers() AS w
		WHERE w.database_oid = this_database;
	END IF;

	RETURN QUERY SELECT 'preload',
		CASE WHEN launcher = 'not preloaded' THEN 'critical' ELSE 'ok' END,
		CASE WHEN NOT visible THEN 'unknown' WHEN launcher = 'not preloaded' THEN 'no' ELSE 'yes' END, 'yes',
		CASE WHEN NOT visible THEN 'unknown: this role may not execute _workers(); grant_campaign_access(role, ''reader'') allows it.'
			WHEN launcher = 'not preloaded' THEN 'Timers do not fire by themselves. Add campaign_lifecycle to shared_preload_libraries and restart the server, or call run_due_timers() regularly, for instance from pg_cron.'
			ELSE 'The library is preloaded.' END;
	RETURN QUERY SELECT 'launcher',
		CASE WHEN launcher IN ('not preloaded', 'launcher missing') THEN 'critical' WHEN NOT enabled THEN 'warning' ELSE 'ok' END,
		CASE WHEN NOT visible THEN 'unknown' WHEN NOT enabled THEN 'disabled' ELSE launcher END, 'running',
		CASE WHEN NOT visible THEN 'unknown: this role may not execute _workers().'
			WHEN launcher = 'not preloaded' THEN 'See preload.'
			WHEN launcher = 'launcher missing' THEN 'The launcher did not start, or does not stay: raise max_worker_processes and restart the server; the server log says why.'
			WHEN NOT enabled THEN 'campaign_lifecycle.enabled is off: no timer of any database fires. Set it to on in postgresql.conf and reload.'
			ELSE 'The launcher runs.' END;
	RETURN QUERY SELECT 'worker',
		CASE WHEN NOT visible THEN 'ok'
			WHEN states && '{idle,running,paused}' AND NOT states && '{no worker slot}' THEN CASE WHEN enabled THEN 'ok' ELSE 'warning' END
			WHEN states && '{idle,running,paused,starting,blocked}' THEN 'warning'
			WHEN NOT enabled THEN 'warning'
			ELSE 'critical' END,
		CASE WHEN NOT visible THEN 'unknown' WHEN states = '{}' THEN 'missing' ELSE array_to_string(states, ', ') END, 'idle or running',
		CASE WHEN NOT visible THEN 'unknown: this role may not execute _workers().'
			WHEN launcher = 'not preloaded' THEN 'See preload.'
			WHEN states && '{no worker slot}' THEN 'The server has no free slot for a worker of this database: raise max_worker_processes and restart the server.'
			WHEN states = '{}' THEN 'This database has no worker: see launcher and the server log; CREATE EXTENSION brings one within seconds.'
			WHEN states <@ '{starting}' THEN 'It is about to start; if it stays so, the server log says why.'
			WHEN states && '{blocked}' THEN 'It makes way for a command on the database (DROP, RENAME, TEMPLATE) and comes back afterwards.'
			ELSE 'This database has a worker.' END || coalesce(' Last error: ' || last_error, '');

	IF NOT coalesce(has_table_privilege('@extschema@.campaign_activation', 'SELECT'), false) THEN
		RETURN QUERY SELECT 'activation', 'ok', 'unknown', 'active', 'unknown: this role may not read campaign_activation.';
		RETURN;
	END IF;
	SELECT a.paused, a.changed_at INTO own FROM @extschema@.campaign_activation AS a WHERE a.database_oid = this_database;
	IF own.paused IS NULL THEN
		foreign_row := EXISTS (SELECT FROM @extschema@.campaign_activation);
	END IF;
	RETURN QUERY SELECT 'activation',
		CASE WHEN NOT own.paused THEN 'ok' ELSE 'warning' END,
		CASE WHEN own.paused IS NULL THEN 'copy' WHEN own.paused THEN 'paused' ELSE 'active' END, 'active',
		CASE WHEN own.paused IS NULL THEN format('This database is a %s and therefore paused: no timer fires. If it is the one that is to work from now on, call resume_timers().',
				CASE WHEN foreign_row THEN 'copy of another database' ELSE 'restored dump' END)
			WHEN own.paused THEN format('Paused by pause_timers() %s ago: no timer fires until resume_timers().', date_trunc('second', greatest(as_of - own.changed_at, interval '0')))
			ELSE format('Timers fire since %s.', own.changed_at) END;
END
$$;
COMMENT ON FUNCTION @extschema@._health_processes(timestamptz) IS 'The checks preload, launcher, worker and activation of campaign_health().';

CREATE FUNCTION @extschema@._health_tables(as_of timestamp with time zone)
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, MDY' AS $$
DECLARE
	functions_version text;
	tables_version text;
	found_text text;
	owner_is_superuser boolean;
	ahead integer := -1;
	wanted integer := 2;
	month timestamptz := date_trunc('month', as_of);
	n bigint;
BEGIN
	SELECT e.extversion INTO functions_version FROM pg_extension AS e WHERE e.extname = 'campaign_lifecycle';
	IF has_table_privilege('@extschema@.campaign_tables_version', 'SELECT') THEN
		SELECT v.version INTO tables_version FROM @extschema@.campaign_tables_version AS v;
	ELSE
		tables_version := functions_version;
		found_text := 'unknown: this role may not read campaign_tables_version.';
	END IF;
	RETURN QUERY SELECT 'tables_version',
		CASE WHEN tables_version = functions_version THEN 'ok' ELSE 'critical' END, coalesce(tables_version, 'none'), functions_version,
		CASE WHEN found_text IS NOT NULL THEN found_text
			WHEN tables_version = functions_version THEN 'The tables are of the version of the functions.'
			ELSE format('The tables are of version %s, the functions of version %s, as after restoring an older dump: call upgrade_campaign_tables(), then resume_timers().',
				coalesce(tables_version, 'unknown'), functions_version) END;

	SELECT string_agg(format('%s owns %s', o.owner, o.relations), '; ' ORDER BY o.owner), count(*)
	INTO found_text, n
	FROM (
		SELECT c.relowner::regrole::text AS owner, string_agg(r.relation::text, ', ' ORDER BY r.place) AS relations
		FROM @extschema@._campaign_relations() AS r
		JOIN pg_class AS c ON c.oid = r.relation
		WHERE NOT r.is_member
		GROUP BY c.relowner) AS o;
	RETURN QUERY SELECT 'table_owner',
		CASE WHEN n = 1 THEN 'ok' ELSE 'critical' END, n::text, '1',
		CASE WHEN n = 1 THEN 'All tables have one owner, as whom the worker writes.'
			ELSE format('The worker writes as one role, but %s. Call set_campaign_owner(role) to give all of them to one.', left(found_text, 1000)) END;

	-- Whoever holds TRIGGER on a table acts with the rights of whoever writes it, and the worker writes it as its owner.
	SELECT string_agg(DISTINCT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END, ', '), count(DISTINCT a.grantee), bool_or(o.rolsuper)
	INTO found_text, n, owner_is_superuser
	FROM @extschema@._campaign_relations() AS r
	JOIN pg_class AS c ON c.oid = r.relation
	JOIN pg_roles AS o ON o.oid = c.relowner
	CROSS JOIN LATERAL aclexplode(c.relacl) AS a
	WHERE c.relkind IN ('r', 'p') AND a.privilege_type = 'TRIGGER' AND a.grantee <> c.relowner
		AND NOT coalesce((SELECT g.rolsuper FROM pg_roles AS g WHERE g.oid = a.grantee), false);
	RETURN QUERY SELECT 'trigger_privilege',
		CASE WHEN n > 0 AND owner_is_superuser THEN 'critical' WHEN n > 0 THEN 'warning' ELSE 'ok' END, n::text, '0',
		CASE WHEN n = 0 THEN 'Nobody but the owner may add triggers to the tables.'
			WHEN owner_is_superuser THEN format('%s may add triggers to tables of a superuser, which then run as that superuser: REVOKE TRIGGER, and give the tables to a plain role by set_campaign_owner(role).', found_text)
			ELSE format('%s may add triggers to the tables, which then run as the tables'' owner: REVOKE TRIGGER unless that is meant.', found_text) END;

	SELECT string_agg(r.relation::text, ', ' ORDER BY r.place), count(*)
	INTO found_text, n
	FROM @extschema@._campaign_relations() AS r
	JOIN pg_class AS c ON c.oid = r.relation
	JOIN pg_roles AS o ON o.oid = c.relowner
	WHERE c.relrowsecurity AND c.relforcerowsecurity AND NOT (o.rolsuper OR o.rolbypassrls);
	RETURN QUERY SELECT 'row_security',
		CASE WHEN n = 0 THEN 'ok' ELSE 'critical' END, n::text, '0',
		CASE WHEN n = 0 THEN 'Row level security does not stand between the worker and the tables.'
			ELSE format('Row level security is forced upon the owner of %s, so the worker''s statements fail: ALTER TABLE ... NO FORCE ROW LEVEL SECURITY.', found_text) END;

	SELECT string_agg(format('%s on %s', t.tgname, t.tgrelid::regclass), ', ' ORDER BY t.tgname), count(*)
	INTO found_text, n
	FROM pg_trigger AS t
	WHERE t.tgrelid IN ('@extschema@.campaigns'::regclass, '@extschema@.campaign_timers'::regclass) AND NOT t.tgisinternal
		AND t.tgfoid IN (SELECT p.oid FROM pg_proc AS p WHERE p.pronamespace = '@extschema@'::regnamespace AND p.proname IN ('update_updated_at_column',
			'log_campaign_state_change', 'validate_timer_schedule', 'validate_state_transition', 'fill_campaign_end_time', '_wake_worker'))
		AND t.tgenabled <> CASE WHEN t.tgname LIKE 'wake\_worker\_%' THEN 'A' ELSE 'O' END::"char";
	RETURN QUERY SELECT 'triggers',
		CASE WHEN n = 0 THEN 'ok' ELSE 'warning' END, n::text, '0',
		CASE WHEN n = 0 THEN 'The triggers of the tables are enabled as they were made.'
			ELSE format('Disabled, or not in the mode they were made in: %s. resume_timers() restores the wake-up; ALTER TABLE ... ENABLE TRIGGER the others.', found_text) END;

	IF coalesce(has_table_privilege(to_regclass('@extschema@.campaign_maintenance_jobs'), 'SELECT'), false) THEN
		SELECT least(wanted, min(j.months_ahead)) INTO wanted FROM @extschema@.campaign_maintenance_jobs AS j;
	END IF;
	-- Months from this one on that have a partition without a gap; bounds are read in UTC.
	WHILE EXISTS (
		SELECT
		FROM pg_inherits AS i
		JOIN pg_class AS c ON c.oid = i.inhrelid
		CROSS JOIN LATERAL (SELECT pg_get_expr(c.relpartbound, c.oid) AS bound) AS b
		WHERE i.inhparent = '@extschema@.campaign_state_log'::regclass AND b.bound <> 'DEFAULT'
			AND coalesce(substring(b.bound FROM 'FROM \(''([^'']+)''\)')::timestamptz, '-infinity') <= month
			AND coalesce(substring(b.bound FROM 'TO \(''([^'']+)''\)')::timestamptz, 'infinity') >= month + interval '1 month') AND ahead < 1200
	LOOP
		ahead := ahead + 1;
		month := month + interval '1 month';
	END LOOP;
	RETURN QUERY SELECT 'partitions_ahead',
		CASE WHEN ahead >= wanted THEN 'ok' WHEN ahead >= 1 THEN 'warning' ELSE 'critical' END, greatest(ahead, 0)::text, wanted::text,
		CASE WHEN ahead >= wanted THEN 'The log has its partitions for the months ahead.'
			ELSE CASE WHEN ahead < 0 THEN 'This month has no partition of its own' ELSE format('Months ahead of this one that have a partition: %s', ahead) END
				|| '; what has none goes into the default partition. Call create_monthly_partitions(); if it fails, its error says why. The worker does so by itself while it runs.' END;

	IF NOT has_table_privilege('@extschema@.campaign_state_log_default', 'SELECT') THEN
		RETURN QUERY SELECT 'default_partition', 'ok', 'unknown', '0', 'unknown: this role may not read campaign_state_log_default.';
		RETURN;
	END IF;
	SELECT count(*) INTO n FROM (SELECT FROM @extschema@.campaign_state_log_default AS l LIMIT 1001) AS l;
	RETURN QUERY SELECT 'default_partition',
		CASE WHEN n = 0 THEN 'ok' ELSE 'warning' END, CASE WHEN n > 1000 THEN 'over 1000' ELSE n::text END, '0',
		CASE WHEN n = 0 THEN 'No log row is without a month.' ELSE 'Log rows of months without a partition wait in campaign_state_log_default: create_monthly_partitions() makes the months and moves them.' END;
END
$$;
COMMENT ON FUNCTION @extschema@._health_tables(timestamptz) IS
	'The checks tables_version, table_owner, trigger_privilege, row_security, triggers, partitions_ahead and default_partition of campaign_health().';

CREATE FUNCTION @extschema@._health_timers(as_of timestamp with time zone)
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_sort = off
	SET enable_incremental_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	attempts constant integer := coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5');
	paused boolean := false;
	n bigint;
	oldest timestamptz;
	attempted bigint;
	failed bigint;
	worst interval;
	median interval;
BEGIN
	IF coalesce(current_setting('campaign_lifecycle.enabled', true), 'on') = 'off' THEN
		paused := true;
	ELSIF coalesce(has_table_privilege('@extschema@.campaign_activation', 'SELECT'), false) THEN
		paused := NOT EXISTS (SELECT FROM @extschema@.campaign_activation AS a JOIN pg_database AS d ON d.oid = a.database_oid WHERE d.datname = current_database() AND NOT a.paused);
	END IF;

	-- Those that could fire: what waits for an earlier timer of its campaign is not overdue by itself.
	SELECT count(*), min(q.scheduled_at)
	INTO n, oldest
	FROM (
		SELECT q.scheduled_at FROM (
			SELECT r.scheduled_at
			FROM @extschema@._runnable_timers AS r
			WHERE r.status = 'PENDING' AND r.scheduled_at <= as_of - interval '1 minute'
			ORDER BY r.scheduled_at
			LIMIT 1001) AS q
		UNION ALL
		SELECT q.scheduled_at FROM (
			SELECT r.scheduled_at
			FROM @extschema@._runnable_timers AS r
			WHERE r.status = 'FAILED' AND r.retry_count < 5 AND r.retry_count < attempts AND r.scheduled_at <= as_of - interval '1 minute'
			ORDER BY r.scheduled_at, r.retry_count
			LIMIT 1001) AS q) AS q;
	RETURN QUERY SELECT 'overdue_timers',
		CASE WHEN n = 0 THEN 'ok' WHEN paused OR oldest >= as_of - interval '10 minutes' THEN 'warning' ELSE 'critical' END,
		CASE WHEN n > 1000 THEN 'over 1000' ELSE n::text END, '0 due for a minute; critical: for 10 minutes',
		CASE WHEN n = 0 THEN 'No timer is overdue.'
			WHEN paused THEN format('The oldest is due since %s; this database is paused: see activation and launcher.', oldest)
			ELSE format('The oldest is due since %s. See worker; upcoming_timers shows which wait and why; if the worker runs, its rows are locked by a long transaction, or it is too slow: campaign_workers shows its batches.', oldest) END;

	SELECT count(*)
	INTO n
	FROM (
		SELECT
		FROM @extschema@.campaign_timers AS t
		WHERE t.status IN ('PENDING', 'FAILED') AND t.status = 'FAILED' AND t.retry_count >= attempts
		LIMIT 1001) AS q;
	RETURN QUERY SELECT 'dead_letters',
		CASE WHEN n = 0 THEN 'ok' WHEN n < 100 THEN 'warning' ELSE 'critical' END, CASE WHEN n > 1000 THEN 'over 1000' ELSE n::text END, '0; critical: 100',
		CASE WHEN n = 0 THEN 'No timer is dead.'
			ELSE 'Timers have failed at every attempt: dead_timers shows each with its last error. Remove the cause, then retry_timer(), or cancel_timer().' END;

	-- The newest attempts of the last hour, 10,000 at most.
	SELECT count(*), count(*) FILTER (WHERE q.status = 'FAILED')
	INTO attempted, failed
	FROM (
		SELECT e.status
		FROM @extschema@.timer_executions AS e
		WHERE e.started_at > as_of - interval '1 hour' AND e.started_at <= as_of
		ORDER BY e.started_at DESC
		LIMIT 10000) AS q;
	RETURN QUERY SELECT 'failure_rate',
		CASE WHEN failed = 0 OR failed < 0.05 * attempted THEN 'ok' WHEN failed < 0.25 * attempted OR attempted < 20 THEN 'warning' ELSE 'critical' END,
		format('%s of %s', failed, attempted), '5%; critical: 25%',
		CASE WHEN attempted = 0 THEN 'No attempt within the last hour.'
			WHEN failed = 0 THEN 'No attempt of the last hour failed.'
			ELSE 'Attempts of the last hour that failed (the newest 10000): failed_timers and dead_timers show the errors.' END;

	SELECT max(q.lateness), percentile_cont(0.5) WITHIN GROUP (ORDER BY q.lateness)
	INTO worst, median
	FROM (
		SELECT t.executed_at - t.scheduled_at AS lateness
		FROM (
			SELECT e.timer_id
			FROM @extschema@.timer_executions AS e
			WHERE e.started_at > as_of - interval '1 hour' AND e.started_at <= as_of
			ORDER BY e.started_at DESC
			LIMIT 1000) AS e
		JOIN @extschema@.campaign_timers AS t ON t.id = e.timer_id
		WHERE t.status = 'COMPLETED') AS q;
	RETURN QUERY SELECT 'lateness',
		CASE WHEN median IS NULL OR median < interval '1 minute' THEN 'ok' WHEN median < interval '10 minutes' THEN 'warning' ELSE 'critical' END,
		CASE WHEN median IS NULL THEN 'none'
			ELSE format('median %s s, worst %s s', round(EXTRACT(epoch FROM median)::numeric, 3), round(EXTRACT(epoch FROM worst)::numeric, 3)) END,
		'median 60 s; critical: 600 s',
		CASE WHEN median IS NULL THEN 'No timer was executed within the last hour.'
			WHEN median < interval '1 minute' THEN 'From scheduled_at to execution, of the newest 1000 within the last hour.'
			ELSE 'Timers fire late: the worker was away, is catching up, or is too slow; raise campaign_lifecycle.workers or campaign_lifecycle.batch_size if that lasts.' END;
END
$$;
COMMENT ON FUNCTION @extschema@._health_timers(timestamptz) IS 'The checks overdue_timers, dead_letters, failure_rate and lateness of campaign_health().';

CREATE FUNCTION @extschema@._health_upkeep(as_of timestamp with time zone)
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	this_database oid;
	active_since timestamptz;
	by_cron bigint;
	problems text[];
	n bigint;
	severe bigint;
BEGIN
	IF NOT coalesce(has_table_privilege(to_regclass('@extschema@.campaign_maintenance_jobs'), 'SELECT'), false)
		OR NOT has_function_privilege('@extschema@._next_cron_time(text, timestamptz)', 'EXECUTE') THEN
		RETURN QUERY SELECT 'upkeep', 'ok', 'unknown', '0', 'unknown: this role may not read campaign_maintenance_jobs, or the table is missing.';
		RETURN;
	END IF;
	SELECT d.oid INTO this_database FROM pg_database AS d WHERE d.datname = current_database();
	IF has_table_privilege('@extschema@.campaign_activation', 'SELECT') THEN
		SELECT a.changed_at INTO active_since FROM @extschema@.campaign_activation AS a WHERE a.database_oid = this_database AND NOT a.paused;
	END IF;
	SELECT count(*) INTO by_cron FROM @extschema@.campaign_maintenance_jobs AS j WHERE j.enabled AND j.cron_database = this_database;

	-- A run that finds nothing to do is written down once a day; hence a day and an hour of grace. What pg_cron runs is in its own log.
	SELECT count(*), count(*) FILTER (WHERE q.severe), (array_agg(format('%s %s', q.job, q.problem) ORDER BY q.severe DESC, q.job))[1:5]
	INTO n, severe, problems
	FROM (
		SELECT j.job,
			CASE WHEN j.failures > 0 THEN format('has failed %s times in a row (%s)', j.failures, left(j.last_error, 200))
				WHEN j.last_run IS NULL THEN 'has never run'
				WHEN j.last_outcome = 'running' AND j.last_run < as_of - interval '1 hour' THEN format('stands still since %s', j.last_run)
				WHEN @extschema@._next_cron_time(j.schedule, j.last_run) < as_of - interval '25 hours' THEN format('has not run since %s', j.last_run) END AS problem,
			j.failures >= 5 OR j.last_run < as_of - interval '3 days' AS severe
		FROM @extschema@.campaign_maintenance_jobs AS j
		WHERE j.enabled AND j.cron_database IS DISTINCT FROM this_database
			AND CASE WHEN j.last_run IS NULL THEN j.failures > 0 OR active_since < as_of - interval '1 hour'
				ELSE j.failures > 0
					OR (j.last_outcome = 'running' AND j.last_run < as_of - interval '1 hour')
					OR @extschema@._next_cron_time(j.schedule, j.last_run) < as_of - interval '25 hours' END) AS q;
	RETURN QUERY SELECT 'upkeep',
		CASE WHEN n = 0 THEN 'ok' WHEN severe > 0 THEN 'critical' ELSE 'warning' END, n::text, '0 jobs late or failing',
		CASE WHEN n > 0 THEN array_to_string(problems, '; ') || '. See worker, and campaign_maintenance_jobs for each job; the functions of the jobs can be called by hand.'
			WHEN by_cron > 0 THEN format('pg_cron runs %s jobs: cron.job_run_details tells of them.', by_cron)
			ELSE 'The upkeep is done in time.' END;
END
$$;
COMMENT ON FUNCTION @extschema@._health_upkeep(timestamptz) IS 'The check upkeep of campaign_health().';

CREATE FUNCTION @extschema@._health_server(as_of timestamp with time zone)
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	sees_all constant boolean := pg_has_role('pg_read_all_stats', 'USAGE');
	holder record;
	worst record;
	n bigint;
BEGIN
	SELECT h.who, h.since, h.age, h.remedy
	INTO holder
	FROM (
		SELECT format('process %s (user %s, application %s, %s)', a.pid, a.usename, quote_literal(a.application_name), a.state) AS who,
			a.xact_start AS since, greatest(age(a.backend_xmin), age(a.backend_xid)) AS age, format('SELECT pg_terminate_backend(%s)', a.pid) AS remedy
		FROM pg_stat_activity AS a
		WHERE a.pid <> pg_backend_pid() AND (a.datname = current_database() OR a.backend_type = 'walsender')
			AND (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL) AND a.backend_type NOT IN ('autovacuum worker', 'campaign_lifecycle worker')
		UNION ALL
		SELECT format('replication slot %s (%s)', quote_ident(s.slot_name), CASE WHEN s.active THEN 'active' ELSE 'nobody reads it' END),
			NULL, greatest(age(s.xmin), age(s.catalog_xmin)), format('SELECT pg_drop_replication_slot(%L)', s.slot_name)
		FROM pg_replication_slots AS s
		WHERE s.xmin IS NOT NULL OR (s.catalog_xmin IS NOT NULL AND s.database = current_database())
		UNION ALL
		SELECT format('prepared transaction %s (user %s)', quote_literal(p.gid), p.owner), p.prepared, age(p.transaction), format('ROLLBACK PREPARED %L', p.gid)
		FROM pg_prepared_xacts AS p
		WHERE p.database = current_database()) AS h
	ORDER BY (h.since < as_of - interval '1 hour') DESC NULLS LAST, h.age DESC
	LIMIT 1;
	RETURN QUERY SELECT 'oldest_snapshot',
		CASE WHEN holder.who IS NULL THEN 'ok'
			WHEN holder.since < as_of - interval '24 hours' OR holder.age > 500000000 THEN 'critical'
			WHEN holder.since < as_of - interval '1 hour' OR holder.age > 50000000 THEN 'warning'
			ELSE 'ok' END,
		CASE WHEN holder.who IS NULL THEN 'none'
			ELSE format('%s transactions%s', holder.age, coalesce(', ' || date_trunc('second', greatest(as_of - holder.since, interval '0'))::text, '')) END,
		'1 hour or 50000000 transactions; critical: 24 hours or 500000000',
		CASE WHEN holder.who IS NULL THEN 'Nothing holds back vacuum.'
			ELSE format('Held back by %s: vacuum removes nothing newer. If it is not needed: %s.', holder.who, holder.remedy) END
			|| CASE WHEN sees_all THEN '' ELSE ' Other sessions: unknown; members of pg_read_all_stats see them.' END;

	SELECT r.relation, coalesce(pg_stat_get_dead_tuples(r.relation), 0) AS dead, coalesce(pg_stat_get_live_tuples(r.relation), 0) AS live
	INTO worst
	FROM @extschema@._campaign_relations() AS r
	JOIN pg_class AS c ON c.oid = r.relation
	WHERE c.relkind IN ('r', 'm')
	ORDER BY coalesce(pg_stat_get_dead_tuples(r.relation), 0) > greatest(100000, 0.5 * coalesce(pg_stat_get_live_tuples(r.relation), 0)) DESC,
		coalesce(pg_stat_get_dead_tuples(r.relation), 0) DESC
	LIMIT 1;
	RETURN QUERY SELECT 'vacuum',
		CASE WHEN worst.dead > greatest(1000000, 3 * worst.live) THEN 'critical' WHEN worst.dead > greatest(100000, 0.5 * worst.live) THEN 'warning' ELSE 'ok' END,
		format('%s dead rows, %s live', worst.dead, worst.live), '100000 and half of the live rows; critical: 1000000 and three times the live rows',
		CASE WHEN worst.dead > greatest(100000, 0.5 * worst.live)
			THEN format('%s needs VACUUM: see oldest_snapshot first, then whether autovacuum runs and gets through (autovacuum_vacuum_cost_limit).', worst.relation)
			ELSE format('Most in %s.', worst.relation) END;
END
$$;
COMMENT ON FUNCTION @extschema@._health_server(timestamptz) IS 'The checks oldest_snapshot and vacuum of campaign_health().';

CREATE FUNCTION @extschema@._table_health(as_of timestamp with time zone)
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN QUERY SELECT * FROM @extschema@._health_tables(as_of);
	RETURN QUERY SELECT * FROM @extschema@._health_timers(as_of);
	RETURN QUERY SELECT * FROM @extschema@._health_upkeep(as_of);
END
$$;
COMMENT ON FUNCTION @extschema@._table_health(timestamptz) IS 'The checks of campaign_health() that read the campaign tables.';

CREATE FUNCTION @extschema@._health_as_owner(as_of timestamp with time zone, OUT check_name text, OUT status text, OUT value text, OUT threshold text,
		OUT detail text) RETURNS SETOF record
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_health_as_owner';
COMMENT ON FUNCTION @extschema@._health_as_owner(timestamptz) IS '_table_health() for a superuser, with the rights of the tables'' owner.';

CREATE FUNCTION @extschema@._campaign_health(as_of timestamp with time zone)
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	owner regrole;
BEGIN
	RETURN QUERY SELECT * FROM @extschema@._health_processes(as_of);
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		RETURN QUERY SELECT 'tables_version', 'critical', 'none', (SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'campaign_lifecycle'),
			'The campaign tables are missing: install_campaign_tables() makes them, unless a restore that brings them is still running.';
		RETURN;
	END IF;
	-- A view that the owner has put in a table's place would run its functions as a superuser who reads it.
	SELECT c.relowner INTO owner FROM pg_class AS c WHERE c.oid = '@extschema@.campaign_timers'::regclass;
	IF NOT has_function_privilege(owner, '@extschema@._table_health(timestamptz)', 'EXECUTE') THEN
		RETURN QUERY SELECT 'table_owner', 'critical', owner::text, 'the role of set_campaign_owner()',
			format('The owner of the tables may not execute what the worker calls, so no timer fires: SELECT set_campaign_owner(%L);', owner);
	ELSIF (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) THEN
		RETURN QUERY SELECT * FROM @extschema@._health_as_owner(as_of);
	ELSE
		RETURN QUERY SELECT * FROM @extschema@._table_health(as_of);
	END IF;
	RETURN QUERY SELECT * FROM @extschema@._health_server(as_of);
END
$$;
COMMENT ON FUNCTION @extschema@._campaign_health(timestamptz) IS 'campaign_health() at a given time.';

CREATE FUNCTION @extschema@.campaign_health() RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN QUERY SELECT * FROM @extschema@._campaign_health(clock_timestamp());
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_health() IS
	'Is all well? One row a check: status ok, warning or critical; value as found; threshold from which it is no longer ok; detail: what it means and what to do, or "unknown" where the caller may not see it. Checks: preload, launcher, worker, activation, tables_version, table_owner, trigger_privilege, row_security, triggers, partitions_ahead, default_partition, overdue_timers, dead_letters, failure_rate, lateness, upkeep, oldest_snapshot, vacuum. Cheap with millions of rows. Since 1.1.';
-- One campaign's life on one page: what happened, what was tried, what was measured, what is planned. Reads by the indexes on campaign_id and timer_id,
-- whatever the statistics say; the log and its archive in one snapshot, so that a month that moves between them is seen once.

CREATE FUNCTION @extschema@.campaign_timeline(campaign_id uuid) RETURNS TABLE (at timestamp with time zone, kind text, name text, status text, detail jsonb)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
BEGIN
	PERFORM @extschema@._check_given('campaign_id', $1 IS NOT NULL);
	RETURN QUERY
		SELECT r.at, r.kind, r.name, r.status, r.detail
		FROM (
			SELECT l.created_at, 1, l.id, 'state', l.to_state::text, 'ENTERED',
				jsonb_strip_nulls(jsonb_build_object('from', l.from_state, 'trigger_event', l.trigger_event)) || jsonb_build_object('metadata', l.metadata)
			FROM (
				SELECT a.id, a.from_state, a.to_state, a.trigger_event, a.metadata, a.created_at
				FROM @extschema@.campaign_state_log AS a WHERE a.campaign_id = $1
				UNION ALL
				SELECT a.id, a.from_state, a.to_state, a.trigger_event, a.metadata, a.created_at
				FROM @extschema@.campaign_state_log_archive AS a WHERE a.campaign_id = $1) AS l
			UNION ALL
			SELECT t.scheduled_at, 2, t.id, 'timer', t.timer_type::text, t.status::text,
				jsonb_strip_nulls(jsonb_build_object('timer_id', t.id, 'executed_at', t.executed_at, 'retry_count', nullif(t.retry_count, 0), 'to',
					-- Where it would move the campaign from the state the campaign is in now.
					CASE WHEN t.status IN ('PENDING', 'RUNNING', 'FAILED') THEN (
						SELECT m.to_state
						FROM @extschema@.campaigns AS c
						JOIN @extschema@.campaign_state_transitions AS m ON m.from_state = c.status AND m.timer_type = t.timer_type
						WHERE c.id = $1) END))
					|| jsonb_build_object('payload', t.payload)
			FROM @extschema@.campaign_timers AS t
			WHERE t.campaign_id = $1
			UNION ALL
			SELECT e.started_at, 3, e.id, 'execution', t.timer_type::text, e.status::text,
				jsonb_strip_nulls(jsonb_build_object('timer_id', t.id, 'completed_at', e.completed_at, 'execution_time_ms', e.execution_time_ms,
					'error_message', e.error_message)) || jsonb_build_object('result', e.result)
			FROM @extschema@.campaign_timers AS t
			JOIN @extschema@.timer_executions AS e ON e.timer_id = t.id
			WHERE t.campaign_id = $1
			UNION ALL
			SELECT m.recorded_at, 4, m.id, 'metric', m.metric_type::text, NULL, jsonb_build_object('value', m.value, 'attributes', m.attributes)
			FROM @extschema@.campaign_metrics AS m
			WHERE m.campaign_id = $1) AS r (at, place, id, kind, name, status, detail)
		ORDER BY r.at, r.place, r.id;
	IF NOT FOUND AND NOT EXISTS (SELECT FROM @extschema@.campaigns AS c WHERE c.id = $1) THEN
		PERFORM @extschema@._unknown_campaign($1);
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_timeline(uuid) IS
	'A campaign''s life in order, past and planned, archived history included, also of a campaign that was deleted since. kind: state (name: the state entered; detail: from, trigger_event, metadata), timer (at scheduled_at; status as in campaign_timers; detail: timer_id, executed_at, retry_count, to, payload), execution (at started_at; detail: timer_id, completed_at, execution_time_ms, result, error_message), metric (detail: value, attributes; no status). Waiting timers stand in the future. Errors: 22004; P0002 for a campaign of which nothing is known. Since 1.1.';
-- Who may do what. PUBLIC may do nothing (99_install revokes every function by name). Three levels are granted to roles; the tables themselves can be given
-- to a plain role, as whom the worker then writes. All of it is ordinary privileges on tables and functions: \dp and \df+ show them, pg_dump keeps them.
--
-- writer and operator both include reader, and neither the other: whoever is on call need not be able to create campaigns. Granted levels add up.

-- In the order in which locks are taken. Our relations only: the schema may hold the user's own.
CREATE FUNCTION @extschema@._campaign_relations() RETURNS TABLE (relation regclass, is_member boolean, place bigint)
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	WITH named (relation, is_member, place) AS (
		SELECT c.oid, r.is_member, row_number() OVER (ORDER BY r.place)
		FROM (VALUES
			(1, 'campaign_timers', false), (2, 'campaigns', false), (3, 'campaign_state_log', false), (4, 'campaign_state_log_archive', false),
			(5, 'campaign_metrics', false), (6, 'timer_executions', false), (7, 'campaign_state_transitions', false), (8, 'campaign_timer_policies', false),
			(9, 'campaign_timer_handlers', false), (10, 'campaign_maintenance_jobs', false), (11, 'campaign_tables_version', false),
			(12, '_runnable_timers', false), (13, 'stuck_timers', false), (14, 'failed_timers', false), (15, 'dead_timers', false), (16, 'upcoming_timers', false),
			(17, 'campaign_state_distribution', false), (18, 'timer_execution_stats', false), (19, 'campaign_table_sizes', false),
			(20, 'mv_active_campaigns', false), (21, 'mv_pending_timers', false), (25, 'campaign_backfills', false), (26, 'backfill_progress', false),
			(22, 'campaign_activation', true), (23, 'campaign_clean_run', true), (24, 'campaign_workers', true)) AS r (place, name, is_member)
		JOIN pg_class AS c ON c.relnamespace = '@extschema@'::regnamespace AND c.relname = r.name)
	SELECT n.relation::regclass, n.is_member, n.place FROM named AS n
	UNION ALL
	SELECT p.relid, n.is_member, n.place
	FROM named AS n
	JOIN pg_class AS c ON c.oid = n.relation AND c.relkind = 'p'
	CROSS JOIN LATERAL pg_partition_tree(n.relation) AS p
	WHERE p.relid <> n.relation
	ORDER BY 3, 1
$$;
COMMENT ON FUNCTION @extschema@._campaign_relations() IS
	'The tables, partitions, views and materialized views of the extension that exist, in the order in which they are locked, and whether each is a member of the extension.';

-- Each level with the verbs and exactly the internal functions that these call; owner is for the role that owns the tables: what the worker calls.
CREATE FUNCTION @extschema@._campaign_functions(access text) RETURNS SETOF regprocedure
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT p.oid::regprocedure
	FROM (VALUES
		('reader', '{campaign_timeline,campaign_health,_workers,_campaign_health,_health_processes,_health_as_owner,_table_health,_health_tables,_health_timers,_health_upkeep,_health_server,
			_campaign_relations,_next_cron_time,_cron_field,_check_as_of,_check_given,_unknown_campaign}'::name[]),
		('writer', '{create_campaign,schedule_campaign_timers,reschedule_campaign,transition_campaign,cancel_campaign,schedule_timer,reschedule_timer,cancel_timer,
			retry_timer,record_metric,_check_given,_check_object,_check_text,_check_duration,_check_start_time,_check_timer_type,_check_schedule,_unknown_campaign,
			_entered_at,_lock_campaign,_move_campaign,_lock_timer,_apply_policies,_policy_changes,_write_policy_changes,_uuid_v7}'),
		('operator', '{pause_timers,resume_timers,_wake,retry_timer,_lock_timer,_check_given,run_due_timers,_run_due_timers,
			register_handler,unregister_handler,_check_handler,_check_timer_type,
			create_monthly_partitions,archive_old_state_logs,cleanup_timer_executions,_is_campaign_owner,_upkeep_as_owner,_cutoff,_check_as_of,
			backfill_column,_in_transaction_block,_backfill_check,_backfill_trial,_backfill_try,_backfill_parts,_backfill_start,_backfill_lock,_backfill_next,_backfill_key,
			_backfill_done,_backfill_report,_backfill_hold,_backfill_lock_timeout,_backfill_has_waited,_short_lock_timeout}'),
		('owner', '{_apply_timers,_archive_partition,_archive_partition_patiently,_archive_step,_bring_up_campaign_tables,_campaign_relations,_check_as_of,_check_given,
			_check_handler,_check_max_rows,_check_timer_type,_claim_batch,_claim_marked,_cleanup_finished_timers,_cleanup_metrics,_complete_marked,_cron_field,_cutoff,_default_partition,_due_upkeep,
			_fail_marked,_fail_timer,_find_handler,_follow_log_columns,_handler_of,_health_tables,_health_timers,_health_upkeep,_in_use,_install_campaign_triggers,_is_campaign_owner,_is_marked_by_process,_lock_marked,_maintenance_commands,_make_month,
			_make_month_patiently,_marked_due,_missing_log_months,_months_of_rows,_move_log_rows,_next_cron_time,_next_due,_notify,_partitions,_put_off_timers,
			_record_handler,_recover_lost,_refresh_if_changed,_release_marked,_remove_executions,_remove_metrics,_remove_timers,_reset_constraints,
			_retry_upkeep_at,_run_upkeep_step,_set_cron_database,_short_lock_timeout,_start_marked,_table_health,_upkeep_as_owner,_upkeep_failed,_uuid_v7,_wake,
			_wake_worker,archive_old_state_logs,cleanup_timer_executions,create_monthly_partitions,fill_campaign_end_time,log_campaign_state_change,
			register_handler,unregister_handler,update_updated_at_column,validate_state_transition,validate_timer_handler,validate_timer_policy,validate_timer_schedule}')) AS l (access, names)
	JOIN pg_proc AS p ON p.pronamespace = '@extschema@'::regnamespace AND p.proname = ANY (l.names)
	-- A function of this name that somebody else has put here is none of ours.
	JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
	JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'campaign_lifecycle'
	WHERE l.access = $1 OR (l.access = 'reader' AND $1 IN ('writer', 'operator'))
$$;
COMMENT ON FUNCTION @extschema@._campaign_functions(text) IS
	'The functions that a level of access may execute: reader, writer, operator, or owner, what the worker calls as the owner of the tables.';

CREATE FUNCTION @extschema@._check_access_change(role regrole) RETURNS void
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	keeper oid;
	forbidden oid;
BEGIN
	IF role IS NULL THEN
		RAISE EXCEPTION 'role must not be null' USING ERRCODE = 'null_value_not_allowed', HINT = 'Give the name of a role, for instance ''app''.';
	END IF;
	IF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = role) THEN
		RAISE EXCEPTION 'role does not exist: %', role
			USING ERRCODE = 'undefined_object', HINT = 'Give the name of a role; nothing can be granted to PUBLIC.';
	END IF;
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		RAISE EXCEPTION 'the campaign tables are missing'
			USING ERRCODE = 'undefined_table', HINT = 'install_campaign_tables() makes them.';
	END IF;
	SELECT e.extowner INTO keeper FROM pg_extension AS e WHERE e.extname = 'campaign_lifecycle';
	SELECT o.owner
	INTO forbidden
	FROM (SELECT keeper UNION SELECT c.relowner FROM @extschema@._campaign_relations() AS r JOIN pg_class AS c ON c.oid = r.relation) AS o (owner)
	WHERE NOT pg_has_role(o.owner, 'USAGE')
	LIMIT 1;
	IF forbidden IS NOT NULL THEN
		RAISE EXCEPTION 'permission denied to change who may use campaigns'
			USING ERRCODE = 'insufficient_privilege', HINT = format('Call it as a superuser, or with the rights of %s.', forbidden::regrole);
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._check_access_change(regrole) IS
	'Raises 22004 for NULL, 42704 for no role, 42P01 without tables, and 42501 unless the caller has the rights of the owners of the extension and of the tables.';

CREATE FUNCTION @extschema@.grant_campaign_access(role regrole, access text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	item record;
BEGIN
	PERFORM @extschema@._check_access_change(role);
	IF access IS NULL OR access NOT IN ('reader', 'writer', 'operator') THEN
		RAISE EXCEPTION 'unknown access level: %', coalesce(left(access, 100), 'NULL')
			USING ERRCODE = CASE WHEN access IS NULL THEN 'null_value_not_allowed' ELSE 'invalid_parameter_value' END,
				HINT = 'Levels are reader, writer and operator.';
	END IF;
	EXECUTE format('GRANT USAGE ON SCHEMA %s TO %s', '@extschema@'::regnamespace, role);
	FOR item IN SELECT f.routine FROM @extschema@._campaign_functions(access) AS f (routine) LOOP
		EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %s', item.routine, role);
	END LOOP;
	-- The owner has every right on a table; a grant to the owner would only be something to lose.
	FOR item IN
		SELECT r.relation FROM @extschema@._campaign_relations() AS r JOIN pg_class AS c ON c.oid = r.relation WHERE c.relowner <> role
	LOOP
		EXECUTE format('GRANT SELECT ON TABLE %s TO %s', item.relation, role);
	END LOOP;
	-- By column, and the user's own columns with them. What the tables stamp and count themselves is nobody's to write.
	FOR item IN
		SELECT g.privilege, c.oid::regclass AS relation, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
		FROM (VALUES
			('writer', 'INSERT', 'campaigns', '{created_at,updated_at}'::name[]),
			('writer', 'UPDATE', 'campaigns', '{id,created_at,updated_at}'),
			('writer', 'INSERT', 'campaign_timers', '{executed_at,retry_count,created_at,updated_at}'),
			('writer', 'UPDATE', 'campaign_timers', '{id,campaign_id,timer_type,executed_at,created_at,updated_at}'),
			('writer', 'INSERT', 'campaign_metrics', '{}')) AS g (access, privilege, relation, withheld)
		JOIN pg_class AS c ON c.relnamespace = '@extschema@'::regnamespace AND c.relname = g.relation
		JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> ALL (g.withheld)
		WHERE g.access = access AND c.relowner <> role
		GROUP BY g.privilege, c.oid
	LOOP
		EXECUTE format('GRANT %s (%s) ON TABLE %s TO %s', item.privilege, item.columns, item.relation, role);
	END LOOP;
	IF access = 'operator' THEN
		EXECUTE format('GRANT UPDATE (status, scheduled_at, retry_count) ON TABLE %s TO %s', '@extschema@.campaign_timers'::regclass, role);
		EXECUTE format('GRANT INSERT (database_oid, paused), UPDATE (paused, changed_at) ON TABLE %s TO %s', '@extschema@.campaign_activation'::regclass, role);
		EXECUTE format('GRANT INSERT (timer_type, handler, handler_owner, timeout), UPDATE (handler, timeout, registered_at), DELETE ON TABLE %s TO %s',
			'@extschema@.campaign_timer_handlers'::regclass, role);
		EXECUTE format('GRANT INSERT (since) ON TABLE %s TO %s', '@extschema@.campaign_clean_run'::regclass, role);
		IF EXISTS (SELECT FROM pg_class AS c WHERE c.oid = to_regclass('@extschema@.campaign_backfills') AND c.relowner <> role) THEN
			EXECUTE format('GRANT INSERT, UPDATE, DELETE ON TABLE %s TO %s', '@extschema@.campaign_backfills'::regclass, role);
		END IF;
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.grant_campaign_access(regrole, text) IS
	'Gives a role access. reader: SELECT on all tables and views, and the monitoring functions. writer: reader, the verbs that create, move, schedule and cancel, and INSERT and UPDATE by column on campaigns and campaign_timers, INSERT on campaign_metrics; no DELETE, TRUNCATE, TRIGGER or REFERENCES, and nothing on the log and the executions. operator: reader, pause, resume, retry, run_due_timers(), the upkeep, and handlers of its own. Levels add up; call it again after adding a column or updating the extension. Errors: 22004, 22023 for another level, 42704; 42501 unless called with the rights of the owners of the extension and the tables. Since 1.1.';

CREATE FUNCTION @extschema@.revoke_campaign_access(role regrole) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	item record;
BEGIN
	PERFORM @extschema@._check_access_change(role);
	SELECT r.relation
	INTO item
	FROM @extschema@._campaign_relations() AS r
	JOIN pg_class AS c ON c.oid = r.relation
	WHERE c.relowner = role
	LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'role % owns %', role, item.relation
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'set_campaign_owner() gives the tables to another role, and takes all access from this one.';
	END IF;
	FOR item IN SELECT r.relation FROM @extschema@._campaign_relations() AS r LOOP
		EXECUTE format('REVOKE ALL ON TABLE %s FROM %s', item.relation, role);
	END LOOP;
	PERFORM @extschema@._revoke_campaign_functions(role);
END
$$;
COMMENT ON FUNCTION @extschema@.revoke_campaign_access(regrole) IS
	'Takes from a role whatever grant_campaign_access() or anyone else granted it on the tables, views and functions of the extension and on its schema. What it has through other roles stays. Errors: 22004, 42501, 42704; 55000 when it owns the tables. Since 1.1.';

CREATE FUNCTION @extschema@._revoke_campaign_functions(role regrole) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	item record;
BEGIN
	FOR item IN
		SELECT p.oid::regprocedure AS routine
		FROM pg_depend AS d
		JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'campaign_lifecycle'
		JOIN pg_proc AS p ON p.oid = d.objid
		WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND p.proowner <> role
			AND EXISTS (SELECT FROM aclexplode(p.proacl) AS a WHERE a.grantee = role)
	LOOP
		EXECUTE format('REVOKE ALL ON ROUTINE %s FROM %s', item.routine, role);
	END LOOP;
	IF NOT EXISTS (SELECT FROM pg_namespace AS n WHERE n.oid = '@extschema@'::regnamespace AND n.nspowner = role) THEN
		EXECUTE format('REVOKE ALL ON SCHEMA %s FROM %s', '@extschema@'::regnamespace, role);
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._revoke_campaign_functions(regrole) IS 'Takes from a role what it was granted on the functions of the extension and on its schema.';

CREATE FUNCTION @extschema@.set_campaign_owner(role regrole) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	former oid[];
	item record;
BEGIN
	PERFORM @extschema@._check_access_change(role);
	SELECT array_agg(DISTINCT c.relowner)
	INTO former
	FROM @extschema@._campaign_relations() AS r
	JOIN pg_class AS c ON c.oid = r.relation
	WHERE NOT r.is_member AND c.relowner <> role;
	-- Upkeep makes partitions in the schema.
	EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %s TO %s', '@extschema@'::regnamespace, role);
	FOR item IN SELECT r.relation FROM @extschema@._campaign_relations() AS r WHERE NOT r.is_member LOOP
		EXECUTE format('ALTER TABLE %s OWNER TO %s', item.relation, role);
	END LOOP;
	FOR item IN SELECT f.owner::regrole AS role FROM unnest(former) AS f (owner) LOOP
		IF NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = '@extschema@.campaign_activation'::regclass AND c.relowner = item.role) THEN
			EXECUTE format('REVOKE ALL ON TABLE %s FROM %s', '@extschema@.campaign_activation'::regclass, item.role);
		END IF;
		PERFORM @extschema@._revoke_campaign_functions(item.role);
	END LOOP;
	PERFORM @extschema@._grant_campaign_owner();
	PERFORM @extschema@._wake();
END
$$;
COMMENT ON FUNCTION @extschema@.set_campaign_owner(regrole) IS
	'Gives every table, partition, view and materialized view of the extension to one role, as whom the worker then writes, with the rights that it needs: USAGE and CREATE on the schema (the upkeep makes partitions) and EXECUTE on what the worker calls. Best a role without LOGIN and without members. The former owner keeps nothing. Errors: 22004, 42501, 42704. Since 1.1.';

CREATE FUNCTION @extschema@._grant_campaign_owner() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	owner regrole;
	item record;
BEGIN
	SELECT c.relowner INTO owner FROM pg_class AS c WHERE c.oid = '@extschema@.campaign_timers'::regclass;
	-- Upkeep makes partitions in the schema.
	IF NOT has_schema_privilege(owner, '@extschema@'::regnamespace, 'USAGE') OR NOT has_schema_privilege(owner, '@extschema@'::regnamespace, 'CREATE') THEN
		EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %s TO %s', '@extschema@'::regnamespace, owner);
	END IF;
	IF NOT has_table_privilege(owner, '@extschema@.campaign_activation', 'SELECT') THEN
		EXECUTE format('GRANT SELECT ON TABLE %s TO %s', '@extschema@.campaign_activation'::regclass, owner);
	END IF;
	FOR item IN
		SELECT f.routine
		FROM @extschema@._campaign_functions('owner') AS f (routine)
		WHERE NOT has_function_privilege(owner, f.routine, 'EXECUTE')
	LOOP
		EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %s', item.routine, owner);
	END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@._grant_campaign_owner() IS
	'Gives the owner of the tables what the worker needs: EXECUTE on what it calls, USAGE and CREATE on the schema; also after an update, which brings new functions.';
-- What the processes are doing. A view over a C function alone, so it is a member of the extension, also in a restore: the server has no way to say that an
-- ordinary view goes with an extension.

CREATE FUNCTION @extschema@._workers(OUT pid integer, OUT database_oid oid, OUT worker_number integer, OUT state text, OUT batches bigint, OUT timers bigint,
		OUT failures bigint, OUT last_error text, OUT next_due timestamp with time zone, OUT started_at timestamp with time zone,
		OUT last_batch_at timestamp with time zone) RETURNS SETOF record
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_workers';
COMMENT ON FUNCTION @extschema@._workers() IS 'What shared memory says of the launcher and the workers of all databases; campaign_workers shows it.';

CREATE VIEW @extschema@.campaign_workers AS
	SELECT w.pid, d.datname AS database, w.worker_number, w.state, w.batches, w.timers, w.failures,
		CASE WHEN d.datname = pg_catalog.current_database() OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') THEN w.last_error
			WHEN w.last_error IS NOT NULL THEN '<in another database>' END AS last_error,
		w.next_due, w.started_at, w.last_batch_at
	FROM @extschema@._workers() AS w
	LEFT JOIN pg_catalog.pg_database AS d ON d.oid = w.database_oid;
COMMENT ON VIEW @extschema@.campaign_workers IS
	'One row a worker process of the server, of this and other databases. A row without a pid says why there is none. Since 1.1.';
COMMENT ON COLUMN @extschema@.campaign_workers.state IS
	'not preloaded (the library is not in shared_preload_libraries), launcher missing, no worker slot (max_worker_processes is too small), starting, idle, running, paused, blocked (makes way for a command on the database).';
COMMENT ON COLUMN @extschema@.campaign_workers.batches IS 'Batches since the process started.';
COMMENT ON COLUMN @extschema@.campaign_workers.timers IS 'Timers attempted since then.';
COMMENT ON COLUMN @extschema@.campaign_workers.failures IS 'Failed attempts since then.';
COMMENT ON COLUMN @extschema@.campaign_workers.last_error IS 'Of other databases only for members of pg_read_all_stats.';
COMMENT ON COLUMN @extschema@.campaign_workers.next_due IS 'What it sleeps until; NULL when nothing waits.';
-- The last step of CREATE EXTENSION: the tables, the activation of this database, and nothing of it while a dump is restored, which brings the tables
-- itself and starts paused. pg_dump's scripts set row_security to off; that is how they are told.

DO $install$
BEGIN
	IF pg_catalog.current_setting('row_security')::pg_catalog.bool THEN
		PERFORM @extschema@.install_campaign_tables();
		INSERT INTO @extschema@.campaign_activation (database_oid)
			SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database();
		INSERT INTO @extschema@.campaign_clean_run (since) VALUES (pg_catalog.now());
	ELSE
		RAISE NOTICE 'campaign_lifecycle made no tables, since row_security is off as in a restore of a dump'
			USING HINT = 'If this is no restore, call install_campaign_tables() and resume_timers().';
	END IF;
	IF pg_catalog.strpos(pg_catalog.current_setting('shared_preload_libraries'), 'campaign_lifecycle') = 0 THEN
		RAISE WARNING 'campaign_lifecycle is not in shared_preload_libraries: timers do not fire by themselves'
			USING HINT = 'Add it to shared_preload_libraries and restart the server, or call run_due_timers() regularly, for instance from pg_cron.';
	END IF;
END
$install$;
-- The end of every script: nobody but the owner may call anything until it is granted, and the relations that were made are the user's from here on.

DO $revoke$
DECLARE
	member regprocedure;
BEGIN
	FOR member IN
		SELECT d.objid::regprocedure
		FROM pg_catalog.pg_depend AS d
		JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
		JOIN pg_catalog.pg_proc AS p ON p.oid = d.objid
		WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
			AND d.deptype = 'e' AND e.extname = 'campaign_lifecycle'
			-- Only where PUBLIC has any: a change made here counts as part of the extension, and with it every grant of the user's on that function, which
			-- pg_dump would then leave out.
			AND EXISTS (SELECT FROM pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) AS a WHERE a.grantee = 0)
	LOOP
		EXECUTE pg_catalog.format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', member);
	END LOOP;
END
$revoke$;

DO $release$
DECLARE
	relation record;
BEGIN
	FOR relation IN
		SELECT c.oid::pg_catalog.regclass AS name, CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END AS kind
		FROM pg_catalog.pg_depend AS d
		JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
		JOIN pg_catalog.pg_class AS c ON c.oid = d.objid
		WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
			AND d.deptype = 'e' AND e.extname = 'campaign_lifecycle'
			AND c.relname NOT IN ('campaign_activation', 'campaign_clean_run', 'campaign_workers')
	LOOP
		EXECUTE pg_catalog.format('ALTER EXTENSION campaign_lifecycle DROP %s %s', relation.kind, relation.name);
	END LOOP;
END
$release$;
