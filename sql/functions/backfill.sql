-- The batched backfill of docs/specification.md, for any table. Each batch is a transaction of its own that also writes
-- the progress. A run that an error or a crash has stopped goes on where it was, and visits no row twice.
--
-- Which rows: each row that exists when the run begins, once. It is written if its value differs, to the last bit, from
-- value_expression. Rows that are written meanwhile are visited as they then are.
--
-- How: along a unique key, from its first value to the last one at the beginning. A table without one is walked by
-- blocks. A row that is updated meanwhile can cross that walk. So the walk is repeated until one pass over the table
-- finds no row that differs, and the expression must leave a filled row alone.
--
-- backfill_column() commits, so it can have no SET clause, and it runs the caller's text under the caller's
-- search_path. Therefore every name and operator in it is qualified. Nothing of it runs with other privileges than the
-- caller's, and no text of campaign_backfills is ever run.

CREATE FUNCTION campaign_lifecycle_internal._backfill_start(table_name regclass, column_name name,
	value_expression text) RETURNS uuid
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
#variable_conflict use_variable
DECLARE
	relation text := (SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS n
		ON n.oid = c.relnamespace WHERE c.oid = table_name);
	run uuid := gen_random_uuid();
	earlier record;
BEGIN
	PERFORM campaign_lifecycle_internal._backfill_lock(relation, column_name);
	SELECT b.* INTO earlier FROM ONLY @extschema@.campaign_backfills AS b WHERE b.relation = relation
		AND b.column_name = column_name FOR UPDATE;
	IF earlier.relation IS NOT NULL AND earlier.finished_at IS NULL AND earlier.value_expression = value_expression THEN
		UPDATE ONLY @extschema@.campaign_backfills AS b
		SET run = run, run_by = current_user, updated_at = clock_timestamp()
		WHERE b.relation = relation AND b.column_name = column_name;
		RAISE NOTICE 'backfill of %.% goes on: % rows seen, % changed so far', relation, quote_ident(column_name),
			earlier.rows_seen, earlier.rows_changed;
		RETURN run;
	END IF;
	IF earlier.finished_at IS NULL AND earlier.value_expression <> value_expression THEN
		RAISE NOTICE 'backfill of %.% begins anew: an unfinished run had another value_expression', relation,
			quote_ident(column_name);
	END IF;
	INSERT INTO @extschema@.campaign_backfills AS b (relation, column_name, value_expression, run, run_by, started_at,
		updated_at, estimated_rows)
	VALUES (relation, column_name, value_expression, run, current_user, clock_timestamp(), clock_timestamp(),
		(SELECT CASE WHEN min(c.reltuples) >= 0 THEN sum(c.reltuples) END
			FROM pg_class AS c
			WHERE c.relkind = 'r' AND c.oid IN (
				WITH RECURSIVE tree (oid) AS (SELECT table_name::oid UNION SELECT i.inhrelid FROM tree AS t JOIN pg_inherits AS i
					ON i.inhparent = t.oid)
				SELECT t.oid FROM tree AS t)))
	ON CONFLICT ON CONSTRAINT campaign_backfills_pkey DO UPDATE
	SET value_expression = excluded.value_expression, run = excluded.run, run_by = excluded.run_by,
		started_at = excluded.started_at,
		updated_at = excluded.updated_at, finished_at = NULL, estimated_rows = excluded.estimated_rows, rows_seen = 0,
			rows_changed = 0, batches = 0,
		part = NULL, key_columns = NULL, reached = NULL, up_to = NULL, pass = 1;
	RETURN run;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._backfill_start(regclass, name, text) IS
	'Begins a run, or takes up the unfinished one of the same expression; its id.';

CREATE FUNCTION campaign_lifecycle_internal._backfill_next_by_key(p record, column_name name, value_expression text,
	differs text, batch_size integer, INOUT reached text[], INOUT up_to text[], OUT statement text, OUT seen bigint)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
#variable_conflict use_variable
DECLARE
	row_key text;
	key_texts text;
	descending text;
	within text;
BEGIN
	SELECT format('ROW(%s)', string_agg(p.target_name || '.' || k.key, ', ' ORDER BY k.i)),
		format('ARRAY[%s]', string_agg(k.key || '::pg_catalog.text', ', ' ORDER BY k.i)),
		string_agg(k.key || ' DESC', ', ' ORDER BY k.i)
	INTO row_key, key_texts, descending
	FROM unnest(p.keys) WITH ORDINALITY AS k (key, i);
	IF up_to IS NULL THEN
		EXECUTE format('SELECT %s FROM %s ORDER BY %s LIMIT 1', key_texts, p.target, descending) INTO up_to;
		IF up_to IS NULL THEN
			RETURN;
		END IF;
	END IF;
	within := format('%s OPERATOR(%s.<=) %s', row_key, p.operator_schema,
		campaign_lifecycle_internal._backfill_key(up_to, p.types));
	IF reached IS NOT NULL THEN
		within := format('%s OPERATOR(%s.>) %s AND %s', row_key, p.operator_schema,
			campaign_lifecycle_internal._backfill_key(reached, p.types), within);
	END IF;
	EXECUTE format('WITH picked AS MATERIALIZED (SELECT %1$s FROM %2$s WHERE %3$s ORDER BY %1$s LIMIT %4$s)
			SELECT (SELECT count(*) FROM picked), (SELECT %5$s FROM picked ORDER BY %6$s LIMIT 1)',
		p.key_columns, p.target, within, batch_size, key_texts, descending)
	INTO seen, reached;
	IF seen > 0 THEN
		within := format('%s AND %s OPERATOR(%s.<=) %s', within, row_key, p.operator_schema,
			campaign_lifecycle_internal._backfill_key(reached, p.types));
		statement := format(E'WITH changed AS (UPDATE %s SET %I = (%s\n) WHERE %s AND %s RETURNING 1) SELECT '
			'pg_catalog.count(*), 0::pg_catalog.int8 FROM changed',
			p.target, column_name, value_expression, within, differs);
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._backfill_next_by_key(record, name, text, text, integer, text[], text[],
	OUT text, OUT bigint) IS
	'The next batch of a part that has a unique key, p being its row of _backfill_parts(); statement NULL if there is '
	'none left.';

CREATE FUNCTION campaign_lifecycle_internal._backfill_next_by_blocks(p record, column_name name, value_expression text,
	differs text, batch_size integer, INOUT reached text[], INOUT up_to text[], INOUT pass integer, OUT statement text,
	OUT verifies boolean, OUT seen bigint)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
#variable_conflict use_variable
DECLARE
	last_block bigint;
	blocks bigint;
	within text;
BEGIN
	-- up_to is the block after the last.
	IF up_to IS NULL THEN
		up_to := ARRAY[pg_relation_size(p.part) / current_setting('block_size')::bigint];
		reached := '{0}';
		pass := coalesce(pass, 1);
	END IF;
	last_block := up_to[1];
	verifies := reached[1]::bigint >= last_block;
	IF verifies THEN
		-- Verify the whole part in one snapshot. This pass has written all rows that it found before.
		seen := 0;
		IF pass > 0 THEN
			statement := format('SELECT pg_catalog.count(*), 0::pg_catalog.int8 FROM (SELECT FROM %s WHERE %s LIMIT 1000) '
				'AS differing', p.target, differs);
		END IF;
		RETURN;
	END IF;
	-- Take as many blocks as hold about a batch of rows, by the statistics or at 100 rows a block. Take fewer if they
	-- turn out to hold more.
	SELECT greatest(1, least(100000, batch_size / greatest(1, CASE WHEN c.reltuples > 0 AND c.relpages > 0
		THEN c.reltuples / c.relpages ELSE 100 END)))::bigint
	INTO blocks
	FROM pg_class AS c
	WHERE c.oid = p.part;
	LOOP
		within := format('%1$s.ctid OPERATOR(pg_catalog.>=) ''(%2$s,0)''::pg_catalog.tid AND %1$s.ctid '
			'OPERATOR(pg_catalog.<) ''(%3$s,0)''::pg_catalog.tid',
			p.target_name, reached[1]::bigint, least(reached[1]::bigint + blocks, last_block));
		EXECUTE format('SELECT count(*) FROM %s WHERE %s', p.target, within) INTO seen;
		EXIT WHEN blocks = 1 OR seen <= 2 * batch_size;
		blocks := greatest(1, blocks * batch_size / seen);
	END LOOP;
	reached := ARRAY[least(reached[1]::bigint + blocks, last_block)];
	statement := format(E'WITH changed AS (UPDATE %1$s SET %2$I = (%3$s\n) WHERE %4$s AND %5$s RETURNING %5$s AS again)
			SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE again) FROM changed',
		p.target, column_name, value_expression, within, differs);
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._backfill_next_by_blocks(record, name, text, text, integer, text[],
	text[], integer, OUT text, OUT boolean, OUT bigint) IS
	'The next batch of a part without a unique key, p being its row of _backfill_parts(); statement NULL if there is '
	'none left.';

CREATE FUNCTION campaign_lifecycle_internal._backfill_next(run uuid, table_name regclass, value_expression text,
	batch_size integer,
		OUT statement text, OUT verifies boolean, OUT part text, OUT key_columns text, OUT reached text[], OUT up_to text[],
			OUT pass integer, OUT seen bigint)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	SET campaign_lifecycle._users_path = caller SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
		SET extra_float_digits = 1
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off AS $$
#variable_conflict use_variable
DECLARE
	progress record;
	p record;
	differs text;
BEGIN
	PERFORM campaign_lifecycle_internal._backfill_check_run(run, table_name);
	SELECT b.* INTO progress FROM ONLY @extschema@.campaign_backfills AS b WHERE b.run = run FOR UPDATE;
	reached := progress.reached;
	up_to := progress.up_to;
	pass := progress.pass;
	FOR p IN
		SELECT q.*, format_type(a.atttypid, a.atttypmod) AS column_type
		FROM campaign_lifecycle_internal._backfill_parts(table_name, progress.column_name) AS q
		JOIN pg_attribute AS a ON a.attrelid = q.part AND a.attname = progress.column_name
		WHERE progress.part IS NULL OR q.part_name COLLATE "C" >= progress.part
		ORDER BY q.part_name COLLATE "C"
	LOOP
		IF p.part_name = progress.part THEN
			IF p.key_columns IS DISTINCT FROM progress.key_columns THEN
				RAISE EXCEPTION 'the key of % has changed since this backfill began', p.part_name
					USING ERRCODE = 'object_not_in_prerequisite_state',
						HINT = format('To begin anew: DELETE FROM %s WHERE relation = %L AND column_name = %L;',
							'@extschema@.campaign_backfills'::regclass, progress.relation, progress.column_name);
			END IF;
		ELSE
			reached := NULL;
			up_to := NULL;
			pass := 1;
		END IF;
		part := p.part_name;
		key_columns := p.key_columns;
		differs := format(E'ROW(%1$s.%2$I)::pg_catalog.record OPERATOR(pg_catalog.*<>) '
			'ROW((%3$s\n)::%4$s)::pg_catalog.record',
			p.target_name, progress.column_name, value_expression, p.column_type);

		IF p.keys IS NOT NULL THEN
			SELECT k.statement, k.reached, k.up_to, k.seen INTO statement, reached, up_to, seen
			FROM campaign_lifecycle_internal._backfill_next_by_key(p, progress.column_name, value_expression, differs,
				batch_size, reached, up_to) AS k;
			verifies := false;
		ELSE
			SELECT b.statement, b.verifies, b.reached, b.up_to, b.pass, b.seen
			INTO statement, verifies, reached, up_to, pass, seen
			FROM campaign_lifecycle_internal._backfill_next_by_blocks(p, progress.column_name, value_expression, differs,
				batch_size, reached, up_to, pass) AS b;
		END IF;
		IF statement IS NOT NULL THEN
			RETURN;
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._backfill_next(uuid, regclass, text, integer) IS
	'The next batch of a run: the statement that the caller is to run, and the progress that its success means; '
	'statement NULL: there is none left. Raises 55006 where another call has the run.';

CREATE FUNCTION campaign_lifecycle_internal._backfill_key(key text[], types text[]) RETURNS text
	LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT format('ROW(%s)', string_agg(format('%L::%s', k.value, k.type), ', ' ORDER BY k.i))
		FROM unnest(key, types) WITH ORDINALITY AS k (value, type, i)
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._backfill_key(text[], text[]) IS 'A key as SQL text.';

CREATE FUNCTION campaign_lifecycle_internal._backfill_done(run uuid, verifies boolean, part text, key_columns text,
	reached text[], up_to text[], pass integer, seen bigint,
		changed bigint, again bigint) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
#variable_conflict use_variable
BEGIN
	IF again > 0 THEN
		RAISE EXCEPTION 'value_expression gives another value for a row that it has filled'
			USING ERRCODE = 'invalid_parameter_value',
				DETAIL = format('%s has no unique key to walk by, so rows may be met more than once.', part),
				HINT = 'Let the expression leave a filled row as it is, for instance coalesce(column, value), or give the table a '
					'primary key. A trigger that changes the value has the same effect.';
	END IF;
	IF verifies AND changed > 0 AND pass >= 10 THEN
		RAISE WARNING '% rows of % still differ after % passes', CASE WHEN changed >= 1000 THEN '1000 or more'
			ELSE changed::text END, part, pass
			USING HINT = 'Something goes on writing other values into them, or a trigger refuses the new one.';
	END IF;
	UPDATE ONLY @extschema@.campaign_backfills AS b
	SET part = part, key_columns = key_columns,
		-- A part walked by blocks is done when verified: a pass below 0 says so, and is where the next begins otherwise.
		reached = CASE WHEN verifies AND changed > 0 AND pass < 10 THEN NULL ELSE reached END,
		up_to = CASE WHEN verifies AND changed > 0 AND pass < 10 THEN NULL ELSE up_to END,
		pass = CASE WHEN NOT verifies THEN pass WHEN changed > 0 AND pass < 10 THEN pass + 1 ELSE - pass END,
		rows_seen = b.rows_seen + CASE WHEN pass = 1 THEN seen ELSE 0 END,
		rows_changed = b.rows_changed + CASE WHEN verifies THEN 0 ELSE changed END,
		batches = b.batches + CASE WHEN verifies THEN 0 ELSE 1 END, updated_at = clock_timestamp()
	WHERE b.run = run;
END
$$;
COMMENT ON FUNCTION
	campaign_lifecycle_internal._backfill_done(uuid, boolean, text, text, text[], text[], integer,
		bigint, bigint, bigint) IS
	'Records the progress of a batch, in its transaction. Raises 22023 for an expression that would fill a row for ever.';

CREATE FUNCTION campaign_lifecycle_internal._backfill_report(run uuid, finished boolean) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
#variable_conflict use_variable
DECLARE
	progress record;
BEGIN
	UPDATE ONLY @extschema@.campaign_backfills AS b
	SET finished_at = CASE WHEN finished THEN clock_timestamp() END
	WHERE b.run = run
	RETURNING b.relation, b.column_name, b.rows_seen, b.rows_changed, b.estimated_rows, b.batches INTO progress;
	RAISE NOTICE 'backfill of %.%: % rows seen%, % changed in % batches%', progress.relation,
		quote_ident(progress.column_name), progress.rows_seen,
		CASE WHEN finished THEN '' ELSE coalesce(format(' of about %s', nullif(progress.estimated_rows, 0)), '') END,
			progress.rows_changed, progress.batches,
		CASE WHEN finished THEN ', finished' ELSE '' END;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._backfill_report(uuid, boolean) IS
	'Says how far a run has come, and records its end.';

CREATE FUNCTION campaign_lifecycle_internal._backfill_lock_timeout() RETURNS text
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT least(nullif(s.setting::integer, 0), replace(campaign_lifecycle_internal._short_lock_timeout(), 'ms',
		'')::integer) || 'ms' FROM pg_settings AS s WHERE s.name = 'lock_timeout'
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._backfill_lock_timeout() IS
	'The lock_timeout of a batch: below deadlock_timeout, and no longer than the caller''s.';

CREATE FUNCTION campaign_lifecycle_internal._backfill_has_waited(since timestamp with time zone) RETURNS boolean
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT s.setting::integer BETWEEN 1 AND 1000 * EXTRACT(epoch FROM clock_timestamp() - since) FROM pg_settings AS s
		WHERE s.name = 'lock_timeout'
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._backfill_has_waited(timestamptz) IS
	'Whether the caller''s lock_timeout, if there is one, has passed since then.';

CREATE PROCEDURE @extschema@.backfill_column(table_name regclass, column_name name, value_expression text,
	batch_size integer DEFAULT 1000,
		pause interval DEFAULT '100 milliseconds')
	LANGUAGE plpgsql AS $$
DECLARE
	run pg_catalog.uuid;
	step pg_catalog.record;
	changed bigint;
	again bigint;
	lock_timeout constant pg_catalog.text := pg_catalog.current_setting('lock_timeout');
	tries integer := 0;
	since timestamp with time zone;
	sleep_for double precision;
	told timestamp with time zone;
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	PERFORM campaign_lifecycle_internal._backfill_check(table_name, column_name, value_expression, batch_size, pause);
	PERFORM campaign_lifecycle_internal._backfill_try(campaign_lifecycle_internal._backfill_trial(table_name, column_name,
		value_expression));
	run := campaign_lifecycle_internal._backfill_start(table_name, column_name, value_expression);
	-- Each transaction is READ COMMITTED, set before any other statement. A batch waits for a locked row and then
	-- updates the row as it is.
	COMMIT;
	SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
	told := pg_catalog.clock_timestamp();
	LOOP
		SELECT * INTO step FROM campaign_lifecycle_internal._backfill_next(run, table_name, value_expression, batch_size);
		EXIT WHEN step.statement IS NULL;
		since := CASE WHEN tries OPERATOR(pg_catalog.=) 0 THEN pg_catalog.clock_timestamp() ELSE since END;
		-- A transaction that locks the same rows in another order is to win, and soon. The batch waits less than
		-- deadlock_timeout, releases its locks and begins again.
		BEGIN
			PERFORM pg_catalog.set_config('lock_timeout', campaign_lifecycle_internal._backfill_lock_timeout(), true);
			EXECUTE step.statement INTO changed, again;
			tries := 0;
		EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
			IF campaign_lifecycle_internal._backfill_has_waited(since) THEN
				RAISE;
			END IF;
			tries := LEAST(tries OPERATOR(pg_catalog.+) 1, 5);
		END;
		-- Deferred triggers run at COMMIT, with the caller's.
		IF tries OPERATOR(pg_catalog.=) 0 THEN
			PERFORM pg_catalog.set_config('lock_timeout', lock_timeout, true);
			PERFORM campaign_lifecycle_internal._backfill_done(run, step.verifies, step.part, step.key_columns, step.reached,
				step.up_to, step.pass, step.seen, changed, again);
		END IF;
		IF pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) told OPERATOR(pg_catalog.>)
			'5 seconds'::pg_catalog.interval THEN
			PERFORM campaign_lifecycle_internal._backfill_report(run, false);
			told := pg_catalog.clock_timestamp();
		END IF;
		COMMIT;
		SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
		-- Sleep in short transactions, so that a long pause holds back no vacuum. Each takes the lock, so that no other call
		-- takes over the run.
		sleep_for := CASE
			WHEN tries OPERATOR(pg_catalog.>) 0 THEN 0.05 OPERATOR(pg_catalog.*) pg_catalog.power(2, tries)
			WHEN changed OPERATOR(pg_catalog.>) 0 THEN pg_catalog.date_part('epoch', pause)
			ELSE 0 END;
		WHILE sleep_for OPERATOR(pg_catalog.>) 0 LOOP
			PERFORM campaign_lifecycle_internal._backfill_hold(run);
			PERFORM pg_catalog.pg_sleep(LEAST(sleep_for, 1::pg_catalog.float8));
			sleep_for := sleep_for OPERATOR(pg_catalog.-) 1::pg_catalog.float8;
			COMMIT;
			SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
		END LOOP;
	END LOOP;
	PERFORM campaign_lifecycle_internal._backfill_report(run, true);
END
$$;
COMMENT ON PROCEDURE @extschema@.backfill_column(regclass, name, text, integer, interval) IS
	'Gives every row that is there when it begins the value of an expression, in batches that are committed one by one. '
	'table_name: any ordinary or partitioned table; column_name: its column; value_expression: an SQL expression over '
	'the columns of the row, for instance ''true'', ''lower(name)'' or, to leave filled rows alone, ''coalesce(flag, '
	'true)''; only rows whose value differs from it are written. batch_size: rows a transaction, 1 to 1000000 (without '
	'a unique key: about that many, in whole blocks); pause: between two batches that changed rows, up to 1 hour. Runs '
	'with the caller''s rights, under the caller''s search_path, timeouts and triggers. In a deadlock it is the batch '
	'that gives way, and is tried again. Stopped by an error or a crash, the same CALL goes on from the last batch and '
	'meets no row twice; backfill_progress and NOTICEs show how far it is. Errors, before anything is changed: 22004, '
	'22023; 25001 in a transaction block (2D000 in a function); 42501 for a superuser while campaign_backfills belongs '
	'to a plain role; 42P01, 42703, 42809, 428C9, and those of the expression; 55006 while another call works on the '
	'column. Since 1.1.';

CREATE FUNCTION campaign_lifecycle_internal._backfill_hold(run uuid) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
#variable_conflict use_variable
BEGIN
	PERFORM campaign_lifecycle_internal._backfill_lock(b.relation, b.column_name)
		FROM ONLY @extschema@.campaign_backfills AS b
		WHERE b.run = run;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._backfill_hold(uuid) IS 'Takes the lock of a run for this transaction.';
