// Upkeep for those who may ask for it and own nothing: partitions are made, moved
// and emptied with the rights of the tables' owner, whoever calls. That goes for
// a superuser as well: what others have attached to the tables runs as the owner.
// So do a superuser's look at their health (a view that was put in a table's
// place runs its functions as whoever reads it) and the upgrade of the tables.
#include "as_owner.hpp"

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
	extension::Site site = extension::visit();
	if (!OidIsValid(site.owner))
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the campaign tables do not exist"),
				errhint("Call install_campaign_tables()."));
	as_owner::fenced(site, [&] { count = statements::upkeep(site.plans, verb, arguments, nulls); });
	SPI_finish();
	PG_RETURN_INT64(count);
}

SQL_FUNCTION(_health_as_owner)
{
	constexpr int column_count = 5;

	InitMaterializedSRF(fcinfo, 0);
	ReturnSetInfo *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
	if (PG_ARGISNULL(0))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("time must not be null"));
	if (!superuser())
		ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied to see the health of the tables as their owner"), errhint("Call campaign_health()."));
	if (result->setDesc->natts != column_count)
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("function _health_as_owner returns %d columns", column_count),
				errhint("Run ALTER EXTENSION campaign_lifecycle UPDATE."));
	SPI_connect();
	extension::Site site = extension::visit();
	if (!OidIsValid(site.owner))
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the campaign tables do not exist"),
				errhint("Call install_campaign_tables()."));
	bracket::reading_as(site.owner, [&] { statements::table_health(site.plans, PG_GETARG_TIMESTAMPTZ(0)); });
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Datum values[column_count];
		bool nulls[column_count];

		heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, values, nulls);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	SPI_finish();
	return static_cast<Datum>(0);
}
