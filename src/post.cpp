// The worker's side of shared memory. A post is taken before anything can fail
// and given back by an exit callback, so that the launcher learns of every end,
// whatever the cause; only a crash of the server needs no callback, for it makes
// the memory anew.
#include "post.hpp"

#include "wake.hpp"

namespace post {

using shared::memory;

namespace {

shared::Post *mine;
shared::Station *place;
shared::Farewell farewell = shared::Farewell::failed;

void give_back(int, Datum) noexcept
{
	pg_atomic_write_u32(&place->database, InvalidOid);
	pg_atomic_write_u32(&place->process, shared::nobody);
	LWLockAcquire(memory->lock, LW_EXCLUSIVE);
	mine->state = shared::State::left;
	mine->farewell = farewell;
	mine->pid = 0;
	LWLockRelease(memory->lock);
	shared::kick_launcher(InvalidOid);
}

// Published last: from then on committers find the station.
void open_station()
{
	pg_atomic_write_u64(&place->next_look, static_cast<uint64>(DT_NOEND));
	pg_atomic_write_u64(&place->lowered, static_cast<uint64>(DT_NOEND));
	pg_atomic_write_u32(&place->activity, static_cast<uint32>(shared::Activity::starting));
	pg_atomic_write_u64(&place->batches, 0);
	pg_atomic_write_u64(&place->timers, 0);
	pg_atomic_write_u64(&place->failures, 0);
	pg_atomic_write_u64(&place->next_due, static_cast<uint64>(DT_NOEND));
	pg_atomic_write_u64(&place->last_batch_at, static_cast<uint64>(DT_NOBEGIN));
	pg_atomic_write_u64(&place->claimed_to, static_cast<uint64>(DT_NOBEGIN));
	pg_atomic_write_u32(&place->process, pg::my_proc_number());
	pg_memory_barrier();
	pg_atomic_write_u32(&place->database, mine->database);
	pg_memory_barrier();
}

} // namespace

void take(int index, uint32 ticket)
{
	if (memory == nullptr || index < 0 || index >= memory->post_count)
		proc_exit(0);
	mine = &memory->posts[index];
	place = &memory->stations[index];
	LWLockAcquire(memory->lock, LW_EXCLUSIVE);
	bool given_up = mine->state != shared::State::starting || mine->ticket != ticket;
	if (!given_up)
	{
		mine->state = shared::State::working;
		mine->pid = MyProcPid;
		mine->since = GetCurrentTimestamp();
		mine->was_of_use = false;
	}
	LWLockRelease(memory->lock);
	if (given_up)
		proc_exit(0);
	before_shmem_exit(give_back, static_cast<Datum>(0));
	open_station();
	wake::set_own_station(place);
}

shared::Station *station()
{
	return place;
}

Oid database()
{
	return mine->database;
}

int number()
{
	return mine->number;
}

void show(shared::Activity activity)
{
	pg_atomic_write_u32(&place->activity, static_cast<uint32>(activity));
}

void show_error(const ErrorData *error)
{
	char text[shared::error_length];

	snprintf(text, sizeof(text), "%s: %s", unpack_sql_state(error->sqlerrcode), error->message != nullptr ? error->message : "");
	text[pg_mbcliplen(text, static_cast<int>(strlen(text)), sizeof(text) - 1)] = '\0';
	LWLockAcquire(memory->lock, LW_EXCLUSIVE);
	memcpy(mine->last_error, text, sizeof(text));
	LWLockRelease(memory->lock);
}

void confirm()
{
	if (mine->was_of_use)
		return;
	LWLockAcquire(memory->lock, LW_EXCLUSIVE);
	mine->was_of_use = true;
	LWLockRelease(memory->lock);
	shared::kick_launcher(InvalidOid);
}

void leave(shared::Farewell reason)
{
	farewell = reason;
	proc_exit(0);
}

} // namespace post
