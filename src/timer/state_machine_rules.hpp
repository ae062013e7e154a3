// The rules of the state machine over arrays of transitions and policies: what a timer of one type does to a campaign in one state.
// Pure, and for any kind of text, so that it is tested without a server. A Text{} stands for no type.
#ifndef CAMPAIGN_STATE_MACHINE_RULES_HPP
#define CAMPAIGN_STATE_MACHINE_RULES_HPP

#include <string.h>

namespace state_machine {

enum class Outcome
{
	transition, // the campaign changes its state
	event,      // it stays, and the timer is recorded
	early,      // the campaign has to move on before this timer means anything
	late,       // the campaign can never reach a state in which it means anything
};

// Transition: from_state, to_state, timer_type. Policy: state, timer_type, and anchor, which is nullptr for entering the state.
template <typename Transition, typename Policy, typename Same> struct Rules
{
	const Transition *transitions;
	int transition_count;
	const Policy *policies;
	int policy_count;
	Same same;

	// Return the first transition out of a state by a type of timer or, without one, by any.
	template <typename Text> const Transition *transition_for(Text state, Text type) const
	{
		for (int i = 0; i < transition_count; i++)
		{
			const Transition *transition = &transitions[i];

			if (same(transition->from_state, state) &&
				(type == Text{} || (transition->timer_type != Text{} && same(transition->timer_type, type))))
				return transition;
		}
		return nullptr;
	}

	template <typename Text> const Policy *policy_for(Text state, Text type) const
	{
		for (int i = 0; i < policy_count; i++)
			if (same(policies[i].state, state) && same(policies[i].timer_type, type))
				return &policies[i];
		return nullptr;
	}

	bool is_taken(const int *taken, int count, int transition) const
	{
		for (int i = 0; i < count; i++)
			if (taken[i] == transition)
				return true;
		return false;
	}

	// Return whether a timer of this type moves a campaign in this state, or in one that it can still reach. taken: room for all
	// transitions.
	template <typename Text> bool can_still_apply(Text state, Text type, int *taken) const
	{
		int count = 0;

		for (int reached = -1; reached < count; reached++)
		{
			Text here = reached < 0 ? state : transitions[taken[reached]].to_state;

			if (transition_for(here, type) != nullptr)
				return true;
			for (int i = 0; i < transition_count; i++)
				if (same(transitions[i].from_state, here) && !is_taken(taken, count, i))
					taken[count++] = i;
		}
		return false;
	}

	// Return whether the timer may have been set ahead for a state in which it moves the campaign: that state has no policy for the
	// type, or one that counts from where this one does.
	template <typename Text> bool may_be_set_ahead(Text type, const Policy *policy) const
	{
		for (int i = 0; i < transition_count; i++)
		{
			const Transition *transition = &transitions[i];

			if (transition->timer_type == Text{} || !same(transition->timer_type, type))
				continue;
			const Policy *there = policy_for(transition->from_state, type);
			if (there == nullptr || (there->anchor != nullptr && strcmp(there->anchor, policy->anchor) == 0))
				return true;
		}
		return false;
	}

	// Return what a timer of this type means. A policy that counts from entering this state means an event of this state.
	template <typename Text> Outcome outcome_of(Text state, Text type, int *taken) const
	{
		const Policy *policy = policy_for(state, type);

		if (transition_for(state, type) != nullptr)
			return Outcome::transition;
		if (policy != nullptr && policy->anchor == nullptr)
			return Outcome::event;
		if (can_still_apply(state, type, taken) && (policy == nullptr || may_be_set_ahead(type, policy)))
			return Outcome::early;
		return policy != nullptr ? Outcome::event : Outcome::late;
	}
};

} // namespace state_machine

#endif
