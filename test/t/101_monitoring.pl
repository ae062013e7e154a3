# monitoring/: the file for prometheus-sql-exporter, the alerts and the board for Grafana, against a real database.
#
# test/console/monitoring_test.py does the work. Tests whose Debian packages are missing are left out, and said so.

use strict;
use warnings FATAL => 'all';
use CampaignConsole;
use Test::More;

plan skip_all => 'a package of the console is not installed: script/bootstrap --console' unless console_packages();

my $node = console_server('monitoring');
run_program('monitoring_test.py');
for my $program (qw(promtool prometheus prometheus-sql-exporter))
{
	note("$program is not installed: its tests were left out") unless works($program, '--version') || works($program, '-help');
}

$node->stop;
done_testing();
