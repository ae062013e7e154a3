// What the SQL-callable functions share: the checks of a trigger's call, and the
// place of a column, which a user's own columns may have moved.
#ifndef CAMPAIGN_MODULE_HPP
#define CAMPAIGN_MODULE_HPP

#include "pg.hpp"

namespace module {

// Raises unless called as a trigger of this kind (TRIGGER_EVENT_ROW or 0, and
// TRIGGER_EVENT_BEFORE or TRIGGER_EVENT_AFTER).
TriggerData *trigger_call(FunctionCallInfo fcinfo, const char *function, TriggerEvent kind);
[[noreturn]] void refuse_trigger(const char *function);

// Whether a column of the type holds what is wanted: TEXTOID also stands for
// varchar, InvalidOid for any type, and each for a domain over it.
bool holds(Oid type, Oid wanted);

int column_of(Relation relation, const char *name, Oid type);

} // namespace module

#endif
