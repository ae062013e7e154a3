// Reads the directory of the notes. A process that is gone has left its note by a crash of the server, because each
// process removes its own when it exits.
#include "timer/left_notes.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "timer/batch_note.hpp"

namespace left_notes {

using note_format::Header;
using note_format::Verdict;

namespace {

constexpr const char *directory = PG_STAT_TMP_DIR;

// The file of a note, as its name says.
struct File
{
	Oid database;
	int pid;
	char path[MAXPGPATH];
};

uint64 last_checkpoint = 0;

// Return whether a directory entry is a note.
bool parse_name(const char *name, File *file)
{
	unsigned long long start;
	int length = 0;

	if (sscanf(name, "campaign_lifecycle.%u.%d.%llx.note%n", &file->database, &file->pid, &start, &length) != 3 || length == 0 ||
		name[length] != '\0')
		return false;
	snprintf(file->path, sizeof(file->path), "%s/%s", directory, name);
	return true;
}

// Call the body for each note that is there.
template <typename F> void for_each_file(F body)
{
	DIR *dir = AllocateDir(directory);
	File file;

	if (dir == nullptr)
		return;
	while (struct dirent *entry = ReadDirExtended(dir, directory, LOG))
		if (parse_name(entry->d_name, &file))
			body(file);
	FreeDir(dir);
}

// Return whether the file belongs to a process of this database that is gone.
bool is_left(const File &file)
{
	return file.database == MyDatabaseId && !batch_note::is_own(file.path) &&
		   (file.pid == MyProcPid || BackendPidGetProc(file.pid) == nullptr);
}

// Read a note. Return its ids, or nullptr if it is torn or has none.
char *read_file(const File &file, Header *header)
{
	struct stat status;
	int fd = OpenTransientFile(file.path, O_RDONLY | PG_BINARY);
	char *ids = nullptr;

	*header = {};
	if (fd < 0)
		return nullptr;
	if (fstat(fd, &status) == 0 && read(fd, header, sizeof(*header)) == static_cast<ssize_t>(sizeof(*header)) &&
		note_format::is_whole(*header) && header->count > 0)
	{
		size_t length = static_cast<size_t>(header->count) * note_format::id_length;

		if (static_cast<size_t>(status.st_size) >= sizeof(*header) + length)
			ids = static_cast<char *>(palloc_extended(length, MCXT_ALLOC_HUGE));
		if (ids != nullptr && read(fd, ids, length) != static_cast<ssize_t>(length))
			ids = nullptr;
	}
	CloseTransientFile(fd);
	return ids;
}

// Add a note's timers to what was found. The one that ran alone is no suspect, but guilty.
void add_timers(Found *found, const Header &header, const char *ids)
{
	size_t room = sizeof(pg_uuid_t) * (static_cast<size_t>(found->suspect_count) + header.count);
	bool guilty = note_format::is_guilty(header);

	found->suspects = static_cast<pg_uuid_t *>(found->suspects == nullptr ? palloc_extended(room, MCXT_ALLOC_HUGE)
																		  : repalloc_huge(found->suspects, room));
	for (uint32 i = 0; i < header.count; i++)
	{
		pg_uuid_t id;

		memcpy(&id, ids + static_cast<size_t>(i) * note_format::id_length, sizeof(id));
		if (!guilty || i != header.first)
		{
			found->suspects[found->suspect_count++] = id;
			continue;
		}
		found->guilty =
			static_cast<Guilty *>(found->guilty == nullptr ? palloc(sizeof(Guilty))
														   : repalloc(found->guilty, sizeof(Guilty) * (found->guilty_count + 1)));
		found->guilty[found->guilty_count++] = {id, header.written_at};
	}
}

} // namespace

// A copy of the files of a server has notes of timers that the other server ran. Where a server begins from a backup or
// as a standby, nothing there has crashed.
void on_server_start()
{
	bool crc_is_right;
	ControlFileData *control = get_controlfile(DataDir, &crc_is_right);

	last_checkpoint = crc_is_right ? control->checkPointCopy.redo : 0;
	pfree(control);
	if (access("backup_label", F_OK) == 0 || access("standby.signal", F_OK) == 0 || access("recovery.signal", F_OK) == 0)
		for_each_file([](const File &file) { unlink(file.path); });
}

bool has_timers()
{
	bool found = false;

	for_each_file([&](const File &file) {
		Header header;

		if (found || !is_left(file))
			return;
		(void) read_file(file, &header);
		found = note_format::is_whole(header) && header.count > 0;
	});
	return found;
}

Found find()
{
	note_format::Reader reader = {GetSystemIdentifier(), MyDatabaseId, last_checkpoint};
	Found found = {};

	for_each_file([&](const File &file) {
		Header header;

		if (!is_left(file))
			return;
		char *ids = read_file(file, &header);
		uint64 sum = ids != nullptr ? note_format::add_to_sum(note_format::empty_sum, ids,
															  static_cast<size_t>(header.count) * note_format::id_length)
									: 0;
		Verdict verdict = note_format::judge(header, sum, reader);
		note_format::add_to_summary(&found.summary, header, verdict);
		if (verdict == Verdict::suspects)
			add_timers(&found, header, ids);
	});
	return found;
}

void discard()
{
	for_each_file([](const File &file) {
		if (is_left(file))
			unlink(file.path);
	});
}

void remove_of_dropped()
{
	for_each_file([](const File &file) {
		if (!SearchSysCacheExists1(DATABASEOID, ObjectIdGetDatum(file.database)))
			unlink(file.path);
	});
}

void remove_all(Oid database)
{
	for_each_file([&](const File &file) {
		if (file.database == database)
			unlink(file.path);
	});
}

} // namespace left_notes
