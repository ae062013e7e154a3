// Writes the timers of a batch: those that it completes, and those that the policies of the new states ask for.
// Assumes that the campaigns are written already.
#include "timer/apply_steps.hpp"

#include "guc.hpp"
#include "pg/limits.hpp"
#include "pg/uuid.hpp"
#include "row/row_writer.hpp"
#include "row/written_columns.hpp"
#include "timer/timer_policies.hpp"

// The trigger function of trigger/validate_schedule.cpp, by whose address the row writer finds the trigger.
extern "C" Datum validate_timer_schedule(PG_FUNCTION_ARGS);

namespace apply {

namespace {

// Tell the trigger mark_timer_cancelled_by_hand that no user cancels the timers.
void set_by_policy(const char *value)
{
	(void) set_config_option("campaign_lifecycle._by_policy", value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0,
							 false);
}

// Reschedule or cancel timers. Each is locked first, because the claim has not locked it. One that has ended
// meanwhile stays as it is.
void update_timers(Batch *batch, const timer_policies::TimerChanges &changes)
{
	static constexpr row_writer::Column columns[] = {
		{"status", TEXTOID}, {"scheduled_at", TIMESTAMPTZOID}, {"retry_count", INT4OID}};
	Datum cancelled = CStringGetTextDatum("CANCELLED");
	Datum pending = CStringGetTextDatum("PENDING");
	Datum failed = CStringGetTextDatum("FAILED");

	if (changes.update_count == 0)
		return;
	set_by_policy("on");
	row_writer::RowWriter *writer = row_writer::open_update(batch->schema->oid, "campaign_timers", columns, lengthof(columns));
	for (int i = 0; i < changes.update_count; i++)
	{
		timer_policies::TimerUpdate *update = &changes.updates[i];
		bool is_null;

		if (!row_writer::lock_row(writer, &update->tid, &update->timer))
			continue;
		Datum status = row_writer::get_text_attr(writer, "status", &is_null);
		if (is_null || (!pg::same_text(status, pending) && !pg::same_text(status, failed)))
			continue;
		bool cancels = update->time == DT_NOEND;
		bool unchanged[] = {false, cancels, cancels};
		Datum values[] = {cancels ? cancelled : pending, TimestampTzGetDatum(update->time), Int32GetDatum(0)};
		(void) row_writer::update_row(writer, &update->tid, values, unchanged);
	}
	row_writer::close(writer);
	set_by_policy("");
}

// Insert timers. None is scheduled in the past or belongs to a campaign in a terminal state. If all times can be
// scheduled too, the trigger that validates them is left out. If another session inserts a timer of the type at the
// same moment, the batch fails. The isolated timers then find that row.
void insert_timers(Batch *batch, const timer_policies::TimerChanges &changes, TimerEffect *const *changed)
{
	constexpr auto &columns = written_columns::new_timer;
	static constexpr row_writer::Reference reference = {"campaign_id", "campaigns"};

	if (changes.insert_count == 0)
		return;
	// Where max_attempts is lower than its limit, that trigger also buries dead timers.
	bool schedulable = guc::max_attempts == limits::attempts;
	for (int i = 0; i < changes.insert_count; i++)
		schedulable = schedulable && limits::is_schedulable(changes.inserts[i].time);
	row_writer::RowWriter *writer = row_writer::open_insert(batch->schema->oid, "campaign_timers", columns, lengthof(columns),
															&reference, schedulable ? validate_timer_schedule : nullptr);
	Datum payload = DirectFunctionCall1(jsonb_in, CStringGetDatum("{\"policy\": true}"));
	for (int i = 0; i < changes.insert_count; i++)
	{
		const timer_policies::TimerInsert *insert = &changes.inserts[i];
		TimerEffect *effect = changed[insert->campaign_index];
		pg_uuid_t id;

		uuid::make(&id);
		Datum values[] = {UUIDPGetDatum(&id), UUIDPGetDatum(&effect->timer->campaign), insert->type,
						  TimestampTzGetDatum(insert->time), payload};
		row_writer::insert_row(writer, values, nullptr, &effect->campaign_tid);
	}
	row_writer::close(writer);
}

} // namespace

int complete_timers(Batch *batch, TimestampTz done_at)
{
	constexpr auto &columns = written_columns::completed_timer;
	Datum values[] = {CStringGetTextDatum("COMPLETED"), TimestampTzGetDatum(done_at)};
	row_writer::RowWriter *writer = row_writer::open_update(batch->schema->oid, "campaign_timers", columns, lengthof(columns));
	int completed = 0;

	for (int i = 0; i < batch->count; i++)
	{
		TimerEffect *effect = &batch->effects[i];

		if (is_early(effect))
			continue;
		if (!row_writer::fetch_row(writer, &effect->tid, &effect->timer->id))
			effect->deleted = true;
		else if (row_writer::update_row(writer, &effect->tid, values, nullptr))
			completed++;
		else
			ereport(ERROR, errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION), errmsg("a timer was not completed"),
					errhint("A trigger on campaign_timers has suppressed the update."));
	}
	row_writer::close(writer);
	return completed;
}

TimestampTz set_timers_of_new_states(Batch *batch)
{
	int count;
	TimerEffect **changed = collect(batch, has_changed_state, &count);

	if (count == 0)
		return DT_NOEND;
	Datum campaigns = campaign_ids(changed, count);
	Datum tids = spi_query::build_array(count, TIDOID, [&](int i, bool *) { return PointerGetDatum(&changed[i]->campaign_tid); });
	Datum entered = spi_query::build_array(count, TIMESTAMPTZOID, [&](int, bool *) { return TimestampTzGetDatum(batch->as_of); });
	timer_policies::TimerChanges changes = timer_policies::changes_for(
		batch->schema, batch->machine, timer_policies::Visit::begins, campaigns, tids, entered, count, batch->as_of);
	update_timers(batch, changes);
	insert_timers(batch, changes, changed);
	return changes.earliest_due;
}

} // namespace apply
