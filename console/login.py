"""Logging in with a name of the password file, and out. Who guesses is slowed down."""
import time

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console import render, sessions
from console.security import form_of

# Failures of an address within this time before it must wait.
MOST_FAILURES, WITHIN = 5, 60.0
failures: dict[str, list[float]] = {}


def recent_failures(address: str) -> int:
	"""Return how often this address has failed within the last minute."""
	now = time.monotonic()
	kept = [at for at in failures.get(address, []) if now - at < WITHIN]
	failures[address] = kept
	if len(failures) > 10000:
		failures.clear()
	return len(kept)


def local_path(path: str) -> str:
	"""Return a path of ours, so that no form sends the browser elsewhere."""
	return path if path.startswith('/') and not path.startswith('//') and '\\' not in path else '/'


async def show(request: Request) -> Response:
	"""Show the form."""
	return render.page(request, 'login.html', problem=None, to=local_path(request.query_params.get('to', '/')))


async def log_in(request: Request) -> Response:
	"""Begin a session of a user. The former session ends, so that nobody can plant one."""
	fields = await form_of(request)
	to = local_path(fields.get('to', '/'))
	address = request.client.host if request.client else ''
	passwords = request.app.state.passwords
	if passwords is None:
		return RedirectResponse('/', 303)
	if recent_failures(address) >= MOST_FAILURES:
		return render.page(request, 'login.html', 429, problem='Too many attempts. Wait a minute.', to=to)
	name = fields.get('name', '')
	if not await run_in_threadpool(passwords.is_user, name, fields.get('password', '')):
		failures.setdefault(address, []).append(time.monotonic())
		return render.page(request, 'login.html', 401, problem='This name and this password do not belong together.', to=to)
	known = request.app.state.sessions
	known.end(sessions.id_of(request))
	response = RedirectResponse(to, 303)
	sessions.set_cookie(response, request, known.start(name), request.app.state.options.secure_cookie)
	return response


async def log_out(request: Request) -> Response:
	"""End the session."""
	await form_of(request)
	request.app.state.sessions.end(sessions.id_of(request))
	response = RedirectResponse('/login', 303)
	response.delete_cookie(sessions.cookie_name(request))
	return response
