// The worker's steps of one timer: those that run alone, and what is recovered before the first batch of a full scan.
#ifndef CAMPAIGN_WORKER_RECOVERY_HPP
#define CAMPAIGN_WORKER_RECOVERY_HPP

#include "extension.hpp"
#include "pg/compat.hpp"
#include "worker/worker_schedule.hpp"

namespace worker_recovery {

struct SingleResult
{
	worker_schedule::Single outcome;
	TimestampTz follow_up; // the earliest due timer of the same campaign, or DT_NOEND
	ErrorData *error;      // none was tried because of it
};

struct Result
{
	extension::ExtensionState extension_state;
	worker_schedule::Recovery outcome;
	ErrorData *error; // not logged yet
};

// Run one timer that runs alone, scheduled since a time.
SingleResult run_single(TimestampTz since);

// Make one step of recovery.
Result step();

} // namespace worker_recovery

#endif
