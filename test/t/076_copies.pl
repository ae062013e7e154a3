# Copies that are made of a database in parts: one schema without the extension, the data alone, the schema alone. And emptied tables.
#
# A database executes timers by itself only if its tables were made there and no dump was loaded into them. Whatever part of a
# production database comes into another one, with CREATE EXTENSION before or after it, its timers wait for resume_timers(), and
# campaign_health() says that it is a copy.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignCopies;
use CampaignScenarios;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = campaign_server('copies', extension => 0, conf => "campaign_lifecycle.naptime = '1s'\n");
my $folder = PostgreSQL::Test::Utils::tempdir();
my $waiting = "SELECT count(*) FROM lifecycle.campaign_timers WHERE status = 'PENDING' AND scheduled_at <= now()";
my $activation = "SELECT status, value FROM lifecycle.campaign_health() WHERE check_name = 'activation'";
my @defaults = map { "lifecycle.$_" } qw(campaign_state_transitions campaign_timer_policies campaign_maintenance_jobs);
my @data = map { "lifecycle.$_" } qw(campaigns campaign_timers campaign_state_log campaign_state_log_archive campaign_metrics timer_executions campaign_changes);

# A production database: 20 timers overdue, and 72 hours to claim instead of 48.
$node->safe_psql('postgres', 'CREATE DATABASE prod');
$node->safe_psql('prod', q{
	CREATE SCHEMA lifecycle;
	CREATE EXTENSION campaign_lifecycle SCHEMA lifecycle;
	SELECT lifecycle.pause_timers();
	UPDATE lifecycle.campaign_timer_policies SET delay = '72 hours' WHERE state = 'CLOSED' AND timer_type = 'EXPIRE_CAMPAIGN';
	SELECT count(lifecycle.create_campaign(24, now() - interval '10 minutes')) FROM generate_series(1, 20)});
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$folder/prod.dump", $node->connstr('prod') ], 'pg_dump of production succeeds');
my $extension = 'CREATE SCHEMA lifecycle; CREATE EXTENSION campaign_lifecycle SCHEMA lifecycle';
my $hours = "SELECT EXTRACT(epoch FROM delay)::integer / 3600 FROM lifecycle.campaign_timer_policies WHERE state = 'CLOSED' AND timer_type = 'EXPIRE_CAMPAIGN'";

sub with_database
{
	my ($name, $code) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return scenario($name, sub {
		$node->safe_psql('postgres', 'CREATE DATABASE copy');
		my $done = eval { $code->(); 1 };
		my $error = $@;
		$node->safe_psql('postgres', 'DROP DATABASE copy WITH (FORCE)');
		die $error unless $done;
	});
}

# Run a restore, and return what it wrote to stderr.
sub stderr_of
{
	my (@command) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([@command], '>', \$out, '2>', \$err);
	return $err;
}

sub restored
{
	my (@options) = @_;
	return stderr_of('pg_restore', '-d', $node->connstr('copy'), @options, "$folder/prod.dump");
}

# Three passes of the worker, and a restart, after which it reads everything anew.
sub fires_nothing
{
	my ($timers) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	query_is($node, 'copy', $activation, 'warning|copy', 'campaign_health() says that it is a copy');
	sleep 3;
	query_is($node, 'copy', $waiting, $timers, 'no timer has fired');
	my (undef, undef, $err) = $node->psql('copy', 'SELECT lifecycle.run_due_timers()');
	return like($err, qr/paused.*resume_timers/s, 'run_due_timers() refuses, and names resume_timers()');
}

sub fires_after_resume
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$node->safe_psql('copy', 'SELECT lifecycle.resume_timers()');
	poll_is($node, 'copy', $waiting, 0, 'timers fire after resume_timers()');
	query_is($node, 'copy', $activation, 'ok|active', 'health says that it is active');
	return check_invariants($node, 'copy', 'a copy that was resumed', schema => 'lifecycle');
}

with_database('CREATE EXTENSION over the tables of a dump of the schema', sub {
	$node->command_ok([ 'pg_dump', '-n', 'lifecycle', '-f', "$folder/schema.sql", $node->connstr('prod') ], 'pg_dump -n succeeds');
	# It makes no triggers, because it has no functions.
	stderr_of('psql', '-X', '-q', '-f', "$folder/schema.sql", $node->connstr('copy'));
	my (undef, undef, $err) = $node->psql('copy', 'CREATE EXTENSION campaign_lifecycle SCHEMA lifecycle');
	like($err, qr/WARNING:.*timers are paused.*HINT:.*resume_timers\(\)/s, 'CREATE EXTENSION warns that timers are paused');
	fires_nothing(20);
	query_is($node, 'copy', $hours, 72, 'the policies are those of production');
	fires_after_resume();
});

with_database('CREATE EXTENSION over tables without campaigns', sub {
	$node->safe_psql('copy', "$extension; DROP EXTENSION campaign_lifecycle; CREATE EXTENSION campaign_lifecycle SCHEMA lifecycle");
	query_is($node, 'copy', $activation, 'ok|active', 'it works at once');
});

with_database('a data-only restore into a created extension that has been emptied', sub {
	$node->safe_psql('copy', $extension);
	query_is($node, 'copy', $activation, 'ok|active', 'CREATE EXTENSION starts the database');
	$node->safe_psql('copy', 'TRUNCATE ' . join ', ', @defaults);
	is(restored('-a', '--disable-triggers', '--exit-on-error'), '', 'pg_restore -a raises no error');
	query_is($node, 'copy', $hours, 72, 'the policies are those of production');
	fires_nothing(20);
	fires_after_resume();
	# The next data-only restore is noticed as well.
	$node->safe_psql('copy', 'TRUNCATE ' . join ', ', @defaults, @data);
	is(restored('-a', '--disable-triggers', '--exit-on-error'), '', 'another pg_restore -a raises no error');
	fires_nothing(20);
});

with_database('a data-only restore into a created extension that has not been emptied', sub {
	$node->safe_psql('copy', $extension);
	my $err = restored('-a', '--disable-triggers');
	for my $table (@defaults)
	{
		like($err, qr/table "\Q@{[ $table =~ s{.*\.}{}r ]}\E" has rows already/, "$table: the error says why");
	}
	my ($statement) = $err =~ /HINT:.*?(TRUNCATE [^;]*;)/;
	ok(defined $statement, 'its hint has a statement to run') or return;
	fires_nothing(20);
	# The hint does what it says.
	$node->safe_psql('copy', $statement . 'TRUNCATE ' . join ', ', @data);
	is(restored('-a', '--disable-triggers', '--exit-on-error'), '', 'after the statement of the hint pg_restore -a raises no error');
	query_is($node, 'copy', $hours, 72, 'the policies are those of production');
	fires_nothing(20);
	fires_after_resume();
});

with_database('a data-only restore of a backup into the database that it is of', sub {
	$node->safe_psql('copy', "$extension; SELECT lifecycle.pause_timers(); SELECT count(lifecycle.create_campaign(24, now() - interval '10 minutes')) FROM generate_series(1, 5)");
	$node->command_ok([ 'pg_dump', '-a', '--disable-triggers', '-f', "$folder/own.sql", $node->connstr('copy') ], 'pg_dump -a succeeds');
	$node->safe_psql('copy', 'SELECT lifecycle.resume_timers()');
	poll_is($node, 'copy', $waiting, 0, 'its timers fire');
	$node->safe_psql('copy', 'TRUNCATE lifecycle.campaign_tables_version, ' . join ', ', @defaults, @data);
	is(stderr_of('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', "$folder/own.sql", $node->connstr('copy')), '', 'its restore raises no error');
	fires_nothing(5);
	fires_after_resume();
});

with_database('a data-only restore into a restored and resumed copy', sub {
	is(restored('--exit-on-error'), '', 'pg_restore raises no error');
	$node->safe_psql('copy', 'SELECT lifecycle.resume_timers()');
	poll_is($node, 'copy', $waiting, 0, 'the copy works');
	$node->safe_psql('copy', 'TRUNCATE ' . join ', ', @defaults, @data);
	is(restored('-a', '--disable-triggers', '--exit-on-error'), '', 'pg_restore -a raises no error');
	fires_nothing(20);
	fires_after_resume();
});

with_database('pause_timers() and resume_timers() by an operator of a copy', sub {
	$node->safe_psql('copy', "$extension; CREATE ROLE copies_op");
	$node->safe_psql('copy', "SELECT lifecycle.grant_campaign_access('copies_op', 'operator')");
	$node->safe_psql('copy', 'TRUNCATE ' . join ', ', @defaults);
	is(restored('-a', '--disable-triggers', '--exit-on-error'), '', 'pg_restore -a raises no error');
	$node->safe_psql('copy', 'SET ROLE copies_op; SELECT lifecycle.pause_timers()');
	query_is($node, 'copy', $activation, 'warning|paused', 'an operator pauses it');
	$node->safe_psql('copy', 'SET ROLE copies_op; SELECT lifecycle.resume_timers()');
	poll_is($node, 'copy', $waiting, 0, 'an operator starts it');
	$node->safe_psql('copy', 'DROP OWNED BY copies_op; DROP ROLE copies_op');
});

#---------------------------------------------------------------------------------------------------------------------
# Without rows

with_database('a schema-only copy', sub {
	is(restored('-s', '--exit-on-error'), '', 'pg_restore -s raises no error');
	my (undef, undef, $err) = $node->psql('copy', 'SELECT lifecycle.create_campaign(1)');
	like($err, qr/campaign_state_transitions is empty.*HINT:.*install_campaign_tables\(\)/s, 'create_campaign() names install_campaign_tables()');
	unlike($err, qr/leads back/, 'and no row to delete');
	my $critical = "SELECT string_agg(check_name || ': ' || detail, E'\\n') FROM lifecycle.campaign_health() WHERE status = 'critical' AND check_name IN ('tables_version', 'state_machine')";
	my $advice = $node->safe_psql('copy', $critical);
	like($advice, qr/^$_: .*install_campaign_tables\(\)/m, "health, $_: install_campaign_tables()") for qw(tables_version state_machine);
	unlike($advice, qr/upgrade_campaign_tables/, 'and not the call that fails');
	(undef, undef, $err) = $node->psql('copy', 'SELECT lifecycle.upgrade_campaign_tables()');
	like($err, qr/HINT:.*install_campaign_tables\(\)/, 'which names install_campaign_tables(), too');
	$node->safe_psql('copy', 'SELECT lifecycle.install_campaign_tables()');
	query_is($node, 'copy', $critical, '', 'health is satisfied after install_campaign_tables()');
	query_is($node, 'copy', 'SELECT (SELECT count(*) FROM lifecycle.campaign_state_transitions), (SELECT count(*) FROM lifecycle.campaign_timer_policies), (SELECT count(*) FROM lifecycle.campaign_maintenance_jobs)', '6|9|8', 'the default rows are back');
	$node->safe_psql('copy', 'SELECT lifecycle.resume_timers()');
	$node->safe_psql('copy', "SELECT lifecycle.create_campaign(1, now() - interval '10 minutes')");
	poll_is($node, 'copy', "SELECT count(*) FROM lifecycle.campaigns WHERE status = 'RUNNING'", 1, 'timers fire');
});

with_database('install_campaign_tables() leaves alone what a user has deleted', sub {
	$node->safe_psql('copy', "$extension; CREATE ROLE copies_keeper; SELECT lifecycle.set_campaign_owner('copies_keeper')");
	$node->safe_psql('copy', "DELETE FROM lifecycle.campaign_timer_policies WHERE state = 'REWARD_CLAIM'; TRUNCATE lifecycle.campaign_state_transitions; SELECT lifecycle.install_campaign_tables()");
	query_is($node, 'copy', 'SELECT (SELECT count(*) FROM lifecycle.campaign_state_transitions), (SELECT count(*) FROM lifecycle.campaign_timer_policies)', '6|7', 'only the empty table is filled, also where a plain role owns it');
	$node->safe_psql('copy', "DROP OWNED BY copies_keeper CASCADE; DROP ROLE copies_keeper");
});

scenario('the TRUNCATE of the README empties every table with data between tests', sub {
	my ($statement) = slurp_file('README.md') =~ /^(TRUNCATE [^;]*;)/m;
	ok(defined $statement, 'the README has the statement') or return;
	create_campaign_database($node, 'tests');
	my $kept = q{SELECT md5(string_agg(t::text, ';' ORDER BY t::text)) FROM (SELECT m::text FROM campaign_state_transitions AS m UNION ALL SELECT p::text FROM campaign_timer_policies AS p UNION ALL SELECT version FROM campaign_tables_version) AS t};
	my $before = $node->safe_psql('tests', $kept);
	for my $round (1 .. 2)
	{
		add_due_campaigns($node, 'tests', 3);
		poll_is($node, 'tests', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 3, "round $round: timers fire");
		$node->safe_psql('tests', $statement);
		query_is($node, 'tests', q{SELECT coalesce(string_agg(r.relation::text, ', '), '') FROM campaign_lifecycle_internal._campaign_relations() AS r JOIN pg_class AS c ON c.oid = r.relation AND c.relkind = 'r'
			WHERE (xpath('//n/text()', query_to_xml(format('SELECT count(*) AS n FROM %s', r.relation), false, true, '')))[1]::text::bigint > 0
				AND c.relname NOT IN ('campaign_state_transitions', 'campaign_timer_policies', 'campaign_maintenance_jobs', 'campaign_tables_version', 'campaign_activation', 'campaign_clean_run')}, '', "round $round: every other table is empty");
		query_is($node, 'tests', $kept, $before, "round $round: the lifecycle has its rows");
	}
	# Also after everything was emptied.
	$node->safe_psql('tests', "TRUNCATE campaigns, campaign_timers, campaign_state_log, campaign_state_log_archive, campaign_metrics, timer_executions, campaign_changes, campaign_tables_version, campaign_state_transitions, campaign_timer_policies, campaign_maintenance_jobs; SELECT install_campaign_tables()");
	add_due_campaigns($node, 'tests', 3);
	poll_is($node, 'tests', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 3, 'timers fire after everything was emptied and install_campaign_tables()');
	$node->safe_psql('postgres', 'DROP DATABASE tests WITH (FORCE)');
});

$node->stop;
done_testing();
