// Shows the state of a worker to users. The launcher learns here that the database has the extension.
#include "worker/worker_report.hpp"

#include "worker/turns.hpp"
#include "worker/worker_slot.hpp"

namespace worker_report {

using extension::ExtensionState;
using shmem::WorkerActivity;

namespace {

constexpr int64 log_again_us = 60 * USECS_PER_SEC;

const char *activity_shown = nullptr; // in pg_stat_activity

void show_activity(const char *text)
{
	if (text == activity_shown)
		return;
	activity_shown = text;
	pgstat_report_activity(text != nullptr ? STATE_RUNNING : STATE_IDLE, text);
}

// Tell the server log, once a process, why no timer is executed. A process that takes its turn does not repeat it.
void log_version()
{
	static bool logged = false;

	if (!logged && !worker_slot::is_next_turn())
		ereport(LOG,
				errmsg("no timer is executed, because extension \"%s\" is of another version than its library, which is %s",
					   extension::name, extension::version),
				errhint("Run ALTER EXTENSION %s UPDATE. If that changes nothing, restart the server.", extension::name));
	logged = true;
}

// Tell the server log, once a process, that the schema was renamed.
void log_renamed()
{
	static bool logged = false;

	if (!logged && !worker_slot::is_next_turn())
		ereport(LOG, errmsg("no timer fires, because the schema of extension \"%s\" was renamed", extension::name),
				errdetail("Its functions name the schema as it was."), errhint("Call campaign_health(), which says what to do."));
	logged = true;
}

void add_to(pg_atomic_uint64 *counter, int count)
{
	pg_atomic_write_u64(counter, pg_atomic_read_u64(counter) + count);
}

} // namespace

void show_running()
{
	worker_slot::set_activity(WorkerActivity::running);
	show_activity("campaign_lifecycle: executing timers");
}

void show_maintenance()
{
	show_activity("campaign_lifecycle: maintenance");
}

// A database that is paused, or whose extension is busy, is shown so also while the worker sleeps.
void show_idle()
{
	if (pg_atomic_read_u32(&worker_slot::mine()->activity) == static_cast<uint32>(WorkerActivity::running))
		worker_slot::set_activity(WorkerActivity::idle);
	show_activity(nullptr);
}

void show_unready(ExtensionState extension_state)
{
	if (extension_state == ExtensionState::other_version)
	{
		log_version();
		worker_slot::set_activity(WorkerActivity::outdated);
		return;
	}
	if (extension_state == ExtensionState::renamed)
		log_renamed();
	worker_slot::set_activity(extension_state == ExtensionState::busy ? WorkerActivity::blocked : WorkerActivity::paused);
}

void found_extension()
{
	static bool announced = false;

	worker_slot::report_useful();
	if (!announced)
		ereport(worker_slot::is_next_turn() ? DEBUG1 : LOG, errmsg("%s started", MyBgworkerEntry->bgw_name));
	announced = true;
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

void count_blocked(const blocked_timer::Result &result)
{
	shmem::WorkerSlot *slot = worker_slot::mine();

	if (result.error != nullptr)
		worker_slot::set_last_error(result.error);
	if (result.succeeded + result.failed == 0)
		return;
	add_to(&slot->batches, 1);
	add_to(&slot->timers, result.succeeded + result.failed);
	add_to(&slot->failures, result.failed);
	pg_atomic_write_u64(&slot->last_batch_at, static_cast<uint64>(result.as_of));
}

void count_single(const single_timer::SingleResult &result)
{
	shmem::WorkerSlot *slot = worker_slot::mine();
	bool failed = result.outcome == single_timer::SingleOutcome::failed;

	// A handler has shown its own activity.
	activity_shown = nullptr;
	if (result.error != nullptr)
		worker_slot::set_last_error(result.error);
	if (failed || result.outcome == single_timer::SingleOutcome::succeeded)
		add_to(&slot->timers, 1);
	else if (result.error != nullptr)
		log_error(result.error);
	if (failed)
		add_to(&slot->failures, 1);
}

// An error shows as well that the database has the extension. Processes that take turns count as one.
void log_error(const ErrorData *error)
{
	static TimestampTz logged_at = DT_NOBEGIN;
	TimestampTz now = GetCurrentTimestamp();
	shmem::DatabaseEntry *entry = turns::find_own();

	worker_slot::report_useful();
	worker_slot::set_last_error(error);
	// A time after now means that the clock was set back.
	if (worker_slot::is_next_turn() && logged_at == DT_NOBEGIN && entry != nullptr)
		logged_at = turns::read_time(&entry->error_logged_at);
	if (logged_at <= now && now < logged_at + log_again_us)
		return;
	logged_at = now;
	if (entry != nullptr)
		turns::write_time(&entry->error_logged_at, now);
	ereport(LOG, errcode(error->sqlerrcode), errmsg("campaign_lifecycle could not execute a batch of timers: %s", error->message),
			error->detail != nullptr ? errdetail_internal("%s", error->detail) : 0,
			error->hint != nullptr ? errhint("%s", error->hint) : 0,
			error->context != nullptr ? errcontext("%s", error->context) : 0);
}

char *text_of(TimestampTz time)
{
	return pstrdup(timestamptz_to_str(time));
}

} // namespace worker_report
