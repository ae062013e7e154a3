// Timers that a lost process or a crash of the server has left.
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

// Tell whether the server has crashed since note_clean_run().
ErrorData *check_for_crash(bool *crashed);

// Note that all timers that were due at the crash have been run.
ErrorData *note_clean_run();

} // namespace crash_recovery

#endif
