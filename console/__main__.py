"""Start the console: script/console runs this. --hash prints a line for the password file instead."""
import getpass
import logging
import signal
import socket
import sys
from types import FrameType

import psycopg
import uvicorn

from console.app import application
from console.database import Database, with_slugs
from console.options import Options, parse
from console.passwords import scrypt_hash


class Server(uvicorn.Server):
	"""uvicorn's server, which ends the streams of browsers first, because it would wait for them."""

	def handle_exit(self, sig: signal.Signals, frame: FrameType | None) -> None:
		"""Stop at a signal."""
		self.config.app.state.streams.stop()
		super().handle_exit(sig, frame)


def hash_password() -> int:
	"""Ask for a name and a password, and print the line for the password file."""
	name = input('Name: ').strip() if sys.stdin.isatty() else sys.stdin.readline().strip()
	password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip('\n')
	if not name or ':' in name or not password:
		print('A name without a colon and a password are needed.', file=sys.stderr)
		return 1
	print(f'{name}:{scrypt_hash(password)}')
	return 0


def listen(options: Options) -> socket.socket:
	"""Return a socket that is bound to the address."""
	family = socket.AF_INET6 if ':' in options.host else socket.AF_INET
	bound = socket.socket(family, socket.SOCK_STREAM)
	bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
	bound.bind((options.host, options.port))
	# A program that has read the address may connect at once.
	bound.listen(128)
	return bound


def main() -> int:
	"""Run the console until a signal ends it."""
	options = parse(sys.argv[1:])
	if options is None:
		return hash_password()
	logging.basicConfig(level=logging.INFO, format='%(asctime)s %(name)s: %(message)s')
	try:
		databases = with_slugs([Database(conninfo, name) for conninfo, name in
			zip(options.conninfos, options.names + ('',) * len(options.conninfos))])
		app = application(options, databases)
		bound = listen(options)
	except (OSError, ValueError, psycopg.Error) as error:
		print(f'console: {error}', file=sys.stderr)
		return 1
	config = uvicorn.Config(app, log_level='warning', access_log=False, proxy_headers=False, server_header=False,
		lifespan='on', timeout_keep_alive=30)
	host, port = bound.getsockname()[:2]
	print(f'console: http://{"[" + host + "]" if ":" in host else host}:{port}/', flush=True)
	Server(config).run(sockets=[bound])
	return 0


sys.exit(main())
