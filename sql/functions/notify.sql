-- NOTIFY: events on the channel campaign_lifecycle. The log's trigger sends those of campaigns (src/trigger/state_log).

CREATE FUNCTION campaign_lifecycle_internal._notifies(event text) RETURNS boolean
	LANGUAGE c STRICT STABLE AS 'MODULE_PATHNAME', '_notifies';
COMMENT ON FUNCTION campaign_lifecycle_internal._notifies(text) IS
	'Whether campaign_lifecycle.notify_events names this event.';

CREATE FUNCTION campaign_lifecycle_internal._event_id() RETURNS text
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_event_id';
COMMENT ON FUNCTION campaign_lifecycle_internal._event_id() IS
	'The event id of the events that this transaction sends: what it and later ones commit comes after it.';

CREATE FUNCTION campaign_lifecycle_internal._notify_completed(timer_ids uuid[]) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
	SET jit = off AS $$
DECLARE
	event_id constant text := campaign_lifecycle_internal._event_id();
BEGIN
	PERFORM pg_notify('campaign_lifecycle', jsonb_build_object('event', e.event, 'event_id', event_id,
		'execution_id', e.id, 'at', e.completed_at, 'campaign_id', e.campaign_id, 'timer_id', e.timer_id,
		'timer_type', e.timer_type)::text)
	FROM (
		SELECT k.event, x.id, x.completed_at, t.campaign_id, x.timer_id, t.timer_type
		FROM unnest(timer_ids) AS u (id)
		JOIN ONLY @extschema@.campaign_timers AS t ON t.id = u.id
		JOIN ONLY @extschema@.timer_executions AS x ON x.timer_id = t.id AND x.status = 'COMPLETED'
		JOIN (VALUES (1, 'timer.executed'), (2, 'reward.reminder')) AS k (n, event)
			ON campaign_lifecycle_internal._notifies(k.event) AND (k.n = 1 OR x.result ? 'event')
		ORDER BY x.id, k.n
		OFFSET 0) AS e;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._notify_completed(uuid[]) IS
	'Sends the events of timers that are COMPLETED, if campaign_lifecycle.notify_events names them.';

CREATE FUNCTION campaign_lifecycle_internal._notify_failed(event text, execution_id uuid) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF campaign_lifecycle_internal._notifies(event) THEN
		PERFORM pg_notify('campaign_lifecycle', jsonb_build_object('event', event,
			'event_id', campaign_lifecycle_internal._event_id(), 'execution_id', x.id, 'at', x.completed_at,
			'campaign_id', t.campaign_id, 'timer_id', t.id, 'timer_type', t.timer_type)::text)
		FROM ONLY @extschema@.timer_executions AS x
		JOIN ONLY @extschema@.campaign_timers AS t ON t.id = x.timer_id
		WHERE x.id = execution_id;
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._notify_failed(text, uuid) IS
	'Sends the event of a failed attempt, if campaign_lifecycle.notify_events names it.';
