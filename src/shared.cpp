// Makes the shared memory when the server starts (and again after a crash, which
// is why everything in it may be lost at any time), and holds what more than one
// kind of process does with it. Promises: no pointer to a process is kept in it,
// and its lock is held only for a few instructions.
#include "shared.hpp"

#include <signal.h>

namespace shared {

Memory *memory = nullptr;

namespace {

constexpr const char *tranche = "campaign_lifecycle";

shmem_request_hook_type next_request_hook;
shmem_startup_hook_type next_startup_hook;

// More than can run, so that the databases that wait for a process are shown.
int count_posts()
{
	return Max(256, 2 * max_worker_processes);
}

Size memory_size()
{
	Size size = CACHELINEALIGN(sizeof(Memory));

	size = add_size(size, CACHELINEALIGN(mul_size(count_posts(), sizeof(Post))));
	return add_size(size, mul_size(count_posts(), sizeof(Station)));
}

void request_memory()
{
	if (next_request_hook != nullptr)
		next_request_hook();
	RequestAddinShmemSpace(memory_size());
	RequestNamedLWLockTranche(tranche, 1);
}

void init_station(Station *station)
{
	pg_atomic_init_u32(&station->database, InvalidOid);
	pg_atomic_init_u32(&station->process, nobody);
	pg_atomic_init_u64(&station->next_look, static_cast<uint64>(DT_NOEND));
	pg_atomic_init_u64(&station->lowered, static_cast<uint64>(DT_NOEND));
	pg_atomic_init_u32(&station->activity, static_cast<uint32>(Activity::starting));
	pg_atomic_init_u64(&station->batches, 0);
	pg_atomic_init_u64(&station->timers, 0);
	pg_atomic_init_u64(&station->failures, 0);
	pg_atomic_init_u64(&station->next_due, static_cast<uint64>(DT_NOEND));
	pg_atomic_init_u64(&station->last_batch_at, static_cast<uint64>(DT_NOBEGIN));
	pg_atomic_init_u64(&station->claimed_from, static_cast<uint64>(DT_NOBEGIN));
	pg_atomic_init_u64(&station->claimed_to, static_cast<uint64>(DT_NOBEGIN));
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
		memory->lock = &GetNamedLWLockTranche(tranche)->lock;
		pg_atomic_init_u32(&memory->launcher_process, nobody);
		for (pg_atomic_uint32 &kick : memory->kicks)
			pg_atomic_init_u32(&kick, InvalidOid);
		pg_atomic_init_u32(&memory->kicked_all, 0);
		pg_atomic_init_u32(&memory->posts_used, 0);
		memory->post_count = count_posts();
		start += CACHELINEALIGN(sizeof(Memory));
		memory->posts = reinterpret_cast<Post *>(start);
		start += CACHELINEALIGN(mul_size(count_posts(), sizeof(Post)));
		memory->stations = reinterpret_cast<Station *>(start);
		for (int i = 0; i < memory->post_count; i++)
			init_station(&memory->stations[i]);
	}
	LWLockRelease(AddinShmemInitLock);
}

} // namespace

void request()
{
	next_request_hook = shmem_request_hook;
	shmem_request_hook = request_memory;
	next_startup_hook = shmem_startup_hook;
	shmem_startup_hook = make_memory;
}

void kick_launcher(Oid database) noexcept
{
	bool noted = false;

	if (memory == nullptr)
		return;
	for (int i = 0; i < most_kicks && !noted; i++)
	{
		uint32 seen = InvalidOid;

		noted = pg_atomic_compare_exchange_u32(&memory->kicks[i], &seen, database) || seen == database;
	}
	if (!noted)
		pg_atomic_write_u32(&memory->kicked_all, 1);
	pg_memory_barrier();
	uint32 process = pg_atomic_read_u32(&memory->launcher_process);
	if (process != nobody)
		pg::set_latch_of(process);
}

// The lock keeps a worker from leaving between our look at its pid and the
// signal, so that nobody else's process can have got the number.
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
	for (int i = 0; i < memory->post_count; i++)
	{
		const Post *post = &memory->posts[i];

		if (post->state == State::working && post->database == database && post->pid != 0)
			kill(post->pid, SIGTERM);
	}
	LWLockRelease(memory->lock);
}

// Without the lock: only this process writes its own entries back to free.
void end_blocks() noexcept
{
	for (Block &entry : memory->blocks)
	{
		if (entry.pid != MyProcPid)
			continue;
		Oid database = entry.database;

		entry.pid = 0;
		kick_launcher(database);
	}
}

bool is_blocked(Oid database)
{
	for (const Block &entry : memory->blocks)
		if (entry.pid != 0 && entry.database == database)
			return true;
	return false;
}

void drop_stale_blocks()
{
	LWLockAcquire(memory->lock, LW_EXCLUSIVE);
	for (Block &entry : memory->blocks)
		if (entry.pid != 0 && BackendPidGetProc(entry.pid) == nullptr)
			entry.pid = 0;
	LWLockRelease(memory->lock);
}

} // namespace shared
