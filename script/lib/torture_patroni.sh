# script/torture_router --patroni: a node of two servers under Patroni, whose primary is killed again and again while clients work through a
# router. Sourced by script/torture_router after the installation.

for program in patroni etcd; do
	have $program || die "there is no $program: apt-get install patroni etcd-server python3-etcd"
done

# Ports of the loopback interface, because Patroni needs TCP.
etcd_port=$((21000 + RANDOM % 500 * 10))
router_port=$((etcd_port + 5))
port_of() { echo $((etcd_port + 5 + $1)); }
pids=() clients=()
patroni_of() { pgrep -f "[/]patroni $work/patroni$1" || true; }
# Patroni before its servers, which it would start again.
trap 'code=$?; touch "$work/stop"; kill -9 $(patroni_of "") ${pids[@]+"${pids[@]}"} 2>/dev/null; leave $code' EXIT

in_background() { # log, command...
	local log=$1
	shift
	as_server "$@" >>"$work/$log" 2>&1 &
	pids+=($!)
	disown $!
}

as_server mkdir -p "$work/etcd"
in_background etcd.log etcd --data-dir "$work/etcd" --listen-client-urls "http://127.0.0.1:$etcd_port" --advertise-client-urls "http://127.0.0.1:$etcd_port" \
	--listen-peer-urls "http://127.0.0.1:$((etcd_port + 1))" --initial-advertise-peer-urls "http://127.0.0.1:$((etcd_port + 1))" \
	--initial-cluster "default=http://127.0.0.1:$((etcd_port + 1))"

configure() { # number
	as_server tee "$work/patroni$1.yml" >/dev/null <<-YAML
	scope: node_a
	name: server$1
	restapi: {listen: "127.0.0.1:$((etcd_port + 1 + $1))", connect_address: "127.0.0.1:$((etcd_port + 1 + $1))"}
	etcd3: {host: "127.0.0.1:$etcd_port"}
	bootstrap:
	  dcs:
	    ttl: 20
	    loop_wait: 2
	    retry_timeout: 5
	    synchronous_mode: true
	    postgresql:
	      use_pg_rewind: true
	      parameters: {shared_preload_libraries: campaign_lifecycle, max_worker_processes: 16, wal_keep_size: 64MB}
	  initdb: [{encoding: UTF8}, data-checksums, {locale: C.UTF-8}]
	  pg_hba: ["local all all trust", "host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"]
	postgresql:
	  listen: "127.0.0.1:$(port_of "$1")"
	  connect_address: "127.0.0.1:$(port_of "$1")"
	  data_dir: "$work/data$1"
	  bin_dir: "$bin"
	  pgpass: "$work/pgpass$1"
	  authentication:
	    superuser: {username: postgres}
	    replication: {username: postgres}
	  parameters: {unix_socket_directories: "$work"}
	YAML
}
start_patroni() { # number
	as_server env PYTHONUNBUFFERED=1 setsid patroni "$work/patroni$1.yml" >>"$work/patroni$1.log" 2>&1 &
	pids+=($!)
	disown $!
}
on() { # port, psql arguments...
	local port=$1
	shift
	PGCONNECT_TIMEOUT=3 "$bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$work" -p "$port" -U postgres "$@"
}
leader() { # prints the number of the server that is the primary
	local n
	for n in 1 2; do
		[ "$(on "$(port_of $n)" -d postgres -c 'SELECT pg_is_in_recovery()' 2>/dev/null)" != f ] || { echo $n; return; }
	done
	return 1
}
wait_for() { # seconds, command...
	local until=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $until ] || { tail -n 20 "$work"/patroni*.log >&2; die "waited in vain for: $*"; }
		sleep 0.2
	done
}
# The standby that Patroni would promote.
has_standby() { as_server patronictl -c "$work/patroni1.yml" list -f tsv | grep -q 'Sync Standby'; }

echo '# etcd, and two servers under Patroni'
configure 1
configure 2
start_patroni 1
wait_for 90 leader
start_patroni 2
wait_for 120 has_standby
first=$(port_of "$(leader)")
on "$first" -d postgres -c 'CREATE DATABASE app'
on "$first" -d app -c 'CREATE EXTENSION campaign_lifecycle' -c "UPDATE campaign_timer_policies SET delay = interval '1 second' WHERE state IN ('CLOSED', 'REWARD_CLAIM')"

as_server "$bin/initdb" -D "$work/router" -U postgres -A trust --no-sync >/dev/null
as_server tee -a "$work/router/postgresql.conf" >/dev/null <<CONF
listen_addresses = ''
unix_socket_directories = '$work'
port = $router_port
CONF
as_server "$bin/pg_ctl" -D "$work/router" -l "$work/router.log" -w start >/dev/null
on $router_port -d postgres -c 'CREATE DATABASE app'
on $router_port -d app -c 'SET client_min_messages = warning; CREATE EXTENSION campaign_lifecycle_router CASCADE' \
	-c "SELECT add_campaign_node('a', 'host=127.0.0.1,127.0.0.1 port=$(port_of 1),$(port_of 2) dbname=app user=postgres target_session_attrs=read-write connect_timeout=3')" >/dev/null

# Create campaigns, each with an id of its own; repeat a call until its outcome is known, and write down the id.
client() {
	local id said
	until [ -e "$work/stop" ]; do
		id=$(on $router_port -d app -c 'SELECT new_campaign_id()')
		while true; do
			said=$(on $router_port -d app -v VERBOSITY=verbose -c "SELECT create_campaign(1, now() - interval '1 hour' + interval '1 second', id => '$id')" 2>&1) && break
			[[ $said != *23505* ]] || break
			[[ $said == *08001* || $said == *08006* || $said == *57P0* ]] || { echo "surprise $said" >>"$work/ledger.$1"; break; }
			sleep 0.2
		done
		echo "$id" >>"$work/ledger.$1"
	done
}
for number in 1 2; do client $number & clients+=($!); done

asks() { on $router_port -d app -c 'SELECT 1 FROM campaign_nodes WHERE reachable' | grep -q 1; }
for ((fault = 1; fault <= faults; fault++)); do
	sleep 3
	wait_for 120 has_standby
	victim=$(leader)
	# Patroni first, which would start the server again.
	# shellcheck disable=SC2046 # one word a process
	as_server kill -9 $(patroni_of "$victim")
	as_server kill -9 "$(head -n 1 "$work/data$victim/postmaster.pid")"
	began=$SECONDS
	sleep 1
	wait_for 90 leader
	took=$((SECONDS - began))
	wait_for 60 asks
	echo "# $fault: server$victim is killed with its Patroni; another is the primary after $took s, and the router reaches it after $((SECONDS - began)) s"
	start_patroni "$victim"
done
sleep 2
touch "$work/stop"
wait "${clients[@]}"

last=$(port_of "$(leader)")
drained() { [ "$(on "$last" -d app -c "SELECT count(*) FROM campaigns WHERE status <> 'EXPIRED'")" = 0 ]; }
wait_for 90 drained
acknowledged=$(cat "$work"/ledger.* | grep -vc '^surprise' || true)
surprises=$(cat "$work"/ledger.* | grep -c '^surprise' || true)
cat "$work"/ledger.* | grep '^surprise' >&2 || true
sort -u "$work"/ledger.* | grep -v '^surprise' >"$work/ids"
on "$last" -d app -c 'SELECT id FROM campaigns' | sort >"$work/there"
lost=$(comm -23 "$work/ids" "$work/there" | wc -l)
doubled=$(on "$last" -d app -c "SELECT count(*) - count(DISTINCT timer_id) FROM timer_executions WHERE status = 'COMPLETED'")
executed=$(on "$last" -d app -c "SELECT count(*) FROM timer_executions WHERE status = 'COMPLETED'")
echo "# $faults failovers by Patroni: $acknowledged campaigns acknowledged, $executed timers executed: $lost lost, $doubled doubled, $surprises broken"
[ "$lost" = 0 ] && [ "$doubled" = 0 ] && [ "$surprises" = 0 ]
