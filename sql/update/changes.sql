-- Give tables of 1.1 the history of plans, and the job that cleans it up.

CREATE FUNCTION campaign_lifecycle_internal._add_campaign_changes() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $add$
BEGIN
	IF to_regclass('@extschema@.campaign_changes') IS NULL THEN
--@changes
		PERFORM campaign_lifecycle_internal._copy_readers('@extschema@.timer_executions'::regclass,
			'@extschema@.campaign_changes'::regclass);
	ELSIF campaign_lifecycle_internal._has_column('campaign_changes', 'session_role') IS FALSE THEN
		RAISE EXCEPTION 'schema "%" already holds a relation campaign_changes', replace('@extschema@', '"', '')
			USING ERRCODE = 'duplicate_table', HINT = 'Nothing was changed. Give yours another name before the update.';
	END IF;
	ALTER TABLE @extschema@.campaign_maintenance_jobs DROP CONSTRAINT IF EXISTS valid_job,
		DROP CONSTRAINT IF EXISTS valid_retention;
--@valid_jobs
	INSERT INTO @extschema@.campaign_maintenance_jobs (job, schedule, enabled, retention)
	VALUES ('cleanup-campaign-changes', '15 3 * * 0', true, '6 months')
	ON CONFLICT (job) DO NOTHING;
END
$add$;
COMMENT ON FUNCTION campaign_lifecycle_internal._add_campaign_changes() IS
	'Makes campaign_changes beside tables of 1.1, readable for the roles that may read the executions.';
