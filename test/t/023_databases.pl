# Several databases of one server, each for itself.
#
# Five databases get the same work: two plain ones, one whose extension lives in the schema "My Schema" of a database with an awkward
# name, one that is paused, and one without the extension whose application has tables of the same names. The three active ones do
# all of it, the paused one and the foreign one none; setting, pausing and terminating in one does not reach another; more databases
# than worker processes get their turn when a slot is free; one that is broken keeps none from it.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignServer;
use Test::More;

my $node = campaign_server('databases', extension => 0, conf => "max_worker_processes = 8\n");

with_database($node, $_) for 'one', 'two', 'paused';
$node->safe_psql('paused', 'SELECT pause_timers()');
$node->safe_psql('postgres', 'CREATE DATABASE "My Database"');
$node->safe_psql('My Database', q{
	CREATE SCHEMA "My Schema";
	CREATE EXTENSION campaign_lifecycle SCHEMA "My Schema";
	ALTER DATABASE "My Database" SET search_path = "My Schema"});
# Tables as an application might have them, nothing of ours.
$node->safe_psql('postgres', 'CREATE DATABASE foreigner');
$node->safe_psql('foreigner', q{
	CREATE TABLE campaigns (id uuid DEFAULT gen_random_uuid() PRIMARY KEY, status text, duration_hours int);
	CREATE TABLE campaign_timers (campaign_id uuid REFERENCES campaigns, timer_type text, status text DEFAULT 'PENDING', scheduled_at timestamptz)});
my ($code, $out, $err) = $node->psql('foreigner', 'CREATE EXTENSION campaign_lifecycle');
like($err, qr/already holds an object/, 'an application\'s tables are left alone');

fill($node, $_, 500) for 'foreigner', 'paused', 'one', 'two', 'My Database';
for my $db ('one', 'two', 'My Database')
{
	becomes($node, $db, "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 500, "$db: all campaigns have moved");
	answers($node, $db, 'SELECT count(*), count(DISTINCT timer_id) FROM timer_executions', '500|500', "$db: each once");
	workers_are($node, $db, 1, "$db: by one worker");
}
answers($node, 'paused', "SELECT count(*) FROM campaigns WHERE status = 'RUNNING'", 500, 'paused: no campaign has moved');
answers($node, 'foreigner', "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING'", 500, 'foreigner: nothing has happened');
workers_are($node, $_, 0, "$_: no worker") for 'foreigner', 'postgres', 'template1';
holds($node, $_, $_) for 'one', 'two', 'paused';
holds($node, 'My Database', 'My Database', schema => 'My Schema');

# The verbs in "My Schema", by their full names.
my $id = $node->safe_psql('My Database', q{SET search_path = ''; SELECT "My Schema".create_campaign(1, now() - interval '1 hour' + interval '1 second')});
becomes($node, 'My Database', "SELECT status FROM campaigns WHERE id = '$id'", 'CLOSED', 'My Schema: a campaign made by its verb starts and closes');
holds($node, 'My Database', 'My Database, with policies', schema => 'My Schema');

# What happens to one does not reach another.
my ($two) = worker_pids($node, 'two');
$node->safe_psql('one', 'SELECT pause_timers()');
my ($one) = worker_pids($node, 'one');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($one)");
fill($node, $_, 100) for 'one', 'two';
becomes($node, 'two', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 600, 'two works while one is paused');
is((worker_pids($node, 'two'))[0], $two, 'and its worker is undisturbed');
answers($node, 'one', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 500, 'one stays paused, also with a new worker');
$node->safe_psql($_, 'SELECT resume_timers()') for 'one', 'paused';
becomes($node, 'one', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 600, 'one goes on when resumed');
becomes($node, 'paused', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 500, 'paused, resumed, does what it missed');

# No worker slot is left for the last ones: the log says so with a hint, and they get their turn.
with_database($node, "more$_") for 1 .. 4;
fill($node, "more$_", 50) for 1 .. 4;
my @done = grep { $node->safe_psql("more$_", "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'") == 50 } 1 .. 4;
note('at once: ' . @done);
$node->wait_for_log(qr/WARNING: .*no process to run timers in.*\n.*HINT: .*max_worker_processes/);
pass('no worker slot: the log says so');
$node->safe_psql('postgres', "DROP DATABASE $_") for 'one', 'two', 'paused';
for my $db (map { "more$_" } 1 .. 4)
{
	becomes($node, $db, "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 50, "$db gets its turn when slots are free");
	holds($node, $db, $db);
}
my @warnings = PostgreSQL::Test::Utils::slurp_file($node->logfile) =~ /no process to run timers in/g;
cmp_ok(@warnings, '<=', 3, 'and does not say it all the time');

# The launcher looks into one database at a time; one in which nothing but errors can be seen keeps it from no other.
$node->safe_psql('postgres', "DROP DATABASE $_") for 'more2', 'more3';
$node->safe_psql('more1', q{CREATE ROLE shut_out; SELECT set_campaign_owner('shut_out'); REVOKE USAGE ON SCHEMA public FROM PUBLIC, shut_out});
$node->restart;
workers_are($node, 'more1', 1, 'a worker that may not see its tables stays');
with_database($node, 'last');
fill($node, 'last', 50);
becomes($node, 'last', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 50, 'and a database made after it gets its worker');

$node->stop;
done_testing();
