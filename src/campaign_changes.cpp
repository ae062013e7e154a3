// Writes campaign_changes, the history of plans. Functions of the API run as their caller, who may not write that table.
// So a row is written as the owner of the table, as the log is, and nobody can give it another user of the session.
#include "extension.hpp"
#include "guc.hpp"
#include "users_path.hpp"

namespace {

constexpr spi_query::Query record_query = {
	R"(INSERT INTO @extschema@.campaign_changes
			(id, operation, campaign_id, timer_id, timer_type, before, after, changed_by, session_role, changed_at)
		VALUES (campaign_lifecycle_internal._uuid_v7(), $1, $2, $3, $4, $5, $6, $7, $8, pg_catalog.clock_timestamp()))",
	8,
	{TEXTOID, UUIDOID, UUIDOID, TEXTOID, JSONBOID, JSONBOID, TEXTOID, TEXTOID}};

constexpr int given_count = 6; // arguments of _record_change()

// Return whether both plans are given and equal.
bool is_same_plan(FunctionCallInfo fcinfo, int before, int after)
{
	return !PG_ARGISNULL(before) && !PG_ARGISNULL(after) &&
		   DatumGetBool(DirectFunctionCall2(jsonb_eq, PG_GETARG_DATUM(before), PG_GETARG_DATUM(after)));
}

} // namespace

// Write a row about a change of plan: operation, campaign, timer, its type, before, after.
SQL_FUNCTION(_record_change)
{
	Datum arguments[given_count + 2];
	char nulls[given_count + 3] = "        ";

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(5))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("operation, campaign and plan must not be null"));
	if (is_same_plan(fcinfo, 4, 5))
		PG_RETURN_VOID();
	for (int i = 0; i < given_count; i++)
	{
		arguments[i] = PG_GETARG_DATUM(i);
		nulls[i] = PG_ARGISNULL(i) ? 'n' : ' ';
	}
	const char *session_user = GetUserNameFromId(GetSessionUserId(), false);
	bool has_author = guc::changed_by != nullptr && guc::changed_by[0] != '\0';
	arguments[given_count] = CStringGetTextDatum(has_author ? guc::changed_by : session_user);
	arguments[given_count + 1] = CStringGetTextDatum(session_user);
	SPI_connect();
	spi_query::Schema *schema = extension::current_schema();
	Oid owner = pg::owner_of(get_relname_relid("campaign_changes", schema->oid));
	// Tables of 1.1 have no history.
	if (OidIsValid(owner))
		users_path::run_as_owner(owner, [&] { spi_query::run(schema, record_query, arguments, nulls); });
	SPI_finish();
	PG_RETURN_VOID();
}
