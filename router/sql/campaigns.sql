-- Functions that the router has beside those of campaign_lifecycle.

CREATE FUNCTION @extschema@.new_campaign_id() RETURNS uuid
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN campaign_router_internal._new_id(campaign_router_internal._draw_slot('{}'));
END
$$;
COMMENT ON FUNCTION @extschema@.new_campaign_id() IS
	'An id for a new campaign, a UUID of version 7, of a node drawn by the weights. Give it to create_campaign() when the '
	'call may have to be repeated. Errors: 55000 when no node takes new campaigns. Since 1.2.';

CREATE FUNCTION @extschema@.campaign_home(campaign_id uuid) RETURNS text
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN (SELECT g.node FROM @extschema@.get_campaign(campaign_id) AS g);
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_home(uuid) IS
	'The name of the node that has a campaign. Errors: 22004, P0002, 08001, 08006. Since 1.2.';

CREATE FUNCTION @extschema@.get_campaign(campaign_id uuid) RETURNS TABLE (node text, id uuid, status text,
	metadata jsonb, created_at timestamp with time zone, updated_at timestamp with time zone,
	start_time timestamp with time zone, end_time timestamp with time zone, duration_hours integer, auto_close boolean,
	rewards_enabled boolean)
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	home integer;
	detail text;
	hint text;
BEGIN
	IF $1 IS NULL THEN
		RAISE EXCEPTION 'campaign_id must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	home := campaign_router_internal._home($1);
	LOOP
		BEGIN
			RETURN QUERY SELECT n.node, g.*
				FROM campaign_router_internal._get_campaign(home, $1) AS g
				JOIN campaign_router_internal.nodes AS n ON n.number = home;
			IF FOUND THEN
				RETURN;
			END IF;
			RAISE EXCEPTION 'campaign not found: %', $1
				USING ERRCODE = 'no_data_found', HINT = 'It may have been deleted, or row level security hides it from you.';
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
			home := campaign_router_internal._next_home($1, home, SQLSTATE, SQLERRM, detail, hint);
		END;
	END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.get_campaign(uuid) IS
	'The row of campaigns with this id, and the node that has it. Errors: 22004, P0002, 08001, 08006. Since 1.2.';

CREATE FUNCTION campaign_router_internal._check_bulk(number bigint, given bigint, what text) RETURNS void
	LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF given <> number THEN
		RAISE EXCEPTION '% has % elements, and ids has %', what, given, number
			USING ERRCODE = 'array_subscript_error',
				HINT = 'Each array has an element for each id. NULL for an array: the default.';
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_router_internal._check_bulk(bigint, bigint, text) IS
	'Raises 2202E unless an array is as long as that of the ids.';

-- Each node gets its campaigns in one call, which is one transaction there.
CREATE FUNCTION @extschema@.create_campaigns(ids uuid[], duration_hours integer[],
	start_times timestamp with time zone[] DEFAULT NULL, auto_close boolean[] DEFAULT NULL,
	rewards_enabled boolean[] DEFAULT NULL, metadata jsonb[] DEFAULT NULL)
	RETURNS TABLE (campaign_id uuid, node text, sqlstate text, message text)
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	item record;
	e record;
	detail text;
	hint text;
BEGIN
	IF $1 IS NULL OR $2 IS NULL THEN
		RAISE EXCEPTION 'ids and duration_hours must not be null' USING ERRCODE = 'null_value_not_allowed',
			HINT = 'An id that is NULL within the array is drawn.';
	END IF;
	PERFORM campaign_router_internal._check_bulk(cardinality($1), a.n, a.what)
	FROM (VALUES (cardinality($2), 'duration_hours'), (cardinality($3), 'start_times'), (cardinality($4), 'auto_close'),
		(cardinality($5), 'rewards_enabled'), (cardinality($6), 'metadata')) AS a (n, what);
	FOR item IN
		SELECT n.node, n.number, array_agg(r.id ORDER BY r.i) AS ids, array_agg(r.d ORDER BY r.i) AS durations,
			array_agg(r.s ORDER BY r.i) AS starts, array_agg(r.a ORDER BY r.i) AS closes, array_agg(r.w ORDER BY r.i) AS rewards,
			array_agg(r.m ORDER BY r.i) AS metadata
		FROM (
			SELECT f.*, campaign_router_internal._home_of_new(f.id) AS home
			FROM (
				SELECT u.i, coalesce(u.id, campaign_router_internal._new_id(campaign_router_internal._draw_slot('{}'))) AS id, u.d,
					CASE WHEN $3 IS NULL THEN now() ELSE u.s END AS s, CASE WHEN $4 IS NULL THEN true ELSE u.a END AS a,
					CASE WHEN $5 IS NULL THEN true ELSE u.w END AS w, CASE WHEN $6 IS NULL THEN '{}' ELSE u.m END AS m
				FROM unnest($1, $2, $3, $4, $5, $6) WITH ORDINALITY AS u (id, d, s, a, w, m, i)
				OFFSET 0) AS f) AS r
		JOIN campaign_router_internal.nodes AS n ON n.number = r.home
		GROUP BY n.node, n.number
		ORDER BY n.number
	LOOP
		BEGIN
			PERFORM FROM campaign_router_internal._create_campaigns(item.number, campaign_router_internal._writer(), item.ids,
				item.durations, item.starts, item.closes, item.rewards, item.metadata);
			RETURN QUERY SELECT u.id, item.node, NULL::text, NULL::text FROM unnest(item.ids) AS u (id);
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
			SELECT * INTO e FROM campaign_router_internal._error(item.number, SQLSTATE, SQLERRM, detail, hint);
			RETURN QUERY SELECT u.id, item.node, e.state, e.message FROM unnest(item.ids) AS u (id);
		END;
	END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.create_campaigns(uuid[], integer[], timestamptz[], boolean[], boolean[], jsonb[]) IS
	'Creates many campaigns, each node''s in one transaction there. An id that is NULL is drawn. Returns a row a '
	'campaign: its id, the node, and the error if that node created none of them. A bad row keeps the other campaigns of '
	'its node from being created, and no other node''s. Errors: 22004, 2202E; 55000 before anything is done, for an id '
	'of no node or of one that takes no new campaigns. Since 1.2.';

CREATE FUNCTION campaign_router_internal._find_timer(timer_id uuid) RETURNS uuid
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	item record;
	campaign_id uuid;
	detail text;
	hint text;
	lost record;
BEGIN
	BEGIN
		RETURN (SELECT t.campaign_id FROM campaign_router_internal._campaign_of_timer($1) AS t (campaign_id) LIMIT 1);
	EXCEPTION WHEN OTHERS THEN
		NULL;
	END;
	-- A node cannot be asked. The timer may be on another one.
	FOR item IN SELECT n.number FROM campaign_router_internal.nodes AS n ORDER BY n.number LOOP
		BEGIN
			SELECT t.campaign_id INTO campaign_id
			FROM campaign_router_internal._campaign_of_timer_on(item.number, $1) AS t (campaign_id);
			IF campaign_id IS NOT NULL THEN
				RETURN campaign_id;
			END IF;
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
			SELECT item.number, SQLSTATE AS state, SQLERRM AS message, detail AS detail, hint AS hint INTO lost;
		END;
	END LOOP;
	IF lost.number IS NOT NULL THEN
		PERFORM campaign_router_internal._raise_of_node(lost.number, lost.state, lost.message, lost.detail, lost.hint);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION campaign_router_internal._find_timer(uuid) IS
	'The campaign of a timer; NULL if no node has the timer. Raises the error of a node that cannot be asked, if no other '
	'one has it.';
