"""The command line of the console. Off loopback, it refuses to start without --auth."""
import argparse
import dataclasses
import getpass
import ipaddress
import os

USAGE = """%(prog)s [OPTION...] [CONNINFO...]
       %(prog)s --hash"""

DESCRIPTION = """Show campaigns, timers and workers of one or more databases on a web page. A CONNINFO is a connection
string of libpq, such as "host=db1 dbname=shop user=watcher", a URL postgresql://..., or service=NAME. Without one, the
variables PGHOST, PGDATABASE and so on hold. Give the role the level reader, and writer or operator for buttons."""


@dataclasses.dataclass(frozen=True)
class Options:
	"""The options of the command line."""
	host: str
	port: int
	conninfos: tuple[str, ...]
	names: tuple[str, ...]
	# The names by which it may be asked for; empty: any, where it listens on every address.
	hosts: frozenset[str]
	password_file: str | None
	user_header: str | None
	proxy: str | None
	secure_cookie: bool
	read_only: bool
	default_user: str


def address(text: str) -> tuple[str, int]:
	"""Split ADDRESS:PORT; an IPv6 address stands in brackets."""
	host, colon, port = text.rpartition(':')
	if not colon or not port.isdigit() or int(port) > 65535:
		raise argparse.ArgumentTypeError(f'not ADDRESS:PORT: {text}')
	return host.strip('[]') or '127.0.0.1', int(port)


def is_loopback(host: str) -> bool:
	"""Return whether only this machine can reach the address."""
	if host == 'localhost':
		return True
	try:
		return ipaddress.ip_address(host).is_loopback
	except ValueError:
		return False


def parser() -> argparse.ArgumentParser:
	"""Return the parser of the command line."""
	command = os.environ.get('CONSOLE_COMMAND', 'python3 -m console')
	found = argparse.ArgumentParser(prog=command, usage=USAGE, description=DESCRIPTION)
	found.add_argument('conninfos', metavar='CONNINFO', nargs='*', help='a database; several are shown side by side')
	found.add_argument('--listen', metavar='ADDRESS:PORT', type=address, default=('127.0.0.1', 8765),
		help='where to listen (127.0.0.1:8765); port 0 takes a free one')
	found.add_argument('--auth', metavar='FILE|header:NAME@ADDRESS',
		help='who may look: a password file, whose lines --hash makes, or the user that the reverse proxy at ADDRESS '
			'names in a header')
	found.add_argument('--host', metavar='NAME', action='append', default=[],
		help='a name under which browsers reach the console, besides the address it listens on')
	found.add_argument('--https', action='store_true', help='browsers reach the console by https only, through a proxy')
	found.add_argument('--read-only', action='store_true', help='show no buttons, and refuse every change')
	found.add_argument('--name', metavar='NAME', action='append', default=[],
		help='a name for the first, second, ... database')
	found.add_argument('--hash', action='store_true',
		help='ask for a name and a password, print the line for the password file, and exit')
	return found


def parse(arguments: list[str]) -> Options | None:
	"""Return the options, or None for --hash; exit with a message if they do not go together."""
	it = parser()
	given = it.parse_args(arguments)
	if given.hash:
		return None
	host, port = given.listen
	password_file = user_header = proxy = None
	if given.auth and given.auth.startswith('header:'):
		user_header, at, proxy = given.auth[len('header:'):].partition('@')
		if not user_header or not at or not proxy:
			it.error('--auth header:NAME@ADDRESS names a header and the address of the proxy that sets it')
	elif given.auth:
		password_file = given.auth
	if not is_loopback(host) and not given.auth:
		it.error(f'{host} is not a loopback address, and others could press the buttons: --auth says who may')
	if len(given.name) > max(1, len(given.conninfos)):
		it.error('more names than databases')
	hosts = set(given.host)
	if is_loopback(host):
		hosts |= {'localhost', '127.0.0.1', '::1', host}
	elif host not in ('0.0.0.0', '::'):
		hosts.add(host)
	return Options(host, port, tuple(given.conninfos or ['']), tuple(given.name), frozenset(hosts), password_file,
		user_header.lower() if user_header else None, proxy, given.https, given.read_only, getpass.getuser())
