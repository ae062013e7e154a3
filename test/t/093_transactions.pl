# Users' transactions of every kind, beside the worker.
#
# A prepared transaction holds campaigns over a restart of the server: their timers wait, without an attempt, and run when it is committed by
# somebody else. A transaction that is hours old, with its snapshot, sees what it saw and moves a campaign that the worker has moved since.
# In a deadlock between a user's transaction and the worker, the worker gives way every time. A trigger that deletes the campaign in the
# statement that moves it makes that timer a failed attempt and harms no other. Timers that logical replication brings are executed at
# once. A session that listens gets the events.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes 'time';

my $soon = 25;
my $db = 'postgres';
my $node = campaign_server('transactions', conf => "wal_level = logical\nmax_wal_senders = 4\nmax_replication_slots = 4\n");

sub campaign
{
	my ($kind, $timer) = @_;
	return $node->safe_psql($db, qq{
		WITH c AS (INSERT INTO campaigns (status, start_time, duration_hours, metadata) VALUES ('RUNNING', now(), 1, '{"kind": "$kind"}') RETURNING id)
		INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) SELECT id, 'CLOSE_CAMPAIGN', $timer FROM c RETURNING campaign_id});
}

sub moves
{
	my ($id, $status, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $began = time;
	becomes($node, $db, "SELECT status FROM campaigns WHERE id = '$id'", $status, $what);
	cmp_ok(time - $began, '<', $soon, "$what: soon");
	return;
}

#---------------------------------------------------------------------------------------------------------------------
# Two phases, and a restart between them

my $held = campaign('held', "now() + interval '1 hour'");
my $new = $node->safe_psql($db, "INSERT INTO campaigns (status, duration_hours) VALUES ('RUNNING', 1) RETURNING id");
$node->safe_psql($db, qq{
	BEGIN;
	UPDATE campaigns SET metadata = metadata || '{"touched": true}' WHERE id = '$held';
	INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) VALUES ('$new', 'EXPIRE_CAMPAIGN', now());
	PREPARE TRANSACTION 'held'});
$node->restart;
$node->safe_psql($db, "UPDATE campaign_timers SET scheduled_at = now() WHERE campaign_id = '$held'");
my $free = campaign('free', 'now()');
moves($free, 'CLOSED', 'beside a prepared transaction timers are executed');
answers($node, $db, "SELECT status, retry_count FROM campaign_timers WHERE campaign_id = '$held'", 'PENDING|0', 'the campaign that it holds waits, and that is no attempt');
$node->safe_psql($db, "COMMIT PREPARED 'held'");
moves($new, 'EXPIRED', 'COMMIT PREPARED after a restart wakes the worker');
moves($held, 'CLOSED', 'and what was held goes on');
answers($node, $db, "SELECT count(*) FROM timer_executions WHERE status <> 'COMPLETED'", 0, 'with no failed attempt');
holds($node, $db, 'after two phases');

#---------------------------------------------------------------------------------------------------------------------
# An old transaction

my $old = campaign('old', "now() + interval '1 hour'");
my $session = $node->background_psql($db);
$session->query_safe("BEGIN; SELECT now(); DECLARE everything CURSOR FOR SELECT status FROM campaigns WHERE id = '$old'");
my $reader = $node->background_psql($db);
$reader->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM campaigns");
$node->safe_psql($db, "UPDATE campaign_timers SET scheduled_at = now() WHERE campaign_id = '$old'");
moves($old, 'CLOSED', 'under old snapshots timers are executed');
fill($node, $db, 2000);
becomes($node, $db, "SELECT count(*) FROM campaigns WHERE status = 'RUNNING'", 0, 'many of them');
is($session->query_safe('FETCH ALL FROM everything'), 'RUNNING', 'an old snapshot sees what it saw');
$session->query_safe("SELECT transition_campaign('$old', 'REWARD_CLAIM')");
$session->query_safe('COMMIT');
is($reader->query_safe("SELECT status FROM campaigns WHERE id = '$old'"), 'RUNNING', 'a repeatable read is repeatable');
$reader->query_safe('COMMIT');
answers($node, $db, "SELECT string_agg(to_state, ' ' ORDER BY created_at, id) FROM campaign_state_log WHERE campaign_id = '$old'", 'RUNNING CLOSED REWARD_CLAIM',
	'a move by a transaction that began before the last one is logged after it');
holds($node, $db, 'after old transactions');

#---------------------------------------------------------------------------------------------------------------------
# Deadlocks: the worker holds a campaign and waits for what a user holds, who then wants that campaign.

$node->safe_psql($db, q{
	CREATE TABLE counter (n int); INSERT INTO counter VALUES (0);
	CREATE FUNCTION count_moves() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$ BEGIN UPDATE counter SET n = n + 1; RETURN NEW; END $$;
	CREATE TRIGGER count_moves BEFORE UPDATE OF status ON campaigns FOR EACH ROW WHEN (NEW.metadata ->> 'kind' = 'deadlock') EXECUTE FUNCTION count_moves()});
my @deadlocked;
for my $round (1 .. 4)
{
	$session->query_safe('BEGIN; UPDATE counter SET n = n + 100');
	my $id = campaign('deadlock', 'now()');
	$node->poll_query_until($db, "SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'campaign_lifecycle worker' AND wait_event_type = 'Lock'") or die 'the worker does not wait';
	$session->query_safe("UPDATE campaigns SET metadata = metadata || '{\"user\": true}' WHERE id = '$id'");
	$session->query_safe('COMMIT');
	push @deadlocked, $id;
}
becomes($node, $db, "SELECT count(*) FROM campaigns WHERE metadata ->> 'kind' = 'deadlock' AND status = 'CLOSED' AND metadata ? 'user'", 4, 'in a deadlock the user goes on, and the worker follows');
answers($node, $db, 'SELECT n FROM counter', 404, 'each move counted once');
answers($node, $db, "SELECT count(*) FROM timer_executions WHERE status <> 'COMPLETED'", 0, 'that is no attempt');
unlike(slurp_file($node->logfile), qr/deadlock detected/, 'nobody was the victim');
holds($node, $db, 'after deadlocks');

#---------------------------------------------------------------------------------------------------------------------
# A trigger that deletes the campaign it sees moving

$node->safe_psql($db, q{
	CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$ BEGIN DELETE FROM campaigns WHERE id = NEW.id; RETURN NULL; END $$;
	CREATE TRIGGER a_forget AFTER UPDATE OF status ON campaigns FOR EACH ROW WHEN (NEW.metadata ->> 'kind' = 'forgotten') EXECUTE FUNCTION forget()});
my $forgotten = campaign('forgotten', 'now()');
my $other = campaign('remembered', 'now()');
moves($other, 'CLOSED', 'beside a campaign that a trigger deletes, others move');
becomes($node, $db, "SELECT status, retry_count FROM campaign_timers WHERE campaign_id = '$forgotten'", 'FAILED|1', 'its own timer is a failed attempt');
answers($node, $db, "SELECT left(x.error_message, 5) FROM timer_executions AS x JOIN campaign_timers AS t ON t.id = x.timer_id WHERE t.campaign_id = '$forgotten'", '23503',
	'with the error of the foreign key');
my ($code, $out, $err) = $node->psql($db, "UPDATE campaigns SET status = 'CLOSED' WHERE id = '$forgotten'");
like($err, qr/violates foreign key constraint/, 'a user gets the same error');
answers($node, $db, "SELECT status FROM campaigns WHERE id = '$forgotten'", 'RUNNING', 'and nothing has changed');
$node->safe_psql($db, 'DROP TRIGGER a_forget ON campaigns');
holds($node, $db, 'after a trigger that deletes');

#---------------------------------------------------------------------------------------------------------------------
# Events

set_and_reload($node, notify_events => 'campaign.status.changed, timer.executed');
$node->poll_query_until($db, "SELECT current_setting('campaign_lifecycle.notify_events') <> ''") or die;
$session->query_safe('LISTEN campaign_lifecycle');
my $told = campaign('told', 'now()');
moves($told, 'CLOSED', 'with events, too, timers are executed');
my $heard = '';
for (1 .. 100)
{
	$heard .= $session->query('SELECT pg_sleep(0.1)');
	last if $heard =~ /timer\.executed/ && $heard =~ /"CLOSED"/;
}
like($heard, qr/Asynchronous notification "campaign_lifecycle" with payload "\{.*\}" received/, 'a session that listens is told');
like($heard, qr/campaign\.status\.changed.*\Q$told\E|\Q$told\E.*campaign\.status\.changed/, 'of the move');
like($heard, qr/timer\.executed/, 'and of the timer');
set_and_reload($node, notify_events => undef);
$session->quit;
$reader->quit;

#---------------------------------------------------------------------------------------------------------------------
# A logical subscriber, in another database of the same server

with_database($node, $_) for 'publisher', 'subscriber';
$node->safe_psql('publisher', 'SELECT pause_timers(); CREATE PUBLICATION all_of_it FOR TABLE campaigns, campaign_timers, campaign_state_log WITH (publish_via_partition_root = true)');
$node->safe_psql('publisher', "SELECT pg_create_logical_replication_slot('subscriber', 'pgoutput')");
my $connection = $node->connstr('publisher');
$node->safe_psql('subscriber', "CREATE SUBSCRIPTION all_of_it CONNECTION '" . ($connection =~ s/'/''/gr) . "' PUBLICATION all_of_it WITH (create_slot = false, slot_name = 'subscriber', copy_data = false)");
fill($node, 'publisher', 20);
my $began = time;
becomes($node, 'subscriber', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 20, 'timers that logical replication brings are executed');
cmp_ok(time - $began, '<', $soon, 'the apply process wakes the worker');
answers($node, 'publisher', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 0, 'the publisher, paused, has moved none');
holds($node, 'subscriber', 'on the subscriber');
$node->safe_psql('subscriber', 'ALTER SUBSCRIPTION all_of_it DISABLE; ALTER SUBSCRIPTION all_of_it SET (slot_name = NONE); DROP SUBSCRIPTION all_of_it');

$node->stop;
done_testing();
