# A worker comes by itself, executes timers on time, and follows its settings.
#
# One server has the library preloaded. CREATE EXTENSION alone starts a worker; a campaign with shortened policies passes every state.
# Then processes are terminated, settings change, timers are paused, and the server stops in the midst of a batch. Rows are counted
# afterwards: each committed timer is executed once, or waits.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes 'time';

# Seconds by which a loaded machine may delay a timer. The net (naptime, 60 s) takes longer.
my $soon = 25;
my $running = "SELECT count(*) FROM campaigns WHERE status = 'RUNNING'";
my $expired = "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'";

my $node = campaign_server('worker', conf => "campaign_lifecycle.batch_size = 100\n", extension => 0);

sub terminate
{
	my (@pids) = @_;
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($_)") for @pids;
	return;
}

scenario('no worker runs in a database without the extension', sub {
	query_is($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'campaign_lifecycle worker'", 0,
		'the server has no worker while no database has the extension');
});

in_database($node, 'CREATE EXTENSION starts a worker', sub {
	my ($db) = @_;
	poll_worker_count($node, $db, 1, 'one worker starts after CREATE EXTENSION, without a restart');
	add_due_campaigns($node, $db, 10);
	poll_is($node, $db, $expired, 10, 'the worker executes ten timers that are due');
	check_invariants($node, $db, 'in a new database');
});

in_database($node, 'a campaign passes every state on time', sub {
	my ($db) = @_;
	$node->safe_psql(
		$db, q{
		UPDATE campaign_timer_policies SET delay = CASE
			WHEN state = 'CLOSED' AND timer_type = 'REWARD_REMINDER' THEN interval '0.5 seconds'
			WHEN state = 'REWARD_CLAIM' AND timer_type = 'REWARD_REMINDER' THEN interval '0.5 seconds'
			WHEN state = 'REWARD_CLAIM' AND timer_type = 'EXPIRE_CAMPAIGN' THEN interval '1 second'
			ELSE delay END});
	my $id = $node->safe_psql($db, "SELECT create_campaign(1, now() - interval '1 hour' + interval '1.5 seconds')");
	my $timers = "FROM campaign_timers AS t WHERE t.campaign_id = '$id'";
	poll_is($node, $db, "SELECT status FROM campaigns WHERE id = '$id'", 'EXPIRED', 'the worker alone brings a campaign from CREATED to EXPIRED');
	query_is($node, $db, "SELECT string_agg(format('%s>%s %s', from_state, to_state, trigger_event), ', ' ORDER BY created_at, id)
			FROM campaign_state_log WHERE campaign_id = '$id'",
		'>CREATED CREATED, CREATED>RUNNING START_CAMPAIGN, RUNNING>CLOSED CLOSE_CAMPAIGN, CLOSED>REWARD_CLAIM REWARD_REMINDER, REWARD_CLAIM>EXPIRED EXPIRE_CAMPAIGN',
		'the log has one row for each of the five states, in order');
	query_is($node, $db, "SELECT string_agg(format('%s %s', t.timer_type, t.status), ', ' ORDER BY t.executed_at, t.id) $timers",
		'START_CAMPAIGN COMPLETED, CLOSE_CAMPAIGN COMPLETED, REWARD_REMINDER COMPLETED, REWARD_REMINDER COMPLETED, EXPIRE_CAMPAIGN COMPLETED',
		'every timer of the campaign is COMPLETED, and none waits');
	query_is($node, $db, "SELECT count(*) $timers AND executed_at - scheduled_at NOT BETWEEN interval '0' AND interval '$soon seconds'", 0,
		"no timer is executed early or more than $soon s late");
	query_is($node, $db, "SELECT t.scheduled_at = c.end_time FROM campaign_timers AS t JOIN campaigns AS c ON c.id = t.campaign_id
			WHERE c.id = '$id' AND t.timer_type = 'CLOSE_CAMPAIGN'", 't', 'CLOSE_CAMPAIGN is scheduled at end_time');
	query_is($node, $db, "SELECT x.result FROM timer_executions AS x JOIN campaign_timers AS t ON t.id = x.timer_id
			WHERE t.campaign_id = '$id' AND NOT x.result ? 'to'", '{"event": "REWARD_REMINDER"}', 'one reminder is an event that changes no state');
	check_invariants($node, $db, 'after a whole life');
});

#---------------------------------------------------------------------------------------------------------------------
# Processes that end

in_database($node, 'a terminated worker is replaced', sub {
	my ($db) = @_;
	poll_worker_count($node, $db, 1, 'a worker has started');
	my @before = worker_pids($node, $db);
	terminate(@before);
	add_due_campaigns($node, $db, 5);
	poll_is($node, $db, $expired, 5, 'timers committed after pg_terminate_backend() are executed');
	isnt(join(' ', worker_pids($node, $db)), "@before", 'another process has executed them');
	check_invariants($node, $db, 'after a worker was terminated');
});

in_database($node, 'a terminated launcher is replaced', sub {
	my ($db) = @_;
	poll_worker_count($node, $db, 1, 'a worker has started');
	my $before = launcher_pid($node);
	terminate($before);
	poll_is($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'campaign_lifecycle launcher' AND pid <> $before", 1,
		'another launcher starts after pg_terminate_backend()');
	add_due_campaigns($node, $db, 5);
	poll_is($node, $db, $expired, 5, 'timers are executed under the new launcher');
	terminate(worker_pids($node, $db));
	add_due_campaigns($node, $db, 5);
	poll_is($node, $db, $expired, 10, 'the new launcher replaces a terminated worker');
});

in_database($node, 'the log shows what a worker does', sub {
	my ($db) = @_;
	poll_worker_count($node, $db, 1, 'a worker has started');
	my $log = sub { PostgreSQL::Test::Utils::slurp_file($node->logfile) };
	my $log_has = sub {
		my ($pattern, $name) = @_;
		my $end = time + 60;
		select undef, undef, undef, 0.05 while time < $end && $log->() !~ $pattern;
		like($log->(), $pattern, $name);
	};
	my ($pid) = worker_pids($node, $db);
	$log_has->(qr/\[$pid\] .*LOG:  campaign_lifecycle worker 0 for \Q$db\E started/, 'a worker that has found the extension logs one line');
	$node->safe_psql('postgres', "ALTER SYSTEM SET log_min_messages = 'debug1'");
	$node->reload;
	$log_has->(qr/\[$pid\] .*DEBUG:  sleeping until/, 'DEBUG1 shows a sleep');
	add_due_campaigns($node, $db, 3);
	$log_has->(qr/\[$pid\] .*DEBUG:  woken up/, 'DEBUG1 shows a wakeup');
	$log_has->(qr/\[$pid\] .*DEBUG:  claiming up to \d+ timers since \d/, 'DEBUG1 shows a claim');
	$log_has->(qr/\[$pid\] .*DEBUG:  batch of 3 timers: 3 succeeded, 0 failed, 0 postponed, next due at/, 'DEBUG1 shows the end of a batch');
	$node->safe_psql('postgres', 'ALTER SYSTEM RESET log_min_messages');
	$node->reload;
});

#---------------------------------------------------------------------------------------------------------------------
# Settings

in_database($node, 'campaign_lifecycle.workers adds and removes workers', sub {
	my ($db) = @_;
	set_and_reload($node, workers => 2);
	poll_worker_count($node, $db, 2, 'workers = 2 starts a second worker');
	add_due_campaigns($node, $db, 3000);
	poll_is($node, $db, $expired, 3000, 'two workers execute 3,000 timers');
	query_is($node, $db, 'SELECT count(*), count(DISTINCT timer_id) FROM timer_executions', '3000|3000', 'no timer is executed by both workers');
	check_invariants($node, $db, 'after two workers');
	set_and_reload($node, workers => undef);
	poll_worker_count($node, $db, 1, 'workers = 1 ends one of the two workers');
});

in_database($node, 'campaign_lifecycle.enabled stops and starts workers', sub {
	my ($db) = @_;
	set_and_reload($node, enabled => 'off');
	poll_worker_count($node, $db, 0, 'enabled = off ends the worker');
	add_due_campaigns($node, $db, 5);
	query_is($node, $db, $running, 5, 'due timers wait while enabled is off');
	my $enabled_at = $node->safe_psql($db, 'SELECT clock_timestamp()');
	set_and_reload($node, enabled => undef);
	poll_is($node, $db, $running, 0, 'enabled = on executes the timers that have waited');
	query_is($node, $db, "SELECT count(*) FROM campaign_timers WHERE executed_at > '$enabled_at'", 5, 'no timer was executed while enabled was off');
});

# A timer of another database, committed later and executed, shows that workers have had their time.
in_database($node, 'pause_timers() holds timers back until resume_timers()', sub {
	my ($db) = @_;
	create_campaign_database($node, 'not_paused');
	$node->safe_psql($db, 'SELECT pause_timers()');
	add_due_campaigns($node, $db, 5);
	add_due_campaigns($node, 'not_paused', 1);
	poll_is($node, 'not_paused', $running, 0, 'another database is not paused');
	my $resumed_at = $node->safe_psql($db, 'SELECT clock_timestamp()');
	$node->safe_psql($db, 'SELECT resume_timers()');
	poll_is($node, $db, $running, 0, 'resume_timers() lets the worker execute what is due');
	query_is($node, $db, "SELECT count(*) FROM campaign_timers WHERE executed_at > '$resumed_at'", 5, 'no timer was executed while paused');

	$node->safe_psql($db, 'SELECT pause_timers()');
	terminate(worker_pids($node, $db));
	add_due_campaigns($node, $db, 5);
	$node->restart;
	add_due_campaigns($node, 'not_paused', 1);
	poll_is($node, 'not_paused', $running, 0, 'another database works after the restart of the server');
	query_is($node, $db, $running, 5, 'a pause outlives its worker and a restart of the server');
	$node->safe_psql($db, 'SELECT resume_timers()');
	poll_is($node, $db, $running, 0, 'resume_timers() after the restart lets the worker execute what is due');
	check_invariants($node, $_, "$_, after pauses") for $db, 'not_paused';
	$node->safe_psql('postgres', 'DROP DATABASE not_paused');
});

#---------------------------------------------------------------------------------------------------------------------
# Commits during maintenance, and a shutdown during a batch

# A worker does all of its maintenance when it starts and the jobs have never run.
in_database($node, 'timers committed during maintenance are executed', sub {
	my ($db) = @_;
	poll_worker_count($node, $db, 1, 'a worker has started');
	$node->safe_psql(
		$db, q{
		CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_catalog.pg_sleep(0.5); RETURN NEW; END $$;
		CREATE TRIGGER linger BEFORE UPDATE ON campaign_maintenance_jobs FOR EACH ROW EXECUTE FUNCTION linger();
		ALTER TABLE campaign_maintenance_jobs DISABLE TRIGGER linger;
		UPDATE campaign_maintenance_jobs SET last_run = NULL, last_outcome = NULL;
		ALTER TABLE campaign_maintenance_jobs ENABLE TRIGGER linger});
	terminate(worker_pids($node, $db));
	poll_is($node, $db, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query = 'campaign_lifecycle: maintenance'", 1,
		'the worker is at its maintenance');
	add_due_campaigns($node, $db, 5);
	poll_is($node, $db, $expired, 5, 'timers committed during maintenance are executed');
	cmp_ok($node->safe_psql($db, 'SELECT EXTRACT(epoch FROM max(executed_at - scheduled_at)) FROM campaign_timers'), '<', $soon,
		"they are executed within $soon s, without the net");
});

in_database($node, 'a fast shutdown interrupts a batch and loses nothing', sub {
	my ($db) = @_;
	make_busy($node, $db, 1500);
	my $began = time;
	$node->stop('fast');
	my $took = time - $began;
	note(sprintf 'the fast shutdown took %.2f s', $took);
	cmp_ok($took, '<', 10, 'a fast shutdown in the midst of a batch takes less than 10 s');
	$node->start;
	$node->safe_psql($db, 'DROP TRIGGER slow_down ON campaigns');
	poll_is($node, $db, $expired, 1500, 'the worker executes the rest after the restart');
	check_invariants($node, $db, 'after a fast shutdown');
	query_is($node, $db, 'SELECT count(*), count(DISTINCT timer_id) FROM timer_executions', '1500|1500', '1,500 timers have 1,500 executions');
});

# A terminated worker says so itself, as FATAL.
scenario('worker and launcher log no error', sub {
	my @errors = grep { /campaign_lifecycle (worker|launcher)/ && /(ERROR|PANIC|WARNING)/ } split /\n/, slurp_file($node->logfile);
	is(join("\n", @errors), '', 'the log has no error and no warning of worker or launcher');
});

$node->stop;
done_testing();
