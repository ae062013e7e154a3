// Entering a state: which timers a campaign gets, keeps, moves and loses, as
// campaign_timer_policies says. Timers set by hand stay where the user put them,
// and satisfy the policy for their type. Reads through SQL, with the rights of
// whoever calls; finds what is to be written, for most campaigns nothing, and
// leaves the writing to SQL. Names no state, type or delay.
#include "timer/timer_policies.hpp"

namespace timer_policies {

using state_machine::StateMachine;
using state_machine::has_transition;
using state_machine::policy_for;
using statements::Plans;
using statements::Policy;
using statements::PendingTimer;

namespace {

// A column that is not there, or is no boolean, is off.
bool is_on(const Policy *policy, const statements::Row &campaign)
{
	bool is_null;

	if (policy->only_when == nullptr)
		return true;
	Datum value = statements::value_of(campaign, policy->only_when, BOOLOID, &is_null);
	return !is_null && DatumGetBool(value);
}

// DT_NOEND: unknown. Anchors but the one that counts from entering are columns.
TimestampTz time_by(const Policy *policy, const statements::Row &campaign, TimestampTz entered)
{
	bool is_null = false;
	Datum anchor = policy->anchor == nullptr ? TimestampTzGetDatum(entered)
											 : statements::value_of(campaign, policy->anchor, TIMESTAMPTZOID, &is_null);

	if (is_null)
		return DT_NOEND;
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval, anchor, IntervalPGetDatum(policy->delay)));
}

// A place at the end of an array that grows.
template <typename T> T *next_of(T **array, int *count, int *room)
{
	if (*count == *room)
	{
		*room = greatest(64, *room * 2);
		Size size = sizeof(T) * static_cast<Size>(*room);

		*array = static_cast<T *>(*array == nullptr ? palloc_extended(size, MCXT_ALLOC_HUGE) : repalloc_huge(*array, size));
	}
	return &(*array)[(*count)++];
}

struct Search
{
	StateMachine lifecycle;
	TimestampTz as_of;
	Changes found;
	int room;
	int addition_room;
};

void change(Search *search, const PendingTimer *timer, TimestampTz time)
{
	*next_of(&search->found.changes, &search->found.count, &search->room) = {timer->id, timer->campaign, timer->at, time};
}

// A timer that waits and is not where the policy wants it.
void revise(Search *search, const statements::Row &campaign, Datum state, TimestampTz entered, const PendingTimer *timer)
{
	const StateMachine &lifecycle = search->lifecycle;
	bool is_terminal = !has_transition(lifecycle, state, 0);

	if (timer->is_running || !(timer->by_policy || is_terminal))
		return;
	const Policy *policy = is_terminal ? nullptr : policy_for(lifecycle, state, timer->type);
	if (policy == nullptr)
	{
		if (is_terminal || !has_transition(lifecycle, state, timer->type))
			change(search, timer, DT_NOEND);
		return;
	}
	TimestampTz time = time_by(policy, campaign, entered);
	// One at the right time is not rewritten; of what is due at once any past time is right.
	bool due_at_once = time <= search->as_of && (timer->scheduled_at <= search->as_of || timer->has_failed);
	if (time != DT_NOEND && time != timer->scheduled_at && !due_at_once && is_on(policy, campaign))
		change(search, timer, greatest(time, search->as_of));
}

void complete(Search *search, const statements::Row &campaign, Datum state, TimestampTz entered, const PendingTimer *timers,
			  int timer_count)
{
	const StateMachine &lifecycle = search->lifecycle;

	if (!has_transition(lifecycle, state, 0))
		return;
	for (int i = 0; i < lifecycle.policy_count; i++)
	{
		const Policy *policy = &lifecycle.policies[i];
		bool waits = false;

		if (!pg::same_text(policy->state, state))
			continue;
		for (int j = 0; j < timer_count && !waits; j++)
			waits = pg::same_text(timers[j].type, policy->timer_type);
		TimestampTz time = waits ? DT_NOEND : time_by(policy, campaign, entered);
		if (time != DT_NOEND && is_on(policy, campaign))
			*next_of(&search->found.additions, &search->found.addition_count,
					 &search->addition_room) = {campaign.place, policy->timer_type, greatest(time, search->as_of)};
	}
}

} // namespace

Changes changes_for(Plans *plans, const StateMachine &lifecycle, Datum campaigns, Datum places, const Datum *entered, int count,
					TimestampTz as_of)
{
	statements::Rows rows = statements::campaigns_at(plans, campaigns, places, count);
	int waiting_count;
	PendingTimer *waiting = statements::pending_timers_of(plans, campaigns, &waiting_count);
	Search search = {};
	int next = 0;

	search.as_of = as_of;
	search.found.lowest = DT_NOEND;
	search.lifecycle = lifecycle;
	for (int i = 0; i < rows.count; i++)
	{
		statements::Row row = statements::row_of(rows, i);
		Datum state = row.state;
		TimestampTz entered_at = DatumGetTimestampTz(entered[row.place]);

		// Both come in the order of the campaigns asked for.
		while (next < waiting_count && waiting[next].place < row.place)
			next++;
		int first = next;
		for (; next < waiting_count && waiting[next].place == row.place; next++)
		{
			if (waiting[next].scheduled_at <= as_of)
				search.found.lowest = least(search.found.lowest, waiting[next].scheduled_at);
			revise(&search, row, state, entered_at, &waiting[next]);
		}
		complete(&search, row, state, entered_at, &waiting[first], next - first);
	}
	return search.found;
}

} // namespace timer_policies

using namespace timer_policies;

namespace {

// An array of as many values, or 0 for none.
template <typename F> Datum column(int count, Oid type, F value)
{
	Datum *values = static_cast<Datum *>(palloc_extended(sizeof(Datum) * greatest(count, 1), MCXT_ALLOC_HUGE));
	bool *nulls = static_cast<bool *>(palloc_extended(greatest(count, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));

	for (int i = 0; i < count; i++)
		values[i] = value(i, &nulls[i]);
	return count == 0 ? static_cast<Datum>(0) : statements::array_of(values, nulls, count, type);
}

} // namespace

SQL_FUNCTION(_policy_changes)
{
	constexpr int column_count = 7;
	bool nulls[column_count];
	TupleDesc columns;
	Datum *entered;
	int count;

	for (int i = 0; i < 3; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("campaigns and times must not be null"));
	if (get_call_result_type(fcinfo, nullptr, &columns) != TYPEFUNC_COMPOSITE || columns->natts != column_count)
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("function _policy_changes returns another row type"),
				errhint("Run ALTER EXTENSION campaign_lifecycle UPDATE."));
	ArrayType *campaigns = PG_GETARG_ARRAYTYPE_P(0);
	ArrayType *times = PG_GETARG_ARRAYTYPE_P(1);
	if (array_contains_nulls(campaigns) || array_contains_nulls(times))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("campaigns and times must not be null"));
	deconstruct_array(times, TIMESTAMPTZOID, sizeof(TimestampTz), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &entered, nullptr, &count);
	if (ArrayGetNItems(ARR_NDIM(campaigns), ARR_DIMS(campaigns)) != count)
		ereport(ERROR, errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("there must be a time for each campaign"));
	columns = BlessTupleDesc(columns);
	MemoryContext caller = CurrentMemoryContext;
	SPI_connect();
	Plans *plans = statements::plans_for(get_func_namespace(fcinfo->flinfo->fn_oid));
	Changes changes =
		changes_for(plans, state_machine::read(plans), PointerGetDatum(campaigns), 0, entered, count, PG_GETARG_TIMESTAMPTZ(2));
	const pg_uuid_t *asked = reinterpret_cast<const pg_uuid_t *>(ARR_DATA_PTR(campaigns));
	const Change *change = changes.changes;
	const Addition *addition = changes.additions;
	Datum values[] = {
		column(changes.count, UUIDOID, [&](int i, bool *) { return UUIDPGetDatum(&change[i].timer); }),
		column(changes.count, UUIDOID, [&](int i, bool *) { return UUIDPGetDatum(&change[i].campaign); }),
		column(changes.count, TIMESTAMPTZOID,
			   [&](int i, bool *is_null) {
				   *is_null = change[i].time == DT_NOEND;
				   return TimestampTzGetDatum(change[i].time);
			   }),
		column(changes.addition_count, UUIDOID, [&](int i, bool *) { return UUIDPGetDatum(&asked[addition[i].campaign]); }),
		column(changes.addition_count, TEXTOID, [&](int i, bool *) { return addition[i].type; }),
		column(changes.addition_count, TIMESTAMPTZOID, [&](int i, bool *) { return TimestampTzGetDatum(addition[i].time); }),
		TimestampTzGetDatum(changes.lowest),
	};
	for (int i = 0; i < column_count; i++)
		nulls[i] = values[i] == 0;
	nulls[6] = changes.lowest == DT_NOEND;
	MemoryContextSwitchTo(caller);
	HeapTuple row = heap_form_tuple(columns, values, nulls);
	SPI_finish();
	PG_RETURN_DATUM(HeapTupleGetDatum(row));
}
