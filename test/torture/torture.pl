# Faults of all kinds, one after another, while clients work; then rows are counted. Started by script/torture, whose --help tells what
# it prints. The seed gives the order of the faults and what dice each of them throws, the clients' work as well. The timing is the
# machine's own.
#
# A round is some faults under load, then quiet: everything due must be executed, and everything is counted (Accounts.pm). A loss
# stands in the table at each kind of fault of its round, because it may be due to any of them. The totals count it once.

use strict;
use warnings FATAL => 'all';

# PostgreSQL::Test sends what is printed into a log of its own.
my $console;
BEGIN
{
	open $console, '>&', \*STDOUT or die; select((select($console), $| = 1)[0]);
}

use FindBin;
use lib $FindBin::Bin;
use Accounts;
use CampaignServer;
use FaultsOfCampaigns;
use FaultsOfCrashes;
use FaultsOfProcesses;
use FaultsOfServers;
use FaultsOfTheMachine;
use FaultsOfUsers;
use Getopt::Long;
use List::Util qw(max shuffle sum sum0);
use Load;
use PostgreSQL::Test::Utils;
use Tenants;
use Time::HiRes qw(sleep time);
use World;

my $faults_a_round = 25;

# Preloaded in every other round, the first one included, where they are installed.
my $libraries = `$ENV{PG_CONFIG} --pkglibdir`;
chomp $libraries;
my @neighbours = grep { -e "$libraries/$_.so" } qw(pgaudit pg_stat_statements);

my ($faults, $seconds, $seed, $databases) = (500, 1800, time % 1_000_000, 0);
GetOptions('faults=i' => \$faults, 'seconds=i' => \$seconds, 'seed=i' => \$seed, 'databases=i' => \$databases) or exit 2;
$seed = int $seed;

my %kinds = (%FaultsOfProcesses::kinds, %FaultsOfUsers::kinds, %FaultsOfCampaigns::kinds, %FaultsOfCrashes::kinds, %FaultsOfServers::kinds, %FaultsOfTheMachine::kinds);
if (@ARGV)
{
	my %wanted;
	for my $part (@ARGV)
	{
		my @named = grep { index(lc $_, lc $part) >= 0 } keys %kinds or die "no kind of fault is named like $part\n";
		@wanted{@named} = @kinds{@named};
	}
	%kinds = %wanted;
}
else
{
	delete @kinds{ grep { !$kinds{$_}{share} } keys %kinds };
}

# An unexpected error ends the run, and is printed on the console.
$SIG{__DIE__} = sub { say_line("# $_[0]") unless $^S; die $_[0] };

sub say_line { print $console @_, "\n"; return }

#---------------------------------------------------------------------------------------------------------------------
# The order of faults

# Each kind by its share, and once at least where there is room; then at random.
sub plan
{
	srand $seed;
	my $shares = sum map { $_->{share} } values %kinds;
	my @names = sort keys %kinds;
	my @plan = map { ($_) x int($faults * $kinds{$_}{share} / ($shares || 1)) } @names;
	my %planned = map { $_ => 1 } @plan;
	push @plan, grep { !$planned{$_} } @names;
	push @plan, $names[ rand @names ] while @plan < $faults;
	@plan = shuffle @plan;
	$#plan = $faults - 1 if @plan > $faults;
	return map { { name => $_, random => [ map { rand } 1 .. 16 ] } } @plan;
}

sub dice_of
{
	my ($fault) = @_;
	my @random = @{ $fault->{random} };
	return sub { return int $_[0] * shift @random };
}

#---------------------------------------------------------------------------------------------------------------------

my %table = map { $_ => { injected => 0, lost => 0, doubled => 0, broken => 0, longest => 0 } } keys %kinds;
my %total = (injected => 0, lost => 0, doubled => 0, broken => 0, longest => 0);
my $began = time;
my @plan = plan();
say_line("# seed $seed: $faults faults of " . keys(%kinds) . " kinds, at most $seconds s");

my $node = campaign_server(
	'server1',
	init => { allows_streaming => 1, has_archiving => 1, extra => ['--wal-segsize=1'] },
	conf => q{
restart_after_crash = on
max_connections = 40
log_min_messages = log
log_statement = none
log_line_prefix = '%m [%p] %b %d '
campaign_lifecycle.retry_base_delay = '100ms'
pgaudit.log = 'all'
pgaudit.log_relation = on
pg_stat_statements.track = 'all'
});
my $world = World->new($node, PostgreSQL::Test::Utils::tempdir() . '/address');
my $sql = sub { return $world->sql($_[0]) };
Load::prepare($sql);
FaultsOfUsers::prepare($world);
FaultsOfCampaigns::prepare($world);
my $load = Load->new(folder => PostgreSQL::Test::Utils::tempdir(), clients => 4, seed => $seed, address => $world->{address});

# Transactions that an asynchronous standby never had are reported and not counted as lost.
sub forget
{
	my ($forgotten) = @_;
	my %there = map { $_ => 1 } split /\n/, $sql->('SELECT client, n FROM torture.ledger');
	my $acknowledged = $load->acknowledged;
	for my $client (keys %$acknowledged)
	{
		$forgotten->{"$client|$_"} = 1 for grep { !$there{"$client|$_"} } keys %{ $acknowledged->{$client} };
	}
	return;
}

sub broken
{
	my ($name, $why) = @_;
	chomp $why;
	say_line("# BROKEN in $name: $why");
	$_->{broken}++ for $table{$name}, \%total;
	return;
}

sub inject
{
	my ($fault, $next, $forgotten) = @_;
	my $kind = $kinds{ $fault->{name} };
	my $row = $table{ $fault->{name} };
	my $dice = dice_of($fault);
	my $patience = $dice->(100);

	undef $world->{since};
	eval { $kind->{inject}->($world, $dice); 1 } or broken($fault->{name}, $@);
	$row->{injected}++;
	$total{injected}++;
	# Also when the next fault does not wait: what is missing from now on is lost.
	forget($forgotten) if $kind->{forgets};
	# Sometimes the next one comes before all is well again; but who needs a server that answers waits for it.
	return if $patience < 30 && $next && (!$kind->{restarts} || $FaultsOfProcesses::kinds{ $next->{name} });
	my $since = $world->{since} // time;
	eval { $world->seconds_to_work; 1 } or broken($fault->{name}, $@);
	$_->{longest} = max($_->{longest}, time - $since) for $row, \%total;
	return;
}

# Every third round has other databases beside.
sub has_tenants { return $databases && $_[0] % 3 == 0 }

# Restart the server with the settings of this round. Return the libraries that it preloads beside ours.
sub restart_for
{
	my ($number) = @_;
	my @beside = $number % 2 ? @neighbours : ();
	return unless @neighbours || $databases;
	$sql->('ALTER SYSTEM SET shared_preload_libraries = ' . join ', ', map { "'$_'" } 'campaign_lifecycle', @beside);
	$sql->(has_tenants($number) ? "ALTER SYSTEM SET max_worker_processes = $Tenants::processes" : 'ALTER SYSTEM RESET max_worker_processes');
	$world->disconnect;
	$world->node->restart;
	return @beside;
}

# Add what was found in other databases, and drop them.
sub add_tenants
{
	my ($found, $tenants, $forgets) = @_;
	my $there = $tenants->take(forgets => $forgets);
	$found->{$_} += $there->{$_} for qw(lost doubled broken);
	push @{ $found->{details} }, @{ $there->{details} };
	say_line(sprintf '#   beside %d databases and %d worker processes: latest timer %.2f s', $databases, $Tenants::processes, $there->{latest});
	$tenants->drop;
	return;
}

sub round
{
	my ($number, @faults) = @_;
	my $round_began = time;
	my %forgotten;
	my $injected = 0;
	my @beside = restart_for($number);
	my $tenants = has_tenants($number) ? Tenants->new($world, $databases, PostgreSQL::Test::Utils::tempdir()) : undef;

	$load->start;
	$tenants->start if $tenants;
	while (my $fault = shift @faults)
	{
		last if time > $began + $seconds;
		inject($fault, $faults[0], \%forgotten);
		$injected++;
		$fault->{done} = 1;
	}
	$load->stop;
	$tenants->stop if $tenants;
	Accounts::settle($sql, 120);
	my $acknowledged = $load->acknowledged;
	for (keys %forgotten)
	{
		my ($client, $n) = split /\|/;
		delete $acknowledged->{$client}{$n};
	}
	my $found = Accounts::take($sql, $acknowledged);
	add_tenants($found, $tenants, scalar %forgotten) if $tenants;
	my %surprises;
	$surprises{$_}++ for $load->surprises;
	$found->{broken} += keys %surprises;
	push @{ $found->{details} }, map { "a client met $_ ($surprises{$_} times)" } sort keys %surprises;

	my ($campaigns, $executed) = split /\|/, $sql->("SELECT (SELECT count(*) FROM campaigns), (SELECT count(*) FROM timer_executions WHERE status = 'COMPLETED')");
	say_line(sprintf '# round %d%s, %.0f s: %d faults, %d transactions acknowledged, %d campaigns, %d timers executed%s: %d lost, %d doubled, %d broken',
		$number, @beside ? ' beside ' . join(' and ', @beside) : '', time - $round_began, $injected, sum0(map { scalar keys %$_ } values %$acknowledged), $campaigns, $executed,
		%forgotten ? ', ' . keys(%forgotten) . ' transactions not replicated' : '', @{$found}{qw(lost doubled broken)});
	say_line("#   $_") for @{ $found->{details} };
	$sql->('TRUNCATE campaigns, campaign_state_log_archive, torture.ledger, audit_log CASCADE');
	return $found;
}

my $number = 0;
while (@plan && time < $began + $seconds)
{
	my @faults = splice @plan, 0, $faults_a_round;
	my $found = round(++$number, @faults);
	my %in_round = map { $_->{name} => 1 } grep { $_->{done} } @faults;
	for my $what (qw(lost doubled broken))
	{
		$_->{$what} += $found->{$what} for (@table{ keys %in_round }, \%total);
	}
}

# A crash that nobody has asked for.
for my $log (glob "$PostgreSQL::Test::Utils::log_path/*.log")
{
	# Line by line, because pgaudit makes it long.
	open my $file, '<', $log or die "$log: $!";
	while (my $line = <$file>)
	{
		next unless $line =~ /PANIC|TRAP:|terminated by signal/ && $line =~ /PANIC|TRAP:|(?:server process|background worker).*terminated by signal (?!9\b)/;
		$total{broken}++;
		chomp $line;
		say_line("# in a server's log: $line");
	}
}
$world->disconnect;
$world->node->stop('fast');

my $width = max map { length } keys %table;
my $line = "%-${width}s %9s %5s %8s %7s %12s";
say_line('');
say_line(sprintf $line, 'fault', 'injected', 'lost', 'doubled', 'broken', 'longest, s');
for my $name (sort keys %table)
{
	my $row = $table{$name};
	say_line(sprintf $line, $name, @{$row}{qw(injected lost doubled broken)}, sprintf '%.1f', $row->{longest});
}
say_line(sprintf $line, 'total', @total{qw(injected lost doubled broken)}, sprintf '%.1f', $total{longest});
say_line('# latest under bids: ' . join ', ', map { sprintf '%s %.2f s', $_, $FaultsOfCampaigns::latest{$_} } sort keys %FaultsOfCampaigns::latest) if %FaultsOfCampaigns::latest;
say_line(sprintf '# seed %d, %.0f s%s', $seed, time - $began, $total{injected} < $faults ? '; ' . ($faults - $total{injected}) . ' faults were left when time was up' : '');
exit($total{lost} + $total{doubled} + $total{broken} > 0);
