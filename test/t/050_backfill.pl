# A backfill that was stopped continues where it was, and changes no row twice.
#
# By a key: n + 1 on 20,000 rows, in batches of 20, while the process that runs it is killed with -9 (and the server restarts) or the
# server stops as in a power cut, 10 times at random moments. After each, as many rows are raised as the progress says, each once; at
# the end all are. Without a key, while others update rows all the time, so that rows cross the walk: at the end no row is left.
# Beside: two calls at once, a call that waits for a locked row or gives way in a deadlock, timeouts, REPEATABLE READ as the session's default.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = campaign_server('backfill', extension => 0, conf => "restart_after_crash = on\nautovacuum_naptime = 1s\n");

sub call_in_background
{
	my ($db, $statement, $output) = @_;
	return IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr($db), '-c', $statement ], '<', \'', '>', $output, '2>&1');
}

# Make a table of so many rows whose column n is 0.
sub create_raised
{
	my ($db, $rows) = @_;
	$node->safe_psql($db, "CREATE TABLE raised (id integer PRIMARY KEY, n integer NOT NULL DEFAULT 0); INSERT INTO raised SELECT g FROM generate_series(1, $rows) AS g; ANALYZE raised");
	return;
}

in_database($node, 'kills and power cuts', sub {
	my ($db) = @_;
	my $n = 20000;
	create_raised($db, $n);
	my $raise = "CALL backfill_column('raised', 'n', 'n + 1', 20, '10 milliseconds')";
	my $rest = "CALL backfill_column('raised', 'n', 'n + 1', 1000, '0')";
	my $as_recorded = q{
		SELECT (SELECT count(*) FROM raised WHERE n = 1) = b.rows_changed AND NOT EXISTS (SELECT FROM raised WHERE n NOT IN (0, 1))
			AND (SELECT coalesce(max(id), 0) FROM raised WHERE n = 1) = b.rows_changed, b.finished_at IS NOT NULL
		FROM campaign_backfills AS b WHERE b.relation = 'public.raised'};

	my ($kills, $right, $finished) = (0, 0, 'f');
	srand 20261122;
	while ($kills < 10 && $finished eq 'f')
	{
		my $output = '';
		my $call = call_in_background($db, $raise, \$output);
		$node->poll_query_until($db, "SELECT count(*) = 1 FROM backfill_progress WHERE state = 'running'") or die $output;
		usleep(10_000 + int rand 60_000);
		if ($kills % 4 == 3)
		{
			$node->stop('immediate');
			$node->start;
		}
		else
		{
			my $pid = $node->safe_psql($db, "SELECT pid FROM pg_stat_activity WHERE query LIKE 'CALL backfill%'");
			if ($pid)
			{
				kill 'KILL', $pid;
				# The server notices, ends all others and comes back.
				usleep(50_000);
			}
		}
		IPC::Run::finish($call);
		$node->poll_query_until($db, 'SELECT true');
		my $seen;
		($seen, $finished) = split /\|/, $node->safe_psql($db, $as_recorded);
		$right++ if $seen eq 't';
		$kills++;
	}
	is($right, $kills, "after each of $kills kills the first rows are raised once, as many as the progress says");
	is($kills, 10, 'ten kills came before the backfill was finished');
	query_is($node, $db, "SELECT state FROM backfill_progress WHERE relation = 'public.raised'", 'stopped', 'backfill_progress shows the run as stopped');
	my (undef, undef, $stderr) = $node->psql($db, $rest);
	like($stderr, qr/goes on: \d+ rows seen, \d+ changed so far/, 'the next call, in batches of another size, says that it continues');
	query_is($node, $db, 'SELECT n, count(*) FROM raised GROUP BY n', "1|$n", 'each row is raised once in the end');
	query_is($node, $db, "SELECT state, rows_seen, rows_changed FROM backfill_progress WHERE relation = 'public.raised'", "finished|$n|$n", 'backfill_progress counts each row once');
});

in_database($node, 'a backfill by blocks beside writers that move rows', sub {
	my ($db) = @_;
	$node->safe_psql(
		$db, q{
		CREATE TABLE crossed (id integer, n integer NOT NULL DEFAULT 0, flag boolean) WITH (fillfactor = 30);
		INSERT INTO crossed SELECT g FROM generate_series(1, 20000) AS g;
		CREATE INDEX ON crossed (id)});
	my $cross = q{DO $$ BEGIN FOR i IN 1..300 LOOP UPDATE crossed SET n = n + 1 WHERE id BETWEEN 60 * i AND 60 * i + 200; COMMIT; END LOOP; END $$};
	my @output = ('') x 4;
	my @calls = (call_in_background($db, $cross, \$output[0]), call_in_background($db, "CALL backfill_column('crossed', 'flag', 'true', 200, '1 millisecond')", \$output[1]),
		call_in_background($db, "DO \$\$ BEGIN FOR i IN 0..199 LOOP DELETE FROM crossed WHERE id = 100 * i + 7; COMMIT; END LOOP; END \$\$", \$output[2]),
		call_in_background($db, 'INSERT INTO crossed (id) SELECT g FROM generate_series(20001, 20100) AS g', \$output[3]));
	IPC::Run::finish($_) for @calls;
	unlike("@output", qr/ERROR/, 'neither the backfill nor the writers beside it raise an error');
	query_is($node, $db, 'SELECT count(*) FROM crossed WHERE flag IS NOT TRUE AND id <= 20000', 0, 'no row is left without its new value');
	query_is($node, $db, 'SELECT count(*) FROM crossed WHERE id <= 20000', 19800, 'no row is lost but the 200 that a writer has deleted');
	query_is($node, $db, q{SELECT bool_and(n = expected) FROM (SELECT id, n, (SELECT count(*) FROM generate_series(1, 300) AS i WHERE id BETWEEN 60 * i AND 60 * i + 200) AS expected FROM crossed) AS c},
		't', 'no update of another writer is lost');
});

in_database($node, 'two backfills at once, and a cancel', sub {
	my ($db) = @_;
	my $n = 3000;
	create_raised($db, $n);
	$node->safe_psql($db, 'CREATE TABLE crossed (id integer, flag boolean); INSERT INTO crossed SELECT g FROM generate_series(1, 100) AS g');
	my $long = "CALL backfill_column('raised', 'n', 'n + 1', 100, '1 second')";
	my $output = '';
	my $call = call_in_background($db, $long, \$output);
	poll_is($node, $db, "SELECT state, rows_changed > 0, percentage > 0, pid IS NOT NULL FROM backfill_progress WHERE relation = 'public.raised'", 'running|t|t|t',
		'backfill_progress shows a running backfill, also between two batches');
	my ($code, undef, $stderr) = $node->psql($db, $long, on_error_stop => 1);
	is($code, 3, 'a second call at the same time is refused');
	like($stderr, qr/a backfill of public\.raised\.n is running\nHINT:  Process \d+ runs it/, 'the error names the backfill that runs, and its process');
	my $other = $node->psql($db, "CALL backfill_column('crossed', 'flag', 'true')");
	is($other, 0, 'a backfill of another column runs beside it');
	my $pid = $node->safe_psql($db, "SELECT pid FROM backfill_progress WHERE state = 'running'");
	query_is($node, $db, "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid AND xact_start < now() - interval '1500 milliseconds'", 0, 'no transaction is open in the pause between two batches');
	$node->safe_psql($db, "SELECT pg_cancel_backend($pid)");
	IPC::Run::finish($call);
	like($output, qr/canceling statement due to user request/, 'pg_cancel_backend() cancels a backfill');
	my $so_far = $node->safe_psql($db, 'SELECT count(*) FROM raised WHERE n = 1');
	cmp_ok($so_far, '<', $n, 'the cancel came before the last batch');
});

in_database($node, 'lock_timeout, and REPEATABLE READ as default', sub {
	my ($db) = @_;
	my $n = 3000;
	create_raised($db, $n);
	$node->safe_psql($db, "ALTER DATABASE $db SET default_transaction_isolation = 'repeatable read'");
	my $in, my $locked = '';
	my $holder = IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr($db) ], '<', \$in, '>', \$locked, '2>&1');
	$in .= "BEGIN ISOLATION LEVEL READ COMMITTED; UPDATE raised SET n = n WHERE id = $n; SELECT 'locked';\n";
	$holder->pump until $locked =~ /locked/;
	my (undef, undef, $stderr) = $node->psql($db, "SET lock_timeout = '100ms'; CALL backfill_column('raised', 'n', 'n + 1', 100, '0')");
	like($stderr, qr/canceling statement due to lock timeout/, 'lock_timeout ends a backfill that waits for a locked row');
	query_is($node, $db, 'SELECT count(*) FROM raised WHERE n = 1', $n - 100, 'all batches before the locked row are done');
	my $output = '';
	my $call = call_in_background($db, "CALL backfill_column('raised', 'n', 'n + 1', 100, '0')", \$output);
	poll_is($node, $db, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CALL backfill%' AND wait_event_type = 'Lock'", 1, 'a backfill without lock_timeout waits for the locked row');
	$in .= "COMMIT;\n\\q\n";
	IPC::Run::finish($holder);
	IPC::Run::finish($call);
	unlike($output, qr/ERROR/, 'the backfill continues with the row as it is when unlocked, also where REPEATABLE READ is the default');
	query_is($node, $db, 'SELECT n, count(*) FROM raised GROUP BY n', "1|$n", 'each row is raised once');
	$node->safe_psql($db, "ALTER DATABASE $db RESET default_transaction_isolation");
});

# Another session locks rows in another order. The backfill gives way, even if it came first.
in_database($node, 'a deadlock', sub {
	my ($db) = @_;
	$node->safe_psql($db, 'CREATE TABLE contended (id integer PRIMARY KEY, n integer NOT NULL DEFAULT 0); INSERT INTO contended SELECT g FROM generate_series(1, 100) AS g');
	my $others = $node->background_psql($db);
	$others->query_safe('BEGIN; UPDATE contended SET n = n WHERE id = 50');
	my $output = '';
	my $call = call_in_background($db, "CALL backfill_column('contended', 'n', 'n + 1', 100, '0')", \$output);
	poll_is($node, $db, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CALL backfill%' AND wait_event_type = 'Lock'", 1, 'a batch waits for a row');
	$others->query_safe('UPDATE contended SET n = n WHERE id = 1; COMMIT');
	pass('the session that holds the row gets another row that the batch had locked, without a deadlock');
	$others->quit;
	IPC::Run::finish($call);
	unlike($output, qr/ERROR/, 'the backfill tries the batch again, without an error');
	query_is($node, $db, 'SELECT n, count(*) FROM contended GROUP BY n', '1|100', 'each row is raised once after the batch was tried again');
});

in_database($node, 'statement_timeout', sub {
	my ($db) = @_;
	my $n = 3000;
	create_raised($db, $n);
	my (undef, undef, $stderr) = $node->psql($db, "SET statement_timeout = '300ms'; CALL backfill_column('raised', 'n', 'n + 1', 100, '50 milliseconds')");
	like($stderr, qr/canceling statement due to statement timeout/, 'statement_timeout counts for the whole call');
	$node->safe_psql($db, "CALL backfill_column('raised', 'n', 'n + 1', 1000, '0')");
	query_is($node, $db, 'SELECT n, count(*) FROM raised GROUP BY n', "1|$n", 'the next call does the rest');
});

in_database($node, 'an unfinished run of another expression', sub {
	my ($db) = @_;
	my $n = 3000;
	create_raised($db, $n);
	$node->psql($db, "CALL backfill_column('raised', 'n', '1 / (id - 2000)', 100, '0')");
	my (undef, undef, $stderr) = $node->psql($db, "CALL backfill_column('raised', 'n', '3', 100, '0')");
	like($stderr, qr/begins anew: an unfinished run had another value_expression/, 'a call with another expression says that it begins anew');
	query_is($node, $db, 'SELECT n, count(*) FROM raised GROUP BY n', "3|$n", 'a call with another expression changes every row');
});

in_database($node, 'a key that was dropped while the backfill stood still', sub {
	my ($db) = @_;
	my $n = 3000;
	create_raised($db, $n);
	$node->psql($db, "CALL backfill_column('raised', 'n', '1 / (id - 2000)', 100, '0')");
	$node->safe_psql($db, 'ALTER TABLE raised DROP CONSTRAINT raised_pkey');
	my (undef, undef, $stderr) = $node->psql($db, "CALL backfill_column('raised', 'n', '1 / (id - 2000)', 100, '0')");
	like($stderr, qr/the key of public\.raised has changed since this backfill began\nHINT:  To begin anew: DELETE FROM/, 'a call after the key has changed raises an error with a hint');
});

$node->stop;
done_testing();
