// What code of others, called with its own rights, may leave in a session so
// that the session's user meets it later with rights of his own: temporary
// tables and views, which stand before all others of their name, cursors WITH
// HOLD, and prepared statements under a name that the user's program trusts.
// (Settings are bracket::as's to put back.)
#ifndef CAMPAIGN_LEFTOVERS_HPP
#define CAMPAIGN_LEFTOVERS_HPP

#include "pg.hpp"
#include "statements.hpp"

namespace leftovers {

struct Before
{
	bool prepared; // whether prepared statements count
	char *traces;
	Datum temporary;
};

// Before such code is called.
Before look(statements::Plans *plans, bool prepared);

// After it: raises for a cursor or a prepared statement.
void refuse(statements::Plans *plans, const Before &before);

// When nothing of it can run any more: removes temporary objects.
void drop(statements::Plans *plans, Before *before);

} // namespace leftovers

#endif
