// Runs timers for run_due_timers(), as the worker does, but in the transaction of a client. Subtransactions take the
// place of the worker's transactions. READ COMMITTED is needed, because each claim must see the rows that the last
// batch has written. The timers run with the privileges of the tables' owner.
#include "extension.hpp"
#include "guc.hpp"
#include "run_as_owner.hpp"
#include "timer/batch.hpp"
#include "timer/crash_recovery.hpp"
#include "timer/handler_call.hpp"
#include "timer/single_timer.hpp"
#include "timer/suspects.hpp"

namespace {

struct Run
{
	extension::ExtensionInfo ext;
	TimestampTz as_of;
	TimestampTz scan_from;
	int64 attempted;
	int batch_limit;
	bool restarted; // the scan was restarted after the last executed timer
	single_timer::SkipList skip_list;
};

// Run one timer that has a handler. Return false if there is none that can be claimed.
bool run_single(Run *run)
{
	if (!single_timer::is_due(run->ext.schema, run->as_of, DT_NOBEGIN))
		return false;
	single_timer::SingleResult result = single_timer::run_for_client(run->ext.schema, run->as_of, DT_NOBEGIN, &run->skip_list);

	run->scan_from = least(run->scan_from, result.follow_up);
	if (result.outcome == single_timer::SingleOutcome::none)
		return false;
	if (result.outcome == single_timer::SingleOutcome::postponed)
		return run->skip_list.count < single_timer::SkipList::max;
	run->attempted++;
	run->restarted = false;
	return true;
}

// Run one batch of at most this many timers. Return false if no due timer can be claimed.
bool run_batch(Run *run, int64 room)
{
	MemoryContext batch_cxt = AllocSetContextCreate(CurrentMemoryContext, "campaign_lifecycle batch", ALLOCSET_DEFAULT_SIZES);
	MemoryContext oldcontext = MemoryContextSwitchTo(batch_cxt);
	batch::BatchRequest request = {};

	request.scan_from = run->scan_from;
	request.limit = static_cast<int>(least(room, least(run->batch_limit, guc::batch_size)));
	run->batch_limit = least(request.limit * 2, guc::batch_size);
	request.isolate_transient = true;
	request.client_schema = run->ext.schema;
	request.as_of = run->as_of;
	CHECK_FOR_INTERRUPTS();
	batch::BatchResult result = batch::run(request);
	if (result.error != nullptr && !result.isolated)
		ReThrowError(result.error);
	MemoryContextSwitchTo(oldcontext);
	MemoryContextDelete(batch_cxt);
	run->attempted += result.succeeded + result.failed;
	run->scan_from = result.claimed_to;
	if (result.succeeded + result.failed + result.postponed == 0)
		return false;
	run->restarted = false;
	return true;
}

// Restart the scan from the beginning, at most once until another timer is executed. A timer that waited behind an
// earlier timer of its campaign can run when that one completes without a state change. Its scheduled_at may lie
// before scan_from. Return false if the scan was restarted already.
bool restart_scan(Run *run)
{
	if (run->restarted)
		return false;
	run->scan_from = DT_NOBEGIN;
	run->restarted = true;
	return true;
}

// Handle a crash of the server, as a worker does. Return false if the call must end. A failed attempt that it has recorded must be committed
// before another timer crashes the server.
bool handle_crash(Run *run, int limit)
{
	if (crash_recovery::check_for_client() != crash_recovery::Crash::ours)
		return true;
	int failed = suspects::collect_for_client(run->ext.schema, run->as_of);
	run->attempted += failed;
	while (failed == 0 && suspects::are_left() && run->attempted < limit)
	{
		batch::BatchResult result =
			suspects::run_some_for_client(run->ext.schema, run->as_of, static_cast<int>(limit - run->attempted));

		run->attempted += result.succeeded + result.failed;
	}
	if (failed == 0 && !suspects::are_left())
	{
		if (!suspects::are_all_known())
			run->batch_limit = 1;
		crash_recovery::note_clean_run_for_client();
	}
	suspects::finish();
	return failed == 0;
}

// Raise an error if timers may not run in this database.
void check_state(const extension::ExtensionInfo &ext)
{
	switch (ext.extension_state)
	{
		case extension::ExtensionState::ready:
		case extension::ExtensionState::busy:
			return;
		case extension::ExtensionState::paused:
			ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("the timers of this database are paused"),
					ext.activation == extension::Activation::paused
						? 0
						: errdetail("It is a copy, or its rows were loaded from another database."),
					errhint("Call resume_timers()."));
			return;
		case extension::ExtensionState::renamed:
			extension::refuse_renamed();
		case extension::ExtensionState::absent:
			ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("extension \"%s\" is not installed", extension::name),
					errhint("Run CREATE EXTENSION %s.", extension::name));
			return;
		case extension::ExtensionState::other_version:
			extension::refuse_version();
		case extension::ExtensionState::no_tables:
			extension::refuse_missing_tables();
		case extension::ExtensionState::old_tables:
			ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("the campaign tables are of another version than the extension"),
					errhint("Call upgrade_campaign_tables()."));
			return;
	}
}

// Raise an error unless the caller has the privileges of the tables' owner, which any time but the present one needs.
void check_owner(const extension::ExtensionInfo &ext)
{
	if (!OidIsValid(ext.owner) || has_privs_of_role(GetUserId(), ext.owner))
		return;
	ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied to run timers at a given time"),
			errhint("Only a superuser and the owner of the campaign tables may give one."));
}

// Raise an error if timers may not run at a given time here. A pause keeps the worker away.
void check_simulation(const extension::ExtensionInfo &ext)
{
	check_owner(ext);
	if (ext.extension_state == extension::ExtensionState::paused)
		return;
	check_state(ext);
	if (guc::preloaded && guc::enabled)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("timers cannot be run at a given time while the worker is active in this database"),
				errhint("Call pause_timers() before, in a transaction of its own."));
}

// Read the arguments and open the extension. Return the limit.
int begin_run(FunctionCallInfo fcinfo, Run *run)
{
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("time and number of timers must not be null"));
	run->as_of = PG_GETARG_TIMESTAMPTZ(0);
	run->scan_from = DT_NOBEGIN;
	run->batch_limit = guc::batch_size;
	int limit = PG_GETARG_INT32(1);
	if (limit < 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("number of timers must not be negative: %d", limit));
	// A handler called here would take over the timeout of the running one.
	if (handler_call::is_running())
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("timers cannot be run by a handler"),
				errhint("Timers that are due run when the handler has ended."));
	if (XactIsoLevel != XACT_READ_COMMITTED)
		ereport(ERROR, errcode(ERRCODE_ACTIVE_SQL_TRANSACTION), errmsg("timers can only be run in a READ COMMITTED transaction"),
				errhint("Call run_due_timers() in a transaction of its own."));
	PreventCommandDuringRecovery("run_due_timers()");
	SPI_connect();
	run->ext = extension::open();
	return limit;
}

// Run batches until none is left, or the limit is reached.
void run_all(Run *run, int limit)
{
	while (run->attempted < limit && (run_batch(run, limit - run->attempted) || restart_scan(run) || run_single(run)))
		;
}

} // namespace

// Run at most so many timers that are due at this time. Return the number of attempts.
SQL_FUNCTION(_run_due_timers)
{
	Run run = {};
	int limit = begin_run(fcinfo, &run);

	check_state(run.ext);
	if (run.as_of > GetCurrentTimestamp())
		check_owner(run.ext);
	run_as_owner::call(run.ext, [&] {
		if (handle_crash(&run, limit))
			run_all(&run, limit);
	});
	SPI_finish();
	PG_RETURN_INT64(run.attempted);
}

// Do the same as if the clock showed this time, for tests of applications. Stamps are of that time, too.
SQL_FUNCTION(_run_due_timers_at)
{
	Run run = {};
	int limit = begin_run(fcinfo, &run);
	char value[32];

	check_simulation(run.ext);
	snprintf(value, sizeof(value), INT64_FORMAT, run.as_of);
	int level = NewGUCNestLevel();
	(void) set_config_option("campaign_lifecycle._as_of", value, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	run_as_owner::call(run.ext, [&] { run_all(&run, limit); });
	AtEOXact_GUC(false, level);
	SPI_finish();
	PG_RETURN_INT64(run.attempted);
}
