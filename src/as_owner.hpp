// With the rights of the tables' owner, in a client's session.
#ifndef CAMPAIGN_AS_OWNER_HPP
#define CAMPAIGN_AS_OWNER_HPP

#include "bracket.hpp"
#include "extension.hpp"
#include "leftovers.hpp"
#include "pg.hpp"
#include "statements.hpp"

namespace as_owner {

// What is deferred fires with the rights of whoever deferred it: the caller's
// before, the owner's after. Constraints are then as they are declared, and
// nothing of the owner's is left in the session.
template <typename F> void fenced(const extension::Site &site, F body)
{
	if (GetUserId() == site.owner)
	{
		body();
		return;
	}
	statements::fire_deferred(site.plans);
	leftovers::Before before = leftovers::look(site.plans, true);
	bracket::as(site.owner, [&] {
		statements::reset_constraints(site.plans);
		body();
		statements::fire_deferred(site.plans);
		statements::reset_constraints(site.plans);
	});
	leftovers::refuse(site.plans, before);
	leftovers::drop(site.plans, &before);
}

} // namespace as_owner

#endif
