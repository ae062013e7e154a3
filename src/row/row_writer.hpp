// Writes rows of one table without a plan, as COPY and the apply worker of logical replication do. Triggers,
// constraints, defaults, generated columns, partitions and indexes have the effect that they have in SQL. Rules have
// none.
#ifndef CAMPAIGN_ROW_WRITER_HPP
#define CAMPAIGN_ROW_WRITER_HPP

#include "pg/compat.hpp"

namespace row_writer {

// A column that the caller gives values for, and the type of the values. TEXTOID also stands for varchar.
struct Column
{
	const char *name;
	Oid type;
};

// A foreign key of the inserted rows. The caller holds a lock on each referenced row and knows its tid.
struct Reference
{
	const char *column; // of the table that is inserted into
	const char *table;  // in the same schema; the referenced column is "id"
};

// The state of one statement that writes into one table.
struct RowWriter;

// Return whether the current user can write rows of this table here with the result of SQL. Rules and row-level
// security are SQL's.
bool can_bypass_sql(Oid table);

// Raise an error if row-level security is forced on a table that batches write to. It is called before a claim, because
// no timer is at fault and all of them would fail.
void check_no_forced_rls(Oid schema);

// Begin an UPDATE. The caller fetches or locks a row, reads its attributes, and updates it, until close().
RowWriter *open_update(Oid schema, const char *table, const Column *columns, int count);

// Fetch a row that is locked. Return false if it is gone. tid follows the row if it has moved.
bool fetch_row(RowWriter *writer, ItemPointer tid, const pg_uuid_t *id);

// Lock a row, waiting for other transactions, and fetch it. Return false if it is gone.
bool lock_row(RowWriter *writer, ItemPointer tid, const pg_uuid_t *id);

// Return an attribute of the row that was fetched; NULL if the table has no column of this name and type.
Datum get_attr(RowWriter *writer, const char *column, Oid type, bool *is_null);

// Return a text attribute of the row that was fetched. Raise an error if the table has no such column.
Datum get_text_attr(RowWriter *writer, const char *column, bool *is_null);

// Update the row that was fetched. Return false if a trigger suppresses it. kept: the columns that keep their values,
// or nullptr.
bool update_row(RowWriter *writer, ItemPointer tid, const Datum *values, const bool *kept);

// Begin an INSERT. The foreign key `reference` is checked by insert_row() instead of by its trigger. A BEFORE trigger
// that calls `checked_function` does not fire, because the caller has made its check.
RowWriter *open_insert(Oid schema, const char *table, const Column *columns, int count, const Reference *reference,
					   PGFunction checked_function = nullptr);

// Insert a row, possibly only into the buffer. nulls: nullptr if no value is NULL. referenced_tid: of the row that
// `reference` names.
void insert_row(RowWriter *writer, const Datum *values, const bool *nulls, const ItemPointerData *referenced_tid);

// Write the buffered rows, fire the AFTER triggers and free the writer. An ERROR before leaves that to the abort.
void close(RowWriter *writer);

// Read the pages that update_row() or insert_row() of these values would read: the row, and in B-trees over plain
// columns the path to its entries. Nothing is written and no trigger fires. nulls: as insert_row() takes them. tid: of
// the row to be updated, or nullptr.
void prewarm_row(Oid schema, const char *table, const Column *columns, int count, const Datum *values, const bool *nulls,
				 const ItemPointerData *tid, const pg_uuid_t *id);

} // namespace row_writer

#endif
