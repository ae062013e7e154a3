// Upkeep for those who may ask for it and own nothing: partitions are made, moved
// and emptied with the rights of the tables' owner, whoever calls. That goes for
// a superuser as well: what others have attached to the tables runs as the owner.
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
