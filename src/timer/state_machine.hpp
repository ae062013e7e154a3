// The state machine as a batch needs it: the rows of campaign_state_transitions and campaign_timer_policies, and the
// rule that they give for a timer. Below the reading of the tables it is a pure function of those rows.
#ifndef CAMPAIGN_STATE_MACHINE_HPP
#define CAMPAIGN_STATE_MACHINE_HPP

#include "pg/compat.hpp"
#include "pg/spi_query.hpp"

namespace state_machine {

struct Policy
{
	Datum state;      // text
	Datum timer_type; // text
	char *anchor;     // a column, or nullptr for the time of entering the state
	Interval *delay;
	char *only_when; // a column, or nullptr
};

struct Transition
{
	Datum from_state; // text
	Datum to_state;   // text
	Datum timer_type; // text, or 0 if no timer follows it
};

struct StateMachine
{
	const Policy *policies;
	int policy_count;
	const Transition *transitions;
	int transition_count;
};

// The effect of a timer of one type on a campaign in one state.
struct Rule
{
	Datum to_state;        // text, or 0 if the state does not change
	const char *only_when; // the column that switches timers of a policy off, or nullptr
	bool starts;           // the state change also sets a start_time that is missing
	bool early;            // the campaign must change its state before this timer has an effect
	bool reminds;          // the timer is an event that changes no state
	bool policy_gone;      // no policy can have set such a timer
	Datum result;          // jsonb for the execution, or 0
	Datum disabled_result; // the same for a timer of a policy that is switched off or gone
};

// Read both tables. The result lives as long as SPI's procedure context. The tables belong to the user and may change
// at any time, so each batch reads them again.
StateMachine read(spi_query::Schema *schema);

// Return whether a transition by this type of timer leads out of the state. A type of 0 stands for every transition.
bool has_transition(const StateMachine &machine, Datum state, Datum type);

// Return the policy for this type of timer in the state, or nullptr.
const Policy *policy_for(const StateMachine &machine, Datum state, Datum type);

// Return whether a timer of this type acts in the state, by a state change or as an event.
bool acts_in(const StateMachine &machine, Datum state, Datum type);

// Return whether a timer of type `mover` makes a timer of this type too late for a campaign in the state.
bool makes_late(const StateMachine &machine, Datum state, Datum mover, Datum type);

// Return the rule for this type of timer in the state.
Rule rule_for(const StateMachine &machine, Datum state, Datum type);

} // namespace state_machine

#endif
