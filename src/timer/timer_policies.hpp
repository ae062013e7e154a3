// Which timers campaigns are to have in the state that they have entered.
#ifndef CAMPAIGN_TIMER_POLICIES_HPP
#define CAMPAIGN_TIMER_POLICIES_HPP

#include "pg/compat.hpp"
#include "timer/state_machine.hpp"

namespace timer_policies {

// A timer of a campaign that waits or runs.
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
};

// Return the timers of these campaigns that wait or run, in their order.
PendingTimer *pending_timers_of(spi_query::Schema *schema, Datum campaigns, int *count);

// Campaigns as SPI has returned them.
struct CampaignRows
{
	SPITupleTable *table;
	int count;
};

// Return campaigns as they are now, in the order asked for; some may be gone. tids: where they were last, or 0.
CampaignRows read_campaigns(spi_query::Schema *schema, Datum campaigns, Datum tids, int count);

// A timer that waits and is to have another time, or is to be cancelled.
struct Change
{
	pg_uuid_t timer;
	pg_uuid_t campaign;
	ItemPointerData tid;
	TimestampTz time; // DT_NOEND: cancelled
};

struct Addition
{
	int campaign_index; // among the campaigns asked for
	Datum type;         // text
	TimestampTz time;
};

struct Changes
{
	Change *changes;
	int count;
	Addition *additions;
	int addition_count;
	TimestampTz lowest; // of the timers that waited before, the earliest due one, or DT_NOEND
};

// entered: a time for each campaign. tids: where their rows are, or 0.
Changes changes_for(spi_query::Schema *schema, const state_machine::StateMachine &lifecycle, Datum campaigns, Datum tids,
					const Datum *entered, int count, TimestampTz as_of);

} // namespace timer_policies

#endif
