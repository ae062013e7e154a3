// Brackets: a transaction, a subtransaction, another user's privileges. Each takes its body as a lambda that captures
// by reference. The body may raise an error, so neither it nor the calling frame may hold an object with a
// destructor. A static_assert checks the body. An ERROR is stopped in one function of xact.cpp, and SQLSTATE,
// message, detail, hint and context are returned. FATAL passes through.
#ifndef CAMPAIGN_XACT_HPP
#define CAMPAIGN_XACT_HPP

#include <type_traits>

#include "pg/compat.hpp"

namespace xact {

using Body = void (*)(void *);

// The brackets for bodies whose type is erased. Each returns the error that ended the body, or nullptr if there was
// none. The error is allocated in the memory context that is current at the call.
ErrorData *run(Body body, void *argument);
ErrorData *run_subxact(Body body, void *argument);
ErrorData *run_and_rollback(Body body, void *argument);
ErrorData *catch_error(Body body, void *argument);
void as_user(Oid user, int flags, Body body, void *argument);

template <typename F> void call_body(void *body)
{
	static_assert(std::is_trivially_destructible<F>::value, "an ERROR would skip the destructor");
	(*static_cast<F *>(body))();
}

// Run the body in a transaction with a snapshot and SPI connected, and commit. Only the extension's own processes
// call it, because it resets all settings to those that the process has pinned.
template <typename F> ErrorData *run(F body)
{
	return run(call_body<F>, &body);
}

// Run the body in a subtransaction of a transaction that is connected to SPI, and release it.
template <typename F> ErrorData *run_subxact(F body)
{
	return run_subxact(call_body<F>, &body);
}

// Run the body in a subtransaction and roll it back, also if no error is raised.
template <typename F> ErrorData *run_and_rollback(F body)
{
	return run_and_rollback(call_body<F>, &body);
}

// Run the body outside of any transaction.
template <typename F> ErrorData *catch_error(F body)
{
	return catch_error(call_body<F>, &body);
}

// Run the body with the privileges of another user. Errors pass through.
template <typename F> void as_user(Oid user, F body)
{
	as_user(user, SECURITY_LOCAL_USERID_CHANGE, call_body<F>, &body);
}

// Run a body that only reads with the privileges of another user. The body cannot make an object that outlives the
// call.
template <typename F> void as_user_readonly(Oid user, F body)
{
	as_user(user, SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION, call_body<F>, &body);
}

// Switch to another user until the transaction ends. Deferred triggers run during the commit and must not have the
// privileges of the process.
void set_user_until_xact_end(Oid user);

// Copy an error into result_cxt, because its own memory context ends with the transaction.
ErrorData *copy_error(const ErrorData *error, MemoryContext result_cxt);

// Return whether the error says nothing about the timer, so that the timer is tried again soon.
bool is_transient(const ErrorData *error);

// Return whether other timers may raise the error as well, because the server lacks something.
bool is_server_problem(const ErrorData *error);

// Return whether the error is a cancel or termination request, which a client must see.
bool is_cancel(const ErrorData *error);

} // namespace xact

#endif
