// Defines the settings when the library is loaded, with or without shared_preload_libraries, so that every session reads the same names
// and defaults. A worker pins other settings once after it has connected.
#include "guc.hpp"

#include "pg/limits.hpp"

namespace guc {

bool enabled = true;
int workers = 1;
int worker_limit = 0;
int batch_size = 1000;
int naptime = 60000;
int retry_base_delay = 60000;
double retry_jitter = 0.1;
int max_attempts = limits::attempts;
int handler_timeout = 30000;
bool record_metrics = true;
char *search_path = nullptr;
char *notify_events = nullptr;
char *trigger_event = nullptr;
char *changed_by = nullptr;
char *log_metadata = nullptr;
char *by_policy = nullptr;
bool preloaded = false;
TimestampTz as_of = DT_NOBEGIN;

namespace {

char *as_of_text = nullptr;

constexpr int most_processes = 262143; // of a server, as for max_worker_processes
constexpr int day_ms = 24 * 60 * 60 * 1000;

struct Switch
{
	const char *name;
	const char *about;
	bool *variable;
};

constexpr Switch switches[] = {
	{"campaign_lifecycle.enabled", "Runs the timers of every database of this server.", &enabled},
	{"campaign_lifecycle.record_metrics", "Records a metric for each executed timer and each state change.", &record_metrics},
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
	{"campaign_lifecycle.max_workers", "Number of worker processes in all databases together at most; 0 is no limit.",
	 &worker_limit, 0, most_processes, 0},
	{"campaign_lifecycle.batch_size", "Number of timers that one transaction executes at most.", &batch_size, 1, 10000, 0},
	{"campaign_lifecycle.naptime", "Longest time between two scans for due timers, if nothing wakes the worker.", &naptime, 100,
	 60 * 60 * 1000, GUC_UNIT_MS},
	{"campaign_lifecycle.retry_base_delay", "Time to wait after the first failed attempt; doubled after each further one.",
	 &retry_base_delay, 1, day_ms, GUC_UNIT_MS},
	{"campaign_lifecycle.max_attempts", "Number of attempts after which a timer is dead.", &max_attempts, 1, limits::attempts, 0},
	{"campaign_lifecycle.handler_timeout", "Longest time a handler may take.", &handler_timeout, 1, day_ms, GUC_UNIT_MS},
};

// The events that notify_events can name.
constexpr const char *events[] = {
	"campaign.created", "campaign.status.changed", "reward.reminder", "timer.executed", "timer.retry_scheduled", "timer.failed",
};

bool is_separator(char c)
{
	return c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '"';
}

// Find the next word of a list. Return its length, or 0 at the end of the list.
size_t next_word(const char **word)
{
	size_t length = 0;

	while (is_separator(**word))
		(*word)++;
	while ((*word)[length] != '\0' && !is_separator((*word)[length]))
		length++;
	return length;
}

bool is_word(const char *word, size_t length, const char *name)
{
	return length == strlen(name) && pg_strncasecmp(word, name, length) == 0;
}

// Refuse a list with a name that is no event.
bool check_notify_events(char **value, void **, GucSource)
{
	const char *word = *value;

	for (size_t length; (length = next_word(&word)) > 0; word += length)
	{
		bool is_event = false;

		for (const char *event : events)
			is_event = is_event || is_word(word, length, event);
		if (is_event)
			continue;
		GUC_check_errdetail("There is no event \"%.*s\".", static_cast<int>(length), word);
		GUC_check_errhint("Events are %s, %s, %s, %s, %s and %s.", events[0], events[1], events[2], events[3], events[4],
						  events[5]);
		static_assert(lengthof(events) == 6, "the hint names all events");
		return false;
	}
	return true;
}

struct Text
{
	const char *name;
	const char *about;
	char **variable;
	GucContext context;
	int flags;
	GucStringCheckHook check;
};

constexpr Text texts[] = {
	{"campaign_lifecycle.notify_events", "Events to send on the channel campaign_lifecycle.", &notify_events, PGC_SIGHUP,
	 GUC_LIST_INPUT, check_notify_events},
	{"campaign_lifecycle.trigger_event", "Event that this session's state changes are logged with.", &trigger_event, PGC_USERSET,
	 0, nullptr},
	{"campaign_lifecycle.changed_by", "Author that this session's state changes are logged with.", &changed_by, PGC_USERSET, 0,
	 nullptr},
	{"campaign_lifecycle._log_metadata", "JSON object that is added to the log's metadata.", &log_metadata, PGC_USERSET,
	 GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE, nullptr},
	{"campaign_lifecycle._by_policy", "Whether timers are cancelled by policies, and not by a user.", &by_policy, PGC_USERSET,
	 GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE, nullptr},
};

// Return whether the text is a list of names, as a search_path is.
bool is_list_of_names(char **value, void **, GucSource)
{
	List *names = NIL;
	char *copy = pstrdup(*value);
	bool is_list = SplitIdentifierString(copy, ',', &names);

	if (!is_list)
		GUC_check_errdetail("List syntax is invalid.");
	list_free(names);
	pfree(copy);
	return is_list;
}

// Follow the hidden setting that holds as_of in microseconds. An empty one stands for the clock.
void assign_as_of(const char *value, void *) noexcept
{
	as_of = value == nullptr || value[0] == '\0' ? DT_NOBEGIN : static_cast<TimestampTz>(strtoll(value, nullptr, 10));
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
	DefineCustomStringVariable("campaign_lifecycle.search_path",
							   "Schemas in which triggers, defaults and checks find names where the tables' owner writes.",
							   nullptr, &search_path, "\"$user\", public", PGC_SIGHUP, GUC_LIST_INPUT, is_list_of_names, nullptr,
							   nullptr);
	DefineCustomRealVariable("campaign_lifecycle.retry_jitter", "Share of the retry delay that is left to chance.", nullptr,
							 &retry_jitter, retry_jitter, 0.0, 1.0, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
	for (const Text &t : texts)
		DefineCustomStringVariable(t.name, t.about, nullptr, t.variable, "", t.context, t.flags, t.check, nullptr, nullptr);
	// Only C++ sets it, while a call lasts. A superuser could, too.
	DefineCustomStringVariable("campaign_lifecycle._as_of", "Time at which run_due_timers() runs timers.", nullptr, &as_of_text,
							   "", PGC_SUSET, GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE, nullptr, assign_as_of, nullptr);
	preloaded = process_shared_preload_libraries_in_progress;
	MarkGUCPrefixReserved("campaign_lifecycle");
}

TimestampTz now()
{
	return as_of != DT_NOBEGIN ? as_of : GetCurrentTimestamp();
}

bool notifies(const char *event)
{
	const char *word = notify_events;

	if (word == nullptr)
		return false;
	for (size_t length; (length = next_word(&word)) > 0; word += length)
		if (is_word(word, length, event))
			return true;
	return false;
}

void pin()
{
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
	pin_after_reload();
	for (const Text &t : texts)
		if (t.context == PGC_USERSET)
			override(t.name, "");
	override("campaign_lifecycle._as_of", "");
	if (pg::has_transaction_timeout)
		override("transaction_timeout", "0");
}

// Keep lock_timeout below deadlock_timeout. In a deadlock with a user's transaction the worker then fails before the server looks for a
// transaction to cancel. Users' triggers see search_path, and statements of the worker do not depend on it.
void pin_after_reload()
{
	int lock_ms = greatest(DeadlockTimeout / 2, 1);
	char value[16];

	snprintf(value, sizeof(value), "%d", lock_ms);
	override("lock_timeout", value);
	override("search_path", search_path);
}

} // namespace guc

// Return whether notify_events lists this event.
SQL_FUNCTION(_notifies)
{
	PG_RETURN_BOOL(guc::notifies(text_to_cstring(PG_GETARG_TEXT_PP(0))));
}
