// Calls a handler with the privileges of the role that registered it. Triggers that the tables' owner has deferred fire before the call.
// Triggers that the handler has deferred fire before we switch back. Its settings, temporary objects and cursors are removed afterwards.
#include "timer/handler_call.hpp"

#include "pg/session_guard.hpp"

namespace handler_call {

namespace {

constexpr spi_query::Query handler_query = {
	R"(SELECT f.handler, f.handler_owner, f.timeout_ms, f.campaign_id, f.payload FROM campaign_lifecycle_internal._handler_of($1, $2) AS f)",
	2,
	{UUIDOID, TIMESTAMPTZOID}};

constexpr spi_query::Query record_result_query = {
	R"(SELECT campaign_lifecycle_internal._record_handler($1, $2, $3))", 3, {UUIDOID, TIMESTAMPTZOID, JSONBOID}};

constexpr int cancel_again_ms = 1000;
constexpr int max_cancels = 5; // a handler that ignores so many takes the worker along

// What the alarm has done to the handler that runs.
struct Watch
{
	int ms;
	bool registered;
	bool running;
	TimeoutId id;
	bool ends_process;
	volatile sig_atomic_t cancels;
};

Watch watch;

// In the signal handler: as a cancel request of the user's, again and again
// while the handler catches it.
void on_alarm() noexcept
{
	watch.cancels = watch.cancels + 1;
	if (watch.ends_process && watch.cancels > max_cancels)
		ProcDiePending = true;
	else
		QueryCancelPending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
}

void start_alarm(int ms, bool ends_process)
{
	if (!watch.registered)
		watch.id = RegisterTimeout(USER_TIMEOUT, on_alarm);
	watch.registered = true;
	watch.running = true;
	watch.ms = ms;
	watch.ends_process = ends_process;
	watch.cancels = 0;
	enable_timeout_every(watch.id, GetCurrentTimestamp() + static_cast<int64>(ms) * 1000, cancel_again_ms);
}

void stop_alarm()
{
	disable_timeout(watch.id, false);
	watch.running = false;
	// One that came too late to be noticed must not cancel what comes next.
	if (watch.cancels > 0)
		QueryCancelPending = false;
}

bool is_timed_out()
{
	return watch.cancels > 0;
}

// The call that is left to do of a timer; without a handler there is none.
struct Attempt
{
	Oid handler;
	Oid handler_owner;
	int timeout_ms;
	pg_uuid_t campaign;
	Datum payload;
};

void set_for_handler(const char *name, const char *value)
{
	set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

// User code, as a role, in settings of its own: neither those of the session nor
// what it sets itself are seen on the other side. An ERROR leaves it to the
// abort of the subtransaction or transaction to put all of this back.
template <typename F> void confined(Oid role, int context_flags, F body)
{
	Oid user;
	int context;

	GetUserIdAndSecContext(&user, &context);
	int level = NewGUCNestLevel();
	set_for_handler("search_path", "pg_catalog, pg_temp");
	// For the worker it is off, so that a policy on the campaign tables cannot hide timers.
	set_for_handler("row_security", "on");
	set_for_handler("campaign_lifecycle.changed_by", GetUserNameFromId(role, false));
	SetUserIdAndSecContext(role, context | context_flags);
	body();
	SetUserIdAndSecContext(user, context);
	AtEOXact_GUC(false, level);
}

Datum call_function(const Attempt &attempt, const pg_uuid_t *timer, MemoryContext keep, bool *is_null)
{
	LOCAL_FCINFO(fcinfo, 3);
	FmgrInfo function;

	fmgr_info(attempt.handler, &function);
	InitFunctionCallInfoData(*fcinfo, &function, 3, DEFAULT_COLLATION_OID, nullptr, nullptr);
	fcinfo->args[0] = {UUIDPGetDatum(&attempt.campaign), false};
	fcinfo->args[1] = {UUIDPGetDatum(timer), false};
	fcinfo->args[2] = {attempt.payload, false};
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	Datum result = FunctionCallInvoke(fcinfo);
	*is_null = fcinfo->isnull;
	if (!*is_null)
	{
		MemoryContext before = MemoryContextSwitchTo(keep);

		result = PointerGetDatum(PG_DETOAST_DATUM_COPY(result));
		MemoryContextSwitchTo(before);
	}
	PopActiveSnapshot();
	CommandCounterIncrement();
	return result;
}

[[noreturn]] void raise_timeout()
{
	ereport(ERROR, errcode(ERRCODE_QUERY_CANCELED), errmsg("handler took longer than %d ms", watch.ms),
			errhint("Give register_handler() a longer timeout, or raise campaign_lifecycle.handler_timeout."));
	pg_unreachable();
}

Attempt find_handler(spi_query::Schema *schema, const pg_uuid_t *timer, TimestampTz as_of)
{
	Attempt attempt = {};
	bool is_null;
	Datum arguments[] = {UUIDPGetDatum(timer), TimestampTzGetDatum(as_of)};

	spi_query::run(schema, handler_query, arguments);
	Datum handler = spi_query::first_value(1, &is_null);
	if (is_null)
		return attempt;
	attempt.handler = DatumGetObjectId(handler);
	attempt.handler_owner = DatumGetObjectId(spi_query::first_value(2, &is_null));
	attempt.timeout_ms = DatumGetInt32(spi_query::first_value(3, &is_null));
	spi_query::first_uuid(4, &attempt.campaign);
	Datum payload = spi_query::first_value(5, &is_null);
	attempt.payload =
		is_null ? DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")) : PointerGetDatum(PG_DETOAST_DATUM_COPY(payload));
	return attempt;
}

void record_result(spi_query::Schema *schema, const pg_uuid_t *timer, TimestampTz as_of, Datum result, bool is_null)
{
	Datum arguments[] = {UUIDPGetDatum(timer), TimestampTzGetDatum(as_of), result};

	spi_query::run(schema, record_result_query, arguments, is_null ? "  n" : nullptr);
}

// Prepared statements do not count in the worker, which drops all of them after each handler.
void call_handler(spi_query::Schema *schema, const Attempt &attempt, const pg_uuid_t *timer, TimestampTz as_of, bool in_worker)
{
	MemoryContext keep = CurrentMemoryContext;
	bool is_null = true;
	Datum result = static_cast<Datum>(0);

	session_guard::fire_deferred(schema);
	session_guard::reset_constraints(schema);
	session_guard::SessionSnapshot before = session_guard::capture(schema, !in_worker);
	if (in_worker)
		pgstat_report_activity(STATE_RUNNING, psprintf("campaign_lifecycle: handler %s", format_procedure(attempt.handler)));

	start_alarm(attempt.timeout_ms, in_worker);
	confined(attempt.handler_owner, SECURITY_LOCAL_USERID_CHANGE,
			 [&] { result = call_function(attempt, timer, keep, &is_null); });
	session_guard::check(schema, before);
	confined(attempt.handler_owner, SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION,
			 [&] { session_guard::fire_deferred(schema); });
	session_guard::cleanup(schema, &before);
	stop_alarm();
	if (is_timed_out())
		raise_timeout();
	record_result(schema, timer, as_of, result, is_null);
}

} // namespace

void run(spi_query::Schema *schema, const pg_uuid_t *timer, TimestampTz as_of, bool in_worker)
{
	Attempt attempt = find_handler(schema, timer, as_of);

	if (OidIsValid(attempt.handler))
		call_handler(schema, attempt, timer, as_of, in_worker);
}

bool is_running()
{
	return watch.running;
}

void reset_timeout()
{
	watch.cancels = 0;
}

bool end_timeout()
{
	if (watch.registered)
		stop_alarm();
	return is_timed_out();
}

char *timeout_message()
{
	return psprintf("handler took longer than %d ms", watch.ms);
}

} // namespace handler_call
