# A dead timer does not wait, whatever campaign_lifecycle.max_attempts is now: it satisfies no policy and blocks no new timer. Retries of one
# campaign's dead timers run in the order of their first times.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use Test::More;

my $node = campaign_server('dead_timers', conf => "campaign_lifecycle.enabled = off\ncampaign_lifecycle.retry_base_delay = '1ms'\n");
my $timers = q{SELECT string_agg(format('%s %s %s', t.timer_type, t.status, t.retry_count), ', ' ORDER BY t.timer_type, t.created_at, t.status) FROM campaign_timers AS t};
my $history = q{SELECT string_agg(l.to_state, '>' ORDER BY l.created_at, l.id) FROM campaign_state_log AS l};

sub set_max_attempts
{
	my ($db, $attempts) = @_;
	set_and_reload($node, max_attempts => $attempts);
	$node->poll_query_until($db, "SELECT current_setting('campaign_lifecycle.max_attempts')", $attempts) or die;
	return;
}

# A campaign whose START, CLOSE and EXPIRE are dead after so many attempts. Their backoff has left them in the opposite order.
sub make_dead
{
	my ($db, $attempts) = @_;
	set_max_attempts($db, $attempts);
	$node->safe_psql($db, "SELECT create_campaign(1, now() - interval '3 hours')");
	for my $type (qw(START_CAMPAIGN CLOSE_CAMPAIGN EXPIRE_CAMPAIGN))
	{
		$node->safe_psql($db, qq{
			UPDATE campaign_timers SET scheduled_at = now() WHERE timer_type = '$type';
			SELECT campaign_lifecycle_internal._fail_timer(id, clock_timestamp(), 'P0001', 'refused', false) FROM campaign_timers WHERE timer_type = '$type'}) for 1 .. $attempts;
	}
	$node->safe_psql($db, "UPDATE campaign_timers SET scheduled_at = now() - n * interval '1 second'
		FROM (VALUES ('START_CAMPAIGN', 1), ('CLOSE_CAMPAIGN', 2), ('EXPIRE_CAMPAIGN', 3)) AS v (type, n) WHERE timer_type = type") if $attempts > 1;
	return;
}

for my $attempts (1 .. 3)
{
	in_database($node, "dead timers after $attempts attempts satisfy no policy", sub {
		my ($db) = @_;
		make_dead($db, $attempts);
		query_is($node, $db, $timers, "CLOSE_CAMPAIGN FAILED $attempts, EXPIRE_CAMPAIGN FAILED $attempts, START_CAMPAIGN FAILED $attempts", 'each has had its attempts');
		query_is($node, $db, 'SELECT count(*), min(retry_count) FROM dead_timers', "3|$attempts", 'all three are dead letters');
		$node->safe_psql($db, "SELECT retry_timer(id) FROM campaign_timers WHERE timer_type = 'START_CAMPAIGN'; SELECT run_due_timers()");
		query_is($node, $db, $history, 'CREATED>RUNNING>CLOSED', 'a revived START goes on with new timers');
		query_is($node, $db, "SELECT string_agg(timer_type, ', ' ORDER BY timer_type) FROM campaign_timers WHERE status = 'PENDING'", 'EXPIRE_CAMPAIGN, REWARD_REMINDER', 'the next timers wait');
		query_is($node, $db, 'SELECT count(*) FROM dead_timers', 2, 'the dead ones stay dead letters');
	});

	in_database($node, "dead timers after $attempts attempts are retried in the order of their first times", sub {
		my ($db) = @_;
		make_dead($db, $attempts);
		$node->safe_psql($db, "BEGIN; SELECT retry_timer(id) FROM campaign_timers WHERE timer_type = 'START_CAMPAIGN';
			SELECT retry_timer(id) FROM campaign_timers WHERE timer_type = 'EXPIRE_CAMPAIGN';
			SELECT retry_timer(id) FROM campaign_timers WHERE timer_type = 'CLOSE_CAMPAIGN'; COMMIT; SELECT run_due_timers()");
		query_is($node, $db, $history, 'CREATED>RUNNING>CLOSED', 'RUNNING, then CLOSED, and not straight to EXPIRED');
	});
}

in_database($node, 'a dead timer blocks no new one', sub {
	my ($db) = @_;
	make_dead($db, 2);
	$node->safe_psql($db, "SELECT schedule_timer(id, 'START_CAMPAIGN', now() + interval '1 hour') FROM campaigns");
	$node->safe_psql($db, "INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) SELECT id, 'CLOSE_CAMPAIGN', now() + interval '1 hour' FROM campaigns");
	query_is($node, $db, "SELECT string_agg(timer_type || ' ' || status, ', ' ORDER BY timer_type, status) FROM campaign_timers",
		'CLOSE_CAMPAIGN FAILED, CLOSE_CAMPAIGN PENDING, EXPIRE_CAMPAIGN FAILED, START_CAMPAIGN FAILED, START_CAMPAIGN PENDING', 'schedule_timer() and a plain INSERT set one');
	query_is($node, $db, 'SELECT count(*) FROM dead_timers', 3, 'the dead ones stay dead letters');
	my ($ret, undef, $err) = $node->psql($db, "\\set VERBOSITY sqlstate\nSELECT retry_timer(id) FROM campaign_timers WHERE timer_type = 'CLOSE_CAMPAIGN' AND status = 'FAILED'");
	like($err, qr/23505/, 'a dead one beside a waiting one is not retried');
});

in_database($node, 'attempts left are those of max_attempts as it is now', sub {
	my ($db) = @_;
	set_max_attempts($db, 5);
	$node->safe_psql($db, "SELECT create_campaign(1, now() - interval '1 minute');
		SELECT campaign_lifecycle_internal._fail_timer(id, clock_timestamp(), 'P0001', 'refused', false) FROM campaign_timers, generate_series(1, 2) WHERE timer_type = 'START_CAMPAIGN';
		UPDATE campaign_timers SET scheduled_at = now(), status = 'FAILED', retry_count = 2 WHERE timer_type = 'START_CAMPAIGN'");
	query_is($node, $db, "SELECT count(*) FROM dead_timers", 0, 'a timer with attempts left is no dead letter');
	set_max_attempts($db, 2);
	query_is($node, $db, "SELECT count(*) FROM dead_timers", 1, 'it is one where max_attempts is lowered');
	query_is($node, $db, "SELECT string_agg(timer_type, ', ' ORDER BY timer_type) FROM schedule_campaign_timers((SELECT id FROM campaigns))",
		'CLOSE_CAMPAIGN, EXPIRE_CAMPAIGN, START_CAMPAIGN', 'a policy makes a new one beside it');
	set_max_attempts($db, 5);
	query_is($node, $db, "SELECT count(*) FROM dead_timers", 1, 'and it stays dead where max_attempts is raised again');
	query_is($node, $db, 'SELECT run_due_timers()', 1, 'the new one alone is executed');
});

$node->stop;
done_testing();
