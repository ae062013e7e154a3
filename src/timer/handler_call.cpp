// Calls a handler with the privileges of the role that registered it. Triggers that the tables' owner has deferred
// fire before the call. Triggers that the handler has deferred fire before the switch back. Its settings and
// temporary objects are removed afterwards.
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
constexpr int max_cancels = 5; // a handler that ignores more of them ends the worker

// The timeout of the running handler.
struct HandlerTimeout
{
	int ms;
	bool registered;
	bool running;
	TimeoutId id;
	bool ends_process;
	volatile sig_atomic_t cancels;
};

HandlerTimeout handler_timeout;

// Raise a cancel request. It runs in the signal handler, and again at intervals, because a handler may catch the error.
void on_timeout() noexcept
{
	handler_timeout.cancels = handler_timeout.cancels + 1;
	if (handler_timeout.ends_process && handler_timeout.cancels > max_cancels)
		ProcDiePending = true;
	else
		QueryCancelPending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
}

void start_timeout(int ms, bool ends_process)
{
	if (!handler_timeout.registered)
		handler_timeout.id = RegisterTimeout(USER_TIMEOUT, on_timeout);
	handler_timeout.registered = true;
	handler_timeout.running = true;
	handler_timeout.ms = ms;
	handler_timeout.ends_process = ends_process;
	handler_timeout.cancels = 0;
	enable_timeout_every(handler_timeout.id, GetCurrentTimestamp() + static_cast<int64>(ms) * 1000, cancel_again_ms);
}

void stop_timeout()
{
	disable_timeout(handler_timeout.id, false);
	handler_timeout.running = false;
	// A cancel request that nothing has processed must not cancel the next statement.
	if (handler_timeout.cancels > 0)
		QueryCancelPending = false;
}

bool is_timed_out()
{
	return handler_timeout.cancels > 0;
}

// The call that a timer needs. handler is InvalidOid if there is no handler.
struct HandlerCall
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

// Run user code as a role with settings of its own. It does not see the settings of the session, and the session does
// not see what it sets. After an ERROR, the abort of the transaction or subtransaction restores user and settings.
template <typename F> void run_confined(Oid role, int context_flags, F body)
{
	Oid user;
	int context;

	GetUserIdAndSecContext(&user, &context);
	int level = NewGUCNestLevel();
	set_for_handler("search_path", "pg_catalog, pg_temp");
	// The worker has it off, so that a row-level security policy on the campaign tables cannot hide timers.
	set_for_handler("row_security", "on");
	set_for_handler("campaign_lifecycle.changed_by", GetUserNameFromId(role, false));
	SetUserIdAndSecContext(role, context | context_flags);
	body();
	SetUserIdAndSecContext(user, context);
	AtEOXact_GUC(false, level);
}

// Call the handler with a snapshot of its own. Return a detoasted copy of its result in result_cxt.
Datum call_function(const HandlerCall &call, const pg_uuid_t *timer, MemoryContext result_cxt, bool *is_null)
{
	LOCAL_FCINFO(fcinfo, 3);
	FmgrInfo function;

	fmgr_info(call.handler, &function);
	InitFunctionCallInfoData(*fcinfo, &function, 3, DEFAULT_COLLATION_OID, nullptr, nullptr);
	fcinfo->args[0] = {UUIDPGetDatum(&call.campaign), false};
	fcinfo->args[1] = {UUIDPGetDatum(timer), false};
	fcinfo->args[2] = {call.payload, false};
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	// The executor calls this hook, too; extensions that audit function calls then see this one.
	InvokeFunctionExecuteHook(call.handler);
	Datum result = FunctionCallInvoke(fcinfo);
	*is_null = fcinfo->isnull;
	if (!*is_null)
	{
		MemoryContext oldcontext = MemoryContextSwitchTo(result_cxt);

		result = PointerGetDatum(PG_DETOAST_DATUM_COPY(result));
		MemoryContextSwitchTo(oldcontext);
	}
	PopActiveSnapshot();
	CommandCounterIncrement();
	return result;
}

// Raise the error of an expired timeout.
[[noreturn]] void raise_timeout()
{
	ereport(ERROR, errcode(ERRCODE_QUERY_CANCELED), errmsg("handler took longer than %d ms", handler_timeout.ms),
			errhint("Give register_handler() a longer timeout, or raise campaign_lifecycle.handler_timeout."));
	pg_unreachable();
}

// Return the handler of the timer's type and its arguments.
HandlerCall find_handler(spi_query::Schema *schema, const pg_uuid_t *timer, TimestampTz as_of)
{
	HandlerCall call = {};
	bool is_null;
	Datum arguments[] = {UUIDPGetDatum(timer), TimestampTzGetDatum(as_of)};

	spi_query::run(schema, handler_query, arguments);
	Datum handler = spi_query::first_value(1, &is_null);
	if (is_null)
		return call;
	call.handler = DatumGetObjectId(handler);
	call.handler_owner = DatumGetObjectId(spi_query::first_value(2, &is_null));
	call.timeout_ms = DatumGetInt32(spi_query::first_value(3, &is_null));
	spi_query::first_uuid(4, &call.campaign);
	Datum payload = spi_query::first_value(5, &is_null);
	call.payload =
		is_null ? DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")) : PointerGetDatum(PG_DETOAST_DATUM_COPY(payload));
	return call;
}

void record_result(spi_query::Schema *schema, const pg_uuid_t *timer, TimestampTz as_of, Datum result, bool is_null)
{
	Datum arguments[] = {UUIDPGetDatum(timer), TimestampTzGetDatum(as_of), result};

	spi_query::run(schema, record_result_query, arguments, is_null ? "  n" : nullptr);
}

// Call the handler between two checks of the session, and record its result. The worker does not check prepared
// statements, because it drops all of them after each handler.
void call_handler(spi_query::Schema *schema, const HandlerCall &call, const pg_uuid_t *timer, TimestampTz as_of, bool in_worker)
{
	MemoryContext result_cxt = CurrentMemoryContext;
	bool is_null = true;
	Datum result = static_cast<Datum>(0);

	session_guard::fire_deferred(schema);
	session_guard::reset_constraints(schema);
	session_guard::SessionSnapshot snapshot = session_guard::capture(schema, !in_worker);
	if (in_worker)
		pgstat_report_activity(STATE_RUNNING, psprintf("campaign_lifecycle: handler %s", format_procedure(call.handler)));

	start_timeout(call.timeout_ms, in_worker);
	run_confined(call.handler_owner, SECURITY_LOCAL_USERID_CHANGE,
				 [&] { result = call_function(call, timer, result_cxt, &is_null); });
	session_guard::check(schema, snapshot);
	run_confined(call.handler_owner, SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION,
				 [&] { session_guard::fire_deferred(schema); });
	session_guard::cleanup(schema, &snapshot);
	stop_timeout();
	if (is_timed_out())
		raise_timeout();
	record_result(schema, timer, as_of, result, is_null);
}

} // namespace

void run(spi_query::Schema *schema, const pg_uuid_t *timer, TimestampTz as_of, bool in_worker)
{
	HandlerCall call = find_handler(schema, timer, as_of);

	if (OidIsValid(call.handler))
		call_handler(schema, call, timer, as_of, in_worker);
}

bool is_running()
{
	return handler_timeout.running;
}

void reset_timeout()
{
	handler_timeout.cancels = 0;
}

bool end_timeout()
{
	if (handler_timeout.registered)
		stop_timeout();
	return is_timed_out();
}

char *timeout_message()
{
	return psprintf("handler took longer than %d ms", handler_timeout.ms);
}

} // namespace handler_call
