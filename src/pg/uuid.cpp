// Follows RFC 9562, section 6.2, method 3. A UUID begins with milliseconds, and twelve bits of their fraction follow.
// The fraction is raised by one if the clock has not advanced, so UUIDs sort in the order in which they were made.
// That holds within a microsecond and after the clock is set back. The other bits are random and come from a pool,
// which saves calls of pg_strong_random().
#include "pg/uuid.hpp"

#include <time.h>

namespace uuid {

namespace {

constexpr int random_bytes = 8;
constexpr int pool_size = 64 * random_bytes;

unsigned char pool[pool_size];
int pool_used = pool_size;
uint64 last_tick = 0;

// Return the time in units of 1/4096 of a millisecond. No value is returned twice.
uint64 next_tick()
{
	struct timespec now;

	(void) clock_gettime(CLOCK_REALTIME, &now);
	uint64 ms = static_cast<uint64>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
	uint64 tick = (ms << 12) | static_cast<uint64>((now.tv_nsec % 1000000) * INT64CONST(4096) / 1000000);

	last_tick = greatest(tick, last_tick + 1);
	return last_tick;
}

// Return random bytes from the pool.
const unsigned char *next_random()
{
	if (pool_used == pool_size)
	{
		if (!pg_strong_random(pool, pool_size))
			ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values"));
		pool_used = 0;
	}
	pool_used += random_bytes;
	return &pool[pool_used - random_bytes];
}

} // namespace

void make(pg_uuid_t *id)
{
	uint64 tick = next_tick();
	uint64 ms = tick >> 12;

	for (int i = 0; i < 6; i++)
		id->data[i] = static_cast<unsigned char>(ms >> (40 - 8 * i));
	id->data[6] = static_cast<unsigned char>(0x70 | ((tick >> 8) & 0x0f));
	id->data[7] = static_cast<unsigned char>(tick);
	memcpy(&id->data[8], next_random(), random_bytes);
	id->data[8] = static_cast<unsigned char>((id->data[8] & 0x3f) | 0x80);
}

} // namespace uuid

// Return a new UUID to SQL.
SQL_FUNCTION(_uuid_v7)
{
	(void) fcinfo;
	pg_uuid_t *id = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t)));

	uuid::make(id);
	PG_RETURN_UUID_P(id);
}
