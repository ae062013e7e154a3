// The checks of a trigger's call.
#ifndef CAMPAIGN_TRIGGER_UTILS_HPP
#define CAMPAIGN_TRIGGER_UTILS_HPP

#include "pg/compat.hpp"

namespace trigger_utils {

// Raises unless called as a trigger of this kind (TRIGGER_EVENT_ROW or 0, and
// TRIGGER_EVENT_BEFORE or TRIGGER_EVENT_AFTER).
TriggerData *trigger_call(FunctionCallInfo fcinfo, const char *function, TriggerEvent kind);
[[noreturn]] void refuse_trigger(const char *function);

// The row that an INSERT or UPDATE writes; raises for any other event.
HeapTuple written_row(const TriggerData *data, const char *function);

} // namespace trigger_utils

#endif
