// How a worker waits.
#ifndef CAMPAIGN_WORKER_WAIT_HPP
#define CAMPAIGN_WORKER_WAIT_HPP

#include "pg/compat.hpp"
#include "worker/shmem.hpp"

namespace worker_wait {

void init();

// Sleep until this time, a reload, a commit with a timer before wake_if_before, or a request to leave. Return whether the time has come.
bool sleep_until(TimestampTz time, TimestampTz wake_if_before, shmem::WorkerSlot *slot, Oid database);

// Check for interrupts and, every few seconds, whether another session waits for the database. Exit in that case.
void check_database_lock(Oid database);

} // namespace worker_wait

#endif
