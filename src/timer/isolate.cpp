// Comes after the first try of a batch, which has failed as a whole. Each part
// claims its timers itself, inside its own subtransaction, so that what is rolled
// back leaves no lock and no multixact. A timer that fails alone becomes a failed
// attempt of its own; an error that says nothing about the timer leaves it as it
// is. Used by the worker and by run_due_timers().
#include "timer/isolate.hpp"

#include "timer/apply.hpp"
#include "pg/xact.hpp"

namespace isolate {

namespace {

constexpr int parts = 4;
constexpr int max_hopeless = 32; // enough to find some timers that raise such an error by themselves

void run_part(Work *work, const pg_uuid_t *ids, int count);

void note_error(Work *work, ErrorData *error)
{
	if (work->for_client && xact::is_cancel(error))
		ReThrowError(error);
	work->last_error = error;
}

// Out of memory, disk or connections, or cancelled: smaller parts would fail the
// same way. Unless it is a trigger of one timer's that raises it, so it has to
// come again and again before it is believed.
bool is_hopeless(Work *work, const ErrorData *error)
{
	if (!xact::is_cancel(error) && ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_TO_CATEGORY(ERRCODE_INSUFFICIENT_RESOURCES))
		return false;
	return ++work->hopeless > max_hopeless;
}

void record_failure(Work *work, const pg_uuid_t *id, const ErrorData *cause)
{
	ErrorData *error = xact::run_subxact([&] { statements::fail(work->plans, id, work->as_of, cause); });

	if (error == nullptr)
	{
		work->failed++;
		return;
	}
	note_error(work, error);
	work->left++;
}

// What to do about timers that have failed together, or one alone.
void settle(Work *work, const pg_uuid_t *ids, int count, const ErrorData *error)
{
	bool transient = xact::is_transient(error);

	if (count == 1 && !transient)
	{
		record_failure(work, ids, error);
		return;
	}
	if (count == 1 || is_hopeless(work, error) || pg::stopwatch() >= work->give_up_at)
	{
		work->left += count;
		return;
	}
	int size = (count + parts - 1) / parts;
	for (int start = 0; start < count; start += size)
		run_part(work, ids + start, least(size, count - start));
}

// What users have deferred to the commit fires here once for the part alone, so
// that an error is known for its part's, and is undone: at the commit it fires
// again. (A client's own commit is its own: it may have deferred more than we.)
void rehearse_commit(Work *work)
{
	if (work->for_client)
		return;
	ErrorData *error = xact::run_and_rollback([&] { statements::fire_deferred(work->plans); });
	if (error != nullptr)
		ReThrowError(error);
}

void run_part(Work *work, const pg_uuid_t *ids, int count)
{
	MemoryContext keep = CurrentMemoryContext;
	statements::Claim claimed = {};
	apply::Outcome outcome = {DT_NOEND, 0};

	CHECK_FOR_INTERRUPTS();
	ErrorData *error = xact::run_subxact([&] {
		ArrayType *only = statements::uuid_array(ids, count);

		claimed = statements::claim(work->plans, work->as_of, DT_NOBEGIN, count, only, keep);
		if (claimed.count == 0)
			return;
		outcome = apply::run(work->plans, &claimed, work->as_of, false);
		rehearse_commit(work);
	});
	if (error != nullptr)
	{
		note_error(work, error);
		settle(work, ids, count, error);
		return;
	}
	work->succeeded += claimed.count - outcome.postponed;
	work->postponed += outcome.postponed;
	work->follow_up = least(work->follow_up, outcome.follow_up);
}

} // namespace

Work begin(statements::Plans *plans, TimestampTz as_of)
{
	Work work = {};

	work.plans = plans;
	work.as_of = as_of;
	work.give_up_at = PG_INT64_MAX;
	work.follow_up = DT_NOEND;
	return work;
}

void run(Work *work, const statements::Claim &claimed, ErrorData *error)
{
	pg_uuid_t *ids = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t) * claimed.count));

	for (int i = 0; i < claimed.count; i++)
		ids[i] = claimed.timers[i].id;
	note_error(work, error);
	settle(work, ids, claimed.count, error);
}

} // namespace isolate
