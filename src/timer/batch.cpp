// The way of a batch: claimed, applied as a set and committed with nothing to
// undo a part of it; if it fails, a second transaction takes it apart. Assumes
// that the worker's slot says "looking", so that what is committed after the
// snapshot here lowers the worker's mark. Acts as the owner of the tables from
// the claim through the commit.
#include "timer/batch.hpp"

#include "timer/apply.hpp"
#include "pg/xact.hpp"
#include "timer/isolate.hpp"
#include "worker/worker_slot.hpp"
#include "row/row_writer.hpp"
#include "timer/statements.hpp"
#include "worker/wakeup.hpp"

namespace batch {

namespace {

// Parts that run into locks one by one must not keep a transaction open for long.
constexpr int64 max_time_apart = 2 * USECS_PER_SEC;

void find_next_due(statements::Plans *plans, const Order &order, Result *result)
{
	int64 watch = pg::stopwatch();
	TimestampTz due = statements::next_due(plans, order.floor);

	if (due <= result->as_of)
	{
		result->stuck = due;
		due = statements::next_due(plans, result->as_of + 1);
	}
	result->next_due = due;
	result->look_us += pg::stopwatch() - watch;
	wakeup::note_next_due_read();
}

// What the worker has to know of the timers that are left. While there are more to
// claim, it need not know when the next ones are due.
void find_remaining_work(statements::Plans *plans, const Order &order, Result *result)
{
	if (!result->full)
		find_next_due(plans, order, result);
	result->marked = statements::has_marked_way(plans) && statements::single_timer_due(plans, result->as_of, order.floor);
}

// No timer that has been executed waits for its commit until that is known.
bool searches_after_commit(const Result &result)
{
	return result.claimed > 0 && !result.full;
}

// Becomes the tables' owner if timers may fire.
extension::ExtensionInfo arrive(Result *result)
{
	extension::ExtensionInfo ext = extension::open_nowait();

	result->extension_state = ext.extension_state;
	if (ext.extension_state == extension::ExtensionState::ready)
		xact::set_user_until_xact_end(ext.owner);
	return ext;
}

// The claim goes into `keep`, for a failure ends the transaction that made it.
ErrorData *run_as_set(const Order &order, Result *result, MemoryContext keep, statements::Claim *claimed)
{
	return xact::run([&] {
		extension::ExtensionInfo ext = arrive(result);

		if (ext.extension_state != extension::ExtensionState::ready)
			return;
		row_writer::check_no_forced_rls(statements::schema_of(ext.plans));
		int64 watch = pg::stopwatch();
		*claimed = statements::claim(ext.plans, result->as_of, order.since, order.most, nullptr, keep);
		result->look_us = pg::stopwatch() - watch;
		result->claimed = claimed->count;
		result->full = claimed->count >= order.most;
		result->done_to = claimed->claimed_to;
		if (result->full)
		{
			wakeup::publish_claimed_range(worker_slot::mine(), order.since, claimed->claimed_to);
			wakeup::wake_idle_worker(worker_slot::mine(), claimed->claimed_to);
		}
		TimestampTz follow_up = apply::run(ext.plans, claimed, result->as_of, false).follow_up;
		if (searches_after_commit(*result))
			wakeup::note_next_due_read();
		else
			find_remaining_work(ext.plans, order, result);
		if (result->full)
			result->done_to = wakeup::skip_claimed_ranges(worker_slot::mine(), result->done_to);
		result->done_to = least(result->done_to, follow_up);
		result->succeeded = claimed->count;
	});
}

// If it raises, there is another turn at once, which then finds it out as its own failure.
void find_remaining_work_after_commit(const Order &order, Result *result)
{
	result->next_due = DT_NOBEGIN;
	(void) xact::run([&] {
		Result found = *result;
		extension::ExtensionInfo ext = arrive(&found);

		if (ext.extension_state != extension::ExtensionState::ready)
			return;
		find_remaining_work(ext.plans, order, &found);
		*result = found;
	});
}

ErrorData *run_isolated(const Order &order, Result *result, const statements::Claim &claimed, ErrorData *cause)
{
	MemoryContext keep = CurrentMemoryContext;

	return xact::run([&] {
		extension::ExtensionInfo ext = arrive(result);

		if (ext.extension_state != extension::ExtensionState::ready)
			return;
		isolate::Work work = isolate::begin(ext.plans, result->as_of);
		work.give_up_at = pg::stopwatch() + max_time_apart;
		isolate::run(&work, claimed, cause);
		find_remaining_work(ext.plans, order, result);
		result->done_to = least(result->done_to, work.follow_up);
		result->succeeded = work.succeeded;
		result->failed = work.failed;
		result->left = work.left;
		result->apart = true;
		result->error = xact::copy_error(work.last_error, keep);
	});
}

} // namespace

Result run(const Order &order)
{
	Result result = {};
	statements::Claim claimed = {};

	result.as_of = GetCurrentTimestamp();
	result.done_to = order.since;
	result.stuck = DT_NOEND;
	result.next_due = DT_NOEND;
	result.error = run_as_set(order, &result, CurrentMemoryContext, &claimed);
	if (result.error == nullptr)
	{
		if (searches_after_commit(result))
			find_remaining_work_after_commit(order, &result);
		return result;
	}
	result.succeeded = 0;
	if (claimed.count == 0 || (xact::is_transient(result.error) && !order.isolate_anything))
		return result;
	ErrorData *cause = result.error;
	ErrorData *error = run_isolated(order, &result, claimed, cause);
	if (error != nullptr)
	{
		result.apart = false;
		result.succeeded = 0;
		result.failed = 0;
		result.error = error;
	}
	return result;
}

} // namespace batch
