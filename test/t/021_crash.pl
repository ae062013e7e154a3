# A crash loses no timer and executes none twice.
#
# An outage: while timers are switched off, 3,000 campaigns get START, CLOSE and EXPIRE timers by hand and 140 more have policy timers,
# all of them overdue by hours; then the server ends as in a power cut. Started again, every campaign passes every state it should
# have: those by hand end EXPIRED with the same four-step history, those by policy end CLOSED with their whole claim window ahead.
# Then kill -9 of worker, launcher and a client's backend in the midst of work: the server restarts all its processes, the worker is
# back soon, and in the end each timer is executed exactly once and each campaign has one history. After a crash the worker executes
# the timers that were at work one by one, to find one that crashes the server; so a kill may cost the timer at work one attempt, and no
# more. Last, a mark that is a month old, as after a long outage: it is a failed attempt, and no timer waits behind it.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use Test::More;

# The database postgres is the one beside, which no scenario drops.
my $node = campaign_server('crash', conf => "campaign_lifecycle.retry_base_delay = '100ms'\nrestart_after_crash = on\n");

#---------------------------------------------------------------------------------------------------------------------
# The outage

my $history = q{
	SELECT count(*), h.history
	FROM (
		SELECT string_agg(format('%s>%s %s', l.from_state, l.to_state, l.trigger_event), ', ' ORDER BY l.created_at, l.id) AS history
		FROM campaign_state_log AS l
		JOIN campaigns AS c ON c.id = l.campaign_id
		WHERE c.metadata = '{"by": "WHO"}' AND CONDITION
		GROUP BY l.campaign_id) AS h
	GROUP BY h.history};
sub histories
{
	my ($who, $condition) = @_;
	return $history =~ s/WHO/$who/r =~ s/CONDITION/$condition/r;
}

in_database($node, 'an outage of hours', sub {
	my ($db) = @_;
	set_and_reload($node, enabled => 'off', batch_size => undef);
	poll_worker_count($node, $db, 0, 'enabled = off ends the worker before the outage');
	# Timers are made in the future, as users must, and then moved into the past, as if the time had passed.
	$node->safe_psql(
		$db, q{
		INSERT INTO campaigns (status, start_time, duration_hours, metadata)
			SELECT 'CREATED', now() + interval '1 hour', 1, '{"by": "hand"}' FROM generate_series(1, 3000);
		INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at)
			SELECT c.id, t.type, c.start_time + t.delay
			FROM campaigns AS c
			CROSS JOIN (VALUES ('EXPIRE_CAMPAIGN', interval '2 hours'), ('CLOSE_CAMPAIGN', interval '1 hour'), ('START_CAMPAIGN', interval '0')) AS t (type, delay)
			ORDER BY hashtext(c.id::text || t.type);
		SELECT count(create_campaign(1, now() + interval '1 hour', metadata => '{"by": "policy"}')) FROM generate_series(1, 100);
		SELECT count(create_campaign(1, now() + interval '1 hour', metadata => '{"by": "policy"}', rewards_enabled => false)) FROM generate_series(1, 20);
		SELECT count(create_campaign(1, now() + interval '1 hour', metadata => '{"by": "policy"}', auto_close => false)) FROM generate_series(1, 20);
		-- Five and a half hours later: the campaigns ended three and a half hours ago, and their own expiry an hour and a half ago.
		UPDATE campaigns SET start_time = start_time - interval '5 hours 30 minutes';
		UPDATE campaign_timers SET scheduled_at = scheduled_at - interval '5 hours 30 minutes'});
	query_is($node, $db, "SELECT count(*), count(*) FILTER (WHERE scheduled_at < now() - interval '1 hour') FROM campaign_timers WHERE status = 'PENDING'",
		'9380|9380', '9,380 timers are overdue before the outage');
	$node->stop('immediate');
	$node->append_conf('postgresql.auto.conf', "campaign_lifecycle.enabled = on\n");
	$node->start;
	poll_is($node, $db, "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING' AND scheduled_at <= now()", 0, 'the worker executes all overdue timers after the outage');

	my $closed = '>CREATED CREATED, CREATED>RUNNING START_CAMPAIGN, RUNNING>CLOSED CLOSE_CAMPAIGN';
	query_is($node, $db, histories('hand', 'true'), "3000|$closed, CLOSED>EXPIRED EXPIRE_CAMPAIGN", '3,000 campaigns with timers by hand have the same four-step history');
	query_is($node, $db, histories('policy', 'auto_close'), "120|$closed", '120 campaigns with policy timers pass RUNNING and CLOSED');
	query_is($node, $db, histories('policy', 'NOT auto_close'), "20|>CREATED CREATED, CREATED>RUNNING START_CAMPAIGN",
		'20 campaigns without auto_close are started and stay RUNNING');
	query_is($node, $db, q{
		SELECT count(*), t.timer_type, bool_and(t.scheduled_at - l.created_at BETWEEN w.delay - interval '2 minutes' AND w.delay)
		FROM campaigns AS c
		JOIN campaign_state_log AS l ON l.campaign_id = c.id AND l.to_state = 'CLOSED'
		JOIN campaign_timers AS t ON t.campaign_id = c.id AND t.status = 'PENDING'
		JOIN (VALUES ('REWARD_REMINDER', interval '5 minutes'), ('EXPIRE_CAMPAIGN', interval '48 hours')) AS w (type, delay) ON w.type = t.timer_type
		WHERE c.metadata = '{"by": "policy"}'
		GROUP BY t.timer_type
		ORDER BY t.timer_type},
		"120|EXPIRE_CAMPAIGN|t\n100|REWARD_REMINDER|t", 'the claim window counts from the state change, not from the time that was missed');
	query_is($node, $db, 'SELECT count(*), count(DISTINCT timer_id) FROM timer_executions', '9260|9260', 'each timer has one execution');
	query_is($node, $db, "SELECT count(*) FROM timer_executions WHERE status <> 'COMPLETED' OR result ? 'skipped'", 0, 'no execution is failed or skipped');
	check_invariants($node, $db, 'after the outage');
});

#---------------------------------------------------------------------------------------------------------------------
# kill -9

# Kill in the midst of work and wait until server and worker are at work again. The work that is left is for the next kill.
sub strike
{
	my ($db, $whom, $find) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $completed = "SELECT count(*) FROM campaign_timers WHERE status = 'COMPLETED'";
	add_due_campaigns($node, $db, 500);
	my $total = $node->safe_psql($db, 'SELECT count(*) FROM campaign_timers');
	my $before = $node->safe_psql($db, $completed);
	$node->poll_query_until($db, "SELECT ($completed) > $before") or die 'the worker does nothing';
	my $pid = $find->();
	my $started = $node->safe_psql('postgres', "SELECT max(backend_start) FROM pg_stat_activity WHERE backend_type = 'checkpointer'");
	kill 'KILL', $pid or die "kill $pid: $!";
	# The server may let a connection in before it has noticed.
	poll_is($node, 'postgres', "SELECT backend_start > '$started' FROM pg_stat_activity WHERE backend_type = 'checkpointer'", 't',
		"the server restarts its processes after kill -9 of $whom");
	$before = $node->safe_psql($db, $completed);
	if ($before < $total)
	{
		poll_is($node, $db, "SELECT ($completed) > $before", 't', "the worker works again after kill -9 of $whom");
	}
	check_invariants($node, $db, "after kill -9 of $whom");
	return;
}

for my $case (
	[ 'the worker' => sub { (worker_pids($node, $_[0]))[0] } ],
	[ 'the launcher' => sub { launcher_pid($node) } ],
	[ "a client's backend" => sub { $_[1]->query('SELECT pg_backend_pid()') } ])
{
	my ($whom, $find) = @$case;
	in_database($node, "kill -9 of $whom during batches", sub {
		my ($db) = @_;
		set_and_reload($node, enabled => undef, batch_size => 100);
		add_due_campaigns($node, 'postgres', 10);
		slow_down($node, $db);
		for my $round (1, 2)
		{
			my $session = $node->background_psql($db, on_error_stop => 0);
			strike($db, "$whom, round $round", sub { $find->($db, $session) });
			eval { $session->quit };
		}
		$node->safe_psql($db, 'DROP TRIGGER slow_down ON campaigns');
		poll_is($node, $db, "SELECT count(*) FROM campaign_timers WHERE status <> 'COMPLETED'", 0, 'the worker executes every timer in the end');
		query_is($node, $db, "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 1000, 'each of 1,000 campaigns is EXPIRED');
		query_is($node, $db, "SELECT count(*), count(DISTINCT timer_id) FROM timer_executions WHERE status = 'COMPLETED'", '1000|1000', 'each of 1,000 timers is executed once');
		query_is($node, $db, "SELECT count(*) FROM timer_executions WHERE status <> 'COMPLETED' AND error_message NOT LIKE '57P02: %'", 0,
			'no attempt failed for another reason than the kill');
		my $lost = $node->safe_psql($db, "SELECT count(*) FROM timer_executions WHERE status = 'FAILED'");
		cmp_ok($lost, '<=', 2, "a kill costs at most one marked timer an attempt ($lost of 2 did)");
		query_is($node, $db, 'SELECT count(*) FROM campaign_state_log', 2000, 'each campaign has two log rows');
		check_invariants($node, $db, 'after all kills');
		check_invariants($node, 'postgres', 'in the database beside');
	});
}

#---------------------------------------------------------------------------------------------------------------------
# A month later

in_database($node, 'a mark that is a month old', sub {
	my ($db) = @_;
	set_and_reload($node, enabled => undef);
	poll_worker_count($node, $db, 1, 'a worker has started');
	$node->safe_psql(
		$db, q{
		WITH c AS (INSERT INTO campaigns (status, duration_hours, metadata) VALUES ('RUNNING', 1, '{"marked": true}') RETURNING id),
		t AS (INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at, status) SELECT id, 'EXPIRE_CAMPAIGN', now(), 'RUNNING' FROM c RETURNING id)
		INSERT INTO timer_executions (timer_id, status, started_at) SELECT id, 'STARTED', now() - interval '31 days' FROM t});
	$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . (worker_pids($node, $db))[0] . ')');
	add_due_campaigns($node, $db, 10);
	poll_is($node, $db, "SELECT count(*) FROM campaigns WHERE status <> 'EXPIRED'", 0, 'a new worker executes the marked timer and the ten beside it');
	query_is($node, $db, "SELECT string_agg(x.status || coalesce(': ' || left(x.error_message, 5), ''), ', ' ORDER BY x.started_at) FROM timer_executions AS x
		JOIN campaign_timers AS t ON t.id = x.timer_id JOIN campaigns AS c ON c.id = t.campaign_id WHERE c.metadata ? 'marked'", 'FAILED: 57P02, COMPLETED',
		'the marked timer has one lost attempt and one execution');
	check_invariants($node, $db, 'after an old mark');
});

$node->stop;
done_testing();
