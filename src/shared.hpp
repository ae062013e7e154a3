// The shared memory of launcher and workers. It exists only if the library is
// in shared_preload_libraries: everyone tests shared::memory first. A worker has
// a post (who it is, how it fares; under the lock) and, beside it, a station,
// which committing transactions read and write with atomics alone.
#ifndef CAMPAIGN_SHARED_HPP
#define CAMPAIGN_SHARED_HPP

#include "pg.hpp"

namespace shared {

constexpr uint32 nobody = PG_UINT32_MAX;
constexpr int most_kicks = 32;
constexpr int most_blocks = 32;
constexpr int error_length = 512;

enum class State : int
{
	none,           // the post is free
	no_worker_slot, // wanted, but the server has no process to spare
	starting,       // asked for
	working,        // a process holds the post; Activity tells more
	left,           // the process has gone; the launcher has not seen to it yet
};

enum class Activity : uint32
{
	starting,
	idle,
	running,
	paused,
	blocked,
};

enum class Farewell : int
{
	failed,   // an error, a signal, a crash
	absent,   // the database has no such extension
	yielded,  // to DDL on the database
	unwanted, // by the settings
};

// On a cache line of its own, then what only the worker writes on another.
struct alignas(PG_CACHE_LINE_SIZE) Station
{
	pg_atomic_uint32 database; // InvalidOid: not taken
	pg_atomic_uint32 process;  // place in the server's array of processes
	pg_atomic_uint64 next_look;
	pg_atomic_uint64 lowered;

	alignas(PG_CACHE_LINE_SIZE) pg_atomic_uint32 activity;
	pg_atomic_uint64 batches;
	pg_atomic_uint64 timers;
	pg_atomic_uint64 failures;
	pg_atomic_uint64 next_due;
	pg_atomic_uint64 last_batch_at;

	// What its present batch has taken all of that it could: from where to where; no end, no such batch.
	pg_atomic_uint64 claimed_from;
	pg_atomic_uint64 claimed_to;
};

struct Post
{
	State state;
	Farewell farewell;
	uint32 ticket; // tells a process that was asked for from one that was given up
	Oid database;
	int number; // of the worker within its database, from 0
	pid_t pid;
	TimestampTz since;
	bool was_of_use; // its worker found the extension
	char last_error[error_length];
};

struct Block
{
	Oid database;
	pid_t pid;
};

struct Memory
{
	LWLock *lock; // for posts and blocks
	pg_atomic_uint32 launcher_process;
	pid_t launcher_pid;
	TimestampTz launcher_since;
	pg_atomic_uint32 kicks[most_kicks]; // databases that the launcher is to look at
	pg_atomic_uint32 kicked_all;
	pg_atomic_uint32 posts_used; // posts at and after this one were never taken
	Block blocks[most_blocks];
	int post_count;
	Post *posts;
	Station *stations;
};

extern Memory *memory;

// Called when the library is preloaded.
void request();

// No error, no memory, no lock: callable from a commit callback.
void kick_launcher(Oid database) noexcept;

// DDL on a database keeps its workers away until the transaction ends, or the
// session does.
void block(Oid database);
void end_blocks() noexcept;
bool is_blocked(Oid database); // with the lock held

void drop_stale_blocks();

} // namespace shared

#endif
