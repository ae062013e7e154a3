"""Campaigns: search and sort over millions of rows.

A page continues after the last row of the one before, and never counts or skips rows.

A search that no index serves reads a bounded number of rows, says how far it has come, and offers to go on from there.
"""
import datetime
import time
import urllib.parse
import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from console import machine, render
from console.database import Database, Row, Transaction
from console.pages.section import section

ROWS = 50
# Rows that one query reads for a search, and for how long a page goes on searching.
FIRST_STEP, STEP = 500, 20000
BUDGET = 0.1

COLUMNS = 'c.id, c.status::text AS status, c.metadata, c.start_time, c.end_time, c.duration_hours'
LOWEST, HIGHEST = uuid.UUID(int=0), uuid.UUID(int=2 ** 128 - 1)
UTC = datetime.timezone.utc
EARLIEST, LATEST = datetime.datetime(1, 1, 2, tzinfo=UTC), datetime.datetime(9999, 12, 30, tzinfo=UTC)

# Each order: its title, the column that an index has, and whether it descends. The key of a row is that and the id.
ORDERS: dict[str, tuple[str, str, bool]] = {
	'newest': ('newest first', 'id', True),
	'oldest': ('oldest first', 'id', False),
	'start': ('start, earliest first', 'start_time', False),
	'-start': ('start, latest first', 'start_time', True),
	'end': ('end, earliest first', 'end_time', False),
	'-end': ('end, latest first', 'end_time', True),
}

# Every statement is put together from these pieces, with parameters. Rows of a state that has few are read by the index
# on the state.
SOURCES = {False: 'campaigns', True: '(SELECT * FROM campaigns AS c WHERE c.status = %(state)s OFFSET 0)'}
BY_ID = """
	SELECT {columns} FROM {source} AS c
	WHERE c.id {after} %(after_id)s AND c.id BETWEEN %(first)s AND %(last)s
	ORDER BY c.id {direction} LIMIT %(step)s
"""
BY_TIME = """
	SELECT {columns} FROM {source} AS c
	WHERE (c.{column}, c.id) {after} (%(after_time)s, %(after_id)s) AND c.{column} BETWEEN %(low)s AND %(high)s
	ORDER BY c.{column} {direction}, c.id {direction} LIMIT %(step)s
"""
FILTER = """
	WITH scanned AS MATERIALIZED ({scan})
	SELECT s.*, s.n = max(s.n) OVER () AS is_last, count(*) OVER () AS scanned
	FROM (SELECT c.*, row_number() OVER () AS n,
		(%(state)s::text IS NULL OR c.status = %(state)s)
			AND (%(name)s::text IS NULL OR c.metadata ->> 'name' ILIKE %(pattern)s)
			AND c.id BETWEEN %(first)s AND %(last)s
			AND (%(since)s::timestamptz IS NULL OR %(timed)s OR c.start_time >= %(since)s)
			AND (%(until)s::timestamptz IS NULL OR %(timed)s OR c.start_time <= %(until)s) AS is_hit
		FROM scanned AS c) AS s
"""
# The first hits, and the last row that was read.
HITS = """
	SELECT * FROM ({filter}) AS f
	WHERE f.is_hit OR f.is_last ORDER BY f.n LIMIT {rows} + 2
"""


FEW = f'SELECT count(*) <= {STEP} FROM (SELECT FROM campaigns AS c WHERE c.status = %s LIMIT {STEP + 1}) AS c'


def statement(order: str, of_state: bool) -> str:
	"""Return the statement of an order, from all campaigns or from those of a state."""
	_, column, descends = ORDERS[order]
	scan = (BY_ID if column == 'id' else BY_TIME).format(columns=COLUMNS, source=SOURCES[of_state], column=column,
		after='<' if descends else '>', direction='DESC' if descends else 'ASC')
	return HITS.format(filter=FILTER.format(scan=scan), rows=ROWS)


STATEMENTS = {(order, of_state): statement(order, of_state) for order in ORDERS for of_state in SOURCES}


class Search:
	"""The search that an address asks for: parameters of a statement, and how it goes on."""

	def __init__(self, query: dict[str, str]) -> None:
		self.problem = ''
		self.query = {key: value.strip() for key, value in query.items() if value.strip()}
		self.order = self.query.get('order', 'newest') if self.query.get('order') in ORDERS else 'newest'
		self.state = self.query.get('state')
		self.text = self.query.get('q', '')
		self.first, self.last = id_range(self.text) or (LOWEST, HIGHEST)
		self.name = None if self.first != LOWEST or self.last != HIGHEST or not self.text else self.text
		self.since, self.until = self._time('since'), self._time('until')
		self.after = self._after()
		self.step = FIRST_STEP

	def _time(self, key: str) -> datetime.datetime | None:
		if key not in self.query:
			return None
		try:
			found = datetime.datetime.fromisoformat(self.query[key])
		except ValueError:
			self.problem = f'{self.query[key]} is no time; write 2026-12-24 or 2026-12-24T18:00.'
			return None
		return found if found.tzinfo else found.replace(tzinfo=UTC)

	def _after(self) -> tuple[Any, uuid.UUID] | None:
		"""Return the key after which the page begins: the time in seconds, if the order has one, and the id."""
		moment, _, name = self.query.get('after', '').rpartition('_')
		try:
			at = datetime.datetime.fromtimestamp(int(moment) / 1e6, UTC) if moment else None
			return (at, uuid.UUID(name)) if name else None
		except (ValueError, OverflowError, OSError):
			return None

	def parameters(self) -> dict[str, Any]:
		"""Return the parameters for the next rows."""
		_, column, descends = ORDERS[self.order]
		ends = (HIGHEST, LOWEST) if descends else (LOWEST, HIGHEST)
		moment, after_id = self.after or (None, ends[0])
		timed = column == 'start_time'
		return {
			'after_id': after_id, 'after_time': moment or (LATEST if descends else EARLIEST),
			'first': self.first, 'last': self.last,
			'state': self.state, 'name': self.name, 'pattern': like(self.name or ''), 'timed': timed,
			'since': self.since, 'until': self.until,
			'low': timed and self.since or EARLIEST, 'high': timed and self.until or LATEST,
			'step': self.step if self.filters() else ROWS + 1,
		}

	def filters(self) -> bool:
		"""Return whether rows that are read may be no hits."""
		return bool(self.state or self.name or self.since or self.until or (self.text and ORDERS[self.order][1] != 'id'))

	def key_of(self, row: Row) -> str:
		"""Return the key of a row as it stands in an address."""
		column = ORDERS[self.order][1]
		moment = '' if column == 'id' or row[column] is None else str(round(row[column].timestamp() * 1e6))
		return f'{moment}_{row["id"]}'

	def link(self, **changes: str | None) -> str:
		"""Return the address of the same search with some changes."""
		query = {key: value for key, value in {**self.query, **changes}.items() if value}
		return '?' + urllib.parse.urlencode(query)


def id_range(text: str) -> tuple[uuid.UUID, uuid.UUID] | None:
	"""Return the first and last id that begin with a text, or None for a text that is no beginning of an id."""
	digits = text.replace('-', '').lower()
	if not 4 <= len(digits) <= 32 or any(digit not in '0123456789abcdef' for digit in digits):
		return None
	if '-' not in text and len(digits) < 8 and not any(digit.isdigit() for digit in digits):
		# A name such as "cafe".
		return None
	return uuid.UUID(digits.ljust(32, '0')), uuid.UUID(digits.ljust(32, 'f'))


def like(text: str) -> str:
	"""Return the pattern of LIKE for a text anywhere in another."""
	return '%' + text.replace('\\', '\\\\').replace('%', '\\%').replace('_', '\\_') + '%'


async def find(transaction: Transaction, search: Search) -> tuple[list[Row], int, str | None]:
	"""Return the hits, how many rows were read, and the key from which the next page goes on, if there is more."""
	hits: list[Row] = []
	read = 0
	of_state = False
	if search.state:
		async with transaction.by_index():
			of_state = await transaction.value(FEW, (search.state,))
	begun = time.monotonic()
	while True:
		parameters = search.parameters()
		rows = await transaction.rows(STATEMENTS[search.order, of_state], parameters)
		if not rows:
			return hits, read, None
		for row in rows:
			if row['is_hit'] and len(hits) < ROWS:
				hits.append(row)
			elif row['is_hit']:
				return hits, read + hits[-1]['n'], search.key_of(hits[-1])
		scanned, last = rows[0]['scanned'], rows[-1]
		read += scanned
		if scanned < parameters['step']:
			return hits, read, None
		if len(hits) >= ROWS:
			return hits, read, search.key_of(hits[-1])
		search.query['after'] = search.key_of(last)
		search.after = search._after()
		search.step = min(search.step * 5, STEP)
		if time.monotonic() - begun > BUDGET:
			return hits, read, search.key_of(last)


async def show(request: Request, database: Database) -> Response:
	"""Show the page."""
	search = Search(dict(request.query_params))
	async with database.transaction() as transaction:
		facts = transaction.facts
		assert facts is not None
		transitions = await section(transaction, machine.TRANSITIONS)
		states = machine.in_order(transitions.rows)
		rows, read, further = ([], 0, None) if not facts.has('campaigns') else await find(transaction, search)
	shown = Search(dict(request.query_params))
	return render.page(request, 'campaigns.html', database=database, facts=facts, search=shown, rows=rows, read=read,
		further=shown.link(after=further) if further else None, orders=ORDERS, states=states,
		first=shown.link(after=None) if 'after' in shown.query else None, colours=machine.colours(states),
		can_list=facts.has('campaigns'))
