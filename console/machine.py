"""The state machine as its table has it: which states there are, in the order of a campaign's life."""
from console.database import Row, Transaction

TRANSITIONS = """
	SELECT m.from_state::text AS from_state, m.to_state::text AS to_state, m.timer_type::text AS timer_type, m.priority
	FROM campaign_state_transitions AS m ORDER BY m.from_state, m.priority, m.to_state
"""


def in_order(transitions: list[Row], more: list[str] | None = None) -> list[str]:
	"""Return the states by the longest way from the first one. A cycle ends a way; lone states come last."""
	following: dict[str, list[str]] = {}
	for row in transitions:
		following.setdefault(row['from_state'], []).append(row['to_state'])
		following.setdefault(row['to_state'], [])
	reached = {row['to_state'] for row in transitions}
	first = [state for state in following if state not in reached] or list(following)[:1]
	depth: dict[str, int] = {}

	def visit(state: str, level: int, way: tuple[str, ...]) -> None:
		if state in way or depth.get(state, -1) >= level or level > len(following):
			return
		depth[state] = level
		for after in following[state]:
			visit(after, level + 1, way + (state,))

	for state in first:
		visit(state, 0, ())
	found = sorted(depth, key=lambda state: (depth[state], state))
	rest = [state for state in following if state not in depth] + sorted(set(more or ()) - set(following))
	return found + rest


async def transitions(transaction: Transaction) -> list[Row]:
	"""Return the rows of the state machine."""
	return await transaction.rows(TRANSITIONS)


def colours(states: list[str]) -> dict[str, str]:
	"""Return a class of the style sheet for each state."""
	return {state: f's{min(number, 7)}' for number, state in enumerate(states)}
