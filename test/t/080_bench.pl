# Each benchmark runs, shortly and with a server of its own. The test promises no speed. Each benchmark counts
# the rows it has made (campaigns moved, log, timers, executions, metrics, follow-up timers) and fails if one is missing or doubled.

use strict;
use warnings FATAL => 'all';
use IPC::Run;
use Test::More;

# The extension is installed already. The socket needs a folder with a short name.
$ENV{BENCH_INSTALLED} = 1;
delete $ENV{TMPDIR};

sub prints
{
	my ($rows, $name, @options) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ "bench/$name", '--quick', @options ], '<', \undef, '>', \$out, '2>', \$err);
	is($? >> 8, 0, "bench/$name @options: every row is there, once") or diag($err);
	for my $row (@$rows)
	{
		like($out, qr/^\| \Q$row\E \| \d+/m, "bench/$name prints the row: $row");
	}
	like($out, qr/^$name, \d{4}-\d\d-\d\d: \d+ core.*fdatasync.*PostgreSQL/m, 'bench/$name prints the machine and the version');
	return;
}

prints([ 'campaign_lifecycle, 2 workers', map { "$_, 2 sessions" } 'set-based loop', 'loop over rows with savepoints', 'client, two transactions a timer' ],
	'throughput', '--timers', '1000', '--moves', 'close', '--sync', 'on', '--sessions', '2', '--part', 'ways');
prints([ map { ("100/s, set meanwhile: executed, $_", "100/s, set meanwhile: seen, $_") } qw(p50 p99 max) ],
	'lateness', '--later', '1000', '--rate', '100', '--set', 'meanwhile');
prints([ 'start', 'end' ], 'held_snapshot', '--timers', '20000', '--only', 'held');

# A benchmark that is called with wrong options prints its usage and measures nothing.
for my $name (map { s{bench/}{}r } grep { -x && -f } glob 'bench/*')
{
	my ($out, $err) = ('', '');
	IPC::Run::run([ "bench/$name", '--help' ], '<', \undef, '>', \$out, '2>', \$err);
	is($? >> 8, 0, "bench/$name --help succeeds");
	like($out, qr/^usage: bench\/$name /, 'bench/$name --help prints the usage');
	IPC::Run::run([ "bench/$name", '--no-such-option' ], '<', \undef, '>', \$out, '2>', \$err);
	is($? >> 8, 2, "bench/$name refuses an unknown option");
}

done_testing();
