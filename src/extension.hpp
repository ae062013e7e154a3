// The state of the extension in this database: whether it is there, in which schema, who owns the tables, and whether timers may run. It is
// found by oid each time, because schemas are renamed and extensions dropped while a worker runs.
#ifndef CAMPAIGN_EXTENSION_HPP
#define CAMPAIGN_EXTENSION_HPP

#include "pg/compat.hpp"
#include "pg/spi_query.hpp"

namespace extension {

constexpr const char *name = "campaign_lifecycle";
constexpr const char *version = CAMPAIGN_LIFECYCLE_VERSION; // of the library

enum class ExtensionState
{
	ready,         // timers may run
	absent,        // not in this database
	busy,          // being dropped or updated: try again soon
	other_version, // than the library's: ALTER EXTENSION ... UPDATE
	no_tables,     // in a restore, or uninstalled
	old_tables,    // of another version, from a dump: upgrade_campaign_tables()
	renamed,       // its schema was renamed, and the functions name the old one
	paused,        // by pause_timers(), or a copy of another database
};

// Whether timers fire in this database, and if not, why.
enum class Activation
{
	active,
	paused,   // by pause_timers()
	restored, // campaign_activation is empty, as in a dump
	cloned,   // it holds the row of another database only
	loaded,   // the tables hold rows of another database
};

struct ExtensionInfo
{
	ExtensionState extension_state;
	spi_query::Schema *schema;
	Oid owner; // of campaign_timers; the worker acts as this role
	Activation activation;
	bool tables_are_current; // of the version of the functions; known where activation is active, paused or loaded
};

// Open the extension for the worker, within a transaction connected to SPI. Lock it against DROP EXTENSION until the transaction ends, or
// return busy.
ExtensionInfo open_nowait();

// Open the extension for a client's session, which waits for the lock.
ExtensionInfo open();

// Open the extension and become the tables' owner until the transaction ends. Return false if timers may not run here; allow_paused: a
// pause alone does not count.
bool begin_as_owner(ExtensionInfo *ext, bool allow_paused = false);

// Return the version in pg_extension, or nullptr where the extension is missing.
char *installed_version();

// Raise 55000 and say how to update the extension.
[[noreturn]] void refuse_version();

// Raise 55000 and say what to do after the schema was renamed.
[[noreturn]] void refuse_renamed();

// Raise 42P01 and say how to make the campaign tables.
[[noreturn]] void refuse_missing_tables();

// Return the extension's schema for a function that is called from SQL. Raise 55000 if the extension is of another version than the
// library, because its SQL then expects another library.
spi_query::Schema *current_schema();

// Return the schema of the extension, or InvalidOid.
Oid schema_oid();

// Return a number that tells the tables of this database from those of others, or 0 in a database of 1.1.
uint32 tables_number();

// Return whether a plain table of the schema has a row.
bool is_filled(Oid schema, const char *table);

// Return a table of the extension's own, or InvalidOid.
Oid bookkeeping_table(const char *table);

} // namespace extension

#endif
