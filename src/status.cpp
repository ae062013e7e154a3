// _workers(): what shared memory says of the launcher and of each worker, for the
// view campaign_workers and for health. Works without the preload, when all there
// is to say is that.
#include "settings.hpp"
#include "shared.hpp"

namespace {

using shared::Activity;
using shared::memory;
using shared::State;

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
		return empty_row(RecoveryInProgress() ? "paused" : "launcher missing");
	Row row = empty_row(settings::enabled ? "running" : "paused");
	put(&row, 0, Int32GetDatum(pid));
	put_time(&row, 9, memory->launcher_since);
	return row;
}

const char *state_text(const shared::Post *post, shared::Station *station)
{
	if (post->state == State::no_worker_slot)
		return "no worker slot";
	if (post->state != State::working)
		return "starting";
	switch (static_cast<Activity>(pg_atomic_read_u32(&station->activity)))
	{
		case Activity::starting:
			return "starting";
		case Activity::idle:
			return "idle";
		case Activity::running:
			return "running";
		case Activity::paused:
			return "paused";
		case Activity::blocked:
			return "blocked";
	}
	return "starting";
}

Row worker_row(const shared::Post *post, shared::Station *station)
{
	Row row = empty_row(state_text(post, station));

	put(&row, 1, ObjectIdGetDatum(post->database));
	put(&row, 2, Int32GetDatum(post->number));
	if (post->last_error[0] != '\0')
		put(&row, 7, CStringGetTextDatum(post->last_error));
	if (post->state != State::working)
		return row;
	put(&row, 0, Int32GetDatum(post->pid));
	put(&row, 4, Int64GetDatum(pg_atomic_read_u64(&station->batches)));
	put(&row, 5, Int64GetDatum(pg_atomic_read_u64(&station->timers)));
	put(&row, 6, Int64GetDatum(pg_atomic_read_u64(&station->failures)));
	put_time(&row, 8, static_cast<TimestampTz>(pg_atomic_read_u64(&station->next_due)));
	put_time(&row, 9, post->since);
	put_time(&row, 10, static_cast<TimestampTz>(pg_atomic_read_u64(&station->last_batch_at)));
	return row;
}

// A copy, so that the lock is not held while rows are made.
bool copy_post(uint32 index, shared::Post *copy)
{
	LWLockAcquire(memory->lock, LW_SHARED);
	*copy = memory->posts[index];
	LWLockRelease(memory->lock);
	return copy->state != State::none;
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
	for (uint32 i = 0; i < pg_atomic_read_u32(&memory->posts_used); i++)
	{
		shared::Post post;

		if (!copy_post(i, &post))
			continue;
		row = worker_row(&post, &memory->stations[i]);
		add(result, &row);
	}
	return static_cast<Datum>(0);
}
