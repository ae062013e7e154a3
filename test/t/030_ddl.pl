# DDL on the tables and databases in which the worker is at work.
#
# The worker moves campaigns one by one, two milliseconds each, so that it is always in the midst of a batch. Every statement that a user
# may give then must succeed in bounded time, with statement_timeout and no retry: none waits for the worker to finish, none is refused
# because of it, and the server counts no deadlock. Afterwards what was due has been executed once. 029_database_ddl.pl has DROP
# EXTENSION, DROP SCHEMA, and DROP, RENAME and copy of a database. Last, a fast shutdown in the midst of a batch.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use Test::More;
use Time::HiRes 'time';

my $node = campaign_server('ddl', conf => "campaign_lifecycle.batch_size = 50\n", extension => 0);

# Add enough to be busy with for more than a second, and no more than can be done soon.
sub keep_busy
{
	my ($db) = @_;
	return if $node->safe_psql($db, "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING'") > 300;
	add_due_campaigns($node, $db, 500);
	my $done = $node->safe_psql($db, "SELECT count(*) FROM campaign_timers WHERE status = 'COMPLETED'");
	$node->poll_query_until($db, "SELECT count(*) > $done FROM campaign_timers WHERE status = 'COMPLETED'") or die 'the worker does nothing';
	return;
}

# Assert that the statements, given in one session, raise nothing while the worker of the database is busy.
sub succeed
{
	my ($db, $busy, @statements) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	keep_busy($busy);
	my $began = time;
	my (undef, undef, $err) = $node->psql($db, join(";\n", "SET statement_timeout = '30s'; SET client_min_messages = warning", @statements), on_error_stop => 1);
	is($err, '', join('; ', @statements) . ' succeeds during a batch') or diag($err);
	note(sprintf '%.2f s', time - $began);
	return;
}

# Run groups of statements in a database whose worker is busy, each group in a session of its own; then count rows.
sub ddl_succeeds
{
	my ($name, @groups) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return in_database($node, $name, sub {
		my ($db) = @_;
		slow_down($node, $db);
		for my $group (@groups)
		{
			my @statements = map { s/DATABASE_NAME/$db/gr } @$group;
			succeed($statements[0] =~ /^ALTER DATABASE/ ? 'postgres' : $db, $db, @statements);
		}
		$node->safe_psql($db, 'DROP TRIGGER slow_down ON campaigns');
		poll_is($node, $db, "SELECT count(*) FROM campaigns WHERE status = 'RUNNING'", 0, 'the worker executes everything due after the DDL');
		query_is($node, $db, "SELECT count(*) = (SELECT count(*) FROM campaigns) AND count(*) = count(DISTINCT timer_id) FROM timer_executions WHERE status = 'COMPLETED'", 't',
			'each timer is executed once');
		query_is($node, $db, "SELECT count(*) FROM timer_executions WHERE status <> 'COMPLETED'", 0, 'no attempt has failed');
		query_is($node, 'postgres', "SELECT deadlocks FROM pg_stat_database WHERE datname = '$db'", 0, 'the server has counted no deadlock');
		check_invariants($node, $db, 'after DDL');
	});
}

#---------------------------------------------------------------------------------------------------------------------
# The tables, rewritten and changed

ddl_succeeds('rewriting the tables',
	['REINDEX TABLE campaign_timers'],
	['REINDEX TABLE CONCURRENTLY campaign_timers'],
	['VACUUM FULL campaign_timers'],
	['VACUUM FULL campaigns'],
	['CLUSTER timer_executions USING timer_executions_pkey'],
	['ANALYZE campaigns'],
	['VACUUM (FREEZE) campaign_timers']);
ddl_succeeds('altering the tables',
	[ 'ALTER TABLE campaigns ADD COLUMN budget numeric DEFAULT 1', "ALTER TABLE campaigns ALTER COLUMN budget TYPE text", 'ALTER TABLE campaigns DROP COLUMN budget' ],
	[ 'ALTER TABLE campaign_timers ADD CONSTRAINT c CHECK (retry_count < 9)', 'ALTER TABLE campaign_timers DROP CONSTRAINT c' ],
	['CREATE INDEX CONCURRENTLY i ON campaign_timers (executed_at)'],
	['DROP INDEX CONCURRENTLY i'],
	[ 'ALTER TABLE campaign_timers SET (fillfactor = 90)', 'ALTER TABLE campaign_timers SET TABLESPACE pg_default' ]);
# The second group locks in the order opposite to the worker's, who has to give way in the deadlock.
ddl_succeeds('locking the tables',
	[ 'BEGIN', 'LOCK TABLE campaign_timers IN ACCESS EXCLUSIVE MODE', 'LOCK TABLE campaigns IN ACCESS EXCLUSIVE MODE', 'COMMIT' ],
	[ 'BEGIN', 'LOCK TABLE campaigns IN ACCESS EXCLUSIVE MODE', 'DO $$ BEGIN PERFORM pg_sleep(0.2); END $$', 'LOCK TABLE campaign_timers IN ACCESS EXCLUSIVE MODE', 'COMMIT' ],
	[ 'BEGIN', 'TRUNCATE campaigns CASCADE', 'ROLLBACK' ]);
ddl_succeeds('updating and replacing the extension, and maintenance',
	['ALTER EXTENSION campaign_lifecycle UPDATE'],
	[ 'BEGIN', 'SET LOCAL client_min_messages = error', 'DROP EXTENSION campaign_lifecycle', 'CREATE EXTENSION campaign_lifecycle', 'SELECT resume_timers()', 'COMMIT' ],
	[ 'SELECT create_monthly_partitions()', 'REFRESH MATERIALIZED VIEW CONCURRENTLY mv_pending_timers' ]);

$node->safe_psql('postgres', "SET allow_in_place_tablespaces = on; CREATE TABLESPACE elsewhere LOCATION ''");
ddl_succeeds('altering the database',
	['ALTER DATABASE DATABASE_NAME SET TABLESPACE elsewhere'],
	[ 'ALTER DATABASE DATABASE_NAME SET work_mem = 8000', 'ALTER DATABASE DATABASE_NAME CONNECTION LIMIT 50' ]);

#---------------------------------------------------------------------------------------------------------------------
# The tables, emptied and removed

in_database($node, 'TRUNCATE of the tables', sub {
	my ($db) = @_;
	slow_down($node, $db);
	succeed($db, $db, 'TRUNCATE campaigns CASCADE');
	query_is($node, $db, 'SELECT (SELECT count(*) FROM campaigns), (SELECT count(*) FROM campaign_timers), (SELECT count(*) FROM timer_executions)', '0|0|0',
		'TRUNCATE leaves no campaign, timer or execution');
});

# A worker without tables looks again after naptime.
in_database($node, 'DROP OWNED of the tables', sub {
	my ($db) = @_;
	set_and_reload($node, naptime => '1s');
	slow_down($node, $db);
	succeed($db, $db, 'CREATE ROLE somebody', "SELECT set_campaign_owner('somebody')", 'DROP OWNED BY somebody CASCADE');
	query_is($node, $db, "SELECT to_regclass('campaigns') IS NULL", 't', 'DROP OWNED removes the tables');
	query_is($node, $db, "SELECT status FROM campaign_health() WHERE status = 'critical' LIMIT 1", 'critical', 'campaign_health() is critical without the tables');
	$node->safe_psql($db, 'SET client_min_messages = warning; SELECT install_campaign_tables()');
	add_due_campaigns($node, $db, 10);
	poll_is($node, $db, "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 10, 'the worker goes on by itself after install_campaign_tables()');
	set_and_reload($node, naptime => undef);
});

# The machine's other load may make one shutdown slow; the worker would make all of them slow.
in_database($node, 'a fast shutdown during a batch', sub {
	my ($db) = @_;
	my @took;
	for my $stop (1 .. 5)
	{
		$node->safe_psql($db, 'DROP FUNCTION IF EXISTS slow_down() CASCADE');
		make_busy($node, $db, 500);
		my $began = time;
		$node->stop('fast');
		push @took, time - $began;
		last if $took[-1] < 1;
		$node->start;
	}
	cmp_ok($took[-1], '<', 1, sprintf 'a fast shutdown in the midst of a batch takes less than a second (%s)', join ', ', map { sprintf '%.2f s', $_ } @took);
	$node->start if !$node->{_pid};
});

$node->stop;
my @errors = grep { /campaign_lifecycle (worker|launcher)/ && /(PANIC|deadlock)/ } split /\n/, PostgreSQL::Test::Utils::slurp_file($node->logfile);
is(join("\n", @errors), '', 'the log has no deadlock and no PANIC of worker or launcher');

done_testing();
