# Users who work on one campaign: bids that lock its row again and again, dead timers that are retried; and what is set up beside the campaign
# tables: tables that inherit from them, a publication, grants by several sessions at a time.

package FaultsOfCampaigns;

use strict;
use warnings FATAL => 'all';
use POSIX ();
use PostgreSQL::Test::Utils;
use Session;
use Time::HiRes qw(sleep time);

our %kinds = (
	'bids that lock a row'            => { share => 4, inject => \&_bid },
	'dead timers retried'             => { share => 2, inject => \&_retry },
	'a table that inherits'           => { share => 1, inject => \&_inherit },
	'a publication'                   => { share => 1, inject => \&_publish },
	'grants by several sessions'      => { share => 2, inject => \&_grant },
);

sub prepare
{
	my ($world) = @_;
	$world->sql("CREATE ROLE torture_$_") for qw(reader writer operator);
	return;
}

# Start clients that run this script without a pause, for at most a minute. Return a sub that ends them and dies if one has met an error.
sub _clients
{
	my ($world, $number, $script) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir() . "/clients.$$." . time;
	PostgreSQL::Test::Utils::append_to_file("$file.sql", $script);
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		open STDOUT, '>', "$file.out" or POSIX::_exit(1);
		open STDERR, '>&', \*STDOUT or POSIX::_exit(1);
		exec 'pgbench', '-n', '-c', $number, '-j', 1, '-T', 60, '-f', "$file.sql", $world->node->connstr('postgres') or POSIX::_exit(127);
	}
	return sub {
		kill 'INT', $pid;
		waitpid $pid, 0;
		# Their statements end after them.
		$world->wait_until("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgbench'", 0);
		my ($error) = grep { /ERROR|FATAL|PANIC|could not|aborted/ } split /\n/, PostgreSQL::Test::Utils::slurp_file("$file.out");
		die "a client of the fault: $error\n" if defined $error;
	};
}

our %latest = ();

# Closes in time all the same.
sub _bid
{
	my ($world, $dice) = @_;
	my $lock = ('FOR UPDATE', 'FOR NO KEY UPDATE', 'FOR SHARE')[ $dice->(3) ];
	my $number = (2, 4, 8)[ $dice->(3) ];
	my $is_timer = $dice->(2);
	$world->seconds_to_work;
	my $id = $world->sql("SELECT create_campaign(1, now() - interval '1 hour' + interval '2 seconds', rewards_enabled => false)");
	my $timer = $world->sql("SELECT id FROM campaign_timers WHERE campaign_id = '$id' AND timer_type = 'CLOSE_CAMPAIGN'");
	my $row = $is_timer ? "campaign_timers WHERE id = '$timer'" : "campaigns WHERE id = '$id'";
	my $end = _clients($world, $number, "BEGIN;\nSELECT FROM $row $lock;\nSELECT pg_sleep(0.005);\nCOMMIT;\n");
	my $executed = eval { $world->wait_until("SELECT status FROM campaign_timers WHERE id = '$timer'", 'COMPLETED', patience => 15); 1 };
	my $error = $@;
	$end->();
	die "$number clients $lock on $row: $error" unless $executed;
	my $late = $world->sql("SELECT EXTRACT(epoch FROM executed_at - scheduled_at) FROM campaign_timers WHERE id = '$timer'");
	$latest{$lock} = $late if !defined $latest{$lock} || $late > $latest{$lock};
	return;
}

# A close and the expiry behind it, both dead, retried the other way round: the campaign closes first.
sub _retry
{
	my ($world) = @_;
	$world->sql($_) for
		q{CREATE FUNCTION torture.refuse_ends() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'ends refused'; END $$},
		q{CREATE TRIGGER refuse_ends BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (NEW.metadata ? 'retried' AND OLD.status = 'RUNNING' AND NEW.status <> 'RUNNING')
			EXECUTE FUNCTION torture.refuse_ends()},
		q{SELECT count(create_campaign(1, now() - interval '1 hour 3 seconds', metadata => '{"retried": true}')) FROM generate_series(1, 3)};
	$world->wait_until(q{SELECT count(*) >= 6 AND count(*) = count(*) FILTER (WHERE t.status = 'FAILED' AND t.retry_count = 5) FROM campaign_timers AS t
		JOIN campaigns AS c ON c.id = t.campaign_id WHERE c.metadata ? 'retried' AND t.timer_type IN ('CLOSE_CAMPAIGN', 'EXPIRE_CAMPAIGN')}, 't');
	$world->sql('DROP FUNCTION torture.refuse_ends() CASCADE');
	$world->sql(q{SELECT count(retry_timer(t.id)) FROM (SELECT t.id FROM campaign_timers AS t JOIN campaigns AS c ON c.id = t.campaign_id
		WHERE c.metadata ? 'retried' AND t.status = 'FAILED' ORDER BY t.timer_type DESC) AS t});
	$world->wait_until(q{SELECT count(*) FROM campaigns WHERE metadata ? 'retried' AND status <> 'EXPIRED'}, 0);
	my $wrong = $world->sql(q{SELECT count(*) FROM campaign_state_log AS l JOIN campaigns AS c ON c.id = l.campaign_id
		WHERE c.metadata ? 'retried' AND l.from_state = 'RUNNING' AND l.to_state = 'EXPIRED'});
	$world->sql(q{UPDATE campaigns SET metadata = metadata - 'retried' WHERE metadata ? 'retried'});
	die "$wrong campaigns expired before they had closed\n" if $wrong > 0;
	return;
}

# A row of the child is a user's, and no timer.
sub _inherit
{
	my ($world) = @_;
	my $id = $world->sql("SELECT create_campaign(1, now() + interval '1 hour')");
	$world->sql('CREATE TABLE torture.more_timers () INHERITS (campaign_timers)');
	$world->sql("INSERT INTO torture.more_timers (campaign_id, timer_type, scheduled_at) VALUES ('$id', 'START_CAMPAIGN', now())");
	$world->seconds_to_work;
	my $state = $world->sql("SELECT c.status || ' ' || t.status FROM campaigns AS c, torture.more_timers AS t WHERE c.id = '$id'");
	$world->sql('DROP TABLE torture.more_timers');
	die "the timer of a table that inherits was executed: $state\n" if $state ne 'CREATED PENDING';
	return;
}

sub _publish
{
	my ($world) = @_;
	$world->sql('CREATE PUBLICATION torture FOR ALL TABLES');
	$world->seconds_to_work;
	$world->sql('DROP PUBLICATION torture');
	return;
}

# Each succeeds, beside one another and beside the maintenance of the worker.
sub _grant
{
	my ($world, $dice) = @_;
	my $end = _clients($world, 4, "SELECT grant_campaign_access('torture_reader', 'reader');\nSELECT grant_campaign_access('torture_writer', 'writer');\n"
		. "SELECT grant_campaign_access('torture_operator', 'operator');\nSELECT revoke_campaign_access('torture_reader');\n");
	sleep 0.5 + 0.1 * $dice->(10);
	$end->();
	return;
}

1;
