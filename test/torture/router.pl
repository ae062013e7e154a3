# Faults of three nodes and a router, one after another, while clients create campaigns through the router; then rows are counted on all
# nodes. Started by script/torture_router, whose --help tells what it prints.
#
# A client makes an id, creates the campaign, and repeats the call with the same id until the answer is known. Its id is acknowledged
# then. At the end each acknowledged campaign must be EXPIRED on one node, and every timer executed once.

use strict;
use warnings FATAL => 'all';

# PostgreSQL::Test sends what is printed into a log of its own.
my $console;
BEGIN
{
	open $console, '>&', \*STDOUT or die; select((select($console), $| = 1)[0]);
}

use CampaignRouter;
use Getopt::Long;
use List::Util qw(max);
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep time);

my ($faults, $seed, $clients) = (60, time % 1_000_000, 3);
GetOptions('faults=i' => \$faults, 'seed=i' => \$seed, 'clients=i' => \$clients) or exit 2;
$seed = int $seed;
srand $seed;
sub say_line { print $console @_, "\n"; return }
$SIG{__DIE__} = sub { say_line("# $_[0]") unless $^S; die $_[0] };

my ($router, @nodes) = router_and_nodes(3);
my @names = qw(a b c);
add_node($router, $nodes[$_], $names[$_]) for 0 .. $#nodes;
# Shorten the delays of the policies, so that a campaign ends within seconds.
sub shorten
{
	my ($node) = @_;
	$node->safe_psql('app', q{UPDATE campaign_timer_policies SET delay = '300 milliseconds' WHERE state IN ('CLOSED', 'REWARD_CLAIM') AND timer_type = 'REWARD_REMINDER';
		UPDATE campaign_timer_policies SET delay = '900 milliseconds' WHERE state IN ('CLOSED', 'REWARD_CLAIM') AND timer_type = 'EXPIRE_CAMPAIGN'});
	# PostgreSQL::Test turns it off.
	$node->safe_psql('postgres', 'ALTER SYSTEM SET restart_after_crash = on');
	$node->reload;
	return;
}
shorten($_) for @nodes;

#---------------------------------------------------------------------------------------------------------------------
# Clients

my $folder = PostgreSQL::Test::Utils::tempdir();
my $parent = $$;

# Ask by a session of its own, so that no call depends on what a former one has left.
sub ask
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $router->connstr('app'), '-c', $sql ], '<', \undef, '>', \$out, '2>', \$err);
	chomp $out;
	return ($out, $err);
}

sub work
{
	my ($number) = @_;
	open my $ledger, '>', "$folder/ledger.$number" or die $!;
	select((select($ledger), $| = 1)[0]);
	until (-e "$folder/stop" || getppid != $parent)
	{
		my ($id, $error) = ask('SELECT new_campaign_id()');
		if ($error ne '') { sleep 0.1; next }
		my $deadline = time + 60;
		while (1)
		{
			my (undef, $said) = ask("SELECT create_campaign(1, now() - interval '1 hour' + interval '1 second', id => '$id')");
			if ($said !~ /ERROR|FATAL|could not|server closed|connection to/) { print $ledger "ok $id\n"; last }
			if ($said =~ /ERROR:  23505: campaign already exists/) { print $ledger "ok $id\n"; last }
			# Its node takes no new campaigns any more, so that the id was never used.
			last if $said =~ /ERROR:  55000: node \w+ takes no new campaigns/;
			if ($said !~ /08001|08006|57P0|could not|server closed|connection to|FATAL|stale/) { print $ledger 'surprise ' . $said =~ s/\n/ /gr . "\n"; last }
			if (time > $deadline) { print $ledger "surprise no answer in a minute: " . $said =~ s/\n/ /gr . "\n"; last }
			sleep 0.2;
		}
	}
	return;
}

my @children;
for my $number (1 .. $clients)
{
	my $pid = fork // die $!;
	if ($pid == 0)
	{
		local $SIG{__DIE__};
		eval { work($number); 1 } or warn $@;
		require POSIX;
		POSIX::_exit(0);
	}
	push @children, $pid;
}

#---------------------------------------------------------------------------------------------------------------------
# Faults. Each leaves the servers running.

sub start
{
	my ($node) = @_;
	for (1 .. 100)
	{
		return if $node->start(fail_ok => 1);
		# PostgreSQL::Test takes a process that was killed and not yet collected for a server.
		$node->{_pid} = undef;
		sleep 0.1;
	}
	die $node->name . ' does not start';
}

sub processes_of
{
	my ($node) = @_;
	my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /\A(\d+)/;
	my @children = map { /^\d+ \(.*?\) \S $postmaster / ? /^(\d+)/ : () } map { eval { slurp_file($_) } // '' } glob '/proc/[0-9]*/stat';
	return ($postmaster, @children);
}

my %weight = map { $_ => 100 } @names;
my %fault = (
	'kill -9 of a node' => sub { my ($node) = @_; $node->kill9; sleep rand 2; start($node) },
	'immediate stop of a node' => sub { my ($node) = @_; $node->stop('immediate'); sleep rand 2; start($node) },
	'fast restart of a node' => sub { my ($node) = @_; $node->restart },
	'a node hangs' => sub { my ($node) = @_; my @all = processes_of($node); kill STOP => @all; sleep 0.5 + rand 2; kill CONT => @all },
	'connections to a node end' => sub { my ($node) = @_; $node->psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'campaign_lifecycle_router'}) for 1 .. 5 },
	'kill -9 of a connection to a node' => sub { my ($node) = @_; my ($pid) = split /\n/, ($node->psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE application_name = 'campaign_lifecycle_router'}))[1]; kill KILL => $pid if $pid; sleep 0.5 },
	'immediate restart of the router' => sub { $router->stop('immediate'); sleep rand 1; start($router) },
	'weight 0 and back' => sub { my ($node, $name) = @_; ask("SELECT set_campaign_node_weight('$name', 0)"); sleep 0.5 + rand 1; ask("SELECT set_campaign_node_weight('$name', 100)") },
	'a node is added' => sub {
		return if @nodes >= 5;
		my $added = new_server('node' . (@nodes + 1));
		$added->safe_psql('app', 'CREATE EXTENSION campaign_lifecycle');
		shorten($added);
		my $name = chr(ord('a') + @nodes);
		add_node($router, $added, $name);
		push @nodes, $added;
		push @names, $name;
	});

my $began = time;
my %injected;
my @kinds = sort keys %fault;
say_line("# seed $seed: $faults faults of " . @kinds . " kinds, $clients clients");
for my $n (1 .. $faults)
{
	my $kind = $n <= @kinds ? $kinds[ $n - 1 ] : $kinds[ rand @kinds ];
	my $which = int rand @nodes;
	$fault{$kind}->($nodes[$which], $names[$which]);
	$injected{$kind}++;
	sleep 0.3 + rand 1;
}
append_to_file("$folder/stop", '');
waitpid $_, 0 for @children;

#---------------------------------------------------------------------------------------------------------------------
# Accounts

my (%acknowledged, @surprises);
for (map { split /\n/, slurp_file($_) } glob "$folder/ledger.*")
{
	if (/^ok (\S+)/) { $acknowledged{$1} = 1 } else { push @surprises, $_ }
}
my $deadline = time + 90;
for my $node (@nodes)
{
	until ($node->safe_psql('app', q{SELECT count(*) FROM campaigns WHERE status <> 'EXPIRED'}) eq '0') { last if time > $deadline; sleep 0.2 }
}
my (%found, $executed, $doubled, $broken);
for my $node (@nodes)
{
	$found{$_}++ for split /\n/, $node->safe_psql('app', q{SELECT id FROM campaigns WHERE status = 'EXPIRED'});
	my ($all, $distinct) = split /\|/, $node->safe_psql('app', q{SELECT count(*), count(DISTINCT timer_id) FROM timer_executions WHERE status = 'COMPLETED'});
	$executed += $all;
	$doubled += $all - $distinct;
	my @said = split /\n/, $node->safe_psql('app', "LOAD 'campaign_lifecycle'; " . slurp_file('test/invariants.sql'));
	$broken += @said;
	say_line('# ' . $node->name . ": $_") for @said;
}
my $lost = grep { !$found{$_} } keys %acknowledged;
$doubled += grep { $found{$_} > 1 } keys %found;
$broken += @surprises;
say_line("# a client met: $_") for @surprises;
say_line(sprintf '%-36s %d', $_, $injected{$_}) for sort keys %injected;
say_line(sprintf '# %d faults in %.0f s: %d campaigns acknowledged on %d nodes, %d timers executed: %d lost, %d doubled, %d broken; seed %d',
	$faults, time - $began, scalar keys %acknowledged, scalar @nodes, $executed, $lost, $doubled, $broken, $seed);
$_->stop('fast') for $router, @nodes;
exit($lost + $doubled + $broken > 0);
