# A restored copy starts paused.
#
# A database with a history, due timers and timers to come is dumped and restored into another one of the same server, whose worker
# would fire them a second time. Nothing of the copy fires until resume_timers(); nothing was lost or invented by the restore. (The
# whole matrix of formats and servers is tested elsewhere; here it is the plain script.)

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = campaign_server('restore', extension => 0);
with_database($node, 'original');
fill($node, 'original', 100);
$node->safe_psql('original', "SELECT create_campaign(24, now() + interval '1 day'); SELECT create_campaign(1, now() - interval '1 hour')");
becomes($node, 'original', "SELECT count(*) FROM campaigns WHERE status IN ('EXPIRED', 'CLOSED')", 101, 'the original has a history');
$node->safe_psql('original', 'SELECT pause_timers()');
fill($node, 'original', 50);

my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump.sql';
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('original') ], 'pg_dump');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('restored') ], 'psql: no error in the restore');

my @tables = qw(campaigns campaign_timers campaign_state_log campaign_metrics timer_executions campaign_state_transitions campaign_timer_policies);
my $content = join ' UNION ALL ', map { "SELECT '$_', count(*), md5(string_agg(t::text, ';' ORDER BY t::text)) FROM $_ AS t" } @tables;
answers($node, 'restored', $content, $node->safe_psql('original', $content), 'the copy is the original, row for row');

# The same commit that wakes any worker; then another database's timer is executed, committed later.
fill($node, 'restored', 10);
with_database($node, 'beside');
fill($node, 'beside', 1);
becomes($node, 'beside', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 1, 'a database beside works');
answers($node, 'restored', "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING' AND scheduled_at <= now()", 60, 'in the copy nothing has fired');
my ($code, $out, $err) = $node->psql('restored', 'SELECT run_due_timers()', extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
like($err, qr/ERROR:\s+55000/, 'nor does run_due_timers()');
# A restart makes every worker look anew.
$node->restart;
fill($node, 'beside', 1);
becomes($node, 'beside', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 2, 'after a restart the database beside works');
answers($node, 'restored', "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING' AND scheduled_at <= now()", 60, 'and the copy is paused still');

$node->safe_psql('restored', 'SELECT resume_timers()');
becomes($node, 'restored', "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING' AND scheduled_at <= now()", 0, 'resume_timers(): they fire');
answers($node, 'restored', "SELECT status, count(*) FROM campaigns GROUP BY status ORDER BY status", "CLOSED|1\nCREATED|1\nEXPIRED|160", 'each of them');
answers($node, 'original', "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING' AND scheduled_at <= now()", 50, 'and in the original, paused by hand, none');
holds($node, $_, $_) for 'original', 'restored', 'beside';

$node->stop;
done_testing();
