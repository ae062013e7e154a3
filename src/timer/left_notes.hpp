// The notes of processes that are gone, and the removal of notes.
#ifndef CAMPAIGN_LEFT_NOTES_HPP
#define CAMPAIGN_LEFT_NOTES_HPP

#include "pg/compat.hpp"
#include "timer/note_format.hpp"

namespace left_notes {

// A timer that ran alone when the server crashed.
struct Guilty
{
	pg_uuid_t timer;
	TimestampTz noted_at;
};

// The contents of all notes of processes that are gone. The arrays are allocated in the memory context of the call.
struct Found
{
	note_format::Summary summary;
	pg_uuid_t *suspects;
	int suspect_count;
	Guilty *guilty;
	int guilty_count;
};

// To be called when the server starts, also after a crash, in the process from which all others are forked.
void on_server_start();

// Return whether a process of this database has left timers that were at work.
bool has_timers();

// Read the notes that processes of this database have left.
Found find();

// Remove these notes, and within a transaction those of databases that are gone.
void discard();
void remove_of_dropped();

// Remove the notes of a database that has been dropped, or does not have the extension.
void remove_all(Oid database);

} // namespace left_notes

#endif
