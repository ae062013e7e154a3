# script/demo --servers N: N nodes and a router, each a server in the temporary folder, in front of which campaigns live and die. Sourced
# by script/demo after the installation.

[ -f "$("$PG_CONFIG" --sharedir)/extension/plproxy.control" ] || die "the server has no PL/Proxy: apt-get install postgresql-$(pg_major "$PG_CONFIG")-plproxy"

router_port=6000
names=()
for ((i = 1; i <= servers; i++)); do names+=("node$i"); done
port_of() { echo $((router_port + ${1#node})); }

# Ask a server by its port.
ask() {
	local port=$1
	shift
	"$bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$work" -p "$port" -U postgres -d demo "$@"
}
ask_router() { ask $router_port "$@"; }
pg_ctl_of() { # name, arguments of pg_ctl
	local name=$1
	shift
	quietly as_server "$bin/pg_ctl" -D "$work/$name" -l "$work/$name.log" "$@"
}

step "$servers nodes and a router, a server each"
quietly as_server "$bin/initdb" -D "$work/empty" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync
as_server tee -a "$work/empty/postgresql.conf" >/dev/null <<CONF
listen_addresses = ''
unix_socket_directories = '$work'
shared_buffers = '16MB'
CONF
for name in router "${names[@]}"; do
	as_server cp -a "$work/empty" "$work/$name"
	port=$router_port
	if [ "$name" != router ]; then
		port=$(port_of "$name")
		as_server tee -a "$work/$name/postgresql.conf" >/dev/null <<<"shared_preload_libraries = 'campaign_lifecycle'"
	fi
	as_server tee -a "$work/$name/postgresql.conf" >/dev/null <<<"port = $port"
	pg_ctl_of "$name" -w start
	"$bin/psql" -X -q -h "$work" -p "$port" -U postgres -d postgres -c 'CREATE DATABASE demo'
	[ "$name" = router ] || ask "$port" -c 'CREATE EXTENSION campaign_lifecycle'
done
ask_router -c 'SET client_min_messages = warning; CREATE EXTENSION campaign_lifecycle_router CASCADE'
stepped

title 'The router'
for name in "${names[@]}"; do
	call="SELECT add_campaign_node('$name', 'host=$work port=$(port_of "$name") dbname=demo')"
	ask_router -c "$call" >/dev/null
	echo "  $call"
done
ask_router -c "SELECT count(*) FROM run_on_campaign_nodes(\$\$UPDATE campaign_timer_policies SET delay = interval '1 second' * CASE WHEN timer_type = 'EXPIRE_CAMPAIGN' THEN 4 ELSE 2 END
	WHERE state IN ('CLOSED', 'REWARD_CLAIM')\$\$) WHERE sqlstate IS NOT NULL" >/dev/null

# A campaign lasts whole hours. One that began an hour ago is started at once, and ends in a few seconds.
title 'The campaigns'
number=0
create() { # how many, seconds until the first ends, seconds between them
	local i id node
	for ((i = 0; i < $1; i++)); do
		number=$((number + 1))
		id=$(ask_router -c "SELECT create_campaign(1, now() - interval '1 hour' + interval '$(($2 + i * $3)) seconds', metadata => '{\"name\": \"campaign $number\"}')")
		node=$(ask_router -c "SELECT campaign_home('$id')")
		printf '  %-12s  %s  on %s\n' "campaign $number" "$id" "$node"
	done
}
begun=$(ask_router -c 'SELECT clock_timestamp()')
create 9 4 1

title 'What happens to them'
printf '%s  %7s  %-6s  %-12s  %-23s  %-15s  %9s%s\n' "$dim" seconds node campaign happened 'because of' late "$plain"
for name in "${names[@]}"; do ask "$(port_of "$name")" -c 'CREATE TABLE demo_shown (id uuid PRIMARY KEY)'; done
cat >"$work/look.sql" <<'SQL'
WITH happened AS (
	SELECT l.id, l.campaign_id, l.created_at AS at, coalesce(l.from_state || ' > ', '') || l.to_state AS what, l.trigger_event AS cause,
		(SELECT t.executed_at - t.scheduled_at FROM timer_executions e JOIN campaign_timers t ON t.id = e.timer_id
			WHERE t.campaign_id = l.campaign_id AND e.status = 'COMPLETED' AND t.timer_type = l.trigger_event AND e.result ->> 'to' = l.to_state) AS late
	FROM campaign_state_log l
	WHERE l.from_state IS NOT NULL
), shown AS (
	INSERT INTO demo_shown SELECT id FROM happened ON CONFLICT DO NOTHING RETURNING id
)
SELECT rtrim(format('  %7s  %-6s  %-12s  %-23s  %-15s  %9s', to_char(extract(epoch FROM h.at - :'begun'), 'FM990.000'), :'node', c.metadata ->> 'name', h.what,
	h.cause, coalesce(to_char(extract(epoch FROM h.late) * 1000, 'FM999990.0') || ' ms', '')))
FROM shown JOIN happened h ON h.id = shown.id JOIN campaigns c ON c.id = h.campaign_id
ORDER BY h.at, h.id;
SQL
look() {
	local name
	for name in "${names[@]}"; do
		ask "$(port_of "$name")" -v "begun=$begun" -v "node=$name" -f "$work/look.sql" 2>/dev/null || true
	done | sort -n -s -k 1,1
}
look_for() { # seconds
	local until=$((SECONDS + $1))
	while [ $SECONDS -lt $until ]; do
		look
		sleep 0.2
	done
}

look_for 5
victim=node2
as_server kill -9 "$(head -n 1 "$work/$victim/postmaster.pid")"
# The router knows of the dead node, and the others go on without it.
printf '%s  %s is killed%s\n' "$bold" "$victim" "$plain"
ask_router -F ' ' -c "SELECT '  campaign_nodes: ' || node, CASE WHEN reachable THEN 'answers' ELSE node_error END FROM campaign_nodes"
create 3 3 1
look_for 4
# Its other processes end by themselves, and until then it cannot start.
for ((i = 0; i < 50; i++)); do
	as_server "$bin/pg_ctl" -D "$work/$victim" -l "$work/$victim.log" -w start >/dev/null 2>&1 && break
	sleep 0.2
done
printf '%s  %s is started again%s\n' "$bold" "$victim" "$plain"

deadline=$((SECONDS + 30))
while
	look
	left=$(ask_router -c "SELECT coalesce(sum(count) FILTER (WHERE status <> 'EXPIRED'), 0) + count(node_error) FROM campaign_state_distribution")
	[ "$left" != 0 ] && [ "$SECONDS" -lt $deadline ]
do
	sleep 0.2
done
look

title 'The result, through the router'
ask_router -c "SELECT format('  %-6s  %3s campaigns EXPIRED', node, count) FROM campaign_state_distribution WHERE status = 'EXPIRED' ORDER BY node"
total=$(ask_router -c "SELECT coalesce(sum(count), 0) FROM campaign_state_distribution WHERE status = 'EXPIRED'")
twice=0
for name in "${names[@]}"; do
	twice=$((twice + $(ask "$(port_of "$name")" -c "SELECT count(*) - count(DISTINCT timer_id) FROM timer_executions WHERE status = 'COMPLETED'")))
done
echo "  $number campaigns were created, $total have EXPIRED; $twice timers were executed twice."
code=0
if [ "$total" != "$number" ] || [ "$twice" != 0 ]; then
	code=1
	ask_router -c "SELECT * FROM campaign_health() WHERE status <> 'ok'" >&2
fi
