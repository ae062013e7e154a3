// Rows written into a table the way COPY and logical replication write them:
// with its triggers, constraints, defaults, generated columns, partitions and
// indexes, without a plan (and so without rules).
#ifndef CAMPAIGN_ROW_WRITER_HPP
#define CAMPAIGN_ROW_WRITER_HPP

#include "pg/compat.hpp"

namespace row_writer {

// A column that the caller gives values for. TEXTOID also stands for varchar.
struct Column
{
	const char *name;
	Oid type;
};

// The row of another table that an appended row refers to: the caller holds a
// lock on it, and says where it is.
struct Reference
{
	const char *column; // of the table that is appended to
	const char *table;  // in the same schema; its key is "id"
};

// One statement's writing into one table.
struct RowWriter;

// Whether rows of this table can be written like this by the current user, with
// the same result as SQL would have: no rules, no policies.
bool can_bypass_sql(Oid table);

// An ERROR if policies are forced on one of the tables that batches write without
// them. Asked before a claim, for it is no timer's failure, and would be all timers'.
void check_no_forced_rls(Oid schema);

// Between open and close: fetch_row() a row, look at it, update_row() it. Places move with
// the rows. fetch_row() is false for a row that is gone; get_attr() is null also of a column
// that is not there, or holds something else.
RowWriter *open_update(Oid schema, const char *table, const Column *columns, int count);
bool fetch_row(RowWriter *writer, ItemPointer place, const pg_uuid_t *id);

// As fetch_row(), for a row that is not locked: waits until it is.
bool lock_row(RowWriter *writer, ItemPointer place, const pg_uuid_t *id);
Datum get_attr(RowWriter *writer, const char *column, Oid type, bool *is_null);

// Raises where the column is not there, or no text.
Datum get_text_attr(RowWriter *writer, const char *column, bool *is_null);

// kept: which columns stay as they are; nullptr for none.
bool update_row(RowWriter *writer, ItemPointer place, const Datum *values, const bool *kept);

// Writes nothing: reads what update_row() or insert_row() of these values would read,
// the pages of the indexes where their entries go (of B-trees over plain columns).
// place: of the row to be changed, nullptr for a new one.
void prewarm_row(Oid schema, const char *table, const Column *columns, int count, const Datum *values,
				 const ItemPointerData *place, const pg_uuid_t *id);

// nulls: nullptr for none. Each row's referenced one is checked to be there when
// the row is written, which makes a trigger for that foreign key needless; as the
// caller may have made the check of one of our own triggers needless.
RowWriter *open_insert(Oid schema, const char *table, const Column *columns, int count, const Reference *reference,
					   PGFunction checked = nullptr);
void insert_row(RowWriter *writer, const Datum *values, const bool *nulls, const ItemPointerData *referenced);

// Fires the triggers AFTER. What an ERROR leaves open the abort closes.
void close(RowWriter *writer);

} // namespace row_writer

#endif
