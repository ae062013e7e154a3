// The frames around everything the worker does that may raise. Here is the one
// place of the extension that stops an ERROR; each bracket then undoes what it
// began, in the server's own way, and hands the error over as a value.
#include "bracket.hpp"

namespace bracket {

namespace {

// Runs the body; an ERROR becomes a copy in the caller's memory context.
// FATAL does not come here: it ends the process through its exit callbacks.
ErrorData *stop_error(Body body, void *argument)
{
	MemoryContext caller = CurrentMemoryContext;
	ErrorData *volatile error = nullptr;

	PG_TRY();
	{
		body(argument);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	return error;
}

struct Inner
{
	Body body;
	void *argument;
};

void whole_transaction(void *argument)
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

void whole_subtransaction(void *argument)
{
	Inner *inner = static_cast<Inner *>(argument);

	inner->body(inner->argument);
	ReleaseCurrentSubTransaction();
}

} // namespace

ErrorData *transaction(Body body, void *argument)
{
	MemoryContext caller = CurrentMemoryContext;
	Inner inner = {body, argument};
	Oid user;
	int context;

	GetUserIdAndSecContext(&user, &context);
	ErrorData *error = stop_error(whole_transaction, &inner);
	if (error != nullptr)
		AbortCurrentTransaction();
	debug_query_string = nullptr;
	// An abort has done this already; a commit leaves what become() has set.
	SetUserIdAndSecContext(user, context);
	MemoryContextSwitchTo(caller);
	// To what was pinned: no trigger, in the commit neither, sets anything for the next transaction.
	ResetAllOptions();
	return error;
}

ErrorData *subtransaction(Body body, void *argument)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	Inner inner = {body, argument};

	BeginInternalSubTransaction(nullptr);
	MemoryContextSwitchTo(caller);
	ErrorData *error = stop_error(whole_subtransaction, &inner);
	if (error != nullptr)
		RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	return error;
}

ErrorData *rehearsal(Body body, void *argument)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(nullptr);
	MemoryContextSwitchTo(caller);
	ErrorData *error = stop_error(body, argument);
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	return error;
}

ErrorData *guarded(Body body, void *argument)
{
	ErrorData *error = stop_error(body, argument);

	// What a transaction's abort would have done.
	if (error != nullptr)
		LWLockReleaseAll();
	return error;
}

// An ERROR in the body leaves the switch to the transaction's or the
// subtransaction's abort, which puts back the user and context that it began
// with. That is right because whoever catches the error does so by aborting the
// level that it happened in, and every switch made inside of that level (ours
// and a SECURITY DEFINER function's alike) was meant to end inside of it.
// Settings end with the switch: a search_path that a trigger of that user has
// left would choose the functions that the caller's next statement runs.
void as_user(Oid user, int flags, Body body, void *argument)
{
	Oid before;
	int context;

	GetUserIdAndSecContext(&before, &context);
	if (before == user)
	{
		body(argument);
		return;
	}
	int level = NewGUCNestLevel();
	SetUserIdAndSecContext(user, context | flags);
	body(argument);
	SetUserIdAndSecContext(before, context);
	AtEOXact_GUC(false, level);
}

void become(Oid user)
{
	Oid before;
	int context;

	GetUserIdAndSecContext(&before, &context);
	SetUserIdAndSecContext(user, context | SECURITY_LOCAL_USERID_CHANGE);
}

ErrorData *copy_error(const ErrorData *error, MemoryContext keep)
{
	ErrorData *copy = static_cast<ErrorData *>(MemoryContextAllocZero(keep, sizeof(ErrorData)));
	auto text = [&](const char *from) { return from != nullptr ? MemoryContextStrdup(keep, from) : nullptr; };

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
	int category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	return category == ERRCODE_TO_CATEGORY(ERRCODE_T_R_SERIALIZATION_FAILURE) ||
		   category == ERRCODE_TO_CATEGORY(ERRCODE_INSUFFICIENT_RESOURCES) || error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		   is_cancel(error);
}

bool is_cancel(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_QUERY_CANCELED || error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN;
}

} // namespace bracket
