# campaign_health() and campaign_workers show the state of other processes.
#
# The processes are a worker that runs; a session, a prepared transaction and a replication slot that hold back vacuum; a server without
# the preload, without a worker slot, or with timers disabled. test/pgtap/campaign_health.sql has the checks that one session can see by
# itself.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use IPC::Run;
use Test::More;

my $node = campaign_server('health', extension => 0, conf => "autovacuum = off\nwal_level = logical\n");

# Assert that a check of campaign_health(), asked some hours later, is like this.
sub health_like
{
	my ($db, $check, $expected, $what, $as_of) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return like($node->safe_psql($db, "SELECT status || ': ' || value || ': ' || detail FROM campaign_lifecycle_internal._campaign_health(now() + interval '" . ($as_of // 0) . " hours') WHERE check_name = '$check'"),
		$expected, $what);
}

# A worker shows a timer that is not due yet when it has scanned, which it does after naptime at the latest.
in_database($node, 'a worker at work', sub {
	my ($db) = @_;
	set_and_reload($node, naptime => '1s');
	poll_worker_count($node, $db, 1, 'a worker has started by itself');
	poll_is($node, $db, "SELECT state, pid IS NOT NULL, worker_number IS NOT NULL FROM campaign_workers WHERE database = current_database()", 'idle|t|t', 'campaign_workers shows the worker as idle, with pid and number');
	poll_is($node, $db, "SELECT count(*) FROM campaign_health() WHERE status <> 'ok'", 0, 'every check of a new database with a worker is ok');
	$node->safe_psql($db, "SELECT create_campaign(1, now() + interval '1 hour')");
	poll_is($node, $db, "SELECT next_due IS NOT NULL FROM campaign_workers WHERE database = current_database()", 't', 'campaign_workers shows the time of the timer that the worker waits for');
	$node->safe_psql($db, "SELECT create_campaign(1, now())");
	poll_is($node, $db, "SELECT timers >= 1 AND batches >= 1 FROM campaign_workers WHERE database = current_database()", 't', 'campaign_workers counts the timers and batches of the worker');
	health_like($db, 'lateness', qr/^ok: median/, 'the check lateness is ok after a timer was executed on time');
	set_and_reload($node, naptime => undef);
});

in_database($node, 'what holds back vacuum', sub {
	my ($db) = @_;
	my ($in, $out) = ('', '');
	my $holder = IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr($db) . ' application_name=reporter' ], '<', \$in, '>', \$out, '2>&1');
	$in .= "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 'holds';\n";
	$holder->pump until $out =~ /holds/;
	$node->safe_psql($db, 'SELECT pg_current_xact_id()');
	health_like($db, 'oldest_snapshot', qr/^ok: \d+ transactions/, 'oldest_snapshot is ok for a young snapshot');
	health_like($db, 'oldest_snapshot', qr/^warning: .*process \d+ \(user \S+, application 'reporter', idle in transaction\).*pg_terminate_backend/, 'oldest_snapshot is a warning two hours later, and names the session', 2);
	health_like($db, 'oldest_snapshot', qr/^critical: .*'reporter'/, 'oldest_snapshot is critical 25 hours later', 25);
	$in .= "COMMIT;\n\\q\n";
	IPC::Run::finish($holder);
	$node->safe_psql($db, "BEGIN; SELECT pg_current_xact_id(); CREATE TABLE t (); PREPARE TRANSACTION 'forgotten one'");
	health_like($db, 'oldest_snapshot', qr/^warning: .*prepared transaction 'forgotten one'.*ROLLBACK PREPARED 'forgotten one'/, 'oldest_snapshot names a prepared transaction, and how to end it', 2);
	$node->safe_psql($db, "ROLLBACK PREPARED 'forgotten one'");
	$node->safe_psql($db, "SELECT pg_create_logical_replication_slot('left_behind', 'test_decoding')");
	health_like($db, 'oldest_snapshot', qr/^ok: .*replication slot left_behind \(nobody reads it\).*pg_drop_replication_slot\('left_behind'\)/, 'oldest_snapshot names a replication slot, and how to drop it', 25);
	$node->safe_psql($db, "SELECT pg_drop_replication_slot('left_behind')");
	health_like($db, 'oldest_snapshot', qr/^ok: none/, 'oldest_snapshot is ok again when all are gone', 25);
});

in_database($node, 'tables that need vacuum', sub {
	my ($db) = @_;
	$node->safe_psql($db, q{
		SET session_replication_role = replica;
		INSERT INTO campaign_metrics (campaign_id, metric_type, value) SELECT gen_random_uuid(), 'REWARD_CLAIMED', 1 FROM generate_series(1, 120000);
		DELETE FROM campaign_metrics});
	poll_is($node, $db, "SELECT status FROM campaign_health() WHERE check_name = 'vacuum'", 'warning', 'the check vacuum is a warning for 120,000 dead rows');
	health_like($db, 'vacuum', qr/12\d{4} dead rows, 0 live: public\.campaign_metrics needs VACUUM/, 'the check vacuum names the table');
	$node->safe_psql($db, 'VACUUM campaign_metrics');
	poll_is($node, $db, "SELECT status FROM campaign_health() WHERE check_name = 'vacuum'", 'ok', 'the check vacuum is ok after VACUUM');
});

in_database($node, 'timers disabled', sub {
	my ($db) = @_;
	set_and_reload($node, enabled => 'off');
	poll_is($node, $db, "SELECT status, value FROM campaign_health() WHERE check_name = 'launcher'", 'warning|disabled', 'the check launcher is a warning while enabled is off');
	set_and_reload($node, enabled => undef);
	poll_is($node, $db, "SELECT status, value FROM campaign_health() WHERE check_name = 'launcher'", 'ok|running', 'the check launcher is ok when enabled is on again');
});

in_database($node, 'not preloaded', sub {
	my ($db) = @_;
	$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
	$node->restart;
	health_like($db, 'preload', qr/^critical: no: .*shared_preload_libraries.*run_due_timers\(\)/, 'the check preload is critical, and names the setting and run_due_timers()');
	health_like($db, 'worker', qr/^critical: missing/, 'the check worker is critical without the preload');
	query_is($node, $db, 'SELECT state FROM campaign_workers', 'not preloaded', 'campaign_workers shows that the library is not preloaded');
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'campaign_lifecycle'\n");
	$node->restart;
});

in_database($node, 'no slot for a worker', sub {
	my ($db) = @_;
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'campaign_lifecycle'\nmax_worker_processes = 1\n");
	$node->restart;
	poll_is($node, $db, "SELECT status FROM campaign_health() WHERE check_name = 'worker'", 'critical', 'the check worker is critical without a worker slot');
	poll_is($node, $db, "SELECT detail ~ 'max_worker_processes' FROM campaign_health() WHERE check_name IN ('worker', 'launcher') AND status = 'critical' LIMIT 1", 't', 'the detail names max_worker_processes');
	$node->append_conf('postgresql.conf', "max_worker_processes = 16\n");
	$node->restart;
});

$node->stop;
done_testing();
