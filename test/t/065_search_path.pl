# Triggers, defaults and checks of users resolve names under campaign_lifecycle.search_path in the worker, in maintenance and in the log, and
# under the caller's search_path in functions that write as their caller. Statements of the extension depend on neither.
#
# An audit trigger as users write it, without a schema before its table and without a search_path, is on every table. Schemas away and
# elsewhere have a table of that name, too. First comes the life of a campaign under settings of database and roles that point away; then
# schemas with planted functions, operators and tables, before pg_catalog; then roles that share a session and its plans.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignLoot;
use CampaignScenarios;
use CampaignServer;
use Test::More;

my $node = campaign_server('search_path', extension => 0, conf => "campaign_lifecycle.retry_base_delay = '1ms'\ncampaign_lifecycle.retry_jitter = 0\n");
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
my @tables = qw(campaigns campaign_timers campaign_state_log campaign_metrics timer_executions campaign_maintenance_jobs);

# Attach the triggers, a default that calls a function by its bare name, and a check. The function of the default is inlined into
# statements, and its body names another function.
sub attach
{
	my ($db, @schemas) = @_;
	$node->safe_psql(
		$db, join('', map { qq{
		CREATE SCHEMA IF NOT EXISTS $_;
		CREATE TABLE $_.audit_log (source text, who text);
		GRANT USAGE ON SCHEMA $_ TO PUBLIC;
		GRANT SELECT, INSERT ON $_.audit_log TO PUBLIC;
		CREATE FUNCTION $_.place() RETURNS text LANGUAGE sql STABLE AS \$\$ SELECT '$_'::pg_catalog.text \$\$;} } @schemas) . q{
		CREATE FUNCTION public.audit() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			INSERT INTO audit_log VALUES (TG_TABLE_NAME, current_user);
			RETURN NULL;
		END
		$$;
		CREATE FUNCTION public.default_place() RETURNS text LANGUAGE sql STABLE AS $$ SELECT place() $$;
		CREATE FUNCTION public.is_placed(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN place() IS NOT NULL; END $$;
		CREATE DOMAIN public.placed AS text CHECK (public.is_placed(VALUE));
		ALTER TABLE public.campaigns ADD COLUMN place text DEFAULT public.default_place();
		ALTER TABLE public.campaign_timers ADD COLUMN place public.placed DEFAULT public.default_place() CHECK (public.is_placed(place));
		ALTER TABLE public.timer_executions ADD COLUMN place text DEFAULT public.default_place()}
		. join('', map { "; CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON public.$_ FOR EACH ROW EXECUTE FUNCTION public.audit()" } @tables));
	return;
}

# The tables whose changes an audit_log has, and the roles that made them, since the last call.
sub audited
{
	my ($db, $schema) = @_;
	return $node->safe_psql($db, "WITH gone AS (DELETE FROM $schema.audit_log RETURNING *)
		SELECT string_agg(DISTINCT pg_catalog.regexp_replace(source, '_(y\\d+m\\d+|default)\$', '') || ' ' || who, ', ') FROM gone");
}

# Add a campaign that ends within seconds, as a role that may write, and wait for its end.
sub live
{
	my ($db, $what, $expected) = @_;
	$expected //= 'EXPIRED';
	my $id = $node->safe_psql($db, "SELECT public.create_campaign(1, pg_catalog.now() - interval '1 hour' + interval '1 second')");
	poll_is($node, $db, "SELECT status FROM public.campaigns WHERE id = '$id'", $expected, "$what: the worker brings a campaign to its end");
	is($node->safe_psql($db, "SELECT count(*) FROM public.timer_executions WHERE status <> 'COMPLETED'"), 0, "$what: no attempt has failed");
	return $id;
}

my $short = "UPDATE public.campaign_timer_policies SET delay = interval '1 second' WHERE state IN ('CLOSED', 'REWARD_CLAIM')";

in_database(
	$node,
	'the worker and maintenance see the setting, whatever database and roles have set',
	sub {
		my ($db) = @_;
		$node->safe_psql($db, "CREATE ROLE path_owner LOGIN; SELECT set_campaign_owner('path_owner'); $short");
		attach($db, 'public', 'away', 'elsewhere');
		$node->safe_psql($db, "ALTER DATABASE $db SET search_path = away, public; ALTER ROLE path_owner SET search_path = away, public;
			ALTER ROLE path_owner IN DATABASE $db SET search_path = away, public; ALTER ROLE $superuser IN DATABASE $db SET search_path = away, public");
		# A worker that started earlier has none of these settings.
		my ($pid) = worker_pids($node, $db);
		$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)") if $pid;
		audited($db, $_) for 'public', 'away';
		my $id = live($db, 'hostile settings');
		is(audited($db, 'away'), "campaign_timers $superuser, campaigns $superuser", 'triggers of create_campaign() see the search_path of the session');
		# Maintenance may run meanwhile.
		my $tables = join ', ', map { "$_ path_owner" } qw(campaign_metrics campaign_state_log campaign_timers campaigns timer_executions);
		like(audited($db, 'public'), qr/^(campaign_maintenance_jobs path_owner, )?\Q$tables\E$/, 'triggers in the worker see the setting');
		is($node->safe_psql($db, "SELECT string_agg(DISTINCT place, ',') FROM public.timer_executions"), 'public', 'defaults in the worker see the setting');

		check_invariants($node, $db, 'with triggers');

		# As a job of pg_cron: a session of the owner, with the settings of the role.
		my $old = "INSERT INTO public.timer_executions (timer_id, status, started_at, completed_at)
			SELECT t.id, 'COMPLETED', now() - interval '1 year', now() - interval '1 year' FROM public.campaign_timers AS t LIMIT 3;
			INSERT INTO public.campaign_state_log (campaign_id, to_state, trigger_event, created_at) SELECT c.id, 'CREATED', 'TEST', now() - interval '20 months' FROM public.campaigns AS c";
		$node->safe_psql($db, $old);
		audited($db, $_) for 'public', 'away';
		as($node, $db, 'path_owner', 'SELECT public.cleanup_timer_executions(), public.archive_old_state_logs()');
		is(audited($db, 'away'), '', 'a session of the owner does not choose what its triggers see');
		like(audited($db, 'public'), qr/timer_executions path_owner/, 'triggers in maintenance see the setting');
		is($node->safe_psql($db, 'SELECT count(*) > 0 FROM public.campaign_state_log_archive'), 't', 'the log was archived');

		# The worker follows the setting.
		$node->append_conf('postgresql.conf', 'campaign_lifecycle.search_path = \'elsewhere, public\'');
		$node->reload;
		live($db, 'another setting');
		like(audited($db, 'elsewhere'), qr/^(campaign_maintenance_jobs path_owner, )?campaign_metrics path_owner, .*timer_executions path_owner$/, 'after a reload triggers in the worker see the new setting');
		is(audited($db, 'public'), '', 'and no longer the old one');
		my (undef, undef, $err) = $node->psql('postgres', q{ALTER SYSTEM SET campaign_lifecycle.search_path = 'a b'});
		like($err, qr/invalid value for parameter "campaign_lifecycle.search_path".*List syntax is invalid/s, 'a setting that is no list of names is refused');
		$node->append_conf('postgresql.conf', 'campaign_lifecycle.search_path = \'"$user", public\'');
		$node->reload;
	});

in_database(
	$node,
	'planted functions, operators and tables are not called',
	sub {
		my ($db) = @_;
		lay_traps($node, $db);
		attach($db, 'public');
		$node->safe_psql($db, "CREATE ROLE path_writer LOGIN; SELECT set_campaign_owner('tables_owner'); $short;
			SELECT grant_campaign_access('path_writer', 'writer'), grant_campaign_access('path_writer', 'operator')");
		# Whatever a statement of ours could look up by its bare name, in front of pg_catalog.
		as(
			$node, $db, 'mallory', q{
			DO $$
			DECLARE
				planted record;
			BEGIN
				FOR planted IN
					SELECT o.oprname, o.oprleft::regtype AS l, o.oprright::regtype AS r, o.oprresult::regtype AS result, row_number() OVER () AS n
					FROM pg_operator AS o
					WHERE o.oprnamespace = 'pg_catalog'::regnamespace AND o.oprname IN ('=', '<>', '<', '<=', '>', '>=', '||', '->>', '->', '?', '-', '+', '*', '/', '~~', '~', '&', '&&')
						AND o.oprleft <> 0 AND o.oprleft::regtype::text <> 'internal' AND o.oprresult <> 0
						AND ARRAY[o.oprleft, o.oprright] <@ '{text,uuid,timestamptz,interval,integer,bigint,smallint,oid,name,jsonb,boolean,numeric,float8,anyarray,"\\"char\\"",varchar}'::regtype[]::oid[]
						AND NOT (o.oprname = '=' AND o.oprleft = 'text'::regtype)
				LOOP
					EXECUTE format('CREATE FUNCTION loot.planted_%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS %L', planted.n, planted.l, planted.r, planted.result,
						format('BEGIN PERFORM loot.spring(%L); RETURN NULL; END', 'operator ' || planted.oprname));
					EXECUTE format('CREATE OPERATOR loot.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = loot.planted_%s)', planted.oprname, planted.l, planted.r, planted.n);
				END LOOP;
				FOR planted IN
					SELECT p.proname, pg_get_function_identity_arguments(p.oid) AS arguments, p.prorettype::regtype AS result
					FROM pg_proc AS p
					WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND NOT p.proretset AND p.proname IN ('now', 'clock_timestamp', 'coalesce', 'left', 'jsonb_build_object',
						'pg_notify', 'set_config', 'format', 'concat', 'lower', 'replace', 'date_trunc', 'random', 'power', 'gen_random_uuid', 'jsonb_typeof', 'length', 'to_regclass', 'int8')
						AND p.provariadic = 0 AND NOT p.prorettype = ANY (ARRAY['anyelement'::regtype, 'internal']) AND p.oid <> 'now'::regproc
				LOOP
					EXECUTE format('CREATE FUNCTION loot.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L', planted.proname, planted.arguments, planted.result,
						format('BEGIN PERFORM loot.spring(%L); %s END', 'function ' || planted.proname, CASE planted.result WHEN 'void'::regtype THEN '' ELSE 'RETURN NULL;' END));
				END LOOP;
			END
			$$;
			CREATE DOMAIN loot.uuid AS pg_catalog.uuid CHECK (loot.trap('type uuid'));
			CREATE DOMAIN loot.text AS pg_catalog.text CHECK (loot.trap('type text'));
			CREATE DOMAIN loot.jsonb AS pg_catalog.jsonb CHECK (loot.trap('type jsonb'));
			CREATE DOMAIN loot.regclass AS pg_catalog.regclass CHECK (loot.trap('type regclass'));
			CREATE DOMAIN loot.timestamptz AS pg_catalog.timestamptz CHECK (loot.trap('type timestamptz'));
			CREATE VIEW loot.campaigns AS SELECT 1 WHERE loot.spring('view campaigns');
			CREATE VIEW loot.campaign_timers AS SELECT 1 WHERE loot.spring('view campaign_timers');
			CREATE VIEW loot.timer_executions AS SELECT 1 WHERE loot.spring('view timer_executions');
			CREATE VIEW loot.pg_class AS SELECT 1 WHERE loot.spring('view pg_class')});
		is( as($node, $db, 'path_writer', q{SET search_path = loot, pg_catalog, public; SELECT 'a'::pg_catalog.text = 'a'::pg_catalog.text; SELECT 1 < 2;
				SELECT pg_catalog.count(DISTINCT what) FROM loot.notes AS n WHERE n.what OPERATOR(pg_catalog.~) '^operator [^ ]+( of loot)?$'}),
			"t\n\n2", 'a statement that looks operators up calls them');
		$node->safe_psql('postgres', q{ALTER SYSTEM SET campaign_lifecycle.search_path = 'loot, pg_catalog, public'});
		$node->reload;
		poll_is($node, $db, 'SHOW campaign_lifecycle.search_path', 'loot, pg_catalog, public', 'the schema of the traps comes first in the setting');
		$node->safe_psql($db, 'TRUNCATE loot.notes');

		live($db, 'planted in the setting');
		my $path = 'SET search_path = loot, pg_catalog, public';
		as($node, $db, 'path_writer', "$path; SELECT public.create_campaign(1, pg_catalog.now())");
		as($node, $db, 'path_writer', "$path; SELECT public.run_due_timers()");
		as($node, $db, 'path_writer', "$path; SELECT public.transition_campaign(c.id, 'CLOSED') FROM public.campaigns AS c ORDER BY c.created_at DESC LIMIT 1");
		as($node, $db, 'path_writer', "$path; SELECT public.schedule_timer(c.id, 'REWARD_REMINDER', pg_catalog.now() OPERATOR(pg_catalog.+) '1 day'::pg_catalog.interval)
			FROM (SELECT public.create_campaign(1, NULL)) AS c (id)");
		as($node, $db, 'path_writer', "$path; SELECT public.reschedule_timer(t.id, pg_catalog.now() OPERATOR(pg_catalog.+) '1 day'::pg_catalog.interval), public.cancel_timer(t.id)
			FROM public.campaign_timers AS t WHERE t.executed_at IS NULL LIMIT 1");
		as($node, $db, 'path_writer', "$path; SELECT public.record_metric(c.id, 'ENGAGEMENT_COUNT', 1) FROM public.campaigns AS c LIMIT 1");
		# Cleanup removes the executions that invariants ask for.
		check_invariants($node, $db, 'after the attacks on batches');
		for my $role ('path_writer', 'tables_owner', $superuser)
		{
			as($node, $db, $role, "$path; SELECT public.cleanup_timer_executions('0 seconds', max_rows => 10), public.archive_old_state_logs(), public.create_monthly_partitions(5)");
		}
		as($node, $db, $superuser, "$path; SELECT public.create_campaign(1, pg_catalog.now()); SELECT public.run_due_timers()");
		as($node, $db, 'tables_owner', "$path; SELECT campaign_lifecycle_internal._cleanup_metrics('0 seconds', pg_catalog.now()), campaign_lifecycle_internal._cleanup_finished_timers('0 seconds', pg_catalog.now())");
		is($node->safe_psql($db, "SELECT string_agg(DISTINCT what || ' as ' || who, ', ') FROM loot.notes"), '', 'no statement of the extension has called a planted object');
		is($node->safe_psql($db, "SELECT string_agg(DISTINCT rolname, ',') FROM pg_roles WHERE rolname IN ('mallory', 'tables_owner') AND rolsuper"), '', 'nobody has become a superuser');
		$node->safe_psql('postgres', 'ALTER SYSTEM RESET campaign_lifecycle.search_path');
		$node->reload;
	});

in_database(
	$node,
	'a plan with the names of one role is not used for the next role',
	sub {
		my ($db) = @_;
		lay_traps($node, $db);
		attach($db, 'public', 'away');
		$node->safe_psql(
			$db, q{
			SELECT grant_campaign_access('mallory', 'writer'), grant_campaign_access('tables_owner', 'writer');
			CREATE SCHEMA mallory AUTHORIZATION mallory;
			GRANT USAGE ON SCHEMA mallory TO PUBLIC;
			CREATE FUNCTION public.create_safely() RETURNS uuid LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$ SELECT create_campaign(24) $$;
			CREATE FUNCTION public.create_as_owner() RETURNS uuid LANGUAGE sql SECURITY DEFINER AS $$ SELECT public.create_campaign(24) $$;
			ALTER FUNCTION public.create_safely() OWNER TO tables_owner;
			ALTER FUNCTION public.create_as_owner() OWNER TO tables_owner});
		as($node, $db, 'mallory', q{CREATE FUNCTION mallory.place() RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'mallory ' || current_user $$});
		# The same search_path, "$user", public, leads each role to another schema.
		is( as($node, $db, 'mallory', q{
				SELECT count(public.create_campaign(24)) FROM generate_series(1, 20);
				SELECT public.create_safely() AS id \gset
				SELECT place FROM public.campaigns WHERE id = :'id';
				SELECT public.create_as_owner() AS id \gset
				SELECT place FROM public.campaigns WHERE id = :'id';
				SELECT public.create_campaign(24) AS id \gset
				SELECT place FROM public.campaigns WHERE id = :'id'}),
			"20\npublic\npublic\nmallory mallory", 'each call finds the function of its own role');
	});

# Sessions without the preload load the library with the first call.
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
in_database(
	$node,
	'the first call of a session without the preload',
	sub {
		my ($db) = @_;
		attach($db, 'public');
		$node->safe_psql($db, "CREATE ROLE first_writer LOGIN; SELECT grant_campaign_access('first_writer', 'writer')");
		like(as($node, $db, 'first_writer', 'SELECT public.create_campaign(24)'), qr/^[0-9a-f-]{36}$/, 'create_campaign() finds the names');
		is(audited($db, 'public'), "campaign_state_log $superuser, campaign_timers first_writer, campaigns first_writer", 'its triggers found the table');
	});

$node->stop;
done_testing();
