// Declares the server's time type, also where there is no server. A source that includes nothing else of the server can
// be tested in test/unit.
#ifndef CAMPAIGN_TIMESTAMP_HPP
#define CAMPAIGN_TIMESTAMP_HPP

#ifndef CAMPAIGN_WITHOUT_SERVER
#include "pg/postgres.hpp"
#else

#include <cstdint>

using int32 = std::int32_t;
using uint32 = std::uint32_t;
using int64 = std::int64_t;
using uint64 = std::uint64_t;
using TimestampTz = int64;

constexpr int64 USECS_PER_SEC = 1000000;
constexpr TimestampTz DT_NOBEGIN = INT64_MIN;
constexpr TimestampTz DT_NOEND = INT64_MAX;

template <typename A, typename B> constexpr auto least(A a, B b)
{
	using Both = decltype(true ? a : b);

	return static_cast<Both>(a) < static_cast<Both>(b) ? static_cast<Both>(a) : static_cast<Both>(b);
}

template <typename A, typename B> constexpr auto greatest(A a, B b)
{
	using Both = decltype(true ? a : b);

	return static_cast<Both>(a) > static_cast<Both>(b) ? static_cast<Both>(a) : static_cast<Both>(b);
}

#endif

#endif
