"""Counts that cost the same with millions of rows. Each ends at a limit; above it the planner's statistics say more."""
from typing import TYPE_CHECKING

if TYPE_CHECKING:
	from console.database import Row, Transaction

# Up to so many rows of a state are counted.
COUNTED = 10000
# A table of so many rows at most is counted whole.
SMALL_TABLE = 200000

STATES = f"""
	WITH states (state) AS (
		SELECT m.from_state FROM campaign_state_transitions AS m
		UNION SELECT m.to_state FROM campaign_state_transitions AS m),
	estimated AS (
		SELECT v.state, v.frequency * greatest(c.reltuples, 0) AS count
		FROM pg_class AS c
		JOIN pg_namespace AS n ON n.oid = c.relnamespace
		JOIN pg_stats AS s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = 'status'
		CROSS JOIN LATERAL unnest(s.most_common_vals::text::text[], s.most_common_freqs) AS v (state, frequency)
		WHERE c.oid = to_regclass('campaigns'))
	SELECT s.state::text AS state,
		CASE WHEN n.count <= {COUNTED} THEN n.count ELSE greatest(n.count, round(e.count)) END::bigint AS value,
		n.count > {COUNTED} AS is_estimate
	FROM states AS s
	CROSS JOIN LATERAL (
		SELECT count(*) FROM (SELECT FROM campaigns AS c WHERE c.status = s.state LIMIT {COUNTED + 1}) AS c) AS n
	LEFT JOIN estimated AS e ON e.state = s.state
	ORDER BY s.state
"""

# Timers that are due, the age of the oldest, those that are dead, and those that wait for their next attempt.
TIMERS = f"""
	SELECT d.due, d.overdue, x.dead, r.retrying
	FROM (SELECT count(*) AS due, coalesce(extract(epoch FROM now() - min(u.scheduled_at)), 0)::float8 AS overdue
		FROM (SELECT u.scheduled_at FROM upcoming_timers AS u WHERE u.scheduled_at <= now() LIMIT {COUNTED + 1}) AS u) AS d
	CROSS JOIN (SELECT count(*) AS dead FROM (SELECT FROM dead_timers LIMIT {COUNTED + 1}) AS x) AS x
	CROSS JOIN (SELECT count(*) AS retrying
		FROM (SELECT FROM upcoming_timers AS u WHERE u.status = 'FAILED' LIMIT {COUNTED + 1}) AS u) AS r
"""

WHOLE = """
	SELECT d.status::text AS state, sum(d.count)::bigint AS value, false AS is_estimate
	FROM campaign_state_distribution AS d WHERE d.status IS NOT NULL GROUP BY d.status ORDER BY d.status
"""


async def states(transaction: 'Transaction') -> 'list[Row]':
	"""Return rows of state, value and is_estimate."""
	facts = transaction.facts
	if facts is not None and not facts.is_router and facts.has('campaigns'):
		rows = await transaction.value("SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass('campaigns')")
		if rows > SMALL_TABLE:
			async with transaction.by_index():
				return await transaction.rows(STATES)
	return await transaction.rows(WHOLE)
