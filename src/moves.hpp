// The moves of campaigns that a transaction has made and not yet logged.
#ifndef CAMPAIGN_MOVES_HPP
#define CAMPAIGN_MOVES_HPP

#include "pg.hpp"

namespace moves {

struct Move
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
Move *all();
int count();

// A place for the next one, which counts from count_added() on.
Move *add();
void count_added();

// A copy that lives as long as the moves do.
Datum keep(Datum value);

int first_to_write(Oid relation);

// Moves that have left the buffer, to be freed by who took them.
struct Taken
{
	Move *moves;
	int count;
	MemoryContext context; // theirs alone, or nullptr
};

Taken take_from(int first);
void free_taken(Taken *taken);

} // namespace moves

#endif
