-- Take the lock that DROP EXTENSION takes, before touching any table.
--
-- A worker locks the extension before its tables, too. Thus none is inside a batch now, and none can start one.
-- Otherwise the update and a worker could deadlock on the tables. There is no LOCK for extensions; this ALTER changes
-- nothing.

-- The server runs this script with the extension's schema first in search_path. Others may have put functions and
-- operators there that fit better than the server's own.
SET LOCAL search_path = pg_catalog, pg_temp;

ALTER FUNCTION @extschema@._uuid_v7() NO DEPENDS ON EXTENSION campaign_lifecycle;
