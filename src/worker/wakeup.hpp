// Wakeups. A transaction that writes timers notes the earliest one and reports it to the workers of its database once it is visible. A
// worker publishes the end of its sleep, so that only an earlier timer wakes it.
#ifndef CAMPAIGN_WAKEUP_HPP
#define CAMPAIGN_WAKEUP_HPP

#include "pg/compat.hpp"
#include "worker/shmem.hpp"

namespace wakeup {

void register_callbacks();

// For the transaction: note a timer that is due at this time, or any other change that workers or the launcher must check.
void note_timer(TimestampTz due);
void note_change();

// For a worker: it has read the next due time, so it knows what has been noted so far.
void note_next_due_read();

// Wake everybody after COMMIT PREPARED, because the timers of the prepared transaction are unknown here.
void wake_all() noexcept;

// For a worker: call enter_busy() before the snapshot, then publish_sleep(), and sleep only if that returns true.
TimestampTz enter_busy(shmem::WorkerSlot *slot);
bool publish_sleep(shmem::WorkerSlot *slot, TimestampTz next);

// Wake an idle sibling for a backlog that starts at `from`.
void wake_idle_worker(const shmem::WorkerSlot *mine, TimestampTz from);

// Let the other workers of the database look for what the caller leaves to them, from this time on. Return false if there is none.
bool hand_over(TimestampTz from);
bool has_siblings();

// Publish the range of scheduled_at that the current full batch covers. A sibling whose next claim would start inside that range skips to
// its end, so that workers do not read past each other's locked rows. The worker that published the range retries its timers that were
// not executed.
void publish_claimed_range(shmem::WorkerSlot *mine, TimestampTz from, TimestampTz to);
void withdraw_claimed_range(shmem::WorkerSlot *mine);
TimestampTz skip_claimed_ranges(const shmem::WorkerSlot *mine, TimestampTz from);

void set_own_slot(shmem::WorkerSlot *slot);

} // namespace wakeup

#endif
