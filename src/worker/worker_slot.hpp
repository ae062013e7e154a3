// A worker's place in shared memory: taken, described, left.
#ifndef CAMPAIGN_WORKER_SLOT_HPP
#define CAMPAIGN_WORKER_SLOT_HPP

#include "pg/compat.hpp"
#include "worker/shmem.hpp"

namespace worker_slot {

constexpr const char *worker_type = "campaign_lifecycle worker";

// Takes the post, or ends the process if the launcher has given it up.
void attach(int index, uint32 generation);

shmem::WorkerSlot *mine();
Oid database();
int number();

void set_activity(shmem::WorkerActivity activity);
void set_last_error(const ErrorData *error);

// The worker has found the extension: this database is worth workers.
void report_useful();

[[noreturn]] void exit_worker(shmem::ExitReason reason);

} // namespace worker_slot

#endif
