// The check of a timer's time, a trigger of campaign_timers, and what of it a batch asks itself.
#ifndef CAMPAIGN_VALIDATE_SCHEDULE_HPP
#define CAMPAIGN_VALIDATE_SCHEDULE_HPP

#include "pg/compat.hpp"

// Whether a timer may wait for this time at all.
bool is_schedulable(TimestampTz time);

extern "C" Datum validate_timer_schedule(PG_FUNCTION_ARGS);

#endif
