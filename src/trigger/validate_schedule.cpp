// A trigger of campaign_timers. Promises that the time of a pending timer is before the year 10000. A new timer is
// not in the past and not for a campaign in a terminal state.
#include "trigger/validate_schedule.hpp"

#include "pg/columns.hpp"
#include "trigger/trigger_utils.hpp"
#include "pg/spi_query.hpp"

namespace {

constexpr int64 tolerance_us = USECS_PER_MINUTE;

TimestampTz year_ten_thousand()
{
	return static_cast<TimestampTz>(date2j(10000, 1, 1) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY;
}

char *cstring_of(TimestampTz time)
{
	return DatumGetCString(DirectFunctionCall1(timestamptz_out, TimestampTzGetDatum(time)));
}

// Raise an error in the words of a constraint.
void refuse(const char *about, const char *value, const char *hint)
{
	ereport(ERROR, errcode(ERRCODE_RAISE_EXCEPTION), errmsg("Cannot schedule timer %s: %s", about, value), errhint("%s", hint),
			err_generic_string(PG_DIAG_CONSTRAINT_NAME, "validate_timer_scheduling"));
}

constexpr spi_query::Query terminal_state_query = {R"(SELECT FROM ONLY @extschema@.campaigns AS c
		WHERE c.id OPERATOR(pg_catalog.=) $1
			AND NOT EXISTS (
				SELECT FROM ONLY @extschema@.campaign_state_transitions AS m
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

// Check a new timer. no_campaign: campaign_id is NULL, which the column's own constraint refuses.
void check_new(Relation timers, Datum campaign, bool no_campaign, TimestampTz time)
{
	if (!no_campaign && is_in_terminal_state(timers, campaign))
		refuse("for expired campaign", DatumGetCString(DirectFunctionCall1(uuid_out, campaign)),
			   "A campaign in a state without outgoing transitions gets no more timers.");
	if (time < GetCurrentTransactionStartTimestamp() - tolerance_us)
		refuse("in the past", cstring_of(time), "Up to one minute in the past is tolerated; now() makes the timer due at once.");
}

} // namespace

bool is_schedulable(TimestampTz time)
{
	return !TIMESTAMP_NOT_FINITE(time) && time < year_ten_thousand();
}

SQL_FUNCTION(validate_timer_schedule)
{
	TriggerData *data = trigger_utils::trigger_call(fcinfo, "validate_timer_schedule", TRIGGER_EVENT_ROW | TRIGGER_EVENT_BEFORE);
	HeapTuple row = trigger_utils::written_row(data, "validate_timer_schedule");
	TupleDesc columns = RelationGetDescr(data->tg_relation);
	bool is_null;
	bool no_campaign;

	int time_attnum = columns::get_attnum(data->tg_relation, "scheduled_at", TIMESTAMPTZOID);
	int campaign_attnum = columns::get_attnum(data->tg_relation, "campaign_id", UUIDOID);
	Datum time = heap_getattr(row, time_attnum, columns, &is_null);
	Datum campaign = heap_getattr(row, campaign_attnum, columns, &no_campaign);
	// The column's own constraint refuses NULL.
	if (is_null)
		return PointerGetDatum(row);
	if (!is_schedulable(DatumGetTimestampTz(time)))
		ereport(ERROR, errcode(ERRCODE_DATETIME_FIELD_OVERFLOW),
				errmsg("timer schedule out of range: %s", cstring_of(DatumGetTimestampTz(time))),
				errhint("Times up to the year 9999 can be scheduled."));
	// An UPDATE may set a time in the past, which makes the timer due now.
	if (TRIGGER_FIRED_BY_INSERT(data->tg_event))
		check_new(data->tg_relation, campaign, no_campaign, DatumGetTimestampTz(time));
	return PointerGetDatum(row);
}
