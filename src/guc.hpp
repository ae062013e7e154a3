// The settings of the extension. The server keeps these variables up to date; times are in milliseconds.
#ifndef CAMPAIGN_GUC_HPP
#define CAMPAIGN_GUC_HPP

#include "pg/compat.hpp"

namespace guc {

constexpr int max_workers = 64;

extern bool enabled;
extern int workers;
extern int worker_limit; // of all databases together; 0 is none
extern int batch_size;
extern int naptime;
extern int retry_base_delay;
extern double retry_jitter;
extern int max_attempts;
extern int handler_timeout;
extern bool record_metrics;
extern char *search_path;
extern char *notify_events;
extern char *trigger_event;
extern char *changed_by;
extern char *log_metadata;
extern char *by_policy;
extern bool preloaded;    // the library is in shared_preload_libraries, so that workers may run
extern TimestampTz as_of; // the time that run_due_timers() was given, or DT_NOBEGIN

void define();

// Return the present time for stamps: as_of if timers run at a given time, the clock otherwise.
TimestampTz now();

// Return whether notify_events lists this event.
bool notifies(const char *event);

// Pin the settings that ALTER DATABASE or ALTER ROLE could change, in a process of ours after it has connected.
void pin();

// Pin again what depends on settings that a reload may have changed: search_path, and lock_timeout, which depends on
// deadlock_timeout.
void pin_after_reload();

} // namespace guc

#endif
