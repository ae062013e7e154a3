# A router in front of three nodes: the functions and their results are those of a node, each campaign is on its home node only, nodes
# are added, emptied and dropped, roles have their levels of access, and nothing in a name, a connection string or an id is run.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignRouter;
use CampaignScenarios;
use PostgreSQL::Test::Utils;
use Test::More;

my $missing = router_is_missing();
plan skip_all => $missing if $missing;

my ($router, @nodes) = router_and_nodes(3);
my ($first, $second, $third) = @nodes;

like(error_of($router, 'SELECT create_campaign(24)'), qr/ERROR:  55000: this router has no node\nHINT:  For instance: SELECT add_campaign_node/, 'a call without any node is refused');

scenario 'pgTAP' => sub {
	$router->safe_psql('postgres', 'CREATE DATABASE tap');
	$router->safe_psql('tap', 'CREATE EXTENSION pgtap; CREATE EXTENSION campaign_lifecycle_router CASCADE');
	my ($out, $err) = ('', '');
	my $good = IPC::Run::run([ 'pg_prove', '--verbose', '-h', $router->host, '-p', $router->port, '-d', 'tap', 'router/test/router.sql' ], '>', \$out, '2>', \$err);
	my $count = () = $out =~ /^ok /mg;
	ok($good, "router/test/router.sql: $count assertions") or diag((grep { !/^ok / } map { "$_\n" } split /\n/, $out), $err);
};

add_node($router, $first,  'a');
add_node($router, $second, 'b');

scenario 'every function and view of a node is on the router' => sub {
	my %kind;
	for (split /\n/, slurp_file('router/functions.list')) { $kind{$1} = $2 if /^([a-z]\w*)\s+(\S+)/ }
	my $functions = q{
		SELECT p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid)
		FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
		JOIN pg_extension e ON e.oid = d.refobjid AND e.extname LIKE 'campaign_lifecycle%' AND p.pronamespace = e.extnamespace
		WHERE p.prorettype <> 'trigger'::regtype ORDER BY 1};
	my %of_node = map { /^(\w+)\|(.*)$/s } split /\n/, $first->safe_psql('app', $functions);
	my %of_router = map { /^(\w+)\|(.*)$/s } split /\n/, through($router, $functions);
	for my $name (sort keys %of_node)
	{
		my $kind = $kind{$name} // 'not in router/functions.list';
		if ($kind eq 'none') { ok(!exists $of_router{$name}, "$name is not on the router, as router/functions.list says") }
		elsif ($kind eq 'with-node') { like($of_router{$name} // 'missing', qr/\|TABLE\(node text, /, "$name has a column for the node") }
		else { is($of_router{$name}, $of_node{$name}, "$name is on the router with the same arguments and results") }
	}
	my $views = q{
		SELECT c.relname, string_agg(concat_ws(' ', a.attname, regexp_replace(format_type(a.atttypid, a.atttypmod), '^character varying.*', 'text')), ', ' ORDER BY a.attnum)
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('v', 'm') AND c.relname !~ '^_' GROUP BY 1 ORDER BY 1};
	my %on_router = map { /^(\w+)\|(.*)$/ } split /\n/, through($router, $views);
	for (split /\n/, $first->safe_psql('app', $views))
	{
		my ($name, $columns) = /^(\w+)\|(.*)$/;
		is($on_router{$name}, "node text, $columns, node_error text", "the view $name is on the router with a column for the node");
	}
};

# The third server has a database by itself, whose results are those to be had.
scenario 'every call returns on the router what it returns on a node' => sub {
	my $alone = $third;
	$alone->safe_psql('postgres', 'CREATE DATABASE alone');
	$alone->safe_psql('alone', 'CREATE EXTENSION campaign_lifecycle');
	my $results = sub {
		my ($server, $db) = @_;
		my ($code, $out, $err) = $server->psql($db, slurp_file('router/test/same_results.sql'), on_error_stop => 0, on_error_die => 0);
		$err =~ s/^psql:<stdin>:(\d+): /$1: /gm;
		$err =~ s/^(\d+: )?\S+\(\d+\): \[\w+\] REMOTE (NOTICE|WARNING): /$1/gm;
		$err =~ s/(NOTICE|WARNING):  00000: .*?REMOTE \w+:  ?/$1:  00000: /g;
		$err =~ s/^HINT:  Remote hint: /HINT:  /gm;
		$err = join '', map { "$_\n" } grep { /^(?:\d+: |HINT|DETAIL(?!:  Failed on))/ } split /\n/, $err;
		$err =~ s/\d{4}-\d\d-\d\d [\d:.]+\+00/TIME/g;
		return ($out, $err);
	};
	my ($out, $err) = $results->($alone, 'alone');
	my ($router_out, $router_err) = $results->($router, 'app');
	is($router_out, $out, 'the results are the same');
	is($router_err, $err, 'the errors are the same, with SQLSTATE, message and hint');
	cmp_ok(scalar(() = $err =~ /ERROR:/g), '>', 25, 'more than 25 calls are refused');
};

my $count = 'SELECT count(*) FROM campaigns';

scenario 'each campaign is on its home node only' => sub {
	through($router, q{SELECT create_campaign(24, now() + interval '1 day') FROM generate_series(1, 100)});
	my ($a, $b) = map { $_->safe_psql('app', $count) } $first, $second;
	cmp_ok($a, '>', 20, 'node a has its share');
	cmp_ok($b, '>', 20, 'node b has its share');
	query_is($router, 'app', 'SELECT sum(campaigns) FROM campaign_nodes', $a + $b, 'the counts of campaign_nodes add up');
	query_is($router, 'app', 'SELECT sum(count) FROM campaign_state_distribution', $a + $b, 'the counts of campaign_state_distribution add up');
	my %home = map { /^(\d+)\|(\w+)$/ } split /\n/, through($router, 'SELECT slot, node FROM campaign_router_internal.slots');
	for my $of ([ a => $first ], [ b => $second ])
	{
		my ($name, $node) = @$of;
		my @slots = split /\n/, $node->safe_psql('app', 'SELECT DISTINCT get_byte(uuid_send(id), 15) FROM campaigns');
		is(scalar(grep { $home{$_} ne $name } @slots), 0, "every id on node $name ends in a slot of it");
	}
	my $timers = 'SELECT count(*) FROM campaign_timers';
	query_is($router, 'app', 'SELECT count(*) FROM upcoming_timers', $first->safe_psql('app', "$timers WHERE status = 'PENDING'") + $second->safe_psql('app', "$timers WHERE status = 'PENDING'"), 'upcoming_timers has the timers of both nodes');
	query_is($router, 'app', q{SELECT string_agg(DISTINCT node, ',' ORDER BY node) FROM campaign_health() WHERE check_name = 'activation' AND status = 'ok'}, 'a,b', 'campaign_health() has rows of both nodes');
};

scenario 'timers of both nodes are executed by their workers, and by run_due_timers()' => sub {
	through($router, q{SELECT create_campaign(1, now() - interval '1 hour' - interval '1 second') FROM generate_series(1, 20)});
	for my $node ($first, $second)
	{
		poll_is($node, 'app', q{SELECT count(*) FROM campaign_timers WHERE status = 'PENDING' AND scheduled_at <= now()}, 0, $node->name . ' executes its timers');
	}
	through($router, 'SELECT pause_timers()');
	query_is($router, 'app', 'SELECT string_agg(node, $$,$$ ORDER BY node) FROM campaign_nodes WHERE paused', 'a,b', 'both nodes are paused');
	through($router, 'SELECT resume_timers()');
	query_is($router, 'app', 'SELECT count(*) FROM campaign_nodes WHERE paused', 0, 'both nodes are resumed');
};

scenario 'changed_by in the log is the user of the router, or what its session says' => sub {
	my $id = through($router, q{SELECT create_campaign(24, now() + interval '1 day')});
	through($router, "SET campaign_lifecycle.changed_by = 'the shop'; SELECT transition_campaign('$id', 'RUNNING')");
	my ($home) = map { $_->[1] } grep { $_->[0] eq through($router, "SELECT campaign_home('$id')") } [ a => $first ], [ b => $second ];
	query_is($home, 'app', "SELECT metadata ->> 'changed_by' FROM campaign_state_log WHERE campaign_id = '$id' AND to_state = 'RUNNING'", 'the shop', 'changed_by came along');
};

scenario 'create_campaigns() creates each node\'s campaigns or none of them' => sub {
	is(through($router, q{SELECT count(*), count(DISTINCT node), count(sqlstate) FROM create_campaigns(array_fill(NULL::uuid, ARRAY[200]), array_fill(24, ARRAY[200]))}), '200|2|0', '200 campaigns on two nodes');
	my $before = $first->safe_psql('app', $count) . '|' . $second->safe_psql('app', $count);
	my $said = through($router, q{
		SELECT node, string_agg(DISTINCT coalesce(sqlstate, 'created'), ',') FROM create_campaigns(
			'{00000000-0000-7000-8000-000000010001,00000000-0000-7000-8000-000000010002,00000000-0000-7000-8000-000000010021}', '{24,0,24}') GROUP BY node ORDER BY node});
	is($said, "a|22023\nb|created", 'a bad row keeps the campaigns of its node from being created, and no others');
	my ($a, $b) = split /\|/, $before;
	is($first->safe_psql('app', $count) . '|' . $second->safe_psql('app', $count), "$a|" . ($b + 1), 'one campaign more, on node b');
	like(error_of($router, q{SELECT create_campaigns('{00000000-0000-7000-8000-0000000000ff}', '{24}')}), qr/55000: no node has slot 255/, 'an id of no node is refused before anything is done');
	like(error_of($router, q{SELECT create_campaigns('{NULL}', '{24,24}')}), qr/2202E: duration_hours has 2 elements, and ids has 1/, 'arrays of different lengths are refused');
};

scenario 'a node is added to open sessions, and emptied, and dropped' => sub {
	my $session = $router->background_psql('app', on_error_stop => 0);
	my $stale = $router->background_psql('app', on_error_stop => 0);
	$session->query('SELECT create_campaign(24)');
	is($session->query(q{SELECT count(*) FROM campaign_nodes}), 2, 'an open session knows two nodes');
	add_node($router, $third, 'c');
	is($session->query(q{SELECT count(*) FROM campaign_nodes WHERE reachable}), 3, 'the open session knows three nodes');
	through($router, "SELECT set_campaign_node_weight('a', 0)");
	my $before = $first->safe_psql('app', $count);
	$session->query('SELECT create_campaign(24) FROM generate_series(1, 60)');
	is($first->safe_psql('app', $count), $before, 'a node with weight 0 gets no new campaign');
	cmp_ok($third->safe_psql('app', $count), '>', 10, 'the new node gets its share');
	like(error_of($router, q{SELECT create_campaign(24, id => '00000000-0000-7000-8000-000000020001')}), qr/55000: node a takes no new campaigns/, 'an id of such a node is refused');
	my $old = $first->safe_psql('app', q{SELECT id FROM campaigns WHERE status = 'CREATED' AND start_time > now() LIMIT 1});
	like(error_of($router, "SELECT create_campaign(24, id => '$old')"), qr/23505: campaign already exists/, 'a repeated call still learns that its campaign exists');
	is(through($router, "SELECT campaign_home('$old')"), 'a', 'its campaigns are found');
	like(error_of($router, q{SELECT drop_campaign_node('a')}), qr/55000: campaigns live on node a: \d+/, 'dropping a node is refused while campaigns live there');
	like(error_of($router, q{SELECT drop_campaign_node('b')}), qr/55000: node b takes new campaigns/, 'and while it takes new campaigns');
	$first->safe_psql('app', q{INSERT INTO campaign_state_transitions (from_state, to_state) VALUES ('CREATED', 'EXPIRED'); SELECT cancel_campaign(id) FROM campaigns WHERE status <> 'EXPIRED'});
	like(through($router, q{SELECT status || ' ' || value FROM campaign_health() WHERE node IS NULL AND check_name = 'configuration'}), qr/^warning 2 different$/, 'health tells that node a is configured otherwise');
	through($router, q{SELECT * FROM run_on_campaign_nodes($$INSERT INTO campaign_state_transitions (from_state, to_state) VALUES ('CREATED', 'EXPIRED') ON CONFLICT DO NOTHING$$)});
	like(through($router, q{SELECT status FROM campaign_health() WHERE node IS NULL AND check_name = 'configuration'}), qr/^ok$/, 'run_on_campaign_nodes() makes them alike');
	through($router, "SELECT drop_campaign_node('a')");
	is($session->query(q{SELECT string_agg(node, ',' ORDER BY node) FROM campaign_nodes}), 'b,c', 'the node is gone, in the open session, too');
	like(error_of($router, "SELECT campaign_home('$old')"), qr/P0002: campaign not found/, 'its ended campaigns are no longer found');
	$_->quit for $session, $stale;
};

scenario 'a server with campaigns becomes a node, and no row is moved' => sub {
	add_node($router, $first, 'a');
	my @ids = split /\n/, $first->safe_psql('app', q{SELECT create_campaign(24, id => ('00000000-0000-7000-8000-0000003000' || lpad(to_hex(n), 2, '0'))::uuid) FROM generate_series(0, 255, 15) n});
	is(through($router, "SELECT string_agg(DISTINCT campaign_home(id::uuid), ',') FROM unnest('{" . join(',', @ids) . "}'::text[]) id"), 'a', 'every campaign that the server had is found, whatever its slot');
	through($router, "SELECT cancel_campaign('$ids[3]')");
	query_is($first, 'app', "SELECT status FROM campaigns WHERE id = '$ids[3]'", 'EXPIRED', 'and can be cancelled');
	my $taken = through($router, q{SELECT '00000000-0000-7000-8000-0000003000' || lpad(to_hex(min(slot)), 2, '0') FROM campaign_router_internal.slots WHERE node = 'b' AND slot % 15 = 0});
	like(error_of($router, "SELECT create_campaign(24, id => '$taken')"), qr/23505: campaign already exists/, 'an id that the server has is refused on the node that has its slot now');
	like(error_of($router, "SELECT add_campaign_node('x', '" . conninfo_of($first) . " connect_timeout=3')"), qr/42710: that database is node a already/, 'a database is no node twice');
};

scenario 'an older map creates nothing a second time' => sub {
	$router->safe_psql('postgres', 'CREATE DATABASE app2');
	$router->safe_psql('app2', 'CREATE EXTENSION campaign_lifecycle_router CASCADE');
	my $id = through($router, q{SELECT '00000000-0000-7000-8000-0000004000' || lpad(to_hex(min(slot)), 2, '0') FROM campaign_router_internal.slots WHERE node = 'c'});
	# The second router was never told of node c.
	$router->safe_psql('app2', "SELECT add_campaign_node('$_->[0]', '" . conninfo_of($_->[1]) . "', slots => 32)") for [ a => $first ], [ b => $second ];
	through($router, "SELECT create_campaign(24, id => '$id')");
	like(error_of($router, "SELECT create_campaign(24, id => '$id')", db => 'app2'), qr/55000: no node has slot/, 'the older router refuses an id of the node it does not know');
	isnt($router->safe_psql('app2', q{SELECT value FROM campaign_health() WHERE node IS NULL AND check_name = 'map'}), through($router, q{SELECT value FROM campaign_health() WHERE node IS NULL AND check_name = 'map'}), 'the check map shows that the maps differ');
};

scenario 'levels of access' => sub {
	for my $server ($router, @nodes)
	{
		$server->safe_psql('app', "CREATE ROLE the_$_ LOGIN; SELECT grant_campaign_access('the_$_', '$_')") for qw(reader writer operator);
	}
	$router->safe_psql('app', 'CREATE ROLE nobody_special LOGIN');
	my $may = sub { my ($role, $sql) = @_; my $err = error_of($router, $sql, user => $role); return $err =~ /ERROR/ ? $err =~ /ERROR:  42501/ ? 'no' : $err : 'yes' };
	for my $case (
		[ 'SELECT * FROM campaign_health()', 'yes yes yes no' ], [ 'SELECT * FROM campaign_nodes', 'yes yes yes no' ],
		[ 'SELECT * FROM upcoming_timers', 'yes yes yes no' ], [ 'SELECT create_campaign(24)', 'no yes no no' ],
		[ q{SELECT count(*) FROM create_campaigns('{NULL}', '{24}')}, 'no yes no no' ],
		[ 'SELECT run_due_timers(1)', 'no no yes no' ], [ 'SELECT pause_timers(), resume_timers()', 'no no yes no' ],
		[ q{SELECT add_campaign_node('z', 'host=/tmp dbname=app')}, 'no no no no' ], [ q{SELECT run_on_campaign_nodes('SELECT 1')}, 'no no no no' ],
		[ q{SELECT drop_campaign_node('a', true)}, 'no no no no' ], [ q{SELECT set_campaign_node_weight('a', 1)}, 'no no no no' ],
		[ 'SELECT conninfo FROM campaign_router_internal.nodes', 'no no no no' ],
		[ q{SELECT plproxy.get_cluster_partitions('campaign_lifecycle_router')}, 'no no no no' ],
		[ q{SELECT campaign_router_internal._run_command(0, 'SELECT 1')}, 'no no no no' ],
		[ q{SELECT grant_campaign_access('nobody_special', 'reader')}, 'no no no no' ])
	{
		my ($sql, $expected) = @$case;
		is(join(' ', map { $may->($_, $sql) } qw(the_reader the_writer the_operator nobody_special)), $expected, "reader, writer, operator, others: $sql");
	}
	my $by = sub { my ($user) = @_; my $sum = 0; $sum += $_->safe_psql('app', "SELECT count(*) FROM campaign_state_log WHERE metadata ->> 'session_user' = '$user'") for @nodes; return $sum };
	cmp_ok($by->('the_writer'), '>', 0, 'a log of the nodes has the user of the router');
	$_->safe_psql('app', q{CREATE ROLE as_another LOGIN; SELECT grant_campaign_access('as_another', 'writer')}) for @nodes;
	$router->safe_psql('app', q{CREATE ROLE mapped LOGIN; SELECT grant_campaign_access('mapped', 'writer'); CREATE USER MAPPING FOR mapped SERVER campaign_nodes OPTIONS (user 'as_another', password 'secret')});
	is(error_of($router, 'SELECT create_campaign(24) FROM generate_series(1, 20)', user => 'mapped') , '', 'a role with a user mapping creates campaigns');
	cmp_ok($by->('as_another'), '>=', 20, 'the nodes know it as the mapped user');
	$router->safe_psql('app', q{SELECT revoke_campaign_access('the_writer')});
	is($may->('the_writer', 'SELECT create_campaign(24)'), 'no', 'revoke_campaign_access() takes the access away');
};

scenario 'names, connection strings and ids are data' => sub {
	for my $case (
		[ q{add_campaign_node('x''; DROP TABLE t; --', 'host=/tmp dbname=app')}, '22023' ], [ q{add_campaign_node('', 'host=/tmp dbname=app')}, '22023' ],
		[ q{add_campaign_node('x', 'postgresql://postgres@localhost/app')}, '22023' ], [ q{add_campaign_node('x', 'host=/tmp dbname=''app user=postgres''')}, '22023' ],
		[ q{add_campaign_node('x', 'host=/tmp dbname=app options=''-c x.user=y''')}, '22023' ], [ q{add_campaign_node('x', 'host=/tmp dbname=app host=/tmp')}, '22023' ],
		[ q{add_campaign_node('x', 'host=/tmp dbname=app replication=database')}, '22023' ], [ q{add_campaign_node('x', E'host=/tmp\ndbname=app')}, '22023' ],
		[ q{add_campaign_node('x', 'host=''/tmp dbname=app')}, '22023' ], [ q{add_campaign_node('x', 'dbname=app')}, '22023' ],
		[ q{add_campaign_node('x', NULL)}, '22004' ], [ q{add_campaign_node(NULL, 'host=/tmp dbname=app')}, '22004' ],
		[ q{add_campaign_node('a', 'host=/tmp dbname=app')}, '42710' ], [ q{add_campaign_node('x', 'host=/tmp dbname=app', -1)}, '22023' ],
		[ q{add_campaign_node('x', 'host=/tmp dbname=app', slots => 0)}, '22023' ], [ q{add_campaign_node('x', 'host=/nowhere dbname=app')}, '08001' ],
		[ q{set_campaign_node_weight('a''b', 1)}, '42704' ], [ q{drop_campaign_node('x')}, '42704' ], [ q{drop_campaign_node(NULL)}, '22004' ],
		[ q{set_campaign_router_option('user', 1)}, '22023' ], [ q{campaign_home('1; DROP TABLE campaigns')}, '22P02' ],
		[ q{run_on_campaign_nodes('SELECT 1', '{x}')}, '42704' ])
	{
		my ($call, $state) = @$case;
		like(error_of($router, "SELECT $call"), qr/ERROR:  $state:/, "$call: $state");
	}
	like(error_of($router, "SELECT add_campaign_node('x', '" . conninfo_of($third, 'postgres') . "')"), qr/55000: the database of node x does not have the extension/, 'a database without the extension is refused');
	my $text = q{'; DROP TABLE campaigns; SELECT $$ $1 \\ };
	my $id = through($router, q{SELECT create_campaign(24, metadata => jsonb_build_object('t', $q$} . $text . q{$q$))});
	is(through($router, "SELECT metadata ->> 't' FROM get_campaign('$id')"), $text, 'texts come back as they were');
};

scenario 'a dump of the router has the map' => sub {
	my $dump = PostgreSQL::Test::Utils::tempdir() . '/router.sql';
	command_ok([ 'pg_dump', '-d', $router->connstr('app'), '-f', $dump ], 'pg_dump of the router');
	$router->safe_psql('postgres', 'CREATE DATABASE restored');
	command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $router->connstr('restored'), '-f', $dump ], 'it is restored');
	my $map = q{SELECT value FROM campaign_health() WHERE node IS NULL AND check_name = 'map'};
	is($router->safe_psql('restored', $map), through($router, $map), 'with the same map');
	is($router->safe_psql('restored', 'SELECT count(*) FROM campaign_nodes WHERE reachable'), 3, 'and reaches its nodes');
};

check_invariants($_, 'app', $_->name) for @nodes;
$_->stop for $router, @nodes;
done_testing();
