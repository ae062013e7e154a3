# Databases, schemas and the extension change hands while a worker is at work in them.
#
# The worker moves campaigns one by one, two milliseconds each, so that it is always in the midst of a batch. DROP EXTENSION, DROP
# SCHEMA, and DROP, RENAME and copy of a database must each succeed soon: none waits for the worker to finish, none is refused because
# of it. Rows are counted afterwards: each committed timer is executed once, or waits.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes 'time';

my $expired = "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'";

my $node = campaign_server('database_ddl', conf => "campaign_lifecycle.batch_size = 100\n", extension => 0);

# Assert that the statement succeeds in time. The server itself gives up after 5 s where a worker is in the way; a loaded machine may
# need as long again.
sub succeeds_soon
{
	my ($db, $sql) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $began = time;
	my ($status, undef, $stderr) = $node->psql($db, $sql);
	is($status, 0, "$sql succeeds while the worker is in a batch") or diag($stderr);
	cmp_ok(time - $began, '<', 15, "$sql takes less than 15 s");
	return;
}

in_database($node, 'a copy of a database starts paused', sub {
	my ($db) = @_;
	my $copy = 'copy_of_database';
	add_due_campaigns($node, $db, 10);
	poll_is($node, $db, $expired, 10, 'the original executes ten timers');
	$node->safe_psql($db, 'SELECT pause_timers()');
	add_due_campaigns($node, $db, 1);
	$node->safe_psql('postgres', "CREATE DATABASE $copy TEMPLATE $db");
	$node->safe_psql($db, 'SELECT resume_timers()');
	poll_is($node, $db, $expired, 11, 'the original goes on when it is resumed after the copy');
	my (undef, undef, $err) = $node->psql($copy, 'SELECT run_due_timers()');
	like($err, qr/timers of this database are paused/, 'run_due_timers() says in the copy that its timers are paused');
	query_is($node, $copy, "SELECT count(*) FILTER (WHERE status = 'PENDING'), count(*) FROM campaign_timers", '1|11', 'the copy has executed nothing');
	$node->safe_psql($copy, 'SELECT resume_timers()');
	poll_is($node, $copy, $expired, 11, 'the copy executes its own timer when it is resumed');
	check_invariants($node, $_, $_) for $db, $copy;
	$node->safe_psql('postgres', "DROP DATABASE $copy");
});

in_database($node, 'DROP EXTENSION during a batch', sub {
	my ($db) = @_;
	make_busy($node, $db, 1500);
	succeeds_soon($db, 'DROP EXTENSION campaign_lifecycle');
	poll_worker_count($node, $db, 0, 'the worker ends after DROP EXTENSION');
	my ($moved, $waiting) = split /\|/, $node->safe_psql($db,
		"SELECT count(*) FILTER (WHERE status = 'COMPLETED'), count(*) FILTER (WHERE status = 'PENDING') FROM campaign_timers");
	is($moved + $waiting, 1500, 'DROP EXTENSION leaves every timer COMPLETED or PENDING');
	cmp_ok($waiting, '>', 0, 'DROP EXTENSION came before the last batch');
	$node->safe_psql($db, 'DROP TRIGGER slow_down ON campaigns; CREATE EXTENSION campaign_lifecycle; SELECT resume_timers()');
	poll_is($node, $db, $expired, 1500, 'a worker executes the rest after CREATE EXTENSION and resume_timers()');
	check_invariants($node, $db, 'after DROP and CREATE EXTENSION');
});

in_database($node, 'DROP EXTENSION rolled back', sub {
	my ($db) = @_;
	add_due_campaigns($node, $db, 5);
	poll_is($node, $db, $expired, 5, 'the worker executes five timers');
	$node->psql($db, 'BEGIN; DROP EXTENSION campaign_lifecycle; ROLLBACK');
	add_due_campaigns($node, $db, 5);
	poll_is($node, $db, $expired, 10, 'the worker goes on after a DROP EXTENSION that was rolled back');
});

in_database($node, 'ALTER DATABASE RENAME during a batch', sub {
	my ($db) = @_;
	make_busy($node, $db, 1500);
	succeeds_soon('postgres', "ALTER DATABASE $db RENAME TO renamed");
	$node->safe_psql('renamed', 'DROP TRIGGER slow_down ON campaigns');
	poll_is($node, 'renamed', $expired, 1500, 'a worker executes the rest under the new name');
	check_invariants($node, 'renamed', 'after RENAME');

	my $session = $node->background_psql('renamed');
	my (undef, undef, $err) = $node->psql('postgres', 'ALTER DATABASE renamed RENAME TO other');
	like($err, qr/being accessed by other users/, 'RENAME fails while a user is connected');
	unlike($err, qr/There are [2-9]/, 'the error counts the user alone, not the worker');
	add_due_campaigns($node, 'renamed', 5);
	poll_is($node, 'renamed', $expired, 1505, 'a worker comes back after the RENAME that failed');
	$session->quit;
	$node->safe_psql('postgres', 'DROP DATABASE renamed');
});

in_database($node, 'CREATE DATABASE TEMPLATE during a batch', sub {
	my ($db) = @_;
	make_busy($node, $db, 1500);
	succeeds_soon('postgres', "CREATE DATABASE twin TEMPLATE $db");
	$node->safe_psql($_, 'DROP TRIGGER slow_down ON campaigns') for $db, 'twin';
	poll_is($node, $db, $expired, 1500, 'the worker of the original executes the rest');
	cmp_ok($node->safe_psql('twin', "SELECT count(*) FROM campaigns WHERE status = 'RUNNING'"), '>', 0, 'the twin is paused, with timers due');
	check_invariants($node, $_, "$_, after the copy") for $db, 'twin';
	$node->safe_psql('twin', 'SELECT resume_timers()');
	poll_is($node, 'twin', $expired, 1500, 'the twin executes its own rest when it is resumed');
	check_invariants($node, 'twin', 'twin, after it was resumed');
	$node->safe_psql('postgres', 'DROP DATABASE twin');
});

in_database($node, 'DROP DATABASE during a batch', sub {
	my ($db) = @_;
	make_busy($node, $db, 1500);
	succeeds_soon('postgres', "DROP DATABASE $db");
	poll_worker_count($node, $db, 0, 'no worker is left after DROP DATABASE');
});

in_database(
	$node,
	'DROP SCHEMA CASCADE during a batch',
	sub {
		my ($db) = @_;
		my $create = 'CREATE SCHEMA lifecycle; CREATE EXTENSION campaign_lifecycle SCHEMA lifecycle';
		$node->safe_psql($db, "$create; ALTER DATABASE $db SET search_path = lifecycle");
		make_busy($node, $db, 1500);
		succeeds_soon($db, 'DROP SCHEMA lifecycle CASCADE');
		poll_worker_count($node, $db, 0, 'the worker ends after DROP SCHEMA CASCADE');
		$node->safe_psql($db, $create);
		add_due_campaigns($node, $db, 5);
		poll_is($node, $db, $expired, 5, 'a worker executes the timers of a new extension in a schema of the same name');
		check_invariants($node, $db, 'in the new extension', schema => 'lifecycle');
	},
	extension => 0);

$node->stop;
my @errors = grep { /campaign_lifecycle (worker|launcher)/ && /(ERROR|PANIC|WARNING)/ } split /\n/, slurp_file($node->logfile);
is(join("\n", @errors), '', 'the log has no error and no warning of worker or launcher');
done_testing();
