-- Execution of due timers: parts that the batch calls.
--
-- The worker and run_due_timers() claim a batch, apply it as a set, and record a failing timer alone (src/timer/). A
-- batch is one transaction of the worker, as the owner of the tables. Internal functions take the time as an argument,
-- as_of. State changes are stamped by the clock.
--
-- A claim takes at most one timer of a campaign, its first. Thus a batch updates each campaign once, and the timers of
-- one campaign run in order across batches and workers. The plans of the claim are pinned in C++. A claim costs
-- the same with ten rows or ten million, with statistics or without.

CREATE FUNCTION campaign_lifecycle_internal._uuid_v7() RETURNS uuid
	LANGUAGE c VOLATILE PARALLEL SAFE AS 'MODULE_PATHNAME', '_uuid_v7';
COMMENT ON FUNCTION campaign_lifecycle_internal._uuid_v7() IS
	'A UUID of version 7, each greater than the one before in this process.';

CREATE FUNCTION campaign_lifecycle_internal._claim_batch(as_of timestamp with time zone, since timestamp with time zone,
	max_timers integer, only_timers uuid[] DEFAULT NULL)
	RETURNS TABLE (timer_id uuid, tid tid, campaign_id uuid, campaign_tid tid, timer_type text, state text,
		scheduled_at timestamp with time zone, by_policy boolean,
		retried boolean)
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_claim_batch';
COMMENT ON FUNCTION campaign_lifecycle_internal._claim_batch(timestamptz, timestamptz, integer, uuid[]) IS
	'Locks up to max_timers due timers scheduled since a time (or those of only_timers) with their campaigns. Takes at '
	'most one of a campaign, and skips locked rows. Returns them, those tried before first, with where both rows are.';

CREATE FUNCTION campaign_lifecycle_internal._next_due(since timestamp with time zone) RETURNS timestamp with time zone
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_next_due';
COMMENT ON FUNCTION campaign_lifecycle_internal._next_due(timestamptz) IS
	'The least scheduled_at, not before since, of the timers that wait; NULL if none does.';

CREATE FUNCTION campaign_lifecycle_internal._apply_timers(timer_ids uuid[], as_of timestamp with time zone)
	RETURNS timestamp with time zone
	LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', '_apply_timers';
COMMENT ON FUNCTION campaign_lifecycle_internal._apply_timers(uuid[], timestamptz) IS
	'Executes those of these timers that can be claimed now, in sets: state changes, completion, log, policies, '
	'executions, metrics. Returns the earliest due timer of the changed campaigns, or NULL.';
