// Holds the state changes of campaigns that a transaction has made but not yet logged.
#ifndef CAMPAIGN_PENDING_CHANGES_HPP
#define CAMPAIGN_PENDING_CHANGES_HPP

#include "pg/compat.hpp"

namespace pending_changes {

struct StateChange
{
	Oid relation;
	SubTransactionId subxact;
	pg_uuid_t id; // of the log row
	pg_uuid_t campaign;
	ItemPointerData campaign_tid;
	Datum from; // text, or 0 if the campaign was created
	Datum to;   // text
	Datum event;
	Datum metadata;
	TimestampTz created_at;
};

// Register the callbacks that end the buffer with its transaction.
void register_callbacks();

int count();

// Return the element that the next state change is written to. It belongs to the buffer only after count_added(), so
// that an error in between leaves the buffer as it was.
StateChange *add();
void count_added();

// Copy a value into the memory of the buffer.
Datum copy(Datum value);

// Return the index of the first state change that a statement on this table writes, or count() if there is none.
int first_to_write(Oid relation);

// State changes that have left the buffer. The caller frees them.
struct DetachedChanges
{
	StateChange *changes;
	int count;
	MemoryContext context; // holds them if no other state change is in it, or nullptr
};

// Remove the state changes from this index on from the buffer, and return them.
DetachedChanges detach_from(int first);
void free_detached(DetachedChanges *detached);

} // namespace pending_changes

#endif
