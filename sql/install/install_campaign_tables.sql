-- Make the tables and the views over them. They are ordinary objects of the user, no members of the extension. CREATE
-- EXTENSION calls this unless a dump brings the tables. The build replaces the marked line by the files of sql/tables
-- and sql/views that sql/order.mk lists.

CREATE FUNCTION campaign_lifecycle_internal._make_campaign_tables() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $install$
BEGIN
--@tables
	PERFORM campaign_lifecycle_internal._insert_default_rows();
	PERFORM @extschema@.create_monthly_partitions(3, now());
END
$install$;
COMMENT ON FUNCTION campaign_lifecycle_internal._make_campaign_tables() IS
	'Makes the campaign tables with their default rows, and the views over them.';

CREATE FUNCTION campaign_lifecycle_internal._install_campaign_tables(adopts boolean) RETURNS boolean
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
DECLARE
	makes constant boolean := to_regclass('@extschema@.campaign_tables_version') IS NULL;
	holds_data boolean := false;
BEGIN
	IF makes THEN
		PERFORM campaign_lifecycle_internal._make_campaign_tables();
	ELSE
		PERFORM campaign_lifecycle_internal._check_campaign_tables(adopts);
		holds_data := EXISTS (SELECT FROM ONLY @extschema@.campaigns)
			OR EXISTS (SELECT FROM ONLY @extschema@.campaign_timers);
		IF campaign_lifecycle_internal._is_campaign_owner() THEN
			PERFORM campaign_lifecycle_internal._insert_default_rows();
		ELSE
			PERFORM campaign_lifecycle_internal._grant_campaign_owner();
			PERFORM campaign_lifecycle_internal._run_maintenance_as_owner('insert_default_rows', NULL::timestamptz,
				NULL::interval, NULL::bigint);
		END IF;
	END IF;
	PERFORM @extschema@.upgrade_campaign_tables();
	-- Tables that are made here, or hold no data, are those of this database. It stays paused if it was.
	IF makes THEN
		INSERT INTO @extschema@.campaign_activation (database_oid)
		SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()
		ON CONFLICT (database_oid) DO NOTHING;
	END IF;
	IF NOT holds_data AND EXISTS (
			SELECT FROM ONLY @extschema@.campaign_activation AS a JOIN pg_database AS d ON d.oid = a.database_oid
			WHERE d.datname = current_database()
				AND a.tables_id IS DISTINCT FROM campaign_lifecycle_internal._tables_id()) THEN
		UPDATE ONLY @extschema@.campaign_activation AS a SET tables_id = campaign_lifecycle_internal._tables_id()
		FROM pg_database AS d
		WHERE d.oid = a.database_oid AND d.datname = current_database()
			AND a.tables_id IS DISTINCT FROM campaign_lifecycle_internal._tables_id();
		PERFORM campaign_lifecycle_internal._wake();
	END IF;
	RETURN holds_data;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._install_campaign_tables(boolean) IS
	'install_campaign_tables(). adopts: CREATE EXTENSION takes over tables that it finds. Returns whether they hold '
	'campaigns or timers.';

CREATE FUNCTION @extschema@.install_campaign_tables() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM campaign_lifecycle_internal._check_schema();
	PERFORM campaign_lifecycle_internal._install_campaign_tables(false);
END
$$;
COMMENT ON FUNCTION @extschema@.install_campaign_tables() IS
	'Makes the campaign tables, their triggers and the views over them, or adopts those that an earlier CREATE '
	'EXTENSION left. Puts the default rows back into tables of the lifecycle that are empty, as in a schema-only copy. '
	'CREATE EXTENSION calls it; call it yourself where a hint said so. Errors, and then nothing is made: 42P07 where '
	'other relations have these names or the tables are not in our shape; 42501 for tables of another owner. Since 1.0.';
