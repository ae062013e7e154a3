// Privileges on tables and their owners, asked for outside of a query. Nothing here calls a hook of another extension.
#ifndef CAMPAIGN_PRIVILEGES_HPP
#define CAMPAIGN_PRIVILEGES_HPP

#include "pg/postgres.hpp"

namespace pg {

// Raise an error unless the current user may write these columns, which are offset as in a Bitmapset of the executor.
void check_write_privileges(Relation relation, AclMode mode, const Bitmapset *columns);

// Return the owner of the relation, or InvalidOid if there is no such relation.
Oid owner_of(Oid relation);

} // namespace pg

#endif
