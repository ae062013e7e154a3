// A claim skips locked rows, so a timer whose rows are never free for long is passed over by every claim. This waits for one such timer
// in one transaction: it locks the timer's row, then the campaign's, claims the timer again and applies it as a batch of one.
//
// The waits are shorter than deadlock_timeout, so no deadlock costs a user's transaction. Transactions that share a row leave it never
// without a holder. For these a session lock of the table keeps new ones out for a moment. A transaction of its own takes that lock.
// One with another lock of the table could make a user's ALTER TABLE a deadlock at once.
#include "timer/blocked_timer.hpp"

#include "guc.hpp"
#include "pg/xact.hpp"
#include "row/row_wait.hpp"
#include "row/row_writer.hpp"
#include "timer/apply.hpp"
#include "timer/batch_note.hpp"
#include "timer/busy_tables.hpp"
#include "timer/claim.hpp"
#include "timer/isolate.hpp"

namespace blocked_timer {

namespace {

constexpr int max_candidates = 64;

// The earliest timers that are due and not behind another one of their campaign, locked or not. runs_alone is true also for a timer that
// has lost its worker.
constexpr spi_query::Query candidates_query = {
	R"(SELECT q.id, q.tid, q.campaign_tid, q.runs_alone, q.scheduled_at
		FROM (
			(SELECT r.id, r.tid, r.campaign_tid, r.scheduled_at,
				r.timer_type::pg_catalog.text OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT h.timer_type::pg_catalog.text FROM ONLY @extschema@.campaign_timer_handlers AS h)) AS runs_alone
			FROM @extschema@._runnable_timers AS r
			WHERE r.status::pg_catalog.text OPERATOR(pg_catalog.=) ANY (ARRAY['PENDING', 'PENDING'])
				AND r.scheduled_at OPERATOR(pg_catalog.>=) $1 AND r.scheduled_at OPERATOR(pg_catalog.<=) $2
			ORDER BY r.status, r.scheduled_at
			LIMIT $3)
			UNION ALL
			(SELECT r.id, r.tid, r.campaign_tid, r.scheduled_at,
				r.timer_type::pg_catalog.text OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT h.timer_type::pg_catalog.text FROM ONLY @extschema@.campaign_timer_handlers AS h))
				OR EXISTS (
					SELECT FROM ONLY @extschema@.timer_executions AS x
					WHERE x.timer_id OPERATOR(pg_catalog.=) r.id AND (x.status::pg_catalog.text OPERATOR(pg_catalog.=) 'FAILED') IS TRUE
						AND x.result::pg_catalog.jsonb OPERATOR(pg_catalog.?) 'worker_lost'
					OFFSET 0)
			FROM @extschema@._runnable_timers AS r
			WHERE r.status::pg_catalog.text OPERATOR(pg_catalog.=) 'FAILED' AND r.retry_count OPERATOR(pg_catalog.<) @attempt_limit@
				AND r.retry_count OPERATOR(pg_catalog.<) $4
				AND r.scheduled_at OPERATOR(pg_catalog.>=) $1 AND r.scheduled_at OPERATOR(pg_catalog.<=) $2
			ORDER BY r.scheduled_at, r.retry_count
			LIMIT $3)) AS q
		ORDER BY q.scheduled_at)",
	4,
	{TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, INT4OID},
	true};

struct Candidate
{
	pg_uuid_t timer;
	busy_tables::Rows rows;
	bool runs_alone;
	TimestampTz scheduled_at;
};

// Timers whose rows one transaction has held for longer than a wait. Such a timer is left out while that transaction lasts.
struct LongHold
{
	pg_uuid_t timer;
	TransactionId holder;
};
LongHold long_holds[max_candidates];
int next_long_hold = 0;

// The timer that was last waited for without success. The next wait begins behind it, unless a table is to be locked for it.
pg_uuid_t last_tried;

// Where the next search begins, because long transactions hold all timers before.
TimestampTz look_from = DT_NOBEGIN;

// One wait, as far as it has come. It outlives the transaction, which a lock timeout ends.
struct Attempt
{
	row_wait::Wait wait;
	Candidate candidate;
	bool tries;
	row_wait::Outcome outcome;
	claim::Claim claimed;
};

bool is_long(TransactionId holder)
{
	for (const LongHold &hold : long_holds)
		if (hold.holder == holder)
			return true;
	return false;
}

bool is_same(const pg_uuid_t &a, const pg_uuid_t &b)
{
	return memcmp(&a, &b, UUID_LEN) == 0;
}

bool is_left_out(const pg_uuid_t &timer)
{
	for (const LongHold &hold : long_holds)
		if (TransactionIdIsValid(hold.holder) && is_same(hold.timer, timer))
			return true;
	return false;
}

// Forget the transactions that have ended.
void forget_ended()
{
	for (LongHold &hold : long_holds)
		if (TransactionIdIsValid(hold.holder) && !TransactionIdIsInProgress(hold.holder))
			hold.holder = InvalidTransactionId;
}

void note_long_hold(const pg_uuid_t &timer, TransactionId holder)
{
	long_holds[next_long_hold] = {timer, holder};
	next_long_hold = (next_long_hold + 1) % max_candidates;
}

ItemPointerData tid_at(int row, int column)
{
	return *reinterpret_cast<ItemPointer>(DatumGetPointer(spi_query::value_at(row, column)));
}

Candidate *find_candidates(spi_query::Schema *schema, const Request &request, TimestampTz as_of, int *count)
{
	Datum arguments[] = {TimestampTzGetDatum(greatest(request.from, look_from)), TimestampTzGetDatum(as_of),
						 Int32GetDatum(max_candidates), Int32GetDatum(guc::max_attempts)};

	spi_query::run(schema, candidates_query, arguments);
	int room = static_cast<int>(SPI_processed);
	Candidate *candidates = static_cast<Candidate *>(palloc(sizeof(Candidate) * greatest(room, 1)));
	*count = 0;
	for (int i = 0; i < room; i++)
	{
		Datum timer = spi_query::value_at(i, 1);

		// A row without a key cannot be told from another one.
		if (timer != 0)
			candidates[(*count)++] = {*DatumGetUUIDP(timer),
									  {{tid_at(i, 2), tid_at(i, 3)}, InvalidOid},
									  DatumGetBool(spi_query::value_at(i, 4)),
									  DatumGetTimestampTz(spi_query::value_at(i, 5))};
	}
	SPI_freetuptable(SPI_tuptable);
	return candidates;
}

// Return the index of the candidate to begin with.
int first_of(const Candidate *candidates, int count)
{
	for (int i = 0; i < count; i++)
		if (is_same(candidates[i].timer, last_tried))
			return busy_tables::is_any_locked() ? i : i + 1;
	return 0;
}

// Lock the rows of one of the candidates. A timer that is held for long leaves the turn to the next one.
row_wait::Outcome lock_one(spi_query::Schema *schema, Attempt *attempt, const Candidate *candidates, int count)
{
	row_wait::Outcome outcome = row_wait::Outcome::gone;
	int first = first_of(candidates, count);

	for (int i = 0; i < count; i++)
	{
		const Candidate &candidate = candidates[(first + i) % count];

		if (is_left_out(candidate.timer))
		{
			outcome = row_wait::Outcome::held;
			continue;
		}
		attempt->candidate = candidate;
		attempt->tries = true;
		outcome = busy_tables::lock_rows(schema->oid, &attempt->candidate.rows, &attempt->wait);
		attempt->tries = false;
		if (outcome != row_wait::Outcome::held)
			break;
		note_long_hold(candidate.timer, attempt->wait.holder);
	}
	bool goes_on = outcome == row_wait::Outcome::held && count >= max_candidates;
	look_from = goes_on ? candidates[count - 1].scheduled_at + 1 : DT_NOBEGIN;
	return outcome;
}

// Find a blocked timer, lock its rows and claim it.
void claim_blocked(spi_query::Schema *schema, const Request &request, Result *result, Attempt *attempt, MemoryContext result_cxt)
{
	int64 start = pg::stopwatch();
	int level = NewGUCNestLevel();
	int count;

	row_wait::set_lock_timeout(request.limit_us);
	Candidate *candidates = find_candidates(schema, request, result->as_of, &count);
	result->search_us = pg::stopwatch() - start;
	attempt->outcome = lock_one(schema, attempt, candidates, count);
	AtEOXact_GUC(false, level);
	// A timer that runs alone locks its rows a second time, after a commit.
	if (attempt->outcome != row_wait::Outcome::locked || !attempt->candidate.runs_alone)
		busy_tables::unlock();
	if (attempt->outcome != row_wait::Outcome::locked)
		return;
	// The wait is over, and the timer is late by it.
	result->as_of = greatest(result->as_of, GetCurrentTimestamp());
	ArrayType *only = spi_query::uuid_array(&attempt->candidate.timer, 1);
	attempt->claimed = claim::lock_due(schema, result->as_of, DT_NOBEGIN, 1, only, result_cxt);
}

// Run the body in a transaction as the owner of the tables, if timers may run.
template <typename F> ErrorData *in_transaction(Result *result, F body)
{
	return xact::run([&] {
		extension::ExtensionInfo ext;
		bool ready = extension::begin_as_owner(&ext);

		result->extension_state = ext.extension_state;
		if (!ready)
			return;
		row_writer::check_no_forced_rls(ext.schema->oid);
		body(ext.schema);
	});
}

// Record the failed attempt of a timer that was claimed, or leave it as it is after a transient error.
ErrorData *record_failure(Result *result, const Attempt &attempt)
{
	return in_transaction(result, [&](spi_query::Schema *schema) {
		isolate::Isolation isolation = isolate::begin(schema, result->as_of);

		isolate::run(&isolation, attempt.claimed, result->error);
		result->failed = isolation.failed;
	});
}

// Note why the wait has failed. The next one reads it.
Outcome outcome_of_wait(const Attempt &attempt)
{
	using Row = row_wait::Outcome;

	bool lost_again = attempt.outcome == Row::lost && is_same(attempt.candidate.timer, last_tried);

	if (attempt.outcome == Row::shared || lost_again)
		busy_tables::want(attempt.candidate.rows.table);
	else if (attempt.outcome != Row::unwanted && attempt.outcome != Row::lost)
		busy_tables::forget();
	switch (attempt.outcome)
	{
		case Row::locked:
			return attempt.claimed.count > 0 ? Outcome::executed : Outcome::none;
		case Row::gone:
			return Outcome::none;
		case Row::held:
			return Outcome::held;
		case Row::shared:
		case Row::lost:
		case Row::unwanted:
			break;
	}
	last_tried = attempt.candidate.timer;
	return Outcome::busy;
}

// Turn a lock timeout while a row was waited for into an outcome.
void end_in_timeout(Result *result, Attempt *attempt)
{
	attempt->outcome = row_wait::after_timeout(attempt->wait);
	if (attempt->outcome == row_wait::Outcome::held)
	{
		note_long_hold(attempt->candidate.timer, attempt->wait.holder);
		last_tried = attempt->candidate.timer;
	}
	result->error = nullptr;
}

void end_in_error(Result *result, const Attempt &attempt)
{
	last_tried = attempt.candidate.timer;
	result->outcome = Outcome::failed;
	result->succeeded = 0;
	single_timer::release_session_lock();
	if (attempt.claimed.count == 0 || xact::is_transient(result->error))
		return;
	ErrorData *error = record_failure(result, attempt);
	if (error != nullptr)
		result->error = error;
	else if (result->failed > 0)
		result->outcome = Outcome::executed;
}

// Apply the timer, or mark it RUNNING if it runs alone.
void apply_claimed(spi_query::Schema *schema, Result *result, Attempt *attempt)
{
	if (attempt->claimed.count == 0)
		return;
	if (attempt->candidate.runs_alone)
	{
		single_timer::mark(schema, attempt->candidate.timer, result->as_of);
		return;
	}
	batch_note::note_batch(attempt->claimed);
	apply::ApplyResult applied = apply::run(schema, &attempt->claimed, result->as_of, false);
	result->succeeded = attempt->claimed.count - applied.postponed;
	result->follow_up = applied.follow_up;
}

// Run the timer that was marked.
void run_alone(Result *result, const Attempt &attempt)
{
	using single_timer::SingleOutcome;

	result->single = single_timer::run_marked(attempt.candidate.timer, result->as_of, nullptr);
	result->follow_up = result->single.follow_up;
	// An early timer has another time now.
	if (result->single.outcome == SingleOutcome::postponed && result->single.error != nullptr)
		result->outcome = Outcome::busy;
}

} // namespace

const char *name_of(Outcome outcome)
{
	constexpr const char *names[] = {"none", "executed", "busy", "held", "failed"};

	return names[static_cast<int>(outcome)];
}

Result run(const Request &request)
{
	MemoryContext result_cxt = CurrentMemoryContext;
	Attempt attempt = {};
	Result result = {};

	result.as_of = GetCurrentTimestamp();
	result.follow_up = DT_NOEND;
	attempt.wait.is_long = is_long;
	attempt.wait.is_wanted = request.is_wanted;
	attempt.outcome = row_wait::Outcome::gone;
	forget_ended();
	busy_tables::lock(request.limit_us);
	attempt.wait.end = pg::stopwatch() + request.limit_us;
	result.error = in_transaction(&result, [&](spi_query::Schema *schema) {
		claim_blocked(schema, request, &result, &attempt, result_cxt);
		apply_claimed(schema, &result, &attempt);
	});
	if (result.error != nullptr && result.error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE && attempt.tries)
		end_in_timeout(&result, &attempt);
	if (result.error != nullptr)
		end_in_error(&result, attempt);
	else
		result.outcome = outcome_of_wait(attempt);
	if (result.outcome == Outcome::executed && attempt.candidate.runs_alone)
		run_alone(&result, attempt);
	busy_tables::unlock();
	result.tried = !is_same(attempt.candidate.timer, pg_uuid_t{});
	return result;
}

} // namespace blocked_timer
