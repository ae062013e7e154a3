// Differences between PostgreSQL 15 to 19. This is the only file that tests the server's version. A function here
// hides one difference and does nothing else.
#ifndef CAMPAIGN_COMPAT_HPP
#define CAMPAIGN_COMPAT_HPP

#include "pg/postgres.hpp"
#include "pg/privileges.hpp"

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 200000
#error "campaign_lifecycle supports PostgreSQL 15 to 19"
#endif

namespace pg {

// Return the proc number of this process. The server's array of processes never moves, so the number always leads to
// a latch. After an exit it may be that of another process.
inline uint32 my_proc_number()
{
#if PG_VERSION_NUM >= 170000
	return static_cast<uint32>(MyProcNumber);
#else
	return static_cast<uint32>(MyProc->pgprocno);
#endif
}

// Set the latch of the process that has this proc number, as my_proc_number() returned it there.
inline void set_latch_of(uint32 proc_number)
{
	SetLatch(&GetPGProcByNumber(proc_number)->procLatch);
}

// Return when the transaction of the process with this pid began, or 0 if it is unknown. The server keeps what it has
// read until the end of the own transaction, and then it may be an earlier start.
inline TimestampTz transaction_start_of(int pid)
{
	for (int i = 1; pid != 0 && i <= pgstat_fetch_stat_numbackends(); i++)
	{
#if PG_VERSION_NUM >= 160000
		LocalPgBackendStatus *status = pgstat_get_local_beentry_by_index(i);
#else
		LocalPgBackendStatus *status = pgstat_fetch_stat_local_beentry(i);
#endif
		if (status != nullptr && status->backendStatus.st_procpid == pid)
			return status->backendStatus.st_xact_start_timestamp;
	}
	return 0;
}

// Return the wait event of this name. Servers before 17 have one name for all waits of extensions.
inline uint32 wait_event(const char *name, uint32 *cache)
{
#if PG_VERSION_NUM >= 170000
	if (*cache == 0)
		*cache = WaitEventExtensionNew(name);
	return *cache;
#else
	(void) name;
	(void) cache;
	return PG_WAIT_EXTENSION;
#endif
}

// Return whether the role owns the database, or is a superuser.
inline bool owns_database(Oid database, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(DatabaseRelationId, database, role);
#else
	return pg_database_ownercheck(database, role);
#endif
}

// Return whether jsonb accepts the text. No error is raised, because an error would need a subtransaction.
inline bool is_json(char *text)
{
	int length = static_cast<int>(strlen(text));
#if PG_VERSION_NUM >= 170000
	JsonLexContext *lex = makeJsonLexContextCstringLen(nullptr, text, length, GetDatabaseEncoding(), true);
#else
	JsonLexContext *lex = makeJsonLexContextCstringLen(text, length, GetDatabaseEncoding(), true);
#endif
	return pg_parse_json(lex, &nullSemAction) == JSON_SUCCESS;
}

// Make the executor state in which some columns of one table are written, after a check of the privileges on them.
// UPDATE OF triggers depend on the columns, and so does the strength of the row lock.
inline EState *executor_state_for(Relation relation, bool appends, Bitmapset *columns)
{
	EState *estate = CreateExecutorState();
	RangeTblEntry *entry = makeNode(RangeTblEntry);

	check_write_privileges(relation, appends ? ACL_INSERT : ACL_UPDATE, columns);
	entry->rtekind = RTE_RELATION;
	entry->relid = RelationGetRelid(relation);
	entry->relkind = relation->rd_rel->relkind;
	entry->rellockmode = RowExclusiveLock;
#if PG_VERSION_NUM >= 160000
	List *permissions = NIL;
	RTEPermissionInfo *permission = addRTEPermissionInfo(&permissions, entry);

	permission->requiredPerms = appends ? ACL_INSERT : ACL_UPDATE;
	(appends ? permission->insertedCols : permission->updatedCols) = columns;
#if PG_VERSION_NUM >= 180000
	ExecInitRangeTable(estate, list_make1(entry), permissions, bms_make_singleton(1));
#else
	ExecInitRangeTable(estate, list_make1(entry), permissions);
#endif
#else
	entry->requiredPerms = appends ? ACL_INSERT : ACL_UPDATE;
	(appends ? entry->insertedCols : entry->updatedCols) = columns;
	ExecInitRangeTable(estate, list_make1(entry));
#endif
	return estate;
}

// Initialize an EPQState that has no plan, because a row that is updated here is locked already.
inline void init_epqstate(EPQState *epqstate, EState *estate)
{
#if PG_VERSION_NUM >= 160000
	EvalPlanQualInit(epqstate, estate, nullptr, NIL, -1, NIL);
#else
	EvalPlanQualInit(epqstate, estate, nullptr, NIL, -1);
#endif
}

// Fire the BEFORE ROW UPDATE triggers. Return false if one of them suppresses the update.
inline bool fire_before_update(EState *estate, EPQState *epqstate, ResultRelInfo *result_rel, ItemPointer tid,
							   TupleTableSlot *slot)
{
	TM_FailureData failure;
#if PG_VERSION_NUM >= 160000
	TM_Result result = TM_Ok;

#if PG_VERSION_NUM >= 180000
	return ExecBRUpdateTriggers(estate, epqstate, result_rel, tid, nullptr, slot, &result, &failure, false);
#else
	return ExecBRUpdateTriggers(estate, epqstate, result_rel, tid, nullptr, slot, &result, &failure);
#endif
#else
	return ExecBRUpdateTriggers(estate, epqstate, result_rel, tid, nullptr, slot, &failure);
#endif
}

// Which indexes need a new entry for an updated row: none, all, or only those that summarize.
enum class Entries
{
	none,
	all,
	summaries,
};

// Update the row in the table. Return false if it was not there to be updated.
inline bool update_row(Relation relation, ItemPointer tid, TupleTableSlot *slot, CommandId command, Snapshot snapshot,
					   Entries *entries)
{
	TM_FailureData failure;
	LockTupleMode mode;
#if PG_VERSION_NUM >= 160000
	TU_UpdateIndexes wanted = TU_None;
#else
	bool wanted = false;
#endif
#if PG_VERSION_NUM >= 190000
	TM_Result result =
		table_tuple_update(relation, tid, slot, command, 0, snapshot, InvalidSnapshot, true, &failure, &mode, &wanted);
#else
	TM_Result result =
		table_tuple_update(relation, tid, slot, command, snapshot, InvalidSnapshot, true, &failure, &mode, &wanted);
#endif

#if PG_VERSION_NUM >= 160000
	*entries = wanted == TU_All ? Entries::all : wanted == TU_Summarizing ? Entries::summaries : Entries::none;
#else
	*entries = wanted ? Entries::all : Entries::none;
#endif
	return result == TM_Ok;
}

// Insert the index entries of a row. Return the indexes whose constraint is checked later.
inline List *insert_index_entries(ResultRelInfo *result_rel, TupleTableSlot *slot, EState *estate, bool update,
								  bool only_summaries)
{
#if PG_VERSION_NUM >= 190000
	uint32 flags = (update ? EIIT_IS_UPDATE : 0) | (only_summaries ? EIIT_ONLY_SUMMARIZING : 0);

	return ExecInsertIndexTuples(result_rel, estate, flags, slot, NIL, nullptr);
#elif PG_VERSION_NUM >= 160000
	return ExecInsertIndexTuples(result_rel, slot, estate, update, false, nullptr, NIL, only_summaries);
#else
	(void) only_summaries;
	return ExecInsertIndexTuples(result_rel, slot, estate, update, false, nullptr, NIL);
#endif
}

// Begin a scan of an index that fetches rows of the table by equality with nkeys keys.
inline IndexScanDesc begin_index_scan(Relation rel, Relation idxrel, Snapshot snapshot, int nkeys)
{
#if PG_VERSION_NUM >= 190000
	return index_beginscan(rel, idxrel, snapshot, nullptr, nkeys, 0, SO_NONE);
#elif PG_VERSION_NUM >= 180000
	return index_beginscan(rel, idxrel, snapshot, nullptr, nkeys, 0);
#else
	return index_beginscan(rel, idxrel, snapshot, nkeys, 0);
#endif
}

// Begin a sequential scan of the whole table.
inline TableScanDesc begin_table_scan(Relation rel, Snapshot snapshot)
{
#if PG_VERSION_NUM >= 190000
	return table_beginscan(rel, snapshot, 0, nullptr, SO_NONE);
#else
	return table_beginscan(rel, snapshot, 0, nullptr);
#endif
}

// Return whether TRUNCATE, CLUSTER or the like has given the table a new file in this transaction. A tid from before
// is then void.
inline bool has_new_file(Relation relation)
{
#if PG_VERSION_NUM >= 160000
	return relation->rd_firstRelfilelocatorSubid != InvalidSubTransactionId;
#else
	return relation->rd_firstRelfilenodeSubid != InvalidSubTransactionId;
#endif
}

// Return whether the column is generated when it is read, which exists since 18.
inline bool is_virtual(Form_pg_attribute column)
{
#if PG_VERSION_NUM >= 180000
	return column->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL;
#else
	(void) column;
	return false;
#endif
}

// Return the expression of a generated column.
inline Node *generation_expression(Relation relation, int attnum)
{
#if PG_VERSION_NUM >= 180000
	return build_generation_expression(relation, attnum);
#else
	return build_column_default(relation, attnum);
#endif
}

// Return whether the walker returns true for a node below this one.
inline bool any_below(Node *node, bool (*walker)(Node *, void *), void *context)
{
#if PG_VERSION_NUM >= 160000
	return expression_tree_walker(node, walker, context);
#else
	return expression_tree_walker(node, reinterpret_cast<bool (*)()>(reinterpret_cast<void (*)()>(walker)), context);
#endif
}

// Return whether the walker returns true for a node of the query.
inline bool any_in_query(Query *query, bool (*walker)(Node *, void *), void *context)
{
#if PG_VERSION_NUM >= 160000
	return query_tree_walker(query, walker, context, 0);
#else
	return query_tree_walker(query, reinterpret_cast<bool (*)()>(reinterpret_cast<void (*)()>(walker)), context, 0);
#endif
}

// Return the variable of a setting, or nullptr.
inline const config_generic *find_setting(const char *name)
{
#if PG_VERSION_NUM >= 160000
	return find_option(name, false, true, ERROR);
#else
	config_generic **variables = get_guc_variables();

	for (int i = 0; i < GetNumConfigOptions(); i++)
		if (strcmp(variables[i]->name, name) == 0)
			return variables[i];
	return nullptr;
#endif
}

// Return whether the table has generated columns that are computed when they are read.
inline bool has_virtual_columns(const TupleConstr *constraints)
{
#if PG_VERSION_NUM >= 180000
	return constraints->has_generated_virtual;
#else
	(void) constraints;
	return false;
#endif
}

// Return where the executor keeps its compiled CHECK constraints, which are all of them or none.
inline ExprState ***check_states(ResultRelInfo *result_rel)
{
#if PG_VERSION_NUM >= 180000
	return &result_rel->ri_CheckConstraintExprs;
#else
	return &result_rel->ri_ConstraintExprs;
#endif
}

// Return whether the CHECK constraint is enforced. NOT ENFORCED exists since 18.
inline bool is_enforced(const ConstrCheck *check)
{
#if PG_VERSION_NUM >= 180000
	return check->ccenforced;
#else
	(void) check;
	return true;
#endif
}

// Return the map from the rows of the root table to those of the partition, or nullptr if they are alike.
inline TupleConversionMap *map_to_partition(ResultRelInfo *partition, EState *estate)
{
#if PG_VERSION_NUM >= 160000
	return ExecGetRootToChildMap(partition, estate);
#else
	(void) estate;
	return partition->ri_RootToPartitionMap;
#endif
}

// The type of the argument of a syscache callback that names the cache.
#if PG_VERSION_NUM >= 190000
using SysCacheId = SysCacheIdentifier;
#else
using SysCacheId = int;
#endif

// A jsonb value while it is built. Initialize it with {}; the result is set when the outermost object or array ends.
#if PG_VERSION_NUM >= 190000
using JsonbBuilder = JsonbInState;
#else
struct JsonbBuilder
{
	JsonbParseState *parse_state;
	JsonbValue *result;
};
#endif

// Append a token to the jsonb value.
inline void push_jsonb(JsonbBuilder *builder, JsonbIteratorToken token, JsonbValue *value)
{
#if PG_VERSION_NUM >= 190000
	pushJsonbValue(builder, token, value);
#else
	builder->result = pushJsonbValue(&builder->parse_state, token, value);
#endif
}

// Whether the server has the setting transaction_timeout.
#if PG_VERSION_NUM >= 170000
constexpr bool has_transaction_timeout = true;
#else
constexpr bool has_transaction_timeout = false;
#endif

// An interrupted DROP DATABASE leaves the database with this connection limit. The server has a name for it since 15.4.
constexpr int invalid_database_limit = -2;

} // namespace pg

#endif
