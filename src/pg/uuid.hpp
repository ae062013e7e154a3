// Time-ordered UUIDs for rows made on the hot path.
#ifndef CAMPAIGN_UUID_HPP
#define CAMPAIGN_UUID_HPP

#include "pg/compat.hpp"

namespace uuid {

// Version 7, each greater than the one before in this process.
void make(pg_uuid_t *id);

} // namespace uuid

#endif
