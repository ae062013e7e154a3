-- The processes and what they do. The view reads a C function alone and is a member of the extension, also in a
-- restore: the server has no way to say that an ordinary view belongs to an extension.

CREATE FUNCTION campaign_lifecycle_internal._workers(OUT pid integer, OUT database_oid oid, OUT worker_number integer,
	OUT state text, OUT batches bigint, OUT timers bigint,
		OUT failures bigint, OUT last_error text, OUT next_due timestamp with time zone,
			OUT started_at timestamp with time zone,
		OUT last_batch_at timestamp with time zone) RETURNS SETOF record
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_workers';
COMMENT ON FUNCTION campaign_lifecycle_internal._workers() IS
	'The state of the launcher and of the workers of all databases, from shared memory; campaign_workers shows it.';

CREATE FUNCTION campaign_lifecycle_internal._turns(OUT database_oid oid, OUT waits boolean,
	OUT due timestamp with time zone, OUT starts bigint, OUT late_us bigint, OUT late_at timestamp with time zone)
	RETURNS SETOF record
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_turns';
COMMENT ON FUNCTION campaign_lifecycle_internal._turns() IS
	'For each database with the extension: whether it waits for a process, when it needs one, and how often its first '
	'worker has started. late_us: how long it has waited beyond the due time, the worst of ten minutes, at late_at.';

CREATE VIEW @extschema@.campaign_workers AS
	SELECT w.pid, d.datname AS database, w.worker_number, w.state, w.batches, w.timers, w.failures,
		CASE WHEN d.datname = pg_catalog.current_database() OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')
			THEN w.last_error
			WHEN w.last_error IS NOT NULL THEN '<in another database>' END AS last_error,
		w.next_due, w.started_at, w.last_batch_at
	FROM campaign_lifecycle_internal._workers() AS w
	LEFT JOIN pg_catalog.pg_database AS d ON d.oid = w.database_oid;
COMMENT ON VIEW @extschema@.campaign_workers IS
	'One row a worker process of the server, of this and other databases. A row without a pid says why there is none. '
	'Since 1.1.';
COMMENT ON COLUMN @extschema@.campaign_workers.state IS
	'not preloaded: the library is not in shared_preload_libraries; launcher missing; standby: no timer is executed until '
	'it is promoted; no worker slot: max_worker_processes is too small; waiting its turn: other databases have the '
	'processes, and this one gets one at next_due; starting; idle; running; paused; blocked: makes way for a command on '
	'the database; update needed: ALTER EXTENSION campaign_lifecycle UPDATE.';
COMMENT ON COLUMN @extschema@.campaign_workers.batches IS 'Batches since the process started.';
COMMENT ON COLUMN @extschema@.campaign_workers.timers IS 'Timers attempted since then.';
COMMENT ON COLUMN @extschema@.campaign_workers.failures IS 'Failed attempts since then.';
COMMENT ON COLUMN @extschema@.campaign_workers.last_error IS
	'Of other databases only for members of pg_read_all_stats.';
COMMENT ON COLUMN @extschema@.campaign_workers.next_due IS 'The time until which it sleeps; NULL when no timer waits.';
