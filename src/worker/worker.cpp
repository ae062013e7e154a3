// The loop of a worker: ask worker_schedule for one step, run it, and tell worker_schedule its result. Errors of a batch arrive here as values. FATAL
// and worker_slot::exit_worker() end the process.
#include "worker/worker.hpp"

#include "pg/xact.hpp"
#include "extension.hpp"
#include "worker/worker_slot.hpp"
#include "timer/prewarm.hpp"
#include "worker/worker_wait.hpp"
#include "guc.hpp"
#include "timer/batch.hpp"
#include "timer/left_notes.hpp"
#include "timer/blocked_timer.hpp"
#include "worker/maintenance.hpp"
#include "worker/wakeup.hpp"
#include "worker/worker_turn.hpp"
#include "worker/worker_recovery.hpp"
#include "worker/worker_report.hpp"
#include "worker/worker_schedule.hpp"

namespace worker {

using extension::ExtensionState;
using worker_report::text_of;
using worker_schedule::Action;
using worker_schedule::Recovery;
using worker_schedule::Schedule;
using worker_schedule::Step;
using worker_schedule::Unready;
using worker_schedule::Waited;

namespace {

constexpr int64 stagger_us = 3000;   // between workers that wake for the same timer
constexpr int64 min_sleep_us = 2000; // before it prewarming is worth while
constexpr int64 max_prewarm_us = 2000;

Schedule schedule;

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

worker_schedule::Limits limits()
{
	return {static_cast<int64>(guc::naptime) * 1000, worker_slot::number() * stagger_us, guc::batch_size};
}

// Return whether timers may run. Exit if the extension is not in this database.
bool is_ready(ExtensionState extension_state)
{
	if (extension_state == ExtensionState::absent)
	{
		left_notes::remove_all(worker_slot::database());
		worker_slot::exit_worker(shmem::ExitReason::absent);
	}
	worker_report::found_extension();
	if (extension_state == ExtensionState::ready)
		return true;
	worker_report::show_unready(extension_state);
	worker_schedule::on_extension_state(&schedule, GetCurrentTimestamp(),
										extension_state == ExtensionState::busy ? Unready::busy : Unready::paused, limits());
	return false;
}

void run_batch(const Action &action)
{
	ereport(DEBUG1, errmsg_internal("claiming up to %d timers since %s", action.limit, text_of(action.from)));
	batch::BatchResult result =
		batch::run({action.from, action.pass_start, action.limit, action.isolate_transient, &hooks, nullptr, 0});
	pgstat_report_stat(false);
	if (result.error != nullptr && !result.isolated)
	{
		worker_report::log_error(result.error);
		worker_schedule::after_error(&schedule, GetCurrentTimestamp(), xact::is_transient(result.error));
		return;
	}
	if (!is_ready(result.extension_state))
		return;
	worker_report::count_batch(result);
	worker_schedule::Batch batch = {result.as_of,    result.claimed,    result.unattempted, result.full,
									result.isolated, result.single_due, result.claimed_to,  result.earliest_blocked,
									result.next_due, result.search_us};
	worker_schedule::after_batch(&schedule, GetCurrentTimestamp(), batch, limits());
	ereport(DEBUG1, errmsg_internal("batch of %d timers: %d succeeded, %d failed, %d postponed, next due at %s", result.claimed,
									result.succeeded, result.failed, result.unattempted, text_of(schedule.next_due)));
}

void run_single(const Action &action)
{
	worker_recovery::SingleResult result = worker_recovery::run_single(action.pass_start);

	worker_schedule::after_single(&schedule, GetCurrentTimestamp(), result.outcome, result.follow_up);
}

// Return whether a timer that other sessions have committed is due, or anything else has changed.
bool is_wanted()
{
	return ConfigReloadPending ||
		   static_cast<TimestampTz>(pg_atomic_read_u64(&worker_slot::mine()->wakeup_time)) <= GetCurrentTimestamp();
}

Waited waited(blocked_timer::Outcome outcome)
{
	switch (outcome)
	{
		case blocked_timer::Outcome::executed:
			return Waited::executed;
		case blocked_timer::Outcome::busy:
			return Waited::busy;
		case blocked_timer::Outcome::held:
			return Waited::held;
		case blocked_timer::Outcome::none:
		case blocked_timer::Outcome::failed:
			break;
	}
	return Waited::none;
}

void run_row_wait(const Action &action)
{
	blocked_timer::Result result = blocked_timer::run({action.from, action.limit_us, action.is_overdue ? nullptr : is_wanted});
	pgstat_report_stat(false);
	if (result.outcome == blocked_timer::Outcome::failed)
	{
		worker_report::log_error(result.error);
		// A timer that always raises such an error must not let the pass begin again, or those behind would never be executed.
		if (xact::is_transient(result.error))
			worker_schedule::after_row_wait(&schedule, GetCurrentTimestamp(), Waited::busy, DT_NOEND, result.search_us);
		else
			worker_schedule::after_error(&schedule, GetCurrentTimestamp(), false);
		return;
	}
	if (!is_ready(result.extension_state))
		return;
	if (result.single.outcome != single_timer::SingleOutcome::none)
		worker_report::count_single(result.single);
	worker_report::count_blocked(result);
	worker_schedule::after_row_wait(&schedule, GetCurrentTimestamp(), waited(result.outcome), result.follow_up, result.search_us);
	// Timers that are known to be held for long are not waited for, so there is nothing to tell.
	if (result.tried)
		ereport(DEBUG1, errmsg_internal("waited for the rows of a timer since %s: %s", text_of(action.from),
										blocked_timer::name_of(result.outcome)));
}

void run_recovery()
{
	worker_recovery::Result result = worker_recovery::step();

	if (result.error != nullptr)
	{
		worker_report::log_error(result.error);
		result.outcome = Recovery::failed;
	}
	else if (!is_ready(result.extension_state))
		return;
	worker_schedule::after_recovery(&schedule, GetCurrentTimestamp(), result.outcome);
}

void run_maintenance()
{
	worker_report::show_maintenance();
	worker_turn::note_maintenance();
	TimestampTz next = maintenance::step();
	pgstat_report_stat(false);
	worker_schedule::after_maintenance(&schedule, GetCurrentTimestamp(), next);
}

// Sleep. Shortly before a timer is due, read the pages that its batch will read, because the caches are cold after a sleep.
void sleep_until(const Action &action)
{
	static int64 prewarm_us = max_prewarm_us / 2; // on average
	int64 lead = prewarm_us + prewarm_us / 4 + 250;

	if (action.until_due && action.until > GetCurrentTimestamp() + lead + min_sleep_us)
	{
		if (!worker_wait::sleep_until(action.until - lead, action.wake_before, worker_slot::mine(), worker_slot::database()))
			return;
		int64 watch = pg::stopwatch();
		prewarm::run(action.until);
		prewarm_us = (3 * prewarm_us + least(pg::stopwatch() - watch, max_prewarm_us)) / 4;
	}
	worker_wait::sleep_until(action.until, action.wake_before, worker_slot::mine(), worker_slot::database());
}

void go_to_sleep(const Action &action)
{
	worker_report::show_idle();
	pg_atomic_write_u64(&worker_slot::mine()->next_due, static_cast<uint64>(schedule.next_due));
	worker_turn::leave_if_idle(schedule);
	worker_turn::note_sleep(schedule);
	if (!wakeup::publish_sleep(worker_slot::mine(), action.wake_before))
		return;
	ereport(DEBUG1, errmsg_internal("sleeping until %s", text_of(action.until)));
	sleep_until(action);
	worker_turn::note_wakeup();
	ereport(DEBUG1, errmsg_internal("woken up"));
}

void reload()
{
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	guc::pin_after_reload();
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
	// This comes before the clock is read, because a commit after it lowers the next wakeup.
	TimestampTz wakeup = wakeup::enter_busy(worker_slot::mine());
	worker_turn::leave_if_over(schedule, wakeup);
	Action action = worker_schedule::decide(&schedule, GetCurrentTimestamp(), wakeup, limits());

	if (action.step != Step::batch)
		wakeup::withdraw_claimed_range(worker_slot::mine());
	if (action.step != Step::sleep)
		worker_turn::decline_if_early();
	if (action.step != Step::sleep && action.step != Step::maintenance)
		worker_report::show_running();
	switch (action.step)
	{
		case Step::recover:
			run_recovery();
			break;
		case Step::batch:
			run_batch(action);
			break;
		case Step::single:
			run_single(action);
			break;
		case Step::row_wait:
			run_row_wait(action);
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
	// The server ignores SIGHUP from the fork until here, so our settings may be old and no other signal will come.
	ConfigReloadPending = true;
	BackgroundWorkerInitializeConnectionByOid(worker_slot::database(), InvalidOid, 0);
	guc::pin();
	SetConfigOption("application_name", worker_slot::worker_type, PGC_USERSET, PGC_S_OVERRIDE);
	worker_wait::init();
	schedule = worker_schedule::start(limits(), worker_slot::number() == 0);
	worker_turn::begin(&schedule);
}

} // namespace

} // namespace worker

using namespace worker;

// Main function of a worker. A cancel request that comes while no step runs ends here as an error, and the loop goes on.
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
		worker_report::log_error(error);
		worker_schedule::on_stray_error(&schedule, GetCurrentTimestamp());
	}
}
