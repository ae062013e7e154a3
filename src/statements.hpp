// The calls that C++ makes into SQL, each as a function with typed arguments
// and results. All need SPI connected.
#ifndef CAMPAIGN_STATEMENTS_HPP
#define CAMPAIGN_STATEMENTS_HPP

#include "pg.hpp"

namespace statements {

struct Claim
{
	ArrayType *timers; // nullptr: none
	int count;
	TimestampTz claimed_to;
};

// The moves of one statement as the log takes them, an array a column.
struct LogColumns
{
	Datum ids;
	Datum campaigns;
	Datum from;
	Datum to;
	Datum events;
	Datum metadata;
	Datum stamps;
};

// The plans of one schema, kept for the process.
struct Plans;
Plans *plans_for(Oid schema);

bool is_active(Plans *plans);

// only: nullptr, or the timers to choose from. The ids are made in `keep`.
Claim claim(Plans *plans, TimestampTz as_of, TimestampTz since, int most, ArrayType *only, MemoryContext keep);

// The earliest timer due by as_of that waits behind those applied, or DT_NOEND.
TimestampTz apply(Plans *plans, ArrayType *timers, TimestampTz as_of);

void fail(Plans *plans, const pg_uuid_t *timer, TimestampTz as_of, const ErrorData *error);

// The least time that a timer scheduled since then waits for, or DT_NOEND.
TimestampTz next_due(Plans *plans, TimestampTz since);

// Of these pairs of states, the first that is no row of the state machine.
bool find_illegal_move(Plans *plans, Datum from, Datum to, char **from_state, char **to_state);

void write_log(Plans *plans, const LogColumns *rows);
void notify_moves(Plans *plans, const LogColumns *rows);

// Copies, so the values may go. nulls: nullptr if there are none.
Datum array_of(Datum *values, bool *nulls, int count, Oid type);
ArrayType *uuid_array(const pg_uuid_t *ids, int count);

} // namespace statements

#endif
