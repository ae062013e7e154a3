// Plans the CHECK constraints and trigger conditions of the written tables once for each process instead of once for
// each batch. Exists for speed alone: planning them is a large part of a batch of one timer. -DNO_EXPR_CACHE builds
// without it, and bench/without measures what it gains.
//
// A plan is found by the expression's text in the catalog, so a change of the table cannot make it stale. A plan may
// depend on nothing else. An expression that uses a function or type of a user is planned each time. Functions and
// domains may be replaced, and they may call others.
//
// Follows ExecRelCheck() of executor/execMain.c and TriggerEnabled() of commands/trigger.c in PostgreSQL 15 to 18,
// which plan the expressions once for each executor state.
#include "row/expr_cache.hpp"

#include "pg/compat.hpp"

namespace expr_cache {

namespace {

#ifdef NO_EXPR_CACHE
constexpr bool caches = false;
#else
constexpr bool caches = true;
#endif

constexpr int max_relations = 32;
constexpr int max_exprs = 64; // of a relation

enum class Kind
{
	check,
	condition,
};

struct CachedExpr
{
	Kind kind;
	const char *text;
	Node *plan; // nullptr: planned each time
};

// The expressions of a relation. An ExprState points into the plans, so they are freed only after the last executor
// state that uses them.
struct RelationExprs
{
	MemoryContext context;
	int users;           // executor states
	bool is_retired;     // no entry points here, and the last user frees it
	Oid role;            // planned as this role, because EXECUTE on a function is checked by planning
	uint64 proc_changes; // the counter when the first plan was made
	int last_found;
	int count;
	CachedExpr exprs[max_exprs];
};

struct ExprCacheEntry
{
	Oid relation; // the key
	RelationExprs *exprs;
};

HTAB *entries;
uint64 proc_changes; // counts invalidations of functions

// Note that a function has changed. It may have been inlined into a plan.
void on_proc_change(Datum, pg::SysCacheId, uint32)
{
	proc_changes++;
}

// Create the hash table at the first use.
void initialize()
{
	HASHCTL control = {};

	if (entries != nullptr)
		return;
	control.keysize = sizeof(Oid);
	control.entrysize = sizeof(ExprCacheEntry);
	CacheRegisterSyscacheCallback(PROCOID, on_proc_change, static_cast<Datum>(0));
	entries = hash_create("campaign_lifecycle expressions", max_relations, &control, HASH_ELEM | HASH_BLOBS);
}

// Remove the expressions from the entry. They are freed once nobody uses them.
void retire(ExprCacheEntry *entry)
{
	RelationExprs *exprs = entry->exprs;

	entry->exprs = nullptr;
	if (exprs == nullptr)
		return;
	exprs->is_retired = true;
	if (exprs->users == 0)
		MemoryContextDelete(exprs->context);
}

// End the use by an executor state, whose memory is being freed.
void release(void *argument)
{
	RelationExprs *exprs = static_cast<RelationExprs *>(argument);

	if (--exprs->users == 0 && exprs->is_retired)
		MemoryContextDelete(exprs->context);
}

// Keep the expressions until the executor state is freed. An ERROR frees it too.
void acquire(RelationExprs *exprs, EState *estate)
{
	MemoryContextCallback *callback =
		static_cast<MemoryContextCallback *>(MemoryContextAllocZero(estate->es_query_cxt, sizeof(MemoryContextCallback)));

	callback->func = release;
	callback->arg = exprs;
	exprs->users++;
	MemoryContextRegisterResetCallback(estate->es_query_cxt, callback);
}

// Empty the cache. Partitions come and go, so entries of relations that were dropped would fill it.
void remove_all()
{
	HASH_SEQ_STATUS scan;

	hash_seq_init(&scan, entries);
	while (ExprCacheEntry *entry = static_cast<ExprCacheEntry *>(hash_seq_search(&scan)))
	{
		retire(entry);
		(void) hash_search(entries, &entry->relation, HASH_REMOVE, nullptr);
	}
}

// Return the entry of a relation, which may be new.
ExprCacheEntry *get_entry(Oid relation)
{
	bool found;
	ExprCacheEntry *entry = static_cast<ExprCacheEntry *>(hash_search(entries, &relation, HASH_FIND, nullptr));

	if (entry != nullptr)
		return entry;
	if (hash_get_num_entries(entries) >= max_relations)
		remove_all();
	entry = static_cast<ExprCacheEntry *>(hash_search(entries, &relation, HASH_ENTER, &found));
	entry->exprs = nullptr;
	return entry;
}

// Allocate the expressions of a relation in a context of their own.
RelationExprs *make_exprs()
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "campaign_lifecycle expressions", ALLOCSET_SMALL_SIZES);
	RelationExprs *exprs = static_cast<RelationExprs *>(
		MemoryContextAllocExtended(context, sizeof(RelationExprs), MCXT_ALLOC_NO_OOM | MCXT_ALLOC_ZERO));

	if (exprs == nullptr)
	{
		MemoryContextDelete(context);
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	}
	exprs->context = context;
	exprs->role = GetUserId();
	exprs->proc_changes = proc_changes;
	return exprs;
}

// Return the expressions of a relation for use by the executor state.
RelationExprs *get_exprs(Oid relation, EState *estate)
{
	initialize();
	ExprCacheEntry *entry = get_entry(relation);
	RelationExprs *exprs = entry->exprs;
	if (exprs != nullptr && (exprs->role != GetUserId() || exprs->proc_changes != proc_changes || exprs->count == max_exprs))
		retire(entry);
	if (entry->exprs == nullptr)
		entry->exprs = make_exprs();
	acquire(entry->exprs, estate);
	return entry->exprs;
}

// Return whether the function is a user's.
bool is_user_function(Oid function, void *)
{
	return function >= FirstUnpinnedObjectId;
}

// Return whether the plan of the expression may change while its text stays the same. A node that is not listed may
// contain a function or depend on a setting. A conversion through text (CoerceViaIO) does, and would be planned as if
// it did not.
bool is_changeable(Node *node, void *context)
{
	if (node == nullptr)
		return false;
	switch (nodeTag(node))
	{
		case T_List:
		case T_CaseWhen:
			return pg::any_below(node, is_changeable, context);
		case T_Var:
		case T_Const:
		case T_FuncExpr:
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
		case T_ScalarArrayOpExpr:
		case T_BoolExpr:
		case T_RelabelType:
		case T_CollateExpr:
		case T_ArrayExpr:
		case T_ArrayCoerceExpr:
		case T_CaseExpr:
		case T_CaseTestExpr:
		case T_CoalesceExpr:
		case T_MinMaxExpr:
		case T_NullTest:
		case T_BooleanTest:
			return exprType(node) >= FirstUnpinnedObjectId || check_functions_in_node(node, is_user_function, nullptr) ||
				   pg::any_below(node, is_changeable, context);
		default:
			return true;
	}
}

// Return the expression as the executor reads it from the catalog. In a trigger condition OLD and NEW become the inner
// and the outer row. The condition becomes a list of conditions that must all be true.
Node *read_expr(Kind kind, const char *text)
{
	Node *node = static_cast<Node *>(stringToNode(text));

	if (kind == Kind::check)
		return node;
	ChangeVarNodes(node, PRS2_OLD_VARNO, INNER_VAR, 0);
	ChangeVarNodes(node, PRS2_NEW_VARNO, OUTER_VAR, 0);
	return reinterpret_cast<Node *>(make_ands_implicit(reinterpret_cast<Expr *>(node)));
}

// Find an expression by its text. The search starts behind the last one found, because each batch asks in the same
// order.
const CachedExpr *find(RelationExprs *exprs, Kind kind, const char *text)
{
	for (int i = 1; i <= exprs->count; i++)
	{
		int index = (exprs->last_found + i) % exprs->count;
		const CachedExpr *expr = &exprs->exprs[index];

		if (expr->kind != kind || strcmp(expr->text, text) != 0)
			continue;
		exprs->last_found = index;
		return expr;
	}
	return nullptr;
}

// Return the plan of an expression, or nullptr if it must be planned each time.
Node *get_plan(RelationExprs *exprs, Kind kind, const char *text)
{
	const CachedExpr *found = find(exprs, kind, text);
	if (found != nullptr)
		return found->plan;
	if (exprs->count == max_exprs)
		return nullptr;
	CachedExpr expr = {kind, MemoryContextStrdup(exprs->context, text), nullptr};
	Node *node = read_expr(kind, text);

	if (!is_changeable(node, nullptr))
	{
		node = reinterpret_cast<Node *>(expression_planner(reinterpret_cast<Expr *>(node)));
		MemoryContext oldcontext = MemoryContextSwitchTo(exprs->context);
		expr.plan = static_cast<Node *>(copyObjectImpl(node));
		MemoryContextSwitchTo(oldcontext);
	}
	exprs->last_found = exprs->count;
	exprs->exprs[exprs->count++] = expr;
	return expr.plan;
}

// Return whether the row trigger fires for the operation, as TriggerEnabled() decides. is_for_columns() adds the
// columns of UPDATE OF.
bool is_enabled(const Trigger *trigger, bool is_insert)
{
	char other_role =
		SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA ? TRIGGER_FIRES_ON_ORIGIN : TRIGGER_FIRES_ON_REPLICA;

	return TRIGGER_FOR_ROW(trigger->tgtype) && !TRIGGER_FOR_INSTEAD(trigger->tgtype) && trigger->tgenabled != other_role &&
		   trigger->tgenabled != TRIGGER_DISABLED &&
		   (is_insert ? TRIGGER_FOR_INSERT(trigger->tgtype) : TRIGGER_FOR_UPDATE(trigger->tgtype));
}

// Return whether the trigger fires when these columns are updated.
bool is_for_columns(const Trigger *trigger, const Bitmapset *updated_cols)
{
	for (int i = 0; i < trigger->tgnattr; i++)
		if (bms_is_member(trigger->tgattr[i] - FirstLowInvalidHeapAttributeNumber, updated_cols))
			return true;
	return trigger->tgnattr == 0;
}

// Initialize a CHECK constraint. The result is never nullptr, which the server would take for a constraint that holds.
ExprState *init_check(RelationExprs *exprs, const ConstrCheck *check, EState *estate)
{
	Node *plan = get_plan(exprs, Kind::check, check->ccbin);

	if (plan != nullptr)
		return ExecInitExpr(reinterpret_cast<Expr *>(plan), nullptr);
	return ExecPrepareExpr(reinterpret_cast<Expr *>(read_expr(Kind::check, check->ccbin)), estate);
}

// Return whether the expressions of the table can be cached. Virtual generated columns would have to be replaced in
// them first.
bool is_cacheable(const TupleConstr *constr)
{
	return caches && (constr == nullptr || !pg::has_virtual_columns(constr));
}

} // namespace

void prepare_checks(ResultRelInfo *result_rel, EState *estate)
{
	Relation rel = result_rel->ri_RelationDesc;
	TupleConstr *constr = RelationGetDescr(rel)->constr;
	ExprState ***states = pg::check_states(result_rel);

	if (!is_cacheable(constr) || *states != nullptr || constr == nullptr || constr->num_check == 0)
		return;
	MemoryContext oldcontext = MemoryContextSwitchTo(estate->es_query_cxt);
	RelationExprs *exprs = get_exprs(RelationGetRelid(rel), estate);
	ExprState **prepared = static_cast<ExprState **>(palloc0(sizeof(ExprState *) * constr->num_check));
	for (int i = 0; i < constr->num_check; i++)
		if (pg::is_enforced(&constr->check[i]))
			prepared[i] = init_check(exprs, &constr->check[i], estate);
	*states = prepared;
	MemoryContextSwitchTo(oldcontext);
}

void prepare_conditions(ResultRelInfo *result_rel, EState *estate, bool is_insert)
{
	TriggerDesc *trigdesc = result_rel->ri_TrigDesc;
	Relation rel = result_rel->ri_RelationDesc;
	RelationExprs *exprs = nullptr;

	if (trigdesc == nullptr || !is_cacheable(RelationGetDescr(rel)->constr))
		return;
	MemoryContext oldcontext = MemoryContextSwitchTo(estate->es_query_cxt);
	for (int i = 0; i < trigdesc->numtriggers; i++)
	{
		const Trigger *trigger = &trigdesc->triggers[i];
		ExprState **state = &result_rel->ri_TrigWhenExprs[i];

		if (trigger->tgqual == nullptr || *state != nullptr || !is_enabled(trigger, is_insert) ||
			(!is_insert && !is_for_columns(trigger, ExecGetUpdatedCols(result_rel, estate))))
			continue;
		if (exprs == nullptr)
			exprs = get_exprs(RelationGetRelid(rel), estate);
		*state = ExecInitQual(reinterpret_cast<List *>(get_plan(exprs, Kind::condition, trigger->tgqual)), nullptr);
	}
	MemoryContextSwitchTo(oldcontext);
}

} // namespace expr_cache
