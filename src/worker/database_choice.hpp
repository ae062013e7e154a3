// The launcher's choice of a database: which ones get workers now, and how many. Pure arithmetic.
#ifndef CAMPAIGN_DATABASE_CHOICE_HPP
#define CAMPAIGN_DATABASE_CHOICE_HPP

#include "pg/timestamp.hpp"

namespace database_choice {

constexpr int64 min_backoff_us = USECS_PER_SEC;
constexpr int64 max_backoff_us = 60 * USECS_PER_SEC;
constexpr int64 good_life_us = 60 * USECS_PER_SEC; // a failure after it is the first one again

// Whether a database has the extension, as far as is known.
enum class Extension
{
	unknown,
	absent,
	present,
};

// Return whether the database is to have workers. Where the extension is unknown a first worker probes, in one database at a time.
constexpr bool is_chosen(Extension extension, bool probing)
{
	return extension == Extension::present || (extension == Extension::unknown && !probing);
}

constexpr int workers_for(Extension extension, int workers)
{
	return extension == Extension::present ? workers : 1;
}

// Return how long the next worker waits after one has failed, which is longer each time.
constexpr int64 backoff_after(int failures)
{
	return least(min_backoff_us << least(failures, 10), max_backoff_us);
}

// Return how many failures in a row there are before one at this time of a worker that has lived since then.
constexpr int failures_before(int failures, TimestampTz since, TimestampTz now)
{
	return now - since > good_life_us ? 0 : failures;
}

// Return a time to retry that holds also if the clock was set back.
constexpr TimestampTz mended(TimestampTz retry_at, TimestampTz now)
{
	return retry_at > now + max_backoff_us ? DT_NOBEGIN : retry_at;
}

} // namespace database_choice

#endif
