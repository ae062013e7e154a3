// The calls that C++ makes into SQL, each as a function with typed arguments
// and results. All need SPI connected.
#ifndef CAMPAIGN_STATEMENTS_HPP
#define CAMPAIGN_STATEMENTS_HPP

#include "pg/compat.hpp"

namespace statements {

// A timer that is locked, with its campaign. Places are where their rows are.
struct Timer
{
	pg_uuid_t id;
	pg_uuid_t campaign;
	ItemPointerData place;
	ItemPointerData campaign_place;
	Datum type;  // text
	Datum state; // text, the campaign's
	TimestampTz scheduled_at;
	bool by_policy;
	bool retried; // its last attempt has failed
};

struct Claim
{
	Timer *timers;
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
	Oid handler;
	Oid handler_owner;
	int timeout_ms;
	pg_uuid_t campaign;
	Datum payload;
};

// The plans of one schema, kept for the process.
struct Plans;
Plans *plans_for(Oid schema);

// The schema that the plans are for.
Oid schema_of(const Plans *plans);

// Whether the install script is of a version that C++ carries out timers for;
// 1.0 does it in SQL, and returns as apply_by_sql() does the earliest timer due
// by as_of that waits behind those applied, or DT_NOEND.
bool applies_here(Plans *plans);
TimestampTz apply_by_sql(Plans *plans, ArrayType *timers, TimestampTz as_of);

// Timers that are due at this very time, as a claim will find them, but not locked.
Claim peek(Plans *plans, TimestampTz due, int most);

// only: nullptr, or the timers to choose from. All is made in `keep`.
Claim claim(Plans *plans, TimestampTz as_of, TimestampTz since, int most, ArrayType *only, MemoryContext keep);

// Campaigns as they are now, in the order asked for; some may be gone. places:
// where they were last, or 0.
struct Rows
{
	SPITupleTable *table;
	int count;
};

struct Row
{
	HeapTuple tuple;
	TupleDesc columns;
	int place;   // in the order asked for, from 0
	Datum state; // text
};

Rows campaigns_at(Plans *plans, Datum campaigns, Datum places, int count);
Row row_of(const Rows &rows, int index);

// Null also for a column that is not there, or not of this type.
Datum value_of(const Row &row, const char *column, Oid type, bool *is_null);

// The timers of these campaigns that wait or run, in their order.
struct PendingTimer
{
	int place; // of the campaign, from 0
	pg_uuid_t id;
	pg_uuid_t campaign;
	ItemPointerData at;
	Datum type; // text
	TimestampTz scheduled_at;
	bool by_policy;
	bool is_running;
	bool has_failed;
};

PendingTimer *pending_timers_of(Plans *plans, Datum campaigns, int *count);

// The two tables that are the lifecycle.
struct Policy
{
	Datum state;      // text
	Datum timer_type; // text
	char *anchor;     // a column, or nullptr: the time of entering the state
	Interval *delay;
	char *only_when; // a column, or nullptr
};

struct Transition
{
	Datum from_state; // text
	Datum to_state;   // text
	Datum timer_type; // text, or 0: by hand only
};

Policy *policies(Plans *plans, int *count);
Transition *transitions(Plans *plans, int *count);

// Returns how many of these were put off, which is no attempt.
int postponed(Plans *plans, Datum timers, TimestampTz as_of);

void notify_timers(Plans *plans, const char *event, Datum campaigns, Datum timers, Datum types);

void fail(Plans *plans, const pg_uuid_t *timer, TimestampTz as_of, const ErrorData *error);

// The least time that a timer scheduled since then waits for, or DT_NOEND.
TimestampTz next_due(Plans *plans, TimestampTz since);

// Of these pairs of states, the first that is no row of the state machine.
bool find_illegal_transition(Plans *plans, Datum from, Datum to, char **from_state, char **to_state);

// The states that a campaign can move to from this one, as a list in words;
// nullptr for none.
char *next_states(Plans *plans, Datum state);

// Whether this campaign is in a state that no way leads out of.
bool is_in_terminal_state(Plans *plans, Datum campaign);

// Whether the install script is one with upkeep.
bool has_upkeep(Plans *plans);

// Which jobs are due, made in `keep`, and when to ask again (DT_NOEND: not
// planned). since: the last complete round, or DT_NOBEGIN. Returns their number.
int due_upkeep(Plans *plans, TimestampTz as_of, TimestampTz since, char ***jobs, TimestampTz *next_at, MemoryContext keep);

// Returns whether there is more of this job to do at once.
bool run_upkeep_step(Plans *plans, const char *job, TimestampTz as_of);

// Rows of five texts, left in SPI's result: the health of the tables.
void table_health(Plans *plans, TimestampTz as_of);

// Rows of three texts, left in SPI's result: the jobs as pg_cron runs them.
void maintenance(Plans *plans);

void upkeep_failed(Plans *plans, const char *job, TimestampTz as_of, const ErrorData *error);

void write_log(Plans *plans, const LogColumns &rows);
void notify_moves(Plans *plans, const LogColumns &rows);

// The marked way: whether the install script, perhaps an older one, knows it;
// whether it is worth a look; the first timer for it, only
// locked or marked; that timer alone; its handler; what that returned; how it ended.
bool has_marked_way(Plans *plans);
bool single_timer_due(Plans *plans, TimestampTz as_of, TimestampTz since);
bool claim_single_timer(Plans *plans, TimestampTz as_of, TimestampTz since, ArrayType *passed, pg_uuid_t *timer);
bool start_single_timer(Plans *plans, TimestampTz as_of, TimestampTz due_by, TimestampTz since, bool everything,
						ArrayType *passed, pg_uuid_t *timer);
Claim lock_single_timer(Plans *plans, const pg_uuid_t *timer, bool marked, MemoryContext keep);
bool complete_single_timer(Plans *plans, const pg_uuid_t *timer, Datum result, TimestampTz done_at, int took_ms);
Attempt handler_of(Plans *plans, const pg_uuid_t *timer, TimestampTz as_of);
void record_handler(Plans *plans, const pg_uuid_t *timer, TimestampTz as_of, Datum result, bool is_null);
void fail_single_timer(Plans *plans, const pg_uuid_t *timer, TimestampTz as_of, const ErrorData *error);
void release_single_timer(Plans *plans, const pg_uuid_t *timer);
int recover_lost(Plans *plans, TimestampTz as_of);

// An upkeep verb by name, one of the table in the function: its time, age and
// quantity, with nulls as SPI takes them.
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
