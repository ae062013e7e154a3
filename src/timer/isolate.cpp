// Runs after a batch has failed as a whole, both for the worker and for run_due_timers(). Each part claims its timers
// inside its own subtransaction, so that a part that is rolled back leaves no lock and no multixact. A timer that fails
// alone has a failed attempt. An error that says nothing about the timer leaves it unchanged.
#include "timer/isolate.hpp"

#include "pg/session_guard.hpp"
#include "pg/xact.hpp"
#include "timer/apply.hpp"
#include "timer/batch_note.hpp"
#include "timer/splitting.hpp"

namespace isolate {

namespace {

// Remember the error. A cancel request of a client ends its statement.
void note_error(Isolation *isolation, ErrorData *error)
{
	if (isolation->for_client && xact::is_cancel(error))
		ReThrowError(error);
	isolation->last_error = error;
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

// Claim and apply a part in a subtransaction. Return its error or nullptr.
ErrorData *run_part(Isolation *isolation, const pg_uuid_t *ids, int count)
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
		return error;
	}
	// A server that executes timers does not lack what others may have asked for.
	if (claimed.count > 0)
		isolation->server_problems = 0;
	isolation->succeeded += claimed.count - applied.postponed;
	isolation->postponed += applied.postponed;
	isolation->follow_up = least(isolation->follow_up, applied.follow_up);
	return nullptr;
}

// The timers of the batch as splitting.hpp needs them.
struct Parts
{
	Isolation *isolation;
	const pg_uuid_t *ids;

	ErrorData *try_part(int first, int count) { return run_part(isolation, ids + first, count); }
	void record_failure(int first, const ErrorData *error) { isolate::record_failure(isolation, ids + first, error); }
	void leave_unattempted(int count) { isolation->unattempted += count; }
	bool is_transient(const ErrorData *error) const { return xact::is_transient(error); }
	int count_server_problem() { return ++isolation->server_problems; }
	bool is_out_of_time() const { return pg::stopwatch() >= isolation->give_up_at; }

	bool is_server_problem(const ErrorData *error) const { return xact::is_server_problem(error); }
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
	// The number of isolations that have left timers. Each begins elsewhere. Otherwise timers that always raise an
	// error of the server, and are left first, would keep the same others from their turn.
	static uint32 turns = 0;
	pg_uuid_t *ids = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t) * claimed.count));
	int start = static_cast<int>((static_cast<uint64>(turns) * (static_cast<uint64>(claimed.count) * 5 / 8 + 1)) % claimed.count);

	for (int i = 0; i < claimed.count; i++)
		ids[i] = claimed.timers[(start + i) % claimed.count].id;
	note_error(isolation, error);
	// The note has ended with the transaction that failed. A client's transaction goes on.
	if (!isolation->for_client)
		batch_note::note_batch(claimed);
	Parts parts = {isolation, ids};
	splitting::split_or_record(&parts, 0, claimed.count, error);
	if (isolation->unattempted > 0)
		turns++;
}

void run_alone(Isolation *isolation, const pg_uuid_t &timer)
{
	Parts parts = {isolation, &timer};
	const ErrorData *error = parts.try_part(0, 1);

	if (error != nullptr)
		splitting::split_or_record(&parts, 0, 1, error);
}

} // namespace isolate
