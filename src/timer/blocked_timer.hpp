// Waits for the rows of one due timer that other transactions lock again and again, and executes it.
#ifndef CAMPAIGN_BLOCKED_TIMER_HPP
#define CAMPAIGN_BLOCKED_TIMER_HPP

#include "extension.hpp"
#include "timer/single_timer.hpp"

namespace blocked_timer {

struct Request
{
	TimestampTz from;    // the timers are scheduled from here on
	int64 limit_us;      // of the wait
	bool (*is_wanted)(); // whether other work ends the wait; nullptr: none does
};

enum class Outcome
{
	none,     // no due timer is blocked
	executed, // an attempt was made
	busy,     // the rows of a timer were locked all the time, by one transaction after another
	held,     // every blocked timer waits for a transaction that lasts longer than a wait
	failed,   // an error that is no lock timeout
};

struct Result
{
	extension::ExtensionState extension_state;
	Outcome outcome;
	bool tried; // the worker has waited for some row, or found it free
	TimestampTz as_of;
	int64 search_us; // the time that finding the timer took
	int succeeded;
	int failed;
	TimestampTz follow_up; // the earliest due timer of the campaign, or DT_NOEND
	ErrorData *error;
	single_timer::SingleResult single; // of a timer that runs alone; its outcome is none for any other
};

// Return the outcome's name for messages.
const char *name_of(Outcome outcome);

// Wait for the rows of one timer, and execute it. The result is allocated in the current context.
Result run(const Request &request);

} // namespace blocked_timer

#endif
