"""The measures, each once: a query over the views, its names, and how often it is worth asking.

/metrics of the console and the configuration of prometheus-sql-exporter are both made from this list.
"""
import dataclasses

from console import counts

# Seconds between two questions: what the clock moves, and what changes slowly or costs more.
OFTEN, SELDOM = 5, 60
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600, 3600)


@dataclasses.dataclass(frozen=True)
class Measure:
	"""A metric. Its query has a column for each label, and value; that of a histogram has le, value and total."""
	name: str
	kind: str
	help: str
	query: str
	labels: tuple[str, ...] = ()
	every: int = OFTEN
	by_index: bool = False


WORKERS = """
	SELECT w.worker_number::text AS worker, w.{column} AS value FROM campaign_workers AS w
	WHERE w.database = current_database() AND w.pid IS NOT NULL
"""

# The newest 1,000 executions of the last hour.
LATENESS = """
	WITH newest AS (
		SELECT greatest(extract(epoch FROM t.executed_at - t.scheduled_at)::float8, 0) AS late
		FROM (SELECT e.timer_id FROM timer_executions AS e
			WHERE e.started_at > now() - interval '1 hour' AND e.status = 'COMPLETED' ORDER BY e.started_at DESC LIMIT 1000) AS e
		JOIN campaign_timers AS t ON t.id = e.timer_id
		WHERE t.status = 'COMPLETED' AND isfinite(t.executed_at) AND isfinite(t.scheduled_at))
	SELECT b.le, count(n.late) FILTER (WHERE n.late <= b.most) AS value, coalesce(sum(n.late), 0)::float8 AS total
	FROM (VALUES {buckets}) AS b (le, most)
	LEFT JOIN newest AS n ON true
	GROUP BY b.le, b.most ORDER BY b.most
""".format(buckets=', '.join([f"('{bucket}', {bucket}::float8)" for bucket in BUCKETS] + ["('+Inf', 'infinity')"]))

HEALTH_VALUE = """
	SELECT coalesce(substring(h.value FROM '[0-9]+')::bigint + (h.value LIKE 'over%')::int, 0) AS value
	FROM campaign_health() AS h WHERE h.check_name = '{check}'
"""


def one(query: str, column: str = 'value') -> str:
	"""Return a query with one of the columns of another as its value."""
	return f'SELECT q.{column} AS value FROM ({query}) AS q'


MEASURES = (
	Measure('campaigns', 'gauge',
		f'Campaigns by state. Above {counts.COUNTED} of a state, as statistics of the planner say.',
		f'SELECT q.state, q.value FROM ({counts.STATES}) AS q', ('state',), by_index=True),
	Measure('timers_due', 'gauge',
		f'Timers that are due and not yet executed, up to {counts.COUNTED + 1}.', one(counts.DUE), by_index=True),
	Measure('overdue_seconds', 'gauge',
		'How long the oldest due timer has been due.', one(counts.DUE, 'overdue'), by_index=True),
	Measure('timers_dead', 'gauge',
		f'Timers without an attempt left, up to {counts.COUNTED + 1}.', counts.DEAD, by_index=True),
	Measure('timers_retrying', 'gauge',
		f'Timers that wait for their next attempt, up to {counts.COUNTED + 1}.', counts.RETRYING, by_index=True),
	# A worker that waits its turn has no process, and is started in time.
	Measure('worker_up', 'gauge', 'Workers of this database that execute timers, or wait for their turn.',
		"SELECT count(*) AS value FROM campaign_workers AS w WHERE w.database = current_database() "
		"AND w.state IN ('starting', 'idle', 'running', 'paused', 'waiting its turn')"),
	Measure('executions_total', 'counter',
		'Attempts at timers since the worker started.', WORKERS.format(column='timers'), ('worker',)),
	Measure('failures_total', 'counter',
		'Failed attempts since the worker started.', WORKERS.format(column='failures'), ('worker',)),
	Measure('batches_total', 'counter',
		'Transactions with timers since the worker started.', WORKERS.format(column='batches'), ('worker',)),
	Measure('lateness_seconds', 'histogram',
		'From scheduled_at to the execution, of the newest 1000 within the last hour.', LATENESS, ('le',)),
	Measure('health', 'gauge', 'The checks of campaign_health(): 0 is ok, 1 warning, 2 critical.',
		"SELECT h.check_name AS check, array_position(ARRAY['ok', 'warning', 'critical'], h.status) - 1 AS value "
		'FROM campaign_health() AS h',
		('check',), SELDOM),
	Measure('partitions_ahead', 'gauge',
		'Months after this one that have their partition of the log.',
		HEALTH_VALUE.format(check='partitions_ahead'), (), SELDOM),
	Measure('default_partition_rows', 'gauge',
		'Log rows of months without a partition, up to 1001.', HEALTH_VALUE.format(check='default_partition'), (), SELDOM),
	Measure('upkeep_age_seconds', 'gauge', 'Time since the last run of a maintenance job that did something or failed.',
		'SELECT j.job AS task, extract(epoch FROM now() - j.last_run)::float8 AS value FROM campaign_maintenance_jobs AS j '
		'WHERE j.enabled AND isfinite(j.last_run)', ('task',), SELDOM),
	Measure('upkeep_failures', 'gauge', 'Failures in a row of a maintenance job.',
		'SELECT j.job AS task, j.failures AS value FROM campaign_maintenance_jobs AS j WHERE j.enabled', ('task',), SELDOM),
)

PREFIX = 'campaign_lifecycle_'
