// Runs maintenance for roles that do not own the tables. Partitions are created, moved and emptied with the
// privileges of the tables' owner, whichever role calls. This holds for a superuser too, because triggers that others
// have attached to the tables then run as the owner. The upgrade of the tables runs as the owner for the same reason.
// Health checks and jobs are read as the owner, because a view in the place of a table runs its functions as its
// reader.
#include "run_as_owner.hpp"

namespace {

// The maintenance functions by name. An operator may call the open ones, which do what that access level is for.
struct MaintenanceFunction
{
	const char *name;
	bool is_open;
	spi_query::Query query;
};

constexpr MaintenanceFunction maintenance_functions[] = {
	{"create_monthly_partitions",
	 true,
	 {R"(SELECT @extschema@.create_monthly_partitions($3::pg_catalog.int4, $1)::pg_catalog.int8 WHERE $2 IS NULL)",
	  3,
	  {TIMESTAMPTZOID, INTERVALOID, INT8OID}}},
	{"archive_old_state_logs",
	 true,
	 {R"(SELECT @extschema@.archive_old_state_logs($2, $1) WHERE $3 IS NULL)", 3, {TIMESTAMPTZOID, INTERVALOID, INT8OID}}},
	{"cleanup_timer_executions",
	 true,
	 {R"(SELECT @extschema@.cleanup_timer_executions($2, $1, $3))", 3, {TIMESTAMPTZOID, INTERVALOID, INT8OID}}},
	{"cleanup_campaign_changes",
	 true,
	 {R"(SELECT @extschema@.cleanup_campaign_changes($2, $1, $3))", 3, {TIMESTAMPTZOID, INTERVALOID, INT8OID}}},
	{"upgrade_campaign_tables",
	 false,
	 {R"(SELECT 0::pg_catalog.int8 FROM campaign_lifecycle_internal._upgrade_campaign_tables())",
	  3,
	  {TIMESTAMPTZOID, INTERVALOID, INT8OID}}},
	{"renew_tables_id",
	 true,
	 {R"(SELECT 0::pg_catalog.int8 FROM campaign_lifecycle_internal._renew_tables_id())",
	  3,
	  {TIMESTAMPTZOID, INTERVALOID, INT8OID}}},
	{"insert_default_rows",
	 false,
	 {R"(SELECT 0::pg_catalog.int8 FROM campaign_lifecycle_internal._insert_default_rows())",
	  3,
	  {TIMESTAMPTZOID, INTERVALOID, INT8OID}}},
	{"cleanup_finished_timers",
	 false,
	 {R"(SELECT campaign_lifecycle_internal._cleanup_finished_timers($2, $1) WHERE $3 IS NULL)",
	  3,
	  {TIMESTAMPTZOID, INTERVALOID, INT8OID}}},
	{"cleanup_metrics",
	 false,
	 {R"(SELECT campaign_lifecycle_internal._cleanup_metrics($2, $1) WHERE $3 IS NULL)",
	  3,
	  {TIMESTAMPTZOID, INTERVALOID, INT8OID}}},
	{"refresh_if_changed",
	 false,
	 {R"(SELECT campaign_lifecycle_internal._refresh_if_changed($3::pg_catalog.oid::pg_catalog.regclass)::pg_catalog.int4::pg_catalog.int8
		WHERE $1 IS NULL AND $2 IS NULL)",
	  3,
	  {TIMESTAMPTZOID, INTERVALOID, INT8OID}}},
	{"set_cron_database",
	 false,
	 {R"(SELECT campaign_lifecycle_internal._set_cron_database($3::pg_catalog.oid) WHERE $1 IS NULL AND $2 IS NULL)",
	  3,
	  {TIMESTAMPTZOID, INTERVALOID, INT8OID}}},
};

constexpr spi_query::Query maintenance_commands_query = {
	R"(SELECT m.job, m.schedule, m.command FROM campaign_lifecycle_internal._maintenance_commands() AS m)", 0, {}};

constexpr spi_query::Query add_name_query = {R"(SELECT campaign_lifecycle_internal._add_name($1, $2))", 2, {TEXTOID, TEXTOID}};

constexpr spi_query::Query drop_name_query = {R"(SELECT campaign_lifecycle_internal._drop_name($1, $2))", 2, {TEXTOID, TEXTOID}};

constexpr spi_query::Query table_health_query = {
	R"(SELECT h.check_name, h.status, h.value, h.threshold, h.detail FROM campaign_lifecycle_internal._table_health($1) AS h)",
	1,
	{TIMESTAMPTZOID}};

// Return the maintenance function of this name, or nullptr if there is none.
const MaintenanceFunction *find_function(const char *name)
{
	for (const MaintenanceFunction &function : maintenance_functions)
		if (strcmp(name, function.name) == 0)
			return &function;
	return nullptr;
}

// Open the extension. Raise an error if the campaign tables do not exist.
extension::ExtensionInfo open_tables()
{
	extension::ExtensionInfo ext = extension::open();

	if (ext.extension_state == extension::ExtensionState::other_version)
		extension::refuse_version();
	if (ext.extension_state == extension::ExtensionState::renamed)
		extension::refuse_renamed();
	if (!OidIsValid(ext.owner))
		extension::refuse_missing_tables();
	return ext;
}

// Return the rows that the body leaves in SPI's result. The body reads as the owner, whose privileges the caller must
// have.
template <typename F> Datum rows_as_owner(FunctionCallInfo fcinfo, const char *function, int column_count, F body)
{
	constexpr int max_columns = 5;
	Datum values[max_columns];
	bool nulls[max_columns];

	InitMaterializedSRF(fcinfo, 0);
	ReturnSetInfo *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
	if (result->setDesc->natts != column_count)
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("function %s returns %d columns", function, column_count),
				errhint("Run ALTER EXTENSION campaign_lifecycle UPDATE."));
	SPI_connect();
	extension::ExtensionInfo ext = open_tables();
	if (!has_privs_of_role(GetUserId(), ext.owner))
		ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied to read the campaign tables as their owner"),
				errhint("Call it with the privileges of their owner."));
	xact::as_user_readonly(ext.owner, [&] { body(ext.schema); });
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, values, nulls);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	SPI_finish();
	return static_cast<Datum>(0);
}

// Add the row of campaign_health() that reports another version of the library. Return false if the versions are equal.
bool add_version_row(FunctionCallInfo fcinfo)
{
	char *installed = extension::installed_version();

	if (installed == nullptr || strcmp(installed, extension::version) == 0)
		return false;
	InitMaterializedSRF(fcinfo, 0);
	ReturnSetInfo *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
	const char *texts[] = {
		"extension_version", "critical", installed, extension::version,
		"No timer is executed, because the library is of another version. Run ALTER EXTENSION campaign_lifecycle UPDATE."};
	Datum values[lengthof(texts)];
	bool nulls[lengthof(texts)] = {};
	for (int i = 0; i < static_cast<int>(lengthof(texts)); i++)
		values[i] = CStringGetTextDatum(texts[i]);
	if (result->setDesc->natts == static_cast<int>(lengthof(texts)))
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	return true;
}

} // namespace

// Run a maintenance function as the owner of the tables. Return the number of rows that it reports.
SQL_FUNCTION(_run_maintenance_as_owner)
{
	int64 count = 0;
	char nulls[4] = "   ";
	Datum arguments[3];

	if (PG_ARGISNULL(0))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("maintenance function must not be null"));
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	for (int i = 0; i < 3; i++)
	{
		arguments[i] = PG_GETARG_DATUM(i + 1);
		nulls[i] = PG_ARGISNULL(i + 1) ? 'n' : ' ';
	}
	const MaintenanceFunction *function = find_function(name);
	SPI_connect();
	extension::ExtensionInfo ext = open_tables();
	if ((function == nullptr || !function->is_open) && !has_privs_of_role(GetUserId(), ext.owner))
		ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for maintenance function \"%s\"", name),
				errhint("Call it with the privileges of the owner of the tables."));
	if (function == nullptr)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unrecognized maintenance function: \"%s\"", name));
	run_as_owner::call(ext, [&] {
		bool is_null;

		spi_query::run(ext.schema, function->query, arguments, nulls);
		Datum value = spi_query::first_value(1, &is_null);
		count = is_null ? 0 : DatumGetInt64(value);
	});
	SPI_finish();
	PG_RETURN_INT64(count);
}

// Add or drop a state or timer type as the owner of the tables, whose privileges the caller must have.
SQL_FUNCTION(_change_names_as_owner)
{
	Datum arguments[] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)};
	bool adds = PG_GETARG_BOOL(2);

	SPI_connect();
	extension::ExtensionInfo ext = open_tables();
	if (!has_privs_of_role(GetUserId(), ext.owner))
		ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied to change states and timer types"),
				errhint("Call it with the privileges of the owner of the tables."));
	run_as_owner::call(ext, [&] { spi_query::run(ext.schema, adds ? add_name_query : drop_name_query, arguments); });
	SPI_finish();
	PG_RETURN_VOID();
}

// Run a maintenance function under the name that a database of 1.1 calls until its update.
SQL_FUNCTION(_upkeep_as_owner)
{
	return _run_maintenance_as_owner(fcinfo);
}

// Return the health checks of the tables.
SQL_FUNCTION(_health_as_owner)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("time must not be null"));
	// The health function of another version calls this one, so it must say what helps.
	if (add_version_row(fcinfo))
		return static_cast<Datum>(0);
	TimestampTz as_of = PG_GETARG_TIMESTAMPTZ(0);
	return rows_as_owner(fcinfo, "_health_as_owner", 5, [&](spi_query::Schema *schema) {
		Datum arguments[] = {TimestampTzGetDatum(as_of)};

		spi_query::run(schema, table_health_query, arguments);
	});
}

// Return the maintenance jobs and their commands.
SQL_FUNCTION(_maintenance_as_owner)
{
	return rows_as_owner(fcinfo, "_maintenance_as_owner", 3,
						 [](spi_query::Schema *schema) { spi_query::run(schema, maintenance_commands_query, nullptr); });
}

SQL_FUNCTION(_library_version)
{
	(void) fcinfo;
	PG_RETURN_TEXT_P(cstring_to_text(extension::version));
}
