# Whole lives of campaigns in a server that discards its caches whenever it may.
#
# debug_discard_caches = 1 rebuilds all that a process knows of the catalogs at each call that could notice a neighbour's DDL, and a server
# with assertions overwrites memory that it frees. Whatever C++ holds of a relation, a catalog row or a plan across such a call is garbage
# there; elsewhere it takes an ALTER TABLE at that very moment. Under it two campaigns live by the worker, with a handler, while another worker
# does the maintenance; two more live by run_due_timers(); and executions are removed by hand. Skipped by a server without assertions.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

# A life takes minutes there, and more on a busy machine.
my $patience = 3600;

my $node = campaign_server('discard', extension => 0, conf => q{
autovacuum = off
jit = off
campaign_lifecycle.enabled = off
campaign_lifecycle.handler_timeout = '10min'
});
if ($node->safe_psql('postgres', 'SHOW debug_assertions') ne 'on')
{
	$node->stop;
	plan skip_all => 'the server is built without assertions';
}

# True when the query answers so; ends at once when the server is gone.
sub comes_to
{
	my ($db, $query, $expected, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	local $ENV{PGOPTIONS} = '-c debug_discard_caches=0';
	my ($out, $began) = ('', time);
	while (-f $node->data_dir . '/postmaster.pid' && time < $began + $patience)
	{
		$node->psql($db, $query, stdout => \$out);
		last if $out eq $expected;
		sleep 5;
	}
	my $good = is($out, $expected, $what);
	note(sprintf '%s: %.0f s', $what, time - $began);
	return if $good;
	# Nothing that follows would tell more.
	$node->stop('immediate', fail_ok => 1);
	done_testing();
	exit 1;
}

sub quietly
{
	my ($db, $sql) = @_;
	local $ENV{PGOPTIONS} = '-c debug_discard_caches=0';
	return $node->safe_psql($db, $sql);
}

# Old rows, which maintenance archives and removes. The arithmetic of schedules, a loop of PL/pgSQL, would take an hour and calls no C++ of ours.
create_campaign_database($node, 'maintenance');
$node->safe_psql('maintenance', q{
	ALTER FUNCTION campaign_lifecycle_internal._next_cron_time(text, timestamptz) SET debug_discard_caches = 0;
	UPDATE campaign_maintenance_jobs SET enabled = job IN ('archive-state-logs', 'cleanup-timer-executions', 'refresh-pending-timers');
	SELECT create_campaign(24);
	INSERT INTO campaign_state_log (campaign_id, from_state, to_state, trigger_event, created_at)
	SELECT c.id, 'CREATED', 'RUNNING', 'TEST', date_trunc('month', now()) - interval '14 months' FROM campaigns AS c;
	INSERT INTO timer_executions (timer_id, status, started_at, completed_at)
	SELECT t.id, 'COMPLETED', now() - interval '1 year', now() - interval '1 year' FROM campaign_timers AS t LIMIT 1});

# Each campaign lives within seconds, and one kind of its timers has a handler.
create_campaign_database($node, 'lives');
$node->safe_psql('lives', q{
	UPDATE campaign_maintenance_jobs SET enabled = false;
	UPDATE campaign_timer_policies SET delay = CASE
		WHEN state = 'CLOSED' AND timer_type = 'REWARD_REMINDER' THEN interval '1 second'
		WHEN state = 'REWARD_CLAIM' AND timer_type = 'EXPIRE_CAMPAIGN' THEN interval '2 seconds'
		ELSE delay END
	WHERE state IN ('CLOSED', 'REWARD_CLAIM');
	CREATE ROLE tables_owner NOLOGIN;
	CREATE ROLE handler_owner NOLOGIN;
	SELECT set_campaign_owner('tables_owner');
	SELECT grant_campaign_access('handler_owner', a) FROM unnest('{operator,writer}'::text[]) AS a;
	CREATE SCHEMA app;
	GRANT ALL ON SCHEMA app TO handler_owner;
	GRANT TEMPORARY ON DATABASE lives TO handler_owner;
	CREATE TABLE app.reminded (campaign uuid, at timestamptz DEFAULT now());
	GRANT ALL ON app.reminded TO handler_owner;
	SET ROLE handler_owner;
	CREATE FUNCTION app.remind(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb LANGUAGE plpgsql SET search_path = app, pg_catalog AS $$
	BEGIN
		CREATE TEMPORARY TABLE left_behind AS SELECT 1 AS a;
		INSERT INTO reminded (campaign) VALUES (campaign_id);
		RETURN jsonb_build_object('reminded', true);
	END $$;
	SELECT register_handler('REWARD_REMINDER', 'app.remind(uuid,uuid,jsonb)')});
my $create = q{SELECT count(create_campaign(1, now() - interval '1 hour' + interval '3 seconds', metadata => jsonb_build_object('n', n))) FROM generate_series(1, 2) AS n};
my $lived = q{SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'};
my $reminded = q{SELECT count(*), count(DISTINCT campaign) FROM app.reminded};
my $executed = q{SELECT count(*) FILTER (WHERE status = 'FAILED'), count(*) > 0 FROM timer_executions};

$node->append_conf('postgresql.conf', "debug_discard_caches = 1\ncampaign_lifecycle.enabled = on\n");
$node->restart;
is(quietly('lives', $create), 2, 'campaigns are created');
comes_to('lives', $lived, 2, 'they live their whole lives by the worker');
comes_to('lives', $reminded, '2|2', 'and their handler is called');
comes_to('maintenance', "SELECT string_agg(job || ': ' || coalesce(last_error, last_outcome, 'not yet'), ', ') FROM campaign_maintenance_jobs WHERE enabled AND last_outcome IS DISTINCT FROM 'ok'",
	'', 'a worker does the maintenance');
comes_to('maintenance', 'SELECT count(*) FROM campaign_state_log_archive', 1, 'and has archived an old row of the log');
is(quietly('lives', $executed), '0|t', 'no attempt has failed');

$node->append_conf('postgresql.conf', "campaign_lifecycle.enabled = off\n");
$node->reload;
comes_to('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'campaign_lifecycle worker'", 0, 'the workers leave');
is(quietly('lives', $create), 2, 'campaigns are created');
my $began = time;
while (quietly('lives', $lived) < 4 && time < $began + $patience)
{
	$node->safe_psql('lives', 'SELECT run_due_timers()');
}
is(quietly('lives', $lived), 4, 'they live their whole lives by run_due_timers()');
is(quietly('lives', $reminded), '4|4', 'and their handler is called');
is(quietly('lives', $executed), '0|t', 'no attempt has failed');

is($node->safe_psql('maintenance', "SELECT cleanup_timer_executions('0') >= 0"), 't', 'executions are removed by hand');
{
	local $ENV{PGOPTIONS} = '-c debug_discard_caches=0';
	check_invariants($node, 'lives', 'after four lives');
}
unlike(slurp_file($node->logfile), qr/^TRAP:|was terminated by signal/m, 'no assertion has failed, no process has crashed');
$node->stop;
done_testing();
