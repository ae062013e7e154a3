// Makes time-ordered UUIDs for the rows of a batch.
#ifndef CAMPAIGN_UUID_HPP
#define CAMPAIGN_UUID_HPP

#include "pg/compat.hpp"

namespace uuid {

// Make a UUID of version 7 that is greater than the one before in this process.
void make(pg_uuid_t *id);

} // namespace uuid

#endif
