# What process tests ask of a server again and again. Each function takes a PostgreSQL::Test::Cluster and a database; those that
# wait poll, for as long as PG_TEST_TIMEOUT_DEFAULT (180 s) says, and are tests themselves.
#
#     use CampaignChecks;
#     holds($node, $db, 'after the crash');                     all of test/invariants.sql
#     holds($node, $db, 'elsewhere', schema => 'My Schema');
#     becomes($node, $db, $query, 't', 'all campaigns have moved');
#     workers_are($node, $db, 1, 'a worker has come by itself');
#     fill($node, $db, 100);                                    100 campaigns, that run, each with an EXPIRE timer due now
#     make_busy($node, $db, 2000);                              as fill, slowed down, and the worker is in the midst of it
#     with_database($node, $db);                                a database with the extension
#     set_and_reload($node, workers => 2, naptime => undef);    campaign_lifecycle.*, undef resets
#
# Nothing here is a secret of the product: processes are known by what pg_stat_activity calls them.

package CampaignChecks;

use strict;
use warnings FATAL => 'all';
use Exporter 'import';
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(holds becomes answers workers_are worker_pids launcher_pid fill make_busy slow_down with_database set_and_reload);

my $worker = "backend_type = 'campaign_lifecycle worker'";

sub answers
{
	my ($node, $db, $query, $expected, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is($node->safe_psql($db, $query), $expected, $what);
}

sub becomes
{
	my ($node, $db, $query, $expected, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok($node->poll_query_until($db, $query, $expected), $what);
}

sub holds
{
	my ($node, $db, $what, %options) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $schema = $options{schema} // 'public';
	return is($node->safe_psql($db, "SET search_path = \"$schema\"; LOAD 'campaign_lifecycle'; " . slurp_file('test/invariants.sql')),
		'', "no invariant is broken: $what");
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

# Asked in another database, which may be renamed or dropped meanwhile.
sub workers_are
{
	my ($node, $db, $number, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return becomes($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE $worker AND datname = '$db'", $number, $what);
}

sub with_database
{
	my ($node, $db) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db,        'CREATE EXTENSION campaign_lifecycle');
	return;
}

# Settings by ALTER SYSTEM; undef resets. A reload is asked of the postmaster, and processes follow in their own time.
sub set_and_reload
{
	my ($node, %settings) = @_;
	for my $name (sort keys %settings)
	{
		$node->safe_psql('postgres',
			"LOAD 'campaign_lifecycle'; " . (defined $settings{$name} ? "ALTER SYSTEM SET campaign_lifecycle.$name = '$settings{$name}'" : "ALTER SYSTEM RESET campaign_lifecycle.$name"));
	}
	$node->reload;
	return;
}

# Running campaigns by plain DML, each with one timer that ends it, due now; nothing follows from it.
sub fill
{
	my ($node, $db, $number) = @_;
	$node->safe_psql(
		$db, qq{
		WITH c AS (
			INSERT INTO campaigns (status, duration_hours) SELECT 'RUNNING', 1 FROM generate_series(1, $number) RETURNING id)
		INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) SELECT id, 'EXPIRE_CAMPAIGN', now() FROM c});
	return;
}

# Each move takes at least two milliseconds, of sleep and not of work.
sub slow_down
{
	my ($node, $db) = @_;
	$node->safe_psql(
		$db, q{
		CREATE FUNCTION public.slow_down() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_catalog.pg_sleep(0.002); RETURN NEW; END $$;
		CREATE TRIGGER slow_down BEFORE UPDATE ON campaigns FOR EACH ROW EXECUTE FUNCTION public.slow_down()});
	return;
}

# The server should have a small campaign_lifecycle.batch_size.
sub make_busy
{
	my ($node, $db, $number) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	slow_down($node, $db);
	fill($node, $db, $number);
	$node->poll_query_until($db, "SELECT count(*) > 0 FROM campaign_timers WHERE status = 'COMPLETED'") or die "$db: the worker does nothing";
	return ok($node->safe_psql($db, "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING'") > 0, "$db: the worker is at work");
}

1;
