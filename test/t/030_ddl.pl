# What users do to the tables and databases in which the worker is at work.
#
# The worker moves campaigns one by one, two milliseconds each, so that it is always in the midst of a batch. Every statement that a user
# may give then must succeed in bounded time, with statement_timeout and no retry: none hangs behind the worker, none is refused because
# of it, and the server counts no deadlock. Afterwards what was due has been executed once. (020_worker.pl has DROP EXTENSION, DROP SCHEMA,
# DROP, RENAME and copy of a database.) Last, a fast shutdown in the midst of a batch.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignServer;
use Test::More;
use Time::HiRes 'time';

my $node = campaign_server('ddl', conf => "campaign_lifecycle.batch_size = 50\n", extension => 0);
with_database($node, 'busy');
slow_down($node, 'busy');
my $campaigns = 0;

# Enough to be busy with for more than a second, and no more than can be done soon.
sub keep_busy
{
	my ($waiting) = $node->safe_psql('busy', "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING'");
	return if $waiting > 300;
	fill($node, 'busy', 500);
	$campaigns += 500;
	my $done = $node->safe_psql('busy', "SELECT count(*) FROM campaign_timers WHERE status = 'COMPLETED'");
	$node->poll_query_until('busy', "SELECT count(*) > $done FROM campaign_timers WHERE status = 'COMPLETED'") or die 'the worker does nothing';
	return;
}

sub goes
{
	my ($db, @statements) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	keep_busy();
	my $began = time;
	my ($status, $out, $err) = $node->psql($db, join(";\n", "SET statement_timeout = '30s'; SET client_min_messages = warning", @statements), on_error_stop => 1);
	is($err, '', join '; ', @statements) or diag($err);
	note(sprintf '%.2f s', time - $began);
	return;
}

# The tables, rewritten and changed.
goes('busy', $_) for 'REINDEX TABLE campaign_timers', 'REINDEX TABLE CONCURRENTLY campaign_timers', 'VACUUM FULL campaign_timers', 'VACUUM FULL campaigns',
  'CLUSTER timer_executions USING timer_executions_pkey', 'ANALYZE campaigns', 'VACUUM (FREEZE) campaign_timers';
goes('busy', 'ALTER TABLE campaigns ADD COLUMN budget numeric DEFAULT 1', "ALTER TABLE campaigns ALTER COLUMN budget TYPE text", 'ALTER TABLE campaigns DROP COLUMN budget');
goes('busy', 'ALTER TABLE campaign_timers ADD CONSTRAINT c CHECK (retry_count < 9)', 'ALTER TABLE campaign_timers DROP CONSTRAINT c');
goes('busy', 'CREATE INDEX CONCURRENTLY i ON campaign_timers (executed_at)');
goes('busy', 'DROP INDEX CONCURRENTLY i');
goes('busy', 'ALTER TABLE campaign_timers SET (fillfactor = 90)', 'ALTER TABLE campaign_timers SET TABLESPACE pg_default');
goes('busy', 'BEGIN', 'LOCK TABLE campaign_timers IN ACCESS EXCLUSIVE MODE', 'LOCK TABLE campaigns IN ACCESS EXCLUSIVE MODE', 'COMMIT');
# In the order opposite to the worker's: a deadlock is the worker's to give way in.
goes('busy', 'BEGIN', 'LOCK TABLE campaigns IN ACCESS EXCLUSIVE MODE', 'DO $$ BEGIN PERFORM pg_sleep(0.2); END $$', 'LOCK TABLE campaign_timers IN ACCESS EXCLUSIVE MODE', 'COMMIT');
goes('busy', 'BEGIN', 'TRUNCATE campaigns CASCADE', 'ROLLBACK');
goes('busy', 'ALTER EXTENSION campaign_lifecycle UPDATE');
goes('busy', 'BEGIN', 'DROP EXTENSION campaign_lifecycle', 'CREATE EXTENSION campaign_lifecycle', 'COMMIT');
goes('busy', 'SELECT create_monthly_partitions()', 'REFRESH MATERIALIZED VIEW CONCURRENTLY mv_pending_timers');

# The database.
$node->safe_psql('postgres', $_) for "SET allow_in_place_tablespaces = on; CREATE TABLESPACE elsewhere LOCATION ''";
goes('postgres', 'ALTER DATABASE busy SET TABLESPACE elsewhere');
goes('postgres', 'ALTER DATABASE busy SET work_mem = 8000', 'ALTER DATABASE busy CONNECTION LIMIT 50');

$node->safe_psql('busy', 'DROP TRIGGER slow_down ON campaigns');
becomes($node, 'busy', "SELECT count(*) FROM campaigns WHERE status = 'RUNNING'", 0, 'after all of that everything due is executed');
answers($node, 'busy', "SELECT count(*), count(DISTINCT timer_id) FROM timer_executions WHERE status = 'COMPLETED'", "$campaigns|$campaigns", 'each timer once');
answers($node, 'busy', "SELECT count(*) FROM timer_executions WHERE status <> 'COMPLETED'", 0, 'and no attempt has failed');
answers($node, 'postgres', "SELECT sum(deadlocks) FROM pg_stat_database", 0, 'the server has counted no deadlock');
holds($node, 'busy', 'after DDL');

# What empties the tables.
slow_down($node, 'busy') if $node->safe_psql('busy', 'DROP FUNCTION slow_down()') eq '';
goes('busy', 'TRUNCATE campaigns CASCADE');
answers($node, 'busy', 'SELECT (SELECT count(*) FROM campaigns), (SELECT count(*) FROM campaign_timers), (SELECT count(*) FROM timer_executions)', '0|0|0', 'TRUNCATE');
goes('busy', 'CREATE ROLE somebody', "SELECT set_campaign_owner('somebody')", 'DROP OWNED BY somebody CASCADE');
answers($node, 'busy', "SELECT to_regclass('campaigns') IS NULL", 't', 'DROP OWNED takes the tables');
answers($node, 'busy', "SELECT status FROM campaign_health() WHERE status = 'critical' LIMIT 1", 'critical', 'which campaign_health() notices');
$node->safe_psql('busy', 'SET client_min_messages = warning; SELECT install_campaign_tables()');
fill($node, 'busy', 10);
becomes($node, 'busy', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 10, 'made anew, the worker goes on by itself');

# What the machine does beside makes one slow, what the worker does makes all of them slow.
my @took;
for my $stop (1 .. 5)
{
	$node->safe_psql('busy', 'DROP FUNCTION slow_down() CASCADE');
	make_busy($node, 'busy', 500);
	my $began = time;
	$node->stop('fast');
	push @took, time - $began;
	last if $took[-1] < 1;
	$node->start;
}
cmp_ok($took[-1], '<', 1, sprintf 'a fast shutdown in the midst of a batch takes less than a second (%s)', join ', ', map { sprintf '%.2f s', $_ } @took);
my @errors = grep { /campaign_lifecycle (worker|launcher)/ && /(PANIC|deadlock)/ } split /\n/, PostgreSQL::Test::Utils::slurp_file($node->logfile);
is(join("\n", @errors), '', 'no deadlock in the log');

done_testing();
