"""/metrics: the measures of all databases in the format of Prometheus.

A measure is asked for when a scrape finds it older than its age. Those that cost more are asked for after the answer,
so that no scrape waits for them except the first.
"""
import asyncio
import time

import psycopg
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from console.database import Database, DatabaseDown, NoExtension, Row, Transaction
from console.measures import MEASURES, PREFIX, SELDOM, Measure

FAMILIES = {'gauge': GaugeMetricFamily, 'counter': CounterMetricFamily}


async def ask(transaction: Transaction, query: str) -> list[Row]:
	"""Return the rows of a query; none where the role or the database does not have it."""
	try:
		return await transaction.rows(query)
	except psycopg.OperationalError:
		if transaction.connection.closed:
			raise
		return []
	except psycopg.Error:
		return []


async def collect(database: Database, measures: list[Measure]) -> None:
	"""Ask each query of some measures once, and remember its rows."""
	async with database.transaction() as transaction:
		# Of a router only that it answers: its nodes have the rest.
		if transaction.facts and transaction.facts.is_router:
			measures = []
		for query in dict.fromkeys(measure.query for measure in measures if not measure.by_index):
			database.remember(query, await ask(transaction, query))
		limited = dict.fromkeys(measure.query for measure in measures if measure.by_index)
		if limited:
			await transaction.only_indexes()
		for query in limited:
			database.remember(query, await ask(transaction, query))


def stale(database: Database, measure: Measure) -> bool:
	"""Return whether a measure has to be asked for again."""
	return database.remembered(measure.query, measure.every) is None


async def refresh(database: Database) -> bool:
	"""Ask for what a scrape needs now. Return whether the database answers."""
	wanted = [measure for measure in MEASURES if stale(database, measure)
		and (measure.every < SELDOM or measure.query not in database.cache)]
	try:
		await collect(database, wanted)
		return True
	except (DatabaseDown, NoExtension, psycopg.Error):
		return False


async def refresh_later(databases: list[Database]) -> None:
	"""Ask for what costs more, so that the next scrape has it."""
	for database in databases:
		wanted = [measure for measure in MEASURES if stale(database, measure)]
		if wanted and database.down_since is None:
			try:
				await collect(database, wanted)
			except (DatabaseDown, NoExtension, psycopg.Error):
				pass


def family(measure: Measure, rows: list[tuple[Database, list[Row]]]) -> Metric:
	"""Return a measure of all databases."""
	name = PREFIX + measure.name
	if measure.kind == 'histogram':
		histogram = HistogramMetricFamily(name, measure.help, labels=['database'])
		for database, found in rows:
			if found:
				histogram.add_metric([database.name], [(row['le'], row['value']) for row in found], found[-1]['total'])
		return histogram
	found_family = FAMILIES[measure.kind](name, measure.help, labels=['database', *measure.labels])
	for database, found in rows:
		for row in found:
			if row[measure.column] is None:
				continue
			found_family.add_metric([database.name, *(str(row[label]) for label in measure.labels)], float(row[measure.column]))
	return found_family


class Scrape:
	"""The answer to one scrape, in the form that prometheus_client asks for."""

	def __init__(self, databases: list[Database], up: list[bool], seconds: float) -> None:
		self.databases, self.up, self.seconds = databases, up, seconds

	def collect(self) -> list[Metric]:
		"""Return the metrics. A database that is down has none except up."""
		up = GaugeMetricFamily(PREFIX + 'up', 'Whether the database answers.', labels=['database'])
		for database, is_up in zip(self.databases, self.up):
			up.add_metric([database.name], float(is_up))
		living = [database for database, is_up in zip(self.databases, self.up) if is_up]
		found: list[Metric] = [up]
		for measure in MEASURES:
			found.append(family(measure, [(one, one.cache.get(measure.query, (0, []))[1]) for one in living]))
		took = GaugeMetricFamily(PREFIX + 'scrape_seconds', 'How long the console needed for this answer.')
		took.add_metric([], self.seconds)
		return found + [took]


async def show(request: Request) -> Response:
	"""Answer a scrape."""
	databases = request.app.state.databases
	begun = time.perf_counter()
	up = list(await asyncio.gather(*(refresh(database) for database in databases)))
	registry = CollectorRegistry(auto_describe=False)
	registry.register(Scrape(databases, up, time.perf_counter() - begun))
	later = BackgroundTask(refresh_later, databases)
	return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST, background=later)
