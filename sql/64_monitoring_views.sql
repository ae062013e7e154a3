-- The specification's monitoring queries as views, its columns first and ours after, and two more: what is dead, what fires next. Ordinary views over the
-- tables that call built-in functions only. Every average has its count and its sum beside it, so that the rows of several servers can be added up.
-- Body of install_campaign_tables(), and of upgrade_campaign_tables() for tables older than 1.1.

CREATE VIEW @extschema@.stuck_timers WITH (security_invoker = true) AS
	SELECT t.timer_type, count(*) AS stuck_count, min(t.scheduled_at) AS oldest_stuck,
		sum(now() - t.scheduled_at) AS total_lateness, avg(now() - t.scheduled_at) AS avg_lateness, max(now() - t.scheduled_at) AS max_lateness
	FROM @extschema@.campaign_timers AS t
	WHERE t.status = 'PENDING' AND t.scheduled_at < now() - interval '10 minutes'
	GROUP BY t.timer_type;
COMMENT ON VIEW @extschema@.stuck_timers IS
	'Timers that should have fired more than 10 minutes ago and were not even tried, by type; empty while a worker runs. upcoming_timers tells why each waits. Since 1.1.';
COMMENT ON COLUMN @extschema@.stuck_timers.total_lateness IS 'Sum of the lateness of the stuck timers; avg_lateness is this divided by stuck_count.';

CREATE VIEW @extschema@.failed_timers WITH (security_invoker = true) AS
	SELECT t.campaign_id, t.timer_type, t.retry_count, t.scheduled_at, t.updated_at, t.id AS timer_id,
		coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5')::integer - t.retry_count AS attempts_left,
		(SELECT (array_agg(e.error_message ORDER BY e.started_at DESC, e.id DESC))[1]
			FROM @extschema@.timer_executions AS e WHERE e.timer_id = t.id AND e.status = 'FAILED') AS last_error
	FROM @extschema@.campaign_timers AS t
	WHERE t.status = 'FAILED' AND t.retry_count < 5
		AND t.retry_count < coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5')::integer
		AND t.updated_at < now() - interval '5 minutes';
COMMENT ON VIEW @extschema@.failed_timers IS
	'Timers whose last attempt failed more than 5 minutes ago and that have attempts left: scheduled_at says when each is tried again. Those without an attempt left are in dead_timers. Since 1.1.';

CREATE VIEW @extschema@.dead_timers WITH (security_invoker = true) AS
	SELECT t.campaign_id, t.timer_type, t.retry_count, t.scheduled_at, t.updated_at, t.id AS timer_id, c.status AS campaign_status,
		(SELECT (array_agg(e.error_message ORDER BY e.started_at DESC, e.id DESC))[1]
			FROM @extschema@.timer_executions AS e WHERE e.timer_id = t.id AND e.status = 'FAILED') AS last_error
	FROM @extschema@.campaign_timers AS t
	JOIN @extschema@.campaigns AS c ON c.id = t.campaign_id
	WHERE t.status = 'FAILED' AND t.retry_count >= least(5, coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5')::integer);
COMMENT ON VIEW @extschema@.dead_timers IS
	'Dead letters: timers that failed at every attempt, with the last error as SQLSTATE: message. retry_timer() revives one, cancel_timer() ends it. Since 1.1.';
COMMENT ON COLUMN @extschema@.dead_timers.scheduled_at IS 'When the last attempt was due.';
COMMENT ON COLUMN @extschema@.dead_timers.updated_at IS 'When it failed for the last time.';

CREATE VIEW @extschema@.campaign_state_distribution WITH (security_invoker = true) AS
	SELECT c.status, count(*) AS count, round(count(*) * 100.0 / sum(count(*)) OVER (), 2) AS percentage
	FROM @extschema@.campaigns AS c
	GROUP BY c.status
	ORDER BY count(*) DESC, c.status;
COMMENT ON VIEW @extschema@.campaign_state_distribution IS 'Campaigns by state, most first; percentage of all campaigns, two decimals. Reads the whole table or its index on status. Since 1.1.';

CREATE VIEW @extschema@.timer_execution_stats WITH (security_invoker = true) AS
	-- The types are those of the machine and the policies, and any that a timer has: one index probe a type, however many timers there are.
	WITH RECURSIVE used (timer_type) AS (
		(SELECT t.timer_type FROM @extschema@.campaign_timers AS t ORDER BY t.timer_type LIMIT 1)
		UNION ALL
		SELECT (SELECT t.timer_type FROM @extschema@.campaign_timers AS t WHERE t.timer_type > u.timer_type ORDER BY t.timer_type LIMIT 1)
		FROM used AS u
		WHERE u.timer_type IS NOT NULL),
	types AS (
		SELECT m.timer_type FROM @extschema@.campaign_state_transitions AS m WHERE m.timer_type IS NOT NULL
		UNION
		SELECT p.timer_type FROM @extschema@.campaign_timer_policies AS p
		UNION
		SELECT u.timer_type FROM used AS u WHERE u.timer_type IS NOT NULL),
	executed AS (
		SELECT t.timer_type, count(*) AS executions, sum(e.execution_time_ms) AS total_ms, count(e.execution_time_ms) AS measured, max(e.execution_time_ms) AS max_ms,
			count(*) FILTER (WHERE e.status = 'FAILED') AS failures,
			count(*) FILTER (WHERE e.result ? 'skipped') AS skipped
		FROM @extschema@.timer_executions AS e
		JOIN @extschema@.campaign_timers AS t ON t.id = e.timer_id
		WHERE e.started_at > now() - interval '24 hours'
		GROUP BY t.timer_type)
	SELECT y.timer_type, coalesce(x.executions, 0) AS executions, round(x.total_ms::numeric / nullif(x.measured, 0)) AS avg_ms, x.max_ms,
		coalesce(x.failures, 0) AS failures,
		coalesce(x.skipped, 0) AS skipped, coalesce(x.measured, 0) AS measured, coalesce(x.total_ms, 0) AS total_ms
	FROM types AS y
	LEFT JOIN executed AS x ON x.timer_type = y.timer_type
	ORDER BY avg_ms DESC NULLS LAST, y.timer_type;
COMMENT ON VIEW @extschema@.timer_execution_stats IS
	'Attempts of the last 24 hours by timer type, the idle types included; times in milliseconds. avg_ms is total_ms divided by measured, the attempts whose time is known. Since 1.1.';
COMMENT ON COLUMN @extschema@.timer_execution_stats.failures IS 'Failed attempts.';
COMMENT ON COLUMN @extschema@.timer_execution_stats.skipped IS 'Attempts that found nothing to do: too late, or switched off.';

CREATE VIEW @extschema@.campaign_table_sizes WITH (security_invoker = true) AS
	-- The tables of the specification's pattern, timer_executions and the materialized views; a partitioned one is one row, the sum of its partitions.
	SELECT n.nspname AS schemaname, c.relname AS tablename,
		s.attname, s.n_distinct, s.correlation,
		sum(p.rows)::bigint AS live_rows, sum(p.dead_rows)::bigint AS dead_rows,
		sum(p.heap_bytes)::bigint AS heap_bytes, sum(p.index_bytes)::bigint AS index_bytes, sum(p.toast_bytes)::bigint AS toast_bytes,
		sum(p.total_bytes)::bigint AS total_bytes,
		count(*) FILTER (WHERE p.is_partition)::integer AS partitions,
		max(p.last_vacuum) AS last_vacuum, max(p.last_analyze) AS last_analyze
	FROM pg_class AS c
	JOIN pg_namespace AS n ON n.oid = c.relnamespace
	CROSS JOIN LATERAL (
		SELECT t.relid <> c.oid AS is_partition,
			coalesce(pg_stat_get_live_tuples(t.relid), 0) AS rows, coalesce(pg_stat_get_dead_tuples(t.relid), 0) AS dead_rows,
			coalesce(pg_relation_size(t.relid) + pg_relation_size(t.relid, 'fsm') + pg_relation_size(t.relid, 'vm'), 0) AS heap_bytes,
			coalesce(pg_indexes_size(t.relid), 0) AS index_bytes,
			coalesce(pg_table_size(t.relid) - pg_relation_size(t.relid) - pg_relation_size(t.relid, 'fsm') - pg_relation_size(t.relid, 'vm')
				- pg_relation_size(t.relid, 'init'), 0) AS toast_bytes,
			coalesce(pg_total_relation_size(t.relid), 0) AS total_bytes,
			greatest(pg_stat_get_last_vacuum_time(t.relid), pg_stat_get_last_autovacuum_time(t.relid)) AS last_vacuum,
			greatest(pg_stat_get_last_analyze_time(t.relid), pg_stat_get_last_autoanalyze_time(t.relid)) AS last_analyze
		FROM (SELECT c.oid AS relid WHERE c.relkind <> 'p' UNION SELECT i.relid FROM pg_partition_tree(c.oid) AS i WHERE c.relkind = 'p') AS t) AS p
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
	'Real sizes in bytes of the campaign tables, one row a table, partitions summed; rows and dead rows as the statistics know them. total_bytes is heap, indexes and toast. Since 1.1.';
COMMENT ON COLUMN @extschema@.campaign_table_sizes.attname IS 'The columns that have planner statistics and may be read, by name; NULL before the first ANALYZE.';
COMMENT ON COLUMN @extschema@.campaign_table_sizes.n_distinct IS 'Of each column of attname, as in pg_stats.';
COMMENT ON COLUMN @extschema@.campaign_table_sizes.correlation IS 'Of each column of attname, as in pg_stats.';
COMMENT ON COLUMN @extschema@.campaign_table_sizes.dead_rows IS 'Row versions that vacuum has yet to remove.';
COMMENT ON COLUMN @extschema@.campaign_table_sizes.partitions IS 'Partitions summed; 0 for a plain table.';

CREATE VIEW @extschema@.upcoming_timers WITH (security_invoker = true) AS
	-- Two index scans merged: what waits for its time, what waits for its next attempt. Everything else is looked up for the rows that are fetched only;
	-- hence no join anywhere: with one, the planner would no longer know that a LIMIT is near, and sort.
	SELECT w.scheduled_at, w.timer_type, w.campaign_id, w.id AS timer_id, w.status, w.retry_count, w.campaign_status,
		w.scheduled_at <= now() AS due,
		greatest(now() - w.scheduled_at, interval '0') AS lateness,
		CASE
			-- The bookkeeping belongs to the extension; a view that named it would keep DROP EXTENSION from working.
			WHEN (SELECT to_regclass('@extschema@.campaign_activation') IS NULL) THEN 'not installed'
			WHEN (SELECT coalesce(current_setting('campaign_lifecycle.enabled', true), 'on') = 'off') THEN 'disabled'
			WHEN (SELECT CASE WHEN has_table_privilege(to_regclass('@extschema@.campaign_activation'), 'SELECT')
					THEN query_to_xml('SELECT 1 AS active FROM @extschema@.campaign_activation AS a JOIN pg_catalog.pg_database AS d ON d.oid OPERATOR(pg_catalog.=) a.database_oid
						WHERE NOT a.paused AND d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()', true, false, '')::text NOT LIKE '%active%' END) THEN 'paused'
			WHEN w.scheduled_at > now() AND w.status = 'FAILED' THEN 'waits for its next attempt'
			WHEN w.scheduled_at > now() THEN 'waits for its time'
			WHEN w.blocker IS NOT NULL THEN 'waits for an earlier timer'
			ELSE 'due' END AS waits_because,
		w.blocker AS waits_for_timer
	FROM (
		SELECT u.*,
			(SELECT c.status FROM @extschema@.campaigns AS c WHERE c.id = u.campaign_id) AS campaign_status,
			(SELECT e.id
				FROM (SELECT t.id, t.timer_type, t.status, t.scheduled_at, t.retry_count FROM @extschema@.campaign_timers AS t WHERE t.campaign_id = u.campaign_id OFFSET 0) AS e
				WHERE e.id <> u.id
					AND (e.status = 'RUNNING'
						OR ((e.status = 'PENDING'
								OR (e.status = 'FAILED' AND e.retry_count < coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5')::integer))
							AND (e.scheduled_at < u.scheduled_at
								OR (e.scheduled_at = u.scheduled_at
									AND (coalesce((SELECT min(m.priority) FROM @extschema@.campaign_state_transitions AS m WHERE m.timer_type = e.timer_type), 2147483647), e.id)
										< (coalesce((SELECT min(m.priority) FROM @extschema@.campaign_state_transitions AS m WHERE m.timer_type = u.timer_type), 2147483647), u.id)))))
				ORDER BY e.status <> 'RUNNING', e.scheduled_at, e.id
				LIMIT 1) AS blocker
		FROM (
			(SELECT t.id, t.campaign_id, t.timer_type, t.status, t.scheduled_at, t.retry_count
				FROM @extschema@.campaign_timers AS t
				WHERE t.status = 'PENDING'
				ORDER BY t.scheduled_at)
			UNION ALL
			(SELECT t.id, t.campaign_id, t.timer_type, t.status, t.scheduled_at, t.retry_count
				FROM @extschema@.campaign_timers AS t
				WHERE t.status = 'FAILED' AND t.retry_count < 5
					AND t.retry_count < coalesce(current_setting('campaign_lifecycle.max_attempts', true), '5')::integer
				ORDER BY t.scheduled_at)) AS u) AS w
	ORDER BY w.scheduled_at;
COMMENT ON VIEW @extschema@.upcoming_timers IS
	'What fires next, over all campaigns, earliest first, and why each has not fired yet. Read it with LIMIT, or with a condition on scheduled_at: then it costs the same with millions of timers. Since 1.1.';
COMMENT ON COLUMN @extschema@.upcoming_timers.scheduled_at IS 'When it is due; of a failed one, when it is tried again.';
COMMENT ON COLUMN @extschema@.upcoming_timers.lateness IS 'How long it has been due; 0 before its time.';
COMMENT ON COLUMN @extschema@.upcoming_timers.waits_because IS
	'due (fires at once, or waits for a lock), waits for its time, waits for its next attempt, waits for an earlier timer, paused (pause_timers(), or a restored copy: resume_timers()), disabled (campaign_lifecycle.enabled is off), not installed.';
COMMENT ON COLUMN @extschema@.upcoming_timers.waits_for_timer IS 'The first timer of its campaign that must be done before this one.';

CREATE VIEW @extschema@.backfill_progress WITH (security_invoker = true) AS
	SELECT b.relation, b.column_name,
		CASE WHEN b.finished_at IS NOT NULL THEN 'finished' WHEN l.pid IS NOT NULL THEN 'running' ELSE 'stopped' END AS state,
		b.rows_seen, b.rows_changed, b.estimated_rows,
		CASE WHEN b.finished_at IS NOT NULL THEN 100 WHEN b.estimated_rows > 0 THEN least(round(b.rows_seen * 100.0 / b.estimated_rows, 1), 99.9) END AS percentage,
		b.batches, b.started_at, b.updated_at, b.finished_at, b.run_by, l.pid, b.value_expression
	FROM @extschema@.campaign_backfills AS b
	LEFT JOIN pg_locks AS l ON l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND b.finished_at IS NULL
		AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
		AND (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended('campaign_lifecycle backfill ' || b.relation || ' ' || b.column_name, 0);
COMMENT ON VIEW @extschema@.backfill_progress IS
	'Each column''s last backfill, while it runs and afterwards: state running (pid says where), stopped (by an error or a crash; the same CALL goes on from there) or finished. Since 1.1.';
COMMENT ON COLUMN @extschema@.backfill_progress.percentage IS 'rows_seen of estimated_rows; NULL while that is unknown.';
