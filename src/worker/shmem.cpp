// Allocates the shared memory when the server starts and after a crash; everything in it may therefore be lost at any time. It holds no
// pointer to a process, and its lock is held for a few instructions only.
#include "worker/shmem.hpp"

#include <signal.h>

#include "timer/left_notes.hpp"

namespace shmem {

Memory *memory = nullptr;

namespace {

constexpr const char *tranche = "campaign_lifecycle";

shmem_request_hook_type next_request_hook;
shmem_startup_hook_type next_startup_hook;

// Return the number of slots: more than processes can run, so that databases that wait for a process are shown.
int max_slots()
{
	return greatest(256, 2 * max_worker_processes);
}

Size memory_size()
{
	Size size = CACHELINEALIGN(sizeof(Memory));

	size = add_size(size, mul_size(max_slots(), sizeof(WorkerSlot)));
	return add_size(size, mul_size(max_databases, sizeof(DatabaseEntry)));
}

void request_memory()
{
	if (next_request_hook != nullptr)
		next_request_hook();
	RequestAddinShmemSpace(memory_size());
	RequestNamedLWLockTranche(tranche, 1);
}

void init_slot(WorkerSlot *slot)
{
	pg_atomic_init_u32(&slot->wakeup_database, InvalidOid);
	pg_atomic_init_u32(&slot->proc_number, nobody);
	pg_atomic_init_u64(&slot->sleeping_until, static_cast<uint64>(DT_NOEND));
	pg_atomic_init_u64(&slot->wakeup_time, static_cast<uint64>(DT_NOEND));
	pg_atomic_init_u32(&slot->activity, static_cast<uint32>(WorkerActivity::starting));
	pg_atomic_init_u64(&slot->batches, 0);
	pg_atomic_init_u64(&slot->timers, 0);
	pg_atomic_init_u64(&slot->failures, 0);
	pg_atomic_init_u64(&slot->next_due, static_cast<uint64>(DT_NOEND));
	pg_atomic_init_u64(&slot->last_batch_at, static_cast<uint64>(DT_NOBEGIN));
	pg_atomic_init_u64(&slot->claimed_from, static_cast<uint64>(DT_NOBEGIN));
	pg_atomic_init_u64(&slot->claimed_to, static_cast<uint64>(DT_NOBEGIN));
	pg_atomic_init_u64(&slot->needed_at, static_cast<uint64>(DT_NOEND));
	pg_atomic_init_u64(&slot->turn_since, static_cast<uint64>(DT_NOBEGIN));
	pg_atomic_init_u32(&slot->must_leave, 0);
}

void init_entry(DatabaseEntry *entry)
{
	pg_atomic_init_u32(&entry->database, InvalidOid);
	pg_atomic_init_u64(&entry->due, static_cast<uint64>(DT_NOBEGIN));
	pg_atomic_init_u64(&entry->maintenance_at, static_cast<uint64>(DT_NOBEGIN));
	pg_atomic_init_u64(&entry->maintained_at, static_cast<uint64>(DT_NOBEGIN));
	pg_atomic_init_u64(&entry->error_logged_at, static_cast<uint64>(DT_NOBEGIN));
	pg_atomic_init_u32(&entry->fruitless, 0);
	pg_atomic_init_u32(&entry->activity, static_cast<uint32>(WorkerActivity::starting));
	pg_atomic_init_u32(&entry->wait, static_cast<uint32>(Wait::none));
	pg_atomic_init_u64(&entry->starts, 0);
	pg_atomic_init_u64(&entry->late_us, 0);
	pg_atomic_init_u64(&entry->late_at, static_cast<uint64>(DT_NOBEGIN));
}

// The memory is zero.
void init_memory(char *start)
{
	memory->lock = &GetNamedLWLockTranche(tranche)->lock;
	pg_atomic_init_u32(&memory->launcher_process, nobody);
	for (pg_atomic_uint32 &request : memory->wakeup_requests)
		pg_atomic_init_u32(&request, InvalidOid);
	pg_atomic_init_u32(&memory->recheck_all, 0);
	pg_atomic_init_u32(&memory->databases_changed, 0);
	pg_atomic_init_u32(&memory->slots_used, 0);
	pg_atomic_init_u32(&memory->entries_used, 0);
	pg_atomic_init_u32(&memory->takes_turns, 0);
	pg_atomic_init_u32(&memory->places_wanted, 0);
	pg_atomic_init_u64(&memory->launcher_until, static_cast<uint64>(DT_NOEND));
	memory->slot_count = max_slots();
	start += CACHELINEALIGN(sizeof(Memory));
	memory->slots = reinterpret_cast<WorkerSlot *>(start);
	for (int i = 0; i < memory->slot_count; i++)
		init_slot(&memory->slots[i]);
	memory->databases = reinterpret_cast<DatabaseEntry *>(memory->slots + memory->slot_count);
	for (int i = 0; i < max_databases; i++)
		init_entry(&memory->databases[i]);
}

void make_memory()
{
	bool found;

	if (next_startup_hook != nullptr)
		next_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	char *start = static_cast<char *>(ShmemInitStruct(tranche, memory_size(), &found));
	memory = reinterpret_cast<Memory *>(start);
	if (!found)
	{
		memset(start, 0, memory_size());
		init_memory(start);
	}
	LWLockRelease(AddinShmemInitLock);
	if (!found)
		left_notes::on_server_start();
}

} // namespace

void request()
{
	next_request_hook = shmem_request_hook;
	shmem_request_hook = request_memory;
	next_startup_hook = shmem_startup_hook;
	shmem_startup_hook = make_memory;
}

void wake_launcher(Oid database) noexcept
{
	bool noted = false;

	if (memory == nullptr)
		return;
	for (int i = 0; i < max_wakeup_requests && !noted; i++)
	{
		uint32 seen = InvalidOid;

		noted = pg_atomic_compare_exchange_u32(&memory->wakeup_requests[i], &seen, database) || seen == database;
	}
	if (!noted)
		pg_atomic_write_u32(&memory->recheck_all, 1);
	pg_memory_barrier();
	uint32 process = pg_atomic_read_u32(&memory->launcher_process);
	if (process != nobody)
		pg::set_latch_of(process);
}

void note_databases_changed() noexcept
{
	if (memory == nullptr)
		return;
	pg_atomic_write_u32(&memory->databases_changed, 1);
	wake_launcher(InvalidOid);
}

// The lock keeps a worker from exiting between our read of its pid and the signal. So no other process can have got the pid.
void block(Oid database)
{
	LWLockAcquire(memory->lock, LW_EXCLUSIVE);
	for (Block &entry : memory->blocks)
	{
		if (entry.pid != 0 && entry.pid != MyProcPid)
			continue;
		entry.database = database;
		entry.pid = MyProcPid;
		break;
	}
	for (int i = 0; i < memory->slot_count; i++)
	{
		const WorkerSlot *slot = &memory->slots[i];

		if (slot->state == SlotState::working && slot->database == database && slot->pid != 0)
			kill(slot->pid, SIGTERM);
	}
	LWLockRelease(memory->lock);
}

// Needs no lock, because only this process writes its own entries.
void unblock() noexcept
{
	pg_write_barrier();
	for (Block &entry : memory->blocks)
	{
		if (entry.pid != MyProcPid)
			continue;
		Oid database = entry.database;

		entry.pid = 0;
		wake_launcher(database);
	}
}

// A database that is unblocked may be gone, until the launcher has read the list again.
bool is_blocked(Oid database)
{
	for (const Block &entry : memory->blocks)
		if (entry.pid != 0 && entry.database == database)
			return true;
	pg_read_barrier();
	return pg_atomic_read_u32(&memory->databases_changed) != 0;
}

void clear_stale_blocks()
{
	LWLockAcquire(memory->lock, LW_EXCLUSIVE);
	for (Block &entry : memory->blocks)
		if (entry.pid != 0 && BackendPidGetProc(entry.pid) == nullptr)
			entry.pid = 0;
	LWLockRelease(memory->lock);
}

} // namespace shmem
