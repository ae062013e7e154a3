// The promises of the worker's schedule, one by one, with times as numbers.
#include "tap.hpp"
#include "worker/worker_schedule.hpp"

using namespace worker_schedule;
using tap::is;
using tap::ok;

namespace {

constexpr int64 ms = 1000;
constexpr int64 second = 1000 * ms;
constexpr TimestampTz t0 = 1000 * second;
constexpr Limits limits = {60 * second, 0, 100};

// A batch that has found nothing, and knows of no other timer.
Batch nothing(TimestampTz as_of)
{
	Batch batch = {};

	batch.as_of = as_of;
	batch.claimed_to = as_of;
	batch.earliest_blocked = DT_NOEND;
	batch.next_due = DT_NOEND;
	batch.scan_us = 50;
	return batch;
}

Batch claimed(TimestampTz as_of, int count)
{
	Batch batch = nothing(as_of);

	batch.claimed = count;
	return batch;
}

Batch blocked(TimestampTz as_of, TimestampTz earliest)
{
	Batch batch = nothing(as_of);

	batch.earliest_blocked = earliest;
	return batch;
}

Batch full(TimestampTz as_of, TimestampTz claimed_to)
{
	Batch batch = claimed(as_of, limits.max_batch);

	batch.full = true;
	batch.claimed_to = claimed_to;
	return batch;
}

// Let the waits for rows that the schedule wants at this time fail, and return the step after them.
Action decide_after_waits(Schedule *schedule, TimestampTz now)
{
	Action action = decide(schedule, now, DT_NOEND, limits);

	while (action.step == Step::row_wait)
	{
		after_row_wait(schedule, now, Waited::held, DT_NOEND, 0);
		action = decide(schedule, now, DT_NOEND, limits);
	}
	return action;
}

Step step_at(Schedule *schedule, TimestampTz now, TimestampTz wakeup = DT_NOEND)
{
	return decide(schedule, now, wakeup, limits).step;
}

// A worker that has made its first full scan at t0, found nothing and sleeps.
Schedule idle(bool does_maintenance = false)
{
	Schedule schedule = start(limits, false);

	(void) step_at(&schedule, t0);
	after_recovery(&schedule, t0, Recovery::complete);
	(void) step_at(&schedule, t0);
	after_batch(&schedule, t0, nothing(t0), limits);
	if (does_maintenance)
		schedule.maintenance_at = t0 + 3600 * second;
	return schedule;
}

void crash_tests()
{
	Schedule schedule = start(limits, true);

	ok(step_at(&schedule, t0) == Step::recover, "recovery runs before the first batch");
	after_recovery(&schedule, t0, Recovery::in_progress);
	ok(step_at(&schedule, t0) == Step::recover, "and goes on until all that was due at a crash has been tried");
	after_recovery(&schedule, t0, Recovery::failed);
	ok(step_at(&schedule, t0) == Step::sleep, "recovery that fails is followed by a wait");
	ok(step_at(&schedule, t0 + 19 * ms, t0) == Step::sleep, "which a commit does not end");
	ok(step_at(&schedule, t0 + 20 * ms) == Step::recover, "and runs again, still before any batch");
	after_recovery(&schedule, t0 + 20 * ms, Recovery::complete);
	Action action = decide(&schedule, t0 + 20 * ms, DT_NOEND, limits);
	ok(action.step == Step::batch && action.from == DT_NOBEGIN, "then the first batch scans everything");
	after_batch(&schedule, t0 + 20 * ms, nothing(t0 + 20 * ms), limits);
	ok(step_at(&schedule, t0 + 20 * ms) == Step::maintenance, "and maintenance follows");

	schedule = idle();
	ok(step_at(&schedule, t0 + 60 * second) == Step::recover, "every full scan begins with recovery");
}

// Run a full batch, and return the limit of the next one.
int limit_after_full(Schedule *schedule, TimestampTz now)
{
	after_batch(schedule, now, full(now, now - second), limits);
	return decide(schedule, now, DT_NOEND, limits).limit;
}

void batches_after_crash_tests()
{
	Schedule schedule = start(limits, false);

	(void) step_at(&schedule, t0);
	after_recovery(&schedule, t0, Recovery::complete);
	is(decide(&schedule, t0, DT_NOEND, limits).limit, limits.max_batch,
	   "where every timer that may have caused a crash has been run alone, batches are full at once");

	schedule = start(limits, false);
	(void) step_at(&schedule, t0);
	after_recovery(&schedule, t0, Recovery::unsure);
	Action action = decide(&schedule, t0, DT_NOEND, limits);
	ok(action.step == Step::batch && action.limit == 1, "where any timer may have caused it, batches begin with one timer");
	int expected = 2;
	for (int i = 0; i < 10; i++, expected = least(2 * expected, limits.max_batch))
		is(limit_after_full(&schedule, t0), expected, "each batch after it is twice as big, until they are full");
}

void crash_elsewhere_tests()
{
	Schedule schedule = start(limits, false);

	(void) step_at(&schedule, t0);
	after_recovery(&schedule, t0, Recovery::elsewhere);
	ok(step_at(&schedule, t0, t0) == Step::sleep, "a worker waits while another process handles a crash, whatever is committed");
	ok(step_at(&schedule, t0 + 20 * ms) == Step::recover, "and asks again soon");
	TimestampTz now = t0 + 20 * ms;
	for (; now < t0 + 2 * second && step_at(&schedule, now) == Step::recover; now += 20 * ms)
		after_recovery(&schedule, now, Recovery::elsewhere);
	ok(now == t0 + 2 * second && step_at(&schedule, now) == Step::recover, "for two seconds");
	after_recovery(&schedule, now, Recovery::elsewhere);
	Action action = decide(&schedule, now, DT_NOEND, limits);
	ok(action.step == Step::batch && action.limit == 1, "then it begins with a small batch beside the other process");

	schedule = start(limits, false);
	(void) step_at(&schedule, t0);
	after_recovery(&schedule, t0, Recovery::elsewhere);
	after_recovery(&schedule, t0 + ms, Recovery::complete);
	ok(step_at(&schedule, t0 + 20 * ms) == Step::batch, "it does not wait when the other process is done");
}

void wakeup_tests()
{
	Schedule schedule = idle();
	Action action = decide(&schedule, t0 + ms, DT_NOEND, limits);

	ok(action.step == Step::sleep && action.until == t0 + 60 * second, "a worker without timers sleeps until the next full scan");
	is(action.wake_before, action.until, "and is woken by any timer due before that");
	ok(!action.until_due, "no timer is due then");

	action = decide(&schedule, t0 + second, t0 + 500 * ms, limits);
	ok(action.step == Step::batch, "a commit with a timer that is due starts a batch");
	is(action.from, t0, "which continues where the last scan ended");
	after_batch(&schedule, t0 + second, claimed(t0 + second, 1), limits);
	ok(step_at(&schedule, t0 + second) == Step::sleep, "after one batch the worker sleeps");

	action = decide(&schedule, t0 + 2 * second, t0 - 3600 * second, limits);
	is(action.from, t0 - 3600 * second, "a commit with a timer due long ago takes the scan back to it");
	is(action.pass_start, t0 - 3600 * second, "and the question what still waits");
	after_batch(&schedule, t0 + 2 * second, claimed(t0 + 2 * second, 1), limits);

	action = decide(&schedule, t0 + 3 * second, t0 + 10 * second, limits);
	ok(action.step == Step::sleep && action.until == t0 + 10 * second, "a commit with a timer due later costs no transaction");
	ok(action.until_due, "the worker sleeps until that timer is due");
	ok(step_at(&schedule, t0 + 10 * second) == Step::batch, "and runs a batch then");
	after_batch(&schedule, t0 + 10 * second, full(t0 + 10 * second, t0 + 9 * second), limits);
	action = decide(&schedule, t0 + 10 * second, t0 + 5 * second, limits);
	is(action.from, t0 + 5 * second, "a commit during a batch takes the next batch back to its timer");

	schedule = idle();
	ok(step_at(&schedule, t0 + second, DT_NOBEGIN) == Step::batch, "a change of policies or handlers starts a batch");
}

void stagger_tests()
{
	constexpr Limits second_worker = {60 * second, 3 * ms, 100};
	Schedule schedule = idle();
	Action action = decide(&schedule, t0 + second, t0 + 10 * second, second_worker);

	ok(action.step == Step::sleep && action.until == t0 + 10 * second + 3 * ms,
	   "the second worker wakes later for the same timer");
	ok(!action.until_due, "and reads nothing ahead for it");
	action = decide(&schedule, t0 + 2 * second, t0 + 2 * second, second_worker);
	ok(action.step == Step::batch, "but follows a commit without delay");
}

void snapshot_tests()
{
	Schedule schedule = idle();
	Action action = decide(&schedule, t0 + second, t0 + second, limits);
	TimestampTz from = action.from;
	bool moves_forward = true;

	// A held snapshot keeps all timers that were executed in the index, so every scan of the past costs more and more.
	for (int i = 1; i <= 50; i++)
	{
		TimestampTz now = t0 + i * second;

		after_batch(&schedule, now, claimed(now, 10), limits);
		action = decide(&schedule, now + 500 * ms, now + 400 * ms, limits);
		moves_forward =
			moves_forward && action.step == Step::batch && action.from >= now && action.pass_start >= now && from < action.from;
		from = action.from;
	}
	ok(moves_forward, "no batch scans again what earlier batches have scanned, and none asks from there what waits");
}

void lock_tests()
{
	Schedule schedule = idle();
	TimestampTz now = t0 + second;
	TimestampTz locked = t0 - 5 * second;
	bool doubles = true;

	(void) decide(&schedule, now, locked, limits);
	after_batch(&schedule, now, blocked(now, locked), limits);
	for (int64 delay = 20 * ms; delay <= 4 * second; delay *= 2)
	{
		int64 expected = least(delay, second);
		Action action = decide_after_waits(&schedule, now);

		doubles = doubles && action.step == Step::sleep && action.until <= now + expected;
		ok(decide_after_waits(&schedule, now + expected - 1).step == Step::sleep, "a locked timer is not tried early");
		now += expected;
		action = decide(&schedule, now, DT_NOEND, limits);
		doubles = doubles && action.step == Step::batch && action.from == locked;
		after_batch(&schedule, now, blocked(now, locked), limits);
	}
	ok(doubles, "a locked timer is tried after 20 ms, then after twice that each time, up to 1 s");
	now += second;
	(void) decide(&schedule, now, DT_NOEND, limits);
	after_batch(&schedule, now, claimed(now, 1), limits);
	(void) decide(&schedule, now, t0, limits);
	after_batch(&schedule, now, blocked(now, t0), limits);
	is(decide(&schedule, now, DT_NOEND, limits).until, now + 20 * ms,
	   "after it was executed the next one is tried after 20 ms again");

	schedule = idle();
	now = t0 + second;
	(void) decide(&schedule, now, locked, limits);
	Batch slow = blocked(now, locked);
	slow.scan_us = 100 * ms;
	after_batch(&schedule, now, slow, limits);
	is(decide(&schedule, now, DT_NOEND, limits).until, now + 9900 * ms,
	   "a scan for locked timers takes at most a hundredth of the time");
	Action action = decide(&schedule, now + second, now + second, limits);
	ok(action.step == Step::batch && action.from == now && action.pass_start == now,
	   "other timers do not wait for that, nor scan for it");
}

void rescan_tests()
{
	Schedule schedule = idle();
	TimestampTz now = t0 + second;

	(void) decide(&schedule, now, now, limits);
	Batch batch = blocked(now, now - 10 * ms);
	batch.claimed = 1;
	after_batch(&schedule, now, batch, limits);
	Action action = decide(&schedule, now, DT_NOEND, limits);
	ok(action.step == Step::batch && action.from == now - 10 * ms, "a timer that a batch has made due follows without a wait");
	after_batch(&schedule, now, batch, limits);
	ok(step_at(&schedule, now) == Step::sleep, "one that is still there after that is locked, and is waited for");

	(void) decide(&schedule, now + second, now + second, limits);
	batch = claimed(now + second, 10);
	batch.postponed = 3;
	after_batch(&schedule, now + second, batch, limits);
	action = decide_after_waits(&schedule, now + second);
	ok(action.step == Step::sleep && action.until <= now + second + second, "timers that were postponed are tried soon");
}

void full_scan_tests()
{
	Schedule schedule = start(limits, false);

	(void) step_at(&schedule, t0);
	after_recovery(&schedule, t0, Recovery::complete);
	(void) step_at(&schedule, t0);
	Batch batch = nothing(t0);
	batch.scan_us = 50 * ms;
	after_batch(&schedule, t0, batch, limits);
	is(decide(&schedule, t0, DT_NOEND, limits).until, t0 + 60 * second, "the next full scan comes after naptime");

	constexpr Limits short_nap = {second, 0, 100};
	on_reload(&schedule, t0, short_nap);
	is(decide(&schedule, t0, DT_NOEND, short_nap).until, t0 + second, "a shorter naptime holds from the reload on");
	(void) decide(&schedule, t0 + second, DT_NOEND, short_nap);
	after_recovery(&schedule, t0 + second, Recovery::complete);
	(void) decide(&schedule, t0 + second, DT_NOEND, short_nap);
	batch.as_of = t0 + second;
	after_batch(&schedule, t0 + second, batch, short_nap);
	is(decide(&schedule, t0 + second, DT_NOEND, short_nap).until, t0 + second + 4950 * ms,
	   "but full scans take at most a hundredth of the time");
}

// A schedule with a timer of t0 + 1 s that every scan finds locked, when the first wait for it begins.
Schedule blocked_for_long(TimestampTz *now)
{
	Schedule schedule = idle();
	Action action;

	*now = t0 + second;
	action = decide(&schedule, *now, *now, limits);
	while (action.step != Step::row_wait)
	{
		if (action.step == Step::batch)
			after_batch(&schedule, *now, blocked(*now, t0 + second), limits);
		else
			*now = action.until;
		action = decide(&schedule, *now, DT_NOEND, limits);
	}
	return schedule;
}

void row_wait_tests()
{
	TimestampTz now = t0 + second;
	Schedule schedule = blocked_for_long(&now);

	ok(now >= t0 + second + 60 * ms && now <= t0 + second + 66 * ms, "the worker waits for its rows after 60 ms");
	Action action = decide(&schedule, now, DT_NOEND, limits);
	ok(action.step == Step::row_wait && action.from == t0 + second, "if scans find it locked until then");
	is(action.limit_us, 40 * ms, "for 40 ms at most");

	after_row_wait(&schedule, now + 40 * ms, Waited::busy, DT_NOEND, 50);
	ok(step_at(&schedule, now + 40 * ms) == Step::sleep, "a wait in vain is followed by a pause");
	action = decide(&schedule, now + 50 * ms, DT_NOEND, limits);
	ok(action.step == Step::row_wait, "of 10 ms, and then by another wait");
	after_row_wait(&schedule, now + 60 * ms, Waited::executed, DT_NOEND, 50);
	action = decide(&schedule, now + 60 * ms, DT_NOEND, limits);
	ok(action.step == Step::batch && action.from == t0 + second, "a wait that succeeds is followed by a scan");
	after_batch(&schedule, now + 60 * ms, nothing(now + 60 * ms), limits);
	ok(step_at(&schedule, now + second) == Step::sleep, "and no wait follows if that finds nothing blocked");

	schedule = blocked_for_long(&now);
	action = decide(&schedule, now, now + 12 * ms, limits);
	is(action.limit_us, 10 * ms, "a wait ends before the next timer is due");
	schedule = blocked_for_long(&now);
	action = decide(&schedule, now, now, limits);
	ok(action.step == Step::batch, "a timer that is due comes before a wait");

	// A timer is due each millisecond, and never blocked.
	schedule = blocked_for_long(&now);
	int waits = 0;
	for (int i = 0; i < 1000; i++, now += ms)
	{
		schedule.next_due = least(schedule.next_due, now + ms);
		action = decide_after_waits(&schedule, now);
		if (action.step == Step::batch)
		{
			Batch batch = claimed(now, 1);

			batch.next_due = now + ms;
			batch.earliest_blocked = action.pass_start <= t0 + second ? t0 + second : DT_NOEND;
			after_batch(&schedule, now, batch, limits);
		}
		action = decide(&schedule, now, DT_NOEND, limits);
		if (action.step != Step::row_wait)
			continue;
		waits++;
		now += action.limit_us;
		after_row_wait(&schedule, now, Waited::busy, DT_NOEND, 50);
	}
	ok(waits >= 4, "rows have their waits also where timers are due all the time");
	ok(waits <= 10, "but seldom");

	// The next timer is always due when a batch is done.
	schedule = blocked_for_long(&now);
	waits = 0;
	for (TimestampTz end = now + second; now < end; now += ms)
	{
		action = decide(&schedule, now, now, limits);
		if (action.step == Step::batch)
		{
			Batch batch = claimed(now, 1);

			batch.next_due = now;
			batch.earliest_blocked = action.pass_start <= t0 + second ? t0 + second : DT_NOEND;
			after_batch(&schedule, now, batch, limits);
		}
		if (action.step == Step::recover)
			after_recovery(&schedule, now, Recovery::complete);
		if (action.step != Step::row_wait)
			continue;
		ok(action.is_overdue, "timers do not end a wait that comes before them");
		is(action.limit_us, (waits == 0 ? 10 : waits == 1 ? 20 : 40) * ms, "it is short, and longer after one in vain");
		waits++;
		now += action.limit_us;
		after_row_wait(&schedule, now, Waited::busy, DT_NOEND, 50);
	}
	ok(waits >= 2 && waits <= 5, "rows have their waits also where there is no moment without a due timer");
}

void clock_tests()
{
	constexpr int64 hour = 3600 * second;
	Schedule schedule = idle(true);

	ok(step_at(&schedule, t0 + second - hour) == Step::recover, "after the clock was set back a full scan begins");
	after_recovery(&schedule, t0 + second - hour, Recovery::complete);
	ok(step_at(&schedule, t0 + second - hour) == Step::batch, "its batch follows");
	after_batch(&schedule, t0 + second - hour, nothing(t0 + second - hour), limits);
	ok(step_at(&schedule, t0 + second - hour) == Step::maintenance, "and maintenance that had been due later");
	after_maintenance(&schedule, t0 + second - hour, t0 + 2 * second - hour);
	ok(step_at(&schedule, t0 + second - hour) == Step::sleep, "and that is all");

	schedule = idle();
	(void) decide(&schedule, t0 + second, t0 + second, limits);
	after_error(&schedule, t0 + second, false);
	ok(step_at(&schedule, t0 + second - hour) != Step::sleep, "a wait after an error does not outlive the old clock");

	// Forward in the midst of a batch and back before it ends.
	schedule = idle();
	(void) decide(&schedule, t0 + second, t0 + second, limits);
	after_batch(&schedule, t0 + 2 * second, nothing(t0 + 30 * 24 * hour), limits);
	ok(step_at(&schedule, t0 + 2 * second) == Step::recover, "a clock that went forth and back during a batch is noticed");

	schedule = idle();
	ok(step_at(&schedule, t0 + 24 * hour) == Step::recover, "after the clock was set forward a full scan begins");
}

void pause_tests()
{
	Schedule schedule = idle(true);

	(void) decide(&schedule, t0 + second, t0 + second, limits);
	on_extension_state(&schedule, t0 + second, Unready::paused, limits);
	Action action = decide(&schedule, t0 + second, DT_NOEND, limits);
	ok(action.step == Step::sleep && action.until == t0 + 61 * second, "a paused worker sleeps for naptime");
	is(action.wake_before, DT_NOBEGIN + 1, "no timer wakes it");
	ok(step_at(&schedule, t0 + 2 * second, t0) == Step::sleep, "also if one was committed");
	schedule.maintenance_at = t0;
	ok(step_at(&schedule, t0 + 3 * second) == Step::maintenance, "maintenance has its turn");
	after_maintenance(&schedule, t0 + 3 * second, t0 + 30 * second);
	action = decide(&schedule, t0 + 3 * second, DT_NOEND, limits);
	ok(action.step == Step::sleep && action.until == t0 + 30 * second, "and wakes it again");
	ok(step_at(&schedule, t0 + 4 * second, DT_NOBEGIN) == Step::recover,
	   "resume_timers() wakes it, and recovery comes before the first batch");
	after_recovery(&schedule, t0 + 4 * second, Recovery::complete);
	action = decide(&schedule, t0 + 4 * second, DT_NOEND, limits);
	ok(action.step == Step::batch && action.from == DT_NOBEGIN, "which scans everything");

	schedule = idle();
	(void) decide(&schedule, t0 + second, t0 - second, limits);
	on_extension_state(&schedule, t0 + second, Unready::busy, limits);
	action = decide(&schedule, t0 + second, DT_NOEND, limits);
	ok(action.step == Step::sleep && action.until == t0 + second + 20 * ms,
	   "an extension that is being changed is tried after 20 ms");
	is(decide(&schedule, t0 + 2 * second, DT_NOEND, limits).from, t0 - second, "from where the pass began");
}

void backoff_tests()
{
	Schedule schedule = idle();
	TimestampTz now = t0 + second;
	bool doubles = true;
	int limit = limits.max_batch;

	(void) decide(&schedule, now, t0, limits);
	for (int64 delay = second; delay <= 200 * second; delay *= 2)
	{
		int64 expected = least(delay, 60 * second);
		Action action;

		after_error(&schedule, now, false);
		action = decide(&schedule, now, DT_NOEND, limits);
		doubles = doubles && action.step == Step::sleep && action.until == now + expected && action.wake_before == DT_NOBEGIN;
		doubles = doubles && step_at(&schedule, now + expected - 1, now) == Step::sleep;
		now += expected;
		action = decide(&schedule, now, DT_NOEND, limits);
		// A full scan has become due meanwhile.
		if (action.step == Step::recover)
		{
			after_recovery(&schedule, now, Recovery::complete);
			action = decide(&schedule, now, DT_NOEND, limits);
		}
		limit = greatest(limit / 4, 1);
		doubles = doubles && action.step == Step::batch && action.limit == limit && action.from <= t0;
	}
	ok(doubles,
	   "after an error the worker waits 1 s, then twice that each time, up to 60 s, and tries fewer timers from the same place");
	is(limit, 1, "down to one timer alone");
	after_batch(&schedule, now, claimed(now, 1), limits);
	(void) decide(&schedule, now, now, limits);
	after_error(&schedule, now, false);
	is(decide(&schedule, now, DT_NOEND, limits).until, now + second, "after a batch that went well it waits 1 s again");

	schedule = idle();
	now = t0 + second;
	(void) decide(&schedule, now, t0, limits);
	after_error(&schedule, now, true);
	is(decide(&schedule, now, DT_NOEND, limits).until, now + 20 * ms, "after a transient error it waits 20 ms");
	Action action = decide(&schedule, now + 20 * ms, DT_NOEND, limits);
	ok(action.step == Step::batch && action.isolate_transient, "and splits the next batch even for a transient error");
	after_batch(&schedule, now + 20 * ms, claimed(now + 20 * ms, 1), limits);
	ok(!decide(&schedule, now + 20 * ms, now, limits).isolate_transient, "but not the one after that");

	schedule = idle();
	on_stray_error(&schedule, t0 + second);
	ok(step_at(&schedule, t0 + second) == Step::sleep, "a cancel request while the worker sleeps starts no loop");
}

void fairness_tests()
{
	Schedule schedule = idle(true);
	TimestampTz now = t0 + second;
	TimestampTz locked = t0;
	int maintenance = 0, rescans = 0, full_scans = 0;

	// One locked timer, and batch after full batch.
	(void) decide(&schedule, now, locked, limits);
	after_batch(&schedule, now, blocked(now, locked), limits);
	schedule.maintenance_at = DT_NOBEGIN;
	while (now < t0 + 121 * second)
	{
		Action action = decide(&schedule, now, now - 10 * ms, limits);

		now += 10 * ms;
		if (action.step == Step::maintenance)
		{
			maintenance++;
			after_maintenance(&schedule, now, DT_NOBEGIN);
		}
		else if (action.step == Step::recover)
			after_recovery(&schedule, now, Recovery::complete);
		else if (action.step == Step::batch)
		{
			full_scans += action.from == DT_NOBEGIN;
			rescans += action.from == locked;
			Batch batch = full(now, now - 5 * ms);

			// Now and then a pass comes to its end.
			if (now / (10 * ms) % 7 == 0)
			{
				batch = claimed(now, 50);
				batch.earliest_blocked = action.pass_start <= locked ? locked : DT_NOEND;
				batch.next_due = now + ms;
			}
			after_batch(&schedule, now, batch, limits);
		}
	}
	ok(maintenance >= 100 && maintenance <= 125, "under a load that never ends maintenance has its turn every second");
	ok(rescans >= 50, "locked timers have their turn");
	is(full_scans, 2, "full scans have their turn");
}

void single_tests()
{
	Schedule schedule = idle();
	TimestampTz now = t0 + second;
	Batch batch = blocked(now, t0);

	(void) decide(&schedule, now, t0, limits);
	batch.has_single = true;
	after_batch(&schedule, now, batch, limits);
	Action action = decide(&schedule, now, DT_NOEND, limits);
	ok(action.step == Step::single && action.pass_start == t0,
	   "a timer that runs alone follows the batch, since where the pass began");
	after_single(&schedule, now, Single::tried, t0 + ms);
	action = decide(&schedule, now, DT_NOEND, limits);
	ok(action.step == Step::batch && action.from == t0 + ms, "then a batch again, since the next timer of its campaign");
	batch.earliest_blocked = DT_NOEND;
	after_batch(&schedule, now, batch, limits);
	ok(step_at(&schedule, now) == Step::single, "then the next one that runs alone");
	after_single(&schedule, now, Single::none, DT_NOEND);
	ok(step_at(&schedule, now) == Step::sleep, "until there is none");
}

} // namespace

void worker_schedule_tests()
{
	crash_tests();
	batches_after_crash_tests();
	crash_elsewhere_tests();
	wakeup_tests();
	stagger_tests();
	snapshot_tests();
	lock_tests();
	row_wait_tests();
	rescan_tests();
	full_scan_tests();
	clock_tests();
	pause_tests();
	backoff_tests();
	fairness_tests();
	single_tests();
}
