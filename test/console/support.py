"""Shared by the tests of the console: databases on the server that PGHOST and PGPORT name, consoles, and what they answer.

test/t/100_console.pl runs the programs of this folder. Each prints a line for each test, ok or not ok.
"""
import http.cookiejar
import os
import re
import signal
import subprocess
import sys
import traceback
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable

import psycopg

PYTHON = '/usr/bin/python3'
EXTENSION_TIMEOUT = 30


def connect(dbname: str, **more: str) -> psycopg.Connection:
	"""Return a connection of a superuser, which commits each statement."""
	return psycopg.connect(dbname=dbname, autocommit=True, **more)


def make_database(name: str, *statements: str) -> str:
	"""Create a database with the extension, run statements in it, and return its name."""
	make_roles()
	with connect('postgres') as server:
		server.execute(f'CREATE DATABASE {name}')
	with connect(name) as database:
		database.execute('CREATE EXTENSION campaign_lifecycle')
		for role, levels in (('console_reader', ('reader',)), ('console_all', ('reader', 'writer', 'operator'))):
			for level in levels:
				database.execute('SELECT grant_campaign_access(%s::text::regrole, %s)', (role, level))
		for statement in statements:
			database.execute(statement)
	return name


def make_roles() -> None:
	"""Create the roles that the consoles connect as, where they are missing."""
	with connect('postgres') as server:
		for role in ('console_reader', 'console_all'):
			if server.execute('SELECT to_regrole(%s) IS NULL', (role,)).fetchone()[0]:
				server.execute(f'CREATE ROLE {role} LOGIN')


def query(dbname: str, statement: str, *parameters: object) -> object:
	"""Return the first value of a statement."""
	with connect(dbname) as database:
		cursor = database.execute(statement, parameters or None)
		row = cursor.fetchone() if cursor.description else None
		return row[0] if row else None


class Console:
	"""A console for some databases."""

	def __init__(self, *databases: str, user: str = 'console_all', options: tuple[str, ...] = ()) -> None:
		self.log = open(os.path.join(os.environ.get('TMPDIR', '/tmp'), f'console-{os.getpid()}-{id(self)}.log'), 'w+')
		self.process = subprocess.Popen([PYTHON, '-m', 'console', '--listen', '127.0.0.1:0', *options, *(f'dbname={name} user={user}' for name in databases)],
			stdout=subprocess.PIPE, stderr=self.log, text=True)
		line = self.process.stdout.readline()
		found = re.search(r'http://\S+/', line)
		if not found:
			self.stop()
			raise AssertionError(f'the console does not start: {self.errors()}')
		self.address = found.group().rstrip('/')
		self.browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

	def errors(self) -> str:
		"""Return the log of the console."""
		self.log.flush()
		with open(self.log.name) as log:
			return log.read()

	def stop(self) -> None:
		"""End the console; a stream that is open does not keep it."""
		if self.process.poll() is None:
			self.process.send_signal(signal.SIGTERM)
			try:
				self.process.wait(10)
			except subprocess.TimeoutExpired:
				self.process.kill()
				raise AssertionError('the console does not end at SIGTERM')

	def __enter__(self) -> 'Console':
		return self

	def __exit__(self, *_: object) -> None:
		self.stop()
		self.log.close()
		os.unlink(self.log.name)

	def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
		"""Return the status and the text of a page."""
		return self.send(urllib.request.Request(self.address + path, headers=headers or {}))

	def post(self, path: str, fields: dict[str, str], headers: dict[str, str] | None = None) -> tuple[int, str]:
		"""Send a form; return the status and the text of the page to which it leads."""
		body = urllib.parse.urlencode(fields).encode()
		return self.send(urllib.request.Request(self.address + path, data=body, headers=headers or {}))

	def send(self, request: urllib.request.Request) -> tuple[int, str]:
		"""Return the status and the text of an answer."""
		try:
			with self.browser.open(request, timeout=20) as answer:
				return answer.status, answer.read().decode()
		except urllib.error.HTTPError as error:
			return error.code, error.read().decode()

	def token(self, path: str) -> str:
		"""Return the token of the form on a page."""
		found = re.search(r'name="token" value="([^"]+)"', self.get(path)[1])
		assert found, f'{path} has no form with a token'
		return found.group(1)


def check(is_right: object, what: str) -> None:
	"""Raise AssertionError unless something holds."""
	if not is_right:
		raise AssertionError(what)


def run(tests: list[Callable[[], None]]) -> None:
	"""Run tests and print a line for each. TESTS chooses by a regular expression. Exit with 1 if one failed."""
	failed = 0
	for test in tests:
		name = (test.__doc__ or test.__name__).splitlines()[0].rstrip('.')
		if not re.search(os.environ.get('TESTS', ''), name):
			continue
		try:
			test()
			print(f'ok {name}', flush=True)
		except Exception:
			failed += 1
			print(f'not ok {name}', flush=True)
			traceback.print_exc()
	sys.exit(1 if failed else 0)
