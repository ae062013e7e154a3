# Without shared_preload_libraries everything works but the worker.
#
# CREATE EXTENSION warns and goes on; the verbs work; run_due_timers() does what the worker would, isolating timers that fail, and
# follows up what falls due by it; settings can be set. Nothing fires by itself, and the status says why.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignServer;
use Test::More;

my $node = campaign_server('no_preload', extension => 0, conf => "shared_preload_libraries = ''\n");

my ($code, $out, $err) = $node->psql('postgres', 'CREATE EXTENSION campaign_lifecycle');
is($code, 0, 'CREATE EXTENSION works');
like($err, qr/WARNING:\s+campaign_lifecycle is not in shared_preload_libraries: timers do not fire by themselves\nHINT: .*run_due_timers/, 'and warns, with a hint');
answers($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'campaign_lifecycle%'", 0, 'there is no process of ours');
if ($node->safe_psql('postgres', "SELECT to_regclass('campaign_workers') IS NOT NULL") eq 't')
{
	like($node->safe_psql('postgres', 'SELECT w FROM campaign_workers AS w'), qr/not preloaded/, 'campaign_workers says why');
}

# Settings, before and after the library is in the session.
answers($node, 'postgres', q{
	SET campaign_lifecycle.trigger_event = 'IMPORT';
	INSERT INTO campaigns (id, status, duration_hours) VALUES ('00000000-0000-4000-8000-000000000001', 'CREATED', 1);
	UPDATE campaigns SET status = 'RUNNING';
	SELECT trigger_event FROM campaign_state_log WHERE to_state = 'RUNNING'}, 'IMPORT', 'a session\'s own setting counts');
answers($node, 'postgres', q{LOAD 'campaign_lifecycle'; SET campaign_lifecycle.changed_by = 'me'; SHOW campaign_lifecycle.changed_by; SHOW campaign_lifecycle.batch_size}, "me\n1000", 'settings are known once the library is loaded');
($code, $out, $err) = $node->psql('postgres', q{LOAD 'campaign_lifecycle'; SET campaign_lifecycle.nonsense = 1});
like($err, qr/invalid configuration parameter name/, 'and unknown ones refused');
set_and_reload($node, retry_base_delay => '1h', retry_jitter => 0);
$node->poll_query_until('postgres', "LOAD 'campaign_lifecycle'; SELECT current_setting('campaign_lifecycle.retry_base_delay')", "LOAD\n1h") or die;
pass('ALTER SYSTEM and a reload set them for all');
$node->safe_psql('postgres', 'DELETE FROM campaigns');

# A whole life, by run_due_timers() alone: what falls due by a move follows in the same call.
$node->safe_psql('postgres', "UPDATE campaign_timer_policies SET delay = '0' WHERE anchor = 'entered' AND NOT (state = 'CLOSED' AND timer_type = 'EXPIRE_CAMPAIGN')");
my $life = $node->safe_psql('postgres', "SELECT create_campaign(1, now() - interval '3 hours')");
answers($node, 'postgres', "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING' AND scheduled_at <= now()", 3, 'its timers are due, and nothing happens by itself');
my $attempted = $node->safe_psql('postgres', 'SELECT run_due_timers()');
# In REWARD_CLAIM expiry and reminder are due at the same instant; the reminder goes first.
answers($node, 'postgres', "SELECT string_agg(coalesce(from_state, '') || '>' || to_state, ', ' ORDER BY created_at, id) FROM campaign_state_log WHERE campaign_id = '$life'",
	'>CREATED, CREATED>RUNNING, RUNNING>CLOSED, CLOSED>REWARD_CLAIM, REWARD_CLAIM>EXPIRED', 'run_due_timers() walks the whole life');
answers($node, 'postgres', "SELECT count(*) FROM timer_executions", $attempted, 'and returns the number attempted');
answers($node, 'postgres', "SELECT count(*) FROM campaign_timers WHERE status NOT IN ('COMPLETED', 'CANCELLED')", 0, 'nothing waits');
answers($node, 'postgres', 'SELECT run_due_timers()', 0, 'nothing is left to do');
holds($node, 'postgres', 'after a life by hand');

# Isolation, in the caller's transaction.
$node->safe_psql(
	'postgres', q{
	CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'poisoned' USING ERRCODE = 'PX001'; END $$;
	CREATE TRIGGER refuse BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (NEW.metadata ? 'poison') EXECUTE FUNCTION refuse()});
fill($node, 'postgres', 1000);
$node->safe_psql('postgres', q{
	WITH c AS (
		INSERT INTO campaigns (status, duration_hours, metadata) SELECT 'RUNNING', 1, '{"poison": true}' FROM generate_series(1, 15) AS n RETURNING id)
	INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) SELECT id, 'EXPIRE_CAMPAIGN', now() - interval '1 second' FROM c});
answers($node, 'postgres', 'SELECT run_due_timers(100)', 100, 'run_due_timers(100) attempts 100');
answers($node, 'postgres', 'SELECT run_due_timers(100000)', 915, 'run_due_timers() attempts the rest');
answers($node, 'postgres', "SELECT status, retry_count, count(*) FROM campaign_timers AS t WHERE EXISTS (SELECT FROM campaigns AS c WHERE c.id = t.campaign_id AND c.metadata <> '{}')
	GROUP BY status, retry_count", 'FAILED|1|15', 'those that raise are FAILED');
answers($node, 'postgres', "SELECT error_message, count(*) FROM timer_executions WHERE status = 'FAILED' GROUP BY error_message", 'PX001: poisoned|15', 'with the error');
answers($node, 'postgres', "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING'", 0, 'and no other');
answers($node, 'postgres', "SELECT status, count(*) FROM campaigns GROUP BY status ORDER BY status", "EXPIRED|1001\nRUNNING|15", 'all others have moved');
holds($node, 'postgres', 'after errors by hand');

# In the caller's transaction: rolled back, it has not happened.
fill($node, 'postgres', 10);
answers($node, 'postgres', "BEGIN; SELECT run_due_timers(); ROLLBACK; SELECT count(*) FROM campaign_timers WHERE status = 'PENDING'", "10\n10", 'a rollback takes it back');
($code, $out, $err) = $node->psql('postgres', 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT run_due_timers()', extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
like($err, qr/ERROR:\s+25001/, 'REPEATABLE READ is refused');
$node->safe_psql('postgres', 'SELECT pause_timers()');
($code, $out, $err) = $node->psql('postgres', 'SELECT run_due_timers()', extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
like($err, qr/ERROR:\s+55000/, 'paused, it refuses');
$node->safe_psql('postgres', 'SELECT resume_timers()');
answers($node, 'postgres', 'SELECT run_due_timers()', 10, 'resumed, it works');
holds($node, 'postgres', 'at the end');

$node->safe_psql('postgres', 'DROP EXTENSION campaign_lifecycle');
answers($node, 'postgres', "SELECT count(*) FROM campaigns", 1026, 'DROP EXTENSION leaves the data');

$node->stop;
done_testing();
