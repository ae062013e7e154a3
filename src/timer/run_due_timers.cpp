// run_due_timers(): the worker's way, walked by a client in its own transaction.
// Subtransactions stand in for the worker's transactions. It needs READ COMMITTED,
// for each claim must see what the batch before it has made; the rights are those
// of the tables' owner while timers run, and the caller's again after that.
#include "timer/apply.hpp"
#include "pg/run_as_owner.hpp"
#include "pg/xact.hpp"
#include "extension.hpp"
#include "timer/handlers.hpp"
#include "timer/isolate.hpp"
#include "row/row_writer.hpp"
#include "guc.hpp"
#include "timer/statements.hpp"

namespace {

struct Run
{
	extension::ExtensionInfo ext;
	TimestampTz as_of;
	TimestampTz since;
	int64 attempted;
	bool looked; // at all there is, since something was taken
	handlers::Passed passed;
};

// One timer with a handler, where no batch is left. False: there is none, or it
// cannot be taken.
bool run_handled(Run *run)
{
	if (!statements::has_marked_way(run->ext.plans) || !statements::single_timer_due(run->ext.plans, run->as_of, DT_NOBEGIN))
		return false;
	handlers::Result result = handlers::take_here(run->ext.plans, run->as_of, DT_NOBEGIN, &run->passed);

	run->since = least(run->since, result.follow_up);
	if (result.outcome == handlers::Outcome::none)
		return false;
	if (result.outcome == handlers::Outcome::left)
		return run->passed.count < handlers::Passed::most;
	run->attempted++;
	run->looked = false;
	return true;
}

// One batch. False: nothing is due, or nothing of it can be taken.
bool run_batch(Run *run, int64 room)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext keep = AllocSetContextCreate(caller, "campaign_lifecycle batch", ALLOCSET_DEFAULT_SIZES);
	statements::Claim claimed = {};
	isolate::Work work = isolate::begin(run->ext.plans, run->as_of);

	MemoryContextSwitchTo(keep);
	work.for_client = true;
	CHECK_FOR_INTERRUPTS();
	ErrorData *error = xact::run_subxact([&] {
		row_writer::check_no_forced_rls(statements::schema_of(run->ext.plans));
		claimed = statements::claim(run->ext.plans, run->as_of, run->since, static_cast<int>(least(room, guc::batch_size)),
									nullptr, keep);
		if (claimed.count == 0)
			return;
		apply::Outcome outcome = apply::run(run->ext.plans, &claimed, run->as_of, false);
		work.follow_up = outcome.follow_up;
		work.postponed = outcome.postponed;
		work.succeeded = claimed.count - work.postponed;
	});
	if (error != nullptr && claimed.count == 0)
		ReThrowError(error);
	if (error != nullptr)
		isolate::run(&work, claimed, error);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(keep);
	run->attempted += work.succeeded + work.failed;
	run->since = least(claimed.claimed_to, work.follow_up);
	if (work.succeeded + work.failed + work.postponed == 0)
		return false;
	run->looked = false;
	return true;
}

// What waited for a timer that has moved nothing lies behind. False: nothing can.
bool look_behind(Run *run)
{
	if (run->looked)
		return false;
	run->since = DT_NOBEGIN;
	run->looked = true;
	return true;
}

void refuse(const extension::ExtensionInfo &ext)
{
	switch (ext.extension_state)
	{
		case extension::ExtensionState::ready:
		case extension::ExtensionState::busy:
			return;
		case extension::ExtensionState::paused:
			ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("the timers of this database are paused"),
					errhint("Call resume_timers()."));
			return;
		case extension::ExtensionState::absent:
			ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("extension \"%s\" is not installed", extension::name),
					errhint("Run CREATE EXTENSION %s.", extension::name));
			return;
		case extension::ExtensionState::no_tables:
			ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the campaign tables do not exist"),
					errhint("Call install_campaign_tables()."));
			return;
		case extension::ExtensionState::old_tables:
			ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("the campaign tables are of another version than the extension"),
					errhint("Call upgrade_campaign_tables()."));
			return;
	}
}

} // namespace

SQL_FUNCTION(_run_due_timers)
{
	Run run = {};

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("time and number of timers must not be null"));
	run.as_of = PG_GETARG_TIMESTAMPTZ(0);
	run.since = DT_NOBEGIN;
	int most = PG_GETARG_INT32(1);
	if (most < 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("number of timers must not be negative: %d", most));
	// Its own timeout would be the inner one's, and gone with that.
	if (handlers::is_running())
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("timers cannot be run by a handler"),
				errhint("What is due runs when the handler has ended."));
	if (XactIsoLevel != XACT_READ_COMMITTED)
		ereport(ERROR, errcode(ERRCODE_ACTIVE_SQL_TRANSACTION), errmsg("timers can only be run in a READ COMMITTED transaction"),
				errhint("Call run_due_timers() in a transaction of its own."));
	SPI_connect();
	run.ext = extension::open();
	refuse(run.ext);
	run_as_owner::call(run.ext, [&] {
		while (run.attempted < most && (run_batch(&run, most - run.attempted) || look_behind(&run) || run_handled(&run)))
			;
	});
	SPI_finish();
	PG_RETURN_INT64(run.attempted);
}
