// Runs a batch as a set in one transaction, with no subtransaction in it. If it fails, a second transaction isolates
// the timers that fail. A worker must have called wakeup::enter_busy() before, so that timers committed after the
// snapshot here are reported to it. The transaction acts as the owner of the tables from the claim through the
// commit.
#include "timer/batch.hpp"

#include "pg/xact.hpp"
#include "row/row_writer.hpp"
#include "timer/apply.hpp"
#include "timer/batch_note.hpp"
#include "timer/claim.hpp"
#include "timer/isolate.hpp"
#include "timer/single_timer.hpp"

namespace batch {

namespace {

// Isolation that waits for one lock after the other must not keep a transaction open for long.
constexpr int64 max_isolation_us = 2 * USECS_PER_SEC;

// Run the body as the owner of the tables, in a subtransaction for a client and in a transaction otherwise. It is not
// run if timers may not run.
template <typename F> ErrorData *in_bracket(const BatchRequest &request, BatchResult *result, F body)
{
	if (request.client_schema != nullptr)
		return xact::run_subxact([&] { body(request.client_schema); });
	return xact::run([&] {
		extension::ExtensionInfo ext;
		bool ready = extension::begin_as_owner(&ext);

		result->extension_state = ext.extension_state;
		if (ready)
			body(ext.schema);
	});
}

// Find the earliest timers that are due but blocked, and due later.
void find_next_due(spi_query::Schema *schema, const BatchRequest &request, BatchResult *result)
{
	int64 start = pg::stopwatch();
	TimestampTz due = claim::next_due(schema, request.pass_start);

	if (due <= result->as_of)
	{
		result->earliest_blocked = due;
		due = claim::next_due(schema, result->as_of + 1);
	}
	result->next_due = due;
	result->search_us += pg::stopwatch() - start;
	request.hooks->on_next_due_read();
}

// Find the next due timer, and whether a timer must run alone. After a full batch the next due timer is left out,
// because another batch follows and searches for it.
void find_remaining_work(spi_query::Schema *schema, const BatchRequest &request, BatchResult *result)
{
	if (!result->full)
		find_next_due(schema, request, result);
	result->single_due = single_timer::is_due(schema, result->as_of, request.pass_start);
}

// Return whether the search comes after the commit, so that executed timers do not wait for it.
bool searches_after_commit(const BatchResult &result)
{
	return result.claimed > 0 && !result.full;
}

// Report a full batch to other workers, so that their claims begin after it.
void share_backlog(const BatchRequest &request, const BatchResult &result)
{
	if (request.hooks != nullptr && result.full)
		request.hooks->on_full_batch(request.scan_from, result.claimed_to);
}

// Search for the next timers in the same transaction, unless that can wait until after the commit.
void after_apply(spi_query::Schema *schema, const BatchRequest &request, BatchResult *result)
{
	if (request.hooks == nullptr)
		return;
	if (searches_after_commit(*result))
		request.hooks->on_next_due_read();
	else
		find_remaining_work(schema, request, result);
	if (result->full)
		result->claimed_to = request.hooks->skip_claimed(result->claimed_to);
}

// Claim and apply. The claim is allocated in result_cxt, because a failure ends the transaction that made it.
ErrorData *run_as_set(const BatchRequest &request, BatchResult *result, MemoryContext result_cxt, claim::Claim *claimed)
{
	return in_bracket(request, result, [&](spi_query::Schema *schema) {
		row_writer::check_no_forced_rls(schema->oid);
		int64 start = pg::stopwatch();
		*claimed = claim::lock_due(schema, result->as_of, request.scan_from, request.limit, nullptr, result_cxt);
		result->search_us = pg::stopwatch() - start;
		result->claimed = claimed->count;
		result->full = claimed->count >= request.limit;
		result->claimed_to = claimed->claimed_to;
		share_backlog(request, *result);
		batch_note::note_batch(*claimed);
		apply::ApplyResult applied = apply::run(schema, claimed, result->as_of, false);
		after_apply(schema, request, result);
		result->claimed_to = least(result->claimed_to, applied.follow_up);
		result->postponed = applied.postponed;
		result->succeeded = claimed->count - applied.postponed;
	});
}

// Search for the next timers in a transaction of its own. After an error the worker runs the next batch at once,
// which raises the error itself.
void find_remaining_work_after_commit(const BatchRequest &request, BatchResult *result)
{
	result->next_due = DT_NOBEGIN;
	BatchResult found = *result;
	ErrorData *error = in_bracket(request, &found, [&](spi_query::Schema *schema) {
		find_remaining_work(schema, request, &found);
		*result = found;
	});
	(void) error;
}

// Isolate the timers of a failed batch that fail.
ErrorData *run_isolated(const BatchRequest &request, BatchResult *result, const claim::Claim &claimed, ErrorData *cause)
{
	MemoryContext result_cxt = CurrentMemoryContext;

	return in_bracket(request, result, [&](spi_query::Schema *schema) {
		isolate::Isolation isolation = isolate::begin(schema, result->as_of);

		isolation.for_client = request.client_schema != nullptr;
		if (!isolation.for_client)
			isolation.give_up_at = pg::stopwatch() + max_isolation_us;
		isolate::run(&isolation, claimed, cause);
		if (request.hooks != nullptr)
			find_remaining_work(schema, request, result);
		result->claimed_to = least(result->claimed_to, isolation.follow_up);
		result->succeeded = isolation.succeeded;
		result->failed = isolation.failed;
		result->postponed = isolation.postponed;
		result->unattempted = isolation.unattempted;
		result->isolated = true;
		result->error = xact::copy_error(isolation.last_error, result_cxt);
	});
}

} // namespace

BatchResult run(const BatchRequest &request)
{
	BatchResult result = {};
	claim::Claim claimed = {};

	result.as_of = request.client_schema != nullptr ? request.as_of : GetCurrentTimestamp();
	result.claimed_to = request.scan_from;
	result.earliest_blocked = DT_NOEND;
	result.next_due = DT_NOEND;
	result.error = run_as_set(request, &result, CurrentMemoryContext, &claimed);
	if (result.error == nullptr)
	{
		if (request.hooks != nullptr && searches_after_commit(result))
			find_remaining_work_after_commit(request, &result);
		return result;
	}
	result.succeeded = 0;
	result.postponed = 0;
	if (claimed.count == 0 || (xact::is_transient(result.error) && !request.isolate_transient))
		return result;
	ErrorData *error = run_isolated(request, &result, claimed, result.error);
	if (error != nullptr)
	{
		result.isolated = false;
		result.succeeded = 0;
		result.failed = 0;
		result.error = error;
	}
	return result;
}

} // namespace batch
