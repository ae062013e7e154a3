// A BEFORE UPDATE trigger of every table that has updated_at. Promises that updated_at grows with each update, even
// if the clock has been set back, and that the column's type can hold it.
#include "guc.hpp"
#include "pg/columns.hpp"
#include "trigger/trigger_utils.hpp"

namespace {

// Return the latest multiple of the unit that is not after the time.
TimestampTz round_down(TimestampTz time, int64 unit)
{
	int64 rest = time % unit;

	return time - (rest < 0 ? rest + unit : rest);
}

} // namespace

// Set updated_at to the current time, or to just after its old value if that is later. Both are in the precision of the
// column, so that a user who reads the column can find the row by it again.
SQL_FUNCTION(update_updated_at_column)
{
	TriggerData *data = trigger_utils::trigger_call(fcinfo, "update_updated_at_column", TRIGGER_EVENT_ROW | TRIGGER_EVENT_BEFORE);
	TupleDesc columns = RelationGetDescr(data->tg_relation);
	bool is_null;

	if (!TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		trigger_utils::refuse_trigger("update_updated_at_column");
	int attnum = columns::get_attnum(data->tg_relation, "updated_at", TIMESTAMPTZOID);
	int64 unit = columns::timestamp_unit(columns, attnum);
	TimestampTz updated_at = round_down(guc::now(), unit);
	Datum old_value = heap_getattr(data->tg_trigtuple, attnum, columns, &is_null);
	if (!is_null && !TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(old_value)))
		updated_at = greatest(updated_at, round_down(DatumGetTimestampTz(old_value), unit) + unit);
	Datum value = TimestampTzGetDatum(updated_at);
	is_null = false;
	return PointerGetDatum(heap_modify_tuple_by_cols(data->tg_newtuple, columns, 1, &attnum, &value, &is_null));
}
