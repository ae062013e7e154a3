// The launcher's choice of a database.
#include "tap.hpp"
#include "worker/database_choice.hpp"

using namespace database_choice;
using tap::is;
using tap::ok;

namespace {

constexpr TimestampTz clock_now = 1000 * USECS_PER_SEC;
constexpr int64 ms = USECS_PER_SEC / 1000;

// Places of workers that sleep for so long, and of one that has worked for so long.
Place sleeper(int64 us)
{
	return {false, false, false, true, clock_now + us, DT_NOEND};
}

Place busy(int64 us)
{
	return {false, false, false, false, clock_now, clock_now - us};
}

void order_tests()
{
	constexpr TimestampTz now = clock_now;
	constexpr int64 visit = 600 * USECS_PER_SEC;
	constexpr TimestampTz long_ago = now - 100 * USECS_PER_SEC;

	is(start_at({now + 20 * USECS_PER_SEC, DT_NOEND, now}, visit), now + 20 * USECS_PER_SEC - lead_us,
	   "a worker starts a little before a timer is due");
	is(start_at({DT_NOEND, DT_NOEND, now}, visit), now + visit, "a database without timers is visited now and then");
	is(start_at({DT_NOBEGIN, DT_NOEND, long_ago}, visit), long_ago,
	   "one of which nothing is known has waited since its worker left");
	is(start_at({now + 20 * USECS_PER_SEC, now, long_ago}, visit), now, "a request for a worker counts from its time on");
	is(start_at({long_ago - 3600 * USECS_PER_SEC, DT_NOEND, now}, visit), now,
	   "a database that has just had its turn stands behind the others, however old its timers are");
	is(lateness({now - 300 * ms, DT_NOEND, long_ago}, now), 300 * ms, "lateness is since the timer is due");
	is(lateness({now + 300 * ms, DT_NOEND, long_ago}, now), 0, "a worker that starts ahead is not late");
	is(lateness({DT_NOBEGIN, now - ms, long_ago}, now), ms, "lateness is since a worker was asked for");
}

void place_tests()
{
	constexpr TimestampTz now = clock_now;
	const Place idle[] = {sleeper(2 * USECS_PER_SEC), sleeper(60 * USECS_PER_SEC), busy(3600 * USECS_PER_SEC)};
	const Place soon[] = {sleeper(USECS_PER_SEC), sleeper(1200 * ms), sleeper(300 * ms)};
	const Place full[] = {busy(1100 * ms), busy(9 * USECS_PER_SEC), busy(100 * ms)};
	Place further[] = {sleeper(60 * USECS_PER_SEC), sleeper(10 * ms)};
	Place asked[] = {sleeper(60 * USECS_PER_SEC), sleeper(5 * USECS_PER_SEC)};

	is(choose_place(idle, 3, now, now), 1, "the worker leaves that sleeps longest");
	is(choose_place(soon, 3, now, now), -1, "a database whose timers come every second keeps its worker");
	is(choose_place(soon, 3, now - patience_us, now), 1, "until another one would be late otherwise");
	is(choose_place(soon + 2, 1, now - 3600 * USECS_PER_SEC, now), -1, "a worker whose timer is due within moments never leaves");
	is(choose_place(full, 3, now, now), -1, "a worker that works stays at first");
	is(choose_place(full, 3, now - patience_us, now), 1, "then the one leaves that has worked longest");
	is(choose_place(full + 2, 1, now - 3600 * USECS_PER_SEC, now), -1, "but not before it has had its turn");
	further[1].is_further = true;
	is(choose_place(further, 2, now, now), 1, "a worker beside another one of its database leaves first");
	further[1].is_further = false;
	further[0].must_stay = true;
	is(choose_place(further, 2, now, now), -1, "a first worker stays while others live beside it");
	asked[0].is_leaving = true;
	is(choose_place(asked, 2, now, now), 1, "a worker that was asked to leave is not asked again");
	ok(is_turn_over(now + 1, now), "a turn that a clock set back has made longer ends");
	ok(leaves(true, now + USECS_PER_SEC, now, now), "a worker that was asked to leave does so while it sleeps");
	ok(!leaves(false, now, now, now), "but not if a commit has brought work in the meantime");
	is(rest_after(0), 0, "a database that has executed timers need not rest");
	is(rest_after(1), USECS_PER_SEC, "one that has met locked timers rests for 1 s");
	is(rest_after(50), 16 * USECS_PER_SEC, "up to 16 s");
}

} // namespace

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
	order_tests();
	place_tests();
}
