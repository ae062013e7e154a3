// The launcher's choice of a database.
#include "tap.hpp"
#include "worker/database_choice.hpp"

using namespace database_choice;
using tap::is;
using tap::ok;

void launcher_tests()
{
	constexpr TimestampTz now = 1000 * USECS_PER_SEC;

	ok(is_chosen(Extension::present, true), "a database with the extension has workers, whatever goes on elsewhere");
	ok(is_chosen(Extension::unknown, false), "an unknown database gets a first worker");
	ok(!is_chosen(Extension::unknown, true), "but not while one looks at another unknown database");
	ok(!is_chosen(Extension::absent, false), "a database without the extension has none");
	is(workers_for(Extension::unknown, 4), 1, "one worker looks");
	is(workers_for(Extension::present, 4), 4, "as many as the settings say work");
	is(backoff_after(0), USECS_PER_SEC, "after a first failure the next worker waits 1 s");
	is(backoff_after(3), 8 * USECS_PER_SEC, "then twice that each time");
	is(backoff_after(1000), 60 * USECS_PER_SEC, "up to 60 s");
	is(failures_before(5, now - 10 * USECS_PER_SEC, now), 5, "a worker that has lived for a short time adds to the failures");
	is(failures_before(5, now - 61 * USECS_PER_SEC, now), 0, "after a good life a failure is the first one again");
	is(mended(now + 60 * USECS_PER_SEC, now), now + 60 * USECS_PER_SEC, "a wait that the clock allows stays");
	is(mended(now + 3600 * USECS_PER_SEC, now), DT_NOBEGIN, "a wait that a clock set back has made longer ends");
}
