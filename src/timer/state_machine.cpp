// Decides the effect of a timer from the transitions and the policies. Names no state, type or delay.
#include "timer/state_machine.hpp"

namespace state_machine {

namespace {

constexpr spi_query::Query policies_query = {R"(SELECT p.state::pg_catalog.text, p.timer_type::pg_catalog.text,
			CASE WHEN p.anchor::pg_catalog.text OPERATOR(pg_catalog.<>) 'entered' THEN p.anchor::pg_catalog.text END,
			p.delay::pg_catalog.interval, p.only_when::pg_catalog.text
		FROM @extschema@.campaign_timer_policies AS p
		WHERE p.state IS NOT NULL AND p.timer_type IS NOT NULL AND p.delay IS NOT NULL)",
											 0,
											 {}};

constexpr spi_query::Query transitions_query = {
	R"(SELECT m.from_state::pg_catalog.text, m.to_state::pg_catalog.text, m.timer_type::pg_catalog.text
		FROM @extschema@.campaign_state_transitions AS m
		WHERE m.from_state IS NOT NULL AND m.to_state IS NOT NULL)",
	0,
	{}};

// Return the text as a C string, or nullptr for NULL.
char *cstring_of(Datum value)
{
	return value != 0 ? TextDatumGetCString(value) : nullptr;
}

Policy *read_policies(spi_query::Schema *schema, int *count)
{
	spi_query::run(schema, policies_query, nullptr);
	*count = static_cast<int>(SPI_processed);
	Policy *found = static_cast<Policy *>(palloc(sizeof(Policy) * (*count + 1)));
	for (int i = 0; i < *count; i++)
		found[i] = {spi_query::value_at(i, 1), spi_query::value_at(i, 2), cstring_of(spi_query::value_at(i, 3)),
					DatumGetIntervalP(spi_query::value_at(i, 4)), cstring_of(spi_query::value_at(i, 5))};
	return found;
}

Transition *read_transitions(spi_query::Schema *schema, int *count)
{
	spi_query::run(schema, transitions_query, nullptr);
	*count = static_cast<int>(SPI_processed);
	Transition *found = static_cast<Transition *>(palloc(sizeof(Transition) * (*count + 1)));
	for (int i = 0; i < *count; i++)
		found[i] = {spi_query::value_at(i, 1), spi_query::value_at(i, 2), spi_query::value_at(i, 3)};
	return found;
}

// Return whether a timer of this type changes the state of a campaign in this state, or in one that it can still reach.
bool can_still_apply(const StateMachine &machine, Datum state, Datum type)
{
	bool *followed = static_cast<bool *>(palloc0(machine.transition_count + 1));
	Datum *reached = static_cast<Datum *>(palloc(sizeof(Datum) * (machine.transition_count + 1)));
	int count = 1;

	reached[0] = state;
	for (int i = 0; i < count; i++)
	{
		if (has_transition(machine, reached[i], type))
			return true;
		for (int j = 0; j < machine.transition_count; j++)
		{
			if (followed[j] || !pg::same_text(machine.transitions[j].from_state, reached[i]))
				continue;
			followed[j] = true;
			reached[count++] = machine.transitions[j].to_state;
		}
	}
	return false;
}

// Return whether the delay counts from entering the state. The timer is then an event of this state.
bool counts_from_entering(const Policy *policy)
{
	return policy->anchor == nullptr;
}

// Return whether the timer may have been set in advance, before the campaign enters a state in which it has an
// effect. That is so if that state has no policy for the type, or one with the same anchor as this policy.
bool may_be_set_ahead(const StateMachine &machine, Datum type, const Policy *policy)
{
	for (int i = 0; i < machine.transition_count; i++)
	{
		const Transition *transition = &machine.transitions[i];

		if (transition->timer_type == 0 || !pg::same_text(transition->timer_type, type))
			continue;
		const Policy *later_policy = policy_for(machine, transition->from_state, type);
		if (later_policy == nullptr || (later_policy->anchor != nullptr && strcmp(later_policy->anchor, policy->anchor) == 0))
			return true;
	}
	return false;
}

enum class TimerMeaning
{
	state_change,
	event, // of the state, which does not change
	early, // it has an effect in a later state
	late,  // no state that can be reached has a use for it
};

// Return the meaning of a timer of this type in the state. transition and policy: those of the state and type, or
// nullptr.
TimerMeaning meaning_of(const StateMachine &machine, Datum state, Datum type, const Transition *transition, const Policy *policy)
{
	if (transition != nullptr)
		return TimerMeaning::state_change;
	if (policy != nullptr && counts_from_entering(policy))
		return TimerMeaning::event;
	if (can_still_apply(machine, state, type) && (policy == nullptr || may_be_set_ahead(machine, type, policy)))
		return TimerMeaning::early;
	return policy != nullptr ? TimerMeaning::event : TimerMeaning::late;
}

Datum jsonb_of(const StringInfoData &text)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data));
}

// Append a member to a JSON object that is not closed yet.
void add_member(StringInfo object, const char *name, const char *value)
{
	appendStringInfo(object, "%s\"%s\": ", object->data[object->len - 1] == '{' ? "" : ", ", name);
	escape_json(object, value);
}

// Return the result of a skipped timer.
Datum skipped(const char *reason)
{
	StringInfoData object;

	initStringInfo(&object);
	appendStringInfoString(&object, "{\"skipped\": true");
	add_member(&object, "reason", reason);
	appendStringInfoChar(&object, '}');
	return jsonb_of(object);
}

// Return the result that the execution of a timer gets, or 0 for none.
Datum result_of(TimerMeaning meaning, Datum state, Datum type, const Transition *transition)
{
	StringInfoData object;

	if (meaning == TimerMeaning::early)
		return 0;
	if (meaning == TimerMeaning::late)
		return skipped(psprintf("too late in state %s", TextDatumGetCString(state)));
	initStringInfo(&object);
	appendStringInfoChar(&object, '{');
	if (meaning == TimerMeaning::event)
		add_member(&object, "event", TextDatumGetCString(type));
	else
	{
		add_member(&object, "from", TextDatumGetCString(state));
		add_member(&object, "to", TextDatumGetCString(transition->to_state));
	}
	appendStringInfoChar(&object, '}');
	return jsonb_of(object);
}

// Return the transition by this type of timer out of the state, or nullptr. A type of 0 stands for every transition.
const Transition *transition_for(const StateMachine &machine, Datum state, Datum type)
{
	for (int i = 0; i < machine.transition_count; i++)
	{
		const Transition *transition = &machine.transitions[i];

		if (pg::same_text(transition->from_state, state) &&
			(type == 0 || (transition->timer_type != 0 && pg::same_text(transition->timer_type, type))))
			return transition;
	}
	return nullptr;
}

} // namespace

StateMachine read(spi_query::Schema *schema)
{
	StateMachine machine = {};

	machine.policies = read_policies(schema, &machine.policy_count);
	machine.transitions = read_transitions(schema, &machine.transition_count);
	return machine;
}

bool has_transition(const StateMachine &machine, Datum state, Datum type)
{
	return transition_for(machine, state, type) != nullptr;
}

const Policy *policy_for(const StateMachine &machine, Datum state, Datum type)
{
	for (int i = 0; i < machine.policy_count; i++)
		if (pg::same_text(machine.policies[i].state, state) && pg::same_text(machine.policies[i].timer_type, type))
			return &machine.policies[i];
	return nullptr;
}

Rule rule_for(const StateMachine &machine, Datum state, Datum type)
{
	const Transition *transition = transition_for(machine, state, type);
	const Policy *policy = policy_for(machine, state, type);
	TimerMeaning meaning = meaning_of(machine, state, type, transition, policy);
	Rule rule = {};

	if (transition != nullptr)
		rule.to_state = transition->to_state;
	if (policy != nullptr)
	{
		rule.only_when = policy->only_when;
		rule.starts = policy->anchor != nullptr && strcmp(policy->anchor, "start_time") == 0;
	}
	rule.early = meaning == TimerMeaning::early;
	rule.reminds = meaning == TimerMeaning::event;
	rule.result = result_of(meaning, state, type, transition);
	if (rule.only_when != nullptr)
		rule.disabled_result = skipped(psprintf("%s is off", rule.only_when));
	return rule;
}

} // namespace state_machine
