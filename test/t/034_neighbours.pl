# The worker and run_due_timers() meet the hooks of other extensions as a client's statements do.
#
# Each subtest restarts one server with other libraries preloaded: each of Debian's with its strictest settings, then all that can be
# together, and last test/preload/careful_hooks.cpp, which installs every hook and states what a careful extension may assume there.
# The same life each time, in a database of its own: CREATE EXTENSION, a month that maintenance has to make, 12 campaigns from CREATED
# to EXPIRED with a handler, 2 of them with a timer that fails once, run_due_timers(), pause and resume, maintenance by a client, DROP
# EXTENSION, DROP DATABASE. Rows are counted, and the server's log may show neither a crash nor an error. A library that is not there
# skips its subtest. TEST_NEIGHBOURS in the environment is a pattern of the subtests to run.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $config = $ENV{PG_CONFIG} // 'pg_config';
chomp(my $libraries = `$config --pkglibdir`);
chomp(my $headers = `$config --includedir-server`);
my $folder = PostgreSQL::Test::Utils::tempdir();

# conf: the strictest settings. extensions: what CREATE EXTENSION makes of it. needs: libraries that come before. install: what comes
# before our own CREATE EXTENSION. ignored: lines of the log that are the neighbour's own. proof: asks whether the neighbour was at work at all. keeps_database: no DROP DATABASE.
my $node;
my %neighbours = (
	pgaudit => {
		extensions => ['pgaudit'],
		conf => q{
pgaudit.log = 'all'
pgaudit.log_catalog = on
pgaudit.log_parameter = on
pgaudit.log_relation = on
pgaudit.log_rows = on
pgaudit.log_statement = on
pgaudit.role = 'auditor'
},
		log => sub {
			ok($_[0] =~ /AUDIT: SESSION,.*,READ,SELECT,TABLE,public\.campaign_timers,/, 'the claims of the worker are audited');
			ok($_[0] =~ /AUDIT: OBJECT,.*,READ,SELECT,TABLE,public\.campaign_timers,/, 'so is what the auditor may read');
			ok($_[0] =~ /AUDIT: SESSION,.*,FUNCTION,EXECUTE,FUNCTION,public\.handle,/, 'and a handler that run_due_timers() calls');
		}
	},
	pg_stat_statements => {
		extensions => ['pg_stat_statements'],
		conf => q{
pg_stat_statements.max = 100
pg_stat_statements.track = 'all'
pg_stat_statements.track_utility = on
pg_stat_statements.track_planning = on
compute_query_id = on
},
		proof => sub {
			query_is($node, $_[0], q{SELECT count(*) > 0 FROM pg_stat_statements AS s JOIN pg_database AS d ON d.oid = s.dbid
				WHERE d.datname = current_database() AND s.query LIKE '%_runnable_timers%'}, 't', 'statements of the worker are counted');
		}
	},
	auto_explain => {
		conf => q{
auto_explain.log_min_duration = 0
auto_explain.log_analyze = on
auto_explain.log_buffers = on
auto_explain.log_nested_statements = on
auto_explain.log_settings = on
auto_explain.log_timing = on
auto_explain.log_triggers = on
auto_explain.log_verbose = on
auto_explain.log_wal = on
},
		log => sub { ok($_[0] =~ /duration: .* plan:\n\s*Query Text: .*\n.*_runnable_timers/, 'the claims of the worker are explained') }
	},
	set_user => {
		extensions => ['set_user'],
		conf => q{
set_user.block_alter_system = on
set_user.block_copy_program = on
set_user.block_log_statement = on
}
	},
	# Not resolve_oids: with it every REFRESH MATERIALIZED VIEW CONCURRENTLY fails, also without us.
	pg_qualstats => {
		extensions => ['pg_qualstats'],
		conf => q{
compute_query_id = on
pg_qualstats.sample_rate = 1
pg_qualstats.track_constants = on
pg_qualstats.track_pg_catalog = on
},
		proof => sub {
			query_is($node, $_[0], q{SELECT count(*) > 0 FROM pg_qualstats AS q WHERE q.lrelid = 'campaign_timers'::regclass}, 't', 'predicates are sampled');
		}
	},
	pg_stat_kcache => {
		needs => ['pg_stat_statements'],
		extensions => [ 'pg_stat_statements', 'pg_stat_kcache' ],
		conf => q{
pg_stat_kcache.track = 'all'
pg_stat_kcache.track_planning = on
}
	},
	pg_wait_sampling => {
		extensions => ['pg_wait_sampling'],
		conf => q{
pg_wait_sampling.history_period = 1
pg_wait_sampling.profile_period = 1
pg_wait_sampling.profile_pid = on
pg_wait_sampling.profile_queries = on
}
	},
	plpgsql_check => {
		extensions => ['plpgsql_check'],
		# It refuses what names a table that the same function makes first. After that everything is checked each time.
		install => "SET plpgsql_check.mode = 'disabled';",
		# So it calls every trigger function that assigns to NEW; with fatal_errors = on no such trigger of anybody's works.
		ignored => qr/WARNING:  record "new" is not assigned to tuple structure/,
		conf => q{
plpgsql_check.mode = 'every_start'
plpgsql_check.fatal_errors = off
plpgsql_check.profiler = on
plpgsql_check.enable_tracer = on
plpgsql_check.tracer = on
plpgsql_check.tracer_errlevel = 'log'
plpgsql_check.tracer_verbosity = 'verbose'
}
	},
	# While its supervisor sleeps, DROP DATABASE waits for it, with or without a neighbour.
	pglogical => { extensions => ['pglogical'], keeps_database => 1, conf => "pglogical.conflict_log_level = 'log'\n" },
);
# The order of Debian's documentation: those that others build upon come first.
my @names = qw(pgaudit pg_stat_statements auto_explain set_user pg_qualstats pg_stat_kcache pg_wait_sampling plpgsql_check pglogical);
my @installed = grep { -e "$libraries/$_.so" } @names;

$node = campaign_server(
	'neighbours',
	start => 0,
	extension => 0,
	conf => q{
wal_level = 'logical'
restart_after_crash = on
campaign_lifecycle.retry_base_delay = '10ms'
campaign_lifecycle.retry_jitter = 0
campaign_lifecycle.max_attempts = 5
});
my $common = slurp_file($node->data_dir . '/postgresql.conf');
my $seen = 0;

# The part of the log since the last call.
sub log_since
{
	my $log = slurp_file($node->logfile);
	my $part = substr $log, $seen;
	$seen = length $log;
	return $part;
}

sub start_with
{
	my ($preload, $conf) = @_;
	my $file = $node->data_dir . '/postgresql.conf';
	open my $handle, '>', $file or die "$file: $!";
	print $handle $common, "shared_preload_libraries = '" . join(',', @$preload) . "'\n", $conf;
	close $handle;
	$node->start;
	return;
}

# A month of the log is missing when the worker comes, and both views are to be refreshed. Delays are short enough for a test.
sub set_up
{
	my ($db, %options) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, join '', map { "CREATE EXTENSION $_;\n" } @{ $options{extensions} }) if $options{extensions};
	$node->safe_psql($db, ($options{install} // '') . q{
		BEGIN;
		CREATE EXTENSION campaign_lifecycle;
		SELECT format('DROP TABLE %I', max(relname::text)) FROM pg_class WHERE relname ~ '^campaign_state_log_y' AND relkind = 'r' \gexec
		UPDATE campaign_timer_policies SET delay = CASE
			WHEN state = 'CLOSED' AND timer_type = 'REWARD_REMINDER' THEN interval '0.2 seconds'
			WHEN state = 'REWARD_CLAIM' AND timer_type = 'REWARD_REMINDER' THEN interval '0.2 seconds'
			WHEN state = 'REWARD_CLAIM' AND timer_type = 'EXPIRE_CAMPAIGN' THEN interval '0.4 seconds'
			ELSE delay END;
		GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO auditor;
		CREATE TABLE handled (timer uuid, at timestamptz DEFAULT pg_catalog.clock_timestamp());
		CREATE FUNCTION handle(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb LANGUAGE plpgsql SET search_path = public, pg_catalog AS $$
		BEGIN
			CREATE TEMPORARY TABLE of_the_handler (timer uuid);
			RAISE LOG 'timer % is handled', timer_id;
			EXECUTE 'INSERT INTO handled (timer) VALUES ($1)' USING timer_id;
			RETURN jsonb_build_object('campaigns', (SELECT count(*) FROM campaigns));
		END $$;
		SELECT register_handler('CLOSE_CAMPAIGN', 'handle(uuid,uuid,jsonb)');
		CREATE FUNCTION fail_once() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_catalog AS $$
		BEGIN
			IF NOT EXISTS (SELECT FROM timer_executions AS x JOIN campaign_timers AS t ON t.id = x.timer_id WHERE t.campaign_id = NEW.id AND x.status = 'FAILED') THEN
				RAISE EXCEPTION 'refused';
			END IF;
			RETURN NULL;
		END $$;
		CREATE CONSTRAINT TRIGGER fail_once AFTER UPDATE OF status ON campaigns DEFERRABLE INITIALLY DEFERRED
			FOR EACH ROW WHEN (NEW.status = 'RUNNING' AND NEW.metadata ? 'fails') EXECUTE FUNCTION fail_once();
		COMMIT});
	return;
}

# Campaigns whose start is overdue, and that end so many seconds from now.
sub create
{
	my ($number, $seconds, $metadata) = @_;
	return "SELECT count(create_campaign(1, now() - interval '1 hour' + interval '$seconds seconds', metadata => '$metadata')) FROM generate_series(1, $number);";
}

sub live
{
	my ($db) = @_;
	my $fails = '{"fails": "START_CAMPAIGN"}';

	poll_is($node, $db, 'SELECT bool_and(last_outcome = \'ok\') FROM campaign_maintenance_jobs WHERE enabled', 't', 'the worker does its maintenance');
	query_is($node, $db, 'SELECT count(*) FROM campaign_lifecycle_internal._missing_log_months(3, now())', 0, 'no month is missing');
	$node->safe_psql($db, 'BEGIN;' . create(10, 0.3, '{}') . create(2, 0.3, $fails) . 'COMMIT');
	poll_is($node, $db, "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 12, 'all campaigns have come to their end');
	query_is($node, $db, "SELECT count(*), count(DISTINCT timer) FROM handled", '12|12', 'the handler was called once for each');
	query_is($node, $db, "SELECT count(*), count(DISTINCT timer_id), min(error_message) FROM timer_executions WHERE status = 'FAILED'", '2|2|P0001: refused', 'the timers that fail have one attempt each');

	# By a client, of whose rows the worker knows nothing yet.
	query_is($node, $db, 'BEGIN;' . create(4, 60, '{}') . q{SELECT run_due_timers(); SELECT count(*) FROM campaigns WHERE status = 'RUNNING';
		UPDATE campaign_timers SET scheduled_at = now() WHERE timer_type = 'CLOSE_CAMPAIGN' AND status = 'PENDING';
		SELECT run_due_timers(); COMMIT}, "4\n4\n4\n4", 'run_due_timers() does what is due, and calls the handler');
	query_is($node, $db, 'SELECT pause_timers(); ' . create(1, 0.3, '{}') . "SELECT resume_timers()", "\n1\n", 'pause and resume');
	poll_is($node, $db, "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 17, 'the worker has done the rest');
	query_is($node, $db, 'SELECT count(*), count(DISTINCT timer) FROM handled', '17|17', 'with the handler');
	query_is($node, $db, 'SELECT create_monthly_partitions(5); SELECT archive_old_state_logs(interval \'1 day\', now() + interval \'2 days\') > 0; SELECT cleanup_timer_executions(interval \'1 year\')',
		"2\nt\n0", 'maintenance by a client');
	query_is($node, $db, q{SELECT unregister_handler('CLOSE_CAMPAIGN'); SELECT count(*) FROM campaign_health() WHERE status = 'critical'}, "\n0", 'health finds nothing');

	# Each timer has been executed exactly once, no attempt is lost: 2 of them had two.
	query_is($node, $db, "SELECT count(*) FILTER (WHERE status <> 'COMPLETED'), count(*) FILTER (WHERE retry_count > 0) FROM campaign_timers", '0|2', 'every timer is completed');
	query_is($node, $db, "SELECT (SELECT count(*) FROM timer_executions WHERE status = 'COMPLETED') - (SELECT count(*) FROM campaign_timers)", 0, 'once');
	check_invariants($node, $db, $db);
	return;
}

# Lines of the log that must not be there. A worker that ends for DROP EXTENSION or DROP DATABASE says so at LOG; the failing timer's error is no line of the log.
sub quiet
{
	my ($log, $what, $ignored) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @lines = grep { !$ignored || !/$ignored/ } grep { /terminated by signal|was terminated|PANIC|FATAL|TRAP|ERROR:|WARNING:|could not execute|failed:|careful_hooks: (?!met)/ } grep { !/AUDIT: |terminating background worker .* due to administrator command/ } split /\n/, $log;
	return is(join("\n", @lines), '', "no crash and no error: $what");
}

sub beside
{
	my ($name, $preload, %options) = @_;
	return if $name !~ ($ENV{TEST_NEIGHBOURS} // '');
	subtest $name => sub {
		start_with($preload, $options{conf} // '');
		my $db = "beside_$name";
		$node->safe_psql('postgres', q{DO $$ BEGIN IF to_regrole('auditor') IS NULL THEN CREATE ROLE auditor; END IF; END $$});
		set_up($db, %options);
		poll_worker_count($node, $db, 1, 'a worker comes');
		my ($pid) = worker_pids($node, $db);
		live($db);
		is(join(' ', worker_pids($node, $db)), $pid, 'it was one process all the time');
		$options{proof}->($db) if $options{proof};
		$node->safe_psql($db, 'DROP EXTENSION campaign_lifecycle');
		poll_worker_count($node, $db, 0, 'DROP EXTENSION: the worker goes');
		$node->safe_psql('postgres', "DROP DATABASE $db") unless $options{keeps_database};
		$node->stop;
		my $log = log_since();
		quiet($log, $name, $options{ignored});
		$options{log}->($log) if $options{log};
		done_testing();
	};
	return;
}

#---------------------------------------------------------------------------------------------------------------------

for my $name (@names)
{
	my $neighbour = $neighbours{$name};
	my @needs = @{ $neighbour->{needs} // [] };
	my @missing = grep { !-e "$libraries/$_.so" } @needs, $name;
	if (@missing)
	{
		subtest $name => sub { plan skip_all => "there is no $libraries/$missing[0].so: no package of it for this server, or not installed" };
		next;
	}
	beside($name, [ 'campaign_lifecycle', @needs, $name ], %$neighbour);
}

# Here our hooks are called before theirs, above after them. A server that preloads both plpgsql_check and pglogical crashes as it starts,
# also without us.
for my $left_out (qw(pglogical plpgsql_check))
{
	my @together = grep { $_ ne $left_out } @installed;
	my %made;
	beside(
		"all_but_$left_out", [ @together, 'campaign_lifecycle' ],
		conf => join('', map { $neighbours{$_}{conf} } @together),
		extensions => [ grep { !$made{$_}++ } map { @{ $neighbours{$_}{extensions} // [] } } @together ],
		install => join('', map { $neighbours{$_}{install} // '' } @together),
		ignored => $neighbours{plpgsql_check}{ignored},
		keeps_database => scalar(grep { $neighbours{$_}{keeps_database} } @together));
}

#---------------------------------------------------------------------------------------------------------------------

my $hooks = "$folder/careful_hooks.so";
system('g++', '-std=c++17', '-O1', '-w', '-fPIC', '-shared', "-I$headers", '-o', $hooks, 'test/preload/careful_hooks.cpp') == 0 or die 'g++ failed';
beside(
	'careful_hooks', [ 'campaign_lifecycle', $hooks ],
	log => sub {
		for my $who (qw(worker client))
		{
			my @met = $_[0] =~ /careful_hooks: met in a $who: (.*)/g;
			my %most;
			for (map { [split] } map { split /, / } @met)
			{
				$most{ $_->[0] } = $_->[1] if $_->[1] > ($most{ $_->[0] } // 0);
			}
			is(join(' ', sort keys %most),
				'ExecutorCheckPerms ExecutorEnd ExecutorFinish ExecutorRun ExecutorStart ProcessUtility emit_log fmgr object_access planner',
				"a $who meets every hook");
		}
	});

done_testing();
