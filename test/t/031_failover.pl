# A standby takes over under load, and the old primary comes back as a standby.
#
# Two servers. While a client commits campaigns one by one and keeps the ids that the server has acknowledged, the primary is stopped as
# by a power cut and the standby promoted: first with synchronous replication, when not one acknowledged campaign may be missing; then
# back the other way without it, when the last ones may be. Each time no process of the extension runs on the standby, the promoted server works
# without help, every timer that it has is executed once, and the old primary returns as its standby: by pg_rewind the
# first time, so that two timers it had executed for itself are undone with the rest. Last, a point-in-time recovery to a moment between
# two commits: what was due by then runs in the copy, what came later was never there, and the original is not touched.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $first = campaign_server(
	'first',
	init => { allows_streaming => 1, has_archiving => 1, extra => [ '--wal-segsize=1', '--data-checksums' ] },
	conf => "campaign_lifecycle.batch_size = 20\nwal_keep_size = '64MB'\n");
$first->backup('base');
my $second = PostgreSQL::Test::Cluster->new('second');
$second->init_from_backup($first, 'base', has_streaming => 1);
$second->append_conf('postgresql.conf', "archive_mode = off\n");
$second->start;

# Campaigns, each in a transaction of its own; returns the ids acknowledged before the server went.
sub commit_until
{
	my ($node, $strike) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0, timeout => 60);
	my @acknowledged;
	for my $n (1 .. 400)
	{
		$strike->() if $n == 300;
		my $id = eval {
			$session->query(q{
				WITH c AS (INSERT INTO campaigns (status, duration_hours) VALUES ('RUNNING', 1) RETURNING id)
				INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) SELECT id, 'EXPIRE_CAMPAIGN', now() FROM c RETURNING campaign_id})
		} // last;
		last unless $id =~ /^[0-9a-f-]{36}$/;
		push @acknowledged, $id;
	}
	eval { $session->quit };
	return @acknowledged;
}

sub number_there
{
	my ($node, @ids) = @_;
	return $node->safe_psql('postgres', "SELECT count(*) FROM campaigns WHERE id = ANY ('{" . join(',', @ids) . "}')");
}

sub takes_over
{
	my ($old, $new, $how) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	query_is($new, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'campaign_lifecycle%'", 0, "$how: no launcher and no worker runs on the standby");
	my @acknowledged = commit_until($old, sub { $old->stop('immediate') });
	cmp_ok(scalar @acknowledged, '>=', 299, "$how: the primary has acknowledged 299 campaigns or more before it went");
	$new->promote;
	poll_is($new, 'postgres', "SELECT count(*) FROM campaign_timers WHERE status <> 'COMPLETED'", 0, "$how: the promoted server executes every timer");
	query_is($new, 'postgres', "SELECT count(*) - count(DISTINCT timer_id) FROM timer_executions WHERE status = 'COMPLETED'", 0, "$how: no timer is executed twice");
	query_is($new, 'postgres', "SELECT count(*) FROM campaigns WHERE status <> 'EXPIRED'", 0, "$how: every campaign is EXPIRED");
	poll_worker_count($new, 'postgres', 1, "$how: the promoted server has one worker");
	check_invariants($new, 'postgres', "$how: on the promoted server");
	return @acknowledged;
}

$first->safe_psql('postgres', "ALTER SYSTEM SET synchronous_standby_names = '*'");
$first->reload;
$first->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'") or die;
my @acknowledged = takes_over($first, $second, 'synchronous');
is(number_there($second, @acknowledged), scalar @acknowledged, 'synchronous: no acknowledged campaign is missing');

# The old primary, started by mistake, lives on for a moment, and then follows.
$first->append_conf('postgresql.auto.conf', "synchronous_standby_names = ''\n");
$first->start;
add_due_campaigns($first, 'postgres', 2);
poll_is($first, 'postgres', "SELECT count(*) FROM campaign_timers WHERE status <> 'COMPLETED'", 0, 'the old primary, started by mistake, executes timers as a second active server');
$first->stop('fast');
# Until its first checkpoint the promoted server's control file names the old timeline, and pg_rewind would find nothing to do.
$second->safe_psql('postgres', 'CHECKPOINT');
command_ok(
	[ 'pg_rewind', '--target-pgdata', $first->data_dir, '--source-server', $second->connstr('postgres'), '--no-sync' ],
	'pg_rewind of the old primary');
# It brought the other's configuration.
$first->append_conf('postgresql.conf', "port = " . $first->port . "\nunix_socket_directories = '" . $first->host . "'\narchive_mode = off\n");
$first->append_conf('postgresql.auto.conf', "synchronous_standby_names = ''\n");
$first->enable_streaming($second);
$first->start;
$second->wait_for_catchup($first);
my $totals = 'SELECT (SELECT count(*) FROM campaigns), (SELECT count(*) FROM timer_executions), (SELECT count(*) FROM campaign_state_log)';
query_is($first, 'postgres', $totals, $second->safe_psql('postgres', $totals), 'the rewound server has the rows of the new primary and none of its own');

@acknowledged = takes_over($second, $first, 'asynchronous');
my $there = number_there($first, @acknowledged);
note(@acknowledged - $there . ' of ' . @acknowledged . ' acknowledged campaigns had not been replicated');
is(number_there($first, @acknowledged[ 0 .. 199 ]), 200, 'asynchronous: the first 200 acknowledged campaigns are there');
add_due_campaigns($first, 'postgres', 50);
poll_is($first, 'postgres', "SELECT count(*) FROM campaign_timers WHERE status <> 'COMPLETED'", 0, 'the promoted server executes timers committed after the failover');

#---------------------------------------------------------------------------------------------------------------------
# Point in time

my $archive = $first->archive_dir;
$first->append_conf('postgresql.conf', "archive_mode = on\narchive_command = 'cp \"%p\" \"$archive/%f\"'\n");
$first->restart;
$first->backup('later');
add_due_campaigns($first, 'postgres', 30);
poll_is($first, 'postgres', "SELECT count(*) FROM campaign_timers WHERE status <> 'COMPLETED'", 0, '30 timers are executed after the backup');
$first->safe_psql('postgres', 'SELECT pause_timers()');
add_due_campaigns($first, 'postgres', 40);
my $before = $first->safe_psql('postgres', 'SELECT count(*) FROM campaigns');
$first->safe_psql('postgres', "SELECT pg_create_restore_point('between')");
$first->safe_psql('postgres', 'SELECT resume_timers()');
add_due_campaigns($first, 'postgres', 50);
poll_is($first, 'postgres', "SELECT count(*) FROM campaign_timers WHERE status <> 'COMPLETED'", 0, '50 timers and the 40 paused ones are executed after the restore point');
my $file = $first->safe_psql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
$first->poll_query_until('postgres', "SELECT coalesce(last_archived_wal >= '$file', false) FROM pg_stat_archiver") or die;
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($first, 'later', has_restoring => 1, standby => 0);
$copy->append_conf('postgresql.conf', "recovery_target_name = 'between'\nrecovery_target_action = 'promote'\narchive_mode = off\ncampaign_lifecycle.enabled = off\n");
$copy->start;
$copy->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die;
query_is($copy, 'postgres', "SELECT count(*), count(*) FILTER (WHERE status = 'RUNNING') FROM campaigns", "$before|40", 'the recovered copy has what was committed before the restore point');
poll_worker_count($copy, 'postgres', 0, 'the copy has no worker with enabled = off');
check_invariants($copy, 'postgres', 'in the copy, quiet');
$copy->safe_psql('postgres', 'SELECT resume_timers()');
$copy->append_conf('postgresql.conf', "campaign_lifecycle.enabled = on\n");
$copy->reload;
poll_is($copy, 'postgres', "SELECT count(*) FROM campaign_timers WHERE status <> 'COMPLETED'", 0, 'the copy executes what was due with enabled = on');
query_is($copy, 'postgres', "SELECT count(*), count(DISTINCT timer_id) FROM timer_executions WHERE status = 'COMPLETED'", "$before|$before", 'each timer of the copy is executed once');
check_invariants($copy, 'postgres', 'in the copy');
query_is($first, 'postgres', 'SELECT count(*) FROM campaigns', $before + 50, 'the original has its own campaigns only');

$_->stop for $copy, $first;
done_testing();
