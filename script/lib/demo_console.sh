# The part of script/demo that shows living campaigns on a web page. It goes on until Ctrl-C. script/screenshots sources it, too: sql,
# work, project and console are those of the script that sources it.

# Lives of minutes: a campaign that ends in a minute or two is closed, opens its claim and expires within the next two.
demo_policies() {
	sql -c "UPDATE campaign_timer_policies SET delay = CASE
		WHEN state = 'CLOSED' AND timer_type = 'REWARD_REMINDER' THEN interval '20 seconds'
		WHEN state = 'CLOSED' AND timer_type = 'EXPIRE_CAMPAIGN' THEN interval '60 seconds'
		WHEN state = 'REWARD_CLAIM' AND timer_type = 'REWARD_REMINDER' THEN interval '25 seconds'
		WHEN state = 'REWARD_CLAIM' AND timer_type = 'EXPIRE_CAMPAIGN' THEN interval '50 seconds'
		ELSE delay END
	WHERE state IN ('CLOSED', 'REWARD_CLAIM')"
}

# Create some campaigns: they begin within a minute, and end a minute or two later, because they began almost an hour ago or soon
# will. One in twelve lasts for days.
demo_campaigns() { # how many
	sql -v "n=$1" >/dev/null <<'SQL'
SELECT create_campaign(
	CASE WHEN random() < 0.08 THEN 48 + (random() * 200)::int ELSE 1 END,
	now() - interval '1 hour' + random() * interval '150 seconds',
	rewards_enabled => random() < 0.7,
	metadata => jsonb_build_object('name', (ARRAY['summer sale', 'coffee week', 'flash deal', 'free shipping', 'two for one', 'early bird',
		'night owl', 'garden days', 'back to school', 'ski season', 'book fair', 'bike month'])[1 + (random() * 11)::int] || ' ' || (100 + random() * 899)::int,
		'shop', (ARRAY['Berlin', 'Lyon', 'Turin', 'Porto'])[1 + (random() * 3)::int]))
FROM generate_series(1, :n);
SELECT create_campaign(1 + (random() * 72)::int, now() + random() * interval '90 minutes',
	metadata => jsonb_build_object('name', 'pre-sale ' || (100 + random() * 899)::int)) FROM generate_series(1, :n / 4 + (random() < 0.3)::int);
SQL
}

demo_roles() {
	sql -c "CREATE ROLE watcher LOGIN" -c "SELECT grant_campaign_access('watcher', access) FROM unnest(ARRAY['reader', 'writer', 'operator']) AS access" >/dev/null
}

demo_feed() {
	while sleep 4; do demo_campaigns 2 || return 0; done
}

if [ -n "${console:-}" ]; then
	title 'Living campaigns'
	demo_policies
	demo_roles
	demo_campaigns 60
	demo_feed 2>/dev/null &
	feeder=$!
	echo '  60 campaigns, and more every four seconds. Ctrl-C ends the demo and removes the server.'
	echo
	# The console runs as the user of the server, never as root.
	as_server env PYTHONPATH="$work/src" PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -m console --listen "$console" \
		"host=$work user=watcher dbname=demo" || true
	kill "$feeder" 2>/dev/null || true
fi
