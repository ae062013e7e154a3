# campaign_lifecycle: one shared library from src/, one install script from the files of sql/ in the order of sql/order.mk.
#
#   make, make install            against the server that PG_CONFIG belongs to; `make uninstall` removes what was installed
#   make installcheck             pg_regress and isolation tests against a running server that preloads the library
#   make tempcheck                the same tests, each kind with a server of its own (not as root)
#   make unit                     the tests that need no server
#   make lint                     the promises the compiler does not check; warnings are errors
#   make dist                     the zip for PGXN, of the last commit
#   make -C router install        the extension for several servers, which `make install` adds where the server has PL/Proxy
#   script/test                   everything, from a bare machine

# The bitcode step would ignore PG_CXXFLAGS, and nothing here gains from inlining into a query.
override with_llvm = no

EXTENSION := campaign_lifecycle
EXTVERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" campaign_lifecycle.control)

# The version from which ALTER EXTENSION UPDATE leads to this one. test/upgrade has its install script.
PREVIOUS := 1.1

# TABLE_FILES, INSTALL_FILES and UPDATE_FILES: the files of sql/, in order.
include sql/order.mk

SQL_SOURCES := $(sort $(wildcard sql/*/*.sql))
SQL_INSTALL := sql/$(EXTENSION)--$(EXTVERSION).sql
SQL_UPDATE := sql/$(EXTENSION)--$(PREVIOUS)--$(EXTVERSION).sql
DATA_built = $(SQL_INSTALL) $(SQL_UPDATE)

MODULE_big = $(EXTENSION)
OBJS := $(patsubst %.cpp,%.o,$(wildcard src/*.cpp src/*/*.cpp))

# The server's headers are system headers here: they use `register`, which C++17 does not have, and more that -Wextra reports.
# clang does not know all the warnings that a server built by gcc asks for. No exceptions, no RTTI: the library then needs nothing but libc (see make lint).
# For developers: script/test and `make lint` set it to -Werror.
WERROR ?=
# The flags of a sanitizer, which script/analyse sets in the environment.
SANITIZE ?=
# Features that exist for speed alone and are left out, as bench/without names them. `make clean` before a change of it.
WITHOUT ?=
PG_CPPFLAGS = -Isrc -isystem $(shell $(PG_CONFIG) --includedir-server) -DCAMPAIGN_LIFECYCLE_VERSION='"$(EXTVERSION)"'
PG_CXXFLAGS = -std=c++17 -Wall -Wextra $(WERROR) -Wno-register -Wno-unknown-warning-option -fno-exceptions -fno-rtti -fvisibility=hidden $(SANITIZE) $(WITHOUT:%=-DNO_%)

# Both kinds of test run against the server that PGHOST and PGPORT name. For `make tempcheck` each kind brings a server of its own, reached
# through a socket in a temporary folder.
REGRESS_SERVER ?=
ISOLATION_SERVER ?=
REGRESS := $(patsubst test/sql/%.sql,%,$(sort $(wildcard test/sql/*.sql)))
REGRESS_OPTS = --inputdir=test $(REGRESS_SERVER)
ISOLATION := $(patsubst test/specs/%.spec,%,$(sort $(wildcard test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test --outputdir=. $(ISOLATION_SERVER)
EXTRA_CLEAN = $(EXTENSION)-*.zip sql/tables.tmp sql/comments.tmp sql/views.tmp test/unit/unit_tests test/unit/*.unit.o results output_iso tmp_check tmp_check_iso log \
	regression.diffs regression.out

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# PGXS follows no headers.
$(OBJS): $(wildcard src/*.hpp src/*/*.hpp) Makefile $(EXTENSION).control

# A line "--@tables" or "--@comments" stands for the tables and views, or for the comments on them, "--@views" for the views,
# and "--@changes", "--@valid_jobs" and "--@valid_schedule" for those files of sql/tables.
sql/tables.tmp: $(SQL_SOURCES) sql/order.mk Makefile
	cat $(TABLE_FILES:%=sql/%.sql) > $@

sql/comments.tmp: sql/tables.tmp
	awk '/^COMMENT ON /{inside=1} inside; /;$$/{inside=0}' $< > $@

# A view that its user has given more columns stays as it is.
sql/views.tmp: sql/tables.tmp
	awk '/^CREATE VIEW /{inside=1; print "BEGIN"; sub(/^CREATE/, "PERFORM campaign_lifecycle_internal._run_outside_script($$view$$CREATE OR REPLACE")} \
		inside && /;$$/{sub(/;$$/, "$$view$$);"); print; inside=0; print "EXCEPTION WHEN invalid_table_definition THEN"; print "\tRAISE WARNING \047a view of campaign_lifecycle was left as it is: %\047, SQLERRM;"; \
		print "END;"} inside' $< > $@

EXPAND = sed -e '/^--@tables$$/{' -e 'r sql/tables.tmp' -e 'd' -e '}' -e '/^--@comments$$/{' -e 'r sql/comments.tmp' -e 'd' -e '}' \
	-e '/^--@views$$/{' -e 'r sql/views.tmp' -e 'd' -e '}' $(foreach part,changes valid_jobs valid_schedule,-e '/^--@$(part)$$/{' -e 'r sql/tables/$(part).sql' -e 'd' -e '}')
CONSTANTS = sed $(foreach name,uuid_v7 time_limit attempt_limit,-e "s|@$(name)@|$($(name))|g")

$(SQL_INSTALL): $(SQL_SOURCES) sql/tables.tmp sql/comments.tmp sql/views.tmp sql/order.mk Makefile $(EXTENSION).control
	cat $(INSTALL_FILES:%=sql/%.sql) | $(EXPAND) | $(CONSTANTS) > $@

$(SQL_UPDATE): $(SQL_SOURCES) sql/tables.tmp sql/comments.tmp sql/views.tmp sql/order.mk Makefile $(EXTENSION).control
	( printf '%s\n' "\\echo Use \"ALTER EXTENSION $(EXTENSION) UPDATE TO '$(EXTVERSION)'\" to load this file. \\quit"; \
	cat $(UPDATE_FILES:%=sql/%.sql) | sed -E 's/^CREATE (FUNCTION|PROCEDURE|VIEW) /CREATE OR REPLACE \1 /' | $(EXPAND) | $(CONSTANTS) ) > $@

tempcheck:
	@$(MAKE) --no-print-directory installcheck REGRESS_SERVER='--temp-instance=tmp_check --temp-config=test/postgresql.conf' \
		ISOLATION_SERVER='--temp-instance=tmp_check_iso --temp-config=test/postgresql.conf'

# DOCS of PGXS would put all pages into one folder for all extensions, and its uninstall would not find them.
USER_DOCS := README.md CHANGELOG.md SECURITY.md $(wildcard docs/*.md)
DOC_IMAGES := $(wildcard docs/img/*.png)
installed_docs = $(DESTDIR)$(docdir)/$(docmoduledir)/$(EXTENSION)

install: install-docs
install-docs:
	$(MKDIR_P) '$(installed_docs)/docs/img'
	$(INSTALL_DATA) $(filter-out docs/%,$(USER_DOCS)) '$(installed_docs)/'
	$(INSTALL_DATA) $(filter docs/%,$(USER_DOCS)) '$(installed_docs)/docs/'
	$(INSTALL_DATA) $(DOC_IMAGES) '$(installed_docs)/docs/img/'

uninstall: uninstall-docs
uninstall-docs:
	rm -rf '$(installed_docs)'

# The extension for several servers. `make ROUTER=` leaves it out, and `make ROUTER=router` builds it without PL/Proxy.
ROUTER ?= $(if $(wildcard $(shell $(PG_CONFIG) --sharedir)/extension/plproxy.control),router)
MAKE_ROUTER = +@$(MAKE) --no-print-directory -C router PG_CONFIG='$(PG_CONFIG)'
all: $(ROUTER:%=all-%)
install: $(ROUTER:%=install-%)
uninstall: $(ROUTER:%=uninstall-%)
clean: clean-router
all-router: $(SQL_INSTALL)
	$(MAKE_ROUTER) all
install-router: all-router
	$(MAKE_ROUTER) install
uninstall-router clean-router:
	$(MAKE_ROUTER) $(@:%-router=%)

dist:
	@script/lib/dist

# PGXS expands the flags while it is read, so a variable of this target alone would come too late.
lint:
	@$(MAKE) --no-print-directory WERROR=-Werror all
	@script/lint $(shlib) $(SQL_INSTALL) $(SQL_SOURCES)

unit: test/unit/unit_tests
	@test/unit/unit_tests

test/unit/unit_tests: FORCE
	@$(MAKE) -s -C test/unit unit_tests

.PHONY: tempcheck install-docs uninstall-docs all-router install-router uninstall-router clean-router dist lint unit FORCE
