// A library with every hook that an extension can install, preloaded into a server under test. Each hook states what a careful extension
// may assume there, as it holds for a statement of a client: a transaction with its owners of memory and resources, a snapshot, a text
// of the statement, permissions asked for only while a query begins, calls that end in the order in which they began.
// A broken assumption is a line "careful_hooks: ..." in the log. A worker of campaign_lifecycle that ends, or a transaction of a client
// that calls run_due_timers(), adds a line "careful_hooks: met ..." with how often each hook was called, so that a test knows it was.
#define PGDLLEXPORT __attribute__((visibility("default")))

extern "C" {
#include "postgres.h"

#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "optimizer/planner.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

PG_MODULE_MAGIC;
PGDLLEXPORT void _PG_init(void);
}

namespace {

enum Hook
{
	check_perms,
	executor_start,
	executor_run,
	executor_finish,
	executor_end,
	utility,
	object_access,
	planner,
	emit_log,
	fmgr,
	hook_count
};

constexpr const char *names[hook_count] = {"ExecutorCheckPerms", "ExecutorStart",  "ExecutorRun", "ExecutorFinish",
										   "ExecutorEnd",        "ProcessUtility", "object_access", "planner",
										   "emit_log",           "fmgr"};

ExecutorCheckPerms_hook_type next_check_perms;
ExecutorStart_hook_type next_start;
ExecutorRun_hook_type next_run;
ExecutorFinish_hook_type next_finish;
ExecutorEnd_hook_type next_end;
ProcessUtility_hook_type next_utility;
object_access_hook_type next_object_access;
planner_hook_type next_planner;
emit_log_hook_type next_emit_log;
needs_fmgr_hook_type next_needs_fmgr;
fmgr_hook_type next_fmgr;

long calls[hook_count];
int starting;  // queries between the call of ExecutorStart and its return
int running;   // nested calls of ExecutorRun and ExecutorFinish
int utilities; // nested calls of ProcessUtility
int open;      // queries whose memory there is
int functions; // nested calls of functions
bool logging;  // inside of emit_log
bool runs_timers;

bool is_worker()
{
	return MyBgworkerEntry != nullptr && strcmp(MyBgworkerEntry->bgw_type, "campaign_lifecycle worker") == 0;
}

bool is_watched()
{
	return is_worker() || (MyBackendType == B_BACKEND && IsUnderPostmaster);
}

void expect(bool holds, Hook hook, const char *what)
{
	if (!holds && is_watched())
		ereport(LOG, errmsg("careful_hooks: %s in a %s: %s", names[hook], is_worker() ? "worker" : "client", what),
				errbacktrace());
}

void report()
{
	ereport(LOG,
			errmsg("careful_hooks: met in a %s: %s %ld, %s %ld, %s %ld, %s %ld, %s %ld, %s %ld, %s %ld, %s %ld, %s %ld, %s %ld",
				   is_worker() ? "worker" : "client", names[0], calls[0], names[1], calls[1], names[2], calls[2], names[3],
				   calls[3], names[4], calls[4], names[5], calls[5], names[6], calls[6], names[7], calls[7], names[8], calls[8],
				   names[9], calls[9]),
			errhidestmt(true));
}

void on_exit(int, Datum)
{
	report();
}

void count(Hook hook)
{
	static bool registered;

	calls[hook]++;
	if (!registered && is_worker())
		before_shmem_exit(on_exit, static_cast<Datum>(0));
	registered = true;
}

void expect_transaction(Hook hook)
{
	count(hook);
	expect(IsTransactionState(), hook, "no transaction");
	expect(OidIsValid(MyDatabaseId) && OidIsValid(GetUserId()), hook, "no database or no user");
	expect(CurrentResourceOwner != nullptr, hook, "no resource owner");
	expect(CurrentMemoryContext != TopMemoryContext && CurrentMemoryContext != ErrorContext, hook, "memory that is never freed");
}

void expect_statement(Hook hook)
{
	expect_transaction(hook);
	expect(debug_query_string != nullptr, hook, "no debug_query_string");
	expect(GetCurrentStatementStartTimestamp() != 0, hook, "no start of the statement");
}

void expect_query(Hook hook, QueryDesc *query)
{
	expect_statement(hook);
	expect(query->sourceText != nullptr && query->plannedstmt != nullptr && query->dest != nullptr, hook, "half a query");
	// A client's portal is finished and closed without its snapshot.
	expect(query->snapshot != nullptr && (ActiveSnapshotSet() || hook == executor_finish || hook == executor_end), hook,
		   "no snapshot");
}

#if PG_VERSION_NUM >= 160000
bool on_check_perms(List *tables, List *permissions, bool raises)
#else
bool on_check_perms(List *tables, bool raises)
#endif
{
	expect_statement(check_perms);
	// DDL that reads a table asks by itself: COPY, a foreign key that is added.
	expect(starting > 0 || utilities > 0, check_perms, "no query begins");
	expect(tables != NIL || open >= 0, check_perms, "no list of tables");
#if PG_VERSION_NUM >= 160000
	return next_check_perms == nullptr || next_check_perms(tables, permissions, raises);
#else
	return next_check_perms == nullptr || next_check_perms(tables, raises);
#endif
}

void on_query_gone(void *)
{
	open--;
}

void on_start(QueryDesc *query, int flags)
{
	expect_query(executor_start, query);
	runs_timers = runs_timers || strstr(query->sourceText, "run_due_timers()") != nullptr;
	expect(query->estate == nullptr, executor_start, "a query that has begun");
	starting++;
	PG_TRY();
	{
		if (next_start != nullptr)
			next_start(query, flags);
		else
			standard_ExecutorStart(query, flags);
	}
	PG_FINALLY();
	{
		starting--;
	}
	PG_END_TRY();
	MemoryContextCallback *gone =
		static_cast<MemoryContextCallback *>(MemoryContextAllocZero(query->estate->es_query_cxt, sizeof(*gone)));
	gone->func = on_query_gone;
	MemoryContextRegisterResetCallback(query->estate->es_query_cxt, gone);
	open++;
}

#if PG_VERSION_NUM >= 180000
void on_run(QueryDesc *query, ScanDirection direction, uint64 count)
#else
void on_run(QueryDesc *query, ScanDirection direction, uint64 count, bool once)
#endif
{
	expect_query(executor_run, query);
	expect(query->estate != nullptr && open > 0, executor_run, "a query that has not begun");
	running++;
	PG_TRY();
	{
#if PG_VERSION_NUM >= 180000
		if (next_run != nullptr)
			next_run(query, direction, count);
		else
			standard_ExecutorRun(query, direction, count);
#else
		if (next_run != nullptr)
			next_run(query, direction, count, once);
		else
			standard_ExecutorRun(query, direction, count, once);
#endif
	}
	PG_FINALLY();
	{
		running--;
	}
	PG_END_TRY();
}

void on_finish(QueryDesc *query)
{
	expect_query(executor_finish, query);
	expect(query->estate != nullptr && open > 0, executor_finish, "a query that has not begun");
	running++;
	PG_TRY();
	{
		if (next_finish != nullptr)
			next_finish(query);
		else
			standard_ExecutorFinish(query);
	}
	PG_FINALLY();
	{
		running--;
	}
	PG_END_TRY();
}

void on_end(QueryDesc *query)
{
	expect_query(executor_end, query);
	expect(query->estate != nullptr && open > 0, executor_end, "a query that has not begun");
	if (next_end != nullptr)
		next_end(query);
	else
		standard_ExecutorEnd(query);
}

void on_utility(PlannedStmt *statement, const char *text, bool read_only_tree, ProcessUtilityContext context,
				ParamListInfo parameters, QueryEnvironment *environment, DestReceiver *receiver, QueryCompletion *completion)
{
	expect_statement(utility);
	expect(text != nullptr && statement->utilityStmt != nullptr && receiver != nullptr, utility, "half a statement");
	expect(context != PROCESS_UTILITY_TOPLEVEL || (utilities == 0 && running == 0), utility, "a top level that is none");
	expect(context != PROCESS_UTILITY_TOPLEVEL || !is_worker(), utility, "a client's statement in a worker");
	utilities++;
	PG_TRY();
	{
		if (next_utility != nullptr)
			next_utility(statement, text, read_only_tree, context, parameters, environment, receiver, completion);
		else
			standard_ProcessUtility(statement, text, read_only_tree, context, parameters, environment, receiver, completion);
	}
	PG_FINALLY();
	{
		utilities--;
	}
	PG_END_TRY();
}

void on_object_access(ObjectAccessType access, Oid catalog, Oid object, int part, void *argument)
{
	// A search path is looked through without any of that, before a client's first statement for one.
	if (access != OAT_NAMESPACE_SEARCH)
	{
		expect_statement(object_access);
		expect(OidIsValid(catalog) && OidIsValid(object), object_access, "no object");
		// Sequences and indexes have a snapshot of their own where DDL makes them.
		expect(ActiveSnapshotSet() || utilities > 0, object_access, "no snapshot");
		expect(access != OAT_DROP || argument != nullptr, object_access, "no flags of a deletion");
	}
	if (next_object_access != nullptr)
		next_object_access(access, catalog, object, part, argument);
}

#if PG_VERSION_NUM >= 190000
PlannedStmt *on_planner(Query *query, const char *text, int options, ParamListInfo parameters, ExplainState *explain)
#else
PlannedStmt *on_planner(Query *query, const char *text, int options, ParamListInfo parameters)
#endif
{
	expect_statement(planner);
	expect(text != nullptr, planner, "no text");
	expect(ActiveSnapshotSet(), planner, "no snapshot");
#if PG_VERSION_NUM >= 190000
	return next_planner != nullptr ? next_planner(query, text, options, parameters, explain)
								   : standard_planner(query, text, options, parameters, explain);
#else
	return next_planner != nullptr ? next_planner(query, text, options, parameters)
								   : standard_planner(query, text, options, parameters);
#endif
}

void on_emit_log(ErrorData *error)
{
	if (!logging && is_watched())
	{
		logging = true;
		calls[emit_log]++;
		expect(error->message != nullptr && error->assoc_context != nullptr, emit_log, "half an error");
		expect(error->elevel < ERROR || is_worker() || debug_query_string != nullptr || !IsTransactionState(), emit_log,
			   "an error of no statement");
		logging = false;
	}
	if (next_emit_log != nullptr)
		next_emit_log(error);
}

// Of users and of extensions.
bool on_needs_fmgr(Oid function)
{
	return function >= FirstNormalObjectId || (next_needs_fmgr != nullptr && next_needs_fmgr(function));
}

void on_fmgr(FmgrHookEventType event, FmgrInfo *function, Datum *private_value)
{
	if (event == FHET_START)
	{
		expect_statement(fmgr);
		expect(ActiveSnapshotSet(), fmgr, "no snapshot");
		expect(*private_value == 0, fmgr, "a call that was begun before");
		*private_value = Int32GetDatum(++functions);
	}
	else
	{
		expect(DatumGetInt32(*private_value) == functions, fmgr, "calls do not end in the order in which they began");
		*private_value = 0;
		functions--;
	}
	if (next_fmgr != nullptr && next_needs_fmgr != nullptr && next_needs_fmgr(function->fn_oid))
		next_fmgr(event, function, private_value);
}

void on_transaction_end(XactEvent event, void *)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT)
		return;
	// A procedure that commits is itself a query or a utility; the worker calls none.
	if (is_worker())
	{
		expect(running == 0 && utilities == 0 && starting == 0, executor_end, "a statement that outlives its transaction");
		expect(functions == 0, fmgr, "a call that outlives its transaction");
		expect(event == XACT_EVENT_ABORT || open == 0, executor_end, "a query that outlives its transaction");
	}
	else if (runs_timers)
		report();
	runs_timers = false;
}

template <typename F> void hook(F *place, F *next, F mine)
{
	*next = *place;
	*place = mine;
}

} // namespace

void _PG_init(void)
{
	hook(&ExecutorCheckPerms_hook, &next_check_perms, on_check_perms);
	hook(&ExecutorStart_hook, &next_start, on_start);
	hook(&ExecutorRun_hook, &next_run, on_run);
	hook(&ExecutorFinish_hook, &next_finish, on_finish);
	hook(&ExecutorEnd_hook, &next_end, on_end);
	hook(&ProcessUtility_hook, &next_utility, on_utility);
	hook(&object_access_hook, &next_object_access, on_object_access);
	hook(&planner_hook, &next_planner, on_planner);
	hook(&emit_log_hook, &next_emit_log, on_emit_log);
	hook(&needs_fmgr_hook, &next_needs_fmgr, on_needs_fmgr);
	hook(&fmgr_hook, &next_fmgr, on_fmgr);
	RegisterXactCallback(on_transaction_end, nullptr);
}
