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

// The row that an INSERT or UPDATE writes; raises for any other event.
HeapTuple written_row(const TriggerData *data, const char *function);

// Whether a column of the type holds what is wanted: TEXTOID also stands for
// varchar, InvalidOid for any type, and each for a domain over it.
bool holds(Oid type, Oid wanted);

// The place of a column, from 1, among those from `first` on; 0 if none of this
// name holds the type. column_of() raises instead, and says which it is.
int find_column(TupleDesc columns, int first, const char *name, Oid type);
int column_of(Relation relation, const char *name, Oid type);

} // namespace module

#endif
