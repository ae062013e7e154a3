// Finds and removes what foreign code leaves in a session. Such code runs with its own privileges, and the session's
// user would use it later with other ones. It may leave temporary tables and views, which hide others of their name.
// It may leave cursors WITH HOLD, and prepared statements under a name that the user's program trusts. Settings are
// restored by xact::as_user().
#ifndef CAMPAIGN_SESSION_GUARD_HPP
#define CAMPAIGN_SESSION_GUARD_HPP

#include "pg/compat.hpp"
#include "pg/spi_query.hpp"

namespace session_guard {

struct SessionSnapshot
{
	bool with_prepared; // whether prepared statements count
	char *names;        // cursors and prepared statements, as one text
	Datum temporary;    // oid[]
};

// Record the state of the session before foreign code is called. with_prepared: whether prepared statements count.
SessionSnapshot capture(spi_query::Schema *schema, bool with_prepared);

// Raise an error if foreign code has left a cursor or has changed a prepared statement.
void check(spi_query::Schema *schema, const SessionSnapshot &snapshot);

// Remove temporary objects that foreign code has left. Call it after the last of that code, which could make more.
void cleanup(spi_query::Schema *schema, SessionSnapshot *snapshot);

// Fire all deferred triggers now, and later ones with their statement.
void fire_deferred(spi_query::Schema *schema);

// Make constraints deferred or immediate as they are declared.
void reset_constraints(spi_query::Schema *schema);

} // namespace session_guard

#endif
