// What a batch reads, read before its timers are due.
#ifndef CAMPAIGN_PREWARM_HPP
#define CAMPAIGN_PREWARM_HPP

#include "pg/compat.hpp"

namespace prewarm {

// For a timer that is due at this time. Writes nothing, locks no row, and leaves
// an error to the batch, which will meet it too.
void run(TimestampTz due);

} // namespace prewarm

#endif
