// Calls a handler, which is a function of a user's.
#ifndef CAMPAIGN_HANDLER_CALL_HPP
#define CAMPAIGN_HANDLER_CALL_HPP

#include "pg/spi_query.hpp"

namespace handler_call {

// Call the handler of the timer's type, if there is one, and record its result. in_worker: in a process of ours.
void run(spi_query::Schema *schema, const pg_uuid_t *timer, TimestampTz as_of, bool in_worker);

// Return whether a handler is running, which then is the caller.
bool is_running();

// Before an attempt: forget the timeout of an earlier one.
void reset_timeout();

// After an ERROR: stop the timeout. Return whether it has expired.
bool end_timeout();

// Return the message of an expired timeout.
char *timeout_message();

} // namespace handler_call

#endif
