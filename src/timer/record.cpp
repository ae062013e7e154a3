// Records the completed timers of a batch: executions, metrics and events. Assumes that the timers are written already.
#include "timer/apply_steps.hpp"

#include "guc.hpp"
#include "pg/uuid.hpp"
#include "row/row_writer.hpp"
#include "row/written_columns.hpp"

namespace apply {

namespace {

constexpr spi_query::Query notify_query = {R"(SELECT campaign_lifecycle_internal._notify_completed($1))", 1, {UUIDARRAYOID}};

constexpr spi_query::Query complete_single_query = {
	R"(SELECT campaign_lifecycle_internal._complete_single_timer($1, $2, $3, $4))",
	4,
	{UUIDOID, JSONBOID, TIMESTAMPTZOID, INT4OID}};

Datum result_of(const TimerEffect *effect)
{
	return effect->disabled ? effect->rule->disabled_result : effect->rule->result;
}

void record_executions(Batch *batch, TimestampTz done_at, int took_ms)
{
	constexpr auto &columns = written_columns::execution;
	static constexpr row_writer::Reference reference = {"timer_id", "campaign_timers"};
	row_writer::RowWriter *writer =
		row_writer::open_insert(batch->schema->oid, "timer_executions", columns, lengthof(columns), &reference);
	Datum status = CStringGetTextDatum("COMPLETED");

	for (int i = 0; i < batch->count; i++)
	{
		TimerEffect *effect = &batch->effects[i];
		pg_uuid_t id;

		if (!is_completed(effect))
			continue;
		uuid::make(&id);
		Datum values[] = {UUIDPGetDatum(&id),    UUIDPGetDatum(&effect->timer->id), status,
						  result_of(effect),     TimestampTzGetDatum(batch->as_of), TimestampTzGetDatum(done_at),
						  Int32GetDatum(took_ms)};
		row_writer::insert_row(writer, values, nullptr, &effect->tid);
	}
	row_writer::close(writer);
}

// Complete the execution row of a timer that was marked RUNNING. Return false if it has none.
bool complete_single(Batch *batch, TimestampTz done_at, int took_ms)
{
	const TimerEffect *effect = &batch->effects[0];
	Datum arguments[] = {UUIDPGetDatum(&effect->timer->id), result_of(effect), TimestampTzGetDatum(done_at),
						 Int32GetDatum(took_ms)};
	bool is_null;

	spi_query::run(batch->schema, complete_single_query, arguments);
	return DatumGetBool(spi_query::first_value(1, &is_null));
}

// Return numeric milliseconds. The time is in tenths of microseconds.
Datum milliseconds(int64 time)
{
	return NumericGetDatum(int64_div_fast_to_numeric(time, 4));
}

// Record how long each timer took, in tenths of microseconds, and how late each state change came.
void record_metrics(Batch *batch, TimestampTz done_at, int64 took)
{
	constexpr auto &columns = written_columns::metric;
	static constexpr row_writer::Reference reference = {"campaign_id", "campaigns"};
	constexpr int64 max_us = INT64CONST(99999999999000);
	row_writer::RowWriter *writer =
		row_writer::open_insert(batch->schema->oid, "campaign_metrics", columns, lengthof(columns), &reference);
	Datum execution = CStringGetTextDatum("TIMER_EXECUTION_TIME");
	Datum transition = CStringGetTextDatum("STATE_TRANSITION_TIME");
	Datum took_ms = milliseconds(took);

	for (int i = 0; i < batch->count; i++)
	{
		TimerEffect *effect = &batch->effects[i];
		pg_uuid_t id;

		if (!is_completed(effect))
			continue;
		uuid::make(&id);
		Datum values[] = {UUIDPGetDatum(&id), UUIDPGetDatum(&effect->timer->campaign), execution, took_ms,
						  TimestampTzGetDatum(done_at)};
		row_writer::insert_row(writer, values, nullptr, &effect->campaign_tid);
		if (!has_changed_state(effect))
			continue;
		uuid::make(&id);
		values[2] = transition;
		values[3] = milliseconds(least(done_at - effect->timer->scheduled_at, max_us) * 10);
		row_writer::insert_row(writer, values, nullptr, &effect->campaign_tid);
	}
	row_writer::close(writer);
}

// Notify listeners of the completed timers, if the settings ask for one of their events.
void notify(Batch *batch)
{
	bool all = guc::notifies("timer.executed");
	int count;

	if (!all && !guc::notifies("reward.reminder"))
		return;
	TimerEffect **effects = collect(batch, all ? is_completed : has_reminded, &count);
	if (count == 0)
		return;
	Datum arguments[] = {timer_ids(effects, count)};
	spi_query::run(batch->schema, notify_query, arguments);
}

} // namespace

void record(Batch *batch, TimestampTz done_at, int64 took_us, int completed, bool marked)
{
	int64 count = completed;
	int took_ms = static_cast<int>((took_us + count * 500) / (count * 1000));

	if (!marked || !complete_single(batch, done_at, took_ms))
		record_executions(batch, done_at, took_ms);
	if (guc::record_metrics)
		record_metrics(batch, done_at, took_us * 10 / completed);
	notify(batch);
}

} // namespace apply
