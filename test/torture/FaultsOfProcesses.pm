# Processes that end, hang or are told something while they work; and the server as a whole.
# $world->{since} is when the trouble began; a fault that does not set it leaves all well when it returns.

package FaultsOfProcesses;

use strict;
use warnings FATAL => 'all';
use Time::HiRes qw(sleep time);

# A kind: how many of a hundred faults, and what it does with ($world, $dice), $dice->(n) being a number from 0 to n - 1.
# alone: it waits until all is well before the next fault. restarts: the server does.
our %kinds = (
	'kill -9 of a worker'            => { share => 9, restarts => 1, inject => sub { _kill($_[0], 'campaign_lifecycle worker') } },
	'kill -9 of the launcher'        => { share => 4, restarts => 1, inject => sub { _kill($_[0], 'campaign_lifecycle launcher') } },
	'kill -9 of a client\'s backend' => { share => 6, restarts => 1, inject => sub { _kill_pid($_[0], $_[0]->pid_of_client) } },
	'kill -9 of the WAL writer'      => { share => 2, restarts => 1, inject => sub { _kill($_[0], 'walwriter') } },
	'kill -9 of the postmaster'      => { share => 4, restarts => 1, inject => \&_kill_postmaster },
	'immediate shutdown'             => { share => 4, restarts => 1, inject => sub { _stop($_[0], 'immediate') } },
	'fast shutdown'                  => { share => 2, restarts => 1, inject => sub { _stop($_[0], 'fast') } },
	'termination of a worker'        => { share => 6, inject => sub { _tell($_[0], 'pg_terminate_backend', $_[0]->pid_of('campaign_lifecycle worker')) } },
	'termination of the launcher'    => { share => 3, inject => sub { _tell($_[0], 'pg_terminate_backend', $_[0]->pid_of('campaign_lifecycle launcher')) } },
	'termination of a client'        => { share => 4, inject => sub { _tell($_[0], 'pg_terminate_backend', $_[0]->pid_of_client) } },
	'cancel of a worker'             => { share => 6, inject => \&_cancel },
	'a worker stopped for a while'   => { share => 3, inject => \&_freeze },
);

sub _kill_pid
{
	my ($world, $pid) = @_;
	return unless $pid;
	my $started = $world->sql("SELECT max(backend_start) FROM pg_stat_activity WHERE backend_type = 'checkpointer'");
	kill 'KILL', $pid or return;
	$world->{since} = time;
	# The server may let somebody in before it has noticed.
	$world->wait_until("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'checkpointer' AND backend_start > '$started'", 1);
	return;
}

sub _kill
{
	my ($world, $type) = @_;
	return _kill_pid($world, $world->pid_of($type));
}

sub _start
{
	my ($world) = @_;
	my $deadline = time + 60;
	# The children of a postmaster that was killed go in their own time, and until then keep another one from starting.
	until ($world->node->start(fail_ok => 1))
	{
		die "the server does not start again\n" if time > $deadline;
		sleep 0.2;
		# It takes the process that a lock file names for its own.
		$world->node->{_pid} = undef;
	}
	return;
}

sub _kill_postmaster
{
	my ($world) = @_;
	$world->{since} = time;
	my $pid = $world->node->{_pid};
	$world->node->kill9;
	$world->disconnect;
	my $deadline = time + 10;
	while (kill(0, $pid) && time < $deadline)
	{
		sleep 0.02;
	}
	return _start($world);
}

sub _stop
{
	my ($world, $how) = @_;
	$world->disconnect;
	$world->{since} = time;
	$world->node->stop($how);
	my $took = time - $world->{since};
	die sprintf("%s shutdown took %.1f s\n", $how, $took) if $took > 20;
	return _start($world);
}

sub _tell
{
	my ($world, $function, $pid) = @_;
	$world->sql("SELECT $function($pid)") if $pid;
	return;
}

sub _cancel
{
	my ($world, $dice) = @_;
	for (0 .. $dice->(4))
	{
		_tell($world, 'pg_cancel_backend', $world->pid_of('campaign_lifecycle worker'));
		sleep 0.02;
	}
	return;
}

# As a machine that swaps would: what it holds, it holds on to.
sub _freeze
{
	my ($world, $dice) = @_;
	my $pid = $world->pid_of('campaign_lifecycle worker') or return;
	kill 'STOP', $pid;
	sleep 0.1 + 0.1 * $dice->(10);
	kill 'CONT', $pid;
	return;
}

1;
