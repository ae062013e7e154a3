"""Lifecycle: the state machine as a graph, and the policies, from their two tables. Nothing can be changed here."""
from starlette.requests import Request
from starlette.responses import Response

from console import drawing, machine, render
from console.database import Database
from console.pages.section import section

POLICIES = """
	SELECT p.state::text AS state, p.timer_type::text AS timer_type, p.anchor::text AS anchor, p.delay,
		p.only_when::text AS only_when
	FROM campaign_timer_policies AS p
"""
HANDLERS = """
	SELECT h.timer_type::text AS timer_type, h.handler, h.timeout FROM campaign_timer_handlers AS h ORDER BY h.timer_type
"""


async def show(request: Request, database: Database) -> Response:
	"""Show the page."""
	async with database.transaction() as transaction:
		transitions = await section(transaction, machine.TRANSITIONS)
		policies = await section(transaction, POLICIES)
		handlers = await section(transaction, HANDLERS)
	order = machine.in_order(transitions.rows, [row['state'] for row in policies.rows])
	colours = machine.colours(order)
	policies.rows.sort(key=lambda row: (order.index(row['state']), row['timer_type']))
	graph = drawing.graph(transitions.rows, order, colours) if transitions else None
	return render.page(request, 'lifecycle.html', database=database, facts=transaction.facts, transitions=transitions,
		policies=policies, handlers=handlers, graph=graph, colours=colours)
