// Looks before and after: what is new belongs to the code that was called.
#include "pg/session_guard.hpp"

namespace session_guard {

namespace {

constexpr spi_query::Query reset_constraints_query = {R"(SELECT campaign_lifecycle_internal._reset_constraints())", 0, {}};

constexpr spi_query::Query fire_deferred_query = {R"(SET CONSTRAINTS ALL IMMEDIATE)", 0, {}};

constexpr spi_query::Query session_traces_query = {
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

// Return cursors WITH HOLD, and prepared statements if they count, as a text; nullptr for none.
char *session_traces(spi_query::Schema *schema, bool prepared)
{
	Datum arguments[] = {BoolGetDatum(prepared)};

	spi_query::run(schema, session_traces_query, arguments);
	return SPI_processed > 0 ? SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1) : nullptr;
}

// Return what is in the temporary schema except these oids.
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

bool is_same(const char *a, const char *b)
{
	return a == nullptr || b == nullptr ? a == b : strcmp(a, b) == 0;
}

} // namespace

SessionSnapshot capture(spi_query::Schema *schema, bool prepared)
{
	SessionSnapshot before = {prepared, session_traces(schema, prepared), static_cast<Datum>(0)};

	temporary_objects(schema, spi_query::array_of(nullptr, nullptr, 0, OIDOID), &before.temporary);
	return before;
}

void check(spi_query::Schema *schema, const SessionSnapshot &before)
{
	if (is_same(before.traces, session_traces(schema, before.prepared)))
		return;
	ereport(ERROR, errcode(ERRCODE_INVALID_CURSOR_STATE),
			before.prepared ? errmsg("a trigger or handler left a cursor WITH HOLD open, or changed prepared statements")
							: errmsg("handler left a cursor WITH HOLD open"),
			errhint("Undo that in the function; it would be carried out with somebody else's rights."));
}

void cleanup(spi_query::Schema *schema, SessionSnapshot *before)
{
	performMultipleDeletions(temporary_objects(schema, before->temporary, &before->temporary), DROP_CASCADE,
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
