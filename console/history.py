"""Executions by the minute, and how late they were: the plots of the last hours.

A minute that is over does not change, so each is asked for once. A page spends a bounded time on it, the newest minutes
first, and the next update of the page goes on. Counts end at a limit, above which the rate of the first rows stands for
the minute. Lateness is that of up to 300 executions, 50 from each ten seconds.
"""
import datetime
import time
from typing import Any

from console.database import Database, Transaction

MINUTES = 180
# Minutes asked for at once, and for how long a page goes on.
AT_ONCE = 30
BUDGET = 0.06
# Until then an execution may still be committed whose attempt began in a minute that is over.
SETTLED = datetime.timedelta(seconds=90)

QUERY = """
	SELECT m.minute, c.executions, s.failures, s.sampled, s.p50, s.p99
	FROM unnest(%(minutes)s::timestamptz[]) AS m (minute)
	CROSS JOIN LATERAL (
		SELECT CASE WHEN count(*) <= 10000 THEN count(*)::float8
			ELSE count(*) * 60 / greatest(extract(epoch FROM max(e.started_at) - m.minute), 0.001)::float8 END AS executions
		FROM (SELECT e.started_at FROM timer_executions AS e
			WHERE e.started_at >= m.minute AND e.started_at < m.minute + interval '1 minute'
			ORDER BY e.started_at LIMIT 10001) AS e) AS c
	CROSS JOIN LATERAL (
		SELECT count(*) AS sampled, count(*) FILTER (WHERE e.status = 'FAILED') AS failures,
			percentile_cont(0.5) WITHIN GROUP (ORDER BY e.late) AS p50,
			percentile_cont(0.99) WITHIN GROUP (ORDER BY e.late) AS p99
		FROM generate_series(m.minute, m.minute + interval '50 seconds', interval '10 seconds') AS b (begins)
		CROSS JOIN LATERAL (
			SELECT e.status, CASE WHEN e.status = 'COMPLETED' AND t.status = 'COMPLETED'
				THEN greatest(extract(epoch FROM t.executed_at - t.scheduled_at)::float8, 0) END AS late
			FROM (SELECT e.timer_id, e.status FROM timer_executions AS e
				WHERE e.started_at >= b.begins AND e.started_at < b.begins + interval '10 seconds'
				ORDER BY e.started_at LIMIT 50) AS e
			JOIN campaign_timers AS t ON t.id = e.timer_id) AS e) AS s
"""


class History:
	"""The minutes of a database that are known."""

	def __init__(self) -> None:
		self.minutes: dict[datetime.datetime, dict[str, Any]] = {}

	def missing(self, now: datetime.datetime) -> list[datetime.datetime]:
		"""Return the minutes to ask for, the newest first; those that are not settled each time."""
		this = now.replace(second=0, microsecond=0)
		wanted = [this - datetime.timedelta(minutes=back) for back in range(MINUTES)]
		for minute in [minute for minute in self.minutes if minute < wanted[-1]]:
			del self.minutes[minute]
		return [minute for minute in wanted if minute not in self.minutes or not self.minutes[minute]['settled']]

	async def fill(self, transaction: Transaction) -> bool:
		"""Ask for missing minutes while the time lasts. Return whether all are known."""
		now = await transaction.value('SELECT now()')
		begun = time.monotonic()
		missing = self.missing(now)
		at_once = AT_ONCE
		while missing and time.monotonic() - begun < BUDGET:
			chunk, missing = missing[:at_once], missing[at_once:]
			started = time.monotonic()
			for row in await transaction.rows(QUERY, {'minutes': chunk}):
				self.minutes[row['minute']] = dict(row, settled=row['minute'] + datetime.timedelta(minutes=1) + SETTLED < now)
			# A busy database gets smaller questions.
			at_once = 5 if time.monotonic() - started > BUDGET / 2 else at_once
		return not missing

	def points(self) -> dict[str, list[Any]]:
		"""Return the series of the plots, the oldest minute first."""
		known = sorted(self.minutes.items())
		# A plot begins where something happens, and has half an hour at least.
		first = next((number for number, (_, row) in enumerate(known) if row['executions']), 0)
		known = known[min(first, max(len(known) - 30, 0)):]

		def scaled(row: dict[str, Any]) -> float:
			return round(row['failures'] * max(1.0, row['executions'] / max(row['sampled'], 1)))
		return {
			'at': [minute.timestamp() for minute, _ in known],
			'executions': [round(row['executions']) for _, row in known],
			'failures': [scaled(row) for _, row in known],
			'p50': [row['p50'] for _, row in known],
			'p99': [row['p99'] for _, row in known],
		}


def of(database: Database) -> History:
	"""Return the history of a database, which its cache keeps."""
	_, found = database.cache.setdefault('history', (0.0, History()))
	return found
