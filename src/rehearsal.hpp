// What a batch reads, read before its timers are due.
#ifndef CAMPAIGN_REHEARSAL_HPP
#define CAMPAIGN_REHEARSAL_HPP

#include "pg.hpp"

namespace rehearsal {

// For a timer that is due at this time. Writes nothing, locks no row, and leaves
// an error to the batch, which will meet it too.
void run(TimestampTz due);

} // namespace rehearsal

#endif
