# A resource that runs out makes timers wait, and no more: no attempt is spent, no process ends, the log is not flooded, and all timers
# are executed when the resource is there again.
#
# The resources are the disk (a small tablespace that holds the table of executions, on a tmpfs of a user namespace of its own), locks
# (a session takes them all), connections (all taken, while the worker is terminated and comes back), and worker slots.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $db = 'postgres';

sub spent_nothing
{
	my ($node, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	query_is($node, $db, "SELECT count(*) FROM timer_executions WHERE status <> 'COMPLETED'", 0, "$what: no attempt failed");
	my @said = grep { /could not execute a batch/ } split /\n/, slurp_file($node->logfile);
	cmp_ok(scalar @said, '<', 6, "$what: the log is not flooded");
	check_invariants($node, $db, $what);
	return;
}

#---------------------------------------------------------------------------------------------------------------------
# Disk. The outer namespace may mount; the server runs in an inner one, as itself.

scenario('disk full', sub {
	SKIP:
	{
		my $folder = PostgreSQL::Test::Utils::tempdir_short() . '/small';
		mkdir $folder or die "$folder: $!";
		my ($user, $group) = ($<, (split / /, $()[0]);
		my @mounted = ('unshare', '-Urm', 'sh', '-c', 'mount -t tmpfs -o size=4m tmpfs "$0" && exec unshare -U --map-user=' . $user . ' --map-group=' . $group . ' "$@"', $folder);
		skip 'disk full: no tmpfs of its own: this system lets no user mount one in a namespace', 1 unless system(join(' ', map { "'$_'" } @mounted, 'true') . ' >/dev/null 2>&1') == 0;

		my $node = campaign_server('disk', start => 0);
		system(@mounted, 'pg_ctl', '-w', '-s', '-D', $node->data_dir, '-l', $node->logfile, '-o', '--cluster-name=disk', 'start') == 0 or die 'the server does not start in a namespace';
		$node->_update_pid(1);
		$node->safe_psql($db, 'CREATE EXTENSION campaign_lifecycle');
		$node->safe_psql($db, "CREATE TABLESPACE small LOCATION '$folder'");
		$node->safe_psql($db, 'ALTER TABLE timer_executions SET TABLESPACE small; CREATE TABLE ballast (t text) TABLESPACE small; ALTER TABLE ballast ALTER t SET STORAGE PLAIN');
		my ($pid) = worker_pids($node, $db);
		for my $rows (1000, 100, 10, 1)
		{
			my ($code, $out, $err) = (0);
			($code, $out, $err) = $node->psql($db, "INSERT INTO ballast SELECT repeat('x', 7000) FROM generate_series(1, $rows)", on_error_stop => 1) while $code == 0;
			die $err unless $err =~ /No space left on device/;
		}
		add_due_campaigns($node, $db, 100);
		$node->poll_query_until($db, "SELECT last_error LIKE '%No space left on device%' FROM campaign_workers WHERE database = '$db'") or die 'the worker does not meet the full disk';
		query_is($node, $db, "SELECT count(*), max(retry_count) FROM campaign_timers WHERE status = 'PENDING'", '100|0', 'disk full: 100 timers wait without an attempt');
		$node->safe_psql($db, 'DROP TABLE ballast; CHECKPOINT');
		poll_is($node, $db, "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 100, 'disk full: 100 timers are executed when there is room');
		is(join(' ', worker_pids($node, $db)), $pid, 'disk full: the same worker executes them');
		spent_nothing($node, 'disk full');
		$node->stop;
	}
});

#---------------------------------------------------------------------------------------------------------------------
# Locks, connections, worker slots

my $node = campaign_server('scarce', conf => "max_connections = 8\nsuperuser_reserved_connections = 0\nmax_locks_per_transaction = 20\nmax_worker_processes = 2\n"
	. "max_logical_replication_workers = 0\nmax_wal_senders = 0\nmax_prepared_transactions = 0\nautovacuum = off\n");
# The only client of the server: the places of those before it are free.
sub lone_session
{
	$node->poll_query_until($db, "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'client backend'") or die 'there are other clients';
	return $node->background_psql($db, on_error_stop => 0);
}

scenario('no lock left', sub {
	poll_worker_count($node, $db, 1, 'a worker has started');
	my ($pid) = worker_pids($node, $db);
	my $session = lone_session();

	$node->safe_psql($db, q{SELECT pause_timers()});
	add_due_campaigns($node, $db, 100);
	# An advisory lock stays when its statement fails.
	$session->query('DO $$ BEGIN FOR n IN 1 .. 1000000 LOOP PERFORM pg_advisory_lock(n); END LOOP; EXCEPTION WHEN out_of_memory THEN NULL; END $$');
	$session->query('SELECT pg_advisory_lock(n) FROM generate_series(1, 1000000) AS n');
	like($session->{stderr}, qr/out of shared memory/, 'no locks: a session has taken all of them');
	$session->{stderr} = '';
	$session->query('SELECT resume_timers()');
	$session->query('SELECT pg_sleep(2)');
	$session->query('SELECT pg_advisory_unlock_all()');
	$session->query('SELECT resume_timers()');
	poll_is($node, $db, "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 100, 'no locks: 100 timers are executed when there are locks again');
	is(join(' ', worker_pids($node, $db)), $pid, 'no locks: the same worker executes them');
	spent_nothing($node, 'no locks');
	$session->quit;
});

scenario('no connection left', sub {
	my $session = lone_session();
	my ($pid) = worker_pids($node, $db);
	# This session is one of them.
	my @others = map { $node->background_psql($db) } 2 .. 8;
	my (undef, undef, $err) = $node->psql($db, 'SELECT 1');
	like($err, qr/too many clients|remaining connection slots/, 'no connections: another client is refused');
	$session->query("SELECT pg_terminate_backend($pid)");
	$session->query(q{
		WITH c AS (INSERT INTO campaigns (status, duration_hours) SELECT 'RUNNING', 1 FROM generate_series(1, 50) RETURNING id)
		INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) SELECT id, 'EXPIRE_CAMPAIGN', now() FROM c});
	my $left = '';
	for (1 .. 600)
	{
		$left = $session->query("SELECT count(*) FROM campaigns WHERE status = 'RUNNING'");
		last if $left eq '0';
		$session->query('SELECT pg_sleep(0.1)');
	}
	is($left, '0', 'no connections: a terminated worker comes back and executes 50 timers');
	$_->quit for @others;
	spent_nothing($node, 'no connections');
	$session->quit;
});

scenario('no worker slot left', sub {
	create_campaign_database($node, 'second');
	add_due_campaigns($node, $_, 10) for 'second', $db;
	poll_is($node, $_, "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING' AND scheduled_at <= now()", 0, "one worker slot: $_ has its turn") for 'second', $db;
	# The launcher takes it.
	$node->append_conf('postgresql.conf', "max_worker_processes = 1\n");
	$node->restart;
	add_due_campaigns($node, 'second', 10);
	poll_is($node, $db, "SELECT count(*) FROM campaign_workers WHERE database = 'second' AND state = 'no worker slot'", 1, 'no worker slot: campaign_workers shows it for the second database');
	$node->wait_for_log(qr/WARNING: .*no process to run timers in.*\n.*HINT: .*max_worker_processes/);
	pass('no worker slot: the log says so, with a hint');
	query_is($node, 'second', 'SELECT run_due_timers()', 10, 'no worker slot: run_due_timers() executes ten timers');
	add_due_campaigns($node, 'second', 10);
	$node->append_conf('postgresql.conf', "max_worker_processes = 2\n");
	$node->restart;
	poll_is($node, 'second', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 30, 'no worker slot: a worker starts when there is one');
	check_invariants($node, 'second', 'no worker slot');
	my @warnings = grep { /WARNING.*(worker)/ && /campaign_lifecycle launcher|max_worker_processes|no worker/ } split /\n/, slurp_file($node->logfile);
	cmp_ok(scalar @warnings, '<', 5, 'no worker slot: the log repeats the warning less than five times');
});

$node->stop;
done_testing();
