"""The guard before every page: which host was asked for, who asks, from which site, and the headers of every answer.

A page of another site can send the browser here. It cannot read the answer, and a change needs the cookie
(SameSite=Strict), the token of the form, and an origin that is ours.
"""
import base64
import binascii
import urllib.parse

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console import sessions
from console.options import Options, is_loopback
from console.passwords import PasswordFile
from console.sessions import Sessions

HEADERS = {
	'Content-Security-Policy': "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	'X-Content-Type-Options': 'nosniff',
	'X-Frame-Options': 'DENY',
	'Referrer-Policy': 'same-origin',
	'Cross-Origin-Opener-Policy': 'same-origin',
	'Cross-Origin-Resource-Policy': 'same-origin',
}
PUBLIC = ('/login', '/static/')
MOST_FORM_BYTES = 64 * 1024


class Refused(Exception):
	"""A form that is not from a page of ours."""


class Guard:
	"""ASGI middleware. It sets request.state.user and request.state.session_id for what comes after."""

	def __init__(self, app: ASGIApp, options: Options, known: Sessions, passwords: PasswordFile | None) -> None:
		self.app = app
		self.options = options
		self.known = known
		self.passwords = passwords

	async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
		"""Let a request pass, or answer it."""
		if scope['type'] != 'http':
			await self.app(scope, receive, send)
			return
		request = Request(scope, receive)
		fresh: str | None = None
		answer = self._wrong_host(request) or self._foreign(request)
		if answer is None:
			fresh, answer = await self._who(request)

		async def guarded_send(message: Message) -> None:
			if message['type'] == 'http.response.start':
				headers = MutableHeaders(scope=message)
				for name, value in HEADERS.items():
					headers[name] = value
				headers.setdefault('Cache-Control', 'no-store')
				if fresh is not None:
					response = Response()
					sessions.set_cookie(response, request, fresh, self.options.secure_cookie)
					headers.append('Set-Cookie', response.headers['set-cookie'])
			await send(message)

		await (answer or self.app)(scope, receive, guarded_send)

	def _wrong_host(self, request: Request) -> Response | None:
		"""Refuse a name that is not ours: a page whose name was made to point here would be of the same site."""
		if self.options.hosts and (request.url.hostname or '') not in self.options.hosts:
			return PlainTextResponse('This name is not among those of the console: see --host.\n', 421)
		return None

	def _foreign(self, request: Request) -> Response | None:
		if request.method in ('GET', 'HEAD'):
			return None
		origin = request.headers.get('origin')
		own = origin is None or urllib.parse.urlsplit(origin).netloc == request.headers.get('host')
		if not own or request.headers.get('sec-fetch-site', 'same-origin') not in ('same-origin', 'none'):
			return PlainTextResponse('This form was sent from another site.\n', 403)
		return None

	async def _who(self, request: Request) -> tuple[str | None, Response | None]:
		"""Find out who asks. Return the id of a new session, if one begins, and an answer for who may not pass."""
		request.state.user = None
		path = request.url.path
		session_id = sessions.id_of(request)
		session = self.known.find(session_id)
		if self.options.user_header:
			return self._by_header(request, session_id if session else None)
		if self.passwords:
			user = session.user if session else None
			if user is None and path == '/metrics':
				user = await self._basic(request)
				if user is None:
					return None, PlainTextResponse('A name and a password are needed.\n', 401,
						{'WWW-Authenticate': 'Basic realm="console"'})
			if user is None and not path.startswith(PUBLIC):
				return None, RedirectResponse('/login?' + urllib.parse.urlencode({'to': path}), 303)
			request.state.user = user
		else:
			request.state.user = self.options.default_user
		return self._session_for(request, session_id if session else None)

	def _session_for(self, request: Request, session_id: str | None) -> tuple[str | None, None]:
		fresh = None
		if session_id is None and not request.url.path.startswith(('/static/', '/metrics')):
			session_id = fresh = self.known.start(request.state.user)
		request.state.session_id = session_id
		return fresh, None

	def _by_header(self, request: Request, session_id: str | None) -> tuple[str | None, Response | None]:
		peer = request.client.host if request.client else ''
		user = request.headers.get(self.options.user_header or '', '').strip()
		trusted = peer == self.options.proxy or (self.options.proxy == 'localhost' and is_loopback(peer))
		if not trusted or not user:
			return None, PlainTextResponse('The proxy of --auth names no user.\n', 403)
		request.state.user = user[:200]
		return self._session_for(request, session_id)

	async def _basic(self, request: Request) -> str | None:
		"""Return the user of HTTP's basic authentication, which Prometheus sends."""
		kind, _, encoded = request.headers.get('authorization', '').partition(' ')
		if kind.lower() != 'basic' or self.passwords is None:
			return None
		try:
			name, _, password = base64.b64decode(encoded, validate=True).decode().partition(':')
		except (binascii.Error, UnicodeDecodeError):
			return None
		return name if await run_in_threadpool(self.passwords.is_user, name, password) else None


async def form_of(request: Request) -> dict[str, str]:
	"""Return the fields of a form that a page of ours has sent; raise Refused for any other."""
	body = b''
	async for chunk in request.stream():
		body += chunk
		if len(body) > MOST_FORM_BYTES:
			raise Refused('The form is too long.')
	try:
		fields = dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body),
			max_num_fields=50))
	except ValueError as error:
		raise Refused('The form cannot be read.') from error
	session_id = getattr(request.state, 'session_id', None)
	if not session_id or not request.app.state.sessions.is_token(session_id, fields.pop('token', '')):
		raise Refused('The form is not from a page of this session. Open the page again.')
	return fields
