// DDL that launcher and workers must make way for, or want to know of.
#ifndef CAMPAIGN_DDL_HPP
#define CAMPAIGN_DDL_HPP

#include "pg.hpp"

namespace ddl {

void install_hooks();

} // namespace ddl

#endif
