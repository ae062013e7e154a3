-- The CHECKs that name the jobs. The update gives them to tables of 1.1, which lack cleanup-campaign-changes.

ALTER TABLE @extschema@.campaign_maintenance_jobs
	ADD CONSTRAINT valid_job CHECK (job IN ('create-monthly-partitions', 'refresh-active-campaigns',
		'refresh-pending-timers', 'archive-state-logs', 'cleanup-timer-executions', 'cleanup-campaign-changes',
		'cleanup-finished-timers', 'cleanup-metrics')),
	ADD CONSTRAINT valid_retention CHECK (CASE
		WHEN job IN ('archive-state-logs', 'cleanup-timer-executions', 'cleanup-campaign-changes',
			'cleanup-finished-timers', 'cleanup-metrics')
			THEN retention IS NOT NULL AND retention >= interval '0'
		ELSE retention IS NULL END);
COMMENT ON CONSTRAINT valid_job ON @extschema@.campaign_maintenance_jobs IS
	'The jobs are those that are there. Disable one instead of renaming it.';
COMMENT ON CONSTRAINT valid_retention ON @extschema@.campaign_maintenance_jobs IS
	'retention is an age that is not negative, of jobs that archive or remove; NULL of all others.';
