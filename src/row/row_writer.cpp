// Opens and closes a RowWriter, casts its values, and asks for what SQL would have asked before it wrote a row.
//
// Follows create_edata_for_relation() and finish_edata() of replication/logical/worker.c and the beginning and end of
// CopyFrom(), in PostgreSQL 15 to 18. It differs in these points:
//   - Values are cast as an assignment in SQL casts them, see transformAssignedExpr(). They arrive as Datums, not as
//     text.
//   - Transition tables are captured for UPDATE too, so statement triggers see the rows.
//   - Forced row-level security is an error.
#include "row/row_internal.hpp"

#include "row/expr_cache.hpp"
#include "pg/columns.hpp"

namespace row_writer {

namespace {

// Prepare the cast of a given type to the column, as SQL casts in an assignment.
void prepare_cast(Cast *cast, Relation rel, AttrNumber attnum, Oid given, EState *estate)
{
	Form_pg_attribute attr = TupleDescAttr(RelationGetDescr(rel), attnum - 1);

	if (attr->atttypid == given || (given == TEXTOID && attr->atttypid == VARCHAROID))
	{
		cast->typmod = attr->atttypmod;
		if (cast->typmod >= 0)
			(void) find_typmod_coercion_function(attr->atttypid, &cast->typmod_function);
		if (OidIsValid(cast->typmod_function))
			fmgr_info_cxt(cast->typmod_function, &cast->typmod_finfo, estate->es_query_cxt);
		return;
	}
	CaseTestExpr *value = makeNode(CaseTestExpr);
	value->typeId = given;
	value->typeMod = -1;
	value->collation = get_typcollation(given);
	Node *expr = coerce_to_target_type(nullptr, reinterpret_cast<Node *>(value), given, attr->atttypid, attr->atttypmod,
									   COERCION_ASSIGNMENT, COERCE_IMPLICIT_CAST, -1);
	if (expr == nullptr)
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("column \"%s\" of table \"%s\" is of type %s, which %s is not cast to", NameStr(attr->attname),
					   RelationGetRelationName(rel), format_type_be(attr->atttypid), format_type_be(given)),
				errhint("Give the column its type back, or CREATE CAST ... AS ASSIGNMENT."));
	cast->expr = ExecPrepareExpr(reinterpret_cast<Expr *>(expr), estate);
}

// Return the value as one of the column.
Datum cast_value(Cast *cast, Datum value, bool *is_null, EState *estate)
{
	if (cast->expr != nullptr)
	{
		ExprContext *econtext = GetPerTupleExprContext(estate);

		econtext->caseValue_datum = value;
		econtext->caseValue_isNull = *is_null;
		return ExecEvalExpr(cast->expr, econtext, is_null);
	}
	if (*is_null || !OidIsValid(cast->typmod_function))
		return value;
	return FunctionCall3(&cast->typmod_finfo, value, Int32GetDatum(cast->typmod), BoolGetDatum(false));
}

// Raise an error if row-level security is forced on the table.
void check_rls(Oid table, const char *name)
{
	if (check_enable_rls(table, InvalidOid, true) != RLS_ENABLED)
		return;
	ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("row-level security is forced on table \"%s\"", name),
			errhint("ALTER TABLE ... NO FORCE ROW LEVEL SECURITY: timers run as the owner of the tables."));
}

// Raise an error where SQL would, except for privileges, which pg::executor_state_for() asks for.
void check_permitted(Relation rel, CmdType operation)
{
	char relkind = rel->rd_rel->relkind;
	const char *command = operation == CMD_INSERT ? "INSERT" : "UPDATE";

	if (relkind != RELKIND_RELATION && !(operation == CMD_INSERT && relkind == RELKIND_PARTITIONED_TABLE))
		ereport(ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("\"%s\" is not a table that timers can write to", RelationGetRelationName(rel)));
	check_rls(RelationGetRelid(rel), RelationGetRelationName(rel));
	PreventCommandIfReadOnly(command);
	PreventCommandIfParallelMode(command);
	CheckCmdReplicaIdentity(rel, operation);
}

// Make the writer in the executor state's memory, with the casts of the given columns.
RowWriter *make_writer(Relation rel, CmdType operation, EState *estate, const Column *columns, const AttrNumber *attnums,
					   int count)
{
	RowWriter *writer = static_cast<RowWriter *>(palloc0(sizeof(RowWriter)));

	writer->operation = operation;
	writer->rel = rel;
	writer->estate = estate;
	writer->natts = count;
	for (int i = 0; i < count; i++)
	{
		writer->attnums[i] = attnums[i];
		prepare_cast(&writer->casts[i], rel, attnums[i], columns[i].type, estate);
	}
	return writer;
}

} // namespace

// Return the attnum of a column, or raise an error.
AttrNumber get_attnum(Relation rel, const char *name, Oid type)
{
	return static_cast<AttrNumber>(columns::get_attnum(rel, name, type));
}

// Open a table by its name, or raise an error.
Relation open_table(Oid schema, const char *name, LOCKMODE mode)
{
	Oid table = get_relname_relid(name, schema);

	if (!OidIsValid(table))
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE), errmsg("table %s does not exist", name),
				errhint("Call install_campaign_tables()."));
	return table_open(table, mode);
}

// Begin a statement that writes the given columns. No trigger fires yet.
RowWriter *open(Oid schema, const char *table, CmdType operation, const Column *columns, int count)
{
	Relation rel = open_table(schema, table, RowExclusiveLock);
	Bitmapset *written = nullptr;
	AttrNumber attnums[max_columns];

	Assert(count <= max_columns);
	check_permitted(rel, operation);
	for (int i = 0; i < count; i++)
	{
		attnums[i] = get_attnum(rel, columns[i].name, InvalidOid);
		written = bms_add_member(written, attnums[i] - FirstLowInvalidHeapAttributeNumber);
	}
	EState *estate = pg::executor_state_for(rel, operation == CMD_INSERT, written);
	MemoryContext oldcontext = MemoryContextSwitchTo(estate->es_query_cxt);
	RowWriter *writer = make_writer(rel, operation, estate, columns, attnums, count);
	estate->es_snapshot = GetActiveSnapshot();
	estate->es_output_cid = GetCurrentCommandId(true);
	writer->result_rel = makeNode(ResultRelInfo);
	ExecInitResultRelation(estate, writer->result_rel, 1);
	writer->slot = table_slot_create(rel, &estate->es_tupleTable);
	// Transition tables belong to the query that is the current one.
	AfterTriggerBeginQuery();
	// The executor has a copy of the triggers. The relation's own list is freed when its cache entry is rebuilt.
	writer->transition_capture = MakeTransitionCaptureState(writer->result_rel->ri_TrigDesc, RelationGetRelid(rel), operation);
	MemoryContextSwitchTo(oldcontext);
	return writer;
}

// Cast the given values into the new row. nulls: nullptr if no value is NULL. kept: the columns to leave alone, or
// nullptr.
void set_given_values(RowWriter *writer, const Datum *values, const bool *nulls, const bool *kept)
{
	for (int i = 0; i < writer->natts; i++)
	{
		int attoff = writer->attnums[i] - 1;
		bool *is_null = &writer->slot->tts_isnull[attoff];

		if (kept != nullptr && kept[i])
			continue;
		*is_null = nulls != nullptr && nulls[i];
		writer->slot->tts_values[attoff] = cast_value(&writer->casts[i], values[i], is_null, writer->estate);
	}
}

// Compute the stored generated columns and check the constraints of a row. A foreign table's constraints are left to
// its server.
void check_row(ResultRelInfo *result_rel, TupleTableSlot *slot, EState *estate, CmdType operation, bool check_partition)
{
	Relation rel = result_rel->ri_RelationDesc;
	TupleConstr *constr = RelationGetDescr(rel)->constr;

	if (constr != nullptr && constr->has_generated_stored)
		ExecComputeStoredGenerated(result_rel, estate, slot, operation);
	if (constr != nullptr && result_rel->ri_FdwRoutine == nullptr)
	{
		expr_cache::prepare_checks(result_rel, estate);
		ExecConstraints(result_rel, slot, estate);
	}
	if (rel->rd_rel->relispartition && check_partition)
		ExecPartitionCheck(result_rel, slot, estate, true);
}

// Insert the index entries of a row. Return the indexes whose constraint must be checked again later.
//
// `update` is false for UPDATE too, other than in ExecSimpleRelationUpdate(). An access method that is told that a
// value is unchanged searches a full page for dead entries first (bottom-up deletion). That costs each timer more than
// the smaller indexes gain.
List *insert_index_tuples(ResultRelInfo *result_rel, TupleTableSlot *slot, EState *estate, pg::Entries entries)
{
	if (result_rel->ri_NumIndices == 0 || entries == pg::Entries::none)
		return NIL;
	return pg::insert_index_entries(result_rel, slot, estate, false, entries == pg::Entries::summaries);
}

// End the statement: fire the AFTER triggers that are queued and free the writer.
void free_writer(RowWriter *writer)
{
	EState *estate = writer->estate;
	Relation rel = writer->rel;
	Relation pk_rel = writer->pk_rel;
	MemoryContext oldcontext = MemoryContextSwitchTo(estate->es_query_cxt);

	AfterTriggerEndQuery(estate);
	MemoryContextSwitchTo(oldcontext);
	if (writer->proute != nullptr)
		ExecCleanupTupleRouting(writer->mtstate, writer->proute);
	ExecResetTupleTable(estate->es_tupleTable, false);
	ExecCloseResultRelations(estate);
	ExecCloseRangeTableRelations(estate);
	FreeExecutorState(estate);
	if (pk_rel != nullptr)
		table_close(pk_rel, NoLock);
	table_close(rel, NoLock);
	CommandCounterIncrement();
}

bool can_bypass_sql(Oid table)
{
	Relation rel = table_open(table, AccessShareLock);
	char relkind = rel->rd_rel->relkind;
	bool is_plain = (relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE) && rel->rd_rules == nullptr &&
					check_enable_rls(table, InvalidOid, true) != RLS_ENABLED;

	table_close(rel, NoLock);
	return is_plain;
}

void check_no_forced_rls(Oid schema)
{
	static constexpr const char *names[] = {"campaigns", "campaign_timers", "timer_executions", "campaign_metrics"};

	for (const char *name : names)
	{
		Oid table = get_relname_relid(name, schema);

		if (OidIsValid(table))
			check_rls(table, name);
	}
}

void close(RowWriter *writer)
{
	EState *estate = writer->estate;
	MemoryContext oldcontext = MemoryContextSwitchTo(estate->es_query_cxt);

	if (writer->operation == CMD_INSERT)
	{
		multi_insert_flush(writer);
		ExecASInsertTriggers(estate, writer->result_rel, writer->transition_capture);
	}
	else if (writer->before_stmt_fired)
		ExecASUpdateTriggers(estate, writer->result_rel, writer->transition_capture);
	MemoryContextSwitchTo(oldcontext);
	free_writer(writer);
}

} // namespace row_writer
