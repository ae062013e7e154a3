// Loads the library. A session that loads it gets the settings, the triggers and run_due_timers(). A server that preloads it also gets
// the shared memory, the hooks and the launcher.

#include "pg/compat.hpp"
#include "pg/users_path.hpp"
#include "worker/ddl_hooks.hpp"
#include "worker/launcher.hpp"
#include "trigger/pending_changes.hpp"
#include "guc.hpp"
#include "worker/shmem.hpp"
#include "worker/wakeup.hpp"

extern "C" {
PG_MODULE_MAGIC;
PGDLLEXPORT void _PG_init();
}

void _PG_init()
{
	users_path::define();
	guc::define();
	wakeup::register_callbacks();
	pending_changes::register_callbacks();
	if (!process_shared_preload_libraries_in_progress)
		return;
	shmem::request();
	ddl_hooks::install_hooks();
	// pg_upgrade starts the old server with the library, and no timer may run there.
	if (!IsBinaryUpgrade)
		launcher::register_process();
}
