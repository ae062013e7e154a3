# Hostile code for tests of attacks. It records the role that it runs as, and tries to become another one.
#
#     use CampaignLoot;
#     lay_traps($node, $db);                      makes the roles mallory and tables_owner and the schema loot, in each database called for
#     as($node, $db, 'mallory', 'SQL');           runs SQL in a session of that role, because hostile code undoes SET ROLE first
#     error_as($node, $db, 'mallory', 'SQL');     does the same and returns what it wrote to stderr
#     traps_ran_as($node, $db, 'tables_owner', 'name');     asserts that hostile code has run since the last call, as these roles only
#
# loot.spring(text) records what called it, as which role, under which application_name, in which transaction and time zone. The first
# call for each of these tries to get further. loot.trap(text) does the same; loot.frozen_trap(text) pretends to be immutable.
# loot.spring_trigger() is a trigger function, loot.fits(text, text) an operator =. A record of a superuser means that the attack worked.

package CampaignLoot;

use strict;
use warnings FATAL => 'all';
use Exporter 'import';
use Test::More;

our @EXPORT = qw(lay_traps as error_as traps_ran_as);

sub as
{
	my ($node, $db, $role, $query) = @_;
	return $node->safe_psql($db, $query, extra_params => [ '-U', $role ]);
}

sub error_as
{
	my ($node, $db, $role, $query) = @_;
	my (undef, undef, $err) = $node->psql($db, $query, extra_params => [ '-U', $role ]);
	return $err;
}

# Begins anew. That there is some note shows that the trap was met at all.
sub traps_ran_as
{
	my ($node, $db, $roles, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $noted = $node->safe_psql($db, "SELECT string_agg(DISTINCT who, ',' ORDER BY who) FROM loot.notes");
	is($noted, $roles, "$what: hostile code ran as $roles only")
	  or diag($node->safe_psql($db, "SELECT DISTINCT what, who, session FROM loot.notes WHERE who <> ALL (string_to_array('$roles', ',')) LIMIT 20"));
	is($node->safe_psql($db, "SELECT string_agg(rolname, ',') FROM pg_roles WHERE rolname IN ('mallory', 'tables_owner') AND (rolsuper OR rolcreaterole)"), '', "$what: nobody has become a superuser");
	$node->safe_psql($db, 'TRUNCATE loot.notes');
	return;
}

sub lay_traps
{
	my ($node, $db) = @_;
	my $superuser = $node->safe_psql($db, 'SELECT current_user');
	for my $role (qw(mallory tables_owner))
	{
		$node->safe_psql($db, "CREATE ROLE $role LOGIN") if $node->safe_psql($db, "SELECT count(*) FROM pg_roles WHERE rolname = '$role'") eq '0';
	}
	$node->safe_psql(
		$db, q{
		CREATE SCHEMA loot;
		GRANT ALL ON SCHEMA loot TO PUBLIC;
		CREATE TABLE loot.notes (place bigserial, what text, who text, session text, transaction xid8, zone text);
		GRANT ALL ON loot.notes TO PUBLIC;
		GRANT ALL ON SEQUENCE loot.notes_place_seq TO PUBLIC;
		GRANT TEMPORARY ON DATABASE } . $db . q{ TO PUBLIC;
		GRANT USAGE, CREATE ON SCHEMA public TO mallory, tables_owner});
	as(
		$node, $db, 'mallory', q{
		CREATE FUNCTION loot.note(what text) RETURNS void LANGUAGE sql SET search_path = pg_catalog AS $$
			INSERT INTO loot.notes (what, who, session, transaction, zone)
			VALUES (what, current_user, current_setting('application_name'), pg_current_xact_id(), current_setting('timezone'))
		$$;
		CREATE FUNCTION loot.spring(what text) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog AS $$
		DECLARE
			first constant boolean := NOT EXISTS (SELECT FROM loot.notes AS n
				WHERE (n.what, n.who, n.session) = (spring.what, current_user::text, current_setting('application_name')));
			attempt text;
		BEGIN
			PERFORM loot.note(what);
			-- Whatever is tried and refused leaves the rest of the attack standing.
			IF first THEN
				FOREACH attempt IN ARRAY ARRAY['RESET ROLE', 'SET ROLE ' || quote_ident('} . $superuser . q{'), 'SET ROLE NONE', 'SET SESSION AUTHORIZATION DEFAULT',
					'SET SESSION AUTHORIZATION ' || quote_ident('} . $superuser . q{'),
					'SELECT pg_catalog.set_config(''role'', ''none'', false)', 'SELECT pg_catalog.set_config(''session_authorization'', ''} . $superuser . q{'', false)',
					'ALTER ROLE mallory SUPERUSER', 'COPY (SELECT 1) TO PROGRAM ''true''', 'SELECT pg_catalog.pg_read_file(''postgresql.conf'')',
					'CREATE TEMPORARY VIEW pg_database AS SELECT loot.spring(''temporary view'')', 'CREATE TEMPORARY TABLE campaigns (id uuid)'] LOOP
					BEGIN
						EXECUTE attempt;
						PERFORM loot.note(what || ' after ' || attempt);
					EXCEPTION WHEN OTHERS THEN
						NULL;
					END;
				END LOOP;
			END IF;
			-- For whatever comes next in this session.
			SET row_security = on;
			SET timezone = 'Asia/Kathmandu';
			RETURN true;
		EXCEPTION WHEN OTHERS THEN
			RETURN true;
		END
		$$;
		CREATE FUNCTION loot.trap(what text) RETURNS boolean LANGUAGE sql AS $$ SELECT loot.spring(what) $$;
		CREATE FUNCTION loot.frozen_trap(what text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN loot.spring(what); END $$;
		CREATE FUNCTION loot.spring_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM loot.spring(TG_NAME);
			-- At once it would only spoil the rest of the batch, which runs with the same rights.
			IF TG_NAME LIKE 'deferred %' THEN
				SET search_path = loot, pg_catalog;
			END IF;
			RETURN CASE WHEN TG_OP OPERATOR(pg_catalog.=) 'DELETE' THEN OLD ELSE NEW END;
		END
		$$;
		-- Functions and operators that a session with loot in its search_path would call.
		CREATE FUNCTION loot.fits(text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT loot.spring('operator = of loot') $$;
		CREATE OPERATOR loot.= (LEFTARG = text, RIGHTARG = text, FUNCTION = loot.fits);
		CREATE FUNCTION loot.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT CASE WHEN loot.spring('now() of loot') THEN pg_catalog.now() END $$;
		CREATE FUNCTION loot.current_setting(text) RETURNS text LANGUAGE sql AS $$ SELECT CASE WHEN loot.spring('current_setting() of loot') THEN pg_catalog.current_setting($1) END $$});
	return;
}

1;
