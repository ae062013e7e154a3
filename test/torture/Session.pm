# A psql that stays connected and tells of a lost connection instead of dying of it, for clients of a server that is being killed.
#
#     my $session = Session->new($connection_string);
#     my $rows = $session->ask('SELECT 1');       the rows as text, columns joined by |, or undef
#     $session->{state}, $session->{error}        then: SQLSTATE and message; state is `lost` when the connection has gone,
#                                                  `silent` when there was no answer in time (and the session is over as well)

package Session;

use strict;
use warnings FATAL => 'all';
use IO::Handle;
use POSIX ();
use Time::HiRes 'time';

sub new
{
	my ($class, $connstr, %options) = @_;
	pipe my $in,   my $to_psql   or die "pipe: $!";
	pipe my $from, my $psql_says or die "pipe: $!";
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		open STDIN,  '<&', $in        or die;
		open STDOUT, '>&', $psql_says or die;
		open STDERR, '>&', $psql_says or die;
		close $to_psql;
		close $from;
		$ENV{PGAPPNAME} = $options{name} // 'torture';
		$ENV{PGOPTIONS} = '-c client_min_messages=error';
		$ENV{PGCONNECT_TIMEOUT} = 10;
		exec 'psql', '-X', '-q', '-A', '-t', '-v', 'VERBOSITY=verbose', '-d', $connstr or POSIX::_exit(127);
	}
	close $in;
	close $psql_says;
	$to_psql->autoflush(1);
	return bless { pid => $pid, to => $to_psql, from => $from, rest => '', asked => 0, owner => $$, state => '00000', error => '' }, $class;
}

sub is_over { return !$_[0]{pid} }

sub ask
{
	my ($self, $sql, %options) = @_;
	return $self->_over('lost', 'no connection') if $self->is_over;
	my $mark = '<<' . ++$self->{asked} . '>>';
	local $SIG{PIPE} = 'IGNORE';
	print { $self->{to} } "$sql;\n\\echo $mark :SQLSTATE\n";
	my $deadline = time + ($options{timeout} // 60);
	my ($answer, $state);
	until (($answer, $state) = $self->{rest} =~ /\A(.*?)^\Q$mark\E (\w+)\n/ms)
	{
		vec(my $ready = '', fileno $self->{from}, 1) = 1;
		my $left = $deadline - time;
		return $self->_over('silent', "no answer in time to: $sql") if $left <= 0;
		next unless select($ready, undef, undef, $left) > 0;
		sysread($self->{from}, $self->{rest}, 65536, length $self->{rest}) or return $self->_over('lost', $self->{rest});
	}
	$self->{rest} = '';
	$self->{state} = $state;
	if ($state ne '00000')
	{
		$self->{error} = $answer;
		return undef;
	}
	chomp $answer;
	return $answer;
}

sub _over
{
	my ($self, $state, $error) = @_;
	$self->{state} = $state;
	$self->{error} = $error;
	$self->end;
	return undef;
}

sub end
{
	my ($self) = @_;
	my $pid = delete $self->{pid} or return;
	close $self->{to};
	close $self->{from};
	kill 'KILL', $pid;
	waitpid $pid, 0;
	return;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!);
	# A fork inherits the object, not the child.
	$self->end if ($self->{owner} // $$) == $$;
	return;
}

1;
