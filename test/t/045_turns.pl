# Twelve databases share three processes of workers: each executes its timers in time, and has its maintenance.
#
# Databases take turns. A worker starts shortly before a timer of its database is due. A commit with a timer that is due brings one, too.
# Databases that are busy all the time do not keep the others from their turn. The view and the health check tell what goes on.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;

# The launcher takes one of the four.
my $node = campaign_server('turns', extension => 0, conf => "max_worker_processes = 4\nmax_logical_replication_workers = 0\nmax_parallel_workers = 0\nautovacuum = off\n"
	. "campaign_lifecycle.batch_size = 10\n");
my @databases = map { "turn$_" } 1 .. 12;
my $expired = "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'";

create_campaign_database($node, $_) for @databases;

sub starts
{
	return $node->safe_psql('postgres', 'SELECT sum(starts) FROM turns_of_server()');
}

# The function is internal, so this test names it once.
$node->safe_psql('postgres', 'CREATE EXTENSION campaign_lifecycle; SELECT pause_timers();
	CREATE FUNCTION turns_of_server() RETURNS TABLE (database_oid oid, waits boolean, due timestamptz, starts bigint, late_us bigint, late_at timestamptz) BEGIN ATOMIC SELECT * FROM campaign_lifecycle_internal._turns(); END');

# Add campaigns with timers that are due at these times from now on, in seconds.
sub add_campaigns
{
	my ($db, @seconds) = @_;
	$node->safe_psql($db, "
		WITH c AS (INSERT INTO campaigns (status, duration_hours) SELECT 'RUNNING', 1 FROM generate_series(1, ${\ scalar @seconds}) RETURNING id),
			n AS (SELECT id, row_number() OVER () AS n FROM c)
		INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at)
		SELECT id, 'EXPIRE_CAMPAIGN', clock_timestamp() + (ARRAY[" . join(', ', @seconds) . "]::float8[])[n] * interval '1 second' FROM n");
	return;
}

my $latest = 'SELECT coalesce(round(extract(epoch FROM max(executed_at - scheduled_at)) * 1000), 0) FROM campaign_timers WHERE executed_at IS NOT NULL';

scenario('each of twelve databases executes its timers in time', sub {
	for my $number (0 .. 11)
	{
		add_campaigns($databases[$number], map { 3 + $_ * 1.5 + $number * 0.12 } 0 .. 2);
	}
	my $before = starts();
	poll_is($node, $_, $expired, 3, "$_: each of three timers is executed") for @databases;
	my @late = sort { $a <=> $b } map { $node->safe_psql($_, $latest) } @databases;
	note("latest timers of the databases, in ms: @late");
	cmp_ok($late[6], '<', 1000, 'most databases execute their timers within a second');
	cmp_ok(starts() - $before, '<=', 36 + 12, 'no more workers start than there are timers and databases');
});

scenario('a commit with a timer that is due brings a worker', sub {
	poll_is($node, 'postgres', "SELECT count(*) > 0 FROM campaign_workers WHERE state = 'waiting its turn' AND pid IS NULL AND database LIKE 'turn%'", 't', 'campaign_workers shows databases that wait their turn');
	my ($waiting, $other) = split /\n/, $node->safe_psql('postgres', "SELECT database FROM campaign_workers WHERE state = 'waiting its turn' AND database LIKE 'turn%' AND next_due IS NULL");
	like($node->safe_psql($waiting, "SELECT status, value FROM campaign_health() WHERE check_name = 'worker'"), qr/^(?:ok|warning)\|waiting its turn$/, 'campaign_health() shows it as well');
	add_campaigns($waiting, 0);
	poll_is($node, $waiting, $expired, 4, 'a timer that is due is executed');
	cmp_ok($node->safe_psql($waiting, $latest), '<', 3000, 'it is executed soon');
	add_campaigns($other, 3600);
	poll_is($node, 'postgres', "SELECT count(*) FROM campaign_workers WHERE database = '$other' AND next_due > now() + interval '59 minutes'", 1, 'campaign_workers shows the next due time');
});

scenario('databases that are busy all the time do not keep the others from their turn', sub {
	my @busy = @databases[ 0 .. 3 ];
	slow_down($node, $_) for @busy;
	my $before = $node->safe_psql($databases[11], $expired);
	add_due_campaigns($node, $_, 2000) for @busy;
	for (1 .. 3)
	{
		add_campaigns($databases[11], 0);
		poll_is($node, $databases[11], $expired, ++$before, 'a timer of another database is executed');
	}
	cmp_ok($node->safe_psql($busy[0], "SELECT count(*) FROM campaigns WHERE status = 'RUNNING'"), '>', 0, 'the busy databases are busy still');
	set_and_reload($node, max_workers => 1);
	poll_is($node, 'postgres', "SELECT count(*) > 0 FROM turns_of_server() WHERE late_us >= 1000000 OR (waits AND due < now() - interval '1 second')", 't', 'turns are late');
	my ($late) = split /\n/, $node->safe_psql('postgres', "SELECT d.datname FROM turns_of_server() AS t JOIN pg_database AS d ON d.oid = t.database_oid WHERE t.late_us >= 1000000 OR (t.waits AND t.due < now() - interval '1 second')");
	# Its worker may be about to start.
	poll_is($node, $late, "SELECT count(*) FROM campaign_health() WHERE check_name = 'worker' AND status IN ('warning', 'critical') AND detail ~ 'max_worker_processes'", 1, 'campaign_health() warns of it');
	set_and_reload($node, max_workers => undef);
	$node->safe_psql($_, 'DROP TRIGGER slow_down ON campaigns') for @busy;
	poll_is($node, $_, "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING' AND scheduled_at < now()", 0, "$_: all timers are executed in the end") for @busy;
});

scenario('max_workers limits the processes of all databases', sub {
	my $workers = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'campaign_lifecycle worker'";
	poll_is($node, 'postgres', "$workers", 3, 'three workers live');
	set_and_reload($node, max_workers => 1);
	poll_is($node, 'postgres', $workers, 1, 'workers leave when the limit is lowered to one');
	my %before = map { $_ => $node->safe_psql($_, $expired) } @databases;
	add_campaigns($_, 0) for @databases;
	poll_is($node, $_, $expired, $before{$_} + 1, "$_: one process for all executes its timer") for @databases;
	set_and_reload($node, max_workers => undef);
	poll_is($node, 'postgres', $workers, 3, 'three workers live again without a limit');
});

scenario('timers are executed after the launcher was terminated', sub {
	my $pid = launcher_pid($node);
	my %before = map { $_ => $node->safe_psql($_, $expired) } @databases;
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
	add_campaigns($_, 0) for @databases;
	poll_is($node, $_, $expired, $before{$_} + 1, "$_: its timer is executed") for @databases;
});

poll_is($node, $_, 'SELECT bool_and(last_run IS NOT NULL) FROM campaign_maintenance_jobs WHERE enabled', 't', "$_ has had its maintenance") for @databases;
check_invariants($node, $_, $_) for @databases[ 0, 5, 11 ];
my $log = slurp_file($node->logfile);
my @started = $log =~ /LOG:  (campaign_lifecycle worker 0 for \S+) started/g;
cmp_ok(scalar @started, '<=', 26, 'the log has a line for the first worker of a database only');
unlike($log, qr/no process to run timers in/, 'the log does not say that there is no process');

$node->stop;
done_testing();
