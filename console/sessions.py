"""Sessions of browsers: a cookie that scripts cannot read and other sites cannot send, and the token of each form.

A session lives in the memory of the process, so a restart ends it. Where there is no login, a session proves only that
a form came from a page of ours.
"""
import dataclasses
import hashlib
import hmac
import secrets
import time

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

LIFETIME = 12 * 3600.0
MOST_SESSIONS = 10000


@dataclasses.dataclass
class Session:
	"""A browser that has seen a page, and who uses it, if there is a login."""
	user: str | None
	seen: float
	# The next page says this, once.
	news: list[tuple[str, list[str]]] = dataclasses.field(default_factory=list)


class Sessions:
	"""All sessions. The oldest goes when there are too many."""

	def __init__(self) -> None:
		self._secret = secrets.token_bytes(32)
		self._sessions: dict[str, Session] = {}

	def start(self, user: str | None) -> str:
		"""Begin a session and return its id."""
		now = time.monotonic()
		while len(self._sessions) >= MOST_SESSIONS:
			del self._sessions[next(iter(self._sessions))]
		session_id = secrets.token_urlsafe(32)
		self._sessions[session_id] = Session(user, now)
		return session_id

	def find(self, session_id: str | None) -> Session | None:
		"""Return the session of this id, unless it has ended."""
		session = self._sessions.get(session_id or '')
		if session is None:
			return None
		now = time.monotonic()
		if now - session.seen > LIFETIME:
			self.end(session_id)
			return None
		session.seen = now
		return session

	def end(self, session_id: str | None) -> None:
		"""Forget a session."""
		self._sessions.pop(session_id or '', None)

	def tell(self, session_id: str, title: str, notices: list[str]) -> None:
		"""Keep a message for the next page."""
		session = self.find(session_id)
		if session:
			session.news.append((title, notices))

	def news(self, session_id: str | None) -> list[tuple[str, list[str]]]:
		"""Return the messages for this page, once."""
		session = self.find(session_id)
		if session is None:
			return []
		found, session.news = session.news, []
		return found

	def token(self, session_id: str) -> str:
		"""Return the token that forms of this session carry."""
		return hmac.new(self._secret, session_id.encode(), hashlib.sha256).hexdigest()

	def is_token(self, session_id: str, token: str) -> bool:
		"""Return whether the token is that of the session."""
		return hmac.compare_digest(self.token(session_id).encode(), token.encode())


def cookie_name(connection: HTTPConnection) -> str:
	"""Return the name of the cookie. A browser keeps one jar for all ports of a host, so the port is in the name."""
	return f'campaign_console_{connection.url.port or ""}'


def id_of(connection: HTTPConnection) -> str | None:
	"""Return the id in the cookie of a request."""
	return connection.cookies.get(cookie_name(connection))


def token(request: Request) -> str:
	"""Return the token for the forms of a page; ensure() has begun the session."""
	session_id = getattr(request.state, 'session_id', None)
	return request.app.state.sessions.token(session_id) if session_id else ''


def set_cookie(response: Response, connection: HTTPConnection, session_id: str, is_secure: bool) -> None:
	"""Send the cookie of a session."""
	response.set_cookie(cookie_name(connection), session_id, httponly=True, samesite='strict', secure=is_secure, path='/')
