// Pairs of entering and leaving: transactions, subtransactions, another user's
// rights. A body is a lambda that captures by
// reference; it may raise, so neither it nor the frame that calls it may hold
// anything with a destructor (the static_assert sees to the first). An ERROR is
// stopped in one function of bracket.cpp and comes back whole: SQLSTATE,
// message, detail, hint, context. FATAL and a terminated process pass through.
#ifndef CAMPAIGN_XACT_HPP
#define CAMPAIGN_XACT_HPP

#include <type_traits>

#include "pg/compat.hpp"

namespace xact {

using Body = void (*)(void *);

// These return the error that ended the body, copied into the memory context
// that was current at the call, or nullptr when all went well.
ErrorData *transaction(Body body, void *argument);
ErrorData *subtransaction(Body body, void *argument);
ErrorData *rehearsal(Body body, void *argument);
ErrorData *guarded(Body body, void *argument);

void as_user(Oid user, int flags, Body body, void *argument);

template <typename F> void call(void *body)
{
	static_assert(std::is_trivially_destructible<F>::value, "an ERROR would skip the destructor");
	(*static_cast<F *>(body))();
}

// One transaction with a snapshot and SPI connected, committed in the end. For
// processes of ours: settings are then what the process has pinned.
template <typename F> ErrorData *run(F body)
{
	return transaction(call<F>, &body);
}

// One subtransaction of a transaction that is connected to SPI.
template <typename F> ErrorData *run_subxact(F body)
{
	return subtransaction(call<F>, &body);
}

// A subtransaction that is undone also when all went well.
template <typename F> ErrorData *run_and_rollback(F body)
{
	return rehearsal(call<F>, &body);
}

// Outside of any transaction.
template <typename F> ErrorData *catch_error(F body)
{
	return guarded(call<F>, &body);
}

// With another user's rights.
template <typename F> void as(Oid user, F body)
{
	as_user(user, SECURITY_LOCAL_USERID_CHANGE, call<F>, &body);
}

// The same for what only reads: nothing that outlives it can be made there.
template <typename F> void as_user_readonly(Oid user, F body)
{
	as_user(user, SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION, call<F>, &body);
}

// Takes another user's rights until the transaction ends: deferred triggers
// run in the commit, and must not find the rights of the process.
void set_user_until_xact_end(Oid user);

// What outlives the context that the error was kept in.
ErrorData *copy_error(const ErrorData *error, MemoryContext keep);

// Errors that say nothing about the timer: try again soon.
bool is_transient(const ErrorData *error);

// Errors that the one who called must see, whatever was going on.
bool is_cancel(const ErrorData *error);

} // namespace xact

#endif
