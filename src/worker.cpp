// The loop: say that we look, drain what is due, say when we look next, sleep.
// A drain moves a mark forward, so that no claim walks over the past again; the
// mark goes back when a commit brings an earlier timer (wake.cpp), for timers
// that were due but locked, and on a rare sweep over everything. Errors of a
// batch arrive here as values; what ends this process is FATAL or leave().
#include "worker.hpp"

#include "bracket.hpp"
#include "extension.hpp"
#include "handlers.hpp"
#include "post.hpp"
#include "rehearsal.hpp"
#include "settings.hpp"
#include "rest.hpp"
#include "turn.hpp"
#include "upkeep.hpp"
#include "wake.hpp"

namespace worker {

using extension::Presence;
using shared::Activity;

namespace {

constexpr int least_nap = 20;         // ms, for what is locked
constexpr int most_nap = 1000;        // ms
constexpr int least_pause = 1000;     // ms, for errors that are not the timers'
constexpr int most_pause = 60000;     // ms
constexpr int sweep_share = 99;       // a look at the past rests this many times what it took
constexpr int most_repeats = 50;      // of turns that claim less than a batch, in one drain
constexpr int64 most_drain = 1000000; // us
constexpr int64 stagger = 3;          // ms between workers that wake for the same timer
constexpr int64 least_rest_us = 2000; // before it a rehearsal is worth while
constexpr int64 most_rehearsal_us = 2000;

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
	handlers::Passed passed;
	MemoryContext turn_memory;
};

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

	post::confirm();
	post::show_error(error);
	if (now < state->logged_at)
		return;
	state->logged_at = after_ms(now, most_pause);
	ereport(LOG, errcode(error->sqlerrcode), errmsg("campaign_lifecycle could not execute a batch of timers: %s", error->message),
			error->detail != nullptr ? errdetail_internal("%s", error->detail) : 0,
			error->hint != nullptr ? errhint("%s", error->hint) : 0,
			error->context != nullptr ? errcontext("%s", error->context) : 0);
}

void nap(State *state)
{
	state->retry_at = after_ms(read_clock(state), state->nap);
	state->nap = Min(state->nap * 2, most_nap);
}

// The whole batch was undone.
void rest_after_error(State *state, const turn::Result &result)
{
	report(state, result.error);
	state->next_due = DT_NOBEGIN;
	// In the end one timer stands alone, and the failure is known for its own.
	state->batch = Max(state->batch / 4, 1);
	if (bracket::is_transient(result.error))
	{
		state->troubled = true;
		nap(state);
		return;
	}
	state->retry_at = after_ms(read_clock(state), state->pause);
	state->pause = Min(state->pause * 2, most_pause);
}

void note_success(State *state, const turn::Result &result)
{
	shared::Station *station = post::station();

	state->retry_at = DT_NOBEGIN;
	state->pause = least_pause;
	state->troubled = false;
	state->batch = result.apart ? Max(settings::batch_size / 4, 1) : Min(state->batch * 2, settings::batch_size);
	if (result.error != nullptr)
		post::show_error(result.error);
	if (result.claimed == 0)
		return;
	pg_atomic_write_u64(&station->batches, pg_atomic_read_u64(&station->batches) + 1);
	pg_atomic_write_u64(&station->timers, pg_atomic_read_u64(&station->timers) + result.succeeded + result.failed);
	pg_atomic_write_u64(&station->failures, pg_atomic_read_u64(&station->failures) + result.failed);
	pg_atomic_write_u64(&station->last_batch_at, static_cast<uint64>(result.as_of));
}

// Walking over the past costs no more than a hundredth of the time. What it has
// found was worth its share.
int64 rest_after_look(const turn::Result &result)
{
	return result.look_us / (result.claimed + 1) * sweep_share;
}

// What was due and could not be taken is looked at again soon.
void note_stuck(State *state, TimestampTz stuck, int64 rest)
{
	state->behind = Min(state->behind, stuck);
	state->behind_at = Min(state->behind_at, read_clock(state) + Max(static_cast<int64>(state->nap) * 1000, rest));
	state->nap = Min(state->nap * 2, most_nap);
}

void look_behind(State *state)
{
	if (read_clock(state) < state->behind_at)
		return;
	state->mark = Min(state->mark, state->behind);
	state->behind = DT_NOEND;
	state->behind_at = DT_NOEND;
}

// A shorter net holds from now on, not from the end of the longer one.
void reload(State *state)
{
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	settings::pin_lock_timeout();
	state->sweep_at = Min(state->sweep_at, after_ms(read_clock(state), settings::naptime));
}

void leave_if_unwanted()
{
	if (!settings::enabled || post::number() >= settings::workers)
		post::leave(shared::Farewell::unwanted);
}

// Where the extension is not ready. True: it is.
bool meet(State *state, Presence presence)
{
	state->paused = false;
	switch (presence)
	{
		case Presence::ready:
			post::confirm();
			return true;
		case Presence::absent:
			post::leave(shared::Farewell::absent);
		case Presence::busy:
			post::confirm();
			post::show(Activity::blocked);
			nap(state);
			state->next_due = DT_NOBEGIN;
			return false;
		case Presence::no_tables:
		case Presence::old_tables:
		case Presence::paused:
			post::confirm();
			post::show(Activity::paused);
			state->paused = true;
			state->mark = DT_NOBEGIN;
			state->next_due = DT_NOEND;
			state->sweep_at = after_ms(read_clock(state), settings::naptime);
			return false;
	}
	return false;
}

// After a turn that went well: where the next one begins. False: nothing more
// can be taken now.
bool go_on(State *state, const turn::Result &result, int *repeats)
{
	TimestampTz before = state->mark;

	state->mark = result.claimed > 0 ? result.done_to : result.as_of;
	// That took its time by waiting for locks; the next look costs no more for it.
	if (result.left > 0)
		note_stuck(state, before, 0);
	if (result.full)
		return true;
	state->next_due = result.next_due;
	if (result.stuck == DT_NOEND)
	{
		if (result.left == 0)
			state->nap = least_nap;
	}
	else if (result.claimed > 0 && result.left == 0 && (*repeats)++ < most_repeats)
	{
		// What this turn has made due, or the next timers of its campaigns.
		state->mark = Min(state->mark, result.stuck);
		return true;
	}
	else
		note_stuck(state, result.stuck, rest_after_look(result));
	return result.next_due <= read_clock(state);
}

// A timer that runs alone. False: there is none that was not left, or too many
// were; they are tried again after a nap.
bool run_alone(State *state, const handlers::Order &order)
{
	handlers::Result result = handlers::take(order, &state->passed);
	shared::Station *station = post::station();
	bool counts = result.outcome == handlers::Outcome::succeeded || result.outcome == handlers::Outcome::failed;

	pgstat_report_stat(false);
	state->mark = Min(state->mark, result.follow_up);
	if (counts)
		pg_atomic_write_u64(&station->timers, pg_atomic_read_u64(&station->timers) + 1);
	if (result.error != nullptr)
		post::show_error(result.error);
	if (result.outcome == handlers::Outcome::failed)
		pg_atomic_write_u64(&station->failures, pg_atomic_read_u64(&station->failures) + 1);
	if (counts)
		return true;
	if (result.error != nullptr)
		report(state, result.error);
	if (result.outcome == handlers::Outcome::left && state->passed.count < handlers::Passed::most)
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
ErrorData *look_back(State *state, Presence *presence, bool *unfinished)
{
	handlers::Remains remains = handlers::recover_lost();
	bool crashed = false;

	*presence = remains.presence;
	if (remains.error != nullptr || !remains.is_ready || state->looked_back)
		return remains.error;
	ErrorData *error = handlers::look_for_crash(&crashed);
	if (error == nullptr && crashed)
	{
		// What becomes due from now on has nothing to do with it.
		TimestampTz now = read_clock(state);

		while (run_alone(state, {now, DT_NOBEGIN, true}))
		{
			MemoryContextReset(state->turn_memory);
			rest::check(post::database());
			leave_if_unwanted();
		}
		*unfinished = !state->all_tried;
		if (*unfinished)
			return nullptr;
		error = handlers::note_clean_run();
	}
	state->looked_back = error == nullptr;
	return error;
}

// False: not now.
bool look_back_first(State *state)
{
	Presence presence = Presence::absent;
	bool unfinished = false;
	ErrorData *error = look_back(state, &presence, &unfinished);

	if (unfinished)
		return false;
	if (error == nullptr)
		return presence == Presence::ready || meet(state, presence);
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
	TimestampTz floor = Min(state->mark, state->floor);
	state->floor = DT_NOEND;
	for (;;)
	{
		MemoryContextReset(state->turn_memory);
		turn::Result result = turn::take({state->mark, floor, state->batch, state->troubled});

		(void) see(state, result.as_of);
		pgstat_report_stat(false);
		if (result.error != nullptr && !result.apart)
		{
			rest_after_error(state, result);
			// What was locked so far has not been noted: nobody has asked yet what still waits.
			state->mark = Min(state->mark, floor);
			break;
		}
		if (!meet(state, result.presence))
		{
			state->mark = Min(state->mark, floor);
			break;
		}
		note_success(state, result);
		if (sweep)
			state->sweep_at = read_clock(state) + Max(static_cast<int64>(settings::naptime) * 1000, rest_after_look(result));
		sweep = false;
		bool more = go_on(state, result, &repeats);
		// A handler may take its time.
		if (result.marked)
			wake::withdraw_claim(post::station());
		if (result.marked && run_alone(state, {DT_NOEND, floor, false}))
			more = true;
		if (!more)
			break;
		rest::check(post::database());
		if (ConfigReloadPending)
			reload(state);
		leave_if_unwanted();
		if (pg::stopwatch() - watch > most_drain)
		{
			state->next_due = DT_NOBEGIN;
			state->floor = floor;
			break;
		}
		look_behind(state);
		state->mark = Min(state->mark, wake::begin_look(post::station()));
		floor = Min(floor, state->mark);
	}
	wake::withdraw_claim(post::station());
}

// When there may be timers to execute.
TimestampTz next_look(const State *state)
{
	TimestampTz due = state->next_due;

	if (state->paused)
		return state->sweep_at;
	if (post::number() > 0 && due < DT_NOEND)
		due = after_ms(due, post::number() * stagger);
	return Max(Min(Min(due, state->behind_at), state->sweep_at), state->retry_at);
}

// A commit that brings a timer due earlier is a reason to look at once. A paused
// worker is woken by resume_timers() alone, not by every timer.
TimestampTz wakes_before(const State *state)
{
	return state->paused ? DT_NOBEGIN + 1 : next_look(state);
}

void start(int index)
{
	post::Ticket ticket;

	memcpy(&ticket, MyBgworkerEntry->bgw_extra, sizeof(ticket));
	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	post::take(index, ticket.number);
	BackgroundWorkerUnblockSignals();
	// The server ignores SIGHUP from the fork until here: the settings we were given may be old, and nobody will tell us again.
	ConfigReloadPending = true;
	BackgroundWorkerInitializeConnectionByOid(post::database(), InvalidOid, 0);
	settings::pin();
	SetConfigOption("application_name", post::worker_type, PGC_USERSET, PGC_S_OVERRIDE);
	rest::prepare();
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
	state.upkeep_at = post::number() == 0 ? DT_NOBEGIN : DT_NOEND;
	state.logged_at = DT_NOBEGIN;
	state.seen_at = DT_NOBEGIN;
	state.rehearsal_us = most_rehearsal_us / 2;
	state.nap = least_nap;
	state.pause = least_pause;
	state.batch = settings::batch_size;
	state.turn_memory = AllocSetContextCreate(TopMemoryContext, "campaign_lifecycle turn", ALLOCSET_DEFAULT_SIZES);
	return state;
}

void look(State *state)
{
	post::show(Activity::running);
	pgstat_report_activity(STATE_RUNNING, "campaign_lifecycle: executing timers");
	drain(state);
	if (!state->paused && pg_atomic_read_u32(&post::station()->activity) == static_cast<uint32>(Activity::running))
		post::show(Activity::idle);
	pgstat_report_activity(STATE_IDLE, nullptr);
}

TimestampTz next_upkeep(const State *state)
{
	return state->paused ? DT_NOEND : Max(state->upkeep_at, state->retry_at);
}

bool is_upkeep_due(State *state)
{
	return read_clock(state) >= next_upkeep(state);
}

// Not due again for a minute if it raises.
void keep_up(State *state)
{
	state->upkeep_at = after_ms(read_clock(state), most_pause);
	pgstat_report_activity(STATE_RUNNING, "campaign_lifecycle: upkeep");
	state->upkeep_at = upkeep::step();
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

	if (next == state->next_due && next > read_clock(state) + lead + least_rest_us)
	{
		if (!rest::until(next - lead, promised, post::station(), post::database()))
			return;
		int64 watch = pg::stopwatch();
		rehearsal::run(next);
		state->rehearsal_us = (3 * state->rehearsal_us + Min(pg::stopwatch() - watch, most_rehearsal_us)) / 4;
	}
	rest::until(next, promised, post::station(), post::database());
}

// One round of the loop. A cancel request that comes while nothing runs ends up
// here as an error, and is nothing more than a reason to look.
void go_round(State *state)
{
	mind_clock(state);
	TimestampTz lowered = wake::begin_look(post::station());
	// Not by when the last sleep was to end: that may have been for upkeep.
	bool wanted = lowered < wakes_before(state) || read_clock(state) >= next_look(state);

	state->mark = Min(state->mark, lowered);
	if (ConfigReloadPending)
		reload(state);
	leave_if_unwanted();
	if (wanted && read_clock(state) >= state->retry_at)
		look(state);
	if (is_upkeep_due(state))
		keep_up(state);

	TimestampTz next = Min(next_look(state), next_upkeep(state));
	pg_atomic_write_u64(&post::station()->next_due, static_cast<uint64>(state->next_due));
	TimestampTz promised = Min(next, wakes_before(state));
	if (!state->set_back && wake::promise_look(post::station(), promised))
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
		ErrorData *error = bracket::in_guard([&] { go_round(&state); });

		if (error != nullptr)
		{
			wake::withdraw_claim(post::station());
			report(&state, error);
		}
	}
}
