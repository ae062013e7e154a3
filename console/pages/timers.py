"""Timers: what fires within an hour or a day, what is late and why, and what has failed."""
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from console import render
from console.actions import TIMER_ACTIONS
from console.database import Database
from console.pages.section import in_time, section

# Each window: its title, the number of bars, and the length of one.
WINDOWS: dict[str, tuple[str, int, str]] = {
	'hour': ('the next hour', 60, '1 minute'), 'day': ('the next day', 48, '30 minutes')}
# A bar is counted up to here.
MOST_IN_BAR = 2500

FUTURE = f"""
	SELECT b.begins, n.count, n.count > {MOST_IN_BAR} AS is_more
	FROM (SELECT date_trunc('minute', now()) + n * %(step)s::interval AS begins
		FROM generate_series(0, %(bars)s - 1) AS n) AS b
	CROSS JOIN LATERAL (
		SELECT count(*) FROM (
			SELECT FROM upcoming_timers AS u
			WHERE u.scheduled_at >= greatest(b.begins, now()) AND u.scheduled_at < b.begins + %(step)s::interval
			LIMIT {MOST_IN_BAR + 1}) AS u) AS n
	ORDER BY b.begins
"""
# A router has the first timers of each node, and is asked once.
FUTURE_OF_ROUTER = """
	SELECT b.begins, count(u.timer_id) AS count, false AS is_more
	FROM (SELECT date_trunc('minute', now()) + n * %(step)s::interval AS begins
		FROM generate_series(0, %(bars)s - 1) AS n) AS b
	LEFT JOIN (SELECT * FROM upcoming_timers AS u WHERE u.scheduled_at >= now()) AS u
		ON u.scheduled_at >= b.begins AND u.scheduled_at < b.begins + %(step)s::interval
	GROUP BY b.begins ORDER BY b.begins
"""
LATE = "SELECT * FROM upcoming_timers AS u WHERE u.scheduled_at <= now() - interval '1 second' LIMIT 50"
NEXT = 'SELECT * FROM upcoming_timers AS u WHERE u.scheduled_at > now() LIMIT 25'
STUCK = 'SELECT * FROM stuck_timers'
FAILED = 'SELECT * FROM failed_timers AS f LIMIT 50'
DEAD = 'SELECT * FROM dead_timers AS d LIMIT 50'
# Errors of the first thousand dead timers.
ERRORS = """
	SELECT d.last_error, count(*) AS count
	FROM (SELECT d.last_error FROM dead_timers AS d LIMIT 1000) AS d
	GROUP BY d.last_error ORDER BY count(*) DESC, d.last_error
"""


async def show(request: Request, database: Database) -> Response:
	"""Show the page."""
	window = request.query_params.get('window', 'hour')
	window = window if window in WINDOWS else 'hour'
	title, bars, step = WINDOWS[window]
	found: dict[str, Any] = {}
	async with database.transaction() as transaction:
		facts = transaction.facts
		assert facts is not None
		if facts.is_router:
			found['future'] = await section(transaction, FUTURE_OF_ROUTER, {'bars': bars, 'step': step})
		else:
			async with transaction.by_index():
				found['future'] = await section(transaction, FUTURE, {'bars': bars, 'step': step})
		async with transaction.by_index():
			for name, query in (('late', in_time(LATE, facts)), ('next', in_time(NEXT, facts))):
				found[name] = await section(transaction, query)
		for name, query in (('stuck', STUCK), ('failed', FAILED), ('dead', DEAD), ('errors', ERRORS)):
			found[name] = await section(transaction, query)
	may = [key for key, action in TIMER_ACTIONS.items()
		if facts.may(action.function) and not request.app.state.options.read_only]
	return render.page(request, 'timers.html', database=database, facts=facts, window=window, window_title=title,
		windows=WINDOWS, most=MOST_IN_BAR, may=may, timer_actions=TIMER_ACTIONS, **found)
