// _workers(): the launcher and the workers as shared memory has them. The view campaign_workers and campaign_health() read it. Without the
// preload it returns one row that says so.
#include "guc.hpp"
#include "worker/shmem.hpp"

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

const char *state_text(const SlotCopy &copy, shmem::WorkerSlot *slot)
{
	if (copy.state == SlotState::no_worker_slot)
		return "no worker slot";
	if (copy.state != SlotState::working)
		return "starting";
	switch (static_cast<WorkerActivity>(pg_atomic_read_u32(&slot->activity)))
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

bool is_outdated(const SlotCopy &copy, shmem::WorkerSlot *slot)
{
	return copy.state == SlotState::working &&
		   static_cast<WorkerActivity>(pg_atomic_read_u32(&slot->activity)) == WorkerActivity::outdated;
}

Row worker_row(const SlotCopy &copy, shmem::WorkerSlot *slot)
{
	Row row = empty_row(state_text(copy, slot));

	put(&row, 1, ObjectIdGetDatum(copy.database));
	put(&row, 2, Int32GetDatum(copy.number));
	// The health function of another version shows this text, too.
	if (is_outdated(copy, slot))
		put(&row, 7,
			CStringGetTextDatum(
				"the extension is of another version than its library: run ALTER EXTENSION campaign_lifecycle UPDATE"));
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
	return static_cast<Datum>(0);
}
