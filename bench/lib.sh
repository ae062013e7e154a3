# Shared by the benchmarks: options, a private server with the extension under test, the line that names the machine, one table at
# the end. A benchmark sources this file, defines `usage`, calls bench_begin "$@" and start_server, calls `record KEY VALUE` for
# every run, and ends with machine_line and tables.

. "$(dirname "${BASH_SOURCE[0]}")/../script/lib/common.sh"
bench=$project/bench
runs=3
quick=false
options=()

# Options that all benchmarks know; what is left goes to option() of the benchmark, if it has one.
bench_begin() {
	local given_runs=''
	while [ $# -gt 0 ]; do
		case $1 in
			-h|--help) usage; exit 0 ;;
			--quick) quick=true ;;
			--runs) given_runs=${2:?--runs needs a number}; shift ;;
			--runs=*) given_runs=${1#*=} ;;
			*) if declare -F option >/dev/null && option "$@"; then shift; else usage >&2; exit 2; fi ;;
		esac
		shift
	done
	if $quick; then runs=1; fi
	runs=${given_runs:-$runs}
	[[ $runs =~ ^[1-9][0-9]*$ ]] || die "--runs: not a number: $runs"
	# A check that failed must fail the benchmark, also within $( ).
	set -E
	PG_CONFIG=$(find_pg_config) || die "no PostgreSQL found; script/bootstrap installs one"
	bin=$("$PG_CONFIG" --bindir)
	load_before=$(cut -d ' ' -f 1 /proc/loadavg)
	make_work
	trap 'bench_leave $?' EXIT
}

# Print the server's errors after a run that failed.
bench_leave() {
	[ "$1" = 0 ] || ! [ -f "$work/server.log" ] || grep -E 'PANIC|FATAL|ERROR|terminated by' "$work/server.log" | tail -n 20 >&2
	leave "$1"
}

# Report progress on standard error; standard output is the result.
say() {
	printf '%s  %s\n' "$(date +%T)" "$*" >&2
}

# The extension under test goes into a folder of this run where the server can be told to look there (Debian's can), else into the
# server's own. BENCH_INSTALLED says that the caller has installed it already.
place_extension() {
	extension_conf="shared_preload_libraries = 'campaign_lifecycle${preload:+, $preload}'"
	[ -z "${BENCH_INSTALLED:-}" ] || return 0
	"$project/script/bootstrap"
	copy_project
	say "building"
	build_project all >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; die "the build failed"; }
	# Not by grep -q: it ends the pipe early, which pipefail takes for a failure.
	if [[ $("$bin/postgres" --describe-config) == *extension_destdir* ]]; then
		as_server make -C "$work/src" -s PG_CONFIG="$PG_CONFIG" DESTDIR="$work/installed" install >"$work/build.log" 2>&1 ||
			{ cat "$work/build.log" >&2; die "the installation failed"; }
		extension_conf+="
extension_destdir = '$work/installed'
dynamic_library_path = '$work/installed$("$PG_CONFIG" --pkglibdir):\$libdir'"
	else
		install_project
	fi
}

# Settings that every benchmark runs with; a benchmark's own come after, as arguments, one a line.
memory_mb() {
	awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo
}
common_settings() {
	local buffers=$(($(memory_mb) / 8))
	[ $buffers -lt 2048 ] || buffers=2048
	cat <<-CONF
	shared_buffers = ${buffers}MB
	max_wal_size = 8GB
	checkpoint_timeout = 30min
	random_page_cost = 1.1
	jit = off
	max_connections = 100
	max_worker_processes = 32
	CONF
}

start_server() { # [setting...]
	place_extension
	say "starting a server in $work"
	as_server "$bin/initdb" -D "$work/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >/dev/null
	settings=$(common_settings; printf '%s\n' "$@")
	as_server tee -a "$work/data/postgresql.conf" >/dev/null <<-CONF
	$extension_conf
	listen_addresses = ''
	unix_socket_directories = '$work'
	timezone = 'UTC'
	$settings
	CONF
	as_server "$bin/pg_ctl" -D "$work/data" -l "$work/server.log" -w -t 120 start >/dev/null ||
		{ tail -n 30 "$work/server.log" >&2; die "the server did not start"; }
}

sql() { # database, psql arguments...
	local database=$1
	shift
	PGOPTIONS='-c client_min_messages=warning' "$bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$work" -U postgres -d "$database" "$@"
}

run_pgbench() { # database, pgbench arguments...
	local database=$1
	shift
	as_server "$bin/pgbench" -n -h "$work" -U postgres "$@" "$database"
}

# A setting of the whole server; returns when the new value is in force.
set_server() { # name, value
	sql postgres -c "ALTER SYSTEM SET $1 = '$2'" -c 'SELECT pg_reload_conf()' >/dev/null
	for _ in $(seq 100); do
		[ "$(sql postgres -c "SELECT current_setting('$1') = '$2'")" != t ] || return 0
		sleep 0.05
	done
	die "$1 = $2 did not take effect"
}

# A database that others are copied from; nobody can connect to it, the worker included.
seal_template() { # database
	sql postgres -c "ALTER DATABASE $1 ALLOW_CONNECTIONS false"
}

# A copy, in shared buffers, after a checkpoint. A copied database starts paused.
fresh_copy() { # template, database
	sql postgres -c "DROP DATABASE IF EXISTS $2 WITH (FORCE)" -c "CREATE DATABASE $2 TEMPLATE $1 STRATEGY file_copy"
	sql "$2" -c "CREATE EXTENSION IF NOT EXISTS pg_prewarm" \
		-c "SELECT sum(pg_prewarm(c.oid)) FROM pg_class AS c WHERE c.relkind IN ('r', 'i', 't', 'm') AND c.relpages > 0" >/dev/null
	sql postgres -c CHECKPOINT
}

drop_copy() { # database
	sql postgres -c "DROP DATABASE IF EXISTS $1 WITH (FORCE)"
}

# Fail if the SQL returns a row; each row names something that is wrong.
check() { # database, what, SQL
	local wrong
	# Sets of all rows are compared, of which the statistics know nothing yet.
	wrong=$(sql "$1" -c "SET work_mem = '512MB'" -c 'SET enable_nestloop = off' -c "$3")
	[ -z "$wrong" ] || die "$2: $wrong"
}

record() { # row of the table, value
	printf '%s\t%s\n' "$1" "$2" >>"$work/results.tsv"
	say "$1: $2"
}

# The median of what was recorded for a row.
median_of() { # row
	awk -F '\t' -v key="$1" '$1 == key { print $2 }' "$work/results.tsv" | sort -g |
		awk '{ v[NR] = $1 } END { if (NR) printf "%.10g\n", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# Rows as a Markdown table in the order in which they were first recorded: median, minimum and maximum of the runs. Rows are those
# that begin with a prefix (which is not shown); with the name of one of them the median is also shown as a multiple of its.
table() { # heading of the first column, unit, number of decimals[, prefix[, row that counts as 1]]
	awk -F '\t' -v head="$1" -v unit="$2" -v decimals="$3" -v prefix="${4:-}" -v base="${5:-}" '
		index($1, prefix) == 1 {
			key = substr($1, length(prefix) + 1)
			if (!(key in count)) order[++rows] = key
			value[key, ++count[key]] = $2 + 0
		}
		function number(x) { return sprintf("%." decimals "f", x) }
		function sorted(key,  i, j, t) {
			for (i = 2; i <= count[key]; i++)
				for (j = i; j > 1 && value[key, j - 1] > value[key, j]; j--) {
					t = value[key, j]; value[key, j] = value[key, j - 1]; value[key, j - 1] = t
				}
			low[key] = value[key, 1]
			high[key] = value[key, count[key]]
			i = int((count[key] + 1) / 2)
			median[key] = count[key] % 2 ? value[key, i] : (value[key, i] + value[key, i + 1]) / 2
		}
		END {
			if (!rows) exit
			for (r = 1; r <= rows; r++) sorted(order[r])
			printf "\n| %s | %s, median | min | max | runs |%s\n", head, unit, base == "" ? "" : " of \"" base "\" |"
			printf "| --- | ---: | ---: | ---: | ---: |%s\n", base == "" ? "" : " ---: |"
			for (r = 1; r <= rows; r++) {
				key = order[r]
				printf "| %s | %s | %s | %s | %d |", key, number(median[key]), number(low[key]), number(high[key]), count[key]
				if (base != "") printf " %s |", (base in median) && median[base] != 0 ? sprintf("%.2f x", median[key] / median[base]) : "-"
				printf "\n"
			}
		}' "$work/results.tsv"
}

# Measured beside the data, on the same disk. In microseconds.
fdatasync_us() {
	if [ -z "${disk_sync:-}" ]; then
		disk_sync=$({ as_server "$bin/pg_test_fsync" -s 2 -f "$work/fsync.out" 2>/dev/null || true; } |
			awk '$1 == "fdatasync" { print $(NF - 1); exit }')
		rm -f "$work/fsync.out"
	fi
	echo "${disk_sync:-unknown}"
}

machine_line() {
	local model cores
	disk_sync=$(fdatasync_us)
	cores=$(nproc)
	model=$(awk -F ': ' '/^model name/ { print $2; exit }' /proc/cpuinfo)
	printf '\n%s, %s: %s %s (%s), %d GiB of memory, Linux %s, %s, fdatasync %s us; load %s at the start; %s; %s\n' \
		"$(basename "$0")" "$(date -u +%F)" "$cores" "$([ "$cores" = 1 ] && echo core || echo cores)" "${model:-unknown processor}" \
		"$((($(memory_mb) + 512) / 1024))" "$(uname -r)" "$(stat -f -c %T "$work")" "$disk_sync" "$load_before" \
		"$("$PG_CONFIG" --version)" "$(tr '\n' ';' <<<"$settings" | sed 's/ *= */=/g; s/;*$//; s/;/, /g')"
}
