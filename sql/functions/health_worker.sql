-- The check worker of campaign_health(), and how databases take turns where they are more than worker processes.

CREATE FUNCTION campaign_lifecycle_internal._turn_health(as_of timestamp with time zone, OUT status text,
	OUT detail text)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	own record;
	late interval;
BEGIN
	SELECT t.waits, t.due,
		greatest(CASE WHEN t.late_at > as_of - interval '10 minutes' THEN t.late_us * interval '1 microsecond' END,
			CASE WHEN t.waits AND isfinite(t.due) AND isfinite(as_of) THEN as_of - t.due END, interval '0') AS late
	INTO own
	FROM campaign_lifecycle_internal._turns() AS t
	WHERE t.database_oid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database());
	late := coalesce(own.late, interval '0');
	status := CASE WHEN late < interval '1 second' THEN 'ok' WHEN late < interval '1 minute' THEN 'warning'
		ELSE 'critical' END;
	detail := concat_ws(' ',
		CASE WHEN own.waits THEN 'Other databases have the processes.' END,
		CASE WHEN own.waits AND isfinite(own.due) THEN format('This one needs one at %s.', own.due) END,
		CASE WHEN status = 'ok' THEN 'Databases take turns, and no timer is late by that.'
			ELSE format('Taking turns has made timers late by up to %s s: raise max_worker_processes, which needs a restart, '
				'or campaign_lifecycle.max_workers if it is set.', round(extract(epoch FROM late), 1)) END);
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._turn_health(timestamptz, OUT text, OUT text) IS
	'Whether taking turns makes timers of this database late: within ten minutes before as_of, or now.';

CREATE FUNCTION campaign_lifecycle_internal._health_worker(as_of timestamp with time zone)
		RETURNS TABLE (check_name text, status text, value text, threshold text, detail text)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	visible constant boolean := has_function_privilege('campaign_lifecycle_internal._workers()', 'EXECUTE');
	enabled constant boolean := coalesce(current_setting('campaign_lifecycle.enabled', true), 'on') <> 'off';
	launcher text;
	states text[] := '{}';
	last_error text;
	standby boolean;
	turn record;
BEGIN
	IF visible THEN
		SELECT w.state INTO launcher FROM campaign_lifecycle_internal._workers() AS w WHERE w.database_oid IS NULL;
		SELECT coalesce(array_agg(w.state ORDER BY w.worker_number), '{}'),
			(array_agg(w.last_error ORDER BY w.worker_number) FILTER (WHERE w.last_error IS NOT NULL))[1]
		INTO states, last_error
		FROM campaign_lifecycle_internal._workers() AS w
		WHERE w.database_oid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database());
	END IF;
	SELECT t.status, t.detail INTO turn FROM campaign_lifecycle_internal._turn_health(as_of) AS t WHERE visible;
	standby := coalesce(launcher = 'standby', false);
	RETURN QUERY SELECT 'worker',
		CASE WHEN NOT visible OR standby THEN 'ok'
			WHEN states && '{idle,running,paused,waiting its turn}' AND NOT states && '{no worker slot}'
				THEN CASE WHEN enabled THEN coalesce(turn.status, 'ok') ELSE 'warning' END
			WHEN states && '{idle,running,paused,starting,blocked}' THEN 'warning'
			WHEN NOT enabled THEN 'warning'
			ELSE 'critical' END,
		CASE WHEN NOT visible THEN 'unknown' WHEN standby THEN launcher WHEN states = '{}' THEN 'missing'
			ELSE array_to_string(states, ', ') END, 'idle or running',
		CASE WHEN NOT visible THEN 'unknown: this role may not execute _workers().'
			WHEN launcher = 'not preloaded' THEN 'See preload.'
			WHEN standby THEN 'A standby has no worker. The checks below are of the rows that the primary has sent.'
			WHEN states && '{update needed}' THEN 'No timer is executed, because the library is of another version than the '
				'extension: ALTER EXTENSION campaign_lifecycle UPDATE.'
			WHEN states && '{no worker slot}' THEN 'The server has no free slot for a worker of this database: raise '
				'max_worker_processes and restart the server.'
			WHEN states = '{}' THEN 'This database has no worker: see launcher and the server log; CREATE EXTENSION brings one '
				'within seconds.'
			WHEN states <@ '{starting}' THEN 'It is about to start; if it stays so, the server log says why.'
			WHEN states && '{blocked}' THEN 'It makes way for a command on the database (DROP, RENAME, TEMPLATE) and comes '
				'back afterwards.'
			WHEN states && '{waiting its turn}' OR turn.status <> 'ok' THEN turn.detail
			ELSE 'This database has a worker.' END || CASE WHEN states && '{update needed}' THEN ''
				ELSE coalesce(' Last error: ' || last_error, '') END;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._health_worker(timestamptz) IS
	'The check worker of campaign_health().';
