# Run the pgTAP files of test/pgtap by pg_prove on one server with the extension preloaded.
#
# Each file gets a database of its own, dropped afterwards: pgTAP is in the schema tap, at the end of the search_path, and
# campaign_lifecycle in public, unless one of the file's first lines is
#     -- harness: no extension
# A file whose name contains "cron" gets the database that pg_cron works in, and makes the extension pg_cron itself.
# Such a file is skipped where the server has no pg_cron.
# A file should say BEGIN, plan, ..., finish, ROLLBACK, so that the worker never sees its rows.
#
# TEST_PGTAP, a list of file names, chooses among them (script/test sets it).

use strict;
use warnings FATAL => 'all';
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;

my @files = $ENV{TEST_PGTAP} ? map { "test/pgtap/$_" } split ' ', $ENV{TEST_PGTAP} : sort glob 'test/pgtap/*.sql';
plan skip_all => 'there are no pgTAP files' unless @files;

my $node = campaign_server(
	'pgtap',
	extension => 0,
	conf      => server_has('pg_cron') ? q{
shared_preload_libraries = 'campaign_lifecycle, pg_cron'
cron.database_name = 'cron_home'
cron.use_background_workers = on
} : '');

for my $file (@files)
{
	my $database = $file =~ /cron/ ? 'cron_home' : 'pgtap';
	if ($database eq 'cron_home' && !server_has('pg_cron'))
	{
		SKIP: { skip "$file: the server has no pg_cron", 1 }
		next;
	}
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql('postgres', "ALTER DATABASE $database SET search_path = \"\$user\", public, tap");
	$node->safe_psql($database,  'CREATE SCHEMA tap; CREATE EXTENSION pgtap SCHEMA tap');
	$node->safe_psql($database,  'CREATE EXTENSION campaign_lifecycle SCHEMA public')
	  unless slurp_file($file) =~ /\A(?:--[^\n]*\n|\s*\n)*?-- harness: no extension\n/;

	my ($out, $err) = ('', '');
	my $good = IPC::Run::run(
		[ 'pg_prove', '--verbose', '-h', $node->host, '-p', $node->port, '-d', $database, $file ],
		'>', \$out, '2>', \$err);
	my $count = () = $out =~ /^ok /mg;
	ok($good, "$file: $count assertions") or diag((grep { !/^ok / } map { "$_\n" } split /\n/, $out), $err);

	# pg_cron's launcher comes back by itself.
	$node->safe_psql('postgres', "DROP DATABASE $database WITH (FORCE)");
}

$node->stop;
done_testing();
