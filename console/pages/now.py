"""Now: how many campaigns are in which state, what is due, what fails, what the workers do, and what is not healthy."""
import asyncio
import time

import psycopg
from starlette.requests import Request
from starlette.responses import Response

from console import counts, history, machine, render
from console.database import Database, DatabaseDown, NoExtension, Row, Transaction
from console.pages.section import Section, in_time, section

WORKERS = """
	SELECT * FROM campaign_workers AS w
	ORDER BY w.database IS NULL DESC, w.database <> current_database(), w.database, w.worker_number
"""
HEALTH = "SELECT * FROM campaign_health() AS h ORDER BY array_position(ARRAY['critical', 'warning', 'ok'], h.status)"
NEXT = 'SELECT * FROM upcoming_timers AS u LIMIT 8'
ERRORS = """
	SELECT e.last_error, count(*) AS count FROM (SELECT d.last_error FROM dead_timers AS d LIMIT 1000) AS e
	GROUP BY e.last_error ORDER BY count(*) DESC, e.last_error LIMIT 3
"""
NODES = 'SELECT * FROM campaign_nodes'

# campaign_health() reads more than the rest. Its answer is kept for seconds; where it takes long, for that many times
# its time, a minute at most.
HEALTH_AGE, HEALTH_KEPT, HEALTH_CHEAP, HEALTH_PART = 2.0, 60.0, 0.03, 50


async def states(transaction: Transaction) -> tuple[list[Row], str]:
	"""Return the states in the order of a life, each with its count, its colour and its part, and why there are none."""
	try:
		found = await counts.states(transaction)
	except psycopg.OperationalError:
		raise
	except psycopg.Error as error:
		return [], str(error).splitlines()[0]
	transitions = await section(transaction, machine.TRANSITIONS)
	order = machine.in_order(transitions.rows, [row['state'] for row in found])
	colours = machine.colours(order)
	by_state = {row['state']: row for row in found}
	total = sum(row['value'] for row in found) or 1
	shown, left = [], 0.0
	for state in order:
		row = by_state.get(state, {'value': 0, 'is_estimate': False})
		part = 1000.0 * row['value'] / total
		shown.append({'state': state, 'count': row['value'], 'is_estimate': row['is_estimate'], 'colour': colours[state],
			'left': round(left, 2), 'part': round(part, 2)})
		left += part
	return shown, ''


async def ask_health(database: Database) -> Section:
	"""Ask for the checks, on a connection of its own, and remember them with the time that they took."""
	begun = time.monotonic()
	async with database.transaction() as transaction:
		found = await section(transaction, HEALTH)
	database.remember('health took', time.monotonic() - begun)
	return database.remember('health', found)


async def health(database: Database) -> Section:
	"""Return the checks. Where they cost much, those of a while ago are shown, and the next page has the new ones."""
	kept = database.remembered('health', HEALTH_KEPT)
	took = database.remembered('health took', HEALTH_KEPT) or 0.0
	if kept is None or (took < HEALTH_CHEAP and database.remembered('health', HEALTH_AGE) is None):
		return await ask_health(database)
	is_old = database.remembered('health', max(HEALTH_AGE, HEALTH_PART * took)) is None
	if is_old and database.remembered('asking', 30) is None:
		# The task is kept, because the loop would forget it.
		database.remember('asking', asyncio.create_task(ask_later(database)))
	return kept


async def ask_later(database: Database) -> None:
	"""Ask for the checks after the page."""
	try:
		await ask_health(database)
	except (psycopg.Error, DatabaseDown, NoExtension):
		# The next page says so.
		pass
	finally:
		database.cache.pop('asking', None)


async def show(request: Request, database: Database) -> Response:
	"""Show the page."""
	checks = asyncio.create_task(health(database))
	try:
		async with database.transaction() as transaction:
			facts = transaction.facts
			assert facts is not None
			found, problem = await states(transaction)
			past = history.of(database)
			if facts.has('timer_executions') and facts.has('campaign_timers'):
				await section_of_history(past, transaction)
			async with transaction.by_index():
				timers = (await section(transaction, counts.TIMERS)).rows
				following = await section(transaction, in_time(NEXT, facts))
			errors = await section(transaction, ERRORS)
			workers = await section(transaction, WORKERS)
			nodes = await section(transaction, NODES) if facts.is_router else None
		checked = await checks
	finally:
		checks.cancel()
	return render.page(request, 'now.html', database=database, facts=facts, states=found, states_problem=problem,
		timers=timers[0] if timers else None, limit=counts.COUNTED, next=following, errors=errors, workers=workers,
		health=checked, points=past.points(), nodes=nodes)


async def section_of_history(past: history.History, transaction: Transaction) -> None:
	"""Ask for some minutes. Where the server is too slow, the page does without them."""
	try:
		await past.fill(transaction)
	except psycopg.errors.QueryCanceled:
		pass
