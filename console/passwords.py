"""The password file of --auth: a line NAME:HASH for each user. Hashes are of scrypt, or of argon2 by python3-argon2."""
import base64
import hashlib
import hmac
import pathlib
import secrets

N, R, P = 2 ** 15, 8, 1
MEMORY = 128 * 2 ** 20


def scrypt_hash(password: str) -> str:
	"""Return a new hash of a password, in the form that the password file has."""
	salt = secrets.token_bytes(16)
	digest = hashlib.scrypt(password.encode(), salt=salt, n=N, r=R, p=P, maxmem=MEMORY)
	return f'$scrypt$n={N},r={R},p={P}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}'


def is_password(password: str, stored: str) -> bool:
	"""Return whether a password is that of a hash; false for a hash of another kind."""
	if stored.startswith('$argon2'):
		return _is_argon2(password, stored)
	try:
		_, kind, parameters, salt, digest = stored.split('$')
		if kind != 'scrypt':
			return False
		cost = {key: int(value) for key, value in (part.split('=') for part in parameters.split(','))}
		expected = base64.b64decode(digest)
		found = hashlib.scrypt(password.encode(), salt=base64.b64decode(salt), n=cost['n'], r=cost['r'], p=cost['p'],
			maxmem=MEMORY, dklen=len(expected))
	except (ValueError, KeyError):
		return False
	return hmac.compare_digest(found, expected)


def _is_argon2(password: str, stored: str) -> bool:
	try:
		import argon2
	except ImportError:
		return False
	try:
		return argon2.PasswordHasher().verify(stored, password)
	except argon2.exceptions.Argon2Error:
		return False
	except argon2.exceptions.InvalidHash:
		return False


class PasswordFile:
	"""The users of a file, which is read again when it has changed."""

	def __init__(self, path: str) -> None:
		self.path = pathlib.Path(path)
		self._changed = 0.0
		self._hashes: dict[str, str] = {}
		# The password of an unknown user is compared with this one, so that the answer takes as long.
		self._nobody = scrypt_hash(secrets.token_urlsafe())
		self.read()

	def read(self) -> None:
		"""Read the file; raise ValueError for a line that is none of NAME:HASH, and OSError."""
		hashes = {}
		for number, line in enumerate(self.path.read_text(encoding='utf-8').splitlines(), 1):
			line = line.strip()
			if not line or line.startswith('#'):
				continue
			name, colon, stored = line.partition(':')
			if not name or not colon or not stored.startswith(('$scrypt$', '$argon2')):
				raise ValueError(f'{self.path}, line {number}: expected NAME:HASH with a hash of scrypt or argon2')
			hashes[name] = stored
		self._hashes = hashes
		self._changed = self.path.stat().st_mtime

	def is_user(self, name: str, password: str) -> bool:
		"""Return whether the file has a user of this name and password."""
		if self.path.stat().st_mtime != self._changed:
			self.read()
		stored = self._hashes.get(name)
		return is_password(password, stored or self._nobody) and stored is not None
