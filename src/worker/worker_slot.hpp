// A worker's slot in shared memory.
#ifndef CAMPAIGN_WORKER_SLOT_HPP
#define CAMPAIGN_WORKER_SLOT_HPP

#include "pg/compat.hpp"
#include "worker/shmem.hpp"

namespace worker_slot {

constexpr const char *worker_type = "campaign_lifecycle worker";

// Attach to the slot, or exit if the launcher has given this process up.
void attach(int index, uint32 generation);

shmem::WorkerSlot *mine();
Oid database();
int number();

// Return whether the database had a worker before, which left for another database. That is no news for the log.
bool is_next_turn();

void set_activity(shmem::WorkerActivity activity);
void set_last_error(const ErrorData *error);

// Report that the worker has found the extension, so that the database gets all its workers.
void report_useful();

[[noreturn]] void exit_worker(shmem::ExitReason reason);

} // namespace worker_slot

#endif
