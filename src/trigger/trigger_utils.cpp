// Any user may call a trigger function or put it on a table, so each function checks how it is called.
#include "trigger/trigger_utils.hpp"

namespace trigger_utils {

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

} // namespace trigger_utils
