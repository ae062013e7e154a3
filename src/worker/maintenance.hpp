// What worker 0 of a database does as time passes, between timers.
#ifndef CAMPAIGN_MAINTENANCE_HPP
#define CAMPAIGN_MAINTENANCE_HPP

#include "pg/compat.hpp"

namespace maintenance {

// One transaction of upkeep: asks which jobs are due, or makes the next step of
// one. Returns when to come again, which is at once while a round goes on.
TimestampTz step();

} // namespace maintenance

#endif
