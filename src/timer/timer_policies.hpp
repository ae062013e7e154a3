// Decides which timers campaigns get, keep, reschedule and lose when they enter a state.
#ifndef CAMPAIGN_TIMER_POLICIES_HPP
#define CAMPAIGN_TIMER_POLICIES_HPP

#include "pg/compat.hpp"
#include "timer/state_machine.hpp"

namespace timer_policies {

// A timer that is PENDING or RUNNING, or FAILED with an attempt left.
struct PendingTimer
{
	int campaign_index; // among the campaigns asked for, from 0
	pg_uuid_t id;
	pg_uuid_t campaign;
	ItemPointerData tid;
	Datum type; // text
	TimestampTz scheduled_at;
	bool by_policy;
	bool is_running;
	bool has_failed;
	bool is_postponed; // it came too early
};

// Return the pending and running timers of these campaigns, in the order of the campaigns.
PendingTimer *pending_timers_of(spi_query::Schema *schema, Datum campaigns, int *count);

// Campaigns as SPI has returned them.
struct CampaignRows
{
	SPITupleTable *table;
	int count;
};

// Return the current rows of the campaigns, in the order asked for. A campaign may have been deleted. tids: the last
// known tids of their rows, or 0.
CampaignRows read_campaigns(spi_query::Schema *schema, Datum campaigns, Datum tids, int count);

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
