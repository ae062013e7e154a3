// The launcher's choice of a database: which ones get workers now, how many, and which worker gives up its process where processes are
// short. Pure arithmetic.
//
// Processes are short if a database waits for one. Then the databases take turns. A worker starts a little before a timer of its database
// is due. It takes the process of a worker that does not need it soon. Where every worker has something to do, those that have had their
// turn make way for databases that wait past their time.
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

constexpr int64 lead_us = USECS_PER_SEC / 2;     // a worker starts this long before its timer is due
constexpr int64 patience_us = lead_us / 2;       // a database waits for so long before others make room at their cost
constexpr int64 keep_us = 3 * USECS_PER_SEC / 2; // a worker that needs its process again this soon keeps it
constexpr int64 turn_us = USECS_PER_SEC;         // a worker may work for so long while databases wait past their time
constexpr int64 min_rest_us = USECS_PER_SEC;
constexpr int64 max_rest_us = 16 * USECS_PER_SEC;
constexpr int visit_naptimes = 10;                 // a database without timers has a worker again after so many times naptime
constexpr int64 late_us = USECS_PER_SEC;           // a turn that comes later than this is reported
constexpr int64 late_for_us = 600 * USECS_PER_SEC; // for so long

// A database without a worker.
struct Waiting
{
	TimestampTz due;      // when its timers need a process; DT_NOBEGIN if that is unknown
	TimestampTz asked_at; // since when a worker is asked for, whatever is due; DT_NOEND if none is
	TimestampTz left_at;  // when its last worker left
};

// A process of a worker.
struct Place
{
	bool is_leaving; // it was asked to
	bool is_further; // its database has another worker
	bool must_stay;  // it has duties in its database as long as further workers live there
	bool sleeps;     // until needed_at
	TimestampTz needed_at;
	TimestampTz turn_since; // since when it has needed its process; DT_NOEND if it does not
};

// Return when the database comes, or came, to need a process. The earliest one is served first. A database that has just had its turn
// stands behind those that have waited since then, however long its timers have been due.
TimestampTz start_at(const Waiting &waiting, int64 visit_us);

// Return how late a worker that starts now is for the timers of the database.
int64 lateness(const Waiting &waiting, TimestampTz now);

// Return whether a worker that sleeps gives up its process to a database that waits.
constexpr bool gives_way(TimestampTz needed_at, TimestampTz now)
{
	return needed_at > now + keep_us;
}

// Return whether a worker has had its turn. The second condition is true after the clock was set back.
constexpr bool is_turn_over(TimestampTz turn_since, TimestampTz now)
{
	return turn_since != DT_NOEND && (now - turn_since >= turn_us || turn_since > now);
}

// Return whether a worker that was asked to leave does so, although a commit may have brought work for it in the meantime.
constexpr bool leaves(bool sleeps, TimestampTz needed_at, TimestampTz turn_since, TimestampTz now)
{
	return is_turn_over(turn_since, now) || (sleeps && needed_at > now + lead_us);
}

// Choose the worker that is to leave for a database that has needed a process since start_at. Return its index, or -1 if none is to yet.
int choose_place(const Place *places, int count, TimestampTz start_at, TimestampTz now);

// Return how long a database rests whose workers have met locked timers or errors, and have executed nothing, so many times in a row.
constexpr int64 rest_after(int fruitless)
{
	return fruitless > 0 ? least(min_rest_us << least(fruitless - 1, 10), max_rest_us) : 0;
}

} // namespace database_choice

#endif
