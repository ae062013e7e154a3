// Inserts rows: fills in defaults, finds the partition, and buffers rows so that one WAL record holds a page of them.
//
// Follows CopyFrom() and CopyMultiInsertBufferFlush() of commands/copyfrom.c in PostgreSQL 15 to 18. Defaults follow
// BeginCopyFrom() and NextCopyFrom(). It differs in these points:
//   - One buffer exists, of the partition that took the last row. Rows of a batch go to few partitions.
//   - A BEFORE ROW trigger or a volatile default makes each row be written at once (CIM_SINGLE), yet by way of the
//     buffer.
//   - A foreign partition takes its rows one by one.
//   - Some triggers are skipped, because their check is made here or by the caller, see row_fk.cpp.
//   - Partition routing calls prepare_conditions(), so that trigger conditions come from the cache.
#include "row/row_internal.hpp"

#include "row/expr_cache.hpp"

namespace row_writer {

namespace {

// As MAX_BUFFERED_TUPLES and MAX_BUFFERED_BYTES of copyfrom.c.
constexpr int max_buffered_tuples = 1000;
constexpr Size max_buffered_bytes = 65535;

// Return whether the caller gives values for the column.
bool is_given(const RowWriter *writer, AttrNumber attnum)
{
	for (int i = 0; i < writer->natts; i++)
		if (writer->attnums[i] == attnum)
			return true;
	return false;
}

// Return NULL as a value of the column's domain, which the domain may refuse.
Node *make_null_of_domain(Form_pg_attribute attr)
{
	int32 typmod = attr->atttypmod;
	Oid base_type = getBaseTypeAndTypmod(attr->atttypid, &typmod);
	Const *null = makeNullConst(base_type, typmod, attr->attcollation);

	return coerce_to_domain(reinterpret_cast<Node *>(null), base_type, typmod, attr->atttypid, COERCION_IMPLICIT,
							COERCE_IMPLICIT_CAST, -1, false);
}

// Prepare the defaults of the columns that the caller gives no values for.
void prepare_defaults(RowWriter *writer)
{
	TupleDesc tupdesc = RelationGetDescr(writer->rel);

	writer->defexprs = static_cast<ExprState **>(palloc0(sizeof(ExprState *) * tupdesc->natts));
	for (AttrNumber attnum = 1; attnum <= tupdesc->natts; attnum++)
	{
		Form_pg_attribute attr = TupleDescAttr(tupdesc, attnum - 1);

		if (attr->attisdropped || attr->attgenerated != '\0' || is_given(writer, attnum))
			continue;
		Node *defexpr = build_column_default(writer->rel, attnum);
		if (defexpr == nullptr && get_typtype(attr->atttypid) == TYPTYPE_DOMAIN)
			defexpr = make_null_of_domain(attr);
		if (defexpr == nullptr)
			continue;
		writer->volatile_defexprs = writer->volatile_defexprs || contain_volatile_functions_not_nextval(defexpr);
		writer->defexprs[attnum - 1] = ExecPrepareExpr(reinterpret_cast<Expr *>(defexpr), writer->estate);
	}
}

// Make the new row from the defaults and the given values.
void fill_slot(RowWriter *writer, const Datum *values, const bool *nulls)
{
	TupleTableSlot *slot = writer->slot;
	ExprContext *econtext = GetPerTupleExprContext(writer->estate);

	ExecClearTuple(slot);
	for (int i = 0; i < slot->tts_tupleDescriptor->natts; i++)
	{
		slot->tts_isnull[i] = true;
		slot->tts_values[i] = static_cast<Datum>(0);
		if (writer->defexprs[i] != nullptr)
			slot->tts_values[i] = ExecEvalExpr(writer->defexprs[i], econtext, &slot->tts_isnull[i]);
	}
	set_given_values(writer, values, nulls, nullptr);
	ExecStoreVirtualTuple(slot);
}

// Return the next free slot of the buffer, as CopyMultiInsertInfoNextFreeSlot() does.
TupleTableSlot *multi_insert_next_free_slot(RowWriter *writer, ResultRelInfo *partition)
{
	if (writer->nused == writer->nslots)
		writer->slots[writer->nslots++] = table_slot_create(partition->ri_RelationDesc, &writer->estate->es_tupleTable);
	return writer->slots[writer->nused];
}

// Count the row in the next free slot as stored, as CopyMultiInsertInfoStore() does.
void multi_insert_store(RowWriter *writer, TupleTableSlot *slot)
{
	bool should_free;

	writer->nused++;
	writer->buffered_bytes += ExecFetchSlotHeapTuple(slot, true, &should_free)->t_len;
}

// Return whether the buffer is full, as CopyMultiInsertInfoIsFull() does.
bool multi_insert_is_full(const RowWriter *writer)
{
	return writer->nused >= max_buffered_tuples || writer->buffered_bytes >= max_buffered_bytes;
}

// Copy the new row into the next free slot, in the partition's order of columns.
TupleTableSlot *copy_to_partition(RowWriter *writer, ResultRelInfo *partition)
{
	TupleTableSlot *slot = multi_insert_next_free_slot(writer, partition);
	TupleConversionMap *map = writer->proute != nullptr ? pg::map_to_partition(partition, writer->estate) : nullptr;

	if (map != nullptr)
		execute_attr_map_slot(map->attrMap, writer->slot, slot);
	else
		ExecCopySlot(slot, writer->slot);
	slot->tts_tableOid = RelationGetRelid(partition->ri_RelationDesc);
	return slot;
}

// Insert the row into a partition that is a foreign table.
void insert_foreign(RowWriter *writer, ResultRelInfo *partition, TupleTableSlot *slot)
{
	TupleTableSlot *inserted = partition->ri_FdwRoutine->ExecForeignInsert(writer->estate, partition, slot, nullptr);

	if (inserted == nullptr)
		return;
	inserted->tts_tableOid = RelationGetRelid(partition->ri_RelationDesc);
	ExecARInsertTriggers(writer->estate, partition, inserted, NIL, writer->transition_capture);
}

// Insert the index entries of a row that is in the table, and queue its AFTER triggers.
void finish_buffered_row(RowWriter *writer, TupleTableSlot *slot)
{
	ResultRelInfo *partition = writer->partition;
	TriggerDesc *trigdesc = partition->ri_TrigDesc;
	List *recheckIndexes = insert_index_tuples(partition, slot, writer->estate, pg::Entries::all);

	if ((trigdesc != nullptr && trigdesc->trig_insert_after_row) || writer->transition_capture != nullptr)
		ExecARInsertTriggers(writer->estate, partition, slot, recheckIndexes, writer->transition_capture);
	list_free(recheckIndexes);
	ExecClearTuple(slot);
}

} // namespace

// Write the buffered rows, as CopyMultiInsertBufferFlush() does. table_multi_insert() may leak, so it runs in
// short-lived memory.
void multi_insert_flush(RowWriter *writer)
{
	EState *estate = writer->estate;

	if (writer->nused == 0)
		return;
	ResetPerTupleExprContext(estate);
	MemoryContext oldcontext = MemoryContextSwitchTo(GetPerTupleMemoryContext(estate));
	table_multi_insert(writer->partition->ri_RelationDesc, writer->slots, writer->nused, estate->es_output_cid, 0, nullptr);
	MemoryContextSwitchTo(estate->es_query_cxt);
	for (int i = 0; i < writer->nused; i++)
		finish_buffered_row(writer, writer->slots[i]);
	writer->nused = 0;
	writer->buffered_bytes = 0;
	MemoryContextSwitchTo(oldcontext);
}

// Return the partition of the row, or the table itself if it is not partitioned. A new partition flushes the buffer and
// takes it over.
ResultRelInfo *find_partition(RowWriter *writer, TupleTableSlot *slot)
{
	EState *estate = writer->estate;
	ResultRelInfo *partition = writer->result_rel;

	if (writer->proute != nullptr)
		partition = ExecFindPartition(writer->mtstate, writer->result_rel, writer->proute, slot, estate);
	if (partition == writer->partition)
		return partition;
	multi_insert_flush(writer);
	writer->nslots = 0;
	writer->partition = partition;
	if (writer->proute == nullptr)
		ExecOpenIndices(partition, false);
	else
		skip_checked_triggers(writer, partition);
	expr_cache::prepare_conditions(partition, estate, true);
	return partition;
}

// Begin an INSERT without firing a trigger.
RowWriter *begin_insert(Oid schema, const char *table, const Column *columns, int count)
{
	RowWriter *writer = open(schema, table, CMD_INSERT, columns, count);
	EState *estate = writer->estate;
	MemoryContext oldcontext = MemoryContextSwitchTo(estate->es_query_cxt);

	writer->slots = static_cast<TupleTableSlot **>(palloc(sizeof(TupleTableSlot *) * max_buffered_tuples));
	prepare_defaults(writer);
	writer->mtstate = makeNode(ModifyTableState);
	writer->mtstate->ps.state = estate;
	writer->mtstate->operation = CMD_INSERT;
	writer->mtstate->mt_nrels = 1;
	writer->mtstate->resultRelInfo = writer->result_rel;
	writer->mtstate->rootResultRelInfo = writer->result_rel;
	writer->mtstate->mt_transition_capture = writer->transition_capture;
	if (writer->rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		writer->proute = ExecSetupPartitionTupleRouting(estate, writer->rel);
	MemoryContextSwitchTo(oldcontext);
	return writer;
}

RowWriter *open_insert(Oid schema, const char *table, const Column *columns, int count, const Reference *reference,
					   PGFunction checked_function)
{
	RowWriter *writer = begin_insert(schema, table, columns, count);
	MemoryContext oldcontext = MemoryContextSwitchTo(writer->estate->es_query_cxt);

	writer->checked_function = checked_function;
	if (reference != nullptr)
		open_reference(writer, schema, reference);
	if (writer->proute == nullptr)
		skip_checked_triggers(writer, writer->result_rel);
	ExecBSInsertTriggers(writer->estate, writer->result_rel);
	MemoryContextSwitchTo(oldcontext);
	return writer;
}

void insert_row(RowWriter *writer, const Datum *values, const bool *nulls, const ItemPointerData *referenced_tid)
{
	EState *estate = writer->estate;

	ResetPerTupleExprContext(estate);
	MemoryContext oldcontext = MemoryContextSwitchTo(estate->es_query_cxt);
	fill_slot(writer, values, nulls);
	ResultRelInfo *partition = find_partition(writer, writer->slot);
	TupleTableSlot *slot = copy_to_partition(writer, partition);
	bool has_before_row = partition->ri_TrigDesc != nullptr && partition->ri_TrigDesc->trig_insert_before_row;
	if (!has_before_row || ExecBRInsertTriggers(estate, partition, slot))
	{
		// A row that was routed satisfies the partition constraint, unless a BEFORE trigger has changed it.
		check_row(partition, slot, estate, CMD_INSERT, partition->ri_RootResultRelInfo == nullptr || has_before_row);
		check_foreign_key(writer, partition, referenced_tid);
		if (partition->ri_FdwRoutine != nullptr)
			insert_foreign(writer, partition, slot);
		else
			multi_insert_store(writer, slot);
	}
	MemoryContextSwitchTo(oldcontext);
	// A BEFORE ROW trigger and a volatile default may query the table, and see the rows before this one.
	if (has_before_row || writer->volatile_defexprs || multi_insert_is_full(writer))
		multi_insert_flush(writer);
}

} // namespace row_writer
