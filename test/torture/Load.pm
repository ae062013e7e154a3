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
		-- A stale object of an application writes this, and must not.
		CREATE FUNCTION torture.revive_finished(campaign uuid) RETURNS void LANGUAGE plpgsql AS $$
		BEGIN
			UPDATE campaign_timers SET status = 'PENDING', executed_at = NULL WHERE campaign_id = campaign AND status IN ('COMPLETED', 'CANCELLED');
			IF FOUND THEN
				RAISE EXCEPTION 'a finished timer of campaign % waits again', campaign USING ERRCODE = 'TT001';
			END IF;
		END $$;
		-- One that a policy has replaced meanwhile is cancelled instead.
		CREATE FUNCTION torture.revive_dead(error text) RETURNS void LANGUAGE plpgsql AS $$
		DECLARE
			timer uuid;
		BEGIN
			FOR timer IN SELECT t.id FROM campaign_timers AS t WHERE t.status = 'FAILED' AND t.retry_count = 5
				AND EXISTS (SELECT FROM timer_executions AS x WHERE x.timer_id = t.id AND x.error_message = error)
			LOOP
				BEGIN
					PERFORM retry_timer(timer);
				EXCEPTION WHEN unique_violation THEN
					PERFORM cancel_timer(timer);
				END;
			END LOOP;
		END $$;
		-- A trigger as users write them: without a search_path.
		CREATE TABLE audit_log (campaign_id uuid, status text);
		GRANT INSERT ON audit_log TO PUBLIC;
		CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF TG_OP = 'INSERT' OR NEW.status <> OLD.status THEN
				INSERT INTO audit_log VALUES (NEW.id, NEW.status);
			END IF;
			RETURN NULL;
		END $$;
		CREATE TRIGGER audit AFTER INSERT OR UPDATE OF status ON campaigns FOR EACH ROW EXECUTE FUNCTION audit();
		-- So that a campaign that has not started can be cancelled.
		INSERT INTO campaign_state_transitions (from_state, to_state, timer_type) VALUES ('CREATED', 'EXPIRED', 'EXPIRE_CAMPAIGN');
		INSERT INTO campaign_timer_policies (state, timer_type, anchor, delay) VALUES ('RUNNING', 'REWARD_REMINDER', 'entered', '300 milliseconds');
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
# (23502: with it the trigger that fills in the first state) or its functions were just replaced; what two sessions of users do to each other; what the machine has run out of.
my %expected = map { $_ => 1 } qw(P0001 P0002 55000 23505 23503 23502 lost 57P01 57P02 57P03 08006 08003 25006 42883 42P01 3F000 55P03 57014 40P01 40001 53100 53200 53300);

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
		my ($op, $campaign, $sql, $timer) = _choose(\@campaigns, "T$client-$n");
		$timer = defined $timer ? "'$timer'" : 'NULL';
		my $value = $op eq 'reschedule' ? "(SELECT start_time FROM campaigns WHERE id = '$campaign')" : 'NULL';
		# One message, so one transaction.
		my $done = $session->ask("$sql\\; INSERT INTO torture.ledger VALUES ($client, $n, '$op', '$campaign', $timer, $value)");
		if (defined $done)
		{
			$self->_note('acknowledged', "$client $n");
			push @campaigns, $campaign if $op eq 'create' || $op eq 'insert';
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

# Return the next operation: its name, the campaign, the SQL, and the timer that it sets.
sub _choose
{
	my ($campaigns, $tag) = @_;
	my $dice = rand;
	return _create() if @$campaigns < 5 || $dice < 0.45;
	my $id = $campaigns->[ rand @$campaigns ];
	return _insert()        if $dice < 0.5;
	return _move($id, $tag) if $dice < 0.62;
	return ('cancel', $id, "SELECT cancel_campaign('$id', '$tag')") if $dice < 0.70;
	return ('reschedule', $id, sprintf "SELECT reschedule_campaign('$id', now() - interval '1 hour' + interval '%.3f seconds')", 2 * rand) if $dice < 0.80;
	return _set_expire($id)    if $dice < 0.86;
	return _put_off_close($id) if $dice < 0.91;
	return _set_early($id)     if $dice < 0.94;
	return ('again', $id, "SELECT schedule_campaign_timers('$id')") if $dice < 0.97;
	return ('revive', $id, "SELECT torture.revive_finished('$id')") if $dice < 0.985;
	return ('missing', $id, 'SELECT schedule_missing_timers(20)');
}

# Most start and close within two seconds; some in an hour, to be rescheduled and cancelled.
sub _start_time { return rand() < 0.8 ? sprintf "now() - interval '1 hour' + interval '%.3f seconds'", 2 * rand : "now() + interval '1 hour'" }
sub _often { return rand() < 0.8 ? 'true' : 'false' }

sub _create
{
	my ($id, $start, $close, $rewards) = (uuid(), _start_time(), _often(), _often());
	return ('create', $id, "SELECT create_campaign(1, $start, auto_close => $close, rewards_enabled => $rewards, id => '$id')");
}

# Without timers. schedule_missing_timers() sets them.
sub _insert
{
	my ($id, $start, $close, $rewards) = (uuid(), _start_time(), _often(), _often());
	return ('insert', $id, "INSERT INTO campaigns (id, start_time, duration_hours, auto_close, rewards_enabled) VALUES ('$id', $start, 1, $close, $rewards)");
}

sub _move
{
	my ($id, $tag) = @_;
	my $state = (qw(RUNNING CLOSED REWARD_CLAIM EXPIRED))[ rand 4 ];
	return ('move', $id, "SELECT transition_campaign('$id', '$state', '$tag')");
}

# A campaign's own time for expiring, in the place of the policy's.
sub _set_expire
{
	my ($id) = @_;
	my $timer = uuid();
	my $at = sprintf "now() + interval '%.3f seconds'", 2 * rand;
	return ('timer', $id,
		"SELECT cancel_timer(id) FROM campaign_timers WHERE campaign_id = '$id' AND timer_type = 'EXPIRE_CAMPAIGN' AND status IN ('PENDING', 'FAILED')"
		. "\\; SELECT schedule_timer('$id', 'EXPIRE_CAMPAIGN', $at, id => '$timer')", $timer);
}

# The policy's EXPIRE_CAMPAIGN goes behind it.
sub _put_off_close
{
	my ($id) = @_;
	my $at = sprintf "now() + interval '%.3f seconds'", 4 * rand;
	return ('put off', $id,
		"SELECT reschedule_timer(id, $at) FROM campaign_timers WHERE campaign_id = '$id' AND timer_type = 'CLOSE_CAMPAIGN' AND status IN ('PENDING', 'FAILED')");
}

# A timer that may come before the state in which it acts. schedule_missing_timers() leaves out a campaign with a timer of any kind.
sub _set_early
{
	my ($id) = @_;
	my ($timer, $type) = (uuid(), (qw(REWARD_REMINDER CLOSE_CAMPAIGN))[ rand 2 ]);
	my $at = sprintf "now() + interval '%.3f seconds'", 2 * rand;
	return ('early', $id, "SELECT schedule_campaign_timers('$id')\\; SELECT schedule_timer('$id', '$type', $at, id => '$timer')", $timer);
}

1;
