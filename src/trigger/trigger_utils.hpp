// Checks how a trigger function is called.
#ifndef CAMPAIGN_TRIGGER_UTILS_HPP
#define CAMPAIGN_TRIGGER_UTILS_HPP

#include "pg/compat.hpp"

namespace trigger_utils {

// Return the data of the trigger. Raise an error unless it is of this kind: TRIGGER_EVENT_ROW or 0, combined with
// TRIGGER_EVENT_BEFORE or TRIGGER_EVENT_AFTER.
TriggerData *trigger_call(FunctionCallInfo fcinfo, const char *function, TriggerEvent kind);

// Raise the error of a function that is called in another way.
[[noreturn]] void refuse_trigger(const char *function);

// Return the row that an INSERT or UPDATE writes. Raise an error for another event.
HeapTuple written_row(const TriggerData *data, const char *function);

} // namespace trigger_utils

#endif
