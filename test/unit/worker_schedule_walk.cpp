// Random walks: a worker's schedule against a model of the timers, over a million steps with every trouble there is. The seed is
// fixed, and UNIT_SEED in the environment replaces it.
#include "tap.hpp"
#include "worker/worker_schedule.hpp"

#include <cstdlib>

using namespace worker_schedule;
using tap::ok;

namespace {

constexpr int64 ms = 1000;
constexpr int64 second = 1000 * ms;
constexpr int64 hour = 3600 * second;
constexpr int max_timers = 48;

// Troubles that may happen in a walk.
struct Troubles
{
	const char *name;
	int steps;
	bool locks;    // of timers, for up to some seconds
	bool snapshot; // one is held, so scans of the past cost more and more
	bool silent;   // some commits wake nobody
	bool errors;   // batches are undone, extension busy, cancel requests
	bool pauses;   // of the database
	bool clock;    // it is set
	bool overload; // more comes than can be done
	bool busy;     // rows of timers are locked by one short transaction after another
};

struct Timer
{
	bool waits;
	bool runs_alone;
	bool silent; // its commit has woken nobody
	bool busy;   // no scan finds its rows free
	int lost;    // waits for its rows that have failed
	TimestampTz due;
	TimestampTz locked_until; // by the clock of the machine
	TimestampTz committed_at; // likewise
};

uint64 seed;

uint64 next_random()
{
	// splitmix64, by its published constants
	uint64 z = (seed += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

int64 below(int64 limit)
{
	return static_cast<int64>(next_random() % static_cast<uint64>(limit));
}

bool one_in(int64 n)
{
	return below(n) == 0;
}

// The clock of the machine (true_now) never goes back; the one that the worker reads is offset.
struct Walk
{
	const Troubles *troubles;
	Limits limits;
	Schedule schedule;
	Timer timers[max_timers];
	TimestampTz true_now;
	int64 offset;
	TimestampTz wakeup;
	TimestampTz next_event;
	TimestampTz snapshot_since;
	bool paused;
	TimestampTz hindered_at; // until when an error, a pause or the clock keeps the worker from its timers
	TimestampTz scanned_to;

	// Values that are asserted.
	int64 fruitless_us;
	int64 longest_scan_us;
	int64 latest_us; // of timers that were told
	int64 latest_locked_us;
	int64 latest_silent_us;
	int64 latest_busy_us;
	int64 waited_us; // for rows, in vain
	int64 executed;
	int64 maintenance_wait_us;
	TimestampTz maintenance_at;
	int empty_batches; // in a row, at one time
	int most_empty_batches;
	bool batch_before_recovery;
	bool recovered;
	bool clock_mended;
	bool sleeps_forward;
	bool expect_full;
	TimestampTz observed; // what the worker has read last
};

TimestampTz now_of(const Walk *walk)
{
	return walk->true_now + walk->offset;
}

// Return the time as the worker reads it. It can know of a clock set back if it has read a later time before.
TimestampTz read_clock(Walk *walk)
{
	if (now_of(walk) < walk->observed)
		walk->expect_full = true;
	walk->observed = now_of(walk);
	return walk->observed;
}

void hinder(Walk *walk, TimestampTz until)
{
	walk->hindered_at = greatest(walk->hindered_at, until);
}

void commit_timer(Walk *walk)
{
	for (Timer &timer : walk->timers)
	{
		if (timer.waits)
			continue;
		timer = {};
		timer.waits = true;
		timer.silent = walk->troubles->silent && one_in(50);
		timer.runs_alone = one_in(20);
		timer.busy = walk->troubles->busy && one_in(50);
		timer.committed_at = walk->true_now;
		bool later = one_in(3) && !walk->troubles->overload;
		timer.due = now_of(walk) + (later ? below(20 * second) : one_in(2) ? 0 : -below(one_in(10) ? hour : second));
		if (!timer.silent)
			walk->wakeup = least(walk->wakeup, timer.due);
		return;
	}
}

void lock_timer(Walk *walk)
{
	Timer &timer = walk->timers[below(max_timers)];

	if (timer.waits && timer.locked_until <= walk->true_now)
		timer.locked_until = walk->true_now + below(one_in(10) ? 30 * second : 100 * ms);
}

void set_clock(Walk *walk)
{
	int64 jump = (one_in(2) ? 1 : -1) * below(one_in(2) ? 30 * 24 * hour : 2 * second);

	walk->offset += jump;
	hinder(walk, walk->true_now);
}

void happen(Walk *walk)
{
	const Troubles *troubles = walk->troubles;

	commit_timer(walk);
	if (troubles->locks && one_in(troubles->overload ? 1000 : 4))
		lock_timer(walk);
	if (troubles->snapshot && one_in(2000))
		walk->snapshot_since = walk->snapshot_since == DT_NOEND ? now_of(walk) - hour : DT_NOEND;
	if (troubles->clock && one_in(200))
		set_clock(walk);
	if (troubles->pauses && one_in(walk->paused ? 20 : 1000))
	{
		walk->paused = !walk->paused;
		walk->wakeup = DT_NOBEGIN;
		hinder(walk, walk->true_now);
	}
	walk->next_event = walk->true_now + (troubles->overload ? below(200) : one_in(10) ? below(5 * second) : below(100 * ms));
}

// Time passes, and what happens meanwhile happens.
void pass_time(Walk *walk, int64 us)
{
	TimestampTz end = walk->true_now + us;

	while (walk->next_event <= end)
	{
		walk->true_now = greatest(walk->true_now, walk->next_event);
		happen(walk);
	}
	walk->true_now = greatest(walk->true_now, end);
}

int64 cost_of_scan(const Walk *walk, TimestampTz from, TimestampTz to)
{
	TimestampTz since = greatest(from, walk->snapshot_since);

	return 20 + (walk->snapshot_since != DT_NOEND && to > since
					 ? least((to - since) / 20000, walk->troubles->clock ? 50 * ms : second)
					 : 0);
}

bool can_run(const Walk *walk, const Timer &timer, TimestampTz from, TimestampTz as_of)
{
	return timer.waits && !timer.busy && timer.locked_until <= walk->true_now && timer.due >= from && timer.due <= as_of;
}

void execute(Walk *walk, Timer *timer)
{
	TimestampTz could_at = greatest(greatest(timer->due - walk->offset, timer->committed_at), timer->locked_until);
	int64 late = walk->true_now - greatest(could_at, walk->hindered_at);
	int64 *latest = timer->busy                                 ? &walk->latest_busy_us
					: timer->silent                             ? &walk->latest_silent_us
					: timer->locked_until > timer->committed_at ? &walk->latest_locked_us
																: &walk->latest_us;

	*latest = greatest(*latest, late);
	timer->waits = false;
	walk->executed++;
}

// Claim in the order of time, as the query does.
void claim(Walk *walk, Batch *batch, const Action &action)
{
	while (batch->claimed < action.limit)
	{
		Timer *first = nullptr;

		for (Timer &timer : walk->timers)
			if (!timer.runs_alone && can_run(walk, timer, action.from, batch->as_of) &&
				(first == nullptr || timer.due < first->due))
				first = &timer;
		if (first == nullptr)
			break;
		execute(walk, first);
		batch->claimed++;
		batch->claimed_to = first->due;
	}
	batch->full = batch->claimed >= action.limit;
	if (!batch->full)
		batch->claimed_to = batch->as_of;
}

void ask_what_waits(Walk *walk, Batch *batch, TimestampTz since)
{
	for (const Timer &timer : walk->timers)
	{
		if (!timer.waits || timer.due < since)
			continue;
		if (timer.due > batch->as_of)
			batch->next_due = least(batch->next_due, timer.due);
		else
			batch->earliest_blocked = least(batch->earliest_blocked, timer.due);
		batch->has_single = batch->has_single || (timer.runs_alone && timer.due <= batch->as_of);
	}
}

void run_batch(Walk *walk, const Action &action)
{
	Batch batch = {};
	bool goes_back = action.from < walk->scanned_to && !walk->troubles->clock;

	walk->batch_before_recovery = walk->batch_before_recovery || !walk->recovered;
	if (walk->troubles->errors && one_in(100))
	{
		pass_time(walk, 5 * ms);
		hinder(walk, walk->true_now + 61 * second);
		after_error(&walk->schedule, read_clock(walk), one_in(2));
		return;
	}
	if (walk->paused || (walk->troubles->errors && one_in(300)))
	{
		pass_time(walk, 100);
		hinder(walk, walk->true_now + (walk->paused ? 0 : 2 * second));
		on_extension_state(&walk->schedule, read_clock(walk), walk->paused ? Unready::paused : Unready::busy, walk->limits);
		return;
	}
	batch.as_of = read_clock(walk);
	batch.claimed_to = batch.as_of;
	batch.earliest_blocked = DT_NOEND;
	batch.next_due = DT_NOEND;
	claim(walk, &batch, action);
	batch.scan_us = cost_of_scan(walk, action.from, batch.as_of) + batch.claimed * 10;
	if (!batch.full)
	{
		ask_what_waits(walk, &batch, action.pass_start);
		batch.scan_us += cost_of_scan(walk, action.pass_start, batch.as_of);
	}
	if (goes_back && batch.claimed == 0)
		walk->fruitless_us += batch.scan_us;
	walk->longest_scan_us = greatest(walk->longest_scan_us, batch.scan_us);
	walk->scanned_to = greatest(walk->scanned_to, batch.as_of);
	pass_time(walk, batch.scan_us + batch.claimed * 100 + 200);
	walk->empty_batches = batch.claimed == 0 ? walk->empty_batches + 1 : 0;
	walk->most_empty_batches = greatest(walk->most_empty_batches, walk->empty_batches);
	after_batch(&walk->schedule, read_clock(walk), batch, walk->limits);
}

void run_single(Walk *walk, const Action &action)
{
	for (Timer &timer : walk->timers)
		if (timer.runs_alone && can_run(walk, timer, action.pass_start, now_of(walk)))
		{
			execute(walk, &timer);
			walk->empty_batches = 0;
			pass_time(walk, ms);
			after_single(&walk->schedule, read_clock(walk), Single::tried, DT_NOEND);
			return;
		}
	pass_time(walk, 100);
	after_single(&walk->schedule, read_clock(walk), Single::none, DT_NOEND);
}

// Wait for the rows of the earliest timer that waits. Those that are locked by short transactions become free now and then.
void run_row_wait(Walk *walk, const Action &action)
{
	TimestampTz as_of = read_clock(walk);
	int64 scan = cost_of_scan(walk, action.from, as_of);
	Timer *first = nullptr;
	Waited outcome = Waited::none;
	int64 took = scan;

	for (Timer &timer : walk->timers)
		if (timer.waits && timer.due >= action.from && timer.due <= as_of &&
			(timer.busy || timer.locked_until <= walk->true_now) && (first == nullptr || timer.due < first->due))
			first = &timer;
	if (first == nullptr && walk->schedule.blocked.from != DT_NOEND)
		outcome = Waited::held;
	else if (first != nullptr && first->lost < 2 && one_in(2))
	{
		outcome = Waited::busy;
		first->lost++;
	}
	else if (first != nullptr)
	{
		outcome = Waited::executed;
		execute(walk, first);
	}
	took += outcome == Waited::executed ? least(action.limit_us, 5 * ms) : outcome == Waited::none ? 100 : action.limit_us;
	if (outcome == Waited::busy || outcome == Waited::held)
		walk->waited_us += took;
	pass_time(walk, took);
	after_row_wait(&walk->schedule, read_clock(walk), outcome, DT_NOEND, scan);
}

void run_maintenance(Walk *walk)
{
	walk->maintenance_wait_us =
		greatest(walk->maintenance_wait_us, walk->true_now - greatest(walk->maintenance_at, walk->hindered_at));
	pass_time(walk, 2 * ms);
	TimestampTz next = one_in(2) ? DT_NOBEGIN : now_of(walk) + below(60 * second);
	after_maintenance(&walk->schedule, read_clock(walk), next);
	walk->maintenance_at = greatest(next == DT_NOBEGIN ? next : next - walk->offset, walk->true_now);
}

void recover(Walk *walk)
{
	pass_time(walk, 200);
	if (walk->paused)
	{
		on_extension_state(&walk->schedule, read_clock(walk), Unready::paused, walk->limits);
		return;
	}
	Recovery outcome = one_in(10)                             ? Recovery::in_progress
					   : walk->troubles->errors && one_in(10) ? Recovery::failed
					   : walk->troubles->errors && one_in(10) ? Recovery::elsewhere
					   : walk->troubles->errors && one_in(10) ? Recovery::unsure
															  : Recovery::complete;
	if (outcome == Recovery::failed || outcome == Recovery::elsewhere)
		hinder(walk, walk->true_now + 2 * second);
	walk->recovered = walk->recovered || outcome == Recovery::complete || outcome == Recovery::unsure;
	after_recovery(&walk->schedule, read_clock(walk), outcome);
}

// The worker sleeps until its time, a timer before wake_before, or a change of the clock, which it notices.
void go_to_sleep(Walk *walk, const Action &action)
{
	int64 offset = walk->offset;

	walk->empty_batches = 0;
	walk->sleeps_forward = walk->sleeps_forward && action.until > now_of(walk);
	while (now_of(walk) < action.until && walk->wakeup >= action.wake_before && walk->offset == offset)
	{
		pass_time(walk, least(action.until - now_of(walk), greatest(walk->next_event - walk->true_now, static_cast<int64>(0))));
		if (walk->troubles->errors && one_in(5000))
		{
			hinder(walk, walk->true_now + 2 * second);
			on_stray_error(&walk->schedule, read_clock(walk));
			return;
		}
	}
}

void make_step(Walk *walk)
{
	TimestampTz wakeup = walk->wakeup;
	TimestampTz now = read_clock(walk);
	bool expect_full = walk->expect_full;

	walk->wakeup = DT_NOEND;
	walk->expect_full = false;
	Action action = decide(&walk->schedule, now, wakeup, walk->limits);
	if (expect_full && action.step != Step::recover && !walk->schedule.full)
		walk->clock_mended = false;
	switch (action.step)
	{
		case Step::sleep:
			go_to_sleep(walk, action);
			break;
		case Step::recover:
			recover(walk);
			break;
		case Step::batch:
			run_batch(walk, action);
			break;
		case Step::single:
			run_single(walk, action);
			break;
		case Step::row_wait:
			run_row_wait(walk, action);
			break;
		case Step::maintenance:
			run_maintenance(walk);
			break;
	}
}

Walk fresh_walk(const Troubles *troubles)
{
	Walk walk = {};

	walk.troubles = troubles;
	walk.limits = {5 * second, 0, troubles->overload ? 4 : 8};
	walk.schedule = start(walk.limits, true);
	walk.true_now = 1000000 * second;
	walk.wakeup = DT_NOEND;
	walk.next_event = walk.true_now;
	walk.snapshot_since = DT_NOEND;
	walk.hindered_at = DT_NOBEGIN;
	walk.maintenance_at = walk.true_now;
	walk.clock_mended = true;
	walk.sleeps_forward = true;
	walk.observed = DT_NOBEGIN;
	return walk;
}

bool holds(bool passed, const char *promise, const Troubles *troubles, int64 got, int64 bound)
{
	char name[200];

	std::snprintf(name, sizeof(name), "walk with %s: %s", troubles->name, promise);
	if (!ok(passed, name))
		std::printf("#   got %lld, may be %lld\n", static_cast<long long>(got), static_cast<long long>(bound));
	return passed;
}

bool at_most(int64 got, int64 bound, const char *promise, const Troubles *troubles)
{
	return holds(got <= bound, promise, troubles, got, bound);
}

void walk_with(const Troubles *troubles)
{
	Walk walk = fresh_walk(troubles);
	TimestampTz began = walk.true_now;

	for (int i = 0; i < troubles->steps; i++)
		make_step(&walk);

	// Maintenance that is waiting still.
	walk.maintenance_wait_us =
		greatest(walk.maintenance_wait_us, walk.true_now - greatest(walk.maintenance_at, walk.hindered_at));

	int64 scan = walk.longest_scan_us;
	int64 took = walk.true_now - began;
	std::printf(
		"# %s: %lld timers in %lld s, longest scan %lld us, fruitless scans %lld us, latest %lld us, locked %lld us, silent %lld us, "
		"busy %lld us, waited in vain %lld us\n",
		troubles->name, static_cast<long long>(walk.executed), static_cast<long long>(took / second),
		static_cast<long long>(scan), static_cast<long long>(walk.fruitless_us), static_cast<long long>(walk.latest_us),
		static_cast<long long>(walk.latest_locked_us), static_cast<long long>(walk.latest_silent_us),
		static_cast<long long>(walk.latest_busy_us), static_cast<long long>(walk.waited_us));
	holds(walk.executed > troubles->steps / 100, "timers are executed", troubles, walk.executed, troubles->steps);
	holds(!walk.batch_before_recovery, "no batch runs before recovery", troubles, 0, 0);
	holds(walk.sleeps_forward, "every sleep ends later than it begins", troubles, 0, 0);
	at_most(walk.most_empty_batches, 10, "no loop of batches that claim nothing", troubles);
	if (troubles->clock)
		holds(walk.clock_mended, "a clock set back is mended by the next step", troubles, 0, 0);
	// The worker cannot know of a clock set back by less than it has slept, each time.
	int64 unseen = troubles->clock ? 6 * second : 0;
	if (!troubles->overload)
	{
		at_most(walk.latest_us, unseen + 300 * ms + 8 * scan, "no committed timer waits for long", troubles);
		at_most(walk.latest_locked_us, second + unseen + 300 * ms + 105 * scan, "no timer waits for long after its lock is gone",
				troubles);
		at_most(walk.latest_silent_us, walk.limits.naptime_us + unseen + 300 * ms + 105 * scan,
				"no timer waits longer than naptime", troubles);
	}
	if (troubles->busy && !troubles->errors && !troubles->snapshot)
	{
		at_most(walk.latest_busy_us, troubles->locks ? second : 500 * ms, "no timer whose rows are always locked waits for long",
				troubles);
		at_most(walk.latest_us, 50 * ms, "and none of the others waits for it", troubles);
	}
	at_most(walk.maintenance_wait_us, unseen + 1500 * ms + 8 * scan, "maintenance waits for no more than a second", troubles);
	if (!troubles->clock && !troubles->errors)
		at_most(walk.fruitless_us, took / 100 + 2 * scan, "fruitless scans of the past take at most a hundredth of the time",
				troubles);
}

} // namespace

void worker_schedule_walks()
{
	static constexpr Troubles walks[] = {
		{"no trouble", 100000, false, false, false, false, false, false, false, false},
		{"locks", 200000, true, false, false, false, false, false, false, false},
		{"locks and a held snapshot", 200000, true, true, true, false, false, false, false, false},
		{"pauses", 100000, true, false, true, false, true, false, false, false},
		{"errors", 100000, true, false, true, true, true, false, false, false},
		{"a clock that is set", 100000, true, false, true, false, false, true, false, false},
		{"everything", 100000, true, true, true, true, true, true, false, true},
		{"busy rows", 200000, false, false, false, false, false, false, false, true},
		{"busy rows and locks", 200000, true, false, false, false, false, false, false, true},
		{"too much to do", 100000, true, false, true, false, false, false, true, false},
	};
	const char *given = std::getenv("UNIT_SEED");

	uint64 first = given != nullptr ? std::strtoull(given, nullptr, 10) : 20240229;
	std::printf("# random walks: UNIT_SEED=%llu\n", static_cast<unsigned long long>(first));
	for (const Troubles &troubles : walks)
	{
		// No walk depends on how much chance the one before has taken.
		seed = first++;
		walk_with(&troubles);
	}
}
