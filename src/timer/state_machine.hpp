// The lifecycle as a batch needs it: the rows of campaign_state_transitions and
// campaign_timer_policies, read once, and what they say of a timer.
#ifndef CAMPAIGN_STATE_MACHINE_HPP
#define CAMPAIGN_STATE_MACHINE_HPP

#include "pg/compat.hpp"
#include "timer/statements.hpp"

namespace state_machine {

struct StateMachine
{
	const statements::Policy *policies;
	int policy_count;
	const statements::Transition *transitions;
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
StateMachine read(statements::Plans *plans);

// Whether a way leads out of the state, by this type of timer or (0) at all.
bool has_transition(const StateMachine &lifecycle, Datum state, Datum type);

const statements::Policy *policy_for(const StateMachine &lifecycle, Datum state, Datum type);

Rule rule_for(const StateMachine &lifecycle, Datum state, Datum type);

} // namespace state_machine

#endif
