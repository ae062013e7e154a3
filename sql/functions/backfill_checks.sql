-- Checks and steps of backfill_column(); see backfill.sql.

CREATE FUNCTION campaign_lifecycle_internal._in_transaction_block() RETURNS boolean
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_in_transaction_block';
COMMENT ON FUNCTION campaign_lifecycle_internal._in_transaction_block() IS
	'Whether BEGIN, or several statements sent as one, have begun a transaction that nobody but the client may end.';

CREATE FUNCTION campaign_lifecycle_internal._backfill_lock(relation text, column_name name) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	key constant bigint := hashtextextended('campaign_lifecycle backfill ' || relation || ' ' || column_name, 0);
BEGIN
	-- Each transaction takes the lock again. So no lock is left after an error, also in a session of a connection pool.
	IF NOT pg_try_advisory_xact_lock(key) THEN
		RAISE EXCEPTION 'a backfill of %.% is running', relation, quote_ident(column_name)
			USING ERRCODE = 'object_in_use',
				HINT = (SELECT format('Process %s runs it; backfill_progress shows how far it is.', string_agg(l.pid::text, ', '))
					FROM pg_locks AS l
					WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
						AND (l.classid::bigint << 32 | l.objid::bigint) = key);
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._backfill_lock(text, name) IS
	'Raises 55006 where another transaction is at this backfill.';

CREATE FUNCTION campaign_lifecycle_internal._backfill_parts(table_name regclass, column_name name,
		OUT part regclass, OUT part_name text, OUT target text, OUT target_name text, OUT key_columns text, OUT keys text[],
			OUT types text[], OUT operator_schema text)
		RETURNS SETOF record
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	WITH RECURSIVE tree (oid) AS (
		SELECT $1::oid
		UNION
		SELECT i.inhrelid FROM tree AS t JOIN pg_inherits AS i ON i.inhparent = t.oid),
	keyed AS (
		SELECT c.oid, c.relkind, format('%I.%I', n.nspname, c.relname) AS name, quote_ident(c.relname) AS short_name, k.*
		FROM tree AS t
		JOIN pg_class AS c ON c.oid = t.oid
		JOIN pg_namespace AS n ON n.oid = c.relnamespace
		-- A key that orders rows by the default order of their types, and does not hold the column that changes.
		LEFT JOIN LATERAL (
			SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY p.key_number) AS key_columns,
				array_agg(quote_ident(a.attname) ORDER BY p.key_number) AS keys,
				array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY p.key_number) AS types,
				min(quote_ident(s.nspname)) AS operator_schema
			FROM pg_index AS x
			CROSS JOIN LATERAL unnest(x.indkey::smallint[], x.indclass::oid[], x.indcollation::oid[], x.indoption::smallint[])
				WITH ORDINALITY AS p (attnum, opclass, collation_, option, key_number)
			JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = p.attnum AND p.key_number <= x.indnkeyatts
			JOIN pg_opclass AS o ON o.oid = p.opclass
			JOIN pg_amop AS m ON m.amopfamily = o.opcfamily AND m.amoplefttype = o.opcintype AND m.amoprighttype = o.opcintype
				AND m.amopstrategy = 5
			JOIN pg_operator AS g ON g.oid = m.amopopr
			JOIN pg_namespace AS s ON s.oid = g.oprnamespace
			WHERE x.indrelid = c.oid AND x.indisunique AND x.indimmediate AND x.indisvalid AND x.indpred IS NULL
				AND x.indexprs IS NULL
				AND NOT EXISTS (SELECT FROM pg_attribute AS f WHERE f.attrelid = c.oid AND f.attname = $2
					AND f.attnum = ANY (x.indkey::smallint[]))
			GROUP BY x.indexrelid, x.indisprimary, x.indnkeyatts
			HAVING count(*) = x.indnkeyatts AND bool_and(a.attnotnull AND o.opcdefault AND p.option = 0
				AND p.collation_ = a.attcollation AND g.oprname = '>')
				AND count(DISTINCT s.oid) = 1
			ORDER BY x.indisprimary DESC, x.indnkeyatts, x.indexrelid
			LIMIT 1) AS k ON true)
	-- A partitioned table with a key is walked as one; otherwise each table of the tree by itself.
	SELECT k.oid::regclass, k.name, CASE WHEN k.relkind = 'p' THEN k.name ELSE 'ONLY ' || k.name END, k.short_name,
		k.key_columns, k.keys, k.types, k.operator_schema
	FROM keyed AS k
	WHERE CASE WHEN (SELECT r.relkind = 'p' AND r.keys IS NOT NULL FROM keyed AS r WHERE r.oid = $1) THEN k.oid = $1
		ELSE k.relkind <> 'p' END
	ORDER BY k.name COLLATE "C"
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._backfill_parts(regclass, name) IS
	'The tables that a backfill walks: the table, or its partitions and children, each with the key it can be walked by '
	'(NULL: by blocks), ready for SQL text.';

CREATE FUNCTION campaign_lifecycle_internal._backfill_check_column(table_name regclass, column_name name) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	target record;
	attribute record;
	odd text;
BEGIN
	SELECT c.relkind, format('%I.%I', n.nspname, c.relname) AS name
	INTO target
	FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
	WHERE c.oid = table_name;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'table not found: %', table_name
			USING ERRCODE = 'undefined_table', HINT = 'Give its name, with the schema where it is not in the search_path.';
	END IF;
	IF target.relkind NOT IN ('r', 'p') THEN
		RAISE EXCEPTION '% is not a table', target.name
			USING ERRCODE = 'wrong_object_type', HINT = 'A backfill updates an ordinary or a partitioned table.';
	END IF;
	SELECT p.part_name INTO odd FROM campaign_lifecycle_internal._backfill_parts(table_name, column_name) AS p
		JOIN pg_class AS c ON c.oid = p.part WHERE c.relkind NOT IN ('r', 'p') LIMIT 1;
	IF odd IS NOT NULL THEN
		RAISE EXCEPTION 'a part of % is a foreign table: %', target.name, odd
			USING ERRCODE = 'wrong_object_type', HINT = 'Backfill it where it is.';
	END IF;
	SELECT a.attnum, a.attgenerated, a.attidentity
	INTO attribute
	FROM pg_attribute AS a
	WHERE a.attrelid = table_name AND a.attname = column_name AND NOT a.attisdropped;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'table % has no column %', target.name, quote_ident(column_name)
			USING ERRCODE = 'undefined_column', HINT = format('Columns are %s.',
				(SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute AS a
					WHERE a.attrelid = table_name AND a.attnum > 0 AND NOT a.attisdropped));
	END IF;
	IF attribute.attnum < 0 THEN
		RAISE EXCEPTION '% is a system column', quote_ident(column_name)
			USING ERRCODE = 'invalid_column_reference', HINT = 'Only columns of the table''s own can be written.';
	END IF;
	IF attribute.attgenerated <> '' OR attribute.attidentity = 'a' THEN
		RAISE EXCEPTION 'column % of % is generated', quote_ident(column_name), target.name
			USING ERRCODE = 'generated_always', HINT = 'The server fills it in by itself.';
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._backfill_check_column(regclass, name) IS
	'Raises what keeps a backfill from writing this column: 42P01, 42809, 42703, 42P10, 428C9.';

CREATE FUNCTION campaign_lifecycle_internal._backfill_check(table_name regclass, column_name name,
	value_expression text, batch_size integer, pause interval) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM campaign_lifecycle_internal._check_given('table_name', table_name IS NOT NULL);
	PERFORM campaign_lifecycle_internal._check_given('column_name', column_name IS NOT NULL);
	PERFORM campaign_lifecycle_internal._check_given('value_expression', value_expression IS NOT NULL);
	PERFORM campaign_lifecycle_internal._check_given('batch_size', batch_size IS NOT NULL);
	PERFORM campaign_lifecycle_internal._check_given('pause', pause IS NOT NULL);
	IF batch_size NOT BETWEEN 1 AND 1000000 THEN
		RAISE EXCEPTION 'batch_size out of range: %', batch_size
			USING ERRCODE = 'invalid_parameter_value', HINT = 'From 1 to 1000000 rows; 1000 keeps each transaction short.';
	END IF;
	IF pause < interval '0' OR pause > interval '1 hour' THEN
		RAISE EXCEPTION 'pause out of range: %', pause
			USING ERRCODE = 'invalid_parameter_value', HINT = 'From no time to 1 hour between two batches.';
	END IF;
	IF to_regclass('@extschema@.campaign_backfills') IS NULL THEN
		RAISE EXCEPTION 'table campaign_backfills is missing'
			USING ERRCODE = 'undefined_table', HINT = 'upgrade_campaign_tables() makes what tables of an older version lack.';
	END IF;
	-- Triggers on campaign_backfills run with the privileges of the role that writes it.
	IF (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) AND NOT (
			SELECT r.rolsuper FROM pg_class AS c JOIN pg_roles AS r ON r.oid = c.relowner
				WHERE c.oid = '@extschema@.campaign_backfills'::regclass) THEN
		RAISE EXCEPTION 'a superuser cannot run a backfill while campaign_backfills belongs to a plain role'
			USING ERRCODE = 'insufficient_privilege',
				HINT = 'Log in as a role that may update the table and has access as an operator: grant_campaign_access(role, '
				'''operator'').';
	END IF;
	PERFORM campaign_lifecycle_internal._backfill_check_column(table_name, column_name);
	IF campaign_lifecycle_internal._in_transaction_block() THEN
		RAISE EXCEPTION 'backfill_column() cannot run in a transaction block, since it commits each batch'
			USING ERRCODE = 'active_sql_transaction',
				HINT = 'CALL it as a statement of its own, outside BEGIN ... COMMIT, with autocommit on.';
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._backfill_check(regclass, name, text, integer, interval) IS
	'Raises what is wrong with the arguments of backfill_column(), its expression apart: 22004, 22023, 25001, 42501, '
	'428C9, 42703, 42809, 42P01, 42P10.';

CREATE FUNCTION campaign_lifecycle_internal._backfill_check_run(run uuid, table_name regclass) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	target record;
BEGIN
	SELECT b.relation, b.column_name INTO target FROM ONLY @extschema@.campaign_backfills AS b WHERE b.run = run;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'another call has taken over this backfill'
			USING ERRCODE = 'object_in_use', HINT = 'backfill_progress shows it; call again when it has stopped.';
	END IF;
	PERFORM campaign_lifecycle_internal._backfill_lock(target.relation, target.column_name);
	IF NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = table_name AND a.attname = target.column_name
		AND NOT a.attisdropped) THEN
		RAISE EXCEPTION 'column %.% is no longer there', target.relation, quote_ident(target.column_name)
			USING ERRCODE = 'undefined_column', HINT = 'It was dropped or renamed while its backfill ran.';
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._backfill_check_run(uuid, regclass) IS
	'Takes the lock of a run. Raises 55006 where another call has the run, 42703 where its column is gone.';

CREATE FUNCTION campaign_lifecycle_internal._backfill_trial(table_name regclass, column_name name,
	value_expression text) RETURNS text
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF value_expression !~ '\S' THEN
		RAISE EXCEPTION 'value_expression is empty'
			USING ERRCODE = 'syntax_error', HINT = 'An SQL expression over the columns of a row, for instance ''true'' or '
				'''lower(name)''.';
	END IF;
	RETURN (SELECT format(E'EXPLAIN UPDATE %s SET %I = (%s\n) WHERE ROW(%s.%I)::pg_catalog.record '
		'OPERATOR(pg_catalog.*<>) ROW((%s\n)::%s)::pg_catalog.record',
			p.target, column_name, value_expression, p.target_name, column_name, value_expression,
				format_type(a.atttypid, a.atttypmod))
		FROM campaign_lifecycle_internal._backfill_parts(table_name, column_name) AS p
		JOIN pg_attribute AS a ON a.attrelid = p.part AND a.attname = column_name
		ORDER BY p.part_name COLLATE "C"
		LIMIT 1);
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._backfill_trial(regclass, name, text) IS
	'A statement that fails as the backfill would, by syntax, names, types or privileges, and does nothing.';

-- Under the caller's search_path, as the backfill itself: hence no SET clause, and everything qualified.
CREATE FUNCTION campaign_lifecycle_internal._backfill_try(trial text) RETURNS void
	LANGUAGE plpgsql AS $$
DECLARE
	problem pg_catalog.text;
	detail pg_catalog.text;
	hint pg_catalog.text;
	state pg_catalog.text;
BEGIN
	EXECUTE trial;
EXCEPTION
	WHEN insufficient_privilege OR query_canceled OR lock_not_available THEN
		RAISE;
	WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT,
			state = RETURNED_SQLSTATE;
		hint := pg_catalog.ltrim(pg_catalog.concat(hint,
			' It is an SQL expression over the columns of a row that gives a value of the column''s type, for instance '
			'''true'' or ''lower(name)''. Nothing was changed.'));
		IF pg_catalog.length(detail) OPERATOR(pg_catalog.>) 0 THEN
			RAISE EXCEPTION 'value_expression does not work: %', problem USING ERRCODE = state, DETAIL = detail, HINT = hint;
		END IF;
		RAISE EXCEPTION 'value_expression does not work: %', problem USING ERRCODE = state, HINT = hint;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._backfill_try(text) IS
	'Tries a statement under the caller''s search_path and says of its error that it is the expression''s.';
