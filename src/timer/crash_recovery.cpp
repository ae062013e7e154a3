// Runs before the worker's first batch. A timer that was RUNNING in a lost process has had a failed attempt. The
// unlogged table campaign_clean_run tells whether the server has crashed, because crash recovery empties it. Which
// timers may have caused the crash is in the notes, and suspects.cpp runs these.
#include "timer/crash_recovery.hpp"

#include "pg/compat.hpp"
#include "pg/xact.hpp"
#include "timer/left_notes.hpp"

namespace crash_recovery {

namespace {

constexpr uint16 lock_kind = 4; // SQL's advisory locks have 1 and 2, those of timers 3

constexpr spi_query::Query recover_lost_query = {R"(SELECT campaign_lifecycle_internal._recover_lost($1))", 1, {TIMESTAMPTZOID}};

// Open campaign_clean_run. Return nullptr if it is missing or has other columns. It is read and written without SQL,
// because a trigger on it must not run with the privileges of a superuser.
Relation open_clean_run(LOCKMODE mode)
{
	Oid table = extension::bookkeeping_table("campaign_clean_run");
	Relation relation = OidIsValid(table) ? try_relation_open(table, mode) : nullptr;

	if (relation == nullptr)
		return nullptr;
	TupleDesc columns = RelationGetDescr(relation);
	if (relation->rd_rel->relkind == RELKIND_RELATION && columns->natts == 1 &&
		TupleDescAttr(columns, 0)->atttypid == TIMESTAMPTZOID && !relation->rd_rel->relhasindex)
		return relation;
	relation_close(relation, mode);
	return nullptr;
}

bool has_row(Relation relation)
{
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = pg::begin_table_scan(relation, snapshot);
	bool found = heap_getnext(scan, ForwardScanDirection) != nullptr;

	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	return found;
}

// The session lock of the process that handles a crash. Its end releases it.
LOCKTAG crash_lock()
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, 0, lock_kind);
	return tag;
}

// Return whether a crash waits to be handled. resume_timers() writes the row, so after a pause the notes alone tell.
bool is_unhandled(Relation clean_run, bool reads_notes)
{
	return !has_row(clean_run) || (reads_notes && left_notes::has_timers());
}

// Find out whether the server has crashed, and try to take the lock. session: for longer than the transaction.
Crash look_for_crash(bool session, bool *locked)
{
	LOCKTAG tag = crash_lock();
	Relation relation = open_clean_run(AccessShareLock);
	Crash crash = Crash::none;

	*locked = false;
	if (relation == nullptr)
		return crash;
	if (is_unhandled(relation, session))
	{
		*locked = LockAcquire(&tag, ExclusiveLock, session, true) != LOCKACQUIRE_NOT_AVAIL;
		// The process that had the lock before may have handled it.
		if (!*locked)
			crash = Crash::elsewhere;
		else if (is_unhandled(relation, session))
			crash = Crash::ours;
	}
	relation_close(relation, AccessShareLock);
	return crash;
}

// Write the row that says that the server has not crashed since.
void write_row()
{
	Relation relation = open_clean_run(RowExclusiveLock);

	if (relation == nullptr)
		return;
	if (!has_row(relation))
	{
		Datum now = TimestampTzGetDatum(GetCurrentTimestamp());
		bool is_null = false;

		simple_heap_insert(relation, heap_form_tuple(RelationGetDescr(relation), &now, &is_null));
	}
	relation_close(relation, RowExclusiveLock);
}

} // namespace

RecoveryResult recover_lost()
{
	RecoveryResult result = {};

	result.error = xact::run([&] {
		extension::ExtensionInfo ext;

		result.is_ready = extension::begin_as_owner(&ext);
		result.extension_state = ext.extension_state;
		if (!result.is_ready)
			return;
		Datum arguments[] = {TimestampTzGetDatum(GetCurrentTimestamp())};
		bool is_null;

		spi_query::run(ext.schema, recover_lost_query, arguments);
		result.lost = static_cast<int>(DatumGetInt64(spi_query::first_value(1, &is_null)));
	});
	return result;
}

ErrorData *check_for_crash(Crash *crash)
{
	bool locked = false;

	*crash = Crash::none;
	ErrorData *error = xact::run([&] {
		*crash = look_for_crash(true, &locked);
		if (*crash != Crash::none)
			return;
		left_notes::discard();
		left_notes::remove_of_dropped();
	});
	if (locked && (error != nullptr || *crash != Crash::ours))
		release_crash();
	return error;
}

Crash check_for_client()
{
	bool locked;

	return look_for_crash(false, &locked);
}

// A timer that has run alone since may have released the lock already.
void release_crash()
{
	LockReleaseSession(USER_LOCKMETHOD);
}

ErrorData *note_clean_run()
{
	return xact::run([] { write_row(); });
}

void note_clean_run_for_client()
{
	write_row();
	left_notes::discard();
}

} // namespace crash_recovery
