// Planned expressions kept between batches. What is kept is found again by its
// text in the catalog, so that no change of a table can make it stale. All else
// that a plan depends on is kept out: an expression that names any function or
// type but the server's own is planned anew each time, for its functions and
// domains may be replaced, also those that it calls only through others.
#include "row/expr_cache.hpp"

namespace expr_cache {

namespace {

constexpr int max_relations = 32;
constexpr int max_of_a_relation = 64;

enum class Kind
{
	check,
	condition,
};

struct Expression
{
	Kind kind;
	const char *text;
	Node *plan; // nullptr: planned anew each time
};

// A writer's compiled expressions point into the plans: they stay until the last
// writer that uses them is gone.
struct RelationExprs
{
	MemoryContext context;
	int users;
	bool retired;
	Oid role;         // who may execute a function decides whether it is called for a plan
	uint64 functions; // functions_changed, as it was
	int last_found;
	int count;
	Expression expressions[max_of_a_relation];
};

struct ExprCacheEntry
{
	Oid relation;
	RelationExprs *known;
};

HTAB *by_relation;
uint64 functions_changed;

void on_function_change(Datum, int, uint32)
{
	functions_changed++;
}

void set_up()
{
	HASHCTL control = {};

	if (by_relation != nullptr)
		return;
	control.keysize = sizeof(Oid);
	control.entrysize = sizeof(ExprCacheEntry);
	CacheRegisterSyscacheCallback(PROCOID, on_function_change, static_cast<Datum>(0));
	by_relation = hash_create("campaign_lifecycle expressions", max_relations, &control, HASH_ELEM | HASH_BLOBS);
}

// Frees no plan that is in use.
void retire(ExprCacheEntry *of_relation)
{
	RelationExprs *known = of_relation->known;

	of_relation->known = nullptr;
	if (known == nullptr)
		return;
	known->retired = true;
	if (known->users == 0)
		MemoryContextDelete(known->context);
}

void release(void *argument)
{
	RelationExprs *known = static_cast<RelationExprs *>(argument);

	if (--known->users == 0 && known->retired)
		MemoryContextDelete(known->context);
}

// Until the executor's state is freed, also by an ERROR.
void use(RelationExprs *known, EState *estate)
{
	MemoryContextCallback *callback =
		static_cast<MemoryContextCallback *>(MemoryContextAllocZero(estate->es_query_cxt, sizeof(MemoryContextCallback)));

	callback->func = release;
	callback->arg = known;
	known->users++;
	MemoryContextRegisterResetCallback(estate->es_query_cxt, callback);
}

// Tables come and go, above all the log's partitions.
void forget_all()
{
	HASH_SEQ_STATUS scan;
	ExprCacheEntry *of_relation;

	hash_seq_init(&scan, by_relation);
	while ((of_relation = static_cast<ExprCacheEntry *>(hash_seq_search(&scan))) != nullptr)
	{
		retire(of_relation);
		(void) hash_search(by_relation, &of_relation->relation, HASH_REMOVE, nullptr);
	}
}

ExprCacheEntry *entry_of(Oid relation)
{
	bool found;
	ExprCacheEntry *of_relation = static_cast<ExprCacheEntry *>(hash_search(by_relation, &relation, HASH_FIND, nullptr));

	if (of_relation != nullptr)
		return of_relation;
	if (hash_get_num_entries(by_relation) >= max_relations)
		forget_all();
	of_relation = static_cast<ExprCacheEntry *>(hash_search(by_relation, &relation, HASH_ENTER, &found));
	of_relation->known = nullptr;
	return of_relation;
}

RelationExprs *make_exprs()
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "campaign_lifecycle expressions", ALLOCSET_SMALL_SIZES);
	RelationExprs *known = static_cast<RelationExprs *>(
		MemoryContextAllocExtended(context, sizeof(RelationExprs), MCXT_ALLOC_NO_OOM | MCXT_ALLOC_ZERO));

	if (known == nullptr)
	{
		MemoryContextDelete(context);
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	}
	known->context = context;
	known->role = GetUserId();
	known->functions = functions_changed;
	return known;
}

RelationExprs *exprs_of(Oid relation, EState *estate)
{
	set_up();
	ExprCacheEntry *of_relation = entry_of(relation);
	RelationExprs *known = of_relation->known;
	if (known != nullptr &&
		(known->role != GetUserId() || known->functions != functions_changed || known->count == max_of_a_relation))
		retire(of_relation);
	if (of_relation->known == nullptr)
		of_relation->known = make_exprs();
	use(of_relation->known, estate);
	return of_relation->known;
}

bool is_users_function(Oid function, void *)
{
	return function >= FirstUnpinnedObjectId;
}

// Whatever is not listed may hide a function, or depend on a setting: conversions
// by way of text do, and are planned as if they did not.
bool may_change(Node *node, void *context)
{
	if (node == nullptr)
		return false;
	switch (nodeTag(node))
	{
		case T_List:
		case T_CaseWhen:
			return pg::any_below(node, may_change, context);
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
			return exprType(node) >= FirstUnpinnedObjectId || check_functions_in_node(node, is_users_function, nullptr) ||
				   pg::any_below(node, may_change, context);
		default:
			return true;
	}
}

// As the executor takes it from the catalog: OLD and NEW are the inner and the
// outer row, and a condition is a list of what must all be true.
Node *read(Kind kind, const char *text)
{
	Node *node = static_cast<Node *>(stringToNode(text));

	if (kind == Kind::check)
		return node;
	ChangeVarNodes(node, PRS2_OLD_VARNO, INNER_VAR, 0);
	ChangeVarNodes(node, PRS2_NEW_VARNO, OUTER_VAR, 0);
	return reinterpret_cast<Node *>(make_ands_implicit(reinterpret_cast<Expr *>(node)));
}

const Expression *find(RelationExprs *known, Kind kind, const char *text)
{
	// They are asked for in the same order each time.
	for (int i = 1; i <= known->count; i++)
	{
		int place = (known->last_found + i) % known->count;
		const Expression *expression = &known->expressions[place];

		if (expression->kind != kind || strcmp(expression->text, text) != 0)
			continue;
		known->last_found = place;
		return expression;
	}
	return nullptr;
}

// nullptr: not kept.
Node *plan_of(RelationExprs *known, Kind kind, const char *text)
{
	const Expression *found = find(known, kind, text);
	if (found != nullptr)
		return found->plan;
	if (known->count == max_of_a_relation)
		return nullptr;
	Expression expression = {kind, MemoryContextStrdup(known->context, text), nullptr};
	Node *node = read(kind, text);

	if (!may_change(node, nullptr))
	{
		node = reinterpret_cast<Node *>(expression_planner(reinterpret_cast<Expr *>(node)));
		MemoryContext caller = MemoryContextSwitchTo(known->context);
		expression.plan = static_cast<Node *>(copyObjectImpl(node));
		MemoryContextSwitchTo(caller);
	}
	known->last_found = known->count;
	known->expressions[known->count++] = expression;
	return expression.plan;
}

// But for the columns that it may name.
bool fires(const Trigger *trigger, bool inserts)
{
	char not_when =
		SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA ? TRIGGER_FIRES_ON_ORIGIN : TRIGGER_FIRES_ON_REPLICA;

	return TRIGGER_FOR_ROW(trigger->tgtype) && !TRIGGER_FOR_INSTEAD(trigger->tgtype) && trigger->tgenabled != not_when &&
		   trigger->tgenabled != TRIGGER_DISABLED &&
		   (inserts ? TRIGGER_FOR_INSERT(trigger->tgtype) : TRIGGER_FOR_UPDATE(trigger->tgtype));
}

bool is_of(const Trigger *trigger, const Bitmapset *updated)
{
	for (int i = 0; i < trigger->tgnattr; i++)
		if (bms_is_member(trigger->tgattr[i] - FirstLowInvalidHeapAttributeNumber, updated))
			return true;
	return trigger->tgnattr == 0;
}

} // namespace

void prepare_checks(ResultRelInfo *target, EState *estate)
{
	Relation relation = target->ri_RelationDesc;
	TupleConstr *constraints = RelationGetDescr(relation)->constr;
	ExprState ***states = pg::check_states(target);

	if (*states != nullptr || constraints == nullptr || constraints->num_check == 0 || pg::has_virtual_columns(constraints))
		return;
	MemoryContext caller = MemoryContextSwitchTo(estate->es_query_cxt);
	RelationExprs *known = exprs_of(RelationGetRelid(relation), estate);
	ExprState **prepared = static_cast<ExprState **>(palloc0(sizeof(ExprState *) * constraints->num_check));
	for (int i = 0; i < constraints->num_check; i++)
	{
		const ConstrCheck *check = &constraints->check[i];

		if (!pg::is_enforced(check))
			continue;
		Node *plan = plan_of(known, Kind::check, check->ccbin);
		// None may stay empty: the server takes that for one that holds.
		prepared[i] = plan != nullptr ? ExecInitExpr(reinterpret_cast<Expr *>(plan), nullptr)
									  : ExecPrepareExpr(reinterpret_cast<Expr *>(read(Kind::check, check->ccbin)), estate);
	}
	*states = prepared;
	MemoryContextSwitchTo(caller);
}

void prepare_conditions(ResultRelInfo *target, EState *estate, bool inserts)
{
	TriggerDesc *triggers = target->ri_TrigDesc;
	TupleConstr *constraints = RelationGetDescr(target->ri_RelationDesc)->constr;
	RelationExprs *known = nullptr;

	if (triggers == nullptr || (constraints != nullptr && pg::has_virtual_columns(constraints)))
		return;
	MemoryContext caller = MemoryContextSwitchTo(estate->es_query_cxt);
	for (int i = 0; i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];
		ExprState **state = &target->ri_TrigWhenExprs[i];

		if (trigger->tgqual == nullptr || *state != nullptr || !fires(trigger, inserts) ||
			(!inserts && !is_of(trigger, ExecGetUpdatedCols(target, estate))))
			continue;
		if (known == nullptr)
			known = exprs_of(RelationGetRelid(target->ri_RelationDesc), estate);
		*state = ExecInitQual(reinterpret_cast<List *>(plan_of(known, Kind::condition, trigger->tgqual)), nullptr);
	}
	MemoryContextSwitchTo(caller);
}

} // namespace expr_cache
