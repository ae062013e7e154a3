# The worker calls handlers, and no handler stops it.
#
# The tables belong to a plain role. One handler, of a role that has no more than its access, does what the timer's payload says: each
# way a handler can end has its own campaign, and they run side by side with campaigns that have no handler. Other sessions see RUNNING
# and STARTED while a handler runs. Then events that only happen to a process: a cancel request of an administrator (no attempt), a
# handler that catches every cancel (the worker goes, and comes back), a worker terminated or killed in a handler (a failed attempt),
# and objects that a handler leaves in the session for the next one. Last, a timer that takes the whole server down each time it is tried:
# it is tried a bounded number of times and is then dead, and every other timer is executed. test/pgtap/handlers.sql has the same cases
# in a client's own transaction.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = campaign_server(
	'handlers', extension => 0, conf => q{
restart_after_crash = on
campaign_lifecycle.retry_base_delay = '1ms'
campaign_lifecycle.retry_jitter = 0
});

# The database of the scenario that runs.
my $db = 'postgres';

sub sql { return $node->safe_psql($db, $_[0]) }

sql('CREATE ROLE tables_owner NOLOGIN; CREATE ROLE handler_owner NOLOGIN; CREATE ROLE second_owner NOLOGIN');

# Run a scenario in a database whose handler of START_CAMPAIGN does what the timer's payload says.
sub with_handlers
{
	my ($name, $code) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return in_database($node, $name, sub {
		($db) = @_;
		create_handlers();
		$code->();
	});
}

sub create_handlers
{
	sql(q{
		SELECT set_campaign_owner('tables_owner');
		SELECT grant_campaign_access(r::regrole, a) FROM unnest('{handler_owner,second_owner}'::text[]) AS r, unnest('{operator,writer}'::text[]) AS a;
		CREATE SCHEMA app;
		GRANT ALL ON SCHEMA app TO handler_owner, second_owner;
		DO $do$ BEGIN EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO handler_owner, second_owner', current_database()); END $do$;
		CREATE TABLE app.parents (id uuid PRIMARY KEY);
		CREATE TABLE app.children (parent uuid REFERENCES app.parents DEFERRABLE INITIALLY DEFERRED);
		CREATE TABLE app.seen (what text, role name, timer_status text, pid integer);
		GRANT ALL ON app.parents, app.children, app.seen TO handler_owner, second_owner;
		SET ROLE handler_owner;
		CREATE FUNCTION app.act(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb LANGUAGE plpgsql SET search_path = app, public, pg_catalog AS $$
		DECLARE
			-- A sequence outlives a rollback.
			first_call constant boolean := CASE WHEN payload ->> 'do' LIKE '% once' THEN nextval(payload ->> 'tries') = 1 END;
		BEGIN
			INSERT INTO seen VALUES (payload ->> 'do', current_user, (SELECT t.status FROM campaign_timers AS t WHERE t.id = timer_id), pg_backend_pid());
			CASE payload ->> 'do'
				WHEN 'nothing' THEN NULL;
				WHEN 'child first' THEN
					INSERT INTO children VALUES (campaign_id);
					INSERT INTO parents VALUES (campaign_id);
				WHEN 'orphan' THEN INSERT INTO children VALUES (campaign_id);
				WHEN 'temporary table' THEN
					CREATE TEMPORARY TABLE left_behind (a integer);
					INSERT INTO left_behind VALUES (1);
				WHEN 'leave everything' THEN
					CREATE TEMPORARY TABLE parents (a integer);
					PERFORM pg_advisory_lock(4711);
					EXECUTE 'PREPARE left_behind AS SELECT 1';
					SET work_mem = '77MB';
				WHEN 'unlock all' THEN PERFORM pg_advisory_unlock_all();
				WHEN 'exception block' THEN
					BEGIN
						PERFORM 1 / 0;
					EXCEPTION WHEN division_by_zero THEN NULL;
					END;
				WHEN 'api' THEN PERFORM transition_campaign(campaign_id, 'CLOSED', 'TARGET_REACHED');
				WHEN 'notify' THEN NOTIFY app_channel, 'x';
				WHEN 'listen' THEN LISTEN app_channel;
				WHEN 'savepoints' THEN
					FOR i IN 1 .. 100 LOOP
						BEGIN
							INSERT INTO parents VALUES (gen_random_uuid());
							PERFORM 1 / (i % 2);
						EXCEPTION WHEN division_by_zero THEN NULL;
						END;
					END LOOP;
				WHEN 'run timers' THEN PERFORM run_due_timers();
				WHEN 'unique' THEN INSERT INTO parents VALUES (campaign_id), (campaign_id);
				WHEN 'syntax' THEN EXECUTE 'SELEC 1';
				WHEN 'divide' THEN PERFORM 1 / 0;
				WHEN 'hold' THEN EXECUTE 'DECLARE kept CURSOR WITH HOLD FOR SELECT 1';
				WHEN 'reset role' THEN RESET ROLE;
				WHEN 'delete' THEN DELETE FROM public.campaigns;
				WHEN 'deadlock' THEN RAISE deadlock_detected;
				WHEN 'deadlock once' THEN
					IF first_call THEN
						RAISE deadlock_detected;
					END IF;
				WHEN 'sleep' THEN PERFORM pg_sleep(300);
				WHEN 'refuse once' THEN
					WHILE first_call LOOP
						BEGIN
							PERFORM pg_sleep(300);
						EXCEPTION WHEN query_canceled THEN NULL;
						END;
					END LOOP;
			END CASE;
			RETURN jsonb_build_object('did', payload ->> 'do');
		END
		$$;
		CREATE SEQUENCE app.deadlock;
		CREATE SEQUENCE app.refuse;
		SELECT register_handler('START_CAMPAIGN', 'app.act(uuid,uuid,jsonb)', '10 minutes');
		RESET ROLE;
		CREATE FUNCTION app.make(what text) RETURNS uuid LANGUAGE plpgsql SET search_path = public, pg_catalog AS $$
		DECLARE
			made constant uuid := create_campaign(24, start_time => NULL, metadata => jsonb_build_object('do', what));
		BEGIN
			PERFORM schedule_timer(made, 'START_CAMPAIGN', now(), jsonb_build_object('do', what, 'tries', 'app.' || split_part(what, ' once', 1)));
			RETURN made;
		END
		$$;
		CREATE VIEW app.outcomes AS
			SELECT c.metadata ->> 'do' AS what, c.status AS state, t.status AS timer, t.retry_count, x.status AS execution, x.error_message, x.result, t.id AS timer_id
			FROM public.campaigns AS c
			JOIN public.campaign_timers AS t ON t.campaign_id = c.id AND t.timer_type = 'START_CAMPAIGN'
			LEFT JOIN LATERAL (SELECT * FROM public.timer_executions AS x WHERE x.timer_id = t.id ORDER BY x.started_at DESC, x.id DESC LIMIT 1) AS x ON true});
	return;
}

#---------------------------------------------------------------------------------------------------------------------
# How a handler can end. Five attempts take a fraction of a second.

my @good = ('nothing', 'child first', 'temporary table', 'leave everything', 'unlock all', 'exception block', 'savepoints', 'notify', 'deadlock once');
my %bad = (
	orphan       => '23503: insert or update on table "children" violates foreign key constraint "children_parent_fkey"',
	listen       => '0A000: cannot execute LISTEN within a background process',
	divide       => '22012: division by zero',
	unique       => '23505: duplicate key value violates unique constraint "parents_pkey"',
	syntax       => '42601: syntax error at or near "SELEC"',
	'run timers' => '55000: timers cannot be run by a handler',
	hold         => '24000: handler left a cursor WITH HOLD open',
	'reset role' => '42501: cannot set parameter "role" within security-definer function',
	delete       => '42501: permission denied for table campaigns',
	unknown      => '20000: case not found');

with_handlers('each way a handler can end', sub {
	sql("SELECT app.make(w) FROM unnest(ARRAY['" . join("', '", sort(@good, keys %bad), 'api') . "']) AS w");
	add_due_campaigns($node, $db, 50);
	poll_is($node, $db, "SELECT count(*) FROM campaign_timers WHERE scheduled_at <= now() AND (status IN ('PENDING', 'RUNNING') OR status = 'FAILED' AND retry_count < 5)",
		0, 'every timer is executed or dead');
	query_is($node, $db, "SELECT state, timer, execution, retry_count, result ->> 'handler' FROM app.outcomes WHERE what = '$_'",
		qq(RUNNING|COMPLETED|COMPLETED|0|{"did": "$_"}), "a handler that does \"$_\" completes its timer")
	  for @good;
	query_is($node, $db, "SELECT state, timer FROM app.outcomes WHERE what = 'api'", 'CLOSED|COMPLETED', 'a handler that closes its campaign completes its timer');
	query_is($node, $db, "SELECT state, timer, retry_count, execution, error_message FROM app.outcomes WHERE what = '$_'",
		"CREATED|FAILED|5|FAILED|$bad{$_}", "a handler that does \"$_\" makes its timer a dead letter with the cause")
	  for sort keys %bad;
	query_is($node, $db, 'SELECT count(*), count(DISTINCT x.timer_id) FROM timer_executions AS x JOIN app.outcomes AS o USING (timer_id) WHERE o.timer = $$FAILED$$',
		5 * keys(%bad) . '|' . keys %bad, 'each dead letter has one execution for each of five attempts');
	query_is($node, $db, 'SELECT DISTINCT role, timer_status FROM app.seen', 'handler_owner|COMPLETED', 'a handler runs as its owner, after the state change');
	query_is($node, $db, "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 50, '50 campaigns without a handler have expired');
	query_is($node, $db, "SELECT count(*) FROM pg_class WHERE relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'pg\\_temp\\_%')", 0, 'no temporary table is left');
	# Maintenance takes one for a moment.
	poll_is($node, $db, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", 0, 'no advisory lock is left, of a handler or of the worker');
	check_invariants($node, $db, 'after handlers');
	query_is($node, $db, "SELECT count(DISTINCT pid) FROM app.seen", 1, 'one worker has called every handler, and has not ended once');
});

# The second handler belongs to another role.
with_handlers('a handler finds no trace of the handler before it', sub {
	sql(q{
		SET ROLE second_owner;
		CREATE FUNCTION app.second(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb LANGUAGE plpgsql SET search_path = app, pg_catalog AS $$
		BEGIN
			INSERT INTO parents VALUES (campaign_id);
			RETURN jsonb_build_object('prepared', (SELECT count(*) FROM pg_prepared_statements WHERE name = 'left_behind'), 'work_mem', current_setting('work_mem'));
		END
		$$;
		SELECT register_handler('CLOSE_CAMPAIGN', 'app.second(uuid,uuid,jsonb)');
		RESET ROLE;
		SELECT schedule_timer(app.make('leave everything'), 'CLOSE_CAMPAIGN', now() + interval '10 milliseconds')});
	poll_is($node, $db, "SELECT x.result ->> 'handler' FROM timer_executions AS x JOIN campaign_timers AS t ON t.id = x.timer_id WHERE t.timer_type = 'CLOSE_CAMPAIGN'",
		'{"prepared": 0, "work_mem": "4MB"}', 'the next handler finds its own tables, no prepared statement and the default work_mem');
	query_is($node, $db, "SELECT count(DISTINCT pid) FROM app.seen", 1, 'one worker has called both handlers');
});

#---------------------------------------------------------------------------------------------------------------------
# A handler that runs, seen from outside

sub running
{
	my ($what) = @_;
	poll_is($node, $db, "SELECT state, timer, execution FROM app.outcomes WHERE what = '$what' AND timer = 'RUNNING'", 'CREATED|RUNNING|STARTED',
		"$what: RUNNING and STARTED while it runs, and the state change not yet");
	# Its second transaction has begun.
	$node->poll_query_until($db, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'campaign_lifecycle worker' AND wait_event = 'PgSleep'", 1)
	  or die 'no handler sleeps';
	return (worker_pids($node, $db))[0];
}

with_handlers('a running handler is visible, and can be cancelled and terminated', sub {
	sql("SELECT app.make('sleep')");
	my $pid = running('sleep');
	query_is($node, $db, "SELECT query FROM pg_stat_activity WHERE pid = $pid", 'campaign_lifecycle: handler app.act(uuid,uuid,jsonb)', 'pg_stat_activity names the handler that runs');
	is($node->psql($db, "SET statement_timeout = '1s'; SELECT cancel_timer(timer_id) FROM app.outcomes WHERE what = 'sleep'"), 3, 'cancel_timer() waits for a timer that runs');

	# A cancel request is the administrator's, not the timer's.
	sql("SELECT pg_cancel_backend($pid)");
	$node->poll_query_until($db, "SELECT count(*) FROM timer_executions WHERE error_message LIKE '57014%'", 0) or die;
	$pid = running('sleep');
	query_is($node, $db, "SELECT retry_count FROM app.outcomes WHERE what = 'sleep'", 0, 'a cancel by an administrator is no attempt, and the handler is called again');

	# Terminated, killed: lost.
	sql("SELECT pg_terminate_backend($pid)");
	poll_is($node, $db, "SELECT count(*) FROM timer_executions AS x JOIN app.outcomes AS o USING (timer_id) WHERE o.what = 'sleep' AND x.error_message = '57P02: the worker was lost while it ran this timer'",
		1, 'a worker terminated in a handler is a failed attempt with its cause');
	running('sleep');
});

with_handlers('a handler that exceeds its timeout', sub {
	sql(q{SET ROLE handler_owner; SELECT register_handler('START_CAMPAIGN', 'app.act(uuid,uuid,jsonb)', '100 milliseconds')});
	sql("SELECT app.make('sleep')");
	poll_is($node, $db, "SELECT timer, retry_count, error_message FROM app.outcomes WHERE what = 'sleep'", 'FAILED|5|57014: handler took longer than 100 ms',
		'a timer whose handler takes too long is dead after five attempts');
});

# It catches every cancel request, the first time it is called.
with_handlers('a handler that catches the cancel request', sub {
	sql(q{SET ROLE handler_owner; SELECT register_handler('START_CAMPAIGN', 'app.act(uuid,uuid,jsonb)', '100 milliseconds')});
	sql("SELECT app.make('refuse once')");
	poll_is($node, $db, "SELECT x.error_message FROM timer_executions AS x JOIN app.outcomes AS o USING (timer_id) WHERE o.what = 'refuse once' AND x.status = 'FAILED'",
		'57P02: the worker was lost while it ran this timer', 'a handler that cannot be cancelled ends the worker, and the attempt has failed');
	poll_is($node, $db, "SELECT timer, retry_count, result ->> 'handler' FROM app.outcomes WHERE what = 'refuse once'", 'COMPLETED|1|{"did": "refuse once"}',
		'another worker makes the next attempt, which succeeds');
	sql("SELECT app.make('nothing')");
	poll_is($node, $db, "SELECT count(*) FROM app.outcomes WHERE what = 'nothing' AND timer = 'COMPLETED'", 1, 'a worker is there for the next timer');
});

# A deadlock is no attempt: the timer is tried again and again, and later timers do not wait for it.
with_handlers('a handler that always ends in a deadlock', sub {
	sql("SELECT app.make('deadlock')");
	poll_is($node, $db, "SELECT count(*) > 0 FROM campaign_workers WHERE database = current_database() AND last_error LIKE '40P01: %'", 't', 'campaign_workers shows the deadlock of the handler');
	sql("SELECT app.make('nothing')");
	poll_is($node, $db, "SELECT count(*) FROM app.outcomes WHERE what = 'nothing' AND timer = 'COMPLETED'", 1, 'the next timer is executed beside it');
	query_is($node, $db, "SELECT state, retry_count, count(error_message) FROM app.outcomes WHERE what = 'deadlock' GROUP BY state, retry_count", 'CREATED|0|0', 'the timer whose handler ends in a deadlock has no failed attempt');
});

#---------------------------------------------------------------------------------------------------------------------
# A timer that takes the server down each time, and one that cannot be executed before it

with_handlers('a timer that crashes the server each time', sub {
	sql(q{
		SET ROLE handler_owner;
		SELECT unregister_handler('START_CAMPAIGN');
		RESET ROLE;
		UPDATE campaign_timers SET status = 'CANCELLED' WHERE status IN ('PENDING', 'FAILED');
		CREATE FUNCTION app.stuck() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE serialization_failure; END $$;
		CREATE TRIGGER stuck AFTER UPDATE ON campaigns FOR EACH ROW WHEN (NEW.metadata ->> 'do' = 'stuck') EXECUTE FUNCTION app.stuck();
		CREATE FUNCTION app.crash() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_catalog.pg_sleep(300); RETURN NULL; END $$;
		CREATE TRIGGER crash AFTER UPDATE ON campaigns FOR EACH ROW WHEN (NEW.metadata ->> 'do' = 'crash') EXECUTE FUNCTION app.crash()});
	sql("SELECT app.make('stuck')");
	add_due_campaigns($node, $db, 20);
	sql("SELECT app.make('crash')");
	add_due_campaigns($node, $db, 20);
	my ($crashes, $from) = (0, time);
	while (time < $from + 170)
	{
		my ($code, $answer) = $node->psql($db, q{
			SELECT (SELECT timer || retry_count FROM app.outcomes WHERE what = 'crash'),
				(SELECT pid FROM pg_stat_activity WHERE backend_type = 'campaign_lifecycle worker' AND wait_event = 'PgSleep')});
		if ($code == 0)
		{
			my ($timer, $pid) = split /\|/, $answer;
			last if $timer eq 'FAILED5';
			# As a segmentation fault would.
			$crashes += kill 9, $pid if $pid;
		}
		sleep 0.1;
	}
	query_is($node, $db, "SELECT timer, retry_count, error_message FROM app.outcomes WHERE what = 'crash'",
		'FAILED|5|57P02: the worker was lost while it ran this timer', 'a timer that crashes the server each time is dead after its attempts');
	ok($crashes <= 7, "the timer that crashes the server is found after at most 7 crashes ($crashes)");
	poll_is($node, $db, "SELECT count(*) FROM campaign_timers WHERE timer_type = 'EXPIRE_CAMPAIGN' AND status = 'PENDING' AND scheduled_at <= now()", 0, 'the other timers are executed in spite of the crashes');
	poll_is($node, $db, 'SELECT count(*) FROM campaign_clean_run', 1, 'the worker has recorded a clean run after the crashes');
	add_due_campaigns($node, $db, 20);
	poll_is($node, $db, "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 60, 'timers committed after the crashes are executed');
	sql('DROP TRIGGER crash ON campaigns; DROP TRIGGER stuck ON campaigns');
	poll_is($node, $db, "SELECT state, timer, retry_count FROM app.outcomes WHERE what = 'stuck'", 'RUNNING|COMPLETED|0', 'a timer that was stuck before the crashes is executed when its trigger is gone');
	check_invariants($node, $db, 'after crashes');
});

$node->stop;
done_testing();
