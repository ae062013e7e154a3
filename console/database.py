"""A database with campaigns: its connections, what is there, and the two kinds of transactions.

Everything except a button reads, in a transaction that is READ ONLY. Each transaction sets what it needs for itself, so
that a pooler may stand in between. Values are parameters; no statement is put together from text of a user.
"""
import asyncio
import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row

Row = dict[str, Any]

# Statements of pages end after this time, and those of buttons may wait for a lock that long.
READ_TIMEOUT = '5s'
WRITE_TIMEOUT = '15s'
# How long facts about the database are believed: a role that gets a privilege sees its buttons a minute later.
FACTS_AGE = 60.0
CONNECTIONS = 4


class DatabaseDown(Exception):
	"""The server cannot be reached, or has ended the connection."""


class NoExtension(Exception):
	"""The database has neither the extension nor the router."""


@dataclasses.dataclass(frozen=True)
class Facts:
	"""The facts about a database: what is there, and what our role may do with it."""
	schema: str
	version: str
	is_router: bool
	is_standby: bool
	role: str
	server: str
	relations: frozenset[str]
	functions: frozenset[str]
	notify_events: frozenset[str]

	def may(self, function: str) -> bool:
		"""Return whether the role may call the function, on a server that writes."""
		return function in self.functions and not self.is_standby

	def has(self, relation: str) -> bool:
		"""Return whether the table or view is there and the role may read it."""
		return relation in self.relations


FACTS_QUERY = """
	SELECT n.nspname AS schema, e.extversion AS version, e.extname = 'campaign_lifecycle_router' AS is_router,
		pg_is_in_recovery() AS is_standby, current_user AS role, current_setting('server_version') AS server,
		(SELECT coalesce(array_agg(c.relname::text), '{}') FROM pg_class AS c
			WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm')
				AND has_table_privilege(c.oid, 'SELECT')) AS relations,
		(SELECT coalesce(array_agg(DISTINCT p.proname::text), '{}') FROM pg_proc AS p
			WHERE p.pronamespace = n.oid AND has_schema_privilege(n.oid, 'USAGE')
				AND has_function_privilege(p.oid, 'EXECUTE')) AS functions,
		coalesce(current_setting('campaign_lifecycle.notify_events', true), '') AS notify_events
	FROM pg_extension AS e
	JOIN pg_namespace AS n ON n.oid = e.extnamespace
	WHERE e.extname IN ('campaign_lifecycle', 'campaign_lifecycle_router')
	ORDER BY e.extname = 'campaign_lifecycle_router' DESC
	LIMIT 1
"""


SETTINGS = """
	SELECT set_config('search_path', %s, true), set_config('statement_timeout', %s, true),
		set_config('lock_timeout', %s, true), set_config('TimeZone', 'UTC', true), set_config('jit', 'off', true)
"""
PLANNER = """
	SELECT set_config(s.name, %(to)s, true)
	FROM (VALUES ('enable_seqscan'), ('enable_bitmapscan'), ('enable_sort')) AS s (name)
"""


class Transaction:
	"""One transaction. After an error in a READ ONLY one, the next query begins another."""

	def __init__(self, connection: psycopg.AsyncConnection[Row], facts: Facts | None, writes: bool) -> None:
		self.connection = connection
		self.facts = facts
		self.writes = writes
		self.is_open = False

	async def _begin(self) -> None:
		await self.connection.execute('BEGIN' if self.writes else 'BEGIN READ ONLY')
		self.is_open = True
		timeout = WRITE_TIMEOUT if self.writes else READ_TIMEOUT
		path = 'pg_catalog' if self.facts is None else 'pg_catalog, ' + quoted(self.facts.schema)
		await self.connection.execute(
			SETTINGS, (path, timeout, timeout))

	async def rows(self, statement: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[Row]:
		"""Return the rows of a statement."""
		if not self.is_open:
			await self._begin()
		try:
			cursor = await self.connection.execute(statement, parameters or None)
			return await cursor.fetchall() if cursor.description else []
		except psycopg.Error:
			if not self.writes and not self.connection.closed:
				await self.end()
			raise

	async def row(self, statement: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> Row | None:
		"""Return the first row of a statement, or None."""
		rows = await self.rows(statement, parameters)
		return rows[0] if rows else None

	async def value(self, statement: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> Any:
		"""Return the first column of the first row, or None."""
		row = await self.row(statement, parameters)
		return next(iter(row.values())) if row else None

	async def only_indexes(self) -> None:
		"""Read by indexes until the end of the transaction, as by_index() does."""
		await self.rows(PLANNER, {'to': 'off'})

	@contextlib.asynccontextmanager
	async def by_index(self) -> AsyncIterator[None]:
		"""Read by indexes only: for counts that end at a limit, which statistics would have read a whole table."""
		if self.facts is not None and self.facts.is_router:
			yield
			return
		await self.only_indexes()
		try:
			yield
		finally:
			if self.is_open:
				await self.rows(PLANNER, {'to': 'on'})

	async def end(self, commit: bool = False) -> None:
		"""End the transaction, if there is one."""
		if self.is_open:
			self.is_open = False
			await self.connection.execute('COMMIT' if commit else 'ROLLBACK')


def quoted(name: str) -> str:
	"""Return an identifier in quotes."""
	return '"' + name.replace('"', '""') + '"'


class Database:
	"""A database by its connection string, with a few connections that are kept open."""

	def __init__(self, conninfo: str, name: str = '') -> None:
		parts = conninfo_to_dict(conninfo)
		named = parts.get('application_name') or 'campaign_lifecycle console'
		self.conninfo = make_conninfo(conninfo, application_name=named, connect_timeout=parts.get('connect_timeout') or 3)
		self.name = name or parts.get('dbname') or parts.get('service') or 'default'
		self.slug = self.name
		self._idle: list[psycopg.AsyncConnection[Row]] = []
		self._room = asyncio.Semaphore(CONNECTIONS)
		self._facts: Facts | None = None
		self._facts_at = 0.0
		self.down_since: float | None = None
		self.cache: dict[str, tuple[float, Any]] = {}

	async def connect(self) -> psycopg.AsyncConnection[Row]:
		"""Open a connection. Each of our statements is its own transaction until a BEGIN."""
		try:
			connection = await psycopg.AsyncConnection.connect(self.conninfo, autocommit=True, row_factory=dict_row)
		except psycopg.OperationalError as error:
			self._went_down()
			raise DatabaseDown(first_line(error)) from error
		connection.prepare_threshold = None
		self.down_since = None
		return connection

	def _went_down(self) -> None:
		self.down_since = self.down_since or time.time()
		self._facts = None

	@contextlib.asynccontextmanager
	async def _connection(self) -> AsyncIterator[psycopg.AsyncConnection[Row]]:
		async with self._room:
			connection = self._idle.pop() if self._idle else None
			if connection is None or connection.closed or not await is_alive(connection):
				connection = await self.connect()
			try:
				yield connection
			except psycopg.OperationalError as error:
				if connection.closed:
					self._went_down()
					raise DatabaseDown(first_line(error)) from error
				raise
			finally:
				if connection.closed or connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
					await connection.close()
				else:
					self._idle.append(connection)

	async def _look(self, connection: psycopg.AsyncConnection[Row]) -> Facts:
		if self._facts is None or time.monotonic() - self._facts_at > FACTS_AGE:
			row = await (await connection.execute(FACTS_QUERY)).fetchone()
			if row is None:
				raise NoExtension(self.name)
			for key in ('relations', 'functions'):
				row[key] = frozenset(row[key])
			row['notify_events'] = frozenset(filter(None, row['notify_events'].replace(' ', '').split(',')))
			self._facts = Facts(**row)
			self._facts_at = time.monotonic()
		return self._facts

	async def facts(self) -> Facts:
		"""Return what the database has; a minute old at most."""
		async with self._connection() as connection:
			return await self._look(connection)

	@contextlib.asynccontextmanager
	async def transaction(self, writes: bool = False) -> AsyncIterator[Transaction]:
		"""Open a transaction, READ ONLY unless it writes, which is committed if nothing raises."""
		async with self._connection() as connection:
			transaction = Transaction(connection, await self._look(connection), writes)
			try:
				yield transaction
				await transaction.end(commit=writes)
			finally:
				if not connection.closed:
					await transaction.end()

	def remembered(self, key: str, age: float) -> Any:
		"""Return a value that remember() has kept, unless it is older than that many seconds."""
		at, value = self.cache.get(key, (float('-inf'), None))
		return value if time.monotonic() - at <= age else None

	def remember(self, key: str, value: Any) -> Any:
		"""Keep a value for remembered(), and return it."""
		self.cache[key] = (time.monotonic(), value)
		return value

	async def close(self) -> None:
		"""Close the idle connections."""
		while self._idle:
			await self._idle.pop().close()


async def is_alive(connection: psycopg.AsyncConnection[Row]) -> bool:
	"""Return whether an idle connection can still be used: its server may have been restarted since."""
	try:
		await connection.execute('')
		return True
	except psycopg.Error:
		await connection.close()
		return False


def first_line(error: BaseException) -> str:
	"""Return the first line of an error's text."""
	return (str(error).strip().splitlines() or [type(error).__name__])[0]


def with_slugs(databases: list[Database]) -> list[Database]:
	"""Give each database a name that no other has, and the form of it that stands in addresses."""
	seen: set[str] = set()
	for database in databases:
		name, number = database.name, 1
		while (slug := ''.join(c if c.isalnum() or c in '-_.' else '-' for c in name)) in seen:
			number += 1
			name = f'{database.name} {number}'
		seen.add(slug)
		database.name, database.slug = name, slug
	return databases
