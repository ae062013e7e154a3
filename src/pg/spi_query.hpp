// SQL statements of C++ through SPI. A module keeps each statement beside the function that runs it, as a Query. All need SPI connected.
#ifndef CAMPAIGN_SPI_QUERY_HPP
#define CAMPAIGN_SPI_QUERY_HPP

#include "pg/compat.hpp"

namespace spi_query {

constexpr int max_arguments = 8;

// A statement and the types of its arguments. It is found by its address, so it must be static. @extschema@ stands for the
// extension's schema. Every name and operator is qualified, because a session's search_path may be anybody's.
struct Query
{
	const char *text;
	int argument_count;
	Oid arguments[max_arguments];
	bool by_index = false;   // is planned as a nested loop over indexes, whatever the statistics and settings say
	const char *ending = ""; // follows the text
};

// The schema whose tables the statements use.
struct Schema
{
	Oid oid;
	NameData name;
};

// Return the schema with the name that it has now. It lives as long as the process.
Schema *schema_of(Oid oid);

// Run the statement; the result is in SPI_tuptable. nulls: as SPI takes them, one character an argument, 'n' for NULL.
void run(const Schema *schema, const Query &query, Datum *arguments, const char *nulls = nullptr);

// Return a column of the first row of SPI's result; NULL, false and DT_NOEND if there is none.
Datum first_value(int column, bool *is_null);
bool first_uuid(int column, pg_uuid_t *uuid);
TimestampTz first_time(int column);

// Return a column of a row of SPI's result; 0 for NULL.
Datum value_at(int row, int column);

// Return the text, or the empty text where a NOT NULL was dropped; no state or type is empty.
Datum text_or_empty(Datum value);

// Build an array of copies. nulls: nullptr if there are none.
Datum array_of(Datum *values, bool *nulls, int count, Oid type);
ArrayType *uuid_array(const pg_uuid_t *ids, int count);

} // namespace spi_query

#endif
