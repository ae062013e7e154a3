// The heart of a batch. The rules say what a timer of a type does to a campaign
// in a state; here that is written, a table after the other: campaigns (whose
// triggers write the log), timers, the timers of the states entered, executions,
// metrics. Assumes the locks of the claim; promises that either all of it is
// written or an ERROR is raised. Names no state, type or delay.
#include "timer/apply.hpp"

#include "timer/state_machine.hpp"
#include "timer/timer_policies.hpp"
#include "row/row_writer.hpp"
#include "row/written_columns.hpp"
#include "trigger/validate_schedule.hpp"
#include "guc.hpp"
#include "pg/uuid.hpp"

namespace apply {

using state_machine::Rule;
using claim::Claim;
using claim::Timer;

namespace {

constexpr spi_query::Query postpone_query = {R"(SELECT @extschema@._put_off_timers($1, $2))", 2, {UUIDARRAYOID, TIMESTAMPTZOID}};

constexpr spi_query::Query notify_query = {
	R"(SELECT @extschema@._notify($1, $2, $3, $4))", 4, {TEXTOID, UUIDARRAYOID, UUIDARRAYOID, TEXTARRAYOID}};

constexpr spi_query::Query fail_query = {
	R"(SELECT @extschema@._fail_timer($1, $2, $3, $4))", 4, {UUIDOID, TIMESTAMPTZOID, TEXTOID, TEXTOID}};

constexpr spi_query::Query complete_single_query = {
	R"(SELECT @extschema@._complete_marked($1, $2, $3, $4))", 4, {UUIDOID, JSONBOID, TIMESTAMPTZOID, INT4OID}};

constexpr int max_rules = 64; // states times types, with room

enum class Effect : char
{
	nothing, // but being completed: skipped, or a reminder
	moved,
	early,
};

struct TimerEffect
{
	const Timer *timer;
	const Rule *rule;
	ItemPointerData tid;
	ItemPointerData campaign_tid;
	Effect effect;
	bool deleted;  // a trigger has removed the timer meanwhile
	bool disabled; // by the campaign's switch
	bool starts;   // sets the start_time
};

struct Batch
{
	spi_query::Schema *schema;
	state_machine::StateMachine lifecycle;
	TimestampTz as_of;
	TimerEffect *work;
	int count;
};

// By type, since the log takes the event from a setting; then by campaign, which
// is how the indexes on it like their entries.
int compare(const void *a, const void *b)
{
	const Timer *x = static_cast<const Timer *>(a);
	const Timer *y = static_cast<const Timer *>(b);
	text *type_x = DatumGetTextPP(x->type);
	text *type_y = DatumGetTextPP(y->type);
	int length_x = static_cast<int>(VARSIZE_ANY_EXHDR(type_x));
	int length_y = static_cast<int>(VARSIZE_ANY_EXHDR(type_y));
	int order = length_x != length_y ? length_x - length_y : memcmp(VARDATA_ANY(type_x), VARDATA_ANY(type_y), length_x);

	return order != 0 ? order : memcmp(&x->campaign, &y->campaign, UUID_LEN);
}

// One for each pair of state and type.
void find_rules(Batch *batch, const Claim *claim)
{
	const Timer *examples[max_rules];
	Rule *rules = static_cast<Rule *>(palloc(sizeof(Rule) * max_rules));
	int count = 0;

	for (int i = 0; i < claim->count; i++)
	{
		const Timer *timer = &claim->timers[i];
		int seen = 0;

		while (seen < count &&
			   !(pg::same_text(examples[seen]->type, timer->type) && pg::same_text(examples[seen]->state, timer->state)))
			seen++;
		if (seen == max_rules)
			elog(ERROR, "too many kinds of timers in one batch");
		if (seen == count)
		{
			examples[count] = timer;
			rules[count++] = state_machine::rule_for(batch->lifecycle, timer->state, timer->type);
		}
		batch->work[i] = {timer, &rules[seen], timer->tid, timer->campaign_tid, Effect::nothing, false, false, false};
	}
}

void set_event(const char *event)
{
	(void) set_config_option("campaign_lifecycle.trigger_event", event, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0,
							 false);
}

void move(row_writer::RowWriter *writer, Batch *batch, TimerEffect *work)
{
	Datum values[] = {work->rule->to_state, TimestampTzGetDatum(batch->as_of)};

	if (!row_writer::update_row(writer, &work->campaign_tid, values, nullptr))
		ereport(ERROR, errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
				errmsg("a campaign was not moved by its %s timer", TextDatumGetCString(work->timer->type)),
				errhint("A trigger on campaigns has suppressed the update."));
	work->effect = Effect::moved;
}

// What a switch that is off, or a time that is set, changes about the rule.
void consult_campaign(row_writer::RowWriter *writer, TimerEffect *work)
{
	const Rule *rule = work->rule;
	bool is_null;

	if (!row_writer::fetch_row(writer, &work->campaign_tid, &work->timer->campaign))
		ereport(ERROR, errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION), errmsg("the campaign of a timer is gone"),
				errhint("A trigger has removed it in the transaction that was to move it."));
	if (rule->only_when != nullptr && work->timer->by_policy)
		work->disabled = !DatumGetBool(row_writer::get_attr(writer, rule->only_when, BOOLOID, &is_null)) || is_null;
	if (rule->starts && rule->to_state != 0)
	{
		(void) row_writer::get_attr(writer, "start_time", TIMESTAMPTZOID, &is_null);
		work->starts = is_null;
	}
}

// Timers of one type.
void move_campaigns(Batch *batch, TimerEffect *first, int count)
{
	row_writer::RowWriter *writer = nullptr;
	bool any_starts = false;

	for (int i = 0; i < count; i++)
	{
		TimerEffect *work = &first[i];

		if (work->rule->to_state == 0 && (work->rule->only_when == nullptr || !work->timer->by_policy))
		{
			work->effect = work->rule->early ? Effect::early : Effect::nothing;
			continue;
		}
		if (writer == nullptr)
			writer = row_writer::open_update(batch->schema->oid, "campaigns", written_columns::state_change, 1);
		consult_campaign(writer, work);
		if (!work->disabled && work->starts)
			any_starts = true;
		else if (!work->disabled && work->rule->to_state != 0)
			move(writer, batch, work);
		else if (!work->disabled && work->rule->early)
			work->effect = Effect::early;
	}
	if (writer != nullptr)
		row_writer::close(writer);
	if (!any_starts)
		return;
	writer = row_writer::open_update(batch->schema->oid, "campaigns", written_columns::state_change, 2);
	for (int i = 0; i < count; i++)
	{
		if (first[i].disabled || !first[i].starts)
			continue;
		consult_campaign(writer, &first[i]);
		move(writer, batch, &first[i]);
	}
	row_writer::close(writer);
}

void move_all(Batch *batch)
{
	char *event_before = pstrdup(guc::trigger_event != nullptr ? guc::trigger_event : "");
	int first = 0;

	for (int i = 1; i <= batch->count; i++)
	{
		if (i < batch->count && pg::same_text(batch->work[i].timer->type, batch->work[first].timer->type))
			continue;
		set_event(TextDatumGetCString(batch->work[first].timer->type));
		move_campaigns(batch, &batch->work[first], i - first);
		first = i;
	}
	set_event(event_before);
}

// Returns how many.
int complete_timers(Batch *batch, TimestampTz done_at)
{
	constexpr auto &columns = written_columns::completed_timer;
	Datum values[] = {CStringGetTextDatum("COMPLETED"), TimestampTzGetDatum(done_at)};
	row_writer::RowWriter *writer = row_writer::open_update(batch->schema->oid, "campaign_timers", columns, lengthof(columns));
	int completed = 0;

	for (int i = 0; i < batch->count; i++)
	{
		TimerEffect *work = &batch->work[i];

		if (work->effect == Effect::early)
			continue;
		if (!row_writer::fetch_row(writer, &work->tid, &work->timer->id))
			work->deleted = true;
		else if (row_writer::update_row(writer, &work->tid, values, nullptr))
			completed++;
		else
			ereport(ERROR, errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION), errmsg("a timer was not completed"),
					errhint("A trigger on campaign_timers has suppressed the update."));
	}
	row_writer::close(writer);
	return completed;
}

template <typename F> int collect(const Batch *batch, Datum *values, F wanted, Datum (*value)(const TimerEffect *))
{
	int count = 0;

	for (int i = 0; i < batch->count; i++)
		if (wanted(&batch->work[i]))
			values[count++] = value(&batch->work[i]);
	return count;
}

Datum timer_id(const TimerEffect *work)
{
	return UUIDPGetDatum(&work->timer->id);
}

Datum campaign_id(const TimerEffect *work)
{
	return UUIDPGetDatum(&work->timer->campaign);
}

Datum campaign_tid(const TimerEffect *work)
{
	return PointerGetDatum(&work->campaign_tid);
}

Datum timer_type(const TimerEffect *work)
{
	return work->timer->type;
}

bool has_moved(const TimerEffect *work)
{
	return work->effect == Effect::moved;
}

bool is_early(const TimerEffect *work)
{
	return work->effect == Effect::early;
}

bool is_completed(const TimerEffect *work)
{
	return work->effect != Effect::early && !work->deleted;
}

bool has_reminded(const TimerEffect *work)
{
	return is_completed(work) && work->effect == Effect::nothing && work->rule->reminds && !work->disabled;
}

// Locks them first, for their timers are anybody's: one that has ended meanwhile stays as it is.
void revise_timers(Batch *batch, const timer_policies::Changes &changes)
{
	static constexpr row_writer::Column columns[] = {
		{"status", TEXTOID}, {"scheduled_at", TIMESTAMPTZOID}, {"retry_count", INT4OID}};
	Datum cancelled = CStringGetTextDatum("CANCELLED");
	Datum pending = CStringGetTextDatum("PENDING");
	Datum failed = CStringGetTextDatum("FAILED");
	row_writer::RowWriter *writer =
		changes.count > 0 ? row_writer::open_update(batch->schema->oid, "campaign_timers", columns, lengthof(columns)) : nullptr;

	for (int i = 0; i < changes.count; i++)
	{
		timer_policies::Change *change = &changes.changes[i];
		bool is_null;

		if (!row_writer::lock_row(writer, &change->tid, &change->timer))
			continue;
		Datum status = row_writer::get_text_attr(writer, "status", &is_null);
		if (is_null || (!pg::same_text(status, pending) && !pg::same_text(status, failed)))
			continue;
		bool ends = change->time == DT_NOEND;
		bool kept[] = {false, ends, ends};
		Datum values[] = {ends ? cancelled : pending, TimestampTzGetDatum(change->time), Int32GetDatum(0)};
		(void) row_writer::update_row(writer, &change->tid, values, kept);
	}
	if (writer != nullptr)
		row_writer::close(writer);
}

// That they wait neither in the past nor for an end is known; one beyond the years
// that times are kept for is refused by its trigger. If somebody sets a
// timer of the type by hand at this very moment, the batch fails and finds it
// when it is taken apart.
void add_timers(Batch *batch, const timer_policies::Changes &changes, const int *moved)
{
	constexpr auto &columns = written_columns::new_timer;
	static constexpr row_writer::Reference reference = {"campaign_id", "campaigns"};

	if (changes.addition_count == 0)
		return;
	bool schedulable = true;
	for (int i = 0; i < changes.addition_count; i++)
		schedulable = schedulable && is_schedulable(changes.additions[i].time);
	row_writer::RowWriter *writer = row_writer::open_insert(batch->schema->oid, "campaign_timers", columns, lengthof(columns),
															&reference, schedulable ? validate_timer_schedule : nullptr);
	Datum payload = DirectFunctionCall1(jsonb_in, CStringGetDatum("{\"policy\": true}"));
	for (int i = 0; i < changes.addition_count; i++)
	{
		const timer_policies::Addition *addition = &changes.additions[i];
		const TimerEffect *work = &batch->work[moved[addition->campaign_index]];
		pg_uuid_t id;

		uuid::make(&id);
		Datum values[] = {UUIDPGetDatum(&id), campaign_id(work), addition->type, TimestampTzGetDatum(addition->time), payload};
		row_writer::insert_row(writer, values, nullptr, &work->campaign_tid);
	}
	row_writer::close(writer);
}

TimestampTz set_timers_of_new_states(Batch *batch)
{
	Datum *values = static_cast<Datum *>(palloc(sizeof(Datum) * batch->count));
	int *moved = static_cast<int *>(palloc(sizeof(int) * batch->count));
	int count = collect(batch, values, has_moved, campaign_id);

	if (count == 0)
		return DT_NOEND;
	Datum campaigns = spi_query::array_of(values, nullptr, count, UUIDOID);
	collect(batch, values, has_moved, campaign_tid);
	Datum tids = spi_query::array_of(values, nullptr, count, TIDOID);
	for (int i = 0; i < count; i++)
		values[i] = TimestampTzGetDatum(batch->as_of);
	timer_policies::Changes changes =
		timer_policies::changes_for(batch->schema, batch->lifecycle, campaigns, tids, values, count, batch->as_of);
	count = 0;
	for (int i = 0; i < batch->count; i++)
		if (has_moved(&batch->work[i]))
			moved[count++] = i;
	revise_timers(batch, changes);
	add_timers(batch, changes, moved);
	return changes.lowest;
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
		const TimerEffect *work = &batch->work[i];
		pg_uuid_t id;

		if (!is_completed(work))
			continue;
		uuid::make(&id);
		Datum values[] = {UUIDPGetDatum(&id),
						  timer_id(work),
						  status,
						  work->disabled ? work->rule->result_off : work->rule->result,
						  TimestampTzGetDatum(batch->as_of),
						  TimestampTzGetDatum(done_at),
						  Int32GetDatum(took_ms)};
		row_writer::insert_row(writer, values, nullptr, &work->tid);
	}
	row_writer::close(writer);
}

// Milliseconds, from tenths of microseconds.
Datum milliseconds(int64 time)
{
	return NumericGetDatum(int64_div_fast_to_numeric(time, 4));
}

// took: each timer, in tenths of microseconds.
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
		const TimerEffect *work = &batch->work[i];
		pg_uuid_t id;

		if (!is_completed(work))
			continue;
		uuid::make(&id);
		Datum values[] = {UUIDPGetDatum(&id), campaign_id(work), execution, took_ms, TimestampTzGetDatum(done_at)};
		row_writer::insert_row(writer, values, nullptr, &work->campaign_tid);
		if (!has_moved(work))
			continue;
		uuid::make(&id);
		values[2] = transition;
		values[3] = milliseconds(least(done_at - work->timer->scheduled_at, max_us) * 10);
		row_writer::insert_row(writer, values, nullptr, &work->campaign_tid);
	}
	row_writer::close(writer);
}

template <typename F> void notify(Batch *batch, const char *event, F wanted)
{
	Datum *values = static_cast<Datum *>(palloc(sizeof(Datum) * batch->count));
	int count = guc::notifies(event) ? collect(batch, values, wanted, campaign_id) : 0;

	if (count == 0)
		return;
	Datum campaigns = spi_query::array_of(values, nullptr, count, UUIDOID);
	collect(batch, values, wanted, timer_id);
	Datum timers = spi_query::array_of(values, nullptr, count, UUIDOID);
	collect(batch, values, wanted, timer_type);
	Datum arguments[] = {CStringGetTextDatum(event), campaigns, timers, spi_query::array_of(values, nullptr, count, TEXTOID)};
	spi_query::run(batch->schema, notify_query, arguments);
}

// Postpone the timers that are early. Return their number.
int postpone_early(Batch *batch)
{
	Datum *values = static_cast<Datum *>(palloc(sizeof(Datum) * batch->count));
	int count = collect(batch, values, is_early, timer_id);
	bool is_null;

	if (count == 0)
		return 0;
	Datum arguments[] = {spi_query::array_of(values, nullptr, count, UUIDOID), TimestampTzGetDatum(batch->as_of)};
	spi_query::run(batch->schema, postpone_query, arguments);
	return DatumGetInt32(spi_query::first_value(1, &is_null));
}

// Complete the execution row of a timer that was marked. Return false if it has none.
bool complete_single(Batch *batch, TimestampTz done_at, int took_ms)
{
	const TimerEffect *work = &batch->work[0];
	Datum arguments[] = {timer_id(work), work->disabled ? work->rule->result_off : work->rule->result,
						 TimestampTzGetDatum(done_at), Int32GetDatum(took_ms)};
	bool is_null;

	spi_query::run(batch->schema, complete_single_query, arguments);
	return DatumGetBool(spi_query::first_value(1, &is_null));
}

ApplyResult write(spi_query::Schema *schema, Claim *claim, TimestampTz as_of, bool marked)
{
	TimestampTz began = GetCurrentTimestamp();
	ApplyResult result = {DT_NOEND, 0};
	Batch batch = {schema, state_machine::read(schema), as_of, nullptr, claim->count};

	batch.work = static_cast<TimerEffect *>(palloc_extended(sizeof(TimerEffect) * claim->count, MCXT_ALLOC_HUGE));
	qsort(claim->timers, claim->count, sizeof(Timer), compare);
	find_rules(&batch, claim);
	move_all(&batch);

	// By the clock that as_of is of, which a test may have set; not before it began, because the machine's clock may be set meanwhile.
	TimestampTz done_at = as_of + greatest(GetCurrentTimestamp() - began, 0);
	int completed = complete_timers(&batch, done_at);
	result.follow_up = set_timers_of_new_states(&batch);
	if (completed > 0)
	{
		int64 took_us = least(greatest(GetCurrentTimestamp() - began, 0), static_cast<int64>(PG_INT32_MAX) * 1000);
		int took_ms = static_cast<int>((took_us + static_cast<int64>(completed) * 500) / (static_cast<int64>(completed) * 1000));

		if (!marked || !complete_single(&batch, done_at, took_ms))
			record_executions(&batch, done_at, took_ms);
		if (guc::record_metrics)
			record_metrics(&batch, done_at, took_us * 10 / completed);
		notify(&batch, "timer.executed", is_completed);
		notify(&batch, "reward.reminder", has_reminded);
	}
	result.postponed = postpone_early(&batch);
	return result;
}

} // namespace

ApplyResult run(spi_query::Schema *schema, Claim *claim, TimestampTz as_of, bool marked)
{
	if (claim->count == 0)
		return {DT_NOEND, 0};
	// SPI's procedure context holds all that a batch reads and makes, so that a caller of many batches keeps nothing of them.
	SPI_connect();
	ApplyResult result = write(schema, claim, as_of, marked);
	SPI_finish();
	return result;
}

void fail_timer(spi_query::Schema *schema, const pg_uuid_t *timer, TimestampTz as_of, const ErrorData *error)
{
	Datum arguments[] = {UUIDPGetDatum(timer), TimestampTzGetDatum(as_of),
						 CStringGetTextDatum(unpack_sql_state(error->sqlerrcode)),
						 CStringGetTextDatum(error->message != nullptr ? error->message : "")};

	spi_query::run(schema, fail_query, arguments);
}

} // namespace apply

// Apply these timers as a batch of their own, for tests.
SQL_FUNCTION(_apply_timers)
{
	ArrayType *timers = PG_GETARG_ARRAYTYPE_P(0);
	TimestampTz as_of = PG_GETARG_TIMESTAMPTZ(1);
	int count = ArrayGetNItems(ARR_NDIM(timers), ARR_DIMS(timers));

	SPI_connect();
	spi_query::Schema *schema = spi_query::schema_of(get_func_namespace(fcinfo->flinfo->fn_oid));
	claim::Claim claimed = claim::lock_due(schema, DT_NOEND, DT_NOBEGIN, count, timers, CurrentMemoryContext);
	TimestampTz follow_up = apply::run(schema, &claimed, as_of, false).follow_up;
	SPI_finish();
	if (follow_up == DT_NOEND)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(follow_up);
}
