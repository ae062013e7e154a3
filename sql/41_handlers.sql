-- Handlers: functions of the user's own that run with a timer, after its move, in its transaction, with the rights of the role that registered them. And the
-- marked way, for attempts that may take long or die: first RUNNING and a STARTED execution row in a transaction of their own, under a lock of the process
-- that tells whether it still lives; then the move and the handler; then, after an error, the failed attempt. A mark whose process is gone is a failed
-- attempt as well. After a crash of the server the timers that were due then go this way too, one by one, so that the one that caused it is found.

CREATE FUNCTION @extschema@._check_handler(handler regprocedure, handler_owner name) RETURNS void
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	known record;
BEGIN
	SELECT p.proowner, p.pronamespace, p.prokind = 'f' AND NOT p.proretset AND p.prorettype = 'jsonb'::regtype
			AND p.pronargs = 3 AND p.proargtypes[0] = 'uuid'::regtype AND p.proargtypes[1] = 'uuid'::regtype AND p.proargtypes[2] = 'jsonb'::regtype AS is_handler
	INTO known
	FROM pg_proc AS p
	WHERE p.oid = handler;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'handler does not exist: %', handler::oid
			USING ERRCODE = 'undefined_function', HINT = 'Register a function f(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb.';
	ELSIF NOT known.is_handler THEN
		RAISE EXCEPTION 'function % is no handler', handler
			USING ERRCODE = 'invalid_function_definition', HINT = 'A handler is a function f(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb.';
	ELSIF pg_get_userbyid(known.proowner) <> handler_owner THEN
		RAISE EXCEPTION 'function % belongs to %, not to %', handler, known.proowner::regrole, quote_ident(handler_owner)
			USING ERRCODE = 'insufficient_privilege', HINT = 'Whoever owns a handler registers it, and it runs with that role''s rights.';
	ELSIF known.pronamespace IN (SELECT n.oid FROM pg_namespace AS n WHERE n.nspname LIKE 'pg\_temp\_%') THEN
		RAISE EXCEPTION 'function % is temporary', handler
			USING ERRCODE = 'invalid_function_definition', HINT = 'A handler must outlive the session that registers it.';
	ELSIF NOT has_function_privilege(known.proowner, handler, 'EXECUTE') OR NOT has_schema_privilege(known.proowner, known.pronamespace, 'USAGE') THEN
		RAISE EXCEPTION 'permission denied for handler %', handler
			USING ERRCODE = 'insufficient_privilege', HINT = format('%s needs EXECUTE on the function and USAGE on its schema.', known.proowner::regrole);
	ELSIF (SELECT r.rolsuper FROM pg_roles AS r WHERE r.oid = known.proowner)
		AND NOT (SELECT r.rolsuper FROM pg_class AS c JOIN pg_roles AS r ON r.oid = c.relowner WHERE c.oid = '@extschema@.campaign_timer_handlers'::regclass) THEN
		-- The owner of the tables writes the rows that say what runs, and with which arguments.
		RAISE EXCEPTION 'handler % belongs to a superuser, and the campaign tables do not', handler
			USING ERRCODE = 'insufficient_privilege', HINT = 'Give the function to a plain role, and register it as that role.';
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._check_handler(regprocedure, name) IS
	'Raises 42883 unless the function exists, 42P13 unless it is a handler, 42501 unless it belongs to this role, who may execute it.';

-- Who calls a handler need not be able to use its schema, as to_regprocedure() would ask of them.
CREATE FUNCTION @extschema@._find_handler(handler text) RETURNS regprocedure
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT p.oid::regprocedure
	FROM parse_ident(left(handler, -length('(uuid,uuid,jsonb)'))) AS named (parts)
	JOIN pg_namespace AS n ON n.nspname = named.parts[1]
	JOIN pg_proc AS p ON p.pronamespace = n.oid AND p.proname = named.parts[2]
		AND (p.pronargs, p.proargtypes[0], p.proargtypes[1], p.proargtypes[2]) = (3, 'uuid'::regtype, 'uuid'::regtype, 'jsonb'::regtype)
	WHERE handler LIKE '%(uuid,uuid,jsonb)'
$$;
COMMENT ON FUNCTION @extschema@._find_handler(text) IS 'The function of this name, as register_handler() wrote it: schema.name(uuid,uuid,jsonb); NULL for none. Errors: 22023 when it is no name.';

CREATE FUNCTION @extschema@.register_handler(timer_type text, handler regprocedure, timeout interval DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	other record;
BEGIN
	PERFORM @extschema@._check_timer_type(timer_type);
	PERFORM @extschema@._check_given('handler', handler IS NOT NULL);
	IF timeout <= interval '0' OR timeout > interval '24 hours' THEN
		RAISE EXCEPTION 'handler timeout out of range: %', timeout
			USING ERRCODE = 'invalid_parameter_value', HINT = 'More than 0, up to 24 hours; NULL: the setting campaign_lifecycle.handler_timeout.';
	END IF;
	PERFORM @extschema@._check_handler(handler, current_user);
	INSERT INTO @extschema@.campaign_timer_handlers AS h (timer_type, handler, handler_owner, timeout)
	VALUES (timer_type, handler::text, current_user, timeout)
	ON CONFLICT ON CONSTRAINT campaign_timer_handlers_pkey DO UPDATE
		SET handler = excluded.handler, timeout = excluded.timeout, registered_at = now()
		WHERE h.handler_owner = current_user;
	IF NOT FOUND THEN
		SELECT h.handler, h.handler_owner INTO other FROM @extschema@.campaign_timer_handlers AS h WHERE h.timer_type = register_handler.timer_type;
		RAISE EXCEPTION '% timers have a handler already: %, of %', timer_type, other.handler, quote_ident(other.handler_owner)
			USING ERRCODE = 'unique_violation', CONSTRAINT = 'campaign_timer_handlers_pkey', HINT = 'unregister_handler() that one first.';
	END IF;
	IF NOT EXISTS (SELECT FROM pg_proc AS p CROSS JOIN unnest(p.proconfig) AS c (setting) WHERE p.oid = handler AND c.setting LIKE 'search\_path=%') THEN
		RAISE NOTICE 'handler % has no search_path of its own and will run with pg_catalog, pg_temp', handler
			USING HINT = format('ALTER FUNCTION %s SET search_path = ..., or write every name in it with its schema.', handler);
	END IF;
	PERFORM @extschema@._wake();
END
$$;
COMMENT ON FUNCTION @extschema@.register_handler(text, regprocedure, interval) IS
	'From now on timers of this type call the function after their move, in its transaction: f(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb, owned by the caller and run with the caller''s rights. Not called on a skip; what it returns stands in the execution''s result under "handler". An error, or more time than timeout (up to 24 hours; NULL: campaign_lifecycle.handler_timeout), undoes the move and is a failed attempt. One a type; registered again it is replaced. Errors: 22004, 22023, 42P13, 42501, 42883; 23505 while another role has one. Since 1.1.';

CREATE FUNCTION @extschema@.unregister_handler(timer_type text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM @extschema@._check_timer_type(timer_type);
	DELETE FROM @extschema@.campaign_timer_handlers AS h WHERE h.timer_type = timer_type;
	IF NOT FOUND THEN
		RAISE EXCEPTION '% timers have no handler', timer_type
			USING ERRCODE = 'no_data_found', HINT = 'campaign_timer_handlers lists them.';
	END IF;
	PERFORM @extschema@._wake();
END
$$;
COMMENT ON FUNCTION @extschema@.unregister_handler(text) IS
	'Timers of this type call no function any more; one that runs ends. Errors: 22004, 22023; P0002 when there is none. Since 1.1.';

-- Whatever a role may write in campaign_timer_handlers: never a handler that would run with the rights of somebody else. AFTER, so that it sees what any
-- other trigger has made of the row.
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
	'AFTER trigger of campaign_timer_handlers: a handler can be registered only by who has the rights of its owner (42501). Since 1.1.';

-- The lock under which a marked timer runs belongs to the process, not to a transaction.
CREATE FUNCTION @extschema@._is_marked_by_process(timer_id uuid) RETURNS boolean
	LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', '_is_marked_by_process';
COMMENT ON FUNCTION @extschema@._is_marked_by_process(uuid) IS 'Whether the process that marked this timer still lives.';

CREATE FUNCTION @extschema@._marked_due(as_of timestamp with time zone, since timestamp with time zone) RETURNS boolean
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_marked_due';
COMMENT ON FUNCTION @extschema@._marked_due(timestamptz, timestamptz) IS 'Whether there may be due timers that go the marked way: some type has a handler, or a timer has lost its worker before.';

-- Claims the first due timer that goes the marked way. One that would only be put off is left alone.
CREATE FUNCTION @extschema@._claim_marked(as_of timestamp with time zone, since timestamp with time zone, everything boolean,
		passed uuid[] DEFAULT '{}') RETURNS uuid
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_sort = off
	SET enable_incremental_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	attempts integer := coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5');
	handled text[] := ARRAY(SELECT h.timer_type FROM @extschema@.campaign_timer_handlers AS h);
	first_id uuid;
	first_at timestamptz;
	next_id uuid;
	next_at timestamptz;
BEGIN
	SELECT r.id, r.scheduled_at
	INTO first_id, first_at
	FROM @extschema@._runnable_timers AS r
	WHERE r.status = 'FAILED' AND r.retry_count < 5 AND r.retry_count < attempts AND r.scheduled_at >= since AND r.scheduled_at <= as_of
		AND r.id <> ALL (passed)
		AND (everything OR r.timer_type = ANY (handled)
			OR EXISTS (SELECT FROM @extschema@.timer_executions AS x WHERE x.timer_id = r.id AND (x.status = 'FAILED') IS TRUE AND x.error_message LIKE '57P02: %' OFFSET 0))
	ORDER BY r.scheduled_at, r.retry_count
	LIMIT 1
	FOR NO KEY UPDATE OF r SKIP LOCKED;
	IF everything OR handled <> '{}' THEN
		SELECT r.id, r.scheduled_at
		INTO next_id, next_at
		FROM @extschema@._runnable_timers AS r
		-- As _claim_timers() does.
		WHERE r.status = ANY (ARRAY['PENDING', 'PENDING']) AND r.scheduled_at >= since AND r.scheduled_at <= least(as_of, first_at)
			AND r.id <> ALL (passed)
			AND (everything OR r.timer_type = ANY (handled))
		ORDER BY r.status, r.scheduled_at
		LIMIT 1
		FOR NO KEY UPDATE OF r SKIP LOCKED;
	END IF;
	RETURN coalesce(next_id, first_id);
END
$$;
COMMENT ON FUNCTION @extschema@._claim_marked(timestamptz, timestamptz, boolean, uuid[]) IS
	'Locks the first due timer scheduled since a time that has a handler or has lost its worker before, or any, but for those passed over; returns its id, NULL for none.';

CREATE FUNCTION @extschema@._start_marked(as_of timestamp with time zone, due_by timestamp with time zone, since timestamp with time zone, everything boolean,
		passed uuid[] DEFAULT '{}') RETURNS uuid
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	timer_id constant uuid := @extschema@._claim_marked(due_by, since, everything, passed);
BEGIN
	IF timer_id IS NOT NULL THEN
		UPDATE @extschema@.campaign_timers AS t SET status = 'RUNNING' WHERE t.id = timer_id;
		INSERT INTO @extschema@.timer_executions (id, timer_id, status, started_at) VALUES (@extschema@._uuid_v7(), timer_id, 'STARTED', as_of);
	END IF;
	RETURN timer_id;
END
$$;
COMMENT ON FUNCTION @extschema@._start_marked(timestamptz, timestamptz, timestamptz, boolean, uuid[]) IS 'As _claim_marked() for timers due by a time, and marks the timer: RUNNING, with an execution STARTED at as_of.';

-- A timer that is not marked any more has been seen to by somebody else.
CREATE FUNCTION @extschema@._lock_marked(timer_id uuid, marked boolean)
	RETURNS TABLE (id uuid, place tid, campaign_id uuid, campaign_place tid, timer_type text, state text, scheduled_at timestamp with time zone, by_policy boolean,
		retried boolean)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	SELECT t.id, t.ctid, t.campaign_id, t.timer_type, t.scheduled_at, t.payload ? 'policy', t.retry_count > 0
	INTO id, place, campaign_id, timer_type, scheduled_at, by_policy, retried
	FROM @extschema@.campaign_timers AS t
	WHERE t.id = $1 AND (t.status = 'RUNNING' OR NOT marked)
	FOR NO KEY UPDATE;
	IF FOUND THEN
		RETURN QUERY
		SELECT _lock_marked.id, _lock_marked.place, c.id, c.ctid, _lock_marked.timer_type, c.status::text, _lock_marked.scheduled_at, _lock_marked.by_policy, _lock_marked.retried
		FROM @extschema@.campaigns AS c
		WHERE c.id = _lock_marked.campaign_id
		FOR NO KEY UPDATE;
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._lock_marked(uuid, boolean) IS 'Locks one timer, marked or claimed alone, and its campaign, and returns it as _claim_batch() does.';

CREATE FUNCTION @extschema@._complete_marked(timer_id uuid, result jsonb, done_at timestamp with time zone, took_ms integer) RETURNS boolean
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	UPDATE @extschema@.timer_executions AS x
	SET status = 'COMPLETED', result = result, completed_at = greatest(done_at, x.started_at), execution_time_ms = took_ms
	WHERE x.timer_id = timer_id AND x.status = 'STARTED';
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION @extschema@._complete_marked(uuid, jsonb, timestamptz, integer) IS 'The execution of a marked timer is there already and becomes COMPLETED. Returns whether it was there.';

-- After the move. A timer that came too early, or was skipped, calls nothing.
CREATE FUNCTION @extschema@._handler_of(timer_id uuid, as_of timestamp with time zone,
		OUT handler oid, OUT handler_owner oid, OUT timeout_ms integer, OUT campaign_id uuid, OUT payload jsonb)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	timer record;
	registered record;
BEGIN
	SELECT t.status, t.campaign_id, t.timer_type, t.payload INTO timer FROM @extschema@.campaign_timers AS t WHERE t.id = timer_id;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	IF timer.status <> 'COMPLETED' THEN
		-- Put off, which is no attempt; or failed, and then the row is no longer STARTED.
		DELETE FROM @extschema@.timer_executions AS x WHERE x.timer_id = _handler_of.timer_id AND x.status = 'STARTED';
		RETURN;
	END IF;
	IF EXISTS (SELECT FROM @extschema@.timer_executions AS x
			WHERE x.timer_id = _handler_of.timer_id AND x.status = 'COMPLETED' AND x.started_at = as_of AND x.result ? 'skipped') THEN
		RETURN;
	END IF;
	SELECT h.handler, h.handler_owner, h.timeout INTO registered FROM @extschema@.campaign_timer_handlers AS h WHERE h.timer_type = timer.timer_type;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	handler := @extschema@._find_handler(registered.handler);
	IF handler IS NULL THEN
		RAISE EXCEPTION 'handler does not exist: %', registered.handler
			USING ERRCODE = 'undefined_function', HINT = 'Create it again, or unregister_handler().';
	END IF;
	PERFORM @extschema@._check_handler(handler::regprocedure, registered.handler_owner);
	handler_owner := (SELECT p.proowner FROM pg_proc AS p WHERE p.oid = handler);
	timeout_ms := EXTRACT(epoch FROM coalesce(registered.timeout, coalesce(current_setting('campaign_lifecycle.handler_timeout', true), '30s')::interval)) * 1000;
	campaign_id := timer.campaign_id;
	payload := timer.payload;
END
$$;
COMMENT ON FUNCTION @extschema@._handler_of(uuid, timestamptz) IS
	'Which handler is to be called for a timer that has just run alone, if any: its oid, owner, timeout in milliseconds and arguments. Raises when the handler registered cannot be called: 42883, 42P13, 42501.';

CREATE FUNCTION @extschema@._record_handler(timer_id uuid, as_of timestamp with time zone, handled jsonb) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	attempt record;
	done_at constant timestamptz := clock_timestamp();
	-- (The clock may be set meanwhile.)
	took constant numeric := least(greatest(EXTRACT(epoch FROM done_at - as_of) * 1000, 0), 2147483647);
BEGIN
	SELECT x.id, x.completed_at, t.campaign_id
	INTO attempt
	FROM @extschema@.timer_executions AS x
	JOIN @extschema@.campaign_timers AS t ON t.id = x.timer_id
	WHERE x.timer_id = timer_id AND x.status = 'COMPLETED' AND x.started_at = as_of
	ORDER BY x.completed_at DESC
	LIMIT 1;
	UPDATE @extschema@.timer_executions AS x
	SET result = x.result || jsonb_build_object('handler', handled), completed_at = greatest(done_at, x.started_at), execution_time_ms = took
	WHERE x.id = attempt.id;
	UPDATE @extschema@.campaign_metrics AS m
	SET value = took
	WHERE m.campaign_id = attempt.campaign_id AND m.metric_type = 'TIMER_EXECUTION_TIME' AND m.recorded_at = attempt.completed_at;
END
$$;
COMMENT ON FUNCTION @extschema@._record_handler(uuid, timestamptz, jsonb) IS 'Adds what the handler returned and the time it took to the execution of this attempt, and to its metric.';

CREATE FUNCTION @extschema@._fail_marked(timer_id uuid, as_of timestamp with time zone, sqlstate text, message text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM FROM @extschema@.campaign_timers AS t WHERE t.id = timer_id AND t.status = 'RUNNING' FOR NO KEY UPDATE;
	IF FOUND THEN
		PERFORM @extschema@._fail_timer(timer_id, as_of, sqlstate, message);
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._fail_marked(uuid, timestamptz, text, text) IS 'As _fail_timer(), for a timer that is still marked.';

CREATE FUNCTION @extschema@._release_marked(timer_id uuid) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	UPDATE @extschema@.campaign_timers AS t
	SET status = CASE WHEN t.retry_count > 0 THEN 'FAILED' ELSE 'PENDING' END
	WHERE t.id = timer_id AND t.status = 'RUNNING';
	DELETE FROM @extschema@.timer_executions AS x WHERE x.timer_id = _release_marked.timer_id AND x.status = 'STARTED';
END
$$;
COMMENT ON FUNCTION @extschema@._release_marked(uuid) IS 'Takes a mark back: the timer waits as before, and nothing counts as an attempt.';

CREATE FUNCTION @extschema@._recover_lost(as_of timestamp with time zone) RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	timer_id uuid;
	lost bigint := 0;
BEGIN
	FOR timer_id IN
		SELECT t.id FROM @extschema@.campaign_timers AS t WHERE t.status = 'RUNNING' ORDER BY t.id FOR NO KEY UPDATE SKIP LOCKED
	LOOP
		IF NOT @extschema@._is_marked_by_process(timer_id) THEN
			PERFORM @extschema@._fail_timer(timer_id, as_of, '57P02', 'the worker was lost while it ran this timer');
			lost := lost + 1;
		END IF;
	END LOOP;
	RETURN lost;
END
$$;
COMMENT ON FUNCTION @extschema@._recover_lost(timestamptz) IS 'Timers marked RUNNING whose process is gone: a failed attempt each. Returns how many.';

-- Deferrable constraints as they are declared. After SET CONSTRAINTS ALL IMMEDIATE, which is the only way to fire what has been deferred so far.
CREATE FUNCTION @extschema@._reset_constraints() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	immediate text;
BEGIN
	SELECT string_agg(DISTINCT format('%I.%I', n.nspname, k.conname), ', ')
	INTO immediate
	FROM pg_constraint AS k
	JOIN pg_namespace AS n ON n.oid = k.connamespace
	WHERE k.condeferrable AND NOT k.condeferred AND has_schema_privilege(n.oid, 'USAGE');
	SET CONSTRAINTS ALL DEFERRED;
	IF immediate IS NOT NULL THEN
		EXECUTE 'SET CONSTRAINTS ' || immediate || ' IMMEDIATE';
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._reset_constraints() IS 'Lets every deferrable constraint be checked when it says, for the rest of the transaction.';
