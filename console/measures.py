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
	"""A metric: a column of the rows of a query, by labels. A histogram has le, value and total."""
	name: str
	kind: str
	help: str
	query: str
	column: str = 'value'
	labels: tuple[str, ...] = ()
	every: int = OFTEN
	by_index: bool = False


# A worker that waits its turn has no process, and is started in time.
WORKER_UP = """
	SELECT count(*) AS value FROM campaign_workers AS w
	WHERE w.database = current_database() AND w.state IN ('starting', 'idle', 'running', 'paused', 'waiting its turn')
"""

WORKERS = """
	SELECT w.worker_number::text AS worker, w.timers, w.failures, w.batches FROM campaign_workers AS w
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

HEALTH = """
	SELECT h.check_name AS check, array_position(ARRAY['ok', 'warning', 'critical'], h.status) - 1 AS value
	FROM campaign_health() AS h
"""

PARTITIONS = """
	SELECT count(*) FILTER (WHERE b.begins > now()) AS ahead
	FROM pg_inherits AS i
	JOIN pg_class AS c ON c.oid = i.inhrelid
	CROSS JOIN LATERAL (
		SELECT substring(pg_get_expr(c.relpartbound, c.oid) FROM 'FROM \\(''([^'']+)')::timestamptz AS begins) AS b
	WHERE i.inhparent = to_regclass('campaign_state_log')
"""

DEFAULT_ROWS = 'SELECT count(*) AS value FROM (SELECT FROM campaign_state_log_default LIMIT 1001) AS l'

JOBS = """
	SELECT j.job AS task, j.failures,
		extract(epoch FROM now() - nullif(nullif(j.last_run, 'infinity'), '-infinity'))::float8 AS age
	FROM campaign_maintenance_jobs AS j WHERE j.enabled
"""

UP_TO = f', up to {counts.COUNTED + 1}.'

MEASURES = (
	Measure('campaigns', 'gauge',
		f'Campaigns by state. Above {counts.COUNTED} of a state, as statistics of the planner say.',
		counts.STATES, 'value', ('state',), by_index=True),
	Measure('timers_due', 'gauge', 'Timers that are due and not yet executed' + UP_TO, counts.TIMERS, 'due',
		by_index=True),
	Measure('overdue_seconds', 'gauge', 'How long the oldest due timer has been due.', counts.TIMERS, 'overdue',
		by_index=True),
	Measure('timers_dead', 'gauge', 'Timers without an attempt left' + UP_TO, counts.TIMERS, 'dead', by_index=True),
	Measure('timers_retrying', 'gauge', 'Timers that wait for their next attempt' + UP_TO, counts.TIMERS, 'retrying',
		by_index=True),
	Measure('worker_up', 'gauge', 'Workers of this database that execute timers, or wait for their turn.', WORKER_UP),
	Measure('executions_total', 'counter', 'Attempts at timers since the worker started.', WORKERS, 'timers', ('worker',)),
	Measure('failures_total', 'counter', 'Failed attempts since the worker started.', WORKERS, 'failures', ('worker',)),
	Measure('batches_total', 'counter', 'Transactions with timers since the worker started.', WORKERS, 'batches',
		('worker',)),
	Measure('lateness_seconds', 'histogram',
		'From scheduled_at to the execution, of the newest 1000 within the last hour.', LATENESS, 'value', ('le',)),
	Measure('health', 'gauge', 'The checks of campaign_health(): 0 is ok, 1 warning, 2 critical.', HEALTH, 'value',
		('check',), SELDOM),
	Measure('partitions_ahead', 'gauge', 'Months after this one that have their partition of the log.', PARTITIONS,
		'ahead', (), SELDOM),
	Measure('default_partition_rows', 'gauge', 'Log rows of months without a partition, up to 1001.', DEFAULT_ROWS,
		'value', (), SELDOM),
	Measure('upkeep_age_seconds', 'gauge', 'Time since the last run of a maintenance job that did something or failed.',
		JOBS, 'age', ('task',), SELDOM),
	Measure('upkeep_failures', 'gauge', 'Failures in a row of a maintenance job.', JOBS, 'failures', ('task',), SELDOM),
)

PREFIX = 'campaign_lifecycle_'
