-- Log rows older than a year go into the archive, whole months as they are; completed executions older than six months
-- are removed; the jobs are rows with schedules (docs/specification.md, "Data Cleanup Policies"). Last, thirty months
-- pass as the worker sees them, without waiting.

BEGIN;
SELECT plan(138);
\ir lib/errors.psql

CREATE FUNCTION pg_temp.log_row(campaign uuid, at timestamptz) RETURNS uuid LANGUAGE sql AS $$
	INSERT INTO public.campaign_state_log (campaign_id, from_state, to_state, trigger_event, created_at) VALUES (campaign, 'CREATED', 'RUNNING', 'TEST', at) RETURNING id
$$;
CREATE FUNCTION pg_temp.steps(job text, as_of timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint := 1;
BEGIN
	WHILE campaign_lifecycle_internal._run_maintenance_step(job, as_of) LOOP n := n + 1; END LOOP;
	RETURN n;
END
$$;

SELECT id AS campaign FROM create_campaign(24) AS id \gset
SELECT id AS other FROM create_campaign(24) AS id \gset
DELETE FROM campaign_state_log;

---- archive

SELECT has_table('campaign_state_log_archive');
SELECT has_function('archive_old_state_logs', ARRAY['interval', 'timestamp with time zone']);
SELECT function_returns('archive_old_state_logs', ARRAY['interval', 'timestamp with time zone'], 'bigint');
SELECT is(archive_old_state_logs(), 0::bigint, 'archive_old_state_logs() moves nothing from a new log');

-- Two months in partitions, one only in the default partition, the cut-off's month in both halves; as_of is 15 May
-- 2031.
SELECT create_monthly_partitions(0, month::timestamptz) FROM unnest(ARRAY['2030-03-01 00:00:00+00', '2030-04-01 00:00:00+00', '2030-05-01 00:00:00+00']) AS month \g /dev/null
SELECT pg_temp.log_row(:'campaign', at::timestamptz) FROM unnest(ARRAY['2030-02-10 00:00:00+00', '2030-03-01 00:00:00+00', '2030-03-31 23:59:59.999999+00', '2030-04-15 00:00:00+00',
	'2030-05-14 23:59:59.999999+00', '2030-05-15 00:00:00+00', '-infinity']) AS at \g /dev/null
CREATE TABLE public.before AS SELECT l.id, l.created_at, l.campaign_id FROM campaign_state_log AS l;
SELECT 'campaign_state_log_y2030m03'::regclass::oid AS march \gset
ALTER TABLE campaign_state_log ADD COLUMN note varchar(20) COLLATE "C" DEFAULT 'none' NOT NULL;
SELECT is(archive_old_state_logs('1 year', '2031-05-15 00:00:00+00'), 6::bigint,
	'the number of rows older than a year');
SELECT is(archive_old_state_logs('1 year', '2031-05-15 00:00:00+00'), 0::bigint,
	'a second archive_old_state_logs() moves nothing');
SELECT results_eq('SELECT count(*), min(created_at) FROM campaign_state_log WHERE created_at < ''2031-01-01'' AND campaign_id = ' || quote_literal(:'campaign') || ' AND from_state IS NOT NULL',
	$$VALUES (1::bigint, timestamptz '2030-05-15 00:00:00+00')$$, 'a row that is exactly a year old stays in the log');
SELECT results_eq('SELECT id, created_at, campaign_id FROM (SELECT id, created_at, campaign_id FROM campaign_state_log UNION ALL SELECT id, created_at, campaign_id FROM campaign_state_log_archive) AS u ORDER BY 1',
	'TABLE before ORDER BY 1', 'none is lost, none is doubled');
SELECT is(:march::regclass::text, 'campaign_state_log_archive_y2030m03',
	'a whole month is the same table under the archive''s name');
SELECT is((SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = :march), 'campaign_state_log_archive',
	'a whole month is attached to the archive as it is');
SELECT has_table('campaign_state_log_archive_y2030m02', 'a month that was only in the default partition gets its own too');
SELECT is((SELECT count(*) FROM ONLY campaign_state_log_archive_default), 2::bigint,
	'part of the cut-off''s month waits in the archive''s default, with what no month holds');
SELECT results_eq('SELECT note::text COLLATE "default", count(*) FROM campaign_state_log_archive GROUP BY 1', $$VALUES ('none', 6::bigint)$$,
	'a column of the user''s follows');
SELECT is((SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid IN (SELECT relid FROM pg_partition_tree('campaign_state_log_archive'))), 0::bigint,
	'the archive has no foreign key');
SELECT is(archive_old_state_logs('1 year', '2031-06-01 00:00:00+00'), 1::bigint,
	'the month is over: it enters as a whole');
SELECT is((SELECT array_agg(tableoid::regclass::text) FROM campaign_state_log_archive WHERE created_at >= '2030-05-01'),
	ARRAY['campaign_state_log_archive_y2030m05', 'campaign_state_log_archive_y2030m05'], 'rows of the month that waited in the default partition join the archive');
DELETE FROM campaigns WHERE id = :'campaign';
SELECT is((SELECT count(*) FROM campaign_state_log_archive WHERE campaign_id = :'campaign'), 7::bigint,
	'deleting a campaign does not erase its archived history');
-- Late rows of a month that is archived already, then one whose partition is old.
SELECT pg_temp.log_row(:'other', at::timestamptz) FROM unnest(ARRAY['2030-03-15 00:00:00+00', '2030-07-15 00:00:00+00']) AS at \g /dev/null
SELECT is(create_monthly_partitions(0, '2031-06-01 00:00:00+00'), 2, 'months are made: the present one and July');
SELECT hasnt_table('campaign_state_log_y2030m03', 'not the one that the archive has');
SELECT is(archive_old_state_logs('1 year', '2031-06-02 00:00:00+00'), 1::bigint,
	'archive_old_state_logs() moves a row that came late');
SELECT is((SELECT tableoid::regclass::text FROM campaign_state_log_archive WHERE created_at = '2030-03-15 00:00:00+00'), 'campaign_state_log_archive_y2030m03',
	'the late row goes to the archived partition of its month');
-- Partitions of the user's: a quarter, and one without a lower bound.
CREATE TABLE q2029 PARTITION OF campaign_state_log FOR VALUES FROM ('2029-01-01 00:00:00+00') TO ('2029-04-01 00:00:00+00');
CREATE TABLE campaign_state_log_ancient PARTITION OF campaign_state_log FOR VALUES FROM (MINVALUE) TO ('2020-01-01 00:00:00+00');
SELECT pg_temp.log_row(:'other', at::timestamptz) FROM unnest(ARRAY['2029-02-15 00:00:00+00', '1999-07-15 00:00:00+00', '2019-12-31 23:59:59+00']) AS at \g /dev/null
SELECT is(archive_old_state_logs('1 year', '2031-06-02 00:00:00+00'), 3::bigint,
	'archive_old_state_logs() moves partitions of any bounds');
SELECT is((SELECT array_agg(DISTINCT tableoid::regclass::text COLLATE "C") FROM campaign_state_log_archive WHERE created_at > '-infinity' AND created_at < '2030-01-01'),
	ARRAY['campaign_state_log_archive_ancient', 'q2029'], 'partitions of any bounds are attached to the archive as they are');
ALTER TABLE campaign_state_log ALTER COLUMN note TYPE text;
SELECT is(pg_temp.error_of('SELECT archive_old_state_logs(''1 year'', ''2031-09-01 00:00:00+00'')'),
	'42804: column note is text in campaign_state_log and character varying(20) in campaign_state_log_archive', 'a column whose type was changed is left to the user');
SELECT is(pg_temp.hint_of('SELECT archive_old_state_logs(''1 year'', ''2031-09-01 00:00:00+00'')'), 'ALTER TABLE public.campaign_state_log_archive ALTER COLUMN note TYPE text;',
	'who is told how');
ALTER TABLE public.campaign_state_log_archive ALTER COLUMN note TYPE text;
ALTER TABLE campaign_state_log DROP COLUMN note;
SELECT is(archive_old_state_logs('1 year', '2031-09-01 00:00:00+00'), 1::bigint,
	'a column that the log has no longer stays in the archive');
SELECT is(archive_old_state_logs('0', '2029-01-01 00:00:00+00'), 0::bigint, 'an age of nothing is one');
SELECT is(pg_temp.error_of('SELECT archive_old_state_logs(''-1 day'')'), '22023: older_than must not be negative: -1 days',
	'archive_old_state_logs() refuses a negative age');
SELECT is(pg_temp.error_of('SELECT archive_old_state_logs(NULL)'), '22004: older_than must not be null',
	'archive_old_state_logs() refuses NULL as age');
SELECT is(pg_temp.error_of('SELECT archive_old_state_logs(as_of => NULL)'), '22004: as_of must not be null',
	'archive_old_state_logs() refuses NULL as time');
SELECT is(pg_temp.error_of('SELECT archive_old_state_logs(as_of => ''-infinity'')'), '22008: as_of out of range: -infinity',
	'archive_old_state_logs() refuses -infinity as time');

---- cleanup

SELECT has_function('cleanup_timer_executions', ARRAY['interval', 'timestamp with time zone', 'bigint']);
SELECT function_returns('cleanup_timer_executions', ARRAY['interval', 'timestamp with time zone', 'bigint'], 'bigint');
SELECT has_index('timer_executions', 'idx_timer_executions_completed_at', 'timer_executions has an index for the cleanup');
SELECT id AS timer FROM campaign_timers WHERE campaign_id = :'other' LIMIT 1 \gset
INSERT INTO timer_executions (timer_id, status, started_at, completed_at)
	SELECT :'timer', s.status, now(), CASE WHEN s.status <> 'STARTED' THEN now() - interval '6 months' - age END
	FROM unnest(ARRAY['COMPLETED', 'FAILED', 'STARTED']) AS s (status),
		unnest(ARRAY['-1 second', '1 second', '1 day', '1 year']::interval[]) AS age;
SELECT is(cleanup_timer_executions('6 months', now(), 2), 2::bigint,
	'cleanup_timer_executions() removes at most max_rows');
SELECT is((SELECT min(completed_at) FROM timer_executions WHERE status = 'COMPLETED'), now() - interval '6 months 1 second',
	'cleanup_timer_executions() removes the oldest executions first');
SELECT is(cleanup_timer_executions(), 1::bigint, 'the rest of the old ones');
SELECT is(cleanup_timer_executions(), 0::bigint, 'a further cleanup_timer_executions() removes nothing');
SELECT results_eq('SELECT status::text, count(*) FROM timer_executions GROUP BY 1 ORDER BY 1', $$VALUES ('COMPLETED', 1::bigint), ('FAILED', 4), ('STARTED', 4)$$,
	'FAILED, STARTED and younger executions stay');
SELECT is(cleanup_timer_executions(max_rows => 0), 0::bigint,
	'cleanup_timer_executions() removes nothing with max_rows 0');
SELECT is(pg_temp.error_of('SELECT cleanup_timer_executions(max_rows => -1)'), '22023: max_rows must not be negative: -1',
	'cleanup_timer_executions() refuses a negative max_rows');
SELECT is(pg_temp.error_of('SELECT cleanup_timer_executions(''-1 day'')'), '22023: older_than must not be negative: -1 days',
	'cleanup_timer_executions() refuses a negative age');
SELECT is(pg_temp.error_of('SELECT cleanup_timer_executions(NULL)'), '22004: older_than must not be null',
	'cleanup_timer_executions() refuses NULL as age');
SELECT is(pg_temp.error_of('SELECT cleanup_timer_executions(as_of => NULL)'), '22004: as_of must not be null',
	'cleanup_timer_executions() refuses NULL as time');

---- jobs as data

SELECT results_eq('SELECT job, schedule, enabled, retention, months_ahead FROM campaign_maintenance_jobs ORDER BY job COLLATE "C"',
	$$VALUES ('archive-state-logs', '0 2 1 * *', true, interval '1 year', NULL),
		('cleanup-campaign-changes', '15 3 * * 0', true, '6 months', NULL),
		('cleanup-finished-timers', '30 3 * * 0', false, '1 year', NULL),
		('cleanup-metrics', '0 4 * * 0', false, '1 year', NULL),
		('cleanup-timer-executions', '0 3 * * 0', true, '6 months', NULL),
		('create-monthly-partitions', '0 0 1 * *', true, NULL, 3),
		('refresh-active-campaigns', '*/5 * * * *', true, NULL, NULL),
		('refresh-pending-timers', '* * * * *', true, NULL, NULL)$$, 'the specification''s jobs and schedules, that of changes of plan, and two that are off');
SELECT is(pg_temp.error_of(format('UPDATE campaign_maintenance_jobs SET schedule = %L WHERE job = ''cleanup-metrics''', s)), NULL, format('schedule "%s" is taken', s))
	FROM unnest(ARRAY['0 0 1,15 jan-MAR mon-fri', '@hourly', ' 5/10  */2 1-7/2	* 7 ', '00 09 08 07 06']) AS s;
SELECT is(pg_temp.violation_of(format('UPDATE campaign_maintenance_jobs SET schedule = %L WHERE job = ''cleanup-metrics''', s)), '23514 valid_schedule', format('schedule "%s" is refused', s))
	FROM unnest(ARRAY['', '* * * *', '* * * * * *', '60 * * * *', '* 24 * * *', '* * 0 * *', '* * 32 * *', '* * * 13 *', '* * * * 8', '*/0 * * * *', '1, * * * *', ',1 * * * *', '* * * foo *', '@reboot', '-1 * * * *', '1 2 3 4 5; x']) AS s;
SELECT is(pg_temp.violation_of('UPDATE campaign_maintenance_jobs SET retention = ''-1 day'' WHERE job = ''cleanup-metrics'''), '23514 valid_retention',
	'campaign_maintenance_jobs refuses a negative retention');
SELECT is(pg_temp.violation_of('UPDATE campaign_maintenance_jobs SET retention = NULL WHERE job = ''archive-state-logs'''), '23514 valid_retention',
	'campaign_maintenance_jobs refuses NULL as retention of archive-state-logs');
SELECT is(pg_temp.violation_of('UPDATE campaign_maintenance_jobs SET months_ahead = -1 WHERE job = ''create-monthly-partitions'''), '23514 valid_months_ahead',
	'campaign_maintenance_jobs refuses a negative months_ahead');
SELECT is(pg_temp.violation_of('INSERT INTO campaign_maintenance_jobs VALUES (''mine'', ''@daily'')'), '23514 valid_job',
	'campaign_maintenance_jobs refuses an unknown job');

SELECT is(campaign_lifecycle_internal._next_cron_time(v.schedule, v.after::timestamptz), v.wanted::timestamptz, format('"%s" after %s', v.schedule, v.after))
FROM (VALUES
	('* * * * *', '2026-11-22 12:07:30+00', '2026-11-22 12:08:00+00'),
	('* * * * *', '2026-11-22 12:08:00+00', '2026-11-22 12:09:00+00'),
	('*/5 * * * *', '2026-11-22 23:59:59.999999+00', '2026-11-23 00:00:00+00'),
	('0 0 1 * *', '2026-12-01 00:00:00+00', '2027-01-01 00:00:00+00'),
	('0 3 * * 0', '2026-11-22 02:59:00+00', '2026-11-22 03:00:00+00'),
	('0 3 * * 7', '2026-11-22 03:00:00+00', '2026-11-29 03:00:00+00'),
	('0 0 29 2 *', '2026-11-22 00:00:00+00', '2028-02-29 00:00:00+00'),
	('0 0 29 feb *', '2096-03-01 00:00:00+00', '2104-02-29 00:00:00+00'),
	('0 0 30 2 *', '2026-11-22 00:00:00+00', NULL),
	('0 0 13 * fri', '2026-11-22 00:00:00+00', '2026-11-27 00:00:00+00'),
	('0 0 13 * fri', '2026-12-12 00:00:00+00', '2026-12-13 00:00:00+00'),
	('0 0 */2 * sun', '2026-11-22 00:00:00+00', '2026-11-29 00:00:00+00'),
	('15,45 8-17/3 * jan-mar 1-5', '2026-11-22 00:00:00+00', '2027-01-01 08:15:00+00'),
	('5/20 * * * *', '2026-11-22 00:25:00+00', '2026-11-22 00:45:00+00'),
	('@hourly', '2026-11-22 00:25:00+00', '2026-11-22 01:00:00+00'),
	('@weekly', '2026-11-22 00:25:00+00', '2026-11-29 00:00:00+00'),
	('@yearly', '2026-11-22 00:25:00+00', '2027-01-01 00:00:00+00')) AS v (schedule, after, wanted);
SET LOCAL timezone = 'America/New_York';
SELECT is(campaign_lifecycle_internal._next_cron_time('0 2 1 * *', '2027-03-13 12:00:00+00'), timestamptz '2027-04-01 02:00:00+00',
	'schedules are in UTC in any time zone of the session');
RESET timezone;
SELECT is((pg_temp.diagnostics(format('SELECT campaign_lifecycle_internal._next_cron_time(%L, now())', s))).code, '22023', format('"%s" is no schedule', s))
	FROM unnest(ARRAY['', '5-1 * * * *', '61 * * * *', '* * * *', '* * * * * *', '*/0 * * * *', '@reboot', '10 seconds']) AS s;
SELECT is((pg_temp.diagnostics('SELECT campaign_lifecycle_internal._next_cron_time(NULL, now())')).code, '22004', 'NULL is no schedule');

---- when jobs are due; as_of is a Wednesday

SELECT isnt(d.jobs, NULL, 'jobs are due for a worker that gives -infinity as its last round') FROM campaign_lifecycle_internal._due_maintenance(now(),
	'-infinity') AS d;
UPDATE campaign_maintenance_jobs SET last_run = '2033-01-05 12:00:30+00', last_outcome = 'ok', enabled = job <> 'create-monthly-partitions' AND job <> 'cleanup-metrics' AND job <> 'cleanup-finished-timers';
SELECT is(d.jobs, NULL, 'no job is due within the minute of its last run') FROM campaign_lifecycle_internal._due_maintenance('2033-01-05 12:00:59+00', NULL) AS d;
SELECT is(d.next_at, timestamptz '2033-01-05 12:01:00+00', 'the next job is due at the full minute') FROM campaign_lifecycle_internal._due_maintenance('2033-01-05 12:00:59+00', NULL) AS d;
SELECT is(d.jobs, ARRAY['refresh-pending-timers'], 'refresh-pending-timers is due at the full minute') FROM campaign_lifecycle_internal._due_maintenance('2033-01-05 12:01:00+00', NULL) AS d;
SELECT is(d.jobs, NULL, 'a job is not due again in a round that the worker remembers') FROM campaign_lifecycle_internal._due_maintenance('2033-01-05 12:01:30+00',
	'2033-01-05 12:01:00+00') AS d;
SELECT is(d.jobs, ARRAY['refresh-pending-timers', 'refresh-active-campaigns'], 'two jobs are due every five minutes') FROM campaign_lifecycle_internal._due_maintenance('2033-01-05 12:05:00+00',
	'2033-01-05 12:04:00+00') AS d;
SELECT is(d.jobs, ARRAY['refresh-pending-timers', 'refresh-active-campaigns', 'archive-state-logs', 'cleanup-campaign-changes', 'cleanup-timer-executions'],
	'each job is due once after a long sleep')
	FROM campaign_lifecycle_internal._due_maintenance('2033-09-05 12:05:00+00', NULL) AS d;
SELECT is(d.jobs, NULL, 'jobs wait for their time after the clock was set back') FROM campaign_lifecycle_internal._due_maintenance('2032-01-05 12:05:30+00',
	'2033-01-05 12:00:00+00') AS d;
UPDATE campaign_maintenance_jobs SET enabled = true WHERE job = 'create-monthly-partitions';
SELECT is(d.jobs, ARRAY['create-monthly-partitions'], 'create-monthly-partitions is due when a month is missing') FROM campaign_lifecycle_internal._due_maintenance('2033-01-05 12:00:40+00', NULL) AS d;
SELECT is(pg_temp.steps('create-monthly-partitions', '2033-01-05 12:00:40+00'), 4::bigint,
	'create-monthly-partitions takes a step for each month');
SELECT is(d.jobs, NULL, 'create-monthly-partitions is not due when no month is missing') FROM campaign_lifecycle_internal._due_maintenance('2033-01-05 12:00:41+00', NULL) AS d;
SELECT pg_temp.log_row(:'other', '2032-11-15 00:00:00+00') AS late \gset
SELECT is(d.jobs, ARRAY['create-monthly-partitions'], 'create-monthly-partitions is due for rows in the default partition') FROM campaign_lifecycle_internal._due_maintenance('2033-01-05 12:00:41+00', NULL) AS d;
SELECT campaign_lifecycle_internal._maintenance_failed('create-monthly-partitions', '2033-01-05 12:00:41+00', '55P03', 'could not lock');
SELECT is((SELECT (last_outcome, last_error, failures)::text FROM campaign_maintenance_jobs WHERE job = 'create-monthly-partitions'), '(failed,"55P03: could not lock",1)',
	'a failed job keeps its outcome, error and number of failures');
SELECT is((d.jobs, d.next_at), (NULL::text[], timestamptz '2033-01-05 12:00:51+00'), 'a failed job is due again in ten seconds') FROM campaign_lifecycle_internal._due_maintenance('2033-01-05 12:00:42+00',
	'2033-01-05 12:00:41+00') AS d;
SELECT is(d.jobs, ARRAY['create-monthly-partitions'], 'a failed job is due after its backoff') FROM campaign_lifecycle_internal._due_maintenance('2033-01-05 12:00:51+00',
	'2033-01-05 12:00:50+00') AS d;
SELECT campaign_lifecycle_internal._maintenance_failed('create-monthly-partitions', '2033-01-05 12:00:51+00', '55P03', 'could not lock') FROM generate_series(1, 30) \g /dev/null
SELECT is(d.jobs, ARRAY['refresh-pending-timers', 'refresh-active-campaigns'], 'a job that has failed 31 times stops no other job') FROM campaign_lifecycle_internal._due_maintenance('2033-01-05 13:00:50+00', NULL) AS d;
SELECT is('create-monthly-partitions' = ANY (d.jobs), true, 'a job that has failed 31 times is due again after an hour') FROM campaign_lifecycle_internal._due_maintenance('2033-01-05 13:00:51+00', NULL) AS d;
SELECT is(pg_temp.steps('create-monthly-partitions', '2033-01-05 13:00:51+00'), 1::bigint,
	'the failed job takes its step when it can');
SELECT is((SELECT (last_outcome, last_error, failures, last_count)::text FROM campaign_maintenance_jobs WHERE job = 'create-monthly-partitions'), '(ok,,0,1)',
	'the job that succeeds has no failures on record');
-- Tables of 1.1 may hold a schedule that the CHECK refuses now.
ALTER TABLE campaign_maintenance_jobs DROP CONSTRAINT valid_schedule;
UPDATE campaign_maintenance_jobs SET schedule = '5-1 * * * *' WHERE job = 'refresh-pending-timers';
SELECT isnt(d.jobs, NULL, 'jobs are due for a worker that gives -infinity with a schedule that is invalid') FROM campaign_lifecycle_internal._due_maintenance('2033-09-05 12:05:00+00',
	'-infinity') AS d;
SELECT is(d.jobs[1], 'refresh-pending-timers', 'a job with an invalid schedule is due') FROM campaign_lifecycle_internal._due_maintenance('2033-01-05 13:00:52+00',
	'2033-01-05 13:00:51+00') AS d;
SELECT is((pg_temp.diagnostics('SELECT campaign_lifecycle_internal._run_maintenance_step(''refresh-pending-timers'', ''2033-01-05 13:00:52+00'')')).code, '22023',
	'a job with an invalid schedule raises 22023');
UPDATE campaign_maintenance_jobs SET schedule = '* * * * *' WHERE job = 'refresh-pending-timers';
UPDATE campaign_maintenance_jobs SET cron_database = (SELECT oid FROM pg_database WHERE datname = current_database());
SELECT is((d.jobs, d.next_at)::text, '(,)', 'jobs that pg_cron runs in this database are not due') FROM campaign_lifecycle_internal._due_maintenance('2034-01-05 13:00:52+00', NULL) AS d;
UPDATE campaign_maintenance_jobs SET cron_database = 1;
SELECT isnt(d.jobs, NULL, 'jobs that pg_cron runs in another database are due') FROM campaign_lifecycle_internal._due_maintenance('2034-01-05 13:00:52+00', NULL) AS d;
UPDATE campaign_maintenance_jobs SET cron_database = NULL;

-- Steps are batches, and one that was interrupted goes on.
DELETE FROM timer_executions;
INSERT INTO timer_executions (timer_id, status, completed_at) SELECT :'timer', 'COMPLETED', timestamptz '2032-01-01 00:00:00+00' + n * interval '1 second' FROM generate_series(1, 12000) AS n;
SELECT is(campaign_lifecycle_internal._run_maintenance_step('cleanup-timer-executions', '2033-01-09 03:00:00+00'), true,
	'a step of cleanup-timer-executions says that more is left');
SELECT is((SELECT count(*) FROM timer_executions), 7000::bigint, 'a step removes 5,000 rows at most');
SELECT is(d.jobs, ARRAY['cleanup-timer-executions'], 'the rest of an unfinished job is due without delay') FROM campaign_lifecycle_internal._due_maintenance('2033-01-09 03:00:01+00',
	'2033-01-09 03:00:00+00') AS d;
SELECT is(pg_temp.steps('cleanup-timer-executions', '2033-01-09 03:00:01+00'), 2::bigint,
	'two more steps finish the job');
SELECT is((SELECT (last_outcome, last_count, reached)::text FROM campaign_maintenance_jobs WHERE job = 'cleanup-timer-executions'), '(ok,12000,)',
	'the job has counted all 12,000 rows');
SELECT is((SELECT count(*) FROM timer_executions), 0::bigint, 'all 12,000 rows are gone');

-- Optional: finished timers with their executions, and metrics.
UPDATE campaign_maintenance_jobs SET enabled = true;
SET LOCAL session_replication_role = replica;
INSERT INTO campaign_timers (campaign_id, timer_type, status, retry_count, scheduled_at, updated_at)
	SELECT :'other', 'REWARD_REMINDER', s, CASE s WHEN 'FAILED' THEN 5 ELSE 0 END, at::timestamptz, at::timestamptz
	FROM unnest(ARRAY['COMPLETED', 'CANCELLED', 'FAILED', 'PENDING']) AS s, unnest(ARRAY['2031-01-01 00:00:00+00', '2032-06-01 00:00:00+00']) AS at WHERE s <> 'PENDING' OR at < '2032';
INSERT INTO campaign_metrics (campaign_id, metric_type, value, recorded_at) SELECT :'other', 'ENGAGEMENT_COUNT', 1, at::timestamptz FROM unnest(ARRAY['2031-01-01 00:00:00+00', '2032-06-01 00:00:00+00']) AS at;
SET LOCAL session_replication_role = origin;
SELECT is(pg_temp.steps('cleanup-finished-timers', '2033-01-09 03:30:00+00'), 1::bigint,
	'cleanup-finished-timers takes one step');
SELECT is((SELECT array_agg(status || ' ' || EXTRACT(year FROM scheduled_at AT TIME ZONE 'UTC') ORDER BY scheduled_at, status COLLATE "C") FROM campaign_timers WHERE timer_type = 'REWARD_REMINDER'),
	ARRAY['FAILED 2031', 'PENDING 2031', 'CANCELLED 2032', 'COMPLETED 2032', 'FAILED 2032'], 'finished timers of an age are gone; waiting timers and dead letters stay');
SELECT is(pg_temp.steps('cleanup-metrics', '2033-01-09 04:00:00+00'), 1::bigint, 'cleanup-metrics takes one step');
SELECT is((SELECT array_agg(EXTRACT(year FROM recorded_at AT TIME ZONE 'UTC')) FROM campaign_metrics WHERE metric_type = 'ENGAGEMENT_COUNT'), ARRAY[2032::numeric],
	'metrics of an age are gone');

---- thirty months, six days at a time, as the worker sees them

DELETE FROM campaign_state_log WHERE created_at > '2031-01-01 00:00:00+00' OR created_at = 'infinity';
CREATE TABLE public.passed (id uuid, created_at timestamptz);
CREATE TABLE public.month_table (month timestamptz PRIMARY KEY, part oid);
UPDATE campaign_maintenance_jobs SET last_run = NULL, last_outcome = NULL;
CREATE FUNCTION pg_temp.pass(campaign uuid, since timestamptz, until timestamptz) RETURNS void LANGUAGE plpgsql SET timezone = 'UTC' AS $$
DECLARE
	now timestamptz := since;
	last_round timestamptz;
	due record;
	job text;
BEGIN
	WHILE now < until LOOP
		SELECT * INTO due FROM campaign_lifecycle_internal._due_maintenance(now, last_round);
		FOREACH job IN ARRAY coalesce(due.jobs, '{}') LOOP
			WHILE campaign_lifecycle_internal._run_maintenance_step(job, now) LOOP END LOOP;
		END LOOP;
		last_round := now;
		WITH l AS (
			INSERT INTO public.campaign_state_log (campaign_id, from_state, to_state, trigger_event, created_at)
			SELECT campaign, 'CREATED', 'RUNNING', 'TEST', now + n * interval '14 hours' FROM generate_series(0, 9) AS n
			RETURNING id, created_at)
		INSERT INTO public.passed TABLE l;
		INSERT INTO public.month_table SELECT DISTINCT ON (1) date_trunc('month', l.created_at), l.tableoid FROM public.campaign_state_log AS l WHERE l.created_at >= now AND l.campaign_id = campaign
			ON CONFLICT DO NOTHING;
		now := now + interval '6 days';
	END LOOP;
	SELECT * INTO due FROM campaign_lifecycle_internal._due_maintenance(until, last_round);
	FOREACH job IN ARRAY due.jobs LOOP
		WHILE campaign_lifecycle_internal._run_maintenance_step(job, until) LOOP END LOOP;
	END LOOP;
END
$$;
SELECT pg_temp.pass(:'other', '2034-01-01 00:00:00+00', '2036-07-01 02:00:00+00');
SELECT is((SELECT count(*) FROM passed), 1530::bigint, 'rows were logged all the time');
SELECT results_eq('SELECT id, created_at FROM passed ORDER BY id',
	'SELECT id, created_at FROM campaign_state_log WHERE created_at >= ''2034-01-01 00:00:00+00'' UNION ALL SELECT id, created_at FROM campaign_state_log_archive WHERE created_at >= ''2034-01-01 00:00:00+00'' ORDER BY id',
	'none is lost, none is doubled');
SELECT is((SELECT count(*) FROM ONLY campaign_state_log_default), 0::bigint, 'nothing is in the default partition');
SELECT is((SELECT min(created_at) >= '2035-07-01 02:00:00+00' FROM campaign_state_log), true,
	'nothing older than a year is in the log');
SELECT is((SELECT max(created_at) < '2035-07-01 02:00:00+00' FROM campaign_state_log_archive), true,
	'nothing younger is in the archive');
SELECT is((SELECT count(*) FROM month_table AS m JOIN pg_inherits AS i ON i.inhrelid = m.part AND i.inhparent = 'campaign_state_log_archive'::regclass), 18::bigint,
	'eighteen whole months are in the archive: the very tables that they were logged in');
SELECT is((SELECT count(*) FROM campaign_state_log_archive AS a LEFT JOIN month_table AS m ON m.part = a.tableoid WHERE a.created_at BETWEEN '2034-01-01 00:00:00+00' AND '2035-06-30 23:59:59+00' AND m.part IS NULL), 0::bigint,
	'no row of the archived months is in another table');
SELECT is((SELECT count(*) FROM campaign_lifecycle_internal._missing_log_months(3, '2036-07-01 02:00:00+00')), 0::bigint,
	'no month is missing, three months ahead');

SELECT * FROM finish();
ROLLBACK;
