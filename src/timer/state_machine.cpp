// Reads the transitions and policies, and makes the rule of a timer from its meaning. Names no state, type or delay.
#include "timer/state_machine.hpp"

#include "timer/state_machine_rules.hpp"

namespace state_machine {

namespace {

constexpr spi_query::Query policies_query = {R"(SELECT p.state::pg_catalog.text, p.timer_type::pg_catalog.text,
			CASE WHEN p.anchor::pg_catalog.text OPERATOR(pg_catalog.<>) 'entered' THEN p.anchor::pg_catalog.text END,
			p.delay::pg_catalog.interval, p.only_when::pg_catalog.text
		FROM ONLY @extschema@.campaign_timer_policies AS p
		WHERE p.state IS NOT NULL AND p.timer_type IS NOT NULL AND p.delay IS NOT NULL)",
											 0,
											 {}};

constexpr spi_query::Query transitions_query = {
	R"(SELECT m.from_state::pg_catalog.text, m.to_state::pg_catalog.text, m.timer_type::pg_catalog.text
		FROM ONLY @extschema@.campaign_state_transitions AS m
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

struct SameText
{
	bool operator()(Datum a, Datum b) const { return pg::same_text(a, b); }
};

state_machine::Rules<Transition, Policy, SameText> rules_of(const StateMachine &machine)
{
	return {machine.transitions, machine.transition_count, machine.policies, machine.policy_count, {}};
}

// Return an array in which the rules note the transitions that they have followed.
int *array_of_transitions(const StateMachine &machine)
{
	return static_cast<int *>(palloc(sizeof(int) * (machine.transition_count + 1)));
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
	return rules_of(machine).transition_for(state, type) != nullptr;
}

const Policy *policy_for(const StateMachine &machine, Datum state, Datum type)
{
	return rules_of(machine).policy_for(state, type);
}

bool acts_in(const StateMachine &machine, Datum state, Datum type)
{
	return rules_of(machine).acts_in(state, type, array_of_transitions(machine));
}

bool makes_late(const StateMachine &machine, Datum state, Datum mover, Datum type)
{
	return rules_of(machine).makes_late(state, mover, type, array_of_transitions(machine));
}

Rule rule_for(const StateMachine &machine, Datum state, Datum type)
{
	auto rules = rules_of(machine);
	const Transition *transition = rules.transition_for(state, type);
	const Policy *policy = rules.policy_for(state, type);
	int *followed = array_of_transitions(machine);
	TimerMeaning meaning = rules.meaning_of(state, type, followed);
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
	rule.policy_gone = meaning != TimerMeaning::late && !rules.has_policy_so_far(state, type, followed);
	if (rule.only_when != nullptr)
		rule.disabled_result = skipped(psprintf("%s is off", rule.only_when));
	else if (rule.policy_gone)
		rule.disabled_result =
			skipped(psprintf("no policy sets %s up to state %s", TextDatumGetCString(type), TextDatumGetCString(state)));
	return rule;
}

} // namespace state_machine
