// A process is asked for with its slot, and attaches to it. An exit callback gives the slot back. So the launcher learns here of every
// exit. A new launcher adopts the workers that it finds in their slots.
#include "worker/launcher_slots.hpp"

#include "guc.hpp"
#include "worker/launcher.hpp"
#include "worker/shmem.hpp"
#include "worker/turns.hpp"
#include "worker/worker.hpp"
#include "worker/worker_slot.hpp"

namespace launcher_slots {

using database_choice::Place;
using database_list::Extension;
using shmem::ExitReason;
using shmem::memory;
using shmem::SlotState;
using shmem::WorkerSlot;

namespace {

constexpr int64 start_limit_us = 10 * USECS_PER_SEC;
constexpr int64 yield_us = 2 * USECS_PER_SEC;
constexpr int64 leave_us = USECS_PER_SEC / 5; // a worker that was asked to leave longer ago is busy

BackgroundWorkerHandle **handles; // by slot; nullptr for those of an earlier launcher
TimestampTz *asked_at;            // by slot: when the worker was asked to leave
uint32 last_generation = 0;

// Note from when on the database has no worker 0, and whether it is known when it needs one again. A request may have come when that
// worker was about to leave.
void note_exit(WorkerSlot *slot, Database *database, TimestampTz now)
{
	database->had_turn = slot->exit_reason == ExitReason::turn_over;
	database->left_at = now;
	database->left_due = database->had_turn ? turns::read_time(&slot->needed_at) : DT_NOBEGIN;
	if (!database->had_turn || database->asked_at != DT_NOEND)
		database->asked_at = now;
	if (database->entry != nullptr)
		memcpy(database->entry->last_error, slot->last_error, sizeof(slot->last_error));
}

void reap_worker(WorkerSlot *slot)
{
	Database *database = database_list::find(slot->database);
	TimestampTz now = GetCurrentTimestamp();

	slot->state = SlotState::none;
	if (database == nullptr)
		return;
	if (slot->found_extension)
		database_list::set_present(database);
	if (slot->number == 0)
		note_exit(slot, database, now);
	switch (slot->exit_reason)
	{
		case ExitReason::failed:
			database_list::note_failure(database, slot->since);
			break;
		case ExitReason::absent:
			// A database that was named since its worker probed may have the extension by now.
			database_list::set_absent(database);
			if (database->recheck)
				database->extension = Extension::unknown;
			database->failures = 0;
			break;
		case ExitReason::yielded:
			database->retry_at = now + yield_us;
			break;
		case ExitReason::turn_over:
		case ExitReason::unwanted:
			break;
	}
}

void forget_handle(int index)
{
	if (handles[index] != nullptr)
		pfree(handles[index]);
	handles[index] = nullptr;
}

// Return whether a process that was asked for has died before it attached to its slot.
bool has_failed_to_start(int index, const WorkerSlot *slot)
{
	pid_t pid;

	if (handles[index] == nullptr)
	{
		int64 waited = GetCurrentTimestamp() - slot->since;

		// It is negative after the clock was set back.
		return waited > start_limit_us || waited < 0;
	}
	return GetBackgroundWorkerPid(handles[index], &pid) == BGWH_STOPPED;
}

// Return whether the slot shows in vain that the server has no process.
bool is_shown_in_vain(const WorkerSlot *slot, const Database *database)
{
	if (database == nullptr || database->extension == Extension::absent || !guc::enabled || slot->number >= guc::workers)
		return true;
	return slot->number == 0 && database->entry != nullptr;
}

void check_slot(int index)
{
	WorkerSlot *slot = &memory->slots[index];
	Database *database = database_list::find(slot->database);

	if (slot->state == SlotState::exited || (slot->state == SlotState::starting && has_failed_to_start(index, slot)))
	{
		if (slot->state == SlotState::starting)
			slot->exit_reason = ExitReason::failed;
		reap_worker(slot);
		forget_handle(index);
	}
	else if (slot->state == SlotState::working && slot->found_extension && database != nullptr)
		database_list::set_present(database);
	else if (slot->state == SlotState::no_worker_slot && is_shown_in_vain(slot, database))
		slot->state = SlotState::none;
}

bool has_process(const WorkerSlot *slot)
{
	return slot->state == SlotState::starting || slot->state == SlotState::working;
}

int find_slot(Oid database, int number)
{
	for (uint32 i = 0; i < pg_atomic_read_u32(&memory->slots_used); i++)
	{
		const WorkerSlot *slot = &memory->slots[i];

		if (slot->state != SlotState::none && slot->database == database && slot->number == number)
			return static_cast<int>(i);
	}
	return -1;
}

int free_slot()
{
	for (int i = 0; i < memory->slot_count; i++)
		if (memory->slots[i].state == SlotState::none)
			return i;
	return -1;
}

// Return the slot to start a worker for, or -1. The caller holds the lock.
int allocate_slot(const Database *database, int number)
{
	int index = find_slot(database->oid, number);

	if (index < 0)
		index = free_slot();
	if (index < 0)
		return -1;
	WorkerSlot *slot = &memory->slots[index];
	if (slot->state == SlotState::none)
		memset(slot->last_error, 0, sizeof(slot->last_error));
	slot->state = SlotState::starting;
	slot->exit_reason = ExitReason::failed;
	slot->generation = ++last_generation;
	slot->database = database->oid;
	slot->number = number;
	slot->pid = 0;
	slot->since = GetCurrentTimestamp();
	slot->found_extension = false;
	slot->is_next_turn = database->had_turn;
	pg_atomic_write_u32(&slot->must_leave, 0);
	pg_atomic_write_u64(&slot->sleeping_until, static_cast<uint64>(DT_NOEND));
	turns::write_time(&slot->turn_since, slot->since);
	if (static_cast<uint32>(index) >= pg_atomic_read_u32(&memory->slots_used))
		pg_atomic_write_u32(&memory->slots_used, static_cast<uint32>(index) + 1);
	return index;
}

bool start_process(const Database *database, int index)
{
	const WorkerSlot *slot = &memory->slots[index];
	BackgroundWorker process = {};
	uint32 generation = slot->generation;

	process.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	process.bgw_start_time = BgWorkerStart_RecoveryFinished;
	process.bgw_restart_time = BGW_NEVER_RESTART;
	process.bgw_main_arg = Int32GetDatum(index);
	process.bgw_notify_pid = MyProcPid;
	snprintf(process.bgw_name, BGW_MAXLEN, "%s %d for %s", worker_slot::worker_type, slot->number, NameStr(database->name));
	snprintf(process.bgw_type, sizeof(process.bgw_type), "%s", worker_slot::worker_type);
	snprintf(process.bgw_library_name, sizeof(process.bgw_library_name), "%s", launcher::library);
	snprintf(process.bgw_function_name, sizeof(process.bgw_function_name), "%s", worker::entry_point);
	memcpy(process.bgw_extra, &generation, sizeof(generation));
	MemoryContext round_memory = MemoryContextSwitchTo(TopMemoryContext);
	bool started = RegisterDynamicBackgroundWorker(&process, &handles[index]);
	MemoryContextSwitchTo(round_memory);
	return started;
}

Place place_of(WorkerSlot *slot)
{
	const Database *database = database_list::find(slot->database);
	bool has_others = database != nullptr && database->workers > 1;
	Place place = {};

	place.is_leaving = pg_atomic_read_u32(&slot->must_leave) != 0;
	place.is_further = slot->number > 0 && has_others;
	place.must_stay = slot->number == 0 && has_others;
	place.sleeps = slot->state == SlotState::working && turns::read_time(&slot->sleeping_until) != DT_NOEND;
	place.needed_at = turns::read_time(&slot->needed_at);
	place.turn_since = turns::read_time(&slot->turn_since);
	return place;
}

void ask_to_leave(int index, TimestampTz now)
{
	WorkerSlot *slot = &memory->slots[index];

	asked_at[index] = now;
	pg_atomic_exchange_u32(&slot->must_leave, 1);
	uint32 process = pg_atomic_read_u32(&slot->proc_number);
	if (process != shmem::nobody)
		pg::set_latch_of(process);
}

} // namespace

void make()
{
	handles = static_cast<BackgroundWorkerHandle **>(
		MemoryContextAllocZero(TopMemoryContext, sizeof(BackgroundWorkerHandle *) * memory->slot_count));
	asked_at = static_cast<TimestampTz *>(MemoryContextAllocZero(TopMemoryContext, sizeof(TimestampTz) * memory->slot_count));
	// Generations of an earlier launcher must not come again.
	last_generation = static_cast<uint32>(GetCurrentTimestamp() / 1000);
}

void check()
{
	LWLockAcquire(memory->lock, LW_EXCLUSIVE);
	for (uint32 i = 0; i < pg_atomic_read_u32(&memory->slots_used); i++)
		if (memory->slots[i].state != SlotState::none)
			check_slot(static_cast<int>(i));
	LWLockRelease(memory->lock);
}

int count_workers()
{
	int count = 0;

	database_list::for_each([](Database *database) {
		database->workers = 0;
		database->has_first = false;
	});
	for (uint32 i = 0; i < pg_atomic_read_u32(&memory->slots_used); i++)
	{
		const WorkerSlot *slot = &memory->slots[i];
		Database *database = has_process(slot) ? database_list::find(slot->database) : nullptr;

		count += has_process(slot) ? 1 : 0;
		if (database == nullptr)
			continue;
		database->workers++;
		database->has_first = database->has_first || slot->number == 0;
	}
	return count;
}

// Return whether a worker is probing some database.
bool is_probing()
{
	for (uint32 i = 0; i < pg_atomic_read_u32(&memory->slots_used); i++)
	{
		const WorkerSlot *slot = &memory->slots[i];

		if (has_process(slot) && !slot->found_extension)
		{
			const Database *database = database_list::find(slot->database);

			if (database != nullptr && database->extension == Extension::unknown)
				return true;
		}
	}
	return false;
}

Started start(Database *database, int number)
{
	LWLockAcquire(memory->lock, LW_EXCLUSIVE);
	int found = find_slot(database->oid, number);
	bool is_needed = !shmem::is_blocked(database->oid) && (found < 0 || memory->slots[found].state == SlotState::no_worker_slot);
	bool was_shown = found >= 0;
	int index = is_needed ? allocate_slot(database, number) : -1;
	LWLockRelease(memory->lock);
	if (!is_needed)
		return Started::not_needed;
	if (index < 0)
		return Started::no_process;
	if (start_process(database, index))
	{
		database->recheck = false;
		if (number == 0)
			database->asked_at = DT_NOEND;
		return Started::yes;
	}
	LWLockAcquire(memory->lock, LW_EXCLUSIVE);
	memory->slots[index].state = was_shown ? SlotState::no_worker_slot : SlotState::none;
	LWLockRelease(memory->lock);
	return Started::no_process;
}

void show_no_process(const Database *database, int number)
{
	LWLockAcquire(memory->lock, LW_EXCLUSIVE);
	int index = find_slot(database->oid, number) < 0 ? allocate_slot(database, number) : -1;
	if (index >= 0)
		memory->slots[index].state = SlotState::no_worker_slot;
	LWLockRelease(memory->lock);
}

int make_room(const TimestampTz *starts, int count, TimestampTz now)
{
	uint32 used = pg_atomic_read_u32(&memory->slots_used);
	Place *places = static_cast<Place *>(palloc(sizeof(Place) * (used + 1)));
	int *slots = static_cast<int *>(palloc(sizeof(int) * (used + 1)));
	int place_count = 0;
	int served = 0;

	for (uint32 i = 0; i < used; i++)
	{
		if (!has_process(&memory->slots[i]))
			continue;
		slots[place_count] = static_cast<int>(i);
		places[place_count] = place_of(&memory->slots[i]);
		if (places[place_count++].is_leaving && now - asked_at[i] < leave_us && now >= asked_at[i])
			served++;
	}
	while (served < count)
	{
		int chosen = database_choice::choose_place(places, place_count, starts[served], now);

		if (chosen < 0)
			break;
		places[chosen].is_leaving = true;
		ask_to_leave(slots[chosen], now);
		served++;
	}
	return greatest(count - served, 0);
}

} // namespace launcher_slots
