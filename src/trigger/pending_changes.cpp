// The buffer between row triggers and statement triggers. It belongs to the
// transaction: a subtransaction that is rolled back takes its moves along, the
// end of the transaction takes all, and a transaction that still has some when it
// is to commit is refused, since its history would be incomplete.
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
				errmsg("moves of campaigns were not written to campaign_state_log: %d", buffer.count),
				errhint("The statement triggers of campaigns that call log_campaign_state_change() are disabled or missing; "
						"enable them, or disable its row triggers as well."));
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
	{
		buffer = {};
		validate_transition::forget();
	}
}

void on_subtransaction_end(SubXactEvent event, SubTransactionId level, SubTransactionId, void *)
{
	if (event != SUBXACT_EVENT_ABORT_SUB)
		return;
	// What made a move legal may be undone.
	validate_transition::forget();
	while (buffer.count > 0 && buffer.changes[buffer.count - 1].level >= level)
		buffer.count--;
}

} // namespace

void register_callbacks()
{
	RegisterXactCallback(on_transaction_end, nullptr);
	RegisterSubXactCallback(on_subtransaction_end, nullptr);
}

StateChange *all()
{
	return buffer.changes;
}

int count()
{
	return buffer.count;
}

StateChange *add()
{
	if (buffer.context == nullptr)
	{
		buffer.context = AllocSetContextCreate(TopTransactionContext, "campaign_lifecycle moves", ALLOCSET_DEFAULT_SIZES);
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

Datum keep(Datum value)
{
	MemoryContext caller = MemoryContextSwitchTo(buffer.context);

	value = datumCopy(value, false, -1);
	MemoryContextSwitchTo(caller);
	return value;
}

// The moves that this statement is to write: those of its own table, made in
// this subtransaction or in ones that ended well inside of it. What an outer
// level has made stays for that level's statement, since this one may yet be
// rolled back alone. Levels only grow, so they are the last ones.
int first_to_write(Oid relation)
{
	SubTransactionId level = GetCurrentSubTransactionId();
	int first = buffer.count;

	while (first > 0 && buffer.changes[first - 1].level >= level && buffer.changes[first - 1].relation == relation)
		first--;
	return first;
}

// All of them go with their memory; the last ones of more are copied, for what
// stays shares it.
DetachedChanges detach_from(int first)
{
	DetachedChanges taken = {&buffer.changes[first], buffer.count - first, nullptr};

	if (first == 0)
	{
		taken.context = buffer.context;
		buffer = {};
		return taken;
	}
	taken.changes = static_cast<StateChange *>(palloc_extended(sizeof(StateChange) * taken.count, MCXT_ALLOC_HUGE));
	memcpy(taken.changes, &buffer.changes[first], sizeof(StateChange) * taken.count);
	buffer.count = first;
	return taken;
}

void free_detached(DetachedChanges *taken)
{
	if (taken->context != nullptr)
		MemoryContextDelete(taken->context);
}

} // namespace pending_changes
