# Clients that create, move, cancel and reschedule campaigns, and remember what was committed.
#
# Each client is a process of its own. An action goes, with a row of torture.ledger, in one transaction. After the server has said that
# it is committed, its number goes into a file of the client's. So the ledger can be compared with the campaigns (a transaction is whole
# or not at all) and the file with the ledger (what was acknowledged is there). A client touches its own campaigns only.
#
#     Load::prepare($sql);                  a closure that executes SQL: the ledger, and policies that make a life a matter of seconds
#     my $load = Load->new(folder => ..., clients => 4, seed => 1, address => $file);
#     $load->start; ... $load->stop;        the address, a file with a connection string, is read at each new connection
#     $load->acknowledged                   { client => { number => 1 } }
#     $load->surprises                      SQLSTATEs and messages that no fault explains, as texts

package Load;

use strict;
use warnings FATAL => 'all';
use POSIX ();
use Session;
use Time::HiRes qw(sleep time);

sub prepare
{
	my ($sql) = @_;
	$sql->(q{
		CREATE SCHEMA torture;
		CREATE TABLE torture.ledger (client integer, n integer, op text NOT NULL, campaign uuid NOT NULL, timer uuid, value timestamptz, PRIMARY KEY (client, n));
		-- So that a campaign that has not started can be cancelled.
		INSERT INTO campaign_state_transitions (from_state, to_state, timer_type) VALUES ('CREATED', 'EXPIRED', 'EXPIRE_CAMPAIGN');
		UPDATE campaign_timer_policies SET delay = CASE
			WHEN anchor = 'end_time' AND timer_type = 'EXPIRE_CAMPAIGN' THEN interval '3 seconds'
			WHEN state = 'CLOSED' AND timer_type = 'REWARD_REMINDER' THEN interval '300 milliseconds'
			WHEN state = 'CLOSED' THEN interval '2 seconds'
			WHEN state = 'REWARD_CLAIM' AND timer_type = 'REWARD_REMINDER' THEN interval '500 milliseconds'
			WHEN state = 'REWARD_CLAIM' THEN interval '1 second'
			ELSE delay END});
	return;
}

sub new
{
	my ($class, %options) = @_;
	return bless { %options, round => 0, pids => [], surprises => {} }, $class;
}

sub _file { return "$_[0]{folder}/$_[1].$_[0]{round}" }

sub start
{
	my ($self) = @_;
	$self->{round}++;
	for my $number (1 .. $self->{clients})
	{
		my $pid = fork // die "fork: $!";
		if ($pid == 0)
		{
			eval { $self->_live($self->{round} * 100 + $number); 1 } or $self->_note('surprises', "a client died: $@");
			POSIX::_exit(0);
		}
		push @{ $self->{pids} }, $pid;
	}
	return;
}

sub stop
{
	my ($self) = @_;
	open my $flag, '>', $self->_file('stop') or die $!;
	waitpid $_, 0 for splice @{ $self->{pids} };
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

sub acknowledged
{
	my ($self) = @_;
	my %acknowledged;
	for my $line ($self->_lines('acknowledged'))
	{
		my ($client, $n) = split ' ', $line;
		$acknowledged{$client}{$n} = 1;
	}
	return \%acknowledged;
}

sub surprises { return $_[0]->_lines('surprises') }

# Errors that a client may meet: a campaign refuses because a timer came first; the server is lost; the extension is away
# or its functions were just replaced; what two sessions of users do to each other; what the machine has run out of.
my %expected = map { $_ => 1 } qw(P0001 P0002 55000 23505 23503 lost 57P01 57P02 57P03 08006 08003 25006 42883 42P01 3F000 55P03 57014 40P01 40001 53100 53200 53300);

#---------------------------------------------------------------------------------------------------------------------
# A client's life

sub uuid { return join '-', map { unpack 'H*', pack 'C*', map { int rand 256 } 1 .. $_ } 4, 2, 2, 2, 6 }

sub _live
{
	my ($self, $client) = @_;
	srand $self->{seed} * 10007 + $client;
	my $session;
	my @campaigns;
	my $n = 0;
	my $parent = getppid;
	while (!-e $self->_file('stop') && getppid == $parent)
	{
		if (!$session || $session->is_over)
		{
			open my $file, '<', $self->{address} or next;
			chomp(my $connstr = <$file> // next);
			$session = Session->new($connstr, name => 'client');
		}
		$n++;
		my ($op, $campaign, $sql) = _choose(\@campaigns, "T$client-$n");
		my ($timer, $value) = ('NULL', 'NULL');
		($timer, $value) = ("'" . $sql->{timer} . "'", 'NULL') if ref $sql && $sql->{timer};
		$value = "(SELECT start_time FROM campaigns WHERE id = '$campaign')" if $op eq 'reschedule';
		my $text = ref $sql ? $sql->{sql} : $sql;
		# One message, so one transaction.
		my $done = $session->ask("$text\\; INSERT INTO torture.ledger VALUES ($client, $n, '$op', '$campaign', $timer, $value)");
		if (defined $done)
		{
			$self->_note('acknowledged', "$client $n");
			push @campaigns, $campaign if $op eq 'create';
			shift @campaigns if @campaigns > 40;
		}
		elsif (!$expected{ $session->{state} })
		{
			$self->_note('surprises', "$session->{state} in $op: " . $session->{error} =~ s/\s+/ /gr);
		}
		sleep($session->{state} eq 'lost' ? 0.02 : 0.01 + rand 0.05);
	}
	$session->end if $session;
	return;
}

# Return the next operation: its name, the campaign, and the SQL.
sub _choose
{
	my ($campaigns, $tag) = @_;
	my $dice = rand;
	if (@$campaigns < 5 || $dice < 0.5)
	{
		my $id = uuid();
		# Most start and close within two seconds; some in an hour, to be rescheduled and cancelled.
		my $start = rand() < 0.8 ? sprintf "now() - interval '1 hour' + interval '%.3f seconds'", 2 * rand : "now() + interval '1 hour'";
		my $flags = sprintf 'auto_close => %s, rewards_enabled => %s', rand() < 0.8 ? 'true' : 'false', rand() < 0.8 ? 'true' : 'false';
		return ('create', $id, "SELECT create_campaign(1, $start, $flags, id => '$id')");
	}
	my $id = $campaigns->[ rand @$campaigns ];
	if ($dice < 0.65)
	{
		my $state = (qw(RUNNING CLOSED REWARD_CLAIM EXPIRED))[ rand 4 ];
		return ('move', $id, "SELECT transition_campaign('$id', '$state', '$tag')");
	}
	return ('cancel', $id, "SELECT cancel_campaign('$id', '$tag')") if $dice < 0.75;
	if ($dice < 0.9)
	{
		my $start = sprintf "now() - interval '1 hour' + interval '%.3f seconds'", 2 * rand;
		return ('reschedule', $id, "SELECT reschedule_campaign('$id', $start)");
	}
	# A campaign's own time for expiring, in the place of the policy's.
	my $timer = uuid();
	my $at = sprintf "now() + interval '%.3f seconds'", 2 * rand;
	return ('timer', $id, { timer => $timer, sql =>
		"SELECT cancel_timer(id) FROM campaign_timers WHERE campaign_id = '$id' AND timer_type = 'EXPIRE_CAMPAIGN' AND status IN ('PENDING', 'FAILED')"
		. "\\; SELECT schedule_timer('$id', 'EXPIRE_CAMPAIGN', $at, id => '$timer')" });
}

1;
