"""Live updates: a browser keeps a stream open, is told when something has changed, and fetches its page again.

A database is watched while a browser looks at it. Where the server sends events by NOTIFY we listen to them. Besides, a
query of a few milliseconds looks twice a second whether the newest rows are still the same.
"""
import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator

import psycopg
from starlette.requests import Request
from starlette.responses import StreamingResponse

from console.database import Database, DatabaseDown, Facts, NoExtension, Transaction

POLL = 0.5
# With NOTIFY, and on a router.
SLOW_POLL = 2.0
KEEP_ALIVE = 15.0
SETTLES = 2.5
# Ages on a page grow although nothing happens.
REFRESH = 15.0

# The newest log row and execution, the counters of the processes, and those of the tables, which see the rest a second
# later.
PULSE = """
	SELECT concat_ws(' ',
		(SELECT l.id FROM campaign_state_log AS l WHERE l.created_at > now() - interval '1 day'
			ORDER BY l.created_at DESC LIMIT 1),
		(SELECT e.id FROM timer_executions AS e ORDER BY e.started_at DESC LIMIT 1),
		(SELECT string_agg(concat_ws(',', w.pid, w.state, w.batches, w.failures), ' ' ORDER BY w.database, w.worker_number)
			FROM campaign_workers AS w),
		(SELECT sum(pg_stat_get_tuples_inserted(t.oid) + pg_stat_get_tuples_updated(t.oid)
				+ pg_stat_get_tuples_deleted(t.oid))
			FROM unnest(ARRAY[to_regclass('campaigns'), to_regclass('campaign_timers'),
				to_regclass('campaign_activation')]) AS t (oid)))
"""


class Watch:
	"""The watch over one database. Browsers wait here until something has changed."""

	def __init__(self, database: Database) -> None:
		self.database = database
		self.version = 0
		self.down_since: float | None = None
		self.changed = asyncio.Condition()
		self.watchers = 0
		self._task: asyncio.Task[None] | None = None

	@contextlib.asynccontextmanager
	async def watched(self) -> AsyncIterator[None]:
		"""Watch the database while somebody is within."""
		self.watchers += 1
		if self._task is None or self._task.done():
			self._task = asyncio.create_task(self._run())
		try:
			yield
		finally:
			self.watchers -= 1

	async def _tell(self) -> None:
		async with self.changed:
			self.version += 1
			self.changed.notify_all()

	async def _set_down(self, since: float | None) -> None:
		if (self.down_since is None) != (since is None):
			self.down_since = since
			await self._tell()

	async def _run(self) -> None:
		while self.watchers:
			try:
				facts = await self.database.facts()
				await self._set_down(None)
				await (self._listen() if sends_events(facts) else self._poll())
			except DatabaseDown:
				await self._set_down(self.database.down_since or time.time())
				await asyncio.sleep(1)
			except (psycopg.Error, NoExtension):
				# A half-installed database, or a role without rights: the page says so.
				await asyncio.sleep(SLOW_POLL)

	async def _poll(self, every: float = POLL) -> None:
		"""Look until nobody watches, or the events begin to be sent."""
		last: str | None = None
		refreshed = time.monotonic()
		# Some parts of a page are a few seconds old, so a change is told again when they are not.
		settled = float('inf')
		while self.watchers:
			async with self.database.transaction() as transaction:
				facts = transaction.facts
				pulse = await look(transaction, facts)
			if every == POLL and facts.is_router:
				every = SLOW_POLL
			now = time.monotonic()
			has_changed = last is not None and pulse != last
			if has_changed or now > settled or now - refreshed > REFRESH:
				refreshed = now
				settled = now + SETTLES if has_changed else float('inf')
				await self._tell()
			last = pulse
			await self._set_down(None)
			if every == POLL and sends_events(facts):
				return
			await asyncio.sleep(every)

	async def _listen(self) -> None:
		"""Tell of each event, and poll slowly for what sends none."""
		connection = await self.database.connect()
		poll = asyncio.create_task(self._poll(SLOW_POLL))
		listen = asyncio.create_task(self._events(connection))
		try:
			done, _ = await asyncio.wait((poll, listen), return_when=asyncio.FIRST_COMPLETED)
			for task in done:
				task.result()
		except psycopg.OperationalError as error:
			raise DatabaseDown(str(error)) from error
		finally:
			for task in (poll, listen):
				task.cancel()
			await asyncio.gather(poll, listen, return_exceptions=True)
			await connection.close()

	async def _events(self, connection: psycopg.AsyncConnection) -> None:
		await connection.execute('LISTEN campaign_lifecycle')
		async for _ in connection.notifies():
			await self._tell()


def sends_events(facts: Facts) -> bool:
	"""Return whether each state change comes by NOTIFY. A standby sends none."""
	return 'campaign.status.changed' in facts.notify_events and not facts.is_standby


async def look(transaction: Transaction, facts: Facts | None) -> str:
	"""Return a text that changes when something happens."""
	needed = {'campaign_state_log', 'timer_executions', 'campaign_workers'}
	if facts is None or facts.is_router or not needed <= facts.relations:
		return str(time.monotonic())
	return await transaction.value(PULSE)


class Streams:
	"""The streams of all browsers, which end with the process."""

	def __init__(self, databases: list[Database]) -> None:
		self.watches = {database.slug: Watch(database) for database in databases}
		self.stopping = asyncio.Event()

	def stop(self) -> None:
		"""End every stream."""
		self.stopping.set()

	async def events(self, watch: Watch) -> AsyncIterator[str]:
		"""Yield the events of one stream."""
		async with watch.watched():
			seen, down = watch.version, watch.down_since
			yield 'retry: 1000\n\n' + event('down' if down else 'hello', {'since': down})
			stop = asyncio.create_task(self.stopping.wait())
			try:
				while not self.stopping.is_set():
					news = asyncio.create_task(self._news(watch, seen))
					await asyncio.wait((news, stop), timeout=KEEP_ALIVE, return_when=asyncio.FIRST_COMPLETED)
					if not news.done():
						news.cancel()
						yield ': still here\n\n'
						continue
					seen = watch.version
					yield event('down' if watch.down_since else 'change', {'since': watch.down_since})
			finally:
				stop.cancel()

	async def _news(self, watch: Watch, seen: int) -> None:
		async with watch.changed:
			await watch.changed.wait_for(lambda: watch.version != seen)


def event(name: str, data: object) -> str:
	"""Return one event in the form of the stream."""
	return f'event: {name}\ndata: {json.dumps(data)}\n\n'


async def stream(request: Request, database: Database) -> StreamingResponse:
	"""Answer with the stream of a database."""
	streams: Streams = request.app.state.streams
	return StreamingResponse(streams.events(streams.watches[database.slug]), media_type='text/event-stream',
		headers={'X-Accel-Buffering': 'no'})
