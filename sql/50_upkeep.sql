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
