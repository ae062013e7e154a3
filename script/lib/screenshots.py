"""Start the console for a connection string, and write a picture of some pages into a folder: screenshots.py CONNINFO FOLDER."""
import re
import subprocess
import sys
import time

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

conninfo, folder = sys.argv[1:]
WIDTH = 1080


def picture(browser: webdriver.Chrome, name: str, height: int) -> None:
	"""Write what the page shows down to a height."""
	browser.set_window_size(WIDTH, height)
	time.sleep(1)
	browser.save_screenshot(f'{folder}/{name}.png')


console = subprocess.Popen(['/usr/bin/python3', '-m', 'console', '--listen', '127.0.0.1:0', conninfo], stdout=subprocess.PIPE, text=True)
address = re.search(r'http://\S+', console.stdout.readline()).group()
options = Options()
for argument in ('--headless=new', '--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--hide-scrollbars'):
	options.add_argument(argument)
browser = webdriver.Chrome(service=Service('/usr/bin/chromedriver'), options=options)
try:
	browser.get(address + 'shop/now')
	picture(browser, 'now', 900)
	browser.get(address + 'shop/campaigns?order=-end&state=REWARD_CLAIM')
	browser.find_elements(By.CSS_SELECTOR, 'table.list tbody a')[0].click()
	picture(browser, 'campaign', 860)
	browser.get(address + 'shop/timers')
	picture(browser, 'timers', 560)
	browser.get(address + 'shop/lifecycle')
	picture(browser, 'lifecycle', 520)
finally:
	browser.quit()
	console.terminate()
