-- The rows that new tables have: the state machine, the timer policies, the maintenance jobs, the version. A table that
-- has rows is left alone, so that the rows that a user has deleted stay away.

CREATE FUNCTION campaign_lifecycle_internal._insert_default_rows() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
BEGIN
	-- Tables of 1.1 lack the id.
	IF NOT EXISTS (SELECT FROM ONLY @extschema@.campaign_tables_version) THEN
		INSERT INTO @extschema@.campaign_tables_version (version)
		SELECT CASE WHEN campaign_lifecycle_internal._has_column('campaign_tables_version', 'id') THEN e.extversion
			ELSE '1.1' END
		FROM pg_extension AS e WHERE e.extname = 'campaign_lifecycle';
	END IF;
	IF NOT EXISTS (SELECT FROM ONLY @extschema@.campaign_state_transitions) THEN
		INSERT INTO @extschema@.campaign_state_transitions (from_state, to_state, timer_type, priority) VALUES
			('CREATED', 'RUNNING', 'START_CAMPAIGN', 10),
			('RUNNING', 'CLOSED', 'CLOSE_CAMPAIGN', 20),
			('CLOSED', 'REWARD_CLAIM', 'REWARD_REMINDER', 30),
			('RUNNING', 'EXPIRED', 'EXPIRE_CAMPAIGN', 40),
			('CLOSED', 'EXPIRED', 'EXPIRE_CAMPAIGN', 40),
			('REWARD_CLAIM', 'EXPIRED', 'EXPIRE_CAMPAIGN', 40);
	END IF;
	IF NOT EXISTS (SELECT FROM ONLY @extschema@.campaign_timer_policies) THEN
		INSERT INTO @extschema@.campaign_timer_policies (state, timer_type, anchor, delay, only_when) VALUES
			('CREATED', 'START_CAMPAIGN', 'start_time', '0', NULL),
			('CREATED', 'CLOSE_CAMPAIGN', 'end_time', '0', 'auto_close'),
			('CREATED', 'EXPIRE_CAMPAIGN', 'end_time', '2 hours', 'auto_close'),
			('RUNNING', 'CLOSE_CAMPAIGN', 'end_time', '0', 'auto_close'),
			('RUNNING', 'EXPIRE_CAMPAIGN', 'end_time', '2 hours', 'auto_close'),
			('CLOSED', 'REWARD_REMINDER', 'entered', '5 minutes', 'rewards_enabled'),
			('CLOSED', 'EXPIRE_CAMPAIGN', 'entered', '48 hours', NULL),
			('REWARD_CLAIM', 'REWARD_REMINDER', 'entered', '144 hours', 'rewards_enabled'),
			('REWARD_CLAIM', 'EXPIRE_CAMPAIGN', 'entered', '168 hours', NULL);
	END IF;
	IF NOT EXISTS (SELECT FROM ONLY @extschema@.campaign_maintenance_jobs) THEN
		INSERT INTO @extschema@.campaign_maintenance_jobs (job, schedule, enabled, retention, months_ahead) VALUES
			('create-monthly-partitions', '0 0 1 * *', true, NULL, 3),
			('refresh-active-campaigns', '*/5 * * * *', true, NULL, NULL),
			('refresh-pending-timers', '* * * * *', true, NULL, NULL),
			('archive-state-logs', '0 2 1 * *', true, '1 year', NULL),
			('cleanup-timer-executions', '0 3 * * 0', true, '6 months', NULL),
			('cleanup-campaign-changes', '15 3 * * 0', true, '6 months', NULL),
			('cleanup-finished-timers', '30 3 * * 0', false, '1 year', NULL),
			('cleanup-metrics', '0 4 * * 0', false, '1 year', NULL);
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._insert_default_rows() IS
	'Inserts the default rows into each table of the lifecycle that is empty.';

-- The id tells a copy from its original. campaign_activation, which no dump carries, holds the same.
CREATE FUNCTION campaign_lifecycle_internal._tables_id() RETURNS uuid
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_tables_id';
COMMENT ON FUNCTION campaign_lifecycle_internal._tables_id() IS
	'The id in campaign_tables_version, or NULL where there is none, or more than one.';

CREATE FUNCTION campaign_lifecycle_internal._renew_tables_id() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
BEGIN
	IF campaign_lifecycle_internal._has_column('campaign_tables_version', 'id') THEN
		DELETE FROM ONLY @extschema@.campaign_tables_version AS v WHERE v.id <> (
			SELECT w.id FROM ONLY @extschema@.campaign_tables_version AS w
			ORDER BY w.version = (SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'campaign_lifecycle') DESC, w.id
			LIMIT 1);
		UPDATE ONLY @extschema@.campaign_tables_version SET id = gen_random_uuid();
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._renew_tables_id() IS
	'Gives the tables a new id, so that rows of the database that they come from are noticed.';

CREATE FUNCTION campaign_lifecycle_internal._make_own() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
DECLARE
	own uuid;
BEGIN
	SELECT a.tables_id INTO own FROM ONLY @extschema@.campaign_activation AS a
		JOIN pg_database AS d ON d.oid = a.database_oid AND d.datname = current_database();
	IF own IS NULL OR own IS DISTINCT FROM campaign_lifecycle_internal._tables_id() THEN
		-- Triggers on the table run with the privileges of the role that writes it.
		PERFORM campaign_lifecycle_internal._run_maintenance_as_owner('renew_tables_id', NULL::timestamptz, NULL::interval,
			NULL::bigint);
	END IF;
	INSERT INTO @extschema@.campaign_activation AS a (database_oid, tables_id)
	SELECT d.oid, campaign_lifecycle_internal._tables_id() FROM pg_database AS d WHERE d.datname = current_database()
	ON CONFLICT (database_oid) DO UPDATE SET paused = false, changed_at = now(), tables_id = excluded.tables_id
		WHERE a.paused OR a.tables_id IS DISTINCT FROM excluded.tables_id;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._make_own() IS
	'Makes this the database of the tables, where timers fire, wherever their rows come from.';
