// No timer is lost while no worker lives in its database. A commit lowers the wakeup time of the workers first, then the due time of the
// database. A worker that leaves publishes the due time first, then reads its wakeup time. The later one sees what the other wrote. The
// same holds for the launcher, which publishes that it is busy before it reads the due times. A database that found no room here is
// visited after each commit of a timer.
#include "worker/turns.hpp"

#include "worker/database_choice.hpp"

namespace turns {

using shmem::DatabaseEntry;
using shmem::memory;

namespace {

void init(DatabaseEntry *entry)
{
	write_time(&entry->due, DT_NOBEGIN);
	write_time(&entry->maintenance_at, DT_NOBEGIN);
	write_time(&entry->maintained_at, DT_NOBEGIN);
	write_time(&entry->error_logged_at, DT_NOBEGIN);
	pg_atomic_write_u32(&entry->fruitless, 0);
	pg_atomic_write_u32(&entry->activity, static_cast<uint32>(shmem::WorkerActivity::starting));
	pg_atomic_write_u32(&entry->wait, static_cast<uint32>(shmem::Wait::none));
	pg_atomic_write_u64(&entry->starts, 0);
	pg_atomic_write_u64(&entry->late_us, 0);
	write_time(&entry->late_at, DT_NOBEGIN);
	memset(entry->last_error, 0, sizeof(entry->last_error));
}

// Return whether the launcher has to know of a timer that is due at this time before it wakes.
bool is_before_launcher(TimestampTz due) noexcept
{
	return due == DT_NOBEGIN || due - database_choice::lead_us < read_time(&memory->launcher_until);
}

// Return whether no timer is executed in the database, whatever is due. A change of that is reported on its own.
bool is_paused(DatabaseEntry *entry) noexcept
{
	uint32 activity = pg_atomic_read_u32(&entry->activity);

	return activity == static_cast<uint32>(shmem::WorkerActivity::paused) ||
		   activity == static_cast<uint32>(shmem::WorkerActivity::outdated);
}

void wake_launcher() noexcept
{
	shmem::wake_launcher(InvalidOid);
}

} // namespace

DatabaseEntry *find(Oid database) noexcept
{
	uint32 used = pg_atomic_read_u32(&memory->entries_used);

	for (uint32 i = 0; i < used; i++)
		if (pg_atomic_read_u32(&memory->databases[i].database) == database)
			return &memory->databases[i];
	return nullptr;
}

DatabaseEntry *find_own() noexcept
{
	static DatabaseEntry *own = nullptr;

	if (own == nullptr || pg_atomic_read_u32(&own->database) != MyDatabaseId)
		own = find(MyDatabaseId);
	return own;
}

// Return nullptr if there is no room.
DatabaseEntry *add(Oid database)
{
	DatabaseEntry *entry = find(database);
	uint32 used = pg_atomic_read_u32(&memory->entries_used);

	if (entry != nullptr)
		return entry;
	entry = find(InvalidOid);
	if (entry == nullptr && used == shmem::max_databases)
		return nullptr;
	if (entry == nullptr)
		entry = &memory->databases[used];
	init(entry);
	pg_write_barrier();
	pg_atomic_write_u32(&entry->database, database);
	pg_write_barrier();
	if (entry == &memory->databases[used])
		pg_atomic_write_u32(&memory->entries_used, used + 1);
	return entry;
}

void remove(DatabaseEntry *entry)
{
	pg_atomic_write_u32(&entry->database, InvalidOid);
	write_time(&entry->due, DT_NOBEGIN);
}

// Note that a worker starts so late. The due time is unknown until the worker leaves.
void note_start(DatabaseEntry *entry, int64 late_us, TimestampTz now)
{
	TimestampTz late_at = read_time(&entry->late_at);

	write_time(&entry->due, DT_NOBEGIN);
	pg_atomic_write_u32(&entry->wait, static_cast<uint32>(shmem::Wait::none));
	pg_atomic_write_u64(&entry->starts, pg_atomic_read_u64(&entry->starts) + 1);
	if (late_us < database_choice::late_us)
		return;
	if (late_us < static_cast<int64>(pg_atomic_read_u64(&entry->late_us)) && late_at > now - database_choice::late_for_us &&
		late_at <= now)
		return;
	pg_atomic_write_u64(&entry->late_us, static_cast<uint64>(late_us));
	write_time(&entry->late_at, now);
}

void launcher_is_busy()
{
	pg_atomic_exchange_u64(&memory->launcher_until, static_cast<uint64>(DT_NOEND));
}

void launcher_sleeps_until(TimestampTz time)
{
	write_time(&memory->launcher_until, time);
}

void note_due(TimestampTz due, bool has_worker) noexcept
{
	DatabaseEntry *entry = find_own();

	if (entry != nullptr && !is_paused(entry))
		lower_due(entry, due);
	else if (entry == nullptr && !has_worker && pg_atomic_read_u32(&memory->takes_turns) != 0)
		shmem::wake_launcher(MyDatabaseId);
}

// Write also a time that is later than the one before, because all earlier timers are known to the caller.
void publish_due(DatabaseEntry *entry, TimestampTz due)
{
	pg_atomic_exchange_u64(&entry->due, static_cast<uint64>(due));
	if (is_before_launcher(due))
		wake_launcher();
}

void lower_due(DatabaseEntry *entry, TimestampTz due) noexcept
{
	uint64 seen = pg_atomic_read_u64(&entry->due);

	while (due < static_cast<TimestampTz>(seen))
	{
		if (!pg_atomic_compare_exchange_u64(&entry->due, &seen, static_cast<uint64>(due)))
			continue;
		if (is_before_launcher(due))
			wake_launcher();
		return;
	}
}

bool take_wanted_place()
{
	uint32 wanted = pg_atomic_read_u32(&memory->places_wanted);

	while (wanted > 0)
		if (pg_atomic_compare_exchange_u32(&memory->places_wanted, &wanted, wanted - 1))
			return true;
	return false;
}

} // namespace turns
