// Defines the settings when the library is loaded, with or without shared_preload_libraries, so that every session reads the same names
// and defaults. A worker pins other settings once after it has connected.
#include "guc.hpp"

namespace guc {

bool enabled = true;
int workers = 1;
int batch_size = 1000;
int naptime = 60000;
int retry_base_delay = 60000;
double retry_jitter = 0.1;
int max_attempts = attempt_limit;
int handler_timeout = 30000;
bool record_metrics = true;
char *notify_events = nullptr;
char *trigger_event = nullptr;
char *changed_by = nullptr;
char *log_metadata = nullptr;
char *by_policy = nullptr;

namespace {

constexpr int day_ms = 24 * 60 * 60 * 1000;

struct Switch
{
	const char *name;
	const char *about;
	bool *variable;
};

constexpr Switch switches[] = {
	{"campaign_lifecycle.enabled", "Runs the timers of every database of this server.", &enabled},
	{"campaign_lifecycle.record_metrics", "Records a metric for each executed timer and each move.", &record_metrics},
};

struct Number
{
	const char *name;
	const char *about;
	int *variable;
	int least;
	int most;
	int flags;
};

constexpr Number numbers[] = {
	{"campaign_lifecycle.workers", "Number of worker processes in each database.", &workers, 1, max_workers, 0},
	{"campaign_lifecycle.batch_size", "Number of timers that one transaction executes at most.", &batch_size, 1, 10000, 0},
	{"campaign_lifecycle.naptime", "Longest time between two looks for due timers; the net, not the wake-up.", &naptime, 100,
	 60 * 60 * 1000, GUC_UNIT_MS},
	{"campaign_lifecycle.retry_base_delay", "Time to wait after the first failed attempt; doubled after each further one.",
	 &retry_base_delay, 1, day_ms, GUC_UNIT_MS},
	{"campaign_lifecycle.max_attempts", "Number of attempts after which a timer is dead.", &max_attempts, 1, attempt_limit, 0},
	{"campaign_lifecycle.handler_timeout", "Longest time a handler may take.", &handler_timeout, 1, day_ms, GUC_UNIT_MS},
};

struct Text
{
	const char *name;
	const char *about;
	char **variable;
	GucContext context;
	int flags;
};

constexpr Text texts[] = {
	{"campaign_lifecycle.notify_events", "Events to send on the channel campaign_lifecycle.", &notify_events, PGC_SIGHUP,
	 GUC_LIST_INPUT},
	{"campaign_lifecycle.trigger_event", "Event that this session's moves of campaigns are logged with.", &trigger_event,
	 PGC_USERSET, 0},
	{"campaign_lifecycle.changed_by", "Author that this session's moves of campaigns are logged with.", &changed_by, PGC_USERSET,
	 0},
	{"campaign_lifecycle._log_metadata", "JSON object that is added to the log's metadata.", &log_metadata, PGC_USERSET,
	 GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE},
	{"campaign_lifecycle._by_policy", "Whether timers are cancelled by policies, and not by a user.", &by_policy, PGC_USERSET,
	 GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE},
};

bool is_separator(char c)
{
	return c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '"';
}

void override(const char *name, const char *value)
{
	SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
}

} // namespace

void define()
{
	for (const Switch &s : switches)
		DefineCustomBoolVariable(s.name, s.about, nullptr, s.variable, *s.variable, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
	for (const Number &n : numbers)
		DefineCustomIntVariable(n.name, n.about, nullptr, n.variable, *n.variable, n.least, n.most, PGC_SIGHUP, n.flags, nullptr,
								nullptr, nullptr);
	DefineCustomRealVariable("campaign_lifecycle.retry_jitter", "Share of the retry delay that is left to chance.", nullptr,
							 &retry_jitter, retry_jitter, 0.0, 1.0, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
	for (const Text &t : texts)
		DefineCustomStringVariable(t.name, t.about, nullptr, t.variable, "", t.context, t.flags, nullptr, nullptr, nullptr);
	MarkGUCPrefixReserved("campaign_lifecycle");
}

bool notifies(const char *event)
{
	size_t length = strlen(event);

	if (notify_events == nullptr)
		return false;
	for (const char *word = notify_events; *word != '\0';)
	{
		size_t end = 0;

		while (is_separator(*word))
			word++;
		while (word[end] != '\0' && !is_separator(word[end]))
			end++;
		if (end == length && pg_strncasecmp(word, event, length) == 0)
			return true;
		word += end;
	}
	return false;
}

void pin()
{
	override("search_path", "pg_catalog, pg_temp");
	override("role", "none");
	override("default_transaction_read_only", "off");
	override("default_transaction_isolation", "read committed");
	override("default_transaction_deferrable", "off");
	override("session_replication_role", "origin");
	override("row_security", "off");
	override("statement_timeout", "0");
	override("idle_in_transaction_session_timeout", "0");
	override("idle_session_timeout", "0");
	override("timezone", "UTC");
	override("datestyle", "ISO, YMD");
	override("intervalstyle", "postgres");
	override("client_min_messages", "warning");
	override("check_function_bodies", "on");
	// These change the meaning of a function's text.
	override("standard_conforming_strings", "on");
	override("transform_null_equals", "off");
	override("array_nulls", "on");
	pin_lock_timeout();
	for (const Text &t : texts)
		if (t.context == PGC_USERSET)
			override(t.name, "");
	if (pg::has_transaction_timeout)
		override("transaction_timeout", "0");
}

// Keep lock_timeout below deadlock_timeout. In a deadlock with a user's transaction the worker then fails before the server looks for a
// transaction to cancel.
void pin_lock_timeout()
{
	int lock_ms = greatest(DeadlockTimeout / 2, 1);
	char value[16];

	snprintf(value, sizeof(value), "%d", lock_ms);
	override("lock_timeout", value);
}

} // namespace guc
