// Calls a handler, which is a function that a user has registered for a type of timer.
#ifndef CAMPAIGN_HANDLER_CALL_HPP
#define CAMPAIGN_HANDLER_CALL_HPP

#include "pg/spi_query.hpp"

namespace handler_call {

// Call the handler of the timer's type, if there is one, and record its result. in_worker: whether this
// process is a worker.
void run(spi_query::Schema *schema, const pg_uuid_t *timer, TimestampTz as_of, bool in_worker);

// Return whether a handler is running, so that the caller was called by it.
bool is_running();

// Forget the timeout of an earlier attempt. Call it before each attempt.
void reset_timeout();

// Stop the timeout after an ERROR. Return whether it has expired.
bool end_timeout();

// Return the message of an expired timeout.
char *timeout_message();

} // namespace handler_call

#endif
