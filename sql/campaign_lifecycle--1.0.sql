-- campaign_lifecycle: head of the install script. Runs first, before any object of ours exists: finds what would clash and says where else to go,
-- then makes the bookkeeping that belongs to the extension itself and that no dump carries.

\echo Use "CREATE EXTENSION campaign_lifecycle" to load this file. \quit

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
-- Trigger functions: what holds whoever writes. Stamps, the log and the wake-up are C++ (src/triggers.cpp, src/wake.cpp), for they are on the hot path;
-- the checks against the two tables of the machine are SQL.

CREATE FUNCTION @extschema@.update_updated_at_column() RETURNS trigger
	LANGUAGE c SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'update_updated_at_column';
COMMENT ON FUNCTION @extschema@.update_updated_at_column() IS
	'BEFORE UPDATE row trigger for any table with updated_at: stamps it with the clock, always later than it was, also when the clock was set back.';

CREATE FUNCTION @extschema@.log_campaign_state_change() RETURNS trigger
	LANGUAGE c SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'log_campaign_state_change';
COMMENT ON FUNCTION @extschema@.log_campaign_state_change() IS
	'Writes campaign_state_log: its row triggers remember the moves of a statement, its statement triggers write them as one set, with the rights of the log''s owner.';

CREATE FUNCTION @extschema@._wake_worker() RETURNS trigger
	LANGUAGE c SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', '_wake_worker';
COMMENT ON FUNCTION @extschema@._wake_worker() IS 'Remembers the earliest timer that this transaction writes; its commit wakes the worker if that is earlier than what the worker waits for.';

CREATE FUNCTION @extschema@.validate_timer_schedule() RETURNS trigger
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF EXISTS (
		SELECT FROM @extschema@.campaigns AS c
		WHERE c.id = NEW.campaign_id
			AND NOT EXISTS (SELECT FROM @extschema@.campaign_state_transitions AS m WHERE m.from_state = c.status)
	) THEN
		RAISE EXCEPTION 'Cannot schedule timer for expired campaign: %', NEW.campaign_id
			USING CONSTRAINT = 'validate_timer_scheduling', HINT = 'A campaign in a state without outgoing transitions gets no more timers.';
	END IF;
	IF NEW.scheduled_at < now() - interval '1 minute' THEN
		RAISE EXCEPTION 'Cannot schedule timer in the past: %', NEW.scheduled_at
			USING CONSTRAINT = 'validate_timer_scheduling', HINT = 'Up to one minute in the past is tolerated; now() makes the timer due at once.';
	END IF;
	IF NEW.scheduled_at >= '10000-01-01 00:00:00+00' THEN
		RAISE EXCEPTION 'timer schedule out of range: %', NEW.scheduled_at
			USING ERRCODE = 'datetime_field_overflow', HINT = 'Times up to the year 9999 can be scheduled.';
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.validate_timer_schedule() IS
	'BEFORE INSERT trigger of campaign_timers, for timers that still wait: refuses one for a campaign in a terminal state or over a minute in the past (P0001), or beyond the year 9999 (22008).';

CREATE FUNCTION @extschema@.validate_state_transition() RETURNS trigger
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF NEW.status IS DISTINCT FROM OLD.status AND NOT EXISTS (
		SELECT FROM @extschema@.campaign_state_transitions AS m
		WHERE m.from_state = OLD.status AND m.to_state = NEW.status
	) THEN
		RAISE EXCEPTION 'Invalid state transition from % to %', OLD.status, NEW.status
			USING CONSTRAINT = 'valid_state_transition',
				HINT = coalesce(
					(SELECT 'From ' || OLD.status || ' a campaign can move to ' || string_agg(m.to_state, ', ' ORDER BY m.priority, m.to_state) || '.'
						FROM @extschema@.campaign_state_transitions AS m WHERE m.from_state = OLD.status),
					OLD.status || ' is a terminal state.');
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.validate_state_transition() IS
	'BEFORE UPDATE trigger of campaigns: a changed status must be a row of campaign_state_transitions (P0001).';

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
	'BEFORE trigger of campaigns: fills in end_time from start_time and duration_hours when it is not given, and lets it follow when they change; start_time out of range: 22008.';
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
INSERT INTO @extschema@.campaign_tables_version (version) VALUES ('1.0');

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
-- Views over the tables, ordinary objects as those are; they call no function of ours, so that DROP EXTENSION needs no CASCADE. Body of install_campaign_tables().

-- A campaign's timers run one after another: a timer is runnable when no earlier one of its campaign waits or runs. Ties go by priority, then id.
CREATE VIEW @extschema@._runnable_timers WITH (security_invoker = true) AS
	SELECT t.id, t.campaign_id, t.timer_type, t.status, t.scheduled_at, t.retry_count
	FROM @extschema@.campaign_timers AS t
	JOIN @extschema@.campaigns AS c ON c.id = t.campaign_id
	WHERE NOT EXISTS (
		SELECT FROM @extschema@.campaign_timers AS e
		WHERE e.campaign_id = t.campaign_id AND e.id <> t.id
			AND (e.status = 'RUNNING'
				OR ((e.status = 'PENDING'
						OR (e.status = 'FAILED' AND e.retry_count < coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5')::integer))
					AND (e.scheduled_at < t.scheduled_at
						OR (e.scheduled_at = t.scheduled_at
							AND (coalesce((SELECT min(m.priority) FROM @extschema@.campaign_state_transitions AS m WHERE m.timer_type = e.timer_type), 2147483647), e.id)
								< (coalesce((SELECT min(m.priority) FROM @extschema@.campaign_state_transitions AS m WHERE m.timer_type = t.timer_type), 2147483647), t.id)))))
		OFFSET 0);
COMMENT ON VIEW @extschema@._runnable_timers IS 'Timers with no earlier unfinished timer of their campaign; what the claim locks, with the campaign.';
END IF;
IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = '@extschema@.campaigns'::regclass AND tgname = 'update_campaigns_updated_at') THEN
	PERFORM @extschema@._install_campaign_triggers();
END IF;
END
$install$;
COMMENT ON FUNCTION @extschema@.install_campaign_tables() IS
	'Makes the campaign tables, their triggers and the views over them, or adopts those that an earlier CREATE EXTENSION left. CREATE EXTENSION calls it; call it yourself where a NOTICE said so. A clash with other objects: 42710; tables of another owner: 42501.';
-- The triggers of the tables. Each depends on the extension, so that DROP EXTENSION takes it along and leaves the table. A function of its own, since
-- CREATE EXTENSION over tables that were left makes only these again.
CREATE FUNCTION @extschema@._install_campaign_triggers() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $install$
BEGIN

CREATE TRIGGER fill_campaign_end_time_on_insert BEFORE INSERT ON @extschema@.campaigns
	FOR EACH ROW EXECUTE FUNCTION @extschema@.fill_campaign_end_time();
CREATE TRIGGER fill_campaign_end_time_on_update BEFORE UPDATE OF start_time, end_time, duration_hours ON @extschema@.campaigns
	FOR EACH ROW WHEN (OLD.start_time IS DISTINCT FROM NEW.start_time OR OLD.duration_hours IS DISTINCT FROM NEW.duration_hours OR OLD.end_time IS DISTINCT FROM NEW.end_time)
	EXECUTE FUNCTION @extschema@.fill_campaign_end_time();
CREATE TRIGGER update_campaigns_updated_at BEFORE UPDATE ON @extschema@.campaigns
	FOR EACH ROW EXECUTE FUNCTION @extschema@.update_updated_at_column();
CREATE TRIGGER validate_campaign_state_transition BEFORE UPDATE ON @extschema@.campaigns
	FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
	EXECUTE FUNCTION @extschema@.validate_state_transition();
CREATE TRIGGER log_campaign_creation AFTER INSERT ON @extschema@.campaigns
	FOR EACH ROW EXECUTE FUNCTION @extschema@.log_campaign_state_change();
CREATE TRIGGER log_campaign_creation_flush AFTER INSERT ON @extschema@.campaigns
	FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.log_campaign_state_change();
CREATE TRIGGER log_campaign_state_changes AFTER UPDATE ON @extschema@.campaigns
	FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
	EXECUTE FUNCTION @extschema@.log_campaign_state_change();
CREATE TRIGGER log_campaign_state_changes_flush AFTER UPDATE ON @extschema@.campaigns
	FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.log_campaign_state_change();

CREATE TRIGGER update_campaign_timers_updated_at BEFORE UPDATE ON @extschema@.campaign_timers
	FOR EACH ROW EXECUTE FUNCTION @extschema@.update_updated_at_column();
CREATE TRIGGER validate_timer_scheduling BEFORE INSERT ON @extschema@.campaign_timers
	FOR EACH ROW WHEN (NEW.status IN ('PENDING', 'RUNNING') OR (NEW.status = 'FAILED' AND NEW.retry_count < 5))
	EXECUTE FUNCTION @extschema@.validate_timer_schedule();
CREATE TRIGGER wake_worker_on_insert AFTER INSERT ON @extschema@.campaign_timers
	FOR EACH ROW WHEN (NEW.status IN ('PENDING', 'FAILED'))
	EXECUTE FUNCTION @extschema@._wake_worker();
CREATE TRIGGER wake_worker_on_update AFTER UPDATE ON @extschema@.campaign_timers
	FOR EACH ROW WHEN (NEW.status IN ('PENDING', 'FAILED') AND (OLD.status IS DISTINCT FROM NEW.status OR OLD.scheduled_at IS DISTINCT FROM NEW.scheduled_at))
	EXECUTE FUNCTION @extschema@._wake_worker();
-- Also what logical replication applies is to wake the worker; it invents nothing.
ALTER TABLE @extschema@.campaign_timers ENABLE ALWAYS TRIGGER wake_worker_on_insert;
ALTER TABLE @extschema@.campaign_timers ENABLE ALWAYS TRIGGER wake_worker_on_update;

ALTER TRIGGER fill_campaign_end_time_on_insert ON @extschema@.campaigns DEPENDS ON EXTENSION campaign_lifecycle;
ALTER TRIGGER fill_campaign_end_time_on_update ON @extschema@.campaigns DEPENDS ON EXTENSION campaign_lifecycle;
ALTER TRIGGER update_campaigns_updated_at ON @extschema@.campaigns DEPENDS ON EXTENSION campaign_lifecycle;
ALTER TRIGGER validate_campaign_state_transition ON @extschema@.campaigns DEPENDS ON EXTENSION campaign_lifecycle;
ALTER TRIGGER log_campaign_creation ON @extschema@.campaigns DEPENDS ON EXTENSION campaign_lifecycle;
ALTER TRIGGER log_campaign_creation_flush ON @extschema@.campaigns DEPENDS ON EXTENSION campaign_lifecycle;
ALTER TRIGGER log_campaign_state_changes ON @extschema@.campaigns DEPENDS ON EXTENSION campaign_lifecycle;
ALTER TRIGGER log_campaign_state_changes_flush ON @extschema@.campaigns DEPENDS ON EXTENSION campaign_lifecycle;
ALTER TRIGGER update_campaign_timers_updated_at ON @extschema@.campaign_timers DEPENDS ON EXTENSION campaign_lifecycle;
ALTER TRIGGER validate_timer_scheduling ON @extschema@.campaign_timers DEPENDS ON EXTENSION campaign_lifecycle;
ALTER TRIGGER wake_worker_on_insert ON @extschema@.campaign_timers DEPENDS ON EXTENSION campaign_lifecycle;
ALTER TRIGGER wake_worker_on_update ON @extschema@.campaign_timers DEPENDS ON EXTENSION campaign_lifecycle;
END
$install$;
COMMENT ON FUNCTION @extschema@._install_campaign_triggers() IS 'Makes the triggers of the campaign tables and ties them to the extension.';
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

	SELECT m.from_state
	INTO first_state
	FROM @extschema@.campaign_state_transitions AS m
	WHERE NOT EXISTS (SELECT FROM @extschema@.campaign_state_transitions AS i WHERE i.to_state = m.from_state)
	ORDER BY m.priority, m.from_state
	LIMIT 1;
	IF first_state IS NULL THEN
		RAISE EXCEPTION 'no first state: every state of campaign_state_transitions can be entered from another'
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Delete the row that leads back into the first state.';
	END IF;

	INSERT INTO @extschema@.campaigns AS c (id, status, metadata, start_time, duration_hours, auto_close, rewards_enabled)
	VALUES (coalesce(id, @extschema@._uuid_v7()), first_state, metadata, start_time, duration_hours, auto_close, rewards_enabled)
	RETURNING c.id, c.created_at INTO campaign_id, entered;
	PERFORM @extschema@._apply_policies(ARRAY[campaign_id], ARRAY[entered], clock_timestamp());
	RETURN campaign_id;
END
$$;
COMMENT ON FUNCTION @extschema@.create_campaign(integer, timestamptz, boolean, boolean, jsonb, uuid) IS
	'A campaign in the first state with the timers its policy wants. duration_hours: 1 to 876600; start_time: NULL until known; id: chosen by the caller, else a time-ordered UUID. Returns the id. Errors: 22004, 22008, 22023; 23505 when the id exists. Since 1.0.';

CREATE FUNCTION @extschema@.schedule_campaign_timers(campaign_id uuid) RETURNS TABLE (timer_id uuid, timer_type text, scheduled_at timestamp with time zone)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	state text;
BEGIN
	PERFORM @extschema@._check_given('campaign_id', campaign_id IS NOT NULL);
	PERFORM FROM @extschema@.campaign_timers AS t WHERE t.campaign_id = campaign_id AND t.status IN ('PENDING', 'FAILED') ORDER BY t.id FOR NO KEY UPDATE;
	SELECT c.status INTO state FROM @extschema@.campaigns AS c WHERE c.id = campaign_id FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		PERFORM @extschema@._unknown_campaign(campaign_id);
	END IF;
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
	PERFORM FROM @extschema@.campaign_timers AS t WHERE t.campaign_id = campaign_id AND t.status IN ('PENDING', 'FAILED') ORDER BY t.id FOR NO KEY UPDATE;
	SELECT c.status INTO state FROM @extschema@.campaigns AS c WHERE c.id = campaign_id FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		PERFORM @extschema@._unknown_campaign(campaign_id);
	END IF;
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
	PERFORM FROM @extschema@.campaign_timers AS t WHERE t.campaign_id = campaign_id AND t.status IN ('PENDING', 'FAILED') ORDER BY t.id FOR NO KEY UPDATE;
	SELECT c.status INTO from_state FROM @extschema@.campaigns AS c WHERE c.id = campaign_id FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		PERFORM @extschema@._unknown_campaign(campaign_id);
	END IF;
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
	SELECT c.status INTO state FROM @extschema@.campaigns AS c WHERE c.id = campaign_id;
	IF NOT FOUND THEN
		PERFORM @extschema@._unknown_campaign(campaign_id);
	END IF;
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
	INSERT INTO @extschema@.campaign_timers AS t (id, campaign_id, timer_type, scheduled_at, payload)
	VALUES (coalesce(id, @extschema@._uuid_v7()), campaign_id, timer_type, scheduled_at, payload)
	RETURNING t.id INTO new_id;
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
	PERFORM @extschema@._lock_timer(timer_id, campaign_id, '{PENDING,FAILED}', 'rescheduled');
	UPDATE @extschema@.campaign_timers AS t
	SET status = 'PENDING', retry_count = 0, scheduled_at = reschedule_timer.scheduled_at, payload = t.payload - 'policy'
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
	PERFORM @extschema@._lock_timer(timer_id, campaign_id, '{PENDING,FAILED}', 'cancelled');
	UPDATE @extschema@.campaign_timers AS t
	SET status = 'CANCELLED', payload = CASE WHEN reason IS NULL THEN t.payload ELSE jsonb_set(t.payload, '{cancel_reason}', to_jsonb(reason)) END
	WHERE t.id = timer_id;
END
$$;
COMMENT ON FUNCTION @extschema@.cancel_timer(uuid, text, uuid) IS
	'Cancels a timer that is PENDING or FAILED; reason (at most 10000 characters) is kept in its payload as cancel_reason. Errors: 22001, 22004, P0002; 55000 in another status. Since 1.0.';

CREATE FUNCTION @extschema@.retry_timer(timer_id uuid, campaign_id uuid DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM @extschema@._lock_timer(timer_id, campaign_id, '{FAILED}', 'retried');
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
	RETURNING m.id INTO new_id;
	RETURN new_id;
END
$$;
COMMENT ON FUNCTION @extschema@.record_metric(uuid, text, numeric, jsonb, uuid) IS
	'One metric of a campaign; returns its id. value: up to 11 digits before and 4 after the point. Errors: 22003, 22004, 22023, P0002. Since 1.0.';

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
	'Does what the worker does, now, in the caller''s transaction, follow-up timers that fall due included, up to max_timers attempts; returns the number attempted. For tests, for servers without the preload, from pg_cron. Errors: 22004, 22023; 25001 unless READ COMMITTED; 55000 while paused. Since 1.0.';

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
-- What happens when timers are due: claimed as a batch, applied as sets, a failing one recorded alone. The worker and run_due_timers() call these, each
-- batch in one transaction, as the owner of the tables. The time is an argument everywhere (as_of); the moves themselves are stamped by the clock.
--
-- A claim takes at most one timer of a campaign, its first: so a set statement meets each campaign once, and one campaign's timers run in order across
-- batches and workers. Plans are pinned by the SET clauses, for the claim must cost the same with ten or ten million rows, statistics or none.

CREATE FUNCTION @extschema@._claim_timers(as_of timestamp with time zone, since timestamp with time zone, max_timers integer,
		only_timers uuid[] DEFAULT NULL, OUT timer_ids uuid[], OUT claimed_to timestamp with time zone)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_sort = off
	SET enable_incremental_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	attempts integer := coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5');
	handled text[] := ARRAY(SELECT h.timer_type FROM @extschema@.campaign_timer_handlers AS h);
	pending_ids uuid[];
	pending_to timestamptz;
BEGIN
	IF only_timers IS NOT NULL THEN
		SELECT array_agg(q.id)
		INTO timer_ids
		FROM (
			SELECT r.id
			FROM @extschema@._runnable_timers AS r
			WHERE r.id = ANY (only_timers) AND r.status IN ('PENDING', 'FAILED') AND r.retry_count < attempts AND r.scheduled_at <= as_of
			FOR NO KEY UPDATE OF r SKIP LOCKED) AS q;
		claimed_to := since;
		RETURN;
	END IF;

	-- Those that wait for their next attempt, by their own small index; dead letters are not in it.
	SELECT array_agg(q.id), max(q.scheduled_at)
	INTO timer_ids, claimed_to
	FROM (
		SELECT r.id, r.scheduled_at
		FROM @extschema@._runnable_timers AS r
		WHERE r.status = 'FAILED' AND r.retry_count < 5 AND r.retry_count < attempts AND r.scheduled_at >= since AND r.scheduled_at <= as_of
			AND r.timer_type <> ALL (handled)
		ORDER BY r.scheduled_at, r.retry_count
		LIMIT max_timers
		FOR NO KEY UPDATE OF r SKIP LOCKED) AS q;
	IF cardinality(timer_ids) >= max_timers THEN
		claimed_to := since;
		RETURN;
	END IF;

	-- The row comparison can be served by idx_campaign_timers_processing alone, and starts where the last claim ended.
	SELECT array_agg(q.id), max(q.scheduled_at)
	INTO pending_ids, pending_to
	FROM (
		SELECT r.id, r.scheduled_at
		FROM @extschema@._runnable_timers AS r
		WHERE r.status IN ('PENDING', 'FAILED') AND (r.status, r.scheduled_at) >= ('PENDING', since) AND (r.status, r.scheduled_at) <= ('PENDING', as_of)
			AND r.timer_type <> ALL (handled)
		ORDER BY r.status, r.scheduled_at
		LIMIT max_timers - coalesce(cardinality(timer_ids), 0)
		FOR NO KEY UPDATE OF r SKIP LOCKED) AS q;
	timer_ids := timer_ids || pending_ids;
	claimed_to := CASE WHEN cardinality(timer_ids) >= max_timers THEN pending_to ELSE as_of END;
END
$$;
COMMENT ON FUNCTION @extschema@._claim_timers(timestamptz, timestamptz, integer, uuid[]) IS
	'Locks up to max_timers due timers scheduled since a time (or those of only_timers) with their campaigns, at most one a campaign, skipping what is locked. Returns their ids (NULL: none) and how far the past is claimed.';

CREATE FUNCTION @extschema@._next_due(since timestamp with time zone) RETURNS timestamp with time zone
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_incremental_sort = off SET jit = off
	SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	attempts integer := coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5');
BEGIN
	RETURN least(
		(SELECT t.scheduled_at
			FROM @extschema@.campaign_timers AS t
			WHERE t.status IN ('PENDING', 'FAILED') AND (t.status, t.scheduled_at) >= ('PENDING', since) AND (t.status, t.scheduled_at) <= ('PENDING', 'infinity')
			ORDER BY t.status, t.scheduled_at
			LIMIT 1),
		(SELECT t.scheduled_at
			FROM @extschema@.campaign_timers AS t
			WHERE t.status = 'FAILED' AND t.retry_count < 5 AND t.retry_count < attempts AND t.scheduled_at >= since
			ORDER BY t.scheduled_at, t.retry_count
			LIMIT 1));
END
$$;
COMMENT ON FUNCTION @extschema@._next_due(timestamptz) IS 'The least scheduled_at, not before since, of the timers that wait; NULL if none does.';

CREATE FUNCTION @extschema@._can_still_apply(state text, type text) RETURNS boolean
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	WITH RECURSIVE ahead (state) AS (
		SELECT $1
		UNION
		SELECT m.to_state FROM ahead AS a JOIN @extschema@.campaign_state_transitions AS m ON m.from_state = a.state)
	SELECT EXISTS (SELECT FROM ahead AS a JOIN @extschema@.campaign_state_transitions AS m ON m.from_state = a.state AND m.timer_type = $2)
$$;
COMMENT ON FUNCTION @extschema@._can_still_apply(text, text) IS 'Whether a campaign in this state, or in one it can still reach, moves by a timer of this type.';

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
CREATE FUNCTION @extschema@._apply_policies(campaign_ids uuid[], entered_at timestamp with time zone[], as_of timestamp with time zone) RETURNS timestamp with time zone
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	other_flags boolean := EXISTS (SELECT FROM @extschema@.campaign_timer_policies AS p WHERE p.only_when NOT IN ('auto_close', 'rewards_enabled'));
	lowest timestamptz;
BEGIN
	WITH entry AS MATERIALIZED (
		SELECT c.id, c.status AS state, c.start_time, c.end_time, e.entered, c.auto_close, c.rewards_enabled,
			CASE WHEN other_flags THEN to_jsonb(c) END AS flags,
			NOT EXISTS (SELECT FROM @extschema@.campaign_state_transitions AS m WHERE m.from_state = c.status OFFSET 0) AS terminal,
			t.ids, t.types, t.statuses, t.times, t.by_policy
		FROM unnest(campaign_ids, entered_at) AS e (campaign_id, entered)
		JOIN @extschema@.campaigns AS c ON c.id = e.campaign_id
		CROSS JOIN LATERAL (
			SELECT array_agg(t.id) AS ids, array_agg(t.timer_type) AS types, array_agg(t.status) AS statuses, array_agg(t.scheduled_at) AS times,
				array_agg(t.payload ? 'policy') AS by_policy
			FROM @extschema@.campaign_timers AS t
			WHERE t.campaign_id = c.id AND (t.status IN ('PENDING', 'RUNNING') OR (t.status = 'FAILED' AND t.retry_count < 5))) AS t
	),
	changed AS (
		UPDATE @extschema@.campaign_timers AS t
		SET status = CASE WHEN w.at IS NULL THEN 'CANCELLED' ELSE 'PENDING' END,
			scheduled_at = coalesce(greatest(w.at, as_of), t.scheduled_at),
			retry_count = CASE WHEN w.at IS NULL THEN t.retry_count ELSE 0 END
		FROM (
			SELECT w.timer_id, e.id AS campaign_id, p.at
			FROM entry AS e
			CROSS JOIN LATERAL unnest(e.ids, e.types, e.statuses, e.times, e.by_policy) AS w (timer_id, timer_type, status, scheduled_at, by_policy)
			LEFT JOIN LATERAL (
				SELECT p.delay + CASE p.anchor WHEN 'start_time' THEN e.start_time WHEN 'end_time' THEN e.end_time ELSE e.entered END AS at,
					CASE p.only_when WHEN 'auto_close' THEN e.auto_close WHEN 'rewards_enabled' THEN e.rewards_enabled
						ELSE p.only_when IS NULL OR coalesce((e.flags ->> p.only_when)::boolean, false) END AS wanted
				FROM @extschema@.campaign_timer_policies AS p
				WHERE p.state = e.state AND p.timer_type = w.timer_type
				OFFSET 0) AS p ON NOT e.terminal
			WHERE w.status <> 'RUNNING'
				AND (e.terminal
					OR (w.by_policy AND CASE
						WHEN p.wanted IS NULL
							THEN NOT EXISTS (SELECT FROM @extschema@.campaign_state_transitions AS m WHERE m.from_state = e.state AND m.timer_type = w.timer_type OFFSET 0)
						-- One at the right time is not rewritten; of what is due at once any past time is right.
						ELSE p.wanted AND p.at IS NOT NULL AND p.at <> w.scheduled_at
							AND NOT (p.at <= as_of AND (w.scheduled_at <= as_of OR w.status = 'FAILED'))
						END))
			OFFSET 0
		) AS w
		WHERE t.id = w.timer_id AND t.campaign_id = w.campaign_id AND t.status IN ('PENDING', 'FAILED')
	),
	added AS (
		INSERT INTO @extschema@.campaign_timers (campaign_id, timer_type, scheduled_at, payload)
		SELECT e.id, p.timer_type, greatest(p.at, as_of), '{"policy": true}'
		FROM entry AS e
		CROSS JOIN LATERAL (
			SELECT p.timer_type, p.delay + CASE p.anchor WHEN 'start_time' THEN e.start_time WHEN 'end_time' THEN e.end_time ELSE e.entered END AS at
			FROM @extschema@.campaign_timer_policies AS p
			WHERE p.state = e.state AND p.timer_type <> ALL (coalesce(e.types, '{}'))
				AND CASE p.only_when WHEN 'auto_close' THEN e.auto_close WHEN 'rewards_enabled' THEN e.rewards_enabled
					ELSE p.only_when IS NULL OR coalesce((e.flags ->> p.only_when)::boolean, false) END
			OFFSET 0) AS p
		WHERE NOT e.terminal AND p.at IS NOT NULL
		ORDER BY e.id, greatest(p.at, as_of)
		-- A timer of the type set by hand at this very moment satisfies the policy.
		ON CONFLICT DO NOTHING
	)
	SELECT min(w.scheduled_at)
	INTO lowest
	FROM entry AS e CROSS JOIN LATERAL unnest(e.times) AS w (scheduled_at)
	WHERE w.scheduled_at <= as_of;
	RETURN lowest;
END
$$;
COMMENT ON FUNCTION @extschema@._apply_policies(uuid[], timestamptz[], timestamptz) IS
	'Gives campaigns the timers that the policy of their present state wants, moves and cancels those that a policy made, cancels all in a terminal state. Returns the earliest due timer that waited before, or NULL.';

CREATE FUNCTION @extschema@._apply_timers(timer_ids uuid[], as_of timestamp with time zone) RETURNS timestamp with time zone
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	began constant timestamptz := clock_timestamp();
	other_flags boolean := EXISTS (SELECT FROM @extschema@.campaign_timer_policies AS p WHERE p.only_when NOT IN ('auto_close', 'rewards_enabled'));
	event_before text := coalesce(current_setting('campaign_lifecycle.trigger_event', true), '');
	timers uuid[];            -- the batch, column by column
	campaigns uuid[];
	types text[];
	times timestamptz[];
	targets text[];
	outcomes text[];          -- move, event, off, late, early
	results jsonb[];
	unstarted boolean[];
	type text;
	moving uuid[];
	moving_to text[];
	starting uuid[];
	moved bigint;
	n bigint;
	done_at timestamptz;
	each_ms numeric;
	i integer;
	lowest timestamptz;
BEGIN
	SELECT array_agg(d.id), array_agg(d.campaign_id), array_agg(d.timer_type), array_agg(d.scheduled_at), array_agg(d.to_state), array_agg(d.outcome),
		array_agg(CASE d.outcome
			WHEN 'move' THEN jsonb_build_object('from', d.from_state, 'to', d.to_state)
			WHEN 'event' THEN jsonb_build_object('event', d.timer_type)
			WHEN 'off' THEN jsonb_build_object('skipped', true, 'reason', format('%s is off', d.only_when))
			WHEN 'late' THEN jsonb_build_object('skipped', true, 'reason', format('too late in state %s', d.from_state)) END),
		array_agg(d.unstarted)
	INTO timers, campaigns, types, times, targets, outcomes, results, unstarted
	FROM (
		SELECT t.id, t.campaign_id, t.timer_type, t.scheduled_at, c.status AS from_state, m.to_state, p.only_when,
			c.start_time IS NULL AND p.anchor = 'start_time' AS unstarted,
			CASE
				WHEN p.only_when IS NOT NULL AND t.payload ? 'policy'
					AND NOT CASE p.only_when WHEN 'auto_close' THEN c.auto_close WHEN 'rewards_enabled' THEN c.rewards_enabled
						ELSE coalesce((CASE WHEN other_flags THEN to_jsonb(c) END ->> p.only_when)::boolean, false) END
					THEN 'off'
				WHEN m.to_state IS NOT NULL THEN 'move'
				-- A policy that counts from entering the state means an event of this state; one that counts from start or end may have set the timer ahead.
				WHEN p.anchor = 'entered' THEN 'event'
				WHEN @extschema@._can_still_apply(c.status, t.timer_type) THEN 'early'
				WHEN p.anchor IS NOT NULL THEN 'event'
				ELSE 'late' END AS outcome
		FROM unnest(timer_ids) AS u (id)
		JOIN @extschema@.campaign_timers AS t ON t.id = u.id
		JOIN @extschema@.campaigns AS c ON c.id = t.campaign_id
		LEFT JOIN @extschema@.campaign_state_transitions AS m ON m.from_state = c.status AND m.timer_type = t.timer_type
		LEFT JOIN @extschema@.campaign_timer_policies AS p ON p.state = c.status AND p.timer_type = t.timer_type) AS d;

	IF 'move' = ANY (outcomes) THEN
		-- One statement a timer type, for the log takes the event from the setting.
		FOR type, moving, moving_to, starting IN
			SELECT u.timer_type, array_agg(u.campaign_id), array_agg(u.to_state), array_agg(u.campaign_id) FILTER (WHERE u.unstarted)
			FROM unnest(types, campaigns, targets, outcomes, unstarted) AS u (timer_type, campaign_id, to_state, outcome, unstarted)
			WHERE u.outcome = 'move'
			GROUP BY u.timer_type
		LOOP
			PERFORM set_config('campaign_lifecycle.trigger_event', type, true);
			IF starting IS NULL THEN
				UPDATE @extschema@.campaigns AS c
				SET status = u.to_state
				FROM unnest(moving, moving_to) AS u (id, to_state)
				WHERE c.id = u.id;
			ELSE
				UPDATE @extschema@.campaigns AS c
				SET status = u.to_state, start_time = CASE WHEN c.id = ANY (starting) THEN as_of ELSE c.start_time END
				FROM unnest(moving, moving_to) AS u (id, to_state)
				WHERE c.id = u.id;
			END IF;
			GET DIAGNOSTICS moved = ROW_COUNT;
			IF moved <> cardinality(moving) THEN
				RAISE EXCEPTION 'a campaign was not moved by its % timer', type
					USING ERRCODE = 'triggered_action_exception', HINT = 'A trigger on campaigns has suppressed the update.';
			END IF;
		END LOOP;
		PERFORM set_config('campaign_lifecycle.trigger_event', event_before, true);
	END IF;

	done_at := as_of + (clock_timestamp() - began);
	UPDATE @extschema@.campaign_timers AS t
	SET status = 'COMPLETED', executed_at = done_at
	FROM unnest(timers, outcomes) AS u (id, outcome)
	WHERE t.id = u.id AND u.outcome <> 'early';
	GET DIAGNOSTICS n = ROW_COUNT;

	IF n > 0 THEN
		IF 'move' = ANY (outcomes) THEN
			lowest := @extschema@._apply_policies(
				ARRAY(SELECT u.id FROM unnest(campaigns, outcomes) AS u (id, outcome) WHERE u.outcome = 'move'),
				ARRAY(SELECT as_of FROM unnest(outcomes) AS u (outcome) WHERE u.outcome = 'move'),
				as_of);
		END IF;

		each_ms := EXTRACT(epoch FROM clock_timestamp() - began) * 1000 / n;
		INSERT INTO @extschema@.timer_executions (id, timer_id, status, result, started_at, completed_at, execution_time_ms)
		SELECT @extschema@._uuid_v7(), u.id, 'COMPLETED', u.result, as_of, done_at, each_ms
		FROM unnest(timers, outcomes, results) AS u (id, outcome, result)
		WHERE u.outcome <> 'early';
		IF coalesce(current_setting('campaign_lifecycle.record_metrics', true), 'on')::boolean THEN
			INSERT INTO @extschema@.campaign_metrics (id, campaign_id, metric_type, value, recorded_at)
			SELECT @extschema@._uuid_v7(), u.campaign_id, m.type,
				CASE m.type WHEN 'STATE_TRANSITION_TIME' THEN least(EXTRACT(epoch FROM done_at - u.scheduled_at) * 1000, 99999999999) ELSE each_ms END, done_at
			FROM unnest(campaigns, times, outcomes) AS u (campaign_id, scheduled_at, outcome)
			JOIN (VALUES ('TIMER_EXECUTION_TIME'), ('STATE_TRANSITION_TIME')) AS m (type) ON u.outcome = 'move' OR m.type = 'TIMER_EXECUTION_TIME'
			WHERE u.outcome <> 'early';
		END IF;
		IF coalesce(current_setting('campaign_lifecycle.notify_events', true), '') <> '' THEN
			PERFORM @extschema@._notify(e.event, array_agg(u.campaign_id), array_agg(u.id), array_agg(u.timer_type))
			FROM unnest(timers, campaigns, types, outcomes) AS u (id, campaign_id, timer_type, outcome)
			JOIN (VALUES ('timer.executed', NULL), ('reward.reminder', 'event')) AS e (event, outcome) ON e.outcome = u.outcome OR e.outcome IS NULL
			WHERE u.outcome <> 'early'
			GROUP BY e.event;
		END IF;
	END IF;

	IF n < cardinality(timers) THEN
		FOR i IN SELECT g.i FROM generate_subscripts(outcomes, 1) AS g (i) WHERE outcomes[g.i] = 'early' LOOP
			-- Put off while an earlier timer of the campaign is unfinished, and that is no attempt; otherwise one.
			IF NOT EXISTS (
				SELECT FROM @extschema@.campaign_timers AS t
				WHERE t.campaign_id = campaigns[i] AND t.id <> timers[i]
					AND (t.status = 'RUNNING'
						OR (t.status = 'PENDING' AND t.scheduled_at <= times[i])
						OR (t.status = 'FAILED' AND t.retry_count < coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5')::integer))
			) THEN
				PERFORM @extschema@._fail_timer(timers[i], as_of, '55000',
					format('too early: a campaign in state %s does not move by %s yet', (SELECT c.status FROM @extschema@.campaigns AS c WHERE c.id = campaigns[i]), types[i]));
			END IF;
		END LOOP;
	END IF;
	RETURN lowest;
END
$$;
COMMENT ON FUNCTION @extschema@._apply_timers(uuid[], timestamptz) IS
	'Carries out claimed timers, at most one a campaign, in sets: moves, completion, log, policies, executions, metrics. Returns the earliest timer of the campaigns moved that was due as well, or NULL.';

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
	SET status = 'FAILED', retry_count = t.retry_count + 1,
		scheduled_at = CASE WHEN t.retry_count + 1 >= attempts THEN t.scheduled_at
			ELSE as_of + base * (power(2, t.retry_count) * (1 + jitter * (2 * random() - 1))) END
	WHERE t.id = timer_id AND t.status IN ('PENDING', 'FAILED', 'RUNNING') AND t.retry_count < 5
	RETURNING t.campaign_id, t.timer_type, t.retry_count INTO failed;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	INSERT INTO @extschema@.timer_executions (timer_id, status, error_message, started_at, completed_at, execution_time_ms)
	VALUES (timer_id, 'FAILED', left(sqlstate || ': ' || message, 8000), as_of, as_of, 0);
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
-- The last step of CREATE EXTENSION: the tables, the activation of this database, and nothing of it while a dump is restored, which brings the tables
-- itself and starts paused. pg_dump's scripts set row_security to off; that is how they are told.

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

DO $install$
DECLARE
	relation record;
BEGIN
	IF pg_catalog.current_setting('row_security')::pg_catalog.bool THEN
		PERFORM @extschema@.install_campaign_tables();
		INSERT INTO @extschema@.campaign_activation (database_oid)
			SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database();
		INSERT INTO @extschema@.campaign_clean_run (since) VALUES (pg_catalog.now());
		-- Ordinary objects of the user from here on: a dump brings them with the user's columns, indexes and triggers.
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
