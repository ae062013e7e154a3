// A BEFORE trigger of campaigns and campaign_timers. A role that has been granted single columns may name all of them,
// as object-relational mappers do, and still decides nothing that is the server's. Promises that the times of creation
// are the server's, that a row keeps its identity, and that only the server says when a timer was executed.
//
// A role with the privilege on the whole table, as the owner has it, may import history and is not restricted.
#include "pg/columns.hpp"
#include "trigger/trigger_utils.hpp"

namespace {

constexpr const char *executed_at = "executed_at";

struct Row
{
	TriggerData *data;
	TupleDesc columns;
	HeapTuple tuple;
};

Datum value_of(HeapTuple tuple, TupleDesc columns, int attnum, bool *is_null)
{
	return heap_getattr(tuple, attnum, columns, is_null);
}

bool is_unrestricted(Relation relation, AclMode mode)
{
	return relation->rd_rel->relowner == GetUserId() ||
		   pg_class_aclcheck(RelationGetRelid(relation), GetUserId(), mode) == ACLCHECK_OK;
}

[[noreturn]] void refuse(const Row &row, const char *column, const char *hint)
{
	ereport(
		ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
		errmsg("permission denied to set column \"%s\" of table \"%s\"", column, RelationGetRelationName(row.data->tg_relation)),
		errhint("%s", hint), errtablecol(row.data->tg_relation, columns::get_attnum(row.data->tg_relation, column, InvalidOid)));
	pg_unreachable();
}

void set_value(Row *row, int attnum, Datum value, bool is_null)
{
	row->tuple = heap_modify_tuple_by_cols(row->tuple, row->columns, 1, &attnum, &value, &is_null);
}

// Set a time of the new row to the start of the transaction, as the column's default does.
void set_to_now(Row *row, const char *column)
{
	int attnum = columns::find_attnum(row->columns, 1, column, TIMESTAMPTZOID);

	if (attnum == 0)
		return;
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	int64 unit = columns::timestamp_unit(row->columns, attnum);
	int64 rest = now % unit;
	set_value(row, attnum, TimestampTzGetDatum(now - (rest < 0 ? rest + unit : rest)), false);
}

// Return whether the time is the old one as a client keeps it that knows milliseconds or seconds only.
bool is_rounded(TimestampTz time, TimestampTz old_time)
{
	return time > old_time - USECS_PER_SEC && time < old_time + USECS_PER_SEC &&
		   (time % 1000 == 0 || time % USECS_PER_SEC == 0 || time == old_time);
}

// Keep the old value of executed_at if the new one is the same time rounded, or NULL from a stale copy of the row.
void keep_executed_at(Row *row, int attnum)
{
	bool is_null;
	bool old_is_null;
	Datum value = value_of(row->tuple, row->columns, attnum, &is_null);
	Datum old_value = value_of(row->data->tg_trigtuple, row->columns, attnum, &old_is_null);

	if (!is_null && (old_is_null || !is_rounded(DatumGetTimestampTz(value), DatumGetTimestampTz(old_value))))
		refuse(*row, executed_at, "The server sets it when the timer is executed.");
	if (is_null != old_is_null || (!is_null && value != old_value))
		set_value(row, attnum, old_value, old_is_null);
}

// Refuse another value of a column by which other rows and sessions know the row.
void check_unchanged(const Row &row, const char *column)
{
	bool is_null;
	bool old_is_null;
	int attnum = columns::get_attnum(row.data->tg_relation, column, InvalidOid);
	Datum value = value_of(row.tuple, row.columns, attnum, &is_null);
	Datum old_value = value_of(row.data->tg_trigtuple, row.columns, attnum, &old_is_null);
	Form_pg_attribute attr = TupleDescAttr(row.columns, attnum - 1);

	if (is_null != old_is_null || (!is_null && !datum_image_eq(value, old_value, attr->attbyval, attr->attlen)))
		refuse(row, column, "Insert another row instead. An UPDATE may name the column with its old value.");
}

void check_insert(Row *row)
{
	const Trigger *trigger = row->data->tg_trigger;

	set_to_now(row, "created_at");
	set_to_now(row, "updated_at");
	for (int i = 0; i < trigger->tgnargs; i++)
	{
		bool is_null;

		if (strcmp(trigger->tgargs[i], executed_at) != 0)
			continue;
		(void) value_of(row->tuple, row->columns, columns::get_attnum(row->data->tg_relation, executed_at, InvalidOid), &is_null);
		if (!is_null)
			refuse(*row, executed_at, "The server sets it when the timer is executed. NULL may be given.");
	}
}

void check_update(Row *row)
{
	int attnum = columns::find_attnum(row->columns, 1, "created_at", TIMESTAMPTZOID);
	const Trigger *trigger = row->data->tg_trigger;

	for (int i = 0; i < trigger->tgnargs; i++)
		if (strcmp(trigger->tgargs[i], executed_at) == 0)
			keep_executed_at(row, columns::get_attnum(row->data->tg_relation, executed_at, TIMESTAMPTZOID));
		else
			check_unchanged(*row, trigger->tgargs[i]);
	if (attnum > 0)
	{
		bool is_null;
		Datum old_value = value_of(row->data->tg_trigtuple, row->columns, attnum, &is_null);

		set_value(row, attnum, old_value, is_null);
	}
}

} // namespace

// The arguments are the columns that an UPDATE may not change. Those of a new row are the writer's, except executed_at.
SQL_FUNCTION(protect_columns)
{
	TriggerData *data = trigger_utils::trigger_call(fcinfo, "protect_columns", TRIGGER_EVENT_ROW | TRIGGER_EVENT_BEFORE);
	Row row = {data, RelationGetDescr(data->tg_relation), trigger_utils::written_row(data, "protect_columns")};
	bool is_insert = TRIGGER_FIRED_BY_INSERT(data->tg_event);

	if (is_unrestricted(data->tg_relation, is_insert ? ACL_INSERT : ACL_UPDATE))
		return PointerGetDatum(row.tuple);
	if (is_insert)
		check_insert(&row);
	else
		check_update(&row);
	return PointerGetDatum(row.tuple);
}
