// Validates state changes against campaign_state_transitions, as a trigger of campaigns and for the log.
#ifndef CAMPAIGN_VALIDATE_TRANSITION_HPP
#define CAMPAIGN_VALIDATE_TRANSITION_HPP

#include "pg/spi_query.hpp"

namespace validate_transition {

// Remove the pairs of states from the arrays that this command has found valid for this table. Return the number of
// the others.
int remove_known(Oid relation, Datum *from, Datum *to, int count);

// Find the first pair of states that has no transition. Return false if there is none.
bool find_illegal_transition(spi_query::Schema *schema, Datum from, Datum to, char **from_state, char **to_state);

// Forget all pairs at the end of a transaction, because command ids then start again.
void forget() noexcept;

} // namespace validate_transition

#endif
