// The way of a batch: claimed, applied as a set and committed with nothing to
// undo a part of it; if it fails, a second transaction takes it apart. Assumes
// that the worker's station says "looking", so that what is committed after the
// snapshot here lowers the worker's mark. Acts as the owner of the tables from
// the claim through the commit.
#include "turn.hpp"

#include "apply.hpp"
#include "bracket.hpp"
#include "isolate.hpp"
#include "post.hpp"
#include "rows.hpp"
#include "statements.hpp"
#include "wake.hpp"

namespace turn {

namespace {

// Parts that run into locks one by one must not keep a transaction open for long.
constexpr int64 most_time_apart = 2 * USECS_PER_SEC;

void look_ahead(statements::Plans *plans, const Order &order, Result *result)
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
	wake::note_look_ahead();
}

// What the worker has to know of the timers that are left. While there are more to
// claim, it need not know when the next ones are due.
void look_around(statements::Plans *plans, const Order &order, Result *result)
{
	if (!result->full)
		look_ahead(plans, order, result);
	result->marked = statements::has_marked_way(plans) && statements::marked_due(plans, result->as_of, order.floor);
}

// No timer that has been executed waits for its commit until that is known.
bool looks_after_commit(const Result &result)
{
	return result.claimed > 0 && !result.full;
}

// Becomes the tables' owner if timers may fire.
extension::Site arrive(Result *result)
{
	extension::Site site = extension::enter();

	result->presence = site.presence;
	if (site.presence == extension::Presence::ready)
		bracket::become(site.owner);
	return site;
}

// The claim goes into `keep`, for a failure ends the transaction that made it.
ErrorData *try_whole(const Order &order, Result *result, MemoryContext keep, statements::Claim *claimed)
{
	return bracket::in_transaction([&] {
		extension::Site site = arrive(result);

		if (site.presence != extension::Presence::ready)
			return;
		rows::refuse_policies(statements::schema_of(site.plans));
		int64 watch = pg::stopwatch();
		*claimed = statements::claim(site.plans, result->as_of, order.since, order.most, nullptr, keep);
		result->look_us = pg::stopwatch() - watch;
		result->claimed = claimed->count;
		result->full = claimed->count >= order.most;
		result->done_to = claimed->claimed_to;
		if (result->full)
		{
			wake::publish_claim(post::station(), order.since, claimed->claimed_to);
			wake::rouse_sibling(post::station(), claimed->claimed_to);
		}
		TimestampTz follow_up = apply::run(site.plans, claimed, result->as_of, false).follow_up;
		if (looks_after_commit(*result))
			wake::note_look_ahead();
		else
			look_around(site.plans, order, result);
		if (result->full)
			result->done_to = wake::skip_claimed(post::station(), result->done_to);
		result->done_to = Min(result->done_to, follow_up);
		result->succeeded = claimed->count;
	});
}

// If it raises, there is another turn at once, which then finds it out as its own failure.
void look_after_commit(const Order &order, Result *result)
{
	result->next_due = DT_NOBEGIN;
	(void) bracket::in_transaction([&] {
		Result found = *result;
		extension::Site site = arrive(&found);

		if (site.presence != extension::Presence::ready)
			return;
		look_around(site.plans, order, &found);
		*result = found;
	});
}

ErrorData *take_apart(const Order &order, Result *result, const statements::Claim &claimed, ErrorData *cause)
{
	MemoryContext keep = CurrentMemoryContext;

	return bracket::in_transaction([&] {
		extension::Site site = arrive(result);

		if (site.presence != extension::Presence::ready)
			return;
		isolate::Work work = isolate::begin(site.plans, result->as_of);
		work.give_up_at = pg::stopwatch() + most_time_apart;
		isolate::run(&work, claimed, cause);
		look_around(site.plans, order, result);
		result->done_to = Min(result->done_to, work.follow_up);
		result->succeeded = work.succeeded;
		result->failed = work.failed;
		result->left = work.left;
		result->apart = true;
		result->error = bracket::copy_error(work.last_error, keep);
	});
}

} // namespace

Result take(const Order &order)
{
	Result result = {};
	statements::Claim claimed = {};

	result.as_of = GetCurrentTimestamp();
	result.done_to = order.since;
	result.stuck = DT_NOEND;
	result.next_due = DT_NOEND;
	result.error = try_whole(order, &result, CurrentMemoryContext, &claimed);
	if (result.error == nullptr)
	{
		if (looks_after_commit(result))
			look_after_commit(order, &result);
		return result;
	}
	result.succeeded = 0;
	if (claimed.count == 0 || (bracket::is_transient(result.error) && !order.isolate_anything))
		return result;
	ErrorData *cause = result.error;
	ErrorData *error = take_apart(order, &result, claimed, cause);
	if (error != nullptr)
	{
		result.apart = false;
		result.succeeded = 0;
		result.failed = 0;
		result.error = error;
	}
	return result;
}

} // namespace turn
