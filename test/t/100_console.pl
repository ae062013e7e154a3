# The console of console/: pages, search, buttons, safety and metrics without a browser, and then in headless Chromium.
#
# The programs of test/console do the work. Parts whose Debian packages are missing are skipped; `script/bootstrap --tests` installs them.
# TESTS=PATTERN in the environment chooses tests by name.

use strict;
use warnings FATAL => 'all';
use CampaignConsole;
use Test::More;

plan skip_all => 'a package of the console is not installed: script/bootstrap --console' unless console_packages();

my $node = console_server('console');
run_program('http_test.py');
SKIP:
{
	skip 'python3-selenium, chromium, chromium-driver or libjs-chart.js is not installed', 1
	  unless works('/usr/bin/python3', '-c', 'import selenium')
	  && works('chromium', '--version')
	  && works('chromedriver', '--version')
	  && -f '/usr/share/javascript/chart.js/chart.min.js';
	run_program('browser_test.py');
}

$node->stop;
done_testing();
