// The check of a campaign's move, a trigger of campaigns.
#ifndef CAMPAIGN_VALIDATE_TRANSITION_HPP
#define CAMPAIGN_VALIDATE_TRANSITION_HPP

#include "pg/compat.hpp"

namespace validate_transition {

// Takes those pairs of states out of the arrays that this command has found legal
// for this table. Returns how many are left.
int leave_out_legal(Oid relation, Datum *from, Datum *to, int count);

// At the end of a transaction: commands are counted anew.
void forget() noexcept;

} // namespace validate_transition

#endif
