// Looks before and after: what is new belongs to the code that was called.
#include "pg/session_guard.hpp"

namespace session_guard {

namespace {

bool is_same(const char *a, const char *b)
{
	return a == nullptr || b == nullptr ? a == b : strcmp(a, b) == 0;
}

} // namespace

SessionSnapshot capture(statements::Plans *plans, bool prepared)
{
	SessionSnapshot before = {prepared, statements::session_traces(plans, prepared), static_cast<Datum>(0)};

	statements::temporary_objects(plans, statements::array_of(nullptr, nullptr, 0, OIDOID), &before.temporary);
	return before;
}

void check(statements::Plans *plans, const SessionSnapshot &before)
{
	if (is_same(before.traces, statements::session_traces(plans, before.prepared)))
		return;
	ereport(ERROR, errcode(ERRCODE_INVALID_CURSOR_STATE),
			before.prepared ? errmsg("a trigger or handler left a cursor WITH HOLD open, or changed prepared statements")
							: errmsg("handler left a cursor WITH HOLD open"),
			errhint("Undo that in the function; it would be carried out with somebody else's rights."));
}

void cleanup(statements::Plans *plans, SessionSnapshot *before)
{
	performMultipleDeletions(statements::temporary_objects(plans, before->temporary, &before->temporary), DROP_CASCADE,
							 PERFORM_DELETION_INTERNAL | PERFORM_DELETION_QUIETLY);
}

} // namespace session_guard
