// What a timer that waits must be when it is written, whoever writes it: within
// the years that times are kept for, and when it is new, neither past nor for a
// campaign that has come to its end.
#include "trigger/validate_schedule.hpp"

#include "pg/columns.hpp"
#include "trigger/trigger_utils.hpp"
#include "pg/spi_query.hpp"

namespace {

constexpr int64 tolerance = USECS_PER_MINUTE;

TimestampTz year_ten_thousand()
{
	return static_cast<TimestampTz>(date2j(10000, 1, 1) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY;
}

} // namespace

bool is_schedulable(TimestampTz time)
{
	return !TIMESTAMP_NOT_FINITE(time) && time < year_ten_thousand();
}

namespace {

char *words(TimestampTz time)
{
	return DatumGetCString(DirectFunctionCall1(timestamptz_out, TimestampTzGetDatum(time)));
}

void refuse(const char *about, const char *value, const char *hint)
{
	ereport(ERROR, errcode(ERRCODE_RAISE_EXCEPTION), errmsg("Cannot schedule timer %s: %s", about, value), errhint("%s", hint),
			err_generic_string(PG_DIAG_CONSTRAINT_NAME, "validate_timer_scheduling"));
}

constexpr spi_query::Query terminal_state_query = {R"(SELECT FROM @extschema@.campaigns AS c
		WHERE c.id OPERATOR(pg_catalog.=) $1
			AND NOT EXISTS (
				SELECT FROM @extschema@.campaign_state_transitions AS m
				WHERE m.from_state::pg_catalog.text OPERATOR(pg_catalog.=) c.status::pg_catalog.text))",
												   1,
												   {UUIDOID}};

// Return whether this campaign is in a state that no transition leads out of.
bool is_in_terminal_state(Relation timers, Datum campaign)
{
	Datum arguments[] = {campaign};

	SPI_connect();
	spi_query::run(spi_query::schema_of(RelationGetNamespace(timers)), terminal_state_query, arguments);
	bool found = SPI_processed > 0;
	SPI_finish();
	return found;
}

void check_new(Relation timers, Datum campaign, bool no_campaign, TimestampTz time)
{
	if (!no_campaign && is_in_terminal_state(timers, campaign))
		refuse("for expired campaign", DatumGetCString(DirectFunctionCall1(uuid_out, campaign)),
			   "A campaign in a state without outgoing transitions gets no more timers.");
	if (time < GetCurrentTransactionStartTimestamp() - tolerance)
		refuse("in the past", words(time), "Up to one minute in the past is tolerated; now() makes the timer due at once.");
}

} // namespace

SQL_FUNCTION(validate_timer_schedule)
{
	TriggerData *data = trigger_utils::trigger_call(fcinfo, "validate_timer_schedule", TRIGGER_EVENT_ROW | TRIGGER_EVENT_BEFORE);
	HeapTuple row = trigger_utils::written_row(data, "validate_timer_schedule");
	TupleDesc columns = RelationGetDescr(data->tg_relation);
	bool is_null;
	bool no_campaign;

	int time_column = columns::get_attnum(data->tg_relation, "scheduled_at", TIMESTAMPTZOID);
	int campaign_column = columns::get_attnum(data->tg_relation, "campaign_id", UUIDOID);
	Datum time = heap_getattr(row, time_column, columns, &is_null);
	Datum campaign = heap_getattr(row, campaign_column, columns, &no_campaign);
	// The column's own constraint refuses NULL.
	if (is_null)
		return PointerGetDatum(row);
	if (!is_schedulable(DatumGetTimestampTz(time)))
		ereport(ERROR, errcode(ERRCODE_DATETIME_FIELD_OVERFLOW),
				errmsg("timer schedule out of range: %s", words(DatumGetTimestampTz(time))),
				errhint("Times up to the year 9999 can be scheduled."));
	// Plain SQL may move a timer anywhere else: what is past is due at once.
	if (TRIGGER_FIRED_BY_INSERT(data->tg_event))
		check_new(data->tg_relation, campaign, no_campaign, DatumGetTimestampTz(time));
	return PointerGetDatum(row);
}
