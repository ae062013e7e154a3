// _workers(): the launcher and the workers as shared memory has them, and the databases that wait for one. The view campaign_workers and
// campaign_health() read it. Without the preload it returns one row that says so. _turns() tells how turns go.
#include "guc.hpp"
#include "worker/shmem.hpp"
#include "worker/turns.hpp"

namespace {

using shmem::WorkerActivity;
using shmem::memory;
using shmem::SlotState;

constexpr int column_count = 11;

struct Row
{
	Datum values[column_count];
	bool nulls[column_count];
};

void put(Row *row, int column, Datum value)
{
	row->values[column] = value;
	row->nulls[column] = false;
}

void put_time(Row *row, int column, TimestampTz time)
{
	if (!TIMESTAMP_NOT_FINITE(time) && time != 0)
		put(row, column, TimestampTzGetDatum(time));
}

Row empty_row(const char *state)
{
	Row row;

	memset(row.values, 0, sizeof(row.values));
	memset(row.nulls, true, sizeof(row.nulls));
	put(&row, 3, CStringGetTextDatum(state));
	return row;
}

void add(ReturnSetInfo *result, Row *row)
{
	tuplestore_putvalues(result->setResult, result->setDesc, row->values, row->nulls);
}

Row launcher_row()
{
	if (memory == nullptr)
		return empty_row("not preloaded");
	pid_t pid = memory->launcher_pid;
	// A standby has no launcher until it is promoted.
	if (pid == 0)
		return empty_row(RecoveryInProgress() ? "standby" : "launcher missing");
	Row row = empty_row(guc::enabled ? "running" : "paused");
	put(&row, 0, Int32GetDatum(pid));
	put_time(&row, 9, memory->launcher_since);
	return row;
}

// The members that the lock protects.
struct SlotCopy
{
	SlotState state;
	Oid database;
	int number;
	pid_t pid;
	TimestampTz since;
	char last_error[shmem::error_length];
};

const char *text_of(WorkerActivity activity)
{
	switch (activity)
	{
		case WorkerActivity::starting:
			return "starting";
		case WorkerActivity::idle:
			return "idle";
		case WorkerActivity::running:
			return "running";
		case WorkerActivity::paused:
			return "paused";
		case WorkerActivity::blocked:
			return "blocked";
		case WorkerActivity::outdated:
			return "update needed";
	}
	return "starting";
}

const char *state_text(const SlotCopy &copy, shmem::WorkerSlot *slot)
{
	if (copy.state == SlotState::no_worker_slot)
		return "no worker slot";
	if (copy.state != SlotState::working)
		return "starting";
	return text_of(static_cast<WorkerActivity>(pg_atomic_read_u32(&slot->activity)));
}

bool is_outdated(pg_atomic_uint32 *activity)
{
	return static_cast<WorkerActivity>(pg_atomic_read_u32(activity)) == WorkerActivity::outdated;
}

// The health function of another version shows this text, too.
void put_outdated(Row *row)
{
	put(row, 7,
		CStringGetTextDatum(
			"the extension is of another version than its library: run ALTER EXTENSION campaign_lifecycle UPDATE"));
}

// The row of a database that waits for a process. One that is paused waits for nothing.
Row waiting_row(Oid database, shmem::DatabaseEntry *entry)
{
	WorkerActivity activity = static_cast<WorkerActivity>(pg_atomic_read_u32(&entry->activity));
	bool is_turn = pg_atomic_read_u32(&entry->wait) == static_cast<uint32>(shmem::Wait::turn);
	bool is_hindered = activity == WorkerActivity::paused || activity == WorkerActivity::outdated;
	Row row = empty_row(is_hindered ? text_of(activity) : is_turn ? "waiting its turn" : "no worker slot");
	char last_error[shmem::error_length];

	put(&row, 1, ObjectIdGetDatum(database));
	put(&row, 2, Int32GetDatum(0));
	LWLockAcquire(memory->lock, LW_SHARED);
	memcpy(last_error, entry->last_error, sizeof(last_error));
	LWLockRelease(memory->lock);
	if (activity == WorkerActivity::outdated)
		put_outdated(&row);
	else if (last_error[0] != '\0')
		put(&row, 7, CStringGetTextDatum(last_error));
	put_time(&row, 8, turns::read_time(&entry->due));
	return row;
}

Row worker_row(const SlotCopy &copy, shmem::WorkerSlot *slot)
{
	Row row = empty_row(state_text(copy, slot));

	put(&row, 1, ObjectIdGetDatum(copy.database));
	put(&row, 2, Int32GetDatum(copy.number));
	if (copy.state == SlotState::working && is_outdated(&slot->activity))
		put_outdated(&row);
	else if (copy.last_error[0] != '\0')
		put(&row, 7, CStringGetTextDatum(copy.last_error));
	if (copy.state != SlotState::working)
		return row;
	put(&row, 0, Int32GetDatum(copy.pid));
	put(&row, 4, Int64GetDatum(pg_atomic_read_u64(&slot->batches)));
	put(&row, 5, Int64GetDatum(pg_atomic_read_u64(&slot->timers)));
	put(&row, 6, Int64GetDatum(pg_atomic_read_u64(&slot->failures)));
	put_time(&row, 8, static_cast<TimestampTz>(pg_atomic_read_u64(&slot->next_due)));
	put_time(&row, 9, copy.since);
	put_time(&row, 10, static_cast<TimestampTz>(pg_atomic_read_u64(&slot->last_batch_at)));
	return row;
}

// Copy what the lock protects, so that it is not held while rows are made. Return false if the slot is free.
bool copy_slot(const shmem::WorkerSlot *slot, SlotCopy *copy)
{
	LWLockAcquire(memory->lock, LW_SHARED);
	*copy = {slot->state, slot->database, slot->number, slot->pid, slot->since, {}};
	memcpy(copy->last_error, slot->last_error, sizeof(copy->last_error));
	LWLockRelease(memory->lock);
	return copy->state != SlotState::none;
}

// Call a function for each database that has an entry.
template <typename F> void for_each_entry(F visit)
{
	for (uint32 i = 0; memory != nullptr && i < pg_atomic_read_u32(&memory->entries_used); i++)
	{
		Oid database = pg_atomic_read_u32(&memory->databases[i].database);

		if (OidIsValid(database))
			visit(database, &memory->databases[i]);
	}
}

bool is_waiting(shmem::DatabaseEntry *entry)
{
	return guc::enabled && pg_atomic_read_u32(&entry->wait) != static_cast<uint32>(shmem::Wait::none);
}

} // namespace

SQL_FUNCTION(_workers)
{
	InitMaterializedSRF(fcinfo, 0);
	ReturnSetInfo *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
	Row row = launcher_row();

	if (result->setDesc->natts != column_count)
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("function _workers returns %d columns", column_count),
				errhint("Run ALTER EXTENSION campaign_lifecycle UPDATE."));
	add(result, &row);
	if (memory == nullptr)
		return static_cast<Datum>(0);
	for (uint32 i = 0; i < pg_atomic_read_u32(&memory->slots_used); i++)
	{
		shmem::WorkerSlot *slot = &memory->slots[i];
		SlotCopy copy;

		if (!copy_slot(slot, &copy))
			continue;
		row = worker_row(copy, slot);
		add(result, &row);
	}
	for_each_entry([&](Oid database, shmem::DatabaseEntry *entry) {
		if (!is_waiting(entry))
			return;
		Row waiting = waiting_row(database, entry);
		add(result, &waiting);
	});
	return static_cast<Datum>(0);
}

SQL_FUNCTION(_turns)
{
	InitMaterializedSRF(fcinfo, 0);
	ReturnSetInfo *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);

	for_each_entry([&](Oid database, shmem::DatabaseEntry *entry) {
		Row row = {};

		memset(row.nulls, true, sizeof(row.nulls));
		put(&row, 0, ObjectIdGetDatum(database));
		put(&row, 1, BoolGetDatum(is_waiting(entry)));
		put_time(&row, 2, turns::read_time(&entry->due));
		put(&row, 3, Int64GetDatum(pg_atomic_read_u64(&entry->starts)));
		put(&row, 4, Int64GetDatum(pg_atomic_read_u64(&entry->late_us)));
		put_time(&row, 5, turns::read_time(&entry->late_at));
		add(result, &row);
	});
	return static_cast<Datum>(0);
}
