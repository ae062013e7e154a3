// The state of a RowWriter and the functions that the row_*.cpp files share. No other file includes this one.
#ifndef CAMPAIGN_ROW_INTERNAL_HPP
#define CAMPAIGN_ROW_INTERNAL_HPP

#include "row/row_writer.hpp"

namespace row_writer {

constexpr int max_columns = 12;

// How a given value becomes a value of the column: by a cast expression, by the function that applies the column's type
// modifier, or unchanged.
struct Cast
{
	ExprState *expr;
	Oid typmod_function; // or InvalidOid
	FmgrInfo typmod_finfo;
	int32 typmod;
};

struct RowWriter
{
	CmdType operation; // CMD_UPDATE or CMD_INSERT
	Relation rel;
	EState *estate;
	ResultRelInfo *result_rel; // of rel
	TransitionCaptureState *transition_capture;
	int natts; // how many columns have given values
	AttrNumber attnums[max_columns];
	Cast casts[max_columns];
	TupleTableSlot *slot; // the new row

	// UPDATE
	EPQState epqstate;
	TupleTableSlot *old_slot;
	ExprState *virtual_expr; // of the virtual generated column that was read last
	AttrNumber virtual_attnum;
	bool before_stmt_fired;

	// INSERT
	ModifyTableState *mtstate;
	PartitionTupleRouting *proute; // or nullptr
	ExprState **defexprs;          // one a column, or nullptr
	bool volatile_defexprs;        // a default may read the table
	ResultRelInfo *partition;      // takes the buffered rows; result_rel if the table is not partitioned
	TupleTableSlot **slots;        // the buffer
	int nslots;                    // how many slots exist
	int nused;                     // how many slots hold a row
	Size buffered_bytes;

	// The foreign key that is checked here, and the trigger function whose check the caller has made.
	const Reference *reference; // or nullptr
	Relation pk_rel;
	TupleTableSlot *pk_slot;
	AttrNumber pk_attnum;
	AttrNumber fk_attnum;        // in rel
	Oid checked_constraint;      // of the partition, or InvalidOid
	PGFunction checked_function; // or nullptr
};

// row_writer.cpp
Relation open_table(Oid schema, const char *name, LOCKMODE mode);
RowWriter *open(Oid schema, const char *table, CmdType operation, const Column *columns, int count);
void free_writer(RowWriter *writer);
AttrNumber get_attnum(Relation rel, const char *name, Oid type);
void set_given_values(RowWriter *writer, const Datum *values, const bool *nulls, const bool *kept);
void check_row(ResultRelInfo *result_rel, TupleTableSlot *slot, EState *estate, CmdType operation, bool check_partition);
List *insert_index_tuples(ResultRelInfo *result_rel, TupleTableSlot *slot, EState *estate, pg::Entries entries);

// row_update.cpp
bool find_by_id(Relation rel, AttrNumber id_attnum, const pg_uuid_t *id, ItemPointer tid);
bool fetch_by_tid(Relation rel, AttrNumber id_attnum, const pg_uuid_t *id, const ItemPointerData *tid, TupleTableSlot *slot);

// row_insert.cpp
RowWriter *begin_insert(Oid schema, const char *table, const Column *columns, int count);
ResultRelInfo *find_partition(RowWriter *writer, TupleTableSlot *slot);
void multi_insert_flush(RowWriter *writer);

// row_fk.cpp
void open_reference(RowWriter *writer, Oid schema, const Reference *reference);
void skip_triggers_for_users(ResultRelInfo *result_rel);
void skip_checked_triggers(RowWriter *writer, ResultRelInfo *partition);
void check_foreign_key(RowWriter *writer, ResultRelInfo *partition, const ItemPointerData *referenced_tid);

} // namespace row_writer

#endif
