// Locks a row that other transactions lock again and again. The server's queue for a row is as long as the transactions in it, and
// transactions that share the row do not queue at all. So this waits for the end of the row's holder alone and then tries the row at
// once. That takes about one transaction of the others, however many wait.
//
// Follows heap_lock_tuple() of access/heap/heapam.c in PostgreSQL 15 to 18. But it does not take the lock of the tuple, and it
// tries again instead of queueing. Only a row of a heap is looked at. Rows of other access methods are waited for as
// FOR NO KEY UPDATE does.
#include "row/row_wait.hpp"

namespace row_wait {

namespace {

constexpr int64 long_us = 10000;       // a transaction that is waited for in vain for so long is a long one
constexpr int max_shared_handoffs = 4; // a shared row is given up after so many

// The lock of a row version, as its header says it.
struct RowLock
{
	TransactionId xmax; // or a multixact
	uint16 infomask;
};

// Read the header of a row version. Return false if there is none, or the table is no heap.
bool read_header(Relation rel, const ItemPointerData *tid, TupleTableSlot *slot, RowLock *row_lock)
{
	ItemPointerData copy = *tid;

	if (!TTS_IS_BUFFERTUPLE(slot) || !table_tuple_fetch_row_version(rel, &copy, SnapshotAny, slot))
		return false;
	BufferHeapTupleTableSlot *buffer_slot = reinterpret_cast<BufferHeapTupleTableSlot *>(slot);
	HeapTupleHeader header = buffer_slot->base.tuple->t_data;

	// Others change both fields under the exclusive lock.
	LockBuffer(buffer_slot->buffer, BUFFER_LOCK_SHARE);
	*row_lock = {HeapTupleHeaderGetRawXmax(header), header->t_infomask};
	LockBuffer(buffer_slot->buffer, BUFFER_LOCK_UNLOCK);
	ExecClearTuple(slot);
	return true;
}

bool is_foreign(TransactionId xid)
{
	return TransactionIdIsNormal(xid) && !TransactionIdIsCurrentTransactionId(xid) && TransactionIdIsInProgress(xid);
}

// Return a member of the multixact that conflicts with FOR NO KEY UPDATE. *is_shared: whether no member has updated or locked the
// row for itself.
TransactionId holder_among(MultiXactId multi, bool is_lock_only, bool *is_shared)
{
	MultiXactMember *members;
	TransactionId holder = InvalidTransactionId;
	int count = GetMultiXactIdMembers(multi, &members, false, is_lock_only);

	for (int i = 0; i < count; i++)
	{
		if (members[i].status == MultiXactStatusForKeyShare || !is_foreign(members[i].xid))
			continue;
		holder = members[i].xid;
		*is_shared = members[i].status == MultiXactStatusForShare;
		break;
	}
	if (count > 0)
		pfree(members);
	return holder;
}

// Return a transaction that holds the row, or InvalidTransactionId.
TransactionId find_holder(Relation rel, const ItemPointerData *tid, TupleTableSlot *slot, bool *is_shared)
{
	RowLock row_lock;

	*is_shared = false;
	if (!read_header(rel, tid, slot, &row_lock) || (row_lock.infomask & HEAP_XMAX_INVALID) != 0 ||
		HEAP_LOCKED_UPGRADED(row_lock.infomask))
		return InvalidTransactionId;
	if ((row_lock.infomask & HEAP_XMAX_IS_MULTI) != 0)
		return holder_among(row_lock.xmax, HEAP_XMAX_IS_LOCKED_ONLY(row_lock.infomask), is_shared);
	if (HEAP_XMAX_IS_KEYSHR_LOCKED(row_lock.infomask) && HEAP_XMAX_IS_LOCKED_ONLY(row_lock.infomask))
		return InvalidTransactionId;
	*is_shared = HEAP_XMAX_IS_SHR_LOCKED(row_lock.infomask);
	return is_foreign(row_lock.xmax) ? row_lock.xmax : InvalidTransactionId;
}

TM_Result try_lock(Relation rel, ItemPointer tid, TupleTableSlot *slot, LockWaitPolicy policy)
{
	TM_FailureData failure;

	return table_tuple_lock(rel, tid, GetActiveSnapshot(), slot, GetCurrentCommandId(false), LockTupleNoKeyExclusive, policy,
							TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &failure);
}

Outcome result_of(TM_Result result)
{
	return result == TM_Ok || result == TM_SelfModified || result == TM_Invisible ? Outcome::locked : Outcome::gone;
}

// Lock the row with a slot that the caller drops.
Outcome lock_with(Relation rel, ItemPointer tid, TupleTableSlot *slot, Wait *wait)
{
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		TM_Result result = try_lock(rel, tid, slot, LockWaitSkip);

		if (result != TM_WouldBlock)
			return result_of(result);
		int64 left = wait->end - pg::stopwatch();
		if (wait->is_wanted != nullptr && wait->is_wanted())
			return Outcome::unwanted;
		if (left <= 0 || (wait->is_shared && wait->handoffs >= max_shared_handoffs))
			return after_timeout(*wait);
		set_lock_timeout(left);
		if (!TTS_IS_BUFFERTUPLE(slot))
			return result_of(try_lock(rel, tid, slot, LockWaitBlock));
		TransactionId holder = find_holder(rel, tid, slot, &wait->is_shared);
		if (!TransactionIdIsValid(holder))
			continue;
		wait->holder = holder;
		wait->holder_since = pg::stopwatch();
		if (wait->is_long != nullptr && wait->is_long(holder))
			return Outcome::held;
		XactLockTableWait(holder, rel, tid, XLTW_Lock);
		wait->holder = InvalidTransactionId;
		wait->handoffs++;
	}
}

} // namespace

Outcome lock(Relation rel, ItemPointer tid, Wait *wait)
{
	wait->handoffs = 0;
	wait->is_shared = false;
	wait->holder = InvalidTransactionId;
	TupleTableSlot *slot = table_slot_create(rel, nullptr);
	Outcome outcome = lock_with(rel, tid, slot, wait);

	ExecDropSingleTupleTableSlot(slot);
	return outcome;
}

Outcome after_timeout(const Wait &wait)
{
	if (wait.handoffs == 0 && TransactionIdIsValid(wait.holder) && pg::stopwatch() - wait.holder_since >= long_us)
		return Outcome::held;
	return wait.is_shared ? Outcome::shared : Outcome::lost;
}

TransactionId holder_of(Relation rel, const ItemPointerData *tid)
{
	TupleTableSlot *slot = table_slot_create(rel, nullptr);
	bool is_shared;
	TransactionId holder = find_holder(rel, tid, slot, &is_shared);

	ExecDropSingleTupleTableSlot(slot);
	return holder;
}

void set_lock_timeout(int64 us)
{
	char value[16];

	// Stay below deadlock_timeout, as guc::pin_lock_timeout() does.
	snprintf(value, sizeof(value), "%d", static_cast<int>(greatest(least(us / 1000, DeadlockTimeout / 2), 1)));
	(void) set_config_option("lock_timeout", value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

} // namespace row_wait

// Return a transaction that has locked or written the row version, or NULL. The caller needs SELECT on the table.
SQL_FUNCTION(_row_holder)
{
	Oid table = PG_GETARG_OID(0);
	ItemPointerData tid = *reinterpret_cast<ItemPointer>(PG_GETARG_POINTER(1));
	Relation rel = table_open(table, AccessShareLock);
	TransactionId holder = InvalidTransactionId;

	if (rel->rd_rel->relkind == RELKIND_RELATION && pg_class_aclcheck(table, GetUserId(), ACL_SELECT) == ACLCHECK_OK)
		holder = row_wait::holder_of(rel, &tid);
	table_close(rel, AccessShareLock);
	if (!TransactionIdIsValid(holder))
		PG_RETURN_NULL();
	PG_RETURN_TRANSACTIONID(SubTransGetTopmostTransaction(holder));
}
