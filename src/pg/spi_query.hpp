// Runs SQL statements through SPI. A module keeps each statement as a Query beside the function that runs it. Every
// function needs SPI to be connected.
#ifndef CAMPAIGN_SPI_QUERY_HPP
#define CAMPAIGN_SPI_QUERY_HPP

#include "pg/compat.hpp"

namespace spi_query {

constexpr int max_arguments = 8;

// A statement and the types of its arguments. It is found by its address, so it must be static. @extschema@ stands
// for the extension's schema, and @attempt_limit@ for limits::attempts. Every name and operator is qualified, because
// any session's search_path may be in force.
struct Query
{
	const char *text;
	int argument_count;
	Oid arguments[max_arguments];
	bool by_index = false;   // planned as a nested loop over indexes, whatever the statistics and settings are
	const char *ending = ""; // follows the text
};

// The schema whose tables the statements use.
struct Schema
{
	Oid oid;
	NameData name;
};

// Return the schema with its current name. It lives as long as the process.
Schema *schema_of(Oid oid);

// Run the statement; the result is in SPI_tuptable. nulls: one character for each argument, 'n' for NULL, as SPI
// takes them.
void run(const Schema *schema, const Query &query, Datum *arguments, const char *nulls = nullptr);

// Return a column of the first row of SPI's result. Without a row, return NULL, false and DT_NOEND.
Datum first_value(int column, bool *is_null);
bool first_uuid(int column, pg_uuid_t *uuid);
TimestampTz first_time(int column);

// Return a column of a row of SPI's result; 0 for NULL.
Datum value_at(int row, int column);

// Return the text, or the empty text for NULL, which a user may have allowed. No state or type is the empty text.
Datum text_or_empty(Datum value);

// Build an array of copies. nulls: nullptr if no value is NULL.
Datum array_of(Datum *values, bool *nulls, int count, Oid type);
ArrayType *uuid_array(const pg_uuid_t *ids, int count);

// Build an array of the results of value(i, &is_null), one for each index below count. Return 0 if count is 0.
template <typename F> Datum build_array(int count, Oid type, F value)
{
	if (count == 0)
		return static_cast<Datum>(0);
	Datum *values = static_cast<Datum *>(palloc_extended(sizeof(Datum) * count, MCXT_ALLOC_HUGE));
	bool *nulls = static_cast<bool *>(palloc_extended(count, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));

	for (int i = 0; i < count; i++)
		values[i] = value(i, &nulls[i]);
	return array_of(values, nulls, count, type);
}

} // namespace spi_query

#endif
