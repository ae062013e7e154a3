// Prints TAP: ok(), is(), and the plan at the end.
#ifndef CAMPAIGN_TAP_HPP
#define CAMPAIGN_TAP_HPP

#include <cstdio>

namespace tap {

inline int count = 0;
inline int failures = 0;

inline bool ok(bool passed, const char *name)
{
	std::printf("%s %d - %s\n", passed ? "ok" : "not ok", ++count, name);
	failures += passed ? 0 : 1;
	return passed;
}

inline bool is(long long got, long long expected, const char *name)
{
	if (!ok(got == expected, name))
		std::printf("#   got %lld, expected %lld\n", got, expected);
	return got == expected;
}

inline int done()
{
	std::printf("1..%d\n", count);
	return failures == 0 ? 0 : 1;
}

} // namespace tap

#endif
