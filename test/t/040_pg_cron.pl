# pg_cron runs the maintenance jobs when schedule_maintenance() hands them over.
#
# pg_cron works in one database of the server. There schedule_maintenance() schedules the specification's jobs under its names, once
# however often it is called, and they run: a missing month is made, old log rows are archived, old executions removed, the views
# refreshed; the worker leaves these jobs alone. In another database it returns false and says what to call, and those calls work.
# unschedule_maintenance() takes the jobs back and touches no other job of pg_cron.
#
# pg_cron 1.4 knows minutes only, so one full minute has to come.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'the server has no pg_cron' unless server_has('pg_cron');

my $node = campaign_server(
	'cron',
	extension => 0,
	conf      => q{
shared_preload_libraries = 'campaign_lifecycle, pg_cron'
cron.database_name = 'cron_home'
cron.use_background_workers = on
});
create_campaign_database($node, $_) for 'cron_home', 'elsewhere';

# Return the result of schedule_maintenance() and its notice.
sub scheduling
{
	my ($db) = @_;
	my ($code, $out, $err) = $node->psql($db, 'SELECT schedule_maintenance()');
	return ($out, $err);
}

my ($returned, $said) = scheduling('cron_home');
is($returned, 'f', 'schedule_maintenance() returns false without the extension pg_cron');
like($said, qr/NOTICE:  the extension pg_cron is not installed in this database.*HINT:  CREATE EXTENSION pg_cron;/s, 'a notice says that pg_cron is not installed');
query_is($node, 'cron_home', 'SELECT unschedule_maintenance()', 'f', 'unschedule_maintenance() returns false without the extension pg_cron');

$node->safe_psql('cron_home', 'CREATE EXTENSION pg_cron');
$node->safe_psql('cron_home', q{SELECT cron.schedule('of-the-user', '0 12 * * *', 'SELECT 1')});
($returned, $said) = scheduling('cron_home');
is($returned, 't', 'schedule_maintenance() returns true in the database of pg_cron');
my $jobs = q{SELECT jobname, schedule, command, database = current_database(), username = current_user, active FROM cron.job WHERE database = 'cron_home' ORDER BY jobname COLLATE "C"};
my $expected = q{archive-state-logs|0 2 1 * *|SELECT public.archive_old_state_logs('1 year'::pg_catalog.interval, pg_catalog.now());|t|t|t
cleanup-campaign-changes|15 3 * * 0|SELECT public.cleanup_campaign_changes('6 mons'::pg_catalog.interval, pg_catalog.now(), NULL::pg_catalog.int8);|t|t|t
cleanup-timer-executions|0 3 * * 0|SELECT public.cleanup_timer_executions('6 mons'::pg_catalog.interval, pg_catalog.now(), NULL::pg_catalog.int8);|t|t|t
create-monthly-partitions|0 0 1 * *|SELECT public.create_monthly_partitions(3, pg_catalog.now());|t|t|t
of-the-user|0 12 * * *|SELECT 1|t|t|t
refresh-active-campaigns|*/5 * * * *|SELECT campaign_lifecycle_internal._refresh_if_changed('public.mv_active_campaigns'::pg_catalog.regclass);|t|t|t
refresh-pending-timers|* * * * *|SELECT campaign_lifecycle_internal._refresh_if_changed('public.mv_pending_timers'::pg_catalog.regclass);|t|t|t};
query_is($node, 'cron_home', $jobs, $expected, 'pg_cron has the specification\'s jobs under its names');
($returned) = scheduling('cron_home');
is($returned, 't', 'schedule_maintenance() returns true a second time');
query_is($node, 'cron_home', $jobs, $expected, 'a second schedule_maintenance() changes nothing');

# In the other database, the calls of the notice are made.
($returned, $said) = scheduling('elsewhere');
is($returned, 'f', 'schedule_maintenance() returns false in another database');
like($said, qr/NOTICE:  pg_cron works in database cron_home/, 'a notice says in which database pg_cron works');
my @calls = $said =~ /^(SELECT cron\.schedule_in_database\(.*\);)$/mg;
is(scalar @calls, 6, 'the notice has six calls for the database of pg_cron');
my ($update) = $said =~ /^(UPDATE .* SET enabled = false;)$/m;
$node->safe_psql('cron_home', $_)     for @calls;
$node->safe_psql('elsewhere', $update);
query_is($node, 'cron_home', q{SELECT string_agg(jobname, ' ' ORDER BY jobname COLLATE "C") FROM cron.job WHERE database = 'elsewhere'},
	'archive-state-logs-elsewhere cleanup-campaign-changes-elsewhere cleanup-timer-executions-elsewhere create-monthly-partitions-elsewhere refresh-active-campaigns-elsewhere refresh-pending-timers-elsewhere',
	'the jobs made by these calls are named after their database');
query_is($node, 'elsewhere', 'SELECT d.jobs IS NULL FROM campaign_lifecycle_internal._due_maintenance(now(), NULL) AS d', 't', 'no job of that database is due for the worker');

# Each job has something to do, and runs each minute.
$node->safe_psql(
	'cron_home', q{
	UPDATE campaign_maintenance_jobs SET schedule = '* * * * *', enabled = true;
	SELECT schedule_maintenance();
	DO $$BEGIN EXECUTE format('DROP TABLE campaign_state_log_y%s', to_char(now() AT TIME ZONE 'UTC' + interval '3 months', 'YYYY"m"MM')); END$$;
	SELECT create_campaign(24, now() + interval '30 minutes');
	INSERT INTO campaign_state_log (campaign_id, to_state, trigger_event, created_at)
		SELECT c.id, 'CREATED', 'TEST', now() - n * interval '20 days' FROM campaigns AS c, generate_series(1, 40) AS n;
	INSERT INTO timer_executions (timer_id, status, completed_at) SELECT t.id, 'COMPLETED', now() - interval '7 months' FROM campaign_timers AS t;
});
$node->safe_psql('elsewhere', q{SELECT create_campaign(24, now() + interval '30 minutes')});
query_is($node, 'cron_home', q{SELECT count(*), count(DISTINCT schedule) FROM cron.job WHERE database = 'cron_home' AND jobname <> 'of-the-user'}, '8|1', 'pg_cron has the edited schedules of eight jobs');
# From 1.5 on it knows seconds.
$node->safe_psql('cron_home', q{SELECT cron.alter_job(jobid, schedule => '1 seconds') FROM cron.job WHERE jobname <> 'of-the-user'})
  if $node->safe_psql('cron_home', q{SELECT (regexp_match(extversion, '^\d+\.(\d+)'))[1]::int >= 5 FROM pg_extension WHERE extname = 'pg_cron'}) eq 't';
poll_is($node, 'cron_home', q{SELECT count(DISTINCT jobid) FROM cron.job_run_details JOIN cron.job USING (jobid) WHERE job.database = 'cron_home' AND status = 'succeeded'}, 8, 'pg_cron has run each of eight jobs');
poll_is($node, 'cron_home', q{SELECT count(*) > 0 FROM cron.job_run_details JOIN cron.job USING (jobid) WHERE jobname = 'refresh-pending-timers-elsewhere' AND status = 'succeeded'}, 't', 'pg_cron has run a job in the other database');
# Two of them may meet at the tables; then one waits for its next time.
poll_is($node, 'cron_home', q{SELECT count(*) FROM campaign_lifecycle_internal._missing_log_months(3, now())}, 0, 'no month is missing after create-monthly-partitions');
poll_is($node, 'cron_home', q{SELECT count(*) FROM campaign_state_log WHERE created_at < now() - interval '1 year'}, 0, 'no old row is in the log after archive-state-logs');
query_is($node, 'cron_home', q{SELECT count(*) FROM campaign_state_log_archive}, 22, 'the archive has the 22 old rows');
query_is($node, 'cron_home', q{SELECT count(*) FROM (TABLE campaign_state_log UNION ALL TABLE campaign_state_log_archive) AS l}, 41, 'no log row is lost');
query_is($node, 'cron_home', q{SELECT count(*) FROM timer_executions WHERE completed_at < now() - interval '6 months'}, 0, 'old executions are gone after cleanup-timer-executions');
query_is($node, 'cron_home', q{SELECT campaign_count FROM mv_active_campaigns}, 1, 'mv_active_campaigns is refreshed');
query_is($node, 'elsewhere', q{SELECT timer_count FROM mv_pending_timers}, 1, 'mv_pending_timers of the other database is refreshed');
query_is($node, 'cron_home', q{SELECT d.jobs IS NULL FROM campaign_lifecycle_internal._due_maintenance(now() + interval '1 year', NULL) AS d}, 't', 'no job is due for the worker within a year');
query_is($node, 'cron_home', q{SELECT count(*) FROM cron.job_run_details WHERE status = 'failed' AND return_message !~ 'could not lock'}, 0, 'no job has failed, except for a lock');

# Back to the worker.
query_is($node, 'cron_home', 'SELECT unschedule_maintenance()', 't', 'unschedule_maintenance() returns true');
query_is($node, 'cron_home', q{SELECT string_agg(jobname, ' ') FROM cron.job WHERE database = 'cron_home'}, 'of-the-user', 'the user\'s own job is left in pg_cron');
query_is($node, 'cron_home', q{SELECT count(*) FROM cron.job WHERE database = 'elsewhere'}, 6, 'the jobs of another database are left in pg_cron');
query_is($node, 'cron_home', q{SELECT 'refresh-pending-timers' = ANY (d.jobs) FROM campaign_lifecycle_internal._due_maintenance(now() + interval '1 year', NULL) AS d}, 't', 'jobs are due for the worker again');
query_is($node, 'cron_home', 'SELECT unschedule_maintenance()', 'f', 'a second unschedule_maintenance() returns false');

# Jobs run as the owner of the tables, not as the superuser that scheduled them.
$node->safe_psql('cron_home', 'CREATE ROLE keeper LOGIN; SELECT set_campaign_owner(\'keeper\'); SELECT schedule_maintenance()');
query_is($node, 'cron_home', q{SELECT DISTINCT username FROM cron.job WHERE database = 'cron_home' AND jobname <> 'of-the-user'}, 'keeper', 'jobs belong to the owner of the tables');
query_is($node, 'cron_home', 'SELECT unschedule_maintenance()', 't', 'unschedule_maintenance() of a superuser returns true');
query_is($node, 'cron_home', q{SELECT count(*) FROM cron.job WHERE username = 'keeper'}, 0, 'no job of the owner is left');
$node->safe_psql('cron_home', 'ALTER ROLE keeper NOLOGIN');
my ($code, $out, $err) = $node->psql('cron_home', 'SELECT schedule_maintenance()', extra_params => [ '-v', 'VERBOSITY=verbose' ]);
like($err, qr/ERROR:  55000: pg_cron cannot run jobs as role keeper.*HINT:/s, 'schedule_maintenance() raises an error with a hint when the owner may not log in');

$node->stop;
done_testing();
