"""One campaign: its life as a picture, the timeline below, and the buttons."""
import uuid

import psycopg
from starlette.requests import Request
from starlette.responses import Response

from console import drawing, machine, render
from console.actions import CAMPAIGN_ACTIONS, TIMER_ACTIONS
from console.database import Database, Facts, Row, Transaction
from console.pages.section import section

CAMPAIGN = """
	SELECT c.id, c.status::text AS status, c.metadata, c.created_at, c.updated_at, c.start_time, c.end_time,
		c.duration_hours, c.auto_close, c.rewards_enabled
	FROM campaigns AS c WHERE c.id = %s
"""
# A router asks the node.
CAMPAIGN_OF_ROUTER = 'SELECT * FROM get_campaign(%s)'
TIMELINE = 'SELECT * FROM campaign_timeline(%s)'
NOW = 'SELECT now() AS now'


async def find(transaction: Transaction, campaign_id: uuid.UUID) -> tuple[Row | None, list[Row]]:
	"""Return the row of a campaign, made from its timeline where there is no table, and its timeline."""
	facts = transaction.facts
	assert facts is not None
	try:
		timeline = await transaction.rows(TIMELINE, (campaign_id,))
	except psycopg.errors.NoDataFound:
		return None, []
	found = None
	if facts.has('campaigns'):
		found = await transaction.row(CAMPAIGN, (campaign_id,))
	elif 'get_campaign' in facts.functions:
		rows = (await section(transaction, CAMPAIGN_OF_ROUTER, (campaign_id,))).rows
		found = rows[0] if rows else None
	if found is None:
		states = [row['name'] for row in timeline if row['kind'] == 'state']
		found = {'id': campaign_id, 'status': states[-1] if states else None, 'metadata': {}, 'is_partial': True}
	return found, timeline


def name_of(found: Row) -> str:
	"""Return the name of a campaign: that of its metadata, or its id."""
	name = found['metadata'].get('name') if isinstance(found['metadata'], dict) else None
	return str(name) if isinstance(name, (str, int, float)) and str(name).strip() else str(found['id'])


def waiting(timeline: list[Row]) -> list[Row]:
	"""Return the timers that a button can act on."""
	return [row for row in timeline if row['kind'] == 'timer' and row['status'] in ('PENDING', 'FAILED', 'RUNNING')]


def buttons(facts: Facts, read_only: bool) -> dict[str, list[str]]:
	"""Return the buttons that the role may press: of the campaign, and of a timer."""
	if read_only:
		return {'campaign': [], 'timer': []}
	return {'campaign': [key for key, action in CAMPAIGN_ACTIONS.items() if facts.may(action.function)],
		'timer': [key for key, action in TIMER_ACTIONS.items() if facts.may(action.function)]}


async def show(request: Request, database: Database) -> Response:
	"""Show the page."""
	campaign_id = request.path_params['id']
	async with database.transaction() as transaction:
		facts = transaction.facts
		assert facts is not None
		found, timeline = await find(transaction, campaign_id)
		if found is None:
			return render.page(request, 'error.html', 404, database=database, facts=facts, title='No such campaign',
				problem=f'Nothing is known of a campaign {campaign_id}.',
				hint='It may have been deleted, or be in another database.')
		transitions = await section(transaction, machine.TRANSITIONS)
		now = await transaction.value(NOW)
	order = machine.in_order(transitions.rows, [row['name'] for row in timeline if row['kind'] == 'state'])
	colours = machine.colours(order)
	moves = [row for row in transitions.rows if row['from_state'] == found['status']]
	picture = drawing.life(timeline, transitions.rows, colours, bool(transitions.rows) and not moves, now)
	return render.page(request, 'campaign.html', database=database, facts=facts, campaign=found, name=name_of(found),
		is_final=bool(transitions.rows) and not moves, timeline=timeline, picture=picture, colours=colours,
		waiting=waiting(timeline), db_now=now, buttons=buttons(facts, request.app.state.options.read_only),
		campaign_actions=CAMPAIGN_ACTIONS, timer_actions=TIMER_ACTIONS)
