-- The map: which node has which campaigns. A campaign's slot is the last byte of its id. A slot belongs to one node, or
-- to none yet, and never goes from one node to another. So a router with an older map knows no node for the slots of a
-- new one. It cannot create a campaign a second time elsewhere.

CREATE TABLE campaign_router_internal.nodes (
	node text CONSTRAINT nodes_pkey PRIMARY KEY,
	number integer NOT NULL CONSTRAINT nodes_number_key UNIQUE
		CONSTRAINT valid_number CHECK (number BETWEEN 0 AND 255),
	conninfo text NOT NULL CONSTRAINT nodes_conninfo_key UNIQUE,
	weight integer NOT NULL CONSTRAINT valid_weight CHECK (weight BETWEEN 0 AND 1000000),
	keeps_old_ids boolean NOT NULL,
	tables_id uuid NOT NULL CONSTRAINT nodes_tables_id_key UNIQUE
);
COMMENT ON TABLE campaign_router_internal.nodes IS
	'The nodes, with their connection strings, which administrators only can read.';
COMMENT ON COLUMN campaign_router_internal.nodes.number IS 'The partition of PL/Proxy.';
COMMENT ON COLUMN campaign_router_internal.nodes.weight IS
	'The share of new campaigns; 0: the node takes no new campaigns.';
COMMENT ON COLUMN campaign_router_internal.nodes.keeps_old_ids IS
	'Whether the node had campaigns when it was added. Their ids may be of any slot.';
COMMENT ON COLUMN campaign_router_internal.nodes.tables_id IS
	'The id of the node''s tables, by which a node is known that is added under another connection string.';

CREATE TABLE campaign_router_internal.slots (
	slot integer CONSTRAINT slots_pkey PRIMARY KEY CONSTRAINT valid_slot CHECK (slot BETWEEN 0 AND 255),
	node text NOT NULL CONSTRAINT slots_node_fkey REFERENCES campaign_router_internal.nodes (node),
	draw_until double precision
);
CREATE INDEX slots_node_idx ON campaign_router_internal.slots (node);
CREATE INDEX slots_draw_until_idx ON campaign_router_internal.slots (draw_until);
COMMENT ON TABLE campaign_router_internal.slots IS
	'Which node has which slot, of 256. A slot without a row is reserved for later nodes.';
COMMENT ON COLUMN campaign_router_internal.slots.draw_until IS
	'The end of the slot''s part of the weights, by which new ids are drawn.';

CREATE TABLE campaign_router_internal.options (
	option text CONSTRAINT options_pkey PRIMARY KEY,
	value integer NOT NULL
);
COMMENT ON TABLE campaign_router_internal.options IS
	'The version of the map, from map_version, and those options of PL/Proxy that are set, in seconds.';

-- Sessions compare versions. A version that was rolled back must not come again with another map.
CREATE SEQUENCE campaign_router_internal.map_version AS integer CYCLE;

-- The user mappings of this server say as which user a role of the router connects to the nodes.
CREATE FOREIGN DATA WRAPPER campaign_lifecycle_router;
COMMENT ON FOREIGN DATA WRAPPER campaign_lifecycle_router IS 'Keeps user mappings; it has no foreign tables.';
CREATE SERVER campaign_nodes FOREIGN DATA WRAPPER campaign_lifecycle_router;
COMMENT ON SERVER campaign_nodes IS
	'CREATE USER MAPPING FOR role SERVER campaign_nodes OPTIONS (user ''...'', password ''...'') says as which user a '
	'role of the router connects to the nodes. Without a mapping it is the user of the same name.';

CREATE FUNCTION campaign_router_internal._lock_map() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	LOCK TABLE campaign_router_internal.nodes IN SHARE ROW EXCLUSIVE MODE;
END
$$;
COMMENT ON FUNCTION campaign_router_internal._lock_map() IS 'Waits for other changes of the map, and keeps them out.';

CREATE FUNCTION campaign_router_internal._set_option(option text, value integer) RETURNS void
	LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
	INSERT INTO campaign_router_internal.options AS o (option, value) VALUES ($1, $2)
	ON CONFLICT ON CONSTRAINT options_pkey DO UPDATE SET value = $2
$$;
COMMENT ON FUNCTION campaign_router_internal._set_option(text, integer) IS 'Sets an option of the router.';

CREATE FUNCTION campaign_router_internal._reserved_slots() RETURNS SETOF integer
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT g.slot FROM generate_series(0, 255) AS g (slot)
	WHERE NOT EXISTS (SELECT FROM campaign_router_internal.slots AS s WHERE s.slot = g.slot)
	ORDER BY g.slot
$$;
COMMENT ON FUNCTION campaign_router_internal._reserved_slots() IS 'The slots that no node has yet.';

CREATE FUNCTION campaign_router_internal._map_changed() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	-- A node's weight is shared by its slots. Each slot gets an interval of that length.
	UPDATE campaign_router_internal.slots AS s
	SET draw_until = d.draw_until
	FROM (
		SELECT q.slot, CASE WHEN q.share > 0 THEN sum(q.share) OVER (ORDER BY q.slot) END AS draw_until
		FROM (
			SELECT o.slot, n.weight::double precision / count(*) OVER (PARTITION BY n.node) AS share
			FROM campaign_router_internal.slots AS o
			JOIN campaign_router_internal.nodes AS n ON n.node = o.node) AS q) AS d
	WHERE d.slot = s.slot AND s.draw_until IS DISTINCT FROM d.draw_until;
	PERFORM campaign_router_internal._set_option('version', nextval('campaign_router_internal.map_version')::integer);
END
$$;
COMMENT ON FUNCTION campaign_router_internal._map_changed() IS
	'Shares the weights out over the slots, and gives the map a new version, which open sessions notice.';
