// The loop of a worker: ask worker_schedule for one step, make it, tell how it went. Errors of a batch arrive here as values. FATAL
// and worker_slot::exit_worker() end the process.
#include "worker/worker.hpp"

#include "pg/xact.hpp"
#include "extension.hpp"
#include "timer/crash_recovery.hpp"
#include "timer/single_timer.hpp"
#include "worker/worker_slot.hpp"
#include "timer/prewarm.hpp"
#include "worker/worker_wait.hpp"
#include "guc.hpp"
#include "timer/batch.hpp"
#include "worker/maintenance.hpp"
#include "worker/wakeup.hpp"
#include "worker/worker_schedule.hpp"

namespace worker {

using extension::ExtensionState;
using shmem::WorkerActivity;
using worker_schedule::Action;
using worker_schedule::Recovery;
using worker_schedule::Schedule;
using worker_schedule::Single;
using worker_schedule::Step;

namespace {

constexpr int64 log_again_us = 60 * USECS_PER_SEC;
constexpr int64 stagger_us = 3000;   // between workers that wake for the same timer
constexpr int64 min_sleep_us = 2000; // before it a rehearsal is worth while
constexpr int64 max_rehearsal_us = 2000;

Schedule schedule;
single_timer::SkipList skip_list;          // timers that ran alone in this pass and were not executed
TimestampTz crash_due_by = DT_NOEND;       // while timers due at a crash run alone: when it was noticed
bool crash_is_settled = false;             // nothing that was due at a crash of the server waits to run alone
TimestampTz logged_at = DT_NOBEGIN;        // the last error
const char *activity_shown = nullptr;      // to pg_stat_activity
int64 rehearsal_us = max_rehearsal_us / 2; // an average

worker_schedule::Limits limits()
{
	return {static_cast<int64>(guc::naptime) * 1000, worker_slot::number() * stagger_us, guc::batch_size};
}

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

// Format a time for a debug message.
char *text_of(TimestampTz time)
{
	return pstrdup(timestamptz_to_str(time));
}

void show_activity(const char *text)
{
	if (text == activity_shown)
		return;
	activity_shown = text;
	pgstat_report_activity(text != nullptr ? STATE_RUNNING : STATE_IDLE, text);
}

void show_running()
{
	worker_slot::set_activity(WorkerActivity::running);
	show_activity("campaign_lifecycle: executing timers");
}

// A database that is paused, or whose extension is blocked, stays so in the view while the worker sleeps.
void show_idle()
{
	if (pg_atomic_read_u32(&worker_slot::mine()->activity) == static_cast<uint32>(WorkerActivity::running))
		worker_slot::set_activity(WorkerActivity::idle);
	show_activity(nullptr);
}

// Log one line for a trouble that goes on, and one a minute if it still does. An error shows that the database is worth workers, so
// the launcher need not wait to know that.
void report(const ErrorData *error)
{
	TimestampTz now = GetCurrentTimestamp();

	worker_slot::report_useful();
	worker_slot::set_last_error(error);
	// A time after now means that the clock was set back.
	if (now < logged_at + log_again_us && logged_at <= now)
		return;
	logged_at = now;
	ereport(LOG, errcode(error->sqlerrcode), errmsg("campaign_lifecycle could not execute a batch of timers: %s", error->message),
			error->detail != nullptr ? errdetail_internal("%s", error->detail) : 0,
			error->hint != nullptr ? errhint("%s", error->hint) : 0,
			error->context != nullptr ? errcontext("%s", error->context) : 0);
}

void announce()
{
	static bool announced = false;

	if (!announced)
		ereport(LOG, errmsg("%s started", MyBgworkerEntry->bgw_name));
	announced = true;
}

// Tell the server log, once a process, why no timer fires.
void log_version()
{
	static bool logged = false;

	if (!logged)
		ereport(LOG,
				errmsg("no timer fires, because extension \"%s\" is of another version than its library, which is %s",
					   extension::name, extension::version),
				errhint("Run ALTER EXTENSION %s UPDATE. If that changes nothing, restart the server.", extension::name));
	logged = true;
}

// Return whether timers may run. Exit if the extension is not in this database.
bool is_ready(ExtensionState state)
{
	if (state == ExtensionState::absent)
		worker_slot::exit_worker(shmem::ExitReason::absent);
	worker_slot::report_useful();
	announce();
	if (state == ExtensionState::ready)
		return true;
	bool is_busy = state == ExtensionState::busy;
	bool is_outdated = state == ExtensionState::other_version;
	if (is_outdated)
		log_version();
	worker_slot::set_activity(is_busy       ? WorkerActivity::blocked
							  : is_outdated ? WorkerActivity::outdated
											: WorkerActivity::paused);
	worker_schedule::on_extension_state(&schedule, GetCurrentTimestamp(),
										is_busy ? worker_schedule::Unready::busy : worker_schedule::Unready::paused, limits());
	return false;
}

void add_to(pg_atomic_uint64 *counter, int count)
{
	pg_atomic_write_u64(counter, pg_atomic_read_u64(counter) + count);
}

void count_batch(const batch::BatchResult &result)
{
	shmem::WorkerSlot *slot = worker_slot::mine();

	if (result.error != nullptr)
		worker_slot::set_last_error(result.error);
	if (result.claimed == 0)
		return;
	add_to(&slot->batches, 1);
	add_to(&slot->timers, result.succeeded + result.failed);
	add_to(&slot->failures, result.failed);
	pg_atomic_write_u64(&slot->last_batch_at, static_cast<uint64>(result.as_of));
}

void run_batch(const Action &action)
{
	show_running();
	ereport(DEBUG1, errmsg_internal("claiming up to %d timers since %s", action.limit, text_of(action.from)));
	batch::BatchResult result =
		batch::run({action.from, action.pass_start, action.limit, action.isolate_transient, &hooks, nullptr, 0});
	pgstat_report_stat(false);
	if (result.error != nullptr && !result.isolated)
	{
		report(result.error);
		worker_schedule::after_error(&schedule, GetCurrentTimestamp(), xact::is_transient(result.error));
		return;
	}
	if (!is_ready(result.extension_state))
		return;
	count_batch(result);
	worker_schedule::Batch batch = {result.as_of,    result.claimed,    result.unattempted, result.full,
									result.isolated, result.single_due, result.claimed_to,  result.earliest_blocked,
									result.next_due, result.search_us};
	worker_schedule::after_batch(&schedule, GetCurrentTimestamp(), batch, limits());
	ereport(DEBUG1, errmsg_internal("batch of %d timers: %d succeeded, %d failed, %d postponed, next due at %s", result.claimed,
									result.succeeded, result.failed, result.unattempted, text_of(schedule.next_due)));
}

struct SingleResult
{
	Single outcome;
	bool finished; // no timer that could not be claimed is left
	TimestampTz follow_up;
};

// Run one timer that runs alone. One that is not executed and is no failed attempt is passed over until no other is left.
SingleResult run_single(const single_timer::SingleRequest &order)
{
	single_timer::SingleResult result = single_timer::run(order, &skip_list);
	shmem::WorkerSlot *slot = worker_slot::mine();
	bool failed = result.outcome == single_timer::SingleOutcome::failed;

	pgstat_report_stat(false);
	// A handler has shown its own.
	activity_shown = nullptr;
	if (result.error != nullptr)
		worker_slot::set_last_error(result.error);
	if (failed || result.outcome == single_timer::SingleOutcome::succeeded)
	{
		add_to(&slot->timers, 1);
		add_to(&slot->failures, failed ? 1 : 0);
		return {Single::tried, true, result.follow_up};
	}
	if (result.error != nullptr)
		report(result.error);
	if (result.outcome == single_timer::SingleOutcome::postponed && skip_list.count < single_timer::SkipList::max)
		return {Single::tried, true, result.follow_up};
	skip_list.count = 0;
	return {Single::none, result.error == nullptr, result.follow_up};
}

void run_single_of_pass(const Action &action)
{
	show_running();
	SingleResult result = run_single({DT_NOEND, action.pass_start, false});
	worker_schedule::after_single(&schedule, GetCurrentTimestamp(), result.outcome, result.follow_up);
}

void after_recovery(Recovery outcome, const ErrorData *error)
{
	if (error != nullptr)
		report(error);
	worker_schedule::after_recovery(&schedule, GetCurrentTimestamp(), error != nullptr ? Recovery::failed : outcome);
}

// Turn timers of lost processes into failed attempts. After a crash of the server, arrange that what was due then runs one by one,
// so that a timer that caused the crash is found.
void begin_recovery()
{
	crash_recovery::RecoveryResult remains = crash_recovery::recover_lost();
	ErrorData *error = remains.error;
	bool crashed = false;

	if (error == nullptr && !is_ready(remains.extension_state))
		return;
	if (error == nullptr && remains.is_ready && !crash_is_settled)
	{
		error = crash_recovery::check_for_crash(&crashed);
		crash_is_settled = error == nullptr && !crashed;
		// What becomes due from now on has nothing to do with the crash.
		if (crashed)
			crash_due_by = GetCurrentTimestamp();
	}
	after_recovery(crashed ? Recovery::in_progress : Recovery::complete, error);
}

void go_on_with_recovery()
{
	SingleResult result = run_single({crash_due_by, DT_NOBEGIN, true});
	ErrorData *error = nullptr;

	if (result.outcome == Single::tried)
	{
		after_recovery(Recovery::in_progress, nullptr);
		return;
	}
	crash_due_by = DT_NOEND;
	if (result.finished)
	{
		error = crash_recovery::note_clean_run();
		crash_is_settled = error == nullptr;
	}
	after_recovery(result.finished ? Recovery::complete : Recovery::failed, error);
}

void run_recovery()
{
	show_running();
	if (crash_due_by == DT_NOEND)
		begin_recovery();
	else
		go_on_with_recovery();
}

void run_maintenance()
{
	show_activity("campaign_lifecycle: maintenance");
	TimestampTz next = maintenance::step();
	pgstat_report_stat(false);
	worker_schedule::after_maintenance(&schedule, GetCurrentTimestamp(), next);
}

// Sleep, and shortly before a timer is due read what its batch will read, if there is time for that: after a sleep the caches of the
// processor and of the process are cold.
void sleep_until(const Action &action)
{
	int64 lead = rehearsal_us + rehearsal_us / 4 + 250;

	if (action.until_due && action.until > GetCurrentTimestamp() + lead + min_sleep_us)
	{
		if (!worker_wait::sleep_until(action.until - lead, action.wake_before, worker_slot::mine(), worker_slot::database()))
			return;
		int64 watch = pg::stopwatch();
		prewarm::run(action.until);
		rehearsal_us = (3 * rehearsal_us + least(pg::stopwatch() - watch, max_rehearsal_us)) / 4;
	}
	worker_wait::sleep_until(action.until, action.wake_before, worker_slot::mine(), worker_slot::database());
}

void go_to_sleep(const Action &action)
{
	show_idle();
	pg_atomic_write_u64(&worker_slot::mine()->next_due, static_cast<uint64>(schedule.next_due));
	if (!wakeup::publish_sleep(worker_slot::mine(), action.wake_before))
		return;
	ereport(DEBUG1, errmsg_internal("sleeping until %s", text_of(action.until)));
	sleep_until(action);
	ereport(DEBUG1, errmsg_internal("woken up"));
}

void reload()
{
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	guc::pin_lock_timeout();
	worker_schedule::on_reload(&schedule, GetCurrentTimestamp(), limits());
}

void leave_if_unwanted()
{
	if (!guc::enabled || worker_slot::number() >= guc::workers)
		worker_slot::exit_worker(shmem::ExitReason::unwanted);
}

void run_step()
{
	if (ConfigReloadPending)
		reload();
	leave_if_unwanted();
	// Before the clock is read: a commit after this lowers the next wakeup.
	TimestampTz wakeup = wakeup::enter_busy(worker_slot::mine());
	Action action = worker_schedule::decide(&schedule, GetCurrentTimestamp(), wakeup, limits());

	if (action.step != Step::batch)
		wakeup::withdraw_claimed_range(worker_slot::mine());
	switch (action.step)
	{
		case Step::recover:
			run_recovery();
			break;
		case Step::batch:
			run_batch(action);
			break;
		case Step::single:
			run_single_of_pass(action);
			break;
		case Step::maintenance:
			run_maintenance();
			break;
		case Step::sleep:
			go_to_sleep(action);
			return;
	}
	worker_wait::check_database_lock(worker_slot::database());
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
	schedule = worker_schedule::start(limits(), worker_slot::number() == 0);
}

} // namespace

} // namespace worker

using namespace worker;

// A cancel request that comes while nothing runs ends here as an error, and the loop goes on.
void campaign_lifecycle_worker_main(Datum argument)
{
	start(DatumGetInt32(argument));
	MemoryContext step_memory = AllocSetContextCreate(TopMemoryContext, "campaign_lifecycle step", ALLOCSET_DEFAULT_SIZES);

	for (;;)
	{
		MemoryContextReset(step_memory);
		MemoryContextSwitchTo(step_memory);
		ErrorData *error = xact::catch_error([] { run_step(); });

		if (error == nullptr)
			continue;
		wakeup::withdraw_claimed_range(worker_slot::mine());
		report(error);
		worker_schedule::on_stray_error(&schedule, GetCurrentTimestamp());
	}
}
