# A router whose nodes fail: one is down, one loses a connection after the commit, one hangs, one fails over to its standby. Calls for other
# nodes go on, errors say what is known, and a repeated call does nothing twice.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignRouter;
use CampaignScenarios;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $missing = router_is_missing();
plan skip_all => $missing if $missing;

my ($router, $first, $second) = router_and_nodes(2);
add_node($router, $first,  'a', 'app', 'slots => 128');
add_node($router, $second, 'b', 'app', 'slots => 128');
$_->safe_psql('app', q{CREATE ROLE reader LOGIN; SELECT grant_campaign_access('reader', 'reader')}) for $router, $first, $second;

# Ids of campaigns of each node, and of a timer of each.
my ($of_a, $of_b) = ('00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-0000000000f1');
through($router, "SELECT create_campaign(24, now() + interval '1 day', id => '$_')") for $of_a, $of_b;
my ($timer_of_a, $timer_of_b) = map { $_->safe_psql('app', 'SELECT id FROM campaign_timers ORDER BY scheduled_at LIMIT 1') } $first, $second;

# Processes that a scenario has stopped, so that none stays so when it dies.
my @stopped;
END { kill CONT => @stopped }

sub seconds_of { my ($code) = @_; my $begun = time; $code->(); return time - $begun }

scenario 'a node is down' => sub {
	my $session = $router->background_psql('app', on_error_stop => 0);
	is($session->query("SELECT campaign_home('$of_b')"), 'b', 'an open session asks node b');
	$second->stop('immediate');
	my $error;
	cmp_ok(seconds_of(sub { $error = error_of($router, "SELECT cancel_campaign('$of_b')") }), '<', 2, 'a call for its campaigns fails at once');
	like($error, qr/ERROR:  08001: node b cannot be reached\nDETAIL:  .*connection to server on socket/, 'with a clear error; an administrator sees the host');
	my $of_reader = error_of($router, "SELECT campaign_timeline('$of_b')", user => 'reader');
	like($of_reader, qr/ERROR:  08001: node b cannot be reached\n/, 'a reader gets the error, too');
	unlike($of_reader, qr/socket|@{[ $second->host ]}/, 'without the host');
	is(through($router, "SELECT campaign_home('$of_a')"), 'a', 'calls for other campaigns go on');
	is(through($router, 'SELECT count(DISTINCT campaign_home(create_campaign(24))) FROM generate_series(1, 20)'), 1, 'new campaigns go to the other node');
	is(error_of($router, "SELECT reschedule_timer('$timer_of_a', now() + interval '25 hours')"), '', 'a timer of the other node is found by its id alone');
	like(error_of($router, "SELECT reschedule_timer('$timer_of_b', now() + interval '25 hours')"), qr/08001: node b cannot be reached/, 'a timer that may be on the dead node is not said to be missing');
	is(through($router, 'SELECT node, reachable FROM campaign_nodes ORDER BY node'), "a|t\nb|f", 'campaign_nodes tells which node is down');
	like(through($router, q{SELECT node, count, node_error FROM campaign_state_distribution WHERE node = 'b' OR status IS NULL}), qr/^b\|\|08001: node b cannot be reached/, 'a view has one row for it');
	is(through($router, q{SELECT string_agg(DISTINCT node, ',') FROM campaign_state_distribution WHERE node_error IS NULL}), 'a', 'and the rows of the other');
	is(through($router, q{SELECT check_name, status, value FROM campaign_health() WHERE node = 'b'}), 'node|critical|08001', 'health has one row for it');
	is(through($router, q{SELECT status, value FROM campaign_health() WHERE node IS NULL AND check_name = 'nodes'}), 'critical|1 of 2 reachable', 'and counts the nodes');
	like(error_of($router, 'SELECT pause_timers()'), qr/08001: node b cannot be reached\nDETAIL:  Failed on: b. Done on: a./, 'a call to all nodes says where it is done');
	through($router, q{SELECT * FROM run_on_campaign_nodes('SELECT resume_timers()', '{a}')});
	is(through($router, q{SELECT node, sqlstate FROM run_on_campaign_nodes('SELECT 1')}), "a|\nb|08001", 'run_on_campaign_nodes() goes on, and says what failed');
	like(error_of($router, q{SELECT set_campaign_node_weight('b', 0); SELECT drop_campaign_node('b')}), qr/08001: node b cannot be reached/, 'dropping it is refused, because campaigns may live there');
	through($router, q{SELECT set_campaign_node_weight('b', 100)});
	$second->start;
	is($session->query("SELECT campaign_home('$of_b')"), 'b', 'when it is back, the open session works without more');
	$session->quit;
};

scenario 'a connection breaks after the commit' => sub {
	my $id = '00000000-0000-7000-8000-0000000001f2';
	$second->safe_psql('postgres', q{ALTER SYSTEM SET synchronous_standby_names = 'nobody'});
	$second->reload;
	$second->poll_query_until('postgres', q{SELECT current_setting('synchronous_standby_names') = 'nobody'}) or die;
	# The commit is written and waits for a standby. Then its connection ends, so the answer never comes.
	my $session = $router->background_psql('app', on_error_stop => 0);
	$session->query_until(qr/sent/, "\\echo sent\nSELECT create_campaign(24, id => '$id');\n");
	my $waits = q{FROM pg_stat_activity WHERE wait_event = 'SyncRep'};
	$second->poll_query_until('postgres', "SELECT count(*) = 1 $waits") or die 'no commit waits';
	$second->safe_psql('postgres', "SELECT pg_terminate_backend(pid) $waits");
	$second->safe_psql('postgres', q{ALTER SYSTEM RESET synchronous_standby_names});
	$second->reload;
	eval { $session->quit };
	like($session->{stderr}, qr/ERROR:  the connection to node b is lost/, 'the call fails') or diag($session->{stderr});
	like($session->{stderr}, qr/HINT:  The call may have been carried out\. A repeated call with the same id is refused then\./, 'and says that it may have been carried out');
	like(error_of($router, "SELECT create_campaign(24, id => '$id')"), qr/23505: campaign already exists: $id/, 'the repeated call with the same id says that it is done');
	is($second->safe_psql('app', "SELECT count(*) FROM campaigns WHERE id = '$id'"), 1, 'the campaign is there once');
};

scenario 'a node hangs' => sub {
	my @processes = split /\n/, $first->safe_psql('postgres', 'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
	push @processes, split ' ', slurp_file($first->data_dir . '/postmaster.pid') =~ s/\n.*//sr;
	kill STOP => @stopped = @processes;
	my $waiting = $router->background_psql('app', on_error_stop => 0);
	$waiting->query_until(qr/sent/, "\\echo sent\nSELECT campaign_home('$of_a');\n");
	my $home;
	cmp_ok(seconds_of(sub { $home = through($router, "SELECT campaign_home('$of_b')") }), '<', 2, 'calls for campaigns of the other node do not wait');
	is($home, 'b', 'and have their results');
	kill CONT => @processes;
	like($waiting->query("SELECT campaign_home('$of_a')"), qr/a/, 'the waiting call ends when the node goes on');
	$waiting->quit;
};

# PL/Proxy has no timeout for a server that is silent. PgBouncer has.
my ($pgbouncer) = grep { -x } map { "$_/pgbouncer" } split(/:/, $ENV{PATH}), '/usr/sbin';
scenario 'a node hangs behind PgBouncer' => sub {
	plan skip_all => 'there is no pgbouncer' unless $pgbouncer;
	my $folder = PostgreSQL::Test::Utils::tempdir_short();
	my $user = through($router, 'SELECT current_user');
	append_to_file("$folder/users", qq{"$user" ""\n});
	append_to_file(
		"$folder/ini",
		"[databases]\n"
		  . join('', map { "$_->[0] = " . conninfo_of($_->[1]) . "\n" } [ a => $first ], [ b => $second ])
		  . "[pgbouncer]\nlisten_addr =\nunix_socket_dir = $folder\nlisten_port = 6432\nauth_type = trust\nauth_file = $folder/users\nlogfile = $folder/log\n"
		  . "pidfile = $folder/pid\npool_mode = transaction\nquery_timeout = 1\nquery_wait_timeout = 1\nserver_connect_timeout = 1\nserver_login_retry = 1\n");
	command_ok([ $pgbouncer, '-q', '-d', "$folder/ini" ], 'PgBouncer starts');
	through($router, "SELECT set_campaign_node_conninfo('$_', 'host=$folder port=6432 dbname=$_')") for 'a', 'b';
	is(through($router, "SELECT campaign_home('$of_a') || campaign_home('$of_b')"), 'ab', 'calls go through PgBouncer in transaction mode');
	is(through($router, q{SELECT count(*), count(sqlstate) FROM create_campaigns(array_fill(NULL::uuid, ARRAY[50]), array_fill(24, ARRAY[50]))}), '50|0', 'bulk, too');
	my @processes = split /\n/, $first->safe_psql('postgres', 'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
	push @processes, split ' ', slurp_file($first->data_dir . '/postmaster.pid') =~ s/\n.*//sr;
	kill STOP => @stopped = @processes;
	my $error;
	my $took = seconds_of(sub { $error = error_of($router, "SELECT campaign_home('$of_a')") });
	like($error, qr/ERROR:  0800[16]: (?:the connection to node a is lost|node a cannot be reached)/, sprintf 'a call for its campaigns fails, after %.1f s', $took);
	cmp_ok($took, '<', 6, 'after the timeout');
	is(through($router, "SELECT campaign_home('$of_b')"), 'b', 'calls for campaigns of the other node go on');
	is(through($router, 'SELECT node, reachable FROM campaign_nodes ORDER BY node'), "a|f\nb|t", 'campaign_nodes tells which one hangs');
	like(through($router, q{SELECT status FROM campaign_health() WHERE node IS NULL AND check_name = 'nodes'}), qr/critical/, 'and health is critical');
	kill CONT => @processes;
	my $session = $router->background_psql('app', on_error_stop => 0);
	my $begun = time;
	until ((eval { $session->query("SELECT campaign_home('$of_a')") } // '') eq 'a' || time - $begun > 20) { select undef, undef, undef, 0.1 }
	cmp_ok(time - $begun, '<', 10, 'when it goes on, its calls do');
	$session->quit;
	through($router, "SELECT set_campaign_node_conninfo('$_->[0]', '" . conninfo_of($_->[1]) . "')") for [ a => $first ], [ b => $second ];
	kill TERM => split ' ', slurp_file("$folder/pid");
};

scenario 'a node fails over to its standby' => sub {
	$first->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($first, 'base', has_streaming => 1);
	$standby->start;
	through($router, "SELECT set_campaign_node_conninfo('a', 'host=" . join(',', $first->host, $standby->host) . ' port=' . join(',', $first->port, $standby->port) . " dbname=app target_session_attrs=read-write connect_timeout=3')");
	my @ids;
	push @ids, through($router, q{SELECT create_campaign(1, now() - interval '1 hour' + interval '3 seconds')}) for 1 .. 10;
	my $session = $router->background_psql('app', on_error_stop => 0);
	is($session->query("SELECT campaign_home('$of_a')"), 'a', 'an open session asks node a');
	$first->wait_for_catchup($standby);
	$first->kill9;
	like(error_of($router, "SELECT campaign_home('$of_a')"), qr/08001: node a cannot be reached/, 'without a primary, its calls fail');
	$standby->promote;
	my $begun = time;
	until ((eval { $session->query("SELECT campaign_home('$of_a')") } // '') eq 'a' || time - $begun > 20) { select undef, undef, undef, 0.05 }
	cmp_ok(time - $begun, '<', 10, sprintf 'the open session works %.2f s after the promotion', time - $begun);
	is(error_of($router, "SELECT cancel_campaign('$of_a')"), '', 'and writes to the promoted server') if $standby->safe_psql('app', q{INSERT INTO campaign_state_transitions (from_state, to_state) VALUES ('CREATED', 'EXPIRED') ON CONFLICT DO NOTHING}) eq '';
	for my $node ($standby, $second)
	{
		poll_is($node, 'app', q{SELECT count(*) FROM campaign_timers WHERE status = 'PENDING' AND scheduled_at <= now()}, 0, $node->name . ' has executed what was due');
		query_is($node, 'app', q{SELECT count(*) = count(DISTINCT timer_id) FROM timer_executions WHERE status = 'COMPLETED'}, 't', $node->name . ' has executed no timer twice');
		check_invariants($node, 'app', $node->name);
	}
	is(through($router, "SELECT count(*) FROM unnest('{" . join(',', @ids) . "}'::uuid[]) AS id WHERE campaign_home(id) IS NOT NULL"), 10, 'every campaign is there');
	$session->quit;
	$standby->stop;
};

$_->stop for $router, $second;
done_testing();
