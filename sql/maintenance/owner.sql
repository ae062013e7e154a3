-- Maintenance as the owner of the tables, because only the owner may make partitions and refresh materialized views. A
-- role that may call a function of maintenance has it done with the owner's privileges.

CREATE FUNCTION campaign_lifecycle_internal._is_campaign_owner() RETURNS boolean
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT pg_get_userbyid(c.relowner) = current_user FROM pg_class AS c
		WHERE c.oid = '@extschema@.campaign_timers'::regclass
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._is_campaign_owner() IS
	'Whether the current user is the role that owns the tables.';

CREATE FUNCTION campaign_lifecycle_internal._run_maintenance_as_owner(function_name text,
	as_of timestamp with time zone, older_than interval, quantity bigint) RETURNS bigint
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_run_maintenance_as_owner';
COMMENT ON FUNCTION campaign_lifecycle_internal._run_maintenance_as_owner(text, timestamptz, interval, bigint) IS
	'Does a part of the maintenance as the owner of the tables. Any caller may ask for create_monthly_partitions, '
	'archive_old_state_logs and cleanup_timer_executions, with its months or rows as the quantity. Other parts need the '
	'privileges of the owner. Errors: 22004, 22023 for what is none, 42501.';
