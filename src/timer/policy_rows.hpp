// Reads the rows that the policies need: campaigns, their waiting timers, and their timers that have ended.
#ifndef CAMPAIGN_POLICY_ROWS_HPP
#define CAMPAIGN_POLICY_ROWS_HPP

#include "pg/spi_query.hpp"

namespace timer_policies {

// Campaigns as SPI has returned them.
struct CampaignRows
{
	SPITupleTable *table;
	int count;
};

// One of CampaignRows.
struct CampaignRow
{
	HeapTuple tuple;
	TupleDesc columns;
	int index;   // among the campaigns asked for, from 0
	Datum state; // text
};

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

// A type of which a campaign has an ended timer.
struct EndedTimer
{
	int campaign_index; // among the campaigns asked for, from 0
	Datum type;         // text
};

// Return the current rows of the campaigns, in the order asked for. A campaign may have been deleted. tids: the last
// known tids of their rows, or 0.
CampaignRows read_campaigns(spi_query::Schema *schema, Datum campaigns, Datum tids, int count);

// Return one of the rows with its index and state.
CampaignRow row_of(const CampaignRows &rows, int index);

// Return the value of a column. A column that is missing or has another type counts as NULL.
Datum value_of(const CampaignRow &row, const char *column, Oid type, bool *is_null);

// Return the pending and running timers of these campaigns, in the order of the campaigns.
PendingTimer *pending_timers_of(spi_query::Schema *schema, Datum campaigns, int *count);

// Return the ended timers of these campaigns, in the order of the campaigns.
EndedTimer *ended_timers_of(spi_query::Schema *schema, Datum campaigns, Datum entered, TimestampTz as_of, int *count);

} // namespace timer_policies

#endif
