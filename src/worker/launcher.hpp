// The one process per server that gives every database its workers.
#ifndef CAMPAIGN_LAUNCHER_HPP
#define CAMPAIGN_LAUNCHER_HPP

#include "pg/compat.hpp"

namespace launcher {

constexpr const char *library = "campaign_lifecycle";
constexpr const char *process_type = "campaign_lifecycle launcher";

void register_process();

} // namespace launcher

#endif
