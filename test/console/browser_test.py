"""The console in a real browser: headless Chromium by Selenium. One browser and three databases serve all tests."""
import os
import subprocess
import time
from collections.abc import Callable

from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from support import Console, check, connect, make_database, query, run

PAGES = ('now', 'campaigns', 'timers', 'lifecycle', 'upkeep')
HOSTILE = '<script>window.hacked = 1</script>"\'><img src=x onerror="window.hacked=1"><svg onload="window.hacked=1">'

# By generate_series and without triggers: 100,000 campaigns with two timers each.
MANY = """
	SET session_replication_role = replica;
	INSERT INTO campaigns (id, status, start_time, end_time, duration_hours, metadata)
	SELECT gen_random_uuid(), (ARRAY['CREATED', 'RUNNING', 'CLOSED', 'REWARD_CLAIM', 'EXPIRED'])[1 + n % 5], s, s + interval '1 hour', 1, jsonb_build_object('name', 'bulk ' || n)
	FROM generate_series(1, 100000) AS n CROSS JOIN LATERAL (SELECT now() + n * interval '1 minute') AS t (s);
	INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at)
	SELECT c.id, t.type, c.start_time + t.after FROM campaigns AS c CROSS JOIN (VALUES ('CLOSE_CAMPAIGN', interval '1 hour'), ('EXPIRE_CAMPAIGN', interval '3 hours')) AS t (type, after);
	SET session_replication_role = origin;
"""


def open_browser() -> webdriver.Chrome:
	"""Start Chromium without a window."""
	options = Options()
	options.binary_location = '/usr/bin/chromium'
	for argument in ('--headless=new', '--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--window-size=1280,900', '--no-first-run',
		'--disable-background-networking', '--disable-component-update', '--disable-extensions', f'--user-data-dir={os.environ["TMPDIR"]}/chromium'):
		options.add_argument(argument)
	options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
	browser = webdriver.Chrome(service=Service('/usr/bin/chromedriver'), options=options)
	browser.set_page_load_timeout(30)
	return browser


def until(what: str, condition: Callable[[], object], seconds: float = 10) -> float:
	"""Wait until a condition holds; return the seconds it took."""
	begun = time.monotonic()
	while True:
		try:
			if condition():
				return time.monotonic() - begun
		except (NoSuchElementException, StaleElementReferenceException):
			pass
		check(time.monotonic() - begun < seconds, f'not within {seconds} s: {what}; the page says: {browser.find_element(By.TAG_NAME, "body").text[:1500]}')
		time.sleep(0.02)


def go(path: str) -> None:
	"""Open a page."""
	browser.get(console.address + path)


def text(selector: str = 'main') -> str:
	"""Return the text of an element."""
	return browser.find_element(By.CSS_SELECTOR, selector).text


def clean(where: str) -> None:
	"""Fail if the browser has reported an error, such as a script that the policy refuses."""
	errors = [entry['message'] for entry in browser.get_log('browser') if entry['level'] == 'SEVERE']
	check(not errors, f'{where}: {errors}')
	check(browser.execute_script('return window.hacked') is None, f'{where}: a script of a user has run')


make_database('b_none')
make_database('b_five', *[f"SELECT create_campaign(48, now() + interval '{n + 1} hours', metadata => '{{\"name\": \"sale {n}\"}}')" for n in range(5)])
make_database('b_many')
with connect('b_many') as many:
	many.execute(MANY)
	many.execute('VACUUM ANALYZE campaigns')
	many.execute('VACUUM ANALYZE campaign_timers')
console = Console('b_none', 'b_five', 'b_many')
browser = open_browser()


def campaign(number: int) -> str:
	"""Return the id of a campaign by its number."""
	return str(query('b_five', "SELECT id FROM campaigns WHERE metadata ->> 'name' = %s", f'sale {number}'))


def pages() -> None:
	"""every page with 0, 5 and 100,000 campaigns is shown, on a screen of 390 pixels without sideways scrolling, and no error is reported"""
	browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', {'width': 390, 'height': 844, 'deviceScaleFactor': 1, 'mobile': False})
	for database in ('b_none', 'b_five', 'b_many'):
		for page in PAGES:
			go(f'/{database}/{page}')
			check('does not have it' not in text() and len(text()) > 60, f'{database}/{page}: {text()}')
			wide = browser.execute_script('return [document.documentElement.scrollWidth, window.innerWidth]')
			check(wide[0] <= wide[1] == 390, f'{database}/{page} is {wide[0]} wide')
			clean(f'{database}/{page}')
	some = query('b_many', 'SELECT id FROM campaigns LIMIT 1')
	go(f'/b_many/campaign/{some}')
	wide = browser.execute_script('return [document.documentElement.scrollWidth, window.innerWidth]')
	check(wide[0] <= wide[1], f'a campaign is {wide[0]} wide')
	browser.execute_cdp_cmd('Emulation.clearDeviceMetricsOverride', {})
	go('/b_many/now')
	check(text('[data-state=RUNNING]').replace('\u202f', '') == '20000', text('#states'))


def live() -> None:
	"""a campaign moves while its page, the list and the first page are open, and each shows it within a second, without a reload"""
	for path, number in (('/b_five/now', 0), (f'/b_five/campaign/{campaign(1)}', 1), ('/b_five/campaigns?q=sale+2', 2)):
		go(path)
		until('live', lambda: browser.find_element(By.ID, 'live').is_displayed())
		browser.execute_script('window.same = true')
		took = []
		# Other programs may keep the machine busy for a moment, so the fastest of three counts.
		for state in ('RUNNING', 'CLOSED', 'REWARD_CLAIM'):
			selector = {'/b_five/now': f'[data-state={state}]'}.get(path, '#facts .state' if number == 1 else '#list .state')
			before = text(selector)
			query('b_five', 'SELECT transition_campaign(%s, %s)', campaign(number), state)
			took.append(until(f'{selector} has changed', lambda: text(selector) != before))
			if took[-1] < 1:
				break
		check(text(selector) in (state, '1'), f'{path} says {text(selector)}')
		check(min(took) < 1, f'{path} showed it after {took} s')
		check(browser.execute_script('return window.same'), f'{path} was loaded again')
	clean('live pages')


def buttons() -> None:
	"""buttons are pressed with a confirmation that names the campaign, and times go by the viewer's zone"""
	browser.execute_cdp_cmd('Emulation.setTimezoneOverride', {'timezoneId': 'Asia/Tokyo'})
	go(f'/b_five/campaign/{campaign(3)}')
	check(text('#zone') == 'Asia/Tokyo', text('footer'))
	browser.find_element(By.LINK_TEXT, 'Set a timer').click()
	check('sale 3' in text(), 'the form names the campaign')
	browser.execute_script("document.querySelector('[name=at]').value = '2031-01-02T12:00:00'; document.querySelector('[name=type]').value = 'REWARD_REMINDER'")
	browser.find_element(By.NAME, 'reason').send_keys('pressed in Tokyo')
	browser.find_element(By.CSS_SELECTOR, 'button.go').click()
	until('done', lambda: 'Done: set a timer' in text('body'))
	check(query('b_five', "SELECT scheduled_at = '2031-01-02 03:00:00+00' FROM campaign_timers WHERE campaign_id = %s AND timer_type = 'REWARD_REMINDER'", campaign(3)), 'Tokyo is nine hours ahead')
	check('2031-01-02 12:00:00' in text('#waiting'), text('#waiting'))
	title = browser.find_element(By.CSS_SELECTOR, '#waiting tr:last-child time').get_attribute('title')
	check(title.startswith('2031-01-02 03:00:00') and title.endswith('UTC'), title)
	browser.find_element(By.CSS_SELECTOR, '[aria-label="Cancel REWARD_REMINDER"]').click()
	browser.find_element(By.NAME, 'reason').send_keys('not needed')
	browser.find_element(By.CSS_SELECTOR, 'button.danger').click()
	until('cancelled', lambda: 'Done: cancel' in text('body') and 'REWARD_REMINDER' not in text('#waiting'))
	browser.execute_cdp_cmd('Emulation.setTimezoneOverride', {'timezoneId': ''})
	clean('buttons')


def press(link: str, done: str, **fields: str) -> None:
	"""Click a button, fill in its form as by hand, send it, and wait until the page says that it is done."""
	browser.find_element(By.CSS_SELECTOR, link).click()
	until('the form', lambda: browser.find_element(By.NAME, 'reason'))
	for name, value in {**fields, 'reason': 'pressed in the browser'}.items():
		browser.execute_script("const field = document.querySelector(`.ask [name=${arguments[0]}]`); field.value = arguments[1]", name, value)
	browser.find_element(By.CSS_SELECTOR, '.ask button').click()
	until(done, lambda: f'Done: {done}' in text('body'))


def every_button() -> None:
	"""each button is pressed, and the database has done it"""
	query('b_five', "INSERT INTO campaign_state_transitions (from_state, to_state, timer_type) VALUES ('CREATED', 'EXPIRED', 'EXPIRE_CAMPAIGN')")
	found = query('b_five', "SELECT create_campaign(48, now() + interval '20 days', metadata => '{\"name\": \"pressed\"}')")
	there = f'/b_five/campaign/{found}'
	go(there)
	press('a[href$="/reschedule"]', 'reschedule', hours='72')
	check(query('b_five', 'SELECT duration_hours FROM campaigns WHERE id = %s', found) == 72, 'rescheduled')
	if query('b_five', "SELECT to_regprocedure('extend_campaign(uuid, int)') IS NOT NULL"):
		press('a[href$="/extend"]', 'extend', hours='2')
		check(query('b_five', 'SELECT duration_hours FROM campaigns WHERE id = %s', found) == 74, 'extended')
	press('[aria-label="Move CLOSE_CAMPAIGN"]', 'move', at='2032-01-01T00:00:00')
	check(query('b_five', "SELECT scheduled_at::date - date '2032-01-01' FROM campaign_timers WHERE campaign_id = %s AND timer_type = 'CLOSE_CAMPAIGN'", found) in (-1, 0), 'moved')
	query('b_five', "UPDATE campaign_timers SET status = 'FAILED', retry_count = 5 WHERE campaign_id = %s AND timer_type = 'START_CAMPAIGN'", found)
	go(there)
	press('[aria-label="Retry START_CAMPAIGN"]', 'retry')
	until('the start', lambda: text('#facts .state') == 'RUNNING')
	query('b_five', """WITH d AS (UPDATE campaign_timers SET status = 'FAILED', retry_count = 5 WHERE campaign_id = %s AND timer_type = 'EXPIRE_CAMPAIGN' RETURNING id)
		INSERT INTO timer_executions (timer_id, status, error_message, completed_at) SELECT id, 'FAILED', '22012: division by zero', now() FROM d""", found)
	go('/b_five/timers')
	browser.find_element(By.CSS_SELECTOR, '.errors button').click()
	until('the form', lambda: 'division by zero' in text() and browser.find_element(By.NAME, 'reason'))
	browser.find_element(By.NAME, 'reason').send_keys('mended', Keys.ENTER)
	until('retried', lambda: '1 timers are due again' in text('body'))
	until('the end', lambda: query('b_five', 'SELECT status FROM campaigns WHERE id = %s', found) == 'EXPIRED')
	go('/b_five/now')
	press('a[href$="/do/pause"]', 'pause')
	until('paused', lambda: 'activation: paused' in text('#health'))
	press('a[href$="/do/resume"]', 'resume')
	go('/b_five/upkeep')
	press('a[href$="/do/partitions"]', 'create')
	found = query('b_five', "SELECT create_campaign(48, now() + interval '20 days', metadata => '{\"name\": \"typo\"}')")
	go(f'/b_five/campaign/{found}')
	browser.find_element(By.CSS_SELECTOR, 'a[href$="/cancel"]').click()
	until('the form names it', lambda: 'Cancel the campaign “typo”' in text('.ask'))
	browser.find_element(By.NAME, 'reason').send_keys('a typo', Keys.ENTER)
	until('cancelled', lambda: text('#facts .state') == 'EXPIRED')
	check(not browser.find_elements(By.CSS_SELECTOR, '#buttons a'), 'an ended campaign has buttons')
	clean('every button')


def rights() -> None:
	"""a role that may only read sees no button, and is refused by the database where it opens a form"""
	with Console('b_five', user='console_reader') as reader:
		for page in (*PAGES, f'campaign/{campaign(0)}'):
			browser.get(f'{reader.address}/b_five/{page}')
			check(not browser.find_elements(By.CSS_SELECTOR, 'main a.button:not([rel]), main button.small'), f'{page} has a button')
		browser.get(f'{reader.address}/b_five/campaign/{campaign(0)}/set-timer')
		browser.execute_script("document.querySelector('[name=at]').value = '2031-01-02T12:00:00'")
		browser.find_element(By.NAME, 'reason').send_keys('forged', Keys.ENTER)
		until('refused', lambda: 'permission denied' in text())
	go('/b_five/now')
	# The refusal is an error for the browser, too.
	browser.get_log('browser')


def hostile() -> None:
	"""hostile metadata is text in the browser, also after a live update"""
	found = query('b_five', "SELECT create_campaign(48, now() + interval '30 days', metadata => jsonb_build_object('name', %s::text, 'x', %s::text))", HOSTILE, HOSTILE)
	for path in (f'/b_five/campaign/{found}', '/b_five/campaigns', f'/b_five/campaign/{found}/move', f'/b_five/campaign/{found}/cancel'):
		go(path)
		check('<script>window.hacked' in text('body'), f'{path} does not show it as text')
		clean(path)
	go(f'/b_five/campaign/{found}')
	until('live', lambda: browser.find_element(By.ID, 'live').is_displayed())
	query('b_five', "UPDATE campaigns SET metadata = metadata || jsonb_build_object('y', %s::text) WHERE id = %s RETURNING 1", HOSTILE, found)
	query('b_five', "SELECT transition_campaign(%s, 'RUNNING', %s)", found, HOSTILE[:200])
	until('the move', lambda: text('#facts .state') == 'RUNNING')
	clean('after a live update')


def keyboard() -> None:
	"""the keyboard alone leads from the first page to a campaign and through a button"""
	def press(*keys: str) -> None:
		for key in keys:
			browser.switch_to.active_element.send_keys(key)

	def tab_to(what: str, most: int = 60) -> None:
		for _ in range(most):
			press(Keys.TAB)
			element = browser.switch_to.active_element
			if (element.text.strip() or element.get_attribute('name') or '').startswith(what):
				return
		raise AssertionError(f'{what} cannot be reached')
	go('/b_five/now')
	press(Keys.TAB)
	check(browser.switch_to.active_element.text == 'Skip to the content', 'the first tab skips')
	tab_to('Campaigns')
	press(Keys.ENTER)
	until('the list', lambda: text('h1') == 'Campaigns')
	tab_to('sale 4')
	outline = browser.execute_script('return getComputedStyle(document.activeElement).outlineStyle')
	check(outline != 'none', 'the focus is seen')
	press(Keys.ENTER)
	until('the campaign', lambda: text('h1') == 'sale 4')
	tab_to('Move to a state')
	press(Keys.ENTER)
	until('the form', lambda: 'now CREATED' in text())
	tab_to('reason')
	press('by the keyboard', Keys.ENTER)
	until('the move', lambda: 'Done: move' in text('body'))
	check(query('b_five', "SELECT trigger_event FROM campaign_state_log WHERE campaign_id = %s AND to_state = 'RUNNING'", campaign(4)) == 'by the keyboard', 'the log says why')


def dark() -> None:
	"""in dark mode the ground is dark, and without JavaScript the pages read the same"""
	go('/b_five/now')
	browser.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': [{'name': 'prefers-color-scheme', 'value': 'dark'}]})
	ground = browser.execute_script('return getComputedStyle(document.documentElement).backgroundColor')
	check(sum(int(part) for part in ground[4:-1].split(',')) < 120, f'the ground is {ground}')
	browser.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': []})
	check(browser.execute_script("return Boolean(Chart.getChart('plot-executions'))"), 'the plots are drawn')
	browser.execute_cdp_cmd('Emulation.setScriptExecutionDisabled', {'value': True})
	go(f'/b_five/campaign/{campaign(0)}')
	check('Timeline' in text() and ' UTC' in text('#timeline') and 'START_CAMPAIGN' in text('#timeline'), 'readable without JavaScript')
	browser.execute_cdp_cmd('Emulation.setScriptExecutionDisabled', {'value': False})


def down() -> None:
	"""while the database is down the page says so, a new one too, and both go on by themselves"""
	go('/b_five/now')
	until('live', lambda: browser.find_element(By.ID, 'live').is_displayed())
	browser.execute_script('window.same = true')
	data = os.environ['PGDATA']
	subprocess.run(['pg_ctl', '-D', data, '-m', 'fast', '-w', 'stop'], check=True, stdout=subprocess.DEVNULL)
	until('the banner', lambda: browser.find_element(By.ID, 'down').is_displayed(), 15)
	check(text('[data-state=RUNNING]') != '', 'the page is as it was')
	status, page = console.get('/b_five/campaigns')
	check(status == 503 and 'The database is down' in page, f'{status}')
	check('campaign_lifecycle_up{database="b_five"} 0.0' in console.get('/metrics')[1], 'metrics say so')
	subprocess.run(['pg_ctl', '-D', data, '-w', '-l', os.path.join(os.environ['TMPDIR'], 'again.log'), 'start'], check=True, stdout=subprocess.DEVNULL)
	until('the banner goes', lambda: not browser.find_element(By.ID, 'down').is_displayed(), 15)
	check(browser.execute_script('return window.same'), 'the page was loaded again')
	query('b_five', "SELECT create_campaign(48, now() + interval '3 days')")
	count = str(query('b_five', "SELECT count(*) FROM campaigns WHERE status = 'CREATED'"))
	until('news after the restart', lambda: text('[data-state=CREATED]') == count)


try:
	run([pages, live, buttons, every_button, rights, hostile, keyboard, dark, down])
finally:
	browser.quit()
	console.stop()
