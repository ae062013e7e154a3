# More databases with the extension than the server has worker processes, each with a few timers now and then. A round may have them beside
# its faults.
#
#     my $tenants = Tenants->new($world, 12, $folder);    databases tenant_1 to tenant_12, from side_template
#     $tenants->start; ... $tenants->stop;                one client, which goes from database to database
#     my $found = $tenants->take;                         waits for what is due, and counts: numbers and details as those of Accounts
#     $found->{latest}                                    seconds, of the timer that was executed latest after its time
#     $tenants->drop;

package Tenants;

use strict;
use warnings FATAL => 'all';
use Accounts;
use Load;
use POSIX ();
use Session;
use Time::HiRes qw(sleep time);

our $processes = 8;

sub new
{
	my ($class, $world, $number, $folder) = @_;
	my $self = bless { world => $world, names => [ map { "tenant_$_" } 1 .. $number ], folder => $folder, round => 0 }, $class;
	for my $name (@{ $self->{names} })
	{
		$world->sql("CREATE DATABASE $name TEMPLATE side_template");
		$world->sql($_, db => $name) for 'DROP TRIGGER slow_down ON campaigns', 'SELECT resume_timers()';
		$world->disconnect($name);
	}
	return $self;
}

sub _file { return "$_[0]{folder}/tenants.$_[1].$_[0]{round}" }

sub start
{
	my ($self) = @_;
	$self->{round}++;
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		eval { $self->_live; 1 } or $self->_note('surprises', "a client died: $@");
		POSIX::_exit(0);
	}
	$self->{pid} = $pid;
	return;
}

sub stop
{
	my ($self) = @_;
	open my $flag, '>', $self->_file('stop') or die $!;
	waitpid delete $self->{pid}, 0;
	return;
}

sub _note
{
	my ($self, $what, $text) = @_;
	open my $file, '>>', $self->_file($what) or die $!;
	syswrite $file, "$text\n";
	return;
}

sub _lines
{
	my ($self, $what) = @_;
	open my $file, '<', $self->_file($what) or return;
	chomp(my @lines = <$file>);
	return @lines;
}

# Timers due at once and within two seconds, in one database after another, on a new connection each time.
sub _live
{
	my ($self) = @_;
	my $parent = getppid;
	while (!-e $self->_file('stop') && getppid == $parent)
	{
		my $name = $self->{names}[ rand @{ $self->{names} } ];
		open my $file, '<', $self->{world}{address} or next;
		chomp(my $connstr = <$file> // next);
		my $session = Session->new($connstr =~ s/dbname=\S+/dbname=$name/r, name => 'tenant');
		my @ids = map { Load::uuid() } 1 .. 1 + rand 5;
		my $values = join ', ', map { sprintf "('%s'::uuid, %.3f)", $_, 2 * rand } @ids;
		my $done = $session->ask(qq{
			WITH v (id, delay) AS (VALUES $values),
			c AS (INSERT INTO campaigns (id, status, duration_hours) SELECT id, 'RUNNING', 1 FROM v RETURNING id)
			INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at)
			SELECT c.id, 'EXPIRE_CAMPAIGN', now() + delay * interval '1 second' FROM c JOIN v USING (id)});
		if (defined $done)                                { $self->_note('acknowledged', "$name $_") for @ids }
		elsif ($session->{state} !~ /^(lost|57P0[123]|53\d{3}|55006)$/) { $self->_note('surprises', "$session->{state} in $name: " . $session->{error} =~ s/\s+/ /gr) }
		$session->end;
		sleep(0.05 + rand 0.2);
	}
	return;
}

# Transactions that an asynchronous standby never had are not counted: forgotten is a hash of their ids, or undef.
sub take
{
	my ($self, %options) = @_;
	my %found = (lost => 0, doubled => 0, broken => 0, latest => 0, details => []);
	my %acknowledged;
	for my $line ($self->_lines('acknowledged'))
	{
		my ($name, $id) = split ' ', $line;
		$acknowledged{$name}{$id} = 1;
	}
	for my $name (@{ $self->{names} })
	{
		my $sql = sub { return $self->{world}->sql($_[0], db => $name) };
		Accounts::settle($sql, 120);
		my %there = map { $_ => 1 } split /\n/, $sql->('SELECT id FROM campaigns');
		my %count = (
			lost    => $sql->("SELECT count(*) FROM campaigns WHERE status <> 'EXPIRED'"),
			doubled => $sql->("SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM timer_executions WHERE status = 'COMPLETED' GROUP BY timer_id) AS x WHERE n > 1"));
		$count{lost} += grep { !$there{$_} } keys %{ $acknowledged{$name} } unless $options{forgets};
		for my $what (grep { $count{$_} } sort keys %count)
		{
			$found{$what} += $count{$what};
			push @{ $found{details} }, "$what: $count{$what} in $name";
		}
		my $late = $sql->("SELECT coalesce(max(EXTRACT(epoch FROM executed_at - scheduled_at)), 0) FROM campaign_timers WHERE status = 'COMPLETED'");
		$found{latest} = $late if $late > $found{latest};
		$self->{world}->disconnect($name);
	}
	my %surprises = map { $_ => 1 } $self->_lines('surprises');
	$found{broken} += keys %surprises;
	push @{ $found{details} }, map { "a client met $_" } sort keys %surprises;
	return \%found;
}

sub drop
{
	my ($self) = @_;
	$self->{world}->sql("DROP DATABASE $_") for @{ $self->{names} };
	return;
}

1;
