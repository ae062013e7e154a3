// After a crash of the server, the timers that a lost process has noted run one by one. So a timer that caused the crash is found. All
// others run in batches again. Where no note tells, the first timer is marked RUNNING, and the batches after it begin small.
//
// A timer that is neither executed nor a failed attempt is passed over until no other is left. So the timers behind it have their turn.
#include "worker/worker_recovery.hpp"

#include "timer/crash_recovery.hpp"
#include "timer/single_timer.hpp"
#include "timer/suspects.hpp"
#include "worker/worker_report.hpp"

namespace worker_recovery {

using crash_recovery::Crash;
using extension::ExtensionState;
using worker_schedule::Recovery;
using worker_schedule::Single;

namespace {

single_timer::SkipList skip_list; // timers that were passed over
bool handles_crash = false;       // this process
bool has_waited = false;          // for another process that handled the crash
bool crash_is_settled = false;    // none is left to be handled

SingleResult run(const single_timer::SingleRequest &order)
{
	single_timer::SingleResult result = single_timer::run(order, &skip_list);
	bool is_postponed = result.outcome == single_timer::SingleOutcome::postponed;

	pgstat_report_stat(false);
	worker_report::count_single(result);
	if (result.outcome != single_timer::SingleOutcome::none && (!is_postponed || skip_list.count < single_timer::SkipList::max))
		return {Single::tried, result.follow_up, nullptr};
	skip_list.count = 0;
	return {Single::none, result.follow_up, result.error};
}

// Turn the timers of lost processes into failed attempts, and ask whether the server has crashed.
Result begin()
{
	crash_recovery::RecoveryResult remains = crash_recovery::recover_lost();
	Result result = {remains.extension_state, Recovery::complete, remains.error};
	Crash crash = Crash::none;

	if (result.error != nullptr || !remains.is_ready || crash_is_settled)
		return result;
	result.error = crash_recovery::check_for_crash(&crash);
	if (result.error != nullptr)
		return result;
	crash_is_settled = crash == Crash::none;
	if (crash == Crash::elsewhere)
	{
		has_waited = true;
		result.outcome = Recovery::elsewhere;
	}
	// The other process knows which timers may have caused the crash, and this one does not.
	else if (crash == Crash::none && has_waited)
		result.outcome = Recovery::unsure;
	else if (crash == Crash::ours)
	{
		result.error = suspects::collect();
		if (result.error != nullptr)
			crash_recovery::release_crash();
		handles_crash = result.error == nullptr;
		result.outcome = Recovery::in_progress;
	}
	return result;
}

Result run_suspects()
{
	batch::BatchResult batch = suspects::run_some();

	pgstat_report_stat(false);
	if (batch.error != nullptr && !batch.isolated)
		return {ExtensionState::ready, Recovery::failed, batch.error};
	if (batch.extension_state == ExtensionState::ready)
		worker_report::count_batch(batch);
	return {batch.extension_state, Recovery::in_progress, nullptr};
}

// Note that the crash has been handled. If any timer may have caused it, run the first one marked RUNNING before. That one is then found
// even where no note can be written.
Result settle()
{
	bool is_sure = suspects::are_all_known();
	Result result = {ExtensionState::ready, is_sure ? Recovery::complete : Recovery::unsure, nullptr};

	if (!is_sure)
		(void) run({DT_NOBEGIN, true});
	skip_list.count = 0;
	result.error = crash_recovery::note_clean_run();
	if (result.error != nullptr)
		return result;
	suspects::finish();
	crash_recovery::release_crash();
	handles_crash = false;
	crash_is_settled = true;
	return result;
}

} // namespace

SingleResult run_single(TimestampTz since)
{
	return run({since, false});
}

Result step()
{
	if (!handles_crash)
		return begin();
	return suspects::are_left() ? run_suspects() : settle();
}

} // namespace worker_recovery
