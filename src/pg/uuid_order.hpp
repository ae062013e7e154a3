// Orders UUIDs of version 7. Follows RFC 9562, section 6.2, method 3: a UUID begins with milliseconds, and twelve
// bits of their fraction follow. Pure, with the clock and the random bytes as arguments, so that it is tested without
// a server.
#ifndef CAMPAIGN_UUID_ORDER_HPP
#define CAMPAIGN_UUID_ORDER_HPP

#include "pg/timestamp.hpp"

#include <string.h>

namespace uuid_order {

constexpr int random_bytes = 8;

// Return a time of the system clock in units of 1/4096 of a millisecond.
constexpr uint64 tick_at(int64 seconds, int64 nanoseconds)
{
	uint64 ms = static_cast<uint64>(seconds) * 1000 + static_cast<uint64>(nanoseconds / 1000000);

	return (ms << 12) | static_cast<uint64>((nanoseconds % 1000000) * 4096 / 1000000);
}

// Return the tick of the next UUID. It is greater than the last one also if the clock has stood still or was set back.
constexpr uint64 next_tick(uint64 last, uint64 now)
{
	return greatest(now, last + 1);
}

// Write the 16 bytes of a UUID that sorts by its tick.
inline void write(unsigned char *bytes, uint64 tick, const unsigned char *random)
{
	uint64 ms = tick >> 12;

	for (int i = 0; i < 6; i++)
		bytes[i] = static_cast<unsigned char>(ms >> (40 - 8 * i));
	bytes[6] = static_cast<unsigned char>(0x70 | ((tick >> 8) & 0x0f));
	bytes[7] = static_cast<unsigned char>(tick);
	memcpy(&bytes[8], random, random_bytes);
	bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
}

} // namespace uuid_order

#endif
