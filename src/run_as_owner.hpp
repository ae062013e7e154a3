// Runs code with the privileges of the tables' owner in a client's session.
#ifndef CAMPAIGN_RUN_AS_OWNER_HPP
#define CAMPAIGN_RUN_AS_OWNER_HPP

#include "pg/xact.hpp"
#include "extension.hpp"
#include "pg/session_guard.hpp"
#include "pg/compat.hpp"
#include "pg/users_path.hpp"

namespace run_as_owner {

// Run the body as the owner. A deferred trigger must fire with the privileges of the role that deferred it. So the
// caller's triggers fire before the switch, and the owner's before the switch back. Constraints are afterwards as
// they are declared, and the owner's temporary objects are removed from the session. The caller's triggers see the
// caller's search_path, and the owner's see the setting campaign_lifecycle.search_path.
template <typename F> void call(const extension::ExtensionInfo &ext, F body)
{
	if (GetUserId() == ext.owner)
	{
		users_path::run(guc::search_path, body);
		return;
	}
	users_path::run(users_path::of_caller(), [&] { session_guard::fire_deferred(ext.schema); });
	session_guard::SessionSnapshot snapshot = session_guard::capture(ext.schema, true);
	users_path::run_as_owner(ext.owner, [&] {
		session_guard::reset_constraints(ext.schema);
		body();
		session_guard::fire_deferred(ext.schema);
		session_guard::reset_constraints(ext.schema);
	});
	session_guard::check(ext.schema, snapshot);
	session_guard::cleanup(ext.schema, &snapshot);
}

} // namespace run_as_owner

#endif
