// The maintenance that worker 0 of a database runs between batches.
#ifndef CAMPAIGN_MAINTENANCE_HPP
#define CAMPAIGN_MAINTENANCE_HPP

#include "pg/compat.hpp"

namespace maintenance {

// Run one transaction: read which jobs are due, or run the next step of one. Return the time of the next step, DT_NOBEGIN while a round
// is in progress.
TimestampTz step();

// Return the time of the last complete round, DT_NOBEGIN if there was none, and go on after that of another process.
TimestampTz last_round();
void go_on_after(TimestampTz round);

} // namespace maintenance

#endif
