# campaign_lifecycle: one shared library from src/, one install script from the numbered parts of sql/.
#
#   make, make install            against the server that PG_CONFIG belongs to
#   make installcheck             pg_regress and isolation tests, each with a server of its own (not as root)
#   make lint                     the promises the compiler does not check
#   script/test                   everything, from a bare machine

# The bitcode step would ignore PG_CXXFLAGS, and nothing here gains from inlining into a query.
override with_llvm = no

EXTENSION := campaign_lifecycle
EXTVERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" campaign_lifecycle.control)

# The parts, read top to bottom. What stands between 09_install_begin and 69_install_end becomes the body of install_campaign_tables(): the tables, and
# the views over them. What a version has added to them becomes the body of upgrade_campaign_tables(), between 27 and 28.
TABLES_1.0 := 10_machine 20_campaigns 21_timers 22_state_log 23_metrics 24_executions
TABLES_1.1 := 26_backfills 55_maintenance 62_views 64_monitoring_views
FUNCTIONS := \
	11_adopt \
	12_triggers \
	09_install_begin $(TABLES_1.0) $(TABLES_1.1) 69_install_end \
	27_upgrade_begin $(TABLES_1.1) 28_upgrade_end \
	29_uninstall \
	25_table_triggers \
	30_api \
	40_execution \
	41_handlers \
	50_upkeep \
	51_backfill \
	60_health \
	61_timeline \
	90_privileges
INSTALL_PARTS := 00_head $(FUNCTIONS) 63_workers_view 99_install 97_members
UPGRADE_PARTS := 63_workers_view 96_upgrade 97_members
UPGRADE_FIRST := 95_lock

SQL_SOURCES := $(wildcard sql/[0-9]*.sql)
SQL_INSTALL := sql/$(EXTENSION)--$(EXTVERSION).sql
SQL_UPGRADE := sql/$(EXTENSION)--1.0--$(EXTVERSION).sql
SQL_BUILT := $(SQL_INSTALL) $(SQL_UPGRADE)

# The install scripts of earlier versions, as they were released: never touched again.
DATA = $(filter-out $(SQL_BUILT), $(wildcard sql/$(EXTENSION)--*.sql))
DATA_built = $(SQL_BUILT)

MODULE_big = $(EXTENSION)
OBJS := $(patsubst %.cpp,%.o,$(wildcard src/*.cpp src/*/*.cpp))

# The server's headers are system headers here: they use `register`, which C++17 does not have, and more that -Wextra reports.
# (clang does not know all the warnings that a server built by gcc asks for.) No exceptions, no RTTI: the library then needs nothing but libc (see make lint).
WERROR = -Werror
# What script/analyse adds, from the environment: a sanitizer's flags.
SANITIZE ?=
# Features that exist for speed alone and are left out, as bench/without names them. `make clean` before a change of it.
WITHOUT ?=
PG_CPPFLAGS = -Isrc -isystem $(shell $(PG_CONFIG) --includedir-server)
PG_CXXFLAGS = -std=c++17 -Wall -Wextra $(WERROR) -Wno-register -Wno-unknown-warning-option -fno-exceptions -fno-rtti -fvisibility=hidden $(SANITIZE) $(WITHOUT:%=-DNO_%)

# Both kinds of test bring a server of their own, reached through a socket in a temporary folder.
REGRESS := $(patsubst test/sql/%.sql,%,$(sort $(wildcard test/sql/*.sql)))
REGRESS_OPTS = --inputdir=test --temp-instance=tmp_check --temp-config=test/postgresql.conf
ISOLATION := $(patsubst test/specs/%.spec,%,$(sort $(wildcard test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test --outputdir=. --temp-instance=tmp_check_iso --temp-config=test/postgresql.conf
EXTRA_CLEAN = results output_iso tmp_check tmp_check_iso log regression.diffs regression.out

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# PGXS follows no headers.
$(OBJS): $(wildcard src/*.hpp src/*/*.hpp) Makefile

$(SQL_INSTALL): $(SQL_SOURCES) Makefile $(EXTENSION).control
	cat $(INSTALL_PARTS:%=sql/%.sql) > $@

# An upgrade runs the same text, so that an upgraded database cannot differ from a new one: every function is made or replaced, then the tables follow.
$(SQL_UPGRADE): $(SQL_SOURCES) Makefile $(EXTENSION).control
	( printf '%s\n' "\\echo Use \"ALTER EXTENSION $(EXTENSION) UPDATE TO '$(EXTVERSION)'\" to load this file. \\quit"; \
	cat $(UPGRADE_FIRST:%=sql/%.sql); \
	sed -E 's/^CREATE (FUNCTION|PROCEDURE) /CREATE OR REPLACE \1 /' $(FUNCTIONS:%=sql/%.sql); cat $(UPGRADE_PARTS:%=sql/%.sql) ) > $@

lint: all
	@script/lint $(shlib) $(SQL_INSTALL) $(SQL_SOURCES)

.PHONY: lint
