// Tells when the timers of a database need a process. A worker that could leave its own to another database asks that. It is a part of
// worker_schedule, as pure as that.
#include "worker/row_wait_schedule.hpp"
#include "worker/worker_schedule.hpp"

namespace worker_schedule {

using row_wait_schedule::retry_time;

bool is_hindered(const Schedule &schedule)
{
	return row_wait_schedule::earliest_blocked(schedule) != DT_NOEND || schedule.retry_at > schedule.last_now;
}

// A later full scan and maintenance are no reason: a database without a worker is visited now and then for them.
TimestampTz needed_at(const Schedule &schedule, TimestampTz now, int64 rest_us)
{
	if (schedule.paused)
		return DT_NOEND;
	if (schedule.retry_at > now)
		return greatest(schedule.retry_at, now + rest_us);
	if (is_in_pass(&schedule) || schedule.next_due <= now || schedule.full_scan_at <= now)
		return now;
	TimestampTz wait = row_wait_schedule::next_time(schedule);
	TimestampTz retry = least(least(retry_time(schedule.blocked), retry_time(schedule.far_blocked)), wait);
	return least(schedule.next_due, retry == DT_NOEND ? DT_NOEND : greatest(retry, now + rest_us));
}

} // namespace worker_schedule
