// Transactions that share a row leave it never without a holder, because a new one joins before the last one ends. An EXCLUSIVE lock of the
// table conflicts with the ROW SHARE lock that each of them needs first, and not with readers. While it is waited for, new ones queue behind
// it and the old ones end. It is a session lock, so it is released before the transaction that needs it ends.
#include "timer/busy_tables.hpp"

#include "pg/xact.hpp"
#include "row/row_wait.hpp"

namespace busy_tables {

namespace {

constexpr const char *names[count] = {"campaign_timers", "campaigns"};
constexpr int64 max_wait_us = 20000;
constexpr int64 min_pause_us = USECS_PER_SEC; // after a lock that has not helped
constexpr int rest_share = 9;                 // after one that has helped: this many times its duration

struct Table
{
	Oid oid;
	bool is_wanted;
	bool is_locked;
	int64 locked_at;  // on the stopwatch
	int64 not_before; // likewise
};
Table tables[count];

LOCKTAG tag_of(Oid table)
{
	LOCKTAG tag;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, table);
	return tag;
}

// Take the lock, unless it is not granted in time.
void lock_table(Table *table, int64 limit_us)
{
	table->locked_at = pg::stopwatch();
	ErrorData *error = xact::run([&] {
		LOCKTAG tag = tag_of(table->oid);

		row_wait::set_lock_timeout(least(limit_us, max_wait_us));
		(void) LockAcquire(&tag, ExclusiveLock, true, false);
		table->is_locked = true;
	});
	(void) error;
	table->not_before = pg::stopwatch() + min_pause_us;
}

} // namespace

row_wait::Outcome lock_rows(Oid schema, Rows *rows, row_wait::Wait *wait)
{
	row_wait::Outcome outcome = row_wait::Outcome::locked;

	for (int i = 0; i < count && outcome == row_wait::Outcome::locked; i++)
	{
		rows->table = get_relname_relid(names[i], schema);
		Relation rel = table_open(rows->table, RowShareLock);

		outcome = row_wait::lock(rel, &rows->tids[i], wait);
		table_close(rel, NoLock);
	}
	return outcome;
}

void want(Oid table)
{
	for (Table &entry : tables)
	{
		if (entry.is_wanted && entry.oid != table)
			continue;
		entry.oid = table;
		entry.is_wanted = true;
		return;
	}
}

void lock(int64 limit_us)
{
	for (Table &table : tables)
		if (table.is_wanted && pg::stopwatch() >= table.not_before)
			lock_table(&table, limit_us);
}

void unlock()
{
	for (Table &table : tables)
	{
		if (!table.is_locked)
			continue;
		LOCKTAG tag = tag_of(table.oid);
		table.is_locked = false;
		(void) LockRelease(&tag, ExclusiveLock, true);
	}
}

void forget()
{
	int64 now = pg::stopwatch();

	for (Table &table : tables)
	{
		if (!table.is_wanted)
			continue;
		table.is_wanted = false;
		table.not_before = least(table.not_before, now + (now - table.locked_at) * rest_share);
	}
}

bool is_any_locked()
{
	return tables[0].is_locked || tables[1].is_locked;
}

} // namespace busy_tables
