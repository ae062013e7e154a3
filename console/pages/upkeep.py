"""Upkeep: the partitions of the log by month, the archive, the maintenance jobs, and backfills."""
from starlette.requests import Request
from starlette.responses import Response

from console import render
from console.actions import DATABASE_ACTIONS
from console.database import Database
from console.pages.section import section

PARTITIONS = """
	SELECT p.parent, c.relname::text AS name, pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT' AS is_default,
		substring(pg_get_expr(c.relpartbound, c.oid) FROM $r$FROM \\('(.{7})$r$) AS month,
		greatest(c.reltuples, pg_stat_get_live_tuples(c.oid), 0)::bigint AS rows, pg_total_relation_size(c.oid) AS bytes
	FROM (VALUES ('campaign_state_log'), ('campaign_state_log_archive')) AS p (parent)
	JOIN pg_inherits AS i ON i.inhparent = to_regclass(p.parent)
	JOIN pg_class AS c ON c.oid = i.inhrelid
	ORDER BY p.parent, is_default, month DESC
	LIMIT 240
"""
JOBS = """
	SELECT j.*, j.cron_database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()) AS is_by_cron
	FROM campaign_maintenance_jobs AS j ORDER BY j.job
"""
BACKFILLS = 'SELECT * FROM backfill_progress AS b ORDER BY b.started_at DESC LIMIT 50'
SIZES = 'SELECT * FROM campaign_table_sizes AS s'


async def show(request: Request, database: Database) -> Response:
	"""Show the page."""
	async with database.transaction() as transaction:
		facts = transaction.facts
		assert facts is not None
		partitions = await section(transaction, PARTITIONS)
		jobs = await section(transaction, JOBS)
		backfills = await section(transaction, BACKFILLS)
		sizes = await section(transaction, SIZES)
	most = max((row['bytes'] or 0 for row in partitions.rows), default=0)
	may_make = facts.may(DATABASE_ACTIONS['partitions'].function) and not request.app.state.options.read_only
	return render.page(request, 'upkeep.html', database=database, facts=facts, partitions=partitions, jobs=jobs,
		backfills=backfills, sizes=sizes, most=most, may_make=may_make)
