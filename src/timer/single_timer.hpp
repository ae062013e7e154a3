// Runs timers that run alone: those with a handler, and those that have lost their worker.
#ifndef CAMPAIGN_SINGLE_TIMER_HPP
#define CAMPAIGN_SINGLE_TIMER_HPP

#include "pg/spi_query.hpp"

namespace single_timer {

enum class SingleOutcome
{
	none, // no timer to run alone
	succeeded,
	failed,    // a failed attempt, recorded
	postponed, // tried again soon; not an attempt
};

struct SingleResult
{
	SingleOutcome outcome;
	TimestampTz follow_up; // the earliest due timer of the campaign, or DT_NOEND
	ErrorData *error;
};

// Timers that were postponed and are left out, so that later timers are run too.
struct SkipList
{
	static constexpr int max = 128;

	int count;
	pg_uuid_t timers[max];
};

struct SingleRequest
{
	TimestampTz scan_from; // scheduled from here
	bool everything;       // also timers without a handler
};

// Return whether a timer is due that must run alone.
bool is_due(spi_query::Schema *schema, TimestampTz as_of, TimestampTz scan_from);

// Run one timer that is not in the skip list, in transactions of its own. A postponed timer is added to the list if
// there is room.
SingleResult run(const SingleRequest &request, SkipList *skip_list);

// Mark a timer RUNNING that this transaction has claimed, and take its session lock. Release the session lock if the commit fails.
void mark(spi_query::Schema *schema, const pg_uuid_t &timer, TimestampTz as_of);
void release_session_lock();

// Run a timer that was marked by mark() in a transaction that is committed.
SingleResult run_marked(const pg_uuid_t &timer, TimestampTz as_of, SkipList *skip_list);

// Run one timer that has a handler in a subtransaction of a client, without marking it RUNNING. The transaction is
// connected to SPI and acts as the owner.
SingleResult run_for_client(spi_query::Schema *schema, TimestampTz as_of, TimestampTz scan_from, SkipList *skip_list);

} // namespace single_timer

#endif
