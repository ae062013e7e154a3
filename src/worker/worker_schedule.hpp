// Decides when a worker scans for timers, and from where. It is pure: no clock, no SQL, no shared memory. The worker asks decide()
// for one step, makes it, and tells the function after_...() of that step how it went. All times are arguments, so the tests in
// test/unit need no server.
#ifndef CAMPAIGN_WORKER_SCHEDULE_HPP
#define CAMPAIGN_WORKER_SCHEDULE_HPP

#include "pg/timestamp.hpp"

namespace worker_schedule {

// A delay that doubles each time, until it is reset.
struct Backoff
{
	int64 min_us;
	int64 max_us;
	int64 next_us;
};

// Timers that were due but locked or postponed.
struct Blocked
{
	TimestampTz from;       // the earliest of them; DT_NOEND if there is none
	TimestampTz try_at;     // when to try them again, because the lock may be gone
	TimestampTz not_before; // but not before this, because scans for them may take a hundredth of the time
};

// Waits for the rows of a blocked timer that short transactions lock again and again, so that no claim finds them free.
struct RowWait
{
	TimestampTz not_before; // no wait before this; DT_NOEND while no timer is blocked
	TimestampTz last_at;
	Backoff backoff; // after waits that have failed
};

struct Schedule
{
	// The pass in progress: a walk over the timers that are due.
	TimestampTz pass_start;      // the earliest time it covers; DT_NOEND if no pass is in progress
	TimestampTz scan_from;       // the next claim begins here: all that is due before is claimed, locked, or blocked
	TimestampTz rescanned_at;    // the earliest blocked timer for which the pass has gone back already
	TimestampTz busy_since;      // since when it has neither slept nor done maintenance; DT_NOEND if it just has
	int rescans;                 // how often the pass has gone back for timers that it may have made due itself
	bool went_back;              // the pass tries blocked timers again
	bool full;                   // the pass covers all time, and its first batch has not run
	bool recover;                // lost timers and a crash are seen to before its next batch
	bool single;                 // a timer that runs alone is next
	bool over;                   // and nothing else is left to do in the pass
	TimestampTz elsewhere_since; // since when another process has handled a crash; DT_NOEND if none does

	// The reasons to start a pass.
	TimestampTz next_due;     // the earliest timer that is not due yet
	Blocked blocked;          // a scan for these is cheap
	Blocked far_blocked;      // a scan for these walks over so much of the past that the others must not wait for its share
	TimestampTz full_scan_at; // when to scan everything, whatever is known
	RowWait row_wait;

	// The reasons to wait.
	Backoff lock_backoff;  // for locked timers and transient errors
	Backoff error_backoff; // for other errors of a whole batch
	TimestampTz retry_at;  // no step before this
	bool paused;           // no timer is executed in this database

	TimestampTz maintenance_at; // DT_NOEND if another worker does it
	int batch_limit;
	bool isolate_transient; // the last batch met a transient error, so the next one is split even for such an error
	bool set_back;          // the clock, since the last decision
	TimestampTz last_now;
};

inline bool is_in_pass(const Schedule *schedule)
{
	return schedule->pass_start != DT_NOEND;
}

// The settings that the schedule obeys, as they are now.
struct Limits
{
	int64 naptime_us;
	int64 stagger_us; // how much later than a timer is due this worker wakes for it
	int max_batch;
};

enum class Step
{
	sleep,
	recover,     // timers of lost processes, and those that may have caused a crash
	batch,       // one batch
	single,      // one timer that runs alone
	row_wait,    // wait for the rows of one blocked timer, and execute it
	maintenance, // one step
};

struct Action
{
	Step step;
	TimestampTz from;        // batch: claim from here; row_wait: the earliest timer
	int64 limit_us;          // row_wait: it ends after this time
	bool is_overdue;         // row_wait: timers that become due do not end it
	TimestampTz pass_start;  // batch and single: what still waits is asked for from here
	int limit;               // batch: timers to claim
	bool isolate_transient;  // batch: a transient error, too, is split
	TimestampTz until;       // sleep
	TimestampTz wake_before; // sleep: a commit that brings a timer before this ends it
	bool until_due;          // sleep: a timer is due when it ends
};

// One batch that was committed.
struct Batch
{
	TimestampTz as_of;
	int claimed;
	int postponed;
	bool full;                    // there may be more to claim
	bool isolated;                // it failed as a whole and was split
	bool has_single;              // there may be timers that run alone
	TimestampTz claimed_to;       // the next claim begins here
	TimestampTz earliest_blocked; // due since pass_start but still waiting; DT_NOEND if there is none
	TimestampTz next_due;         // the earliest timer due after as_of
	int64 scan_us;                // the time it took to find all this
};

enum class Recovery
{
	complete,
	in_progress,
	failed,
	elsewhere, // another process is at it
	unsure,    // complete, but any timer may have caused the crash
};

enum class Single
{
	tried, // there may be another one
	none,
};

enum class Waited
{
	executed, // the timer
	busy,     // another transaction had the rows each time
	held,     // by transactions that last longer than a wait
	none,     // nothing is blocked
};

enum class Unready
{
	busy,   // the extension is being changed
	paused, // timers are not executed
};

Schedule start(const Limits &limits, bool does_maintenance);

// Return the next step. wakeup: the earliest timer that other sessions have committed since the last call, or DT_NOEND. A wakeup at
// DT_NOBEGIN says that anything may have changed.
Action decide(Schedule *schedule, TimestampTz now, TimestampTz wakeup, const Limits &limits);

void after_batch(Schedule *schedule, TimestampTz now, const Batch &batch, const Limits &limits);

// To be called after a batch that was undone as a whole.
void after_error(Schedule *schedule, TimestampTz now, bool transient);

void after_single(Schedule *schedule, TimestampTz now, Single outcome, TimestampTz follow_up);

// scan_us: the time that finding the timer took.
void after_row_wait(Schedule *schedule, TimestampTz now, Waited outcome, TimestampTz follow_up, int64 scan_us);

void after_recovery(Schedule *schedule, TimestampTz now, Recovery outcome);
void after_maintenance(Schedule *schedule, TimestampTz now, TimestampTz next);

// Return when the timers need a process. A worker that could leave its own to another database asks that. Work that is hindered, as by
// locks and errors, rests for so long at least.
TimestampTz needed_at(const Schedule &schedule, TimestampTz now, int64 rest_us);

// Return whether locks or errors keep timers from their execution.
bool is_hindered(const Schedule &schedule);

// To be called after a batch or a recovery that found that no timer may be executed.
void on_extension_state(Schedule *schedule, TimestampTz now, Unready state, const Limits &limits);

// To be called after an error of no step in particular, such as a cancel request while the worker sleeps.
void on_stray_error(Schedule *schedule, TimestampTz now);

void on_reload(Schedule *schedule, TimestampTz now, const Limits &limits);

} // namespace worker_schedule

#endif
