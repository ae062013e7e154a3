# Grants, a change of owner and maintenance at the same time: each succeeds.
#
# Deployments grant from several sessions at once, at any time of a minute. GRANT updates catalog rows without a lock that lasts, so two
# sessions would raise "tuple concurrently updated", and a change of owner beside them deadlocks. Here sessions grant, revoke and change
# the owner in parallel, while others refresh a materialized view and make months, and a worker does its maintenance. No session sees an
# error, no job of the worker fails, and the privileges are those of the last call.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = campaign_server('grants', extension => 0);
my @levels = qw(reader writer operator);
$node->safe_psql('postgres', join ';', map { "CREATE ROLE g$_; CREATE ROLE fixed_$_" } 0 .. 3);
$node->safe_psql('postgres', 'CREATE ROLE first_owner; CREATE ROLE second_owner');

# Run scripts in sessions of their own at once. Return their errors.
sub in_parallel
{
	my ($db, @scripts) = @_;
	my (@sessions, @errors);
	for my $script (@scripts)
	{
		my ($in, $out, $err) = ($script, '', '');
		push @sessions, { run => IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr($db) ], '<', \$in, '>', \$out, '2>', \$err), err => \$err };
		push @errors, $sessions[-1]{err};
	}
	$_->{run}->finish for @sessions;
	return join '', map { $$_ } @errors;
}

# Keep jobs of the worker due all the time.
sub with_busy_maintenance
{
	my ($db) = @_;
	$node->safe_psql($db, "UPDATE campaign_maintenance_jobs SET schedule = '* * * * *' WHERE job LIKE 'refresh%'");
	return;
}

in_database($node, 'grants in parallel', sub {
	my ($db) = @_;
	my @scripts = map { my $n = $_; join '', map { "SELECT grant_campaign_access('g" . ($_ % 4) . "', '$levels[$n % 3]');\n" } 1 .. 6 } 0 .. 3;
	is(in_parallel($db, @scripts), '', '24 calls of grant_campaign_access(), four at once, raise nothing');
	query_is($node, $db, "SELECT count(*) FROM generate_series(0, 3) AS n WHERE has_function_privilege('g' || n, 'campaign_health()', 'EXECUTE') AND has_table_privilege('g' || n, 'campaigns', 'SELECT')",
		4, 'each role has its access');
});

# Without the luck of the moment: the second session has begun before the first one commits.
in_database($node, 'a grant, and a change of owner, beside a grant that is not committed yet', sub {
	my ($db) = @_;
	for my $call ("grant_campaign_access('g1', 'writer')", "revoke_campaign_access('g1')", "set_campaign_owner('second_owner')")
	{
		my $first = $node->background_psql($db);
		$first->query_safe("BEGIN; SELECT grant_campaign_access('g0', 'operator')");
		my ($out, $err) = ('', '');
		my $second = IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr($db) . ' application_name=second', '-c', "SELECT $call" ], '<', \undef, '>', \$out, '2>', \$err);
		poll_is($node, $db, "SELECT wait_event_type FROM pg_stat_activity WHERE application_name = 'second'", 'Lock', "$call waits");
		$first->query_safe("SELECT revoke_campaign_access('g0'); COMMIT");
		$first->quit;
		$second->finish;
		is($err, '', "$call succeeds after that");
	}
});

in_database($node, 'grants beside a change of owner, a refresh and new months', sub {
	my ($db) = @_;
	with_busy_maintenance($db);
	add_due_campaigns($node, $db, 200);
	my @scripts = (
		join('', map { "SELECT grant_campaign_access('g" . ($_ % 4) . "', 'writer');\n" } 1 .. 8),
		join('', map { "SELECT grant_campaign_access('g" . ($_ % 4) . "', 'operator'); SELECT revoke_campaign_access('g" . ($_ % 4) . "');\n" } 1 .. 4),
		join('', map { "SELECT set_campaign_owner('" . ($_ % 2 ? 'first' : 'second') . "_owner');\n" } 1 .. 6),
		join('', map { "INSERT INTO campaigns (status, duration_hours) VALUES ('CREATED', 1); SELECT campaign_lifecycle_internal._refresh_if_changed('mv_active_campaigns');\n" } 1 .. 20),
		join('', map { "SELECT create_monthly_partitions(0, '2040-01-10'::timestamptz + interval '$_ months');\n" } 1 .. 6));
	is(in_parallel($db, @scripts), '', 'five sessions raise nothing');
	query_is($node, $db, 'SELECT DISTINCT c.relowner::regrole FROM campaign_lifecycle_internal._campaign_relations() AS r JOIN pg_class AS c ON c.oid = r.relation WHERE NOT r.is_member',
		'second_owner', 'every relation has the last owner');
	poll_is($node, $db, "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 200, 'the worker works on');
	query_is($node, $db, 'SELECT count(*) FROM campaign_maintenance_jobs WHERE failures > 0 OR last_error IS NOT NULL', 0, 'no job has failed');
	check_invariants($node, $db, 'at the end of the scenario');
});

in_database($node, 'the worker postpones its maintenance while a session grants', sub {
	my ($db) = @_;
	my $session = $node->background_psql($db);
	$session->query_safe("BEGIN; SELECT grant_campaign_access('fixed_1', 'reader')");
	$node->safe_psql($db, "UPDATE campaign_maintenance_jobs SET last_run = NULL, failures = 0, months_ahead = CASE WHEN months_ahead IS NOT NULL THEN 7 END; SELECT pause_timers(); SELECT resume_timers()");
	my ($worker) = worker_pids($node, $db);
	$node->safe_psql($db, "SELECT pg_terminate_backend($worker)");
	poll_worker_count($node, $db, 1, 'a new worker starts, which asks for every job');
	add_due_campaigns($node, $db, 100);
	poll_is($node, $db, "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 100, 'it executes timers meanwhile');
	query_is($node, $db, 'SELECT count(*) FROM campaign_maintenance_jobs WHERE failures > 0 OR last_run IS NOT NULL', 0, 'no job has run or failed');
	$session->query_safe('COMMIT');
	$session->quit;
	poll_is($node, $db, "SELECT to_regclass('campaign_state_log_' || to_char(now() AT TIME ZONE 'UTC' + interval '7 months', '\"y\"YYYY\"m\"MM')) IS NOT NULL", 't', 'the jobs run after the commit');
	query_is($node, $db, 'SELECT count(*) FROM campaign_maintenance_jobs WHERE failures > 0', 0, 'no job has failed');
});

#---------------------------------------------------------------------------------------------------------------------
# A backup by a reader

in_database($node, 'pg_dump as a reader', sub {
	my ($db) = @_;
	$node->safe_psql($db, q{
		SELECT set_campaign_owner('first_owner');
		ALTER TABLE campaigns ADD COLUMN number serial, ADD COLUMN position bigint GENERATED ALWAYS AS IDENTITY;
		SELECT grant_campaign_access('fixed_0', 'reader');
		ALTER ROLE fixed_0 LOGIN;
		SELECT create_monthly_partitions(0, now() + interval '20 months');
		INSERT INTO campaigns (status, duration_hours) VALUES ('CREATED', 1);
		INSERT INTO campaign_state_log (campaign_id, to_state, trigger_event, created_at) SELECT id, 'CREATED', 'X', '2001-05-05' FROM campaigns;
		SELECT create_monthly_partitions();
		SELECT archive_old_state_logs()});
	$node->command_ok([ 'pg_dump', '-d', $node->connstr($db), '-U', 'fixed_0', '-f', '/dev/null' ], 'a reader makes a backup with new months, the archive and sequences');
});

$node->stop;
done_testing();
