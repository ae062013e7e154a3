// One turn of the worker: one batch, from claim to commit.
#ifndef CAMPAIGN_BATCH_HPP
#define CAMPAIGN_BATCH_HPP

#include "extension.hpp"
#include "pg/compat.hpp"

namespace batch {

struct Order
{
	TimestampTz since;     // claim what is scheduled from here
	TimestampTz floor;     // what is still waiting is asked from here
	int most;              // timers
	bool isolate_anything; // a passing trouble, too, is taken apart
};

struct Result
{
	extension::ExtensionState extension_state;
	TimestampTz as_of;
	int claimed;
	int64 look_us; // what finding these and the next ones took
	int succeeded;
	int failed;
	int left;
	bool full;            // there may be more
	TimestampTz done_to;  // claim the next batch from here
	TimestampTz stuck;    // due, but locked or put off: the earliest such
	TimestampTz next_due; // the earliest that is due later
	ErrorData *error;     // the last one; without `apart` the batch was undone
	bool apart;           // the batch was taken apart
	bool marked;          // there may be timers that go the marked way
};

// Memory for the result comes from the current context.
Result run(const Order &order);

} // namespace batch

#endif
