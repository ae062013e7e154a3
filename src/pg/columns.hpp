// The number of a column, which a user's own columns may have moved.
#ifndef CAMPAIGN_COLUMNS_HPP
#define CAMPAIGN_COLUMNS_HPP

#include "pg/compat.hpp"

namespace columns {

// Whether a column of the type holds what is wanted: TEXTOID also stands for
// varchar, InvalidOid for any type, and each for a domain over it.
bool type_matches(Oid type, Oid wanted);

// The place of a column, from 1, among those from `first` on; 0 if none of this
// name holds the type. get_attnum() raises instead, and says which it is.
int find_attnum(TupleDesc columns, int first, const char *name, Oid type);
int get_attnum(Relation relation, const char *name, Oid type);

} // namespace columns

#endif
