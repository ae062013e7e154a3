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

// What is left to do of a timer that runs alone: no handler, or its call.
struct Attempt
{
	TimestampTz follow_up;
	Oid handler;
	Oid handler_owner;
	int timeout_ms;
	pg_uuid_t campaign;
	Datum payload;
};

// The plans of one schema, kept for the process.
struct Plans;
Plans *plans_for(Oid schema);

bool is_active(Plans *plans);

// Whether the tables are of the version that the functions are.
bool are_tables_current(Plans *plans);

// only: nullptr, or the timers to choose from. The ids are made in `keep`.
Claim claim(Plans *plans, TimestampTz as_of, TimestampTz since, int most, ArrayType *only, MemoryContext keep);

// The earliest timer due by as_of that waits behind those applied, or DT_NOEND.
TimestampTz apply(Plans *plans, ArrayType *timers, TimestampTz as_of);

// How many of those applied have been put off, which is no attempt.
int count_put_off(Plans *plans, ArrayType *timers);

void fail(Plans *plans, const pg_uuid_t *timer, TimestampTz as_of, const ErrorData *error);

// The least time that a timer scheduled since then waits for, or DT_NOEND.
TimestampTz next_due(Plans *plans, TimestampTz since);

// Of these pairs of states, the first that is no row of the state machine.
bool find_illegal_move(Plans *plans, Datum from, Datum to, char **from_state, char **to_state);

// Whether the install script is one with upkeep.
bool has_upkeep(Plans *plans);

// Which jobs are due, made in `keep`, and when to ask again (DT_NOEND: not
// planned). since: the last complete round, or DT_NOBEGIN. Returns their number.
int due_upkeep(Plans *plans, TimestampTz as_of, TimestampTz since, char ***jobs, TimestampTz *next_at, MemoryContext keep);

// Returns whether there is more of this job to do at once.
bool run_upkeep_step(Plans *plans, const char *job, TimestampTz as_of);

// Rows of five texts, left in SPI's result: the health of the tables.
void table_health(Plans *plans, TimestampTz as_of);

void upkeep_failed(Plans *plans, const char *job, TimestampTz as_of, const ErrorData *error);

void write_log(Plans *plans, const LogColumns *rows);
void notify_moves(Plans *plans, const LogColumns *rows);

// The marked way: whether the install script, perhaps an older one, knows it;
// whether it is worth a look; the first timer for it, only
// locked or marked; that timer alone; what its handler returned; how it ended.
bool has_marked_way(Plans *plans);
bool marked_due(Plans *plans, TimestampTz as_of, TimestampTz since);
bool claim_marked(Plans *plans, TimestampTz as_of, TimestampTz since, ArrayType *passed, pg_uuid_t *timer);
bool start_marked(Plans *plans, TimestampTz as_of, TimestampTz due_by, TimestampTz since, bool everything, ArrayType *passed,
				  pg_uuid_t *timer);
Attempt finish_marked(Plans *plans, const pg_uuid_t *timer, TimestampTz as_of, bool marked);
void record_handler(Plans *plans, const pg_uuid_t *timer, TimestampTz as_of, Datum result, bool is_null);
void fail_marked(Plans *plans, const pg_uuid_t *timer, TimestampTz as_of, const ErrorData *error);
void release_marked(Plans *plans, const pg_uuid_t *timer);
int recover_lost(Plans *plans, TimestampTz as_of);

// An upkeep verb: its time, age and quantity, with nulls as SPI takes them.
int64 upkeep(Plans *plans, const char *verb, Datum *arguments, const char *nulls);

// All deferred triggers now, and later ones at once; then as they are declared.
void fire_deferred(Plans *plans);
void reset_constraints(Plans *plans);

// What user code may leave behind in a session: cursors WITH HOLD, and prepared
// statements if they count, as a text, or nullptr; objects in the temporary
// schema but for those of oids `except`.
char *session_traces(Plans *plans, bool prepared);
ObjectAddresses *temporary_objects(Plans *plans, Datum except, Datum *oids);

// Copies, so the values may go. nulls: nullptr if there are none.
Datum array_of(Datum *values, bool *nulls, int count, Oid type);
ArrayType *uuid_array(const pg_uuid_t *ids, int count);

} // namespace statements

#endif
