# The life of the packages on a machine: install, a campaign's life, autopkgtest, upgrade, purge. Sourced by script/package --try, which has
# built them into $output from $source.

step() { printf '== %s\n' "$*"; }

# Run a command of a client as the superuser of the cluster.
as_client() {
	as_server env PGHOST=/var/run/postgresql PGPORT="$port" "$@"
}

# The packages of one server version, through their whole life.
try_version() {
	local major=$1 package=postgresql-$1-campaign-lifecycle cluster=campaign_try line port conf before

	line=$(sed -n "s/.*postgresql.conf of a PostgreSQL $major cluster.*: \(shared_preload_libraries = .*\)/\1/p" "$work/install.log" | head -n 1)
	[ -n "$line" ] || die "$package did not print what to put into postgresql.conf"

	step "PostgreSQL $major: pg_createcluster, with the line that the package printed: $line"
	quietly pg_createcluster "$major" "$cluster"
	conf=/etc/postgresql/$major/$cluster/postgresql.conf
	echo "$line" >>"$conf"
	quietly pg_ctlcluster "$major" "$cluster" restart
	port=$(pg_conftool -s "$major" "$cluster" show port)

	step "PostgreSQL $major: CREATE EXTENSION, and the life of a campaign"
	as_client sh "$source/debian/tests/one_life"
	before=$(as_client psql -XAtq -d campaign_lifecycle_life -c 'SELECT md5(string_agg(l::text, chr(10) ORDER BY id)) FROM campaign_state_log l')

	step "PostgreSQL $major: the package is installed again over itself, as an upgrade"
	quietly apt install --reinstall "$output/$package"_*.deb
	grep -q 'ALTER EXTENSION' "$work/step.log" || die "the upgrade did not say what to do"
	quietly pg_ctlcluster "$major" "$cluster" restart
	[ "$(as_client psql -XAtq -d campaign_lifecycle_life -c "SELECT status FROM campaign_health() WHERE check_name = 'preload'")" = ok ] ||
		die "the library is not loaded after the upgrade"

	step "PostgreSQL $major: the package is purged, and the cluster starts"
	quietly apt purge "$package" "$package-dbgsym" "$package-router"
	grep 'campaign_lifecycle:' "$work/step.log"
	quietly pg_ctlcluster "$major" "$cluster" restart
	[ "$(as_client psql -XAtq -d campaign_lifecycle_life -c 'SELECT md5(string_agg(l::text, chr(10) ORDER BY id)) FROM campaign_state_log l')" = "$before" ] ||
		die "the data is not as it was before the purge"
	! ls /usr/share/postgresql/"$major"/extension/campaign_lifecycle* >/dev/null 2>&1 || die "the purge left files"
	as_client psql -X -d campaign_lifecycle_life -c 'SELECT id, status FROM campaigns'
	quietly pg_dropcluster --stop "$major" "$cluster"
}

step "apt-get install $(cd "$output" && echo ./*.deb)"
apt install "$output"/*.deb >"$work/install.log" 2>&1 || { tail -n 30 "$work/install.log" >&2; die "the packages cannot be installed"; }
grep 'campaign_lifecycle:' "$work/install.log"

step "autopkgtest"
if ! type -P autopkgtest >/dev/null; then
	quietly apt install --no-install-recommends autopkgtest
fi
quietly autopkgtest --no-built-binaries "$source/" -- null
grep -E 'PASS|FAIL|SKIP' "$work/step.log"

step "campaign-lifecycle-console: the service is off, the command runs, the purge leaves nothing"
[ "$(systemctl is-enabled campaign-lifecycle-console 2>/dev/null || true)" != enabled ] || die "the console is enabled"
campaign-lifecycle-console --help >/dev/null
[ -f /etc/campaign-lifecycle-console.conf ] || die "the console has no configuration"
quietly apt purge campaign-lifecycle-console
[ ! -e /etc/campaign-lifecycle-console.conf ] && [ ! -e /usr/share/campaign-lifecycle-console ] || die "the purge left files of the console"

for major in $(ls "$output" | sed -n 's/^postgresql-\([0-9]*\)-campaign-lifecycle_.*/\1/p' | sort -u); do
	try_version "$major"
done
step 'everything went well'
