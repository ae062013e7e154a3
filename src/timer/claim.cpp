// Claims a batch. A claim reads from where the last one ended up to the present. It reads neither dead timers nor
// timers that are due later, and it skips locked rows.
#include "timer/claim.hpp"

#include "guc.hpp"

namespace claim {

namespace {

constexpr spi_query::Query claim_only_query = {
	R"(SELECT r.id, r.tid, r.campaign_id, r.campaign_tid, r.timer_type::pg_catalog.text, r.state::pg_catalog.text, r.scheduled_at,
			r.by_policy, r.status::pg_catalog.text OPERATOR(pg_catalog.=) 'FAILED'
		FROM @extschema@._runnable_timers AS r
		WHERE r.id OPERATOR(pg_catalog.=) ANY ($1) AND r.scheduled_at OPERATOR(pg_catalog.<=) $2
			AND (r.status::pg_catalog.text OPERATOR(pg_catalog.=) 'PENDING'
				OR (r.status::pg_catalog.text OPERATOR(pg_catalog.=) 'FAILED' AND r.retry_count OPERATOR(pg_catalog.<) $3))
		FOR NO KEY UPDATE OF r SKIP LOCKED)",
	3,
	{UUIDARRAYOID, TIMESTAMPTZOID, INT4OID},
	true};

// This finds out first whether any timer waits for its next attempt, because most often none does.
constexpr spi_query::Query has_retries_query = {R"(SELECT FROM ONLY @extschema@.campaign_timers AS t
		WHERE t.status::pg_catalog.text OPERATOR(pg_catalog.=) 'FAILED' AND t.retry_count OPERATOR(pg_catalog.<) @attempt_limit@
			AND t.scheduled_at OPERATOR(pg_catalog.>=) $1 AND t.scheduled_at OPERATOR(pg_catalog.<=) $2
		ORDER BY t.scheduled_at, t.retry_count
		LIMIT 1)",
												2,
												{TIMESTAMPTZOID, TIMESTAMPTZOID},
												true};

// Retries have a small index of their own, without dead timers. A timer whose worker was lost is left to
// single_timer.cpp. IS TRUE keeps the planner from an index of all failed executions, so executions are found by
// timer_id.
constexpr spi_query::Query claim_retries_query = {
	R"(SELECT r.id, r.tid, r.campaign_id, r.campaign_tid, r.timer_type::pg_catalog.text, r.state::pg_catalog.text, r.scheduled_at,
			r.by_policy, true
		FROM @extschema@._runnable_timers AS r
		WHERE r.status::pg_catalog.text OPERATOR(pg_catalog.=) 'FAILED' AND r.retry_count OPERATOR(pg_catalog.<) @attempt_limit@
			AND r.retry_count OPERATOR(pg_catalog.<) $4
			AND r.scheduled_at OPERATOR(pg_catalog.>=) $1 AND r.scheduled_at OPERATOR(pg_catalog.<=) $2
			AND r.timer_type::pg_catalog.text OPERATOR(pg_catalog.<>) ALL (ARRAY(SELECT h.timer_type::pg_catalog.text FROM ONLY @extschema@.campaign_timer_handlers AS h))
			AND NOT EXISTS (
				SELECT FROM ONLY @extschema@.timer_executions AS x
				WHERE x.timer_id OPERATOR(pg_catalog.=) r.id AND (x.status::pg_catalog.text OPERATOR(pg_catalog.=) 'FAILED') IS TRUE
					AND x.result::pg_catalog.jsonb OPERATOR(pg_catalog.?) 'worker_lost'
				OFFSET 0)
		ORDER BY r.scheduled_at, r.retry_count
		LIMIT $3
		FOR NO KEY UPDATE OF r SKIP LOCKED)",
	4,
	{TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, INT4OID},
	true};

// The array means "= 'PENDING'", but makes idx_campaign_timers_processing the only index with the order that is asked
// for. A row comparison would not end the scan at the present.
constexpr char pending_timers[] =
	R"(SELECT r.id, r.tid, r.campaign_id, r.campaign_tid, r.timer_type::pg_catalog.text, r.state::pg_catalog.text, r.scheduled_at,
			r.by_policy, false
		FROM @extschema@._runnable_timers AS r
		WHERE r.status::pg_catalog.text OPERATOR(pg_catalog.=) ANY (ARRAY['PENDING', 'PENDING'])
			AND r.scheduled_at OPERATOR(pg_catalog.>=) $1 AND r.scheduled_at OPERATOR(pg_catalog.<=) $2
			AND r.timer_type::pg_catalog.text OPERATOR(pg_catalog.<>) ALL (ARRAY(SELECT h.timer_type::pg_catalog.text FROM ONLY @extschema@.campaign_timer_handlers AS h))
		ORDER BY r.status, r.scheduled_at
		LIMIT $3)";

constexpr spi_query::Query claim_pending_query = {
	pending_timers, 3, {TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID}, true, " FOR NO KEY UPDATE OF r SKIP LOCKED"};

constexpr spi_query::Query peek_query = {pending_timers, 3, {TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID}, true};

constexpr spi_query::Query next_due_query = {R"(SELECT LEAST(
			(SELECT t.scheduled_at
				FROM ONLY @extschema@.campaign_timers AS t
				WHERE t.status::pg_catalog.text OPERATOR(pg_catalog.=) ANY (ARRAY['PENDING', 'PENDING']) AND t.scheduled_at OPERATOR(pg_catalog.>=) $1
				ORDER BY t.status, t.scheduled_at
				LIMIT 1),
			(SELECT t.scheduled_at
				FROM ONLY @extschema@.campaign_timers AS t
				WHERE t.status::pg_catalog.text OPERATOR(pg_catalog.=) 'FAILED' AND t.retry_count OPERATOR(pg_catalog.<) @attempt_limit@
					AND t.retry_count OPERATOR(pg_catalog.<) $2 AND t.scheduled_at OPERATOR(pg_catalog.>=) $1
				ORDER BY t.scheduled_at, t.retry_count
				LIMIT 1)))",
											 2,
											 {TIMESTAMPTZOID, INT4OID},
											 true};

// Lock those of the given timers that are due and not locked.
void lock_only(spi_query::Schema *schema, Claim *claim, TimestampTz as_of, ArrayType *only, MemoryContext result_cxt)
{
	Datum arguments[] = {PointerGetDatum(only), TimestampTzGetDatum(as_of), Int32GetDatum(guc::max_attempts)};

	spi_query::run(schema, claim_only_query, arguments);
	add_rows(claim, result_cxt);
}

// Lock timers of the range. Timers that wait for their next attempt come first.
void lock_in_range(spi_query::Schema *schema, Claim *claim, TimestampTz as_of, TimestampTz scan_from, int limit,
				   MemoryContext result_cxt)
{
	Datum arguments[] = {TimestampTzGetDatum(scan_from), TimestampTzGetDatum(as_of), Int32GetDatum(limit),
						 Int32GetDatum(guc::max_attempts)};

	spi_query::run(schema, has_retries_query, arguments);
	if (SPI_processed > 0)
	{
		spi_query::run(schema, claim_retries_query, arguments);
		add_rows(claim, result_cxt);
	}
	if (claim->count >= limit)
		return;
	arguments[2] = Int32GetDatum(limit - claim->count);
	spi_query::run(schema, claim_pending_query, arguments);
	add_rows(claim, result_cxt);
}

} // namespace

void add_rows(Claim *claim, MemoryContext result_cxt)
{
	constexpr int column_count = 9;
	MemoryContext oldcontext = MemoryContextSwitchTo(result_cxt);
	int room = claim->count + static_cast<int>(SPI_processed);
	bool is_null;

	Size size = sizeof(Timer) * greatest(room, 1);
	claim->timers = static_cast<Timer *>(claim->timers == nullptr ? palloc_extended(size, MCXT_ALLOC_HUGE)
																  : repalloc_huge(claim->timers, size));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Datum columns[column_count];

		for (int j = 0; j < column_count; j++)
			columns[j] = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, j + 1, &is_null);
		// A row without a key cannot be told from another one.
		if (columns[0] == 0 || columns[2] == 0)
			continue;
		Timer *timer = &claim->timers[claim->count++];
		timer->id = *DatumGetUUIDP(columns[0]);
		timer->tid = *reinterpret_cast<ItemPointer>(DatumGetPointer(columns[1]));
		timer->campaign = *DatumGetUUIDP(columns[2]);
		timer->campaign_tid = *reinterpret_cast<ItemPointer>(DatumGetPointer(columns[3]));
		timer->type = PointerGetDatum(DatumGetTextPCopy(spi_query::text_or_empty(columns[4])));
		timer->state = PointerGetDatum(DatumGetTextPCopy(spi_query::text_or_empty(columns[5])));
		timer->scheduled_at = DatumGetTimestampTz(columns[6]);
		timer->by_policy = DatumGetBool(columns[7]);
		timer->retried = DatumGetBool(columns[8]);
	}
	MemoryContextSwitchTo(oldcontext);
	SPI_freetuptable(SPI_tuptable);
}

Claim lock_due(spi_query::Schema *schema, TimestampTz as_of, TimestampTz scan_from, int limit, ArrayType *only,
			   MemoryContext result_cxt)
{
	Claim claim = {nullptr, 0, as_of};

	if (only != nullptr)
		lock_only(schema, &claim, as_of, only, result_cxt);
	else
		lock_in_range(schema, &claim, as_of, scan_from, limit, result_cxt);
	if (claim.count < limit)
		return claim;
	// Retries are read in an order of their own, so they do not tell how far pending timers are claimed.
	claim.claimed_to = scan_from;
	for (int i = 0; i < claim.count; i++)
		if (!claim.timers[i].retried)
			claim.claimed_to = greatest(claim.claimed_to, claim.timers[i].scheduled_at);
	return claim;
}

Claim peek(spi_query::Schema *schema, TimestampTz due, int limit)
{
	Claim claim = {nullptr, 0, due};
	Datum arguments[] = {TimestampTzGetDatum(due), TimestampTzGetDatum(due), Int32GetDatum(limit)};

	spi_query::run(schema, peek_query, arguments);
	add_rows(&claim, CurrentMemoryContext);
	return claim;
}

TimestampTz next_due(spi_query::Schema *schema, TimestampTz from)
{
	Datum arguments[] = {TimestampTzGetDatum(from), Int32GetDatum(guc::max_attempts)};

	spi_query::run(schema, next_due_query, arguments);
	return spi_query::first_time(1);
}

} // namespace claim
