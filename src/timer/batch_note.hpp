// The notes that processes write about the timers they are about to run. They are small files in pg_stat_tmp, written
// without fsync. A file survives the crash of a process, and base backups leave that directory out.
#ifndef CAMPAIGN_BATCH_NOTE_HPP
#define CAMPAIGN_BATCH_NOTE_HPP

#include "timer/claim.hpp"
#include "timer/note_format.hpp"

namespace batch_note {

// Note the timers of a batch until this transaction ends. No error is raised; without a note the batch runs as well.
void note_batch(const claim::Claim &claimed);

// Note a timer that runs alone, and that it has ended. For a transaction that goes on.
void note_alone(const pg_uuid_t &timer);
void end_alone();

// Note timers that are to run alone, until forget_suspects(); for a client until its transaction ends. Return false if the note cannot be
// written.
bool note_suspects(const pg_uuid_t *ids, int count, bool for_client);

// Note which of the suspects are at work, until this transaction ends.
void note_at_work(int first, int length);

void forget_suspects();

// Return whether this is the file of this process.
bool is_own(const char *path);

} // namespace batch_note

#endif
