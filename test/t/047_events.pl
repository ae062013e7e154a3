# campaign_events_since() returns what a listener has missed, and skips nothing.
#
# Transactions commit in another order than they write, prepared ones after a restart. Whatever event_id a listener has kept, by NOTIFY or
# by campaign_events_since(), the events that are committed after it follow. Timers with handlers, which have their execution rows long
# before their end, are no exception. Each event has the same payload by both ways.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $every = 'campaign.created,campaign.status.changed,reward.reminder,timer.executed,timer.retry_scheduled,timer.failed';
my $node = campaign_server('events', extension => 0, conf => "campaign_lifecycle.notify_events = '$every'\nautovacuum = off\n");
my $json = JSON::PP->new->canonical;

sub events_since
{
	my ($db, $place, $max) = @_;
	my $given = defined $place ? "'$place'" : 'NULL';
	return map { $json->decode($_) } split /\n/, $node->safe_psql($db, "SELECT payload FROM campaign_events_since($given, " . ($max // 'NULL') . ')');
}

# One word an event: the name in metadata of its campaign, and what happened.
sub told
{
	my ($db, @events) = @_;
	my %name = map { split /\|/ } split /\n/, $node->safe_psql($db, "SELECT id, metadata ->> 'name' FROM campaigns");
	return join ' ', map { my $e = $_; $name{ $e->{campaign_id} } . ':' . ($e->{to} // $e->{event}) } @events;
}

# Maintenance of the worker may hold events back for a moment.
sub told_is
{
	my ($db, $place, $expected, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $told = told($db, events_since($db, $place));
	for (1 .. 100)
	{
		last if $told eq $expected;
		select undef, undef, undef, 0.05;
		$told = told($db, events_since($db, $place));
	}
	return is($told, $expected, $what);
}

my $insert = sub { "INSERT INTO campaigns (status, duration_hours, metadata) VALUES ('CREATED', 1, '{\"name\": \"$_[0]\"}')" };

in_database($node, 'commits out of order', sub {
	my ($db) = @_;
	my $start = $node->safe_psql($db, 'SELECT current_event_id()');
	my $first = $node->background_psql($db);
	my $second = $node->background_psql($db);
	$first->query_safe('BEGIN; ' . $insert->('a1'));
	$second->query_safe('BEGIN; ' . $insert->('b1'));
	$first->query_safe($insert->('a2'));
	$second->query_safe($insert->('b2'));
	$node->safe_psql($db, $insert->('c'));
	is(told($db, events_since($db, $start)), '', 'no event is returned while an older transaction runs');
	$second->query_safe('COMMIT');
	is(told($db, events_since($db, $start)), '', 'nor after a younger one has committed');
	$first->query_safe('COMMIT');
	told_is($db, $start, 'a1:CREATED a2:CREATED b1:CREATED b2:CREATED c:CREATED', 'then the events follow, transaction by transaction');

	my (@one_by_one, $place);
	$place = $start;
	while (my ($event) = events_since($db, $place, 1))
	{
		push @one_by_one, $event;
		$place = $event->{event_id};
	}
	is(told($db, @one_by_one), 'a1:CREATED a2:CREATED b1:CREATED b2:CREATED c:CREATED', 'one by one they are the same');
	is(scalar(events_since($db, $place)), 0, 'after the last one there is none');

	$first->query_safe('BEGIN; ' . $insert->('d') . '; SAVEPOINT s; ' . $insert->('gone') . '; ROLLBACK TO s; SAVEPOINT s; ' . $insert->('e'));
	$node->safe_psql($db, $insert->('f'));
	is(told($db, events_since($db, $place)), '', 'a subtransaction holds events back as its transaction does');
	$first->query_safe('COMMIT');
	told_is($db, $place, 'd:CREATED e:CREATED f:CREATED', 'and its events come in order');
	($place) = map { $_->{event_id} } (events_since($db, $place))[-1];

	$first->query_safe('BEGIN; ' . $insert->('rolled back'));
	$node->safe_psql($db, $insert->('g'));
	$first->query_safe('ROLLBACK');
	told_is($db, $place, 'g:CREATED', 'a transaction that rolls back leaves no event');
	$first->quit;
	$second->quit;
});

in_database($node, 'the event_id of a notification', sub {
	my ($db) = @_;
	my $listener = $node->background_psql($db);
	my $early = $node->background_psql($db);
	$listener->query_safe('LISTEN campaign_lifecycle');
	$early->query_safe('BEGIN; ' . $insert->('early'));
	$node->safe_psql($db, $insert->('seen'));
	my ($heard) = $listener->query('SELECT 1') =~ /payload "(\{.*?\})" received/;
	my $seen = $json->decode($heard);
	is($seen->{event}, 'campaign.created', 'a new campaign is an event');
	is(join(' ', sort keys %$seen), 'at campaign_id event event_id log_id to', 'with its keys');
	$node->safe_psql($db, $insert->('missed'));
	$early->query_safe('COMMIT');
	my @missed = events_since($db, $seen->{event_id});
	like(told($db, @missed), qr/early:CREATED.*missed:CREATED/, 'what was committed after it follows, also of a transaction that began to write before');
	my ($same) = grep { $_->{log_id} eq $seen->{log_id} } events_since($db, undef);
	delete $_->{event_id} for $same, $seen;
	is_deeply($same, $seen, 'campaign_events_since() returns the payload of the notification');
	$_->quit for $listener, $early;
});

in_database($node, 'a prepared transaction', sub {
	my ($db) = @_;
	# The server prepares no transaction that notifies.
	set_and_reload($node, notify_events => '');
	$node->poll_query_until($db, "SELECT current_setting('campaign_lifecycle.notify_events') = ''") or die;
	my $start = $node->safe_psql($db, 'SELECT current_event_id()');
	$node->safe_psql($db, 'BEGIN; ' . $insert->('prepared') . "; PREPARE TRANSACTION 'events'");
	$node->safe_psql($db, $insert->('later'));
	is(told($db, events_since($db, $start)), '', 'a prepared transaction holds events back');
	$node->restart;
	my $place = $node->safe_psql($db, 'SELECT current_event_id()');
	$node->safe_psql($db, "COMMIT PREPARED 'events'");
	told_is($db, $start, 'prepared:CREATED later:CREATED', 'after its commit they follow');
	told_is($db, $place, 'prepared:CREATED later:CREATED', 'also after an event_id of the meantime');
	set_and_reload($node, notify_events => undef);
	$node->poll_query_until($db, "SELECT current_setting('campaign_lifecycle.notify_events') <> ''") or die;
});

in_database($node, 'every kind of event', sub {
	my ($db) = @_;
	$node->safe_psql($db, q{
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$;
		CREATE TRIGGER refuse BEFORE UPDATE OF status ON campaigns FOR EACH ROW WHEN (NEW.metadata ? 'refused') EXECUTE FUNCTION refuse();
		SELECT pause_timers()});
	my $life = $node->background_psql($db);
	$life->query_safe('LISTEN campaign_lifecycle');
	my $at = sub { $node->safe_psql($db, "SELECT run_due_timers(100, '$_[0]')") };
	$node->safe_psql($db, q{SELECT create_campaign(24, '2090-01-01', metadata => '{"name": "good"}')});
	$node->safe_psql($db, q{SELECT create_campaign(24, '2090-01-01', metadata => '{"name": "bad", "refused": true}')});
	$at->($_) for '2090-01-01', '2090-01-02', '2090-01-02 00:06', '2090-01-10', '2090-01-11', '2090-01-12', '2090-01-13', '2090-01-20';
	my @since = events_since($db, undef);
	my %count;
	$count{ $_->{event} }++ for @since;
	is_deeply([ sort keys %count ], [ sort split /,/, $every ], 'campaign_events_since() has events of every kind');
	is($count{'reward.reminder'}, 1, 'one reminder, beside its execution');
	my %wanted = map { my $e = $_; my %copy = %$e; delete $copy{event_id}; ($json->encode(\%copy) => 1) } @since;
	my $heard = '';
	for (1 .. 50)
	{
		$heard .= $life->query('SELECT pg_sleep(0.05)');
		last if (() = $heard =~ /received/g) >= @since;
	}
	my %sent;
	for my $payload ($heard =~ /payload "(\{.*?\})" received/g)
	{
		my $event = $json->decode($payload);
		delete $event->{event_id};
		$sent{ $json->encode($event) } = 1;
	}
	# The last attempt but one was the last when it was sent, as long as none followed.
	is(scalar(keys %sent), scalar(keys %wanted), 'NOTIFY has sent as many');
	is_deeply([ grep { !/timer\.(?:failed|retry)/ } sort keys %sent ], [ grep { !/timer\.(?:failed|retry)/ } sort keys %wanted ], 'and the same');
	is(scalar(grep { $_->{event} eq 'reward.reminder' && $_->{execution_id} } @since), 1, 'a timer has the id of its execution');
	$life->quit;
});

in_database($node, 'a timer whose handler runs while others go on', sub {
	my ($db) = @_;
	$node->safe_psql($db, q{
		CREATE TABLE gate (open boolean);
		CREATE FUNCTION wait(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb LANGUAGE plpgsql SET search_path = public AS $$
		BEGIN
			WHILE NOT EXISTS (SELECT FROM gate) LOOP
				PERFORM pg_sleep(0.02);
			END LOOP;
			RETURN NULL;
		END $$;
		SELECT register_handler('REWARD_REMINDER', 'wait(uuid, uuid, jsonb)');
		INSERT INTO campaigns (status, duration_hours, metadata, rewards_enabled) VALUES ('CLOSED', 1, '{"name": "slow"}', true);
		SELECT schedule_timer(id, 'REWARD_REMINDER', now()) FROM campaigns});
	poll_is($node, $db, "SELECT count(*) FROM timer_executions WHERE status = 'STARTED'", 1, 'the handler runs');
	# The id of its execution is older than what follows.
	$node->safe_psql($db, 'UPDATE timer_executions SET id = \'00000000-0001-7000-8000-000000000000\'');
	my $place = $node->safe_psql($db, 'SELECT current_event_id()');
	$node->safe_psql($db, 'INSERT INTO gate VALUES (true)');
	poll_is($node, $db, "SELECT count(*) FROM timer_executions WHERE status = 'COMPLETED'", 1, 'the handler ends');
	poll_is($node, $db, "SELECT count(*) FROM campaign_events_since('$place') WHERE event = 'timer.executed'", 1, 'its event follows what was read before its end');
});

in_database($node, 'an event_id of another database', sub {
	my ($db) = @_;
	$node->safe_psql($db, $insert->('one'));
	my ($event) = events_since($db, undef);
	(my $other = $event->{event_id}) =~ s/^[0-9a-f]{8}/00000001/;
	told_is($db, $other, 'one:CREATED', 'it tells the time only, so that an event is rather repeated than skipped');
	for my $wrong ("''", "'x'", "'0.0.0.0.0'", "'$event->{event_id}x'")
	{
		my (undef, undef, $err) = $node->psql($db, "SELECT * FROM campaign_events_since($wrong)");
		like($err, qr/not an event id.*HINT:  Give the event_id/s, "$wrong is refused");
	}
	my (undef, undef, $err) = $node->psql($db, 'SELECT * FROM campaign_events_since(NULL, 0)');
	like($err, qr/max_events must be positive/, 'so is a number that is not positive');
});

done_testing();
