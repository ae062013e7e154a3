# The clock is set forward and back under a running server.
#
# The server runs under test/preload/offset_clock.cpp, whose offset is a file that the test rewrites. Set forward by a day, a timer that
# was a day away is executed within seconds, although no commit wakes the worker. Set back by that day, no timer waits for the old time
# to come again: timers due by the new time are executed, maintenance goes on (a month that was dropped is made again), a worker that is
# terminated comes back, and the history of a campaign that has moved at both times is in the order in which it happened. Set in the
# midst of a batch, back by an hour, forward by 40 days, or forward before a batch that has failed is split: no timer loses an attempt
# by it. Set forward in the midst of a full scan, and back in the next batch of the same pass: the next scan comes as soon as ever.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes 'time';

my $soon = 25;
my $folder = PostgreSQL::Test::Utils::tempdir();
my $library = "$folder/offset_clock.so";
system('g++', '-std=c++17', '-O1', '-shared', '-fPIC', '-o', $library, 'test/preload/offset_clock.cpp') == 0 or die 'g++ failed';

sub set_clock
{
	my ($seconds) = @_;
	open my $file, -e "$folder/offset" ? '+<' : '>', "$folder/offset" or die "$folder/offset: $!";
	syswrite($file, pack('q', $seconds)) == 8 or die "$folder/offset: $!";
	close $file;
	return;
}

set_clock(0);
my $node = campaign_server('clock', start => 0);
{
	local %ENV = (%ENV, LD_PRELOAD => $library, OFFSET_CLOCK => "$folder/offset");
	$node->start;
}

sub campaign
{
	my ($db, $status, $type, $due) = @_;
	return $node->safe_psql($db, qq{
		WITH c AS (INSERT INTO campaigns (status, start_time, duration_hours) VALUES ('$status', now(), 100) RETURNING id)
		INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) SELECT id, '$type', $due FROM c RETURNING campaign_id});
}

sub moves_soon
{
	my ($db, $id, $status, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $began = time;
	poll_is($node, $db, "SELECT status FROM campaigns WHERE id = '$id'", $status, $what);
	cmp_ok(time - $began, '<', $soon, "$what within $soon s");
	return;
}

#---------------------------------------------------------------------------------------------------------------------
# Forward and back

in_database($node, 'the clock set forward by a day and back', sub {
	my ($db) = @_;
	set_clock(0);
	poll_worker_count($node, $db, 1, 'a worker has started');
	my $far = campaign($db, 'CREATED', 'START_CAMPAIGN', "now() + interval '1 day'");
	poll_is($node, $db, "SELECT state FROM campaign_workers WHERE database = '$db'", 'idle', 'the worker is idle, with a timer a day away');
	my $started = $node->safe_psql($db, 'SELECT now()');

	set_clock(90000);
	query_is($node, $db, "SELECT now() - '$started' > interval '1 day'", 't', 'the server sees the clock 25 hours ahead');
	moves_soon($db, $far, 'RUNNING', 'a timer that was a day away, and is overdue now, is executed');
	check_invariants($node, $db, 'after the clock was set forward');

	my $both = campaign($db, 'RUNNING', 'CLOSE_CAMPAIGN', 'now()');
	moves_soon($db, $both, 'CLOSED', 'a timer committed at the new time is executed');
	# The worker sleeps again, until a time that will be far away.
	poll_is($node, $db, "SELECT state FROM campaign_workers WHERE database = '$db'", 'idle', 'the worker is idle again');
	my ($pid) = worker_pids($node, $db);
	my $month = $node->safe_psql($db, "SELECT max(relname::text) FROM pg_class WHERE relname ~ '^campaign_state_log_y' AND relkind = 'r'");
	like($month, qr/^campaign_state_log_y\d{4}m\d\d$/, 'maintenance has made months ahead');
	$node->safe_psql($db, "DROP TABLE $month");

	set_clock(0);
	query_is($node, $db, "SELECT now() - '$started' < interval '1 hour'", 't', 'the server sees the clock set back');
	my $began = time;
	poll_is($node, $db, "SELECT count(*) FROM pg_class WHERE relname = '$month'", 1, 'maintenance makes a dropped month again');
	cmp_ok(time - $began, '<', $soon, "maintenance makes the month within $soon s");
	my $near = campaign($db, 'CREATED', 'START_CAMPAIGN', "now() + interval '1 second'");
	moves_soon($db, $near, 'RUNNING', 'a timer due by the time set back is executed');
	$node->safe_psql($db, "UPDATE campaign_timers SET scheduled_at = now() WHERE campaign_id = '$both' AND timer_type = 'REWARD_REMINDER'");
	moves_soon($db, $both, 'REWARD_CLAIM', 'a campaign that moved at the later time moves on');
	query_is($node, $db, "SELECT string_agg(to_state, ' ' ORDER BY created_at, id) FROM campaign_state_log WHERE campaign_id = '$both'", 'RUNNING CLOSED REWARD_CLAIM',
		'the log of that campaign is in the order in which it happened');
	is(join(' ', worker_pids($node, $db)), $pid, 'the same worker was at work all the time');
	check_invariants($node, $db, 'after the clock was set back');

	$node->safe_psql($db, "SELECT pg_terminate_backend($pid)");
	my $again = campaign($db, 'CREATED', 'START_CAMPAIGN', 'now()');
	moves_soon($db, $again, 'RUNNING', 'a terminated worker comes back and executes a timer');
});

#---------------------------------------------------------------------------------------------------------------------
# In the midst of a batch: a trigger on the campaign that moves sets the clock

my %set = (back => -3600, forward => 40 * 86400, later => 7200);
PostgreSQL::Test::Utils::append_to_file("$folder/$_", pack('q', $set{$_})) for keys %set;

# Add triggers: one sets the clock when a campaign moves, one refuses the move.
sub add_triggers
{
	my ($db) = @_;
	$node->safe_psql($db, qq{
		CREATE FUNCTION set_clock() RETURNS trigger LANGUAGE plpgsql AS \$\$
		BEGIN
			EXECUTE format('COPY (SELECT) TO PROGRAM %L', format('cat >%s && dd if=$folder/%s of=$folder/offset conv=notrunc status=none', '/dev/null', NEW.metadata ->> 'clock'));
			RETURN NEW;
		END \$\$;
		CREATE TRIGGER set_clock BEFORE UPDATE OF status ON campaigns FOR EACH ROW WHEN (NEW.metadata ? 'clock') EXECUTE FUNCTION set_clock();
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN RAISE EXCEPTION 'refused'; END \$\$;
		CREATE TRIGGER refuse AFTER UPDATE OF status ON campaigns FOR EACH ROW WHEN (NEW.metadata ? 'refused') EXECUTE FUNCTION refuse()});
	return;
}

# Campaigns that ended hours ago, committed together, so that their timers are one batch.
sub sets_the_clock
{
	my ($db, $what, $type, $from, $to, @metadata) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $values = join ', ', map { "('$_'::jsonb)" } @metadata;
	my ($id) = split /\n/, $node->safe_psql($db, qq{
		WITH c AS (INSERT INTO campaigns (status, start_time, duration_hours, metadata)
			SELECT '$from', now() - interval '3 hours', 1, v.metadata FROM (VALUES $values) AS v (metadata) RETURNING id)
		INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) SELECT id, '$type', now() FROM c RETURNING campaign_id});
	poll_is($node, $db, "SELECT status FROM campaigns WHERE id = '$id'", $to, "$what: the campaign moves");
	query_is($node, $db, "SELECT string_agg(format('%s %s', x.status, x.error_message), ', ') FROM timer_executions AS x JOIN campaign_timers AS t ON t.id = x.timer_id
		WHERE t.campaign_id = '$id' AND x.status <> 'COMPLETED'", '', "$what: no attempt has failed");
	check_invariants($node, $db, $what);
	set_clock(0);
	return;
}

for my $case (
	[ 'the clock set back in a batch', 'EXPIRE_CAMPAIGN', 'RUNNING', 'EXPIRED', '{"clock": "back"}' ],
	[ 'the clock set forward in a batch', 'EXPIRE_CAMPAIGN', 'RUNNING', 'EXPIRED', '{"clock": "forward"}' ],
	[ 'the clock set forward in a batch that fails', 'START_CAMPAIGN', 'CREATED', 'CLOSED', '{"clock": "later"}', '{"refused": true}' ])
{
	in_database($node, $case->[0], sub {
		my ($db) = @_;
		set_clock(0);
		add_triggers($db);
		sets_the_clock($db, @$case);
	});
}

# A full scan finds the timer, because no trigger tells of it. The scan rests a hundred times as long as it took.
sub is_found
{
	my ($db, $metadata, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $id = $node->safe_psql($db, "INSERT INTO campaigns (status, duration_hours, metadata) VALUES ('RUNNING', 1, '$metadata') RETURNING id");
	$node->safe_psql($db, qq{
		BEGIN;
		ALTER TABLE campaign_timers DISABLE TRIGGER USER;
		INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) VALUES ('$id', 'EXPIRE_CAMPAIGN', now());
		ALTER TABLE campaign_timers ENABLE TRIGGER USER;
		ALTER TABLE campaign_timers ENABLE ALWAYS TRIGGER wake_worker_on_insert;
		ALTER TABLE campaign_timers ENABLE ALWAYS TRIGGER wake_worker_on_update;
		COMMIT});
	poll_is($node, $db, "SELECT status FROM campaigns WHERE id = '$id'", 'EXPIRED', $what);
	return;
}

in_database($node, 'the clock set forward and back in a full scan', sub {
	my ($db) = @_;
	set_clock(0);
	add_triggers($db);
	sets_the_clock($db, 'the clock set two hours ahead', 'START_CAMPAIGN', 'CREATED', 'CLOSED', '{"clock": "later"}', '{"refused": true}');
	set_and_reload($node, naptime => '200ms');
	is_found($db, '{}', 'a full scan finds a timer that no trigger has told of');
	is_found($db, '{"clock": "forward"}', 'a full scan finds a timer that sets the clock forward by 40 days');
	# The campaign above that sets the clock two hours ahead has a timer within these 40 days, which set the clock back in the same pass.
	is_found($db, '{}', 'the next full scan comes as soon as before');
	check_invariants($node, $db, 'after the full scans');
	set_and_reload($node, naptime => undef);
	set_clock(0);
});

$node->stop;
my @errors = grep { /campaign_lifecycle (worker|launcher)/ && /(ERROR|PANIC|WARNING|LOG:  campaign_lifecycle could not)/ } split /\n/, slurp_file($node->logfile);
is(join("\n", @errors), '', 'the log has no error of worker or launcher');
done_testing();
