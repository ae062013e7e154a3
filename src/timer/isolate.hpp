// Splits a failed batch until the timers that fail stand alone.
#ifndef CAMPAIGN_ISOLATE_HPP
#define CAMPAIGN_ISOLATE_HPP

#include "timer/claim.hpp"

namespace isolate {

struct Isolation
{
	spi_query::Schema *schema;
	TimestampTz as_of;
	int64 give_up_at; // on the stopwatch, or PG_INT64_MAX for never
	bool for_client;  // a cancel request must reach the client

	int succeeded;
	int failed;      // recorded as failed attempts
	int unattempted; // unchanged, and tried again soon
	int postponed;
	int server_problems; // in a row: errors that may be a problem of the server
	TimestampTz follow_up;
	ErrorData *last_error;
};

// Return an isolation that has no deadline and is not for a client.
Isolation begin(spi_query::Schema *schema, TimestampTz as_of);

// Run the timers of a batch that has failed with the error, in parts, each in a subtransaction. The transaction is
// connected to SPI and acts as the owner.
void run(Isolation *isolation, const claim::Claim &claimed, ErrorData *error);

// Run one timer alone in a subtransaction, or record its failure.
void run_alone(Isolation *isolation, const pg_uuid_t &timer);

} // namespace isolate

#endif
