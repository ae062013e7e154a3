# Without shared_preload_libraries everything works except the worker.
#
# CREATE EXTENSION warns and goes on; the API functions work; run_due_timers() does what the worker would, isolates timers that fail, and
# executes timers that fall due by it; settings can be set. Nothing is executed by itself, and campaign_workers says why.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use Test::More;

my $node = campaign_server('no_preload', extension => 0, conf => "shared_preload_libraries = ''\n");

in_database(
	$node,
	'CREATE EXTENSION warns',
	sub {
		my ($db) = @_;
		my ($code, $out, $err) = $node->psql($db, 'CREATE EXTENSION campaign_lifecycle');
		is($code, 0, 'CREATE EXTENSION succeeds without the preload');
		like($err, qr/WARNING:\s+campaign_lifecycle is not in shared_preload_libraries: no worker executes timers\nHINT: .*run_due_timers/, 'CREATE EXTENSION warns that timers do not fire, with a hint');
		query_is($node, $db, "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'campaign_lifecycle%'", 0, 'no launcher and no worker is running');
		if ($node->safe_psql($db, "SELECT to_regclass('campaign_workers') IS NOT NULL") eq 't')
		{
			like($node->safe_psql($db, 'SELECT w FROM campaign_workers AS w'), qr/not preloaded/, 'campaign_workers shows that the library is not preloaded');
		}
	},
	extension => 0);

# Settings are given before and after the library is loaded into the session.
in_database($node, 'settings without the preload', sub {
	my ($db) = @_;
	query_is($node, $db, q{
		SET campaign_lifecycle.trigger_event = 'IMPORT';
		INSERT INTO campaigns (id, status, duration_hours) VALUES ('00000000-0000-4000-8000-000000000001', 'CREATED', 1);
		UPDATE campaigns SET status = 'RUNNING';
		SELECT trigger_event FROM campaign_state_log WHERE to_state = 'RUNNING'}, 'IMPORT', 'a setting of the session holds before the library is loaded');
	query_is($node, $db, q{LOAD 'campaign_lifecycle'; SET campaign_lifecycle.changed_by = 'me'; SHOW campaign_lifecycle.changed_by; SHOW campaign_lifecycle.batch_size}, "me\n1000", 'settings are known when the library is loaded');
	my (undef, undef, $err) = $node->psql($db, q{LOAD 'campaign_lifecycle'; SET campaign_lifecycle.nonsense = 1});
	like($err, qr/invalid configuration parameter name/, 'an unknown setting is refused');
	set_and_reload($node, retry_base_delay => '1h', retry_jitter => 0);
	$node->poll_query_until($db, "LOAD 'campaign_lifecycle'; SELECT current_setting('campaign_lifecycle.retry_base_delay')", "LOAD\n1h") or die;
	pass('ALTER SYSTEM and a reload set the settings of all sessions');
	set_and_reload($node, retry_base_delay => undef, retry_jitter => undef);
});

# The timers that a state change brings and that are due follow in the same call.
in_database($node, 'run_due_timers() executes a whole life', sub {
	my ($db) = @_;
	$node->safe_psql($db, "UPDATE campaign_timer_policies SET delay = '0' WHERE anchor = 'entered' AND NOT (state = 'CLOSED' AND timer_type = 'EXPIRE_CAMPAIGN')");
	my $life = $node->safe_psql($db, "SELECT create_campaign(1, now() - interval '3 hours')");
	query_is($node, $db, "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING' AND scheduled_at <= now()", 3, 'three timers are due, and nothing is executed by itself');
	my $attempted = $node->safe_psql($db, 'SELECT run_due_timers()');
	# In REWARD_CLAIM expiry and reminder are due at the same instant; the reminder goes first.
	query_is($node, $db, "SELECT string_agg(coalesce(from_state, '') || '>' || to_state, ', ' ORDER BY created_at, id) FROM campaign_state_log WHERE campaign_id = '$life'",
		'>CREATED, CREATED>RUNNING, RUNNING>CLOSED, CLOSED>REWARD_CLAIM, REWARD_CLAIM>EXPIRED', 'run_due_timers() brings a campaign from CREATED to EXPIRED in one call');
	query_is($node, $db, "SELECT count(*) FROM timer_executions", $attempted, 'run_due_timers() returns the number of timers attempted');
	query_is($node, $db, "SELECT count(*) FROM campaign_timers WHERE status NOT IN ('COMPLETED', 'CANCELLED')", 0, 'no timer of the campaign waits');
	query_is($node, $db, 'SELECT run_due_timers()', 0, 'a second run_due_timers() finds nothing due');
	check_invariants($node, $db, 'after a life by hand');
});

in_database($node, 'run_due_timers() isolates timers that raise', sub {
	my ($db) = @_;
	set_and_reload($node, retry_base_delay => '1h', retry_jitter => 0);
	$node->poll_query_until($db, "LOAD 'campaign_lifecycle'; SELECT current_setting('campaign_lifecycle.retry_base_delay')", "LOAD\n1h") or die;
	$node->safe_psql(
		$db, q{
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'poisoned' USING ERRCODE = 'PX001'; END $$;
		CREATE TRIGGER refuse BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (NEW.metadata ? 'poison') EXECUTE FUNCTION refuse()});
	add_due_campaigns($node, $db, 1000);
	$node->safe_psql($db, q{
		WITH c AS (
			INSERT INTO campaigns (status, duration_hours, metadata) SELECT 'RUNNING', 1, '{"poison": true}' FROM generate_series(1, 15) AS n RETURNING id)
		INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) SELECT id, 'EXPIRE_CAMPAIGN', now() - interval '1 second' FROM c});
	query_is($node, $db, 'SELECT run_due_timers(100)', 100, 'run_due_timers(100) attempts 100');
	query_is($node, $db, 'SELECT run_due_timers(100000)', 915, 'run_due_timers() attempts the rest');
	query_is($node, $db, "SELECT status, retry_count, count(*) FROM campaign_timers AS t WHERE EXISTS (SELECT FROM campaigns AS c WHERE c.id = t.campaign_id AND c.metadata <> '{}')
		GROUP BY status, retry_count", 'FAILED|1|15', '15 timers whose trigger raises are FAILED after one attempt');
	query_is($node, $db, "SELECT error_message, count(*) FROM timer_executions WHERE status = 'FAILED' GROUP BY error_message", 'PX001: poisoned|15', 'the executions of the 15 timers keep the error');
	query_is($node, $db, "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING'", 0, 'no other timer waits');
	query_is($node, $db, "SELECT status, count(*) FROM campaigns GROUP BY status ORDER BY status", "EXPIRED|1000\nRUNNING|15", '1,000 other campaigns have expired');
	check_invariants($node, $db, 'after errors by hand');
	set_and_reload($node, retry_base_delay => undef, retry_jitter => undef);
});

in_database($node, 'run_due_timers() in the caller\'s transaction', sub {
	my ($db) = @_;
	add_due_campaigns($node, $db, 10);
	query_is($node, $db, "BEGIN; SELECT run_due_timers(); ROLLBACK; SELECT count(*) FROM campaign_timers WHERE status = 'PENDING'", "10\n10", 'a rollback undoes run_due_timers()');
	my (undef, undef, $err) = $node->psql($db, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT run_due_timers()', extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
	like($err, qr/ERROR:\s+25001/, 'run_due_timers() refuses REPEATABLE READ');
	$node->safe_psql($db, 'SELECT pause_timers()');
	(undef, undef, $err) = $node->psql($db, 'SELECT run_due_timers()', extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
	like($err, qr/ERROR:\s+55000/, 'run_due_timers() refuses while timers are paused');
	$node->safe_psql($db, 'SELECT resume_timers()');
	query_is($node, $db, 'SELECT run_due_timers()', 10, 'run_due_timers() executes ten timers after resume_timers()');
	check_invariants($node, $db, 'at the end');
});

in_database($node, 'DROP EXTENSION leaves the data', sub {
	my ($db) = @_;
	add_due_campaigns($node, $db, 10);
	$node->safe_psql($db, 'DROP EXTENSION campaign_lifecycle');
	query_is($node, $db, "SELECT count(*) FROM campaigns", 10, 'DROP EXTENSION leaves ten campaigns');
});

$node->stop;
done_testing();
