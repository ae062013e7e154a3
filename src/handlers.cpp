// The way of a timer that may take long or die. The worker marks it, which is
// committed and seen by all, and holds a lock as a process for as long as the
// mark is its own; a second transaction makes the move and calls the handler; a
// third one records the error, if any. User code runs here with the rights of
// the role that registered it, between two walls: what the tables' owner has
// deferred fires before it, what the handler has deferred fires before the owner
// comes back, and its settings, temporary objects and cursors do not outlive it.
#include "handlers.hpp"

#include "apply.hpp"
#include "bracket.hpp"
#include "extension.hpp"
#include "leftovers.hpp"
#include "rows.hpp"

namespace handlers {

namespace {

using extension::Presence;

constexpr int cancel_again_ms = 1000;
constexpr int most_cancels = 5; // a handler that ignores so many takes the worker along
constexpr uint16 lock_kind = 3; // 1 and 2 are those of SQL's advisory locks

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
	if (watch.ends_process && watch.cancels > most_cancels)
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

LOCKTAG lock_of(const pg_uuid_t *timer)
{
	LOCKTAG tag;
	uint64 hash = DatumGetUInt64(hash_any_extended(timer->data, UUID_LEN, 0));

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, static_cast<uint32>(hash >> 32), static_cast<uint32>(hash), lock_kind);
	return tag;
}

bool hold(const pg_uuid_t *timer)
{
	LOCKTAG tag = lock_of(timer);

	return LockAcquire(&tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL;
}

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

Datum call_function(const statements::Attempt &attempt, const pg_uuid_t *timer, MemoryContext keep, bool *is_null)
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
	// As the executor would: extensions that audit function calls see this one.
	InvokeFunctionExecuteHook(attempt.handler);
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

// (Prepared statements a worker forgets after each handler.)
void call_handler(statements::Plans *plans, const statements::Attempt &attempt, const pg_uuid_t *timer, TimestampTz as_of,
				  bool in_worker)
{
	MemoryContext keep = CurrentMemoryContext;
	bool is_null = true;
	Datum result = static_cast<Datum>(0);

	statements::fire_deferred(plans);
	statements::reset_constraints(plans);
	leftovers::Before before = leftovers::look(plans, !in_worker);
	if (in_worker)
		pgstat_report_activity(STATE_RUNNING, psprintf("campaign_lifecycle: handler %s", format_procedure(attempt.handler)));

	start_alarm(attempt.timeout_ms, in_worker);
	confined(attempt.handler_owner, SECURITY_LOCAL_USERID_CHANGE,
			 [&] { result = call_function(attempt, timer, keep, &is_null); });
	leftovers::refuse(plans, before);
	confined(attempt.handler_owner, SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION,
			 [&] { statements::fire_deferred(plans); });
	leftovers::drop(plans, &before);
	stop_alarm();
	if (is_timed_out())
		raise_timeout();
	statements::record_handler(plans, timer, as_of, result, is_null);
}

// The move and the handler, both or neither.
TimestampTz run_attempt(statements::Plans *plans, const pg_uuid_t *timer, TimestampTz as_of, bool marked)
{
	statements::Claim claimed = statements::lock_marked(plans, timer, marked, CurrentMemoryContext);

	if (claimed.count == 0)
		return DT_NOEND;
	TimestampTz follow_up = apply::run(plans, &claimed, as_of, marked).follow_up;
	statements::Attempt attempt = statements::handler_of(plans, timer, as_of);
	if (OidIsValid(attempt.handler))
		call_handler(plans, attempt, timer, as_of, marked);
	return follow_up;
}

// An error of the attempt. Our own timeout is a failure of the timer; a cancel
// request of somebody else's is not.
bool is_failure(ErrorData *error)
{
	if (!is_timed_out() || error->sqlerrcode != ERRCODE_QUERY_CANCELED)
		return !bracket::is_transient(error);
	error->message = psprintf("handler took longer than %d ms", watch.ms);
	return true;
}

// A batch that has begun is finished also if timers are paused meanwhile.
bool arrive(extension::Site *site, bool begins)
{
	*site = extension::enter();
	if (site->presence != Presence::ready && (begins || site->presence != Presence::paused))
		return false;
	bracket::become(site->owner);
	return true;
}

// What a handler may have left in the session of the worker.
void clean_session()
{
	DropAllPreparedStatements();
	ResetSequenceCaches();
	// The mark's own lock among them.
	LockReleaseSession(USER_LOCKMETHOD);
}

// If this fails, the mark stays and is found by recover_lost().
ErrorData *settle(const pg_uuid_t *timer, const ErrorData *cause, bool is_failure)
{
	return bracket::in_transaction([&] {
		extension::Site site;

		if (!arrive(&site, false))
			return;
		if (is_failure)
			statements::fail_marked(site.plans, timer, GetCurrentTimestamp(), cause);
		else
			statements::release_marked(site.plans, timer);
	});
}

void pass(Passed *passed, const pg_uuid_t &timer)
{
	if (passed->count < Passed::most)
		passed->timers[passed->count++] = timer;
}

} // namespace

Result take(const Order &order, Passed *passed)
{
	Result result = {Outcome::none, DT_NOEND, nullptr};
	TimestampTz as_of = GetCurrentTimestamp();
	pg_uuid_t timer = {};
	bool found = false;

	watch.cancels = 0;
	result.error = bracket::in_transaction([&] {
		extension::Site site;

		if (!arrive(&site, true))
			return;
		rows::refuse_policies(statements::schema_of(site.plans));
		found = statements::start_marked(site.plans, as_of, Min(order.due_by, as_of), order.since, order.everything,
										 statements::uuid_array(passed->timers, passed->count), &timer);
		if (found && !hold(&timer))
			ereport(ERROR, errcode(ERRCODE_LOCK_NOT_AVAILABLE), errmsg("another process still has the mark of this timer"));
	});
	if (result.error != nullptr || !found)
	{
		LockReleaseSession(USER_LOCKMETHOD);
		return result;
	}
	result.outcome = Outcome::succeeded;
	result.error = bracket::in_transaction([&] {
		extension::Site site;

		if (!arrive(&site, false))
			ereport(ERROR, errcode(ERRCODE_LOCK_NOT_AVAILABLE), errmsg("the extension is being changed"));
		result.follow_up = run_attempt(site.plans, &timer, as_of, true);
	});
	if (result.error != nullptr)
	{
		if (watch.registered)
			stop_alarm();
		bool failed = is_failure(result.error);
		ErrorData *error = settle(&timer, result.error, failed);

		result.outcome = failed && error == nullptr ? Outcome::failed : Outcome::left;
		result.follow_up = DT_NOEND;
		if (error != nullptr)
			result.error = error;
	}
	if (result.outcome == Outcome::left)
		pass(passed, timer);
	clean_session();
	return result;
}

bool is_running()
{
	return watch.running;
}

Remains recover_lost()
{
	Remains remains = {};

	remains.error = bracket::in_transaction([&] {
		extension::Site site;

		bool arrived = arrive(&site, true);

		remains.presence = site.presence;
		remains.is_ready = arrived && statements::has_marked_way(site.plans);
		if (remains.is_ready)
			remains.lost = statements::recover_lost(site.plans, GetCurrentTimestamp());
	});
	return remains;
}

Result take_here(statements::Plans *plans, TimestampTz as_of, TimestampTz since, Passed *passed)
{
	Result result = {Outcome::none, DT_NOEND, nullptr};
	pg_uuid_t timer = {};

	watch.cancels = 0;
	if (!statements::claim_marked(plans, as_of, since, statements::uuid_array(passed->timers, passed->count), &timer))
		return result;
	result.error = bracket::in_subtransaction([&] { result.follow_up = run_attempt(plans, &timer, as_of, false); });
	result.outcome = Outcome::succeeded;
	if (result.error == nullptr)
		return result;
	if (watch.registered)
		stop_alarm();
	if (bracket::is_cancel(result.error) && !is_timed_out())
		ReThrowError(result.error);
	result.outcome = Outcome::left;
	result.follow_up = DT_NOEND;
	if (!is_failure(result.error))
	{
		pass(passed, timer);
		return result;
	}
	ErrorData *error = bracket::in_subtransaction([&] { statements::fail(plans, &timer, as_of, result.error); });
	if (error == nullptr)
		result.outcome = Outcome::failed;
	return result;
}

namespace {

// campaign_clean_run, read and written without SQL: the worker is nobody's
// agent there, and a trigger on it must not run with the rights of a superuser.
Relation open_clean_run(LOCKMODE mode)
{
	Oid table = extension::bookkeeping_table("campaign_clean_run");
	Relation relation = OidIsValid(table) ? try_relation_open(table, mode) : nullptr;

	if (relation == nullptr)
		return nullptr;
	TupleDesc columns = RelationGetDescr(relation);
	if (relation->rd_rel->relkind == RELKIND_RELATION && columns->natts == 1 &&
		TupleDescAttr(columns, 0)->atttypid == TIMESTAMPTZOID && !relation->rd_rel->relhasindex)
		return relation;
	relation_close(relation, mode);
	return nullptr;
}

bool has_row(Relation relation)
{
	TableScanDesc scan = table_beginscan(relation, GetActiveSnapshot(), 0, nullptr);
	bool found = heap_getnext(scan, ForwardScanDirection) != nullptr;

	table_endscan(scan);
	return found;
}

} // namespace

ErrorData *look_for_crash(bool *crashed)
{
	*crashed = false;
	return bracket::in_transaction([&] {
		Relation relation = open_clean_run(AccessShareLock);

		if (relation == nullptr)
			return;
		*crashed = !has_row(relation);
		relation_close(relation, AccessShareLock);
	});
}

ErrorData *note_clean_run()
{
	return bracket::in_transaction([&] {
		Relation relation = open_clean_run(RowExclusiveLock);

		if (relation == nullptr)
			return;
		if (!has_row(relation))
		{
			Datum since = TimestampTzGetDatum(GetCurrentTimestamp());
			bool is_null = false;

			simple_heap_insert(relation, heap_form_tuple(RelationGetDescr(relation), &since, &is_null));
		}
		relation_close(relation, RowExclusiveLock);
	});
}

} // namespace handlers

using namespace handlers;

SQL_FUNCTION(_is_marked_by_process)
{
	pg_uuid_t *timer = PG_GETARG_UUID_P(0);
	LOCKTAG tag = lock_of(timer);

	if (LockAcquire(&tag, ShareLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
		PG_RETURN_BOOL(true);
	LockRelease(&tag, ShareLock, false);
	PG_RETURN_BOOL(false);
}
