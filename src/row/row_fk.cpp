// Checks a foreign key of inserted rows in place of its trigger. Exists for speed alone, because otherwise each
// inserted row queues an AFTER trigger event that runs RI_FKey_check(). -DNO_FK_CHECK_IN_PLACE builds without it, and
// bench/without measures what it gains.
//
// Follows RI_FKey_check() of utils/adt/ri_triggers.c in PostgreSQL 15 to 18. It differs in these points:
//   - The caller holds a lock on the referenced row and knows its tid, so the key is compared there.
//   - The check is made before the row is in the table.
//   - A deferrable key is left to its trigger. So is every key where a BEFORE ROW trigger may make the row refer to
//     another one, which nobody has locked.
//
// Skips BEFORE triggers, too: one whose check the caller has made for all rows, and those that are for rows of users.
// -DNO_SKIP_CHECKED_FUNCTION builds without that.
#include "row/row_internal.hpp"

#include "pg/columns.hpp"

namespace row_writer {

namespace {

#ifdef NO_FK_CHECK_IN_PLACE
constexpr bool checks_in_place = false;
#else
constexpr bool checks_in_place = true;
#endif

#ifdef NO_SKIP_CHECKED_FUNCTION
constexpr bool skips_checked_function = false;
#else
constexpr bool skips_checked_function = true;
#endif

// Return whether the trigger checks a foreign key of a new row at the end of the statement. A deferrable one may check
// it later, and a disabled one does not check it.
bool is_immediate_fk_check(const Trigger *trigger)
{
	char enabled =
		SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA ? TRIGGER_FIRES_ON_REPLICA : TRIGGER_FIRES_ON_ORIGIN;

	return trigger->tgfoid == F_RI_FKEY_CHECK_INS && !trigger->tgdeferrable &&
		   (trigger->tgenabled == enabled || trigger->tgenabled == TRIGGER_FIRES_ALWAYS);
}

// Return whether the key is that of the writer's reference.
bool is_referenced_key(const RowWriter *writer, const ForeignKeyCacheInfo *fk, AttrNumber fk_attnum)
{
	return fk->confrelid == RelationGetRelid(writer->pk_rel) && fk->nkeys == 1 && fk->conkey[0] == fk_attnum &&
		   fk->confkey[0] == writer->pk_attnum;
}

// Return the partition's foreign key that can be checked here, or InvalidOid. It is found by the relation's own
// triggers, because the executor's copy may lack that trigger already.
Oid find_checkable_fk(const RowWriter *writer, const ResultRelInfo *partition)
{
	Relation rel = partition->ri_RelationDesc;
	ListCell *cell;

	if (!checks_in_place || partition->ri_TrigDesc->trig_insert_before_row)
		return InvalidOid;
	AttrNumber fk_attnum = get_attnum(rel, writer->reference->column, UUIDOID);
	// A call that reads a catalog may rebuild the relation's cache entry, which frees its lists and triggers. No call
	// below does.
	List *fkeylist = static_cast<List *>(copyObjectImpl(RelationGetFKeyList(rel)));
	const TriggerDesc *trigdesc = rel->trigdesc;
	foreach (cell, fkeylist)
	{
		ForeignKeyCacheInfo *fk = lfirst_node(ForeignKeyCacheInfo, cell);

		if (trigdesc == nullptr || !is_referenced_key(writer, fk, fk_attnum))
			continue;
		for (int i = 0; i < trigdesc->numtriggers; i++)
			if (trigdesc->triggers[i].tgconstraint == fk->conoid && is_immediate_fk_check(&trigdesc->triggers[i]))
				return fk->conoid;
	}
	return InvalidOid;
}

// Remove triggers from the executor's copy of them. It must happen before the first trigger is called, because the
// executor keeps their functions by their index in the copy.
template <typename F> void remove_triggers(TriggerDesc *trigdesc, F is_needless)
{
	int kept = 0;

	trigdesc->trig_insert_before_row = false;
	trigdesc->trig_insert_after_row = false;
	for (int i = 0; i < trigdesc->numtriggers; i++)
	{
		const Trigger *trigger = &trigdesc->triggers[i];

		if (is_needless(trigger))
			continue;
		if (TRIGGER_TYPE_MATCHES(trigger->tgtype, TRIGGER_TYPE_ROW, TRIGGER_TYPE_BEFORE, TRIGGER_TYPE_INSERT))
			trigdesc->trig_insert_before_row = true;
		if (TRIGGER_TYPE_MATCHES(trigger->tgtype, TRIGGER_TYPE_ROW, TRIGGER_TYPE_AFTER, TRIGGER_TYPE_INSERT))
			trigdesc->trig_insert_after_row = true;
		trigdesc->triggers[kept++] = *trigger;
	}
	trigdesc->numtriggers = kept;
}

// Return whether this is a BEFORE trigger that calls the C function.
bool is_before_trigger_of(const Trigger *trigger, PGFunction function)
{
	FmgrInfo finfo;

	if (!TRIGGER_FOR_BEFORE(trigger->tgtype))
		return false;
	fmgr_info(trigger->tgfoid, &finfo);
	return finfo.fn_addr == function;
}

// Return whether this is a BEFORE trigger that only refuses or corrects what users write. The server writes as the owner
// of the tables, and the constraints hold for its rows as well.
bool is_for_users(const Trigger *trigger, Oid schema)
{
	static constexpr const char *names[] = {"explain_check_violation", "protect_columns"};

	if (!TRIGGER_FOR_BEFORE(trigger->tgtype) || get_func_namespace(trigger->tgfoid) != schema)
		return false;
	const char *function = get_func_name(trigger->tgfoid);
	for (const char *name : names)
		if (function != nullptr && strcmp(function, name) == 0)
			return true;
	return false;
}

// Raise the error of RI_FKey_check() for a key that is missing.
[[noreturn]] void raise_missing_key(const RowWriter *writer, Relation rel, const pg_uuid_t *id)
{
	const char *constraint = get_constraint_name(writer->checked_constraint);

	ereport(ERROR, errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
			errmsg("insert or update on table \"%s\" violates foreign key constraint \"%s\"", RelationGetRelationName(rel),
				   constraint),
			errdetail("Key (%s)=(%s) is not present in table \"%s\".", writer->reference->column,
					  DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(id))), RelationGetRelationName(writer->pk_rel)),
			errtableconstraint(rel, constraint));
	pg_unreachable();
}

} // namespace

// Open the referenced table and find the columns of the key.
void open_reference(RowWriter *writer, Oid schema, const Reference *reference)
{
	writer->reference = reference;
	writer->fk_attnum = get_attnum(writer->rel, reference->column, UUIDOID);
	writer->pk_rel = open_table(schema, reference->table, RowShareLock);
	writer->pk_attnum = get_attnum(writer->pk_rel, "id", UUIDOID);
	writer->pk_slot = table_slot_create(writer->pk_rel, &writer->estate->es_tupleTable);
}

// Remove the triggers that are for rows of users, before the first row.
void skip_triggers_for_users(ResultRelInfo *result_rel)
{
	TriggerDesc *trigdesc = result_rel->ri_TrigDesc;
	Oid schema = RelationGetNamespace(result_rel->ri_RelationDesc);

	if (skips_checked_function && trigdesc != nullptr)
		remove_triggers(trigdesc, [&](const Trigger *trigger) { return is_for_users(trigger, schema); });
}

// Remove the triggers whose check is made in another way from those of the table or partition, before its first row.
void skip_checked_triggers(RowWriter *writer, ResultRelInfo *partition)
{
	TriggerDesc *trigdesc = partition->ri_TrigDesc;

	writer->checked_constraint = InvalidOid;
	if (trigdesc == nullptr)
		return;
	if (skips_checked_function && writer->checked_function != nullptr)
		remove_triggers(trigdesc,
						[&](const Trigger *trigger) { return is_before_trigger_of(trigger, writer->checked_function); });
	skip_triggers_for_users(partition);
	if (writer->pk_rel == nullptr)
		return;
	writer->checked_constraint = find_checkable_fk(writer, partition);
	if (OidIsValid(writer->checked_constraint))
		remove_triggers(trigdesc, [&](const Trigger *trigger) {
			return trigger->tgconstraint == writer->checked_constraint && trigger->tgfoid == F_RI_FKEY_CHECK_INS;
		});
}

// Check that the row referenced by the new row exists, if its trigger was removed. The tid tells where it was when it
// was locked.
void check_foreign_key(RowWriter *writer, ResultRelInfo *partition, const ItemPointerData *referenced_tid)
{
	Relation pk_rel = writer->pk_rel;
	ItemPointerData found;
	bool is_null;

	if (!OidIsValid(writer->checked_constraint))
		return;
	Datum value = slot_getattr(writer->slot, writer->fk_attnum, &is_null);
	if (is_null)
		return;
	const pg_uuid_t *id = DatumGetUUIDP(value);
	if (fetch_by_tid(pk_rel, writer->pk_attnum, id, referenced_tid, writer->pk_slot))
		return;
	if (!find_by_id(pk_rel, writer->pk_attnum, id, &found))
		raise_missing_key(writer, partition->ri_RelationDesc, id);
}

} // namespace row_writer
