// Entering a state: which timers a campaign gets, keeps, moves and loses, as
// campaign_timer_policies says. Timers set by hand stay where the user put them,
// and satisfy the policy for their type. Reads through SQL, with the rights of
// whoever calls; finds what is to be written, for most campaigns nothing, and
// leaves the writing to SQL. Names no state, type or delay.
#include "timer/timer_policies.hpp"

#include "pg/columns.hpp"
#include "extension.hpp"

namespace timer_policies {

using state_machine::Policy;
using state_machine::StateMachine;
using state_machine::has_transition;
using state_machine::policy_for;

namespace {

// OFFSET 0: by the index for each one that is asked for, and in that order, also in a plan made while the tables were empty.
constexpr spi_query::Query campaigns_by_id_query = {R"(SELECT u.n, c.status::pg_catalog.text, c.*
		FROM ROWS FROM (pg_catalog.unnest($1)) WITH ORDINALITY AS u (id, n)
		CROSS JOIN LATERAL (SELECT c.* FROM @extschema@.campaigns AS c WHERE c.id OPERATOR(pg_catalog.=) u.id OFFSET 0) AS c
		ORDER BY u.n)",
													1,
													{UUIDARRAYOID},
													true};

constexpr spi_query::Query campaigns_by_tid_query = {R"(SELECT u.n, c.status::pg_catalog.text, c.*
		FROM ROWS FROM (pg_catalog.unnest($1)) WITH ORDINALITY AS u (tid, n)
		CROSS JOIN LATERAL (SELECT c.* FROM @extschema@.campaigns AS c WHERE c.ctid OPERATOR(pg_catalog.=) u.tid OFFSET 0) AS c
		ORDER BY u.n)",
													 1,
													 {TIDARRAYOID},
													 true};

// In the words of unique_waiting_timer_per_type, which has no finished timers.
constexpr spi_query::Query pending_timers_query = {
	R"(SELECT u.n, t.id, t.campaign_id, t.tid, t.timer_type, t.scheduled_at, t.by_policy, t.is_running, t.has_failed
		FROM ROWS FROM (pg_catalog.unnest($1)) WITH ORDINALITY AS u (id, n)
		CROSS JOIN LATERAL (
			SELECT t.id::pg_catalog.uuid, t.campaign_id::pg_catalog.uuid, t.ctid AS tid, t.timer_type::pg_catalog.text,
				t.scheduled_at::pg_catalog.timestamptz, t.payload OPERATOR(pg_catalog.?) 'policy' AS by_policy,
				t.status::pg_catalog.text OPERATOR(pg_catalog.=) 'RUNNING' AS is_running,
				t.status::pg_catalog.text OPERATOR(pg_catalog.=) 'FAILED' AS has_failed
			FROM @extschema@.campaign_timers AS t
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

CampaignRow row_of(const CampaignRows &rows, int index)
{
	bool is_null;
	HeapTuple tuple = rows.table->vals[index];
	Datum number = SPI_getbinval(tuple, rows.table->tupdesc, 1, &is_null);
	Datum state = SPI_getbinval(tuple, rows.table->tupdesc, 2, &is_null);

	return {tuple, rows.table->tupdesc, static_cast<int>(DatumGetInt64(number)) - 1, spi_query::text_or_empty(state)};
}

// Return the value; NULL also where the column is missing or of another type.
Datum value_of(const CampaignRow &row, const char *column, Oid type, bool *is_null)
{
	// The first two columns are ours.
	int attnum = columns::find_attnum(row.columns, 3, column, type);

	*is_null = attnum == 0;
	return attnum == 0 ? static_cast<Datum>(0) : SPI_getbinval(row.tuple, row.columns, attnum, is_null);
}

// A tid leads to another row once a trigger has rewritten the table.
bool are_asked_for(const CampaignRows &rows, Datum campaigns)
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

// A column that is not there, or is no boolean, is off.
bool is_on(const Policy *policy, const CampaignRow &campaign)
{
	bool is_null;

	if (policy->only_when == nullptr)
		return true;
	Datum value = value_of(campaign, policy->only_when, BOOLOID, &is_null);
	return !is_null && DatumGetBool(value);
}

// DT_NOEND: unknown. Anchors but the one that counts from entering are columns.
TimestampTz time_by(const Policy *policy, const CampaignRow &campaign, TimestampTz entered)
{
	bool is_null = false;
	Datum anchor =
		policy->anchor == nullptr ? TimestampTzGetDatum(entered) : value_of(campaign, policy->anchor, TIMESTAMPTZOID, &is_null);

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
	*next_of(&search->found.changes, &search->found.count, &search->room) = {timer->id, timer->campaign, timer->tid, time};
}

// A timer that waits and is not where the policy wants it.
void revise(Search *search, const CampaignRow &campaign, Datum state, TimestampTz entered, const PendingTimer *timer)
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

void complete(Search *search, const CampaignRow &campaign, Datum state, TimestampTz entered, const PendingTimer *timers,
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
					 &search->addition_room) = {campaign.index, policy->timer_type, greatest(time, search->as_of)};
	}
}

} // namespace

CampaignRows read_campaigns(spi_query::Schema *schema, Datum campaigns, Datum tids, int count)
{
	Datum arguments[] = {tids != 0 ? tids : campaigns};

	spi_query::run(schema, tids != 0 ? campaigns_by_tid_query : campaigns_by_id_query, arguments);
	CampaignRows rows = {SPI_tuptable, static_cast<int>(SPI_processed)};
	// A trigger has moved one since.
	if (tids != 0 && (rows.count < count || !are_asked_for(rows, campaigns)))
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

Changes changes_for(spi_query::Schema *schema, const StateMachine &lifecycle, Datum campaigns, Datum tids, const Datum *entered,
					int count, TimestampTz as_of)
{
	CampaignRows rows = read_campaigns(schema, campaigns, tids, count);
	int waiting_count;
	PendingTimer *waiting = pending_timers_of(schema, campaigns, &waiting_count);
	Search search = {};
	int next = 0;

	search.as_of = as_of;
	search.found.lowest = DT_NOEND;
	search.lifecycle = lifecycle;
	for (int i = 0; i < rows.count; i++)
	{
		CampaignRow row = row_of(rows, i);
		Datum state = row.state;
		TimestampTz entered_at = DatumGetTimestampTz(entered[row.index]);

		// Both come in the order of the campaigns asked for.
		while (next < waiting_count && waiting[next].campaign_index < row.index)
			next++;
		int first = next;
		for (; next < waiting_count && waiting[next].campaign_index == row.index; next++)
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

// Return the changes of these campaigns' timers. A row with a timer changes it; a NULL time cancels it. A row without one adds a timer.
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
		ereport(ERROR, errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("there must be a time for each campaign"));
	// Functions of version 1.1 expect another row.
	spi_query::Schema *schema = extension::current_schema();
	InitMaterializedSRF(fcinfo, 0);
	ReturnSetInfo *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
	if (result->setDesc->natts != column_count)
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("function _policy_changes returns another row type"),
				errhint("Run ALTER EXTENSION campaign_lifecycle UPDATE."));
	SPI_connect();
	Changes changes =
		changes_for(schema, state_machine::read(schema), PointerGetDatum(campaigns), 0, entered, count, PG_GETARG_TIMESTAMPTZ(2));
	const pg_uuid_t *asked = reinterpret_cast<const pg_uuid_t *>(ARR_DATA_PTR(campaigns));
	for (int i = 0; i < changes.count; i++)
	{
		const Change *change = &changes.changes[i];
		Datum values[] = {UUIDPGetDatum(&change->timer), UUIDPGetDatum(&change->campaign), 0, TimestampTzGetDatum(change->time)};
		bool nulls[column_count] = {false, false, true, change->time == DT_NOEND};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	for (int i = 0; i < changes.addition_count; i++)
	{
		const Addition *addition = &changes.additions[i];
		Datum values[] = {0, UUIDPGetDatum(&asked[addition->campaign_index]), addition->type,
						  TimestampTzGetDatum(addition->time)};
		bool nulls[column_count] = {true, false, false, false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	SPI_finish();
	return static_cast<Datum>(0);
}
