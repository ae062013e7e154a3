// The check of a campaign's move, a trigger of campaigns.
#ifndef CAMPAIGN_VALIDATE_TRANSITION_HPP
#define CAMPAIGN_VALIDATE_TRANSITION_HPP

#include "pg/spi_query.hpp"

namespace validate_transition {

// Takes those pairs of states out of the arrays that this command has found legal
// for this table. Returns how many are left.
int leave_out_legal(Oid relation, Datum *from, Datum *to, int count);

// Return whether one of these pairs of states is no row of the state machine, and the first such.
bool find_illegal_transition(spi_query::Schema *schema, Datum from, Datum to, char **from_state, char **to_state);

// At the end of a transaction: commands are counted anew.
void forget() noexcept;

} // namespace validate_transition

#endif
