// The databases of the server, as the launcher knows them.
#ifndef CAMPAIGN_DATABASE_LIST_HPP
#define CAMPAIGN_DATABASE_LIST_HPP

#include "pg/compat.hpp"

namespace database_list {

enum class Extension
{
	unknown,
	absent,
	present,
};

struct Database
{
	Oid oid; // the key
	NameData name;
	Extension extension;
	bool listed;  // seen by the last read()
	bool recheck; // since a worker was last asked for
	int failures;
	TimestampTz retry_at;
};

void make();

// From pg_database: those that may have workers.
void read();

// What sessions and workers have to tell.
void take_wakeup_requests();

Database *find(Oid oid);

// A worker that lived since then has failed: the next one waits, longer each time.
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
