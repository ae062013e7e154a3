-- Schedules. Times are UTC, as for pg_cron.

CREATE FUNCTION campaign_lifecycle_internal._cron_field(field text, lowest integer, highest integer, names text[])
	RETURNS integer[]
	LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	item text;
	part text[];
	first_value integer;
	last_value integer;
	hits integer[] := '{}';
BEGIN
	FOREACH item IN ARRAY string_to_array(lower(field COLLATE "C"), ',') LOOP
		part := regexp_match(item, '^(?:(\*)|([a-z]{3}|\d{1,2})(?:-([a-z]{3}|\d{1,2}))?)(?:/(\d{1,4}))?$');
		IF part IS NULL OR part[4]::integer = 0 THEN
			RETURN NULL;
		END IF;
		first_value := CASE WHEN part[1] = '*' THEN lowest WHEN part[2] ~ '\d' THEN part[2]::integer
			ELSE array_position(names, part[2]) - 1 + lowest END;
		last_value := CASE WHEN part[1] = '*' THEN highest WHEN part[3] ~ '\d' THEN part[3]::integer
			WHEN part[3] IS NOT NULL THEN array_position(names, part[3]) - 1 + lowest
			-- 5/15 is 5-59/15
			WHEN part[4] IS NOT NULL THEN highest ELSE first_value END;
		IF first_value < lowest OR last_value > highest OR first_value > last_value OR first_value IS NULL
			OR last_value IS NULL THEN
			RETURN NULL;
		END IF;
		hits := hits || ARRAY(SELECT g.n FROM generate_series(first_value, last_value,
			coalesce(part[4]::integer, 1)) AS g (n));
	END LOOP;
	RETURN nullif(ARRAY(SELECT DISTINCT h.n FROM unnest(hits) AS h (n) ORDER BY h.n), '{}');
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._cron_field(text, integer, integer, text[]) IS
	'The numbers that one field of a cron schedule stands for, in order; NULL if it is none.';

CREATE FUNCTION campaign_lifecycle_internal._cron_fields(schedule text, OUT minutes integer[], OUT hours integer[],
	OUT days integer[], OUT months integer[], OUT weekdays integer[], OUT either boolean)
	LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	field text[];
BEGIN
	PERFORM campaign_lifecycle_internal._check_given('schedule', schedule IS NOT NULL);
	field := regexp_split_to_array(CASE lower(btrim(schedule, E' \t') COLLATE "C")
			WHEN '@hourly' THEN '0 * * * *' WHEN '@daily' THEN '0 0 * * *' WHEN '@midnight' THEN '0 0 * * *' WHEN '@weekly'
				THEN '0 0 * * 0'
			WHEN '@monthly' THEN '0 0 1 * *' WHEN '@yearly' THEN '0 0 1 1 *' WHEN '@annually' THEN '0 0 1 1 *'
			ELSE btrim(schedule, E' \t') END, '[ \t]+');
	IF cardinality(field) = 5 THEN
		minutes := campaign_lifecycle_internal._cron_field(field[1], 0, 59, '{}'::text[]);
		hours := campaign_lifecycle_internal._cron_field(field[2], 0, 23, '{}'::text[]);
		days := campaign_lifecycle_internal._cron_field(field[3], 1, 31, '{}'::text[]);
		months := campaign_lifecycle_internal._cron_field(field[4], 1, 12,
			'{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}'::text[]);
		weekdays := campaign_lifecycle_internal._cron_field(field[5], 0, 7, '{sun,mon,tue,wed,thu,fri,sat}'::text[]);
	END IF;
	IF minutes IS NULL OR hours IS NULL OR days IS NULL OR months IS NULL OR weekdays IS NULL THEN
		RAISE EXCEPTION 'invalid cron schedule: "%"', left(schedule, 100)
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Five fields: minute, hour, day of month, month, day of week (0 or 7 is Sunday), each *, a number, a range '
					'1-5, a step */15, or a list of these, in UTC; or @hourly, @daily, @weekly, @monthly, @yearly.';
	END IF;
	-- cron's rule: where both kinds of day are restricted, either will do.
	either := left(field[3], 1) <> '*' AND left(field[5], 1) <> '*';
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._cron_fields(text) IS
	'The fields of a cron schedule; either: a day need satisfy one of days and weekdays only. Raises 22023 for what is '
	'no schedule.';

CREATE FUNCTION campaign_lifecycle_internal._next_cron_time(schedule text, after timestamp with time zone)
	RETURNS timestamp with time zone
	LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	fields record;
	on_day boolean;
	on_weekday boolean;
	start_at timestamp;
	day timestamp;
	h integer;
	m integer;
BEGIN
	PERFORM campaign_lifecycle_internal._check_given('schedule', schedule IS NOT NULL);
	PERFORM campaign_lifecycle_internal._check_as_of(after);
	SELECT f.* INTO fields FROM campaign_lifecycle_internal._cron_fields(schedule) AS f;
	start_at := date_trunc('minute', after AT TIME ZONE 'UTC') + interval '1 minute';
	day := date_trunc('day', start_at);
	-- A 29th of February on a given weekday may be 40 years away.
	WHILE day < start_at + interval '41 years' LOOP
		IF NOT EXTRACT(month FROM day)::integer = ANY (fields.months) THEN
			day := date_trunc('month', day) + interval '1 month';
			CONTINUE;
		END IF;
		on_day := EXTRACT(day FROM day)::integer = ANY (fields.days);
		on_weekday := EXTRACT(dow FROM day)::integer = ANY (fields.weekdays)
			OR EXTRACT(isodow FROM day)::integer = ANY (fields.weekdays);
		IF (on_day AND on_weekday) OR (fields.either AND (on_day OR on_weekday)) THEN
			FOREACH h IN ARRAY fields.hours LOOP
				CONTINUE WHEN day + make_interval(hours => h + 1) <= start_at;
				FOREACH m IN ARRAY fields.minutes LOOP
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
COMMENT ON FUNCTION campaign_lifecycle_internal._next_cron_time(text, timestamptz) IS
	'The first time after the given one that a cron schedule names, in UTC; NULL if there is none. Raises 22023 for '
	'what is no schedule.';

CREATE FUNCTION campaign_lifecycle_internal._is_cron_schedule(schedule text) RETURNS boolean
	LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM campaign_lifecycle_internal._next_cron_time(schedule, '2000-01-01 00:00:00+00'::timestamptz);
	RETURN true;
EXCEPTION WHEN invalid_parameter_value OR null_value_not_allowed THEN
	RETURN false;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._is_cron_schedule(text) IS
	'Whether _next_cron_time() takes the schedule.';
