// Searches tuple descriptors, which the relation cache holds, so no catalog is read.
#include "pg/columns.hpp"

namespace columns {

bool type_matches(Oid type, Oid wanted)
{
	auto is = [wanted](Oid known) { return known == wanted || (wanted == TEXTOID && known == VARCHAROID); };

	return wanted == InvalidOid || is(type) || is(getBaseType(type));
}

int find_attnum(TupleDesc columns, int first, const char *name, Oid type)
{
	for (int attnum = first; attnum <= columns->natts; attnum++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, attnum - 1);

		if (!column->attisdropped && strcmp(NameStr(column->attname), name) == 0 && type_matches(column->atttypid, type))
			return attnum;
	}
	return 0;
}

int get_attnum(Relation relation, const char *name, Oid type)
{
	TupleDesc columns = RelationGetDescr(relation);
	int attnum = find_attnum(columns, 1, name, type);

	if (attnum > 0)
		return attnum;
	if (find_attnum(columns, 1, name, InvalidOid) > 0)
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("column \"%s\" of table \"%s\" is not of type %s", name, RelationGetRelationName(relation),
					   format_type_be(type)));
	ereport(ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
			errmsg("table \"%s\" has no column \"%s\"", RelationGetRelationName(relation), name),
			errhint("Add the column again. Timers write it, or a trigger of the extension reads it."));
	pg_unreachable();
}

int64 timestamp_unit(TupleDesc columns, int attnum)
{
	Form_pg_attribute column = TupleDescAttr(columns, attnum - 1);
	int32 typmod = column->atttypmod;
	int64 unit = 1;

	if (column->atttypid != TIMESTAMPTZOID)
		(void) getBaseTypeAndTypmod(column->atttypid, &typmod);
	for (int32 digits = typmod; digits >= 0 && digits < MAX_TIMESTAMP_PRECISION; digits++)
		unit *= 10;
	return unit;
}

int max_characters(Oid type, int32 typmod)
{
	if (getBaseTypeAndTypmod(type, &typmod) != VARCHAROID || typmod < static_cast<int32>(VARHDRSZ))
		return -1;
	return typmod - static_cast<int32>(VARHDRSZ);
}

} // namespace columns
