// Upkeep for those who may ask for it and own nothing: partitions are made, moved
// and emptied with the rights of the tables' owner, whoever calls. That goes for
// a superuser as well: what others have attached to the tables runs as the owner.
// So do a superuser's look at their health and at their jobs (a view that was put
// in a table's place runs its functions as whoever reads it), and the upgrade of
// the tables.
#include "pg/run_as_owner.hpp"

namespace {

// What an operator may have done: the verbs of that level call these. The rest is
// for who could do it anyway.
constexpr const char *open_verbs[] = {"create_monthly_partitions", "archive_old_state_logs", "cleanup_timer_executions"};

bool is_open(const char *verb)
{
	for (const char *open : open_verbs)
		if (strcmp(verb, open) == 0)
			return true;
	return false;
}

extension::ExtensionInfo visit_tables()
{
	extension::ExtensionInfo ext = extension::open();

	if (!OidIsValid(ext.owner))
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the campaign tables do not exist"),
				errhint("Call install_campaign_tables()."));
	return ext;
}

// Rows that the body, which reads as the owner, leaves in SPI's result.
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
	extension::ExtensionInfo ext = visit_tables();
	if (!has_privs_of_role(GetUserId(), ext.owner))
		ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied to read the campaign tables as their owner"),
				errhint("Call it with the rights of their owner."));
	xact::as_user_readonly(ext.owner, [&] { body(ext.plans); });
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, values, nulls);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	SPI_finish();
	return static_cast<Datum>(0);
}

} // namespace

SQL_FUNCTION(_upkeep_as_owner)
{
	int64 count = 0;
	char nulls[4] = "   ";
	Datum arguments[3];

	if (PG_ARGISNULL(0))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("verb must not be null"));
	char *verb = text_to_cstring(PG_GETARG_TEXT_PP(0));
	for (int i = 0; i < 3; i++)
	{
		arguments[i] = PG_GETARG_DATUM(i + 1);
		nulls[i] = PG_ARGISNULL(i + 1) ? 'n' : ' ';
	}
	SPI_connect();
	extension::ExtensionInfo ext = visit_tables();
	if (!is_open(verb) && !has_privs_of_role(GetUserId(), ext.owner))
		ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for this upkeep: %s", verb),
				errhint("Call it with the rights of the owner of the tables."));
	run_as_owner::call(ext, [&] { count = statements::upkeep(ext.plans, verb, arguments, nulls); });
	SPI_finish();
	PG_RETURN_INT64(count);
}

SQL_FUNCTION(_health_as_owner)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("time must not be null"));
	TimestampTz as_of = PG_GETARG_TIMESTAMPTZ(0);
	return rows_as_owner(fcinfo, "_health_as_owner", 5,
						 [&](statements::Plans *plans) { statements::table_health(plans, as_of); });
}

SQL_FUNCTION(_maintenance_as_owner)
{
	return rows_as_owner(fcinfo, "_maintenance_as_owner", 3, [](statements::Plans *plans) { statements::maintenance(plans); });
}
