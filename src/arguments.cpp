// Checks an argument of a function of the API. The check comes first in each of these functions, and it loads the
// library in a session of a server that does not preload it. The hooks of pg/users_path then see every later statement.
#include "pg/compat.hpp"

// Raise an error unless the argument was given.
SQL_FUNCTION(_check_given)
{
	if (!PG_ARGISNULL(1) && PG_GETARG_BOOL(1))
		PG_RETURN_VOID();
	ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			errmsg("%s must not be null", PG_ARGISNULL(0) ? "argument" : text_to_cstring(PG_GETARG_TEXT_PP(0))),
			errhint("Give a value, or leave the argument out where it has a default."));
	PG_RETURN_VOID();
}
