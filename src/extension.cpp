// Every transaction of the worker begins here. DROP EXTENSION, DROP SCHEMA
// CASCADE and DROP OWNED lock the extension before they lock its tables, and a
// worker that holds a batch's row locks must not meet them halfway: so the
// extension is locked first, without waiting. Promises a site that stays true
// until the transaction ends.
#include "extension.hpp"

#include "bracket.hpp"

namespace extension {

namespace {

Oid schema_of(Oid extension_oid)
{
	Oid schema = InvalidOid;
	ScanKeyData key;
	Relation relation = table_open(ExtensionRelationId, AccessShareLock);

	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(extension_oid));
	SysScanDesc scan = systable_beginscan(relation, ExtensionOidIndexId, true, nullptr, 1, &key);
	HeapTuple tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		schema = reinterpret_cast<Form_pg_extension>(GETSTRUCT(tuple))->extnamespace;
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return schema;
}

Oid owner_of_table(Oid schema, const char *table)
{
	Oid relation = get_relname_relid(table, schema);
	Oid owner = InvalidOid;

	if (!OidIsValid(relation))
		return InvalidOid;
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	Form_pg_class form = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
	if (form->relkind == RELKIND_RELATION)
		owner = form->relowner;
	ReleaseSysCache(tuple);
	return owner;
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

// A dump does not carry the row, and a clone's row holds a foreign oid: both
// start paused. It is read with the rights of the bookkeeping's own owner, who
// is the extension's; a plain SELECT there runs nobody's code.
bool is_active(Oid schema, statements::Plans *plans)
{
	Oid keeper = owner_of_table(schema, "campaign_activation");
	bool active = false;

	if (!OidIsValid(keeper))
		return false;
	bracket::as(keeper, [&] { active = statements::is_active(plans); });
	return active;
}

// The version is a table of the user's, who may have put anything in its place:
// it is read with the rights of the tables' owner, and so that nothing of his is
// left in the session, where planning alone can call functions of his. Nothing of
// this is read in a copy that is paused, of which a restore may have made but a
// part.
bool are_tables_current(Oid schema, const Site &site)
{
	bool current = false;

	if (!OidIsValid(owner_of_table(schema, "campaign_tables_version")))
		return false;
	bracket::reading_as(site.owner, [&] { current = statements::are_tables_current(site.plans); });
	return current;
}

Site look(bool wait)
{
	Site site = {Presence::absent, nullptr, InvalidOid};
	Oid extension_oid = get_extension_oid(name, true);

	if (!OidIsValid(extension_oid))
		return site;
	if (!lock_extension(extension_oid, wait))
	{
		site.presence = Presence::busy;
		return site;
	}
	// Another one may have gone, and come again, while we were looking.
	if (get_extension_oid(name, true) != extension_oid)
		return site;
	Oid schema = schema_of(extension_oid);
	site.owner = owner_of_table(schema, "campaign_timers");
	site.plans = statements::plans_for(schema);
	if (!OidIsValid(site.owner))
		site.presence = Presence::no_tables;
	else if (!is_active(schema, site.plans))
		site.presence = Presence::paused;
	else
		site.presence = are_tables_current(schema, site) ? Presence::ready : Presence::old_tables;
	return site;
}

} // namespace

Site enter()
{
	return look(false);
}

Site visit()
{
	return look(true);
}

Oid bookkeeping_table(const char *table)
{
	Oid extension_oid = get_extension_oid(name, true);

	return OidIsValid(extension_oid) ? get_relname_relid(table, schema_of(extension_oid)) : InvalidOid;
}

} // namespace extension
