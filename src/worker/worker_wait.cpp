// Sleeping between steps. The server's timer signal sets the latch, which is more precise than WaitLatch, because that rounds up to a
// millisecond. Every few seconds a worker tries the lock of its database, without a transaction. DDL that the hook has not seen gets the
// database so within the five seconds that the server waits.
#include "worker/worker_wait.hpp"

#include "worker/worker_slot.hpp"

namespace worker_wait {

namespace {

constexpr int64 lock_check_ms = 3000;

// The kernel wakes a process late, so the worker stays awake for the end of its sleep.
constexpr int64 wake_us = 250;

TimeoutId timer;
TimestampTz lock_check_at = DT_NOBEGIN;
uint32 wait_event_cache = 0;

// The server's handler sets the latch already.
void on_alarm() {}

bool is_database_wanted(Oid database)
{
	LOCKTAG tag;

	SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, database, 0);
	if (LockAcquire(&tag, RowExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		return true;
	LockRelease(&tag, RowExclusiveLock, true);
	return false;
}

} // namespace

void init()
{
	timer = RegisterTimeout(USER_TIMEOUT, on_alarm);
}

void check_database_lock(Oid database)
{
	TimestampTz now = GetCurrentTimestamp();

	CHECK_FOR_INTERRUPTS();
	// The second condition is false after the clock was set back.
	if (now < lock_check_at && lock_check_at <= now + lock_check_ms * 1000)
		return;
	lock_check_at = now + lock_check_ms * 1000;
	if (is_database_wanted(database))
		worker_slot::exit_worker(shmem::ExitReason::yielded);
}

bool sleep_until(TimestampTz time, TimestampTz wake_if_before, shmem::WorkerSlot *slot, Oid database)
{
	TimestampTz before = GetCurrentTimestamp();

	// A long sleep would keep the statistics of the last batches from others.
	pgstat_report_stat(time > before + USECS_PER_SEC);
	for (;;)
	{
		check_database_lock(database);
		TimestampTz now = GetCurrentTimestamp();

		// Stop also when the clock was set back, because the sleep would be longer than was meant.
		if (now >= time || now < before || ConfigReloadPending || pg_atomic_read_u32(&slot->must_leave) != 0 ||
			static_cast<TimestampTz>(pg_atomic_read_u64(&slot->wakeup_time)) < wake_if_before)
		{
			disable_timeout(timer, false);
			return now >= time;
		}
		before = now;
		if (now >= time - wake_us)
			continue;
		enable_timeout_at(timer, least(time - wake_us, lock_check_at));
		WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
				  static_cast<long>((least(time, lock_check_at) - now) / 1000 + 10),
				  pg::wait_event("CampaignLifecycleTimer", &wait_event_cache));
		ResetLatch(MyLatch);
	}
}

} // namespace worker_wait
