# After a crash of the server, only the timers that were at work run alone, and all others run in batches at once.
#
# Each process notes the timers of its batch in a file, which the crash of a process leaves. A timer that crashes the server is found by
# these notes amid thousands of others, also where several do, and where no worker runs. It is dead after max_attempts. No innocent timer is
# marked RUNNING, and one has a failed attempt only if another worker crashes the server while it runs alone. A note that is missing, torn,
# of another database or older than the last checkpoint is not believed: batches then begin small and double. A file that cannot be written
# costs the note alone. Nothing is left of a dropped database, and no base backup has a note.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use PostgreSQL::Test::RecursiveCopy;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes 'sleep';

my $node = campaign_server('crash_notes', init => { allows_streaming => 1 }, conf => "campaign_lifecycle.retry_base_delay = '50ms'\ncampaign_lifecycle.batch_size = 10000\nrestart_after_crash = on\n");
my $folder = $node->data_dir . '/pg_stat_tmp';
my $waiting = "SELECT count(*) FROM campaign_timers WHERE status IN ('PENDING', 'RUNNING') OR status = 'FAILED' AND retry_count < current_setting('campaign_lifecycle.max_attempts')::integer";

# Return the notes of a database.
sub notes
{
	my ($oid) = @_;
	return glob "$folder/campaign_lifecycle.$oid.*.note";
}

sub oid_of
{
	my ($db) = @_;
	return $node->safe_psql('postgres', "SELECT oid FROM pg_database WHERE datname = '$db'");
}

# Count the crashes of the server's processes so far.
sub crashes
{
	my $count = () = slurp_file($node->logfile) =~ /was terminated by signal 9/g;
	return $count;
}

# Add campaigns with a timer each, all due at one time. Those given crash their process, as a segmentation fault would, or
# raise an error, or sleep while the table gate has a row. The table runs has each change of a timer
# to RUNNING or COMPLETED, with its transaction.
sub prepare
{
	my ($db, $number, %kinds) = @_;
	my $kinds = join ' ', map { my $kind = $_; map { "WHEN $_ THEN '$kind'" } @{ $kinds{$kind} } } sort keys %kinds;
	$kinds ||= 'WHEN 0 THEN NULL';
	$node->safe_psql(
		$db, qq{
		CREATE TABLE gate (closed boolean);
		CREATE TABLE runs (timer uuid, status text, xact xid8 DEFAULT pg_current_xact_id());
		CREATE FUNCTION note_run() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN INSERT INTO public.runs VALUES (NEW.id, NEW.status); RETURN NEW; END \$\$;
		CREATE TRIGGER note_run BEFORE UPDATE ON campaign_timers FOR EACH ROW WHEN (NEW.status IN ('RUNNING', 'COMPLETED')) EXECUTE FUNCTION note_run();
		CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS \$\$
		BEGIN
			IF NEW.metadata ->> 'do' = 'crash' THEN
				COPY (SELECT 1) TO PROGRAM 'kill -9 \$PPID';
				PERFORM pg_catalog.pg_sleep(60);
			END IF;
			IF NEW.metadata ->> 'do' = 'raise' THEN
				RAISE EXCEPTION 'not this one';
			END IF;
			IF EXISTS (SELECT FROM public.gate) THEN
				PERFORM pg_catalog.pg_sleep(60);
			END IF;
			RETURN NULL;
		END \$\$;
		CREATE TRIGGER act AFTER UPDATE ON campaigns FOR EACH ROW WHEN (NEW.metadata ? 'do') EXECUTE FUNCTION act();
		SELECT pause_timers();
		WITH c AS (
			INSERT INTO campaigns (status, duration_hours, metadata)
			SELECT 'RUNNING', 1, jsonb_strip_nulls(jsonb_build_object('do', CASE n $kinds END))
			FROM generate_series(1, $number) AS n
			RETURNING id)
		INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) SELECT id, 'EXPIRE_CAMPAIGN', now() FROM c});
	return;
}

# Let the worker run until it sleeps amid a batch, and return its process. The gate is open for the next process.
sub stop_amid_batch
{
	my ($db) = @_;
	$node->safe_psql($db, 'INSERT INTO gate VALUES (true); SELECT resume_timers()');
	$node->poll_query_until('postgres', "SELECT count(*) FROM pg_stat_activity WHERE datname = '$db' AND wait_event = 'PgSleep'", 1) or die 'no process sleeps';
	my $pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE datname = '$db' AND wait_event = 'PgSleep'");
	$node->safe_psql($db, 'DELETE FROM gate');
	return $pid;
}

# Kill a process, and wait until the server has restarted all of its own.
sub strike
{
	my ($pid) = @_;
	my $checkpointer = "FROM pg_stat_activity WHERE backend_type = 'checkpointer'";
	my $started = $node->safe_psql('postgres', "SELECT max(backend_start) $checkpointer");
	kill 'KILL', $pid or die "kill $pid: $!";
	$node->poll_query_until('postgres', "SELECT backend_start > '$started' $checkpointer") or die 'the server does not come back';
	return;
}

# The number of timers of each transaction, in their order.
my $batches = "SELECT string_agg(n::text, ',' ORDER BY xact) FROM (SELECT xact, count(*) AS n FROM runs WHERE status = 'COMPLETED' GROUP BY xact) AS x";
my $marks = "SELECT count(*) FROM runs WHERE status = 'RUNNING'";
my $lost_by_innocents = "SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM timer_executions AS x JOIN campaign_timers AS t ON t.id = x.timer_id JOIN campaigns AS c ON c.id = t.campaign_id WHERE x.status <> 'COMPLETED' AND coalesce(c.metadata ->> 'do', '') NOT IN ('crash', 'raise') GROUP BY t.id) AS x";

# A greater max_attempts would bring dead timers back.
sub bury
{
	my ($db) = @_;
	$node->safe_psql($db, "UPDATE campaign_timers SET status = 'CANCELLED' WHERE status = 'FAILED'");
	return;
}

# Every timer is executed, except those that crash the server, which are dead. An innocent timer that runs alone while another worker crashes
# the server has a failed attempt.
sub check_outcome
{
	my ($db, $number, $culprits, $attempts, $lost) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	poll_is($node, $db, $waiting, 0, 'every timer is executed or dead');
	query_is($node, $db, "SELECT count(*), count(DISTINCT timer_id) FROM timer_executions WHERE status = 'COMPLETED'", join('|', ($number - $culprits) x 2),
		'each innocent timer is executed once');
	cmp_ok($node->safe_psql($db, $lost_by_innocents), '<=', $lost // 0, 'no innocent timer has more than ' . ($lost // 0) . ' failed attempts');
	query_is($node, $db, "SELECT count(*) FROM campaign_timers WHERE status = 'FAILED' AND retry_count = $attempts", $culprits, "the other timers are dead after $attempts attempts")
	  if $culprits;
	poll_is($node, $db, 'SELECT count(*) FROM campaign_clean_run', 1, 'the crash is settled');
	check_invariants($node, $db, 'after crashes');
	bury($db);
	return;
}

#---------------------------------------------------------------------------------------------------------------------
# Innocent timers

in_database($node, 'kill -9 amid a batch of 10,000', sub {
	my ($db) = @_;
	prepare($db, 10000, sleep => [5000]);
	strike(stop_amid_batch($db));
	check_outcome($db, 10000, 0);
	query_is($node, $db, $marks, 0, 'no timer was marked RUNNING');
	query_is($node, $db, 'SELECT count(DISTINCT xact) FROM runs', 167, 'the batch that was at work ran one by one, 60 in a transaction');
	add_due_campaigns($node, $db, 3000);
	poll_is($node, $db, $waiting, 0, 'timers committed after the crash are executed');
	query_is($node, $db, 'SELECT count(DISTINCT xact) FROM runs', 168, 'and run in a batch');
});

in_database($node, 'kill -9 amid the first of many batches', sub {
	my ($db) = @_;
	set_and_reload($node, batch_size => 100);
	prepare($db, 3000, sleep => [50]);
	strike(stop_amid_batch($db));
	check_outcome($db, 3000, 0);
	query_is($node, $db, $marks, 0, 'no timer was marked RUNNING');
	query_is($node, $db, $batches, join(',', 60, 40, (100) x 29), 'one batch ran one by one, and the others as full batches at once');
	set_and_reload($node, batch_size => undef);
});

in_database($node, 'kill -9 amid a batch in which a timer fails', sub {
	my ($db) = @_;
	prepare($db, 200, raise => [70], sleep => [100]);
	strike(stop_amid_batch($db));
	check_outcome($db, 200, 1, 5);
	query_is($node, $db, $marks, 0, 'no timer was marked RUNNING');
	query_is($node, $db, "SELECT DISTINCT error_message FROM timer_executions WHERE status = 'FAILED'", 'P0001: not this one', 'the timer that fails has its own error');
});

in_database($node, 'a crash during a pause', sub {
	my ($db) = @_;
	prepare($db, 100, sleep => [50]);
	my $pid = stop_amid_batch($db);
	$node->safe_psql($db, 'SELECT pause_timers()');
	strike($pid);
	$node->safe_psql($db, 'SELECT resume_timers()');
	check_outcome($db, 100, 0);
	query_is($node, $db, $batches, '60,40', 'after the pause the batch that was at work runs one by one');
});

in_database($node, 'kill -9 of a worker between batches', sub {
	my ($db) = @_;
	prepare($db, 300);
	$node->safe_psql($db, 'SELECT resume_timers()');
	poll_is($node, $db, $waiting, 0, '300 timers are executed');
	# They are due before the next worker is there. resume_timers() would settle a crash that has left no note.
	$node->safe_psql($db, 'SELECT pause_timers()');
	add_due_campaigns($node, $db, 300);
	strike((worker_pids($node, $db))[0]);
	$node->safe_psql($db, 'UPDATE campaign_activation SET paused = false; SELECT campaign_lifecycle_internal._wake()');
	check_outcome($db, 600, 0);
	query_is($node, $db, $batches, '300,300', 'a worker that was idle leaves no suspects, and batches are full at once');
});

#---------------------------------------------------------------------------------------------------------------------
# Timers that crash the server

in_database($node, 'a timer that crashes the server amid a batch of 10,000', sub {
	my ($db) = @_;
	my $before = crashes();
	prepare($db, 10000, crash => [5000]);
	$node->safe_psql($db, 'SELECT resume_timers()');
	check_outcome($db, 10000, 1, 5);
	is(crashes() - $before, 6, 'the server crashed once for the batch, and once for each attempt');
});

in_database($node, 'several timers that crash the server, with two workers', sub {
	my ($db) = @_;
	set_and_reload($node, workers => 2, max_attempts => 2, batch_size => 500);
	my $before = crashes();
	prepare($db, 2000, crash => [ 100, 101, 1999 ]);
	$node->safe_psql($db, 'SELECT resume_timers()');
	check_outcome($db, 2000, 3, 2, 1);
	cmp_ok(crashes() - $before, '<=', 8, 'the server crashed for each attempt, and at most twice for batches');
	set_and_reload($node, workers => undef, max_attempts => undef, batch_size => undef);
});

in_database($node, 'run_due_timers() without a worker', sub {
	my ($db) = @_;
	set_and_reload($node, enabled => 'off', max_attempts => 2);
	poll_worker_count($node, $db, 0, 'no worker runs');
	my $before = crashes();
	prepare($db, 900, crash => [ 400, 800 ]);
	$node->safe_psql($db, 'SELECT resume_timers()');
	my $calls = 0;
	for (1 .. 20)
	{
		my ($code, $left) = $node->psql($db, $waiting);
		last if $code == 0 && $left eq '0';
		$node->psql($db, 'SELECT run_due_timers()');
		$calls++;
		# The server may let a connection in before it has noticed a crash. A retry is due after 100 ms.
		sleep 0.3;
		$node->poll_query_until('postgres', 'SELECT true') or die;
	}
	check_outcome($db, 900, 2, 2);
	is(crashes() - $before, 5, 'the server crashed once for the batch, and once for each attempt');
	is_deeply([ notes(oid_of($db)) ], [], 'sessions that have ended leave no note');
	set_and_reload($node, enabled => undef, max_attempts => undef);
});

#---------------------------------------------------------------------------------------------------------------------
# Notes that are not believed

sub overwrite
{
	my ($file, $offset, $bytes) = @_;
	open my $handle, '+<:raw', $file or die "$file: $!";
	seek $handle, $offset, 0;
	print $handle $bytes;
	close $handle or die "$file: $!";
	return;
}

for my $case (
	[ 'missing'              => sub { unlink $_[0] or die $! } ],
	[ 'torn'                 => sub { truncate $_[0], 500 or die $! } ],
	[ 'overwritten in part'  => sub { overwrite($_[0], 300, 'torn') } ],
	[ 'of another database'  => sub { overwrite($_[0], 16, pack 'L', 1) } ],
	[ 'older than the last checkpoint'])
{
	my ($what, $spoil) = @$case;
	in_database($node, "a note that is $what", sub {
		my ($db) = @_;
		my $oid = oid_of($db);
		prepare($db, 100, sleep => [50]);
		stop_amid_batch($db);
		my @notes = notes($oid);
		is(scalar @notes, 1, 'a worker has one note');
		$node->safe_psql('postgres', 'CHECKPOINT') unless $spoil;
		$node->stop('immediate');
		$spoil->($notes[0]) if $spoil;
		$node->start;
		check_outcome($db, 100, 0);
		query_is($node, $db, $batches, '1,1,2,4,8,16,32,36', 'batches begin small and double');
		ok(!-e $notes[0], 'the note is removed');
	});
}

in_database($node, 'a directory in which no note can be written', sub {
	my ($db) = @_;
	set_and_reload($node, max_attempts => 2);
	prepare($db, 40, crash => [20]);
	$node->poll_query_until('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'campaign_lifecycle worker'", 2) or die;
	chmod 0555, $folder or die $!;
	$node->restart;
	$node->safe_psql($db, 'SELECT resume_timers()');
	poll_is($node, $db, $waiting, 0, 'every timer is executed or dead');
	chmod 0700, $folder or die $!;
	query_is($node, $db, "SELECT count(*) FILTER (WHERE t.status = 'COMPLETED'), count(*) FILTER (WHERE t.status = 'FAILED' AND t.retry_count = 2 AND c.metadata ? 'do') FROM campaign_timers AS t JOIN campaigns AS c ON c.id = t.campaign_id",
		'39|1', 'a timer that crashes the server is found without notes as well');
	like(slurp_file($node->logfile), qr/could not create file "pg_stat_tmp\/campaign_lifecycle/, 'the log says that no note could be written');
	check_invariants($node, $db, 'without notes');
	bury($db);
	set_and_reload($node, max_attempts => undef);
});

#---------------------------------------------------------------------------------------------------------------------
# Copies, and dropped databases

in_database($node, 'no copy believes a note, and a dropped database leaves none', sub {
	my ($db) = @_;
	my $oid = oid_of($db);
	prepare($db, 100, sleep => [50]);
	my $pid = stop_amid_batch($db);
	$node->backup('at_work');
	is_deeply([ glob $node->backup_dir . '/at_work/pg_stat_tmp/*' ], [], 'a base backup that was made during a batch has no note');
	# A tool that copies every file takes the note with it.
	my ($note) = notes($oid);
	my $planted = $node->backup_dir . '/at_work/pg_stat_tmp/' . ($note =~ s{.*/}{}r);
	PostgreSQL::Test::RecursiveCopy::copypath($note, $planted);
	my $copy = PostgreSQL::Test::Cluster->new('copy');
	$copy->init_from_backup($node, 'at_work');
	$copy->start;
	poll_is($copy, $db, $waiting, 0, 'a server that starts from a file-level copy executes the timers');
	query_is($copy, $db, $batches, '1,1,2,4,8,16,32,36', 'without believing the note');
	query_is($copy, $db, "SELECT count(*) FROM pg_ls_dir('pg_stat_tmp') AS f WHERE f = '" . ($note =~ s{.*/}{}r) . "'", 0, 'and removes it');
	$copy->stop;
	set_and_reload($node, enabled => 'off');
	strike($pid);
	is(scalar(() = notes($oid)), 1, 'the note of a killed worker is there');
	$node->safe_psql('postgres', "DROP DATABASE $db");
	is_deeply([ notes($oid) ], [], 'DROP DATABASE leaves no note');
	set_and_reload($node, enabled => undef);
});

$node->stop;
done_testing();
