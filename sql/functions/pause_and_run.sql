-- Run due timers in the caller's transaction; pause and resume the timers of this database.

CREATE FUNCTION campaign_lifecycle_internal._wake() RETURNS void
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_wake';
COMMENT ON FUNCTION campaign_lifecycle_internal._wake() IS
	'The commit of this transaction wakes the launcher and this database''s workers.';

CREATE FUNCTION campaign_lifecycle_internal._run_due_timers(as_of timestamp with time zone, max_timers integer)
	RETURNS bigint
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_run_due_timers';
COMMENT ON FUNCTION campaign_lifecycle_internal._run_due_timers(timestamptz, integer) IS
	'run_due_timers() at a given time.';

CREATE FUNCTION campaign_lifecycle_internal._run_due_timers_at(as_of timestamp with time zone, max_timers integer)
	RETURNS bigint
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_run_due_timers_at';
COMMENT ON FUNCTION campaign_lifecycle_internal._run_due_timers_at(timestamptz, integer) IS
	'run_due_timers() as if the clock showed this time, with the stamps of that time.';

CREATE FUNCTION @extschema@.run_due_timers(max_timers integer DEFAULT 1000, as_of timestamp with time zone DEFAULT NULL)
	RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	PERFORM campaign_lifecycle_internal._check_given('max_timers', max_timers IS NOT NULL);
	IF max_timers < 0 THEN
		RAISE EXCEPTION 'max_timers must not be negative: %', max_timers
			USING ERRCODE = 'invalid_parameter_value', HINT = 'It is the most timers that are attempted; the default is 1000.';
	END IF;
	IF as_of IS NULL THEN
		RETURN campaign_lifecycle_internal._run_due_timers(clock_timestamp(), max_timers);
	END IF;
	PERFORM campaign_lifecycle_internal._check_as_of(as_of);
	RETURN campaign_lifecycle_internal._run_due_timers_at(as_of, max_timers);
END
$$;
COMMENT ON FUNCTION @extschema@.run_due_timers(integer, timestamptz) IS
	'Does what the worker does, now, in the caller''s transaction, follow-up timers that fall due included, up to '
	'max_timers attempts; returns the number attempted. For tests, for servers without the preload, from pg_cron. '
	'as_of: as if the clock showed this time, for tests of applications; updated_at, the log, the executions and the '
	'policies then have it, and now() and clock_timestamp() do not. Errors: 22004, 22023; 25001 unless READ COMMITTED; '
	'55000 while paused, and in a handler. With as_of: 22008; 42501 unless a superuser or the owner of the tables calls; '
	'55000 while the worker is active in this database, but not while paused. Since 1.0.';

CREATE FUNCTION @extschema@.pause_timers() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
BEGIN
	PERFORM campaign_lifecycle_internal._check_schema();
	INSERT INTO @extschema@.campaign_activation AS a (database_oid, paused)
	SELECT d.oid, true FROM pg_database AS d WHERE d.datname = current_database()
	ON CONFLICT (database_oid) DO UPDATE SET paused = true, changed_at = now() WHERE NOT a.paused;
	PERFORM campaign_lifecycle_internal._wake();
END
$$;
COMMENT ON FUNCTION @extschema@.pause_timers() IS
	'From the commit on no timer of this database is executed, persistently; a batch that runs ends. '
	'resume_timers() ends the pause. Since 1.0.';

CREATE FUNCTION @extschema@.resume_timers() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
DECLARE
	owned boolean;
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	-- pg_restore --disable-triggers leaves ENABLE ALWAYS as plain ENABLE.
	SELECT pg_has_role(c.relowner, 'USAGE') INTO owned FROM pg_class AS c
		WHERE c.oid = '@extschema@.campaign_timers'::regclass;
	IF owned AND EXISTS (SELECT FROM pg_trigger AS t
			WHERE t.tgrelid = '@extschema@.campaign_timers'::regclass AND t.tgname IN ('wake_worker_on_insert',
				'wake_worker_on_update') AND t.tgenabled <> 'A') THEN
		ALTER TABLE @extschema@.campaign_timers ENABLE ALWAYS TRIGGER wake_worker_on_insert;
		ALTER TABLE @extschema@.campaign_timers ENABLE ALWAYS TRIGGER wake_worker_on_update;
	END IF;
	PERFORM campaign_lifecycle_internal._make_own();
	INSERT INTO @extschema@.campaign_clean_run (since)
	SELECT now() WHERE NOT EXISTS (SELECT FROM ONLY @extschema@.campaign_clean_run);
	PERFORM campaign_lifecycle_internal._wake();
END
$$;
COMMENT ON FUNCTION @extschema@.resume_timers() IS
	'Timers of this database are executed from the commit on: ends pause_timers(), and starts a copy, which begins '
	'paused: a restored or cloned database, one whose tables CREATE EXTENSION adopted with their rows, one into which '
	'rows of another were loaded. Since 1.0.';
