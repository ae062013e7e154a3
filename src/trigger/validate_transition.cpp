// Whether a campaign may move as a statement asks, for every writer: a row of
// campaign_state_transitions says so. The table is the user's and can change with
// any command, so an answer holds for the rest of the command alone; but one
// command moves many campaigns the same way.
#include "trigger/validate_transition.hpp"

#include "pg/columns.hpp"
#include "trigger/trigger_utils.hpp"

namespace validate_transition {

namespace {

constexpr spi_query::Query illegal_transition_query = {R"(SELECT m.from_state, m.to_state
		FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS m (from_state, to_state)
		WHERE NOT EXISTS (
			SELECT FROM @extschema@.campaign_state_transitions AS t
			WHERE t.from_state::pg_catalog.text OPERATOR(pg_catalog.=) m.from_state
				AND t.to_state::pg_catalog.text OPERATOR(pg_catalog.=) m.to_state)
		LIMIT 1)",
													   2,
													   {TEXTARRAYOID, TEXTARRAYOID}};

constexpr spi_query::Query next_states_query = {
	R"(SELECT pg_catalog.string_agg(m.to_state::pg_catalog.text, ', ' ORDER BY m.priority, m.to_state)
		FROM @extschema@.campaign_state_transitions AS m
		WHERE m.from_state::pg_catalog.text OPERATOR(pg_catalog.=) $1)",
	1,
	{TEXTOID}};

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

// Return the states that a campaign can move to from this one, as a list in words; nullptr for none.
char *next_states(spi_query::Schema *schema, Datum state)
{
	bool is_null;
	Datum arguments[] = {state};

	spi_query::run(schema, next_states_query, arguments);
	Datum states = spi_query::first_value(1, &is_null);
	return is_null ? nullptr : TextDatumGetCString(states);
}

[[noreturn]] void refuse(spi_query::Schema *schema, Datum from_text, const char *from, const char *to)
{
	const char *states = next_states(schema, from_text);

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
	spi_query::Schema *schema = spi_query::schema_of(RelationGetNamespace(relation));
	if (find_illegal_transition(schema, spi_query::array_of(&from, nullptr, 1, TEXTOID),
								spi_query::array_of(&to, nullptr, 1, TEXTOID), &from_state, &to_state))
		refuse(schema, from, from_state, to_state);
	SPI_finish();
}

Datum status_of(Relation relation, HeapTuple row, bool *is_null)
{
	return heap_getattr(row, columns::get_attnum(relation, "status", TEXTOID), RelationGetDescr(relation), is_null);
}

} // namespace

bool find_illegal_transition(spi_query::Schema *schema, Datum from, Datum to, char **from_state, char **to_state)
{
	Datum arguments[] = {from, to};

	spi_query::run(schema, illegal_transition_query, arguments);
	if (SPI_processed == 0)
		return false;
	*from_state = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	*to_state = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);
	return true;
}

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
