-- Trigger functions: rules that hold for every writer.
--
-- Those on the hot path are in C++ (src/trigger/): stamps, the check of a transition and of a timer's time, the log,
-- the wakeup. They set no search_path, because that would cost every row. They qualify each name and operator instead.

CREATE FUNCTION @extschema@.update_updated_at_column() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'update_updated_at_column';
COMMENT ON FUNCTION @extschema@.update_updated_at_column() IS
	'BEFORE UPDATE row trigger for any table with updated_at: stamps it with the clock, always later than it was, also '
	'when the clock was set back. Since 1.0.';

CREATE FUNCTION @extschema@.log_campaign_state_change() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'log_campaign_state_change';
COMMENT ON FUNCTION @extschema@.log_campaign_state_change() IS
	'Writes campaign_state_log: its row triggers collect the state changes of a statement, its statement triggers write '
	'them as one set, with the rights of the log''s owner. Since 1.0.';

CREATE FUNCTION @extschema@._wake_worker() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', '_wake_worker';
COMMENT ON FUNCTION @extschema@._wake_worker() IS
	'Remembers the earliest timer that this transaction writes; its commit wakes the worker if that is earlier than '
	'what the worker waits for.';

CREATE FUNCTION @extschema@.validate_timer_schedule() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'validate_timer_schedule';
COMMENT ON FUNCTION @extschema@.validate_timer_schedule() IS
	'BEFORE INSERT trigger of campaign_timers, for timers that still wait: refuses one for a campaign in a terminal '
	'state or over a minute in the past (P0001), or beyond the year 9999 (22008); that also BEFORE UPDATE. Since 1.0.';

CREATE FUNCTION @extschema@.validate_state_transition() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'validate_state_transition';
COMMENT ON FUNCTION @extschema@.validate_state_transition() IS
	'BEFORE UPDATE trigger of campaigns: a changed status must be a row of campaign_state_transitions (P0001). Since '
	'1.0.';

CREATE FUNCTION @extschema@.fill_campaign_end_time() RETURNS trigger
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF NEW.start_time < '1970-01-01 00:00:00+00' OR NEW.start_time >= '@time_limit@' THEN
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
	'BEFORE trigger of campaigns: fills in end_time from start_time and duration_hours when it is not given, and lets '
	'it follow when they change; start_time out of range: 22008. Since 1.0.';

-- After TRUNCATE a data-only restore may bring the row of a backup of this database, with the same id. A new row keeps
-- the two apart.
CREATE FUNCTION @extschema@.renew_campaign_tables_id() RETURNS trigger
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	INSERT INTO @extschema@.campaign_tables_version (version)
		SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'campaign_lifecycle';
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.renew_campaign_tables_id() IS
	'AFTER TRUNCATE trigger of campaign_tables_version: inserts a row with a new id, so that the database is a copy '
	'until resume_timers() or install_campaign_tables(). Since 1.2.';

-- An AFTER trigger sees the row as other triggers have left it. A dump creates it after the data.
CREATE FUNCTION @extschema@.validate_timer_policy() RETURNS trigger
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	found_type oid;
BEGIN
	SELECT coalesce(nullif(t.typbasetype, 0), t.oid)
	INTO found_type
	FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
	WHERE a.attrelid = '@extschema@.campaigns'::regclass AND a.attname = NEW.only_when AND a.attnum > 0
		AND NOT a.attisdropped;
	IF found_type IS DISTINCT FROM 'boolean'::regtype THEN
		RAISE EXCEPTION '%', CASE WHEN found_type IS NULL THEN format('campaigns has no column %I', NEW.only_when)
				ELSE format('column %I of campaigns is not boolean', NEW.only_when) END
			USING ERRCODE = CASE WHEN found_type IS NULL THEN 'undefined_column' ELSE 'invalid_parameter_value' END,
				COLUMN = NEW.only_when,
				HINT = 'only_when names a boolean column of campaigns that must be true for the timer to be made, or is NULL. Add '
					'the column first.';
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.validate_timer_policy() IS
	'AFTER trigger of campaign_timer_policies: only_when must be a column of campaigns (42703) of type boolean (22023). '
	'Since 1.1.';

-- The oid finds the role after it was renamed. In a dump of another server the oid may be that of any role, and then
-- the name exists.
CREATE FUNCTION @extschema@.stamp_handler_owner() RETURNS trigger
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	owner oid := (SELECT r.oid FROM pg_roles AS r WHERE r.rolname = NEW.handler_owner);
BEGIN
	IF owner IS NULL AND TG_OP = 'UPDATE' AND NEW.handler_owner = OLD.handler_owner THEN
		SELECT r.oid, r.rolname INTO owner, NEW.handler_owner FROM pg_roles AS r WHERE r.oid = OLD.handler_owner_oid;
		NEW.handler_owner := coalesce(NEW.handler_owner, OLD.handler_owner);
	END IF;
	NEW.handler_owner_oid := owner;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.stamp_handler_owner() IS
	'BEFORE trigger of campaign_timer_handlers: fills in the oid of the role that registers a handler, and its new name '
	'if it was renamed. Since 1.2.';

-- No role can write a handler that would run with the privileges of another role. An AFTER trigger sees the row as
-- other triggers have left it.
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
	'AFTER trigger of campaign_timer_handlers: a handler can be registered only by who has the rights of its owner '
	'(42501). Since 1.1.';
