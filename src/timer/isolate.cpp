// Comes after the first try of a batch, which has failed as a whole. Each part
// claims its timers itself, inside its own subtransaction, so that what is rolled
// back leaves no lock and no multixact. A timer that fails alone becomes a failed
// attempt of its own; an error that says nothing about the timer leaves it as it
// is. Used by the worker and by run_due_timers().
#include "timer/isolate.hpp"

#include "timer/apply.hpp"
#include "pg/session_guard.hpp"
#include "pg/xact.hpp"

namespace isolate {

namespace {

constexpr int parts = 4;
constexpr int max_hopeless = 32; // enough to find some timers that raise such an error by themselves

void run_part(Isolation *isolation, const pg_uuid_t *ids, int count);

void note_error(Isolation *isolation, ErrorData *error)
{
	if (isolation->for_client && xact::is_cancel(error))
		ReThrowError(error);
	isolation->last_error = error;
}

// Out of memory, disk or connections, or cancelled: smaller parts would fail the
// same way. Unless it is a trigger of one timer's that raises it, so it has to
// come again and again before it is believed.
bool is_hopeless(Isolation *isolation, const ErrorData *error)
{
	if (!xact::is_cancel(error) && ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_TO_CATEGORY(ERRCODE_INSUFFICIENT_RESOURCES))
		return false;
	return ++isolation->hopeless > max_hopeless;
}

void record_failure(Isolation *isolation, const pg_uuid_t *id, const ErrorData *cause)
{
	ErrorData *error = xact::run_subxact([&] { apply::fail_timer(isolation->schema, id, isolation->as_of, cause); });

	if (error == nullptr)
	{
		isolation->failed++;
		return;
	}
	note_error(isolation, error);
	isolation->unattempted++;
}

// What to do about timers that have failed together, or one alone.
void settle(Isolation *isolation, const pg_uuid_t *ids, int count, const ErrorData *error)
{
	bool transient = xact::is_transient(error);

	if (count == 1 && !transient)
	{
		record_failure(isolation, ids, error);
		return;
	}
	if (count == 1 || is_hopeless(isolation, error) || pg::stopwatch() >= isolation->give_up_at)
	{
		isolation->unattempted += count;
		return;
	}
	int size = (count + parts - 1) / parts;
	for (int start = 0; start < count; start += size)
		run_part(isolation, ids + start, least(size, count - start));
}

// What users have deferred to the commit fires here once for the part alone, so
// that an error is known for its part's, and is undone: at the commit it fires
// again. (A client's own commit is its own: it may have deferred more than we.)
void rehearse_commit(Isolation *isolation)
{
	if (isolation->for_client)
		return;
	ErrorData *error = xact::run_and_rollback([&] { session_guard::fire_deferred(isolation->schema); });
	if (error != nullptr)
		ReThrowError(error);
}

void run_part(Isolation *isolation, const pg_uuid_t *ids, int count)
{
	MemoryContext keep = CurrentMemoryContext;
	claim::Claim claimed = {};
	apply::ApplyResult applied = {DT_NOEND, 0};

	CHECK_FOR_INTERRUPTS();
	ErrorData *error = xact::run_subxact([&] {
		ArrayType *only = spi_query::uuid_array(ids, count);

		claimed = claim::lock_due(isolation->schema, isolation->as_of, DT_NOBEGIN, count, only, keep);
		if (claimed.count == 0)
			return;
		applied = apply::run(isolation->schema, &claimed, isolation->as_of, false);
		rehearse_commit(isolation);
	});
	if (error != nullptr)
	{
		note_error(isolation, error);
		settle(isolation, ids, count, error);
		return;
	}
	isolation->succeeded += claimed.count - applied.postponed;
	isolation->postponed += applied.postponed;
	isolation->follow_up = least(isolation->follow_up, applied.follow_up);
}

} // namespace

Isolation begin(spi_query::Schema *schema, TimestampTz as_of)
{
	Isolation isolation = {};

	isolation.schema = schema;
	isolation.as_of = as_of;
	isolation.give_up_at = PG_INT64_MAX;
	isolation.follow_up = DT_NOEND;
	return isolation;
}

void run(Isolation *isolation, const claim::Claim &claimed, ErrorData *error)
{
	pg_uuid_t *ids = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t) * claimed.count));

	for (int i = 0; i < claimed.count; i++)
		ids[i] = claimed.timers[i].id;
	note_error(isolation, error);
	settle(isolation, ids, claimed.count, error);
}

} // namespace isolate
