# Each database of a server has its own worker, schema, pause and work.
#
# Two plain databases, one whose extension lives in the schema "My Schema" of a database with an odd name, one that is paused, and one
# without the extension whose application has tables of the same names: the active ones do all of their work, the others none. Pausing
# and terminating in one database does not reach another. More databases than worker processes take turns, and a
# database whose worker cannot work keeps no other from its turn.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use Test::More;

my $node = campaign_server('databases', extension => 0, conf => "max_worker_processes = 8\n");
my $expired = "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'";

# Run a scenario with several databases, and drop them.
sub with_databases
{
	my ($name, $code, @databases) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return scenario($name, sub {
		create_campaign_database($node, $_) for @databases;
		my $done = eval { $code->(); 1 };
		my $error = $@;
		$node->psql('postgres', "DROP DATABASE IF EXISTS \"$_\" WITH (FORCE)") for @databases;
		die $error unless $done;
	});
}

with_databases(
	'each active database does its own work',
	sub {
		$node->safe_psql('paused', 'SELECT pause_timers()');
		$node->safe_psql('postgres', 'CREATE DATABASE "My Database"');
		$node->safe_psql('My Database', q{
			CREATE SCHEMA "My Schema";
			CREATE EXTENSION campaign_lifecycle SCHEMA "My Schema";
			ALTER DATABASE "My Database" SET search_path = "My Schema"});
		# Tables as an application might have them, none of them ours.
		$node->safe_psql('postgres', 'CREATE DATABASE foreigner');
		$node->safe_psql('foreigner', q{
			CREATE TABLE campaigns (id uuid DEFAULT gen_random_uuid() PRIMARY KEY, status text, duration_hours int);
			CREATE TABLE campaign_timers (campaign_id uuid REFERENCES campaigns, timer_type text, status text DEFAULT 'PENDING', scheduled_at timestamptz)});
		my (undef, undef, $err) = $node->psql('foreigner', 'CREATE EXTENSION campaign_lifecycle');
		like($err, qr/already holds an object/, "CREATE EXTENSION does not take an application's tables");

		add_due_campaigns($node, $_, 500) for 'foreigner', 'paused', 'one', 'two', 'My Database';
		for my $db ('one', 'two', 'My Database')
		{
			poll_is($node, $db, $expired, 500, "$db: each of 500 campaigns is EXPIRED");
			query_is($node, $db, 'SELECT count(*), count(DISTINCT timer_id) FROM timer_executions', '500|500', "$db: each timer is executed once");
			poll_worker_count($node, $db, 1, "$db: one worker is at work");
		}
		query_is($node, 'paused', "SELECT count(*) FROM campaigns WHERE status = 'RUNNING'", 500, 'no campaign of the paused database has moved');
		query_is($node, 'foreigner', "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING'", 500, 'nothing has happened in the database without the extension');
		poll_worker_count($node, $_, 0, "$_ has no worker") for 'foreigner', 'postgres', 'template1';
		check_invariants($node, $_, $_) for 'one', 'two', 'paused';
		check_invariants($node, 'My Database', 'My Database', schema => 'My Schema');

		my $id = $node->safe_psql('My Database', q{SET search_path = ''; SELECT "My Schema".create_campaign(1, now() - interval '1 hour' + interval '1 second')});
		poll_is($node, 'My Database', "SELECT status FROM campaigns WHERE id = '$id'", 'CLOSED', 'a campaign made in "My Schema" without a search_path starts and closes');
		check_invariants($node, 'My Database', 'My Database, with policies', schema => 'My Schema');
		$node->safe_psql('postgres', "DROP DATABASE $_") for 'foreigner', '"My Database"';
	},
	'one', 'two', 'paused');

with_databases(
	'pausing and terminating reach one database only',
	sub {
		poll_worker_count($node, $_, 1, "$_ has a worker") for 'one', 'two';
		my ($two) = worker_pids($node, 'two');
		$node->safe_psql($_, 'SELECT pause_timers()') for 'one', 'paused';
		add_due_campaigns($node, 'paused', 500);
		my ($one) = worker_pids($node, 'one');
		$node->safe_psql('postgres', "SELECT pg_terminate_backend($one)");
		add_due_campaigns($node, $_, 100) for 'one', 'two';
		poll_is($node, 'two', $expired, 100, 'two executes its timers while one is paused');
		is((worker_pids($node, 'two'))[0], $two, 'the worker of two is the same process as before');
		query_is($node, 'one', $expired, 0, 'one stays paused after its worker was terminated');
		$node->safe_psql($_, 'SELECT resume_timers()') for 'one', 'paused';
		poll_is($node, 'one', $expired, 100, 'one goes on when it is resumed');
		poll_is($node, 'paused', $expired, 500, 'a database that was paused from the start does what it missed');
	},
	'one', 'two', 'paused');

# Launchers take two of the eight processes.
my @many = map { "many$_" } 1 .. 8;
with_databases(
	'databases beyond max_worker_processes get their turn',
	sub {
		add_due_campaigns($node, $_, 50) for @many;
		for my $db (@many)
		{
			poll_is($node, $db, $expired, 50, "$db gets its turn");
			check_invariants($node, $db, $db);
		}
		unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/no process to run timers in/, 'the log does not say that there is no process');
	},
	@many);

# The launcher looks into one database at a time.
with_databases(
	'a database whose worker only meets errors keeps no other from its worker',
	sub {
		$node->safe_psql('broken', q{CREATE ROLE shut_out; SELECT set_campaign_owner('shut_out'); REVOKE USAGE ON SCHEMA public FROM PUBLIC, shut_out});
		$node->restart;
		poll_worker_count($node, 'broken', 1, 'a worker that may not see its tables stays');
		create_campaign_database($node, 'last');
		add_due_campaigns($node, 'last', 50);
		poll_is($node, 'last', $expired, 50, 'a database made after it gets its worker');
		$node->safe_psql('postgres', 'DROP DATABASE last');
	},
	'broken');

$node->stop;
done_testing();
