# Transactions of every kind go on beside the worker.
#
# A prepared transaction holds campaigns over a restart of the server: their timers wait, without an attempt, and run when another
# session commits it. A transaction that is hours old, with its snapshot, sees what it saw and moves a campaign that the worker has moved
# since. In a deadlock between a user's transaction and the worker, the worker gives way every time. A trigger that deletes the campaign
# in the statement that moves it makes that timer a failed attempt and harms no other. Timers that logical replication brings are
# executed without delay. A session that listens gets the events.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes 'time';

my $soon = 25;
my $node = campaign_server('transactions', extension => 0, conf => "wal_level = logical\nmax_wal_senders = 4\nmax_replication_slots = 4\n");

sub campaign
{
	my ($db, $kind, $timer) = @_;
	return $node->safe_psql($db, qq{
		WITH c AS (INSERT INTO campaigns (status, start_time, duration_hours, metadata) VALUES ('RUNNING', now(), 1, '{"kind": "$kind"}') RETURNING id)
		INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) SELECT id, 'CLOSE_CAMPAIGN', $timer FROM c RETURNING campaign_id});
}

sub moves_soon
{
	my ($db, $id, $status, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $began = time;
	poll_is($node, $db, "SELECT status FROM campaigns WHERE id = '$id'", $status, $what);
	cmp_ok(time - $began, '<', $soon, "$what within $soon s");
	return;
}

in_database($node, 'a prepared transaction that outlives a restart', sub {
	my ($db) = @_;
	my $held = campaign($db, 'held', "now() + interval '1 hour'");
	my $new = $node->safe_psql($db, "INSERT INTO campaigns (status, duration_hours) VALUES ('RUNNING', 1) RETURNING id");
	$node->safe_psql($db, qq{
		BEGIN;
		UPDATE campaigns SET metadata = metadata || '{"touched": true}' WHERE id = '$held';
		INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) VALUES ('$new', 'EXPIRE_CAMPAIGN', now());
		PREPARE TRANSACTION 'held'});
	$node->restart;
	$node->safe_psql($db, "UPDATE campaign_timers SET scheduled_at = now() WHERE campaign_id = '$held'");
	my $free = campaign($db, 'free', 'now()');
	moves_soon($db, $free, 'CLOSED', 'a timer beside a prepared transaction is executed');
	query_is($node, $db, "SELECT status, retry_count FROM campaign_timers WHERE campaign_id = '$held'", 'PENDING|0', 'the timer of the campaign that it holds waits, without an attempt');
	$node->safe_psql($db, "COMMIT PREPARED 'held'");
	moves_soon($db, $new, 'EXPIRED', 'COMMIT PREPARED after a restart wakes the worker');
	moves_soon($db, $held, 'CLOSED', 'the campaign that was held moves after COMMIT PREPARED');
	query_is($node, $db, "SELECT count(*) FROM timer_executions WHERE status <> 'COMPLETED'", 0, 'no attempt has failed');
	check_invariants($node, $db, 'after two phases');
});

in_database($node, 'transactions with old snapshots', sub {
	my ($db) = @_;
	my $old = campaign($db, 'old', "now() + interval '1 hour'");
	my $session = $node->background_psql($db);
	$session->query_safe("BEGIN; SELECT now(); DECLARE everything CURSOR FOR SELECT status FROM campaigns WHERE id = '$old'");
	my $reader = $node->background_psql($db);
	$reader->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM campaigns");
	$node->safe_psql($db, "UPDATE campaign_timers SET scheduled_at = now() WHERE campaign_id = '$old'");
	moves_soon($db, $old, 'CLOSED', 'a timer is executed beside old snapshots');
	add_due_campaigns($node, $db, 2000);
	poll_is($node, $db, "SELECT count(*) FROM campaigns WHERE status = 'RUNNING'", 0, '2,000 timers are executed beside old snapshots');
	is($session->query_safe('FETCH ALL FROM everything'), 'RUNNING', 'an old snapshot sees what it saw');
	$session->query_safe("SELECT transition_campaign('$old', 'REWARD_CLAIM')");
	$session->query_safe('COMMIT');
	is($reader->query_safe("SELECT status FROM campaigns WHERE id = '$old'"), 'RUNNING', 'a REPEATABLE READ transaction sees the status that it saw first');
	$reader->query_safe('COMMIT');
	query_is($node, $db, "SELECT string_agg(to_state, ' ' ORDER BY created_at, id) FROM campaign_state_log WHERE campaign_id = '$old'", 'RUNNING CLOSED REWARD_CLAIM',
		'a move by a transaction that began before the last one is logged after it');
	check_invariants($node, $db, 'after old transactions');
	$session->quit;
	$reader->quit;
});

# The worker holds a campaign and waits for what a user holds, who then wants that campaign.
in_database($node, 'deadlocks with the worker', sub {
	my ($db) = @_;
	my $session = $node->background_psql($db);
	$node->safe_psql($db, q{
		CREATE TABLE counter (n int); INSERT INTO counter VALUES (0);
		CREATE FUNCTION count_moves() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$ BEGIN UPDATE counter SET n = n + 1; RETURN NEW; END $$;
		CREATE TRIGGER count_moves BEFORE UPDATE OF status ON campaigns FOR EACH ROW WHEN (NEW.metadata ->> 'kind' = 'deadlock') EXECUTE FUNCTION count_moves()});
	my @deadlocked;
	for my $round (1 .. 4)
	{
		$session->query_safe('BEGIN; UPDATE counter SET n = n + 100');
		my $id = campaign($db, 'deadlock', 'now()');
		$node->poll_query_until($db, "SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'campaign_lifecycle worker' AND wait_event_type = 'Lock'") or die 'the worker does not wait';
		$session->query_safe("UPDATE campaigns SET metadata = metadata || '{\"user\": true}' WHERE id = '$id'");
		$session->query_safe('COMMIT');
		push @deadlocked, $id;
	}
	poll_is($node, $db, "SELECT count(*) FROM campaigns WHERE metadata ->> 'kind' = 'deadlock' AND status = 'CLOSED' AND metadata ? 'user'", 4, 'the user wins each of four deadlocks, and the worker executes the timers afterwards');
	query_is($node, $db, 'SELECT n FROM counter', 404, 'the trigger counts each move once, beside four updates of the user');
	query_is($node, $db, "SELECT count(*) FROM timer_executions WHERE status <> 'COMPLETED'", 0, 'a deadlock costs no attempt');
	unlike(slurp_file($node->logfile), qr/deadlock detected/, 'the server has ended no transaction as a deadlock victim');
	check_invariants($node, $db, 'after deadlocks');
	$session->quit;
});

in_database($node, 'a trigger that deletes the campaign that moves', sub {
	my ($db) = @_;
	$node->safe_psql($db, q{
		CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$ BEGIN DELETE FROM campaigns WHERE id = NEW.id; RETURN NULL; END $$;
		CREATE TRIGGER a_forget AFTER UPDATE OF status ON campaigns FOR EACH ROW WHEN (NEW.metadata ->> 'kind' = 'forgotten') EXECUTE FUNCTION forget()});
	my $forgotten = campaign($db, 'forgotten', 'now()');
	my $other = campaign($db, 'remembered', 'now()');
	moves_soon($db, $other, 'CLOSED', 'a campaign beside one that a trigger deletes moves');
	poll_is($node, $db, "SELECT status, retry_count FROM campaign_timers WHERE campaign_id = '$forgotten'", 'FAILED|1', 'the timer of the campaign that a trigger deletes is FAILED after one attempt');
	query_is($node, $db, "SELECT left(x.error_message, 5) FROM timer_executions AS x JOIN campaign_timers AS t ON t.id = x.timer_id WHERE t.campaign_id = '$forgotten'", '23503',
		'its execution keeps the error of the foreign key');
	my ($code, $out, $err) = $node->psql($db, "UPDATE campaigns SET status = 'CLOSED' WHERE id = '$forgotten'");
	like($err, qr/violates foreign key constraint/, 'an UPDATE by a user gets the same error');
	query_is($node, $db, "SELECT status FROM campaigns WHERE id = '$forgotten'", 'RUNNING', 'the campaign is there, and has not moved');
	$node->safe_psql($db, 'DROP TRIGGER a_forget ON campaigns');
	check_invariants($node, $db, 'after a trigger that deletes');
});

in_database($node, 'a session that listens to events', sub {
	my ($db) = @_;
	set_and_reload($node, notify_events => 'campaign.status.changed, timer.executed');
	$node->poll_query_until($db, "SELECT current_setting('campaign_lifecycle.notify_events') <> ''") or die;
	my $session = $node->background_psql($db);
	$session->query_safe('LISTEN campaign_lifecycle');
	my $told = campaign($db, 'told', 'now()');
	moves_soon($db, $told, 'CLOSED', 'a timer is executed with notify_events set');
	my $heard = '';
	for (1 .. 100)
	{
		$heard .= $session->query('SELECT pg_sleep(0.1)');
		last if $heard =~ /timer\.executed/ && $heard =~ /"CLOSED"/;
	}
	like($heard, qr/Asynchronous notification "campaign_lifecycle" with payload "\{.*\}" received/, 'a session that listens gets a notification');
	like($heard, qr/campaign\.status\.changed.*\Q$told\E|\Q$told\E.*campaign\.status\.changed/, 'the session gets campaign.status.changed of the campaign');
	like($heard, qr/timer\.executed/, 'the session gets timer.executed');
	set_and_reload($node, notify_events => undef);
	$session->quit;
});

# The publisher is another database of the same server.
in_database($node, 'a logical subscriber', sub {
	my ($db) = @_;
	create_campaign_database($node, 'publisher');
	$node->safe_psql('publisher', 'SELECT pause_timers(); CREATE PUBLICATION all_of_it FOR TABLE campaigns, campaign_timers, campaign_state_log WITH (publish_via_partition_root = true)');
	$node->safe_psql('publisher', "SELECT pg_create_logical_replication_slot('subscriber', 'pgoutput')");
	my $connection = $node->connstr('publisher');
	$node->safe_psql($db, "CREATE SUBSCRIPTION all_of_it CONNECTION '" . ($connection =~ s/'/''/gr) . "' PUBLICATION all_of_it WITH (create_slot = false, slot_name = 'subscriber', copy_data = false)");
	add_due_campaigns($node, 'publisher', 20);
	my $began = time;
	poll_is($node, $db, "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 20, '20 timers that logical replication brings are executed');
	cmp_ok(time - $began, '<', $soon, "the apply process wakes the worker within $soon s");
	query_is($node, 'publisher', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 0, 'the publisher, which is paused, has moved no campaign');
	check_invariants($node, $db, 'on the subscriber');
	$node->safe_psql($db, 'ALTER SUBSCRIPTION all_of_it DISABLE; ALTER SUBSCRIPTION all_of_it SET (slot_name = NONE); DROP SUBSCRIPTION all_of_it');
	$node->poll_query_until('postgres', 'SELECT NOT active FROM pg_replication_slots') or die 'the slot stays in use';
	$node->safe_psql('publisher', "SELECT pg_drop_replication_slot('subscriber')");
	$node->safe_psql('postgres', 'DROP DATABASE publisher');
});

$node->stop;
done_testing();