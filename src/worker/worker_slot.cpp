// The worker's side of shared memory. A worker attaches to its slot before anything can fail. An exit callback gives the slot back. So
// the launcher learns of every exit except a crash of the server, which makes the memory anew.
#include "worker/worker_slot.hpp"

#include "worker/wakeup.hpp"

namespace worker_slot {

using shmem::memory;

namespace {

shmem::WorkerSlot *my_slot;
shmem::ExitReason exit_reason = shmem::ExitReason::failed;

void detach(int, Datum) noexcept
{
	pg_atomic_write_u32(&my_slot->wakeup_database, InvalidOid);
	pg_atomic_write_u32(&my_slot->proc_number, shmem::nobody);
	LWLockAcquire(memory->lock, LW_EXCLUSIVE);
	my_slot->state = shmem::SlotState::exited;
	my_slot->exit_reason = exit_reason;
	my_slot->pid = 0;
	LWLockRelease(memory->lock);
	shmem::wake_launcher(InvalidOid);
}

// Publish the database last; from then on committing transactions find the slot.
void open_slot()
{
	pg_atomic_write_u64(&my_slot->sleeping_until, static_cast<uint64>(DT_NOEND));
	pg_atomic_write_u64(&my_slot->wakeup_time, static_cast<uint64>(DT_NOEND));
	pg_atomic_write_u32(&my_slot->activity, static_cast<uint32>(shmem::WorkerActivity::starting));
	pg_atomic_write_u64(&my_slot->batches, 0);
	pg_atomic_write_u64(&my_slot->timers, 0);
	pg_atomic_write_u64(&my_slot->failures, 0);
	pg_atomic_write_u64(&my_slot->next_due, static_cast<uint64>(DT_NOEND));
	pg_atomic_write_u64(&my_slot->last_batch_at, static_cast<uint64>(DT_NOBEGIN));
	pg_atomic_write_u64(&my_slot->claimed_to, static_cast<uint64>(DT_NOBEGIN));
	pg_atomic_write_u64(&my_slot->needed_at, static_cast<uint64>(DT_NOBEGIN));
	pg_atomic_write_u64(&my_slot->turn_since, static_cast<uint64>(my_slot->since));
	pg_atomic_write_u32(&my_slot->must_leave, 0);
	pg_atomic_write_u32(&my_slot->proc_number, pg::my_proc_number());
	pg_memory_barrier();
	pg_atomic_write_u32(&my_slot->wakeup_database, my_slot->database);
	pg_memory_barrier();
}

} // namespace

void attach(int index, uint32 generation)
{
	if (memory == nullptr || index < 0 || index >= memory->slot_count)
		proc_exit(0);
	my_slot = &memory->slots[index];
	LWLockAcquire(memory->lock, LW_EXCLUSIVE);
	bool given_up = my_slot->state != shmem::SlotState::starting || my_slot->generation != generation;
	if (!given_up)
	{
		my_slot->state = shmem::SlotState::working;
		my_slot->pid = MyProcPid;
		my_slot->since = GetCurrentTimestamp();
		my_slot->found_extension = false;
	}
	LWLockRelease(memory->lock);
	if (given_up)
		proc_exit(0);
	before_shmem_exit(detach, static_cast<Datum>(0));
	open_slot();
	wakeup::set_own_slot(my_slot);
}

shmem::WorkerSlot *mine()
{
	return my_slot;
}

Oid database()
{
	return my_slot->database;
}

int number()
{
	return my_slot->number;
}

bool is_next_turn()
{
	return my_slot->is_next_turn;
}

void set_activity(shmem::WorkerActivity activity)
{
	pg_atomic_write_u32(&my_slot->activity, static_cast<uint32>(activity));
}

void set_last_error(const ErrorData *error)
{
	char text[shmem::error_length];

	snprintf(text, sizeof(text), "%s: %s", unpack_sql_state(error->sqlerrcode), error->message != nullptr ? error->message : "");
	text[pg_mbcliplen(text, static_cast<int>(strlen(text)), sizeof(text) - 1)] = '\0';
	LWLockAcquire(memory->lock, LW_EXCLUSIVE);
	memcpy(my_slot->last_error, text, sizeof(text));
	LWLockRelease(memory->lock);
}

void report_useful()
{
	if (my_slot->found_extension)
		return;
	LWLockAcquire(memory->lock, LW_EXCLUSIVE);
	my_slot->found_extension = true;
	LWLockRelease(memory->lock);
	shmem::wake_launcher(InvalidOid);
}

void exit_worker(shmem::ExitReason reason)
{
	exit_reason = reason;
	proc_exit(0);
}

} // namespace worker_slot
