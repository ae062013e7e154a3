// What code of others, called with its own rights, may leave in a session so
// that the session's user meets it later with rights of his own: temporary
// tables and views, which stand before all others of their name, cursors WITH
// HOLD, and prepared statements under a name that the user's program trusts.
// (Settings are xact::as's to put back.)
#ifndef CAMPAIGN_SESSION_GUARD_HPP
#define CAMPAIGN_SESSION_GUARD_HPP

#include "pg/compat.hpp"
#include "pg/spi_query.hpp"

namespace session_guard {

struct SessionSnapshot
{
	bool prepared; // whether prepared statements count
	char *traces;
	Datum temporary;
};

// SessionSnapshot such code is called.
SessionSnapshot capture(spi_query::Schema *schema, bool prepared);

// After it: raises for a cursor or a prepared statement.
void check(spi_query::Schema *schema, const SessionSnapshot &before);

// When nothing of it can run any more: removes temporary objects.
void cleanup(spi_query::Schema *schema, SessionSnapshot *before);

// Fire all deferred triggers now, and later ones at once; then as they are declared.
void fire_deferred(spi_query::Schema *schema);
void reset_constraints(spi_query::Schema *schema);

} // namespace session_guard

#endif
