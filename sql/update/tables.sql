-- Bring tables of 1.1 up to this version: after ALTER EXTENSION UPDATE, from a dump, or left by DROP EXTENSION.

CREATE FUNCTION campaign_lifecycle_internal._has_column(table_name name, column_name name) RETURNS boolean
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT EXISTS (SELECT FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
		WHERE c.relnamespace = '@extschema@'::regnamespace AND c.relname = table_name AND a.attname = column_name
			AND a.attnum > 0 AND NOT a.attisdropped)
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._has_column(name, name) IS
	'Whether a campaign table has this column. Tables of 1.1 lack some.';

CREATE FUNCTION campaign_lifecycle_internal._upgrade_campaign_tables() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $upgrade$
DECLARE
	wanted constant text := (SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'campaign_lifecycle');
	present text;
BEGIN
SELECT v.version INTO present FROM ONLY @extschema@.campaign_tables_version AS v
	ORDER BY v.version = wanted DESC LIMIT 1 FOR UPDATE;
IF present IS DISTINCT FROM wanted AND present IS DISTINCT FROM '1.1' THEN
	RAISE EXCEPTION 'campaign tables of version % cannot be brought to version %', coalesce(present, 'unknown'), wanted
		USING ERRCODE = 'object_not_in_prerequisite_state',
			HINT = CASE WHEN present IS NULL
				THEN 'campaign_tables_version is empty: install_campaign_tables() puts its row back.'
				ELSE 'Install a version of campaign_lifecycle that is not older than the tables.' END;
END IF;
-- Rows of 1.1 may have been loaded into tables of this version.
IF present = '1.1' AND campaign_lifecycle_internal._has_column('campaign_tables_version', 'id') IS FALSE THEN
	-- Before the first UPDATE of this table: a publication FOR ALL TABLES refuses one without a key.
	ALTER TABLE @extschema@.campaign_tables_version
		ADD COLUMN id uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
		ADD CONSTRAINT campaign_tables_version_pkey PRIMARY KEY (id);
	-- The trigger would ask for the rights of each owner. It is made anew below.
	DROP TRIGGER IF EXISTS validate_timer_handler ON @extschema@.campaign_timer_handlers;
	ALTER TABLE @extschema@.campaign_timer_handlers ADD COLUMN handler_owner_oid oid;
	UPDATE ONLY @extschema@.campaign_timer_handlers AS h SET handler_owner_oid = r.oid
	FROM pg_roles AS r WHERE r.rolname = h.handler_owner;
	ALTER VIEW @extschema@._runnable_timers RENAME COLUMN place TO tid;
	ALTER VIEW @extschema@._runnable_timers RENAME COLUMN campaign_place TO campaign_tid;
END IF;
IF present = '1.1' THEN
	-- 1.1 told a lost worker by the text of the error. This matters for timers that have attempts left.
	UPDATE ONLY @extschema@.timer_executions AS x
	SET result = '{"worker_lost": true}'
	FROM ONLY @extschema@.campaign_timers AS t
	WHERE t.id = x.timer_id AND t.status = 'FAILED' AND t.retry_count < @attempt_limit@ AND x.status = 'FAILED'
		AND x.result IS NULL
		AND x.error_message = '57P02: the worker was lost while it ran this timer';
	-- Months that 1.1 made lack the grants of the log.
	PERFORM campaign_lifecycle_internal._copy_grants(p.parent, p.part, NULL::regclass)
	FROM (SELECT i.inhparent::regclass, i.inhrelid::regclass FROM pg_inherits AS i WHERE i.inhparent IN (
		'@extschema@.campaign_state_log'::regclass, '@extschema@.campaign_state_log_archive'::regclass)) AS p (parent, part);
	-- 1.1 took schedules that no job can run by.
	ALTER TABLE @extschema@.campaign_maintenance_jobs DROP CONSTRAINT IF EXISTS valid_schedule;
	PERFORM campaign_lifecycle_internal._mend_schedules();
--@valid_schedule
	PERFORM campaign_lifecycle_internal._add_campaign_changes();
	-- Views of 1.1 read children of the tables, too.
--@views
--@comments
END IF;
PERFORM campaign_lifecycle_internal._install_campaign_triggers();
UPDATE ONLY @extschema@.campaign_tables_version AS v SET version = wanted WHERE v.version IS DISTINCT FROM wanted;
END
$upgrade$;
COMMENT ON FUNCTION campaign_lifecycle_internal._upgrade_campaign_tables() IS
	'upgrade_campaign_tables() as the owner of the tables.';

-- Triggers on the tables run with the privileges of the role that writes. So the upgrade runs as the tables' owner, not
-- as the superuser who updates the extension.
CREATE FUNCTION @extschema@.upgrade_campaign_tables() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL
		OR to_regclass('@extschema@.campaign_tables_version') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	-- Lock the extension before any table, as the worker does. No worker is inside a batch from here on.
	ALTER FUNCTION campaign_lifecycle_internal._uuid_v7() NO DEPENDS ON EXTENSION campaign_lifecycle;
	IF campaign_lifecycle_internal._is_campaign_owner() THEN
		PERFORM campaign_lifecycle_internal._upgrade_campaign_tables();
	ELSE
		PERFORM campaign_lifecycle_internal._grant_campaign_owner();
		PERFORM campaign_lifecycle_internal._run_maintenance_as_owner('upgrade_campaign_tables', NULL::timestamptz,
			NULL::interval, NULL::bigint);
	END IF;
	-- A database of 1.1 that was active stays active. A statement that finds no row would fire triggers, too.
	IF EXISTS (SELECT FROM ONLY @extschema@.campaign_activation AS a JOIN pg_database AS d ON d.oid = a.database_oid
		WHERE d.datname = current_database() AND a.tables_id IS NULL AND NOT a.paused) THEN
		UPDATE ONLY @extschema@.campaign_activation AS a SET tables_id = campaign_lifecycle_internal._tables_id()
		FROM pg_database AS d
		WHERE d.oid = a.database_oid AND d.datname = current_database() AND a.tables_id IS NULL AND NOT a.paused;
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.upgrade_campaign_tables() IS
	'Brings tables of an earlier version, restored or adopted, up to this one; timers stay paused until then. Does '
	'nothing to tables that are. May be run any number of times. Errors: 42P01 without tables, 55000 for tables of a '
	'later version. Since 1.1.';
