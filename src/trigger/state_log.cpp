// What happens to a campaign's row as it is written. A BEFORE trigger stamps it.
// Row triggers put each move into a buffer of the transaction, and statement
// triggers write the buffer as one set, as the owner of the log, after checking
// that the moves are still what the state machine allows (a user's trigger may
// have changed one after the check). Assumes nothing about the order of columns;
// promises that no text of a user makes a move fail, and that a transaction whose
// moves could not be written does not commit.
#include "pg/xact.hpp"
#include "trigger/state_log_metadata.hpp"
#include "pg/columns.hpp"
#include "trigger/trigger_utils.hpp"
#include "trigger/pending_changes.hpp"
#include "row/row_writer.hpp"
#include "row/written_columns.hpp"
#include "guc.hpp"
#include "pg/spi_query.hpp"
#include "trigger/validate_transition.hpp"
#include "pg/uuid.hpp"

namespace {

using pending_changes::StateChange;

constexpr spi_query::Query write_log_query = {
	R"(INSERT INTO @extschema@.campaign_state_log
			(id, campaign_id, from_state, to_state, trigger_event, metadata, created_at)
		SELECT m.id, m.campaign_id, m.from_state, m.to_state,
			m.event, m.metadata, m.stamp
		FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4),
			pg_catalog.unnest($5), pg_catalog.unnest($6), pg_catalog.unnest($7))
			AS m (id, campaign_id, from_state, to_state, event, metadata, stamp))",
	7,
	{UUIDARRAYOID, UUIDARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, JSONBARRAYOID, TIMESTAMPTZARRAYOID}};

constexpr spi_query::Query notify_query = {R"(SELECT pg_catalog.pg_notify('campaign_lifecycle', pg_catalog.jsonb_build_object(
			'event', 'campaign.status.changed'::pg_catalog.text, 'campaign_id', m.campaign_id,
			'from', m.from_state, 'to', m.to_state)::pg_catalog.text)
		FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3))
			AS m (campaign_id, from_state, to_state)
		WHERE m.from_state IS NOT NULL)",
										   3,
										   {UUIDARRAYOID, TEXTARRAYOID, TEXTARRAYOID}};

// The changes of one statement as the log takes them, an array a column.
struct LogColumns
{
	Datum ids;
	Datum campaigns;
	Datum from;
	Datum to;
	Datum events;
	Datum metadata;
	Datum stamps;
};

struct Columns
{
	int id;
	int status;
	int metadata;
	int created_at;
	int updated_at;
};

struct Wanted
{
	const char *name;
	Oid type; // TEXTOID: varchar, too
	int Columns::*place;
};

constexpr Wanted wanted[] = {
	{"id", UUIDOID, &Columns::id},
	{"status", TEXTOID, &Columns::status},
	{"metadata", JSONBOID, &Columns::metadata},
	{"created_at", TIMESTAMPTZOID, &Columns::created_at},
	{"updated_at", TIMESTAMPTZOID, &Columns::updated_at},
};

// Places from the last call hold as long as the names are still there.
Columns columns_of(Relation relation)
{
	static Columns last;
	TupleDesc columns = RelationGetDescr(relation);

	for (const Wanted &want : wanted)
	{
		int place = last.*want.place;
		bool still = place > 0 && place <= columns->natts;

		if (still)
		{
			Form_pg_attribute column = TupleDescAttr(columns, place - 1);

			still = !column->attisdropped && strcmp(NameStr(column->attname), want.name) == 0 &&
					column->atttypid == (want.type == TEXTOID ? VARCHAROID : want.type);
		}
		if (still)
			continue;
		last.*want.place = columns::get_attnum(relation, want.name, want.type);
	}
	return last;
}

Datum value_of(TupleTableSlot *row, int column)
{
	bool is_null;
	Datum value = slot_getattr(row, column, &is_null);

	return is_null ? static_cast<Datum>(0) : value;
}

TimestampTz time_of(TupleTableSlot *row, int column, TimestampTz otherwise)
{
	bool is_null;
	Datum value = slot_getattr(row, column, &is_null);

	if (is_null || TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(value)))
		return otherwise;
	return DatumGetTimestampTz(value);
}

// after and before: the row as written, and as it was (nullptr for an INSERT).
void remember(Relation relation, TupleTableSlot *after, TupleTableSlot *before)
{
	Columns columns = columns_of(relation);
	Datum to = value_of(after, columns.status);
	Datum from = before != nullptr ? value_of(before, columns.status) : static_cast<Datum>(0);
	Datum campaign = value_of(after, columns.id);

	if (to == 0 || campaign == 0 || (from != 0 && pg::same_text(from, to)))
		return;
	TimestampTz now = GetCurrentTimestamp();
	StateChange *change = pending_changes::add();
	state_log_metadata::Source source = {
		value_of(after, columns.metadata),
		before != nullptr ? value_of(before, columns.metadata) : static_cast<Datum>(0),
		before == nullptr,
		before != nullptr ? time_of(before, columns.updated_at, now) : now,
		time_of(after, columns.updated_at, now),
	};

	change->relation = RelationGetRelid(relation);
	change->level = GetCurrentSubTransactionId();
	uuid::make(&change->id);
	change->campaign = *DatumGetUUIDP(campaign);
	change->place = after->tts_tid;
	change->from = from != 0 ? pending_changes::keep(PointerGetDatum(DatumGetTextPP(from))) : from;
	change->to = pending_changes::keep(PointerGetDatum(DatumGetTextPP(to)));
	const char *event = state_log_metadata::event(source);
	change->event = pending_changes::keep(state_log_metadata::cut(event));
	change->metadata = pending_changes::keep(state_log_metadata::build(source, event));
	change->stamp = before != nullptr ? source.new_updated_at : least(time_of(after, columns.created_at, now), now);
	// Only now does it count: an error above leaves the buffer as it was.
	pending_changes::count_added();
}

template <typename F> Datum column(const pending_changes::DetachedChanges &taken, Oid type, F value)
{
	Datum *values = static_cast<Datum *>(palloc_extended(sizeof(Datum) * taken.count, MCXT_ALLOC_HUGE));
	bool *nulls = static_cast<bool *>(palloc_extended(taken.count, MCXT_ALLOC_HUGE));

	for (int i = 0; i < taken.count; i++)
	{
		values[i] = value(&taken.changes[i]);
		nulls[i] = values[i] == 0;
	}
	return spi_query::array_of(values, nulls, taken.count, type);
}

Datum time_value(const StateChange *change)
{
	return TimestampTzGetDatum(change->stamp);
}

LogColumns columns_of(const pending_changes::DetachedChanges &taken)
{
	return {
		column(taken, UUIDOID, [](const StateChange *change) { return UUIDPGetDatum(&change->id); }),
		column(taken, UUIDOID, [](const StateChange *change) { return UUIDPGetDatum(&change->campaign); }),
		column(taken, TEXTOID, [](const StateChange *change) { return change->from; }),
		column(taken, TEXTOID, [](const StateChange *change) { return change->to; }),
		column(taken, TEXTOID, [](const StateChange *change) { return change->event; }),
		column(taken, JSONBOID, [](const StateChange *change) { return change->metadata; }),
		column(taken, TIMESTAMPTZOID, time_value),
	};
}

// The pairs of states among the moves, each once: as many as the machine has at most.
int distinct_pairs(const pending_changes::DetachedChanges &taken, Datum *from, Datum *to, int room)
{
	int count = 0;

	for (int i = 0; i < taken.count; i++)
	{
		const StateChange *change = &taken.changes[i];
		int seen = 0;

		if (change->from == 0)
			continue;
		while (seen < count && !(pg::same_text(from[seen], change->from) && pg::same_text(to[seen], change->to)))
			seen++;
		if (seen < count)
			continue;
		if (count == room)
			ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many different moves in one statement"));
		from[count] = change->from;
		to[count] = change->to;
		count++;
	}
	return count;
}

// Returns whether there are any but of creations.
bool refuse_illegal_moves(Oid relation, spi_query::Schema *schema, const pending_changes::DetachedChanges &taken)
{
	constexpr int max_pairs = 256;
	Datum from[max_pairs];
	Datum to[max_pairs];
	int pairs = distinct_pairs(taken, from, to, max_pairs);
	bool any = pairs > 0;
	char *from_state;
	char *to_state;

	pairs = validate_transition::leave_out_legal(relation, from, to, pairs);
	if (pairs > 0 &&
		validate_transition::find_illegal_transition(schema, spi_query::array_of(from, nullptr, pairs, TEXTOID),
													 spi_query::array_of(to, nullptr, pairs, TEXTOID), &from_state, &to_state))
		ereport(ERROR, errcode(ERRCODE_RAISE_EXCEPTION), errmsg("Invalid state transition from %s to %s", from_state, to_state),
				errhint("A trigger on campaigns has changed the status after it was checked."),
				err_generic_string(PG_DIAG_CONSTRAINT_NAME, "valid_state_transition"));
	return any;
}

Oid owner_of_log(Oid log)
{
	Oid owner = pg::owner_of(log);

	if (!OidIsValid(owner))
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("table campaign_state_log does not exist beside the table written"),
				errhint("Call install_campaign_tables()."));
	return owner;
}

// Campaigns that have just been written are there. (This may be the trigger of
// another table.)
void append_to_log(Relation relation, const pending_changes::DetachedChanges &taken)
{
	constexpr auto &columns = written_columns::log_entry;
	static constexpr row_writer::Reference reference = {"campaign_id", "campaigns"};
	Oid schema = RelationGetNamespace(relation);
	bool of_campaigns = RelationGetRelid(relation) == get_relname_relid(reference.table, schema);
	row_writer::RowWriter *writer =
		row_writer::open_insert(schema, "campaign_state_log", columns, lengthof(columns), of_campaigns ? &reference : nullptr);

	for (int i = 0; i < taken.count; i++)
	{
		const StateChange *change = &taken.changes[i];
		Datum values[] = {UUIDPGetDatum(&change->id), UUIDPGetDatum(&change->campaign),  change->from, change->to, change->event,
						  change->metadata,           TimestampTzGetDatum(change->stamp)};
		bool nulls[] = {false, false, change->from == 0, false, false, false, false};

		row_writer::insert_row(writer, values, nulls, &change->place);
	}
	row_writer::close(writer);
}

void write_log(spi_query::Schema *schema, const LogColumns &rows)
{
	Datum arguments[] = {rows.ids, rows.campaigns, rows.from, rows.to, rows.events, rows.metadata, rows.stamps};

	spi_query::run(schema, write_log_query, arguments);
}

void notify_moves(spi_query::Schema *schema, const LogColumns &rows)
{
	Datum arguments[] = {rows.campaigns, rows.from, rows.to};

	spi_query::run(schema, notify_query, arguments);
}

// The moves leave the buffer before anything runs that may put new ones there.
void flush(Relation relation)
{
	int first = pending_changes::first_to_write(RelationGetRelid(relation));
	Oid namespace_oid = RelationGetNamespace(relation);

	if (first == pending_changes::count())
		return;
	Oid log = get_relname_relid("campaign_state_log", namespace_oid);
	Oid owner = owner_of_log(log);
	// The owner of the tables may put this trigger on any table of his, also beside a log of somebody else's.
	if (!has_privs_of_role(relation->rd_rel->relowner, owner))
		ereport(
			ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			errmsg("table \"%s\" and the campaign_state_log beside it have different owners", RelationGetRelationName(relation)),
			errhint("Call set_campaign_owner()."));
	SPI_connect();
	spi_query::Schema *schema = spi_query::schema_of(namespace_oid);
	pending_changes::DetachedChanges taken = pending_changes::detach_from(first);

	xact::as(owner, [&] {
		bool any_moved = refuse_illegal_moves(RelationGetRelid(relation), schema, taken);

		// Rules and policies are SQL's: with them the log is written by it.
		if (row_writer::can_bypass_sql(log))
			append_to_log(relation, taken);
		else
			write_log(schema, columns_of(taken));
		if (any_moved && guc::notifies("campaign.status.changed"))
			notify_moves(schema, columns_of(taken));
	});
	pending_changes::free_detached(&taken);
	SPI_finish();
}

} // namespace

SQL_FUNCTION(log_campaign_state_change)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		trigger_utils::refuse_trigger("log_campaign_state_change");
	TriggerData *data = reinterpret_cast<TriggerData *>(fcinfo->context);
	TriggerEvent event = data->tg_event;

	if (!TRIGGER_FIRED_AFTER(event) || !(TRIGGER_FIRED_BY_INSERT(event) || TRIGGER_FIRED_BY_UPDATE(event)))
		trigger_utils::refuse_trigger("log_campaign_state_change");
	if (TRIGGER_FIRED_FOR_STATEMENT(event))
	{
		if (pending_changes::count() > 0)
			flush(data->tg_relation);
	}
	else if (TRIGGER_FIRED_BY_UPDATE(event))
		remember(data->tg_relation, data->tg_newslot, data->tg_trigslot);
	else
		remember(data->tg_relation, data->tg_trigslot, nullptr);
	return PointerGetDatum(nullptr);
}

// Always later than it was, also when the clock has been set back.
SQL_FUNCTION(update_updated_at_column)
{
	TriggerData *data = trigger_utils::trigger_call(fcinfo, "update_updated_at_column", TRIGGER_EVENT_ROW | TRIGGER_EVENT_BEFORE);
	TupleDesc columns = RelationGetDescr(data->tg_relation);
	TimestampTz stamp = GetCurrentTimestamp();
	bool is_null;

	if (!TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		trigger_utils::refuse_trigger("update_updated_at_column");
	int column = columns::get_attnum(data->tg_relation, "updated_at", TIMESTAMPTZOID);
	Datum before = heap_getattr(data->tg_trigtuple, column, columns, &is_null);
	if (!is_null && !TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(before)))
		stamp = greatest(stamp, DatumGetTimestampTz(before) + 1);
	Datum value = TimestampTzGetDatum(stamp);
	is_null = false;
	return PointerGetDatum(heap_modify_tuple_by_cols(data->tg_newtuple, columns, 1, &column, &value, &is_null));
}
