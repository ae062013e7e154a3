// Keeps as many workers as the settings say in every database that has the extension. Only a session in the database can see that. So a
// first worker probes it, one database at a time, and exits if it finds no extension. ddl_hooks.cpp and exiting workers wake the
// launcher; once a minute it checks everything. A new launcher adopts the workers that it finds in their slots.
#include "worker/launcher.hpp"

#include "pg/xact.hpp"
#include "worker/worker_slot.hpp"
#include "worker/database_list.hpp"
#include "guc.hpp"
#include "worker/shmem.hpp"
#include "worker/worker.hpp"

extern "C" PGDLLEXPORT void campaign_lifecycle_launcher_main(Datum argument);

namespace launcher {

using database_list::Database;
using database_list::Extension;
using shmem::ExitReason;
using shmem::memory;
using shmem::WorkerSlot;
using shmem::SlotState;

namespace {

constexpr int64 rescan_us = 60 * USECS_PER_SEC;
constexpr int64 start_limit_us = 10 * USECS_PER_SEC;
constexpr int64 yield_us = 2 * USECS_PER_SEC;
constexpr int64 no_slot_us = 5 * USECS_PER_SEC;
constexpr int64 pause_after_error_us = 10 * USECS_PER_SEC;
constexpr int64 warn_again_us = 600 * USECS_PER_SEC;

BackgroundWorkerHandle **handles; // by slot; nullptr for those of an earlier launcher
TimestampTz warn_at = DT_NOBEGIN;
uint32 last_generation = 0;
uint32 wait_event_cache = 0;

void reap_worker(WorkerSlot *slot)
{
	Database *database = database_list::find(slot->database);

	slot->state = SlotState::none;
	if (database == nullptr)
		return;
	if (slot->found_extension)
		database->extension = Extension::present;
	switch (slot->exit_reason)
	{
		case ExitReason::failed:
			database_list::note_failure(database, slot->since);
			break;
		case ExitReason::absent:
			// A database that was named since its worker probed may have the extension by now.
			database->extension = database->recheck ? Extension::unknown : Extension::absent;
			database->failures = 0;
			break;
		case ExitReason::yielded:
			database->retry_at = GetCurrentTimestamp() + yield_us;
			break;
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
		database->extension = Extension::present;
	else if (slot->state == SlotState::no_worker_slot &&
			 (database == nullptr || database->extension == Extension::absent || !guc::enabled || slot->number >= guc::workers))
		slot->state = SlotState::none;
}

void check_slots()
{
	LWLockAcquire(memory->lock, LW_EXCLUSIVE);
	for (uint32 i = 0; i < pg_atomic_read_u32(&memory->slots_used); i++)
		if (memory->slots[i].state != SlotState::none)
			check_slot(static_cast<int>(i));
	LWLockRelease(memory->lock);
}

// Return whether a worker is probing some database.
bool is_probing()
{
	for (uint32 i = 0; i < pg_atomic_read_u32(&memory->slots_used); i++)
	{
		const WorkerSlot *slot = &memory->slots[i];

		if ((slot->state == SlotState::starting || slot->state == SlotState::working) && !slot->found_extension)
		{
			const Database *database = database_list::find(slot->database);

			if (database != nullptr && database->extension == Extension::unknown)
				return true;
		}
	}
	return false;
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

	if (index >= 0 && memory->slots[index].state != SlotState::no_worker_slot)
		return -1;
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
	if (static_cast<uint32>(index) >= pg_atomic_read_u32(&memory->slots_used))
		pg_atomic_write_u32(&memory->slots_used, static_cast<uint32>(index) + 1);
	return index;
}

void warn_of_no_slot()
{
	TimestampTz now = GetCurrentTimestamp();

	if (now < warn_at)
		return;
	warn_at = now + warn_again_us;
	ereport(WARNING, errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED), errmsg("campaign_lifecycle has no process to run timers in"),
			errhint("Increase max_worker_processes."));
}

bool start_worker(const Database *database, int index)
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
	snprintf(process.bgw_library_name, sizeof(process.bgw_library_name), "%s", library);
	snprintf(process.bgw_function_name, sizeof(process.bgw_function_name), "%s", worker::entry_point);
	memcpy(process.bgw_extra, &generation, sizeof(generation));
	MemoryContext round_memory = MemoryContextSwitchTo(TopMemoryContext);
	bool started = RegisterDynamicBackgroundWorker(&process, &handles[index]);
	MemoryContextSwitchTo(round_memory);
	return started;
}

// Start the workers that a database lacks. Return false if the server has no process to spare.
bool start_workers(Database *database)
{
	int wanted = database_choice::workers_for(database->extension, guc::workers);

	for (int number = 0; number < wanted; number++)
	{
		LWLockAcquire(memory->lock, LW_EXCLUSIVE);
		int index = shmem::is_blocked(database->oid) ? -1 : allocate_slot(database, number);
		LWLockRelease(memory->lock);
		if (index < 0)
			continue;
		database->recheck = false;
		if (start_worker(database, index))
			continue;
		LWLockAcquire(memory->lock, LW_EXCLUSIVE);
		memory->slots[index].state = SlotState::no_worker_slot;
		LWLockRelease(memory->lock);
		database->retry_at = GetCurrentTimestamp() + no_slot_us;
		warn_of_no_slot();
		return false;
	}
	return true;
}

// Check all slots and databases. Return the time of the next cycle at the latest.
TimestampTz run_cycle()
{
	database_list::read();
	database_list::take_wakeup_requests();
	shmem::clear_stale_blocks();
	check_slots();
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz next = now + rescan_us;
	if (!guc::enabled)
		return next;
	bool probing = is_probing();
	database_list::for_each([&](Database *database) {
		if (!database_choice::is_chosen(database->extension, probing))
			return;
		if (database->retry_at <= now && start_workers(database))
			probing = probing || database->extension == Extension::unknown;
		if (database->retry_at > now)
			next = least(next, database->retry_at);
	});
	return next;
}

void give_back(int, Datum) noexcept
{
	pg_atomic_write_u32(&memory->launcher_process, shmem::nobody);
	memory->launcher_pid = 0;
}

void start()
{
	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	// The server ignores SIGHUP from the fork until here, so our settings may be old and no other signal will come.
	ConfigReloadPending = true;
	BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
	SetConfigOption("application_name", process_type, PGC_USERSET, PGC_S_OVERRIDE);
	database_list::make();
	handles = static_cast<BackgroundWorkerHandle **>(
		MemoryContextAllocZero(TopMemoryContext, sizeof(BackgroundWorkerHandle *) * memory->slot_count));
	// Generations of an earlier launcher must not come again.
	last_generation = static_cast<uint32>(GetCurrentTimestamp() / 1000);
	memory->launcher_pid = MyProcPid;
	memory->launcher_since = GetCurrentTimestamp();
	before_shmem_exit(give_back, static_cast<Datum>(0));
	pg_atomic_write_u32(&memory->launcher_process, pg::my_proc_number());
	pg_memory_barrier();
}

void wait_until(TimestampTz time)
{
	TimestampTz now = GetCurrentTimestamp();
	long ms = time > now ? static_cast<long>((time - now) / 1000 + 1) : 0;

	WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms,
			  pg::wait_event("CampaignLifecycleLauncher", &wait_event_cache));
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

void reload_if_asked()
{
	if (!ConfigReloadPending)
		return;
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
}

} // namespace

void register_process()
{
	BackgroundWorker process = {};

	process.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	process.bgw_start_time = BgWorkerStart_RecoveryFinished;
	process.bgw_restart_time = 1;
	snprintf(process.bgw_name, sizeof(process.bgw_name), "%s", process_type);
	snprintf(process.bgw_type, sizeof(process.bgw_type), "%s", process_type);
	snprintf(process.bgw_library_name, sizeof(process.bgw_library_name), "%s", library);
	snprintf(process.bgw_function_name, sizeof(process.bgw_function_name), "%s", "campaign_lifecycle_launcher_main");
	RegisterBackgroundWorker(&process);
}

} // namespace launcher

// Main function of the launcher. It ends only by SIGTERM or an error; exit code 0 would tell the server not to restart it.
void campaign_lifecycle_launcher_main(Datum)
{
	MemoryContext round_memory = AllocSetContextCreate(TopMemoryContext, "campaign_lifecycle launcher", ALLOCSET_DEFAULT_SIZES);

	launcher::start();
	for (;;)
	{
		MemoryContextReset(round_memory);
		MemoryContextSwitchTo(round_memory);
		launcher::reload_if_asked();
		TimestampTz next = GetCurrentTimestamp() + launcher::pause_after_error_us;
		ErrorData *error = xact::catch_error([&] { next = launcher::run_cycle(); });

		if (error != nullptr)
			ereport(LOG, errcode(error->sqlerrcode),
					errmsg("campaign_lifecycle could not check its workers: %s", error->message));
		launcher::wait_until(next);
	}
}
