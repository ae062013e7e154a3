// Which timers campaigns are to have in the state that they have entered.
#ifndef CAMPAIGN_TIMER_POLICIES_HPP
#define CAMPAIGN_TIMER_POLICIES_HPP

#include "pg/compat.hpp"
#include "timer/state_machine.hpp"
#include "timer/statements.hpp"

namespace timer_policies {

// A timer that waits and is to have another time, or is to be cancelled.
struct Change
{
	pg_uuid_t timer;
	pg_uuid_t campaign;
	ItemPointerData place;
	TimestampTz time; // DT_NOEND: cancelled
};

struct Addition
{
	int campaign; // its place among those asked for
	Datum type;   // text
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

// entered: a time for each campaign. places: where their rows are, or 0.
Changes changes_for(statements::Plans *plans, const state_machine::StateMachine &lifecycle, Datum campaigns, Datum places,
					const Datum *entered, int count, TimestampTz as_of);

} // namespace timer_policies

#endif
