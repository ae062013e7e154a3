# What runs out makes timers wait, and nothing else: no attempt is spent, no process ends, the log is not flooded, and when it is there again all
# are executed.
#
# In turn: the disk (a small tablespace that holds the table of executions, on a tmpfs of a user namespace of its own), locks (a session
# takes them all), connections (all taken, while the worker is terminated and comes back), and places for worker processes.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $db = 'postgres';

sub spent_nothing
{
	my ($node, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	answers($node, $db, "SELECT count(*) FROM timer_executions WHERE status <> 'COMPLETED'", 0, "$what: no attempt failed");
	my @said = grep { /could not execute a batch/ } split /\n/, slurp_file($node->logfile);
	cmp_ok(scalar @said, '<', 6, "$what: the log is not flooded");
	holds($node, $db, $what);
	return;
}

#---------------------------------------------------------------------------------------------------------------------
# Disk. The outer namespace may mount; the server runs in an inner one, as itself.

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
	fill($node, $db, 100);
	$node->poll_query_until($db, "SELECT last_error LIKE '%No space left on device%' FROM campaign_workers WHERE database = '$db'") or die 'the worker does not meet the full disk';
	answers($node, $db, "SELECT count(*), max(retry_count) FROM campaign_timers WHERE status = 'PENDING'", '100|0', 'disk full: timers wait');
	$node->safe_psql($db, 'DROP TABLE ballast; CHECKPOINT');
	becomes($node, $db, "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 100, 'disk full: when there is room, they are executed');
	is(join(' ', worker_pids($node, $db)), $pid, 'disk full: by the same worker');
	spent_nothing($node, 'disk full');
	$node->stop;
}

#---------------------------------------------------------------------------------------------------------------------
# Locks, connections, worker processes

my $node = campaign_server('scarce', conf => "max_connections = 8\nsuperuser_reserved_connections = 0\nmax_locks_per_transaction = 10\nmax_worker_processes = 2\n"
	. "max_logical_replication_workers = 0\nmax_wal_senders = 0\nmax_prepared_transactions = 0\nautovacuum = off\n");
workers_are($node, $db, 1, 'a worker comes');
my ($pid) = worker_pids($node, $db);
my $session = $node->background_psql($db, on_error_stop => 0);

$node->safe_psql($db, q{SELECT pause_timers()});
fill($node, $db, 100);
# Whatever is in the middle of it: an advisory lock stays when the statement fails.
$session->query('DO $$ BEGIN FOR n IN 1 .. 1000000 LOOP PERFORM pg_advisory_lock(n); END LOOP; EXCEPTION WHEN out_of_memory THEN NULL; END $$');
$session->query('SELECT pg_advisory_lock(n) FROM generate_series(1, 1000000) AS n');
like($session->{stderr}, qr/out of shared memory/, 'no locks: a session has them all');
$session->{stderr} = '';
$session->query('SELECT resume_timers()');
$session->query('SELECT pg_sleep(2)');
$session->query('SELECT pg_advisory_unlock_all()');
$session->query('SELECT resume_timers()');
becomes($node, $db, "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 100, 'no locks: when there are some, timers are executed');
is(join(' ', worker_pids($node, $db)), $pid, 'no locks: by the same worker');
spent_nothing($node, 'no locks');

# This session is one of them.
my @others = map { $node->background_psql($db) } 2 .. 8;
my ($code, $out, $err) = $node->psql($db, 'SELECT 1');
like($err, qr/too many clients|remaining connection slots/, 'no connections: nobody gets in');
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
is($left, '0', 'no connections: a worker comes back and works all the same');
$_->quit for @others;
spent_nothing($node, 'no connections');

with_database($node, 'second');
fill($node, 'second', 10);
becomes($node, $db, "SELECT count(*) FROM campaign_workers WHERE database = 'second' AND state = 'no worker slot'", 1, 'no place for a worker: campaign_workers says so');
answers($node, 'second', 'SELECT run_due_timers()', 10, 'no place for a worker: run_due_timers() does its work');
fill($node, 'second', 10);
$node->safe_psql($db, 'DROP EXTENSION campaign_lifecycle');
becomes($node, 'second', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 20, 'no place for a worker: when one is free, it comes');
holds($node, 'second', 'at the end');
my @warnings = grep { /WARNING.*(worker)/ && /campaign_lifecycle launcher|max_worker_processes|no worker/ } split /\n/, slurp_file($node->logfile);
cmp_ok(scalar @warnings, '<', 5, 'no place for a worker: it is said once a while');
$session->quit;
$node->stop;
done_testing();
