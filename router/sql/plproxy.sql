-- The functions by which PL/Proxy gets the map. It calls them with the rights of the extension's owner, because a
-- function with SECURITY DEFINER stands before each call. Nobody else may execute them.

-- PL/Proxy calls this before each call. A set-returning function in SQL is inlined into its query.
CREATE FUNCTION plproxy.get_cluster_version(cluster_name text) RETURNS SETOF integer
	LANGUAGE sql STABLE AS $$
	SELECT pg_catalog.hashtext(pg_catalog.concat_ws(' ',
		(SELECT o.value FROM campaign_router_internal.options AS o WHERE o.option OPERATOR(pg_catalog.=) 'version'),
		session_user,
		(SELECT pg_catalog.string_agg(m.umoptions::pg_catalog.text, ' ' ORDER BY m.umuser)
			FROM pg_catalog.pg_user_mapping AS m)))
	FROM (VALUES (1)) AS v (one)
	WHERE $1 OPERATOR(pg_catalog.=) 'campaign_lifecycle_router'
$$;
COMMENT ON FUNCTION plproxy.get_cluster_version(text) IS
	'Changes with the map, with the user of the session and with the user mappings.';

CREATE FUNCTION plproxy.get_cluster_config(cluster_name text, OUT key text, OUT val text) RETURNS SETOF record
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT v.key, coalesce(o.value, v.value)::text
	FROM (VALUES ('query_timeout', 30), ('connection_lifetime', 1800)) AS v (key, value)
	LEFT JOIN campaign_router_internal.options AS o ON o.option = v.key
	WHERE $1 = 'campaign_lifecycle_router'
$$;
COMMENT ON FUNCTION plproxy.get_cluster_config(text) IS 
	'The options of PL/Proxy, those of campaign_router_internal.options or the defaults.';

-- PL/Proxy wants a power of two of partitions. A number that no node has stands for the first node, and is never used.
CREATE FUNCTION plproxy.get_cluster_partitions(cluster_name text) RETURNS SETOF text
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM campaign_router_internal._check_nodes();
	RETURN QUERY
		WITH n AS MATERIALIZED (
			SELECT o.number, campaign_router_internal._session_conninfo(o.conninfo) AS conninfo
			FROM campaign_router_internal.nodes AS o)
		SELECT coalesce(n.conninfo, (SELECT f.conninfo FROM n AS f ORDER BY f.number LIMIT 1))
		FROM generate_series(0, 255) AS p (number)
		LEFT JOIN n ON n.number = p.number
		WHERE p.number < (SELECT (2 ^ ceil(log(2.0, max(f.number) + 1)))::integer FROM n AS f)
		ORDER BY p.number;
END
$$;
COMMENT ON FUNCTION plproxy.get_cluster_partitions(text) IS 'The connection string of each node, by its number.';
