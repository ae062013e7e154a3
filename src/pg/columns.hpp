// Finds a column by name and type. Users may add, drop and reorder columns of the tables, so no attnum is fixed.
#ifndef CAMPAIGN_COLUMNS_HPP
#define CAMPAIGN_COLUMNS_HPP

#include "pg/compat.hpp"

namespace columns {

// Return whether a column of this type can be used where the other type is wanted. TEXTOID accepts varchar too, and
// InvalidOid accepts every type. A domain is accepted as its base type is.
bool type_matches(Oid type, Oid wanted);

// Return the attnum of a column among those from `first` on, or 0 if no column has this name and type.
int find_attnum(TupleDesc columns, int first, const char *name, Oid type);

// Return the attnum of a column. The error that is raised otherwise tells a missing column from one of another type.
int get_attnum(Relation relation, const char *name, Oid type);

// Return the microseconds between two neighbouring values of a column of times, by its type modifier: 1000 for
// timestamptz(3).
int64 timestamp_unit(TupleDesc columns, int attnum);

// Return how many characters a varchar column can hold, or -1 if its length is not limited.
int max_characters(Oid type, int32 typmod);

} // namespace columns

#endif
