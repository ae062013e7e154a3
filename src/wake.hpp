// Who wakes whom. A transaction that brings timers notes the earliest of them
// and, once it is visible to others, tells the workers of its database; a worker
// says when it will look next, so that only an earlier timer disturbs it.
#ifndef CAMPAIGN_WAKE_HPP
#define CAMPAIGN_WAKE_HPP

#include "pg.hpp"
#include "shared.hpp"

namespace wake {

void register_callbacks();

// For the transaction: a timer due at this time; anything else that workers of
// this database, or the launcher, should look at.
void note_timer(TimestampTz due);
void note_change();

// For a worker: what has been noted so far it knows itself.
void note_look_ahead();

// After COMMIT PREPARED: what was prepared is unknown here, so look at all.
void all_now() noexcept;

// For a worker, in this order: begin_look() before the snapshot, then
// promise_look(), then sleep only if it says so.
TimestampTz begin_look(shared::Station *station);
bool promise_look(shared::Station *station, TimestampTz next);

// A worker that has found more than it can do alone.
void rouse_sibling(const shared::Station *mine, TimestampTz since);

// What a full batch has passed over nobody else need pass over: where a claim that
// would begin at `since` had better begin, if a sibling is at work there. (What
// it leaves or loses it looks for itself, as it does after a claim of its own.)
void publish_claim(shared::Station *mine, TimestampTz from, TimestampTz to);
void withdraw_claim(shared::Station *mine);
TimestampTz skip_claimed(const shared::Station *mine, TimestampTz since);

void set_own_station(shared::Station *station);

} // namespace wake

#endif
