// A batch that fails is taken apart until the timers that fail stand alone.
#ifndef CAMPAIGN_ISOLATE_HPP
#define CAMPAIGN_ISOLATE_HPP

#include "timer/claim.hpp"

namespace isolate {

struct Isolation
{
	spi_query::Schema *schema;
	TimestampTz as_of;
	int64 give_up_at; // by the stopwatch; PG_INT64_MAX: never
	bool for_client;  // whose cancel must reach it

	int succeeded;
	int failed;      // recorded as failed attempts
	int unattempted; // untouched, to be tried again soon
	int postponed;
	int hopeless; // errors that say something of the server
	TimestampTz follow_up;
	ErrorData *last_error;
};

Isolation begin(spi_query::Schema *schema, TimestampTz as_of);

// Runs timers of a batch that has failed with `error`: in parts, each in a
// subtransaction. The transaction is connected to SPI and acts as the owner.
void run(Isolation *isolation, const claim::Claim &claimed, ErrorData *error);

} // namespace isolate

#endif
