// A batch that fails is taken apart until the timers that fail stand alone.
#ifndef CAMPAIGN_ISOLATE_HPP
#define CAMPAIGN_ISOLATE_HPP

#include "pg/compat.hpp"
#include "timer/statements.hpp"

namespace isolate {

struct Work
{
	statements::Plans *plans;
	TimestampTz as_of;
	int64 give_up_at; // by the stopwatch; PG_INT64_MAX: never
	bool for_client;  // whose cancel must reach it

	int succeeded;
	int failed; // recorded as failed attempts
	int left;   // untouched, to be tried again soon
	int postponed;
	int hopeless; // errors that say something of the server
	TimestampTz follow_up;
	ErrorData *last_error;
};

Work begin(statements::Plans *plans, TimestampTz as_of);

// Runs timers of a batch that has failed with `error`: in parts, each in a
// subtransaction. The transaction is connected to SPI and acts as the owner.
void run(Work *work, const statements::Claim &claimed, ErrorData *error);

} // namespace isolate

#endif
