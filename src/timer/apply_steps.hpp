// The steps of apply::run(), which are in several files, and the data that they share. Only those files include this
// header.
#ifndef CAMPAIGN_APPLY_STEPS_HPP
#define CAMPAIGN_APPLY_STEPS_HPP

#include "timer/claim.hpp"
#include "timer/state_machine.hpp"

namespace apply {

enum class EffectKind : char
{
	none,          // the timer is completed and does nothing else: it is skipped, or is a reminder
	state_changed, // the campaign has followed a transition
	early,         // the timer is postponed
};

// The effect of one timer of the batch.
struct TimerEffect
{
	const claim::Timer *timer;
	const state_machine::Rule *rule;
	ItemPointerData tid;
	ItemPointerData campaign_tid;
	EffectKind kind;
	bool deleted;         // a trigger has deleted the timer since the claim
	bool disabled;        // by the campaign's switch, or because the policy is gone
	bool sets_start_time; // because the campaign has none
};

struct Batch
{
	spi_query::Schema *schema;
	state_machine::StateMachine machine;
	TimestampTz as_of;
	TimerEffect *effects;
	int count;
};

using Condition = bool (*)(const TimerEffect *effect);

bool has_changed_state(const TimerEffect *effect);
bool is_early(const TimerEffect *effect);
bool is_completed(const TimerEffect *effect);
bool has_reminded(const TimerEffect *effect);

// Return the effects of the batch that meet the condition, in their order.
TimerEffect **collect(const Batch *batch, Condition condition, int *count);

// Build arrays of the timers' ids and of their campaigns' ids.
Datum timer_ids(TimerEffect *const *effects, int count);
Datum campaign_ids(TimerEffect *const *effects, int count);

// Complete the timers that are not early. Return their number.
int complete_timers(Batch *batch, TimestampTz done_at);

// Insert, reschedule and cancel timers as the policies of the new states say. Return the earliest timer that was
// waiting and is due, or DT_NOEND.
TimestampTz set_timers_of_new_states(Batch *batch);

// Record the executions and metrics of the completed timers, and notify listeners. `took_us` is the time that
// `completed` timers took. marked: the timer was marked RUNNING, so it may have an execution row already.
void record(Batch *batch, TimestampTz done_at, int64 took_us, int completed, bool marked);

} // namespace apply

#endif
