// The databases in shared memory: when each needs a process, while it has none. Only the launcher adds and removes them.
#ifndef CAMPAIGN_TURNS_HPP
#define CAMPAIGN_TURNS_HPP

#include "pg/compat.hpp"
#include "worker/shmem.hpp"

namespace turns {

// Return the entry of a database, or nullptr if there is none, which is so for those that found no room.
shmem::DatabaseEntry *find(Oid database) noexcept;
shmem::DatabaseEntry *find_own() noexcept; // of the database that this process is connected to

// For the launcher.
shmem::DatabaseEntry *add(Oid database);
void remove(shmem::DatabaseEntry *entry);
void note_start(shmem::DatabaseEntry *entry, int64 late_us, TimestampTz now);
void launcher_is_busy();
void launcher_sleeps_until(TimestampTz time);

// For a transaction that has committed: report a timer that is due at this time, in case that no worker lives in the database.
void note_due(TimestampTz due, bool has_worker) noexcept;

// For a worker that leaves: publish when its database needs a process again.
void publish_due(shmem::DatabaseEntry *entry, TimestampTz due);
void lower_due(shmem::DatabaseEntry *entry, TimestampTz due) noexcept;

// Return whether a database waits for the process of the caller, which must then leave.
bool take_wanted_place();

inline TimestampTz read_time(pg_atomic_uint64 *time) noexcept
{
	return static_cast<TimestampTz>(pg_atomic_read_u64(time));
}

inline void write_time(pg_atomic_uint64 *time, TimestampTz value) noexcept
{
	pg_atomic_write_u64(time, static_cast<uint64>(value));
}

} // namespace turns

#endif
