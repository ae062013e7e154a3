-- Refresh a materialized view.

CREATE FUNCTION campaign_lifecycle_internal._refresh_if_changed(view regclass) RETURNS boolean
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
DECLARE
	populated boolean;
	changed boolean := true;
BEGIN
	IF NOT campaign_lifecycle_internal._is_campaign_owner() THEN
		RETURN campaign_lifecycle_internal._run_maintenance_as_owner('refresh_if_changed', NULL::timestamptz, NULL::interval,
			view::oid::bigint) > 0;
	END IF;
	PERFORM campaign_lifecycle_internal._share_access(true);
	SELECT c.relispopulated INTO populated FROM pg_class AS c WHERE c.oid = view AND c.relkind = 'm';
	IF populated IS NULL THEN
		RETURN false;
	END IF;
	IF populated THEN
		-- Compare with the present definition, which the user may have changed. Compute the new content once.
		EXECUTE format('WITH wanted AS MATERIALIZED (%2$s)
				SELECT EXISTS ((TABLE wanted EXCEPT ALL TABLE %1$s)
					UNION ALL (TABLE %1$s EXCEPT ALL TABLE wanted))',
				view, rtrim(pg_get_viewdef(view), '; '))
			INTO changed;
	END IF;
	IF changed THEN
		-- CONCURRENTLY wants a temporary table and a unique index.
		EXECUTE format('REFRESH MATERIALIZED VIEW %s %s', CASE WHEN populated
				AND has_database_privilege(current_database(), 'TEMP')
				AND EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = view AND i.indisunique AND i.indisvalid
					AND i.indpred IS NULL AND i.indexprs IS NULL)
			THEN 'CONCURRENTLY' ELSE '' END, view);
	END IF;
	RETURN changed;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._refresh_if_changed(regclass) IS
	'Refreshes a materialized view, without locking readers out, if it differs from what it would hold now; returns '
	'whether it did. Writes nothing otherwise.';
