// Reads the pages that a row's UPDATE or INSERT would read, into shared buffers and the processor's caches. Exists for
// speed alone, see timer/prewarm.cpp.
//
// An index scan for a key descends the same pages as the insertion of the key. Such a scan counts in
// pg_stat_user_indexes.
#include "row/row_internal.hpp"

namespace row_writer {

namespace {

// Make a scan key for a column of an index, as build_replindex_scan_key() of executor/execReplication.c does. Return
// false if the column's type has no equality operator in the index.
bool make_scan_key(ScanKey skey, Relation idxrel, int attoff, Datum value, bool is_null)
{
	AttrNumber attnum = static_cast<AttrNumber>(attoff + 1);
	Oid opcintype = idxrel->rd_opcintype[attoff];

	if (is_null)
	{
		ScanKeyEntryInitialize(skey, SK_ISNULL | SK_SEARCHNULL, attnum, InvalidStrategy, InvalidOid, InvalidOid, InvalidOid,
							   static_cast<Datum>(0));
		return true;
	}
	Oid equality = get_opfamily_member(idxrel->rd_opfamily[attoff], opcintype, opcintype, BTEqualStrategyNumber);
	if (!OidIsValid(equality))
		return false;
	ScanKeyEntryInitialize(skey, 0, attnum, BTEqualStrategyNumber, InvalidOid, idxrel->rd_indcollation[attoff],
						   get_opcode(equality), value);
	return true;
}

// Read a B-tree from its root to the leaf page where the entry of this row is, or would be.
void descend_index(Relation rel, Relation idxrel, const Datum *values, const bool *nulls, Snapshot snapshot)
{
	ScanKeyData skeys[INDEX_MAX_KEYS];
	int natts = IndexRelationGetNumberOfKeyAttributes(idxrel);
	int nkeys = 0;

	while (nkeys < natts && make_scan_key(&skeys[nkeys], idxrel, nkeys, values[nkeys], nulls[nkeys]))
		nkeys++;
	if (nkeys == 0)
		return;
	IndexScanDesc scan = pg::begin_index_scan(rel, idxrel, snapshot, nkeys);
	index_rescan(scan, skeys, nkeys, nullptr, 0);
	(void) index_getnext_tid(scan, ForwardScanDirection);
	index_endscan(scan);
}

// Read the B-trees over plain columns. An index that is being built is not read, because it is not in shared buffers
// yet.
void descend_indexes(ResultRelInfo *result_rel, TupleTableSlot *slot, EState *estate)
{
	for (int i = 0; i < result_rel->ri_NumIndices; i++)
	{
		Relation idxrel = result_rel->ri_IndexRelationDescs[i];
		IndexInfo *index_info = result_rel->ri_IndexRelationInfo[i];
		Datum values[INDEX_MAX_KEYS];
		bool nulls[INDEX_MAX_KEYS];

		if (idxrel->rd_rel->relam != BTREE_AM_OID || index_info->ii_Expressions != NIL || !index_info->ii_ReadyForInserts)
			continue;
		FormIndexDatum(index_info, slot, estate, values, nulls);
		descend_index(result_rel->ri_RelationDesc, idxrel, values, nulls, estate->es_snapshot);
	}
}

// Set the columns whose default is a constant. Any other default may run a user's code, which must not run twice for a
// row.
void set_constant_defaults(RowWriter *writer)
{
	TupleTableSlot *slot = writer->slot;

	for (int i = 0; i < slot->tts_tupleDescriptor->natts; i++)
	{
		ExprState *defexpr = writer->defexprs[i];

		if (defexpr != nullptr && IsA(defexpr->expr, Const))
			slot->tts_values[i] = ExecEvalExpr(defexpr, GetPerTupleExprContext(writer->estate), &slot->tts_isnull[i]);
	}
}

// Return the row as the partition stores it.
TupleTableSlot *convert_to_partition(RowWriter *writer, ResultRelInfo *partition)
{
	EState *estate = writer->estate;
	TupleConversionMap *map = writer->proute != nullptr ? pg::map_to_partition(partition, estate) : nullptr;

	if (map == nullptr)
		return writer->slot;
	TupleTableSlot *slot = table_slot_create(partition->ri_RelationDesc, &estate->es_tupleTable);
	return execute_attr_map_slot(map->attrMap, writer->slot, slot);
}

} // namespace

void prewarm_row(Oid schema, const char *table, const Column *columns, int count, const Datum *values, const bool *nulls,
				 const ItemPointerData *tid, const pg_uuid_t *id)
{
	bool is_update = tid != nullptr;
	RowWriter *writer = is_update ? open_update(schema, table, columns, count) : begin_insert(schema, table, columns, count);
	EState *estate = writer->estate;
	TupleTableSlot *slot = writer->slot;
	MemoryContext oldcontext = MemoryContextSwitchTo(estate->es_query_cxt);

	ExecStoreAllNullTuple(slot);
	if (is_update && fetch_by_tid(writer->rel, get_attnum(writer->rel, "id", UUIDOID), id, tid, writer->old_slot))
		ExecCopySlot(slot, writer->old_slot);
	slot_getallattrs(slot);
	if (!is_update)
		set_constant_defaults(writer);
	set_given_values(writer, values, nulls, nullptr);
	ResultRelInfo *partition = is_update ? writer->result_rel : find_partition(writer, slot);
	descend_indexes(partition, convert_to_partition(writer, partition), estate);
	MemoryContextSwitchTo(oldcontext);
	free_writer(writer);
}

} // namespace row_writer
