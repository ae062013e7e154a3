// Fetches, locks and updates rows of an UPDATE.
//
// Follows ExecSimpleRelationUpdate() and RelationFindReplTupleByIndex() of executor/execReplication.c in PostgreSQL 15
// to 18, and ExecUpdate() of executor/nodeModifyTable.c where noted. It differs in these points:
//   - The caller knows the row's tid and has locked it. Only a trigger of this transaction can have moved or removed
//     the row, or given the table a new file. The row is then found again by its id, in an index if there is one.
//   - Statement triggers fire, and transition tables are captured.
//   - A row that a BEFORE trigger of the same command has changed is an error, as in ExecUpdate().
//   - Index entries are inserted as new ones, see insert_index_tuples().
#include "row/row_internal.hpp"

#include "row/expr_cache.hpp"
#include "pg/columns.hpp"

namespace row_writer {

namespace {

// Return a B-tree index whose first column is the id, or InvalidOid. It need not be the primary key, which a user may
// have changed.
Oid find_id_index(Relation rel, AttrNumber id_attnum)
{
	List *indexoidlist = RelationGetIndexList(rel);
	Oid found = InvalidOid;
	ListCell *cell;

	foreach (cell, indexoidlist)
	{
		Relation idxrel = index_open(lfirst_oid(cell), AccessShareLock);
		bool fits = idxrel->rd_rel->relam == BTREE_AM_OID && idxrel->rd_index->indisvalid &&
					idxrel->rd_index->indkey.values[0] == id_attnum && idxrel->rd_opcintype[0] == UUIDOID &&
					RelationGetIndexPredicate(idxrel) == NIL;

		index_close(idxrel, NoLock);
		if (!fits)
			continue;
		found = lfirst_oid(cell);
		break;
	}
	list_free(indexoidlist);
	return found;
}

// Fetch the row version at the tid. Return false if the row with this id is not there.
bool fetch_version(Relation rel, AttrNumber id_attnum, const pg_uuid_t *id, const ItemPointerData *tid, TupleTableSlot *slot)
{
	bool is_null;
	ItemPointerData copy = *tid;

	if (!table_tuple_fetch_row_version(rel, &copy, SnapshotSelf, slot))
		return false;
	Datum value = slot_getattr(slot, id_attnum, &is_null);
	return !is_null && memcmp(DatumGetUUIDP(value), id, UUID_LEN) == 0;
}

// Return the attnum of the column "id".
AttrNumber id_attnum_of(const RowWriter *writer)
{
	return get_attnum(writer->rel, "id", UUIDOID);
}

// Return whether a trigger of this very command has written the row that was fetched.
bool is_modified_by_command(RowWriter *writer)
{
	HeapTupleHeader tuple = ExecFetchSlotHeapTuple(writer->old_slot, false, nullptr)->t_data;

	return TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple)) &&
		   HeapTupleHeaderGetCmin(tuple) >= writer->estate->es_output_cid;
}

// Raise the error of ExecUpdate() for such a row.
[[noreturn]] void raise_modified_by_command()
{
	ereport(ERROR, errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
			errmsg("tuple to be updated was already modified by an operation triggered by the current command"),
			errhint("Consider using an AFTER trigger instead of a BEFORE trigger to propagate changes to other rows."));
	pg_unreachable();
}

// Return the value of a virtual generated column of the row that was fetched.
Datum compute_virtual(RowWriter *writer, AttrNumber attnum, bool *is_null)
{
	EState *estate = writer->estate;

	if (writer->virtual_attnum != attnum)
	{
		Node *expr = pg::generation_expression(writer->rel, attnum);

		writer->virtual_expr = ExecPrepareExpr(reinterpret_cast<Expr *>(expr), estate);
		writer->virtual_attnum = attnum;
	}
	GetPerTupleExprContext(estate)->ecxt_scantuple = writer->old_slot;
	return ExecEvalExprSwitchContext(writer->virtual_expr, GetPerTupleExprContext(estate), is_null);
}

// Fire the BEFORE STATEMENT triggers at the first row, so an UPDATE of no row fires none. Return false if they have
// removed the row.
bool fire_before_statement(RowWriter *writer, ItemPointer tid)
{
	TriggerDesc *trigdesc = writer->result_rel->ri_TrigDesc;
	bool is_null;

	if (writer->before_stmt_fired)
		return true;
	Datum value = get_attr(writer, "id", UUIDOID, &is_null);
	pg_uuid_t id = value != 0 ? *DatumGetUUIDP(value) : pg_uuid_t{};
	writer->before_stmt_fired = true;
	expr_cache::prepare_conditions(writer->result_rel, writer->estate, false);
	if (trigdesc == nullptr || !trigdesc->trig_update_before_statement)
		return true;
	ExecBSUpdateTriggers(writer->estate, writer->result_rel);
	return fetch_row(writer, tid, &id);
}

// Make the new row from the old one and the given values.
void fill_slot(RowWriter *writer, const Datum *values, const bool *kept)
{
	TupleTableSlot *old_slot = writer->old_slot;
	TupleTableSlot *slot = writer->slot;
	int natts = old_slot->tts_tupleDescriptor->natts;

	slot_getallattrs(old_slot);
	ExecClearTuple(slot);
	memcpy(slot->tts_values, old_slot->tts_values, sizeof(Datum) * natts);
	memcpy(slot->tts_isnull, old_slot->tts_isnull, sizeof(bool) * natts);
	set_given_values(writer, values, nullptr, kept);
	ExecStoreVirtualTuple(slot);
	slot->tts_tableOid = RelationGetRelid(writer->rel);
}

// Update the row in the table and its indexes, and queue its AFTER triggers.
void update_tuple(RowWriter *writer, ItemPointer tid)
{
	EState *estate = writer->estate;
	ResultRelInfo *result_rel = writer->result_rel;
	TupleTableSlot *slot = writer->slot;
	pg::Entries entries;

	check_row(result_rel, slot, estate, CMD_UPDATE, true);
	if (!pg::update_row(writer->rel, tid, slot, estate->es_output_cid, estate->es_snapshot, &entries))
		raise_modified_by_command();
	List *recheckIndexes = insert_index_tuples(result_rel, slot, estate, entries);
	ExecARUpdateTriggers(estate, result_rel, nullptr, nullptr, tid, nullptr, slot, recheckIndexes, writer->transition_capture,
						 false);
	list_free(recheckIndexes);
}

} // namespace

// Find a row by its id as this transaction has left it. Return false if there is none.
bool find_by_id(Relation rel, AttrNumber id_attnum, const pg_uuid_t *id, ItemPointer tid)
{
	Oid idxoid = find_id_index(rel, id_attnum);
	ScanKeyData skey;

	ScanKeyInit(&skey, id_attnum, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(id));
	SysScanDesc scan = systable_beginscan(rel, idxoid, OidIsValid(idxoid), SnapshotSelf, 1, &skey);
	HeapTuple tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		*tid = tuple->t_self;
	systable_endscan(scan);
	return HeapTupleIsValid(tuple);
}

// Fetch the row at a tid that was found before. Return false if the row with this id is not there any more. A tid from
// before means nothing in a table that has got a new file in this transaction.
bool fetch_by_tid(Relation rel, AttrNumber id_attnum, const pg_uuid_t *id, const ItemPointerData *tid, TupleTableSlot *slot)
{
	return !pg::has_new_file(rel) && fetch_version(rel, id_attnum, id, tid, slot);
}

RowWriter *open_update(Oid schema, const char *table, const Column *columns, int count)
{
	RowWriter *writer = open(schema, table, CMD_UPDATE, columns, count);
	MemoryContext oldcontext = MemoryContextSwitchTo(writer->estate->es_query_cxt);

	skip_triggers_for_users(writer->result_rel);
	writer->old_slot = table_slot_create(writer->rel, &writer->estate->es_tupleTable);
	pg::init_epqstate(&writer->epqstate, writer->estate);
	ExecOpenIndices(writer->result_rel, false);
	MemoryContextSwitchTo(oldcontext);
	return writer;
}

bool fetch_row(RowWriter *writer, ItemPointer tid, const pg_uuid_t *id)
{
	Relation rel = writer->rel;
	AttrNumber id_attnum = id_attnum_of(writer);

	if (fetch_by_tid(rel, id_attnum, id, tid, writer->old_slot))
		return true;
	return find_by_id(rel, id_attnum, id, tid) && fetch_version(rel, id_attnum, id, tid, writer->old_slot);
}

bool lock_row(RowWriter *writer, ItemPointer tid, const pg_uuid_t *id)
{
	Relation rel = writer->rel;
	TM_FailureData tmfd;
	ItemPointerData copy = *tid;

	if (pg::has_new_file(rel) && !find_by_id(rel, id_attnum_of(writer), id, &copy))
		return false;
	TM_Result result = table_tuple_lock(rel, &copy, GetActiveSnapshot(), writer->old_slot, writer->estate->es_output_cid,
										LockTupleNoKeyExclusive, LockWaitBlock, TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &tmfd);
	if (result == TM_Ok)
		*tid = writer->old_slot->tts_tid;
	return result != TM_Deleted && fetch_row(writer, tid, id);
}

Datum get_attr(RowWriter *writer, const char *column, Oid type, bool *is_null)
{
	TupleDesc tupdesc = RelationGetDescr(writer->rel);
	AttrNumber attnum = static_cast<AttrNumber>(columns::find_attnum(tupdesc, 1, column, type));

	*is_null = true;
	if (attnum == 0)
		return static_cast<Datum>(0);
	if (pg::is_virtual(TupleDescAttr(tupdesc, attnum - 1)))
		return compute_virtual(writer, attnum, is_null);
	return slot_getattr(writer->old_slot, attnum, is_null);
}

Datum get_text_attr(RowWriter *writer, const char *column, bool *is_null)
{
	return slot_getattr(writer->old_slot, get_attnum(writer->rel, column, TEXTOID), is_null);
}

bool update_row(RowWriter *writer, ItemPointer tid, const Datum *values, const bool *kept)
{
	EState *estate = writer->estate;
	ResultRelInfo *result_rel = writer->result_rel;
	TriggerDesc *trigdesc = result_rel->ri_TrigDesc;
	ItemPointerData old_tid = *tid;

	if (!fire_before_statement(writer, &old_tid))
		return false;
	if (is_modified_by_command(writer))
		raise_modified_by_command();
	ResetPerTupleExprContext(estate);
	// A trigger function may keep something for its next call in the current memory context.
	MemoryContext oldcontext = MemoryContextSwitchTo(estate->es_query_cxt);
	fill_slot(writer, values, kept);
	bool skip_tuple = trigdesc != nullptr && trigdesc->trig_update_before_row &&
					  !pg::fire_before_update(estate, &writer->epqstate, result_rel, &old_tid, writer->slot);
	if (!skip_tuple)
	{
		update_tuple(writer, &old_tid);
		*tid = writer->slot->tts_tid;
	}
	MemoryContextSwitchTo(oldcontext);
	return !skip_tuple;
}

} // namespace row_writer
