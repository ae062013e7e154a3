# On a standby nothing fires; promoted, it works at once.
#
# A streaming standby receives campaigns with due timers from a primary whose timers are switched off. In recovery it has no launcher,
# no worker, and run_due_timers() refuses. The primary stops, the standby is promoted, and its worker executes every timer exactly
# once, with no help: a failover does not pause a database, as a copy would. The old primary's own executions, replicated, are not repeated.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignServer;
use PostgreSQL::Test::Cluster;
use Test::More;

my $primary = campaign_server('primary', init => { allows_streaming => 1 });
fill($primary, 'postgres', 100);
becomes($primary, 'postgres', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 100, 'the primary executes 100 timers');
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
fill($primary, 'postgres', 100);
becomes($primary, 'postgres', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 200, 'and 100 more with a standby beside it');
set_and_reload($primary, enabled => 'off');
workers_are($primary, 'postgres', 0, 'then its timers are switched off');
fill($primary, 'postgres', 300);
my $policy = $primary->safe_psql('postgres', "SELECT create_campaign(1, now())");
$primary->wait_for_catchup($standby);

answers($standby, 'postgres', 'SELECT pg_is_in_recovery()', 't', 'the standby is in recovery');
answers($standby, 'postgres', "SELECT count(*) FILTER (WHERE status = 'COMPLETED'), count(*) FILTER (WHERE status = 'PENDING' AND scheduled_at <= now()) FROM campaign_timers",
	'200|301', 'it has the history, and 301 timers that are due');
answers($standby, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'campaign_lifecycle%'", 0, 'and no process of ours');
my ($code, $out, $err) = $standby->psql('postgres', 'SELECT run_due_timers()', extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
like($err, qr/ERROR:\s+25006/, 'run_due_timers() refuses in recovery: read-only transaction');
($code, $out, $err) = $standby->psql('postgres', "SELECT create_campaign(1)", extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
like($err, qr/ERROR:\s+25006/, 'so do the verbs');
holds($standby, 'postgres', 'on the standby');

$primary->stop('immediate');
my $promoted_at = $standby->safe_psql('postgres', 'SELECT clock_timestamp()');
$standby->promote;
becomes($standby, 'postgres', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 500, 'promoted, it executes what is due');
becomes($standby, 'postgres', "SELECT status FROM campaigns WHERE id = '$policy'", 'RUNNING', 'and starts the campaign that was to start');
workers_are($standby, 'postgres', 1, 'by a worker of its own');
answers($standby, 'postgres', "SELECT count(*) FROM timer_executions WHERE started_at > '$promoted_at'", 301, '301 executions after the promotion');
answers($standby, 'postgres', 'SELECT count(*), count(DISTINCT timer_id) FROM timer_executions', '501|501', 'every timer exactly once');
fill($standby, 'postgres', 100);
becomes($standby, 'postgres', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 600, 'a commit wakes the new worker');
holds($standby, 'postgres', 'after the promotion');

$standby->stop;
done_testing();
