-- The router's own functions, without any node: connection strings, errors of PL/Proxy, slots and weights, rights. Run
-- by test/t/110_router.pl in a database with the extension campaign_lifecycle_router and pgTAP.

BEGIN;
SELECT plan(33);

SELECT is_empty($$
	SELECT p.oid::regprocedure FROM pg_proc AS p JOIN pg_depend AS d ON d.objid = p.oid AND d.deptype = 'e'
	JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'campaign_lifecycle_router'
	WHERE has_function_privilege('public', p.oid, 'EXECUTE')$$, 'PUBLIC may execute no function');
SELECT is_empty($$
	SELECT p.oid::regprocedure FROM pg_proc AS p JOIN pg_depend AS d ON d.objid = p.oid AND d.deptype = 'e'
	JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'campaign_lifecycle_router'
	WHERE p.prosecdef AND NOT coalesce(p.proconfig, '{}') @> ARRAY['search_path=pg_catalog, pg_temp']$$,
	'every function with the rights of its owner has a search_path of its own');
SELECT is_empty($$
	SELECT p.oid::regprocedure FROM pg_proc AS p JOIN pg_depend AS d ON d.objid = p.oid AND d.deptype = 'e'
	JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'campaign_lifecycle_router'
	WHERE p.pronamespace = e.extnamespace AND obj_description(p.oid, 'pg_proc') !~ 'Since \d+\.\d+\.$'$$,
	'every function for users has a comment that says since when');
SELECT is_empty($$
	SELECT c.oid::regclass FROM pg_class AS c WHERE c.relnamespace = 'campaign_router_internal'::regnamespace AND c.relacl IS NOT NULL$$,
	'nobody else may read the tables of the map');

-- Connection strings.
SELECT is(campaign_router_internal._check_conninfo('host=a1,a2 dbname=app'),
	$$host='a1,a2' dbname='app' application_name='campaign_lifecycle_router'$$, 'values are quoted');
SELECT is(campaign_router_internal._check_conninfo($$ host = 'a b'  dbname='it\'s' password='x\\y' application_name=r $$),
	$$host='a b' dbname='it\'s' password='x\\y' application_name='r'$$, 'quoted values are quoted anew');
SELECT is(campaign_router_internal._check_conninfo('service=node_a'),
	$$service='node_a' application_name='campaign_lifecycle_router'$$, 'a service is enough');
SELECT throws_ok(format('SELECT campaign_router_internal._check_conninfo(%L)', c), '22023', NULL, 'refused: ' || c)
FROM (VALUES ('postgresql://a1/app'), ('host=a1'), ('host=a1 dbname=app x=y'), ('host=a1 dbname=app host=a2'),
	('host=a1 dbname=''app user=x'''), ('host=a1 dbname=app options=-cuser=x'), ('host=a1 dbname=app ''')) AS v (c);
SELECT is(campaign_router_internal._session_conninfo($$host='a'$$), format($$host='a' user='%s'$$, session_user),
	'without a user, the session''s own connects');
SELECT is(campaign_router_internal._session_conninfo($$host='a' user='x'$$), $$host='a' user='x'$$, 'a user in it stays');
CREATE USER MAPPING FOR CURRENT_USER SERVER campaign_nodes OPTIONS (user 'it''s', password 'a b');
SELECT is(campaign_router_internal._session_conninfo($$host='a'$$), $$host='a' user='it\'s' password='a b'$$,
	'a user mapping gives user and password');

-- Errors.
CREATE FUNCTION said(state text, message text, detail text DEFAULT NULL, hint text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' | ', e.state, e.message, e.detail, e.hint) FROM campaign_router_internal._error(NULL, $1, $2, $3, $4) AS e $$;
SELECT is(said('P0002', 'x._f(3): [app] REMOTE ERROR: campaign not found: 1', 'Remote detail: d', 'Remote hint: h'),
	'P0002 | campaign not found: 1 | d | h', 'an error of a node is as the node raised it');
SELECT is(said('23505', 'x._f(3): [a]b] REMOTE FEHLER: eins: zwei', '', ''), '23505 | eins: zwei', 'in any language');
SELECT alike(said('XX000', 'PL/Proxy function x._f(3): [app] PQconnectPoll: connection to server at "h" failed'),
	'08001 | %cannot be reached%', 'no connection: 08001');
SELECT alike(said('57P01', 'x._f(3): [app] REMOTE FATAL: terminating connection'), '08006 | %is lost%', 'a lost one: 08006');
SELECT alike(said('XX000', 'x._f(3): [app] REMOTE (null): server closed the connection unexpectedly'), '08006 | %is lost%',
	'a crash: 08006');
SELECT alike(said('XX000', 'PL/Proxy function x._f(3): query timeout'), '08006 | %is lost%', 'a timeout: 08006');
SELECT is(said('55000', 'campaign not here'), '55000 | campaign not here', 'an error of the router stays as it is');

-- Slots and weights.
SELECT throws_ok('SELECT new_campaign_id()', '55000', 'this router has no node', 'no id without a node');
SELECT throws_ok($$SELECT campaign_home('00000000-0000-7000-8000-000000000001')$$, '55000', 'this router has no node',
	'no home without a node');
INSERT INTO campaign_router_internal.nodes (node, number, conninfo, weight, keeps_old_ids, tables_id)
	VALUES ('a', 0, 'a', 300, false, gen_random_uuid()), ('b', 1, 'b', 100, false, gen_random_uuid()),
		('c', 4, 'c', 0, false, gen_random_uuid());
INSERT INTO campaign_router_internal.slots (slot, node) SELECT s, CASE WHEN s < 10 THEN 'a' WHEN s < 80 THEN 'b' ELSE 'c' END
	FROM generate_series(0, 99) AS s;
SELECT lives_ok('SELECT campaign_router_internal._map_changed()', 'the weights are shared out');
CREATE TEMP TABLE drawn AS SELECT new_campaign_id() AS id FROM generate_series(1, 4000);
SELECT is_empty('SELECT FROM drawn WHERE substr(id::text, 15, 1) <> ''7''', 'ids are of version 7');
SELECT results_eq($$SELECT count(*) BETWEEN 2800 AND 3200 FROM drawn WHERE campaign_router_internal._slot(id) < 10$$,
	'VALUES (true)', 'three of four are of the node with three of four parts');
SELECT is_empty('SELECT FROM drawn WHERE campaign_router_internal._slot(id) >= 80', 'none is of a node with weight 0');
SELECT is((SELECT count(DISTINCT campaign_router_internal._slot(id))::integer FROM drawn), 80, 'every slot is drawn');
SELECT is((SELECT count(*)::integer FROM plproxy.get_cluster_partitions('campaign_lifecycle_router')), 8,
	'PL/Proxy gets a power of two');
SELECT is((SELECT count(DISTINCT p)::integer FROM plproxy.get_cluster_partitions('campaign_lifecycle_router') AS p), 3,
	'with the three nodes');
SELECT finish();
ROLLBACK;
