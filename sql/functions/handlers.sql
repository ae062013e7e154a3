-- Handlers are functions of the user that run with a timer, after its state change and in its transaction. They run
-- with the privileges of the role that registered them.

CREATE FUNCTION campaign_lifecycle_internal._check_handler(handler regprocedure, handler_owner name,
	handler_owner_oid oid) RETURNS void
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	known record;
BEGIN
	SELECT p.proowner, p.pronamespace, p.prokind = 'f' AND NOT p.proretset AND p.prorettype = 'jsonb'::regtype
			AND p.pronargs = 3 AND p.proargtypes[0] = 'uuid'::regtype AND p.proargtypes[1] = 'uuid'::regtype
				AND p.proargtypes[2] = 'jsonb'::regtype AS is_handler
	INTO known
	FROM pg_proc AS p
	WHERE p.oid = handler;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'handler does not exist: %', handler::oid
			USING ERRCODE = 'undefined_function',
				HINT = 'Register a function f(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb.';
	ELSIF NOT known.is_handler THEN
		RAISE EXCEPTION 'function % is no handler', handler
			USING ERRCODE = 'invalid_function_definition',
				HINT = 'A handler is a function f(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb.';
	ELSIF pg_get_userbyid(known.proowner) <> handler_owner AND known.proowner IS DISTINCT FROM handler_owner_oid THEN
		RAISE EXCEPTION 'function % belongs to %, not to %', handler, known.proowner::regrole, quote_ident(handler_owner)
			USING ERRCODE = 'insufficient_privilege',
				HINT = 'Whoever owns a handler registers it, and it runs with that role''s rights.';
	ELSIF known.pronamespace IN (SELECT n.oid FROM pg_namespace AS n WHERE n.nspname LIKE 'pg\_temp\_%') THEN
		RAISE EXCEPTION 'function % is temporary', handler
			USING ERRCODE = 'invalid_function_definition', HINT = 'A handler must outlive the session that registers it.';
	ELSIF NOT has_function_privilege(known.proowner, handler, 'EXECUTE')
		OR NOT has_schema_privilege(known.proowner, known.pronamespace, 'USAGE') THEN
		RAISE EXCEPTION 'permission denied for handler %', handler
			USING ERRCODE = 'insufficient_privilege', HINT = format('%s needs EXECUTE on the function and USAGE on its schema.',
				known.proowner::regrole);
	ELSIF (SELECT r.rolsuper FROM pg_roles AS r WHERE r.oid = known.proowner)
		AND NOT (SELECT r.rolsuper FROM pg_class AS c JOIN pg_roles AS r ON r.oid = c.relowner
			WHERE c.oid = '@extschema@.campaign_timer_handlers'::regclass) THEN
		-- The owner of the tables writes the rows that say what runs, and with which arguments.
		RAISE EXCEPTION 'handler % belongs to a superuser, and the campaign tables do not', handler
			USING ERRCODE = 'insufficient_privilege', HINT = 'Give the function to a plain role, and register it as that role.';
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._check_handler(regprocedure, name, oid) IS
	'Raises 42883 unless the function exists, 42P13 unless it is a handler, 42501 unless it belongs to this role, '
	'by its name or its oid, which may execute it.';

-- to_regprocedure() would need USAGE on the handler's schema, which the worker's role may lack.
CREATE FUNCTION campaign_lifecycle_internal._find_handler(handler text) RETURNS regprocedure
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT p.oid::regprocedure
	FROM parse_ident(left(handler, -length('(uuid,uuid,jsonb)'))) AS named (parts)
	JOIN pg_namespace AS n ON n.nspname = named.parts[1]
	JOIN pg_proc AS p ON p.pronamespace = n.oid AND p.proname = named.parts[2]
		AND (p.pronargs, p.proargtypes[0], p.proargtypes[1], p.proargtypes[2]) = (3, 'uuid'::regtype, 'uuid'::regtype,
			'jsonb'::regtype)
	WHERE handler LIKE '%(uuid,uuid,jsonb)'
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._find_handler(text) IS
	'The function of this name, as register_handler() wrote it: schema.name(uuid,uuid,jsonb); NULL for none. Errors: '
	'22023 when it is no name.';

CREATE FUNCTION @extschema@.register_handler(timer_type text, handler regprocedure, timeout interval DEFAULT NULL)
	RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
#variable_conflict use_variable
DECLARE
	-- With its schema: an INSERT runs under the caller's search_path, which could leave it out.
	signature constant text := handler::text;
	other record;
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	PERFORM campaign_lifecycle_internal._check_timer_type(timer_type);
	PERFORM campaign_lifecycle_internal._check_given('handler', handler IS NOT NULL);
	IF timeout <= interval '0' OR timeout > interval '24 hours' THEN
		RAISE EXCEPTION 'handler timeout out of range: %', timeout
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'More than 0, up to 24 hours; NULL: the setting campaign_lifecycle.handler_timeout.';
	END IF;
	PERFORM campaign_lifecycle_internal._check_handler(handler, current_user, NULL::oid);
	INSERT INTO @extschema@.campaign_timer_handlers AS h (timer_type, handler, handler_owner, timeout)
	VALUES (timer_type, signature, current_user, timeout)
	ON CONFLICT ON CONSTRAINT campaign_timer_handlers_pkey DO UPDATE
		SET handler = excluded.handler, timeout = excluded.timeout, registered_at = now()
		WHERE h.handler_owner = current_user
			OR h.handler_owner_oid = (SELECT r.oid FROM pg_roles AS r WHERE r.rolname = current_user);
	IF NOT FOUND THEN
		SELECT h.handler, h.handler_owner INTO other FROM ONLY @extschema@.campaign_timer_handlers AS h
			WHERE h.timer_type = register_handler.timer_type;
		RAISE EXCEPTION '% timers have a handler already: %, of %', timer_type, other.handler,
			quote_ident(other.handler_owner)
			USING ERRCODE = 'unique_violation', CONSTRAINT = 'campaign_timer_handlers_pkey',
				HINT = 'unregister_handler() that one first.';
	END IF;
	IF NOT EXISTS (SELECT FROM pg_proc AS p CROSS JOIN unnest(p.proconfig) AS c (setting) WHERE p.oid = handler
		AND c.setting LIKE 'search\_path=%') THEN
		RAISE NOTICE 'handler % has no search_path of its own and will run with pg_catalog, pg_temp', handler
			USING HINT = format('ALTER FUNCTION %s SET search_path = ..., or write every name in it with its schema.', handler);
	END IF;
	PERFORM campaign_lifecycle_internal._wake();
END
$$;
COMMENT ON FUNCTION @extschema@.register_handler(text, regprocedure, interval) IS
	'From now on timers of this type call the function after their state change, in its transaction: f(campaign_id '
	'uuid, timer_id uuid, payload jsonb) RETURNS jsonb, owned by the caller and run with the caller''s rights. Not '
	'called on a skip; what it returns stands in the execution''s result under "handler". An error, or more time than '
	'timeout (up to 24 hours; NULL: campaign_lifecycle.handler_timeout), undoes the state change and is a failed '
	'attempt. One a type; registered again it is replaced. Errors: 22004, 22023, 42P13, 42501, 42883; 23505 while '
	'another role has one. Since 1.1.';

CREATE FUNCTION @extschema@.unregister_handler(timer_type text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
#variable_conflict use_variable
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	PERFORM campaign_lifecycle_internal._check_timer_type(timer_type);
	DELETE FROM ONLY @extschema@.campaign_timer_handlers AS h WHERE h.timer_type = timer_type;
	IF NOT FOUND THEN
		RAISE EXCEPTION '% timers have no handler', timer_type
			USING ERRCODE = 'no_data_found', HINT = 'campaign_timer_handlers lists them.';
	END IF;
	PERFORM campaign_lifecycle_internal._wake();
END
$$;
COMMENT ON FUNCTION @extschema@.unregister_handler(text) IS
	'Timers of this type call no function any more; one that runs ends. Errors: 22004, 22023; P0002 when there is none. '
	'Since 1.1.';

-- Called after the state change. A timer that was postponed or skipped calls no handler.
CREATE FUNCTION campaign_lifecycle_internal._handler_of(timer_id uuid, as_of timestamp with time zone,
		OUT handler oid, OUT handler_owner oid, OUT timeout_ms integer, OUT campaign_id uuid, OUT payload jsonb)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
#variable_conflict use_variable
DECLARE
	timer record;
	registered record;
BEGIN
	SELECT t.status, t.campaign_id, t.timer_type, t.payload INTO timer FROM ONLY @extschema@.campaign_timers AS t
		WHERE t.id = timer_id;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	IF timer.status <> 'COMPLETED' THEN
		-- A postponed timer made no attempt. After a failed attempt, the row is no longer STARTED.
		DELETE FROM ONLY @extschema@.timer_executions AS x WHERE x.timer_id = _handler_of.timer_id AND x.status = 'STARTED';
		RETURN;
	END IF;
	IF EXISTS (SELECT FROM ONLY @extschema@.timer_executions AS x
			WHERE x.timer_id = _handler_of.timer_id AND x.status = 'COMPLETED' AND x.started_at = as_of
				AND x.result ? 'skipped') THEN
		RETURN;
	END IF;
	SELECT h.handler, h.handler_owner, h.handler_owner_oid, h.timeout INTO registered
		FROM ONLY @extschema@.campaign_timer_handlers AS h
		WHERE h.timer_type = timer.timer_type;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	handler := campaign_lifecycle_internal._find_handler(registered.handler);
	IF handler IS NULL THEN
		RAISE EXCEPTION 'handler does not exist: %', registered.handler
			USING ERRCODE = 'undefined_function', HINT = 'Create it again, or unregister_handler().';
	END IF;
	PERFORM campaign_lifecycle_internal._check_handler(handler::regprocedure, registered.handler_owner,
		registered.handler_owner_oid);
	handler_owner := (SELECT p.proowner FROM pg_proc AS p WHERE p.oid = handler);
	timeout_ms := EXTRACT(epoch FROM coalesce(registered.timeout,
		coalesce(current_setting('campaign_lifecycle.handler_timeout', true), '30s')::interval)) * 1000;
	campaign_id := timer.campaign_id;
	payload := timer.payload;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._handler_of(uuid, timestamptz) IS
	'Which handler is to be called for a timer that has just run alone, if any: its oid, owner, timeout in milliseconds '
	'and arguments. Raises when the handler registered cannot be called: 42883, 42P13, 42501.';

CREATE FUNCTION campaign_lifecycle_internal._record_handler(timer_id uuid, as_of timestamp with time zone,
	handled jsonb) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
#variable_conflict use_variable
DECLARE
	attempt record;
	done_at constant timestamptz := clock_timestamp();
	-- The clock may be set meanwhile.
	took constant numeric := least(greatest(EXTRACT(epoch FROM done_at - as_of) * 1000, 0), 2147483647);
BEGIN
	SELECT x.id, x.completed_at, t.campaign_id
	INTO attempt
	FROM ONLY @extschema@.timer_executions AS x
	JOIN ONLY @extschema@.campaign_timers AS t ON t.id = x.timer_id
	WHERE x.timer_id = timer_id AND x.status = 'COMPLETED' AND x.started_at = as_of
	ORDER BY x.completed_at DESC
	LIMIT 1;
	UPDATE ONLY @extschema@.timer_executions AS x
	SET result = x.result || jsonb_build_object('handler', handled), completed_at = greatest(done_at, x.started_at),
		execution_time_ms = took
	WHERE x.id = attempt.id;
	UPDATE ONLY @extschema@.campaign_metrics AS m
	SET value = took
	WHERE m.campaign_id = attempt.campaign_id AND m.metric_type = 'TIMER_EXECUTION_TIME'
		AND m.recorded_at = attempt.completed_at;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._record_handler(uuid, timestamptz, jsonb) IS
	'Adds what the handler returned and the time it took to the execution of this attempt, and to its metric.';

-- Reset deferrable constraints to what they are declared as, after SET CONSTRAINTS ALL IMMEDIATE. That statement is the
-- only way to fire deferred triggers before the commit.
CREATE FUNCTION campaign_lifecycle_internal._reset_constraints() RETURNS void
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
COMMENT ON FUNCTION campaign_lifecycle_internal._reset_constraints() IS
	'Resets every deferrable constraint to its declaration until the end of the transaction.';
