// Follows campaign_timer_policies. A timer that a user has scheduled keeps its time, and satisfies the policy for its
// type. Nothing is read or written here: policy_rows.cpp reads, apply_timers.cpp writes for the worker, and SQL for the
// API functions. Names no state, type or delay.
#include "timer/timer_policies.hpp"

#include "extension.hpp"

namespace timer_policies {

using state_machine::Policy;
using state_machine::StateMachine;
using state_machine::has_transition;
using state_machine::policy_for;

namespace {

// Return whether the policy is switched on for the campaign. A switch that is missing or not boolean is off.
bool is_on(const Policy *policy, const CampaignRow &campaign)
{
	bool is_null;

	if (policy->only_when == nullptr)
		return true;
	Datum value = value_of(campaign, policy->only_when, BOOLOID, &is_null);
	return !is_null && DatumGetBool(value);
}

// Return the time at which the policy schedules its timer, or DT_NOEND if the anchor is unknown. The anchor is a
// column of the campaign or the time of entering the state.
TimestampTz time_by(const Policy *policy, const CampaignRow &campaign, TimestampTz entered)
{
	bool is_null = false;
	Datum anchor =
		policy->anchor == nullptr ? TimestampTzGetDatum(entered) : value_of(campaign, policy->anchor, TIMESTAMPTZOID, &is_null);

	if (is_null)
		return DT_NOEND;
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval, anchor, IntervalPGetDatum(policy->delay)));
}

// Append an element to an array that grows, and return it.
template <typename T> T *append_to(T **array, int *count, int *room)
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
	StateMachine machine;
	TimestampTz as_of;
	TimerChanges found;
	int update_room;
	int insert_room;
};

// A campaign, its timers that wait, and those that have ended since it has entered its state.
struct Plan
{
	CampaignRow campaign;
	TimestampTz entered;
	const PendingTimer *timers;
	int timer_count;
	const EndedTimer *ended;
	int ended_count;
};

void add_update(Search *search, const PendingTimer *timer, TimestampTz time, Datum behind)
{
	TimerChanges *found = &search->found;

	*append_to(&found->updates, &found->update_count, &search->update_room) = {timer->id, timer->campaign, timer->tid,
																			   time,      timer->type,     behind};
}

void add_insert(Search *search, const CampaignRow &campaign, Datum type, TimestampTz time)
{
	TimerChanges *found = &search->found;

	*append_to(&found->inserts, &found->insert_count, &search->insert_room) = {campaign.index, type, time};
}

// Return when a timer of a policy that would fire at `time` fires, so that it makes no timer set by hand too late. It
// stays as far behind such a timer as the policies have it: `wanted` is its time by its policy. *behind is the type of a
// timer that it must not overtake, wherever that stands now, or 0.
TimestampTz time_behind_hand(const Search *search, const Plan &plan, Datum type, TimestampTz time, TimestampTz wanted,
							 Datum *behind)
{
	const StateMachine &machine = search->machine;
	TimestampTz result = time;

	*behind = 0;
	for (int i = 0; i < plan.timer_count; i++)
	{
		const PendingTimer *other = &plan.timers[i];

		if (other->by_policy || other->is_running || pg::same_text(other->type, type) ||
			!state_machine::makes_late(machine, plan.campaign.state, type, other->type))
			continue;
		// An early timer waits for another one, and its time is not the user's. Where it acts, it is due.
		if (other->is_postponed && !state_machine::acts_in(machine, plan.campaign.state, other->type))
			continue;
		TimestampTz other_time = other->is_postponed ? least(other->scheduled_at, search->as_of) : other->scheduled_at;
		*behind = other->type;
		if (time > other_time)
			continue;
		const Policy *policy = policy_for(machine, plan.campaign.state, other->type);
		TimestampTz policy_time = policy == nullptr ? DT_NOEND : time_by(policy, plan.campaign, plan.entered);
		result = greatest(result, other_time + (policy_time < wanted ? wanted - policy_time : 1));
	}
	return result;
}

// Add an update of a timer that the policies do not move, except behind a timer set by hand. If it came too early
// before, it is due where it acts.
void find_update_without_policy(Search *search, const Plan &plan, const PendingTimer *timer)
{
	Datum behind = 0;
	TimestampTz time = timer->scheduled_at;

	if (timer->is_postponed && !timer->has_failed && time > search->as_of &&
		state_machine::acts_in(search->machine, plan.campaign.state, timer->type))
		time = search->as_of;
	if (timer->by_policy)
		time = time_behind_hand(search, plan, timer->type, time, time, &behind);
	if (time != timer->scheduled_at)
		add_update(search, timer, time, behind);
}

// Add an update of a pending timer that the policy of the state reschedules or cancels. A terminal state cancels all
// timers.
void find_update(Search *search, const Plan &plan, const PendingTimer *timer)
{
	const StateMachine &machine = search->machine;
	Datum state = plan.campaign.state;
	bool is_terminal = !has_transition(machine, state, 0);
	const Policy *policy = is_terminal || !timer->by_policy ? nullptr : policy_for(machine, state, timer->type);
	Datum behind = 0;

	if (timer->is_running)
		return;
	if (is_terminal || (timer->by_policy && policy == nullptr && !has_transition(machine, state, timer->type)))
	{
		add_update(search, timer, DT_NOEND, 0);
		return;
	}
	if (policy == nullptr)
	{
		find_update_without_policy(search, plan, timer);
		return;
	}
	TimestampTz wanted = time_by(policy, plan.campaign, plan.entered);
	if (wanted == DT_NOEND || !is_on(policy, plan.campaign))
		return;
	// A timer at the right time is not rewritten. If the policy wants it to be due now, each time in the past is right.
	bool is_due_already = wanted <= search->as_of && (timer->scheduled_at <= search->as_of || timer->has_failed);
	TimestampTz time = is_due_already ? timer->scheduled_at : greatest(wanted, search->as_of);
	time = time_behind_hand(search, plan, timer->type, time, wanted, &behind);
	if (time != timer->scheduled_at)
		add_update(search, timer, time, behind);
}

// Add a timer for each policy of the state whose type has no pending timer, and none that has ended in this visit.
void find_inserts(Search *search, const Plan &plan)
{
	const StateMachine &machine = search->machine;

	if (!has_transition(machine, plan.campaign.state, 0))
		return;
	for (int i = 0; i < machine.policy_count; i++)
	{
		const Policy *policy = &machine.policies[i];
		bool has_timer = false;
		Datum behind;

		if (!pg::same_text(policy->state, plan.campaign.state))
			continue;
		for (int j = 0; j < plan.timer_count && !has_timer; j++)
			has_timer = pg::same_text(plan.timers[j].type, policy->timer_type);
		for (int j = 0; j < plan.ended_count && !has_timer; j++)
			has_timer = pg::same_text(plan.ended[j].type, policy->timer_type);
		TimestampTz wanted = has_timer ? DT_NOEND : time_by(policy, plan.campaign, plan.entered);
		if (wanted == DT_NOEND || !is_on(policy, plan.campaign))
			continue;
		TimestampTz time = greatest(wanted, search->as_of);
		time = time_behind_hand(search, plan, policy->timer_type, time, wanted, &behind);
		add_insert(search, plan.campaign, policy->timer_type, time);
	}
}

// Find the changes of one campaign.
void find_changes(Search *search, const Plan &plan)
{
	for (int i = 0; i < plan.timer_count; i++)
	{
		if (plan.timers[i].scheduled_at <= search->as_of)
			search->found.earliest_due = least(search->found.earliest_due, plan.timers[i].scheduled_at);
		find_update(search, plan, &plan.timers[i]);
	}
	find_inserts(search, plan);
}

// Move *next over the elements of campaigns before this one, and return how many follow of this one.
template <typename T> int count_of_campaign(const T *elements, int count, int *next, int campaign_index)
{
	while (*next < count && elements[*next].campaign_index < campaign_index)
		(*next)++;
	int end = *next;
	while (end < count && elements[end].campaign_index == campaign_index)
		end++;
	return end - *next;
}

} // namespace

TimerChanges changes_for(spi_query::Schema *schema, const StateMachine &machine, Visit visit, Datum campaigns, Datum tids,
						 Datum entered, int count, TimestampTz as_of)
{
	CampaignRows rows = read_campaigns(schema, campaigns, tids, count);
	int pending_count;
	PendingTimer *pending = pending_timers_of(schema, campaigns, &pending_count);
	int ended_count = 0;
	EndedTimer *ended = visit == Visit::begins ? nullptr : ended_timers_of(schema, campaigns, entered, as_of, &ended_count);
	const TimestampTz *times = reinterpret_cast<const TimestampTz *>(ARR_DATA_PTR(DatumGetArrayTypeP(entered)));
	Search search = {};
	int next = 0;
	int next_ended = 0;

	search.as_of = as_of;
	search.found.earliest_due = DT_NOEND;
	search.machine = machine;
	for (int i = 0; i < rows.count; i++)
	{
		CampaignRow row = row_of(rows, i);
		int timer_count = count_of_campaign(pending, pending_count, &next, row.index);
		int campaign_ended_count = count_of_campaign(ended, ended_count, &next_ended, row.index);

		find_changes(&search, {row, times[row.index], &pending[next], timer_count, &ended[next_ended], campaign_ended_count});
		// A campaign that is asked for twice has its timers twice.
		next += timer_count;
		next_ended += campaign_ended_count;
	}
	return search.found;
}

} // namespace timer_policies

using namespace timer_policies;

// Return the changes of these campaigns' timers, which the API functions write. A row with a timer reschedules it, or
// cancels it if the time is NULL. A row without a timer inserts one.
SQL_FUNCTION(_policy_changes)
{
	constexpr int column_count = 5;

	for (int i = 0; i < 3; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("campaigns and times must not be null"));
	ArrayType *campaigns = PG_GETARG_ARRAYTYPE_P(0);
	ArrayType *times = PG_GETARG_ARRAYTYPE_P(1);
	if (array_contains_nulls(campaigns) || array_contains_nulls(times))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("campaigns and times must not be null"));
	int count = ArrayGetNItems(ARR_NDIM(times), ARR_DIMS(times));
	if (ArrayGetNItems(ARR_NDIM(campaigns), ARR_DIMS(campaigns)) != count)
		ereport(ERROR, errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("number of times must be the number of campaigns"));
	// Functions of version 1.1 expect another row.
	spi_query::Schema *schema = extension::current_schema();
	InitMaterializedSRF(fcinfo, 0);
	ReturnSetInfo *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
	if (result->setDesc->natts != column_count)
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("function _policy_changes returns another row type"),
				errhint("Run ALTER EXTENSION campaign_lifecycle UPDATE."));
	SPI_connect();
	TimerChanges changes = changes_for(schema, state_machine::read(schema), Visit::goes_on, PointerGetDatum(campaigns), 0,
									   PointerGetDatum(times), count, PG_GETARG_TIMESTAMPTZ(2));
	const pg_uuid_t *asked = reinterpret_cast<const pg_uuid_t *>(ARR_DATA_PTR(campaigns));
	for (int i = 0; i < changes.update_count; i++)
	{
		const TimerUpdate *update = &changes.updates[i];
		Datum values[] = {UUIDPGetDatum(&update->timer), UUIDPGetDatum(&update->campaign), update->type,
						  TimestampTzGetDatum(update->time), update->behind};
		bool nulls[column_count] = {false, false, false, update->time == DT_NOEND, update->behind == 0};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	for (int i = 0; i < changes.insert_count; i++)
	{
		const TimerInsert *insert = &changes.inserts[i];
		Datum values[] = {0, UUIDPGetDatum(&asked[insert->campaign_index]), insert->type, TimestampTzGetDatum(insert->time), 0};
		bool nulls[column_count] = {true, false, false, false, true};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	SPI_finish();
	return static_cast<Datum>(0);
}
