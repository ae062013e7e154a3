// Part of the launcher's memory: which databases there are, which of them have the extension as far as is known, and which must wait
// after a failure. All of it can be read again, so a new launcher starts without it.
#include "worker/database_list.hpp"

#include "pg/xact.hpp"
#include "worker/shmem.hpp"

namespace database_list {

HTAB *databases;

namespace {

void remember_database(Form_pg_database row)
{
	bool found;

	if (row->datistemplate || !row->datallowconn || row->datconnlimit == pg::invalid_database_limit)
		return;
	Database *database = static_cast<Database *>(hash_search(databases, &row->oid, HASH_ENTER, &found));
	if (!found)
	{
		database->extension = Extension::unknown;
		database->recheck = false;
		database->failures = 0;
		database->retry_at = DT_NOBEGIN;
	}
	database->retry_at = database_choice::mended(database->retry_at, GetCurrentTimestamp());
	database->listed = true;
	database->name = row->datname;
}

// Treat a database that a wakeup request names as unknown, because it may have got the extension since.
void reconsider(Database *database)
{
	if (database->extension == Extension::absent)
		database->extension = Extension::unknown;
	database->recheck = true;
	database->failures = 0;
	database->retry_at = DT_NOBEGIN;
}

} // namespace

void make()
{
	HASHCTL control = {};

	control.keysize = sizeof(Oid);
	control.entrysize = sizeof(Database);
	databases = hash_create("campaign_lifecycle databases", 32, &control, HASH_ELEM | HASH_BLOBS);
}

Database *find(Oid oid)
{
	return static_cast<Database *>(hash_search(databases, &oid, HASH_FIND, nullptr));
}

void read()
{
	for_each([](Database *database) { database->listed = false; });
	ErrorData *error = xact::run([] {
		Relation relation = table_open(DatabaseRelationId, AccessShareLock);
		TableScanDesc scan = table_beginscan_catalog(relation, 0, nullptr);

		while (HeapTuple tuple = heap_getnext(scan, ForwardScanDirection))
			remember_database(reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple)));
		table_endscan(scan);
		table_close(relation, AccessShareLock);
	});
	if (error != nullptr)
		ThrowErrorData(error);
	for_each([](Database *database) {
		if (!database->listed)
			hash_search(databases, &database->oid, HASH_REMOVE, nullptr);
	});
}

void take_wakeup_requests()
{
	for (pg_atomic_uint32 &request : shmem::memory->wakeup_requests)
	{
		Oid oid = pg_atomic_exchange_u32(&request, InvalidOid);
		Database *database = OidIsValid(oid) ? find(oid) : nullptr;

		if (database != nullptr)
			reconsider(database);
	}
	if (pg_atomic_exchange_u32(&shmem::memory->recheck_all, 0) != 0)
		for_each(reconsider);
}

void note_failure(Database *database, TimestampTz since)
{
	TimestampTz now = GetCurrentTimestamp();

	database->failures = database_choice::failures_before(database->failures, since, now);
	database->retry_at = now + database_choice::backoff_after(database->failures++);
}

} // namespace database_list
