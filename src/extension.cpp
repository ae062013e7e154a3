// Opens the extension at the start of a transaction. DROP EXTENSION, DROP SCHEMA CASCADE and DROP OWNED lock the extension before its
// tables. A worker that holds a batch's row locks would deadlock with them, so it locks the extension first, without waiting. The
// ExtensionInfo stays true until the transaction ends.
#include "extension.hpp"

#include "pg/columns.hpp"
#include "pg/xact.hpp"

namespace extension {

namespace {

constexpr const char *internal_schema = "campaign_lifecycle_internal";

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

// The contents of campaign_tables_version.
struct TablesVersion
{
	int rows;
	bool has_id; // not in tables of 1.1
	pg_uuid_t id;
	bool is_current; // a row has the version of the functions
};

TablesVersion tables_version_of(const Entry &entry)
{
	TablesVersion found = {};

	has_row(entry.schema, "campaign_tables_version", [&](Relation relation, HeapTuple row) {
		Datum id = value_of(relation, row, "id", UUIDOID);
		Datum version = value_of(relation, row, "version", TEXTOID);

		found.rows++;
		found.has_id = id != 0;
		if (id != 0)
			found.id = *DatumGetUUIDP(id);
		found.is_current = found.is_current || (version != 0 && pg::same_text(version, entry.version));
		return false;
	});
	return found;
}

// The row of this database in campaign_activation.
struct ActivationRow
{
	bool found;
	bool found_other; // a row of another database
	bool paused;
	bool has_tables_id;
	pg_uuid_t tables_id;
};

ActivationRow activation_row_of(Oid schema)
{
	ActivationRow found = {};

	has_row(schema, "campaign_activation", [&](Relation relation, HeapTuple row) {
		Datum id = value_of(relation, row, "tables_id", UUIDOID);

		found.found = DatumGetObjectId(value_of(relation, row, "database_oid", OIDOID)) == MyDatabaseId;
		found.found_other = found.found_other || !found.found;
		if (!found.found)
			return false;
		found.paused = DatumGetBool(value_of(relation, row, "paused", BOOLOID));
		found.has_tables_id = id != 0;
		if (id != 0)
			found.tables_id = *DatumGetUUIDP(id);
		return true;
	});
	return found;
}

// Return whether the rows of the tables are those of this database. A data-only restore and logical replication bring the row of the
// other database, beside the own one or in its place. TRUNCATE leaves none.
bool is_own_data(const ActivationRow &own, const TablesVersion &tables)
{
	if (tables.rows == 0 || (!tables.has_id && !own.has_tables_id))
		return true;
	return tables.rows == 1 && tables.has_id && own.has_tables_id && memcmp(&tables.id, &own.tables_id, sizeof(pg_uuid_t)) == 0;
}

// Read whether timers fire in this database. A dump does not carry campaign_activation, and a clone's row has a foreign oid, so both start
// paused. There campaign_tables_version is not read, because a restore may be working on it.
Activation activation_of(const Entry &entry, bool *tables_are_current)
{
	ActivationRow own = activation_row_of(entry.schema);

	*tables_are_current = false;
	if (!own.found)
		return own.found_other ? Activation::cloned : Activation::restored;
	TablesVersion tables = tables_version_of(entry);
	*tables_are_current = tables.is_current;
	if (own.paused)
		return Activation::paused;
	return is_own_data(own, tables) ? Activation::active : Activation::loaded;
}

// Return the text of the function that returns the schema for which the functions were made, or nullptr.
char *source_of_schema_name()
{
	Oid schema = get_namespace_oid(internal_schema, true);
	Oid no_arguments = InvalidOid;
	bool is_null = true;
	HeapTuple tuple = SearchSysCache3(PROCNAMEARGSNSP, CStringGetDatum("_schema_name"),
									  PointerGetDatum(buildoidvector(&no_arguments, 0)), ObjectIdGetDatum(schema));

	if (!HeapTupleIsValid(tuple))
		return nullptr;
	Datum source = SysCacheGetAttr(PROCNAMEARGSNSP, tuple, Anum_pg_proc_prosrc, &is_null);
	char *found = is_null ? nullptr : TextDatumGetCString(source);
	ReleaseSysCache(tuple);
	return found;
}

// Return whether ALTER SCHEMA RENAME came after the functions were made, which name the schema.
bool is_renamed(Oid schema)
{
	constexpr char before[] = "SELECT '";
	char *source = source_of_schema_name();
	char *name = get_namespace_name(schema);
	List *names = NIL;

	if (source == nullptr || name == nullptr || strncmp(source, before, strlen(before)) != 0)
		return true;
	// The setting quote_all_identifiers decides whether a plain name is quoted.
	char *quoted = pnstrdup(source + strlen(before), strlen(source) - strlen(before) - 1);
	return !SplitIdentifierString(quoted, '.', &names) || list_length(names) != 1 ||
		   strcmp(static_cast<char *>(linitial(names)), name) != 0;
}

bool is_current(const Entry &entry)
{
	return entry.version != 0 && pg::same_text(entry.version, CStringGetTextDatum(version));
}

// Read whether timers may run.
void read_activation(const Entry &entry, ExtensionInfo *ext)
{
	ext->activation = activation_of(entry, &ext->tables_are_current);
	if (ext->activation != Activation::active)
		ext->extension_state = ExtensionState::paused;
	else
		ext->extension_state = ext->tables_are_current ? ExtensionState::ready : ExtensionState::old_tables;
}

ExtensionInfo open_internal(bool wait)
{
	ExtensionInfo ext = {ExtensionState::absent, nullptr, InvalidOid, Activation::restored, false};
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
	else if (is_renamed(entry.schema))
		ext.extension_state = ExtensionState::renamed;
	else if (!OidIsValid(ext.owner))
		ext.extension_state = ExtensionState::no_tables;
	else
		read_activation(entry, &ext);
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

void refuse_missing_tables()
{
	ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the campaign tables do not exist"),
			errhint("Call install_campaign_tables()."));
	pg_unreachable();
}

void refuse_renamed()
{
	char *schema = get_namespace_name(schema_oid());

	if (!OidIsValid(get_namespace_oid(internal_schema, true)))
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("schema \"%s\" of extension \"%s\" was renamed", internal_schema, name), errhint("Rename it back."));
	ereport(
		ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
		errmsg("the schema of extension \"%s\" was renamed to \"%s\"", name, schema),
		errdetail("Its functions name the schema as it was."),
		errhint("Rename the schema back. Or run DROP EXTENSION %s; CREATE EXTENSION %s SCHEMA %s; which adopts the tables, then "
				"grant_campaign_access() and resume_timers().",
				name, name, quote_identifier(schema)));
	pg_unreachable();
}

spi_query::Schema *current_schema()
{
	Entry entry = entry_of(get_extension_oid(name, false));

	if (!is_current(entry))
		refuse_version();
	if (is_renamed(entry.schema))
		refuse_renamed();
	return spi_query::schema_of(entry.schema);
}

Oid schema_oid()
{
	Oid extension_oid = get_extension_oid(name, true);

	return OidIsValid(extension_oid) ? entry_of(extension_oid).schema : InvalidOid;
}

uint32 tables_number()
{
	Oid extension_oid = get_extension_oid(name, true);
	TablesVersion tables = OidIsValid(extension_oid) ? tables_version_of(entry_of(extension_oid)) : TablesVersion{};
	uint32 number = 0;

	for (int i = 0; i < 4; i++)
		number = (number << 8) | tables.id.data[i];
	return number;
}

bool is_filled(Oid schema, const char *table)
{
	return has_row(schema, table, [](Relation, HeapTuple) { return true; });
}

Oid bookkeeping_table(const char *table)
{
	Oid schema = schema_oid();

	return OidIsValid(schema) ? get_relname_relid(table, schema) : InvalidOid;
}

} // namespace extension

using namespace extension;

// Return in one word whether timers fire in this database: active, paused, restored, cloned or loaded.
SQL_FUNCTION(_activation_state)
{
	constexpr const char *words[] = {"active", "paused", "restored", "cloned", "loaded"};
	bool tables_are_current;
	Activation activation = activation_of(entry_of(get_extension_oid(name, false)), &tables_are_current);

	(void) fcinfo;
	PG_RETURN_TEXT_P(cstring_to_text(words[static_cast<int>(activation)]));
}

// Return the id of the tables, or NULL where they have none, or rows of several databases. Read it as catalogs are read, because a view
// in the place of the table would run its functions as the caller.
SQL_FUNCTION(_tables_id)
{
	TablesVersion tables = tables_version_of(entry_of(get_extension_oid(name, false)));

	if (tables.rows != 1 || !tables.has_id)
		PG_RETURN_NULL();
	pg_uuid_t *id = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t)));
	*id = tables.id;
	PG_RETURN_UUID_P(id);
}
