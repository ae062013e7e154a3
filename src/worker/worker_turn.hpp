// A worker's turn, where other databases need its process as well.
#ifndef CAMPAIGN_WORKER_TURN_HPP
#define CAMPAIGN_WORKER_TURN_HPP

#include "pg/compat.hpp"
#include "worker/worker_schedule.hpp"

namespace worker_turn {

// Go on where the last worker of the database stopped: with maintenance at its next time.
void begin(worker_schedule::Schedule *schedule);

// Note that the worker has done a step of maintenance, which it may do once before it leaves.
void note_maintenance();

// Leave if the worker was asked to, and its turn is over. `wakeup` is the time that enter_busy() has returned.
void leave_if_over(const worker_schedule::Schedule &schedule, TimestampTz wakeup);

// Go on with the next step, although the launcher has asked for the process, if the turn is not over.
void decline_if_early();

// Leave, instead of sleeping, if another database needs the process and this one does not soon.
void leave_if_idle(const worker_schedule::Schedule &schedule);

// Publish, before the worker sleeps, when it will need its process again.
void note_sleep(const worker_schedule::Schedule &schedule);
void note_wakeup();

// Return whether the worker was asked to leave, so that it does not sleep on.
bool is_wanted();

} // namespace worker_turn

#endif
