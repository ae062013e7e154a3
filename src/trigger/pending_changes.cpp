// The buffer between the row triggers and the statement triggers of log_campaign_state_change(). It belongs to the
// transaction. A subtransaction that is rolled back removes its state changes, and the end of the transaction removes
// all. A transaction that still has some cannot commit, because its log would be incomplete.
#include "trigger/pending_changes.hpp"

#include "trigger/validate_transition.hpp"

namespace pending_changes {

namespace {

struct Buffer
{
	MemoryContext context;
	StateChange *changes;
	int count;
	int room;
};

Buffer buffer;

void on_transaction_end(XactEvent event, void *)
{
	if ((event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE) && buffer.count > 0)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("state changes were not written to campaign_state_log: %d", buffer.count),
				errhint("The statement triggers of campaigns that call log_campaign_state_change() are disabled or missing; "
						"enable them, or disable its row triggers as well."));
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
	{
		buffer = {};
		validate_transition::forget();
	}
}

void on_subtransaction_end(SubXactEvent event, SubTransactionId subxact, SubTransactionId, void *)
{
	if (event != SUBXACT_EVENT_ABORT_SUB)
		return;
	// The transition that allowed a state change may be rolled back too.
	validate_transition::forget();
	while (buffer.count > 0 && buffer.changes[buffer.count - 1].subxact >= subxact)
		buffer.count--;
}

} // namespace

void register_callbacks()
{
	RegisterXactCallback(on_transaction_end, nullptr);
	RegisterSubXactCallback(on_subtransaction_end, nullptr);
}

int count()
{
	return buffer.count;
}

StateChange *add()
{
	if (buffer.context == nullptr)
	{
		buffer.context = AllocSetContextCreate(TopTransactionContext, "campaign_lifecycle state changes", ALLOCSET_DEFAULT_SIZES);
		buffer.changes = nullptr;
		buffer.count = 0;
		buffer.room = 0;
	}
	if (buffer.count == buffer.room)
	{
		int room = greatest(16, buffer.room * 2);
		Size size = sizeof(StateChange) * static_cast<Size>(room);

		buffer.changes = static_cast<StateChange *>(buffer.changes == nullptr ? MemoryContextAllocHuge(buffer.context, size)
																			  : repalloc_huge(buffer.changes, size));
		buffer.room = room;
	}
	return &buffer.changes[buffer.count];
}

void count_added()
{
	buffer.count++;
}

Datum copy(Datum value)
{
	MemoryContext oldcontext = MemoryContextSwitchTo(buffer.context);

	value = datumCopy(value, false, -1);
	MemoryContextSwitchTo(oldcontext);
	return value;
}

// A statement writes the state changes of its own table that were made in this subtransaction, or in one inside it
// that was released. Those of an outer subtransaction are left to a statement there, because this one may still be
// rolled back alone. Subtransaction ids only grow, so those that are written come last.
int first_to_write(Oid relation)
{
	SubTransactionId subxact = GetCurrentSubTransactionId();
	int first = buffer.count;

	while (first > 0 && buffer.changes[first - 1].subxact >= subxact && buffer.changes[first - 1].relation == relation)
		first--;
	return first;
}

// If no state change remains, the memory context is detached too. Otherwise the detached ones are copied, because the
// remaining ones share the array.
DetachedChanges detach_from(int first)
{
	DetachedChanges detached = {&buffer.changes[first], buffer.count - first, nullptr};

	if (first == 0)
	{
		detached.context = buffer.context;
		buffer = {};
		return detached;
	}
	detached.changes = static_cast<StateChange *>(palloc_extended(sizeof(StateChange) * detached.count, MCXT_ALLOC_HUGE));
	memcpy(detached.changes, &buffer.changes[first], sizeof(StateChange) * detached.count);
	buffer.count = first;
	return detached;
}

void free_detached(DetachedChanges *detached)
{
	if (detached->context != nullptr)
		MemoryContextDelete(detached->context);
}

} // namespace pending_changes
