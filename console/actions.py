"""The buttons. Each leads to a form that names the campaign and asks for a reason, and
sends one call of an API function.

Who and why go into the log: the user as changed_by, the reason as trigger_event. Whether the role may, the database
decides; a button is shown where it says so beforehand.
"""
import dataclasses
import datetime
import logging
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console import render
from console.database import Database, DatabaseDown, Row, Transaction, first_line
from console.security import form_of

audit = logging.getLogger('console.audit')
MOST_REASON = 10000
# Timers that one press of a button retries.
MOST_RETRIES = 500


class Invalid(Exception):
	"""A field of a form that cannot be used, with the reason."""


@dataclasses.dataclass(frozen=True)
class Field:
	"""A field of a form. kind is state, type, time or hours."""
	name: str
	label: str
	kind: str
	required: bool = True
	hint: str = ''


@dataclasses.dataclass(frozen=True)
class Action:
	"""A button: the API function that it calls, and how the form asks for the arguments."""
	title: str
	function: str
	explain: str
	call: str
	fields: tuple[Field, ...] = ()
	danger: bool = False


CAMPAIGN_ACTIONS = {
	'move': Action('Move to a state', 'transition_campaign',
		'The campaign changes its state now, and gets the timers of the new state.',
		'SELECT transition_campaign(%(id)s, %(state)s, %(reason)s, %(log)s)', (Field('state', 'New state', 'state'),)),
	'reschedule': Action('Reschedule', 'reschedule_campaign',
		'The timers that policies have set move with the times. Timers set by hand stay.',
		'SELECT reschedule_campaign(%(id)s, %(start)s, %(hours)s)',
		(Field('start', 'New start', 'time', False, 'Before the start only. Leave it empty to keep it.'),
			Field('hours', 'Duration in hours', 'hours', False, 'Leave it empty to keep it.'))),
	'extend': Action('Extend', 'extend_campaign', 'The end moves, and the timers of policies follow.',
		'SELECT extend_campaign(%(id)s, %(hours)s)',
		(Field('hours', 'By how many hours', 'hours', True, 'A negative number shortens it.'),)),
	'set-timer': Action('Set a timer', 'schedule_timer', 'No policy moves a timer that is set by hand.',
		'SELECT schedule_timer(%(id)s, %(type)s, %(at)s)',
		(Field('type', 'Timer type', 'type'), Field('at', 'When', 'time'))),
	'cancel': Action('Cancel the campaign', 'cancel_campaign',
		'The campaign ends now, and its waiting timers are cancelled. It cannot be taken back.',
		'SELECT cancel_campaign(%(id)s, %(reason)s)', danger=True),
}
TIMER_ACTIONS = {
	'move-timer': Action('Move', 'reschedule_timer', 'The timer counts as set by hand from then on.',
		'SELECT reschedule_timer(%(timer)s, %(at)s, %(id)s)', (Field('at', 'New time', 'time'),)),
	'retry-timer': Action('Retry', 'retry_timer', 'The timer is due now, with all its attempts.',
		'SELECT retry_timer(%(timer)s, %(id)s)'),
	'cancel-timer': Action('Cancel', 'cancel_timer', 'Policies do not set it again while the campaign stays in its state.',
		'SELECT cancel_timer(%(timer)s, %(reason)s, %(id)s)', danger=True),
}
DATABASE_ACTIONS = {
	'pause': Action('Pause all timers', 'pause_timers', 'No timer of this database is executed until somebody resumes.',
		'SELECT pause_timers()', danger=True),
	'resume': Action('Resume timers', 'resume_timers', 'Timers are executed again, those that are due at once.',
		'SELECT resume_timers()'),
	'partitions': Action('Create partitions', 'create_monthly_partitions',
		'The log gets its partitions for the months ahead.',
		'SELECT create_monthly_partitions()'),
	'retry-error': Action('Retry all of an error', 'retry_timer',
		f'Each dead timer with this error is due now, at most {MOST_RETRIES} at once.', ''),
}

DEAD_OF_ERROR = f"""
	SELECT d.timer_id, d.campaign_id FROM dead_timers AS d
	WHERE d.last_error = %s ORDER BY d.scheduled_at LIMIT {MOST_RETRIES}
"""

WHO_AND_WHY = """
	SELECT set_config('campaign_lifecycle.changed_by', %s, true), set_config('campaign_lifecycle.trigger_event', %s, true)
"""


def time_of(fields: dict[str, str], name: str) -> datetime.datetime | None:
	"""Return a time. The script of the page adds NAME_utc; without it the field is UTC."""
	text = fields.get(f'{name}_utc') or fields.get(name, '')
	if not text.strip():
		return None
	try:
		found = datetime.datetime.fromisoformat(text.strip().replace('Z', '+00:00'))
	except ValueError as error:
		raise Invalid(f'{text[:60]} is no time.') from error
	return found if found.tzinfo else found.replace(tzinfo=datetime.timezone.utc)


def hours_of(fields: dict[str, str], name: str) -> int | None:
	"""Return a number of hours."""
	text = fields.get(name, '').strip()
	if not text:
		return None
	try:
		return int(text)
	except ValueError as error:
		raise Invalid(f'{text[:60]} is no number of hours.') from error


READERS: dict[str, Callable[[dict[str, str], str], Any]] = {
	'time': time_of, 'hours': hours_of,
	'state': lambda fields, name: fields.get(name, '').strip() or None,
	'type': lambda fields, name: fields.get(name, '').strip() or None,
}


def arguments(action: Action, fields: dict[str, str], who: str) -> dict[str, Any]:
	"""Return the arguments of the call that a form gives; raise Invalid."""
	reason = fields.get('reason', '').strip()
	if not reason:
		raise Invalid('Say why: the reason goes into the log.')
	if len(reason) > MOST_REASON:
		raise Invalid(f'The reason has more than {MOST_REASON} characters.')
	found: dict[str, Any] = {'reason': reason, 'log': Jsonb({'changed_by': who, 'via': 'console'})}
	for field in action.fields:
		found[field.name] = READERS[field.kind](fields, field.name)
		if field.required and found[field.name] is None:
			raise Invalid(f'{field.label} is missing.')
	return found


async def begin(transaction: Transaction, who: str, reason: str) -> None:
	"""Tell the transaction who acts and why, for functions that have no arguments for it."""
	await transaction.rows(WHO_AND_WHY, (who, reason))


async def press(database: Database, request: Request, name: str, action: Action, given: dict[str, Any]) -> list[str]:
	"""Call the function and return the notices of the server; write who did what to the log of the console."""
	who, notices = request.state.user, []
	try:
		async with database.transaction(writes=True) as transaction:
			def keep(diagnostic: psycopg.errors.Diagnostic) -> None:
				notices.append(diagnostic.message_primary or '')
			transaction.connection.add_notice_handler(keep)
			try:
				await begin(transaction, who, given['reason'])
				if name == 'retry-error':
					notices += await retry_all(transaction, given['error'])
				else:
					await transaction.rows(action.call, given)
			finally:
				transaction.connection.remove_notice_handler(keep)
	except (psycopg.Error, DatabaseDown) as error:
		audit.info('user %r could not %s in %s, %s, reason %r: %s', who, name, database.name, about(given), given['reason'],
			first_line(error))
		raise
	database.cache.pop('health', None)
	audit.info('user %r did %s in %s, %s, reason %r', who, name, database.name, about(given), given['reason'])
	return notices


def about(given: dict[str, Any]) -> str:
	"""Return the arguments of a call for the log of the console."""
	told = {key: str(value) for key, value in given.items() if key not in ('reason', 'log') and value is not None}
	return ', '.join(f'{key} {value!r}' for key, value in told.items()) or 'all'


async def retry_all(transaction: Transaction, error: str) -> list[str]:
	"""Retry the dead timers with an error, and return how it went. One that cannot be retried stops no other."""
	done, refused = 0, ''
	for row in await transaction.rows(DEAD_OF_ERROR, (error,)):
		await transaction.rows('SAVEPOINT one')
		try:
			await transaction.rows('SELECT retry_timer(%s, %s)', (row['timer_id'], row['campaign_id']))
			done += 1
		except psycopg.errors.InsufficientPrivilege:
			raise
		except psycopg.Error as one:
			refused = refused or first_line(one)
			await transaction.rows('ROLLBACK TO SAVEPOINT one')
		await transaction.rows('RELEASE SAVEPOINT one')
	return [f'{done} timers are due again.'] + ([f'Some could not be retried: {refused}.'] if refused else [])


def problem_of(error: Exception) -> tuple[str, str]:
	"""Return the message and the hint of what the database has refused."""
	if isinstance(error, DatabaseDown):
		return (f'The database is down: {error}',
			'Whether it was done is not known. Look at the timeline before you try again.')
	if isinstance(error, psycopg.Error):
		return first_line(error), ' '.join(filter(None, (error.diag.message_detail, error.diag.message_hint)))
	return str(error), ''


def status_of(error: Exception) -> int:
	"""Return the status of the page that shows an error."""
	if isinstance(error, psycopg.errors.InsufficientPrivilege):
		return 403
	return 503 if isinstance(error, DatabaseDown) else 422


async def ask(request: Request, database: Database, name: str, action: Action, back: str, given: dict[str, str],
	**context: Any) -> Response:
	"""Show the form of a button, or press it and lead back."""
	problem, hint, status = '', '', 200
	if request.method == 'POST':
		try:
			fields = arguments(action, given, request.state.user)
			notices = await press(database, request, name, action, {**fields, **context.get('fixed', {})})
			request.app.state.sessions.tell(request.state.session_id, f'Done: {action.title.lower()}.', notices)
			return RedirectResponse(back, 303)
		except (Invalid, psycopg.Error, DatabaseDown) as error:
			problem, hint = problem_of(error)
			status = status_of(error)
	return render.page(request, 'action.html', status, database=database, action=action, name=name, back=back, given=given,
		problem=problem, hint=hint, **context)


async def checked(request: Request, database: Database, action: Action | None) -> tuple[Action, dict[str, str]]:
	"""Return the action and the fields of its form; raise HTTPException where there is no such button."""
	if action is None:
		raise HTTPException(404, 'There is no such button.')
	fields = await form_of(request) if request.method == 'POST' else dict(request.query_params)
	if request.app.state.options.read_only:
		raise HTTPException(403, 'The console was started with --read-only.')
	return action, fields


NEXT_STATES = """
	SELECT m.to_state::text AS name FROM campaign_state_transitions AS m
	WHERE m.from_state = %s ORDER BY m.priority, m.to_state
"""
TIMER_TYPES = """
	SELECT m.timer_type::text AS name FROM campaign_state_transitions AS m WHERE m.timer_type IS NOT NULL
	UNION SELECT p.timer_type FROM campaign_timer_policies AS p ORDER BY 1
"""
# A router has neither table: all states, and the types that were executed or may be.
ALL_STATES = """
	SELECT DISTINCT d.status::text AS name FROM campaign_state_distribution AS d WHERE d.status IS NOT NULL ORDER BY 1
"""
ALL_TYPES = """
	SELECT DISTINCT s.timer_type::text AS name FROM timer_execution_stats AS s WHERE s.timer_type IS NOT NULL ORDER BY 1
"""


async def choices_for(transaction: Transaction, state: str) -> dict[str, list[str]]:
	"""Return the states to which a campaign may move, and the timer types."""
	assert transaction.facts is not None
	if transaction.facts.has('campaign_state_transitions'):
		states, types = await transaction.rows(NEXT_STATES, (state,)), await transaction.rows(TIMER_TYPES)
	else:
		states, types = await transaction.rows(ALL_STATES), await transaction.rows(ALL_TYPES)
	return {'state': [row['name'] for row in states], 'type': [row['name'] for row in types]}


async def of_campaign(request: Request, database: Database) -> Response:
	"""Ask for, and press, a button of a campaign or of one of its timers."""
	from console.pages import campaign
	name = request.path_params['action']
	action, fields = await checked(request, database, CAMPAIGN_ACTIONS.get(name) or TIMER_ACTIONS.get(name))
	campaign_id = request.path_params['id']
	async with database.transaction() as transaction:
		found, timeline = await campaign.find(transaction, campaign_id)
		if found is None:
			raise HTTPException(404, f'Nothing is known of a campaign {campaign_id}.')
		timer: Row | None = None
		if name in TIMER_ACTIONS:
			timers = {row['detail'].get('timer_id'): row for row in timeline if row['kind'] == 'timer'}
			timer = timers.get(fields.get('timer', ''))
			if timer is None:
				raise HTTPException(404, 'The campaign has no such timer.')
		choices = await choices_for(transaction, found['status'])
	fixed = {'id': campaign_id, **({'timer': timer['detail']['timer_id']} if timer else {})}
	back = f'/{database.slug}/campaign/{campaign_id}'
	return await ask(request, database, name, action, back, fields, fixed=fixed, campaign=found,
		campaign_name=campaign.name_of(found), timer=timer, choices=choices)


async def of_database(request: Request, database: Database) -> Response:
	"""Ask for, and press, a button that is for the whole database."""
	name = request.path_params['action']
	action, fields = await checked(request, database, DATABASE_ACTIONS.get(name))
	back = {'retry-error': 'timers', 'partitions': 'upkeep'}.get(name, 'now')
	fixed = {'error': fields.get('error', '')} if name == 'retry-error' else {}
	return await ask(request, database, name, action, f'/{database.slug}/{back}', fields, fixed=fixed, campaign=None,
		campaign_name='', timer=None, choices={})
