// The pages do three things by script: times in the viewer's zone, live updates, plots.
'use strict';

(() => {
	const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
	const two = (number) => String(number).padStart(2, '0');

	// Show a time in the viewer's zone. The short form leaves out the day where it is today.
	const local = (at, form) => {
		const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
		const now = new Date();
		const today = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
		const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
		return form === 'short' && day === today ? time : `${day} ${time}`;
	};

	const localize = (root) => {
		for (const element of root.querySelectorAll('time[datetime]'))
			element.textContent = local(new Date(element.dateTime), element.dataset.form);
		for (const element of root.querySelectorAll('text[data-time]')) {
			const at = new Date(element.dataset.time);
			const form = element.dataset.form;
			const day = form === 'days' ? `${two(at.getMonth() + 1)}-${two(at.getDate())} ` : '';
			element.textContent = `${day}${two(at.getHours())}:${two(at.getMinutes())}${form === 'seconds' ? `:${two(at.getSeconds())}` : ''}`;
		}
	};

	// A form shows times of the viewer's zone and sends them in UTC besides.
	const localizeForms = () => {
		for (const label of document.querySelectorAll('.zone')) label.textContent = `(${zone})`;
		for (const input of document.querySelectorAll('input[type="datetime-local"]')) {
			if (input.value) {
				const at = new Date(`${input.value}Z`);
				input.value = local(at).replace(' ', 'T');
			}
			input.form.addEventListener('submit', () => {
				let utc = input.form.elements[`${input.name}_utc`];
				if (!utc) {
					utc = document.createElement('input');
					utc.type = 'hidden';
					utc.name = `${input.name}_utc`;
					input.form.append(utc);
				}
				utc.value = input.value ? new Date(input.value).toISOString() : '';
			});
		}
	};

	const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
	const plots = {};

	const draw = (id, points, lines, unit) => {
		const canvas = document.getElementById(id);
		if (!canvas || typeof Chart === 'undefined') return;
		const labels = points.at.map((at) => { const time = new Date(at * 1000); return `${two(time.getHours())}:${two(time.getMinutes())}`; });
		const datasets = lines.map(([key, label, name, fill]) => ({
			label, data: points[key], borderColor: colour(name), backgroundColor: fill ? colour(name) : 'transparent', borderWidth: fill ? 0 : 1.6,
			pointRadius: points.at.length < 3 ? 3 : 0, pointHitRadius: 8, spanGaps: true, type: fill ? 'bar' : 'line', barPercentage: 1, categoryPercentage: 1 }));
		if (plots[id]) {
			plots[id].data = { labels, datasets };
			plots[id].update('none');
			return;
		}
		const text = colour('--dim'), line = colour('--line');
		plots[id] = new Chart(canvas, {
			data: { labels, datasets },
			options: {
				animation: false, responsive: true, maintainAspectRatio: false, interaction: { mode: 'index', intersect: false },
				scales: {
					x: { ticks: { color: text, maxTicksLimit: 7, maxRotation: 0 }, grid: { display: false } },
					y: { beginAtZero: true, ticks: { color: text, maxTicksLimit: 5, callback: (value) => unit(value) }, grid: { color: line } } },
				plugins: { legend: { labels: { color: text, boxWidth: 10, boxHeight: 10 } },
					tooltip: { callbacks: { label: (item) => `${item.dataset.label}: ${unit(item.raw)}` } } } } });
	};

	const seconds = (value) => value === null ? '' : value < 1 ? `${Math.round(value * 10000) / 10} ms` : value < 120 ? `${Math.round(value * 10) / 10} s` : `${Math.round(value / 60)} min`;

	const drawAll = () => {
		const element = document.getElementById('points');
		if (!element) return;
		const points = JSON.parse(element.dataset.points);
		draw('plot-executions', points, [['failures', 'failed', '--bad', true], ['executions', 'executions', '--s2', true]], (value) => String(value));
		draw('plot-lateness', points, [['p50', 'median', '--s1'], ['p99', '99th percentile', '--s5']], seconds);
	};

	// Make an element like a fresh one and keep what is the same, so that no click, focus, scroll or opened detail is lost.
	const morph = (old, fresh) => {
		if (old.isEqualNode(fresh)) return;
		if (old.nodeName !== fresh.nodeName) { old.replaceWith(fresh); return; }
		if (old.nodeType !== Node.ELEMENT_NODE) { old.data = fresh.data; return; }
		for (const { name } of [...old.attributes])
			if (!fresh.hasAttribute(name) && !(name === 'open' && old.nodeName === 'DETAILS')) old.removeAttribute(name);
		for (const { name, value } of fresh.attributes)
			if (old.getAttribute(name) !== value) old.setAttribute(name, value);
		const before = [...old.childNodes], after = [...fresh.childNodes];
		after.forEach((node, index) => { if (before[index]) morph(before[index], node); else old.append(node); });
		before.slice(after.length).forEach((node) => node.remove());
	};

	// Fetch the page again and take over its live parts.
	let fetching = false, again = false;
	const refresh = async () => {
		if (!document.querySelector('[data-live],[data-down]')) return;
		if (fetching) { again = true; return; }
		fetching = true;
		try {
			const answer = await fetch(location.href, { headers: { 'X-Live': '1' }, redirect: 'manual' });
			const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
			// The login has ended, or the database has come back to a page that has nothing of it.
			if (answer.type === 'opaqueredirect' || (answer.ok && document.querySelector('[data-down]'))) { location.reload(); return; }
			if (!answer.ok) return;
			localize(fresh);
			for (const old of document.querySelectorAll('[data-live]')) {
				const part = fresh.getElementById(old.id);
				if (part) morph(old, part);
			}
			drawAll();
		} catch {
			// The console is away; the stream says so, and comes back.
		} finally {
			fetching = false;
			if (again) { again = false; setTimeout(refresh, 250); }
		}
	};

	// A hidden page closes its stream, because a browser keeps six connections to a server.
	let stream = null;
	const show = (since) => {
		const banner = document.getElementById('down');
		banner.hidden = since === null;
		if (since !== null) document.getElementById('down-since').textContent = local(new Date(since * 1000));
	};
	const open = () => {
		const address = document.body.dataset.events;
		if (!address || stream) return;
		const live = document.getElementById('live');
		stream = new EventSource(address);
		stream.addEventListener('open', () => { live.hidden = false; });
		stream.addEventListener('error', () => { live.hidden = true; });
		stream.addEventListener('hello', () => { show(null); refresh(); });
		stream.addEventListener('change', () => { show(null); refresh(); });
		stream.addEventListener('down', (event) => { show(JSON.parse(event.data).since); });
	};
	const close = () => {
		stream?.close();
		stream = null;
	};

	document.addEventListener('visibilitychange', () => { if (document.hidden) close(); else open(); });
	window.addEventListener('pagehide', close);
	document.getElementById('zone').textContent = zone;
	localize(document);
	localizeForms();
	drawAll();
	open();
})();
