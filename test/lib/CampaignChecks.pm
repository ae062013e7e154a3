# Questions that process tests ask of a server. Each function takes a PostgreSQL::Test::Cluster and a database. Functions that wait
# poll for as long as PG_TEST_TIMEOUT_DEFAULT (180 s) says, and are assertions themselves.
#
#     use CampaignChecks;
#     query_is($node, $db, $query, '3|1', 'name');              asks once and compares the rows, as psql -A -t prints them
#     poll_is($node, $db, $query, 't', 'name');                 asks until the answer is the one expected
#     poll_worker_count($node, $db, 1, 'name');                 asks until so many workers are at work in the database
#     check_invariants($node, $db, 'after the crash');          all of test/invariants.sql
#     check_invariants($node, $db, 'elsewhere', schema => 'My Schema');
#     create_campaign_database($node, $db);                     makes a database with the extension
#     create_campaign_database($node, $db, extension => 0);     makes a database without it
#     add_due_campaigns($node, $db, 100);                       adds 100 running campaigns, each with an EXPIRE_CAMPAIGN timer due now
#     make_busy($node, $db, 2000);                              adds them, slows the worker down, and returns while it is in their midst
#     set_and_reload($node, workers => 2, naptime => undef);    sets campaign_lifecycle.*; undef resets
#
# The functions know processes by what pg_stat_activity calls them, and nothing that users cannot see.

package CampaignChecks;

use strict;
use warnings FATAL => 'all';
use Exporter 'import';
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(check_invariants poll_is query_is poll_worker_count worker_pids launcher_pid add_due_campaigns make_busy slow_down create_campaign_database set_and_reload);

my $worker = "backend_type = 'campaign_lifecycle worker'";

sub query_is
{
	my ($node, $db, $query, $expected, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is($node->safe_psql($db, $query), $expected, $what);
}

sub poll_is
{
	my ($node, $db, $query, $expected, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok($node->poll_query_until($db, $query, $expected), $what);
}

sub check_invariants
{
	my ($node, $db, $what, %options) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $schema = $options{schema} // 'public';
	return is($node->safe_psql($db, "SET search_path = \"$schema\"; LOAD 'campaign_lifecycle'; " . slurp_file('test/invariants.sql')),
		'', "every invariant holds: $what");
}

sub worker_pids
{
	my ($node, $db) = @_;
	return split /\n/, $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE $worker AND datname = '$db' ORDER BY pid");
}

sub launcher_pid
{
	my ($node) = @_;
	return $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'campaign_lifecycle launcher'");
}

# Ask in another database, because this one may be renamed or dropped meanwhile.
sub poll_worker_count
{
	my ($node, $db, $number, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return poll_is($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE $worker AND datname = '$db'", $number, $what);
}

sub create_campaign_database
{
	my ($node, $db, %options) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db,        'CREATE EXTENSION campaign_lifecycle') if $options{extension} // 1;
	return;
}

# Change settings by ALTER SYSTEM; undef resets. Processes follow the reload in their own time.
sub set_and_reload
{
	my ($node, %settings) = @_;
	for my $name (sort keys %settings)
	{
		$node->safe_psql('postgres',
			"LOAD 'campaign_lifecycle'; "
			  . (defined $settings{$name} ? "ALTER SYSTEM SET campaign_lifecycle.$name = '$settings{$name}'" : "ALTER SYSTEM RESET campaign_lifecycle.$name"));
	}
	$node->reload;
	return;
}

# Add running campaigns by plain DML, each with one timer, due now, that ends it. No other timer follows from it.
sub add_due_campaigns
{
	my ($node, $db, $number) = @_;
	$node->safe_psql(
		$db, qq{
		WITH c AS (
			INSERT INTO campaigns (status, duration_hours) SELECT 'RUNNING', 1 FROM generate_series(1, $number) RETURNING id)
		INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) SELECT id, 'EXPIRE_CAMPAIGN', now() FROM c});
	return;
}

# Make each state change take at least two milliseconds, of sleep and not of work.
sub slow_down
{
	my ($node, $db) = @_;
	$node->safe_psql(
		$db, q{
		CREATE FUNCTION public.slow_down() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_catalog.pg_sleep(0.002); RETURN NEW; END $$;
		CREATE TRIGGER slow_down BEFORE UPDATE ON campaigns FOR EACH ROW EXECUTE FUNCTION public.slow_down()});
	return;
}

# Return while the worker is in the midst of the campaigns added. The server should have a small campaign_lifecycle.batch_size.
sub make_busy
{
	my ($node, $db, $number) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	slow_down($node, $db);
	add_due_campaigns($node, $db, $number);
	$node->poll_query_until($db, "SELECT count(*) > 0 FROM campaign_timers WHERE status = 'COMPLETED'") or die "$db: the worker does nothing";
	return ok($node->safe_psql($db, "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING'") > 0, "$db: the worker is in the midst of its timers");
}

1;
