// The process that executes a database's timers.
#ifndef CAMPAIGN_WORKER_HPP
#define CAMPAIGN_WORKER_HPP

#include "pg/compat.hpp"

namespace worker {

constexpr const char *entry_point = "campaign_lifecycle_worker_main";

} // namespace worker

extern "C" PGDLLEXPORT void campaign_lifecycle_worker_main(Datum argument);

#endif
