# A publication FOR ALL TABLES and its subscriber.
#
# Such a publication asks for a key in every table that is updated, also from CREATE EXTENSION and ALTER EXTENSION UPDATE. A subscriber
# is a second copy of the database, which is paused. It still makes the months whose rows it will receive.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $conf = "wal_level = logical\ncampaign_lifecycle.naptime = '1s'\nmax_worker_processes = 24\n";
my $publisher = campaign_server('publisher', extension => 0, init => { allows_streaming => 'logical' }, conf => $conf);

in_database($publisher, 'every table that a publication can have has a key', sub {
	my ($db) = @_;
	query_is($publisher, $db, q{
		SELECT string_agg(c.relname, ', ') FROM pg_class AS c
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p'
			AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype = 'p')}, '', 'each table has a primary key');
});

scenario('CREATE EXTENSION, the update and upgrade_campaign_tables() under a publication FOR ALL TABLES', sub {
	$publisher->safe_psql('postgres', 'CREATE DATABASE made');
	$publisher->safe_psql('made', 'CREATE PUBLICATION everything FOR ALL TABLES; CREATE EXTENSION campaign_lifecycle; SELECT upgrade_campaign_tables()');
	$publisher->safe_psql('made', 'SELECT pause_timers(); SELECT resume_timers()');
	add_due_campaigns($publisher, 'made', 1);
	poll_is($publisher, 'made', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 1, 'the worker works');

	$publisher->safe_psql('postgres', 'CREATE DATABASE updated');
	$publisher->safe_psql('updated', q{CREATE EXTENSION campaign_lifecycle VERSION '1.1'; CREATE PUBLICATION everything FOR ALL TABLES; ALTER EXTENSION campaign_lifecycle UPDATE});
	add_due_campaigns($publisher, 'updated', 1);
	poll_is($publisher, 'updated', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 1, 'the worker works after the update');
	$publisher->safe_psql('postgres', "DROP DATABASE $_ WITH (FORCE)") for qw(made updated);
});

# Run the code with a paused subscriber that has received all rows so far.
sub with_subscriber
{
	my ($via_root, $name, $code) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return in_database($publisher, $name, sub {
		my ($db) = @_;
		my $subscriber = campaign_server("subscriber_$via_root", extension => 0, conf => $conf);
		my $schema = PostgreSQL::Test::Utils::tempdir() . '/schema.sql';
		# Two servers often give their databases the same oids.
		my $oid = $publisher->safe_psql($db, 'SELECT oid FROM pg_database WHERE datname = current_database()');
		$subscriber->safe_psql('postgres', "CREATE DATABASE $db OID = $oid");
		$publisher->command_ok([ 'pg_dump', '-s', '-f', $schema, $publisher->connstr($db) ], 'pg_dump -s of the publisher succeeds');
		$subscriber->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $schema, $subscriber->connstr($db) ], 'its restore raises no error');
		$subscriber->safe_psql($db, 'SELECT pause_timers()');
		add_due_campaigns($publisher, $db, 3);
		poll_is($publisher, $db, "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 3, 'the publisher works');
		$publisher->safe_psql($db, "CREATE PUBLICATION everything FOR ALL TABLES WITH (publish_via_partition_root = $via_root)");
		$subscriber->safe_psql($db, sprintf('CREATE SUBSCRIPTION everything CONNECTION $$%s$$ PUBLICATION everything', $publisher->connstr($db)));
		$subscriber->poll_query_until($db, "SELECT count(*) > 0 AND bool_and(srsubstate = 'r') FROM pg_subscription_rel") or die 'the tables were not copied';
		my $done = eval { $code->($db, $subscriber); 1 };
		my $error = $@;
		$subscriber->safe_psql($db, 'DROP SUBSCRIPTION everything');
		$subscriber->stop;
		die $error unless $done;
	});
}

my $equal = q{
	SELECT string_agg(format('%s %s', n, hash), ' ' ORDER BY n) FROM (
		SELECT 1 AS n, md5(string_agg(t::text, ';' ORDER BY t::text)) AS hash FROM campaigns AS t
		UNION ALL SELECT 2, md5(string_agg(t::text, ';' ORDER BY t::text)) FROM campaign_timers AS t
		UNION ALL SELECT 3, md5(string_agg(t::text, ';' ORDER BY t::text)) FROM campaign_state_log AS t
		UNION ALL SELECT 4, md5(string_agg(t::text, ';' ORDER BY t::text)) FROM timer_executions AS t) AS h};
my $ahead = q{SELECT count(*) FROM pg_inherits WHERE inhparent = 'campaign_state_log'::regclass};

# Let more months be wanted than the subscriber was made with, and write a log row into the last of them.
sub write_into_new_month
{
	my ($db) = @_;
	$publisher->safe_psql($db, q{UPDATE campaign_maintenance_jobs SET months_ahead = 5 WHERE job = 'create-monthly-partitions'});
	poll_is($publisher, $db, $ahead, 7, 'the publisher makes two more months');
	return $publisher->safe_psql($db, q{
		INSERT INTO campaign_state_log (campaign_id, to_state, trigger_event, created_at)
		SELECT min(id::text)::uuid, 'CREATED', 'NEXT', date_trunc('month', now()) + interval '5 months 1 day' FROM campaigns});
}

for my $via_root (qw(true false))
{
	with_subscriber($via_root, "a paused subscriber, via_root $via_root", sub {
		my ($db, $subscriber) = @_;
		query_is($subscriber, $db, "SELECT value FROM campaign_health() WHERE check_name = 'activation'", 'paused', 'the publisher has not changed the pause');
		$publisher->safe_psql($db, q{SELECT create_campaign(1, now() + interval '1 day'); SELECT create_campaign(1, now() - interval '10 minutes')});
		poll_is($publisher, $db, "SELECT count(*) FROM campaigns WHERE status = 'RUNNING'", 1, 'the publisher goes on');
		# With the setting off, rows of the new month wait for REFRESH PUBLICATION.
		if ($via_root eq 'false')
		{
			$publisher->safe_psql($db, q{UPDATE campaign_maintenance_jobs SET months_ahead = 5 WHERE job = 'create-monthly-partitions'});
			poll_is($subscriber, $db, $ahead, 7, 'the paused subscriber makes the months that are wanted');
		}
		write_into_new_month($db);
		poll_is($subscriber, $db, $ahead, 7, 'the paused subscriber makes the months that it receives');
		if ($via_root eq 'false')
		{
			$subscriber->safe_psql($db, 'ALTER SUBSCRIPTION everything REFRESH PUBLICATION');
			$subscriber->poll_query_until($db, "SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel") or die;
		}
		$publisher->wait_for_catchup('everything');
		is($subscriber->safe_psql($db, $equal), $publisher->safe_psql($db, $equal), 'the subscriber has every row of the publisher');
		query_is($subscriber, $db, "SELECT count(*) FROM campaign_state_log WHERE trigger_event = 'NEXT'", 1, 'also that of the new month');
		query_is($subscriber, $db, "SELECT count(*) FROM campaign_activation", 1, 'it keeps its own row of campaign_activation');
		unlike(slurp_file($subscriber->logfile), qr/ERROR/, 'its server log has no error');
		# It takes over.
		$publisher->safe_psql($db, 'SELECT pause_timers()');
		$subscriber->safe_psql($db, 'ALTER SUBSCRIPTION everything DISABLE; SELECT resume_timers()');
		add_due_campaigns($subscriber, $db, 2);
		poll_is($subscriber, $db, "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 5, 'it works after resume_timers()');
		query_is($publisher, $db, "SELECT value FROM campaign_health() WHERE check_name = 'activation'", 'paused', 'and the publisher stays paused');
		$subscriber->safe_psql($db, "DELETE FROM campaign_state_log WHERE trigger_event = 'NEXT'");
		check_invariants($subscriber, $db, "a subscriber that took over, publish_via_partition_root = $via_root");
	});
}

$publisher->stop;
done_testing();
