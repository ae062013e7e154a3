"""Where the parts of a picture stand: a campaign's life, and the state machine. The templates draw them as SVG."""
import dataclasses
import datetime
from typing import Any

from console.database import Row

WIDTH, MARGIN = 960.0, 12.0
LANE = 26.0
TOP = 64.0


@dataclasses.dataclass
class Life:
	"""The picture of a campaign's life: bars of states, points of timers, marks of time, all in units of the picture."""
	bars: list[dict[str, Any]]
	lanes: list[dict[str, Any]]
	ticks: list[dict[str, Any]]
	now: float | None
	height: float
	# How its times are written: seconds, minutes or days.
	tick_form: str


def plan(state: str, timers: list[Row], transitions: list[Row],
	now: datetime.datetime) -> list[tuple[str, datetime.datetime]]:
	"""Return the states that the waiting timers will bring, with the time of each. An overdue timer acts now."""
	moves = {(row['from_state'], row['timer_type']): row['to_state'] for row in transitions}
	planned = []
	for row in sorted((row for row in timers if row['status'] in ('PENDING', 'RUNNING')), key=lambda row: row['at']):
		if (state, row['name']) in moves:
			state = moves[state, row['name']]
			planned.append((state, max(row['at'], now)))
	return planned


def life(timeline: list[Row], transitions: list[Row], colours: dict[str, str], is_final: bool,
	now: datetime.datetime) -> Life | None:
	"""Place the rows of campaign_timeline(). Return None for a campaign without a state."""
	entered = [row for row in timeline if row['kind'] == 'state']
	timers = [row for row in timeline if row['kind'] == 'timer' and row['at'] is not None]
	if not entered:
		return None
	first = min([entered[0]['at']] + [row['at'] for row in timers])
	planned = [row['at'] for row in timers if row['status'] in ('PENDING', 'RUNNING', 'FAILED')]
	acted = [point_at(row) for row in timers if row['status'] != 'CANCELLED']
	last = max([entered[-1]['at']] + acted + ([] if is_final else [now] + planned))
	span = max((last - first).total_seconds(), 1.0)

	def x(at: datetime.datetime) -> float:
		return round(MARGIN + (WIDTH - 2 * MARGIN) * min(max((at - first).total_seconds() / span, 0), 1), 1)

	def bar(state: str, begins: datetime.datetime, ends: datetime.datetime | None, is_planned: bool) -> dict[str, Any]:
		until = ends or (last if is_final or is_planned else min(max(now, begins), last))
		return {'state': state, 'colour': colours.get(state, 's7'), 'x': x(begins), 'at': begins, 'until': ends,
			'width': max(round(x(until) - x(begins), 1), 3.0), 'is_planned': is_planned}

	bars = [bar(row['name'], row['at'], after['at'] if after else None, False)
		for row, after in zip(entered, entered[1:] + [None])]
	if not is_final and now < last:
		ahead = [(entered[-1]['name'], max(now, entered[-1]['at'])), *plan(entered[-1]['name'], timers, transitions, now)]
		bars += [bar(state, at, after, True) for (state, at), after in zip(ahead, [at for _, at in ahead[1:]] + [None])]
	kinds = list(dict.fromkeys(row['name'] for row in timers))
	lanes = [{'type': kind, 'y': TOP + LANE * number,
		'points': [point(row, x, now) for row in timers if row['name'] == kind]} for number, kind in enumerate(kinds)]
	ticks = [{'x': x(first + (last - first) * part), 'at': first + (last - first) * part, 'anchor': anchor}
		for part, anchor in ((0, 'start'), (0.25, 'middle'), (0.5, 'middle'), (0.75, 'middle'), (1, 'end'))]
	form = 'seconds' if span < 1200 else 'minutes' if span < 72000 else 'days'
	return Life(bars, lanes, ticks, x(now) if first <= now <= last else None, TOP + LANE * len(lanes) + 24, form)


def point_at(row: Row) -> datetime.datetime:
	"""Return when a timer was executed, or for when it is planned."""
	executed = row['detail'].get('executed_at')
	return datetime.datetime.fromisoformat(executed) if executed and 'infinity' not in executed else row['at']


def point(row: Row, x: Any, now: datetime.datetime) -> dict[str, Any]:
	"""Return the point of a timer: done, planned, late, failed, dead or cancelled."""
	status = row['status']
	late = (point_at(row) - row['at']).total_seconds() if status == 'COMPLETED' else (now - row['at']).total_seconds()
	if status == 'COMPLETED':
		kind = 'late' if late > 60 else 'done'
	elif status in ('PENDING', 'RUNNING'):
		kind = 'late' if late > 1 else 'planned'
	else:
		kind = 'cancelled' if status == 'CANCELLED' else 'failed'
	return {'x': x(point_at(row)), 'kind': kind, 'row': row, 'late': late if late > 0 and status != 'CANCELLED' else 0.0}


BOX, GAP, HEIGHT = 132.0, 52.0, 40.0


@dataclasses.dataclass
class Graph:
	"""The picture of the state machine: boxes in a line, ways from one to another."""
	boxes: list[dict[str, Any]]
	ways: list[dict[str, Any]]
	width: float
	height: float


def graph(transitions: list[Row], order: list[str], colours: dict[str, str]) -> Graph:
	"""Place the states in a line. Ways to the next state are straight, others arcs: forward above, backward below."""
	place = {state: number for number, state in enumerate(order)}
	above = max([abs(place[row['to_state']] - place[row['from_state']]) for row in transitions] or [1])
	middle = 40.0 + 34.0 * above
	boxes = [{'state': state, 'x': MARGIN + number * (BOX + GAP), 'y': middle - HEIGHT / 2, 'colour': colours[state]}
		for state, number in place.items()]
	ways = []
	for row in transitions:
		start, end = place[row['from_state']], place[row['to_state']]
		left, right = MARGIN + start * (BOX + GAP), MARGIN + end * (BOX + GAP)
		if end == start + 1:
			path = f'M{left + BOX} {middle} L{right - 3} {middle}'
			at, y = (left + BOX + right) / 2, middle + HEIGHT / 2 + 16
		else:
			side = -1 if end > start else 1
			rise = 26.0 * abs(end - start) + 14
			edge, peak = middle + side * HEIGHT / 2, middle + side * (HEIGHT / 2 + rise)
			from_x, to_x = left + BOX * (0.7 if end > start else 0.3), right + BOX * (0.3 if end > start else 0.7)
			path = f'M{from_x} {edge} C{from_x} {peak}, {to_x} {peak}, {to_x} {edge + side * 3}'
			at, y = (from_x + to_x) / 2, middle + side * (HEIGHT / 2 + 0.75 * rise) + (-5 if side < 0 else 14)
		ways.append({'path': path, 'x': round(at, 1), 'y': round(y, 1), 'label': row['timer_type'] or 'by hand', 'row': row})
	below = any(place[row['to_state']] < place[row['from_state']] for row in transitions)
	height = middle + HEIGHT / 2 + 40 + (34.0 * above if below else 0)
	return Graph(boxes, ways, 2 * MARGIN + len(order) * (BOX + GAP) - GAP, height)
