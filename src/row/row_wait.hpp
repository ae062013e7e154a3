// Locks one row that other transactions lock again and again.
#ifndef CAMPAIGN_ROW_WAIT_HPP
#define CAMPAIGN_ROW_WAIT_HPP

#include "pg/compat.hpp"

namespace row_wait {

enum class Outcome
{
	locked,
	gone,     // no row version is left to lock
	held,     // one transaction has held the row all the time
	lost,     // its holder has changed, but another transaction was faster each time
	shared,   // as lost, by transactions that share the row, so that it is never without a holder
	unwanted, // other work has come
};

// A wait for one row. It lives in the frame that catches the error of a lock timeout.
struct Wait
{
	int64 end;                          // on the stopwatch
	bool (*is_wanted)();                // whether other work ends the wait; nullptr: none does
	bool (*is_long)(TransactionId xid); // whether the transaction is not waited for; nullptr: each is

	int handoffs;         // how often a holder has ended
	bool is_shared;       // the last holder shared the row
	TransactionId holder; // the last one
	int64 holder_since;   // on the stopwatch: since when it has been waited for
};

// Lock the row as FOR NO KEY UPDATE does, following its updates. Waits for one holder end in an ERROR 55P03.
Outcome lock(Relation rel, ItemPointer tid, Wait *wait);

// Return the outcome of a wait that ended in a lock timeout.
Outcome after_timeout(const Wait &wait);

// Return a transaction that keeps the row version from being locked, or InvalidTransactionId.
TransactionId holder_of(Relation rel, const ItemPointerData *tid);

// Let waits for locks end after this time, until the transaction ends or the caller's level of settings.
void set_lock_timeout(int64 us);

} // namespace row_wait

#endif
