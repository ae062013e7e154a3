// Decides what a timer of one type means to a campaign in one state, from arrays of transitions and policies. Pure,
// and for any kind of text, so that it is tested without a server. Text{} stands for no type.
#ifndef CAMPAIGN_STATE_MACHINE_RULES_HPP
#define CAMPAIGN_STATE_MACHINE_RULES_HPP

#include <string.h>

namespace state_machine {

enum class TimerMeaning
{
	state_change,
	event, // of the state, which does not change
	early, // the campaign must change its state before this timer has an effect
	late,  // no state that the campaign can still reach has a use for it
};

// Transition: from_state, to_state, timer_type. Policy: state, timer_type, and anchor, which is nullptr for entering
// the state.
template <typename Transition, typename Policy, typename Same> struct Rules
{
	const Transition *transitions;
	int transition_count;
	const Policy *policies;
	int policy_count;
	Same same;

	// Return the first transition out of the state by this type of timer, or nullptr. No type stands for every
	// transition.
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

	// Return the policy for this type of timer in the state, or nullptr.
	template <typename Text> const Policy *policy_for(Text state, Text type) const
	{
		for (int i = 0; i < policy_count; i++)
			if (same(policies[i].state, state) && same(policies[i].timer_type, type))
				return &policies[i];
		return nullptr;
	}

	bool is_followed(const int *followed, int count, int transition) const
	{
		for (int i = 0; i < count; i++)
			if (followed[i] == transition)
				return true;
		return false;
	}

	// Return whether a timer of this type changes the state of a campaign in this state, or in one that it can still
	// reach. followed: an array with room for all transitions.
	template <typename Text> bool can_still_apply(Text state, Text type, int *followed) const
	{
		int count = 0;

		for (int reached = -1; reached < count; reached++)
		{
			Text here = reached < 0 ? state : transitions[followed[reached]].to_state;

			if (transition_for(here, type) != nullptr)
				return true;
			for (int i = 0; i < transition_count; i++)
				if (same(transitions[i].from_state, here) && !is_followed(followed, count, i))
					followed[count++] = i;
		}
		return false;
	}

	// Return whether a campaign in one state can come to the other, or is there. followed: an array with room for all
	// transitions.
	template <typename Text> bool leads_to(Text from, Text to, int *followed) const
	{
		int count = 0;

		for (int reached = -1; reached < count; reached++)
		{
			Text here = reached < 0 ? from : transitions[followed[reached]].to_state;

			if (same(here, to))
				return true;
			for (int i = 0; i < transition_count; i++)
				if (same(transitions[i].from_state, here) && !is_followed(followed, count, i))
					followed[count++] = i;
		}
		return false;
	}

	// Return whether a policy of this state, or of one that leads to it, sets timers of this type. If none does, the
	// policy that has set a timer is gone.
	template <typename Text> bool has_policy_so_far(Text state, Text type, int *followed) const
	{
		for (int i = 0; i < policy_count; i++)
			if (same(policies[i].timer_type, type) && leads_to(policies[i].state, state, followed))
				return true;
		return false;
	}

	// Return whether a timer of this type, while the campaign is in this state, does more than to wait or to be skipped.
	template <typename Text> bool acts_in(Text state, Text type, int *followed) const
	{
		TimerMeaning meaning = meaning_of(state, type, followed);

		return meaning == TimerMeaning::state_change || meaning == TimerMeaning::event;
	}

	// Return whether a timer of type `mover` makes one of this type too late for a campaign in this state: it leads from
	// a state in which the other can still act to one in which that cannot. followed: an array with room for all
	// transitions.
	template <typename Text> bool makes_late(Text state, Text mover, Text type, int *followed) const
	{
		for (int i = 0; i < transition_count; i++)
		{
			const Transition *transition = &transitions[i];

			if (transition->timer_type != Text{} && same(transition->timer_type, mover) &&
				meaning_of(transition->to_state, type, followed) == TimerMeaning::late &&
				meaning_of(transition->from_state, type, followed) != TimerMeaning::late &&
				leads_to(state, transition->from_state, followed))
				return true;
		}
		return false;
	}

	// Return whether the timer may have been set in advance, before the campaign enters a state in which it has an
	// effect. That is so if that state has no policy for the type, or one with the same anchor as this policy.
	template <typename Text> bool may_be_set_ahead(Text type, const Policy *policy) const
	{
		for (int i = 0; i < transition_count; i++)
		{
			const Transition *transition = &transitions[i];

			if (transition->timer_type == Text{} || !same(transition->timer_type, type))
				continue;
			const Policy *later_policy = policy_for(transition->from_state, type);
			if (later_policy == nullptr || (later_policy->anchor != nullptr && strcmp(later_policy->anchor, policy->anchor) == 0))
				return true;
		}
		return false;
	}

	// Return whether a campaign in this state can come to another one in which a policy sets timers of this type. followed:
	// an array with room for all transitions.
	template <typename Text> bool leads_to_policy(Text state, Text type, int *followed) const
	{
		for (int i = 0; i < policy_count; i++)
			if (same(policies[i].timer_type, type) && transition_for(policies[i].state, Text{}) != nullptr &&
				leads_to(state, policies[i].state, followed))
				return true;
		return false;
	}

	// Return the meaning of a timer of this type. If its delay counts from entering the state, it is an event of the
	// state. It is late if the campaign can reach no state in which it changes the state or is an event.
	template <typename Text> TimerMeaning meaning_of(Text state, Text type, int *followed) const
	{
		const Policy *policy = policy_for(state, type);

		if (transition_for(state, type) != nullptr)
			return TimerMeaning::state_change;
		if (policy != nullptr && policy->anchor == nullptr)
			return TimerMeaning::event;
		if (can_still_apply(state, type, followed) && (policy == nullptr || may_be_set_ahead(type, policy)))
			return TimerMeaning::early;
		if (policy != nullptr)
			return TimerMeaning::event;
		return leads_to_policy(state, type, followed) ? TimerMeaning::early : TimerMeaning::late;
	}
};

} // namespace state_machine

#endif
