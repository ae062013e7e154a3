// The only file of the extension that stops an ERROR. Each bracket then undoes what it began, as the server does it,
// and returns the error as a value.
#include "pg/xact.hpp"

namespace xact {

namespace {

// Run the body. Return a copy of its ERROR in the current memory context, or nullptr. FATAL does not come here,
// because it ends the process through its exit callbacks.
ErrorData *stop_error(Body body, void *argument)
{
	MemoryContext oldcontext = CurrentMemoryContext;
	ErrorData *volatile error = nullptr;

	PG_TRY();
	{
		body(argument);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(oldcontext);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	return error;
}

// The cause of an error that the execution of a timer has raised.
enum class ErrorKind
{
	of_timer,       // an attempt of this timer has failed
	of_other_xacts, // another transaction or session is in the way
	of_server,      // the server lacks something, so other timers may raise it too
};

struct ErrorRule
{
	int sqlstate;
	bool whole_class;
	ErrorKind kind;
};

// Errors that are not the timer's. docs/operations.md has the same table with the reasons, and test/t/068_error_classes.pl compares them.
constexpr ErrorRule error_rules[] = {
	{ERRCODE_T_R_SERIALIZATION_FAILURE, true, ErrorKind::of_other_xacts},      // 40: rolled back because of other transactions
	{MAKE_SQLSTATE('7', '2', '0', '0', '0'), true, ErrorKind::of_other_xacts}, // 72: snapshot too old; 17 has no name for it
	{ERRCODE_OBJECT_IN_USE, false, ErrorKind::of_other_xacts},                 // 55006
	{ERRCODE_LOCK_NOT_AVAILABLE, false, ErrorKind::of_other_xacts},            // 55P03
	{ERRCODE_INSUFFICIENT_RESOURCES, true, ErrorKind::of_server},              // 53: disk, memory, connections
	{ERRCODE_OPERATOR_INTERVENTION, true, ErrorKind::of_server},               // 57: cancels, shutdowns
	{ERRCODE_SYSTEM_ERROR, true, ErrorKind::of_server},                        // 58: the operating system
	{ERRCODE_CONFIG_FILE_ERROR, true, ErrorKind::of_server},                   // F0
	{ERRCODE_DATA_CORRUPTED, false, ErrorKind::of_server},                     // XX001
	{ERRCODE_INDEX_CORRUPTED, false, ErrorKind::of_server},                    // XX002
};

ErrorKind kind_of(int sqlstate)
{
	for (const ErrorRule &rule : error_rules)
		if (rule.whole_class ? ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_TO_CATEGORY(rule.sqlstate) : sqlstate == rule.sqlstate)
			return rule.kind;
	return ErrorKind::of_timer;
}

// The body that a bracket runs between its beginning and its end.
struct Inner
{
	Body body;
	void *argument;
};

void run_to_commit(void *argument)
{
	Inner *inner = static_cast<Inner *>(argument);

	// Hooks of other extensions read the text of the client's statement without asking whether there is one.
	debug_query_string = "campaign_lifecycle";
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	inner->body(inner->argument);
	PopActiveSnapshot();
	SPI_finish();
	CommitTransactionCommand();
}

void run_to_release(void *argument)
{
	Inner *inner = static_cast<Inner *>(argument);

	inner->body(inner->argument);
	ReleaseCurrentSubTransaction();
}

} // namespace

ErrorData *run(Body body, void *argument)
{
	MemoryContext oldcontext = CurrentMemoryContext;
	Inner inner = {body, argument};
	Oid user;
	int context;

	GetUserIdAndSecContext(&user, &context);
	ErrorData *error = stop_error(run_to_commit, &inner);
	if (error != nullptr)
		AbortCurrentTransaction();
	debug_query_string = nullptr;
	// An abort has restored the user already. A commit keeps the user that set_user_until_xact_end() has set.
	SetUserIdAndSecContext(user, context);
	MemoryContextSwitchTo(oldcontext);
	// Return to the pinned settings, so that no trigger sets anything for the next transaction, not even during the
	// commit.
	ResetAllOptions();
	return error;
}

ErrorData *run_subxact(Body body, void *argument)
{
	MemoryContext oldcontext = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	Inner inner = {body, argument};

	BeginInternalSubTransaction(nullptr);
	MemoryContextSwitchTo(oldcontext);
	ErrorData *error = stop_error(run_to_release, &inner);
	if (error != nullptr)
		RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(oldcontext);
	CurrentResourceOwner = owner;
	return error;
}

ErrorData *run_and_rollback(Body body, void *argument)
{
	MemoryContext oldcontext = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(nullptr);
	MemoryContextSwitchTo(oldcontext);
	ErrorData *error = stop_error(body, argument);
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(oldcontext);
	CurrentResourceOwner = owner;
	return error;
}

ErrorData *catch_error(Body body, void *argument)
{
	ErrorData *error = stop_error(body, argument);

	// Release the locks that the abort of a transaction would have released.
	if (error != nullptr)
		LWLockReleaseAll();
	return error;
}

// Switch to the user, run the body and switch back. After an ERROR, the abort of the transaction or subtransaction
// restores the user and context that were set at its start. That is enough, because an error is only caught by
// aborting the level that raised it. Each switch inside that level ends inside it too. A SECURITY DEFINER function
// relies on the same rule. Settings end with the switch. Otherwise a search_path that a trigger of that user has set
// would choose the functions that the caller's next statement runs.
void as_user(Oid user, int flags, Body body, void *argument)
{
	Oid old_user;
	int context;

	GetUserIdAndSecContext(&old_user, &context);
	if (old_user == user)
	{
		body(argument);
		return;
	}
	int level = NewGUCNestLevel();
	SetUserIdAndSecContext(user, context | flags);
	body(argument);
	SetUserIdAndSecContext(old_user, context);
	AtEOXact_GUC(false, level);
}

void set_user_until_xact_end(Oid user)
{
	Oid old_user;
	int context;

	GetUserIdAndSecContext(&old_user, &context);
	SetUserIdAndSecContext(user, context | SECURITY_LOCAL_USERID_CHANGE);
}

ErrorData *copy_error(const ErrorData *error, MemoryContext result_cxt)
{
	ErrorData *copy = static_cast<ErrorData *>(MemoryContextAllocZero(result_cxt, sizeof(ErrorData)));
	auto text = [&](const char *from) { return from != nullptr ? MemoryContextStrdup(result_cxt, from) : nullptr; };

	copy->elevel = error->elevel;
	copy->sqlerrcode = error->sqlerrcode;
	copy->message = text(error->message);
	copy->detail = text(error->detail);
	copy->hint = text(error->hint);
	copy->context = text(error->context);
	return copy;
}

bool is_transient(const ErrorData *error)
{
	return kind_of(error->sqlerrcode) != ErrorKind::of_timer;
}

bool is_server_problem(const ErrorData *error)
{
	return kind_of(error->sqlerrcode) == ErrorKind::of_server;
}

bool is_cancel(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_QUERY_CANCELED || error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN;
}

} // namespace xact
