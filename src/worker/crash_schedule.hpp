// Decides how a worker goes on after each step of recovery. It is a part of worker_schedule.cpp, as pure as that.
//
// If the timers that may have caused a crash have run alone, batches are full at once. If any timer may have caused it, batches begin with one
// timer and double, so that another crash undoes little.
#ifndef CAMPAIGN_CRASH_SCHEDULE_HPP
#define CAMPAIGN_CRASH_SCHEDULE_HPP

#include "worker/row_wait_schedule.hpp"
#include "worker/worker_schedule.hpp"

namespace crash_schedule {

using namespace worker_schedule;

constexpr int64 ask_again_us = 20000;                 // whether the other process is done
constexpr int64 max_elsewhere_us = 2 * USECS_PER_SEC; // then batches begin beside the process that handles a crash

// Return whether to wait for the process that handles a crash. A timer that it runs may take long, so the wait has an end.
inline bool waits_for_other(Schedule *schedule, TimestampTz now)
{
	if (schedule->elsewhere_since > now)
		schedule->elsewhere_since = now;
	return now - schedule->elsewhere_since < max_elsewhere_us;
}

inline void after(Schedule *schedule, TimestampTz now, Recovery outcome)
{
	if (outcome != Recovery::elsewhere)
		schedule->elsewhere_since = DT_NOEND;
	else if (waits_for_other(schedule, now))
	{
		schedule->retry_at = now + ask_again_us;
		return;
	}
	if (outcome == Recovery::failed)
		schedule->retry_at = now + row_wait_schedule::grow(&schedule->lock_backoff);
	if (outcome == Recovery::failed || outcome == Recovery::in_progress)
		return;
	schedule->recover = false;
	if (outcome != Recovery::complete)
		schedule->batch_limit = 1;
}

} // namespace crash_schedule

#endif
