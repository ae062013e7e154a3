// All SQL that C++ sends, as text beside its argument types; the placeholder
// for the schema is filled in when a plan is made. Plans live as long as the
// process, or until the schema is renamed. Names and operators are
// qualified: the log is written with its owner's rights in sessions whose
// search_path may be anybody's.
#include "timer/statements.hpp"

#include "pg/columns.hpp"
#include "trigger/trigger_utils.hpp"
#include "guc.hpp"

namespace statements {

namespace {

// Where the tables' owner has dropped a NOT NULL: the empty text, which is no state and no type.
Datum text_of(Datum value)
{
	return value != 0 ? value : CStringGetTextDatum("");
}

enum Call
{
	call_claim_only,
	call_has_retries,
	call_claim_retries,
	call_claim_pending,
	call_peek,
	call_claim_by_sql,
	call_apply_by_sql,
	call_campaigns_by_id,
	call_campaigns_by_place,
	call_waiting_timers,
	call_policies,
	call_ways,
	call_put_off,
	call_notify_timers,
	call_fail,
	call_next_due,
	call_due_upkeep,
	call_run_upkeep_step,
	call_upkeep_failed,
	call_illegal_move,
	call_next_states,
	call_has_ended,
	call_write_log,
	call_notify_moves,
	call_marked_due,
	call_claim_marked,
	call_start_marked,
	call_lock_marked,
	call_complete_marked,
	call_handler_of,
	call_record_handler,
	call_fail_marked,
	call_release_marked,
	call_recover_lost,
	call_reset_constraints,
	call_fire_deferred,
	call_session_traces,
	call_temporary_objects,
	call_create_partitions,
	call_archive,
	call_cleanup,
	call_bring_up,
	call_cleanup_timers,
	call_cleanup_metrics,
	call_refresh,
	call_set_cron_database,
	call_maintenance,
	call_table_health,
	call_count
};

constexpr int max_arguments = 8;

struct Statement
{
	const char *text;
	int argument_count;
	Oid arguments[max_arguments];
	bool by_index = false;   // whatever the sizes of the tables seem to be
	const char *ending = ""; // follows the text
};

// Read from where the last claim ended to the present, and no further: neither over dead letters nor over what waits for later. The
// array says "= 'PENDING'" in such a way that the order is idx_campaign_timers_processing's alone, and so is the plan. (A row
// comparison would not end the scan at the present.)
constexpr char pending_timers[] =
	R"(SELECT r.id, r.place, r.campaign_id, r.campaign_place, r.timer_type::pg_catalog.text, r.state::pg_catalog.text, r.scheduled_at,
			r.by_policy, false
		FROM @extschema@._runnable_timers AS r
		WHERE r.status::pg_catalog.text OPERATOR(pg_catalog.=) ANY (ARRAY['PENDING', 'PENDING'])
			AND r.scheduled_at OPERATOR(pg_catalog.>=) $1 AND r.scheduled_at OPERATOR(pg_catalog.<=) $2
			AND r.timer_type::pg_catalog.text OPERATOR(pg_catalog.<>) ALL (ARRAY(SELECT h.timer_type::pg_catalog.text FROM @extschema@.campaign_timer_handlers AS h))
		ORDER BY r.status, r.scheduled_at
		LIMIT $3)";

constexpr Statement statements[call_count] = {
	{R"(SELECT r.id, r.place, r.campaign_id, r.campaign_place, r.timer_type::pg_catalog.text, r.state::pg_catalog.text, r.scheduled_at,
			r.by_policy, r.status::pg_catalog.text OPERATOR(pg_catalog.=) 'FAILED'
		FROM @extschema@._runnable_timers AS r
		WHERE r.id OPERATOR(pg_catalog.=) ANY ($1) AND r.scheduled_at OPERATOR(pg_catalog.<=) $2
			AND (r.status::pg_catalog.text OPERATOR(pg_catalog.=) 'PENDING'
				OR (r.status::pg_catalog.text OPERATOR(pg_catalog.=) 'FAILED' AND r.retry_count OPERATOR(pg_catalog.<) $3))
		FOR NO KEY UPDATE OF r SKIP LOCKED)",
	 3,
	 {UUIDARRAYOID, TIMESTAMPTZOID, INT4OID},
	 true},

	// Whether there is one that waits for its next attempt: seldom.
	{R"(SELECT FROM @extschema@.campaign_timers AS t
		WHERE t.status::pg_catalog.text OPERATOR(pg_catalog.=) 'FAILED' AND t.retry_count OPERATOR(pg_catalog.<) 5
			AND t.scheduled_at OPERATOR(pg_catalog.>=) $1 AND t.scheduled_at OPERATOR(pg_catalog.<=) $2
		ORDER BY t.scheduled_at, t.retry_count
		LIMIT 1)",
	 2,
	 {TIMESTAMPTZOID, TIMESTAMPTZOID},
	 true},

	// By their own small index; dead letters are not in it. One that has taken its worker along goes the marked way (41_handlers.sql).
	// (IS TRUE: found by timer_id, not among all attempts that ever failed.)
	{R"(SELECT r.id, r.place, r.campaign_id, r.campaign_place, r.timer_type::pg_catalog.text, r.state::pg_catalog.text, r.scheduled_at,
			r.by_policy, true
		FROM @extschema@._runnable_timers AS r
		WHERE r.status::pg_catalog.text OPERATOR(pg_catalog.=) 'FAILED' AND r.retry_count OPERATOR(pg_catalog.<) 5
			AND r.retry_count OPERATOR(pg_catalog.<) $4
			AND r.scheduled_at OPERATOR(pg_catalog.>=) $1 AND r.scheduled_at OPERATOR(pg_catalog.<=) $2
			AND r.timer_type::pg_catalog.text OPERATOR(pg_catalog.<>) ALL (ARRAY(SELECT h.timer_type::pg_catalog.text FROM @extschema@.campaign_timer_handlers AS h))
			AND NOT EXISTS (
				SELECT FROM @extschema@.timer_executions AS x
				WHERE x.timer_id OPERATOR(pg_catalog.=) r.id AND (x.status::pg_catalog.text OPERATOR(pg_catalog.=) 'FAILED') IS TRUE
					AND x.error_message OPERATOR(pg_catalog.~~) '57P02: %'
				OFFSET 0)
		ORDER BY r.scheduled_at, r.retry_count
		LIMIT $3
		FOR NO KEY UPDATE OF r SKIP LOCKED)",
	 4,
	 {TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, INT4OID},
	 true},

	{pending_timers, 3, {TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID}, true, " FOR NO KEY UPDATE OF r SKIP LOCKED"},

	{pending_timers, 3, {TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID}, true},

	{R"(SELECT u.id, c.claimed_to
		FROM @extschema@._claim_timers($1, $2, $3, $4) AS c LEFT JOIN pg_catalog.unnest(c.timer_ids) AS u (id) ON true)",
	 4,
	 {TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, UUIDARRAYOID}},

	{R"(SELECT @extschema@._apply_timers($1, $2))", 2, {UUIDARRAYOID, TIMESTAMPTZOID}},

	// (OFFSET 0: by the index for each that is asked for, and in that order, also in a plan that was made while the tables were empty.)
	{R"(SELECT u.n, c.status::pg_catalog.text, c.*
		FROM ROWS FROM (pg_catalog.unnest($1)) WITH ORDINALITY AS u (id, n)
		CROSS JOIN LATERAL (SELECT c.* FROM @extschema@.campaigns AS c WHERE c.id OPERATOR(pg_catalog.=) u.id OFFSET 0) AS c
		ORDER BY u.n)",
	 1,
	 {UUIDARRAYOID},
	 true},

	{R"(SELECT u.n, c.status::pg_catalog.text, c.*
		FROM ROWS FROM (pg_catalog.unnest($1)) WITH ORDINALITY AS u (place, n)
		CROSS JOIN LATERAL (SELECT c.* FROM @extschema@.campaigns AS c WHERE c.ctid OPERATOR(pg_catalog.=) u.place OFFSET 0) AS c
		ORDER BY u.n)",
	 1,
	 {TIDARRAYOID},
	 true},

	// In the words of unique_waiting_timer_per_type, which holds no finished timer.
	{R"(SELECT u.n, t.id, t.campaign_id, t.place, t.timer_type, t.scheduled_at, t.by_policy, t.is_running, t.has_failed
		FROM ROWS FROM (pg_catalog.unnest($1)) WITH ORDINALITY AS u (id, n)
		CROSS JOIN LATERAL (
			SELECT t.id::pg_catalog.uuid, t.campaign_id::pg_catalog.uuid, t.ctid AS place, t.timer_type::pg_catalog.text,
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
	 true},

	{R"(SELECT p.state::pg_catalog.text, p.timer_type::pg_catalog.text,
			CASE WHEN p.anchor::pg_catalog.text OPERATOR(pg_catalog.<>) 'entered' THEN p.anchor::pg_catalog.text END,
			p.delay::pg_catalog.interval, p.only_when::pg_catalog.text
		FROM @extschema@.campaign_timer_policies AS p
		WHERE p.state IS NOT NULL AND p.timer_type IS NOT NULL AND p.delay IS NOT NULL)",
	 0,
	 {}},

	{R"(SELECT m.from_state::pg_catalog.text, m.to_state::pg_catalog.text, m.timer_type::pg_catalog.text
		FROM @extschema@.campaign_state_transitions AS m
		WHERE m.from_state IS NOT NULL AND m.to_state IS NOT NULL)",
	 0,
	 {}},

	{R"(SELECT @extschema@._put_off_timers($1, $2))", 2, {UUIDARRAYOID, TIMESTAMPTZOID}},

	{R"(SELECT @extschema@._notify($1, $2, $3, $4))", 4, {TEXTOID, UUIDARRAYOID, UUIDARRAYOID, TEXTARRAYOID}},

	{R"(SELECT @extschema@._fail_timer($1, $2, $3, $4))", 4, {UUIDOID, TIMESTAMPTZOID, TEXTOID, TEXTOID}},

	{R"(SELECT LEAST(
			(SELECT t.scheduled_at
				FROM @extschema@.campaign_timers AS t
				WHERE t.status::pg_catalog.text OPERATOR(pg_catalog.=) ANY (ARRAY['PENDING', 'PENDING']) AND t.scheduled_at OPERATOR(pg_catalog.>=) $1
				ORDER BY t.status, t.scheduled_at
				LIMIT 1),
			(SELECT t.scheduled_at
				FROM @extschema@.campaign_timers AS t
				WHERE t.status::pg_catalog.text OPERATOR(pg_catalog.=) 'FAILED' AND t.retry_count OPERATOR(pg_catalog.<) 5
					AND t.retry_count OPERATOR(pg_catalog.<) $2 AND t.scheduled_at OPERATOR(pg_catalog.>=) $1
				ORDER BY t.scheduled_at, t.retry_count
				LIMIT 1)))",
	 2,
	 {TIMESTAMPTZOID, INT4OID},
	 true},

	{R"(SELECT u.jobs, u.next_at FROM @extschema@._due_upkeep($1, $2) AS u)", 2, {TIMESTAMPTZOID, TIMESTAMPTZOID}},

	{R"(SELECT @extschema@._run_upkeep_step($1, $2))", 2, {TEXTOID, TIMESTAMPTZOID}},

	{R"(SELECT @extschema@._upkeep_failed($1, $2, $3, $4))", 4, {TEXTOID, TIMESTAMPTZOID, TEXTOID, TEXTOID}},

	{R"(SELECT m.from_state, m.to_state
		FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS m (from_state, to_state)
		WHERE NOT EXISTS (
			SELECT FROM @extschema@.campaign_state_transitions AS t
			WHERE t.from_state::pg_catalog.text OPERATOR(pg_catalog.=) m.from_state
				AND t.to_state::pg_catalog.text OPERATOR(pg_catalog.=) m.to_state)
		LIMIT 1)",
	 2,
	 {TEXTARRAYOID, TEXTARRAYOID}},

	{R"(SELECT pg_catalog.string_agg(m.to_state::pg_catalog.text, ', ' ORDER BY m.priority, m.to_state)
		FROM @extschema@.campaign_state_transitions AS m
		WHERE m.from_state::pg_catalog.text OPERATOR(pg_catalog.=) $1)",
	 1,
	 {TEXTOID}},

	{R"(SELECT FROM @extschema@.campaigns AS c
		WHERE c.id OPERATOR(pg_catalog.=) $1
			AND NOT EXISTS (
				SELECT FROM @extschema@.campaign_state_transitions AS m
				WHERE m.from_state::pg_catalog.text OPERATOR(pg_catalog.=) c.status::pg_catalog.text))",
	 1,
	 {UUIDOID}},

	{R"(INSERT INTO @extschema@.campaign_state_log
			(id, campaign_id, from_state, to_state, trigger_event, metadata, created_at)
		SELECT m.id, m.campaign_id, m.from_state, m.to_state,
			m.event, m.metadata, m.stamp
		FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4),
			pg_catalog.unnest($5), pg_catalog.unnest($6), pg_catalog.unnest($7))
			AS m (id, campaign_id, from_state, to_state, event, metadata, stamp))",
	 7,
	 {UUIDARRAYOID, UUIDARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, JSONBARRAYOID, TIMESTAMPTZARRAYOID}},

	{R"(SELECT pg_catalog.pg_notify('campaign_lifecycle', pg_catalog.jsonb_build_object(
			'event', 'campaign.status.changed'::pg_catalog.text, 'campaign_id', m.campaign_id,
			'from', m.from_state, 'to', m.to_state)::pg_catalog.text)
		FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3))
			AS m (campaign_id, from_state, to_state)
		WHERE m.from_state IS NOT NULL)",
	 3,
	 {UUIDARRAYOID, TEXTARRAYOID, TEXTARRAYOID}},

	{R"(SELECT EXISTS (SELECT FROM @extschema@.campaign_timer_handlers AS h)
			OR EXISTS (
				SELECT FROM @extschema@.campaign_timers AS t
				WHERE t.status::pg_catalog.text OPERATOR(pg_catalog.=) 'FAILED' AND t.retry_count OPERATOR(pg_catalog.<) 5
					AND t.retry_count OPERATOR(pg_catalog.<) $3
					AND t.scheduled_at OPERATOR(pg_catalog.>=) $1 AND t.scheduled_at OPERATOR(pg_catalog.<=) $2
					AND EXISTS (
						SELECT FROM @extschema@.timer_executions AS x
						WHERE x.timer_id OPERATOR(pg_catalog.=) t.id AND (x.status::pg_catalog.text OPERATOR(pg_catalog.=) 'FAILED') IS TRUE
							AND x.error_message OPERATOR(pg_catalog.~~) '57P02: %'
						OFFSET 0)))",
	 3,
	 {TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID},
	 true},

	{R"(SELECT @extschema@._claim_marked($1, $2, $3, $4))", 4, {TIMESTAMPTZOID, TIMESTAMPTZOID, BOOLOID, UUIDARRAYOID}},

	{R"(SELECT @extschema@._start_marked($1, $2, $3, $4, $5))",
	 5,
	 {TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, BOOLOID, UUIDARRAYOID}},

	{R"(SELECT l.id, l.place, l.campaign_id, l.campaign_place, l.timer_type, l.state, l.scheduled_at, l.by_policy, l.retried
		FROM @extschema@._lock_marked($1, $2) AS l)",
	 2,
	 {UUIDOID, BOOLOID}},

	{R"(SELECT @extschema@._complete_marked($1, $2, $3, $4))", 4, {UUIDOID, JSONBOID, TIMESTAMPTZOID, INT4OID}},

	{R"(SELECT f.handler, f.handler_owner, f.timeout_ms, f.campaign_id, f.payload FROM @extschema@._handler_of($1, $2) AS f)",
	 2,
	 {UUIDOID, TIMESTAMPTZOID}},

	{R"(SELECT @extschema@._record_handler($1, $2, $3))", 3, {UUIDOID, TIMESTAMPTZOID, JSONBOID}},

	{R"(SELECT @extschema@._fail_marked($1, $2, $3, $4))", 4, {UUIDOID, TIMESTAMPTZOID, TEXTOID, TEXTOID}},

	{R"(SELECT @extschema@._release_marked($1))", 1, {UUIDOID}},

	{R"(SELECT @extschema@._recover_lost($1))", 1, {TIMESTAMPTZOID}},

	{R"(SELECT @extschema@._reset_constraints())", 0, {}},

	{R"(SET CONSTRAINTS ALL IMMEDIATE)", 0, {}},

	{R"(SELECT pg_catalog.string_agg(t.trace, E'\n' ORDER BY t.trace USING OPERATOR(pg_catalog.<))
		FROM (
			SELECT pg_catalog.concat('cursor ', c.name) FROM pg_catalog.pg_cursors AS c WHERE c.is_holdable
			UNION ALL
			SELECT pg_catalog.concat('statement ', p.name, ' ', p.prepare_time) FROM pg_catalog.pg_prepared_statements AS p WHERE $1) AS t (trace))",
	 1,
	 {BOOLOID}},

	{R"(SELECT d.classid, d.objid
		FROM pg_catalog.pg_depend AS d
		WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass
			AND d.refobjid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()
			AND d.objid OPERATOR(pg_catalog.<>) ALL ($1))",
	 1,
	 {OIDARRAYOID}},

	{R"(SELECT @extschema@.create_monthly_partitions($3::pg_catalog.int4, $1)::pg_catalog.int8 WHERE $2 IS NULL)",
	 3,
	 {TIMESTAMPTZOID, INTERVALOID, INT8OID}},

	{R"(SELECT @extschema@.archive_old_state_logs($2, $1) WHERE $3 IS NULL)", 3, {TIMESTAMPTZOID, INTERVALOID, INT8OID}},

	{R"(SELECT @extschema@.cleanup_timer_executions($2, $1, $3))", 3, {TIMESTAMPTZOID, INTERVALOID, INT8OID}},

	{R"(SELECT 0::pg_catalog.int8 FROM @extschema@._bring_up_campaign_tables())", 3, {TIMESTAMPTZOID, INTERVALOID, INT8OID}},

	{R"(SELECT @extschema@._cleanup_finished_timers($2, $1) WHERE $3 IS NULL)", 3, {TIMESTAMPTZOID, INTERVALOID, INT8OID}},

	{R"(SELECT @extschema@._cleanup_metrics($2, $1) WHERE $3 IS NULL)", 3, {TIMESTAMPTZOID, INTERVALOID, INT8OID}},

	{R"(SELECT @extschema@._refresh_if_changed($3::pg_catalog.oid::pg_catalog.regclass)::pg_catalog.int4::pg_catalog.int8
		WHERE $1 IS NULL AND $2 IS NULL)",
	 3,
	 {TIMESTAMPTZOID, INTERVALOID, INT8OID}},

	{R"(SELECT @extschema@._set_cron_database($3::pg_catalog.oid) WHERE $1 IS NULL AND $2 IS NULL)",
	 3,
	 {TIMESTAMPTZOID, INTERVALOID, INT8OID}},

	{R"(SELECT m.job, m.schedule, m.command FROM @extschema@._maintenance_commands() AS m)", 0, {}},

	{R"(SELECT h.check_name, h.status, h.value, h.threshold, h.detail FROM @extschema@._table_health($1) AS h)",
	 1,
	 {TIMESTAMPTZOID}},
};

} // namespace

struct Plans
{
	Oid schema;
	NameData name;
	struct
	{
		SPIPlanPtr plan;
		int generation; // of the server's plan that was made under plan_settings, or 0
	} saved[call_count];
};

namespace {

HTAB *plans_by_schema;

// A nested loop over indexes, whatever the session prefers.
constexpr struct
{
	const char *name;
	const char *value;
} plan_settings[] = {
	{"enable_seqscan", "off"}, {"enable_bitmapscan", "off"},       {"enable_hashjoin", "off"}, {"enable_mergejoin", "off"},
	{"enable_sort", "off"},    {"enable_incremental_sort", "off"}, {"enable_material", "off"}, {"enable_memoize", "off"},
	{"enable_nestloop", "on"}, {"enable_indexscan", "on"},         {"enable_tidscan", "on"},   {"jit", "off"},
};

SPIPlanPtr prepare(const Plans *plans, const Statement *statement)
{
	static const char placeholder[] = "@extschema@";
	const char *schema = quote_identifier(NameStr(plans->name));
	const char *rest = statement->text;
	Oid types[max_arguments];
	StringInfoData text;

	initStringInfo(&text);
	while (const char *found = strstr(rest, placeholder))
	{
		appendBinaryStringInfo(&text, rest, static_cast<int>(found - rest));
		appendStringInfoString(&text, schema);
		rest = found + sizeof(placeholder) - 1;
	}
	appendStringInfoString(&text, rest);
	appendStringInfoString(&text, statement->ending);
	memcpy(types, statement->arguments, sizeof(types));
	SPIPlanPtr plan =
		SPI_prepare_cursor(text.data, statement->argument_count, types, statement->by_index ? CURSOR_OPT_GENERIC_PLAN : 0);
	if (plan == nullptr || SPI_keepplan(plan) != 0)
		elog(ERROR, "could not prepare a statement: %s", SPI_result_code_string(SPI_result));
	return plan;
}

CachedPlanSource *plan_of(SPIPlanPtr plan)
{
	return static_cast<CachedPlanSource *>(linitial(SPI_plan_get_plan_sources(plan)));
}

// Whatever the session's settings, a statement that is to go by indexes does: it
// is planned under ours, which stand until the level returned ends; 0 if they need
// not, since there is a plan that was made under them. One that the server has made
// meanwhile, without asking us, goes.
int pin_plan(SPIPlanPtr plan, int generation)
{
	CachedPlanSource *source = plan_of(plan);
	bool is_planned = source->is_valid && source->gplan != nullptr && source->gplan->is_valid;

	if (is_planned && source->gplan->generation == generation)
		return 0;
	if (is_planned)
		ResetPlanCache();
	int level = NewGUCNestLevel();
	for (const auto &setting : plan_settings)
		(void) set_config_option(setting.name, setting.value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return level;
}

// Nulls as SPI takes them: a character an argument, 'n' for NULL.
void run(Plans *plans, Call call, Datum *arguments, const char *nulls = nullptr)
{
	auto *saved = &plans->saved[call];
	if (saved->plan == nullptr)
		*saved = {prepare(plans, &statements[call]), 0};
	int level = statements[call].by_index ? pin_plan(saved->plan, saved->generation) : 0;
	int result = SPI_execute_plan(saved->plan, arguments, nulls, false, 0);
	if (level > 0)
	{
		AtEOXact_GUC(false, level);
		saved->generation = plan_of(saved->plan)->generation;
	}
	if (result < 0)
		elog(ERROR, "could not run a statement: %s", SPI_result_code_string(result));
}

Datum first_row(int column, bool *is_null)
{
	if (SPI_processed == 0)
	{
		*is_null = true;
		return static_cast<Datum>(0);
	}
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, is_null);
}

bool first_uuid(int column, pg_uuid_t *uuid)
{
	bool is_null;
	Datum value = first_row(column, &is_null);

	if (!is_null)
		*uuid = *DatumGetUUIDP(value);
	return !is_null;
}

bool has_function(Plans *plans, const char *function, int count, const Oid *types)
{
	List *name = list_make2(makeString(NameStr(plans->name)), makeString(const_cast<char *>(function)));

	return OidIsValid(LookupFuncName(name, count, types, true));
}

TimestampTz first_time(int column)
{
	bool is_null;
	Datum value = first_row(column, &is_null);

	return is_null ? DT_NOEND : DatumGetTimestampTz(value);
}

} // namespace

// Plans are made anew after a schema was renamed. The old ones are left alone,
// for one of them may be running further up the stack.
Plans *plans_for(Oid schema)
{
	char *name = get_namespace_name(schema);
	bool found;

	if (name == nullptr)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_SCHEMA), errmsg("the schema of campaign_lifecycle does not exist"));
	if (plans_by_schema == nullptr)
	{
		HASHCTL control = {};

		control.keysize = sizeof(Oid);
		control.entrysize = sizeof(Plans);
		plans_by_schema = hash_create("campaign_lifecycle plans", 4, &control, HASH_ELEM | HASH_BLOBS);
	}
	Plans *plans = static_cast<Plans *>(hash_search(plans_by_schema, &schema, HASH_ENTER, &found));
	if (!found || strcmp(name, NameStr(plans->name)) != 0)
	{
		memset(plans->saved, 0, sizeof(plans->saved));
		namestrcpy(&plans->name, name);
	}
	pfree(name);
	return plans;
}

Oid schema_of(const Plans *plans)
{
	return plans->schema;
}

bool applies_here(Plans *plans)
{
	Oid types[] = {UUIDARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZOID};

	return has_function(plans, "_policy_changes", lengthof(types), types);
}

namespace {

// The rows that SPI has returned, locked.
void add_claimed(Claim *claim, MemoryContext keep)
{
	constexpr int column_count = 9;
	MemoryContext caller = MemoryContextSwitchTo(keep);
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
		// One without a key cannot be told from another.
		if (columns[0] == 0 || columns[2] == 0)
			continue;
		Timer *timer = &claim->timers[claim->count++];
		timer->id = *DatumGetUUIDP(columns[0]);
		timer->place = *reinterpret_cast<ItemPointer>(DatumGetPointer(columns[1]));
		timer->campaign = *DatumGetUUIDP(columns[2]);
		timer->campaign_place = *reinterpret_cast<ItemPointer>(DatumGetPointer(columns[3]));
		timer->type = PointerGetDatum(DatumGetTextPCopy(text_of(columns[4])));
		timer->state = PointerGetDatum(DatumGetTextPCopy(text_of(columns[5])));
		timer->scheduled_at = DatumGetTimestampTz(columns[6]);
		timer->by_policy = DatumGetBool(columns[7]);
		timer->retried = DatumGetBool(columns[8]);
	}
	MemoryContextSwitchTo(caller);
	SPI_freetuptable(SPI_tuptable);
}

// As 1.0 claims: ids alone.
Claim claimed_ids(TimestampTz since, MemoryContext keep)
{
	Claim claimed = {nullptr, 0, since};
	bool is_null;

	claimed.timers = static_cast<Timer *>(MemoryContextAllocZero(keep, sizeof(Timer) * (SPI_processed + 1)));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Datum id = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &is_null);

		if (!is_null)
			claimed.timers[claimed.count++].id = *DatumGetUUIDP(id);
	}
	Datum claimed_to = first_row(2, &is_null);
	if (!is_null)
		claimed.claimed_to = DatumGetTimestampTz(claimed_to);
	SPI_freetuptable(SPI_tuptable);
	return claimed;
}

} // namespace

namespace {

Claim claim_by_sql(Plans *plans, TimestampTz as_of, TimestampTz since, int most, ArrayType *only, MemoryContext keep)
{
	Datum arguments[] = {TimestampTzGetDatum(as_of), TimestampTzGetDatum(since), Int32GetDatum(most), PointerGetDatum(only)};

	run(plans, call_claim_by_sql, arguments, only == nullptr ? "   n" : nullptr);
	return claimed_ids(since, keep);
}

void claim_only(Plans *plans, Claim *claim, TimestampTz as_of, ArrayType *only, MemoryContext keep)
{
	Datum arguments[] = {PointerGetDatum(only), TimestampTzGetDatum(as_of), Int32GetDatum(guc::max_attempts)};

	run(plans, call_claim_only, arguments);
	add_claimed(claim, keep);
}

// Those that wait for their next attempt come first.
void claim_due(Plans *plans, Claim *claim, TimestampTz as_of, TimestampTz since, int most, MemoryContext keep)
{
	Datum arguments[] = {TimestampTzGetDatum(since), TimestampTzGetDatum(as_of), Int32GetDatum(most),
						 Int32GetDatum(guc::max_attempts)};

	run(plans, call_has_retries, arguments);
	if (SPI_processed > 0)
	{
		run(plans, call_claim_retries, arguments);
		add_claimed(claim, keep);
	}
	if (claim->count >= most)
		return;
	arguments[2] = Int32GetDatum(most - claim->count);
	run(plans, call_claim_pending, arguments);
	add_claimed(claim, keep);
}

} // namespace

Claim claim(Plans *plans, TimestampTz as_of, TimestampTz since, int most, ArrayType *only, MemoryContext keep)
{
	Claim claim = {nullptr, 0, as_of};

	if (!applies_here(plans))
		return claim_by_sql(plans, as_of, since, most, only, keep);
	if (only != nullptr)
		claim_only(plans, &claim, as_of, only, keep);
	else
		claim_due(plans, &claim, as_of, since, most, keep);
	if (claim.count < most)
		return claim;
	// What was tried before says nothing about how far the past is claimed.
	claim.claimed_to = since;
	for (int i = 0; i < claim.count; i++)
		if (!claim.timers[i].retried)
			claim.claimed_to = greatest(claim.claimed_to, claim.timers[i].scheduled_at);
	return claim;
}

Claim peek(Plans *plans, TimestampTz due, int most)
{
	Claim claim = {nullptr, 0, due};
	Datum arguments[] = {TimestampTzGetDatum(due), TimestampTzGetDatum(due), Int32GetDatum(most)};

	run(plans, call_peek, arguments);
	add_claimed(&claim, CurrentMemoryContext);
	return claim;
}

TimestampTz apply_by_sql(Plans *plans, ArrayType *timers, TimestampTz as_of)
{
	Datum arguments[] = {PointerGetDatum(timers), TimestampTzGetDatum(as_of)};

	run(plans, call_apply_by_sql, arguments);
	return first_time(1);
}

Row row_of(const Rows &rows, int index)
{
	bool is_null;
	HeapTuple tuple = rows.table->vals[index];
	Datum place = SPI_getbinval(tuple, rows.table->tupdesc, 1, &is_null);
	Datum state = SPI_getbinval(tuple, rows.table->tupdesc, 2, &is_null);

	return {tuple, rows.table->tupdesc, static_cast<int>(DatumGetInt64(place)) - 1, text_of(state)};
}

Datum value_of(const Row &row, const char *column, Oid type, bool *is_null)
{
	// The first two columns are ours.
	int place = columns::find_attnum(row.columns, 3, column, type);

	*is_null = place == 0;
	return place == 0 ? static_cast<Datum>(0) : SPI_getbinval(row.tuple, row.columns, place, is_null);
}

namespace {

// A place is another row's once a trigger has rewritten the table.
bool are_asked_for(const Rows &rows, Datum campaigns)
{
	const pg_uuid_t *asked = reinterpret_cast<const pg_uuid_t *>(ARR_DATA_PTR(DatumGetArrayTypeP(campaigns)));

	for (int i = 0; i < rows.count; i++)
	{
		Row row = row_of(rows, i);
		bool is_null;
		Datum id = value_of(row, "id", UUIDOID, &is_null);

		if (is_null || memcmp(DatumGetUUIDP(id), &asked[row.place], UUID_LEN) != 0)
			return false;
	}
	return true;
}

} // namespace

Rows campaigns_at(Plans *plans, Datum campaigns, Datum places, int count)
{
	Datum arguments[] = {places != 0 ? places : campaigns};

	run(plans, places != 0 ? call_campaigns_by_place : call_campaigns_by_id, arguments);
	Rows rows = {SPI_tuptable, static_cast<int>(SPI_processed)};
	// A trigger has moved one since.
	if (places != 0 && (rows.count < count || !are_asked_for(rows, campaigns)))
		return campaigns_at(plans, campaigns, 0, count);
	return rows;
}

namespace {

// A column of the row that SPI has returned; 0 for NULL.
Datum column_of(int row, int column)
{
	bool is_null;
	Datum value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &is_null);

	return is_null ? static_cast<Datum>(0) : value;
}

char *words(Datum value)
{
	return value != 0 ? TextDatumGetCString(value) : nullptr;
}

} // namespace

PendingTimer *pending_timers_of(Plans *plans, Datum campaigns, int *count)
{
	Datum arguments[] = {campaigns};

	run(plans, call_waiting_timers, arguments);
	PendingTimer *timers =
		static_cast<PendingTimer *>(palloc_extended(sizeof(PendingTimer) * (SPI_processed + 1), MCXT_ALLOC_HUGE));
	*count = 0;
	for (int i = 0; i < static_cast<int>(SPI_processed); i++)
	{
		Datum id = column_of(i, 2);
		Datum campaign = column_of(i, 3);
		Datum at = column_of(i, 4);

		if (id == 0 || campaign == 0 || at == 0)
			continue;
		timers[(*count)++] = {
			static_cast<int>(DatumGetInt64(column_of(i, 1))) - 1,
			*DatumGetUUIDP(id),
			*DatumGetUUIDP(campaign),
			*reinterpret_cast<ItemPointer>(DatumGetPointer(at)),
			text_of(column_of(i, 5)),
			DatumGetTimestampTz(column_of(i, 6)),
			DatumGetBool(column_of(i, 7)),
			DatumGetBool(column_of(i, 8)),
			DatumGetBool(column_of(i, 9)),
		};
	}
	return timers;
}

Policy *policies(Plans *plans, int *count)
{
	run(plans, call_policies, nullptr);
	*count = static_cast<int>(SPI_processed);
	Policy *found = static_cast<Policy *>(palloc(sizeof(Policy) * (*count + 1)));
	for (int i = 0; i < *count; i++)
		found[i] = {column_of(i, 1), column_of(i, 2), words(column_of(i, 3)), DatumGetIntervalP(column_of(i, 4)),
					words(column_of(i, 5))};
	return found;
}

Transition *transitions(Plans *plans, int *count)
{
	run(plans, call_ways, nullptr);
	*count = static_cast<int>(SPI_processed);
	Transition *found = static_cast<Transition *>(palloc(sizeof(Transition) * (*count + 1)));
	for (int i = 0; i < *count; i++)
		found[i] = {column_of(i, 1), column_of(i, 2), column_of(i, 3)};
	return found;
}

int postponed(Plans *plans, Datum timers, TimestampTz as_of)
{
	bool is_null;
	Datum arguments[] = {timers, TimestampTzGetDatum(as_of)};

	run(plans, call_put_off, arguments);
	return DatumGetInt32(first_row(1, &is_null));
}

void notify_timers(Plans *plans, const char *event, Datum campaigns, Datum timers, Datum types)
{
	Datum arguments[] = {CStringGetTextDatum(event), campaigns, timers, types};

	run(plans, call_notify_timers, arguments);
}

void fail(Plans *plans, const pg_uuid_t *timer, TimestampTz as_of, const ErrorData *error)
{
	Datum arguments[] = {UUIDPGetDatum(timer), TimestampTzGetDatum(as_of),
						 CStringGetTextDatum(unpack_sql_state(error->sqlerrcode)),
						 CStringGetTextDatum(error->message != nullptr ? error->message : "")};

	run(plans, call_fail, arguments);
}

TimestampTz next_due(Plans *plans, TimestampTz since)
{
	Datum arguments[] = {TimestampTzGetDatum(since), Int32GetDatum(guc::max_attempts)};

	run(plans, call_next_due, arguments);
	return first_time(1);
}

bool has_upkeep(Plans *plans)
{
	Oid types[] = {TIMESTAMPTZOID, TIMESTAMPTZOID};

	return has_function(plans, "_due_upkeep", lengthof(types), types);
}

int due_upkeep(Plans *plans, TimestampTz as_of, TimestampTz since, char ***jobs, TimestampTz *next_at, MemoryContext keep)
{
	Datum arguments[] = {TimestampTzGetDatum(as_of), TimestampTzGetDatum(since)};
	bool is_null;
	Datum *names;
	int count;

	run(plans, call_due_upkeep, arguments, since == DT_NOBEGIN ? " n" : nullptr);
	*next_at = first_time(2);
	Datum due = first_row(1, &is_null);
	if (is_null)
		return 0;
	MemoryContext before = MemoryContextSwitchTo(keep);
	deconstruct_array(DatumGetArrayTypeP(due), TEXTOID, -1, false, TYPALIGN_INT, &names, nullptr, &count);
	*jobs = static_cast<char **>(palloc(sizeof(char *) * count));
	for (int i = 0; i < count; i++)
		(*jobs)[i] = TextDatumGetCString(names[i]);
	MemoryContextSwitchTo(before);
	return count;
}

bool run_upkeep_step(Plans *plans, const char *job, TimestampTz as_of)
{
	Datum arguments[] = {CStringGetTextDatum(job), TimestampTzGetDatum(as_of)};
	bool is_null;

	run(plans, call_run_upkeep_step, arguments);
	Datum more = first_row(1, &is_null);
	return !is_null && DatumGetBool(more);
}

void upkeep_failed(Plans *plans, const char *job, TimestampTz as_of, const ErrorData *error)
{
	Datum arguments[] = {CStringGetTextDatum(job), TimestampTzGetDatum(as_of),
						 CStringGetTextDatum(unpack_sql_state(error->sqlerrcode)),
						 CStringGetTextDatum(error->message != nullptr ? error->message : "")};

	run(plans, call_upkeep_failed, arguments);
}

bool find_illegal_transition(Plans *plans, Datum from, Datum to, char **from_state, char **to_state)
{
	Datum arguments[] = {from, to};

	run(plans, call_illegal_move, arguments);
	if (SPI_processed == 0)
		return false;
	*from_state = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	*to_state = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);
	return true;
}

char *next_states(Plans *plans, Datum state)
{
	bool is_null;
	Datum arguments[] = {state};

	run(plans, call_next_states, arguments);
	Datum states = first_row(1, &is_null);
	return is_null ? nullptr : TextDatumGetCString(states);
}

bool is_in_terminal_state(Plans *plans, Datum campaign)
{
	Datum arguments[] = {campaign};

	run(plans, call_has_ended, arguments);
	return SPI_processed > 0;
}

void write_log(Plans *plans, const LogColumns &rows)
{
	Datum arguments[] = {rows.ids, rows.campaigns, rows.from, rows.to, rows.events, rows.metadata, rows.stamps};

	run(plans, call_write_log, arguments);
}

void notify_moves(Plans *plans, const LogColumns &rows)
{
	Datum arguments[] = {rows.campaigns, rows.from, rows.to};

	run(plans, call_notify_moves, arguments);
}

Datum array_of(Datum *values, bool *nulls, int count, Oid type)
{
	int dimensions[1] = {count};
	int lower_bounds[1] = {1};
	int16 length;
	bool by_value;
	char alignment;

	get_typlenbyvalalign(type, &length, &by_value, &alignment);
	return PointerGetDatum(construct_md_array(values, nulls, 1, dimensions, lower_bounds, type, length, by_value, alignment));
}

bool has_marked_way(Plans *plans)
{
	Oid types[] = {TIMESTAMPTZOID, TIMESTAMPTZOID};

	return has_function(plans, "_marked_due", lengthof(types), types);
}

bool single_timer_due(Plans *plans, TimestampTz as_of, TimestampTz since)
{
	bool is_null;
	Datum arguments[] = {TimestampTzGetDatum(since), TimestampTzGetDatum(as_of), Int32GetDatum(guc::max_attempts)};

	run(plans, call_marked_due, arguments);
	Datum due = first_row(1, &is_null);
	return !is_null && DatumGetBool(due);
}

bool claim_single_timer(Plans *plans, TimestampTz as_of, TimestampTz since, ArrayType *passed, pg_uuid_t *timer)
{
	Datum arguments[] = {TimestampTzGetDatum(as_of), TimestampTzGetDatum(since), BoolGetDatum(false), PointerGetDatum(passed)};

	run(plans, call_claim_marked, arguments);
	return first_uuid(1, timer);
}

bool start_single_timer(Plans *plans, TimestampTz as_of, TimestampTz due_by, TimestampTz since, bool everything,
						ArrayType *passed, pg_uuid_t *timer)
{
	Datum arguments[] = {TimestampTzGetDatum(as_of), TimestampTzGetDatum(due_by), TimestampTzGetDatum(since),
						 BoolGetDatum(everything), PointerGetDatum(passed)};

	run(plans, call_start_marked, arguments);
	return first_uuid(1, timer);
}

Claim lock_single_timer(Plans *plans, const pg_uuid_t *timer, bool marked, MemoryContext keep)
{
	Datum arguments[] = {UUIDPGetDatum(timer), BoolGetDatum(marked)};

	run(plans, call_lock_marked, arguments);
	Claim claim = {nullptr, 0, DT_NOBEGIN};
	add_claimed(&claim, keep);
	return claim;
}

bool complete_single_timer(Plans *plans, const pg_uuid_t *timer, Datum result, TimestampTz done_at, int took_ms)
{
	Datum arguments[] = {UUIDPGetDatum(timer), result, TimestampTzGetDatum(done_at), Int32GetDatum(took_ms)};
	bool is_null;

	run(plans, call_complete_marked, arguments);
	return DatumGetBool(first_row(1, &is_null));
}

Attempt handler_of(Plans *plans, const pg_uuid_t *timer, TimestampTz as_of)
{
	Attempt attempt = {};
	bool is_null;
	Datum arguments[] = {UUIDPGetDatum(timer), TimestampTzGetDatum(as_of)};

	run(plans, call_handler_of, arguments);
	Datum handler = first_row(1, &is_null);
	if (is_null)
		return attempt;
	attempt.handler = DatumGetObjectId(handler);
	attempt.handler_owner = DatumGetObjectId(first_row(2, &is_null));
	attempt.timeout_ms = DatumGetInt32(first_row(3, &is_null));
	first_uuid(4, &attempt.campaign);
	Datum payload = first_row(5, &is_null);
	attempt.payload =
		is_null ? DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")) : PointerGetDatum(PG_DETOAST_DATUM_COPY(payload));
	return attempt;
}

void record_handler(Plans *plans, const pg_uuid_t *timer, TimestampTz as_of, Datum result, bool is_null)
{
	Datum arguments[] = {UUIDPGetDatum(timer), TimestampTzGetDatum(as_of), result};

	run(plans, call_record_handler, arguments, is_null ? "  n" : nullptr);
}

void fail_single_timer(Plans *plans, const pg_uuid_t *timer, TimestampTz as_of, const ErrorData *error)
{
	Datum arguments[] = {UUIDPGetDatum(timer), TimestampTzGetDatum(as_of),
						 CStringGetTextDatum(unpack_sql_state(error->sqlerrcode)),
						 CStringGetTextDatum(error->message != nullptr ? error->message : "")};

	run(plans, call_fail_marked, arguments);
}

void release_single_timer(Plans *plans, const pg_uuid_t *timer)
{
	Datum arguments[] = {UUIDPGetDatum(timer)};

	run(plans, call_release_marked, arguments);
}

int recover_lost(Plans *plans, TimestampTz as_of)
{
	bool is_null;
	Datum arguments[] = {TimestampTzGetDatum(as_of)};

	run(plans, call_recover_lost, arguments);
	return static_cast<int>(DatumGetInt64(first_row(1, &is_null)));
}

void table_health(Plans *plans, TimestampTz as_of)
{
	Datum arguments[] = {TimestampTzGetDatum(as_of)};

	run(plans, call_table_health, arguments);
}

void maintenance(Plans *plans)
{
	run(plans, call_maintenance, nullptr);
}

int64 upkeep(Plans *plans, const char *verb, Datum *arguments, const char *nulls)
{
	constexpr struct
	{
		const char *verb;
		Call call;
	} known[] = {
		{"create_monthly_partitions", call_create_partitions},
		{"archive_old_state_logs", call_archive},
		{"cleanup_timer_executions", call_cleanup},
		{"upgrade_campaign_tables", call_bring_up},
		{"cleanup_finished_timers", call_cleanup_timers},
		{"cleanup_metrics", call_cleanup_metrics},
		{"refresh_if_changed", call_refresh},
		{"set_cron_database", call_set_cron_database},
	};

	for (const auto &candidate : known)
	{
		bool is_null;

		if (strcmp(verb, candidate.verb) != 0)
			continue;
		run(plans, candidate.call, arguments, nulls);
		Datum count = first_row(1, &is_null);
		return is_null ? 0 : DatumGetInt64(count);
	}
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("no upkeep of this name: %s", verb));
	pg_unreachable();
}

void fire_deferred(Plans *plans)
{
	run(plans, call_fire_deferred, nullptr);
}

void reset_constraints(Plans *plans)
{
	run(plans, call_reset_constraints, nullptr);
}

char *session_traces(Plans *plans, bool prepared)
{
	Datum arguments[] = {BoolGetDatum(prepared)};

	run(plans, call_session_traces, arguments);
	return SPI_processed > 0 ? SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1) : nullptr;
}

ObjectAddresses *temporary_objects(Plans *plans, Datum except, Datum *oids)
{
	bool is_null;
	Datum arguments[] = {except};

	run(plans, call_temporary_objects, arguments);
	ObjectAddresses *objects = new_object_addresses();
	Datum *found = static_cast<Datum *>(palloc(sizeof(Datum) * greatest(SPI_processed, 1)));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple row = SPI_tuptable->vals[i];
		ObjectAddress object = {};

		object.classId = DatumGetObjectId(SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &is_null));
		object.objectId = DatumGetObjectId(SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &is_null));
		add_exact_object_address(&object, objects);
		found[i] = ObjectIdGetDatum(object.objectId);
	}
	*oids = array_of(found, nullptr, static_cast<int>(SPI_processed), OIDOID);
	return objects;
}

ArrayType *uuid_array(const pg_uuid_t *ids, int count)
{
	Datum *values = static_cast<Datum *>(palloc(sizeof(Datum) * count));

	for (int i = 0; i < count; i++)
		values[i] = UUIDPGetDatum(&ids[i]);
	return DatumGetArrayTypeP(array_of(values, nullptr, count, UUIDOID));
}

} // namespace statements
