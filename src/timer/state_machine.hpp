// The lifecycle as a batch needs it: the rows of campaign_state_transitions and
// campaign_timer_policies, read once, and what they say of a timer.
#ifndef CAMPAIGN_STATE_MACHINE_HPP
#define CAMPAIGN_STATE_MACHINE_HPP

#include "pg/compat.hpp"
#include "pg/spi_query.hpp"

namespace state_machine {

struct Policy
{
	Datum state;      // text
	Datum timer_type; // text
	char *anchor;     // a column, or nullptr: the time of entering the state
	Interval *delay;
	char *only_when; // a column, or nullptr
};

struct Transition
{
	Datum from_state; // text
	Datum to_state;   // text
	Datum timer_type; // text, or 0: by hand only
};

struct StateMachine
{
	const Policy *policies;
	int policy_count;
	const Transition *transitions;
	int transition_count;
};

// What a timer of one type does to a campaign in one state.
struct Rule
{
	Datum to_state;        // text; 0: it moves nothing
	const char *only_when; // the column that switches off what a policy has set, or nullptr
	bool starts;           // and sets a start_time that is missing
	bool early;            // the campaign has to move on before this timer means anything
	bool reminds;
	Datum result; // jsonb, what the execution says of it, or 0
	Datum result_off;
};

// Lives as long as SPI's procedure.
StateMachine read(spi_query::Schema *schema);

// Whether a way leads out of the state, by this type of timer or (0) at all.
bool has_transition(const StateMachine &lifecycle, Datum state, Datum type);

const Policy *policy_for(const StateMachine &lifecycle, Datum state, Datum type);

Rule rule_for(const StateMachine &lifecycle, Datum state, Datum type);

} // namespace state_machine

#endif
