// The rules of the state machine over a small machine of its own: new, open, shut, and gone, which is reached from everywhere.
#include "tap.hpp"
#include "timer/state_machine_rules.hpp"

using state_machine::TimerMeaning;
using tap::ok;

namespace {

using Text = const char *;

struct Transition
{
	Text from_state;
	Text to_state;
	Text timer_type;
};

struct Policy
{
	Text state;
	Text timer_type;
	Text anchor;
};

struct SameText
{
	bool operator()(Text a, Text b) const { return strcmp(a, b) == 0; }
};

constexpr Text no_type = nullptr;

constexpr Transition transitions[] = {
	{"new", "open", "OPEN"}, {"open", "shut", "SHUT"}, {"new", "gone", "GO"},      {"open", "gone", "GO"},
	{"shut", "gone", "GO"},  {"open", "new", no_type}, {"shut", "open", "REOPEN"},
};

constexpr Policy policies[] = {
	{"new", "OPEN", "start"}, {"open", "REMIND", nullptr}, {"open", "SHUT", "end"},  {"new", "SHUT", "end"},
	{"new", "REOPEN", "end"}, {"shut", "REOPEN", "start"}, {"shut", "CHEER", "end"},
};

constexpr int transition_count = sizeof(transitions) / sizeof(transitions[0]);

state_machine::Rules<Transition, Policy, SameText> machine()
{
	return {transitions, transition_count, policies, sizeof(policies) / sizeof(policies[0]), {}};
}

TimerMeaning meaning(Text state, Text type)
{
	int followed[transition_count];

	return machine().meaning_of(state, type, followed);
}

} // namespace

void state_machine_tests()
{
	int followed[transition_count];

	ok(meaning("new", "OPEN") == TimerMeaning::state_change, "a timer with a transition out of the state changes the state");
	ok(meaning("open", "REMIND") == TimerMeaning::event, "a timer of a policy that counts from entering the state is an event");
	ok(meaning("new", "SHUT") == TimerMeaning::early,
	   "a timer set ahead, from the same anchor as in the state that it moves, is early");
	ok(meaning("new", "REOPEN") == TimerMeaning::event,
	   "a timer with another anchor than in the state that it moves is an event");
	ok(meaning("open", "REOPEN") == TimerMeaning::early,
	   "a timer without a policy is early while the campaign can reach a state that it moves");
	ok(meaning("gone", "SHUT") == TimerMeaning::late, "and late once it cannot");
	ok(meaning("gone", "OPEN") == TimerMeaning::late, "in a state that nothing leads out of, every timer is late");
	ok(meaning("shut", "CHEER") == TimerMeaning::event, "a policy for a type that moves nothing makes an event");
	ok(meaning("new", "CHEER") == TimerMeaning::early, "an event is early while the campaign can reach its state");
	ok(meaning("gone", "CHEER") == TimerMeaning::late, "and late once it cannot");
	ok(machine().makes_late<Text>("open", "GO", "CHEER", followed), "a timer makes an event late that it leads past");
	ok(meaning("new", "UNKNOWN") == TimerMeaning::late, "a type that nobody knows is late");
	ok(machine().can_still_apply<Text>("shut", "OPEN", followed),
	   "a state is reached through transitions without a timer, and in circles");
	ok(!machine().can_still_apply<Text>("gone", "OPEN", followed), "but not from a state that nothing leads out of");
	ok(machine().acts_in<Text>("open", "SHUT", followed) && machine().acts_in<Text>("open", "REMIND", followed),
	   "a timer acts by a state change, and as an event");
	ok(!machine().acts_in<Text>("new", "SHUT", followed) && !machine().acts_in<Text>("gone", "SHUT", followed),
	   "and not where it is early or late");
	ok(machine().makes_late<Text>("open", "GO", "SHUT", followed),
	   "a timer makes another one late where it leads past the states in which that acts");
	ok(machine().makes_late<Text>("new", "GO", "SHUT", followed), "also from a state that leads there");
	ok(!machine().makes_late<Text>("open", "SHUT", "GO", followed), "but not where the other one acts in the next state");
	ok(!machine().makes_late<Text>("gone", "GO", "SHUT", followed), "nor where the campaign cannot come to that any more");
	ok(!machine().makes_late<Text>("open", "GO", "UNKNOWN", followed), "nor a type that is late everywhere");
	ok(machine().has_policy_so_far<Text>("open", "SHUT", followed) && machine().has_policy_so_far<Text>("gone", "SHUT", followed),
	   "a policy of the state, or of one that leads to it, has set a timer");
	ok(!machine().has_policy_so_far<Text>("open", "GO", followed), "and none where no state has a policy for the type");
	ok(machine().transition_for<Text>("open", no_type) == &transitions[1],
	   "without a type the first transition out of a state counts");
	ok(machine().transition_for<Text>("gone", no_type) == nullptr, "and a final state has none");
}
