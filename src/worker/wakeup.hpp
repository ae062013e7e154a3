// Who wakes whom. A transaction that brings timers notes the earliest of them
// and, once it is visible to others, tells the workers of its database; a worker
// says when it will look next, so that only an earlier timer disturbs it.
#ifndef CAMPAIGN_WAKEUP_HPP
#define CAMPAIGN_WAKEUP_HPP

#include "pg/compat.hpp"
#include "worker/shmem.hpp"

namespace wakeup {

void register_callbacks();

// For the transaction: a timer due at this time; anything else that workers of
// this database, or the launcher, should look at.
void note_timer(TimestampTz due);
void note_change();

// For a worker: what has been noted so far it knows itself.
void note_next_due_read();

// After COMMIT PREPARED: what was prepared is unknown here, so look at all.
void wake_all() noexcept;

// For a worker, in this order: enter_busy() before the snapshot, then
// publish_sleep(), then sleep only if it says so.
TimestampTz enter_busy(shmem::WorkerSlot *station);
bool publish_sleep(shmem::WorkerSlot *station, TimestampTz next);

// A worker that has found more than it can do alone.
void wake_idle_worker(const shmem::WorkerSlot *mine, TimestampTz since);

// What a full batch has passed over nobody else need pass over: where a claim that
// would begin at `since` had better begin, if a sibling is at work there. (What
// it leaves or loses it looks for itself, as it does after a claim of its own.)
void publish_claimed_range(shmem::WorkerSlot *mine, TimestampTz from, TimestampTz to);
void withdraw_claimed_range(shmem::WorkerSlot *mine);
TimestampTz skip_claimed_ranges(const shmem::WorkerSlot *mine, TimestampTz since);

void set_own_slot(shmem::WorkerSlot *station);

} // namespace wakeup

#endif
