// Locks the rows of a timer and of its campaign, and for a moment their tables, to keep new row locks out.
#ifndef CAMPAIGN_BUSY_TABLES_HPP
#define CAMPAIGN_BUSY_TABLES_HPP

#include "row/row_wait.hpp"

namespace busy_tables {

constexpr int count = 2;

// The rows of a timer and of its campaign.
struct Rows
{
	ItemPointerData tids[count];
	Oid table; // of the row that was waited for last
};

// Lock the row of the timer, then that of the campaign.
row_wait::Outcome lock_rows(Oid schema, Rows *rows, row_wait::Wait *wait);

// Ask for the lock of this table before each wait for a row, until forget().
void want(Oid table);
void forget();

// Take the locks that are wanted, if there were none lately. A wait for a lock ends at the limit. One that times out has kept new row
// locks out as well.
void lock(int64 limit_us);

// Release the locks. Raises nothing.
void unlock();

bool is_any_locked();

} // namespace busy_tables

#endif
