-- Remove old rows in batches, by an index. Each batch starts where the one before ended, because an old snapshot may
-- keep the removed rows in the index.

CREATE FUNCTION campaign_lifecycle_internal._remove_executions(since timestamp with time zone,
	cutoff timestamp with time zone, max_rows bigint, OUT removed bigint, OUT reached timestamp with time zone)
	LANGUAGE sql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
	WITH gone AS (
		DELETE FROM ONLY @extschema@.timer_executions AS e
		WHERE e.status = 'COMPLETED' AND e.completed_at < cutoff
			AND e.id = ANY (ARRAY(
				SELECT x.id
				FROM ONLY @extschema@.timer_executions AS x
				WHERE x.status = 'COMPLETED' AND x.completed_at >= since AND x.completed_at < cutoff
				ORDER BY x.completed_at
				LIMIT max_rows))
		RETURNING e.completed_at)
	SELECT count(*), coalesce(max(g.completed_at), since) FROM gone AS g
$$;
COMMENT ON FUNCTION
	campaign_lifecycle_internal._remove_executions(timestamptz, timestamptz, bigint, OUT bigint, OUT timestamptz) IS
	'Removes up to max_rows completed executions, the oldest first.';

CREATE FUNCTION campaign_lifecycle_internal._remove_timers(since timestamp with time zone,
	cutoff timestamp with time zone, max_rows bigint, OUT removed bigint, OUT reached timestamp with time zone)
	LANGUAGE sql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
	WITH gone AS (
		DELETE FROM ONLY @extschema@.campaign_timers AS t
		WHERE t.status IN ('COMPLETED', 'CANCELLED') AND t.updated_at < cutoff
			AND t.id = ANY (ARRAY(
				SELECT x.id
				FROM ONLY @extschema@.campaign_timers AS x
				WHERE x.status IN ('COMPLETED', 'CANCELLED') AND x.updated_at < cutoff AND x.scheduled_at >= since
					AND x.scheduled_at < cutoff
				ORDER BY x.scheduled_at
				LIMIT max_rows))
		RETURNING t.scheduled_at)
	SELECT count(*), coalesce(max(g.scheduled_at), since) FROM gone AS g
$$;
COMMENT ON FUNCTION
	campaign_lifecycle_internal._remove_timers(timestamptz, timestamptz, bigint, OUT bigint, OUT timestamptz) IS
	'Removes up to max_rows timers, with their executions, that are COMPLETED or CANCELLED. They were both due and last '
	'changed before the cut-off. The oldest go first.';

CREATE FUNCTION campaign_lifecycle_internal._remove_metrics(since timestamp with time zone,
	cutoff timestamp with time zone, max_rows bigint, OUT removed bigint, OUT reached timestamp with time zone)
	LANGUAGE sql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
	WITH gone AS (
		DELETE FROM ONLY @extschema@.campaign_metrics AS m
		WHERE m.recorded_at < cutoff
			AND m.id = ANY (ARRAY(
				SELECT x.id
				FROM ONLY @extschema@.campaign_metrics AS x
				WHERE x.recorded_at >= since AND x.recorded_at < cutoff
				ORDER BY x.recorded_at
				LIMIT max_rows))
		RETURNING m.recorded_at)
	SELECT count(*), coalesce(max(g.recorded_at), since) FROM gone AS g
$$;
COMMENT ON FUNCTION
	campaign_lifecycle_internal._remove_metrics(timestamptz, timestamptz, bigint, OUT bigint, OUT timestamptz) IS
	'Removes up to max_rows metrics, the oldest first.';

CREATE FUNCTION campaign_lifecycle_internal._remove_changes(since timestamp with time zone,
	cutoff timestamp with time zone, max_rows bigint, OUT removed bigint, OUT reached timestamp with time zone)
	LANGUAGE sql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
	WITH gone AS (
		DELETE FROM ONLY @extschema@.campaign_changes AS h
		WHERE h.changed_at < cutoff
			AND h.id = ANY (ARRAY(
				SELECT x.id
				FROM ONLY @extschema@.campaign_changes AS x
				WHERE x.changed_at >= since AND x.changed_at < cutoff
				ORDER BY x.changed_at
				LIMIT max_rows))
		RETURNING h.changed_at)
	SELECT count(*), coalesce(max(g.changed_at), since) FROM gone AS g
$$;
COMMENT ON FUNCTION
	campaign_lifecycle_internal._remove_changes(timestamptz, timestamptz, bigint, OUT bigint, OUT timestamptz) IS
	'Removes up to max_rows changes of plan, the oldest first.';

CREATE FUNCTION @extschema@.cleanup_timer_executions(older_than interval DEFAULT '6 months',
	as_of timestamp with time zone DEFAULT now(), max_rows bigint DEFAULT NULL) RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
DECLARE
	cutoff timestamptz := campaign_lifecycle_internal._cutoff(older_than, as_of);
	n bigint;
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	IF NOT campaign_lifecycle_internal._is_campaign_owner() THEN
		RETURN campaign_lifecycle_internal._run_maintenance_as_owner('cleanup_timer_executions', as_of, older_than, max_rows);
	END IF;
	PERFORM campaign_lifecycle_internal._check_max_rows(max_rows);
	IF max_rows IS NULL THEN
		DELETE FROM ONLY @extschema@.timer_executions AS e WHERE e.status = 'COMPLETED' AND e.completed_at < cutoff;
		GET DIAGNOSTICS n = ROW_COUNT;
	ELSE
		SELECT r.removed INTO n FROM campaign_lifecycle_internal._remove_executions('-infinity'::timestamptz, cutoff,
			max_rows) AS r;
	END IF;
	RAISE NOTICE 'Cleaned up % old timer execution records', n;
	RETURN n;
END
$$;
COMMENT ON FUNCTION @extschema@.cleanup_timer_executions(interval, timestamptz, bigint) IS
	'Removes executions COMPLETED before as_of minus older_than, at most max_rows of them, the oldest first; NULL: all. '
	'The worker does this by itself in batches. Returns the number removed. Errors: 22004, 22008, 22023. Since 1.1.';

CREATE FUNCTION @extschema@.cleanup_campaign_changes(older_than interval DEFAULT '6 months',
	as_of timestamp with time zone DEFAULT now(), max_rows bigint DEFAULT NULL) RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
DECLARE
	cutoff timestamptz := campaign_lifecycle_internal._cutoff(older_than, as_of);
	n bigint;
BEGIN
	IF to_regclass('@extschema@.campaign_changes') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	IF NOT campaign_lifecycle_internal._is_campaign_owner() THEN
		RETURN campaign_lifecycle_internal._run_maintenance_as_owner('cleanup_campaign_changes', as_of, older_than, max_rows);
	END IF;
	PERFORM campaign_lifecycle_internal._check_max_rows(max_rows);
	SELECT r.removed INTO n FROM campaign_lifecycle_internal._remove_changes('-infinity'::timestamptz, cutoff,
		max_rows) AS r;
	RAISE NOTICE 'Cleaned up % old changes of plan', n;
	RETURN n;
END
$$;
COMMENT ON FUNCTION @extschema@.cleanup_campaign_changes(interval, timestamptz, bigint) IS
	'Removes changes of plan made before as_of minus older_than, at most max_rows of them, the oldest first; NULL: all. '
	'The worker does this by itself in batches. Returns the number removed. Errors: 22004, 22008, 22023. Since 1.2.';

-- Functions that pg_cron calls, also as a former owner of the tables, or as the superuser who scheduled the job.
CREATE FUNCTION campaign_lifecycle_internal._cleanup_finished_timers(older_than interval,
	as_of timestamp with time zone DEFAULT now()) RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
BEGIN
	IF NOT campaign_lifecycle_internal._is_campaign_owner() THEN
		RETURN campaign_lifecycle_internal._run_maintenance_as_owner('cleanup_finished_timers', as_of, older_than,
			NULL::bigint);
	END IF;
	RETURN (SELECT r.removed FROM campaign_lifecycle_internal._remove_timers('-infinity'::timestamptz,
		campaign_lifecycle_internal._cutoff(older_than, as_of), NULL::bigint) AS r);
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._cleanup_finished_timers(interval, timestamptz) IS
	'The job cleanup-finished-timers, for pg_cron.';

CREATE FUNCTION campaign_lifecycle_internal._cleanup_metrics(older_than interval,
	as_of timestamp with time zone DEFAULT now()) RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
BEGIN
	IF NOT campaign_lifecycle_internal._is_campaign_owner() THEN
		RETURN campaign_lifecycle_internal._run_maintenance_as_owner('cleanup_metrics', as_of, older_than, NULL::bigint);
	END IF;
	RETURN (SELECT r.removed FROM campaign_lifecycle_internal._remove_metrics('-infinity'::timestamptz,
		campaign_lifecycle_internal._cutoff(older_than, as_of), NULL::bigint) AS r);
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._cleanup_metrics(interval, timestamptz) IS
	'The job cleanup-metrics, for pg_cron.';
