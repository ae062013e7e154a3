# Subtests that stand alone: each scenario has a name, most have a database of their own, and each can be run without the others.
#
#     use CampaignScenarios;
#     in_database($node, 'CREATE EXTENSION starts a worker', sub {
#         my ($db) = @_;                     a new database with the extension, dropped afterwards
#         ...
#     });
#     scenario('a crash', sub { ... });      without a database, for scenarios about the server as a whole
#
# SUBTEST=PATTERN in the environment runs the scenarios whose names match that regular expression; the others are reported as skipped.
# A scenario that dies fails and lets the next one run. in_database() takes the options of create_campaign_database() after the code.

package CampaignScenarios;

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use Exporter 'import';
use Test::More;

our @EXPORT = qw(scenario in_database);

# Run the code as a subtest, unless SUBTEST chooses others.
sub scenario
{
	my ($name, $code) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $pattern = $ENV{SUBTEST} // '';
	if ($pattern ne '' && $name !~ /$pattern/)
	{
		my $builder = Test::More->builder;
		return $builder->skip("SUBTEST=$pattern: $name");
	}
	return subtest $name => sub {
		eval { $code->(); 1 } or fail("the scenario ran to its end, and did not die: $@");
		done_testing();
	};
}

# The name of the database is made from the scenario's name, so that logs show which one it was.
sub in_database
{
	my ($node, $name, $code, %options) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $db = substr lc($name =~ s/[^A-Za-z0-9]+/_/gr), 0, 50;
	$db = "s_$db" if $db !~ /^[a-z]/;
	return scenario(
		$name,
		sub {
			create_campaign_database($node, $db, %options);
			my $done = eval { $code->($db); 1 };
			my $error = $@;
			# A scenario may have stopped the server, dropped its database or renamed it.
			$node->psql('postgres', "DROP DATABASE IF EXISTS $db WITH (FORCE)") if $node->{_pid};
			die $error unless $done;
		});
}

1;
