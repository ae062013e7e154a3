// Runs maintenance in rounds: ask which jobs are due, then run their steps, each in a transaction of its own as the tables' owner. The
// worker scans for timers between any two steps. A round is kept in memory only, because an idle database writes nothing. A step that
// fails is recorded, its job is tried again later, and the other jobs go on.
#include "worker/maintenance.hpp"

#include "pg/spi_query.hpp"
#include "pg/xact.hpp"
#include "extension.hpp"
#include "guc.hpp"

namespace maintenance {

namespace {

constexpr spi_query::Query due_jobs_query = {
	R"(SELECT u.jobs, u.next_at FROM campaign_lifecycle_internal._due_maintenance($1, $2) AS u)",
	2,
	{TIMESTAMPTZOID, TIMESTAMPTZOID}};

constexpr spi_query::Query run_step_query = {
	R"(SELECT campaign_lifecycle_internal._run_maintenance_step($1, $2))", 2, {TEXTOID, TIMESTAMPTZOID}};

constexpr spi_query::Query record_failure_query = {
	R"(SELECT campaign_lifecycle_internal._maintenance_failed($1, $2, $3, $4))", 4, {TEXTOID, TIMESTAMPTZOID, TEXTOID, TEXTOID}};

constexpr int64 busy_retry_us = USECS_PER_SEC;

// Makes a month in a database that is paused. Nothing else is written there.
constexpr spi_query::Query make_month_query = {
	R"(SELECT campaign_lifecycle_internal._make_month_while_paused($1))", 1, {TIMESTAMPTZOID}};

struct Round
{
	TimestampTz as_of;
	TimestampTz next_at;
	char **jobs;
	int count;
	int current;
};

Round round; // count == current: no round is in progress
TimestampTz last_round_at = DT_NOBEGIN;
MemoryContext round_memory;

TimestampTz after_naptime()
{
	return GetCurrentTimestamp() + static_cast<int64>(guc::naptime) * 1000;
}

// Read which jobs are due, and when to ask again; DT_NOEND: not planned. since: the last complete round, or DT_NOBEGIN. Return their
// number; their names are allocated in result_cxt.
int read_due_jobs(spi_query::Schema *schema, TimestampTz as_of, TimestampTz since, char ***jobs, TimestampTz *next_at,
				  MemoryContext result_cxt)
{
	Datum arguments[] = {TimestampTzGetDatum(as_of), TimestampTzGetDatum(since)};
	bool is_null;
	Datum *names;
	int count;

	spi_query::run(schema, due_jobs_query, arguments, since == DT_NOBEGIN ? " n" : nullptr);
	*next_at = spi_query::first_time(2);
	Datum due = spi_query::first_value(1, &is_null);
	if (is_null)
		return 0;
	MemoryContext oldcontext = MemoryContextSwitchTo(result_cxt);
	deconstruct_array(DatumGetArrayTypeP(due), TEXTOID, -1, false, TYPALIGN_INT, &names, nullptr, &count);
	*jobs = static_cast<char **>(palloc(sizeof(char *) * count));
	for (int i = 0; i < count; i++)
		(*jobs)[i] = TextDatumGetCString(names[i]);
	MemoryContextSwitchTo(oldcontext);
	return count;
}

enum class StepResult
{
	done,
	more, // to do at once
	busy, // not done, because another session changes privileges
};

// Run a step of a job.
StepResult run_step(spi_query::Schema *schema, const char *job, TimestampTz as_of)
{
	Datum arguments[] = {CStringGetTextDatum(job), TimestampTzGetDatum(as_of)};
	bool is_null;

	spi_query::run(schema, run_step_query, arguments);
	Datum more = spi_query::first_value(1, &is_null);
	if (is_null)
		return StepResult::busy;
	return DatumGetBool(more) ? StepResult::more : StepResult::done;
}

void record_failure(spi_query::Schema *schema, const char *job, TimestampTz as_of, const ErrorData *error)
{
	Datum arguments[] = {CStringGetTextDatum(job), TimestampTzGetDatum(as_of),
						 CStringGetTextDatum(unpack_sql_state(error->sqlerrcode)),
						 CStringGetTextDatum(error->message != nullptr ? error->message : "")};

	spi_query::run(schema, record_failure_query, arguments);
}

// Return whether months are made although timers are paused. A subscriber of logical replication receives rows of the months that the
// publisher makes. A database that was never active here and not paused by hand may be in the middle of a restore, which makes its
// tables itself.
bool makes_months(const extension::ExtensionInfo &ext)
{
	return ext.extension_state == extension::ExtensionState::paused && ext.tables_are_current &&
		   (ext.activation == extension::Activation::paused || ext.activation == extension::Activation::loaded);
}

// Make one missing month. Return whether more are missing.
bool make_month(spi_query::Schema *schema)
{
	Datum arguments[] = {TimestampTzGetDatum(GetCurrentTimestamp())};
	bool is_null;

	spi_query::run(schema, make_month_query, arguments);
	Datum more = spi_query::first_value(1, &is_null);
	return !is_null && DatumGetBool(more);
}

// Begin a round. Where timers are paused, make a month instead. Return whether more months are missing there.
bool begin_round()
{
	bool more_months = false;

	if (round_memory == nullptr)
		round_memory = AllocSetContextCreate(TopMemoryContext, "campaign_lifecycle maintenance", ALLOCSET_SMALL_SIZES);
	MemoryContextReset(round_memory);
	round = {};
	round.as_of = GetCurrentTimestamp();
	round.next_at = DT_NOEND;
	ErrorData *error = xact::run([&] {
		extension::ExtensionInfo ext;

		if (!extension::begin_as_owner(&ext, true))
			return;
		if (ext.extension_state == extension::ExtensionState::ready)
			round.count = read_due_jobs(ext.schema, round.as_of, last_round_at, &round.jobs, &round.next_at, round_memory);
		else if (makes_months(ext))
			more_months = make_month(ext.schema);
	});
	if (error != nullptr)
		ThrowErrorData(error);
	return more_months;
}

void report(const char *job, const ErrorData *error)
{
	ereport(LOG, errcode(error->sqlerrcode),
			errmsg("maintenance job \"%s\" of campaign_lifecycle failed: %s", job, error->message),
			errhint("It is tried again; see campaign_maintenance_jobs."));
}

// Run the next step of the round. Return false if it must be tried again later.
bool run_current()
{
	const char *job = round.jobs[round.current];
	StepResult result = StepResult::done;
	ErrorData *error = xact::run([&] {
		extension::ExtensionInfo ext;

		if (extension::begin_as_owner(&ext))
			result = run_step(ext.schema, job, round.as_of);
	});
	if (error != nullptr)
	{
		report(job, error);
		error = xact::run([&, cause = error] {
			extension::ExtensionInfo ext;

			if (extension::begin_as_owner(&ext))
				record_failure(ext.schema, job, round.as_of, cause);
		});
		if (error != nullptr)
			report(job, error);
	}
	if (result == StepResult::done)
		round.current++;
	return result != StepResult::busy;
}

} // namespace

TimestampTz last_round()
{
	return last_round_at;
}

void go_on_after(TimestampTz round)
{
	last_round_at = round;
}

TimestampTz step()
{
	if (round.current < round.count)
	{
		if (!run_current())
			return GetCurrentTimestamp() + busy_retry_us;
	}
	else if (begin_round())
		return DT_NOBEGIN;
	if (round.current < round.count)
		return DT_NOBEGIN;
	last_round_at = round.as_of;
	return round.next_at == DT_NOEND ? after_naptime() : round.next_at;
}

} // namespace maintenance
