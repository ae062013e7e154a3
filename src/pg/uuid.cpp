// Makes UUIDs from the clock and random bytes. uuid_order.hpp promises that they sort in the order in which they were
// made. The random bytes come from a pool, which saves calls of pg_strong_random().
#include "pg/uuid.hpp"

#include "pg/uuid_order.hpp"

#include <time.h>

namespace uuid {

namespace {

using uuid_order::random_bytes;

constexpr int pool_size = 64 * random_bytes;

unsigned char pool[pool_size];
int pool_used = pool_size;
uint64 last_tick = 0;

// Return the tick of the next UUID. No tick is returned twice.
uint64 next_tick()
{
	struct timespec now;

	(void) clock_gettime(CLOCK_REALTIME, &now);
	last_tick = uuid_order::next_tick(last_tick, uuid_order::tick_at(now.tv_sec, now.tv_nsec));
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
	const unsigned char *random = next_random();

	uuid_order::write(id->data, next_tick(), random);
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
