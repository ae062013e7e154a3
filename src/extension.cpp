// Opens the extension at the start of a transaction. DROP EXTENSION, DROP SCHEMA CASCADE and DROP OWNED lock the extension before its
// tables. A worker that holds a batch's row locks would deadlock with them, so it locks the extension first, without waiting. The
// ExtensionInfo stays true until the transaction ends.
#include "extension.hpp"

#include "pg/columns.hpp"
#include "pg/xact.hpp"

namespace extension {

namespace {

struct Entry
{
	Oid schema;
	Datum version; // text
};

// Read the row of pg_extension.
Entry entry_of(Oid extension_oid)
{
	Entry entry = {InvalidOid, 0};
	bool is_null;
	ScanKeyData key;
	Relation relation = table_open(ExtensionRelationId, AccessShareLock);

	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(extension_oid));
	SysScanDesc scan = systable_beginscan(relation, ExtensionOidIndexId, true, nullptr, 1, &key);
	HeapTuple tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		entry.schema = reinterpret_cast<Form_pg_extension>(GETSTRUCT(tuple))->extnamespace;
		Datum version = heap_getattr(tuple, Anum_pg_extension_extversion, RelationGetDescr(relation), &is_null);
		entry.version = PointerGetDatum(DatumGetTextPCopy(version));
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return entry;
}

// Return a plain table, or InvalidOid.
Oid table_of(Oid schema, const char *name)
{
	Oid table = get_relname_relid(name, schema);

	return OidIsValid(table) && get_rel_relkind(table) == RELKIND_RELATION ? table : InvalidOid;
}

bool lock_extension(Oid extension_oid, bool wait)
{
	LOCKTAG tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, ExtensionRelationId, extension_oid, 0);
	if (LockAcquire(&tag, AccessShareLock, false, !wait) == LOCKACQUIRE_NOT_AVAIL)
		return false;
	AcceptInvalidationMessages();
	return true;
}

// Return whether a row of a small table satisfies the condition. The table is read as catalogs are, so no user's code runs and no
// privileges are checked.
template <typename F> bool has_row(Oid schema, const char *table, F wanted)
{
	Oid oid = table_of(schema, table);
	bool found = false;

	if (!OidIsValid(oid))
		return false;
	Relation relation = table_open(oid, AccessShareLock);
	SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, nullptr, 0, nullptr);
	while (!found)
	{
		HeapTuple tuple = systable_getnext(scan);

		if (!HeapTupleIsValid(tuple))
			break;
		found = wanted(relation, tuple);
	}
	systable_endscan(scan);
	table_close(relation, NoLock);
	return found;
}

Datum value_of(Relation relation, HeapTuple row, const char *column, Oid type)
{
	TupleDesc columns = RelationGetDescr(relation);
	int attnum = columns::find_attnum(columns, 1, column, type);
	bool is_null = true;
	Datum value = attnum > 0 ? heap_getattr(row, attnum, columns, &is_null) : static_cast<Datum>(0);

	return is_null ? static_cast<Datum>(0) : value;
}

// Return whether this database may run timers. A dump does not carry the row, and a clone's row has a foreign oid, so both start paused.
bool is_active(Oid schema)
{
	return has_row(schema, "campaign_activation", [](Relation relation, HeapTuple row) {
		return DatumGetObjectId(value_of(relation, row, "database_oid", OIDOID)) == MyDatabaseId &&
			   !DatumGetBool(value_of(relation, row, "paused", BOOLOID));
	});
}

// Return whether the tables have the version of the functions. This table belongs to the user; it is not read in a paused copy, which a
// restore may have loaded in part.
bool are_tables_current(const Entry &entry)
{
	return has_row(entry.schema, "campaign_tables_version", [&](Relation relation, HeapTuple row) {
		Datum version = value_of(relation, row, "version", TEXTOID);

		return version != 0 && pg::same_text(version, entry.version);
	});
}

bool is_current(const Entry &entry)
{
	return entry.version != 0 && pg::same_text(entry.version, CStringGetTextDatum(version));
}

ExtensionInfo open_internal(bool wait)
{
	ExtensionInfo ext = {ExtensionState::absent, nullptr, InvalidOid};
	Oid extension_oid = get_extension_oid(name, true);

	if (!OidIsValid(extension_oid))
		return ext;
	if (!lock_extension(extension_oid, wait))
	{
		ext.extension_state = ExtensionState::busy;
		return ext;
	}
	// DROP EXTENSION and CREATE EXTENSION may have run since the first lookup.
	if (get_extension_oid(name, true) != extension_oid)
		return ext;
	Entry entry = entry_of(extension_oid);
	ext.owner = pg::owner_of(table_of(entry.schema, "campaign_timers"));
	ext.schema = spi_query::schema_of(entry.schema);
	if (!is_current(entry))
		ext.extension_state = ExtensionState::other_version;
	else if (!OidIsValid(ext.owner))
		ext.extension_state = ExtensionState::no_tables;
	else if (!is_active(entry.schema))
		ext.extension_state = ExtensionState::paused;
	else
		ext.extension_state = are_tables_current(entry) ? ExtensionState::ready : ExtensionState::old_tables;
	return ext;
}

} // namespace

ExtensionInfo open_nowait()
{
	return open_internal(false);
}

ExtensionInfo open()
{
	return open_internal(true);
}

bool begin_as_owner(ExtensionInfo *ext, bool allow_paused)
{
	*ext = open_nowait();
	if (ext->extension_state != ExtensionState::ready && !(allow_paused && ext->extension_state == ExtensionState::paused))
		return false;
	xact::set_user_until_xact_end(ext->owner);
	return true;
}

char *installed_version()
{
	Oid extension_oid = get_extension_oid(name, true);
	Entry entry = OidIsValid(extension_oid) ? entry_of(extension_oid) : Entry{InvalidOid, 0};

	return entry.version != 0 ? TextDatumGetCString(entry.version) : nullptr;
}

void refuse_version()
{
	ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("extension \"%s\" is of another version than its library, which is %s", name, version),
			errhint("Run ALTER EXTENSION %s UPDATE. If that changes nothing, restart the server.", name));
	pg_unreachable();
}

spi_query::Schema *current_schema()
{
	Entry entry = entry_of(get_extension_oid(name, false));

	if (!is_current(entry))
		refuse_version();
	return spi_query::schema_of(entry.schema);
}

Oid bookkeeping_table(const char *table)
{
	Oid extension_oid = get_extension_oid(name, true);

	return OidIsValid(extension_oid) ? get_relname_relid(table, entry_of(extension_oid).schema) : InvalidOid;
}

} // namespace extension
