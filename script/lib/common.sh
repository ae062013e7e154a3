# Shared by the scripts beside: finding the server's programs, running them as somebody other than root, one temporary folder.
# Sourced by bash; uses no fixed path, port or user but Debian's own.

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export LC_ALL=C.UTF-8
# A caller's own connection settings must not lead a test to a caller's own server.
unset PGHOST PGPORT PGUSER PGDATABASE PGSERVICE PGSERVICEFILE PGOPTIONS PGDATA PGPASSFILE PGPASSWORD

die() {
	echo "$(basename "$0"): $*" >&2
	exit 1
}

have() {
	command -v "$1" >/dev/null 2>&1
}

# The pg_config to build against: $PG_CONFIG; else that of the newest supported server installed by Debian's packages, one with
# headers before one without; else the one on the PATH.
find_pg_config() {
	if [ -n "${PG_CONFIG:-}" ]; then
		command -v "$PG_CONFIG"
		return
	fi
	local major config rest=''
	for major in 19 18 17 16 15; do
		config=/usr/lib/postgresql/$major/bin/pg_config
		[ -x "$config" ] && [ -x "/usr/lib/postgresql/$major/bin/postgres" ] || continue
		if [ -f "$("$config" --includedir-server)/postgres.h" ]; then
			echo "$config"
			return
		fi
		rest=${rest:-$config}
	done
	if [ -n "$rest" ]; then
		echo "$rest"
	elif have pg_config && [ -x "$(pg_config --bindir)/postgres" ]; then
		command -v pg_config
	else
		return 1
	fi
}

pg_major() {
	"$1" --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/'
}

# A temporary folder that the server's user owns, removed when the script ends, whatever ends it.
# Its path is short: a socket in it must fit into 107 bytes.
make_work() {
	work=$(mktemp -d "${TMPDIR:-/tmp}/campaign.XXXXXX")
	if [ "$(id -u)" = 0 ]; then
		id postgres >/dev/null 2>&1 || die "a server does not run as root, and there is no user postgres to run it as"
		chown postgres: "$work"
	fi
	# Where we were may be closed to that user.
	cd "$work"
	trap 'leave $?' EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

# Stops what servers there are in our folder, whoever started them: a test that was interrupted leaves its own.
leave() {
	trap - EXIT
	local pid_file
	find "$work" -name postmaster.pid 2>/dev/null | while read -r pid_file; do
		as_server "$bin/pg_ctl" -D "$(dirname "$pid_file")" -m immediate -w stop >/dev/null 2>&1 || true
	done
	remove_old_versions
	cd /
	rm -rf "$work"
	exit "$1"
}

# Runs a command as the user that servers run as: postgres where we are root, else ourselves.
as_server() {
	if [ "$(id -u)" = 0 ]; then
		runuser -u postgres -- env HOME="$work" USER=postgres LOGNAME=postgres "$@"
	else
		"$@"
	fi
}

# The project without what a build or a test run left in it, in $work/src, so that the checkout stays clean.
copy_project() {
	mkdir -p "$work/src"
	(cd "$project" && tar -cf - --exclude=./.git --exclude='*.o' --exclude='*.so' --exclude='./tmp_check*' --exclude=./results --exclude=./log .) |
		tar -C "$work/src" -xf - --no-same-owner
	if [ "$(id -u)" = 0 ]; then
		chown -R postgres: "$work/src"
	fi
}

# Builds in $work/src and installs from there into the server's own folders.
build_project() {
	as_server make -C "$work/src" -s -j2 PG_CONFIG="$PG_CONFIG" "$@"
}

# Sets the array become to what runs a command as root where the server's folders need it.
find_become() {
	become=()
	if [ "$(id -u)" != 0 ] && ! { [ -w "$("$PG_CONFIG" --pkglibdir)" ] && [ -w "$("$PG_CONFIG" --sharedir)/extension" ]; }; then
		have sudo || die "installing into $("$PG_CONFIG" --pkglibdir) needs root, and there is no sudo"
		if [ -t 0 ]; then become=(sudo); else become=(sudo -n); fi
	fi
}

install_project() {
	find_become
	${become[@]+"${become[@]}"} make -C "$work/src" -s PG_CONFIG="$PG_CONFIG" install >/dev/null
}

# Installs the scripts of earlier versions beside ours, from which tests update; remove_old_versions takes away those that were not there before.
old_versions=()
install_old_versions() {
	local folder script
	folder=$("$PG_CONFIG" --sharedir)/extension
	find_become
	for script in "$work"/src/test/upgrade/campaign_lifecycle--*.sql; do
		[ ! -e "$folder/$(basename "$script")" ] || continue
		old_versions+=("$folder/$(basename "$script")")
		${become[@]+"${become[@]}"} install -m 644 "$script" "$folder/"
	done
}

remove_old_versions() {
	[ ${#old_versions[@]} -eq 0 ] || ${become[@]+"${become[@]}"} rm -f "${old_versions[@]}"
	old_versions=()
}
