// Finds the horizon: the oldest transaction that runs. A row that was written by an earlier one is visible to all, and no
// such row is added later. The ids of the log and of the executions are made from the clock after their transaction has
// got its number. So a time before the oldest transaction's start tells from which id on rows may still come.
#include "event_position.hpp"

#include "extension.hpp"

namespace event_position {

namespace {

// A clock that is set back by less than this hides no row.
constexpr int64 tolerance_ms = 60 * 1000;

// An execution of a timer that runs alone gets its id when the timer is marked, and its result later.
constexpr spi_query::Query started_query = {R"(SELECT s.id
		FROM (SELECT x.id FROM ONLY @extschema@.timer_executions AS x
			WHERE x.status::pg_catalog.text OPERATOR(pg_catalog.=) 'STARTED' OFFSET 0) AS s
		ORDER BY s.id USING OPERATOR(pg_catalog.<)
		LIMIT 1)",
											0,
											{},
											true};

uint64 full_number(TransactionId xid, FullTransactionId next)
{
	uint64 epoch = EpochFromFullTransactionId(next);

	if (xid > XidFromFullTransactionId(next))
		epoch--;
	return (epoch << 32) | xid;
}

int64 unix_ms(TimestampTz time)
{
	return time / 1000 + static_cast<int64>(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY * 1000;
}

int64 ms_of(const pg_uuid_t &id)
{
	int64 ms = 0;

	for (int i = 0; i < 6; i++)
		ms = (ms << 8) | id.data[i];
	return ms;
}

// Return a time that is not after the start of the transaction, or 0 if it is unknown. That of a prepared one is.
int64 started_ms(TransactionId oldest, Snapshot snapshot)
{
	if (oldest == snapshot->xmax || oldest == GetTopTransactionIdIfAny())
		return unix_ms(GetCurrentTransactionStartTimestamp());
	TimestampTz start = pg::transaction_start_of(BackendXidGetPid(oldest));
	return start == 0 ? 0 : unix_ms(start);
}

} // namespace

Horizon horizon_of(const spi_query::Schema *schema, Snapshot snapshot)
{
	FullTransactionId next = ReadNextFullTransactionId();
	pg_uuid_t started;
	Horizon horizon = {extension::tables_number(), started_ms(snapshot->xmin, snapshot), full_number(snapshot->xmin, next),
					   U64FromFullTransactionId(next)};

	spi_query::run(schema, started_query, nullptr);
	if (spi_query::first_uuid(1, &started))
		horizon.scan_from = least(horizon.scan_from, ms_of(started));
	horizon.scan_from = greatest(horizon.scan_from - tolerance_ms, 0);
	return horizon;
}

// The snapshot is a new one. The oldest transaction of an older one may have ended, and its start would be unknown.
Datum event_id(const spi_query::Schema *schema)
{
	Horizon horizon = {};

	for (int i = 0; i < 3 && horizon.scan_from == 0; i++)
		horizon = horizon_of(schema, GetLatestSnapshot());
	return CStringGetTextDatum(psprintf("%08x.%012llx." UINT64_FORMAT ".00000000-0000-0000-0000-000000000000.0", horizon.tables,
										static_cast<unsigned long long>(horizon.scan_from), horizon.oldest));
}

} // namespace event_position

// Return the horizon of the caller's snapshot to SQL: the tables' number and the time, as an event id has them, the oldest
// transaction and the next one.
SQL_FUNCTION(_event_horizon)
{
	(void) fcinfo;
	SPI_connect();
	event_position::Horizon horizon = event_position::horizon_of(extension::current_schema(), GetActiveSnapshot());
	SPI_finish();
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%08x.%012llx." UINT64_FORMAT "." UINT64_FORMAT, horizon.tables,
											  static_cast<unsigned long long>(horizon.scan_from), horizon.oldest, horizon.next)));
}

// Return the event id for the events that this transaction sends.
SQL_FUNCTION(_event_id)
{
	(void) fcinfo;
	SPI_connect();
	char *id = TextDatumGetCString(event_position::event_id(extension::current_schema()));
	SPI_finish();
	PG_RETURN_TEXT_P(cstring_to_text(id));
}
