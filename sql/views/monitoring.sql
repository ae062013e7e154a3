-- Monitoring queries of docs/specification.md as views: its columns first, ours after, and dead_timers.
--
-- They are ordinary views that call built-in functions only. Each average has its count and its sum beside it, so that
-- the rows of several servers can be added up.

CREATE VIEW @extschema@.stuck_timers WITH (security_invoker = true) AS
	SELECT t.timer_type, count(*) AS stuck_count, min(t.scheduled_at) AS oldest_stuck,
		sum(now() - t.scheduled_at) AS total_lateness, avg(now() - t.scheduled_at) AS avg_lateness,
			max(now() - t.scheduled_at) AS max_lateness
	FROM ONLY @extschema@.campaign_timers AS t
	WHERE t.status = 'PENDING' AND t.scheduled_at < now() - interval '10 minutes'
	GROUP BY t.timer_type;
COMMENT ON VIEW @extschema@.stuck_timers IS
	'Timers that should have been executed more than 10 minutes ago and were not even tried, by type; empty while a '
	'worker runs. upcoming_timers tells why each waits. Since 1.1.';
COMMENT ON COLUMN @extschema@.stuck_timers.total_lateness IS
	'Sum of the lateness of the stuck timers; avg_lateness is this divided by stuck_count.';

CREATE VIEW @extschema@.failed_timers WITH (security_invoker = true) AS
	SELECT t.campaign_id, t.timer_type, t.retry_count, t.scheduled_at, t.updated_at, t.id AS timer_id,
		coalesce(current_setting('campaign_lifecycle.max_attempts', true),
			'@attempt_limit@')::integer - t.retry_count AS attempts_left,
		(SELECT (array_agg(e.error_message ORDER BY e.started_at DESC, e.id DESC))[1]
			FROM ONLY @extschema@.timer_executions AS e WHERE e.timer_id = t.id AND e.status = 'FAILED') AS last_error
	FROM ONLY @extschema@.campaign_timers AS t
	WHERE t.status = 'FAILED' AND t.retry_count < @attempt_limit@
		AND t.retry_count < coalesce(current_setting('campaign_lifecycle.max_attempts', true), '@attempt_limit@')::integer
		AND t.updated_at < now() - interval '5 minutes';
COMMENT ON VIEW @extschema@.failed_timers IS
	'Timers whose last attempt failed more than 5 minutes ago and that have attempts left: scheduled_at says when each '
	'is tried again. Those without an attempt left are in dead_timers. Since 1.1.';

CREATE VIEW @extschema@.dead_timers WITH (security_invoker = true) AS
	SELECT t.campaign_id, t.timer_type, t.retry_count, t.scheduled_at, t.updated_at, t.id AS timer_id,
		c.status AS campaign_status,
		(SELECT (array_agg(e.error_message ORDER BY e.started_at DESC, e.id DESC))[1]
			FROM ONLY @extschema@.timer_executions AS e WHERE e.timer_id = t.id AND e.status = 'FAILED') AS last_error
	FROM ONLY @extschema@.campaign_timers AS t
	JOIN ONLY @extschema@.campaigns AS c ON c.id = t.campaign_id
	WHERE t.status = 'FAILED' AND t.retry_count >= least(@attempt_limit@,
		coalesce(current_setting('campaign_lifecycle.max_attempts', true), '@attempt_limit@')::integer);
COMMENT ON VIEW @extschema@.dead_timers IS
	'Dead letters: timers that failed at every attempt, with the last error as SQLSTATE: message. retry_timer() revives '
	'one, cancel_timer() ends it. Since 1.1.';
COMMENT ON COLUMN @extschema@.dead_timers.scheduled_at IS 'When the last attempt was due.';
COMMENT ON COLUMN @extschema@.dead_timers.updated_at IS 'When it failed for the last time.';

CREATE VIEW @extschema@.campaign_state_distribution WITH (security_invoker = true) AS
	SELECT c.status, count(*) AS count, round(count(*) * 100.0 / sum(count(*)) OVER (), 2) AS percentage
	FROM ONLY @extschema@.campaigns AS c
	GROUP BY c.status
	ORDER BY count(*) DESC, c.status;
COMMENT ON VIEW @extschema@.campaign_state_distribution IS
	'Campaigns by state, most first; percentage of all campaigns, two decimals. Reads the whole table or its index on '
	'status. Since 1.1.';

CREATE VIEW @extschema@.timer_execution_stats WITH (security_invoker = true) AS
	-- The types are those of the machine and the policies, and any that a timer has: one index probe a type, however many
	-- timers there are.
	WITH RECURSIVE used (timer_type) AS (
		(SELECT t.timer_type FROM ONLY @extschema@.campaign_timers AS t ORDER BY t.timer_type LIMIT 1)
		UNION ALL
		SELECT (SELECT t.timer_type FROM ONLY @extschema@.campaign_timers AS t WHERE t.timer_type > u.timer_type
			ORDER BY t.timer_type LIMIT 1)
		FROM used AS u
		WHERE u.timer_type IS NOT NULL),
	types AS (
		SELECT m.timer_type FROM ONLY @extschema@.campaign_state_transitions AS m WHERE m.timer_type IS NOT NULL
		UNION
		SELECT p.timer_type FROM ONLY @extschema@.campaign_timer_policies AS p
		UNION
		SELECT u.timer_type FROM used AS u WHERE u.timer_type IS NOT NULL),
	executed AS (
		SELECT t.timer_type, count(*) AS executions, sum(e.execution_time_ms) AS total_ms,
			count(e.execution_time_ms) AS measured, max(e.execution_time_ms) AS max_ms,
			count(*) FILTER (WHERE e.status = 'FAILED') AS failures,
			count(*) FILTER (WHERE e.result ? 'skipped') AS skipped
		FROM ONLY @extschema@.timer_executions AS e
		JOIN ONLY @extschema@.campaign_timers AS t ON t.id = e.timer_id
		WHERE e.started_at > now() - interval '24 hours'
		GROUP BY t.timer_type)
	SELECT y.timer_type, coalesce(x.executions, 0) AS executions,
		round(x.total_ms::numeric / nullif(x.measured, 0)) AS avg_ms, x.max_ms,
		coalesce(x.failures, 0) AS failures,
		coalesce(x.skipped, 0) AS skipped, coalesce(x.measured, 0) AS measured, coalesce(x.total_ms, 0) AS total_ms
	FROM types AS y
	LEFT JOIN executed AS x ON x.timer_type = y.timer_type
	ORDER BY avg_ms DESC NULLS LAST, y.timer_type;
COMMENT ON VIEW @extschema@.timer_execution_stats IS
	'Attempts of the last 24 hours by timer type, the idle types included; times in milliseconds. avg_ms is total_ms '
	'divided by measured, the attempts whose time is known. Since 1.1.';
COMMENT ON COLUMN @extschema@.timer_execution_stats.failures IS 'Failed attempts.';
COMMENT ON COLUMN @extschema@.timer_execution_stats.skipped IS
	'Attempts that found nothing to do: too late, or switched off.';

CREATE VIEW @extschema@.campaign_table_sizes WITH (security_invoker = true) AS
	-- The tables of the specification's pattern, timer_executions and the materialized views; a partitioned one is one
	-- row, the sum of its partitions.
	SELECT n.nspname AS schemaname, c.relname AS tablename,
		s.attname, s.n_distinct, s.correlation,
		sum(p.rows)::bigint AS live_rows, sum(p.dead_rows)::bigint AS dead_rows,
		sum(p.heap_bytes)::bigint AS heap_bytes, sum(p.index_bytes)::bigint AS index_bytes,
			sum(p.toast_bytes)::bigint AS toast_bytes,
		sum(p.total_bytes)::bigint AS total_bytes,
		count(*) FILTER (WHERE p.is_partition)::integer AS partitions,
		max(p.last_vacuum) AS last_vacuum, max(p.last_analyze) AS last_analyze
	FROM pg_class AS c
	JOIN pg_namespace AS n ON n.oid = c.relnamespace
	CROSS JOIN LATERAL (
		SELECT t.relid <> c.oid AS is_partition,
			coalesce(pg_stat_get_live_tuples(t.relid), 0) AS rows, coalesce(pg_stat_get_dead_tuples(t.relid), 0) AS dead_rows,
			coalesce(pg_relation_size(t.relid) + pg_relation_size(t.relid, 'fsm') + pg_relation_size(t.relid, 'vm'),
				0) AS heap_bytes,
			coalesce(pg_indexes_size(t.relid), 0) AS index_bytes,
			coalesce(pg_table_size(t.relid) - pg_relation_size(t.relid) - pg_relation_size(t.relid,
				'fsm') - pg_relation_size(t.relid, 'vm')
				- pg_relation_size(t.relid, 'init'), 0) AS toast_bytes,
			coalesce(pg_total_relation_size(t.relid), 0) AS total_bytes,
			greatest(pg_stat_get_last_vacuum_time(t.relid), pg_stat_get_last_autovacuum_time(t.relid)) AS last_vacuum,
			greatest(pg_stat_get_last_analyze_time(t.relid), pg_stat_get_last_autoanalyze_time(t.relid)) AS last_analyze
		FROM (SELECT c.oid AS relid WHERE c.relkind <> 'p' UNION SELECT i.relid FROM pg_partition_tree(c.oid) AS i
			WHERE c.relkind = 'p') AS t) AS p
	LEFT JOIN LATERAL (
		SELECT array_agg(a.attname ORDER BY a.attname) AS attname, array_agg(a.n_distinct ORDER BY a.attname) AS n_distinct,
			array_agg(a.correlation ORDER BY a.attname) AS correlation
		FROM pg_stats AS a
		WHERE a.schemaname = n.nspname AND a.tablename = c.relname AND NOT (a.inherited AND c.relkind <> 'p')) AS s ON true
	WHERE c.relnamespace = (SELECT t.relnamespace FROM pg_class AS t WHERE t.oid = '@extschema@.campaigns'::regclass)
		AND c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition
		AND (c.relname LIKE 'campaign%' OR c.relname IN ('timer_executions', 'mv_active_campaigns', 'mv_pending_timers'))
	GROUP BY n.nspname, c.relname, s.attname, s.n_distinct, s.correlation
	ORDER BY c.relname;
COMMENT ON VIEW @extschema@.campaign_table_sizes IS
	'Real sizes in bytes of the campaign tables, one row a table, partitions summed; rows and dead rows as the '
	'statistics know them. total_bytes is heap, indexes and toast. Since 1.1.';
COMMENT ON COLUMN @extschema@.campaign_table_sizes.attname IS
	'The columns that have planner statistics and may be read, by name; NULL before the first ANALYZE.';
COMMENT ON COLUMN @extschema@.campaign_table_sizes.n_distinct IS 'Of each column of attname, as in pg_stats.';
COMMENT ON COLUMN @extschema@.campaign_table_sizes.correlation IS 'Of each column of attname, as in pg_stats.';
COMMENT ON COLUMN @extschema@.campaign_table_sizes.dead_rows IS 'Row versions that vacuum has yet to remove.';
COMMENT ON COLUMN @extschema@.campaign_table_sizes.partitions IS 'Partitions summed; 0 for a plain table.';
