# Settings that are reloaded while launcher or worker start hold for them too.
#
# Until a background worker has installed its own handler, the server lets it ignore SIGHUP. A process forked before a reload that is
# slower than the reload has the old settings, and no signal ever comes again: a launcher would sit in a server whose timers are enabled,
# and start nothing. test/preload/slow_start.cpp holds a new launcher, then a new worker, at that point until the reload is over.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $db = 'postgres';
my $folder = PostgreSQL::Test::Utils::tempdir();
my $library = "$folder/slow_start.so";
my $hold = "$folder/hold";
system('g++', '-std=c++17', '-O1', '-shared', '-fPIC', '-o', $library, 'test/preload/slow_start.cpp', '-ldl') == 0 or die 'g++ failed';

my $node = campaign_server('reload', start => 0, conf => "campaign_lifecycle.enabled = off\nmax_logical_replication_workers = 0\nmax_parallel_workers_per_gather = 0\n");
{
	local %ENV = (%ENV, LD_PRELOAD => $library, SLOW_START => $hold);
	$node->start;
}
$node->safe_psql($db, 'CREATE EXTENSION campaign_lifecycle');

# Hold the next process of ours at its start until all others have reloaded the setting.
sub reload_during
{
	my ($start, $name, $value) = @_;
	PostgreSQL::Test::Utils::append_to_file($hold, '');
	$start->();
	for (1 .. 1000)
	{
		last if -e "$hold.reached";
		select undef, undef, undef, 0.05;
	}
	die 'no process starts' unless -e "$hold.reached";
	set_and_reload($node, $name => $value);
	# A process has the setting when the server has, and then the server has told the others.
	$node->poll_query_until($db, "SHOW campaign_lifecycle.$name", $value) or die;
	unlink $hold, "$hold.reached";
	return;
}

scenario('enabled is switched on while the launcher starts', sub {
	reload_during(sub { $node->safe_psql($db, 'SELECT pg_terminate_backend(' . launcher_pid($node) . ')') }, enabled => 'on');
	poll_worker_count($node, $db, 1, 'a launcher that started during the reload starts a worker');
	add_due_campaigns($node, $db, 10);
	poll_is($node, $db, "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 10, 'the worker executes ten timers');
});

scenario('workers is lowered while a second worker starts', sub {
	set_and_reload($node, enabled => 'on');
	poll_worker_count($node, $db, 1, 'one worker is at work');
	reload_during(sub { set_and_reload($node, workers => 2) }, workers => 1);
	poll_is($node, $db, "SELECT count(*) FROM campaign_workers WHERE database = '$db'", 1, 'a worker that started during the reload ends');
});

$node->stop;
done_testing();
