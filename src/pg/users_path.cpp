// Lets users' code that a statement of the extension runs see the search_path that it would see in a plain statement.
//
// A function of the extension sets search_path to pg_catalog, so that its own text means what it says. If it writes
// tables, or calls a function that does, it also sets campaign_lifecycle._users_path. While such a function is the
// innermost one that sets search_path, its statements that run users' code are parsed under pg_catalog, but planned and
// executed under the users' path. Parsing binds the names and operators of the statement. Triggers,
// defaults, checks and policies of users are bound later: by the planner where it inlines a function, and by the
// executor.
//
// The users' path is that of the caller, or the setting campaign_lifecycle.search_path. The caller's is found on the
// stack of search_path: each entry that a function with the hidden setting has saved is skipped. Only a SET clause of
// a function makes such an entry, so a session cannot make another role's function look like one of the extension.
#include "pg/users_path.hpp"

namespace users_path {

namespace {

// Which search_path a function of the extension runs users' code under.
enum Choice : int
{
	none,
	caller,
	setting,
};

constexpr config_enum_entry choices[] = {
	{"none", none, false}, {"caller", caller, false}, {"setting", setting, false}, {nullptr, 0, false}};

int choice = none;
const config_generic *choice_variable;
const config_generic *path_variable;

planner_hook_type next_planner;
ExecutorStart_hook_type next_executor_start;
ExecutorRun_hook_type next_executor_run;
ExecutorFinish_hook_type next_executor_finish;

// The path and the user under which kept plans that depend on them were made.
struct PlansMadeUnder
{
	bool any;
	Oid user;
	char path[1024];
};

PlansMadeUnder plans;

// Return whether a function has saved the variable by its SET clause.
bool is_saved(const GucStack *entry)
{
	return entry != nullptr && entry->state == GUC_SAVE;
}

// Return whether the innermost function that sets search_path also sets the hidden setting.
bool is_in_our_function()
{
	if (choice == none)
		return false;
	const GucStack *mark = choice_variable->stack;
	const GucStack *path = path_variable->stack;
	return is_saved(mark) && is_saved(path) && mark->nest_level == path->nest_level;
}

const char *path_of(int value)
{
	return value == setting ? guc::search_path : of_caller();
}

// Drop the session's plans if some that depend on the users' path were made under another one, or as another user.
void drop_plans_of_others(const char *path)
{
	if (!plans.any || (plans.user == GetUserId() && strcmp(plans.path, path) == 0))
		return;
	plans.any = false;
	ResetPlanCache();
}

// Drop plans when a function of the extension is called. The server keeps them for the search_path of their text.
void on_choice(int value, void *) noexcept
{
	if (value != none && plans.any)
		drop_plans_of_others(path_of(value));
}

bool is_users_function(Oid function, void *internal_schema)
{
	return function >= FirstNormalObjectId && get_func_namespace(function) != *static_cast<Oid *>(internal_schema);
}

// Return whether the query calls a function of a user, which the planner may inline or call.
bool calls_users_function(Node *node, void *internal_schema)
{
	if (node == nullptr)
		return false;
	if (IsA(node, Query))
		return pg::any_in_query(reinterpret_cast<Query *>(node), calls_users_function, internal_schema);
	return check_functions_in_node(node, is_users_function, internal_schema) ||
		   pg::any_below(node, calls_users_function, internal_schema);
}

// Note under which path a plan is made that depends on it.
void note_plan(Query *query, const char *path)
{
	Oid internal_schema = get_namespace_oid("campaign_lifecycle_internal", true);

	if (!calls_users_function(reinterpret_cast<Node *>(query), &internal_schema))
		return;
	drop_plans_of_others(path);
	plans.any = true;
	plans.user = GetUserId();
	// A path that was cut is equal to no path, and its plans are dropped at the next call.
	strlcpy(plans.path, path, sizeof(plans.path));
}

// Return whether the statement runs code that users have attached to tables: it writes, or has row-level security.
bool runs_users_code(const Query *query)
{
	return query->commandType == CMD_INSERT || query->commandType == CMD_UPDATE || query->commandType == CMD_DELETE ||
		   query->hasModifyingCTE || query->hasRowSecurity;
}

bool runs_users_code(const PlannedStmt *statement)
{
	return statement->commandType == CMD_INSERT || statement->commandType == CMD_UPDATE || statement->commandType == CMD_DELETE ||
		   statement->hasModifyingCTE || statement->dependsOnRole;
}

// Take the rest of the arguments as they are. Servers since 19 have one more, the state of EXPLAIN.
template <typename... Rest>
PlannedStmt *plan_next(Query *query, const char *text, int options, ParamListInfo parameters, Rest... rest)
{
	return next_planner != nullptr ? next_planner(query, text, options, parameters, rest...)
								   : standard_planner(query, text, options, parameters, rest...);
}

template <typename... Rest>
PlannedStmt *on_plan(Query *query, const char *text, int options, ParamListInfo parameters, Rest... rest)
{
	PlannedStmt *statement = nullptr;

	if (!is_in_our_function() || !runs_users_code(query))
		return plan_next(query, text, options, parameters, rest...);
	const char *path = path_of(choice);
	note_plan(query, path);
	run(path, [&] { statement = plan_next(query, text, options, parameters, rest...); });
	// The executor does not see the policies. The server replans for another role in any case.
	statement->dependsOnRole = statement->dependsOnRole || query->hasRowSecurity;
	return statement;
}

// Run a phase of the executor, under the users' path if the statement is one of the extension that runs users' code.
template <typename F> void run_phase(const QueryDesc *query, F phase)
{
	if (is_in_our_function() && runs_users_code(query->plannedstmt))
		run(path_of(choice), phase);
	else
		phase();
}

void on_executor_start(QueryDesc *query, int flags)
{
	run_phase(query, [&] {
		if (next_executor_start != nullptr)
			next_executor_start(query, flags);
		else
			standard_ExecutorStart(query, flags);
	});
}

// Take the rest of the arguments as they are. Servers before 18 have one more.
template <typename... Rest> void on_executor_run(QueryDesc *query, ScanDirection direction, uint64 count, Rest... rest)
{
	run_phase(query, [&] {
		if (next_executor_run != nullptr)
			next_executor_run(query, direction, count, rest...);
		else
			standard_ExecutorRun(query, direction, count, rest...);
	});
}

void on_executor_finish(QueryDesc *query)
{
	run_phase(query, [&] {
		if (next_executor_finish != nullptr)
			next_executor_finish(query);
		else
			standard_ExecutorFinish(query);
	});
	// A trigger may have called the same function for another user.
	if (plans.any && is_in_our_function())
		drop_plans_of_others(path_of(choice));
}

} // namespace

const char *of_caller()
{
	const GucStack *mark = choice_variable->stack;
	const char *path = namespace_search_path;

	for (const GucStack *entry = path_variable->stack; is_saved(entry); entry = entry->prev)
	{
		while (mark != nullptr && mark->nest_level > entry->nest_level)
			mark = mark->prev;
		if (!is_saved(mark) || mark->nest_level != entry->nest_level)
			break;
		path = entry->prior.val.stringval;
	}
	return path;
}

int begin(const char *path)
{
	if (strcmp(path, namespace_search_path) == 0)
		return 0;
	int level = NewGUCNestLevel();
	(void) set_config_option("search_path", path, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return level;
}

void end(int level)
{
	if (level > 0)
		AtEOXact_GUC(true, level);
}

void define()
{
	DefineCustomEnumVariable("campaign_lifecycle._users_path",
							 "Says under which search_path a function of the extension runs code of users.", nullptr, &choice,
							 none, choices, PGC_USERSET, GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE, nullptr, on_choice, nullptr);
	choice_variable = pg::find_setting("campaign_lifecycle._users_path");
	path_variable = pg::find_setting("search_path");
	next_planner = planner_hook;
	planner_hook = on_plan;
	next_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = on_executor_start;
	next_executor_run = ExecutorRun_hook;
	ExecutorRun_hook = on_executor_run;
	next_executor_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = on_executor_finish;
}

} // namespace users_path
