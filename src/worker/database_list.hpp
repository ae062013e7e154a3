// The server's databases, as the launcher knows them.
#ifndef CAMPAIGN_DATABASE_LIST_HPP
#define CAMPAIGN_DATABASE_LIST_HPP

#include "pg/compat.hpp"
#include "worker/database_choice.hpp"
#include "worker/shmem.hpp"

namespace database_list {

using database_choice::Extension;

struct Database
{
	Oid oid; // the key
	NameData name;
	Extension extension;
	bool listed;  // seen by the last read()
	bool recheck; // requested since a worker was last asked for
	int failures;
	TimestampTz retry_at;

	// For turns.
	shmem::DatabaseEntry *entry; // nullptr while it is not known to have the extension, and where there is no room
	TimestampTz asked_at;        // since when a worker is asked for, whatever is due; DT_NOEND if none is
	TimestampTz left_at;         // when its last worker left
	TimestampTz left_due;        // as that worker has left it, where there is no entry
	bool had_turn;               // that worker left for another database
	int workers;                 // processes there, as counted in this cycle
	bool has_first;              // one of them is worker 0
};

void make();

// Read pg_database, if it may have changed: the databases that may have workers.
void read_if_changed();

// Take what sessions and workers have requested in shared memory.
void take_wakeup_requests();

Database *find(Oid oid);

// Note that the database has the extension, or that it has not.
void set_present(Database *database);
void set_absent(Database *database);

// Ask for a worker, whatever is due.
void ask_for_worker(Database *database, TimestampTz now);

// Return when the database comes to need a process, and how late a worker is that starts now.
TimestampTz start_at(const Database *database);
int64 lateness(const Database *database, TimestampTz now);

// Forget since when databases wait. The clock was set back, or no timer was to be executed.
void start_over(TimestampTz now);

// Back off after the failure of a worker that had lived since that time; longer after each further failure.
void note_failure(Database *database, TimestampTz since);

extern HTAB *databases;

template <typename F> void for_each(F visit)
{
	HASH_SEQ_STATUS scan;

	hash_seq_init(&scan, databases);
	while (Database *database = static_cast<Database *>(hash_seq_search(&scan)))
		visit(database);
}

} // namespace database_list

#endif
