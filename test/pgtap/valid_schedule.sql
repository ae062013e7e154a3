-- The CHECK on schedules refuses what the cron parser refuses, and the other way round, at edges and in random schedules.
-- Schedules that 1.1 took without being able to run by them are mended by the update.

BEGIN;
SELECT plan(10);
\ir lib/errors.psql

CREATE TEMPORARY TABLE trial (LIKE campaign_maintenance_jobs INCLUDING CONSTRAINTS);
ALTER TABLE trial DROP CONSTRAINT valid_job, DROP CONSTRAINT valid_retention, DROP CONSTRAINT valid_months_ahead;
CREATE FUNCTION pg_temp.is_accepted(schedule text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO trial (job, schedule, failures, enabled) VALUES ('x', schedule, 0, true);
	RETURN true;
EXCEPTION WHEN check_violation THEN
	RETURN false;
END
$$;
-- Schedules of which the two think differently.
CREATE FUNCTION pg_temp.disputed(schedules text[]) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(format('%s (CHECK: %s)', s.schedule, pg_temp.is_accepted(s.schedule))) FROM unnest(schedules) AS s (schedule)
	WHERE pg_temp.is_accepted(s.schedule) <> campaign_lifecycle_internal._is_cron_schedule(s.schedule)
$$;
CREATE FUNCTION pg_temp.accepted(schedules text[]) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(s.schedule) FROM unnest(schedules) AS s (schedule) WHERE pg_temp.is_accepted(s.schedule)
$$;

SELECT is(pg_temp.violation_of($$ UPDATE campaign_maintenance_jobs SET schedule = '0 22-6 * * *' WHERE job = 'archive-state-logs' $$), '23514 valid_schedule',
	'a range from high to low is refused');
SELECT is(pg_temp.accepted(ARRAY['0 22-6 * * *', '5-3 * * * *', '05-03 * * * *', '10-9 * * * *', '59-58 * * * *', '30-4/2 * * * *', '1,9-8 * * * *', '* * 31-1 * *', '* * * nov-feb *', '* * * 12-jan *',
	'* * * dec-1 *', '* * * * fri-mon', '* * * * 7-sun', '* * * * 6-0', '* * * * sat-5', '* * * * FRI-MON', '*/12345 * * * *', '*/0 * * * *', '*/00 * * * *', '1, * * * *', '* * * * 1,', ',1 * * * *',
	'@daily' || E'\n', E'\n@daily', '* * * *', '* * * * * *', '', ' ', '60 * * * *', '* 24 * * *', '* * 0 * *', '* * 32 * *', '* * * 0 *', '* * * 13 *', '* * * * 8', '*-5 * * * *', '1-2-3 * * * *', '@often']),
	NULL, 'no bad schedule is accepted');
SELECT is(pg_temp.disputed(ARRAY['0 22-6 * * *', '*/12345 * * * *', '*/00005 * * * *', '@daily' || E'\n', '* * * * 7-sun', '* * * * sun-7', '* * * * FRI-MON', E'* * * * *\n', '* * * * 1,', '١ * * * *', '* * * * 1/0']), NULL,
	'the parser refuses the same');
CREATE TEMPORARY TABLE edge AS SELECT ARRAY['* * * * *', '0 2 1 * *', '5-5 * * * *', '05-5 * * * *', '0-59/15 * * * *', '5/15 * * * *', '*/9999 * * * *', '0 0-23 1-31 1-12 0-7', '* * * jan-dec sun-sat', '* * * 1-DEC *', '* * * jan-1 *',
	'* * * 2-feb mon-1', '* * * * fri-7', '* * * * sun-7', '9-10 * * * *', '8-9,18-19,1 * * * *', '@daily', ' @Hourly ', E'\t@weekly', '0   3 * *' || E'\t' || '0', '09-10 * * * *', '00 00 01 01 00', '*/0005 * * * *', '@ANNUALLY'] AS good;
SELECT is(pg_temp.disputed(good), NULL, 'good schedules at the edges: not disputed') FROM edge;
SELECT is(pg_temp.accepted(good), good, 'good schedules at the edges: accepted') FROM edge;
SELECT setseed(0.5);
SELECT is(pg_temp.disputed(array_agg(q.schedule)), NULL, '300 random schedules: not disputed')
FROM (
	SELECT string_agg(f.field, ' ' ORDER BY f.place) AS schedule
	FROM generate_series(1, 300) AS n
	CROSS JOIN LATERAL (
		SELECT p.place, string_agg(CASE WHEN random() < 0.3 THEN '*' ELSE v[1 + floor(random() * cardinality(v))] || CASE WHEN random() < 0.5 THEN '-' || v[1 + floor(random() * cardinality(v))] ELSE '' END END
			|| CASE WHEN random() < 0.2 THEN '/' || floor(random() * 4)::text ELSE '' END, ',') AS field
		FROM (VALUES (1, '{0,5,09,10,59}'::text[]), (2, '{0,1,9,22,23}'), (3, '{1,02,9,28}'), (4, '{1,2,jan,feb,12,Dec}'), (5, '{0,7,sun,Mon,1,6,sat}')) AS p (place, v)
		CROSS JOIN generate_series(1, 1 + (n + p.place) % 2)
		GROUP BY p.place) AS f
	GROUP BY n) AS q;

---- tables of 1.1

ALTER TABLE campaign_maintenance_jobs DROP CONSTRAINT valid_schedule;
UPDATE campaign_maintenance_jobs AS j SET schedule = v.schedule
FROM (VALUES ('archive-state-logs', '0 22-6/2,12 * nov-2 fri-1'), ('cleanup-metrics', '@daily' || E'\n'), ('refresh-pending-timers', '*/00005 * * * *')) AS v (job, schedule) WHERE j.job = v.job;
UPDATE campaign_tables_version SET version = '1.1';
ALTER VIEW _runnable_timers RENAME COLUMN tid TO place;
ALTER VIEW _runnable_timers RENAME COLUMN campaign_tid TO campaign_place;
SET LOCAL client_min_messages = error;
SELECT lives_ok('SELECT upgrade_campaign_tables()', 'upgrade_campaign_tables() takes schedules that no job could run by');
RESET client_min_messages;
SELECT results_eq('SELECT job, schedule FROM campaign_maintenance_jobs ORDER BY job',
	$$VALUES ('archive-state-logs', '0 22-23/2,0-6/2,12 * nov-12,1-2 fri-6,0-1'), ('cleanup-campaign-changes', '15 3 * * 0'), ('cleanup-finished-timers', '30 3 * * 0'), ('cleanup-metrics', '@daily'), ('cleanup-timer-executions', '0 3 * * 0'), ('create-monthly-partitions', '0 0 1 * *'),
	('refresh-active-campaigns', '*/5 * * * *'), ('refresh-pending-timers', '*/5 * * * *')$$, 'it mends them and leaves the others');
SELECT is((SELECT convalidated FROM pg_constraint WHERE conname = 'valid_schedule' AND conrelid = 'campaign_maintenance_jobs'::regclass), true, 'the CHECK holds for every row');
SELECT ok(campaign_lifecycle_internal._next_cron_time('0 22-23/2,0-6/2,12 * nov-12,1-2 fri-6,0-1', '2026-11-06 01:00+00') = '2026-11-06 02:00+00', 'the mended schedule runs at night');

SELECT * FROM finish();
ROLLBACK;
