# From 1.0 to 1.1.
#
# A server runs the new library; one database still has the old SQL. Its worker fires timers, retries, is paused and resumed, and
# survives a crash, without a line in the server's log that is no promise of ours. ALTER EXTENSION UPDATE then makes of it what a new
# installation would be, object by object, in public and in a schema with an odd name, and keeps every row. A dump of 1.0, restored
# under 1.1, has old tables under new functions: nothing fires in it, whoever resumes it, until upgrade_campaign_tables(), which makes
# the same of it and may be called twice. Tables of 1.0 that DROP EXTENSION left are upgraded by the CREATE EXTENSION that adopts them.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignCopies;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = campaign_server('upgrade', extension => 0, conf => "campaign_lifecycle.retry_base_delay = '1h'\n");
my $odd = 'My Schema';

sub new_installation
{
	my ($db, $schema) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, "CREATE SCHEMA IF NOT EXISTS \"$schema\"; CREATE EXTENSION campaign_lifecycle SCHEMA \"$schema\"");
	return [ objects($node, $db, $schema) ];
}
my %new = (public => new_installation('new_public', 'public'), $odd => new_installation('new_odd', $odd));

#---------------------------------------------------------------------------------------------------------------------
# Objects: untouched tables, so that all must be equal

for my $schema ('public', $odd)
{
	my $db = $schema eq $odd ? 'plain_odd' : 'plain';
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, "CREATE SCHEMA IF NOT EXISTS \"$schema\"; CREATE EXTENSION campaign_lifecycle SCHEMA \"$schema\" VERSION '1.0'");
	my $dump = PostgreSQL::Test::Utils::tempdir() . "/$db.sql";
	silent("pg_dump of 1.0 in $schema", [ 'pg_dump', '-f', $dump, $node->connstr($db) ]);
	$node->safe_psql($db, 'ALTER EXTENSION campaign_lifecycle UPDATE');
	answers($node, $db, "SELECT extversion FROM pg_extension WHERE extname = 'campaign_lifecycle'", '1.1', "$schema: 1.1 is what an update leads to");
	same($new{$schema}, [ objects($node, $db, $schema) ], "$schema: upgraded, it is as if new");

	$node->safe_psql('postgres', "CREATE DATABASE ${db}_restored");
	silent("restore of it under 1.1", [ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', $dump, $node->connstr("${db}_restored") ]);
	$node->safe_psql("${db}_restored", "SELECT \"$schema\".upgrade_campaign_tables()");
	same($new{$schema}, [ objects($node, "${db}_restored", $schema) ], "$schema: a dump of 1.0, restored and upgraded, too");
	$node->safe_psql("${db}_restored", "SELECT \"$schema\".upgrade_campaign_tables()");
	same($new{$schema}, [ objects($node, "${db}_restored", $schema) ], "$schema: a second call changes nothing");
}

#---------------------------------------------------------------------------------------------------------------------
# The new library, the old SQL

furnish($node, 'old', version => '1.0');
answers($node, 'old', "SELECT extversion FROM pg_extension WHERE extname = 'campaign_lifecycle'", '1.0', 'the old SQL under the new library');
holds($node, 'old', 'the old SQL');
$node->safe_psql('postgres', 'CREATE DATABASE running TEMPLATE old');
$node->safe_psql('running', 'SELECT resume_timers()');
becomes($node, 'running', "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING' AND scheduled_at <= now()", 0, 'its worker fires what was overdue');
fill($node, 'running', 100);
becomes($node, 'running', "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING' AND scheduled_at <= now()", 0, 'and what falls due');
answers($node, 'running', q{SELECT run_due_timers() FROM (SELECT pause_timers(), resume_timers(), create_campaign(24)) AS once}, 1, 'run_due_timers() works');
$node->safe_psql('running', 'SELECT pause_timers()');
fill($node, 'running', 10);
$node->stop('immediate');
$node->start;
answers($node, 'running', "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING' AND scheduled_at <= now()", 10, 'paused, also after a crash');
$node->safe_psql('running', 'SELECT resume_timers()');
becomes($node, 'running', "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING' AND scheduled_at <= now()", 0, 'resumed');
holds($node, 'running', 'the old SQL at work');
# A worker that makes way for CREATE DATABASE ... TEMPLATE is ended by command.
is(join("\n", grep { !/administrator command|the database system is/ } slurp_file($node->logfile) =~ /^.*(?:ERROR|FATAL|PANIC|terminated by signal).*$/mg), '', 'the server log has no error');

# Its worker is at work while the update comes.
$node->safe_psql('running', 'SELECT count(create_campaign(1, now() + n * interval \'20 milliseconds\')) FROM generate_series(1, 100) AS n');
$node->safe_psql('running', 'ALTER EXTENSION campaign_lifecycle UPDATE');
becomes($node, 'running', "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING' AND scheduled_at <= now()", 0, 'the worker goes on with the new functions');
holds($node, 'running', 'upgraded while the worker was at work');
answers($node, 'running', "SELECT string_agg(check_name, ', ') FROM campaign_health() WHERE status = 'critical'", '', 'health has nothing critical to tell');

#---------------------------------------------------------------------------------------------------------------------
# Every row is kept, in a database with something in everything

# The months that an update makes take the log's rows from its default partition.
my $moved = qr/^(?:campaign_state_log(?:_archive)?_(?:default|y)|campaign_tables_version|campaign_maintenance_jobs|campaign_backfills|mv_)/;
my @before = content($node, 'old');
my $dump = PostgreSQL::Test::Utils::tempdir() . '/old.dump';
silent('pg_dump of a full database of 1.0', [ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('old') ]);
$node->safe_psql('old', 'ALTER EXTENSION campaign_lifecycle UPDATE');
same(\@before, [ content($node, 'old') ], 'an update keeps every row', $moved);
answers($node, 'old', 'SELECT count(*) FROM campaign_state_log_default', 0, 'the log is in months');
fires($node, 'old', 'upgraded');
holds($node, 'old', 'upgraded');

$node->safe_psql('postgres', 'CREATE DATABASE restored');
silent('restore of it under 1.1', [ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), $dump ]);
same(\@before, [ content($node, 'restored') ], 'with every row');
my $critical = "SELECT status, value, threshold FROM campaign_health() WHERE check_name = 'tables_version'";
answers($node, 'restored', $critical, 'critical|1.0|1.1', 'health says that the tables are old');
$node->safe_psql('restored', 'SELECT resume_timers()');
my ($code, $out, $err) = $node->psql('restored', 'SELECT run_due_timers()');
like($err, qr/of another version than the extension.*HINT:.*upgrade_campaign_tables\(\)/s, 'run_due_timers() refuses, and says what helps');
fill($node, 'new_public', 10);
becomes($node, 'new_public', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 10, 'another database works');
same(\@before, [ content($node, 'restored') ], 'though it was resumed, nothing has fired');
$node->safe_psql('restored', 'SELECT pause_timers(), upgrade_campaign_tables(), upgrade_campaign_tables()');
same(\@before, [ content($node, 'restored') ], 'upgrade_campaign_tables() keeps every row', $moved);
answers($node, 'restored', $critical, 'ok|1.1|1.1', 'health is satisfied');
fires($node, 'restored', 'a restored dump of 1.0');
holds($node, 'restored', 'restored and upgraded');

#---------------------------------------------------------------------------------------------------------------------
# Left by DROP EXTENSION, adopted by a later version

furnish($node, 'adopted', version => '1.0');
@before = content($node, 'adopted');
$node->safe_psql('adopted', 'DROP EXTENSION campaign_lifecycle');
$node->safe_psql('adopted', 'BEGIN; CREATE EXTENSION campaign_lifecycle; SELECT pause_timers(); COMMIT');
answers($node, 'adopted', $critical, 'ok|1.1|1.1', 'CREATE EXTENSION brings the tables it adopts up to date');
same(\@before, [ content($node, 'adopted') ], 'with every row', $moved);
fires($node, 'adopted', 'adopted');
holds($node, 'adopted', 'adopted');

$node->stop;
done_testing();
