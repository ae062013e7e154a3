// Runs one batch: timers that are claimed, applied and committed together.
#ifndef CAMPAIGN_BATCH_HPP
#define CAMPAIGN_BATCH_HPP

#include "extension.hpp"
#include "pg/compat.hpp"

namespace batch {

// Lets workers of one database share a backlog. Each function may be called within the batch's transaction.
struct WorkerHooks
{
	void (*on_full_batch)(TimestampTz from, TimestampTz to); // this range is claimed
	TimestampTz (*skip_claimed)(TimestampTz scan_from); // return the end of the ranges that other workers have claimed from here
	void (*on_next_due_read)();                         // the worker knows all timers written so far
};

struct BatchRequest
{
	TimestampTz scan_from;  // claim timers that are scheduled from here on
	TimestampTz pass_start; // search for blocked timers and the next due one from here on
	int limit;              // timers
	bool isolate_transient; // isolate also after an error that says nothing about the timers
	const WorkerHooks *hooks;

	// The schema for a client, or nullptr for a worker. The client's transaction is connected to SPI and acts as the
	// owner. Subtransactions then take the place of transactions, and nothing is searched for after the batch.
	spi_query::Schema *client_schema;
	TimestampTz as_of; // for a client
};

struct BatchResult
{
	extension::ExtensionState extension_state;
	TimestampTz as_of;
	int claimed;
	int64 search_us; // the time that finding these timers and the next ones took
	int succeeded;
	int failed;
	int postponed;
	int unattempted;              // to be tried again soon
	bool full;                    // there may be more due timers
	TimestampTz claimed_to;       // claim the next batch from here
	TimestampTz earliest_blocked; // the earliest timer that is due, but locked or postponed
	TimestampTz next_due;         // the earliest timer that is due later
	ErrorData *error;             // the last one; the batch was rolled back unless it is isolated
	bool isolated;
	bool single_due; // there may be timers that run alone
};

// Run one batch. The result is allocated in the current context.
BatchResult run(const BatchRequest &request);

} // namespace batch

#endif
