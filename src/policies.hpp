// Which timers campaigns are to have in the state that they have entered.
#ifndef CAMPAIGN_POLICIES_HPP
#define CAMPAIGN_POLICIES_HPP

#include "pg.hpp"
#include "statements.hpp"

namespace policies {

// What is to be written, an array a column, 0 for none. A timer without a time is
// to be cancelled.
struct Changes
{
	Datum timers;
	Datum campaigns;
	Datum times;
	Datum new_campaigns;
	Datum new_types;
	Datum new_times;
	TimestampTz lowest; // of the timers that waited before, the earliest due one, or DT_NOEND
};

// entered: a time for each campaign. places: where their rows are, or 0.
Changes changes_for(statements::Plans *plans, Datum campaigns, Datum places, const Datum *entered, int count, TimestampTz as_of);

} // namespace policies

#endif
