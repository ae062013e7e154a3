// The server's databases, as the launcher knows them.
#ifndef CAMPAIGN_DATABASE_LIST_HPP
#define CAMPAIGN_DATABASE_LIST_HPP

#include "pg/compat.hpp"
#include "worker/database_choice.hpp"

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
};

void make();

// Read pg_database: the databases that may have workers.
void read();

// Take what sessions and workers have requested in shared memory.
void take_wakeup_requests();

Database *find(Oid oid);

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
