// Decides when a worker waits for the rows of a blocked timer. It is a part of worker_schedule.cpp, as pure as that.
//
// A scan skips locked rows. Rows that short transactions lock again and again are locked whenever a scan comes by. The worker waits for
// them while it has nothing else to do. Where timers are due all the time, it takes a short time for that now and then.
#ifndef CAMPAIGN_ROW_WAIT_SCHEDULE_HPP
#define CAMPAIGN_ROW_WAIT_SCHEDULE_HPP

#include "worker/worker_schedule.hpp"

namespace row_wait_schedule {

using namespace worker_schedule;

constexpr RowWait idle = {DT_NOEND, DT_NOBEGIN, {10000, 160000, 10000}}; // no timer is blocked
constexpr int64 min_blocked_us = 60000; // before the first wait, because two scans may find the rows free until then
constexpr int row_wait_scan_share = 9;  // the scan_share of the scan before a wait, because its first one plans a query
constexpr int64 max_row_wait_us = 40000;
constexpr int64 min_row_wait_us = 1000;
constexpr int64 row_wait_margin_us = 2000;         // the rest of its transaction, before the next timer is due
constexpr int64 forced_row_wait_us = 10000;        // where timers are due so often that there is never time for a wait,
constexpr int64 forced_row_wait_every_us = 200000; // every so often

inline void reset(Backoff *backoff)
{
	backoff->next_us = backoff->min_us;
}

inline int64 grow(Backoff *backoff)
{
	int64 delay = backoff->next_us;

	backoff->next_us = least(delay * 2, backoff->max_us);
	return delay;
}

inline TimestampTz retry_time(const Blocked &blocked)
{
	return blocked.from == DT_NOEND ? DT_NOEND : greatest(blocked.try_at, blocked.not_before);
}

inline TimestampTz earliest_blocked(const Schedule &schedule)
{
	return least(schedule.blocked.from, schedule.far_blocked.from);
}

// Note that no timer is blocked.
inline void end(Schedule *schedule)
{
	schedule->row_wait.not_before = DT_NOEND;
	reset(&schedule->row_wait.backoff);
}

// Note that a scan has found timers locked.
inline void note_blocked(Schedule *schedule, TimestampTz now)
{
	if (schedule->row_wait.not_before == DT_NOEND)
		schedule->row_wait.not_before = now + min_blocked_us;
}

// Return when to wait for rows. The worker looks for them by a scan, which keeps to its share of the time. A scan for far ones costs more, so
// they are waited for only if there are no others.
inline TimestampTz next_time(const Schedule &schedule)
{
	const Blocked &blocked = schedule.blocked.from != DT_NOEND ? schedule.blocked : schedule.far_blocked;

	return blocked.from == DT_NOEND ? DT_NOEND : greatest(schedule.row_wait.not_before, blocked.not_before);
}

// Return how long a wait for rows may take before the worker has something else to do, or 0.
inline int64 limit_at(const Schedule *schedule, TimestampTz now, TimestampTz until)
{
	const RowWait &wait = schedule->row_wait;

	if (now < next_time(*schedule))
		return 0;
	int64 limit = until == DT_NOEND ? max_row_wait_us : least(until - now - row_wait_margin_us, max_row_wait_us);
	if (limit >= forced_row_wait_us)
		return limit;
	if (wait.last_at == DT_NOBEGIN || now - wait.last_at >= forced_row_wait_every_us)
		return forced_row_wait_us;
	return limit >= min_row_wait_us ? limit : 0;
}

// Return whether timers that are due all the time have left no time for a wait, so that one comes before them.
inline bool is_overdue(const Schedule &schedule, TimestampTz now)
{
	TimestampTz since = greatest(schedule.row_wait.not_before, schedule.row_wait.last_at);

	return now >= next_time(schedule) && since != DT_NOBEGIN && now - since >= forced_row_wait_every_us;
}

// Return how long a wait that comes before due timers may take. It is longer after waits that have failed, because transactions end
// late on a machine that has too much to do.
inline int64 overdue_limit(const Schedule &schedule)
{
	return least(greatest(schedule.row_wait.backoff.next_us, forced_row_wait_us), max_row_wait_us);
}

// Return the step that waits for rows.
inline Action begin(Schedule *schedule, TimestampTz now, int64 limit)
{
	Action action = {};

	action.step = Step::row_wait;
	action.from = schedule->blocked.from != DT_NOEND ? schedule->blocked.from : schedule->far_blocked.from;
	action.limit_us = limit;
	action.is_overdue = is_overdue(*schedule, now);
	schedule->row_wait.last_at = now;
	return action;
}

// A wait that has succeeded is followed by a scan, because other timers may be free by now. One that has failed is followed by a pause.
inline void after(Schedule *schedule, TimestampTz now, Waited outcome, int64 scan_us)
{
	RowWait *wait = &schedule->row_wait;

	if (outcome == Waited::busy || outcome == Waited::held)
	{
		wait->not_before = now + greatest(grow(&wait->backoff), scan_us * row_wait_scan_share);
		return;
	}
	reset(&wait->backoff);
	wait->not_before = outcome == Waited::executed ? now + scan_us * row_wait_scan_share : DT_NOEND;
	if (outcome == Waited::executed)
	{
		reset(&schedule->lock_backoff);
		schedule->blocked.try_at = least(schedule->blocked.try_at, now);
	}
}

} // namespace row_wait_schedule

#endif
