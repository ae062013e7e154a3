# Transactions that lock a row for a few milliseconds, one after another without a pause, keep no timer from being executed. A claim finds
# such a row locked each time. A transaction that holds a row for long is waited for, and campaign_health() names it.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = campaign_server('busy_rows', conf => "max_connections = 40\nlog_min_messages = debug1\n");
my $seconds = 3;
my $due_in = 1;

# Create a running campaign whose CLOSE_CAMPAIGN is due soon. Return its id and that of the timer.
sub campaign_to_close
{
	my ($db) = @_;
	my $id = $node->safe_psql($db, qq{
		SELECT create_campaign(1, now() - interval '1 hour' + interval '$due_in seconds')});
	poll_is($node, $db, "SELECT status FROM campaigns WHERE id = '$id'", 'RUNNING', 'the campaign runs');
	my $timer = $node->safe_psql($db, "SELECT id FROM campaign_timers WHERE campaign_id = '$id' AND timer_type = 'CLOSE_CAMPAIGN'");
	return ($id, $timer);
}

# Start clients that run this script without a pause. :campaign and :timer stand for the ids.
sub start_clients
{
	my ($db, $clients, $script, $id, $timer) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir() . '/script.sql';
	append_to_file($file, $script =~ s/:campaign/'$id'/gr =~ s/:timer/'$timer'/gr);
	my $output = '';
	my $handle = IPC::Run::start(
		[ 'pgbench', '-n', '-c', $clients, '-j', 1, '-T', $seconds, '-f', $file, '-h', $node->host, '-p', $node->port, $db ],
		'<', \undef, '>', \$output, '2>', \$output);
	return { handle => $handle, output => \$output };
}

# The clients have met no error, and the timer was executed while they were at work. With or_afterwards it may be right after that.
sub closes_meanwhile
{
	my ($db, $clients, $script, %options) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($id, $timer) = campaign_to_close($db);
	my $started = start_clients($db, $clients, $script, $id, $timer);
	ok($started->{handle}->finish, 'clients end without an error') or diag(${ $started->{output} });
	like(${ $started->{output} }, qr/number of failed transactions: 0 /, 'no transaction of a client fails');
	if ($options{or_afterwards})
	{
		poll_is($node, $db, "SELECT status FROM campaign_timers WHERE id = '$timer'", 'COMPLETED', 'worker executes the timer then at the latest');
	}
	else
	{
		query_is($node, $db, qq{
			SELECT status, executed_at < scheduled_at + interval '2 seconds' FROM campaign_timers WHERE id = '$timer'},
			'COMPLETED|t', 'worker executes the timer meanwhile')
		  or diag($node->safe_psql($db, "SELECT *, executed_at - scheduled_at FROM campaign_timers WHERE id = '$timer'"));
	}
	query_is($node, $db, "SELECT status FROM campaigns WHERE id = '$id'", 'CLOSED', 'the campaign is closed');
	query_is($node, $db, 'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()', '0', 'no deadlock');
	query_is($node, $db, "SELECT count(*) FROM pg_locks WHERE mode = 'ExclusiveLock' AND locktype = 'relation'",
		'0', 'no table stays locked');
	check_invariants($node, $db, 'after that');
	return;
}

my $sleep = 'SELECT pg_sleep(0.005)';

in_database($node, 'bids FOR UPDATE on the campaign', sub {
	closes_meanwhile($_[0], 4, "BEGIN;\nSELECT FROM campaigns WHERE id = :campaign FOR UPDATE;\n$sleep;\nCOMMIT;\n");
});

in_database($node, 'many bids FOR UPDATE on the campaign', sub {
	closes_meanwhile($_[0], 20, "BEGIN;\nSELECT FROM campaigns WHERE id = :campaign FOR UPDATE;\n$sleep;\nCOMMIT;\n");
});

in_database($node, 'votes FOR SHARE on the campaign', sub {
	closes_meanwhile($_[0], 4, "BEGIN;\nSELECT FROM campaigns WHERE id = :campaign FOR SHARE;\n$sleep;\nCOMMIT;\n");
});

in_database($node, 'the row of the timer', sub {
	closes_meanwhile($_[0], 4, "BEGIN;\nSELECT FROM campaign_timers WHERE id = :timer FOR UPDATE;\n$sleep;\nCOMMIT;\n");
});

in_database($node, 'shared rows of timer and campaign', sub {
	closes_meanwhile($_[0], 8,
		"BEGIN;\nSELECT FROM campaign_timers AS t JOIN campaigns AS c ON c.id = t.campaign_id WHERE t.id = :timer FOR SHARE;\n$sleep;\nCOMMIT;\n");
});

in_database($node, 'a counter', sub {
	closes_meanwhile($_[0], 4,
		"BEGIN;\nUPDATE campaigns SET metadata = jsonb_build_object('n', 1) WHERE id = :campaign;\nSELECT pg_sleep(0.001);\nCOMMIT;\n");
});

in_database($node, 'votes that lock the row and then update it', sub {
	closes_meanwhile($_[0], 4, "BEGIN;\nSELECT FROM campaigns WHERE id = :campaign FOR NO KEY UPDATE;\n"
		. "UPDATE campaigns SET metadata = '{}' WHERE id = :campaign;\n$sleep;\nCOMMIT;\n");
});

in_database($node, 'votes FOR SHARE beside a long transaction that writes another campaign', sub {
	my ($db) = @_;
	my $other = $node->safe_psql($db, "SELECT create_campaign(1, now() + interval '1 day')");
	my $session = $node->background_psql($db);
	$session->query_safe("BEGIN; UPDATE campaigns SET metadata = '{}' WHERE id = '$other'");
	# The long transaction may keep the worker from the lock of the table (docs/operations.md).
	closes_meanwhile($db, 4, "BEGIN;\nSELECT FROM campaigns WHERE id = :campaign FOR SHARE;\n$sleep;\nCOMMIT;\n", or_afterwards => 1);
	$session->quit;
});

in_database($node, 'a timer with a handler', sub {
	my ($db) = @_;
	$node->safe_psql($db, q{
		CREATE FUNCTION close_it(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{}'::jsonb $$;
		SELECT register_handler('CLOSE_CAMPAIGN', 'close_it(uuid, uuid, jsonb)')});
	closes_meanwhile($db, 4, "BEGIN;\nSELECT FROM campaigns WHERE id = :campaign FOR UPDATE;\n$sleep;\nCOMMIT;\n");
	closes_meanwhile($db, 4, "BEGIN;\nSELECT FROM campaigns WHERE id = :campaign FOR SHARE;\n$sleep;\nCOMMIT;\n");
});

# The worker marks such a timer RUNNING by statements of SQL, so triggers act on them.
in_database($node, 'a timer with a handler, on tables with triggers', sub {
	my ($db) = @_;
	$node->safe_psql($db, q{
		CREATE ROLE busy_owner;
		CREATE TABLE audit_log (timer_id uuid, source text, status text, who text);
		GRANT INSERT ON audit_log TO PUBLIC;
		CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			INSERT INTO audit_log VALUES (coalesce((to_jsonb(NEW) ->> 'timer_id')::uuid, NEW.id), TG_TABLE_NAME, NEW.status, current_user);
			RETURN NULL;
		END $$;
		CREATE TRIGGER audit AFTER INSERT OR UPDATE ON campaign_timers FOR EACH ROW EXECUTE FUNCTION audit();
		CREATE TRIGGER audit AFTER INSERT OR UPDATE ON timer_executions FOR EACH ROW EXECUTE FUNCTION audit();
		GRANT CREATE ON SCHEMA public TO busy_owner;
		SELECT set_campaign_owner('busy_owner');
		SET ROLE busy_owner;
		CREATE FUNCTION close_it(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{}'::jsonb $$;
		SELECT register_handler('CLOSE_CAMPAIGN', 'close_it(uuid, uuid, jsonb)')});
	closes_meanwhile($db, 4, "BEGIN;\nSELECT FROM campaigns WHERE id = :campaign FOR SHARE;\n$sleep;\nCOMMIT;\n");
	query_is($node, $db, q{
		SELECT string_agg(DISTINCT format('%s %s', a.source, a.status), ', ' ORDER BY format('%s %s', a.source, a.status))
		FROM audit_log AS a JOIN campaign_timers AS t ON t.id = a.timer_id WHERE t.timer_type = 'CLOSE_CAMPAIGN' AND a.who = 'busy_owner'},
		'campaign_timers COMPLETED, campaign_timers RUNNING, timer_executions COMPLETED, timer_executions STARTED',
		'triggers see each step, as the owner of the tables and under campaign_lifecycle.search_path');
	$node->safe_psql($db, 'SELECT set_campaign_owner(current_user::regrole); DROP OWNED BY busy_owner CASCADE; DROP ROLE busy_owner');
});

in_database($node, 'two workers in one database', sub {
	my ($db) = @_;
	set_and_reload($node, workers => 2);
	poll_worker_count($node, $db, 2, 'two workers are at work');
	for my $lock ('FOR UPDATE', 'FOR SHARE')
	{
		$node->safe_psql($db, qq{
			SELECT count(create_campaign(1, now() - interval '1 hour' + interval '$due_in seconds', metadata => '{"lock": "$lock"}')) FROM generate_series(1, 6)});
		my $campaigns = qq{campaigns WHERE metadata ->> 'lock' = '$lock'};
		poll_is($node, $db, "SELECT count(*) FROM $campaigns AND status = 'RUNNING'", 6, 'six campaigns run');
		my @ids = split /\n/, $node->safe_psql($db, "SELECT id FROM $campaigns");
		# Three clients for each campaign.
		my @clients = map { start_clients($db, 3, "BEGIN;\nSELECT FROM campaigns WHERE id = :campaign $lock;\n$sleep;\nCOMMIT;\n", $_, '') } @ids;
		ok($_->{handle}->finish, "$lock: clients end without an error") or diag(${ $_->{output} }) for @clients;
		unlike(join('', map { ${ $_->{output} } } @clients), qr/number of failed transactions: [1-9]/, "$lock: no transaction of a client fails");
		query_is($node, $db, qq{
			SELECT count(*), count(DISTINCT x.timer_id), max(t.executed_at - t.scheduled_at) < interval '2 seconds'
			FROM timer_executions AS x JOIN campaign_timers AS t ON t.id = x.timer_id
			WHERE t.timer_type = 'CLOSE_CAMPAIGN' AND x.status = 'COMPLETED' AND t.campaign_id IN (SELECT id FROM $campaigns)},
			'6|6|t', "$lock: the workers execute each timer once and meanwhile");
	}
	query_is($node, $db, 'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()', '0', 'no deadlock');
	query_is($node, $db, "SELECT count(*) FROM timer_executions WHERE status <> 'COMPLETED'", 0, 'no attempt has failed');
	check_invariants($node, $db, 'after that');
	set_and_reload($node, workers => undef);
});

# A transaction that lasts is waited for once, and after that it is only looked for.
sub waits_for_long_holder
{
	my ($db, $lock, $what) = @_;
	my ($id, $timer) = campaign_to_close($db);
	my $session = $node->background_psql($db);
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	my $start = -s $node->logfile;
	$session->query_safe("SET application_name = 'holder'");
	$session->query_safe('BEGIN');
	$session->query_safe($lock =~ s/:campaign/'$id'/gr =~ s/:timer/'$timer'/gr);
	sleep 3;
	query_is($node, $db, "SELECT status FROM campaign_timers WHERE id = '$timer'", 'PENDING', 'the timer waits');
	my $waits = () = slurp_file($node->logfile, $start) =~ /waited for the rows of a timer/g;
	is($waits, 1, 'worker waits for the transaction once');
	like($node->safe_psql($db, "SELECT detail FROM campaign_lifecycle_internal._campaign_health(now() + interval '2 minutes') WHERE check_name = 'overdue_timers'"),
		qr/$what is locked by process $pid \(user \S+, application 'holder', idle in transaction\) in a transaction since 20.*pg_terminate_backend\($pid\)/,
		'campaign_health() names the process');
	$session->query_safe('COMMIT');
	poll_is($node, $db, "SELECT status FROM campaign_timers WHERE id = '$timer'", 'COMPLETED', 'worker executes the timer after that');
	query_is($node, $db, "SELECT executed_at - scheduled_at < interval '5 seconds' FROM campaign_timers WHERE id = '$timer'", 't', 'without a long delay');
	$session->quit;
	return;
}

in_database($node, 'a long transaction that locks the campaign', sub {
	waits_for_long_holder($_[0], 'SELECT FROM campaigns WHERE id = :campaign FOR UPDATE', 'campaign \S+');
});

in_database($node, 'a long transaction that shares the timer', sub {
	waits_for_long_holder($_[0], 'SELECT FROM campaign_timers WHERE id = :timer FOR SHARE', 'timer \S+');
});

done_testing();
