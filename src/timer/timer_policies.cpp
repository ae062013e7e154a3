// Follows campaign_timer_policies. A timer that a user has scheduled keeps its time, and satisfies the policy for its
// type. The tables are read through SQL with the privileges of the caller. Nothing is written here: apply_timers.cpp
// writes for the worker, and SQL for the API functions. Names no state, type or delay.
#include "timer/timer_policies.hpp"

#include "extension.hpp"
#include "pg/columns.hpp"

namespace timer_policies {

using state_machine::Policy;
using state_machine::StateMachine;
using state_machine::has_transition;
using state_machine::policy_for;

namespace {

// OFFSET 0 forces an index lookup for each campaign, in the order asked for. Otherwise a plan made while the tables
// were empty could scan them.
constexpr spi_query::Query campaigns_by_id_query = {R"(SELECT u.n, c.status::pg_catalog.text, c.*
		FROM ROWS FROM (pg_catalog.unnest($1)) WITH ORDINALITY AS u (id, n)
		CROSS JOIN LATERAL (SELECT c.* FROM ONLY @extschema@.campaigns AS c WHERE c.id OPERATOR(pg_catalog.=) u.id OFFSET 0) AS c
		ORDER BY u.n)",
													1,
													{UUIDARRAYOID},
													true};

constexpr spi_query::Query campaigns_by_tid_query = {R"(SELECT u.n, c.status::pg_catalog.text, c.*
		FROM ROWS FROM (pg_catalog.unnest($1)) WITH ORDINALITY AS u (tid, n)
		CROSS JOIN LATERAL (SELECT c.* FROM ONLY @extschema@.campaigns AS c WHERE c.ctid OPERATOR(pg_catalog.=) u.tid OFFSET 0) AS c
		ORDER BY u.n)",
													 1,
													 {TIDARRAYOID},
													 true};

// The conditions are those of the index unique_waiting_timer_per_type, which has no finished timers.
constexpr spi_query::Query pending_timers_query = {
	R"(SELECT u.n, t.id, t.campaign_id, t.tid, t.timer_type, t.scheduled_at, t.by_policy, t.is_running, t.has_failed
		FROM ROWS FROM (pg_catalog.unnest($1)) WITH ORDINALITY AS u (id, n)
		CROSS JOIN LATERAL (
			SELECT t.id::pg_catalog.uuid, t.campaign_id::pg_catalog.uuid, t.ctid AS tid, t.timer_type::pg_catalog.text,
				t.scheduled_at::pg_catalog.timestamptz, t.payload OPERATOR(pg_catalog.?) 'policy' AS by_policy,
				t.status::pg_catalog.text OPERATOR(pg_catalog.=) 'RUNNING' AS is_running,
				t.status::pg_catalog.text OPERATOR(pg_catalog.=) 'FAILED' AS has_failed
			FROM ONLY @extschema@.campaign_timers AS t
			WHERE t.campaign_id OPERATOR(pg_catalog.=) u.id
				AND (t.status::pg_catalog.text OPERATOR(pg_catalog.=) ANY (ARRAY['PENDING', 'RUNNING'])
					OR (t.status::pg_catalog.text OPERATOR(pg_catalog.=) 'FAILED' AND t.retry_count OPERATOR(pg_catalog.<) 5))
			OFFSET 0) AS t
		ORDER BY u.n)",
	1,
	{UUIDARRAYOID},
	true};

// One of CampaignRows.
struct CampaignRow
{
	HeapTuple tuple;
	TupleDesc columns;
	int index;   // among the campaigns asked for, from 0
	Datum state; // text
};

// Return one of the rows with its index and state.
CampaignRow row_of(const CampaignRows &rows, int index)
{
	bool is_null;
	HeapTuple tuple = rows.table->vals[index];
	Datum number = SPI_getbinval(tuple, rows.table->tupdesc, 1, &is_null);
	Datum state = SPI_getbinval(tuple, rows.table->tupdesc, 2, &is_null);

	return {tuple, rows.table->tupdesc, static_cast<int>(DatumGetInt64(number)) - 1, spi_query::text_or_empty(state)};
}

// Return the value of a column. A column that is missing or has another type counts as NULL.
Datum value_of(const CampaignRow &row, const char *column, Oid type, bool *is_null)
{
	// The first two columns are those of the query, before the columns of the table.
	int attnum = columns::find_attnum(row.columns, 3, column, type);

	*is_null = attnum == 0;
	return attnum == 0 ? static_cast<Datum>(0) : SPI_getbinval(row.tuple, row.columns, attnum, is_null);
}

// Return whether the rows are those of the campaigns. A tid leads to another row once a trigger has rewritten the
// table.
bool match(const CampaignRows &rows, Datum campaigns)
{
	const pg_uuid_t *asked = reinterpret_cast<const pg_uuid_t *>(ARR_DATA_PTR(DatumGetArrayTypeP(campaigns)));

	for (int i = 0; i < rows.count; i++)
	{
		CampaignRow row = row_of(rows, i);
		bool is_null;
		Datum id = value_of(row, "id", UUIDOID, &is_null);

		if (is_null || memcmp(DatumGetUUIDP(id), &asked[row.index], UUID_LEN) != 0)
			return false;
	}
	return true;
}

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

void add_update(Search *search, const PendingTimer *timer, TimestampTz time)
{
	TimerChanges *found = &search->found;

	*append_to(&found->updates, &found->update_count, &search->update_room) = {timer->id, timer->campaign, timer->tid, time};
}

void add_insert(Search *search, const CampaignRow &campaign, Datum type, TimestampTz time)
{
	TimerChanges *found = &search->found;

	*append_to(&found->inserts, &found->insert_count, &search->insert_room) = {campaign.index, type, time};
}

// Add an update of a pending timer that the policy of the state reschedules or cancels. A terminal state cancels all
// timers.
void find_update(Search *search, const CampaignRow &campaign, Datum state, TimestampTz entered, const PendingTimer *timer)
{
	const StateMachine &machine = search->machine;
	bool is_terminal = !has_transition(machine, state, 0);

	if (timer->is_running || !(timer->by_policy || is_terminal))
		return;
	const Policy *policy = is_terminal ? nullptr : policy_for(machine, state, timer->type);
	if (policy == nullptr)
	{
		if (is_terminal || !has_transition(machine, state, timer->type))
			add_update(search, timer, DT_NOEND);
		return;
	}
	TimestampTz time = time_by(policy, campaign, entered);
	// A timer at the right time is not rewritten. If the policy wants it to be due now, each time in the past is right.
	bool is_due_already = time <= search->as_of && (timer->scheduled_at <= search->as_of || timer->has_failed);
	if (time != DT_NOEND && time != timer->scheduled_at && !is_due_already && is_on(policy, campaign))
		add_update(search, timer, greatest(time, search->as_of));
}

// Add a timer for each policy of the state whose type has no pending timer.
void find_inserts(Search *search, const CampaignRow &campaign, Datum state, TimestampTz entered, const PendingTimer *timers,
				  int timer_count)
{
	const StateMachine &machine = search->machine;

	if (!has_transition(machine, state, 0))
		return;
	for (int i = 0; i < machine.policy_count; i++)
	{
		const Policy *policy = &machine.policies[i];
		bool has_timer = false;

		if (!pg::same_text(policy->state, state))
			continue;
		for (int j = 0; j < timer_count && !has_timer; j++)
			has_timer = pg::same_text(timers[j].type, policy->timer_type);
		TimestampTz time = has_timer ? DT_NOEND : time_by(policy, campaign, entered);
		if (time != DT_NOEND && is_on(policy, campaign))
			add_insert(search, campaign, policy->timer_type, greatest(time, search->as_of));
	}
}

} // namespace

CampaignRows read_campaigns(spi_query::Schema *schema, Datum campaigns, Datum tids, int count)
{
	Datum arguments[] = {tids != 0 ? tids : campaigns};

	spi_query::run(schema, tids != 0 ? campaigns_by_tid_query : campaigns_by_id_query, arguments);
	CampaignRows rows = {SPI_tuptable, static_cast<int>(SPI_processed)};
	// A trigger has rewritten a row since its tid was read.
	if (tids != 0 && (rows.count < count || !match(rows, campaigns)))
		return read_campaigns(schema, campaigns, 0, count);
	return rows;
}

PendingTimer *pending_timers_of(spi_query::Schema *schema, Datum campaigns, int *count)
{
	Datum arguments[] = {campaigns};

	spi_query::run(schema, pending_timers_query, arguments);
	PendingTimer *timers =
		static_cast<PendingTimer *>(palloc_extended(sizeof(PendingTimer) * (SPI_processed + 1), MCXT_ALLOC_HUGE));
	*count = 0;
	for (int i = 0; i < static_cast<int>(SPI_processed); i++)
	{
		Datum id = spi_query::value_at(i, 2);
		Datum campaign = spi_query::value_at(i, 3);
		Datum tid = spi_query::value_at(i, 4);

		if (id == 0 || campaign == 0 || tid == 0)
			continue;
		timers[(*count)++] = {
			static_cast<int>(DatumGetInt64(spi_query::value_at(i, 1))) - 1,
			*DatumGetUUIDP(id),
			*DatumGetUUIDP(campaign),
			*reinterpret_cast<ItemPointer>(DatumGetPointer(tid)),
			spi_query::text_or_empty(spi_query::value_at(i, 5)),
			DatumGetTimestampTz(spi_query::value_at(i, 6)),
			DatumGetBool(spi_query::value_at(i, 7)),
			DatumGetBool(spi_query::value_at(i, 8)),
			DatumGetBool(spi_query::value_at(i, 9)),
		};
	}
	return timers;
}

TimerChanges changes_for(spi_query::Schema *schema, const StateMachine &machine, Datum campaigns, Datum tids,
						 const Datum *entered, int count, TimestampTz as_of)
{
	CampaignRows rows = read_campaigns(schema, campaigns, tids, count);
	int pending_count;
	PendingTimer *pending = pending_timers_of(schema, campaigns, &pending_count);
	Search search = {};
	int next = 0;

	search.as_of = as_of;
	search.found.earliest_due = DT_NOEND;
	search.machine = machine;
	for (int i = 0; i < rows.count; i++)
	{
		CampaignRow row = row_of(rows, i);
		Datum state = row.state;
		TimestampTz entered_at = DatumGetTimestampTz(entered[row.index]);

		// Rows and timers both come in the order of the campaigns asked for.
		while (next < pending_count && pending[next].campaign_index < row.index)
			next++;
		int first = next;
		for (; next < pending_count && pending[next].campaign_index == row.index; next++)
		{
			if (pending[next].scheduled_at <= as_of)
				search.found.earliest_due = least(search.found.earliest_due, pending[next].scheduled_at);
			find_update(&search, row, state, entered_at, &pending[next]);
		}
		find_inserts(&search, row, state, entered_at, &pending[first], next - first);
	}
	return search.found;
}

} // namespace timer_policies

using namespace timer_policies;

// Return the changes of these campaigns' timers, which the API functions write. A row with a timer reschedules it, or
// cancels it if the time is NULL. A row without a timer inserts one.
SQL_FUNCTION(_policy_changes)
{
	constexpr int column_count = 4;
	Datum *entered;
	int count;

	for (int i = 0; i < 3; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("campaigns and times must not be null"));
	ArrayType *campaigns = PG_GETARG_ARRAYTYPE_P(0);
	ArrayType *times = PG_GETARG_ARRAYTYPE_P(1);
	if (array_contains_nulls(campaigns) || array_contains_nulls(times))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("campaigns and times must not be null"));
	deconstruct_array(times, TIMESTAMPTZOID, sizeof(TimestampTz), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &entered, nullptr, &count);
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
	TimerChanges changes =
		changes_for(schema, state_machine::read(schema), PointerGetDatum(campaigns), 0, entered, count, PG_GETARG_TIMESTAMPTZ(2));
	const pg_uuid_t *asked = reinterpret_cast<const pg_uuid_t *>(ARR_DATA_PTR(campaigns));
	for (int i = 0; i < changes.update_count; i++)
	{
		const TimerUpdate *update = &changes.updates[i];
		Datum values[] = {UUIDPGetDatum(&update->timer), UUIDPGetDatum(&update->campaign), 0, TimestampTzGetDatum(update->time)};
		bool nulls[column_count] = {false, false, true, update->time == DT_NOEND};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	for (int i = 0; i < changes.insert_count; i++)
	{
		const TimerInsert *insert = &changes.inserts[i];
		Datum values[] = {0, UUIDPGetDatum(&asked[insert->campaign_index]), insert->type, TimestampTzGetDatum(insert->time)};
		bool nulls[column_count] = {true, false, false, false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	SPI_finish();
	return static_cast<Datum>(0);
}
