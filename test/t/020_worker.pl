# The worker is there when it is needed, fires at the right time, and is in nobody's way.
#
# On one server with the library preloaded: CREATE EXTENSION alone makes a worker appear, also in a database made later; a campaign
# with shortened policies lives its whole life by it. The net (naptime, 60 s) is longer than any wait here should be, so a timer that
# is executed within seconds shows that the clock or a commit woke the worker: by INSERT, UPDATE, COPY, COMMIT PREPARED, logical
# replication, a changed setting. Then people do to it what people do: SIGHUP, pg_terminate_backend, other settings, pause, DROP
# EXTENSION, DROP SCHEMA, DROP, RENAME and copy of a database in which it is at work, and a fast stop. Each statement must succeed,
# and afterwards rows are counted: what was committed is executed exactly once or waits.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignServer;
use Test::More;
use Time::HiRes 'time';

# Seconds within which a timer is late by load alone, and that the net would exceed.
my $soon = 25;

my $node = campaign_server('worker', conf => "campaign_lifecycle.batch_size = 100\n", extension => 0);
answers($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'campaign_lifecycle worker'", 0, 'no extension, no worker');
$node->safe_psql('postgres', 'CREATE EXTENSION campaign_lifecycle');
workers_are($node, 'postgres', 1, 'a worker comes by itself after CREATE EXTENSION');

#---------------------------------------------------------------------------------------------------------------------
# A whole life. It takes some seconds, in which other things are tested; it is looked at later.

$node->safe_psql(
	'postgres', q{
	UPDATE campaign_timer_policies SET delay = CASE
		WHEN state = 'CLOSED' AND timer_type = 'REWARD_REMINDER' THEN interval '1 second'
		WHEN state = 'REWARD_CLAIM' AND timer_type = 'REWARD_REMINDER' THEN interval '1 second'
		WHEN state = 'REWARD_CLAIM' AND timer_type = 'EXPIRE_CAMPAIGN' THEN interval '2 seconds'
		ELSE delay END});
my $life = $node->safe_psql('postgres', "SELECT create_campaign(1, now() - interval '1 hour' + interval '3 seconds')");

#---------------------------------------------------------------------------------------------------------------------
# Databases that come later

with_database($node, 'later');
workers_are($node, 'later', 1, 'a worker comes in a database created later');
fill($node, 'later', 10);
becomes($node, 'later', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 10, 'and works');

$node->safe_psql('later', q{
	SELECT pause_timers();
	INSERT INTO campaigns (id, status, duration_hours) VALUES ('00000000-0000-4000-8000-000000000001', 'RUNNING', 1);
	INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) VALUES ('00000000-0000-4000-8000-000000000001', 'EXPIRE_CAMPAIGN', now())});
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE later');
$node->safe_psql('later', 'SELECT resume_timers()');
becomes($node, 'later', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 11, 'a database that is copied and resumed goes on');
my ($code, $out, $err) = $node->psql('copy', 'SELECT run_due_timers()');
like($err, qr/timers of this database are paused/, 'its copy is paused');
answers($node, 'copy', "SELECT count(*) FILTER (WHERE status = 'PENDING'), count(*) FROM campaign_timers", '1|11', 'and has fired nothing');
$node->safe_psql('copy', 'SELECT resume_timers()');
becomes($node, 'copy', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 11, 'until it is resumed');
holds($node, $_, $_) for 'later', 'copy';

#---------------------------------------------------------------------------------------------------------------------
# Every kind of commit that makes an earlier timer wakes the worker.

# An idle worker waits for something far away.
$node->safe_psql('later', q{
	INSERT INTO campaigns (id, status, duration_hours) VALUES ('00000000-0000-4000-8000-000000000002', 'RUNNING', 1);
	INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) VALUES ('00000000-0000-4000-8000-000000000002', 'EXPIRE_CAMPAIGN', now() + interval '1 day')});

sub wakes
{
	my ($what, $sql) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $id = $node->safe_psql('later', "INSERT INTO campaigns (status, duration_hours) VALUES ('RUNNING', 1) RETURNING id");
	my $began = time;
	$node->safe_psql('later', $sql =~ s/ID/$id/gr);
	becomes($node, 'later', "SELECT status FROM campaigns WHERE id = '$id'", 'EXPIRED', "$what wakes the worker");
	cmp_ok(time - $began, '<', $soon, "$what: at once");
	return;
}

my $insert = "INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) VALUES ('ID', 'EXPIRE_CAMPAIGN', now())";
wakes('INSERT', $insert);
wakes('INSERT of what is due in a moment', $insert =~ s/now\(\)/now() + interval '0.7 seconds'/r);
wakes('UPDATE', $insert =~ s/now\(\)/now() + interval '1 hour'/r . "; UPDATE campaign_timers SET scheduled_at = now() WHERE campaign_id = 'ID'");
wakes('UPDATE of a status', $insert =~ s/now\(\)/now() + interval '1 hour'/r
	. "; UPDATE campaign_timers SET scheduled_at = now(), status = 'CANCELLED' WHERE campaign_id = 'ID'; UPDATE campaign_timers SET status = 'PENDING' WHERE campaign_id = 'ID'");
wakes('COPY', "COPY campaign_timers (campaign_id, timer_type, scheduled_at) FROM STDIN;\nID\tEXPIRE_CAMPAIGN\tnow\n\\.\n");
wakes('COMMIT PREPARED', "BEGIN; $insert; PREPARE TRANSACTION 'two phases'; COMMIT PREPARED 'two phases'");
wakes('a released savepoint', "BEGIN; SAVEPOINT s; $insert; RELEASE s; COMMIT");
wakes('what logical replication applies', "SET session_replication_role = replica; $insert");
wakes('schedule_timer()', "SELECT schedule_timer('ID', 'EXPIRE_CAMPAIGN', now())");
wakes('retry_timer()', "WITH t AS (INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at, status, retry_count)
	VALUES ('ID', 'EXPIRE_CAMPAIGN', now() + interval '1 hour', 'FAILED', 5) RETURNING id) SELECT id AS timer FROM t \\gset\nSELECT retry_timer(:'timer')");

# The commit of the worker's own batch: what a trigger has deferred to it comes after the worker has looked for what is due next.
$node->safe_psql(
	'later', q{
	CREATE FUNCTION public.end_soon() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		UPDATE public.campaign_timers SET scheduled_at = pg_catalog.clock_timestamp() + interval '1 second'
		WHERE campaign_id = NEW.id AND timer_type = 'EXPIRE_CAMPAIGN' AND status = 'PENDING';
		RETURN NULL;
	END $$;
	CREATE CONSTRAINT TRIGGER end_soon AFTER UPDATE ON campaigns DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW WHEN (NEW.status = 'CLOSED') EXECUTE FUNCTION public.end_soon()});
wakes('a deferred trigger of its own commit', $insert =~ s/EXPIRE/CLOSE/r);
$node->safe_psql('later', 'DROP TRIGGER end_soon ON campaigns');

# A transaction that began before the worker's last look and commits in the midst of a batch, when there is more to do than that: nothing but its own
# word leads back to its timer.
{
	my $early = $node->background_psql('later');
	my $id = $node->safe_psql('later', "INSERT INTO campaigns (status, duration_hours) VALUES ('RUNNING', 1) RETURNING id");
	$early->query_safe('BEGIN; ' . $insert =~ s/ID/$id/r);
	wakes('a commit after that', $insert);
	$node->safe_psql(
		'later', q{
		CREATE FUNCTION public.linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_catalog.pg_sleep(2); RETURN NEW; END $$;
		CREATE TRIGGER linger BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (NEW.metadata ? 'linger') EXECUTE FUNCTION public.linger();
		WITH c AS (INSERT INTO campaigns (status, duration_hours, metadata) VALUES ('RUNNING', 1, '{"linger": true}'), ('RUNNING', 1, '{}') RETURNING id, metadata)
		INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at)
		SELECT id, 'EXPIRE_CAMPAIGN', now() + CASE WHEN metadata ? 'linger' THEN interval '0' ELSE interval '0.7 seconds' END FROM c});
	becomes($node, 'later', "SELECT count(*) FROM pg_stat_activity WHERE datname = 'later' AND backend_type = 'campaign_lifecycle worker' AND wait_event = 'PgSleep'", 1, 'the worker is in the midst of a batch');
	$early->query_safe('COMMIT');
	my $began = time;
	becomes($node, 'later', "SELECT status FROM campaigns WHERE id = '$id'", 'EXPIRED', 'a transaction that began long ago commits in the midst of a batch: its timer is executed');
	cmp_ok(time - $began, '<', $soon, 'at once');
	$early->quit;
	$node->safe_psql('later', 'DROP FUNCTION public.linger() CASCADE');
}

# Shortly before a timer that stands alone is due, the worker reads all that its batch will read (the policies, for one, are read twice), and
# that is all it does: no statement trigger fires for it, nothing happens early.
{
	my @tables = qw(campaigns campaign_timers campaign_state_log timer_executions campaign_metrics);
	my $traced = join "\n", map {
		"CREATE TRIGGER traced_before BEFORE INSERT OR UPDATE ON $_ FOR EACH STATEMENT EXECUTE FUNCTION public.trace();
		CREATE TRIGGER traced_after AFTER INSERT OR UPDATE ON $_ FOR EACH STATEMENT EXECUTE FUNCTION public.trace();"
	} @tables;
	my $id = $node->safe_psql('later', "INSERT INTO campaigns (status, duration_hours) VALUES ('RUNNING', 1) RETURNING id");
	$node->safe_psql('later', qq{
		CREATE TABLE public.traces (what text, at timestamptz);
		CREATE FUNCTION public.trace() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
			INSERT INTO public.traces VALUES (pg_catalog.concat_ws(' ', TG_WHEN, TG_OP, TG_TABLE_NAME), pg_catalog.now());
			RETURN NULL;
		END \$\$;} . ($insert =~ s/now\(\)/now() + interval '1.5 seconds'/r =~ s/ID/$id/r) . "; $traced");
	my $reads = "SELECT seq_scan + coalesce(idx_scan, 0) FROM pg_stat_user_tables WHERE relname = 'campaign_timer_policies'";
	my $before = $node->safe_psql('later', $reads);
	becomes($node, 'later', "SELECT status FROM campaigns WHERE id = '$id'", 'EXPIRED', 'a timer that stands alone is executed');
	becomes($node, 'later', "SELECT ($reads) - $before >= 2", 't', 'after a rehearsal');
	answers($node, 'later', "SELECT string_agg(what, ', ' ORDER BY what) FROM public.traces WHERE what LIKE 'BEFORE%'",
		'BEFORE INSERT campaign_metrics, BEFORE INSERT campaign_state_log, BEFORE INSERT timer_executions, BEFORE UPDATE campaign_timers, BEFORE UPDATE campaigns',
		'each table is written once');
	answers($node, 'later', "SELECT count(*) FILTER (WHERE what LIKE 'AFTER%'), bool_and(at >= scheduled_at) FROM public.traces, campaign_timers WHERE campaign_id = '$id'",
		'5|t', 'when it is due');
	$node->safe_psql('later', 'DROP FUNCTION public.trace() CASCADE; DROP TABLE public.traces');
}

# A timer that was locked when the worker came by, in a drain that an error ended before it had looked at what still waits.
{
	set_and_reload($node, batch_size => 1);
	# It holds from the next batch but one.
	wakes('a commit', $insert);
	$node->safe_psql(
		'later', q{
		CREATE TABLE public.peace (made boolean);
		CREATE FUNCTION public.trouble() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF NOT EXISTS (SELECT FROM public.peace) THEN
				RAISE EXCEPTION 'trouble' USING ERRCODE = 'lock_not_available';
			END IF;
			RETURN NEW;
		END $$;
		CREATE TRIGGER trouble BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (NEW.metadata ? 'trouble') EXECUTE FUNCTION public.trouble();
		SELECT pause_timers();
		WITH c AS (INSERT INTO campaigns (status, duration_hours, metadata) VALUES ('RUNNING', 1, '{"locked": true}'), ('RUNNING', 1, '{"free": true}'), ('RUNNING', 1, '{"trouble": true}')
			RETURNING id, metadata)
		INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at)
		SELECT id, 'EXPIRE_CAMPAIGN', now() + CASE WHEN metadata ? 'free' THEN interval '1 ms' WHEN metadata ? 'trouble' THEN interval '2 ms' ELSE interval '0' END FROM c});
	my $holder = $node->background_psql('later');
	$holder->query_safe("BEGIN; SELECT FROM campaigns WHERE metadata ? 'locked' FOR UPDATE");
	$node->safe_psql('later', 'SELECT resume_timers()');
	becomes($node, 'later', "SELECT last_error LIKE '55P03: trouble' FROM campaign_workers WHERE database = 'later'", 't', 'a timer is locked, the one after it is executed, the one after that meets trouble');
	answers($node, 'later', "SELECT count(*) FROM campaigns WHERE metadata ? 'free' AND status = 'EXPIRED'", 1, 'in this order');
	$node->safe_psql('later', 'INSERT INTO public.peace VALUES (true)');
	becomes($node, 'later', "SELECT count(*) FROM campaigns WHERE metadata ? 'trouble' AND status = 'EXPIRED'", 1, 'when the trouble is over it is executed');
	$holder->query_safe('ROLLBACK');
	my $began = time;
	becomes($node, 'later', "SELECT count(*) FROM campaigns WHERE metadata ? 'locked' AND status = 'EXPIRED'", 1, 'and when the lock is gone the first one');
	cmp_ok(time - $began, '<', $soon, 'at once');
	$holder->quit;
	$node->safe_psql('later', 'DROP FUNCTION public.trouble() CASCADE; DROP TABLE public.peace');
	set_and_reload($node, batch_size => undef);
}

# A timer that no trigger has told of is found by the net, and the net is a setting that a reload changes.
my $pid = join ' ', worker_pids($node, 'later');
set_and_reload($node, naptime => '200ms');
wakes('a shorter naptime after SIGHUP', "BEGIN; ALTER TABLE campaign_timers DISABLE TRIGGER USER; $insert; ALTER TABLE campaign_timers ENABLE TRIGGER USER;
	ALTER TABLE campaign_timers ENABLE ALWAYS TRIGGER wake_worker_on_insert; ALTER TABLE campaign_timers ENABLE ALWAYS TRIGGER wake_worker_on_update; COMMIT");
set_and_reload($node, naptime => undef);
is(join(' ', worker_pids($node, 'later')), $pid, 'the same worker all along: a reload is no restart');
answers($node, 'later', "SELECT count(*) FROM campaign_timers WHERE executed_at - greatest(scheduled_at, created_at) > interval '$soon seconds'
	AND campaign_id <> '00000000-0000-4000-8000-000000000001'", 0, 'no timer was late but the one that was paused');
holds($node, 'later', 'after all kinds of commits');

#---------------------------------------------------------------------------------------------------------------------
# Processes end and come back.

$pid = join ' ', worker_pids($node, 'later');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
fill($node, 'later', 5);
becomes($node, 'later', "SELECT count(*) FROM campaigns WHERE status = 'RUNNING'", 1, 'a terminated worker comes back and works');
isnt(join(' ', worker_pids($node, 'later')), $pid, 'as another process');

my $launcher = launcher_pid($node);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($launcher)");
becomes($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'campaign_lifecycle launcher' AND pid <> $launcher", 1, 'a terminated launcher comes back');
fill($node, 'later', 5);
becomes($node, 'later', "SELECT count(*) FROM campaigns WHERE status = 'RUNNING'", 1, 'timers fire');
($pid) = worker_pids($node, 'later');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
fill($node, 'later', 5);
becomes($node, 'later', "SELECT count(*) FROM campaigns WHERE status = 'RUNNING'", 1, 'and the new launcher brings workers back');

#---------------------------------------------------------------------------------------------------------------------
# Settings

set_and_reload($node, workers => 2);
workers_are($node, 'later', 2, 'workers = 2: a second one comes');
fill($node, 'later', 3000);
becomes($node, 'later', "SELECT count(*) FROM campaigns WHERE status = 'RUNNING'", 1, 'two workers share 3,000 timers');
holds($node, 'later', 'none was executed by both');
set_and_reload($node, workers => undef);
workers_are($node, 'later', 1, 'workers = 1: it leaves');

set_and_reload($node, enabled => 'off');
workers_are($node, 'later', 0, 'enabled = off: no worker');
fill($node, 'later', 5);
answers($node, 'later', "SELECT count(*) FROM campaigns WHERE status = 'RUNNING'", 6, 'timers wait');
my $enabled_at = $node->safe_psql('later', 'SELECT clock_timestamp()');
set_and_reload($node, enabled => undef);
becomes($node, 'later', "SELECT count(*) FROM campaigns WHERE status = 'RUNNING'", 1, 'enabled = on: they fire');
answers($node, 'later', "SELECT count(*) FROM campaign_timers WHERE executed_at > '$enabled_at'", 5, 'and none did before');

$node->safe_psql('later', 'SELECT pause_timers()');
fill($node, 'later', 5);
# Another database's timer, committed later, is executed: time enough to have fired these.
fill($node, 'copy', 1);
becomes($node, 'copy', "SELECT count(*) FROM campaigns WHERE status = 'RUNNING'", 0, 'other databases do not pause');
my $resumed_at = $node->safe_psql('later', 'SELECT clock_timestamp()');
$node->safe_psql('later', 'SELECT resume_timers()');
becomes($node, 'later', "SELECT count(*) FROM campaigns WHERE status = 'RUNNING'", 1, 'resume_timers(): they fire');
answers($node, 'later', "SELECT count(*) FROM campaign_timers WHERE executed_at > '$resumed_at'", 5, 'and none did while paused');
$node->safe_psql('later', 'SELECT pause_timers()');
$pid = join ' ', worker_pids($node, 'later');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)") if $pid;
fill($node, 'later', 5);
$node->restart;
fill($node, 'copy', 1);
becomes($node, 'copy', "SELECT count(*) FROM campaigns WHERE status = 'RUNNING'", 0, 'after a restart of the server other databases work');
answers($node, 'later', "SELECT count(*) FROM campaigns WHERE status = 'RUNNING'", 6, 'a pause outlives worker and server');
$node->safe_psql('later', 'SELECT resume_timers()');
becomes($node, 'later', "SELECT count(*) FROM campaigns WHERE status = 'RUNNING'", 1, 'until it is ended');
holds($node, $_, "$_, at the end of it all") for 'later', 'copy';

#---------------------------------------------------------------------------------------------------------------------
# The whole life, now over

becomes($node, 'postgres', "SELECT status FROM campaigns WHERE id = '$life'", 'EXPIRED', 'a campaign lives its whole life by the worker alone');
answers($node, 'postgres', "SELECT string_agg(format('%s>%s %s', from_state, to_state, trigger_event), ', ' ORDER BY created_at, id) FROM campaign_state_log WHERE campaign_id = '$life'",
	'>CREATED CREATED, CREATED>RUNNING START_CAMPAIGN, RUNNING>CLOSED CLOSE_CAMPAIGN, CLOSED>REWARD_CLAIM REWARD_REMINDER, REWARD_CLAIM>EXPIRED EXPIRE_CAMPAIGN',
	'five log rows in order');
answers($node, 'postgres', "SELECT string_agg(format('%s %s', t.timer_type, t.status), ', ' ORDER BY t.executed_at, t.id) FROM campaign_timers AS t WHERE campaign_id = '$life'",
	'START_CAMPAIGN COMPLETED, CLOSE_CAMPAIGN COMPLETED, REWARD_REMINDER COMPLETED, REWARD_REMINDER COMPLETED, EXPIRE_CAMPAIGN COMPLETED',
	'no timer waits afterwards');
answers($node, 'postgres', "SELECT count(*) FROM campaign_timers WHERE campaign_id = '$life' AND executed_at - scheduled_at NOT BETWEEN interval '0' AND interval '$soon seconds'",
	0, 'each at its time, none early');
answers($node, 'postgres', "SELECT t.scheduled_at = c.end_time FROM campaign_timers AS t JOIN campaigns AS c ON c.id = t.campaign_id WHERE c.id = '$life' AND t.timer_type = 'CLOSE_CAMPAIGN'",
	't', 'closed at end_time');
answers($node, 'postgres', "SELECT x.result FROM timer_executions AS x JOIN campaign_timers AS t ON t.id = x.timer_id WHERE t.campaign_id = '$life' AND NOT x.result ? 'to'",
	'{"event": "REWARD_REMINDER"}', 'with one reminder that moved nothing');
holds($node, 'postgres', 'after a whole life');

#---------------------------------------------------------------------------------------------------------------------
# DDL while the worker is at work: nobody waits long, nobody fails, nothing is lost.

sub quickly
{
	my ($db, $sql, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $began = time;
	my ($status, $stdout, $stderr) = $node->psql($db, $sql);
	is($status, 0, "$what: done") or diag($stderr);
	# Without the worker's help the server itself gives up after 5 s; on a loaded machine allow the statement as long again.
	cmp_ok(time - $began, '<', 15, "$what: soon");
	return;
}

with_database($node, 'busy');
make_busy($node, 'busy', 1500);
quickly('busy', 'DROP EXTENSION campaign_lifecycle', 'DROP EXTENSION while it works');
workers_are($node, 'busy', 0, 'DROP EXTENSION: the worker has gone');
my ($moved, $waiting) = split /\|/, $node->safe_psql('busy', "SELECT count(*) FILTER (WHERE status = 'COMPLETED'), count(*) FILTER (WHERE status = 'PENDING') FROM campaign_timers");
is($moved + $waiting, 1500, 'DROP EXTENSION leaves the data');
cmp_ok($waiting, '>', 0, 'DROP EXTENSION came in the midst of it');
$node->safe_psql('busy', 'DROP TRIGGER slow_down ON campaigns; CREATE EXTENSION campaign_lifecycle');
becomes($node, 'busy', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 1500, 'CREATE EXTENSION again: the rest is done');
holds($node, 'busy', 'after DROP EXTENSION and back');

$node->safe_psql('busy', 'DROP FUNCTION public.slow_down');
make_busy($node, 'busy', 1500);
quickly('postgres', 'ALTER DATABASE busy RENAME TO renamed', 'RENAME while it works');
$node->safe_psql('renamed', 'DROP TRIGGER slow_down ON campaigns');
becomes($node, 'renamed', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 3000, 'RENAME: the worker comes back and does the rest');
holds($node, 'renamed', 'after RENAME');

$node->safe_psql('renamed', 'DROP FUNCTION public.slow_down');
make_busy($node, 'renamed', 1500);
quickly('postgres', 'CREATE DATABASE twin TEMPLATE renamed', 'CREATE DATABASE ... TEMPLATE while it works');
$node->safe_psql($_, 'DROP TRIGGER slow_down ON campaigns') for 'renamed', 'twin';
becomes($node, 'renamed', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 4500, 'TEMPLATE: the original goes on');
my $left = $node->safe_psql('twin', "SELECT count(*) FROM campaigns WHERE status = 'RUNNING'");
cmp_ok($left, '>', 0, 'TEMPLATE: the twin is paused');
holds($node, $_, "after the copy: $_") for 'renamed', 'twin';
$node->safe_psql('twin', 'SELECT resume_timers()');
becomes($node, 'twin', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 4500, 'TEMPLATE: the twin, resumed, does its own rest');
holds($node, 'twin', 'the twin at the end');

# A rename that fails brings the worker back as well.
my $session = $node->background_psql('twin');
($code, $out, $err) = $node->psql('postgres', 'ALTER DATABASE twin RENAME TO other');
like($err, qr/being accessed by other users/, 'RENAME with a user connected fails');
unlike($err, qr/There are [2-9]/, 'because of the user, not of the worker');
fill($node, 'twin', 5);
becomes($node, 'twin', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 4505, 'and the worker is back');
$session->quit;

$node->safe_psql('renamed', 'DROP FUNCTION public.slow_down');
make_busy($node, 'renamed', 1500);
quickly('postgres', 'DROP DATABASE renamed', 'DROP DATABASE while it works');
workers_are($node, 'renamed', 0, 'DROP DATABASE: no worker');

$node->safe_psql('postgres', 'CREATE DATABASE own_schema');
$node->safe_psql('own_schema', 'CREATE SCHEMA lifecycle; CREATE EXTENSION campaign_lifecycle SCHEMA lifecycle; ALTER DATABASE own_schema SET search_path = lifecycle');
make_busy($node, 'own_schema', 1500);
quickly('own_schema', 'DROP SCHEMA lifecycle CASCADE', 'DROP SCHEMA CASCADE while it works');
workers_are($node, 'own_schema', 0, 'DROP SCHEMA CASCADE: the worker has gone');
$node->safe_psql('own_schema', 'CREATE SCHEMA lifecycle; CREATE EXTENSION campaign_lifecycle SCHEMA lifecycle');
fill($node, 'own_schema', 5);
becomes($node, 'own_schema', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 5, 'and a new extension works');
holds($node, 'own_schema', 'the new extension', schema => 'lifecycle');

($code, $out, $err) = $node->psql('own_schema', 'BEGIN; DROP EXTENSION campaign_lifecycle; ROLLBACK');
fill($node, 'own_schema', 5);
becomes($node, 'own_schema', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 10, 'DROP EXTENSION rolled back: the worker goes on');

#---------------------------------------------------------------------------------------------------------------------
# A commit that comes while the worker is at its upkeep, which it does all of when it starts and the jobs have never run.

with_database($node, 'upkeep');
workers_are($node, 'upkeep', 1, 'upkeep: a worker has come');
$node->safe_psql(
	'upkeep', q{
	CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_catalog.pg_sleep(0.5); RETURN NEW; END $$;
	CREATE TRIGGER linger BEFORE UPDATE ON campaign_maintenance_jobs FOR EACH ROW EXECUTE FUNCTION linger();
	ALTER TABLE campaign_maintenance_jobs DISABLE TRIGGER linger;
	UPDATE campaign_maintenance_jobs SET last_run = NULL, last_outcome = NULL;
	ALTER TABLE campaign_maintenance_jobs ENABLE TRIGGER linger});
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'campaign_lifecycle worker' AND datname = 'upkeep'");
becomes($node, 'upkeep', "SELECT count(*) FROM pg_stat_activity WHERE datname = 'upkeep' AND state = 'active' AND query = 'campaign_lifecycle: maintenance'", 1, 'it is at its upkeep');
fill($node, 'upkeep', 5);
becomes($node, 'upkeep', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 5, 'timers that are committed meanwhile are executed');
cmp_ok($node->safe_psql('upkeep', 'SELECT EXTRACT(epoch FROM max(executed_at - scheduled_at)) FROM campaign_timers'), '<', $soon, 'and need no net');

#---------------------------------------------------------------------------------------------------------------------
# The log says when a worker has found the extension, and at DEBUG1 what it does.

{
	my $log = sub { PostgreSQL::Test::Utils::slurp_file($node->logfile) };
	my $says = sub {
		my ($pattern, $what) = @_;
		my $end = time + 60;
		select undef, undef, undef, 0.05 while time < $end && $log->() !~ $pattern;
		like($log->(), $pattern, $what);
	};
	my ($pid) = worker_pids($node, 'upkeep');
	like($log->(), qr/\[$pid\] .*LOG:  campaign_lifecycle worker 0 for upkeep started/, 'a worker that has found the extension says so');
	$node->safe_psql('postgres', "ALTER SYSTEM SET log_min_messages = 'debug1'");
	$node->reload;
	$says->(qr/\[$pid\] .*DEBUG:  sleeping until/, 'DEBUG1 tells of a sleep');
	fill($node, 'upkeep', 3);
	$says->(qr/\[$pid\] .*DEBUG:  woken up/, 'of a wakeup');
	$says->(qr/\[$pid\] .*DEBUG:  claiming up to \d+ timers since \d/, 'of a claim');
	$says->(qr/\[$pid\] .*DEBUG:  batch of 3 timers: 3 succeeded, 0 failed, 0 postponed, next due at/, 'and of the end of a batch');
	$node->safe_psql('postgres', 'ALTER SYSTEM RESET log_min_messages');
	$node->reload;
}

#---------------------------------------------------------------------------------------------------------------------
# A fast stop in the midst of work, and what it left is done afterwards.

$node->safe_psql('own_schema', 'DROP FUNCTION public.slow_down');
make_busy($node, 'own_schema', 1500);
my $began = time;
$node->stop('fast');
my $took = time - $began;
note(sprintf 'fast stop took %.2f s', $took);
cmp_ok($took, '<', 10, 'a fast stop is fast while the worker works');
$node->start;
$node->safe_psql('own_schema', 'DROP TRIGGER slow_down ON campaigns');
becomes($node, 'own_schema', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 1510, 'after the stop the rest is done');
holds($node, 'own_schema', 'after the stop', schema => 'lifecycle');
answers($node, 'own_schema', 'SELECT count(*), count(DISTINCT timer_id) FROM timer_executions', '1510|1510', '1,510 timers, 1,510 executions');
$node->stop;

# The server's log tells of no error that was ours. (A terminated worker says so itself.)
my @errors = grep { /campaign_lifecycle (worker|launcher)/ && /(ERROR|PANIC|WARNING)/ } split /\n/, PostgreSQL::Test::Utils::slurp_file($node->logfile);
is(join("\n", @errors), '', 'no error of worker or launcher in the log');

done_testing();
