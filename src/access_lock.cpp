// Lets one session at a time change who may use what. GRANT and REVOKE update catalog rows without a lock that lasts, so two of them, or
// one beside ALTER TABLE OWNER, REFRESH MATERIALIZED VIEW or ATTACH PARTITION, would end in "tuple concurrently updated" or a deadlock.
// Functions that change privileges or the owner take the lock exclusively, and maintenance shares it. All lock the extension before, as
// the worker does, so that an update of the extension waits for them.
#include "extension.hpp"

namespace {

// SQL's advisory locks have the kinds 1 and 2, and a timer's has 3. No function that users may call takes this one.
constexpr uint16 lock_kind = 4;

bool lock_access(LOCKMODE mode, bool wait)
{
	LOCKTAG tag;

	extension::open();
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, 0, lock_kind);
	if (LockAcquire(&tag, mode, false, !wait) == LOCKACQUIRE_NOT_AVAIL)
		return false;
	// The waiting session has not seen the changes of the one before.
	AcceptInvalidationMessages();
	return true;
}

} // namespace

// Wait until no other session changes privileges or does maintenance. The lock ends with the transaction.
SQL_FUNCTION(_lock_access)
{
	(void) fcinfo;
	lock_access(ExclusiveLock, true);
	PG_RETURN_VOID();
}

// Keep other sessions from changing privileges until the transaction ends. Return false if one does so now and the argument says not to
// wait.
SQL_FUNCTION(_share_access)
{
	PG_RETURN_BOOL(lock_access(ShareLock, PG_GETARG_BOOL(0)));
}
