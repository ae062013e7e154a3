// The loop: say that we look, drain what is due, say when we look next, sleep.
// A drain moves a mark forward, so that no claim walks over the past again; the
// mark goes back when a commit brings an earlier timer (wake.cpp), for timers
// that were due but locked, and on a rare sweep over everything. Errors of a
// batch arrive here as values; what ends this process is FATAL or leave().
#include "worker/worker.hpp"

#include "pg/xact.hpp"
#include "extension.hpp"
#include "timer/crash_recovery.hpp"
#include "timer/single_timer.hpp"
#include "worker/worker_slot.hpp"
#include "timer/prewarm.hpp"
#include "guc.hpp"
#include "worker/worker_wait.hpp"
#include "timer/batch.hpp"
#include "worker/maintenance.hpp"
#include "worker/wakeup.hpp"

namespace worker {

using extension::ExtensionState;
using shmem::WorkerActivity;

namespace {

constexpr int min_nap = 20;          // ms, for what is locked
constexpr int max_nap = 1000;        // ms
constexpr int min_pause = 1000;      // ms, for errors that are not the timers'
constexpr int max_pause = 60000;     // ms
constexpr int sweep_share = 99;      // a look at the past rests this many times what it took
constexpr int max_repeats = 50;      // of turns that claim less than a batch, in one drain
constexpr int64 max_drain = 1000000; // us
constexpr int64 stagger = 3;         // ms between workers that wake for the same timer
constexpr int64 min_rest_us = 2000;  // before it a rehearsal is worth while
constexpr int64 max_rehearsal_us = 2000;

struct State
{
	TimestampTz mark;      // everything due before it is done, locked, or noted below
	TimestampTz floor;     // what still waits has not been asked for since here, or DT_NOEND
	TimestampTz behind;    // the earliest that was due and could not be taken
	TimestampTz behind_at; // when to look at that again
	TimestampTz sweep_at;  // when to look at everything
	TimestampTz retry_at;  // not before this, after an error
	TimestampTz next_due;
	TimestampTz upkeep_at; // worker 0 only
	TimestampTz logged_at;
	TimestampTz seen_at; // what the clock said last
	int64 rehearsal_us;  // what one takes, or the most of it that matters
	int nap;
	int pause;
	int batch;
	bool set_back;    // the clock, since the round began
	bool troubled;    // the last batch met passing trouble
	bool looked_back; // at what a crash or a lost process has left
	bool paused;
	bool all_tried; // of what was to run alone
	single_timer::SkipList passed;
	MemoryContext turn_memory;
};

void on_full_batch(TimestampTz from, TimestampTz to)
{
	wakeup::publish_claimed_range(worker_slot::mine(), from, to);
	wakeup::wake_idle_worker(worker_slot::mine(), to);
}

TimestampTz skip_claimed(TimestampTz scan_from)
{
	return wakeup::skip_claimed_ranges(worker_slot::mine(), scan_from);
}

constexpr batch::WorkerHooks hooks = {on_full_batch, skip_claimed, wakeup::note_next_due_read};

TimestampTz after_ms(TimestampTz time, int64 ms)
{
	return time + ms * 1000;
}

TimestampTz see(State *state, TimestampTz now)
{
	if (now < state->seen_at)
		state->set_back = true;
	state->seen_at = now;
	return now;
}

// All times to come are reckoned from what this returns: one that was set while
// the clock was ahead, be it within a round, does not outlive that.
TimestampTz read_clock(State *state)
{
	return see(state, GetCurrentTimestamp());
}

// One line for a trouble that goes on, and one a minute if it still does. There is
// something here that fails, so the launcher need not wait to know that.
void report(State *state, const ErrorData *error)
{
	TimestampTz now = read_clock(state);

	worker_slot::report_useful();
	worker_slot::set_last_error(error);
	if (now < state->logged_at)
		return;
	state->logged_at = after_ms(now, max_pause);
	ereport(LOG, errcode(error->sqlerrcode), errmsg("campaign_lifecycle could not execute a batch of timers: %s", error->message),
			error->detail != nullptr ? errdetail_internal("%s", error->detail) : 0,
			error->hint != nullptr ? errhint("%s", error->hint) : 0,
			error->context != nullptr ? errcontext("%s", error->context) : 0);
}

void nap(State *state)
{
	state->retry_at = after_ms(read_clock(state), state->nap);
	state->nap = least(state->nap * 2, max_nap);
}

// The whole batch was undone.
void rest_after_error(State *state, const batch::BatchResult &result)
{
	report(state, result.error);
	state->next_due = DT_NOBEGIN;
	// In the end one timer stands alone, and the failure is known for its own.
	state->batch = greatest(state->batch / 4, 1);
	if (xact::is_transient(result.error))
	{
		state->troubled = true;
		nap(state);
		return;
	}
	state->retry_at = after_ms(read_clock(state), state->pause);
	state->pause = least(state->pause * 2, max_pause);
}

void note_success(State *state, const batch::BatchResult &result)
{
	shmem::WorkerSlot *slot = worker_slot::mine();

	state->retry_at = DT_NOBEGIN;
	state->pause = min_pause;
	state->troubled = false;
	state->batch = result.isolated ? greatest(guc::batch_size / 4, 1) : least(state->batch * 2, guc::batch_size);
	if (result.error != nullptr)
		worker_slot::set_last_error(result.error);
	if (result.claimed == 0)
		return;
	pg_atomic_write_u64(&slot->batches, pg_atomic_read_u64(&slot->batches) + 1);
	pg_atomic_write_u64(&slot->timers, pg_atomic_read_u64(&slot->timers) + result.succeeded + result.failed);
	pg_atomic_write_u64(&slot->failures, pg_atomic_read_u64(&slot->failures) + result.failed);
	pg_atomic_write_u64(&slot->last_batch_at, static_cast<uint64>(result.as_of));
}

// Walking over the past costs no more than a hundredth of the time. What it has
// found was worth its share.
int64 rest_after_look(const batch::BatchResult &result)
{
	return result.search_us / (result.claimed + 1) * sweep_share;
}

// What was due and could not be taken is looked at again soon.
void note_stuck(State *state, TimestampTz stuck, int64 rest)
{
	state->behind = least(state->behind, stuck);
	state->behind_at = least(state->behind_at, read_clock(state) + greatest(static_cast<int64>(state->nap) * 1000, rest));
	state->nap = least(state->nap * 2, max_nap);
}

void look_behind(State *state)
{
	if (read_clock(state) < state->behind_at)
		return;
	state->mark = least(state->mark, state->behind);
	state->behind = DT_NOEND;
	state->behind_at = DT_NOEND;
}

// A shorter net holds from now on, not from the end of the longer one.
void reload(State *state)
{
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	guc::pin_lock_timeout();
	state->sweep_at = least(state->sweep_at, after_ms(read_clock(state), guc::naptime));
}

void leave_if_unwanted()
{
	if (!guc::enabled || worker_slot::number() >= guc::workers)
		worker_slot::exit_worker(shmem::ExitReason::unwanted);
}

// Where the extension is not ready. True: it is.
bool meet(State *state, ExtensionState extension_state)
{
	state->paused = false;
	switch (extension_state)
	{
		case ExtensionState::ready:
			worker_slot::report_useful();
			return true;
		case ExtensionState::absent:
			worker_slot::exit_worker(shmem::ExitReason::absent);
		case ExtensionState::busy:
			worker_slot::report_useful();
			worker_slot::set_activity(WorkerActivity::blocked);
			nap(state);
			state->next_due = DT_NOBEGIN;
			return false;
		case ExtensionState::no_tables:
		case ExtensionState::old_tables:
		case ExtensionState::paused:
			worker_slot::report_useful();
			worker_slot::set_activity(WorkerActivity::paused);
			state->paused = true;
			state->mark = DT_NOBEGIN;
			state->next_due = DT_NOEND;
			state->sweep_at = after_ms(read_clock(state), guc::naptime);
			return false;
	}
	return false;
}

// After a turn that went well: where the next one begins. False: nothing more
// can be taken now.
bool go_on(State *state, const batch::BatchResult &result, int *repeats)
{
	TimestampTz before = state->mark;

	state->mark = result.claimed > 0 ? result.claimed_to : result.as_of;
	// That took its time by waiting for locks; the next look costs no more for it.
	if (result.unattempted > 0)
		note_stuck(state, before, 0);
	if (result.full)
		return true;
	state->next_due = result.next_due;
	if (result.earliest_blocked == DT_NOEND)
	{
		if (result.unattempted == 0)
			state->nap = min_nap;
	}
	else if (result.claimed > 0 && result.unattempted == 0 && (*repeats)++ < max_repeats)
	{
		// What this turn has made due, or the next timers of its campaigns.
		state->mark = least(state->mark, result.earliest_blocked);
		return true;
	}
	else
		note_stuck(state, result.earliest_blocked, rest_after_look(result));
	return result.next_due <= read_clock(state);
}

// A timer that runs alone. False: there is none that was not left, or too many
// were; they are tried again after a nap.
bool run_alone(State *state, const single_timer::SingleRequest &order)
{
	single_timer::SingleResult result = single_timer::run(order, &state->passed);
	shmem::WorkerSlot *slot = worker_slot::mine();
	bool counts =
		result.outcome == single_timer::SingleOutcome::succeeded || result.outcome == single_timer::SingleOutcome::failed;

	pgstat_report_stat(false);
	state->mark = least(state->mark, result.follow_up);
	if (counts)
		pg_atomic_write_u64(&slot->timers, pg_atomic_read_u64(&slot->timers) + 1);
	if (result.error != nullptr)
		worker_slot::set_last_error(result.error);
	if (result.outcome == single_timer::SingleOutcome::failed)
		pg_atomic_write_u64(&slot->failures, pg_atomic_read_u64(&slot->failures) + 1);
	if (counts)
		return true;
	if (result.error != nullptr)
		report(state, result.error);
	if (result.outcome == single_timer::SingleOutcome::postponed && state->passed.count < single_timer::SkipList::max)
		return true;
	if (result.error != nullptr || state->passed.count > 0)
	{
		state->next_due = DT_NOBEGIN;
		nap(state);
	}
	state->passed.count = 0;
	state->all_tried = result.error == nullptr;
	return false;
}

// Marks without a process are failed attempts. After a crash of the server what
// was due runs one by one, so that a timer that caused it is found. *presence:
// whether it was there to be looked at. *unfinished: some of it could not be tried.
ErrorData *look_back(State *state, ExtensionState *extension_state, bool *unfinished)
{
	crash_recovery::RecoveryResult remains = crash_recovery::recover_lost();
	bool crashed = false;

	*extension_state = remains.extension_state;
	if (remains.error != nullptr || !remains.is_ready || state->looked_back)
		return remains.error;
	ErrorData *error = crash_recovery::check_for_crash(&crashed);
	if (error == nullptr && crashed)
	{
		// What becomes due from now on has nothing to do with it.
		TimestampTz now = read_clock(state);

		while (run_alone(state, {now, DT_NOBEGIN, true}))
		{
			MemoryContextReset(state->turn_memory);
			worker_wait::check_database_lock(worker_slot::database());
			leave_if_unwanted();
		}
		*unfinished = !state->all_tried;
		if (*unfinished)
			return nullptr;
		error = crash_recovery::note_clean_run();
	}
	state->looked_back = error == nullptr;
	return error;
}

// False: not now.
bool look_back_first(State *state)
{
	ExtensionState extension_state = ExtensionState::absent;
	bool unfinished = false;
	ErrorData *error = look_back(state, &extension_state, &unfinished);

	if (unfinished)
		return false;
	if (error == nullptr)
		return extension_state == ExtensionState::ready || meet(state, extension_state);
	report(state, error);
	nap(state);
	return false;
}

// Batch after batch until nothing due can be taken, or for a while: under a load
// that never ends, sweeps and upkeep have their turn too. What is still waiting is
// asked from where the drain began, for claims pass over what is locked.
void drain(State *state)
{
	TimestampTz began = read_clock(state);
	int64 watch = pg::stopwatch();
	bool sweep = began >= state->sweep_at;
	int repeats = 0;

	if (sweep)
	{
		state->behind = DT_NOBEGIN;
		state->behind_at = DT_NOBEGIN;
	}
	look_behind(state);
	// Nothing runs in a batch before that.
	if (sweep && !look_back_first(state))
		return;
	if (read_clock(state) < state->retry_at)
		return;
	TimestampTz floor = least(state->mark, state->floor);
	state->floor = DT_NOEND;
	for (;;)
	{
		MemoryContextReset(state->turn_memory);
		batch::BatchResult result = batch::run({state->mark, floor, state->batch, state->troubled, &hooks, nullptr, 0});

		(void) see(state, result.as_of);
		pgstat_report_stat(false);
		if (result.error != nullptr && !result.isolated)
		{
			rest_after_error(state, result);
			// What was locked so far has not been noted: nobody has asked yet what still waits.
			state->mark = least(state->mark, floor);
			break;
		}
		if (!meet(state, result.extension_state))
		{
			state->mark = least(state->mark, floor);
			break;
		}
		note_success(state, result);
		if (sweep)
			state->sweep_at = read_clock(state) + greatest(static_cast<int64>(guc::naptime) * 1000, rest_after_look(result));
		sweep = false;
		bool more = go_on(state, result, &repeats);
		// A handler may take its time.
		if (result.single_due)
			wakeup::withdraw_claimed_range(worker_slot::mine());
		if (result.single_due && run_alone(state, {DT_NOEND, floor, false}))
			more = true;
		if (!more)
			break;
		worker_wait::check_database_lock(worker_slot::database());
		if (ConfigReloadPending)
			reload(state);
		leave_if_unwanted();
		if (pg::stopwatch() - watch > max_drain)
		{
			state->next_due = DT_NOBEGIN;
			state->floor = floor;
			break;
		}
		look_behind(state);
		state->mark = least(state->mark, wakeup::enter_busy(worker_slot::mine()));
		floor = least(floor, state->mark);
	}
	wakeup::withdraw_claimed_range(worker_slot::mine());
}

// When there may be timers to execute.
TimestampTz sleeping_until(const State *state)
{
	TimestampTz due = state->next_due;

	if (state->paused)
		return state->sweep_at;
	if (worker_slot::number() > 0 && due < DT_NOEND)
		due = after_ms(due, worker_slot::number() * stagger);
	return greatest(least(least(due, state->behind_at), state->sweep_at), state->retry_at);
}

// A commit that brings a timer due earlier is a reason to look at once. A paused
// worker is woken by resume_timers() alone, not by every timer.
TimestampTz wakes_before(const State *state)
{
	return state->paused ? DT_NOBEGIN + 1 : sleeping_until(state);
}

void start(int index)
{
	uint32 generation;

	memcpy(&generation, MyBgworkerEntry->bgw_extra, sizeof(generation));
	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	worker_slot::attach(index, generation);
	BackgroundWorkerUnblockSignals();
	// The server ignores SIGHUP from the fork until here: the settings we were given may be old, and nobody will tell us again.
	ConfigReloadPending = true;
	BackgroundWorkerInitializeConnectionByOid(worker_slot::database(), InvalidOid, 0);
	guc::pin();
	SetConfigOption("application_name", worker_slot::worker_type, PGC_USERSET, PGC_S_OVERRIDE);
	worker_wait::init();
}

State fresh_state()
{
	State state = {};

	state.mark = DT_NOBEGIN;
	state.floor = DT_NOEND;
	state.behind = DT_NOEND;
	state.behind_at = DT_NOEND;
	state.sweep_at = DT_NOBEGIN;
	state.retry_at = DT_NOBEGIN;
	state.next_due = DT_NOEND;
	state.upkeep_at = worker_slot::number() == 0 ? DT_NOBEGIN : DT_NOEND;
	state.logged_at = DT_NOBEGIN;
	state.seen_at = DT_NOBEGIN;
	state.rehearsal_us = max_rehearsal_us / 2;
	state.nap = min_nap;
	state.pause = min_pause;
	state.batch = guc::batch_size;
	state.turn_memory = AllocSetContextCreate(TopMemoryContext, "campaign_lifecycle turn", ALLOCSET_DEFAULT_SIZES);
	return state;
}

void look(State *state)
{
	worker_slot::set_activity(WorkerActivity::running);
	pgstat_report_activity(STATE_RUNNING, "campaign_lifecycle: executing timers");
	drain(state);
	if (!state->paused && pg_atomic_read_u32(&worker_slot::mine()->activity) == static_cast<uint32>(WorkerActivity::running))
		worker_slot::set_activity(WorkerActivity::idle);
	pgstat_report_activity(STATE_IDLE, nullptr);
}

TimestampTz next_upkeep(const State *state)
{
	return state->paused ? DT_NOEND : greatest(state->upkeep_at, state->retry_at);
}

bool is_upkeep_due(State *state)
{
	return read_clock(state) >= next_upkeep(state);
}

// Not due again for a minute if it raises.
void keep_up(State *state)
{
	state->upkeep_at = after_ms(read_clock(state), max_pause);
	pgstat_report_activity(STATE_RUNNING, "campaign_lifecycle: upkeep");
	state->upkeep_at = maintenance::step();
	pgstat_report_activity(STATE_IDLE, nullptr);
	pgstat_report_stat(false);
}

// After the clock was set back, times set by the old one would come too late.
void mind_clock(State *state)
{
	(void) read_clock(state);
	if (!state->set_back)
		return;
	state->set_back = false;
	state->sweep_at = DT_NOBEGIN;
	state->retry_at = DT_NOBEGIN;
	state->logged_at = DT_NOBEGIN;
	if (state->upkeep_at != DT_NOEND)
		state->upkeep_at = DT_NOBEGIN;
}

// A processor that has slept has forgotten what a batch needs, and so have its
// caches: what the next timer's batch is to read is read shortly before it is due,
// if there is time for that.
void rest_until(State *state, TimestampTz next, TimestampTz promised)
{
	int64 lead = state->rehearsal_us + state->rehearsal_us / 4 + 250;

	if (next == state->next_due && next > read_clock(state) + lead + min_rest_us)
	{
		if (!worker_wait::sleep_until(next - lead, promised, worker_slot::mine(), worker_slot::database()))
			return;
		int64 watch = pg::stopwatch();
		prewarm::run(next);
		state->rehearsal_us = (3 * state->rehearsal_us + least(pg::stopwatch() - watch, max_rehearsal_us)) / 4;
	}
	worker_wait::sleep_until(next, promised, worker_slot::mine(), worker_slot::database());
}

// One round of the loop. A cancel request that comes while nothing runs ends up
// here as an error, and is nothing more than a reason to look.
void run_cycle(State *state)
{
	mind_clock(state);
	TimestampTz wakeup_time = wakeup::enter_busy(worker_slot::mine());
	// Not by when the last sleep was to end: that may have been for upkeep.
	bool wanted = wakeup_time < wakes_before(state) || read_clock(state) >= sleeping_until(state);

	state->mark = least(state->mark, wakeup_time);
	if (ConfigReloadPending)
		reload(state);
	leave_if_unwanted();
	if (wanted && read_clock(state) >= state->retry_at)
		look(state);
	if (is_upkeep_due(state))
		keep_up(state);

	TimestampTz next = least(sleeping_until(state), next_upkeep(state));
	pg_atomic_write_u64(&worker_slot::mine()->next_due, static_cast<uint64>(state->next_due));
	TimestampTz promised = least(next, wakes_before(state));
	if (!state->set_back && wakeup::publish_sleep(worker_slot::mine(), promised))
		rest_until(state, next, promised);
}

} // namespace

} // namespace worker

using namespace worker;

void campaign_lifecycle_worker_main(Datum argument)
{
	start(DatumGetInt32(argument));
	State state = fresh_state();

	for (;;)
	{
		MemoryContextSwitchTo(state.turn_memory);
		ErrorData *error = xact::catch_error([&] { run_cycle(&state); });

		if (error != nullptr)
		{
			wakeup::withdraw_claimed_range(worker_slot::mine());
			report(&state, error);
		}
	}
}
