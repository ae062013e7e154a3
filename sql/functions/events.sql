-- Events that a listener has missed, read from the log and the executions. docs/design.md, "Events", says why their
-- order skips nothing.
--
-- An event id has five parts: which tables, the time from which to read on, the transaction, the row, and the number of
-- the event among those of the row.

CREATE FUNCTION campaign_lifecycle_internal._event_horizon() RETURNS text
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_event_horizon';
COMMENT ON FUNCTION campaign_lifecycle_internal._event_horizon() IS
	'The number of the tables, the time from which on rows may still be committed, the oldest transaction that runs, and '
	'the next one. The first two are as in an event id.';

CREATE FUNCTION campaign_lifecycle_internal._parse_event_id(event_id text, tables text) RETURNS text[]
	LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	parts text[] := string_to_array(coalesce(event_id, tables || '.000000000000.0.00000000-0000-0000-0000-000000000000.0'),
		'.');
BEGIN
	IF event_id !~ ('^[0-9a-f]{8}\.[0-9a-f]{12}\.[0-9]{1,18}\.[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'
		'\.[0-9]$') THEN
		RAISE EXCEPTION 'not an event id: %', left(event_id, 100)
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Give the event_id of an event, current_event_id(), or NULL for the beginning.';
	END IF;
	-- Numbers of transactions mean nothing in another database. The time does.
	IF parts[1] <> tables THEN
		parts[3:5] := ARRAY['0', '00000000-0000-0000-0000-000000000000', '0'];
	END IF;
	RETURN parts;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._parse_event_id(text, text) IS
	'The parts of an event id; NULL: those of the beginning. One of other tables keeps its time only. Raises 22023 for '
	'another text.';

CREATE FUNCTION @extschema@.current_event_id() RETURNS text
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	horizon text[];
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	horizon := string_to_array(campaign_lifecycle_internal._event_horizon(), '.');
	RETURN format('%s.%s.%s.00000000-0000-0000-0000-000000000000.0', horizon[1], horizon[2], horizon[3]);
END
$$;
COMMENT ON FUNCTION @extschema@.current_event_id() IS
	'An event id after which every event comes that is committed from now on: where a new listener begins. Events of the '
	'last moments may come after it, too. Since 1.2.';

-- The sets of both tables are cut before the rows are read, because a backlog may be long.
CREATE FUNCTION campaign_lifecycle_internal._events_after(parts text[], horizon text[], max_events integer)
	RETURNS TABLE (xid bigint, id uuid, n integer, of_log boolean, is_last boolean)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
	SET jit = off AS $$
#variable_conflict use_column
DECLARE
	first_id constant uuid := substr(parts[2], 1, 8) || '-' || substr(parts[2], 9) || '-0000-0000-000000000000';
	oldest constant bigint := horizon[3];
	-- The server keeps the last 32 bits of a transaction's number in a row. This is a little after the next one.
	latest constant bigint := horizon[4]::bigint + 16777216;
	after_xid constant bigint := parts[3];
	after_id constant uuid := parts[4];
	after_n constant integer := parts[5];
BEGIN
	RETURN QUERY
		WITH cut AS MATERIALIZED (
			SELECT r.xid, r.id, r.n, r.of_log
			FROM (
				SELECT latest - ((latest - l.xmin::text::bigint) & 4294967295) AS xid, l.id, 1 AS n, true AS of_log
				FROM @extschema@.campaign_state_log AS l
				WHERE l.id >= first_id
				UNION ALL
				SELECT latest - ((latest - x.xmin::text::bigint) & 4294967295), x.id, k.n, false
				FROM ONLY @extschema@.timer_executions AS x
				JOIN (VALUES (1), (2)) AS k (n) ON k.n = 1 OR x.result ? 'event'
				WHERE x.id >= first_id AND x.status <> 'STARTED') AS r
			WHERE r.xid < oldest AND (r.xid, r.id, r.n) > (after_xid, after_id, after_n)
			ORDER BY r.xid, r.id, r.n
			LIMIT max_events::bigint + 1)
		SELECT c.xid, c.id, c.n, c.of_log, c.number = c.total
		FROM (SELECT f.xid, f.id, f.n, f.of_log, row_number() OVER (ORDER BY f.xid, f.id, f.n) AS number,
				count(*) OVER () AS total FROM cut AS f) AS c
		WHERE max_events IS NULL OR c.number <= max_events;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._events_after(text[], text[], integer) IS
	'The rows of the log and the executions that have events after this one, by the numbers of their transactions, at '
	'most max_events. is_last: no other row follows.';

CREATE FUNCTION @extschema@.campaign_events_since(after_event text, max_events integer DEFAULT 1000)
	RETURNS TABLE (event_id text, event text, at timestamp with time zone, payload jsonb)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
	SET jit = off AS $$
#variable_conflict use_column
DECLARE
	attempts constant integer := coalesce(current_setting('campaign_lifecycle.max_attempts', true), '@attempt_limit@');
	horizon text[];
	parts text[];
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	IF max_events < 1 THEN
		RAISE EXCEPTION 'max_events must be positive: %', max_events
			USING ERRCODE = 'invalid_parameter_value', HINT = 'NULL returns all events.';
	END IF;
	horizon := string_to_array(campaign_lifecycle_internal._event_horizon(), '.');
	parts := campaign_lifecycle_internal._parse_event_id(after_event, horizon[1]);
	RETURN QUERY
		SELECT w.event_id, d.event, coalesce(l.created_at, x.completed_at),
			jsonb_strip_nulls(jsonb_build_object('event', d.event, 'event_id', w.event_id, 'at', coalesce(l.created_at,
				x.completed_at), 'log_id', l.id, 'execution_id', x.id, 'campaign_id', coalesce(l.campaign_id, t.campaign_id),
				'from', l.from_state, 'to', l.to_state, 'timer_id', t.id, 'timer_type', t.timer_type))
		FROM (
			SELECT e.xid, e.id, e.n, CASE WHEN e.of_log THEN e.id END AS log_id,
				CASE WHEN NOT e.of_log THEN e.id END AS execution_id,
				format('%s.%s.%s.%s.%s', horizon[1],
					CASE WHEN e.is_last THEN greatest(parts[2], horizon[2]) ELSE parts[2] END, e.xid, e.id, e.n) AS event_id
			FROM campaign_lifecycle_internal._events_after(parts, horizon, max_events) AS e) AS w
		LEFT JOIN @extschema@.campaign_state_log AS l ON l.id = w.log_id
		LEFT JOIN ONLY @extschema@.timer_executions AS x ON x.id = w.execution_id
		LEFT JOIN ONLY @extschema@.campaign_timers AS t ON t.id = x.timer_id
		CROSS JOIN LATERAL (SELECT CASE
			WHEN l.id IS NOT NULL THEN CASE WHEN l.from_state IS NULL THEN 'campaign.created' ELSE 'campaign.status.changed' END
			WHEN x.status = 'COMPLETED' THEN CASE w.n WHEN 1 THEN 'timer.executed' ELSE 'reward.reminder' END
			WHEN t.status = 'FAILED' AND t.retry_count >= attempts
				AND NOT EXISTS (SELECT FROM ONLY @extschema@.timer_executions AS o
					WHERE o.timer_id = x.timer_id AND (o.started_at, o.id) > (x.started_at, x.id)) THEN 'timer.failed'
			WHEN t.id IS NOT NULL THEN 'timer.retry_scheduled' END AS event) AS d
		WHERE d.event IS NOT NULL
		ORDER BY w.xid, w.id, w.n;
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_events_since(text, integer) IS
	'The events after one, in an order in which none is committed later that would come before. after_event: the '
	'event_id of an event, by NOTIFY or from here, or current_event_id(); NULL: the beginning. max_events: NULL for all. '
	'payload is what NOTIFY sends. An event waits while a transaction of the server that began to write before it runs. '
	'Errors: 22023. Since 1.2.';
