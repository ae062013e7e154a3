# On a standby no timer is executed; a promoted standby executes timers without help.
#
# A streaming standby receives campaigns with due timers from a primary whose timers are switched off. In recovery it has no launcher,
# no worker, and run_due_timers() refuses. The primary stops, the standby is promoted, and its worker executes every timer exactly
# once, because a failover does not pause a database as a copy does. Timers that the old primary has executed are not executed again.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignServer;
use PostgreSQL::Test::Cluster;
use Test::More;

my $primary = campaign_server('primary', init => { allows_streaming => 1 });
add_due_campaigns($primary, 'postgres', 100);
poll_is($primary, 'postgres', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 100, 'the primary executes 100 timers');
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
add_due_campaigns($primary, 'postgres', 100);
poll_is($primary, 'postgres', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 200, 'the primary executes 100 timers more with a standby');
set_and_reload($primary, enabled => 'off');
poll_worker_count($primary, 'postgres', 0, 'enabled = off ends the worker of the primary');
add_due_campaigns($primary, 'postgres', 300);
my $policy = $primary->safe_psql('postgres', "SELECT create_campaign(1, now())");
$primary->wait_for_catchup($standby);

query_is($standby, 'postgres', 'SELECT pg_is_in_recovery()', 't', 'the standby is in recovery');
query_is($standby, 'postgres', "SELECT count(*) FILTER (WHERE status = 'COMPLETED'), count(*) FILTER (WHERE status = 'PENDING' AND scheduled_at <= now()) FROM campaign_timers",
	'200|301', 'the standby has 200 timers executed and 301 timers due');
query_is($standby, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'campaign_lifecycle%'", 0, 'no launcher and no worker runs on the standby');
my ($code, $out, $err) = $standby->psql('postgres', 'SELECT run_due_timers()', extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
like($err, qr/ERROR:\s+25006/, 'run_due_timers() refuses in recovery: read-only transaction');
($code, $out, $err) = $standby->psql('postgres', "SELECT create_campaign(1)", extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
like($err, qr/ERROR:\s+25006/, 'create_campaign() refuses in recovery: read-only transaction');
query_is($standby, 'postgres', "SELECT check_name, status, value FROM campaign_health() WHERE check_name IN ('preload', 'launcher', 'worker', 'activation', 'health')",
	"preload|ok|yes\nlauncher|ok|standby\nworker|ok|standby\nactivation|ok|active", 'campaign_health() says that this is a standby, which needs no worker');
query_is($standby, 'postgres', "SELECT count(*) FROM campaign_health() WHERE check_name = 'launcher' AND detail ~ 'executes no timers, its primary does'", 1, 'and what holds there');
query_is($standby, 'postgres', 'SELECT state FROM campaign_workers', 'standby', 'campaign_workers says so too');
check_invariants($standby, 'postgres', 'on the standby');

$primary->stop('immediate');
my $promoted_at = $standby->safe_psql('postgres', 'SELECT clock_timestamp()');
$standby->promote;
poll_is($standby, 'postgres', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 500, 'the promoted standby executes every timer due');
poll_is($standby, 'postgres', "SELECT status FROM campaigns WHERE id = '$policy'", 'RUNNING', 'the promoted standby starts the campaign that was to start');
poll_worker_count($standby, 'postgres', 1, 'the promoted standby has one worker');
query_is($standby, 'postgres', "SELECT count(*) FROM timer_executions WHERE started_at > '$promoted_at'", 301, '301 timers are executed after the promotion');
query_is($standby, 'postgres', 'SELECT count(*), count(DISTINCT timer_id) FROM timer_executions', '501|501', 'each of 501 timers is executed once');
add_due_campaigns($standby, 'postgres', 100);
poll_is($standby, 'postgres', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 600, 'the promoted standby executes timers committed after the promotion');
check_invariants($standby, 'postgres', 'after the promotion');

$standby->stop;
done_testing();
