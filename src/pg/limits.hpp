// The limits that the schema has as well. sql/order.mk has them for SQL, and `make lint` checks that both are equal.
#ifndef CAMPAIGN_LIMITS_HPP
#define CAMPAIGN_LIMITS_HPP

#include "pg/compat.hpp"

namespace limits {

// The most attempts that campaign_lifecycle.max_attempts can allow. Partial indexes have this number in their
// predicates, so queries have it in their texts, as @attempt_limit@.
constexpr int attempts = 5;

// Times are kept before the first day of this year.
constexpr int year = 10000;

// Return whether the time is finite and before that year.
inline bool is_schedulable(TimestampTz time)
{
	TimestampTz end = static_cast<TimestampTz>(date2j(year, 1, 1) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY;

	return !TIMESTAMP_NOT_FINITE(time) && time < end;
}

} // namespace limits

#endif
