"""A part of a page with rows of its own. Where the role may not read them, or they are not there, the part says so."""
import dataclasses
from collections.abc import Sequence
from typing import Any

import psycopg

from console.database import Facts, Row, Transaction, first_line


@dataclasses.dataclass
class Section:
	"""Rows, or the reason why there are none."""
	rows: list[Row]
	problem: str = ''

	def __bool__(self) -> bool:
		"""Return whether there are rows."""
		return bool(self.rows)


async def section(transaction: Transaction, statement: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> Section:
	"""Return the rows of a statement, or a section that says why it has none."""
	try:
		return Section(await transaction.rows(statement, parameters))
	except psycopg.errors.InsufficientPrivilege as error:
		return Section([], f'The role of the console may not see this: {first_line(error)}.')
	except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction, psycopg.errors.UndefinedColumn):
		return Section([], 'This database does not have it.')
	except psycopg.errors.QueryCanceled:
		return Section([], 'The server took too long to answer.')
	except psycopg.OperationalError:
		raise
	except psycopg.Error as error:
		return Section([], f'{first_line(error)}.')


def in_time(statement: str, facts: Facts) -> str:
	"""Return a statement over upcoming_timers with its order. The view of a node has it, and would sort all rows again."""
	return statement.replace(' LIMIT ', ' ORDER BY u.scheduled_at LIMIT ') if facts.is_router else statement
