# Functions, operators, types and casts that a role with CREATE on the schema plants beside ours, while the extension is at work and before ALTER
# EXTENSION UPDATE.
#
# For each function of the extension mallory makes every overload that might fit a call better: fewer arguments, and each argument of every type that a
# literal or a column of ours could be taken for. For operators, the mixed types that the server itself has none for. Each of them notes as whom it
# runs. Then a campaign lives its life by the worker, all API functions are called, some by a superuser, and the extension is updated from 1.1, once
# over tables of a superuser and once over tables of a plain role with traps on each. None of them may be called, although they
# fit better, and the traps must run as the plain role.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignLoot;
use CampaignServer;
use Test::More;

# This test's own sessions must not meet what is planted.
$ENV{PGOPTIONS} = '-c search_path=pg_catalog';

my $node = campaign_server('attacks_planted', extension => 0);
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');

sub sql
{
	my ($db, $query) = @_;
	return $node->safe_psql($db, $query);
}

sub no_planted_function_ran
{
	my ($db, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(sql($db, "SELECT string_agg(DISTINCT what || ' as ' || who, E'\\n') FROM loot.notes WHERE what ~ '^(overload|operator|cast) '"), '', "$what: nothing that was planted was called");
}

my %taken_for = (
	'text'                       => [ 'varchar', 'name', '"char"', 'regclass' ],
	'timestamp with time zone'   => [ 'timestamp', 'date', 'text' ],
	'interval'                   => [ 'text', 'time' ],
	'integer'                    => [ 'bigint', 'smallint', 'numeric', 'text' ],
	'bigint'                     => [ 'integer', 'numeric', 'text' ],
	'boolean'                    => [ 'text', 'integer' ],
	'jsonb'                      => [ 'json', 'text' ],
	'regclass'                   => [ 'oid', 'text' ],
	'regprocedure'               => [ 'oid', 'text', 'regproc' ],
	'regrole'                    => [ 'oid', 'text', 'name' ],
	'oid'                        => [ 'regclass', 'regtype', 'regrole', 'regnamespace', 'bigint', 'integer', 'text' ],
	'name'                       => [ 'text', 'varchar' ],
	'uuid[]'                     => [ 'text[]', 'text', 'anyarray' ],
	'text[]'                     => [ 'varchar[]', 'name[]', 'text', 'anyarray' ],
	'timestamp with time zone[]' => [ 'timestamp[]', 'text[]', 'anyarray' ]);

# Of all functions of the extension as this version has them.
sub overloads
{
	my ($db) = @_;
	my %made;
	for my $line (split /\n/, sql($db, q{
		SELECT pg_catalog.concat_ws('|', p.proname, CASE WHEN p.proretset OR p.prorettype IN ('record'::regtype, 'trigger'::regtype) THEN 'void' ELSE format_type(p.prorettype, NULL) END,
			(SELECT string_agg(format_type(t, NULL), ';' ORDER BY place) FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS a (t, place)))
		FROM pg_proc AS p JOIN pg_depend AS d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
		JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'campaign_lifecycle' WHERE p.prokind = 'f' AND p.prorettype <> 'trigger'::regtype}))
	{
		my ($name, $result, $types) = split /\|/, $line;
		my @types = split /;/, $types // '';
		my @signatures = ((map { [ @types[ 0 .. $_ - 1 ] ] } 0 .. $#types), [ map { 'text' } @types ], [ @types, 'text' ]);
		for my $i (0 .. $#types)
		{
			push @signatures, map { my @other = @types; $other[$i] = $_; \@other } @{ $taken_for{ $types[$i] } // ['text'] }, 'anyelement';
		}
		for my $signature (@signatures)
		{
			next if "@$signature" eq "@types";
			my $call = "public.$name(" . join(', ', @$signature) . ')';
			$made{$call} = "CREATE FUNCTION $call RETURNS $result LANGUAGE plpgsql AS \$\$ BEGIN PERFORM loot.spring('overload $call'); RETURN" . ($result eq 'void' ? '' : ' NULL') . "; END \$\$;\n";
		}
	}
	return \%made;
}

# How many arguments each call in the text of our functions leaves to a default: an overload without that argument would fit better.
sub left_out
{
	my ($db) = @_;
	my %arguments = map { split /\|/ } split /\n/, sql($db, q{SELECT proname || '|' || max(pronargs) FROM pg_proc WHERE pronamespace IN ('public'::regnamespace, 'campaign_lifecycle_internal'::regnamespace) GROUP BY proname});
	my @found;
	for my $function (split /\x1e/, sql($db, q{SELECT string_agg(proname || E'\x1f' || prosrc, E'\x1e') FROM pg_proc WHERE pronamespace IN ('public'::regnamespace, 'campaign_lifecycle_internal'::regnamespace) AND prosrc ~ '(public|campaign_lifecycle_internal)[.]'}))
	{
		my ($name, $text) = split /\x1f/, $function;
		while ($text =~ /(?<!FUNCTION )(?<!PROCEDURE )(?<!ROUTINE )\b(?:public|campaign_lifecycle_internal)\.(\w+)(\((?:[^()']|'(?:[^']|'')*'|(?2))*\))/g)
		{
			my ($called, $inside) = ($1, $2);
			next unless exists $arguments{$called};
			$inside = substr $inside, 1, -1;
			1 while $inside =~ s/'(?:[^']|'')*'|(\((?:[^()']|'(?:[^']|'')*'|(?1))*\))|\[[^\[\]]*\]/x/;
			my $given = $inside =~ /\S/ ? 1 + ($inside =~ tr/,//) : 0;
			push @found, "$name: $called with $given" if $given < $arguments{$called};
		}
	}
	return join "\n", sort @found;
}

# One that is a function of ours already stays what it is.
sub plant
{
	my ($db, $overloads) = @_;
	my (undef, undef, $err) = $node->psql($db, "SET client_min_messages = error;\n" . join('', map { $overloads->{$_} } sort keys %$overloads), on_error_stop => 0, extra_params => [ '-U', 'mallory' ]);
	return;
}

sub plant_operators
{
	my ($db) = @_;
	my $n = 0;
	my $planted = '';
	for my $pair (
		'oid, regclass', 'oid, regnamespace', 'oid, regrole', 'oid, regtype', 'oid, regproc', 'oid, regprocedure', 'regclass, oid', 'regclass, regclass', 'regclass, text', 'name, varchar', 'varchar, varchar', 'varchar, text',
		'text, varchar', 'varchar, name', '"char", text', 'text, "char"', 'integer, oid', 'oid, integer', 'oid, bigint', 'timestamptz, text', 'interval, text', 'uuid, text', 'text, uuid', 'jsonb, json', 'boolean, text')
	{
		my ($left, $right) = split /, /, $pair;
		$n++;
		$planted .= "CREATE FUNCTION public.planted_$n($pair) RETURNS boolean LANGUAGE plpgsql AS \$\$ BEGIN RETURN loot.spring('operator for $pair'); END \$\$;\n";
		$planted .= "CREATE OPERATOR public.$_ (LEFTARG = $left, RIGHTARG = $right, FUNCTION = public.planted_$n);\n" for '=', '<>', '<', '>', '<=', '>=', '||', '~', '->>', '?';
	}
	as($node, $db, 'mallory', $planted . q{
		CREATE TYPE public.flag AS (a pg_catalog.text);
		CREATE FUNCTION public.to_flag(pg_catalog.text) RETURNS public.flag LANGUAGE plpgsql AS $$ BEGIN PERFORM loot.spring('cast to flag'); RETURN ROW($1)::public.flag; END $$;
		CREATE CAST (pg_catalog.text AS public.flag) WITH FUNCTION public.to_flag(pg_catalog.text) AS IMPLICIT;
		CREATE FUNCTION public.equal_flags(public.flag, public.flag) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN loot.spring('operator for flags'); END $$;
		CREATE OPERATOR public.= (LEFTARG = public.flag, RIGHTARG = public.flag, FUNCTION = public.equal_flags)});
	return;
}

#---------------------------------------------------------------------------------------------------------------------
# Beside an extension that is at work

sql('postgres', 'CREATE DATABASE working');
sql('working',  'CREATE EXTENSION campaign_lifecycle SCHEMA public');
is(left_out('working'), '', 'no call in a function of the extension leaves an argument to a default');
lay_traps($node, 'working');
my $version = sql('working', "SELECT extversion FROM pg_extension WHERE extname = 'campaign_lifecycle'");
my $overloads = overloads('working');
cmp_ok(scalar keys %$overloads, '>', 1000, 'there are ' . keys(%$overloads) . ' overloads');
plant('working', $overloads);
plant_operators('working');
cmp_ok(sql('working', "SELECT count(*) FROM pg_proc WHERE prosrc ~ 'loot.spring\\(''overload'"), '>', 1000, 'mallory has planted more than 1,000 overloads');
# Two that an application would call by mistake, to know that they work.
sql('working', "BEGIN; SET LOCAL search_path = public; SELECT pause_timers('x'::text); SELECT 1::oid = 1::regclass; COMMIT");
is(sql('working', "SELECT string_agg(what, ', ' ORDER BY what) FROM loot.notes WHERE what !~ ' after '"), 'operator for oid, regclass, overload public.pause_timers(text)', 'a planted overload and operator run when they are called');
sql('working', 'ALTER ROLE mallory NOSUPERUSER; TRUNCATE loot.notes');

sql('working', q{
	CREATE ROLE app LOGIN;
	CREATE ROLE other LOGIN;
	SELECT public.set_campaign_owner('tables_owner'::regrole);
	SELECT public.grant_campaign_access('app'::regrole, 'writer'::text), public.grant_campaign_access('app'::regrole, 'operator'::text), public.grant_campaign_access('other'::regrole, 'reader'::text);
	SELECT public.revoke_campaign_access('other'::regrole);
	UPDATE public.campaign_timer_policies SET delay = interval '1 millisecond' WHERE state IN ('CLOSED', 'REWARD_CLAIM');
	UPDATE public.campaign_maintenance_jobs SET enabled = true, retention = CASE WHEN retention IS NOT NULL THEN interval '0' END});
# A month to make, and one to archive.
sql('working', q{
	DO $$ BEGIN EXECUTE 'DROP TABLE ' || (SELECT max(p.part::text) FROM campaign_lifecycle_internal._partitions('public.campaign_state_log'::regclass) AS p); END $$;
	WITH c AS (INSERT INTO public.campaigns (status, duration_hours) VALUES ('EXPIRED', 1) RETURNING id)
	INSERT INTO public.campaign_state_log (campaign_id, to_state, trigger_event, created_at) SELECT id, 'EXPIRED', 'TEST', now() - interval '20 months' FROM c});
# A new worker begins with all of them.
sql('working', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'campaign_lifecycle worker' AND datname = 'working'");
# A campaign lives its life twice: by hand, and by timers with a handler.
for my $caller ('app', $superuser)
{
	as($node, 'working', $caller, q{
		-- Before the worker gets hold of it.
		BEGIN;
		SELECT public.create_campaign(1, now() + interval '2 hours', true, true, '{"name": "x"}'::jsonb, NULL::uuid) AS id \gset
		SELECT public.schedule_campaign_timers(:'id'::uuid);
		SELECT public.reschedule_campaign(:'id'::uuid, now() + interval '1 hour', 2);
		SELECT public.transition_campaign(:'id'::uuid, 'RUNNING'::text, 'X'::text, '{}'::jsonb);
		SELECT public.extend_campaign(:'id'::uuid, 1);
		SELECT public.schedule_timer(:'id'::uuid, 'REWARD_REMINDER'::text, now() + interval '1 hour', '{}'::jsonb, NULL::uuid) AS timer \gset
		SELECT public.reschedule_timer(:'timer'::uuid, now() + interval '2 hours', :'id'::uuid);
		SELECT public.cancel_timer(:'timer'::uuid, 'x'::text, :'id'::uuid);
		UPDATE public.campaign_timers SET status = 'FAILED', retry_count = 5 WHERE campaign_id = :'id' AND timer_type = 'CLOSE_CAMPAIGN';
		SELECT public.retry_timer(t.id, t.campaign_id) FROM public.campaign_timers AS t WHERE t.campaign_id = :'id' AND t.status = 'FAILED';
		SELECT public.record_metric(:'id'::uuid, 'PARTICIPANT_COUNT'::text, 1::numeric, '{}'::jsonb, NULL::uuid);
		SELECT count(*) FROM public.campaign_timeline(:'id'::uuid);
		SELECT count(*) FROM public.campaign_events_since(public.current_event_id(), 10);
		SELECT count(*) FROM public.campaign_events_since(NULL::text, 10);
		SELECT public.cancel_campaign(:'id'::uuid, 'x'::text);
		COMMIT;
		SELECT count(*) FROM public.campaign_health();
		SELECT count(*) FROM public.upcoming_timers, public.campaign_workers, public.campaign_table_sizes;
		SELECT public.pause_timers();
		SELECT public.resume_timers();
		SELECT public.create_campaign(1, now() - interval '1 hour', true, true, '{}'::jsonb, NULL::uuid);
		SELECT public.run_due_timers(100, NULL::timestamptz);
		SELECT public.create_monthly_partitions(2, now()), public.archive_old_state_logs(interval '1 year', now()), public.cleanup_timer_executions(interval '6 months', now(), 10::bigint), public.cleanup_campaign_changes(interval '6 months', now(), 10::bigint)});
}
sql('working', "SELECT public.add_campaign_state('PAUSED'::text), public.add_timer_type('HALF_TIME'::text); SELECT public.drop_campaign_state('PAUSED'::text), public.drop_timer_type('HALF_TIME'::text)");
sql('working', 'SELECT public.upgrade_campaign_tables(); SELECT public.schedule_maintenance(); SELECT public.unschedule_maintenance()');
as($node, 'working', 'app', q{
	CREATE FUNCTION loot.handler(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb LANGUAGE sql SET search_path = pg_catalog AS 'SELECT NULL::jsonb';
	SELECT public.register_handler('START_CAMPAIGN'::text, 'loot.handler(uuid, uuid, jsonb)'::regprocedure, interval '1 second');
	SELECT public.create_campaign(1, now() - interval '1 hour', true, true, '{}'::jsonb, NULL::uuid)});
is(as($node, 'working', 'app', q{SET client_min_messages = error; CREATE TABLE loot.filled (id integer PRIMARY KEY, a integer);
	INSERT INTO loot.filled VALUES (1); CALL public.backfill_column('loot.filled'::regclass, 'a'::name, '7'::text, 100, interval '0'); SELECT a FROM loot.filled}), 7, 'a backfill');
poll_is($node, 'working', "SELECT count(*) FROM public.campaign_timers WHERE status IN ('PENDING', 'FAILED', 'RUNNING')", 0, 'the worker executes every timer');
poll_is($node, 'working', "SELECT count(*) FROM public.campaign_maintenance_jobs WHERE last_outcome IS DISTINCT FROM 'ok'", 0, 'every maintenance job of the worker succeeds');
is(sql('working', "SELECT count(*) FROM public.timer_executions WHERE status = 'FAILED'"), 0, 'no attempt has failed beside the overloads');
is(sql('working', "SELECT DISTINCT status FROM public.campaigns"), 'EXPIRED', 'each campaign is EXPIRED');
as($node, 'working', 'app', q{SELECT public.unregister_handler('START_CAMPAIGN'::text)});
no_planted_function_ran('working', 'functions, worker, maintenance, health');
# Tables made anew; and a schema that holds functions of these names is none to install into.
sql('working', q{
	SELECT public.set_campaign_owner(current_user::regrole);
	TRUNCATE loot.notes;
	SELECT public.uninstall_campaign_tables();
	SELECT public.install_campaign_tables();
	SELECT public.uninstall_campaign_tables();
	DROP EXTENSION campaign_lifecycle});
like(error_as($node, 'working', $superuser, 'CREATE EXTENSION campaign_lifecycle SCHEMA public'), qr/already holds an object that campaign_lifecycle would make: function public\.\w+.*HINT:  .*CREATE SCHEMA/s, 'CREATE EXTENSION refuses a schema with functions of these names');
no_planted_function_ran('working', 'tables removed and made again, DROP and CREATE EXTENSION');

#---------------------------------------------------------------------------------------------------------------------
# Before ALTER EXTENSION UPDATE, over tables of a superuser

sub old_version
{
	my ($db) = @_;
	sql('postgres', "CREATE DATABASE $db");
	sql($db, "CREATE EXTENSION campaign_lifecycle SCHEMA public VERSION '1.1'");
	# The functions of 1.1 wait for the update; its tables accept writes.
	sql($db, q{WITH made AS (INSERT INTO public.campaigns (status, duration_hours, start_time) VALUES ('CREATED', 24, now() + interval '1 day') RETURNING id, start_time)
		INSERT INTO public.campaign_timers (campaign_id, timer_type, scheduled_at)
		SELECT m.id, t.timer_type, m.start_time + t.delay FROM made AS m, (VALUES ('START_CAMPAIGN', interval '0'), ('CLOSE_CAMPAIGN', '24 hours'), ('EXPIRE_CAMPAIGN', '26 hours')) AS t (timer_type, delay)});
	lay_traps($node, $db);
	return;
}
old_version('updated');
plant('updated', $overloads);
plant_operators('updated');
# A schema that would be taken for ours.
sql('updated', 'GRANT CREATE ON DATABASE updated TO mallory');
as($node, 'updated', 'mallory', 'CREATE SCHEMA campaign_lifecycle_internal');
like(error_as($node, 'updated', $superuser, 'ALTER EXTENSION campaign_lifecycle UPDATE'), qr/schema "campaign_lifecycle_internal" already exists.*HINT/s, 'a planted schema of our internal functions is an error of the update');
as($node, 'updated', 'mallory', 'DROP SCHEMA campaign_lifecycle_internal');
sql('updated', 'ALTER EXTENSION campaign_lifecycle UPDATE');
is(sql('updated', "SELECT extversion FROM pg_extension WHERE extname = 'campaign_lifecycle'"), $version, 'ALTER EXTENSION UPDATE succeeds among overloads');
no_planted_function_ran('updated', 'an update');
is(sql('updated', "SELECT count(*) FROM public.campaign_timers"), 3, 'the update keeps the timers');

# Over tables of a plain role, with traps on each: the update writes them as that role.
old_version('given');
my @tables = split /\n/, sql('given', q{
	SELECT c.oid::regclass FROM pg_class AS c
	WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e')});
sql('given', "ALTER TABLE $_ OWNER TO tables_owner") for @tables;
for my $table (split /\n/, sql('given', q{
	SELECT c.oid::regclass FROM pg_class AS c WHERE c.relowner = 'tables_owner'::regrole AND c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition}))
{
	as($node, 'given', 'tables_owner', qq{
		CREATE TRIGGER trapped BEFORE INSERT OR UPDATE OR DELETE ON $table FOR EACH ROW EXECUTE FUNCTION loot.spring_trigger();
		CREATE CONSTRAINT TRIGGER "deferred $table" AFTER INSERT OR UPDATE ON $table DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION loot.spring_trigger();
		CREATE INDEX ON $table ((loot.frozen_trap('index $table')))});
}
sql('given', 'TRUNCATE loot.notes');
sql('given', 'ALTER EXTENSION campaign_lifecycle UPDATE');
is(sql('given', "SELECT count(*) > 0 FROM loot.notes WHERE what = 'deferred public.campaign_tables_version'"), 't', 'an update writes the version') or diag sql('given', 'SELECT DISTINCT what FROM loot.notes');
traps_ran_as($node, 'given', 'tables_owner', 'an update over tables of a plain role');
is(sql('given', "SELECT version FROM public.campaign_tables_version"), sql('given', "SELECT extversion FROM pg_extension WHERE extname = 'campaign_lifecycle'"), 'the tables are of the version of the extension');

$node->stop;
done_testing();
