-- Checks of arguments. Each raises the SQLSTATE that docs/reference.md names.

CREATE FUNCTION campaign_lifecycle_internal._check_given(what text, given boolean) RETURNS void
	LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', '_check_given';
COMMENT ON FUNCTION campaign_lifecycle_internal._check_given(text, boolean) IS
	'Raises 22004 unless the argument was given.';

CREATE FUNCTION campaign_lifecycle_internal._check_object(what text, value jsonb) RETURNS void
	LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM campaign_lifecycle_internal._check_given(what, value IS NOT NULL);
	IF jsonb_typeof(value) <> 'object' THEN
		RAISE EXCEPTION '% must be a JSON object, not %', what, jsonb_typeof(value)
			USING ERRCODE = 'invalid_parameter_value', HINT = format('For instance ''{"key": "value"}'' or %L.', '{}');
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._check_object(text, jsonb) IS
	'Raises 22004 for NULL and 22023 for JSON that is no object.';

CREATE FUNCTION campaign_lifecycle_internal._check_text(what text, value text) RETURNS void
	LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF length(value) > 10000 THEN
		RAISE EXCEPTION '% is too long: % characters', what, length(value)
			USING ERRCODE = 'string_data_right_truncation',
				HINT = 'At most 10000 characters; longer text belongs into a table of the application''s own.';
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._check_text(text, text) IS
	'Raises 22001 for a text of more than 10000 characters.';

CREATE FUNCTION campaign_lifecycle_internal._check_duration(duration_hours integer) RETURNS void
	LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF duration_hours NOT BETWEEN 1 AND 876600 THEN
		RAISE EXCEPTION 'campaign duration out of range: % hours', duration_hours
			USING ERRCODE = 'invalid_parameter_value', HINT = 'A campaign lasts from 1 to 876600 hours (100 years).';
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._check_duration(integer) IS
	'Raises 22023 for a duration that is not between 1 hour and 100 years.';

CREATE FUNCTION campaign_lifecycle_internal._check_start_time(start_time timestamp with time zone) RETURNS void
	LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF start_time < '1970-01-01 00:00:00+00' OR start_time >= '@time_limit@' THEN
		RAISE EXCEPTION 'campaign start_time out of range: %', start_time
			USING ERRCODE = 'datetime_field_overflow', HINT = 'A campaign starts between the years 1970 and 9999.';
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._check_start_time(timestamptz) IS
	'Raises 22008 for a start that is not between the years 1970 and 9999.';

CREATE FUNCTION campaign_lifecycle_internal._check_timer_type(timer_type text) RETURNS void
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	types text[];
BEGIN
	PERFORM campaign_lifecycle_internal._check_given('timer_type', timer_type IS NOT NULL);
	IF EXISTS (SELECT FROM ONLY @extschema@.campaign_state_transitions AS m WHERE m.timer_type = $1) THEN
		RETURN;
	END IF;
	types := campaign_lifecycle_internal._listed_names('timer type');
	IF NOT timer_type = ANY (types) THEN
		RAISE EXCEPTION 'unknown timer type: %', left(timer_type, 100)
			USING ERRCODE = 'invalid_parameter_value', HINT = format('Timer types are %s.',
				(SELECT string_agg(t.type, ', ' ORDER BY t.type) FROM unnest(types) AS t (type)));
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._check_timer_type(text) IS
	'Raises 22004 for NULL and 22023 for a type that no CHECK constraint lists.';

CREATE FUNCTION campaign_lifecycle_internal._check_schedule(scheduled_at timestamp with time zone) RETURNS void
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM campaign_lifecycle_internal._check_given('scheduled_at', scheduled_at IS NOT NULL);
	IF scheduled_at >= '@time_limit@' OR scheduled_at = '-infinity' THEN
		RAISE EXCEPTION 'timer schedule out of range: %', scheduled_at
			USING ERRCODE = 'datetime_field_overflow', HINT = 'Times up to the year 9999 can be scheduled.';
	END IF;
	IF scheduled_at < now() - interval '1 minute' THEN
		RAISE EXCEPTION 'Cannot schedule timer in the past: %', scheduled_at
			USING CONSTRAINT = 'validate_timer_scheduling',
				HINT = 'Up to one minute in the past is tolerated; now() makes the timer due at once.';
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._check_schedule(timestamptz) IS
	'Raises 22004 for NULL, 22008 beyond the year 9999, P0001 for over a minute in the past.';

CREATE FUNCTION campaign_lifecycle_internal._unknown_campaign(campaign_id uuid) RETURNS void
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RAISE EXCEPTION 'campaign not found: %', campaign_id
		USING ERRCODE = 'no_data_found', HINT = 'It may have been deleted, or row level security hides it from you.';
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._unknown_campaign(uuid) IS 'Raises P0002.';
