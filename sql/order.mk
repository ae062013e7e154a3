# The install script and the update script, file by file, in order. The names are files below sql/ without ".sql".
# A line with a reason says why its files stand where they do; files of one line may change places.

# Ordinary relations of the user: the body of install_campaign_tables().
TABLE_FILES := \
	tables/version \
	tables/state_machine tables/handlers \
	tables/campaigns \
	tables/timers tables/state_log tables/metrics \
	tables/executions tables/changes \
	tables/backfills tables/maintenance_jobs tables/valid_jobs tables/valid_schedule \
	tables/materialized_views \
	views/runnable_timers views/monitoring views/upcoming_timers views/backfill_progress
# tables/campaigns before timers, state_log and metrics: foreign keys. tables/timers before executions: a foreign key.
# tables/campaigns before changes, too. tables/maintenance_jobs before valid_jobs and valid_schedule, which alter it. All tables before views.

# Functions. plpgsql functions find each other at run time, and SQL functions when they are made.
FUNCTION_FILES := \
	functions/access_levels \
	functions/name_lists functions/presence functions/arguments \
	triggers/functions triggers/create \
	install/adopt install/install_campaign_tables install/uninstall update/schedules update/changes update/tables functions/default_rows \
	functions/changes functions/campaigns functions/reschedule functions/timers functions/metrics functions/pause_and_run \
	functions/execution functions/retry functions/notify functions/events functions/early_timers functions/timer_policies functions/hand_set_timers \
	functions/handlers functions/single_timer \
	maintenance/arguments maintenance/owner maintenance/partition_grants maintenance/partitions maintenance/archive \
	maintenance/cleanup maintenance/refresh \
	maintenance/cron_schedule maintenance/jobs maintenance/pg_cron \
	functions/backfill_checks functions/backfill \
	functions/missing_timers \
	functions/states_and_types \
	functions/health_holders functions/health_tables functions/health_timers functions/health_worker functions/health functions/timeline \
	functions/access_lock functions/access \
	views/workers
# functions/relations is not among them, because the check for clashes calls it before any other.

# CREATE EXTENSION.
INSTALL_FILES := \
	install/preflight \
	install/internal_schema \
	functions/relations \
	install/clash \
	install/bookkeeping install/bookkeeping_comments install/bookkeeping_trigger \
	$(FUNCTION_FILES) \
	install/revoke_public \
	install/finish \
	install/release_tables
# install/internal_schema before functions/relations, which is in that schema. install/clash before the first object in
# the extension's schema. install/revoke_public before finish: where PUBLIC may execute a function, finish would not
# grant it.
# install/release_tables last: finish makes relations, and the server makes each a member of the extension.

# ALTER EXTENSION UPDATE. It runs the same text, so that an updated database equals a new one. The build turns CREATE
# FUNCTION and CREATE VIEW into CREATE OR REPLACE.
UPDATE_FILES := \
	update/lock \
	install/internal_schema \
	update/$(PREVIOUS)--$(EXTVERSION) \
	functions/relations \
	install/bookkeeping_comments install/bookkeeping_trigger \
	$(FUNCTION_FILES) \
	install/revoke_public \
	update/finish \
	install/release_tables
# update/lock before anything that touches a table. update/$(PREVIOUS)--$(EXTVERSION) before the functions that it drops
# or moves.

# Constants that the text needs in several places, as @name@.

# The default of an id: a time-ordered UUID (version 7). It calls built-in functions only, because a function of the
# extension in a column default would make DROP EXTENSION need CASCADE.
uuid_v7 := pg_catalog.encode(pg_catalog.set_bit(pg_catalog.set_bit(pg_catalog.overlay( \
	pg_catalog.uuid_send(pg_catalog.gen_random_uuid()), pg_catalog.substring(pg_catalog.int8send( \
	pg_catalog.floor(EXTRACT(epoch FROM pg_catalog.clock_timestamp()) * 1000)::bigint), 3), \
	1, 6), 52, 1), 53, 1), 'hex')::uuid
# Times are kept up to here. src/pg/limits.hpp has the same limit.
time_limit := 10000-01-01 00:00:00+00
# The most attempts that campaign_lifecycle.max_attempts can allow. Indexes have it in their predicates.
# src/pg/limits.hpp has the same limit.
attempt_limit := 5
