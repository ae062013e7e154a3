-- The archive of the log.

CREATE FUNCTION campaign_lifecycle_internal._copy_log_columns_to_archive() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	wanted record;
BEGIN
	FOR wanted IN
		SELECT l.attname, format_type(l.atttypid, l.atttypmod) AS type, format_type(a.atttypid, a.atttypmod) AS type_there,
			' COLLATE ' || quote_ident(n.nspname) || '.' || quote_ident(o.collname) AS collation,
			CASE l.attgenerated WHEN 's' THEN format(' GENERATED ALWAYS AS (%s) STORED',
				pg_get_expr(d.adbin, d.adrelid)) END AS generated
		FROM pg_attribute AS l
		JOIN pg_type AS t ON t.oid = l.atttypid
		LEFT JOIN pg_attribute AS a ON a.attrelid = '@extschema@.campaign_state_log_archive'::regclass
			AND a.attname = l.attname AND NOT a.attisdropped
		LEFT JOIN pg_attrdef AS d ON d.adrelid = l.attrelid AND d.adnum = l.attnum
		LEFT JOIN pg_collation AS o ON o.oid = l.attcollation AND l.attcollation <> t.typcollation
		LEFT JOIN pg_namespace AS n ON n.oid = o.collnamespace
		WHERE l.attrelid = '@extschema@.campaign_state_log'::regclass AND l.attnum > 0 AND NOT l.attisdropped
			AND (a.attname IS NULL OR (a.atttypid, a.atttypmod) IS DISTINCT FROM (l.atttypid, l.atttypmod))
		ORDER BY l.attnum
	LOOP
		IF wanted.type_there IS NOT NULL THEN
			RAISE EXCEPTION 'column % is % in campaign_state_log and % in campaign_state_log_archive',
				quote_ident(wanted.attname), wanted.type, wanted.type_there
				USING ERRCODE = 'datatype_mismatch',
					HINT = format('ALTER TABLE %s ALTER COLUMN %I TYPE %s;', '@extschema@.campaign_state_log_archive'::regclass,
						wanted.attname, wanted.type);
		END IF;
		EXECUTE format('ALTER TABLE @extschema@.campaign_state_log_archive ADD COLUMN %I %s%s%s', wanted.attname, wanted.type,
			wanted.collation, wanted.generated);
	END LOOP;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._copy_log_columns_to_archive() IS
	'Gives the archive the columns that a user has added to the log. Raises 42804 where a column''s type differs.';

CREATE FUNCTION campaign_lifecycle_internal._fit_to_archive(part regclass) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, MDY' AS $$
DECLARE
	change text;
	new_name text;
BEGIN
	-- The archive keeps the history of deleted campaigns, so it has no foreign key. Then add columns and constraints of
	-- the archive that this table lacks.
	FOR change IN
		SELECT format('DROP CONSTRAINT %I', k.conname) FROM pg_constraint AS k WHERE k.conrelid = part AND k.contype = 'f'
		UNION ALL
		SELECT format('ADD COLUMN %I %s', a.attname, format_type(a.atttypid, a.atttypmod))
		FROM pg_attribute AS a
		WHERE a.attrelid = '@extschema@.campaign_state_log_archive'::regclass AND a.attnum > 0 AND NOT a.attisdropped
			AND NOT EXISTS (SELECT FROM pg_attribute AS p WHERE p.attrelid = part AND p.attname = a.attname
				AND NOT p.attisdropped)
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
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._fit_to_archive(regclass) IS
	'Gives a partition that has left the log the columns, constraints and name that it needs in the archive.';

CREATE FUNCTION campaign_lifecycle_internal._validate_for_archive(part regclass) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	constraint_name name;
BEGIN
	FOR constraint_name IN
		SELECT k.conname
		FROM pg_constraint AS k
		JOIN pg_constraint AS a ON a.conrelid = '@extschema@.campaign_state_log_archive'::regclass AND a.contype = 'c'
			AND a.conname = k.conname AND a.convalidated
		WHERE k.conrelid = part AND k.contype = 'c' AND NOT k.convalidated
	LOOP
		EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', part, constraint_name);
	END LOOP;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._validate_for_archive(regclass) IS
	'Validates each CHECK constraint of a partition that is NOT VALID and of which the archive''s is valid. ATTACH '
	'PARTITION would refuse it.';

CREATE FUNCTION campaign_lifecycle_internal._archive_partition(part regclass, lower_bound timestamp with time zone,
	upper_bound timestamp with time zone) RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	SET campaign_lifecycle._users_path = setting SET timezone = 'UTC' SET datestyle = 'ISO, MDY'
		SET lock_timeout = '200ms' AS $$
DECLARE
	log_default regclass := campaign_lifecycle_internal._default_partition('@extschema@.campaign_state_log'::regclass);
	archive_default regclass := campaign_lifecycle_internal._default_partition(
		'@extschema@.campaign_state_log_archive'::regclass);
	bounds text;
	change text;
	n bigint;
BEGIN
	PERFORM set_config('lock_timeout', campaign_lifecycle_internal._short_lock_timeout(), true);
	LOCK TABLE ONLY @extschema@.campaign_state_log IN SHARE UPDATE EXCLUSIVE MODE;
	SELECT pg_get_expr(c.relpartbound, c.oid)
	INTO bounds
	FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
	WHERE i.inhparent = '@extschema@.campaign_state_log'::regclass AND i.inhrelid = part;
	IF NOT FOUND THEN
		RETURN 0;
	END IF;

	-- Steps that take time by the number of rows come first, while other partitions are read and written.
	EXECUTE format('LOCK TABLE %s IN SHARE MODE', part);
	EXECUTE format('SELECT count(*) FROM %s', part) INTO n;
	IF NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = part AND k.conname = 'valid_month'
		AND k.convalidated) THEN
		SELECT concat_ws(' AND ', 'created_at >= ' || quote_literal(nullif(lower_bound, '-infinity')), 'created_at < '
			|| quote_literal(nullif(upper_bound, 'infinity')))
		INTO change;
		EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I CHECK (%s)', part, 'valid_month', change);
	END IF;

	PERFORM campaign_lifecycle_internal._validate_for_archive(part);

	-- DROP CONSTRAINT needs ACCESS EXCLUSIVE on campaigns. The steps from here on take milliseconds.
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
	PERFORM campaign_lifecycle_internal._copy_log_columns_to_archive();
	EXECUTE format('ALTER TABLE @extschema@.campaign_state_log DETACH PARTITION %s', part);

	PERFORM campaign_lifecycle_internal._fit_to_archive(part);
	IF archive_default IS NOT NULL THEN
		PERFORM campaign_lifecycle_internal._move_log_rows(archive_default, part, lower_bound, upper_bound, NULL::bigint);
	END IF;
	PERFORM campaign_lifecycle_internal._copy_grants('@extschema@.campaign_state_log_archive'::regclass, part,
		'@extschema@.campaign_state_log'::regclass);
	EXECUTE format('ALTER TABLE @extschema@.campaign_state_log_archive ATTACH PARTITION %s %s', part, bounds);
	RETURN n;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._archive_partition(regclass, timestamptz, timestamptz) IS
	'Takes one partition from the log to the archive as it is, under the name campaign_state_log_archive_..., its '
	'foreign keys dropped; rows of its months from the archive''s default join it. Returns its rows as they were in the '
	'log. Errors: 55P03 when the tables are in use.';

CREATE FUNCTION campaign_lifecycle_internal._archive_partition_with_retry(part regclass,
		lower_bound timestamp with time zone, upper_bound timestamp with time zone, attempts integer) RETURNS bigint
	LANGUAGE sql SET search_path = pg_catalog, pg_temp
	SET campaign_lifecycle._users_path = setting SET timezone = 'UTC' SET datestyle = 'ISO, MDY' AS $$
	SELECT campaign_lifecycle_internal._run_with_retry(
		format('SELECT campaign_lifecycle_internal._archive_partition(%L::regclass, %L::timestamptz, %L::timestamptz)',
			part, lower_bound, upper_bound),
		attempts, format('archive %s', part))
$$;
COMMENT ON FUNCTION
	campaign_lifecycle_internal._archive_partition_with_retry(regclass, timestamptz, timestamptz, integer) IS
	'_archive_partition(), tried so many times.';

CREATE FUNCTION campaign_lifecycle_internal._next_month_to_archive(cutoff timestamp with time zone)
	RETURNS timestamp with time zone
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
	SELECT r.month
	FROM (
		SELECT l.month
		FROM campaign_lifecycle_internal._months_of_rows(
			campaign_lifecycle_internal._default_partition('@extschema@.campaign_state_log'::regclass),
			date_trunc('month', cutoff)) AS l (month)
		UNION
		SELECT a.month
		FROM campaign_lifecycle_internal._months_of_rows(
			campaign_lifecycle_internal._default_partition('@extschema@.campaign_state_log_archive'::regclass),
			date_trunc('month', cutoff)) AS a (month)) AS r
	WHERE NOT EXISTS (
			SELECT FROM campaign_lifecycle_internal._partitions('@extschema@.campaign_state_log_archive'::regclass) AS a
			WHERE a.lower_bound < r.month + interval '1 month' AND a.upper_bound > r.month)
		AND NOT EXISTS (
			SELECT FROM campaign_lifecycle_internal._partitions('@extschema@.campaign_state_log'::regclass) AS p
			WHERE p.lower_bound < r.month + interval '1 month' AND p.upper_bound > r.month)
	ORDER BY r.month
	LIMIT 1
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._next_month_to_archive(timestamptz) IS
	'The first whole month before the cut-off of which a default partition has rows, of the log or of the archive. '
	'Neither of them has a partition for it. NULL if there is none.';

CREATE FUNCTION campaign_lifecycle_internal._archive_step(cutoff timestamp with time zone, max_rows bigint,
	attempts integer, OUT moved bigint, OUT more boolean)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	SET campaign_lifecycle._users_path = setting SET timezone = 'UTC' AS $$
DECLARE
	log_default regclass := campaign_lifecycle_internal._default_partition('@extschema@.campaign_state_log'::regclass);
	piece record;
	month timestamptz;
BEGIN
	-- First, whole partitions that are old. Rows of a month that the archive already has are moved one by one.
	SELECT p.part, p.lower_bound, p.upper_bound
	INTO piece
	FROM campaign_lifecycle_internal._partitions('@extschema@.campaign_state_log'::regclass) AS p
	WHERE p.upper_bound <= cutoff
		AND NOT EXISTS (
			SELECT FROM campaign_lifecycle_internal._partitions('@extschema@.campaign_state_log_archive'::regclass) AS a
			WHERE a.lower_bound < p.upper_bound AND a.upper_bound > p.lower_bound)
	ORDER BY p.lower_bound
	LIMIT 1;
	IF FOUND THEN
		moved := campaign_lifecycle_internal._archive_partition_with_retry(piece.part, piece.lower_bound, piece.upper_bound,
			attempts);
		more := true;
		RETURN;
	END IF;

	-- Whole months of which either default partition has rows: each gets its partition in the archive.
	month := campaign_lifecycle_internal._next_month_to_archive(cutoff);
	IF month IS NOT NULL THEN
		PERFORM campaign_lifecycle_internal._copy_log_columns_to_archive();
		moved := coalesce(campaign_lifecycle_internal._create_month_partition_with_retry(
			'@extschema@.campaign_state_log_archive'::regclass, month, log_default, attempts), 0);
		more := true;
		RETURN;
	END IF;

	-- The rest by rows: the part of the cut-off's month, late rows of archived months, rows before the year 1.
	FOR piece IN
		SELECT p.part FROM campaign_lifecycle_internal._partitions('@extschema@.campaign_state_log'::regclass) AS p
			WHERE p.lower_bound < cutoff
		UNION ALL
		SELECT log_default WHERE log_default IS NOT NULL
	LOOP
		EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE created_at < $1)', piece.part) INTO more USING cutoff;
		IF more THEN
			PERFORM campaign_lifecycle_internal._copy_log_columns_to_archive();
			moved := campaign_lifecycle_internal._move_log_rows(piece.part, '@extschema@.campaign_state_log_archive'::regclass,
				'-infinity'::timestamptz, cutoff, max_rows);
			RETURN;
		END IF;
	END LOOP;
	moved := 0;
	more := false;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._archive_step(timestamptz, bigint, integer, OUT bigint, OUT boolean) IS
	'One step of archiving what is older than the cut-off: a whole partition, or about max_rows rows. Returns the rows '
	'that left the log, and whether to call it again.';

CREATE FUNCTION @extschema@.archive_old_state_logs(older_than interval DEFAULT '1 year',
	as_of timestamp with time zone DEFAULT now()) RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
DECLARE
	cutoff timestamptz := campaign_lifecycle_internal._cutoff(older_than, as_of);
	archived bigint := 0;
	step record;
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	IF NOT campaign_lifecycle_internal._is_campaign_owner() THEN
		RETURN campaign_lifecycle_internal._run_maintenance_as_owner('archive_old_state_logs', as_of, older_than,
			NULL::bigint);
	END IF;
	PERFORM campaign_lifecycle_internal._share_access(true);
	LOOP
		SELECT s.moved, s.more INTO step FROM campaign_lifecycle_internal._archive_step(cutoff, NULL::bigint, 40) AS s;
		archived := archived + step.moved;
		EXIT WHEN NOT step.more;
	END LOOP;
	RAISE NOTICE 'Archived % old state log records', archived;
	RETURN archived;
END
$$;
COMMENT ON FUNCTION @extschema@.archive_old_state_logs(interval, timestamptz) IS
	'Moves log rows created before as_of minus older_than into campaign_state_log_archive: whole months by detaching '
	'and attaching their partition, which becomes campaign_state_log_archive_y2025m10 and so on, the part of the '
	'cut-off''s month by rows. Columns added to the log are added to the archive. May be stopped and repeated at any '
	'point. Returns the number of rows. Errors: 22004, 22008, 22023; 42804 when a column''s type differs; 55P03 when a '
	'long transaction uses the tables. Since 1.1.';
