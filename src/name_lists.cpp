// Changes the lists of states and timer types where the tables keep them: in CHECK constraints, and in the conditions of
// the triggers that explain a violation. ALTER TABLE would drop a constraint and add it again, and would then scan the
// table under a lock that stops every session. Here the stored expression gets one name more or less in place. A longer
// list is proven by the shorter one, so nothing is scanned, and names, comments and inheritance stay as they are.
//
// Follows ATExecValidateConstraint() of commands/tablecmds.c, which updates a constraint in place under the same lock.
#include "pg/compat.hpp"

namespace {

struct Change
{
	AttrNumber attnum; // of the column whose values the list has
	const char *name;
	bool adds;
	int lists; // found in the expression
	bool any;  // of them was changed
};

// Return the node below conversions that keep a string as it is.
Node *below_casts(Node *node)
{
	while (node != nullptr)
	{
		if (IsA(node, RelabelType))
			node = reinterpret_cast<Node *>(reinterpret_cast<RelabelType *>(node)->arg);
		else if (IsA(node, ArrayCoerceExpr))
			node = reinterpret_cast<Node *>(reinterpret_cast<ArrayCoerceExpr *>(node)->arg);
		else
			break;
	}
	return node;
}

// Return the string constant that an element of a list is, or nullptr.
Const *constant_of(Node *element)
{
	Node *node = below_casts(element);

	if (node == nullptr || !IsA(node, Const))
		return nullptr;
	Const *constant = reinterpret_cast<Const *>(node);
	bool is_string = constant->consttype == VARCHAROID || constant->consttype == TEXTOID;

	return is_string && !constant->constisnull ? constant : nullptr;
}

// Return the list that the column is compared with, or nullptr if this is another comparison.
ArrayExpr *list_of_column(ScalarArrayOpExpr *comparison, AttrNumber attnum)
{
	Node *column = below_casts(static_cast<Node *>(linitial(comparison->args)));
	Node *array = below_casts(static_cast<Node *>(lsecond(comparison->args)));

	if (column == nullptr || !IsA(column, Var) || reinterpret_cast<Var *>(column)->varattno != attnum)
		return nullptr;
	if (array == nullptr || !IsA(array, ArrayExpr))
		return nullptr;
	ArrayExpr *list = reinterpret_cast<ArrayExpr *>(array);

	for (int i = 0; i < list_length(list->elements); i++)
		if (constant_of(static_cast<Node *>(list_nth(list->elements, i))) == nullptr)
			return nullptr;
	return list->elements != NIL ? list : nullptr;
}

// Return the index of the name in the list, or -1.
int index_in_list(const ArrayExpr *list, const char *name)
{
	Datum wanted = CStringGetTextDatum(name);

	for (int i = 0; i < list_length(list->elements); i++)
		if (pg::same_text(constant_of(static_cast<Node *>(list_nth(list->elements, i)))->constvalue, wanted))
			return i;
	return -1;
}

// Add the name to the list, or remove it. A new element is like the last one.
void change_list(ArrayExpr *list, Change *change)
{
	int index = index_in_list(list, change->name);

	change->lists++;
	if ((index < 0) != change->adds)
		return;
	change->any = true;
	if (!change->adds)
	{
		list->elements = list_delete_nth_cell(list->elements, index);
		return;
	}
	Node *element = static_cast<Node *>(copyObjectImpl(llast(list->elements)));
	constant_of(element)->constvalue = CStringGetTextDatum(change->name);
	list->elements = lappend(list->elements, element);
}

// Change the lists in an expression.
bool walk(Node *node, void *context)
{
	Change *change = static_cast<Change *>(context);

	if (node == nullptr)
		return false;
	if (IsA(node, ScalarArrayOpExpr))
	{
		ArrayExpr *list = list_of_column(reinterpret_cast<ScalarArrayOpExpr *>(node), change->attnum);

		if (list != nullptr)
			change_list(list, change);
		return false;
	}
	return pg::any_below(node, walk, context);
}

// Return the stored expression with its lists changed.
Datum changed_expression(Datum stored, Change *change)
{
	Node *node = static_cast<Node *>(stringToNode(TextDatumGetCString(stored)));

	walk(node, change);
	return CStringGetTextDatum(nodeToString(node));
}

// Raise an error unless the table exists and the current user owns it.
void check_owner(Oid table)
{
	Oid owner = pg::owner_of(table);

	if (!OidIsValid(owner))
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", table));
	if (!has_privs_of_role(GetUserId(), owner))
		ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("must be owner of table %s", get_rel_name(table)));
}

// Lock the table as VALIDATE CONSTRAINT does, if the current user owns it. The owner may have changed during a wait.
void lock_table(Oid table)
{
	check_owner(table);
	LockRelationOid(table, ShareUpdateExclusiveLock);
	check_owner(table);
}

// Return what to change in the lists of a column.
Change change_of(Oid table, const char *column, const char *name, bool adds)
{
	AttrNumber attnum = get_attnum(table, column);

	if (attnum == InvalidAttrNumber)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
				errmsg("column \"%s\" of relation \"%s\" does not exist", column, get_rel_name(table)));
	return {attnum, name, adds, 0, false};
}

// Write the changed row of a catalog, so that every session plans with it from its next statement on.
void write_row(Relation catalog, HeapTuple row, Datum *values, bool *replaced, Oid object, Oid table)
{
	bool nulls[Natts_pg_constraint > Natts_pg_trigger ? Natts_pg_constraint : Natts_pg_trigger] = {};
	HeapTuple changed = heap_modify_tuple(row, RelationGetDescr(catalog), values, nulls, replaced);

	CatalogTupleUpdate(catalog, &row->t_self, changed);
	InvokeObjectPostAlterHook(RelationGetRelid(catalog), object, 0);
	CacheInvalidateRelcacheByRelid(table);
	CommandCounterIncrement();
}

// Change the list in the constraint. proven: rows need no check.
void change_constraint(Oid table, Oid constraint, const char *constraint_name, Change *change, bool proven)
{
	Relation catalog = table_open(ConstraintRelationId, RowExclusiveLock);
	HeapTuple row = SearchSysCacheCopy1(CONSTROID, ObjectIdGetDatum(constraint));
	Datum values[Natts_pg_constraint] = {};
	bool replaced[Natts_pg_constraint] = {};
	bool is_null;

	Datum stored = SysCacheGetAttr(CONSTROID, row, Anum_pg_constraint_conbin, &is_null);
	if (!is_null)
		values[Anum_pg_constraint_conbin - 1] = changed_expression(stored, change);
	if (change->lists == 0)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("constraint \"%s\" of table \"%s\" has no list of names", constraint_name, get_rel_name(table)),
				errhint("Replace it by a CHECK (column IN ('NAME', ...)), or drop it."));
	replaced[Anum_pg_constraint_conbin - 1] = true;
	if (!proven)
	{
		values[Anum_pg_constraint_convalidated - 1] = BoolGetDatum(false);
		replaced[Anum_pg_constraint_convalidated - 1] = true;
	}
	if (change->any)
		write_row(catalog, row, values, replaced, constraint, table);
	heap_freetuple(row);
	table_close(catalog, RowExclusiveLock);
}

// Change the list in the condition of the trigger. A condition without such a list is left as it is.
void change_trigger(Oid table, Oid trigger, Change *change)
{
	Relation catalog = table_open(TriggerRelationId, RowExclusiveLock);
	Datum values[Natts_pg_trigger] = {};
	bool replaced[Natts_pg_trigger] = {};
	ScanKeyData key;
	bool is_null = true;

	ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(trigger));
	SysScanDesc scan = systable_beginscan(catalog, TriggerOidIndexId, true, nullptr, 1, &key);
	HeapTuple row = systable_getnext(scan);
	Datum stored = 0;

	if (HeapTupleIsValid(row))
		stored = heap_getattr(row, Anum_pg_trigger_tgqual, RelationGetDescr(catalog), &is_null);
	if (!is_null)
	{
		values[Anum_pg_trigger_tgqual - 1] = changed_expression(stored, change);
		replaced[Anum_pg_trigger_tgqual - 1] = true;
		if (change->any)
			write_row(catalog, row, values, replaced, trigger, table);
	}
	systable_endscan(scan);
	table_close(catalog, RowExclusiveLock);
}

} // namespace

// Add a name to the list of a CHECK constraint, or remove it. Return false if the table has no constraint of this name.
SQL_FUNCTION(_change_check_list)
{
	Oid table = PG_GETARG_OID(0);
	const char *constraint_name = NameStr(*PG_GETARG_NAME(1));
	bool adds = PG_GETARG_BOOL(4);

	lock_table(table);
	Oid constraint = get_relation_constraint_oid(table, constraint_name, true);
	if (!OidIsValid(constraint))
		PG_RETURN_BOOL(false);
	Change change = change_of(table, NameStr(*PG_GETARG_NAME(2)), text_to_cstring(PG_GETARG_TEXT_PP(3)), adds);
	change_constraint(table, constraint, constraint_name, &change, adds || PG_GETARG_BOOL(5));
	PG_RETURN_BOOL(true);
}

// Add a name to the list in a trigger's condition, or remove it. Return false if the table has no trigger of this name.
SQL_FUNCTION(_change_trigger_list)
{
	Oid table = PG_GETARG_OID(0);

	lock_table(table);
	Oid trigger = get_trigger_oid(table, NameStr(*PG_GETARG_NAME(1)), true);
	if (!OidIsValid(trigger))
		PG_RETURN_BOOL(false);
	Change change = change_of(table, NameStr(*PG_GETARG_NAME(2)), text_to_cstring(PG_GETARG_TEXT_PP(3)), PG_GETARG_BOOL(4));
	change_trigger(table, trigger, &change);
	PG_RETURN_BOOL(true);
}
