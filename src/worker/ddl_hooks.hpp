// Hooks for the DDL that launcher and workers must yield to, or must learn of.
#ifndef CAMPAIGN_DDL_HOOKS_HPP
#define CAMPAIGN_DDL_HOOKS_HPP

#include "pg/compat.hpp"

namespace ddl_hooks {

void install_hooks();

} // namespace ddl_hooks

#endif
