// Most of the microseconds of a timer that is alone in its batch go by waiting for
// memory: between two timers the caches of the processor, and of what the process knows
// of the server's catalogs, go cold. So the worker reads shortly before a timer is
// due what its batch will read: the claim, the lifecycle, the rows, and the pages of
// indexes where the entries go. Promises nothing but speed.
#include "timer/prewarm.hpp"

#include "pg/xact.hpp"
#include "extension.hpp"
#include "timer/state_machine.hpp"
#include "row/row_writer.hpp"
#include "timer/claim.hpp"
#include "timer/timer_policies.hpp"
#include "pg/uuid.hpp"

namespace prewarm {

using row_writer::Column;
using claim::Timer;

namespace {

// A new row's id is greater than all others; where the columns lead that are not given matters little.
Datum new_id()
{
	pg_uuid_t *id = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t)));

	uuid::make(id);
	return UUIDPGetDatum(id);
}

void rehearse_move(Oid schema, const Timer *timer, const state_machine::Rule &rule)
{
	static constexpr Column columns[] = {{"status", TEXTOID}};

	if (rule.to_state != 0)
		row_writer::prewarm_row(schema, "campaigns", columns, 1, &rule.to_state, &timer->campaign_tid, &timer->campaign);
}

void rehearse_completion(Oid schema, const Timer *timer, TimestampTz due)
{
	static constexpr Column columns[] = {{"status", TEXTOID}, {"executed_at", TIMESTAMPTZOID}};
	Datum values[] = {CStringGetTextDatum("COMPLETED"), TimestampTzGetDatum(due)};

	row_writer::prewarm_row(schema, "campaign_timers", columns, lengthof(columns), values, &timer->tid, &timer->id);
}

// What the policies ask for, and the timers that the new state brings where none of
// their type waits. (When they will be due is not known yet.)
void rehearse_policies(spi_query::Schema *schema, const state_machine::StateMachine &lifecycle, const Timer *timer,
					   Datum to_state, TimestampTz due)
{
	static constexpr Column columns[] = {{"id", UUIDOID},
										 {"campaign_id", UUIDOID},
										 {"timer_type", TEXTOID},
										 {"status", TEXTOID},
										 {"scheduled_at", TIMESTAMPTZOID}};
	Datum campaign = UUIDPGetDatum(&timer->campaign);
	Datum place = PointerGetDatum(&timer->campaign_tid);
	Datum campaigns = spi_query::array_of(&campaign, nullptr, 1, UUIDOID);
	int count;

	(void) timer_policies::read_campaigns(schema, campaigns, spi_query::array_of(&place, nullptr, 1, TIDOID), 1);
	timer_policies::PendingTimer *waiting = timer_policies::pending_timers_of(schema, campaigns, &count);

	for (int i = 0; i < lifecycle.policy_count; i++)
	{
		const state_machine::Policy *policy = &lifecycle.policies[i];
		bool waits = false;

		for (int j = 0; j < count && !waits; j++)
			waits = pg::same_text(waiting[j].type, policy->timer_type);
		if (waits || !pg::same_text(policy->state, to_state))
			continue;
		Datum values[] = {new_id(), campaign, policy->timer_type, CStringGetTextDatum("PENDING"), TimestampTzGetDatum(due)};
		row_writer::prewarm_row(schema->oid, "campaign_timers", columns, lengthof(columns), values, nullptr, nullptr);
	}
}

void rehearse_execution(Oid schema, const Timer *timer, TimestampTz due)
{
	static constexpr Column columns[] = {{"id", UUIDOID},
										 {"timer_id", UUIDOID},
										 {"status", TEXTOID},
										 {"started_at", TIMESTAMPTZOID},
										 {"completed_at", TIMESTAMPTZOID}};
	Datum at = TimestampTzGetDatum(due);
	Datum values[] = {new_id(), UUIDPGetDatum(&timer->id), CStringGetTextDatum("COMPLETED"), at, at};

	row_writer::prewarm_row(schema, "timer_executions", columns, lengthof(columns), values, nullptr, nullptr);
}

void rehearse_metrics(Oid schema, const Timer *timer, TimestampTz due)
{
	static constexpr Column columns[] = {
		{"id", UUIDOID}, {"campaign_id", UUIDOID}, {"metric_type", TEXTOID}, {"recorded_at", TIMESTAMPTZOID}};
	Datum values[] = {new_id(), UUIDPGetDatum(&timer->campaign), CStringGetTextDatum("STATE_TRANSITION_TIME"),
					  TimestampTzGetDatum(due)};

	row_writer::prewarm_row(schema, "campaign_metrics", columns, lengthof(columns), values, nullptr, nullptr);
}

// Not of somebody else's log: its defaults and partitions are that one's code, which must not run with our rights.
void rehearse_log(Oid schema, const Timer *timer, const state_machine::Rule &rule, TimestampTz due)
{
	static constexpr Column columns[] = {{"id", UUIDOID},       {"campaign_id", UUIDOID},   {"from_state", TEXTOID},
										 {"to_state", TEXTOID}, {"trigger_event", TEXTOID}, {"created_at", TIMESTAMPTZOID}};
	Datum values[] = {new_id(),    UUIDPGetDatum(&timer->campaign), timer->state, rule.to_state,
					  timer->type, TimestampTzGetDatum(due)};

	if (rule.to_state != 0 && pg::owner_of(get_relname_relid("campaign_state_log", schema)) == GetUserId())
		row_writer::prewarm_row(schema, "campaign_state_log", columns, lengthof(columns), values, nullptr, nullptr);
}

void read_all(spi_query::Schema *schema, TimestampTz due)
{
	// Of a range that holds nothing, so that nothing is locked.
	(void) claim::lock_due(schema, due - 1, due, 1, nullptr, CurrentMemoryContext);
	claim::Claim claimed = claim::peek(schema, due, 1);
	state_machine::StateMachine lifecycle = state_machine::read(schema);
	if (claimed.count == 0)
		return;
	const Timer *timer = &claimed.timers[0];
	state_machine::Rule rule = state_machine::rule_for(lifecycle, timer->state, timer->type);
	rehearse_move(schema->oid, timer, rule);
	rehearse_completion(schema->oid, timer, due);
	if (rule.to_state != 0)
		rehearse_policies(schema, lifecycle, timer, rule.to_state, due);
	rehearse_execution(schema->oid, timer, due);
	rehearse_metrics(schema->oid, timer, due);
	rehearse_log(schema->oid, timer, rule, due);
}

} // namespace

void run(TimestampTz due)
{
	(void) xact::run([&] {
		extension::ExtensionInfo ext;

		if (extension::begin_as_owner(&ext))
			read_all(ext.schema, due);
	});
}

} // namespace prewarm
