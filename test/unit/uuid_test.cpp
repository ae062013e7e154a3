// UUIDs sort in the order in which they were made, whatever the clock does.
#include "tap.hpp"
#include "pg/uuid_order.hpp"

using tap::is;
using tap::ok;

namespace {

struct Uuid
{
	unsigned char bytes[16];
};

Uuid uuid_of(uint64 tick, unsigned char filling)
{
	unsigned char random[uuid_order::random_bytes];
	Uuid uuid;

	memset(random, filling, sizeof(random));
	uuid_order::write(uuid.bytes, tick, random);
	return uuid;
}

} // namespace

void uuid_tests()
{
	constexpr int64 seconds = 1700000000;
	uint64 last = 0;
	Uuid before = uuid_of(0, 0xff);
	bool ordered = true;

	// The clock stands still for 10,000, runs for 10,000, and is set back by an hour for 10,000.
	for (int i = 0; i < 30000; i++)
	{
		int64 at = i < 10000 ? seconds : i < 20000 ? seconds + (i - 10000) / 1000 : seconds - 3600;

		last = uuid_order::next_tick(last, uuid_order::tick_at(at, i < 10000 ? 0 : (i % 1000) * 1000000));
		// The random bytes fall, so the order comes from the tick.
		Uuid uuid = uuid_of(last, static_cast<unsigned char>(255 - i % 256));
		ordered = ordered && memcmp(before.bytes, uuid.bytes, sizeof(uuid.bytes)) < 0;
		before = uuid;
	}
	ok(ordered, "each UUID is greater than the one before, also while the clock stands still or is set back");

	Uuid uuid = uuid_of(uuid_order::tick_at(seconds, 123456789), 0xff);
	uint64 ms = 0;
	for (int i = 0; i < 6; i++)
		ms = ms << 8 | uuid.bytes[i];
	is(static_cast<long long>(ms), seconds * 1000 + 123, "the first 48 bits are milliseconds");
	is((uuid.bytes[6] & 0x0f) << 8 | uuid.bytes[7], 456789LL * 4096 / 1000000, "twelve bits are their fraction");
	is(uuid.bytes[6] >> 4, 7, "the version is 7");
	is(uuid.bytes[8] >> 6, 2, "the variant is that of RFC 9562");
	is(static_cast<long long>(uuid_order::next_tick(5, 5)), 6, "the same time twice gives the next tick");
}
