// Validates the time of a timer, as a trigger of campaign_timers and for a batch.
#ifndef CAMPAIGN_VALIDATE_SCHEDULE_HPP
#define CAMPAIGN_VALIDATE_SCHEDULE_HPP

#include "pg/compat.hpp"

// Return whether the time is finite and before the year 10000.
bool is_schedulable(TimestampTz time);

// The trigger function, by which a batch finds the trigger that it leaves out.
extern "C" Datum validate_timer_schedule(PG_FUNCTION_ARGS);

#endif
