// The constraints and trigger conditions of the tables that batches write, planned
// once per session instead of once per batch: for a batch of one timer that is a
// fifth of its cost. Nothing but speed depends on it.
#ifndef CAMPAIGN_EXPR_CACHE_HPP
#define CAMPAIGN_EXPR_CACHE_HPP

#include "pg/compat.hpp"

namespace expr_cache {

// Before the first ExecConstraints() for this table of the executor's state.
void prepare_checks(ResultRelInfo *target, EState *estate);

// Before the first row trigger of an INSERT or UPDATE of this table. A condition
// that is not prepared the server prepares itself.
void prepare_conditions(ResultRelInfo *target, EState *estate, bool inserts);

} // namespace expr_cache

#endif
