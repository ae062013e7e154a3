-- Administration of the map. A router's map is its own: with several routers, each call is made on each of them.

CREATE FUNCTION campaign_router_internal._check_node(node text) RETURNS void
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF node IS NULL THEN
		RAISE EXCEPTION 'node must not be null'
			USING ERRCODE = 'null_value_not_allowed', HINT = 'The view campaign_nodes shows the nodes.';
	ELSIF NOT EXISTS (SELECT FROM campaign_router_internal.nodes AS n WHERE n.node = $1) THEN
		RAISE EXCEPTION 'node not found: %', left(node, 100)
			USING ERRCODE = 'undefined_object', HINT = 'The view campaign_nodes shows the nodes.';
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_router_internal._check_node(text) IS 'Raises 22004 for NULL and 42704 for no node.';

CREATE FUNCTION campaign_router_internal._check_new_node(node text, weight integer, slots integer) RETURNS void
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	free constant bigint := (SELECT count(*) FROM campaign_router_internal._reserved_slots());
BEGIN
	IF node IS NULL OR node !~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$' THEN
		RAISE EXCEPTION 'the name of a node is not valid: %', coalesce(left(node, 100), 'NULL')
			USING ERRCODE = CASE WHEN node IS NULL THEN 'null_value_not_allowed' ELSE 'invalid_parameter_value' END,
				HINT = 'A name has 1 to 63 letters, digits, underscores, dots and hyphens.';
	ELSIF EXISTS (SELECT FROM campaign_router_internal.nodes AS n WHERE n.node = $1) THEN
		RAISE EXCEPTION 'node exists already: %', node
			USING ERRCODE = 'duplicate_object', HINT = 'set_campaign_node_conninfo() changes its connection string.';
	END IF;
	PERFORM campaign_router_internal._check_weight(weight);
	IF free = 0 OR slots NOT BETWEEN 1 AND free THEN
		RAISE EXCEPTION 'not so many slots are reserved: %', free
			USING ERRCODE = CASE WHEN free = 0 THEN 'object_not_in_prerequisite_state' ELSE 'invalid_parameter_value' END,
				HINT = 'A node needs at least one of the 256 slots. drop_campaign_node() gives slots back.';
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_router_internal._check_new_node(text, integer, integer) IS
	'Raises 22004, 22023, 42710 or 55000 unless a node can be added.';

CREATE FUNCTION campaign_router_internal._check_weight(weight integer) RETURNS void
	LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF weight IS NULL OR weight NOT BETWEEN 0 AND 1000000 THEN
		RAISE EXCEPTION 'the weight of a node is not valid: %', coalesce(weight::text, 'NULL')
			USING ERRCODE = CASE WHEN weight IS NULL THEN 'null_value_not_allowed' ELSE 'invalid_parameter_value' END,
				HINT = 'It is from 0 to 1000000. A node gets new campaigns in proportion; 0: none.';
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_router_internal._check_weight(integer) IS 'Raises 22004 or 22023 for no weight.';

-- Look at the database, so that a wrong connection string is refused at once and not by the first call of a user.
CREATE FUNCTION campaign_router_internal._probe(node text, conninfo text) RETURNS TABLE (tables_id uuid,
	has_campaigns boolean)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	target constant text := campaign_router_internal._session_conninfo(conninfo);
	found record;
	detail text;
	hint text;
	e record;
BEGIN
	SELECT p.version, p.schema_name INTO found FROM campaign_router_internal._probe_extension(target) AS p;
	IF found.version IS NULL THEN
		RAISE EXCEPTION 'the database of node % does not have the extension campaign_lifecycle', node
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Run CREATE EXTENSION campaign_lifecycle there.';
	ELSIF quote_ident(found.schema_name) <> '@extschema@' THEN
		RAISE EXCEPTION 'the extension is in schema % on node %, and in schema % here', found.schema_name, node, '@extschema@'
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'The router and its nodes have it in the same schema.';
	ELSIF string_to_array(found.version, '.')::integer[] < '{1,2}' THEN
		RAISE EXCEPTION 'node % has version % of campaign_lifecycle', node, found.version
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'A node has 1.2 or later.';
	END IF;
	RETURN QUERY SELECT p.tables_id, p.has_campaigns FROM campaign_router_internal._probe_tables(target) AS p;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	SELECT * INTO e FROM campaign_router_internal._error(NULL, SQLSTATE, SQLERRM, detail, hint);
	IF e.state LIKE '08___' THEN
		e.message := format('node %s cannot be reached', node);
	END IF;
	PERFORM campaign_router_internal._raise(e.state, e.message, e.detail, e.hint);
END
$$;
COMMENT ON FUNCTION campaign_router_internal._probe(text, text) IS
	'Connects to a database that is to become a node. Raises 55000 unless it has the extension in the same schema.';

CREATE FUNCTION @extschema@.add_campaign_node(node text, conninfo text, weight integer DEFAULT 100,
	slots integer DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	clean text;
	found record;
	added constant text := node;
	number integer;
	other text;
BEGIN
	PERFORM campaign_router_internal._lock_map();
	PERFORM campaign_router_internal._check_new_node(node, weight, slots);
	clean := campaign_router_internal._check_conninfo(conninfo);
	SELECT p.tables_id, p.has_campaigns INTO found FROM campaign_router_internal._probe(node, clean) AS p;
	SELECT n.node INTO other FROM campaign_router_internal.nodes AS n
	WHERE n.tables_id = found.tables_id OR n.conninfo = clean;
	IF other IS NOT NULL THEN
		RAISE EXCEPTION 'that database is node % already', other
			USING ERRCODE = 'duplicate_object', HINT = 'set_campaign_node_conninfo() changes a connection string.';
	END IF;
	SELECT min(g.i) INTO number FROM generate_series(0, 255) AS g (i)
	WHERE NOT EXISTS (SELECT FROM campaign_router_internal.nodes AS n WHERE n.number = g.i);
	INSERT INTO campaign_router_internal.nodes (node, number, conninfo, weight, keeps_old_ids, tables_id)
	VALUES (added, number, clean, weight, found.has_campaigns, found.tables_id);
	INSERT INTO campaign_router_internal.slots (slot, node)
	SELECT r.slot, added FROM campaign_router_internal._reserved_slots() AS r (slot)
	LIMIT coalesce(slots, (SELECT greatest(least(count(*) / 2, 32), 1) FROM campaign_router_internal._reserved_slots()));
	PERFORM campaign_router_internal._map_changed();
	PERFORM campaign_router_internal._warn_of_configuration(added);
END
$$;
COMMENT ON FUNCTION @extschema@.add_campaign_node(text, text, integer, integer) IS
	'Adds a node: a database with the extension campaign_lifecycle. conninfo: keyword=value as libpq reads it, without a '
	'user to connect as the session''s user or by its user mapping. weight: its share of new campaigns. slots: how many '
	'of the reserved ones it gets, 32 if left out and while there are 64. A node that has campaigns keeps them. A '
	'WARNING says that its configuration differs from another node''s. Errors: 22004, 22023, 42710; 55000 when the '
	'database is not fit or no slot is reserved; 08001 when it cannot be reached. Since 1.2.';

CREATE FUNCTION campaign_router_internal._warn_of_configuration(node text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	digest text;
	item record;
BEGIN
	SELECT campaign_router_internal._configuration(n.number) INTO digest
	FROM campaign_router_internal.nodes AS n WHERE n.node = $1;
	FOR item IN SELECT * FROM campaign_router_internal._node_configurations() AS c WHERE c.node <> $1 LOOP
		IF item.digest <> digest THEN
			RAISE WARNING 'the configuration of node % differs from that of node %', node, item.node
				USING HINT = 'Transitions, policies, handlers, states, timer types and settings should be equal.';
			RETURN;
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION campaign_router_internal._warn_of_configuration(text) IS
	'Raises a WARNING if the configuration of a node differs from another''s.';

CREATE FUNCTION @extschema@.set_campaign_node_weight(node text, weight integer) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM campaign_router_internal._lock_map();
	PERFORM campaign_router_internal._check_node(node);
	PERFORM campaign_router_internal._check_weight(weight);
	UPDATE campaign_router_internal.nodes AS n SET weight = set_campaign_node_weight.weight WHERE n.node = node;
	PERFORM campaign_router_internal._map_changed();
END
$$;
COMMENT ON FUNCTION @extschema@.set_campaign_node_weight(text, integer) IS
	'Sets a node''s share of new campaigns. With 0 it gets none and empties as its campaigns end. Errors: 22004, 22023, '
	'42704. Since 1.2.';

CREATE FUNCTION @extschema@.set_campaign_node_conninfo(node text, conninfo text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	clean text;
	found record;
BEGIN
	PERFORM campaign_router_internal._lock_map();
	PERFORM campaign_router_internal._check_node(node);
	clean := campaign_router_internal._check_conninfo(conninfo);
	SELECT p.tables_id INTO found FROM campaign_router_internal._probe(node, clean) AS p;
	IF NOT EXISTS (SELECT FROM campaign_router_internal.nodes AS n WHERE n.node = node
		AND n.tables_id = found.tables_id) THEN
		RAISE EXCEPTION 'that database is not node %', node
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'Its tables have another id. A restored copy is added as a node of its own, after drop_campaign_node().';
	END IF;
	UPDATE campaign_router_internal.nodes AS n SET conninfo = clean WHERE n.node = node;
	PERFORM campaign_router_internal._map_changed();
END
$$;
COMMENT ON FUNCTION @extschema@.set_campaign_node_conninfo(text, text) IS
	'Changes how a node is reached, for instance after a standby was added. The database must be the same. Errors: 22004, '
	'22023, 42704; 55000 for another database; 08001. Since 1.2.';

CREATE FUNCTION @extschema@.drop_campaign_node(node text, force boolean DEFAULT false) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	item record;
	live bigint;
	detail text;
	hint text;
BEGIN
	PERFORM campaign_router_internal._lock_map();
	PERFORM campaign_router_internal._check_node(node);
	SELECT n.number, n.weight INTO item FROM campaign_router_internal.nodes AS n WHERE n.node = node;
	IF force IS NOT TRUE AND item.weight > 0 THEN
		RAISE EXCEPTION 'node % takes new campaigns', node
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = format('SELECT set_campaign_node_weight(%L, 0); first, on every router.', node);
	ELSIF force IS NOT TRUE THEN
		BEGIN
			live := campaign_router_internal._live_campaigns(item.number);
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
			PERFORM campaign_router_internal._raise_of_node(item.number, SQLSTATE, SQLERRM, detail, hint);
		END;
		IF live > 0 THEN
			RAISE EXCEPTION 'campaigns live on node %: %', node, CASE WHEN live < 1000 THEN live::text ELSE '1000 or more' END
				USING ERRCODE = 'object_not_in_prerequisite_state',
					HINT = 'It empties as they end. The view campaign_nodes and campaign_state_distribution show how far it is.';
		END IF;
	END IF;
	DELETE FROM campaign_router_internal.slots AS s WHERE s.node = node;
	DELETE FROM campaign_router_internal.nodes AS n WHERE n.node = node;
	PERFORM campaign_router_internal._map_changed();
END
$$;
COMMENT ON FUNCTION @extschema@.drop_campaign_node(text, boolean) IS
	'Takes a node out of the map and gives its slots back. The router no longer finds its ended campaigns; the database '
	'stays as it is. force: also with live campaigns, or when it cannot be reached. Errors: 22004, 42704; 55000 while its '
	'weight is not 0 or campaigns live there; 08001, 08006. Since 1.2.';

CREATE FUNCTION @extschema@.set_campaign_router_option(option text, value integer) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM campaign_router_internal._lock_map();
	IF option IS NULL OR value IS NULL THEN
		RAISE EXCEPTION 'option and value must not be null'
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Options are query_timeout and connection_lifetime, in seconds.';
	ELSIF option NOT IN ('query_timeout', 'connection_lifetime') OR value < 0 THEN
		RAISE EXCEPTION 'no option of a router: % = %', left(option, 100), value
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Options are query_timeout and connection_lifetime, in seconds.';
	END IF;
	PERFORM campaign_router_internal._set_option(option, value);
	PERFORM campaign_router_internal._map_changed();
END
$$;
COMMENT ON FUNCTION @extschema@.set_campaign_router_option(text, integer) IS
	'Sets query_timeout or connection_lifetime of PL/Proxy, in seconds; 0 turns one off. Errors: 22004, 22023. Since 1.2.';

CREATE FUNCTION @extschema@.run_on_campaign_nodes(command text, nodes text[] DEFAULT NULL)
	RETURNS TABLE (node text, sqlstate text, message text)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	item record;
	e record;
	detail text;
	hint text;
BEGIN
	IF command IS NULL THEN
		RAISE EXCEPTION 'command must not be null' USING ERRCODE = 'null_value_not_allowed', HINT = 'Give an SQL command.';
	END IF;
	PERFORM campaign_router_internal._check_node(n.node) FROM unnest($2) AS n (node);
	FOR item IN SELECT n.node, n.number FROM campaign_router_internal.nodes AS n
		WHERE $2 IS NULL OR n.node = ANY ($2) ORDER BY n.number
	LOOP
		BEGIN
			PERFORM campaign_router_internal._run_command(item.number,
				format('DO %L', format('BEGIN PERFORM pg_catalog.set_config(''search_path'', %L, true); EXECUTE %L; END',
					'pg_catalog, @extschema@, pg_temp', command)));
			RETURN QUERY SELECT item.node, NULL::text, NULL::text;
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
			SELECT * INTO e FROM campaign_router_internal._error(item.number, SQLSTATE, SQLERRM, detail, hint);
			RETURN QUERY SELECT item.node, e.state, e.message;
		END;
	END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.run_on_campaign_nodes(text, text[]) IS
	'Runs a command on each node, or on those named, in a transaction of its own: changes of policies and transitions, '
	'handlers, GRANT, ALTER EXTENSION UPDATE. Names without a schema are those of the extension''s schema. Returns a row '
	'a node, with the error if it failed there. The other nodes go on. Errors: 22004, 42704. Since 1.2.';
