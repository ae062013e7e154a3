// Switches to the search_path of users' code. Triggers, defaults and checks of users resolve their names under it.
// Functions of the extension have a search_path of their own, which code of users must not see.
#ifndef CAMPAIGN_USERS_PATH_HPP
#define CAMPAIGN_USERS_PATH_HPP

#include <type_traits>

#include "guc.hpp"
#include "pg/xact.hpp"

namespace users_path {

// Define the hidden setting that functions of the extension set, and install the hooks that look at it.
void define();

// Return the search_path that was in force when the innermost functions of the extension were called. It is the
// present search_path if no function with the hidden setting is running.
const char *of_caller();

// Begin and end a search_path. begin() returns the nest level, or 0 if it is in force already. An abort of the transaction or subtransaction ends it too.
int begin(const char *path);
void end(int level);

// Run the body under a search_path.
template <typename F> void run(const char *path, F body)
{
	static_assert(std::is_trivially_destructible<F>::value, "an ERROR would skip the destructor");
	int level = begin(path);

	body();
	end(level);
}

// Run the body as the owner of the tables, under the search_path of campaign_lifecycle.search_path. A caller must not
// choose the names that the owner's triggers resolve.
template <typename F> void run_as_owner(Oid owner, F body)
{
	xact::as_user(owner, [&] { run(guc::search_path, body); });
}

} // namespace users_path

#endif
