// The shared memory of launcher and workers. It exists only if the library is in shared_preload_libraries, so callers test shmem::memory
// first.
#ifndef CAMPAIGN_SHMEM_HPP
#define CAMPAIGN_SHMEM_HPP

#include "pg/compat.hpp"

namespace shmem {

constexpr uint32 nobody = PG_UINT32_MAX;
constexpr int max_wakeup_requests = 32;
constexpr int max_blocks = 32;
constexpr int max_databases = 1024;
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
	turn_over,
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
	pg_atomic_uint64 needed_at;  // while it sleeps, and after it has left for another database: when it needs a process
	pg_atomic_uint64 turn_since; // since when it has needed its process; DT_NOEND while it does not

	// Set by the launcher: the worker is to leave for another database.
	pg_atomic_uint32 must_leave;

	// Protected by Memory::lock.
	alignas(PG_CACHE_LINE_SIZE) SlotState state;
	ExitReason exit_reason;
	uint32 generation; // tells the process that was asked for last from one that was given up
	Oid database;
	int number; // of the worker within its database, from 0
	pid_t pid;
	TimestampTz since;
	bool found_extension;
	bool is_next_turn; // the database had a worker before, which left for another database
	char last_error[error_length];
};

// Why a database has no worker.
enum class Wait : uint32
{
	none,       // it has one, or none is wanted
	turn,       // other databases have the processes
	no_process, // there is not a single one
};

// A database with the extension, for when no worker lives there. Atomics are read and written without a lock.
struct DatabaseEntry
{
	alignas(PG_CACHE_LINE_SIZE) pg_atomic_uint32 database; // InvalidOid: the entry is free

	// When its timers need a process. A worker that leaves for another database writes it, and commits lower it. DT_NOBEGIN while a
	// worker lives there, and while nothing is known.
	pg_atomic_uint64 due;

	// For the next worker.
	pg_atomic_uint64 maintenance_at; // DT_NOBEGIN: not known
	pg_atomic_uint64 maintained_at;  // the last complete round
	pg_atomic_uint64 error_logged_at;
	pg_atomic_uint32 fruitless; // turns in a row that met locked timers or errors, and executed nothing

	// For users.
	pg_atomic_uint32 activity; // of the last worker
	pg_atomic_uint32 wait;
	pg_atomic_uint64 starts;
	pg_atomic_uint64 late_us; // the longest wait beyond the due time in the last minutes
	pg_atomic_uint64 late_at;

	// Protected by Memory::lock.
	char last_error[error_length]; // of the last worker
};

struct Block
{
	Oid database;
	pid_t pid;
};

struct Memory
{
	LWLock *lock; // for the last sections of slots and entries, and for blocks
	pg_atomic_uint32 launcher_process;
	pid_t launcher_pid;
	TimestampTz launcher_since;
	pg_atomic_uint32 wakeup_requests[max_wakeup_requests]; // databases that the launcher must check
	pg_atomic_uint32 recheck_all;
	pg_atomic_uint32 databases_changed; // pg_database has
	pg_atomic_uint32 slots_used;        // slots from this one on were never used
	pg_atomic_uint32 entries_used;      // likewise
	pg_atomic_uint32 takes_turns;       // some database has no worker, because processes are short
	pg_atomic_uint32 places_wanted;     // workers that may leave as soon as they have nothing to do
	pg_atomic_uint64 launcher_until;    // the launcher sleeps until then; DT_NOEND while it is busy
	Block blocks[max_blocks];
	int slot_count;
	WorkerSlot *slots;
	DatabaseEntry *databases; // max_databases
};

extern Memory *memory;

// Request the memory. Called when the library is preloaded.
void request();

// Ask the launcher to check a database. Raises nothing and takes no lock, so a commit callback may call it.
void wake_launcher(Oid database) noexcept;

// Let the launcher read the list of databases again.
void note_databases_changed() noexcept;

// Keep workers out of a database until the transaction or the session ends.
void block(Oid database);
void unblock() noexcept;
bool is_blocked(Oid database); // the caller holds the lock

void clear_stale_blocks();

} // namespace shmem

#endif
