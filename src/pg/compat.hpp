// Differences between PostgreSQL 15 to 18. This is the only file that tests the server's version.
#ifndef CAMPAIGN_COMPAT_HPP
#define CAMPAIGN_COMPAT_HPP

#include "pg/postgres.hpp"

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "campaign_lifecycle supports PostgreSQL 15 to 18"
#endif

namespace pg {

// The place of this process in the server's array of processes, which never
// moves: a latch found through it is always a latch, if perhaps a stranger's.
inline uint32 my_proc_number()
{
#if PG_VERSION_NUM >= 170000
	return static_cast<uint32>(MyProcNumber);
#else
	return static_cast<uint32>(MyProc->pgprocno);
#endif
}

inline void set_latch_of(uint32 proc_number)
{
	SetLatch(&GetPGProcByNumber(proc_number)->procLatch);
}

// Servers before 17 have one name for all waits of extensions.
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

// In microseconds, by a clock that nobody sets and that stands still while the
// machine sleeps: by the other one a look may have taken days.
inline int64 stopwatch()
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	return static_cast<int64>(INSTR_TIME_GET_MICROSEC(now));
}

inline bool same_text(Datum a, Datum b)
{
	text *x = DatumGetTextPP(a);
	text *y = DatumGetTextPP(b);

	return VARSIZE_ANY_EXHDR(x) == VARSIZE_ANY_EXHDR(y) && memcmp(VARDATA_ANY(x), VARDATA_ANY(y), VARSIZE_ANY_EXHDR(x)) == 0;
}

inline bool owns_database(Oid database, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(DatabaseRelationId, database, role);
#else
	return pg_database_ownercheck(database, role);
#endif
}

// Whether the text is JSON that jsonb will take, told without an error.
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

// Raises unless the current user may write these columns (offset as in a Bitmapset of the executor). Does what ExecCheckPermissions()
// does, but calls no ExecutorCheckPerms hook: other extensions expect that one inside of a query, and there is none here.
inline void check_write_privileges(Relation relation, AclMode mode, const Bitmapset *columns)
{
	Oid table = RelationGetRelid(relation);
	AclResult result = pg_class_aclcheck(table, GetUserId(), mode);
	int column = -1;

	if (result == ACLCHECK_OK)
		return;
	while ((column = bms_next_member(columns, column)) >= 0)
	{
		AttrNumber attnum = static_cast<AttrNumber>(column + FirstLowInvalidHeapAttributeNumber);

		if (pg_attribute_aclcheck(table, attnum, GetUserId(), mode) != ACLCHECK_OK)
			aclcheck_error(result, get_relkind_objtype(relation->rd_rel->relkind), RelationGetRelationName(relation));
	}
}

// Makes the executor's state for writing some columns of one table. Triggers ask for the columns of an UPDATE (UPDATE OF),
// and so does the strength of the row lock.
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

inline void init_epqstate(EPQState *recheck, EState *estate)
{
#if PG_VERSION_NUM >= 160000
	EvalPlanQualInit(recheck, estate, nullptr, NIL, -1, NIL);
#else
	EvalPlanQualInit(recheck, estate, nullptr, NIL, -1);
#endif
}

inline bool fire_before_update(EState *estate, EPQState *recheck, ResultRelInfo *target, ItemPointer place, TupleTableSlot *row)
{
	TM_FailureData failure;
#if PG_VERSION_NUM >= 160000
	TM_Result result = TM_Ok;

#if PG_VERSION_NUM >= 180000
	return ExecBRUpdateTriggers(estate, recheck, target, place, nullptr, row, &result, &failure, false);
#else
	return ExecBRUpdateTriggers(estate, recheck, target, place, nullptr, row, &result, &failure);
#endif
#else
	return ExecBRUpdateTriggers(estate, recheck, target, place, nullptr, row, &failure);
#endif
}

// Whether the row was there to be updated, and whether its indexes need new entries: all of them, or those alone that only summarize.
enum class Entries
{
	none,
	all,
	summaries,
};

inline bool update_row(Relation relation, ItemPointer place, TupleTableSlot *row, CommandId command, Snapshot snapshot,
					   Entries *entries)
{
	TM_FailureData failure;
	LockTupleMode mode;
#if PG_VERSION_NUM >= 160000
	TU_UpdateIndexes wanted = TU_None;
#else
	bool wanted = false;
#endif
	TM_Result result =
		table_tuple_update(relation, place, row, command, snapshot, InvalidSnapshot, true, &failure, &mode, &wanted);

#if PG_VERSION_NUM >= 160000
	*entries = wanted == TU_All ? Entries::all : wanted == TU_Summarizing ? Entries::summaries : Entries::none;
#else
	*entries = wanted ? Entries::all : Entries::none;
#endif
	return result == TM_Ok;
}

inline List *insert_index_entries(ResultRelInfo *target, TupleTableSlot *row, EState *estate, bool update, bool only_summaries)
{
#if PG_VERSION_NUM >= 160000
	return ExecInsertIndexTuples(target, row, estate, update, false, nullptr, NIL, only_summaries);
#else
	(void) only_summaries;
	return ExecInsertIndexTuples(target, row, estate, update, false, nullptr, NIL);
#endif
}

// Begin a scan of an index that fetches rows of the table by equality with nkeys keys.
inline IndexScanDesc begin_index_scan(Relation rel, Relation idxrel, Snapshot snapshot, int nkeys)
{
#if PG_VERSION_NUM >= 180000
	return index_beginscan(rel, idxrel, snapshot, nullptr, nkeys, 0);
#else
	return index_beginscan(rel, idxrel, snapshot, nkeys, 0);
#endif
}

inline Oid owner_of(Oid relation)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

// Whether this transaction has given the table another file (TRUNCATE, CLUSTER), in which no place from before is one.
inline bool has_new_file(Relation relation)
{
#if PG_VERSION_NUM >= 160000
	return relation->rd_firstRelfilelocatorSubid != InvalidSubTransactionId;
#else
	return relation->rd_firstRelfilenodeSubid != InvalidSubTransactionId;
#endif
}

// Generated columns that are computed when they are read: since 18.
inline bool is_virtual(Form_pg_attribute column)
{
#if PG_VERSION_NUM >= 180000
	return column->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL;
#else
	(void) column;
	return false;
#endif
}

inline Node *generation_expression(Relation relation, int place)
{
#if PG_VERSION_NUM >= 180000
	return build_generation_expression(relation, place);
#else
	return build_column_default(relation, place);
#endif
}

inline bool any_below(Node *node, bool (*walker)(Node *, void *), void *context)
{
#if PG_VERSION_NUM >= 160000
	return expression_tree_walker(node, walker, context);
#else
	return expression_tree_walker(node, reinterpret_cast<bool (*)()>(reinterpret_cast<void (*)()>(walker)), context);
#endif
}

inline bool has_virtual_columns(const TupleConstr *constraints)
{
#if PG_VERSION_NUM >= 180000
	return constraints->has_generated_virtual;
#else
	(void) constraints;
	return false;
#endif
}

// Where the executor keeps its compiled CHECK constraints: all of them, or none.
inline ExprState ***check_states(ResultRelInfo *target)
{
#if PG_VERSION_NUM >= 180000
	return &target->ri_CheckConstraintExprs;
#else
	return &target->ri_ConstraintExprs;
#endif
}

inline bool is_enforced(const ConstrCheck *check)
{
#if PG_VERSION_NUM >= 180000
	return check->ccenforced;
#else
	(void) check;
	return true;
#endif
}

inline TupleConversionMap *map_to_partition(ResultRelInfo *partition, EState *estate)
{
#if PG_VERSION_NUM >= 160000
	return ExecGetRootToChildMap(partition, estate);
#else
	(void) estate;
	return partition->ri_RootToPartitionMap;
#endif
}

#if PG_VERSION_NUM >= 170000
constexpr bool has_transaction_timeout = true;
#else
constexpr bool has_transaction_timeout = false;
#endif

// DROP DATABASE that was interrupted leaves the database with this limit (15.4).
constexpr int invalid_database_limit = -2;

} // namespace pg

#endif
