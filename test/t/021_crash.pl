# A crash loses nothing and doubles nothing.
#
# An outage: while timers are switched off, 3,000 campaigns get START, CLOSE and EXPIRE timers by hand and 100 more have policy timers,
# all of them overdue by hours; then the server ends as in a power cut. Started again, every campaign walks every state it should
# have: those by hand end EXPIRED with the same four-step history, those by policy end CLOSED with their whole claim window ahead.
# Then kill -9 of worker, launcher and a client's backend in the midst of work, several times: the server restarts all its processes,
# the worker is back in a moment, and at the end each timer was executed exactly once and each campaign has one history. After a crash
# what was due runs one by one, under marks, to find a timer that crashes the server; so a kill may cost the one that was marked
# an attempt, which says so, and no more. Last, a mark that was lost a month ago, as a server has it that was down for so long or an old
# backup that is started: a failed attempt as well, and nothing waits behind it.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignServer;
use Test::More;

my $node = campaign_server('crash', conf => "campaign_lifecycle.enabled = off\ncampaign_lifecycle.retry_base_delay = '100ms'\nrestart_after_crash = on\n");

#---------------------------------------------------------------------------------------------------------------------
# The outage

# By hand, in the future as users must, and then moved into the past, as time does.
$node->safe_psql(
	'postgres', q{
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
answers($node, 'postgres', "SELECT count(*), count(*) FILTER (WHERE scheduled_at < now() - interval '1 hour') FROM campaign_timers WHERE status = 'PENDING'",
	'9400|9400', 'every timer is overdue');
$node->stop('immediate');
$node->append_conf('postgresql.conf', "campaign_lifecycle.enabled = on\n");
$node->start;
becomes($node, 'postgres', "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING' AND scheduled_at <= now()", 0, 'after the outage all overdue timers are executed');

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
my $closed = '>CREATED CREATED, CREATED>RUNNING START_CAMPAIGN, RUNNING>CLOSED CLOSE_CAMPAIGN';
answers($node, 'postgres', histories('hand', 'true'), "3000|$closed, CLOSED>EXPIRED EXPIRE_CAMPAIGN", '3,000 campaigns with timers by hand have the same four-step history');
answers($node, 'postgres', histories('policy', 'auto_close'), "120|$closed", 'policy timers: campaigns walk RUNNING and CLOSED');
answers($node, 'postgres', histories('policy', 'NOT auto_close'), "20|>CREATED CREATED, CREATED>RUNNING START_CAMPAIGN, RUNNING>EXPIRED EXPIRE_CAMPAIGN",
	'a campaign that does not close by itself expires, as it would have');
answers($node, 'postgres', q{
	SELECT count(*), t.timer_type, bool_and(t.scheduled_at - l.created_at BETWEEN w.delay - interval '2 minutes' AND w.delay)
	FROM campaigns AS c
	JOIN campaign_state_log AS l ON l.campaign_id = c.id AND l.to_state = 'CLOSED'
	JOIN campaign_timers AS t ON t.campaign_id = c.id AND t.status = 'PENDING'
	JOIN (VALUES ('REWARD_REMINDER', interval '5 minutes'), ('EXPIRE_CAMPAIGN', interval '48 hours')) AS w (type, delay) ON w.type = t.timer_type
	WHERE c.metadata = '{"by": "policy"}'
	GROUP BY t.timer_type
	ORDER BY t.timer_type},
	"120|EXPIRE_CAMPAIGN|t\n100|REWARD_REMINDER|t", 'and get their whole claim window, counted from when they really closed');
answers($node, 'postgres', 'SELECT count(*), count(DISTINCT timer_id) FROM timer_executions', '9280|9280', 'one execution for each timer');
answers($node, 'postgres', "SELECT count(*) FROM timer_executions WHERE status <> 'COMPLETED' OR result ? 'skipped'", 0, 'none failed, none skipped');
holds($node, 'postgres', 'after the outage');

#---------------------------------------------------------------------------------------------------------------------
# kill -9

$node->append_conf('postgresql.conf', "campaign_lifecycle.batch_size = 100\n");
$node->reload;
with_database($node, 'kills');
slow_down($node, 'kills');

my $total = 0;
my $kills = 0;

# Kills in the midst of work and waits until the server and the worker are at work again: the work left is for the next kill.
sub strikes
{
	my ($whom, $find) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	fill($node, 'kills', 500);
	$total += 500;
	my $done = "SELECT count(*) > DONE FROM campaign_timers WHERE status = 'COMPLETED'";
	my $before = $node->safe_psql('kills', "SELECT count(*) FROM campaign_timers WHERE status = 'COMPLETED'");
	$node->poll_query_until('kills', $done =~ s/DONE/$before/r) or die 'the worker does nothing';
	my $pid = $find->();
	my $started = $node->safe_psql('postgres', "SELECT max(backend_start) FROM pg_stat_activity WHERE backend_type = 'checkpointer'");
	kill 'KILL', $pid or die "kill $pid: $!";
	$kills++;
	# The server may let a connection in before it has noticed.
	becomes($node, 'postgres', "SELECT backend_start > '$started' FROM pg_stat_activity WHERE backend_type = 'checkpointer'", 't', "kill -9 of $whom: the server restarts its processes");
	$before = $node->safe_psql('kills', "SELECT count(*) FROM campaign_timers WHERE status = 'COMPLETED'");
	if ($before < $total)
	{
		becomes($node, 'kills', $done =~ s/DONE/$before/r, 't', "kill -9 of $whom: the worker works again");
	}
	holds($node, 'kills', "after kill -9 of $whom");
	return;
}

for my $round (1, 2)
{
	strikes("the worker, $round", sub { (worker_pids($node, 'kills'))[0] });
	strikes("the launcher, $round", sub { launcher_pid($node) });
	my $session = $node->background_psql('kills', on_error_stop => 0);
	strikes("a client's backend, $round", sub { $session->query('SELECT pg_backend_pid()') });
	eval { $session->quit };
}
$node->safe_psql('kills', 'DROP TRIGGER slow_down ON campaigns');
becomes($node, 'kills', "SELECT count(*) FROM campaign_timers WHERE status <> 'COMPLETED'", 0, 'at last everything is done');
is("$total, $kills", '3000, 6', '3,000 timers were committed, and something was killed six times');
answers($node, 'kills', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", $total, 'each campaign has moved');
answers($node, 'kills', "SELECT count(*), count(DISTINCT timer_id) FROM timer_executions WHERE status = 'COMPLETED'", "$total|$total", 'each timer was executed once');
answers($node, 'kills', "SELECT count(*) FROM timer_executions WHERE status <> 'COMPLETED' AND error_message NOT LIKE '57P02: %'", 0, 'no attempt failed of itself');
my $lost = $node->safe_psql('kills', "SELECT count(*) FROM timer_executions WHERE status = 'FAILED'");
cmp_ok($lost, '<=', $kills, "no kill has cost more than one marked timer an attempt ($lost of $kills did)");
answers($node, 'kills', 'SELECT count(*) FROM campaign_state_log', 2 * $total, 'each campaign has two log rows');
holds($node, 'kills', 'after all kills');
holds($node, 'postgres', 'and in the database beside');

#---------------------------------------------------------------------------------------------------------------------
# A month later

$node->safe_psql(
	'kills', q{
	WITH c AS (INSERT INTO campaigns (status, duration_hours, metadata) VALUES ('RUNNING', 1, '{"marked": true}') RETURNING id),
	t AS (INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at, status) SELECT id, 'EXPIRE_CAMPAIGN', now(), 'RUNNING' FROM c RETURNING id)
	INSERT INTO timer_executions (timer_id, status, started_at) SELECT id, 'STARTED', now() - interval '31 days' FROM t});
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . (worker_pids($node, 'kills'))[0] . ')');
fill($node, 'kills', 10);
becomes($node, 'kills', "SELECT count(*) FROM campaigns WHERE status <> 'EXPIRED'", 0, 'beside a mark of a month ago timers are executed, and then that one');
answers($node, 'kills', "SELECT string_agg(x.status || coalesce(': ' || left(x.error_message, 5), ''), ', ' ORDER BY x.started_at) FROM timer_executions AS x
	JOIN campaign_timers AS t ON t.id = x.timer_id JOIN campaigns AS c ON c.id = t.campaign_id WHERE c.metadata ? 'marked'", 'FAILED: 57P02, COMPLETED', 'which has one attempt that was lost');
holds($node, 'kills', 'after that');

$node->stop;
done_testing();
