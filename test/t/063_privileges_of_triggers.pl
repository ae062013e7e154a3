# Code that is attached to the tables runs as their owner, in the worker and in every function that a superuser calls.
#
# The attackers are mallory, a role with every privilege on the tables and CREATE on the schema, and tables_owner, a plain role that owns
# them. Row, statement and deferred triggers on every table, defaults, checks, generated columns, expression indexes, domains, policies,
# then rules and views all call loot.spring(), which tries to become a superuser. The worker, run_due_timers(), maintenance and health meet
# them. Each trap must run as tables_owner, also in the worker's commit, where deferred triggers run; the work must be done all the same;
# and nothing of the traps may be left in the session of the superuser that called.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignLoot;
use CampaignServer;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = campaign_server('attacks_on_writers', conf => "campaign_lifecycle.retry_base_delay = '1ms'\ncampaign_lifecycle.retry_jitter = 0\n");
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');

sub sql { return $node->safe_psql('postgres', $_[0]) }

# Query as the owner. A superuser must not even read: the planner calls immutable functions of a table's indexes.
sub as_owner { return as($node, 'postgres', 'tables_owner', "SET application_name = 'a look'; $_[0]") }

sub owner_query_is
{
	my ($query, $expected, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(as_owner($query), $expected, $what);
}

sub owner_poll_is
{
	my ($query, $expected, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($found, $until) = ('', time + 20);
	sleep 0.1 while ($found = as_owner($query)) ne $expected && time < $until;
	return is($found, $expected, $what);
}

lay_traps($node, 'postgres');
sql(q{
	CREATE ROLE operator LOGIN;
	SELECT grant_campaign_access('operator', 'operator');
	SELECT set_campaign_owner('tables_owner');
	SELECT grant_campaign_access('mallory', 'operator'), grant_campaign_access('mallory', 'writer');
	GRANT ALL ON ALL TABLES IN SCHEMA public TO mallory});

# Add old rows for maintenance and timers that are due. The owner writes them, because a superuser would spring the traps as a superuser.
sub add_rows
{
	my ($number) = @_;
	as_owner(qq{
		BEGIN;
		WITH c AS (
				INSERT INTO public.campaigns (status, duration_hours, start_time, end_time, auto_close)
				SELECT 'CREATED', 1, now() - interval '1 hour', now(), true FROM generate_series(1, $number)
				RETURNING id)
		INSERT INTO public.campaign_timers (campaign_id, timer_type, scheduled_at) SELECT id, 'START_CAMPAIGN', now() FROM c;
		INSERT INTO public.campaign_state_log (campaign_id, to_state, trigger_event, created_at) SELECT id, 'CREATED', 'TEST', now() - interval '20 months' FROM public.campaigns;
		WITH t AS (
				INSERT INTO public.campaign_timers (campaign_id, timer_type, scheduled_at, status)
				SELECT id, 'EXPIRE_CAMPAIGN', now() - interval '1 year', 'COMPLETED' FROM public.campaigns
				RETURNING id)
		INSERT INTO public.timer_executions (timer_id, status, started_at, completed_at) SELECT id, 'COMPLETED', now() - interval '1 year', now() - interval '1 year' FROM t;
		COMMIT});
	sql('TRUNCATE loot.notes');
	return;
}
my $due = "SELECT count(*) FROM campaign_timers WHERE scheduled_at <= now() AND (status = 'PENDING' OR status = 'FAILED' AND retry_count < 5)";

sub with_worker
{
	my ($steps) = @_;
	set_and_reload($node, enabled => undef);
	$steps->();
	set_and_reload($node, enabled => 'off');
	poll_worker_count($node, 'postgres', 0, 'enabled = off ends the worker');
	return;
}

# Assert what a call of a superuser returns, and that nothing of other roles is left in the session.
sub superuser_calls
{
	my ($call, $expected) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $out = sql(qq{
		SET application_name = 'a superuser';
		SET client_min_messages = error;
		CREATE TEMPORARY TABLE own (a integer);
		PREPARE own AS SELECT 1;
		SELECT $call;
		SELECT current_user = session_user, current_setting('search_path'), current_setting('row_security'), current_setting('timezone') <> 'Asia/Kathmandu',
			(SELECT pg_catalog.string_agg(c.relname, ',') FROM pg_class AS c WHERE c.relnamespace = pg_my_temp_schema()),
			(SELECT pg_catalog.string_agg(p.name, ',') FROM pg_prepared_statements AS p), (SELECT count(*) FROM pg_cursors WHERE is_holdable)});
	my ($returned, $session) = $out =~ /\A(.*)\n(.*)\z/s;
	like($returned // '', $expected, "$call called by a superuser succeeds");
	is($session, 't|"$user", public|on|t|own|own|0', "$call leaves the session of a superuser as it was");
	return;
}

#---------------------------------------------------------------------------------------------------------------------
# Triggers of mallory on every table, also on those that belong to the extension

my @tables = split /\n/, sql(q{
	SELECT relation FROM campaign_lifecycle_internal._campaign_relations() AS r JOIN pg_class AS c ON c.oid = r.relation
	WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1::text});
cmp_ok(scalar @tables, '>=', 13, 'there are at least 13 tables to put triggers on');
set_and_reload($node, enabled => 'off');
poll_worker_count($node, 'postgres', 0, 'no worker runs while the traps are laid');
add_rows(20);
for my $table (@tables)
{
	my $events = $table eq 'campaign_state_log_archive' ? 'INSERT' : 'INSERT OR UPDATE OR DELETE';
	as($node, 'postgres', 'mallory', qq{
		CREATE TRIGGER "row before $table" BEFORE $events ON $table FOR EACH ROW EXECUTE FUNCTION loot.spring_trigger();
		CREATE TRIGGER "row after $table" AFTER $events ON $table FOR EACH ROW EXECUTE FUNCTION loot.spring_trigger();
		CREATE TRIGGER "statement before $table" BEFORE $events OR TRUNCATE ON $table FOR EACH STATEMENT EXECUTE FUNCTION loot.spring_trigger();
		CREATE TRIGGER "statement after $table" AFTER $events OR TRUNCATE ON $table FOR EACH STATEMENT EXECUTE FUNCTION loot.spring_trigger();
		CREATE CONSTRAINT TRIGGER "deferred $table" AFTER $events ON $table DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION loot.spring_trigger();
	});
}
as($node, 'postgres', 'mallory', q{CREATE TRIGGER "transition table" AFTER UPDATE ON campaigns REFERENCING NEW TABLE AS moved FOR EACH STATEMENT EXECUTE FUNCTION loot.spring_trigger()});

# Everything else that an owner can attach. Names are qualified, because a default may have left a temporary table in this session.
for my $table (@tables)
{
	next if $table =~ /campaign_activation|campaign_clean_run/;
	# A month that enters the archive has the checks of both.
	my $check = $table =~ s/_archive$//r;
	as($node, 'postgres', 'tables_owner', qq{
		ALTER TABLE public.$table ADD COLUMN trapped boolean DEFAULT loot.trap('default $table');
		ALTER TABLE public.$table ADD CONSTRAINT trapped CHECK (loot.trap('check $check'));
		CREATE INDEX ON public.$table ((loot.frozen_trap('index $table')));
		CREATE POLICY trapped ON public.$table USING (loot.trap('policy $table'));
		ALTER TABLE public.$table ENABLE ROW LEVEL SECURITY});
}
as($node, 'postgres', 'tables_owner', q{
	CREATE DOMAIN loot.trapped AS integer CHECK (loot.trap('domain'));
	ALTER TABLE public.campaigns ADD COLUMN trapped_domain loot.trapped DEFAULT 1, ADD COLUMN trapped_generated boolean GENERATED ALWAYS AS (loot.frozen_trap('generated campaigns')) STORED;
	ALTER TABLE public.campaign_timers ADD COLUMN trapped_generated boolean GENERATED ALWAYS AS (loot.frozen_trap('generated campaign_timers')) STORED;
	CREATE TABLE loot.child () INHERITS (public.campaign_metrics)});
sql('TRUNCATE loot.notes');
# The traps work: a superuser that writes the tables runs them as a superuser.
like(sql(q{
	BEGIN;
	UPDATE campaigns SET metadata = '{}';
	SET CONSTRAINTS ALL IMMEDIATE;
	SELECT string_agg(DISTINCT n.what || ' as ' || n.who, ', ') FROM loot.notes AS n WHERE n.what LIKE 'deferred campaigns%' AND n.what LIKE '%ALTER ROLE%';
	ROLLBACK}), qr/deferred campaigns after ALTER ROLE mallory SUPERUSER as \Q$superuser\E/, 'plain SQL of a superuser springs the traps');

#---------------------------------------------------------------------------------------------------------------------
# The worker

set_and_reload($node, enabled => undef);
owner_poll_is($due, 0, 'the worker executes every timer') or diag sql('SELECT last_error FROM campaign_workers');
owner_query_is("SELECT count(*), count(*) FILTER (WHERE status = 'FAILED') FROM timer_executions WHERE started_at > now() - interval '1 day'", '40|0', '40 attempts of the worker have succeeded and none has failed');
owner_query_is("SELECT DISTINCT status FROM campaigns", 'CLOSED', 'each campaign is CLOSED');
owner_poll_is("SELECT count(*) FROM campaign_maintenance_jobs WHERE enabled AND last_outcome IS DISTINCT FROM 'ok'", 0, 'each maintenance job of the worker has succeeded');
owner_query_is("SELECT string_agg(DISTINCT who, ',') FROM loot.notes WHERE session = 'campaign_lifecycle worker'", 'tables_owner', 'all code that the worker met ran as the owner of the tables');
for my $table ('campaigns', 'campaign_timers', 'campaign_state_log', 'timer_executions', 'campaign_metrics', 'campaign_maintenance_jobs')
{
	for my $trap ("row before $table", "row after $table", "statement before $table", "statement after $table", "deferred $table", "check $table", "index $table", $table =~ /^(campaigns|campaign_maintenance_jobs)$/ ? () : "default $table")
	{
		owner_query_is("SELECT count(*) > 0 FROM loot.notes WHERE session = 'campaign_lifecycle worker' AND what = '$trap'", 't', "the worker has met the trap \"$trap\"");
	}
}
owner_query_is("SELECT count(DISTINCT what) FROM loot.notes WHERE session = 'campaign_lifecycle worker' AND what IN ('domain', 'generated campaigns', 'generated campaign_timers', 'transition table')",
	3, 'the worker has met a domain, generated columns and a transition table') or owner_query_is("SELECT DISTINCT zone FROM (SELECT DISTINCT ON (transaction) zone FROM loot.notes WHERE session = 'campaign_lifecycle worker' ORDER BY transaction, place) AS n",
	'UTC', 'each transaction of the worker began with its pinned settings');
set_and_reload($node, enabled => 'off');
poll_worker_count($node, 'postgres', 0, 'enabled = off ends the worker after the traps');
traps_ran_as($node, 'postgres', 'tables_owner', 'the worker');

#---------------------------------------------------------------------------------------------------------------------
# Calls of a superuser, and of an operator

for my $caller ($superuser, 'operator')
{
	add_rows(5);
	if ($caller eq $superuser)
	{
		superuser_calls('run_due_timers()', qr/^10$/);
		superuser_calls('create_monthly_partitions(5)', qr/^\d+$/);
		superuser_calls("archive_old_state_logs('1 year')", qr/^\d+$/);
		superuser_calls("cleanup_timer_executions('6 months')", qr/^\d+$/);
		superuser_calls('unschedule_maintenance()', qr/^f$/);
		superuser_calls('count(*) > 10 FROM campaign_health()', qr/^t$/);
		superuser_calls('upgrade_campaign_tables()', qr/^$/);
	}
	else
	{
		is(as($node, 'postgres', $caller, 'SELECT run_due_timers()'), 10, "run_due_timers() called by $caller attempts ten timers");
		like(as($node, 'postgres', $caller, $_), qr/^\d+$/, "$_ called by $caller succeeds")
		  for 'SELECT create_monthly_partitions(7)', "SELECT archive_old_state_logs('1 year')", "SELECT cleanup_timer_executions('6 months')";
	}
	owner_query_is($due, 0, "no timer is due after the calls of $caller");
	owner_query_is("SELECT count(*) FROM campaign_state_log WHERE created_at < now() - interval '1 year'", 0, "no old row is in the log after the calls of $caller");
	for my $trap ('row before campaigns', 'deferred campaigns', 'deferred campaign_timers', 'deferred campaign_state_log', 'check timer_executions', 'statement after timer_executions', 'default campaign_metrics')
	{
		owner_query_is("SELECT count(*) > 0 FROM loot.notes WHERE session <> 'a look' AND what = '$trap'", 't', "the calls of $caller have met the trap \"$trap\"");
	}
	traps_ran_as($node, 'postgres', 'tables_owner', "calls of $caller");
}

# A backfill runs as its caller, and records its progress in a table that belongs to the owner.
sql('CREATE TABLE loot.filled (id integer PRIMARY KEY, a integer)');
like(error_as($node, 'postgres', $superuser, q{CALL backfill_column('loot.filled', 'a', '7')}), qr/a superuser cannot run a backfill while campaign_backfills belongs to a plain role/, 'backfill_column() refuses a superuser while a plain role owns its table');
is(sql('SELECT count(*) FROM loot.notes'), 0, 'the refused backfill springs no trap');

# Objects that the session of the superuser would meet later are refused, and everything is undone.
for my $left (
	[ "EXECUTE 'DEALLOCATE trusted'; EXECUTE 'PREPARE trusted AS SELECT loot.spring(''prepared statement'')'", 'a prepared statement' ],
	[ "EXECUTE 'DEALLOCATE ALL'",                                                'DEALLOCATE' ],
	[ "EXECUTE 'DECLARE kept CURSOR WITH HOLD FOR SELECT loot.spring(''cursor'')'", 'a cursor WITH HOLD' ])
{
	as($node, 'postgres', 'mallory', qq{
		CREATE OR REPLACE FUNCTION loot.leave() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN $left->[0]; RETURN NEW; END \$\$;
		CREATE OR REPLACE TRIGGER leave AFTER UPDATE ON public.campaigns FOR EACH ROW WHEN (NEW.status = 'RUNNING') EXECUTE FUNCTION loot.leave()});
	add_rows(1);
	my $err = error_as($node, 'postgres', $superuser, q{PREPARE trusted AS SELECT 1; SELECT run_due_timers()});
	like($err, qr/a trigger or handler left a cursor WITH HOLD open, or changed prepared statements/, "run_due_timers() refuses $left->[1] of a trigger");
	owner_query_is('SELECT count(*) FROM timer_executions WHERE started_at > now() - interval \'1 minute\' AND status = \'STARTED\'', 0, 'no execution of the refused call is left');
	owner_query_is($due, 1, 'the timer of the refused call waits');
	as_owner("UPDATE campaign_timers SET status = 'CANCELLED' WHERE status IN ('PENDING', 'FAILED')");
}
as($node, 'postgres', $superuser, 'DROP FUNCTION loot.leave() CASCADE');
traps_ran_as($node, 'postgres', 'tables_owner', 'leavings');

# A role that only writes, with everything planted in its own search_path: the log is written in its session with the rights of the log's owner.
my $moved = as($node, 'postgres', 'mallory', q{
	SET search_path = public;
	SELECT create_campaign(1) AS id \gset
	SET search_path = loot, pg_catalog, public;
	CREATE FUNCTION loot.jsonb_or(jsonb, jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT CASE WHEN loot.spring('operator || of loot') THEN $1 OPERATOR(pg_catalog.||) $2 END $$;
	CREATE OPERATOR loot.|| (LEFTARG = jsonb, RIGHTARG = jsonb, FUNCTION = loot.jsonb_or);
	CREATE FUNCTION loot.more(integer, integer) RETURNS boolean LANGUAGE sql AS $$ SELECT loot.spring('operator > of loot') AND $1 OPERATOR(pg_catalog.>) $2 $$;
	CREATE OPERATOR loot.> (LEFTARG = integer, RIGHTARG = integer, FUNCTION = loot.more);
	CREATE FUNCTION loot.left(text, integer) RETURNS text LANGUAGE sql AS $$ SELECT CASE WHEN loot.spring('left() of loot') THEN pg_catalog.left($1, $2) END $$;
	CREATE FUNCTION loot.length(text) RETURNS integer LANGUAGE sql AS $$ SELECT CASE WHEN loot.spring('length() of loot') THEN pg_catalog.length($1) END $$;
	CREATE FUNCTION loot.unnest(anyarray) RETURNS SETOF anyelement LANGUAGE sql AS $$ SELECT pg_catalog.unnest($1) WHERE loot.spring('unnest() of loot') $$;
	CREATE FUNCTION loot.pg_notify(text, text) RETURNS void LANGUAGE sql AS $$ SELECT loot.spring('pg_notify() of loot') $$;
	CREATE DOMAIN loot.jsonb AS pg_catalog.jsonb CHECK (loot.spring('type jsonb of loot'));
	CREATE DOMAIN loot.timestamptz AS pg_catalog.timestamptz CHECK (loot.spring('type timestamptz of loot'));
	CREATE TYPE loot.regclass AS (a pg_catalog.text);
	CREATE FUNCTION loot.to_regclass(pg_catalog.text) RETURNS loot.regclass LANGUAGE sql AS $$ SELECT ROW($1)::loot.regclass WHERE loot.spring('cast to regclass of loot') $$;
	CREATE CAST (pg_catalog.text AS loot.regclass) WITH FUNCTION loot.to_regclass(pg_catalog.text) AS IMPLICIT;
	SELECT public.transition_campaign(:'id', 'RUNNING');
	-- Not by a function of the API, which has a search_path of its own.
	SELECT pg_catalog.set_config('campaign_lifecycle.trigger_event', pg_catalog.repeat('x', 100), false);
	UPDATE public.campaigns SET status = 'CLOSED' WHERE id OPERATOR(pg_catalog.=) :'id'});
like($moved, qr/^CREATED\nx+$/, 'a writer moves a campaign under a search_path of its own');
is(sql("SELECT count(*) FROM loot.notes WHERE who <> 'mallory' AND what ~ 'of loot'"), 0, 'no code planted in the writer\'s search_path ran as the owner of the log');
owner_query_is("SELECT count(*) FROM campaign_state_log WHERE trigger_event ~ '^x{50}\$'", 1, 'the log has the writer\'s event, cut to 50 characters');
traps_ran_as($node, 'postgres', 'mallory,tables_owner', 'a writer');

#---------------------------------------------------------------------------------------------------------------------
# A handler that the owner of the tables says a superuser has registered

sql(q{
	CREATE FUNCTION public.trusted(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb LANGUAGE plpgsql SET search_path = pg_catalog AS $$
	BEGIN
		EXECUTE payload ->> 'run';
		RETURN NULL;
	END
	$$});
as($node, 'postgres', 'tables_owner', qq{
	ALTER TABLE public.campaign_timer_handlers DISABLE TRIGGER ALL;
	INSERT INTO public.campaign_timer_handlers (timer_type, handler, handler_owner) VALUES ('START_CAMPAIGN', 'public.trusted(uuid,uuid,jsonb)', '$superuser');
	ALTER TABLE public.campaign_timer_handlers ENABLE TRIGGER ALL});
add_rows(2);
as_owner(q{UPDATE public.campaign_timers SET payload = '{"run": "ALTER ROLE mallory SUPERUSER"}' WHERE status = 'PENDING'});
my $forged = "SELECT count(*), count(DISTINCT timer_id) FROM timer_executions WHERE error_message = '42501: handler public.trusted(uuid,uuid,jsonb) belongs to a superuser, and the campaign tables do not'";
sql('SELECT run_due_timers(1)');
owner_query_is($forged, '1|1', 'run_due_timers() does not call a handler forged for a superuser');
with_worker(sub { owner_poll_is($forged, '10|2', 'the worker does not call a handler forged for a superuser at any attempt') });
as_owner('DELETE FROM campaign_timer_handlers');
traps_ran_as($node, 'postgres', 'tables_owner', 'a forged handler');

#---------------------------------------------------------------------------------------------------------------------
# Policies that are forced upon the owner: the worker does not skip rows that they hide, it fails, and the timer waits

add_rows(1);
as_owner('ALTER TABLE campaigns FORCE ROW LEVEL SECURITY');
with_worker(sub { poll_is($node, 'postgres', "SELECT last_error FROM campaign_workers WHERE database = 'postgres'", '42501: row-level security is forced on table "campaigns"', 'forced row-level security is an error of the worker') });
owner_query_is("SELECT count(*) FROM campaign_timers WHERE status = 'PENDING' AND scheduled_at <= now()", 1, 'the timer waits under forced row-level security');
is(sql("SELECT status FROM campaign_health() WHERE check_name = 'row_security'"), 'critical', 'the check row_security is critical under forced row-level security');
as_owner('ALTER TABLE campaigns NO FORCE ROW LEVEL SECURITY');
with_worker(sub { owner_poll_is($due, 0, 'the timer is executed when row-level security is not forced') });
traps_ran_as($node, 'postgres', 'tables_owner', 'forced policies');

#---------------------------------------------------------------------------------------------------------------------
# Rules and views of the owner may change what a batch does, but their code must run as the owner.

add_rows(5);
for my $table ('campaigns', 'campaign_timers', 'campaign_state_log', 'timer_executions', 'campaign_metrics', 'campaign_maintenance_jobs', 'campaign_tables_version')
{
	as($node, 'postgres', 'tables_owner', "CREATE RULE trapped_$_ AS ON $_ TO public.$table DO ALSO SELECT loot.trap('rule $table')") for 'INSERT', 'UPDATE', 'DELETE';
}
as($node, 'postgres', 'tables_owner', q{
	CREATE OR REPLACE FUNCTION loot.add_trap(name text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
	BEGIN
		EXECUTE format('CREATE OR REPLACE VIEW public.%I AS SELECT * FROM (%s) AS q WHERE loot.trap(%L)', name, rtrim(pg_get_viewdef(format('public.%I', name)::regclass), ';'), 'view ' || name);
	END
	$$;
	SELECT loot.add_trap(name) FROM unnest('{_runnable_timers,upcoming_timers,stuck_timers,failed_timers,dead_timers}'::text[]) AS name});
with_worker(
	sub {
		poll_is($node, 'postgres', "SELECT batches + failures > 0 OR last_error IS NOT NULL FROM campaign_workers WHERE database = 'postgres'", 't', 'the worker runs with rules and views in its way');
	});
# An error of such a call would be the owner's doing as well.
error_as($node, 'postgres', $superuser, "SELECT $_")
  for 'run_due_timers()', 'create_monthly_partitions(9)', "archive_old_state_logs('1 year')", "cleanup_timer_executions('6 months')", 'upgrade_campaign_tables()', 'unschedule_maintenance()';
superuser_calls('count(*) > 10 FROM campaign_health()', qr/^t$/);
traps_ran_as($node, 'postgres', 'tables_owner', 'rules and views');

# Views in the place of tables, read by a superuser who asks for the health.
as($node, 'postgres', 'tables_owner', qq{
	ALTER TABLE public.$_ RENAME TO real_$_;
	CREATE VIEW public.$_ AS SELECT * FROM public.real_$_ AS t WHERE loot.trap('view $_')}) for 'campaign_tables_version', 'campaign_maintenance_jobs', 'timer_executions', 'campaign_state_log_default';
sql('TRUNCATE loot.notes');
superuser_calls('count(*) > 10 FROM campaign_health()', qr/^t$/);
error_as($node, 'postgres', $superuser, "SELECT $_") for 'run_due_timers()', 'cleanup_timer_executions(\'6 months\')', 'unschedule_maintenance()', 'schedule_maintenance()', 'upgrade_campaign_tables()';
owner_query_is("SELECT count(DISTINCT what) >= 3 FROM loot.notes WHERE what LIKE 'view %'", 't', 'campaign_health() reads views in the place of tables') or diag sql('SELECT DISTINCT what FROM loot.notes');
with_worker(sub { poll_is($node, 'postgres', "SELECT state FROM campaign_workers WHERE database = 'postgres'", 'paused', 'the worker is paused by views in the place of tables') });
traps_ran_as($node, 'postgres', 'tables_owner', 'views in the place of tables');

$node->stop;
done_testing();
