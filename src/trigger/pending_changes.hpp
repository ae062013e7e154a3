// The moves of campaigns that a transaction has made and not yet logged.
#ifndef CAMPAIGN_PENDING_CHANGES_HPP
#define CAMPAIGN_PENDING_CHANGES_HPP

#include "pg/compat.hpp"

namespace pending_changes {

struct StateChange
{
	Oid relation;
	SubTransactionId level;
	pg_uuid_t id;
	pg_uuid_t campaign;
	ItemPointerData place; // of the campaign's row
	Datum from;            // 0: it was created
	Datum to;
	Datum event;
	Datum metadata;
	TimestampTz stamp;
};

void register_callbacks();

// Oldest first.
StateChange *all();
int count();

// A place for the next one, which counts from count_added() on.
StateChange *add();
void count_added();

// A copy that lives as long as the moves do.
Datum keep(Datum value);

int first_to_write(Oid relation);

// Moves that have left the buffer, to be freed by who took them.
struct DetachedChanges
{
	StateChange *changes;
	int count;
	MemoryContext context; // theirs alone, or nullptr
};

DetachedChanges detach_from(int first);
void free_detached(DetachedChanges *taken);

} // namespace pending_changes

#endif
