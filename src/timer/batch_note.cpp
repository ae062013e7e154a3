// Each process has a file of its own, which it makes before its first batch and removes when it exits. The name holds
// the database, the process and its start. A note that cannot be written is removed, because an old one would mislead.
#include "timer/batch_note.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace batch_note {

using note_format::Header;

namespace {

constexpr int64 log_again_us = 60 * USECS_PER_SEC;
constexpr uint32 most_kept = 65536; // ids; a longer file is made short again

// The note of this process.
struct OwnNote
{
	int fd = -1;
	bool has_suspects = false;
	bool outlives_xact = false; // the suspects
	bool is_registered = false;
	char path[MAXPGPATH];
	Header header;
};
OwnNote own;

// Tell the server's log now and then why no note can be written.
void log_failure(const char *what)
{
	static TimestampTz logged_at = DT_NOBEGIN;
	TimestampTz now = GetCurrentTimestamp();
	int code = errno;

	if (logged_at <= now && now < logged_at + log_again_us)
		return;
	logged_at = now;
	errno = code;
	ereport(LOG, errcode_for_file_access(), errmsg("could not %s file \"%s\": %m", what, own.path),
			errdetail("Timers are executed without it. After a crash their batches begin small."));
}

// Close and remove the note of this process.
void discard() noexcept
{
	if (own.fd < 0)
		return;
	close(own.fd);
	ReleaseExternalFD();
	unlink(own.path);
	own.fd = -1;
}

bool write_at(const void *bytes, size_t length, off_t offset) noexcept
{
	errno = 0;
	if (pg_pwrite(own.fd, bytes, length, offset) == static_cast<ssize_t>(length))
		return true;
	if (errno == 0)
		errno = ENOSPC;
	return false;
}

bool write_header() noexcept
{
	own.header.header_sum = note_format::sum_of(own.header);
	return write_at(&own.header, sizeof(own.header), 0);
}

// Empty the note. It raises nothing, because a commit callback calls it.
void empty() noexcept
{
	bool is_long = own.header.count > most_kept;

	own.header.count = 0;
	own.header.alone = 0;
	own.header.first = 0;
	own.header.length = 0;
	own.header.list_sum = note_format::empty_sum;
	if (!write_header() || (is_long && ftruncate(own.fd, sizeof(own.header)) != 0))
		discard();
}

// Note that the timers of the transaction are no longer at work.
void on_transaction_end(XactEvent event, void *) noexcept
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	own.has_suspects = own.has_suspects && own.outlives_xact;
	if (own.fd < 0 || own.header.count == 0)
		return;
	if (!own.has_suspects)
	{
		empty();
		return;
	}
	own.header.length = 0;
	if (!write_header())
		discard();
}

// Leave a list of suspects to the next process.
void on_exit(int, Datum) noexcept
{
	if (own.fd >= 0 && !own.has_suspects)
		discard();
}

// Make the file of this process. Return false if that is not possible.
bool open_own()
{
	if (own.fd >= 0)
		return true;
	snprintf(own.path, sizeof(own.path), PG_STAT_TMP_DIR "/campaign_lifecycle.%u.%d.%llx.note", MyDatabaseId, MyProcPid,
			 static_cast<unsigned long long>(MyStartTimestamp));
	if (!AcquireExternalFD())
		return false;
	int fd = BasicOpenFile(own.path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | PG_BINARY);
	if (fd < 0)
	{
		ReleaseExternalFD();
		log_failure("create");
		return false;
	}
	own.fd = fd;
	own.header = {};
	own.header.magic = note_format::magic;
	own.header.system_identifier = GetSystemIdentifier();
	own.header.database = MyDatabaseId;
	own.header.pid = MyProcPid;
	own.header.list_sum = note_format::empty_sum;
	if (!own.is_registered)
	{
		RegisterXactCallback(on_transaction_end, nullptr);
		before_shmem_exit(on_exit, static_cast<Datum>(0));
	}
	own.is_registered = true;
	return true;
}

// Add ids to the list, all of which are at work. The ids come before the header that counts them.
bool write_list(const char *ids, int count)
{
	size_t length = static_cast<size_t>(count) * note_format::id_length;
	size_t offset = sizeof(Header) + static_cast<size_t>(own.header.count) * note_format::id_length;

	own.header.list_sum = note_format::add_to_sum(own.header.list_sum, ids, length);
	own.header.count += static_cast<uint32>(count);
	own.header.written_at = GetCurrentTimestamp();
	own.header.wal_position = GetXLogInsertRecPtr();
	return write_at(ids, length, static_cast<off_t>(offset)) && write_header();
}

} // namespace

void note_batch(const claim::Claim &claimed)
{
	if (claimed.count == 0 || own.has_suspects || !open_own())
		return;
	char *ids =
		static_cast<char *>(palloc_extended(static_cast<size_t>(claimed.count) * note_format::id_length, MCXT_ALLOC_HUGE));
	for (int i = 0; i < claimed.count; i++)
		memcpy(ids + static_cast<size_t>(i) * note_format::id_length, &claimed.timers[i].id, note_format::id_length);
	own.header.first = 0;
	own.header.length = own.header.count + static_cast<uint32>(claimed.count);
	bool written = write_list(ids, claimed.count);
	pfree(ids);
	if (written)
		return;
	log_failure("write");
	discard();
}

void note_alone(const pg_uuid_t &timer)
{
	if (own.has_suspects || !open_own())
		return;
	own.header.alone = 1;
	own.header.first = own.header.count;
	own.header.length = 1;
	if (write_list(reinterpret_cast<const char *>(timer.data), 1))
		return;
	log_failure("write");
	discard();
}

void end_alone()
{
	if (own.fd < 0 || own.has_suspects)
		return;
	own.header.alone = 0;
	own.header.first = 0;
	own.header.length = own.header.count;
	if (!write_header())
		discard();
}

bool note_suspects(const pg_uuid_t *ids, int count, bool for_client)
{
	if (!open_own())
		return false;
	empty();
	if (own.fd < 0)
		return false;
	own.header.alone = 1;
	if (!write_list(reinterpret_cast<const char *>(ids), count))
	{
		log_failure("write");
		discard();
		return false;
	}
	own.has_suspects = true;
	own.outlives_xact = !for_client;
	return true;
}

void note_at_work(int first, int length)
{
	if (own.fd < 0 || !own.has_suspects)
		return;
	own.header.first = static_cast<uint32>(first);
	own.header.length = static_cast<uint32>(length);
	if (!write_header())
	{
		log_failure("write");
		discard();
	}
}

void forget_suspects()
{
	own.has_suspects = false;
	if (own.fd >= 0)
		empty();
}

bool is_own(const char *path)
{
	return own.fd >= 0 && strcmp(path, own.path) == 0;
}

} // namespace batch_note
