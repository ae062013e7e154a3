// After a crash of the server, the timers that were due then run one by one. So a timer that caused the crash is found. A timer that is
// neither executed nor a failed attempt is passed over until no other is left. So the timers behind it have their turn.
#include "worker/worker_recovery.hpp"

#include "timer/crash_recovery.hpp"
#include "timer/single_timer.hpp"
#include "worker/worker_report.hpp"

namespace worker_recovery {

using extension::ExtensionState;
using worker_schedule::Recovery;
using worker_schedule::Single;

namespace {

single_timer::SkipList skip_list;    // timers that were passed over
TimestampTz crash_due_by = DT_NOEND; // while timers due at a crash run one by one: when it was noticed
bool crash_is_settled = false;       // no timer that was due at a crash waits for that

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
	bool crashed = false;

	if (result.error != nullptr || !remains.is_ready || crash_is_settled)
		return result;
	result.error = crash_recovery::check_for_crash(&crashed);
	if (result.error != nullptr)
		return result;
	crash_is_settled = !crashed;
	if (crashed)
	{
		// Timers that become due from now on have nothing to do with the crash.
		crash_due_by = GetCurrentTimestamp();
		result.outcome = Recovery::in_progress;
	}
	return result;
}

Result go_on()
{
	SingleResult single = run({crash_due_by, DT_NOBEGIN, true});
	Result result = {ExtensionState::ready, Recovery::in_progress, nullptr};

	if (single.outcome == Single::tried)
		return result;
	crash_due_by = DT_NOEND;
	// That error is logged already.
	result.outcome = single.error != nullptr ? Recovery::failed : Recovery::complete;
	if (single.error != nullptr)
		return result;
	result.error = crash_recovery::note_clean_run();
	crash_is_settled = result.error == nullptr;
	return result;
}

} // namespace

SingleResult run_single(TimestampTz since)
{
	return run({DT_NOEND, since, false});
}

Result step()
{
	return crash_due_by == DT_NOEND ? begin() : go_on();
}

} // namespace worker_recovery
