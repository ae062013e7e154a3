// Timers that run alone: marked first, with a handler of the user's called after
// their move; and what a lost process or a crash of the server has left.
#ifndef CAMPAIGN_HANDLERS_HPP
#define CAMPAIGN_HANDLERS_HPP

#include "pg.hpp"
#include "statements.hpp"

namespace handlers {

enum class Outcome
{
	none, // no timer to run this way
	succeeded,
	failed, // a failed attempt, recorded
	left,   // tried again soon; not an attempt
};

struct Result
{
	Outcome outcome;
	TimestampTz follow_up; // the earliest due timer of the campaign, or DT_NOEND
	ErrorData *error;
};

struct Order
{
	TimestampTz due_by; // DT_NOEND: now
	TimestampTz since;  // scheduled from here
	bool everything;    // also timers without a handler
};

// One timer, in transactions of the worker's.
Result take(const Order &order);

struct Remains
{
	bool is_ready; // timers may fire here
	int lost;
	ErrorData *error;
};

// Timers whose process is gone become failed attempts.
Remains recover_lost();

// Whether the server has crashed; and that what was due then has been run.
ErrorData *look_for_crash(bool *crashed);
ErrorData *note_clean_run();

// For run_due_timers(): one timer that has a handler, unmarked, in a
// subtransaction. The transaction is connected to SPI and acts as the owner.
Result take_here(statements::Plans *plans, TimestampTz as_of, TimestampTz since);

} // namespace handlers

#endif
