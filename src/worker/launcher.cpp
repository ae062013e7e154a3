// Keeps as many workers as the settings say in every database that has the extension. Only a session in the database can see that. So a
// first worker probes it, one database at a time, and exits if it finds no extension. ddl_hooks.cpp and exiting workers wake the
// launcher; once a minute it checks everything. Where processes are short, the databases take turns: see database_choice.hpp.
#include "worker/launcher.hpp"

#include "pg/xact.hpp"
#include "worker/database_list.hpp"
#include "guc.hpp"
#include "worker/launcher_slots.hpp"
#include "worker/shmem.hpp"
#include "worker/turns.hpp"

extern "C" PGDLLEXPORT void campaign_lifecycle_launcher_main(Datum argument);

namespace launcher {

using database_list::Database;
using database_list::Extension;
using launcher_slots::Started;
using shmem::memory;

namespace {

constexpr int64 rescan_us = 60 * USECS_PER_SEC;
constexpr int64 no_slot_us = 5 * USECS_PER_SEC;
constexpr int64 again_us = USECS_PER_SEC / 20; // between two looks for a process that a database needs now
constexpr int64 nobody_us = 2 * USECS_PER_SEC; // processes that have left may not be free before
constexpr int64 pause_after_error_us = 10 * USECS_PER_SEC;
constexpr int64 warn_again_us = 600 * USECS_PER_SEC;

TimestampTz warn_at = DT_NOBEGIN;
TimestampTz fill_at = DT_NOBEGIN;    // when to ask for processes again that no timer needs
TimestampTz nobody_since = DT_NOEND; // since when there is no worker, although one is wanted
TimestampTz last_now = DT_NOBEGIN;
bool was_enabled = true;
uint32 wait_event_cache = 0;

// One look at all databases.
struct Cycle
{
	TimestampTz now;
	TimestampTz next; // when to look again, at the latest
	int workers;      // processes
	bool is_short;    // a database waits for a process
	bool probing;
	TimestampTz *needy; // since when databases need a process that they do not have, the earliest first
	int needy_count;
};

// A database without worker 0.
struct Candidate
{
	Database *database;
	TimestampTz start_at;
};

void warn_of_no_process()
{
	TimestampTz now = GetCurrentTimestamp();

	if (now < warn_at)
		return;
	warn_at = now + warn_again_us;
	ereport(WARNING, errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED), errmsg("campaign_lifecycle has no process to run timers in"),
			errhint("Increase max_worker_processes."));
}

bool is_at_limit(const Cycle *cycle)
{
	return guc::worker_limit > 0 && cycle->workers >= guc::worker_limit;
}

// Start a worker, unless the limit is reached.
Started start(Cycle *cycle, Database *database, int number)
{
	Started started = is_at_limit(cycle) ? Started::no_process : launcher_slots::start(database, number);

	if (started == Started::yes)
		cycle->workers++;
	return started;
}

void show_wait(const Database *database, shmem::Wait wait)
{
	if (database->entry != nullptr)
		pg_atomic_write_u32(&database->entry->wait, static_cast<uint32>(wait));
}

// Return whether the server has not a single process.
bool has_nobody(const Cycle *cycle)
{
	return cycle->workers == 0 && cycle->now - nobody_since >= nobody_us;
}

// Let a database wait for a process.
void wait_for_turn(Cycle *cycle, const Candidate &candidate)
{
	Database *database = candidate.database;

	if (cycle->workers == 0)
		nobody_since = least(nobody_since, cycle->now);
	bool is_nobody = has_nobody(cycle);
	cycle->is_short = true;
	show_wait(database, is_nobody ? shmem::Wait::no_process : shmem::Wait::turn);
	if (is_nobody && database->entry == nullptr)
		launcher_slots::show_no_process(database, 0);
	if (candidate.start_at > cycle->now)
	{
		cycle->next = least(cycle->next, candidate.start_at);
		return;
	}
	cycle->needy[cycle->needy_count++] = candidate.start_at;
	cycle->probing = cycle->probing || (!is_nobody && database->extension == Extension::unknown);
}

// Start worker 0 of a database, or let it wait. Once a database has found no process, those behind it are not tried.
void serve(Cycle *cycle, const Candidate &candidate)
{
	Database *database = candidate.database;

	show_wait(database, shmem::Wait::none);
	if (!database_choice::is_chosen(database->extension, cycle->probing))
		return;
	if (database->retry_at > cycle->now)
	{
		cycle->next = least(cycle->next, database->retry_at);
		return;
	}
	if (!cycle->is_short && (candidate.start_at <= cycle->now || cycle->now >= fill_at))
	{
		int64 late_us = database_list::lateness(database, cycle->now);
		Started started = start(cycle, database, 0);

		if (started == Started::yes && database->entry != nullptr)
			turns::note_start(database->entry, late_us, cycle->now);
		if (started == Started::yes)
			cycle->probing = cycle->probing || database->extension == Extension::unknown;
		if (started != Started::no_process)
			return;
		fill_at = cycle->now + no_slot_us;
	}
	if (candidate.start_at > cycle->now)
		cycle->next = least(cycle->next, fill_at);
	wait_for_turn(cycle, candidate);
}

int compare_candidates(const void *left, const void *right)
{
	TimestampTz a = static_cast<const Candidate *>(left)->start_at;
	TimestampTz b = static_cast<const Candidate *>(right)->start_at;

	return a < b ? -1 : a > b ? 1 : 0;
}

// Start worker 0 of each database that lacks it, in the order in which they come to need it.
void start_first_workers(Cycle *cycle)
{
	long databases = hash_get_num_entries(database_list::databases);
	Candidate *candidates = static_cast<Candidate *>(palloc(sizeof(Candidate) * (databases + 1)));
	int count = 0;

	// Workers beyond the limit are needy as well.
	cycle->needy = static_cast<TimestampTz *>(palloc(sizeof(TimestampTz) * (databases + cycle->workers + 1)));
	database_list::for_each([&](Database *database) {
		if (!database->has_first)
			candidates[count++] = {database, database_list::start_at(database)};
	});
	qsort(candidates, count, sizeof(Candidate), compare_candidates);
	for (int i = 0; i < count; i++)
		serve(cycle, candidates[i]);
}

// Start the other workers that the settings ask for.
void start_further_workers(Cycle *cycle)
{
	bool is_full = false;

	if (guc::workers == 1 || cycle->is_short)
		return;
	database_list::for_each([&](Database *database) {
		if (database->retry_at > cycle->now)
			return;
		for (int number = 1; number < database_choice::workers_for(database->extension, guc::workers); number++)
		{
			if (is_at_limit(cycle))
				return;
			if (!is_full)
				is_full = start(cycle, database, number) == Started::no_process;
			if (is_full)
				launcher_slots::show_no_process(database, number);
		}
	});
	if (is_full)
		cycle->next = least(cycle->next, cycle->now + no_slot_us);
}

// Ask workers to leave for databases that need their processes now, and because of a limit that was lowered.
void make_room(Cycle *cycle)
{
	int beyond = guc::worker_limit > 0 ? cycle->workers - guc::worker_limit : 0;

	for (int i = 0; i < beyond; i++)
		cycle->needy[cycle->needy_count++] = cycle->now - database_choice::lead_us;
	// Commits in a database without an entry look at this, so it is written before a worker leaves.
	pg_atomic_exchange_u32(&memory->takes_turns, cycle->is_short || cycle->needy_count > 0 ? 1 : 0);
	int left = launcher_slots::make_room(cycle->needy, cycle->needy_count, cycle->now);
	pg_atomic_write_u32(&memory->places_wanted, static_cast<uint32>(left));
	if (cycle->needy_count == 0)
		return;
	cycle->next = least(cycle->next, cycle->now + (has_nobody(cycle) ? no_slot_us : again_us));
	if (has_nobody(cycle))
		warn_of_no_process();
}

// A clock that is set back by less makes nothing late by more.
void check_clock(TimestampTz now)
{
	if (now < last_now - USECS_PER_SEC)
	{
		database_list::start_over(now);
		warn_at = DT_NOBEGIN;
		fill_at = DT_NOBEGIN;
		nobody_since = DT_NOEND;
	}
	last_now = now;
}

// Check all slots and databases. Return the time of the next cycle at the latest.
TimestampTz run_cycle()
{
	Cycle cycle = {};

	turns::launcher_is_busy();
	check_clock(GetCurrentTimestamp());
	database_list::read_if_changed();
	database_list::take_wakeup_requests();
	shmem::clear_stale_blocks();
	launcher_slots::check();
	cycle.now = GetCurrentTimestamp();
	cycle.next = cycle.now + rescan_us;
	cycle.workers = launcher_slots::count_workers();
	cycle.probing = launcher_slots::is_probing();
	if (cycle.workers > 0)
		nobody_since = DT_NOEND;
	if (!guc::enabled || !was_enabled)
		database_list::start_over(cycle.now);
	was_enabled = guc::enabled;
	if (guc::enabled)
	{
		start_first_workers(&cycle);
		start_further_workers(&cycle);
		make_room(&cycle);
	}
	else
		pg_atomic_write_u32(&memory->places_wanted, 0);
	turns::launcher_sleeps_until(cycle.next);
	return cycle.next;
}

void give_back(int, Datum) noexcept
{
	pg_atomic_write_u32(&memory->launcher_process, shmem::nobody);
	pg_atomic_write_u32(&memory->places_wanted, 0);
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
	launcher_slots::make();
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
