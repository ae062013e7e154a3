// Comes after the first try of a batch, which has failed as a whole. Each part
// claims its timers itself, inside its own subtransaction, so that what is rolled
// back leaves no lock and no multixact. A timer that fails alone becomes a failed
// attempt of its own; an error that says nothing about the timer leaves it as it
// is. Used by the worker and by run_due_timers().
#include "timer/isolate.hpp"

#include "timer/apply.hpp"
#include "pg/session_guard.hpp"
#include "pg/xact.hpp"
#include "timer/splitting.hpp"

namespace isolate {

namespace {

void note_error(Isolation *isolation, ErrorData *error)
{
	if (isolation->for_client && xact::is_cancel(error))
		ReThrowError(error);
	isolation->last_error = error;
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

ErrorData *run_part(Isolation *isolation, const pg_uuid_t *ids, int count)
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
		return error;
	}
	isolation->succeeded += claimed.count - applied.postponed;
	isolation->postponed += applied.postponed;
	isolation->follow_up = least(isolation->follow_up, applied.follow_up);
	return nullptr;
}

// The timers of the batch, for splitting.
struct Parts
{
	Isolation *isolation;
	const pg_uuid_t *ids;

	ErrorData *try_part(int first, int count) { return run_part(isolation, ids + first, count); }
	void record_failure(int first, const ErrorData *error) { isolate::record_failure(isolation, ids + first, error); }
	void leave(int count) { isolation->unattempted += count; }
	bool is_transient(const ErrorData *error) const { return xact::is_transient(error); }
	int count_hopeless() { return ++isolation->hopeless; }
	bool is_out_of_time() const { return pg::stopwatch() >= isolation->give_up_at; }

	// Out of memory, disk or connections, or cancelled.
	bool is_hopeless(const ErrorData *error) const
	{
		return xact::is_cancel(error) ||
			   ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_TO_CATEGORY(ERRCODE_INSUFFICIENT_RESOURCES);
	}
};

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
	Parts parts = {isolation, ids};
	splitting::settle(&parts, 0, claimed.count, error);
}

} // namespace isolate
