// The triggers on the hot path: stamps and the log of moves.
#ifndef CAMPAIGN_TRIGGERS_HPP
#define CAMPAIGN_TRIGGERS_HPP

#include "pg.hpp"

namespace triggers {

void register_callbacks();

} // namespace triggers

#endif
