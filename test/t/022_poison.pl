# A timer that fails harms no other timer.
#
# 5,000 timers are due and 50 of them raise in a user's own trigger: 4,950 campaigns move, 50 timers are FAILED with their error kept.
# They are tried again after their backoff, and become dead letters at max_attempts; revived when the cause is gone, they succeed. Errors
# that say nothing about the timer (a lock that a user's session holds, a serialization failure) are no attempts. A deferred
# constraint trigger, which fails only at the commit of the worker's batch, is isolated as well, and so is a trigger that does nothing
# where it should have moved a campaign.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use Test::More;

# The first backoff is long, so that a test sees FAILED before the next attempt.
my $node = campaign_server('poison', extension => 0, conf => "campaign_lifecycle.retry_base_delay = '1h'\ncampaign_lifecycle.retry_jitter = 0\n");
my $pending = "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING'";

sub timers_of
{
	my ($kind, $what) = @_;
	return "SELECT $what FROM campaign_timers AS t JOIN campaigns AS c ON c.id = t.campaign_id WHERE c.metadata ->> 'kind' = '$kind'";
}

# Add timers that are due at one instant, those of the kind given spread among good ones.
sub add_timers
{
	my ($db, $kind, $number, $of_kind) = @_;
	$node->safe_psql(
		$db, qq{
		WITH c AS (
			INSERT INTO campaigns (status, duration_hours, metadata)
			SELECT 'RUNNING', 1, jsonb_build_object('kind', CASE WHEN n % ($number / $of_kind) = 7 THEN '$kind' ELSE 'good' END)
			FROM generate_series(1, $number) AS n
			RETURNING id)
		INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) SELECT id, 'EXPIRE_CAMPAIGN', now() FROM c});
	return;
}

# Make campaigns of that kind raise when they move.
sub refuse
{
	my ($db, $kind, $when) = @_;
	$when //= 'BEFORE UPDATE ON campaigns';
	my $trigger = $when =~ /DEFERRED/ ? 'CONSTRAINT TRIGGER' : 'TRIGGER';
	$node->safe_psql(
		$db, qq{
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \$\$
		BEGIN
			RAISE EXCEPTION '% is poisoned: 100%% of it', NEW.metadata ->> 'kind' USING ERRCODE = 'PX001', DETAIL = 'Not for the log of errors.';
		END \$\$;
		CREATE $trigger refuse $when FOR EACH ROW WHEN (NEW.metadata ->> 'kind' = '$kind') EXECUTE FUNCTION refuse()});
	return;
}

# Everything that a scenario has committed is accounted for.
sub check_timers
{
	my ($db, $expected) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	query_is($node, $db, 'SELECT status, count(*) FROM campaign_timers GROUP BY status ORDER BY status', $expected, 'no timer is lost');
	check_invariants($node, $db, 'at the end of the scenario');
	return;
}

#---------------------------------------------------------------------------------------------------------------------
# Raised by a trigger

in_database($node, 'timers whose trigger raises fail alone', sub {
	my ($db) = @_;
	refuse($db, 'raised');
	my $began = $node->safe_psql($db, 'SELECT clock_timestamp()');
	add_timers($db, 'raised', 5000, 50);
	poll_is($node, $db, $pending, 0, 'each of 5,000 timers, of which 50 raise, is attempted');
	query_is($node, $db, 'SELECT status, count(*) FROM campaigns GROUP BY status ORDER BY status', "EXPIRED|4950\nRUNNING|50", '4,950 campaigns have moved and 50 have not');
	query_is($node, $db, timers_of('raised', 'count(*), min(t.status), max(t.status), min(t.retry_count), max(t.retry_count)'), '50|FAILED|FAILED|1|1',
		'the 50 timers are FAILED after one attempt');
	query_is($node, $db, "SELECT count(*), min(x.error_message), max(x.error_message) FROM timer_executions AS x WHERE x.status = 'FAILED'",
		'50|PX001: raised is poisoned: 100% of it|PX001: raised is poisoned: 100% of it', 'their executions keep SQLSTATE and message of the error');
	query_is($node, $db, timers_of('raised', "bool_and(t.scheduled_at BETWEEN '$began'::timestamptz + interval '1 hour' AND now() + interval '1 hour')"), 't',
		'the next attempt is scheduled after retry_base_delay');
	query_is($node, $db, "SELECT count(*) FROM timer_executions WHERE status = 'COMPLETED'", 4950, 'the other timers have one execution each');
	check_timers($db, "COMPLETED|4950\nFAILED|50");
});

in_database($node, 'a failed timer becomes a dead letter and can be revived', sub {
	my ($db) = @_;
	refuse($db, 'raised');
	add_timers($db, 'raised', 500, 50);
	poll_is($node, $db, timers_of('raised', 'min(t.retry_count)'), 1, '50 timers have failed once');
	set_and_reload($node, retry_base_delay => '40ms');
	# As if the hour was over.
	$node->safe_psql($db, "UPDATE campaign_timers SET scheduled_at = now() WHERE status = 'FAILED'");
	poll_is($node, $db, timers_of('raised', 'min(t.retry_count)'), 5, 'failed timers are tried again until no attempt is left');
	query_is($node, $db, timers_of('raised', 'count(*), min(t.status), max(t.status), max(t.retry_count)'), '50|FAILED|FAILED|5', '50 timers are dead letters after five attempts');
	query_is($node, $db, "SELECT n, count(*) FROM (SELECT count(*) AS n FROM timer_executions WHERE status = 'FAILED' GROUP BY timer_id) AS x GROUP BY n", '5|50',
		'each dead letter has five failed executions');
	# The delays between attempts double: 40, 80, 160, 320 ms at least (the first one was cut short above).
	query_is($node, $db, q{
		SELECT count(*) FROM (
			SELECT x.started_at - lag(x.started_at) OVER w AS pause, row_number() OVER w AS n
			FROM timer_executions AS x WHERE x.status = 'FAILED' WINDOW w AS (PARTITION BY x.timer_id ORDER BY x.started_at)) AS x
		WHERE n > 2 AND pause < interval '40 milliseconds' * 2 ^ (n - 2)}, 0, 'each delay is at least twice the one before');
	add_due_campaigns($node, $db, 100);
	poll_is($node, $db, $pending, 0, 'later timers are executed beside dead letters');
	query_is($node, $db, "SELECT count(*) FROM timer_executions WHERE status = 'FAILED'", 250, 'dead letters are not attempted again');

	$node->safe_psql($db, 'DROP TRIGGER refuse ON campaigns; ' . timers_of('raised', 'count(retry_timer(t.id))'));
	poll_is($node, $db, "SELECT count(*) FROM campaigns WHERE status = 'RUNNING'", 0, 'dead letters succeed after retry_timer() when the cause is gone');
	query_is($node, $db, timers_of('raised', 'count(*), min(t.status), max(t.status), max(t.retry_count)'), '50|COMPLETED|COMPLETED|0', '50 revived timers are COMPLETED, with retry_count 0');
	set_and_reload($node, retry_base_delay => undef);
	check_timers($db, 'COMPLETED|600');
});

in_database($node, 'campaign_lifecycle.max_attempts bounds the attempts', sub {
	my ($db) = @_;
	set_and_reload($node, max_attempts => 2, retry_base_delay => '10ms');
	refuse($db, 'few');
	$node->poll_query_until($db, "SELECT current_setting('campaign_lifecycle.max_attempts')", 2) or die;
	add_timers($db, 'few', 40, 4);
	poll_is($node, $db, timers_of('few', "count(*) FILTER (WHERE t.status = 'FAILED' AND t.retry_count = 2)"), 4, 'four timers are dead letters after two attempts');
	check_timers($db, "COMPLETED|36\nFAILED|4");
	set_and_reload($node, max_attempts => undef, retry_base_delay => undef);
});

#---------------------------------------------------------------------------------------------------------------------
# Errors that are no attempts

in_database($node, 'campaigns that a user has locked wait without an attempt', sub {
	my ($db) = @_;
	$node->safe_psql($db, "SELECT pause_timers()");
	add_timers($db, 'locked', 400, 20);
	my $holder = $node->background_psql($db);
	$holder->query_safe("BEGIN; SELECT count(*) FROM (SELECT FROM campaigns WHERE metadata ->> 'kind' = 'locked' FOR UPDATE) AS c");
	$node->safe_psql($db, "SELECT resume_timers()");
	poll_is($node, $db, $pending, 20, '380 timers are executed, and the 20 whose campaigns are locked wait');
	query_is($node, $db, timers_of('locked', 'count(*), min(t.status), max(t.retry_count)'), '20|PENDING|0', 'a locked campaign costs its timer no attempt');
	$holder->query_safe('COMMIT');
	poll_is($node, $db, $pending, 0, 'the 20 timers are executed when the lock is released');
	query_is($node, $db, timers_of('locked', 'count(*), min(t.status), max(t.retry_count)'), '20|COMPLETED|0', 'the 20 timers are COMPLETED without a failed attempt');
	$holder->quit;
	check_timers($db, 'COMPLETED|400');
});

in_database($node, 'a table that a user has locked costs no attempt', sub {
	my ($db) = @_;
	my $waiting = q{
		FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
		WHERE NOT l.granted AND l.relation = 'timer_executions'::regclass AND a.backend_type = 'campaign_lifecycle worker'};
	my $holder = $node->background_psql($db);
	$holder->query_safe('BEGIN; LOCK TABLE timer_executions IN SHARE MODE');
	add_due_campaigns($node, $db, 100);
	$node->poll_query_until($db, "SELECT count(*) > 0 $waiting") or die 'the worker does not wait';
	# It gives up after a while, so as to hold up nobody else.
	$node->poll_query_until($db, "SELECT count(*) = 0 $waiting") or die 'the worker does not give up';
	query_is($node, $db, "SELECT count(*), max(retry_count) FROM campaign_timers WHERE status = 'PENDING'", '100|0', 'a worker that gives up waiting for a table counts no attempt');
	$holder->query_safe('COMMIT');
	poll_is($node, $db, $pending, 0, '100 timers are executed when the table is unlocked');
	$holder->quit;
	query_is($node, $db, "SELECT count(*) FROM timer_executions WHERE status = 'FAILED'", 0, 'no execution has failed');
	check_timers($db, 'COMPLETED|100');
});

# The trigger raises the first five times. A sequence counts them, because it outlives a rollback.
for my $state ('40001', '40P01', '55P03', '53200')
{
	in_database($node, "SQLSTATE $state that passes is no attempt", sub {
		my ($db) = @_;
		$node->safe_psql(
			$db, qq{
			CREATE SEQUENCE calls;
			CREATE FUNCTION fail_at_first() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS \$\$
			BEGIN
				IF nextval('calls') <= 5 THEN
					RAISE EXCEPTION 'not now' USING ERRCODE = '$state';
				END IF;
				RETURN NEW;
			END \$\$;
			CREATE TRIGGER fail_at_first BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (NEW.metadata ->> 'kind' = 'e$state') EXECUTE FUNCTION fail_at_first()});
		add_timers($db, "e$state", 200, 2);
		poll_is($node, $db, $pending, 0, "timers that raise $state are tried until they succeed");
		query_is($node, $db, timers_of("e$state", 'count(*), min(t.status), max(t.retry_count)'), '2|COMPLETED|0', "$state counts no failed attempt");
		query_is($node, $db, "SELECT last_value >= 7 FROM calls", 't', "$state was raised five times");
		query_is($node, $db, "SELECT count(*) FROM timer_executions WHERE status = 'FAILED'", 0, "$state leaves no failed execution");
		check_timers($db, 'COMPLETED|200');
	});
}

# The trigger raises for good, as when it hands on what another server says to it.
for my $state ('57014', '53300')
{
	in_database($node, "SQLSTATE $state that stays holds up no other timer", sub {
		my ($db) = @_;
		$node->safe_psql(
			$db, qq{
			CREATE FUNCTION fail_always() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '$state'; END \$\$;
			CREATE TRIGGER fail_always BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (NEW.metadata ->> 'kind' = 'a$state') EXECUTE FUNCTION fail_always()});
		add_timers($db, "a$state", 200, 2);
		poll_is($node, $db, $pending, 2, "198 timers beside two that always raise $state are executed");
		query_is($node, $db, timers_of("a$state", 'count(*), min(t.status), max(t.retry_count)'), '2|PENDING|0', "the two timers that raise $state wait without an attempt");
		$node->safe_psql($db, 'DROP TRIGGER fail_always ON campaigns; DROP FUNCTION fail_always()');
		poll_is($node, $db, $pending, 0, "the two timers are executed when $state has passed");
		query_is($node, $db, "SELECT count(*) FROM timer_executions WHERE status = 'FAILED'", 0, "$state leaves no failed execution");
		check_timers($db, 'COMPLETED|200');
	});
}

#---------------------------------------------------------------------------------------------------------------------
# Errors at commit, and moves that are suppressed

sub fails_alone
{
	my ($db, $kind, $error) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	add_timers($db, $kind, 500, 5);
	poll_is($node, $db, $pending, 0, "each of 500 timers, of which five are $kind, is attempted");
	query_is($node, $db, timers_of($kind, 'count(*), min(t.status), max(t.status), max(t.retry_count)'), '5|FAILED|FAILED|1', "the five $kind timers are FAILED after one attempt");
	query_is($node, $db, "SELECT count(*), min(x.error_message) FROM timer_executions AS x JOIN campaign_timers AS t ON t.id = x.timer_id JOIN campaigns AS c ON c.id = t.campaign_id
		WHERE x.status = 'FAILED' AND c.metadata ->> 'kind' = '$kind'", "5|$error", "the $kind timers keep their error");
	query_is($node, $db, timers_of($kind, "count(*) FILTER (WHERE c.status = 'RUNNING')"), 5, "the campaigns of the $kind timers have not moved");
	check_timers($db, "COMPLETED|495\nFAILED|5");
	return;
}

in_database($node, 'a deferred trigger that raises at commit fails one timer', sub {
	my ($db) = @_;
	refuse($db, 'deferred', 'AFTER UPDATE ON campaigns DEFERRABLE INITIALLY DEFERRED');
	fails_alone($db, 'deferred', 'PX001: deferred is poisoned: 100% of it');
});

in_database($node, 'a trigger that suppresses the move fails one timer', sub {
	my ($db) = @_;
	$node->safe_psql(
		$db, q{
		CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
		CREATE TRIGGER swallow BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (NEW.metadata ->> 'kind' = 'suppressed') EXECUTE FUNCTION swallow()});
	fails_alone($db, 'suppressed', '09000: the state of a campaign was not changed by its EXPIRE_CAMPAIGN timer');
});

$node->stop;
done_testing();
