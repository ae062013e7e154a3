# The database does the same as a plain model of the lifecycle in Perl.
#
# Random histories: campaigns are made, moved, cancelled, rescheduled, broken by a trigger of the user's and healed, timers set, moved,
# cancelled and retried, states and timer types added, used and dropped, campaigns paused in such a state, transactions rolled back; time jumps (all rows are moved into the past), and what is due runs, in one history by
# run_due_timers(), in the next by the worker, which is terminated at times; now and then the server ends as in a power cut. After each round of a
# history every answer (done, or the SQLSTATE), every campaign's state and history and every timer's status, attempts and time must be what the
# model says. The seed is printed, and TEST_SEED repeats it; of a history that fails the shortest part that still fails is printed.
#
# The unit of time is five minutes: the time that the test itself takes does not matter.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignServer;
use Test::More;
use Time::HiRes 'time';

my $seed = $ENV{TEST_SEED} // time % 1_000_000;
$seed = int $seed;
note("TEST_SEED=$seed");
srand $seed;

my $node = campaign_server('model', conf => "campaign_lifecycle.enabled = off\ncampaign_lifecycle.retry_base_delay = '10min'\ncampaign_lifecycle.retry_jitter = 0\n");
$node->safe_psql(
	'postgres', q{
	CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$;
	CREATE TRIGGER refuse BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (NEW.metadata ? 'bad' AND NEW.status <> OLD.status) EXECUTE FUNCTION refuse();
	CREATE FUNCTION act(command text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		EXECUTE command;
		RETURN 'done';
	EXCEPTION WHEN OTHERS THEN
		RETURN SQLSTATE;
	END $$;
	CREATE FUNCTION jump(units integer) RETURNS text LANGUAGE plpgsql SET session_replication_role = replica AS $$
	DECLARE
		distance interval := units * interval '5 minutes';
	BEGIN
		UPDATE campaigns SET start_time = start_time - distance, end_time = end_time - distance, created_at = created_at - distance;
		UPDATE campaign_timers SET scheduled_at = scheduled_at - distance, executed_at = executed_at - distance, updated_at = updated_at - distance;
		UPDATE campaign_state_log SET created_at = created_at - distance;
		UPDATE timer_executions SET started_at = started_at - distance, completed_at = completed_at - distance;
		RETURN 'done';
	END $$});

#---------------------------------------------------------------------------------------------------------------------
# The model. It knows of the lifecycle only the text of the documents, in another form than the product's. A moment is
# units * 1e6, plus the number of the operation: of two things in one unit that which was said first is the earlier.

my $hour = 12;
my %default_moves = (
	CREATED      => { START_CAMPAIGN  => 'RUNNING' },
	RUNNING      => { CLOSE_CAMPAIGN  => 'CLOSED', EXPIRE_CAMPAIGN => 'EXPIRED' },
	CLOSED       => { REWARD_REMINDER => 'REWARD_CLAIM', EXPIRE_CAMPAIGN => 'EXPIRED' },
	REWARD_CLAIM => { EXPIRE_CAMPAIGN => 'EXPIRED' },
	EXPIRED      => {});
my %default_policies = (
	CREATED => { START_CAMPAIGN => [ 'start', 0 ], CLOSE_CAMPAIGN => [ 'end', 0, 'auto_close' ], EXPIRE_CAMPAIGN => [ 'end', 2 * $hour, 'auto_close' ] },
	RUNNING => { CLOSE_CAMPAIGN => [ 'end', 0, 'auto_close' ], EXPIRE_CAMPAIGN => [ 'end', 2 * $hour, 'auto_close' ] },
	CLOSED  => { REWARD_REMINDER => [ 'entered', 1, 'rewards_enabled' ], EXPIRE_CAMPAIGN => [ 'entered', 48 * $hour ] },
	REWARD_CLAIM => { REWARD_REMINDER => [ 'entered', 144 * $hour, 'rewards_enabled' ], EXPIRE_CAMPAIGN => [ 'entered', 168 * $hour ] },
	EXPIRED => {});
my @types = qw(START_CAMPAIGN CLOSE_CAMPAIGN EXPIRE_CAMPAIGN REWARD_REMINDER);
my %priority = map { split /\|/ } split /\n/, $node->safe_psql('postgres', 'SELECT timer_type, min(priority) FROM campaign_state_transitions GROUP BY 1');

# Names that users add: states in which a RUNNING campaign is paused; a type that is an event of RUNNING, and one that means nothing.
my @added_states = qw(PAUSED HELD);
my @added_types = qw(HALF_TIME NAG);
my (%moves, %policies, %by_hand, %known_type);

sub reset_machine
{
	%moves = map { $_ => { %{ $default_moves{$_} } } } keys %default_moves;
	%policies = map { $_ => { %{ $default_policies{$_} } } } keys %default_policies;
	%by_hand = ();
	%known_type = map { $_ => 1 } @types;
	return;
}

sub next_states { my ($state) = @_; return (values %{ $moves{$state} }, sort keys %{ $by_hand{$state} // {} }) }

# The states that a campaign can come to, this one first.
sub reachable
{
	my ($state) = @_;
	my @found = ($state);
	my %seen = ($state => 1);
	for (my $i = 0; $i < @found; $i++) { push @found, grep { !$seen{$_}++ } next_states($found[$i]) }
	return @found;
}

sub waits { return $_[0]{status} eq 'PENDING' || ($_[0]{status} eq 'FAILED' && $_[0]{attempts} < 5) }
sub waiting { my ($c, $type) = @_; return grep { waits($_) && (!$type || $_->{type} eq $type) } @{ $c->{timers} } }
sub later { return $_[0] + 1e6 * $_[1] }
sub latest { return $_[0] > $_[1] ? $_[0] : $_[1] }

sub time_of
{
	my ($c, $policy) = @_;
	my ($anchor, $delay) = @$policy;
	my $from = $anchor eq 'entered' ? $c->{entered} : $c->{start};
	return undef unless defined $from;
	return later($from, $delay + ($anchor eq 'end' ? $c->{hours} * $hour : 0));
}

# Does a timer of this type move a campaign in this state, or is it an event?
sub acts
{
	my ($state, $type) = @_;
	my $policy = $policies{$state}{$type};
	return $moves{$state}{$type} || ($policy && $policy->[0] eq 'entered');
}

# Could a campaign in this state still come to move by this type, or to a state of which it is an event?
sub comes_to { my ($state, $type) = @_; return scalar grep { $moves{$_}{$type} } reachable($state) }
sub comes_to_event { my ($state, $type) = @_; return scalar grep { $policies{$_}{$type} } reachable($state) }
sub is_late { my ($state, $type) = @_; return !comes_to($state, $type) && !comes_to_event($state, $type) }

# Could a timer of the policies, of this type, end a campaign for good before one of the other type has acted?
sub overtakes
{
	my ($state, $type, $other) = @_;
	return 0 if $type eq $other;
	for my $from (reachable($state))
	{
		my $to = $moves{$from}{$type} or next;
		return 1 if !is_late($from, $other) && is_late($to, $other);
	}
	return 0;
}

# When a timer of a policy is due, which was to be due at this time, wanted at that by its policy: behind the timers set by hand.
sub behind_hand
{
	my ($c, $now, $type, $at, $wanted) = @_;
	my $result = $at;
	for my $hand (grep { !$_->{policy} && overtakes($c->{state}, $type, $_->{type}) } waiting($c))
	{
		next if $hand->{postponed} && !acts($c->{state}, $hand->{type});
		my $hand_at = $hand->{postponed} && $hand->{at} > $now ? $now : $hand->{at};
		next if $at > $hand_at;
		my $policy = $policies{ $c->{state} }{ $hand->{type} };
		my $own = $policy ? time_of($c, $policy) : undef;
		$result = latest($result, $hand_at + (defined $own && $own < $wanted ? $wanted - $own : 0.001));
	}
	return $result;
}

sub apply_policies
{
	my ($c, $now) = @_;
	my $policies = $policies{ $c->{state} };
	my %had = map { $_->{type} => 1 } waiting($c), grep { $_->{ended} } @{ $c->{timers} };
	my @new;
	for my $timer (waiting($c))
	{
		my $policy = $timer->{policy} ? $policies->{ $timer->{type} } : undef;
		if ($c->{state} eq 'EXPIRED' || ($timer->{policy} && !$policy && !$moves{ $c->{state} }{ $timer->{type} }))
		{
			push @new, [ $timer, undef ];
		}
		elsif ($policy)
		{
			next if $policy->[2] && !$c->{ $policy->[2] };
			my $wanted = time_of($c, $policy) // next;
			my $due = $wanted <= $now && ($timer->{at} <= $now || $timer->{status} eq 'FAILED');
			push @new, [ $timer, behind_hand($c, $now, $timer->{type}, $due ? $timer->{at} : latest($wanted, $now), $wanted) ];
		}
		else
		{
			my $at = $timer->{postponed} && $timer->{status} ne 'FAILED' && $timer->{at} > $now && acts($c->{state}, $timer->{type}) ? $now : $timer->{at};
			push @new, [ $timer, $timer->{policy} ? behind_hand($c, $now, $timer->{type}, $at, $at) : $at ];
		}
	}
	for my $type ($c->{state} eq 'EXPIRED' ? () : (@types, @added_types))
	{
		my $policy = $policies->{$type} or next;
		next if $had{$type} || ($policy->[2] && !$c->{ $policy->[2] });
		my $wanted = time_of($c, $policy) // next;
		push @new, [ { type => $type, status => 'PENDING', attempts => 0, policy => 1, is_new => 1 }, behind_hand($c, $now, $type, latest($wanted, $now), $wanted) ];
	}
	# All times are found before any is written.
	for my $change (@new)
	{
		my ($timer, $at) = @$change;
		if (!defined $at) { $timer->{status} = 'CANCELLED' }
		elsif (delete $timer->{is_new}) { $timer->{at} = $at; push @{ $c->{timers} }, $timer }
		elsif ($at != $timer->{at}) { @{$timer}{qw(at status attempts)} = ($at, 'PENDING', 0) }
	}
	return;
}

# The effect of schedule_timer() and reschedule_timer() on the timers of policies.
sub move_behind
{
	my ($c, $now) = @_;
	my @new;
	for my $timer (grep { $_->{policy} } waiting($c))
	{
		next unless grep { !$_->{policy} && overtakes($c->{state}, $timer->{type}, $_->{type}) && (!$_->{postponed} || acts($c->{state}, $_->{type})) } waiting($c);
		my $policy = $policies{ $c->{state} }{ $timer->{type} };
		next if !$policy && !$moves{ $c->{state} }{ $timer->{type} };
		next if $policy && $policy->[2] && !$c->{ $policy->[2] };
		my $wanted = $policy ? time_of($c, $policy) // next : $timer->{at};
		my $due = !$policy || ($wanted <= $now && ($timer->{at} <= $now || $timer->{status} eq 'FAILED'));
		push @new, [ $timer, behind_hand($c, $now, $timer->{type}, $due ? $timer->{at} : latest($wanted, $now), $wanted) ];
	}
	for my $change (@new)
	{
		my ($timer, $at) = @$change;
		@{$timer}{qw(at status attempts)} = ($at, 'PENDING', 0) if $at != $timer->{at};
	}
	return;
}

sub enter
{
	my ($c, $state, $now) = @_;
	$c->{start} //= $now if $c->{state} eq 'CREATED' && $state eq 'RUNNING';
	$c->{state} = $state;
	$c->{entered} = $now;
	# Timers that have ended did so in another visit.
	delete $_->{ended} for @{ $c->{timers} };
	push @{ $c->{history} }, $state;
	apply_policies($c, $now);
	return;
}

my $by_worker = 0;
my $attempts = 0;

# A type without a transition comes last.
sub priority { return $priority{ $_[0]{type} } // 1e9 }

# When a timer was attempted first, or is to be.
sub first_time { return $_[0]{first} // $_[0]{at} }

sub fail_attempt
{
	my ($timer, $now) = @_;
	# The worker attempts one after the other. A call of run_due_timers() does it at one time.
	$now += 0.01 * ++$attempts if $by_worker;
	$timer->{first} //= $now;
	$timer->{attempts}++;
	$timer->{status} = 'FAILED';
	$timer->{at} = later($now, 2 * 2**($timer->{attempts} - 1)) if $timer->{attempts} < 5;
	return;
}

sub run_one
{
	my ($c, $timer, $now) = @_;
	my $policy = $policies{ $c->{state} }{ $timer->{type} };
	my $target = $moves{ $c->{state} }{ $timer->{type} };
	my $is_off = $policy && $policy->[2] && $timer->{policy} && !$c->{ $policy->[2] };
	# Too early for its move; a reminder of this state is an event instead.
	if (!$is_off && !$target && !($policy && $policy->[0] eq 'entered') && (comes_to($c->{state}, $timer->{type}) || (!$policy && comes_to_event($c->{state}, $timer->{type}))))
	{
		my $ahead = !$policy || grep { my $p = $policies{$_}{ $timer->{type} }; $moves{$_}{ $timer->{type} } && (!$p || $p->[0] eq $policy->[0]) } keys %moves;
		if ($ahead)
		{
			my @others = grep { $_ != $timer && ($_->{at} > $now || acts($c->{state}, $_->{type})) } waiting($c);
			my ($next) = sort { $a <=> $b } map { $_->{at} } grep { $_->{status} eq 'FAILED' } @others;
			($next) = sort { $a <=> $b } map { $_->{at} } @others unless defined $next;
			@{$timer}{qw(status at postponed)} = ($timer->{attempts} ? 'FAILED' : 'PENDING', defined $next ? $next + 0.001 : later($now, $hour), 1);
			return;
		}
	}
	return fail_attempt($timer, $now) if !$is_off && $target && $c->{bad};
	$timer->{status} = 'COMPLETED';
	$timer->{ended} = 1 if !$is_off && !$target && $policy;
	enter($c, $target, $now) if !$is_off && $target;
	return;
}

sub run_due
{
	my ($c, $now) = @_;
	$attempts = 0;
	while (1)
	{
		my ($first) = sort { $a->{at} <=> $b->{at} || priority($a) <=> priority($b) } waiting($c);
		return if !$first || $first->{at} > $now;
		run_one($c, $first, $now);
	}
}

# Each operation changes the campaign and returns its answer.
my %model = (
	move => sub {
		my ($c, $now, $to) = @_;
		return 'P0001' unless grep { $_ eq $to } next_states($c->{state});
		return 'P0001' if $c->{bad};
		enter($c, $to, $now);
	},
	cancel => sub {
		my ($c, $now) = @_;
		return '55000' unless grep { $_ eq 'EXPIRED' } next_states($c->{state});
		return 'P0001' if $c->{bad};
		enter($c, 'EXPIRED', $now);
	},
	reschedule => sub {
		my ($c, $now, $start, $hours) = @_;
		return '55000' if $c->{state} ne 'CREATED' && ($c->{state} ne 'RUNNING' || defined $start);
		$c->{start} = later($now, $start) if defined $start;
		$c->{hours} = $hours              if defined $hours;
		apply_policies($c, $now);
	},
	policies => sub { apply_policies($_[0], $_[1]) },
	bad      => sub { $_[0]{bad} = $_[2]; return },
	schedule_timer => sub {
		my ($c, $now, $type, $at) = @_;
		my ($timer) = waiting($c, $type);
		return '23505' if $timer && $timer->{status} eq 'PENDING';
		return 'P0001' if $c->{state} eq 'EXPIRED';
		push @{ $c->{timers} }, $timer = { type => $type } unless $timer;
		@{$timer}{qw(status attempts at policy postponed)} = ('PENDING', 0, later($now, $at), 0, 0);
		# The clock has moved since now() was taken for the time given.
		move_behind($c, $now + 0.0005);
		return;
	},
	reschedule_timer => sub {
		my ($c, $now, $type, $at) = @_;
		my ($timer) = waiting($c, $type) or return;
		@{$timer}{qw(status attempts at policy postponed)} = ('PENDING', 0, later($now, $at), 0, 0);
		# The clock has moved since now() was taken for the time given.
		move_behind($c, $now + 0.0005);
		return;
	},
	cancel_timer => sub {
		my ($c, $now, $type) = @_;
		@{$_}{qw(status ended)} = ('CANCELLED', 1) for waiting($c, $type);
		return;
	},
	retry_timer => sub {
		my ($c, $now, $type) = @_;
		my ($timer) = grep { $_->{type} eq $type && $_->{status} eq 'FAILED' } reverse @{ $c->{timers} };
		return unless $timer;
		return '23505' if grep { $_ != $timer } waiting($c, $type);
		# Before those that wait and were due after it at first.
		my ($later) = sort { $a <=> $b } map { $_->{at} } grep { $_ != $timer && $_->{status} eq 'PENDING'
			&& ([ first_time($_) <=> first_time($timer) || priority($_) <=> priority($timer) ]->[0] > 0) } @{ $c->{timers} };
		@{$timer}{qw(status attempts at)} = ('PENDING', 0, defined $later && $later - 0.001 < $now ? $later - 0.001 : $now);
		return;
	});

# Each operation changes the machine, unless it is rolled back, and returns its answer.
my %machine_model = (
	add_state => sub {
		my ($campaigns, $undone, $state) = @_;
		return '23505' if $moves{$state};
		return if $undone;
		($moves{$state}, $policies{$state}) = ({}, {});
		$by_hand{RUNNING}{$state} = 1;
		$by_hand{$state} = { RUNNING => 1, EXPIRED => 1 };
		return;
	},
	drop_state => sub {
		my ($campaigns, $undone, $state) = @_;
		return '22023' unless $moves{$state};
		return '55000' if grep { my $c = $_; scalar grep { $_ eq $state } @{ $c->{history} } } values %$campaigns;
		return if $undone;
		delete $_->{$state} for \%moves, \%policies, \%by_hand, $by_hand{RUNNING};
		return;
	},
	add_type => sub {
		my ($campaigns, $undone, $type) = @_;
		return '23505' if $known_type{$type};
		return if $undone;
		$known_type{$type} = 1;
		$policies{RUNNING}{$type} = [ 'entered', 6 ] if $type eq 'HALF_TIME';
		return;
	},
	drop_type => sub {
		my ($campaigns, $undone, $type) = @_;
		return '22023' unless $known_type{$type};
		return '55000' if grep { my $c = $_; scalar grep { $_->{type} eq $type } @{ $c->{timers} } } values %$campaigns;
		return if $undone;
		delete $known_type{$type};
		delete $policies{RUNNING}{$type};
		return;
	});

#---------------------------------------------------------------------------------------------------------------------
# Histories

sub random_operation
{
	my ($campaigns) = @_;
	if (rand() < 0.08)
	{
		my ($kind, @names) = rand() < 0.5 ? ('state', @added_states) : ('type', @added_types);
		return { op => (rand() < 0.7 ? 'add' : 'drop') . "_$kind", args => [ $names[ rand @names ] ] };
	}
	my $dice = int rand 100;
	my $id = sprintf '00000000-0000-4000-8000-%012x', int rand $campaigns;
	my $type = (@types, @types, @added_types)[ rand 2 * @types + @added_types ];
	my $soon = (0, 1, 3, 12, 30, 700)[ rand 6 ];
	return { op => 'create', id => $id, args => [ rand() < 0.1 ? undef : $soon, 1 + int rand 3, int(rand() < 0.8), int(rand() < 0.8) ] } if $dice < 30;
	return { op => 'move', id => $id, args => [ (qw(CREATED RUNNING CLOSED REWARD_CLAIM EXPIRED), @added_states, 'PAUSED')[ rand 8 ] ] } if $dice < 42;
	return { op => 'cancel', id => $id, args => [] } if $dice < 46;
	return { op => 'reschedule', id => $id, args => [ rand() < 0.5 ? $soon : undef, 1 + int rand 3 ] } if $dice < 56;
	return { op => 'policies', id => $id, args => [] } if $dice < 60;
	return { op => 'bad', id => $id, args => [ int(rand() < 0.5) ] } if $dice < 68;
	return { op => 'schedule_timer', id => $id, args => [ $type, $soon ] } if $dice < 80;
	return { op => 'reschedule_timer', id => $id, args => [ $type, $soon ] } if $dice < 88;
	return { op => 'cancel_timer', id => $id, args => [$type] } if $dice < 94;
	return { op => 'retry_timer', id => $id, args => [$type] };
}

sub random_history
{
	my ($rounds, $operations, $campaigns) = @_;
	my @history;
	for (1 .. $rounds)
	{
		push @history, map { my $o = random_operation($campaigns); $o->{undone} = 1 if rand() < 0.05; $o } 1 .. $operations;
		push @history, { op => 'jump', args => [ (1, 2, 5, 12, 24, 36, 600, 1800)[ rand 8 ] ] }, { op => 'run', args => [ rand() < 0.2 ] };
		push @history, { op => 'crash', args => [] } if rand() < 0.02;
	}
	return @history;
}

sub text { my ($o) = @_; return join ' ', grep { defined } ($o->{undone} ? 'undone:' : undef), $o->{op}, ($o->{id} ? substr $o->{id}, -3 : undef), map { $_ // 'null' } @{ $o->{args} } }

sub at { return defined $_[0] ? "now() + $_[0] * interval '5 minutes'" : 'NULL' }

# The one that waits, or was the last to fail.
sub timer_of { my ($id, $type, $status) = @_; return "(SELECT id FROM campaign_timers WHERE campaign_id = '$id' AND timer_type = '$type' AND $status ORDER BY created_at DESC, id DESC LIMIT 1)" }
my $waits = "(status = 'PENDING' OR (status = 'FAILED' AND retry_count < 5))";

my %sql = (
	create => sub { my ($id, $start, $hours, $close, $rewards) = @_; return "SELECT create_campaign($hours, ${\at($start)}, ${close}::bool, ${rewards}::bool, id => '$id')" =~ s/(\d)::bool/'$1'::boolean/gr },
	move => sub { return "SELECT transition_campaign('$_[0]', '$_[1]')" },
	cancel => sub { return "SELECT cancel_campaign('$_[0]')" },
	reschedule => sub { return "SELECT reschedule_campaign('$_[0]', ${\at($_[1])}, $_[2])" },
	policies => sub { return "SELECT schedule_campaign_timers('$_[0]')" },
	bad => sub { return "UPDATE campaigns SET metadata = '" . ($_[1] ? '{"bad": 1}' : '{}') . "' WHERE id = '$_[0]'" },
	schedule_timer => sub { return "SELECT schedule_timer('$_[0]', '$_[1]', ${\at($_[2])})" },
	reschedule_timer => sub { return "SELECT reschedule_timer(id, ${\at($_[2])}) FROM ${\timer_of(@_[0, 1], $waits)} AS t" },
	cancel_timer => sub { return "SELECT cancel_timer(id) FROM ${\timer_of(@_[0, 1], $waits)} AS t" },
	retry_timer => sub { return "SELECT retry_timer(id) FROM ${\timer_of(@_[0, 1], q{status = 'FAILED'})} AS t" },
	jump => sub { return "SELECT jump($_[0])" },
	# The rows that use a name come and go with it.
	add_state => sub { return "SELECT add_campaign_state('$_[0]'); INSERT INTO campaign_state_transitions (from_state, to_state) VALUES ('RUNNING', '$_[0]'), ('$_[0]', 'RUNNING'), ('$_[0]', 'EXPIRED')" },
	drop_state => sub { return "DELETE FROM campaign_state_transitions WHERE '$_[0]' IN (from_state, to_state); SELECT drop_campaign_state('$_[0]')" },
	add_type => sub { return "SELECT add_timer_type('$_[0]')" . ($_[0] eq 'HALF_TIME' ? "; INSERT INTO campaign_timer_policies VALUES ('RUNNING', 'HALF_TIME', 'entered', '30 minutes')" : '') },
	drop_type => sub { return "DELETE FROM campaign_timer_policies WHERE timer_type = '$_[0]'; SELECT drop_timer_type('$_[0]')" });

sub command
{
	my ($o) = @_;
	return $o->{args}[0]
	  # Some at a time, as in batches; the rest with the next call.
	  ? "SELECT run_due_timers(3); SELECT run_due_timers(3); SELECT run_due_timers(100000)" : 'SELECT run_due_timers(100000)' if $o->{op} eq 'run';
	return $sql{jump}->(@{ $o->{args} }) if $o->{op} eq 'jump';
	my $act = 'SELECT act($act$' . $sql{ $o->{op} }->($o->{id} // (), @{ $o->{args} }) . '$act$)';
	return $o->{undone} ? "BEGIN; $act; ROLLBACK" : $act;
}

my $state = q{
	SELECT c.id, c.status, (SELECT string_agg(l.to_state, '>' ORDER BY l.created_at, l.id) FROM campaign_state_log AS l WHERE l.campaign_id = c.id),
		(SELECT string_agg(format('%s %s %s', t.timer_type, t.status, CASE WHEN t.status = 'PENDING' OR (t.status = 'FAILED' AND t.retry_count < 5)
			THEN t.retry_count || ' at ' || round(EXTRACT(epoch FROM t.scheduled_at - now()) / 300) ELSE '' END), ', ' ORDER BY t.timer_type COLLATE "C", t.status COLLATE "C", t.scheduled_at)
			FROM campaign_timers AS t WHERE t.campaign_id = c.id)
	FROM campaigns AS c ORDER BY c.id};

sub state_of_model
{
	my ($campaigns, $now) = @_;
	my @lines;
	for my $id (sort keys %$campaigns)
	{
		my $c = $campaigns->{$id};
		my @timers = map { sprintf '%s %s %s', $_->{type}, $_->{status}, waits($_) ? $_->{attempts} . ' at ' . (int($_->{at} / 1e6) - int($now / 1e6)) : '' }
		  sort { $a->{type} cmp $b->{type} || $a->{status} cmp $b->{status} || $a->{at} <=> $b->{at} } @{ $c->{timers} };
		push @lines, join '|', $id, $c->{state}, join('>', @{ $c->{history} }), join(', ', @timers);
	}
	return @lines;
}

# Timers of a history by the worker are paused, except while due ones run.
sub let_run
{
	my ($by) = @_;
	$by_worker = $by;
	$node->safe_psql('postgres', 'SELECT ' . ($by_worker ? 'pause' : 'resume') . '_timers()');
	set_and_reload($node, enabled => $by_worker ? 'on' : 'off');
	$node->poll_query_until('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'campaign_lifecycle worker'", $by_worker) or die 'the worker does not come or go';
	return;
}

my $nothing_due = "SELECT count(*) = 0 FROM campaign_timers WHERE scheduled_at <= now() AND (status = 'RUNNING' OR $waits)";

# Returns what the commands print, or undef if the worker does not come to an end.
sub output_of
{
	my ($run, $crashed, @commands) = @_;
	my $show = "\\echo STATE\n$state;";
	return $node->safe_psql('postgres', join("\n", @commands, command($run) . ';', $show)) unless $by_worker;
	# After a crash timers run marked, and a worker that ends then is an attempt that failed.
	my $end = $run->{args}[0] && !$crashed ? "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE backend_type = 'campaign_lifecycle worker';" : '';
	my $answers = $node->safe_psql('postgres', join("\n", @commands, 'SELECT resume_timers();', $end));
	$node->poll_query_until('postgres', $nothing_due) or return undef;
	return "$answers\n" . $node->safe_psql('postgres', "SELECT pause_timers();\n$show");
}

# Runs a history from nothing. Returns what differs first, '' if nothing does.
sub difference
{
	my (@history) = @_;
	my $crashed = 0;
	my (%campaigns, @expected, @commands);
	# Far from zero, so that times before the beginning are numbers as well.
	my ($units, $number) = (100_000, 0);
	reset_machine();
	$node->safe_psql('postgres', "SET client_min_messages = warning; TRUNCATE campaigns CASCADE; SELECT "
		  . join ', ', map { "act(\$act\$$_\$act\$)" } (map { $sql{drop_state}->($_) } @added_states), map { $sql{drop_type}->($_) } @added_types);
	while (my $o = shift @history)
	{
		my $now = $units * 1e6 + ++$number;
		my $name = text($o);
		if ($o->{op} eq 'crash')
		{
			$node->stop('immediate');
			$node->start;
			$crashed = 1;
			next;
		}
		push @commands, "\\echo $name", command($o) . ';' unless $o->{op} eq 'run';
		if ($o->{op} eq 'jump')
		{
			$units += $o->{args}[0];
			next;
		}
		if ($o->{op} ne 'run')
		{
			my $c = $o->{id} ? $campaigns{ $o->{id} } : undef;
			my $answer;
			if ($machine_model{ $o->{op} })
			{
				$answer = $machine_model{ $o->{op} }->(\%campaigns, $o->{undone}, @{ $o->{args} });
			}
			# These are refused before a campaign is looked for.
			elsif (($o->{op} eq 'move' && !$moves{ $o->{args}[0] }) || ($o->{op} eq 'schedule_timer' && !$known_type{ $o->{args}[0] }))
			{
				$answer = '22023';
			}
			elsif ($o->{op} eq 'create')
			{
				my ($start, $hours, $close, $rewards) = @{ $o->{args} };
				$answer = '23505' if $c;
				if (!$c && !$o->{undone})
				{
					$c = $campaigns{ $o->{id} } = { state => 'CREATED', history => ['CREATED'], entered => $now, start => defined $start ? later($now, $start) : undef,
						hours => $hours, auto_close => $close, rewards_enabled => $rewards, timers => [] };
					apply_policies($c, $now);
				}
			}
			elsif ($c)
			{
				# An operation that is rolled back is done to a copy.
				$c = { %$c, timers => [ map { {%$_} } @{ $c->{timers} } ], history => [ @{ $c->{history} } ] } if $o->{undone};
				$answer = $model{ $o->{op} }->($c, $now, @{ $o->{args} });
				$answer = undef unless defined $answer && $answer =~ /^[0-9A-Z]{5}$/;
			}
			else
			{
				$answer = 'P0002' unless $o->{op} =~ /^(bad|.*[a-z]_timer)$/ && $o->{op} ne 'schedule_timer';
			}
			push @expected, "$name: " . ($answer // 'done');
			next;
		}
		run_due($campaigns{$_}, $now) for keys %campaigns;
		my @output = split /\n/, output_of($o, $crashed, @commands) // return 'the worker does not come to an end with what is due';
		my ($line, %answers, @answers);
		while (defined($line = shift @output) && $line ne 'STATE')
		{
			if ($line =~ /^(done|[0-9A-Z]{5})$/ && @answers) { $answers[-1] .= ": $line" }
			elsif ($line =~ /^[a-z]/)                        { push @answers, $line }
		}
		@answers = grep { !/^(jump|run)/ } @answers;
		my @model = (@expected, state_of_model(\%campaigns, $now));
		my @database = (@answers, @output);
		for my $i (0 .. ($#model > $#database ? $#model : $#database))
		{
			my ($m, $d) = map { $_ // 'nothing' } ($model[$i], $database[$i]);
			return "model:    $m\ndatabase: $d" if $m ne $d;
		}
		@expected = @commands = ();
	}
	return '';
}

# The shortest part that still fails, as far as it can be found in time: ever smaller pieces are left out.
sub shortest
{
	my (@history) = @_;
	my $until = time + 100;
	my $size = int(@history / 2);
	while ($size >= 1 && time < $until)
	{
		my $found = 0;
		for (my $start = 0; $start < @history && time < $until;)
		{
			my @less = @history;
			splice @less, $start, $size;
			if (difference(@less)) { @history = @less; $found = 1 }
			else                   { $start += $size }
		}
		$size = int($size / 2) unless $found && $size == 1;
		last if !$found && $size < 1;
	}
	return @history;
}

my $operations = 0;
my $until = time + ($ENV{TEST_SECONDS} // 25);
for my $n (1 .. 12)
{
	# Two at least, however slow the machine is.
	last if $n > 2 && time > $until;
	my @history = random_history(10, 25, 12);
	let_run($n % 2);
	# Operations after the last run are compared with nothing.
	my $difference = difference(@history);
	$operations += @history;
	next if is($difference, '', "history $n, by " . ($by_worker ? 'the worker' : 'run_due_timers()'));
	my @short = shortest(@history);
	diag("TEST_SEED=$seed, the shortest history found:\n" . join("\n", map { '  ' . text($_) } @short) . "\n" . difference(@short));
	last;
}
cmp_ok($operations, '>', 500, "more than 500 operations were compared ($operations)");
$node->stop;
done_testing();
