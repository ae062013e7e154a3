-- Queries to nodes that the routing and the administration need. Their arguments have no names, because PL/Proxy takes
-- every word that is the name of an argument for that argument. The first argument is the number of the node.

CREATE FUNCTION campaign_router_internal._has_campaign(integer, uuid) RETURNS boolean
	LANGUAGE plproxy AS $$
	CLUSTER 'campaign_lifecycle_router';
	RUN ON $1;
	SELECT EXISTS (SELECT FROM @extschema@.campaigns AS c WHERE c.id = $2) AS known;
$$;
COMMENT ON FUNCTION campaign_router_internal._has_campaign(integer, uuid) IS 'Whether a node has this campaign.';

CREATE FUNCTION campaign_router_internal._campaign_of_timer(uuid) RETURNS SETOF uuid
	LANGUAGE plproxy AS $$
	CLUSTER 'campaign_lifecycle_router';
	RUN ON ALL;
	SELECT t.campaign_id FROM @extschema@.campaign_timers AS t WHERE t.id = $1;
$$;
COMMENT ON FUNCTION campaign_router_internal._campaign_of_timer(uuid) IS
	'The campaign of a timer, asked of all nodes at once.';

CREATE FUNCTION campaign_router_internal._campaign_of_timer_on(integer, uuid) RETURNS SETOF uuid
	LANGUAGE plproxy AS $$
	CLUSTER 'campaign_lifecycle_router';
	RUN ON $1;
	SELECT t.campaign_id FROM @extschema@.campaign_timers AS t WHERE t.id = $2;
$$;
COMMENT ON FUNCTION campaign_router_internal._campaign_of_timer_on(integer, uuid) IS
	'The campaign of a timer, asked of one node.';

CREATE FUNCTION campaign_router_internal._get_campaign(integer, uuid) RETURNS TABLE (id uuid, status text,
	metadata jsonb, created_at timestamp with time zone, updated_at timestamp with time zone,
	start_time timestamp with time zone, end_time timestamp with time zone, duration_hours integer, auto_close boolean,
	rewards_enabled boolean)
	LANGUAGE plproxy AS $$
	CLUSTER 'campaign_lifecycle_router';
	RUN ON $1;
	SELECT c.id, c.status::text, c.metadata, c.created_at, c.updated_at, c.start_time, c.end_time, c.duration_hours,
		c.auto_close, c.rewards_enabled
	FROM @extschema@.campaigns AS c WHERE c.id = $2;
$$;
COMMENT ON FUNCTION campaign_router_internal._get_campaign(integer, uuid) IS 'The row of a campaign on a node.';

-- The server evaluates the first argument of the called function for each row, and with it sets changed_by. unnest()
-- takes several arrays only without a schema, and is the server's own then.
CREATE FUNCTION campaign_router_internal._create_campaigns(integer, text, uuid[], integer[],
	timestamp with time zone[], boolean[], boolean[], jsonb[]) RETURNS SETOF uuid
	LANGUAGE plproxy AS $$
	CLUSTER 'campaign_lifecycle_router';
	RUN ON $1;
	SELECT r.id
	FROM unnest($3, $4, $5, $6, $7, $8) AS u (i, d, s, a, r, m)
	CROSS JOIN LATERAL @extschema@.create_campaign(
		CASE WHEN pg_catalog.set_config('campaign_lifecycle.changed_by', $2, true) IS NOT NULL THEN u.d END,
		u.s, u.a, u.r, u.m, u.i) AS r (id);
$$;
COMMENT ON FUNCTION campaign_router_internal._create_campaigns(integer, text, uuid[], integer[], timestamptz[],
	boolean[], boolean[], jsonb[]) IS 'Creates campaigns on one node, all or none.';

CREATE FUNCTION campaign_router_internal._live_campaigns(integer) RETURNS bigint
	LANGUAGE plproxy AS $$
	CLUSTER 'campaign_lifecycle_router';
	RUN ON $1;
	SELECT count(*) AS live
	FROM (SELECT FROM @extschema@.campaigns AS c
		WHERE c.status IN (SELECT m.from_state FROM @extschema@.campaign_state_transitions AS m) LIMIT 1000) AS l;
$$;
COMMENT ON FUNCTION campaign_router_internal._live_campaigns(integer) IS
	'How many campaigns of a node are in a state that is not terminal, up to 1000.';

CREATE FUNCTION campaign_router_internal._run_command(integer, text) RETURNS boolean
	LANGUAGE plproxy AS $$
	CLUSTER 'campaign_lifecycle_router';
	RUN ON $1;
	SELECT campaign_lifecycle_internal._run_outside_script($2) IS NOT NULL AS done;
$$;
COMMENT ON FUNCTION campaign_router_internal._run_command(integer, text) IS 'Runs a utility statement on a node.';

-- Two servers with the same digest move campaigns alike.
CREATE FUNCTION campaign_router_internal._configuration(integer) RETURNS text
	LANGUAGE plproxy AS $$
	CLUSTER 'campaign_lifecycle_router';
	RUN ON $1;
	SELECT pg_catalog.md5(pg_catalog.concat_ws(' | ',
		(SELECT string_agg(pg_catalog.concat_ws(' ', m.from_state, m.to_state, m.timer_type, m.priority), ', '
			ORDER BY m.from_state COLLATE "C", m.to_state COLLATE "C") FROM @extschema@.campaign_state_transitions AS m),
		(SELECT string_agg(pg_catalog.concat_ws(' ', p.state, p.timer_type, p.anchor, EXTRACT(epoch FROM p.delay),
			p.only_when), ', ' ORDER BY p.state COLLATE "C", p.timer_type COLLATE "C")
			FROM @extschema@.campaign_timer_policies AS p),
		(SELECT string_agg(pg_catalog.concat_ws(' ', h.timer_type, h.handler, EXTRACT(epoch FROM h.timeout),
				(SELECT pg_catalog.md5(f.prosrc) FROM pg_catalog.pg_proc AS f WHERE f.oid = pg_catalog.to_regprocedure(h.handler))),
			', ' ORDER BY h.timer_type COLLATE "C") FROM @extschema@.campaign_timer_handlers AS h),
		(SELECT string_agg(pg_catalog.pg_get_constraintdef(k.oid), ', ' ORDER BY k.conname)
			FROM pg_catalog.pg_constraint AS k
			WHERE (k.conrelid, k.conname) IN (('@extschema@.campaigns'::regclass, 'valid_status'),
				('@extschema@.campaign_timers'::regclass, 'valid_timer_type'))),
		pg_catalog.current_setting('campaign_lifecycle.max_attempts', true),
		pg_catalog.current_setting('campaign_lifecycle.retry_base_delay', true),
		pg_catalog.current_setting('campaign_lifecycle.handler_timeout', true))) AS digest;
$$;
COMMENT ON FUNCTION campaign_router_internal._configuration(integer) IS
	'A digest of the transitions, policies, handlers, states, timer types and settings of a node.';

CREATE FUNCTION campaign_router_internal._status(integer) RETURNS TABLE (version text, campaigns bigint, due bigint,
	next_due timestamp with time zone, paused boolean)
	LANGUAGE plproxy AS $$
	CLUSTER 'campaign_lifecycle_router';
	RUN ON $1;
	SELECT e.extversion::text AS version,
		-- Of a large table as the planner estimates.
		CASE WHEN c.reltuples < 100000 THEN (SELECT count(*) FROM @extschema@.campaigns)
			ELSE c.reltuples::bigint END AS campaigns,
		(SELECT count(*) FROM (SELECT FROM @extschema@.campaign_timers AS t
			WHERE t.status = 'PENDING' AND t.scheduled_at <= pg_catalog.now() LIMIT 100000) AS d) AS due,
		(SELECT min(t.scheduled_at) FROM @extschema@.campaign_timers AS t WHERE t.status = 'PENDING') AS next_due,
		NOT EXISTS (SELECT FROM @extschema@.campaign_activation AS a JOIN pg_catalog.pg_database AS b
			ON b.oid = a.database_oid
			WHERE b.datname = pg_catalog.current_database() AND NOT a.paused) AS paused
	FROM pg_catalog.pg_extension AS e, pg_catalog.pg_class AS c
	WHERE e.extname = 'campaign_lifecycle' AND c.oid = '@extschema@.campaigns'::regclass;
$$;
COMMENT ON FUNCTION campaign_router_internal._status(integer) IS 'Numbers of a node for the view campaign_nodes.';

CREATE FUNCTION campaign_router_internal._ping(integer) RETURNS integer
	LANGUAGE plproxy AS $$
	CLUSTER 'campaign_lifecycle_router';
	RUN ON $1;
	SELECT 1 AS one;
$$;
COMMENT ON FUNCTION campaign_router_internal._ping(integer) IS 'Asks nothing of a node.';

-- Of a server that is not a node yet.
CREATE FUNCTION campaign_router_internal._probe_extension(text) RETURNS TABLE (version text, schema_name text)
	LANGUAGE plproxy AS $$
	CONNECT $1;
	SELECT max(e.extversion)::text AS version, max(n.nspname)::text AS schema_name
	FROM pg_catalog.pg_extension AS e
	JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
	WHERE e.extname = 'campaign_lifecycle';
$$;
COMMENT ON FUNCTION campaign_router_internal._probe_extension(text) IS
	'The version and the schema of campaign_lifecycle in a database; NULL without it.';

CREATE FUNCTION campaign_router_internal._probe_tables(text) RETURNS TABLE (tables_id uuid, has_campaigns boolean)
	LANGUAGE plproxy AS $$
	CONNECT $1;
	SELECT v.id AS tables_id, EXISTS (SELECT FROM @extschema@.campaigns) AS has_campaigns
	FROM @extschema@.campaign_tables_version AS v;
$$;
COMMENT ON FUNCTION campaign_router_internal._probe_tables(text) IS
	'The id of the campaign tables in a database, and whether there are campaigns.';
