"""The application: which address leads to which page, and how an error looks."""
import contextlib
import pathlib
from collections.abc import AsyncIterator, Awaitable, Callable

import psycopg
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from console import actions, live, login, metrics, render
from console.database import Database, DatabaseDown, NoExtension, first_line
from console.options import Options
from console.pages import campaign, campaigns, home, lifecycle, now, timers, upkeep
from console.passwords import PasswordFile
from console.security import Guard, Refused
from console.sessions import Sessions

Page = Callable[[Request, Database], Awaitable[Response]]

CHART = pathlib.Path('/usr/share/javascript/chart.js')


def of_database(page: Page) -> Callable[[Request], Awaitable[Response]]:
	"""Give a page the database that its address names, and turn the errors of the database into pages."""
	async def found(request: Request) -> Response:
		slug = request.path_params['database']
		database = next((one for one in request.app.state.databases if one.slug == slug), None)
		if database is None:
			raise HTTPException(404, 'The console knows no database of this name.')
		try:
			return await page(request, database)
		except DatabaseDown as error:
			response = render.page(request, 'down.html', 503, database=database, problem=str(error), since=database.down_since)
			response.headers['Refresh'] = '5'
			return response
		except NoExtension:
			return render.page(request, 'error.html', 404, database=database, title='No campaigns here',
				problem='This database has no extension campaign_lifecycle.', hint='CREATE EXTENSION campaign_lifecycle')
		except psycopg.errors.QueryCanceled as error:
			return render.page(request, 'error.html', 503, database=database, title='It took too long',
				problem=first_line(error), hint='Narrow the search, or see whether the server is busy.')
		except psycopg.errors.InsufficientPrivilege as error:
			return render.page(request, 'error.html', 403, database=database, title='Not allowed', problem=first_line(error),
				hint="SELECT grant_campaign_access('ROLE', 'reader'), with the role of the console, as the owner of the tables")
		except psycopg.Error as error:
			return render.page(request, 'error.html', 500, database=database, title='The database raised an error',
				problem=first_line(error), hint=error.sqlstate or '')
	return found


async def http_error(request: Request, error: Exception) -> Response:
	"""Show an error of the address or of the form."""
	status = getattr(error, 'status_code', 400)
	return render.page(request, 'error.html', status, title='Not found' if status == 404 else 'Not done',
		problem=str(getattr(error, 'detail', error)), hint='')


async def crash(request: Request, _: Exception) -> Response:
	"""Show that the console has a fault; its log has the rest."""
	return render.page(request, 'error.html', 500, title='The console has failed', problem='Its log says where.', hint='')


async def root(request: Request) -> Response:
	"""Lead to the only database, or list them."""
	databases = request.app.state.databases
	if len(databases) == 1:
		return RedirectResponse(f'/{databases[0].slug}/now', 303)
	return await home.show(request, databases)


async def database_root(request: Request, database: Database) -> Response:
	"""Lead to the first page of a database."""
	return RedirectResponse(f'/{database.slug}/now', 303)


def routes() -> list[Route | Mount]:
	"""Return the addresses. Pages of a database come last, because they begin with its name."""
	def of(path: str, page: Page, methods: tuple[str, ...] = ('GET',)) -> Route:
		return Route('/{database}' + path, of_database(page), methods=list(methods))
	return [
		Route('/', root),
		Route('/login', login.show),
		Route('/login', login.log_in, methods=['POST']),
		Route('/logout', login.log_out, methods=['POST']),
		Route('/metrics', metrics.show),
		Mount('/static/chart.js', StaticFiles(directory=CHART, check_dir=False)),
		Mount('/static', StaticFiles(directory=render.here / 'static')),
		of('', database_root),
		of('/now', now.show),
		of('/campaigns', campaigns.show),
		of('/campaign/{id:uuid}', campaign.show),
		of('/campaign/{id:uuid}/{action}', actions.of_campaign, ('GET', 'POST')),
		of('/timers', timers.show),
		of('/lifecycle', lifecycle.show),
		of('/upkeep', upkeep.show),
		of('/do/{action}', actions.of_database, ('GET', 'POST')),
		of('/events', live.stream),
	]


def application(options: Options, databases: list[Database]) -> Starlette:
	"""Return the application for these databases."""
	passwords = PasswordFile(options.password_file) if options.password_file else None
	known = Sessions()

	@contextlib.asynccontextmanager
	async def lifespan(_: Starlette) -> AsyncIterator[None]:
		yield
		for database in databases:
			await database.close()

	app = Starlette(routes=routes(), lifespan=lifespan,
		exception_handlers={HTTPException: http_error, Refused: http_error, 404: http_error, Exception: crash},
		middleware=[Middleware(Guard, options=options, known=known, passwords=passwords)])
	app.state.options = options
	app.state.databases = databases
	app.state.sessions = known
	app.state.passwords = passwords
	app.state.streams = live.Streams(databases)
	return app
