-- The state of the nodes, and health.

CREATE FUNCTION campaign_router_internal._node_configurations() RETURNS TABLE (node text, digest text)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	item record;
BEGIN
	FOR item IN SELECT n.node, n.number FROM campaign_router_internal.nodes AS n ORDER BY n.number LOOP
		BEGIN
			RETURN QUERY SELECT item.node, campaign_router_internal._configuration(item.number);
		EXCEPTION WHEN OTHERS THEN
			RETURN QUERY SELECT item.node, NULL::text;
		END;
	END LOOP;
END
$$;
COMMENT ON FUNCTION campaign_router_internal._node_configurations() IS
	'The digest of each node''s configuration; NULL for a node that cannot be asked.';

CREATE FUNCTION campaign_router_internal._campaign_nodes() RETURNS TABLE (node text, reachable boolean, version text,
	weight integer, slots bigint, campaigns bigint, due bigint, next_due timestamp with time zone, paused boolean,
	configuration text, node_error text)
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	item record;
	e record;
	detail text;
	hint text;
BEGIN
	FOR item IN
		SELECT n.node, n.number, n.weight,
			(SELECT count(*) FROM campaign_router_internal.slots AS s WHERE s.node = n.node) AS slots
		FROM campaign_router_internal.nodes AS n
		ORDER BY n.number
	LOOP
		BEGIN
			RETURN QUERY
				SELECT item.node, true, s.version, item.weight, item.slots, s.campaigns, s.due, s.next_due, s.paused,
					campaign_router_internal._configuration(item.number), NULL::text
				FROM campaign_router_internal._status(item.number) AS s;
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
			SELECT * INTO e FROM campaign_router_internal._error(item.number, SQLSTATE, SQLERRM, detail, hint);
			RETURN QUERY SELECT item.node, e.state NOT LIKE '08___', NULL::text, item.weight, item.slots, NULL::bigint,
				NULL::bigint, NULL::timestamptz, NULL::boolean, NULL::text, concat_ws(': ', e.state, e.message, e.detail);
		END;
	END LOOP;
END
$$;
COMMENT ON FUNCTION campaign_router_internal._campaign_nodes() IS 'The rows of the view campaign_nodes.';

CREATE VIEW @extschema@.campaign_nodes AS
	SELECT n.node, n.reachable, n.version, n.weight, n.slots, n.campaigns, n.due, n.next_due, n.paused, n.configuration,
		n.node_error
	FROM campaign_router_internal._campaign_nodes() AS n;
COMMENT ON VIEW @extschema@.campaign_nodes IS
	'One row a node. configuration is a digest: nodes with the same one move campaigns alike. Since 1.2.';
COMMENT ON COLUMN @extschema@.campaign_nodes.weight IS 'Its share of new campaigns.';
COMMENT ON COLUMN @extschema@.campaign_nodes.slots IS 'Its slots, of 256.';
COMMENT ON COLUMN @extschema@.campaign_nodes.campaigns IS
	'All campaigns, ended ones included; an estimate of the planner from 100000 on.';
COMMENT ON COLUMN @extschema@.campaign_nodes.due IS 'PENDING timers that are due, up to 100000.';
COMMENT ON COLUMN @extschema@.campaign_nodes.next_due IS 'When the first PENDING timer is due.';

CREATE FUNCTION campaign_router_internal._map_digest() RETURNS text
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT left(md5(string_agg(concat_ws(' ', s.slot, s.node, n.tables_id), ', ' ORDER BY s.slot)), 12)
	FROM campaign_router_internal.slots AS s
	JOIN campaign_router_internal.nodes AS n ON n.node = s.node
$$;
COMMENT ON FUNCTION campaign_router_internal._map_digest() IS
	'A digest of which node has which slot. It is the same on routers with equal maps.';

-- The checks of the router itself. Their rows have no node.
CREATE FUNCTION campaign_router_internal._router_health() RETURNS TABLE (check_name text, status text, value text,
	threshold text, detail text)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	reachable constant bigint := (SELECT count(*) FROM campaign_router_internal._campaign_nodes() AS n WHERE n.reachable);
	all_nodes constant bigint := (SELECT count(*) FROM campaign_router_internal.nodes);
	taking constant bigint := (SELECT count(*) FROM campaign_router_internal.nodes AS n WHERE n.weight > 0);
	reserved constant bigint := (SELECT count(*) FROM campaign_router_internal._reserved_slots());
	different bigint;
	said text;
BEGIN
	RETURN QUERY SELECT 'nodes', CASE WHEN reachable = all_nodes AND taking > 0 THEN 'ok' ELSE 'critical' END,
		format('%s of %s reachable', reachable, all_nodes), 'all',
		CASE WHEN all_nodes = 0 THEN 'There is no node: add_campaign_node() adds one.'
			WHEN taking = 0 THEN 'No node takes new campaigns: set_campaign_node_weight() gives one a weight above 0.'
			WHEN reachable < all_nodes THEN 'Calls for campaigns of the other nodes fail. The rows below say which ones.'
			ELSE 'Every node answers.' END;
	SELECT count(DISTINCT c.digest), string_agg(format('%s %s', c.node, coalesce(left(c.digest, 8), 'unknown')), ', ')
	INTO different, said
	FROM campaign_router_internal._node_configurations() AS c;
	RETURN QUERY SELECT 'configuration', CASE WHEN different > 1 THEN 'warning' ELSE 'ok' END,
		format('%s different', different), '1',
		CASE WHEN different > 1 THEN format('Nodes differ in transitions, policies, handlers, states, timer types or '
			'settings: %s. run_on_campaign_nodes() changes all of them.', said)
			ELSE 'The nodes that answer are configured alike.' END;
	RETURN QUERY SELECT 'slots', CASE WHEN reserved = 0 THEN 'warning' ELSE 'ok' END, format('%s reserved', reserved), '1',
		'Slots for nodes that are added later.';
	RETURN QUERY SELECT 'map', 'ok', campaign_router_internal._map_digest(), 'the same on every router',
		'Where another router shows another value, one of them has an older map.';
END
$$;
COMMENT ON FUNCTION campaign_router_internal._router_health() IS
	'The checks of campaign_health() on the router itself.';

CREATE FUNCTION campaign_router_internal._campaign_health(integer) RETURNS TABLE (check_name text, status text,
	value text, threshold text, detail text)
	LANGUAGE plproxy AS $$
	CLUSTER 'campaign_lifecycle_router';
	RUN ON $1;
	SELECT h.check_name, h.status, h.value, h.threshold, h.detail FROM @extschema@.campaign_health() AS h;
$$;
COMMENT ON FUNCTION campaign_router_internal._campaign_health(integer) IS 'campaign_health() of a node.';

CREATE FUNCTION @extschema@.campaign_health() RETURNS TABLE (node text, check_name text, status text, value text,
	threshold text, detail text)
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	item record;
	e record;
	detail text;
	hint text;
BEGIN
	RETURN QUERY SELECT NULL::text, h.* FROM campaign_router_internal._router_health() AS h;
	FOR item IN SELECT n.node, n.number FROM campaign_router_internal.nodes AS n ORDER BY n.number LOOP
		BEGIN
			RETURN QUERY SELECT item.node, h.* FROM campaign_router_internal._campaign_health(item.number) AS h;
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
			SELECT * INTO e FROM campaign_router_internal._error(item.number, SQLSTATE, SQLERRM, detail, hint);
			RETURN QUERY SELECT item.node, 'node', 'critical', e.state, 'reachable', concat_ws(': ', e.message, e.detail);
		END;
	END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_health() IS
	'Is all well, on the router and on every node? A row a check, as campaign_health() of campaign_lifecycle returns it, '
	'with the node. Rows without a node are of the router: nodes, configuration, slots, map. A node that does not answer '
	'has one row, with the check node. Since 1.2.';
