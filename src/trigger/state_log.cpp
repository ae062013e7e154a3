// Writes campaign_state_log, as the trigger log_campaign_state_change(). Its row triggers put each state change into
// a buffer of the transaction. Its statement triggers write the buffer as one set, as the owner of the log. They
// first check that each state change is still valid, because a trigger of a user may have changed one after
// validate_state_transition(). Assumes nothing about the order of columns. Promises that no text of a user makes a
// state change fail, and that no transaction commits with an unlogged one.
#include "event_position.hpp"
#include "guc.hpp"
#include "pg/columns.hpp"
#include "pg/privileges.hpp"
#include "pg/spi_query.hpp"
#include "users_path.hpp"
#include "pg/uuid.hpp"
#include "pg/xact.hpp"
#include "row/row_writer.hpp"
#include "row/written_columns.hpp"
#include "trigger/pending_changes.hpp"
#include "trigger/state_log_metadata.hpp"
#include "trigger/trigger_utils.hpp"
#include "trigger/validate_transition.hpp"

namespace {

using pending_changes::DetachedChanges;
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

constexpr spi_query::Query notify_query = {
	R"(SELECT pg_catalog.pg_notify('campaign_lifecycle', pg_catalog.jsonb_strip_nulls(
			pg_catalog.jsonb_build_object('event', CASE WHEN m.from_state IS NULL THEN 'campaign.created'
					ELSE 'campaign.status.changed' END, 'event_id', $8, 'log_id', m.id, 'at', m.stamp,
				'campaign_id', m.campaign_id, 'from', m.from_state, 'to', m.to_state))::pg_catalog.text)
		FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4),
			pg_catalog.unnest($5))
			AS m (id, campaign_id, from_state, to_state, stamp)
		WHERE CASE WHEN m.from_state IS NULL THEN $6 ELSE $7 END)",
	8,
	{UUIDARRAYOID, UUIDARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID, BOOLOID, BOOLOID, TEXTOID}};

// The state changes of one statement as arrays, one for each column of the log.
struct LogArrays
{
	Datum ids;
	Datum campaigns;
	Datum from;
	Datum to;
	Datum events;
	Datum metadata;
	Datum created_at;
};

// The attnums of the columns that the log reads.
struct CampaignColumns
{
	int id;
	int status;
	int metadata;
	int created_at;
	int updated_at;
};

struct NeededColumn
{
	const char *name;
	Oid type; // TEXTOID accepts varchar too
	int CampaignColumns::*attnum;
};

constexpr NeededColumn needed_columns[] = {
	{"id", UUIDOID, &CampaignColumns::id},
	{"status", TEXTOID, &CampaignColumns::status},
	{"metadata", JSONBOID, &CampaignColumns::metadata},
	{"created_at", TIMESTAMPTZOID, &CampaignColumns::created_at},
	{"updated_at", TIMESTAMPTZOID, &CampaignColumns::updated_at},
};

// Return whether the column with this attnum has the name and exactly the type that columns of the tables are created
// with.
bool is_column(TupleDesc columns, int attnum, const NeededColumn &needed)
{
	if (attnum <= 0 || attnum > columns->natts)
		return false;
	Form_pg_attribute column = TupleDescAttr(columns, attnum - 1);

	return !column->attisdropped && strcmp(NameStr(column->attname), needed.name) == 0 &&
		   column->atttypid == (needed.type == TEXTOID ? VARCHAROID : needed.type);
}

// Find the columns. The attnums of the last call are tried first.
CampaignColumns find_columns(Relation relation)
{
	static CampaignColumns last;

	for (const NeededColumn &needed : needed_columns)
		if (!is_column(RelationGetDescr(relation), last.*needed.attnum, needed))
			last.*needed.attnum = columns::get_attnum(relation, needed.name, needed.type);
	return last;
}

// Return the value of a column, or 0 for NULL.
Datum value_of(TupleTableSlot *slot, int attnum)
{
	bool is_null;
	Datum value = slot_getattr(slot, attnum, &is_null);

	return is_null ? static_cast<Datum>(0) : value;
}

// Return the time in a column, or the other time if it is NULL or infinite.
TimestampTz time_of(TupleTableSlot *slot, int attnum, TimestampTz otherwise)
{
	bool is_null;
	Datum value = slot_getattr(slot, attnum, &is_null);

	if (is_null || TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(value)))
		return otherwise;
	return DatumGetTimestampTz(value);
}

// Put the state change of a written row into the buffer, if there is one. old_slot: nullptr for an INSERT.
void buffer_change(Relation relation, TupleTableSlot *slot, TupleTableSlot *old_slot)
{
	CampaignColumns columns = find_columns(relation);
	Datum to = value_of(slot, columns.status);
	Datum from = old_slot != nullptr ? value_of(old_slot, columns.status) : static_cast<Datum>(0);
	Datum campaign = value_of(slot, columns.id);

	if (to == 0 || campaign == 0 || (from != 0 && pg::same_text(from, to)))
		return;
	TimestampTz now = guc::now();
	StateChange *change = pending_changes::add();
	state_log_metadata::Source source = {
		value_of(slot, columns.metadata),
		old_slot != nullptr ? value_of(old_slot, columns.metadata) : static_cast<Datum>(0),
		old_slot == nullptr,
		old_slot != nullptr ? time_of(old_slot, columns.updated_at, now) : now,
		time_of(slot, columns.updated_at, now),
	};

	change->relation = RelationGetRelid(relation);
	change->subxact = GetCurrentSubTransactionId();
	uuid::make(&change->id);
	change->campaign = *DatumGetUUIDP(campaign);
	change->campaign_tid = slot->tts_tid;
	change->from = from != 0 ? pending_changes::copy(PointerGetDatum(DatumGetTextPP(from))) : from;
	change->to = pending_changes::copy(PointerGetDatum(DatumGetTextPP(to)));
	const char *event = state_log_metadata::event(source);
	int limit = state_log_metadata::max_event_characters(RelationGetNamespace(relation));
	change->event = pending_changes::copy(state_log_metadata::truncate(event, limit));
	change->metadata = pending_changes::copy(state_log_metadata::build(source, event, limit));
	change->created_at = old_slot != nullptr ? source.new_updated_at : least(time_of(slot, columns.created_at, now), now);
	pending_changes::count_added();
}

// Build an array of one member of the state changes. A value of 0 stands for NULL.
template <typename F> Datum build_array(const DetachedChanges &detached, Oid type, F value)
{
	return spi_query::build_array(detached.count, type, [&](int i, bool *is_null) {
		Datum result = value(&detached.changes[i]);

		*is_null = result == 0;
		return result;
	});
}

LogArrays build_arrays(const DetachedChanges &detached)
{
	return {
		build_array(detached, UUIDOID, [](const StateChange *change) { return UUIDPGetDatum(&change->id); }),
		build_array(detached, UUIDOID, [](const StateChange *change) { return UUIDPGetDatum(&change->campaign); }),
		build_array(detached, TEXTOID, [](const StateChange *change) { return change->from; }),
		build_array(detached, TEXTOID, [](const StateChange *change) { return change->to; }),
		build_array(detached, TEXTOID, [](const StateChange *change) { return change->event; }),
		build_array(detached, JSONBOID, [](const StateChange *change) { return change->metadata; }),
		build_array(detached, TIMESTAMPTZOID,
					[](const StateChange *change) -> Datum { return TimestampTzGetDatum(change->created_at); }),
	};
}

// Pairs of states.
struct Pairs
{
	Datum *from;
	Datum *to;
	int count;
	int room;
};

// Return whether the pair is among them.
bool has_pair(const Pairs *pairs, Datum from, Datum to)
{
	for (int i = 0; i < pairs->count; i++)
		if (pg::same_text(pairs->from[i], from) && pg::same_text(pairs->to[i], to))
			return true;
	return false;
}

void add_pair(Pairs *pairs, Datum from, Datum to)
{
	if (pairs->count == pairs->room)
	{
		pairs->room *= 2;
		pairs->from = static_cast<Datum *>(repalloc(pairs->from, sizeof(Datum) * pairs->room));
		pairs->to = static_cast<Datum *>(repalloc(pairs->to, sizeof(Datum) * pairs->room));
	}
	pairs->from[pairs->count] = from;
	pairs->to[pairs->count++] = to;
}

// Find the distinct pairs of states, of which there are few: at most as many as transitions.
Pairs distinct_pairs(const DetachedChanges &detached)
{
	constexpr int first_room = 16;
	Pairs pairs = {static_cast<Datum *>(palloc(sizeof(Datum) * first_room)),
				   static_cast<Datum *>(palloc(sizeof(Datum) * first_room)), 0, first_room};

	for (int i = 0; i < detached.count; i++)
	{
		const StateChange *change = &detached.changes[i];

		if (change->from != 0 && !has_pair(&pairs, change->from, change->to))
			add_pair(&pairs, change->from, change->to);
	}
	return pairs;
}

// Raise an error if a state change has no transition. Return whether there is any state change besides creations.
bool check_transitions(Oid relation, spi_query::Schema *schema, const DetachedChanges &detached)
{
	Pairs pairs = distinct_pairs(detached);
	char *from_state;
	char *to_state;

	int unknown = validate_transition::remove_known(relation, pairs.from, pairs.to, pairs.count);
	if (unknown > 0 && validate_transition::find_illegal_transition(
						   schema, spi_query::array_of(pairs.from, nullptr, unknown, TEXTOID),
						   spi_query::array_of(pairs.to, nullptr, unknown, TEXTOID), &from_state, &to_state))
		ereport(ERROR, errcode(ERRCODE_RAISE_EXCEPTION), errmsg("Invalid state transition from %s to %s", from_state, to_state),
				errhint("A trigger on campaigns has changed the status after it was checked."),
				err_generic_string(PG_DIAG_CONSTRAINT_NAME, "valid_state_transition"));
	return pairs.count > 0;
}

// Return the owner of the log. Raise an error if there is no log.
Oid owner_of_log(Oid log)
{
	Oid owner = pg::owner_of(log);

	if (!OidIsValid(owner))
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("table campaign_state_log does not exist beside the table written"),
				errhint("Call install_campaign_tables()."));
	return owner;
}

// Write the log without SQL. The foreign key to campaigns needs no check if the trigger is on campaigns, because the
// campaigns were just written.
void insert_into_log(Relation relation, const DetachedChanges &detached)
{
	constexpr auto &columns = written_columns::log_entry;
	static constexpr row_writer::Reference reference = {"campaign_id", "campaigns"};
	Oid schema = RelationGetNamespace(relation);
	bool of_campaigns = RelationGetRelid(relation) == get_relname_relid(reference.table, schema);
	row_writer::RowWriter *writer =
		row_writer::open_insert(schema, "campaign_state_log", columns, lengthof(columns), of_campaigns ? &reference : nullptr);

	for (int i = 0; i < detached.count; i++)
	{
		const StateChange *change = &detached.changes[i];
		Datum values[] = {
			UUIDPGetDatum(&change->id), UUIDPGetDatum(&change->campaign),       change->from, change->to, change->event,
			change->metadata,           TimestampTzGetDatum(change->created_at)};
		bool nulls[] = {false, false, change->from == 0, false, false, false, false};

		row_writer::insert_row(writer, values, nulls, &change->campaign_tid);
	}
	row_writer::close(writer);
}

// Write the log with SQL.
void insert_by_sql(spi_query::Schema *schema, const LogArrays &arrays)
{
	Datum arguments[] = {arrays.ids, arrays.campaigns, arrays.from, arrays.to, arrays.events, arrays.metadata, arrays.created_at};

	spi_query::run(schema, write_log_query, arguments);
}

// Notify listeners of new campaigns and of state changes, if the settings ask for these events.
void notify(spi_query::Schema *schema, const DetachedChanges &detached, bool any_changed)
{
	bool created = guc::notifies("campaign.created");
	bool changed = any_changed && guc::notifies("campaign.status.changed");

	if (!created && !changed)
		return;
	LogArrays arrays = build_arrays(detached);
	Datum arguments[] = {arrays.ids,        arrays.campaigns,      arrays.from,           arrays.to,
						 arrays.created_at, BoolGetDatum(created), BoolGetDatum(changed), event_position::event_id(schema)};
	spi_query::run(schema, notify_query, arguments);
}

// Write the state changes of a statement. They leave the buffer first, because other triggers may put new ones there.
void flush(Relation relation)
{
	int first = pending_changes::first_to_write(RelationGetRelid(relation));
	Oid namespace_oid = RelationGetNamespace(relation);

	if (first == pending_changes::count())
		return;
	Oid log = get_relname_relid("campaign_state_log", namespace_oid);
	Oid owner = owner_of_log(log);
	// The owner of a table may put this trigger on it, even if the log in the same schema has another owner.
	if (!has_privs_of_role(relation->rd_rel->relowner, owner))
		ereport(
			ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			errmsg("table \"%s\" and the campaign_state_log beside it have different owners", RelationGetRelationName(relation)),
			errhint("Call set_campaign_owner()."));
	SPI_connect();
	spi_query::Schema *schema = spi_query::schema_of(namespace_oid);
	DetachedChanges detached = pending_changes::detach_from(first);

	users_path::run_as_owner(owner, [&] {
		bool any_changed = check_transitions(RelationGetRelid(relation), schema, detached);

		// Rules and row-level security policies take effect only through SQL.
		if (row_writer::can_bypass_sql(log))
			insert_into_log(relation, detached);
		else
			insert_by_sql(schema, build_arrays(detached));
		notify(schema, detached, any_changed);
	});
	pending_changes::free_detached(&detached);
	SPI_finish();
}

} // namespace

// Log the state changes of a statement that inserts or updates campaigns.
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
		buffer_change(data->tg_relation, data->tg_newslot, data->tg_trigslot);
	else
		buffer_change(data->tg_relation, data->tg_trigslot, nullptr);
	return static_cast<Datum>(0);
}
