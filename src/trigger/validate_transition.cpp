// A trigger of campaigns. Promises that no statement changes a state without a row of campaign_state_transitions. A
// user may change that table with any command, so a pair that was found valid is remembered only until the command
// ends. One command often makes the same state change to many campaigns.
#include "trigger/validate_transition.hpp"

#include "pg/columns.hpp"
#include "trigger/trigger_utils.hpp"

namespace validate_transition {

namespace {

constexpr spi_query::Query illegal_transition_query = {R"(SELECT m.from_state, m.to_state
		FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS m (from_state, to_state)
		WHERE NOT EXISTS (
			SELECT FROM ONLY @extschema@.campaign_state_transitions AS t
			WHERE t.from_state::pg_catalog.text OPERATOR(pg_catalog.=) m.from_state
				AND t.to_state::pg_catalog.text OPERATOR(pg_catalog.=) m.to_state)
		LIMIT 1)",
													   2,
													   {TEXTARRAYOID, TEXTARRAYOID}};

constexpr spi_query::Query next_states_query = {
	R"(SELECT pg_catalog.string_agg(m.to_state::pg_catalog.text, ', ' ORDER BY m.priority, m.to_state)
		FROM ONLY @extschema@.campaign_state_transitions AS m
		WHERE m.from_state::pg_catalog.text OPERATOR(pg_catalog.=) $1)",
	1,
	{TEXTOID}};

constexpr int max_pairs = 8;
constexpr int max_length = 64; // a pair with a longer text is not remembered

struct Pair
{
	char from[max_length];
	char to[max_length];
};

// The pairs that the command has found valid.
struct KnownPairs
{
	Oid relation;
	CommandId command;
	int count;
	Pair pairs[max_pairs];
};

KnownPairs known;

// Copy a text as a C string, or as an empty one if it is too long.
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
	if (known.relation != relation || known.command != GetCurrentCommandId(false))
		return false;
	for (int i = 0; i < known.count; i++)
		if (strcmp(known.pairs[i].from, pair.from) == 0 && strcmp(known.pairs[i].to, pair.to) == 0)
			return true;
	return false;
}

// Remember a valid pair. The command is treated as one that writes, so that the next command has another id.
void remember(Oid relation, const Pair &pair)
{
	CommandId command = GetCurrentCommandId(true);

	if (pair.from[0] == '\0' || pair.to[0] == '\0')
		return;
	if (known.relation != relation || known.command != command || known.count == max_pairs)
		known = {relation, command, 0, {}};
	known.pairs[known.count++] = pair;
}

// Return the states that transitions lead to from this one, separated by commas, or nullptr if there is none.
char *next_states(spi_query::Schema *schema, Datum state)
{
	bool is_null;
	Datum arguments[] = {state};

	spi_query::run(schema, next_states_query, arguments);
	Datum states = spi_query::first_value(1, &is_null);
	return is_null ? nullptr : TextDatumGetCString(states);
}

// Raise the error of an invalid state change, with the valid ones in the hint.
[[noreturn]] void refuse(spi_query::Schema *schema, Datum from_text, const char *from, const char *to)
{
	const char *states = next_states(schema, from_text);

	ereport(ERROR, errcode(ERRCODE_RAISE_EXCEPTION), errmsg("Invalid state transition from %s to %s", from, to),
			states != nullptr ? errhint("From %s a campaign can change to %s.", from, states)
							  : errhint("%s is a terminal state.", from),
			err_generic_string(PG_DIAG_CONSTRAINT_NAME, "valid_state_transition"));
	pg_unreachable();
}

// Raise an error if there is no transition between the states.
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

int remove_known(Oid relation, Datum *from, Datum *to, int count)
{
	int unknown = 0;

	for (int i = 0; i < count; i++)
	{
		if (is_known(relation, pair_of(from[i], to[i])))
			continue;
		from[unknown] = from[i];
		to[unknown] = to[i];
		unknown++;
	}
	return unknown;
}

void forget() noexcept
{
	known.relation = InvalidOid;
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
		remember(relation, pair);
	}
	return PointerGetDatum(data->tg_newtuple);
}
