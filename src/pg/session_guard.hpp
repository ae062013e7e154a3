// What code of others, called with its own rights, may leave in a session so
// that the session's user meets it later with rights of his own: temporary
// tables and views, which stand before all others of their name, cursors WITH
// HOLD, and prepared statements under a name that the user's program trusts.
// (Settings are xact::as's to put back.)
#ifndef CAMPAIGN_SESSION_GUARD_HPP
#define CAMPAIGN_SESSION_GUARD_HPP

#include "pg/compat.hpp"
#include "timer/statements.hpp"

namespace session_guard {

struct SessionSnapshot
{
	bool prepared; // whether prepared statements count
	char *traces;
	Datum temporary;
};

// SessionSnapshot such code is called.
SessionSnapshot capture(statements::Plans *plans, bool prepared);

// After it: raises for a cursor or a prepared statement.
void check(statements::Plans *plans, const SessionSnapshot &before);

// When nothing of it can run any more: removes temporary objects.
void cleanup(statements::Plans *plans, SessionSnapshot *before);

} // namespace session_guard

#endif
