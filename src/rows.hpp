// Rows written into a table the way COPY and logical replication write them:
// with its triggers, constraints, defaults, generated columns, partitions and
// indexes, without a plan (and so without rules).
#ifndef CAMPAIGN_ROWS_HPP
#define CAMPAIGN_ROWS_HPP

#include "pg.hpp"

namespace rows {

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
struct Writer;

// Whether rows of this table can be written like this by the current user, with
// the same result as SQL would have: no rules, no policies.
bool is_plain(Oid table);

// An ERROR if policies are forced on one of the tables that batches write without
// them. Asked before a claim, for it is no timer's failure, and would be all timers'.
void refuse_policies(Oid schema);

// Between open and close: find() a row, look at it, change() it. Places move with
// the rows. find() is false for a row that is gone; value() is null also of a column
// that is not there, or holds something else.
Writer *open_update(Oid schema, const char *table, const Column *columns, int count);
bool find(Writer *writer, ItemPointer place, const pg_uuid_t *id);

// As find(), for a row that is not locked: waits until it is.
bool lock(Writer *writer, ItemPointer place, const pg_uuid_t *id);
Datum value(Writer *writer, const char *column, Oid type, bool *is_null);

// Raises where the column is not there, or no text.
Datum text_value(Writer *writer, const char *column, bool *is_null);

// kept: which columns stay as they are; nullptr for none.
bool change(Writer *writer, ItemPointer place, const Datum *values, const bool *kept);

// Writes nothing: reads what change() or append() of these values would read,
// the pages of the indexes where their entries go (of B-trees over plain columns).
// place: of the row to be changed, nullptr for a new one.
void rehearse(Oid schema, const char *table, const Column *columns, int count, const Datum *values, const ItemPointerData *place,
			  const pg_uuid_t *id);

// nulls: nullptr for none. Each row's referenced one is checked to be there when
// the row is written, which makes a trigger for that foreign key needless; as the
// caller may have made the check of one of our own triggers needless.
Writer *open_append(Oid schema, const char *table, const Column *columns, int count, const Reference *reference,
					PGFunction checked = nullptr);
void append(Writer *writer, const Datum *values, const bool *nulls, const ItemPointerData *referenced);

// Fires the triggers AFTER. What an ERROR leaves open the abort closes.
void close(Writer *writer);

} // namespace rows

#endif
