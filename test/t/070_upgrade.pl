# From 1.1 to 1.2.
#
# A server has loaded the new library, and one database still has the functions of 1.1. There no timer is executed and campaign_health() says what to do, while the
# tables accept writes. ALTER EXTENSION UPDATE makes of it what a new installation would be, object by object, in public and in a schema with an odd name, keeps
# every row and every level of access. A dump of 1.1, restored under 1.2, has old tables under new functions: nothing is executed in it until
# upgrade_campaign_tables(). CREATE EXTENSION upgrades tables of 1.1 that it adopts.
#
# test/upgrade/database-1.1.sql is a dump that a server with 1.1 has made: a database with something in everything, whose tables copies_owner owns.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignCopies;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = campaign_server('upgrade', extension => 0, conf => "campaign_lifecycle.retry_base_delay = '1h'\n");
my $odd = 'My Schema';
my $old_dump = slurp_file('test/upgrade/database-1.1.sql');

sub new_installation
{
	my ($db, $schema) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, "CREATE SCHEMA IF NOT EXISTS \"$schema\"; CREATE EXTENSION campaign_lifecycle SCHEMA \"$schema\"");
	return [ schema_objects($node, $db, $schema) ];
}

# The dump, with the functions of a version.
sub restore_old
{
	my ($db, $version) = @_;
	my $path = PostgreSQL::Test::Utils::tempdir() . "/$db.sql";
	my $text = $old_dump;
	$text =~ s/^CREATE EXTENSION IF NOT EXISTS campaign_lifecycle WITH SCHEMA public\K;/ VERSION '$version';/m or die 'the dump creates no extension';
	append_to_file($path, $text);
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	my ($out, $err);
	IPC::Run::run([ 'psql', '-X', '-q', '-o', '/dev/null', '-f', $path, $node->connstr($db) ], '>', \$out, '2>', \$err);
	# The privileges that 1.1 granted on its internal functions, and on run_due_timers() with one argument, have no function to go to.
	$err =~ s/^\S+ ERROR:  function public\.(?:_\w+|run_due_timers)\(.*\) does not exist\n//mg if $version ne '1.1';
	return is($err, '', "restore of a dump of 1.1 with the functions of $version");
}

my $overdue = "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING' AND scheduled_at <= now()";
my $critical = "SELECT status, value, threshold FROM campaign_health() WHERE check_name = 'tables_version'";
my %new = (public => new_installation('new_public', 'public'), $odd => new_installation('new_odd', $odd));
$node->safe_psql('postgres', "CREATE ROLE copies_$_") for qw(reader writer operator owner);

subtest 'an updated database equals a new one, object by object' => sub {
	for my $schema ('public', $odd)
	{
		my $db = $schema eq $odd ? 'plain_odd' : 'plain';
		$node->safe_psql('postgres', "CREATE DATABASE $db");
		$node->safe_psql($db, "CREATE SCHEMA IF NOT EXISTS \"$schema\"; CREATE EXTENSION campaign_lifecycle SCHEMA \"$schema\" VERSION '1.1'");
		my $dump = PostgreSQL::Test::Utils::tempdir() . "/$db.sql";
		runs_silently("pg_dump of 1.1 in $schema", [ 'pg_dump', '-f', $dump, $node->connstr($db) ]);
		$node->safe_psql($db, 'ALTER EXTENSION campaign_lifecycle UPDATE');
		query_is($node, $db, "SELECT extversion FROM pg_extension WHERE extname = 'campaign_lifecycle'", '1.2', "$schema: ALTER EXTENSION UPDATE leads to 1.2");
		same_lines($new{$schema}, [ schema_objects($node, $db, $schema) ], "$schema: an updated database equals a new one");

		$node->safe_psql('postgres', "CREATE DATABASE ${db}_restored");
		runs_silently("restore of it under 1.2", [ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', $dump, $node->connstr("${db}_restored") ]);
		$node->safe_psql("${db}_restored", "SELECT \"$schema\".upgrade_campaign_tables()");
		same_lines($new{$schema}, [ schema_objects($node, "${db}_restored", $schema) ], "$schema: a restored dump of 1.1 with upgraded tables equals a new database");
		$node->safe_psql("${db}_restored", "SELECT \"$schema\".upgrade_campaign_tables()");
		same_lines($new{$schema}, [ schema_objects($node, "${db}_restored", $schema) ], "$schema: a second upgrade_campaign_tables() changes nothing");
	}
};

subtest 'between the new library and ALTER EXTENSION UPDATE' => sub {
	restore_old('waiting', '1.1');
	$node->safe_psql('waiting', 'SELECT resume_timers()');
	poll_is($node, 'waiting', "SELECT state FROM campaign_workers WHERE database = 'waiting'", 'update needed', 'the worker says that an update is needed');
	my $before = $node->safe_psql('waiting', $overdue);
	cmp_ok($before, '>', 0, 'timers are overdue');
	for my $role ($node->safe_psql('postgres', 'SELECT current_user'), 'copies_reader')
	{
		like($node->safe_psql('waiting', "SET ROLE $role; SELECT string_agg(detail, ' ') FROM campaign_health() WHERE status = 'critical'"),
			qr/ALTER EXTENSION campaign_lifecycle UPDATE/, "campaign_health() tells $role to run ALTER EXTENSION UPDATE");
	}
	for my $call ('run_due_timers()', 'create_campaign(24)', 'create_monthly_partitions()')
	{
		my ($code, $out, $err) = $node->psql('waiting', "SET ROLE copies_operator; RESET ROLE; SELECT $call");
		like($err, qr/of another version than its library.*HINT:  Run ALTER EXTENSION campaign_lifecycle UPDATE/s, "$call fails and names ALTER EXTENSION UPDATE");
	}
	$node->safe_psql('waiting', q{
		WITH made AS (INSERT INTO campaigns (status, duration_hours, start_time) VALUES ('CREATED', 1, now()) RETURNING id)
		INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) SELECT m.id, 'START_CAMPAIGN', now() FROM made AS m});
	$node->safe_psql('waiting', q{UPDATE campaigns SET status = 'RUNNING' WHERE id = (SELECT max(id::text)::uuid FROM campaigns WHERE status = 'CREATED' AND NOT metadata ? 'refused')});
	query_is($node, 'waiting', q{SELECT count(*) FROM campaign_state_log WHERE created_at > now() - interval '1 minute'}, 2, 'plain SQL writes the tables, and triggers write the log');
	query_is($node, 'waiting', $overdue, $before + 1, 'no timer is executed');
	my @problems = grep { !/of another version than its library|administrator command|the database system is/ } slurp_file($node->logfile) =~ /^.*(?:ERROR|FATAL|PANIC|terminated by signal).*$/mg;
	is(join("\n", @problems), '', 'the server log has no other error');
	my @lines = slurp_file($node->logfile) =~ /no timer is executed, because extension/g;
	cmp_ok(scalar @lines, '<=', 3, 'the server log says it once in each of the three databases that had 1.1');
	$node->safe_psql('waiting', 'ALTER EXTENSION campaign_lifecycle UPDATE');
	poll_is($node, 'waiting', $overdue, 0, 'timers are executed after ALTER EXTENSION UPDATE');
	check_invariants($node, 'waiting', 'updated while the worker waited');
	query_is($node, 'waiting', "SELECT string_agg(check_name, ', ') FROM campaign_health() WHERE status = 'critical' AND check_name NOT IN ('dead_letters', 'failure_rate')", '', 'health is not critical');
};

# The upgrade writes the version, the oid of a handler's owner, and a new job. A superuser's update may do nothing to rows.
my $written = qr/^(?:campaign_tables_version|campaign_timer_handlers|campaign_maintenance_jobs|campaign_changes):/;
my $jobs = q{SELECT md5(string_agg(j::text, ';' ORDER BY job)) FROM campaign_maintenance_jobs AS j WHERE job <> 'cleanup-campaign-changes'};
my $handlers = q{SELECT md5(string_agg(format('%s %s %s %s %s', timer_type, handler, handler_owner, timeout, registered_at), ';' ORDER BY timer_type)) FROM campaign_timer_handlers};

subtest 'an update keeps every row and the access of every role' => sub {
	restore_old('updated', '1.1');
	my @before = table_contents($node, 'updated');
	my $handlers_before = $node->safe_psql('updated', $handlers);
	my $jobs_before = $node->safe_psql('updated', $jobs);
	$node->safe_psql('updated', 'ALTER EXTENSION campaign_lifecycle UPDATE');
	query_is($node, 'updated', $handlers, $handlers_before, 'an update keeps every handler');
	query_is($node, 'updated', $jobs, $jobs_before, 'and every maintenance job');
	query_is($node, 'updated', "SELECT enabled FROM campaign_maintenance_jobs WHERE job = 'cleanup-campaign-changes'", 't', 'beside a new one');
	query_is($node, 'updated', 'SELECT count(*) FROM campaign_timer_handlers WHERE handler_owner_oid IS DISTINCT FROM (SELECT r.oid FROM pg_roles AS r WHERE r.rolname = handler_owner)', 0, 'and fills in the oid of its owner');
	query_is($node, 'updated', "SELECT value FROM campaign_health() WHERE check_name = 'activation'", 'copy', 'an update leaves a restored dump paused');
	same_lines(\@before, [ table_contents($node, 'updated') ], 'an update keeps every row', $written);
	query_is($node, 'updated', "SET ROLE copies_reader; SELECT count(*) > 10 FROM campaign_health()", 't', 'a reader of 1.1 calls campaign_health()');
	query_is($node, 'updated', "SET ROLE copies_writer; SELECT create_campaign(24, now() + interval '1 day') IS NOT NULL", 't', 'a writer of 1.1 creates a campaign');
	query_is($node, 'updated', 'SET ROLE copies_operator; SELECT create_monthly_partitions(0) IS NOT NULL', 't', 'an operator of 1.1 makes partitions');
	query_is($node, 'updated', "SET ROLE copies_writer; SELECT count(extend_campaign(id, 1)) FROM campaigns WHERE status = 'CREATED' AND start_time > now() AND duration_hours = 24", 1, 'a writer of 1.1 extends a campaign');
	query_is($node, 'updated', "SET ROLE copies_reader; SELECT count(*) FROM campaign_changes", 1, 'and a reader of 1.1 reads the change');
	check_timers_resume($node, 'updated', 'updated');
	check_invariants($node, 'updated', 'updated');

	# pg_dump leaves out what a script of the extension grants.
	my $dump = PostgreSQL::Test::Utils::tempdir() . '/again.sql';
	runs_silently('pg_dump of the updated database', [ 'pg_dump', '-f', $dump, $node->connstr('updated') ]);
	$node->safe_psql('postgres', 'CREATE DATABASE again');
	runs_silently('restore of it', [ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', $dump, $node->connstr('again') ]);
	my $access = q{SELECT string_agg(format('%s %s', a.grantee::regrole, what), E'\n' ORDER BY a.grantee::regrole::text, what) FROM (
			SELECT p.oid::regprocedure::text AS what, p.proacl AS acl FROM pg_proc AS p WHERE p.pronamespace IN ('campaign_lifecycle_internal'::regnamespace, 'public'::regnamespace)
			UNION ALL SELECT nspname, nspacl FROM pg_namespace WHERE nspname = 'campaign_lifecycle_internal') AS o, aclexplode(o.acl) AS a WHERE a.grantee::regrole::text LIKE 'copies%'};
	is($node->safe_psql('again', $access), $node->safe_psql('updated', $access), 'a dump of the updated database carries the access of every role');
	cmp_ok($node->safe_psql('again', "SELECT count(*) FROM ($access) AS a (x), regexp_split_to_table(x, E'\\n')"), '>', 50, 'which is access to many functions');
};

subtest 'a dump of 1.1, restored under 1.2' => sub {
	restore_old('restored', '1.2');
	my @before = table_contents($node, 'restored');
	like($node->safe_psql('restored', "SELECT detail FROM campaign_health() WHERE check_name = 'table_owner' AND status = 'critical'"), qr/set_campaign_owner/, 'health says that the owner lacks privileges');
	$node->safe_psql('restored', "SELECT set_campaign_owner('copies_owner')");
	query_is($node, 'restored', $critical, 'critical|1.1|1.2', 'health says that the tables are old');
	$node->safe_psql('restored', 'SELECT resume_timers()');
	my ($code, $out, $err) = $node->psql('restored', 'SELECT run_due_timers()');
	like($err, qr/of another version than the extension.*HINT:.*upgrade_campaign_tables\(\)/s, 'run_due_timers() refuses, and names upgrade_campaign_tables()');
	add_due_campaigns($node, 'new_public', 10);
	poll_is($node, 'new_public', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 10, 'another database works');
	same_lines(\@before, [ table_contents($node, 'restored') ], 'though it was resumed, nothing was executed');
	$node->safe_psql('restored', 'SELECT pause_timers(), upgrade_campaign_tables(), upgrade_campaign_tables()');
	same_lines(\@before, [ table_contents($node, 'restored') ], 'upgrade_campaign_tables() keeps every row', $written);
	query_is($node, 'restored', $critical, 'ok|1.2|1.2', 'health is satisfied');
	$node->safe_psql('restored', "SELECT grant_campaign_access('copies_reader', 'reader')");
	query_is($node, 'restored', 'SET ROLE copies_reader; SELECT count(*) > 10 FROM campaign_health()', 't', 'grant_campaign_access() gives a role its level again');
	check_timers_resume($node, 'restored', 'a restored dump of 1.1');
	check_invariants($node, 'restored', 'restored and upgraded');
};

subtest 'tables of 1.1, left by DROP EXTENSION and adopted' => sub {
	restore_old('adopted', '1.1');
	$node->safe_psql('adopted', q{SELECT format('ALTER TABLE %s OWNER TO CURRENT_USER', c.oid::regclass) FROM pg_class AS c WHERE c.relowner = 'copies_owner'::regrole AND c.relkind IN ('r', 'p', 'v', 'm')
		\gexec});
	my @before = table_contents($node, 'adopted');
	$node->safe_psql('adopted', 'DROP EXTENSION campaign_lifecycle');
	$node->safe_psql('adopted', 'BEGIN; CREATE EXTENSION campaign_lifecycle; SELECT pause_timers(); COMMIT');
	query_is($node, 'adopted', $critical, 'ok|1.2|1.2', 'CREATE EXTENSION brings the tables it adopts up to date');
	same_lines(\@before, [ table_contents($node, 'adopted') ], 'adoption keeps every row', $written);
	check_timers_resume($node, 'adopted', 'adopted');
	check_invariants($node, 'adopted', 'adopted');
};

$node->stop;
done_testing();
