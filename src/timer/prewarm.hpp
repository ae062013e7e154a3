// Reads what a batch will read, shortly before its timer is due. See prewarm.cpp.
#ifndef CAMPAIGN_PREWARM_HPP
#define CAMPAIGN_PREWARM_HPP

#include "pg/compat.hpp"

namespace prewarm {

// Read what the batch of a timer that is due at this time will read. Nothing is written and no row is locked. An error
// is ignored, because the batch will raise it again.
void run(TimestampTz due);

} // namespace prewarm

#endif
