// The worker's side of taking turns. The launcher asks a worker to leave by its slot. A worker that goes to sleep leaves by itself if a
// database waits for a process that nobody gives up. It publishes when its database needs a process again, and exits.
#include "worker/worker_turn.hpp"

#include "worker/database_choice.hpp"
#include "worker/maintenance.hpp"
#include "worker/turns.hpp"
#include "worker/wakeup.hpp"
#include "worker/worker_slot.hpp"

namespace worker_turn {

using shmem::DatabaseEntry;
using worker_schedule::Schedule;

namespace {

bool maintained = false; // in this turn

TimestampTz turn_since()
{
	return turns::read_time(&worker_slot::mine()->turn_since);
}

// Return how many turns in a row, with this one, have met locked timers or errors and executed nothing.
int count_fruitless(DatabaseEntry *entry, const Schedule &schedule)
{
	bool is_fruitless = pg_atomic_read_u64(&worker_slot::mine()->timers) == 0 && worker_schedule::is_hindered(schedule);
	uint32 count = is_fruitless ? least(pg_atomic_read_u32(&entry->fruitless) + 1, 100u) : 0;

	pg_atomic_write_u32(&entry->fruitless, count);
	return static_cast<int>(count);
}

void publish_maintenance(DatabaseEntry *entry, const Schedule &schedule)
{
	turns::write_time(&entry->maintenance_at, schedule.maintenance_at);
	turns::write_time(&entry->maintained_at, maintenance::last_round());
}

// Publish first, then read what commits have brought in the meantime. See turns.cpp.
[[noreturn]] void leave(const Schedule &schedule, TimestampTz wakeup)
{
	shmem::WorkerSlot *slot = worker_slot::mine();
	DatabaseEntry *entry = turns::find_own();
	TimestampTz now = GetCurrentTimestamp();
	int fruitless = entry != nullptr ? count_fruitless(entry, schedule) : 0;
	TimestampTz due = least(worker_schedule::needed_at(schedule, now, database_choice::rest_after(fruitless)), wakeup);

	ereport(DEBUG1, errmsg_internal("leaving the process to another database, needed again at %s", timestamptz_to_str(due)));
	turns::write_time(&slot->needed_at, due);
	bool has_siblings = wakeup::hand_over(due);
	if (has_siblings && entry != nullptr)
		turns::lower_due(entry, due); // the sibling may be leaving, too
	else if (entry != nullptr)
	{
		if (worker_slot::number() == 0)
			publish_maintenance(entry, schedule);
		pg_atomic_write_u32(&entry->activity, pg_atomic_read_u32(&slot->activity));
		turns::publish_due(entry, due);
		turns::lower_due(entry, turns::read_time(&slot->wakeup_time));
	}
	worker_slot::exit_worker(shmem::ExitReason::turn_over);
}

void decline()
{
	pg_atomic_write_u32(&worker_slot::mine()->must_leave, 0);
	shmem::wake_launcher(InvalidOid);
}

} // namespace

void begin(Schedule *schedule)
{
	DatabaseEntry *entry = turns::find_own();

	if (entry == nullptr || worker_slot::number() != 0)
		return;
	schedule->maintenance_at = turns::read_time(&entry->maintenance_at);
	maintenance::go_on_after(turns::read_time(&entry->maintained_at));
}

void note_maintenance()
{
	maintained = true;
}

bool is_wanted()
{
	return pg_atomic_read_u32(&worker_slot::mine()->must_leave) != 0;
}

// Maintenance has its turn first, because the next worker might not come to it either.
void leave_if_over(const Schedule &schedule, TimestampTz wakeup)
{
	TimestampTz now = GetCurrentTimestamp();

	if (!is_wanted() || !database_choice::is_turn_over(turn_since(), now))
		return;
	if (maintained || schedule.maintenance_at > now)
		leave(schedule, wakeup);
}

// A commit has brought work since the launcher asked. So the launcher asks another worker.
void decline_if_early()
{
	if (is_wanted() && !database_choice::is_turn_over(turn_since(), GetCurrentTimestamp()))
		decline();
}

void leave_if_idle(const Schedule &schedule)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz needed = worker_schedule::needed_at(schedule, now, 0);

	if (is_wanted())
	{
		if (database_choice::leaves(true, needed, turn_since(), now))
			leave(schedule, DT_NOEND);
		decline();
	}
	else if (database_choice::gives_way(needed, now) && (worker_slot::number() > 0 || !wakeup::has_siblings()) &&
			 turns::take_wanted_place())
		leave(schedule, DT_NOEND);
}

// The turn is over, and begins again when the worker wakes, unless the process is needed soon.
void note_sleep(const Schedule &schedule)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz needed = worker_schedule::needed_at(schedule, now, 0);

	turns::write_time(&worker_slot::mine()->needed_at, needed);
	if (!database_choice::gives_way(needed, now))
		return;
	turns::write_time(&worker_slot::mine()->turn_since, DT_NOEND);
	maintained = false;
}

void note_wakeup()
{
	if (turn_since() == DT_NOEND)
		turns::write_time(&worker_slot::mine()->turn_since, GetCurrentTimestamp());
}

} // namespace worker_turn
