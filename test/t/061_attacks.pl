# What is put in the way of CREATE EXTENSION, and our functions called by anybody, with anything, anywhere.
#
# The attacker is mallory, who has every privilege on the tables and CREATE on the schema. Hostile code is loot.spring(), which notes as whom
# it runs. The sign of success: no note of a superuser, no crash, and an error that says what is wrong.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
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

# No note of a superuser, in whose name ever, and some note at all. Begins anew.
sub plundered_nothing
{
	my ($what, $roles) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(sql("SELECT string_agg(DISTINCT who, ',' ORDER BY who) FROM loot.notes"), $roles, "$what: hostile code ran as $roles only");
	sql('TRUNCATE loot.notes');
	return;
}

sql(q{
	CREATE ROLE tables_owner NOLOGIN;
	CREATE ROLE mallory LOGIN;
	CREATE SCHEMA loot;
	GRANT ALL ON SCHEMA loot TO PUBLIC;
	CREATE TABLE loot.notes (what text, who text);
	GRANT ALL ON loot.notes TO PUBLIC;
	GRANT TEMPORARY ON DATABASE postgres TO PUBLIC;
	GRANT USAGE, CREATE ON SCHEMA public TO mallory;
	SET ROLE mallory;
	-- Whatever is tried and refused leaves the rest of the attack standing.
	CREATE FUNCTION loot.spring(what text) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog AS $$
	DECLARE
		attempt text;
	BEGIN
		INSERT INTO loot.notes VALUES (what, current_user);
		FOREACH attempt IN ARRAY ARRAY['RESET ROLE', 'SET ROLE postgres', 'SET ROLE NONE', 'SET SESSION AUTHORIZATION DEFAULT', 'SET SESSION AUTHORIZATION postgres',
			'SELECT pg_catalog.set_config(''role'', ''none'', false)', 'SELECT pg_catalog.set_config(''session_authorization'', ''postgres'', false)',
			'CREATE TEMPORARY VIEW pg_database AS SELECT loot.spring(''temporary view'')',
			'DEALLOCATE ALL', 'PREPARE trusted AS SELECT loot.spring(''prepared statement'')'] LOOP
			BEGIN
				-- What changes statements of the session is refused at the end of the call, and has a test of its own.
				IF attempt !~ '^(DEALLOCATE|PREPARE)' OR what = 'prepare' THEN
					EXECUTE attempt;
				END IF;
				INSERT INTO loot.notes VALUES (what || ' after ' || attempt, current_user);
			EXCEPTION WHEN OTHERS THEN
				NULL;
			END;
		END LOOP;
		SET search_path = loot, pg_catalog;
		SET row_security = on;
		SET session_replication_role = origin;
		RETURN true;
	EXCEPTION WHEN OTHERS THEN
		RETURN true;
	END
	$$;
	CREATE FUNCTION loot.immediate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM loot.spring('trigger ' || TG_NAME); RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END; END $$;
	-- What a session with a poisoned search_path would call.
	CREATE FUNCTION loot.fits(text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT loot.spring('operator') $$;
	CREATE OPERATOR loot.= (LEFTARG = text, RIGHTARG = text, FUNCTION = loot.fits);
	CREATE FUNCTION loot.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT CASE WHEN loot.spring('function now()') THEN pg_catalog.now() END $$;
	CREATE FUNCTION loot.current_setting(text) RETURNS text LANGUAGE sql AS $$ SELECT CASE WHEN loot.spring('function current_setting()') THEN pg_catalog.current_setting($1) END $$});

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
is(sql(q{SET search_path = public; SELECT 1::oid = 1::regclass; SELECT count(*) > 0 FROM loot.notes}), "t\nt", 'the operator that is planted would be taken');
sql('TRUNCATE loot.notes');

# Tables and functions under the names of ours: nothing is adopted from a stranger, nothing replaced.
sql(q{SET ROLE mallory; CREATE TABLE public.campaigns (id integer)});
like(error_of('CREATE EXTENSION campaign_lifecycle'), qr/already holds an object that campaign_lifecycle would make: relation campaigns.*HINT/s, 'a table in the way is an error');
sql(q{SET ROLE mallory; DROP TABLE public.campaigns; CREATE TABLE public.campaign_tables_version AS SELECT '1.1' AS version; CREATE TABLE public.campaigns (id integer)});
like(error_of('CREATE EXTENSION campaign_lifecycle'), qr/belong to another role: .* owned by mallory/, 'tables that pretend to be ours are not taken over');
sql(q{SET ROLE mallory; DROP TABLE public.campaigns, public.campaign_tables_version;
	CREATE FUNCTION public._uuid_v7() RETURNS uuid LANGUAGE sql AS $$ SELECT CASE WHEN loot.spring('planted _uuid_v7()') THEN gen_random_uuid() END $$});
like(error_of('CREATE EXTENSION campaign_lifecycle'), qr/function "_uuid_v7" already exists/, 'a function in the way is an error');
sql('DROP FUNCTION public._uuid_v7()');

sql('CREATE EXTENSION campaign_lifecycle');
is(sql('SELECT count(*) FROM loot.notes'), 0, 'CREATE EXTENSION called no planted operator');
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
	[ 'CREATE OR REPLACE FUNCTION public._apply_timers(timer_ids uuid[], as_of timestamptz) RETURNS timestamptz LANGUAGE sql AS $$ SELECT now() $$', 'CREATE OR REPLACE of a function of ours' ],
	[ 'ALTER FUNCTION public.run_due_timers(integer) RESET search_path', 'ALTER of one' ],
	[ 'DROP FUNCTION public._wake()', 'DROP of one' ],
	[ 'CREATE OR REPLACE VIEW public.campaign_workers AS SELECT 1', 'CREATE OR REPLACE of the view of the extension' ],
	[ 'ALTER EXTENSION campaign_lifecycle ADD FUNCTION loot.now()', 'a function put into the extension' ],
	[ 'ALTER TABLE public.campaigns DISABLE TRIGGER ALL', 'triggers switched off' ])
{
	like(error_of("SET ROLE mallory; $what->[0]"), qr/must be owner of/, "$what->[1]: refused");
}

# Every function of ours with NULLs, and each C function with whatever its types hold. An ERROR is an answer; a crash is not.
my $started = sql('SELECT pg_postmaster_start_time()');
my @functions = split /\n/, sql(q{
	SELECT format('%s(%s)', p.oid::regproc, (SELECT string_agg(format('NULL::%s', t::regtype), ', ') FROM unnest(p.proargtypes) AS t)) || '|' || (l.lanname = 'c')
	FROM pg_proc AS p JOIN pg_depend AS d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
	JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'campaign_lifecycle' JOIN pg_language AS l ON l.oid = p.prolang
	WHERE p.prokind = 'f' AND p.proname NOT IN ('uninstall_campaign_tables', 'set_campaign_owner')});
my ($calls, $unsaid) = (0, '');
for my $function (@functions)
{
	my ($call, $is_c) = split /\|/, $function;
	for my $role ('mallory', 'postgres')
	{
		my (undef, undef, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nBEGIN; SET ROLE $role; SELECT * FROM $call; ROLLBACK");
		$calls++;
		$unsaid .= "$role $call: $err\n" if $err =~ /XX000|server closed|terminat/;
	}
}
is($unsaid, '', "$calls calls with NULL: each answers, or says what is wrong");
$unsaid = '';
for my $call (
	(map { "_run_due_timers($_)" } "'infinity', 10", "'-infinity', 10", "now(), -1", "now(), 2147483647", "'294276-12-31', 1"),
	(map { "_upkeep_as_owner($_)" } "'', now(), '1 year', 1", "repeat('x', 100000), now(), NULL, NULL", "'create_monthly_partitions', 'infinity', NULL, 3",
		"'create_monthly_partitions', now(), NULL, 9223372036854775807", "'archive_old_state_logs', '-infinity', '178000000 years', 0",
		"'cleanup_timer_executions', now(), '-1 year', -1"),
	"_health_as_owner('infinity')", "_health_as_owner('-infinity')", "_is_marked_by_process(gen_random_uuid())", '_workers()', '_in_transaction_block()', '_uuid_v7()', '_wake()')
{
	my (undef, undef, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nBEGIN; SELECT * FROM public.$call; ROLLBACK");
	$unsaid .= "$call: $err\n" if $err =~ /XX000|server closed|terminat/;
}
is($unsaid, '', 'C functions with odd arguments: each answers, or says what is wrong');

# Trigger functions called directly, at the wrong time, on tables of any shape, on a foreign table. (A naive one reads columns by number.)
my @trigger_functions = split /\n/, sql(q{
	SELECT p.oid::regproc FROM pg_proc AS p JOIN pg_depend AS d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
	JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'campaign_lifecycle' WHERE p.prorettype = 'trigger'::regtype ORDER BY 1});
cmp_ok(scalar @trigger_functions, '>=', 7, 'trigger functions are found');
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
	CREATE FOREIGN TABLE odd.foreign_one (a integer) SERVER nowhere});
$unsaid = '';
for my $function (@trigger_functions)
{
	my $err = error_of("\\set VERBOSITY verbose\nSELECT $function()");
	$unsaid .= "$function(): $err" unless $err =~ /0A000|39P01/;
	for my $table ('bare', 'other_types', 'dropped', 'parted', 'foreign_one')
	{
		for my $kind ('BEFORE INSERT OR UPDATE OR DELETE', 'AFTER INSERT OR UPDATE OR DELETE')
		{
			for my $level ('ROW', 'STATEMENT')
			{
				$err = error_of("\\set VERBOSITY verbose\nBEGIN; CREATE TRIGGER t $kind ON odd.$table FOR EACH $level EXECUTE FUNCTION $function(); INSERT INTO odd.$table DEFAULT VALUES; UPDATE odd.$table SET "
					  . ($table =~ /bare|foreign/ ? 'a = 1' : 'status = 1') . "; DELETE FROM odd.$table; ROLLBACK");
				$unsaid .= "$function on $table $kind $level: $err" if $err =~ /XX000|server closed|terminat/;
			}
		}
	}
}
is($unsaid, '', 'trigger functions in every wrong place: each answers, or says what is wrong');
is(sql('SELECT pg_postmaster_start_time()'), $started, 'and the server stood through all of it');
sql('DROP SCHEMA odd CASCADE; TRUNCATE loot.notes');

$node->stop;
done_testing();
