// The wake-up between COMMIT and worker. No wake-up is lost because both sides
// write before they read: the worker publishes "I am looking" before it takes a
// snapshot and its next look before it reads `lowered`; the committer, already
// visible to every new snapshot (XACT_EVENT_COMMIT comes after that), lowers the
// mark before it reads when the worker looks next. Whichever comes second sees
// the other. Callbacks use atomics and latches only, and never raise.
#include "wake.hpp"

#include "module.hpp"

namespace wake {

using shared::memory;
using shared::Station;

namespace {

// What this transaction has to tell when it commits.
TimestampTz earliest = DT_NOEND;
bool changed = false;

// Of these, what a worker has written after it looked ahead: the commit itself may fire triggers.
TimestampTz unseen = DT_NOEND;

// The station of this process, if it is a worker.
Station *own_station = nullptr;

// "I am looking now": later than any timer.
constexpr uint64 looking = static_cast<uint64>(DT_NOEND);

TimestampTz read_time(pg_atomic_uint64 *time) noexcept
{
	return static_cast<TimestampTz>(pg_atomic_read_u64(time));
}

void lower(Station *station, TimestampTz time) noexcept
{
	uint64 seen = pg_atomic_read_u64(&station->lowered);

	while (time < static_cast<TimestampTz>(seen))
		if (pg_atomic_compare_exchange_u64(&station->lowered, &seen, static_cast<uint64>(time)))
			return;
}

void rouse(Station *station) noexcept
{
	uint32 process = pg_atomic_read_u32(&station->process);

	if (process != shared::nobody)
		pg::set_latch_of(process);
}

template <typename F> void for_each_station(F visit) noexcept
{
	uint32 used = pg_atomic_read_u32(&memory->posts_used);

	for (uint32 i = 0; i < used; i++)
		if (pg_atomic_read_u32(&memory->stations[i].database) == MyDatabaseId)
			visit(&memory->stations[i]);
}

// A timer due already needs one idle worker; a later one is made known to every
// idle worker, since any of them may be busy by then. A busy worker reads its
// mark before it sleeps, and a worker that commits its own batch is one (which
// knows the later timers that it has seen in the same transaction).
void tell_workers(TimestampTz due) noexcept
{
	bool due_now = due <= GetCurrentTimestamp();
	bool done = false;

	for_each_station([&](Station *station) { lower(station, station != own_station || due_now ? due : unseen); });
	if (own_station != nullptr)
		return;
	pg_memory_barrier();
	for_each_station([&](Station *station) {
		uint64 next_look = pg_atomic_read_u64(&station->next_look);

		if (done || next_look == looking || due >= static_cast<TimestampTz>(next_look))
			return;
		rouse(station);
		done = due_now;
	});
}

void on_transaction_end(XactEvent event, void *) noexcept
{
	if (event == XACT_EVENT_COMMIT && memory != nullptr)
	{
		if (changed)
		{
			all_now();
			shared::kick_launcher(MyDatabaseId);
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
	earliest = Min(earliest, due);
	unseen = Min(unseen, due);
}

void note_look_ahead()
{
	unseen = DT_NOEND;
}

void note_change()
{
	changed = true;
}

void all_now() noexcept
{
	if (memory == nullptr)
		return;
	for_each_station([](Station *station) {
		lower(station, DT_NOBEGIN);
		rouse(station);
	});
}

// Returns the earliest time that others have committed since the last look.
TimestampTz begin_look(Station *station)
{
	pg_atomic_exchange_u64(&station->next_look, looking);
	return static_cast<TimestampTz>(pg_atomic_exchange_u64(&station->lowered, static_cast<uint64>(DT_NOEND)));
}

// Returns whether nothing earlier has come in the meantime.
bool promise_look(Station *station, TimestampTz next)
{
	pg_atomic_exchange_u64(&station->next_look, static_cast<uint64>(Min(next, DT_NOEND - 1)));
	return read_time(&station->lowered) >= next;
}

void rouse_sibling(const Station *mine, TimestampTz since)
{
	bool done = false;

	for_each_station([&](Station *station) {
		if (done || station == mine || pg_atomic_read_u64(&station->next_look) == looking)
			return;
		lower(station, since);
		rouse(station);
		done = true;
	});
}

void withdraw_claim(Station *mine)
{
	pg_atomic_exchange_u64(&mine->claimed_to, static_cast<uint64>(DT_NOBEGIN));
}

// (Exchanges, for they are barriers: nobody sees one claim's beginning with another's end.)
void publish_claim(Station *mine, TimestampTz from, TimestampTz to)
{
	withdraw_claim(mine);
	pg_atomic_exchange_u64(&mine->claimed_from, static_cast<uint64>(from));
	pg_atomic_exchange_u64(&mine->claimed_to, static_cast<uint64>(to));
}

TimestampTz skip_claimed(const Station *mine, TimestampTz since)
{
	TimestampTz skipped = since;

	for_each_station([&](Station *station) {
		TimestampTz to = read_time(&station->claimed_to);
		pg_read_barrier();
		TimestampTz from = read_time(&station->claimed_from);
		pg_read_barrier();
		if (station != mine && from <= since && to == read_time(&station->claimed_to))
			skipped = Max(skipped, to);
	});
	return skipped;
}

void set_own_station(Station *station)
{
	own_station = station;
}

} // namespace wake

using namespace wake;

// The trigger of campaign_timers. Its conditions (which rows wait) stand in SQL.
SQL_FUNCTION(_wake_worker)
{
	TriggerData *data = module::trigger_call(fcinfo, "_wake_worker", TRIGGER_EVENT_ROW | TRIGGER_EVENT_AFTER);
	HeapTuple row = module::written_row(data, "_wake_worker");
	TupleDesc columns = RelationGetDescr(data->tg_relation);
	bool is_null;

	int column = module::column_of(data->tg_relation, "scheduled_at", TIMESTAMPTZOID);
	Datum due = heap_getattr(row, column, columns, &is_null);
	if (!is_null)
		note_timer(DatumGetTimestampTz(due));
	return PointerGetDatum(nullptr);
}

// Something that workers and launcher cannot see by a timer: pause, resume, a
// policy, a handler.
SQL_FUNCTION(_wake)
{
	(void) fcinfo;
	note_change();
	PG_RETURN_VOID();
}
