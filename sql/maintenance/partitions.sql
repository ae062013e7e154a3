-- Monthly partitions of the log: which there are, which are missing, and how one is made.

CREATE FUNCTION campaign_lifecycle_internal._partitions(parent regclass)
	RETURNS TABLE (part regclass, lower_bound timestamp with time zone, upper_bound timestamp with time zone)
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
COMMENT ON FUNCTION campaign_lifecycle_internal._partitions(regclass) IS
	'The partitions of a table partitioned by time, its default one apart, with their bounds (infinite for MINVALUE and '
	'MAXVALUE), the oldest first.';

CREATE FUNCTION campaign_lifecycle_internal._default_partition(parent regclass) RETURNS regclass
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT nullif(p.partdefid, 0)::regclass FROM pg_partitioned_table AS p WHERE p.partrelid = parent
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._default_partition(regclass) IS
	'The default partition of a partitioned table, or NULL.';

CREATE FUNCTION campaign_lifecycle_internal._months_of_rows(holder regclass, horizon timestamp with time zone)
	RETURNS SETOF timestamp with time zone
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
	at timestamptz := '0001-01-01 00:00:00+00';
BEGIN
	-- From month to month by the index on created_at, however many rows a month has.
	WHILE holder IS NOT NULL LOOP
		EXECUTE format('SELECT min(created_at) FROM %s WHERE created_at >= $1 AND created_at < $2', holder) INTO at USING at,
			horizon;
		EXIT WHEN at IS NULL;
		at := date_trunc('month', at);
		RETURN NEXT at;
		at := at + interval '1 month';
	END LOOP;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._months_of_rows(regclass, timestamptz) IS
	'The months, by their first instant in UTC, of which a table has rows created before the horizon.';

CREATE FUNCTION campaign_lifecycle_internal._missing_log_months(months_ahead integer, as_of timestamp with time zone)
	RETURNS SETOF timestamp with time zone
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
	SELECT m.month
	FROM (
		SELECT g.month FROM generate_series(date_trunc('month', as_of), date_trunc('month',
			as_of) + make_interval(months => months_ahead), interval '1 month') AS g (month)
		UNION
		-- Rows of a month that the archive has already are for archive_old_state_logs() to move.
		SELECT r.month
		FROM campaign_lifecycle_internal._months_of_rows(
			campaign_lifecycle_internal._default_partition('@extschema@.campaign_state_log'::regclass),
			date_trunc('month', as_of) + make_interval(months => months_ahead + 1)) AS r (month)
		WHERE NOT EXISTS (
			SELECT FROM campaign_lifecycle_internal._partitions('@extschema@.campaign_state_log_archive'::regclass) AS a
			WHERE a.lower_bound < r.month + interval '1 month' AND a.upper_bound > r.month)) AS m
	WHERE NOT EXISTS (
		SELECT FROM campaign_lifecycle_internal._partitions('@extschema@.campaign_state_log'::regclass) AS p
		WHERE p.lower_bound < m.month + interval '1 month' AND p.upper_bound > m.month)
	ORDER BY m.month
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._missing_log_months(integer, timestamptz) IS
	'The months that create_monthly_partitions() would make now: this month, those ahead, and those of rows in the '
	'default partition, unless some partition has a part of it.';

CREATE FUNCTION campaign_lifecycle_internal._move_log_rows(source regclass, target regclass,
	lower_bound timestamp with time zone, upper_bound timestamp with time zone,
		max_rows bigint DEFAULT NULL) RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
DECLARE
	columns text;
	last_one timestamptz := 'infinity';
	found_any boolean;
	disable text[];
	enable text[];
	change text;
	n bigint;
BEGIN
	EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE created_at >= $1 AND created_at < $2)', source) INTO found_any
		USING lower_bound, upper_bound;
	IF NOT found_any THEN
		RETURN 0;
	END IF;
	IF max_rows IS NOT NULL THEN
		EXECUTE format('SELECT created_at FROM %s WHERE created_at >= $1 AND created_at < $2 ORDER BY created_at OFFSET $3 '
			'LIMIT 1', source)
			INTO last_one USING lower_bound, upper_bound, max_rows - 1;
	END IF;
	SELECT string_agg(quote_ident(t.attname), ', ' ORDER BY t.attnum)
	INTO columns
	FROM pg_attribute AS t
	JOIN pg_attribute AS s ON s.attrelid = source AND s.attname = t.attname AND s.attnum > 0 AND NOT s.attisdropped
	WHERE t.attrelid = target AND t.attnum > 0 AND NOT t.attisdropped AND t.attgenerated = '';

	-- A row that moves is not deleted: triggers of the user that watch or forbid deletion from the log do not see it.
	SELECT
		coalesce(array_agg(format('ALTER TABLE %s DISABLE TRIGGER %I', source, g.tgname)), '{}'),
		coalesce(array_agg(format('ALTER TABLE %s ENABLE %s TRIGGER %I', source,
			CASE g.tgenabled WHEN 'A' THEN 'ALWAYS' WHEN 'R' THEN 'REPLICA' ELSE '' END, g.tgname)), '{}')
	INTO disable, enable
	FROM pg_trigger AS g
	WHERE g.tgrelid = source AND NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgtype & 8 <> 0;
	FOREACH change IN ARRAY disable LOOP
		EXECUTE change;
	END LOOP;
	EXECUTE format('WITH moved AS (
				DELETE FROM %1$s WHERE created_at >= $1 AND created_at < $2 AND created_at <= $3 RETURNING %3$s)
			INSERT INTO %2$s (%3$s) OVERRIDING SYSTEM VALUE SELECT %3$s FROM moved', source, target, columns)
		USING lower_bound, upper_bound, coalesce(last_one, 'infinity');
	GET DIAGNOSTICS n = ROW_COUNT;
	FOREACH change IN ARRAY enable LOOP
		EXECUTE change;
	END LOOP;
	RETURN n;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._move_log_rows(regclass, regclass, timestamptz, timestamptz, bigint) IS
	'Moves log rows created within the bounds from one table to another, the oldest first. Moves at least max_rows if '
	'there are as many; rows of one instant stay together. Returns how many.';

CREATE FUNCTION campaign_lifecycle_internal._create_month_table(parent regclass, month timestamp with time zone,
	OUT part regclass)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
	model record;
	part_name text;
	suffix text := '';
BEGIN
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
	EXECUTE format('CREATE TABLE %I.%I (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING '
		'STORAGE INCLUDING COMPRESSION)%s',
		model.nspname, part_name, parent, ' TABLESPACE ' || quote_ident(model.spcname));
	part := to_regclass(format('%I.%I', model.nspname, part_name));
	IF model.owner <> current_user THEN
		EXECUTE format('ALTER TABLE %s OWNER TO %I', part, model.owner);
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._create_month_table(regclass, timestamptz, OUT regclass) IS
	'Makes the table that is to be a month''s partition, with the owner and the tablespace of the parent.';

CREATE FUNCTION campaign_lifecycle_internal._create_month_partition(parent regclass, month timestamp with time zone,
	also_from regclass DEFAULT NULL) RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	SET campaign_lifecycle._users_path = setting SET timezone = 'UTC' SET datestyle = 'ISO, MDY'
		SET lock_timeout = '200ms' AS $$
DECLARE
	next_month timestamptz := month + interval '1 month';
	holder regclass := campaign_lifecycle_internal._default_partition(parent);
	part regclass;
	unproven record;
	put_back text[] := '{}';
	change text;
	moved bigint := 0;
BEGIN
	PERFORM set_config('lock_timeout', campaign_lifecycle_internal._short_lock_timeout(), true);
	-- In the order in which writers lock: campaigns, then the log.
	IF EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = parent AND k.contype = 'f'
		AND k.confrelid = '@extschema@.campaigns'::regclass) THEN
		LOCK TABLE ONLY @extschema@.campaigns IN SHARE ROW EXCLUSIVE MODE;
	END IF;
	EXECUTE format('LOCK TABLE ONLY %s IN SHARE UPDATE EXCLUSIVE MODE', parent);
	IF EXISTS (SELECT FROM campaign_lifecycle_internal._partitions(parent) AS p WHERE p.lower_bound < next_month
		AND p.upper_bound > month) THEN
		RETURN NULL;
	END IF;
	IF holder IS NOT NULL THEN
		EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', holder);
	END IF;

	part := campaign_lifecycle_internal._create_month_table(parent, month);
	PERFORM campaign_lifecycle_internal._copy_grants(parent, part, NULL::regclass);

	-- A constraint that is NOT VALID on the parent must not refuse old rows here. One that lists the states stays, because
	-- its text, read again, makes another expression, which ATTACH would refuse.
	FOR unproven IN
		SELECT k.conname AS name, pg_get_constraintdef(k.oid) AS definition
		FROM pg_constraint AS k
		WHERE k.conrelid = parent AND k.contype = 'c' AND NOT k.convalidated
			AND k.conname NOT IN (SELECT l.constraint_name FROM campaign_lifecycle_internal._name_lists('state') AS l)
	LOOP
		EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', part, unproven.name);
		put_back := put_back || format('ALTER TABLE %s ADD CONSTRAINT %I %s', part, unproven.name, unproven.definition);
	END LOOP;
	IF holder IS NOT NULL THEN
		PERFORM campaign_lifecycle_internal._move_log_rows(holder, part, month, next_month, NULL::bigint);
	END IF;
	IF also_from IS NOT NULL THEN
		moved := campaign_lifecycle_internal._move_log_rows(also_from, part, month, next_month, NULL::bigint);
	END IF;
	FOREACH change IN ARRAY put_back LOOP
		EXECUTE change;
	END LOOP;
	-- With this CHECK, ATTACH PARTITION need not scan the table, here and when the month enters the archive.
	EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I CHECK (created_at >= %L AND created_at < %L)', part, 'valid_month',
		month, next_month);
	EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)', parent, part, month, next_month);
	RETURN moved;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._create_month_partition(regclass, timestamptz, regclass) IS
	'Makes one month''s partition of the log or the archive, with the month''s rows from its default partition and from '
	'another table; returns the number of the latter, NULL if a partition has the month already. Errors: 55P03 when the '
	'tables are in use.';

CREATE FUNCTION campaign_lifecycle_internal._create_month_partition_with_retry(parent regclass,
		month timestamp with time zone, also_from regclass, attempts integer) RETURNS bigint
	LANGUAGE sql SET search_path = pg_catalog, pg_temp
	SET campaign_lifecycle._users_path = setting SET timezone = 'UTC' SET datestyle = 'ISO, MDY' AS $$
	SELECT campaign_lifecycle_internal._run_with_retry(
		format('SELECT campaign_lifecycle_internal._create_month_partition(%L::regclass, %L::timestamptz, %L::regclass)',
			parent, month, also_from),
		attempts, format('make the month %s', to_char(month, 'YYYY-MM')))
$$;
COMMENT ON FUNCTION
	campaign_lifecycle_internal._create_month_partition_with_retry(regclass, timestamptz, regclass, integer) IS
	'_create_month_partition(), tried so many times.';

CREATE FUNCTION @extschema@.create_monthly_partitions(months_ahead integer DEFAULT 3,
	as_of timestamp with time zone DEFAULT now()) RETURNS integer
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
DECLARE
	month timestamptz;
	made integer := 0;
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	IF NOT campaign_lifecycle_internal._is_campaign_owner() THEN
		RETURN campaign_lifecycle_internal._run_maintenance_as_owner('create_monthly_partitions', as_of, NULL::interval,
			months_ahead::bigint);
	END IF;
	PERFORM campaign_lifecycle_internal._check_given('months_ahead', months_ahead IS NOT NULL);
	PERFORM campaign_lifecycle_internal._check_as_of(as_of);
	IF months_ahead NOT BETWEEN 0 AND 120 THEN
		RAISE EXCEPTION 'months_ahead out of range: %', months_ahead
			USING ERRCODE = 'invalid_parameter_value', HINT = 'From 0, the present month only, to 120.';
	END IF;
	PERFORM campaign_lifecycle_internal._share_access(true);
	FOR month IN SELECT m.month FROM campaign_lifecycle_internal._missing_log_months(months_ahead, as_of) AS m (month) LOOP
		IF campaign_lifecycle_internal._create_month_partition_with_retry('@extschema@.campaign_state_log'::regclass, month,
			NULL::regclass, 40) IS NOT NULL THEN
			made := made + 1;
		END IF;
	END LOOP;
	RETURN made;
END
$$;
COMMENT ON FUNCTION @extschema@.create_monthly_partitions(integer, timestamptz) IS
	'Makes the partitions of campaign_state_log for the month of as_of (UTC) and so many months ahead (0 to 120). Makes '
	'one as well for every month up to there of which the default partition has rows, and moves them. Rows created later '
	'than that, or before the year 1, stay there. The worker does this by itself. Returns the number made. Errors: '
	'22004, 22008, 22023; 55P03 when a long transaction uses the tables. Since 1.1.';
