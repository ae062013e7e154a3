# Upkeep among other sessions, and through crashes.
#
# An idle round of the worker writes nothing, not even a transaction id. Somebody's open transaction does not make upkeep wait for
# long, nor upkeep anybody else: it tries for a moment, lets go, and tries again. Then the server is killed twenty times while rows
# move from the default partition into their months and months into the archive: no row is lost, none is there twice, and at the
# end all of them are where they belong.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

# The test is the worker.
my $node = campaign_server('upkeep', conf => "campaign_lifecycle.enabled = off\nautovacuum = off\n");

# Idle.
my $jobs = $node->safe_psql('postgres', 'SELECT unnest(d.jobs) FROM campaign_lifecycle_internal._due_maintenance(now(), NULL) AS d');
$node->safe_psql('postgres', "SELECT campaign_lifecycle_internal._run_maintenance_step('$_', now())") for split /\n/, $jobs;
my $round = "BEGIN; SELECT count(*) FROM campaign_lifecycle_internal._due_maintenance(now() + interval '1 hour', now()) AS d, unnest(d.jobs);"
  . join('', map { "SELECT campaign_lifecycle_internal._run_maintenance_step('$_', now() + interval '1 hour');" } split /\n/, $jobs)
  . 'SELECT pg_current_xact_id_if_assigned() IS NULL; COMMIT;';
answers($node, 'postgres', $round, "2\n" . "f\n" x 5 . 't', 'a round that finds nothing to do writes nothing');

# In company.
my $other = $node->background_psql('postgres');
$other->query_safe('BEGIN; INSERT INTO campaigns (status, duration_hours) VALUES (\'CREATED\', 1)');
my ($out, $err) = ('', '');
my $upkeep = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'SELECT create_monthly_partitions(5)' ], '<', \'', '>', \$out, '2>', \$err);
becomes($node, 'postgres', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE '%create_monthly_partitions(5)%' AND pid <> pg_backend_pid()}, 't', 'upkeep wants a table that a transaction uses');
my $longest = 0;
for (1 .. 10)
{
	my $began = time;
	$node->safe_psql('postgres', 'SELECT create_campaign(1)');
	$longest = time - $began if time - $began > $longest;
}
# Each for a moment, however slow the machine; the transaction that upkeep waits for is still open.
cmp_ok($longest, '<', 10, 'others write on');
$other->query_safe('COMMIT');
$other->quit;
$upkeep->finish;
is($out, "2\n", 'when it has ended, the months are made');
is($err, '', 'without an error');
# Killed. Rows of months that are over a year old fall into the default partition, also of months that are archived already.
srand(my $seed = $ENV{TEST_SEED} // time);
note("TEST_SEED=$seed");
$node->safe_psql('postgres', q{CREATE TABLE given (id uuid PRIMARY KEY, created_at timestamptz NOT NULL); DELETE FROM campaign_state_log; SELECT create_campaign(24)});
$node->safe_psql('postgres', 'INSERT INTO given SELECT id, created_at FROM campaign_state_log');
my $everything = q{SELECT count(*), count(DISTINCT id), (SELECT count(*) FROM given), count(*) FILTER (WHERE NOT EXISTS (SELECT FROM given AS g WHERE g.id = l.id AND g.created_at = l.created_at))
	FROM (SELECT id, created_at FROM campaign_state_log UNION ALL SELECT id, created_at FROM campaign_state_log_archive) AS l};
my $steps = join '', map { "SELECT campaign_lifecycle_internal._run_maintenance_step('create-monthly-partitions', now());\nSELECT campaign_lifecycle_internal._run_maintenance_step('archive-state-logs', now());\n" } 1 .. 60;
my $file = PostgreSQL::Test::Utils::tempdir() . '/steps.sql';
append_to_file($file, $steps);
my ($given, $working, $wrong) = (1, 0, 0);
for my $kill (1 .. 20)
{
	$node->safe_psql('postgres', qq{
		WITH n AS (
			INSERT INTO campaign_state_log (campaign_id, from_state, to_state, trigger_event, created_at)
			SELECT c.id, 'CREATED', 'RUNNING', 'TEST', date_trunc('month', now()) - interval '20 months' + $kill * interval '9 days' + i * interval '1 hour'
			FROM (SELECT id FROM campaigns LIMIT 1) AS c, generate_series(1, 2000) AS i
			RETURNING id, created_at)
		INSERT INTO given TABLE n});
	$given += 2000;
	my ($out, $err) = ('', '');
	my $busy = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', $file ], '<', \'', '>', \$out, '2>', \$err);
	sleep(0.05 + rand 0.5);
	$node->stop('immediate');
	IPC::Run::finish($busy);
	$working++ if $err =~ /server closed|terminating connection|connection to server was lost/;
	$node->start;
	my $found = $node->safe_psql('postgres', $everything);
	next if $found eq "$given|$given|$given|0";
	diag("after kill $kill of $given rows: $found");
	$wrong++;
}
is($wrong, 0, 'after each of 20 kills no row is lost and none is doubled');
note("$working of them in the midst of it");
$node->safe_psql('postgres', $steps);
answers($node, 'postgres', $everything, "$given|$given|$given|0", 'no row is lost or doubled');
answers($node, 'postgres', 'SELECT count(*) FROM ONLY campaign_state_log_default', 0, 'nothing is in the default partition');
answers($node, 'postgres', q{SELECT count(*) FROM campaign_state_log WHERE created_at < now() - interval '1 year'}, 0, 'nothing old is in the log');
answers($node, 'postgres', q{SELECT count(*) FROM campaign_state_log_archive WHERE created_at >= now() - interval '1 year'}, 0, 'nothing young is in the archive');
answers($node, 'postgres', q{SELECT count(*) FROM ONLY campaign_state_log_archive_default WHERE created_at < date_trunc('month', now() - interval '1 year')}, 0, 'whole months have their partition there');

$node->stop;
done_testing();
