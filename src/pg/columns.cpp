// Finds columns by name and type, because users add, drop and reorder columns of the tables.
#include "pg/columns.hpp"

namespace columns {

bool type_matches(Oid type, Oid wanted)
{
	auto is = [wanted](Oid known) { return known == wanted || (wanted == TEXTOID && known == VARCHAROID); };

	return wanted == InvalidOid || is(type) || is(getBaseType(type));
}

int find_attnum(TupleDesc columns, int first, const char *name, Oid type)
{
	for (int place = first; place <= columns->natts; place++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, place - 1);

		if (!column->attisdropped && strcmp(NameStr(column->attname), name) == 0 && type_matches(column->atttypid, type))
			return place;
	}
	return 0;
}

int get_attnum(Relation relation, const char *name, Oid type)
{
	TupleDesc columns = RelationGetDescr(relation);
	int place = find_attnum(columns, 1, name, type);

	if (place > 0)
		return place;
	if (find_attnum(columns, 1, name, InvalidOid) > 0)
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("column \"%s\" of table \"%s\" is not of type %s", name, RelationGetRelationName(relation),
					   format_type_be(type)));
	ereport(ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
			errmsg("table \"%s\" has no column \"%s\"", RelationGetRelationName(relation), name),
			errhint("A table that timers write to, or that a trigger of the extension is on, has this column: add it again."));
	pg_unreachable();
}

} // namespace columns
