// Upkeep is a round now and then: ask which jobs are due, then make their steps,
// each in a transaction of its own, as the tables' owner. Timers come first: the
// worker looks for them between any two steps. What a round has found is kept in
// memory only, since an idle database is to write nothing. A step that fails is
// recorded and its job left for later; it stops no other. The library also runs
// with an older install script that has no upkeep yet.
#include "worker/maintenance.hpp"

#include "pg/xact.hpp"
#include "extension.hpp"
#include "guc.hpp"

namespace maintenance {

namespace {

struct Round
{
	TimestampTz as_of;
	TimestampTz next_at;
	char **jobs;
	int count;
	int current;
};

Round round; // count == current: none is going on
TimestampTz last_round = DT_NOBEGIN;
MemoryContext round_memory;

TimestampTz after_naptime()
{
	return GetCurrentTimestamp() + static_cast<int64>(guc::naptime) * 1000;
}

// True: this transaction is the owner's, and timers may fire here.
bool arrive(extension::ExtensionInfo *ext)
{
	*ext = extension::open_nowait();
	if (ext->extension_state != extension::ExtensionState::ready)
		return false;
	xact::set_user_until_xact_end(ext->owner);
	return true;
}

void begin_round()
{
	if (round_memory == nullptr)
		round_memory = AllocSetContextCreate(TopMemoryContext, "campaign_lifecycle upkeep", ALLOCSET_SMALL_SIZES);
	MemoryContextReset(round_memory);
	round = {};
	round.as_of = GetCurrentTimestamp();
	round.next_at = DT_NOEND;
	ErrorData *error = xact::run([&] {
		extension::ExtensionInfo ext;

		if (arrive(&ext) && statements::has_upkeep(ext.plans))
			round.count = statements::due_upkeep(ext.plans, round.as_of, last_round, &round.jobs, &round.next_at, round_memory);
	});
	if (error != nullptr)
		ThrowErrorData(error);
}

void report(const char *job, const ErrorData *error)
{
	ereport(LOG, errcode(error->sqlerrcode), errmsg("upkeep job \"%s\" of campaign_lifecycle failed: %s", job, error->message),
			errhint("It is tried again; see campaign_maintenance_jobs."));
}

void run_current()
{
	const char *job = round.jobs[round.current];
	bool more = false;
	ErrorData *error = xact::run([&] {
		extension::ExtensionInfo ext;

		if (arrive(&ext))
			more = statements::run_upkeep_step(ext.plans, job, round.as_of);
	});
	if (error != nullptr)
	{
		report(job, error);
		error = xact::run([&, cause = error] {
			extension::ExtensionInfo ext;

			if (arrive(&ext))
				statements::upkeep_failed(ext.plans, job, round.as_of, cause);
		});
		if (error != nullptr)
			report(job, error);
	}
	if (!more)
		round.current++;
}

} // namespace

TimestampTz step()
{
	if (round.current < round.count)
		run_current();
	else
		begin_round();
	if (round.current < round.count)
		return DT_NOBEGIN;
	last_round = round.as_of;
	return round.next_at == DT_NOEND ? after_naptime() : round.next_at;
}

} // namespace maintenance
