# Run the programs of test/console: Python of Debian, on a server with the extension. Each prints "ok NAME" or "not ok NAME" for each test.

package CampaignConsole;

use strict;
use warnings FATAL => 'all';
use CampaignServer;
use Cwd;
use Exporter 'import';
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(console_packages console_server run_program works);

my $python = '/usr/bin/python3';

# Return whether a command succeeds; false if it is not there.
sub works
{
	my ($out, $err) = ('', '');
	return eval { IPC::Run::run([@_], '>', \$out, '2>', \$err) };
}

# Return whether the modules that the console needs are there.
sub console_packages
{
	return works($python, '-c', 'import starlette, uvicorn, jinja2, psycopg, prometheus_client');
}

# Start a server, and tell the programs by the environment where it is.
sub console_server
{
	my ($name) = @_;
	my $node = campaign_server($name, extension => 0, conf => "max_connections = 60\n");
	my $top = getcwd();
	%ENV = (
		%ENV,
		PGHOST => $node->host,
		PGPORT => $node->port,
		PGUSER => scalar getpwuid($<),
		PGDATA => $node->data_dir,
		PYTHONPATH => "$top:$top/test/console",
		PYTHONDONTWRITEBYTECODE => 1,
		TMPDIR => PostgreSQL::Test::Utils::tempdir_short());
	return $node;
}

# Run a program and report each of its tests.
sub run_program
{
	my ($program) = @_;
	my ($out, $err) = ('', '');
	my $right = IPC::Run::run([ $python, "test/console/$program" ], '>', \$out, '2>', \$err, IPC::Run::timeout(300));
	my @lines = grep { /^(?:not )?ok / } split /\n/, $out;
	ok(/^ok/, s/^(?:not )?ok //r) for @lines;
	ok($right && @lines, "$program ends well") or diag("$out\n$err");
	return;
}

1;
