// With the rights of the tables' owner, in a client's session.
#ifndef CAMPAIGN_RUN_AS_OWNER_HPP
#define CAMPAIGN_RUN_AS_OWNER_HPP

#include "pg/xact.hpp"
#include "extension.hpp"
#include "pg/session_guard.hpp"
#include "pg/compat.hpp"
#include "timer/statements.hpp"

namespace run_as_owner {

// What is deferred fires with the rights of whoever deferred it: the caller's
// before, the owner's after. Constraints are then as they are declared, and
// nothing of the owner's is left in the session.
template <typename F> void call(const extension::ExtensionInfo &ext, F body)
{
	if (GetUserId() == ext.owner)
	{
		body();
		return;
	}
	statements::fire_deferred(ext.plans);
	session_guard::SessionSnapshot before = session_guard::capture(ext.plans, true);
	xact::as(ext.owner, [&] {
		statements::reset_constraints(ext.plans);
		body();
		statements::fire_deferred(ext.plans);
		statements::reset_constraints(ext.plans);
	});
	session_guard::check(ext.plans, before);
	session_guard::cleanup(ext.plans, &before);
}

} // namespace run_as_owner

#endif
