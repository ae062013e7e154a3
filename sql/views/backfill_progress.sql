-- How far each backfill has come, and whether it runs.

CREATE VIEW @extschema@.backfill_progress WITH (security_invoker = true) AS
	SELECT b.relation, b.column_name,
		CASE WHEN b.finished_at IS NOT NULL THEN 'finished' WHEN l.pid IS NOT NULL THEN 'running' ELSE 'stopped' END AS state,
		b.rows_seen, b.rows_changed, b.estimated_rows,
		CASE WHEN b.finished_at IS NOT NULL THEN 100 WHEN b.estimated_rows > 0
			THEN least(round(b.rows_seen * 100.0 / b.estimated_rows, 1), 99.9) END AS percentage,
		b.batches, b.started_at, b.updated_at, b.finished_at, b.run_by, l.pid, b.value_expression
	FROM ONLY @extschema@.campaign_backfills AS b
	LEFT JOIN pg_locks AS l ON l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND b.finished_at IS NULL
		AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
		AND (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended('campaign_lifecycle backfill ' || b.relation || ' '
			|| b.column_name, 0);
COMMENT ON VIEW @extschema@.backfill_progress IS
	'Each column''s last backfill, while it runs and afterwards: state running (pid says where), stopped (by an error '
	'or a crash; the same CALL goes on from there) or finished. Since 1.1.';
COMMENT ON COLUMN @extschema@.backfill_progress.percentage IS
	'rows_seen of estimated_rows; NULL while that is unknown.';
