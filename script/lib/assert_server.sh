# A server with assertions, built from Debian's source package and kept between runs. Sourced by script/analyse, after common.sh.
# The machine's own lists of packages and its own server stay as they are: apt-get gets a configuration of its own, the build runs as the
# user of the server, and of what it installs only the folder of the new server is taken.

# Downloads the upstream tarball of Debian's newest source package that can be had into $work/package. The archive of security updates
# does not keep every source, so older ones are tried. Debian's patches, which lead `make install` into the distribution's folders, are
# left out.
download_server_source() {
	local major=$1 apt=$work/apt file version options
	mkdir -p "$apt"/etc/sources.list.d "$apt"/lists/partial "$apt"/cache/archives/partial "$work/package"
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
		[ -f "$file" ] || continue
		sed -E 's/^deb /deb-src /; s/^Types:.*/Types: deb-src/' "$file" >"$apt/etc/${file#/etc/apt/}"
	done
	options=(-q -o Dir::Etc::sourcelist="$apt/etc/sources.list" -o Dir::Etc::sourceparts="$apt/etc/sources.list.d"
		-o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt/cache" -o APT::Sandbox::User=root)
	apt-get "${options[@]}" update >"$work/apt.out" 2>&1 || true
	for version in $(apt-cache "${options[@]}" showsrc "postgresql-$major" 2>/dev/null | sed -n 's/^Version: //p' | sort -rVu); do
		(cd "$work/package" && apt-get "${options[@]}" source --download-only --only-source "postgresql-$major=$version") >>"$work/apt.out" 2>&1 && return
	done
	cat "$work/apt.out" >&2
	die "no source package of postgresql-$major can be had"
}

# The other extensions of the distribution's server, as they are: pgTAP, pg_cron, and what else is installed.
copy_extensions() {
	local from=$1 to=$2
	cp -n "$("$from" --sharedir)"/extension/* "$("$to" --sharedir)/extension/"
	find "$("$from" --pkglibdir)" -maxdepth 1 -name '*.so' ! -name 'llvmjit*' -exec cp -n -t "$("$to" --pkglibdir)" {} +
	rm -f "$("$to" --sharedir)"/extension/campaign_lifecycle* "$("$to" --pkglibdir)/campaign_lifecycle.so"
}

# Prints the pg_config of the server with assertions for the version of $PG_CONFIG; builds it where there is none.
assert_server() {
	local major config tarball version prefix without=()
	major=$(pg_major "$PG_CONFIG")
	for config in /var/tmp/campaign_lifecycle-cassert-"$major".*/bin/pg_config; do
		# The folder is open to all: a server that somebody else has put there is not run.
		if [ -x "$config" ] && [ -O "$config" ]; then
			echo "$config"
			return
		fi
	done
	# Tests and views of the extension use XML.
	need libxml2-dev=xml2-config pkg-config=pkg-config
	[ "$major" -lt 17 ] || need bison=bison flex=flex
	download_server_source "$major"
	tarball=$(echo "$work"/package/*.orig.tar.*)
	version=$(basename "$tarball" | sed 's/^[^_]*_\([0-9.]*\)\.orig.*/\1/')
	prefix=/var/tmp/campaign_lifecycle-cassert-$version
	[ ! -e "$prefix" ] || die "$prefix is in the way"
	[ -f /usr/include/zlib.h ] || without=(--without-zlib)
	echo "# building PostgreSQL $version with assertions, for $prefix (minutes)" >&2
	as_server mkdir "$work/server" "$work/installed"
	as_server tar -C "$work/server" --strip-components=1 -xf "$tarball"
	as_server bash -e -c 'cd "$0"
		./configure -q --prefix="$1" --enable-cassert --enable-debug --enable-tap-tests --with-libxml --without-readline --without-icu "${@:3}" \
			CFLAGS="-O1 -fno-omit-frame-pointer"
		make -s -j2 all
		make -s -j2 -C contrib all
		make -s DESTDIR="$2" install
		make -s -C contrib DESTDIR="$2" install' \
		"$work/server" "$prefix" "$work/installed" "${without[@]}" >"$work/server.out" 2>&1 || {
		tail -n 40 "$work/server.out" >&2
		die "the server with assertions could not be built"
	}
	cp -a "$work/installed$prefix" "$prefix.new"
	[ "$(id -u)" != 0 ] || chown -R root: "$prefix.new"
	mv "$prefix.new" "$prefix"
	copy_extensions "$PG_CONFIG" "$prefix/bin/pg_config"
	rm -rf "$work/server" "$work/installed"
	echo "$prefix/bin/pg_config"
}
