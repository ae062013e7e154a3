# Faults of the machine: resources that run out, and the clock. The server runs under test/preload/offset_clock.cpp and test/preload/full_disk.cpp, which script/torture
# builds; both are told by files. Clients meet these faults as well and may get errors that say what is missing; no timer and no
# attempt may be lost by them.

package FaultsOfTheMachine;

use strict;
use warnings FATAL => 'all';
use Session;
use Time::HiRes 'sleep';

our %kinds = (
	'no room on the disk'    => { share => 2, inject => \&_fill_disk },
	'no locks left'          => { share => 2, inject => \&_take_locks },
	'no connections left'    => { share => 2, inject => \&_take_connections },
	'no place for a worker'  => { share => 2, inject => \&_take_places },
	'the clock set'          => { share => 4, inject => \&_set_clock },
);

sub _for_a_while
{
	my ($dice) = @_;
	sleep 0.1 + 0.1 * $dice->(10);
	return;
}

sub _fill_disk
{
	my ($world, $dice) = @_;
	open my $file, '>', $ENV{FULL_DISK} or die "$ENV{FULL_DISK}: $!";
	close $file;
	_for_a_while($dice);
	unlink $ENV{FULL_DISK} or die "$ENV{FULL_DISK}: $!";
	return;
}

sub _take_locks
{
	my ($world, $dice) = @_;
	my $session = Session->new($world->node->connstr('postgres'), name => 'holder');
	# A lock of the session's stays when the statement fails.
	$session->ask('SELECT pg_advisory_lock(n) FROM generate_series(1, 1000000) AS n');
	die "all locks taken: $session->{state} $session->{error}\n" if $session->{state} ne '53200';
	_for_a_while($dice);
	$session->end;
	return;
}

# While a worker that was terminated wants to come back: its own place is not a client's.
sub _take_connections
{
	my ($world, $dice) = @_;
	my $worker = $world->pid_of('campaign_lifecycle worker');
	my @sessions;
	while (@sessions < 100)
	{
		my $session = Session->new($world->node->connstr('postgres'), name => 'holder');
		last unless defined $session->ask('SELECT 1');
		push @sessions, $session;
	}
	die "there is no end of connections\n" if @sessions == 100;
	$world->sql("SELECT pg_terminate_backend($worker)") if $worker;
	_for_a_while($dice);
	$_->end for @sessions;
	return;
}

sub _take_places
{
	my ($world, $dice) = @_;
	$world->set('campaign_lifecycle.workers' => 64);
	$world->wait_until("SELECT count(*) > 0 FROM campaign_workers WHERE state = 'no worker slot'", 't');
	_for_a_while($dice);
	$world->set('campaign_lifecycle.workers' => undef);
	return;
}

# Forward and back, some times, and right again: what was due in a time that has not come waits for it.
sub _set_clock
{
	my ($world, $dice) = @_;
	for my $seconds ((map { (3600, 86400, 7 * 86400, -3600, -86400)[ $dice->(5) ] } 0 .. $dice->(4)), 0)
	{
		open my $file, '+<', $ENV{OFFSET_CLOCK} or die "$ENV{OFFSET_CLOCK}: $!";
		syswrite($file, pack 'q', $seconds) == 8 or die "$ENV{OFFSET_CLOCK}: $!";
		close $file;
		sleep 0.05 * $dice->(20) if $seconds;
	}
	return;
}

1;
