// The format of a note, and which notes are believed after a crash. Pure, with unit tests.
//
// A note is a header and a list of ids. A process writes one before it runs these timers, and empties it when their
// transaction has ended. After a crash of the server the list names the timers that may have caused it.
#ifndef CAMPAIGN_NOTE_FORMAT_HPP
#define CAMPAIGN_NOTE_FORMAT_HPP

#include <cstddef>
#include <cstring>

#include "pg/timestamp.hpp"

namespace note_format {

constexpr uint64 magic = 0x313045544f4e4c43u; // "CLNOTE01" in the order of bytes of a little-endian machine
constexpr int id_length = 16;
constexpr uint64 empty_sum = 0xcbf29ce484222325u;

// So many timers run one after another in a transaction after a crash. A transaction with more than 64 subtransactions
// would slow down the snapshots of all sessions.
constexpr int most_together = 60;

struct Header
{
	uint64 magic;
	uint64 system_identifier;
	uint32 database;
	int32 pid;
	TimestampTz written_at;
	uint64 wal_position; // the end of WAL when the list was written
	uint32 count;        // ids in the list
	uint32 alone;        // 1: the timers run one after another, not as a set
	uint32 first;        // the timers at work, which are a part of the list
	uint32 length;
	uint64 list_sum;
	uint64 header_sum;
};
static_assert(sizeof(Header) == 72, "no byte of it is padding");

// The server and the database in which notes are read.
struct Reader
{
	uint64 system_identifier;
	uint32 database;
	uint64 last_checkpoint; // where crash recovery began; 0 if that is not known
};

enum class Verdict
{
	not_believed,
	idle,     // no timer was at work
	suspects, // the list names timers that may have caused the crash
};

// The notes of a database, taken together.
struct Summary
{
	int believed;
	int not_believed;
	bool apart; // a crash came at the commit of several timers that had run one after another
};

// Add bytes to a checksum. The length is a multiple of 8.
inline uint64 add_to_sum(uint64 sum, const void *bytes, std::size_t length)
{
	const char *at = static_cast<const char *>(bytes);

	for (std::size_t i = 0; i < length; i += sizeof(uint64))
	{
		uint64 word;

		std::memcpy(&word, at + i, sizeof(word));
		sum = (sum ^ word) * 0x100000001b3u;
		sum ^= sum >> 29;
	}
	return sum;
}

inline uint64 sum_of(const Header &header)
{
	return add_to_sum(empty_sum, &header, offsetof(Header, header_sum));
}

// Return whether the header is complete. The list may still be torn.
inline bool is_whole(const Header &header)
{
	return header.magic == magic && header.header_sum == sum_of(header) && header.first <= header.count &&
		   header.length <= header.count - header.first;
}

// Judge the note of a process that is gone. list_sum: the checksum of the list as it was read. A note without a list is
// believed at any age, because each later batch would have overwritten it.
inline Verdict judge(const Header &header, uint64 list_sum, const Reader &reader)
{
	if (!is_whole(header) || header.system_identifier != reader.system_identifier || header.database != reader.database)
		return Verdict::not_believed;
	if (header.count == 0)
		return Verdict::idle;
	if (header.list_sum != list_sum || header.wal_position < reader.last_checkpoint)
		return Verdict::not_believed;
	return Verdict::suspects;
}

// Return whether one timer that ran alone was at work. The crash is then a failed attempt of it.
inline bool is_guilty(const Header &header)
{
	return header.alone != 0 && header.length == 1;
}

inline void add_to_summary(Summary *summary, const Header &header, Verdict verdict)
{
	if (verdict == Verdict::not_believed)
	{
		summary->not_believed++;
		return;
	}
	summary->believed++;
	if (verdict == Verdict::suspects && header.alone != 0 && header.length > 1)
		summary->apart = true;
}

// Return whether all timers that may have caused the crash are named. Otherwise batches begin small.
inline bool is_complete(const Summary &summary)
{
	return summary.believed > 0 && summary.not_believed == 0;
}

// Return how many suspects run in one transaction.
inline int together(const Summary &summary)
{
	return summary.apart ? 1 : most_together;
}

} // namespace note_format

#endif
