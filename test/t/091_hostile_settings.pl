# Settings of role, database and server affect neither the worker nor the rows that it writes.
#
# ALTER DATABASE, ALTER ROLE and ALTER ROLE IN DATABASE set everything that could make a batch fail or come out otherwise: read-only,
# serializable, replica, timeouts of a millisecond, a role without rights, a library that does not exist, other time zones and date styles,
# a search_path with functions and tables of the same names, odd planner and parser settings. A worker that starts with them brings a
# campaign through its whole life, with the usual history. API functions do the same for a client with such settings.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignServer;
use Test::More;

my $soon = 25;
my $node = campaign_server('hostile', extension => 0, conf => "idle_session_timeout = '1ms'\nstatement_timeout = '30s'\nidle_in_transaction_session_timeout = '10ms'\n");
my $db = 'hostile';

# These settings would stop the test's own sessions as well.
my @stopping = (
	'default_transaction_read_only = on', 'default_transaction_isolation = serializable', 'default_transaction_deferrable = on', 'session_replication_role = replica',
	"statement_timeout = '1ms'", "lock_timeout = '1ms'", "idle_session_timeout = '1ms'", "idle_in_transaction_session_timeout = '1ms'", 'search_path = hostile, pg_catalog, public',
	'role = nobody_much', "local_preload_libraries = 'no_such_library'");
my @odd = (
	"timezone = 'Asia/Kathmandu'", "datestyle = 'SQL, DMY'", 'intervalstyle = sql_standard', 'transform_null_equals = on', 'array_nulls = off', 'standard_conforming_strings = off',
	'bytea_output = escape', 'extra_float_digits = -15', 'quote_all_identifiers = on', 'plan_cache_mode = force_generic_plan', "work_mem = '64kB'", 'enable_indexscan = off',
	'enable_bitmapscan = off', 'enable_hashjoin = off', 'enable_sort = off', 'from_collapse_limit = 1', 'check_function_bodies = off', 'client_min_messages = debug1',
	'row_security = off', 'xmloption = document', 'plpgsql.variable_conflict = use_column', "campaign_lifecycle.trigger_event = 'FORGED'", "campaign_lifecycle.changed_by = 'nobody'", "client_encoding = 'LATIN1'", 'synchronous_commit = off');

# This test's own sessions undo the first.
$ENV{PGOPTIONS} = '-c default_transaction_read_only=off -c default_transaction_isolation=read\ committed -c session_replication_role=origin -c statement_timeout=0 -c lock_timeout=0'
	. ' -c idle_session_timeout=0 -c idle_in_transaction_session_timeout=0 -c search_path=public -c client_min_messages=warning -c standard_conforming_strings=on -c client_encoding=UTF8'
	. ' -c role=none -c local_preload_libraries=';

create_campaign_database($node, $db);
$node->safe_psql(
	$db, q{
	CREATE ROLE nobody_much;
	GRANT USAGE ON SCHEMA public TO nobody_much;
	CREATE SCHEMA hostile;
	CREATE FUNCTION hostile.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT '2000-01-01'::timestamptz $$;
	CREATE FUNCTION hostile.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT '2000-01-01'::timestamptz $$;
	CREATE FUNCTION hostile.less(timestamptz, timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a planted operator was called'; END $$;
	CREATE OPERATOR hostile.<= (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = hostile.less);
	CREATE TABLE hostile.campaigns (planted int);
	CREATE TABLE hostile.campaign_timers (planted int);
	CREATE TABLE hostile.campaign_state_log (planted int);
	UPDATE campaign_timer_policies SET delay = interval '1 second' WHERE state IN ('CLOSED', 'REWARD_CLAIM')});
for my $setting (@stopping, @odd)
{
	$node->safe_psql('postgres', "LOAD 'plpgsql'; ALTER DATABASE $db SET $setting; ALTER ROLE CURRENT_USER SET $setting; ALTER ROLE CURRENT_USER IN DATABASE $db SET $setting; ALTER ROLE ALL SET $setting");
}
# A worker that started earlier has none of these settings.
$node->restart;
poll_worker_count($node, $db, 1, 'a worker starts under the settings');
{
	local $ENV{PGOPTIONS} = '-c local_preload_libraries= -c idle_session_timeout=0 -c statement_timeout=0 -c default_transaction_deferrable=off -c client_min_messages=warning';
	my ($code, $out, $err) = $node->psql($db, 'INSERT INTO public.campaigns (duration_hours) VALUES (1)');
	like($err, qr/read-only transaction/, 'a client\'s INSERT fails in a read-only transaction');
	is($node->safe_psql($db, "SELECT current_setting('search_path'), current_user"), 'hostile, pg_catalog, public|nobody_much', 'search_path and role of a client are set');
}

my $id = $node->safe_psql($db, "SELECT create_campaign(1, pg_catalog.now() - interval '1 hour' + interval '2 seconds', metadata => '{\"name\": \"quiet\"}')");
poll_is($node, $db, "SELECT status FROM campaigns WHERE id = '$id'", 'EXPIRED', 'the worker brings a campaign from CREATED to EXPIRED');
query_is($node, $db, "SELECT count(*) FROM campaign_state_log WHERE campaign_id = '$id' AND from_state IS NOT NULL AND (trigger_event = 'FORGED' OR metadata ->> 'changed_by' = 'nobody')", 0,
	'the log has neither event nor changed_by of the settings');
query_is($node, $db, "SELECT count(*) FROM campaign_state_log WHERE campaign_id = '$id' AND from_state IS NULL", 1, 'the creation of the campaign is logged');
query_is($node, $db, "SELECT count(*) FROM campaign_timers WHERE executed_at - scheduled_at NOT BETWEEN interval '0' AND interval '$soon seconds'", 0, 'no timer is early or more than 25 s late');
query_is($node, $db, 'SELECT count(*) FROM timer_executions WHERE status <> \'COMPLETED\'', 0, 'no attempt has failed under the settings');
check_invariants($node, $db, 'under hostile settings');

# The worker ends now and then, and comes back under the same settings.
my ($pid) = worker_pids($node, $db);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
add_due_campaigns($node, $db, 200);
poll_is($node, $db, "SELECT count(*) FROM campaigns WHERE status = 'RUNNING'", 0, 'a terminated worker comes back and executes 200 timers');
check_invariants($node, $db, 'after a new worker');

# A client under the odd ones: functions, and run_due_timers().
$node->safe_psql($db, 'SELECT pause_timers()');
my $mine = $node->safe_psql($db, "SELECT public.create_campaign(2, pg_catalog.now() - interval '1 hour')");
$node->safe_psql($db, 'SELECT resume_timers()');
poll_is($node, $db, "SELECT status FROM campaigns WHERE id = '$mine'", 'RUNNING', 'create_campaign() makes a campaign that starts');
{
	local $ENV{PGOPTIONS} = $ENV{PGOPTIONS} =~ s/search_path=public/search_path=hostile,pg_catalog,public/r;
	$node->safe_psql($db, "SELECT public.reschedule_campaign('$mine', duration_hours => 3); SELECT public.schedule_timer('$mine', 'EXPIRE_CAMPAIGN', pg_catalog.now() + interval '1 day')
		FROM public.campaigns WHERE id = '$mine' AND false; SELECT public.transition_campaign('$mine', 'CLOSED'); SELECT public.run_due_timers();
		SELECT count(*) FROM public.campaign_health(); SELECT count(*) FROM public.campaign_timeline('$mine')");
}
query_is($node, $db, "SELECT status <> 'RUNNING', extract(epoch FROM end_time - start_time) FROM campaigns WHERE id = '$mine'", 't|10800.000000', 'API functions do the same under a hostile search_path');
query_is($node, $db, 'SELECT (SELECT count(*) FROM hostile.campaigns) + (SELECT count(*) FROM hostile.campaign_timers) + (SELECT count(*) FROM hostile.campaign_state_log)', 0, 'the planted tables are empty');
check_invariants($node, $db, 'at the end');

$node->stop;
my @errors = grep { /campaign_lifecycle (worker|launcher)/ && /(ERROR|PANIC|WARNING|could not)/ && !/terminating/ } split /\n/, PostgreSQL::Test::Utils::slurp_file($node->logfile);
is(join("\n", @errors), '', 'the log has no error of worker or launcher');
done_testing();
