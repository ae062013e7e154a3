// Part of the launcher's memory: which databases there are, which of them have the extension as far as is known, and which must wait
// after a failure. All of it can be read again, so a new launcher starts without it.
#include "worker/database_list.hpp"

#include "guc.hpp"
#include "pg/xact.hpp"
#include "worker/shmem.hpp"
#include "worker/turns.hpp"

namespace database_list {

HTAB *databases;

namespace {

constexpr int64 reread_us = 60 * USECS_PER_SEC;

TimestampTz read_at = DT_NOBEGIN;

void remember_database(Form_pg_database row)
{
	bool found;

	if (row->datistemplate || !row->datallowconn || row->datconnlimit == pg::invalid_database_limit)
		return;
	Database *database = static_cast<Database *>(hash_search(databases, &row->oid, HASH_ENTER, &found));
	if (!found)
	{
		// An entry is that of an earlier launcher.
		database->entry = turns::find(row->oid);
		database->extension = database->entry != nullptr ? Extension::present : Extension::unknown;
		database->recheck = false;
		database->failures = 0;
		database->retry_at = DT_NOBEGIN;
		database->asked_at = GetCurrentTimestamp();
		database->left_at = database->asked_at;
		database->left_due = DT_NOBEGIN;
		database->had_turn = false;
	}
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
	if (database->entry != nullptr)
		turns::write_time(&database->entry->maintenance_at, DT_NOBEGIN);
	ask_for_worker(database, GetCurrentTimestamp());
}

void forget_missing()
{
	for_each([](Database *database) {
		if (!database->listed)
			hash_search(databases, &database->oid, HASH_REMOVE, nullptr);
	});
	for (uint32 i = 0; i < pg_atomic_read_u32(&shmem::memory->entries_used); i++)
	{
		shmem::DatabaseEntry *entry = &shmem::memory->databases[i];
		Oid oid = pg_atomic_read_u32(&entry->database);

		if (OidIsValid(oid) && find(oid) == nullptr)
			turns::remove(entry);
	}
}

void read()
{
	read_at = GetCurrentTimestamp();
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
	forget_missing();
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

void read_if_changed()
{
	TimestampTz now = GetCurrentTimestamp();

	if (pg_atomic_exchange_u32(&shmem::memory->databases_changed, 0) != 0 || now >= read_at + reread_us || now < read_at)
		read();
}

void set_present(Database *database)
{
	database->extension = Extension::present;
	if (database->entry == nullptr)
		database->entry = turns::add(database->oid);
}

void set_absent(Database *database)
{
	database->extension = Extension::absent;
	if (database->entry != nullptr)
		turns::remove(database->entry);
	database->entry = nullptr;
}

void ask_for_worker(Database *database, TimestampTz now)
{
	database->asked_at = least(database->asked_at, now);
}

// Return what is known of a database without a worker. Commits lower the due time of an entry; without one they ask for a worker.
static database_choice::Waiting waiting(const Database *database)
{
	TimestampTz due = database->entry != nullptr ? turns::read_time(&database->entry->due) : database->left_due;

	return {due, database->asked_at, database->left_at};
}

TimestampTz start_at(const Database *database)
{
	return database_choice::start_at(waiting(database),
									 database_choice::visit_naptimes * static_cast<int64>(guc::naptime) * 1000);
}

// A wait after a failure is none for a turn.
int64 lateness(const Database *database, TimestampTz now)
{
	int64 late_us = database_choice::lateness(waiting(database), now);

	return database->retry_at == DT_NOBEGIN ? late_us : greatest(least(late_us, now - database->retry_at), static_cast<int64>(0));
}

void start_over(TimestampTz now)
{
	for_each([now](Database *database) {
		database->retry_at = database_choice::mended(database->retry_at, now);
		database->asked_at = now;
		database->left_at = now;
		if (database->entry == nullptr)
			return;
		turns::write_time(&database->entry->maintenance_at, DT_NOBEGIN);
		turns::write_time(&database->entry->maintained_at, DT_NOBEGIN);
	});
}

void take_wakeup_requests()
{
	for (pg_atomic_uint32 &request : shmem::memory->wakeup_requests)
	{
		Oid oid = pg_atomic_exchange_u32(&request, InvalidOid);
		Database *database = OidIsValid(oid) ? find(oid) : nullptr;

		if (OidIsValid(oid) && database == nullptr)
		{
			read();
			database = find(oid);
		}
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
