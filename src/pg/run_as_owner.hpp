// With the rights of the tables' owner, in a client's session.
#ifndef CAMPAIGN_RUN_AS_OWNER_HPP
#define CAMPAIGN_RUN_AS_OWNER_HPP

#include "pg/xact.hpp"
#include "extension.hpp"
#include "pg/session_guard.hpp"
#include "pg/compat.hpp"

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
	session_guard::fire_deferred(ext.schema);
	session_guard::SessionSnapshot before = session_guard::capture(ext.schema, true);
	xact::as(ext.owner, [&] {
		session_guard::reset_constraints(ext.schema);
		body();
		session_guard::fire_deferred(ext.schema);
		session_guard::reset_constraints(ext.schema);
	});
	session_guard::check(ext.schema, before);
	session_guard::cleanup(ext.schema, &before);
}

} // namespace run_as_owner

#endif
