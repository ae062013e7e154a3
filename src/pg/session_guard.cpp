// Compares the session before a call with the session after it. An object that is new belongs to the code that was
// called.
#include "pg/session_guard.hpp"

namespace session_guard {

namespace {

constexpr spi_query::Query reset_constraints_query = {R"(SELECT campaign_lifecycle_internal._reset_constraints())", 0, {}};

constexpr spi_query::Query fire_deferred_query = {R"(SET CONSTRAINTS ALL IMMEDIATE)", 0, {}};

constexpr spi_query::Query session_names_query = {
	R"(SELECT pg_catalog.string_agg(t.trace, E'\n' ORDER BY t.trace USING OPERATOR(pg_catalog.<))
		FROM (
			SELECT pg_catalog.concat('cursor ', c.name) FROM pg_catalog.pg_cursors AS c WHERE c.is_holdable
			UNION ALL
			SELECT pg_catalog.concat('statement ', p.name, ' ', p.prepare_time) FROM pg_catalog.pg_prepared_statements AS p WHERE $1) AS t (trace))",
	1,
	{BOOLOID}};

constexpr spi_query::Query temporary_objects_query = {R"(SELECT d.classid, d.objid
		FROM pg_catalog.pg_depend AS d
		WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass
			AND d.refobjid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()
			AND d.objid OPERATOR(pg_catalog.<>) ALL ($1))",
													  1,
													  {OIDARRAYOID}};

// Return the names of cursors WITH HOLD, and of prepared statements if they count. Return nullptr if there are none.
char *read_names(spi_query::Schema *schema, bool with_prepared)
{
	Datum arguments[] = {BoolGetDatum(with_prepared)};

	spi_query::run(schema, session_names_query, arguments);
	return SPI_processed > 0 ? SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1) : nullptr;
}

// Return the objects of the temporary schema except these oids.
ObjectAddresses *temporary_objects(spi_query::Schema *schema, Datum except, Datum *oids)
{
	bool is_null;
	Datum arguments[] = {except};

	spi_query::run(schema, temporary_objects_query, arguments);
	ObjectAddresses *objects = new_object_addresses();
	Datum *found = static_cast<Datum *>(palloc(sizeof(Datum) * greatest(SPI_processed, 1)));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple row = SPI_tuptable->vals[i];
		ObjectAddress object = {};

		object.classId = DatumGetObjectId(SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &is_null));
		object.objectId = DatumGetObjectId(SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &is_null));
		add_exact_object_address(&object, objects);
		found[i] = ObjectIdGetDatum(object.objectId);
	}
	*oids = spi_query::array_of(found, nullptr, static_cast<int>(SPI_processed), OIDOID);
	return objects;
}

// Return whether two texts are equal; nullptr equals only nullptr.
bool is_same(const char *a, const char *b)
{
	return a == nullptr || b == nullptr ? a == b : strcmp(a, b) == 0;
}

} // namespace

SessionSnapshot capture(spi_query::Schema *schema, bool with_prepared)
{
	SessionSnapshot snapshot = {with_prepared, read_names(schema, with_prepared), static_cast<Datum>(0)};

	temporary_objects(schema, spi_query::array_of(nullptr, nullptr, 0, OIDOID), &snapshot.temporary);
	return snapshot;
}

void check(spi_query::Schema *schema, const SessionSnapshot &snapshot)
{
	if (is_same(snapshot.names, read_names(schema, snapshot.with_prepared)))
		return;
	ereport(
		ERROR, errcode(ERRCODE_INVALID_CURSOR_STATE),
		snapshot.with_prepared ? errmsg("a trigger or handler left a cursor WITH HOLD open, or changed prepared statements")
							   : errmsg("handler left a cursor WITH HOLD open"),
		snapshot.with_prepared
			? errhint("Close the cursor and restore prepared statements in the function: they would run with the privileges of "
					  "another role.")
			: errhint("Close the cursor in the function: it would run with the privileges of another role."));
}

void cleanup(spi_query::Schema *schema, SessionSnapshot *snapshot)
{
	performMultipleDeletions(temporary_objects(schema, snapshot->temporary, &snapshot->temporary), DROP_CASCADE,
							 PERFORM_DELETION_INTERNAL | PERFORM_DELETION_QUIETLY);
}

void fire_deferred(spi_query::Schema *schema)
{
	spi_query::run(schema, fire_deferred_query, nullptr);
}

void reset_constraints(spi_query::Schema *schema)
{
	spi_query::run(schema, reset_constraints_query, nullptr);
}

} // namespace session_guard
