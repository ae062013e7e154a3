// Keeps planned CHECK constraints and trigger conditions for the life of the process. Exists for speed alone, see
// expr_cache.cpp.
#ifndef CAMPAIGN_EXPR_CACHE_HPP
#define CAMPAIGN_EXPR_CACHE_HPP

#include "pg/compat.hpp"

namespace expr_cache {

// Initialize the CHECK constraints of the table from the cache. It must be called before the first ExecConstraints() of
// this executor state for the table. The server plans them itself if it is not called.
void prepare_checks(ResultRelInfo *result_rel, EState *estate);

// Initialize the WHEN conditions of row triggers from the cache, before the first row of an INSERT or UPDATE. The
// server plans a condition itself that is not initialized.
void prepare_conditions(ResultRelInfo *result_rel, EState *estate, bool is_insert);

} // namespace expr_cache

#endif
