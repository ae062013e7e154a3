// What claimed timers do, written as sets.
#ifndef CAMPAIGN_APPLY_HPP
#define CAMPAIGN_APPLY_HPP

#include "pg/compat.hpp"
#include "timer/statements.hpp"

namespace apply {

struct Outcome
{
	TimestampTz follow_up; // the earliest timer that waits behind these and is due as well, or DT_NOEND
	int postponed;         // of these, which is no attempt
};

// At most one timer a campaign, all locked with their campaigns. Their order
// changes. marked: the one timer has its execution row already.
Outcome run(statements::Plans *plans, statements::Claim *claim, TimestampTz as_of, bool marked);

} // namespace apply

#endif
