// Runs before the worker's first batch. A timer that was RUNNING in a lost process has had a failed attempt. The
// unlogged table campaign_clean_run tells whether the server has crashed, because crash recovery empties it.
#include "timer/crash_recovery.hpp"

#include "pg/compat.hpp"
#include "pg/xact.hpp"

namespace crash_recovery {

namespace {

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
	TableScanDesc scan = pg::begin_table_scan(relation, GetActiveSnapshot());
	bool found = heap_getnext(scan, ForwardScanDirection) != nullptr;

	table_endscan(scan);
	return found;
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

ErrorData *check_for_crash(bool *crashed)
{
	*crashed = false;
	return xact::run([&] {
		Relation relation = open_clean_run(AccessShareLock);

		if (relation == nullptr)
			return;
		*crashed = !has_row(relation);
		relation_close(relation, AccessShareLock);
	});
}

ErrorData *note_clean_run()
{
	return xact::run([&] {
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
	});
}

} // namespace crash_recovery
