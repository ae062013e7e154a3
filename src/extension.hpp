// What a transaction must know of the extension in this database before it
// touches a table: that it is there, in which schema, who owns the tables, and
// whether timers may fire. Found by oid each time, never by a schema's name,
// since schemas are renamed and extensions dropped while a worker runs.
#ifndef CAMPAIGN_EXTENSION_HPP
#define CAMPAIGN_EXTENSION_HPP

#include "pg/compat.hpp"
#include "pg/spi_query.hpp"

namespace extension {

constexpr const char *name = "campaign_lifecycle";

enum class ExtensionState
{
	ready,      // timers may fire
	absent,     // not in this database
	busy,       // being dropped or updated: try again soon
	no_tables,  // in a restore, or uninstalled
	old_tables, // of another version, from a dump: upgrade_campaign_tables()
	paused,     // by pause_timers(), or a copy of another database
};

struct ExtensionInfo
{
	ExtensionState extension_state;
	spi_query::Schema *schema;
	Oid owner; // of campaign_timers: the worker acts as this role
};

// For the worker: inside a transaction, with SPI connected; locks the extension
// against DROP EXTENSION until the transaction ends, or says busy.
ExtensionInfo open_nowait();

// For a client's session, which waits for its locks as any statement does.
ExtensionInfo open();

// Open the extension and become the tables' owner until the transaction ends. Return false if timers may not run here; allow_paused: a
// pause alone does not count.
bool begin_as_owner(ExtensionInfo *ext, bool allow_paused = false);

// A table of the extension's own, or InvalidOid.
Oid bookkeeping_table(const char *table);

} // namespace extension

#endif
