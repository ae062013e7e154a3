"""Write the configuration of prometheus-sql-exporter from the measures.

    python3 -m console.exporter > monitoring/sql_exporter/campaign_lifecycle.yml

That exporter gives each metric the prefix sql_ and calls all of them gauges. monitoring/prometheus/prometheus.yml takes
the prefix away, so that rules and boards are the same for both.
"""
import json
import textwrap

from console.measures import MEASURES, OFTEN, PREFIX, SELDOM, Measure

HEAD = """\
# Measures of campaign_lifecycle for Debian's prometheus-sql-exporter. Made by `python3 -m console.exporter`: do not
# edit the queries.
#
# Put the connection strings of your databases where it says so, with a role that has the access level reader. Name the
# schema of the extension in search_path where it is not public.
"""

CONNECTIONS = """\
  connections:
  - 'postgres://watcher@/shop?host=/var/run/postgresql&sslmode=disable&search_path=public'
  startup_sql:
  - 'SET default_transaction_read_only = on'
  - 'SET statement_timeout = 5000'
  - 'SET jit = off'
"""

# Counts that end at a limit are to read by indexes.
BY_INDEX = """\
  - 'SET enable_seqscan = off'
  - 'SET enable_bitmapscan = off'
  - 'SET enable_sort = off'
"""

JOBS = (('campaign_lifecycle_counts', OFTEN, True), ('campaign_lifecycle_often', OFTEN, False),
	('campaign_lifecycle_seldom', SELDOM, False))


def entry(name: str, text: str, query: str, labels: tuple[str, ...], value: str) -> str:
	"""Return one query of the configuration."""
	lines = [f'  - name: {PREFIX}{name}', f'    help: {json.dumps(text)}', f'    labels: [{", ".join(labels)}]',
		f'    values: [{value}]', '    allow_zero_rows: true', '    query: |']
	body = textwrap.dedent(query.expandtabs(2)).strip()
	return '\n'.join(lines + ['      ' + line for line in body.splitlines()]) + '\n'


def column_of(measure: Measure) -> str:
	"""Return the query of a measure with its labels and its value, where that is not NULL."""
	if measure.query.count('\n') == 0 or (measure.column == 'value' and 'is_estimate' not in measure.query):
		return measure.query
	columns = ', '.join([f'q.{label}' for label in measure.labels] + [f'q.{measure.column} AS value'])
	return f'SELECT {columns} FROM ({measure.query}) AS q WHERE q.{measure.column} IS NOT NULL'


def entries(measure: Measure) -> list[str]:
	"""Return the queries of a measure. A histogram is three."""
	if measure.kind != 'histogram':
		return [entry(measure.name, measure.help, column_of(measure), measure.labels, 'value')]
	last = "SELECT q.{column} AS value FROM (" + measure.query + ") AS q WHERE q.le = '+Inf'"
	return [entry(measure.name + '_bucket', measure.help, measure.query, measure.labels, 'value'),
		entry(measure.name + '_count', measure.help, last.format(column='value'), (), 'value'),
		entry(measure.name + '_sum', measure.help, last.format(column='total'), (), 'value')]


def configuration() -> str:
	"""Return the whole file."""
	text = HEAD + 'jobs:\n'
	for job, every, by_index in JOBS:
		text += f'- name: {job}\n  interval: {every}s\n' + CONNECTIONS + (BY_INDEX if by_index else '') + '  queries:\n'
		for measure in MEASURES:
			if measure.every == every and measure.by_index == by_index:
				text += ''.join(entries(measure))
	return text


if __name__ == '__main__':
	print(configuration(), end='')
