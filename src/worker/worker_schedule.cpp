// A pass moves scan_from forward, so that no claim walks over the past again. It goes back for what a commit brings and for timers
// that were blocked. A full scan now and then is the net under everything else. A pass lives in the struct, so every other
// duty of the worker has its turn between two batches.
#include "worker/worker_schedule.hpp"

#include "worker/crash_schedule.hpp"
#include "worker/row_wait_schedule.hpp"

namespace worker_schedule {

using row_wait_schedule::grow;
using row_wait_schedule::reset;
using row_wait_schedule::retry_time;

namespace {

constexpr Backoff fresh_lock_backoff = {20000, USECS_PER_SEC, 20000};
constexpr Backoff fresh_error_backoff = {USECS_PER_SEC, 60 * USECS_PER_SEC, USECS_PER_SEC};
constexpr int64 max_busy_us = USECS_PER_SEC;               // then maintenance has its turn
constexpr int64 maintenance_retry_us = 60 * USECS_PER_SEC; // after a step that raised
constexpr int scan_share = 99;       // a fruitless scan is followed by this many times its duration without one
constexpr int64 timer_worth_us = 50; // a scan is not fruitless to this extent for each timer that it claims
constexpr int max_rescans = 50;

TimestampTz plus(TimestampTz time, int64 us)
{
	return time == DT_NOBEGIN || time >= DT_NOEND - us ? time : time + us;
}

// Note what the clock says. A time computed while the clock was ahead must not outlive the next decision.
void see(Schedule *schedule, TimestampTz now)
{
	if (now < schedule->last_now)
		schedule->set_back = true;
	schedule->last_now = now;
}

// Forget the times that the old clock has set, because they would come too late. A full scan finds the others again.
void mend_clock(Schedule *schedule)
{
	schedule->set_back = false;
	schedule->full_scan_at = DT_NOBEGIN;
	schedule->retry_at = DT_NOBEGIN;
	schedule->busy_since = DT_NOEND;
	if (schedule->row_wait.not_before != DT_NOEND)
		schedule->row_wait.not_before = DT_NOBEGIN;
	schedule->row_wait.last_at = DT_NOBEGIN;
	schedule->blocked.not_before = DT_NOBEGIN;
	schedule->far_blocked.not_before = DT_NOBEGIN;
	if (schedule->maintenance_at != DT_NOEND)
		schedule->maintenance_at = DT_NOBEGIN;
}

// Note what other sessions have committed. resume_timers() alone ends a pause, not every timer.
void note_wakeup(Schedule *schedule, TimestampTz wakeup)
{
	if (schedule->paused && wakeup == DT_NOBEGIN)
		schedule->full_scan_at = DT_NOBEGIN;
	schedule->scan_from = least(schedule->scan_from, wakeup);
	schedule->next_due = least(schedule->next_due, wakeup);
	if (is_in_pass(schedule))
		schedule->pass_start = least(schedule->pass_start, wakeup);
}

void forget_since(Blocked *blocked, TimestampTz from)
{
	if (blocked->from < from)
		return;
	blocked->from = DT_NOEND;
	blocked->try_at = DT_NOEND;
}

// Start a pass, or let the one in progress go back. It will meet the blocked timers that it covers, so they need not be known.
void begin_pass(Schedule *schedule, TimestampTz from)
{
	if (!is_in_pass(schedule))
	{
		schedule->rescans = 0;
		schedule->rescanned_at = DT_NOEND;
		schedule->went_back = false;
	}
	schedule->over = false;
	schedule->scan_from = least(schedule->scan_from, from);
	schedule->pass_start = least(schedule->pass_start, schedule->scan_from);
	forget_since(&schedule->blocked, schedule->scan_from);
	forget_since(&schedule->far_blocked, schedule->scan_from);
}

// Scan the past again. A timer that was known to be blocked was not made due by this pass.
void go_back(Schedule *schedule, TimestampTz from)
{
	TimestampTz known = schedule->blocked.from;

	if (schedule->far_blocked.from >= from)
		known = least(known, schedule->far_blocked.from);
	begin_pass(schedule, from);
	schedule->went_back = true;
	schedule->rescanned_at = known;
}

void end_pass(Schedule *schedule)
{
	schedule->pass_start = DT_NOEND;
	schedule->full = false;
	schedule->recover = false;
	schedule->single = false;
	schedule->over = false;
	schedule->isolate_transient = false;
}

void follow_reasons(Schedule *schedule, TimestampTz now)
{
	if (now >= schedule->full_scan_at && !schedule->full)
	{
		go_back(schedule, DT_NOBEGIN);
		schedule->full = true;
		schedule->recover = true;
	}
	else if (now >= retry_time(schedule->far_blocked))
		go_back(schedule, schedule->far_blocked.from);
	else if (now >= retry_time(schedule->blocked))
		go_back(schedule, schedule->blocked.from);
	else if (now >= schedule->next_due && !is_in_pass(schedule))
		begin_pass(schedule, schedule->scan_from);
}

// Let the pass begin again when the wait is over, because timers that it has met locked are not noted yet.
void restart_pass(Schedule *schedule)
{
	schedule->single = false;
	schedule->over = false;
	if (!is_in_pass(schedule))
		return;
	schedule->scan_from = least(schedule->scan_from, schedule->pass_start);
	schedule->recover = schedule->recover || schedule->full;
}

// Return how long to wait before the next scan like this one.
int64 pause_after_scan(const Batch &batch)
{
	return greatest(batch.scan_us - batch.claimed * timer_worth_us, static_cast<int64>(0)) * scan_share;
}

void block(Schedule *schedule, TimestampTz now, TimestampTz from, int64 pause)
{
	bool is_far = pause > schedule->lock_backoff.max_us;
	Blocked *blocked = is_far ? &schedule->far_blocked : &schedule->blocked;

	blocked->from = least(blocked->from, from);
	blocked->try_at = least(blocked->try_at, now + grow(&schedule->lock_backoff));
	row_wait_schedule::note_blocked(schedule, now);
	if (is_far || schedule->went_back)
		blocked->not_before = now + pause;
}

// Return whether the pass goes on with another batch. A due timer that still waits after a batch may have become runnable by that
// batch. So the pass goes back, once for each such timer. A timer that waits even then is locked.
bool goes_on(Schedule *schedule, TimestampTz now, const Batch &batch)
{
	if (batch.full)
		return true;
	schedule->next_due = batch.next_due;
	if (batch.earliest_blocked == DT_NOEND)
	{
		if (batch.postponed == 0)
			reset(&schedule->lock_backoff);
		if (row_wait_schedule::earliest_blocked(*schedule) == DT_NOEND)
			row_wait_schedule::end(schedule);
		return false;
	}
	if (batch.claimed > 0 && batch.postponed == 0 && batch.earliest_blocked != schedule->rescanned_at &&
		schedule->rescans++ < max_rescans)
	{
		schedule->rescanned_at = batch.earliest_blocked;
		schedule->scan_from = least(schedule->scan_from, batch.earliest_blocked);
		return true;
	}
	block(schedule, now, batch.earliest_blocked, pause_after_scan(batch));
	return batch.claimed > 0 && batch.claimed_to < batch.as_of;
}

Action sleep_until(Schedule *schedule, TimestampTz until, TimestampTz wake_before)
{
	Action action = {};

	action.step = Step::sleep;
	action.until = until;
	action.wake_before = wake_before;
	action.until_due = until == schedule->next_due;
	schedule->busy_since = DT_NOEND;
	return action;
}

Action maintain(Schedule *schedule, TimestampTz now)
{
	Action action = {};

	action.step = Step::maintenance;
	schedule->busy_since = now;
	schedule->maintenance_at = now + maintenance_retry_us;
	return action;
}

Action step_of_pass(Schedule *schedule, TimestampTz now, const Limits &limits)
{
	Action action = {};

	action.step = schedule->recover ? Step::recover : schedule->single ? Step::single : Step::batch;
	action.from = schedule->scan_from;
	action.pass_start = schedule->pass_start;
	action.limit = least(schedule->batch_limit, limits.max_batch);
	action.isolate_transient = schedule->isolate_transient;
	if (schedule->busy_since == DT_NOEND)
		schedule->busy_since = now;
	return action;
}

// Return whether maintenance is next. Under a load that never ends it has its turn after a while.
bool is_turn_of_maintenance(const Schedule *schedule, TimestampTz now)
{
	return now >= schedule->maintenance_at &&
		   (!is_in_pass(schedule) || (schedule->busy_since != DT_NOEND && now - schedule->busy_since >= max_busy_us));
}

} // namespace

Schedule start(const Limits &limits, bool does_maintenance)
{
	Schedule schedule = {};

	schedule.pass_start = DT_NOEND;
	schedule.scan_from = DT_NOBEGIN;
	schedule.rescanned_at = DT_NOEND;
	schedule.busy_since = DT_NOEND;
	schedule.elsewhere_since = DT_NOEND;
	schedule.next_due = DT_NOEND;
	schedule.blocked = {DT_NOEND, DT_NOEND, DT_NOBEGIN};
	schedule.far_blocked = {DT_NOEND, DT_NOEND, DT_NOBEGIN};
	schedule.full_scan_at = DT_NOBEGIN;
	schedule.row_wait = row_wait_schedule::idle;
	schedule.lock_backoff = fresh_lock_backoff;
	schedule.error_backoff = fresh_error_backoff;
	schedule.retry_at = DT_NOBEGIN;
	schedule.maintenance_at = does_maintenance ? DT_NOBEGIN : DT_NOEND;
	schedule.batch_limit = limits.max_batch;
	schedule.last_now = DT_NOBEGIN;
	return schedule;
}

Action decide(Schedule *schedule, TimestampTz now, TimestampTz wakeup, const Limits &limits)
{
	see(schedule, now);
	if (schedule->set_back)
		mend_clock(schedule);
	note_wakeup(schedule, wakeup);
	if (now < schedule->retry_at)
		return sleep_until(schedule, schedule->retry_at, DT_NOBEGIN);
	if (schedule->paused && now < schedule->full_scan_at)
		return now >= schedule->maintenance_at
				   ? maintain(schedule, now)
				   : sleep_until(schedule, least(schedule->full_scan_at, schedule->maintenance_at), DT_NOBEGIN + 1);

	follow_reasons(schedule, now);
	if (is_turn_of_maintenance(schedule, now))
		return maintain(schedule, now);
	if (!schedule->recover && row_wait_schedule::is_overdue(*schedule, now))
		return row_wait_schedule::begin(schedule, now, row_wait_schedule::overdue_limit(*schedule));
	if (is_in_pass(schedule))
		return step_of_pass(schedule, now, limits);
	TimestampTz retry = least(retry_time(schedule->blocked), retry_time(schedule->far_blocked));
	TimestampTz scan = least(plus(schedule->next_due, limits.stagger_us), least(retry, schedule->full_scan_at));
	TimestampTz other =
		least(least(plus(schedule->next_due, limits.stagger_us), schedule->full_scan_at), schedule->maintenance_at);
	int64 limit = row_wait_schedule::limit_at(schedule, now, other);
	if (limit > 0)
		return row_wait_schedule::begin(schedule, now, limit);
	TimestampTz wait = row_wait_schedule::next_time(*schedule);
	TimestampTz until = least(least(scan, schedule->maintenance_at), wait > now ? wait : DT_NOEND);
	return sleep_until(schedule, until, until);
}

void after_batch(Schedule *schedule, TimestampTz now, const Batch &batch, const Limits &limits)
{
	TimestampTz claimed_from = schedule->scan_from;

	see(schedule, batch.as_of);
	see(schedule, now);
	schedule->paused = false;
	reset(&schedule->error_backoff);
	// Timers that always raise such an error may fill several batches. An error of the next one would let the pass begin again before them.
	schedule->isolate_transient = batch.isolated && batch.postponed > 0;
	schedule->batch_limit =
		batch.isolated ? greatest(limits.max_batch / 4, 1) : least(schedule->batch_limit * 2, limits.max_batch);
	if (schedule->full)
		schedule->full_scan_at = now + greatest(limits.naptime_us, pause_after_scan(batch));
	schedule->full = false;
	schedule->scan_from = batch.claimed > 0 ? batch.claimed_to : batch.as_of;
	// Waiting for locks took that time, so there is no share of scans to keep.
	if (batch.postponed > 0)
		block(schedule, now, claimed_from, 0);
	schedule->over = !goes_on(schedule, now, batch);
	schedule->single = batch.has_single;
	if (schedule->over && !schedule->single)
		end_pass(schedule);
}

// Back off and make batches smaller, until one timer stands alone in the end and the failure is known for its own.
void after_error(Schedule *schedule, TimestampTz now, bool transient)
{
	see(schedule, now);
	restart_pass(schedule);
	schedule->batch_limit = greatest(schedule->batch_limit / 4, 1);
	schedule->isolate_transient = schedule->isolate_transient || transient;
	schedule->retry_at = now + grow(transient ? &schedule->lock_backoff : &schedule->error_backoff);
}

// Note how a timer that runs alone went. If it was not executed it is blocked already, because the batch before has seen it wait.
void after_single(Schedule *schedule, TimestampTz now, Single outcome, TimestampTz follow_up)
{
	see(schedule, now);
	schedule->single = false;
	schedule->scan_from = least(schedule->scan_from, follow_up);
	if (outcome == Single::tried)
		schedule->over = false;
	else if (schedule->over)
		end_pass(schedule);
}

void after_row_wait(Schedule *schedule, TimestampTz now, Waited outcome, TimestampTz follow_up, int64 scan_us)
{
	see(schedule, now);
	schedule->scan_from = least(schedule->scan_from, follow_up);
	schedule->next_due = least(schedule->next_due, follow_up);
	row_wait_schedule::after(schedule, now, outcome, scan_us);
}

void after_recovery(Schedule *schedule, TimestampTz now, Recovery outcome)
{
	see(schedule, now);
	crash_schedule::after(schedule, now, outcome);
}

void after_maintenance(Schedule *schedule, TimestampTz now, TimestampTz next)
{
	see(schedule, now);
	schedule->maintenance_at = next;
}

void on_extension_state(Schedule *schedule, TimestampTz now, Unready state, const Limits &limits)
{
	see(schedule, now);
	schedule->paused = state == Unready::paused;
	if (!schedule->paused)
	{
		restart_pass(schedule);
		schedule->retry_at = now + grow(&schedule->lock_backoff);
		return;
	}
	end_pass(schedule);
	schedule->scan_from = DT_NOBEGIN;
	schedule->next_due = DT_NOEND;
	schedule->full_scan_at = now + limits.naptime_us;
}

void on_stray_error(Schedule *schedule, TimestampTz now)
{
	see(schedule, now);
	restart_pass(schedule);
	schedule->retry_at = now + grow(&schedule->lock_backoff);
}

// Let a shorter naptime hold from now on, not from the end of the longer one.
void on_reload(Schedule *schedule, TimestampTz now, const Limits &limits)
{
	see(schedule, now);
	schedule->full_scan_at = least(schedule->full_scan_at, now + limits.naptime_us);
}

} // namespace worker_schedule
