// What claimed timers do, written as sets.
#ifndef CAMPAIGN_APPLY_HPP
#define CAMPAIGN_APPLY_HPP

#include "timer/claim.hpp"

namespace apply {

struct ApplyResult
{
	TimestampTz follow_up; // the earliest timer that waits behind these and is due as well, or DT_NOEND
	int postponed;         // of these, which is no attempt
};

// At most one timer a campaign, all locked with their campaigns. Their order
// changes. marked: the one timer has its execution row already.
ApplyResult run(spi_query::Schema *schema, claim::Claim *claim, TimestampTz as_of, bool marked);

// Record a failed attempt of the timer.
void fail_timer(spi_query::Schema *schema, const pg_uuid_t *timer, TimestampTz as_of, const ErrorData *error);

} // namespace apply

#endif
