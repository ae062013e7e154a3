# Removing the extension and the tables, and renaming what they are named by: a schema, a role.
#
# Every message says what stays and what to do.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = campaign_server('removal', extension => 0, conf => "campaign_lifecycle.naptime = '1s'\n");

# Run statements, and return what they wrote to stderr.
sub messages
{
	my ($db, $sql) = @_;
	my (undef, undef, $err) = $node->psql($db, $sql, on_error_stop => 0);
	return $err;
}

# Every function for users, with arguments that are valid but name no row.
my $id = "'00000000-0000-7000-8000-000000000000'";
my %calls = (
	create_campaign => '1', schedule_campaign_timers => $id, schedule_missing_timers => '', reschedule_campaign => "$id, now()", transition_campaign => "$id, 'RUNNING'",
	cancel_campaign => $id, schedule_timer => "$id, 'START_CAMPAIGN', now()", reschedule_timer => "$id, now()", cancel_timer => $id,
	retry_timer => $id, record_metric => "$id, 'X', 1", run_due_timers => '', campaign_timeline => $id, archive_old_state_logs => '',
	cleanup_timer_executions => '', cleanup_campaign_changes => '', extend_campaign => "$id, 1", current_event_id => '',
	campaign_events_since => 'NULL', create_monthly_partitions => '', schedule_maintenance => '', unschedule_maintenance => '',
	add_campaign_state => "'X'", drop_campaign_state => "'X'", add_timer_type => "'X'", drop_timer_type => "'X'",
	register_handler => "'START_CAMPAIGN', 'pg_catalog.now()'", unregister_handler => "'START_CAMPAIGN'", resume_timers => '',
	upgrade_campaign_tables => '', uninstall_campaign_tables => '', grant_campaign_access => "'pg_monitor', 'reader'",
	revoke_campaign_access => "'pg_monitor'", set_campaign_owner => "'pg_monitor'", backfill_column => "'pg_class', 'relname', '1'");

sub call_of
{
	my ($schema, $function) = @_;
	return ($function eq 'backfill_column' ? 'CALL' : 'SELECT') . " $schema.$function($calls{$function})";
}

in_database($node, 'DROP EXTENSION says what stays and how to remove it', sub {
	my ($db) = @_;
	add_due_campaigns($node, $db, 1);
	my $err = messages($db, 'DROP EXTENSION campaign_lifecycle');
	like($err, qr/NOTICE:\s+the campaign tables stay in schema "public".*HINT:.*uninstall_campaign_tables\(\)/s, 'a notice');
	# The hint does what it says.
	my ($create, $remove) = $err =~ /HINT:\s+(CREATE EXTENSION .*?) adopts.*?(SELECT .*;)/s;
	ok(defined $remove, 'its hint has the statements') or return;
	$node->safe_psql($db, "SET client_min_messages = error; $create; $remove");
	query_is($node, $db, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace", 0, 'after them nothing is left');
	$node->safe_psql($db, 'CREATE EXTENSION campaign_lifecycle; SELECT uninstall_campaign_tables()');
	is(messages($db, 'DROP EXTENSION campaign_lifecycle'), '', 'no notice where there are no tables');
	like(messages($db, 'DROP EXTENSION IF EXISTS campaign_lifecycle'), qr/\A[^\n]*NOTICE:  extension "campaign_lifecycle" does not exist, skipping\s*\z/, 'nor where there is no extension');
});

in_database($node, 'uninstall_campaign_tables() names the objects of the user that depend on the tables', sub {
	my ($db) = @_;
	$node->safe_psql($db, 'CREATE VIEW running AS SELECT id FROM campaigns; CREATE TABLE notes (campaign_id uuid CONSTRAINT for_campaign REFERENCES campaigns, c campaigns); CREATE VIEW waits AS SELECT * FROM upcoming_timers');
	my $err = messages($db, 'SELECT uninstall_campaign_tables()');
	like($err, qr/HINT:.*$_/, "the hint names $_") for 'view public.running', 'view public.waits', 'constraint for_campaign on table public.notes', 'column c of table public.notes';
	unlike($err, qr/CASCADE/, 'and no CASCADE');
	unlike($err, qr/HINT:.*campaign_timers/, 'nor what the function drops itself');
	query_is($node, $db, 'SELECT count(*) FROM campaigns', 0, 'nothing was removed');
	$node->safe_psql($db, 'DROP VIEW running, waits; DROP TABLE notes; SELECT uninstall_campaign_tables()');
});

in_database($node, 'every function says that the tables are missing', sub {
	my ($db) = @_;
	my $functions = $node->safe_psql($db, q{
		SELECT string_agg(p.proname, ' ' ORDER BY p.proname) FROM pg_proc AS p
		WHERE p.pronamespace = 'public'::regnamespace AND p.prorettype <> 'trigger'::regtype
			AND p.proname NOT IN ('campaign_health', 'pause_timers', 'install_campaign_tables')});
	is($functions, join(' ', sort keys %calls), 'every function for users is called here');
	$node->safe_psql($db, 'SELECT uninstall_campaign_tables()');
	for my $function (sort keys %calls)
	{
		like(messages($db, "\\set VERBOSITY verbose\n" . call_of('public', $function)), qr/ERROR:\s+42P01: the campaign tables (?:are missing|do not exist).*HINT:.*install_campaign_tables\(\)/s, "$function() does");
	}
	$node->safe_psql($db, 'SELECT pause_timers(); SELECT install_campaign_tables(); SELECT resume_timers()');
	add_due_campaigns($node, $db, 1);
	poll_is($node, $db, "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 1, 'install_campaign_tables() makes them again, and timers fire');
});

#---------------------------------------------------------------------------------------------------------------------
# Renames

scenario('every function says that the schema was renamed', sub {
	$node->safe_psql('postgres', 'CREATE DATABASE renamed');
	$node->safe_psql('renamed', 'CREATE SCHEMA lifecycle; CREATE EXTENSION campaign_lifecycle SCHEMA lifecycle; SELECT lifecycle.create_campaign(1)');
	$node->poll_query_until('renamed', "SELECT count(*) = 1 FROM lifecycle.campaigns WHERE status = 'RUNNING'") or die;
	$node->safe_psql('renamed', 'ALTER SCHEMA lifecycle RENAME TO "Other Name"');
	$node->safe_psql('renamed', q{UPDATE "Other Name".campaign_timers SET scheduled_at = now() - interval '1 minute' WHERE status = 'PENDING'});
	for my $function (sort(keys %calls, 'pause_timers', 'install_campaign_tables'))
	{
		local $calls{$function} = $calls{$function} // '';
		like(messages('renamed', call_of('"Other Name"', $function)), qr/ERROR:  the schema of extension "campaign_lifecycle" was renamed.*"Other Name".*HINT:.*DROP EXTENSION.*CREATE EXTENSION campaign_lifecycle SCHEMA "Other Name"/s, "$function() does");
	}
	query_is($node, 'renamed', 'SELECT check_name, status, value FROM "Other Name".campaign_health()', 'schema|critical|"Other Name"', 'campaign_health() reports it');
	sleep 3;
	my @lines = slurp_file($node->logfile) =~ /the schema of extension "campaign_lifecycle" was renamed$/mg;
	is(scalar @lines, 1, 'the worker logs it once');
	# The way out.
	$node->safe_psql('renamed', 'SET client_min_messages = error; DROP EXTENSION campaign_lifecycle; CREATE EXTENSION campaign_lifecycle SCHEMA "Other Name"');
	query_is($node, 'renamed', q{SELECT status FROM "Other Name".campaigns}, 'RUNNING', 'CREATE EXTENSION in the new schema adopts the tables');
	$node->safe_psql('renamed', 'SELECT "Other Name".resume_timers()');
	poll_is($node, 'renamed', q{SELECT status FROM "Other Name".campaigns}, 'CLOSED', 'timers fire after resume_timers()');
	query_is($node, 'renamed', q{SELECT count(*) FROM "Other Name".campaign_health() WHERE status = 'critical'}, 0, 'health is satisfied');
	# So is the other way.
	$node->safe_psql('renamed', 'ALTER SCHEMA "Other Name" RENAME TO later; ALTER SCHEMA later RENAME TO "Other Name"');
	query_is($node, 'renamed', q{SELECT "Other Name".create_campaign(1) IS NOT NULL}, 't', 'a schema that is renamed back works');
	$node->safe_psql('postgres', 'DROP DATABASE renamed WITH (FORCE)');
});

in_database($node, 'a role that is renamed keeps its handler', sub {
	my ($db) = @_;
	$node->safe_psql($db, q{
		CREATE ROLE removal_bob;
		CREATE SCHEMA app AUTHORIZATION removal_bob;
		SELECT grant_campaign_access('removal_bob', 'operator');
		SET ROLE removal_bob;
		CREATE FUNCTION app.handle(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb LANGUAGE sql SET search_path = pg_catalog AS $$ SELECT jsonb_build_object('as', current_user) $$;
		SELECT register_handler('START_CAMPAIGN', 'app.handle(uuid, uuid, jsonb)')});
	$node->safe_psql($db, 'ALTER ROLE removal_bob RENAME TO removal_bobby');
	$node->safe_psql($db, 'SELECT create_campaign(1)');
	poll_is($node, $db, "SELECT result->'handler'->>'as' FROM timer_executions WHERE status <> 'STARTED'", 'removal_bobby', 'the handler is called as the role under its new name');
	query_is($node, $db, "SELECT count(*) FROM timer_executions WHERE status = 'FAILED'", 0, 'no attempt is lost');
	$node->safe_psql($db, q{SET ROLE removal_bobby; SELECT register_handler('START_CAMPAIGN', 'app.handle(uuid, uuid, jsonb)', '5 seconds')});
	query_is($node, $db, 'SELECT handler_owner, timeout FROM campaign_timer_handlers', 'removal_bobby|00:00:05', 'the role registers it again, under its new name');
	# The name alone does not make another role its owner.
	$node->safe_psql($db, 'CREATE ROLE removal_bob; ALTER FUNCTION app.handle(uuid, uuid, jsonb) OWNER TO removal_bob');
	$node->safe_psql($db, 'SELECT create_campaign(1)');
	poll_is($node, $db, "SELECT count(*) FROM timer_executions WHERE error_message LIKE '42501: function app.handle(uuid,uuid,jsonb) belongs to removal_bob, not to removal_bobby'", 1, 'a function that has another owner is refused');
	# DROP OWNED and REFRESH change the same rows of the catalog, and one of them would fail.
	poll_is($node, $db, "SELECT count(*) FROM campaign_maintenance_jobs WHERE enabled AND last_outcome IS DISTINCT FROM 'ok'", 0, 'the first round of maintenance has ended');
	$node->safe_psql($db, 'DROP OWNED BY removal_bob, removal_bobby; DROP ROLE removal_bob, removal_bobby');
});

$node->stop;
done_testing();
