// A trigger of campaign_timers. Promises that the time of a pending timer is before the year 10000. A new timer is
// not in the past and not for a campaign in a terminal state.
#include "guc.hpp"
#include "pg/columns.hpp"
#include "pg/limits.hpp"
#include "pg/spi_query.hpp"
#include "trigger/trigger_utils.hpp"

namespace {

constexpr int64 tolerance_us = USECS_PER_MINUTE;

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

constexpr spi_query::Query dead_timer_query = {R"(SELECT t.id::pg_catalog.uuid
		FROM ONLY @extschema@.campaign_timers AS t
		WHERE t.campaign_id OPERATOR(pg_catalog.=) $1 AND t.timer_type::pg_catalog.text OPERATOR(pg_catalog.=) $2
			AND t.status::pg_catalog.text OPERATOR(pg_catalog.=) 'FAILED'
			AND t.retry_count OPERATOR(pg_catalog.>=) $3 AND t.retry_count OPERATOR(pg_catalog.<) 5
		LIMIT 1)",
											   3,
											   {UUIDOID, TEXTOID, INT4OID},
											   true};

constexpr spi_query::Query bury_query = {
	R"(UPDATE ONLY @extschema@.campaign_timers AS t SET retry_count = 5 WHERE t.id OPERATOR(pg_catalog.=) $1)", 1, {UUIDOID}};

// Return whether a timer with these columns is FAILED without an attempt left. Names that are missing count as not.
bool is_dead(Relation timers, HeapTuple row)
{
	TupleDesc columns = RelationGetDescr(timers);
	int count_attnum = columns::find_attnum(columns, 1, "retry_count", INT4OID);
	int status_attnum = columns::find_attnum(columns, 1, "status", TEXTOID);
	bool no_count = true;
	bool no_status = true;
	Datum attempts = count_attnum == 0 ? 0 : heap_getattr(row, count_attnum, columns, &no_count);
	Datum status = status_attnum == 0 ? 0 : heap_getattr(row, status_attnum, columns, &no_status);

	return !no_count && !no_status && DatumGetInt32(attempts) >= guc::max_attempts &&
		   pg::same_text(status, CStringGetTextDatum("FAILED"));
}

// Give a dead timer of the same type the retry_count by which indexes know it as dead. It could not be told from one
// that waits otherwise, because indexes cannot read max_attempts. Only a timer to be buried needs the privilege to
// update.
void bury_dead_timer(Relation timers, HeapTuple row, Datum campaign)
{
	int type_attnum = columns::find_attnum(RelationGetDescr(timers), 1, "timer_type", TEXTOID);
	bool is_null = true;
	Datum type = type_attnum == 0 ? 0 : heap_getattr(row, type_attnum, RelationGetDescr(timers), &is_null);
	pg_uuid_t dead;

	if (is_null)
		return;
	SPI_connect();
	spi_query::Schema *schema = spi_query::schema_of(RelationGetNamespace(timers));
	Datum arguments[] = {campaign, type, Int32GetDatum(guc::max_attempts)};
	spi_query::run(schema, dead_timer_query, arguments);
	if (spi_query::first_uuid(1, &dead))
	{
		arguments[0] = UUIDPGetDatum(&dead);
		spi_query::run(schema, bury_query, arguments);
	}
	SPI_finish();
}

// Check a new timer. no_campaign: campaign_id is NULL, which the column's own constraint refuses.
void check_new(Relation timers, Datum campaign, bool no_campaign, TimestampTz time)
{
	if (!no_campaign && is_in_terminal_state(timers, campaign))
		refuse("for expired campaign", DatumGetCString(DirectFunctionCall1(uuid_out, campaign)),
			   "A campaign in a state without outgoing transitions gets no more timers.");
	TimestampTz now = guc::as_of != DT_NOBEGIN ? guc::as_of : GetCurrentTransactionStartTimestamp();
	if (time < now - tolerance_us)
		refuse("in the past", cstring_of(time), "Up to one minute in the past is tolerated; now() makes the timer due at once.");
}

} // namespace

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
	// The column's own constraint refuses NULL. A dead timer does not wait, and may be of the past.
	if (is_null || (TRIGGER_FIRED_BY_INSERT(data->tg_event) && is_dead(data->tg_relation, row)))
		return PointerGetDatum(row);
	if (!limits::is_schedulable(DatumGetTimestampTz(time)))
		ereport(ERROR, errcode(ERRCODE_DATETIME_FIELD_OVERFLOW),
				errmsg("timer schedule out of range: %s", cstring_of(DatumGetTimestampTz(time))),
				errhint("Times up to the year 9999 can be scheduled."));
	// An UPDATE may set a time in the past, which makes the timer due now.
	if (TRIGGER_FIRED_BY_INSERT(data->tg_event))
	{
		check_new(data->tg_relation, campaign, no_campaign, DatumGetTimestampTz(time));
		if (!no_campaign && guc::max_attempts < limits::attempts)
			bury_dead_timer(data->tg_relation, row, campaign);
	}
	return PointerGetDatum(row);
}
