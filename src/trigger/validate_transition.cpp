// Whether a campaign may move as a statement asks, for every writer: a row of
// campaign_state_transitions says so. The table is the user's and can change with
// any command, so an answer holds for the rest of the command alone; but one
// command moves many campaigns the same way.
#include "trigger/validate_transition.hpp"

#include "pg/columns.hpp"
#include "trigger/trigger_utils.hpp"
#include "timer/statements.hpp"

namespace validate_transition {

namespace {

constexpr int max_pairs = 8;
constexpr int max_length = 64; // longer ones are asked for each time

struct Pair
{
	char from[max_length];
	char to[max_length];
};

// What has been found legal.
struct Answers
{
	Oid relation;
	CommandId command;
	int count;
	Pair pairs[max_pairs];
};

Answers answers;

// Empty for a text that does not fit.
void copy_text(char *to, text *from)
{
	size_t length = VARSIZE_ANY_EXHDR(from);

	if (length >= max_length)
		length = 0;
	memcpy(to, VARDATA_ANY(from), length);
	to[length] = '\0';
}

Pair pair_of(Datum from, Datum to)
{
	Pair pair;

	copy_text(pair.from, DatumGetTextPP(from));
	copy_text(pair.to, DatumGetTextPP(to));
	return pair;
}

bool is_known(Oid relation, const Pair &pair)
{
	if (answers.relation != relation || answers.command != GetCurrentCommandId(false))
		return false;
	for (int i = 0; i < answers.count; i++)
		if (strcmp(answers.pairs[i].from, pair.from) == 0 && strcmp(answers.pairs[i].to, pair.to) == 0)
			return true;
	return false;
}

// The command counts as one that has written, so that the next has another id.
void note(Oid relation, const Pair &pair)
{
	CommandId command = GetCurrentCommandId(true);

	if (pair.from[0] == '\0' || pair.to[0] == '\0')
		return;
	if (answers.relation != relation || answers.command != command || answers.count == max_pairs)
		answers = {relation, command, 0, {}};
	answers.pairs[answers.count++] = pair;
}

[[noreturn]] void refuse(statements::Plans *plans, Datum from_text, const char *from, const char *to)
{
	const char *states = statements::next_states(plans, from_text);

	ereport(ERROR, errcode(ERRCODE_RAISE_EXCEPTION), errmsg("Invalid state transition from %s to %s", from, to),
			states != nullptr ? errhint("From %s a campaign can move to %s.", from, states)
							  : errhint("%s is a terminal state.", from),
			err_generic_string(PG_DIAG_CONSTRAINT_NAME, "valid_state_transition"));
	pg_unreachable();
}

void check(Relation relation, Datum from, Datum to)
{
	char *from_state;
	char *to_state;

	SPI_connect();
	statements::Plans *plans = statements::plans_for(RelationGetNamespace(relation));
	if (statements::find_illegal_transition(plans, statements::array_of(&from, nullptr, 1, TEXTOID),
											statements::array_of(&to, nullptr, 1, TEXTOID), &from_state, &to_state))
		refuse(plans, from, from_state, to_state);
	SPI_finish();
}

Datum status_of(Relation relation, HeapTuple row, bool *is_null)
{
	return heap_getattr(row, columns::get_attnum(relation, "status", TEXTOID), RelationGetDescr(relation), is_null);
}

} // namespace

int leave_out_legal(Oid relation, Datum *from, Datum *to, int count)
{
	int left = 0;

	for (int i = 0; i < count; i++)
	{
		if (is_known(relation, pair_of(from[i], to[i])))
			continue;
		from[left] = from[i];
		to[left] = to[i];
		left++;
	}
	return left;
}

void forget() noexcept
{
	answers.relation = InvalidOid;
}

} // namespace validate_transition

using namespace validate_transition;

SQL_FUNCTION(validate_state_transition)
{
	TriggerData *data =
		trigger_utils::trigger_call(fcinfo, "validate_state_transition", TRIGGER_EVENT_ROW | TRIGGER_EVENT_BEFORE);
	Oid relation = RelationGetRelid(data->tg_relation);
	bool from_null;
	bool to_null;

	if (!TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		trigger_utils::refuse_trigger("validate_state_transition");
	Datum from = status_of(data->tg_relation, data->tg_trigtuple, &from_null);
	Datum to = status_of(data->tg_relation, data->tg_newtuple, &to_null);
	// The columns' own constraints refuse NULL.
	if (from_null || to_null)
		return PointerGetDatum(data->tg_newtuple);
	Pair pair = pair_of(from, to);
	bool same = pair.from[0] != '\0' && strcmp(pair.from, pair.to) == 0;
	if (!same && !is_known(relation, pair))
	{
		check(data->tg_relation, PointerGetDatum(DatumGetTextPP(from)), PointerGetDatum(DatumGetTextPP(to)));
		note(relation, pair);
	}
	return PointerGetDatum(data->tg_newtuple);
}
