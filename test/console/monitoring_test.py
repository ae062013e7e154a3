"""Metrics, the exporter's file, alerts and the board for Grafana, against a real database and Debian's Prometheus."""
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request

from support import Console, check, connect, make_database, query, run

from console import exporter, measures

BOARD = 'monitoring/grafana/campaign_lifecycle.json'
RULES = 'monitoring/prometheus/rules.yml'
work = tempfile.mkdtemp()
console: Console


def free_port() -> int:
	"""Return a port that nobody listens on."""
	with socket.socket() as found:
		found.bind(('127.0.0.1', 0))
		return found.getsockname()[1]


def promtool(*arguments: str, text: str = '') -> tuple[bool, str]:
	"""Run promtool and return whether it is content, and what it says."""
	done = subprocess.run(['promtool', *arguments], input=text, capture_output=True, text=True)
	return done.returncode == 0, done.stdout + done.stderr


def samples(text: str) -> dict[str, float]:
	"""Return the samples of a scrape by name and labels."""
	return {name: float(value) for name, value in re.findall(r'^(\w+(?:\{.*\})?) (\S+)$', text, re.M)}


def fetch(address: str) -> str:
	"""Return what an address answers."""
	with urllib.request.urlopen(address, timeout=10) as answer:
		return answer.read().decode()


def current() -> None:
	"""the file for prometheus-sql-exporter is the one that the measures make"""
	with open('monitoring/sql_exporter/campaign_lifecycle.yml', encoding='utf-8') as file:
		check(file.read() == exporter.configuration(), 'run python3 -m console.exporter > monitoring/sql_exporter/campaign_lifecycle.yml')


def format_is_right() -> None:
	"""promtool finds no fault in /metrics, nor in the rules; each alert has a summary and says what to do"""
	status, text = console.get('/metrics')
	right, said = promtool('check', 'metrics', text=text)
	check(status == 200 and right and not said.strip(), said)
	right, said = promtool('check', 'rules', RULES)
	check(right, said)
	with open(RULES, encoding='utf-8') as file:
		alerts = file.read().split('- alert: ')[1:]
	check(len(alerts) >= 10, 'there are alerts')
	for alert in alerts:
		check('summary: ' in alert and 'description: ' in alert and 'severity: ' in alert, f'{alert.split()[0]} does not say what to do')
	with open('monitoring/prometheus/rules_test.yml', encoding='utf-8') as file:
		tested = set(re.findall(r'^- name: (\w+)', file.read(), re.M))
	check({alert.split()[0] for alert in alerts} == tested - {'none'}, 'each alert is tested')
	with open('docs/monitoring.md', encoding='utf-8') as file:
		text = file.read()
	for name in [alert.split()[0] for alert in alerts] + [measure.name for measure in measures.MEASURES]:
		check(name in text, f'docs/monitoring.md does not have {name}')


def rules() -> None:
	"""each alert fires with the series of its test, and not before its time"""
	right, said = promtool('test', 'rules', 'monitoring/prometheus/rules_test.yml')
	check(right, said)


def firing(text: str) -> set[str]:
	"""Return the alerts that fire when a scrape stays the same for two hours. promtool says which it got where none is expected."""
	series = [{'series': name, 'values': f'{value}+0x150'} for name, value in samples(text).items() if 'scrape' not in name and value == value]
	path = os.path.join(work, 'state.json')
	with open(path, 'w', encoding='utf-8') as file:
		json.dump({'rule_files': [os.path.abspath(RULES)], 'evaluation_interval': '1m', 'tests': [{'interval': '1m', 'input_series': series,
			'promql_expr_test': [{'expr': 'count by (alertname) (ALERTS{alertstate="firing"})', 'eval_time': '2h', 'exp_samples': []}]}]}, file)
	right, said = promtool('test', 'rules', path)
	found = set(re.findall(r'alertname="(\w+)"', said.partition('got:')[2]))
	check(right or found, said)
	return found


def fresh() -> str:
	"""Return what a new console answers, which has asked for everything."""
	with Console('monitored') as asked:
		return asked.get('/metrics')[1]


def alerts() -> None:
	"""no alert fires for a database that is well; one fires for a dead timer, for missing partitions, and for a stopped worker"""
	check(firing(fresh()) <= {'CampaignHealthWarning', 'CampaignHealthCritical'}, f'well: {firing(fresh())}')
	with connect('monitored') as database:
		database.execute("""INSERT INTO campaign_timers (campaign_id, timer_type, status, retry_count, scheduled_at)
			SELECT id, 'EXPIRE_CAMPAIGN', 'FAILED', 5, now() + interval '2 hours' FROM campaigns LIMIT 1""")
		database.execute("""DO $$ DECLARE p regclass; BEGIN
			FOR p IN SELECT inhrelid FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid WHERE i.inhparent = 'campaign_state_log'::regclass
				AND substring(pg_get_expr(c.relpartbound, c.oid) FROM 'FROM \\(''([^'']+)')::timestamptz > now() LOOP EXECUTE format('DROP TABLE %s', p); END LOOP; END $$""")
		database.execute('SELECT pause_timers()')
	found = firing(fresh())
	check({'CampaignTimersDead', 'CampaignPartitionsMissing'} <= found, f'ill: {found}')
	with connect('monitored') as database:
		database.execute('SELECT resume_timers()')
	data = os.environ['PGDATA']
	with open(os.path.join(data, 'postgresql.auto.conf'), 'a', encoding='utf-8') as file:
		file.write("shared_preload_libraries = ''\n")
	subprocess.run(['pg_ctl', '-D', data, '-m', 'fast', '-w', '-l', os.path.join(work, 'again.log'), 'restart'], check=True, stdout=subprocess.DEVNULL)
	check('CampaignWorkerMissing' in firing(fresh()), 'a server without workers')


def exported() -> None:
	"""prometheus-sql-exporter has the names and values of the console"""
	port = free_port()
	url = f'postgres://console_reader@/monitored?host={urllib.parse.quote(os.environ["PGHOST"], safe="")}&port={os.environ["PGPORT"]}&sslmode=disable'
	text = re.sub(r"'postgres://[^']*'", f"'{url}'", exporter.configuration())
	path = os.path.join(work, 'exporter.yml')
	with open(path, 'w', encoding='utf-8') as file:
		file.write(text)
	log = open(os.path.join(work, 'exporter.log'), 'w+')
	process = subprocess.Popen(['prometheus-sql-exporter', f'-config.file={path}', f'-web.listen-address=127.0.0.1:{port}'], stdout=log, stderr=log)
	try:
		expected = {name: value for name, value in samples(fresh()).items() if name.startswith('campaign_lifecycle_') and '_seconds' not in name and '_up{database' not in name
			and 'total' not in name}
		found: dict[str, float] = {}
		deadline = time.monotonic() + 20
		while time.monotonic() < deadline and not set(expected) <= set(found):
			time.sleep(0.3)
			try:
				found = {}
				for name, value in samples(fetch(f'http://127.0.0.1:{port}/metrics')).items():
					if name.startswith('sql_campaign'):
						kept = sorted(part for part in re.findall(r'(\w+="[^"]*")', name) if not re.match('sql_job|driver|host|user|col', part))
						found[name.removeprefix('sql_').partition('{')[0] + ('{' + ','.join(kept) + '}' if kept else '')] = value
			except OSError:
				continue
		log.flush()
		with open(log.name) as said:
			check(set(expected) <= set(found), f'missing: {set(expected) - set(found)}; {said.read()[-2000:]}')
		check({name: found[name] for name in expected} == expected, f'other values: {[(name, expected[name], found[name]) for name in expected if found[name] != expected[name]]}')
		check('campaign_lifecycle_lateness_seconds_bucket{database="monitored",le="+Inf"}' in found, f'lateness: {sorted(found)}')
	finally:
		process.kill()
		process.wait()


def is_panel(panel: dict) -> None:
	"""Raise AssertionError unless a panel has what the types of Grafana's schema ask for."""
	where = panel['title']
	check(isinstance(panel['id'], int) and panel['type'] in ('stat', 'timeseries'), where)
	grid = panel['gridPos']
	check(set(grid) == {'x', 'y', 'w', 'h'} and 0 <= grid['x'] and 0 < grid['w'] and grid['x'] + grid['w'] <= 24 and grid['h'] > 0, f'{where}: {grid}')
	for source in (panel['datasource'], *(target['datasource'] for target in panel['targets'])):
		check(source == {'type': 'prometheus', 'uid': '${datasource}'}, f'{where}: {source}')
	references = [target['refId'] for target in panel['targets']]
	check(references and len(set(references)) == len(references), f'{where}: {references}')
	defaults = panel['fieldConfig']['defaults']
	check(isinstance(panel['fieldConfig']['overrides'], list) and isinstance(defaults['unit'], str), where)
	check(defaults['color']['mode'] in ('thresholds', 'palette-classic') and defaults['thresholds']['mode'] in ('absolute', 'percentage'), where)
	steps = defaults['thresholds']['steps']
	check(steps[0]['value'] is None and all(isinstance(step['color'], str) for step in steps), where)
	values = [step['value'] for step in steps[1:]]
	check(values == sorted(values), f'{where}: {values}')
	options = panel['options']
	if panel['type'] == 'stat':
		check(set(options['reduceOptions']) == {'calcs', 'fields', 'values'} and options['colorMode'] in ('value', 'background', 'none'), where)
		check(options['graphMode'] in ('area', 'none', 'line') and options['textMode'] in ('auto', 'value', 'name', 'value_and_name', 'none'), where)
	else:
		check(options['legend']['displayMode'] in ('list', 'table', 'hidden') and options['legend']['placement'] in ('bottom', 'right'), where)
		check(isinstance(options['legend']['showLegend'], bool) and isinstance(options['legend']['calcs'], list), where)
		check(options['tooltip']['mode'] in ('single', 'multi', 'none') and options['tooltip']['sort'] in ('none', 'asc', 'desc'), where)
		check(defaults['custom']['drawStyle'] in ('line', 'bars', 'points') and defaults['custom']['stacking']['mode'] in ('none', 'normal', 'percent'), where)


def board_is_right() -> None:
	"""the board is as Grafana's types ask: panels, places without overlap, variables"""
	with open(BOARD, encoding='utf-8') as file:
		board = json.load(file)
	check(isinstance(board['schemaVersion'], int) and isinstance(board['title'], str) and board['id'] is None and re.fullmatch(r'[\w-]{1,40}', board['uid']), 'head')
	check(set(board['time']) == {'from', 'to'} and isinstance(board['annotations']['list'], list) and board['graphTooltip'] in (0, 1, 2), 'head')
	ids = [panel['id'] for panel in board['panels']]
	check(len(set(ids)) == len(ids), 'ids')
	taken: set[tuple[int, int]] = set()
	for panel in board['panels']:
		is_panel(panel)
		grid = panel['gridPos']
		cells = {(x, y) for x in range(grid['x'], grid['x'] + grid['w']) for y in range(grid['y'], grid['y'] + grid['h'])}
		check(not cells & taken, f'{panel["title"]} covers another panel')
		taken |= cells
	variables = {variable['name']: variable for variable in board['templating']['list']}
	for variable in variables.values():
		check(variable['type'] in ('query', 'datasource') and variable['hide'] in (0, 1, 2) and isinstance(variable['query'], (str, dict)), variable['name'])
	used = set(re.findall(r'\$\{?(\w+)', json.dumps(board['panels']))) - {'__rate_interval'}
	check(used == set(variables), f'variables: {used}')


def board_answers() -> None:
	"""Prometheus scrapes the console, and answers the query of every panel"""
	port = free_port()
	target = console.address.removeprefix('http://')
	path = os.path.join(work, 'prometheus.yml')
	with open(path, 'w', encoding='utf-8') as file:
		json.dump({'global': {'scrape_interval': '1s', 'evaluation_interval': '1s'}, 'rule_files': [os.path.abspath(RULES)],
			'scrape_configs': [{'job_name': 'console', 'static_configs': [{'targets': [target]}]}]}, file)
	log = open(os.path.join(work, 'prometheus.log'), 'w+')
	process = subprocess.Popen(['prometheus', f'--config.file={path}', f'--storage.tsdb.path={work}/tsdb', f'--web.listen-address=127.0.0.1:{port}'], stdout=log, stderr=log)

	def ask(expression: str) -> list:
		answer = json.loads(fetch(f'http://127.0.0.1:{port}/api/v1/query?' + urllib.parse.urlencode({'query': expression})))
		check(answer['status'] == 'success', f'{expression}: {answer}')
		return answer['data']['result']
	try:
		deadline = time.monotonic() + 25
		while True:
			try:
				if ask('rate(campaign_lifecycle_executions_total[1m])'):
					break
			except OSError:
				pass
			check(time.monotonic() < deadline, 'Prometheus has no samples')
			time.sleep(0.3)
		with open(BOARD, encoding='utf-8') as file:
			board = json.load(file)
		# No line means that all is ok, or that no batch has run within the minute.
		empty_is_right = {'Health', 'Timers a batch'}
		for panel in board['panels']:
			for each in panel['targets']:
				found = ask(each['expr'].replace('$__rate_interval', '1m').replace('$database', '.+'))
				check(found or panel['title'] in empty_is_right, f'{panel["title"]}: no result of {each["expr"]}')
	finally:
		process.kill()
		process.wait()


tests = [current, board_is_right]
if shutil.which('promtool') and shutil.which('prometheus'):
	tests += [format_is_right, rules, board_answers]
if shutil.which('prometheus-sql-exporter'):
	tests += [exported]
if shutil.which('promtool'):
	tests += [alerts]
make_database('monitored', "SELECT create_campaign(48) FROM generate_series(1, 3)", "SELECT create_campaign(48, now() + interval '3 days')")
# A console keeps what it has found for a minute, so the first round of maintenance comes before it.
deadline = time.monotonic() + 60
while time.monotonic() < deadline and not query('monitored', """
	SELECT (SELECT count(*) FROM campaigns WHERE status = 'RUNNING') = 3
		AND (SELECT count(*) FROM campaign_maintenance_jobs WHERE last_run > '-infinity') > 0"""):
	time.sleep(0.1)
console = Console('monitored')
try:
	run(tests)
finally:
	console.stop()
	shutil.rmtree(work, ignore_errors=True)
