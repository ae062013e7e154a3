// Applies claimed timers, one set of rows for each table.
#ifndef CAMPAIGN_APPLY_HPP
#define CAMPAIGN_APPLY_HPP

#include "timer/claim.hpp"

namespace apply {

struct ApplyResult
{
	TimestampTz follow_up; // the earliest due timer that was waiting behind these, or DT_NOEND
	int postponed;         // early timers, which have had no attempt
};

// Apply the claimed timers, at most one for each campaign, all locked with their campaigns. Their order in the claim
// changes. marked: the claim has one timer, which was marked RUNNING.
ApplyResult run(spi_query::Schema *schema, claim::Claim *claim, TimestampTz as_of, bool marked);

// Apply the claimed timers one after another, each as a batch of its own, and call before() with each one first.
ApplyResult run_each(spi_query::Schema *schema, const claim::Claim &claim, TimestampTz as_of,
					 void (*before)(const pg_uuid_t &timer));

// Record a failed attempt of the timer.
void fail_timer(spi_query::Schema *schema, const pg_uuid_t *timer, TimestampTz as_of, const ErrorData *error);

} // namespace apply

#endif
