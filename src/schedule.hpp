// The check of a timer's time, a trigger of campaign_timers.
#ifndef CAMPAIGN_SCHEDULE_HPP
#define CAMPAIGN_SCHEDULE_HPP

#include "pg.hpp"

extern "C" Datum validate_timer_schedule(PG_FUNCTION_ARGS);

#endif
