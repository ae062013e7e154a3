// Decides which timers campaigns get, keep, reschedule and lose when they enter a state.
#ifndef CAMPAIGN_TIMER_POLICIES_HPP
#define CAMPAIGN_TIMER_POLICIES_HPP

#include "pg/compat.hpp"
#include "timer/policy_rows.hpp"
#include "timer/state_machine.hpp"

namespace timer_policies {

// A pending timer that is rescheduled or cancelled.
struct TimerUpdate
{
	pg_uuid_t timer;
	pg_uuid_t campaign;
	ItemPointerData tid;
	TimestampTz time; // DT_NOEND if it is cancelled
	Datum type;       // text
	Datum behind;     // text: the type of a timer set by hand that it must not overtake, or 0
};

struct TimerInsert
{
	int campaign_index; // among the campaigns asked for, from 0
	Datum type;         // text
	TimestampTz time;
};

struct TimerChanges
{
	TimerUpdate *updates;
	int update_count;
	TimerInsert *inserts;
	int insert_count;
	TimestampTz earliest_due; // of the timers that were pending before, or DT_NOEND
};

// A visit of a state is new where the campaign enters it now. Then no timer of it can have ended.
enum class Visit
{
	begins,
	goes_on,
};

// Find the changes of timers that the current states of these campaigns bring. The caller writes them. entered: the
// times at which the campaigns have entered their states, an array of SQL. tids: the last known tids of their rows, or
// 0.
TimerChanges changes_for(spi_query::Schema *schema, const state_machine::StateMachine &machine, Visit visit, Datum campaigns,
						 Datum tids, Datum entered, int count, TimestampTz as_of);

} // namespace timer_policies

#endif
