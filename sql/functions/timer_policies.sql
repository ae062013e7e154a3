-- Which timers a campaign gets, keeps, moves and loses on entering a state. Timers set by hand stay as they are, and
-- no timer of a policy makes them too late. A visit of a state gets each timer once: one that was executed in it, or
-- that a user has cancelled, is not made again. That a user has cancelled a timer is stored in its payload, which then
-- has no key "policy".
--
-- C++ finds the changes (src/timer_policies), and there are two writers of them. The worker's batch writes rows in C++
-- as the owner of the tables. Functions of the API write here, as their caller, so that row-level security holds. Both
-- write the same rows, except at two edges:
--
-- A timer of the type that another session sets by hand at the same moment: it satisfies the policy. Here the conflict
-- leaves out the policy's timer. A batch fails instead, is isolated, and finds the timer then.
--
-- A time that is more than a minute in the past once it is written, because the transaction has waited or the clock was
-- set: here the time moves to a minute ago, which a timer may have. A batch writes the time of the policy, and the
-- trigger that checks it is left out for times that are known to be valid.

CREATE FUNCTION campaign_lifecycle_internal._policy_changes(campaign_ids uuid[], entered_at timestamp with time zone[],
		as_of timestamp with time zone, OUT timer_id uuid, OUT campaign_id uuid, OUT timer_type text,
		OUT at timestamp with time zone, OUT behind text) RETURNS SETOF record
	LANGUAGE c VOLATILE ROWS 10 AS 'MODULE_PATHNAME', '_policy_changes';
COMMENT ON FUNCTION campaign_lifecycle_internal._policy_changes(uuid[], timestamptz[], timestamptz) IS
	'The changes by which campaigns have the timers that the policy of their present state wants. A row with timer_id '
	'is a timer to move to a time, or to cancel if the time is NULL. A row without timer_id is a new timer of a type. '
	'behind: the type of a waiting timer, set by hand, that the timer must not make too late.';

CREATE FUNCTION campaign_lifecycle_internal._apply_policies(campaign_ids uuid[], entered_at timestamp with time zone[],
		as_of timestamp with time zone) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
	SET jit = off SET plan_cache_mode = force_generic_plan SET campaign_lifecycle._by_policy = on AS $$
BEGIN
	WITH changes AS MATERIALIZED (
		SELECT c.timer_id, c.campaign_id, c.timer_type, c.at
		FROM campaign_lifecycle_internal._policy_changes(campaign_ids, entered_at, as_of) AS c),
	revised AS (
		UPDATE ONLY @extschema@.campaign_timers AS t
		SET status = CASE WHEN c.at IS NULL THEN 'CANCELLED' ELSE 'PENDING' END,
			scheduled_at = coalesce(c.at, t.scheduled_at),
			retry_count = CASE WHEN c.at IS NULL THEN t.retry_count ELSE 0 END
		FROM changes AS c
		-- IS TRUE keeps a plan that was made while the table was empty from reading all that wait by the index on status.
		WHERE t.id = c.timer_id AND t.campaign_id = c.campaign_id AND (t.status IN ('PENDING', 'FAILED')) IS TRUE)
	INSERT INTO @extschema@.campaign_timers (campaign_id, timer_type, scheduled_at, payload)
	SELECT c.campaign_id, c.timer_type, greatest(c.at, now() - interval '1 minute'), '{"policy": true}'
	FROM changes AS c
	WHERE c.timer_id IS NULL
	ORDER BY c.campaign_id, c.at
	-- Deferrable constraints of the user's cannot be arbiters.
	ON CONFLICT (campaign_id, timer_type) WHERE status IN ('PENDING', 'RUNNING') DO NOTHING;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._apply_policies(uuid[], timestamptz[], timestamptz) IS
	'Gives campaigns the timers that the policy of their present state wants. Moves and cancels those that a policy '
	'made. Cancels all in a terminal state.';
