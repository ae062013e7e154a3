"""The console without a browser: pages, search, buttons, safety, metrics."""
import base64
import json
import os
import re
import subprocess
import threading
import time
import uuid

from support import PYTHON, Console, check, make_database, query, run

PAGES = ('now', 'campaigns', 'timers', 'lifecycle', 'upkeep')
HOSTILE = '<script>window.hacked = 1</script>"\'><img src=x onerror="window.hacked=1">{{ 7 * 7 }}'

none = make_database('none')
five = make_database('five', *[f"SELECT create_campaign(48, now() + interval '{n} hours', metadata => '{{\"name\": \"sale {n}\"}}')" for n in range(5)])
console = Console(none, five)


def campaign(number: int) -> str:
	"""Return the id of a campaign by its number."""
	return str(query(five, "SELECT id FROM campaigns WHERE metadata ->> 'name' = %s", f'sale {number}'))


def press(console: Console, path: str, **fields: str) -> tuple[int, str]:
	"""Open the form of a button and send it."""
	return console.post(path.partition('?')[0], {'token': console.token(path), 'reason': 'because of a test', **fields})


def pages() -> None:
	"""every page answers, with no campaign and with five"""
	for database in (none, five):
		for page in PAGES:
			status, text = console.get(f'/{database}/{page}')
			check(status == 200 and '<h1>' in text, f'{database}/{page}: {status} {text[:2000]}')
			check('does not have it' not in text and 'may not see' not in text, f'{database}/{page} misses a part')
	text = console.get(f'/five/campaign/{campaign(4)}')[1]
	for state in ('CREATED planned', 'RUNNING planned', 'CLOSED planned', 'EXPIRED planned'):
		check(f'<title>{state} from' in text, f'the picture has no {state}')
	check('There are no campaigns yet' in console.get(f'/{none}/now')[1], 'an empty database says how to begin')
	check(console.get('/')[1].count('<li class="card') == 2, 'the first page lists both databases')
	for path in ('/nowhere/now', '/five/nothing', f'/five/campaign/{uuid.uuid4()}'):
		check(console.get(path)[0] == 404, f'{path} is not found')


def search() -> None:
	"""campaigns are found by name, beginning of the id, state and time, and paged by key in both directions"""
	def names(query_string: str) -> list[str]:
		return re.findall(r'<td class="text"><a href="[^"]*">([^<]*)</a>', console.get(f'/five/campaigns?{query_string}')[1])
	check(names('order=start') == [f'sale {n}' for n in range(5)], f'ordered by start: {names("order=start")}')
	check(names('order=-end') == [f'sale {n}' for n in (4, 3, 2, 1, 0)], 'ordered by end')
	check(names('q=SALE+3') == ['sale 3'], 'found by a part of the name')
	check(names('q=' + campaign(2)) == ['sale 2'], 'found by the id')
	check('sale 2' in names('q=' + campaign(2)[:13]), 'found by the beginning of the id')
	check(names('q=%25') == [], 'a pattern is text')
	check(names('state=EXPIRED') == [], 'found by state')
	since = query(five, "SELECT to_char(now() AT TIME ZONE 'UTC' + interval '150 minutes', 'YYYY-MM-DD\"T\"HH24:MI')")
	check(names(f'since={since}&order=start') == ['sale 3', 'sale 4'], f'found by the start: {names(f"since={since}&order=start")}')
	check(names(f'since={since}&order=newest') == ['sale 4', 'sale 3'], 'found by the start in another order')
	check('is no time' in console.get('/five/campaigns?since=tomorrow')[1], 'a time that is none is told')
	query(five, "SELECT count(create_campaign(1, now() + interval '20 days' + n % 7 * interval '1 day', metadata => jsonb_build_object('name', 'many ' || n))) FROM generate_series(1, 130) AS n")
	for order in ('newest', 'start', '-start', '-end', 'oldest'):
		seen: list[str] = []
		address = f'/five/campaigns?order={order}&q=many'
		while address:
			text = console.get(address)[1]
			seen += re.findall(r'<tr data-campaign="([^"]+)"', text)
			onward = re.search(r'href="(\?[^"]+)" rel="next"', text)
			address = '/five/campaigns' + onward.group(1).replace('&amp;', '&') if onward else ''
		check(len(seen) == len(set(seen)) == 130, f'{order}: {len(seen)} rows, {len(set(seen))} campaigns')


def buttons() -> None:
	"""each button does what it says, and the log has who and why"""
	there = f'/five/campaign/{campaign(1)}'
	query(five, "UPDATE campaigns SET start_time = start_time + interval '1 hour' WHERE metadata ->> 'name' = 'sale 1'")
	status, text = press(console, there + '/reschedule', hours='24')
	check(status == 200 and 'Done: reschedule' in text, text)
	check(query(five, 'SELECT duration_hours FROM campaigns WHERE id = %s', campaign(1)) == 24, 'rescheduled')
	check('Done: reschedule' not in console.get(there)[1], 'a message is shown once')
	status, text = press(console, there + '/move', state='RUNNING')
	check(status == 200 and 'class="state s1">RUNNING' in text, text)
	log = query(five, "SELECT concat_ws('|', trigger_event, metadata ->> 'changed_by', metadata ->> 'via') FROM campaign_state_log WHERE campaign_id = %s AND to_state = 'RUNNING'", campaign(1))
	check(re.fullmatch(r'because of a test\|\w+\|console', str(log)), f'the log says {log}')
	if query(five, "SELECT to_regprocedure('extend_campaign(uuid, int)') IS NOT NULL"):
		check(press(console, there + '/extend', hours='5')[0] == 200, 'extended')
		check(query(five, 'SELECT duration_hours FROM campaigns WHERE id = %s', campaign(1)) == 29, 'extended by hours')
	check(press(console, there + '/set-timer', type='REWARD_REMINDER', at='2030-01-02T03:04:05')[0] == 200, 'a timer is set')
	timer = query(five, "SELECT id FROM campaign_timers WHERE campaign_id = %s AND timer_type = 'REWARD_REMINDER' AND scheduled_at = '2030-01-02 03:04:05+00'", campaign(1))
	check(timer, 'at its time in UTC')
	check(press(console, f'{there}/move-timer?timer={timer}', timer=str(timer), at='2030-01-03T00:00', at_utc='2030-01-02T23:00:00.000Z')[0] == 200, 'a timer is moved')
	check(query(five, "SELECT scheduled_at = '2030-01-02 23:00:00+00' FROM campaign_timers WHERE id = %s", timer), 'to the time that the script sent')
	check(press(console, f'{there}/cancel-timer?timer={timer}', timer=str(timer))[0] == 200, 'a timer is cancelled')
	check(query(five, 'SELECT status FROM campaign_timers WHERE id = %s', timer) == 'CANCELLED', 'and is CANCELLED')
	if query(five, "SELECT to_regclass('campaign_changes') IS NOT NULL"):
		text = console.get(there)[1]
		who = query(five, "SELECT string_agg(DISTINCT changed_by, ' ') FROM campaign_changes WHERE campaign_id = %s AND operation = 'cancel_timer'", campaign(1))
		check(f'REWARD_REMINDER by {who}' in text, f'the timeline has changes of plan, by {who}')
	check(press(console, there + '/cancel')[0] == 200, 'the campaign is cancelled')
	check(query(five, "SELECT metadata ->> 'reason' FROM campaign_state_log WHERE campaign_id = %s AND trigger_event = 'CANCELLED'", campaign(1)) == 'because of a test', 'with its reason')
	status, text = press(console, f'/five/campaign/{campaign(4)}/cancel')
	check(status == 422 and 'campaign_state_transitions' in text, 'a refusal of the database shows its hint')
	check(press(console, f'/five/campaign/{campaign(4)}/cancel', reason='')[0] == 422, 'a reason is asked for')
	check(press(console, '/five/do/pause')[0] == 200 and 'paused' in console.get('/five/now')[1], 'paused')
	check(press(console, '/five/do/resume')[0] == 200, 'resumed')
	check(query(five, 'SELECT value FROM campaign_health() WHERE check_name = %s', 'activation') == 'active', 'and active again')
	check(press(console, '/five/do/partitions')[0] == 200, 'partitions are made')
	check("did cancel in five" in console.errors(), 'the console keeps a log of its own')


def dead() -> None:
	"""one dead timer is retried, and all of an error"""
	query(five, """WITH made AS (SELECT create_campaign(48, now() + interval '9 days', metadata => '{"name": "dead"}') AS id FROM generate_series(1, 3)) SELECT count(*) FROM made""")
	query(five, """WITH d AS (UPDATE campaign_timers AS t SET status = 'FAILED', retry_count = 5 FROM campaigns AS c
		WHERE c.id = t.campaign_id AND c.metadata ->> 'name' = 'dead' AND t.timer_type = 'START_CAMPAIGN' RETURNING t.id)
		INSERT INTO timer_executions (timer_id, status, error_message, completed_at) SELECT id, 'FAILED', '22012: ' || %s, now() FROM d RETURNING id""", HOSTILE)
	text = console.get('/five/timers')[1]
	check('&lt;script&gt;window.hacked' in text and '<script>window' not in text, 'an error is text')
	row = query(five, "SELECT timer_id || ' ' || campaign_id FROM dead_timers LIMIT 1").split()
	check(press(console, f'/five/campaign/{row[1]}/retry-timer?timer={row[0]}', timer=row[0])[0] == 200, 'one is retried')
	check(query(five, 'SELECT count(*) FROM dead_timers') == 2, 'two are left')
	status, text = console.post('/five/do/retry-error', {'token': console.token('/five/do/retry-error?error=x'), 'reason': 'mended', 'error': '22012: ' + HOSTILE})
	check(status == 200 and '2 timers are due again' in text, text)
	check(query(five, 'SELECT count(*) FROM dead_timers') == 0, 'none is left')


def hostile() -> None:
	"""metadata, names and reasons of anybody are text on every page"""
	found = query(five, "SELECT create_campaign(48, now() + interval '30 days', metadata => jsonb_build_object('name', %s::text, %s::text, %s::text))", HOSTILE, HOSTILE, HOSTILE)
	for path in (f'/five/campaign/{found}', '/five/campaigns', f'/five/campaign/{found}/move', f'/five/campaign/{found}/cancel'):
		text = console.get(path)[1]
		check('<script>window' not in text and '<img' not in text and ('49' not in text or '{{ 7' in text), f'{path} is not escaped')
		check('&lt;script&gt;' in text, f'{path} does not show it')
	for path in ('/five/campaigns?q=%3Cscript%3Ealert(1)%3C/script%3E', '/five/campaigns?after=%27;DROP', '/five/campaigns?order=id;--',
		'/five/timers?window=%27', '/five/campaigns?state=%27%20OR%201=1', '/five/campaigns?q=%00', '/five/do/retry-error?error=%3Cscript%3E'):
		status, text = console.get(path)
		check(status in (200, 500) and '<script>' not in text, f'{path}: {status}')


def refused() -> None:
	"""a form without its token, of another site, or for another host name is refused, and nothing was done"""
	path = f'/five/campaign/{campaign(4)}/move'
	good = {'token': console.token(path), 'reason': 'forged', 'state': 'RUNNING'}
	check(console.post(path, {**good, 'token': 'x' * 64})[0] == 400, 'a wrong token')
	check(console.post(path, {'reason': 'forged', 'state': 'RUNNING'})[0] == 400, 'no token')
	check(console.post(path, good, {'Origin': 'https://evil.example'})[0] == 403, 'another origin')
	check(console.post(path, good, {'Sec-Fetch-Site': 'cross-site'})[0] == 403, 'another site')
	check(console.get('/five/now', {'Host': 'evil.example'})[0] == 421, 'another host name')
	with Console(five) as other:
		check(other.post(path, good)[0] == 400, 'a token of another session')
	check(console.post(path, {**good, 'reason': 'x' * 70000})[0] == 400, 'a form that is too long')
	check(query(five, 'SELECT status FROM campaigns WHERE id = %s', campaign(4)) == 'CREATED', 'the campaign has not moved')
	with console.browser.open(console.address + '/five/now') as answer:
		policy = answer.headers['Content-Security-Policy']
		check("script-src 'self'" in policy and 'unsafe' not in policy and "default-src 'none'" in policy, policy)
		check(answer.headers['X-Content-Type-Options'] == 'nosniff' and answer.headers['Cache-Control'] == 'no-store', 'headers')
	with Console(five) as fresh:
		with fresh.browser.open(fresh.address + '/five/now') as answer:
			check(re.search(r'HttpOnly.*SameSite=strict', answer.headers['Set-Cookie'], re.I), answer.headers['Set-Cookie'])


def rights() -> None:
	"""a role that may only read has no buttons, and the database refuses what is sent all the same"""
	with Console(five, user='console_reader') as reader:
		for page in (*PAGES, f'campaign/{campaign(4)}'):
			status, text = reader.get(f'/five/{page}')
			check(status == 200, f'{page}: {status}')
			check('/do/' not in text and '/move' not in text and '/cancel' not in text, f'{page} has a button')
		status, text = press(reader, f'/five/campaign/{campaign(4)}/move', state='RUNNING')
		check(status == 403 and 'permission denied' in text, f'{status} {text}')
	with Console(five, options=('--read-only',)) as reader:
		check('/move' not in reader.get(f'/five/campaign/{campaign(4)}')[1], 'no button with --read-only')
		check(reader.get(f'/five/campaign/{campaign(4)}/move')[0] == 403, 'refused with --read-only')
	check(query(five, 'SELECT status FROM campaigns WHERE id = %s', campaign(4)) == 'CREATED', 'the campaign has not moved')


def login() -> None:
	"""with a password file nothing is shown before the login, guessing is slowed down, and the log has the user's name"""
	path = os.path.join(os.environ['TMPDIR'], 'passwords')
	line = subprocess.run([PYTHON, '-m', 'console', '--hash'], input='ana\nsecret word\n', capture_output=True, text=True, check=True).stdout
	with open(path, 'w') as file:
		file.write('# users\n' + line)
	with Console(five, options=('--auth', path)) as closed:
		for there in ('/', '/five/now', '/five/events', f'/five/campaign/{campaign(3)}/move'):
			check('Log in' in closed.get(there)[1] and 'sale' not in closed.get(there)[1], f'{there} is open')
		check(closed.get('/metrics')[0] == 401, 'metrics are closed')
		basic = {'Authorization': 'Basic ' + base64.b64encode(b'ana:secret word').decode()}
		check(closed.get('/metrics', basic)[0] == 200, 'metrics by a password')
		token = closed.token('/login')
		check(closed.post('/login', {'token': token, 'name': 'ana', 'password': 'wrong'})[0] == 401, 'a wrong password')
		status, text = closed.post('/login', {'token': token, 'name': 'ana', 'password': 'secret word', 'to': '//evil.example/'})
		check(status == 200 and 'Log out ana' in text, 'the right password')
		check(press(closed, f'/five/campaign/{campaign(3)}/move', state='RUNNING')[0] == 200, 'a button')
		check(query(five, "SELECT metadata ->> 'changed_by' FROM campaign_state_log WHERE campaign_id = %s AND to_state = 'RUNNING'", campaign(3)) == 'ana', 'the name is in the log')
		check('Log in' in closed.post('/logout', {'token': closed.token('/five/now')})[1], 'logged out')
		check('Log in' in closed.get('/five/now')[1], 'and outside')
		token = closed.token('/login')
		tries = [closed.post('/login', {'token': token, 'name': 'bob', 'password': str(n)})[0] for n in range(6)]
		check(tries[-1] == 429, f'guessing goes on: {tries}')
	with Console(five, options=('--auth', 'header:X-User@127.0.0.1')) as proxied:
		check(proxied.get('/five/now')[0] == 403, 'no user in the header')
		check(proxied.get('/five/now', {'X-User': 'eve'})[0] == 200, 'a user in the header of the proxy')
	with Console(five, options=('--auth', 'header:X-User@10.0.0.1')) as proxied:
		check(proxied.get('/five/now', {'X-User': 'eve'})[0] == 403, 'a header that the proxy has not set')
	refusal = subprocess.run([PYTHON, '-m', 'console', '--listen', '0.0.0.0:0', f'dbname={five}'], capture_output=True, text=True)
	check(refusal.returncode == 2 and '--auth' in refusal.stderr, 'off loopback without --auth')


def router() -> None:
	"""a router works like a node, and its nodes are shown"""
	for name in ('node_a', 'node_b'):
		make_database(name)
	query('postgres', 'CREATE DATABASE routed')
	query('routed', 'CREATE EXTENSION campaign_lifecycle_router CASCADE')
	for name in ('node_a', 'node_b'):
		query('routed', 'SELECT add_campaign_node(%s, %s)', name, f'host={os.environ["PGHOST"]} port={os.environ["PGPORT"]} dbname={name} user={os.environ["PGUSER"]}')
	found = query('routed', "SELECT max(id::text) FROM (SELECT create_campaign(48, metadata => '{\"name\": \"routed\"}') AS id FROM generate_series(1, 20)) AS c")
	with Console('routed', user=os.environ['PGUSER']) as asked:
		for page in (*PAGES, f'campaign/{found}'):
			status, text = asked.get(f'/routed/{page}')
			check(status == 200, f'{page}: {status}')
		text = asked.get('/routed/now')[1]
		check('node_a' in text and 'node_b' in text and 'Nodes' in text, 'the nodes are shown')
		check('does not list campaigns' in asked.get('/routed/campaigns')[1], 'a list over nodes is not offered')
		check('<dt>Node</dt><dd>node_' in asked.get(f'/routed/campaign/{found}')[1], 'the node of a campaign')
		status, text = press(asked, f'/routed/campaign/{found}/cancel')
		check(status == 200 and 'EXPIRED' in text, text)
		check('campaign_lifecycle_up{database="routed"} 1.0' in asked.get('/metrics')[1], 'metrics')
	for name in ('routed', 'node_a', 'node_b'):
		query('postgres', f'DROP DATABASE {name} WITH (FORCE)')


def read_only() -> None:
	"""what is no button runs in read-only transactions"""
	query(five, 'CREATE FUNCTION planted() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN UPDATE campaigns SET auto_close = auto_close; RETURN true; END $$')
	query(five, 'CREATE OR REPLACE VIEW stuck_timers AS SELECT timer_type, count(*) AS stuck_count, min(scheduled_at) AS oldest_stuck, sum(now() - scheduled_at) AS total_lateness, '
		'avg(now() - scheduled_at) AS avg_lateness, max(now() - scheduled_at) AS max_lateness FROM campaign_timers WHERE planted() GROUP BY timer_type RETURNING 1'.replace(' RETURNING 1', ''))
	check('read-only transaction' in console.get('/five/timers')[1], 'a view that writes is refused')


def stream() -> None:
	"""the stream tells of a change within a second, and a console with an open stream ends at SIGTERM"""
	told_of("SELECT create_campaign(3, now() + interval '60 days')")


def events() -> None:
	"""where the server notifies, the stream listens, and still tells of changes that send no event"""
	query(five, "ALTER SYSTEM SET campaign_lifecycle.notify_events = 'campaign.status.changed'")
	query(five, 'SELECT pg_reload_conf()')
	try:
		told_of(f"SELECT transition_campaign('{query(five, 'SELECT create_campaign(3)')}', 'EXPIRED')", 'LISTEN campaign_lifecycle')
		told_of("SELECT create_campaign(3, now() + interval '60 days')", most=4)
	finally:
		query(five, 'ALTER SYSTEM RESET campaign_lifecycle.notify_events')
		query(five, 'SELECT pg_reload_conf()')


def told_of(statement: str, listening: str = '', most: float = 1) -> None:
	"""Fail unless a stream tells within some seconds of what a statement changes."""
	with Console(five) as watched:
		answer = watched.browser.open(watched.address + '/five/events', timeout=10)
		seen: list[tuple[float, str]] = []

		def read() -> None:
			for line in answer:
				seen.append((time.monotonic(), line.decode().strip()))
		threading.Thread(target=read, daemon=True).start()
		time.sleep(1.2)
		if listening:
			check(query(five, "SELECT count(*) FROM pg_stat_activity WHERE query = %s AND application_name LIKE '%%console'", listening) == 1, 'nobody listens')
		before = time.monotonic()
		query(five, statement)
		deadline = before + 5
		while time.monotonic() < deadline and not [at for at, line in seen if at > before and line == 'event: change']:
			time.sleep(0.02)
		news = [at for at, line in seen if at > before and line == 'event: change']
		check(news and news[0] - before < most, f'told after {news[0] - before if news else None} s')


def metrics() -> None:
	"""/metrics has the values of the views, for each database"""
	status, text = console.get('/metrics')
	check(status == 200, text)
	values = dict(re.findall(r'^(campaign_lifecycle_\S+) (\S+)$', text, re.M))
	for state, count in query(five, "SELECT jsonb_object_agg(status, count) FROM campaign_state_distribution").items():
		found = values.get(f'campaign_lifecycle_campaigns{{database="five",state="{state}"}}')
		check(found and float(found) == count, f'{state}: {found}, and the view has {count}')
	check(float(values['campaign_lifecycle_up{database="five"}']) == 1, 'up')
	check(float(values['campaign_lifecycle_worker_up{database="five"}']) == 1, 'a worker')
	check(float(values['campaign_lifecycle_health{check="worker",database="five"}']) == 0, 'health')
	check(float(values['campaign_lifecycle_lateness_seconds_count{database="five"}']) >= 1, 'lateness')
	check(json.loads(values['campaign_lifecycle_partitions_ahead{database="five"}']) >= 2, 'partitions')


tests = [pages, search, buttons, dead, hostile, refused, rights, login, metrics, stream, events, read_only]
if query('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name IN ('campaign_lifecycle_router', 'plproxy')") == 2:
	tests.append(router)
try:
	run(tests)
finally:
	console.stop()
