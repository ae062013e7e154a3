-- The transaction that keeps an overdue timer from being executed, as overdue_timers of campaign_health() shows it.

CREATE FUNCTION campaign_lifecycle_internal._row_holder(relation regclass, row_tid tid) RETURNS xid
	LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', '_row_holder';
COMMENT ON FUNCTION campaign_lifecycle_internal._row_holder(regclass, tid) IS
	'A transaction that has locked or written this row version and has not ended, or NULL. A lock FOR KEY SHARE does not '
	'count, because no timer waits for it.';

-- Only the earliest overdue timers are looked at, so that this is cheap however many there are.
CREATE FUNCTION campaign_lifecycle_internal._overdue_holder(as_of timestamp with time zone) RETURNS text
	LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
		SET enable_sort = off
	SET enable_incremental_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	locked record;
	holder text;
BEGIN
	SELECT CASE WHEN h.timer_holder IS NOT NULL THEN format('timer %s', h.id) ELSE format('campaign %s', h.campaign_id) END
			AS what,
		coalesce(h.timer_holder, h.campaign_holder) AS by_transaction
	INTO locked
	FROM (
		SELECT q.id, q.campaign_id,
			campaign_lifecycle_internal._row_holder('@extschema@.campaign_timers'::regclass, q.tid) AS timer_holder,
			campaign_lifecycle_internal._row_holder('@extschema@.campaigns'::regclass, q.campaign_tid) AS campaign_holder
		FROM (
			SELECT r.id, r.campaign_id, r.tid, r.campaign_tid
			FROM @extschema@._runnable_timers AS r
			WHERE r.status = ANY (ARRAY['PENDING', 'PENDING']) AND r.scheduled_at <= as_of - interval '1 minute'
			ORDER BY r.status, r.scheduled_at
			LIMIT 20) AS q) AS h
	WHERE coalesce(h.timer_holder, h.campaign_holder) IS NOT NULL
	LIMIT 1;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	SELECT format('process %s (user %s, application %L, %s) in a transaction since %s: SELECT pg_terminate_backend(%s)',
		a.pid, a.usename, a.application_name, coalesce(a.state, 'state unknown'),
		coalesce(a.xact_start::text, 'a time that this role may not see'), a.pid)
	INTO holder
	FROM pg_stat_activity AS a
	WHERE a.backend_xid = locked.by_transaction
	LIMIT 1;
	IF holder IS NULL THEN
		SELECT format('the prepared transaction %L of user %s since %s: ROLLBACK PREPARED %1$L', p.gid, p.owner, p.prepared)
		INTO holder
		FROM pg_prepared_xacts AS p
		WHERE p.transaction = locked.by_transaction
		LIMIT 1;
	END IF;
	RETURN format('The row of %s is locked by %s', locked.what,
		coalesce(holder, 'transaction ' || locked.by_transaction::text));
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._overdue_holder(timestamptz) IS
	'A sentence about the transaction that has locked the row of one of the earliest overdue timers, or of its campaign: '
	'who, since when, and how to end it. NULL where none has.';
