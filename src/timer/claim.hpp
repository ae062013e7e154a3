// Finds and locks due timers.
#ifndef CAMPAIGN_CLAIM_HPP
#define CAMPAIGN_CLAIM_HPP

#include "pg/spi_query.hpp"

namespace claim {

// A timer that is locked, with its campaign.
struct Timer
{
	pg_uuid_t id;
	pg_uuid_t campaign;
	ItemPointerData tid;
	ItemPointerData campaign_tid;
	Datum type;  // text
	Datum state; // text, the campaign's
	TimestampTz scheduled_at;
	bool by_policy;
	bool retried; // its last attempt has failed
};

struct Claim
{
	Timer *timers;
	int count;
	TimestampTz claimed_to; // the next claim starts here
};

// Lock at most `limit` due timers that are scheduled at scan_from or later. only: the timers to choose from, or
// nullptr. The result is allocated in result_cxt.
Claim lock_due(spi_query::Schema *schema, TimestampTz as_of, TimestampTz scan_from, int limit, ArrayType *only,
			   MemoryContext result_cxt);

// Return timers that are scheduled at this time, as a claim finds them, without a lock.
Claim peek(spi_query::Schema *schema, TimestampTz due, int limit);

// Add the rows of SPI's result to the claim. Their columns are those of the queries in claim.cpp.
void add_rows(Claim *claim, MemoryContext result_cxt);

// Return the earliest time from `from` on at which a timer is scheduled, or DT_NOEND if there is none.
TimestampTz next_due(spi_query::Schema *schema, TimestampTz from);

} // namespace claim

#endif
