# A backfill goes on where it was, whatever stops it, and meets no row twice.
#
# By a key: n + 1 on 20,000 rows, in batches of 20, while the process that runs it is killed with -9 (and the server restarts) or the
# server stops as in a power cut, 10 times at random moments. After each, as many rows are raised as the progress says, each once; at
# the end all are. Without a key, while others update rows all the time, so that rows cross the walk: at the end no row is left.
# Beside: two calls at once, a call that waits for a locked row or gives way in a deadlock, timeouts, REPEATABLE READ as the session's default.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignServer;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = campaign_server('backfill', conf => "restart_after_crash = on\nautovacuum_naptime = 1s\n");

sub call_in_background
{
	my ($statement, $output) = @_;
	return IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c', $statement ], '<', \'', '>', $output, '2>&1');
}

#---------------------------------------------------------------------------------------------------------------------
# Killed

my $n = 20000;
$node->safe_psql('postgres', "CREATE TABLE raised (id integer PRIMARY KEY, n integer NOT NULL DEFAULT 0); INSERT INTO raised SELECT g FROM generate_series(1, $n) AS g");
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
	my $call = call_in_background($raise, \$output);
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM backfill_progress WHERE state = 'running'") or die $output;
	usleep(10_000 + int rand 60_000);
	if ($kills % 4 == 3)
	{
		$node->stop('immediate');
		$node->start;
	}
	else
	{
		my $pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE query LIKE 'CALL backfill%'");
		if ($pid)
		{
			kill 'KILL', $pid;
			# The server notices, ends all others and comes back.
			usleep(50_000);
		}
	}
	IPC::Run::finish($call);
	$node->poll_query_until('postgres', 'SELECT true');
	my $seen;
	($seen, $finished) = split /\|/, $node->safe_psql('postgres', $as_recorded);
	$right++ if $seen eq 't';
	$kills++;
}
is($right, $kills, "$kills times killed: as many rows are raised as the progress says, the first ones, each once");
is($kills, 10, 'and that was before it was done');
answers($node, 'postgres', "SELECT state FROM backfill_progress WHERE relation = 'public.raised'", 'stopped', 'a stopped run is shown as such');
my ($code, $stdout, $stderr) = $node->psql('postgres', $rest);
like($stderr, qr/goes on: \d+ rows seen, \d+ changed so far/, 'the next call says that it goes on, in batches of another size');
answers($node, 'postgres', 'SELECT n, count(*) FROM raised GROUP BY n', "1|$n", 'at the end each row is raised once');
answers($node, 'postgres', "SELECT state, rows_seen, rows_changed FROM backfill_progress WHERE relation = 'public.raised'", "finished|$n|$n", 'and counted once');

#---------------------------------------------------------------------------------------------------------------------
# Rows that cross the walk

$node->safe_psql(
	'postgres', q{
	CREATE TABLE crossed (id integer, n integer NOT NULL DEFAULT 0, flag boolean) WITH (fillfactor = 30);
	INSERT INTO crossed SELECT g FROM generate_series(1, 20000) AS g;
	CREATE INDEX ON crossed (id)});
my $cross = q{DO $$ BEGIN FOR i IN 1..300 LOOP UPDATE crossed SET n = n + 1 WHERE id BETWEEN 60 * i AND 60 * i + 200; COMMIT; END LOOP; END $$};
my @output = ('') x 4;
my @calls = (call_in_background($cross, \$output[0]), call_in_background("CALL backfill_column('crossed', 'flag', 'true', 200, '1 millisecond')", \$output[1]),
	call_in_background("DO \$\$ BEGIN FOR i IN 0..199 LOOP DELETE FROM crossed WHERE id = 100 * i + 7; COMMIT; END LOOP; END \$\$", \$output[2]),
	call_in_background('INSERT INTO crossed (id) SELECT g FROM generate_series(20001, 20100) AS g', \$output[3]));
IPC::Run::finish($_) for @calls;
unlike("@output", qr/ERROR/, 'a backfill by blocks beside writers that move the rows');
answers($node, 'postgres', 'SELECT count(*) FROM crossed WHERE flag IS NOT TRUE AND id <= 20000', 0, 'no row is left');
answers($node, 'postgres', 'SELECT count(*) FROM crossed WHERE id <= 20000', 19800, 'none is lost');
answers($node, 'postgres', q{SELECT bool_and(n = expected) FROM (SELECT id, n, (SELECT count(*) FROM generate_series(1, 300) AS i WHERE id BETWEEN 60 * i AND 60 * i + 200) AS expected FROM crossed) AS c},
	't', 'and none of what the other writers did');

#---------------------------------------------------------------------------------------------------------------------
# Two at once

$n = 3000;
$node->safe_psql('postgres', "DELETE FROM raised WHERE id > $n; UPDATE raised SET n = 0");
my $long = "CALL backfill_column('raised', 'n', 'n + 1', 100, '1 second')";
my $output = '';
my $call = call_in_background($long, \$output);
becomes($node, 'postgres', "SELECT state, rows_changed > 0, percentage > 0, pid IS NOT NULL FROM backfill_progress WHERE relation = 'public.raised'", 'running|t|t|t',
	'progress is visible while it runs, also between two batches') if $node->safe_psql('postgres', 'ANALYZE raised; SELECT true');
($code, undef, $stderr) = $node->psql('postgres', $long, on_error_stop => 1);
is($code, 3, 'a second call at the same time is refused');
like($stderr, qr/a backfill of public\.raised\.n is running\nHINT:  Process \d+ runs it/, 'with what is running where');
my $other = $node->psql('postgres', "CALL backfill_column('crossed', 'flag', 'true')");
is($other, 0, 'another column is none of its business');
my $pid = $node->safe_psql('postgres', "SELECT pid FROM backfill_progress WHERE state = 'running'");
answers($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid AND xact_start < now() - interval '1500 milliseconds'", 0, 'a pause is no long transaction');
$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
IPC::Run::finish($call);
like($output, qr/canceling statement due to user request/, 'it can be cancelled');
my $so_far = $node->safe_psql('postgres', 'SELECT count(*) FROM raised WHERE n = 1');
cmp_ok($so_far, '<', $n, 'in the midst of it');

#---------------------------------------------------------------------------------------------------------------------
# The caller's settings

$node->safe_psql('postgres', q{ALTER DATABASE postgres SET default_transaction_isolation = 'repeatable read'});
my $in, my $locked = '';
my $holder = IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr('postgres') ], '<', \$in, '>', \$locked, '2>&1');
$in .= "BEGIN ISOLATION LEVEL READ COMMITTED; UPDATE raised SET n = n WHERE id = $n; SELECT 'locked';\n";
$holder->pump until $locked =~ /locked/;
($code, undef, $stderr) = $node->psql('postgres', "SET lock_timeout = '100ms'; CALL backfill_column('raised', 'n', 'n + 1', 100, '0')");
like($stderr, qr/canceling statement due to lock timeout/, 'a lock_timeout is respected');
answers($node, 'postgres', 'SELECT count(*) FROM raised WHERE n = 1', $n - 100, 'all batches before the locked row are done');
$output = '';
$call = call_in_background("CALL backfill_column('raised', 'n', 'n + 1', 100, '0')", \$output);
becomes($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CALL backfill%' AND wait_event_type = 'Lock'", 1, 'without one it waits');
$in .= "COMMIT;\n\\q\n";
IPC::Run::finish($holder);
IPC::Run::finish($call);
unlike($output, qr/ERROR/, 'and goes on with the row as it then is, also where REPEATABLE READ is the default');
answers($node, 'postgres', 'SELECT n, count(*) FROM raised GROUP BY n', "1|$n", 'each row once');
$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET default_transaction_isolation');

# Somebody locks rows in another order: it is the backfill that gives way, whoever came first.
$node->safe_psql('postgres', 'CREATE TABLE contended (id integer PRIMARY KEY, n integer NOT NULL DEFAULT 0); INSERT INTO contended SELECT g FROM generate_series(1, 100) AS g');
my $others = $node->background_psql('postgres');
$others->query_safe('BEGIN; UPDATE contended SET n = n WHERE id = 50');
$output = '';
$call = call_in_background("CALL backfill_column('contended', 'n', 'n + 1', 100, '0')", \$output);
becomes($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CALL backfill%' AND wait_event_type = 'Lock'", 1, 'a batch waits for a row');
$others->query_safe('UPDATE contended SET n = n WHERE id = 1; COMMIT');
pass('whoever holds that row gets one that the batch had locked, and no deadlock');
$others->quit;
IPC::Run::finish($call);
unlike($output, qr/ERROR/, 'the batch is tried again');
answers($node, 'postgres', 'SELECT n, count(*) FROM contended GROUP BY n', '1|100', 'with each row once');

$node->safe_psql('postgres', 'UPDATE raised SET n = 0');
($code, undef, $stderr) = $node->psql('postgres', "SET statement_timeout = '300ms'; CALL backfill_column('raised', 'n', 'n + 1', 100, '50 milliseconds')");
like($stderr, qr/canceling statement due to statement timeout/, 'a statement_timeout counts for the whole call');
$node->safe_psql('postgres', "CALL backfill_column('raised', 'n', 'n + 1', 1000, '0')");
answers($node, 'postgres', 'SELECT n, count(*) FROM raised GROUP BY n', "1|$n", 'and the next call does the rest');

# An unfinished run of another expression is forgotten, and said to be.
$node->psql('postgres', "CALL backfill_column('raised', 'n', '1 / (id - 2000)', 100, '0')");
($code, undef, $stderr) = $node->psql('postgres', "CALL backfill_column('raised', 'n', '3', 100, '0')");
like($stderr, qr/begins anew: an unfinished run had another value_expression/, 'another expression begins anew');
answers($node, 'postgres', 'SELECT n, count(*) FROM raised GROUP BY n', "3|$n", 'and meets every row');

# A column that is dropped while its backfill stands still; a key that changes.
$node->psql('postgres', "CALL backfill_column('raised', 'n', '1 / (id - 2000)', 100, '0')");
$node->safe_psql('postgres', 'ALTER TABLE raised DROP CONSTRAINT raised_pkey');
($code, undef, $stderr) = $node->psql('postgres', "CALL backfill_column('raised', 'n', '1 / (id - 2000)', 100, '0')");
like($stderr, qr/the key of public\.raised has changed since this backfill began\nHINT:  To begin anew: DELETE FROM/, 'a run whose key is gone does not guess');

$node->stop;
done_testing();
