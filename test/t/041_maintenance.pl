# Maintenance goes on beside other sessions and through crashes.
#
# An idle round of the worker writes nothing, not even a transaction id. An open transaction does not make maintenance wait for long, nor
# does maintenance make others wait: it tries for a moment, lets go, and tries again. Then the server is killed twenty times while rows
# move from the default partition into their months and months into the archive: no row is lost, none is there twice, and in the
# end all of them are where they belong.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

# The test takes the worker's place.
my $node = campaign_server('maintenance', extension => 0, conf => "campaign_lifecycle.enabled = off\nautovacuum = off\n");

in_database($node, 'a round of maintenance that finds nothing to do writes nothing', sub {
	my ($db) = @_;
	my $jobs = $node->safe_psql($db, 'SELECT unnest(d.jobs) FROM campaign_lifecycle_internal._due_maintenance(now(), NULL) AS d');
	$node->safe_psql($db, "SELECT campaign_lifecycle_internal._run_maintenance_step('$_', now())") for split /\n/, $jobs;
	my $round = "BEGIN; SELECT count(*) FROM campaign_lifecycle_internal._due_maintenance(now() + interval '1 hour', now()) AS d, unnest(d.jobs);"
	  . join('', map { "SELECT campaign_lifecycle_internal._run_maintenance_step('$_', now() + interval '1 hour');" } split /\n/, $jobs)
	  . 'SELECT pg_current_xact_id_if_assigned() IS NULL; COMMIT;';
	query_is($node, $db, $round, "2\n" . "f\n" x 6 . 't', 'a second round finds two jobs due, does nothing, and takes no transaction id');
});

in_database($node, 'maintenance and writers do not hold each other up', sub {
	my ($db) = @_;
	my $other = $node->background_psql($db);
	$other->query_safe('BEGIN; INSERT INTO campaigns (status, duration_hours) VALUES (\'CREATED\', 1)');
	my ($out, $err) = ('', '');
	my $maintenance = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr($db), '-c', 'SELECT create_monthly_partitions(5)' ], '<', \'', '>', \$out, '2>', \$err);
	poll_is($node, $db, q{SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE '%create_monthly_partitions(5)%' AND pid <> pg_backend_pid()}, 't', 'create_monthly_partitions() waits for a table that a transaction uses');
	my $longest = 0;
	for (1 .. 10)
	{
		my $began = time;
		$node->safe_psql($db, 'SELECT create_campaign(1)');
		$longest = time - $began if time - $began > $longest;
	}
	# Each for a moment, however slow the machine; the transaction that maintenance waits for is still open.
	cmp_ok($longest, '<', 10, 'other sessions write while it waits');
	$other->query_safe('COMMIT');
	$other->quit;
	$maintenance->finish;
	is($out, "2\n", 'two months are made when the transaction has ended');
	is($err, '', 'create_monthly_partitions() raises nothing');
});

# Rows of months that are over a year old fall into the default partition, also of months that are archived already.
in_database($node, 'twenty kills during maintenance lose no row', sub {
	my ($db) = @_;
	srand(my $seed = $ENV{TEST_SEED} // time);
	note("TEST_SEED=$seed");
	$node->safe_psql($db, q{CREATE TABLE given (id uuid PRIMARY KEY, created_at timestamptz NOT NULL); DELETE FROM campaign_state_log; SELECT create_campaign(24)});
	$node->safe_psql($db, 'INSERT INTO given SELECT id, created_at FROM campaign_state_log');
	my $everything = q{SELECT count(*), count(DISTINCT id), (SELECT count(*) FROM given), count(*) FILTER (WHERE NOT EXISTS (SELECT FROM given AS g WHERE g.id = l.id AND g.created_at = l.created_at))
		FROM (SELECT id, created_at FROM campaign_state_log UNION ALL SELECT id, created_at FROM campaign_state_log_archive) AS l};
	my $steps = join '', map { "SELECT campaign_lifecycle_internal._run_maintenance_step('create-monthly-partitions', now());\nSELECT campaign_lifecycle_internal._run_maintenance_step('archive-state-logs', now());\n" } 1 .. 60;
	my $file = PostgreSQL::Test::Utils::tempdir() . '/steps.sql';
	append_to_file($file, $steps);
	my ($given, $working, $wrong) = (1, 0, 0);
	for my $kill (1 .. 20)
	{
		$node->safe_psql($db, qq{
			WITH n AS (
				INSERT INTO campaign_state_log (campaign_id, from_state, to_state, trigger_event, created_at)
				SELECT c.id, 'CREATED', 'RUNNING', 'TEST', date_trunc('month', now()) - interval '20 months' + $kill * interval '9 days' + i * interval '1 hour'
				FROM (SELECT id FROM campaigns LIMIT 1) AS c, generate_series(1, 2000) AS i
				RETURNING id, created_at)
			INSERT INTO given TABLE n});
		$given += 2000;
		my ($out, $err) = ('', '');
		my $busy = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr($db), '-f', $file ], '<', \'', '>', \$out, '2>', \$err);
		sleep(0.05 + rand 0.5);
		$node->stop('immediate');
		IPC::Run::finish($busy);
		$working++ if $err =~ /server closed|terminating connection|connection to server was lost/;
		$node->start;
		my $found = $node->safe_psql($db, $everything);
		next if $found eq "$given|$given|$given|0";
		diag("after kill $kill of $given rows: $found");
		$wrong++;
	}
	is($wrong, 0, 'no row is lost or doubled after any of 20 kills');
	note("$working of them in the midst of it");
	$node->safe_psql($db, $steps);
	query_is($node, $db, $everything, "$given|$given|$given|0", 'no row is lost or doubled when the rest is done');
	query_is($node, $db, 'SELECT count(*) FROM ONLY campaign_state_log_default', 0, 'no row is left in the default partition');
	query_is($node, $db, q{SELECT count(*) FROM campaign_state_log WHERE created_at < now() - interval '1 year'}, 0, 'no row older than a year is left in the log');
	query_is($node, $db, q{SELECT count(*) FROM campaign_state_log_archive WHERE created_at >= now() - interval '1 year'}, 0, 'no row younger than a year is in the archive');
	query_is($node, $db, q{SELECT count(*) FROM ONLY campaign_state_log_archive_default WHERE created_at < date_trunc('month', now() - interval '1 year')}, 0, 'whole months have a partition of their own in the archive');
});

$node->stop;
done_testing();
