-- The maintenance jobs, as data.

CREATE TABLE @extschema@.campaign_maintenance_jobs (
	job text NOT NULL,
	schedule text NOT NULL,
	enabled boolean NOT NULL DEFAULT true,
	retention interval,
	months_ahead integer,
	last_run timestamp with time zone,
	last_duration interval,
	last_outcome text,
	last_error text,
	last_count bigint,
	failures integer NOT NULL DEFAULT 0,
	reached timestamp with time zone,
	cron_database oid,
	CONSTRAINT campaign_maintenance_jobs_pkey PRIMARY KEY (job),
	CONSTRAINT valid_months_ahead CHECK (CASE
		WHEN job = 'create-monthly-partitions' THEN months_ahead IS NOT NULL AND months_ahead BETWEEN 0 AND 120
		ELSE months_ahead IS NULL END),
	CONSTRAINT valid_last_outcome CHECK (last_outcome IN ('ok', 'running', 'failed'))
);
COMMENT ON CONSTRAINT valid_months_ahead ON @extschema@.campaign_maintenance_jobs IS
	'months_ahead is from 0 to 120 of create-monthly-partitions, and NULL of all others.';
COMMENT ON TABLE @extschema@.campaign_maintenance_jobs IS
	'The maintenance jobs. Edit schedule, enabled, retention and months_ahead; the rest says how it went. Times missed '
	'while no worker ran are caught up by one run; one job''s failure stops no other.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.job IS 'Its name, also in pg_cron.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.schedule IS
	'A cron schedule in UTC: minute, hour, day of month, month, day of week; or @hourly and the like. Months are made '
	'when they are missing, whatever the schedule says.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.enabled IS 'Whether it runs at all.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.retention IS
	'The age from which on rows are archived or removed.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.months_ahead IS
	'How many months after the present one have their partition.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.last_run IS
	'When it last did something or failed; a run that found nothing to do is written down once a day.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.last_duration IS 'The time its steps took.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.last_outcome IS
	'ok, failed, or running: more steps follow, also after a crash.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.last_error IS 'Of a failure: SQLSTATE: message.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.last_count IS
	'Partitions made, rows moved or removed, views refreshed.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.failures IS
	'Failures in a row; the next try is 10 seconds after the first, then twice as long each time, at most an hour. Set '
	'to 0 to try at once.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.reached IS 'Where the next step of a running job begins.';
COMMENT ON COLUMN @extschema@.campaign_maintenance_jobs.cron_database IS
	'The oid of the database whose pg_cron runs the job: if that is this one, the worker leaves it alone. Written by '
	'schedule_maintenance() and unschedule_maintenance(). A restored copy has another oid.';
