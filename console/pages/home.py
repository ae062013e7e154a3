"""The list of databases, where there are several."""
import psycopg
from starlette.requests import Request
from starlette.responses import Response

from console import render
from console.database import Database, DatabaseDown, NoExtension, first_line


async def state_of(database: Database) -> dict[str, object]:
	"""Return one line about a database."""
	line: dict[str, object] = {'database': database, 'problem': '', 'facts': None, 'late': []}
	try:
		async with database.transaction() as transaction:
			line['facts'] = transaction.facts
			line['late'] = await transaction.rows("SELECT * FROM campaign_health() WHERE status <> 'ok'")
	except DatabaseDown as error:
		line['problem'] = f'down: {error}'
	except NoExtension:
		line['problem'] = 'no extension campaign_lifecycle'
	except psycopg.Error as error:
		line['problem'] = first_line(error)
	return line


async def show(request: Request, databases: list[Database]) -> Response:
	"""Show each database with what is not ok in it."""
	return render.page(request, 'home.html', lines=[await state_of(database) for database in databases])
