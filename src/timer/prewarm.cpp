// Reads what a batch will read, shortly before its timer is due. Exists for speed alone. While the worker sleeps, the
// processor's caches and the caches of the system catalogs go cold. A timer that is alone in its batch then spends most
// of its time waiting for memory. -DNO_PREWARM builds without it, and bench/without measures what it gains.
//
// Read are the claim, the state machine, the policies, the rows, and the pages of indexes where their new entries go.
#include "timer/prewarm.hpp"

#include "pg/xact.hpp"
#include "extension.hpp"
#include "timer/state_machine.hpp"
#include "row/row_writer.hpp"
#include "row/written_columns.hpp"
#include "timer/claim.hpp"
#include "timer/timer_policies.hpp"
#include "pg/uuid.hpp"

namespace prewarm {

using row_writer::prewarm_row;
using claim::Timer;

namespace {

#ifdef NO_PREWARM
constexpr bool prewarms = false;
#else
constexpr bool prewarms = true;
#endif

constexpr Datum unknown = static_cast<Datum>(0);

// Return the id of a new row, which is greater than all others.
Datum new_id()
{
	pg_uuid_t *id = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t)));

	uuid::make(id);
	return UUIDPGetDatum(id);
}

// Prewarm the INSERT of a row. A value of 0 is one that is not known yet and is taken for NULL.
template <int N>
void prewarm_insert(Oid schema, const char *table, const row_writer::Column (&columns)[N], const Datum (&values)[N])
{
	bool nulls[N];

	for (int i = 0; i < N; i++)
		nulls[i] = values[i] == unknown;
	prewarm_row(schema, table, columns, N, values, nulls, nullptr, nullptr);
}

// Prewarm the state change of the campaign.
void prewarm_state_change(Oid schema, const Timer *timer, const state_machine::Rule &rule)
{
	Datum values[] = {rule.to_state};

	prewarm_row(schema, "campaigns", written_columns::state_change, lengthof(values), values, nullptr, &timer->campaign_tid,
				&timer->campaign);
}

// Prewarm the completion of the timer.
void prewarm_completion(Oid schema, const Timer *timer, TimestampTz due)
{
	constexpr auto &columns = written_columns::completed_timer;
	Datum values[lengthof(columns)] = {CStringGetTextDatum("COMPLETED"), TimestampTzGetDatum(due)};

	prewarm_row(schema, "campaign_timers", columns, lengthof(columns), values, nullptr, &timer->tid, &timer->id);
}

// Return whether a timer of the type waits.
bool is_pending(const timer_policies::PendingTimer *pending, int count, Datum type)
{
	for (int i = 0; i < count; i++)
		if (pg::same_text(pending[i].type, type))
			return true;
	return false;
}

// Prewarm what the policies read, and the timers that the new state brings. Their time is not known yet and is taken
// for now.
void prewarm_policies(spi_query::Schema *schema, const state_machine::StateMachine &state_machine, const Timer *timer,
					  Datum to_state, TimestampTz due)
{
	Datum campaign = UUIDPGetDatum(&timer->campaign);
	Datum campaign_tid = PointerGetDatum(&timer->campaign_tid);
	Datum campaigns = spi_query::array_of(&campaign, nullptr, 1, UUIDOID);
	int count;

	(void) timer_policies::read_campaigns(schema, campaigns, spi_query::array_of(&campaign_tid, nullptr, 1, TIDOID), 1);
	timer_policies::PendingTimer *pending = timer_policies::pending_timers_of(schema, campaigns, &count);

	for (int i = 0; i < state_machine.policy_count; i++)
	{
		const state_machine::Policy *policy = &state_machine.policies[i];

		if (!pg::same_text(policy->state, to_state) || is_pending(pending, count, policy->timer_type))
			continue;
		prewarm_insert(schema->oid, "campaign_timers", written_columns::new_timer,
					   {new_id(), campaign, policy->timer_type, TimestampTzGetDatum(due), unknown});
	}
}

// Prewarm the rows that record the execution.
void prewarm_records(Oid schema, const Timer *timer, TimestampTz due)
{
	Datum at = TimestampTzGetDatum(due);

	prewarm_insert(schema, "timer_executions", written_columns::execution,
				   {new_id(), UUIDPGetDatum(&timer->id), CStringGetTextDatum("COMPLETED"), unknown, at, at, unknown});
	prewarm_insert(schema, "campaign_metrics", written_columns::metric,
				   {new_id(), UUIDPGetDatum(&timer->campaign), CStringGetTextDatum("STATE_TRANSITION_TIME"), unknown, at});
}

// Prewarm the log entry. A log of another owner is left alone. Its defaults and partitions are that owner's code,
// which must not run with the privileges of this one.
void prewarm_log(Oid schema, const Timer *timer, const state_machine::Rule &rule, TimestampTz due)
{
	if (pg::owner_of(get_relname_relid("campaign_state_log", schema)) != GetUserId())
		return;
	prewarm_insert(
		schema, "campaign_state_log", written_columns::log_entry,
		{new_id(), UUIDPGetDatum(&timer->campaign), timer->state, rule.to_state, timer->type, unknown, TimestampTzGetDatum(due)});
}

// Prewarm a batch of one timer, the first that is due at this time.
void prewarm_batch(spi_query::Schema *schema, TimestampTz due)
{
	// The claim of a range that holds no timer locks nothing.
	(void) claim::lock_due(schema, due - 1, due, 1, nullptr, CurrentMemoryContext);
	claim::Claim claimed = claim::peek(schema, due, 1);
	state_machine::StateMachine state_machine = state_machine::read(schema);
	if (claimed.count == 0)
		return;
	const Timer *timer = &claimed.timers[0];
	state_machine::Rule rule = state_machine::rule_for(state_machine, timer->state, timer->type);
	if (rule.to_state != 0)
		prewarm_state_change(schema->oid, timer, rule);
	prewarm_completion(schema->oid, timer, due);
	if (rule.to_state != 0)
		prewarm_policies(schema, state_machine, timer, rule.to_state, due);
	prewarm_records(schema->oid, timer, due);
	if (rule.to_state != 0)
		prewarm_log(schema->oid, timer, rule, due);
}

} // namespace

void run(TimestampTz due)
{
	if (!prewarms)
		return;
	(void) xact::run([&] {
		extension::ExtensionInfo ext;

		if (extension::begin_as_owner(&ext))
			prewarm_batch(ext.schema, due);
	});
}

} // namespace prewarm
