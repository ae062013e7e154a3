-- Checks of arguments of maintenance functions, and what they have in common.

CREATE FUNCTION campaign_lifecycle_internal._check_as_of(as_of timestamp with time zone) RETURNS void
	LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM campaign_lifecycle_internal._check_given('as_of', as_of IS NOT NULL);
	IF NOT isfinite(as_of) OR as_of >= '9900-01-01 00:00:00+00' OR as_of < '0100-01-01 00:00:00+00' THEN
		RAISE EXCEPTION 'as_of out of range: %', as_of
			USING ERRCODE = 'datetime_field_overflow', HINT = 'Leave it out for the present time.';
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._check_as_of(timestamptz) IS
	'Raises 22004 for NULL and 22008 for a time with which no months can be counted.';

CREATE FUNCTION campaign_lifecycle_internal._cutoff(older_than interval, as_of timestamp with time zone)
	RETURNS timestamp with time zone
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM campaign_lifecycle_internal._check_given('older_than', older_than IS NOT NULL);
	PERFORM campaign_lifecycle_internal._check_as_of(as_of);
	IF older_than < interval '0' THEN
		RAISE EXCEPTION 'older_than must not be negative: %', older_than
			USING ERRCODE = 'invalid_parameter_value', HINT = 'An age, for instance ''1 year''.';
	END IF;
	RETURN (as_of AT TIME ZONE 'UTC' - older_than) AT TIME ZONE 'UTC';
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._cutoff(interval, timestamptz) IS
	'as_of minus an age, counted in UTC. Raises 22004 and 22023.';

CREATE FUNCTION campaign_lifecycle_internal._check_max_rows(max_rows bigint) RETURNS void
	LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF max_rows < 0 THEN
		RAISE EXCEPTION 'max_rows must not be negative: %', max_rows
			USING ERRCODE = 'invalid_parameter_value', HINT = 'NULL removes all that are old enough.';
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._check_max_rows(bigint) IS
	'Raises 22023 for a negative number of rows.';

-- Locks are tried for a moment, and the caller tries again. The timeout is below deadlock_timeout, so that in a
-- deadlock the maintenance gives way and the user's transaction goes on.
CREATE FUNCTION campaign_lifecycle_internal._short_lock_timeout() RETURNS text
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT greatest(1, least(200, s.setting::integer / 2)) || 'ms' FROM pg_settings AS s WHERE s.name = 'deadlock_timeout'
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._short_lock_timeout() IS
	'The lock_timeout under which the maintenance changes tables.';

CREATE FUNCTION campaign_lifecycle_internal._run_with_retry(statement text, attempts integer, purpose text)
	RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
DECLARE
	n bigint;
BEGIN
	FOR attempt IN 1 .. attempts LOOP
		BEGIN
			EXECUTE statement INTO n;
			RETURN n;
		EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
			IF attempt = attempts THEN
				RAISE EXCEPTION 'could not lock the campaign tables to %', purpose
					USING ERRCODE = 'lock_not_available',
						HINT = 'A long transaction uses them; nothing of this step was changed. Try again when it has ended: '
							'see pg_stat_activity for the oldest xact_start.';
			END IF;
		END;
		PERFORM pg_sleep(0.05 + random() * 0.2);
	END LOOP;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._run_with_retry(text, integer, text) IS
	'Runs a statement that returns a number, again after a short sleep while a lock is not available. Raises 55P03 at '
	'last.';
