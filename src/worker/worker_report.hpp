// A worker's state for users: its slot in shared memory, pg_stat_activity, the server's log.
#ifndef CAMPAIGN_WORKER_REPORT_HPP
#define CAMPAIGN_WORKER_REPORT_HPP

#include "extension.hpp"
#include "timer/crash_recovery.hpp"
#include "timer/single_timer.hpp"
#include "pg/compat.hpp"
#include "timer/batch.hpp"
#include "timer/blocked_timer.hpp"

namespace worker_report {

void show_running();
void show_maintenance();
void show_idle();

// Show why no timer runs.
void show_unready(extension::ExtensionState extension_state);

// Tell the launcher and, the first time, the log that the extension is in this database.
void found_extension();

void count_batch(const batch::BatchResult &result);
void count_blocked(const blocked_timer::Result &result);
void count_single(const single_timer::SingleResult &result);

// Log an error, at most once a minute.
void log_error(const ErrorData *error);

// Format a time for a debug message.
char *text_of(TimestampTz time);

} // namespace worker_report

#endif
