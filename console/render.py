"""From rows to HTML: the templates, and how times, durations, sizes and JSON read. Templates escape every value."""
import datetime
import json
import math
import pathlib
from typing import Any

import jinja2
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from console import sessions
from console.database import Database, Facts

here = pathlib.Path(__file__).parent
environment = jinja2.Environment(loader=jinja2.FileSystemLoader(here / 'templates'), autoescape=True,
	trim_blocks=True, lstrip_blocks=True)

PAGES = (('now', 'Now'), ('campaigns', 'Campaigns'), ('timers', 'Timers'), ('lifecycle', 'Lifecycle'),
	('upkeep', 'Upkeep'))
UNITS = ((86400, 'd'), (3600, 'h'), (60, 'min'), (1, 's'))


def as_time(value: datetime.datetime | None, form: str = 'full') -> Markup:
	"""Return a <time> that shows UTC; the script turns it into the viewer's zone and keeps UTC as its title."""
	if not isinstance(value, datetime.datetime):
		return Markup('<span class="none">none</span>') if value is None else escape(value)
	utc = value.astimezone(datetime.timezone.utc)
	shown = utc.strftime('%Y-%m-%d %H:%M:%S')
	return Markup('<time datetime="{}" title="{} UTC" data-form="{}">{} UTC</time>').format(
		utc.strftime('%Y-%m-%dT%H:%M:%S.%fZ'), utc.strftime('%Y-%m-%d %H:%M:%S.%f'), form, shown)


def as_duration(value: datetime.timedelta | float | None) -> str:
	"""Return a duration by its two largest units: 3 d 4 h, 5 min 20 s, 1.2 s, 0.8 ms."""
	if value is None:
		return ''
	seconds = value.total_seconds() if isinstance(value, datetime.timedelta) else float(value)
	sign, seconds = ('-' if seconds < 0 else ''), abs(seconds)
	if seconds < 1:
		return f'{sign}{seconds * 1000:.1f} ms'
	if seconds < 10:
		return f'{sign}{seconds:.1f} s'
	words = []
	rest = round(seconds)
	for size, unit in UNITS:
		if rest >= size and len(words) < 2:
			words.append(f'{rest // size} {unit}')
			rest %= size
		elif words:
			break
	return sign + ' '.join(words)


def as_bytes(value: int | None) -> str:
	"""Return a size in bytes with a unit of 1024."""
	if value is None:
		return ''
	if value < 1024:
		return f'{value} B'
	power = min(int(math.log(value, 1024)), 5)
	return f'{value / 1024 ** power:.1f} {"kMGTP"[power - 1]}B'


def as_number(value: Any) -> str:
	"""Return a number with thin groups of three digits."""
	if value is None:
		return ''
	return f'{value:,}'.replace(',', '\u202f')


def as_json(value: Any) -> str:
	"""Return JSON as text, indented where it is long."""
	if value in (None, {}):
		return ''
	text = json.dumps(value, ensure_ascii=False, default=str)
	return text if len(text) <= 60 else json.dumps(value, ensure_ascii=False, indent=2, default=str)


environment.filters.update(time=as_time, duration=as_duration, bytes=as_bytes, number=as_number, json=as_json)


def news(request: Request) -> list[tuple[str, list[str]]]:
	"""Return the messages that a page shows once. A page that is fetched for its live parts leaves them to the next."""
	if request.headers.get('x-live'):
		return []
	return request.app.state.sessions.news(getattr(request.state, 'session_id', None))


def page(request: Request, template: str, status: int = 200, database: Database | None = None,
	facts: Facts | None = None, **context: Any) -> HTMLResponse:
	"""Return a page, with what every page shows: databases, the way around, who is logged in."""
	state = request.app.state
	html = environment.get_template(template).render(
		request=request, database=database, databases=state.databases, facts=facts, pages=PAGES,
		here=request.url.path.split('/')[2] if database and request.url.path.count('/') >= 2 else '',
		user=getattr(request.state, 'user', None), can_log_out=state.options.password_file is not None,
		token=sessions.token(request), news=news(request), **context)
	return HTMLResponse(html, status_code=status)
