# Object-relational mappers work on the tables as a writer.
#
# Programs of test/orms/ run with the mappers that are installed (python3-django, python3-sqlalchemy, ruby-activerecord); one that is missing
# is skipped. test/pgtap/orm_statements.sql has the statements of all. The recipe of docs/orms.md for a column that views name is run as it
# stands there.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = campaign_server('orms');
$node->safe_psql('postgres', 'CREATE ROLE app LOGIN');

# Each mapper: the command that tells whether it is there, its program, and what that prints.
my @mappers = (
	[
		'Django', [ '/usr/bin/python3', '-c', 'import django, psycopg2' ],
		[ '/usr/bin/python3', 'test/orms/django_orm.py' ],
		[ 'save 24.0', 'save again 48.0', 'bulk_create 3', q{timer {'b': 2}}, '42501' ]
	],
	[
		'SQLAlchemy', [ '/usr/bin/python3', '-c', 'import sqlalchemy, psycopg2' ],
		[ '/usr/bin/python3', 'test/orms/sqlalchemy_orm.py' ],
		[ 'add CREATED 24.0', 'change 48.0', 'update of all columns 12.0' ]
	],
	[
		'ActiveRecord', [ 'ruby', '-e', 'require "active_record"; require "pg"' ],
		[ 'ruby', 'test/orms/active_record.rb' ],
		[ 'create CREATED 24.0', 'touch true', 'update 48.0', 'upsert 12.0 true', 'insert_all 2', 'Invalid state transition from CREATED to CLOSED' ]
	]);

for my $mapper (@mappers)
{
	my ($name, $probe, $program, $expected) = @$mapper;
	my ($out, $err) = ('', '');
  SKIP:
	{
		skip "$name is not installed", 1 unless eval { IPC::Run::run($probe, '>', \$out, '2>', \$err) };
		in_database(
			$node, $name,
			sub {
				my ($db) = @_;
				$node->safe_psql($db, "SELECT grant_campaign_access('app', 'writer')");
				local @ENV{qw(PGHOST PGPORT PGDATABASE PGUSER)} = ($node->host, $node->port, $db, 'app');
				($out, $err) = ('', '');
				ok(IPC::Run::run($program, '>', \$out, '2>', \$err), "$name works as a writer") or diag($err);
				is($out, join('', map { "$_\n" } @$expected), "$name writes and reads what it should");
				query_is($node, $db, "SELECT count(*) FROM campaigns WHERE created_at < now() - interval '1 hour'", 0, 'created_at is the time of the server');
				query_is($node, $db, "SELECT count(*) FROM campaigns AS c WHERE NOT EXISTS (SELECT FROM campaign_state_log AS l WHERE l.campaign_id = c.id AND l.to_state = 'CREATED')",
					0, 'each creation is logged');
			});
	}
}

in_database(
	$node,
	'the recipe for a column that views name',
	sub {
		my ($db) = @_;
		my ($recipe) = slurp_file('docs/orms.md') =~ /^```psql\n(BEGIN;.*?)^```/ms;
		ok($recipe, 'docs/orms.md has a recipe');
		my $views = "SELECT string_agg(concat_ws(' ', c.relname, c.reloptions, pg_get_viewdef(c.oid)), ' ' ORDER BY c.relname) FROM pg_class AS c WHERE c.relkind = 'v' AND c.relnamespace = 'public'::regnamespace";
		my $before = $node->safe_psql($db, $views);
		my ($code, $out, $err) = $node->psql($db, 'ALTER TABLE campaign_timers ALTER COLUMN updated_at TYPE timestamptz(3)');
		like($err, qr/cannot alter type of a column used by a view/, 'the server refuses the plain statement');
		$node->safe_psql($db, $recipe);
		query_is($node, $db, "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'campaign_timers'::regclass AND attname = 'updated_at'",
			'timestamp(3) with time zone', 'the recipe changes the type');
		is($node->safe_psql($db, $views), $before, 'and the views are as before');
		$node->safe_psql($db, 'SELECT create_campaign(24)');
		poll_is($node, $db, 'SELECT status FROM campaigns', 'RUNNING', 'the worker goes on');
	});

done_testing();
