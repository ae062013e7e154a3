// Recovers timers that a lost process or a crash of the server has left RUNNING.
#ifndef CAMPAIGN_CRASH_RECOVERY_HPP
#define CAMPAIGN_CRASH_RECOVERY_HPP

#include "extension.hpp"

namespace crash_recovery {

struct RecoveryResult
{
	extension::ExtensionState extension_state;
	bool is_ready; // timers may run here
	int lost;
	ErrorData *error;
};

// Record a failed attempt of each timer that was RUNNING in a process that is gone.
RecoveryResult recover_lost();

enum class Crash
{
	none,      // since the last note_clean_run()
	ours,      // for this process to handle
	elsewhere, // another process handles it
};

// Find out whether the server has crashed. Let one process of the database handle that, until release_crash() or its end. Without a crash,
// remove the notes that are left. Return an error or nullptr.
ErrorData *check_for_crash(Crash *crash);
void release_crash();

// The same for a client, whose transaction handles the crash until its end.
Crash check_for_client();

// Note that the crash has been handled. Return an error or nullptr.
ErrorData *note_clean_run();
void note_clean_run_for_client();

} // namespace crash_recovery

#endif
