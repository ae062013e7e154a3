// Runs after a batch has failed as a whole, for the worker and for run_due_timers(). Each part claims its timers
// inside its own subtransaction, so that a part that is rolled back leaves no lock and no multixact. A timer that
// fails alone has a failed attempt. An error that says nothing about the timer leaves it unchanged.
#include "timer/isolate.hpp"

#include "timer/apply.hpp"
#include "pg/session_guard.hpp"
#include "pg/xact.hpp"

namespace isolate {

namespace {

constexpr int parts = 4;
constexpr int max_server_problems = 32; // enough to isolate some timers whose triggers raise such an error

void run_part(Isolation *isolation, const pg_uuid_t *ids, int count);

// Remember the error. A cancel request of a client ends its statement.
void note_error(Isolation *isolation, ErrorData *error)
{
	if (isolation->for_client && xact::is_cancel(error))
		ReThrowError(error);
	isolation->last_error = error;
}

// Return whether the error is a problem of the server, so that smaller parts would fail too. The server may be out of
// memory, disk or connections, or the process may be cancelled. The trigger of one timer may raise such an error as
// well, so it must come many times.
bool is_server_problem(Isolation *isolation, const ErrorData *error)
{
	if (!xact::is_cancel(error) && ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_TO_CATEGORY(ERRCODE_INSUFFICIENT_RESOURCES))
		return false;
	return ++isolation->server_problems > max_server_problems;
}

// Record a failed attempt of the timer. If that fails too, the timer is tried again soon.
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

// Split timers that have failed together, or record the failure of one that has failed alone. Give up if splitting
// cannot help.
void split_or_record(Isolation *isolation, const pg_uuid_t *ids, int count, const ErrorData *error)
{
	bool transient = xact::is_transient(error);

	if (count == 1 && !transient)
	{
		record_failure(isolation, ids, error);
		return;
	}
	if (count == 1 || is_server_problem(isolation, error) || pg::stopwatch() >= isolation->give_up_at)
	{
		isolation->unattempted += count;
		return;
	}
	int size = (count + parts - 1) / parts;
	for (int start = 0; start < count; start += size)
		run_part(isolation, ids + start, least(size, count - start));
}

// Fire deferred triggers and roll them back, so that an error at the commit is found in the part that causes it. They
// fire again at the commit. A client's transaction is left out, because the client may have deferred triggers of its
// own.
void test_deferred_triggers(Isolation *isolation)
{
	if (isolation->for_client)
		return;
	ErrorData *error = xact::run_and_rollback([&] { session_guard::fire_deferred(isolation->schema); });
	if (error != nullptr)
		ReThrowError(error);
}

// Claim and apply a part in a subtransaction. If it fails, split it further.
void run_part(Isolation *isolation, const pg_uuid_t *ids, int count)
{
	MemoryContext result_cxt = CurrentMemoryContext;
	claim::Claim claimed = {};
	apply::ApplyResult applied = {DT_NOEND, 0};

	CHECK_FOR_INTERRUPTS();
	ErrorData *error = xact::run_subxact([&] {
		ArrayType *only = spi_query::uuid_array(ids, count);

		claimed = claim::lock_due(isolation->schema, isolation->as_of, DT_NOBEGIN, count, only, result_cxt);
		if (claimed.count == 0)
			return;
		applied = apply::run(isolation->schema, &claimed, isolation->as_of, false);
		test_deferred_triggers(isolation);
	});
	if (error != nullptr)
	{
		note_error(isolation, error);
		split_or_record(isolation, ids, count, error);
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
	split_or_record(isolation, ids, claimed.count, error);
}

} // namespace isolate
