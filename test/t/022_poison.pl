# A timer that fails harms no other.
#
# 5,000 timers are due and 50 of them raise in a user's own trigger: 4,950 campaigns move, 50 timers are FAILED with their error kept.
# They try again after their backoff, and become dead letters at max_attempts; revived when the cause is gone, they succeed. Errors
# that say nothing about the timer (a lock that a user's session holds, a serialization failure) are no attempts. A deferred
# constraint trigger, which fails only at the commit of the worker's batch, is isolated as well, and so is one that does nothing
# where it should have moved a campaign.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignServer;
use Test::More;

# The first backoff is long: FAILED is to be seen at leisure.
my $node = campaign_server('poison', conf => "campaign_lifecycle.retry_base_delay = '1h'\ncampaign_lifecycle.retry_jitter = 0\n");

sub timers_of
{
	my ($campaigns, $what) = @_;
	return "SELECT $what FROM campaign_timers AS t JOIN campaigns AS c ON c.id = t.campaign_id WHERE c.metadata ->> 'kind' = '$campaigns'";
}

# Timers due in one instant, the poisoned ones anywhere among them.
sub add
{
	my ($kind, $number, $poisoned) = @_;
	$node->safe_psql(
		'postgres', qq{
		WITH c AS (
			INSERT INTO campaigns (status, duration_hours, metadata)
			SELECT 'RUNNING', 1, jsonb_build_object('kind', CASE WHEN n % ($number / $poisoned) = 7 THEN '$kind' ELSE 'good' END)
			FROM generate_series(1, $number) AS n
			RETURNING id)
		INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) SELECT id, 'EXPIRE_CAMPAIGN', now() FROM c});
	return;
}

#---------------------------------------------------------------------------------------------------------------------
# Raised by a trigger

$node->safe_psql(
	'postgres', q{
	CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		RAISE EXCEPTION '% is poisoned: 100%% of it', NEW.metadata ->> 'kind' USING ERRCODE = 'PX001', DETAIL = 'Not for the log of errors.';
	END $$;
	CREATE TRIGGER refuse BEFORE UPDATE ON campaigns FOR EACH ROW
		WHEN (NEW.metadata ->> 'kind' = 'raised') EXECUTE FUNCTION refuse()});
my $began = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
add('raised', 5000, 50);
becomes($node, 'postgres', "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING'", 0, '5,000 timers of which 50 raise: all are attempted');
answers($node, 'postgres', 'SELECT status, count(*) FROM campaigns GROUP BY status ORDER BY status', "EXPIRED|4950\nRUNNING|50", '4,950 campaigns have moved');
answers($node, 'postgres', timers_of('raised', 'count(*), min(t.status), max(t.status), min(t.retry_count), max(t.retry_count)'), '50|FAILED|FAILED|1|1', '50 timers are FAILED, after one attempt');
answers($node, 'postgres', "SELECT count(*), min(x.error_message), max(x.error_message) FROM timer_executions AS x WHERE x.status = 'FAILED'",
	'50|PX001: raised is poisoned: 100% of it|PX001: raised is poisoned: 100% of it', 'with their error kept, SQLSTATE and message');
answers($node, 'postgres', timers_of('raised', "bool_and(t.scheduled_at BETWEEN '$began'::timestamptz + interval '1 hour' AND now() + interval '1 hour')"), 't', 'and wait for their next attempt');
answers($node, 'postgres', "SELECT count(*) FROM timer_executions WHERE status = 'COMPLETED'", 4950, 'the others have one execution each');
holds($node, 'postgres', 'after 50 errors in 5,000');

set_and_reload($node, retry_base_delay => '40ms');
# As if the hour was over.
$node->safe_psql('postgres', "UPDATE campaign_timers SET scheduled_at = now() WHERE status = 'FAILED'");
becomes($node, 'postgres', timers_of('raised', 'min(t.retry_count)'), 5, 'they try again after their backoff, until no attempt is left');
answers($node, 'postgres', timers_of('raised', 'count(*), min(t.status), max(t.status), max(t.retry_count)'), '50|FAILED|FAILED|5', '50 dead letters');
answers($node, 'postgres', "SELECT n, count(*) FROM (SELECT count(*) AS n FROM timer_executions WHERE status = 'FAILED' GROUP BY timer_id) AS x GROUP BY n", '5|50', 'each with five failed attempts');
# The delays between attempts double: 40, 80, 160, 320 ms at least (the first one was cut short above).
answers($node, 'postgres', q{
	SELECT count(*) FROM (
		SELECT x.started_at - lag(x.started_at) OVER w AS pause, row_number() OVER w AS n
		FROM timer_executions AS x WHERE x.status = 'FAILED' WINDOW w AS (PARTITION BY x.timer_id ORDER BY x.started_at)) AS x
	WHERE n > 2 AND pause < interval '40 milliseconds' * 2 ^ (n - 2)}, 0, 'each delay is twice the one before');
# Later timers are executed, and meanwhile nobody touches the dead.
fill($node, 'postgres', 100);
becomes($node, 'postgres', "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING'", 0, 'dead letters are not in the way');
answers($node, 'postgres', "SELECT count(*) FROM timer_executions WHERE status = 'FAILED'", 250, 'and are left alone');

$node->safe_psql('postgres', 'DROP TRIGGER refuse ON campaigns; ' . timers_of('raised', 'count(retry_timer(t.id))'));
becomes($node, 'postgres', "SELECT count(*) FROM campaigns WHERE status = 'RUNNING'", 0, 'revived when the cause is gone, they succeed');
answers($node, 'postgres', timers_of('raised', 'count(*), min(t.status), max(t.status), max(t.retry_count)'), '50|COMPLETED|COMPLETED|0', '50 dead letters have come to life');
holds($node, 'postgres', 'after five attempts and a revival');

#---------------------------------------------------------------------------------------------------------------------
# max_attempts

set_and_reload($node, max_attempts => 2, retry_base_delay => '10ms');
$node->safe_psql('postgres', q{CREATE TRIGGER refuse BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (NEW.metadata ->> 'kind' = 'few') EXECUTE FUNCTION refuse()});
$node->poll_query_until('postgres', "SELECT current_setting('campaign_lifecycle.max_attempts')", 2) or die;
add('few', 40, 4);
becomes($node, 'postgres', timers_of('few', "count(*) FILTER (WHERE t.status = 'FAILED' AND t.retry_count = 2)"), 4, 'max_attempts = 2: dead after two');
holds($node, 'postgres', 'with fewer attempts');
$node->safe_psql('postgres', q{DROP TRIGGER refuse ON campaigns; DELETE FROM campaigns WHERE metadata ->> 'kind' = 'few'});
set_and_reload($node, max_attempts => undef, retry_base_delay => undef);

#---------------------------------------------------------------------------------------------------------------------
# Errors that are no attempts

# A user holds campaigns: the claim passes by.
$node->safe_psql('postgres', "SELECT pause_timers()");
add('locked', 400, 20);
my $holder = $node->background_psql('postgres');
$holder->query_safe("BEGIN; SELECT count(*) FROM (SELECT FROM campaigns WHERE metadata ->> 'kind' = 'locked' FOR UPDATE) AS c");
$node->safe_psql('postgres', "SELECT resume_timers()");
becomes($node, 'postgres', "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING'", 20, 'campaigns that a user has locked wait, the others do not');
answers($node, 'postgres', timers_of('locked', 'count(*), min(t.status), max(t.retry_count)'), '20|PENDING|0', 'that is no attempt');
$holder->query_safe('COMMIT');
becomes($node, 'postgres', "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING'", 0, 'released, they follow');
answers($node, 'postgres', timers_of('locked', 'count(*), min(t.status), max(t.retry_count)'), '20|COMPLETED|0', 'without a failed attempt');

# A user holds the whole table that the worker has to write.
$holder->query_safe('BEGIN; LOCK TABLE timer_executions IN SHARE MODE');
fill($node, 'postgres', 100);
$node->poll_query_until('postgres', q{
	SELECT count(*) > 0 FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
	WHERE NOT l.granted AND l.relation = 'timer_executions'::regclass AND a.backend_type = 'campaign_lifecycle worker'}) or die 'the worker does not wait';
# It gives up after a while, so as to hold up nobody else; wait until it has.
$node->poll_query_until('postgres', q{
	SELECT count(*) = 0 FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
	WHERE NOT l.granted AND l.relation = 'timer_executions'::regclass AND a.backend_type = 'campaign_lifecycle worker'}) or die 'the worker does not give up';
answers($node, 'postgres', "SELECT count(*), max(retry_count) FROM campaign_timers WHERE status = 'PENDING'", '100|0', 'a locked table is no attempt');
$holder->query_safe('COMMIT');
becomes($node, 'postgres', "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING'", 0, 'released, they follow');

# Serialization failures, deadlocks and the like, the first five times. The count of them outlives a rollback in a sequence.
for my $state ('40001', '40P01', '55P03', '53200')
{
	$node->safe_psql(
		'postgres', qq{
		CREATE SEQUENCE calls;
		CREATE FUNCTION fail_at_first() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS \$\$
		BEGIN
			IF nextval('calls') <= 5 THEN
				RAISE EXCEPTION 'not now' USING ERRCODE = '$state';
			END IF;
			RETURN NEW;
		END \$\$;
		CREATE TRIGGER fail_at_first BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (NEW.metadata ->> 'kind' = 'e$state') EXECUTE FUNCTION fail_at_first()});
	add("e$state", 200, 2);
	becomes($node, 'postgres', "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING'", 0, "$state: tried until it goes");
	answers($node, 'postgres', timers_of("e$state", 'count(*), min(t.status), max(t.retry_count)'), '2|COMPLETED|0', "$state: no failed attempt");
	answers($node, 'postgres', "SELECT last_value >= 7 FROM calls", 't', "$state: though it did fail");
	$node->safe_psql('postgres', 'DROP TRIGGER fail_at_first ON campaigns; DROP FUNCTION fail_at_first(); DROP SEQUENCE calls');
}
# And where it does not pass, as when a trigger hands on what another server says to it: the timers that raise it wait, the others do not.
for my $state ('57014', '53300')
{
	$node->safe_psql(
		'postgres', qq{
		CREATE FUNCTION fail_always() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '$state'; END \$\$;
		CREATE TRIGGER fail_always BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (NEW.metadata ->> 'kind' = 'a$state') EXECUTE FUNCTION fail_always()});
	add("a$state", 200, 2);
	becomes($node, 'postgres', "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING'", 2, "$state for good: its neighbours go");
	answers($node, 'postgres', timers_of("a$state", 'count(*), min(t.status), max(t.retry_count)'), '2|PENDING|0', "$state for good: those two wait");
	$node->safe_psql('postgres', 'DROP TRIGGER fail_always ON campaigns; DROP FUNCTION fail_always()');
	becomes($node, 'postgres', "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING'", 0, "$state for good: until it has passed");
}
answers($node, 'postgres', "SELECT count(*) FROM timer_executions WHERE status = 'FAILED'", 250, 'no failed execution came of all that');
holds($node, 'postgres', 'after errors that are no attempts');

#---------------------------------------------------------------------------------------------------------------------
# At commit, and in silence

$node->safe_psql(
	'postgres', q{
	CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON campaigns DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
		WHEN (NEW.metadata ->> 'kind' = 'deferred') EXECUTE FUNCTION refuse();
	CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
	CREATE TRIGGER swallow BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (NEW.metadata ->> 'kind' = 'swallowed') EXECUTE FUNCTION swallow()});
for my $case ([ 'deferred', 'PX001: deferred is poisoned: 100% of it', 'fails at commit' ], [ 'swallowed', '09000: a campaign was not moved by its EXPIRE_CAMPAIGN timer', 'is suppressed by a trigger' ])
{
	my ($kind, $error, $what) = @$case;
	add($kind, 500, 5);
	becomes($node, 'postgres', "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING'", 0, "a move that $what: all are attempted");
	answers($node, 'postgres', timers_of($kind, 'count(*), min(t.status), max(t.status), max(t.retry_count)'), '5|FAILED|FAILED|1', "a move that $what: those timers are FAILED");
	answers($node, 'postgres', "SELECT count(*), min(x.error_message) FROM timer_executions AS x JOIN campaign_timers AS t ON t.id = x.timer_id JOIN campaigns AS c ON c.id = t.campaign_id
		WHERE x.status = 'FAILED' AND c.metadata ->> 'kind' = '$kind'", "5|$error", "a move that $what: with the error");
	answers($node, 'postgres', timers_of($kind, "count(*) FILTER (WHERE c.status = 'RUNNING')"), 5, "a move that $what: and the campaigns where they were");
}
holds($node, 'postgres', 'after errors at commit and in silence');

# Everything ever committed is accounted for: 5,000 + 100 + 36 + 400 + 100 + 4 * 200 + 2 * 200 + 2 * 500.
answers($node, 'postgres', 'SELECT status, count(*) FROM campaign_timers GROUP BY status ORDER BY status', "COMPLETED|7826\nFAILED|10", '7,836 timers, none lost');

$node->stop;
done_testing();
