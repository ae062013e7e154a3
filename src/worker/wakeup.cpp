// The wakeup from COMMIT to worker. No wakeup is lost, because both sides write before they read. The worker publishes that it is busy
// before it takes a snapshot, and the end of its sleep before it reads wakeup_time. The committing transaction is visible to every new
// snapshot at XACT_EVENT_COMMIT; it lowers wakeup_time before it reads the end of the sleep. The later one sees what the other wrote.
// Callbacks use atomics and latches only, and never raise an error.
#include "worker/wakeup.hpp"

#include "pg/columns.hpp"
#include "trigger/trigger_utils.hpp"
#include "worker/turns.hpp"

namespace wakeup {

using shmem::memory;
using shmem::WorkerSlot;
using turns::read_time;

namespace {

// The reports that this transaction owes at its commit.
TimestampTz earliest = DT_NOEND;
bool changed = false;

// The earliest timer that a worker has written after it has read the next due time. The commit itself may fire triggers.
TimestampTz unseen = DT_NOEND;

// The slot of this process, if it is a worker.
WorkerSlot *own_slot = nullptr;

// In sleeping_until: the worker is busy. Later than any timer.
constexpr uint64 busy = static_cast<uint64>(DT_NOEND);

void lower_wakeup_time(WorkerSlot *slot, TimestampTz time) noexcept
{
	uint64 seen = pg_atomic_read_u64(&slot->wakeup_time);

	while (time < static_cast<TimestampTz>(seen))
		if (pg_atomic_compare_exchange_u64(&slot->wakeup_time, &seen, static_cast<uint64>(time)))
			return;
}

void set_latch(WorkerSlot *slot) noexcept
{
	uint32 process = pg_atomic_read_u32(&slot->proc_number);

	if (process != shmem::nobody)
		pg::set_latch_of(process);
}

template <typename F> void for_each_slot(F visit) noexcept
{
	uint32 used = pg_atomic_read_u32(&memory->slots_used);

	for (uint32 i = 0; i < used; i++)
		if (pg_atomic_read_u32(&memory->slots[i].wakeup_database) == MyDatabaseId)
			visit(&memory->slots[i]);
}

// Report a timer to the workers of this database. A timer that is due needs one idle worker. A later one is reported to every idle worker,
// because any of them may be busy by then. A busy worker reads its wakeup_time before it sleeps. A worker that commits its own batch is
// busy, and it has read the later timers of the same transaction already.
void tell_workers(TimestampTz due) noexcept
{
	bool due_now = due <= GetCurrentTimestamp();
	bool has_worker = false;
	bool done = false;

	for_each_slot([&](WorkerSlot *slot) {
		lower_wakeup_time(slot, slot != own_slot || due_now ? due : unseen);
		has_worker = true;
	});
	if (own_slot != nullptr)
		return;
	pg_memory_barrier();
	turns::note_due(due, has_worker);
	for_each_slot([&](WorkerSlot *slot) {
		uint64 sleeping_until = pg_atomic_read_u64(&slot->sleeping_until);

		if (done || sleeping_until == busy || due >= static_cast<TimestampTz>(sleeping_until))
			return;
		set_latch(slot);
		done = due_now;
	});
}

void on_transaction_end(XactEvent event, void *) noexcept
{
	if (event == XACT_EVENT_COMMIT && memory != nullptr)
	{
		if (changed)
		{
			wake_all();
			shmem::wake_launcher(MyDatabaseId);
		}
		else if (earliest != DT_NOEND)
			tell_workers(earliest);
	}
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
	{
		earliest = DT_NOEND;
		unseen = DT_NOEND;
		changed = false;
	}
}

} // namespace

void register_callbacks()
{
	RegisterXactCallback(on_transaction_end, nullptr);
}

void note_timer(TimestampTz due)
{
	earliest = least(earliest, due);
	unseen = least(unseen, due);
}

void note_next_due_read()
{
	unseen = DT_NOEND;
}

void note_change()
{
	changed = true;
}

void wake_all() noexcept
{
	if (memory == nullptr)
		return;
	for_each_slot([](WorkerSlot *slot) {
		lower_wakeup_time(slot, DT_NOBEGIN);
		set_latch(slot);
	});
}

// Return the earliest time that other sessions have committed since the last call.
TimestampTz enter_busy(WorkerSlot *slot)
{
	pg_atomic_exchange_u64(&slot->sleeping_until, busy);
	return static_cast<TimestampTz>(pg_atomic_exchange_u64(&slot->wakeup_time, static_cast<uint64>(DT_NOEND)));
}

// Return whether no earlier timer has come in the meantime.
bool publish_sleep(WorkerSlot *slot, TimestampTz next)
{
	pg_atomic_exchange_u64(&slot->sleeping_until, static_cast<uint64>(least(next, DT_NOEND - 1)));
	return read_time(&slot->wakeup_time) >= next;
}

void wake_idle_worker(const WorkerSlot *mine, TimestampTz since)
{
	bool done = false;

	for_each_slot([&](WorkerSlot *slot) {
		if (done || slot == mine || pg_atomic_read_u64(&slot->sleeping_until) == busy)
			return;
		lower_wakeup_time(slot, since);
		set_latch(slot);
		done = true;
	});
}

bool has_siblings()
{
	bool found = false;

	for_each_slot([&](const WorkerSlot *slot) { found = found || slot != own_slot; });
	return found;
}

bool hand_over(TimestampTz from)
{
	bool found = false;

	for_each_slot([&](WorkerSlot *slot) {
		if (slot == own_slot)
			return;
		lower_wakeup_time(slot, from);
		set_latch(slot);
		found = true;
	});
	return found;
}

void withdraw_claimed_range(WorkerSlot *mine)
{
	pg_atomic_exchange_u64(&mine->claimed_to, static_cast<uint64>(DT_NOBEGIN));
}

// Exchanges are barriers, so nobody sees the beginning of one range with the end of another.
void publish_claimed_range(WorkerSlot *mine, TimestampTz from, TimestampTz to)
{
	withdraw_claimed_range(mine);
	pg_atomic_exchange_u64(&mine->claimed_from, static_cast<uint64>(from));
	pg_atomic_exchange_u64(&mine->claimed_to, static_cast<uint64>(to));
}

TimestampTz skip_claimed_ranges(const WorkerSlot *mine, TimestampTz since)
{
	TimestampTz skipped = since;

	for_each_slot([&](WorkerSlot *slot) {
		TimestampTz to = read_time(&slot->claimed_to);
		pg_read_barrier();
		TimestampTz from = read_time(&slot->claimed_from);
		pg_read_barrier();
		if (slot != mine && from <= since && to == read_time(&slot->claimed_to))
			skipped = greatest(skipped, to);
	});
	return skipped;
}

void set_own_slot(WorkerSlot *slot)
{
	own_slot = slot;
}

} // namespace wakeup

using namespace wakeup;

// The trigger of campaign_timers. Its WHEN conditions, in SQL, choose the rows that wait.
SQL_FUNCTION(_wake_worker)
{
	TriggerData *data = trigger_utils::trigger_call(fcinfo, "_wake_worker", TRIGGER_EVENT_ROW | TRIGGER_EVENT_AFTER);
	HeapTuple row = trigger_utils::written_row(data, "_wake_worker");
	TupleDesc columns = RelationGetDescr(data->tg_relation);
	bool is_null;

	int column = columns::get_attnum(data->tg_relation, "scheduled_at", TIMESTAMPTZOID);
	Datum due = heap_getattr(row, column, columns, &is_null);
	if (!is_null)
		note_timer(DatumGetTimestampTz(due));
	return static_cast<Datum>(0);
}

// Report a change that is no timer to workers and launcher: pause, resume, a policy, a handler.
SQL_FUNCTION(_wake)
{
	(void) fcinfo;
	note_change();
	PG_RETURN_VOID();
}
