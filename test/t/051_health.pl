# campaign_health() and campaign_workers where other processes are needed: a worker that runs, a session, a prepared transaction and a
# replication slot that hold back vacuum, dead rows, a server without the preload, without slots, switched off. What one session
# can see by itself is in test/pgtap/campaign_health.sql.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignServer;
use IPC::Run;
use Test::More;

my $node = campaign_server('health', conf => "autovacuum = off\nwal_level = logical\n");

sub health
{
	my ($check, $expected, $what, $as_of) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return like($node->safe_psql('postgres', "SELECT status || ': ' || value || ': ' || detail FROM campaign_lifecycle_internal._campaign_health(now() + interval '" . ($as_of // 0) . " hours') WHERE check_name = '$check'"),
		$expected, $what);
}

workers_are($node, 'postgres', 1, 'a worker has come by itself');
becomes($node, 'postgres', "SELECT state, pid IS NOT NULL, worker_number IS NOT NULL FROM campaign_workers WHERE database = 'postgres'", 'idle|t|t', 'campaign_workers shows it');
becomes($node, 'postgres', "SELECT count(*) FROM campaign_health() WHERE status <> 'ok'", 0, 'with a worker a new database is healthy');
$node->safe_psql('postgres', "SELECT create_campaign(1, now() + interval '1 hour')");
becomes($node, 'postgres', "SELECT next_due IS NOT NULL FROM campaign_workers WHERE database = 'postgres'", 't', 'what it waits for');
$node->safe_psql('postgres', "SELECT create_campaign(1, now())");
becomes($node, 'postgres', "SELECT timers >= 1 AND batches >= 1 FROM campaign_workers WHERE database = 'postgres'", 't', 'what it has done');
health('lateness', qr/^ok: median/, 'timers fire in time');

#---------------------------------------------------------------------------------------------------------------------
# What holds back vacuum, and who

my ($in, $out) = ('', '');
my $holder = IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr('postgres') . ' application_name=reporter' ], '<', \$in, '>', \$out, '2>&1');
$in .= "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 'holds';\n";
$holder->pump until $out =~ /holds/;
$node->safe_psql('postgres', 'SELECT pg_current_xact_id()');
health('oldest_snapshot', qr/^ok: \d+ transactions/, 'a young snapshot is no matter');
health('oldest_snapshot', qr/^warning: .*process \d+ \(user \S+, application 'reporter', idle in transaction\).*pg_terminate_backend/, 'an hour later it is', 2);
health('oldest_snapshot', qr/^critical: .*'reporter'/, 'a day later badly so', 25);
$in .= "COMMIT;\n\\q\n";
IPC::Run::finish($holder);
$node->safe_psql('postgres', "BEGIN; SELECT pg_current_xact_id(); CREATE TABLE t (); PREPARE TRANSACTION 'forgotten one'");
health('oldest_snapshot', qr/^warning: .*prepared transaction 'forgotten one'.*ROLLBACK PREPARED 'forgotten one'/, 'a prepared transaction', 2);
$node->safe_psql('postgres', "ROLLBACK PREPARED 'forgotten one'");
$node->safe_psql('postgres', "SELECT pg_create_logical_replication_slot('left_behind', 'test_decoding')");
health('oldest_snapshot', qr/^ok: .*replication slot left_behind \(nobody reads it\).*pg_drop_replication_slot\('left_behind'\)/, 'a replication slot, by its age in transactions', 25);
$node->safe_psql('postgres', "SELECT pg_drop_replication_slot('left_behind')");
health('oldest_snapshot', qr/^ok: none/, 'nothing is left', 25);

#---------------------------------------------------------------------------------------------------------------------
# Tables that need vacuum

$node->safe_psql('postgres', q{
	SET session_replication_role = replica;
	INSERT INTO campaign_metrics (campaign_id, metric_type, value) SELECT gen_random_uuid(), 'REWARD_CLAIMED', 1 FROM generate_series(1, 120000);
	DELETE FROM campaign_metrics});
becomes($node, 'postgres', "SELECT status FROM campaign_health() WHERE check_name = 'vacuum'", 'warning', 'dead rows');
health('vacuum', qr/12\d{4} dead rows, 0 live: public\.campaign_metrics needs VACUUM/, 'it says where');
$node->safe_psql('postgres', 'VACUUM campaign_metrics');
becomes($node, 'postgres', "SELECT status FROM campaign_health() WHERE check_name = 'vacuum'", 'ok', 'vacuumed');

#---------------------------------------------------------------------------------------------------------------------
# Switched off; not preloaded; no slot for a worker

set_and_reload($node, enabled => 'off');
becomes($node, 'postgres', "SELECT status, value FROM campaign_health() WHERE check_name = 'launcher'", 'warning|disabled', 'switched off');
set_and_reload($node, enabled => undef);
becomes($node, 'postgres', "SELECT status, value FROM campaign_health() WHERE check_name = 'launcher'", 'ok|running', 'switched on');

$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$node->restart;
health('preload', qr/^critical: no: .*shared_preload_libraries.*run_due_timers\(\)/, 'not preloaded');
health('worker', qr/^critical: missing/, 'so there is no worker');
answers($node, 'postgres', 'SELECT state FROM campaign_workers', 'not preloaded', 'campaign_workers says why');

$node->append_conf('postgresql.conf', "shared_preload_libraries = 'campaign_lifecycle'\nmax_worker_processes = 1\n");
$node->restart;
becomes($node, 'postgres', "SELECT status FROM campaign_health() WHERE check_name = 'worker'", 'critical', 'no slot for a worker');
becomes($node, 'postgres', "SELECT detail ~ 'max_worker_processes' FROM campaign_health() WHERE check_name IN ('worker', 'launcher') AND status = 'critical' LIMIT 1", 't', 'says what to raise');

$node->stop;
done_testing();
