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

// Set *crashed to whether the server has crashed since note_clean_run(). Return an error or nullptr.
ErrorData *check_for_crash(bool *crashed);

// Note that all timers that were due at the crash have been run. Return an error or nullptr.
ErrorData *note_clean_run();

} // namespace crash_recovery

#endif
