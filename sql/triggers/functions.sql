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

-- The only function here whose name begins with an underscore. Dumps of 1.1 have triggers that call it by this name and
-- schema, and restoring them must raise no error.
CREATE FUNCTION @extschema@._wake_worker() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', '_wake_worker';
COMMENT ON FUNCTION @extschema@._wake_worker() IS
	'Remembers the earliest timer that this transaction writes. The commit wakes the worker if that timer is due before '
	'the time for which the worker waits. Since 1.1.';

CREATE FUNCTION @extschema@.validate_timer_schedule() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'validate_timer_schedule';
COMMENT ON FUNCTION @extschema@.validate_timer_schedule() IS
	'BEFORE INSERT trigger of campaign_timers, for timers that still wait: refuses one for a campaign in a terminal '
	'state or over a minute in the past (P0001), or beyond the year 9999 (22008); that also BEFORE UPDATE. Since 1.0.';

-- A dead letter keeps its mark. It satisfies no policy, so a user who clears it away does not say that none is wanted.
CREATE FUNCTION @extschema@.mark_cancelled_timer() RETURNS trigger
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF jsonb_typeof(NEW.payload) = 'object' AND NOT (OLD.status = 'FAILED' AND OLD.retry_count
		>= coalesce(current_setting('campaign_lifecycle.max_attempts', true), '@attempt_limit@')::integer) THEN
		NEW.payload := NEW.payload - 'policy';
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.mark_cancelled_timer() IS
	'BEFORE UPDATE trigger of campaign_timers: a timer that a user cancels is no longer one of a policy, so that '
	'policies do not make it again while the campaign stays in its state. Since 1.2.';

-- A stale copy of a row, written back by an application, must not execute a timer twice.
CREATE FUNCTION @extschema@.validate_timer_status() RETURNS trigger
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RAISE EXCEPTION 'a % timer cannot become %: %', OLD.status, NEW.status, OLD.id
		USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'validate_timer_status_change',
			HINT = 'It is finished. schedule_timer() sets a new one.';
END
$$;
COMMENT ON FUNCTION @extschema@.validate_timer_status() IS
	'BEFORE UPDATE trigger of campaign_timers: a COMPLETED or CANCELLED timer does not wait again (55000). Since 1.2.';

CREATE FUNCTION @extschema@.validate_state_transition() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'validate_state_transition';
COMMENT ON FUNCTION @extschema@.validate_state_transition() IS
	'BEFORE UPDATE trigger of campaigns: a changed status must be a row of campaign_state_transitions (P0001). Since '
	'1.0.';

-- An end_time that is the former or the right one, rounded or truncated as clients keep times, counts as not given. A
-- form that saves milliseconds, or minutes, names every column and means only those that it changes.
CREATE FUNCTION @extschema@.fill_campaign_end_time() RETURNS trigger
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	right_end timestamptz;
	former_end timestamptz;
BEGIN
	IF NEW.start_time < '1970-01-01 00:00:00+00' OR NEW.start_time >= '@time_limit@' THEN
		RAISE EXCEPTION 'campaign start_time out of range: %', NEW.start_time
			USING ERRCODE = 'datetime_field_overflow', HINT = 'A campaign starts between the years 1970 and 9999.';
	END IF;
	IF TG_OP = 'INSERT' AND NEW.status IS NULL THEN
		NEW.status := campaign_lifecycle_internal._first_state();
	END IF;
	-- A constraint refuses a duration out of range, and the end of a long one would be no time.
	IF abs(NEW.duration_hours::bigint) > 876600 THEN
		NEW.end_time := NULL;
		RETURN NEW;
	END IF;
	right_end := NEW.start_time + NEW.duration_hours * interval '1 hour';
	IF NEW.end_time IS NULL AND TG_OP = 'INSERT' THEN
		NEW.end_time := right_end;
		RETURN NEW;
	ELSIF TG_OP = 'UPDATE' THEN
		former_end := OLD.end_time;
		IF NEW.end_time IS NOT DISTINCT FROM former_end THEN
			NEW.end_time := right_end;
		END IF;
	END IF;
	IF NEW.end_time <> right_end AND isfinite(NEW.end_time) AND EXISTS (
		SELECT
		FROM unnest('{0.00001 s,0.0001 s,0.001 s,0.01 s,0.1 s,1 s,1 min}'::interval[]) AS u (unit)
		CROSS JOIN unnest(ARRAY[right_end, former_end]) AS e (at)
		WHERE NEW.end_time IN (date_bin(u.unit, e.at, '2000-01-01 00:00:00+00'),
			date_bin(u.unit, e.at + u.unit / 2, '2000-01-01 00:00:00+00'))) THEN
		NEW.end_time := right_end;
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.fill_campaign_end_time() IS
	'BEFORE trigger of campaigns: fills in end_time from start_time and duration_hours when it is not given, and lets '
	'it follow when they change. A former end_time that a client has rounded counts as not given. A status that is NULL '
	'becomes the first state. start_time out of range: 22008. Since 1.0.';

CREATE FUNCTION @extschema@.protect_columns() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'protect_columns';
COMMENT ON FUNCTION @extschema@.protect_columns() IS
	'BEFORE trigger of campaigns and campaign_timers, for roles that have privileges on single columns only: created_at '
	'and updated_at of a new row are the server''s, and an UPDATE keeps created_at. Refuses (42501) another id, '
	'campaign_id or timer_type, and an executed_at that is not the server''s. Since 1.2.';

-- The server's own error of a CHECK has no hint. This trigger evaluates the constraints that its arguments name, and
-- raises the same error with the comment of the constraint as the hint. The WHEN clauses of its triggers let valid rows
-- pass without a call. A constraint that is gone, or that the user has changed, counts as it is now.
CREATE FUNCTION @extschema@.explain_check_violation() RETURNS trigger
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	item record;
	holds boolean;
BEGIN
	FOR item IN
		SELECT k.conname, pg_get_expr(k.conbin, k.conrelid) AS expression, obj_description(k.oid, 'pg_constraint') AS hint
		FROM pg_constraint AS k
		WHERE k.conrelid = TG_RELID AND k.contype = 'c' AND k.conname = ANY (TG_ARGV)
		ORDER BY k.conname
	LOOP
		EXECUTE format('SELECT %s FROM (SELECT ($1).*) AS new_row', item.expression) INTO holds USING NEW;
		IF NOT holds AND item.hint IS NOT NULL THEN
			RAISE EXCEPTION 'new row for relation "%" violates check constraint "%"', TG_TABLE_NAME, item.conname
				USING ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
					CONSTRAINT = item.conname, HINT = item.hint;
		END IF;
	END LOOP;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.explain_check_violation() IS
	'BEFORE trigger of tables that users write: raises the error of a CHECK constraint that the row violates (23514), '
	'with the comment of the constraint as its hint. Since 1.2.';

CREATE FUNCTION @extschema@.fill_timer_policy_delay() RETURNS trigger
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF EXTRACT(year FROM NEW.delay) <> 0 OR EXTRACT(month FROM NEW.delay) <> 0 THEN
		RAISE EXCEPTION 'delay of a timer policy has months or years: %', NEW.delay
			USING ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = 'delay',
				CONSTRAINT = 'valid_delay',
				HINT = 'Months and years have no fixed length. Give hours or days: a day is taken as 24 hours.';
	ELSIF NEW.anchor = 'entered' AND NEW.delay < interval '0' THEN
		RAISE EXCEPTION 'delay of a timer policy is negative: %', NEW.delay
			USING ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = 'delay',
				CONSTRAINT = 'valid_delay',
				HINT = 'A timer cannot come before the state is entered. Only a delay from start_time or end_time may be negative.';
	END IF;
	NEW.delay := (NEW.delay - EXTRACT(day FROM NEW.delay) * interval '1 day')
		+ EXTRACT(day FROM NEW.delay) * interval '24 hours';
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.fill_timer_policy_delay() IS
	'BEFORE trigger of campaign_timer_policies: a delay with days or weeks is kept in hours, 24 for each day. Refuses '
	'(23514) months, years, and a negative delay after entered. Since 1.2.';

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
