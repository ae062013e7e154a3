// Timers that run alone: marked first, with a handler of the user's called after
// their move; and what a lost process or a crash of the server has left.
#ifndef CAMPAIGN_HANDLERS_HPP
#define CAMPAIGN_HANDLERS_HPP

#include "extension.hpp"
#include "pg/compat.hpp"
#include "timer/statements.hpp"

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

// Timers that were left, so that those behind them have their turn.
struct Passed
{
	static constexpr int most = 32;

	int count;
	pg_uuid_t timers[most];
};

struct Order
{
	TimestampTz due_by; // DT_NOEND: now
	TimestampTz since;  // scheduled from here
	bool everything;    // also timers without a handler
};

// One timer, in transactions of the worker's; none that was passed. One that is
// left is added to these, as long as there is room.
Result take(const Order &order, Passed *passed);

struct Remains
{
	extension::ExtensionState extension_state;
	bool is_ready; // timers may fire here, and the install script knows the marked way
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
Result take_here(statements::Plans *plans, TimestampTz as_of, TimestampTz since, Passed *passed);

// Whether this is called by a handler.
bool is_running();

} // namespace handlers

#endif
