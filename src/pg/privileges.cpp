// Follows ExecCheckPermissions() of the server. It differs in that no ExecutorCheckPerms hook is called, because
// other extensions expect that hook inside of a query.
#include "pg/privileges.hpp"

namespace pg {

void check_write_privileges(Relation relation, AclMode mode, const Bitmapset *columns)
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

Oid owner_of(Oid relation)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

} // namespace pg
