// Runs a timer that may take long or crash the server. A first transaction marks it RUNNING and takes a session lock,
// which tells other sessions whether the process lives. A second one changes the state and calls the handler. A third
// one records an error.
#include "timer/single_timer.hpp"

#include "extension.hpp"
#include "guc.hpp"
#include "pg/xact.hpp"
#include "row/row_writer.hpp"
#include "timer/apply.hpp"
#include "timer/batch_note.hpp"
#include "timer/busy_tables.hpp"
#include "timer/claim.hpp"
#include "timer/handler_call.hpp"

namespace single_timer {

namespace {

constexpr uint16 lock_kind = 3; // SQL's advisory locks have 1 and 2

constexpr spi_query::Query single_timer_due_query = {R"(SELECT EXISTS (SELECT FROM ONLY @extschema@.campaign_timer_handlers AS h)
			OR EXISTS (
				SELECT FROM ONLY @extschema@.campaign_timers AS t
				WHERE t.status::pg_catalog.text OPERATOR(pg_catalog.=) 'FAILED' AND t.retry_count OPERATOR(pg_catalog.<) @attempt_limit@
					AND t.retry_count OPERATOR(pg_catalog.<) $3
					AND t.scheduled_at OPERATOR(pg_catalog.>=) $1 AND t.scheduled_at OPERATOR(pg_catalog.<=) $2
					AND EXISTS (
						SELECT FROM ONLY @extschema@.timer_executions AS x
						WHERE x.timer_id OPERATOR(pg_catalog.=) t.id AND (x.status::pg_catalog.text OPERATOR(pg_catalog.=) 'FAILED') IS TRUE
							AND x.result::pg_catalog.jsonb OPERATOR(pg_catalog.?) 'worker_lost'
						OFFSET 0)))",
													 3,
													 {TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID},
													 true};

constexpr spi_query::Query claim_query = {R"(SELECT campaign_lifecycle_internal._claim_single_timer($1, $2, $3, $4))",
										  4,
										  {TIMESTAMPTZOID, TIMESTAMPTZOID, BOOLOID, UUIDARRAYOID}};

constexpr spi_query::Query mark_query = {
	R"(WITH marked AS (
			UPDATE ONLY @extschema@.campaign_timers AS t SET status = 'RUNNING' WHERE t.id OPERATOR(pg_catalog.=) $1
			RETURNING t.id)
		INSERT INTO @extschema@.timer_executions (id, timer_id, status, started_at)
		SELECT campaign_lifecycle_internal._uuid_v7(), m.id, 'STARTED', $2 FROM marked AS m)",
	2,
	{UUIDOID, TIMESTAMPTZOID}};

constexpr spi_query::Query rows_query = {R"(SELECT t.ctid, c.ctid
		FROM ONLY @extschema@.campaign_timers AS t
		JOIN ONLY @extschema@.campaigns AS c ON c.id OPERATOR(pg_catalog.=) t.campaign_id
		WHERE t.id OPERATOR(pg_catalog.=) $1)",
										 1,
										 {UUIDOID},
										 true};

constexpr spi_query::Query lock_query = {
	R"(SELECT l.id, l.tid, l.campaign_id, l.campaign_tid, l.timer_type, l.state, l.scheduled_at, l.by_policy, l.retried
		FROM campaign_lifecycle_internal._lock_single_timer($1, $2) AS l)",
	2,
	{UUIDOID, BOOLOID}};

constexpr spi_query::Query fail_query = {
	R"(SELECT campaign_lifecycle_internal._fail_single_timer($1, $2, $3, $4))", 4, {UUIDOID, TIMESTAMPTZOID, TEXTOID, TEXTOID}};

constexpr spi_query::Query release_query = {R"(SELECT campaign_lifecycle_internal._release_single_timer($1))", 1, {UUIDOID}};

// Return the tag of the timer's advisory lock, which no function of SQL can take.
LOCKTAG lock_of(const pg_uuid_t *timer)
{
	LOCKTAG tag;
	uint64 hash = DatumGetUInt64(hash_any_extended(timer->data, UUID_LEN, 0));

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, static_cast<uint32>(hash >> 32), static_cast<uint32>(hash), lock_kind);
	return tag;
}

// Take the session lock of a timer that is marked RUNNING. Raise an error if another process has it.
void take_session_lock(const pg_uuid_t *timer)
{
	LOCKTAG tag = lock_of(timer);

	if (LockAcquire(&tag, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		ereport(ERROR, errcode(ERRCODE_LOCK_NOT_AVAILABLE), errmsg("timer is already being run by another process"));
}

// Lock the timer and its campaign. marked: whether it is marked RUNNING. Return no timer if it is gone or has another
// status.
claim::Claim lock_timer(spi_query::Schema *schema, const pg_uuid_t *timer, bool marked, MemoryContext result_cxt)
{
	Datum arguments[] = {UUIDPGetDatum(timer), BoolGetDatum(marked)};
	claim::Claim claimed = {nullptr, 0, DT_NOBEGIN};

	spi_query::run(schema, lock_query, arguments);
	claim::add_rows(&claimed, result_cxt);
	return claimed;
}

// Lock a timer that must run alone. Return false if there is none.
bool claim_timer(spi_query::Schema *schema, TimestampTz as_of, const SingleRequest &request, const SkipList &skip_list,
				 pg_uuid_t *timer)
{
	Datum arguments[] = {TimestampTzGetDatum(as_of), TimestampTzGetDatum(request.scan_from), BoolGetDatum(request.everything),
						 PointerGetDatum(spi_query::uuid_array(skip_list.timers, skip_list.count))};

	spi_query::run(schema, claim_query, arguments);
	return spi_query::first_uuid(1, timer);
}

// Lock the rows of a timer if short transactions lock them again and again. lock_timer() waits for the others.
void lock_busy_rows(spi_query::Schema *schema, const pg_uuid_t *timer)
{
	Datum arguments[] = {UUIDPGetDatum(timer)};
	busy_tables::Rows rows;

	spi_query::run(schema, rows_query, arguments);
	if (SPI_processed == 0)
		return;
	for (int i = 0; i < busy_tables::count; i++)
		rows.tids[i] = *reinterpret_cast<ItemPointer>(DatumGetPointer(spi_query::value_at(0, i + 1)));
	SPI_freetuptable(SPI_tuptable);
	row_wait::Wait wait = {};
	wait.end = pg::stopwatch() + static_cast<int64>(LockTimeout) * 1000;
	int level = NewGUCNestLevel();
	(void) busy_tables::lock_rows(schema->oid, &rows, &wait);
	AtEOXact_GUC(false, level);
}

// Change the campaign's state and call the handler. A timer that is early is postponed instead.
apply::ApplyResult run_attempt(spi_query::Schema *schema, const pg_uuid_t *timer, TimestampTz as_of, bool marked)
{
	if (marked)
		lock_busy_rows(schema, timer);
	claim::Claim claimed = lock_timer(schema, timer, marked, CurrentMemoryContext);

	busy_tables::unlock();
	if (claimed.count == 0)
		return {DT_NOEND, 0};
	apply::ApplyResult applied = apply::run(schema, &claimed, as_of, marked);
	handler_call::run(schema, timer, as_of, marked);
	return applied;
}

// Return whether the error is a failure of the timer. The handler's timeout is one; any other cancel request is not.
bool is_failure(ErrorData *error, bool timed_out)
{
	if (!timed_out || error->sqlerrcode != ERRCODE_QUERY_CANCELED)
		return !xact::is_transient(error);
	error->message = handler_call::timeout_message();
	return true;
}

// Drop prepared statements, sequence caches and session locks, which a handler may have left in the worker. The lock
// of the timer is among them.
void clean_session()
{
	DropAllPreparedStatements();
	ResetSequenceCaches();
	LockReleaseSession(USER_LOCKMETHOD);
}

// Record the failed attempt of a timer that is marked RUNNING, or postpone the timer. If this raises an error, the
// timer stays RUNNING until crash_recovery::recover_lost() finds it.
ErrorData *record_end(const pg_uuid_t *timer, const ErrorData *cause, bool is_failure)
{
	return xact::run([&] {
		extension::ExtensionInfo ext;

		if (!extension::begin_as_owner(&ext, true))
			return;
		if (is_failure)
		{
			Datum arguments[] = {UUIDPGetDatum(timer), TimestampTzGetDatum(GetCurrentTimestamp()),
								 CStringGetTextDatum(unpack_sql_state(cause->sqlerrcode)),
								 CStringGetTextDatum(cause->message != nullptr ? cause->message : "")};

			spi_query::run(ext.schema, fail_query, arguments);
		}
		else
		{
			Datum arguments[] = {UUIDPGetDatum(timer)};

			spi_query::run(ext.schema, release_query, arguments);
		}
	});
}

// Add the timer to the list if there is room.
void skip(SkipList *skip_list, const pg_uuid_t &timer)
{
	if (skip_list->count < SkipList::max)
		skip_list->timers[skip_list->count++] = timer;
}

// Claim a timer and mark it RUNNING in a transaction of its own. Return an error or nullptr. *found tells whether there was a timer.
ErrorData *mark_timer(const SingleRequest &request, const SkipList &skip_list, TimestampTz as_of, pg_uuid_t *timer, bool *found)
{
	*found = false;
	ErrorData *error = xact::run([&] {
		extension::ExtensionInfo ext;

		if (!extension::begin_as_owner(&ext))
			return;
		row_writer::check_no_forced_rls(ext.schema->oid);
		*found = claim_timer(ext.schema, as_of, request, skip_list, timer);
		if (*found)
			mark(ext.schema, *timer, as_of);
	});
	if (error != nullptr || !*found)
		LockReleaseSession(USER_LOCKMETHOD);
	return error;
}

// Record the failed attempt of a timer that could not be marked RUNNING, because a trigger refused that. Otherwise such a timer
// would be the next one again and again.
void fail_unmarked(SingleResult *result, const pg_uuid_t &timer, TimestampTz as_of, SkipList *skip_list)
{
	if (xact::is_transient(result->error))
		return;
	ErrorData *error = xact::run([&] {
		extension::ExtensionInfo ext;

		if (extension::begin_as_owner(&ext))
			apply::fail_timer(ext.schema, &timer, as_of, result->error);
	});
	result->outcome = error == nullptr ? SingleOutcome::failed : SingleOutcome::postponed;
	skip(skip_list, timer);
}

} // namespace

bool is_due(spi_query::Schema *schema, TimestampTz as_of, TimestampTz scan_from)
{
	bool is_null;
	Datum arguments[] = {TimestampTzGetDatum(scan_from), TimestampTzGetDatum(as_of), Int32GetDatum(guc::max_attempts)};

	spi_query::run(schema, single_timer_due_query, arguments);
	Datum due = spi_query::first_value(1, &is_null);
	return !is_null && DatumGetBool(due);
}

SingleResult run(const SingleRequest &request, SkipList *skip_list)
{
	SingleResult result = {SingleOutcome::none, DT_NOEND, nullptr};
	TimestampTz as_of = GetCurrentTimestamp();
	pg_uuid_t timer = {};
	bool found;

	handler_call::reset_timeout();
	result.error = mark_timer(request, *skip_list, as_of, &timer, &found);
	if (result.error != nullptr && found)
		fail_unmarked(&result, timer, as_of, skip_list);
	if (result.error != nullptr || !found)
		return result;
	return run_marked(timer, as_of, skip_list);
}

SingleResult run_marked(const pg_uuid_t &timer, TimestampTz as_of, SkipList *skip_list)
{
	SingleResult result = {SingleOutcome::none, DT_NOEND, nullptr};
	apply::ApplyResult applied = {DT_NOEND, 0};

	result.error = xact::run([&] {
		extension::ExtensionInfo ext;

		// A timer that is marked RUNNING is finished even if timers have been paused meanwhile.
		if (!extension::begin_as_owner(&ext, true))
			ereport(ERROR, errcode(ERRCODE_LOCK_NOT_AVAILABLE), errmsg("the extension is being changed"));
		applied = run_attempt(ext.schema, &timer, as_of, true);
	});
	result.outcome = applied.postponed > 0 ? SingleOutcome::postponed : SingleOutcome::succeeded;
	result.follow_up = applied.follow_up;
	if (result.error != nullptr)
	{
		bool failed = is_failure(result.error, handler_call::end_timeout());
		ErrorData *error = record_end(&timer, result.error, failed);

		result.outcome = failed && error == nullptr ? SingleOutcome::failed : SingleOutcome::postponed;
		result.follow_up = DT_NOEND;
		if (error != nullptr)
			result.error = error;
		// Not an early timer, which is postponed without an error and has another time now.
		if (result.outcome == SingleOutcome::postponed && skip_list != nullptr)
			skip(skip_list, timer);
	}
	clean_session();
	return result;
}

void mark(spi_query::Schema *schema, const pg_uuid_t &timer, TimestampTz as_of)
{
	pg_uuid_t id = timer;
	Datum arguments[] = {UUIDPGetDatum(&id), TimestampTzGetDatum(as_of)};

	handler_call::reset_timeout();
	spi_query::run(schema, mark_query, arguments);
	if (SPI_processed == 0)
		ereport(ERROR, errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
				errmsg("timer could not be set to RUNNING because of a trigger"),
				errhint("Look for a BEFORE trigger on campaign_timers or timer_executions that returns NULL."));
	take_session_lock(&timer);
}

void release_session_lock()
{
	LockReleaseSession(USER_LOCKMETHOD);
}

SingleResult run_for_client(spi_query::Schema *schema, TimestampTz as_of, TimestampTz scan_from, SkipList *skip_list)
{
	SingleResult result = {SingleOutcome::none, DT_NOEND, nullptr};
	pg_uuid_t timer = {};

	bool claimed = false;

	handler_call::reset_timeout();
	// The claim belongs to the subtransaction. A lock that outlives a rolled back update would leave a multixact with an aborted updater.
	apply::ApplyResult applied = {DT_NOEND, 0};
	result.error = xact::run_subxact([&] {
		claimed = claim_timer(schema, as_of, {scan_from, false}, *skip_list, &timer);
		if (!claimed)
			return;
		batch_note::note_alone(timer);
		applied = run_attempt(schema, &timer, as_of, false);
	});
	batch_note::end_alone();
	if (result.error == nullptr)
	{
		result.follow_up = applied.follow_up;
		if (claimed)
			result.outcome = applied.postponed > 0 ? SingleOutcome::postponed : SingleOutcome::succeeded;
		return result;
	}
	if (!claimed)
		ReThrowError(result.error);
	bool timed_out = handler_call::end_timeout();
	if (xact::is_cancel(result.error) && !timed_out)
		ReThrowError(result.error);
	result.outcome = SingleOutcome::postponed;
	result.follow_up = DT_NOEND;
	if (!is_failure(result.error, timed_out))
	{
		skip(skip_list, timer);
		return result;
	}
	ErrorData *error = xact::run_subxact([&] { apply::fail_timer(schema, &timer, as_of, result.error); });
	if (error == nullptr)
		result.outcome = SingleOutcome::failed;
	return result;
}

} // namespace single_timer

// Return whether the process that has marked the timer RUNNING lives.
SQL_FUNCTION(_is_marked_by_process)
{
	pg_uuid_t *timer = PG_GETARG_UUID_P(0);
	LOCKTAG tag = single_timer::lock_of(timer);

	if (LockAcquire(&tag, ShareLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
		PG_RETURN_BOOL(true);
	LockRelease(&tag, ShareLock, false);
	PG_RETURN_BOOL(false);
}
