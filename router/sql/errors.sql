-- Errors of a node, as the node raised them. PL/Proxy puts words before message, detail and hint; they are taken away.

CREATE FUNCTION campaign_router_internal._is_connection_error(state text, message text) RETURNS boolean
	LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT state LIKE '08___' OR state IN ('57P01', '57P02', '57P03') OR message ~ ' REMOTE \(null\): '
		OR (state = 'XX000' AND message
			~ '^PL/Proxy function .*\(\d+\): (\[.*\] PQ|query timeout|connect timeout|Lost result)')
$$;
COMMENT ON FUNCTION campaign_router_internal._is_connection_error(text, text) IS
	'Whether an error is one of the connection to a node.';

CREATE FUNCTION campaign_router_internal._was_not_sent(state text, message text) RETURNS boolean
	LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT state = '08001'
		OR (state = 'XX000' AND message ~ '^PL/Proxy function .*\(\d+\): (\[.*\] PQconnect(Start|Poll)|connect timeout)')
$$;
COMMENT ON FUNCTION campaign_router_internal._was_not_sent(text, text) IS
	'Whether the connection was never made, so that nothing can have been done.';

CREATE FUNCTION campaign_router_internal._raise(state text, message text, detail text, hint text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF detail IS NOT NULL AND hint IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message, DETAIL = detail, HINT = hint;
	ELSIF detail IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message, DETAIL = detail;
	ELSIF hint IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message, HINT = hint;
	END IF;
	RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message;
END
$$;
COMMENT ON FUNCTION campaign_router_internal._raise(text, text, text, text) IS
	'Raises an error; detail and hint may be NULL.';

-- PL/Proxy gives up a connection whose query has failed, and says so in a NOTICE of the next call.
CREATE FUNCTION campaign_router_internal._renew_connection(node_number integer) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = error AS $$
BEGIN
	PERFORM campaign_router_internal._ping(node_number);
EXCEPTION WHEN OTHERS THEN
	-- The error of the call is the one to be shown.
	NULL;
END
$$;
COMMENT ON FUNCTION campaign_router_internal._renew_connection(integer) IS
	'Connects to a node anew after an error, so that the next call of the session is as quick and as quiet as others.';

CREATE FUNCTION campaign_router_internal._error(node_number integer, INOUT state text, INOUT message text,
	INOUT detail text, INOUT hint text)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	said constant text := message;
	remote constant text := (regexp_match(message, '^.*?\(\d+\): \[.*?\] REMOTE \S+: (.*)$'))[1];
	lost constant boolean := campaign_router_internal._is_connection_error(state, message);
BEGIN
	IF NOT lost THEN
		IF remote IS NOT NULL AND node_number IS NOT NULL THEN
			PERFORM campaign_router_internal._renew_connection(node_number);
		END IF;
		message := coalesce(remote, message);
		detail := nullif(regexp_replace(detail, '^Remote detail: ', ''), '');
		hint := nullif(regexp_replace(hint, '^Remote hint: ', ''), '');
		RETURN;
	END IF;
	message := format('node %s cannot be reached', (SELECT n.node FROM campaign_router_internal.nodes AS n
		WHERE n.number = node_number));
	hint := NULL;
	IF NOT campaign_router_internal._was_not_sent(state, said) THEN
		message := format('the connection to node %s is lost', (SELECT n.node FROM campaign_router_internal.nodes AS n
			WHERE n.number = node_number));
		hint := 'The call may have been carried out. A repeated call with the same id is refused then.';
		state := '08006';
	ELSE
		state := '08001';
	END IF;
	-- The text of libpq names hosts and ports.
	detail := CASE WHEN (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = session_user)
		THEN split_part(regexp_replace(said, '^.*?\(\d+\): (\[.*?\] REMOTE )?', ''), E'\n', 1) END;
	RAISE LOG '%', message USING DETAIL = said;
END
$$;
COMMENT ON FUNCTION campaign_router_internal._error(integer, text, text, text, text) IS
	'An error that PL/Proxy has raised, as the node raised it. For a lost connection: 08001 if nothing was done, else '
	'08006. Superusers see the text of the connection error, and the server log has it.';

CREATE FUNCTION campaign_router_internal._raise_of_node(node_number integer, state text, message text, detail text,
	hint text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	e constant record := campaign_router_internal._error(node_number, state, message, detail, hint);
BEGIN
	PERFORM campaign_router_internal._raise(e.state, e.message, e.detail, e.hint);
END
$$;
COMMENT ON FUNCTION campaign_router_internal._raise_of_node(integer, text, text, text, text) IS
	'Raises an error of a node anew, without the words of PL/Proxy.';

CREATE FUNCTION campaign_router_internal._raise_of_nodes(failed text[], done text[], state text, message text,
	hint text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM campaign_router_internal._raise(state, message, format('Failed on: %s. Done on: %s.',
		array_to_string(failed, ', '), CASE WHEN done = '{}' THEN 'none' ELSE array_to_string(done, ', ') END), hint);
END
$$;
COMMENT ON FUNCTION campaign_router_internal._raise_of_nodes(text[], text[], text, text, text) IS
	'Raises the first error of a call to all nodes. The detail says where it failed and where it is done.';
