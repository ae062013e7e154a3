"""Now: how many campaigns are in which state, what is due, what fails, what the workers do, and what is not healthy."""
import psycopg
from starlette.requests import Request
from starlette.responses import Response

from console import counts, history, machine, render
from console.database import Database, Row, Transaction
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

# campaign_health() is asked for that often, because it reads more than the rest.
HEALTH_AGE = 2.0


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


async def health(database: Database, transaction: Transaction) -> Section:
	"""Return the checks, a few seconds old at most."""
	found = database.remembered('health', HEALTH_AGE)
	return found or database.remember('health', await section(transaction, HEALTH))


async def timers(transaction: Transaction) -> dict[str, Row | None]:
	"""Return how many timers are due, dead and waiting for their next attempt."""
	found: dict[str, Row | None] = {}
	for name, query in (('due', counts.DUE), ('dead', counts.DEAD), ('retrying', counts.RETRYING)):
		rows = (await section(transaction, query)).rows
		found[name] = rows[0] if rows else None
	return found


async def show(request: Request, database: Database) -> Response:
	"""Show the page."""
	async with database.transaction() as transaction:
		facts = transaction.facts
		assert facts is not None
		found, problem = await states(transaction)
		past = history.of(database)
		if facts.has('timer_executions') and facts.has('campaign_timers'):
			try:
				await past.fill(transaction)
			except psycopg.errors.QueryCanceled:
				# The page does without the plots.
				pass
		return render.page(request, 'now.html', database=database, facts=facts, states=found, states_problem=problem,
			timers=await timers(transaction), limit=counts.COUNTED, next=await section(transaction, in_time(NEXT, facts)),
			errors=await section(transaction, ERRORS), workers=await section(transaction, WORKERS),
			health=await health(database, transaction), points=past.points(),
			nodes=await section(transaction, NODES) if facts.is_router else None)
