// The launcher's side of the worker slots: it starts processes, learns of their exits, and asks them to leave.
#ifndef CAMPAIGN_LAUNCHER_SLOTS_HPP
#define CAMPAIGN_LAUNCHER_SLOTS_HPP

#include "pg/compat.hpp"
#include "worker/database_list.hpp"

namespace launcher_slots {

using database_list::Database;

void make();

// Handle the exits of workers, and what the others have found.
void check();

// Count the processes of each database. Return how many there are in all.
int count_workers();

// Return whether a worker is probing some database.
bool is_probing();

enum class Started
{
	yes,
	no_process, // the server has none to spare
	not_needed, // the worker lives, or DDL keeps workers out of the database
};

// Start a worker of a database, by its number there.
Started start(Database *database, int number);

// Show that the server has no process for a worker.
void show_no_process(const Database *database, int number);

// Ask workers to leave, one for each of the databases that need a process since these times, in order. Workers that are about to leave
// count. Return how many databases get no place so.
int make_room(const TimestampTz *starts, int count, TimestampTz now);

} // namespace launcher_slots

#endif
