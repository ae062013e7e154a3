// The check of a campaign's move, a trigger of campaigns.
#ifndef CAMPAIGN_TRANSITION_HPP
#define CAMPAIGN_TRANSITION_HPP

namespace transition {

// At the end of a transaction: commands are counted anew.
void forget() noexcept;

} // namespace transition

#endif
