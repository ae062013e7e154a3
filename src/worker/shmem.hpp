// The shared memory of launcher and workers. It exists only if the library is in shared_preload_libraries, so callers test shmem::memory
// first.
#ifndef CAMPAIGN_SHMEM_HPP
#define CAMPAIGN_SHMEM_HPP

#include "pg/compat.hpp"

namespace shmem {

constexpr uint32 nobody = PG_UINT32_MAX;
constexpr int max_wakeup_requests = 32;
constexpr int max_blocks = 32;
constexpr int error_length = 512;

enum class SlotState : int
{
	none,           // the slot is free
	no_worker_slot, // wanted, but the server has no process to spare
	starting,       // asked for
	working,        // a process is attached; WorkerActivity tells more
	exited,         // the process has exited; the launcher has not handled that yet
};

enum class WorkerActivity : uint32
{
	starting,
	idle,
	running,
	paused,
	blocked,
	outdated, // the installed version is not the library's
};

enum class ExitReason : int
{
	failed,   // an error, a signal, a crash
	absent,   // the database does not have the extension
	yielded,  // to DDL on the database
	unwanted, // by the settings
};

// One worker process, as autovacuum's WorkerInfoData. Committing transactions use the first section, so it has a cache line of its own.
struct WorkerSlot
{
	// Atomics, read and written without a lock.
	alignas(PG_CACHE_LINE_SIZE) pg_atomic_uint32 wakeup_database; // InvalidOid: no worker to wake here
	pg_atomic_uint32 proc_number;
	pg_atomic_uint64 sleeping_until;
	pg_atomic_uint64 wakeup_time;

	// Atomics that only the worker writes.
	alignas(PG_CACHE_LINE_SIZE) pg_atomic_uint32 activity;
	pg_atomic_uint64 batches;
	pg_atomic_uint64 timers;
	pg_atomic_uint64 failures;
	pg_atomic_uint64 next_due;
	pg_atomic_uint64 last_batch_at;
	pg_atomic_uint64 claimed_from; // the range of a full batch; DT_NOBEGIN in claimed_to: there is none
	pg_atomic_uint64 claimed_to;

	// Protected by Memory::lock.
	alignas(PG_CACHE_LINE_SIZE) SlotState state;
	ExitReason exit_reason;
	uint32 generation; // tells the process that was asked for last from one that was given up
	Oid database;
	int number; // of the worker within its database, from 0
	pid_t pid;
	TimestampTz since;
	bool found_extension;
	char last_error[error_length];
};

struct Block
{
	Oid database;
	pid_t pid;
};

struct Memory
{
	LWLock *lock; // for a slot's last section and for blocks
	pg_atomic_uint32 launcher_process;
	pid_t launcher_pid;
	TimestampTz launcher_since;
	pg_atomic_uint32 wakeup_requests[max_wakeup_requests]; // databases that the launcher must check
	pg_atomic_uint32 recheck_all;
	pg_atomic_uint32 slots_used; // slots from this one on were never used
	Block blocks[max_blocks];
	int slot_count;
	WorkerSlot *slots;
};

extern Memory *memory;

// Request the memory. Called when the library is preloaded.
void request();

// Ask the launcher to check a database. Raises nothing and takes no lock, so a commit callback may call it.
void wake_launcher(Oid database) noexcept;

// Keep workers out of a database until the transaction or the session ends.
void block(Oid database);
void unblock() noexcept;
bool is_blocked(Oid database); // the caller holds the lock

void clear_stale_blocks();

} // namespace shmem

#endif
