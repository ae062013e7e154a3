# States and timer types that were added, beside everything else that uses the tables.
#
# Adding one waits for no reader or writer, so that a dump or a long transaction is no hindrance. Dropping one refuses what another
# session has just committed. The worker loses no timer meanwhile. Dumps, DROP EXTENSION, updates, other owners, later months and the
# archive keep what was added.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignCopies;
use CampaignScenarios;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = campaign_server('states', extension => 0, conf => "wal_level = logical\nmax_wal_senders = 4\nmax_replication_slots = 4\nmax_worker_processes = 32\ncampaign_lifecycle.batch_size = 20\n");
my $lists = q{SELECT string_agg(DISTINCT (regexp_match(pg_get_constraintdef(oid), '\[([^]]*)\]'))[1], E'\n') FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace
	AND conname IN ('valid_status', 'valid_state', 'valid_from_state', 'valid_to_state')};
my $lacking = q{SELECT count(*) FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace
	AND (conname IN ('valid_status', 'valid_state', 'valid_from_state', 'valid_to_state') AND pg_get_constraintdef(oid) !~ '''PAUSED'''
		OR conname = 'valid_timer_type' AND pg_get_constraintdef(oid) !~ '''HALF_TIME''')};

sub error_of
{
	my ($db, $sql) = @_;
	my (undef, undef, $err) = $node->psql($db, $sql, extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
	return $err =~ /ERROR:\s+(\w{5})/ ? $1 : $err =~ /NOTICE/ ? 'NOTICE' : $err;
}

# Begin a transaction in a session of its own, and return the session.
sub open_transaction
{
	my ($db, $sql) = @_;
	my $session = $node->background_psql($db, on_error_die => 1);
	$session->query_safe("BEGIN; $sql");
	return $session;
}

in_database($node, 'adding a state waits for no reader and no writer', sub {
	my ($db) = @_;
	my $reader = open_transaction($db, 'SELECT count(*) FROM campaigns, campaign_state_log, campaign_timers');
	my $writer = open_transaction($db, q{SELECT create_campaign(24, now() + interval '1 day')});
	is(error_of($db, q{SET lock_timeout = '1ms'; SELECT add_campaign_state('PAUSED'), add_timer_type('HALF_TIME')}), '', 'a state and a type are added while transactions have read and written');
	is(error_of($db, q{INSERT INTO campaigns (status, duration_hours) VALUES ('PAUSED', 1)}), '', 'another session may use it at once');
	$writer->query_safe(q{INSERT INTO campaigns (status, duration_hours) VALUES ('PAUSED', 1); COMMIT});
	$reader->query_safe('COMMIT');
	query_is($node, $db, q{SELECT count(*) FROM campaigns WHERE status = 'PAUSED'}, 2, 'so may a transaction that has begun before');
	$_->quit for $reader, $writer;
	is(error_of($db, q{SET lock_timeout = '1ms'; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT add_campaign_state('HELD')}), '25001', 'REPEATABLE READ is refused');
});

in_database($node, 'dropping a state refuses what was committed meanwhile', sub {
	my ($db) = @_;
	$node->safe_psql($db, q{SELECT add_campaign_state('PAUSED'), add_campaign_state('HELD')});
	my $writer = open_transaction($db, q{INSERT INTO campaigns (status, duration_hours) VALUES ('PAUSED', 1)});
	my $dropper = $node->background_psql($db, on_error_stop => 0);
	$dropper->query_until(qr/begun/, "\\echo begun\n\\set VERBOSITY sqlstate\nSELECT drop_campaign_state('PAUSED');\n");
	poll_is($node, $db, q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND mode = 'ExclusiveLock'}, 1, 'the session that drops it has begun');
	$writer->query_safe('COMMIT');
	$dropper->query('SELECT 1');
	like($dropper->{stderr}, qr/55000/, 'the drop is refused');
	$writer->query_safe(q{BEGIN; SELECT create_campaign(24)});
	$dropper->query_until(qr/begun/, "\\echo begun\nSELECT drop_campaign_state('HELD');\n");
	$writer->query_safe('COMMIT');
	poll_is($node, $db, q{SELECT count(*) FROM pg_constraint WHERE pg_get_constraintdef(oid) ~ '''HELD'''}, 0, 'another one is dropped as soon as the writer has committed');
	$_->quit for $writer, $dropper;
	is(error_of($db, q{INSERT INTO campaigns (status, duration_hours) VALUES ('HELD', 1)}), '23514', 'and is refused from then on');
});

in_database($node, 'the worker executes every timer while states come and go', sub {
	my ($db) = @_;
	make_busy($node, $db, 300);
	for my $n (1 .. 10)
	{
		$node->safe_psql($db, "SELECT add_campaign_state('STATE_$n'), add_timer_type('TYPE_$n'); SELECT create_campaign(1, now() - interval '30 minutes')");
		$node->safe_psql($db, "SELECT drop_campaign_state('STATE_$n'); SELECT drop_timer_type('TYPE_$n')");
	}
	poll_is($node, $db, q{SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'}, 300, 'every campaign has ended');
	query_is($node, $db, q{SELECT count(*) FROM timer_executions WHERE status = 'FAILED'}, 0, 'no attempt has failed');
	query_is($node, $db, $lists, q{'CREATED'::character varying, 'RUNNING'::character varying, 'CLOSED'::character varying, 'REWARD_CLAIM'::character varying, 'EXPIRED'::character varying},
		'every list is as at first');
	check_invariants($node, $db, 'while states come and go');
});

# Add a state and a type, and use them, also in months that are archived.
sub use_names
{
	my ($db) = @_;
	$node->safe_psql($db, q{
		SELECT add_campaign_state('PAUSED'), add_timer_type('HALF_TIME');
		INSERT INTO campaign_state_transitions (from_state, to_state) VALUES ('RUNNING', 'PAUSED'), ('PAUSED', 'RUNNING');
		INSERT INTO campaign_timer_policies (state, timer_type, anchor, delay) VALUES ('RUNNING', 'HALF_TIME', 'end_time', '-24 hours');
		INSERT INTO campaigns (id, status, duration_hours) VALUES ('00000000-0000-7000-8000-00000000aaaa', 'PAUSED', 1);
		INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) VALUES ('00000000-0000-7000-8000-00000000aaaa', 'HALF_TIME', now() + interval '1 year');
		INSERT INTO campaign_state_log (campaign_id, from_state, to_state, trigger_event, created_at)
			SELECT '00000000-0000-7000-8000-00000000aaaa', 'RUNNING', 'PAUSED', 'X', now() - m * interval '1 month' FROM generate_series(1, 20) AS m;
		SELECT create_monthly_partitions(); SELECT archive_old_state_logs()});
	return;
}

# A year goes by: months are made, rows with the state go to the archive.
sub grow_older
{
	my ($db, $name) = @_;
	$node->safe_psql($db, q{
		SELECT create_monthly_partitions(3, now() + interval '1 year');
		INSERT INTO campaign_state_log (campaign_id, from_state, to_state, trigger_event, created_at)
			VALUES ('00000000-0000-7000-8000-00000000aaaa', 'RUNNING', 'PAUSED', 'X', now() + interval '1 year');
		SELECT archive_old_state_logs('1 year', now() + interval '14 months')});
	query_is($node, $db, $lacking, 0, "$name: later months and the archive list the names");
	query_is($node, $db, q{SELECT count(*) > 15 FROM campaign_state_log_archive WHERE to_state = 'PAUSED'}, 't', "$name: rows with the state are archived");
	query_is($node, $db, q{SELECT count(*) FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND NOT convalidated}, 0, "$name: every constraint is valid");
	is(error_of($db, q{SELECT add_campaign_state('HELD'); SELECT drop_campaign_state('HELD')}), '', "$name: more can be added and dropped");
	return;
}

scenario('every copy has what was added', sub {
	my $folder = PostgreSQL::Test::Utils::tempdir();
	create_filled_database($node, 'filled');
	use_names('filled');
	# The dump has begun, and holds its locks, when another state is added.
	my $dump = open_transaction('filled', 'LOCK TABLE campaigns, campaign_timers, campaign_state_log IN ACCESS SHARE MODE');
	runs_silently('pg_dump', [ 'pg_dump', '-f', "$folder/plain.sql", $node->connstr('filled') ]);
	runs_silently('pg_dump -Fd -j4', [ 'pg_dump', '-Fd', '-j4', '-f', "$folder/parallel", $node->connstr('filled') ]);
	is(error_of('filled', q{SET lock_timeout = '1ms'; SELECT add_campaign_state('HELD')}), '', 'a state is added while a dump holds its locks');
	is(error_of('filled', q{SELECT drop_campaign_state('HELD')}), '', 'and dropped');
	$dump->quit;
	my @content = table_contents($node, 'filled');
	my @objects = schema_objects($node, 'filled');
	$node->safe_psql('postgres', "CREATE DATABASE copy_$_") for 'plain', 'parallel';
	runs_silently('psql', [ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$folder/plain.sql", '-d', $node->connstr('copy_plain') ]);
	runs_silently('pg_restore -j4', [ 'pg_restore', '--exit-on-error', '-j4', '-d', $node->connstr('copy_parallel'), "$folder/parallel" ]);
	for my $copy ('copy_plain', 'copy_parallel')
	{
		same_lines(\@content, [ table_contents($node, $copy) ], "$copy: every row is there");
		same_lines(\@objects, [ schema_objects($node, $copy) ], "$copy: every object is there");
		grow_older($copy, $copy);
	}
	# Triggers are made anew, and their conditions list what the constraints list.
	$node->safe_psql('filled', 'SET client_min_messages = error; DROP EXTENSION campaign_lifecycle; CREATE EXTENSION campaign_lifecycle; SELECT upgrade_campaign_tables()');
	query_is($node, 'filled', q{SELECT count(*) FROM pg_trigger WHERE tgname IN ('explain_invalid_campaign', 'explain_new_timer', 'explain_changed_timer') AND pg_get_triggerdef(oid) ~ '''(PAUSED|HALF_TIME)'''}, 3,
		'triggers that CREATE EXTENSION makes over the tables list the names');
	grow_older('filled', 'adopted');
});

in_database($node, 'a plain role that owns the tables', sub {
	my ($db) = @_;
	$node->safe_psql($db, q{CREATE ROLE tables_owner LOGIN; SELECT set_campaign_owner('tables_owner'); SET ROLE tables_owner;
		SELECT add_campaign_state('PAUSED'), add_timer_type('HALF_TIME')});
	query_is($node, $db, $lacking, 0, 'adds names');
	$node->safe_psql($db, q{SELECT set_campaign_owner(current_user::regrole)});
	is(error_of($db, q{SET ROLE tables_owner; SELECT add_campaign_state('HELD')}), '42501', 'may no longer when it has given them away');
	$node->safe_psql($db, q{SELECT drop_campaign_state('PAUSED'), drop_timer_type('HALF_TIME'); DROP OWNED BY tables_owner; DROP ROLE tables_owner});
});

# Larger than what is searched while nobody can write.
in_database($node, 'a state is dropped from a large log', sub {
	my ($db) = @_;
	$node->safe_psql($db, q{
		SELECT add_campaign_state('PAUSED');
		-- The worker would archive the rows before the test does.
		UPDATE campaign_maintenance_jobs SET enabled = false;
		INSERT INTO campaigns (id, status, duration_hours) VALUES ('00000000-0000-7000-8000-00000000aaaa', 'CREATED', 1);
		INSERT INTO campaign_state_log (campaign_id, to_state, trigger_event, metadata, created_at)
			SELECT '00000000-0000-7000-8000-00000000aaaa', 'CREATED', 'X', jsonb_build_object('filler', repeat('x', 1000)), now() - interval '14 months' FROM generate_series(1, 18000);
		SELECT create_monthly_partitions()});
	my (undef, undef, $err) = $node->psql($db, q{SELECT drop_campaign_state('PAUSED')});
	my @statements = $err =~ /(ALTER TABLE public\.campaign_state_log VALIDATE CONSTRAINT \w+;)/g;
	is(scalar @statements, 2, 'notices have the statements that validate the constraints of the log');
	query_is($node, $db, q{SELECT string_agg(DISTINCT conrelid::regclass || ' ' || conname, ', ') FROM pg_constraint WHERE NOT convalidated AND conrelid = 'campaign_state_log'::regclass},
		'campaign_state_log valid_from_state, campaign_state_log valid_to_state', 'they are NOT VALID until then');
	is(error_of($db, q{INSERT INTO campaign_state_log (campaign_id, to_state, trigger_event) VALUES ('00000000-0000-7000-8000-00000000aaaa', 'PAUSED', 'X')}), '23514', 'and refuse new rows');
	query_is($node, $db, 'SELECT create_monthly_partitions(6) > 0 AND archive_old_state_logs() = 18000', 't', 'months are made and archived meanwhile');
	is(error_of($db, "@statements"), '', 'the statements run');
	query_is($node, $db, q{SELECT count(*) FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND NOT convalidated}, 0, 'all constraints are valid then');
});

# The order that docs/operations.md gives.
in_database($node, 'a subscriber has the state first', sub {
	my ($publisher) = @_;
	$node->safe_psql('postgres', 'CREATE DATABASE subscriber');
	runs_silently('pg_dump -s', [ 'pg_dump', '-s', $node->connstr($publisher) ], [ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('subscriber') ]);
	$node->safe_psql('subscriber', 'SELECT pause_timers()');
	$node->safe_psql($publisher, q{CREATE PUBLICATION everything FOR ALL TABLES WITH (publish_via_partition_root = true); SELECT pg_create_logical_replication_slot('states', 'pgoutput')});
	my $connection = $node->connstr($publisher) =~ s/'/''/gr;
	$node->safe_psql('subscriber', "CREATE SUBSCRIPTION everything CONNECTION '$connection' PUBLICATION everything WITH (create_slot = false, slot_name = states)");
	$node->safe_psql('subscriber', q{SELECT add_campaign_state('PAUSED')});
	$node->safe_psql($publisher, q{SELECT add_campaign_state('PAUSED'); INSERT INTO campaign_state_transitions (from_state, to_state) VALUES ('RUNNING', 'PAUSED');
		INSERT INTO campaigns (status, duration_hours) VALUES ('PAUSED', 1)});
	poll_is($node, 'subscriber', q{SELECT c.status, l.to_state, m.to_state FROM campaigns AS c JOIN campaign_state_log AS l ON l.campaign_id = c.id JOIN campaign_state_transitions AS m ON m.to_state = c.status},
		'PAUSED|PAUSED|PAUSED', 'rows with the state arrive');
	$node->safe_psql('subscriber', 'ALTER SUBSCRIPTION everything DISABLE; ALTER SUBSCRIPTION everything SET (slot_name = NONE); DROP SUBSCRIPTION everything');
	$node->safe_psql('postgres', 'DROP DATABASE subscriber WITH (FORCE)');
	poll_is($node, $publisher, q{SELECT count(*) FROM pg_replication_slots WHERE active}, 0, 'the subscriber has gone');
	$node->safe_psql($publisher, q{SELECT pg_drop_replication_slot('states')});
});

$node->stop;
done_testing();
