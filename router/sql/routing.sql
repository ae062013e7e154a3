-- From an id to a node.

CREATE FUNCTION campaign_router_internal._slot(campaign_id uuid) RETURNS integer
	LANGUAGE sql IMMUTABLE AS $$
	SELECT pg_catalog.get_byte(pg_catalog.uuid_send($1), 15)
$$;
COMMENT ON FUNCTION campaign_router_internal._slot(uuid) IS 'The slot of a campaign: the last byte of its id.';

CREATE FUNCTION campaign_router_internal._check_nodes() RETURNS void
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM campaign_router_internal.nodes) THEN
		RAISE EXCEPTION 'this router has no node'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'For instance: SELECT add_campaign_node(''a'', ''host=a1 dbname=app'');';
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_router_internal._check_nodes() IS 'Raises 55000 unless there is a node.';

CREATE FUNCTION campaign_router_internal._any_node() RETURNS integer
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM campaign_router_internal._check_nodes();
	RETURN (SELECT min(n.number) FROM campaign_router_internal.nodes AS n);
END
$$;
COMMENT ON FUNCTION campaign_router_internal._any_node() IS
	'A node that raises the error of a call that no node can carry out. Raises 55000 when there is none.';

CREATE FUNCTION campaign_router_internal._home(campaign_id uuid) RETURNS integer
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	home integer;
BEGIN
	SELECT n.number INTO home
	FROM campaign_router_internal.slots AS s
	JOIN campaign_router_internal.nodes AS n ON n.node = s.node
	WHERE s.slot = campaign_router_internal._slot($1);
	IF FOUND THEN
		RETURN home;
	END IF;
	SELECT min(n.number) INTO home FROM campaign_router_internal.nodes AS n WHERE n.keeps_old_ids;
	IF home IS NULL AND campaign_id IS NOT NULL THEN
		PERFORM campaign_router_internal._check_nodes();
		RAISE EXCEPTION 'campaign not found: %', campaign_id
			USING ERRCODE = 'no_data_found', HINT = format('No node of this router has slot %s. If another router has one, '
				'call add_campaign_node() here as well.', campaign_router_internal._slot(campaign_id));
	END IF;
	RETURN coalesce(home, campaign_router_internal._any_node());
END
$$;
COMMENT ON FUNCTION campaign_router_internal._home(uuid) IS
	'The number of the node that has a campaign, by its slot. Raises P0002 if no node has the slot.';

-- A node that had campaigns before it was added may have ids of any slot.
CREATE FUNCTION campaign_router_internal._keeper(campaign_id uuid, home integer) RETURNS integer
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	keeper integer;
BEGIN
	FOR keeper IN
		SELECT n.number FROM campaign_router_internal.nodes AS n
		WHERE n.keeps_old_ids AND n.number IS DISTINCT FROM home ORDER BY n.number
	LOOP
		IF campaign_router_internal._has_campaign(keeper, campaign_id) THEN
			RETURN keeper;
		END IF;
	END LOOP;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION campaign_router_internal._keeper(uuid, integer) IS
	'The number of another node that has this campaign from before it was added; NULL if none has it.';

CREATE FUNCTION campaign_router_internal._next_home(campaign_id uuid, tried integer, state text, message text,
	detail text, hint text) RETURNS integer
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	keeper integer;
BEGIN
	IF state = 'P0002' AND campaign_id IS NOT NULL AND tried = campaign_router_internal._home(campaign_id) THEN
		keeper := campaign_router_internal._keeper(campaign_id, tried);
	END IF;
	IF keeper IS NULL THEN
		PERFORM campaign_router_internal._raise_of_node(tried, state, message, detail, hint);
	END IF;
	RETURN keeper;
END
$$;
COMMENT ON FUNCTION campaign_router_internal._next_home(uuid, integer, text, text, text, text) IS
	'The node to ask next, after one has raised this error. Raises the error if there is none.';

CREATE FUNCTION campaign_router_internal._home_of_new(campaign_id uuid) RETURNS integer
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	home record;
	keeper integer;
BEGIN
	SELECT n.number, n.node, n.weight
	INTO home
	FROM campaign_router_internal.slots AS s
	JOIN campaign_router_internal.nodes AS n ON n.node = s.node
	WHERE s.slot = campaign_router_internal._slot($1);
	keeper := campaign_router_internal._keeper(campaign_id, home.number);
	IF keeper IS NOT NULL THEN
		RETURN keeper;
	END IF;
	IF home.number IS NULL THEN
		PERFORM campaign_router_internal._check_nodes();
		RAISE EXCEPTION 'no node has slot % of campaign %', campaign_router_internal._slot(campaign_id), campaign_id
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'new_campaign_id() makes ids that a node has. If another router has a node for this slot, call '
					'add_campaign_node() here as well.';
	ELSIF home.weight = 0 AND NOT campaign_router_internal._has_campaign(home.number, campaign_id) THEN
		RAISE EXCEPTION 'node % takes no new campaigns', home.node
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'new_campaign_id() makes ids of other nodes.';
	END IF;
	RETURN home.number;
END
$$;
COMMENT ON FUNCTION campaign_router_internal._home_of_new(uuid) IS
	'The number of the node for a new campaign with an id that the caller has chosen, or of the node that has it '
	'already. Raises 55000 if no node has its slot, or if the node takes no new campaigns.';

CREATE FUNCTION campaign_router_internal._draw_slot(without integer[]) RETURNS integer
	LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	drawn double precision;
BEGIN
	IF without <> '{}' THEN
		RETURN (
			SELECT s.slot
			FROM campaign_router_internal.slots AS s
			JOIN campaign_router_internal.nodes AS n ON n.node = s.node AND n.weight > 0 AND n.number <> ALL (without)
			ORDER BY random()
			LIMIT 1);
	END IF;
	drawn := random() * (SELECT max(s.draw_until) FROM campaign_router_internal.slots AS s);
	RETURN (SELECT s.slot FROM campaign_router_internal.slots AS s WHERE s.draw_until > drawn ORDER BY s.draw_until
		LIMIT 1);
END
$$;
COMMENT ON FUNCTION campaign_router_internal._draw_slot(integer[]) IS
	'A slot by the weights of the nodes, or one of any node that is not among those given. NULL if there is none.';

CREATE FUNCTION campaign_router_internal._new_id(slot integer) RETURNS uuid
	LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF slot IS NULL THEN
		PERFORM campaign_router_internal._check_nodes();
		RAISE EXCEPTION 'no node takes new campaigns'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'set_campaign_node_weight() gives a node a weight above 0.';
	END IF;
	RETURN encode(set_byte(uuid_send(@uuid_v7@), 15, slot), 'hex')::uuid;
END
$$;
COMMENT ON FUNCTION campaign_router_internal._new_id(integer) IS
	'A new id of this slot, a UUID of version 7. Raises 55000 for NULL.';

CREATE FUNCTION campaign_router_internal._writer() RETURNS text
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT coalesce(current_setting('campaign_lifecycle.changed_by', true), '')
$$;
COMMENT ON FUNCTION campaign_router_internal._writer() IS
	'The setting campaign_lifecycle.changed_by of this session, which goes along to the node.';
