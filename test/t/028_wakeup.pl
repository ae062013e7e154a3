# A commit wakes the worker for the timer it brings.
#
# The net (naptime, 60 s) is longer than any wait here should be, so a timer executed within seconds shows that a commit or the clock
# woke the worker: by INSERT, UPDATE, COPY, COMMIT PREPARED, logical replication, the worker's own commit, a setting. Then commits that
# come in the midst of a batch, the statements that a lone timer costs, and a timer that was locked before an error ended the pass.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes 'time';

# Seconds by which a loaded machine may delay a timer, and which the net would exceed.
my $soon = 25;
my $insert = "INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) VALUES ('ID', 'EXPIRE_CAMPAIGN', now())";

my $node = campaign_server('wakeup', conf => "campaign_lifecycle.batch_size = 100\n", extension => 0);

sub running_campaign
{
	my ($db) = @_;
	return $node->safe_psql($db, "INSERT INTO campaigns (status, duration_hours) VALUES ('RUNNING', 1) RETURNING id");
}

# Run the statements with ID replaced by that of a new campaign, and assert that its timer is executed soon.
sub wakes
{
	my ($db, $what, $sql) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $id = running_campaign($db);
	my $began = time;
	$node->safe_psql($db, $sql =~ s/ID/$id/gr);
	poll_is($node, $db, "SELECT status FROM campaigns WHERE id = '$id'", 'EXPIRED', "$what: its timer is executed");
	cmp_ok(time - $began, '<', $soon, "$what: the worker wakes within $soon s");
	return;
}

# A database whose worker has executed a timer and waits for one that is a day away.
sub with_idle_worker
{
	my ($name, $code) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return in_database($node, $name, sub {
		my ($db) = @_;
		$node->safe_psql(
			$db, q{
			WITH c AS (INSERT INTO campaigns (status, duration_hours) VALUES ('RUNNING', 1) RETURNING id)
			INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) SELECT id, 'EXPIRE_CAMPAIGN', now() + interval '1 day' FROM c});
		add_due_campaigns($node, $db, 1);
		$node->poll_query_until($db, "SELECT count(*) = 1 FROM campaigns WHERE status = 'EXPIRED'") or die 'the worker does nothing';
		$node->poll_query_until($db, "SELECT state = 'idle' FROM campaign_workers WHERE database = current_database()") or die 'the worker is not idle';
		$code->($db);
		query_is($node, $db, "SELECT count(*) FROM campaign_timers WHERE executed_at - greatest(scheduled_at, created_at) > interval '$soon seconds'", 0,
			"no timer was more than $soon s late");
		check_invariants($node, $db, $name);
	});
}

#---------------------------------------------------------------------------------------------------------------------
# Every kind of commit that brings an earlier timer

for my $case (
	[ 'INSERT' => $insert ],
	[ 'INSERT of a timer due in a moment' => $insert =~ s/now\(\)/now() + interval '0.7 seconds'/r ],
	[ 'UPDATE of scheduled_at' => $insert =~ s/now\(\)/now() + interval '1 hour'/r . "; UPDATE campaign_timers SET scheduled_at = now() WHERE campaign_id = 'ID'" ],
	[ 'UPDATE of status' => $insert =~ s/now\(\)/now() + interval '1 hour'/r
		. "; UPDATE campaign_timers SET scheduled_at = now(), status = 'FAILED', retry_count = 5 WHERE campaign_id = 'ID'; UPDATE campaign_timers SET status = 'PENDING' WHERE campaign_id = 'ID'" ],
	[ 'COPY' => "COPY campaign_timers (campaign_id, timer_type, scheduled_at) FROM STDIN;\nID\tEXPIRE_CAMPAIGN\tnow\n\\.\n" ],
	[ 'COMMIT PREPARED' => "BEGIN; $insert; PREPARE TRANSACTION 'two phases'; COMMIT PREPARED 'two phases'" ],
	[ 'INSERT in a released savepoint' => "BEGIN; SAVEPOINT s; $insert; RELEASE s; COMMIT" ],
	[ 'INSERT by logical replication' => "SET session_replication_role = replica; $insert" ],
	[ 'schedule_timer()' => "SELECT schedule_timer('ID', 'EXPIRE_CAMPAIGN', now())" ],
	[ 'retry_timer()' => "WITH t AS (INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at, status, retry_count)
		VALUES ('ID', 'EXPIRE_CAMPAIGN', now() + interval '1 hour', 'FAILED', 5) RETURNING id) SELECT id AS timer FROM t \\gset\nSELECT retry_timer(:'timer')" ])
{
	my ($what, $sql) = @$case;
	with_idle_worker("$what wakes the worker", sub { wakes($_[0], $what, $sql) });
}

# The trigger defers to the commit of the worker's own batch, which comes after the worker has asked for the next timer that is due.
with_idle_worker("a deferred trigger in the worker's own commit wakes the worker", sub {
	my ($db) = @_;
	$node->safe_psql(
		$db, q{
		CREATE FUNCTION public.end_soon() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			UPDATE public.campaign_timers SET scheduled_at = pg_catalog.clock_timestamp() + interval '1 second'
			WHERE campaign_id = NEW.id AND timer_type = 'EXPIRE_CAMPAIGN' AND status = 'PENDING';
			RETURN NULL;
		END $$;
		CREATE CONSTRAINT TRIGGER end_soon AFTER UPDATE ON campaigns DEFERRABLE INITIALLY DEFERRED
			FOR EACH ROW WHEN (NEW.status = 'CLOSED') EXECUTE FUNCTION public.end_soon()});
	wakes($db, 'UPDATE by a deferred trigger', $insert =~ s/EXPIRE/CLOSE/r);
});

#---------------------------------------------------------------------------------------------------------------------
# Commits in the midst of a batch

# The transaction began before the worker's last pass. Only its own wake-up leads back to its timer, because later timers are due as well.
with_idle_worker('an old transaction that commits during a batch wakes the worker', sub {
	my ($db) = @_;
	my $early = $node->background_psql($db);
	my $id = running_campaign($db);
	$early->query_safe('BEGIN; ' . $insert =~ s/ID/$id/r);
	wakes($db, 'a commit that overtakes the old transaction', $insert);
	$node->safe_psql(
		$db, q{
		CREATE FUNCTION public.linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_catalog.pg_sleep(2); RETURN NEW; END $$;
		CREATE TRIGGER linger BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (NEW.metadata ? 'linger') EXECUTE FUNCTION public.linger();
		WITH c AS (INSERT INTO campaigns (status, duration_hours, metadata) VALUES ('RUNNING', 1, '{"linger": true}'), ('RUNNING', 1, '{}') RETURNING id, metadata)
		INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at)
		SELECT id, 'EXPIRE_CAMPAIGN', now() + CASE WHEN metadata ? 'linger' THEN interval '0' ELSE interval '0.7 seconds' END FROM c});
	poll_is($node, $db, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'campaign_lifecycle worker' AND wait_event = 'PgSleep'", 1,
		'the worker is in the midst of a batch');
	$early->query_safe('COMMIT');
	my $began = time;
	poll_is($node, $db, "SELECT status FROM campaigns WHERE id = '$id'", 'EXPIRED', 'the timer of the old transaction is executed');
	cmp_ok(time - $began, '<', $soon, "it is executed within $soon s of its commit");
	$early->quit;
});

#---------------------------------------------------------------------------------------------------------------------
# A lone timer

# Shortly before the timer is due the worker reads what its batch will read: the policies, for one, are read twice. It writes nothing then.
with_idle_worker('reading ahead for a lone timer writes nothing', sub {
	my ($db) = @_;
	my $traced = join "\n", map {
		"CREATE TRIGGER traced_before BEFORE INSERT OR UPDATE ON $_ FOR EACH STATEMENT EXECUTE FUNCTION public.trace();
		CREATE TRIGGER traced_after AFTER INSERT OR UPDATE ON $_ FOR EACH STATEMENT EXECUTE FUNCTION public.trace();"
	} qw(campaigns campaign_timers campaign_state_log timer_executions campaign_metrics);
	my $id = running_campaign($db);
	$node->safe_psql($db, qq{
		CREATE TABLE public.traces (what text, at timestamptz);
		CREATE FUNCTION public.trace() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
			INSERT INTO public.traces VALUES (pg_catalog.concat_ws(' ', TG_WHEN, TG_OP, TG_TABLE_NAME), pg_catalog.now());
			RETURN NULL;
		END \$\$;} . ($insert =~ s/now\(\)/now() + interval '1.5 seconds'/r =~ s/ID/$id/r) . "; $traced");
	my $reads = "SELECT seq_scan + coalesce(idx_scan, 0) FROM pg_stat_user_tables WHERE relname = 'campaign_timer_policies'";
	my $before = $node->safe_psql($db, $reads);
	poll_is($node, $db, "SELECT status FROM campaigns WHERE id = '$id'", 'EXPIRED', 'a timer that stands alone is executed');
	poll_is($node, $db, "SELECT ($reads) - $before >= 2", 't', 'the policies were read ahead of the batch and in it');
	query_is($node, $db, "SELECT string_agg(what, ', ' ORDER BY what) FROM public.traces WHERE what LIKE 'BEFORE%'",
		'BEFORE INSERT campaign_metrics, BEFORE INSERT campaign_state_log, BEFORE INSERT timer_executions, BEFORE UPDATE campaign_timers, BEFORE UPDATE campaigns',
		'a BEFORE STATEMENT trigger fires once for each of the five tables');
	query_is($node, $db, "SELECT count(*) FILTER (WHERE what LIKE 'AFTER%'), bool_and(at >= scheduled_at) FROM public.traces, campaign_timers WHERE campaign_id = '$id'",
		'5|t', 'an AFTER STATEMENT trigger fires once for each table, and none fires before the timer is due');
});

#---------------------------------------------------------------------------------------------------------------------
# Timers that a pass has left behind

# Three timers: one is locked, the next is free, the third raises an error that ends the pass before the worker returns to the first.
with_idle_worker('a locked timer is found again after an error ended the pass', sub {
	my ($db) = @_;
	my $state = sub { return "SELECT count(*) FROM campaigns WHERE metadata ? '$_[0]' AND status = 'EXPIRED'" };
	set_and_reload($node, batch_size => 1);
	# The setting holds from the next batch but one.
	wakes($db, 'a commit under batch_size = 1', $insert);
	$node->safe_psql(
		$db, q{
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
		WITH c AS (INSERT INTO campaigns (status, duration_hours, metadata)
			VALUES ('RUNNING', 1, '{"locked": true}'), ('RUNNING', 1, '{"free": true}'), ('RUNNING', 1, '{"trouble": true}')
			RETURNING id, metadata)
		INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at)
		SELECT id, 'EXPIRE_CAMPAIGN', now() + CASE WHEN metadata ? 'free' THEN interval '1 ms' WHEN metadata ? 'trouble' THEN interval '2 ms' ELSE interval '0' END FROM c});
	my $holder = $node->background_psql($db);
	$holder->query_safe("BEGIN; SELECT FROM campaigns WHERE metadata ? 'locked' FOR UPDATE");
	$node->safe_psql($db, 'SELECT resume_timers()');
	poll_is($node, $db, "SELECT last_error LIKE '55P03: trouble' FROM campaign_workers WHERE database = current_database()", 't', 'the third timer ends the pass with its error');
	query_is($node, $db, $state->('free'), 1, 'the free timer was executed before the error');
	$node->safe_psql($db, 'INSERT INTO public.peace VALUES (true)');
	poll_is($node, $db, $state->('trouble'), 1, 'the third timer is executed when its trigger raises no more');
	$holder->query_safe('ROLLBACK');
	my $began = time;
	poll_is($node, $db, $state->('locked'), 1, 'the locked timer is executed when its lock is released');
	cmp_ok(time - $began, '<', $soon, "the locked timer is executed within $soon s of the release");
	$holder->quit;
	set_and_reload($node, batch_size => undef);
});

# No trigger tells of the timer, so that only the net finds it.
with_idle_worker('a shorter naptime holds after a reload', sub {
	my ($db) = @_;
	my $pids = join ' ', worker_pids($node, $db);
	set_and_reload($node, naptime => '200ms');
	wakes($db, 'naptime = 200ms', "BEGIN; ALTER TABLE campaign_timers DISABLE TRIGGER USER; $insert; ALTER TABLE campaign_timers ENABLE TRIGGER USER;
		ALTER TABLE campaign_timers ENABLE ALWAYS TRIGGER wake_worker_on_insert; ALTER TABLE campaign_timers ENABLE ALWAYS TRIGGER wake_worker_on_update; COMMIT");
	set_and_reload($node, naptime => undef);
	is(join(' ', worker_pids($node, $db)), $pids, 'the same worker goes on after a reload');
});

$node->stop;
my @errors = grep { /campaign_lifecycle (worker|launcher)/ && /(ERROR|PANIC|WARNING)/ } split /\n/, slurp_file($node->logfile);
is(join("\n", @errors), '', 'the log has no error and no warning of worker or launcher');
done_testing();
