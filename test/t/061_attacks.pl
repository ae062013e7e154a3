# CREATE EXTENSION runs no planted code, and every function of the extension takes any arguments, in any place, from any role.
#
# The attacker is mallory, a role with every privilege on the tables and CREATE on the schema. Hostile code is loot.spring(), which records
# the role that it runs as. A superuser must not be recorded, the server must not crash, and an error must say what is wrong.

use strict;
use warnings FATAL => 'all';
use CampaignLoot;
use CampaignServer;
use Test::More;

my $node = campaign_server(
	'attacks', extension => 0, conf => q{
campaign_lifecycle.retry_base_delay = '1ms'
campaign_lifecycle.retry_jitter = 0
});

sub sql { return $node->safe_psql('postgres', $_[0]) }

sub error_of
{
	my ($query) = @_;
	my ($code, $out, $err) = $node->psql('postgres', $query);
	return $err;
}

# Run each statement in one session of the role, and undo it. Return those that end in an internal error or a crash.
sub unanswered
{
	my ($role, @attempts) = @_;
	my (undef, undef, $err) = $node->psql(
		'postgres', "\\set VERBOSITY verbose\n\\set ON_ERROR_ROLLBACK on\n" . join('', map { "\\warn <<<$_\nBEGIN;\n$_;\nROLLBACK;\n" } @attempts),
		on_error_stop => 0, extra_params => [ '-U', $role ]);
	my @told = split /^<<</m, $err;
	return join '', "only $#told of " . @attempts . ' were tried: ' . $told[-1], grep { /XX000|server closed|terminat/ } @told if $#told < @attempts;
	return join '', grep { /XX000|server closed|terminat/ } @told;
}

my $superuser = sql('SELECT current_user');
lay_traps($node, 'postgres');

#---------------------------------------------------------------------------------------------------------------------
# Planted before CREATE EXTENSION. The server runs the script with the schema first in its search_path. A naive script compares an oid with
# a regclass: no operator of the server's fits exactly, mallory's does, and runs as the superuser.

sql(q{
	SET ROLE mallory;
	CREATE FUNCTION public.planted_a(oid, regclass) RETURNS boolean LANGUAGE sql AS $$ SELECT loot.spring('planted operator oid = regclass') AND $1 OPERATOR(pg_catalog.=) $2::pg_catalog.oid $$;
	CREATE OPERATOR public.= (LEFTARG = oid, RIGHTARG = regclass, FUNCTION = public.planted_a);
	CREATE FUNCTION public.planted_b(oid, regnamespace) RETURNS boolean LANGUAGE sql AS $$ SELECT loot.spring('planted operator oid = regnamespace') AND $1 OPERATOR(pg_catalog.=) $2::pg_catalog.oid $$;
	CREATE OPERATOR public.= (LEFTARG = oid, RIGHTARG = regnamespace, FUNCTION = public.planted_b);
	CREATE FUNCTION public.planted_c(name, text) RETURNS boolean LANGUAGE sql AS $$ SELECT loot.spring('planted operator name = text') AND $1::pg_catalog.text OPERATOR(pg_catalog.=) $2 $$;
	CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = text, FUNCTION = public.planted_c)});
is(sql(q{SET search_path = public; SELECT 1::oid = 1::regclass; SELECT count(*) > 0 FROM loot.notes}), "t\nt", 'a planted operator is taken by a statement that finds it');
sql('ALTER ROLE mallory NOSUPERUSER; TRUNCATE loot.notes');

# Tables and functions under the names of ours: nothing is adopted from a stranger, nothing replaced.
sql(q{SET ROLE mallory; CREATE TABLE public.campaigns (id integer)});
like(error_of('CREATE EXTENSION campaign_lifecycle'), qr/already holds an object that campaign_lifecycle would make: relation campaigns.*HINT/s, 'CREATE EXTENSION refuses a schema with a table of that name');
sql(q{SET ROLE mallory; DROP TABLE public.campaigns; CREATE TABLE public.campaign_tables_version AS SELECT '1.1' AS version; CREATE TABLE public.campaigns (id integer)});
like(error_of('CREATE EXTENSION campaign_lifecycle'), qr/belong to another role: .* owned by mallory/, 'CREATE EXTENSION does not adopt tables of another role');
sql(q{SET ROLE mallory; DROP TABLE public.campaigns, public.campaign_tables_version;
	CREATE FUNCTION public._wake_worker() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM loot.spring('planted _wake_worker()'); RETURN NEW; END $$});
like(error_of('CREATE EXTENSION campaign_lifecycle'), qr/function "_wake_worker" already exists/, 'CREATE EXTENSION refuses a schema with a function of that name');
sql('DROP FUNCTION public._wake_worker()');
sql(q{GRANT CREATE ON DATABASE postgres TO mallory; SET ROLE mallory; CREATE SCHEMA campaign_lifecycle_internal;
	CREATE FUNCTION campaign_lifecycle_internal._uuid_v7() RETURNS uuid LANGUAGE sql AS $$ SELECT CASE WHEN loot.spring('planted _uuid_v7()') THEN gen_random_uuid() END $$});
like(error_of('CREATE EXTENSION campaign_lifecycle'), qr/schema "campaign_lifecycle_internal" already exists.*HINT:  .*RENAME TO/s, 'CREATE EXTENSION refuses a planted schema of its internal functions');
sql('DROP SCHEMA campaign_lifecycle_internal CASCADE; REVOKE CREATE ON DATABASE postgres FROM mallory');

sql('CREATE EXTENSION campaign_lifecycle');
is(sql('SELECT count(*) FROM loot.notes'), 0, 'CREATE EXTENSION calls no planted operator');
# They would be taken in every session of this test as well.
sql('DROP FUNCTION public.planted_a, public.planted_b, public.planted_c CASCADE');

sql(q{
	SELECT set_campaign_owner('tables_owner');
	SELECT grant_campaign_access('mallory', 'operator'), grant_campaign_access('mallory', 'writer');
	GRANT ALL ON ALL TABLES IN SCHEMA public TO mallory;
	GRANT CREATE ON SCHEMA public TO mallory});

#---------------------------------------------------------------------------------------------------------------------
# Ours replaced, or called where they do not belong

for my $what (
	[ 'CREATE OR REPLACE FUNCTION campaign_lifecycle_internal._apply_timers(timer_ids uuid[], as_of timestamptz) RETURNS timestamptz LANGUAGE sql AS $$ SELECT now() $$', 'CREATE OR REPLACE of a function of ours' ],
	[ 'ALTER FUNCTION public.run_due_timers(integer, timestamptz) RESET search_path', 'ALTER of one' ],
	[ 'DROP FUNCTION campaign_lifecycle_internal._wake()', 'DROP of one' ],
	[ 'CREATE OR REPLACE VIEW public.campaign_workers AS SELECT 1', 'CREATE OR REPLACE of the view of the extension' ],
	[ 'ALTER EXTENSION campaign_lifecycle ADD FUNCTION loot.now()', 'a function put into the extension' ],
	[ 'ALTER TABLE public.campaigns DISABLE TRIGGER ALL', 'triggers switched off' ])
{
	like(error_of("SET ROLE mallory; $what->[0]"), qr/must be owner of|permission denied for schema campaign_lifecycle_internal/, "$what->[1] is refused");
}

# Every function of ours with NULLs, and each C function with whatever its types hold. An ERROR is an answer; a crash is not.
my $started = sql('SELECT pg_postmaster_start_time()');
my @functions = split /\n/, sql(q{
	SELECT format('%s(%s)', p.oid::regproc, (SELECT string_agg(format('NULL::%s', t::regtype), ', ') FROM unnest(p.proargtypes) AS t))
	FROM pg_proc AS p JOIN pg_depend AS d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
	JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'campaign_lifecycle'
	WHERE p.prokind = 'f' AND p.proname NOT IN ('uninstall_campaign_tables', 'set_campaign_owner')});
is(unanswered($_, map { "SELECT * FROM $_" } @functions), '', @functions . " functions with NULL, called by $_: each answers, or says what is wrong") for 'mallory', 'tables_owner', $superuser;
is( unanswered(
		$superuser,
		map { "SELECT * FROM $_" } (map { "campaign_lifecycle_internal._run_due_timers($_)" } "'infinity', 10", "'-infinity', 10", "now(), -1", "now(), 2147483647", "'294276-12-31', 1"),
		(map { "campaign_lifecycle_internal._run_maintenance_as_owner($_)" } "'', now(), '1 year', 1", "repeat('x', 100000), now(), NULL, NULL", "'create_monthly_partitions', 'infinity', NULL, 3",
			"'create_monthly_partitions', now(), NULL, 9223372036854775807", "'archive_old_state_logs', '-infinity', '178000000 years', 0", "'cleanup_timer_executions', now(), '-1 year', -1",
			"'set_cron_database', now(), NULL, NULL", "'set_cron_database', NULL, NULL, -1", "'refresh_if_changed', NULL, NULL, 1259", "'refresh_if_changed', NULL, NULL, 9223372036854775807",
			"'cleanup_metrics', '-infinity', '178000000 years', NULL"),
		(map { "campaign_lifecycle_internal._change_check_list($_)" } "0, 'x', 'y', 'A', true, true", "'pg_catalog.pg_class', '', 'relname', '', false, false", "'public.campaigns', 'campaigns_pkey', 'id', 'A', true, true",
			"'public.campaigns', 'valid_duration', 'duration_hours', 'A', true, true"),
		(map { "campaign_lifecycle_internal._change_trigger_list($_)" } "0, 'x', 'y', 'A', true", "'public.campaigns', 'protect_campaign', 'id', 'A', true"),
		(map { "campaign_lifecycle_internal._change_names_as_owner($_)" } "'', 'A', true", "'state', repeat('x', 100000), true", "'state', '', false"),
		'campaign_lifecycle_internal._maintenance_commands_as_owner()', "campaign_lifecycle_internal._health_as_owner('infinity')", "campaign_lifecycle_internal._health_as_owner('-infinity')", "campaign_lifecycle_internal._is_run_by_live_process(gen_random_uuid())", 'campaign_lifecycle_internal._workers()', 'campaign_lifecycle_internal._in_transaction_block()', 'campaign_lifecycle_internal._uuid_v7()', 'campaign_lifecycle_internal._wake()'),
	'', 'C functions with odd arguments: each answers, or says what is wrong');

# Trigger functions called directly, at the wrong time, on tables of any shape, on a foreign table. A naive function reads columns by number.
my @trigger_functions = split /\n/, sql(q{
	SELECT p.oid::regproc FROM pg_proc AS p JOIN pg_depend AS d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
	JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'campaign_lifecycle' WHERE p.prorettype = 'trigger'::regtype ORDER BY 1});
cmp_ok(scalar @trigger_functions, '>=', 7, 'there are at least seven trigger functions');
sql(q{
	CREATE FOREIGN DATA WRAPPER nothing;
	CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
	CREATE SCHEMA odd;
	CREATE TABLE odd.bare (a integer);
	CREATE TABLE odd.other_types (id text, status integer, metadata integer, created_at text, updated_at text, scheduled_at text, campaign_id integer, timer_type integer,
		start_time text, end_time integer, duration_hours text, handler_owner integer, retry_count text);
	CREATE TABLE odd.dropped (x integer, id uuid, status varchar(20), metadata jsonb, created_at timestamptz, updated_at timestamptz, scheduled_at timestamptz, campaign_id uuid,
		start_time timestamptz, end_time timestamptz, duration_hours integer, handler_owner name, retry_count integer);
	ALTER TABLE odd.dropped DROP COLUMN x, DROP COLUMN metadata;
	CREATE TABLE odd.parted (LIKE odd.dropped) PARTITION BY LIST (status);
	CREATE TABLE odd.part PARTITION OF odd.parted DEFAULT;
	CREATE FOREIGN TABLE odd.foreign_one (a integer) SERVER nowhere;
	CREATE TABLE odd.generated (id uuid, status varchar(20) GENERATED ALWAYS AS ('RUNNING') STORED, metadata jsonb, created_at timestamptz, updated_at timestamptz GENERATED ALWAYS AS ('2026-01-01 00:00:00+00') STORED,
		scheduled_at timestamptz, campaign_id uuid, start_time timestamptz, end_time timestamptz, duration_hours integer, handler_owner name, retry_count integer, only_when name);
	CREATE VIEW odd.seen AS SELECT * FROM odd.other_types});
my ($directly, @attempts) = ('');
for my $function (@trigger_functions)
{
	my $err = error_of("\\set VERBOSITY verbose\nSELECT $function()");
	$directly .= "$function(): $err" unless $err =~ /0A000|39P01/;
	for my $table ('bare', 'other_types', 'dropped', 'parted', 'foreign_one', 'generated')
	{
		my $set = $table =~ /bare|foreign/ ? 'a = 1' : $table eq 'generated' ? "metadata = '{}'" : 'status = 1';
		for my $kind ('BEFORE INSERT OR UPDATE OR DELETE', 'AFTER INSERT OR UPDATE OR DELETE')
		{
			push @attempts, map {
				"INSERT INTO odd.$table DEFAULT VALUES; CREATE TRIGGER t $kind ON odd.$table FOR EACH $_ EXECUTE FUNCTION $function(); INSERT INTO odd.$table DEFAULT VALUES; UPDATE odd.$table SET $set; DELETE FROM odd.$table"
			} 'ROW', 'STATEMENT';
		}
	}
	# The other kinds of triggers there are.
	my $call = "EXECUTE FUNCTION $function()";
	push @attempts, "CREATE TRIGGER t BEFORE TRUNCATE ON odd.other_types $call; TRUNCATE odd.other_types", "CREATE TRIGGER t AFTER TRUNCATE ON odd.dropped $call; TRUNCATE odd.dropped",
	  "CREATE TRIGGER t INSTEAD OF INSERT OR UPDATE OR DELETE ON odd.seen FOR EACH ROW $call; INSERT INTO odd.other_types VALUES ('x'); INSERT INTO odd.seen VALUES ('x'); UPDATE odd.seen SET id = 'y'; DELETE FROM odd.seen",
	  "INSERT INTO odd.dropped (status) VALUES ('CREATED'); CREATE CONSTRAINT TRIGGER t AFTER INSERT OR UPDATE OR DELETE ON odd.dropped DEFERRABLE INITIALLY DEFERRED FOR EACH ROW $call; "
	  . "INSERT INTO odd.dropped (status) VALUES ('CREATED'); UPDATE odd.dropped SET status = 'RUNNING'; DELETE FROM odd.dropped; SET CONSTRAINTS ALL IMMEDIATE",
	  "INSERT INTO odd.dropped (status) VALUES ('CREATED'); CREATE TRIGGER t AFTER UPDATE ON odd.dropped REFERENCING NEW TABLE AS n OLD TABLE AS o FOR EACH ROW $call; UPDATE odd.dropped SET status = 'RUNNING'";
}
is($directly, '', 'trigger functions refuse a direct call');
is(unanswered($superuser, @attempts), '', @attempts . ' triggers in every wrong place: each answers, or says what is wrong');

# A log of somebody else's: the owner of the tables may put the trigger that writes the log on a table of his beside it, with a machine of his own.
# A naive function writes the log with the rights of the log's owner, whoever made the table, and reads the machine with them, too.
sql(q{
	CREATE SCHEMA archive;
	GRANT USAGE, CREATE ON SCHEMA archive TO tables_owner;
	CREATE TABLE archive.campaign_state_log (LIKE public.campaign_state_log)});
my $err = error_as(
	$node, 'postgres', 'tables_owner', q{
	\set VERBOSITY verbose
	CREATE TABLE archive.own (id uuid, status varchar(20), metadata jsonb, created_at timestamptz, updated_at timestamptz);
	CREATE VIEW archive.campaign_state_transitions AS SELECT 'CREATED' AS from_state, 'RUNNING' AS to_state WHERE loot.spring('machine');
	CREATE TRIGGER remember AFTER INSERT OR UPDATE ON archive.own FOR EACH ROW EXECUTE FUNCTION public.log_campaign_state_change();
	CREATE TRIGGER write AFTER INSERT OR UPDATE ON archive.own FOR EACH STATEMENT EXECUTE FUNCTION public.log_campaign_state_change();
	INSERT INTO archive.own VALUES (gen_random_uuid(), 'CREATED', '{}', now(), now());
	UPDATE archive.own SET status = 'RUNNING'});
like($err, qr/ERROR:  42501: table "own" and the campaign_state_log beside it have different owners/, 'a log of another role cannot be written through the log trigger');
is(sql('SELECT count(*) FROM archive.campaign_state_log'), 0, 'the log of another role has no forged row');
is(sql("SELECT count(*) FROM loot.notes WHERE who = '$superuser'"), 0, 'the owner of that log has run no hostile code');
is(sql('SELECT pg_postmaster_start_time()'), $started, 'the server has not restarted');
sql('DROP SCHEMA odd, archive CASCADE; TRUNCATE loot.notes');

$node->stop;
done_testing();
