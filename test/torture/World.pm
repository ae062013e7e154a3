# The server that is tortured, as faults and the round see it: which one it is at the moment, sessions that come back, and how long it
# takes until it works again.
#
#     my $world = World->new($node, $address);       the database postgres of a PostgreSQL::Test::Cluster
#     $world->sql($sql)                              rows as text; reconnects for as long as nothing was answered; dies of an error
#     $world->sql($sql, db => 'side')
#     $world->seconds_to_work                        commits a timer that is due, again and again if need be, until one is executed
#     $world->wait_until($query, $answer)               within 90 s, or as long as `patience` says, else it dies
#     $world->move_to($node)                         clients connect there from now on
#     $world->pid_of('campaign_lifecycle worker')    one of them, of the database postgres where that has a meaning; undef: there is none, for ten seconds
#
# All clocks here are ours, so that a fault may set the server's.

package World;

use strict;
use warnings FATAL => 'all';
use Session;
use Time::HiRes qw(sleep time);

my $patience = 90;

sub new
{
	my ($class, $node, $address) = @_;
	my $self = bless { address => $address, sessions => {} }, $class;
	$self->move_to($node);
	return $self;
}

sub node { return $_[0]{node} }

sub move_to
{
	my ($self, $node) = @_;
	$self->{node} = $node;
	$self->disconnect;
	open my $file, '>', "$self->{address}.new" or die "$self->{address}: $!";
	print $file $node->connstr('postgres'), "\n";
	close $file;
	rename "$self->{address}.new", $self->{address} or die "$self->{address}: $!";
	return;
}

sub disconnect
{
	my ($self, $db) = @_;
	for my $name (defined $db ? $db : keys %{ $self->{sessions} })
	{
		my $session = delete $self->{sessions}{$name} or next;
		$session->end;
	}
	return;
}

sub session
{
	my ($self, $db) = @_;
	my $session = $self->{sessions}{$db};
	$session = $self->{sessions}{$db} = Session->new($self->{node}->connstr($db)) if !$session || $session->is_over;
	return $session;
}

sub sql
{
	my ($self, $sql, %options) = @_;
	my $deadline = time + $patience;
	while (1)
	{
		my $session = $self->session($options{db} // 'postgres');
		my $rows = $session->ask($sql, timeout => $options{timeout} // $patience);
		return $rows if defined $rows;
		my ($state, $error) = @{$session}{qw(state error)};
		# With it goes what transaction it may be in.
		$session->end;
		die "$state " . $error =~ s/\s+/ /gr . " in: $sql\n"
		  if time > $deadline || !($state =~ /^(lost|57P0[123])$/ || ($state eq '40P01' && $self->_is_among_users($error)));
		sleep 0.03;
	}
}

# A deadlock of statements that lock several tables with clients that do so in another order is theirs alone.
sub _is_among_users
{
	my ($self, $error) = @_;
	my $pids = join ',', $error =~ /\bprocess (\d+)/gi;
	return $self->sql("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid IN ($pids) AND backend_type LIKE 'campaign_lifecycle%'") eq 't';
}

sub wait_until
{
	my ($self, $query, $answer, %options) = @_;
	my $patience = $options{patience} // $patience;
	my $deadline = time + $patience;
	my $last = '';
	while (($last = $self->sql($query, %options)) ne $answer)
	{
		die "not within $patience s: $query is $last, not $answer\n" if time > $deadline;
		sleep 0.02;
	}
	return;
}

sub seconds_to_work
{
	my ($self) = @_;
	my $began = time;
	my $id;
	while (time < $began + $patience)
	{
		# A campaign of the plainest kind: one timer, that ends it.
		$id //= eval {
			$self->sql(q{
				WITH c AS (INSERT INTO campaigns (status, duration_hours, metadata) VALUES ('RUNNING', 1, '{"canary": true}') RETURNING id)
				INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) SELECT id, 'EXPIRE_CAMPAIGN', now() FROM c RETURNING campaign_id});
		} or next;
		my $status = $self->sql("SELECT status FROM campaigns WHERE id = '$id'");
		return time - $began if $status eq 'EXPIRED';
		# Committed to a server that was lost with it.
		undef $id if $status eq '';
		sleep 0.005;
	}
	die "does not work again within $patience s\n";
}

sub pid_of
{
	my ($self, $type, %options) = @_;
	my $deadline = time + ($options{patience} // 10);
	my $pid;
	do { ($pid) = split /\n/, $self->sql("SELECT pid FROM pg_stat_activity WHERE backend_type = '$type' AND (datname IS NULL OR datname = 'postgres') ORDER BY random()") }
	  until $pid || time > $deadline || !sleep 0.02;
	return $pid;
}

sub pid_of_client
{
	my ($self) = @_;
	my ($pid) = split /\n/, $self->sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'client' ORDER BY random()");
	return $pid;
}

sub set
{
	my ($self, %settings) = @_;
	for my $name (sort keys %settings)
	{
		$self->sql(defined $settings{$name} ? "ALTER SYSTEM SET $name = '$settings{$name}'" : "ALTER SYSTEM RESET $name");
	}
	$self->sql('SELECT pg_reload_conf()');
	return;
}

1;
