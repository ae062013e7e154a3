// How a worker waits.
#ifndef CAMPAIGN_REST_HPP
#define CAMPAIGN_REST_HPP

#include "pg.hpp"
#include "shared.hpp"

namespace rest {

void prepare();

// Until this time, a reload, or a commit with a timer before `promised`. Whether
// the time has come.
bool until(TimestampTz time, TimestampTz promised, shared::Station *station, Oid database);

// Interrupts, and now and then whether somebody wants the database for himself:
// then the process ends.
void check(Oid database);

} // namespace rest

#endif
