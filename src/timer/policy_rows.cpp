// Reads the rows that the policies need, each kind with one query for all campaigns asked for. The queries run with the
// privileges of the caller. Nothing is decided here, and no state or timer type is named.
#include "timer/policy_rows.hpp"

#include "guc.hpp"
#include "pg/columns.hpp"

namespace timer_policies {

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
	R"(SELECT u.n, t.id, t.campaign_id, t.tid, t.timer_type, t.scheduled_at, t.by_policy, t.is_running, t.has_failed,
			t.is_postponed
		FROM ROWS FROM (pg_catalog.unnest($1)) WITH ORDINALITY AS u (id, n)
		CROSS JOIN LATERAL (
			SELECT t.id::pg_catalog.uuid, t.campaign_id::pg_catalog.uuid, t.ctid AS tid, t.timer_type::pg_catalog.text,
				t.scheduled_at::pg_catalog.timestamptz, t.payload OPERATOR(pg_catalog.?) 'policy' AS by_policy,
				t.status::pg_catalog.text OPERATOR(pg_catalog.=) 'RUNNING' AS is_running,
				t.status::pg_catalog.text OPERATOR(pg_catalog.=) 'FAILED' AS has_failed,
				t.payload OPERATOR(pg_catalog.?) 'postponed' AS is_postponed
			FROM ONLY @extschema@.campaign_timers AS t
			WHERE t.campaign_id OPERATOR(pg_catalog.=) u.id
				AND (t.status::pg_catalog.text OPERATOR(pg_catalog.=) ANY (ARRAY['PENDING', 'RUNNING'])
					OR (t.status::pg_catalog.text OPERATOR(pg_catalog.=) 'FAILED' AND t.retry_count OPERATOR(pg_catalog.<) @attempt_limit@
						AND t.retry_count OPERATOR(pg_catalog.<) $2))
			OFFSET 0) AS t
		ORDER BY u.n)",
	2,
	{UUIDARRAYOID, INT4OID},
	true};

// Timers that have ended since their campaigns have entered their states. updated_at is on the clock of the log.
// executed_at is not, because it counts from the beginning of a call of run_due_timers(). A timer that has changed the
// state ended the visit before, and a skipped one has done nothing. The trigger mark_timer_cancelled_by_hand removes the
// mark of a policy from a timer that a user cancels, so what a policy cancels does not count.
//
// A clock that was set back shows by a state that was entered later than now. It also shows by a timer that ended before
// its campaign was created. Then each timer that has ended counts, because a reminder must not be given twice.
constexpr spi_query::Query ended_timers_query = {
	R"(SELECT u.n, t.timer_type
		FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) WITH ORDINALITY AS u (id, entered, n)
		CROSS JOIN LATERAL (
			SELECT t.timer_type::pg_catalog.text
			FROM ONLY @extschema@.campaign_timers AS t
			WHERE t.campaign_id OPERATOR(pg_catalog.=) u.id
				AND (t.updated_at::pg_catalog.timestamptz OPERATOR(pg_catalog.>) u.entered OR u.entered OPERATOR(pg_catalog.>) $3
					OR t.updated_at::pg_catalog.timestamptz OPERATOR(pg_catalog.<) (
						SELECT c.created_at::pg_catalog.timestamptz FROM ONLY @extschema@.campaigns AS c WHERE c.id OPERATOR(pg_catalog.=) u.id))
				AND ((t.status::pg_catalog.text OPERATOR(pg_catalog.=) 'CANCELLED' AND NOT t.payload OPERATOR(pg_catalog.?) 'policy')
					OR (t.status::pg_catalog.text OPERATOR(pg_catalog.=) 'COMPLETED'
						AND NOT EXISTS (
							SELECT FROM ONLY @extschema@.timer_executions AS x
							WHERE x.timer_id OPERATOR(pg_catalog.=) t.id
								AND x.result::pg_catalog.jsonb OPERATOR(pg_catalog.?|) ARRAY['to', 'skipped']
							OFFSET 0)))
			OFFSET 0) AS t
		ORDER BY u.n)",
	3,
	{UUIDARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZOID},
	true};

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

} // namespace

CampaignRow row_of(const CampaignRows &rows, int index)
{
	bool is_null;
	HeapTuple tuple = rows.table->vals[index];
	Datum number = SPI_getbinval(tuple, rows.table->tupdesc, 1, &is_null);
	Datum state = SPI_getbinval(tuple, rows.table->tupdesc, 2, &is_null);

	return {tuple, rows.table->tupdesc, static_cast<int>(DatumGetInt64(number)) - 1, spi_query::text_or_empty(state)};
}

Datum value_of(const CampaignRow &row, const char *column, Oid type, bool *is_null)
{
	// The first two columns are those of the query, before the columns of the table.
	int attnum = columns::find_attnum(row.columns, 3, column, type);

	*is_null = attnum == 0;
	return attnum == 0 ? static_cast<Datum>(0) : SPI_getbinval(row.tuple, row.columns, attnum, is_null);
}

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
	Datum arguments[] = {campaigns, Int32GetDatum(guc::max_attempts)};

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
			DatumGetBool(spi_query::value_at(i, 10)),
		};
	}
	return timers;
}

EndedTimer *ended_timers_of(spi_query::Schema *schema, Datum campaigns, Datum entered, TimestampTz as_of, int *count)
{
	Datum arguments[] = {campaigns, entered, TimestampTzGetDatum(as_of)};

	spi_query::run(schema, ended_timers_query, arguments);
	*count = static_cast<int>(SPI_processed);
	EndedTimer *ended = static_cast<EndedTimer *>(palloc_extended(sizeof(EndedTimer) * (*count + 1), MCXT_ALLOC_HUGE));
	for (int i = 0; i < *count; i++)
		ended[i] = {static_cast<int>(DatumGetInt64(spi_query::value_at(i, 1))) - 1,
					spi_query::text_or_empty(spi_query::value_at(i, 2))};
	return ended;
}

} // namespace timer_policies
