// Entering a state: which timers a campaign gets, keeps, moves and loses, as
// campaign_timer_policies says. Timers set by hand stay where the user put them,
// and satisfy the policy for their type. Reads through SQL, with the rights of
// whoever calls; finds what is to be written, for most campaigns nothing, and
// leaves the writing to SQL. Names no state, type or delay.
#include "policies.hpp"

namespace policies {

using statements::Plans;
using statements::Policy;
using statements::Waiting;

namespace {

struct Lifecycle
{
	const Policy *policies;
	int policy_count;
	const statements::Way *ways;
	int way_count;
};

struct Found
{
	Datum *timers;
	Datum *campaigns;
	Datum *times;
	bool *cancelled;
	int count;
	int room;
};

bool same_text(Datum a, Datum b)
{
	text *x = DatumGetTextPP(a);
	text *y = DatumGetTextPP(b);

	return VARSIZE_ANY_EXHDR(x) == VARSIZE_ANY_EXHDR(y) && memcmp(VARDATA_ANY(x), VARDATA_ANY(y), VARSIZE_ANY_EXHDR(x)) == 0;
}

bool has_way(const Lifecycle &lifecycle, Datum state, Datum type)
{
	for (int i = 0; i < lifecycle.way_count; i++)
		if (same_text(lifecycle.ways[i].from_state, state) &&
			(type == 0 || (lifecycle.ways[i].timer_type != 0 && same_text(lifecycle.ways[i].timer_type, type))))
			return true;
	return false;
}

const Policy *policy_for(const Lifecycle &lifecycle, Datum state, Datum type)
{
	for (int i = 0; i < lifecycle.policy_count; i++)
		if (same_text(lifecycle.policies[i].state, state) && same_text(lifecycle.policies[i].timer_type, type))
			return &lifecycle.policies[i];
	return nullptr;
}

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

void add(Found *found, Datum timer, Datum campaign, TimestampTz time, bool cancelled)
{
	if (found->count == found->room)
	{
		found->room = Max(64, found->room * 2);
		auto grown = [&](auto *column) {
			Size size = sizeof(*column) * static_cast<Size>(found->room);

			return static_cast<decltype(column)>(column == nullptr ? palloc_extended(size, MCXT_ALLOC_HUGE)
																   : repalloc_huge(column, size));
		};

		found->timers = grown(found->timers);
		found->campaigns = grown(found->campaigns);
		found->times = grown(found->times);
		found->cancelled = grown(found->cancelled);
	}
	found->timers[found->count] = timer;
	found->campaigns[found->count] = campaign;
	found->times[found->count] = TimestampTzGetDatum(time);
	found->cancelled[found->count] = cancelled;
	found->count++;
}

// A timer that waits and is not where the policy wants it.
void revise(Found *changed, const Lifecycle &lifecycle, const statements::Row &campaign, Datum state, TimestampTz entered,
			const Waiting *timer, TimestampTz as_of)
{
	bool is_terminal = !has_way(lifecycle, state, 0);

	if (timer->is_running || !(timer->by_policy || is_terminal))
		return;
	const Policy *policy = is_terminal ? nullptr : policy_for(lifecycle, state, timer->type);
	if (policy == nullptr)
	{
		if (is_terminal || !has_way(lifecycle, state, timer->type))
			add(changed, UUIDPGetDatum(&timer->id), UUIDPGetDatum(&timer->campaign), 0, true);
		return;
	}
	TimestampTz time = time_by(policy, campaign, entered);
	// One at the right time is not rewritten; of what is due at once any past time is right.
	bool due_at_once = time <= as_of && (timer->scheduled_at <= as_of || timer->has_failed);
	if (time != DT_NOEND && time != timer->scheduled_at && !due_at_once && is_on(policy, campaign))
		add(changed, UUIDPGetDatum(&timer->id), UUIDPGetDatum(&timer->campaign), Max(time, as_of), false);
}

void complete(Found *added, const Lifecycle &lifecycle, const statements::Row &campaign, Datum id, Datum state,
			  TimestampTz entered, const Waiting *timers, int timer_count, TimestampTz as_of)
{
	if (!has_way(lifecycle, state, 0))
		return;
	for (int i = 0; i < lifecycle.policy_count; i++)
	{
		const Policy *policy = &lifecycle.policies[i];
		bool waits = false;

		if (!same_text(policy->state, state))
			continue;
		for (int j = 0; j < timer_count && !waits; j++)
			waits = same_text(timers[j].type, policy->timer_type);
		TimestampTz time = waits ? DT_NOEND : time_by(policy, campaign, entered);
		if (time != DT_NOEND && is_on(policy, campaign))
			add(added, policy->timer_type, id, Max(time, as_of), false);
	}
}

Datum array_or_none(Datum *values, bool *nulls, int count, Oid type)
{
	return count == 0 ? static_cast<Datum>(0) : statements::array_of(values, nulls, count, type);
}

} // namespace

Changes changes_for(Plans *plans, Datum campaigns, Datum places, const Datum *entered, int count, TimestampTz as_of)
{
	Lifecycle lifecycle = {};
	statements::Rows rows = statements::campaigns_at(plans, campaigns, places, count);
	int waiting_count;
	Waiting *waiting = statements::waiting_timers(plans, campaigns, &waiting_count);
	Found changed = {};
	Found added = {};
	TimestampTz lowest = DT_NOEND;
	int next = 0;

	lifecycle.policies = statements::policies(plans, &lifecycle.policy_count);
	lifecycle.ways = statements::ways(plans, &lifecycle.way_count);
	for (int i = 0; i < rows.count; i++)
	{
		statements::Row row = statements::row_of(rows, i);
		bool is_null;
		Datum id = statements::value_of(row, "id", UUIDOID, &is_null);
		Datum state = statements::value_of(row, "status", TEXTOID, &is_null);
		TimestampTz entered_at = DatumGetTimestampTz(entered[row.place]);

		// Both come in the order of the campaigns asked for.
		while (next < waiting_count && waiting[next].place < row.place)
			next++;
		int first = next;
		for (; next < waiting_count && waiting[next].place == row.place; next++)
		{
			if (waiting[next].scheduled_at <= as_of)
				lowest = Min(lowest, waiting[next].scheduled_at);
			revise(&changed, lifecycle, row, state, entered_at, &waiting[next], as_of);
		}
		complete(&added, lifecycle, row, id, state, entered_at, &waiting[first], next - first, as_of);
	}
	return {
		array_or_none(changed.timers, nullptr, changed.count, UUIDOID),
		array_or_none(changed.campaigns, nullptr, changed.count, UUIDOID),
		array_or_none(changed.times, changed.cancelled, changed.count, TIMESTAMPTZOID),
		array_or_none(added.campaigns, nullptr, added.count, UUIDOID),
		array_or_none(added.timers, nullptr, added.count, TEXTOID),
		array_or_none(added.times, nullptr, added.count, TIMESTAMPTZOID),
		lowest,
	};
}

} // namespace policies

using namespace policies;

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
	Changes changes = changes_for(statements::plans_for(get_func_namespace(fcinfo->flinfo->fn_oid)), PointerGetDatum(campaigns),
								  0, entered, count, PG_GETARG_TIMESTAMPTZ(2));
	Datum values[] = {changes.timers,
					  changes.campaigns,
					  changes.times,
					  changes.new_campaigns,
					  changes.new_types,
					  changes.new_times,
					  TimestampTzGetDatum(changes.lowest)};
	for (int i = 0; i < column_count; i++)
		nulls[i] = values[i] == 0;
	nulls[6] = changes.lowest == DT_NOEND;
	MemoryContextSwitchTo(caller);
	HeapTuple row = heap_form_tuple(columns, values, nulls);
	SPI_finish();
	PG_RETURN_DATUM(HeapTupleGetDatum(row));
}
