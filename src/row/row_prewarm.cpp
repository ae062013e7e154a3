// Reads the pages that a row's UPDATE or INSERT would read, into shared buffers and the processor's caches. Exists for speed alone, see
// timer/prewarm.cpp.
#include "row/row_internal.hpp"

namespace row_writer {

namespace {

// Read the B-trees over plain columns. An index that is being built is not read, because it is not in shared buffers yet.
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
		pg::descend(result_rel->ri_RelationDesc, idxrel, index_form_tuple(RelationGetDescr(idxrel), values, nulls));
	}
}

// Set the columns whose default is a constant. Any other default may run a user's code, which must not run twice for a row.
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
