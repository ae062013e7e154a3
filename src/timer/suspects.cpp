// Each suspect runs alone, and the note says which one is at work. If the server crashes again, the note therefore names the timer that has
// caused it. Nothing is marked in the table, so many suspects share a commit. Where one of them raises an error, each has a subtransaction.
#include "timer/suspects.hpp"

#include "pg/xact.hpp"
#include "row/row_writer.hpp"
#include "timer/apply.hpp"
#include "timer/batch_note.hpp"
#include "timer/isolate.hpp"
#include "timer/left_notes.hpp"

namespace suspects {

namespace {

constexpr int most_tries = 3; // of a transaction that fails

// A second call for the same note records nothing.
constexpr spi_query::Query fail_query = {
	R"(SELECT campaign_lifecycle_internal._fail_timer($1, $2, '57P02', 'the worker was lost while it ran this timer', true)
		WHERE NOT EXISTS (
			SELECT FROM ONLY @extschema@.timer_executions AS x
			WHERE x.timer_id OPERATOR(pg_catalog.=) $1 AND (x.status::pg_catalog.text OPERATOR(pg_catalog.=) 'FAILED') IS TRUE
				AND x.started_at OPERATOR(pg_catalog.>=) $3
			OFFSET 0))",
	3,
	{UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID}};

// Leave out timers that batches leave out as well, because single_timer.cpp runs them.
constexpr spi_query::Query waiting_query = {R"(SELECT t.id
		FROM ONLY @extschema@.campaign_timers AS t
		WHERE t.id OPERATOR(pg_catalog.=) ANY ($1) AND t.scheduled_at OPERATOR(pg_catalog.<=) $2
			AND t.status::pg_catalog.text OPERATOR(pg_catalog.=) ANY (ARRAY['PENDING', 'FAILED'])
			AND t.timer_type::pg_catalog.text OPERATOR(pg_catalog.<>) ALL (ARRAY(SELECT h.timer_type::pg_catalog.text FROM ONLY @extschema@.campaign_timer_handlers AS h))
			AND NOT EXISTS (
				SELECT FROM ONLY @extschema@.timer_executions AS x
				WHERE x.timer_id OPERATOR(pg_catalog.=) t.id AND (x.status::pg_catalog.text OPERATOR(pg_catalog.=) 'FAILED') IS TRUE
					AND x.result::pg_catalog.jsonb OPERATOR(pg_catalog.?) 'worker_lost'
				OFFSET 0))",
											2,
											{UUIDARRAYOID, TIMESTAMPTZOID},
											true};

// The suspects of this process. They live in a memory context of their own.
struct State
{
	MemoryContext cxt;
	left_notes::Found found;
	int next;  // those before have been run
	int tries; // of this part; from the second one on with subtransactions
};
State state;

// Record a failed attempt of each timer that ran alone. Return how many were recorded.
int fail_guilty(spi_query::Schema *schema, TimestampTz as_of)
{
	int failed = 0;

	for (int i = 0; i < state.found.guilty_count; i++)
	{
		left_notes::Guilty *guilty = &state.found.guilty[i];
		Datum arguments[] = {UUIDPGetDatum(&guilty->timer), TimestampTzGetDatum(as_of), TimestampTzGetDatum(guilty->noted_at)};

		spi_query::run(schema, fail_query, arguments);
		failed += static_cast<int>(SPI_processed);
	}
	return failed;
}

ErrorData *fail_guilty_in_xact()
{
	return xact::run([&] {
		extension::ExtensionInfo ext;

		// Timers may have been paused since recover_lost(). An attempt is recorded even so.
		if (!extension::begin_as_owner(&ext, true))
			ereport(ERROR, errcode(ERRCODE_LOCK_NOT_AVAILABLE), errmsg("the extension is being changed"));
		(void) fail_guilty(ext.schema, GetCurrentTimestamp());
	});
}

void read_notes()
{
	finish();
	state.cxt = AllocSetContextCreate(TopMemoryContext, "campaign_lifecycle suspects", ALLOCSET_DEFAULT_SIZES);
	MemoryContext oldcontext = MemoryContextSwitchTo(state.cxt);
	state.found = left_notes::find();
	MemoryContextSwitchTo(oldcontext);
}

// Note the suspects as our own. Without that note a crash would find no timer guilty, so batches begin small then.
void note_own(bool for_client)
{
	if (state.found.suspect_count == 0 || batch_note::note_suspects(state.found.suspects, state.found.suspect_count, for_client))
		return;
	state.found.suspect_count = 0;
	state.found.summary.not_believed++;
}

// Return whether the timer is among the rows of SPI's result.
bool is_in_result(const pg_uuid_t &timer)
{
	for (uint64 i = 0; i < SPI_processed; i++)
		if (memcmp(DatumGetUUIDP(spi_query::value_at(static_cast<int>(i), 1)), &timer, UUID_LEN) == 0)
			return true;
	return false;
}

// Set runs[i] to whether timer i waits and would be run in a batch.
void find_waiting(spi_query::Schema *schema, const pg_uuid_t *timers, int count, TimestampTz as_of, bool *runs)
{
	Datum arguments[] = {PointerGetDatum(spi_query::uuid_array(timers, count)), TimestampTzGetDatum(as_of)};

	spi_query::run(schema, waiting_query, arguments);
	for (int i = 0; i < count; i++)
		runs[i] = is_in_result(timers[i]);
	SPI_freetuptable(SPI_tuptable);
}

// Return how many suspects run in the next transaction.
int next_count()
{
	return least(note_format::together(state.found.summary), state.found.suspect_count - state.next);
}

// Note that one of the suspects of this part is at work.
void note_suspect(const pg_uuid_t &timer)
{
	for (int i = 0; i < next_count(); i++)
		if (memcmp(&state.found.suspects[state.next + i], &timer, UUID_LEN) == 0)
		{
			batch_note::note_at_work(state.next + i, 1);
			return;
		}
}

// Run those of the suspects that wait, without subtransactions. An error ends the transaction.
void run_plainly(isolate::Isolation *isolation, const pg_uuid_t *timers, int count, const bool *runs)
{
	pg_uuid_t *ids = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t) * count));
	int waiting = 0;

	for (int i = 0; i < count; i++)
		if (runs[i])
			ids[waiting++] = timers[i];
	if (waiting == 0)
		return;
	claim::Claim claimed = claim::lock_due(isolation->schema, isolation->as_of, DT_NOBEGIN, waiting,
										   spi_query::uuid_array(ids, waiting), CurrentMemoryContext);
	apply::ApplyResult applied = apply::run_each(isolation->schema, claimed, isolation->as_of, note_suspect);
	isolation->succeeded = claimed.count - applied.postponed;
}

// Run each of these suspects. The whole part is at work until the commit, because deferred triggers fire then.
void run_part(isolate::Isolation *isolation, const pg_uuid_t *timers, int count, bool plainly)
{
	bool runs[note_format::most_together];

	find_waiting(isolation->schema, timers, count, isolation->as_of, runs);
	if (plainly)
		run_plainly(isolation, timers, count, runs);
	for (int i = 0; i < count && !plainly; i++)
	{
		if (!runs[i])
			continue;
		batch_note::note_at_work(state.next + i, 1);
		isolate::run_alone(isolation, timers[i]);
	}
	batch_note::note_at_work(state.next, count);
}

void copy_result(const isolate::Isolation &isolation, batch::BatchResult *result, MemoryContext result_cxt)
{
	result->succeeded = isolation.succeeded;
	result->failed = isolation.failed;
	result->unattempted = isolation.unattempted;
	result->claimed = isolation.succeeded + isolation.failed + isolation.unattempted;
	result->isolated = true;
	if (isolation.last_error != nullptr)
		result->error = xact::copy_error(isolation.last_error, result_cxt);
}

} // namespace

ErrorData *collect()
{
	read_notes();
	ErrorData *error = state.found.guilty_count > 0 ? fail_guilty_in_xact() : nullptr;
	if (error != nullptr)
	{
		finish();
		return error;
	}
	note_own(false);
	left_notes::discard();
	return nullptr;
}

int collect_for_client(spi_query::Schema *schema, TimestampTz as_of)
{
	read_notes();
	int failed = fail_guilty(schema, as_of);
	note_own(true);
	return failed;
}

bool are_left()
{
	return state.next < state.found.suspect_count;
}

bool are_all_known()
{
	return note_format::is_complete(state.found.summary);
}

batch::BatchResult run_some()
{
	MemoryContext result_cxt = CurrentMemoryContext;
	batch::BatchResult result = {};
	int count = next_count();

	result.as_of = GetCurrentTimestamp();
	ErrorData *error = xact::run([&] {
		extension::ExtensionInfo ext;
		bool ready = extension::begin_as_owner(&ext);

		result.extension_state = ext.extension_state;
		if (!ready)
			return;
		row_writer::check_no_forced_rls(ext.schema->oid);
		isolate::Isolation isolation = isolate::begin(ext.schema, result.as_of);
		run_part(&isolation, state.found.suspects + state.next, count, state.tries == 0);
		copy_result(isolation, &result, result_cxt);
	});
	if (error != nullptr)
	{
		extension::ExtensionState extension_state = result.extension_state;

		result = {};
		result.extension_state = extension_state;
		// The first try has no subtransactions, so any error of one timer ends it.
		result.error = state.tries > 0 ? error : nullptr;
		state.tries++;
	}
	// None of a part that fails again and again has crashed the server, so it is left to batches.
	if (result.isolated || state.tries >= most_tries)
	{
		state.next += count;
		state.tries = 0;
	}
	return result;
}

batch::BatchResult run_some_for_client(spi_query::Schema *schema, TimestampTz as_of, int limit)
{
	batch::BatchResult result = {};
	int count = least(next_count(), limit);
	isolate::Isolation isolation = isolate::begin(schema, as_of);

	isolation.for_client = true;
	run_part(&isolation, state.found.suspects + state.next, count, false);
	copy_result(isolation, &result, CurrentMemoryContext);
	state.next += count;
	return result;
}

void finish()
{
	batch_note::forget_suspects();
	if (state.cxt != nullptr)
		MemoryContextDelete(state.cxt);
	state = {};
}

} // namespace suspects
