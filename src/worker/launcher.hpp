// The process, one a server, that starts workers in every database.
#ifndef CAMPAIGN_LAUNCHER_HPP
#define CAMPAIGN_LAUNCHER_HPP

#include "pg/compat.hpp"

namespace launcher {

constexpr const char *library = "campaign_lifecycle";
constexpr const char *process_type = "campaign_lifecycle launcher";

void register_process();

} // namespace launcher

#endif
