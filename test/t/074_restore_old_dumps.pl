# A dump of an older server, with the tables of an older version of the extension, is restored without loss, and its timers go on.
#
# Each test/upgrade/database-*.sql is such a dump, as pg_dump of PostgreSQL 15 wrote it. The rows that the dump holds for a table are compared with what
# COPY of the restored table gives.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignCopies;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = campaign_server('restore', extension => 0, conf => "campaign_lifecycle.retry_base_delay = '1h'\n");
$node->safe_psql('postgres', "CREATE ROLE copies_$_") for qw(reader writer operator owner);

# Return the rows of each COPY of the dump, sorted, by its table and columns.
sub rows_of_dump
{
	my ($dump) = @_;
	my %rows;
	while ($dump =~ /^COPY (\S+ \(.*?\)) FROM stdin;\n(.*?)^\\\.$/gms)
	{
		$rows{$1} = [ sort split /\n/, $2 ];
	}
	return %rows;
}

for my $path (sort glob 'test/upgrade/database-*.sql')
{
	my ($version) = $path =~ /database-(.*)\.sql$/;
	my $dump = slurp_file($path);
	my ($server) = $dump =~ /^-- Dumped from database version (\d+)/m;
	my $db = 'of_' . $version =~ s/\./_/gr;
	my %rows = rows_of_dump($dump);

	# Grants of 1.1 on its internal functions, and on run_due_timers() with one argument, have no function to go to.
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-X', '-q', '-o', '/dev/null', '-f', $path, $node->connstr($db) ], '>', \$out, '2>', \$err);
	$err =~ s/^\S+ ERROR:  function public\.(?:_\w+|run_due_timers)\(.*\) does not exist\n//mg if $version eq '1.1';
	is($err, '', "a dump of $version on PostgreSQL $server is restored on " . $node->safe_psql($db, 'SHOW server_version_num') / 10000);

	for my $upgraded (0, 1)
	{
		my $when = $upgraded ? 'after upgrade_campaign_tables()' : 'restored';
		$node->safe_psql($db, 'SELECT upgrade_campaign_tables()') if $upgraded;
		my @differ;
		for my $table (sort keys %rows)
		{
			next if $upgraded && $table =~ /^public\.campaign_tables_version\b/;
			my $now = $node->safe_psql($db, "COPY $table TO STDOUT");
			# The upgrade adds a job.
			$now =~ s/^cleanup-campaign-changes\t.*\n?//m if $upgraded;
			push @differ, $table if join("\n", sort split /\n/, $now) ne join("\n", @{ $rows{$table} });
		}
		is_deeply(\@differ, [], "$version, $when: every row of " . scalar(keys %rows) . ' tables and partitions is there');
	}
	cmp_ok(scalar(keys %rows), '>', 10, "$version: the dump has rows of every table");
	check_timers_resume($node, $db, $version);
	check_invariants($node, $db, $version);
}

done_testing();
