// Where the server meets the library: the magic block, what loading it does, and
// helpers of its SQL-callable functions. Loaded by a session alone it brings
// settings, triggers and run_due_timers(); preloaded by the server it also brings
// shared memory, hooks and the launcher.
#include "module.hpp"

#include "ddl.hpp"
#include "launcher.hpp"
#include "moves.hpp"
#include "settings.hpp"
#include "shared.hpp"
#include "wake.hpp"

extern "C" {
PG_MODULE_MAGIC;
PGDLLEXPORT void _PG_init();
}

void _PG_init()
{
	settings::define();
	wake::register_callbacks();
	moves::register_callbacks();
	if (!process_shared_preload_libraries_in_progress)
		return;
	shared::request();
	ddl::install_hooks();
	// pg_upgrade starts the old server with the library: nothing may fire there.
	if (!IsBinaryUpgrade)
		launcher::register_process();
}

namespace module {

TriggerData *trigger_call(FunctionCallInfo fcinfo, const char *function, TriggerEvent kind)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		refuse_trigger(function);
	TriggerData *data = reinterpret_cast<TriggerData *>(fcinfo->context);
	if ((data->tg_event & (TRIGGER_EVENT_ROW | TRIGGER_EVENT_TIMINGMASK)) != kind)
		refuse_trigger(function);
	return data;
}

void refuse_trigger(const char *function)
{
	ereport(ERROR, errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			errmsg("function \"%s\" cannot be used this way", function),
			errhint("The campaign tables have the triggers that call it; see install_campaign_tables()."));
	pg_unreachable();
}

HeapTuple written_row(const TriggerData *data, const char *function)
{
	if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		return data->tg_newtuple;
	if (!TRIGGER_FIRED_BY_INSERT(data->tg_event))
		refuse_trigger(function);
	return data->tg_trigtuple;
}

bool holds(Oid type, Oid wanted)
{
	auto is = [wanted](Oid known) { return known == wanted || (wanted == TEXTOID && known == VARCHAROID); };

	return wanted == InvalidOid || is(type) || is(getBaseType(type));
}

int find_column(TupleDesc columns, int first, const char *name, Oid type)
{
	for (int place = first; place <= columns->natts; place++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, place - 1);

		if (!column->attisdropped && strcmp(NameStr(column->attname), name) == 0 && holds(column->atttypid, type))
			return place;
	}
	return 0;
}

int column_of(Relation relation, const char *name, Oid type)
{
	TupleDesc columns = RelationGetDescr(relation);
	int place = find_column(columns, 1, name, type);

	if (place > 0)
		return place;
	if (find_column(columns, 1, name, InvalidOid) > 0)
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("column \"%s\" of table \"%s\" is not of type %s", name, RelationGetRelationName(relation),
					   format_type_be(type)));
	ereport(ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
			errmsg("table \"%s\" has no column \"%s\"", RelationGetRelationName(relation), name),
			errhint("A table that timers write to, or that a trigger of the extension is on, has this column: add it again."));
	pg_unreachable();
}

} // namespace module
