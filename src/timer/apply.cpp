// Applies a batch of claimed timers: the order of the steps, and the campaigns. The rules say what a timer of a type
// does to a campaign in a state. Each table is written as a set: campaigns, whose triggers write the log, then
// timers, the timers of the new states, executions and metrics. Assumes the locks of the claim. Promises that either
// all of it is written or an ERROR is raised. Names no state, type or delay.
#include "timer/apply.hpp"

#include "extension.hpp"
#include "guc.hpp"
#include "row/row_writer.hpp"
#include "row/written_columns.hpp"
#include "timer/apply_steps.hpp"

namespace apply {

using claim::Claim;
using claim::Timer;
using state_machine::Rule;

namespace {

constexpr spi_query::Query postpone_query = {
	R"(SELECT p.postponed, p.follow_up FROM campaign_lifecycle_internal._postpone_timers($1, $2) AS p)",
	2,
	{UUIDARRAYOID, TIMESTAMPTZOID}};

constexpr spi_query::Query fail_query = {
	R"(SELECT campaign_lifecycle_internal._fail_timer($1, $2, $3, $4, false))", 4, {UUIDOID, TIMESTAMPTZOID, TEXTOID, TEXTOID}};

// The rule of a pair of state and type, and the timer for which it was found.
struct KnownRule
{
	const Timer *example;
	Rule rule;
	KnownRule *next;
};

// Compare timers by type, because the log takes the event from a setting that is set once for each type. Within a
// type, compare by campaign, so that index entries are inserted in order.
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

// Return the rule of the timer's state and type, or nullptr if it was not found yet.
const Rule *known_rule(const KnownRule *known, const Timer *timer)
{
	for (; known != nullptr; known = known->next)
		if (pg::same_text(known->example->type, timer->type) && pg::same_text(known->example->state, timer->state))
			return &known->rule;
	return nullptr;
}

// Find the rule of each timer, once for each pair of state and type. Users add states and types, so there may be many.
void find_rules(Batch *batch, const Claim *claim)
{
	KnownRule *known = nullptr;

	for (int i = 0; i < claim->count; i++)
	{
		const Timer *timer = &claim->timers[i];
		const Rule *rule = known_rule(known, timer);

		if (rule == nullptr)
		{
			KnownRule *found = static_cast<KnownRule *>(palloc(sizeof(KnownRule)));

			*found = {timer, state_machine::rule_for(batch->machine, timer->state, timer->type), known};
			known = found;
			rule = &found->rule;
		}
		bool is_gone = timer->by_policy && rule->policy_gone;
		batch->effects[i] = {timer, rule, timer->tid, timer->campaign_tid, EffectKind::none, false, is_gone, false};
	}
}

void set_event(const char *event)
{
	(void) set_config_option("campaign_lifecycle.trigger_event", event, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0,
							 false);
}

void change_state(row_writer::RowWriter *writer, Batch *batch, TimerEffect *effect)
{
	Datum values[] = {effect->rule->to_state, TimestampTzGetDatum(batch->as_of)};

	if (!row_writer::update_row(writer, &effect->campaign_tid, values, nullptr))
		ereport(ERROR, errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
				errmsg("the state of a campaign was not changed by its %s timer", TextDatumGetCString(effect->timer->type)),
				errhint("A trigger on campaigns has suppressed the update."));
	effect->kind = EffectKind::state_changed;
}

// Read the columns of the campaign that the rule depends on: a switch that may be off, and start_time, which may be
// set already.
void read_campaign(row_writer::RowWriter *writer, TimerEffect *effect)
{
	const Rule *rule = effect->rule;
	bool is_null;

	if (!row_writer::fetch_row(writer, &effect->campaign_tid, &effect->timer->campaign))
		ereport(ERROR, errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION), errmsg("the campaign of a timer does not exist"),
				errhint("A trigger has deleted it in the transaction that was to change its state."));
	if (rule->only_when != nullptr && effect->timer->by_policy)
		effect->disabled = !DatumGetBool(row_writer::get_attr(writer, rule->only_when, BOOLOID, &is_null)) || is_null;
	if (rule->starts && rule->to_state != 0)
	{
		(void) row_writer::get_attr(writer, "start_time", TIMESTAMPTZOID, &is_null);
		effect->sets_start_time = is_null;
	}
}

// Return whether the effect is known without the campaign's row.
bool needs_no_campaign(const TimerEffect *effect)
{
	return effect->rule->to_state == 0 && (effect->rule->only_when == nullptr || !effect->timer->by_policy);
}

// Change the states of campaigns that get no start_time. Return whether campaigns are left that get one.
bool change_states_only(Batch *batch, TimerEffect *first, int count)
{
	row_writer::RowWriter *writer = nullptr;
	bool any_starts = false;

	for (int i = 0; i < count; i++)
	{
		TimerEffect *effect = &first[i];

		if (!needs_no_campaign(effect))
		{
			if (writer == nullptr)
				writer = row_writer::open_update(batch->schema->oid, "campaigns", written_columns::state_change, 1);
			read_campaign(writer, effect);
		}
		if (effect->disabled)
			continue;
		if (effect->sets_start_time)
			any_starts = true;
		else if (effect->rule->to_state != 0)
			change_state(writer, batch, effect);
		else if (effect->rule->early)
			effect->kind = EffectKind::early;
	}
	if (writer != nullptr)
		row_writer::close(writer);
	return any_starts;
}

// Change the states of the campaigns whose timers are of one type. Those that get a start_time come last, because
// they need a writer of two columns.
void change_states_of_type(Batch *batch, TimerEffect *first, int count)
{
	if (!change_states_only(batch, first, count))
		return;
	row_writer::RowWriter *writer = row_writer::open_update(batch->schema->oid, "campaigns", written_columns::state_change, 2);
	for (int i = 0; i < count; i++)
	{
		if (first[i].disabled || !first[i].sets_start_time)
			continue;
		read_campaign(writer, &first[i]);
		change_state(writer, batch, &first[i]);
	}
	row_writer::close(writer);
}

// Change the states of all campaigns, with the type of their timers as the event in the log.
void change_states(Batch *batch)
{
	char *old_event = pstrdup(guc::trigger_event != nullptr ? guc::trigger_event : "");
	int first = 0;

	for (int i = 1; i <= batch->count; i++)
	{
		if (i < batch->count && pg::same_text(batch->effects[i].timer->type, batch->effects[first].timer->type))
			continue;
		set_event(TextDatumGetCString(batch->effects[first].timer->type));
		change_states_of_type(batch, &batch->effects[first], i - first);
		first = i;
	}
	set_event(old_event);
}

// Postpone the timers that are early. A timer behind which one is postponed may be due, so the scan goes back to it.
void postpone_early(Batch *batch, ApplyResult *result)
{
	int count;
	TimerEffect **early = collect(batch, is_early, &count);
	bool is_null;

	if (count == 0)
		return;
	Datum arguments[] = {timer_ids(early, count), TimestampTzGetDatum(batch->as_of)};
	spi_query::run(batch->schema, postpone_query, arguments);
	result->postponed = DatumGetInt32(spi_query::first_value(1, &is_null));
	TimestampTz follow_up = DatumGetTimestampTz(spi_query::first_value(2, &is_null));
	if (!is_null)
		result->follow_up = least(result->follow_up, follow_up);
}

ApplyResult write(spi_query::Schema *schema, const state_machine::StateMachine &machine, Claim *claim, TimestampTz as_of,
				  bool marked)
{
	TimestampTz began = GetCurrentTimestamp();
	ApplyResult result = {DT_NOEND, 0};
	Batch batch = {schema, machine, as_of, nullptr, claim->count};

	batch.effects = static_cast<TimerEffect *>(palloc_extended(sizeof(TimerEffect) * claim->count, MCXT_ALLOC_HUGE));
	qsort(claim->timers, claim->count, sizeof(Timer), compare);
	find_rules(&batch, claim);
	change_states(&batch);

	// done_at is on the clock of as_of, which a test may have set. It is not before as_of, even if the system clock
	// is set back meanwhile.
	TimestampTz done_at = as_of + greatest(GetCurrentTimestamp() - began, 0);
	int completed = complete_timers(&batch, done_at);
	result.follow_up = set_timers_of_new_states(&batch);
	if (completed > 0)
	{
		int64 took_us = least(greatest(GetCurrentTimestamp() - began, 0), static_cast<int64>(PG_INT32_MAX) * 1000);

		record(&batch, done_at, took_us, completed, marked);
	}
	postpone_early(&batch, &result);
	return result;
}

} // namespace

bool has_changed_state(const TimerEffect *effect)
{
	return effect->kind == EffectKind::state_changed;
}

bool is_early(const TimerEffect *effect)
{
	return effect->kind == EffectKind::early;
}

bool is_completed(const TimerEffect *effect)
{
	return !is_early(effect) && !effect->deleted;
}

bool has_reminded(const TimerEffect *effect)
{
	return is_completed(effect) && effect->kind == EffectKind::none && effect->rule->reminds && !effect->disabled;
}

TimerEffect **collect(const Batch *batch, Condition condition, int *count)
{
	TimerEffect **effects =
		static_cast<TimerEffect **>(palloc_extended(sizeof(TimerEffect *) * greatest(batch->count, 1), MCXT_ALLOC_HUGE));

	*count = 0;
	for (int i = 0; i < batch->count; i++)
		if (condition(&batch->effects[i]))
			effects[(*count)++] = &batch->effects[i];
	return effects;
}

Datum timer_ids(TimerEffect *const *effects, int count)
{
	return spi_query::build_array(count, UUIDOID, [&](int i, bool *) { return UUIDPGetDatum(&effects[i]->timer->id); });
}

Datum campaign_ids(TimerEffect *const *effects, int count)
{
	return spi_query::build_array(count, UUIDOID, [&](int i, bool *) { return UUIDPGetDatum(&effects[i]->timer->campaign); });
}

ApplyResult run(spi_query::Schema *schema, Claim *claim, TimestampTz as_of, bool marked)
{
	if (claim->count == 0)
		return {DT_NOEND, 0};
	// SPI's procedure context holds all memory of the batch, so that a caller of many batches keeps none of it.
	SPI_connect();
	ApplyResult result = write(schema, state_machine::read(schema), claim, as_of, marked);
	SPI_finish();
	return result;
}

ApplyResult run_each(spi_query::Schema *schema, const Claim &claim, TimestampTz as_of, void (*before)(const pg_uuid_t &timer))
{
	ApplyResult result = {DT_NOEND, 0};

	SPI_connect();
	state_machine::StateMachine machine = state_machine::read(schema);
	for (int i = 0; i < claim.count; i++)
	{
		Claim one = {&claim.timers[i], 1, DT_NOBEGIN};

		before(claim.timers[i].id);
		ApplyResult applied = write(schema, machine, &one, as_of, false);
		result.follow_up = least(result.follow_up, applied.follow_up);
		result.postponed += applied.postponed;
	}
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

// Apply these timers as one batch. Only tests call it.
SQL_FUNCTION(_apply_timers)
{
	ArrayType *timers = PG_GETARG_ARRAYTYPE_P(0);
	TimestampTz as_of = PG_GETARG_TIMESTAMPTZ(1);
	int count = ArrayGetNItems(ARR_NDIM(timers), ARR_DIMS(timers));

	SPI_connect();
	spi_query::Schema *schema = extension::current_schema();
	claim::Claim claimed = claim::lock_due(schema, DT_NOEND, DT_NOBEGIN, count, timers, CurrentMemoryContext);
	TimestampTz follow_up = apply::run(schema, &claimed, as_of, false).follow_up;
	SPI_finish();
	if (follow_up == DT_NOEND)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(follow_up);
}
