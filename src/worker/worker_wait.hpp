// How a worker waits.
#ifndef CAMPAIGN_WORKER_WAIT_HPP
#define CAMPAIGN_WORKER_WAIT_HPP

#include "pg/compat.hpp"
#include "worker/shmem.hpp"

namespace worker_wait {

void init();

// Until this time, a reload, or a commit with a timer before `promised`. Whether
// the time has come.
bool sleep_until(TimestampTz time, TimestampTz promised, shmem::WorkerSlot *slot, Oid database);

// Interrupts, and now and then whether somebody wants the database for himself:
// then the process ends.
void check_database_lock(Oid database);

} // namespace worker_wait

#endif
